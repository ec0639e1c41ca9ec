/* SPDX-License-Identifier: MIT */
/* With real files. The agent is another user, who could change what his uid and groups may. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "init/policies.h"

#define AGENT 4711

static const struct account agent = {
	.uid = AGENT, .gid = AGENT, .groups = { AGENT + 1, AGENT + 2 }, .group_count = 2
};

static char directory[64];
static struct policies policies;
static struct failure failure;

/* ---- files, all of them in one directory ---- */

static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned int next;
	char *path = paths[next++ % COUNT(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void make_directory(const char *name)
{
	assert_int_equal(mkdir(path_of(name), 0755), 0);
}

static void make_link(const char *to, const char *name)
{
	assert_int_equal(symlink(to, path_of(name)), 0);
}

static void move(const char *from, const char *to)
{
	assert_int_equal(rename(path_of(from), path_of(to)), 0);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test_policies.XXXXXX");
	if (!mkdtemp(directory) || chmod(directory, 0755) < 0)
		return -1;
	memset(&policies, 0, sizeof(policies));
	forget_failure(&failure);
	return policies_open(&policies, &failure);
}

static int tear_down(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	if (policies.directory >= 0)
		close(policies.directory);
	if (policies.changes >= 0)
		close(policies.changes);
	return system(command);
}

/* ---- what is in use ---- */

static void add_option(const char *rule)
{
	assert_int_equal(policy_add(&policies.places[0].policy, span_of(rule), false, &failure), 0);
}

/* The rules of a place, with commas between them. */
static const char *rules_of(unsigned int place)
{
	static char text[512];
	struct text t = TEXT_OVER(text);
	const struct policy *p = &policies.places[place].policy;

	for (unsigned int i = 0; i < p->count; i++)
		text_printf(&t, "%s%s%.*s", i > 0 ? "," : "", p->rules[i].deny ? "!" : "",
			    (int)p->rules[i].text.length, p->rules[i].text.at);
	return text;
}

static void read_file(const char *name)
{
	assert_int_equal(policies_read(&policies, path_of(name), &failure), 0);
}

static void watch_file(const char *name)
{
	/* It borrows the path. */
	static char path[128];

	snprintf(path, sizeof(path), "%s", path_of(name));
	assert_int_equal(policies_read(&policies, path, &failure), 0);
	assert_int_equal(policies_watch(&policies, &agent, &failure), 0);
	assert_int_equal(policies_reread(&policies, &agent, &failure), 0);
}

/* As main does it, until nothing happens any more; the last that was said. */
static int take_changes(void)
{
	struct pollfd changes = { .fd = policies.changes, .events = POLLIN };
	int last = 0;

	while (poll(&changes, 1, 0) > 0) {
		int read = policies_reread(&policies, &agent, &failure);

		if (read > 0)
			policies.used = !policies.used;
		if (read != 0)
			last = read;
	}
	return last;
}

static void assert_in_use(const char *rules)
{
	assert_int_equal(take_changes(), 1);
	assert_string_equal(rules_of(policies.used), rules);
}

/* A bad file, or none: the rules stay. */
static void assert_kept(const char *rules, const char *expected)
{
	forget_failure(&failure);
	assert_int_equal(take_changes(), -1);
	if (!strstr(failure.what, expected))
		FAIL("'%s' does not say '%s'", failure.what, expected);
	assert_string_equal(rules_of(policies.used), rules);
}

/* ---- reading ---- */

/* Linux 5.6; qemu-user does not know it. */
static void need_openat2(void)
{
	if (syscall(SYS_openat2, -1, "", NULL, 0) < 0 && errno == ENOSYS)
		skip_because("no openat2 here, so no file is watched");
}

TEST(rules_of_a_file_stand_behind_those_by_options)
{
	add_option("domain=option");
	write_file("policy", "# a comment\nallow domain=a\n\ndeny domain=b");
	read_file("policy");
	assert_string_equal(rules_of(0), "domain=option,domain=a,!domain=b");
	assert_int_equal(policies.given, 1);
	assert_int_equal(policies.used, 0);
}

TEST(an_empty_file_is_a_policy)
{
	write_file("policy", "");
	read_file("policy");
	assert_string_equal(rules_of(0), "");
}

static int read_relative(void)
{
	CHILD_ASSERT(chdir(directory) == 0);
	CHILD_ASSERT(policies_read(&policies, "policy", &failure) == 0);
	CHILD_ASSERT(policies_read(&policies, "./policy", &failure) == 0);
	CHILD_ASSERT(policies_read(&policies, "below/../policy", &failure) == 0);
	CHILD_ASSERT(policies.places[0].policy.count == 3);
	/* init goes to / later on: the directory is the one that it was. */
	CHILD_ASSERT(policies_read(&policies, "policy", &failure) == 0);
	CHILD_ASSERT(policies_watch(&policies, &agent, &failure) == 0);
	CHILD_ASSERT(chdir("/") == 0);
	write_file("policy", "allow domain=b\nallow domain=c\n");
	CHILD_ASSERT(policies_reread(&policies, &agent, &failure) == 1);
	CHILD_ASSERT(policies.places[1].policy.count == policies.given + 2);
	return 0;
}

TEST(a_relative_path_is_one)
{
	need_openat2();
	write_file("policy", "allow domain=a\n");
	make_directory("below");
	assert_int_equal(in_child(read_relative), 0);
}

static void assert_unreadable(const char *path, const char *expected)
{
	forget_failure(&failure);
	assert_int_equal(policies_read(&policies, path, &failure), -1);
	assert_string_equal(failure.stage, "policy");
	if (!strstr(failure.what, expected))
		FAIL("%s: '%s' does not say '%s'", path, failure.what, expected);
}

TEST(what_cannot_be_read_is_said)
{
	char longest[270]; /* and the cause still fits behind it */

	write_file("file", "allow domain=a\n");
	write_file("bad", "allow domain=a\nallow doman=b\n");
	make_directory("sub");
	assert_unreadable(path_of("missing"), "missing: No such file or directory");
	assert_unreadable(path_of("missing/policy"), "No such file or directory");
	assert_unreadable(path_of("file/policy"), "Not a directory");
	assert_unreadable(path_of("sub"), "sub: Is a directory");
	assert_unreadable(path_of("sub/"), "No such file or directory");
	assert_unreadable("", "No such file or directory");
	assert_unreadable(path_of("bad"), "bad, line 2, column 7: ");
	memset(longest, 'x', sizeof(longest));
	longest[0] = longest[sizeof(longest) - 4] = '/';
	longest[sizeof(longest) - 1] = '\0';
	assert_unreadable(longest, "Filename too long");
}

static void write_filled(const char *name, size_t size)
{
	static char text[POLICY_TEXT + 2];

	memset(text, '\n', sizeof(text));
	text[size] = '\0';
	write_file(name, text);
}

TEST(a_file_has_a_largest_size)
{
	write_filled("policy", POLICY_TEXT - 1);
	read_file("policy");
	write_filled("policy", POLICY_TEXT);
	assert_unreadable(path_of("policy"), "longer than 256 KiB");
	write_filled("policy", POLICY_TEXT + 1);
	assert_unreadable(path_of("policy"), "longer than 256 KiB");
}

/* ---- watching ---- */

TEST(nothing_has_changed)
{
	need_openat2();
	write_file("policy", "allow domain=a\n");
	watch_file("policy");
	assert_int_equal(take_changes(), 0);
	/* Who only reads it changes nothing. */
	close(open(path_of("policy"), O_RDONLY | O_CLOEXEC));
	assert_int_equal(take_changes(), 0);
	assert_string_equal(rules_of(policies.used), "domain=a");
}

TEST(a_file_is_written_in_place)
{
	need_openat2();
	add_option("domain=option");
	write_file("policy", "allow domain=a\n");
	watch_file("policy");
	for (unsigned int i = 0; i < 5; i++) {
		write_file("policy",
			   i % 2 ? "allow domain=a\n" : "deny domain=b\nallow domain=c\n");
		assert_in_use(i % 2 ? "domain=option,domain=a" :
				      "domain=option,!domain=b,domain=c");
	}
}

TEST(a_file_takes_the_place_of_another)
{
	need_openat2();
	write_file("policy", "allow domain=a\n");
	watch_file("policy");
	write_file("new", "allow domain=b\n");
	move("new", "policy");
	assert_in_use("domain=b");
	/* And this one is watched from now on, in place too. */
	write_file("policy", "allow domain=c\n");
	assert_in_use("domain=c");
	assert_int_equal(unlink(path_of("policy")), 0);
	assert_kept("domain=c", "No such file or directory");
	write_file("policy", "allow domain=d\n");
	assert_in_use("domain=d");
}

/* kubelet: policy -> ..data/policy, ..data -> ..1, and a rename puts a new ..data into its place. */
TEST(a_config_map_is_swapped)
{
	need_openat2();
	make_directory("..1");
	make_directory("..2");
	make_directory("..3");
	write_file("..1/policy", "allow domain=a\n");
	make_link("..1", "..data");
	make_link("..data/policy", "policy");
	watch_file("policy");
	assert_string_equal(rules_of(0), "domain=a");
	write_file("..2/policy", "allow domain=b\n");
	make_link("..2", "..data_tmp");
	move("..data_tmp", "..data");
	assert_in_use("domain=b");
	assert_int_equal(unlink(path_of("..1/policy")), 0);
	take_changes();
	write_file("..3/policy", "allow domain=c\n");
	make_link("..3", "..data_tmp");
	move("..data_tmp", "..data");
	assert_in_use("domain=c");
}

TEST(a_bad_file_changes_nothing)
{
	need_openat2();
	add_option("domain=option");
	write_file("policy", "allow domain=a\n");
	watch_file("policy");
	write_file("policy", "allow domain=b\nallow nonsense\n");
	assert_kept("domain=option,domain=a", "line 2, column 7");
	write_filled("policy", POLICY_TEXT);
	assert_kept("domain=option,domain=a", "longer than 256 KiB");
	write_file("policy", "allow domain=evil\n");
	assert_int_equal(chmod(path_of("policy"), 0666), 0);
	assert_kept("domain=option,domain=a", "the agent can change it");
	assert_int_equal(chmod(path_of("policy"), 0644), 0);
	write_file("policy", "allow domain=c\n");
	assert_in_use("domain=option,domain=c");
}

/* A directory that was put in the place of the one at the start is not where the policy lies. */
TEST(the_directory_stays_the_one_it_was)
{
	need_openat2();
	make_directory("etc");
	write_file("etc/policy", "allow domain=a\n");
	watch_file("etc/policy");
	move("etc", "old");
	make_directory("etc");
	write_file("etc/policy", "allow domain=evil\n");
	assert_int_equal(take_changes(), 0);
	write_file("old/policy", "allow domain=b\n");
	assert_in_use("domain=b");
}

/* ---- who can change it ---- */

static int watch_owned(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	const char *path = path_of(name);
	int code;

	assert_int_equal(chown(path, uid, gid), 0);
	assert_int_equal(chmod(path, mode), 0);
	read_file("policy");
	code = policies_watch(&policies, &agent, &failure);
	if (policies.changes >= 0)
		close(policies.changes);
	close(policies.directory);
	policies.changes = policies.directory = -1;
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chmod(path, S_ISDIR(mode) ? 0755 : 0644), 0);
	return code;
}

TEST(what_the_agent_could_change_is_not_watched)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		mode_t mode; /* of a directory, 0111 is added */
		int unsafe;
	} owners[] = {
		{ 0, 0, 0644, 0 },	   { 0, 0, 0664, 0 }, /* a group that it is not in */
		{ 1, 1, 0666, 1 }, /* everybody */
		{ 0, 0, 0602, 1 },	   { AGENT, 0, 0644, 1 },
		{ AGENT, 0, 0444, 1 }, /* its own: it may change the mode */
		{ 0, AGENT, 0664, 1 }, /* its group */
		{ 0, AGENT, 0644, 0 }, /* which may only read */
		{ 0, AGENT + 1, 0664, 1 }, /* others of its groups */
		{ 0, AGENT + 2, 0664, 1 }, { 0, AGENT + 3, 0664, 0 },
	};

	need_openat2();
	if (geteuid() != 0)
		skip_because("needs root, to give files away");
	for (size_t i = 0; i < COUNT(owners); i++) {
		write_file("policy", "allow domain=a\n");
		assert_int_equal(watch_owned("policy", owners[i].uid, owners[i].gid,
					     owners[i].mode),
				 owners[i].unsafe);
		assert_int_equal(watch_owned(".", owners[i].uid, owners[i].gid,
					     (owners[i].mode | 0111) & 0777),
				 owners[i].unsafe);
	}
}

