/* SPDX-License-Identifier: MIT */
#include "sys/cap_names.h"

#include <assert.h>

#include <linux/capability.h>

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

#define NAMES (sizeof(names) / sizeof(names[0]))

static_assert(NAMES == CAP_CHECKPOINT_RESTORE + 1, "every capability has a name");

/* Takes a lower-case text, written in any case. */
static bool take_text(struct cursor *c, const char *text)
{
	struct cursor ahead = *c;

	for (; *text; text++)
		if (!cursor_take_char(&ahead, *text) &&
		    (*text == '_' || !cursor_take_char(&ahead, (char)(*text - 'a' + 'A'))))
			return false;
	*c = ahead;
	return true;
}

int cap_by_name(struct span name)
{
	struct cursor rest = cursor_over(name);

	take_text(&rest, "cap_");
	for (unsigned int cap = 0; cap < NAMES; cap++) {
		struct cursor c = rest;

		if (take_text(&c, names[cap]) && cursor_done(&c))
			return (int)cap;
	}
	return -1;
}

const char *cap_name(unsigned int cap)
{
	return cap < NAMES ? names[cap] : NULL;
}
