/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "sys/fds.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_null(int fd)
{
	struct stat s;

	return fstat(fd, &s) == 0 && S_ISCHR(s.st_mode) && s.st_rdev == makedev(1, 3);
}

static int fill_closed(void)
{
	int spare = dup(2);

	close(0);
	close(1);
	close(2);
	if (fds_fill_standard() < 0 || !is_null(0) || !is_null(1) || !is_null(2))
		return 2;
	return is_open(spare) ? 0 : 3;
}

static int fill_open(void)
{
	int pipe_ends[2];

	CHILD_ASSERT(pipe(pipe_ends) == 0 && dup2(pipe_ends[0], 0) == 0);
	CHILD_ASSERT(fds_fill_standard() == 0);
	CHILD_ASSERT(!is_null(0)); /* it was open: it stays what it was */
	return 0;
}

TEST(closed_standard_descriptors_are_filled)
{
	assert_int_equal(in_child(fill_closed), 0);
	assert_int_equal(in_child(fill_open), 0);
}

static int keep_some(void)
{
	int keep[] = { 300, -1, 10, 3, 41, 40 };

	for (int fd = 3; fd < 350; fd++)
		dup2(2, fd);
	fds_keep_only(keep, COUNT(keep));
	for (int fd = 3; fd < 400; fd++)
		CHILD_ASSERT(is_open(fd) ==
			     (fd == 3 || fd == 10 || fd == 40 || fd == 41 || fd == 300));
	CHILD_ASSERT(is_open(2));
	CHILD_ASSERT(is_null(0) && is_null(1));
	return 0;
}

static int keep_none(void)
{
	for (int fd = 3; fd < 20; fd++)
		dup2(2, fd);
	fds_keep_only(NULL, 0);
	for (int fd = 3; fd < 1024; fd++)
		CHILD_ASSERT(!is_open(fd));
	CHILD_ASSERT(is_open(2));
	return 0;
}

#define NO_FILTER 99 /* exit code: there are no filters here */

/* As before Linux 5.9: descriptors have to be closed one by one. */
static int keep_some_on_an_old_kernel(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { .len = COUNT(program), .filter = program };
	const struct rlimit limit = { .rlim_cur = 400, .rlim_max = 400 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		return NO_FILTER;
	CHILD_ASSERT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	dup2(2, 399);
	return keep_some();
}

TEST(an_old_kernel_closes_as_much)
{
	int code = in_child(keep_some_on_an_old_kernel);

	if (code == NO_FILTER)
		skip_because("no seccomp filters under this emulator");
	assert_int_equal(code, 0);
}

TEST(only_what_is_named_stays_open)
{
	assert_int_equal(in_child(keep_some), 0);
	assert_int_equal(in_child(keep_none), 0);
}

TEST(reads_and_writes_small_files)
{
	char path[] = "/tmp/test_fds.XXXXXX", buffer[8], more[16];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(file_read(path, buffer, sizeof(buffer)), 0);
	assert_string_equal(buffer, "");
	assert_int_equal(file_write(path, "1234567890", 10), 0);
	assert_int_equal(file_read(path, buffer, sizeof(buffer)), 7); /* a NUL has to fit */
	assert_string_equal(buffer, "1234567");
	assert_int_equal(file_read(path, more, sizeof(more)), 10);
	assert_string_equal(more, "1234567890");
	unlink(path);
	assert_int_equal(file_read(path, buffer, sizeof(buffer)), -ENOENT);
	assert_int_equal(file_write(path, "1", 1), -ENOENT); /* makes no file */
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(file_read("/tmp", buffer, sizeof(buffer)), -EISDIR);
	assert_int_equal(file_write("/dev/full", "1", 1), -ENOSPC);
}

/* What is read may come in pieces, and from no file. */
TEST(reads_a_descriptor_up_to_its_end)
{
	char buffer[8], more[16];
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "12345", 5), 5);
	close(ends[1]);
	assert_int_equal(fd_read(ends[0], buffer, sizeof(buffer)), 5);
	assert_string_equal(buffer, "12345");
	memset(buffer, 'x', sizeof(buffer));
	assert_int_equal(fd_read(ends[0], buffer, sizeof(buffer)), 0);
	assert_string_equal(buffer, "");
	assert_true(is_open(ends[0])); /* it is the caller's */
	close(ends[0]);
	assert_int_equal(fd_read(ends[0], buffer, sizeof(buffer)), -EBADF);
	assert_string_equal(buffer, "");

	assert_int_equal(pipe(ends), 0);
	if (fork() == 0) {
		close(ends[0]);
		for (const char *c = "abcdefghij"; *c; c++)
			(void)!write(ends[1], c, 1);
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(fd_read(ends[0], more, sizeof(more)), 10);
	assert_string_equal(more, "abcdefghij");
	assert_true(wait(NULL) > 0);
	close(ends[0]);

	/* There may be more: who asked for it sees that there was no room left. */
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "123456789", 9), 9);
	assert_int_equal(fd_read(ends[0], buffer, sizeof(buffer)), 7);
	assert_string_equal(buffer, "1234567");
	assert_int_equal(read(ends[0], buffer, sizeof(buffer)), 2);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_standard_descriptors_are_filled),
		cmocka_unit_test(only_what_is_named_stays_open),
		cmocka_unit_test(an_old_kernel_closes_as_much),
		cmocka_unit_test(reads_and_writes_small_files),
		cmocka_unit_test(reads_a_descriptor_up_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
