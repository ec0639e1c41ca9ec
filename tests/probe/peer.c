/* SPDX-License-Identifier: MIT */
/* What one process may do to another one: {"kill": "EPERM", "ptrace": "EPERM", ...}. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static const char *outcome(long result)
{
	return errno_name(result < 0 ? errno : 0);
}

/* Opens and reads one byte: some files of /proc check at one, some at the other. */
static const char *try_read(pid_t pid, const char *name)
{
	char path[64], byte;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		const char *said = outcome(read(fd, &byte, 1));

		close(fd);
		return said;
	}
	return errno_name(errno);
}

static const char *try_ptrace(pid_t pid)
{
	long result = ptrace(PTRACE_SEIZE, pid, 0, 0);
	const char *said = outcome(result);

	if (result == 0) { /* it has to stop before it can be let go */
		ptrace(PTRACE_INTERRUPT, pid, 0, 0);
		waitpid(pid, NULL, __WALL);
		ptrace(PTRACE_DETACH, pid, 0, 0);
	}
	return said;
}

static const char *try_vm_read(pid_t pid)
{
	char byte;
	struct iovec here = { &byte, 1 };
	struct iovec there = { (void *)0x400000, 1 }; /* where a static program begins */

	return outcome(process_vm_readv(pid, &here, 1, &there, 1, 0));
}

static const char *try_get_fd(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? errno_name(errno) : outcome(syscall(SYS_pidfd_getfd, fd, 0, 0));
}

int cmd_peer(int argc, char **argv)
{
	pid_t pid = (pid_t)number(argv[1]);

	(void)argc;
	json_open(NULL, '{');
	json_string("kill", outcome(kill(pid, SIGCONT)));
	json_string("read-mem", try_read(pid, "mem"));
	json_string("read-environ", try_read(pid, "environ"));
	json_string("vm-read", try_vm_read(pid));
	json_string("get-fd", try_get_fd(pid));
	json_string("ptrace", try_ptrace(pid));
	json_close('}');
	return PROBE_OK;
}
