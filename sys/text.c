/* SPDX-License-Identifier: MIT */
#include "sys/text.h"

#include <stdint.h>
#include <string.h>

struct text text_over(char *buffer, size_t size)
{
	struct text t = { .at = buffer, .size = size };

	buffer[0] = '\0';
	return t;
}

void text_char(struct text *t, char c)
{
	if (t->length + 1 >= t->size) {
		t->cut = true;
		return;
	}
	t->at[t->length++] = c;
	t->at[t->length] = '\0';
}

void text_bytes(struct text *t, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		text_char(t, bytes[i]);
}

static void text_number(struct text *t, unsigned long long value, unsigned int base)
{
	char digits[24];
	size_t n = sizeof(digits);

	do {
		digits[--n] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	text_bytes(t, digits + n, sizeof(digits) - n);
}

void text_escaped(struct text *t, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c >= ' ' && c < 0x7f && c != '\\') {
			text_char(t, (char)c);
			continue;
		}
		text_printf(t, "\\x%x%x", c >> 4, c & 15);
	}
}

const char *text_shown(char *buffer, size_t size, const char *bytes, size_t length)
{
	struct text t = text_over(buffer, size - 3);

	text_escaped(&t, bytes, length);
	if (t.cut)
		memcpy(buffer + t.length, "...", 4);
	return buffer;
}

/* What %c, %d, %u and %x are given. Not inlined: va_arg is much code. */
__attribute__((noinline)) static unsigned long long take_integer(va_list *args, bool wide)
{
	if (wide)
		return va_arg(*args, unsigned long long);
	return (unsigned long long)va_arg(*args, int);
}

/* One conversion; `at` stands behind the '%'. Returns where the format goes on. */
static const char *text_convert(struct text *t, const char *at, va_list *args)
{
	size_t start = t->length, width = 0, precision = SIZE_MAX;
	unsigned long long value;
	bool wide;

	if (*at == '-')
		for (at++; *at >= '0' && *at <= '9'; at++)
			width = width * 10 + (size_t)(*at - '0');
	if (*at == '.') {
		precision = (size_t)take_integer(args, false);
		at += 2;
	}
	wide = *at == 'z' || *at == 'l';
	while (*at == 'z' || *at == 'l')
		at++;
	if (*at == 's') {
		for (const char *s = va_arg(*args, const char *); precision > 0 && *s; precision--)
			text_char(t, *s++);
	} else if (*at == '%') {
		text_char(t, '%');
	} else {
		value = take_integer(args, wide);
		if (*at == 'c') {
			text_char(t, (char)value);
		} else {
			if (*at == 'd' && (int)value < 0) {
				text_char(t, '-');
				value = 0 - value;
			} else if (!wide)
				value = (unsigned int)value;
			text_number(t, value, *at == 'x' ? 16 : 10);
		}
	}
	while (t->length - start < width && !t->cut)
		text_char(t, ' ');
	return at + 1;
}

void text_vprintf(struct text *t, const char *format, va_list args)
{
	va_list rest;

	va_copy(rest, args);
	while (*format) {
		if (*format == '%')
			format = text_convert(t, format + 1, &rest);
		else
			text_char(t, *format++);
	}
	va_end(rest);
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_vprintf(t, format, args);
	va_end(args);
}
