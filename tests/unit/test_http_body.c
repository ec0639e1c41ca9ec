/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "init/gate/http.h"
#include "sys/text.h"

#define BYTES(string) (string), sizeof(string) - 1

static const char *const answers[] = {
	[PARSE_DONE] = "done", [PARSE_MORE] = "more", [PARSE_OTHER] = "other", [PARSE_BAD] = "bad"
};

static struct http_body start(bool chunked, uint64_t length)
{
	const struct http_request r = { .chunked = chunked, .length = length };
	struct http_body b;

	memset(&b, 0xaa, sizeof(b));
	http_body_start(&b, &r);
	return b;
}

/* "done 12": the body, of which 12 of these bytes are a part. They come in pieces of this size. */
static const char *take(struct http_body b, const char *bytes, size_t length, size_t piece)
{
	static char shown[40];
	size_t at = 0, taken = 0;
	enum parse answer;

	do {
		const size_t size = length - at < piece ? length - at : piece;
		char *copy = malloc(size + 1);

		assert_non_null(copy);
		memcpy(copy + 1, bytes + at, size);
		answer =
			http_body_take(&b, (struct span){ .at = copy + 1, .length = size }, &taken);
		free(copy);
		assert_true(taken <= size && (answer != PARSE_MORE || taken == size));
		at += taken;
	} while (answer == PARSE_MORE && at < length);
	snprintf(shown, sizeof(shown), "%s %zu", answers[answer], at);
	/* What was said is said again. */
	if (answer != PARSE_MORE) {
		assert_int_equal(http_body_take(&b, span_of("0\r\n\r\n"), &taken), answer);
		assert_int_equal(taken, 0);
	}
	return shown;
}

static void assert_taken(struct http_body b, const char *bytes, size_t length, const char *expected)
{
	for (size_t piece = 1; piece <= length + 1; piece++)
		if (strcmp(take(b, bytes, length, piece), expected) != 0)
			FAIL("'%s' in pieces of %zu: %s", bytes, piece,
			     take(b, bytes, length, piece));
}

TEST(a_body_with_a_length_ends_with_it)
{
	assert_taken(start(false, 0), BYTES("GET /"), "done 0");
	assert_taken(start(false, 0), BYTES(""), "done 0");
	assert_taken(start(false, 5), BYTES(""), "more 0");
	assert_taken(start(false, 5), BYTES("abcd"), "more 4");
	assert_taken(start(false, 5), BYTES("\r\n\0\r\n"), "done 5");
	assert_taken(start(false, 5), BYTES("abcdeGET /"), "done 5");
	assert_taken(start(false, UINT64_MAX), BYTES("abcde"), "more 5");
}

TEST(a_length_of_more_than_32_bits_is_counted)
{
	static const char bytes[4096];
	const struct span piece = { .at = bytes, .length = sizeof(bytes) };
	struct http_body b = start(false, (1ULL << 32) + 100);
	size_t taken;

	for (uint64_t sum = 0; sum < 1ULL << 32; sum += taken) {
		assert_int_equal(http_body_take(&b, piece, &taken), PARSE_MORE);
		assert_int_equal(taken, sizeof(bytes));
	}
	assert_int_equal(http_body_take(&b, piece, &taken), PARSE_DONE);
	assert_int_equal(taken, 100);
}

