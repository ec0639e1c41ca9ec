/* SPDX-License-Identifier: MIT */
/*
 * Attempts at what a jailed agent must not be able to do. Each one runs in a child of its own, so
 * that a success has no consequences for the probe itself; some have for the container (mount,
 * kill-init-term), so never run this outside one. The result of each is an errno name, "OK" when it
 * worked, or "SIG..." when the child died of a signal:
 *   {"socket-vsock": "EPERM", "kill-init": "OK"}
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

enum {
	SECONDS_EACH = 3,
	INIT = 1,
	EVERYBODY = -1,
	/* not in musl's headers */
	FAMILY_VSOCK = 40,
	PROTOCOL_MPTCP = 262,
	PROTOCOL_UDPLITE = 136,
	PROTOCOL_SCTP = 132,
};

struct attempt {
	const char *name;
	int (*run)(const struct attempt *); /* 0 or an errno */
	long a, b, c;
	const char *path;
};

static int outcome(long result)
{
	return result < 0 ? errno : 0;
}

static int try_socket(const struct attempt *it)
{
	return outcome(socket((int)it->a, (int)it->b, (int)it->c));
}

static int try_socketpair(const struct attempt *it)
{
	int pair[2];

	return outcome(socketpair((int)it->a, (int)it->b, (int)it->c, pair));
}

static int try_syscall(const struct attempt *it)
{
	return outcome(syscall(it->a, it->b, it->c, 0, 0, 0, 0));
}

/* A child is made with the flags in a; it ends at once. */
static int try_clone(const struct attempt *it)
{
	long pid = syscall(SYS_clone, it->a | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return outcome(pid);
}

static int try_clone3(const struct attempt *it)
{
	/* struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack.. */
	uint64_t args[8] = { (uint64_t)it->a, 0, 0, 0, SIGCHLD };
	long pid = syscall(SYS_clone3, args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return outcome(pid);
}

/* getpid by the door of 32-bit programs, where each number means another call. */
static int try_int80(const struct attempt *it)
{
#ifdef __x86_64__
	long result = 20;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	(void)it;
	return result > 0 ? 0 : (int)-result;
#else
	(void)it;
	return ENOSYS;
#endif
}

static int try_io_uring(const struct attempt *it)
{
	char params[120] = { 0 }; /* struct io_uring_params */

	(void)it;
	return outcome(syscall(SYS_io_uring_setup, 1, params));
}

/* Opens and reads one byte: some files of /proc check at one, some at the other. */
static int try_read(const struct attempt *it)
{
	char byte;
	int fd = open(it->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	return outcome(read(fd, &byte, 1));
}

static int try_open_write(const struct attempt *it)
{
	return outcome(open(it->path, O_WRONLY | O_CLOEXEC));
}

static int try_open_directory(const struct attempt *it)
{
	return outcome(open(it->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int try_setns(const struct attempt *it)
{
	int fd = open(it->path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? errno : outcome(setns(fd, (int)it->a));
}

static int try_setns_pidfd(const struct attempt *it)
{
	long fd = syscall(SYS_pidfd_open, INIT, 0);

	return fd < 0 ? errno : outcome(setns((int)fd, (int)it->a));
}

static int try_pidfd_getfd(const struct attempt *it)
{
	long fd = syscall(SYS_pidfd_open, INIT, 0);

	(void)it;
	return fd < 0 ? errno : outcome(syscall(SYS_pidfd_getfd, fd, 0, 0));
}

static int try_vm_read(const struct attempt *it)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)0x400000, 1 };

	return outcome(process_vm_readv((pid_t)it->a, &here, 1, &there, 1, 0));
}

/* Seize asks for the same permission as attach, but does not stop the other one if granted. */
static int try_ptrace(const struct attempt *it)
{
	return outcome(ptrace(PTRACE_SEIZE, (pid_t)it->a, 0, 0));
}

static int try_kill(const struct attempt *it)
{
	return outcome(kill((pid_t)it->a, (int)it->b));
}

static int try_mount(const struct attempt *it)
{
	(void)it;
	return outcome(mount("none", "/", "tmpfs", 0, NULL));
}

static int try_umount(const struct attempt *it)
{
	return outcome(umount2(it->path, MNT_DETACH));
}

static int try_chroot(const struct attempt *it)
{
	return outcome(chroot(it->path));
}

static int try_mknod(const struct attempt *it)
{
	return outcome(mknod(it->path, S_IFCHR | 0600, makedev(1, 1)));
}

static int try_sethostname(const struct attempt *it)
{
	return outcome(sethostname(it->path, strlen(it->path)));
}

static int try_raise_capability(const struct attempt *it)
{
	return outcome(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, it->a, 0, 0));
}

static int try_bind(const struct attempt *it)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)it->a) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno : outcome(bind(fd, (struct sockaddr *)&at, sizeof(at)));
}

