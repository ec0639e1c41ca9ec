/* SPDX-License-Identifier: MIT */
/* Signals and children: what PID 1 forwards, and what it must reap. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

enum { LAST_SIGNAL = 64, SIGNAL_SET_BYTES = LAST_SIGNAL / 8, MAX_ORPHANS = 500 };

/* What rt_sigaction(2) itself takes. libc's wrapper keeps 32 to 34 for itself; we want them. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

#ifdef __x86_64__
enum { FLAG_RESTORER = 0x04000000 }; /* this architecture has no return path of its own */
void probe_restorer(void);
__asm__(".text\nprobe_restorer:\n\tmov $15, %eax\n\tsyscall\n"); /* 15: rt_sigreturn */
#else
enum { FLAG_RESTORER = 0 };
#define probe_restorer NULL
#endif

static int code_on_term;

/* Only write() is allowed here, and all signals are blocked, so the lines keep their order. */
static void print_signal(int signal)
{
	char line[16] = { (char)('0' + signal / 10), (char)('0' + signal % 10), ' ' };
	const char *name = signal_name(signal);
	size_t length = strlen(name);

	memcpy(line + 3, name, length);
	line[3 + length] = '\n';
	if (write(STDOUT_FILENO, line, length + 4) < 0)
		_exit(PROBE_FAILED);
	if (signal == SIGTERM)
		_exit(code_on_term);
}

int cmd_signals(int argc, char **argv)
{
	const struct kernel_sigaction action = { .handler = print_signal,
						 .flags = FLAG_RESTORER,
						 .restorer = probe_restorer,
						 .mask = UINT64_MAX };

	code_on_term = argc > 1 ? (int)number(argv[1]) : PROBE_OK;
	for (int signal = 1; signal <= LAST_SIGNAL; signal++) {
		if (signal == SIGKILL || signal == SIGSTOP)
			continue;
		if (syscall(SYS_rt_sigaction, signal, &action, NULL, SIGNAL_SET_BYTES)) {
			fprintf(stderr, "probe: signals: %d: %s\n", signal, errno_name(errno));
			return PROBE_FAILED;
		}
	}
	say("ready");
	wait_forever();
}

int cmd_window(int argc, char **argv)
{
	struct winsize size;
	sigset_t changes;
	int sig;

	(void)argc, (void)argv;
	sigemptyset(&changes);
	sigaddset(&changes, SIGWINCH);
	sigprocmask(SIG_BLOCK, &changes, NULL);
	do {
		if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size))
			return PROBE_FAILED;
		json_open(NULL, '{');
		json_number("rows", size.ws_row);
		json_number("columns", size.ws_col);
		json_close('}');
	} while (sigwait(&changes, &sig) == 0);
	return PROBE_FAILED;
}

int cmd_ignore_term(int argc, char **argv)
{
	(void)argc, (void)argv;
	signal(SIGTERM, SIG_IGN);
	say("ready");
	wait_forever();
}

int cmd_kill_self(int argc, char **argv)
{
	const struct rlimit no_core = { 0, 0 };

	(void)argc;
	setrlimit(RLIMIT_CORE, &no_core);
	kill(getpid(), (int)number(argv[1]));
	return PROBE_FAILED; /* survived */
}

/* How many processes of this pid namespace are dead and not yet waited for? */
static int count_zombies(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int zombies = 0;

	if (!proc)
		return -1;
	while ((entry = readdir(proc))) {
		char path[64], stat[512] = "";
		const char *state;
		int fd;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/stat", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue; /* gone meanwhile: reaped */
		if (read(fd, stat, sizeof(stat) - 1) > 0) {
			state = strrchr(stat, ')'); /* the name before it may hold anything */
			zombies += state && state[1] && state[2] == 'Z';
		}
		close(fd);
	}
	closedir(proc);
	return zombies;
}

/* The two pipes of a brood: its members report their pids, then wait until the gate is closed. */
struct brood {
	int report[2];
	int gate[2];
};

/* Makes the middle process, which dies at once and so makes orphans of its children. */
static pid_t fork_orphans(const struct brood *brood, long count)
{
	pid_t middle = fork();

	if (middle)
		return middle;
	for (long i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			_exit(PROBE_FAILED);
		if (pid == 0) {
			close(brood->gate[1]);
			pid = getpid();
			if (write(brood->report[1], &pid, sizeof(pid)) != sizeof(pid))
				_exit(PROBE_FAILED);
			_exit(read(brood->gate[0], &pid, 1) ? PROBE_FAILED : PROBE_OK);
		}
	}
	_exit(PROBE_OK);
}

/* Lets all of them end and returns once each is dead, reaped or not. */
static bool await_deaths(const struct brood *brood, long count)
{
	int fds[MAX_ORPHANS];
	pid_t pid;

	for (long i = 0; i < count; i++) {
		if (read(brood->report[0], &pid, sizeof(pid)) != sizeof(pid))
			return false;
		fds[i] = (int)syscall(SYS_pidfd_open, pid, 0);
		if (fds[i] < 0)
			return false;
	}
	close(brood->gate[1]);
	for (long i = 0; i < count; i++) {
		struct pollfd death = { .fd = fds[i], .events = POLLIN };

		if (poll(&death, 1, -1) < 0)
			return false;
		close(fds[i]);
	}
	return true;
}

int cmd_orphans(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	long count = number(argv[1]);
	struct brood brood;
	int status, zombies;
	pid_t middle;

	(void)argc;
	if (count > MAX_ORPHANS)
		usage_error("too many");
	fflush(stdout);
	if (pipe2(brood.report, O_CLOEXEC) || pipe2(brood.gate, O_CLOEXEC))
		return PROBE_FAILED;
	middle = fork_orphans(&brood, count);
	if (middle < 0 || waitpid(middle, &status, 0) < 0 || status || !await_deaths(&brood, count))
		return PROBE_FAILED;
	/* Nobody is told when another process reaps: look again for up to two seconds. */
	for (int tries = 0; (zombies = count_zombies()) && tries < 2000; tries++)
		nanosleep(&pause, NULL);
	json_open(NULL, '{');
	json_number("made", count);
	json_number("zombies", zombies);
	json_close('}');
	return zombies ? PROBE_FAILED : PROBE_OK;
}
