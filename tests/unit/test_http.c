/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "init/gate/http.h"
#include "sys/text.h"

/* "METHOD path host:port" and what else is set. */
static void show_request(struct text *t, const struct http_request *r)
{
	text_bytes(t, r->method.at, r->method.length);
	text_char(t, ' ');
	text_escaped(t, r->path.at, r->path.length);
	text_char(t, ' ');
	text_bytes(t, r->host.at, r->host.length);
	text_printf(t, ":%u%s%s%s", r->port, r->upgrade ? " upgrade" : "",
		    r->websocket ? " websocket" : "", r->chunked ? " chunked" : "");
	if (r->length > 0)
		text_printf(t, " length=%llu", (unsigned long long)r->length);
}

/* The bytes have nothing behind them, for the sanitizer. */
static const char *parse(const char *bytes, size_t length)
{
	static char shown[40000];
	struct text t = TEXT_OVER(shown);
	char *copy = malloc(length + 1);
	struct http_request r;
	const char *why = "forgotten";
	enum parse answer;

	assert_non_null(copy);
	memcpy(copy + 1, bytes, length);
	memset(&r, 0xaa, sizeof(r));
	answer = http_parse_request((struct span){ .at = copy + 1, .length = length }, &r, &why);
	if (answer == PARSE_DONE) {
		const char *end = memmem(bytes, length, "\r\n\r\n", 4);

		show_request(&t, &r);
		assert_non_null(end);
		assert_int_equal(r.head_length, end + 4 - bytes);
	} else if (answer == PARSE_BAD) {
		text_printf(&t, "bad: %s", why);
	} else {
		text_printf(&t, "%s", answer == PARSE_MORE ? "more" : "other");
	}
	assert_true((answer == PARSE_BAD) == (why != NULL));
	free(copy);
	return shown;
}

/* An answer is given once, at some byte, and stays. */
static void assert_parsed(const char *bytes, size_t length, const char *expected)
{
	bool more = true;

	if (strcmp(parse(bytes, length), expected) != 0)
		FAIL("'%s': %s\n   not: %s", bytes, parse(bytes, length), expected);
	for (size_t i = 0; i <= length; i++) {
		more = more && strcmp(parse(bytes, i), "more") == 0;
		if (!more && strcmp(parse(bytes, i), expected) != 0)
			FAIL("%zu bytes of '%s': %s", i, bytes, parse(bytes, i));
	}
}

struct row {
	const char *bytes;
	size_t length;
	const char *expected;
};

#define BYTES(string) (string), sizeof(string) - 1

static void assert_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_parsed(rows[i].bytes, rows[i].length, rows[i].expected);
}

#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define HOST "Host: a\r\n"

