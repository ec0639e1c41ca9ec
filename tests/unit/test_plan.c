/* SPDX-License-Identifier: MIT */
/* The wire of the jail: its names, its addresses, its size. */
#include "tests/unit/container.h"

#include <netinet/in.h>
#include <sys/socket.h>

static struct container box;

static int reset(void **state)
{
	(void)state;
	container_reset(&box);
	return 0;
}

/* ---- the wire: names and indices ---- */

#define FIRST_INDEX (1U << 20)

static void assert_wire(const char *name, uint32_t index)
{
	assert_string_equal(box.plan.wire.outer.name, name);
	assert_int_equal(box.plan.wire.outer.index, index);
	assert_string_equal(box.plan.wire.inner.name, "eth0");
	assert_int_equal(box.plan.wire.inner.index, index + 1);
}

TEST(the_wire_has_the_number_of_its_jail)
{
	container_plan(&box);
	assert_wire("jail0", FIRST_INDEX);
	box.facts.instance = 5;
	container_plan(&box);
	assert_wire("jail5", FIRST_INDEX + 10);
	assert_int_equal(box.plan.wire.outer.mac[4], 5);
	assert_int_equal(box.plan.wire.inner.mac[4], 5);
	assert_int_not_equal(box.plan.wire.outer.mac[5], box.plan.wire.inner.mac[5]);
	assert_memory_equal(box.plan.wire.outer.mac, box.plan.wire.inner.mac, 5);
	assert_int_equal(box.plan.wire.outer.mac[0] & 3, 2); /* locally administered, one station */
}

TEST(a_name_that_is_taken_is_left_alone)
{
	container_add_link(&box, 9, "jail0");
	container_plan(&box);
	assert_wire("jail16", FIRST_INDEX + 32);
	assert_int_equal(box.plan.leftover_link, 0);
	container_add_link(&box, 10, "jail16");
	container_plan(&box);
	assert_wire("jail32", FIRST_INDEX + 64);
}

TEST(an_index_that_is_taken_is_left_alone)
{
	container_add_link(&box, FIRST_INDEX, "dummy0");
	container_plan(&box);
	assert_wire("jail16", FIRST_INDEX + 32);
}

TEST(when_every_name_is_taken_there_is_no_plan)
{
	for (unsigned int n = 0; n < 64 * INSTANCES; n += INSTANCES) {
		char name[IF_NAMESIZE];

		snprintf(name, sizeof(name), "jail%u", n);
		container_add_link(&box, 100 + n, name);
	}
	container_refuses(&box,
			  "plan: link: no name is free for the veth pair. Remove links that are "
			  "named jail0, jail1, ...");
}

static struct link_state *add_own_link(unsigned int instance, uint32_t index, const char *name)
{
	struct link_state *l = container_add_link(&box, index, name);

	l->veth = true;
	box.facts.instance = instance;
	container_plan(&box);
	memcpy(l->end.mac, box.plan.wire.outer.mac, sizeof(l->end.mac));
	return l;
}

TEST(a_leftover_link_is_replaced)
{
	struct link_state *l = add_own_link(3, FIRST_INDEX + 6, "jail3");

	container_plan(&box);
	assert_int_equal(box.plan.leftover_link, FIRST_INDEX + 6);
	assert_wire("jail3", FIRST_INDEX + 6);
	l->veth = false; /* somebody else's, with our address */
	container_plan(&box);
	assert_int_equal(box.plan.leftover_link, 0);
	assert_wire("jail19", FIRST_INDEX + 38);
}

TEST(the_link_of_another_jail_is_no_leftover)
{
	add_own_link(3, FIRST_INDEX + 6, "jail3");
	box.facts.instance = 4;
	container_plan(&box);
	assert_int_equal(box.plan.leftover_link, 0);
	assert_wire("jail4", FIRST_INDEX + 8);
}

TEST(a_leftover_table_is_replaced)
{
	container_plan(&box);
	assert_false(box.plan.leftover_table);
	box.facts.table_left = true;
	container_plan(&box);
	assert_true(box.plan.leftover_table);
}

/* ---- the wire: addresses ---- */

static void assert_addresses(unsigned int i, const char *outer, const char *inner)
{
	char buffer[128];
	struct text t = TEXT_OVER(buffer);

	assert_in_range(i, 0, box.plan.wire.address_count - 1);
	prefix_print(&t, &box.plan.wire.outer_addresses[i]);
	assert_string_equal(buffer, outer);
	t = TEXT_OVER(buffer);
	prefix_print(&t, &box.plan.wire.inner_addresses[i]);
	assert_string_equal(buffer, inner);
}

