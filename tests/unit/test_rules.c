/* SPDX-License-Identifier: MIT */
/* The two rulesets of a plan, chain by chain, as nft(8) would list them. */
#include "tests/unit/container.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter.h>

static struct container box;

static int reset(void **state)
{
	(void)state;
	container_reset(&box);
	return 0;
}

static const struct nft_chain *find_chain(const struct nft_ruleset *set, const char *name)
{
	for (unsigned int i = 0; i < set->chain_count; i++)
		if (strcmp(set->chains[i].name, name) == 0)
			return &set->chains[i];
	return NULL;
}

/* The chain's first line and its rules, one a line. */
static void assert_chain(const struct nft_ruleset *set, const char *name, const char *expected)
{
	const struct nft_link_name links[] = {
		{ LINK_LOOPBACK, "lo" },
		{ box.plan.wire.inner.index, "inner" },
		{ box.plan.wire.outer.index, "outer" },
		{ 7, "eth0" },
	};
	const struct nft_chain *chain = find_chain(set, name);
	struct text t = TEXT_OVER(box.text);

	assert_non_null(chain);
	nft_chain_print(&t, chain);
	text_char(&t, '\n');
	for (unsigned int i = 0; i < set->rule_count; i++) {
		if (&set->chains[set->rules[i].chain] != chain)
			continue;
		nft_rule_print(&t, &set->rules[i], links, COUNT(links));
		text_char(&t, '\n');
	}
	assert_false(t.cut);
	assert_string_equal(box.text, expected);
}

static void assert_chains(const struct nft_ruleset *set, const char *expected)
{
	struct text t = TEXT_OVER(box.text);

	for (unsigned int i = 0; i < set->chain_count; i++)
		text_printf(&t, "%s ", set->chains[i].name);
	assert_string_equal(box.text, expected);
}

#define OUTPUT "type filter hook output priority 0; policy drop;\n"
#define NAMES "type nat hook output priority -150; policy accept;\n"

/* In a jail without IPv6: what stands before the policy, and behind it. */
#define OUTPUT_FIRST                                          \
	OUTPUT                                                \
	"fib daddr type local ct status dnat accept\n"        \
	"oif \"lo\" accept\n"                                 \
	"oif \"inner\" ct state established,related accept\n" \
	"ip daddr 198.18.0.0/18 log group 1 reject with icmpx admin-prohibited\n"
#define OUTPUT_LAST                                            \
	"meta l4proto tcp log group 1 reject with tcp reset\n" \
	"log group 1 reject with icmpx admin-prohibited\n"

/* With it. */
#define POOL6 "fd62:6f75:6e64:6172:6e61:6d65:7300:0/114"
#define OUTPUT_FIRST6 \
	OUTPUT_FIRST "ip6 daddr " POOL6 " log group 1 reject with icmpx admin-prohibited\n"
#define OUTPUT_LAST6                                 \
	"oif \"inner\" icmpv6 type 135-136 accept\n" \
	"icmpv6 type 130-143 drop\n" OUTPUT_LAST

#define NAMES_DNS                                                     \
	"meta nfproto ipv4 udp dport 53 dnat ip to 127.0.0.1:31053\n" \
	"meta nfproto ipv4 tcp dport 53 dnat ip to 127.0.0.1:31053\n"
#define NAMES_POOL "ip daddr 198.18.0.0/18 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"

TEST(both_tables_have_our_name)
{
	container_plan(&box);
	assert_string_equal(box.plan.inner.table, "boundary_init_0");
	assert_string_equal(box.plan.outer.table, "boundary_init_0");
}

TEST(the_chains_are_these)
{
	container_plan(&box);
	assert_chains(&box.plan.inner, "names output ");
	assert_chains(&box.plan.outer, "antispoof input forward postrouting ");
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_plan(&box);
	assert_chains(&box.plan.inner, "names output ");
	assert_chains(&box.plan.outer, "antispoof input forward postrouting publish publish_here ");
}

