/* SPDX-License-Identifier: MIT */
/* The steps about links, addresses and routes: in the jail, and in the container. */
#include "init/jail_parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "sys/fds.h"

#define IPV6_FORWARDING "/proc/sys/net/ipv6/conf/all/forwarding"

static int send_links(int fd, struct failure *f)
{
	struct nl_error e;
	int error = nl_send(fd, &e);

	return refused(f, DOING_LINK, &e, error);
}

/* ---- the wire ---- */

static int remove_leftover(struct jail *j, struct failure *f)
{
	struct nl_error e;
	int error;

	if (j->plan->leftover_table)
		remove_last_routes(j); /* if the killed one was the container */
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

int make_inner_end(struct jail *j, struct failure *f)
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

int make_wire(struct jail *j, struct failure *f)
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

int check_inner_end(struct jail *j, struct failure *f)
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

int check_wire(struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;
	int out = j->outside->route;

	if (judge(f, DOING_LINK, "addresses of the veth",
		  addr_check(out, w->outer.index, w->outer_addresses, w->address_count)) < 0)
		return -1;
	return check_inner_end(j, f);
}

void remove_wire(struct jail *j)
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
int make_last_routes(struct jail *j, struct failure *f)
{
	const struct wire *w = &j->plan->wire;
	int error = preflight_take_container(j->outside);

	if (error)
		return fail_errno(f, STAGE, DOING_ANYTHING, "instance", error);
	for (unsigned int i = 0; i < w->family_count; i++)
		route_add_last(&w->inner_addresses[i].address, "last route");
	return send_links(j->outside->route, f);
}

void remove_last_routes(struct jail *j)
{
	const struct wire *w = &j->plan->wire;
	struct nl_error e;

	for (unsigned int i = 0; i < w->family_count; i++)
		route_delete_last(w->inner_addresses[i].address.family, "");
	nl_send(j->outside->route, &e);
}

int check_last_routes(struct jail *j, struct failure *f)
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

int make_forwarding(struct jail *j, struct failure *f)
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

int check_forwarding(struct jail *j, struct failure *f)
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
void restore_forwarding(struct jail *j)
{
	struct nl_error e;

	if (j->outside->forwarding < 0 || preflight_forwarding_needed(j->outside))
		return;
	set_ipv4_forwarding(j, false, &e);
	if (j->plan->forward.ipv6)
		file_write(IPV6_FORWARDING, "0", 1);
}
