/* SPDX-License-Identifier: MIT */
/* What survey_take makes of a namespace that the test describes. */
#include "tests/unit/attributes.h"
#include "tests/unit/fake_kernel.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "netlink/survey.h"

static struct survey survey;

struct address_here {
	uint32_t link;
	uint8_t scope, family, length, bytes[16];
};

struct route_here {
	uint8_t family, length, bytes[16];
	uint8_t type, gateway[16];
	uint32_t link;
};

/* The namespace. */
static struct {
	unsigned int links;
	const struct address_here *addresses;
	unsigned int address_count;
	const struct route_here *routes;
	unsigned int route_count;
	unsigned int more_routes; /* of many, all alike */
	uint32_t ipv6_forwarding;
	unsigned int interruptions; /* dumps that change under way */
	uint16_t refused; /* type of a request that fails with EPERM */
} here;

static void put_links(struct kernel_datagram *d, uint32_t sequence)
{
	for (unsigned int i = 0; i < here.links; i++) {
		struct nlmsghdr *m = kernel_begin(d, RTM_NEWLINK, NLM_F_MULTI, sequence);
		struct ifinfomsg *info = mnl_nlmsg_put_extra_header(m, sizeof(*info));

		info->ifi_index = (int)i + 1;
		mnl_attr_put_strz(m, IFLA_IFNAME, i == 0 ? "lo" : "eth");
		kernel_end(d, m);
	}
}

static void put_addresses(struct kernel_datagram *d, uint32_t sequence)
{
	for (unsigned int i = 0; i < here.address_count; i++) {
		const struct address_here *a = &here.addresses[i];
		struct nlmsghdr *m = kernel_begin(d, RTM_NEWADDR, NLM_F_MULTI, sequence);
		struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(m, sizeof(*info));

		*info = (struct ifaddrmsg){ .ifa_family = a->family,
					    .ifa_prefixlen = a->length,
					    .ifa_scope = a->scope,
					    .ifa_index = a->link };
		mnl_attr_put(m, IFA_ADDRESS, a->family == AF_INET ? 4 : 16, a->bytes);
		if (a->family == AF_INET)
			mnl_attr_put(m, IFA_BROADCAST, 4, (const uint8_t[]){ 8, 8, 8, 8 });
		kernel_end(d, m);
	}
}

static void put_route(struct kernel_datagram *d, uint32_t sequence, const struct route_here *r)
{
	static const uint8_t none[16];
	struct nlmsghdr *m = kernel_begin(d, RTM_NEWROUTE, NLM_F_MULTI, sequence);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(m, sizeof(*info));

	*info = (struct rtmsg){ .rtm_family = r->family,
				.rtm_dst_len = r->length,
				.rtm_type = r->type };
	if (r->length > 0)
		mnl_attr_put(m, RTA_DST, r->family == AF_INET ? 4 : 16, r->bytes);
	if (memcmp(r->gateway, none, sizeof(none)) != 0)
		mnl_attr_put(m, RTA_GATEWAY, r->family == AF_INET ? 4 : 16, r->gateway);
	mnl_attr_put_u32(m, RTA_OIF, r->link);
	kernel_end(d, m);
}

static void put_routes(struct kernel_datagram *d, uint32_t sequence)
{
	static const struct route_here another = { .family = AF_INET, .length = 32 };

	for (unsigned int i = 0; i < here.route_count; i++)
		put_route(d, sequence, &here.routes[i]);
	for (unsigned int i = 0; i < here.more_routes; i++) {
		if (d->length > 16000)
			d = kernel_datagram();
		put_route(d, sequence, &another);
	}
}

