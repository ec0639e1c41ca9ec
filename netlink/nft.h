/* SPDX-License-Identifier: MIT */
/*
 * nf_tables (linux/netfilter/nf_tables.h) for one table of family inet.
 *
 * A ruleset is data: it can be written in one transaction, read back and compared, and printed as
 * nft(8) prints it. Addresses are in network order, ports and marks in host order.
 */
#ifndef NETLINK_NFT_H
#define NETLINK_NFT_H

#include <stdbool.h>
#include <stdint.h>

#include "netlink/request.h"
#include "sys/address.h"
#include "sys/cursor.h"
#include "sys/text.h"

enum nft_verdict {
	NFT_ACCEPT_PACKET,
	NFT_DROP_PACKET,
	NFT_REJECT_RESET, /* a TCP reset: the only refusal that IPv6 TCP takes at once */
	NFT_REJECT_PROHIBITED, /* ICMP, ICMPv6: administratively prohibited */
	NFT_MASQUERADE,
	NFT_DNAT,
	NFT_REDIRECT, /* to a port of this namespace's own */
};

/* All that is set must match; a field that is 0 matches everything. */
struct nft_rule {
	uint8_t chain; /* index in the ruleset's chains */
	uint8_t verdict; /* enum nft_verdict */
	uint8_t family; /* AF_INET or AF_INET6; set by itself only where no address says it */
	uint8_t protocol; /* IPPROTO_* */
	bool not_in; /* any link but `in` */
	bool not_out;
	bool not_source;
	bool local; /* the destination is an address of this namespace */
	bool foreign; /* the source is none */
	bool established; /* of a connection that was let through before, its ICMP errors included */
	bool reply; /* on its way back to who has begun the connection */
	bool midway; /* of a connection whose beginning was not seen; needs `protocol` to be TCP */
	bool stray; /* of no connection: NAT leaves such packets as they are */
	bool translated; /* of a connection with a destination rewritten by NFT_DNAT */
	uint32_t in; /* index of the link that the packet came by */
	uint32_t out; /* ... that it leaves by */
	uint32_t mark; /* of its socket (SO_MARK) */
	struct prefix source;
	struct prefix destination;
	uint16_t port_first, port_last; /* destination port; needs `protocol` */
	uint8_t icmp6_first, icmp6_last; /* ICMPv6 type; needs `protocol` */
	struct address to; /* NFT_DNAT */
	uint16_t to_port; /* NFT_DNAT, NFT_REDIRECT */
	uint16_t log_group; /* of NFLOG, which hears of the packet before the verdict; 0: none */
};

struct nft_chain {
	const char *name; /* no reserved word of nft(8), or it could not be read back with it */
	const char *type; /* "filter" or "nat" */
	uint8_t hook; /* NF_INET_* */
	int16_t priority;
	bool drops; /* policy: drop, not accept */
};

#define NFT_CHAINS 8
#define NFT_RULES 512

struct nft_ruleset {
	const char *table;
	const char *comment; /* of the table; empty for none */
	unsigned int chain_count;
	unsigned int rule_count;
	struct nft_chain chains[NFT_CHAINS];
	struct nft_rule rules[NFT_RULES]; /* grouped by chain, in the order of the chains */
};

/* For printing: the name of a link by its index. */
struct nft_link_name {
	uint32_t index;
	const char *name;
};

/* Adds a rule behind the last one; false if there is no room. */
bool nft_rule_append(struct nft_ruleset *set, const struct nft_rule *rule);

/*
 * Writes the table in one transaction, all of it or nothing. With `present` a table of this name is
 * replaced, if it is there. `fd` is a NETLINK_NETFILTER socket.
 */
int nft_write(int fd, const struct nft_ruleset *set, bool present, struct nl_error *e);

/* Nothing is left to do: transactions stand in the memory that nl_rest gives back. */
static inline void nft_rest(void)
{
}

/* Deletes the table. */
int nft_delete(int fd, const char *table, struct nl_error *e);

/* Hands out every table: its name and its comment, which is empty where there is none. */
int nft_each_table(int fd, void (*each)(struct span name, struct span comment, void *to), void *to);

/* Whether the kernel holds exactly this table: its chains and, byte for byte, its rules. 1, 0, -errno. */
int nft_check(int fd, const struct nft_ruleset *set);

/* A rule as nft(8) lists it. */
void nft_rule_print(struct text *t, const struct nft_rule *r, const struct nft_link_name *links,
		    unsigned int link_count);

/* A base chain's first line as nft(8) lists it. */
void nft_chain_print(struct text *t, const struct nft_chain *c);

#endif
