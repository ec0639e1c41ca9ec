/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <netinet/in.h>

#include "init/policy.h"

static struct rule rule;
static struct policy policy;
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

static void show_list(struct text *t, const char *key, struct span list)
{
	if (list.length > 0)
		text_printf(t, " %s=%.*s", key, (int)list.length, list.at);
}

/* "10.0.0.0/8 tcp 80 443-444", "name domain=a.b method=GET any-protocol private" */
static const char *show_rule(const struct rule *r)
{
	static char shown[1024];
	struct text t = TEXT_OVER(shown);

	if (r->deny)
		text_printf(&t, "deny ");
	if (r->cidr.address.family) {
		prefix_print(&t, &r->cidr);
		text_printf(&t, " %s", show_protocol(r->protocol));
	} else {
		text_printf(&t, "name");
	}
	show_list(&t, "domain", r->domain);
	show_list(&t, "method", r->method);
	show_list(&t, "path", r->path);
	for (unsigned int i = 0; i < r->port_count; i++) {
		text_printf(&t, " %u", r->ports[i].first);
		if (r->ports[i].last != r->ports[i].first)
			text_printf(&t, "-%u", r->ports[i].last);
	}
	if (r->any_protocol && !r->cidr.address.family)
		text_printf(&t, " any-protocol");
	if (r->private_too)
		text_printf(&t, " private");
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
	{ "\tcidr=10.0.0.0/8\tport=80 \t", "10.0.0.0/8 tcp 80" },
	{ "cidr=::fffe:0:0/96", "::fffe:0:0/96 tcp" }, /* next to the mapped ones */
	{ "cidr=::ffff:0:0:0/80", "::ffff:0:0:0/80 tcp" },

	{ "domain=api.example.com", "name domain=api.example.com" },
	{ "domain=API.Example.COM", "name domain=API.Example.COM" },
	{ "domain=a,b.c", "name domain=a,b.c" },
	{ "domain=example.com.", "name domain=example.com." },
	{ "domain=*", "name" },
	{ "domain=a.b,*", "name" },
	{ "domain=*.example.com", "name domain=*.example.com" },
	{ "domain=*.*.com", "name domain=*.*.com" },
	{ "domain=a.*.com", "name domain=a.*.com" },
	{ "domain=_dmarc.x_y.com", "name domain=_dmarc.x_y.com" },
	{ "domain=1.2.3.com", "name domain=1.2.3.com" },
	{ "domain=xn--bcher-kva.example", "name domain=xn--bcher-kva.example" },
	{ "domain=a.b port=*", "name domain=a.b any-protocol" },
	{ "domain=a.b port=22,80-90", "name domain=a.b 22 80-90 any-protocol" },
	{ "port=443", "name 443 any-protocol" },
	{ "private=yes domain=a.b", "name domain=a.b private" },
	{ "method=GET", "name method=GET" },
	{ "method=AZ09", "name method=AZ09" },
	{ "method=GET,HEAD,X-1", "name method=GET,HEAD,X-1" },
	{ "method=A!#$%&'+-.^_`|~9", "name method=A!#$%&'+-.^_`|~9" },
	{ "method=*", "name" },
	{ "method=GET,*", "name" },
	{ "path=/", "name path=/" },
	{ "path=*", "name" },
	{ "path=/*", "name" },
	{ "path=/a,*", "name" },
	{ "path=/a/*", "name path=/a/*" },
	{ "path=a/b", "name path=a/b" },
	{ "path=/a/", "name path=/a/" },
	{ "path=/a/*/b,/c", "name path=/a/*/b,/c" },
	{ "path=/%41%2a%C3%A9", "name path=/%41%2a%C3%A9" },
	{ "path=/.../..a/.b", "name path=/.../..a/.b" },
	{ "path=/azAZ09", "name path=/azAZ09" },
	{ "path=/-._~!$&'()+;=:@", "name path=/-._~!$&'()+;=:@" },
	{ "domain=a.b method=GET path=/x port=80 private=yes",
	  "name domain=a.b method=GET path=/x 80 any-protocol private" },
};

/* One rule by itself. */
static int rule_parse(struct span text, bool deny, struct rule *r, struct failure *f)
{
	int status;

	policy.count = 0;
	status = policy_add(&policy, text, deny, f);
	*r = policy.rules[0];
	policy.count = 0;
	return status;
}

TEST(reads_rules)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		memset(policy.rules, 0xaa, sizeof(rule));
		if (rule_parse(span_of(good[i].text), false, &rule, &failure) < 0)
			FAIL("'%s' was refused: %s", good[i].text, failure.what);
		assert_string_equal(show_rule(&rule), good[i].means);
		assert_ptr_equal(rule.text.at, good[i].text);
		assert_int_equal(rule.text.length, strlen(good[i].text));
	}
}

TEST(spaces_tabs_and_crs_are_blanks)
{
	assert_int_equal(rule_parse(span_of("\rdomain=a.b\r\t port=22\r"), false, &rule, &failure),
			 0);
	assert_string_equal(show_rule(&rule), "name domain=a.b 22 any-protocol");
}

TEST(a_rule_ends_with_its_span)
{
	const struct span s = { .at = "cidr=10.0.0.0/16 port=80", .length = 16 };

	assert_int_equal(rule_parse(s, true, &rule, &failure), 0);
	assert_string_equal(show_rule(&rule), "deny 10.0.0.0/16 tcp");
}

#define KEYS ". The keys are domain, method, path, port and private; or cidr, proto, port"
#define WHERE ". Write it like domain=api.example.com or cidr=10.1.2.0/24 port=443"
#define NOWHERE "it does not say where it leads" WHERE
#define TOGETHER "cidr=, proto= and port= go together" WHERE
#define TWICE "this key stands twice" KEYS
#define PAIR "not a key and =value" KEYS
#define CIDR ". Write it like 10.1.2.0/24, 10.1.2.3 or 2001:db8::/32"
#define PROTO "not a protocol. Protocols are tcp, udp and icmp"
#define PORTS ". Write N, N-M, lists of these with commas, or *"
#define PORT "not a port or a range of ports" PORTS
#define DOMAIN                                                                                   \
	"not allowed here. Write it like api.example.com, *.example.com or in punycode (xn--); " \
	"the rest goes by cidr=, port= and path="
#define METHOD "not allowed here. Methods are like GET,HEAD, in upper case; or *"
#define PATH                                                                                     \
	"not allowed here. Write it like /api/*/users or /api/*, special bytes as %XX, without " \
	"query, . and .."
