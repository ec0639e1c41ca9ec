/* SPDX-License-Identifier: MIT */
#include "sys/errors.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "init/gate/audit.h"

static struct failure failure;
static char directory[] = "/tmp/test_audit.XXXXXX";
static char path[64]; /* of a file in it, which no test leaves behind */

static int make_directory(void **state __attribute__((unused)))
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/log", directory);
	/* Who waits for ever fails by this. */
	alarm(60);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int remove_directory(void **state __attribute__((unused)))
{
	return rmdir(directory);
}

static int open_log(const char *where)
{
	size_t length = strlen(where);
	/* Without a NUL, so that the sanitizer sees a byte read too far. */
	char *bytes = malloc(length > 0 ? length : 1);
	int fd;

	assert_non_null(bytes);
	memcpy(bytes, where, length);
	forget_failure(&failure);
	fd = audit_open((struct span){ .at = bytes, .length = length }, &failure);
	free(bytes);
	return fd;
}

static int must_open(const char *where)
{
	int fd = open_log(where);

	if (fd < 0)
		FAIL("%s was refused: %s", where, failure.what);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	return fd;
}

static int must_open_fd(int fd)
{
	char where[32];

	snprintf(where, sizeof(where), "fd:%d", fd);
	return must_open(where);
}

/* All that can be read now; one datagram of a socket for them. */
static const char *read_all(int fd)
{
	static char bytes[1 << 20];
	ssize_t n = read(fd, bytes, sizeof(bytes) - 1);

	bytes[n > 0 ? n : 0] = '\0';
	return bytes;
}

static const char *read_file(void)
{
	int fd = open(path, O_RDONLY);
	const char *bytes = read_all(fd);

	close(fd);
	return bytes;
}

/* A record without its time, which is checked: it is now, as RFC 3339 has it. */
static const char *behind_time(const char *line)
{
	struct tm tm = { 0 };
	const char *rest = strncmp(line, "{\"time\":\"", 9) == 0 ?
				   strptime(line + 9, "%Y-%m-%dT%H:%M:%S", &tm) :
				   NULL;
	time_t now = time(NULL), then = timegm(&tm); /* time(2) lags behind by a tick */

	if (!rest || rest[0] != '.' || strspn(rest + 1, "0123456789") != 6 ||
	    strncmp(rest + 7, "Z\",", 3) != 0 || then > now + 1 || then < now - 5)
		FAIL("no record with a time of now: %s", line);
	return rest + 10;
}

static void write_one(const char *event)
{
	audit_begin(AUDIT_INFO, event);
	audit_end();
}

/* The pipe that records go to, non-blocking at both ends. */
static int pipe_ends[2];

static void start_pipe(void)
{
	assert_int_equal(pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC), 0);
	audit_start(pipe_ends[1], AUDIT_DEBUG);
}

