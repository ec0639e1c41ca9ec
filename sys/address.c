/* SPDX-License-Identifier: MIT */
#include "sys/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

unsigned int address_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

bool address_parse(struct span s, struct address *a)
{
	char string[INET6_ADDRSTRLEN];
	struct address parsed = { .family = AF_INET };

	if (s.length >= sizeof(string) || span_has(s, '\0'))
		return false;
	memcpy(string, s.at, s.length);
	string[s.length] = '\0';
	if (span_has(s, ':'))
		parsed.family = AF_INET6;
	if (inet_pton(parsed.family, string, parsed.bytes) != 1)
		return false;
	*a = parsed;
	return true;
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
	struct prefix parsed;
	uint32_t length;

	if (!address_parse(address, &parsed.address))
		return false;
	length = address_size(parsed.address.family) * 8;
	if (address.length < s.length && !span_number(cursor_rest(&c), length, &length))
		return false;
	parsed.length = (uint8_t)length;
	*p = parsed;
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
	if (p->length >= 8 * (i + 1))
		return 0xff;
	if (p->length <= 8 * i)
		return 0;
	return (uint8_t)(0xff00 >> (p->length - 8 * i));
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
	bool clean = true;

	for (unsigned int i = 0; i < address_size(p->address.family); i++) {
		uint8_t mask = prefix_mask(p, i);

		clean = clean && !(p->address.bytes[i] & ~mask);
		p->address.bytes[i] &= mask;
	}
	return clean;
}
