/* SPDX-License-Identifier: MIT */
/* The agent's system call filter, each time in a child of its own: it cannot be taken off. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "sys/confine.h"
#include "sys/namespaces.h"

#define PARENTS_SOCKET 100 /* descriptor of an abstract socket */
#define NO_FILTER 99 /* exit code: there are no filters here */

static void confine(void)
{
	int error;

	CHILD_ASSERT(confine_no_new_privs() == 0);
	error = confine_system_calls();
#ifndef __x86_64__ /* qemu-user has no seccomp */
	if (error == -ENOSYS || error == -EINVAL)
		_exit(NO_FILTER);
#endif
	CHILD_ASSERT(error == 0);
}

static void assert_confined(int (*body)(void))
{
	int code = in_child(body);

	if (code == NO_FILTER)
		skip_because("no seccomp filters under this emulator");
	assert_int_equal(code, 0);
}

/* What a call answers: its errno, or 0 if it worked. */
static int answer(long result)
{
	return result < 0 ? errno : 0;
}

static int no_new_privs(void)
{
	CHILD_ASSERT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	CHILD_ASSERT(confine_no_new_privs() == 0);
	CHILD_ASSERT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	return 0;
}

TEST(no_privilege_is_gained_by_exec)
{
	assert_int_equal(in_child(no_new_privs), 0);
}

