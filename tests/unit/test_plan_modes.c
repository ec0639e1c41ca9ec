/* SPDX-License-Identifier: MIT */
/* The plans of the jails without a wire: on a loopback of its own, and in the container's own network. */
#include "tests/unit/container.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include "init/gate/sockets.h"

static struct container box;

static int reset(void **state)
{
	(void)state;
	container_reset(&box);
	return 0;
}

/* Both of them, where they are alike. */
static const enum jail_mode wireless[] = { JAIL_LOOPBACK, JAIL_CONTAINER };

/* Up to who the agent is, which does not depend on the mode. */
static void assert_plan(const char *expected)
{
	char *agent;

	container_plan(&box);
	agent = strstr(container_print(&box), "agent         ");
	assert_non_null(agent);
	*agent = '\0';
	assert_string_equal(box.text, expected);
}

/* These lines stand in the plan, next to each other. */
static void assert_prints(const char *lines)
{
	container_plan(&box);
	if (!strstr(container_print(&box), lines))
		FAIL("no\n%sin\n%s", lines, box.text);
}

static void assert_prints_not(const char *words)
{
	container_plan(&box);
	if (strstr(container_print(&box), words))
		FAIL("'%s' in\n%s", words, box.text);
}

#define RESET "reject with tcp reset"
#define PROHIBITED "reject with icmpx admin-prohibited"
#define POOL6 "fd62:6f75:6e64:6172:6e61:6d65:7300:0/114"

/* ---- the whole text: loopback ---- */

static void fill_policy(void)
{
	container_add_ipv6(&box);
	container_allow(&box, "cidr=10.8.0.0/15 port=80,8000-8999");
	if (box.options.jail == JAIL_CONTAINER) {
		container_allow(&box, "cidr=1.1.1.1 proto=udp port=53");
		container_allow(&box, "cidr=0.0.0.0/0 proto=icmp");
	}
	container_allow(&box, "cidr=9.9.9.9 port=53");
	container_allow(&box, "cidr=2001:db8::/32");
	container_deny(&box, "cidr=10.9.0.0/16 port=22,80");
	container_deny(&box, "cidr=10.9.0.0/16 proto=udp");
	container_allow(&box, "domain=example.com");
	container_add_host(&box, "10.8.0.5");
	container_add_host(&box, "192.0.2.7");
	container_add_host(&box, "2001:db8:2::5");
	container_add_server(&box, "127.0.0.11");
	container_add_server(&box, "127.0.0.1");
	container_add_server(&box, "10.0.0.2");
}

TEST(a_loopback_jail_from_the_first_line_to_the_last)
{
	box.options.jail = JAIL_LOOPBACK;
	assert_plan("jail          loopback\n"
		    "namespaces    user, network\n"
		    "uid map       0 0 4294967295\n"
		    "gid map       0 0 4294967295\n"
		    "address       10.200.114.3 on lo in the jail\n"
		    "route         default dev lo in the jail\n"
		    "names         198.18.0.0/18, decided by the gate\n"
		    "listen        127.0.0.1:31080, 127.0.0.1:31053 in the jail, for the gate\n"
		    "rules         in the jail\n"
		    "table inet boundary_init_0 {\n"
		    "\tchain names {\n"
		    "\t\ttype nat hook output priority -150; policy accept;\n"
		    "\t\tmeta nfproto ipv4 udp dport 53 dnat ip to 127.0.0.1:31053\n"
		    "\t\tmeta nfproto ipv4 tcp dport 53 dnat ip to 127.0.0.1:31053\n"
		    "\t\tip daddr 198.18.0.0/18 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"
		    "\t\tfib daddr type local accept\n"
		    "\t}\n"
		    "\n"
		    "\tchain output {\n"
		    "\t\ttype filter hook output priority 0; policy drop;\n"
		    "\t\tfib daddr type local ct status dnat accept\n"
		    "\t\tfib daddr type local accept\n"
		    "\t\tip daddr 198.18.0.0/18 log group 1 reject with icmpx admin-prohibited\n"
		    "\t\tmeta l4proto tcp log group 1 reject with tcp reset\n"
		    "\t\tlog group 1 reject with icmpx admin-prohibited\n"
		    "\t}\n"
		    "}\n"
		    "init          capabilities: none; no_new_privs, not dumpable\n");
}

