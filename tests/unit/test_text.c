/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "sys/text.h"

TEST(starts_empty)
{
	char buffer[4] = "xyz";
	struct text t = TEXT_OVER(buffer);

	assert_ptr_equal(t.at, buffer);
	assert_int_equal(t.size, sizeof(buffer));
	assert_int_equal(t.length, 0);
	assert_false(t.cut);
	assert_string_equal(buffer, "");
}

TEST(fills_the_buffer_to_the_last_byte)
{
	char buffer[4];
	struct text t = TEXT_OVER(buffer);

	text_bytes(&t, "abc", 3);
	assert_string_equal(buffer, "abc");
	assert_false(t.cut);
	text_char(&t, 'd');
	assert_string_equal(buffer, "abc");
	assert_int_equal(t.length, 3);
	assert_true(t.cut);
}

TEST(room_for_the_nul_alone_takes_nothing)
{
	char buffer[1] = { 'x' };
	struct text t = TEXT_OVER(buffer);

	text_char(&t, 'a');
	assert_int_equal(t.length, 0);
	assert_true(t.cut);
	assert_int_equal(buffer[0], '\0');
}

TEST(cuts_and_writes_no_byte_behind_its_end)
{
	char buffer[8] = "1234567";
	struct text t = text_over(buffer, 4);

	text_printf(&t, "%s", "abcdef");
	assert_string_equal(buffer, "abc");
	assert_true(t.cut);
	assert_string_equal(buffer + 4, "567");
}

TEST(bytes_may_hold_a_nul)
{
	char buffer[8];
	struct text t = TEXT_OVER(buffer);

	text_bytes(&t, "a\0b", 3);
	assert_int_equal(t.length, 3);
	assert_memory_equal(buffer, "a\0b", 4);
}

/* The same as stdio's in everything that it knows. */
#define ASSERT_PRINTS(expected, ...)                           \
	do {                                                   \
		char buffer_[128];                             \
		struct text t_ = TEXT_OVER(buffer_);           \
		text_printf(&t_, __VA_ARGS__);                 \
		assert_string_equal(buffer_, expected);        \
		assert_int_equal(t_.length, strlen(expected)); \
		assert_false(t_.cut);                          \
	} while (0)

TEST(prints_strings)
{
	ASSERT_PRINTS("plain", "plain");
	ASSERT_PRINTS("a=b, c", "a=%s, %s", "b", "c");
	ASSERT_PRINTS("[]", "[%s]", "");
	ASSERT_PRINTS("abc", "%.*s", 3, "abcdef");
	ASSERT_PRINTS("ab", "%.*s", 5, "ab");
	ASSERT_PRINTS("", "%.*s", 0, "ab");
	ASSERT_PRINTS("xy", "%c%c", 'x', 'y');
	ASSERT_PRINTS("100%", "%d%%", 100);
}

TEST(a_precision_reads_no_further_than_it_says)
{
	char *bytes = malloc(2); /* the sanitizer sees a third byte read */

	memcpy(bytes, "ab", 2);
	ASSERT_PRINTS("ab", "%.*s", 2, bytes);
	free(bytes);
}

TEST(prints_numbers)
{
	ASSERT_PRINTS("0 -1 2147483647 -2147483648", "%d %d %d %d", 0, -1, INT32_MAX, INT32_MIN);
	ASSERT_PRINTS("0 4294967295", "%u %u", 0U, UINT32_MAX);
	ASSERT_PRINTS("0 a ff 1000 ffffffff", "%x %x %x %x %x", 0U, 10U, 255U, 4096U, UINT32_MAX);
	ASSERT_PRINTS("0 65536", "%zu %zu", (size_t)0, (size_t)65536);
	ASSERT_PRINTS("18446744073709551615", "%llu", 18446744073709551615ULL);
	ASSERT_PRINTS("4294967296,7", "%llu,%u", 4294967296ULL, 7U);
}

TEST(fills_a_width_with_spaces_behind)
{
	ASSERT_PRINTS("[ab  ]", "[%-4s]", "ab");
	ASSERT_PRINTS("[abcd]", "[%-4s]", "abcd");
	ASSERT_PRINTS("[abcde]", "[%-4s]", "abcde");
	ASSERT_PRINTS("[            ]", "[%-12s]", "");
	ASSERT_PRINTS("[7  ]", "[%-3u]", 7U);
}

TEST(a_width_ends_where_the_buffer_does)
{
	char buffer[6];
	struct text t = TEXT_OVER(buffer);

	text_printf(&t, "%-100s", "ab");
	assert_string_equal(buffer, "ab   ");
	assert_true(t.cut);
}

TEST(escapes_what_a_terminal_would_act_on)
{
	static const char bytes[] = { ' ',  '~',  'a',	'\\',	    '\n',
				      '\0', 0x1b, 0x7f, (char)0xc3, (char)0xff };
	char buffer[64];
	struct text t = TEXT_OVER(buffer);

	text_escaped(&t, bytes, sizeof(bytes));
	assert_string_equal(buffer, " ~a\\x5c\\x0a\\x00\\x1b\\x7f\\xc3\\xff");
}

TEST(a_failure_is_filled_whole)
{
	struct failure f;

	forget_failure(&f);
	assert_int_equal(fail(&f, "stage", "Do this", "%s: %d", "object", 5), -1);
	assert_failure(&f, "stage: object: 5. Do this");
	assert_int_equal(fail(&f, "stage", NULL, "again"), -1);
	assert_failure(&f, "stage: again");
}

TEST(a_long_failure_is_cut)
{
	char word[1000];
	struct failure f;

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	forget_failure(&f);
	fail(&f, "stage", NULL, "%s", word);
	assert_int_equal(strlen(f.what), sizeof(f.what) - 1);
}

TEST(shows_bytes_in_a_buffer_of_their_own)
{
	char buffer[8];

	assert_ptr_equal(text_shown(buffer, sizeof(buffer), "abcdefg", 2), buffer);
	assert_string_equal(buffer, "ab");
	assert_string_equal(text_shown(buffer, sizeof(buffer), "abcdefg", 4), "abcd");
	assert_string_equal(text_shown(buffer, sizeof(buffer), "abcdefg", 5), "abcd...");
	assert_string_equal(text_shown(buffer, sizeof(buffer), "\n", 1), "\\x0a");
	assert_string_equal(text_shown(buffer, sizeof(buffer), "a\0b", 3), "a\\x0...");
	assert_string_equal(text_shown(buffer, sizeof(buffer), "", 0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_empty),
		cmocka_unit_test(fills_the_buffer_to_the_last_byte),
		cmocka_unit_test(room_for_the_nul_alone_takes_nothing),
		cmocka_unit_test(cuts_and_writes_no_byte_behind_its_end),
		cmocka_unit_test(bytes_may_hold_a_nul),
		cmocka_unit_test(prints_strings),
		cmocka_unit_test(a_precision_reads_no_further_than_it_says),
		cmocka_unit_test(prints_numbers),
		cmocka_unit_test(fills_a_width_with_spaces_behind),
		cmocka_unit_test(a_width_ends_where_the_buffer_does),
		cmocka_unit_test(escapes_what_a_terminal_would_act_on),
		cmocka_unit_test(a_failure_is_filled_whole),
		cmocka_unit_test(a_long_failure_is_cut),
		cmocka_unit_test(shows_bytes_in_a_buffer_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
