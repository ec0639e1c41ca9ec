/* SPDX-License-Identifier: MIT */
/* Who the agent is, what it and init may do, and in which namespaces. */
#include "tests/unit/container.h"

#include <netinet/in.h>
#include <sched.h>

static struct container box;

static int reset(void **state)
{
	(void)state;
	container_reset(&box);
	return 0;
}

/* ---- ids ---- */

static void assert_map(const struct id_map *map, const char *expected)
{
	char buffer[256];
	struct text t = TEXT_OVER(buffer);

	for (unsigned int i = 0; i < map->count; i++)
		text_printf(&t, "%s%u %u %u", i > 0 ? ", " : "", map->extents[i].first,
			    map->extents[i].lower, map->extents[i].count);
	assert_string_equal(buffer, expected);
}

#define SETUID CAP_BIT(CAP_SETUID)
#define SETGID CAP_BIT(CAP_SETGID)
#define SETFCAP CAP_BIT(CAP_SETFCAP)
#define NET_ADMIN CAP_BIT(CAP_NET_ADMIN)

/* Each row of what the kernel demands for an id map, user_namespaces(7). */
static const struct {
	uint64_t caps;
	uint32_t uid, gid;
	const char *uids, *gids;
	bool deny_setgroups;
} maps[] = {
	{ SETUID | SETGID | SETFCAP, 0, 0, "0 0 4294967295", "0 0 4294967295", false },
	{ SETUID | SETGID | SETFCAP, 1000, 1000, "0 0 4294967295", "0 0 4294967295", false },
	{ SETUID | SETGID, 1000, 1000, "1 1 4294967294", "0 0 4294967295", false },
	{ SETUID | SETFCAP, 0, 0, "0 0 4294967295", "0 0 1", true },
	{ SETGID | SETFCAP, 0, 0, "0 0 1", "0 0 4294967295", false },
	{ SETFCAP, 0, 0, "0 0 1", "0 0 1", true },
	{ SETFCAP, 1000, 100, "1000 1000 1", "100 100 1", true },
	{ 0, 1000, 100, "1000 1000 1", "100 100 1", true },
	{ 0, 1000, 0, "1000 1000 1", "0 0 1", true },
	{ SETUID, 1000, 1000, "1 1 4294967294", "1000 1000 1", true },
	{ SETGID, 1000, 1000, "1000 1000 1", "0 0 4294967295", false },
};

TEST(id_maps_follow_the_capabilities)
{
	for (size_t i = 0; i < COUNT(maps); i++) {
		container_set_caps(&box, NET_ADMIN | maps[i].caps);
		box.facts.uid = maps[i].uid;
		box.facts.gid = maps[i].gid;
		container_plan(&box);
		assert_map(&box.plan.uids, maps[i].uids);
		assert_map(&box.plan.gids, maps[i].gids);
		assert_int_equal(box.plan.deny_setgroups, maps[i].deny_setgroups);
		assert_int_equal(box.plan.clone_flags, CLONE_NEWUSER | CLONE_NEWNET);
	}
}

TEST(uid_0_cannot_be_mapped_without_setfcap)
{
	static const char expected[] =
		"plan: uid map: CAP_SETFCAP is missing, without which uid 0 cannot be mapped into "
		"a user namespace. Add --cap-add SETFCAP, or run the agent as another user "
		"with --user";

	container_set_caps(&box, CONTAINER_CAPS & ~SETFCAP);
	container_refuses(&box, expected);
	container_set_caps(&box, NET_ADMIN);
	container_refuses(&box, expected);
	container_set_caps(&box, CONTAINER_CAPS & ~SETFCAP);
	container_set_user(&box, 0, 1000);
	container_refuses(&box, expected);
	container_set_user(&box, 1000, 0); /* gid 0 is free of this */
	container_plan(&box);
}

