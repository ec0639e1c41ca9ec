/* SPDX-License-Identifier: MIT */
#include "sys/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int file_open(const char *path, int flags)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0);

	return fd < 0 ? -errno : (int)fd;
}

int socket_open(int family, int type, int protocol)
{
	long fd = syscall(SYS_socket, family, type | SOCK_CLOEXEC, protocol);

	return fd < 0 ? -errno : (int)fd;
}

static bool is_open(int fd)
{
	return syscall(SYS_fcntl, fd, F_GETFD) >= 0;
}

/* Occupies the lowest free descriptor, and leaves it open for the agent. */
static int open_null(void)
{
	long fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);

	return (int)(fd >= 0 ? fd : syscall(SYS_openat, AT_FDCWD, "/", O_PATH, 0));
}

int fds_fill_standard(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (!is_open(fd) && open_null() != fd)
			return -errno;
	return 0;
}

static void close_between(unsigned int first, unsigned int last)
{
	struct rlimit limit;

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	/* Before Linux 5.9, or a seccomp profile older than the call. */
	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0 && last >= limit.rlim_cur)
		last = limit.rlim_cur < 65536 ? (unsigned int)limit.rlim_cur : 65536;
	for (unsigned int fd = first; fd <= last; fd++)
		close((int)fd);
}

void fds_keep_only(int *keep, size_t count)
{
	unsigned int next = 3;
	int null = file_open("/dev/null", O_RDWR);

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

long fd_read(int fd, char *buffer, size_t size)
{
	size_t length = 0;
	ssize_t n = 0;

	while (length < size - 1 && (n = read(fd, buffer + length, size - 1 - length)) > 0)
		length += (size_t)n;
	buffer[length] = '\0';
	return n < 0 ? -errno : (long)length;
}

long file_read(const char *path, char *buffer, size_t size)
{
	int fd = file_open(path, O_RDONLY);
	long length = fd < 0 ? fd : fd_read(fd, buffer, size);

	if (fd >= 0)
		close(fd);
	return length;
}

void *memory_new(size_t size, bool shared)
{
	/* By the system call alone; libc's function waits for threads. */
	long at = syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE,
			  MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);

	return at == -1 ? NULL : (void *)at;
}

#define PAGE 4096 /* or a multiple, and then madvise(2) refuses, and nothing is given back */

void memory_give_back(void *at, size_t size)
{
	size_t before = -(uintptr_t)at % PAGE;

	if (size >= before + PAGE)
		madvise((char *)at + before, (size - before) / PAGE * PAGE, MADV_DONTNEED);
}

int file_write(const char *path, const char *bytes, size_t length)
{
	int fd = file_open(path, O_WRONLY);
	int error = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = write(fd, bytes, length);
	if (n != (ssize_t)length)
		error = n < 0 ? -errno : -EIO;
	close(fd);
	return error;
}
