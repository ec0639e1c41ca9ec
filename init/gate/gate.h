/* SPDX-License-Identifier: MIT */
/*
 * The gate: a process beside init that decides by name. It answers the jail's DNS, takes the jail's TCP
 * connections to the names it gave addresses for, decides, dials and relays. All bytes that nobody vouches
 * for are read here, so this process holds no privilege: see init/gatekeeper.c, which starts it.
 */
#ifndef INIT_GATE_GATE_H
#define INIT_GATE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "init/gate/level.h"
#include "init/gate/names.h"
#include "init/gate/sockets.h"
#include "init/policy.h"
#include "init/resolv.h"

/* What the gate is started with. It lies in memory that init and the gate share, or is a copy. */
struct gate_config {
	const struct policy *policies[2]; /* one is in use, the other takes the next */
	void *shared; /* both, and their texts; the gate may not write to them */
	size_t shared_size;
	const struct resolv *resolv; /* of the container, as it was before the agent ran */
	struct names *names;
	struct prefix pools[2]; /* IPv4 and IPv6; family 0: none */
	struct span proxy; /* --upstream-proxy: its name or address; length 0: none */
	uint16_t proxy_port;
	bool observe;
	bool addresses; /* rules by address are the gate's too: no wire leads out of the jail */
	uint32_t mark; /* of its own sockets, for rules that have to know them (SO_MARK); 0: none */
	int audit; /* descriptor, or -1 */
	enum audit_level level;
};

/* The first message on the channel to the gate, with the sockets of the jail, by enum gate_socket. */
struct gate_start {
	uint8_t policy; /* the one in use: 0 or 1. Each later message is this number alone */
	bool scoped; /* the agent's signals (Landlock) */
	uint32_t restarts;
	char mode[16]; /* of the jail */
	char bypass
		[108]; /* a socket in the file system, which no rule bounds; empty: none was found */
};

/* The gate's answer, when it listens, and to each later message. */
#define GATE_READY 'r'

/* The gate's life: until init shuts the channel or ends. Its capabilities are gone; it confines itself. */
void gate_main(const struct gate_config *config, int channel) __attribute__((noreturn));

#endif
