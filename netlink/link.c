/* SPDX-License-Identifier: MIT */
#include "netlink/link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#define NEW (NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)

static struct nlmsghdr *begin_link(uint16_t type, uint16_t flags, uint32_t index,
				   const char *object)
{
	struct nlmsghdr *m = nl_begin(type, flags, sizeof(struct ifinfomsg), object);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(m);

	info->ifi_index = (int)index;
	return m;
}

static void put_end(struct nlmsghdr *m, const struct link_end *end, uint32_t mtu)
{
	mnl_attr_put_strz(m, IFLA_IFNAME, end->name);
	mnl_attr_put(m, IFLA_ADDRESS, sizeof(end->mac), end->mac);
	mnl_attr_put_u32(m, IFLA_MTU, mtu);
	/* One queue each way: the default of one a CPU is a third of the cost of a veth. */
	mnl_attr_put_u32(m, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(m, IFLA_NUM_RX_QUEUES, 1);
}

void link_add_veth(const struct link_end *here, const struct link_end *there, uint32_t mtu,
		   int netns)
{
	struct nlmsghdr *m = begin_link(RTM_NEWLINK, NEW, here->index, "veth");
	struct nlattr *info, *data, *peer;
	struct ifinfomsg *header;

	put_end(m, here, mtu);
	info = mnl_attr_nest_start(m, IFLA_LINKINFO);
	mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(m, VETH_INFO_PEER);
	header = mnl_nlmsg_put_extra_header(m, sizeof(*header));
	header->ifi_index = (int)there->index;
	put_end(m, there, mtu);
	mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)netns);
	mnl_attr_nest_end(m, peer);
	mnl_attr_nest_end(m, data);
	mnl_attr_nest_end(m, info);
}

void link_set_up(uint32_t index, const char *object)
{
	struct ifinfomsg *info =
		mnl_nlmsg_get_payload(begin_link(RTM_NEWLINK, NLM_F_ACK, index, object));

	info->ifi_flags = info->ifi_change = IFF_UP;
}

void link_delete(uint32_t index, const char *object)
{
	begin_link(RTM_DELLINK, NLM_F_ACK, index, object);
}

void link_set_forwarding(uint32_t index, bool on, const char *object)
{
	static const uint8_t types[] = { IFLA_AF_SPEC, AF_INET, IFLA_INET_CONF,
					 IPV4_DEVCONF_FORWARDING, 0 };
	const uint32_t value = on;

	nl_put_nested(begin_link(RTM_NEWLINK, NLM_F_ACK, index, object), types, &value,
		      sizeof(value));
}

void link_set_no_autoconf(uint32_t index, const char *object)
{
	static const uint8_t types[] = { IFLA_AF_SPEC, AF_INET6, IFLA_INET6_ADDR_GEN_MODE, 0 };
	const uint8_t value = IN6_ADDR_GEN_MODE_NONE;

	nl_put_nested(begin_link(RTM_NEWLINK, NLM_F_ACK, index, object), types, &value,
		      sizeof(value));
}

void addr_add(uint32_t index, const struct prefix *p, const char *object)
{
	struct nlmsghdr *m = nl_begin(RTM_NEWADDR, NEW, sizeof(struct ifaddrmsg), object);
	struct ifaddrmsg *info = mnl_nlmsg_get_payload(m);
	unsigned int size = address_size(p->address.family);

	info->ifa_family = p->address.family;
	info->ifa_prefixlen = p->length;
	info->ifa_flags = p->address.family == AF_INET6 ? IFA_F_NODAD : 0;
	info->ifa_index = index;
	mnl_attr_put(m, IFA_LOCAL, size, p->address.bytes);
	mnl_attr_put(m, IFA_ADDRESS, size, p->address.bytes);
}

static struct nlmsghdr *begin_default(uint16_t type, uint16_t flags, uint32_t index, uint8_t family,
				      const char *object)
{
	struct nlmsghdr *m = nl_begin(type, flags, sizeof(struct rtmsg), object);
	struct rtmsg *info = mnl_nlmsg_get_payload(m);

	info->rtm_family = family;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = RTPROT_STATIC;
	info->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(m, RTA_OIF, index);
	return m;
}

void route_add_default(uint32_t index, const struct address *gateway, const char *object)
{
	struct nlmsghdr *m = begin_default(RTM_NEWROUTE, NEW, index, gateway->family, object);

	if (!address_is_unspecified(gateway))
		mnl_attr_put(m, RTA_GATEWAY, address_size(gateway->family), gateway->bytes);
}

void route_add_last(const struct address *source, const char *object)
{
	struct nlmsghdr *m = begin_default(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
					   LINK_LOOPBACK, source->family, object);

	mnl_attr_put(m, RTA_PREFSRC, address_size(source->family), source->bytes);
	mnl_attr_put_u32(m, RTA_PRIORITY, UINT32_MAX);
}

void route_delete_last(uint8_t family, const char *object)
{
	mnl_attr_put_u32(begin_default(RTM_DELROUTE, NLM_F_ACK, LINK_LOOPBACK, family, object),
			 RTA_PRIORITY, UINT32_MAX);
}

/* ---- reading back ---- */

