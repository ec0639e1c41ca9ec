/* SPDX-License-Identifier: MIT */
#include "netlink/survey.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "sys/fds.h"

/* A dump that another process disturbs is asked for again, but not for ever. */
#define TRIES 8

static int note_prefix(struct survey *s, uint8_t family, uint8_t length, const struct nlattr *a)
{
	struct prefix *p = &s->taken[s->taken_count];

	if (!a || (family != AF_INET && family != AF_INET6) || length == 0 ||
	    mnl_attr_get_payload_len(a) != address_size(family))
		return 0;
	if (s->taken_count == SURVEY_PREFIXES)
		return -E2BIG;
	*p = (struct prefix){ .address.family = family, .length = length };
	memcpy(p->address.bytes, mnl_attr_get_payload(a), address_size(family));
	s->taken_count++;
	return 0;
}

static int each_link(const struct nlmsghdr *m, void *to)
{
	struct survey *s = to;

	if (s->link_count == SURVEY_LINKS)
		return -E2BIG;
	return link_read(m, &s->links[s->link_count++]);
}

static int each_address(const struct nlmsghdr *m, void *to)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(m);
	struct survey *s = to;

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*info))
		return -EBADMSG;
	if (info->ifa_index != LINK_LOOPBACK) {
		s->ipv4 = s->ipv4 || info->ifa_family == AF_INET;
		s->ipv6 = s->ipv6 ||
			  (info->ifa_family == AF_INET6 && info->ifa_scope == RT_SCOPE_UNIVERSE);
	}
	return note_prefix(s, info->ifa_family, info->ifa_prefixlen,
			   nl_find(m, sizeof(*info), IFA_ADDRESS));
}

static int each_route(const struct nlmsghdr *m, void *to)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(m);

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*info))
		return -EBADMSG;
	return note_prefix(to, info->rtm_family, info->rtm_dst_len,
			   nl_find(m, sizeof(*info), RTA_DST));
}

static int each_netconf(const struct nlmsghdr *m, void *to)
{
	struct survey *s = to;
	uint32_t forwards = 0;

	nl_copy(nl_find(m, sizeof(struct netconfmsg), NETCONFA_FORWARDING), &forwards,
		sizeof(forwards));
	s->ipv6_forwards = forwards != 0;
	return 0;
}

static int ask_ipv6_forwarding(int fd, struct survey *s)
{
	struct nlmsghdr *m = nl_begin(RTM_GETNETCONF, 0, sizeof(struct netconfmsg), "");
	struct netconfmsg *info = mnl_nlmsg_get_payload(m);

	info->ncm_family = AF_INET6;
	mnl_attr_put_u32(m, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
	return nl_ask(fd, each_netconf, s);
}

static bool speaks_ipv6(void)
{
	int fd = socket_open(AF_INET6, SOCK_DGRAM, 0);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Dumps of all families. */
static const struct dump {
	uint8_t type;
	uint8_t header; /* size of the family header, which begins with the family */
	int (*each)(const struct nlmsghdr *, void *);
} dumps[] = {
	{ RTM_GETLINK, sizeof(struct ifinfomsg), each_link },
	{ RTM_GETADDR, sizeof(struct ifaddrmsg), each_address },
	{ RTM_GETROUTE, sizeof(struct rtmsg), each_route },
};

static int take_once(int fd, struct survey *s)
{
	int error = 0;

	s->link_count = 0;
	s->taken_count = 0;
	s->ipv4 = s->ipv6 = s->ipv6_forwards = false;
	s->ipv6_stack = speaks_ipv6();
	for (const struct dump *d = dumps; !error && d < dumps + 3; d++) {
		struct nlmsghdr *m = nl_begin(d->type, NLM_F_DUMP, d->header, "");

		if (d->type == RTM_GETLINK)
			mnl_attr_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
		error = nl_ask(fd, d->each, s);
	}
	if (!error && s->ipv6_stack)
		error = ask_ipv6_forwarding(fd, s);
	return error;
}

int survey_take(int fd, struct survey *s)
{
	int error = -EINTR;

	for (int i = 0; i < TRIES && error == -EINTR; i++)
		error = take_once(fd, s);
	return error;
}
