/* SPDX-License-Identifier: MIT */
/*
 * One rule as the expressions of nf_tables: each match loads a field of the packet into a register
 * and compares it, and the verdict stands last. nft(8) reads them back as what nft_rule_print says.
 */
#include "netlink/nft_rule.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#define REGISTER NFT_REG_1
#define SECOND_REGISTER NFT_REG_2

/* nf_conntrack's states as a bit mask (NF_CT_STATE_BIT of the kernel's nf_conntrack.h). */
#define STATE_ESTABLISHED (1U << (IP_CT_ESTABLISHED % IP_CT_IS_REPLY + 1))
#define STATE_RELATED (1U << (IP_CT_RELATED % IP_CT_IS_REPLY + 1))
#define STATE_NEW (1U << (IP_CT_NEW % IP_CT_IS_REPLY + 1))
#define STATE_INVALID (1U << 0)
#define STATE_UNTRACKED (1U << 6)

static_assert(NFPROTO_IPV4 == AF_INET && NFPROTO_IPV6 == AF_INET6, "a family is the same to both");

/* Starts an expression whose first attributes are `count` big-endian numbers, of the types 1, 2, ... */
static struct nlattr *start(struct nlmsghdr *m, const char *name, unsigned int count, ...)
{
	struct nlattr *element = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
	va_list numbers;

	mnl_attr_put_strz(m, NFTA_EXPR_NAME, name);
	mnl_attr_nest_start(m, NFTA_EXPR_DATA);
	va_start(numbers, count);
	for (unsigned int type = 1; type <= count; type++)
		mnl_attr_put_u32(m, (uint16_t)type, htonl(va_arg(numbers, uint32_t)));
	va_end(numbers);
	return element;
}

/* Ends it, and before it the nest of its data, which stands behind the name. */
static void end(struct nlmsghdr *m, struct nlattr *element)
{
	mnl_attr_nest_end(m, mnl_attr_next(mnl_attr_get_payload(element)));
	mnl_attr_nest_end(m, element);
}

static void put_value(struct nlmsghdr *m, uint8_t type, const void *value, size_t size)
{
	const uint8_t types[] = { type, NFTA_DATA_VALUE, 0 };

	nl_put_nested(m, types, value, size);
}

static void compare(struct nlmsghdr *m, enum nft_cmp_ops op, const void *value, size_t size)
{
	struct nlattr *e = start(m, "cmp", NFTA_CMP_OP, REGISTER, op);

	put_value(m, NFTA_CMP_DATA, value, size);
	end(m, e);
}

static void load_meta(struct nlmsghdr *m, enum nft_meta_keys key)
{
	end(m, start(m, "meta", NFTA_META_KEY, REGISTER, key));
}

static void load_payload(struct nlmsghdr *m, enum nft_payload_bases base, unsigned int offset,
			 unsigned int length)
{
	end(m, start(m, "payload", NFTA_PAYLOAD_LEN, REGISTER, base, offset, length));
}

static void mask_register(struct nlmsghdr *m, const void *mask, unsigned int size)
{
	static const uint8_t zero[16];
	struct nlattr *e = start(m, "bitwise", NFTA_BITWISE_LEN, REGISTER, REGISTER, size);

	put_value(m, NFTA_BITWISE_MASK, mask, size);
	put_value(m, NFTA_BITWISE_XOR, zero, size);
	end(m, e);
}

static void match_meta_byte(struct nlmsghdr *m, enum nft_meta_keys key, const uint8_t *value)
{
	load_meta(m, key);
	compare(m, NFT_CMP_EQ, value, 1);
}

static enum nft_cmp_ops equality(bool unequal)
{
	return unequal ? NFT_CMP_NEQ : NFT_CMP_EQ;
}

static void match_link(struct nlmsghdr *m, enum nft_meta_keys key, const uint32_t *index,
		       bool unequal)
{
	if (*index) {
		load_meta(m, key);
		compare(m, equality(unequal), index, sizeof(*index));
	}
}

/* Offsets of the source address in the headers of IPv4 and IPv6; the destination's follows it. */
static void match_prefix(struct nlmsghdr *m, const struct prefix *p, bool is_source, bool unequal)
{
	unsigned int size = address_size(p->address.family);
	unsigned int offset = size == 4 ? 12 : 8, length = size;

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
	compare(m, equality(unequal), p->address.bytes, length);
}

/* A range of `size` bytes in network order: an equality where it is a single value. */
static void match_range(struct nlmsghdr *m, unsigned int offset, const void *first,
			const void *last, unsigned int size)
{
	bool single = memcmp(first, last, size) == 0;

	load_payload(m, NFT_PAYLOAD_TRANSPORT_HEADER, offset, size);
	compare(m, single ? NFT_CMP_EQ : NFT_CMP_GTE, first, size);
	if (!single)
		compare(m, NFT_CMP_LTE, last, size);
}

