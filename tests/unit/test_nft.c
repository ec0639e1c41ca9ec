/* SPDX-License-Identifier: MIT */
/* Writing a ruleset and reading it back, with a kernel that says what the test wants it to. */
#include "tests/unit/attributes.h"
#include "tests/unit/fake_kernel.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "netlink/nft.h"

#define HEADER sizeof(struct nfgenmsg)
#define TABLE_MESSAGE(type) (NFNL_SUBSYS_NFTABLES << 8 | (type))

static struct nft_ruleset set;
static struct nl_error error;

/* What the kernel holds: the messages of the last transaction, which a test may change. */
static char held[1 << 20] __attribute__((aligned(NLMSG_ALIGNTO)));
static size_t held_length;
static unsigned int interruptions; /* dumps that the kernel will say have changed under way */
static unsigned int dumps;

static struct nlmsghdr *held_message(size_t *offset)
{
	struct nlmsghdr *m = (struct nlmsghdr *)(held + *offset);

	if (*offset == held_length)
		return NULL;
	*offset += (m->nlmsg_len + 3U) & ~3U;
	return m;
}

/* Hands out what is held of this type. */
static void dump_held(uint16_t type, uint32_t sequence)
{
	struct kernel_datagram *d = kernel_datagram();
	struct nlmsghdr *m;

	for (size_t at = 0; (m = held_message(&at));) {
		if (m->nlmsg_type != type)
			continue;
		memcpy(d->bytes + d->length, m, m->nlmsg_len);
		m = (struct nlmsghdr *)(d->bytes + d->length);
		m->nlmsg_seq = sequence;
		m->nlmsg_flags = NLM_F_MULTI | (interruptions > 0 ? NLM_F_DUMP_INTR : 0);
		kernel_end(d, m);
	}
	kernel_done(d, sequence);
	interruptions -= interruptions > 0;
	dumps++;
}

/* Keeps a transaction, acknowledges its last rule, and answers dumps. */
static void behave(const struct nlmsghdr *request)
{
	kernel.count = kernel.next = 0;
	if (request->nlmsg_type == TABLE_MESSAGE(NFT_MSG_GETCHAIN)) {
		dump_held(TABLE_MESSAGE(NFT_MSG_NEWCHAIN), request->nlmsg_seq);
	} else if (request->nlmsg_type == TABLE_MESSAGE(NFT_MSG_GETRULE)) {
		dump_held(TABLE_MESSAGE(NFT_MSG_NEWRULE), request->nlmsg_seq);
	} else {
		struct nlmsghdr *m;

		memcpy(held, kernel.sent, kernel.sent_length);
		held_length = kernel.sent_length;
		for (size_t at = 0; (m = held_message(&at));)
			if (m->nlmsg_flags & NLM_F_ACK)
				kernel_acknowledge(kernel_datagram(), m->nlmsg_seq, 0, NULL);
	}
}

static void append(struct nft_rule rule)
{
	assert_true(nft_rule_append(&set, &rule));
}

/* Every kind of expression that there is, in two chains. */
static int write_ruleset(void **state)
{
	(void)state;
	kernel_reset();
	kernel.answer = behave;
	interruptions = dumps = 0;
	set = (struct nft_ruleset){
		.table = "ours",
		.comment = "",
		.chains = { { "wall", "filter", NF_INET_FORWARD, 0, true },
			    { "door", "nat", NF_INET_PRE_ROUTING, -100, false } },
		.chain_count = 2,
	};
	append((struct nft_rule){ .in = 5, .established = true });
	append((struct nft_rule){ .out = 5,
				  .not_out = true,
				  .protocol = IPPROTO_TCP,
				  .destination = { { AF_INET, { 172, 16 } }, 12 },
				  .port_first = 80,
				  .port_last = 90 });
	append((struct nft_rule){ .verdict = NFT_REJECT_PROHIBITED, .log_group = 1 });
	append((struct nft_rule){ .chain = 1,
				  .local = true,
				  .family = AF_INET,
				  .protocol = IPPROTO_TCP,
				  .port_first = 80,
				  .port_last = 80,
				  .to = { AF_INET, { 10, 0, 0, 3 } },
				  .to_port = 8080,
				  .verdict = NFT_DNAT });
	append((struct nft_rule){ .chain = 1, .verdict = NFT_MASQUERADE });
	return nft_write(KERNEL_FD, &set, false, &error);
}

