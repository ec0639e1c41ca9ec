/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "init/url.h"

#define SIZE 254 /* a name and a NUL */

static struct failure failure;

TEST(splits_urls)
{
	static const struct {
		const char *text, *scheme, *host;
		uint16_t port;
		const char *path;
		bool has_user;
	} urls[] = {
		{ "http://a.b", "http", "a.b", 0, "", false },
		{ "http://a.b/", "http", "a.b", 0, "/", false },
		{ "http://a.b:8080/x/y", "http", "a.b", 8080, "/x/y", false },
		{ "http://a.b/x?y=/z#/w", "http", "a.b", 0, "/x", false },
		{ "http://a.b/x#y?z", "http", "a.b", 0, "/x", false },
		{ "http://a.b?x=//c@d", "http", "a.b", 0, "", false },
		{ "http://a.b:1#x", "http", "a.b", 1, "", false },
		{ "http://u@a.b", "http", "a.b", 0, "", true },
		{ "http://u:p@a.b:80/c@d", "http", "a.b", 80, "/c@d", true },
		{ "http://@a.b", "http", "a.b", 0, "", true },
		{ "http://u@v@a.b", "http", "v@a.b", 0, "", true }, /* no host: not for us to say */
		{ "http://a.b/c@d:1", "http", "a.b", 0, "/c@d:1", false },
		{ "a.b?u=http://c", "", "a.b", 0, "", false },
		{ "a.b://c", "a.b", "c", 0, "", false },
		{ "http://1.2.3.4:80", "http", "1.2.3.4", 80, "", false },
		{ "http://[::1]", "http", "::1", 0, "", false },
		{ "http://[::1]/x", "http", "::1", 0, "/x", false },
		{ "http://u@[2001:db8::1]:65535", "http", "2001:db8::1", 65535, "", true },
		{ "a.b", "", "a.b", 0, "", false },
		{ "a.b:443", "", "a.b", 443, "", false },
		{ "a.b:443/x://y", "", "a.b", 443, "/x://y", false },
		{ "a.b/http://c.d", "", "a.b", 0, "/http://c.d", false },
		{ "git+ssh://a.b", "git+ssh", "a.b", 0, "", false },
	};

	for (size_t i = 0; i < COUNT(urls); i++) {
		struct url u;

		memset(&u, 0xaa, sizeof(u));
		if (!url_split(span_of(urls[i].text), &u))
			FAIL("'%s' was refused", urls[i].text);
		if (!span_is(u.scheme, urls[i].scheme) || !span_is(u.host, urls[i].host) ||
		    u.port != urls[i].port || !span_is(u.path, urls[i].path) ||
		    u.has_user != urls[i].has_user)
			FAIL("'%s' was split in another way", urls[i].text);
		assert_true(u.path.at >= urls[i].text);
		assert_true(u.path.at <= urls[i].text + strlen(urls[i].text));
	}
}

static const char *const no_urls[] = {
	"",
	"/",
	"/x",
	"//a.b",
	"://a.b",
	"http://",
	"http:///x",
	"http://?x",
	"http://:80",
	"http://u@",
	"http://u@:1",
	"http://a:b",
	"http://a:0",
	"http://a:65536",
	"http://a:80x",
	"http://a:-1",
	"http://a::80",
	"http://::1/",
	"http://[::1",
	"http://[::1]80",
	"http://[]",
	"http://[a.b]",
	"http://[::1]x",
	"http:/a.b",
	"http:a.b",
	"http://[::1]:x",
	"http://a.b:",
	"http://[::1]:",
	"http://:",
	"a.b:http",
};

TEST(refuses_what_is_no_url)
{
	for (size_t i = 0; i < COUNT(no_urls); i++) {
		struct url u;

		if (url_split(span_of(no_urls[i]), &u))
			FAIL("'%s' was taken for a URL", no_urls[i]);
	}
}

TEST(a_url_ends_with_its_span)
{
	static const struct span ends[] = { { "http://a.bc", 10 },
					    { "http://a.b:801", 13 },
					    { "http://a.b/xy", 12 } };
	struct url u;

	assert_true(url_split(ends[0], &u) && span_is(u.host, "a.b"));
	assert_true(url_split(ends[1], &u) && u.port == 80);
	assert_true(url_split(ends[2], &u) && span_is(u.path, "/x"));
	assert_false(url_split((struct span){ "http:///", 7 }, &u));
	assert_false(url_split((struct span){ "http://[::1]", 11 }, &u));
}

TEST(a_host_is_a_name_or_it_is_not)
{
	static const struct {
		const char *host;
		bool name;
	} hosts[] = {
		{ "a.b", true },   { "localhost", true }, { "a_b.", true }, { "1.2.3.4", false },
		{ "::1", false },  { "*.b", false },	  { "*", false },   { "a b", false },
		{ "a..b", false }, { "u@a", false },
	};

	for (size_t i = 0; i < COUNT(hosts); i++) {
		const struct url u = { .host = span_of(hosts[i].host) };

		if (url_has_name(&u) != hosts[i].name)
			FAIL("%s: not so", hosts[i].host);
	}
}