#define PRIVATE "not yes, or in a deny rule. Write private=yes, or leave it away"

static const struct {
	const char *text;
	unsigned int column;
	const char *cause;
} bad[] = {
	{ "", 1, NOWHERE },
	{ "   ", 1, NOWHERE },
	{ "private=yes", 1, NOWHERE }, /* it would allow everything */
	{ "cidr", 1, PAIR },
	{ "domain", 1, PAIR },
	{ "cidr=1.2.3.4 80", 14, PAIR },
	{ "cidr=1.2.3.4 host=a.b", 14, PAIR },
	{ "CIDR=1.2.3.4", 1, PAIR },
	{ "=1.2.3.4", 1, PAIR },
	{ "domain=wibble.wobble.com, path=/posts/*", 26, DOMAIN },
	{ "domain = a.b", 1, PAIR },

	{ "cidr=1.2.3.4,port=80", 6, "not an address or address/length" CIDR },
	{ "cidr=", 6, "not an address or address/length" CIDR },
	{ "cidr=10.0.0.0/33", 6, "not an address or address/length" CIDR },
	{ "cidr=10.0.0.0/", 6, "not an address or address/length" CIDR },
	{ "port=80 cidr=example.com", 14, "not an address or address/length" CIDR },
	{ "cidr=::/129", 6, "not an address or address/length" CIDR },
	{ "cidr=10.0.0.1/24", 6, "the address has bits behind its length" CIDR },
	{ "cidr=2001:db8::1/127", 6, "the address has bits behind its length" CIDR },
	{ "cidr=::ffff:10.0.0.0/104", 6, "an IPv4 address in IPv6 form" CIDR },
	{ "cidr=::ffff:0:0/96", 6, "an IPv4 address in IPv6 form" CIDR },
	{ "cidr=::ffff:1.2.3.4", 6, "an IPv4 address in IPv6 form" CIDR },
	{ "cidr=1.2.3.4 proto=sctp", 20, PROTO },
	{ "cidr=1.2.3.4 proto=", 20, PROTO },
	{ "cidr=1.2.3.4 proto=TCP", 20, PROTO },
	{ "cidr=1.2.3.4 port=", 19, PORT },
	{ "cidr=1.2.3.4 port=0", 19, PORT },
	{ "cidr=1.2.3.4 port=65536", 19, PORT },
	{ "cidr=1.2.3.4 port=http", 19, PORT },
	{ "cidr=1.2.3.4 port=80,", 22, PORT },
	{ "cidr=1.2.3.4 port=80,,81", 22, PORT },
	{ "cidr=1.2.3.4 port=80,*", 22, PORT },
	{ "cidr=1.2.3.4 port=*,80", 19, PORT },
	{ "cidr=1.2.3.4 port=80x", 19, PORT },
	{ "cidr=1.2.3.4 port=80-", 19, PORT },
	{ "cidr=1.2.3.4 port=7,80-0", 21, PORT },
	{ "cidr=1.2.3.4 port=1-2-3", 19, PORT },
	{ "cidr=1.2.3.4 port=7,81-80", 21, PORT },
	{ "cidr=1.2.3.4 port=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", 58,
	  "more than 16 ports and ranges: write two rules" PORTS },
	{ "cidr=1.2.3.4 proto=icmp port=80", 1, "icmp has no ports" WHERE },
	{ "port=* proto=icmp cidr=::/0", 1, "icmp has no ports" WHERE },

	{ "cidr=1.2.3.4 cidr=1.2.3.5", 14, TWICE },
	{ "proto=tcp cidr=1.2.3.4 proto=tcp", 24, TWICE },
	{ "cidr=1.2.3.4 port=* port=80", 21, TWICE },
	{ "domain=a.b domain=c.d", 12, TWICE },
	{ "method=GET domain=a.b method=POST", 23, TWICE },
	{ "path=/a path=/b", 9, TWICE },
	{ "domain=a.b private=yes private=yes", 24, TWICE },

	{ "cidr=1.2.3.4 domain=a.b", 1, TOGETHER },
	{ "domain=* cidr=1.2.3.4", 1, TOGETHER }, /* although it stands for any */
	{ "cidr=1.2.3.4 method=GET", 1, TOGETHER },
	{ "cidr=1.2.3.4 path=/a", 1, TOGETHER },
	{ "cidr=1.2.3.4 private=yes", 1, TOGETHER },
	{ "domain=a.b proto=udp", 1, TOGETHER },
	{ "proto=udp", 1, TOGETHER },
	{ "proto=tcp port=80", 1, TOGETHER },
	{ "domain=a.b private=no", 20, PRIVATE },
	{ "domain=a.b private=", 20, PRIVATE },
	{ "domain=a.b private=YES", 20, PRIVATE },

	{ "domain=", 8, DOMAIN },
	{ "domain=.", 8, DOMAIN },
	{ "domain=.a", 8, DOMAIN },
	{ "domain=a..b", 10, DOMAIN },
	{ "domain=a..", 10, DOMAIN },
	{ "domain=a,", 10, DOMAIN },
	{ "domain=,a", 8, DOMAIN },
	{ "domain=a,,b", 10, DOMAIN },
	{ "domain=-a.b", 8, DOMAIN },
	{ "domain=a.b-.c", 10, DOMAIN },
	{ "domain=-", 8, DOMAIN },
	{ "domain=a*.com", 9, DOMAIN },
	{ "domain=*a.com", 8, DOMAIN },
	{ "domain=**.com", 8, DOMAIN },
	{ "domain=github.*", 15, DOMAIN },
	{ "domain=*.*", 10, DOMAIN },
	{ "domain=*.", 8, DOMAIN },
	{ "domain=10.0.0.1", 15, DOMAIN },
	{ "domain=10.1", 11, DOMAIN },
	{ "domain=*.0.0.1", 14, DOMAIN },
	{ "domain=2130706433", 8, DOMAIN },
	{ "domain=::1", 8, DOMAIN },
	{ "domain=[::1]", 8, DOMAIN },
	{ "domain=10.0.0.0/8", 16, DOMAIN },
	{ "domain=a.com:443", 13, DOMAIN },
	{ "domain=https://a.com/", 13, DOMAIN },
	{ "domain=a.com/x", 13, DOMAIN },
	{ "domain=user@a.com", 12, DOMAIN },
	{ "domain=[.b", 8, DOMAIN }, /* next to Z, z, A and a */
	{ "domain={.b", 8, DOMAIN },
	{ "domain=@.b", 8, DOMAIN },
	{ "domain=`.b", 8, DOMAIN },
	{ "domain=a/b", 9, DOMAIN },
	{ "domain=a:b", 9, DOMAIN },

	{ "method=", 8, METHOD },
	{ "method=get", 8, METHOD },
	{ "method=GET,head", 12, METHOD },
	{ "method=GeT", 9, METHOD },
	{ "method=Ga", 9, METHOD },
	{ "method=Gz", 9, METHOD },
	{ "method=GET,", 12, METHOD },
	{ "method=,GET", 8, METHOD },
	{ "method=GE*", 10, METHOD },
	{ "method=GET;POST", 11, METHOD },
	{ "method=@invalid", 8, METHOD },

	{ "path=", 6, PATH },
	{ "path=/a,", 9, PATH },
	{ "path=,/a", 6, PATH },
	{ "path=//", 7, PATH },
	{ "path=/a//b", 9, PATH },
	{ "path=/x*", 8, PATH },
	{ "path=/*x", 7, PATH },
	{ "path=/**", 7, PATH },
	{ "path=/a/*x/b", 9, PATH },
	{ "path=/.", 7, PATH },
	{ "path=/..", 7, PATH },
	{ "path=/a/../b", 9, PATH },
	{ "path=/a/.", 9, PATH },
	{ "path=./a", 6, PATH },
	{ "path=/%2e%2E/b", 7, PATH },
	{ "path=/a?q", 8, PATH },
	{ "path=/a#q", 8, PATH },
	{ "path=/%", 7, PATH },
	{ "path=/%4", 7, PATH },
	{ "path=/%4g", 7, PATH },
	{ "path=/a%g4", 8, PATH },
	{ "path=/%_1", 7, PATH },
	{ "path=/%2F", 7, PATH },
	{ "path=/a%2fb", 8, PATH },
	{ "path=/%00", 7, PATH },
	{ "path=/a%5C", 8, PATH },
	{ "path=/a%5cb", 8, PATH },
	{ "path=/a[1]", 8, PATH },
	{ "path=/a\"b", 8, PATH },
};

