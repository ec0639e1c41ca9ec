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

TEST(both_tables_have_our_name)
{
	container_plan(&box);
	assert_string_equal(box.plan.inner.table, "boundary_init_0");
	assert_string_equal(box.plan.outer.table, "boundary_init_0");
}

TEST(the_chains_are_these)
{
	container_plan(&box);
	assert_chains(&box.plan.inner, "output ");
	assert_chains(&box.plan.outer, "antispoof input forward postrouting ");
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_plan(&box);
	assert_chains(&box.plan.inner, "output ");
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
	assert_chain(&box.plan.inner, "output",
		     "type filter hook output priority 0; policy drop;\n"
		     "oif \"lo\" accept\n"
		     "oif \"inner\" ct state established,related accept\n"
		     "meta l4proto tcp reject with tcp reset\n"
		     "reject with icmpx admin-prohibited\n");
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
		     "type filter hook output priority 0; policy drop;\n"
		     "oif \"lo\" accept\n"
		     "oif \"inner\" ct state established,related accept\n"
		     "oif \"inner\" ip daddr 1.1.1.1 udp dport 53 accept\n"
		     "oif \"inner\" ip daddr 10.8.0.0/15 tcp dport 80 accept\n"
		     "oif \"inner\" ip daddr 10.8.0.0/15 tcp dport 443 accept\n"
		     "oif \"inner\" ip daddr 10.8.0.0/15 tcp dport 8000-8999 accept\n"
		     "oif \"inner\" ip6 daddr 2001:db8::/32 meta l4proto tcp accept\n"
		     "oif \"inner\" meta nfproto ipv4 meta l4proto icmp accept\n"
		     "oif \"inner\" ip6 daddr 2001:db8::/32 meta l4proto ipv6-icmp accept\n"
		     "oif \"inner\" meta nfproto ipv4 tcp dport 22 accept\n"
		     "oif \"inner\" icmpv6 type 135-136 accept\n"
		     "meta l4proto tcp reject with tcp reset\n"
		     "reject with icmpx admin-prohibited\n");
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

TEST(all_128_rules_fit)
{
	for (unsigned int i = 0; i < POLICY_RULES; i++)
		container_allow(&box, "cidr=1.1.1.1 port=1,2,3");
	container_plan(&box);
	assert_in_range(box.plan.outer.rule_count, 3 * POLICY_RULES, NFT_RULES);
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
		T(forwarding_that_we_switch_on_is_for_jails_alone),
		T(publishes_on_every_address),
		T(publishes_on_one_address),
		T(publishes_by_ipv6_where_it_is_forwarded),
		T(more_rules_than_fit_are_refused),
		T(all_128_rules_fit),
		T(an_appended_rule_is_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
