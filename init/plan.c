/* SPDX-License-Identifier: MIT */
/*
 * From options and facts to the plan: links and addresses that clash with nothing, forwarding. Identities
 * are in init/plan_ids.c, names in init/plan_names.c, the rules in init/rules.c, the plan as text in
 * init/plan_print.c.
 */
#include "init/plan.h"

#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "init/gate/sockets.h"
#include "init/plan_parts.h"
#include "init/rules.h"

/* Ends of our veth pairs are known by their hardware address, which is locally administered. */
static const uint8_t mac_prefix[4] = { 0xba, 0xbd, 0x1a, 0x11 };

/* Far above what the kernel gives out by itself. */
#define FIRST_INDEX (1U << 20)

/* ---- what is free ---- */

static bool is_jail_link(const struct link_state *l)
{
	return l->veth && memcmp(l->end.mac, mac_prefix, sizeof(mac_prefix)) == 0;
}

static void set_mac(struct link_end *end, unsigned int instance, uint8_t side)
{
	memcpy(end->mac, mac_prefix, sizeof(mac_prefix));
	end->mac[4] = (uint8_t)instance;
	end->mac[5] = side;
}

static bool link_exists(const struct plan *p, const struct survey *net, const struct link_end *end)
{
	for (unsigned int i = 0; i < net->link_count; i++) {
		const struct link_end *there = &net->links[i].end;

		if (there->index == p->leftover_link)
			continue; /* gone before ours is made */
		if (there->index == end->index || strcmp(there->name, end->name) == 0)
			return true;
	}
	return false;
}

static void note_link_name(struct plan *p, uint32_t index, const char *name)
{
	p->link_names[p->link_name_count++] = (struct nft_link_name){ index, name };
}

/* jail0 for the first jail here, and so on; further numbers where a name or an index is taken. */
static int plan_links(struct plan *p, const struct facts *facts, struct failure *f)
{
	for (unsigned int n = facts->instance; n < 64 * INSTANCES; n += INSTANCES) {
		struct link_end *outer = &p->wire.outer;
		struct text name = TEXT_OVER(outer->name);

		text_printf(&name, "jail%u", n);
		outer->index = FIRST_INDEX + 2 * n;
		if (link_exists(p, &facts->net, outer))
			continue;
		p->wire.inner.index = outer->index + 1;
		memcpy(p->wire.inner.name, "eth0", sizeof("eth0"));
		set_mac(outer, facts->instance, 0);
		set_mac(&p->wire.inner, facts->instance, 1);
		note_link_name(p, LINK_LOOPBACK, "lo");
		note_link_name(p, p->wire.inner.index, p->wire.inner.name);
		note_link_name(p, outer->index, outer->name);
		return 0;
	}
	return fail(f, STAGE, "Remove links that are named jail0, jail1, ...",
		    "link: no name is free for the veth pair");
}

static bool allows_addresses(const struct rule *r)
{
	return !r->deny && r->cidr.address.family;
}

/* A rule for everything leads to the world, not to the few addresses that a jail takes for itself. */
static bool leads_to(const struct rule *r, const struct prefix *p)
{
	return allows_addresses(r) && r->cidr.length > 0 && prefix_overlaps(p, &r->cidr);
}

bool plan_may_take(const struct prefix *p, const struct facts *facts, const struct policy *rules)
{
	for (unsigned int i = 0; i < facts->net.taken_count; i++)
		if (prefix_overlaps(p, &facts->net.taken[i]))
			return false;
	for (unsigned int i = 0; i < rules->count; i++)
		if (leads_to(&rules->rules[i], p))
			return false;
	return true;
}

/*
 * Point-to-point subnets, /31 (RFC 3021) and /127 (RFC 6164), sixteen in each of these blocks. Where
 * a link of a killed run still holds one, the next is taken.
 */
static const struct prefix blocks[] = {
	{ { AF_INET, { 10, 200, 114 } }, 31 },
	{ { AF_INET, { 172, 29, 114 } }, 31 },
	{ { AF_INET, { 192, 168, 214 } }, 31 },
	{ { AF_INET, { 100, 90, 114 } }, 31 },
	{ { AF_INET, { 169, 254, 214 } }, 31 },
	{ { AF_INET6, { 0xfd, 0x62, 0x6f, 0x75, 0x6e, 0x64, 0x61, 0x72 } }, 127 },
	{ { AF_INET6, { 0xfd, 0x6a, 0x61, 0x69, 0x6c, 0x00, 0x72, 0x79 } }, 127 },
};

