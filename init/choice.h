/* SPDX-License-Identifier: MIT */
/*
 * Which mode the jail gets: the one that --jail names and no other, or the best one that is possible. Pure: no
 * I/O, no allocation, no globals.
 */
#ifndef INIT_CHOICE_H
#define INIT_CHOICE_H

#include "init/plan.h"

#define CANDIDATES 4

struct choice {
	struct failure
		refused[CANDIDATES]; /* why not, for those before; stage NULL: not asked for */
	unsigned int
		next; /* the candidate to be planned next; last, where what stays in use begins */
};

/*
 * Plans the next mode for which there is a plan. -1 with `f` filled: there is none, and why; for several, why
 * not for each of them.
 */
int choice_plan(struct choice *c, struct plan *p, const struct options *o,
		const struct facts *facts, const struct account *account, struct failure *f);

/* The last plan could not be carried out. */
void choice_refuse(struct choice *c, const struct failure *why);

/* "container; not veth, loopback: CAUSE": the mode of the plan, and why not a better one. */
void choice_print(const struct choice *c, const struct plan *p, struct text *t);

#endif