#define NO_MOUNTS 99 /* exit code: they cannot be had here */

static int watch_read_only(void)
{
	static char path[128];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(directory, directory, NULL, MS_BIND, NULL) < 0)
		return NO_MOUNTS;
	snprintf(path, sizeof(path), "%s", path_of("policy"));
	/* The agent's own file and directory, but on a mount that may be written: then it could. */
	CHILD_ASSERT(chown(path, AGENT, AGENT) == 0 && chown(directory, AGENT, AGENT) == 0);
	CHILD_ASSERT(policies_read(&policies, path, &failure) == 0);
	CHILD_ASSERT(policies_watch(&policies, &agent, &failure) == 1);
	CHILD_ASSERT(policies.changes == -1);
	CHILD_ASSERT(mount(NULL, directory, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0);
	CHILD_ASSERT(policies_read(&policies, path, &failure) == 0);
	CHILD_ASSERT(policies_watch(&policies, &agent, &failure) == 0);
	CHILD_ASSERT(policies.changes >= 0);
	return 0;
}

TEST(on_a_read_only_mount_nobody_can)
{
	int code;

	need_openat2();
	if (geteuid() != 0)
		skip_because("needs root, for a mount namespace");
	write_file("policy", "allow domain=a\n");
	code = in_child(watch_read_only);
	if (code == NO_MOUNTS)
		skip_because("no mount namespace can be had here");
	assert_int_equal(code, 0);
}

