/* SPDX-License-Identifier: MIT */
/* Which addresses a name may lead to. Pure: no I/O, no allocation, no globals. */
#ifndef INIT_GATE_FLOOR_H
#define INIT_GATE_FLOOR_H

#include "sys/address.h"

enum reach {
	REACH_PUBLIC,
	REACH_PRIVATE, /* loopback, link-local (cloud metadata), private, shared: with private=yes only */
	REACH_NEVER, /* no host: multicast, broadcast, reserved; and what leads back into the pool */
};

/*
 * By the IANA registries of special-purpose addresses (RFC 6890). An IPv6 address with an IPv4 address in it
 * (mapped, NAT64, 6to4, Teredo's are never dialled) is what that one is.
 */
enum reach address_reach(const struct address *a);

#endif
