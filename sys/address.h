/* SPDX-License-Identifier: MIT */
/*
 * IPv4 and IPv6 addresses and prefixes. Pure: no I/O, no allocation, no globals.
 * Bytes are in network order throughout; an IPv4 address uses the first four.
 */
#ifndef SYS_ADDRESS_H
#define SYS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/cursor.h"
#include "sys/text.h"

struct address {
	uint8_t family; /* AF_INET, AF_INET6, or 0 for none */
	uint8_t bytes[16];
};

struct prefix {
	struct address address;
	uint8_t length; /* in bits */
};

/* Bytes of an address of this family: 4 or 16. */
unsigned int address_size(uint8_t family);

bool address_equal(const struct address *a, const struct address *b);

/* 0.0.0.0 and ::, and no address at all. */
bool address_is_unspecified(const struct address *a);

/* 127.0.0.0/8 and ::1. */
bool address_is_loopback(const struct address *a);

/* Dotted quad, or RFC 4291 section 2.2 without a zone; all of `s`. Where it is none, `a` is none. */
bool address_parse(struct span s, struct address *a);

/* RFC 5952 for IPv6. */
void address_print(struct text *t, const struct address *a);

/* "10.0.0.0/8", "2001:db8::1" (then the length is the full one). Bits behind the length stay. */
bool prefix_parse(struct span s, struct prefix *p);

/* Without the length where it is the full one. */
void prefix_print(struct text *t, const struct prefix *p);

bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

/* Byte `i` of the netmask. */
uint8_t prefix_mask(const struct prefix *p, unsigned int i);

/* Clears the bits behind the length; false if there were any. */
bool prefix_clear_host(struct prefix *p);

#endif
