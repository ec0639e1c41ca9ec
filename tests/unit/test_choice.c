/* SPDX-License-Identifier: MIT */
/* Which mode the jail gets in which container, and what is said of the others. */
#include "tests/unit/container.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>

#include "init/choice.h"
#include "init/report.h"

static struct container box;
static struct choice choice;

static int reset(void **state)
{
	(void)state;
	container_reset(&box);
	box.options.jail = JAIL_AUTO;
	memset(&choice, 0, sizeof(choice));
	return 0;
}

/* As preflight finds it under the profile that engines have by default. */
static void block_clone(void)
{
	fail_errno(&box.facts.no_clone, "preflight", DOING_CLONE_USERNS, "namespaces", -EPERM);
}

static int choose(void)
{
	forget_failure(&box.failure);
	return choice_plan(&choice, &box.plan, &box.options, &box.facts,
			   box.has_account ? &box.account : NULL, &box.failure);
}

static void assert_chooses(enum jail_mode mode)
{
	if (choose() < 0)
		FAIL("no plan: %s", box.failure.what);
	assert_string_equal(jail_mode_names[box.plan.mode], jail_mode_names[mode]);
}

/* The mode, and what choice_print says of it. */
static void assert_tells(const char *expected)
{
	struct text t = TEXT_OVER(box.text);

	if (choose() < 0)
		FAIL("no plan: %s", box.failure.what);
	choice_print(&choice, &box.plan, &t);
	assert_string_equal(box.text, expected);
}

static void assert_refuses(const char *expected)
{
	assert_int_equal(choose(), -1);
	assert_failure(&box.failure, expected);
}

/* The jail of the last plan could not be made. */
static void refuse(const char *cause)
{
	struct failure f;

	fail(&f, "jail", "Do something", "%s", cause);
	choice_refuse(&choice, &f);
	memset(&f, '?', sizeof(f));
}

#define NO_NET_ADMIN "CAP_NET_ADMIN is missing"
#define BLOCKED "namespaces: blocked by the seccomp profile"
#define NO_SETFCAP \
	"uid map: CAP_SETFCAP is missing, without which uid 0 cannot be mapped into a user namespace"
#define NONE "jail: no mode is possible here: "
#define BY_PROFILE \
	". Start with --security-opt seccomp=FILE, a profile made by boundary-init --seccomp-profile"

/* ---- the order ---- */

TEST(the_best_comes_first)
{
	assert_chooses(JAIL_VETH);
	assert_int_equal(box.plan.clone_flags, CLONE_NEWUSER | CLONE_NEWNET);
	assert_true(box.plan.outer.rule_count > 0);
}

TEST(each_is_followed_by_the_next_best)
{
	assert_chooses(JAIL_VETH);
	refuse("link: this kernel has no veth");
	assert_tells("loopback; not veth: link: this kernel has no veth");
	refuse("loopback: it is gone");
	assert_tells("container; not veth: link: this kernel has no veth; loopback: loopback: it "
		     "is gone");
	refuse("rules: this kernel has none");
	assert_refuses(NONE "veth: link: this kernel has no veth; loopback: loopback: it is gone; "
			    "container: rules: this kernel has none. Do something");
	assert_int_equal(choose(), -1); /* and no further one */
}

TEST(equal_causes_are_told_once)
{
	block_clone();
	assert_tells("container; not veth, loopback: " BLOCKED);
	refuse("rules: this kernel has none");
	assert_refuses(NONE "veth, loopback: " BLOCKED "; container: rules: this kernel has none. "
			    "Do something");
}

TEST(causes_are_equal_whatever_the_mode_that_they_name)
{
	container_set_caps(&box, DOCKER_CAPS);
	assert_tells("loopback; not veth: " NO_NET_ADMIN);
	refuse("loopback: it is gone");
	assert_refuses(NONE "veth, container: " NO_NET_ADMIN
			    "; loopback: loopback: it is gone. Add --cap-add NET_ADMIN");
}

TEST(three_modes_may_have_one_cause)
{
	container_set_user(&box, 1000, 1000);
	container_set_caps(&box, CONTAINER_CAPS & ~CAP_BIT(CAP_SETUID));
	assert_refuses(NONE "veth, loopback, container: --user: CAP_SETUID or CAP_SETGID is "
			    "missing. Start the container as root with --cap-add SETUID --cap-add "
			    "SETGID");
}

TEST(only_the_name_of_a_mode_is_left_out_of_a_cause)
{
	assert_chooses(JAIL_VETH);
	refuse("jail veth: it is broken: really");
	assert_tells("loopback; not veth: it is broken: really");
	refuse("jail of nobody");
	assert_tells("container; not veth: it is broken: really; loopback: jail of nobody");
	refuse("jails: too many");
	assert_refuses(NONE "veth: it is broken: really; loopback: jail of nobody; container: "
			    "jails: too many. Do something");
}

