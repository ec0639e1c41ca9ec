/* SPDX-License-Identifier: MIT */
/* Carries the plan out: makes the jail, proves that it is what was planned, removes it. */
#ifndef INIT_JAIL_H
#define INIT_JAIL_H

#include "init/agent.h"
#include "init/plan.h"
#include "init/preflight.h"

struct jail {
	const struct plan *plan;
	struct outside *outside;
	struct inside inside;
	struct agent agent; /* waits inside, until it is released */
	unsigned int made; /* steps that were begun and have to be undone */
};

/*
 * Makes and verifies every part, the waiting agent included. 0; or -1 with `f` filled, and whatever
 * was made is gone again.
 */
int jail_make(struct jail *j, const struct plan *p, struct outside *outside,
	      const struct signals_inherited *signals, struct failure *f);

/* Ends the agent's process before it was released, and removes the jail. */
void jail_abandon(struct jail *j);

/* Removes what was made in the container's network namespace. */
void jail_remove(struct jail *j);

#endif
