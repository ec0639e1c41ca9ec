/* SPDX-License-Identifier: MIT */
/*
 * A resolver on the container's own loopback, as Docker's at 127.0.0.11, asks further servers from the same
 * network namespace. Where the rules are for all of that, its questions are led to the gate like the agent's,
 * so the gate has to ask the further servers itself. Nobody says which they are.
 */
#ifndef INIT_LOCAL_RESOLVER_H
#define INIT_LOCAL_RESOLVER_H

#include <stdint.h>

#include "init/resolv.h"

/*
 * Adds the servers behind the first local one, if there is one, by asking it for a name that nobody has: who it
 * turns to arrives at `listener`, to where the rules lead DNS by TCP. To be done before the agent runs, which
 * could pretend to be asked. `mark`: of the question's socket. Takes half a second if it asks nobody here.
 */
void local_resolver_learn(struct resolv *r, int listener, uint32_t mark);

#endif