static int try_sockets(void)
{
	static const int allowed[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	static const int denied[] = { AF_VSOCK,	    AF_CAN, AF_TIPC,	AF_RDS, AF_ALG,
				      AF_BLUETOOTH, AF_KCM, AF_QIPCRTR, AF_SMC, AF_XDP,
				      AF_UNSPEC,    AF_MAX, -1 };

	confine();
	for (size_t i = 0; i < COUNT(allowed); i++) {
		int error = answer(socket(allowed[i], SOCK_DGRAM, 0));

		/* A kernel may have no IPv6. */
		CHILD_ASSERT(error == 0 || (allowed[i] == AF_INET6 && error == EAFNOSUPPORT));
	}
	for (size_t i = 0; i < COUNT(denied); i++)
		CHILD_ASSERT(answer(socket(denied[i], SOCK_DGRAM, 0)) == EAFNOSUPPORT);
	/* The filter lets it through: the kernel then asks for CAP_NET_RAW. */
	CHILD_ASSERT(answer(socket(AF_PACKET, SOCK_RAW, 0)) != EAFNOSUPPORT);
	/* The kernel takes the low half of the family, and so does the filter. */
	CHILD_ASSERT(answer(syscall(SYS_socket, 0x500000000L | AF_VSOCK, SOCK_STREAM, 0)) ==
		     EAFNOSUPPORT);
	return 0;
}

TEST(sockets_that_netfilter_does_not_see_are_refused)
{
	assert_confined(try_sockets);
}

static long raw_clone(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

static int try_namespaces(void)
{
	confine();
	CHILD_ASSERT(answer(unshare(CLONE_NEWUSER)) == EPERM);
	CHILD_ASSERT(answer(unshare(CLONE_NEWNET)) == EPERM);
	CHILD_ASSERT(answer(unshare(CLONE_NEWUSER | CLONE_NEWNS)) == EPERM);
	CHILD_ASSERT(answer(unshare(CLONE_FILES)) == 0);
	CHILD_ASSERT(answer(raw_clone(CLONE_NEWUSER)) == EPERM);
	CHILD_ASSERT(answer(raw_clone(CLONE_NEWNET)) == EPERM);
	CHILD_ASSERT(answer(raw_clone(CLONE_NEWUSER | CLONE_NEWPID)) == EPERM);
	CHILD_ASSERT(answer(raw_clone(0)) == 0);
	CHILD_ASSERT(answer(syscall(SYS_clone3, NULL, 0)) == ENOSYS);
	CHILD_ASSERT(namespaces_clone(CLONE_NEWUSER) == -EPERM);
	CHILD_ASSERT(namespaces_clone_is_filtered(0)); /* as preflight recognizes such a filter */
	return 0;
}

TEST(namespaces_of_one_s_own_are_refused)
{
	assert_confined(try_namespaces);
}

static int try_io_uring(void)
{
	confine();
	CHILD_ASSERT(answer(syscall(SYS_io_uring_setup, 1, NULL)) == ENOSYS);
	CHILD_ASSERT(answer(syscall(SYS_io_uring_enter, 0, 0, 0, 0, NULL, 0)) == ENOSYS);
	CHILD_ASSERT(answer(syscall(SYS_io_uring_register, 0, 0, NULL, 0)) == ENOSYS);
	return 0;
}

TEST(io_uring_is_refused)
{
	assert_confined(try_io_uring);
}

static int try_foreign_numbers(void)
{
	confine();
	CHILD_ASSERT(answer(syscall(0x40000000 + SYS_getpid)) == ENOSYS);
	CHILD_ASSERT(answer(syscall(0x40000000 + SYS_socket, AF_VSOCK, SOCK_STREAM, 0)) == ENOSYS);
	CHILD_ASSERT(answer(syscall(SYS_getpid)) == 0);
	return 0;
}

TEST(numbers_of_another_abi_are_refused)
{
	assert_confined(try_foreign_numbers);
}

#ifdef __x86_64__
static int try_32_bit_call(void)
{
	long result = 20; /* getpid there, writev here */

	confine();
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

TEST(a_call_of_another_architecture_is_the_last)
{
	assert_int_equal(in_child(try_32_bit_call), 128 + SIGSYS);
}
#endif

static int try_daily_work(void)
{
	int pipe_ends[2], status;
	pid_t pid;

	confine();
	CHILD_ASSERT(pipe(pipe_ends) == 0);
	CHILD_ASSERT(write(pipe_ends[1], "x", 1) == 1);
	CHILD_ASSERT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHILD_ASSERT(open("/", O_RDONLY | O_CLOEXEC) >= 0);
	pid = fork();
	if (pid == 0)
		_exit(5);
	CHILD_ASSERT(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
	return 0;
}

TEST(everything_else_works)
{
	assert_confined(try_daily_work);
}

static int without_no_new_privs(void)
{
	if (geteuid() == 0)
		CHILD_ASSERT(setresuid(65534, 65534, 65534) == 0);
	return confine_system_calls() < 0 ? 0 : 1;
}

TEST(an_unprivileged_filter_needs_no_new_privs)
{
	assert_int_equal(in_child(without_no_new_privs), 0);
}

/* Landlock's scopes came with its ABI 6. */
static bool landlock_scopes(void)
{
	return syscall(444, NULL, 0, 1) >= 6; /* landlock_create_ruleset, asked for its version */
}

static struct sockaddr_un abstract_name(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "test_confine.%d", getpid());
	return name;
}

static int connect_to(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	return answer(connect(fd, (const struct sockaddr *)name, sizeof(*name)));
}

/* Signals go to oneself and to children, not to the parent; and so with abstract sockets. */
static int scope(void)
{
	struct sockaddr_un parents, own = abstract_name();
	socklen_t length = sizeof(parents);
	pid_t pid;
	int fd;

	CHILD_ASSERT(getsockname(PARENTS_SOCKET, (struct sockaddr *)&parents, &length) == 0);
	CHILD_ASSERT(connect_to(&parents) == 0 && kill(getppid(), 0) == 0);
	CHILD_ASSERT(confine_no_new_privs() == 0);
	CHILD_ASSERT(confine_scope() == 1);
	CHILD_ASSERT(answer(kill(getppid(), 0)) == EPERM);
	CHILD_ASSERT(connect_to(&parents) == EPERM);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0); /* one made before would stand outside */
	CHILD_ASSERT(bind(fd, (const struct sockaddr *)&own, sizeof(own)) == 0);
	CHILD_ASSERT(connect_to(&own) == 0);
	pid = fork();
	if (pid == 0)
		pause();
	CHILD_ASSERT(pid > 0 && kill(pid, SIGKILL) == 0);
	CHILD_ASSERT(waitpid(pid, NULL, 0) == pid);
	return 0;
}

static int scope_where_there_is_none(void)
{
	CHILD_ASSERT(confine_no_new_privs() == 0);
	CHILD_ASSERT(confine_scope() == 0);
	CHILD_ASSERT(kill(getppid(), 0) == 0);
	return 0;
}

TEST(signals_and_abstract_sockets_stay_inside)
{
	const struct sockaddr_un name = abstract_name();
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (!landlock_scopes()) {
		assert_int_equal(in_child(scope_where_there_is_none), 0);
		skip_because("this kernel's Landlock cannot scope signals");
	}
	assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(dup2(fd, PARENTS_SOCKET), PARENTS_SOCKET);
	assert_int_equal(in_child(scope), 0);
	close(PARENTS_SOCKET);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_privilege_is_gained_by_exec),
		cmocka_unit_test(sockets_that_netfilter_does_not_see_are_refused),
		cmocka_unit_test(namespaces_of_one_s_own_are_refused),
		cmocka_unit_test(io_uring_is_refused),
		cmocka_unit_test(numbers_of_another_abi_are_refused),
#ifdef __x86_64__
		cmocka_unit_test(a_call_of_another_architecture_is_the_last),
#endif
		cmocka_unit_test(everything_else_works),
		cmocka_unit_test(an_unprivileged_filter_needs_no_new_privs),
		cmocka_unit_test(signals_and_abstract_sockets_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
