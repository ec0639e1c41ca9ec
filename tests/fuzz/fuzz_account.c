/* SPDX-License-Identifier: MIT */
/* --user, by the files of a hostile image: the input is name, passwd, group, a NUL between them. */
#include "tests/fuzz/fuzz.h"

#include "init/accounts.h"

#define LAST_ID (UINT32_MAX - 1)

static struct span take_copy(struct cursor *c, char stop)
{
	struct span s = cursor_take_until(c, stop);

	s.at = copy_exactly(s.at, s.length);
	return s;
}

static struct span take_rest(struct cursor *c)
{
	const size_t length = (size_t)(c->end - c->at);

	return (struct span){ .at = copy_exactly(c->at, length), .length = length };
}

static void check_account(const struct account *a, struct span passwd)
{
	HOLDS(a->uid <= LAST_ID && a->gid <= LAST_ID);
	HOLDS(a->group_count <= ACCOUNT_GROUPS);
	for (unsigned int i = 0; i < a->group_count; i++)
		HOLDS(a->groups[i] <= LAST_ID);
	if (a->home.length > 0) {
		HOLDS(a->home.at >= passwd.at);
		HOLDS(a->home.at + a->home.length <= passwd.at + passwd.length);
		HOLDS(!memchr(a->home.at, '\n', a->home.length));
		HOLDS(!memchr(a->home.at, ':', a->home.length));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over((struct span){ .at = (const char *)data, .length = size });
	struct span wanted = take_copy(&c, '\0'), passwd = take_copy(&c, '\0'),
		    group = take_rest(&c);
	struct account account;
	struct failure failure;

	forget_failure(&failure);
	if (account_find(wanted, passwd, group, &account, &failure) == 0)
		check_account(&account, passwd);
	else
		check_failure(&failure);
	free((void *)(uintptr_t)wanted.at);
	free((void *)(uintptr_t)passwd.at);
	free((void *)(uintptr_t)group.at);
	return 0;
}