static int plan_subnet(struct plan *p, uint8_t family, const struct facts *facts,
		       const struct policy *rules, struct failure *f)
{
	for (unsigned int b = 0; b < sizeof(blocks) / sizeof(blocks[0]); b++) {
		for (unsigned int n = 0; n < INSTANCES && blocks[b].address.family == family; n++) {
			struct prefix *outer = &p->wire.outer_addresses[p->wire.address_count];
			struct prefix *inner = &p->wire.inner_addresses[p->wire.address_count];
			unsigned int last = address_size(family) - 1;

			*outer = blocks[b];
			outer->address.bytes[last] =
				(uint8_t)(2 * (1 + (facts->instance + n) % INSTANCES));
			if (!plan_may_take(outer, facts, rules))
				continue;
			*inner = *outer;
			inner->address.bytes[last]++;
			p->wire.address_count++;
			p->wire.family_count++;
			return 0;
		}
	}
	return fail(f, STAGE, PLAN_NARROW, "address: every %s subnet for the veth pair is in use",
		    family == AF_INET ? "IPv4" : "IPv6");
}

/* Do rules or published ports need this family? A port on every address is published where it can be. */
static bool asks_for_family(const struct options *o, uint8_t family)
{
	for (unsigned int i = 0; i < o->policy->count; i++)
		if (allows_addresses(&o->policy->rules[i]) &&
		    o->policy->rules[i].cidr.address.family == family)
			return true;
	for (unsigned int i = 0; i < o->publish_count; i++)
		if (o->publish[i].at.family == family ||
		    (o->publish[i].at.family == 0 && family == AF_INET))
			return true;
	return false;
}

/* To observe is to let everything out that can get out. */
static bool uses_family(const struct options *o, uint8_t family)
{
	return o->observe || asks_for_family(o, family);
}

static const struct prefix link_local[2] = {
	{ { AF_INET6, { 0xfe, 0x80, [15] = 1 } }, 64 },
	{ { AF_INET6, { 0xfe, 0x80, [15] = 2 } }, 64 },
};

/* A jail in a container without IPv6 has none either. */
static int plan_ipv6(struct plan *p, const struct options *o, const struct facts *facts,
		     struct failure *f)
{
	for (unsigned int i = 0; i < o->publish_count && !facts->net.ipv6; i++)
		if (o->publish[i].at.family == AF_INET6)
			return fail(f, STAGE, "Publish at an IPv4 address, or at none",
				    "--publish: this container has no IPv6 address");
	if (!facts->net.ipv6)
		return 0;
	if (facts->ipv6_on_new_links) {
		p->wire.outer_addresses[2] = link_local[0];
		p->wire.inner_addresses[2] = link_local[1];
		if (plan_subnet(p, AF_INET6, facts, o->policy, f) < 0)
			return -1;
		p->wire.address_count++;
		return 0;
	}
	if (asks_for_family(o, AF_INET6))
		return fail(
			f, STAGE,
			facts->net.ipv6_forwards ?
				"Start with --sysctl net.ipv6.conf.default.disable_ipv6=0" :
				"Start with --sysctl net.ipv6.conf.default.disable_ipv6=0 "
				"--sysctl net.ipv6.conf.all.forwarding=1",
			"address: IPv6 is switched off for new links, so no IPv6 rule can be upheld");
	return 0;
}

/* The smallest on the way out, so that the agent never sends what has to be cut further on. */
static uint32_t smallest_mtu(const struct survey *net)
{
	uint32_t mtu = 0;

	for (unsigned int i = 0; i < net->link_count; i++) {
		const struct link_state *l = &net->links[i];

		if (l->up && !l->loopback && (mtu == 0 || l->mtu < mtu))
			mtu = l->mtu;
	}
	return mtu == 0 ? 1500 : mtu < 1280 ? 1280 : mtu;
}

/* ---- forwarding ---- */