TEST(addresses_are_two_of_a_private_subnet)
{
	container_plan(&box);
	assert_int_equal(box.plan.wire.address_count, 1);
	assert_int_equal(box.plan.wire.family_count, 1);
	assert_addresses(0, "10.200.114.2/31", "10.200.114.3/31");
	box.facts.instance = 15;
	container_plan(&box);
	assert_addresses(0, "10.200.114.32/31", "10.200.114.33/31");
}

TEST(ipv6_addresses_where_the_container_has_some)
{
	container_add_ipv6(&box);
	container_plan(&box);
	assert_int_equal(box.plan.wire.address_count, 3);
	assert_int_equal(box.plan.wire.family_count, 2); /* the link-local one has no route */
	assert_addresses(0, "10.200.114.2/31", "10.200.114.3/31");
	assert_addresses(1, "fd62:6f75:6e64:6172::2/127", "fd62:6f75:6e64:6172::3/127");
	assert_addresses(2, "fe80::1/64", "fe80::2/64");
}

TEST(no_ipv6_where_new_links_have_none)
{
	container_add_ipv6(&box);
	box.facts.ipv6_on_new_links = false;
	container_plan(&box);
	assert_int_equal(box.plan.wire.address_count, 1);
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_plan(&box);
	container_allow(&box, "cidr=::/0");
	container_refuses(&box,
			  "plan: address: IPv6 is switched off for new links, so no IPv6 rule can "
			  "be upheld. Start with --sysctl net.ipv6.conf.default.disable_ipv6=0 "
			  "--sysctl net.ipv6.conf.all.forwarding=1");
	box.facts.net.ipv6 = false; /* then the rule is idle */
	container_plan(&box);
	assert_int_equal(box.plan.wire.address_count, 1);
}

TEST(tells_links_of_ipv6_where_the_kernel_has_it)
{
	container_plan(&box);
	assert_true(box.plan.ipv6_stack);
	box.facts.net.ipv6_stack = false;
	container_plan(&box);
	assert_false(box.plan.ipv6_stack);
}

TEST(a_subnet_that_is_taken_is_left_alone)
{
	container_take(&box, "10.200.114.3");
	container_plan(&box);
	assert_addresses(0, "10.200.114.4/31", "10.200.114.5/31");
	container_take(&box, "10.200.0.0/16");
	container_plan(&box);
	assert_addresses(0, "172.29.114.2/31", "172.29.114.3/31");
	container_take(&box, "172.16.0.0/12");
	container_plan(&box);
	assert_addresses(0, "192.168.214.2/31", "192.168.214.3/31");
	container_take(&box, "192.168.0.0/16");
	container_plan(&box);
	assert_addresses(0, "100.90.114.2/31", "100.90.114.3/31");
	container_take(&box, "100.64.0.0/10");
	container_plan(&box);
	assert_addresses(0, "169.254.214.2/31", "169.254.214.3/31");
	container_take(&box, "169.254.0.0/16");
	container_refuses(
		&box, "plan: address: every IPv4 subnet for the veth pair is in use. Narrow the "
		      "routes of the container or the rules, so that a private subnet is left");
}

TEST(the_last_jail_finds_a_subnet_before_its_own)
{
	box.facts.instance = 15;
	container_take(&box, "10.200.114.32/31");
	container_plan(&box);
	assert_addresses(0, "10.200.114.2/31", "10.200.114.3/31");
}

TEST(a_subnet_that_a_rule_leads_to_is_left_alone)
{
	container_allow(&box, "cidr=10.0.0.0/8");
	container_plan(&box);
	assert_addresses(0, "172.29.114.2/31", "172.29.114.3/31");
	box.policy.count = 0;
	container_allow(&box, "cidr=0.0.0.0/0"); /* leads to the world, not to these two */
	container_plan(&box);
	assert_addresses(0, "10.200.114.2/31", "10.200.114.3/31");
}

TEST(when_every_ipv6_subnet_is_taken_there_is_no_plan)
{
	container_add_ipv6(&box);
	container_take(&box, "fd62:6f75::/32");
	container_plan(&box);
	assert_addresses(1, "fd6a:6169:6c00:7279::2/127", "fd6a:6169:6c00:7279::3/127");
	container_take(&box, "fc00::/7");
	container_refuses(
		&box, "plan: address: every IPv6 subnet for the veth pair is in use. Narrow the "
		      "routes of the container or the rules, so that a private subnet is left");
	box.facts.net.ipv6 = false;
	container_plan(&box);
}

