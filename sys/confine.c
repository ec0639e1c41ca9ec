/* SPDX-License-Identifier: MIT */
#include "sys/confine.h"
#include "sys/process.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "no system call filter for this architecture"
#endif

/* Calls from here on are x32 ones on x86_64 and exist nowhere else. */
#define FOREIGN_CALLS 0x40000000

int confine_no_new_privs(void)
{
	return process_control(PR_SET_NO_NEW_PRIVS, 1, 0) < 0 ? -errno : 0;
}

/*
 * The filter, a classic BPF program (linux/filter.h). Between two entries the accumulator holds
 * the number of the call; each entry either returns or leaves it as it was. The arguments are read
 * by their low halves: flags and families are ints, and both architectures are little-endian.
 */
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define REFUSE(error) ANSWER(SECCOMP_RET_ERRNO | (error))
#define SKIP_UNLESS(op, value, skipped) BPF_JUMP(BPF_JMP | (op) | BPF_K, (value), 0, (skipped))
#define SKIP_IF(op, value, skipped) BPF_JUMP(BPF_JMP | (op) | BPF_K, (value), (skipped), 0)

#define DENY(call, error) SKIP_UNLESS(BPF_JEQ, call, 1), REFUSE(error)

#define DENY_FLAGS(call, flags, error)                                                 \
	SKIP_UNLESS(BPF_JEQ, call, 4), LOAD(args[0]), SKIP_UNLESS(BPF_JSET, flags, 1), \
		REFUSE(error), ANSWER(SECCOMP_RET_ALLOW)

/* ENOSYS where programs know how to do without, EPERM where the answer is no. */
static const struct sock_filter agent_filter[] = {
	LOAD(arch),
	SKIP_IF(BPF_JEQ, OWN_ARCHITECTURE, 1),
	ANSWER(SECCOMP_RET_KILL_PROCESS), /* other numbers for the same calls would pass below */
	LOAD(nr),
	SKIP_UNLESS(BPF_JGE, FOREIGN_CALLS, 1),
	REFUSE(ENOSYS),

	/* A user namespace makes its maker root in it, with all of nf_tables to attack. */
	DENY_FLAGS(SYS_clone, CLONE_NEWUSER | CLONE_NEWNET, EPERM),
	DENY_FLAGS(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNET, EPERM),
	/* Its flags stand in memory, where no filter reads them; libc falls back to clone. */
	DENY(SYS_clone3, ENOSYS),

	/* Of others: who has the same uid, as init and the gate may, would be at its mercy. */
	SKIP_UNLESS(BPF_JEQ, SYS_prlimit64, 4),
	LOAD(args[0]),
	SKIP_IF(BPF_JEQ, 0, 1),
	REFUSE(EPERM),
	ANSWER(SECCOMP_RET_ALLOW),

	/* Makes sockets without the system call. */
	DENY(SYS_io_uring_setup, ENOSYS),
	DENY(SYS_io_uring_enter, ENOSYS),
	DENY(SYS_io_uring_register, ENOSYS),

	/* All other families bypass netfilter (AF_VSOCK, AF_SMC, AF_TIPC, ...) or serve no agent. */
	SKIP_UNLESS(BPF_JEQ, SYS_socket, 7),
	LOAD(args[0]),
	SKIP_IF(BPF_JEQ, AF_UNIX, 5),
	SKIP_IF(BPF_JEQ, AF_INET, 4),
	SKIP_IF(BPF_JEQ, AF_INET6, 3),
	SKIP_IF(BPF_JEQ, AF_NETLINK, 2),
	SKIP_IF(BPF_JEQ, AF_PACKET, 1), /* only with --agent-caps=net_raw, and only to the veth */
	REFUSE(EAFNOSUPPORT),
	ANSWER(SECCOMP_RET_ALLOW),
};

#define ALLOW(call) SKIP_UNLESS(BPF_JEQ, call, 1), ANSWER(SECCOMP_RET_ALLOW)

