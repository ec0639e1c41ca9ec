/* SPDX-License-Identifier: MIT */
/* Finds out what this container is and may do. Changes nothing but what dies with this process. */
#ifndef INIT_PREFLIGHT_H
#define INIT_PREFLIGHT_H

#include "init/plan.h"

/* Sockets in the container's network namespace, open until the end. */
struct outside {
	int route; /* NETLINK_ROUTE */
	int filter; /* NETLINK_NETFILTER */
	int lock; /* holds our instance number */
	int forwarding; /* tells others that we need it; -1 if we do not */
	unsigned int instance;
};

/* 0, or -1 with `f` filled. For --jail=none the network is left alone. */
int preflight(enum jail_mode mode, struct facts *facts, struct outside *outside, struct failure *f);

/* Says to the other jails in the container's network namespace that this one needs forwarding. */
int preflight_need_forwarding(struct outside *outside);

/* ... that the container itself is this jail. */
int preflight_take_container(struct outside *outside);

/*
 * This jail needs it no more; does another one? Of two that end together at least one sees that the
 * other does not.
 */
bool preflight_forwarding_needed(struct outside *outside);

/* The account of --user, by the files of the image; they stay mapped, since `a` points into them. */
int preflight_account(struct span user, struct account *a, struct failure *f);

#endif