static void end_pipe(void)
{
	audit_start(-1, AUDIT_DEBUG);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

/* ---- what a record looks like ---- */

TEST(a_record_is_a_line_of_json)
{
	const struct address v4 = { AF_INET, { 192, 0, 2, 1 } };
	const struct address v6 = { AF_INET6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	const struct address none = { 0 };

	start_pipe();
	audit_begin(AUDIT_WARN, "verdict");
	audit_string("verdict", "deny");
	audit_string("absent", NULL);
	audit_span("name", (struct span){ "example.com/path", 11 });
	audit_span("absent", (struct span){ NULL, 0 });
	audit_span("empty", (struct span){ "x", 0 });
	audit_number("port", 443);
	audit_number("zero", 0);
	audit_number("most", UINT64_MAX);
	audit_address("address", &v4);
	audit_address("absent", &none);
	audit_address("pool", &v6);
	audit_end();
	assert_string_equal(behind_time(read_all(pipe_ends[0])),
			    "\"seq\":1,\"event\":\"verdict\",\"verdict\":\"deny\","
			    "\"name\":\"example.com\",\"empty\":\"\",\"port\":443,\"zero\":0,"
			    "\"most\":18446744073709551615,\"address\":\"192.0.2.1\","
			    "\"pool\":\"2001:db8::1\"}\n");
	write_one("start");
	assert_string_equal(behind_time(read_all(pipe_ends[0])),
			    "\"seq\":2,\"event\":\"start\"}\n");
	end_pipe();
}

TEST(values_are_escaped)
{
	static const struct {
		const char *value, *shown;
	} rows[] = {
		{ " !#[]^~", " !#[]^~" },
		{ "say \"no\"", "say \\\"no\\\"" },
		{ "C:\\", "C:\\\\" },
		{ "\n\r\t\b\x01\x1f", "\\u000a\\u000d\\u0009\\u0008\\u0001\\u001f" },
		{ "\x7f\x80\xff", "\\u007f\\u0080\\u00ff" },
		{ "\033[31m", "\\u001b[31m" },
		{ "\xc3\xa9", "\\u00c3\\u00a9" },
		{ "\"},{\"", "\\\"},{\\\"" },
	};

	start_pipe();
	for (size_t i = 0; i < COUNT(rows); i++) {
		char expected[128];

		audit_begin(AUDIT_INFO, "test");
		audit_string("value", rows[i].value);
		audit_end();
		snprintf(expected, sizeof(expected),
			 "\"seq\":%zu,\"event\":\"test\",\"value\":\"%s\"}\n", i + 1,
			 rows[i].shown);
		assert_string_equal(behind_time(read_all(pipe_ends[0])), expected);
	}
	audit_begin(AUDIT_INFO, "test");
	audit_span("value", (struct span){ "a\0b", 3 });
	audit_end();
	assert_non_null(strstr(read_all(pipe_ends[0]), "\"value\":\"a\\u0000b\"}\n"));
	end_pipe();
}

static uint64_t microseconds(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_nsec / 1000;
}

TEST(a_record_has_the_time_of_its_beginning)
{
	struct timespec before, after, then = { 0 };
	const char *line, *rest;
	struct tm tm = { 0 };

	start_pipe();
	clock_gettime(CLOCK_REALTIME, &before);
	audit_begin(AUDIT_INFO, "test");
	clock_gettime(CLOCK_REALTIME, &after);
	audit_end();
	line = read_all(pipe_ends[0]);
	rest = strptime(line + strlen("{\"time\":\""), "%Y-%m-%dT%H:%M:%S.", &tm);
	then.tv_sec = timegm(&tm);
	then.tv_nsec = strtol(rest, NULL, 10) * 1000;
	assert_in_range(microseconds(&then), microseconds(&before), microseconds(&after));
	end_pipe();
}

TEST(time_is_what_the_calendar_says)
{
	char buffer[32], expected[32];

	/* Hours that no day divides by, up to the year 2300. */
	for (time_t at = 0; at < 10413792000; at += 39 * 3600 + 1234) {
		struct text t = TEXT_OVER(buffer);
		struct tm tm;

		audit_print_time(&t, (uint64_t)at, (uint32_t)(at % 1000000));
		gmtime_r(&at, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(expected + 19, sizeof(expected) - 19, ".%06uZ",
			 (unsigned int)(at % 1000000));
		assert_string_equal(buffer, expected);
	}
}

TEST(time_of_special_days)
{
	static const struct {
		uint64_t seconds;
		uint32_t microseconds;
		const char *shown;
	} rows[] = {
		{ 0, 0, "1970-01-01T00:00:00.000000Z" },
		{ 951782399, 999999, "2000-02-28T23:59:59.999999Z" },
		{ 951782400, 1, "2000-02-29T00:00:00.000001Z" },
		{ 951868800, 0, "2000-03-01T00:00:00.000000Z" },
		{ 1735689599, 100000, "2024-12-31T23:59:59.100000Z" },
		{ 1735689600, 0, "2025-01-01T00:00:00.000000Z" },
		{ 4107542399, 0, "2100-02-28T23:59:59.000000Z" },
		{ 4107542400, 0, "2100-03-01T00:00:00.000000Z" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char buffer[32];
		struct text t = TEXT_OVER(buffer);

		audit_print_time(&t, rows[i].seconds, rows[i].microseconds);
		assert_string_equal(buffer, rows[i].shown);
	}
}

TEST(only_levels_asked_for_are_written)
{
	start_pipe();
	for (int asked = AUDIT_ERROR; asked < AUDIT_LEVELS; asked++) {
		audit_start(pipe_ends[1], (enum audit_level)asked);
		for (int level = AUDIT_ERROR; level < AUDIT_LEVELS; level++) {
			assert_int_equal(audit_wants((enum audit_level)level), level <= asked);
			audit_begin((enum audit_level)level, "test");
			audit_string("key", "value");
			audit_number("key", 1);
			audit_end();
			assert_int_equal(strlen(read_all(pipe_ends[0])) > 0, level <= asked);
		}
	}
	audit_start(-1, AUDIT_DEBUG);
	assert_false(audit_wants(AUDIT_ERROR));
	write_one("test");
	assert_string_equal(read_all(pipe_ends[0]), "");
	end_pipe();
}

/* Below the level asked for nothing counts as a record, and an end without a beginning is none. */
TEST(what_is_not_wanted_leaves_no_gap)
{
	start_pipe();
	audit_start(pipe_ends[1], AUDIT_INFO);
	write_one("first");
	audit_begin(AUDIT_DEBUG, "hidden");
	audit_number("key", 1);
	audit_end();
	audit_end();
	read_all(pipe_ends[0]);
	write_one("second");
	audit_end();
	assert_string_equal(behind_time(read_all(pipe_ends[0])),
			    "\"seq\":2,\"event\":\"second\"}\n");
	end_pipe();
}

/* ---- what does not fit ---- */

TEST(a_long_string_is_cut_between_escapes)
{
	static char value[8192];
	const char *line, *shown;

	start_pipe();
	for (size_t before = 0; before < 8; before++) {
		memset(value, 'x', before);
		memset(value + before, 1, sizeof(value) - before);
		audit_begin(AUDIT_INFO, "test");
		audit_span("path", (struct span){ value, sizeof(value) });
		audit_string("reason", "no rule allows it");
		audit_end();
		line = read_all(pipe_ends[0]);
		shown = strstr(line, "\"path\":\"") + 8;
		assert_int_equal(strspn(shown, "x"), before);
		shown += before;
		while (strncmp(shown, "\\u0001", 6) == 0)
			shown += 6;
		assert_string_equal(shown, "\",\"reason\":\"no rule allows it\",\"cut\":true}\n");
	}
	end_pipe();
}

TEST(a_string_is_cut_at_its_limit_only)
{
	static char value[AUDIT_STRING_MAX];
	size_t longest = 0;

	memset(value, 'x', sizeof(value));
	start_pipe();
	for (size_t length = 900; length < sizeof(value); length++) {
		const char *line, *shown;
		size_t shown_length;

		audit_begin(AUDIT_INFO, "test");
		audit_span("value", (struct span){ value, length });
		audit_end();
		line = read_all(pipe_ends[0]);
		shown = strstr(line, "\"value\":\"") + 9;
		shown_length = strspn(shown, "x");
		if (!strstr(line, "\"cut\":true")) {
			assert_int_equal(shown_length, length);
			longest = length;
		} else {
			assert_int_equal(shown_length, longest);
		}
		/* Its quotes count. */
		assert_true(shown_length + 2 <= AUDIT_STRING_MAX);
	}
	assert_true(longest >= AUDIT_STRING_MAX - 8);
	end_pipe();
}

/* As a record grows by a byte at a time: first members are left out, never the end. */
TEST(a_record_is_never_too_long)
{
	static const struct address a = { AF_INET6, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 } };
	static char value[AUDIT_STRING_MAX];
	bool fitted[2] = { false }, smaller_fitted = false;

	memset(value, 'x', sizeof(value));
	for (size_t length = 500; length < 1000; length++) {
		const char *line;
		bool cut;

		start_pipe();
		audit_begin(AUDIT_INFO, "test");
		for (unsigned int i = 0; i < 3; i++)
			audit_span("value", (struct span){ value, 1000 });
		audit_span("value", (struct span){ value, length });
		audit_address("address", &a);
		audit_number("number", 12345678901234567890U);
		audit_string("empty", "");
		audit_number("n", 1);
		audit_end();
		line = read_all(pipe_ends[0]);
		assert_true(strlen(line) < AUDIT_RECORD_MAX);
		assert_string_equal(line + strlen(line) - 2, "}\n");
		cut = strstr(line, ",\"cut\":true}\n");
		/* Whole, or not there. */
		assert_int_equal(!strstr(line, "\"number\""),
				 !strstr(line, "\"number\":12345678901234567890"));
		assert_int_equal(!strstr(line, "\"address\""),
				 !strstr(line, "\"address\":\"102:304:506:708:90a::\""));
		assert_int_equal(!strstr(line, "\"empty\""), !strstr(line, "\"empty\":\"\""));
		assert_int_equal(cut, !(strstr(line, "\"number\"") && strstr(line, "\"address\"") &&
					strstr(line, "\"empty\"") && strstr(line, "\"n\":1")));
		fitted[cut] = true;
		smaller_fitted |= !strstr(line, "\"address\"") && strstr(line, "\"n\":1,");
		/* Nothing of it is left in the next one. */
		write_one("next");
		assert_string_equal(behind_time(read_all(pipe_ends[0])),
				    "\"seq\":2,\"event\":\"next\"}\n");
		end_pipe();
	}
	assert_true(fitted[false] && fitted[true] && smaller_fitted);
}

/* ---- what is not taken ---- */

static unsigned int fill_with_records(void)
{
	unsigned int written = 0;

	/* Not until the first that is refused, which nobody sees: more than any pipe here holds. */
	for (; written < 4000; written++) {
		audit_begin(AUDIT_INFO, "fill");
		audit_number("number", written);
		audit_end();
	}
	return written;
}

static void check_counts_what_it_drops(int reader)
{
	const char *all, *last;
	char expected[128];
	unsigned int taken;

	fill_with_records();
	all = read_all(reader);
	/* Whole lines, in order, as far as there was room. */
	last = all;
	for (taken = 0; *last; taken++) {
		snprintf(expected, sizeof(expected),
			 "\"seq\":%u,\"event\":\"fill\",\"number\":%u}\n", taken + 1, taken);
		assert_int_equal(strncmp(last + strcspn(last, ",") + 1, expected, strlen(expected)),
				 0);
		last = strchr(last, '\n') + 1;
	}
	assert_in_range(taken, 100, 3900);
	write_one("next");
	snprintf(expected, sizeof(expected), "\"seq\":4001,\"event\":\"next\",\"dropped\":%u}\n",
		 4000 - taken);
	assert_string_equal(behind_time(read_all(reader)), expected);
	write_one("next");
	assert_string_equal(behind_time(read_all(reader)), "\"seq\":4002,\"event\":\"next\"}\n");
}

TEST(a_full_pipe_is_not_waited_for)
{
	start_pipe();
	check_counts_what_it_drops(pipe_ends[0]);
	end_pipe();
}

/* Such as one that could not be opened again. */
TEST(a_blocking_pipe_is_not_waited_for_either)
{
	start_pipe();
	assert_int_equal(fcntl(pipe_ends[1], F_SETFL, 0), 0);
	check_counts_what_it_drops(pipe_ends[0]);
	end_pipe();
}

TEST(a_reader_that_is_gone_is_not_waited_for)
{
	int ends[2];

	start_pipe();
	close(pipe_ends[0]);
	fill_with_records();
	end_pipe();

	/* No SIGPIPE by a socket, whoever has not blocked it. */
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[0]);
	audit_start(ends[1], AUDIT_DEBUG);
	fill_with_records();
	audit_start(-1, AUDIT_DEBUG);
	close(ends[1]);
	signal(SIGPIPE, SIG_IGN);
}

/* Neither did the socket's own flags change: it blocks. */
TEST(a_full_socket_is_not_waited_for)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	audit_start(ends[1], AUDIT_DEBUG);
	check_counts_what_it_drops(ends[0]);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	audit_start(-1, AUDIT_DEBUG);
	close(ends[0]);
	close(ends[1]);
}

/* A terminal that is stopped, by ^S or because nobody reads its other end. */
TEST(a_terminal_is_not_waited_for)
{
	int master, slave, fd, flags;

	if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
		skip_because("no pseudo-terminals here");
	flags = fcntl(slave, F_GETFL);
	fd = must_open_fd(slave);
	assert_int_equal(fcntl(slave, F_GETFL), flags);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	audit_start(fd, AUDIT_DEBUG);
	fill_with_records();
	assert_int_equal(strncmp(behind_time(read_all(master)), "\"seq\":1,", 8), 0);
	audit_start(-1, AUDIT_DEBUG);
	close(fd);
	close(slave);
	close(master);
}

/* The disk is full in the middle of a line. */
static int tear_a_line(void)
{
	struct rlimit limit;
	rlim_t before;
	struct stat s;

	signal(SIGXFSZ, SIG_IGN);
	write_one("first");
	CHILD_ASSERT(stat(path, &s) == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0);
	before = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)s.st_size + 20;
	CHILD_ASSERT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	write_one("torn");
	write_one("lost");
	limit.rlim_cur = before;
	CHILD_ASSERT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	write_one("fourth");
	write_one("fifth");
	return 0;
}

