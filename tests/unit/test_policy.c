/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <netinet/in.h>

#include "init/policy.h"

static struct rule rule;
static struct failure failure;

static const char *show_protocol(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		return "?";
	}
}

/* "10.0.0.0/8 tcp 80 443-444" */
static const char *show_rule(const struct rule *r)
{
	static char shown[512];
	struct text t = TEXT_OVER(shown);

	prefix_print(&t, &r->cidr);
	text_printf(&t, " %s", show_protocol(r->protocol));
	for (unsigned int i = 0; i < r->port_count; i++) {
		text_printf(&t, " %u", r->ports[i].first);
		if (r->ports[i].last != r->ports[i].first)
			text_printf(&t, "-%u", r->ports[i].last);
	}
	return shown;
}

static const struct {
	const char *text, *means;
} good[] = {
	{ "cidr=10.0.0.0/8", "10.0.0.0/8 tcp" },
	{ "cidr=10.1.2.3", "10.1.2.3 tcp" },
	{ "cidr=0.0.0.0/0 proto=udp", "0.0.0.0/0 udp" },
	{ "cidr=2001:db8::/32 proto=tcp port=443", "2001:db8::/32 tcp 443" },
	{ "cidr=10.0.0.2/31 port=80,443,8000-8999", "10.0.0.2/31 tcp 80 443 8000-8999" },
	{ "port=80 cidr=10.0.0.0/8", "10.0.0.0/8 tcp 80" },
	{ "port=53 proto=udp cidr=1.1.1.1", "1.1.1.1 udp 53" },
	{ "cidr=10.0.0.0/8 port=*", "10.0.0.0/8 tcp" },
	{ "cidr=10.0.0.0/8 port=1-65535", "10.0.0.0/8 tcp 1-65535" },
	{ "cidr=10.0.0.0/8 port=80-80", "10.0.0.0/8 tcp 80" },
	{ "cidr=10.0.0.0/8 port=0080", "10.0.0.0/8 tcp 80" },
	{ "cidr=10.0.0.0/8 proto=icmp", "10.0.0.0/8 icmp" },
	{ "cidr=2001:db8::/32 proto=icmp", "2001:db8::/32 icmpv6" },
	{ "proto=icmp cidr=::/0", "::/0 icmpv6" },
	{ "  cidr=10.0.0.0/8   port=80  ", "10.0.0.0/8 tcp 80" },
	{ "cidr=::fffe:0:0/96", "::fffe:0:0/96 tcp" }, /* next to the mapped ones */
	{ "cidr=::ffff:0:0:0/80", "::ffff:0:0:0/80 tcp" },
};

TEST(reads_rules)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		memset(&rule, 0xaa, sizeof(rule));
		if (rule_parse(span_of(good[i].text), &rule, &failure) < 0)
			FAIL("'%s' was refused: %s", good[i].text, failure.what);
		assert_string_equal(show_rule(&rule), good[i].means);
		assert_ptr_equal(rule.text.at, good[i].text);
		assert_int_equal(rule.text.length, strlen(good[i].text));
	}
}

TEST(a_rule_ends_with_its_span)
{
	const struct span s = { .at = "cidr=10.0.0.0/16 port=80", .length = 16 };

	assert_int_equal(rule_parse(s, &rule, &failure), 0);
	assert_string_equal(show_rule(&rule), "10.0.0.0/16 tcp");
}

static const char an_address[] = "Write it like 10.1.2.0/24 or 2001:db8::/32";
static const char a_protocol[] = "proto= is tcp, udp or icmp";
static const char a_port[] =
	"port= is a number from 1 to 65535, a range N-M, a list of these with commas, or *";
static const char the_keys[] = "The keys are cidr, proto and port";
static const char the_keys_of_now[] =
	"The keys are cidr, proto and port; this version decides by address, not by name";
static const char a_destination[] =
	"A rule names where it leads, for example cidr=10.1.2.0/24 port=443";
static const char shorter[] = "Shorten the address, or leave the length away for a single host";

