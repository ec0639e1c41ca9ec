/* SPDX-License-Identifier: MIT */
#include "init/policies.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "init/report.h"
#include "sys/fds.h"

#define STAGE "policy"

/*
 * A file that is written in place is whole when it is closed; one that is put there by a rename, and the
 * symbolic link beside it by which Kubernetes swaps a ConfigMap, when they are moved.
 */
#define FILE_EVENTS IN_CLOSE_WRITE
#define DIRECTORY_EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO)

int policies_open(struct policies *p, struct failure *f)
{
	p->places = memory_new(2 * sizeof(*p->places), true);
	if (!p->places)
		return fail_errno(f, STAGE, DOING_ANYTHING, "memory", -errno);
	p->directory = p->changes = -1;
	return 0;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Relative to a directory that was opened at the start: one put in its place later means nothing. */
static int open_file(const struct policies *p)
{
	long fd = syscall(SYS_openat, p->directory, name_of(p->path),
			  O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

	return fd < 0 ? -errno : (int)fd;
}

/*
 * To be read again it has to lie below that directory, symbolic links inside of it followed: one that leads
 * out of it may lead through a directory of the agent's.
 */
static int open_beneath(const struct policies *p)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, p->directory, name_of(p->path), &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int read_into(struct policies *p, struct policy_place *place, int fd, struct failure *f)
{
	size_t length = 0;
	ssize_t n;

	do {
		n = read(fd, place->text + length, POLICY_TEXT - length);
		if (n < 0)
			return fail_errno(f, STAGE, DOING_ANYTHING, p->shown, -errno);
		length += (size_t)n;
	} while (n > 0);
	if (length == POLICY_TEXT)
		return fail(f, STAGE, "Write fewer rules, with wildcards",
			    "%s: longer than 256 KiB", p->shown);
	return policy_add_file(&place->policy, (struct span){ place->text, length }, p->shown, f);
}

/* "." for a name alone, "/" for a file there. */
static int open_directory(const char *path)
{
	const char *name = name_of(path);
	char directory[256];
	struct text t = TEXT_OVER(directory);

	text_bytes(&t, path, (size_t)(name - path));
	text_char(&t, name == path ? '.' : '\0');
	return t.cut ? -ENAMETOOLONG : file_open(directory, O_PATH | O_DIRECTORY);
}

int policies_read(struct policies *p, const char *path, struct failure *f)
{
	struct text shown = TEXT_OVER(p->shown);
	int fd, failed;

	p->path = path;
	text_escaped(&shown, path, strlen(path));
	p->given = p->places[0].policy.count;
	p->directory = open_directory(path);
	fd = p->directory < 0 ? p->directory : open_file(p);
	if (fd < 0)
		return fail_errno(f, STAGE, DOING_ANYTHING, p->shown, fd);
	failed = read_into(p, &p->places[0], fd, f);
	close(fd);
	return failed;
}

/* ---- changes ---- */

static bool is_member(const struct account *agent, gid_t group)
{
	for (unsigned int i = 0; i < agent->group_count; i++)
		if (agent->groups[i] == group)
			return true;
	return agent->gid == group;
}

/* Without capabilities it is what the owner, the group and the mode say; or the mount, for anybody. */
static bool can_change(const struct policies *p, int fd, const struct account *agent)
{
	struct statfs mount;
	struct stat file;

	/* By the system calls alone: libc's functions know how to do without them. */
	if (syscall(SYS_fstatfs, fd, &mount) == 0 && mount.f_flags & ST_RDONLY)
		return false;
	return p->agent_has_caps || syscall(SYS_fstat, fd, &file) < 0 ||
	       file.st_uid == agent->uid || file.st_mode & S_IWOTH ||
	       (file.st_mode & S_IWGRP && is_member(agent, file.st_gid));
}

/* What lies in the directory as it was opened at the start, or that itself: ".". */
static bool watch(const struct policies *p, const char *name, uint32_t events)
{
	char path[300];
	struct text t = TEXT_OVER(path);

	text_printf(&t, "/proc/self/fd/%d/%s", p->directory, name);
	return !t.cut && inotify_add_watch(p->changes, path, events) >= 0;
}

int policies_watch(struct policies *p, const struct account *agent, struct failure *f)
{
	int fd = open_beneath(p);
	bool unsafe = fd < 0 || can_change(p, fd, agent) || can_change(p, p->directory, agent);

	close(fd);
	if (unsafe)
		return 1;
	p->changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->changes < 0 || !watch(p, ".", DIRECTORY_EVENTS) ||
	    !watch(p, name_of(p->path), FILE_EVENTS))
		return fail_errno(f, STAGE, DOING_ANYTHING, "watching the file", -errno);
	return 0;
}

static bool take_events(int fd)
{
	char events[4096];
	bool any = false;

	while (read(fd, events, sizeof(events)) > 0)
		any = true;
	return any;
}

int policies_reread(struct policies *p, const struct account *agent, struct failure *f)
{
	struct policy_place *now = &p->places[p->used], *next = &p->places[!p->used];
	int fd, failed;

	if (!take_events(p->changes))
		return 0;
	fd = open_beneath(p);
	if (fd < 0)
		return fail_errno(f, STAGE, DOING_ANYTHING, p->shown, fd);
	watch(p, name_of(p->path), FILE_EVENTS); /* it may be another one by now */
	if (can_change(p, fd, agent)) {
		close(fd);
		return fail(f, STAGE, "Mount it read-only, or let the agent be another user",
			    "%s: the agent can change it, so it is not read again", p->shown);
	}
	next->policy.count = p->given;
	memcpy(next->policy.rules, now->policy.rules, p->given * sizeof(now->policy.rules[0]));
	failed = read_into(p, next, fd, f);
	close(fd);
	return failed ? -1 : 1;
}
