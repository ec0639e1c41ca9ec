/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "init/seccomp_profile.h"

static struct failure failure;
static char output[1 << 16];
static size_t output_length;

/* The input has no byte behind it, so that the sanitizer sees each one read too far. */
static int add_rule(struct span profile, size_t room)
{
	char *copy = malloc(profile.length + 1);
	struct text t = text_over(output, room);
	int status;

	assert_non_null(copy);
	memcpy(copy + 1, profile.at, profile.length);
	forget_failure(&failure);
	status = seccomp_profile_add_rule((struct span){ copy + 1, profile.length }, &t, &failure);
	output_length = t.length;
	free(copy);
	return status;
}

static int add_rule_to(const char *profile)
{
	return add_rule(span_of(profile), sizeof(output));
}

/* ---- what is written */

#define RULE(name, index, end)                                \
	"\n"                                                  \
	"\t\t{\n"                                             \
	"\t\t\t" name ",\n"                                   \
	"\t\t\t\"action\": \"SCMP_ACT_ALLOW\",\n"             \
	"\t\t\t\"args\": [{\"index\": " index                 \
	", \"value\": 2114060288, \"valueTwo\": 1342177280, " \
	"\"op\": \"SCMP_CMP_MASKED_EQ\"}]" end "\n"           \
	"\t\t}"
#define NAMES "\"names\": [\"clone\"]"
#define NAME "\"name\": \"clone\""
#define S390(key) ",\n\t\t\t\"" key "\": {\"arches\": [\"s390\", \"s390x\"]}"

#define FIRST RULE(NAMES, "0", "")
#define SECOND RULE(NAMES, "1", "")
#define FIRST_BUT_S390 RULE(NAMES, "0", S390("excludes"))
#define SECOND_ON_S390 RULE(NAMES, "1", S390("includes"))
#define BOTH FIRST_BUT_S390 "," SECOND_ON_S390

#define ARCH_MAP "\"archMap\":[{\"architecture\":\"SCMP_ARCH_S390X\",\"subArchitectures\":null}],"
#define READ "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}"
#define READ_OLD "{\"name\":\"read\",\"action\":\"SCMP_ACT_ALLOW\"}"
#define ALL_CLONES "{\"names\":[\"read\",\"clone\"],\"action\":\"SCMP_ACT_ALLOW\"}"

