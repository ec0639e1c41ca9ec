/* SPDX-License-Identifier: MIT */
/*
 * What is present in a network namespace: links, prefixes in use, forwarding. Reads, changes nothing.
 */
#ifndef NETLINK_SURVEY_H
#define NETLINK_SURVEY_H

#include <stdbool.h>

#include "netlink/link.h"

/* Far more than any container has; a namespace with more of them is refused, not half read. */
#define SURVEY_LINKS 512
#define SURVEY_PREFIXES 2048

struct survey {
	unsigned int link_count, taken_count;
	bool ipv4; /* an address on some link that is not loopback */
	bool ipv6; /* likewise, and not link-local */
	bool ipv6_stack; /* the kernel speaks IPv6, with an address or without */
	bool ipv6_forwards; /* net.ipv6.conf.all.forwarding */
	struct link_state links[SURVEY_LINKS];
	struct prefix
		taken[SURVEY_PREFIXES]; /* addresses and destinations of routes, but no default */
};

/* `fd` is a NETLINK_ROUTE socket. 0 or -errno; -E2BIG if there is more than fits. */
int survey_take(int fd, struct survey *s);

#endif