TEST(rules_that_lead_nowhere_leave_a_subnet_free)
{
	container_deny(&box, "cidr=10.0.0.0/8");
	container_allow(&box, "domain=example.com");
	container_plan(&box);
	assert_addresses(0, "10.200.114.2/31", "10.200.114.3/31");
}

TEST(the_mtu_is_the_smallest_on_the_way_out)
{
	struct link_state *more;

	container_plan(&box);
	assert_int_equal(box.plan.wire.mtu, 1500);
	more = container_add_link(&box, 8, "eth1");
	more->mtu = 1400;
	container_plan(&box);
	assert_int_equal(box.plan.wire.mtu, 1400);
	more->up = false;
	container_plan(&box);
	assert_int_equal(box.plan.wire.mtu, 1500);
	more->up = true;
	more->mtu = 576; /* IPv6 needs 1280 */
	container_plan(&box);
	assert_int_equal(box.plan.wire.mtu, 1280);
	box.facts.net.link_count = 1; /* lo, whose 65536 are not for the wire */
	container_plan(&box);
	assert_int_equal(box.plan.wire.mtu, 1500);
}

/* ---- names ---- */

static void assert_pools(const char *ipv4, const char *ipv6)
{
	const char *const expected[] = { ipv4, ipv6 };

	container_plan(&box);
	for (unsigned int i = 0; i < 2; i++) {
		char buffer[64] = "";
		struct text t = TEXT_OVER(buffer);

		if (box.plan.pools[i].address.family)
			prefix_print(&t, &box.plan.pools[i]);
		assert_string_equal(buffer, expected[i]);
	}
}

#define FIRST_POOL6 "fd62:6f75:6e64:6172:6e61:6d65:7300:0/114"

TEST(names_have_addresses_that_no_host_has)
{
	assert_pools("198.18.0.0/18", "");
	container_add_ipv6(&box);
	assert_pools("198.18.0.0/18", FIRST_POOL6);
	box.facts.ipv6_on_new_links = false;
	assert_pools("198.18.0.0/18", "");
	box.facts.ipv6_on_new_links = true;
	box.facts.instance = 9; /* each jail has its own addresses */
	assert_pools("198.18.0.0/18", FIRST_POOL6);
}

TEST(a_pool_that_is_taken_is_left_alone)
{
	container_take(&box, "198.18.63.255");
	assert_pools("198.18.64.0/18", "");
	container_allow(&box, "cidr=198.18.64.0/32");
	assert_pools("198.18.128.0/18", "");
	container_deny(&box, "cidr=198.18.128.0/18"); /* leads nowhere */
	container_allow(&box, "cidr=0.0.0.0/0");
	assert_pools("198.18.128.0/18", "");
	container_take(&box, "198.18.0.0/16");
	assert_pools("198.19.0.0/18", "");
	container_take(&box, "198.19.0.0/17");
	assert_pools("198.19.128.0/18", "");
	container_take(&box, "198.19.128.0/18");
	assert_pools("198.19.192.0/18", "");
}

TEST(an_ipv6_pool_that_is_taken_is_left_alone)
{
	container_add_ipv6(&box);
	container_take(&box, "fd62:6f75:6e64:6172:6e61:6d65:7300:3fff");
	assert_pools("198.18.0.0/18", "fd62:6f75:6e64:6172:6e61:6d65:7300:4000/114");
	container_allow(&box, "cidr=fd62:6f75::/32");
	assert_pools("198.18.0.0/18", "fd6a:6169:6c00:7279:6e61:6d65:7300:0/114");
	container_take(&box, "fd6a:6169:6c00:7279:6e61:6d65:7300:0/113");
	assert_pools("198.18.0.0/18", "fd6a:6169:6c00:7279:6e61:6d65:7300:8000/114");
	container_take(&box, "fd6a:6169:6c00:7279:6e61:6d65:7300:8000/113");
	assert_pools("198.18.0.0/18", ""); /* IPv4 is enough */
}

TEST(without_a_pool_no_rule_by_name_can_be_upheld)
{
	container_take(&box, "198.18.0.0/15");
	container_allow(&box, "cidr=1.1.1.1");
	container_deny(&box, "domain=example.com");
	assert_pools("", "");
	container_allow(&box, "domain=example.com");
	container_refuses(
		&box, "plan: address: every IPv4 subnet for names is in use. Narrow the routes of "
		      "the container or the rules, so that a private subnet is left");
}

static void assert_hosts(const char *expected)
{
	struct text t = TEXT_OVER(box.text);

	container_plan(&box);
	for (unsigned int i = 0; i < box.plan.host_count; i++) {
		text_printf(&t, i > 0 ? " " : "");
		prefix_print(&t, &box.plan.hosts[i]);
	}
	assert_string_equal(box.text, expected);
}

