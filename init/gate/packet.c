/* SPDX-License-Identifier: MIT */
#include "init/gate/packet.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>

/* Offsets of RFC 791 3.1 and RFC 8200 3, in bytes. */
enum { IPV4_FRAGMENT = 6, IPV4_PROTOCOL = 9, IPV4_SOURCE = 12, IPV4_HEADER = 20 };
enum { IPV6_NEXT_HEADER = 6, IPV6_SOURCE = 8, IPV6_HEADER = 40 };

static const struct protocol {
	uint8_t number;
	bool ports; /* its header begins with them */
	char name[8];
} protocols[] = {
	{ IPPROTO_TCP, true, "tcp" },	 { IPPROTO_UDP, true, "udp" },
	{ IPPROTO_ICMP, false, "icmp" }, { IPPROTO_ICMPV6, false, "icmpv6" },
	{ IPPROTO_SCTP, true, "sctp" },	 { IPPROTO_UDPLITE, true, "udplite" },
};

static const struct protocol *find_protocol(uint8_t number)
{
	for (unsigned int i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].number == number)
			return &protocols[i];
	return NULL;
}

const char *packet_protocol_name(uint8_t protocol)
{
	const struct protocol *known = find_protocol(protocol);

	return known ? known->name : NULL;
}

static void skip(struct span *s, size_t length)
{
	if (length > s->length)
		length = s->length;
	s->at += length;
	s->length -= length;
}

static uint8_t byte_at(struct span s, size_t i)
{
	return (uint8_t)s.at[i];
}

static uint16_t number_at(struct span s, size_t i)
{
	return (uint16_t)(byte_at(s, i) << 8 | byte_at(s, i + 1));
}

/* Both addresses stand side by side. */
static void read_addresses(struct packet *p, uint8_t family, const char *at)
{
	const unsigned int size = address_size(family);

	p->source.family = p->destination.family = family;
	memcpy(p->source.bytes, at, size);
	memcpy(p->destination.bytes, at + size, size);
}

/* What stands behind the IP header, of a packet's first or only fragment. */
static void read_transport(struct packet *p, struct span s)
{
	const struct protocol *known = find_protocol(p->protocol);

	if (!known)
		return;
	if (known->ports && s.length >= 4) {
		p->source_port = number_at(s, 0);
		p->port = number_at(s, 2);
	} else if (!known->ports && s.length >= 2) {
		p->icmp_type = byte_at(s, 0);
		p->icmp_code = byte_at(s, 1);
	}
}

static void read_ipv4(struct packet *p, struct span s)
{
	size_t header;

	if (s.length < IPV4_HEADER)
		return;
	header = 4 * (size_t)(byte_at(s, 0) & 15U);
	p->protocol = byte_at(s, IPV4_PROTOCOL);
	read_addresses(p, AF_INET, s.at + IPV4_SOURCE);
	if (header < IPV4_HEADER || (number_at(s, IPV4_FRAGMENT) & 0x1fff) != 0)
		return;
	skip(&s, header);
	read_transport(p, s);
}

/* Each header says what the next one is, and all but the fragment's how long they are themselves. */
static void read_ipv6(struct packet *p, struct span s)
{
	if (s.length < IPV6_HEADER)
		return;
	p->protocol = byte_at(s, IPV6_NEXT_HEADER);
	read_addresses(p, AF_INET6, s.at + IPV6_SOURCE);
	skip(&s, IPV6_HEADER);
	while (p->protocol == IPPROTO_HOPOPTS || p->protocol == IPPROTO_ROUTING ||
	       p->protocol == IPPROTO_DSTOPTS || p->protocol == IPPROTO_FRAGMENT) {
		const bool fragment = p->protocol == IPPROTO_FRAGMENT;

		if (s.length < 8)
			return;
		p->protocol = byte_at(s, 0);
		if (fragment && (number_at(s, 2) & 0xfff8) != 0)
			return;
		skip(&s, fragment ? 8 : (byte_at(s, 1) + 1U) * 8U);
	}
	read_transport(p, s);
}

static void read_report(struct packet *p, struct span attributes)
{
	struct span payload = { 0 };
	struct nfgenmsg header;
	struct nlattr a;

	memset(p, 0, sizeof(*p));
	if (attributes.length < sizeof(header))
		return;
	memcpy(&header, attributes.at, sizeof(header));
	skip(&attributes, sizeof(header));
	while (attributes.length >= sizeof(a)) {
		struct span value = attributes;

		memcpy(&a, attributes.at, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > attributes.length)
			break;
		value.length = a.nla_len;
		skip(&value, sizeof(a));
		if (a.nla_type == NFULA_PAYLOAD) {
			payload = value;
		} else if (a.nla_type == NFULA_SEQ && value.length == sizeof(p->sequence)) {
			p->sequenced = true;
			p->sequence = (uint32_t)number_at(value, 0) << 16 | number_at(value, 2);
		}
		skip(&attributes, NLA_ALIGN(a.nla_len));
	}

	/* The family is the one that the packet was treated as: the version in its header may be a lie. */
	if (header.nfgen_family == AF_INET)
		read_ipv4(p, payload);
	else if (header.nfgen_family == AF_INET6)
		read_ipv6(p, payload);
}

bool packet_take(struct span *messages, struct packet *p)
{
	struct nlmsghdr header;

	while (messages->length >= sizeof(header)) {
		struct span message = *messages;

		memcpy(&header, message.at, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > message.length)
			break;
		message.length = header.nlmsg_len;
		skip(&message, sizeof(header));
		skip(messages, NLMSG_ALIGN(header.nlmsg_len));
		if (header.nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)) {
			read_report(p, message);
			return true;
		}
	}
	skip(messages, messages->length);
	return false;
}
