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
	static const char *const names[] = {
		[CAP_CHOWN] = "chown",
		[CAP_DAC_OVERRIDE] = "dac_override",
		[CAP_DAC_READ_SEARCH] = "dac_read_search",
		[CAP_FOWNER] = "fowner",
		[CAP_FSETID] = "fsetid",
		[CAP_KILL] = "kill",
		[CAP_SETGID] = "setgid",
		[CAP_SETUID] = "setuid",
		[CAP_SETPCAP] = "setpcap",
		[CAP_LINUX_IMMUTABLE] = "linux_immutable",
		[CAP_NET_BIND_SERVICE] = "net_bind_service",
		[CAP_NET_BROADCAST] = "net_broadcast",
		[CAP_NET_ADMIN] = "net_admin",
		[CAP_NET_RAW] = "net_raw",
		[CAP_IPC_LOCK] = "ipc_lock",
		[CAP_IPC_OWNER] = "ipc_owner",
		[CAP_SYS_MODULE] = "sys_module",
		[CAP_SYS_RAWIO] = "sys_rawio",
		[CAP_SYS_CHROOT] = "sys_chroot",
		[CAP_SYS_PTRACE] = "sys_ptrace",
		[CAP_SYS_PACCT] = "sys_pacct",
		[CAP_SYS_ADMIN] = "sys_admin",
		[CAP_SYS_BOOT] = "sys_boot",
		[CAP_SYS_NICE] = "sys_nice",
		[CAP_SYS_RESOURCE] = "sys_resource",
		[CAP_SYS_TIME] = "sys_time",
		[CAP_SYS_TTY_CONFIG] = "sys_tty_config",
		[CAP_MKNOD] = "mknod",
		[CAP_LEASE] = "lease",
		[CAP_AUDIT_WRITE] = "audit_write",
		[CAP_AUDIT_CONTROL] = "audit_control",
		[CAP_SETFCAP] = "setfcap",
		[CAP_MAC_OVERRIDE] = "mac_override",
		[CAP_MAC_ADMIN] = "mac_admin",
		[CAP_SYSLOG] = "syslog",
		[CAP_WAKE_ALARM] = "wake_alarm",
		[CAP_BLOCK_SUSPEND] = "block_suspend",
		[CAP_AUDIT_READ] = "audit_read",
		[CAP_PERFMON] = "perfmon",
		[CAP_BPF] = "bpf",
		[CAP_CHECKPOINT_RESTORE] = "checkpoint_restore",
	};

	for (unsigned int cap = 0; cap < COUNT(names); cap++)
		assert_string_equal(cap_name(cap), names[cap]);
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
