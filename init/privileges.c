/* SPDX-License-Identifier: MIT */
#include "init/privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/report.h"
#include "sys/confine.h"
#include "sys/fds.h"
#include "sys/process.h"

#define STAGE "privileges"

/* Without CAP_SETPCAP nobody can take from the bounding set; no_new_privs makes it void then. */
static int drop_bounding(const struct caps *now, uint64_t keep, uint64_t *left)
{
	bool can = now->effective & CAP_BIT(CAP_SETPCAP);

	*left = can ? now->bounding & keep : now->bounding;
	return can ? caps_drop_bounding(now->bounding & ~keep) : 0;
}

static int differs(struct failure *f, const char *object)
{
	return fail(f, STAGE, "Please report it: the kernel or boundary-init is at fault",
		    "%s: not what was asked for when read back", object);
}

static int check(const struct caps *wanted, struct failure *f)
{
	struct caps now;
	int error = caps_read(&now);

	if (error)
		return fail_errno(f, STAGE, DOING_ANYTHING, "reading capabilities back", error);
	/* Numbers and no padding. */
	if (memcmp(&now, wanted, sizeof(now)) != 0)
		return differs(f, "capabilities");
	if (process_control(PR_GET_NO_NEW_PRIVS, 0, 0) != 1)
		return differs(f, "no_new_privs");
	return 0;
}

/* For a process of our own: only these, locked. */
static int drop(uint64_t keep, const char *whose, struct failure *f)
{
	struct caps now, wanted = { .effective = keep, .permitted = keep };
	bool lock;
	int error = caps_read(&now);

	lock = !error && now.effective & CAP_BIT(CAP_SETPCAP);
	if (!error)
		error = drop_bounding(&now, keep, &wanted.bounding);
	if (!error && lock)
		error = caps_lock_securebits();
	if (!error)
		error = caps_drop(keep);
	if (!error)
		error = confine_no_new_privs();
	if (!error && process_control(PR_SET_DUMPABLE, 0, 0) < 0)
		error = -errno;
	if (error)
		return fail_errno(f, STAGE, DOING_CONFINE, whose, error);
	if (lock && !caps_securebits_locked())
		return differs(f, "secure bits");
	return check(&wanted, f);
}

int privileges_drop_init(const struct plan *p, struct failure *f)
{
	return drop(p->init_caps, "dropping those of init", f);
}

int privileges_drop_gate(uint64_t keep, struct failure *f)
{
	return drop(keep, "dropping those of the gate", f);
}

/* Raw calls: libc's would look for threads. They change the ids of this thread, the only one. */
static int become_user(const struct account *a)
{
	if (syscall(SYS_setgroups, (long)a->group_count, a->groups) < 0 ||
	    syscall(SYS_setresgid, a->gid, a->gid, a->gid) < 0 ||
	    syscall(SYS_setresuid, a->uid, a->uid, a->uid) < 0)
		return -errno;
	return 0;
}

extern char **environ;

/* A copy of the environment with this HOME. setenv(3) would bring malloc into the binary. */
static int set_home(struct span home)
{
	static char value[sizeof("HOME=") + 255];
	struct text variable = TEXT_OVER(value);
	size_t count = 0, kept = 0;
	char **copy;

	if (home.length == 0 || home.length > 255)
		home = span_of("/");
	text_printf(&variable, "HOME=%.*s", (int)home.length, home.at);
	while (environ[count])
		count++;
	copy = memory_new((count + 2) * sizeof(*copy), false);
	if (!copy)
		return -errno;
	for (size_t i = 0; i < count; i++)
		if (!string_after(environ[i], "HOME="))
			copy[kept++] = environ[i];
	copy[kept] = value;
	environ = copy;
	return 0;
}

static int change_user(const struct plan *p, struct failure *f)
{
	uid_t real, effective, saved;
	int error = become_user(&p->agent);

	if (!error)
		error = set_home(p->agent.home);
	if (error)
		return fail_errno(f, STAGE, DOING_ANYTHING, "changing to the user of --user",
				  error);
	if (getresuid(&real, &effective, &saved) < 0 || real != p->agent.uid ||
	    effective != p->agent.uid || saved != p->agent.uid)
		return differs(f, "user");
	return 0;
}

int privileges_become_agent(const struct plan *p, struct failure *f)
{
	const uint64_t keep = p->agent_caps;
	struct caps wanted = {
		.effective = keep, .permitted = keep, .inheritable = keep, .ambient = keep
	};
	struct caps now;
	int error;

	if (p->mode == JAIL_NONE)
		return p->change_user ? change_user(p, f) : 0;

	error = caps_read(&now);
	if (!error)
		error = drop_bounding(&now, keep, &wanted.bounding);
	/* Capabilities would go with uid 0, before those to keep are singled out. Exec clears this. */
	if (!error && process_control(PR_SET_KEEPCAPS, 1, 0) < 0)
		error = -errno;
	if (error)
		return fail_errno(f, STAGE, DOING_ANYTHING, "dropping those of the agent", error);
	if (p->change_user && change_user(p, f) < 0)
		return -1;
	error = caps_drop_and_pass_on(keep);
	if (!error)
		error = confine_no_new_privs();
	if (error)
		return fail_errno(f, STAGE, DOING_CONFINE, "dropping those of the agent", error);
	error = confine_scope();
	if (error < 0)
		return fail_errno(f, STAGE, DOING_CONFINE, "Landlock", error);
	error = confine_system_calls();
	if (error)
		return fail_errno(f, STAGE, DOING_CONFINE, "system call filter", error);
	return check(&wanted, f);
}