/* nft_write and nft_check walk both in step. */
TEST(rules_are_grouped_in_the_order_of_chains)
{
	container_add_ipv6(&box);
	container_allow(&box, "cidr=::/0 port=1,2");
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_plan(&box);
	for (unsigned int i = 0; i < box.plan.outer.rule_count; i++) {
		unsigned int chain = box.plan.outer.rules[i].chain;

		assert_in_range(chain, 0, box.plan.outer.chain_count - 1);
		if (i > 0)
			assert_in_range(chain, box.plan.outer.rules[i - 1].chain,
					box.plan.outer.rules[i - 1].chain + 1);
	}
	assert_int_equal(box.plan.outer.rules[box.plan.outer.rule_count - 1].chain,
			 box.plan.outer.chain_count - 1);
}

TEST(without_rules_the_agent_reaches_nothing)
{
	container_plan(&box);
	assert_chain(&box.plan.inner, "output", OUTPUT_FIRST OUTPUT_LAST);
	assert_chain(&box.plan.outer, "forward",
		     "type filter hook forward priority 0; policy accept;\n"
		     "iif \"outer\" ct state invalid,untracked drop\n"
		     "iif \"outer\" ct state established,related accept\n"
		     "iif \"outer\" meta l4proto tcp reject with tcp reset\n"
		     "iif \"outer\" reject with icmpx admin-prohibited\n"
		     "oif \"outer\" ct state established,related accept\n"
		     "oif \"outer\" ct status dnat accept\n"
		     "oif \"outer\" drop\n");
}

TEST(nothing_but_the_jail_s_address_comes_over_the_wire)
{
	container_plan(&box);
	assert_chain(&box.plan.outer, "antispoof",
		     "type filter hook prerouting priority -300; policy accept;\n"
		     "iif != \"outer\" accept\n"
		     "ip saddr 10.200.114.3 accept\n"
		     "drop\n");
	container_add_ipv6(&box);
	container_plan(&box);
	assert_chain(&box.plan.outer, "antispoof",
		     "type filter hook prerouting priority -300; policy accept;\n"
		     "iif != \"outer\" accept\n"
		     "ip saddr 10.200.114.3 accept\n"
		     "ip6 saddr fd62:6f75:6e64:6172::3 accept\n"
		     "ip6 saddr fe80::2 icmpv6 type 135-136 accept\n"
		     "drop\n");
}

TEST(no_service_of_the_container_is_reached)
{
	container_plan(&box);
	assert_chain(&box.plan.outer, "input",
		     "type filter hook input priority 0; policy accept;\n"
		     "iif != \"outer\" accept\n"
		     "ct state established,related accept\n"
		     "meta l4proto tcp reject with tcp reset\n"
		     "reject with icmpx admin-prohibited\n");
	container_add_ipv6(&box);
	container_plan(&box);
	assert_chain(&box.plan.outer, "input",
		     "type filter hook input priority 0; policy accept;\n"
		     "iif != \"outer\" accept\n"
		     "ct state established,related accept\n"
		     "icmpv6 type 135-136 accept\n"
		     "meta l4proto tcp reject with tcp reset\n"
		     "reject with icmpx admin-prohibited\n");
}

TEST(what_leaves_has_the_container_s_address)
{
	container_plan(&box);
	assert_chain(&box.plan.outer, "postrouting",
		     "type nat hook postrouting priority 100; policy accept;\n"
		     "oif != \"outer\" ip saddr 10.200.114.3 masquerade\n");
	container_add_ipv6(&box);
	container_plan(&box);
	assert_chain(&box.plan.outer, "postrouting",
		     "type nat hook postrouting priority 100; policy accept;\n"
		     "oif != \"outer\" ip saddr 10.200.114.3 masquerade\n"
		     "oif != \"outer\" ip6 saddr fd62:6f75:6e64:6172::3 masquerade\n");
}