/* ---- writing ---- */

static void assert_types(const uint16_t *types, unsigned int count)
{
	struct nlmsghdr *m;
	size_t at = 0;

	for (unsigned int i = 0; i < count; i++) {
		m = held_message(&at);
		assert_non_null(m);
		assert_int_equal(m->nlmsg_type, types[i]);
	}
	assert_null(held_message(&at));
}

#define RULE TABLE_MESSAGE(NFT_MSG_NEWRULE)
#define CHAIN TABLE_MESSAGE(NFT_MSG_NEWCHAIN)

static const struct nlmsghdr *nth(uint16_t type, unsigned int n)
{
	struct nlmsghdr *m;

	for (size_t at = 0; (m = held_message(&at));)
		if (m->nlmsg_type == type && n-- == 0)
			return m;
	return NULL;
}

TEST(all_of_it_is_one_transaction)
{
	static const uint16_t fresh[] = {
		NFNL_MSG_BATCH_BEGIN,
		TABLE_MESSAGE(NFT_MSG_NEWTABLE),
		CHAIN,
		CHAIN,
		RULE,
		RULE,
		RULE,
		RULE,
		RULE,
		NFNL_MSG_BATCH_END,
	};
	static const uint16_t again[] = {
		NFNL_MSG_BATCH_BEGIN,
		TABLE_MESSAGE(NFT_MSG_NEWTABLE),
		TABLE_MESSAGE(NFT_MSG_DELTABLE),
		TABLE_MESSAGE(NFT_MSG_NEWTABLE),
		CHAIN,
		CHAIN,
		RULE,
		RULE,
		RULE,
		RULE,
		RULE,
		NFNL_MSG_BATCH_END,
	};

	assert_types(fresh, COUNT(fresh));
	assert_true(nth(TABLE_MESSAGE(NFT_MSG_NEWTABLE), 0)->nlmsg_flags & NLM_F_EXCL);
	assert_int_equal(nft_write(KERNEL_FD, &set, true, &error), 0);
	assert_types(again, COUNT(again));
	/* Whether it is there or not: then it is, and can be deleted. */
	assert_false(nth(TABLE_MESSAGE(NFT_MSG_NEWTABLE), 0)->nlmsg_flags & NLM_F_EXCL);
	assert_true(nth(TABLE_MESSAGE(NFT_MSG_NEWTABLE), 0)->nlmsg_flags & NLM_F_CREATE);
	assert_true(nth(TABLE_MESSAGE(NFT_MSG_NEWTABLE), 1)->nlmsg_flags & NLM_F_EXCL);
}

/* An ACK asked for earlier comes before the refusal of a later message and looks like success. */
TEST(only_the_last_rule_asks_for_an_ack)
{
	const struct nlmsghdr *m;
	unsigned int rules = 0;

	for (size_t at = 0; (m = held_message(&at));) {
		rules += m->nlmsg_type == RULE;
		assert_int_equal(!!(m->nlmsg_flags & NLM_F_ACK),
				 m->nlmsg_type == RULE && rules == 5);
		assert_true(m->nlmsg_flags & NLM_F_REQUEST);
	}
}

static void assert_header(const struct nlmsghdr *m, uint8_t family, uint16_t resource)
{
	const struct nfgenmsg expected = { .nfgen_family = family,
					   .version = NFNETLINK_V0,
					   .res_id = htons(resource) };

	assert_memory_equal(mnl_nlmsg_get_payload(m), &expected, sizeof(expected));
}