/* Through a directory of the agent's it could lead to any file of root, even to one in /proc that it fills. */
TEST(a_link_that_leads_away_is_not_followed_again)
{
	need_openat2();
	make_directory("etc");
	make_directory("home");
	write_file("home/policy", "allow domain=a\n");
	make_link("../home/policy", "etc/policy");
	read_file("etc/policy");
	assert_string_equal(rules_of(0), "domain=a");
	assert_int_equal(policies_watch(&policies, &agent, &failure), 1);
}

/* What has become the agent's is not read any more. */
TEST(a_file_that_is_given_to_the_agent_is_not_read)
{
	need_openat2();
	if (geteuid() != 0)
		skip_because("needs root, to give files away");
	write_file("policy", "allow domain=a\n");
	watch_file("policy");
	write_file("new", "allow domain=evil\n");
	assert_int_equal(chown(path_of("new"), AGENT, 0), 0);
	move("new", "policy");
	assert_kept("domain=a", "the agent can change it");
	write_file("new", "allow domain=b\n");
	move("new", "policy");
	assert_in_use("domain=b");
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FILES(rules_of_a_file_stand_behind_those_by_options),
		WITH_FILES(an_empty_file_is_a_policy),
		WITH_FILES(a_relative_path_is_one),
		WITH_FILES(what_cannot_be_read_is_said),
		WITH_FILES(a_file_has_a_largest_size),
		WITH_FILES(nothing_has_changed),
		WITH_FILES(a_file_is_written_in_place),
		WITH_FILES(a_file_takes_the_place_of_another),
		WITH_FILES(a_config_map_is_swapped),
		WITH_FILES(a_bad_file_changes_nothing),
		WITH_FILES(the_directory_stays_the_one_it_was),
		WITH_FILES(what_the_agent_could_change_is_not_watched),
		WITH_FILES(on_a_read_only_mount_nobody_can),
		WITH_FILES(a_link_that_leads_away_is_not_followed_again),
		WITH_FILES(a_file_that_is_given_to_the_agent_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