TEST(a_chunked_body_ends_with_the_last_chunk)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *expected;
	} rows[] = {
		{ BYTES(""), "more 0" },
		{ BYTES("0\r\n\r\n"), "done 5" },
		{ BYTES("0\r\n\r\nGET /"), "done 5" },
		{ BYTES("000\r\n\r\n"), "done 7" },
		{ BYTES("5\r\nabcde\r\n0\r\n\r\nPOST"), "done 15" },
		{ BYTES("5\r\n\r\n0\r\n\r\n0\r\n\r\n"), "done 15" },
		{ BYTES("1\r\na\r\n2\r\nbc\r\n00A\r\n0123456789\r\n0\r\n\r\n"), "done 35" },
		{ BYTES("a\r\n0123456789\r\nB\r\n0123456789a\r\nf\r\n0123456789abcde\r\n"
			"F\r\n0123456789abcde\r\n0\r\n\r\n"),
		  "done 76" },
		{ BYTES("1A\r\n0123456789abcdef0123456789\r\n0\r\n\r\n"), "done 37" },
		{ BYTES("19\r\n0123456789abcdef012345678\r\n0\r\n\r\n"), "done 36" },
		{ BYTES("0000000000000001\r\na\r\n0\r\n\r\n"), "done 26" },
		{ BYTES("7fffffffffffffff\r\nabc"), "more 21" },
		{ BYTES("5\r\nabc"), "more 6" },
		{ BYTES("5\r\nabcde\r\n"), "more 10" },
		{ BYTES("0\r\n"), "more 3" },
		{ BYTES("0\r\n\r"), "more 4" },
		/* Extensions. */
		{ BYTES("5;\r\nabcde\r\n0;a\r\n\r\n"), "done 18" },
		{ BYTES("5 \t ; a = \"b;\xe9 \\\"c\"\t;d\r\nabcde\r\n0\r\n\r\n"), "done 36" },
		{ BYTES("5 \r\nabcde\r\n0\r\n\r\n"), "bad 2" },
		{ BYTES("5\t\r\n"), "bad 2" },
		{ BYTES("5 a\r\n"), "bad 2" },
		{ BYTES("5 5\r\n"), "bad 2" },
		{ BYTES("5;\nabcde"), "bad 2" },
		{ BYTES("5;a\rb\r\n"), "bad 4" },
		{ BYTES("5;a\0\r\n"), "bad 3" },
		{ BYTES("5;\x7f\r\n"), "bad 2" },
		{ BYTES("5;\v\r\n"), "bad 2" },
		/* Sizes. */
		{ BYTES("\r\n"), "bad 0" },
		{ BYTES(";a\r\n"), "bad 0" },
		{ BYTES(" 5\r\n"), "bad 0" },
		{ BYTES("+5\r\n"), "bad 0" },
		{ BYTES("-5\r\n"), "bad 0" },
		{ BYTES("0x5\r\n"), "bad 1" },
		{ BYTES("5h\r\n"), "bad 1" },
		{ BYTES("5g\r\n"), "bad 1" },
		{ BYTES("5G\r\n"), "bad 1" },
		{ BYTES("5@\r\n"), "bad 1" },
		{ BYTES("5`\r\n"), "bad 1" },
		{ BYTES("5/\r\n"), "bad 1" },
		{ BYTES("5:\r\n"), "bad 1" },
		{ BYTES("5,\r\n"), "bad 1" },
		{ BYTES("\0\r\n"), "bad 0" },
		{ BYTES("\xb5\r\n"), "bad 0" },
		{ BYTES("8000000000000000\r\n"), "bad 15" },
		{ BYTES("ffffffffffffffff\r\n"), "bad 15" },
		{ BYTES("00000000000000005\r\n"), "bad 16" },
		{ BYTES("10000000000000005\r\n"), "bad 16" },
		/* Line ends. */
		{ BYTES("5\nabcde\r\n0\r\n\r\n"), "bad 1" },
		{ BYTES("5\rabcde\r\n0\r\n\r\n"), "bad 2" },
		{ BYTES("5\r\r\nabcde\r\n"), "bad 2" },
		{ BYTES("5\r\nabcde\n0\r\n\r\n"), "bad 8" },
		{ BYTES("5\r\nabcdef\r\n0\r\n\r\n"), "bad 8" },
		{ BYTES("5\r\nabcd\r\n0\r\n\r\n"), "bad 8" },
		{ BYTES("5\r\nabcde\r0\r\n\r\n"), "bad 9" },
		{ BYTES("5\r\nabcde0\r\n\r\n"), "bad 8" },
		{ BYTES("5\r\nabcde\r\n\r\n"), "bad 10" },
		{ BYTES("5\r\nabcde\r\n 0\r\n\r\n"), "bad 10" },
		{ BYTES("0\r\n\n"), "bad 3" },
		{ BYTES("0\r\n\ra"), "bad 4" },
		{ BYTES("0\n\n"), "bad 1" },
		/* Trailers. */
		{ BYTES("0\r\nA: b\r\nX-c:\r\n\r\nGET"), "done 17" },
		{ BYTES("0\r\nA:b c\t\xe9\r\n\r\n"), "done 14" },
		{ BYTES("0\r\nA: b\r\n"), "more 9" },
		{ BYTES("0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "bad 6" },
		{ BYTES("0\r\nA\r\n"), "bad 4" },
		{ BYTES("0\r\n: b\r\n"), "bad 3" },
		{ BYTES("0\r\nA : b\r\n"), "bad 4" },
		{ BYTES("0\r\n A: b\r\n"), "bad 3" },
		{ BYTES("0\r\nA: b\r\n c\r\n"), "bad 9" },
		{ BYTES("0\r\nA: b\nB: c\r\n"), "bad 7" },
		{ BYTES("0\r\nA: b\rB: c\r\n"), "bad 8" },
		{ BYTES("0\r\nA: \0\r\n"), "bad 6" },
		{ BYTES("0\r\nA\0: b\r\n"), "bad 4" },
		{ BYTES("0\r\n\0"), "bad 3" },
	};
	const struct http_body zeroed = { 0 };

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_taken(start(true, 0), rows[i].bytes, rows[i].length, rows[i].expected);
		assert_taken(zeroed, rows[i].bytes, rows[i].length, rows[i].expected);
	}
}

