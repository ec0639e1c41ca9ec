/* SPDX-License-Identifier: MIT */
/*
 * Files of rules, and what they decide. The input is a file's text up to a NUL byte; behind it a request: a
 * byte for the protocol, two for the port, then lines with the method, the name and the path. A second and
 * simpler reading of what a rule means has to decide the same.
 */
#include "tests/fuzz/guard.h"
#include "tests/fuzz/rule_properties.h"

#define PARTS 256

static struct policy policy, other; /* too large for a stack */

/* ---- a second opinion: a text is cut into its parts first, as people think of it */

struct parts {
	struct span at[PARTS];
	size_t count;
};

static bool cut_into_parts(struct span s, char between, struct parts *p)
{
	struct cursor c = cursor_over(s);

	for (p->count = 0; p->count < PARTS; p->count++) {
		p->at[p->count] = cursor_take_until(&c, between);
		if (p->at[p->count].at + p->at[p->count].length == s.at + s.length) {
			p->count++;
			return true;
		}
	}
	return false; /* too long for this */
}

static bool label_is(struct span pattern, struct span label)
{
	return span_is(pattern, "*") || (pattern.length == label.length &&
					 strncasecmp(pattern.at, label.at, label.length) == 0);
}

static bool is_domain(struct span pattern, struct span name)
{
	struct parts wanted, labels;

	if (pattern.at[pattern.length - 1] == '.')
		pattern.length--;
	HOLDS(cut_into_parts(pattern, '.', &wanted) && cut_into_parts(name, '.', &labels));
	if (labels.count < wanted.count ||
	    (labels.count > wanted.count && !span_is(wanted.at[0], "*")))
		return false;
	for (size_t i = 1; i <= wanted.count; i++)
		if (!label_is(wanted.at[wanted.count - i], labels.at[labels.count - i]))
			return false;
	return true;
}

static bool segment_is(struct span pattern, struct span segment)
{
	char *decoded = malloc(pattern.length + 1);
	size_t length = 0;
	bool same;

	HOLDS(decoded);
	for (size_t i = 0; i < pattern.length; i++) {
		unsigned int byte = (unsigned char)pattern.at[i];

		if (byte == '%') {
			char digits[3] = { pattern.at[i + 1], pattern.at[i + 2], '\0' };

			byte = (unsigned int)strtoul(digits, NULL, 16);
			i += 2;
		}
		decoded[length++] = (char)byte;
	}
	same = length == segment.length && memcmp(decoded, segment.at, length) == 0;
	free(decoded);
	return same || span_is(pattern, "*");
}

static bool is_path(struct span pattern, struct span path)
{
	struct parts wanted, segments;
	bool slash = pattern.length > 1 && pattern.at[pattern.length - 1] == '/';

	if (path.length == 0 || path.at[0] != '/')
		return false;
	path = (struct span){ path.at + 1, path.length - 1 };
	if (pattern.at[0] == '/')
		pattern = (struct span){ pattern.at + 1, pattern.length - 1 };
	pattern.length -= slash;
	HOLDS(cut_into_parts(pattern, '/', &wanted) && cut_into_parts(path, '/', &segments));
	if (segments.count < wanted.count)
		return false;
	for (size_t i = 0; i < wanted.count; i++)
		if (!segment_is(wanted.at[i], segments.at[i]))
			return false;
	return segments.count == wanted.count || span_is(wanted.at[wanted.count - 1], "*") ||
	       (slash && segments.count == wanted.count + 1 &&
		segments.at[wanted.count].length == 0);
}

static bool is_any(struct span list, struct span value, bool (*is)(struct span, struct span))
{
	struct cursor c;
	bool found = false;

	if (list.length == 0)
		return true;
	for (c = cursor_over(list); !cursor_done(&c);)
		found = is(cursor_take_until(&c, ','), value) || found;
	return found;
}

static bool has_port(const struct rule *r, uint16_t port)
{
	for (unsigned int i = 0; i < r->port_count; i++)
		if (r->ports[i].first <= port && port <= r->ports[i].last)
			return true;
	return r->port_count == 0;
}

static bool applies(const struct rule *r, const struct request *q)
{
	bool http_only = r->method.length > 0 || r->path.length > 0;

	if (r->cidr.address.family || !is_any(r->domain, q->name, is_domain) ||
	    !has_port(r, q->port))
		return false;
	if (q->protocol == REQUEST_HTTP)
		return is_any(r->method, q->method, spans_equal) &&
		       is_any(r->path, q->path, is_path);
	if (r->deny)
		return true;
	return !http_only && (q->protocol == REQUEST_TLS || r->any_protocol);
}

