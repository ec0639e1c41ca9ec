/* SPDX-License-Identifier: MIT */
/*
 * Puts what the plan knows into the table of init/rule_lines.c: links, addresses, the policy, the published
 * ports. A connection that was let through goes on under another policy.
 */
#include "init/rules.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "init/gate/sockets.h"
#include "init/rule_lines.h"

/* Neighbour solicitation and advertisement (RFC 4861): without them IPv6 reaches no neighbour. */
#define ND_FIRST 135
#define ND_LAST 136

/* All that a link's nodes tell each other, multicast listener reports and router solicitations first. */
#define CHATTER_FIRST 130
#define CHATTER_LAST 143

#define DNS_PORT 53

/* A ruleset in the making: rules go to the chain that was opened last. */
struct builder {
	const struct plan *plan;
	const struct options *options;
	struct nft_ruleset *set;
	bool full;
};

static void add(struct builder *b, const struct nft_rule *rule)
{
	if (!nft_rule_append(b->set, rule))
		b->full = true;
}

static void set_host(struct prefix *p, const struct address *a)
{
	p->address = *a;
	p->length = (uint8_t)(8 * address_size(a->family));
}

static void add_from_jail(struct builder *b, struct nft_rule *rule)
{
	for (unsigned int i = 0; i < b->plan->wire.family_count; i++) {
		set_host(&rule->source, &b->plan->wire.inner_addresses[i].address);
		add(b, rule);
	}
}

static void add_to_loopback(struct builder *b, struct nft_rule *rule)
{
	static const struct prefix loopback[] = {
		{ { AF_INET, { 127 } }, 8 },
		{ { AF_INET6, { [15] = 1 } }, 128 },
	};

	for (unsigned int i = 0; i < 2; i++) {
		rule->destination = loopback[i];
		add(b, rule);
	}
}

/* One for each port or range that the rule names: all, or those that are the port of DNS and no more. */
static void add_ports(struct builder *b, struct nft_rule *rule, const struct rule *r, bool dns_only)
{
	unsigned int port = 0;

	rule->port_first = rule->port_last = 0;
	do {
		if (r->port_count > 0) {
			rule->port_first = r->ports[port].first;
			rule->port_last = r->ports[port].last;
		}
		if (!dns_only || (rule->port_first == DNS_PORT && rule->port_last == DNS_PORT))
			add(b, rule);
	} while (++port < r->port_count);
}

static bool refuses(uint8_t verdict)
{
	return verdict == NFT_REJECT_RESET || verdict == NFT_REJECT_PROHIBITED;
}

static void set_gate(struct nft_rule *rule, uint8_t family, uint16_t port)
{
	static const struct address loopback[] = {
		{ AF_INET, { 127, 0, 0, 1 } },
		{ AF_INET6, { [15] = 1 } },
	};

	rule->verdict = NFT_DNAT;
	rule->to = loopback[family == AF_INET6];
	rule->to_port = port;
}

static void add_to_policy(struct builder *b, struct nft_rule *rule, enum what what)
{
	const struct policy *policy = b->options->policy;
	const bool refused = refuses(rule->verdict), to_gate = rule->verdict == NFT_DNAT;

	for (const struct rule *r = policy->rules; r < policy->rules + policy->count; r++) {
		if (!r->cidr.address.family || r->deny != (what == TO_DENIED) ||
		    (b->plan->mode == JAIL_LOOPBACK && !refused && r->protocol != IPPROTO_TCP))
			continue;
		rule->destination = r->cidr;
		rule->protocol = r->protocol;
		if (refused)
			rule->verdict = r->protocol == IPPROTO_TCP ? NFT_REJECT_RESET :
								     NFT_REJECT_PROHIBITED;
		if (to_gate)
			set_gate(rule, r->cidr.address.family, GATE_TCP_PORT);
		add_ports(b, rule, r, what == TO_RESOLVERS);
	}
}

/* ---- to the gate ---- */

static void add_dns(struct builder *b, struct nft_rule *rule)
{
	rule->port_first = rule->port_last = DNS_PORT;
	for (unsigned int i = 0; i < b->plan->wire.family_count; i++) {
		rule->family = b->plan->wire.inner_addresses[i].address.family;
		set_gate(rule, rule->family, GATE_DNS_PORT);
		rule->protocol = IPPROTO_UDP;
		add(b, rule);
		rule->protocol = IPPROTO_TCP;
		add(b, rule);
	}
}

