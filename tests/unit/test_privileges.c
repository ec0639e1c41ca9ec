/* SPDX-License-Identifier: MIT */
/* What the gate's process and init give up, each in a child. Who has nothing to give up sees less of it. */
#include "tests/unit/test.h"

#include "init/privileges.h"
#include "sys/caps.h"
#include "sys/confine.h"
#include "sys/process.h"

#define NET_ADMIN CAP_BIT(CAP_NET_ADMIN)

static struct plan plan;
static struct failure failure;

/* Nothing but these, for good. The bounding set is not everybody's to change. */
static void assert_has_only(uint64_t caps, bool bounding)
{
	struct caps now;

	CHILD_ASSERT(caps_read(&now) == 0);
	CHILD_ASSERT(now.effective == caps && now.permitted == caps);
	CHILD_ASSERT(now.inheritable == 0 && now.ambient == 0);
	CHILD_ASSERT(!bounding || now.bounding == caps);
	CHILD_ASSERT(!bounding || caps_securebits_locked());
	CHILD_ASSERT(process_control(PR_GET_NO_NEW_PRIVS, 0, 0) == 1);
	CHILD_ASSERT(process_control(PR_GET_DUMPABLE, 0, 0) == 0);
}

static bool has(uint64_t caps)
{
	struct caps now;

	return caps_read(&now) == 0 && (now.effective & now.bounding & caps) == caps;
}

static int drop_all_of_the_gate(void)
{
	bool bounding = has(CAP_BIT(CAP_SETPCAP));

	CHILD_ASSERT(privileges_drop_gate(0, &failure) == 0);
	assert_has_only(0, bounding);
	return 0;
}

static int drop_all_but_net_admin(void)
{
	CHILD_ASSERT(privileges_drop_gate(NET_ADMIN, &failure) == 0);
	assert_has_only(NET_ADMIN, true);
	return 0;
}

static int drop_those_of_init(void)
{
	plan.init_caps = NET_ADMIN | CAP_BIT(CAP_KILL);
	CHILD_ASSERT(privileges_drop_init(&plan, &failure) == 0);
	assert_has_only(NET_ADMIN | CAP_BIT(CAP_KILL), true);
	return 0;
}

/* Nobody keeps what he has not. */
static int keep_what_is_gone(void)
{
	CHILD_ASSERT(caps_drop(0) == 0);
	forget_failure(&failure);
	CHILD_ASSERT(privileges_drop_gate(NET_ADMIN, &failure) == -1);
	CHILD_ASSERT(strcmp(failure.what, "dropping those of the gate: Operation not permitted") ==
		     0);
	CHILD_ASSERT(strcmp(failure.stage, "privileges") == 0);
	return 0;
}

TEST(the_gate_has_none)
{
	assert_int_equal(in_child(drop_all_of_the_gate), 0);
}

TEST(the_gate_of_a_container_has_one)
{
	if (!has(NET_ADMIN | CAP_BIT(CAP_SETPCAP)))
		skip_because("needs CAP_NET_ADMIN and CAP_SETPCAP");
	assert_int_equal(in_child(drop_all_but_net_admin), 0);
}

TEST(init_has_what_the_plan_says)
{
	if (!has(NET_ADMIN | CAP_BIT(CAP_KILL) | CAP_BIT(CAP_SETPCAP)))
		skip_because("needs CAP_NET_ADMIN, CAP_KILL and CAP_SETPCAP");
	assert_int_equal(in_child(drop_those_of_init), 0);
}

TEST(what_is_gone_cannot_be_kept)
{
	assert_int_equal(in_child(keep_what_is_gone), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gate_has_none),
		cmocka_unit_test(the_gate_of_a_container_has_one),
		cmocka_unit_test(init_has_what_the_plan_says),
		cmocka_unit_test(what_is_gone_cannot_be_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
