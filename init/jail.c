/* SPDX-License-Identifier: MIT */
/*
 * A table of steps. Each is run, in order; when all have run, each is verified by reading back, for
 * an ACK is not a proof; what outlives the agent is undone in the opposite order, the wire first:
 * rules must never go before it.
 */
#include "init/jail.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "init/report.h"
#include "sys/fds.h"

#define STAGE "jail"
#define IPV6_FORWARDING "/proc/sys/net/ipv6/conf/all/forwarding"

/* Messages of one request: at most two for each of the links to forward from, or a wire's. */
#define MESSAGES 32

static char bytes[MESSAGES * NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
static const char *objects[MESSAGES];

static int send_batch(int fd, struct nl_batch *b, enum doing doing, struct failure *f)
{
	struct nl_error e;
	int error = nl_send(fd, b, &e);

	return error ? fail_kernel(f, STAGE, doing, e.object, error, e.text) : 0;
}

static int differs(struct failure *f, const char *object)
{
	return fail(
		f, STAGE,
		"This kernel acknowledges what it does not do (gVisor is known for it), or something "
		"else changed it meanwhile",
		"%s: not what was asked for when read back", object);
}

/* ---- id maps ---- */

static const char *proc_path(char *buffer, size_t size, const struct jail *j, const char *file)
{
	struct text path = text_over(buffer, size);

	text_printf(&path, "/proc/%d/%s", j->agent.pid, file);
	return buffer;
}

static int make_id_maps(struct jail *j, struct failure *f)
{
	const struct plan *p = j->plan;
	char path[64];
	int error;

	if (p->uids.count == 0)
		return 0;
	error = idmap_write(proc_path(path, sizeof(path), j, "uid_map"), &p->uids);
	if (error)
		return fail_errno(f, STAGE, DOING_ID_MAP, "uid map", error);
	if (p->deny_setgroups)
		error = file_write(proc_path(path, sizeof(path), j, "setgroups"), "deny", 4);
	if (!error)
		error = idmap_write(proc_path(path, sizeof(path), j, "gid_map"), &p->gids);
	return error ? fail_errno(f, STAGE, DOING_ID_MAP, "gid map", error) : 0;
}

static int check_id_map(const struct jail *j, const char *file, const struct id_map *wanted,
			struct failure *f)
{
	struct id_map held;
	char path[64];
	int error = idmap_read(proc_path(path, sizeof(path), j, file), &held);

	if (error)
		return fail_errno(f, STAGE, DOING_ID_MAP, file, error);
	return idmap_equal(&held, wanted) ? 0 : differs(f, file);
}

static int check_id_maps(struct jail *j, struct failure *f)
{
	const struct plan *p = j->plan;

	if (p->uids.count == 0)
		return 0;
	return check_id_map(j, "uid_map", &p->uids, f) < 0 ||
			       check_id_map(j, "gid_map", &p->gids, f) < 0 ?
		       -1 :
		       0;
}

/* ---- rules: before the wire, so that nothing ever passes it without them ---- */

static int write_rules(int fd, const struct nft_ruleset *set, bool present, struct failure *f)
{
	struct nl_error e;
	int error = nft_write(fd, set, present, &e);

	return error ? fail_kernel(f, STAGE, DOING_RULES, e.object, error, e.text) : 0;
}

static int check_rules(int fd, const struct nft_ruleset *set, const char *where, struct failure *f)
{
	int same = nft_check(fd, set);

	if (same < 0)
		return fail_errno(f, STAGE, DOING_RULES, where, same);
	return same ? 0 : differs(f, where);
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
	return write_rules(j->inside.filter, &j->plan->inner, false, f);
}

static int check_inner_rules(struct jail *j, struct failure *f)
{
	return check_rules(j->inside.filter, &j->plan->inner, "rules in the jail", f);
}

/* ---- the wire ---- */

static int remove_leftover(struct jail *j, struct failure *f)
{
	struct nl_batch b = NL_BATCH_OVER(bytes, objects);
	struct nl_error e;
	int error;

	if (!j->plan->leftover_link)
		return 0;
	link_delete(&b, j->plan->leftover_link, "link of a run that was killed");
	error = nl_send(j->outside->route, &b, &e);
	if (error && error != -ENODEV) /* its namespace died just now, and it with it */
		return fail_kernel(f, STAGE, DOING_LINK, e.object, error, e.text);
	return 0;
}

static int make_outer_end(struct jail *j, struct failure *f)
{
	const struct plan *p = j->plan;
	const struct wire *w = &p->wire;
	struct nl_batch b = NL_BATCH_OVER(bytes, objects);

	link_add_veth(&b, &w->outer, &w->inner, w->mtu, j->inside.netns);
	if (p->ipv6_stack)
		link_set_no_autoconf(&b, w->outer.index, "IPv6 of the veth");
	if (p->forward_ipv4)
		link_set_forwarding(&b, w->outer.index, true, "IPv4 forwarding of the veth");
	link_set_up(&b, w->outer.index, "veth up");
	for (unsigned int i = 0; i < w->address_count; i++)
		addr_add(&b, w->outer.index, &w->outer_addresses[i], "address of the veth");
	return send_batch(j->outside->route, &b, DOING_LINK, f);
}

static int make_inner_end(struct jail *j, struct failure *f)
{
	const struct plan *p = j->plan;
	const struct wire *w = &p->wire;
	struct nl_batch b = NL_BATCH_OVER(bytes, objects);

	link_set_up(&b, LINK_LOOPBACK, "loopback in the jail");
	if (p->ipv6_stack)
		link_set_no_autoconf(&b, w->inner.index, "IPv6 of the link in the jail");
	link_set_up(&b, w->inner.index, "link in the jail");
	for (unsigned int i = 0; i < w->address_count; i++)
		addr_add(&b, w->inner.index, &w->inner_addresses[i], "address in the jail");
	for (unsigned int i = 0; i < w->family_count; i++)
		route_add_default(&b, w->inner.index, &w->outer_addresses[i].address,
				  "default route in the jail");
	return send_batch(j->inside.route, &b, DOING_LINK, f);
}

static int check_end(int fd, const struct link_end *end, const struct link_end *peer, uint32_t mtu,
		     const char *object, struct failure *f)
{
	struct link_state held;
	int error = link_get(fd, end->index, &held);

	if (error)
		return fail_errno(f, STAGE, DOING_LINK, object, error);
	if (!held.veth || !held.up || !held.running || held.mtu != mtu ||
	    held.peer != peer->index || strcmp(held.end.name, end->name) != 0 ||
	    memcmp(held.end.mac, end->mac, LINK_MAC) != 0)
		return differs(f, object);
	return 0;
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

static int check_addresses(int fd, uint32_t index, const struct prefix *p, unsigned int count,
			   const char *object, struct failure *f)
{
	int there = addr_check(fd, index, p, count);

	if (there < 0)
		return fail_errno(f, STAGE, DOING_LINK, object, there);
	return there ? 0 : differs(f, object);
}

static int check_routes(const struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;

	for (unsigned int i = 0; i < w->family_count; i++) {
		int there = route_check_default(j->inside.route, w->inner.index,
						&w->outer_addresses[i].address);

		if (there < 0)
			return fail_errno(f, STAGE, DOING_LINK, "routes in the jail", there);
		if (!there)
			return differs(f, "default route in the jail");
	}
	return 0;
}

static int check_wire(struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;
	int out = j->outside->route, in = j->inside.route;

	if (check_addresses(out, w->outer.index, w->outer_addresses, w->address_count,
			    "addresses of the veth", f) < 0 ||
	    check_addresses(in, w->inner.index, w->inner_addresses, w->address_count,
			    "addresses in the jail", f) < 0)
		return -1;
	return check_routes(j, f);
}

static void remove_wire(struct jail *j)
{
	struct nl_batch b = NL_BATCH_OVER(bytes, objects);
	struct nl_error e;

	link_delete(&b, j->plan->wire.outer.index, "veth");
	nl_send(j->outside->route, &b, &e);
}

/* ---- forwarding in the container, where it was off ---- */

static int set_ipv4_forwarding(const struct jail *j, bool on, struct nl_error *e)
{
	struct nl_batch b = NL_BATCH_OVER(bytes, objects);

	for (unsigned int i = 0; i < j->plan->forward.count; i++)
		link_set_forwarding(&b, j->plan->forward.links[i], on, "IPv4 forwarding");
	return b.count > 0 ? nl_send(j->outside->route, &b, e) : 0;
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
		return fail_kernel(f, STAGE, DOING_LINK, e.object, error, e.text);
	if (forward->ipv6)
		error = file_write(IPV6_FORWARDING, "1", 1);
	return error ? fail_errno(f, STAGE, DOING_FORWARDING, "IPv6 rules", error) : 0;
}

static int check_forwarding(struct jail *j, struct failure *f)
{
	const struct plan *p = j->plan;
	struct link_state held;
	char value[4];
	int error = 0;

	for (unsigned int i = 0; !error && i < p->forward.count; i++) {
		error = link_get(j->outside->route, p->forward.links[i], &held);
		if (!error && !held.forwards)
			return differs(f, "IPv4 forwarding");
	}
	if (error)
		return fail_errno(f, STAGE, DOING_LINK, "IPv4 forwarding", error);
	if (p->forward.ipv6 &&
	    (file_read(IPV6_FORWARDING, value, sizeof(value)) < 1 || value[0] != '1'))
		return differs(f, "IPv6 forwarding");
	return 0;
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
	int (*make)(struct jail *, struct failure *);
	int (*check)(struct jail *, struct failure *);
	void (*undo)(struct jail *); /* NULL: goes with the agent */
} steps[] = {
	{ make_id_maps, check_id_maps, NULL },
	{ make_outer_rules, check_outer_rules, remove_outer_rules },
	{ make_inner_rules, check_inner_rules, NULL },
	{ make_wire, check_wire, remove_wire },
	{ make_forwarding, check_forwarding, restore_forwarding },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

static int start_agent(struct jail *j, const struct signals_inherited *signals, struct failure *f)
{
	enum doing doing = DOING_CLONE_NETNS;
	int error;

	/* After an exec with file capabilities /proc/PID would belong to root, its uid_map included. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	error = agent_clone(&j->agent, j->plan, signals);
	if (j->plan->uids.count > 0)
		doing = DOING_CLONE_USERNS;
	if (error == -EPERM && doing == DOING_CLONE_USERNS &&
	    !namespaces_clone_is_filtered(j->plan->clone_flags))
		return fail(
			f, STAGE,
			"Leave the chroot, set kernel.unprivileged_userns_clone=1 on the host, or start "
			"with --no-userns and --cap-add SYS_ADMIN",
			"namespaces: the kernel does not permit user namespaces here");
	if (error)
		return fail_errno(f, STAGE, doing, "namespaces", error);
	/* That it is in namespaces of its own is proved by the wire, whose ends are in two of them. */
	error = agent_receive(&j->agent, j->plan->mode == JAIL_NONE ? NULL : &j->inside);
	if (!error)
		return 0;
	agent_abandon(&j->agent);
	return fail_errno(f, STAGE, DOING_NETLINK, "namespaces", error);
}

int jail_make(struct jail *j, const struct plan *p, struct outside *outside,
	      const struct signals_inherited *signals, struct failure *f)
{
	unsigned int count = p->mode == JAIL_NONE ? 0 : STEPS;
	int failed;

	*j = (struct jail){ .plan = p, .outside = outside, .inside = { -1, -1, -1, -1 } };
	failed = start_agent(j, signals, f);
	if (failed)
		return -1;
	for (; !failed && j->made < count; j->made++)
		failed = steps[j->made].make(j, f);
	for (unsigned int i = 0; !failed && i < count; i++)
		if (steps[i].check)
			failed = steps[i].check(j, f);
	close(j->inside.route);
	close(j->inside.filter);
	close(j->inside.events);
	close(j->inside.netns);
	if (failed)
		jail_abandon(j);
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

		if (step->undo)
			step->undo(j);
	}
}
