/* SPDX-License-Identifier: MIT */
#include "init/policy.h"

#include <netinet/in.h>
#include <string.h>

#include "init/rule.h"

/* From the end, byte by byte: a * is always a whole label here, and a leading one takes all that is left. */
static bool domain_matches(struct span pattern, struct span name)
{
	size_t p = pattern.length, n = name.length;

	if (pattern.at[p - 1] == '.')
		p--;
	for (; p > 0; p--) {
		size_t end = n;

		if (pattern.at[p - 1] != '*') {
			if (n == 0 ||
			    letter_lower(pattern.at[p - 1]) != letter_lower(name.at[n - 1]))
				return false;
			n--;
			continue;
		}
		while (n > 0 && (p == 1 || name.at[n - 1] != '.'))
			n--;
		if (n == end)
			return false;
	}
	return n == 0;
}

/* A * is always a whole segment here; a slash at the end of the pattern is not needed. */
static bool path_matches(struct span pattern, struct span path)
{
	struct cursor p = cursor_over(pattern);
	const char *c = path.at, *end = c + path.length;

	cursor_take_char(&p, '/');
	if (c == end || *c++ != '/')
		return false;
	while (!cursor_done(&p)) {
		const char *at = p.at;

		if (*at == '*') {
			p.at++;
			if (p.end - p.at <= 1)
				return true;
			while (c < end && *c != '/')
				c++;
		} else if (c == end) {
			return p.end - at == 1 && *at == '/';
		} else if (path_take_byte(&p) != (unsigned char)*c++) {
			return false;
		}
	}
	return c == end;
}

/* An empty list is for any. */
static bool list_matches(struct span list, struct span value,
			 bool (*matches)(struct span pattern, struct span value))
{
	struct cursor c;
	struct span pattern;

	if (list.length == 0)
		return true;
	c = cursor_over(list);
	while (cursor_take_item(&c, &pattern))
		if (matches(pattern, value))
			return true;
	return false;
}

static bool matches_name(const struct rule *r, struct span name)
{
	return !r->cidr.address.family && list_matches(r->domain, name, domain_matches);
}

/* No port at all (0) is matched where any is. */
static bool matches_port(const struct rule *r, uint16_t port)
{
	bool found = r->port_count == 0;

	for (unsigned int i = 0; i < r->port_count; i++)
		found = found || (port >= r->ports[i].first && port <= r->ports[i].last);
	return found;
}

/* Has a condition that only plain HTTP shows. */
static bool needs_http(const struct rule *r)
{
	return r->method.length > 0 || r->path.length > 0;
}

static bool matches_request(const struct rule *r, const struct request *request)
{
	if (!matches_name(r, request->name) || !matches_port(r, request->port))
		return false;
	if (request->protocol == REQUEST_HTTP)
		return list_matches(r->method, request->method, spans_equal) &&
		       list_matches(r->path, request->path, path_matches);
	return r->deny || (!needs_http(r) && (r->any_protocol || request->protocol == REQUEST_TLS));
}

struct verdict policy_decide(const struct policy *p, const struct request *request)
{
	struct verdict v = { .allowed = false };

	for (const struct rule *r = p->rules; r < p->rules + p->count; r++) {
		if (!matches_request(r, request))
			continue;
		if (r->deny)
			return (struct verdict){ .rule = r };
		if (!v.rule)
			v.rule = r;
		v.private_too |= r->private_too;
	}
	v.allowed = v.rule != NULL;
	return v;
}

bool policy_allows_name(const struct policy *p, struct span name)
{
	return policy_allows_port(p, name, 0);
}

bool policy_allows_port(const struct policy *p, struct span name, uint16_t port)
{
	bool allowed = false;

	for (const struct rule *r = p->rules; r < p->rules + p->count; r++) {
		if (!matches_name(r, name))
			continue;
		if (!r->deny)
			allowed = allowed || port == 0 || matches_port(r, port);
		else if (!needs_http(r) && matches_port(r, port))
			return false;
	}
	return allowed;
}

static const struct rule *rule_of_address(const struct policy *p, const struct address *a,
					  uint16_t port, bool deny)
{
	struct prefix host = { .address = *a };

	/* The kernel takes ::ffff:10.0.0.1 for 10.0.0.1, so it must not be the way around a rule. */
	if (a->family == AF_INET6 &&
	    memcmp(a->bytes, address_mapped, sizeof(address_mapped)) == 0) {
		host.address.family = AF_INET;
		memcpy(host.address.bytes, a->bytes + sizeof(address_mapped), 4);
	}
	host.length = (uint8_t)(8 * address_size(host.address.family));
	for (const struct rule *r = p->rules; r < p->rules + p->count; r++)
		if (r->deny == deny && r->protocol == IPPROTO_TCP && matches_port(r, port) &&
		    prefix_overlaps(&r->cidr, &host))
			return r;
	return NULL;
}

const struct rule *policy_denies_address(const struct policy *p, const struct address *a,
					 uint16_t port)
{
	return rule_of_address(p, a, port, true);
}

const struct rule *policy_allows_address(const struct policy *p, const struct address *a,
					 uint16_t port)
{
	return policy_denies_address(p, a, port) ? NULL : rule_of_address(p, a, port, false);
}

const char *rule_warning(const struct rule *r)
{
	if (r->cidr.address.family)
		return r->deny && !r->protocol_given ?
			       "It denies TCP alone: proto=udp and proto=icmp take rules of their own" :
			       NULL;
	if (r->port_count == 1 && r->ports[0].first == 53 && r->ports[0].last == 53)
		return "Port 53 is the jail's own DNS, wherever it is sent";
	return needs_http(r) && matches_port(r, 443) ?
		       "Only plain HTTP shows method= and path=: HTTPS to this name takes a rule without "
		       "them, and a deny rule denies all of it" :
		       NULL;
}

void policy_suggest(struct text *t, const struct request *r)
{
	text_printf(t, "domain=");
	text_escaped(t, r->name.at, r->name.length);
	if (r->protocol == REQUEST_TCP)
		text_printf(t, " port=%u", r->port);
}
