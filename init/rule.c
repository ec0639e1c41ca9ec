/* SPDX-License-Identifier: MIT */
#include "init/rule.h"

#include <netinet/in.h>
#include <string.h>

#include "init/gate/parse.h"

#define NAME_MAX_LENGTH 253 /* RFC 1035 3.1, as text */
#define LABEL_MAX_LENGTH 63

const uint8_t address_mapped[12] = { [10] = 0xff, [11] = 0xff };

enum key { KEY_DOMAIN, KEY_METHOD, KEY_PATH, KEY_PRIVATE, KEY_PORT, KEY_CIDR, KEY_PROTO, KEYS };

#define HAS(key) (1U << (key))

/* One parse. What parses a part says what is wrong with it (NULL: nothing) and leaves here where. */
struct rule_parser {
	struct rule *rule;
	struct fault *fault;
	unsigned int seen; /* HAS(...) of keys */
};

uint8_t protocol_by_name(struct span name)
{
	static const uint8_t protocols[] = { 0, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };

	return protocols[span_among(name, "tcp,udp,icmp") + 1];
}

/* ---- names, methods, paths: where one is wrong, or NULL ---- */

/* The first byte that is no letter, no digit and none of `others`. */
static const char *find_foreign(struct span s, const char *others)
{
	for (const char *c = s.at; c < s.at + s.length; c++)
		if (!is_alphanumeric(*c) && (*c == '\0' || !strchr(others, *c)))
			return c;
	return NULL;
}

const char *domain_check(struct span name)
{
	struct cursor c = cursor_over(name);
	struct span label;
	uint32_t number;
	bool any;

	do { /* a dot at the end is eaten by its label */
		const char *odd;

		label = cursor_take_until(&c, '.');
		any = span_is(label, "*");
		odd = any ? NULL : find_foreign(label, "-_");
		if (odd)
			return odd;
		if (label.length == 0 || label.length > LABEL_MAX_LENGTH || *label.at == '-' ||
		    label.at[label.length - 1] == '-')
			return label.at;
	} while (!cursor_done(&c));
	/* What ends with a number is an address to most who read it. */
	if (any ? name.length > 1 : span_number(label, UINT32_MAX, &number))
		return label.at;
	return label.at + label.length > name.at + NAME_MAX_LENGTH ? name.at : NULL;
}

/* Methods are case-sensitive (RFC 9110 9.1), and the gate knows none in lower case. */
static const char *check_method(struct span item)
{
	const char *c = item.at;

	if (span_is(item, "*"))
		return NULL;
	while (c < item.at + item.length && parse_is_token_char(*c) && *c != '*' &&
	       (*c < 'a' || *c > 'z'))
		c++;
	return item.length > 0 && c == item.at + item.length ? NULL : c;
}

int path_take_byte(struct cursor *c)
{
	int high, low, byte;

	if (*c->at != '%')
		return (unsigned char)*c->at++;
	if (c->end - c->at < 3)
		return -1;
	high = hex_value(c->at[1]);
	low = hex_value(c->at[2]);
	byte = high * 16 + low;
	c->at += 3;
	return high < 0 || low < 0 || byte == '\0' || byte == '/' || byte == '\\' ? -1 : byte;
}

static const char *check_segment(struct span segment)
{
	struct cursor c = cursor_over(segment);
	size_t weight = 0; /* empty, . and .. have less than 3 */

	while (!cursor_done(&c)) {
		struct span byte = { .at = c.at, .length = 1 };
		int decoded = path_take_byte(&c);

		if (decoded < 0 || find_foreign(byte, "-._~!$&'()+;=:@%"))
			return byte.at;
		weight += decoded == '.' ? 1 : 3;
	}
	return weight < 3 ? segment.at : NULL;
}

static const char *check_path(struct span item)
{
	struct cursor c = cursor_over(item);
	const char *odd = item.length > 0 ? NULL : item.at;

	cursor_take_char(&c, '/');
	while (!odd && !cursor_done(&c)) {
		struct span segment = cursor_take_until(&c, '/');

		if (!span_is(segment, "*"))
			odd = check_segment(segment);
	}
	return odd;
}

/* ---- one function for each kind of value ---- */

/* Checks each item; one that stands for everything, * or in a path / and *, makes it the list for any. */
static const char *parse_list(struct rule_parser *p, struct span value,
			      const char *(*check)(struct span), struct span *list)
{
	struct cursor c = cursor_over(value);
	struct span item;
	bool any = false;

	while (cursor_take_item(&c, &item)) {
		p->fault->at = check(item);
		if (p->fault->at)
			return "not allowed here";
		any = any || (item.length <= 2 && item.at[item.length - 1] == '*');
	}
	if (!any)
		*list = value;
	return NULL;
}

static const char *parse_domain(struct rule_parser *p, struct span value)
{
	return parse_list(p, value, domain_check, &p->rule->domain);
}

static const char *parse_method(struct rule_parser *p, struct span value)
{
	return parse_list(p, value, check_method, &p->rule->method);
}

static const char *parse_path(struct rule_parser *p, struct span value)
{
	return parse_list(p, value, check_path, &p->rule->path);
}

static bool parse_range(struct span item, struct port_range *range)
{
	struct cursor c = cursor_over(item);

	if (!cursor_take_port(&c, &range->first))
		return false;
	range->last = range->first;
	if (cursor_take_char(&c, '-') && !cursor_take_port(&c, &range->last))
		return false;
	return cursor_done(&c) && range->first <= range->last;
}

