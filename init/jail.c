/* SPDX-License-Identifier: MIT */
/*
 * A table of steps. Each is run, in order; when all have run, each is verified by reading back, for
 * an ACK is not a proof; what outlives the agent is undone in the opposite order, the wire first:
 * rules must never go before it.
 */
#include "init/jail.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "init/jail_parts.h"
#include "sys/fds.h"
#include "sys/process.h"

/* `e` is filled where there is an error. */
int refused(struct failure *f, enum doing doing, const struct nl_error *e, int error)
{
	// cppcheck-suppress uninitvar
	return error ? fail_kernel(f, STAGE, doing, e->object, error, e->text) : 0;
}

/* What reading back says: 1 as planned, 0 not so, or -errno. */
int judge(struct failure *f, enum doing doing, const char *object, int same)
{
	if (same > 0)
		return 0;
	if (same < 0)
		return fail_errno(f, STAGE, doing, object, same);
	return fail(
		f, STAGE,
		"The kernel acknowledges what it does not do, as gVisor does, or something else "
		"changed it",
		"%s: not what was asked for when read back", object);
}

/* ---- id maps ---- */

/* The files of the agent's process, in the order that they have to be written in. */
static const char *const id_files[] = { "setgroups", "uid_map", "gid_map" };

enum { SETGROUPS, UIDS, GIDS, ID_FILES };

#define PROC_PATH 64

static const char *proc_path(char *buffer, const struct jail *j, unsigned int file)
{
	struct text path = text_over(buffer, PROC_PATH);

	text_printf(&path, "/proc/%d/%s", j->agent.pid, id_files[file]);
	return buffer;
}

static const struct id_map *id_map(const struct jail *j, unsigned int file)
{
	return file == UIDS ? &j->plan->uids : &j->plan->gids;
}

static int make_id_maps(struct jail *j, struct failure *f)
{
	char path[PROC_PATH];
	int error = 0;

	for (unsigned int i = j->plan->deny_setgroups ? SETGROUPS : UIDS; !error && i < ID_FILES;
	     i++) {
		if (i != SETGROUPS && id_map(j, i)->count == 0)
			continue; /* no user namespace, or nothing that can be mapped */
		proc_path(path, j, i);
		error = i == SETGROUPS ? file_write(path, "deny", 4) :
					 idmap_write(path, id_map(j, i));
		if (error)
			return fail_errno(f, STAGE, DOING_ID_MAP, id_files[i], error);
	}
	return 0;
}

static int check_id_maps(struct jail *j, struct failure *f)
{
	struct id_map held;
	char path[PROC_PATH];
	int result = 0;

	for (unsigned int i = UIDS; !result && j->plan->clone_flags & CLONE_NEWUSER && i < ID_FILES;
	     i++) {
		int error = idmap_read(proc_path(path, j, i), &held);

		result = judge(f, DOING_ID_MAP, id_files[i],
			       error ? error : idmap_equal(&held, id_map(j, i)));
	}
	return result;
}

/* ---- rules: before the wire, so that nothing ever passes it without them ---- */

static int write_rules(int fd, const struct nft_ruleset *set, bool present, struct failure *f)
{
	struct nl_error e;

	return refused(f, DOING_RULES, &e, nft_write(fd, set, present, &e));
}

static int check_rules(int fd, const struct nft_ruleset *set, const char *where, struct failure *f)
{
	return judge(f, DOING_RULES, where, nft_check(fd, set));
}

static int make_outer_rules(struct jail *j, struct failure *f)
{
	return write_rules(j->outside->filter, &j->plan->outer, j->plan->leftover_table, f);
}

static int check_outer_rules(struct jail *j, struct failure *f)
{
	return check_rules(j->outside->filter, &j->plan->outer, "rules in the container", f);
}

static void remove_outer_rules(struct jail *j)
{
	struct nl_error e;

	nft_delete(j->outside->filter, j->plan->outer.table, &e);
}

static int make_inner_rules(struct jail *j, struct failure *f)
{
	const struct plan *p = j->plan;

	return write_rules(j->inside.filter, &p->inner,
			   p->mode == JAIL_CONTAINER && p->leftover_table, f);
}

static int check_inner_rules(struct jail *j, struct failure *f)
{
	return check_rules(j->inside.filter, &j->plan->inner, "rules in the jail", f);
}

static void remove_inner_rules(struct jail *j)
{
	struct nl_error e;

	/* Those of another namespace go with it. */
	if (j->plan->mode == JAIL_CONTAINER)
		nft_delete(j->outside->filter, j->plan->inner.table, &e);
}

/*
 * The wall in the container first, which the agent cannot touch: should it have made its own rules
 * impossible to replace (with --agent-caps it can), a narrower policy holds all the same.
 */
int jail_change_rules(struct jail *j, const struct options *o, struct failure *f)
{
	struct plan *p = j->plan;

	bool wall = p->mode == JAIL_VETH;

	if (plan_change_policy(p, o, f) < 0 ||
	    (wall && write_rules(j->outside->filter, &p->outer, true, f) < 0))
		return -1;
	if ((wall && check_outer_rules(j, f) < 0) ||
	    write_rules(j->inside.filter, &p->inner, true, f) < 0 || check_inner_rules(j, f) < 0)
		return 1;
	return 0;
}