#define LOOPBACK_WITH(to_any, verdict_tcp, verdict)                                                  \
	"jail          loopback\n"                                                                   \
	"namespaces    user, network\n"                                                              \
	"uid map       0 0 4294967295\n"                                                             \
	"gid map       0 0 4294967295\n"                                                             \
	"address       10.200.114.3 on lo in the jail\n"                                             \
	"address       fd62:6f75:6e64:6172::3 on lo in the jail\n"                                   \
	"route         default dev lo in the jail\n"                                                 \
	"route         default dev lo in the jail\n"                                                 \
	"names         198.18.0.0/18, decided by the gate\n"                                         \
	"listen        127.0.0.1:31080, 127.0.0.1:31053 in the jail, for the gate\n"                 \
	"names         " POOL6 ", decided by the gate\n"                                             \
	"listen        [::1]:31080, [::1]:31053 in the jail, for the gate\n"                         \
	"rules         in the jail\n"                                                                \
	"table inet boundary_init_0 {\n"                                                             \
	"\tchain names {\n"                                                                          \
	"\t\ttype nat hook output priority -150; policy accept;\n"                                   \
	"\t\tip daddr 9.9.9.9 tcp dport 53 dnat ip to 127.0.0.1:31080\n"                             \
	"\t\tmeta nfproto ipv4 udp dport 53 dnat ip to 127.0.0.1:31053\n"                            \
	"\t\tmeta nfproto ipv4 tcp dport 53 dnat ip to 127.0.0.1:31053\n"                            \
	"\t\tmeta nfproto ipv6 udp dport 53 dnat ip6 to [::1]:31053\n"                               \
	"\t\tmeta nfproto ipv6 tcp dport 53 dnat ip6 to [::1]:31053\n"                               \
	"\t\tip daddr 198.18.0.0/18 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"                   \
	"\t\tip6 daddr " POOL6 " meta l4proto tcp dnat ip6 to [::1]:31080\n"                         \
	"\t\tip daddr 10.8.0.5 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"                        \
	"\t\tip daddr 192.0.2.7 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"                       \
	"\t\tip6 daddr 2001:db8:2::5 meta l4proto tcp dnat ip6 to [::1]:31080\n"                     \
	"\t\tip daddr 10.9.0.0/16 tcp dport 22 accept\n"                                             \
	"\t\tip daddr 10.9.0.0/16 tcp dport 80 accept\n"                                             \
	"\t\tfib daddr type local accept\n"                                                          \
	"\t\tip daddr 10.8.0.0/15 tcp dport 80 dnat ip to 127.0.0.1:31080\n"                         \
	"\t\tip daddr 10.8.0.0/15 tcp dport 8000-8999 dnat ip to 127.0.0.1:31080\n"                  \
	"\t\tip daddr 9.9.9.9 tcp dport 53 dnat ip to 127.0.0.1:31080\n"                             \
	"\t\tip6 daddr 2001:db8::/32 meta l4proto tcp dnat ip6 to [::1]:31080\n" to_any "\t}\n"      \
	"\n"                                                                                         \
	"\tchain output {\n"                                                                         \
	"\t\ttype filter hook output priority 0; policy drop;\n"                                     \
	"\t\tfib daddr type local ct status dnat accept\n"                                           \
	"\t\tfib daddr type local accept\n"                                                          \
	"\t\tip daddr 198.18.0.0/18 log group 1 reject with icmpx admin-prohibited\n"                \
	"\t\tip6 daddr " POOL6 " log group 1 reject with icmpx admin-prohibited\n"                   \
	"\t\tip daddr 10.9.0.0/16 tcp dport 22 log group 1 reject with tcp reset\n"                  \
	"\t\tip daddr 10.9.0.0/16 tcp dport 80 log group 1 reject with tcp reset\n"                  \
	"\t\tip daddr 10.9.0.0/16 meta l4proto udp log group 1 reject with icmpx admin-prohibited\n" \
	"\t\ticmpv6 type 130-143 drop\n"                                                             \
	"\t\tmeta l4proto tcp log group 1 " verdict_tcp "\n"                                         \
	"\t\tlog group 1 " verdict "\n"                                                              \
	"\t}\n"                                                                                      \
	"}\n"                                                                                        \
	"init          capabilities: none; no_new_privs, not dumpable\n"

#define TO_ANY                                                                \
	"\t\tmeta nfproto ipv4 meta l4proto tcp dnat ip to 127.0.0.1:31080\n" \
	"\t\tmeta nfproto ipv6 meta l4proto tcp dnat ip6 to [::1]:31080\n"

TEST(a_loopback_jail_with_rules_of_every_kind)
{
	box.options.jail = JAIL_LOOPBACK;
	fill_policy();
	assert_plan(LOOPBACK_WITH("", RESET, PROHIBITED));
}

TEST(a_loopback_jail_that_is_observed)
{
	box.options.jail = JAIL_LOOPBACK;
	fill_policy();
	box.options.observe = true;
	/* What the gate cannot carry cannot be let out either. */
	assert_plan(LOOPBACK_WITH(TO_ANY, RESET, PROHIBITED));
}

/* ---- the whole text: container ---- */