TEST(a_torn_line_is_ended_and_counted)
{
	const char *lines[4];
	int fd = must_open(path);

	audit_start(fd, AUDIT_DEBUG);
	assert_int_equal(in_child(tear_a_line), 0);
	audit_start(-1, AUDIT_DEBUG);
	close(fd);
	lines[0] = read_file();
	for (unsigned int i = 1; i < COUNT(lines); i++)
		lines[i] = strchr(lines[i - 1], '\n') + 1;
	unlink(path);
	assert_int_equal(strncmp(behind_time(lines[0]), "\"seq\":1,\"event\":\"first\"}\n", 25), 0);
	assert_int_equal(lines[2] - lines[1], 20 + 1);
	assert_int_equal(strncmp(behind_time(lines[2]),
				 "\"seq\":4,\"event\":\"fourth\",\"dropped\":2}\n", 38),
			 0);
	assert_string_equal(behind_time(lines[3]), "\"seq\":5,\"event\":\"fifth\"}\n");
}

/* ---- where records go ---- */

TEST(a_file_is_made_for_its_owner_and_appended_to)
{
	struct stat s;
	mode_t old = umask(0);
	int fd = must_open(path);

	umask(old);
	assert_int_equal(fstat(fd, &s), 0);
	assert_int_equal(s.st_mode, S_IFREG | 0600);
	assert_int_equal(write(fd, "first\n", 6), 6);
	close(fd);
	fd = must_open(path);
	assert_int_equal(write(fd, "second\n", 7), 7);
	assert_string_equal(read_file(), "first\nsecond\n");
	/* Another that appends does not overwrite us, nor do we him. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, "third\n", 6), 6);
	assert_string_equal(read_file(), "third\n");
	close(fd);
	unlink(path);
}

#define NAMES "Name a FILE, stderr, fd:N, unix:/PATH or unix:@NAME"

TEST(what_cannot_be_opened_is_named_with_its_cause)
{
	static const char xs[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
				 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	static const struct {
		const char *where;
		int cause;
	} rows[] = {
		{ "", ENOENT },
		{ "/nonexistent/log", ENOENT },
		{ "/dev/null/log", ENOTDIR },
		{ "/tmp", EISDIR },
		{ "fd:", EINVAL },
		{ "fd:x", EINVAL },
		{ "fd:-1", EINVAL },
		{ "fd:2x", EINVAL },
		{ "fd:2147483648", EINVAL },
		{ "fd:2147483647", EBADF },
		{ "fd:999", EBADF },
		{ "unix:", EINVAL },
		{ "unix:log", EINVAL },
		{ "unix:./log", EINVAL },
		{ "unix:/nonexistent/log", ENOENT },
		{ "unix:/tmp", ECONNREFUSED },
		{ "unix:@nobody listens here", ECONNREFUSED },
	};
	char where[2 * PATH_MAX], expected[512];

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (open_log(rows[i].where) != -1)
			FAIL("'%s' was opened", rows[i].where);
		snprintf(expected, sizeof(expected), "audit: %s: %s%s", rows[i].where,
			 error_text(rows[i].cause), rows[i].cause == EINVAL ? ". " NAMES : "");
		assert_failure(&failure, expected);
	}

	assert_int_equal(open_log("/nonexistent/\033[31m\n"), -1);
	assert_non_null(strstr(failure.what, "/nonexistent/\\x1b[31m\\x0a: "));

	/* 107 bytes fit in an address; this is one more, or as many. */
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(where, sizeof(where), "unix:/%s", xs + i);
		assert_int_equal(strlen(where + 5), 109 - i);
		assert_int_equal(open_log(where), -1);
		assert_non_null(strstr(failure.what, error_text(ENAMETOOLONG)));
	}
	snprintf(where, sizeof(where), "unix:/%s", xs + 2);
	assert_int_equal(open_log(where), -1);
	assert_non_null(strstr(failure.what, error_text(ENOENT)));

	memset(where, '/', sizeof(where));
	for (size_t length = PATH_MAX - 1; length <= sizeof(where) - 1; length++) {
		where[length] = '\0';
		assert_int_equal(open_log(where), -1);
		assert_non_null(strstr(failure.what,
				       error_text(length < PATH_MAX ? EISDIR : ENAMETOOLONG)));
		where[length] = '/';
	}
}

