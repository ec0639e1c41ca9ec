/* SPDX-License-Identifier: MIT */
/*
 * What the parsers of hostile bytes say, and what they have in common. They read what the socket holds so
 * far, from the start of the flow or of the message, and keep no state: when more has come they read it
 * again. They read left to right and judge by nothing but what they have read, so any split of the input
 * gives the same answer, and an answer other than PARSE_MORE stays what it is whatever follows.
 * Pure: no I/O, no allocation, no globals.
 */
#ifndef INIT_GATE_PARSE_H
#define INIT_GATE_PARSE_H

#include <stdbool.h>

#include "sys/cursor.h"

enum parse {
	PARSE_DONE,
	PARSE_MORE, /* right so far, but not whole */
	PARSE_OTHER, /* another protocol */
	PARSE_BAD, /* this protocol, and wrong */
};

/* tchar of RFC 9110 5.6.2. */
bool parse_is_token_char(char c);

/* What a field's value may hold (RFC 9110 5.5): VCHAR, SP, HTAB, obs-text. No other control character. */
bool parse_is_field_char(char c);

/*
 * Labels of letters, digits, '-' and '_' with a dot between them, 253 characters at most. One dot more at
 * the end is taken off `name`.
 */
bool parse_host_name(struct span *name);

/* PARSE_DONE: they begin with `literal`. PARSE_MORE: they are a part of its beginning. Else PARSE_OTHER. */
enum parse parse_literal(struct span bytes, const char *literal);

/* The line at the cursor, without the CRLF at its end. PARSE_BAD, and why: what parse_is_field_char is not. */
enum parse parse_line(struct cursor *c, struct span *line, const char **why);

#endif