static int plan_forwarding(struct plan *p, const struct options *o, const struct facts *facts,
			   struct failure *f)
{
	const struct survey *net = &facts->net;
	struct text comment;

	p->forward_ipv4 = uses_family(o, AF_INET);
	p->forward.ipv6 = uses_family(o, AF_INET6) && p->wire.family_count > 1 &&
			  (!net->ipv6_forwards || facts->was_off.ipv6);
	p->ipv6_rules_hold =
		!net->ipv6 || (p->wire.family_count > 1 && (p->forward.ipv6 || net->ipv6_forwards));
	for (unsigned int i = 0; p->forward_ipv4 && i < net->link_count; i++) {
		const struct link_state *l = &net->links[i];

		if (!l->up || l->loopback || is_jail_link(l) ||
		    (l->forwards && !forwarding_has(&facts->was_off, l->end.index)))
			continue;
		if (!forwarding_add(&p->forward, l->end.index))
			return fail(f, STAGE, "Add --sysctl net.ipv4.ip_forward=1",
				    "forwarding: it is off on more than %u links",
				    FORWARDING_LINKS);
		note_link_name(p, l->end.index, l->end.name);
	}
	comment = TEXT_OVER(p->comment);
	forwarding_print(&comment, &p->forward);
	return 0;
}

/* ---- what each mode takes ---- */

static int need_net_admin(const struct plan *p, const struct facts *facts, struct failure *f)
{
	const char *mode = jail_mode_names[p->mode];

	if (facts->caps.effective & CAP_BIT(CAP_NET_ADMIN))
		return 0;
	if (facts->uid != 0 && facts->caps.bounding & CAP_BIT(CAP_NET_ADMIN))
		return fail(
			f, STAGE,
			"Start the container as root and name the agent's user with --user, or give "
			"the file the capability: setcap cap_net_admin+p /sbin/boundary-init",
			"jail %s: CAP_NET_ADMIN is missing, because uid %u starts without "
			"capabilities",
			mode, facts->uid);
	return fail(f, STAGE,
		    facts->uid == 0 ?
			    "Add --cap-add NET_ADMIN" :
			    "Add --cap-add NET_ADMIN, start the container as root and name "
			    "the agent's user with --user",
		    "jail %s: CAP_NET_ADMIN is missing", mode);
}

/* A jail that is the container bounds all that is in it, the gates of others too. */
static int need_free_container(const struct plan *p, const struct facts *facts, struct failure *f)
{
	if (!facts->taken)
		return 0;
	return fail(f, STAGE, "Put only one of them into a pod",
		    "jail %s: the whole container is another jail", jail_mode_names[p->mode]);
}

static int plan_namespaces(struct plan *p, bool any_ids, const struct options *o,
			   const struct facts *facts, struct failure *f)
{
	if (!o->no_userns) {
		p->clone_flags = CLONE_NEWUSER | CLONE_NEWNET;
		if (facts->no_clone.stage) {
			*f = facts->no_clone;
			return -1;
		}
		return plan_id_maps(p, any_ids, facts, f);
	}
	p->clone_flags = CLONE_NEWNET;
	if (o->agent_caps)
		return fail(
			f, STAGE, "Leave one of the two away",
			"--agent-caps: without a user namespace the agent would hold these over the "
			"whole container");
	if (!(facts->caps.effective & CAP_BIT(CAP_SYS_ADMIN)))
		return fail(f, STAGE, "Add --cap-add SYS_ADMIN, or leave --no-userns away",
			    "--no-userns: CAP_SYS_ADMIN is missing");
	return 0;
}

static void note_leftovers(struct plan *p, const struct facts *facts)
{
	for (unsigned int i = 0; i < facts->net.link_count; i++)
		if (is_jail_link(&facts->net.links[i]) &&
		    facts->net.links[i].end.mac[4] == facts->instance)
			p->leftover_link = facts->net.links[i].end.index;
	p->leftover_table = facts->table_left;
}

