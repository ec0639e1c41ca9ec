/* SPDX-License-Identifier: MIT */
/*
 * Each rule twice: as nft_rule_print lists it, and as the expressions that nft_rule_put builds.
 * These are read back with libmnl and written in the words of `nft --debug=netlink`.
 */
#include "tests/unit/attributes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "netlink/nft_rule.h"

/* ---- reading expressions ---- */

static uint32_t be32(const struct nlattr *data, uint16_t type)
{
	const struct nlattr *a = attribute_in(data, type);

	assert_non_null(a);
	assert_int_equal(mnl_attr_get_payload_len(a), 4);
	return ntohl(mnl_attr_get_u32(a));
}

static void show_bytes(struct text *t, const struct nlattr *nest)
{
	const struct nlattr *value = attribute_in(nest, NFTA_DATA_VALUE);
	const uint8_t *bytes;

	assert_non_null(value);
	bytes = mnl_attr_get_payload(value);
	for (unsigned int i = 0; i < mnl_attr_get_payload_len(value); i++)
		text_printf(t, "%x%x", bytes[i] >> 4U, bytes[i] & 15U);
}

static void show_meta(struct text *t, const struct nlattr *data)
{
	static const char *const keys[] = { [NFT_META_IIF] = "iif",
					    [NFT_META_OIF] = "oif",
					    [NFT_META_MARK] = "mark",
					    [NFT_META_NFPROTO] = "nfproto",
					    [NFT_META_L4PROTO] = "l4proto" };
	uint32_t key = be32(data, NFTA_META_KEY);

	assert_in_range(key, 0, COUNT(keys) - 1);
	assert_non_null(keys[key]);
	text_printf(t, "meta load %s => reg %u", keys[key], be32(data, NFTA_META_DREG));
}

static void show_payload(struct text *t, const struct nlattr *data)
{
	static const char *const bases[] = { "link", "network", "transport" };
	uint32_t base = be32(data, NFTA_PAYLOAD_BASE);

	assert_in_range(base, 0, COUNT(bases) - 1);
	text_printf(t, "payload load %ub @ %s header + %u => reg %u", be32(data, NFTA_PAYLOAD_LEN),
		    bases[base], be32(data, NFTA_PAYLOAD_OFFSET), be32(data, NFTA_PAYLOAD_DREG));
}

static void show_cmp(struct text *t, const struct nlattr *data)
{
	static const char *const ops[] = { "eq", "neq", "lt", "lte", "gt", "gte" };
	uint32_t op = be32(data, NFTA_CMP_OP);

	assert_in_range(op, 0, COUNT(ops) - 1);
	text_printf(t, "cmp %s reg %u ", ops[op], be32(data, NFTA_CMP_SREG));
	show_bytes(t, attribute_in(data, NFTA_CMP_DATA));
}

static void show_bitwise(struct text *t, const struct nlattr *data)
{
	text_printf(t, "bitwise reg %u = reg %u (%u) & ", be32(data, NFTA_BITWISE_DREG),
		    be32(data, NFTA_BITWISE_SREG), be32(data, NFTA_BITWISE_LEN));
	show_bytes(t, attribute_in(data, NFTA_BITWISE_MASK));
	text_printf(t, " ^ ");
	show_bytes(t, attribute_in(data, NFTA_BITWISE_XOR));
}

static void show_ct(struct text *t, const struct nlattr *data)
{
	static const char *const keys[] = { [NFT_CT_STATE] = "state",
					    [NFT_CT_DIRECTION] = "direction",
					    [NFT_CT_STATUS] = "status" };
	uint32_t key = be32(data, NFTA_CT_KEY);

	assert_in_range(key, 0, COUNT(keys) - 1);
	assert_non_null(keys[key]);
	text_printf(t, "ct load %s => reg %u", keys[key], be32(data, NFTA_CT_DREG));
}

static void show_fib(struct text *t, const struct nlattr *data)
{
	uint32_t which = be32(data, NFTA_FIB_FLAGS);

	assert_int_equal(be32(data, NFTA_FIB_RESULT), NFT_FIB_RESULT_ADDRTYPE);
	assert_true(which == NFTA_FIB_F_DADDR || which == NFTA_FIB_F_SADDR);
	text_printf(t, "fib %s type => reg %u", which == NFTA_FIB_F_DADDR ? "daddr" : "saddr",
		    be32(data, NFTA_FIB_DREG));
}

