/* SPDX-License-Identifier: MIT */
#include "netlink/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlink/nft_rule.h"
#include "sys/fds.h"

/* A transaction is sent at once, so all of it has to stand in memory. */
#define MESSAGES (NFT_RULES + NFT_CHAINS + 4)

static char batch_bytes[MESSAGES * NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
static const char *batch_objects[MESSAGES];

bool nft_rule_append(struct nft_ruleset *set, const struct nft_rule *rule)
{
	if (set->rule_count == NFT_RULES)
		return false;
	set->rules[set->rule_count++] = *rule;
	return true;
}

static uint16_t table_message(uint16_t type)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
}

static void put_header(struct nlmsghdr *m, uint8_t family, uint16_t resource)
{
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(m, sizeof(*header));

	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	header->res_id = htons(resource);
}

/* The array above holds every ruleset that fits its type, so a message is never refused here. */
static struct nlmsghdr *begin(struct nl_batch *b, uint16_t type, uint16_t flags, const char *object)
{
	struct nlmsghdr *m = nl_begin(b, table_message(type), flags, object);

	put_header(m, NFPROTO_INET, 0);
	return m;
}

static void add_frame(struct nl_batch *b, uint16_t type)
{
	struct nlmsghdr *m = nl_begin(b, type, 0, "transaction");

	put_header(m, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	nl_end(b, m);
}

/* What nft(8) keeps as `comment`; kernels before 5.10 leave it out. */
#define COMMENT_TYPE 0
#define COMMENT_MAX 254

static void put_comment(struct nlmsghdr *m, const char *comment)
{
	char data[2 + COMMENT_MAX + 1] = { COMMENT_TYPE };
	struct text t = text_over(data + 2, sizeof(data) - 2);

	text_printf(&t, "%s", comment);
	if (t.length == 0 || t.cut)
		return;
	data[1] = (char)(t.length + 1);
	mnl_attr_put(m, NFTA_TABLE_USERDATA, t.length + 3, data);
}

static void add_table(struct nl_batch *b, uint16_t type, uint16_t flags, const char *table,
		      const char *comment)
{
	struct nlmsghdr *m = begin(b, type, flags, "table");

	mnl_attr_put_strz(m, NFTA_TABLE_NAME, table);
	put_comment(m, comment);
	nl_end(b, m);
}

static void add_chain(struct nl_batch *b, const char *table, const struct nft_chain *c)
{
	struct nlmsghdr *m = begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, c->name);
	struct nlattr *hook;

	mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(m, NFTA_CHAIN_NAME, c->name);
	hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(c->hook));
	mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl((uint32_t)c->priority));
	mnl_attr_nest_end(m, hook);
	mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, c->type);
	mnl_attr_put_u32(m, NFTA_CHAIN_POLICY, htonl(c->drops ? NF_DROP : NF_ACCEPT));
	nl_end(b, m);
}

static void put_rule(struct nlmsghdr *m, const char *table, const char *chain,
		     const struct nft_rule *r)
{
	mnl_attr_put_strz(m, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, chain);
	nft_rule_put(m, r);
}

static void add_rule(struct nl_batch *b, const char *table, const char *chain,
		     const struct nft_rule *r, uint16_t flags)
{
	struct nlmsghdr *m = begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | flags, chain);

	put_rule(m, table, chain, r);
	nl_end(b, m);
}

int nft_write(int fd, const struct nft_ruleset *set, bool present, struct nl_error *e)
{
	struct nl_batch b = NL_BATCH_OVER(batch_bytes, batch_objects);

	/*
	 * The kernel answers a transaction at its end: first for every message that it refuses, then
	 * the ACK of the last rule. An ACK that was asked for earlier would come before the refusal
	 * of a later message and look like success.
	 */
	add_frame(&b, NFNL_MSG_BATCH_BEGIN);
	if (present)
		add_table(&b, NFT_MSG_DELTABLE, 0, set->table, "");
	add_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, set->table, set->comment);
	for (unsigned int i = 0; i < set->chain_count; i++)
		add_chain(&b, set->table, &set->chains[i]);
	for (unsigned int i = 0; i < set->rule_count; i++)
		add_rule(&b, set->table, set->chains[set->rules[i].chain].name, &set->rules[i],
			 i + 1 == set->rule_count ? NLM_F_ACK : 0);
	add_frame(&b, NFNL_MSG_BATCH_END);
	return nl_send(fd, &b, e);
}

void nft_rest(void)
{
	memory_give_back(batch_bytes, sizeof(batch_bytes));
	memory_give_back(batch_objects, sizeof(batch_objects));
}

int nft_delete(int fd, const char *table, struct nl_error *e)
{
	struct nl_batch b = NL_BATCH_OVER(batch_bytes, batch_objects);

	add_frame(&b, NFNL_MSG_BATCH_BEGIN);
	add_table(&b, NFT_MSG_DELTABLE, NLM_F_ACK, table, "");
	add_frame(&b, NFNL_MSG_BATCH_END);
	return nl_send(fd, &b, e);
}

/* ---- reading back ---- */

struct table_reader {
	void (*each)(struct span name, struct span comment, void *to);
	void *to;
};

/* A string attribute without its NUL. */
static struct span string_of(const struct nlattr *a)
{
	const char *string = mnl_attr_get_payload(a);

	return (struct span){ .at = string,
			      .length = strnlen(string, mnl_attr_get_payload_len(a)) };
}

/* User data as nft(8) has it: type, length, value; a comment is of type 0. */
static struct span comment_of(const struct nlattr *a)
{
	const char *data = mnl_attr_get_payload(a);
	size_t length = mnl_attr_get_payload_len(a);