TEST(the_policy_stands_on_both_sides)
{
	container_add_ipv6(&box);
	container_allow(&box, "cidr=1.1.1.1 proto=udp port=53");
	container_allow(&box, "cidr=10.8.0.0/15 port=80,443,8000-8999");
	container_allow(&box, "cidr=2001:db8::/32");
	container_allow(&box, "cidr=0.0.0.0/0 proto=icmp");
	container_allow(&box, "cidr=2001:db8::/32 proto=icmp");
	container_allow(&box, "cidr=0.0.0.0/0 port=22");
	box.facts.net.links[1].forwards = true;
	container_plan(&box);
	assert_chain(&box.plan.inner, "output",
		     OUTPUT_FIRST6
		     "oif \"inner\" ip daddr 1.1.1.1 udp dport 53 accept\n"
		     "oif \"inner\" ip daddr 10.8.0.0/15 tcp dport 80 accept\n"
		     "oif \"inner\" ip daddr 10.8.0.0/15 tcp dport 443 accept\n"
		     "oif \"inner\" ip daddr 10.8.0.0/15 tcp dport 8000-8999 accept\n"
		     "oif \"inner\" ip6 daddr 2001:db8::/32 meta l4proto tcp accept\n"
		     "oif \"inner\" meta nfproto ipv4 meta l4proto icmp accept\n"
		     "oif \"inner\" ip6 daddr 2001:db8::/32 meta l4proto ipv6-icmp accept\n"
		     "oif \"inner\" meta nfproto ipv4 tcp dport 22 accept\n" OUTPUT_LAST6);
	assert_chain(
		&box.plan.outer, "forward",
		"type filter hook forward priority 0; policy accept;\n"
		"iif \"outer\" ct state invalid,untracked drop\n"
		"iif \"outer\" ct state established,related accept\n"
		"iif \"outer\" oif != \"outer\" ip daddr 1.1.1.1 udp dport 53 accept\n"
		"iif \"outer\" oif != \"outer\" ip daddr 10.8.0.0/15 tcp dport 80 accept\n"
		"iif \"outer\" oif != \"outer\" ip daddr 10.8.0.0/15 tcp dport 443 accept\n"
		"iif \"outer\" oif != \"outer\" ip daddr 10.8.0.0/15 tcp dport 8000-8999 accept\n"
		"iif \"outer\" oif != \"outer\" ip6 daddr 2001:db8::/32 meta l4proto tcp accept\n"
		"iif \"outer\" oif != \"outer\" meta nfproto ipv4 meta l4proto icmp accept\n"
		"iif \"outer\" oif != \"outer\" ip6 daddr 2001:db8::/32 meta l4proto ipv6-icmp "
		"accept\n"
		"iif \"outer\" oif != \"outer\" meta nfproto ipv4 tcp dport 22 accept\n"
		"iif \"outer\" meta l4proto tcp reject with tcp reset\n"
		"iif \"outer\" reject with icmpx admin-prohibited\n"
		"oif \"outer\" ct state established,related accept\n"
		"oif \"outer\" ct status dnat accept\n"
		"oif \"outer\" drop\n");
}

/* ---- what is decided by name ---- */

TEST(dns_and_names_are_led_to_the_gate)
{
	container_plan(&box);
	assert_chain(&box.plan.inner, "names", NAMES NAMES_DNS NAMES_POOL);
	container_add_ipv6(&box);
	container_plan(&box);
	assert_chain(&box.plan.inner, "names",
		     NAMES NAMES_DNS
		     "meta nfproto ipv6 udp dport 53 dnat ip6 to [::1]:31053\n"
		     "meta nfproto ipv6 tcp dport 53 dnat ip6 to [::1]:31053\n" NAMES_POOL
		     "ip6 daddr " POOL6 " meta l4proto tcp dnat ip6 to [::1]:31080\n");
	assert_chain(&box.plan.inner, "output", OUTPUT_FIRST6 OUTPUT_LAST6);
}

TEST(without_a_pool_dns_is_led_to_the_gate_all_the_same)
{
	container_take(&box, "198.18.0.0/15");
	container_plan(&box);
	assert_chain(&box.plan.inner, "names", NAMES NAMES_DNS);
	assert_chain(&box.plan.inner, "output",
		     OUTPUT "fib daddr type local ct status dnat accept\n"
			    "oif \"lo\" accept\n"
			    "oif \"inner\" ct state established,related accept\n" OUTPUT_LAST);
}

/* On no side of the wire. */
TEST(rules_by_name_are_none_of_nf_tables)
{
	static struct nft_ruleset inner, outer;

	container_plan(&box);
	inner = box.plan.inner;
	outer = box.plan.outer;
	for (unsigned int i = 0; i < POLICY_RULES / 2; i++) {
		container_allow(&box, "domain=example.com port=1,2,3");
		container_deny(&box, "domain=*.example.com");
	}
	container_plan(&box);
	assert_memory_equal(&box.plan.inner, &inner, sizeof(inner));
	assert_memory_equal(&box.plan.outer, &outer, sizeof(outer));
}

