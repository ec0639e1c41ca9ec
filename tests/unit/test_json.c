/* SPDX-License-Identifier: MIT */
#include "sys/json.h"
#include "tests/unit/test.h"

static const char *written(const char *bytes, size_t length)
{
	static char buffer[2048];
	struct text t = TEXT_OVER(buffer);

	json_string(&t, (struct span){ .at = bytes, .length = length });
	assert_false(t.cut);
	return buffer;
}

TEST(printable_ascii_is_written_as_it_is)
{
	assert_string_equal(written("", 0), "\"\"");
	assert_string_equal(written(" a/b'~", 6), "\" a/b'~\"");
}

TEST(what_would_end_a_string_is_escaped)
{
	assert_string_equal(written("\"", 1), "\"\\\"\"");
	assert_string_equal(written("a\\x09", 5), "\"a\\\\x09\"");
}

TEST(every_other_byte_becomes_six_characters)
{
	assert_string_equal(written("\0\n\x1f\x7f\x80\xff", 6),
			    "\"\\u0000\\u000a\\u001f\\u007f\\u0080\\u00ff\"");
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		size_t length = strlen(written(&byte, 1)) - 2;

		assert_true(length == 1 || length == 2 || length == JSON_ESCAPE_MAX);
	}
}

TEST(a_string_that_does_not_fit_is_cut)
{
	char buffer[6];
	struct text t = TEXT_OVER(buffer);

	json_string(&t, span_of("abcdef"));
	assert_true(t.cut);
	assert_string_equal(buffer, "\"abcd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable_ascii_is_written_as_it_is),
		cmocka_unit_test(what_would_end_a_string_is_escaped),
		cmocka_unit_test(every_other_byte_becomes_six_characters),
		cmocka_unit_test(a_string_that_does_not_fit_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
