/* SPDX-License-Identifier: MIT */
#include <sched.h>
#include <sys/socket.h>

#include "init/gate/sockets.h"
#include "init/plan.h"
#include "sys/cap_names.h"

static void print_id_map(struct text *t, const char *label, const struct id_map *map)
{
	for (unsigned int i = 0; i < map->count; i++) {
		text_printf(t, "%s       %u %u %u\n", label, map->extents[i].first,
			    map->extents[i].lower, map->extents[i].count);
	}
}

static void print_wire(struct text *t, const struct wire *w)
{
	const bool pair = w->outer.index != 0;

	if (pair)
		text_printf(
			t,
			"link          %s (index %u) <-> %s in the jail (index %u), veth, mtu %u\n",
			w->outer.name, w->outer.index, w->inner.name, w->inner.index, w->mtu);
	for (unsigned int i = 0; i < w->address_count; i++) {
		text_printf(t, "address       ");
		if (pair) {
			prefix_print(t, &w->outer_addresses[i]);
			text_printf(t, " on %s, ", w->outer.name);
		}
		prefix_print(t, &w->inner_addresses[i]);
		text_printf(t, " on %s in the jail\n", w->inner.name);
	}
	for (unsigned int i = 0; i < w->family_count && w->address_count > 0; i++) {
		text_printf(t, "route         default ");
		if (pair) {
			text_printf(t, "via ");
			address_print(t, &w->outer_addresses[i].address);
			text_char(t, ' ');
		}
		text_printf(t, "dev %s in the jail\n", w->inner.name);
	}
}

static void print_gate(struct text *t, const struct plan *p)
{
	for (unsigned int i = 0; i < p->wire.family_count; i++) {
		const char *loopback = i == 0 ? "127.0.0.1" : "[::1]";

		if (p->pools[i].address.family) {
			text_printf(t, "names         ");
			prefix_print(t, &p->pools[i]);
			text_printf(t, ", decided by the gate\n");
		}
		text_printf(t, "listen        %s:%u, %s:%u%s, for the gate\n", loopback,
			    GATE_TCP_PORT, loopback, GATE_DNS_PORT,
			    p->clone_flags ? " in the jail" : "");
	}
}

static const char *link_name(const struct plan *p, uint32_t index)
{
	for (unsigned int i = 0; i < p->link_name_count; i++)
		if (p->link_names[i].index == index)
			return p->link_names[i].name;
	return "?";
}

static void print_forwarding(struct text *t, const struct plan *p)
{
	if (p->forward_ipv4) {
		text_printf(t, "forwarding    IPv4 on %s", p->wire.outer.name);
		for (unsigned int i = 0; i < p->forward.count; i++)
			text_printf(t, ", %s (restored at exit)",
				    link_name(p, p->forward.links[i]));
		text_char(t, '\n');
	}
	if (p->forward.ipv6) {
		text_printf(t, "forwarding    IPv6 on all links (restored at exit)\n");
	}
}

/* As `nft -y list table` shows it. */
static void print_ruleset(struct text *t, const char *where, const struct nft_ruleset *set,
			  const struct plan *p)
{
	unsigned int next = 0;

	text_printf(t, "rules         %s\ntable inet %s {\n", where, set->table);
	if (set->comment[0])
		text_printf(t, "\tcomment \"%s\"\n", set->comment);
	for (unsigned int i = 0; i < set->chain_count; i++) {
		text_printf(t, "%s\tchain %s {\n\t\t", i > 0 ? "\n" : "", set->chains[i].name);
		nft_chain_print(t, &set->chains[i]);
		text_char(t, '\n');
		for (; next < set->rule_count && set->rules[next].chain == i; next++) {
			text_printf(t, "\t\t");
			nft_rule_print(t, &set->rules[next], p->link_names, p->link_name_count);
			text_char(t, '\n');
		}
		text_printf(t, "\t}\n");
	}
	text_printf(t, "}\n");
}

static void print_caps(struct text *t, uint64_t caps)
{
	if (caps == 0)
		text_printf(t, "none");
	cap_names_print(t, caps);
}

static void print_jail(struct text *t, const struct plan *p)
{
	text_printf(t, "namespaces    %s\n",
		    p->clone_flags & CLONE_NEWUSER ? "user, network" :
		    p->clone_flags		   ? "network" :
						     "none: the container is the jail");
	print_id_map(t, "uid map", &p->uids);
	print_id_map(t, "gid map", &p->gids);
	if (p->deny_setgroups) {
		text_printf(t, "setgroups     deny\n");
	}
	if (p->leftover_link) {
		text_printf(t, "remove        link %u of a run that was killed\n",
			    p->leftover_link);
	}
	if (p->leftover_table) {
		text_printf(t, "replace       table inet %s of a run that was killed\n",
			    p->inner.table);
	}
	print_wire(t, &p->wire);
	for (unsigned int i = 0; p->mode == JAIL_CONTAINER && i < p->wire.family_count; i++)
		text_printf(t, "route         default dev lo metric %u, IPv%c (removed at exit)\n",
			    UINT32_MAX, i == 0 ? '4' : '6');
	print_gate(t, p);
	if (p->mode == JAIL_VETH)
		print_forwarding(t, p);
	print_ruleset(t, p->clone_flags ? "in the jail" : "in the container", &p->inner, p);
	if (p->mode == JAIL_VETH)
		print_ruleset(t, "in the container", &p->outer, p);
}

static void print_agent(struct text *t, const struct plan *p)
{
	text_printf(t, "agent         uid %u, gid %u", p->agent.uid, p->agent.gid);
	for (unsigned int i = 0; i < p->agent.group_count; i++)
		text_printf(t, "%s%u", i > 0 ? "," : ", groups ", p->agent.groups[i]);
	if (p->mode != JAIL_NONE) {
		text_printf(t, "; capabilities: ");
		print_caps(t, p->agent_caps);
		text_printf(
			t, "; no_new_privs, system call filter, signals scoped where Landlock can");
	}
	text_char(t, '\n');
	text_printf(t, "program       ");
	for (char **argument = p->program; *argument; argument++) {
		text_escaped(t, *argument, __builtin_strlen(*argument));
		text_char(t, argument[1] ? ' ' : '\n');
	}
	if (!*p->program)
		text_printf(t, "(none given)\n");
}

void plan_print(const struct plan *p, struct text *t)
{
	text_printf(t, "jail          %s\n", jail_mode_names[p->mode]);
	if (p->mode != JAIL_NONE)
		print_jail(t, p);
	text_printf(t, "init          capabilities: ");
	print_caps(t, p->init_caps);
	text_printf(t, "; no_new_privs, not dumpable\n");
	print_agent(t, p);
}
