/* SPDX-License-Identifier: MIT */
/*
 * A channel between init and a process that it has made (unix(7), SOCK_SEQPACKET): messages, with descriptors
 * (SCM_RIGHTS). Its end is told to the other side, and who dies closes it.
 */
#ifndef SYS_CHANNEL_H
#define SYS_CHANNEL_H

#include <stddef.h>

#define CHANNEL_DESCRIPTORS 16

/* Both ends, close-on-exec. 0 or -errno. */
int channel_open(int ends[2]);

/* A message with those of these descriptors that are not negative. 0 or -errno. */
int channel_send(int channel, const void *message, size_t size, const int *fds, unsigned int count);

/*
 * Waits for a message of exactly this size; the descriptors stand where they stood when it was sent, -1 for
 * those that are not there. 0 or -errno: -ECHILD if the other side has gone, -EMFILE if not all fitted.
 */
int channel_receive(int channel, void *message, size_t size, int *fds, unsigned int count);

#endif
