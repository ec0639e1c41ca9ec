/* SPDX-License-Identifier: MIT */
/* Seccomp profiles. What comes out is what came in, and the rule; it is a profile that has the rule. */
#include "tests/fuzz/guard.h"

#include "init/seccomp_profile.h"

enum { RULES_MAX = 512 }; /* bytes that two rules have at most */

/* How many bytes are the same at the beginning of both. */
static size_t common(const char *a, const char *b, size_t length)
{
	size_t n = 0;

	while (n < length && a[n] == b[n])
		n++;
	return n;
}

/* The input is in the output, in one or in two parts. */
static void check_parts(struct span in, const struct text *out)
{
	size_t added = out->length - in.length, before;

	HOLDS(out->length >= in.length && added <= RULES_MAX);
	before = common(in.at, out->at, in.length);
	HOLDS(before == in.length ||
	      memcmp(in.at + before, out->at + before + added, in.length - before) == 0);
	if (added > 0)
		HOLDS(strstr(out->at + before - 1, "1342177280"));
}

static int check(struct span profile)
{
	struct failure failure;
	size_t room = profile.length + RULES_MAX + 1;
	char *first = malloc(room), *second = malloc(room);
	struct text once, twice;
	int status;

	HOLDS(first && second);
	once = text_over(first, room);
	twice = text_over(second, room);
	forget_failure(&failure);
	status = seccomp_profile_add_rule(profile, &once, &failure);
	if (status == 0) {
		check_parts(profile, &once);
		HOLDS(seccomp_profile_add_rule((struct span){ once.at, once.length }, &twice,
					       &failure) == 0);
		HOLDS(once.length == twice.length && memcmp(once.at, twice.at, once.length) == 0);
	} else {
		HOLDS(status == -1);
		check_failure(&failure);
	}
	free(first);
	free(second);
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
