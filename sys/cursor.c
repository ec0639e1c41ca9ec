/* SPDX-License-Identifier: MIT */
#include "sys/cursor.h"

#include <string.h>

struct span span_of(const char *string)
{
	return (struct span){ .at = string, .length = strlen(string) };
}

bool span_is(struct span s, const char *string)
{
	return spans_equal(s, span_of(string));
}

bool spans_equal(struct span a, struct span b)
{
	return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

bool span_has(struct span s, char c)
{
	struct cursor cursor = cursor_over(s);

	return cursor_take_until(&cursor, c).length < s.length;
}

char letter_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool is_alphanumeric(char c)
{
	c = letter_lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = letter_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool spans_alike(struct span a, struct span b)
{
	if (a.length != b.length)
		return false;
	for (size_t i = 0; i < a.length; i++)
		if (letter_lower(a.at[i]) != letter_lower(b.at[i]))
			return false;
	return true;
}

const char *string_after(const char *string, const char *prefix)
{
	for (; *prefix; prefix++, string++)
		if (*string != *prefix)
			return NULL;
	return string;
}

struct cursor cursor_over(struct span s)
{
	return (struct cursor){ .at = s.at, .end = s.at + s.length };
}

bool cursor_done(const struct cursor *c)
{
	return c->at == c->end;
}

struct span cursor_rest(const struct cursor *c)
{
	return (struct span){ .at = c->at, .length = (size_t)(c->end - c->at) };
}

bool cursor_take_char(struct cursor *c, char wanted)
{
	if (cursor_done(c) || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

struct span cursor_take_until(struct cursor *c, char stop)
{
	struct span s = { .at = c->at };

	while (!cursor_done(c) && *c->at != stop)
		c->at++;
	s.length = (size_t)(c->at - s.at);
	cursor_take_char(c, stop);
	return s;
}

bool cursor_take_item(struct cursor *c, struct span *item)
{
	if (!c->at)
		return false;
	*item = cursor_take_until(c, ',');
	if (cursor_done(c) && item->at + item->length == c->end)
		c->at = NULL;
	return true;
}

int span_among(struct span s, const char *words)
{
	struct cursor c = cursor_over(span_of(words));
	struct span word;

	for (int i = 0; cursor_take_item(&c, &word); i++)
		if (spans_equal(word, s))
			return i;
	return -1;
}

bool is_blank_or_cr(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct span cursor_take_word(struct cursor *c)
{
	struct span word;

	while (!cursor_done(c) && is_blank_or_cr(*c->at))
		c->at++;
	word.at = c->at;
	while (!cursor_done(c) && !is_blank_or_cr(*c->at))
		c->at++;
	word.length = (size_t)(c->at - word.at);
	return word;
}

bool cursor_take_number(struct cursor *c, uint32_t limit, uint32_t *value)
{
	const char *at = c->at;
	uint64_t n = 0;

	while (at < c->end && *at >= '0' && *at <= '9') {
		n = n * 10 + (uint64_t)(*at - '0');
		if (n > limit)
			return false;
		at++;
	}
	if (at == c->at)
		return false;
	c->at = at;
	*value = (uint32_t)n;
	return true;
}

bool cursor_take_port(struct cursor *c, uint16_t *port)
{
	const char *at = c->at;
	uint32_t number;

	if (cursor_take_number(c, UINT16_MAX, &number) && number > 0) {
		*port = (uint16_t)number;
		return true;
	}
	c->at = at;
	return false;
}

bool span_number(struct span s, uint32_t limit, uint32_t *value)
{
	struct cursor c = cursor_over(s);
	uint32_t n;

	if (!cursor_take_number(&c, limit, &n) || !cursor_done(&c))
		return false;
	*value = n;
	return true;
}
