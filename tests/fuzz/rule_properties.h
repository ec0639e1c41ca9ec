/* SPDX-License-Identifier: MIT */
/* What holds for every rule that parses. */
#ifndef TESTS_FUZZ_RULE_PROPERTIES_H
#define TESTS_FUZZ_RULE_PROPERTIES_H

#include "tests/fuzz/fuzz.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "init/policy.h"

static inline void check_cidr(const struct rule *r)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct prefix cleared = r->cidr;

	HOLDS(r->cidr.address.family == AF_INET || r->cidr.address.family == AF_INET6);
	HOLDS(r->cidr.length <= 8 * address_size(r->cidr.address.family));
	HOLDS(prefix_clear_host(&cleared)); /* there are no bits behind the length */
	HOLDS(r->cidr.address.family == AF_INET || r->cidr.length < 96 ||
	      memcmp(r->cidr.address.bytes, mapped, sizeof(mapped)) != 0);
	HOLDS(r->domain.length == 0 && r->method.length == 0 && r->path.length == 0);
	HOLDS(!r->private_too);
}

static inline void check_ports(const struct rule *r)
{
	HOLDS(r->port_count <= RULE_PORTS);
	HOLDS(r->port_count == 0 || r->any_protocol);
	for (unsigned int i = 0; i < r->port_count; i++) {
		HOLDS(r->ports[i].first >= 1);
		HOLDS(r->ports[i].first <= r->ports[i].last);
	}
}

static inline void check_protocol(const struct rule *r)
{
	switch (r->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		break;
	case IPPROTO_ICMP:
		HOLDS(r->cidr.address.family == AF_INET && r->port_count == 0);
		break;
	case IPPROTO_ICMPV6:
		HOLDS(r->cidr.address.family == AF_INET6 && r->port_count == 0);
		break;
	default:
		HOLDS(r->protocol == IPPROTO_TCP); /* no rule can name another one */
	}
}

/* One of these bytes, or a letter or a digit. */
static inline bool is_of(char c, const char *others)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(others, c));
}

/* Inside of the rule's text, and of these bytes and letters and digits; nothing empty between commas. */
static inline void check_list(const struct rule *r, struct span list, const char *others)
{
	if (list.length == 0)
		return;
	HOLDS(list.at > r->text.at && list.at[-1] == '=');
	HOLDS(list.at + list.length <= r->text.at + r->text.length);
	for (size_t i = 0; i < list.length; i++) {
		HOLDS(list.at[i] == ',' || is_of(list.at[i], others));
		if (list.at[i] == ',')
			HOLDS(i > 0 && i + 1 < list.length && list.at[i - 1] != ',');
	}
}

/* Labels have 1 to 63 bytes; a * is a whole one and never the last; what is no name is none here. */
static inline void check_domains(struct span list)
{
	struct cursor names = cursor_over(list);

	while (!cursor_done(&names)) {
		struct span name = cursor_take_until(&names, ',');
		struct cursor labels = cursor_over(name);
		struct address address;

		HOLDS(name.length <= 254 && !address_parse(name, &address));
		while (!cursor_done(&labels)) {
			struct span label = cursor_take_until(&labels, '.');

			HOLDS(label.length >= 1 && label.length <= 63);
			HOLDS(label.at[0] != '-' && label.at[label.length - 1] != '-');
			if (span_has(label, '*'))
				HOLDS(label.length == 1 && !cursor_done(&labels));
		}
	}
}

static inline void check_paths(struct span list)
{
	struct cursor paths = cursor_over(list);

	while (!cursor_done(&paths)) {
		struct cursor segments = cursor_over(cursor_take_until(&paths, ','));

		cursor_take_char(&segments, '/');
		while (!cursor_done(&segments)) {
			struct span segment = cursor_take_until(&segments, '/');

			HOLDS(segment.length > 0 && !span_is(segment, ".") &&
			      !span_is(segment, ".."));
			HOLDS(!span_has(segment, '*') || segment.length == 1);
		}
	}
}

static inline void check_rule(const struct rule *r)
{
	if (r->cidr.address.family)
		check_cidr(r);
	check_ports(r);
	check_protocol(r);
	check_list(r, r->domain, ".-_*");
	if (r->domain.length > 0)
		check_domains(r->domain);
	check_list(r, r->method, "!#$%&'+-.^_`|~");
	for (size_t i = 0; i < r->method.length; i++)
		HOLDS(r->method.at[i] < 'a' || r->method.at[i] > 'z');
	check_list(r, r->path, "/-._~!$&'()*+;=:@%");
	if (r->path.length > 0)
		check_paths(r->path);
	HOLDS(!r->deny || !r->private_too);
}

#endif
