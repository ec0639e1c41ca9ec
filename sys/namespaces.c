/* SPDX-License-Identifier: MIT */
#include "sys/namespaces.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/cursor.h"
#include "sys/fds.h"
#include "sys/text.h"

/* Every extent that fits, 33 characters a line, and the start of one that does not. */
#define IDMAP_TEXT (33 * (IDMAP_EXTENTS + 2))

pid_t namespaces_clone(unsigned long flags)
{
	/* No stack, no tid pointers, no TLS: so the order of the last two, which differs between
	 * architectures, does not matter. */
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	return pid < 0 ? (pid_t)-errno : (pid_t)pid;
}

bool namespaces_clone_is_filtered(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0); /* cannot be: the kernel has refused this pair since user namespaces exist */
	return pid < 0 && (errno == EPERM || errno == ENOSYS);
}

static bool take_field(struct cursor *line, uint32_t *value)
{
	while (cursor_take_char(line, ' '))
		;
	return cursor_take_number(line, UINT32_MAX, value);
}

int idmap_read(const char *path, struct id_map *map)
{
	char buffer[IDMAP_TEXT];
	long length = file_read(path, buffer, sizeof(buffer));
	struct cursor c;

	map->count = 0;
	if (length < 0)
		return (int)length;
	c = cursor_over((struct span){ .at = buffer, .length = (size_t)length });
	while (!cursor_done(&c)) {
		struct cursor line = cursor_over(cursor_take_until(&c, '\n'));
		struct id_extent e;

		if (map->count == IDMAP_EXTENTS)
			return -E2BIG;
		if (!take_field(&line, &e.first) || !take_field(&line, &e.lower) ||
		    !take_field(&line, &e.count))
			return -EINVAL;
		map->extents[map->count++] = e;
	}
	return 0;
}

int idmap_write(const char *path, const struct id_map *map)
{
	char buffer[IDMAP_TEXT];
	struct text t = TEXT_OVER(buffer);

	for (unsigned int i = 0; i < map->count; i++)
		text_printf(&t, "%u %u %u\n", map->extents[i].first, map->extents[i].lower,
			    map->extents[i].count);
	return t.cut ? -E2BIG : file_write(path, t.at, t.length);
}

bool idmap_contains(const struct id_map *map, uint32_t id)
{
	for (unsigned int i = 0; i < map->count; i++)
		if (id >= map->extents[i].first &&
		    id - map->extents[i].first < map->extents[i].count)
			return true;
	return false;
}

bool idmap_equal(const struct id_map *a, const struct id_map *b)
{
	return a->count == b->count &&
	       memcmp(a->extents, b->extents, a->count * sizeof(a->extents[0])) == 0;
}
