/* SPDX-License-Identifier: MIT */
/*
 * The policy in use and the one to come, in memory that the gate shares and cannot write to; and the file
 * of --policy, which is read again when it changes.
 */
#ifndef INIT_POLICIES_H
#define INIT_POLICIES_H

#include <stdbool.h>
#include <stdint.h>

#include "init/accounts.h"
#include "init/policy.h"
#include "sys/failure.h"

#define POLICY_TEXT ((size_t)256 * 1024) /* bytes of a file */

struct policies {
	struct policy_place {
		struct policy policy;
		char text[POLICY_TEXT];
	} * places; /* two */
	uint8_t used;
	unsigned int given; /* rules by options; those of the file stand behind them */
	const char *path; /* NULL: no file */
	char shown[120]; /* ... as it is shown to people */
	int directory; /* where it lies, as it was at the start */
	int changes; /* inotify(7); -1: it is not watched */
	bool agent_has_caps; /* to write where others may not, for all we know */
};

/* Room for both. 0, or -1 with `f` filled. */
int policies_open(struct policies *p, struct failure *f);

/* Adds the rules of a file to those by options that stand in the first place. */
int policies_read(struct policies *p, const char *path, struct failure *f);

/*
 * Watches the file from now on, unless the agent could change it: then it would make its own rules, so 1 is
 * returned, and no change is taken over.
 */
int policies_watch(struct policies *p, const struct account *agent, struct failure *f);

/*
 * Something has happened around the file: reads it into the place that is not used. 1: there it is; 0: it is
 * as it was; -1 with `f` filled: it stays as it was.
 */
int policies_reread(struct policies *p, const struct account *agent, struct failure *f);

#endif
