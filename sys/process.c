/* SPDX-License-Identifier: MIT */
#include "sys/process.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int process_control(int option, unsigned long a, unsigned long b)
{
	long result = syscall(SYS_prctl, option, a, b, 0, 0);

	return result < 0 ? -errno : (int)result;
}
