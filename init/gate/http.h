/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.0 and 1.1 requests (RFC 9110, RFC 9112), read strictly: whatever two servers might understand in
 * two ways is bad. Pure: no I/O, no allocation, no globals; spans point into the bytes that were read.
 */
#ifndef INIT_GATE_HTTP_H
#define INIT_GATE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/gate/parse.h"
#include "sys/cursor.h"

#define HTTP_HEAD_MAX 32768 /* bytes of a request's or an answer's head; beyond it is bad */
#define HTTP_PATH_MAX 8192
#define HTTP_LINE_MAX 4096 /* bytes of a chunk's size line, of the last one with all trailers */

struct http_request {
	struct span method;
	struct span path; /* of the target: from its '/' up to '?' or the end; "*" for OPTIONS * */
	struct span host; /* without the port, the dot at its end, and the [] of an IPv6 address;
			     length 0 if there is none, and then it is HTTP/1.0 */
	uint16_t port; /* that the absolute form or else Host names; 0: none */
	bool upgrade; /* Connection: upgrade and Upgrade: something */
	bool websocket; /* and that is WebSocket; after a 101 to others further requests could hide */
	bool chunked;
	uint64_t length; /* of the body, if it is not chunked */
	size_t head_length; /* bytes up to the body */
};

/*
 * `bytes` begins where a request has to begin. `r` is filled for PARSE_DONE, `*why` for PARSE_BAD, else NULL.
 *
 * PARSE_OTHER, as soon as it cannot be HTTP/1: the first byte is no token character; no white space follows
 * within 32 of them; or the first word is no method of RFC 9110, and a control character or the end of the
 * line comes before an "HTTP/" in any case does. CONNECT does not count as a method there: NATS and STOMP
 * begin with it. The preface of HTTP/2 is OTHER too.
 *
 * PARSE_BAD, and `*why` says what (static text, for the log and for the 400): a line break before the
 * request; a request without or with another version than HTTP/1.0 and HTTP/1.1; a method with lower-case
 * letters, which some servers take for another one; bare CR or LF, NUL or control characters; folded lines;
 * white space before a colon or an empty field name; Content-Length twice, with Transfer-Encoding, or no
 * number below 2^63; Transfer-Encoding other than a single "chunked" (a tab before it is enough), or in
 * HTTP/1.0; Host missing in HTTP/1.1, twice, or no host; absolute form with another host than Host, or with
 * a scheme other than http; userinfo; CONNECT; a target that is neither origin form nor absolute form nor
 * the * of OPTIONS, or has a fragment; a head that is too long.
 */
enum parse http_parse_request(struct span bytes, struct http_request *r, const char **why);

/* Where a request's body is up to. Zeroed, it is at the start of a chunked one. */
struct http_body {
	uint64_t left; /* bytes of the body or of the chunk */
	uint16_t line; /* bytes of what HTTP_LINE_MAX bounds, so far */
	uint8_t state;
};

void http_body_start(struct http_body *b, const struct http_request *r);

/*
 * How many of these bytes still belong to the body (chunk sizes, extensions and trailers included), which
 * may be all; `b` moves on by as many. PARSE_DONE: the body ends with them (with 0 for an empty one).
 * PARSE_MORE: all of them do, and more is to come. PARSE_BAD: a chunk or a trailer that is not as RFC 9112
 * 7.1 says comes right behind them. What was said last is said again to all further bytes.
 */
enum parse http_body_take(struct http_body *b, struct span bytes, size_t *taken);

/*
 * The head of an answer: PARSE_DONE with the status code (100 to 599) and the head's length. PARSE_BAD: no
 * answer of HTTP/1, or bare CR or LF or control characters in its head. Never PARSE_OTHER.
 */
enum parse http_parse_status(struct span bytes, unsigned int *status, size_t *head_length);

/*
 * The path that rules are compared with: percent-encoding decoded once, then dot segments removed as
 * RFC 3986 5.2.4 says. It begins with '/', or is "*". Refused is what servers disagree on: '\' and an
 * encoded '/' or NUL; a broken encoding; dots with a parameter ("/..;x/"); dots that remove an empty segment
 * ("//.."), for some servers join the slashes first. False also if it does not fit `size`.
 */
bool http_canonical_path(struct span path, char *to, size_t size, size_t *length);

#endif
