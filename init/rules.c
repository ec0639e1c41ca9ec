/* SPDX-License-Identifier: MIT */
/*
 * The jail's own rules refuse within microseconds and keep the agent honest; the rules around the
 * outer end of the wire hold even against an agent that has flushed its own. Both let out only the
 * flows that a rule of the policy names.
 */
#include "init/rules.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter.h>

#define PRIORITY_RAW (-300)
#define PRIORITY_DNAT (-100)
#define PRIORITY_FILTER 0
#define PRIORITY_SNAT 100

/* Neighbour solicitation and advertisement (RFC 4861): without them IPv6 reaches no neighbour. */
#define ND_FIRST 135
#define ND_LAST 136

/* A ruleset in the making: rules go to the chain that was opened last. */
struct builder {
	struct nft_ruleset *set;
	bool full;
};

static void open_chain(struct builder *b, const char *name, const char *type, uint32_t hook,
		       int32_t priority, bool drops)
{
	b->set->chains[b->set->chain_count++] = (struct nft_chain){
		.name = name, .type = type, .hook = hook, .priority = priority, .drops = drops
	};
}

static void add(struct builder *b, struct nft_rule rule)
{
	rule.chain = (uint8_t)(b->set->chain_count - 1);
	if (!nft_rule_append(b->set, &rule))
		b->full = true;
}

#define ADD(b, ...) add((b), (struct nft_rule){ __VA_ARGS__ })

/* What the agent gets for a packet that no rule allows: an answer at once, whatever it speaks. */
static void add_refusal(struct builder *b, uint32_t in)
{
	ADD(b, .in = in, .protocol = IPPROTO_TCP, .verdict = NFT_REJECT_RESET);
	ADD(b, .in = in, .verdict = NFT_REJECT_PROHIBITED);
}

/* The policy, for packets by these links. */
static void add_policy(struct builder *b, const struct policy *policy, uint32_t in, uint32_t out,
		       bool not_out)
{
	for (unsigned int i = 0; i < policy->count; i++) {
		const struct rule *r = &policy->rules[i];
		struct nft_rule rule = {
			.in = in,
			.out = out,
			.not_out = not_out,
			.destination = r->cidr,
			.protocol = r->protocol,
			.verdict = NFT_ACCEPT_PACKET,
		};

		if (r->port_count == 0)
			add(b, rule);
		for (unsigned int k = 0; k < r->port_count; k++) {
			rule.port_first = r->ports[k].first;
			rule.port_last = r->ports[k].last;
			add(b, rule);
		}
	}
}

static void build_inner(struct builder *b, const struct plan *p, const struct policy *policy)
{
	uint32_t wire = p->wire.inner.index;

	open_chain(b, "output", "filter", NF_INET_LOCAL_OUT, PRIORITY_FILTER, true);
	ADD(b, .out = LINK_LOOPBACK, .verdict = NFT_ACCEPT_PACKET);
	ADD(b, .out = wire, .established = true, .verdict = NFT_ACCEPT_PACKET);
	add_policy(b, policy, 0, wire, false);
	if (p->wire.family_count > 1)
		ADD(b, .out = wire, .protocol = IPPROTO_ICMPV6, .icmp6_first = ND_FIRST,
		    .icmp6_last = ND_LAST, .verdict = NFT_ACCEPT_PACKET);
	add_refusal(b, 0);
}

/* The prefix of this one address. */
static struct prefix only(const struct prefix *p)
{
	struct prefix whole = *p;

	whole.length = (uint8_t)(8 * address_size(p->address.family));
	return whole;
}

/* Nothing comes over the wire but from the jail's own addresses. */
static void build_antispoof(struct builder *b, const struct plan *p)
{
	uint32_t wire = p->wire.outer.index;

	open_chain(b, "antispoof", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW, false);
	ADD(b, .in = wire, .not_in = true, .verdict = NFT_ACCEPT_PACKET);
	for (unsigned int i = 0; i < p->wire.family_count; i++)
		ADD(b, .source = only(&p->wire.inner_addresses[i]), .verdict = NFT_ACCEPT_PACKET);
	if (p->wire.family_count > 1)
		ADD(b, .source = only(&p->wire.inner_addresses[2]), .protocol = IPPROTO_ICMPV6,
		    .icmp6_first = ND_FIRST, .icmp6_last = ND_LAST, .verdict = NFT_ACCEPT_PACKET);
	ADD(b, .verdict = NFT_DROP_PACKET);
}

/* No service of the container can be reached from the jail; what the container asks is answered. */
static void build_input(struct builder *b, const struct plan *p)
{
	uint32_t wire = p->wire.outer.index;

	open_chain(b, "input", "filter", NF_INET_LOCAL_IN, PRIORITY_FILTER, false);
	ADD(b, .in = wire, .not_in = true, .verdict = NFT_ACCEPT_PACKET);
	ADD(b, .established = true, .verdict = NFT_ACCEPT_PACKET);
	if (p->wire.family_count > 1)
		ADD(b, .protocol = IPPROTO_ICMPV6, .icmp6_first = ND_FIRST, .icmp6_last = ND_LAST,
		    .verdict = NFT_ACCEPT_PACKET);
	add_refusal(b, 0);
}

