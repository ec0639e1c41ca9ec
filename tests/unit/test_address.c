/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <sys/socket.h>

#include "sys/address.h"

static char shown[64];

static const char *show_address(const struct address *a)
{
	struct text t = TEXT_OVER(shown);

	address_print(&t, a);
	return shown;
}

static const char *show_prefix(const struct prefix *p)
{
	struct text t = TEXT_OVER(shown);

	prefix_print(&t, p);
	return shown;
}

static struct prefix prefix_of(const char *string)
{
	struct prefix p;

	assert_true(prefix_parse(span_of(string), &p));
	return p;
}

/* RFC 5952, section 4: each row is one of its rules or examples. */
static const struct {
	const char *given, *printed;
} addresses[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "10.0.200.1", "10.0.200.1" },
	{ "::", "::" },
	{ "0:0:0:0:0:0:0:0", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "2001:0db8::0001", "2001:db8::1" }, /* 4.1: no leading zeros */
	{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" }, /* 4.2.1: as short as possible */
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* 4.2.2: not for one group */
	{ "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" }, /* 4.2.3: the longest run ... */
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, /* ... the first of equals */
	{ "2001:DB8::ABCD", "2001:db8::abcd" }, /* 4.3: lower case */
	{ "0:0:1:2:3:4:5:6", "::1:2:3:4:5:6" },
	{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
	{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
	{ "0:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:0" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "::ffff:192.0.2.1", "::ffff:c000:201" },
	{ "64:ff9b::10.0.0.1", "64:ff9b::a00:1" },
};

TEST(prints_addresses_in_their_one_form)
{
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct address a, again;

		assert_true(address_parse(span_of(addresses[i].given), &a));
		assert_int_equal(a.family, strchr(addresses[i].given, ':') ? AF_INET6 : AF_INET);
		assert_string_equal(show_address(&a), addresses[i].printed);
		assert_true(address_parse(span_of(shown), &again));
		assert_memory_equal(&again, &a, sizeof(a));
	}
}

TEST(keeps_bytes_in_network_order)
{
	static const uint8_t four[16] = { 10, 1, 2, 3 };
	static const uint8_t six[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct address a;

	assert_true(address_parse(span_of("10.1.2.3"), &a));
	assert_memory_equal(a.bytes, four, sizeof(four));
	assert_int_equal(address_size(a.family), 4);
	assert_true(address_parse(span_of("2001:db8::1"), &a));
	assert_memory_equal(a.bytes, six, sizeof(six));
	assert_int_equal(address_size(a.family), 16);
}

TEST(refuses_what_is_no_address_and_changes_nothing)
{
	static const char *const bad[] = {
		"",
		"10",
		"10.0.0",
		"10.0.0.0.0",
		"256.0.0.1",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.-4",
		"0x1.2.3.4",
		"1..2.3",
		"a.b.c.d",
		":",
		":::",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1::2::3",
		"12345::",
		"::g",
		"fe80::1%eth0",
		"[::1]",
		"::1/64",
		"1.2.3.4/8",
		"::1.2.3",
		"example.com",
		"1111:2222:3333:4444:5555:6666:123.123.123.1234",
	};
	const struct address before = { .family = 77, .bytes = { 1, 2, 3 } };

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct address a = before;

		if (address_parse(span_of(bad[i]), &a))
			FAIL("'%s' was taken for an address", bad[i]);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

TEST(a_nul_byte_ends_no_address)
{
	struct address a;

	assert_false(address_parse((struct span){ .at = "10.0.0.1\0x", .length = 10 }, &a));
	assert_false(address_parse((struct span){ .at = "10.0.0.1\0", .length = 9 }, &a));
	assert_true(address_parse((struct span){ .at = "10.0.0.12", .length = 8 }, &a));
	assert_string_equal(show_address(&a), "10.0.0.1");
}

TEST(parses_and_prints_prefixes)
{
	static const struct {
		const char *given, *printed;
		uint8_t length;
	} prefixes[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", 8 },
		{ "10.1.2.3", "10.1.2.3", 32 },
		{ "10.1.2.3/32", "10.1.2.3", 32 },
		{ "10.1.2.3/8", "10.1.2.3/8", 8 }, /* bits behind the length stay */
		{ "0.0.0.0/0", "0.0.0.0/0", 0 },
		{ "::/0", "::/0", 0 },
		{ "2001:db8::1", "2001:db8::1", 128 },
		{ "2001:db8::/128", "2001:db8::", 128 },
		{ "2001:db8::/32", "2001:db8::/32", 32 },
	};

	for (size_t i = 0; i < COUNT(prefixes); i++) {
		struct prefix p = prefix_of(prefixes[i].given);

		assert_int_equal(p.length, prefixes[i].length);
		assert_string_equal(show_prefix(&p), prefixes[i].printed);
	}
}

TEST(refuses_what_is_no_prefix)
{
	static const char *const bad[] = {
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/8/8",
		"10.0.0.0/8 ",
		"/8",
		"::/129",
		"::/x",
		"10.0.0.0/4294967304",
		"10.0.0.0/255.0.0.0",
	};
	const struct prefix before = { .length = 77 };

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct prefix p = before;

		if (prefix_parse(span_of(bad[i]), &p))
			FAIL("'%s' was taken for a prefix", bad[i]);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

/* Against the definition: bit k, from the left, is set if it lies before the length. */
TEST(masks_every_length)
{
	for (unsigned int length = 0; length <= 128; length++) {
		const struct prefix p = { .address.family = AF_INET6, .length = (uint8_t)length };

		for (unsigned int bit = 0; bit < 128; bit++) {
			unsigned int set = prefix_mask(&p, bit / 8) >> (7 - bit % 8) & 1;

			assert_int_equal(set, bit < length);
		}
	}
}

TEST(knows_what_overlaps)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} pairs[] = {
		{ "10.0.0.0/8", "10.1.2.3", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::/0", false },
		{ "10.0.0.0/31", "10.0.0.1", true },
		{ "10.0.0.0/31", "10.0.0.2/31", false },
		{ "10.0.0.0/9", "10.127.255.255", true },
		{ "10.0.0.0/9", "10.128.0.0/9", false },
		{ "10.200.114.2/31", "10.200.114.0/29", true },
		{ "10.200.114.8/31", "10.200.114.0/29", false },
		{ "10.1.2.3/8", "10.9.9.9/8", true }, /* bits behind the length do not count */
		{ "10.0.0.0", "10.0.0.0", true },
		{ "10.0.0.0", "10.0.0.1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "fd00::/127", "fd00::1", true },
		{ "fd00::/127", "fd00::2", false },
		{ "::/0", "fd00::2", true },
	};

	for (size_t i = 0; i < COUNT(pairs); i++) {
		const struct prefix a = prefix_of(pairs[i].a), b = prefix_of(pairs[i].b);

		if (prefix_overlaps(&a, &b) != pairs[i].overlap ||
		    prefix_overlaps(&b, &a) != pairs[i].overlap)
			FAIL("%s and %s", pairs[i].a, pairs[i].b);
	}
}

TEST(clears_host_bits_and_says_so)
{
	static const struct {
		const char *given, *cleared;
		bool clean;
	} prefixes[] = {
		{ "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.1/8", "10.0.0.0/8", false },
		{ "10.0.0.1/32", "10.0.0.1", true },
		{ "1.2.3.4/0", "0.0.0.0/0", false },
		{ "172.16.0.0/12", "172.16.0.0/12", true },
		{ "172.24.0.0/12", "172.16.0.0/12", false },
		{ "10.0.0.3/31", "10.0.0.2/31", false },
		{ "2001:db8::/29", "2001:db8::/29", true },
		{ "2001:db9::/31", "2001:db8::/31", false },
		{ "::1/127", "::/127", false },
	};

	for (size_t i = 0; i < COUNT(prefixes); i++) {
		struct prefix p = prefix_of(prefixes[i].given);

		assert_int_equal(prefix_clear_host(&p), prefixes[i].clean);
		assert_string_equal(show_prefix(&p), prefixes[i].cleared);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_addresses_in_their_one_form),
		cmocka_unit_test(keeps_bytes_in_network_order),
		cmocka_unit_test(refuses_what_is_no_address_and_changes_nothing),
		cmocka_unit_test(a_nul_byte_ends_no_address),
		cmocka_unit_test(parses_and_prints_prefixes),
		cmocka_unit_test(refuses_what_is_no_prefix),
		cmocka_unit_test(masks_every_length),
		cmocka_unit_test(knows_what_overlaps),
		cmocka_unit_test(clears_host_bits_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
