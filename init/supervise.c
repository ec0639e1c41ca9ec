/* SPDX-License-Identifier: MIT */
#include "init/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "init/report.h"
#include "sys/clock.h"
#include "sys/cursor.h"
#include "sys/fds.h"
#include "sys/signals.h"
#include "sys/text.h"

/* Between the second TERM, to all that is left, and KILL. */
#define LAST_WORDS 500

/* After KILL: what cannot die now (stuck in the kernel) does not hold the container up. */
#define PATIENCE_AFTER_KILL 2000

/* ---- the terminal ---- */

/* The process group in the foreground of a terminal, or -1. tcgetpgrp(3) is this with more around it. */
static pid_t foreground(int fd)
{
	pid_t group;

	return syscall(SYS_ioctl, fd, TIOCGPGRP, &group) < 0 ? -1 : group;
}

int terminal_open(void)
{
	int fd = file_open("/dev/tty", O_RDWR | O_NOCTTY);

	/* No /dev/tty in the image: one of the standard descriptors may be the terminal. */
	for (int standard = 0; fd < 0 && standard <= 2; standard++)
		if (foreground(standard) > 0)
			fd = (int)syscall(SYS_fcntl, standard, F_DUPFD_CLOEXEC, 3);
	return fd;
}

void terminal_pass(int terminal, pid_t from, pid_t to)
{
	/* From the background this would stop us by SIGTTOU, which is blocked. */
	if (terminal >= 0 && foreground(terminal) == from)
		syscall(SYS_ioctl, terminal, TIOCSPGRP, &to);
}

/* ---- the end ---- */

/*
 * The order of a stop. TERM starts the clock; each further TERM, and the end of each time, leads on.
 */
enum phase {
	RUNNING,
	STOPPING, /* the agent has got TERM */
	SWEEPING, /* all that is left has got TERM */
	KILLING, /* ... KILL */
	GIVEN_UP,
};

struct state {
	const struct supervision *s;
	enum phase phase;
	int64_t deadline; /* of the phase, in milliseconds of CLOCK_MONOTONIC */
	bool agent_gone;
	bool alone; /* nothing is left to reap */
	int code;
};

/* Sends a signal to the children of a process and to theirs, as far down as a jail goes. */
static void signal_children(pid_t parent, int sig, unsigned int depth)
{
	char path[64], list[2048];
	struct text t = TEXT_OVER(path);
	struct cursor c;
	uint32_t child;
	long length;

	text_printf(&t, "/proc/%d/task/%d/children", parent, parent);
	length = file_read(path, list, sizeof(list));
	c = cursor_over((struct span){ .at = list, .length = length > 0 ? (size_t)length : 0 });
	while (cursor_take_number(&c, INT32_MAX, &child)) {
		if (depth > 0)
			signal_children((pid_t)child, sig, depth - 1);
		kill((pid_t)child, sig);
		cursor_take_char(&c, ' ');
	}
}

/* Everybody but us: in a container all its processes, elsewhere only our descendants. */
static void signal_all(int sig)
{
	if (getpid() == 1)
		kill(-1, sig);
	else
		signal_children(getpid(), sig, 16);
}

static void enter(struct state *st, enum phase phase)
{
	int64_t left = st->deadline - clock_now();

	st->phase = phase;
	switch (phase) {
	case RUNNING:
		break;
	case STOPPING:
		st->deadline = clock_now() + st->s->grace;
		break;
	case SWEEPING:
		signal_all(SIGTERM);
		if (left < LAST_WORDS)
			st->deadline = clock_now() + LAST_WORDS;
		break;
	case KILLING:
		if (st->s->gate)
			gatekeeper_finish(st->s->gate);
		signal_all(SIGKILL);
		st->deadline = clock_now() + PATIENCE_AFTER_KILL;
		break;
	case GIVEN_UP:
		break;
	}
}

/* ---- children ---- */

/* ^Z, when we are a shell's job: the shell has to see us stopped, and `fg` continues us both. */
static void stop_with_agent(const struct supervision *s)
{
	if (getpid() == 1)
		return; /* no shell above us, and nothing stops PID 1 */
	terminal_pass(s->terminal, s->agent, getpgrp());
	kill(getpid(), SIGSTOP);
	signals_discard(SIGCONT); /* ours; the agent gets one below */
	terminal_pass(s->terminal, getpgrp(), s->agent);
	kill(-s->agent, SIGCONT);
}

