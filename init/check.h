/* SPDX-License-Identifier: MIT */
/*
 * --check: what this container is, which jails are possible in it, and what each of the others lacks.
 *
 * The answers come from the code that a start runs: preflight, the plan, and the jail as far as it stands in
 * namespaces of its own, which is made, verified and removed. Nothing stays.
 */
#ifndef INIT_CHECK_H
#define INIT_CHECK_H

#include <sys/utsname.h>

#include "init/choice.h"
#include "init/plan.h"
#include "init/preflight.h"
#include "sys/signals.h"

enum check_row {
	CHECK_AUTO,
	CHECK_VETH,
	CHECK_VETH_NO_USERNS,
	CHECK_LOOPBACK,
	CHECK_CONTAINER,
	CHECK_NONE,
	CHECK_ROWS,
};

struct check {
	/* Given: what a start works with. */
	struct options *options; /* are what they were when it is done */
	const struct signals_inherited *signals;
	struct outside *outside;
	struct facts *facts; /* filled as far as preflight comes */
	struct plan *plan; /* zero */
	struct choice *choice;
	int (*next_plan)(struct failure *f); /* makes the plan, by all of these */

	/* Found. An empty text is not known, a negative number neither; texts are printable. */
	struct utsname system;
	char label[128], max_user_namespaces[12];
	char runtime[40]; /* a comma before each sign */
	int no_new_privs, seccomp;
	long landlock; /* negative: none */
	struct failure clone; /* why not; stage NULL: it makes namespaces that a jail can use */
	struct failure refused[CHECK_ROWS]; /* why not; stage NULL: a start gets this jail */
	enum jail_mode taken; /* by auto, if that is possible */
	bool possible; /* a start with these very options gets its jail */
};

/* What each row asks for. */
struct check_kind {
	enum jail_mode mode;
	bool no_userns; /* besides what the options say */
	const char *needs;
};

extern const struct check_kind check_kinds[CHECK_ROWS];

/* Fills what is to be found. */
void check_run(struct check *c, char **envp);

/* All of it, as a table or as one object of JSON. */
void check_print(const struct check *c, enum check_format format, struct text *t);

#endif
