/* SPDX-License-Identifier: MIT */
#include "sys/address.h"

#include <string.h>
#include <sys/socket.h>

unsigned int address_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, address_size(a->family)) == 0;
}

bool address_is_unspecified(const struct address *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

bool address_is_loopback(const struct address *a)
{
	static const uint8_t loopback6[16] = { [15] = 1 };

	return (a->family == AF_INET && a->bytes[0] == 127) ||
	       (a->family == AF_INET6 && memcmp(a->bytes, loopback6, sizeof(loopback6)) == 0);
}

static bool parse_ipv4(struct span s, uint8_t *to)
{
	struct cursor c = cursor_over(s);

	for (unsigned int i = 0; i < 4; i++) {
		const char *digits = c.at;
		uint32_t n;

		if (!cursor_take_number(&c, 255, &n) || (*digits == '0' && c.at > digits + 1) ||
		    (i < 3 && !cursor_take_char(&c, '.')))
			return false;
		to[i] = (uint8_t)n;
	}
	return cursor_done(&c);
}

/* One to four hexadecimal digits. */
static bool take_group(struct cursor *c, uint8_t *to)
{
	unsigned int value = 0, digits = 0;

	for (; !cursor_done(c) && digits < 4 && hex_value(*c->at) >= 0; c->at++, digits++)
		value = value << 4 | (unsigned int)hex_value(*c->at);
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
	return digits > 0;
}

#define NO_GAP 17

/* Groups with colons between them, once "::" for those that are zero, four decimals at the end. */
static bool parse_ipv6(struct span s, uint8_t *to)
{
	struct cursor c = cursor_over(s);
	unsigned int length = 0, gap = NO_GAP;

	do {
		if (c.end - c.at > 1 && c.at[0] == ':' && c.at[1] == ':') {
			if (gap != NO_GAP)
				return false;
			gap = length;
			c.at += 2;
			if (cursor_done(&c))
				break;
		} else if (length > 0 && !cursor_take_char(&c, ':')) {
			return false;
		}
		if (length <= 12 && parse_ipv4(cursor_rest(&c), to + length)) {
			length += 4;
			break;
		}
		if (length == 16 || !take_group(&c, to + length))
			return false;
		length += 2;
	} while (!cursor_done(&c));
	if (gap == NO_GAP || length == 16)
		return gap == NO_GAP && length == 16;
	memmove(to + 16 - (length - gap), to + gap, length - gap);
	memset(to + gap, 0, 16 - length);
	return true;
}

bool address_parse(struct span s, struct address *a)
{
	bool six = span_has(s, ':');

	*a = (struct address){ .family = six ? AF_INET6 : AF_INET };
	if (six ? parse_ipv6(s, a->bytes) : parse_ipv4(s, a->bytes))
		return true;
	*a = (struct address){ .family = 0 };
	return false;
}

static void print_ipv6(struct text *t, const uint8_t *bytes)
{
	unsigned int groups[8], zeros_at = 8, zeros = 1;

	for (unsigned int i = 0; i < 8; i++, bytes += 2)
		groups[i] = (unsigned int)bytes[0] << 8 | bytes[1];
	/* The longest run of two or more zero groups, the first of equals, becomes "::". */
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int run = 0;

		while (i + run < 8 && groups[i + run] == 0)
			run++;
		if (run > zeros) {
			zeros_at = i;
			zeros = run;
		}
	}
	for (unsigned int i = 0; i < 8; i++) {
		if (i == zeros_at) {
			text_printf(t, "::");
			i += zeros - 1;
			continue;
		}
		text_printf(t, i > 0 && i != zeros_at + zeros ? ":%x" : "%x", groups[i]);
	}
}

void address_print(struct text *t, const struct address *a)
{
	if (a->family == AF_INET)
		text_printf(t, "%u.%u.%u.%u", a->bytes[0], a->bytes[1], a->bytes[2], a->bytes[3]);
	else
		print_ipv6(t, a->bytes);
}

bool prefix_parse(struct span s, struct prefix *p)
{
	struct cursor c = cursor_over(s);
	struct span address = cursor_take_until(&c, '/');
	uint32_t length;

	if (!address_parse(address, &p->address))
		return false;
	length = address_size(p->address.family) * 8;
	if (address.length < s.length && !span_number(cursor_rest(&c), length, &length))
		return false;
	p->length = (uint8_t)length;
	return true;
}

void prefix_print(struct text *t, const struct prefix *p)
{
	address_print(t, &p->address);
	if (p->length != address_size(p->address.family) * 8)
		text_printf(t, "/%u", p->length);
}

uint8_t prefix_mask(const struct prefix *p, unsigned int i)
{
	unsigned int before = 8 * i;

	if (p->length <= before)
		return 0;
	return (uint8_t) ~(0xffU >> (p->length - before > 8 ? 8 : p->length - before));
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	const struct prefix *wider = a->length < b->length ? a : b;

	if (a->address.family != b->address.family)
		return false;
	for (unsigned int i = 0; i < address_size(a->address.family); i++)
		if ((a->address.bytes[i] ^ b->address.bytes[i]) & prefix_mask(wider, i))
			return false;
	return true;
}

bool prefix_clear_host(struct prefix *p)
{
	uint8_t cleared = 0;

	for (unsigned int i = 0; i < address_size(p->address.family); i++) {
		uint8_t host = p->address.bytes[i] & (uint8_t)~prefix_mask(p, i);

		cleared |= host;
		p->address.bytes[i] ^= host;
	}
	return cleared == 0;
}
