/* SPDX-License-Identifier: MIT */
/*
 * Server side of the network: TCP and UDP on the same ports, one process, one child for each TCP
 * connection. Says "ready" once everything listens. The answer names the client's address as the
 * server sees it, so that a test can tell masqueraded from direct traffic.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

enum {
	MAX_PORTS = 16,
	BACKLOG = 128,
};

union any_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct server {
	struct pollfd sockets[2 * MAX_PORTS]; /* TCP at even places, UDP at odd ones */
	nfds_t count;
	const char *text; /* NULL: echo */
};

static void server_failed(const char *what)
{
	fprintf(stderr, "probe: serve: %s: %s\n", what, errno_name(errno));
	exit(PROBE_FAILED);
}

/* "::" listens on both families. */
static int listener(const char *host, const char *port, int type)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = type };
	const int on = 1;
	struct addrinfo *at;
	int fd;

	if (getaddrinfo(host, port, &hints, &at))
		usage_error(host);
	fd = socket(at->ai_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		server_failed("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, at->ai_addr, at->ai_addrlen))
		server_failed(port);
	if (type == SOCK_STREAM && listen(fd, BACKLOG))
		server_failed("listen");
	freeaddrinfo(at);
	return fd;
}

static size_t answer(const struct server *server, const union any_address *client, char *line,
		     size_t size)
{
	char name[INET6_ADDRSTRLEN] = "?";

	if (client->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &client->v4.sin_addr, name, sizeof(name));
	else if (IN6_IS_ADDR_V4MAPPED(&client->v6.sin6_addr))
		inet_ntop(AF_INET, &client->v6.sin6_addr.s6_addr[12], name, sizeof(name));
	else
		inet_ntop(AF_INET6, &client->v6.sin6_addr, name, sizeof(name));
	return (size_t)snprintf(line, size, "%s %s\n", server->text, name);
}

/* Runs in a child. Reads to the end before closing, or a reset could overtake the answer. */
static void converse(const struct server *server, int fd, const union any_address *client)
{
	char buffer[65536];
	ssize_t got;

	if (server->text) {
		size_t length = answer(server, client, buffer, sizeof(buffer));

		if (write(fd, buffer, length) < 0)
			_exit(PROBE_FAILED);
		shutdown(fd, SHUT_WR);
	}
	while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
		if (!server->text && write(fd, buffer, (size_t)got) != got)
			_exit(PROBE_FAILED);
	}
	_exit(PROBE_OK);
}

static void serve_tcp(const struct server *server, int listening)
{
	union any_address client = { 0 };
	socklen_t length = sizeof(client);
	int fd = accept(listening, &client.any, &length);

	if (fd < 0)
		return; /* the client has gone again */
	if (fork() == 0)
		converse(server, fd, &client);
	close(fd);
}

static void serve_udp(const struct server *server, int fd)
{
	union any_address client = { 0 };
	socklen_t length = sizeof(client);
	char buffer[65536];
	ssize_t got = recvfrom(fd, buffer, sizeof(buffer), 0, &client.any, &length);

	if (got < 0)
		return; /* an ICMP error for an earlier answer */
	if (server->text)
		got = (ssize_t)answer(server, &client, buffer, sizeof(buffer));
	sendto(fd, buffer, (size_t)got, 0, &client.any, length);
}

static int serve(const char *host, char *ports, const char *text)
{
	static struct server server;

	server.text = text;
	signal(SIGCHLD, SIG_IGN); /* no zombies, no waiting */
	for (char *port = strtok(ports, ","); port; port = strtok(NULL, ",")) {
		if (server.count == 2 * MAX_PORTS)
			usage_error("too many ports");
		server.sockets[server.count++] =
			(struct pollfd){ listener(host, port, SOCK_STREAM), POLLIN, 0 };
		server.sockets[server.count++] =
			(struct pollfd){ listener(host, port, SOCK_DGRAM), POLLIN, 0 };
	}
	say("ready");
	for (;;) {
		if (poll(server.sockets, server.count, -1) < 0 && errno != EINTR)
			server_failed("poll");
		for (nfds_t i = 0; i < server.count; i++) {
			if (!server.sockets[i].revents)
				continue;
			if (i % 2)
				serve_udp(&server, server.sockets[i].fd);
			else
				serve_tcp(&server, server.sockets[i].fd);
		}
	}
}

int cmd_serve(int argc, char **argv)
{
	(void)argc;
	return serve(argv[1], argv[2], argv[3]);
}

int cmd_echo(int argc, char **argv)
{
	(void)argc;
	return serve(argv[1], argv[2], NULL);
}
