/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <arpa/inet.h>
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

TEST(refuses_what_is_no_address_and_leaves_none)
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
	const struct address none = { .family = 0 };

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct address a = { .family = 77, .bytes = { 1, 2, 3 } };

		if (address_parse(span_of(bad[i]), &a))
			FAIL("'%s' was taken for an address", bad[i]);
		assert_memory_equal(&a, &none, sizeof(a));
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

/* inet_pton(3) is the measure: what it takes, to the same bytes, and what it does not. */
static void assert_as_inet_pton(const char *text)
{
	struct address expected = { 0 }, a = { 0 };
	bool good = false;

	if (inet_pton(AF_INET, text, expected.bytes) == 1) {
		expected.family = AF_INET;
		good = true;
	} else if (inet_pton(AF_INET6, text, expected.bytes) == 1) {
		expected.family = AF_INET6;
		good = true;
	}
	if (!good)
		memset(&expected, 0, sizeof(expected));
	if (address_parse(span_of(text), &a) != good)
		FAIL("'%s' is %s", text, good ? "an address" : "no address");
	if (memcmp(&a, &expected, sizeof(a)) != 0)
		FAIL("'%s' has become '%s'", text, show_address(&a));
}

static uint32_t random_below(uint32_t limit)
{
	static uint64_t state = 42;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state >> 33) % limit;
}

/* Every text of these characters, up to a length where all there is to get wrong has been seen. */
TEST(reads_every_short_text_as_inet_pton_does)
{
	static const char alphabet[] = "1:.0fF";
	char text[9] = "";
	unsigned int digits[8] = { 0 }, length = 0;

	for (;;) {
		unsigned int i = 0;

		while (i < length && ++digits[i] == COUNT(alphabet) - 1)
			digits[i++] = 0;
		if (i == length && ++length > 8)
			return;
		for (unsigned int k = 0; k < length; k++)
			text[k] = alphabet[digits[k]];
		text[length] = '\0';
		assert_as_inet_pton(text);
	}
}

/* Long ones are mostly wrong by chance: they are made of good pieces. */
TEST(reads_many_texts_as_inet_pton_does)
{
	static const char *const pieces[] = { "::",   ":",   ":",	":",	 "1",  "0", "ffff",
					      "abcd", "00",  ".",	"g",	 "%",  "/", " ",
					      "255",  "256", "1.2.3.4", "12345", "01", "-1" };

	for (unsigned int i = 0; i < 300000; i++) {
		char string[160] = "";
		struct text t = TEXT_OVER(string);
		const unsigned int groups = 5 + random_below(6), gap = random_below(2 * groups);
		const bool is_random = i % 4 == 0;

		for (unsigned int g = 0; g < groups; g++) {
			if (is_random) {
				text_printf(&t, "%s", pieces[random_below(COUNT(pieces))]);
				continue;
			}
			if (g > 0 || gap == 0)
				text_printf(&t, g == gap ? "::" : ":");
			if (random_below(10) > 0 || g != gap + 1)
				text_printf(&t, "%x", random_below(0x10000) >> random_below(20));
		}
		if (i % 4 == 1)
			text_printf(&t, ":%u.%u.%u.%u", random_below(300), random_below(260),
				    random_below(256), random_below(256));
		if (i % 16 == 3 && t.length > 0) /* and one character wrong */
			string[random_below((uint32_t)t.length)] = ":.0aG"[random_below(5)];
		assert_as_inet_pton(string);
	}
}

TEST(reads_all_that_is_printed)
{
	for (unsigned int i = 0; i < 100000; i++) {
		struct address a = { .family = i % 2 ? AF_INET6 : AF_INET }, again = { 0 };
		char by_libc[INET6_ADDRSTRLEN];

		for (unsigned int k = 0; k < address_size(a.family); k++)
			a.bytes[k] = (uint8_t)(random_below(3) ? random_below(256) : 0);
		assert_true(address_parse(span_of(show_address(&a)), &again));
		assert_true(address_equal(&a, &again));
		assert_non_null(inet_ntop(a.family, a.bytes, by_libc, sizeof(by_libc)));
		assert_true(address_parse(span_of(by_libc), &again));
		assert_true(address_equal(&a, &again));
	}
}

TEST(equal_addresses_have_one_family_and_the_same_bytes)
{
	struct address a = { AF_INET, { 10, 1, 2, 3 } }, b = a;

	assert_true(address_equal(&a, &b));
	b.bytes[4] = b.bytes[15] = 1; /* not of an IPv4 address */
	assert_true(address_equal(&a, &b));
	for (unsigned int i = 0; i < 4; i++) {
		b = a;
		b.bytes[i] ^= 0x80;
		assert_false(address_equal(&a, &b));
	}
	b = a;
	b.family = AF_INET6;
	assert_false(address_equal(&a, &b));
	a.family = AF_INET6;
	assert_true(address_equal(&a, &b));
	for (unsigned int i = 0; i < 16; i++) {
		b = a;
		b.bytes[i] ^= 1;
		assert_false(address_equal(&a, &b));
	}
}

TEST(knows_the_addresses_that_are_no_host_s_or_this_one_s)
{
	static const struct {
		const char *address;
		bool unspecified, loopback;
	} rows[] = {
		{ "0.0.0.0", true, false },
		{ "0.0.0.1", false, false },
		{ "0.0.127.0", false, false },
		{ "127.0.0.1", false, true },
		{ "127.0.0.0", false, true },
		{ "127.255.255.255", false, true },
		{ "126.255.255.255", false, false },
		{ "128.0.0.0", false, false },
		{ "255.255.255.255", false, false },
		{ "::", true, false },
		{ "::1", false, true },
		{ "::2", false, false },
		{ "1::1", false, false },
		{ "::1:0", false, false },
		{ "7f00::1", false, false }, /* begins with the byte 127 */
		{ "7f00::", false, false },
		{ "::ffff:127.0.0.1", false, false }, /* the kernel's to say */
	};
	struct address a = { 0 };

	assert_true(address_is_unspecified(&a)); /* no address at all */
	assert_false(address_is_loopback(&a));
	a = (struct address){ AF_INET,
			      { [15] = 1 } }; /* behind an IPv4 address may stand anything */
	assert_false(address_is_loopback(&a));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(address_parse(span_of(rows[i].address), &a));
		if (address_is_unspecified(&a) != rows[i].unspecified ||
		    address_is_loopback(&a) != rows[i].loopback)
			FAIL("%s", rows[i].address);
	}
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

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct prefix p;

		if (prefix_parse(span_of(bad[i]), &p))
			FAIL("'%s' was taken for a prefix", bad[i]);
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
		cmocka_unit_test(refuses_what_is_no_address_and_leaves_none),
		cmocka_unit_test(a_nul_byte_ends_no_address),
		cmocka_unit_test(reads_every_short_text_as_inet_pton_does),
		cmocka_unit_test(reads_many_texts_as_inet_pton_does),
		cmocka_unit_test(reads_all_that_is_printed),
		cmocka_unit_test(equal_addresses_have_one_family_and_the_same_bytes),
		cmocka_unit_test(knows_the_addresses_that_are_no_host_s_or_this_one_s),
		cmocka_unit_test(parses_and_prints_prefixes),
		cmocka_unit_test(refuses_what_is_no_prefix),
		cmocka_unit_test(masks_every_length),
		cmocka_unit_test(knows_what_overlaps),
		cmocka_unit_test(clears_host_bits_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
