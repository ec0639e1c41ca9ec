/* SPDX-License-Identifier: MIT */
/* Carries the plan out: makes the jail, proves that it is what was planned, removes it. */
#ifndef INIT_JAIL_H
#define INIT_JAIL_H

#include "init/agent.h"
#include "init/plan.h"
#include "init/preflight.h"

struct jail {
	struct plan *plan;
	struct outside *outside;
	struct inside inside; /* once it is made: `filter` and the gate's; the others are closed */
	struct agent agent; /* waits inside, until it is released */
	bool trial; /* of it nothing is made in the container's network namespace */
	unsigned int made; /* steps that were begun and have to be undone */
};

/*
 * Makes and verifies every part, the waiting agent included. 0; or -1 with `f` filled, and whatever
 * was made is gone again. Clears the plan's `logs` if this kernel has no NFLOG.
 */
int jail_make(struct jail *j, struct plan *p, struct outside *outside,
	      const struct signals_inherited *signals, struct failure *f);

/*
 * Makes and verifies what a jail has in namespaces of its own, and removes it. In the container's network
 * namespace only sockets for the gate are made, where the jail has no other. 0, or -1 with `f` filled.
 */
int jail_try(struct plan *p, struct outside *outside, const struct signals_inherited *signals,
	     struct failure *f);

/*
 * Replaces the rules by those for the policy in `o`, the rest of which has to be what it was. -1 with
 * `f` filled: nothing was changed. 1 with `f` filled: the wall in the container upholds the new
 * policy, the jail's own rules do not; so what both policies allow is all that passes. 0: both do.
 * Connections that were let through before go on.
 */
int jail_change_rules(struct jail *j, const struct options *o, struct failure *f);

/* Ends the agent's process before it was released, and removes the jail. */
void jail_abandon(struct jail *j);

/* Removes what was made in the container's network namespace. */
void jail_remove(struct jail *j);

#endif
