/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "init/policy.h"

static struct policy policy;
static struct failure failure;

static int add_file(const char *text, size_t length)
{
	/* A copy without a byte behind it, so that the sanitizer sees each one read too far. */
	static char *copy;
	int status;

	free(copy); /* the policy borrows it until the next one */
	copy = malloc(length + 1);
	assert_non_null(copy);
	memmove(copy + 1, text, length);
	policy.count = 0;
	forget_failure(&failure);
	status = policy_add_file(&policy, (struct span){ copy + 1, length }, "/etc/policy",
				 &failure);
	for (unsigned int i = 0; i < policy.count; i++) {
		assert_true(policy.rules[i].text.at > copy);
		assert_true(policy.rules[i].text.at + policy.rules[i].text.length <=
			    copy + 1 + length);
	}
	return status;
}

/* "+RULE|-RULE|" of what it allows and denies. */
static const char *show(void)
{
	static char shown[1024];
	struct text t = TEXT_OVER(shown);

	for (unsigned int i = 0; i < policy.count; i++) {
		const struct rule *r = &policy.rules[i];

		text_printf(&t, "%c%.*s|", r->deny ? '-' : '+', (int)r->text.length, r->text.at);
	}
	return shown;
}

static const struct {
	const char *text, *means;
} good[] = {
	{ "", "" },
	{ "\n", "" },
	{ "\n\n  \n\t\n\r\n", "" },
	{ "# nothing", "" },
	{ "allow domain=a.b", "+domain=a.b|" },
	{ "allow domain=a.b\n", "+domain=a.b|" },
	{ "allow domain=a.b\r\ndeny domain=c.d\r\n", "+domain=a.b|-domain=c.d|" },
	{ "allow domain=a.b\r", "+domain=a.b|" },
	{ "deny domain=a.b\nallow domain=*", "-domain=a.b|+domain=*|" },
	{ "allow\tdomain=a.b\tport=22\t", "+domain=a.b\tport=22|" },
	{ "  \t allow   domain=a.b   port=22  ", "+domain=a.b   port=22|" },
	{ "# one\nallow domain=a.b # two\n  # three\n\tallow domain=c.d\t# four",
	  "+domain=a.b|+domain=c.d|" },
	{ "allow domain=a.b#", NULL }, /* no comment: part of the name */
	{ "allow method=A#B", "+method=A#B|" },
	{ "allow method=A#B #C", "+method=A#B|" },
	{ "allow domain=a.b ## x # y", "+domain=a.b|" },
	{ "#\xef\xbb\xbf\nallow domain=a.b", "+domain=a.b|" }, /* a comment may hold anything */
	{ "# caf\xc3\xa9\nallow domain=a.b", "+domain=a.b|" },
	{ "---\nallow domain=a.b", "+domain=a.b|" },

	/* YAML of Agent Boundaries */
	{ "allowlist:", "" },
	{ "allowlist: []\n", "" },
	{ "allowlist: [] # none\n", "" },
	{ "allowlist: # these\n- domain=a.b", "+domain=a.b|" },
	{ "allowlist:\n- domain=a.b\n- domain=c.d path=/x\n", "+domain=a.b|+domain=c.d path=/x|" },
	{ "allowlist:\n  - \"domain=a.b\"\n  - 'domain=c.d'\n", "+domain=a.b|+domain=c.d|" },
	{ "allowlist:\r\n  - \"domain=a.b\"\r\n", "+domain=a.b|" },
	{ "allowlist:\n  - \"domain=a.b\"   # why\n  -\tdomain=c.d # why\n",
	  "+domain=a.b|+domain=c.d|" },
	{ "allowlist:\n  - \"method=A#B domain=a.b\"\n", "+method=A#B domain=a.b|" },
	{ "allowlist:\n  - \" domain=a.b \"\n", "+ domain=a.b |" },
	{ "allowlist:\n\n  # first\n    - domain=a.b\n - domain=c.d\n",
	  "+domain=a.b|+domain=c.d|" },
	{ "# top\n\n---\n# and\nallowlist:\n- domain=a.b", "+domain=a.b|" },
	{ "allowlist:\n- domain=a.b\nlog_level: warn\nproxy_port: 8080\n", "+domain=a.b|" },
	{ "log_level: warn\nallowlist:\n- domain=a.b\n", "+domain=a.b|" },
	{ "log_level: \"a: b\"\nallowlist:\n- domain=a.b\n", "+domain=a.b|" },
	{ "session_id_inject_targets:\n  - \"domain=x.y\"\n- domain=x.z\nallowlist:\n- domain=a.b\n",
	  "+domain=a.b|" },
	{ "nested:\n  allowlist:\n    - domain=x.y\nallowlist:\n  - domain=a.b\nmore:\n  - domain=x.z\n",
	  "+domain=a.b|" },
	{ "text: |\n  allow domain=x.y\n  any: thing\nallowlist:\n- domain=a.b\n", "+domain=a.b|" },
	{ "allowlist:\n- domain=a.b\nx:\nallowlist:\n- domain=c.d\n", "+domain=a.b|+domain=c.d|" },
	{ "allow: 1\nallowlist:\n- domain=a.b", "+domain=a.b|" },
};

