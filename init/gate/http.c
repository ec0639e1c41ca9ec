/* SPDX-License-Identifier: MIT */
#include "init/gate/http.h"

#include "sys/address.h"

#define METHOD_MAX 32
#define DEFAULT_PORT 80

/* A request's head while it is read, line by line. What takes a line says why it is bad, or NULL. */
struct head {
	struct http_request *request;
	bool http11;
	bool has_length, has_host;
	bool connection_upgrade; /* Connection: upgrade */
	struct span target_host; /* of the absolute form; length 0: another form */
	uint16_t target_port;
};

static bool is_word(struct span s, const char *word)
{
	return spans_alike(s, span_of(word));
}

/* A method is a token too, but one in lower case would be the same method to some servers. */
static bool is_method_char(char c)
{
	return parse_is_token_char(c) && !(c >= 'a' && c <= 'z');
}

static bool consists_of(struct span s, bool (*wanted)(char c))
{
	for (size_t i = 0; i < s.length; i++)
		if (!wanted(s.at[i]))
			return false;
	return s.length > 0;
}

static struct span without_blanks(struct span s, char blank)
{
	while (s.length > 0 && s.at[0] == blank) {
		s.at++;
		s.length--;
	}
	while (s.length > 0 && s.at[s.length - 1] == blank)
		s.length--;
	return s;
}

/* Is this word among those of a list with commas (RFC 9110 5.6.1)? */
static bool list_has(struct span list, const char *word)
{
	struct cursor c = cursor_over(list);

	while (!cursor_done(&c)) {
		struct span item = without_blanks(cursor_take_until(&c, ','), ' ');

		if (is_word(without_blanks(item, '\t'), word))
			return true;
	}
	return false;
}

/* uri-host [ ":" port ] (RFC 9110 7.2). An empty port is none. */
static bool parse_authority(struct span s, struct span *host, uint16_t *port)
{
	struct cursor c = cursor_over(s);
	struct address address;

	*port = 0;
	if (cursor_take_char(&c, '[')) {
		if (!span_has(s, ']'))
			return false;
		*host = cursor_take_until(&c, ']');
		if (!span_has(*host, ':') || !address_parse(*host, &address))
			return false;
		if (!cursor_done(&c) && !cursor_take_char(&c, ':'))
			return false;
	} else {
		*host = cursor_take_until(&c, ':');
		if (!parse_host_name(host))
			return false;
	}
	return cursor_done(&c) || (cursor_take_port(&c, port) && cursor_done(&c));
}

static const char *take_host(struct head *h, struct span value)
{
	if (h->has_host)
		return "Host stands twice";
	h->has_host = true;
	if (!parse_authority(value, &h->request->host, &h->request->port))
		return "Host is no host";
	return NULL;
}

static const char *take_content_length(struct head *h, struct span value)
{
	uint64_t n = 0;

	if (h->has_length)
		return "Content-Length stands twice";
	h->has_length = true;
	for (size_t i = 0; i < value.length; i++) {
		const unsigned int digit = (unsigned int)value.at[i] - '0';

		/* Servers keep it in a signed number. */
		if (digit > 9 || n > ((uint64_t)INT64_MAX - digit) / 10)
			return "Content-Length is no number";
		n = n * 10 + digit;
	}
	h->request->length = n;
	return value.length > 0 ? NULL : "Content-Length is no number";
}

static const char *take_transfer_encoding(struct head *h, struct span value)
{
	if (h->request->chunked || !is_word(value, "chunked"))
		return "Transfer-Encoding is not chunked alone";
	h->request->chunked = true;
	return NULL;
}

static const char *take_connection(struct head *h, struct span value)
{
	if (list_has(value, "upgrade"))
		h->connection_upgrade = true;
	return NULL;
}

static const char *take_upgrade(struct head *h, struct span value)
{
	struct http_request *r = h->request;

	if (value.length == 0)
		return NULL;
	/* That alone: of several the server may choose another. */
	r->websocket = is_word(value, "websocket") && (r->websocket || !r->upgrade);
	r->upgrade = true;
	return NULL;
}

/* What decides where a request goes and where it ends; the other fields are the server's business. */
static const struct {
	const char *name;
	const char *(*take)(struct head *h, struct span value);
} fields[] = {
	{ "host", take_host },
	{ "content-length", take_content_length },
	{ "transfer-encoding", take_transfer_encoding },
	{ "connection", take_connection },
	{ "upgrade", take_upgrade },
};

/* field-name ":" OWS field-value OWS (RFC 9112 5). */
static const char *take_field(struct head *h, struct span line)
{
	struct cursor c = cursor_over(line);
	struct span name = cursor_take_until(&c, ':');
	/* Tabs stay: not every server takes them for white space, which hides a field from some. */
	struct span value = without_blanks(cursor_rest(&c), ' ');

	if (line.at[0] == ' ' || line.at[0] == '\t')
		return "a folded line";
	if (name.length == line.length || !consists_of(name, parse_is_token_char))
		return "a line that is no 'name: value'";
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (is_word(name, fields[i].name))
			return fields[i].take(h, value);
	return NULL;
}

/* absolute-form (RFC 9112 3.2.2), behind its "http://". */
static bool parse_absolute(struct head *h, struct span target)
{
	size_t length = 0;

	while (length < target.length && target.at[length] != '/' && target.at[length] != '?')
		length++;
	h->request->path =
		(struct span){ .at = target.at + length, .length = target.length - length };
	target.length = length;
	return parse_authority(target, &h->target_host, &h->target_port);
}

