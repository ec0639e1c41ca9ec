/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "init/accounts.h"
#include "sys/text.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "agent:x:1000:1000:An Agent:/home/agent:/bin/sh\n"
			     "77:x:1077:1078::/home/numbers:/bin/sh\n"
			     "# a comment\n"
			     "\n"
			     "short\n"
			     "nogid:x:1001\n"
			     "text:x:one:two::/:\n"
			     "huge:x:4294967295:1::/:\n"
			     "largest:x:4294967294:4294967294::/:\n"
			     "homeless:x:1002:1002:::\n"
			     "colons:x:1006:1006::/colons:/bin/sh:more:than:there:are:fields\n"
			     "video:x:1007:44::/home/video:\n"
			     "twice:x:1003:1:first:/first:\n"
			     "twice:x:1004:2:second:/second:\n"
			     "last:x:1005:1005::/home/last";

static const char group[] = "root:x:0:\n"
			    "agent:x:1000:\n"
			    "video:x:44:agent,root,video\n"
			    "audio:x:29:other,agent,video\n"
			    "agents:x:30:agent2,xagent\n"
			    "bad:x:no:agent\n"
			    "short:x\n"
			    "88:x:1088:\n"
			    "disk:x:6:root,agent";

static struct account account;
static struct failure failure;

/* "uid gid home groups..." */
static const char *show(const struct account *a)
{
	static char shown[256];
	struct text t = TEXT_OVER(shown);

	text_printf(&t, "%u %u ", a->uid, a->gid);
	text_bytes(&t, a->home.at, a->home.length);
	for (unsigned int i = 0; i < a->group_count; i++)
		text_printf(&t, " %u", a->groups[i]);
	return shown;
}

static int find(const char *wanted)
{
	memset(&account, 0xaa, sizeof(account));
	forget_failure(&failure);
	return account_find(span_of(wanted), span_of(passwd), span_of(group), &account, &failure);
}

