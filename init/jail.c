/* SPDX-License-Identifier: MIT */
/*
 * A table of steps. Each is run, in order; when all have run, each is verified by reading back, for
 * an ACK is not a proof; what outlives the agent is undone in the opposite order, the wire first:
 * rules must never go before it.
 */
#include "init/jail.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "init/report.h"
#include "sys/fds.h"
#include "sys/process.h"

#define STAGE "jail"
#define IPV6_FORWARDING "/proc/sys/net/ipv6/conf/all/forwarding"

/* `e` is filled where there is an error. */
static int refused(struct failure *f, enum doing doing, const struct nl_error *e, int error)
{
	// cppcheck-suppress uninitvar
	return error ? fail_kernel(f, STAGE, doing, e->object, error, e->text) : 0;
}

static int send_links(int fd, struct failure *f)
{
	struct nl_error e;
	int error = nl_send(fd, &e);

	return refused(f, DOING_LINK, &e, error);
}

/* What reading back says: 1 as planned, 0 not so, or -errno. */
static int judge(struct failure *f, enum doing doing, const char *object, int same)
{
	if (same > 0)
		return 0;
	if (same < 0)
		return fail_errno(f, STAGE, doing, object, same);
	return fail(
		f, STAGE,
		"The kernel acknowledges what it does not do, as gVisor does, or something else "
		"changed it",
		"%s: not what was asked for when read back", object);
}

/* ---- id maps ---- */

/* The files of the agent's process, in the order that they have to be written in. */
static const char *const id_files[] = { "setgroups", "uid_map", "gid_map" };

enum { SETGROUPS, UIDS, GIDS, ID_FILES };

#define PROC_PATH 64

static const char *proc_path(char *buffer, const struct jail *j, unsigned int file)
{
	struct text path = text_over(buffer, PROC_PATH);

	text_printf(&path, "/proc/%d/%s", j->agent.pid, id_files[file]);
	return buffer;
}

static const struct id_map *id_map(const struct jail *j, unsigned int file)
{
	return file == UIDS ? &j->plan->uids : &j->plan->gids;
}

static int make_id_maps(struct jail *j, struct failure *f)
{
	char path[PROC_PATH];
	int error = 0;

	for (unsigned int i = j->plan->deny_setgroups ? SETGROUPS : UIDS; !error && i < ID_FILES;
	     i++) {
		if (i != SETGROUPS && id_map(j, i)->count == 0)
			continue; /* no user namespace, or nothing that can be mapped */
		proc_path(path, j, i);
		error = i == SETGROUPS ? file_write(path, "deny", 4) :
					 idmap_write(path, id_map(j, i));
		if (error)
			return fail_errno(f, STAGE, DOING_ID_MAP, id_files[i], error);
	}
	return 0;
}

static int check_id_maps(struct jail *j, struct failure *f)
{
	struct id_map held;
	char path[PROC_PATH];
	int result = 0;

	for (unsigned int i = UIDS; !result && j->plan->clone_flags & CLONE_NEWUSER && i < ID_FILES;
	     i++) {
		int error = idmap_read(proc_path(path, j, i), &held);

		result = judge(f, DOING_ID_MAP, id_files[i],
			       error ? error : idmap_equal(&held, id_map(j, i)));
	}
	return result;
}

/* ---- rules: before the wire, so that nothing ever passes it without them ---- */

static int write_rules(int fd, const struct nft_ruleset *set, bool present, struct failure *f)
{
	struct nl_error e;

	return refused(f, DOING_RULES, &e, nft_write(fd, set, present, &e));
}

static int check_rules(int fd, const struct nft_ruleset *set, const char *where, struct failure *f)
{
	return judge(f, DOING_RULES, where, nft_check(fd, set));
}

static int make_outer_rules(struct jail *j, struct failure *f)
{
	return write_rules(j->outside->filter, &j->plan->outer, j->plan->leftover_table, f);
}

static int check_outer_rules(struct jail *j, struct failure *f)
{
	return check_rules(j->outside->filter, &j->plan->outer, "rules in the container", f);
}

static void remove_outer_rules(struct jail *j)
{
	struct nl_error e;

	nft_delete(j->outside->filter, j->plan->outer.table, &e);
}

static int make_inner_rules(struct jail *j, struct failure *f)
{
	const struct plan *p = j->plan;

	return write_rules(j->inside.filter, &p->inner,
			   p->mode == JAIL_CONTAINER && p->leftover_table, f);
}

static int check_inner_rules(struct jail *j, struct failure *f)
{
	return check_rules(j->inside.filter, &j->plan->inner, "rules in the jail", f);
}

