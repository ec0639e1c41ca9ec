/* SPDX-License-Identifier: MIT */
/* The rules of every mode, as one table; init/rules.c puts in what the plan knows. Pure: data only. */
#ifndef INIT_RULE_LINES_H
#define INIT_RULE_LINES_H

#include <stdint.h>

#include "netlink/nft.h"

enum chain {
	NAMES,
	OUTPUT,
	LEAVING,
	ANTISPOOF,
	INPUT,
	FORWARD,
	POSTROUTING,
	PUBLISH,
	PUBLISH_HERE,
	CHAINS
};

/* The link that a packet comes by or leaves by. */
enum link { ANY, LO, WIRE, NOT_WIRE, FORWARDING /* each one where we switch forwarding on */ };

/* What a packet is; some of these become several rules, or none. */
enum what {
	ALL,
	TCP,
	STRAY,
	ESTABLISHED,
	REPLY, /* ... that was begun by the other side */
	TRANSLATED,
	OWN, /* of the gate's sockets */
	OWN_HERE, /* ... to an address of its own */
	NEIGHBOURS, /* where there is IPv6 */
	CHATTER, /* of the jail's own kernel; there too */
	JAILS_NEIGHBOURS, /* ... from the jail's link-local address */
	FROM_JAIL, /* from an address of the jail that is routed */
	TO_LOOPBACK,
	MIDWAY, /* TCP of a connection whose beginning was not seen */
	TO_ITSELF, /* to an address of its own */
	FOREIGN, /* from any other */
	TO_LOCAL_RESOLVERS, /* those that ask further ones from here; only the gate may ask them */
	TO_POLICY, /* to where a rule by address leads */
	TO_RESOLVERS, /* ... that names the port of DNS by itself */
	TO_DENIED, /* to where a rule by address forbids to go */
	TO_PUBLISHED,
	DNS, /* whatever resolver is asked, those on the loopback included */
	TO_NAMES, /* to an address that stands for a name; TCP, where it is for the gate */
	TO_HOSTS, /* TCP to an address that has a name in hosts(5) and is not covered by a rule */
	TO_ANY, /* TCP, where all of it is to be seen */
	TO_GATE, /* what was any of these */
};

struct rule_line {
	uint8_t modes; /* MODE_VETH and so on */
	uint8_t chain, in, out, what; /* of the enums above */
	uint8_t verdict; /* enum nft_verdict */
};

/* In the order of their chains. */
extern const struct rule_line rule_lines[];
extern const unsigned int rule_line_count;

extern const struct nft_chain rule_chains[CHAINS];
extern const uint8_t rule_chain_modes[CHAINS]; /* the modes that have this chain */

#endif
