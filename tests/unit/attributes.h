/* SPDX-License-Identifier: MIT */
/* Netlink attributes read back with libmnl alone, to check what our code has built. */
#ifndef TESTS_UNIT_ATTRIBUTES_H
#define TESTS_UNIT_ATTRIBUTES_H

#include "tests/unit/test.h"

#include <libmnl/libmnl.h>

/* The attribute of this type among those from `at` to `end`. The test fails if there are two. */
static inline const struct nlattr *attribute_among(const void *at, const void *end, uint16_t type)
{
	const struct nlattr *a = at, *found = NULL;

	for (; mnl_attr_ok(a, (int)((const char *)end - (const char *)a)); a = mnl_attr_next(a)) {
		if (mnl_attr_get_type(a) != type)
			continue;
		assert_null(found);
		found = a;
	}
	assert_ptr_equal(a, end); /* nothing is left over */
	return found;
}

/* ... of a message, behind a header of this size. */
static inline const struct nlattr *attribute_of(const struct nlmsghdr *m, size_t header,
						uint16_t type)
{
	return attribute_among(mnl_nlmsg_get_payload_offset(m, header),
			       mnl_nlmsg_get_payload_tail(m), type);
}

/* ... in a nest. */
static inline const struct nlattr *attribute_in(const struct nlattr *nest, uint16_t type)
{
	assert_non_null(nest);
	return attribute_among(mnl_attr_get_payload(nest), (const char *)nest + nest->nla_len,
			       type);
}

static inline void assert_bytes(const struct nlattr *a, const void *bytes, size_t size)
{
	assert_non_null(a);
	assert_int_equal(mnl_attr_get_payload_len(a), size);
	assert_memory_equal(mnl_attr_get_payload(a), bytes, size);
}

static inline void assert_u32(const struct nlattr *a, uint32_t value)
{
	assert_bytes(a, &value, sizeof(value));
}

/* With its NUL. */
static inline void assert_string(const struct nlattr *a, const char *string)
{
	assert_bytes(a, string, strlen(string) + 1);
}

#endif
