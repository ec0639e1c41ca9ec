/* SPDX-License-Identifier: MIT */
/*
 * What reading rules (init/rule.c), comparing with them (init/policy.c) and reading files of them share.
 * Pure: no I/O, no allocation, no globals.
 */
#ifndef INIT_RULE_H
#define INIT_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "init/policy.h"
#include "sys/cursor.h"

/* What is wrong with a rule: at which byte of it, what, and what would be right. Static text. */
struct fault {
	const char *at, *cause, *remedy;
};

/* policy_add, for who knows better where the rule stands: -1 with the fault. */
int policy_read(struct policy *p, struct span text, bool deny, struct fault *fault);

/* Whether domain= takes this as one of its names and patterns. Where not, or NULL if it does. */
const char *domain_check(struct span name);

/* The IPPROTO_ of tcp, udp or icmp; 0 for any other name. */
uint8_t protocol_by_name(struct span name);

/* The next byte of a path's pattern, percent-encoding decoded; -1 where no path can have it. */
int path_take_byte(struct cursor *c);

/* An IPv6 address that begins like this is an IPv4 address (RFC 4291 2.5.5.2). */
extern const uint8_t address_mapped[12];

#endif