static void match_local(struct nlmsghdr *m, enum nft_fib_flags which, bool unequal)
{
	static const uint32_t local = RTN_LOCAL;

	end(m, start(m, "fib", NFTA_FIB_FLAGS, REGISTER, NFT_FIB_RESULT_ADDRTYPE, which));
	compare(m, equality(unequal), &local, sizeof(local));
}

static void match_conntrack(struct nlmsghdr *m, enum nft_ct_keys key, uint32_t bits)
{
	static const uint32_t zero;

	end(m, start(m, "ct", NFTA_CT_KEY, REGISTER, key));
	mask_register(m, &bits, sizeof(bits));
	compare(m, NFT_CMP_NEQ, &zero, sizeof(zero));
}

/* The flags of TCP stand in byte 13 of its header (RFC 9293, 3.1). */
static void match_no_syn(struct nlmsghdr *m)
{
	static const uint8_t syn = 0x02, none;

	load_payload(m, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1);
	mask_register(m, &syn, 1);
	compare(m, NFT_CMP_EQ, &none, 1);
}

static void match_reply(struct nlmsghdr *m)
{
	static const uint8_t reply = IP_CT_DIR_REPLY;

	end(m, start(m, "ct", NFTA_CT_KEY, REGISTER, NFT_CT_DIRECTION));
	compare(m, NFT_CMP_EQ, &reply, sizeof(reply));
}

static void put_immediate(struct nlmsghdr *m, enum nft_registers to, const void *value, size_t size)
{
	struct nlattr *e = start(m, "immediate", NFTA_IMMEDIATE_DREG, to);

	put_value(m, NFTA_IMMEDIATE_DATA, value, size);
	end(m, e);
}

static void put_verdict(struct nlmsghdr *m, uint32_t code)
{
	static const uint8_t types[] = { NFTA_IMMEDIATE_DATA, NFTA_DATA_VERDICT, NFTA_VERDICT_CODE,
					 0 };
	struct nlattr *e = start(m, "immediate", NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);

	code = htonl(code);
	nl_put_nested(m, types, &code, sizeof(code));
	end(m, e);
}