/* A NUL would cut the name: the file would be another. */
static int listen_at(const char *name, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, name, strlen(name));
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, length), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

TEST(opening_does_not_wait)
{
	int listener, ends[8];
	char where[128];

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(open_log(path), -1);
	assert_non_null(strstr(failure.what, error_text(ENXIO)));
	unlink(path);

	/* As many as it lets wait. */
	listener = listen_at(path, SOCK_STREAM);
	assert_int_equal(listen(listener, 0), 0);
	snprintf(where, sizeof(where), "unix:%s", path);
	size_t waiting = 0;
	while ((ends[waiting] = open_log(where)) >= 0)
		assert_true(++waiting < COUNT(ends));
	assert_non_null(strstr(failure.what, error_text(EAGAIN)));
	while (waiting > 0)
		close(ends[--waiting]);
	close(listener);
	unlink(path);
}

TEST(a_name_with_a_nul_is_refused)
{
	static const char where[] = "/dev/null\0x";

	forget_failure(&failure);
	assert_int_equal(audit_open((struct span){ where, sizeof(where) - 1 }, &failure), -1);
	assert_failure(&failure, "audit: /dev/null\\x00x: Invalid argument. " NAMES);
}

/* The flags of an inherited pipe are the agent's. */
static void check_own_pipe(int inherited, int fd)
{
	assert_int_not_equal(fd, inherited);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(inherited, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
}

TEST(an_inherited_pipe_stays_as_it_is)
{
	int ends[2], saved = dup(2);

	assert_int_equal(pipe(ends), 0);
	check_own_pipe(ends[1], must_open_fd(ends[1]));
	assert_true(fcntl(ends[1], F_GETFD) & FD_CLOEXEC); /* not for the agent */

	dup2(ends[1], 2);
	check_own_pipe(2, must_open("stderr"));
	check_own_pipe(2, must_open("fd:2"));
	assert_int_equal(fcntl(2, F_GETFD), 0); /* for the agent */
	dup2(saved, 2);
	close(saved);

	/* Nobody reads there yet, or any more: it can't be opened again, but need not be. */
	fcntl(ends[1], F_SETFD, 0);
	close(ends[0]);
	close(must_open_fd(ends[1]));
	close(ends[1]);
}

/* 2>log: two positions in one file would overwrite each other's lines. */
TEST(an_inherited_file_keeps_its_position)
{
	int inherited = open(path, O_WRONLY | O_CREAT, 0600), fd;

	assert_int_equal(write(inherited, "agent\n", 6), 6);
	fd = must_open_fd(inherited);
	assert_int_equal(write(fd, "audit\n", 6), 6);
	assert_int_equal(write(inherited, "agent\n", 6), 6);
	assert_int_equal(write(fd, "audit\n", 6), 6);
	assert_string_equal(read_file(), "agent\naudit\nagent\naudit\n");
	close(fd);
	close(inherited);
	unlink(path);
}

TEST(only_what_was_inherited_for_writing_is_taken)
{
	int ends[2], fd;
	char where[32];

	assert_int_equal(pipe(ends), 0);
	snprintf(where, sizeof(where), "fd:%d", ends[0]);
	assert_int_equal(open_log(where), -1);
	assert_non_null(strstr(failure.what, error_text(EBADF)));
	assert_int_equal(fcntl(ends[0], F_GETFD), 0); /* and left as it was */

	/* Init's own. */
	snprintf(where, sizeof(where), "fd:%d", ends[1]);
	assert_int_equal(fcntl(ends[1], F_SETFD, FD_CLOEXEC), 0);
	assert_int_equal(open_log(where), -1);
	assert_non_null(strstr(failure.what, error_text(EBADF)));
	close(ends[0]);
	close(ends[1]);

	fd = open("/", O_PATH);
	snprintf(where, sizeof(where), "fd:%d", fd);
	assert_int_equal(open_log(where), -1);
	assert_non_null(strstr(failure.what, error_text(EBADF)));
	close(fd);
}

TEST(a_pipe_of_another_user_is_not_waited_for)
{
	int fd;

	if (geteuid() != 0)
		skip_because("only root can become another user");
	assert_int_equal(pipe2(pipe_ends, 0), 0);
	assert_int_equal(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(seteuid(65534), 0);
	fd = must_open_fd(pipe_ends[1]);
	assert_int_equal(seteuid(0), 0);
	/* It is the one that others share, since it could not be opened again. */
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	audit_start(fd, AUDIT_DEBUG);
	check_counts_what_it_drops(pipe_ends[0]);
	close(fd);
	end_pipe();
}

/* ---- sockets ---- */

static int must_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void start_unix(const char *name)
{
	char where[128];

	snprintf(where, sizeof(where), "unix:%s", name);
	audit_start(must_open(where), AUDIT_DEBUG);
}

/* Descriptors that are open: after a connect, which one it took is known to nobody else. */
static uint64_t open_descriptors(void)
{
	uint64_t set = 0;

	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			set |= 1ULL << fd;
	return set;
}

/* Closes the socket, which is all that has been left open since. */
static void end_unix(uint64_t before)
{
	uint64_t left = open_descriptors() & ~before;

	audit_start(-1, AUDIT_DEBUG);
	assert_int_equal(__builtin_popcountll(left), 1);
	close(__builtin_ctzll(left));
}

/* Who reads the records there. */
struct reader {
	const char *name;
	int type, listener, fd;
};

static void reader_open(struct reader *r)
{
	r->listener = listen_at(r->name, r->type);
	r->fd = -1;
}

static const char *reader_take(struct reader *r)
{
	if (r->type == SOCK_STREAM && r->fd < 0)
		r->fd = must_accept(r->listener);
	return read_all(r->type == SOCK_STREAM ? r->fd : r->listener);
}

static void reader_close(struct reader *r)
{
	close(r->listener);
	if (r->fd >= 0)
		close(r->fd);
	if (r->name[0] == '/')
		unlink(r->name);
}

static const struct {
	const char *name;
	int type;
} sockets[] = {
	{ path, SOCK_STREAM },
	{ path, SOCK_DGRAM },
	{ "@boundary-init test_audit", SOCK_STREAM },
	{ "@boundary-init test_audit", SOCK_DGRAM },
};

TEST(sockets_of_both_kinds)
{
	for (size_t i = 0; i < COUNT(sockets); i++) {
		struct reader r = { .name = sockets[i].name, .type = sockets[i].type };
		uint64_t before = open_descriptors();

		reader_open(&r);
		start_unix(r.name);
		write_one("first");
		assert_string_equal(behind_time(reader_take(&r)),
				    "\"seq\":1,\"event\":\"first\"}\n");
		write_one("second");
		assert_string_equal(behind_time(reader_take(&r)),
				    "\"seq\":2,\"event\":\"second\"}\n");
		reader_close(&r);
		end_unix(before);
	}
}

/* There again before anything was written: nothing is lost. */
TEST(a_reader_that_was_started_anew_is_found_again)
{
	for (size_t i = 0; i < COUNT(sockets); i++) {
		struct reader r = { .name = sockets[i].name, .type = sockets[i].type };
		uint64_t before = open_descriptors();

		reader_open(&r);
		start_unix(r.name);
		write_one("first");
		assert_string_equal(behind_time(reader_take(&r)),
				    "\"seq\":1,\"event\":\"first\"}\n");
		reader_close(&r);
		reader_open(&r);
		write_one("second");
		assert_string_equal(behind_time(reader_take(&r)),
				    "\"seq\":2,\"event\":\"second\"}\n");
		reader_close(&r);
		end_unix(before);
	}
}

TEST(a_reader_that_is_gone_is_looked_for_once_a_second)
{
	for (size_t i = 0; i < 2; i++) {
		struct reader r = { .name = sockets[i].name, .type = sockets[i].type };
		uint64_t before = open_descriptors();

		reader_open(&r);
		start_unix(r.name);
		write_one("first");
		reader_take(&r);
		reader_close(&r);
		/* Tried in vain, which leaves no descriptor behind. */
		write_one("second");
		reader_open(&r);
		usleep(500 * 1000);
		write_one("third");
		usleep(550 * 1000);
		write_one("fourth");
		assert_string_equal(behind_time(reader_take(&r)),
				    "\"seq\":4,\"event\":\"fourth\",\"dropped\":2}\n");
		reader_close(&r);
		end_unix(before);
	}
}

/* What was begun on one connection is not ended on the next. */
TEST(a_new_connection_begins_with_a_record)
{
	struct reader r = { .name = path, .type = SOCK_STREAM };
	static const char value[3][1000];
	uint64_t before = open_descriptors();
	const int smallest = 1;
	const char *all = "";
	char where[128];
	int fd;

	reader_open(&r);
	snprintf(where, sizeof(where), "unix:%s", path);
	fd = must_open(where);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest));
	audit_start(fd, AUDIT_DEBUG);

	/* Who is slow is not gone: no other connection is made. */
	fill_with_records();
	reader_take(&r);
	assert_int_equal(accept(r.listener, NULL, NULL), -1);

	/* With so small a buffer half a record gets through. */
	for (unsigned int before_it = 0; before_it < 32; before_it++) {
		for (unsigned int i = 0; i < before_it; i++)
			write_one("small");
		audit_begin(AUDIT_INFO, "large");
		for (size_t i = 0; i < COUNT(value); i++)
			audit_span("value", (struct span){ value[i], sizeof(value[i]) });
		audit_end();
		all = reader_take(&r);
		if (all[strlen(all) - 1] != '\n')
			break;
	}
	assert_int_not_equal(all[strlen(all) - 1], '\n');

	reader_close(&r);
	reader_open(&r);
	write_one("next");
	assert_non_null(strstr(behind_time(reader_take(&r)), "\"event\":\"next\""));
	reader_close(&r);
	end_unix(before);
}

