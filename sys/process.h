/* SPDX-License-Identifier: MIT */
/* Attributes of the calling process (prctl(2)). */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <sys/prctl.h>

/* prctl(2) with two arguments; what is not needed has to be 0. What it returns, or -errno. */
int process_control(int option, unsigned long a, unsigned long b);

#endif