TEST(parses_requests)
{
	static const struct row rows[] = {
		{ BYTES(GET HOST "\r\n"), "GET / a:0" },
		{ BYTES(GET HOST "\r\nGET /next"), "GET / a:0" },
		{ BYTES("POST /v1/messages?beta=true HTTP/1.1\r\n"
			"Host: api.example.com\r\nUser-Agent: x/1 (y; z) \"q\"\r\n"
			"Accept: */*\r\nContent-Length: 12\r\n\r\n{\"stream\":1}"),
		  "POST /v1/messages api.example.com:0 length=12" },
		{ BYTES("PATCH /a/b;c=d/%7Ee HTTP/1.1\r\nhost:a:8080\r\n\r\n"),
		  "PATCH /a/b;c=d/%7Ee a:8080" },
		{ BYTES("M-SEARCH / HTTP/1.1\r\n" HOST "\r\n"), "M-SEARCH / a:0" },
		{ BYTES("GET //a//b/../.?? HTTP/1.1\r\n" HOST "\r\n"), "GET //a//b/../. a:0" },
		{ BYTES("GET /\xc3\xa9?\xff HTTP/1.1\r\n" HOST "X: \xe9\t\xff\r\n\r\n"),
		  "GET /\\xc3\\xa9 a:0" },
		/* Field names in any case; others are the server's business. */
		{ BYTES(GET "HOST:  a  \r\nX-Empty:\r\n!#$%&'*+-.^_`|~09azAZ: \t x \t \r\n\r\n"),
		  "GET / a:0" },
		{ BYTES("GET / HTTP/1.0\r\n\r\n"), "GET / :0" },
		{ BYTES("HEAD / HTTP/1.0\r\nHost: a\r\n\r\n"), "HEAD / a:0" },
		/* Any method may have a body; the fields say so. */
		{ BYTES("GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\nabcde"), "GET / :0 length=5" },
		{ BYTES(POST "Content-Length: 0\r\n\r\n"), "POST / a:0" },
		{ BYTES(POST "\r\n"), "POST / a:0" },
		{ BYTES(POST "content-length:0009223372036854775807\r\n\r\n"),
		  "POST / a:0 length=9223372036854775807" },
		{ BYTES(POST "Transfer-Encoding: chunked\r\n\r\n5\r\n"), "POST / a:0 chunked" },
		{ BYTES(POST "transfer-encoding:CHUNKED\r\nTE: trailers\r\nTrailer: X\r\n\r\n"),
		  "POST / a:0 chunked" },
		{ BYTES(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
		  "POST / a:0 length=1" },
	};

	assert_rows(rows, COUNT(rows));
}

TEST(knows_the_target_forms)
{
	static const struct row rows[] = {
		{ BYTES("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS * a:0" },
		{ BYTES("OPTIONS / HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS / a:0" },
		{ BYTES("GET http://a/b?c HTTP/1.1\r\n" HOST "\r\n"), "GET /b a:0" },
		{ BYTES("GET HTTP://A.b HTTP/1.1\r\nHost: a.B.\r\n\r\n"), "GET / A.b:0" },
		{ BYTES("GET http://a?b/c HTTP/1.1\r\n" HOST "\r\n"), "GET / a:0" },
		{ BYTES("GET http://a:80/ HTTP/1.1\r\n" HOST "\r\n"), "GET / a:80" },
		{ BYTES("GET http://a:/ HTTP/1.1\r\nHost: a:80\r\n\r\n"), "GET / a:80" },
		{ BYTES("GET http://a:81/ HTTP/1.1\r\nHost: a:81\r\n\r\n"), "GET / a:81" },
		{ BYTES("GET http://a:81/ HTTP/1.0\r\n\r\n"), "GET / a:81" },
		{ BYTES("GET http://[::1]/ HTTP/1.1\r\nHost: [::1]\r\n\r\n"), "GET / ::1:0" },
		/* The path of another one's URL, as a proxy's client would send it. */
		{ BYTES("GET /http://b/ HTTP/1.1\r\n" HOST "\r\n"), "GET /http://b/ a:0" },
	};
#define OTHER_HOST "bad: the target names another host than Host"
#define NO_TARGET "bad: the target is no path and no http:// URL"
#define NO_TARGET_HOST "bad: no host in the target"
	static const struct row bad[] = {
		{ BYTES("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"), OTHER_HOST },
		{ BYTES("GET http://a/ HTTP/1.1\r\nHost: aa\r\n\r\n"), OTHER_HOST },
		{ BYTES("GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n"), OTHER_HOST },
		{ BYTES("GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n"), OTHER_HOST },
		{ BYTES("GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n"), OTHER_HOST },
		{ BYTES("GET http://a/ HTTP/1.1\r\n\r\n"), "bad: no Host" },
		{ BYTES("GET http://u@a/ HTTP/1.1\r\n"), NO_TARGET_HOST },
		{ BYTES("GET http://a\\@b/ HTTP/1.1\r\n"), NO_TARGET_HOST },
		{ BYTES("GET http:/// HTTP/1.1\r\n"), NO_TARGET_HOST },
		{ BYTES("GET http://?a HTTP/1.1\r\n"), NO_TARGET_HOST },
		{ BYTES("GET http://:80/ HTTP/1.1\r\n"), NO_TARGET_HOST },
		{ BYTES("GET http://a:0/ HTTP/1.1\r\n"), NO_TARGET_HOST },
		{ BYTES("GET http:// HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET http:/a HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET https://a/ HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET ftp://a/ HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET urn:a HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET a:80 HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET a HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET * HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("OPTIONS *a HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET ?a HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET \\a HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET  HTTP/1.1\r\n"), NO_TARGET },
		{ BYTES("GET /a#/../b HTTP/1.1\r\n"), "bad: a fragment or a tab in the target" },
		{ BYTES("GET /?a#b HTTP/1.1\r\n"), "bad: a fragment or a tab in the target" },
		{ BYTES("GET /\t/ HTTP/1.1\r\n"), "bad: a fragment or a tab in the target" },
		{ BYTES("GET http://a#/ HTTP/1.1\r\n"), "bad: a fragment or a tab in the target" },
		{ BYTES("CONNECT a:443 HTTP/1.1\r\n"), "bad: CONNECT is for proxies" },
		{ BYTES("CONNECT / HTTP/1.1\r\n"), "bad: CONNECT is for proxies" },
	};

	assert_rows(rows, COUNT(rows));
	assert_rows(bad, COUNT(bad));
}

TEST(a_host_is_a_name_or_an_address)
{
	static const struct {
		const char *value, *found;
	} rows[] = {
		{ "a", "a:0" },
		{ "A-1_b.Example.COM", "A-1_b.Example.COM:0" },
		{ "a.example.", "a.example:0" },
		{ "a.example.:80", "a.example:80" },
		{ "a:", "a:0" },
		{ "a:1", "a:1" },
		{ "a:65535", "a:65535" },
		{ "192.0.2.1:8080", "192.0.2.1:8080" },
		{ "[2001:db8::1]", "2001:db8::1:0" },
		{ "[2001:DB8::1]:443", "2001:DB8::1:443" },
		{ "[::]:", ":::0" },
		{ "", NULL },
		{ ":", NULL },
		{ ":80", NULL },
		{ ".", NULL },
		{ "a..b", NULL },
		{ ".a", NULL },
		{ "a..", NULL },
		{ "a:0", NULL },
		{ "a:65536", NULL },
		{ "a:99999999999999999999", NULL },
		{ "a:-1", NULL },
		{ "a:+1", NULL },
		{ "a: 1", NULL },
		{ "a:1 ,b", NULL },
		{ "a:1x", NULL },
		{ "a:1:2", NULL },
		{ "a b", NULL },
		{ "a,b", NULL },
		{ "a/b", NULL },
		{ "a?", NULL },
		{ "a#", NULL },
		{ "u@a", NULL },
		{ "u:p@a", NULL },
		{ "http://a", NULL },
		{ "a%2eb", NULL },
		{ "\ta", NULL },
		{ "a\t", NULL },
		{ "\xc3\xa4", NULL },
		{ "::1", NULL },
		{ "[::1", NULL },
		{ "[::1]80", NULL },
		{ "[::1]]", NULL },
		{ "[::1]:0", NULL },
		{ "[::1]:80]", NULL },
		{ "[]", NULL },
		{ "[a]", NULL },
		{ "[192.0.2.1]", NULL },
		{ "[fe80::1%25eth0]", NULL },
		{ "[v1.a:b]", NULL },
		{ "a[::1]", NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char request[200], expected[200];
		const int length =
			snprintf(request, sizeof(request), GET "Host: %s\r\n\r\n", rows[i].value);

		snprintf(expected, sizeof(expected),
			 rows[i].found ? "GET / %s" : "bad: Host is no host", rows[i].found);
		assert_parsed(request, (size_t)length, expected);
	}
}

TEST(a_host_has_253_characters_at_most)
{
	char request[400];

	for (int length = 253; length <= 254; length++) {
		const int size =
			snprintf(request, sizeof(request), GET "Host: %0*d\r\n\r\n", length, 0);

		assert_int_equal(strncmp(parse(request, (size_t)size), "GET / 0", 7) == 0,
				 length == 253);
	}
}

/* What lets one server see another request than the next one does. */
TEST(refuses_what_can_be_read_in_two_ways)
{
#define NO_LINE "bad: not 'METHOD target HTTP/1.1'"
#define NO_METHOD "bad: the method is no word in upper case"
#define ALONE "bad: CR or LF alone"
#define CONTROL "bad: a control character"
#define FIELD "bad: a line that is no 'name: value'"
#define FOLDED "bad: a folded line"
#define ENCODING "bad: Transfer-Encoding is not chunked alone"
#define BOTH "bad: Transfer-Encoding with Content-Length, or in HTTP/1.0"
#define TWICE "bad: Content-Length stands twice"
#define NUMBER "bad: Content-Length is no number"
	static const struct row rows[] = {
		/* Where the body ends. */
		{ BYTES(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), BOTH },
		{ BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), BOTH },
		{ BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"), BOTH },
		{ BYTES(POST "Content-Length: 5\r\nContent-Length: 6\r\n"), TWICE },
		{ BYTES(POST "Content-Length: 5\r\nX: y\r\ncontent-length: 5\r\n"), TWICE },
		{ BYTES(POST "Content-Length: 0\r\nContent-Length: 0\r\n"), TWICE },
		{ BYTES(POST "Content-Length: 5, 5\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: +5\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: -5\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: 0x5\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: 5 5\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: 5.\r\n"), NUMBER },
		{ BYTES(POST "Content-Length:\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: \t5\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: 5\t\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: /\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: :\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: 9223372036854775808\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: 18446744073709551617\r\n"), NUMBER },
		{ BYTES(POST "Content-Length: 99999999999999999999999\r\n"), NUMBER },
		{ BYTES(POST "Transfer-Encoding: chunked, identity\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: identity, chunked\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: gzip, chunked\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: chunked, chunked\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: chunked,\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: ,chunked\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: chunked;q=1\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: identity\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: xchunked\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: chunkedx\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: chunke\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: \"chunked\"\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding:\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding:\tchunked\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: chunked\t\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding:\vchunked\r\n"), CONTROL },
		{ BYTES(POST "Transfer-Encoding: chunked\f\r\n"), CONTROL },
		{ BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
		  ENCODING },
		{ BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), ENCODING },
		{ BYTES(POST "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n"), ENCODING },
		{ BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), BOTH },
		{ BYTES(POST "Transfer-Encoding : chunked\r\n"), FIELD },
		{ BYTES(POST "Transfer-Encoding\t: chunked\r\n"), FIELD },
		{ BYTES(POST " Transfer-Encoding: chunked\r\n"), FOLDED },
		{ BYTES(POST "X: y\r\n\tTransfer-Encoding: chunked\r\n"), FOLDED },
		{ BYTES(POST "Transfer-Encoding:\r\n chunked\r\n"), ENCODING },
		{ BYTES(POST "X: y\nTransfer-Encoding: chunked\r\n"), ALONE },
		{ BYTES(POST "X: y\rTransfer-Encoding: chunked\r\n"), ALONE },
		{ BYTES(POST "X: y\r\r\nTransfer-Encoding: chunked\r\n"), ALONE },
		{ BYTES(POST "X: y\0Transfer-Encoding: chunked\r\n"), CONTROL },
		{ BYTES(POST "\0Transfer-Encoding: chunked\r\n"), CONTROL },
		/* Which host it is for. */
		{ BYTES(GET HOST HOST), "bad: Host stands twice" },
		{ BYTES(GET HOST "host: b\r\n"), "bad: Host stands twice" },
		{ BYTES(GET "\r\n"), "bad: no Host" },
		{ BYTES(GET "X-Host: a\r\nHos: a\r\nHosts: a\r\n\r\n"), "bad: no Host" },
		{ BYTES(GET "Host : a\r\n"), FIELD },
		{ BYTES(GET " Host: a\r\n"), FOLDED },
		{ BYTES(GET "\tHost: a\r\n"), FOLDED },
		{ BYTES(GET "Host\0: a\r\n"), CONTROL },
		{ BYTES("GET / HTTP/1.0\r\nHost:\r\n"), "bad: Host is no host" },
		/* Lines. */
		{ BYTES(GET ": a\r\n"), FIELD },
		{ BYTES(GET "a\r\n"), FIELD },
		{ BYTES(GET "a b: c\r\n"), FIELD },
		{ BYTES(GET "a\xe9: c\r\n"), FIELD },
		{ BYTES(GET "(a): c\r\n"), FIELD },
		{ BYTES(GET HOST "\n"), ALONE },
		{ BYTES(GET HOST "\r\r\n"), ALONE },
		{ BYTES("GET / HTTP/1.1\nHost: a\n\n"), ALONE },
		{ BYTES("GET / HTTP/1.1\rHost: a\r\r"), ALONE },
		{ BYTES("GET /\r/ HTTP/1.1\r\n"), ALONE },
		{ BYTES("GET /\n"), ALONE },
		{ BYTES("GET /\0 HTTP/1.1\r\n"), CONTROL },
		{ BYTES("GET /\x7f HTTP/1.1\r\n"), CONTROL },
		{ BYTES("GET /\x1f HTTP/1.1\r\n"), CONTROL },
		{ BYTES(GET "X: \x1b[31m\r\n"), CONTROL },
		{ BYTES(GET "X: \b\r\n"), CONTROL },
		{ BYTES(GET "X: \x7f\r\n"), CONTROL },
		/* The request line. */
		{ BYTES("\r\n" GET HOST "\r\n"), "bad: a line break before the request" },
		{ BYTES("\n" GET), "bad: a line break before the request" },
		{ BYTES("\r" GET), "bad: a line break before the request" },
		{ BYTES("GET /\r\n"), NO_LINE },
		{ BYTES("GET\r\n"), NO_LINE },
		{ BYTES("GET \r\n"), NO_LINE },
		{ BYTES("GET HTTP/1.1\r\n"), NO_LINE },
		{ BYTES("GET / HTTP/2.0\r\n"), NO_LINE },
		{ BYTES("GET / HTTP/0.9\r\n"), NO_LINE },
		{ BYTES("GET / HTTP/1.2\r\n"), NO_LINE },
		{ BYTES("GET / HTTP/1.10\r\n"), NO_LINE },
		{ BYTES("GET / HTTP/01.1\r\n"), NO_LINE },
		{ BYTES("GET / HTTP/1\r\n"), NO_LINE },
		{ BYTES("GET / http/1.1\r\n"), NO_LINE },
		{ BYTES("GET / Http/1.1\r\n"), NO_LINE },
		{ BYTES("get / http/1.1\r\n"), NO_LINE },
		{ BYTES("GET / HTTP/1.1 \r\n"), NO_LINE },
		{ BYTES("GET /  HTTP/1.1\r\n"), NO_LINE },
		{ BYTES("GET / /x HTTP/1.1\r\n"), NO_LINE },
		{ BYTES("GET / HTTP/1.1 HTTP/1.1\r\n"), NO_LINE },
		{ BYTES("GET /\tHTTP/1.1\r\n"), NO_LINE },
		{ BYTES("GET\t/ HTTP/1.1\r\n"), NO_LINE },
		{ BYTES("PURGE\t/x / HTTP/1.1\r\n"), NO_METHOD },
		{ BYTES("PURGE\t/ HTTP/1.1\r\n"), NO_LINE },
		{ BYTES("GET\t/ / HTTP/1.1\r\n"), NO_METHOD },
		{ BYTES("GET(/ / HTTP/1.1\r\n"), NO_METHOD },
		{ BYTES("GET\t / HTTP/1.1\r\n"), NO_METHOD },
		{ BYTES("GET\v/ HTTP/1.1\r\n"), CONTROL },
		{ BYTES("PURGE\f/ HTTP/1.1\r\n"), CONTROL },
		{ BYTES("PURGE\r/ HTTP/1.1\r\n"), ALONE },
		{ BYTES("get / HTTP/1.1\r\n"), NO_METHOD },
		{ BYTES("Delete / HTTP/1.1\r\n"), NO_METHOD },
		{ BYTES("GaT / HTTP/1.1\r\n"), NO_METHOD },
		{ BYTES("GzT / HTTP/1.1\r\n"), NO_METHOD },
	};

	assert_rows(rows, COUNT(rows));
}

TEST(another_protocol_is_not_called_a_bad_request)
{
	static const struct row rows[] = {
		{ BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\4"), "other" },
		{ BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "other" },
		{ BYTES("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), "other" },
		{ BYTES("SSH-2.0-Go\r\n"), "other" },
		{ BYTES("EHLO a.example\r\n"), "other" },
		{ BYTES("USER anonymous\r\n"), "other" },
		{ BYTES("QUIT\r\n"), "other" },
		{ BYTES("get key\r\n"), "other" }, /* memcached */
		{ BYTES("*1\r\n$4\r\nPING\r\n"), "other" }, /* Redis */
		{ BYTES("CONNECT {\"verbose\":false}\r\n"), "other" }, /* NATS */
		{ BYTES("CONNECT\naccept-version:1.2\n\n\0"), "other" }, /* STOMP */
		{ BYTES("0033git-upload-pack /p.git\0host=a\0"), "other" }, /* git */
		{ BYTES("AMQP\0\0\x09\1"), "other" },
		{ BYTES("AMQP"), "more" },
		{ BYTES("OPTIONS sip:a SIP/2.0\r\n"), "bad: not 'METHOD target HTTP/1.1'" },
		{ BYTES("\0\0\0\x08\4\xd2\x16\x2f"), "other" }, /* PostgreSQL */
		{ BYTES("\x16\3\1"), "other" },
		{ BYTES("<?xml"), "other" },
		{ BYTES("\0"), "other" },
		{ BYTES("{\"id\":1}"), "other" },
		{ BYTES(" GET / HTTP/1.1\r\n"), "other" },
		{ BYTES("\x80"), "other" },
		{ BYTES("A\x80"), "other" },
		{ BYTES("A("), "other" },
		{ BYTES("A: HTTP/1.1\r\n"), "other" },
		{ BYTES("A\r\n HTTP/1.1\r\n"), "other" },
		{ BYTES("A \x7f HTTP/1.1\r\n"), "other" },
		{ BYTES("A HTTP/\r\n"), "bad: not 'METHOD target HTTP/1.1'" },
		{ BYTES("A HTTP\r\n"), "other" },
		{ BYTES("abcdefghijklmnopqrstuvwxyz0123456"), "other" },
		{ BYTES("abcdefghijklmnopqrstuvwxyz012345 "), "more" },
		{ BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / HTTP/1.1\r\n" HOST "\r\n"),
		  "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 / a:0" },
		/* Not quite HTTP/2. */
		{ BYTES("PRI * HTTP/2.0\r\n\r\nGET"), "bad: not 'METHOD target HTTP/1.1'" },
		{ BYTES("PRI * HTTP/2.0\r\n\r\nS"), "more" },
		{ BYTES("PRI / HTTP/1.1\r\n" HOST "\r\n"), "PRI / a:0" },
	};

	assert_rows(rows, COUNT(rows));
}

/* A line without HTTP/ is a request of HTTP/0.9, or wants to be, if it begins with a method. */
TEST(a_method_makes_it_http)
{
	static const struct row rows[] = {
		{ BYTES("GET /\n"), ALONE },	  { BYTES("HEAD /\n"), ALONE },
		{ BYTES("POST /\n"), ALONE },	  { BYTES("PUT /\n"), ALONE },
		{ BYTES("DELETE /\n"), ALONE },	  { BYTES("OPTIONS /\n"), ALONE },
		{ BYTES("TRACE /\n"), ALONE },	  { BYTES("CONNECT /\n"), "other" },
		{ BYTES("GE /\n"), "other" },	  { BYTES("GETS /\n"), "other" },
		{ BYTES("TRACES /\n"), "other" }, { BYTES("get /\n"), "other" },
	};

	assert_rows(rows, COUNT(rows));
}

TEST(an_upgrade_needs_both_fields)
{
#define UPGRADE "Upgrade: websocket\r\n"
	static const struct row rows[] = {
		{ BYTES(GET HOST "Connection: Upgrade\r\n" UPGRADE "\r\n"),
		  "GET / a:0 upgrade websocket" },
		{ BYTES(GET HOST UPGRADE "connection: keep-alive, upGRADE\r\n\r\n"),
		  "GET / a:0 upgrade websocket" },
		{ BYTES(GET HOST UPGRADE "Connection: x\r\nConnection: ,upgrade\t ,\r\n\r\n"),
		  "GET / a:0 upgrade websocket" },
		{ BYTES(GET HOST UPGRADE "Connection: upgrade\r\nConnection: close\r\n\r\n"),
		  "GET / a:0 upgrade websocket" },
		{ BYTES(GET HOST "Connection: Upgrade, HTTP2-Settings\r\n"
				 "Upgrade: websocket, H2C\r\n\r\n"),
		  "GET / a:0 upgrade" },
		{ BYTES(GET HOST "Connection: upgrade\r\nUpgrade: h2c\r\n" UPGRADE "\r\n"),
		  "GET / a:0 upgrade" },
		{ BYTES(GET HOST "Connection: upgrade\r\n" UPGRADE "Upgrade: h2c\r\n\r\n"),
		  "GET / a:0 upgrade" },
		{ BYTES(GET HOST "Connection: upgrade\r\n" UPGRADE UPGRADE "\r\n"),
		  "GET / a:0 upgrade websocket" },
		{ BYTES(GET HOST UPGRADE "\r\n"), "GET / a:0" },
		{ BYTES(GET HOST "Upgrade: h2c\r\n\r\n"), "GET / a:0" },
		{ BYTES(GET HOST "Connection: upgrade\r\n\r\n"), "GET / a:0" },
		{ BYTES(GET HOST "Connection: upgrade\r\nUpgrade:\r\n\r\n"), "GET / a:0" },
		{ BYTES(GET HOST UPGRADE "Connection: keep-alive\r\n\r\n"), "GET / a:0" },
		{ BYTES(GET HOST UPGRADE "Connection: xupgrade, upgrades, up grade\r\n\r\n"),
		  "GET / a:0" },
	};

	assert_rows(rows, COUNT(rows));
}

/* A head of this many bytes, or the beginning of a longer one. */
static const char *parse_head_of(size_t length, bool whole)
{
	static char head[HTTP_HEAD_MAX + 1000];
	const size_t start = sizeof(GET HOST "X: ") - 1;

	memset(head, 'x', sizeof(head));
	memcpy(head, GET HOST "X: ", start);
	if (whole)
		memcpy(head + length - 4, "\r\n\r\n", 4);
	return parse(head, length);
}

TEST(a_head_has_32768_bytes_at_most)
{
#define TOO_LONG "bad: a head longer than 32 KiB"
	static char bytes[2 * HTTP_HEAD_MAX];

	assert_string_equal(parse_head_of(HTTP_HEAD_MAX, true), "GET / a:0");
	assert_string_equal(parse_head_of(HTTP_HEAD_MAX + 1, true), TOO_LONG);
	assert_string_equal(parse_head_of(HTTP_HEAD_MAX + 999, true), TOO_LONG);
	assert_string_equal(parse_head_of(HTTP_HEAD_MAX - 1, false), "more");
	assert_string_equal(parse_head_of(HTTP_HEAD_MAX, false), TOO_LONG);
	/* Many short lines, one long line, a long line of nobody knows what. */
	memcpy(bytes, GET, sizeof(GET) - 1);
	for (size_t i = sizeof(GET) - 1; i < sizeof(bytes) - 4; i += 4)
		memcpy(bytes + i, "a:\r\n", 4);
	assert_string_equal(parse(bytes, HTTP_HEAD_MAX - 1), "more");
	assert_string_equal(parse(bytes, HTTP_HEAD_MAX), TOO_LONG);
	assert_string_equal(parse(bytes, sizeof(bytes) - 4), TOO_LONG);
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "GET /", 5);
	assert_string_equal(parse(bytes, HTTP_HEAD_MAX - 1), "more");
	assert_string_equal(parse(bytes, sizeof(bytes)), TOO_LONG);
	bytes[0] = 'S';
	assert_string_equal(parse(bytes, HTTP_HEAD_MAX - 1), "more");
	assert_string_equal(parse(bytes, sizeof(bytes)), TOO_LONG);
}

/* ---- answers */

static const char *parse_status(const char *bytes, size_t length)
{
	static char shown[40];
	char *copy = malloc(length + 1);
	unsigned int status = 0;
	size_t head_length = 0;
	enum parse answer;

	assert_non_null(copy);
	memcpy(copy + 1, bytes, length);
	answer = http_parse_status((struct span){ .at = copy + 1, .length = length }, &status,
				   &head_length);
	free(copy);
	if (answer == PARSE_DONE)
		snprintf(shown, sizeof(shown), "%u head=%zu", status, head_length);
	else
		snprintf(shown, sizeof(shown), "%s",
			 answer == PARSE_MORE ? "more" :
			 answer == PARSE_BAD  ? "bad" :
						"other");
	return shown;
}

TEST(finds_the_status_of_an_answer)
{
	static const struct row rows[] = {
		{ BYTES("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbytes"),
		  "101 head=48" },
		{ BYTES("HTTP/1.0 200 Connection established\r\n\r\n"), "200 head=39" },
		{ BYTES("HTTP/1.1 100\r\n\r\nHTTP/1.1 101\r\n\r\n"), "100 head=16" },
		{ BYTES("HTTP/1.1 599 \r\n\r\n"), "599 head=17" },
		{ BYTES("HTTP/1.1 403 \xe9t\xe9\r\nA: b\r\n folded\r\nno field\r\n\r\n"),
		  "403 head=45" },
		{ BYTES("HTTP/1.1 200 OK\r\n"), "more" },
		{ BYTES("HTTP/1.1 200 OK\r\nA: b\r\n\r"), "more" },
		{ BYTES("HTTP/2.0 200 OK\r\n"), "bad" },
		{ BYTES("http/1.1 200 OK\r\n"), "bad" },
		{ BYTES("ICY 200 OK\r\n"), "bad" },
		{ BYTES("\r\nHTTP/1.1 200 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.x 200 OK\r\n"), "bad" },
		{ BYTES("HTTP/1./ 200 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.: 200 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.10 200 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.1  200 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.1\t200 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.1 099 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.1 600 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.1 20 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.1 2000 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.1 0200 OK\r\n"), "bad" },
		{ BYTES("HTTP/1.1 200\tOK\r\n"), "bad" },
		{ BYTES("HTTP/1.1 20\r\n"), "bad" },
		{ BYTES("HTTP/1.1\r\n"), "bad" },
		{ BYTES("HTTP/1.\r\n"), "bad" },
		{ BYTES("HTTP/1.1 \r\n"), "bad" },
		{ BYTES("HTTP/1.1 200 OK\n"), "bad" },
		{ BYTES("HTTP/1.1 200 OK\r\nA: b\n"), "bad" },
		{ BYTES("HTTP/1.1 200 OK\r\nA: \0\r\n"), "bad" },
		{ BYTES("\x15\3\3\0\2\2\x70"), "bad" },
	};
	static char head[HTTP_HEAD_MAX + 1];

	for (size_t i = 0; i < COUNT(rows); i++) {
		bool more = true;

		for (size_t length = 0; length <= rows[i].length; length++) {
			const char *said = parse_status(rows[i].bytes, length);

			more = more && strcmp(said, "more") == 0;
			if (!more && strcmp(said, rows[i].expected) != 0)
				FAIL("%zu bytes of '%s': %s", length, rows[i].bytes, said);
		}
		assert_string_equal(parse_status(rows[i].bytes, rows[i].length), rows[i].expected);
	}
	memset(head, 'x', sizeof(head));
	memcpy(head, "HTTP/1.1 200 ", 13);
	assert_string_equal(parse_status(head, HTTP_HEAD_MAX - 1), "more");
	assert_string_equal(parse_status(head, HTTP_HEAD_MAX), "bad");
	assert_string_equal(parse_status(head, HTTP_HEAD_MAX + 1), "bad");
	memcpy(head + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_string_equal(parse_status(head, HTTP_HEAD_MAX), "200 head=32768");
	memcpy(head + HTTP_HEAD_MAX - 4, "xx\r\n\r\n", 5);
	assert_string_equal(parse_status(head, HTTP_HEAD_MAX + 1), "bad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_requests),
		cmocka_unit_test(knows_the_target_forms),
		cmocka_unit_test(a_host_is_a_name_or_an_address),
		cmocka_unit_test(a_host_has_253_characters_at_most),
		cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
		cmocka_unit_test(another_protocol_is_not_called_a_bad_request),
		cmocka_unit_test(a_method_makes_it_http),
		cmocka_unit_test(an_upgrade_needs_both_fields),
		cmocka_unit_test(a_head_has_32768_bytes_at_most),
		cmocka_unit_test(finds_the_status_of_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