/* Another sink than the socket must not be taken for it. */
TEST(only_a_socket_of_ours_is_connected_again)
{
	int listener = listen_at(path, SOCK_STREAM), fd;

	start_unix(path);
	close(must_accept(listener));
	assert_int_equal(open_log("/nonexistent/log"), -1);
	fd = must_open("/dev/full");
	audit_start(fd, AUDIT_DEBUG);
	write_one("test");
	assert_int_equal(accept(listener, NULL, NULL), -1);
	audit_start(-1, AUDIT_DEBUG);
	unlink(path);
	close(fd);
	close(listener);
}

/* ---- confined ---- */

#define NO_FILTER 99 /* exit code: there are no filters here */

#define ALLOW(call)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int confine(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(clock_gettime),
		ALLOW(sendto),
		ALLOW(ppoll),
		ALLOW(write),
		ALLOW(socket),
		ALLOW(connect),
		ALLOW(close),
		ALLOW(exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct sock_fprog filter = { .len = COUNT(program), .filter = program };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0 ?
		       NO_FILTER :
		       0;
}

static int write_confined(void)
{
	int code = confine();

	fill_with_records();
	/* Not by _exit, before which the sanitizer makes system calls of its own. */
	syscall(SYS_exit_group, code);
	return code;
}