/* Only who names the port of DNS means a resolver. */
TEST(a_resolver_that_a_rule_names_is_asked_directly)
{
	container_allow(&box, "cidr=1.1.1.1 proto=udp port=53");
	container_allow(&box, "cidr=1.0.0.0/8 port=443,53,53-54,52-53");
	container_allow(&box, "cidr=8.8.8.8 proto=udp");
	container_allow(&box, "cidr=8.8.8.8 proto=icmp");
	container_allow(&box, "cidr=8.8.8.8 proto=udp port=1-65535");
	container_deny(&box, "cidr=9.9.9.9 proto=udp port=53");
	container_plan(&box);
	assert_chain(&box.plan.inner, "names",
		     NAMES
		     "oif \"inner\" ip daddr 1.1.1.1 udp dport 53 accept\n"
		     "oif \"inner\" ip daddr 1.0.0.0/8 tcp dport 53 accept\n" NAMES_DNS NAMES_POOL);
}

TEST(hosts_have_names_too)
{
	container_add_host(&box, "10.0.0.5");
	container_add_host(&box, "2001:db8::5");
	container_plan(&box);
	assert_chain(&box.plan.inner, "names",
		     NAMES NAMES_DNS NAMES_POOL
		     "ip daddr 10.0.0.5 meta l4proto tcp dnat ip to 127.0.0.1:31080\n");
	container_add_ipv6(&box);
	container_plan(&box);
	assert_chain(&box.plan.inner, "names",
		     NAMES NAMES_DNS
		     "meta nfproto ipv6 udp dport 53 dnat ip6 to [::1]:31053\n"
		     "meta nfproto ipv6 tcp dport 53 dnat ip6 to [::1]:31053\n" NAMES_POOL
		     "ip6 daddr " POOL6 " meta l4proto tcp dnat ip6 to [::1]:31080\n"
		     "ip daddr 10.0.0.5 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"
		     "ip6 daddr 2001:db8::5 meta l4proto tcp dnat ip6 to [::1]:31080\n");
	/* All else that goes there is refused as anywhere. */
	assert_chain(&box.plan.inner, "output", OUTPUT_FIRST6 OUTPUT_LAST6);
}

/* At the kernel's speed, and even if no rule names them. */
TEST(a_host_that_a_rule_by_address_allows_is_reached_directly)
{
	container_add_host(&box, "10.0.0.5");
	container_add_host(&box, "10.0.1.5");
	container_allow(&box, "cidr=10.0.0.0/24 port=80,5000-6000");
	container_allow(&box, "cidr=10.0.0.0/23 proto=udp port=123");
	container_allow(&box, "cidr=10.0.1.5");
	container_deny(&box, "cidr=10.0.0.0/16 port=22");
	container_allow(&box, "domain=example.com");
	container_plan(&box);
	assert_chain(&box.plan.inner, "names",
		     NAMES NAMES_DNS NAMES_POOL
		     "ip daddr 10.0.0.5 tcp dport 80 accept\n"
		     "ip daddr 10.0.0.5 tcp dport 5000-6000 accept\n"
		     "ip daddr 10.0.0.5 meta l4proto tcp dnat ip to 127.0.0.1:31080\n"
		     "ip daddr 10.0.1.5 meta l4proto tcp accept\n"
		     "ip daddr 10.0.1.5 meta l4proto tcp dnat ip to 127.0.0.1:31080\n");
}

/* ---- what is denied, logged, observed ---- */