/* Sends a prepared request and returns the error that the kernel acknowledges with. */
static int netlink_ask(int protocol, const void *request, size_t length)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[512];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0 || send(fd, request, length, 0) < 0)
		return errno;
	if (recv(fd, &answer, sizeof(answer), 0) < 0)
		return errno;
	return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
}

/* Gives the loopback one more address. */
static int try_addr_add(const struct attempt *it)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg address;
		struct rtattr attribute;
		uint32_t local;
	} request = {
		.header = { sizeof(request), RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE,
			    1, 0 },
		.address = { AF_INET, 32, 0, RT_SCOPE_HOST, 1 },
		.attribute = { RTA_LENGTH(4), IFA_LOCAL },
		.local = htonl(0x7f090909),
	};

	(void)it;
	return netlink_ask(NETLINK_ROUTE, &request, sizeof(request));
}

static struct nlmsghdr nft_header(size_t length, uint16_t type, uint16_t flags)
{
	return (struct nlmsghdr){ (uint32_t)length, type, NLM_F_REQUEST | flags, 1, 0 };
}

/* Makes an nf_tables table: batch begin, new table "t", batch end. */
static int try_nft(const struct attempt *it)
{
	struct {
		struct nlmsghdr begin;
		struct nfgenmsg begin_body;
		struct nlmsghdr table;
		struct nfgenmsg table_body;
		struct nlattr name;
		char value[4];
		struct nlmsghdr end;
		struct nfgenmsg end_body;
	} batch = {
		.begin = nft_header(20, NFNL_MSG_BATCH_BEGIN, 0),
		.begin_body = { AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES) },
		.table = nft_header(28, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE,
				    NLM_F_ACK | NLM_F_CREATE),
		.table_body = { AF_INET, NFNETLINK_V0, 0 },
		.name = { 6, NFTA_TABLE_NAME },
		.value = "t",
		.end = nft_header(20, NFNL_MSG_BATCH_END, 0),
		.end_body = { AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES) },
	};

	(void)it;
	return netlink_ask(NETLINK_NETFILTER, &batch, sizeof(batch));
}

