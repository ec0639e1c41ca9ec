/* SPDX-License-Identifier: MIT */
#include "sys/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EVERY_SIGNAL UINT64_MAX

/* struct sigaction as the kernel has it (asm-generic/signal.h); libc's differs. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
#ifdef __x86_64__
	void (*restorer)(void);
#endif
	uint64_t mask;
};

static void set_child_action(void (*handler)(int))
{
	const struct kernel_sigaction action = { .handler = handler };

	syscall(SYS_rt_sigaction, SIGCHLD, &action, NULL, sizeof(uint64_t));
}

void signals_hold(struct signals_inherited *was)
{
	const uint64_t every = EVERY_SIGNAL;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, &was->mask, sizeof(every));
}

void signals_take_over(struct signals_inherited *was)
{
	struct kernel_sigaction old;

	syscall(SYS_rt_sigaction, SIGCHLD, NULL, &old, sizeof(uint64_t));
	was->child_ignored = old.handler == SIG_IGN;
	/* Only then: setting it drops one that is pending. */
	if (was->child_ignored)
		set_child_action(SIG_DFL);
}

void signals_discard(int sig)
{
	static const struct timespec no_time;
	const uint64_t mask = sig ? 1ULL << (sig - 1) : EVERY_SIGNAL;

	while (syscall(SYS_rt_sigtimedwait, &mask, NULL, &no_time, sizeof(mask)) > 0)
		;
}

void signals_give_back(const struct signals_inherited *was)
{
	if (was->child_ignored)
		set_child_action(SIG_IGN);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &was->mask, NULL, sizeof(was->mask));
}

int signals_open(void)
{
	const uint64_t every = EVERY_SIGNAL;
	long fd = syscall(SYS_signalfd4, -1, &every, sizeof(every), O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : (int)fd;
}
