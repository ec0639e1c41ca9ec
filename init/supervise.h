/* SPDX-License-Identifier: MIT */
/* Being init: signals, the terminal, reaping, the end. */
#ifndef INIT_SUPERVISE_H
#define INIT_SUPERVISE_H

#include <stdint.h>
#include <sys/types.h>

#include "init/gatekeeper.h"

struct supervision {
	pid_t agent;
	int signals; /* signalfd */
	int terminal; /* our controlling terminal, or -1 */
	uint32_t grace; /* milliseconds between TERM and KILL */
	struct gatekeeper *gate; /* NULL: there is none */
	int changes; /* something to be told of, or -1: */
	void (*changed)(void); /* called when it can be read */
};

/* Our controlling terminal, or -1 if we have none. */
int terminal_open(void);

/*
 * Puts the process group `to` into the foreground in the place of `from`; if another one is there,
 * it stays. Failures do not matter: the group then runs in the background.
 */
void terminal_pass(int terminal, pid_t from, pid_t to);

/*
 * Forwards every signal to the agent, reaps whatever is left to us, and returns the exit code of
 * the agent when it and, after a TERM, all others have ended.
 */
int supervise(const struct supervision *s);

#endif
