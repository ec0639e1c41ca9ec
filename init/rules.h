/* SPDX-License-Identifier: MIT */
/* The two rulesets of a plan: the jail's own, and the wall on the container's side of the wire. */
#ifndef INIT_RULES_H
#define INIT_RULES_H

#include "init/plan.h"

/* Needs all else of the plan; replaces what was built before. 0, or -1 with `f` filled. */
int rules_build(struct plan *p, const struct options *o, struct failure *f);

#endif
