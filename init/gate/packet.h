/* SPDX-License-Identifier: MIT */
/*
 * Packets that the kernel's rules refused, as NFLOG reports them (linux/netfilter/nfnetlink_log.h). Pure: no
 * I/O, no allocation, no globals.
 */
#ifndef INIT_GATE_PACKET_H
#define INIT_GATE_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/address.h"
#include "sys/cursor.h"

/* What is not known is 0: a report holds the start of a packet, and a packet may be anything. */
struct packet {
	struct address source, destination; /* family 0: not even an IP header */
	uint8_t protocol; /* IPPROTO_*; of IPv6 the first that is no extension header (RFC 8200 4) */
	uint16_t source_port; /* of TCP, UDP, UDP-Lite, SCTP; not of a fragment but the first */
	uint16_t port; /* the destination's, likewise */
	uint8_t icmp_type, icmp_code;
	bool sequenced;
	uint32_t sequence; /* of this report in its group: gaps are lost reports */
};

/*
 * Takes netlink messages off the front of `messages` up to the next report of a packet: true with `p` filled;
 * false when there is no whole message left, and then `messages` is empty.
 */
bool packet_take(struct span *messages, struct packet *p);

/* "tcp", "udp", "icmp", "icmpv6", "sctp", "udplite"; NULL for others. */
const char *packet_protocol_name(uint8_t protocol);

#endif
