/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <linux/capability.h>

#include "sys/cap_names.h"

TEST(every_name_leads_back_to_its_number)
{
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		assert_non_null(cap_name(cap));
		assert_int_equal(cap_by_name(span_of(cap_name(cap))), cap);
	}
}

TEST(there_is_no_name_past_the_last)
{
	assert_null(cap_name(CAP_CHECKPOINT_RESTORE + 1));
	assert_null(cap_name(UINT32_MAX));
}

TEST(names_are_those_of_the_manual)
{
	assert_string_equal(cap_name(CAP_CHOWN), "chown");
	assert_string_equal(cap_name(CAP_NET_ADMIN), "net_admin");
	assert_string_equal(cap_name(CAP_CHECKPOINT_RESTORE), "checkpoint_restore");
}

TEST(takes_any_case_and_the_prefix)
{
	static const char *const names[] = { "net_raw", "NET_RAW", "cap_net_raw", "CAP_NET_RAW",
					     "Cap_Net_Raw" };

	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(cap_by_name(span_of(names[i])), CAP_NET_RAW);
}

TEST(refuses_what_is_no_name)
{
	static const char *const names[] = {
		"",	   "cap_",	"cap",	   "net_ra", "net_raw2", "13", "cap_cap_net_raw",
		"net raw", "cap_net_r", " net_raw"
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (cap_by_name(span_of(names[i])) != -1)
			FAIL("'%s' was taken for a capability", names[i]);
	assert_int_equal(cap_by_name((struct span){ .at = "chown\0x", .length = 7 }), -1);
	assert_int_equal(cap_by_name((struct span){ .at = "chown,kill", .length = 5 }), CAP_CHOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_leads_back_to_its_number),
		cmocka_unit_test(there_is_no_name_past_the_last),
		cmocka_unit_test(names_are_those_of_the_manual),
		cmocka_unit_test(takes_any_case_and_the_prefix),
		cmocka_unit_test(refuses_what_is_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