static void put_reject(struct nlmsghdr *m, enum nft_reject_types type)
{
	struct nlattr *e = start(m, "reject", NFTA_REJECT_TYPE, type);

	if (type == NFT_REJECT_ICMPX_UNREACH)
		mnl_attr_put_u8(m, NFTA_REJECT_ICMP_CODE, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
	end(m, e);
}

static void put_dnat(struct nlmsghdr *m, const struct nft_rule *r)
{
	const uint16_t port = htons(r->to_port);

	put_immediate(m, REGISTER, r->to.bytes, address_size(r->to.family));
	put_immediate(m, SECOND_REGISTER, &port, sizeof(port));
	end(m, start(m, "nat", NFTA_NAT_REG_PROTO_MIN, NFT_NAT_DNAT, r->to.family, REGISTER,
		     REGISTER, SECOND_REGISTER));
}

static void put_redirect(struct nlmsghdr *m, const struct nft_rule *r)
{
	const uint16_t port = htons(r->to_port);

	put_immediate(m, REGISTER, &port, sizeof(port));
	end(m, start(m, "redir", NFTA_REDIR_REG_PROTO_MIN, REGISTER));
}

static void put_log(struct nlmsghdr *m, uint16_t group)
{
	struct nlattr *e = start(m, "log", 0);

	mnl_attr_put_u16(m, NFTA_LOG_GROUP, htons(group));
	end(m, e);
}

static void put_action(struct nlmsghdr *m, const struct nft_rule *r)
{
	switch ((enum nft_verdict)r->verdict) {
	case NFT_ACCEPT_PACKET:
	case NFT_DROP_PACKET:
		put_verdict(m, r->verdict == NFT_ACCEPT_PACKET ? NF_ACCEPT : NF_DROP);
		break;
	case NFT_REJECT_RESET:
		put_reject(m, NFT_REJECT_TCP_RST);
		break;
	case NFT_REJECT_PROHIBITED:
		put_reject(m, NFT_REJECT_ICMPX_UNREACH);
		break;
	case NFT_MASQUERADE:
		end(m, start(m, "masq", 0));
		break;
	case NFT_DNAT:
		put_dnat(m, r);
		break;
	case NFT_REDIRECT:
		put_redirect(m, r);
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

	match_link(m, NFT_META_IIF, &r->in, r->not_in);
	match_link(m, NFT_META_OIF, &r->out, r->not_out);
	match_link(m, NFT_META_MARK, &r->mark, false);
	if (r->local)
		match_local(m, NFTA_FIB_F_DADDR, false);
	if (r->foreign)
		match_local(m, NFTA_FIB_F_SADDR, true);
	if (r->established)
		match_conntrack(m, NFT_CT_STATE, STATE_ESTABLISHED | STATE_RELATED);
	if (r->reply)
		match_reply(m);
	if (r->midway)
		match_conntrack(m, NFT_CT_STATE, STATE_NEW);
	if (r->stray)
		match_conntrack(m, NFT_CT_STATE, STATE_INVALID | STATE_UNTRACKED);
	if (r->translated)
		match_conntrack(m, NFT_CT_STATUS, IPS_DST_NAT);
	if (family)
		match_meta_byte(m, NFT_META_NFPROTO, &family);
	match_prefix(m, &r->source, true, r->not_source);
	match_prefix(m, &r->destination, false, false);
	if (r->protocol)
		match_meta_byte(m, NFT_META_L4PROTO, &r->protocol);
	if (r->midway)
		match_no_syn(m);
	if (r->icmp6_first)
		match_range(m, 0, &r->icmp6_first, &r->icmp6_last, 1);
	if (r->port_first) {
		const uint16_t first = htons(r->port_first), last = htons(r->port_last);

		match_range(m, 2, &first, &last, 2);
	}
	if (r->log_group)
		put_log(m, r->log_group);
	put_action(m, r);
	mnl_attr_nest_end(m, list);
}

/* ---- as text ---- */

static void print_link(struct text *t, const char *key, uint32_t index, bool unequal,
		       const struct nft_link_name *links, unsigned int count)
{
	if (!index)
		return;
	text_printf(t, unequal ? "%s != " : "%s ", key);
	for (unsigned int i = 0; i < count; i++) {
		if (links[i].index == index) {
			text_printf(t, "\"%s\" ", links[i].name);
			return;
		}
	}
	text_printf(t, "%u ", index);
}

static void print_family(struct text *t, uint8_t family)
{
	text_printf(t, "meta nfproto ipv%c ", family == AF_INET ? '4' : '6');
}

static void print_prefix(struct text *t, const char *which, const struct prefix *p, bool unequal)
{
	if (p->address.family && p->length == 0)
		print_family(t, p->address.family);
	if (p->length == 0)
		return;
	text_printf(t, "ip%s %s%s ", p->address.family == AF_INET ? "" : "6", which,
		    unequal ? " !=" : "");
	prefix_print(t, p);
	text_char(t, ' ');
}

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_TCP	? "tcp" :
	       protocol == IPPROTO_UDP	? "udp" :
	       protocol == IPPROTO_ICMP ? "icmp" :
					  "ipv6-icmp";
}

static void print_range(struct text *t, unsigned int first, unsigned int last)
{
	text_printf(t, last == first ? "%u " : "%u-%u ", first, last);
}

static void print_action(struct text *t, const struct nft_rule *r)
{
	static const char *const actions[] = {
		[NFT_ACCEPT_PACKET] = "accept",
		[NFT_DROP_PACKET] = "drop",
		[NFT_REJECT_RESET] = "reject with tcp reset",
		[NFT_REJECT_PROHIBITED] = "reject with icmpx admin-prohibited",
		[NFT_MASQUERADE] = "masquerade",
		[NFT_DNAT] = "dnat ip",
		[NFT_REDIRECT] = "redirect to",
	};

	text_printf(t, "%s", actions[r->verdict]);
	if (r->verdict == NFT_REDIRECT)
		text_printf(t, " :%u", r->to_port);
	if (r->verdict != NFT_DNAT)
		return;
	text_printf(t, r->to.family == AF_INET ? " to " : "6 to [");
	address_print(t, &r->to);
	text_printf(t, r->to.family == AF_INET ? ":%u" : "]:%u", r->to_port);
}

void nft_rule_print(struct text *t, const struct nft_rule *r, const struct nft_link_name *links,
		    unsigned int link_count)
{
	print_link(t, "iif", r->in, r->not_in, links, link_count);
	print_link(t, "oif", r->out, r->not_out, links, link_count);
	if (r->mark)
		text_printf(t, "meta mark 0x%x ", r->mark);
	if (r->local)
		text_printf(t, "fib daddr type local ");
	if (r->foreign)
		text_printf(t, "fib saddr type != local ");
	if (r->established)
		text_printf(t, "ct state established,related ");
	if (r->reply)
		text_printf(t, "ct direction reply ");
	if (r->stray)
		text_printf(t, "ct state invalid,untracked ");
	if (r->translated)
		text_printf(t, "ct status dnat ");
	if (r->family)
		print_family(t, r->family);
	print_prefix(t, "saddr", &r->source, r->not_source);
	print_prefix(t, "daddr", &r->destination, false);
	if (r->midway) {
		text_printf(t, "ct state new tcp flags ! syn ");
	} else if (r->icmp6_first) {
		text_printf(t, "icmpv6 type ");
		print_range(t, r->icmp6_first, r->icmp6_last);
	} else if (r->port_first) {
		text_printf(t, "%s dport ", protocol_name(r->protocol));
		print_range(t, r->port_first, r->port_last);
	} else if (r->protocol) {
		text_printf(t, "meta l4proto %s ", protocol_name(r->protocol));
	}
	if (r->log_group)
		text_printf(t, "log group %u ", r->log_group);
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
