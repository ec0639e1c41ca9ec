/* SPDX-License-Identifier: MIT */
/* The steps of init/jail.c that are about links, addresses and routes. 0, or -1 with `f` filled. */
#ifndef INIT_JAIL_PARTS_H
#define INIT_JAIL_PARTS_H

#include "init/jail.h"
#include "init/report.h"

#define STAGE "jail"

/* What netlink has refused. `e` is filled where there is an error. */
int refused(struct failure *f, enum doing doing, const struct nl_error *e, int error);

/* What reading back says: 1 as planned, 0 not so, or -errno. */
int judge(struct failure *f, enum doing doing, const char *object, int same);

/* The wire of a veth jail. */
int make_wire(struct jail *j, struct failure *f);
int check_wire(struct jail *j, struct failure *f);
void remove_wire(struct jail *j);

/* Its end in the jail; of a loopback jail, the loopback. */
int make_inner_end(struct jail *j, struct failure *f);
int check_inner_end(struct jail *j, struct failure *f);

/* Where the container is the jail. */
int make_last_routes(struct jail *j, struct failure *f);
int check_last_routes(struct jail *j, struct failure *f);
void remove_last_routes(struct jail *j);

/* Forwarding in the container, where it was off. */
int make_forwarding(struct jail *j, struct failure *f);
int check_forwarding(struct jail *j, struct failure *f);
void restore_forwarding(struct jail *j);

#endif
