/* SPDX-License-Identifier: MIT */
/* What --print-plan says. The listing of the rules has tests of its own. */
#include "tests/unit/container.h"

#include <netinet/in.h>

static struct container box;

static int reset(void **state)
{
	(void)state;
	container_reset(&box);
	return 0;
}

/* These lines stand in the plan, next to each other. */
static void assert_prints(const char *lines)
{
	const char *text;

	container_plan(&box);
	text = container_print(&box);
	if (!strstr(text, lines))
		FAIL("no\n%sin\n%s", lines, text);
}

static void assert_prints_not(const char *words)
{
	container_plan(&box);
	if (strstr(container_print(&box), words))
		FAIL("'%s' in\n%s", words, box.text);
}

TEST(a_plan_from_the_first_line_to_the_last)
{
	container_plan(&box);
	assert_string_equal(
		container_print(&box),
		"jail          veth\n"
		"namespaces    user, network\n"
		"uid map       0 0 4294967295\n"
		"gid map       0 0 4294967295\n"
		"link          jail0 (index 1048576) <-> eth0 in the jail (index 1048577), veth, "
		"mtu 1500\n"
		"address       10.200.114.2/31 on jail0, 10.200.114.3/31 on eth0 in the jail\n"
		"route         default via 10.200.114.2 dev eth0 in the jail\n"
		"names         198.18.0.0/18, decided by the gate\n"
		"listen        127.0.0.1:31080, 127.0.0.1:31053 in the jail, for the gate\n"
		"rules         in the jail\n"
		"table inet boundary_init_0 {\n"
		"\tchain names {\n"
		"\t\ttype nat hook output priority -150; policy accept;\n"
		"\t\tmeta nfproto ipv4 udp dport 53 dnat ip to 127.0.0.1:31053\n"
		"\t\tmeta nfproto ipv4 tcp dport 53 dnat ip to 127.0.0.1:31053\n"
		"\t\tip daddr 198.18.0.0/18 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"
		"\t}\n"
		"\n"
		"\tchain output {\n"
		"\t\ttype filter hook output priority 0; policy drop;\n"
		"\t\tfib daddr type local ct status dnat accept\n"
		"\t\toif \"lo\" accept\n"
		"\t\toif \"eth0\" ct state established,related accept\n"
		"\t\tip daddr 198.18.0.0/18 log group 1 reject with icmpx admin-prohibited\n"
		"\t\tmeta l4proto tcp log group 1 reject with tcp reset\n"
		"\t\tlog group 1 reject with icmpx admin-prohibited\n"
		"\t}\n"
		"}\n"
		"rules         in the container\n"
		"table inet boundary_init_0 {\n"
		"\tchain antispoof {\n"
		"\t\ttype filter hook prerouting priority -300; policy accept;\n"
		"\t\tiif != \"jail0\" accept\n"
		"\t\tip saddr 10.200.114.3 accept\n"
		"\t\tdrop\n"
		"\t}\n"
		"\n"
		"\tchain input {\n"
		"\t\ttype filter hook input priority 0; policy accept;\n"
		"\t\tiif != \"jail0\" accept\n"
		"\t\tct state established,related accept\n"
		"\t\tmeta l4proto tcp reject with tcp reset\n"
		"\t\treject with icmpx admin-prohibited\n"
		"\t}\n"
		"\n"
		"\tchain forward {\n"
		"\t\ttype filter hook forward priority 0; policy accept;\n"
		"\t\tiif \"jail0\" ct state invalid,untracked drop\n"
		"\t\tiif \"jail0\" ct state established,related accept\n"
		"\t\tiif \"jail0\" meta l4proto tcp reject with tcp reset\n"
		"\t\tiif \"jail0\" reject with icmpx admin-prohibited\n"
		"\t\toif \"jail0\" ct state established,related accept\n"
		"\t\toif \"jail0\" ct status dnat accept\n"
		"\t\toif \"jail0\" drop\n"
		"\t}\n"
		"\n"
		"\tchain postrouting {\n"
		"\t\ttype nat hook postrouting priority 100; policy accept;\n"
		"\t\toif != \"jail0\" ip saddr 10.200.114.3 masquerade\n"
		"\t}\n"
		"}\n"
		"init          capabilities: net_admin; no_new_privs, not dumpable\n"
		"agent         uid 0, gid 0; capabilities: none; no_new_privs, system call filter, "
		"signals scoped where Landlock can\n"
		"program       run\n");
}

TEST(without_a_jail)
{
	box.options.jail = JAIL_NONE;
	container_plan(&box);
	assert_string_equal(container_print(&box),
			    "jail          none\n"
			    "init          capabilities: kill; no_new_privs, not dumpable\n"
			    "agent         uid 0, gid 0\n"
			    "program       run\n");
}

TEST(without_a_user_namespace)
{
	container_set_caps(&box, CONTAINER_CAPS | CAP_BIT(CAP_SYS_ADMIN));
	container_set_user(&box, 1000, 1000);
	box.options.no_userns = true;
	assert_prints("namespaces    network\nlink ");
	assert_prints("init          capabilities: kill,net_admin; no_new_privs, not dumpable\n");
}