TEST(what_is_denied_by_address_stands_before_what_is_allowed)
{
	container_allow(&box, "cidr=10.0.0.0/8");
	container_deny(&box, "cidr=10.1.0.0/16 port=22,80-90");
	container_deny(&box, "cidr=10.2.0.0/16 proto=udp");
	container_deny(&box, "cidr=10.3.0.0/16 proto=icmp");
	box.facts.net.links[1].forwards = true;
	container_plan(&box);
	assert_chain(&box.plan.inner, "output",
		     OUTPUT_FIRST
		     "ip daddr 10.1.0.0/16 tcp dport 22 log group 1 reject with tcp reset\n"
		     "ip daddr 10.1.0.0/16 tcp dport 80-90 log group 1 reject with tcp reset\n"
		     "ip daddr 10.2.0.0/16 meta l4proto udp log group 1 reject with icmpx "
		     "admin-prohibited\n"
		     "ip daddr 10.3.0.0/16 meta l4proto icmp log group 1 reject with icmpx "
		     "admin-prohibited\n"
		     "oif \"inner\" ip daddr 10.0.0.0/8 meta l4proto tcp accept\n" OUTPUT_LAST);
	assert_chain(&box.plan.outer, "forward",
		     "type filter hook forward priority 0; policy accept;\n"
		     "iif \"outer\" ct state invalid,untracked drop\n"
		     "iif \"outer\" ct state established,related accept\n"
		     "iif \"outer\" ip daddr 10.1.0.0/16 tcp dport 22 reject with tcp reset\n"
		     "iif \"outer\" ip daddr 10.1.0.0/16 tcp dport 80-90 reject with tcp reset\n"
		     "iif \"outer\" ip daddr 10.2.0.0/16 meta l4proto udp reject with icmpx "
		     "admin-prohibited\n"
		     "iif \"outer\" ip daddr 10.3.0.0/16 meta l4proto icmp reject with icmpx "
		     "admin-prohibited\n"
		     "iif \"outer\" oif != \"outer\" ip daddr 10.0.0.0/8 meta l4proto tcp accept\n"
		     "iif \"outer\" meta l4proto tcp reject with tcp reset\n"
		     "iif \"outer\" reject with icmpx admin-prohibited\n"
		     "oif \"outer\" ct state established,related accept\n"
		     "oif \"outer\" ct status dnat accept\n"
		     "oif \"outer\" drop\n");
}

/* The container's namespace may have listeners of other people's on that group. */
TEST(only_refusals_in_the_jail_are_logged)
{
	unsigned int logged = 0;

	container_add_ipv6(&box);
	container_allow(&box, "cidr=10.0.0.0/8");
	container_deny(&box, "cidr=10.1.0.0/16");
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_plan(&box);
	assert_true(box.plan.logs);
	for (unsigned int i = 0; i < box.plan.inner.rule_count; i++) {
		const struct nft_rule *r = &box.plan.inner.rules[i];
		bool refuses =
			r->verdict == NFT_REJECT_RESET || r->verdict == NFT_REJECT_PROHIBITED;

		assert_int_equal(r->log_group, refuses ? 1 : 0);
		logged += r->log_group;
	}
	assert_int_equal(logged, 5);
	for (unsigned int i = 0; i < box.plan.outer.rule_count; i++)
		assert_int_equal(box.plan.outer.rules[i].log_group, 0);
}

TEST(without_nflog_another_policy_logs_nothing_either)
{
	container_plan(&box);
	box.plan.logs = false;
	assert_int_equal(container_change(&box), 0);
	for (unsigned int i = 0; i < box.plan.inner.rule_count; i++)
		assert_int_equal(box.plan.inner.rules[i].log_group, 0);
}

