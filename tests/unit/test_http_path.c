/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "init/gate/http.h"
#include "sys/text.h"

/* The path, or "refused". Neither it nor the result has a byte behind it. */
static const char *canonical(const char *bytes, size_t length, size_t size)
{
	static char shown[200];
	struct text t = TEXT_OVER(shown);
	char *copy = malloc(length + 1), *to = malloc(size + 1);
	size_t written = 12345;

	assert_non_null(copy);
	assert_non_null(to);
	memcpy(copy + 1, bytes, length);
	if (http_canonical_path((struct span){ .at = copy + 1, .length = length }, to + 1, size,
				&written)) {
		assert_true(written <= size);
		text_escaped(&t, to + 1, written);
	} else {
		text_printf(&t, "refused");
	}
	free(copy);
	free(to);
	return shown;
}

#define BYTES(string) (string), sizeof(string) - 1

struct row {
	const char *bytes;
	size_t length;
	const char *expected;
};

static void assert_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(canonical(rows[i].bytes, rows[i].length, 100), rows[i].expected) != 0)
			FAIL("'%s': %s", rows[i].bytes,
			     canonical(rows[i].bytes, rows[i].length, 100));
}

TEST(decodes_once)
{
	static const struct row rows[] = {
		{ BYTES("/"), "/" },
		{ BYTES("/a/b.c/~d"), "/a/b.c/~d" },
		{ BYTES("/%61%2D%7e%7E/%C3%a9"), "/a-~~/\\xc3\\xa9" },
		{ BYTES("/%20%3f%23%25%3B"), "/ ?#%;" },
		{ BYTES("/%2525"), "/%25" },
		{ BYTES("/%252e%252e/"), "/%2e%2e/" },
		{ BYTES("/a+b"), "/a+b" },
		{ BYTES("/%0d%0a%7f"), "/\\x0d\\x0a\\x7f" },
		{ BYTES("/%0F%f0%09%90%aA%Af"), "/\\x0f\\xf0\\x09\\x90\\xaa\\xaf" },
		{ BYTES("*"), "*" },
	};

	assert_rows(rows, COUNT(rows));
}

/* RFC 3986 5.2.4 and 5.4, and what is not in there. */
TEST(removes_dot_segments)
{
	static const struct row rows[] = {
		{ BYTES("/a/b/c/./../../g"), "/a/g" },
		{ BYTES("/b/c/."), "/b/c/" },
		{ BYTES("/b/c/./"), "/b/c/" },
		{ BYTES("/b/c/./g"), "/b/c/g" },
		{ BYTES("/b/c/.."), "/b/" },
		{ BYTES("/b/c/../"), "/b/" },
		{ BYTES("/b/c/../g"), "/b/g" },
		{ BYTES("/b/c/../.."), "/" },
		{ BYTES("/b/c/../../"), "/" },
		{ BYTES("/b/c/../../g"), "/g" },
		{ BYTES("/b/c/../../../g"), "/g" },
		{ BYTES("/b/c/../../../../g"), "/g" },
		{ BYTES("/b/c/g."), "/b/c/g." },
		{ BYTES("/b/c/.g"), "/b/c/.g" },
		{ BYTES("/b/c/g.."), "/b/c/g.." },
		{ BYTES("/b/c/..g"), "/b/c/..g" },
		{ BYTES("/b/c/g/./h/../i"), "/b/c/g/i" },
		{ BYTES("/..."), "/..." },
		{ BYTES("/.../a/.."), "/.../" },
		{ BYTES("/.. /a"), "/.. /a" },
		{ BYTES("/."), "/" },
		{ BYTES("/.."), "/" },
		{ BYTES("/./"), "/" },
		{ BYTES("/../"), "/" },
		{ BYTES("/../../a"), "/a" },
		{ BYTES("/../a/.."), "/" },
		{ BYTES("/./a/./."), "/a/" },
		/* Encoded dots are dots. */
		{ BYTES("/a/%2e%2e/b"), "/b" },
		{ BYTES("/a/%2E./b"), "/b" },
		{ BYTES("/a/.%2e"), "/" },
		{ BYTES("/a/%2e/b"), "/a/b" },
		/* Empty segments stay; what removes one is refused. */
		{ BYTES("//"), "//" },
		{ BYTES("//a//b//"), "//a//b//" },
		{ BYTES("//a/../b"), "//b" },
		{ BYTES("//a/.."), "//" },
		{ BYTES("/a//b/../c"), "/a//c" },
		{ BYTES("/a/.//b"), "/a//b" },
		{ BYTES("/a//./b"), "/a//b" },
		{ BYTES("/..//a"), "//a" },
		{ BYTES("/a//../b"), "refused" },
		{ BYTES("/a//.."), "refused" },
		{ BYTES("/a//b/../../c"), "refused" },
		{ BYTES("/a/x//../../b"), "refused" },
		{ BYTES("//.."), "refused" },
		{ BYTES("//../a"), "refused" },
		{ BYTES("/a//./../b"), "refused" },
	};

	assert_rows(rows, COUNT(rows));
}