/* What the gate does most stands first. */
static const struct sock_filter gate_filter[] = {
	LOAD(arch),
	SKIP_IF(BPF_JEQ, OWN_ARCHITECTURE, 1),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	ALLOW(SYS_recvfrom),
	ALLOW(SYS_sendto),
	ALLOW(SYS_epoll_pwait),
	ALLOW(SYS_clock_gettime),
	ALLOW(SYS_close),
	ALLOW(SYS_epoll_ctl),
	ALLOW(SYS_accept4),
	ALLOW(SYS_connect),
	ALLOW(SYS_shutdown),
	ALLOW(SYS_getsockopt),
	ALLOW(SYS_setsockopt),
	ALLOW(SYS_getsockname),
	ALLOW(SYS_bind), /* of a question's socket; no server's, which Landlock forbids */
	ALLOW(SYS_write), /* the audit log */
	ALLOW(SYS_ppoll),
	ALLOW(SYS_getrandom),
	ALLOW(SYS_madvise),
	ALLOW(SYS_restart_syscall),
	ALLOW(SYS_exit_group),
	SKIP_UNLESS(BPF_JEQ, SYS_socket, 5),
	LOAD(args[0]),
	SKIP_IF(BPF_JEQ, AF_INET, 2),
	SKIP_IF(BPF_JEQ, AF_INET6, 1),
	SKIP_UNLESS(BPF_JEQ, AF_UNIX, 1), /* the audit log's reader */
	ANSWER(SECCOMP_RET_ALLOW),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
};

/* SPEC_ALLOW: before Linux 5.16 a filter would otherwise slow the whole run down. */
static int set_filter(const struct sock_filter *filter, size_t length)
{
	const struct sock_fprog program = {
		.len = (unsigned short)length,
		.filter = (struct sock_filter *)(uintptr_t)filter,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program))
		return -errno;
	return 0;
}

int confine_system_calls(void)
{
	return set_filter(agent_filter, sizeof(agent_filter) / sizeof(agent_filter[0]));
}

/* linux/landlock.h of ABI 6; older distributions' headers have less. */
struct ruleset_attributes {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)
#define SCOPE_ABI 6
#define NET_ABI 4
#define BIND_TCP (1ULL << 0)
#define CREATE_RULESET_VERSION 1U
#define SYS_LANDLOCK_CREATE_RULESET 444
#define SYS_LANDLOCK_RESTRICT_SELF 446

/* Rights over files of ABI 1, and those that 2, 3 and 5 added. */
static uint64_t all_file_rights(long abi)
{
	uint64_t rights = (1ULL << 13) - 1;

	if (abi >= 2)
		rights |= 1ULL << 13;
	if (abi >= 3)
		rights |= 1ULL << 14;
	if (abi >= 5)
		rights |= 1ULL << 15;
	return rights;
}

long confine_landlock_abi(void)
{
	return syscall(SYS_LANDLOCK_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
}

/* A ruleset without rules: what it handles is denied. Each ABI knows the attributes up to one more. */
static int restrict_self(const struct ruleset_attributes *attributes, size_t size)
{
	int error = 0;
	int ruleset = (int)syscall(SYS_LANDLOCK_CREATE_RULESET, attributes, size, 0);

	if (ruleset < 0)
		return -errno;
	if (syscall(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) < 0)
		error = -errno;
	close(ruleset);
	return error;
}

bool confine_can_scope(void)
{
	return confine_landlock_abi() >= SCOPE_ABI;
}

int confine_scope(void)
{
	const struct ruleset_attributes attributes = {
		.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL,
	};
	int error;

	if (!confine_can_scope())
		return 0;
	error = restrict_self(&attributes, sizeof(attributes));
	return error ? error : 1;
}

int confine_gate(void)
{
	long abi = confine_landlock_abi();
	const struct ruleset_attributes attributes = {
		.handled_access_fs = all_file_rights(abi),
		.handled_access_net = BIND_TCP,
		.scoped = SCOPE_SIGNAL,
	};
	size_t size = abi >= SCOPE_ABI ? sizeof(attributes) :
		      abi >= NET_ABI   ? offsetof(struct ruleset_attributes, scoped) :
					 offsetof(struct ruleset_attributes, handled_access_net);
	int error = abi > 0 ? restrict_self(&attributes, size) : 0;

	return error ? error :
		       set_filter(gate_filter, sizeof(gate_filter) / sizeof(gate_filter[0]));
}