TEST(ids_are_mapped_from_one_s_own_namespace)
{
	box.facts.uids = (struct id_map){ .extents = { { 0, 100000, 1000 }, { 2000, 200000, 5 } },
					  .count = 2 };
	box.facts.gids = (struct id_map){ .extents = { { 0, 100000, 500 } }, .count = 1 };
	container_plan(&box);
	assert_map(&box.plan.uids, "0 0 1000, 2000 2000 5");
	assert_map(&box.plan.gids, "0 0 500");
}

/* As in rootless containers: root is one id, the rest stands elsewhere. No count may be 0. */
TEST(without_setfcap_a_map_of_root_alone_is_left_out)
{
	container_set_caps(&box, CONTAINER_CAPS & ~SETFCAP);
	container_set_user(&box, 1000, 1000);
	box.facts.uids =
		(struct id_map){ .extents = { { 0, 1000, 1 }, { 1, 100000, 65536 } }, .count = 2 };
	box.facts.gids = box.facts.uids;
	container_plan(&box);
	assert_map(&box.plan.uids, "1 1 65536");
	assert_map(&box.plan.gids, "0 0 1, 1 1 65536");
}

/* The kernel lists extents as they were written, so root's need not be the first. */
TEST(without_setfcap_root_is_left_out_wherever_it_stands)
{
	container_set_caps(&box, CONTAINER_CAPS & ~SETFCAP);
	container_set_user(&box, 1000, 1000);
	box.facts.uids = (struct id_map){ .extents = { { 500, 100500, 1000 }, { 0, 100000, 500 } },
					  .count = 2 };
	container_plan(&box);
	assert_false(idmap_contains(&box.plan.uids, 0));
	assert_true(idmap_contains(&box.plan.uids, 1));
	assert_true(idmap_contains(&box.plan.uids, 1000));
}

/* The rows of that table once more, for root without CAP_SETFCAP. No count may be 0. */
static const struct {
	uint64_t caps;
	const char *uids, *gids;
	bool deny_setgroups;
} unmapped[] = {
	{ SETUID | SETGID, "1 1 4294967294", "0 0 4294967295", false },
	{ SETUID, "1 1 4294967294", "0 0 1", true },
	{ SETGID, "", "0 0 4294967295", false },
	{ 0, "", "0 0 1", true },
};

TEST(an_agent_that_is_root_may_have_no_number)
{
	box.any_ids = true;
	for (size_t i = 0; i < COUNT(unmapped); i++) {
		container_set_caps(&box, NET_ADMIN | unmapped[i].caps);
		container_plan(&box);
		assert_true(box.plan.unmapped);
		assert_map(&box.plan.uids, unmapped[i].uids);
		assert_map(&box.plan.gids, unmapped[i].gids);
		assert_int_equal(box.plan.deny_setgroups, unmapped[i].deny_setgroups);
	}
	container_set_caps(&box, CONTAINER_CAPS & ~SETFCAP);
	box.facts.uids = (struct id_map){ .extents = { { 0, 1000, 1 } }, .count = 1 };
	container_plan(&box);
	assert_true(box.plan.unmapped);
	assert_map(&box.plan.uids, "");
}

TEST(who_can_be_mapped_is_mapped)
{
	box.any_ids = true;
	container_plan(&box);
	assert_false(box.plan.unmapped);
	assert_map(&box.plan.uids, "0 0 4294967295");
	container_set_caps(&box, CONTAINER_CAPS & ~SETFCAP);
	container_set_user(&box, 1000, 1000);
	container_plan(&box);
	assert_false(box.plan.unmapped);
	box.has_account = false;
	box.facts.uid = 1000;
	container_plan(&box);
	assert_false(box.plan.unmapped);
	assert_map(&box.plan.uids, "1 1 4294967294");
}

#define UNMAPPED ". Choose a --user that exists in the container's own user namespace"

