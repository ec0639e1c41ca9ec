/* SPDX-License-Identifier: MIT */
/*
 * All that reads answers of the kernel, with answers that no kernel would give. The first byte of
 * the input chooses the question. The others are messages: type, flags, length (16 bits each) and
 * bytes; NLMSG_DONE ends the answer to a question. Only the lengths of messages are right: the
 * kernel frames them itself.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_kernel.h"

#include <netinet/in.h>

#include <linux/netfilter.h>

#include "netlink/link.h"
#include "netlink/nft.h"
#include "netlink/survey.h"

static const uint8_t *input;
static size_t input_left;

static uint8_t take_byte(void)
{
	return input_left > 0 ? (input_left--, *input++) : 0;
}

static uint16_t take_number(void)
{
	unsigned int low = take_byte();

	return (uint16_t)(low | (unsigned int)take_byte() << 8U);
}

/* With the number of the question, or nobody would read it. False at the end of the answer. */
static bool add_message(struct kernel_datagram *d, uint32_t sequence)
{
	uint16_t type = take_number(), flags = take_number();
	size_t length = take_number() % 1024U;
	struct nlmsghdr *m;

	if (type == NLMSG_DONE)
		return false;
	if (length > input_left)
		length = input_left;
	m = kernel_begin(d, type, flags, sequence);
	memcpy(m + 1, input, length);
	input += length;
	input_left -= length;
	m->nlmsg_len += (uint32_t)length;
	kernel_end(d, m);
	return true;
}

static void answer(const struct nlmsghdr *request)
{
	struct kernel_datagram *d;

	kernel.count = kernel.next = 0;
	d = kernel_datagram();
	while (input_left > 0 && d->length < KERNEL_DATAGRAM / 4 &&
	       add_message(d, request->nlmsg_seq))
		;
	kernel_done(kernel_datagram(), request->nlmsg_seq);
}

static void ask_survey(void)
{
	static struct survey s;

	if (survey_take(KERNEL_FD, &s) < 0)
		return;
	HOLDS(s.link_count <= SURVEY_LINKS && s.taken_count <= SURVEY_PREFIXES);
	for (unsigned int i = 0; i < s.link_count; i++)
		HOLDS(memchr(s.links[i].end.name, '\0', sizeof(s.links[i].end.name)));
	for (unsigned int i = 0; i < s.taken_count; i++) {
		HOLDS(s.taken[i].length > 0);
		HOLDS(s.taken[i].address.family == AF_INET ||
		      s.taken[i].address.family == AF_INET6);
	}
}

static void ask_links(void)
{
	const struct prefix p = { { AF_INET, { 10 } }, 8 };
	struct link_state state;

	link_get(KERNEL_FD, 1, &state);
	HOLDS(memchr(state.end.name, '\0', sizeof(state.end.name)));
	HOLDS(addr_check(KERNEL_FD, 1, &p, 1) <= 1);
	HOLDS(route_check_default(KERNEL_FD, 1, &p.address) <= 1);
}

static void read_table(struct span name, struct span comment, void *to)
{
	(void)to;
	HOLDS(!memchr(name.at, '\0', name.length));
	HOLDS(!memchr(comment.at, '\0', comment.length));
}

static void ask_nft(void)
{
	static struct nft_ruleset set = {
		.table = "t",
		.comment = "",
		.chains = { { "c", "filter", NF_INET_FORWARD, 0, true } },
		.chain_count = 1,
		.rules = { { .in = 1, .verdict = NFT_DROP_PACKET } },
		.rule_count = 1,
	};

	nft_each_table(KERNEL_FD, read_table, NULL);
	HOLDS(nft_check(KERNEL_FD, &set) <= 1);
}

static void send_batch(void)
{
	struct nl_error e;

	link_set_up(1, "first");
	link_set_up(2, "second");
	if (nl_send(KERNEL_FD, &e) == 0)
		return;
	HOLDS(strcmp(e.object, "first") == 0 || strcmp(e.object, "second") == 0);
	HOLDS(memchr(e.text, '\0', sizeof(e.text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const questions[])(void) = { ask_survey, ask_links, ask_nft, send_batch };

	kernel_reset();
	kernel.answer = answer;
	input = data;
	input_left = size;
	questions[take_byte() % 4]();
	return 0;
}