static void refuses(const char *text, size_t length, const char *shown, unsigned int column,
		    const char *cause)
{
	char expected[512];

	snprintf(expected, sizeof(expected), "rule: '%s', column %u: %s", shown, column, cause);
	forget_failure(&failure);
	if (rule_parse((struct span){ text, length }, false, &rule, &failure) != -1)
		FAIL("'%s' was taken for a rule", shown);
	assert_failure(&failure, expected);
}

TEST(refuses_rules_with_column_cause_and_remedy)
{
	for (size_t i = 0; i < COUNT(bad); i++)
		refuses(bad[i].text, strlen(bad[i].text), bad[i].text, bad[i].column, bad[i].cause);
}

/* What a terminal would act on is shown as hex. */
TEST(a_byte_that_is_no_text_is_refused_and_shown)
{
	refuses("domain=a.b\0", 11, "domain=a.b\\x00", 11, DOMAIN);
	refuses("cidr=1.2.3.4\0", 13, "cidr=1.2.3.4\\x00", 6,
		"not an address or address/length" CIDR);
	refuses("method=GET\0", 11, "method=GET\\x00", 11, METHOD);
	refuses("path=/a\\b", 9, "path=/a\\x5cb", 8, PATH);
	refuses("path=/\0", 7, "path=/\\x00", 7, PATH);
	refuses("path=/\xc3\xa9", 8, "path=/\\xc3\\xa9", 7, PATH);
	refuses("domain=b\xc3\xbc"
		"cher.example",
		22, "domain=b\\xc3\\xbccher.example", 9, DOMAIN);
	refuses("domain=\xc1.b", 10, "domain=\\xc1.b", 8, DOMAIN); /* 'A' with a bit more */
	refuses("domain=a.b\n", 11, "domain=a.b\\x0a", 11, DOMAIN);
	refuses("domain=a\v.b", 11, "domain=a\\x0b.b", 9, DOMAIN);
}

TEST(names_and_labels_have_their_longest)
{
	char text[400];
	size_t length = 7;

	memcpy(text, "domain=", 7);
	for (unsigned int i = 0; i < 4; i++) { /* 3 * 64 + 61 = 253 */
		memset(text + length, 'a', 63);
		length += 63;
		text[length++] = '.';
	}
	assert_int_equal(rule_parse((struct span){ text, 7 + 253 }, false, &rule, &failure), 0);
	assert_int_equal(rule_parse((struct span){ text, 7 + 254 }, false, &rule, &failure), -1);
	assert_non_null(strstr(failure.what, ", column 8: "));
	text[7 + 253] = '.'; /* a dot at the end does not count */
	assert_int_equal(rule_parse((struct span){ text, 7 + 254 }, false, &rule, &failure), 0);

	memset(text + 7, 'a', 64);
	assert_int_equal(rule_parse((struct span){ text, 7 + 63 }, false, &rule, &failure), 0);
	assert_int_equal(rule_parse((struct span){ text, 7 + 64 }, false, &rule, &failure), -1);
}

TEST(a_deny_rule_cannot_ask_for_private)
{
	assert_int_equal(rule_parse(span_of("domain=a.b"), true, &rule, &failure), 0);
	assert_string_equal(show_rule(&rule), "deny name domain=a.b");
	assert_int_equal(rule_parse(span_of("domain=a.b private=yes"), true, &rule, &failure), -1);
	assert_failure(&failure, "rule: 'domain=a.b private=yes', column 20: " PRIVATE);
}

TEST(sixteen_ports_are_not_too_many)
{
	const char *text = "cidr=1.2.3.4 port=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16-20";

	assert_int_equal(rule_parse(span_of(text), false, &rule, &failure), 0);
	assert_int_equal(rule.port_count, RULE_PORTS);
	assert_string_equal(show_rule(&rule),
			    "1.2.3.4 tcp 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16-20");
}

