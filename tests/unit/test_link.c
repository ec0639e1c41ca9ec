/* SPDX-License-Identifier: MIT */
#include "tests/unit/attributes.h"
#include "tests/unit/fake_kernel.h"

#include <errno.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>

#include "netlink/link.h"

static const struct nlmsghdr *const built = (const struct nlmsghdr *)kernel.sent;

static int reset(void **state)
{
	struct nlmsghdr *m = nl_begin(1, 0, NL_MESSAGE_MAX / 2, "");
	struct nl_error e;

	(void)state;
	kernel_reset();
	memset(mnl_nlmsg_get_payload(m), 0xaa, NL_MESSAGE_MAX / 2); /* what is not written shows */
	nl_send(KERNEL_FD, &e);
	return 0;
}

static void refuse(const struct nlmsghdr *request)
{
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, -EPERM, NULL);
}

/* Sends what was built. */
static void assert_message(uint16_t type, uint16_t flags, const char *object)
{
	struct nl_error e;

	kernel.answer = refuse;
	assert_int_equal(nl_send(KERNEL_FD, &e), -EPERM);
	assert_int_equal(kernel.sent_length, built->nlmsg_len);
	assert_int_equal(built->nlmsg_type, type);
	assert_int_equal(built->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | flags);
	assert_string_equal(e.object, object);
}

#define LINK_HEADER sizeof(struct ifinfomsg)
#define NEW (NLM_F_CREATE | NLM_F_EXCL)

static void assert_link_header(const struct ifinfomsg *info, uint32_t index, uint32_t flags)
{
	const struct ifinfomsg expected = { .ifi_index = (int)index,
					    .ifi_flags = flags,
					    .ifi_change = flags };

	assert_memory_equal(info, &expected, sizeof(expected));
}

static const struct link_end here = { 1048576, "jail0", { 2, 0, 0, 0, 0, 1 } };
static const struct link_end there = { 1048577, "eth0", { 2, 0, 0, 0, 0, 2 } };

static void assert_end(const void *at, const void *end, const struct link_end *e)
{
	assert_string(attribute_among(at, end, IFLA_IFNAME), e->name);
	assert_bytes(attribute_among(at, end, IFLA_ADDRESS), e->mac, LINK_MAC);
	assert_u32(attribute_among(at, end, IFLA_MTU), 1400);
	assert_u32(attribute_among(at, end, IFLA_NUM_TX_QUEUES), 1);
	assert_u32(attribute_among(at, end, IFLA_NUM_RX_QUEUES), 1);
}

TEST(a_veth_has_its_peer_in_the_other_namespace)
{
	const struct nlattr *info, *peer;
	const char *peer_at, *peer_end;

	link_add_veth(&here, &there, 1400, 9);
	assert_message(RTM_NEWLINK, NEW, "veth");
	assert_link_header(mnl_nlmsg_get_payload(built), here.index, 0);
	assert_end(mnl_nlmsg_get_payload_offset(built, LINK_HEADER),
		   mnl_nlmsg_get_payload_tail(built), &here);
	assert_null(attribute_of(built, LINK_HEADER, IFLA_NET_NS_FD));

	info = attribute_of(built, LINK_HEADER, IFLA_LINKINFO);
	assert_string(attribute_in(info, IFLA_INFO_KIND), "veth");
	peer = attribute_in(attribute_in(info, IFLA_INFO_DATA), VETH_INFO_PEER);
	assert_non_null(peer);
	peer_at = mnl_attr_get_payload(peer);
	peer_end = (const char *)peer + peer->nla_len;
	assert_link_header((const struct ifinfomsg *)peer_at, there.index, 0);
	assert_end(peer_at + LINK_HEADER, peer_end, &there);
	assert_u32(attribute_among(peer_at + LINK_HEADER, peer_end, IFLA_NET_NS_FD), 9);
}

TEST(sets_a_link_up)
{
	link_set_up(7, "lo");
	assert_message(RTM_NEWLINK, 0, "lo");
	assert_link_header(mnl_nlmsg_get_payload(built), 7, IFF_UP);
	assert_int_equal(built->nlmsg_len, sizeof(*built) + LINK_HEADER);
}