static void show_immediate(struct text *t, const struct nlattr *data)
{
	const struct nlattr *value = attribute_in(data, NFTA_IMMEDIATE_DATA);
	uint32_t reg = be32(data, NFTA_IMMEDIATE_DREG);

	if (reg == NFT_REG_VERDICT) {
		uint32_t code = be32(attribute_in(value, NFTA_DATA_VERDICT), NFTA_VERDICT_CODE);

		assert_true(code == NF_ACCEPT || code == NF_DROP);
		text_printf(t, "immediate %s", code == NF_ACCEPT ? "accept" : "drop");
		return;
	}
	text_printf(t, "immediate reg %u ", reg);
	show_bytes(t, value);
}

static void show_reject(struct text *t, const struct nlattr *data)
{
	const struct nlattr *code = attribute_in(data, NFTA_REJECT_ICMP_CODE);

	if (be32(data, NFTA_REJECT_TYPE) == NFT_REJECT_TCP_RST) {
		assert_null(code);
		text_printf(t, "reject tcp reset");
		return;
	}
	assert_int_equal(be32(data, NFTA_REJECT_TYPE), NFT_REJECT_ICMPX_UNREACH);
	assert_non_null(code);
	text_printf(t, "reject icmpx %u", mnl_attr_get_u8(code));
}

static void show_nat(struct text *t, const struct nlattr *data)
{
	uint32_t family = be32(data, NFTA_NAT_FAMILY);

	assert_int_equal(be32(data, NFTA_NAT_TYPE), NFT_NAT_DNAT);
	assert_true(family == NFPROTO_IPV4 || family == NFPROTO_IPV6);
	text_printf(t, "nat dnat %s reg %u port reg %u", family == NFPROTO_IPV4 ? "ip" : "ip6",
		    be32(data, NFTA_NAT_REG_ADDR_MIN), be32(data, NFTA_NAT_REG_PROTO_MIN));
}

/* Of an address nothing is said: it is that of the link that the packet came by. */
static void show_redir(struct text *t, const struct nlattr *data)
{
	assert_null(attribute_in(data, NFTA_REDIR_REG_PROTO_MAX));
	assert_null(attribute_in(data, NFTA_REDIR_FLAGS));
	text_printf(t, "redir proto reg %u", be32(data, NFTA_REDIR_REG_PROTO_MIN));
}

static void show_log(struct text *t, const struct nlattr *data)
{
	const struct nlattr *group = attribute_in(data, NFTA_LOG_GROUP);

	assert_non_null(group);
	assert_int_equal(mnl_attr_get_payload_len(group), 2);
	text_printf(t, "log group %u", ntohs(mnl_attr_get_u16(group)));
}

static void show_masq(struct text *t, const struct nlattr *data)
{
	assert_int_equal(mnl_attr_get_payload_len(data), 0);
	text_printf(t, "masq");
}

static const struct {
	const char *name;
	void (*show)(struct text *, const struct nlattr *);
} expressions[] = {
	{ "meta", show_meta },		 { "payload", show_payload }, { "cmp", show_cmp },
	{ "bitwise", show_bitwise },	 { "ct", show_ct },	      { "fib", show_fib },
	{ "immediate", show_immediate }, { "reject", show_reject },   { "nat", show_nat },
	{ "masq", show_masq },		 { "log", show_log },	      { "redir", show_redir },
};

static void show_expression(struct text *t, const struct nlattr *element)
{
	const struct nlattr *name = attribute_in(element, NFTA_EXPR_NAME);

	assert_non_null(name);
	for (size_t i = 0; i < COUNT(expressions); i++) {
		if (strcmp(mnl_attr_get_str(name), expressions[i].name) != 0)
			continue;
		expressions[i].show(t, attribute_in(element, NFTA_EXPR_DATA));
		text_char(t, '\n');
		return;
	}
	FAIL("unknown expression %s", mnl_attr_get_str(name));
}

/* Builds the rule in a buffer without a byte more than it may take. */
static void show_built(struct text *t, const struct nft_rule *r)
{
	const size_t room = NL_MESSAGE_MAX - 128 + sizeof(struct nlmsghdr);
	char *buffer = malloc(room);
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
	const struct nlattr *list, *element;

	nft_rule_put(m, r);
	assert_in_range(m->nlmsg_len, 0, room);
	list = attribute_of(m, 0, NFTA_RULE_EXPRESSIONS);
	assert_non_null(list);
	assert_true(list->nla_type & NLA_F_NESTED);
	for (element = mnl_attr_get_payload(list);
	     (const void *)element != mnl_nlmsg_get_payload_tail(m);
	     element = mnl_attr_next(element)) {
		assert_int_equal(mnl_attr_get_type(element), NFTA_LIST_ELEM);
		show_expression(t, element);
	}
	free(buffer);
}