TEST(id_maps)
{
	box.facts.uid = 1000;
	box.facts.gid = 100;
	container_set_caps(&box, CAP_BIT(CAP_NET_ADMIN));
	assert_prints("uid map       1000 1000 1\n"
		      "gid map       100 100 1\n"
		      "setgroups     deny\n"
		      "link ");
	container_reset(&box);
	box.facts.gids = (struct id_map){ .extents = { { 0, 0, 10 }, { 20, 20, 5 } }, .count = 2 };
	assert_prints("gid map       0 0 10\n"
		      "gid map       20 20 5\n"
		      "link ");
}

TEST(ipv6)
{
	container_add_ipv6(&box);
	assert_prints(
		"address       10.200.114.2/31 on jail0, 10.200.114.3/31 on eth0 in the jail\n"
		"address       fd62:6f75:6e64:6172::2/127 on jail0, fd62:6f75:6e64:6172::3/127 on "
		"eth0 in the jail\n"
		"address       fe80::1/64 on jail0, fe80::2/64 on eth0 in the jail\n"
		"route         default via 10.200.114.2 dev eth0 in the jail\n"
		"route         default via fd62:6f75:6e64:6172::2 dev eth0 in the jail\n"
		"names         198.18.0.0/18, decided by the gate\n"
		"listen        127.0.0.1:31080, 127.0.0.1:31053 in the jail, for the gate\n"
		"names         fd62:6f75:6e64:6172:6e61:6d65:7300:0/114, decided by the gate\n"
		"listen        [::1]:31080, [::1]:31053 in the jail, for the gate\n"
		"rules ");
}

TEST(names_without_an_address_for_them)
{
	container_add_ipv6(&box);
	container_take(&box, "198.18.0.0/15");
	assert_prints(
		"route         default via fd62:6f75:6e64:6172::2 dev eth0 in the jail\n"
		"listen        127.0.0.1:31080, 127.0.0.1:31053 in the jail, for the gate\n"
		"names         fd62:6f75:6e64:6172:6e61:6d65:7300:0/114, decided by the gate\n"
		"listen        [::1]:31080, [::1]:31053 in the jail, for the gate\n");
	container_take(&box, "fd62:6f75:6e64:6172:6e61::/80");
	container_take(&box, "fd6a:6169:6c00:7279:6e61::/80");
	assert_prints_not("names   ");
}

TEST(forwarding)
{
	container_add_ipv6(&box);
	assert_prints_not("forwarding ");
	container_add_link(&box, 8, "eth1");
	container_allow(&box, "cidr=1.1.1.1");
	container_allow(&box, "cidr=::/0");
	assert_prints(
		"for the gate\n"
		"forwarding    IPv4 on jail0, eth0 (restored at exit), eth1 (restored at exit)\n"
		"forwarding    IPv6 on all links (restored at exit)\n"
		"rules ");
	assert_prints("\t\tiif \"eth1\" drop\n");
	box.facts.net.links[1].forwards = box.facts.net.links[2].forwards = true;
	box.facts.net.ipv6_forwards = true;
	assert_prints("forwarding    IPv4 on jail0\n"
		      "rules ");
}

TEST(what_a_killed_run_left)
{
	container_plan(&box);
	box.facts.net.links[2] = (struct link_state){ .end = box.plan.wire.outer, .veth = true };
	box.facts.net.links[2].end.index = 12;
	box.facts.net.link_count = 3;
	box.facts.table_left = true;
	assert_prints("remove        link 12 of a run that was killed\n"
		      "replace       table inet boundary_init_0 of a run that was killed\n"
		      "link ");
}

TEST(the_agent)
{
	container_set_user(&box, 1000, 1001);
	box.options.agent_caps = CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_CHECKPOINT_RESTORE);
	assert_prints(
		"agent         uid 1000, gid 1001; capabilities: net_raw,checkpoint_restore; ");
	memcpy(box.account.groups, ((uint32_t[]){ 44, 29, 6 }), 3 * sizeof(uint32_t));
	box.account.group_count = 3;
	assert_prints("agent         uid 1000, gid 1001, groups 44,29,6; capabilities: ");
}

TEST(the_program_with_its_arguments)
{
	char *program[] = { "/bin/a b", "-c", "x\ny\033", "", NULL };
	char *none[] = { NULL };

	box.options.program = program;
	assert_prints("program       /bin/a b -c x\\x0ay\\x1b \n");
	box.options.program = none;
	assert_prints("program       (none given)\n");
}

/* container_print fails the test if it is cut. */
TEST(the_longest_plan_fits)
{
	container_add_ipv6(&box);
	for (unsigned int i = 1; i < FORWARDING_LINKS; i++)
		container_add_link(&box, 4000000000U + i, "fifteen-letters");
	for (unsigned int i = 0; i < 150; i++)
		container_allow(&box, "cidr=1111:2222:3333:4444:5555:6666:7777:8888 "
				      "port=10000-20000,30000-40000,50000-60000");
	container_add_host(&box, "1111:2222:3333:4444:5555:6666:7777:8889");
	container_plan(&box);
	assert_in_range(strlen(container_print(&box)), 0, (1 << 18) - 1);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_plan_from_the_first_line_to_the_last),
		T(without_a_jail),
		T(without_a_user_namespace),
		T(id_maps),
		T(ipv6),
		T(names_without_an_address_for_them),
		T(forwarding),
		T(what_a_killed_run_left),
		T(the_agent),
		T(the_program_with_its_arguments),
		T(the_longest_plan_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
