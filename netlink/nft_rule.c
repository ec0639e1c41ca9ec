/* SPDX-License-Identifier: MIT */
/*
 * One rule as the expressions of nf_tables: each match loads a field of the packet into a register
 * and compares it, and the verdict stands last. nft(8) reads them back as what nft_rule_print says.
 */
#include "netlink/nft_rule.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#define REGISTER NFT_REG_1
#define SECOND_REGISTER NFT_REG_2

/* nf_conntrack's states as a bit mask (NF_CT_STATE_BIT of the kernel's nf_conntrack.h). */
#define STATE_ESTABLISHED (1U << (IP_CT_ESTABLISHED % IP_CT_IS_REPLY + 1))
#define STATE_RELATED (1U << (IP_CT_RELATED % IP_CT_IS_REPLY + 1))
#define STATE_INVALID (1U << 0)
#define STATE_UNTRACKED (1U << 6)

struct expression {
	struct nlattr *element;
	struct nlattr *data;
};

static struct expression expression_start(struct nlmsghdr *m, const char *name)
{
	struct expression e = { .element = mnl_attr_nest_start(m, NFTA_LIST_ELEM) };

	mnl_attr_put_strz(m, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(m, NFTA_EXPR_DATA);
	return e;
}

static void expression_end(struct nlmsghdr *m, struct expression e)
{
	mnl_attr_nest_end(m, e.data);
	mnl_attr_nest_end(m, e.element);
}

/* Numbers in attributes of nf_tables are big-endian. */
static void put_be32(struct nlmsghdr *m, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(m, type, htonl(value));
}

static void put_value(struct nlmsghdr *m, uint16_t type, const void *value, size_t size)
{
	struct nlattr *nest = mnl_attr_nest_start(m, type);

	mnl_attr_put(m, NFTA_DATA_VALUE, size, value);
	mnl_attr_nest_end(m, nest);
}

static void compare(struct nlmsghdr *m, uint32_t op, const void *value, size_t size)
{
	struct expression e = expression_start(m, "cmp");

	put_be32(m, NFTA_CMP_SREG, REGISTER);
	put_be32(m, NFTA_CMP_OP, op);
	put_value(m, NFTA_CMP_DATA, value, size);
	expression_end(m, e);
}

static void load_meta(struct nlmsghdr *m, uint32_t key)
{
	struct expression e = expression_start(m, "meta");

	put_be32(m, NFTA_META_DREG, REGISTER);
	put_be32(m, NFTA_META_KEY, key);
	expression_end(m, e);
}

static void load_payload(struct nlmsghdr *m, uint32_t base, size_t offset, size_t length)
{
	struct expression e = expression_start(m, "payload");

	put_be32(m, NFTA_PAYLOAD_DREG, REGISTER);
	put_be32(m, NFTA_PAYLOAD_BASE, base);
	put_be32(m, NFTA_PAYLOAD_OFFSET, (uint32_t)offset);
	put_be32(m, NFTA_PAYLOAD_LEN, (uint32_t)length);
	expression_end(m, e);
}

static void mask_register(struct nlmsghdr *m, const void *mask, size_t size)
{
	static const uint8_t zero[16];
	struct expression e = expression_start(m, "bitwise");

	put_be32(m, NFTA_BITWISE_SREG, REGISTER);
	put_be32(m, NFTA_BITWISE_DREG, REGISTER);
	put_be32(m, NFTA_BITWISE_LEN, (uint32_t)size);
	put_value(m, NFTA_BITWISE_MASK, mask, size);
	put_value(m, NFTA_BITWISE_XOR, zero, size);
	expression_end(m, e);
}

static void match_meta_byte(struct nlmsghdr *m, uint32_t key, uint8_t value)
{
	load_meta(m, key);
	compare(m, NFT_CMP_EQ, &value, sizeof(value));
}

static void match_link(struct nlmsghdr *m, uint32_t key, uint32_t index, bool unequal)
{
	load_meta(m, key);
	compare(m, unequal ? NFT_CMP_NEQ : NFT_CMP_EQ, &index, sizeof(index));
}

/* Offsets of the source address in the headers of IPv4 and IPv6; the destination's follows it. */
static void match_prefix(struct nlmsghdr *m, const struct prefix *p, bool is_source, bool unequal)
{
	unsigned int size = address_size(p->address.family);
	size_t offset = size == 4 ? 12 : 8;
	size_t length = size;

	if (p->length == 0)
		return;
	if (p->length % 8 == 0)
		length = p->length / 8;
	load_payload(m, NFT_PAYLOAD_NETWORK_HEADER, is_source ? offset : offset + size, length);
	if (p->length % 8) {
		uint8_t mask[16];

		for (unsigned int i = 0; i < size; i++)
			mask[i] = prefix_mask(p, i);
		mask_register(m, mask, size);
	}
	compare(m, unequal ? NFT_CMP_NEQ : NFT_CMP_EQ, p->address.bytes, length);
}

/* A range of `size` bytes in network order: an equality where it is a single value. */
static void match_range(struct nlmsghdr *m, const void *first, const void *last, size_t size)
{
	if (memcmp(first, last, size) == 0) {
		compare(m, NFT_CMP_EQ, first, size);
		return;
	}
	compare(m, NFT_CMP_GTE, first, size);
	compare(m, NFT_CMP_LTE, last, size);
}

static void match_local(struct nlmsghdr *m)
{
	const uint32_t local = RTN_LOCAL;
	struct expression e = expression_start(m, "fib");

	put_be32(m, NFTA_FIB_DREG, REGISTER);
	put_be32(m, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	put_be32(m, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	expression_end(m, e);
	compare(m, NFT_CMP_EQ, &local, sizeof(local));
}

static void match_conntrack(struct nlmsghdr *m, uint32_t key, uint32_t bits)
{
	const uint32_t zero = 0;
	struct expression e = expression_start(m, "ct");

	put_be32(m, NFTA_CT_DREG, REGISTER);
	put_be32(m, NFTA_CT_KEY, key);
	expression_end(m, e);
	mask_register(m, &bits, sizeof(bits));
	compare(m, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void put_immediate(struct nlmsghdr *m, uint32_t reg, const void *value, size_t size)
{
	struct expression e = expression_start(m, "immediate");

	put_be32(m, NFTA_IMMEDIATE_DREG, reg);
	put_value(m, NFTA_IMMEDIATE_DATA, value, size);
	expression_end(m, e);
}

static void put_verdict(struct nlmsghdr *m, uint32_t code)
{
	struct expression e = expression_start(m, "immediate");
	struct nlattr *data, *verdict;

	put_be32(m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(m, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(m, NFTA_DATA_VERDICT);
	put_be32(m, NFTA_VERDICT_CODE, code);
	mnl_attr_nest_end(m, verdict);
	mnl_attr_nest_end(m, data);
	expression_end(m, e);
}

static void put_reject_reset(struct nlmsghdr *m)
{
	struct expression e = expression_start(m, "reject");

	put_be32(m, NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
	expression_end(m, e);
}

static void put_reject_prohibited(struct nlmsghdr *m)
{
	struct expression e = expression_start(m, "reject");

	put_be32(m, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	mnl_attr_put_u8(m, NFTA_REJECT_ICMP_CODE, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
	expression_end(m, e);
}

static void put_dnat(struct nlmsghdr *m, const struct nft_rule *r)
{
	const uint16_t port = htons(r->to_port);
	struct expression e;

	put_immediate(m, REGISTER, r->to.bytes, address_size(r->to.family));
	put_immediate(m, SECOND_REGISTER, &port, sizeof(port));
	e = expression_start(m, "nat");
	put_be32(m, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	put_be32(m, NFTA_NAT_FAMILY, r->to.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
	put_be32(m, NFTA_NAT_REG_ADDR_MIN, REGISTER);
	put_be32(m, NFTA_NAT_REG_PROTO_MIN, SECOND_REGISTER);
	expression_end(m, e);
}

static void put_action(struct nlmsghdr *m, const struct nft_rule *r)
{
	switch ((enum nft_verdict)r->verdict) {
	case NFT_ACCEPT_PACKET:
		put_verdict(m, NF_ACCEPT);
		break;
	case NFT_DROP_PACKET:
		put_verdict(m, NF_DROP);
		break;
	case NFT_REJECT_RESET:
		put_reject_reset(m);
		break;
	case NFT_REJECT_PROHIBITED:
		put_reject_prohibited(m);
		break;
	case NFT_MASQUERADE:
		expression_end(m, expression_start(m, "masq"));
		break;
	case NFT_DNAT:
		put_dnat(m, r);
		break;
	}
}

/* The family that a rule is about: said outright, or by its addresses. */
static uint8_t rule_family(const struct nft_rule *r)
{
	return r->family | r->source.address.family | r->destination.address.family;
}

void nft_rule_put(struct nlmsghdr *m, const struct nft_rule *r)
{
	struct nlattr *list = mnl_attr_nest_start(m, NFTA_RULE_EXPRESSIONS);
	uint8_t family = rule_family(r);

	if (r->in)
		match_link(m, NFT_META_IIF, r->in, r->not_in);
	if (r->out)
		match_link(m, NFT_META_OIF, r->out, r->not_out);
	if (r->local)
		match_local(m);
	if (r->established)
		match_conntrack(m, NFT_CT_STATE, STATE_ESTABLISHED | STATE_RELATED);
	if (r->stray)
		match_conntrack(m, NFT_CT_STATE, STATE_INVALID | STATE_UNTRACKED);
	if (r->translated)
		match_conntrack(m, NFT_CT_STATUS, IPS_DST_NAT);
	if (family)
		match_meta_byte(m, NFT_META_NFPROTO,
				family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
	if (r->source.address.family)
		match_prefix(m, &r->source, true, r->not_source);
	if (r->destination.address.family)
		match_prefix(m, &r->destination, false, false);
	if (r->protocol)
		match_meta_byte(m, NFT_META_L4PROTO, r->protocol);
	if (r->icmp6_first) {
		load_payload(m, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
		match_range(m, &r->icmp6_first, &r->icmp6_last, 1);
	}
	if (r->port_first) {
		const uint16_t first = htons(r->port_first), last = htons(r->port_last);

		load_payload(m, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
		match_range(m, &first, &last, 2);
	}
	put_action(m, r);
	mnl_attr_nest_end(m, list);
}

/* ---- as text ---- */

static void print_link(struct text *t, const char *key, uint32_t index, bool unequal,
		       const struct nft_link_name *links, unsigned int count)
{
	text_printf(t, unequal ? "%s != " : "%s ", key);
	for (unsigned int i = 0; i < count; i++) {
		if (links[i].index == index) {
			text_printf(t, "\"%s\" ", links[i].name);
			return;
		}
	}
	text_printf(t, "%u ", index);
}

static void print_prefix(struct text *t, const char *which, const struct prefix *p, bool unequal)
{
	const char *ip = p->address.family == AF_INET ? "ip" : "ip6";

	if (p->length == 0) {
		text_printf(t, "meta nfproto %s ", p->address.family == AF_INET ? "ipv4" : "ipv6");
		return;
	}
	text_printf(t, unequal ? "%s %s != " : "%s %s ", ip, which);
	prefix_print(t, p);
	text_char(t, ' ');
}

static const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	default:
		return "ipv6-icmp";
	}
}

static void print_range(struct text *t, const char *key, unsigned int first, unsigned int last)
{
	text_printf(t, "%s %u", key, first);
	if (last != first)
		text_printf(t, "-%u", last);
	text_char(t, ' ');
}

static void print_action(struct text *t, const struct nft_rule *r)
{
	switch ((enum nft_verdict)r->verdict) {
	case NFT_ACCEPT_PACKET:
		text_printf(t, "accept");
		break;
	case NFT_DROP_PACKET:
		text_printf(t, "drop");
		break;
	case NFT_REJECT_RESET:
		text_printf(t, "reject with tcp reset");
		break;
	case NFT_REJECT_PROHIBITED:
		text_printf(t, "reject with icmpx admin-prohibited");
		break;
	case NFT_MASQUERADE:
		text_printf(t, "masquerade");
		break;
	case NFT_DNAT:
		text_printf(t, r->to.family == AF_INET ? "dnat ip to " : "dnat ip6 to [");
		address_print(t, &r->to);
		text_printf(t, r->to.family == AF_INET ? ":%u" : "]:%u", r->to_port);
		break;
	}
}

void nft_rule_print(struct text *t, const struct nft_rule *r, const struct nft_link_name *links,
		    unsigned int link_count)
{
	if (r->in)
		print_link(t, "iif", r->in, r->not_in, links, link_count);
	if (r->out)
		print_link(t, "oif", r->out, r->not_out, links, link_count);
	if (r->local)
		text_printf(t, "fib daddr type local ");
	if (r->established)
		text_printf(t, "ct state established,related ");
	if (r->stray)
		text_printf(t, "ct state invalid,untracked ");
	if (r->translated)
		text_printf(t, "ct status dnat ");
	if (r->family)
		text_printf(t, "meta nfproto %s ", r->family == AF_INET ? "ipv4" : "ipv6");
	if (r->source.address.family)
		print_prefix(t, "saddr", &r->source, r->not_source);
	if (r->destination.address.family)
		print_prefix(t, "daddr", &r->destination, false);
	if (r->icmp6_first)
		print_range(t, "icmpv6 type", r->icmp6_first, r->icmp6_last);
	else if (r->port_first && r->protocol == IPPROTO_TCP)
		print_range(t, "tcp dport", r->port_first, r->port_last);
	else if (r->port_first)
		print_range(t, "udp dport", r->port_first, r->port_last);
	else if (r->protocol)
		text_printf(t, "meta l4proto %s ", protocol_name(r->protocol));
	print_action(t, r);
}

static const char *hook_name(uint32_t hook)
{
	static const char *const names[] = {
		[NF_INET_PRE_ROUTING] = "prerouting",	[NF_INET_LOCAL_IN] = "input",
		[NF_INET_FORWARD] = "forward",		[NF_INET_LOCAL_OUT] = "output",
		[NF_INET_POST_ROUTING] = "postrouting",
	};

	return names[hook];
}

void nft_chain_print(struct text *t, const struct nft_chain *c)
{
	text_printf(t, "type %s hook %s priority %d; policy %s;", c->type, hook_name(c->hook),
		    c->priority, c->drops ? "drop" : "accept");
}