static const struct {
	const char *text;
	unsigned int column;
	const char *cause, *remedy;
} bad[] = {
	{ "", 1, "cidr= is missing", a_destination },
	{ "   ", 1, "cidr= is missing", a_destination },
	{ "port=80", 1, "cidr= is missing", a_destination },
	{ "cidr", 1, "not key=value", the_keys },
	{ "cidr=1.2.3.4 80", 14, "not key=value", the_keys },
	{ "cidr=1.2.3.4,port=80", 6, "not an address or address/length", an_address },
	{ "cidr=1.2.3.4\tport=80", 6, "not an address or address/length", an_address },
	{ "cidr=", 6, "not an address or address/length", an_address },
	{ "cidr=10.0.0.0/33", 6, "not an address or address/length", an_address },
	{ "cidr=10.0.0.0/", 6, "not an address or address/length", an_address },
	{ "port=80 cidr=example.com", 14, "not an address or address/length", an_address },
	{ "cidr=::/129", 6, "not an address or address/length", an_address },
	{ "cidr=10.0.0.1/24", 6, "the address has bits behind its length", shorter },
	{ "cidr=2001:db8::1/127", 6, "the address has bits behind its length", shorter },
	{ "cidr=::ffff:10.0.0.0/104", 6,
	  "an IPv4 address in IPv6 form, which never appears on the wire",
	  "Write the IPv4 address itself" },
	{ "cidr=::ffff:0:0/96", 6, "an IPv4 address in IPv6 form, which never appears on the wire",
	  "Write the IPv4 address itself" },
	{ "cidr=::ffff:1.2.3.4", 6, "an IPv4 address in IPv6 form, which never appears on the wire",
	  "Write the IPv4 address itself" },
	{ "cidr=1.2.3.4 proto=sctp", 20, "not a protocol that a rule can allow", a_protocol },
	{ "cidr=1.2.3.4 proto=", 20, "not a protocol that a rule can allow", a_protocol },
	{ "cidr=1.2.3.4 proto=TCP", 20, "not a protocol that a rule can allow", a_protocol },
	{ "cidr=1.2.3.4 port=", 19, "not a port", a_port },
	{ "cidr=1.2.3.4 port=0", 19, "not a port", a_port },
	{ "cidr=1.2.3.4 port=65536", 19, "not a port", a_port },
	{ "cidr=1.2.3.4 port=http", 19, "not a port", a_port },
	{ "cidr=1.2.3.4 port=80,", 22, "not a port", a_port },
	{ "cidr=1.2.3.4 port=80,,81", 22, "not a port", a_port },
	{ "cidr=1.2.3.4 port=80,*", 22, "not a port", a_port },
	{ "cidr=1.2.3.4 port=*,80", 19, "not a port", a_port },
	{ "cidr=1.2.3.4 port=80x", 21, "not a port", a_port },
	{ "cidr=1.2.3.4 port=80-", 19, "not a range of ports", a_port },
	{ "cidr=1.2.3.4 port=7,80-0", 21, "not a range of ports", a_port },
	{ "cidr=1.2.3.4 port=1-2-3", 22, "not a port", a_port },
	{ "cidr=1.2.3.4 port=7,81-80", 21, "the range ends before it begins", a_port },
	{ "cidr=1.2.3.4 port=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", 58,
	  "more than 16 ports and ranges in one rule", "Split it into several rules" },
	{ "cidr=1.2.3.4 cidr=1.2.3.5", 14, "this key stands twice", "Write two rules" },
	{ "proto=tcp cidr=1.2.3.4 proto=tcp", 24, "this key stands twice", "Write two rules" },
	{ "cidr=1.2.3.4 port=* port=80", 21, "this key stands twice", "Write two rules" },
	{ "cidr=1.2.3.4 host=a.b", 14, "an unknown key", the_keys_of_now },
	{ "CIDR=1.2.3.4", 1, "an unknown key", the_keys_of_now },
	{ "=1.2.3.4", 1, "an unknown key", the_keys_of_now },
	{ "cidr=1.2.3.4 proto=icmp port=80", 1, "icmp has no ports", "Leave port= away" },
	{ "port=* proto=icmp cidr=::/0", 1, "icmp has no ports", "Leave port= away" },
};