TEST(finds_users_as_docker_does)
{
	static const struct {
		const char *wanted, *found;
	} rows[] = {
		{ "root", "0 0 /root 0 44 6" },
		{ "agent", "1000 1000 /home/agent 1000 44 29 6" },
		{ "1000", "1000 1000 /home/agent 1000 44 29 6" }, /* a number has its entry's */
		{ "0", "0 0 /root 0 44 6" },
		{ "4711", "4711 0  0" }, /* no entry: gid 0 */
		{ "4294967294", "4294967294 4294967294 / 4294967294" },
		{ "77", "1077 1078 /home/numbers 1078" }, /* a name of digits comes first */
		{ "homeless", "1002 1002  1002" },
		{ "colons", "1006 1006 /colons 1006" },
		{ "video",
		  "1007 44 /home/video 44 29" }, /* 44 once, though it is listed there too */
		{ "twice", "1003 1 /first 1" },
		{ "1004", "1004 2 /second 2" },
		{ "last", "1005 1005 /home/last 1005" }, /* no newline at the end */
		{ "agent:video", "1000 44 /home/agent 44" }, /* a group asked for is the only one */
		{ "agent:4242", "1000 4242 /home/agent 4242" },
		{ "1000:1000", "1000 1000 /home/agent 1000" },
		{ "4711:audio", "4711 29  29" },
		{ "4711:4712", "4711 4712  4712" },
		{ "agent:88", "1000 1088 /home/agent 1088" }, /* a group's name of digits, too */
		{ "agent:disk", "1000 6 /home/agent 6" },
		{ "0:0", "0 0 /root 0" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (find(rows[i].wanted) < 0)
			FAIL("'%s' was refused: %s", rows[i].wanted, failure.what);
		assert_string_equal(show(&account), rows[i].found);
	}
}

#define NEITHER ": neither a user nor user:group. Write --user NAME, UID, NAME:GROUP or UID:GID"
#define NO_USER ": not in the image's /etc/passwd. Name a user that is, or give the uid as a number"
#define NO_GROUP \
	": not in the image's /etc/group. Name a group that is, or give the gid as a number"
#define NO_IDS ": its entry in /etc/passwd has no uid or no gid"

TEST(refuses_with_the_name_and_the_cause)
{
	static const struct {
		const char *wanted, *failure;
	} rows[] = {
		{ "", "user: ''" NEITHER },
		{ ":", "user: ':'" NEITHER },
		{ ":video", "user: ':video'" NEITHER },
		{ "agent:", "user: 'agent:'" NEITHER },
		{ "nobody", "user: 'nobody'" NO_USER },
		{ "Agent", "user: 'Agent'" NO_USER },
		{ "age", "user: 'age'" NO_USER },
		{ "-1", "user: '-1'" NO_USER },
		{ "4294967295", "user: '4294967295'" NO_USER }, /* -1 of the system calls */
		{ "4294967296", "user: '4294967296'" NO_USER },
		{ "99x", "user: '99x'" NO_USER },
		{ "x\n\033[31m", "user: 'x\\x0a\\x1b[31m'" NO_USER },
		{ "short", "user: 'short'" NO_IDS },
		{ "nogid", "user: 'nogid'" NO_IDS },
		{ "text", "user: 'text'" NO_IDS },
		{ "huge", "user: 'huge'" NO_IDS },
		{ "agent:nogroup", "user: 'nogroup'" NO_GROUP },
		{ "agent:4294967295", "user: '4294967295'" NO_GROUP },
		{ "agent:44:29", "user: '44:29'" NO_GROUP },
		{ "4711:vid", "user: 'vid'" NO_GROUP },
		{ "agent:short", "user: 'short': its entry in /etc/group has no gid" },
		{ "agent:bad", "user: 'bad': its entry in /etc/group has no gid" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (find(rows[i].wanted) != -1)
			FAIL("'%s' was found: %s", rows[i].wanted, show(&account));
		assert_failure(&failure, rows[i].failure);
	}
}

TEST(missing_files_are_empty)
{
	const struct span none = span_of("");

	assert_int_equal(account_find(span_of("1000"), none, none, &account, &failure), 0);
	assert_string_equal(show(&account), "1000 0  0");
	assert_int_equal(account_find(span_of("1000:50"), none, none, &account, &failure), 0);
	assert_string_equal(show(&account), "1000 50  50");
	assert_int_equal(account_find(span_of("agent"), none, none, &account, &failure), -1);
	assert_failure(&failure, "user: 'agent'" NO_USER);
	assert_int_equal(account_find(span_of("1000:video"), none, none, &account, &failure), -1);
	assert_failure(&failure, "user: 'video'" NO_GROUP);
}

/* A file that is mapped has no NUL at its end: the sanitizer sees a byte read too far. */
static struct span without_nul(const char *string)
{
	struct span s = span_of(string);
	char *bytes = malloc(s.length);

	assert_non_null(bytes);
	memcpy(bytes, s.at, s.length);
	return (struct span){ .at = bytes, .length = s.length };
}

TEST(needs_no_nul_at_the_end)
{
	static const char *const wanted[] = {
		"last", "1005", "agent:disk", "agent", "nobody", "5:x"
	};
	char *file = (char *)(uintptr_t)without_nul(passwd).at;
	char *groups = (char *)(uintptr_t)without_nul(group).at;

	for (size_t i = 0; i < COUNT(wanted); i++) {
		const struct span w = without_nul(wanted[i]);

		find(wanted[i]);
		char expected[256];
		snprintf(expected, sizeof(expected), "%s", show(&account));
		account_find(w, (struct span){ file, sizeof(passwd) - 1 },
			     (struct span){ groups, sizeof(group) - 1 }, &account, &failure);
		assert_string_equal(show(&account), expected);
		free((void *)(uintptr_t)w.at);
	}
	free(file);
	free(groups);
}

/* The primary one is among them. */
TEST(takes_256_groups_and_no_more)
{
	static char groups[64 * (ACCOUNT_GROUPS + 1)];
	struct text t = TEXT_OVER(groups);

	for (unsigned int i = 1; i < ACCOUNT_GROUPS; i++)
		text_printf(&t, "g%u:x:%u:agent\n", i, 2000 + i);
	assert_int_equal(account_find(span_of("agent"), span_of(passwd), span_of(groups), &account,
				      &failure),
			 0);
	assert_int_equal(account.group_count, ACCOUNT_GROUPS);
	assert_int_equal(account.groups[ACCOUNT_GROUPS - 1], 2000 + ACCOUNT_GROUPS - 1);
	text_printf(&t, "more:x:1:agent\n");
	assert_false(t.cut);
	assert_int_equal(account_find(span_of("agent"), span_of(passwd), span_of(groups), &account,
				      &failure),
			 -1);
	assert_failure(&failure, "user: 'agent': member of more than 256 groups. "
				 "Name one group: --user NAME:GROUP");
	assert_int_equal(account_find(span_of("agent:g3"), span_of(passwd), span_of(groups),
				      &account, &failure),
			 0);
	assert_string_equal(show(&account), "1000 2003 /home/agent 2003");
}

TEST(a_long_name_is_cut_in_the_message)
{
	char name[400];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(find(name), -1);
	assert_non_null(strstr(failure.what, "n': not in the image's /etc/passwd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_users_as_docker_does),
		cmocka_unit_test(refuses_with_the_name_and_the_cause),
		cmocka_unit_test(missing_files_are_empty),
		cmocka_unit_test(needs_no_nul_at_the_end),
		cmocka_unit_test(takes_256_groups_and_no_more),
		cmocka_unit_test(a_long_name_is_cut_in_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