/* Long rules are cut in the message, but what is wrong and where always stands there. */
static void assert_says_where(char filler, size_t length)
{
	char text[512] = "cidr=";
	char *c;

	assert_true(length < sizeof(text));
	memset(text + 5, filler, length - 5);
	forget_failure(&failure);
	assert_int_equal(rule_parse((struct span){ .at = text, .length = length }, false, &rule,
				    &failure),
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

/* ---- decisions ---- */

/* Rules with a line break between them; those with "deny " in front deny. */
static void set_policy(const char *rules)
{
	struct cursor lines = cursor_over(span_of(rules));

	policy.count = 0;
	while (!cursor_done(&lines)) {
		struct span line = cursor_take_until(&lines, '\n');
		bool deny = line.length > 5 && memcmp(line.at, "deny ", 5) == 0;

		if (deny) {
			line.at += 5;
			line.length -= 5;
		}
		if (policy_add(&policy, line, deny, &failure) < 0)
			FAIL("%s", failure.what);
	}
}

/* "GET api.example.com:80/path" in plain HTTP, "TLS name:443", "TCP name:22". */
static struct request parse_request(const char *text)
{
	struct request r = { .protocol = REQUEST_HTTP };
	struct cursor c = cursor_over(span_of(text));

	r.method = cursor_take_until(&c, ' ');
	r.name = cursor_take_until(&c, ':');
	assert_true(cursor_take_port(&c, &r.port));
	r.path = cursor_rest(&c);
	if (span_is(r.method, "TLS"))
		r.protocol = REQUEST_TLS;
	else if (span_is(r.method, "TCP"))
		r.protocol = REQUEST_TCP;
	if (r.protocol != REQUEST_HTTP)
		r.method.length = r.path.length = 0;
	return r;
}

static struct verdict decide(const char *text)
{
	const struct request r = parse_request(text);
	struct verdict v = policy_decide(&policy, &r);

	if (v.allowed) { /* what these two promise */
		assert_true(policy_allows_name(&policy, r.name));
		assert_true(policy_allows_port(&policy, r.name, r.port));
	}
	return v;
}

static const struct {
	const char *rules, *request;
	bool allowed;
} decisions[] = {
	/* nothing is allowed by default */
	{ "", "GET a.b:80/", false },
	{ "cidr=0.0.0.0/0", "GET a.b:80/", false },
	{ "cidr=0.0.0.0/0 port=22", "TCP a.b:22", false },

	/* names */
	{ "domain=github.com", "TLS github.com:443", true },
	{ "domain=GitHub.com", "TLS github.com:443", true },
	{ "domain=github.com.", "TLS github.com:443", true },
	{ "domain=AZaz09-_AZ.Z", "TLS azaz09-_az.z:443", true },
	{ "domain=github.com.,gitlab.com", "TLS github.com:443", true },
	{ "domain=github.com,gitlab.com.", "TLS gitlab.com:443", true },
	{ "domain=github.com,gitlab.com", "TLS gitlab.org:443", false },
	{ "domain=github.com", "TLS api.github.com:443", false },
	{ "domain=github.com", "TLS xgithub.com:443", false },
	{ "domain=github.com", "TLS github.comx:443", false },
	{ "domain=github.com", "TLS ithub.com:443", false },
	{ "domain=github.com", "TLS .github.com:443", false },
	{ "domain=github.com", "TLS com:443", false },
	{ "domain=github.com", "TLS :443", false },
	{ "domain=*.github.com", "TLS api.github.com:443", true },
	{ "domain=*.github.com", "TLS v1.api.github.com:443", true },
	{ "domain=*.github.com", "TLS github.com:443", false },
	{ "domain=*.github.com", "TLS xgithub.com:443", false },
	{ "domain=*.github.com", "TLS .github.com:443", false },
	{ "domain=*.github.com", "TLS api.github.org:443", false },
	{ "domain=github.*.com", "TLS github.api.com:443", true },
	{ "domain=github.*.com", "TLS github.a.b.com:443", false },
	{ "domain=github.*.com", "TLS github.com:443", false },
	{ "domain=github.*.com", "TLS github..com:443", false },
	{ "domain=github.*.com", "TLS x.github.api.com:443", false },
	{ "domain=*.*.com", "TLS a.b.com:443", true },
	{ "domain=*.*.com", "TLS a.b.c.com:443", true },
	{ "domain=*.*.com", "TLS b.com:443", false },
	{ "domain=api.*.com", "TLS api.v1.github.com:443", false },
	{ "domain=*", "TLS a.b:443", true },
	{ "domain=*", "TLS localhost:443", true },
	{ "domain=a_b.c-d", "TLS a_b.c-d:443", true },
	{ "domain=a_b.c-d", "TLS a\177b.c-d:443", false }, /* '_' is no letter with another case */
	{ "domain=a_b.c-d", "TLS a_b.c\rd:443", false },

	/* methods and paths are those of plain HTTP */
	{ "method=GET", "GET a.b:80/x", true },
	{ "method=GET,HEAD", "HEAD a.b:80/x", true },
	{ "method=GET,HEAD", "POST a.b:80/x", false },
	{ "method=GET", "get a.b:80/x", false },
	{ "method=GET", "GETS a.b:80/x", false },
	{ "method=GET", "TLS a.b:443", false },
	{ "method=G", "TLS a.b:443", false },
	{ "method=GET port=443", "TLS a.b:443", false },
	{ "method=GET port=22", "TCP a.b:22", false },
	{ "path=/ port=22", "TCP a.b:22", false },
	{ "method=* domain=* path=*", "TLS a.b:443", true },
	{ "path=/*", "TLS a.b:443", true },
	{ "path=/wibble", "GET a.b:80/wibble", true },
	{ "path=wibble", "GET a.b:80/wibble", true },
	{ "path=/wibble", "GET a.b:80/wobble", false },
	{ "path=/wibble", "GET a.b:80/Wibble", false },
	{ "path=/wibble", "GET a.b:80/wibbl", false },
	{ "path=/wibble", "GET a.b:80/wibble1", false },
	{ "path=/api", "GET a.b:80/api/users", false },
	{ "path=/api", "GET a.b:80/api/", false },
	{ "path=/api/", "GET a.b:80/api", true },
	{ "path=/api/", "GET a.b:80/api/", true },
	{ "path=/api/", "GET a.b:80/api//", false },
	{ "path=/api/", "GET a.b:80/api/x", false },
	{ "path=/api/", "GET a.b:80/ap", false },
	{ "path=/", "GET a.b:80/", true },
	{ "path=/", "GET a.b:80//", false },
	{ "path=/", "GET a.b:80/x", false },
	{ "path=/a", "GET a.b:80/", false },
	{ "path=/a/*", "GET a.b:80/a/b", true },
	{ "path=/a/*", "GET a.b:80/a/b/c/d", true },
	{ "path=/a/*", "GET a.b:80/a/", true },
	{ "path=/a/*", "GET a.b:80/a", false },
	{ "path=/a/*", "GET a.b:80/b/a", false },
	{ "path=/a/*", "GET a.b:80/ax/b", false },
	{ "path=/a/*/", "GET a.b:80/a/b/c", true },
	{ "path=/a/*/", "GET a.b:80/a", false },
	{ "path=/*/users", "GET a.b:80/api/users", true },
	{ "path=/*/users", "GET a.b:80//users", true },
	{ "path=/*/users", "GET a.b:80/users", false },
	{ "path=/api/*/users", "GET a.b:80/api/v1/users", true },
	{ "path=/api/*/users", "GET a.b:80/api/v1/x/users", false },
	{ "path=/api/*/users", "GET a.b:80/api/v1/usersx", false },
	{ "path=/api/*/users", "GET a.b:80/api/v1", false },
	{ "path=/api/*/users/*", "GET a.b:80/api/v1/users/7/x", true },
	{ "path=/*/*", "GET a.b:80/a/b/c", true },
	{ "path=/*/*", "GET a.b:80/a", false },
	{ "path=/a,/b/*", "GET a.b:80/b/c", true },
	{ "path=/a,/b/*", "GET a.b:80/a", true },
	{ "path=/a,/b/*", "GET a.b:80/c", false },
	{ "path=/a", "OPTIONS a.b:80*", false },
	{ "path=/%2A", "OPTIONS a.b:80*", false },
	{ "path=*", "OPTIONS a.b:80*", true },
	/* the request's path is decoded, so the pattern is too */
	{ "path=/caf%C3%A9/%25/%2a", "GET a.b:80/caf\xc3\xa9/%/*", true },
	{ "path=/caf%c3%a9", "GET a.b:80/caf%c3%a9", false },
	{ "path=/%2A", "GET a.b:80/x", false },
	{ "path=/a%2Cb", "GET a.b:80/a,b", true },
	{ "path=/a%3Fb", "GET a.b:80/a?b", true },
	{ "path=/%ff", "GET a.b:80/\xff", true },

	/* ports */
	{ "domain=a.b", "GET a.b:8080/", true },
	{ "domain=a.b", "TLS a.b:8443", true },
	{ "domain=a.b", "TCP a.b:22", false },
	{ "domain=a.b", "TCP a.b:443", false },
	{ "domain=a.b port=22", "TCP a.b:22", true },
	{ "domain=a.b port=22", "TCP a.b:23", false },
	{ "domain=a.b port=22", "TLS a.b:443", false },
	{ "domain=a.b port=22", "TLS a.b:22", true },
	{ "domain=a.b port=*", "TCP a.b:9", true },
	{ "domain=a.b port=20-25,80", "TCP a.b:20", true },
	{ "domain=a.b port=20-25,80", "TCP a.b:25", true },
	{ "domain=a.b port=20-25,80", "TCP a.b:80", true },
	{ "domain=a.b port=20-25,80", "TCP a.b:19", false },
	{ "domain=a.b port=20-25,80", "TCP a.b:26", false },
	{ "port=5432", "TCP x:5432", true },

	/* deny wins, wherever it stands */
	{ "domain=*\ndeny domain=a.b", "TLS a.b:443", false },
	{ "deny domain=a.b\ndomain=*", "TLS a.b:443", false },
	{ "deny domain=a.b\ndomain=*", "TLS c.a.b:443", true },
	{ "deny domain=*.b\ndomain=*", "TLS c.a.b:443", false },
	{ "deny domain=a.b\ndomain=* port=*", "TCP a.b:22", false },
	{ "deny domain=a.b port=22\ndomain=* port=*", "TCP a.b:22", false },
	{ "deny domain=a.b port=22\ndomain=* port=*", "TCP a.b:23", true },
	{ "deny cidr=0.0.0.0/0\ndomain=a.b", "TLS a.b:443", true },
	{ "deny path=/admin/*\ndomain=a.b", "GET a.b:80/admin/x", false },
	{ "deny path=/admin/*\ndomain=a.b", "GET a.b:80/public", true },
	{ "deny method=POST\ndomain=a.b", "POST a.b:80/", false },
	{ "deny method=POST\ndomain=a.b", "GET a.b:80/", true },
	{ "deny method=POST path=/x\ndomain=a.b", "POST a.b:80/y", true },
	/* and where it cannot be seen, it is taken to match */
	{ "deny path=/admin/*\ndomain=a.b", "TLS a.b:443", false },
	{ "deny method=POST\ndomain=a.b port=22", "TCP a.b:22", false },
	{ "deny method=POST port=80\ndomain=a.b", "TLS a.b:443", true },
	{ "deny method=POST domain=c.d\ndomain=a.b", "TLS a.b:443", true },
};

TEST(decides)
{
	for (size_t i = 0; i < COUNT(decisions); i++) {
		set_policy(decisions[i].rules);
		if (decide(decisions[i].request).allowed != decisions[i].allowed)
			FAIL("'%s' by '%s': not so", decisions[i].request, decisions[i].rules);
	}
}

TEST(says_which_rule_decided)
{
	set_policy(
		"domain=c.d\ndomain=*.b\ndomain=a.b\ndeny domain=x.b\ndeny domain=*.y\ndeny domain=x.y");
	assert_ptr_equal(decide("TLS a.b:443").rule, &policy.rules[1]); /* the first that allows */
	assert_ptr_equal(decide("TLS x.b:443").rule, &policy.rules[3]);
	assert_ptr_equal(decide("TLS x.y:443").rule, &policy.rules[4]); /* also where none allows */
	assert_null(decide("TLS e.f:443").rule);
	assert_false(decide("TLS e.f:443").private_too);
}

TEST(a_private_address_needs_one_rule_that_says_so)
{
	set_policy("domain=*.b\ndomain=a.b private=yes\ndomain=c.d private=yes port=22");
	assert_true(decide("TLS a.b:443").private_too);
	assert_ptr_equal(decide("TLS a.b:443").rule, &policy.rules[0]);
	assert_false(decide("TLS x.b:443").private_too);
	assert_true(decide("TCP c.d:22").private_too);
	assert_false(decide("TLS c.d:443").private_too);
	set_policy("domain=a.b private=yes\ndeny domain=a.b");
	assert_false(decide("TLS a.b:443").private_too);
	assert_false(decide("TLS a.b:443").allowed);
}

TEST(a_name_may_be_asked_for_if_something_of_it_is_allowed)
{
	static const struct {
		const char *rules, *name;
		bool allowed;
	} names[] = {
		{ "", "a.b", false },
		{ "cidr=0.0.0.0/0", "a.b", false },
		{ "domain=a.b", "a.b", true },
		{ "domain=a.b", "c.d", false },
		{ "domain=*.b", "a.b", true },
		{ "domain=a.b port=22 method=GET path=/x", "a.b", true },
		{ "domain=a.b\ndeny domain=*.b", "a.b", false },
		{ "deny domain=*.b\ndomain=a.b", "a.b", false },
		{ "domain=a.b\ndeny domain=c.d", "a.b", true },
		{ "domain=a.b\ndeny domain=a.b port=22", "a.b", true },
		{ "domain=a.b\ndeny domain=a.b port=*", "a.b", false },
		{ "domain=a.b\ndeny domain=a.b method=GET", "a.b", true },
		{ "domain=a.b\ndeny domain=a.b path=/x", "a.b", true },
		{ "domain=a.b\ndeny cidr=0.0.0.0/0", "a.b", true },
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		set_policy(names[i].rules);
		if (policy_allows_name(&policy, span_of(names[i].name)) != names[i].allowed)
			FAIL("%s by '%s': not so", names[i].name, names[i].rules);
	}
}

TEST(a_port_may_be_open_if_something_of_it_is_allowed)
{
	static const struct {
		const char *rules;
		uint16_t port;
		bool allowed;
	} ports[] = {
		{ "domain=a.b", 22, true }, /* HTTP and TLS may go to any port */
		{ "domain=c.d", 22, false },
		{ "domain=a.b port=22", 22, true },
		{ "domain=a.b port=22", 23, false },
		{ "domain=a.b method=GET port=80", 80, true },
		{ "domain=a.b method=GET port=80", 81, false },
		{ "domain=a.b\ndeny domain=a.b port=22", 22, false },
		{ "domain=a.b\ndeny domain=a.b port=22", 23, true },
		{ "domain=a.b\ndeny domain=*", 23, false },
		{ "domain=a.b\ndeny domain=a.b method=GET port=80", 80, true },
		{ "domain=a.b\ndeny domain=a.b path=/x", 80, true },
		{ "cidr=0.0.0.0/0", 80, false },
	};

	for (size_t i = 0; i < COUNT(ports); i++) {
		set_policy(ports[i].rules);
		if (policy_allows_port(&policy, span_of("a.b"), ports[i].port) != ports[i].allowed)
			FAIL("%u by '%s': not so", ports[i].port, ports[i].rules);
	}
}

TEST(deny_rules_by_address)
{
	static const struct {
		const char *rules, *address;
		uint16_t port;
		int rule; /* -1: none */
	} addresses[] = {
		{ "", "10.0.0.1", 80, -1 },
		{ "deny cidr=10.0.0.0/8", "10.1.2.3", 80, 0 },
		{ "deny cidr=10.0.0.0/8", "11.1.2.3", 80, -1 },
		{ "cidr=10.0.0.0/8", "10.1.2.3", 80, -1 },
		{ "domain=a.b\ndeny domain=*\ndeny cidr=10.0.0.0/8", "10.1.2.3", 80, 2 },
		{ "deny cidr=10.0.0.0/8 port=22,80", "10.1.2.3", 80, 0 },
		{ "deny cidr=10.0.0.0/8 port=22", "10.1.2.3", 80, -1 },
		{ "deny cidr=10.0.0.0/8 proto=udp", "10.1.2.3", 80, -1 },
		{ "deny cidr=10.0.0.0/8 proto=icmp", "10.1.2.3", 80, -1 },
		{ "deny cidr=10.1.2.3", "10.1.2.3", 80, 0 },
		{ "", "10.1.2.3", 80, -1 }, /* no longer */
		{ "deny cidr=10.1.2.3", "10.1.2.2", 80, -1 },
		{ "deny cidr=2001:db8::/32", "2001:db8::1", 80, 0 },
		{ "deny cidr=2001:db8::/32", "2001:db9::1", 80, -1 },
		{ "deny cidr=0.0.0.0/0", "2001:db8::1", 80, -1 },
		{ "deny cidr=::/0", "10.0.0.1", 80, -1 },
		/* the kernel takes these for the IPv4 address */
		{ "deny cidr=10.0.0.0/8", "::ffff:10.1.2.3", 80, 0 },
		{ "deny cidr=10.0.0.0/8", "::ffff:11.1.2.3", 80, -1 },
		{ "deny cidr=10.0.0.0/8", "::fffe:10.1.2.3", 80, -1 },
	};

	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct address a;
		const struct rule *found;

		set_policy(addresses[i].rules);
		assert_true(address_parse(span_of(addresses[i].address), &a));
		found = policy_denies_address(&policy, &a, addresses[i].port);
		if (found != (addresses[i].rule < 0 ? NULL : &policy.rules[addresses[i].rule]))
			FAIL("%s by '%s': not so", addresses[i].address, addresses[i].rules);
	}
}

/* What the gate may dial where no wire leads out. */
TEST(allow_rules_by_address)
{
	static const struct {
		const char *rules, *address;
		uint16_t port;
		int rule; /* -1: none */
	} addresses[] = {
		{ "", "10.1.2.3", 80, -1 },
		{ "cidr=10.0.0.0/8", "10.1.2.3", 80, 0 },
		{ "cidr=10.0.0.0/8", "11.1.2.3", 80, -1 },
		{ "cidr=10.0.0.0/8 port=22,80-90", "10.1.2.3", 90, 0 },
		{ "cidr=10.0.0.0/8 port=22,80-90", "10.1.2.3", 91, -1 },
		{ "cidr=10.1.2.3", "10.1.2.2", 80, -1 },
		{ "cidr=10.1.2.3 port=1\ncidr=10.0.0.0/8\ncidr=0.0.0.0/0", "10.1.2.3", 80, 1 },
		/* it is TCP that is dialled */
		{ "cidr=10.0.0.0/8 proto=udp", "10.1.2.3", 80, -1 },
		{ "cidr=10.0.0.0/8 proto=udp port=80", "10.1.2.3", 80, -1 },
		{ "cidr=10.0.0.0/8 proto=icmp", "10.1.2.3", 80, -1 },
		{ "cidr=10.0.0.0/8 proto=udp\ncidr=10.0.0.0/8 port=80", "10.1.2.3", 80, 1 },
		/* deny wins, wherever it stands, and only where it is about TCP */
		{ "cidr=10.0.0.0/8\ndeny cidr=10.1.0.0/16", "10.1.2.3", 80, -1 },
		{ "deny cidr=10.1.0.0/16\ncidr=10.0.0.0/8", "10.1.2.3", 80, -1 },
		{ "deny cidr=10.1.0.0/16\ncidr=10.1.2.3", "10.1.2.3", 80, -1 },
		{ "deny cidr=10.1.0.0/16\ncidr=10.0.0.0/8", "10.2.2.3", 80, 1 },
		{ "deny cidr=10.0.0.0/8 port=22\ncidr=10.0.0.0/8", "10.1.2.3", 80, 1 },
		{ "deny cidr=10.0.0.0/8 port=22\ncidr=10.0.0.0/8", "10.1.2.3", 22, -1 },
		{ "deny cidr=10.0.0.0/8 proto=udp\ncidr=10.0.0.0/8", "10.1.2.3", 80, 1 },
		{ "deny cidr=10.0.0.0/8", "10.1.2.3", 80, -1 },
		/* rules by name allow no address */
		{ "domain=*", "10.1.2.3", 80, -1 },
		{ "port=80", "10.1.2.3", 80, -1 },
		{ "method=GET", "10.1.2.3", 80, -1 },
		{ "deny domain=*\ncidr=10.0.0.0/8", "10.1.2.3", 80, 1 },
		/* one family is not the other, but for what the kernel takes for it */
		{ "cidr=2001:db8::/32", "2001:db8::1", 80, 0 },
		{ "cidr=2001:db8::/32", "2001:db9::1", 80, -1 },
		{ "cidr=0.0.0.0/0", "2001:db8::1", 80, -1 },
		{ "cidr=::/0", "10.0.0.1", 80, -1 },
		{ "cidr=10.0.0.0/8", "::ffff:10.1.2.3", 80, 0 },
		{ "cidr=::/0", "::ffff:10.1.2.3", 80, -1 },
		{ "cidr=10.0.0.0/8", "::fffe:10.1.2.3", 80, -1 },
		{ "cidr=10.0.0.0/8\ndeny cidr=10.1.2.3", "::ffff:10.1.2.3", 80, -1 },
	};

	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct address a;
		const struct rule *found;

		set_policy(addresses[i].rules);
		assert_true(address_parse(span_of(addresses[i].address), &a));
		found = policy_allows_address(&policy, &a, addresses[i].port);
		if (found != (addresses[i].rule < 0 ? NULL : &policy.rules[addresses[i].rule]))
			FAIL("%s by '%s': not so", addresses[i].address, addresses[i].rules);
	}
}