/* ---- what a mode lacks ---- */

TEST(without_any_right_a_loopback_jail_is_what_is_left)
{
	box.facts.uid = box.facts.gid = 1000;
	container_set_caps(&box, 0);
	assert_tells("loopback; not veth: " NO_NET_ADMIN);
	assert_false(box.plan.unmapped);
}

TEST(a_rule_may_leave_no_mode)
{
	container_set_caps(&box, DOCKER_CAPS);
	container_allow(&box, "cidr=10.0.0.0/8 proto=udp");
	assert_refuses(NONE "veth, container: " NO_NET_ADMIN
			    "; loopback: rule 'cidr=10.0.0.0/8 proto=udp': a loopback jail lets "
			    "out TCP alone. Add --cap-add NET_ADMIN");
	assert_null(choice.refused[CANDIDATES - 1].stage); /* it was not asked for */
	memset(&choice, 0, sizeof(choice));
	container_set_caps(&box, CONTAINER_CAPS);
	assert_chooses(JAIL_VETH);
	refuse("link: this kernel has no veth");
	assert_tells("container; not veth: link: this kernel has no veth; loopback: rule "
		     "'cidr=10.0.0.0/8 proto=udp': a loopback jail lets out TCP alone");
}

TEST(the_host_s_own_network_is_bounded_by_namespaces_or_not_at_all)
{
	box.facts.host_network = true;
	assert_chooses(JAIL_VETH);
	memset(&choice, 0, sizeof(choice));
	block_clone();
	assert_refuses(
		NONE
		"veth, loopback: " BLOCKED "; container: this network namespace is the "
		"host's own, or /proc/sys/net is hidden. Give the container a network of its own");
}

/* ---- what takes least ---- */

TEST(root_is_told_to_add_a_capability)
{
	container_set_caps(&box, DOCKER_CAPS);
	block_clone();
	assert_refuses(NONE "veth, container: " NO_NET_ADMIN "; loopback: " BLOCKED
			    ". Add --cap-add NET_ADMIN");
}

/* It could not use one without becoming root first. */
TEST(another_user_is_told_to_change_the_profile)
{
	box.facts.uid = 1000;
	container_set_caps(&box, 0);
	block_clone();
	assert_refuses(NONE "veth, container: " NO_NET_ADMIN "; loopback: " BLOCKED BY_PROFILE);
	memset(&choice, 0, sizeof(choice));
	box.facts.caps.bounding = CONTAINER_CAPS;
	assert_refuses(
		NONE
		"veth, container: " NO_NET_ADMIN
		", because uid 1000 starts without capabilities; loopback: " BLOCKED BY_PROFILE);
}

TEST(another_user_is_told_of_capabilities_where_the_profile_is_no_obstacle)
{
	box.facts.uid = 1000;
	container_set_caps(&box, 0);
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	assert_refuses(NONE "veth, container: " NO_NET_ADMIN
			    "; loopback: --publish: nothing leads into a loopback jail. Add "
			    "--cap-add NET_ADMIN, start the container as root and name the agent's "
			    "user with --user");
}

/* ---- an agent without a number ---- */

TEST(an_agent_without_a_number_is_the_last_resort)
{
	container_set_caps(&box, CONTAINER_CAPS & ~CAP_BIT(CAP_SETFCAP));
	assert_tells("container; not veth, loopback: " NO_SETFCAP);
	assert_false(box.plan.unmapped);
	refuse("rules: this kernel has none");
	assert_tells("loopback; not veth: " NO_SETFCAP "; container: rules: this kernel has none");
	assert_true(box.plan.unmapped);
	refuse("loopback: it is gone");
	assert_refuses(NONE "veth, loopback: " NO_SETFCAP
			    "; container: rules: this kernel has none. Do something");
}

TEST(an_agent_without_a_number_needs_no_capability)
{
	container_set_caps(&box, 0);
	assert_tells("loopback; not veth, container: " NO_NET_ADMIN);
	assert_true(box.plan.unmapped);
	assert_int_equal(box.plan.uids.count, 0);
}

/* It would be the same jail once more. */
TEST(who_has_a_number_is_not_tried_without_one)
{
	assert_chooses(JAIL_VETH);
	refuse("a");
	assert_chooses(JAIL_LOOPBACK);
	assert_false(box.plan.unmapped);
	refuse("b");
	assert_chooses(JAIL_CONTAINER);
	refuse("c");
	assert_refuses(NONE "veth: a; loopback: b; container: c. Do something");
	assert_int_equal(choice.next, CANDIDATES);
	assert_null(choice.refused[CANDIDATES - 1].stage);
}

