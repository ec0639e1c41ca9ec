/* SPDX-License-Identifier: MIT */
/*
 * Text written into a buffer that the caller owns. Pure: no I/O, no allocation, no globals.
 *
 * A text that does not fit is cut, never overrun, and says so in `cut`; the buffer always ends
 * in a NUL byte, so `t.at` can be passed on as a C string.
 */
#ifndef SYS_TEXT_H
#define SYS_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text {
	char *at;
	size_t size; /* bytes at `at`, the NUL included */
	size_t length; /* bytes written so far, without the NUL */
	bool cut;
};

/* An empty text over an array (not a pointer). */
#define TEXT_OVER(array) text_over((array), sizeof(array))

struct text text_over(char *buffer, size_t size);
void text_char(struct text *t, char c);
void text_bytes(struct text *t, const char *bytes, size_t length);

/*
 * The part of printf(3) that this program needs: %s %.*s %c %d %u %x %zu %llu %%, and a width
 * after a minus sign for %-Ns. stdio would double the binary.
 */
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *t, const char *format, va_list args);

/*
 * Bytes that came from outside, fit for a terminal: printable ASCII as it is, all else as \xNN.
 */
void text_escaped(struct text *t, const char *bytes, size_t length);

/* The same in a buffer of its own, with "..." at the end if it was cut. Returns the buffer. */
const char *text_shown(char *buffer, size_t size, const char *bytes, size_t length);

#endif