/* ---- rules of Agent Boundaries mean here what they mean there ---- */

static const struct {
	const char *rules, *request;
	bool allowed;
} taken_over[] = {
	{ "method=GET,HEAD domain=github.com path=/wibble/wobble",
	  "GET github.com:80/wibble/wobble", true },
	{ "domain=github.com\ndomain=example.com", "GET github.com:80/wibble/wobble", true },
	{ "method=* domain=* path=*", "DELETE example.com:80/some/random/path", true },
	{ "domain=github.com", "DELETE github.com:8080/wibble/wobble", true },
	{ "domain=github.com", "GET x.users.api.github.com:80/", false },
	{ "path=/api/v1/*,/api/v2/*", "GET example.com:80/api/v1/users", true },
	{ "path=/api/v1/*,/api/v2/*", "GET example.com:80/api/v2/items", true },
	{ "path=/api/v1/*,/api/v2/*", "GET example.com:80/api/v3/other", false },
	{ "path=/wibble/wobble,/wibble/wobble/*", "GET github.com:80/wibble/wobble/sub", true },
	{ "method=GET,POST,PUT domain=github.com path=/api/issues/*",
	  "POST github.com:80/api/issues/123/edit", true },
	{ "method=GET domain=github.com path=/api/issues/*", "GET github.com:80/api/issues",
	  false },
	{ "domain=github.com path=/api/issues/*\nmethod=GET,HEAD domain=github.com",
	  "GET github.com:80/other", true },
	{ "domain=github.com path=/api/issues/*\nmethod=GET,HEAD domain=github.com",
	  "POST github.com:80/other", false },
	{ "method=POST domain=api.example.com path=/users,/posts", "POST api.example.com:80/posts",
	  true },
	{ "method=POST domain=api.example.com path=/users", "POST api.example.com:80/users/123",
	  false },
	{ "domain=*.npmjs.org", "GET registry.npmjs.org:80/", true },
	{ "domain=*.npmjs.org", "GET npmjs.org:80/", false },
	{ "domain=localhost", "GET localhost:8080/api", true },
	{ "path=/api/users/", "GET a.b:80/api/users", true }, /* a slash at the end is no segment */
	{ "path=/api/filter='test'&sort=name/results",
	  "GET a.b:80/api/filter='test'&sort=name/results", true },
	{ "path=/api/hello%20world/test", "GET a.b:80/api/hello world/test", true },
};

