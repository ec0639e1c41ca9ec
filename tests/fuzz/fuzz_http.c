/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1: the input is a request and what follows it, and an answer, a chunked body and a path as well. Any
 * beginning gives the answer of the whole or none yet; a body may come in any pieces.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/guard.h"

#include <strings.h>

#include "init/gate/http.h"

#define PREFIXES 64 /* looked at, of a long input */

/* ---- requests */

struct outcome {
	enum parse answer;
	struct http_request request;
	const char *why, *bytes;
};

static struct outcome parse_request(const char *bytes, size_t size)
{
	struct outcome o = { .bytes = bytes, .why = "forgotten" };

	memset(&o.request, 0xaa, sizeof(o.request));
	o.answer = http_parse_request((struct span){ .at = bytes, .length = size }, &o.request,
				      &o.why);
	HOLDS((o.answer == PARSE_BAD) == (o.why != NULL));
	return o;
}

/* The same part of the bytes, which lie somewhere else. */
static bool same_span(const struct outcome *a, struct span in_a, const struct outcome *b,
		      struct span in_b)
{
	return in_a.length == in_b.length &&
	       (in_a.at - a->bytes == in_b.at - b->bytes || in_a.at == in_b.at);
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	const struct http_request *r = &a->request, *s = &b->request;

	if (a->answer != b->answer || a->why != b->why)
		return false;
	return a->answer != PARSE_DONE ||
	       (same_span(a, r->method, b, s->method) && same_span(a, r->path, b, s->path) &&
		same_span(a, r->host, b, s->host) && r->port == s->port &&
		r->upgrade == s->upgrade && r->websocket == s->websocket &&
		r->chunked == s->chunked && r->length == s->length &&
		r->head_length == s->head_length);
}

static bool lies_in(struct span s, const char *head, size_t length)
{
	return s.at >= head && s.at <= head + length && s.length <= (size_t)(head + length - s.at);
}

/* How many lines of a head begin with this, in any case. */
static unsigned int count_fields(const char *head, size_t length, const char *name)
{
	unsigned int count = 0;

	for (size_t i = 1; i + strlen(name) <= length; i++)
		if (head[i - 1] == '\n' && strncasecmp(head + i, name, strlen(name)) == 0)
			count++;
	return count;
}

static void check_request(const struct outcome *o, size_t size)
{
	const struct http_request *r = &o->request;
	const size_t length = r->head_length;
	const unsigned int lengths = count_fields(o->bytes, length, "content-length:"),
			   encodings = count_fields(o->bytes, length, "transfer-encoding:"),
			   hosts = count_fields(o->bytes, length, "host:");

	HOLDS(length <= size && length <= HTTP_HEAD_MAX);
	HOLDS(memcmp(o->bytes + length - 4, "\r\n\r\n", 4) == 0);
	for (size_t i = 0; i < length; i++) {
		const unsigned char c = (unsigned char)o->bytes[i];

		HOLDS((c >= ' ' && c != 0x7f) || c == '\t' || c == '\r' || c == '\n');
		HOLDS(c != '\r' || o->bytes[i + 1] == '\n');
		HOLDS(c != '\n' || (i > 0 && o->bytes[i - 1] == '\r'));
		HOLDS(c != '\n' || i + 1 == length ||
		      (o->bytes[i + 1] != ' ' && o->bytes[i + 1] != '\t'));
		if (i + 4 < length)
			HOLDS(memcmp(o->bytes + i, "\r\n\r\n", 4) != 0);
	}
	HOLDS(lengths + encodings <= 1 && hosts <= 1);
	HOLDS(r->chunked == (encodings == 1));
	HOLDS(r->length == 0 || lengths == 1);
	HOLDS(r->method.at == o->bytes && r->method.length >= 1 && r->method.length <= 32);
	HOLDS(r->path.length > 0);
	HOLDS(r->path.at[0] == '/' || span_is(r->path, "*"));
	HOLDS(!span_has(r->path, '?') && !span_has(r->path, '#') && !span_has(r->path, ' '));
	HOLDS(lies_in(r->path, o->bytes, length) || span_is(r->path, "/"));
	HOLDS(r->host.length == 0 || lies_in(r->host, o->bytes, length));
	HOLDS(r->host.length > 0 || (hosts == 0 && r->port == 0));
	HOLDS(r->host.length <= 253);
}

static struct outcome check_requests(const uint8_t *data, size_t size, const char *bytes)
{
	const struct outcome whole = parse_request(bytes, size);
	struct outcome other = parse_request(guard_before(data, size), size);
	bool more = true;

	HOLDS(same(&whole, &other));
	other = parse_request(guard_behind(data, size), size);
	HOLDS(same(&whole, &other));
	for (size_t length = 0; length <= size; length += 1 + size / PREFIXES) {
		other = parse_request(guard_behind(data, length), length);
		HOLDS(more || other.answer != PARSE_MORE);
		more = other.answer == PARSE_MORE;
		HOLDS(more || same(&whole, &other));
	}
	HOLDS(whole.answer != PARSE_MORE || size < HTTP_HEAD_MAX);
	if (whole.answer == PARSE_DONE)
		check_request(&whole, size);
	return whole;
}

/* ---- bodies */