static int plan_veth(struct plan *p, bool any_ids, const struct options *o,
		     const struct facts *facts, struct failure *f)
{
	if (need_net_admin(p, facts, f) < 0 || need_free_container(p, facts, f) < 0 ||
	    plan_namespaces(p, any_ids, o, facts, f) < 0)
		return -1;
	note_leftovers(p, facts);
	p->ipv6_stack = facts->net.ipv6_stack;
	p->wire.mtu = smallest_mtu(&facts->net);
	if (plan_links(p, facts, f) < 0 || plan_subnet(p, AF_INET, facts, o->policy, f) < 0 ||
	    plan_ipv6(p, o, facts, f) < 0 || plan_forwarding(p, o, facts, f) < 0)
		return -1;
	p->outer.table = facts->table;
	p->outer.comment = p->comment;
	p->init_caps = CAP_BIT(CAP_NET_ADMIN);
	return 0;
}

/* Without a wire TCP alone gets out, by the gate. */
static const struct rule *rule_for_wire(const struct policy *policy)
{
	for (const struct rule *r = policy->rules; r < policy->rules + policy->count; r++)
		if (allows_addresses(r) && r->protocol != IPPROTO_TCP)
			return r;
	return NULL;
}

static int check_wireless(const struct options *o, struct failure *f)
{
	static const char remedy[] = "It takes a jail with CAP_NET_ADMIN: add --cap-add NET_ADMIN";
	const struct rule *r = rule_for_wire(o->policy);

	if (r) {
		char buffer[160];

		return fail(f, STAGE, remedy, "rule '%s': a loopback jail lets out TCP alone",
			    text_shown(buffer, sizeof(buffer), r->text.at, r->text.length));
	}
	if (o->publish_count > 0)
		return fail(f, STAGE, remedy, "--publish: nothing leads into a loopback jail");
	if (o->no_userns)
		return fail(f, STAGE, remedy,
			    "--no-userns: a loopback jail is made by a user namespace");
	return 0;
}

/* Every address is on the loopback, and has one of the container's families to come from. */
static int plan_loopback(struct plan *p, bool any_ids, const struct options *o,
			 const struct facts *facts, struct failure *f)
{
	struct wire *w = &p->wire;

	if (need_free_container(p, facts, f) < 0 || plan_namespaces(p, any_ids, o, facts, f) < 0 ||
	    check_wireless(o, f) < 0 || plan_subnet(p, AF_INET, facts, o->policy, f) < 0 ||
	    (facts->net.ipv6 && plan_subnet(p, AF_INET6, facts, o->policy, f) < 0))
		return -1;
	p->ipv6_rules_hold = p->forward_ipv4 = true; /* nothing has to be forwarded */
	w->inner.index = LINK_LOOPBACK;
	memcpy(w->inner.name, "lo", sizeof("lo"));
	for (unsigned int i = 0; i < w->address_count; i++) {
		memset(w->outer_addresses[i].address.bytes, 0, 16);
		w->inner_addresses[i].length =
			(uint8_t)(8 * address_size(w->inner_addresses[i].address.family));
	}
	note_link_name(p, LINK_LOOPBACK, "lo");
	return 0;
}

/* 127.0.0.11 is Docker's: asked by the gate it asks others in its turn, at a port of its choice. */
static void plan_resolvers(struct plan *p, const struct resolv *resolv)
{
	static const struct address localhost = { AF_INET, { 127, 0, 0, 1 } };

	for (unsigned int i = 0; i < resolv->server_count; i++) {
		const struct address *a = &resolv->servers[i];

		if (a->family == AF_INET && address_is_loopback(a) && !address_equal(a, &localhost))
			p->resolvers[p->resolver_count++] = *a;
	}
}

static int plan_container(struct plan *p, const struct options *o, const struct facts *facts,
			  struct failure *f)
{
	if (need_net_admin(p, facts, f) < 0)
		return -1;
	if (o->agent_caps)
		return fail(
			f, STAGE, "Leave --agent-caps away, or let clone make namespaces",
			"--agent-caps: without a user namespace the agent would hold these over "
			"the whole container");
	if (facts->host_network)
		return fail(
			f, STAGE, "Give the container a network of its own",
			"jail container: this network namespace is the host's own, or /proc/sys/net is hidden");
	if (!facts->alone)
		return fail(f, STAGE,
			    "Put only one of them into a pod, or let clone make namespaces",
			    "jail container: another jail stands in this network namespace");
	note_leftovers(p, facts);
	p->mark = GATE_MARK;
	p->ipv6_stack = facts->net.ipv6_stack;
	p->wire.inner_addresses[0].address = (struct address){ AF_INET, { 127, 0, 0, 1 } };
	p->wire.inner_addresses[1].address = (struct address){ AF_INET6, { [15] = 1 } };
	p->wire.family_count = 1 + facts->net.ipv6;
	p->ipv6_rules_hold = p->forward_ipv4 = true; /* nothing has to be forwarded */
	plan_resolvers(p, &facts->resolv);
	note_link_name(p, LINK_LOOPBACK, "lo");
	p->init_caps = CAP_BIT(CAP_NET_ADMIN);
	return 0;
}

