/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <errno.h>

#include "sys/errors.h"

TEST(says_what_people_know)
{
	assert_string_equal(error_text(EPERM), "Operation not permitted");
	assert_string_equal(error_text(ENOENT), "No such file or directory");
	assert_string_equal(error_text(EACCES), "Permission denied");
	assert_string_equal(error_text(ECONNREFUSED), "Connection refused");
	assert_string_equal(error_text(EDQUOT), "Quota exceeded"); /* the last one */
}

/* Every number that has a text has one of its own, and it is that of strerror(3), or musl's word for it. */
TEST(texts_belong_to_their_numbers)
{
	static const struct {
		int error;
		const char *text;
	} words_of_musl[] = {
		{ EIO, "I/O error" },
		{ ECHILD, "No child process" },
		{ ENOMEM, "Out of memory" },
		{ EBUSY, "Resource busy" },
		{ EMFILE, "No file descriptors available" },
		{ ENFILE, "Too many open files in system" },
		{ ENAMETOOLONG, "Filename too long" },
		{ ELOOP, "Symbolic link loop" },
		{ ETIME, "Device timeout" },
		{ ENOTSOCK, "Not a socket" },
		{ EMSGSIZE, "Message too large" },
		{ EOPNOTSUPP, "Not supported" },
		{ EADDRINUSE, "Address in use" },
		{ EADDRNOTAVAIL, "Address not available" },
		{ ENETUNREACH, "Network unreachable" },
		{ ENOTCONN, "Socket not connected" },
		{ ETIMEDOUT, "Operation timed out" },
		{ EHOSTUNREACH, "Host is unreachable" },
		{ EDQUOT, "Quota exceeded" },
	};
	unsigned int known = 0;

	for (int error = 1; error < 200; error++) {
		const char *text = error_text(error), *expected = strerror(error);

		if (strcmp(text, "Unknown error") == 0)
			continue;
		known++;
		for (size_t i = 0; i < COUNT(words_of_musl); i++)
			if (words_of_musl[i].error == error)
				expected = words_of_musl[i].text;
		if (strcasecmp(text, expected) != 0)
			FAIL("%d: '%s' is not '%s'", error, text, expected);
		for (int other = 1; other < error; other++)
			assert_string_not_equal(error_text(other), text);
	}
	assert_in_range(known, 40, 199);
}

TEST(any_number_has_a_text)
{
	static const int unknown[] = {
		0, -1, -EPERM, 4000, 256, 256 + EPERM, INT32_MAX, INT32_MIN
	};

	for (size_t i = 0; i < COUNT(unknown); i++)
		assert_string_equal(error_text(unknown[i]), "Unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_people_know),
		cmocka_unit_test(texts_belong_to_their_numbers),
		cmocka_unit_test(any_number_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
