/* SPDX-License-Identifier: MIT */
#include "init/bypass.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/cursor.h"
#include "sys/fds.h"

static bool is_socket(const char *path)
{
	struct stat file;

	/* By the system call alone: libc's function knows how to do without it. */
	return syscall(SYS_newfstatat, AT_FDCWD, path, &file, 0) == 0 && S_ISSOCK(file.st_mode);
}

/* The fifth word of a line of /proc/self/mountinfo (proc(5)) is where something is mounted. */
static bool is_mounted_socket(struct cursor *line, struct text *path)
{
	struct span word = { 0 };

	for (unsigned int i = 0; i < 5; i++)
		word = cursor_take_until(line, ' ');
	*path = text_over(path->at, path->size);
	text_bytes(path, word.at, word.length);
	return is_socket(path->at);
}

bool bypass_find(struct text *path)
{
	static const char *const engines[] = { "/var/run/docker.sock", "/run/podman/podman.sock",
					       "/run/containerd/containerd.sock",
					       "/run/crio/crio.sock" };
	static char mounts[65536] __attribute__((aligned(4096))); /* to be given back whole */
	long length = file_read("/proc/self/mountinfo", mounts, sizeof(mounts));
	struct cursor lines = { mounts, mounts + (length > 0 ? length : 0) };
	bool found = false;

	while (!found && !cursor_done(&lines)) {
		struct cursor line = cursor_over(cursor_take_until(&lines, '\n'));

		found = is_mounted_socket(&line, path);
	}
	for (unsigned int i = 0; !found && i < sizeof(engines) / sizeof(engines[0]); i++) {
		*path = text_over(path->at, path->size);
		text_printf(path, "%s", engines[i]);
		found = is_socket(path->at);
	}
	memory_give_back(mounts, sizeof(mounts));
	return found;
}
