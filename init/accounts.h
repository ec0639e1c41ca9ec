/* SPDX-License-Identifier: MIT */
/*
 * Users and groups as passwd(5) and group(5) list them. Pure: no I/O, no allocation, no globals;
 * what comes back points into the text of the files.
 */
#ifndef INIT_ACCOUNTS_H
#define INIT_ACCOUNTS_H

#include <stdint.h>

#include "sys/cursor.h"
#include "sys/failure.h"

#define ACCOUNT_GROUPS 256

/* Who the agent shall be. */
struct account {
	uint32_t uid, gid;
	unsigned int group_count;
	struct span home; /* length 0 if /etc/passwd does not say */
	uint32_t groups[ACCOUNT_GROUPS]; /* supplementary ones */
};

/*
 * Resolves NAME|UID[:GROUP|GID] the way that `docker run --user` does: a number needs no entry,
 * gid 0 where neither the request nor /etc/passwd says one. Supplementary groups are the primary
 * one and, unless a group was asked for, those of /etc/group. Missing files are empty texts. 0, or
 * -1 with `f` filled.
 */
int account_find(struct span wanted, struct span passwd, struct span group, struct account *a,
		 struct failure *f);

#endif