TEST(a_container_jail_from_the_first_line_to_the_last)
{
	box.options.jail = JAIL_CONTAINER;
	assert_plan("jail          container\n"
		    "namespaces    none: the container is the jail\n"
		    "route         default dev lo metric 4294967295, IPv4 (removed at exit)\n"
		    "names         198.18.0.0/18, decided by the gate\n"
		    "listen        127.0.0.1:31080, 127.0.0.1:31053, for the gate\n"
		    "rules         in the container\n"
		    "table inet boundary_init_0 {\n"
		    "\tchain names {\n"
		    "\t\ttype nat hook output priority -150; policy accept;\n"
		    "\t\tmeta mark 0xbabd1a11 accept\n"
		    "\t\tmeta nfproto ipv4 udp dport 53 dnat ip to 127.0.0.1:31053\n"
		    "\t\tmeta nfproto ipv4 tcp dport 53 dnat ip to 127.0.0.1:31053\n"
		    "\t\tip daddr 198.18.0.0/18 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"
		    "\t\tfib daddr type local accept\n"
		    "\t}\n"
		    "\n"
		    "\tchain output {\n"
		    "\t\ttype filter hook output priority 0; policy drop;\n"
		    "\t\toif != \"lo\" meta mark 0xbabd1a11 accept\n"
		    "\t\tmeta mark 0xbabd1a11 fib daddr type local accept\n"
		    "\t\tmeta mark 0xbabd1a11 reject with icmpx admin-prohibited\n"
		    "\t\ticmpv6 type 135-136 accept\n"
		    "\t\ticmpv6 type 130-143 drop\n"
		    "\t\tct state established,related ct direction reply accept\n"
		    "\t\tfib saddr type != local log group 1 drop\n"
		    "\t\tfib daddr type local ct status dnat accept\n"
		    "\t\tfib daddr type local accept\n"
		    "\t\tip daddr 198.18.0.0/18 log group 1 reject with icmpx admin-prohibited\n"
		    "\t\tmeta l4proto tcp log group 1 reject with tcp reset\n"
		    "\t\tlog group 1 reject with icmpx admin-prohibited\n"
		    "\t}\n"
		    "\n"
		    "\tchain leaving {\n"
		    "\t\ttype filter hook postrouting priority 0; policy drop;\n"
		    "\t\toif \"lo\" accept\n"
		    "\t\tmeta mark 0xbabd1a11 accept\n"
		    "\t\tct state established,related ct direction reply accept\n"
		    "\t\ticmpv6 type 135-136 accept\n"
		    "\t\tlog group 1 drop\n"
		    "\t}\n"
		    "\n"
		    "\tchain input {\n"
		    "\t\ttype filter hook input priority 0; policy accept;\n"
		    "\t\tiif != \"lo\" ct state new tcp flags ! syn drop\n"
		    "\t}\n"
		    "}\n"
		    "init          capabilities: net_admin; no_new_privs, not dumpable\n");
}