TEST(deletes_a_link)
{
	link_delete(7, "old");
	assert_message(RTM_DELLINK, 0, "old");
	assert_link_header(mnl_nlmsg_get_payload(built), 7, 0);
}

TEST(sets_forwarding)
{
	const struct nlattr *inet;

	for (uint32_t on = 0; on <= 1; on++) {
		reset(NULL);
		link_set_forwarding(7, on, "eth0");
		assert_message(RTM_NEWLINK, 0, "eth0");
		assert_link_header(mnl_nlmsg_get_payload(built), 7, 0);
		inet = attribute_in(attribute_of(built, LINK_HEADER, IFLA_AF_SPEC), AF_INET);
		assert_u32(attribute_in(attribute_in(inet, IFLA_INET_CONF),
					IPV4_DEVCONF_FORWARDING),
			   on);
	}
}

TEST(sets_no_autoconf)
{
	const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
	const struct nlattr *families;

	link_set_no_autoconf(7, "eth0");
	assert_message(RTM_NEWLINK, 0, "eth0");
	families = attribute_of(built, LINK_HEADER, IFLA_AF_SPEC);
	assert_bytes(attribute_in(attribute_in(families, AF_INET6), IFLA_INET6_ADDR_GEN_MODE),
		     &none, 1);
}

static void assert_addr(const struct prefix *p, unsigned int size, uint8_t flags)
{
	const struct ifaddrmsg expected = { .ifa_family = p->address.family,
					    .ifa_prefixlen = p->length,
					    .ifa_flags = flags,
					    .ifa_index = 7 };

	reset(NULL);
	addr_add(7, p, "address");
	assert_message(RTM_NEWADDR, NEW, "address");
	assert_memory_equal(mnl_nlmsg_get_payload(built), &expected, sizeof(expected));
	assert_bytes(attribute_of(built, sizeof(expected), IFA_LOCAL), p->address.bytes, size);
	assert_bytes(attribute_of(built, sizeof(expected), IFA_ADDRESS), p->address.bytes, size);
}

TEST(adds_addresses)
{
	assert_addr(&(struct prefix){ { AF_INET, { 10, 0, 0, 2 } }, 31 }, 4, 0);
	assert_addr(&(struct prefix){ { AF_INET6, { 0xfd, [15] = 2 } }, 127 }, 16, IFA_F_NODAD);
}

static void assert_route(const struct address *gateway, unsigned int size)
{
	const struct rtmsg expected = { .rtm_family = gateway->family,
					.rtm_table = RT_TABLE_MAIN,
					.rtm_protocol = RTPROT_STATIC,
					.rtm_scope = RT_SCOPE_UNIVERSE,
					.rtm_type = RTN_UNICAST };

	reset(NULL);
	route_add_default(7, gateway, "route");
	assert_message(RTM_NEWROUTE, NEW, "route");
	assert_memory_equal(mnl_nlmsg_get_payload(built), &expected, sizeof(expected));
	if (size > 0)
		assert_bytes(attribute_of(built, sizeof(expected), RTA_GATEWAY), gateway->bytes,
			     size);
	else
		assert_null(attribute_of(built, sizeof(expected), RTA_GATEWAY));
	assert_u32(attribute_of(built, sizeof(expected), RTA_OIF), 7);
	assert_null(attribute_of(built, sizeof(expected), RTA_DST));
	assert_null(attribute_of(built, sizeof(expected), RTA_PRIORITY));
}

TEST(adds_default_routes)
{
	assert_route(&(struct address){ AF_INET, { 10, 0, 0, 2 } }, 4);
	assert_route(&(struct address){ AF_INET6, { 0xfd, [15] = 2 } }, 16);
}

/* Behind it is the link itself. */
TEST(a_gateway_of_zeros_is_none)
{
	assert_route(&(struct address){ .family = AF_INET }, 0);
	assert_route(&(struct address){ .family = AF_INET6 }, 0);
}

