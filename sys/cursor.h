/* SPDX-License-Identifier: MIT */
/*
 * Reading text from a bounded range. Pure: no I/O, no allocation, no globals.
 *
 * A span is a pointer and a length and never assumes a NUL byte. A cursor is a span that is
 * eaten from the left. A `cursor_take_*` that returns false has moved nothing.
 */
#ifndef SYS_CURSOR_H
#define SYS_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *at;
	size_t length;
};

struct cursor {
	const char *at;
	const char *end;
};

struct span span_of(const char *string);
bool span_is(struct span s, const char *string);
bool spans_equal(struct span a, struct span b);
bool span_has(struct span s, char c);

/* Without regard to the case of ASCII letters. */
bool spans_alike(struct span a, struct span b);

/* The index of `s` in a list with commas, or -1. */
int span_among(struct span s, const char *words);

bool is_blank_or_cr(char c);
char letter_lower(char c);
bool is_alphanumeric(char c);

/* The value of a hexadecimal digit, in either case; -1: none. */
int hex_value(char c);

/* What follows `prefix` in `string`; NULL if `string` does not begin with it. */
const char *string_after(const char *string, const char *prefix);

struct cursor cursor_over(struct span s);
bool cursor_done(const struct cursor *c);
struct span cursor_rest(const struct cursor *c);

/* The byte at the cursor, if it is `wanted`. */
bool cursor_take_char(struct cursor *c, char wanted);

/* Everything up to `stop`, which is eaten too, or up to the end if there is none; may be empty. */
struct span cursor_take_until(struct cursor *c, char stop);

/*
 * The next item of a list with commas. Items may be empty, also the first one and the last one: "," is two of
 * them, "" is one.
 */
bool cursor_take_item(struct cursor *c, struct span *item);

/* What is up to the next blank (space, tab, CR), behind those at the cursor; empty at the end. */
struct span cursor_take_word(struct cursor *c);

/* Decimal digits, at least one, at most `limit`; a number above `limit` is not taken. */
bool cursor_take_number(struct cursor *c, uint32_t limit, uint32_t *value);

/* A port: 1 to 65535. */
bool cursor_take_port(struct cursor *c, uint16_t *port);

/* The whole of `s` as one number. */
bool span_number(struct span s, uint32_t limit, uint32_t *value);

#endif
