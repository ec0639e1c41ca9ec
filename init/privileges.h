/* SPDX-License-Identifier: MIT */
/* What init and the agent give up, and the proof that they did. 0, or -1 with `f` filled. */
#ifndef INIT_PRIVILEGES_H
#define INIT_PRIVILEGES_H

#include "init/plan.h"

/* PID 1: only the plan's capabilities, locked, nothing to gain by exec, not readable by others. */
int privileges_drop_init(const struct plan *p, struct failure *f);

/* The gate's process: all but `keep`. */
int privileges_drop_gate(uint64_t keep, struct failure *f);

/* The agent's process, right before exec: its user, its capabilities, its filters. */
int privileges_become_agent(const struct plan *p, struct failure *f);

#endif