TEST(refuses_rules_with_column_cause_and_remedy)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		char expected[512];

		snprintf(expected, sizeof(expected), "rule: '%s', column %u: %s. %s", bad[i].text,
			 bad[i].column, bad[i].cause, bad[i].remedy);
		if (strchr(expected, '\t')) { /* what a terminal would act on is shown as hex */
			snprintf(expected, sizeof(expected),
				 "rule: 'cidr=1.2.3.4\\x09port=80', column %u: %s. %s",
				 bad[i].column, bad[i].cause, bad[i].remedy);
		}
		forget_failure(&failure);
		if (rule_parse(span_of(bad[i].text), &rule, &failure) != -1)
			FAIL("'%s' was taken for a rule", bad[i].text);
		assert_failure(&failure, expected);
	}
}

TEST(sixteen_ports_are_not_too_many)
{
	const char *text = "cidr=1.2.3.4 port=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16-20";

	assert_int_equal(rule_parse(span_of(text), &rule, &failure), 0);
	assert_int_equal(rule.port_count, RULE_PORTS);
	assert_string_equal(show_rule(&rule),
			    "1.2.3.4 tcp 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16-20");
}

TEST(a_nul_byte_is_a_byte_like_any_other)
{
	const struct span s = { .at = "cidr=1.2.3.4\0", .length = 13 };

	forget_failure(&failure);
	assert_int_equal(rule_parse(s, &rule, &failure), -1);
	assert_failure(&failure, "rule: 'cidr=1.2.3.4\\x00', column 6: not an address or "
				 "address/length. Write it like 10.1.2.0/24 or 2001:db8::/32");
}

/* Long rules are cut in the message, but what is wrong and where always stands there. */
static void assert_says_where(char filler, size_t length)
{
	char text[512] = "cidr=";
	char *c;

	assert_true(length < sizeof(text));
	memset(text + 5, filler, length - 5);
	forget_failure(&failure);
	assert_int_equal(rule_parse((struct span){ .at = text, .length = length }, &rule, &failure),
			 -1);
	c = strstr(failure.what, ", column 6: not an address or address/length");
	if (!c)
		FAIL("no column in: %s", failure.what);
	assert_int_equal(c[-1], '\''); /* the quote is closed */
}

TEST(a_long_rule_is_cut_and_keeps_its_column)
{
	assert_says_where('x', 100);
	assert_null(strstr(failure.what, "..."));
	assert_says_where('x', 500);
	assert_non_null(strstr(failure.what, "x...', column"));
}

TEST(a_rule_of_unprintable_bytes_keeps_its_column)
{
	assert_says_where('\x01', 40);
	assert_says_where('\x01', 100);
	assert_says_where('\xff', 500);
}

TEST(a_policy_takes_128_rules)
{
	static struct policy policy;

	for (unsigned int i = 0; i < POLICY_RULES; i++) {
		assert_int_equal(policy_add(&policy, span_of("cidr=1.2.3.4"), &failure), 0);
		assert_int_equal(policy.count, i + 1);
	}
	forget_failure(&failure);
	assert_int_equal(policy_add(&policy, span_of("cidr=1.2.3.4"), &failure), -1);
	assert_failure(&failure,
		       "rule: policy: more than 128 rules. Join ports with commas and neighbouring "
		       "addresses with a length");
	assert_int_equal(policy.count, POLICY_RULES);
}

TEST(a_refused_rule_does_not_count)
{
	static struct policy policy;

	assert_int_equal(policy_add(&policy, span_of("cidr=1.2.3.4"), &failure), 0);
	assert_int_equal(policy_add(&policy, span_of("cidr=1.2.3"), &failure), -1);
	assert_int_equal(policy.count, 1);
	assert_int_equal(policy_add(&policy, span_of("cidr=::1"), &failure), 0);
	assert_int_equal(policy.count, 2);
	assert_string_equal(show_rule(&policy.rules[0]), "1.2.3.4 tcp");
	assert_string_equal(show_rule(&policy.rules[1]), "::1 tcp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_rules),
		cmocka_unit_test(a_rule_ends_with_its_span),
		cmocka_unit_test(refuses_rules_with_column_cause_and_remedy),
		cmocka_unit_test(sixteen_ports_are_not_too_many),
		cmocka_unit_test(a_nul_byte_is_a_byte_like_any_other),
		cmocka_unit_test(a_long_rule_is_cut_and_keeps_its_column),
		cmocka_unit_test(a_rule_of_unprintable_bytes_keeps_its_column),
		cmocka_unit_test(a_policy_takes_128_rules),
		cmocka_unit_test(a_refused_rule_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