static void reap(struct state *st)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != st->s->agent)
			continue;
		if (WIFSTOPPED(status)) {
			stop_with_agent(st->s);
			continue;
		}
		st->agent_gone = true;
		st->code =
			WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNALLED + WTERMSIG(status);
	}
	st->alone = pid < 0 && errno == ECHILD;
}

/* ---- signals ---- */

static void take_signal(struct state *st, const struct signalfd_siginfo *info)
{
	int sig = (int)info->ssi_signo;

	/* Those of the kernel tell us of children; one that somebody sent is for the agent. */
	if (sig == SIGCHLD && info->ssi_code > 0)
		return;
	if (sig == SIGTERM && st->phase < KILLING) {
		st->deadline = clock_now(); /* one that is not the first shortens the grace */
		enter(st, st->phase + 1);
	}
	if (!st->agent_gone)
		kill(st->s->agent, sig);
}

static void take_signals(struct state *st)
{
	struct signalfd_siginfo infos[8];
	ssize_t n = read(st->s->signals, infos, sizeof(infos));

	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(infos[0]); i++)
		take_signal(st, &infos[i]);
}

static void wait_for_event(const struct state *st)
{
	struct gatekeeper *gate = st->s->gate;
	int gate_wait = gate ? gatekeeper_tend(gate) : -1;
	struct pollfd fds[] = { { .fd = st->s->signals, .events = POLLIN },
				{ .fd = st->s->changes, .events = POLLIN },
				{ .fd = gate && gate->pid > 0 ? gate->channel : -1 } };
	int64_t left = st->deadline - clock_now();
	int wait = st->phase == RUNNING ? -1 : left < 0 ? 0 : (int)left;

	if (gate_wait >= 0 && (wait < 0 || gate_wait < wait))
		wait = gate_wait;
	if (poll(fds, 3, wait) <= 0)
		return;
	if (fds[2].revents) /* its end, which need not be asked for */
		gatekeeper_reap(gate);
	if (fds[1].revents)
		st->s->changed();
}

/* ---- the whole ---- */

static void step_on(struct state *st)
{
	if (st->agent_gone && st->phase == RUNNING)
		enter(st, KILLING); /* as the kernel does when PID 1 ends */
	else if (st->agent_gone && st->phase == STOPPING)
		enter(st, SWEEPING);
	else if (st->phase != RUNNING && clock_now() >= st->deadline)
		enter(st, st->phase + 1);
	else if (st->phase == KILLING)
		signal_all(SIGKILL); /* those who have become our children by the death of theirs */
}

/* By the linker: where the program begins, and where its code ends. */
extern const char __executable_start[], etext[];

/*
 * Most of the code was for the start. Its pages go back to the page cache; those of this file and of libc
 * come again with the next instruction, and by the order of linking they are few.
 */
static void give_back_code(void)
{
	syscall(SYS_madvise, __executable_start, (uintptr_t)etext - (uintptr_t)__executable_start,
		MADV_DONTNEED);
}

/*
 * As far down as the start has used the stack; what was never used is not mapped, and that is no error for
 * the rest. The nearest part is in use by the very calls that give the others back.
 */
#define STACK_USED ((size_t)1 << 16)
#define STACK_IN_USE 1024

static void give_back_stack(void)
{
	char *here = __builtin_frame_address(0);

	memory_give_back(here - STACK_USED, STACK_USED - STACK_IN_USE);
}

int supervise(const struct supervision *s)
{
	struct state st = { .s = s };

	give_back_stack();
	give_back_code();
	while (!(st.agent_gone && st.alone) && st.phase != GIVEN_UP) {
		wait_for_event(&st);
		take_signals(&st);
		reap(&st);
		step_on(&st);
	}
	if (s->gate)
		gatekeeper_finish(s->gate);
	terminal_pass(s->terminal, s->agent, getpgrp());
	return st.agent_gone ? st.code : EXIT_SIGNALLED + SIGKILL;
}
