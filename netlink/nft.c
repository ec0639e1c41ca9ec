/* SPDX-License-Identifier: MIT */
#include "netlink/nft.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlink/nft_rule.h"

/* A transaction is sent at once: its frame, the table that is replaced, and the new one. */
static_assert(NFT_RULES + NFT_CHAINS + 5 <= NL_MESSAGES, "every ruleset can be sent");

bool nft_rule_append(struct nft_ruleset *set, const struct nft_rule *rule)
{
	if (set->rule_count == NFT_RULES)
		return false;
	set->rules[set->rule_count++] = *rule;
	return true;
}

static struct nlmsghdr *begin(uint16_t type, uint16_t flags, const char *object)
{
	struct nlmsghdr *m = nl_begin((uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
				      sizeof(struct nfgenmsg), object);
	struct nfgenmsg *header = mnl_nlmsg_get_payload(m);

	header->nfgen_family = NFPROTO_INET;
	return m;
}

static void add_frame(uint16_t type)
{
	struct nfgenmsg *header =
		mnl_nlmsg_get_payload(nl_begin(type, 0, sizeof(struct nfgenmsg), "transaction"));

	header->res_id = htons(NFNL_SUBSYS_NFTABLES);
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

static void add_table(uint16_t type, uint16_t flags, const char *table, const char *comment)
{
	struct nlmsghdr *m = begin(type, flags, "table");

	mnl_attr_put_strz(m, NFTA_TABLE_NAME, table);
	put_comment(m, comment);
}

static void put_chain(struct nlmsghdr *m, const struct nft_ruleset *set, unsigned int n)
{
	const struct nft_chain *c = &set->chains[n];
	struct nlattr *hook;

	mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, set->table);
	mnl_attr_put_strz(m, NFTA_CHAIN_NAME, c->name);
	hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(c->hook));
	mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl((uint32_t)c->priority));
	mnl_attr_nest_end(m, hook);
	mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, c->type);
	mnl_attr_put_u32(m, NFTA_CHAIN_POLICY, htonl(c->drops ? NF_DROP : NF_ACCEPT));
}

static void put_rule(struct nlmsghdr *m, const struct nft_ruleset *set, unsigned int n)
{
	const struct nft_rule *r = &set->rules[n];

	mnl_attr_put_strz(m, NFTA_RULE_TABLE, set->table);
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, set->chains[r->chain].name);
	nft_rule_put(m, r);
}

int nft_write(int fd, const struct nft_ruleset *set, bool present, struct nl_error *e)
{
	/*
	 * The kernel answers a transaction at its end: first for every message that it refuses, then
	 * the ACK of the last rule. An ACK that was asked for earlier would come before the refusal
	 * of a later message and look like success.
	 */
	add_frame(NFNL_MSG_BATCH_BEGIN);
	if (present) {
		/* First made if it is not there: a failure to delete it would end the transaction. */
		add_table(NFT_MSG_NEWTABLE, NLM_F_CREATE, set->table, "");
		add_table(NFT_MSG_DELTABLE, 0, set->table, "");
	}
	add_table(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, set->table, set->comment);
	for (unsigned int i = 0; i < set->chain_count; i++)
		put_chain(begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, set->chains[i].name),
			  set, i);
	for (unsigned int i = 0; i < set->rule_count; i++)
		put_rule(begin(NFT_MSG_NEWRULE,
			       NLM_F_CREATE | NLM_F_APPEND |
				       (i + 1 == set->rule_count ? NLM_F_ACK : 0),
			       set->chains[set->rules[i].chain].name),
			 set, i);
	add_frame(NFNL_MSG_BATCH_END);
	return nl_send(fd, e);
}