static void remove_inner_rules(struct jail *j)
{
	struct nl_error e;

	/* Those of another namespace go with it. */
	if (j->plan->mode == JAIL_CONTAINER)
		nft_delete(j->outside->filter, j->plan->inner.table, &e);
}

/*
 * The wall in the container first, which the agent cannot touch: should it have made its own rules
 * impossible to replace (with --agent-caps it can), a narrower policy holds all the same.
 */
int jail_change_rules(struct jail *j, const struct options *o, struct failure *f)
{
	struct plan *p = j->plan;

	bool wall = p->mode == JAIL_VETH;

	if (plan_change_policy(p, o, f) < 0 ||
	    (wall && write_rules(j->outside->filter, &p->outer, true, f) < 0))
		return -1;
	if ((wall && check_outer_rules(j, f) < 0) ||
	    write_rules(j->inside.filter, &p->inner, true, f) < 0 || check_inner_rules(j, f) < 0)
		return 1;
	return 0;
}

/* ---- the wire ---- */

static int remove_leftover(struct jail *j, struct failure *f)
{
	struct nl_error e;
	int error;

	if (!j->plan->leftover_link)
		return 0;
	link_delete(j->plan->leftover_link, "link of a run that was killed");
	error = nl_send(j->outside->route, &e);
	/* ENODEV: its namespace died just now, and it with it. */
	return error == -ENODEV ? 0 : refused(f, DOING_LINK, &e, error);
}

static void add_addresses(const struct wire *w, uint32_t index, const struct prefix *p,
			  const char *object)
{
	for (unsigned int i = 0; i < w->address_count; i++)
		addr_add(index, &p[i], object);
}

static int make_outer_end(struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;

	link_add_veth(&w->outer, &w->inner, w->mtu, j->inside.netns);
	if (j->plan->ipv6_stack)
		link_set_no_autoconf(w->outer.index, "IPv6 of the veth");
	if (j->plan->forward_ipv4)
		link_set_forwarding(w->outer.index, true, "IPv4 forwarding of the veth");
	link_set_up(w->outer.index, "veth up");
	add_addresses(w, w->outer.index, w->outer_addresses, "address of the veth");
	return send_links(j->outside->route, f);
}

static int make_inner_end(struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;

	if (j->plan->ipv6_stack)
		link_set_no_autoconf(w->inner.index, "IPv6 of the link in the jail");
	link_set_up(w->inner.index, "link in the jail");
	add_addresses(w, w->inner.index, w->inner_addresses, "address in the jail");
	for (unsigned int i = 0; i < w->family_count; i++)
		route_add_default(w->inner.index, &w->outer_addresses[i].address,
				  "default route in the jail");
	return send_links(j->inside.route, f);
}

static int check_end(int fd, const struct link_end *end, const struct link_end *peer, uint32_t mtu,
		     const char *object, struct failure *f)
{
	struct link_state held;
	int error = link_get(fd, end->index, &held);

	return judge(f, DOING_LINK, object,
		     error ? error :
			     held.veth && held.up && held.running && held.mtu == mtu &&
				     held.peer == peer->index &&
				     strcmp(held.end.name, end->name) == 0 &&
				     memcmp(held.end.mac, end->mac, LINK_MAC) == 0);
}

/*
 * Asking for a link also completes its coming up: else the first packet of some jails waits for a
 * second. So the ends are verified right here and not with the rest.
 */
static int check_ends(const struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;

	if (check_end(j->inside.route, &w->inner, &w->outer, w->mtu, "link in the jail", f) < 0)
		return -1;
	return check_end(j->outside->route, &w->outer, &w->inner, w->mtu, "veth", f);
}

/*
 * IPv6 addresses work a moment after they are added; a packet in between would wait for a second.
 * The kernel's word for it is awaited, but a kernel that keeps silent is no failure.
 */
static void await_ipv6(const struct jail *j, int outer_events)
{
	const struct wire *w = &j->plan->wire;
	unsigned int count = w->address_count - 1;

	if (addr_await(outer_events, w->outer.index, w->outer_addresses + 1, count) == 0)
		addr_await(j->inside.events, w->inner.index, w->inner_addresses + 1, count);
}

static int make_wire(struct jail *j, struct failure *f)
{
	int events = -1;

	if (j->plan->wire.address_count > 1) {
		events = nl_open_events(RTNLGRP_IPV6_IFADDR);
		if (events < 0)
			return fail_errno(f, STAGE, DOING_NETLINK, "events", events);
	}
	if (remove_leftover(j, f) < 0 || make_outer_end(j, f) < 0 || make_inner_end(j, f) < 0 ||
	    check_ends(j, f) < 0) {
		close(events);
		return -1;
	}
	if (events >= 0)
		await_ipv6(j, events);
	close(events);
	return 0;
}

