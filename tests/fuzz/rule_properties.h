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
}

static inline void check_ports(const struct rule *r)
{
	HOLDS(r->port_count <= RULE_PORTS);
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

static inline void check_rule(const struct rule *r)
{
	check_cidr(r);
	check_ports(r);
	check_protocol(r);
}

#endif
