/* SPDX-License-Identifier: MIT */
#include "sys/caps.h"
#include "sys/process.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/securebits.h>

#define CAP_SETS 64 /* numbers that fit the system call; the kernel knows fewer */

static struct __user_cap_header_struct self_header(void)
{
	return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

int caps_read(struct caps *c)
{
	struct __user_cap_header_struct header = self_header();
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, d) < 0)
		return -errno;
	*c = (struct caps){
		.effective = d[0].effective | (uint64_t)d[1].effective << 32,
		.permitted = d[0].permitted | (uint64_t)d[1].permitted << 32,
		.inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32,
	};
	for (unsigned int cap = 0; cap < CAP_SETS; cap++) {
		int bounded = process_control(PR_CAPBSET_READ, cap, 0);

		if (bounded < 0)
			break; /* past the last one that this kernel knows */
		if (bounded)
			c->bounding |= CAP_BIT(cap);
		/* Nothing is ambient that is not inheritable: spare the question. */
		if (c->inheritable & CAP_BIT(cap) &&
		    process_control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap) == 1)
			c->ambient |= CAP_BIT(cap);
	}
	return 0;
}

int caps_drop_bounding(uint64_t drop)
{
	for (unsigned int cap = 0; cap < CAP_SETS; cap++)
		if (drop & CAP_BIT(cap) && process_control(PR_CAPBSET_DROP, cap, 0) < 0)
			return -errno;
	return 0;
}

static int caps_write(uint64_t keep, uint64_t inheritable)
{
	struct __user_cap_header_struct header = self_header();
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

	for (unsigned int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		d[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(keep >> 32 * i),
			.permitted = (uint32_t)(keep >> 32 * i),
			.inheritable = (uint32_t)(inheritable >> 32 * i),
		};
	return syscall(SYS_capset, &header, d) < 0 ? -errno : 0;
}

int caps_drop(uint64_t keep)
{
	if (process_control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0) < 0)
		return -errno;
	return caps_write(keep, 0);
}

int caps_drop_and_pass_on(uint64_t keep)
{
	int error;

	if (process_control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0) < 0)
		return -errno;
	error = caps_write(keep, keep);
	for (unsigned int cap = 0; !error && cap < CAP_SETS; cap++)
		if (keep & CAP_BIT(cap) &&
		    process_control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap) < 0)
			error = -errno;
	return error;
}

#define LOCKED_BITS                                                                              \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                         \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

int caps_lock_securebits(void)
{
	return process_control(PR_SET_SECUREBITS, LOCKED_BITS, 0) < 0 ? -errno : 0;
}

bool caps_securebits_locked(void)
{
	return process_control(PR_GET_SECUREBITS, 0, 0) == LOCKED_BITS;
}