static int check_inner_end(struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;
	int in = j->inside.route;
	int result = judge(f, DOING_LINK, "addresses in the jail",
			   addr_check(in, w->inner.index, w->inner_addresses, w->address_count));

	for (unsigned int i = 0; !result && i < w->family_count; i++)
		result = judge(f, DOING_LINK, "default route in the jail",
			       route_check_default(in, w->inner.index,
						   &w->outer_addresses[i].address));
	return result;
}

static int check_wire(struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;
	int out = j->outside->route;

	if (judge(f, DOING_LINK, "addresses of the veth",
		  addr_check(out, w->outer.index, w->outer_addresses, w->address_count)) < 0)
		return -1;
	return check_inner_end(j, f);
}

static void remove_wire(struct jail *j)
{
	struct nl_error e;

	link_delete(j->plan->wire.outer.index, "veth");
	nl_send(j->outside->route, &e);
}

/* ---- in the container itself ---- */

/*
 * The rules are asked about a packet when it has a route; so that all of them are refused or led to the gate,
 * also those to addresses that stand for names, all have one, if need be this.
 */
static int make_last_routes(struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;

	for (unsigned int i = 0; i < w->family_count; i++)
		route_add_last(&w->inner_addresses[i].address, "last route");
	return send_links(j->outside->route, f);
}

static void remove_last_routes(struct jail *j)
{
	const struct wire *w = &j->plan->wire;
	struct nl_error e;

	for (unsigned int i = 0; i < w->family_count; i++)
		route_delete_last(w->inner_addresses[i].address.family, "");
	nl_send(j->outside->route, &e);
}

static int check_last_routes(struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;
	int result = 0;

	for (unsigned int i = 0; !result && i < w->family_count; i++) {
		const struct address none = { .family = w->inner_addresses[i].address.family };

		result = judge(f, DOING_LINK, "last route",
			       route_check_default(j->outside->route, LINK_LOOPBACK, &none));
	}
	return result;
}

/* ---- forwarding in the container, where it was off ---- */

static int set_ipv4_forwarding(const struct jail *j, bool on, struct nl_error *e)
{
	const struct forwarding *forward = &j->plan->forward;

	for (unsigned int i = 0; i < forward->count; i++)
		link_set_forwarding(forward->links[i], on, "IPv4 forwarding");
	return forward->count > 0 ? nl_send(j->outside->route, e) : 0;
}

static int make_forwarding(struct jail *j, struct failure *f)
{
	const struct forwarding *forward = &j->plan->forward;
	struct nl_error e;
	int error;

	if (forward->count == 0 && !forward->ipv6)
		return 0;
	error = preflight_need_forwarding(j->outside);
	if (error)
		return fail_errno(f, STAGE, DOING_ANYTHING, "forwarding", error);
	error = set_ipv4_forwarding(j, true, &e);
	if (error)
		return refused(f, DOING_LINK, &e, error);
	if (forward->ipv6)
		error = file_write(IPV6_FORWARDING, "1", 1);
	return error ? fail_errno(f, STAGE, DOING_FORWARDING, "IPv6 rules", error) : 0;
}

static int check_forwarding(struct jail *j, struct failure *f)
{
	const struct forwarding *forward = &j->plan->forward;
	struct link_state held;
	int result = 0;

	for (unsigned int i = 0; !result && i < forward->count; i++) {
		int error = link_get(j->outside->route, forward->links[i], &held);

		result = judge(f, DOING_LINK, "IPv4 forwarding", error ? error : held.forwards);
	}
	if (!result && forward->ipv6) {
		char value[4];

		result = judge(f, DOING_ANYTHING, "IPv6 forwarding",
			       file_read(IPV6_FORWARDING, value, sizeof(value)) > 0 &&
				       value[0] == '1');
	}
	return result;
}

/* Other jails here may still need it; they have noted what was off too, and the last one restores. */
static void restore_forwarding(struct jail *j)
{
	struct nl_error e;

	if (j->outside->forwarding < 0 || preflight_forwarding_needed(j->outside))
		return;
	set_ipv4_forwarding(j, false, &e);
	if (j->plan->forward.ipv6)
		file_write(IPV6_FORWARDING, "0", 1);
}

/* ---- the whole ---- */

