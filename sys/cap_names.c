/* SPDX-License-Identifier: MIT */
#include "sys/cap_names.h"

#include <string.h>

/* In the order of their numbers; without pointers, which are as large as the names. */
static const char names[] = "chown\0"
			    "dac_override\0"
			    "dac_read_search\0"
			    "fowner\0"
			    "fsetid\0"
			    "kill\0"
			    "setgid\0"
			    "setuid\0"
			    "setpcap\0"
			    "linux_immutable\0"
			    "net_bind_service\0"
			    "net_broadcast\0"
			    "net_admin\0"
			    "net_raw\0"
			    "ipc_lock\0"
			    "ipc_owner\0"
			    "sys_module\0"
			    "sys_rawio\0"
			    "sys_chroot\0"
			    "sys_ptrace\0"
			    "sys_pacct\0"
			    "sys_admin\0"
			    "sys_boot\0"
			    "sys_nice\0"
			    "sys_resource\0"
			    "sys_time\0"
			    "sys_tty_config\0"
			    "mknod\0"
			    "lease\0"
			    "audit_write\0"
			    "audit_control\0"
			    "setfcap\0"
			    "mac_override\0"
			    "mac_admin\0"
			    "syslog\0"
			    "wake_alarm\0"
			    "block_suspend\0"
			    "audit_read\0"
			    "perfmon\0"
			    "bpf\0"
			    "checkpoint_restore\0";

int cap_by_name(struct span name)
{
	const struct span prefix = { name.at, 4 };
	const char *known;

	if (name.length > prefix.length && spans_alike(prefix, span_of("cap_"))) {
		name.at += prefix.length;
		name.length -= prefix.length;
	}
	for (unsigned int cap = 0; (known = cap_name(cap)); cap++)
		if (spans_alike(name, span_of(known)))
			return (int)cap;
	return -1;
}

const char *cap_name(unsigned int cap)
{
	const char *name = names;

	for (; cap > 0 && *name; cap--)
		name += strlen(name) + 1;
	return *name ? name : NULL;
}

void cap_names_print(struct text *t, uint64_t caps)
{
	const char *separator = "";

	for (unsigned int cap = 0; cap_name(cap); cap++) {
		if (!(caps >> cap & 1))
			continue;
		text_printf(t, "%s%s", separator, cap_name(cap));
		separator = ",";
	}
}