TEST(makes_a_request_of_a_url)
{
	static const struct {
		const char *text;
		enum request_protocol protocol;
		const char *name;
		uint16_t port;
		const char *path;
	} requests[] = {
		{ "http://a.b", REQUEST_HTTP, "a.b", 80, "/" },
		{ "http://a.b:8080/X/%41?q", REQUEST_HTTP, "a.b", 8080, "/X/%41" },
		{ "HTTP://A.B.", REQUEST_HTTP, "a.b", 80, "/" },
		{ "https://Api.GitHub.com/x", REQUEST_TLS, "api.github.com", 443, "/x" },
		{ "https://a.b:8443", REQUEST_TLS, "a.b", 8443, "/" },
		{ "api.github.com", REQUEST_TLS, "api.github.com", 443, "/" },
		{ "a.b:8443/x", REQUEST_TLS, "a.b", 8443, "/x" },
		{ "ws://a.b", REQUEST_HTTP, "a.b", 80, "/" },
		{ "wss://a.b/s", REQUEST_TLS, "a.b", 443, "/s" },
		{ "ssh://git@a.b/x.git", REQUEST_TCP, "a.b", 22, "/x.git" },
		{ "ssh://a.b:2222", REQUEST_TCP, "a.b", 2222, "/" },
		{ "postgres://u:p@a.b/db", REQUEST_TCP, "a.b", 5432, "/db" },
		{ "postgresql://a.b", REQUEST_TCP, "a.b", 5432, "/" },
		{ "redis://a.b", REQUEST_TCP, "a.b", 6379, "/" },
		{ "smtp://a.b", REQUEST_TCP, "a.b", 25, "/" },
		{ "gopher://a.b:70", REQUEST_TCP, "a.b", 70, "/" },
		{ "httpx://a.b:70", REQUEST_TCP, "a.b", 70, "/" },
		{ "htt://a.b:70", REQUEST_TCP, "a.b", 70, "/" },
	};

	for (size_t i = 0; i < COUNT(requests); i++) {
		char buffer[SIZE];
		struct text host = TEXT_OVER(buffer);
		struct request r;

		memset(&r, 0xaa, sizeof(r));
		if (url_parse(span_of(requests[i].text), &r, &host, &failure) < 0)
			FAIL("%s", failure.what);
		assert_int_equal(r.protocol, requests[i].protocol);
		assert_int_equal(r.port, requests[i].port);
		assert_int_equal(r.method.length, 0);
		assert_true(span_is(r.name, requests[i].name));
		assert_ptr_equal(r.name.at, buffer);
		assert_true(span_is(r.path, requests[i].path));
	}
}

#define REMEDY                                                                    \
	": not a URL with a name. Write it like https://api.example.com/path or " \
	"SCHEME://NAME:PORT; rules with cidr= decide on addresses"

static void refuses(struct span text, const char *shown)
{
	char buffer[SIZE], expected[512];
	struct text host = TEXT_OVER(buffer);
	struct request r;

	snprintf(expected, sizeof(expected), "url: '%s'%s", shown, REMEDY);
	forget_failure(&failure);
	if (url_parse(text, &r, &host, &failure) != -1)
		FAIL("'%s' was taken for a URL", shown);
	assert_failure(&failure, expected);
}

TEST(refuses_what_is_no_request)
{
	static const char *const bad[] = {
		"",
		"http://",
		"http://1.2.3.4/",
		"http://[::1]/",
		"http://a..b",
		"http://*.b/",
		"http://*/",
		"gopher://a.b",
		"http://a b",
		"ftp://a.b",
		"http://127.1",
		"http://u@v@a.b",
		"http://a.b..",
		"git@github.com:org/repo",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		refuses(span_of(bad[i]), bad[i]);
	refuses((struct span){ "http://a\0.b", 11 }, "http://a\\x00.b");
	refuses((struct span){ "http\0://a.b", 11 }, "http\\x00://a.b");
	refuses(span_of("http://b\xc3\xbc"
			"cher.de"),
		"http://b\\xc3\\xbccher.de");
}

TEST(the_longest_name_fits)
{
	char text[600] = "https://", buffer[SIZE];
	struct text host = TEXT_OVER(buffer);
	struct request r;
	size_t length = 8;

	for (unsigned int i = 0; i < 4; i++) {
		memset(text + length, 'A', 63);
		length += 63;
		text[length++] = '.';
	}
	text[8 + 253] = '.';
	assert_int_equal(url_parse((struct span){ text, 8 + 253 }, &r, &host, &failure), 0);
	assert_int_equal(r.name.length, 253);
	assert_int_equal(r.name.at[252], 'a');
	assert_int_equal(url_parse((struct span){ text, 8 + 254 }, &r, &host, &failure), 0);
	assert_int_equal(r.name.length, 253);
	text[8 + 253] = 'A';
	assert_int_equal(url_parse((struct span){ text, 8 + 254 }, &r, &host, &failure), -1);
}

TEST(a_long_scheme_is_none_that_is_known)
{
	char text[600], buffer[SIZE];
	struct text host = TEXT_OVER(buffer);
	struct request r;

	memset(text, 'h', 300);
	memcpy(text + 300, "://a.b", 7);
	assert_int_equal(url_parse(span_of(text), &r, &host, &failure), -1);
	memcpy(text + 300, "://a.b:80", 10);
	assert_int_equal(url_parse(span_of(text), &r, &host, &failure), 0);
	assert_int_equal(r.protocol, REQUEST_TCP);
	assert_true(span_is(r.name, "a.b"));
}

TEST(a_long_url_is_cut_in_the_message)
{
	char text[600], buffer[SIZE];
	struct text host = TEXT_OVER(buffer);
	struct request r;

	memset(text, ':', sizeof(text));
	assert_int_equal(url_parse((struct span){ text, sizeof(text) }, &r, &host, &failure), -1);
	assert_non_null(strstr(failure.what, ":...': not a URL with a name"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_urls),
		cmocka_unit_test(refuses_what_is_no_url),
		cmocka_unit_test(a_url_ends_with_its_span),
		cmocka_unit_test(a_host_is_a_name_or_it_is_not),
		cmocka_unit_test(makes_a_request_of_a_url),
		cmocka_unit_test(refuses_what_is_no_request),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(a_long_scheme_is_none_that_is_known),
		cmocka_unit_test(a_long_url_is_cut_in_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