/* A profile in three parts: the rule stands behind the first one. */
static const struct {
	const char *before, *rule, *behind;
} good[] = {
	/* Moby */
	{ "{" ARCH_MAP "\"syscalls\":[" READ, "," BOTH, "]}" },
	{ "{" ARCH_MAP "\"syscalls\":[", BOTH, "]}" },
	{ "{\"syscalls\":[" READ, "," BOTH, "]," ARCH_MAP "\"x\":1}" },
	{ "{\"syscalls\":[{\"includes\":{\"caps\":[\"CAP_BPF\"]},\"names\":[\"bpf\"]}", "," BOTH,
	  "]}" },
	{ "{\"syscalls\":[{\"excludes\":{},\"names\":[\"bpf\"]}," READ, "," BOTH, "]}" },
	{ "{" ARCH_MAP "\"syscalls\":[" READ_OLD,
	  "," RULE(NAME, "0", S390("excludes")) "," RULE(NAME, "1", S390("includes")), "]}" },
	{ "{" ARCH_MAP "\"architecturesOf\":1,\"syscalls\":[" ALL_CLONES, "," BOTH, "]}" },

	/* the OCI runtime specification */
	{ "{\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":[" READ, "," FIRST, "]}" },
	{ "{\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_AARCH64\"],\"syscalls\":[" READ,
	  "," FIRST, "]}" },
	{ "{\"syscalls\":[" READ, "," FIRST, "],\"architectures\":[\"SCMP_ARCH_X86_64\"]}" },
	{ "{\"architectures\":[\"SCMP_ARCH_S390X\"],\"syscalls\":[" READ, "," SECOND, "]}" },
	{ "{\"architectures\":[\"SCMP_ARCH_S390\",\"SCMP_ARCH_S390X\"],\"syscalls\":[", SECOND,
	  "]}" },
	{ "{\"architectures\":[\"SCMP_ARCH_S390Y\"],\"syscalls\":[" READ, "," FIRST, "]}" },
	{ "{\"architectures\":[\"SCMP_ARCH_X86\"],\"syscalls\":[{\"includes\":{},\"names\":[]}",
	  "," FIRST, "]}" },

	/* Docker 1.10 */
	{ "{\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":[" READ_OLD "," READ_OLD,
	  "," RULE(NAME, "0", ""), "]}" },
	{ "{\"architectures\":[\"SCMP_ARCH_X86\"],\"syscalls\":[" READ_OLD "," READ, "," FIRST,
	  "]}" },
	{ "{\"architectures\":[\"SCMP_ARCH_X86\"],\"syscalls\":[" READ "," READ_OLD, "," FIRST,
	  "]}" },

	/* none of them */
	{ "{\"syscalls\":[" READ, "," FIRST_BUT_S390, "]}" },
	{ "{\"syscalls\":[", FIRST_BUT_S390, "]}" },
	{ "{\"architectures\":null,\"syscalls\":[" READ, "," FIRST_BUT_S390, "]}" },
	{ "{\"architectures\":[],\"syscalls\":[" READ, "," FIRST_BUT_S390, "]}" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[", FIRST_BUT_S390, "]}" },

	/* white space stays where it is */
	{ " \t\r\n{ \"syscalls\" : [ " READ, "," FIRST_BUT_S390, " \r\n] } \n\t" },
	{ "{\"syscalls\":[", FIRST_BUT_S390, " \n ]}\n" },
	{ "{\n\t\"syscalls\": [\n\t\t" READ, "," FIRST_BUT_S390, "\n\t]\n}" },

	/* what has no meaning where it stands */
	{ "{\"x\":{\"syscalls\":[1],\"syscalls\":2},\"syscalls\":[" READ, "," FIRST_BUT_S390,
	  "]}" },
	{ "{\"x\":[\"archMap\"],\"includes\":{},\"syscalls\":[{\"archMap\":1,"
	  "\"comment\":\"\\u00e9\\\"clone\"}",
	  "," FIRST_BUT_S390, "]}" },
	{ "{\"syscalls\":[{\"names\":[\"clone3\",\"clone_\",\"clon\",\"\"],\"action\":\"SCMP_ACT_ERRNO\"}",
	  "," FIRST_BUT_S390, "]}" },
	{ "{\"syscalls\":[{\"names\":[\"read\"],\"action\":\"clone\",\"args\":null,"
	  "\"x\":[{\"names\":[\"clone\"]}]}",
	  "," FIRST_BUT_S390, "]}" },

	/* every kind of value */
	{ "{\"x\":[0,-0,1,-12,0.5,1.25e3,1E+5,1e-05,2e0,true,false,null,\"\",[],{},[[]],{\"\":{}}],"
	  "\"syscalls\":[",
	  FIRST_BUT_S390, "]}" },
	{ "{\"x\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000"
	  "\\uD83d\\uDE00 \x7f\xc3\xa9\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80"
	  "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\",\"syscalls\":[",
	  FIRST_BUT_S390, "]}" },
	{ "{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],\"syscalls\":[",
	  FIRST_BUT_S390, "]}" },
};

TEST(adds_the_rule_and_changes_nothing_else)
{
	static char profile[4096], expected[8192];

	for (size_t i = 0; i < COUNT(good); i++) {
		snprintf(profile, sizeof(profile), "%s%s", good[i].before, good[i].behind);
		snprintf(expected, sizeof(expected), "%s%s%s", good[i].before, good[i].rule,
			 good[i].behind);
		if (add_rule_to(profile) < 0)
			FAIL("'%s' was refused: %s", profile, failure.what);
		assert_string_equal(output, expected);
	}
}

TEST(a_profile_that_has_the_rule_stays_as_it_is)
{
	static char once[8192];

	for (size_t i = 0; i < COUNT(good); i++) {
		snprintf(once, sizeof(once), "%s%s%s", good[i].before, good[i].rule,
			 good[i].behind);
		if (add_rule_to(once) < 0)
			FAIL("'%s' was refused: %s", once, failure.what);
		assert_string_equal(output, once);
	}
}

#define ARGS(value, value_two)                                               \
	"\"args\":[{\"valueTwo\":" value_two ",\"index\":0,\"value\":" value \
	",\"op\":\"SCMP_CMP_MASKED_EQ\"}]"
#define OUR_ARGS ARGS("2114060288", "1342177280")
#define ALLOW "\"action\":\"SCMP_ACT_ALLOW\""

TEST(knows_the_rule_in_every_form)
{
	static const char *const others[] = {
		"{\"syscalls\":[{\"names\":[\"clone\"]," ALLOW "," OUR_ARGS "}]}",
		"{\"syscalls\":[{" OUR_ARGS "," ALLOW ",\"name\":\"clone\"}," READ "]}",
		"{" ARCH_MAP "\"syscalls\":[" READ ",{\"names\":[\"x\",\"clone\",\"y\"]," ALLOW
		"," OUR_ARGS "}]}",
	};
	static const char *const none[] = {
		"{\"syscalls\":[{\"names\":[\"unshare\"]," ALLOW "," OUR_ARGS "}]}",
		"{\"syscalls\":[{\"names\":[\"clone\"]," ALLOW "," ARGS("2114060288", "0") "}]}",
		"{\"syscalls\":[{\"names\":[\"clone\"]," ALLOW "," ARGS("0", "1342177280") "}]}",
		"{\"syscalls\":[{\"names\":[\"clone\"]," ALLOW
		"," ARGS("1342177280", "2114060288") "}]}",
		"{\"syscalls\":[{\"names\":[\"clone\"]," ALLOW
		"," ARGS("2114060288.0", "1342177280") "}]}",
		"{\"syscalls\":[{\"names\":[\"clone\"]," ALLOW "},{\"names\":[\"x\"]," OUR_ARGS
		"}]}",
		"{\"syscalls\":[{" OUR_ARGS "},{\"names\":[\"clone\"]," ALLOW "}]}",
		"{\"syscalls\":[{\"names\":[\"clone\"]," ALLOW
		",\"args\":[{\"value\":2114060288},{\"valueTwo\":1342177280}]}]}",
	};

	for (size_t i = 0; i < COUNT(others); i++) {
		assert_int_equal(add_rule_to(others[i]), 0);
		assert_string_equal(output, others[i]);
	}
	for (size_t i = 0; i < COUNT(none); i++) {
		assert_int_equal(add_rule_to(none[i]), 0);
		if (output_length <= strlen(none[i]))
			FAIL("the rule was not added to %s", none[i]);
	}
}

/* ---- what is refused */

#define JSON "not JSON"
#define EARLY "it ends too early"
#define KIND "the wrong kind of value"
#define TWICE "a second one"
#define REMEDY ". Take Moby's: seccomp/default.json of https://github.com/moby/profiles"

static const struct {
	const char *text;
	unsigned int line, column;
	const char *cause;
} bad[] = {
	/* cut, or nothing */
	{ "", 1, 1, EARLY },
	{ " \n\t", 2, 2, EARLY },
	{ "{", 1, 2, EARLY },
	{ "{\"", 1, 3, EARLY },
	{ "{\"syscalls", 1, 11, EARLY },
	{ "{\"syscalls\"", 1, 12, EARLY },
	{ "{\"syscalls\":", 1, 13, EARLY },
	{ "{\"syscalls\":[", 1, 14, EARLY },
	{ "{\"syscalls\":[]", 1, 15, EARLY },
	{ "{\"syscalls\":[],\n", 2, 1, EARLY },
	{ "{\"x\":\"\\", 1, 8, EARLY },
	{ "{\"x\":\"\\u12", 1, 11, EARLY },
	{ "{\"x\":\"\xc3", 1, 8, EARLY },
	{ "{\"x\":-", 1, 7, EARLY },
	{ "{\"x\":1.", 1, 8, EARLY },
	{ "{\"x\":1e+", 1, 9, EARLY },
	{ "{\"x\":tru", 1, 9, EARLY },

	/* no JSON */
	{ "x", 1, 1, JSON },
	{ "}", 1, 1, JSON },
	{ "{x", 1, 2, JSON },
	{ "{,}", 1, 2, JSON },
	{ "{'x':1}", 1, 2, JSON },
	{ "{\n\"syscalls\":[],\n}", 3, 1, JSON },
	{ "{\"syscalls\" []}", 1, 13, JSON },
	{ "{\"syscalls\":[" READ ",]}", 1, 14 + sizeof(READ), JSON },
	{ "{\"syscalls\":[" READ READ "]}", 1, 13 + sizeof(READ), JSON },
	{ "{\"syscalls\":[}", 1, 14, JSON },
	{ "{\"syscalls\":[]]", 1, 15, JSON },
	{ "{\"syscalls\":[] // x\n}", 1, 16, JSON },
	{ "{\"x\":[01]}", 1, 8, JSON },
	{ "{\"x\":[+1]}", 1, 7, JSON },
	{ "{\"x\":[-]}", 1, 8, JSON },
	{ "{\"x\":[.5]}", 1, 7, JSON },
	{ "{\"x\":[1.]}", 1, 9, JSON },
	{ "{\"x\":[1.e1]}", 1, 9, JSON },
	{ "{\"x\":[1e]}", 1, 9, JSON },
	{ "{\"x\":[1e+-1]}", 1, 10, JSON },
	{ "{\"x\":[0x1]}", 1, 8, JSON },
	{ "{\"x\":[1 2]}", 1, 9, JSON },
	{ "{\"x\":True}", 1, 6, JSON },
	{ "{\"x\":tru}", 1, 9, JSON },
	{ "{\"x\":nulls}", 1, 11, JSON },
	{ "{\"x\":NaN}", 1, 6, JSON },
	{ "{\"x\":\"\n\"}", 1, 7, JSON },
	{ "{\"x\":\"\t\"}", 1, 7, JSON },
	{ "{\"x\":\"\\x\"}", 1, 8, JSON },
	{ "{\"x\":\"\\u12g4\"}", 1, 11, JSON },
	{ "\xc2\xa0{}", 1, 1, JSON },
	{ "\f{}", 1, 1, JSON },

	/* not one profile */
	{ "\xef\xbb\xbf{\"syscalls\":[]}", 1, 1, "a byte order mark" },
	{ "{\"syscalls\":[]}{\"syscalls\":[]}", 1, 16, "text behind the profile" },
	{ "{\"syscalls\":[]}\n\nx", 3, 1, "text behind the profile" },
	{ "{\"syscalls\":[]}\n,", 2, 1, "text behind the profile" },
	{ "[]", 1, 1, "no \"syscalls\"" },
	{ "null", 1, 1, KIND },
	{ "\n \"syscalls\"", 2, 2, KIND },
	{ "{}", 1, 1, "no \"syscalls\"" },
	{ "\n {\"Syscalls\":[]}", 2, 2, "no \"syscalls\"" },
	{ "{\"x\":{\"syscalls\":[]}}", 1, 1, "no \"syscalls\"" },

	/* no profile that an engine reads, or that it reads as one may not expect */
	{ "{\"syscalls\":{}}", 1, 13, KIND },
	{ "{\"syscalls\":null}", 1, 13, KIND },
	{ "{\"syscalls\":\"x\"}", 1, 13, KIND },
	{ "{\"syscalls\":[[]]}", 1, 14, KIND },
	{ "{\"syscalls\":[null]}", 1, 14, KIND },
	{ "{\"syscalls\":[{\"args\":[null]}]}", 1, 23, KIND },
	{ "{\"syscalls\":[],\n\"syscalls\":[]}", 2, 1, TWICE },
	{ "{\"syscalls\":[{\"name\":\"x\",\"names\":[\"y\"]}]}", 1, 26, TWICE },
	{ "{\"syscalls\":[{\"names\":[\"x\"],\n  \"name\":\"y\"}]}", 2, 3, TWICE },
	{ "{\"syscalls\":[{\"action\":\"x\",\"action\":\"y\"}]}", 1, 28, TWICE },
	{ "{\"syscalls\":[{\"args\":[{\"value\":1,\"value\":2}]}]}", 1, 34, TWICE },
	{ "{\"archMap\":[],\"architectures\":[],\"syscalls\":[]}", 1, 15, TWICE },
	{ "{\"architectures\":[],\"archMap\":[],\"syscalls\":[]}", 1, 21, TWICE },
	{ "{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 1, 37,
	  "nested too deeply" },

	/* where the rule could not work */
	{ "{\"architectures\":[\"SCMP_ARCH_X86\",\n\"SCMP_ARCH_S390X\"],\"syscalls\":[]}", 1, 18,
	  "s390 needs a profile of its own" },
	{ "{\"syscalls\":[" READ ",\n\t{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ERRNO\"}]}", 2,
	  2, "for clone, but not SCMP_ACT_ALLOW" },
	{ "{\"syscalls\":[{\"action\":\"SCMP_ACT_KILL\",\"name\":\"clone\"}]}", 1, 14,
	  "for clone, but not SCMP_ACT_ALLOW" },
	{ "{\"syscalls\":[{\"names\":[\"clone\"]}]}", 1, 14, "for clone, but not SCMP_ACT_ALLOW" },
	{ "{\"syscalls\":[" ALL_CLONES ",{\"names\":[\"clone\"]}]}", 1, 14 + sizeof(ALL_CLONES),
	  "for clone, but not SCMP_ACT_ALLOW" },
};

TEST(refuses_profiles_with_line_column_cause_and_remedy)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		char expected[512];

		snprintf(expected, sizeof(expected),
			 "profile: standard input, line %u, column %u: %s" REMEDY, bad[i].line,
			 bad[i].column, bad[i].cause);
		if (add_rule_to(bad[i].text) != -1)
			FAIL("'%s' was taken for a profile", bad[i].text);
		if (strncmp(failure.what, expected + 9, strlen(failure.what)) != 0)
			print_error("of '%s':\n", bad[i].text);
		assert_failure(&failure, expected);
	}
}