static const struct step {
	unsigned int modes;
	int (*make)(struct jail *, struct failure *);
	int (*check)(struct jail *, struct failure *);
	void (*undo)(struct jail *); /* NULL: goes with the agent */
} steps[] = {
	{ MODE_VETH | MODE_LOOPBACK, make_id_maps, check_id_maps, NULL },
	{ MODE_VETH, make_outer_rules, check_outer_rules, remove_outer_rules },
	{ MODE_VETH | MODE_LOOPBACK | MODE_CONTAINER, make_inner_rules, check_inner_rules,
	  remove_inner_rules },
	{ MODE_VETH, make_wire, check_wire, remove_wire },
	{ MODE_CONTAINER, make_last_routes, check_last_routes, remove_last_routes },
	{ MODE_LOOPBACK, make_inner_end, check_inner_end, NULL },
	{ MODE_VETH, make_forwarding, check_forwarding, restore_forwarding },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* On trial only what a loopback jail has too, where all of that is in the namespaces of the agent's process. */
static bool has_step(const struct jail *j, unsigned int step)
{
	unsigned int modes = steps[step].modes;

	return modes >> j->plan->mode & 1 &&
	       (!j->trial || (j->plan->clone_flags && modes & MODE_LOOPBACK));
}

static int start_agent(struct jail *j, const struct signals_inherited *signals, struct failure *f)
{
	enum doing doing = DOING_CLONE_NETNS;
	int error;

	/* After an exec with file capabilities /proc/PID would belong to root, its uid_map included. */
	process_control(PR_SET_DUMPABLE, 1, 0);
	error = agent_clone(&j->agent, j->plan, signals);
	if (j->plan->clone_flags & CLONE_NEWUSER)
		doing = DOING_CLONE_USERNS;
	if (error == -EPERM && doing == DOING_CLONE_USERNS &&
	    !namespaces_clone_is_filtered(j->plan->clone_flags))
		return fail(
			f, STAGE,
			"Leave the chroot, set kernel.unprivileged_userns_clone=1 on the host, or start "
			"with --jail=container and --cap-add NET_ADMIN",
			"namespaces: the kernel does not permit user namespaces here");
	if (error)
		return fail_errno(f, STAGE, doing,
				  j->plan->clone_flags ? "namespaces" : "agent's process", error);
	/* That it is in namespaces of its own is proved by the wire, whose ends are in two of them. */
	if (agent_receive(&j->agent, &j->inside, f) == 0)
		return 0;
	agent_abandon(&j->agent);
	return -1;
}

static void forget_logs(struct plan *p)
{
	p->logs = false;
	for (unsigned int i = 0; i < p->inner.rule_count; i++)
		p->inner.rules[i].log_group = 0;
}

static int make(struct jail *j, const struct signals_inherited *signals, struct failure *f)
{
	int failed = start_agent(j, signals, f);

	if (failed)
		return -1;
	if (j->inside.gate[GATE_PACKETS] < 0)
		forget_logs(j->plan);
	for (; !failed && j->made < STEPS; j->made++)
		if (has_step(j, j->made))
			failed = steps[j->made].make(j, f);
	for (unsigned int i = 0; !failed && i < STEPS; i++)
		if (has_step(j, i))
			failed = steps[i].check(j, f);
	close(j->inside.route);
	close(j->inside.events);
	close(j->inside.netns);
	nl_rest();
	if (failed)
		jail_abandon(j);
	return failed;
}

int jail_make(struct jail *j, struct plan *p, struct outside *outside,
	      const struct signals_inherited *signals, struct failure *f)
{
	*j = (struct jail){ .plan = p, .outside = outside };
	return make(j, signals, f);
}

/* What is not there cannot be removed; but who may write no rules in the container is told so before. */
static int may_write_rules(const struct jail *j, struct failure *f)
{
	struct nl_error e;
	int error = nft_delete(j->outside->filter, "boundary_init", &e);

	return error == -ENOENT ? 0 : refused(f, DOING_RULES, &e, error);
}

int jail_try(struct plan *p, struct outside *outside, const struct signals_inherited *signals,
	     struct failure *f)
{
	struct jail j = { .plan = p, .outside = outside, .trial = true };
	struct link_state lo;
	int failed;

	/* The agent's process brings up the loopback, and this one is the container's. */
	if (p->mode == JAIL_CONTAINER &&
	    (link_get(outside->route, LINK_LOOPBACK, &lo) < 0 || !lo.up))
		return may_write_rules(&j, f);
	failed = make(&j, signals, f);
	if (failed)
		return -1;
	if (p->mode == JAIL_VETH)
		failed = may_write_rules(&j, f);
	close(j.inside.filter);
	for (unsigned int i = 0; i < GATE_SOCKETS; i++)
		close(j.inside.gate[i]);
	jail_abandon(&j);
	return failed;
}

void jail_abandon(struct jail *j)
{
	agent_abandon(&j->agent);
	jail_remove(j);
}

void jail_remove(struct jail *j)
{
	while (j->made > 0) {
		const struct step *step = &steps[--j->made];

		if (has_step(j, j->made) && step->undo)
			step->undo(j);
	}
}