/* ---- the whole ---- */

static const struct step {
	unsigned int modes;
	int (*make)(struct jail *, struct failure *);
	int (*check)(struct jail *, struct failure *);
	void (*undo)(struct jail *); /* NULL: goes with the agent */
} steps[] = {
	{ MODE_VETH | MODE_LOOPBACK, make_id_maps, check_id_maps, NULL },
	{ MODE_VETH, make_outer_rules, check_outer_rules, remove_outer_rules },
	{ MODE_VETH | MODE_LOOPBACK | MODE_CONTAINER, make_inner_rules, check_inner_rules,
	  remove_inner_rules },
	{ MODE_VETH, make_wire, check_wire, remove_wire },
	{ MODE_CONTAINER, make_last_routes, check_last_routes, remove_last_routes },
	{ MODE_LOOPBACK, make_inner_end, check_inner_end, NULL },
	{ MODE_VETH, make_forwarding, check_forwarding, restore_forwarding },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* On trial only what a loopback jail has too, where all of that is in the namespaces of the agent's process. */
static bool has_step(const struct jail *j, unsigned int step)
{
	unsigned int modes = steps[step].modes;

	return modes >> j->plan->mode & 1 &&
	       (!j->trial || (j->plan->clone_flags && modes & MODE_LOOPBACK));
}

static int start_agent(struct jail *j, const struct signals_inherited *signals, struct failure *f)
{
	enum doing doing = DOING_CLONE_NETNS;
	int error;

	/* After an exec with file capabilities /proc/PID would belong to root, its uid_map included. */
	process_control(PR_SET_DUMPABLE, 1, 0);
	error = agent_clone(&j->agent, j->plan, signals);
	if (j->plan->clone_flags & CLONE_NEWUSER)
		doing = DOING_CLONE_USERNS;
	if (error == -EPERM && doing == DOING_CLONE_USERNS &&
	    !namespaces_clone_is_filtered(j->plan->clone_flags))
		return fail(
			f, STAGE,
			"Leave the chroot, set kernel.unprivileged_userns_clone=1 on the host, or start "
			"with --jail=container and --cap-add NET_ADMIN",
			"namespaces: the kernel does not permit user namespaces here");
	if (error)
		return fail_errno(f, STAGE, doing,
				  j->plan->clone_flags ? "namespaces" : "agent's process", error);
	/* That it is in namespaces of its own is proved by the wire, whose ends are in two of them. */
	if (agent_receive(&j->agent, &j->inside, f) == 0)
		return 0;
	agent_abandon(&j->agent);
	return -1;
}

static void forget_logs(struct plan *p)
{
	p->logs = false;
	for (unsigned int i = 0; i < p->inner.rule_count; i++)
		p->inner.rules[i].log_group = 0;
}

static int make(struct jail *j, const struct signals_inherited *signals, struct failure *f)
{
	int failed = start_agent(j, signals, f);

	if (failed)
		return -1;
	if (j->inside.gate[GATE_PACKETS] < 0)
		forget_logs(j->plan);
	for (; !failed && j->made < STEPS; j->made++)
		if (has_step(j, j->made))
			failed = steps[j->made].make(j, f);
	for (unsigned int i = 0; !failed && i < STEPS; i++)
		if (has_step(j, i))
			failed = steps[i].check(j, f);
	close(j->inside.route);
	close(j->inside.events);
	close(j->inside.netns);
	nl_rest();
	if (failed)
		jail_abandon(j);
	return failed;
}

int jail_make(struct jail *j, struct plan *p, struct outside *outside,
	      const struct signals_inherited *signals, struct failure *f)
{
	*j = (struct jail){ .plan = p, .outside = outside };
	return make(j, signals, f);
}

/* What is not there cannot be removed; but who may write no rules in the container is told so before. */
static int may_write_rules(const struct jail *j, struct failure *f)
{
	struct nl_error e;
	int error = nft_delete(j->outside->filter, "boundary_init", &e);

	return error == -ENOENT ? 0 : refused(f, DOING_RULES, &e, error);
}

int jail_try(struct plan *p, struct outside *outside, const struct signals_inherited *signals,
	     struct failure *f)
{
	struct jail j = { .plan = p, .outside = outside, .trial = true };
	struct link_state lo;
	int failed;

	/* The agent's process brings up the loopback, and this one is the container's. */
	if (p->mode == JAIL_CONTAINER &&
	    (link_get(outside->route, LINK_LOOPBACK, &lo) < 0 || !lo.up))
		return may_write_rules(&j, f);
	failed = make(&j, signals, f);
	if (failed)
		return -1;
	if (p->mode == JAIL_VETH)
		failed = may_write_rules(&j, f);
	close(j.inside.filter);
	for (unsigned int i = 0; i < GATE_SOCKETS; i++)
		close(j.inside.gate[i]);
	jail_abandon(&j);
	return failed;
}

void jail_abandon(struct jail *j)
{
	agent_abandon(&j->agent);
	jail_remove(j);
}

void jail_remove(struct jail *j)
{
	while (j->made > 0) {
		const struct step *step = &steps[--j->made];

		if (has_step(j, j->made) && step->undo)
			step->undo(j);
	}
}
