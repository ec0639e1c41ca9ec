/* SPDX-License-Identifier: MIT */
/* The two rulesets of a plan: the jail's own, and the wall on the container's side of the wire. */
#ifndef INIT_RULES_H
#define INIT_RULES_H

#include "init/plan.h"

/* Needs the plan's wire and forwarding. 0, or -1 with `f` filled. */
int rules_build(struct plan *p, const struct options *o, const struct facts *facts,
		struct failure *f);

#endif