TEST(reads_files)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		if (!good[i].means) {
			assert_int_equal(add_file(good[i].text, strlen(good[i].text)), -1);
			continue;
		}
		if (add_file(good[i].text, strlen(good[i].text)) < 0)
			FAIL("'%s' was refused: %s", good[i].text, failure.what);
		assert_string_equal(show(), good[i].means);
	}
}

#define FORMS                                                                             \
	". Write lines like: allow domain=api.example.com; or allowlist: and below it - " \
	"\"RULE\""
#define ODD "not understood" FORMS
#define PLAIN "a NUL byte or a byte order mark" FORMS
#define NOWHERE                                                                    \
	"it does not say where it leads. Write it like domain=api.example.com or " \
	"cidr=10.1.2.0/24 port=443"
#define DOMAIN                                                                                   \
	"not allowed here. Write it like api.example.com, *.example.com or in punycode (xn--); " \
	"the rest goes by cidr=, port= and path="
#define PAIR                                                                             \
	"not a key and =value. The keys are domain, method, path, port and private; or " \
	"cidr, proto, port"

static const struct {
	const char *text;
	unsigned int line, column;
	const char *cause;
} bad[] = {
	{ "domain=a.b", 1, 1, ODD },
	{ "  permit domain=a.b", 1, 3, ODD },
	{ "Allow domain=a.b", 1, 1, ODD },
	{ "allowdomain=a.b", 1, 1, ODD },
	{ "- domain=a.b", 1, 1, ODD },
	{ "allow", 1, 6, NOWHERE },
	{ "\nallow   # nothing", 2, 6, NOWHERE },
	{ "allow domain=a..b", 1, 16, DOMAIN },
	{ "allow domain=a.b\n\n# x\n\t deny  port=22  domain=-c\n", 4, 25, DOMAIN },
	{ "allow domain=a.b\nallowlist:\n- domain=c.d", 2, 1, ODD },
	{ "allow domain=a.b\n---\nallow domain=c.d", 2, 1, ODD },
	{ "allow \"domain=a.b\"", 1, 7, PAIR },
	{ "allow domain=a.b\rallow domain=c.d", 1, 18, PAIR }, /* a CR alone ends no line */
	{ "allow allow domain=a.b", 1, 7, PAIR },

	{ "log_level: warn\n", 1, 1, "YAML without an allowlist: up to here" FORMS },
	{ "allow:\n  - domain=a.b\n", 2, 1, "YAML without an allowlist: up to here" FORMS },
	{ "\"allowlist\":\n  - domain=a.b", 2, 1, "YAML without an allowlist: up to here" FORMS },
	{ "x:\n  allowlist:\n  - domain=a.b", 3, 1, "YAML without an allowlist: up to here" FORMS },
	{ "allowlist: domain=a.b", 1, 12, ODD },
	{ "allowlist: ~", 1, 12, ODD },
	{ "x: y\nallowlist:   [\"domain=a.b\"]", 2, 14, ODD },
	{ "allowlist: []x", 1, 12, ODD },
	{ "allowlist:\nallow domain=a.b", 2, 1, ODD },
	{ "allowlist:\n  allow domain=a.b", 2, 3, ODD },
	{ "allowlist:\n  -domain=a.b", 2, 3, ODD },
	{ "allowlist:\n  -\"domain=a.b\"", 2, 3, ODD },
	{ "allowlist:\n  - \"domain=a.b\n", 2, 5, ODD },
	{ "allowlist:\n  - 'domain=a.b\"\n", 2, 5, ODD },
	{ "allowlist:\n  - \"domain=a.b\" x\n", 2, 5, ODD },
	{ "allowlist:\n  - \"domain=a.b\" \"domain=c.d\"\n", 2, 5, ODD },
	{ "allowlist:\n  - \"\n", 2, 5, ODD },
	{ "allowlist:\n  - domain=a.b\n    port=22\n", 3, 5, ODD }, /* one line each */
	{ "allowlist:\n  key: value\n", 2, 3, ODD },
	{ "allowlist:\n---\n- domain=a.b", 2, 1, ODD },
	{ "allowlist:\n  - \"\"", 2, 6, NOWHERE },
	{ "allowlist:\n  -", 2, 4, NOWHERE },
	{ "allowlist:\n  - domain=a..b", 2, 14, DOMAIN },
	{ "allowlist:\n  - \"domain=a..b\"", 2, 15, DOMAIN },
	{ "allowlist:\n- domain=a.b\n- \"domain=a\\x2eb\"", 3, 12, DOMAIN },
	{ "allowlist:\n  - domain: a.b", 2, 5, PAIR },
	{ "allowlist:\n  - rule: domain=a.b", 2, 5, PAIR },
	{ "x: y\nno key\nallowlist:\n", 2, 1, ODD },
};

