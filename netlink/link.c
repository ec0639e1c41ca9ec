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

static struct nlmsghdr *begin_link(struct nl_batch *b, uint16_t type, uint16_t flags,
				   uint32_t index, const char *object)
{
	struct nlmsghdr *m = nl_begin(b, type, flags, object);
	struct ifinfomsg *info;

	if (!m)
		return NULL;
	info = mnl_nlmsg_put_extra_header(m, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
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

int link_add_veth(struct nl_batch *b, const struct link_end *here, const struct link_end *there,
		  uint32_t mtu, int netns)
{
	struct nlmsghdr *m = begin_link(b, RTM_NEWLINK, NEW, here->index, "veth");
	struct nlattr *info, *data, *peer;
	struct ifinfomsg *header;

	if (!m)
		return -ENOBUFS;
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
	nl_end(b, m);
	return 0;
}

int link_set_up(struct nl_batch *b, uint32_t index, const char *object)
{
	struct nlmsghdr *m = begin_link(b, RTM_NEWLINK, NLM_F_ACK, index, object);
	struct ifinfomsg *info;

	if (!m)
		return -ENOBUFS;
	info = mnl_nlmsg_get_payload(m);
	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	nl_end(b, m);
	return 0;
}

int link_delete(struct nl_batch *b, uint32_t index, const char *object)
{
	struct nlmsghdr *m = begin_link(b, RTM_DELLINK, NLM_F_ACK, index, object);

	if (!m)
		return -ENOBUFS;
	nl_end(b, m);
	return 0;
}

int link_set_forwarding(struct nl_batch *b, uint32_t index, bool on, const char *object)
{
	struct nlmsghdr *m = begin_link(b, RTM_NEWLINK, NLM_F_ACK, index, object);
	struct nlattr *families, *inet, *conf;

	if (!m)
		return -ENOBUFS;
	families = mnl_attr_nest_start(m, IFLA_AF_SPEC);
	inet = mnl_attr_nest_start(m, AF_INET);
	conf = mnl_attr_nest_start(m, IFLA_INET_CONF);
	mnl_attr_put_u32(m, IPV4_DEVCONF_FORWARDING, on);
	mnl_attr_nest_end(m, conf);
	mnl_attr_nest_end(m, inet);
	mnl_attr_nest_end(m, families);
	nl_end(b, m);
	return 0;
}

int link_set_no_autoconf(struct nl_batch *b, uint32_t index, const char *object)
{
	struct nlmsghdr *m = begin_link(b, RTM_NEWLINK, NLM_F_ACK, index, object);
	struct nlattr *families, *inet6;

	if (!m)
		return -ENOBUFS;
	families = mnl_attr_nest_start(m, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(m, AF_INET6);
	mnl_attr_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(m, inet6);
	mnl_attr_nest_end(m, families);
	nl_end(b, m);
	return 0;
}

int addr_add(struct nl_batch *b, uint32_t index, const struct prefix *p, const char *object)
{
	struct nlmsghdr *m = nl_begin(b, RTM_NEWADDR, NEW, object);
	struct ifaddrmsg *info;
	unsigned int size = address_size(p->address.family);

	if (!m)
		return -ENOBUFS;
	info = mnl_nlmsg_put_extra_header(m, sizeof(*info));
	info->ifa_family = p->address.family;
	info->ifa_prefixlen = p->length;
	info->ifa_flags = p->address.family == AF_INET6 ? IFA_F_NODAD : 0;
	info->ifa_index = index;
	mnl_attr_put(m, IFA_LOCAL, size, p->address.bytes);
	mnl_attr_put(m, IFA_ADDRESS, size, p->address.bytes);
	nl_end(b, m);
	return 0;
}

int route_add_default(struct nl_batch *b, uint32_t index, const struct address *gateway,
		      const char *object)
{
	struct nlmsghdr *m = nl_begin(b, RTM_NEWROUTE, NEW, object);
	struct rtmsg *info;

	if (!m)
		return -ENOBUFS;
	info = mnl_nlmsg_put_extra_header(m, sizeof(*info));
	info->rtm_family = gateway->family;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = RTPROT_STATIC;
	info->rtm_type = RTN_UNICAST;
	mnl_attr_put(m, RTA_GATEWAY, address_size(gateway->family), gateway->bytes);
	mnl_attr_put_u32(m, RTA_OIF, index);
	nl_end(b, m);
	return 0;
}

/* ---- reading back ---- */

/* net.ipv4.conf.IF.forwarding out of IFLA_AF_SPEC: an array of 32-bit values, counted from 1. */
static bool reads_forwarding(const struct nlattr *families)
{
	const struct nlattr *family, *conf;

	NL_EACH_NESTED(family, families) {
		if (mnl_attr_get_type(family) != AF_INET)
			continue;
		NL_EACH_NESTED(conf, family) {
			const uint32_t *values = mnl_attr_get_payload(conf);

			if (mnl_attr_get_type(conf) == IFLA_INET_CONF &&
			    mnl_attr_get_payload_len(conf) >=
				    IPV4_DEVCONF_FORWARDING * sizeof(*values))
				return values[IPV4_DEVCONF_FORWARDING - 1] != 0;
		}
	}
	return false;
}

static bool is_veth(const struct nlattr *linkinfo)
{
	const struct nlattr *a;

	NL_EACH_NESTED(a, linkinfo)
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND && mnl_attr_get_payload_len(a) == 5)
			return memcmp(mnl_attr_get_payload(a), "veth", 5) == 0;
	return false;
}

/* Copies a fixed-size attribute; a shorter or longer one is not what we think it is. */
static bool copy_exactly(const struct nlattr *a, void *to, size_t size)
{
	if (mnl_attr_get_payload_len(a) != size)
		return false;
	memcpy(to, mnl_attr_get_payload(a), size);
	return true;
}

int link_read(const struct nlmsghdr *m, struct link_state *state)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(m);
	const struct nlattr *a;

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*info) || m->nlmsg_type != RTM_NEWLINK)
		return -EBADMSG;
	*state = (struct link_state){
		.end.index = (uint32_t)info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
		.running = info->ifi_flags & IFF_RUNNING,
		.loopback = info->ifi_flags & IFF_LOOPBACK,
	};
	NL_EACH(a, m, sizeof(*info)) {
		size_t length = mnl_attr_get_payload_len(a);

		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			if (length <= sizeof(state->end.name))
				memcpy(state->end.name, mnl_attr_get_payload(a), length);
			state->end.name[sizeof(state->end.name) - 1] = '\0';
			break;
		case IFLA_ADDRESS:
			copy_exactly(a, state->end.mac, sizeof(state->end.mac));
			break;
		case IFLA_MTU:
			copy_exactly(a, &state->mtu, sizeof(state->mtu));
			break;
		case IFLA_LINK:
			copy_exactly(a, &state->peer, sizeof(state->peer));
			break;
		case IFLA_LINKINFO:
			state->veth = is_veth(a);
			break;
		case IFLA_AF_SPEC:
			state->forwards = reads_forwarding(a);
			break;
		default:
			break;
		}
	}
	return 0;
}

