/* SPDX-License-Identifier: MIT */
#include "init/check.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "init/jail.h"
#include "sys/confine.h"
#include "sys/fds.h"
#include "sys/process.h"

/* gVisor is a kernel of its own, which has always called itself this build of Linux. */
#define GVISOR "#1 SMP Sun Jan 10 15:06:54 PST 2016"

/* ---- what this container is ---- */

/* What is printable at the start of a file; empty if there is none. */
static void read_line(const char *path, char *buffer, size_t size)
{
	if (file_read(path, buffer, size) < 0)
		buffer[0] = '\0';
	while (*buffer >= ' ' && *buffer < 0x7f)
		buffer++;
	*buffer = '\0';
}

/* Signs that runtimes leave; several may be there, as in a pod that gVisor runs. */
static void find_runtime(struct check *c, char **envp)
{
	static const struct {
		const char *path, *name;
	} signs[] = {
		{ "/var/run/secrets/kubernetes.io", ",kubernetes" },
		{ "/.dockerenv", ",docker" },
		{ "/run/.containerenv", ",podman" },
	};
	struct text t = TEXT_OVER(c->runtime);
	bool pod = false;

	for (; *envp; envp++)
		pod |= string_after(*envp, "KUBERNETES_SERVICE_HOST=") != NULL;
	for (unsigned int i = 0; i < sizeof(signs) / sizeof(signs[0]); i++, pod = false)
		if (pod || access(signs[i].path, F_OK) == 0)
			text_printf(&t, "%s", signs[i].name);
	if (strcmp(c->system.version, GVISOR) == 0)
		text_printf(&t, ",gvisor");
}

static void look_around(struct check *c, char **envp)
{
	uname(&c->system);
	find_runtime(c, envp);
	read_line("/proc/self/attr/current", c->label, sizeof(c->label));
	read_line("/proc/sys/user/max_user_namespaces", c->max_user_namespaces,
		  sizeof(c->max_user_namespaces));
	c->no_new_privs = process_control(PR_GET_NO_NEW_PRIVS, 0, 0);
	c->seccomp = process_control(PR_GET_SECCOMP, 0, 0);
	c->landlock = confine_landlock_abi();
}

/* ---- which jails are possible ---- */

/*
 * Namespaces, and netlink in them, for a plan of nothing else: what stands in their way is worth knowing
 * whatever a jail lacks besides.
 */
static void try_clone(struct check *c)
{
	c->plan->clone_flags = CLONE_NEWUSER | CLONE_NEWNET;
	jail_try(c->plan, c->outside, c->signals, &c->clone);
}

static enum check_row row_of(enum jail_mode mode, bool no_userns)
{
	enum check_row row = CHECK_AUTO;

	while (check_kinds[row].mode != mode)
		row++;
	return row + (mode == JAIL_VETH && no_userns);
}

/*
 * As a start does it, which takes the next mode where a jail turns out to be impossible. By auto come modes
 * that have been tried by their names.
 */
static void try_row(struct check *c, enum check_row row)
{
	struct failure *f = &c->refused[row];

	*c->choice = (struct choice){ 0 };
	while (c->next_plan(f) == 0) {
		enum jail_mode mode = c->plan->mode;
		const struct failure *why = &c->refused[row_of(mode, c->options->no_userns)];

		f->stage = NULL; /* a mode may have two plans, the first of which was refused */
		if (row != CHECK_AUTO) {
			if (mode != JAIL_NONE)
				jail_try(c->plan, c->outside, c->signals, f);
			return;
		}
		c->taken = mode;
		if (!why->stage)
			return;
		choice_refuse(c->choice, why);
	}
}

void check_run(struct check *c, char **envp)
{
	struct options *o = c->options;
	const bool no_userns = o->no_userns;
	const enum check_row asked = row_of(o->jail, no_userns);
	struct failure f = { 0 };

	look_around(c, envp);
	try_clone(c);
	preflight(JAIL_AUTO, c->facts, c->outside, &f);
	for (unsigned int row = CHECK_ROWS; row-- > 0;) {
		o->jail = check_kinds[row].mode;
		o->no_userns = o->jail == JAIL_VETH ? check_kinds[row].no_userns : no_userns;
		if (f.stage && row != CHECK_NONE)
			c->refused[row] = f;
		else
			try_row(c, row);
	}
	o->jail = check_kinds[asked].mode;
	c->possible = !c->refused[asked].stage;
}
