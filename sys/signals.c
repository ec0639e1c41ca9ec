/* SPDX-License-Identifier: MIT */
#include "sys/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
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

static uint64_t bit_of(int sig)
{
	return 1ULL << (sig - 1);
}

static int disposition(int sig, const struct kernel_sigaction *new, struct kernel_sigaction *old)
{
	return (int)syscall(SYS_rt_sigaction, sig, new, old, sizeof(uint64_t));
}

void signals_hold(struct signals_inherited *was)
{
	const uint64_t every = EVERY_SIGNAL;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, &was->mask, sizeof(every));
}

void signals_take_over(struct signals_inherited *was)
{
	struct kernel_sigaction action;

	was->ignored = 0;
	for (int sig = 1; sig <= SIGNALS_LAST; sig++)
		if (disposition(sig, NULL, &action) == 0 && action.handler == SIG_IGN)
			was->ignored |= bit_of(sig);

	action = (struct kernel_sigaction){ .handler = SIG_DFL };
	disposition(SIGCHLD, &action, NULL);
}

void signals_give_back(const struct signals_inherited *was)
{
	/* Nothing but SIGCHLD was changed, and a handler never survives exec. */
	if (was->ignored & bit_of(SIGCHLD)) {
		const struct kernel_sigaction ignore = { .handler = SIG_IGN };

		disposition(SIGCHLD, &ignore, NULL);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &was->mask, NULL, sizeof(was->mask));
}

int signals_open(void)
{
	const uint64_t every = EVERY_SIGNAL;
	long fd = syscall(SYS_signalfd4, -1, &every, sizeof(every), O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : (int)fd;
}
