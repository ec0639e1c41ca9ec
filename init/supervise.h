/* SPDX-License-Identifier: MIT */
/* Being init: signals, the terminal, reaping, the end. */
#ifndef INIT_SUPERVISE_H
#define INIT_SUPERVISE_H

#include <stdint.h>
#include <sys/types.h>

struct supervision {
	pid_t agent;
	int signals; /* signalfd */
	int terminal; /* our controlling terminal, or -1 */
	uint32_t grace; /* milliseconds between TERM and KILL */
};

/* Our controlling terminal, if there is one and our process group is in its foreground; else -1. */
int terminal_open(void);

/* Puts a process group into the foreground. Failures do not matter: it then runs in the background. */
void terminal_give(int terminal, pid_t group);

/*
 * Forwards every signal to the agent, reaps whatever is left to us, and returns the exit code of
 * the agent when it and, after a TERM, all others have ended.
 */
int supervise(const struct supervision *s);

#endif
