/* SPDX-License-Identifier: MIT */
/* Finding and executing the agent's program. */
#ifndef INIT_EXEC_H
#define INIT_EXEC_H

#include "init/plan.h"

/*
 * Executes the plan's program with the current environment, looked up in its PATH as execvp(3)
 * does, but never by a shell. Returns only on failure, which it has reported: with the exit code.
 */
int exec_program(const struct plan *p);

#endif
