/* SPDX-License-Identifier: MIT */
/* Allow rules. One that parses keeps what policy.h says and, written out again, parses the same. */
#include "tests/fuzz/rule_properties.h"

static void write_rule(struct text *t, const struct rule *r)
{
	text_printf(t, "cidr=");
	prefix_print(t, &r->cidr);
	text_printf(t, " proto=%s",
		    r->protocol == IPPROTO_TCP ? "tcp" :
		    r->protocol == IPPROTO_UDP ? "udp" :
						 "icmp");
	for (unsigned int i = 0; i < r->port_count; i++)
		text_printf(t, "%s%u-%u", i > 0 ? "," : " port=", r->ports[i].first,
			    r->ports[i].last);
}

static void check_again(const struct rule *r)
{
	char buffer[512];
	struct text t = TEXT_OVER(buffer);
	struct failure failure;
	struct rule again;

	write_rule(&t, r);
	HOLDS(!t.cut);
	HOLDS(rule_parse((struct span){ .at = t.at, .length = t.length }, &again, &failure) == 0);
	HOLDS(memcmp(&again.cidr, &r->cidr, sizeof(r->cidr)) == 0);
	HOLDS(again.protocol == r->protocol && again.port_count == r->port_count);
	HOLDS(memcmp(again.ports, r->ports, r->port_count * sizeof(r->ports[0])) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy_exactly(data, size);
	const struct span text = { .at = bytes, .length = size };
	struct failure failure;
	struct rule rule;

	forget_failure(&failure);
	if (rule_parse(text, &rule, &failure) == 0) {
		HOLDS(rule.text.at == bytes && rule.text.length == size);
		check_rule(&rule);
		check_again(&rule);
	} else {
		check_failure(&failure);
		HOLDS(strstr(failure.what, "', column "));
		HOLDS(failure.remedy);
	}
	free(bytes);
	return 0;
}
