/* SPDX-License-Identifier: MIT */
/*
 * Links, their addresses and routes (rtnetlink(7), linux/if_link.h). The functions without a socket start
 * messages for nl_send; those with one return 0 or -errno.
 */
#ifndef NETLINK_LINK_H
#define NETLINK_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <net/if.h>

#include "netlink/request.h"
#include "sys/address.h"

#define LINK_MAC 6
#define LINK_LOOPBACK 1 /* the index of lo in every network namespace */

struct link_end {
	uint32_t index;
	char name[IF_NAMESIZE];
	uint8_t mac[LINK_MAC];
};

/*
 * A veth pair (veth(4)): `here` in the socket's namespace, `there` in the one behind the descriptor
 * `netns`. Both are made where they stay, for moving a link costs milliseconds.
 */
void link_add_veth(const struct link_end *here, const struct link_end *there, uint32_t mtu,
		   int netns);

void link_set_up(uint32_t index, const char *object);
void link_delete(uint32_t index, const char *object);

/* IPv4 forwarding of packets that come in by this link (net.ipv4.conf.IF.forwarding). */
void link_set_forwarding(uint32_t index, bool on, const char *object);

/* No automatic IPv6 link-local address; must come before the link is up. */
void link_set_no_autoconf(uint32_t index, const char *object);

/* Without duplicate address detection, which takes a second for IPv6. */
void addr_add(uint32_t index, const struct prefix *p, const char *object);

/* A gateway of zeros (0.0.0.0, ::) is none: whatever the route leads to is on the link itself. */
void route_add_default(uint32_t index, const struct address *gateway, const char *object);

/*
 * The default route for where there is no other one: by the loopback, with the highest metric, from this
 * address of it. One that is there already is as good.
 */
void route_add_last(const struct address *source, const char *object);
void route_delete_last(uint8_t family, const char *object);

/* What the kernel says of one link. Asking also completes a change of carrier that is under way. */
struct link_state {
	struct link_end end;
	uint32_t mtu;
	uint32_t peer; /* index of the other end of a veth, 0 for none */
	bool veth;
	bool up; /* administratively */
	bool running; /* with carrier, ready to send */
	bool loopback;
	bool forwards; /* IPv4 */
};

int link_get(int fd, uint32_t index, struct link_state *state);

/* Reads a message of type RTM_NEWLINK. */
int link_read(const struct nlmsghdr *m, struct link_state *state);

/*
 * Waits until the kernel announces these `count` IPv6 addresses on a socket that has joined
 * RTNLGRP_IPV6_IFADDR before they were added. Only then has the link joined their solicited-node
 * groups (RFC 4291, 2.7.1) and hears a neighbour that asks for them; no flag of an address says so.
 */
int addr_await(int fd, uint32_t index, const struct prefix *p, unsigned int count);

/* Whether this link has these `count` addresses, and none of them is tentative. 1, 0 or -errno. */
int addr_check(int fd, uint32_t index, const struct prefix *p, unsigned int count);

/* Whether the default route of this family goes to this gateway, or to none, by this link. 1, 0 or -errno. */
int route_check_default(int fd, uint32_t index, const struct address *gateway);

#endif