static enum parse take_in_pieces(struct http_body b, const uint8_t *data, size_t size, size_t piece,
				 size_t *sum)
{
	enum parse answer = PARSE_MORE;
	size_t taken;

	*sum = 0;
	do {
		const size_t length = size - *sum < piece ? size - *sum : piece;

		answer = http_body_take(&b,
					(struct span){ .at = guard_behind(data + *sum, length),
						       .length = length },
					&taken);
		HOLDS(taken <= length);
		HOLDS(answer != PARSE_MORE || taken == length);
		*sum += taken;
	} while (answer == PARSE_MORE && *sum < size);
	HOLDS(answer == PARSE_MORE || http_body_take(&b, span_of("0\r\n\r\n"), &taken) == answer);
	return answer;
}

static void check_body(struct http_body b, const uint8_t *data, size_t size)
{
	size_t sum, other;
	const enum parse answer = take_in_pieces(b, data, size, size + 1, &sum);

	HOLDS(take_in_pieces(b, data, size, 1, &other) == answer && other == sum);
	HOLDS(take_in_pieces(b, data, size, 7, &other) == answer && other == sum);
	HOLDS(take_in_pieces(b, data, size, 1 + size / 3, &other) == answer && other == sum);
	/* It ends where it ends, whatever follows. */
	if (answer == PARSE_DONE && sum > 0) {
		HOLDS(take_in_pieces(b, data, sum, sum, &other) == PARSE_DONE && other == sum);
		HOLDS(take_in_pieces(b, data, sum - 1, sum, &other) == PARSE_MORE);
	}
}

/* ---- answers */

static void check_status(const uint8_t *data, size_t size)
{
	unsigned int status = 0, early_status = 0;
	size_t length = 0, early_length = 0;
	const enum parse answer =
		http_parse_status((struct span){ .at = guard_behind(data, size), .length = size },
				  &status, &length);
	bool more = true;

	HOLDS(answer != PARSE_OTHER);
	HOLDS(answer != PARSE_DONE || (status >= 100 && status <= 599 && length <= size));
	for (size_t at = 0; at <= size; at += 1 + size / PREFIXES) {
		const enum parse early =
			http_parse_status((struct span){ .at = guard_behind(data, at),
							 .length = at },
					  &early_status, &early_length);

		HOLDS(more || early != PARSE_MORE);
		more = early == PARSE_MORE;
		HOLDS(more || early == answer);
		HOLDS(early != PARSE_DONE || (early_status == status && early_length == length));
	}
}

/* ---- paths */

static bool has_dot_segment(const char *path, size_t length)
{
	for (size_t i = 0, start = 0; i <= length; i++) {
		if (i < length && path[i] != '/')
			continue;
		if ((i - start == 1 && path[start] == '.') ||
		    (i - start == 2 && path[start] == '.' && path[start + 1] == '.'))
			return true;
		start = i + 1;
	}
	return false;
}

/* Each run of slashes becomes one. */
static size_t join_slashes(char *to, struct span path)
{
	size_t length = 0;

	for (size_t i = 0; i < path.length; i++)
		if (path.at[i] != '/' || i == 0 || path.at[i - 1] != '/')
			to[length++] = path.at[i];
	return length;
}

/* A server that joins the slashes first finds the same path as one that does it last. */
static void check_joined(struct span path, struct span found)
{
	char *joined = malloc(path.length + 1), *to = malloc(path.length + 1);
	size_t length;

	HOLDS(joined && to);
	length = join_slashes(joined, path);
	HOLDS(http_canonical_path((struct span){ .at = joined, .length = length }, to, path.length,
				  &length));
	HOLDS(join_slashes(joined, found) == length && memcmp(joined, to, length) == 0);
	free(joined);
	free(to);
}

static void check_path(struct span path)
{
	char *to = malloc(path.length + 1), *encoded = malloc(3 * path.length + 1);
	size_t length, used = 0, again;

	HOLDS(to && encoded);
	if (!http_canonical_path(path, to, path.length, &length))
		goto end;
	HOLDS(length > 0 && length <= path.length);
	HOLDS(!has_dot_segment(to, length));
	HOLDS(!memchr(to, '\0', length) && !memchr(to, '\\', length));
	HOLDS(to[0] == '/' || (length == 1 && to[0] == '*'));
	check_joined(path, (struct span){ .at = to, .length = length });
	/* Written as a path again it stays as it is, and it needs no more room than it has. */
	for (size_t i = 0; i < length; i++) {
		encoded[used++] = to[i];
		if (to[i] == '%') {
			encoded[used++] = '2';
			encoded[used++] = '5';
		}
	}
	HOLDS(http_canonical_path((struct span){ .at = encoded, .length = used }, to, length,
				  &again));
	HOLDS(again == length);
	HOLDS(!http_canonical_path((struct span){ .at = encoded, .length = used }, to, length - 1,
				   &again));
end:
	free(to);
	free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy_exactly(data, size);
	struct http_body body = { 0 };
	const struct outcome o = check_requests(data, size, bytes);

	check_body(body, data, size);
	check_status(data, size);
	check_path((struct span){ .at = bytes, .length = size });
	if (o.answer == PARSE_DONE) {
		check_path(o.request.path);
		http_body_start(&body, &o.request);
		check_body(body, data + o.request.head_length, size - o.request.head_length);
	}
	free(bytes);
	return 0;
}
