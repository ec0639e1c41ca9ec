/* SPDX-License-Identifier: MIT */
#include "sys/text.h"

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
		text_bytes(t, "\\x", 2);
		text_char(t, "0123456789abcdef"[c >> 4]);
		text_char(t, "0123456789abcdef"[c & 15]);
	}
}

/* One conversion; `at` stands behind the '%'. Returns where the format goes on. */
static const char *text_convert(struct text *t, const char *at, va_list *args)
{
	size_t start = t->length, width = 0, precision = (size_t)-1;
	bool wide = false;

	if (*at == '-')
		for (at++; *at >= '0' && *at <= '9'; at++)
			width = width * 10 + (size_t)(*at - '0');
	if (at[0] == '.' && at[1] == '*') {
		precision = (size_t)va_arg(*args, int);
		at += 2;
	}
	if (*at == 'z' || *at == 'l') {
		wide = true;
		at += *at == 'z' ? 1 : 2;
	}

	switch (*at) {
	case 's': {
		const char *s = va_arg(*args, const char *);

		text_bytes(t, s, precision > 0 ? strnlen(s, precision) : 0);
		break;
	}
	case 'c':
		text_char(t, (char)va_arg(*args, int));
		break;
	case 'd': {
		int value = va_arg(*args, int);

		if (value < 0)
			text_char(t, '-');
		text_number(t,
			    value < 0 ? 0ULL - (unsigned long long)value :
					(unsigned long long)value,
			    10);
		break;
	}
	case 'u':
	case 'x':
		text_number(t,
			    wide ? va_arg(*args, unsigned long long) : va_arg(*args, unsigned int),
			    *at == 'x' ? 16 : 10);
		break;
	default:
		text_char(t, *at);
		break;
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
