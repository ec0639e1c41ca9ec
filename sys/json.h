/* SPDX-License-Identifier: MIT */
/*
 * Strings of JSON (RFC 8259). Pure: no I/O, no allocation, no globals.
 *
 * What is no printable ASCII comes as \u00XX, byte by byte, so that any bytes make a valid string.
 */
#ifndef SYS_JSON_H
#define SYS_JSON_H

#include "sys/cursor.h"
#include "sys/text.h"

#define JSON_ESCAPE_MAX 6 /* bytes: \u00XX */

/* One byte of a string. */
void json_character(struct text *t, unsigned char c);

/* A whole string, with its quotes. */
void json_string(struct text *t, struct span s);

#endif
