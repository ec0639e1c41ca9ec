/* SPDX-License-Identifier: MIT */
#include "sys/confine.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
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
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
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

int confine_system_calls(void)
{
	const struct sock_fprog program = {
		.len = sizeof(agent_filter) / sizeof(agent_filter[0]),
		.filter = (struct sock_filter *)(uintptr_t)agent_filter,
	};

	/* SPEC_ALLOW: before Linux 5.16 a filter would otherwise slow the agent's whole run down. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program))
		return -errno;
	return 0;
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
#define CREATE_RULESET_VERSION 1U
#define SYS_LANDLOCK_CREATE_RULESET 444
#define SYS_LANDLOCK_RESTRICT_SELF 446

int confine_scope(void)
{
	const struct ruleset_attributes attributes = {
		.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL,
	};
	int error = 1;
	int ruleset;

	if (syscall(SYS_LANDLOCK_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION) < SCOPE_ABI)
		return 0;
	ruleset = (int)syscall(SYS_LANDLOCK_CREATE_RULESET, &attributes, sizeof(attributes), 0);
	if (ruleset < 0)
		return -errno;
	if (syscall(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) < 0)
		error = -errno;
	close(ruleset);
	return error;
}