TEST(takes_over_rules_of_agent_boundaries)
{
	for (size_t i = 0; i < COUNT(taken_over); i++) {
		set_policy(taken_over[i].rules);
		if (decide(taken_over[i].request).allowed != taken_over[i].allowed)
			FAIL("'%s' by '%s': not so", taken_over[i].request, taken_over[i].rules);
	}
}

/* ---- and the rest ---- */

static const char https[] =
	"Only plain HTTP shows method= and path=: HTTPS to this name takes a rule without them, and a "
	"deny rule denies all of it";
static const char tcp_alone[] =
	"It denies TCP alone: proto=udp and proto=icmp take rules of their own";
static const char dns[] = "Port 53 is the jail's own DNS, wherever it is sent";

TEST(warns_of_rules_that_do_less_than_they_seem_to)
{
	static const struct {
		const char *text;
		bool deny;
		const char *warning;
	} warnings[] = {
		{ "domain=a.b", false, NULL },
		{ "domain=a.b method=GET", false, https },
		{ "domain=a.b path=/x", false, https },
		{ "method=GET", false, https },
		{ "domain=a.b method=GET port=*", false, https },
		{ "domain=a.b method=GET port=80,443", false, https },
		{ "domain=a.b method=GET port=1-1024", false, https },
		{ "domain=a.b method=GET port=80", false, NULL },
		{ "domain=a.b method=GET port=80,8443", false, NULL },
		{ "domain=a.b method=* path=/*", false, NULL },
		{ "domain=a.b path=/x", true, https },
		{ "domain=a.b method=POST port=443", true, https },
		{ "domain=a.b method=POST port=80", true, NULL },
		{ "domain=a.b", true, NULL },
		{ "cidr=10.0.0.0/8", false, NULL },
		{ "cidr=10.0.0.0/8", true, tcp_alone },
		{ "cidr=10.0.0.0/8 port=443", true, tcp_alone },
		{ "cidr=10.0.0.0/8 proto=tcp", true, NULL },
		{ "cidr=10.0.0.0/8 proto=udp", true, NULL },
		{ "cidr=8.8.8.8 proto=udp port=53", false, NULL }, /* asked directly */
		{ "cidr=8.8.8.8 port=53", false, NULL },
		{ "domain=a.b port=53", false, dns },
		{ "cidr=8.8.8.8 proto=udp port=53", true, NULL },
		{ "cidr=8.8.8.8 port=53", true, tcp_alone },
		{ "domain=a.b port=53", true, dns },
		{ "domain=a.b port=53,853", false, NULL },
		{ "domain=a.b port=53-54", false, NULL },
		{ "domain=a.b port=52-53", false, NULL },
		{ "cidr=8.8.8.8 proto=udp port=53,853", false, NULL },
		{ "cidr=8.8.8.8 proto=udp port=53-54", false, NULL },
		{ "cidr=8.8.8.8 proto=udp port=52-53", false, NULL },
	};

	for (size_t i = 0; i < COUNT(warnings); i++) {
		const char *said;

		assert_int_equal(rule_parse(span_of(warnings[i].text), warnings[i].deny, &rule,
					    &failure),
				 0);
		said = rule_warning(&rule);
		if (!said != !warnings[i].warning)
			FAIL("'%s': %s", warnings[i].text, said ? said : "no warning");
		if (said)
			assert_string_equal(said, warnings[i].warning);
	}
}

