/* SPDX-License-Identifier: MIT */
/*
 * Timers of the gate. Every kind has one duration, so the timers of a kind run out in the order in which
 * they were set: a list for each kind is all it takes. Without a timer set the gate never wakes up.
 */
#ifndef INIT_GATE_TIMER_H
#define INIT_GATE_TIMER_H

#include <stdint.h>

enum timer_kind {
	TIMER_NONE,
	TIMER_HELLO, /* the agent may take so long to say what it wants; and a proxy to answer */
	TIMER_DENIED, /* ... where any answer will be no */
	TIMER_ATTEMPT, /* the next address is tried beside the one before (RFC 8305) */
	TIMER_REPLACE, /* ... in the place of the older of two */
	TIMER_ENDING, /* a server finishes its answers before a refusal is sent */
	TIMER_LINGER, /* a refusal is read before the connection is closed */
	TIMER_LOOKUP, /* the next DNS server is asked */
	TIMER_STREAM, /* a DNS connection without a question */
	TIMER_KINDS,
};

struct timer {
	struct timer *next, *previous;
	int64_t deadline; /* in milliseconds, as clock_now() */
	enum timer_kind kind; /* TIMER_NONE: not set */
};

/* Sets it, in the place of what it was set to. */
void timer_set(struct timer *t, enum timer_kind kind, int64_t now);
void timer_stop(struct timer *t);

/* How long epoll_wait(2) may wait: milliseconds, or -1 if no timer is set. */
int timers_left(int64_t now);

/* A timer that has run out, now stopped, its kind in `*kind`; NULL: no more. */
struct timer *timers_take(int64_t now, enum timer_kind *kind);

#endif