TEST(a_nul_byte_is_garbage)
{
	static const struct {
		struct span text;
		unsigned int column;
	} binary[] = {
		{ { "\0", 1 }, 1 },
		{ { "{\0\"syscalls\":[]}", 16 }, 2 },
		{ { "{\"sys\0calls\":[]}", 16 }, 6 },
		{ { "{\"x\":\"\\\0\",\"syscalls\":[]}", 24 }, 8 },
		{ { "{\"x\":\"\\u\0\"}", 11 }, 9 },
	};
	static const struct span behind = { "{\"syscalls\":[]}\0", 16 };

	for (size_t i = 0; i < COUNT(binary); i++) {
		char expected[128];

		snprintf(expected, sizeof(expected), "standard input, line 1, column %u: " JSON,
			 binary[i].column);
		assert_int_equal(add_rule(binary[i].text, sizeof(output)), -1);
		assert_string_equal(failure.what, expected);
	}
	assert_int_equal(add_rule(behind, sizeof(output)), -1);
	assert_string_equal(failure.what,
			    "standard input, line 1, column 16: text behind the profile");
}

TEST(a_file_that_is_cut_anywhere_is_refused)
{
	static char whole[8192];
	size_t length;

	for (size_t i = 0; i < COUNT(good); i++) {
		length = (size_t)snprintf(whole, sizeof(whole), "%s%s%s", good[i].before,
					  good[i].rule, good[i].behind);
		while (whole[length - 1] != '}')
			length--;
		for (size_t cut = 0; cut < length; cut++) {
			if (add_rule((struct span){ whole, cut }, sizeof(output)) != -1)
				FAIL("%zu bytes of '%s' were taken for a profile", cut, whole);
			assert_string_equal(failure.stage, "profile");
			assert_non_null(strstr(failure.what, EARLY));
		}
	}
}

