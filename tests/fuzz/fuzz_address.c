/* SPDX-License-Identifier: MIT */
/* Addresses and prefixes: what parses prints in a form that parses to the same. */
#include "tests/fuzz/fuzz.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "sys/address.h"

/* RFC 5952: lower case, no leading zeros, at most one "::". */
static void check_form(const char *s)
{
	const char *gap = strstr(s, "::");

	HOLDS(!gap || !strstr(gap + 1, "::"));
	for (const char *c = s; *c; c++) {
		HOLDS(strchr("0123456789abcdef.:/", *c));
		if (*c == '0' && (c == s || c[-1] == ':'))
			HOLDS(c[1] == ':' || c[1] == '.' || c[1] == '/' || c[1] == '\0');
	}
}

static void check_address(struct span s)
{
	char buffer[INET6_ADDRSTRLEN];
	struct text t = TEXT_OVER(buffer);
	struct address a, again;

	if (!address_parse(s, &a))
		return;
	HOLDS(a.family == AF_INET || a.family == AF_INET6);
	address_print(&t, &a);
	HOLDS(!t.cut);
	check_form(buffer);
	HOLDS(address_parse(span_of(buffer), &again));
	HOLDS(memcmp(&a, &again, sizeof(a)) == 0);
}

static void check_prefix(struct span s)
{
	char buffer[INET6_ADDRSTRLEN + 4];
	struct text t = TEXT_OVER(buffer);
	struct prefix p, again;

	if (!prefix_parse(s, &p))
		return;
	HOLDS(p.length <= 8 * address_size(p.address.family));
	prefix_print(&t, &p);
	HOLDS(!t.cut);
	check_form(buffer);
	HOLDS(prefix_parse(span_of(buffer), &again));
	HOLDS(memcmp(&p, &again, sizeof(p)) == 0);
	prefix_clear_host(&again);
	HOLDS(prefix_clear_host(&again)); /* once is enough */
	HOLDS(prefix_overlaps(&p, &again) && prefix_overlaps(&again, &p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy_exactly(data, size);
	const struct span s = { .at = bytes, .length = size };

	check_address(s);
	check_prefix(s);
	free(bytes);
	return 0;
}