/* What Docker writes into /etc/hosts, and what else cannot be one host somewhere else. */
TEST(hosts_are_those_that_are_elsewhere)
{
	static const char *const file[] = {
		"127.0.0.1",
		"::1",
		"fe00::",
		"ff00::",
		"ff02::1",
		"172.17.0.2",
		"0.0.0.0",
		"::",
		"10.0.0.5",
		"10.0.0.5",
		"224.0.0.1",
		"255.255.255.255",
		"127.0.1.1",
		"fe80::1",
		"198.18.0.1",
		"198.19.0.1",
		"2001:db8::5",
		"2001:db8::5",
		"fd62:6f75:6e64:6172:6e61:6d65:7300:1",
		"223.1.1.1",
		"::2",
		"fd00::1",
	};

	for (unsigned int i = 0; i < COUNT(file); i++)
		container_add_host(&box, file[i]);
	assert_hosts("172.17.0.2 10.0.0.5 198.19.0.1 223.1.1.1");
	container_add_ipv6(&box);
	assert_hosts("172.17.0.2 10.0.0.5 198.19.0.1 2001:db8::5 223.1.1.1 fd00::1");
}

TEST(so_many_hosts_and_no_more)
{
	char address[16];

	for (unsigned int i = 0; i < PLAN_HOSTS + 10; i++) {
		snprintf(address, sizeof(address), "10.0.0.%u", i);
		container_add_host(&box, address);
	}
	container_plan(&box);
	assert_int_equal(box.plan.host_count, PLAN_HOSTS);
	assert_int_equal(box.plan.hosts[PLAN_HOSTS - 1].address.bytes[3], PLAN_HOSTS - 1);
}

/* ---- rules that can match nothing ---- */

TEST(an_ipv6_rule_is_idle_without_an_ipv6_address)
{
	static const char rule[] = "cidr=2001:db8::/32 port=443";

	container_allow(&box, "cidr=1.1.1.1");
	container_plan(&box);
	assert_int_equal(box.plan.idle_rule.length, 0);
	container_allow(&box, rule);
	container_plan(&box);
	assert_int_equal(box.plan.idle_rule.length, sizeof(rule) - 1);
	assert_memory_equal(box.plan.idle_rule.at, rule, sizeof(rule) - 1);
	container_add_ipv6(&box);
	container_plan(&box);
	assert_int_equal(box.plan.idle_rule.length, 0);
}

/* ---- forwarding ---- */

TEST(forwards_the_families_that_rules_by_address_allow)
{
	container_add_ipv6(&box);
	container_deny(&box, "cidr=1.1.1.1");
	container_deny(&box, "cidr=2001:db8::1");
	container_allow(&box, "domain=example.com");
	container_plan(&box);
	assert_false(box.plan.forward_ipv4);
	assert_false(box.plan.forward.ipv6);
	assert_int_equal(box.plan.forward.count, 0);
	container_allow(&box, "cidr=2001:db8::1");
	container_plan(&box);
	assert_false(box.plan.forward_ipv4);
	assert_true(box.plan.forward.ipv6);
	container_allow(&box, "cidr=1.1.1.1");
	container_plan(&box);
	assert_true(box.plan.forward_ipv4);
	assert_int_equal(box.plan.forward.count, 1);
}

TEST(to_observe_is_to_forward_what_can_be_forwarded)
{
	box.options.observe = true;
	container_plan(&box);
	assert_true(box.plan.forward_ipv4);
	assert_false(box.plan.forward.ipv6);
	container_add_ipv6(&box);
	container_plan(&box);
	assert_true(box.plan.forward_ipv4);
	assert_true(box.plan.forward.ipv6);
	box.facts.ipv6_on_new_links = false; /* asked for by nobody, so no reason to refuse */
	container_plan(&box);
	assert_false(box.plan.forward.ipv6);
	assert_int_equal(box.plan.wire.family_count, 1);
}

/* ---- another policy ---- */

#define NOT_YET                                                                   \
	"it needs forwarding or other addresses, which are set up at the start. " \
	"Start the container anew with this rule"

static void assert_change(const char *rule, const char *refused)
{
	box.policy.count = 0;
	container_allow(&box, rule);
	assert_int_equal(container_change(&box), refused ? -1 : 0);
	if (refused)
		assert_failure(&box.failure, refused);
}

