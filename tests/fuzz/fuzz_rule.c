/* SPDX-License-Identifier: MIT */
/*
 * Rules. One that parses keeps what policy.h says and, written out again, parses the same; wherever it lies
 * in memory, the answer is the same.
 */
#include "tests/fuzz/guard.h"
#include "tests/fuzz/rule_properties.h"

static struct policy policy;

/* One rule by itself. */
static int rule_parse(struct span text, bool deny, struct rule *r, struct failure *f)
{
	int status;

	policy.count = 0;
	status = policy_add(&policy, text, deny, f);
	*r = policy.rules[0];
	policy.count = 0;
	return status;
}

static void write_list(struct text *t, const char *key, struct span list)
{
	if (list.length == 0)
		return;
	text_printf(t, " %s=", key);
	text_bytes(t, list.at, list.length);
}

static void write_rule(struct text *t, const struct rule *r)
{
	if (r->cidr.address.family) {
		text_printf(t, "cidr=");
		prefix_print(t, &r->cidr);
	} else {
		text_printf(t, r->domain.length > 0 ? "\t" : "domain=*");
	}
	if (r->protocol_given)
		text_printf(t, " proto=%s",
			    r->protocol == IPPROTO_TCP ? "tcp" :
			    r->protocol == IPPROTO_UDP ? "udp" :
							 "icmp");
	write_list(t, "path", r->path);
	write_list(t, "method", r->method);
	write_list(t, "domain", r->domain);
	if (r->any_protocol && r->port_count == 0)
		text_printf(t, " port=*");
	for (unsigned int i = 0; i < r->port_count; i++)
		text_printf(t, "%s%u-%u", i > 0 ? "," : "\tport=", r->ports[i].first,
			    r->ports[i].last);
	if (r->private_too)
		text_printf(t, " private=yes");
}

static bool is_same(const struct rule *a, const struct rule *b)
{
	return memcmp(&a->cidr, &b->cidr, sizeof(a->cidr)) == 0 && a->deny == b->deny &&
	       a->private_too == b->private_too && a->any_protocol == b->any_protocol &&
	       a->protocol_given == b->protocol_given && a->protocol == b->protocol &&
	       a->port_count == b->port_count &&
	       memcmp(a->ports, b->ports, a->port_count * sizeof(a->ports[0])) == 0 &&
	       a->domain.length == b->domain.length && a->method.length == b->method.length &&
	       a->path.length == b->path.length;
}

static void check_again(const struct rule *r)
{
	size_t size = r->text.length + 512;
	char *buffer = malloc(size);
	struct text t;
	struct failure failure;
	struct rule again;

	HOLDS(buffer);
	t = text_over(buffer, size);
	write_rule(&t, r);
	HOLDS(!t.cut);
	HOLDS(rule_parse((struct span){ .at = t.at, .length = t.length }, r->deny, &again,
			 &failure) == 0);
	HOLDS(is_same(r, &again));
	free(buffer);
}

/* The same bytes elsewhere: the same rule, or the same refusal. */
static void check_elsewhere(const char *bytes, const struct rule *r, int status,
			    const struct failure *f)
{
	const struct span text = { .at = bytes, .length = r->text.length };
	struct failure failure;
	struct rule again;

	memset(&again, 0xaa, sizeof(again));
	HOLDS(rule_parse(text, r->deny, &again, &failure) == status);
	if (status == 0)
		HOLDS(is_same(r, &again));
	else
		HOLDS(strcmp(failure.what, f->what) == 0 && failure.remedy == f->remedy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy_exactly(data, size);
	const struct span text = { .at = bytes, .length = size };
	bool deny = size % 2;
	struct failure failure;
	struct rule rule;
	int status;

	forget_failure(&failure);
	status = rule_parse(text, deny, &rule, &failure);
	HOLDS(rule.text.at == bytes && rule.text.length == size && rule.deny == deny);
	if (status == 0) {
		check_rule(&rule);
		check_again(&rule);
		rule_warning(&rule);
	} else {
		check_failure(&failure);
		HOLDS(strstr(failure.what, "', column "));
		HOLDS(failure.remedy);
	}
	check_elsewhere(guard_behind(data, size), &rule, status, &failure);
	check_elsewhere(guard_before(data, size), &rule, status, &failure);
	free(bytes);
	return 0;
}
