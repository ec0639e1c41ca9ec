/* SPDX-License-Identifier: MIT */
#include "init/gate/http.h"

#define SIZE_DIGITS_MAX 16

/* Where in a body the next byte stands (RFC 9112 7.1). A chunked one begins with the first of these. */
enum state {
	CHUNK_SIZE,
	CHUNK_BLANK, /* behind the size: only an extension may follow */
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	TRAILER_START,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	CHUNKED_LF,
	BODY_DATA, /* of a body with a length */
	BODY_END,
	BODY_BAD,
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * The framing of chunks, but for the digits: `end` leads to `next`, one of the `others` to `then`, and any
 * other byte is bad. A trailer needs a name with a colon: a server that knows no trailers might take what
 * stands there for the next request.
 */
static const struct {
	char end;
	uint8_t next;
	uint8_t then;
	bool (*others)(char c);
} steps[] = {
	[CHUNK_SIZE] = { '\r', CHUNK_SIZE_LF, BODY_BAD, NULL },
	[CHUNK_BLANK] = { ';', CHUNK_EXTENSION, CHUNK_BLANK, is_blank },
	[CHUNK_EXTENSION] = { '\r', CHUNK_SIZE_LF, CHUNK_EXTENSION, parse_is_field_char },
	[CHUNK_SIZE_LF] = { '\n', CHUNK_DATA, BODY_BAD, NULL },
	[CHUNK_DATA_CR] = { '\r', CHUNK_DATA_LF, BODY_BAD, NULL },
	[CHUNK_DATA_LF] = { '\n', CHUNK_SIZE, BODY_BAD, NULL },
	[TRAILER_START] = { '\r', CHUNKED_LF, TRAILER_NAME, parse_is_token_char },
	[TRAILER_NAME] = { ':', TRAILER_VALUE, TRAILER_NAME, parse_is_token_char },
	[TRAILER_VALUE] = { '\r', TRAILER_LF, TRAILER_VALUE, parse_is_field_char },
	[TRAILER_LF] = { '\n', TRAILER_START, BODY_BAD, NULL },
	[CHUNKED_LF] = { '\n', BODY_END, BODY_BAD, NULL },
};

void http_body_start(struct http_body *b, const struct http_request *r)
{
	*b = (struct http_body){ 0 };
	if (r->chunked)
		return;
	b->left = r->length;
	b->state = r->length > 0 ? BODY_DATA : BODY_END;
}

static bool take_digit(struct http_body *b, char c)
{
	const int digit = hex_value(c);

	/* Servers keep the size in a signed number. */
	if (digit < 0 || b->line > SIZE_DIGITS_MAX || b->left > INT64_MAX >> 4)
		return false;
	b->left = b->left << 4 | (unsigned int)digit;
	return true;
}

/* The state behind `c`. */
static uint8_t take_framing(struct http_body *b, char c)
{
	uint8_t state = b->state;

	b->line++;
	if (state == CHUNK_DATA_CR || state == CHUNK_DATA_LF)
		b->line = 0;
	if (b->line > HTTP_LINE_MAX)
		return BODY_BAD;
	if (state == CHUNK_SIZE) {
		if (take_digit(b, c))
			return CHUNK_SIZE;
		if (b->line == 1)
			return BODY_BAD;
		if (c != '\r')
			state = CHUNK_BLANK;
	}
	if (c != steps[state].end)
		return steps[state].others && steps[state].others(c) ? steps[state].then : BODY_BAD;
	return state == CHUNK_SIZE_LF && b->left == 0 ? TRAILER_START : steps[state].next;
}

static size_t take_data(struct http_body *b, size_t length)
{
	if (b->left > length) {
		b->left -= length;
		return length;
	}
	length = (size_t)b->left;
	b->left = 0;
	b->state = b->state == CHUNK_DATA ? CHUNK_DATA_CR : BODY_END;
	return length;
}

enum parse http_body_take(struct http_body *b, struct span bytes, size_t *taken)
{
	size_t at = 0;

	while (at < bytes.length && b->state < BODY_END) {
		if (b->state == CHUNK_DATA || b->state == BODY_DATA) {
			at += take_data(b, bytes.length - at);
			continue;
		}
		b->state = take_framing(b, bytes.at[at]);
		if (b->state != BODY_BAD)
			at++;
	}
	*taken = at;
	if (b->state == BODY_END)
		return PARSE_DONE;
	return b->state == BODY_BAD ? PARSE_BAD : PARSE_MORE;
}