TEST(another_policy_needs_no_more_than_other_rules)
{
	container_add_ipv6(&box);
	container_allow(&box, "cidr=1.1.1.1");
	container_plan(&box);
	assert_change("cidr=8.8.8.8", NULL);
	assert_change("cidr=0.0.0.0/0", NULL);
	assert_change("domain=example.com", NULL);
	assert_change("cidr=2001:db8::/32", "rule: 'cidr=2001:db8::/32': " NOT_YET);
	assert_change("cidr=198.18.0.0/16", "rule: 'cidr=198.18.0.0/16': " NOT_YET);
	assert_change("cidr=10.200.114.2", "rule: 'cidr=10.200.114.2': " NOT_YET);
	box.policy.count = 0;
	container_deny(&box, "cidr=2001:db8::/32");
	container_deny(&box, "cidr=198.18.0.0/16");
	assert_int_equal(container_change(&box), 0);
}

TEST(a_first_rule_by_address_needs_another_start)
{
	container_plan(&box);
	assert_change("cidr=1.1.1.1", "rule: 'cidr=1.1.1.1': " NOT_YET);
	assert_change("cidr=2001:db8::1", NULL); /* idle, as at the start: there is no IPv6 */
	box.policy.count = 0;
	box.options.observe = true;
	container_plan(&box);
	assert_change("cidr=1.1.1.1", NULL);
}

TEST(ipv6_that_is_forwarded_anyway_is_there_for_later_rules)
{
	container_add_ipv6(&box);
	box.facts.net.ipv6_forwards = true;
	container_plan(&box);
	assert_change("cidr=2001:db8::1", NULL);
	assert_change("cidr=fd62:6f75:6e64:6172::/64",
		      "rule: 'cidr=fd62:6f75:6e64:6172::/64': " NOT_YET);
	box.policy.count = 0;
	box.facts.ipv6_on_new_links = false;
	container_plan(&box);
	assert_change("cidr=2001:db8::1", "rule: 'cidr=2001:db8::1': " NOT_YET);
}

/* Everything that preflight found may have been given back by then. */
TEST(another_policy_needs_no_facts)
{
	static struct nft_ruleset inner, outer;

	container_add_ipv6(&box);
	container_add_host(&box, "10.0.0.5");
	container_allow(&box, "cidr=1.1.1.1");
	container_allow(&box, "cidr=2001:db8::1");
	container_plan(&box);
	inner = box.plan.inner;
	outer = box.plan.outer;
	memset(&box.facts.net, 0, sizeof(box.facts.net));
	memset(&box.plan.inner.rules, 0, sizeof(inner.rules));
	memset(&box.plan.outer.rules, 0, sizeof(outer.rules));
	assert_int_equal(container_change(&box), 0);
	assert_memory_equal(&box.plan.inner, &inner, sizeof(inner));
	assert_memory_equal(&box.plan.outer, &outer, sizeof(outer));
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_wire_has_the_number_of_its_jail),
		T(a_name_that_is_taken_is_left_alone),
		T(an_index_that_is_taken_is_left_alone),
		T(when_every_name_is_taken_there_is_no_plan),
		T(a_leftover_link_is_replaced),
		T(the_link_of_another_jail_is_no_leftover),
		T(a_leftover_table_is_replaced),
		T(addresses_are_two_of_a_private_subnet),
		T(ipv6_addresses_where_the_container_has_some),
		T(no_ipv6_where_new_links_have_none),
		T(tells_links_of_ipv6_where_the_kernel_has_it),
		T(a_subnet_that_is_taken_is_left_alone),
		T(the_last_jail_finds_a_subnet_before_its_own),
		T(a_subnet_that_a_rule_leads_to_is_left_alone),
		T(when_every_ipv6_subnet_is_taken_there_is_no_plan),
		T(rules_that_lead_nowhere_leave_a_subnet_free),
		T(the_mtu_is_the_smallest_on_the_way_out),
		T(names_have_addresses_that_no_host_has),
		T(a_pool_that_is_taken_is_left_alone),
		T(an_ipv6_pool_that_is_taken_is_left_alone),
		T(without_a_pool_no_rule_by_name_can_be_upheld),
		T(hosts_are_those_that_are_elsewhere),
		T(so_many_hosts_and_no_more),
		T(an_ipv6_rule_is_idle_without_an_ipv6_address),
		T(forwards_the_families_that_rules_by_address_allow),
		T(to_observe_is_to_forward_what_can_be_forwarded),
		T(another_policy_needs_no_more_than_other_rules),
		T(a_first_rule_by_address_needs_another_start),
		T(ipv6_that_is_forwarded_anyway_is_there_for_later_rules),
		T(another_policy_needs_no_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