TEST(chains_and_rules_say_where_they_belong)
{
	const struct nlmsghdr *chain = nth(CHAIN, 1), *rule = nth(RULE, 3);
	const struct nlattr *hook = attribute_of(chain, HEADER, NFTA_CHAIN_HOOK);

	assert_header(nth(NFNL_MSG_BATCH_BEGIN, 0), AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	assert_header(nth(NFNL_MSG_BATCH_END, 0), AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	assert_header(nth(TABLE_MESSAGE(NFT_MSG_NEWTABLE), 0), NFPROTO_INET, 0);
	assert_string(attribute_of(nth(TABLE_MESSAGE(NFT_MSG_NEWTABLE), 0), HEADER,
				   NFTA_TABLE_NAME),
		      "ours");
	assert_header(chain, NFPROTO_INET, 0);
	assert_true(chain->nlmsg_flags & NLM_F_CREATE && chain->nlmsg_flags & NLM_F_EXCL);
	assert_string(attribute_of(chain, HEADER, NFTA_CHAIN_TABLE), "ours");
	assert_string(attribute_of(chain, HEADER, NFTA_CHAIN_NAME), "door");
	assert_string(attribute_of(chain, HEADER, NFTA_CHAIN_TYPE), "nat");
	assert_u32(attribute_of(chain, HEADER, NFTA_CHAIN_POLICY), htonl(NF_ACCEPT));
	assert_u32(attribute_in(hook, NFTA_HOOK_HOOKNUM), htonl(NF_INET_PRE_ROUTING));
	assert_u32(attribute_in(hook, NFTA_HOOK_PRIORITY), htonl((uint32_t)-100));
	assert_u32(attribute_of(nth(CHAIN, 0), HEADER, NFTA_CHAIN_POLICY), htonl(NF_DROP));
	assert_header(rule, NFPROTO_INET, 0);
	assert_true(rule->nlmsg_flags & NLM_F_CREATE && rule->nlmsg_flags & NLM_F_APPEND);
	assert_string(attribute_of(rule, HEADER, NFTA_RULE_TABLE), "ours");
	assert_string(attribute_of(rule, HEADER, NFTA_RULE_CHAIN), "door");
	assert_string(attribute_of(nth(RULE, 0), HEADER, NFTA_RULE_CHAIN), "wall");
	assert_null(nth(RULE, 5));
}

TEST(the_largest_ruleset_fits_a_transaction)
{
	while (set.chain_count < NFT_CHAINS)
		set.chains[set.chain_count++] = set.chains[0];
	while (set.rule_count < NFT_RULES)
		append((struct nft_rule){ .in = 1,
					  .out = 2,
					  .protocol = IPPROTO_TCP,
					  .port_first = 1,
					  .port_last = 2,
					  .destination = { { AF_INET6, { 0x20 } }, 127 } });
	assert_int_equal(nft_write(KERNEL_FD, &set, true, &error), 0);
	assert_non_null(nth(RULE, NFT_RULES - 1));
	assert_null(nth(RULE, NFT_RULES));
}

TEST(deletes_a_table_in_a_transaction_too)
{
	static const uint16_t types[] = { NFNL_MSG_BATCH_BEGIN, TABLE_MESSAGE(NFT_MSG_DELTABLE),
					  NFNL_MSG_BATCH_END };

	assert_int_equal(nft_delete(KERNEL_FD, "ours", &error), 0);
	assert_types(types, COUNT(types));
	assert_string(attribute_of(nth(TABLE_MESSAGE(NFT_MSG_DELTABLE), 0), HEADER,
				   NFTA_TABLE_NAME),
		      "ours");
}

static void refuse_the_second_chain(const struct nlmsghdr *request)
{
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq + 3, -ENOENT, "no such type");
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq + 8, 0, NULL);
}

TEST(a_refusal_names_the_chain)
{
	kernel_reset();
	kernel.answer = refuse_the_second_chain;
	assert_int_equal(nft_write(KERNEL_FD, &set, false, &error), -ENOENT);
	assert_string_equal(error.object, "door");
	assert_string_equal(error.text, "no such type");
}

/* ---- the tables that there are ---- */

static char tables[256]; /* "name(comment) " of each */

static void note_table(struct span name, struct span comment, void *to)
{
	struct text *t = to;

	text_bytes(t, name.at, name.length);
	text_char(t, '(');
	text_bytes(t, comment.at, comment.length);
	text_printf(t, ") ");
}

static int list_tables(void)
{
	struct text t = TEXT_OVER(tables);

	return nft_each_table(KERNEL_FD, note_table, &t);
}

static void put_table(struct kernel_datagram *d, uint32_t sequence, const char *name, size_t size,
		      const char *data)
{
	struct nlmsghdr *m =
		kernel_begin(d, TABLE_MESSAGE(NFT_MSG_NEWTABLE), NLM_F_MULTI, sequence);

	mnl_nlmsg_put_extra_header(m, HEADER);
	mnl_attr_put_strz(m, NFTA_TABLE_NAME, name);
	if (size > 0)
		mnl_attr_put(m, NFTA_TABLE_USERDATA, size, data);
	kernel_end(d, m);
}