/* With a source it is the one to be added. */
static void assert_last_route(uint8_t family, const struct address *source)
{
	const struct nlattr *from;
	const struct rtmsg expected = { .rtm_family = family,
					.rtm_table = RT_TABLE_MAIN,
					.rtm_protocol = RTPROT_STATIC,
					.rtm_scope = RT_SCOPE_UNIVERSE,
					.rtm_type = RTN_UNICAST };

	assert_message(source ? RTM_NEWROUTE : RTM_DELROUTE,
		       source ? NLM_F_CREATE | NLM_F_REPLACE : 0, "last");
	assert_memory_equal(mnl_nlmsg_get_payload(built), &expected, sizeof(expected));
	assert_u32(attribute_of(built, sizeof(expected), RTA_OIF), LINK_LOOPBACK);
	assert_u32(attribute_of(built, sizeof(expected), RTA_PRIORITY), UINT32_MAX);
	from = attribute_of(built, sizeof(expected), RTA_PREFSRC);
	if (source)
		assert_bytes(from, source->bytes, address_size(family));
	else
		assert_null(from);
	assert_null(attribute_of(built, sizeof(expected), RTA_GATEWAY));
	assert_null(attribute_of(built, sizeof(expected), RTA_DST));
}

/* One that is there already is no error, and none of the container's own is taken away. */
TEST(the_last_route_is_for_where_there_is_no_other)
{
	static const struct address from[] = { { AF_INET, { 127, 0, 0, 1 } },
					       { AF_INET6, { [15] = 1 } } };

	for (size_t i = 0; i < COUNT(from); i++) {
		reset(NULL);
		route_add_last(&from[i], "last");
		assert_last_route(from[i].family, &from[i]);
		reset(NULL);
		route_delete_last(from[i].family, "last");
		assert_last_route(from[i].family, NULL);
	}
}

/* ---- reading ---- */

static char bytes[NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
static struct nlmsghdr *message;
static struct link_state got;

static void begin_message(uint32_t index, uint32_t flags)
{
	struct ifinfomsg *info;

	message = mnl_nlmsg_put_header(bytes);
	message->nlmsg_type = RTM_NEWLINK;
	info = mnl_nlmsg_put_extra_header(message, sizeof(*info));
	info->ifi_index = (int)index;
	info->ifi_flags = flags;
}

/* Reads a copy that ends where the message does: the sanitizer sees what is read behind it. */
static int read_copy(size_t size)
{
	struct nlmsghdr *copy = malloc(size);
	int error;

	assert_non_null(copy);
	memcpy(copy, message, size);
	copy->nlmsg_len = (uint32_t)size;
	memset(&got, 0xaa, sizeof(got));
	error = link_read(copy, &got);
	free(copy);
	return error;
}

static int read_whole(void)
{
	return read_copy(message->nlmsg_len);
}

static void put_kind(const char *kind)
{
	struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);

	mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(message, info);
}

/* The kernel sends all values of net.ipv4.conf; this sends the first `count`, all but one zero. */
static void put_forwarding(unsigned int count, uint32_t value)
{
	uint32_t values[IPV4_DEVCONF_MAX] = { [IPV4_DEVCONF_FORWARDING - 1] = value };
	struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC), *family;

	family = mnl_attr_nest_start(message, AF_INET6);
	mnl_attr_put_u32(message, IFLA_INET_CONF, 1); /* of another family: means something else */
	mnl_attr_nest_end(message, family);
	family = mnl_attr_nest_start(message, AF_INET);
	mnl_attr_put(message, IFLA_INET_CONF, count * sizeof(uint32_t), values);
	mnl_attr_nest_end(message, family);
	mnl_attr_nest_end(message, families);
}

TEST(reads_a_link)
{
	begin_message(7, IFF_UP | IFF_RUNNING | IFF_BROADCAST);
	mnl_attr_put_strz(message, IFLA_IFNAME, "eth0");
	mnl_attr_put(message, IFLA_ADDRESS, LINK_MAC, here.mac);
	mnl_attr_put_u32(message, IFLA_MTU, 1400);
	mnl_attr_put_u32(message, IFLA_LINK, 8);
	put_kind("veth");
	put_forwarding(IPV4_DEVCONF_MAX, 1);
	assert_int_equal(read_whole(), 0);
	assert_int_equal(got.end.index, 7);
	assert_string_equal(got.end.name, "eth0");
	assert_memory_equal(got.end.mac, here.mac, LINK_MAC);
	assert_int_equal(got.mtu, 1400);
	assert_int_equal(got.peer, 8);
	assert_true(got.veth);
	assert_true(got.up);
	assert_true(got.running);
	assert_true(got.forwards);
	assert_false(got.loopback);
}