/* `count` times the same byte behind a beginning. */
static const char *take_long(const char *beginning, char filler, size_t count, const char *end)
{
	static char bytes[3 * HTTP_LINE_MAX];
	struct text t = TEXT_OVER(bytes);

	text_printf(&t, "%s", beginning);
	for (size_t i = 0; i < count; i++)
		text_char(&t, filler);
	text_printf(&t, "%s", end);
	assert_false(t.cut);
	return take(start(true, 0), t.at, t.length, t.length);
}

TEST(a_line_is_bounded)
{
	/* Each size line anew... */
	assert_string_equal(take_long("1;", 'x', HTTP_LINE_MAX - 4, "\r\na\r\n1;\r\n"),
			    "more 4103");
	assert_string_equal(take_long("1;", 'x', HTTP_LINE_MAX - 3, "\r\na\r\n"), "bad 4096");
	assert_string_equal(take_long("1;\r\na\r\n1;", 'x', HTTP_LINE_MAX - 4, "\r\nb\r\n"),
			    "more 4106");
	assert_string_equal(take_long("1;\r\na\r\n1;", 'x', HTTP_LINE_MAX - 3, "\r\nb\r\n"),
			    "bad 4103");
	assert_string_equal(take_long("1", ' ', 2UL * HTTP_LINE_MAX, ""), "bad 4096");
	/* ... but all trailers together. */
	assert_string_equal(take_long("0\r\nA:", 'x', HTTP_LINE_MAX - 9, "\r\n\r\n"), "done 4096");
	assert_string_equal(take_long("0\r\nA:", 'x', HTTP_LINE_MAX - 8, "\r\n\r\n"), "bad 4096");
	assert_string_equal(take_long("0\r\nA:b\r\nC:", 'x', HTTP_LINE_MAX - 14, "\r\n\r\n"),
			    "done 4096");
	assert_string_equal(take_long("0\r\nA:b\r\nC:", 'x', HTTP_LINE_MAX - 13, "\r\n\r\n"),
			    "bad 4096");
	assert_string_equal(take_long("0\r\n", 'x', 2UL * HTTP_LINE_MAX, ""), "bad 4096");
}

/* A body may have any number of chunks. */
TEST(chunks_go_on)
{
	struct http_body b = start(true, 0);
	size_t taken;

	for (unsigned int i = 0; i < 100000; i++) {
		assert_int_equal(http_body_take(&b, span_of("1;a=b\r\nx\r\n"), &taken), PARSE_MORE);
		assert_int_equal(taken, 10);
	}
	assert_int_equal(http_body_take(&b, span_of("0\r\n\r\n"), &taken), PARSE_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_with_a_length_ends_with_it),
		cmocka_unit_test(a_length_of_more_than_32_bits_is_counted),
		cmocka_unit_test(a_chunked_body_ends_with_the_last_chunk),
		cmocka_unit_test(a_line_is_bounded),
		cmocka_unit_test(chunks_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
