/* SPDX-License-Identifier: MIT */
/* Init's side of the gate: its process, from start to end, and again when it dies. */
#ifndef INIT_GATEKEEPER_H
#define INIT_GATEKEEPER_H

#include <stdint.h>
#include <sys/types.h>

#include "init/gate/gate.h"
#include "sys/failure.h"

struct gatekeeper {
	const struct gate_config *config;
	struct gate_start start;
	const int
		*sockets; /* of the jail, GATE_SOCKETS of them; ours stay open, for the next gate */
	pid_t pid; /* 0: there is none */
	int channel;
	int64_t started; /* when; in ms of clock_now() */
	int64_t again; /* when it shall be started again; 0: it need not */
};

/* Starts the process, which has no privilege and waits for its sockets. 0, or -1 with `f` filled. */
int gatekeeper_start(struct gatekeeper *k, struct failure *f);

/* Hands the sockets over and waits until the gate listens. */
int gatekeeper_open(struct gatekeeper *k, const int *sockets, struct failure *f);

/* Lets it use the other policy, and waits until it does. */
void gatekeeper_use(struct gatekeeper *k, uint8_t policy);

/* Its channel has ended. The next one is started at once, or soon if they die young. */
void gatekeeper_reap(struct gatekeeper *k);

/* Starts it again, if it is time. How many ms are left until then; -1: it runs. */
int gatekeeper_tend(struct gatekeeper *k);

/* Its last records are written, and it ends. */
void gatekeeper_finish(struct gatekeeper *k);

#endif
