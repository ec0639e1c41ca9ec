/* SPDX-License-Identifier: MIT */
/* The one place that speaks to a person on standard error. */
#ifndef INIT_REPORT_H
#define INIT_REPORT_H

#include "sys/failure.h"

/* Exit codes that are not the agent's own, as in POSIX shells and Docker. */
#define EXIT_OWN_FAILURE 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNALLED 128 /* + number of the signal */

/* Writes `boundary-init: stage: object: cause. remedy`, one line. */
void report(const struct failure *f);

/*
 * What the kernel refused, in words: `error` is -errno, `doing` chooses the cause and the remedy
 * where the number alone says too little. Returns -1.
 */
enum doing {
	DOING_ANYTHING,
	DOING_CLONE_USERNS = 1,
	DOING_CLONE_NETNS = 2,
	DOING_NAMESPACES = DOING_CLONE_USERNS | DOING_CLONE_NETNS,
	DOING_ID_MAP = 4,
	DOING_NETLINK = 8,
	DOING_LINK = 16,
	DOING_RULES = 32,
	DOING_NETWORK = DOING_LINK | DOING_RULES,
	DOING_FORWARDING = 64,
	DOING_CONFINE = 128,
};

int fail_errno(struct failure *f, const char *stage, enum doing doing, const char *object,
	       int error);

/* As fail_errno, with the kernel's own words behind the cause, if it had any. */
int fail_kernel(struct failure *f, const char *stage, enum doing doing, const char *object,
		int error, const char *words);

#endif
