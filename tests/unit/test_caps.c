/* SPDX-License-Identifier: MIT */
/* What a child gives up. Where it has to have it first, and has not, the test is skipped. */
#include "tests/unit/test.h"

#include <errno.h>

#include "sys/caps.h"

static struct caps now;

static uint64_t field(const char *name)
{
	char line[256];
	unsigned long long value = 0;
	FILE *file = fopen("/proc/self/status", "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			sscanf(line + strlen(name), "%llx", &value);
	fclose(file);
	return value;
}

TEST(reads_what_proc_says)
{
	assert_int_equal(caps_read(&now), 0);
	assert_int_equal(now.effective, field("CapEff:"));
	assert_int_equal(now.permitted, field("CapPrm:"));
	assert_int_equal(now.inheritable, field("CapInh:"));
	assert_int_equal(now.bounding, field("CapBnd:"));
	assert_int_equal(now.ambient, field("CapAmb:"));
}

static int drop_all(void)
{
	CHILD_ASSERT(caps_drop(0) == 0);
	CHILD_ASSERT(caps_read(&now) == 0);
	CHILD_ASSERT(!now.effective && !now.permitted && !now.inheritable && !now.ambient);
	CHILD_ASSERT(caps_drop(CAP_BIT(CAP_KILL)) == -EPERM); /* there is no way back */
	CHILD_ASSERT(caps_drop_bounding(now.bounding & -now.bounding) ==
		     (now.bounding ? -EPERM : 0));
	return 0;
}

TEST(gives_up_everything_for_good)
{
	assert_int_equal(in_child(drop_all), 0);
}

#define KEPT (CAP_BIT(CAP_KILL) | CAP_BIT(CAP_SETPCAP))

static int keep_some(void)
{
	CHILD_ASSERT(caps_drop(KEPT) == 0);
	CHILD_ASSERT(caps_read(&now) == 0);
	CHILD_ASSERT(now.effective == KEPT && now.permitted == KEPT);
	CHILD_ASSERT(!now.inheritable && !now.ambient);
	return 0;
}

static int pass_on(void)
{
	CHILD_ASSERT(caps_drop_and_pass_on(KEPT) == 0);
	CHILD_ASSERT(caps_read(&now) == 0);
	CHILD_ASSERT(now.effective == KEPT && now.permitted == KEPT);
	CHILD_ASSERT(now.inheritable == KEPT && now.ambient == KEPT);
	CHILD_ASSERT(caps_drop(KEPT) == 0);
	CHILD_ASSERT(caps_read(&now) == 0);
	CHILD_ASSERT(!now.inheritable && !now.ambient);
	return 0;
}

static int empty_bounding(void)
{
	CHILD_ASSERT(caps_read(&now) == 0);
	CHILD_ASSERT(caps_drop_bounding(now.bounding & ~KEPT) == 0);
	CHILD_ASSERT(caps_read(&now) == 0);
	CHILD_ASSERT(now.bounding == KEPT);
	CHILD_ASSERT(caps_drop_bounding(now.bounding) == 0);
	CHILD_ASSERT(caps_read(&now) == 0);
	CHILD_ASSERT(now.bounding == 0);
	return 0;
}

static int lock(void)
{
	CHILD_ASSERT(!caps_securebits_locked());
	CHILD_ASSERT(caps_lock_securebits() == 0);
	CHILD_ASSERT(caps_securebits_locked());
	CHILD_ASSERT(caps_drop_and_pass_on(KEPT) == -EPERM); /* no ambient ones any more */
	return 0;
}

static void needs_capabilities(void)
{
	assert_int_equal(caps_read(&now), 0);
	if ((now.effective & now.bounding & KEPT) != KEPT)
		skip_because("needs CAP_KILL and CAP_SETPCAP");
}

TEST(keeps_what_it_is_told)
{
	needs_capabilities();
	assert_int_equal(in_child(keep_some), 0);
}

TEST(passes_on_what_it_is_told)
{
	needs_capabilities();
	assert_int_equal(in_child(pass_on), 0);
}

TEST(empties_the_bounding_set)
{
	needs_capabilities();
	assert_int_equal(in_child(empty_bounding), 0);
}

TEST(locks_the_secure_bits)
{
	needs_capabilities();
	assert_int_equal(in_child(lock), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_proc_says),
		cmocka_unit_test(gives_up_everything_for_good),
		cmocka_unit_test(keeps_what_it_is_told),
		cmocka_unit_test(passes_on_what_it_is_told),
		cmocka_unit_test(empties_the_bounding_set),
		cmocka_unit_test(locks_the_secure_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
