/* SPDX-License-Identifier: MIT */
/*
 * The jail's own rules refuse within microseconds and keep the agent honest; the rules around the
 * outer end of a wire hold even against an agent that has flushed its own. Both let out only the
 * flows that a rule by address names. What is decided by name never takes the wire: the jail's rules
 * lead it to the gate's sockets on its loopback. Where there is no wire, these flows go there as well.
 *
 * Where the jail is the container itself, the rules know the gate's own packets by their mark, and look a
 * second time when the link is known that a packet leaves by: it may be another than the one it is routed to.
 */
#include "init/rule_lines.h"

#include <linux/netfilter.h>

#include "init/plan.h"

#define PRIORITY_RAW (-300)
#define PRIORITY_NAMES (-150) /* before the rules that runtimes have for their resolvers */
#define PRIORITY_DNAT (-100)
#define PRIORITY_FILTER 0
#define PRIORITY_SNAT 100

#define MODES_NETNS (MODE_VETH | MODE_LOOPBACK)
#define MODES_WIRED (MODE_VETH | MODE_CONTAINER)
#define MODES_ALL (MODES_NETNS | MODE_CONTAINER)

const struct nft_chain rule_chains[CHAINS] = {
	/* In the jail. */
	[NAMES] = { "names", "nat", NF_INET_LOCAL_OUT, PRIORITY_NAMES, false },
	[OUTPUT] = { "output", "filter", NF_INET_LOCAL_OUT, PRIORITY_FILTER, true },
	[LEAVING] = { "leaving", "filter", NF_INET_POST_ROUTING, PRIORITY_FILTER, true },
	/* In the container. */
	[ANTISPOOF] = { "antispoof", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW, false },
	[INPUT] = { "input", "filter", NF_INET_LOCAL_IN, PRIORITY_FILTER, false },
	[FORWARD] = { "forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER, false },
	[POSTROUTING] = { "postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_SNAT, false },
	/* There too, where ports are published. */
	[PUBLISH] = { "publish", "nat", NF_INET_PRE_ROUTING, PRIORITY_DNAT, false },
	[PUBLISH_HERE] = { "publish_here", "nat", NF_INET_LOCAL_OUT, PRIORITY_DNAT, false },
};

const uint8_t rule_chain_modes[CHAINS] = {
	[NAMES] = MODES_ALL,	   [OUTPUT] = MODES_ALL,    [LEAVING] = MODE_CONTAINER,
	[ANTISPOOF] = MODE_VETH,   [INPUT] = MODES_WIRED,   [FORWARD] = MODE_VETH,
	[POSTROUTING] = MODE_VETH, [PUBLISH] = MODES_WIRED, [PUBLISH_HERE] = MODE_VETH,
};

const struct rule_line rule_lines[] = {
	{ MODE_CONTAINER, NAMES, ANY, ANY, OWN, NFT_ACCEPT_PACKET },
	{ MODES_WIRED, NAMES, ANY, WIRE, TO_RESOLVERS, NFT_ACCEPT_PACKET },
	{ MODE_LOOPBACK, NAMES, ANY, ANY, TO_RESOLVERS, NFT_DNAT },
	{ MODES_ALL, NAMES, ANY, ANY, DNS, NFT_DNAT },
	{ MODES_ALL, NAMES, ANY, ANY, TO_NAMES, NFT_DNAT },
	{ MODE_CONTAINER, NAMES, ANY, ANY, TO_ITSELF, NFT_ACCEPT_PACKET },
	{ MODES_ALL, NAMES, ANY, ANY, TO_HOSTS, NFT_DNAT },
	{ MODE_LOOPBACK, NAMES, ANY, ANY, TO_DENIED, NFT_ACCEPT_PACKET },
	{ MODE_LOOPBACK, NAMES, ANY, ANY, TO_ITSELF, NFT_ACCEPT_PACKET },
	{ MODE_LOOPBACK, NAMES, ANY, ANY, TO_POLICY, NFT_DNAT },
	{ MODE_LOOPBACK, NAMES, ANY, ANY, TO_ANY, NFT_DNAT },

	{ MODE_CONTAINER, OUTPUT, ANY, WIRE, OWN, NFT_ACCEPT_PACKET },
	{ MODE_CONTAINER, OUTPUT, ANY, ANY, OWN_HERE, NFT_ACCEPT_PACKET },
	/* No other route than by the loopback leads there. */
	{ MODE_CONTAINER, OUTPUT, ANY, ANY, OWN, NFT_REJECT_PROHIBITED },
	/* No multicast listener reports: in a group's address there is room for a word of its member. */
	{ MODE_CONTAINER, OUTPUT, ANY, ANY, NEIGHBOURS, NFT_ACCEPT_PACKET },
	{ MODE_CONTAINER, OUTPUT, ANY, ANY, CHATTER, NFT_DROP_PACKET },
	/* Those that the agent has begun need a rule for every packet: they may be older than the rules. */
	{ MODE_CONTAINER, OUTPUT, ANY, ANY, REPLY, NFT_ACCEPT_PACKET },
	/* IPv6 sockets may choose any source; an answer, be it a refusal, would go there. */
	{ MODE_CONTAINER, OUTPUT, ANY, ANY, FOREIGN, NFT_DROP_PACKET },
	{ MODE_CONTAINER, OUTPUT, ANY, ANY, TO_LOCAL_RESOLVERS, NFT_REJECT_PROHIBITED },
	/* Leaves by the loopback, but the packet's link is still that of before. */
	{ MODES_ALL, OUTPUT, ANY, ANY, TO_GATE, NFT_ACCEPT_PACKET },
	{ MODE_VETH, OUTPUT, ANY, LO, ALL, NFT_ACCEPT_PACKET },
	{ MODE_LOOPBACK | MODE_CONTAINER, OUTPUT, ANY, ANY, TO_ITSELF, NFT_ACCEPT_PACKET },
	{ MODE_VETH, OUTPUT, ANY, WIRE, ESTABLISHED, NFT_ACCEPT_PACKET },
	/* QUIC above all, which then falls back to TCP; a rule for everything would lose it outside. */
	{ MODES_ALL, OUTPUT, ANY, ANY, TO_NAMES, NFT_REJECT_PROHIBITED },
	{ MODES_ALL, OUTPUT, ANY, ANY, TO_DENIED, NFT_REJECT_PROHIBITED },
	{ MODES_WIRED, OUTPUT, ANY, WIRE, TO_POLICY, NFT_ACCEPT_PACKET },
	{ MODE_VETH, OUTPUT, ANY, WIRE, NEIGHBOURS, NFT_ACCEPT_PACKET },
	/* Nothing that the agent has done, so nothing for the log. */
	{ MODES_NETNS, OUTPUT, ANY, ANY, CHATTER, NFT_DROP_PACKET },
	/* What the agent gets otherwise: an answer at once, whatever it speaks. */
	{ MODES_ALL, OUTPUT, ANY, ANY, TCP, NFT_REJECT_RESET },
	{ MODES_ALL, OUTPUT, ANY, ANY, ALL, NFT_REJECT_PROHIBITED },

	/* A socket that is bound to a link leaves by it, even with what was on its way to the gate. */
	{ MODE_CONTAINER, LEAVING, ANY, LO, ALL, NFT_ACCEPT_PACKET },
	{ MODE_CONTAINER, LEAVING, ANY, ANY, OWN, NFT_ACCEPT_PACKET },
	{ MODE_CONTAINER, LEAVING, ANY, ANY, REPLY, NFT_ACCEPT_PACKET },
	{ MODE_CONTAINER, LEAVING, ANY, ANY, TO_POLICY, NFT_ACCEPT_PACKET },
	{ MODE_CONTAINER, LEAVING, ANY, ANY, NEIGHBOURS, NFT_ACCEPT_PACKET },
	{ MODE_CONTAINER, LEAVING, ANY, ANY, ALL, NFT_DROP_PACKET },

	/* Nothing comes over the wire but from the jail's own addresses. */
	{ MODE_VETH, ANTISPOOF, NOT_WIRE, ANY, ALL, NFT_ACCEPT_PACKET },
	{ MODE_VETH, ANTISPOOF, ANY, ANY, FROM_JAIL, NFT_ACCEPT_PACKET },
	{ MODE_VETH, ANTISPOOF, ANY, ANY, JAILS_NEIGHBOURS, NFT_ACCEPT_PACKET },
	{ MODE_VETH, ANTISPOOF, ANY, ANY, ALL, NFT_DROP_PACKET },

	/* One that is older than the rules: what comes in would make it one that the other side has begun. */
	{ MODE_CONTAINER, INPUT, NOT_WIRE, ANY, MIDWAY, NFT_DROP_PACKET },

	/* No service of the container can be reached from the jail; what the container asks is answered. */
	{ MODE_VETH, INPUT, NOT_WIRE, ANY, ALL, NFT_ACCEPT_PACKET },
	{ MODE_VETH, INPUT, ANY, ANY, ESTABLISHED, NFT_ACCEPT_PACKET },
	{ MODE_VETH, INPUT, ANY, ANY, NEIGHBOURS, NFT_ACCEPT_PACKET },
	{ MODE_VETH, INPUT, ANY, ANY, TCP, NFT_REJECT_RESET },
	{ MODE_VETH, INPUT, ANY, ANY, ALL, NFT_REJECT_PROHIBITED },

	/* What is of no connection is not masqueraded: it would leave with the jail's own address. */
	{ MODE_VETH, FORWARD, WIRE, ANY, STRAY, NFT_DROP_PACKET },
	{ MODE_VETH, FORWARD, WIRE, ANY, ESTABLISHED, NFT_ACCEPT_PACKET },
	{ MODE_VETH, FORWARD, WIRE, ANY, TO_DENIED, NFT_REJECT_PROHIBITED },
	{ MODE_VETH, FORWARD, WIRE, NOT_WIRE, TO_POLICY, NFT_ACCEPT_PACKET },
	{ MODE_VETH, FORWARD, WIRE, ANY, TCP, NFT_REJECT_RESET },
	{ MODE_VETH, FORWARD, WIRE, ANY, ALL, NFT_REJECT_PROHIBITED },
	{ MODE_VETH, FORWARD, ANY, WIRE, ESTABLISHED, NFT_ACCEPT_PACKET },
	{ MODE_VETH, FORWARD, ANY, WIRE, TRANSLATED, NFT_ACCEPT_PACKET },
	{ MODE_VETH, FORWARD, ANY, WIRE, ALL, NFT_DROP_PACKET },
	/* Where forwarding was off until now, only what is on its way to a jail may use it. */
	{ MODE_VETH, FORWARD, FORWARDING, ANY, ESTABLISHED, NFT_ACCEPT_PACKET },
	{ MODE_VETH, FORWARD, FORWARDING, ANY, TRANSLATED, NFT_ACCEPT_PACKET },
	{ MODE_VETH, FORWARD, FORWARDING, ANY, ALL, NFT_DROP_PACKET },

	{ MODE_VETH, POSTROUTING, ANY, NOT_WIRE, FROM_JAIL, NFT_MASQUERADE },

	{ MODES_WIRED, PUBLISH, NOT_WIRE, ANY, TO_PUBLISHED, NFT_DNAT },
	/* For processes of the container itself; its loopback stays its own. */
	{ MODE_VETH, PUBLISH_HERE, ANY, ANY, TO_LOOPBACK, NFT_ACCEPT_PACKET },
	{ MODE_VETH, PUBLISH_HERE, ANY, ANY, TO_PUBLISHED, NFT_DNAT },
};

const unsigned int rule_line_count = sizeof(rule_lines) / sizeof(rule_lines[0]);
