/* SPDX-License-Identifier: MIT */
#include "sys/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/fds.h"

/* linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h: the same number in both. */
#define ORIGINAL_DST 80

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t fill(union socket_address *to, const struct address *a, uint16_t port)
{
	memset(to, 0, sizeof(*to));
	to->any.sa_family = a->family;
	/* The port stands at the same place in both. */
	to->v4.sin_port = htons(port);
	if (a->family == AF_INET) {
		memcpy(&to->v4.sin_addr, a->bytes, 4);
		return sizeof(to->v4);
	}
	memcpy(&to->v6.sin6_addr, a->bytes, 16);
	return sizeof(to->v6);
}

int endpoint_socket(uint8_t family, int type, uint32_t mark)
{
	int fd = socket_open(family, type | SOCK_NONBLOCK, 0);

	if (fd >= 0 && mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int endpoint_bind(int fd, uint8_t family, uint16_t port)
{
	const struct address any = { .family = family };
	union socket_address at;
	socklen_t length = fill(&at, &any, port);

	return bind(fd, &at.any, length);
}

int endpoint_accept(int listener)
{
	/* By the system call alone; libc's function does more for kernels before 2.6.28. */
	long fd = syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd < 0 ? -errno : (int)fd;
}

int endpoint_connect(int fd, const struct address *a, uint16_t port)
{
	union socket_address to;
	socklen_t length = fill(&to, a, port);

	return connect(fd, &to.any, length);
}

enum endpoint_state endpoint_state(int fd, const struct address *a, uint16_t port)
{
	if (endpoint_connect(fd, a, port) == 0 || errno == EISCONN)
		return ENDPOINT_OPEN;
	return errno == EALREADY || errno == EINPROGRESS ? ENDPOINT_PENDING : ENDPOINT_FAILED;
}

bool endpoint_is_own(const struct address *a)
{
	union socket_address own, there;
	socklen_t length = fill(&there, a, 1), got = sizeof(own);
	int fd = endpoint_socket(a->family, SOCK_DGRAM, 0);
	/* The kernel then knows the address that it would send from: to oneself one's own. */
	bool known = fd >= 0 && connect(fd, &there.any, length) == 0 &&
		     getsockname(fd, &own.any, &got) == 0;

	if (fd >= 0)
		close(fd);
	own.v4.sin_port = there.v4.sin_port;
	return known && memcmp(&own, &there, length) == 0;
}

bool endpoint_original(int fd, struct address *a, uint16_t *port)
{
	union socket_address was;
	socklen_t length = sizeof(was);

	memset(a, 0, sizeof(*a));
	if (getsockopt(fd, SOL_IP, ORIGINAL_DST, &was, &length) == 0 &&
	    was.any.sa_family == AF_INET) {
		memcpy(a->bytes, &was.v4.sin_addr, 4);
	} else {
		length = sizeof(was);
		if (getsockopt(fd, SOL_IPV6, ORIGINAL_DST, &was, &length) < 0)
			return false;
		memcpy(a->bytes, &was.v6.sin6_addr, 16);
	}
	a->family = (uint8_t)was.any.sa_family;
	*port = ntohs(was.v4.sin_port);
	return true;
}

void endpoint_set_nodelay(int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* SO_RCVBUF would put an end to the kernel's own measure, and stops at net.core.rmem_max; this does neither. */
void endpoint_make_room(int fd)
{
	const int large = 1 << 20, any = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &large, sizeof(large));
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &any, sizeof(any));
}

void endpoint_set_abortive(int fd, bool on)
{
	const struct linger linger = { .l_onoff = on };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void endpoint_reset(int fd)
{
	endpoint_set_abortive(fd, true);
	close(fd);
}