/* What audit.h says of system calls is what the gate's filter has to allow. */
TEST(no_other_system_call_is_needed)
{
	struct reader r = { .name = "@boundary-init test_audit", .type = SOCK_STREAM };
	uint64_t before = open_descriptors();
	int code;

	start_pipe();
	code = in_child(write_confined);
	end_pipe();
	if (code == NO_FILTER)
		skip_because("no seccomp filters under this emulator");
	assert_int_equal(code, 0);

	/* A socket that is connected again, until it is full. */
	reader_open(&r);
	start_unix(r.name);
	close(must_accept(r.listener));
	assert_int_equal(in_child(write_confined), 0);
	assert_int_equal(strncmp(behind_time(reader_take(&r)), "\"seq\":1,", 8), 0);
	reader_close(&r);
	/* Nobody is there. */
	assert_int_equal(in_child(write_confined), 0);
	end_unix(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_a_line_of_json),
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(a_record_has_the_time_of_its_beginning),
		cmocka_unit_test(time_is_what_the_calendar_says),
		cmocka_unit_test(time_of_special_days),
		cmocka_unit_test(only_levels_asked_for_are_written),
		cmocka_unit_test(what_is_not_wanted_leaves_no_gap),
		cmocka_unit_test(a_long_string_is_cut_between_escapes),
		cmocka_unit_test(a_string_is_cut_at_its_limit_only),
		cmocka_unit_test(a_record_is_never_too_long),
		cmocka_unit_test(a_full_pipe_is_not_waited_for),
		cmocka_unit_test(a_blocking_pipe_is_not_waited_for_either),
		cmocka_unit_test(a_reader_that_is_gone_is_not_waited_for),
		cmocka_unit_test(a_full_socket_is_not_waited_for),
		cmocka_unit_test(a_terminal_is_not_waited_for),
		cmocka_unit_test(a_torn_line_is_ended_and_counted),
		cmocka_unit_test(a_file_is_made_for_its_owner_and_appended_to),
		cmocka_unit_test(what_cannot_be_opened_is_named_with_its_cause),
		cmocka_unit_test(opening_does_not_wait),
		cmocka_unit_test(a_name_with_a_nul_is_refused),
		cmocka_unit_test(an_inherited_pipe_stays_as_it_is),
		cmocka_unit_test(an_inherited_file_keeps_its_position),
		cmocka_unit_test(only_what_was_inherited_for_writing_is_taken),
		cmocka_unit_test(a_pipe_of_another_user_is_not_waited_for),
		cmocka_unit_test(sockets_of_both_kinds),
		cmocka_unit_test(a_reader_that_was_started_anew_is_found_again),
		cmocka_unit_test(a_reader_that_is_gone_is_looked_for_once_a_second),
		cmocka_unit_test(a_new_connection_begins_with_a_record),
		cmocka_unit_test(only_a_socket_of_ours_is_connected_again),
		cmocka_unit_test(no_other_system_call_is_needed),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