	if (length < 2 || data[0] != COMMENT_TYPE || (unsigned char)data[1] > length - 2)
		return span_of("");
	return (struct span){ .at = data + 2, .length = strnlen(data + 2, (unsigned char)data[1]) };
}

static struct nlmsghdr *request(uint16_t type, uint16_t flags)
{
	struct nlmsghdr *m = nl_request(table_message(type), flags, sizeof(struct nfgenmsg));
	struct nfgenmsg *header = mnl_nlmsg_get_payload(m);

	header->nfgen_family = NFPROTO_INET;
	return m;
}

static const struct nlattr *find(const struct nlmsghdr *m, uint16_t type)
{
	return nl_find(m, sizeof(struct nfgenmsg), type);
}

static int each_table(const struct nlmsghdr *m, void *to)
{
	const struct nlattr *name = find(m, NFTA_TABLE_NAME);
	const struct nlattr *data = find(m, NFTA_TABLE_USERDATA);
	struct table_reader *reader = to;

	reader->each(name ? string_of(name) : span_of(""), data ? comment_of(data) : span_of(""),
		     reader->to);
	return 0;
}

int nft_each_table(int fd, void (*each)(struct span name, struct span comment, void *to), void *to)
{
	struct table_reader reader = { .each = each, .to = to };

	return nl_ask(fd, request(NFT_MSG_GETTABLE, NLM_F_DUMP), each_table, &reader);
}

/* All that was sent is there with the same value; the kernel may have added what was left open. */
static bool same_attributes(const struct nlattr *sent, const struct nlattr *held)
{
	const struct nlattr *a;

	NL_EACH_NESTED(a, sent) {
		const struct nlattr *b = nl_find_nested(held, mnl_attr_get_type(a));

		if (!b)
			return false;
		if (a->nla_type & NLA_F_NESTED) {
			if (!same_attributes(a, b))
				return false;
		} else if (!nl_is(b, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a))) {
			return false;
		}
	}
	return true;
}

/* The same expressions in the same order, and no others. */
static bool same_expressions(const struct nlattr *sent, const struct nlattr *held)
{
	const char *end = (const char *)held + held->nla_len;
	const struct nlattr *a, *b = nl_attribute_at(mnl_attr_get_payload(held), end);

	NL_EACH_NESTED(a, sent) {
		if (!b || !same_attributes(a, b))
			return false;
		b = nl_attribute_at(mnl_attr_next(b), end);
	}
	return !b;
}

struct check {
	const struct nft_ruleset *set;
	unsigned int chains, rules; /* seen so far */
	bool differs;
};

static int each_chain(const struct nlmsghdr *m, void *to)
{
	const struct nlattr *hook = find(m, NFTA_CHAIN_HOOK);
	struct check *check = to;
	const struct nft_chain *c;

	if (!nl_is_string(find(m, NFTA_CHAIN_TABLE), check->set->table))
		return 0;
	if (check->chains == check->set->chain_count) {
		check->differs = true;
		return 0;
	}
	c = &check->set->chains[check->chains++];
	if (!nl_is_string(find(m, NFTA_CHAIN_NAME), c->name) ||
	    !nl_is_string(find(m, NFTA_CHAIN_TYPE), c->type) ||
	    !nl_is_be32(find(m, NFTA_CHAIN_POLICY), c->drops ? NF_DROP : NF_ACCEPT) ||
	    !nl_is_be32(nl_find_nested(hook, NFTA_HOOK_HOOKNUM), c->hook) ||
	    !nl_is_be32(nl_find_nested(hook, NFTA_HOOK_PRIORITY), (uint32_t)c->priority))
		check->differs = true;
	return 0;
}

static int each_rule(const struct nlmsghdr *m, void *to)
{
	char buffer[NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *sent = mnl_nlmsg_put_header(buffer);
	const struct nlattr *held = find(m, NFTA_RULE_EXPRESSIONS);
	struct check *check = to;
	const struct nft_rule *r;

	if (!nl_is_string(find(m, NFTA_RULE_TABLE), check->set->table))
		return 0;
	if (check->rules == check->set->rule_count) {
		check->differs = true;
		return 0;
	}
	r = &check->set->rules[check->rules++];
	nft_rule_put(sent, r);
	if (!nl_is_string(find(m, NFTA_RULE_CHAIN), check->set->chains[r->chain].name) || !held ||
	    !same_expressions(mnl_nlmsg_get_payload(sent), held))
		check->differs = true;
	return 0;
}

static int dump(int fd, uint16_t type, const char *table,
		int (*each)(const struct nlmsghdr *, void *), struct check *check)
{
	struct nlmsghdr *m = request(type, NLM_F_DUMP);

	if (table)
		mnl_attr_put_strz(m, NFTA_RULE_TABLE, table);
	return nl_ask(fd, m, each, check);
}

static int check_once(int fd, const struct nft_ruleset *set)
{
	struct check check = { .set = set };
	int error = dump(fd, NFT_MSG_GETCHAIN, NULL, each_chain, &check);

	if (!error)
		error = dump(fd, NFT_MSG_GETRULE, set->table, each_rule, &check);
	if (error)
		return error;
	return !check.differs && check.chains == set->chain_count && check.rules == set->rule_count;
}

int nft_check(int fd, const struct nft_ruleset *set)
{
	int result = -EINTR;

	/* A dump is void when anybody changes a table, ours or not, while it runs. */
	for (int i = 0; i < 8 && result == -EINTR; i++)
		result = check_once(fd, set);
	return result;
}
