/* SPDX-License-Identifier: MIT */
#include "init/policy.h"

#include <netinet/in.h>
#include <string.h>

#define STAGE "rule"

enum key { KEY_CIDR, KEY_PROTO, KEY_PORT, KEYS };

static const char *const key_names[KEYS] = {
	[KEY_CIDR] = "cidr",
	[KEY_PROTO] = "proto",
	[KEY_PORT] = "port",
};

/* One parse: where it is, what it has seen. */
struct rule_parser {
	struct span text;
	struct rule *rule;
	struct failure *failure;
	bool seen[KEYS];
};

/* The rule, as much of it as fits, the column of what is wrong with it (from 1), and why. */
static int reject(struct rule_parser *p, struct span at, const char *cause, const char *remedy)
{
	char buffer[160];
	struct text shown = TEXT_OVER(buffer);

	text_escaped(&shown, p->text.at, p->text.length);
	return fail(p->failure, STAGE, remedy, "'%s%s', column %u: %s", shown.at,
		    shown.cut ? "..." : "", (unsigned int)(at.at - p->text.at) + 1, cause);
}

static int parse_cidr(struct rule_parser *p, struct span value)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct prefix *cidr = &p->rule->cidr;

	if (!prefix_parse(value, cidr))
		return reject(p, value, "not an address or address/length",
			      "Write it like 10.1.2.0/24 or 2001:db8::/32");
	if (!prefix_clear_host(cidr))
		return reject(p, value, "the address has bits behind its length",
			      "Shorten the address, or leave the length away for a single host");
	if (cidr->address.family == AF_INET6 && cidr->length >= 96 &&
	    memcmp(cidr->address.bytes, mapped, sizeof(mapped)) == 0)
		return reject(p, value,
			      "an IPv4 address in IPv6 form, which never appears on the wire",
			      "Write the IPv4 address itself");
	return 0;
}

static int parse_proto(struct rule_parser *p, struct span value)
{
	if (span_is(value, "tcp"))
		p->rule->protocol = IPPROTO_TCP;
	else if (span_is(value, "udp"))
		p->rule->protocol = IPPROTO_UDP;
	else if (span_is(value, "icmp"))
		p->rule->protocol = IPPROTO_ICMP;
	else
		return reject(p, value, "not a protocol that a rule can allow",
			      "proto= is tcp, udp or icmp");
	return 0;
}

static int parse_port(struct rule_parser *p, struct span value)
{
	static const char expected[] = "port= is a number from 1 to 65535, a range N-M, a list of "
				       "these with commas, or *";
	struct cursor c = cursor_over(value);

	if (span_is(value, "*"))
		return 0;
	do {
		struct span here = cursor_rest(&c);
		struct port_range range;

		if (!cursor_take_port(&c, &range.first))
			return reject(p, here, "not a port", expected);
		range.last = range.first;
		if (cursor_take_char(&c, '-') && !cursor_take_port(&c, &range.last))
			return reject(p, here, "not a range of ports", expected);
		if (range.last < range.first)
			return reject(p, here, "the range ends before it begins", expected);
		if (p->rule->port_count == RULE_PORTS)
			return reject(p, here, "more than 16 ports and ranges in one rule",
				      "Split it into several rules");
		p->rule->ports[p->rule->port_count++] = range;
	} while (cursor_take_char(&c, ','));
	if (!cursor_done(&c))
		return reject(p, (struct span){ .at = c.at }, "not a port", expected);
	return 0;
}

static int (*const parse_value[KEYS])(struct rule_parser *, struct span) = {
	[KEY_CIDR] = parse_cidr,
	[KEY_PROTO] = parse_proto,
	[KEY_PORT] = parse_port,
};

static int parse_pair(struct rule_parser *p, struct span pair)
{
	struct cursor c = cursor_over(pair);
	struct span key = cursor_take_until(&c, '=');
	struct span value = cursor_rest(&c);

	if (key.length == pair.length)
		return reject(p, pair, "not key=value", "The keys are cidr, proto and port");
	for (unsigned int i = 0; i < KEYS; i++) {
		if (!span_is(key, key_names[i]))
			continue;
		if (p->seen[i])
			return reject(p, key, "this key stands twice", "Write two rules");
		p->seen[i] = true;
		return parse_value[i](p, value);
	}
	return reject(
		p, key, "an unknown key",
		"The keys are cidr, proto and port; this version decides by address, not by name");
}

static int check_whole(struct rule_parser *p)
{
	struct rule *r = p->rule;

	if (!p->seen[KEY_CIDR])
		return reject(p, p->text, "cidr= is missing",
			      "A rule names where it leads, for example cidr=10.1.2.0/24 port=443");
	if (r->protocol == IPPROTO_ICMP && p->seen[KEY_PORT])
		return reject(p, p->text, "icmp has no ports", "Leave port= away");
	if (r->protocol == IPPROTO_ICMP && r->cidr.address.family == AF_INET6)
		r->protocol = IPPROTO_ICMPV6;
	return 0;
}

int rule_parse(struct span text, struct rule *r, struct failure *f)
{
	struct rule_parser p = { .text = text, .rule = r, .failure = f };
	struct cursor c = cursor_over(text);

	*r = (struct rule){ .text = text, .protocol = IPPROTO_TCP };
	while (!cursor_done(&c)) {
		struct span pair = cursor_take_until(&c, ' ');

		if (pair.length > 0 && parse_pair(&p, pair) < 0)
			return -1;
	}
	return check_whole(&p);
}

int policy_add(struct policy *p, struct span text, struct failure *f)
{
	if (p->count == POLICY_RULES)
		return fail(f, STAGE,
			    "Join ports with commas and neighbouring addresses with a length",
			    "policy: more than %u rules", POLICY_RULES);
	if (rule_parse(text, &p->rules[p->count], f) < 0)
		return -1;
	p->count++;
	return 0;
}