/* All but what a rule denies, what has another way, and what would reach the container itself. */
TEST(to_observe_is_to_let_out_and_log)
{
	box.options.observe = true;
	box.facts.net.links[1].forwards = true;
	container_deny(&box, "cidr=10.1.0.0/16");
	container_plan(&box);
	assert_chain(&box.plan.inner, "names", NAMES NAMES_DNS NAMES_POOL);
	assert_chain(&box.plan.inner, "output",
		     OUTPUT_FIRST "ip daddr 10.1.0.0/16 meta l4proto tcp log group 1 reject with "
				  "tcp reset\n"
				  "meta l4proto tcp log group 1 accept\n"
				  "log group 1 accept\n");
	assert_chain(&box.plan.outer, "forward",
		     "type filter hook forward priority 0; policy accept;\n"
		     "iif \"outer\" ct state invalid,untracked drop\n"
		     "iif \"outer\" ct state established,related accept\n"
		     "iif \"outer\" ip daddr 10.1.0.0/16 meta l4proto tcp reject with tcp reset\n"
		     "iif \"outer\" meta l4proto tcp accept\n"
		     "iif \"outer\" accept\n"
		     "oif \"outer\" ct state established,related accept\n"
		     "oif \"outer\" ct status dnat accept\n"
		     "oif \"outer\" drop\n");
	assert_chain(&box.plan.outer, "input",
		     "type filter hook input priority 0; policy accept;\n"
		     "iif != \"outer\" accept\n"
		     "ct state established,related accept\n"
		     "meta l4proto tcp reject with tcp reset\n"
		     "reject with icmpx admin-prohibited\n");
	assert_chain(&box.plan.outer, "antispoof",
		     "type filter hook prerouting priority -300; policy accept;\n"
		     "iif != \"outer\" accept\n"
		     "ip saddr 10.200.114.3 accept\n"
		     "drop\n");
}

/* ---- forwarding, published ports ---- */

TEST(forwarding_that_we_switch_on_is_for_jails_alone)
{
	container_allow(&box, "cidr=1.1.1.1");
	container_plan(&box);
	assert_chain(&box.plan.outer, "forward",
		     "type filter hook forward priority 0; policy accept;\n"
		     "iif \"outer\" ct state invalid,untracked drop\n"
		     "iif \"outer\" ct state established,related accept\n"
		     "iif \"outer\" oif != \"outer\" ip daddr 1.1.1.1 meta l4proto tcp accept\n"
		     "iif \"outer\" meta l4proto tcp reject with tcp reset\n"
		     "iif \"outer\" reject with icmpx admin-prohibited\n"
		     "oif \"outer\" ct state established,related accept\n"
		     "oif \"outer\" ct status dnat accept\n"
		     "oif \"outer\" drop\n"
		     "iif \"eth0\" ct state established,related accept\n"
		     "iif \"eth0\" ct status dnat accept\n"
		     "iif \"eth0\" drop\n");
}

TEST(publishes_on_every_address)
{
	container_publish(&box, NULL, 80, 8080, IPPROTO_TCP);
	container_plan(&box);
	assert_chain(&box.plan.outer, "publish",
		     "type nat hook prerouting priority -100; policy accept;\n"
		     "iif != \"outer\" fib daddr type local meta nfproto ipv4 tcp dport 80 "
		     "dnat ip to 10.200.114.3:8080\n");
	assert_chain(&box.plan.outer, "publish_here",
		     "type nat hook output priority -100; policy accept;\n"
		     "ip daddr 127.0.0.0/8 accept\n"
		     "ip6 daddr ::1 accept\n"
		     "fib daddr type local meta nfproto ipv4 tcp dport 80 "
		     "dnat ip to 10.200.114.3:8080\n");
}

TEST(publishes_on_one_address)
{
	container_publish(&box, "172.17.0.2", 53, 53, IPPROTO_UDP);
	container_plan(&box);
	assert_chain(
		&box.plan.outer, "publish",
		"type nat hook prerouting priority -100; policy accept;\n"
		"iif != \"outer\" ip daddr 172.17.0.2 udp dport 53 dnat ip to 10.200.114.3:53\n");
	container_publish(&box, "2001:db8:1::2", 53, 53, IPPROTO_UDP);
	container_refuses(&box,
			  "plan: --publish: this container has no IPv6 address. Publish at an IPv4 "
			  "address, or at none");
}