#define CONTAINER_WITH(reply, verdict_tcp, verdict, leaving)                                         \
	"jail          container\n"                                                                  \
	"namespaces    none: the container is the jail\n"                                            \
	"route         default dev lo metric 4294967295, IPv4 (removed at exit)\n"                   \
	"route         default dev lo metric 4294967295, IPv6 (removed at exit)\n"                   \
	"names         198.18.0.0/18, decided by the gate\n"                                         \
	"listen        127.0.0.1:31080, 127.0.0.1:31053, for the gate\n"                             \
	"names         " POOL6 ", decided by the gate\n"                                             \
	"listen        [::1]:31080, [::1]:31053, for the gate\n"                                     \
	"rules         in the container\n"                                                           \
	"table inet boundary_init_0 {\n"                                                             \
	"\tchain names {\n"                                                                          \
	"\t\ttype nat hook output priority -150; policy accept;\n"                                   \
	"\t\tmeta mark 0xbabd1a11 accept\n"                                                          \
	"\t\toif != \"lo\" ip daddr 1.1.1.1 udp dport 53 accept\n"                                   \
	"\t\toif != \"lo\" ip daddr 9.9.9.9 tcp dport 53 accept\n"                                   \
	"\t\tmeta nfproto ipv4 udp dport 53 dnat ip to 127.0.0.1:31053\n"                            \
	"\t\tmeta nfproto ipv4 tcp dport 53 dnat ip to 127.0.0.1:31053\n"                            \
	"\t\tmeta nfproto ipv6 udp dport 53 dnat ip6 to [::1]:31053\n"                               \
	"\t\tmeta nfproto ipv6 tcp dport 53 dnat ip6 to [::1]:31053\n"                               \
	"\t\tip daddr 198.18.0.0/18 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"                   \
	"\t\tip6 daddr " POOL6 " meta l4proto tcp dnat ip6 to [::1]:31080\n"                         \
	"\t\tfib daddr type local accept\n"                                                          \
	"\t\tip daddr 10.8.0.5 tcp dport 80 accept\n"                                                \
	"\t\tip daddr 10.8.0.5 tcp dport 8000-8999 accept\n"                                         \
	"\t\tip daddr 10.8.0.5 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"                        \
	"\t\tip daddr 192.0.2.7 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"                       \
	"\t\tip6 daddr 2001:db8:2::5 meta l4proto tcp accept\n"                                      \
	"\t\tip6 daddr 2001:db8:2::5 meta l4proto tcp dnat ip6 to [::1]:31080\n"                     \
	"\t}\n"                                                                                      \
	"\n"                                                                                         \
	"\tchain output {\n"                                                                         \
	"\t\ttype filter hook output priority 0; policy drop;\n"                                     \
	"\t\toif != \"lo\" meta mark 0xbabd1a11 accept\n"                                            \
	"\t\tmeta mark 0xbabd1a11 fib daddr type local accept\n"                                     \
	"\t\tmeta mark 0xbabd1a11 reject with icmpx admin-prohibited\n"                              \
	"\t\ticmpv6 type 135-136 accept\n"                                                           \
	"\t\ticmpv6 type 130-143 drop\n"                                                             \
	"\t\tct state established,related " reply "accept\n"                                         \
	"\t\tfib saddr type != local log group 1 drop\n"                                             \
	"\t\tip daddr 127.0.0.11 meta l4proto tcp log group 1 reject with tcp reset\n"               \
	"\t\tip daddr 127.0.0.11 meta l4proto udp log group 1 reject with icmpx admin-prohibited\n"  \
	"\t\tfib daddr type local ct status dnat accept\n"                                           \
	"\t\tfib daddr type local accept\n"                                                          \
	"\t\tip daddr 198.18.0.0/18 log group 1 reject with icmpx admin-prohibited\n"                \
	"\t\tip6 daddr " POOL6 " log group 1 reject with icmpx admin-prohibited\n"                   \
	"\t\tip daddr 10.9.0.0/16 tcp dport 22 log group 1 reject with tcp reset\n"                  \
	"\t\tip daddr 10.9.0.0/16 tcp dport 80 log group 1 reject with tcp reset\n"                  \
	"\t\tip daddr 10.9.0.0/16 meta l4proto udp log group 1 reject with icmpx admin-prohibited\n" \
	"\t\toif != \"lo\" ip daddr 10.8.0.0/15 tcp dport 80 accept\n"                               \
	"\t\toif != \"lo\" ip daddr 10.8.0.0/15 tcp dport 8000-8999 accept\n"                        \
	"\t\toif != \"lo\" ip daddr 1.1.1.1 udp dport 53 accept\n"                                   \
	"\t\toif != \"lo\" meta nfproto ipv4 meta l4proto icmp accept\n"                             \
	"\t\toif != \"lo\" ip daddr 9.9.9.9 tcp dport 53 accept\n"                                   \
	"\t\toif != \"lo\" ip6 daddr 2001:db8::/32 meta l4proto tcp accept\n"                        \
	"\t\tmeta l4proto tcp log group 1 " verdict_tcp "\n"                                         \
	"\t\tlog group 1 " verdict "\n"                                                              \
	"\t}\n"                                                                                      \
	"\n"                                                                                         \
	"\tchain leaving {\n"                                                                        \
	"\t\ttype filter hook postrouting priority 0; policy drop;\n"                                \
	"\t\toif \"lo\" accept\n"                                                                    \
	"\t\tmeta mark 0xbabd1a11 accept\n"                                                          \
	"\t\tct state established,related " reply "accept\n"                                         \
	"\t\tip daddr 10.8.0.0/15 tcp dport 80 accept\n"                                             \
	"\t\tip daddr 10.8.0.0/15 tcp dport 8000-8999 accept\n"                                      \
	"\t\tip daddr 1.1.1.1 udp dport 53 accept\n"                                                 \
	"\t\tmeta nfproto ipv4 meta l4proto icmp accept\n"                                           \
	"\t\tip daddr 9.9.9.9 tcp dport 53 accept\n"                                                 \
	"\t\tip6 daddr 2001:db8::/32 meta l4proto tcp accept\n"                                      \
	"\t\ticmpv6 type 135-136 accept\n"                                                           \
	"\t\t" leaving "\n"                                                                          \
	"\t}\n"                                                                                      \
	"\n"                                                                                         \
	"\tchain input {\n"                                                                          \
	"\t\ttype filter hook input priority 0; policy accept;\n"                                    \
	"\t\tiif != \"lo\" ct state new tcp flags ! syn drop\n"                                      \
	"\t}\n"                                                                                      \
	"\n"                                                                                         \
	"\tchain publish {\n"                                                                        \
	"\t\ttype nat hook prerouting priority -100; policy accept;\n"                               \
	"\t\tiif != \"lo\" fib daddr type local meta nfproto ipv4 tcp dport 80 redirect to :8080\n"  \
	"\t\tiif != \"lo\" fib daddr type local meta nfproto ipv6 tcp dport 80 redirect to :8080\n"  \
	"\t\tiif != \"lo\" ip daddr 172.17.0.2 udp dport 53 redirect to :5353\n"                     \
	"\t}\n"                                                                                      \
	"}\n"                                                                                        \
	"init          capabilities: net_admin; no_new_privs, not dumpable\n"

static void publish(void)
{
	container_publish(&box, NULL, 80, 8080, IPPROTO_TCP);
	container_publish(&box, NULL, 443, 443, IPPROTO_TCP); /* is there already */
	container_publish(&box, "172.17.0.2", 53, 5353, IPPROTO_UDP);
}

TEST(a_container_jail_with_rules_of_every_kind)
{
	box.options.jail = JAIL_CONTAINER;
	fill_policy();
	publish();
	assert_plan(CONTAINER_WITH("ct direction reply ", RESET, PROHIBITED, "log group 1 drop"));
}

TEST(a_container_jail_that_is_observed)
{
	box.options.jail = JAIL_CONTAINER;
	fill_policy();
	publish();
	box.options.observe = true;
	assert_plan(CONTAINER_WITH("", "accept", "accept", "accept"));
}

/* ---- what they need, and what they refuse ---- */

/* The network that is bounded by it is the agent's own, so it takes nobody's capability. */
TEST(a_loopback_jail_needs_no_capability)
{
	box.options.jail = JAIL_LOOPBACK;
	box.facts.uid = 1000;
	box.facts.gid = 100;
	container_set_caps(&box, 0);
	container_plan(&box);
	assert_int_equal(box.plan.clone_flags, CLONE_NEWUSER | CLONE_NEWNET);
	assert_int_equal(box.plan.init_caps, 0);
	assert_int_equal(box.plan.mark, 0);
	assert_prints("uid map       1000 1000 1\n"
		      "gid map       100 100 1\n"
		      "setgroups     deny\n"
		      "address       10.200.114.3 on lo in the jail\n");
	box.facts.host_network = true; /* it is left, whosever it is */
	box.facts.alone = false;
	box.facts.instance = 3;
	box.options.agent_caps = CAP_BIT(CAP_NET_RAW);
	container_plan(&box);
	assert_int_equal(box.plan.agent_caps, CAP_BIT(CAP_NET_RAW));
	assert_prints("address       10.200.114.9 on lo in the jail\n");
}

