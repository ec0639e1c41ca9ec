/* SPDX-License-Identifier: MIT */
/* URLs. What is split off lies inside; a request that is made of one has a name that a rule can hold. */
#include "tests/fuzz/guard.h"

#include "init/url.h"

static struct policy policy; /* too large for a stack */

static bool is_inside(struct span part, struct span text)
{
	return part.length == 0 ||
	       (part.at >= text.at && part.at + part.length <= text.at + text.length);
}

static bool split(struct span text)
{
	struct url u;

	if (!url_split(text, &u))
		return false;
	HOLDS(is_inside(u.scheme, text) && is_inside(u.host, text) && is_inside(u.path, text));
	HOLDS(u.host.length > 0);
	HOLDS(u.path.length == 0 || u.path.at[0] == '/');
	HOLDS(!span_has(u.path, '?') && !span_has(u.path, '#'));
	return true;
}

/* The rule that is suggested for it allows it. */
static void check_request(struct request *r)
{
	char buffer[300];
	struct text rule = TEXT_OVER(buffer);
	struct failure failure;

	HOLDS(r->name.length > 0 && r->name.length <= 253 && r->port > 0);
	for (size_t i = 0; i < r->name.length; i++)
		HOLDS(r->name.at[i] < 'A' || r->name.at[i] > 'Z');
	HOLDS(r->name.at[r->name.length - 1] != '.');
	HOLDS(r->path.at[0] == '/');
	r->method = span_of("GET");
	policy.count = 0;
	policy_suggest(&rule, r);
	HOLDS(policy_add(&policy, span_of(buffer), false, &failure) == 0);
	HOLDS(policy_decide(&policy, r).allowed);
}

static int check(struct span text)
{
	char buffer[254];
	struct text host = TEXT_OVER(buffer);
	struct request request;
	struct failure failure;
	bool good = split(text);
	int status;

	forget_failure(&failure);
	status = url_parse(text, &request, &host, &failure);
	HOLDS(good || status < 0);
	if (status == 0)
		check_request(&request);
	else
		check_failure(&failure);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy_exactly(data, size);
	int status = check((struct span){ bytes, size });

	HOLDS(check((struct span){ guard_behind(data, size), size }) == status);
	HOLDS(check((struct span){ guard_before(data, size), size }) == status);
	free(bytes);
	return 0;
}