static void check_decision(const struct policy *p, const struct request *q, const struct verdict *v)
{
	const struct rule *denies = NULL, *allows = NULL;
	bool private_too = false;

	for (unsigned int i = p->count; i-- > 0;) { /* the first of them comes last */
		const struct rule *r = &p->rules[i];

		if (!applies(r, q))
			continue;
		if (r->deny)
			denies = r;
		else
			allows = r;
		private_too = private_too || r->private_too;
	}
	HOLDS(v->rule == (denies ? denies : allows));
	HOLDS(v->allowed == (allows && !denies));
	HOLDS(v->private_too == (v->allowed && private_too));
}

static bool is_in(const struct prefix *p, const struct address *a)
{
	if (p->address.family != a->family)
		return false;
	for (unsigned int i = 0; i < p->length; i++)
		if ((p->address.bytes[i / 8] ^ a->bytes[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

/* No IPv4 address in the form of IPv6: it would be decided as the former. */
static bool is_plain(const struct address *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return a->family == AF_INET || memcmp(a->bytes, mapped, sizeof(mapped)) != 0;
}

static void check_address(const struct policy *p, const struct address *a, uint16_t port)
{
	const struct rule *denies = NULL, *allows = NULL;

	for (unsigned int i = p->count; i-- > 0;) { /* the first of them comes last */
		const struct rule *r = &p->rules[i];

		if (!r->cidr.address.family || r->protocol != IPPROTO_TCP || !is_in(&r->cidr, a) ||
		    !has_port(r, port))
			continue;
		if (r->deny)
			denies = r;
		else
			allows = r;
	}
	HOLDS(policy_denies_address(p, a, port) == denies);
	HOLDS(policy_allows_address(p, a, port) == (denies ? NULL : allows));
}

/* The first address of each rule, the last one, and its neighbour. */
static void check_addresses(const struct policy *p, uint16_t port)
{
	for (unsigned int i = 0; i < p->count && i < 16; i++) {
		const struct prefix *cidr = &p->rules[i].cidr;
		struct address a = cidr->address;

		if (!a.family || !is_plain(&a))
			continue;
		check_address(p, &a, port);
		if (cidr->length > 0) {
			a.bytes[(cidr->length - 1) / 8] ^=
				(uint8_t)(0x80 >> (cidr->length - 1) % 8);
			if (is_plain(&a))
				check_address(p, &a, port);
			a = cidr->address;
		}
		for (unsigned int bit = cidr->length; bit < 8 * address_size(a.family); bit++)
			a.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		if (is_plain(&a))
			check_address(p, &a, port);
	}
}

/* ---- properties of decisions */

static struct verdict decide(const struct policy *p, const struct request *q)
{
	struct verdict v = policy_decide(p, q);

	check_decision(p, q, &v);
	if (v.allowed) {
		HOLDS(policy_allows_name(p, q->name));
		HOLDS(policy_allows_port(p, q->name, q->port));
	}
	if (policy_allows_port(p, q->name, q->port))
		HOLDS(policy_allows_name(p, q->name));
	return v;
}

static void copy_policy(void)
{
	other.count = policy.count;
	memcpy(other.rules, policy.rules, policy.count * sizeof(policy.rules[0]));
}

/* Another allow rule takes nothing away, another deny rule gives nothing, and it wins. */
static void check_another_rule(const struct request *q, bool allowed)
{
	static const char *const rules[] = { "domain=*",  "port=*",	    "method=GET",
					     "path=/a/*", "cidr=0.0.0.0/0", "domain=*.com,a.b" };
	struct failure failure;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		copy_policy();
		HOLDS(policy_add(&other, span_of(rules[i]), false, &failure) == 0);
		HOLDS(!allowed || decide(&other, q).allowed);
		copy_policy();
		HOLDS(policy_add(&other, span_of(rules[i]), true, &failure) == 0);
		HOLDS(allowed || !decide(&other, q).allowed);
	}
	copy_policy();
	HOLDS(policy_add(&other, span_of("domain=*"), true, &failure) == 0);
	HOLDS(!decide(&other, q).allowed);
	HOLDS(!policy_allows_name(&other, q->name));
	HOLDS(!policy_allows_port(&other, q->name, q->port));
}

static bool is_host_name(struct span name)
{
	for (size_t i = 0; i < name.length; i++)
		if (!is_of(name.at[i], ".-_"))
			return false;
	return true;
}

/* What is suggested for a name that a host can have is a rule, and it allows what no rule denies. */
static void check_suggestion(const struct request *q, const struct verdict *v)
{
	char buffer[600];
	struct text t = TEXT_OVER(buffer);
	struct failure failure;

	policy_suggest(&t, q);
	copy_policy();
	if (is_host_name(q->name) &&
	    policy_add(&other, (struct span){ t.at, t.length }, false, &failure) == 0)
		HOLDS(decide(&other, q).allowed || (v->rule && v->rule->deny));
	for (size_t i = 0; i < t.length; i++)
		HOLDS(buffer[i] >= ' ' && buffer[i] < 0x7f);
}

/* As the gate hands names over: in lower case, no label is empty. */
static bool is_canonical(struct span name)
{
	for (size_t i = 0; i < name.length; i++) {
		if (name.at[i] >= 'A' && name.at[i] <= 'Z')
			return false;
		if (name.at[i] == '.' && (i == 0 || i + 1 == name.length || name.at[i - 1] == '.'))
			return false;
	}
	return name.length > 0 && name.length <= 253;
}

static bool read_request(struct cursor *c, struct request *q)
{
	struct parts parts;

	if (c->end - c->at < 3)
		return false;
	q->protocol = (enum request_protocol)((unsigned char)c->at[0] % 3);
	q->port = (uint16_t)((unsigned char)c->at[1] << 8 | (unsigned char)c->at[2]);
	c->at += 3;
	q->method = cursor_take_until(c, '\n');
	q->name = cursor_take_until(c, '\n');
	q->path = cursor_rest(c);
	return q->port > 0 && is_canonical(q->name) && cut_into_parts(q->path, '/', &parts);
}

/* The second opinion has not the room for every path of a rule. */
static bool are_short(const struct policy *p)
{
	struct parts parts;

	for (unsigned int i = 0; i < p->count; i++)
		if (p->rules[i].path.length > 0 && !cut_into_parts(p->rules[i].path, '/', &parts))
			return false;
	return p->count + 1 < POLICY_RULES;
}

/* ---- properties of files */

static int add(struct span text, struct policy *p, struct failure *f)
{
	int status;

	p->count = 0;
	forget_failure(f);
	status = policy_add_file(p, text, "file", f);
	HOLDS(p->count <= POLICY_RULES);
	for (unsigned int i = 0; i < p->count; i++) {
		const struct rule *r = &p->rules[i];

		HOLDS(r->text.at >= text.at);
		HOLDS(r->text.at + r->text.length <= text.at + text.length);
		HOLDS(!span_has(r->text, '\n') && !span_has(r->text, '\0'));
		check_rule(r);
	}
	if (status < 0) {
		check_failure(f);
		HOLDS(strncmp(f->what, "file, line ", 11) == 0 && strstr(f->what, ", column "));
		HOLDS(f->remedy && strcmp(f->stage, "policy") == 0);
	}
	return status;
}

/* Says the same as `policy` and `f` do. */
static void check_same(struct span text, int status, const struct failure *f)
{
	struct failure failure;

	HOLDS(add(text, &other, &failure) == status);
	HOLDS(other.count == policy.count);
	for (unsigned int i = 0; i < other.count; i++) {
		HOLDS(spans_equal(other.rules[i].text, policy.rules[i].text));
		HOLDS(other.rules[i].deny == policy.rules[i].deny);
	}
	HOLDS(status == 0 || (strcmp(failure.what, f->what) == 0 && failure.remedy == f->remedy));
}

/* The line ends of another system, and the missing one of the last line, change nothing. */
static void check_line_ends(struct span text, int status, const struct failure *f)
{
	char *bytes = malloc(2 * text.length + 2);
	size_t length = 0;

	HOLDS(bytes);
	for (size_t i = 0; i < text.length; i++) {
		if (text.at[i] == '\n')
			bytes[length++] = '\r';
		bytes[length++] = text.at[i];
	}
	if (text.length > 0 && text.at[text.length - 1] != '\n')
		bytes[length++] = '\n';
	check_same((struct span){ bytes, length }, status, f);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over((struct span){ .at = (const char *)data, .length = size });
	size_t length = cursor_take_until(&c, '\0').length;
	char *bytes = copy_exactly(data, length);
	const struct span text = { .at = bytes, .length = length };
	struct request request;
	struct failure failure;
	int status = add(text, &policy, &failure);

	check_line_ends(text, status, &failure);
	check_same((struct span){ guard_behind(data, length), length }, status, &failure);
	check_same((struct span){ guard_before(data, length), length }, status, &failure);
	if (size > length) /* the NUL byte and all behind it */
		HOLDS(add((struct span){ (const char *)data, size }, &other, &failure) < 0);
	if (read_request(&c, &request) && are_short(&policy)) {
		struct verdict v = decide(&policy, &request);

		check_addresses(&policy, request.port);
		check_another_rule(&request, v.allowed);
		check_suggestion(&request, &v);
	}
	free(bytes);
	return 0;
}