TEST(publishes_by_ipv6_where_it_is_forwarded)
{
	container_add_ipv6(&box);
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_plan(&box);
	assert_chain(&box.plan.outer, "publish",
		     "type nat hook prerouting priority -100; policy accept;\n"
		     "iif != \"outer\" fib daddr type local meta nfproto ipv4 tcp dport 80 "
		     "dnat ip to 10.200.114.3:80\n");
	box.facts.net.ipv6_forwards = true;
	container_plan(&box);
	assert_chain(&box.plan.outer, "publish",
		     "type nat hook prerouting priority -100; policy accept;\n"
		     "iif != \"outer\" fib daddr type local meta nfproto ipv4 tcp dport 80 "
		     "dnat ip to 10.200.114.3:80\n"
		     "iif != \"outer\" fib daddr type local meta nfproto ipv6 tcp dport 80 "
		     "dnat ip6 to [fd62:6f75:6e64:6172::3]:80\n");
	box.facts.net.ipv6_forwards = false;
	container_publish(&box, "2001:db8:1::2", 443, 8443,
			  IPPROTO_TCP); /* makes us switch it on */
	box.options.publish[0].protocol = IPPROTO_UDP;
	container_plan(&box);
	assert_chain(&box.plan.outer, "publish",
		     "type nat hook prerouting priority -100; policy accept;\n"
		     "iif != \"outer\" fib daddr type local meta nfproto ipv4 udp dport 80 "
		     "dnat ip to 10.200.114.3:80\n"
		     "iif != \"outer\" fib daddr type local meta nfproto ipv6 udp dport 80 "
		     "dnat ip6 to [fd62:6f75:6e64:6172::3]:80\n"
		     "iif != \"outer\" ip6 daddr 2001:db8:1::2 tcp dport 443 "
		     "dnat ip6 to [fd62:6f75:6e64:6172::3]:8443\n");
}

TEST(more_rules_than_fit_are_refused)
{
	static const char sixteen[] = "cidr=1.1.1.1 port=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16";

	for (unsigned int i = 0; i < 30; i++)
		container_allow(&box, sixteen);
	container_plan(&box);
	for (unsigned int i = 0; i < 2; i++)
		container_allow(&box, sixteen);
	container_refuses(
		&box,
		"rule: policy: more than 512 rules of nf_tables are needed. Join ports to ranges "
		"and neighbouring addresses with a length");
}

TEST(a_policy_of_some_size_fits)
{
	for (unsigned int i = 0; i < 128; i++)
		container_allow(&box, "cidr=1.1.1.1 port=1,2,3");
	for (unsigned int i = 0; i < PLAN_HOSTS; i++) {
		char address[16];

		snprintf(address, sizeof(address), "10.0.0.%u", i);
		container_add_host(&box, address);
	}
	container_plan(&box);
	assert_in_range(box.plan.inner.rule_count, 3 * 128 + PLAN_HOSTS, NFT_RULES);
	assert_in_range(box.plan.outer.rule_count, 3 * 128, NFT_RULES);
}

TEST(an_appended_rule_is_the_last)
{
	static struct nft_ruleset set;
	struct nft_rule rule = { .verdict = NFT_DROP_PACKET };

	for (unsigned int i = 0; i < NFT_RULES; i++) {
		rule.in = i;
		assert_true(nft_rule_append(&set, &rule));
		assert_int_equal(set.rule_count, i + 1);
		assert_memory_equal(&set.rules[i], &rule, sizeof(rule));
	}
	assert_false(nft_rule_append(&set, &rule));
	assert_int_equal(set.rule_count, NFT_RULES);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_tables_have_our_name),
		T(the_chains_are_these),
		T(rules_are_grouped_in_the_order_of_chains),
		T(without_rules_the_agent_reaches_nothing),
		T(nothing_but_the_jail_s_address_comes_over_the_wire),
		T(no_service_of_the_container_is_reached),
		T(what_leaves_has_the_container_s_address),
		T(the_policy_stands_on_both_sides),
		T(dns_and_names_are_led_to_the_gate),
		T(without_a_pool_dns_is_led_to_the_gate_all_the_same),
		T(rules_by_name_are_none_of_nf_tables),
		T(a_resolver_that_a_rule_names_is_asked_directly),
		T(hosts_have_names_too),
		T(a_host_that_a_rule_by_address_allows_is_reached_directly),
		T(what_is_denied_by_address_stands_before_what_is_allowed),
		T(only_refusals_in_the_jail_are_logged),
		T(without_nflog_another_policy_logs_nothing_either),
		T(to_observe_is_to_let_out_and_log),
		T(forwarding_that_we_switch_on_is_for_jails_alone),
		T(publishes_on_every_address),
		T(publishes_on_one_address),
		T(publishes_by_ipv6_where_it_is_forwarded),
		T(more_rules_than_fit_are_refused),
		T(a_policy_of_some_size_fits),
		T(an_appended_rule_is_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
