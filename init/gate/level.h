/* SPDX-License-Identifier: MIT */
/* How much of what happens is written to the audit log. */
#ifndef INIT_GATE_LEVEL_H
#define INIT_GATE_LEVEL_H

/* A record is written when its level is at most the one asked for (--log-level). */
enum audit_level {
	AUDIT_ERROR, /* records were lost, a pool is full */
	AUDIT_WARN, /* something was denied */
	AUDIT_INFO, /* something was allowed, a flow has ended, the start */
	AUDIT_DEBUG, /* every answer to a DNS question */
	AUDIT_LEVELS,
};

#endif