/* ---- the whole ---- */

static void note_idle_rule(struct plan *p, const struct options *o, const struct facts *facts)
{
	for (unsigned int i = 0; i < o->policy->count; i++)
		if (o->policy->rules[i].cidr.address.family == AF_INET6 && !facts->net.ipv6)
			p->idle_rule = o->policy->rules[i].text;
}

static int plan_none(const struct options *o, struct failure *f)
{
	if (o->policy->count == 0 && !o->observe && o->publish_count == 0 && !o->agent_caps &&
	    !o->no_userns)
		return 0;
	return fail(f, STAGE, "Leave --jail=none away, or these options",
		    "--jail=none: rules, --observe, --publish, --agent-caps and --no-userns "
		    "need a jail");
}

int plan_build(struct plan *p, enum jail_mode mode, bool any_ids, const struct options *o,
	       const struct facts *facts, const struct account *account, struct failure *f)
{
	/* The rest is what stands before it in the rulesets, which are built anew. */
	memset(p, 0, offsetof(struct plan, inner));
	p->mode = mode;
	p->program = o->program;
	p->agent_caps = o->agent_caps;
	if (plan_identity(p, facts, account, f) < 0 || (mode == JAIL_NONE && plan_none(o, f) < 0) ||
	    (mode == JAIL_VETH && plan_veth(p, any_ids, o, facts, f) < 0) ||
	    (mode == JAIL_LOOPBACK && plan_loopback(p, any_ids, o, facts, f) < 0) ||
	    (mode == JAIL_CONTAINER && plan_container(p, o, facts, f) < 0))
		return -1;
	/*
	 * Over a user namespace of its own making init has every capability, CAP_KILL included. Without
	 * a jail the agent can become whom it likes.
	 */
	if (mode == JAIL_NONE || (p->agent.uid != facts->uid && !(p->clone_flags & CLONE_NEWUSER)))
		p->init_caps |= CAP_BIT(CAP_KILL);
	p->init_caps &= facts->caps.permitted;
	if (mode == JAIL_NONE)
		return 0;
	note_idle_rule(p, o, facts);
	p->inner.table = facts->table;
	p->inner.comment = "";
	p->logs = true;
	return plan_names(p, o, facts, f) < 0 ? -1 : rules_build(p, o, f);
}

/* ---- another policy ---- */

static bool leads_into_jail(const struct plan *p, const struct rule *r)
{
	for (unsigned int i = 0; i < 2; i++)
		if (leads_to(r, &p->pools[i]) ||
		    (p->wire.address_count > 0 && leads_to(r, &p->wire.inner_addresses[i])))
			return true;
	return false;
}

int plan_change_policy(struct plan *p, const struct options *o, struct failure *f)
{
	if (p->mode == JAIL_LOOPBACK && check_wireless(o, f) < 0)
		return -1;
	for (unsigned int i = 0; i < o->policy->count; i++) {
		const struct rule *r = &o->policy->rules[i];
		bool ipv4 = r->cidr.address.family == AF_INET;
		char buffer[160];
		struct text rule = TEXT_OVER(buffer);

		if (!allows_addresses(r) ||
		    ((ipv4 ? p->forward_ipv4 : p->ipv6_rules_hold) && !leads_into_jail(p, r)))
			continue;
		text_escaped(&rule, r->text.at, r->text.length);
		return fail(
			f, "rule", "Start the container anew with this rule",
			"'%s': it needs forwarding or other addresses, which are set up at the start",
			buffer);
	}
	return rules_build(p, o, f);
}