/* ---- a mode that is named ---- */

TEST(a_mode_that_is_named_is_the_one)
{
	static const enum jail_mode modes[] = { JAIL_VETH, JAIL_LOOPBACK, JAIL_CONTAINER,
						JAIL_NONE };

	for (size_t i = 0; i < COUNT(modes); i++) {
		memset(&choice, 0, sizeof(choice));
		box.options.jail = modes[i];
		assert_chooses(modes[i]);
	}
}

TEST(a_mode_that_is_named_never_becomes_another)
{
	container_set_caps(&box, DOCKER_CAPS);
	box.options.jail = JAIL_VETH;
	assert_refuses("plan: jail veth: " NO_NET_ADMIN ". Add --cap-add NET_ADMIN");
	memset(&choice, 0, sizeof(choice));
	box.options.jail = JAIL_CONTAINER;
	assert_refuses("plan: jail container: " NO_NET_ADMIN ". Add --cap-add NET_ADMIN");
	memset(&choice, 0, sizeof(choice));
	container_set_caps(&box, CONTAINER_CAPS);
	block_clone();
	box.options.jail = JAIL_LOOPBACK;
	assert_refuses("preflight: " BLOCKED BY_PROFILE);
	memset(&choice, 0, sizeof(choice));
	box.options.jail = JAIL_NONE;
	box.options.observe = true;
	assert_refuses("plan: --jail=none: rules, --observe, --publish, --agent-caps and "
		       "--no-userns need a jail. Leave --jail=none away, or these options");
}

/* That of uid 0 is no other mode; and if it is refused, then for what it still lacks. */
TEST(a_loopback_jail_that_is_named_may_be_without_a_number)
{
	box.options.jail = JAIL_LOOPBACK;
	container_set_caps(&box, CONTAINER_CAPS & ~CAP_BIT(CAP_SETFCAP));
	assert_chooses(JAIL_LOOPBACK);
	assert_true(box.plan.unmapped);
	memset(&choice, 0, sizeof(choice));
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	assert_refuses("plan: --publish: nothing leads into a loopback jail. It takes a jail with "
		       "CAP_NET_ADMIN: add --cap-add NET_ADMIN");
	memset(&choice, 0, sizeof(choice));
	box.options.publish_count = 0;
	box.options.jail = JAIL_VETH; /* for a better jail than that there is --cap-add */
	assert_refuses("plan: " NO_SETFCAP
		       ". Add --cap-add SETFCAP, or run the agent as another user with --user");
}

TEST(without_a_jail_everybody_has_a_number)
{
	box.options.jail = JAIL_NONE;
	container_set_caps(&box, 0);
	assert_chooses(JAIL_NONE);
	assert_int_equal(box.plan.clone_flags, 0);
	assert_false(box.plan.unmapped);
}

/* ---- the room for it ---- */

TEST(causes_of_any_length_are_cut)
{
	char cause[sizeof(box.failure.what)];

	memset(cause, 'c', sizeof(cause) - 1);
	cause[sizeof(cause) - 1] = '\0';
	assert_chooses(JAIL_VETH);
	refuse(cause);
	assert_chooses(JAIL_LOOPBACK);
	refuse(cause + 1);
	assert_chooses(JAIL_CONTAINER);
	refuse(cause + 2);
	assert_int_equal(choose(), -1);
	assert_memory_equal(box.failure.what, "no mode is possible here: veth: ccc", 35);
	assert_in_range(strlen(box.failure.what), 500, sizeof(box.failure.what) - 1);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_best_comes_first),
		T(each_is_followed_by_the_next_best),
		T(equal_causes_are_told_once),
		T(causes_are_equal_whatever_the_mode_that_they_name),
		T(three_modes_may_have_one_cause),
		T(only_the_name_of_a_mode_is_left_out_of_a_cause),
		T(without_any_right_a_loopback_jail_is_what_is_left),
		T(a_rule_may_leave_no_mode),
		T(the_host_s_own_network_is_bounded_by_namespaces_or_not_at_all),
		T(root_is_told_to_add_a_capability),
		T(another_user_is_told_to_change_the_profile),
		T(another_user_is_told_of_capabilities_where_the_profile_is_no_obstacle),
		T(an_agent_without_a_number_is_the_last_resort),
		T(an_agent_without_a_number_needs_no_capability),
		T(who_has_a_number_is_not_tried_without_one),
		T(a_mode_that_is_named_is_the_one),
		T(a_mode_that_is_named_never_becomes_another),
		T(a_loopback_jail_that_is_named_may_be_without_a_number),
		T(without_a_jail_everybody_has_a_number),
		T(causes_of_any_length_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
