/* SPDX-License-Identifier: MIT */
#include "sys/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The lowest free descriptor, occupied. */
static int open_null(void)
{
	int fd = open("/dev/null", O_RDWR);

	return fd >= 0 ? fd : open("/", O_PATH);
}

int fds_fill_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open_null() != fd)
			return -errno;
	return 0;
}

static void close_between(unsigned int first, unsigned int last)
{
	struct rlimit limit;

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	/* Before Linux 5.9, or a seccomp profile older than the call. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && last >= limit.rlim_cur)
		last = limit.rlim_cur < 65536 ? (unsigned int)limit.rlim_cur : 65536;
	for (unsigned int fd = first; fd <= last; fd++)
		close((int)fd);
}

void fds_keep_only(int *keep, size_t count)
{
	unsigned int next = 3;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 1; i < count; i++)
		for (size_t k = i; k > 0 && keep[k] < keep[k - 1]; k--) {
			int swap = keep[k];

			keep[k] = keep[k - 1];
			keep[k - 1] = swap;
		}

	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < 3)
			continue;
		close_between(next, (unsigned int)keep[i] - 1);
		next = (unsigned int)keep[i] + 1;
	}
	close_between(next, UINT_MAX);
}

long file_read(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while (length < size - 1 && (n = read(fd, buffer + length, size - 1 - length)) > 0)
		length += (size_t)n;
	if (n < 0)
		n = -errno;
	close(fd);
	buffer[length] = '\0';
	return n < 0 ? n : (long)length;
}

int file_write(const char *path, const char *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, bytes, length);
	if (n != (ssize_t)length)
		error = n < 0 ? -errno : -EIO;
	close(fd);
	return error;
}
