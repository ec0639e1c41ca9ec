/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <arpa/inet.h>

#include "init/gate/floor.h"

#define REACHES 3
static const char *const reach_names[REACHES] = { "public", "private", "never" };

/* By inet_pton(3), so that an error of our own parser cannot hide one of the table. */
static struct address address_of(const char *text)
{
	struct address a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	assert_int_equal(inet_pton(a.family, text, a.bytes), 1);
	return a;
}

static void assert_reach(const char *text, enum reach expected)
{
	const struct address a = address_of(text);
	const enum reach found = address_reach(&a);

	if (found != expected)
		FAIL("%s is %s, not %s", text, reach_names[found], reach_names[expected]);
}

/*
 * The special ranges: what comes right before, the first, the last, what comes right behind. From the IANA's
 * registries, and RFC 6598, RFC 2544, RFC 3879.
 */
static const struct {
	const char *before, *first, *last, *behind;
	enum reach outside, inside, beyond;
} ranges[] = {
#define NONE "1.1.1.1" /* there is nothing on that side */
	{ NONE, "0.0.0.0", "0.255.255.255", "1.0.0.0", REACH_PUBLIC, REACH_NEVER, REACH_PUBLIC },
	{ "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", REACH_PUBLIC, REACH_PRIVATE,
	  REACH_PUBLIC },
	{ "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", REACH_PUBLIC,
	  REACH_PRIVATE, REACH_PUBLIC },
	{ "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", REACH_PUBLIC,
	  REACH_PRIVATE, REACH_PUBLIC },
	{ "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", REACH_PUBLIC,
	  REACH_PRIVATE, REACH_PUBLIC },
	{ "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", REACH_PUBLIC,
	  REACH_PRIVATE, REACH_PUBLIC },
	{ "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", REACH_PUBLIC, REACH_PRIVATE,
	  REACH_PUBLIC },
	{ "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", REACH_PUBLIC,
	  REACH_PRIVATE, REACH_PUBLIC },
	{ "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", REACH_PUBLIC, REACH_NEVER,
	  REACH_PUBLIC },
	{ "223.255.255.255", "224.0.0.0", "255.255.255.255", NONE, REACH_PUBLIC, REACH_NEVER,
	  REACH_PUBLIC },
	{ NONE, "::1", "::1", NONE, REACH_PUBLIC, REACH_PRIVATE, REACH_PUBLIC },
	{ "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "2001::", "2001::ffff:ffff:ffff:ffff:ffff:ffff", "2001:1::", REACH_PUBLIC, REACH_NEVER,
	  REACH_PUBLIC },
	{ "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
	  "64:ff9b:2::", REACH_PUBLIC, REACH_PRIVATE, REACH_PUBLIC },
	{ "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::", REACH_PUBLIC,
	  REACH_PRIVATE, REACH_PUBLIC },
	{ "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NONE, REACH_PUBLIC, REACH_PRIVATE,
	  REACH_PUBLIC },
	{ NONE, "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", REACH_PUBLIC,
	  REACH_PRIVATE, REACH_NEVER },
	{ "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NONE, REACH_PRIVATE, REACH_NEVER,
	  REACH_PUBLIC },
};

TEST(special_ranges_end_where_they_end)
{
	for (size_t i = 0; i < COUNT(ranges); i++) {
		assert_reach(ranges[i].before, ranges[i].outside);
		assert_reach(ranges[i].first, ranges[i].inside);
		assert_reach(ranges[i].last, ranges[i].inside);
		assert_reach(ranges[i].behind, ranges[i].beyond);
	}
}

TEST(what_people_dial)
{
	assert_reach("1.1.1.1", REACH_PUBLIC);
	assert_reach("2606:4700:4700::1111", REACH_PUBLIC);
	assert_reach("169.254.169.254", REACH_PRIVATE); /* the metadata of clouds */
	assert_reach("fd00:ec2::254", REACH_PRIVATE); /* likewise */
	assert_reach("100.100.100.200", REACH_PRIVATE); /* likewise */
	assert_reach("127.0.0.11", REACH_PRIVATE); /* Docker's resolver */
	assert_reach("fe80::1", REACH_PRIVATE);
	assert_reach("::", REACH_NEVER); /* loopback, to connect(2) */
	assert_reach("0.0.0.0", REACH_NEVER); /* likewise */
	assert_reach("255.255.255.255", REACH_NEVER);
	assert_reach("240.0.0.1", REACH_NEVER);
	assert_reach("ff02::1", REACH_NEVER);
}

