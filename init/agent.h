/* SPDX-License-Identifier: MIT */
/* The agent's process: from clone to exec. */
#ifndef INIT_AGENT_H
#define INIT_AGENT_H

#include <sys/types.h>

#include "init/gate/sockets.h"
#include "init/plan.h"
#include "sys/signals.h"

/* What the agent's process hands out of its new network namespace; -1: it is not there. */
struct inside {
	int route; /* NETLINK_ROUTE */
	int filter; /* NETLINK_NETFILTER */
	int events; /* NETLINK_ROUTE, hears of new IPv6 addresses */
	int netns; /* /proc/self/ns/net */
	int gate[GATE_SOCKETS]; /* non-blocking; see enum gate_socket */
};

struct agent {
	pid_t pid;
	int channel; /* to the process, until it is released */
};

/*
 * Clones the process into its namespaces. There it waits, with every signal blocked, until it is
 * released or init dies. 0 or -errno.
 */
int agent_clone(struct agent *a, const struct plan *p, const struct signals_inherited *signals);

/* Waits until it is ready, and takes over what it hands out. 0, or -1 with `f` filled. */
int agent_receive(const struct agent *a, struct inside *inside, struct failure *f);

/* Lets it become the agent: it drops what it must not have and executes the program. 0 or -errno. */
int agent_release(struct agent *a);

/* Ends it before it was released, and waits until it is gone. */
void agent_abandon(struct agent *a);

#endif
