/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "sys/cursor.h"
#include "sys/text.h"

static void assert_span(struct span s, const char *expected)
{
	assert_int_equal(s.length, strlen(expected));
	assert_memory_equal(s.at, expected, s.length);
}

TEST(a_span_equals_a_string_of_its_length_only)
{
	const struct span s = { .at = "tcp4", .length = 3 };

	assert_true(span_is(s, "tcp"));
	assert_false(span_is(s, "tc"));
	assert_false(span_is(s, "tcp4"));
	assert_false(span_is(s, "udp"));
	assert_true(span_is(span_of(""), ""));
	assert_false(span_is((struct span){ .at = "a\0b", .length = 3 }, "a"));
}

TEST(takes_a_char_only_if_it_is_there)
{
	struct cursor c = cursor_over(span_of("ab"));

	assert_false(cursor_take_char(&c, 'b'));
	assert_true(cursor_take_char(&c, 'a'));
	assert_true(cursor_take_char(&c, 'b'));
	assert_true(cursor_done(&c));
	assert_false(cursor_take_char(&c, '\0'));
}

TEST(takes_until_a_separator_or_the_end)
{
	struct cursor c = cursor_over(span_of("a::bc"));

	assert_span(cursor_take_until(&c, ':'), "a");
	assert_span(cursor_take_until(&c, ':'), "");
	assert_span(cursor_take_until(&c, ':'), "bc");
	assert_true(cursor_done(&c));
	assert_span(cursor_take_until(&c, ':'), "");
}

TEST(a_separator_at_the_end_leaves_nothing)
{
	struct cursor c = cursor_over(span_of("a:"));

	assert_span(cursor_take_until(&c, ':'), "a");
	assert_true(cursor_done(&c));
}

TEST(never_reads_behind_the_end)
{
	char *bytes = malloc(3); /* the sanitizer sees a fourth byte read */
	struct cursor c = cursor_over((struct span){ .at = bytes, .length = 3 });
	uint32_t n;

	memcpy(bytes, "123", 3);
	assert_true(cursor_take_number(&c, UINT32_MAX, &n));
	assert_int_equal(n, 123);
	c = cursor_over((struct span){ .at = bytes, .length = 3 });
	assert_int_equal(cursor_take_until(&c, '4').length, 3);
	free(bytes);
}

static const struct {
	const char *text;
	uint32_t limit;
	bool taken;
	uint32_t value;
	size_t left; /* bytes that stay behind the number */
} numbers[] = {
	{ "0", 0, true, 0, 0 },
	{ "007x", 10, true, 7, 1 },
	{ "65535", 65535, true, 65535, 0 },
	{ "65536", 65535, false, 0, 5 },
	{ "4294967295", UINT32_MAX, true, UINT32_MAX, 0 },
	{ "4294967296", UINT32_MAX, false, 0, 10 },
	{ "18446744073709551617", UINT32_MAX, false, 0, 20 }, /* 2^64 + 1 does not become 1 */
	{ "", 9, false, 0, 0 },
	{ "-1", 9, false, 0, 2 },
	{ "+1", 9, false, 0, 2 },
	{ " 1", 9, false, 0, 2 },
	{ "x", 9, false, 0, 1 },
	{ "5,6", 9, true, 5, 2 },
};

TEST(takes_numbers_up_to_a_limit)
{
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct cursor c = cursor_over(span_of(numbers[i].text));
		uint32_t value = 4711;

		assert_int_equal(cursor_take_number(&c, numbers[i].limit, &value),
				 numbers[i].taken);
		assert_int_equal(value, numbers[i].taken ? numbers[i].value : 4711);
		assert_int_equal(c.end - c.at, numbers[i].left);
	}
}

TEST(a_port_is_not_zero_and_fits_16_bits)
{
	static const struct {
		const char *text;
		uint16_t port; /* 0: none */
	} ports[] = { { "1", 1 },     { "65535", 65535 }, { "0", 0 },
		      { "65536", 0 }, { "", 0 },	  { "x", 0 } };

	for (size_t i = 0; i < COUNT(ports); i++) {
		struct cursor c = cursor_over(span_of(ports[i].text));
		uint16_t port = 0;

		assert_int_equal(cursor_take_port(&c, &port), ports[i].port != 0);
		assert_int_equal(port, ports[i].port);
		assert_int_equal(c.end - c.at, ports[i].port ? 0 : strlen(ports[i].text));
	}
}