static const char *take_target(struct head *h, struct span target)
{
	static const char scheme[] = "http://";
	const size_t scheme_length = sizeof(scheme) - 1;
	struct span *path = &h->request->path;
	struct cursor c;

	*path = target;
	if (span_is(target, "*") && span_is(h->request->method, "OPTIONS"))
		return NULL;
	/* Neither is sent by a client, and whether they end the path is up to the server. */
	if (span_has(target, '#') || span_has(target, '\t'))
		return "a fragment or a tab in the target";
	if (target.length > scheme_length &&
	    is_word((struct span){ target.at, scheme_length }, scheme)) {
		target.at += scheme_length;
		target.length -= scheme_length;
		if (!parse_absolute(h, target))
			return "no host in the target";
	} else if (target.length == 0 || target.at[0] != '/') {
		return "the target is no path and no http:// URL";
	}
	c = cursor_over(*path);
	*path = cursor_take_until(&c, '?');
	if (path->length == 0)
		*path = span_of("/");
	return NULL;
}

/* method SP request-target SP HTTP-version (RFC 9112 3). */
static const char *take_request_line(struct head *h, struct span line)
{
	struct cursor c = cursor_over(line);
	struct span method = cursor_take_until(&c, ' '), target = cursor_take_until(&c, ' ');
	struct span version = cursor_rest(&c);

	h->request->method = method;
	h->http11 = span_is(version, "HTTP/1.1");
	if (!h->http11 && !span_is(version, "HTTP/1.0"))
		return "not 'METHOD target HTTP/1.1'";
	if (!consists_of(method, is_method_char))
		return "the method is no word in upper case";
	if (span_is(method, "CONNECT"))
		return "CONNECT is for proxies";
	return take_target(h, target);
}

/* What can only be said when all lines were read. */
static const char *take_end(struct head *h)
{
	struct http_request *r = h->request;
	const uint16_t port = r->port;

	if (r->chunked && (h->has_length || !h->http11))
		return "Transfer-Encoding with Content-Length, or in HTTP/1.0";
	if (h->http11 && !h->has_host)
		return "no Host";
	r->upgrade = r->upgrade && h->connection_upgrade;
	r->websocket = r->websocket && r->upgrade;
	if (h->target_host.length == 0)
		return NULL;
	if (h->has_host &&
	    (!spans_alike(h->target_host, r->host) ||
	     (port ? port : DEFAULT_PORT) != (h->target_port ? h->target_port : DEFAULT_PORT)))
		return "the target names another host than Host";
	r->host = h->target_host;
	if (h->target_port)
		r->port = h->target_port;
	return NULL;
}

/* RFC 9110 9.3, but CONNECT, with which the first lines of NATS and STOMP begin too. */
static bool is_method(struct span word)
{
	struct cursor methods = cursor_over(span_of("GET HEAD POST PUT DELETE OPTIONS TRACE"));

	while (!cursor_done(&methods))
		if (spans_equal(cursor_take_until(&methods, ' '), word))
			return true;
	return false;
}

/* Something that lenient servers take for white space, or that ends the line (RFC 9112 3). */
static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Is this HTTP/1? PARSE_DONE: it is, or wants to be. */
static enum parse recognize(struct span bytes)
{
	const enum parse http2 = parse_literal(bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	struct cursor c = cursor_over(bytes);
	struct span word = { .at = bytes.at };

	if (http2 != PARSE_OTHER)
		return http2 == PARSE_DONE ? PARSE_OTHER : PARSE_MORE; /* RFC 9113 3.4 */
	for (; !cursor_done(&c) && parse_is_token_char(*c.at); c.at++)
		if (++word.length > METHOD_MAX)
			return PARSE_OTHER;
	if (cursor_done(&c))
		return PARSE_MORE;
	if (is_method(word))
		return PARSE_DONE;
	if (word.length == 0 || !is_blank(*c.at))
		return PARSE_OTHER;
	/* An unknown word begins a request if HTTP/ comes before the line ends. */
	for (; !cursor_done(&c) && *c.at != '\n'; c.at++) {
		if (!is_blank(*c.at) && !parse_is_field_char(*c.at))
			return PARSE_OTHER;
		if (c.end - c.at >= 5 && is_word((struct span){ c.at, 5 }, "http/"))
			return PARSE_DONE;
	}
	return cursor_done(&c) ? PARSE_MORE : PARSE_OTHER;
}

/* Of a head that has the full size and is not whole, no more is awaited. */
static enum parse bounded(enum parse answer, size_t length, const char **why)
{
	if (answer != PARSE_MORE || length < HTTP_HEAD_MAX)
		return answer;
	*why = "a head longer than 32 KiB";
	return PARSE_BAD;
}

static enum parse take_head(struct head *h, struct cursor *c, const char **why)
{
	const char *(*take)(struct head *, struct span) = take_request_line;
	struct span line;
	enum parse answer;

	while ((answer = parse_line(c, &line, why)) == PARSE_DONE) {
		*why = line.length > 0 ? take(h, line) : take_end(h);
		if (*why)
			return PARSE_BAD;
		if (line.length == 0)
			return PARSE_DONE;
		take = take_field;
	}
	return answer;
}

enum parse http_parse_request(struct span bytes, struct http_request *r, const char **why)
{
	struct head h = { .request = r };
	struct cursor c;
	enum parse answer;

	*r = (struct http_request){ 0 };
	*why = NULL;
	if (bytes.length == 0)
		return PARSE_MORE;
	if (bytes.at[0] == '\r' || bytes.at[0] == '\n') {
		*why = "a line break before the request";
		return PARSE_BAD;
	}
	if (bytes.length > HTTP_HEAD_MAX)
		bytes.length = HTTP_HEAD_MAX;
	c = cursor_over(bytes);
	answer = recognize(bytes);
	if (answer == PARSE_DONE)
		answer = take_head(&h, &c, why);
	r->head_length = (size_t)(c.at - bytes.at);
	return bounded(answer, bytes.length, why);
}
