/* SPDX-License-Identifier: MIT */
/*
 * Signal masks and dispositions by raw system calls (rt_sigprocmask(2), rt_sigaction(2)).
 *
 * musl's sigset functions leave out signals 32 to 34, which it uses itself; PID 1 has to forward
 * these too, so a set here is the kernel's own: bit N-1 of 64 stands for signal N.
 */
#ifndef SYS_SIGNALS_H
#define SYS_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* What this process was started with, and what the agent gets back. */
struct signals_inherited {
	uint64_t mask;
	bool child_ignored; /* SIGCHLD was SIG_IGN; no other disposition is ever changed */
};

/*
 * Blocks every signal and notes what the mask was. The first thing that main does: until then
 * the kernel drops a TERM that is sent to PID 1.
 */
void signals_hold(struct signals_inherited *was);

/* SIGCHLD back to its default, or else the kernel reaps the agent and its exit code is lost. */
void signals_take_over(struct signals_inherited *was);

/* Drops pending signals: this one, or all if it is 0. For what would otherwise be taken twice. */
void signals_discard(int sig);

/* In the agent, right before exec: dispositions, then the mask. Pending signals arrive now. */
void signals_give_back(const struct signals_inherited *was);

/* A descriptor that reports every signal, struct signalfd_siginfo each; close-on-exec. -errno. */
int signals_open(void);

#endif