static const char *parse_port(struct rule_parser *p, struct span value)
{
	struct cursor list = cursor_over(value);
	struct span item;

	p->rule->any_protocol = true;
	if (span_is(value, "*"))
		return NULL;
	while (cursor_take_item(&list, &item)) {
		struct port_range *range = &p->rule->ports[p->rule->port_count];

		p->fault->at = item.at;
		if (p->rule->port_count == RULE_PORTS)
			return "more than 16 ports and ranges: write two rules";
		if (!parse_range(item, range))
			return "not a port or a range of ports";
		p->rule->port_count++;
	}
	return NULL;
}

static const char *parse_private(struct rule_parser *p, struct span value)
{
	p->rule->private_too = true;
	return span_is(value, "yes") && !p->rule->deny ? NULL : "not yes, or in a deny rule";
}

static const char *parse_cidr(struct rule_parser *p, struct span value)
{
	struct prefix *cidr = &p->rule->cidr;

	if (!prefix_parse(value, cidr))
		return "not an address or address/length";
	if (!prefix_clear_host(cidr))
		return "the address has bits behind its length";
	if (cidr->address.family == AF_INET6 && cidr->length >= 96 &&
	    memcmp(cidr->address.bytes, address_mapped, sizeof(address_mapped)) == 0)
		return "an IPv4 address in IPv6 form";
	return NULL;
}

static const char *parse_proto(struct rule_parser *p, struct span value)
{
	p->rule->protocol_given = true;
	p->rule->protocol = protocol_by_name(value);
	return p->rule->protocol ? NULL : "not a protocol";
}

/* ---- a rule ---- */

static const struct {
	char name[8];
	const char *(*parse)(struct rule_parser *, struct span);
	const char *remedy;
} keys[KEYS] = {
	[KEY_DOMAIN] = { "domain", parse_domain,
			 "Write it like api.example.com, *.example.com or in punycode (xn--); the "
			 "rest goes by cidr=, port= and path=" },
	[KEY_METHOD] = { "method", parse_method, "Methods are like GET,HEAD, in upper case; or *" },
	[KEY_PATH] = { "path", parse_path,
		       "Write it like /api/*/users or /api/*, special bytes as %XX, without query, . "
		       "and .." },
	[KEY_PRIVATE] = { "private", parse_private, "Write private=yes, or leave it away" },
	[KEY_PORT] = { "port", parse_port, "Write N, N-M, lists of these with commas, or *" },
	[KEY_CIDR] = { "cidr", parse_cidr, "Write it like 10.1.2.0/24, 10.1.2.3 or 2001:db8::/32" },
	[KEY_PROTO] = { "proto", parse_proto, "Protocols are tcp, udp and icmp" },
};

static const char *parse_pair(struct rule_parser *p, struct span pair)
{
	struct cursor c = cursor_over(pair);
	struct span key = cursor_take_until(&c, '=');

	p->fault->at = pair.at;
	p->fault->remedy =
		"The keys are domain, method, path, port and private; or cidr, proto, port";
	for (unsigned int i = 0; i < KEYS && key.length < pair.length; i++) {
		if (!span_is(key, keys[i].name))
			continue;
		if (p->seen & HAS(i))
			return "this key stands twice";
		p->seen |= HAS(i);
		p->fault->at = c.at;
		p->fault->remedy = keys[i].remedy;
		return keys[i].parse(p, cursor_rest(&c));
	}
	return "not a key and =value";
}

static const char *check_whole(const struct rule_parser *p)
{
	const unsigned int names = HAS(KEY_DOMAIN) | HAS(KEY_METHOD) | HAS(KEY_PATH);
	struct rule *r = p->rule;

	if (p->seen & (HAS(KEY_CIDR) | HAS(KEY_PROTO))) {
		if (!(p->seen & HAS(KEY_CIDR)) || p->seen & (names | HAS(KEY_PRIVATE)))
			return "cidr=, proto= and port= go together";
		if (r->protocol != IPPROTO_ICMP)
			return NULL;
		if (r->cidr.address.family == AF_INET6)
			r->protocol = IPPROTO_ICMPV6;
		return (p->seen & HAS(KEY_PORT)) ? "icmp has no ports" : NULL;
	}
	/* private=yes by itself would be taken for a setting, and allow everything. */
	return (p->seen & (names | HAS(KEY_PORT))) ? NULL : "it does not say where it leads";
}

static int read_rule(struct span text, bool deny, struct rule *r, struct fault *fault)
{
	struct rule_parser p = { .rule = r, .fault = fault };
	struct cursor c = cursor_over(text);
	struct span pair;

	*r = (struct rule){ .text = text, .deny = deny, .protocol = IPPROTO_TCP };
	while ((pair = cursor_take_word(&c)).length > 0) {
		fault->cause = parse_pair(&p, pair);
		if (fault->cause)
			return -1;
	}
	fault->at = text.at;
	fault->remedy = "Write it like domain=api.example.com or cidr=10.1.2.0/24 port=443";
	fault->cause = check_whole(&p);
	return fault->cause ? -1 : 0;
}

int policy_read(struct policy *p, struct span text, bool deny, struct fault *fault)
{
	if (p->count == POLICY_RULES) {
		*fault = (struct fault){
			text.at, "more than 1024 rules",
			"Join names with commas, neighbouring addresses with a length"
		};
		return -1;
	}
	if (read_rule(text, deny, &p->rules[p->count], fault) < 0)
		return -1;
	p->count++;
	return 0;
}

int policy_add(struct policy *p, struct span text, bool deny, struct failure *f)
{
	char buffer[160];
	struct fault fault;

	if (policy_read(p, text, deny, &fault) == 0)
		return 0;
	return fail(f, "rule", fault.remedy, "'%s', column %u: %s",
		    text_shown(buffer, sizeof(buffer), text.at, text.length),
		    (unsigned int)(fault.at - text.at) + 1, fault.cause);
}
