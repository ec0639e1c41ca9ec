/* SPDX-License-Identifier: MIT */
/* What a process can do to itself before it goes on with another subcommand, and to its container. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

enum { LAST_SIGNAL = 64, SIGNAL_SET_BYTES = LAST_SIGNAL / 8, PATIENCE_MS = 4000 };

/* All 64, by the system call itself: libc's functions leave 32 to 34 out. */
static const uint64_t every_signal = UINT64_MAX;

static void block_every_signal(void)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every_signal, NULL, SIGNAL_SET_BYTES);
}

int cmd_close(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (close((int)number(argv[i])))
			return PROBE_FAILED;
	}
	return PROBE_OK;
}

int cmd_to(int argc, char **argv)
{
	fflush(stdout);
	if (dup2((int)number(argv[1]), STDOUT_FILENO) < 0)
		return PROBE_FAILED;
	return run_command(argc - 2, argv + 2);
}

int cmd_files(int argc, char **argv)
{
	const rlim_t count = (rlim_t)number(argv[1]);
	const struct rlimit limit = { count, count };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		return PROBE_FAILED;
	return run_command(argc - 2, argv + 2);
}

int cmd_become(int argc, char **argv)
{
	const uid_t id = (uid_t)number(argv[1]);

	(void)argc;
	return setresgid(id, id, id) || setresuid(id, id, id) ? PROBE_FAILED : PROBE_OK;
}

int cmd_herd(int argc, char **argv)
{
	(void)argc;
	fflush(stdout);
	for (long left = number(argv[1]); left > 0; left--) {
		pid_t pid = fork();

		if (pid < 0)
			return PROBE_FAILED;
		if (pid == 0)
			wait_forever();
	}
	return PROBE_OK;
}

/* TERM is left out: a second one is a request to hurry, and ends the container by design. */
int cmd_flood(int argc, char **argv)
{
	const pid_t target = (pid_t)number(argv[1]);
	long sent = 0, refused = 0;

	(void)argc;
	block_every_signal(); /* what comes back is not for us */
	for (long round = number(argv[2]); round > 0; round--) {
		for (int sig = 1; sig <= LAST_SIGNAL; sig++) {
			if (sig == SIGTERM)
				continue;
			if (kill(target, sig) == 0)
				sent++;
			else if (errno == EPERM)
				refused++;
			else
				return PROBE_FAILED;
		}
	}
	json_open(NULL, '{');
	json_number("sent", sent);
	json_number("refused", refused);
	json_close('}');
	return PROBE_OK;
}

/* The next signal within the time, or 0. They are to be blocked from birth on, so that none is missed. */
static int next_signal(long ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	long sig;

	do
		sig = syscall(SYS_rt_sigtimedwait, &every_signal, NULL, &time, SIGNAL_SET_BYTES);
	while (sig < 0 && errno == EINTR);
	return sig < 0 ? 0 : (int)sig;
}

/* 64 is the test's way to say that no more will come: the kernel hands it over behind all others. */
int cmd_collect(int argc, char **argv)
{
	const long quiet = number(argv[1]);
	long wait = PATIENCE_MS;
	int sig;

	(void)argc;
	json_open(NULL, '{');
	json_open("signals", '[');
	while ((sig = next_signal(wait))) {
		json_number(NULL, sig);
		if (sig == LAST_SIGNAL)
			wait = quiet;
	}
	json_close(']');
	json_close('}');
	return PROBE_OK;
}