TEST(root_without_setfcap_may_be_nobody_in_a_loopback_jail)
{
	box.options.jail = JAIL_LOOPBACK;
	container_set_caps(&box, DOCKER_CAPS & ~CAP_BIT(CAP_SETFCAP));
	container_refuses(&box, "plan: uid map: CAP_SETFCAP is missing, without which uid 0 cannot "
				"be mapped into a user namespace. Add --cap-add SETFCAP, or run "
				"the agent as another user with --user");
	box.any_ids = true;
	assert_prints("uid map       1 1 4294967294\ngid map       0 0 4294967295\naddress ");
	assert_true(box.plan.unmapped);
	container_set_caps(&box, 0);
	assert_prints("namespaces    user, network\n"
		      "gid map       0 0 1\n"
		      "setgroups     deny\n"
		      "address ");
	assert_true(box.plan.unmapped);
}

#define TAKES_NET_ADMIN ". It takes a jail with CAP_NET_ADMIN: add --cap-add NET_ADMIN"

TEST(a_loopback_jail_lets_out_tcp_alone)
{
	static const char *const rules[] = { "cidr=10.0.0.0/8 proto=udp",
					     "cidr=10.0.0.0/8 proto=udp port=53",
					     "cidr=2001:db8::/32 proto=icmp" };

	for (size_t i = 0; i < COUNT(rules); i++) {
		char expected[256];

		snprintf(expected, sizeof(expected),
			 "plan: rule '%s': a loopback jail lets out TCP alone%s", rules[i],
			 TAKES_NET_ADMIN);
		container_reset(&box);
		box.options.jail = JAIL_LOOPBACK;
		container_allow(&box, "cidr=10.0.0.0/8");
		container_deny(&box, "cidr=10.0.0.0/8 proto=udp"); /* may be forbidden */
		container_plan(&box);
		container_allow(&box, rules[i]);
		container_refuses(&box, expected);
	}
}

TEST(a_rule_that_is_refused_is_shown_as_far_as_it_fits)
{
	char rule[400] = "cidr=10.0.0.0/8 proto=udp";

	memset(rule + strlen(rule), ' ', sizeof(rule) - strlen(rule) - 9);
	strcpy(rule + sizeof(rule) - 9, "port=123");
	rule[26] = '\t';
	box.options.jail = JAIL_LOOPBACK;
	container_allow(&box, rule);
	assert_int_equal(container_try(&box), -1);
	assert_non_null(strstr(box.failure.what, "rule 'cidr=10.0.0.0/8 proto=udp \\x09  "));
	assert_non_null(strstr(box.failure.what, "...': a loopback jail lets out TCP alone"));
}

TEST(nothing_leads_into_a_loopback_jail)
{
	box.options.jail = JAIL_LOOPBACK;
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_refuses(&box,
			  "plan: --publish: nothing leads into a loopback jail" TAKES_NET_ADMIN);
	box.options.publish_count = 0;
	box.options.no_userns = true;
	container_set_caps(&box, CONTAINER_CAPS | CAP_BIT(CAP_SYS_ADMIN));
	container_refuses(&box, "plan: --no-userns: a loopback jail is made by a user "
				"namespace" TAKES_NET_ADMIN);
	box.options.no_userns = false;
	container_plan(&box);
}

TEST(a_loopback_jail_needs_namespaces)
{
	box.facts.no_clone = (struct failure){ .stage = "preflight",
					       .what = "namespaces: blocked",
					       .remedy = "Do not" };
	box.options.jail = JAIL_LOOPBACK;
	container_refuses(&box, "preflight: namespaces: blocked. Do not");
	box.options.jail = JAIL_VETH;
	container_refuses(&box, "preflight: namespaces: blocked. Do not");
	box.options.jail = JAIL_CONTAINER; /* makes none */
	container_plan(&box);
}

TEST(a_loopback_jail_needs_an_address_that_is_free)
{
	static const char *const taken4[] = { "10.200.114.0/24", "172.29.114.0/24",
					      "192.168.214.0/24", "100.90.114.0/24" };

	box.options.jail = JAIL_LOOPBACK;
	for (size_t i = 0; i < COUNT(taken4); i++)
		container_take(&box, taken4[i]);
	assert_prints("address       169.254.214.3 on lo in the jail\n");
	container_allow(&box, "cidr=169.254.214.0/24");
	container_refuses(&box,
			  "plan: address: every IPv4 subnet for the veth pair is in use. Narrow "
			  "the routes of the container or the rules, so that a private subnet is "
			  "left");
	box.policy.count = 0;
	container_add_ipv6(&box);
	container_take(&box, "fd62:6f75:6e64:6172::/64");
	container_take(&box, "fd6a:6169:6c00:7279::/64");
	container_refuses(&box,
			  "plan: address: every IPv6 subnet for the veth pair is in use. Narrow "
			  "the routes of the container or the rules, so that a private subnet is "
			  "left");
}

