/* SPDX-License-Identifier: MIT */
/*
 * The names that the agent has asked for, each with an address of the pool that stands for it. The table
 * lies in memory that outlives the gate's process, so that addresses which the agent remembers keep their
 * meaning when the gate has been restarted; a new gate checks what it finds there.
 *
 * Allowed names and denied ones have parts of their own: questions for denied names cost nobody a place.
 */
#ifndef INIT_GATE_NAMES_H
#define INIT_GATE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "init/gate/dns.h"
#include "sys/address.h"
#include "sys/cursor.h"

#define NAMES_ALLOWED 8192
#define NAMES_DENIED 1024
#define NAMES (NAMES_ALLOWED + NAMES_DENIED)
#define NAMES_BUCKETS 4096

struct name {
	uint16_t chain; /* the next of the bucket, as a number from 1; 0 ends it */
	uint16_t users; /* flows that have it */
	uint8_t length; /* 0: free */
	uint8_t count; /* addresses */
	char text[DNS_NAME_MAX];
	struct address addresses[DNS_ADDRESSES]; /* real ones; to be dialled */
	int64_t expires; /* when these are no longer to be believed; in ms of clock_now() */
	int64_t used; /* when the agent last heard of it or came by */
};

struct names {
	uint32_t seed; /* of the hash: the agent chooses the names */
	uint32_t allowed, denied; /* entries that have ever been used, of each part */
	uint32_t next_denied; /* whose turn it is to be taken */
	uint16_t buckets[NAMES_BUCKETS];
	struct name entries[NAMES];
};

/* Makes a table that was left behind sound again. */
void names_open(struct names *n, uint32_t seed);

/* NULL: not there. `name` is in lower case. */
struct name *names_find(struct names *n, struct span name);

/*
 * A place for a name that is not there, in the part for allowed or for denied ones. Where the part is full,
 * one that nobody has used for longest gives way: a denied one at once, an allowed one when it has not been
 * used for ten minutes. NULL: there is none.
 */
struct name *names_add(struct names *n, struct span name, bool allowed, int64_t now);

struct span name_text(const struct name *name);

/* An entry and its address in a pool of either family; NULL: none. */
struct address names_address(const struct names *n, const struct name *name,
			     const struct prefix *pool);
struct name *names_at(struct names *n, const struct prefix *pool, const struct address *a);

#endif
