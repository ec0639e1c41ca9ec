/* SPDX-License-Identifier: MIT */
/* Internet sockets (ip(7), ipv6(7), tcp(7)) that never block. Ports are in host order; errors are in errno. */
#ifndef SYS_ENDPOINT_H
#define SYS_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/address.h"

/*
 * `type` is SOCK_STREAM or SOCK_DGRAM; `mark` is for SO_MARK, which takes CAP_NET_ADMIN, or 0. A descriptor,
 * close-on-exec and non-blocking, or -errno.
 */
int endpoint_socket(uint8_t family, int type, uint32_t mark);

/* As bind(2), to this port of any address of the host. */
int endpoint_bind(int fd, uint8_t family, uint16_t port);

/* A connection that waits at a listener, likewise; or -errno. */
int endpoint_accept(int listener);

/* As connect(2): 0, or -1 with EINPROGRESS while it is under way. */
int endpoint_connect(int fd, const struct address *a, uint16_t port);

enum endpoint_state { ENDPOINT_PENDING, ENDPOINT_OPEN, ENDPOINT_FAILED };

/* What has become of a connect to there. Asks the kernel, so a stray event means nothing. */
enum endpoint_state endpoint_state(int fd, const struct address *a, uint16_t port);

/* Whether an address is this host's own: what is sent there is received here. Sends nothing. */
bool endpoint_is_own(const struct address *a);

/* Where a connection went before NFT_DNAT led it here (SO_ORIGINAL_DST). False: nowhere else. */
bool endpoint_original(int fd, struct address *a, uint16_t *port);

/* No delay of small segments: the one who wrote them knows why. */
void endpoint_set_nodelay(int fd);

/*
 * More room for what arrives. Of a buffer that the kernel has put together from many segments nothing is
 * free before all of it was taken: a part that waits for its rest could leave no room for that.
 */
void endpoint_make_room(int fd);

/*
 * From now on a close, and the death of this process, is a reset: what has come so far is not the whole. A
 * listener passes it on to its connections. Or no longer: then a close ends the connection in order.
 */
void endpoint_set_abortive(int fd, bool on);

/* Closes a connection by a reset: the other side shall not take it for a regular end. */
void endpoint_reset(int fd);

#endif