int nft_delete(int fd, const char *table, struct nl_error *e)
{
	add_frame(NFNL_MSG_BATCH_BEGIN);
	add_table(NFT_MSG_DELTABLE, NLM_F_ACK, table, "");
	add_frame(NFNL_MSG_BATCH_END);
	return nl_send(fd, e);
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

	begin(NFT_MSG_GETTABLE, NLM_F_DUMP, "");
	return nl_ask(fd, each_table, &reader);
}

/* All that was sent is there with the same value; the kernel may have added what was left open. */
static bool same_attribute(const struct nlattr *sent, const struct nlattr *held)
{
	const struct nlattr *a;

	if (!held || !(sent->nla_type & NLA_F_NESTED))
		return nl_is(held, mnl_attr_get_payload(sent), mnl_attr_get_payload_len(sent));
	NL_EACH_NESTED(a, sent)
		if (!same_attribute(a, nl_find_nested(held, mnl_attr_get_type(a))))
			return false;
	return true;
}

/* The same expressions in the same order, and no others. */
static bool same_expressions(const struct nlattr *sent, const struct nlattr *held)
{
	const char *end = (const char *)held + held->nla_len;
	const struct nlattr *a, *b = nl_attribute_at(mnl_attr_get_payload(held), end);

	NL_EACH_NESTED(a, sent) {
		if (!b || !same_attribute(a, b))
			return false;
		b = nl_attribute_at(mnl_attr_next(b), end);
	}
	return !b;
}

/* A dump of chains or of rules is compared with what a transaction would send. */
struct check {
	const struct nft_ruleset *set;
	void (*put)(struct nlmsghdr *, const struct nft_ruleset *, unsigned int n);
	unsigned int count, seen;
	bool differs;
};

static bool same_message(const struct nlmsghdr *sent, const struct nlmsghdr *held, bool rules)
{
	const char *end = mnl_nlmsg_get_payload_tail(sent);
	const struct nlattr *a =
		nl_attribute_at(mnl_nlmsg_get_payload_offset(sent, sizeof(struct nfgenmsg)), end);

	for (; a; a = nl_attribute_at(mnl_attr_next(a), end)) {
		const struct nlattr *b = find(held, mnl_attr_get_type(a));
		bool list = rules && a->nla_type & NLA_F_NESTED;

		if (!b || !(list ? same_expressions(a, b) : same_attribute(a, b)))
			return false;
	}
	return true;
}

static int each_held(const struct nlmsghdr *m, void *to)
{
	char buffer[NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *sent = mnl_nlmsg_put_header(buffer);
	struct check *check = to;

	/* Of chains it is NFTA_CHAIN_TABLE. */
	if (!nl_is_string(find(m, NFTA_RULE_TABLE), check->set->table))
		return 0;
	mnl_nlmsg_put_extra_header(sent, sizeof(struct nfgenmsg));
	if (check->seen < check->count)
		check->put(sent, check->set, check->seen);
	if (check->seen++ >= check->count || !same_message(sent, m, check->put == put_rule))
		check->differs = true;
	return 0;
}

static int check_once(int fd, const struct nft_ruleset *set)
{
	struct check chains = { .set = set, .put = put_chain, .count = set->chain_count };
	struct check rules = { .set = set, .put = put_rule, .count = set->rule_count };
	int error;

	begin(NFT_MSG_GETCHAIN, NLM_F_DUMP, "");
	error = nl_ask(fd, each_held, &chains);
	if (error)
		return error;
	mnl_attr_put_strz(begin(NFT_MSG_GETRULE, NLM_F_DUMP, ""), NFTA_RULE_TABLE, set->table);
	error = nl_ask(fd, each_held, &rules);
	if (error)
		return error;
	return !chains.differs && !rules.differs && chains.seen == chains.count &&
	       rules.seen == rules.count;
}

int nft_check(int fd, const struct nft_ruleset *set)
{
	int result = -EINTR;

	/* A dump is void when anybody changes a table, ours or not, while it runs. */
	for (int i = 0; i < 8 && result == -EINTR; i++)
		result = check_once(fd, set);
	return result;
}