/* It is on a link that is there, so what new ones have does not matter; nor does anything be forwarded. */
TEST(ipv6_in_a_jail_without_a_wire_is_as_in_the_container)
{
	for (size_t i = 0; i < COUNT(wireless); i++) {
		container_reset(&box);
		box.options.jail = wireless[i];
		container_allow(&box, "cidr=2001:db8::/32");
		assert_prints_not("listen        [");
		assert_int_equal(box.plan.idle_rule.length, strlen("cidr=2001:db8::/32"));
		container_add_ipv6(&box);
		box.facts.ipv6_on_new_links = false;
		assert_prints("listen        [::1]:31080, [::1]:31053");
		assert_int_equal(box.plan.idle_rule.length, 0);
		assert_int_equal(box.plan.forward.count, 0);
		assert_false(box.plan.forward.ipv6);
	}
}

TEST(a_container_jail_needs_net_admin)
{
	box.options.jail = JAIL_CONTAINER;
	container_set_caps(&box, DOCKER_CAPS);
	container_refuses(
		&box, "plan: jail container: CAP_NET_ADMIN is missing. Add --cap-add NET_ADMIN");
	box.facts.uid = 1000;
	container_refuses(&box,
			  "plan: jail container: CAP_NET_ADMIN is missing. Add --cap-add "
			  "NET_ADMIN, start the container as root and name the agent's user with "
			  "--user");
	box.facts.caps = (struct caps){ .bounding = CONTAINER_CAPS };
	container_refuses(&box,
			  "plan: jail container: CAP_NET_ADMIN is missing, because uid 1000 starts "
			  "without capabilities. Start the container as root and name the agent's "
			  "user with --user, or give the file the capability: setcap "
			  "cap_net_admin+p /sbin/boundary-init");
}

TEST(a_container_jail_is_no_place_for_capabilities)
{
	box.options.jail = JAIL_CONTAINER;
	box.options.agent_caps = CAP_BIT(CAP_NET_RAW);
	container_refuses(&box,
			  "plan: --agent-caps: without a user namespace the agent would hold these "
			  "over the whole container. Leave --agent-caps away, or let clone make "
			  "namespaces");
}

TEST(a_container_jail_bounds_no_host_and_no_other_jail)
{
	box.options.jail = JAIL_CONTAINER;
	box.facts.host_network = true;
	container_refuses(
		&box,
		"plan: jail container: this network namespace is the host's own, or /proc/sys/net is hidden. "
		"Give the container a network of its own");
	box.facts.host_network = false;
	box.facts.alone = false;
	container_refuses(&box,
			  "plan: jail container: another jail stands in this network namespace. "
			  "Put only one of them into a pod, or let clone make namespaces");
	box.facts.alone = true;
	container_plan(&box);
}

/* The rules of a jail that is the container bound the gates of the others, too. */
TEST(beside_a_jail_that_is_the_container_there_is_no_other)
{
	box.facts.taken = true;
	box.options.jail = JAIL_VETH;
	container_refuses(&box, "plan: jail veth: the whole container is another jail. "
				"Put only one of them into a pod");
	box.options.jail = JAIL_LOOPBACK;
	container_refuses(&box, "plan: jail loopback: the whole container is another jail. "
				"Put only one of them into a pod");
}

TEST(a_container_jail_makes_no_namespace)
{
	box.options.jail = JAIL_CONTAINER;
	box.options.no_userns = true; /* goes without saying */
	container_set_caps(&box, CONTAINER_CAPS & ~CAP_BIT(CAP_SETFCAP));
	container_plan(&box);
	assert_int_equal(box.plan.clone_flags, 0);
	assert_int_equal(box.plan.uids.count, 0);
	assert_int_equal(box.plan.gids.count, 0);
	assert_int_equal(box.plan.wire.address_count, 0);
	assert_int_equal(box.plan.mark, GATE_MARK);
	assert_false(box.plan.unmapped);
}

/* The rules have to be changed, and without a user namespace an agent of another uid has to be killed. */
TEST(init_of_a_container_jail_keeps_what_it_needs)
{
	box.options.jail = JAIL_CONTAINER;
	container_plan(&box);
	assert_int_equal(box.plan.init_caps, CAP_BIT(CAP_NET_ADMIN));
	container_set_user(&box, 1000, 1000);
	container_plan(&box);
	assert_int_equal(box.plan.init_caps, CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_KILL));
	box.options.jail = JAIL_LOOPBACK;
	container_plan(&box);
	assert_int_equal(box.plan.init_caps, 0);
}

TEST(a_container_jail_replaces_what_a_killed_run_left)
{
	box.options.jail = JAIL_CONTAINER;
	box.facts.table_left = true;
	assert_prints("namespaces    none: the container is the jail\n"
		      "replace       table inet boundary_init_0 of a run that was killed\n"
		      "route ");
	box.options.jail = JAIL_VETH; /* the one before may have been another */
	container_plan(&box);
	box.facts.net.links[2] = (struct link_state){ .end = box.plan.wire.outer, .veth = true };
	box.facts.net.link_count = 3;
	box.options.jail = JAIL_CONTAINER;
	assert_prints("remove        link 1048576 of a run that was killed\n");
}

