/* SPDX-License-Identifier: MIT */
/* Namespaces (namespaces(7), clone(2)) and id maps (user_namespaces(7)). Errors are -errno. */
#ifndef SYS_NAMESPACES_H
#define SYS_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * fork(2) into new namespaces: the pid in the parent, 0 in the child. By clone(2) itself, since
 * Docker answers clone3 with ENOSYS, and unshare(2) would need another seccomp rule.
 */
pid_t namespaces_clone(unsigned long flags);

/*
 * Does a seccomp filter stand before clone(`flags`)? CLONE_FS beside CLONE_NEWUSER is invalid, so
 * a kernel that is asked makes nothing and says EINVAL; a filter says EPERM or ENOSYS before.
 */
bool namespaces_clone_is_filtered(unsigned long flags);

/* A map of ids: `count` ids from `first` on, as seen inside, are those from `lower` on outside. */
#define IDMAP_EXTENTS 64

struct id_extent {
	uint32_t first;
	uint32_t lower;
	uint32_t count;
};

struct id_map {
	unsigned int count;
	struct id_extent extents[IDMAP_EXTENTS];
};

/* From "/proc/self/uid_map" and the like; -E2BIG if there are more extents than fit. */
int idmap_read(const char *path, struct id_map *map);
int idmap_write(const char *path, const struct id_map *map);
bool idmap_contains(const struct id_map *map, uint32_t id);
bool idmap_equal(const struct id_map *a, const struct id_map *b);

#endif
