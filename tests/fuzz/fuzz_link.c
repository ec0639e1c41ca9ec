/* SPDX-License-Identifier: MIT */
/* A message about a link, with attributes of any length. The input is all but its first header. */
#include "tests/fuzz/fuzz.h"

#include <linux/rtnetlink.h>

#include "netlink/link.h"

#define DEPTH 4

/* Every attribute lies whole in what holds it, and so do those in it. */
static void walk(const char *at, const char *end, unsigned int depth)
{
	const struct nlattr *a;

	for (a = nl_attribute_at(at, end); a; a = nl_attribute_at(mnl_attr_next(a), end)) {
		const char *behind = (const char *)a + a->nla_len;

		HOLDS((const char *)a >= at && behind <= end);
		if (depth < DEPTH)
			walk(mnl_attr_get_payload(a), behind, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t length = sizeof(struct nlmsghdr) + size;
	struct nlmsghdr *m = malloc(length);
	struct link_state state;
	int error;

	HOLDS(m);
	*m = (struct nlmsghdr){ .nlmsg_len = (uint32_t)length, .nlmsg_type = RTM_NEWLINK };
	if (size > 0)
		memcpy(m + 1, data, size);
	error = link_read(m, &state);
	HOLDS((error == 0) == (size >= sizeof(struct ifinfomsg)));
	if (!error) {
		HOLDS(memchr(state.end.name, '\0', sizeof(state.end.name)));
		walk((const char *)(m + 1) + sizeof(struct ifinfomsg), (const char *)m + length, 0);
	}
	free(m);
	return 0;
}