static const struct attempt attempts[] = {
	/* Sockets: the first few must work, or the agent could not work either. */
	{ "socket-inet", try_socket, AF_INET, SOCK_STREAM, 0, NULL },
	{ "socket-inet6", try_socket, AF_INET6, SOCK_STREAM, 0, NULL },
	{ "socket-unix", try_socket, AF_UNIX, SOCK_STREAM, 0, NULL },
	{ "socketpair-unix", try_socketpair, AF_UNIX, SOCK_STREAM, 0, NULL },
	{ "socket-netlink-route", try_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, NULL },
	{ "socket-netlink-netfilter", try_socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, NULL },
	{ "socket-raw", try_socket, AF_INET, SOCK_RAW, IPPROTO_RAW, NULL },
	{ "socket-raw6", try_socket, AF_INET6, SOCK_RAW, IPPROTO_RAW, NULL },
	{ "socket-icmp", try_socket, AF_INET, SOCK_DGRAM, IPPROTO_ICMP, NULL },
	{ "socket-packet", try_socket, AF_PACKET, SOCK_RAW, 0, NULL },
	{ "socket-vsock", try_socket, FAMILY_VSOCK, SOCK_STREAM, 0, NULL },
	{ "socket-alg", try_socket, AF_ALG, SOCK_SEQPACKET, 0, NULL },
	{ "socket-bluetooth", try_socket, AF_BLUETOOTH, SOCK_RAW, 0, NULL },
	{ "socket-can", try_socket, AF_CAN, SOCK_RAW, 1, NULL },
	{ "socket-tipc", try_socket, AF_TIPC, SOCK_SEQPACKET, 0, NULL },
	{ "socket-mptcp", try_socket, AF_INET, SOCK_STREAM, PROTOCOL_MPTCP, NULL },
	{ "socket-sctp", try_socket, AF_INET, SOCK_STREAM, PROTOCOL_SCTP, NULL },
	{ "socket-udplite", try_socket, AF_INET, SOCK_DGRAM, PROTOCOL_UDPLITE, NULL },
	{ "bind-80", try_bind, 80, 0, 0, NULL },
	{ "bind-8080", try_bind, 8080, 0, 0, NULL },
	{ "addr-add", try_addr_add, 0, 0, 0, NULL },
	{ "nft-table", try_nft, 0, 0, 0, NULL },
	{ "io-uring", try_io_uring, 0, 0, 0, NULL },
	{ "int80", try_int80, 0, 0, 0, NULL },

	/* New namespaces and old ones. */
	{ "fork", try_clone, 0, 0, 0, NULL },
	{ "clone-user", try_clone, CLONE_NEWUSER, 0, 0, NULL },
	{ "clone-user-net", try_clone, CLONE_NEWUSER | CLONE_NEWNET, 0, 0, NULL },
	{ "clone-net", try_clone, CLONE_NEWNET, 0, 0, NULL },
	{ "clone-mount", try_clone, CLONE_NEWNS, 0, 0, NULL },
	{ "clone3-plain", try_clone3, 0, 0, 0, NULL },
	{ "clone3-user", try_clone3, CLONE_NEWUSER, 0, 0, NULL },
	{ "unshare-user", try_syscall, SYS_unshare, CLONE_NEWUSER, 0, NULL },
	{ "unshare-net", try_syscall, SYS_unshare, CLONE_NEWNET, 0, NULL },
	{ "unshare-mount", try_syscall, SYS_unshare, CLONE_NEWNS, 0, NULL },
	{ "setns-init-net", try_setns, CLONE_NEWNET, 0, 0, "/proc/1/ns/net" },
	{ "setns-init-user", try_setns, CLONE_NEWUSER, 0, 0, "/proc/1/ns/user" },
	{ "setns-init-pidfd", try_setns_pidfd, CLONE_NEWNET, 0, 0, NULL },

	/* PID 1 and other processes. */
	{ "read-init-mem", try_read, 0, 0, 0, "/proc/1/mem" },
	{ "read-init-environ", try_read, 0, 0, 0, "/proc/1/environ" },
	{ "read-init-maps", try_read, 0, 0, 0, "/proc/1/maps" },
	{ "list-init-fd", try_open_directory, 0, 0, 0, "/proc/1/fd" },
	{ "list-init-root", try_open_directory, 0, 0, 0, "/proc/1/root/" },
	{ "write-init-mem", try_open_write, 0, 0, 0, "/proc/1/mem" },
	{ "write-init-oom", try_open_write, 0, 0, 0, "/proc/1/oom_score_adj" },
	{ "vm-read-init", try_vm_read, INIT, 0, 0, NULL },
	{ "ptrace-init", try_ptrace, INIT, 0, 0, NULL },
	{ "pidfd-getfd-init", try_pidfd_getfd, 0, 0, 0, NULL },
	{ "kill-init", try_kill, INIT, 0, 0, NULL },
	{ "kill-init-term", try_kill, INIT, SIGTERM, 0, NULL },
	{ "kill-all", try_kill, EVERYBODY, 0, 0, NULL },

	/* Becoming somebody, or changing the machine. */
	{ "setuid-0", try_syscall, SYS_setuid, 0, 0, NULL },
	{ "setgid-0", try_syscall, SYS_setgid, 0, 0, NULL },
	{ "setgroups", try_syscall, SYS_setgroups, 0, 0, NULL },
	{ "ambient-net-admin", try_raise_capability, 12, 0, 0, NULL },
	{ "chroot", try_chroot, 0, 0, 0, "/" },
	{ "mknod-mem", try_mknod, 0, 0, 0, "/tmp/probe-mem" },
	{ "mount", try_mount, 0, 0, 0, NULL },
	{ "umount-proc", try_umount, 0, 0, 0, "/proc" },
	{ "sethostname", try_sethostname, 0, 0, 0, "probe" },
	{ "write-ip-forward", try_open_write, 0, 0, 0, "/proc/sys/net/ipv4/ip_forward" },
	{ "bpf", try_syscall, SYS_bpf, 0, 0, NULL },
	{ "perf", try_syscall, SYS_perf_event_open, 0, 0, NULL },
	{ "userfaultfd", try_syscall, SYS_userfaultfd, 0, 0, NULL },
	{ "keyctl", try_syscall, SYS_keyctl, 0, -3 /* the session keyring */, NULL },
	{ "init-module", try_syscall, SYS_init_module, 0, 0, NULL },
	{ "kexec", try_syscall, SYS_kexec_load, 0, 0, NULL },
	{ "reboot", try_syscall, SYS_reboot, 0, 0,
	  NULL }, /* wrong magic: EINVAL if it were allowed */
	{ "open-by-handle", try_syscall, SYS_open_by_handle_at, -1, 0, NULL },
};

