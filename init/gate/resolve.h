/* SPDX-License-Identifier: MIT */
/*
 * Questions to the DNS servers of the container's resolv.conf(5): UDP first, the next server after a while
 * of silence, TCP where the answer was cut.
 */
#ifndef INIT_GATE_RESOLVE_H
#define INIT_GATE_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "init/gate/dns.h"
#include "init/gate/names.h"
#include "init/gate/timer.h"

enum resolved {
	RESOLVED, /* there is an answer */
	RESOLVED_NOTHING, /* the name does not exist */
	RESOLVED_FAILED, /* no server had an answer */
};

/* Somebody who waits for an answer; inside of what waits. */
struct waiter {
	struct waiter *next, **link; /* link is NULL when it does not wait */
	/*
	 * `addresses` for a question about a name's addresses (their number may be 0), `message` for any other:
	 * the server's words. Called once; the waiter is out of the list by then.
	 */
	void (*done)(struct waiter *w, enum resolved how, const struct dns_answer *addresses,
		     struct span message);
};

/* Asks for the addresses of a name, of both families. False: too much is being asked; nothing waits. */
bool resolve_addresses(struct span name, struct waiter *w);

/*
 * The question of a resolver on this machine itself, which was asked by the gate and now asks a server in its
 * turn: it does not know the name, so that others are asked. It can only be told by the name. False: none is.
 */
bool resolve_note_echo(struct span name);

/* Asks a question of another type. */
bool resolve_other(const struct dns_query *q, struct waiter *w);

/* Waits no longer. */
void resolve_forget(struct waiter *w);

enum taken {
	TAKEN_END, /* of the connection, or it makes no sense any more */
	TAKEN_NOTHING, /* no whole message has come yet */
	TAKEN_ALL, /* a message */
	TAKEN_OF_MORE, /* ... and behind it there is more */
};

/*
 * A message of a DNS connection, with its length before it: left in the socket until it is whole, then taken
 * out into gate_scratch. One above the limit ends it.
 */
enum taken resolve_take(int fd, size_t limit, struct span *message);

void resolve_event(uint32_t index, uint16_t generation);
void resolve_timer(struct timer *t);

#endif
