/* SPDX-License-Identifier: MIT */
#include "sys/clock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t clock_now(void)
{
	struct timespec t;

	/* Not by libc, whose faster way by the vDSO is a kilobyte. */
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
