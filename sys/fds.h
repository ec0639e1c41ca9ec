/* SPDX-License-Identifier: MIT */
/* Descriptors: the standard three, and who inherits what. And memory: what is not needed again. */
#ifndef SYS_FDS_H
#define SYS_FDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * open(2) and socket(2) by the system call alone, close-on-exec. libc's functions do more, for kernels
 * of before 2.6.27. A descriptor or -errno.
 */
int file_open(const char *path, int flags);
int socket_open(int family, int type, int protocol);

/*
 * Opens each of descriptors 0 to 2 that is closed on /dev/null, so that no socket of ours ever
 * lands there. Where /dev/null is missing, a descriptor that can be neither read nor written.
 */
int fds_fill_standard(void);

/*
 * Closes every descriptor but 2 and the `count` ones in `keep` (sorted here), and puts /dev/null
 * on 0 and 1: what the agent inherited is the agent's, and a pipe that it closes must be closed.
 */
void fds_keep_only(int *keep, size_t count);

/*
 * Memory, zeroed: shared with processes that are made later, or a copy for each. NULL if there is none
 * left, with the reason in errno.
 */
void *memory_new(size_t size, bool shared);

/* Gives the whole pages of an array back to the kernel; it then holds zeros. */
void memory_give_back(void *at, size_t size);

/* Reads up to the end, at most size-1 bytes, adds a NUL. Returns the length or -errno. */
long fd_read(int fd, char *buffer, size_t size);
long file_read(const char *path, char *buffer, size_t size);

/* One write(2) of the whole text to an existing file. 0 or -errno. */
int file_write(const char *path, const char *bytes, size_t length);

#endif
