/* SPDX-License-Identifier: MIT */
#include "init/local_resolver.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/gate/dns.h"
#include "sys/clock.h"
#include "sys/endpoint.h"

#define DNS_PORT 53
#define PATIENCE 500 /* ms, until it has asked somebody */
#define PATIENCE_FOR_MORE 50

/* Of the top-level domain that has none (RFC 6761, 6.4). */
#define NOBODY "boundary-init.invalid"

static const struct address *local_server(const struct resolv *r)
{
	for (unsigned int i = 0; i < r->server_count; i++)
		if (address_is_loopback(&r->servers[i]))
			return &r->servers[i];
	return NULL;
}

/* By TCP, where a connection that was led elsewhere can tell where it was going. */
static int ask(const struct address *server, uint32_t mark)
{
	unsigned char query[2 + DNS_UDP_MAX] = { 0 };
	size_t length = dns_write_query(query + 2, DNS_UDP_MAX, 0, span_of(NOBODY), DNS_A);
	int fd = endpoint_socket(server->family, SOCK_STREAM, mark);
	struct pollfd connected = { .fd = fd, .events = POLLOUT };

	query[1] = (unsigned char)length;
	if (fd < 0)
		return fd;
	(void)endpoint_connect(fd, server, DNS_PORT);
	(void)poll(&connected, 1, PATIENCE);
	/* If nobody listens the next poll says so. */
	(void)!send(fd, query, 2 + length, MSG_NOSIGNAL);
	return fd;
}

static void add_server(struct resolv *r, int connection)
{
	struct address a;
	uint16_t port;
	bool known;

	if (connection < 0)
		return;
	known = !endpoint_original(connection, &a, &port) || address_is_loopback(&a);
	for (unsigned int i = 0; i < r->server_count && !known; i++)
		known = address_equal(&r->servers[i], &a);
	if (r->server_count < RESOLV_ALL_SERVERS && !known)
		r->servers[r->server_count++] = a;
	close(connection); /* and so it turns to the next one */
}

void local_resolver_learn(struct resolv *r, int listener, uint32_t mark)
{
	const struct address *server = local_server(r);
	int fd = server ? ask(server, mark) : -1;
	struct pollfd waiting[] = { { .fd = fd, .events = POLLIN },
				    { .fd = listener, .events = POLLIN } };
	int64_t end = clock_now() + PATIENCE;

	while (fd >= 0 && !waiting[0].revents) {
		int64_t left = end - clock_now();

		if (left <= 0 || poll(waiting, 2, (int)left) <= 0)
			break;
		if (waiting[1].revents) {
			add_server(r, endpoint_accept(listener));
			end = clock_now() + PATIENCE_FOR_MORE; /* it may end without a word */
		}
	}
	if (fd >= 0)
		close(fd);
}