/* User data: type, length, value. Only what is a whole comment is handed out as one. */
static void answer_with_tables(const struct nlmsghdr *request)
{
	struct kernel_datagram *d = kernel_datagram();
	const uint32_t sequence = request->nlmsg_seq;

	assert_int_equal(request->nlmsg_type, TABLE_MESSAGE(NFT_MSG_GETTABLE));
	put_table(d, sequence, "plain", 0, NULL);
	put_table(d, sequence, "commented", 6, "\0\4abc");
	put_table(d, sequence, "no-nul", 5, "\0\3abc");
	put_table(d, sequence, "other-type", 6, "\1\4abc");
	put_table(d, sequence, "cut", 5, "\0\4abc");
	put_table(d, sequence, "long", 4, "\0\377ab");
	put_table(d, sequence, "short", 1, "\0");
	kernel_done(d, sequence);
}

static void answer_with_eperm(const struct nlmsghdr *request)
{
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, -EPERM, NULL);
}

TEST(lists_tables_with_their_comments)
{
	kernel_reset();
	kernel.answer = answer_with_tables;
	assert_int_equal(list_tables(), 0);
	assert_string_equal(
		tables, "plain() commented(abc) no-nul(abc) other-type() cut() long() short() ");
	kernel.answer = answer_with_eperm;
	assert_int_equal(list_tables(), -EPERM);
	assert_string_equal(tables, "");
}

static const struct nlattr *written_comment(const char *comment)
{
	set.comment = comment;
	assert_int_equal(nft_write(KERNEL_FD, &set, true, &error), 0);
	assert_null(
		attribute_of(nth(TABLE_MESSAGE(NFT_MSG_DELTABLE), 0), HEADER, NFTA_TABLE_USERDATA));
	return attribute_of(nth(TABLE_MESSAGE(NFT_MSG_NEWTABLE), 1), HEADER, NFTA_TABLE_USERDATA);
}

TEST(writes_a_comment_as_nft_does)
{
	char comment[300];

	assert_null(written_comment(""));
	assert_bytes(written_comment("abc"), "\0\4abc", 6);
	memset(comment, 'c', sizeof(comment));
	comment[254] = '\0'; /* with its NUL, as long as one byte can say */
	assert_int_equal(mnl_attr_get_payload_len(written_comment(comment)), 2 + 255);
	comment[254] = 'c';
	comment[255] = '\0';
	assert_null(written_comment(comment)); /* rather none than half of one */
}

/* ---- checking ---- */

TEST(what_was_written_is_there)
{
	assert_int_equal(nft_check(KERNEL_FD, &set), 1);
	assert_int_equal(dumps, 2);
}

/* Each byte of each value, one after the other, becomes another one. How many there were. */
static unsigned int change_every_byte(char *at, const char *end)
{
	unsigned int changed = 0;

	while (end - at >= (ptrdiff_t)sizeof(struct nlattr)) {
		const struct nlattr *a = (const struct nlattr *)at;
		unsigned int size = mnl_attr_get_payload_len(a);
		char *value = at + sizeof(*a);

		if (a->nla_type & NLA_F_NESTED) {
			changed += change_every_byte(value, value + size);
		} else {
			for (unsigned int i = 0; i < size; i++, changed++) {
				value[i] ^= 1;
				if (nft_check(KERNEL_FD, &set) != 0)
					FAIL("a changed byte was not seen");
				value[i] ^= 1;
			}
		}
		at += (sizeof(*a) + size + 3U) & ~3UL;
	}
	return changed;
}

TEST(every_changed_byte_is_seen)
{
	struct nlmsghdr *m;
	unsigned int changed = 0;

	for (size_t at = 0; (m = held_message(&at));)
		if (m->nlmsg_type == CHAIN || m->nlmsg_type == RULE)
			changed += change_every_byte((char *)m + sizeof(*m) + HEADER,
						     (char *)m + m->nlmsg_len);
	assert_in_range(changed, 500, 5000);
	assert_int_equal(nft_check(KERNEL_FD, &set), 1);
}