/* net.ipv4.conf.IF.forwarding out of IFLA_AF_SPEC: an array of 32-bit values, counted from 1. */
static bool reads_forwarding(const struct nlattr *families)
{
	const struct nlattr *conf =
		nl_find_nested(nl_find_nested(families, AF_INET), IFLA_INET_CONF);
	const uint32_t *values = conf ? mnl_attr_get_payload(conf) : NULL;

	return values &&
	       mnl_attr_get_payload_len(conf) >= IPV4_DEVCONF_FORWARDING * sizeof(*values) &&
	       values[IPV4_DEVCONF_FORWARDING - 1] != 0;
}

int link_read(const struct nlmsghdr *m, struct link_state *state)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(m);
	const struct nlattr *name = nl_find(m, sizeof(*info), IFLA_IFNAME);
	const struct nlattr *linkinfo = nl_find(m, sizeof(*info), IFLA_LINKINFO);

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*info) || m->nlmsg_type != RTM_NEWLINK)
		return -EBADMSG;
	memset(state, 0, sizeof(*state));
	state->end.index = (uint32_t)info->ifi_index;
	state->up = info->ifi_flags & IFF_UP;
	state->running = info->ifi_flags & IFF_RUNNING;
	state->loopback = info->ifi_flags & IFF_LOOPBACK;
	state->veth = nl_is_string(nl_find_nested(linkinfo, IFLA_INFO_KIND), "veth");
	state->forwards = reads_forwarding(nl_find(m, sizeof(*info), IFLA_AF_SPEC));
	if (name && mnl_attr_get_payload_len(name) <= sizeof(state->end.name))
		memcpy(state->end.name, mnl_attr_get_payload(name), mnl_attr_get_payload_len(name));
	state->end.name[sizeof(state->end.name) - 1] = '\0';
	nl_copy(nl_find(m, sizeof(*info), IFLA_ADDRESS), state->end.mac, sizeof(state->end.mac));
	nl_copy(nl_find(m, sizeof(*info), IFLA_MTU), &state->mtu, sizeof(state->mtu));
	nl_copy(nl_find(m, sizeof(*info), IFLA_LINK), &state->peer, sizeof(state->peer));
	return 0;
}

static int each_link(const struct nlmsghdr *m, void *to)
{
	return link_read(m, to);
}

int link_get(int fd, uint32_t index, struct link_state *state)
{
	begin_link(RTM_GETLINK, 0, index, "");
	memset(state, 0, sizeof(*state));
	return nl_ask(fd, each_link, state);
}

struct wanted_addresses {
	uint32_t index;
	const struct prefix *p;
	unsigned int count;
	unsigned int found; /* bit N: the one at p[N] */
};

static bool is_prefix(const struct prefix *p, const struct ifaddrmsg *info, const struct nlattr *a)
{
	return info->ifa_family == p->address.family && info->ifa_prefixlen == p->length &&
	       nl_is(a, p->address.bytes, address_size(p->address.family));
}

static int each_address(const struct nlmsghdr *m, void *to)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(m);
	const struct nlattr *address = nl_find(m, sizeof(*info), IFA_ADDRESS);
	struct wanted_addresses *w = to;

	if (m->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(m) < sizeof(*info) ||
	    info->ifa_index != w->index || info->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return 0;
	for (unsigned int i = 0; i < w->count; i++)
		if (is_prefix(&w->p[i], info, address))
			w->found |= 1U << i;
	return 0;
}

static bool all_found(const struct wanted_addresses *w)
{
	return w->found == (1U << w->count) - 1;
}

int addr_await(int fd, uint32_t index, const struct prefix *p, unsigned int count)
{
	struct wanted_addresses wanted = { .index = index, .p = p, .count = count };
	int error = 0;

	while (!error && !all_found(&wanted))
		error = nl_listen(fd, each_address, &wanted);
	return error;
}

int addr_check(int fd, uint32_t index, const struct prefix *p, unsigned int count)
{
	struct wanted_addresses wanted = { .index = index, .p = p, .count = count };
	int error;

	nl_begin(RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg), "");
	error = nl_ask(fd, each_address, &wanted);
	return error ? error : all_found(&wanted);
}

struct wanted_route {
	uint32_t index;
	const struct address *gateway;
	int found;
};

static int each_route(const struct nlmsghdr *m, void *to)
{
	const struct rtmsg *info = mnl_nlmsg_get_payload(m);
	struct wanted_route *w = to;
	const struct nlattr *gateway;

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*info) || info->rtm_dst_len != 0 ||
	    info->rtm_family != w->gateway->family || info->rtm_type != RTN_UNICAST)
		return 0;
	gateway = nl_find(m, sizeof(*info), RTA_GATEWAY);
	w->found += nl_is(nl_find(m, sizeof(*info), RTA_OIF), &w->index, sizeof(w->index)) &&
		    (gateway ? nl_is(gateway, w->gateway->bytes, address_size(w->gateway->family)) :
			       address_is_unspecified(w->gateway));
	return 0;
}

int route_check_default(int fd, uint32_t index, const struct address *gateway)
{
	struct rtmsg *info =
		mnl_nlmsg_get_payload(nl_begin(RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg), ""));
	struct wanted_route wanted = { .index = index, .gateway = gateway };
	int error;

	info->rtm_family = gateway->family;
	error = nl_ask(fd, each_route, &wanted);
	return error ? error : wanted.found == 1;
}