static void add_to_names(struct builder *b, struct nft_rule *rule)
{
	for (const struct prefix *pool = b->plan->pools; pool < b->plan->pools + 2; pool++) {
		if (!pool->address.family)
			continue;
		rule->destination = *pool;
		if (rule->verdict == NFT_DNAT) {
			rule->protocol = IPPROTO_TCP;
			set_gate(rule, pool->address.family, GATE_TCP_PORT);
		}
		add(b, rule);
	}
}

static void add_to_hosts(struct builder *b, struct nft_rule *rule)
{
	const struct policy *policy = b->options->policy;

	rule->protocol = IPPROTO_TCP;
	for (unsigned int i = 0; i < b->plan->host_count; i++) {
		rule->destination = b->plan->hosts[i];
		rule->verdict = NFT_ACCEPT_PACKET;
		for (const struct rule *r = policy->rules;
		     b->plan->mode != JAIL_LOOPBACK && r < policy->rules + policy->count; r++)
			if (!r->deny && r->protocol == IPPROTO_TCP &&
			    prefix_overlaps(&r->cidr, &rule->destination))
				add_ports(b, rule, r, false);
		rule->port_first = rule->port_last = 0;
		set_gate(rule, rule->destination.address.family, GATE_TCP_PORT);
		add(b, rule);
	}
}

static void add_to_any(struct builder *b, struct nft_rule *rule)
{
	rule->protocol = IPPROTO_TCP;
	for (unsigned int i = 0; b->options->observe && i < b->plan->wire.family_count; i++) {
		rule->family = b->plan->wire.inner_addresses[i].address.family;
		set_gate(rule, rule->family, GATE_TCP_PORT);
		add(b, rule);
	}
}

static void add_to_local_resolvers(struct builder *b, struct nft_rule *rule)
{
	for (unsigned int i = 0; i < b->plan->resolver_count; i++) {
		set_host(&rule->destination, &b->plan->resolvers[i]);
		rule->protocol = IPPROTO_TCP;
		rule->verdict = NFT_REJECT_RESET;
		add(b, rule);
		rule->protocol = IPPROTO_UDP; /* ICMP is between the kernel and itself */
		rule->verdict = NFT_REJECT_PROHIBITED;
		add(b, rule);
	}
}

/* ---- published ports ---- */

/* A port that is published on this address of the jail. */
static void add_published(struct builder *b, struct nft_rule *rule, const struct publish *publish,
			  const struct address *jail)
{
	uint8_t family = publish->at.family;

	if ((family && family != jail->family) ||
	    (jail->family == AF_INET6 && !b->plan->ipv6_rules_hold))
		return;
	/* 0.0.0.0 and :: mean every address, as in bind(2). */
	rule->local = address_is_unspecified(&publish->at);
	rule->family = rule->local ? jail->family : 0;
	rule->destination = (struct prefix){ 0 };
	if (!rule->local)
		set_host(&rule->destination, &publish->at);
	rule->protocol = publish->protocol;
	rule->port_first = rule->port_last = publish->port;
	rule->to = *jail;
	rule->to_port = publish->to;
	if (b->plan->mode == JAIL_CONTAINER) {
		rule->verdict = NFT_REDIRECT;
		if (publish->to == publish->port)
			return; /* it is there already */
	}
	add(b, rule);
}

static void add_to_published(struct builder *b, struct nft_rule *rule)
{
	for (unsigned int i = 0; i < b->options->publish_count; i++)
		for (unsigned int k = 0; k < b->plan->wire.family_count; k++)
			add_published(b, rule, &b->options->publish[i],
				      &b->plan->wire.inner_addresses[k].address);
}

static void set_link(enum link link, uint32_t wire, uint32_t *index, bool *unequal)
{
	if (link == LO)
		*index = LINK_LOOPBACK;
	else if (link != ANY)
		*index = wire;
	*unequal = link == NOT_WIRE;
	if (link == WIRE && wire == LINK_LOOPBACK)
		*unequal = true; /* every link that leads out */
}

/* What no rule lets out: refused, unless all of it is to be seen. */
static bool is_last_word(const struct rule_line *line)
{
	return (line->what == TCP || line->what == ALL) &&
	       (line->chain == LEAVING ? line->verdict == NFT_DROP_PACKET :
					 refuses(line->verdict) && line->chain != INPUT);
}

/*
 * `wire` is what WIRE stands for, the end on this side, or the link that FORWARDING does. The loopback, where
 * there is no wire: then every other link does.
 */