static void build_forward(struct builder *b, const struct plan *p, const struct policy *policy)
{
	uint32_t wire = p->wire.outer.index;

	open_chain(b, "forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER, false);
	/* What is of no connection is not masqueraded: it would leave with the jail's own address. */
	ADD(b, .in = wire, .stray = true, .verdict = NFT_DROP_PACKET);
	ADD(b, .in = wire, .established = true, .verdict = NFT_ACCEPT_PACKET);
	add_policy(b, policy, wire, wire, true);
	add_refusal(b, wire);
	ADD(b, .out = wire, .established = true, .verdict = NFT_ACCEPT_PACKET);
	ADD(b, .out = wire, .translated = true, .verdict = NFT_ACCEPT_PACKET);
	ADD(b, .out = wire, .verdict = NFT_DROP_PACKET);
	/* Where forwarding was off until now, only what is on its way to a jail may use it. */
	for (unsigned int i = 0; i < p->forward.count; i++) {
		uint32_t link = p->forward.links[i];

		ADD(b, .in = link, .established = true, .verdict = NFT_ACCEPT_PACKET);
		ADD(b, .in = link, .translated = true, .verdict = NFT_ACCEPT_PACKET);
		ADD(b, .in = link, .verdict = NFT_DROP_PACKET);
	}
}

static void build_masquerade(struct builder *b, const struct plan *p)
{
	open_chain(b, "postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_SNAT, false);
	for (unsigned int i = 0; i < p->wire.family_count; i++)
		ADD(b, .out = p->wire.outer.index, .not_out = true,
		    .source = only(&p->wire.inner_addresses[i]), .verdict = NFT_MASQUERADE);
}

/* 0.0.0.0 and :: mean every address, as in bind(2). */
static bool is_unspecified(const struct address *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, address_size(a->family)) == 0;
}

static void add_publish(struct builder *b, const struct plan *p, const struct options *o,
			const struct facts *facts, uint32_t not_in)
{
	bool ipv6 = p->forward.ipv6 || facts->net.ipv6_forwards;

	for (unsigned int i = 0; i < o->publish_count; i++) {
		const struct publish *publish = &o->publish[i];

		for (unsigned int k = 0; k < p->wire.family_count; k++) {
			const struct address *jail = &p->wire.inner_addresses[k].address;
			struct nft_rule rule = {
				.in = not_in,
				.not_in = true,
				.protocol = publish->protocol,
				.port_first = publish->port,
				.port_last = publish->port,
				.to = *jail,
				.to_port = publish->to,
				.verdict = NFT_DNAT,
			};

			if (jail->family == AF_INET6 && !ipv6)
				continue;
			if (publish->at.family != 0 && publish->at.family != jail->family)
				continue;
			if (publish->at.family != 0 && !is_unspecified(&publish->at)) {
				rule.destination.address = publish->at;
				rule.destination.length = (uint8_t)(8 * address_size(jail->family));
			} else {
				rule.local = true;
				rule.family = jail->family;
			}
			add(b, rule);
		}
	}
}

static void build_publish(struct builder *b, const struct plan *p, const struct options *o,
			  const struct facts *facts)
{
	static const struct prefix loopback4 = { { AF_INET, { 127 } }, 8 };
	static const struct prefix loopback6 = { { AF_INET6, { [15] = 1 } }, 128 };

	if (o->publish_count == 0)
		return;
	open_chain(b, "publish", "nat", NF_INET_PRE_ROUTING, PRIORITY_DNAT, false);
	add_publish(b, p, o, facts, p->wire.outer.index);
	/* For processes of the container itself; its loopback stays its own. */
	open_chain(b, "publish_here", "nat", NF_INET_LOCAL_OUT, PRIORITY_DNAT, false);
	ADD(b, .destination = loopback4, .verdict = NFT_ACCEPT_PACKET);
	ADD(b, .destination = loopback6, .verdict = NFT_ACCEPT_PACKET);
	add_publish(b, p, o, facts, 0);
}

int rules_build(struct plan *p, const struct options *o, const struct facts *facts,
		struct failure *f)
{
	struct builder inner = { .set = &p->inner };
	struct builder outer = { .set = &p->outer };

	p->inner.table = facts->table;
	p->inner.comment = "";
	p->outer.table = facts->table;
	p->outer.comment = p->comment;
	build_inner(&inner, p, &o->policy);
	build_antispoof(&outer, p);
	build_input(&outer, p);
	build_forward(&outer, p, &o->policy);
	build_masquerade(&outer, p);
	build_publish(&outer, p, o, facts);
	if (inner.full || outer.full)
		return fail(f, "rule",
			    "Join ports to ranges and neighbouring addresses with a length",
			    "policy: more than %u rules of nf_tables are needed", NFT_RULES);
	return 0;
}
