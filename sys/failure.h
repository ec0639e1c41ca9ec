/* SPDX-License-Identifier: MIT */
/*
 * What went wrong, for a person. Pure: no I/O, no allocation, no globals.
 *
 * Printed in one place (init/report.c) as `boundary-init: stage: object: cause. remedy`.
 */
#ifndef SYS_FAILURE_H
#define SYS_FAILURE_H

struct failure {
	const char *stage; /* the part of the start that failed: "options", "jail", ... */
	char what[640]; /* "object: cause", without a full stop */
	const char
		*remedy; /* what to do about it, one sentence; NULL when there is nothing to say */
};

/* Fills `f` and returns -1, so that a parser can `return fail(...)`. */
int fail(struct failure *f, const char *stage, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