/* 127.0.0.1 is the agent's too: a server of its own may be there. */
TEST(local_resolvers_are_the_gate_s_alone)
{
	box.options.jail = JAIL_CONTAINER;
	container_add_server(&box, "127.0.0.1");
	container_add_server(&box, "::1");
	container_add_server(&box, "10.0.0.2");
	assert_prints_not("127.0.0.1 ");
	assert_int_equal(box.plan.resolver_count, 0);
	box.facts.resolv.server_count = 0;
	container_add_server(&box, "127.0.0.53");
	container_add_server(&box, "127.0.0.1");
	container_add_server(&box, "127.1.0.1");
	assert_prints("\t\tip daddr 127.0.0.53 meta l4proto tcp log group 1 " RESET "\n"
		      "\t\tip daddr 127.0.0.53 meta l4proto udp log group 1 " PROHIBITED "\n"
		      "\t\tip daddr 127.1.0.1 meta l4proto tcp log group 1 " RESET "\n"
		      "\t\tip daddr 127.1.0.1 meta l4proto udp log group 1 " PROHIBITED "\n"
		      "\t\tfib daddr type local ct status dnat accept\n");
	box.options.jail = JAIL_LOOPBACK; /* none of them is in there */
	assert_prints_not("127.0.0.53");
}

/* As in every jail: the gate knows where a name leads, and denies it there. */
TEST(what_is_denied_by_address_is_no_obstacle_to_names)
{
	box.options.jail = JAIL_LOOPBACK;
	container_deny(&box, "cidr=198.18.0.0/15");
	assert_prints("\t\tip daddr 198.18.0.0/18 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"
		      "\t\tip daddr 198.18.0.0/15 meta l4proto tcp accept\n");
}

/* Engines write it to /etc/hosts; who is asked there is the agent itself, or another one in the container. */
TEST(the_container_s_own_name_leads_to_itself)
{
	box.options.jail = JAIL_CONTAINER;
	container_add_host(&box, "172.17.0.2");
	assert_prints("\t\tfib daddr type local accept\n"
		      "\t\tip daddr 172.17.0.2 meta l4proto tcp dnat ip to 127.0.0.1:31080\n");
}

/* ---- published ports: in the container they are there already, but for their number ---- */

TEST(ports_with_their_own_number_are_published_by_nothing)
{
	box.options.jail = JAIL_CONTAINER;
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_publish(&box, "172.17.0.2", 53, 53, IPPROTO_UDP);
	assert_prints("\tchain publish {\n"
		      "\t\ttype nat hook prerouting priority -100; policy accept;\n"
		      "\t}\n"
		      "}\n");
	assert_prints_not("redirect");
}

TEST(ports_with_another_number_are_led_there)
{
	box.options.jail = JAIL_CONTAINER;
	container_add_ipv6(&box);
	container_publish(&box, "0.0.0.0", 80, 8080, IPPROTO_TCP);
	container_publish(&box, "::", 81, 8081, IPPROTO_TCP);
	container_publish(&box, "2001:db8:1::2", 82, 8082, IPPROTO_UDP);
	assert_prints("\t\ttype nat hook prerouting priority -100; policy accept;\n"
		      "\t\tiif != \"lo\" fib daddr type local meta nfproto ipv4 tcp dport 80 "
		      "redirect to :8080\n"
		      "\t\tiif != \"lo\" fib daddr type local meta nfproto ipv6 tcp dport 81 "
		      "redirect to :8081\n"
		      "\t\tiif != \"lo\" ip6 daddr 2001:db8:1::2 udp dport 82 redirect to :8082\n"
		      "\t}\n"
		      "}\n");
}

/* ---- another policy ---- */

static int change(const char *rule)
{
	box.policy.count = 0;
	container_allow(&box, rule);
	return container_change(&box);
}

#define NOT_YET                                                                         \
	"it needs forwarding or other addresses, which are set up at the start. Start " \
	"the container anew with this rule"

/* Nothing has to be forwarded, so a first rule by address needs no other start. */
TEST(another_policy_is_nothing_but_other_rules)
{
	for (size_t i = 0; i < COUNT(wireless); i++) {
		static const char *const rules[] = {
			"cidr=10.8.0.0/15",   "cidr=0.0.0.0/0", "cidr=1.1.1.1 port=53",
			"cidr=2001:db8::/32", "cidr=::/0",	"domain=example.com"
		};

		container_reset(&box);
		box.options.jail = wireless[i];
		container_add_ipv6(&box);
		container_plan(&box);
		for (size_t k = 0; k < COUNT(rules); k++)
			if (change(rules[k]) < 0)
				FAIL("%s, '%s': %s", jail_mode_names[wireless[i]], rules[k],
				     box.failure.what);
		assert_int_equal(change("cidr=192.0.2.0/24"), 0);
		assert_non_null(
			strstr(container_print(&box), "ip daddr 192.0.2.0/24 meta l4proto"));
		assert_null(strstr(container_print(&box), "2001:db8"));
	}
}

