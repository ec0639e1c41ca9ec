/* SPDX-License-Identifier: MIT */
/*
 * A flow: a TCP connection of the agent's to a name, and the gate's own connection to where the name leads.
 *
 * Nothing is stored of what flows: bytes are looked at while they stay in the socket that they came by
 * (MSG_PEEK) and are taken out of it when the other side has taken them. So the kernel's own buffers hold
 * back whoever is faster, and a flow costs no memory but its entry in a fixed table.
 */
#ifndef INIT_GATE_FLOW_H
#define INIT_GATE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "init/gate/http.h"
#include "init/gate/loop.h"
#include "init/gate/names.h"
#include "init/gate/resolve.h"
#include "init/gate/timer.h"
#include "init/policy.h"
#include "init/resolv.h"
#include "sys/address.h"

#define FLOWS 16384

enum phase {
	FLOW_WAITING, /* for the agent's first bytes; there is no server yet */
	FLOW_RESOLVING,
	FLOW_DIALING,
	FLOW_ASKING_PROXY, /* to connect us: CONNECT */
	FLOW_OPEN,
	FLOW_ENDING, /* refused: the server finishes its answers to what was allowed before */
	FLOW_LINGERING, /* the refusal is sent; what the agent still says is thrown away */
};

/* What of the agent's bytes is looked at. */
enum sight {
	SIGHT_FIRST, /* the first ones: what protocol is it? */
	SIGHT_HEAD, /* HTTP: the head of a request */
	SIGHT_CHUNKS, /* HTTP: a body in chunks */
	SIGHT_NOTHING, /* relayed as they come */
};

/* Bytes without an end. */
#define ANY_NUMBER UINT64_MAX

struct side {
	int fd;
	bool readable, writable; /* as far as we know */
	bool hung_up; /* it will say nothing more; what is in the socket was its last */
	bool ended; /* and that was passed on */
	bool shut; /* it was told that the other one has ended */
	uint64_t passable; /* bytes from it that may be passed on */
	uint64_t passed;
};

/* What is used most stands first: near offsets make small code. */
struct flow {
	struct timer timer; /* first, so that one can be had from the other */
	struct side agent, server;
	uint16_t generation;
	bool busy; /* in use */
	bool ready; /* has more to do than was done now */
	bool queued; /* for that */
	bool private_too; /* the rule that let it be dialled says so */
	bool by_address; /* no name is dialled but `host`, as a rule by address allows */
	bool upgrading; /* HTTP: whether the protocol changes is for the server to say */
	bool roomy; /* the agent sends requests without waiting for answers */
	bool no_upgrade; /* ... and it may not say yes */
	bool reported; /* the decision about the whole flow stands in the log */
	bool wrong; /* FLOW_ENDING: the refusal to come is of a request that is malformed */
	uint8_t phase, sight;
	uint8_t next_address; /* of the name's, to be tried */
	int attempt; /* a second connection that is under way, or -1 */
	/* Its name is what the address that the agent dialled stands for. Of HTTP, method and path of
	   the request that is examined; else none. */
	struct request request;
	struct name *entry; /* of the pool; NULL: by hosts(5) */
	struct address host; /* then this one; family 0 if not */
	struct address address, attempt_address; /* dialled */
	int error; /* of the last attempt that failed */
	uint32_t requests; /* of HTTP, allowed so far */
	struct flow *next; /* free, or ready to go on */
	uint64_t number; /* in the audit log */
	int64_t began;
	struct waiter waiter;
	struct http_body body;
	const char *why; /* FLOW_ENDING: the refusal to come */
};

/* ---- flow.c: its life ---- */

void flow_accept(int listener);
void flow_event(uint32_t index, uint16_t generation, unsigned int source, uint32_t events);
void flow_timer(struct timer *t, enum timer_kind kind);

/* Goes on with flows that had more to do than is good for the others. True: there are still some. */
bool flow_go_on(void);

/* Watches one of its descriptors. */
bool flow_watch(const struct flow *f, int fd, enum source source);
void flow_close(struct flow *f, const char *end);
/* By resets on both sides. */
void flow_break(struct flow *f, const char *end);
/* Brings it as far as it goes. */
void flow_step(struct flow *f);
void flow_close_all(void);
bool flow_any(void);
/* So many can be had, by the limit of descriptors. */
void flow_set_limit(uint64_t descriptors);

/* ---- examine.c: what the agent wants, and whether it may ---- */

/* What can be decided without a byte of the agent's: dials, waits or ends. */
void examine_arrival(struct flow *f);
/* Looks at the agent's bytes, and lets some of them be passed on. */
void examine(struct flow *f);
/* Looks at the server's answer to an upgrade. */
void examine_upgrade(struct flow *f);
/* The server has said something, the agent has not: the decision goes to the log at the end. */
void examine_report(struct flow *f);
/* The agent has said nothing that could be decided by, and will not. */
void examine_silence(struct flow *f);

/* ---- dial.c: the server's side ---- */

void dial(struct flow *f);
bool dial_is_private(const struct address *a);
/* True: it is connected, by this one. */
bool dial_event(struct flow *f, bool second);
void dial_next(struct flow *f);
void dial_replace(struct flow *f);
void dial_proxy_answer(struct flow *f);
void dial_proxy_silent(struct flow *f);

/* ---- relay.c ---- */

/* What is in a side's socket, up to `size` bytes of gate_scratch: as recv(2), nothing is taken out. */
long relay_peek(struct side *from, size_t size);
/* Passes on what may be. False: the flow has broken. */
bool relay(struct flow *f);

/* ---- refuse.c ---- */

/* Says no in the flow's own protocol, and why. `wrong`: the request is malformed, not forbidden. */
void refuse(struct flow *f, const char *why, bool wrong);
/* The server has finished; now it is said. */
void refuse_now(struct flow *f);
/* Dialling has failed. */
void refuse_unreachable(struct flow *f, const char *why);
/* A reason that a rule with private=yes would take away. */
extern const char refuse_private[];

#endif