TEST(an_id_outside_of_one_s_own_namespace_is_refused)
{
	box.facts.uids = (struct id_map){ .extents = { { 0, 100000, 65536 } }, .count = 1 };
	box.facts.gids = box.facts.uids;
	container_set_user(&box, 65536, 0);
	container_refuses(&box, "plan: id map: uid 65536 or gid 0 cannot be mapped" UNMAPPED);
	container_set_user(&box, 65535, 65536);
	container_refuses(&box, "plan: id map: uid 65535 or gid 65536 cannot be mapped" UNMAPPED);
	container_set_user(&box, 65535, 65535);
	container_plan(&box);
	box.any_ids = true; /* is for uid 0 alone */
	container_set_user(&box, 65536, 0);
	container_refuses(&box, "plan: id map: uid 65536 or gid 0 cannot be mapped" UNMAPPED);
	container_set_caps(&box, CONTAINER_CAPS & ~SETFCAP);
	container_set_user(&box, 0, 65536);
	container_refuses(&box, "plan: id map: uid 0 or gid 65536 cannot be mapped" UNMAPPED);
}

/* ---- who the agent is ---- */

TEST(without_user_the_agent_is_who_we_are)
{
	box.facts.uid = 1000;
	box.facts.gid = 1001;
	container_plan(&box);
	assert_false(box.plan.change_user);
	assert_int_equal(box.plan.agent.uid, 1000);
	assert_int_equal(box.plan.agent.gid, 1001);
	assert_int_equal(box.plan.agent.group_count, 0);
}

TEST(with_user_the_agent_is_that_one)
{
	container_set_user(&box, 1000, 1001);
	box.account.groups[0] = 44;
	box.account.group_count = 1;
	box.account.home = span_of("/home/agent");
	container_plan(&box);
	assert_true(box.plan.change_user);
	assert_memory_equal(&box.plan.agent, &box.account, sizeof(box.account));
}

TEST(user_needs_setuid_and_setgid)
{
	static const char expected[] =
		"plan: --user: CAP_SETUID or CAP_SETGID is missing. Start the container as root "
		"with --cap-add SETUID --cap-add SETGID";

	container_set_user(&box, 1000, 1000);
	container_set_caps(&box, CONTAINER_CAPS & ~SETUID);
	container_refuses(&box, expected);
	container_set_caps(&box, CONTAINER_CAPS & ~SETGID);
	container_refuses(&box, expected);
	box.options.jail = JAIL_NONE;
	container_refuses(&box, expected);
	container_set_caps(&box, SETUID | SETGID);
	container_plan(&box);
}

/* ---- capabilities ---- */

TEST(init_keeps_what_it_needs)
{
	container_plan(&box);
	assert_int_equal(box.plan.init_caps, NET_ADMIN);
	container_set_user(&box, 1000, 1000);
	container_plan(&box); /* over a user namespace of its own it may kill anybody in it */
	assert_int_equal(box.plan.init_caps, NET_ADMIN);
	container_set_caps(&box, CONTAINER_CAPS | CAP_BIT(CAP_SYS_ADMIN));
	box.options.no_userns = true;
	container_plan(&box);
	assert_int_equal(box.plan.init_caps, NET_ADMIN | CAP_BIT(CAP_KILL));
	container_set_user(&box, 0, 0);
	container_plan(&box);
	assert_int_equal(box.plan.init_caps, NET_ADMIN);
}

TEST(init_keeps_nothing_that_it_does_not_have)
{
	box.options.jail = JAIL_NONE;
	container_set_user(&box, 1000, 1000);
	container_plan(&box);
	assert_int_equal(box.plan.init_caps, CAP_BIT(CAP_KILL));
	container_set_caps(&box, SETUID | SETGID);
	container_plan(&box);
	assert_int_equal(box.plan.init_caps, 0);
}

TEST(the_jail_needs_net_admin)
{
	container_set_caps(&box, DOCKER_CAPS);
	container_refuses(&box,
			  "plan: jail veth: CAP_NET_ADMIN is missing. Add --cap-add NET_ADMIN");
	box.facts.uid = 1000;
	container_refuses(&box,
			  "plan: jail veth: CAP_NET_ADMIN is missing. Add --cap-add NET_ADMIN, "
			  "start the container as root and name the agent's user with --user");
	box.facts.caps = (struct caps){ .bounding = CONTAINER_CAPS };
	container_refuses(&box,
			  "plan: jail veth: CAP_NET_ADMIN is missing, because uid 1000 starts "
			  "without capabilities. Start the container as root and name the agent's "
			  "user with --user, or give the file the capability: setcap "
			  "cap_net_admin+p /sbin/boundary-init");
	box.options.jail = JAIL_NONE;
	container_plan(&box);
}

