/* SPDX-License-Identifier: MIT */
/*
 * What the floor of the start-up benchmark makes: what boundary-init makes of --allow cidr=203.0.113.0/24 in a
 * container with IPv4, as its --print-plan says, but fixed at compile time.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <netinet/in.h>

#include <linux/netfilter.h>

#include "init/gate/sockets.h"
#include "netlink/link.h"
#include "netlink/nft.h"

#define OUTER 1048576
#define INNER (OUTER + 1)

static const struct link_end outer_end = { OUTER, "jail0", { 0xba, 0xbd, 0x1a, 0x11, 0, 0 } };
static const struct link_end inner_end = { INNER, "eth0", { 0xba, 0xbd, 0x1a, 0x11, 0, 1 } };
static const struct prefix outer_address = { { AF_INET, { 10, 200, 114, 2 } }, 31 };
static const struct prefix inner_address = { { AF_INET, { 10, 200, 114, 3 } }, 31 };

#define JAIL                                         \
	{                                            \
		{ AF_INET, { 10, 200, 114, 3 } }, 32 \
	}
#define ALLOWED                                  \
	{                                        \
		{ AF_INET, { 203, 0, 113 } }, 24 \
	}
#define POOL                                       \
	{                                          \
		{ AF_INET, { 198, 18, 0, 0 } }, 18 \
	}

static struct nft_ruleset inner_rules = {
	.table = "boundary_init_0",
	.comment = "",
	.chains = {
		{ "names", "nat", NF_INET_LOCAL_OUT, -100, false },
		{ "output", "filter", NF_INET_LOCAL_OUT, 0, true },
	},
	.chain_count = 2,
	.rules = {
		{ .family = AF_INET, .protocol = IPPROTO_UDP, .port_first = 53, .port_last = 53,
		  .verdict = NFT_DNAT, .to = { AF_INET, { 127, 0, 0, 1 } }, .to_port = GATE_DNS_PORT },
		{ .family = AF_INET, .protocol = IPPROTO_TCP, .port_first = 53, .port_last = 53,
		  .verdict = NFT_DNAT, .to = { AF_INET, { 127, 0, 0, 1 } }, .to_port = GATE_DNS_PORT },
		{ .destination = POOL, .protocol = IPPROTO_TCP, .verdict = NFT_DNAT,
		  .to = { AF_INET, { 127, 0, 0, 1 } }, .to_port = GATE_TCP_PORT },
		{ .chain = 1, .local = true, .translated = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 1, .out = LINK_LOOPBACK, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 1, .out = INNER, .established = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 1, .destination = POOL, .log_group = GATE_LOG_GROUP,
		  .verdict = NFT_REJECT_PROHIBITED },
		{ .chain = 1, .out = INNER, .destination = ALLOWED, .protocol = IPPROTO_TCP,
		  .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 1, .protocol = IPPROTO_TCP, .log_group = GATE_LOG_GROUP,
		  .verdict = NFT_REJECT_RESET },
		{ .chain = 1, .log_group = GATE_LOG_GROUP, .verdict = NFT_REJECT_PROHIBITED },
	},
	.rule_count = 10,
};

static struct nft_ruleset outer_rules = {
	.table = "boundary_init_0",
	.comment = "",
	.chains = {
		{ "antispoof", "filter", NF_INET_PRE_ROUTING, -300, false },
		{ "input", "filter", NF_INET_LOCAL_IN, 0, false },
		{ "forward", "filter", NF_INET_FORWARD, 0, false },
		{ "postrouting", "nat", NF_INET_POST_ROUTING, 100, false },
	},
	.chain_count = 4,
	.rules = {
		{ .chain = 0, .in = OUTER, .not_in = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 0, .source = JAIL, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 0, .verdict = NFT_DROP_PACKET },
		{ .chain = 1, .in = OUTER, .not_in = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 1, .established = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 1, .protocol = IPPROTO_TCP, .verdict = NFT_REJECT_RESET },
		{ .chain = 1, .verdict = NFT_REJECT_PROHIBITED },
		{ .chain = 2, .in = OUTER, .stray = true, .verdict = NFT_DROP_PACKET },
		{ .chain = 2, .in = OUTER, .established = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 2, .in = OUTER, .out = OUTER, .not_out = true, .destination = ALLOWED,
		  .protocol = IPPROTO_TCP, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 2, .in = OUTER, .protocol = IPPROTO_TCP, .verdict = NFT_REJECT_RESET },
		{ .chain = 2, .in = OUTER, .verdict = NFT_REJECT_PROHIBITED },
		{ .chain = 2, .out = OUTER, .established = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 2, .out = OUTER, .translated = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 2, .out = OUTER, .verdict = NFT_DROP_PACKET },
		{ .chain = 3, .out = OUTER, .not_out = true, .source = JAIL, .verdict = NFT_MASQUERADE },
	},
	.rule_count = 16,
};

#endif