static void add_line(struct builder *b, const struct rule_line *line, uint32_t wire)
{
	struct nft_rule rule = { .verdict = line->verdict };

	rule.chain = (uint8_t)(b->set->chain_count - 1);
	set_link(line->in, wire, &rule.in, &rule.not_in);
	set_link(line->out, wire, &rule.out, &rule.not_out);
	rule.stray = line->what == STRAY;
	rule.established = line->what == ESTABLISHED || line->what == REPLY;
	rule.reply = line->what == REPLY && !b->options->observe;
	rule.translated = line->what == TRANSLATED || line->what == TO_GATE;
	rule.local = line->what == TO_GATE || line->what == TO_ITSELF || line->what == OWN_HERE;
	rule.foreign = line->what == FOREIGN;
	rule.midway = line->what == MIDWAY;
	rule.mark = line->what == OWN || line->what == OWN_HERE ? b->plan->mark : 0;
	if (b->plan->logs && !rule.mark &&
	    ((line->chain == OUTPUT && (refuses(line->verdict) || rule.foreign)) ||
	     (line->chain == LEAVING && line->verdict == NFT_DROP_PACKET && !b->options->observe)))
		rule.log_group = GATE_LOG_GROUP;
	if (b->options->observe && b->plan->mode != JAIL_LOOPBACK && is_last_word(line))
		rule.verdict = NFT_ACCEPT_PACKET;
	switch ((enum what)line->what) {
	case TCP:
	case MIDWAY:
		rule.protocol = IPPROTO_TCP;
		break;
	case JAILS_NEIGHBOURS:
	case NEIGHBOURS:
	case CHATTER:
		/* A container without an address that is routed has link-local ones all the same. */
		if (b->plan->wire.family_count < 2 &&
		    !(b->plan->mode == JAIL_CONTAINER && b->plan->ipv6_stack))
			return;
		if (line->what == JAILS_NEIGHBOURS)
			set_host(&rule.source, &b->plan->wire.inner_addresses[2].address);
		rule.protocol = IPPROTO_ICMPV6;
		rule.icmp6_first = line->what == CHATTER ? CHATTER_FIRST : ND_FIRST;
		rule.icmp6_last = line->what == CHATTER ? CHATTER_LAST : ND_LAST;
		break;
	case FROM_JAIL:
		add_from_jail(b, &rule);
		return;
	case TO_LOOPBACK:
		add_to_loopback(b, &rule);
		return;
	case TO_POLICY:
	case TO_RESOLVERS:
	case TO_DENIED:
		add_to_policy(b, &rule, line->what);
		return;
	case TO_LOCAL_RESOLVERS:
		add_to_local_resolvers(b, &rule);
		return;
	case DNS:
		add_dns(b, &rule);
		return;
	case TO_NAMES:
		add_to_names(b, &rule);
		return;
	case TO_HOSTS:
		add_to_hosts(b, &rule);
		return;
	case TO_ANY:
		add_to_any(b, &rule);
		return;
	case TO_PUBLISHED:
		add_to_published(b, &rule);
		return;
	case ALL:
	case STRAY:
	case ESTABLISHED:
	case REPLY:
	case TRANSLATED:
	case OWN:
	case OWN_HERE:
	case TO_ITSELF:
	case FOREIGN:
	case TO_GATE:
		break;
	}
	add(b, &rule);
}

static void build(struct builder *b, struct nft_ruleset *set, uint32_t wire, enum chain first,
		  enum chain last)
{
	const unsigned int mode = 1U << b->plan->mode;

	b->set = set;
	set->chain_count = set->rule_count = 0;
	for (enum chain chain = first; chain <= last; chain++) {
		if (!(rule_chain_modes[chain] & mode))
			continue;
		set->chains[set->chain_count++] = rule_chains[chain];
		for (const struct rule_line *line = rule_lines; line < rule_lines + rule_line_count;
		     line++) {
			if (line->chain != chain || !(line->modes & mode))
				continue;
			if (line->in != FORWARDING)
				add_line(b, line, wire);
			for (unsigned int i = 0;
			     line->in == FORWARDING && i < b->plan->forward.count; i++)
				add_line(b, line, b->plan->forward.links[i]);
		}
	}
}

int rules_build(struct plan *p, const struct options *o, struct failure *f)
{
	struct builder b = { .plan = p, .options = o };
	const enum chain last = o->publish_count > 0 ? PUBLISH_HERE : POSTROUTING;

	if (p->mode == JAIL_CONTAINER) {
		build(&b, &p->inner, LINK_LOOPBACK, NAMES, last);
	} else {
		build(&b, &p->inner, p->wire.inner.index, NAMES, LEAVING);
		build(&b, &p->outer, p->wire.outer.index, ANTISPOOF, last);
	}
	if (b.full)
		return fail(f, "rule",
			    "Join ports to ranges and neighbouring addresses with a length",
			    "policy: more than %u rules of nf_tables are needed", NFT_RULES);
	return 0;
}