TEST(refuses_files_with_line_column_cause_and_remedy)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		char expected[512];

		snprintf(expected, sizeof(expected), "policy: /etc/policy, line %u, column %u: %s",
			 bad[i].line, bad[i].column, bad[i].cause);
		if (add_file(bad[i].text, strlen(bad[i].text)) != -1)
			FAIL("'%s' was taken for a policy", bad[i].text);
		assert_failure(&failure, expected);
	}
}

TEST(refuses_what_no_editor_of_plain_text_writes)
{
	static const struct {
		const char *text;
		size_t length;
		unsigned int line, column;
		const char *cause;
	} binary[] = {
		{ "\xef\xbb\xbf"
		  "allow domain=a.b",
		  19, 1, 1, PLAIN },
		{ "\xef\xbb\xbf# x", 6, 1, 1, PLAIN },
		{ "\xef", 1, 1, 1, PLAIN },
		{ "allow domain=a.b\n\xef\xbb\xbf", 20, 2, 1, ODD },
		{ "\xff\xfe"
		  "a\0l\0",
		  6, 1, 1, PLAIN },
		{ "allow domain=a.b\n  allow\0domain=c.d", 34, 2, 3, PLAIN },
		{ "# x\0", 4, 1, 1, PLAIN },
		{ "\0", 1, 1, 1, PLAIN },
		{ "allowlist:\nx: \0\n", 15, 2, 1, PLAIN },
	};

	for (size_t i = 0; i < COUNT(binary); i++) {
		char expected[512];

		snprintf(expected, sizeof(expected), "policy: /etc/policy, line %u, column %u: %s",
			 binary[i].line, binary[i].column, binary[i].cause);
		assert_int_equal(add_file(binary[i].text, binary[i].length), -1);
		assert_failure(&failure, expected);
	}
}

TEST(rules_before_a_wrong_one_are_there)
{
	assert_int_equal(add_file("allow domain=a.b\ndeny x", 23), -1);
	assert_string_equal(show(), "+domain=a.b|");
}

TEST(adds_to_what_is_there)
{
	policy.count = 0;
	assert_int_equal(policy_add(&policy, span_of("domain=a.b"), true, &failure), 0);
	assert_int_equal(policy_add_file(&policy, span_of("allow domain=c.d"), "f", &failure), 0);
	assert_int_equal(policy_add_file(&policy, span_of("allowlist:\n- domain=e.f"), "f",
					 &failure),
			 0);
	assert_string_equal(show(), "-domain=a.b|+domain=c.d|+domain=e.f|");
}

TEST(a_file_may_hold_1024_rules_and_no_more)
{
	static char text[POLICY_RULES * 16 + 1];

	for (unsigned int i = 0; i < POLICY_RULES; i++)
		memcpy(text + 16 * i, "allow port=1234\n", 16);
	assert_int_equal(add_file(text, 16 * POLICY_RULES), 0);
	assert_int_equal(policy.count, POLICY_RULES);
	policy.count = 1;
	assert_int_equal(policy_add_file(&policy, span_of(text), "f", &failure), -1);
	assert_failure(&failure, "policy: f, line 1024, column 7: more than 1024 rules. Join names "
				 "with commas, neighbouring addresses with a length");
}

TEST(a_file_s_name_is_shown_fit_for_a_terminal)
{
	char name[400];

	assert_int_equal(policy_add_file(&policy, span_of("x"), "a\033[2J", &failure), -1);
	assert_failure(&failure, "policy: a\\x1b[2J, line 1, column 1: " ODD);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(policy_add_file(&policy, span_of("x"), name, &failure), -1);
	assert_non_null(strstr(failure.what, "n..., line 1, column 1: not understood"));
}

TEST(a_line_without_its_comment_and_blanks)
{
	static const struct {
		const char *line, *left;
	} lines[] = {
		{ "", "" },	      { "   ", "" },	  { "#", "" },	   { " # x", "" },
		{ "a", "a" },	      { " a b ", "a b" }, { "a #b", "a" }, { "a#b", "a#b" },
		{ "a\t#b", "a" },     { "\ta\t", "a" },	  { "a\r", "a" },  { "\ra", "a" },
		{ "a # b # c", "a" }, { "a\rb", "a\rb" }, { "#a b", "" },  { "a \v", "a \v" },
	};

	for (size_t i = 0; i < COUNT(lines); i++) {
		struct span left = policy_line(span_of(lines[i].line));

		assert_true(left.at >= lines[i].line);
		assert_true(left.at + left.length <= lines[i].line + strlen(lines[i].line));
		assert_true(span_is(left, lines[i].left));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_files),
		cmocka_unit_test(refuses_files_with_line_column_cause_and_remedy),
		cmocka_unit_test(refuses_what_no_editor_of_plain_text_writes),
		cmocka_unit_test(rules_before_a_wrong_one_are_there),
		cmocka_unit_test(adds_to_what_is_there),
		cmocka_unit_test(a_file_may_hold_1024_rules_and_no_more),
		cmocka_unit_test(a_file_s_name_is_shown_fit_for_a_terminal),
		cmocka_unit_test(a_line_without_its_comment_and_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