/* ---- without a user namespace, without a jail ---- */

TEST(without_a_user_namespace_nothing_is_mapped)
{
	box.options.no_userns = true;
	container_set_caps(&box, CONTAINER_CAPS | CAP_BIT(CAP_SYS_ADMIN));
	container_plan(&box);
	assert_int_equal(box.plan.clone_flags, CLONE_NEWNET);
	assert_int_equal(box.plan.uids.count, 0);
	assert_int_equal(box.plan.gids.count, 0);
	assert_false(box.plan.deny_setgroups);
}

TEST(without_a_user_namespace_more_is_needed)
{
	box.options.no_userns = true;
	container_refuses(&box,
			  "plan: --no-userns: CAP_SYS_ADMIN is missing. Add --cap-add SYS_ADMIN, "
			  "or leave --no-userns away");
	container_set_caps(&box, CONTAINER_CAPS | CAP_BIT(CAP_SYS_ADMIN));
	box.options.agent_caps = CAP_BIT(CAP_NET_RAW);
	container_refuses(&box,
			  "plan: --agent-caps: without a user namespace the agent would hold these "
			  "over the whole container. Leave one of the two away");
	box.options.no_userns = false;
	container_plan(&box);
	assert_int_equal(box.plan.agent_caps, CAP_BIT(CAP_NET_RAW));
}

TEST(without_a_jail_nothing_is_made)
{
	box.options.jail = JAIL_NONE;
	box.facts.caps = (struct caps){ 0 };
	container_plan(&box);
	assert_int_equal(box.plan.mode, JAIL_NONE);
	assert_int_equal(box.plan.clone_flags, 0);
	assert_int_equal(box.plan.wire.address_count, 0);
	assert_int_equal(box.plan.outer.rule_count, 0);
	assert_ptr_equal(box.plan.program, box.options.program);
}

TEST(without_a_jail_its_options_are_refused)
{
	static const char expected[] =
		"plan: --jail=none: rules, --observe, --publish, --agent-caps and --no-userns need "
		"a jail. Leave --jail=none away, or these options";

	box.options.jail = JAIL_NONE;
	container_allow(&box, "cidr=10.0.0.0/8");
	container_refuses(&box, expected);
	box.policy.count = 0;
	container_deny(&box, "domain=example.com");
	container_refuses(&box, expected);
	box.policy.count = 0;
	box.options.observe = true;
	container_refuses(&box, expected);
	box.options.observe = false;
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_refuses(&box, expected);
	box.options.publish_count = 0;
	box.options.agent_caps = 1;
	container_refuses(&box, expected);
	box.options.agent_caps = 0;
	box.options.no_userns = true;
	container_refuses(&box, expected);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(id_maps_follow_the_capabilities),
		T(uid_0_cannot_be_mapped_without_setfcap),
		T(ids_are_mapped_from_one_s_own_namespace),
		T(without_setfcap_a_map_of_root_alone_is_left_out),
		T(without_setfcap_root_is_left_out_wherever_it_stands),
		T(an_agent_that_is_root_may_have_no_number),
		T(who_can_be_mapped_is_mapped),
		T(an_id_outside_of_one_s_own_namespace_is_refused),
		T(without_user_the_agent_is_who_we_are),
		T(with_user_the_agent_is_that_one),
		T(user_needs_setuid_and_setgid),
		T(init_keeps_what_it_needs),
		T(init_keeps_nothing_that_it_does_not_have),
		T(the_jail_needs_net_admin),
		T(without_a_user_namespace_nothing_is_mapped),
		T(without_a_user_namespace_more_is_needed),
		T(without_a_jail_nothing_is_made),
		T(without_a_jail_its_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