TEST(suggests_the_rule_that_would_allow_it)
{
	static const struct {
		const char *request, *rule;
	} suggestions[] = {
		{ "GET a.b:8080/x", "domain=a.b" },
		{ "TLS a.b:8443", "domain=a.b" },
		{ "TCP a.b:22", "domain=a.b port=22" },
		{ "TCP a_1.b:65535", "domain=a_1.b port=65535" },
	};

	for (size_t i = 0; i < COUNT(suggestions); i++) {
		const struct request r = parse_request(suggestions[i].request);
		char buffer[100];
		struct text t = TEXT_OVER(buffer);

		policy_suggest(&t, &r);
		assert_string_equal(buffer, suggestions[i].rule);
		set_policy(buffer);
		assert_true(decide(suggestions[i].request).allowed);
	}
}

TEST(a_suggestion_is_fit_for_a_terminal)
{
	const struct request r = { .name = span_of("a\033[2J.b") };
	char buffer[100];
	struct text t = TEXT_OVER(buffer);

	policy_suggest(&t, &r);
	assert_string_equal(buffer, "domain=a\\x1b[2J.b");
}

TEST(a_policy_takes_1024_rules)
{
	policy.count = 0;
	for (unsigned int i = 0; i < POLICY_RULES; i++) {
		assert_int_equal(policy_add(&policy, span_of("cidr=1.2.3.4"), false, &failure), 0);
		assert_int_equal(policy.count, i + 1);
	}
	forget_failure(&failure);
	assert_int_equal(policy_add(&policy, span_of("cidr=1.2.3.5"), false, &failure), -1);
	assert_failure(&failure, "rule: 'cidr=1.2.3.5', column 1: more than 1024 rules. Join names "
				 "with commas, neighbouring addresses with a length");
	assert_int_equal(policy.count, POLICY_RULES);
}