TEST(a_span_is_one_number_or_none)
{
	uint32_t value = 4711;

	assert_false(span_number(span_of("12 "), 100, &value));
	assert_false(span_number(span_of("101"), 100, &value));
	assert_false(span_number(span_of(""), 100, &value));
	assert_int_equal(value, 4711);
	assert_true(span_number(span_of("100"), 100, &value));
	assert_int_equal(value, 100);
}

TEST(takes_the_items_of_a_list)
{
	static const struct {
		const char *list, *items;
	} lists[] = {
		{ "", "<>" },	   { "a", "<a>" },  { "a,b", "<a><b>" },    { "a,", "<a><>" },
		{ ",a", "<><a>" }, { ",", "<><>" }, { "a,,b", "<a><><b>" }, { "ab, c", "<ab>< c>" },
	};

	for (size_t i = 0; i < COUNT(lists); i++) {
		struct cursor c = cursor_over(span_of(lists[i].list));
		char buffer[64];
		struct text t = TEXT_OVER(buffer);
		struct span item;

		while (cursor_take_item(&c, &item))
			text_printf(&t, "<%.*s>", (int)item.length, item.at);
		assert_string_equal(buffer, lists[i].items);
		assert_false(cursor_take_item(&c, &item));
	}
}

TEST(a_list_ends_with_its_span)
{
	struct cursor c = cursor_over((struct span){ .at = "a,b,c", .length = 2 });
	struct span item;

	assert_true(cursor_take_item(&c, &item) && span_is(item, "a"));
	assert_true(cursor_take_item(&c, &item) && span_is(item, ""));
	assert_false(cursor_take_item(&c, &item));
}

TEST(finds_a_word_among_others)
{
	assert_int_equal(span_among(span_of("a"), "a,bc,d"), 0);
	assert_int_equal(span_among(span_of("bc"), "a,bc,d"), 1);
	assert_int_equal(span_among(span_of("d"), "a,bc,d"), 2);
	assert_int_equal(span_among(span_of("b"), "a,bc,d"), -1);
	assert_int_equal(span_among(span_of("bcd"), "a,bc,d"), -1);
	assert_int_equal(span_among(span_of(""), "a,bc,d"), -1);
	assert_int_equal(span_among(span_of("a,bc"), "a,bc,d"), -1);
	assert_int_equal(span_among(span_of("D"), "a,bc,d"), -1);
}

TEST(takes_words)
{
	struct cursor c = cursor_over(span_of(" \ta\r b\v\n c\t\r "));

	assert_true(span_is(cursor_take_word(&c), "a"));
	assert_true(span_is(cursor_take_word(&c), "b\v\n"));
	assert_true(span_is(cursor_take_word(&c), "c"));
	assert_true(span_is(cursor_take_word(&c), ""));
	assert_true(cursor_done(&c));
	c = cursor_over((struct span){ .at = " ab", .length = 2 });
	assert_true(span_is(cursor_take_word(&c), "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_span_equals_a_string_of_its_length_only),
		cmocka_unit_test(takes_a_char_only_if_it_is_there),
		cmocka_unit_test(takes_until_a_separator_or_the_end),
		cmocka_unit_test(a_separator_at_the_end_leaves_nothing),
		cmocka_unit_test(never_reads_behind_the_end),
		cmocka_unit_test(takes_numbers_up_to_a_limit),
		cmocka_unit_test(a_port_is_not_zero_and_fits_16_bits),
		cmocka_unit_test(a_span_is_one_number_or_none),
		cmocka_unit_test(takes_the_items_of_a_list),
		cmocka_unit_test(a_list_ends_with_its_span),
		cmocka_unit_test(finds_a_word_among_others),
		cmocka_unit_test(takes_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