TEST(an_output_that_is_too_small_is_refused)
{
	const char *const profile = "{\"syscalls\":[" READ "]}";
	size_t needed;

	assert_int_equal(add_rule_to(profile), 0);
	needed = output_length + 1;
	for (size_t room = 1; room < needed; room++) {
		assert_int_equal(add_rule(span_of(profile), room), -1);
		assert_non_null(strstr(failure.what, ": no room for more"));
	}
	assert_int_equal(add_rule(span_of(profile), needed), 0);
}

TEST(nesting_without_end_is_refused)
{
	static char deep[1 << 15];

	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"x\":", 5);
	assert_int_equal(add_rule((struct span){ deep, sizeof(deep) }, sizeof(output)), -1);
	assert_string_equal(failure.what, "standard input, line 1, column 37: nested too deeply");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_the_rule_and_changes_nothing_else),
		cmocka_unit_test(a_profile_that_has_the_rule_stays_as_it_is),
		cmocka_unit_test(knows_the_rule_in_every_form),
		cmocka_unit_test(refuses_profiles_with_line_column_cause_and_remedy),
		cmocka_unit_test(a_nul_byte_is_garbage),
		cmocka_unit_test(a_file_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(an_output_that_is_too_small_is_refused),
		cmocka_unit_test(nesting_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