static int each_link(const struct nlmsghdr *m, void *to)
{
	return link_read(m, to);
}

int link_get(int fd, uint32_t index, struct link_state *state)
{
	char buffer[NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(m, sizeof(*info));

	m->nlmsg_type = RTM_GETLINK;
	m->nlmsg_flags = NLM_F_REQUEST;
	info->ifi_index = (int)index;
	*state = (struct link_state){ 0 };
	return nl_ask(fd, m, each_link, state);
}

struct wanted_addresses {
	uint32_t index;
	const struct prefix *p;
	unsigned int count;
	unsigned int found; /* bit N: the one at p[N] */
};

static bool is_prefix(const struct prefix *p, const struct ifaddrmsg *info, const struct nlattr *a)
{
	unsigned int size = address_size(p->address.family);

	return info->ifa_family == p->address.family && info->ifa_prefixlen == p->length &&
	       mnl_attr_get_payload_len(a) == size &&
	       memcmp(mnl_attr_get_payload(a), p->address.bytes, size) == 0;
}

static int each_address(const struct nlmsghdr *m, void *to)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(m);
	struct wanted_addresses *w = to;
	const struct nlattr *a;

	if (m->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(m) < sizeof(*info) ||
	    info->ifa_index != w->index || info->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return 0;
	NL_EACH(a, m, sizeof(*info))
		for (unsigned int i = 0; i < w->count; i++)
			if (mnl_attr_get_type(a) == IFA_ADDRESS && is_prefix(&w->p[i], info, a))
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
	char buffer[NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
	struct wanted_addresses wanted = { .index = index, .p = p, .count = count };
	int error;

	mnl_nlmsg_put_extra_header(m, sizeof(struct ifaddrmsg));
	m->nlmsg_type = RTM_GETADDR;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	error = nl_ask(fd, m, each_address, &wanted);
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
	bool gateway = false, link = false;
	const struct nlattr *a;

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*info) || info->rtm_dst_len != 0 ||
	    info->rtm_family != w->gateway->family || info->rtm_type != RTN_UNICAST)
		return 0;
	NL_EACH(a, m, sizeof(*info)) {
		size_t length = mnl_attr_get_payload_len(a);
		const void *value = mnl_attr_get_payload(a);

		if (mnl_attr_get_type(a) == RTA_OIF && length == sizeof(w->index))
			link = memcmp(value, &w->index, length) == 0;
		if (mnl_attr_get_type(a) == RTA_GATEWAY &&
		    length == address_size(w->gateway->family))
			gateway = memcmp(value, w->gateway->bytes, length) == 0;
	}
	w->found += gateway && link;
	return 0;
}

int route_check_default(int fd, uint32_t index, const struct address *gateway)
{
	char buffer[NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(m, sizeof(*info));
	struct wanted_route wanted = { .index = index, .gateway = gateway };
	int error;

	m->nlmsg_type = RTM_GETROUTE;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	info->rtm_family = gateway->family;
	error = nl_ask(fd, m, each_route, &wanted);
	return error ? error : wanted.found == 1;
}