/* Takes the nth message of a type out of what is held, or doubles it. */
static void edit(uint16_t type, unsigned int n, bool twice)
{
	char *m = (char *)(uintptr_t)nth(type, n);
	size_t size = ((const struct nlmsghdr *)m)->nlmsg_len;
	size_t behind = held_length - (size_t)(m - held) - size;

	if (twice) {
		memmove(m + size, m, size + behind);
		held_length += size;
	} else {
		memmove(m, m + size, behind);
		held_length -= size;
	}
}

TEST(a_chain_or_rule_more_or_less_is_seen)
{
	static const struct {
		uint16_t type;
		unsigned int n;
	} messages[] = { { CHAIN, 0 }, { CHAIN, 1 }, { RULE, 0 }, { RULE, 2 }, { RULE, 4 } };

	for (size_t i = 0; i < COUNT(messages); i++) {
		for (int twice = 0; twice <= 1; twice++) {
			assert_int_equal(write_ruleset(NULL), 0);
			edit(messages[i].type, messages[i].n, twice);
			assert_int_equal(nft_check(KERNEL_FD, &set), 0);
		}
	}
	held_length = 0; /* the table is gone */
	assert_int_equal(nft_check(KERNEL_FD, &set), 0);
}

TEST(another_order_is_seen)
{
	struct nft_rule rule = set.rules[0];

	set.rules[0] = set.rules[1];
	set.rules[1] = rule;
	assert_int_equal(nft_check(KERNEL_FD, &set), 0);
}

TEST(an_expression_more_or_less_is_seen)
{
	const struct nft_rule rule = set.rules[1];

	set.rules[1].port_first = 0; /* the kernel holds more matches */
	assert_int_equal(nft_check(KERNEL_FD, &set), 0);
	set.rules[1] = rule;
	set.rules[1].local = true; /* the kernel holds fewer */
	assert_int_equal(nft_check(KERNEL_FD, &set), 0);
	set.rules[1] = rule;
	set.rules[2].verdict = NFT_ACCEPT_PACKET;
	assert_int_equal(nft_check(KERNEL_FD, &set), 0);
	set.rules[2].verdict = NFT_REJECT_PROHIBITED;
	set.rules[2].log_group = 0;
	assert_int_equal(nft_check(KERNEL_FD, &set), 0);
	set.rules[2].log_group = 1;
	assert_int_equal(nft_check(KERNEL_FD, &set), 1);
}

/* One chain more, in a table of this name. */
static void hold_another_chain(const char *table)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(held + held_length);

	m->nlmsg_type = CHAIN;
	mnl_nlmsg_put_extra_header(m, HEADER);
	mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(m, NFTA_CHAIN_NAME, "wall");
	held_length += m->nlmsg_len;
}

TEST(other_tables_do_not_matter)
{
	hold_another_chain("theirs");
	hold_another_chain("our");
	hold_another_chain("ours2");
	assert_int_equal(nft_check(KERNEL_FD, &set), 1);
	hold_another_chain("ours");
	assert_int_equal(nft_check(KERNEL_FD, &set), 0);
}

TEST(an_interrupted_dump_is_asked_for_again)
{
	interruptions = 3;
	assert_int_equal(nft_check(KERNEL_FD, &set), 1);
	assert_int_equal(dumps, 5);
	interruptions = 1000;
	assert_int_equal(nft_check(KERNEL_FD, &set), -EINTR); /* but not for ever */
	kernel.answer = answer_with_eperm;
	kernel.count = kernel.next = 0;
	assert_int_equal(nft_check(KERNEL_FD, &set), -EPERM);
}

#define T(name) cmocka_unit_test_setup(name, write_ruleset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_of_it_is_one_transaction),
		T(only_the_last_rule_asks_for_an_ack),
		T(chains_and_rules_say_where_they_belong),
		T(the_largest_ruleset_fits_a_transaction),
		T(deletes_a_table_in_a_transaction_too),
		T(a_refusal_names_the_chain),
		T(lists_tables_with_their_comments),
		T(writes_a_comment_as_nft_does),
		T(what_was_written_is_there),
		T(every_changed_byte_is_seen),
		T(a_chain_or_rule_more_or_less_is_seen),
		T(another_order_is_seen),
		T(an_expression_more_or_less_is_seen),
		T(other_tables_do_not_matter),
		T(an_interrupted_dump_is_asked_for_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