static void answer_netconf(uint32_t sequence)
{
	struct kernel_datagram *d = kernel_datagram();
	struct nlmsghdr *m = kernel_begin(d, RTM_NEWNETCONF, 0, sequence);
	struct netconfmsg *info = mnl_nlmsg_put_extra_header(m, sizeof(*info));

	info->ncm_family = AF_INET6;
	mnl_attr_put_u32(m, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
	mnl_attr_put_u32(m, NETCONFA_FORWARDING, here.ipv6_forwarding);
	mnl_attr_put_u32(m, NETCONFA_PROXY_NEIGH, !here.ipv6_forwarding);
	kernel_end(d, m);
}

static void answer(const struct nlmsghdr *request)
{
	struct kernel_datagram *d;
	uint32_t sequence = request->nlmsg_seq;

	kernel.count = kernel.next = 0;
	if (request->nlmsg_type == here.refused) {
		kernel_acknowledge(kernel_datagram(), sequence, -EPERM, NULL);
		return;
	}
	if (request->nlmsg_type == RTM_GETNETCONF) {
		answer_netconf(sequence);
		return;
	}
	assert_int_equal(request->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	assert_true(mnl_nlmsg_get_payload_len(request) >= sizeof(struct ifaddrmsg));
	d = kernel_datagram();
	if (request->nlmsg_type == RTM_GETLINK)
		put_links(d, sequence);
	else if (request->nlmsg_type == RTM_GETADDR)
		put_addresses(d, sequence);
	else if (request->nlmsg_type == RTM_GETROUTE)
		put_routes(d, sequence);
	if (here.interruptions > 0 && d->length > 0) {
		((struct nlmsghdr *)d->bytes)->nlmsg_flags |= NLM_F_DUMP_INTR;
		here.interruptions--;
	}
	kernel_done(kernel_datagram(), sequence);
}

static int reset(void **state)
{
	(void)state;
	kernel_reset();
	kernel.answer = answer;
	memset(&here, 0, sizeof(here));
	here.links = 1;
	memset(&survey, 0xaa, sizeof(survey)); /* survey_take has to fill what it counts */
	return 0;
}

static void assert_taken(const char *expected)
{
	char buffer[512];
	struct text t = TEXT_OVER(buffer);

	for (unsigned int i = 0; i < survey.taken_count; i++) {
		prefix_print(&t, &survey.taken[i]);
		text_char(&t, ' ');
	}
	assert_string_equal(buffer, expected);
}

TEST(an_empty_namespace)
{
	assert_int_equal(survey_take(KERNEL_FD, &survey), 0);
	assert_int_equal(survey.link_count, 1);
	assert_string_equal(survey.links[0].end.name, "lo");
	assert_int_equal(survey.taken_count, 0);
	assert_false(survey.ipv4);
	assert_false(survey.ipv6);
	assert_false(survey.ipv6_forwards);
}

TEST(addresses_and_destinations_are_taken)
{
	static const struct address_here addresses[] = {
		{ 1, RT_SCOPE_HOST, AF_INET, 8, { 127, 0, 0, 1 } },
		{ 2, RT_SCOPE_UNIVERSE, AF_INET, 16, { 172, 17, 0, 2 } },
		{ 2, RT_SCOPE_UNIVERSE, AF_INET6, 64, { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 } },
	};
	static const struct route_here routes[] = {
		{ .family = AF_INET }, /* the default route takes nothing */
		{ .family = AF_INET, .length = 24, .bytes = { 10, 9, 8 } },
		{ .family = AF_INET6, .length = 7, .bytes = { 0xfc } },
		{ .family = AF_MPLS, .length = 20, .bytes = { 1 } },
	};

	here.addresses = addresses;
	here.address_count = COUNT(addresses);
	here.routes = routes;
	here.route_count = COUNT(routes);
	assert_int_equal(survey_take(KERNEL_FD, &survey), 0);
	assert_taken("127.0.0.1/8 172.17.0.2/16 2001:db8::2/64 10.9.8.0/24 fc00::/7 ");
	assert_true(survey.ipv4);
	assert_true(survey.ipv6);
}

TEST(one_family_is_not_the_other)
{
	static const struct address_here four = { 2, RT_SCOPE_UNIVERSE, AF_INET, 8, { 10 } };
	static const struct address_here six = { 2, RT_SCOPE_UNIVERSE, AF_INET6, 8, { 0xfd } };

	here.address_count = 1;
	here.addresses = &four;
	assert_int_equal(survey_take(KERNEL_FD, &survey), 0);
	assert_true(survey.ipv4);
	assert_false(survey.ipv6);
	here.addresses = &six;
	assert_int_equal(survey_take(KERNEL_FD, &survey), 0);
	assert_false(survey.ipv4);
	assert_true(survey.ipv6);
}

TEST(loopback_and_link_local_do_not_lead_out)
{
	static const struct address_here addresses[] = {
		{ 1, RT_SCOPE_HOST, AF_INET, 8, { 127, 0, 0, 1 } },
		{ 1, RT_SCOPE_UNIVERSE, AF_INET6, 128, { 0x20, 0x01 } },
		{ 2, RT_SCOPE_LINK, AF_INET6, 64, { 0xfe, 0x80, [15] = 1 } },
	};

	here.addresses = addresses;
	here.address_count = COUNT(addresses);
	assert_int_equal(survey_take(KERNEL_FD, &survey), 0);
	assert_false(survey.ipv4);
	assert_false(survey.ipv6);
	assert_int_equal(survey.taken_count, 3);
}

TEST(forwarding_of_ipv6_is_asked_for_where_there_is_ipv6)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	here.ipv6_forwarding = 1;
	assert_int_equal(survey_take(KERNEL_FD, &survey), 0);
	assert_int_equal(survey.ipv6_stack, fd >= 0);
	assert_int_equal(survey.ipv6_forwards, survey.ipv6_stack);
	close(fd);
}

TEST(more_than_fits_is_refused)
{
	here.links = SURVEY_LINKS;
	assert_int_equal(survey_take(KERNEL_FD, &survey), 0);
	assert_int_equal(survey.link_count, SURVEY_LINKS);
	assert_int_equal(survey.links[SURVEY_LINKS - 1].end.index, SURVEY_LINKS);
	here.links = SURVEY_LINKS + 1;
	assert_int_equal(survey_take(KERNEL_FD, &survey), -E2BIG);
	here.links = 1;
	here.more_routes = SURVEY_PREFIXES;
	assert_int_equal(survey_take(KERNEL_FD, &survey), 0);
	assert_int_equal(survey.taken_count, SURVEY_PREFIXES);
	here.more_routes = SURVEY_PREFIXES + 1;
	assert_int_equal(survey_take(KERNEL_FD, &survey), -E2BIG);
}

TEST(a_survey_that_is_disturbed_starts_again)
{
	here.links = 3;
	here.interruptions = 2;
	assert_int_equal(survey_take(KERNEL_FD, &survey), 0);
	assert_int_equal(survey.link_count, 3); /* none counted twice */
	here.interruptions = 1000;
	assert_int_equal(survey_take(KERNEL_FD, &survey), -EINTR);
}

TEST(a_refused_question_is_a_failure)
{
	static const uint16_t types[] = { RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE };

	for (size_t i = 0; i < COUNT(types); i++) {
		here.refused = types[i];
		assert_int_equal(survey_take(KERNEL_FD, &survey), -EPERM);
	}
}

/* ---- reading back what was made ---- */

TEST(an_address_is_there_whole_or_not)
{
	static const struct address_here addresses[] = {
		{ 7, RT_SCOPE_UNIVERSE, AF_INET, 31, { 10, 0, 0, 2 } },
		{ 7, RT_SCOPE_UNIVERSE, AF_INET6, 127, { 0xfd, [15] = 2 } },
		{ 8, RT_SCOPE_UNIVERSE, AF_INET, 31, { 10, 0, 0, 4 } },
	};
	struct prefix wanted[] = {
		{ { AF_INET, { 10, 0, 0, 2 } }, 31 },
		{ { AF_INET6, { 0xfd, [15] = 2 } }, 127 },
	};

	here.addresses = addresses;
	here.address_count = COUNT(addresses);
	assert_int_equal(addr_check(KERNEL_FD, 7, wanted, 2), 1);
	assert_int_equal(addr_check(KERNEL_FD, 7, wanted, 1), 1);
	assert_int_equal(addr_check(KERNEL_FD, 8, wanted, 1), 0);
	wanted[0].length = 30;
	assert_int_equal(addr_check(KERNEL_FD, 7, wanted, 2), 0);
	wanted[0] = (struct prefix){ { AF_INET, { 10, 0, 0, 4 } }, 31 }; /* on another link */
	assert_int_equal(addr_check(KERNEL_FD, 7, wanted, 2), 0);
	here.refused = RTM_GETADDR;
	assert_int_equal(addr_check(KERNEL_FD, 7, wanted, 2), -EPERM);
}

static void announce(const struct address_here *a)
{
	here.addresses = a;
	here.address_count = 1;
	put_addresses(kernel_datagram(), 0);
}

TEST(addresses_are_awaited_until_the_last_is_announced)
{
	static const struct address_here first = { 7, RT_SCOPE_LINK, AF_INET6, 64, { 0xfe, 0x80 } };
	static const struct address_here second = { 7, RT_SCOPE_UNIVERSE, AF_INET6, 127, { 0xfd } };
	static const struct address_here elsewhere = {
		8, RT_SCOPE_UNIVERSE, AF_INET6, 127, { 0xfd }
	};
	static const struct prefix wanted[] = { { { AF_INET6, { 0xfd } }, 127 },
						{ { AF_INET6, { 0xfe, 0x80 } }, 64 } };

	announce(&first);
	announce(&elsewhere);
	announce(&first); /* twice is not both */
	assert_int_equal(addr_await(KERNEL_FD, 7, wanted, 2), -ETIME);
	kernel_reset();
	announce(&first);
	announce(&elsewhere);
	announce(&second);
	announce(&elsewhere);
	assert_int_equal(addr_await(KERNEL_FD, 7, wanted, 2), 0);
	assert_int_equal(kernel.next, 3); /* not one event longer */
}

TEST(a_default_route_is_there_or_not)
{
	static const struct route_here routes[] = {
		{ AF_INET,
		  24,
		  { 10 },
		  RTN_UNICAST,
		  { 10, 0, 0, 2 },
		  7 }, /* leads to a subnet only */
		{ AF_INET, 0, { 0 }, RTN_BLACKHOLE, { 10, 0, 0, 4 }, 7 },
		{ AF_INET6, 0, { 0 }, RTN_UNICAST, { 0xfd, [15] = 2 }, 7 },
		{ AF_INET, 0, { 0 }, RTN_UNICAST, { 10, 0, 0, 6 }, 8 },
		{ AF_INET, 0, { 0 }, RTN_UNICAST, { 10, 0, 0, 8 }, 7 },
	};
	static const struct {
		struct address gateway;
		int found;
	} wanted[] = {
		{ { AF_INET, { 10, 0, 0, 2 } }, 0 },	 { { AF_INET, { 10, 0, 0, 4 } }, 0 },
		{ { AF_INET, { 10, 0, 0, 6 } }, 0 },	 { { AF_INET, { 10, 0, 0, 8 } }, 1 },
		{ { AF_INET6, { 0xfd, [15] = 2 } }, 1 }, { { AF_INET6, { 0xfd, [15] = 3 } }, 0 },
	};

	here.routes = routes;
	here.route_count = COUNT(routes);
	for (size_t i = 0; i < COUNT(wanted); i++)
		assert_int_equal(route_check_default(KERNEL_FD, 7, &wanted[i].gateway),
				 wanted[i].found);
	here.refused = RTM_GETROUTE;
	assert_int_equal(route_check_default(KERNEL_FD, 7, &wanted[0].gateway), -EPERM);
}

/* A gateway is no default route to the link itself, nor the other way round. */
TEST(a_default_route_without_a_gateway_is_there_or_not)
{
	static const struct route_here routes[] = {
		{ AF_INET, 0, { 0 }, RTN_UNICAST, { 10, 0, 0, 2 }, 7 },
		{ AF_INET, 0, { 0 }, RTN_UNICAST, { 0 }, 8 },
		{ AF_INET, 8, { 10 }, RTN_UNICAST, { 0 }, 9 },
		{ AF_INET, 0, { 0 }, RTN_BLACKHOLE, { 0 }, 10 },
		{ AF_INET6, 0, { 0 }, RTN_UNICAST, { 0 }, 11 },
	};
	static const struct {
		uint32_t link;
		struct address gateway;
		int found;
	} wanted[] = {
		{ 7, { AF_INET, { 0 } }, 0 },	{ 7, { AF_INET, { 10, 0, 0, 2 } }, 1 },
		{ 8, { AF_INET, { 0 } }, 1 },	{ 8, { AF_INET, { 10, 0, 0, 2 } }, 0 },
		{ 8, { AF_INET6, { 0 } }, 0 },	{ 9, { AF_INET, { 0 } }, 0 },
		{ 10, { AF_INET, { 0 } }, 0 },	{ 11, { AF_INET, { 0 } }, 0 },
		{ 11, { AF_INET6, { 0 } }, 1 },
	};

	here.routes = routes;
	here.route_count = COUNT(routes);
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (route_check_default(KERNEL_FD, wanted[i].link, &wanted[i].gateway) !=
		    wanted[i].found)
			FAIL("row %zu", i);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_empty_namespace),
		T(addresses_and_destinations_are_taken),
		T(one_family_is_not_the_other),
		T(loopback_and_link_local_do_not_lead_out),
		T(forwarding_of_ipv6_is_asked_for_where_there_is_ipv6),
		T(more_than_fits_is_refused),
		T(a_survey_that_is_disturbed_starts_again),
		T(a_refused_question_is_a_failure),
		T(an_address_is_there_whole_or_not),
		T(addresses_are_awaited_until_the_last_is_announced),
		T(a_default_route_is_there_or_not),
		T(a_default_route_without_a_gateway_is_there_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