/* ---- the rules ---- */

#define IPV4(a, b, c, d)                   \
	{                                  \
		AF_INET,                   \
		{                          \
			(a), (b), (c), (d) \
		}                          \
	}
#define DB8(last)                                             \
	{                                                     \
		AF_INET6,                                     \
		{                                             \
			0x20, 0x01, 0x0d, 0xb8, [15] = (last) \
		}                                             \
	}

#define LOAD_IPV4 "meta load nfproto => reg 1\ncmp eq reg 1 02\n"
#define LOAD_IPV6 "meta load nfproto => reg 1\ncmp eq reg 1 0a\n"
#define LOAD_TCP "meta load l4proto => reg 1\ncmp eq reg 1 06\n"
#define LOAD_UDP "meta load l4proto => reg 1\ncmp eq reg 1 11\n"
#define LOAD_PORT "payload load 2b @ transport header + 2 => reg 1\n"

static const struct row {
	struct nft_rule rule;
	const char *printed, *built;
} rows[] = {
	{ { .verdict = NFT_ACCEPT_PACKET }, "accept", "immediate accept\n" },
	{ { .verdict = NFT_DROP_PACKET }, "drop", "immediate drop\n" },
	{ { .verdict = NFT_REJECT_RESET }, "reject with tcp reset", "reject tcp reset\n" },
	{ { .verdict = NFT_REJECT_PROHIBITED },
	  "reject with icmpx admin-prohibited",
	  "reject icmpx 3\n" },
	{ { .verdict = NFT_MASQUERADE }, "masquerade", "masq\n" },
	{ { .in = 1 },
	  "iif \"lo\" accept",
	  "meta load iif => reg 1\n"
	  "cmp eq reg 1 01000000\n"
	  "immediate accept\n" },
	{ { .in = 0x00100002, .not_in = true },
	  "iif != \"jail1\" accept",
	  "meta load iif => reg 1\n"
	  "cmp neq reg 1 02001000\n"
	  "immediate accept\n" },
	{ { .out = 77, .verdict = NFT_DROP_PACKET },
	  "oif 77 drop",
	  "meta load oif => reg 1\n"
	  "cmp eq reg 1 4d000000\n"
	  "immediate drop\n" },
	{ { .in = 1, .out = 1, .not_out = true },
	  "iif \"lo\" oif != \"lo\" accept",
	  "meta load iif => reg 1\n"
	  "cmp eq reg 1 01000000\n"
	  "meta load oif => reg 1\n"
	  "cmp neq reg 1 01000000\n"
	  "immediate accept\n" },
	{ { .established = true },
	  "ct state established,related accept",
	  "ct load state => reg 1\n"
	  "bitwise reg 1 = reg 1 (4) & 06000000 ^ 00000000\n"
	  "cmp neq reg 1 00000000\n"
	  "immediate accept\n" },
	{ { .reply = true },
	  "ct direction reply accept",
	  "ct load direction => reg 1\n"
	  "cmp eq reg 1 01\n"
	  "immediate accept\n" },
	{ { .established = true, .reply = true },
	  "ct state established,related ct direction reply accept",
	  "ct load state => reg 1\n"
	  "bitwise reg 1 = reg 1 (4) & 06000000 ^ 00000000\n"
	  "cmp neq reg 1 00000000\n"
	  "ct load direction => reg 1\n"
	  "cmp eq reg 1 01\n"
	  "immediate accept\n" },
	{ { .mark = 0xbabd1a11 },
	  "meta mark 0xbabd1a11 accept",
	  "meta load mark => reg 1\n"
	  "cmp eq reg 1 111abdba\n"
	  "immediate accept\n" },
	{ { .in = 1, .not_in = true, .mark = 1, .local = true },
	  "iif != \"lo\" meta mark 0x1 fib daddr type local accept",
	  "meta load iif => reg 1\n"
	  "cmp neq reg 1 01000000\n"
	  "meta load mark => reg 1\n"
	  "cmp eq reg 1 01000000\n"
	  "fib daddr type => reg 1\n"
	  "cmp eq reg 1 02000000\n"
	  "immediate accept\n" },
	{ { .stray = true },
	  "ct state invalid,untracked accept",
	  "ct load state => reg 1\n"
	  "bitwise reg 1 = reg 1 (4) & 41000000 ^ 00000000\n"
	  "cmp neq reg 1 00000000\n"
	  "immediate accept\n" },
	{ { .translated = true },
	  "ct status dnat accept",
	  "ct load status => reg 1\n"
	  "bitwise reg 1 = reg 1 (4) & 20000000 ^ 00000000\n"
	  "cmp neq reg 1 00000000\n"
	  "immediate accept\n" },
	{ { .local = true },
	  "fib daddr type local accept",
	  "fib daddr type => reg 1\n"
	  "cmp eq reg 1 02000000\n"
	  "immediate accept\n" },
	{ { .foreign = true, .verdict = NFT_DROP_PACKET },
	  "fib saddr type != local drop",
	  "fib saddr type => reg 1\n"
	  "cmp neq reg 1 02000000\n"
	  "immediate drop\n" },
	{ { .midway = true, .protocol = IPPROTO_TCP, .verdict = NFT_DROP_PACKET },
	  "ct state new tcp flags ! syn drop",
	  "ct load state => reg 1\n"
	  "bitwise reg 1 = reg 1 (4) & 08000000 ^ 00000000\n"
	  "cmp neq reg 1 00000000\n" LOAD_TCP "payload load 1b @ transport header + 13 => reg 1\n"
	  "bitwise reg 1 = reg 1 (1) & 02 ^ 00\n"
	  "cmp eq reg 1 00\n"
	  "immediate drop\n" },
	{ { .family = AF_INET }, "meta nfproto ipv4 accept", LOAD_IPV4 "immediate accept\n" },
	{ { .family = AF_INET6 }, "meta nfproto ipv6 accept", LOAD_IPV6 "immediate accept\n" },
	{ { .protocol = IPPROTO_TCP }, "meta l4proto tcp accept", LOAD_TCP "immediate accept\n" },
	{ { .protocol = IPPROTO_UDP }, "meta l4proto udp accept", LOAD_UDP "immediate accept\n" },
	{ { .protocol = IPPROTO_ICMP },
	  "meta l4proto icmp accept",
	  "meta load l4proto => reg 1\n"
	  "cmp eq reg 1 01\n"
	  "immediate accept\n" },
	{ { .protocol = IPPROTO_ICMPV6 },
	  "meta l4proto ipv6-icmp accept",
	  "meta load l4proto => reg 1\n"
	  "cmp eq reg 1 3a\n"
	  "immediate accept\n" },

	/* prefixes: whole bytes are compared without a mask */
	{ { .source = { IPV4(10, 1, 2, 3), 32 } },
	  "ip saddr 10.1.2.3 accept",
	  LOAD_IPV4 "payload load 4b @ network header + 12 => reg 1\n"
		    "cmp eq reg 1 0a010203\n"
		    "immediate accept\n" },
	{ { .source = { IPV4(10, 1, 2, 3), 32 }, .not_source = true },
	  "ip saddr != 10.1.2.3 accept",
	  LOAD_IPV4 "payload load 4b @ network header + 12 => reg 1\n"
		    "cmp neq reg 1 0a010203\n"
		    "immediate accept\n" },
	{ { .destination = { IPV4(10, 1, 2, 0), 24 } },
	  "ip daddr 10.1.2.0/24 accept",
	  LOAD_IPV4 "payload load 3b @ network header + 16 => reg 1\n"
		    "cmp eq reg 1 0a0102\n"
		    "immediate accept\n" },
	{ { .destination = { IPV4(10, 0, 0, 0), 8 } },
	  "ip daddr 10.0.0.0/8 accept",
	  LOAD_IPV4 "payload load 1b @ network header + 16 => reg 1\n"
		    "cmp eq reg 1 0a\n"
		    "immediate accept\n" },
	{ { .destination = { IPV4(172, 16, 0, 0), 12 } },
	  "ip daddr 172.16.0.0/12 accept",
	  LOAD_IPV4 "payload load 4b @ network header + 16 => reg 1\n"
		    "bitwise reg 1 = reg 1 (4) & fff00000 ^ 00000000\n"
		    "cmp eq reg 1 ac100000\n"
		    "immediate accept\n" },
	{ { .destination = { IPV4(10, 0, 0, 2), 31 } },
	  "ip daddr 10.0.0.2/31 accept",
	  LOAD_IPV4 "payload load 4b @ network header + 16 => reg 1\n"
		    "bitwise reg 1 = reg 1 (4) & fffffffe ^ 00000000\n"
		    "cmp eq reg 1 0a000002\n"
		    "immediate accept\n" },
	{ { .destination = { IPV4(128, 0, 0, 0), 1 } },
	  "ip daddr 128.0.0.0/1 accept",
	  LOAD_IPV4 "payload load 4b @ network header + 16 => reg 1\n"
		    "bitwise reg 1 = reg 1 (4) & 80000000 ^ 00000000\n"
		    "cmp eq reg 1 80000000\n"
		    "immediate accept\n" },
	{ { .destination = { IPV4(0, 0, 0, 0), 0 } },
	  "meta nfproto ipv4 accept",
	  LOAD_IPV4 "immediate accept\n" },
	{ { .destination = { DB8(0), 0 } },
	  "meta nfproto ipv6 accept",
	  LOAD_IPV6 "immediate accept\n" },
	{ { .source = { DB8(1), 128 } },
	  "ip6 saddr 2001:db8::1 accept",
	  LOAD_IPV6 "payload load 16b @ network header + 8 => reg 1\n"
		    "cmp eq reg 1 20010db8000000000000000000000001\n"
		    "immediate accept\n" },
	{ { .destination = { DB8(0), 32 } },
	  "ip6 daddr 2001:db8::/32 accept",
	  LOAD_IPV6 "payload load 4b @ network header + 24 => reg 1\n"
		    "cmp eq reg 1 20010db8\n"
		    "immediate accept\n" },
	{ { .destination = { DB8(0), 61 } },
	  "ip6 daddr 2001:db8::/61 accept",
	  LOAD_IPV6 "payload load 16b @ network header + 24 => reg 1\n"
		    "bitwise reg 1 = reg 1 (16) & fffffffffffffff80000000000000000 ^ "
		    "00000000000000000000000000000000\n"
		    "cmp eq reg 1 20010db8000000000000000000000000\n"
		    "immediate accept\n" },

	/* ports and types */
	{ { .protocol = IPPROTO_TCP, .port_first = 443, .port_last = 443 },
	  "tcp dport 443 accept",
	  LOAD_TCP LOAD_PORT "cmp eq reg 1 01bb\n"
			     "immediate accept\n" },
	{ { .protocol = IPPROTO_UDP, .port_first = 1, .port_last = 65535 },
	  "udp dport 1-65535 accept",
	  LOAD_UDP LOAD_PORT "cmp gte reg 1 0001\n"
			     "cmp lte reg 1 ffff\n"
			     "immediate accept\n" },
	{ { .protocol = IPPROTO_ICMPV6, .icmp6_first = 135, .icmp6_last = 136 },
	  "icmpv6 type 135-136 accept",
	  "meta load l4proto => reg 1\n"
	  "cmp eq reg 1 3a\n"
	  "payload load 1b @ transport header + 0 => reg 1\n"
	  "cmp gte reg 1 87\n"
	  "cmp lte reg 1 88\n"
	  "immediate accept\n" },

	/* NFLOG hears of it before the verdict */
	{ { .log_group = 1, .verdict = NFT_REJECT_PROHIBITED },
	  "log group 1 reject with icmpx admin-prohibited",
	  "log group 1\n"
	  "reject icmpx 3\n" },
	{ { .log_group = 258, .protocol = IPPROTO_TCP },
	  "meta l4proto tcp log group 258 accept",
	  LOAD_TCP "log group 258\n"
		   "immediate accept\n" },

	/* to the gate */
	{ { .local = true, .translated = true },
	  "fib daddr type local ct status dnat accept",
	  "fib daddr type => reg 1\n"
	  "cmp eq reg 1 02000000\n"
	  "ct load status => reg 1\n"
	  "bitwise reg 1 = reg 1 (4) & 20000000 ^ 00000000\n"
	  "cmp neq reg 1 00000000\n"
	  "immediate accept\n" },

	/* destination NAT */
	{ { .verdict = NFT_DNAT,
	    .local = true,
	    .family = AF_INET,
	    .protocol = IPPROTO_TCP,
	    .port_first = 80,
	    .port_last = 80,
	    .to = IPV4(10, 0, 0, 3),
	    .to_port = 8080 },
	  "fib daddr type local meta nfproto ipv4 tcp dport 80 dnat ip to 10.0.0.3:8080",
	  "fib daddr type => reg 1\n"
	  "cmp eq reg 1 02000000\n" LOAD_IPV4 LOAD_TCP LOAD_PORT "cmp eq reg 1 0050\n"
	  "immediate reg 1 0a000003\n"
	  "immediate reg 2 1f90\n"
	  "nat dnat ip reg 1 port reg 2\n" },
	{ { .verdict = NFT_DNAT,
	    .destination = { DB8(2), 128 },
	    .protocol = IPPROTO_UDP,
	    .port_first = 53,
	    .port_last = 53,
	    .to = DB8(3),
	    .to_port = 53 },
	  "ip6 daddr 2001:db8::2 udp dport 53 dnat ip6 to [2001:db8::3]:53",
	  LOAD_IPV6 "payload load 16b @ network header + 24 => reg 1\n"
		    "cmp eq reg 1 20010db8000000000000000000000002\n" LOAD_UDP LOAD_PORT
		    "cmp eq reg 1 0035\n"
		    "immediate reg 1 20010db8000000000000000000000003\n"
		    "immediate reg 2 0035\n"
		    "nat dnat ip6 reg 1 port reg 2\n" },

	/* to another port */
	{ { .verdict = NFT_REDIRECT,
	    .family = AF_INET6,
	    .protocol = IPPROTO_UDP,
	    .port_first = 53,
	    .port_last = 53,
	    .to = DB8(3), /* makes no difference */
	    .to_port = 5353 },
	  "meta nfproto ipv6 udp dport 53 redirect to :5353",
	  LOAD_IPV6 LOAD_UDP LOAD_PORT "cmp eq reg 1 0035\n"
				       "immediate reg 1 14e9\n"
				       "redir proto reg 1\n" },
};