TEST(what_is_not_said_is_not_so)
{
	begin_message(1, IFF_LOOPBACK);
	assert_int_equal(read_whole(), 0);
	assert_memory_equal(&got, &((struct link_state){ .end.index = 1, .loopback = true }),
			    sizeof(got));
}

TEST(reads_forwarding_where_there_is_any)
{
	begin_message(7, 0);
	put_forwarding(IPV4_DEVCONF_MAX, 0);
	assert_int_equal(read_whole(), 0);
	assert_false(got.forwards);
	begin_message(7, 0);
	put_forwarding(IPV4_DEVCONF_FORWARDING, 1); /* just long enough */
	assert_int_equal(read_whole(), 0);
	assert_true(got.forwards);
	begin_message(7, 0);
	put_forwarding(IPV4_DEVCONF_FORWARDING - 1, 1);
	assert_int_equal(read_whole(), 0);
	assert_false(got.forwards);
}

TEST(only_a_veth_is_a_veth)
{
	static const char *const kinds[] = { "bridge", "vet", "vethx", "VETH", "" };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		begin_message(7, 0);
		put_kind(kinds[i]);
		assert_int_equal(read_whole(), 0);
		assert_false(got.veth);
	}
}

TEST(attributes_of_a_wrong_size_are_left_out)
{
	char name[40];

	memset(name, 'n', sizeof(name));
	begin_message(7, 0);
	mnl_attr_put(message, IFLA_IFNAME, sizeof(name), name);
	mnl_attr_put(message, IFLA_ADDRESS, 20, name); /* InfiniBand's are that long */
	mnl_attr_put(message, IFLA_MTU, 3, name);
	mnl_attr_put(message, IFLA_LINK, 8, name);
	assert_int_equal(read_whole(), 0);
	assert_memory_equal(&got, &((struct link_state){ .end.index = 7 }), sizeof(got));
}

TEST(a_name_always_ends_with_a_nul)
{
	begin_message(7, 0);
	mnl_attr_put(message, IFLA_IFNAME, IF_NAMESIZE, "0123456789abcdef");
	assert_int_equal(read_whole(), 0);
	assert_string_equal(got.end.name, "0123456789abcde");
}

TEST(other_messages_are_refused)
{
	begin_message(7, 0);
	message->nlmsg_type = RTM_DELLINK;
	assert_int_equal(read_whole(), -EBADMSG);
	begin_message(7, 0);
	assert_int_equal(read_copy(sizeof(*message) + LINK_HEADER - 1), -EBADMSG);
	assert_int_equal(read_copy(sizeof(*message)), -EBADMSG);
}

/* Whatever is cut off: nothing is read behind the end, and nothing that was cut is believed. */
TEST(a_message_may_end_anywhere)
{
	size_t whole;

	begin_message(7, IFF_UP);
	mnl_attr_put_u32(message, IFLA_MTU, 1400);
	put_kind("veth");
	put_forwarding(IPV4_DEVCONF_MAX, 1);
	whole = message->nlmsg_len;
	for (size_t size = sizeof(*message) + LINK_HEADER; size < whole; size++) {
		assert_int_equal(read_copy(size), 0);
		assert_false(got.forwards);
	}
	assert_int_equal(read_copy(whole), 0);
	assert_true(got.forwards);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_veth_has_its_peer_in_the_other_namespace),
		T(sets_a_link_up),
		T(deletes_a_link),
		T(sets_forwarding),
		T(sets_no_autoconf),
		T(adds_addresses),
		T(adds_default_routes),
		T(a_gateway_of_zeros_is_none),
		T(the_last_route_is_for_where_there_is_no_other),
		T(reads_a_link),
		T(what_is_not_said_is_not_so),
		T(reads_forwarding_where_there_is_any),
		T(only_a_veth_is_a_veth),
		T(attributes_of_a_wrong_size_are_left_out),
		T(a_name_always_ends_with_a_nul),
		T(other_messages_are_refused),
		T(a_message_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