TEST(refuses_what_servers_disagree_on)
{
	static const struct row rows[] = {
		{ BYTES("/a%2fb"), "refused" },
		{ BYTES("/a%2Fb"), "refused" },
		{ BYTES("/%2f"), "refused" },
		{ BYTES("%2fa"), "refused" },
		{ BYTES("/a%00"), "refused" },
		{ BYTES("/a\0b"), "refused" },
		{ BYTES("/a\\b"), "refused" },
		{ BYTES("/a%5cb"), "refused" },
		{ BYTES("/a%5Cb"), "refused" },
		{ BYTES("/a/..\\..\\b"), "refused" },
		{ BYTES("/%"), "refused" },
		{ BYTES("/%4"), "refused" },
		{ BYTES("/%4/a"), "refused" },
		{ BYTES("/%g0"), "refused" },
		{ BYTES("/%0g"), "refused" },
		{ BYTES("/%%41"), "refused" },
		{ BYTES("/%u002f"), "refused" },
		{ BYTES("/% 41"), "refused" },
		{ BYTES("/%-1"), "refused" },
		{ BYTES("/a/..;/b"), "refused" },
		{ BYTES("/a/..;x=y/b"), "refused" },
		{ BYTES("/a/..;"), "refused" },
		{ BYTES("/a/.;/b"), "refused" },
		{ BYTES("/a/%2e%2e%3bx/b"), "refused" },
		{ BYTES("/a/...;/b"), "/a/...;/b" },
		{ BYTES("/a;/b;c=d"), "/a;/b;c=d" },
		{ BYTES(""), "refused" },
		{ BYTES("a"), "refused" },
		{ BYTES("a/b"), "refused" },
		{ BYTES("../a"), "refused" },
		{ BYTES("**"), "refused" },
		{ BYTES("*/"), "refused" },
		{ BYTES("/*"), "/*" },
	};

	assert_rows(rows, COUNT(rows));
}

TEST(refuses_what_does_not_fit)
{
	assert_string_equal(canonical(BYTES("/abc"), 4), "/abc");
	assert_string_equal(canonical(BYTES("/abc"), 3), "refused");
	assert_string_equal(canonical(BYTES("/a/b/"), 5), "/a/b/");
	assert_string_equal(canonical(BYTES("/a/b/"), 4), "refused");
	assert_string_equal(canonical(BYTES("/%41%42"), 3), "/AB");
	assert_string_equal(canonical(BYTES("/%41%42"), 2), "refused");
	assert_string_equal(canonical(BYTES("/a/.."), 5), "/");
	assert_string_equal(canonical(BYTES("/."), 2), "/");
	assert_string_equal(canonical(BYTES("/"), 0), "refused");
	assert_string_equal(canonical(BYTES("*"), 1), "*");
	assert_string_equal(canonical(BYTES("*"), 0), "refused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_once),
		cmocka_unit_test(removes_dot_segments),
		cmocka_unit_test(refuses_what_servers_disagree_on),
		cmocka_unit_test(refuses_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