/* Every way to write an IPv4 address into an IPv6 one: it is what that one is. */
TEST(an_ipv4_address_inside_counts)
{
	static const struct {
		const char *around;
		uint8_t offset;
	} forms[] = {
		{ "::ffff:0:0", 12 },
		{ "::", 12 },
		{ "64:ff9b::", 12 },
		{ "2002::", 2 },
		{ "2002::ffff:ffff:ffff:ffff:ffff", 2 },
	};

	for (size_t i = 0; i < COUNT(ranges); i++) {
		const char *const four[] = { ranges[i].before, ranges[i].first, ranges[i].last,
					     ranges[i].behind };

		for (size_t k = 0; k < COUNT(four) * COUNT(forms); k++) {
			const struct address inner = address_of(four[k % COUNT(four)]);
			struct address a = address_of(forms[k / COUNT(four)].around);

			if (inner.family != AF_INET)
				continue;
			memcpy(a.bytes + forms[k / COUNT(four)].offset, inner.bytes, 4);
			if (address_reach(&a) != address_reach(&inner))
				FAIL("%s in %s is %s", four[k % COUNT(four)],
				     forms[k / COUNT(four)].around, reach_names[address_reach(&a)]);
		}
	}
	assert_reach("::ffff:7f00:1", REACH_PRIVATE);
	assert_reach("::ffff:a9fe:a9fe", REACH_PRIVATE);
	assert_reach("::7f00:1", REACH_PRIVATE);
	assert_reach("64:ff9b::a9fe:a9fe", REACH_PRIVATE);
	assert_reach("64:ff9b::101:101", REACH_PUBLIC);
	assert_reach("2002:7f00:1::", REACH_PRIVATE);
	assert_reach("2002:c612:1::", REACH_NEVER); /* the pool */
	assert_reach("::2", REACH_NEVER); /* 0.0.0.2 */
	assert_reach("::fffe:7f00:1", REACH_PUBLIC); /* not a mapped one */
	assert_reach("2003:7f00:1::", REACH_PUBLIC); /* not 6to4 */
}

/* Against an independent list, in numbers: every /16 of IPv4, and its ends. */
TEST(all_of_ipv4)
{
	static const struct {
		uint32_t first, last;
		enum reach reach;
	} list[] = {
		{ 0x00000000, 0x00ffffff, REACH_NEVER },
		{ 0x0a000000, 0x0affffff, REACH_PRIVATE },
		{ 0x64400000, 0x647fffff, REACH_PRIVATE },
		{ 0x7f000000, 0x7fffffff, REACH_PRIVATE },
		{ 0xa9fe0000, 0xa9feffff, REACH_PRIVATE },
		{ 0xac100000, 0xac1fffff, REACH_PRIVATE },
		{ 0xc0000000, 0xc00000ff, REACH_PRIVATE },
		{ 0xc0a80000, 0xc0a8ffff, REACH_PRIVATE },
		{ 0xc6120000, 0xc613ffff, REACH_NEVER },
		{ 0xe0000000, 0xffffffff, REACH_NEVER },
	};

	for (uint32_t high = 0; high < 0x10000; high++)
		for (uint32_t low = 0; low < 0x10000; low += 0xff) {
			const uint32_t number = high << 16 | low, wire = htonl(number);
			struct address a = { .family = AF_INET };
			enum reach expected = REACH_PUBLIC;

			if (low != 0 && low != 0xffff && low != 0xff && (high & 0xff) != 0)
				continue; /* the whole of it for some only */
			memcpy(a.bytes, &wire, 4);
			for (size_t i = 0; i < COUNT(list); i++)
				if (number >= list[i].first && number <= list[i].last)
					expected = list[i].reach;
			if (address_reach(&a) != expected)
				FAIL("%08x is %s", number, reach_names[address_reach(&a)]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(special_ranges_end_where_they_end),
		cmocka_unit_test(what_people_dial),
		cmocka_unit_test(an_ipv4_address_inside_counts),
		cmocka_unit_test(all_of_ipv4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
