/* SPDX-License-Identifier: MIT */
/*
 * Allow rules. Pure: no I/O, no allocation, no globals; borrows the text that it parsed.
 *
 *   rule  := key=value { space key=value }      keys AND, rules OR
 *   cidr  := address[/len]                      required
 *   proto := tcp | udp | icmp                   absent: tcp
 *   port  := N | N-M, separated by commas, | *  absent: any
 */
#ifndef INIT_POLICY_H
#define INIT_POLICY_H

#include <stdint.h>

#include "sys/address.h"
#include "sys/cursor.h"
#include "sys/failure.h"

#define POLICY_RULES 128
#define RULE_PORTS 16

struct port_range {
	uint16_t first, last;
};

struct rule {
	struct span text; /* as it was given */
	struct prefix cidr;
	uint8_t protocol; /* IPPROTO_TCP, _UDP, _ICMP or _ICMPV6 */
	uint8_t port_count; /* 0: any port */
	struct port_range ports[RULE_PORTS];
};

struct policy {
	struct rule rules[POLICY_RULES];
	unsigned int count;
};

/* 0, or -1 with `f` filled: the rule, the column (from 1), what is wrong, what was expected. */
int rule_parse(struct span text, struct rule *r, struct failure *f);

/* Adds a rule. As rule_parse; a policy that is full is a failure too. */
int policy_add(struct policy *p, struct span text, struct failure *f);

#endif