TEST(a_refused_rule_does_not_count)
{
	policy.count = 0;
	assert_int_equal(policy_add(&policy, span_of("cidr=1.2.3.4"), false, &failure), 0);
	assert_int_equal(policy_add(&policy, span_of("cidr=1.2.3"), false, &failure), -1);
	assert_failure(&failure, "rule: 'cidr=1.2.3', column 6: not an address or "
				 "address/length" CIDR);
	assert_int_equal(policy.count, 1);
	assert_int_equal(policy_add(&policy, span_of("domain=a.b"), true, &failure), 0);
	assert_int_equal(policy.count, 2);
	assert_string_equal(show_rule(&policy.rules[0]), "1.2.3.4 tcp");
	assert_string_equal(show_rule(&policy.rules[1]), "deny name domain=a.b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_rules),
		cmocka_unit_test(spaces_tabs_and_crs_are_blanks),
		cmocka_unit_test(a_rule_ends_with_its_span),
		cmocka_unit_test(refuses_rules_with_column_cause_and_remedy),
		cmocka_unit_test(a_byte_that_is_no_text_is_refused_and_shown),
		cmocka_unit_test(names_and_labels_have_their_longest),
		cmocka_unit_test(a_deny_rule_cannot_ask_for_private),
		cmocka_unit_test(sixteen_ports_are_not_too_many),
		cmocka_unit_test(a_long_rule_is_cut_and_keeps_its_column),
		cmocka_unit_test(a_rule_of_unprintable_bytes_keeps_its_column),
		cmocka_unit_test(decides),
		cmocka_unit_test(says_which_rule_decided),
		cmocka_unit_test(a_private_address_needs_one_rule_that_says_so),
		cmocka_unit_test(a_name_may_be_asked_for_if_something_of_it_is_allowed),
		cmocka_unit_test(a_port_may_be_open_if_something_of_it_is_allowed),
		cmocka_unit_test(deny_rules_by_address),
		cmocka_unit_test(allow_rules_by_address),
		cmocka_unit_test(takes_over_rules_of_agent_boundaries),
		cmocka_unit_test(warns_of_rules_that_do_less_than_they_seem_to),
		cmocka_unit_test(suggests_the_rule_that_would_allow_it),
		cmocka_unit_test(a_suggestion_is_fit_for_a_terminal),
		cmocka_unit_test(a_policy_takes_1024_rules),
		cmocka_unit_test(a_refused_rule_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
