/* SPDX-License-Identifier: MIT */
/*
 * Where IPv4 and IPv6 forwarding was off before any jail was made. Kept as the comment of our table
 * of nf_tables, so that it survives a run that is killed, and other jails of the pod see it. Pure:
 * no I/O, no allocation, no globals.
 */
#ifndef INIT_FORWARDING_H
#define INIT_FORWARDING_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/cursor.h"
#include "sys/text.h"

#define FORWARDING_LINKS 16

struct forwarding {
	bool ipv6; /* net.ipv6.conf.all.forwarding */
	unsigned int count;
	uint32_t links[FORWARDING_LINKS]; /* indexes; IPv4 */
};

bool forwarding_has(const struct forwarding *f, uint32_t link);

/* False if there is no room. */
bool forwarding_add(struct forwarding *f, uint32_t link);

/* "forwarding was off: ipv6 2 5"; nothing at all if it was on everywhere. */
void forwarding_print(struct text *t, const struct forwarding *f);

/* Adds what a comment says; one of another form says nothing. */
void forwarding_read(struct span comment, struct forwarding *f);

#endif