static const struct nft_link_name links[] = { { 1, "lo" }, { 0x00100002, "jail1" } };

TEST(prints_as_nft_does)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		char buffer[512];
		struct text t = TEXT_OVER(buffer);

		nft_rule_print(&t, &rows[i].rule, links, COUNT(links));
		assert_string_equal(buffer, rows[i].printed);
	}
}

TEST(builds_what_it_prints)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		char buffer[2048];
		struct text t = TEXT_OVER(buffer);

		show_built(&t, &rows[i].rule);
		assert_string_equal(buffer, rows[i].built);
	}
}

/* More than any plan asks of one rule. show_built gives it not one byte more than was agreed. */
TEST(the_longest_rule_fits)
{
	const struct nft_rule rule = {
		.in = 1,
		.out = 2,
		.not_in = true,
		.not_out = true,
		.local = true,
		.mark = 1,
		.established = true,
		.reply = true,
		.family = AF_INET6,
		.destination = { DB8(0), 127 },
		.protocol = IPPROTO_TCP,
		.port_first = 1,
		.port_last = 2,
		.to = DB8(1),
		.to_port = 1,
		.log_group = 1,
		.verdict = NFT_DNAT,
	};
	char buffer[2048];
	struct text t = TEXT_OVER(buffer);

	show_built(&t, &rule);
	assert_non_null(strstr(buffer, "nat dnat ip6"));
}

TEST(prints_base_chains)
{
	static const struct {
		struct nft_chain chain;
		const char *printed;
	} chains[] = {
		{ { "a", "filter", NF_INET_LOCAL_OUT, 0, true },
		  "type filter hook output priority 0; policy drop;" },
		{ { "b", "filter", NF_INET_PRE_ROUTING, -300, false },
		  "type filter hook prerouting priority -300; policy accept;" },
		{ { "c", "nat", NF_INET_POST_ROUTING, 100, false },
		  "type nat hook postrouting priority 100; policy accept;" },
		{ { "d", "filter", NF_INET_FORWARD, 0, false },
		  "type filter hook forward priority 0; policy accept;" },
		{ { "e", "filter", NF_INET_LOCAL_IN, 0, false },
		  "type filter hook input priority 0; policy accept;" },
	};

	for (size_t i = 0; i < COUNT(chains); i++) {
		char buffer[128];
		struct text t = TEXT_OVER(buffer);

		nft_chain_print(&t, &chains[i].chain);
		assert_string_equal(buffer, chains[i].printed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_as_nft_does),
		cmocka_unit_test(builds_what_it_prints),
		cmocka_unit_test(the_longest_rule_fits),
		cmocka_unit_test(prints_base_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