/* kill-init-term ends the container when it works, so it runs only when named. */
static bool runs_unasked(const struct attempt *it)
{
	return strcmp(it->name, "kill-init-term") != 0;
}

static void run_attempt(const struct attempt *it)
{
	char died[16];
	int status;
	pid_t pid;

	fflush(stdout); /* or the child would print it again */
	pid = fork();
	if (pid == 0) {
		alarm(SECONDS_EACH);
		_exit(it->run(it));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		json_string(it->name, "not run");
	} else if (WIFSIGNALED(status)) {
		snprintf(died, sizeof(died), "SIG%s", signal_name(WTERMSIG(status)));
		json_string(it->name, died);
	} else {
		json_string(it->name, errno_name(WEXITSTATUS(status)));
	}
}

static const struct attempt *find(const char *name)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		if (!strcmp(attempts[i].name, name))
			return &attempts[i];
	}
	usage_error(name);
}

/*
 * Asks for a child with each of these flags of clone(2), and for shared signal handlers without shared memory
 * as well. No kernel makes such a child, whoever asks: EINVAL is the kernel's answer, any other one is a
 * system call filter's.
 */
int cmd_clone_flags(int argc, char **argv)
{
	json_open(NULL, '{');
	for (int i = 1; i < argc; i++) {
		const struct attempt it = { argv[i], try_clone, number(argv[i]) | CLONE_SIGHAND,
					    0,	     0,		NULL };

		run_attempt(&it);
	}
	json_close('}');
	return PROBE_OK;
}

int cmd_try(int argc, char **argv)
{
	json_open(NULL, '{');
	for (int i = 1; i < argc; i++)
		run_attempt(find(argv[i]));
	for (size_t i = 0; argc == 1 && i < sizeof(attempts) / sizeof(*attempts); i++) {
		if (runs_unasked(&attempts[i]))
			run_attempt(&attempts[i]);
	}
	json_close('}');
	return PROBE_OK;
}
