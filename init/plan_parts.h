/* SPDX-License-Identifier: MIT */
/* What init/plan.c puts together. Pure: no I/O, no allocation, no globals; 0, or -1 with `f` filled. */
#ifndef INIT_PLAN_PARTS_H
#define INIT_PLAN_PARTS_H

#include "init/plan.h"

#define STAGE "plan"
#define PLAN_NARROW \
	"Narrow the routes of the container or the rules, so that a private subnet is left"

int plan_identity(struct plan *p, const struct facts *facts, const struct account *account,
		  struct failure *f);

/* Needs the identity. */
int plan_id_maps(struct plan *p, bool any_ids, const struct facts *facts, struct failure *f);

/* Needs the wire. */
int plan_names(struct plan *p, const struct options *o, const struct facts *facts,
	       struct failure *f);

/* Whether these addresses are in use neither in the container nor where a rule leads. */
bool plan_may_take(const struct prefix *p, const struct facts *facts, const struct policy *rules);

#endif
