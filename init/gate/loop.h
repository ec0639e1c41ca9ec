/* SPDX-License-Identifier: MIT */
/* What the parts of the gate share: its state, its event loop (gate.c). */
#ifndef INIT_GATE_LOOP_H
#define INIT_GATE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/gate/gate.h"

struct gate {
	const struct gate_config *config;
	const struct policy *policy; /* in use */
	struct names *names;
	int64_t now; /* ms of clock_now(), of this wake-up */
};

extern struct gate gate; /* the one of this process */

/* What an event is about. */
enum source {
	SOURCE_CHANNEL,
	SOURCE_TCP, /* a connection of the agent to a name */
	SOURCE_DNS_TCP,
	SOURCE_DNS_UDP,
	SOURCE_PACKETS,
	SOURCE_AGENT, /* of a flow: the agent's side */
	SOURCE_SERVER, /* ... the server's */
	SOURCE_ATTEMPT, /* ... a second address that is tried */
	SOURCE_LOOKUP, /* a DNS server's */
	SOURCE_STREAM, /* a DNS connection of the agent's */
};

/*
 * Watches a descriptor for these events of epoll(7). The generation tells events of a thing that has ended
 * from those of the one that has taken its place. What is watched already is from now on watched as this
 * says. False: no memory in the kernel.
 */
bool gate_watch(int fd, uint32_t events, enum source source, uint32_t index, uint16_t generation);

/* Random bytes that nobody can guess: DNS ids, seeds. */
void gate_random(void *to, size_t size);

/* A buffer for what is read in one go; nothing in it lasts. */
#define GATE_SCRATCH ((size_t)512 * 1024)
extern char gate_scratch[GATE_SCRATCH];

#endif