TEST(another_policy_may_not_take_the_jail_s_own_addresses)
{
	for (size_t i = 0; i < COUNT(wireless); i++) {
		container_reset(&box);
		box.options.jail = wireless[i];
		container_add_ipv6(&box);
		container_plan(&box);
		assert_int_equal(change("cidr=198.18.0.0/16"), -1);
		assert_failure(&box.failure, "rule: 'cidr=198.18.0.0/16': " NOT_YET);
	}
	box.options.jail = JAIL_LOOPBACK;
	container_plan(&box);
	assert_int_equal(change("cidr=10.200.114.3"), -1);
	assert_failure(&box.failure, "rule: 'cidr=10.200.114.3': " NOT_YET);
	assert_int_equal(change("cidr=fd62:6f75:6e64:6172::/64"), -1);
	assert_failure(&box.failure, "rule: 'cidr=fd62:6f75:6e64:6172::/64': " NOT_YET);
}

TEST(another_policy_is_refused_what_the_first_one_would_be)
{
	box.options.jail = JAIL_LOOPBACK;
	container_plan(&box);
	assert_int_equal(change("cidr=10.0.0.0/8 proto=udp"), -1);
	assert_failure(&box.failure, "plan: rule 'cidr=10.0.0.0/8 proto=udp': a loopback jail lets "
				     "out TCP alone" TAKES_NET_ADMIN);
	box.options.jail = JAIL_CONTAINER;
	box.policy.count = 0;
	container_plan(&box);
	assert_int_equal(change("cidr=0.0.0.0/0 proto=udp"), 0);
	assert_non_null(strstr(container_print(&box), "meta nfproto ipv4 meta l4proto udp accept"));
}

/* Everything that preflight found may have been given back by then. */
TEST(another_policy_needs_no_facts)
{
	static struct nft_ruleset inner;

	for (size_t i = 0; i < COUNT(wireless); i++) {
		container_reset(&box);
		box.options.jail = wireless[i];
		fill_policy();
		container_plan(&box);
		inner = box.plan.inner;
		memset(&box.facts, 0, sizeof(box.facts));
		memset(&box.plan.inner.rules, 0, sizeof(inner.rules));
		box.plan.inner.rule_count = box.plan.inner.chain_count = 0;
		assert_int_equal(plan_change_policy(&box.plan, &box.options, &box.failure), 0);
		assert_int_equal(box.plan.inner.rule_count, inner.rule_count);
		assert_memory_equal(box.plan.inner.chains, inner.chains, sizeof(inner.chains));
		assert_memory_equal(box.plan.inner.rules, inner.rules,
				    inner.rule_count * sizeof(inner.rules[0]));
	}
}

TEST(without_nflog_nothing_is_logged)
{
	for (size_t i = 0; i < COUNT(wireless); i++) {
		container_reset(&box);
		box.options.jail = wireless[i];
		container_add_server(&box, "127.0.0.11");
		container_deny(&box, "cidr=10.0.0.0/8");
		container_plan(&box);
		assert_non_null(strstr(container_print(&box), "log group 1"));
		box.plan.logs = false;
		assert_int_equal(container_change(&box), 0);
		assert_null(strstr(container_print(&box), "log group"));
	}
}

TEST(more_rules_than_fit_are_refused)
{
	box.options.jail = JAIL_CONTAINER;
	for (unsigned int i = 0; i < 14; i++)
		container_allow(&box, "cidr=1.1.1.1 port=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16");
	container_plan(&box);
	for (unsigned int i = 0; i < 2; i++)
		container_allow(&box, "cidr=1.1.1.1 port=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16");
	container_refuses(
		&box, "rule: policy: more than 512 rules of nf_tables are needed. Join ports to "
		      "ranges and neighbouring addresses with a length");
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_loopback_jail_from_the_first_line_to_the_last),
		T(a_loopback_jail_with_rules_of_every_kind),
		T(a_loopback_jail_that_is_observed),
		T(a_container_jail_from_the_first_line_to_the_last),
		T(a_container_jail_with_rules_of_every_kind),
		T(a_container_jail_that_is_observed),
		T(a_loopback_jail_needs_no_capability),
		T(root_without_setfcap_may_be_nobody_in_a_loopback_jail),
		T(a_loopback_jail_lets_out_tcp_alone),
		T(a_rule_that_is_refused_is_shown_as_far_as_it_fits),
		T(nothing_leads_into_a_loopback_jail),
		T(a_loopback_jail_needs_namespaces),
		T(a_loopback_jail_needs_an_address_that_is_free),
		T(ipv6_in_a_jail_without_a_wire_is_as_in_the_container),
		T(a_container_jail_needs_net_admin),
		T(a_container_jail_is_no_place_for_capabilities),
		T(a_container_jail_bounds_no_host_and_no_other_jail),
		T(beside_a_jail_that_is_the_container_there_is_no_other),
		T(a_container_jail_makes_no_namespace),
		T(init_of_a_container_jail_keeps_what_it_needs),
		T(a_container_jail_replaces_what_a_killed_run_left),
		T(local_resolvers_are_the_gate_s_alone),
		T(what_is_denied_by_address_is_no_obstacle_to_names),
		T(the_container_s_own_name_leads_to_itself),
		T(ports_with_their_own_number_are_published_by_nothing),
		T(ports_with_another_number_are_led_there),
		T(another_policy_is_nothing_but_other_rules),
		T(another_policy_may_not_take_the_jail_s_own_addresses),
		T(another_policy_is_refused_what_the_first_one_would_be),
		T(another_policy_needs_no_facts),
		T(without_nflog_nothing_is_logged),
		T(more_rules_than_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
