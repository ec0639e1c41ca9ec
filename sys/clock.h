/* SPDX-License-Identifier: MIT */
/* Time that only goes forward (clock_gettime(2), CLOCK_MONOTONIC). */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdint.h>

/* In milliseconds. */
int64_t clock_now(void);

#endif
