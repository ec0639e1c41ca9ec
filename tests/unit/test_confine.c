/* SPDX-License-Identifier: MIT */
/* The system call filters of the agent and the gate, each in a child of its own: they cannot be taken off. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

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

/* ---- the gate's */

static void confine_as_gate(void)
{
	int error;

	CHILD_ASSERT(confine_no_new_privs() == 0);
	error = confine_gate();
#ifndef __x86_64__
	if (error == -ENOSYS || error == -EINVAL)
		_exit(NO_FILTER);
#endif
	CHILD_ASSERT(error == 0);
}

/* Not by _exit(2), before which a sanitizer makes calls that a gate has no use for. */
static int end_as_gate(void)
{
	return (int)syscall(SYS_exit_group, 0);
}

/* All that its loop does, by the calls that it uses: libc has others for some of them. */
static int work_as_gate(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in at;
	struct epoll_event event = { .events = EPOLLIN };
	struct timespec now;
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), pair[2], client, on = 1;
	int loop = epoll_create1(0);
	char byte, *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);

	CHILD_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHILD_ASSERT(bind(listener, (const struct sockaddr *)&any, sizeof(any)) == 0);
	CHILD_ASSERT(listen(listener, 1) == 0);
	CHILD_ASSERT(getsockname(listener, (struct sockaddr *)&at, &length) == 0);
	confine_as_gate();

	CHILD_ASSERT(syscall(SYS_epoll_ctl, loop, EPOLL_CTL_ADD, listener, &event) == 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHILD_ASSERT(client >= 0 && connect(client, (const struct sockaddr *)&at, sizeof(at)) == 0);
	CHILD_ASSERT(syscall(SYS_epoll_pwait, loop, &event, 1, 1000, NULL, 8) == 1);
	CHILD_ASSERT(syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC) >= 0);
	CHILD_ASSERT(setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0);
	length = sizeof(on);
	CHILD_ASSERT(getsockopt(client, SOL_SOCKET, SO_ERROR, &on, &length) == 0);
	CHILD_ASSERT(send(pair[0], "x", 1, 0) == 1 && recv(pair[1], &byte, 1, 0) == 1 &&
		     byte == 'x');
	CHILD_ASSERT(write(pair[0], "y", 1) == 1);
	CHILD_ASSERT(syscall(SYS_ppoll, NULL, 0, &(struct timespec){ 0 }, NULL, 8) == 0);
	CHILD_ASSERT(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0);
	CHILD_ASSERT(syscall(SYS_getrandom, &byte, 1, 0) == 1);
	CHILD_ASSERT(syscall(SYS_madvise, page, 4096, MADV_DONTNEED) == 0);
	CHILD_ASSERT(shutdown(client, SHUT_WR) == 0 && close(client) == 0);
	/* For the socket of a question. */
	client = socket(AF_INET, SOCK_DGRAM, 0);
	CHILD_ASSERT(bind(client, (const struct sockaddr *)&any, sizeof(any)) == 0);
	CHILD_ASSERT(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	return end_as_gate();
}

TEST(the_gate_can_do_its_work)
{
	assert_confined(work_as_gate);
}

/* A call that the gate has no use for, and so no second try at. */
struct last_call {
	const char *name;
	long call, arguments[3];
};

static const struct last_call *last_call;

static int make_last_call(void)
{
	confine_as_gate();
	syscall(last_call->call, last_call->arguments[0], last_call->arguments[1],
		last_call->arguments[2], 0, 0, 0);
	return end_as_gate();
}

#define CALL(name) #name, SYS_##name
#define SOCKET(family) "socket of " #family, SYS_socket

TEST(anything_else_is_the_gates_end)
{
	static const char path[] = "/proc/self/maps";
	const struct last_call calls[] = {
		{ CALL(openat), { AT_FDCWD, (long)path, O_RDONLY } },
		{ CALL(execve), { (long)path } },
		{ CALL(execveat), { AT_FDCWD, (long)path } },
		{ CALL(clone), { SIGCHLD } },
		{ CALL(clone3), { 0 } },
		{ CALL(unshare), { CLONE_NEWUSER } },
		{ CALL(setns), { 0 } },
		{ CALL(getppid), { 0 } },
		{ CALL(getpid), { 0 } },
		{ CALL(kill), { 0, 0 } },
		{ CALL(ptrace), { 0 } },
		{ CALL(process_vm_readv), { 0 } },
		{ CALL(pidfd_open), { 1 } },
		{ CALL(prlimit64), { 0 } },
		{ CALL(prctl), { PR_SET_DUMPABLE, 1 } },
		{ CALL(read), { 0 } },
		{ CALL(sendmsg), { 0 } },
		{ CALL(recvmsg), { 0 } },
		{ CALL(listen), { 0 } },
		{ CALL(socketpair), { AF_UNIX, SOCK_STREAM } },
		{ CALL(dup), { 0 } },
		{ CALL(fcntl), { 0, F_GETFD } },
		{ CALL(ioctl), { 0 } },
		{ CALL(mmap), { 0, 4096, PROT_EXEC } },
		{ CALL(mprotect), { 0 } },
		{ CALL(memfd_create), { (long)path } },
		{ CALL(bpf), { 0 } },
		{ CALL(io_uring_setup), { 0 } },
		{ SOCKET(AF_NETLINK), { AF_NETLINK, SOCK_RAW } },
		{ SOCKET(AF_PACKET), { AF_PACKET, SOCK_RAW } },
		{ SOCKET(AF_VSOCK), { AF_VSOCK, SOCK_STREAM } },
		{ SOCKET(AF_ALG), { AF_ALG, SOCK_SEQPACKET } },
		{ SOCKET(AF_UNSPEC), { AF_UNSPEC, SOCK_STREAM } },
		{ "socket of half a family", SYS_socket, { 0x500000000L | AF_NETLINK, SOCK_RAW } },
		{ "getpid by a foreign number", 0x40000000 + SYS_getpid, { 0 } },
		{ "recvfrom by a foreign number", 0x40000000 + SYS_recvfrom, { 0 } },
		{ "no call", -1, { 0 } },
	};

	for (size_t i = 0; i < COUNT(calls); i++) {
		int code;

		last_call = &calls[i];
		code = in_child(make_last_call);
		if (code == NO_FILTER)
			skip_because("no seccomp filters under this emulator");
		if (code != 128 + SIGSYS)
			FAIL("%s: %d", calls[i].name, code);
	}
}

#ifdef __x86_64__
static int call_as_gate_by_32_bits(void)
{
	long result = 3; /* read there, close here, which may be called */

	confine_as_gate();
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return end_as_gate();
}

TEST(a_call_of_another_architecture_is_the_gates_end)
{
	assert_int_equal(in_child(call_as_gate_by_32_bits), 128 + SIGSYS);
}
#endif

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
		cmocka_unit_test(the_gate_can_do_its_work),
		cmocka_unit_test(anything_else_is_the_gates_end),
#ifdef __x86_64__
		cmocka_unit_test(a_call_of_another_architecture_is_the_gates_end),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
