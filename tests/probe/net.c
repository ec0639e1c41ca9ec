/* SPDX-License-Identifier: MIT */
/*
 * Client side of the network. One line for each attempt:
 *   {"result": "ok" | "error" | "timeout", "errno": "ECONNREFUSED", "us": 47, "reply": "text"}
 * where us is the time until the verdict was known: for TCP until connect() returned, else until
 * the answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

enum {
	TCP_TIMEOUT_MS = 3000, /* more than one retransmitted SYN: a stall is no refusal */
	DATAGRAM_TIMEOUT_MS = 1000,
	PORT_DISCARD = 9,
};

struct address {
	struct sockaddr_storage sockaddr;
	socklen_t length;
	int family;
};

static struct address address_parse(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct address address = { 0 };
	struct addrinfo *found;

	if (getaddrinfo(host, port, &hints, &found))
		usage_error(host);
	memcpy(&address.sockaddr, found->ai_addr, found->ai_addrlen);
	address.length = found->ai_addrlen;
	address.family = found->ai_family;
	freeaddrinfo(found);
	return address;
}

static const struct sockaddr *sockaddr_of(const struct address *address)
{
	return (const struct sockaddr *)&address->sockaddr;
}

static long microseconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000000 + (now.tv_nsec - start->tv_nsec) / 1000;
}

/* Prints the line; error is 0, an errno, or ETIMEDOUT for "nothing came". */
static int report(int error, long us, const char *reply, size_t length)
{
	while (length && reply[length - 1] == '\n')
		length--;
	json_open(NULL, '{');
	json_string("result", error == 0 ? "ok" : error == ETIMEDOUT ? "timeout" : "error");
	json_string("errno", errno_name(error));
	json_number("us", us);
	json_bytes("reply", reply, length);
	json_close('}');
	return error ? PROBE_FAILED : PROBE_OK;
}

/* 0 when the socket has something to say within the time, else ETIMEDOUT. */
static int await(int fd, short events, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = events };

	return poll(&wait, 1, timeout_ms) > 0 ? 0 : ETIMEDOUT;
}

static int tcp_connect(int fd, const struct address *to)
{
	socklen_t length = sizeof(int);
	int error;

	if (connect(fd, sockaddr_of(to), to->length) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	error = await(fd, POLLOUT, TCP_TIMEOUT_MS);
	if (!error)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return error;
}

/* Reads until the other side ends; returns the errno and the length in *used. */
static int read_all(int fd, char *buffer, size_t size, size_t *used)
{
	for (*used = 0; *used < size;) {
		ssize_t got;
		int error = await(fd, POLLIN, TCP_TIMEOUT_MS);

		if (error)
			return error;
		got = read(fd, buffer + *used, size - *used);
		if (got < 0)
			return errno;
		if (got == 0)
			break;
		*used += (size_t)got;
	}
	return 0;
}

int cmd_connect(int argc, char **argv)
{
	const struct address to = address_parse(argv[1], argv[2]);
	char reply[4096];
	size_t used = 0;
	struct timespec start;
	long us;
	int error;
	int fd = socket(to.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return report(errno, 0, "", 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	error = tcp_connect(fd, &to);
	us = microseconds_since(&start);
	if (!error && argc > 3 && write(fd, argv[3], strlen(argv[3])) < 0)
		error = errno;
	if (!error) {
		shutdown(fd, SHUT_WR);
		error = read_all(fd, reply, sizeof(reply), &used);
	}
	close(fd);
	return report(error, us, reply, used);
}

int cmd_udp(int argc, char **argv)
{
	const struct address to = address_parse(argv[1], argv[2]);
	const char *text = argc > 3 ? argv[3] : "?";
	char reply[4096];
	struct timespec start;
	ssize_t got = 0;
	int error = 0;
	int fd = socket(to.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return report(errno, 0, "", 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (connect(fd, sockaddr_of(&to), to.length) || send(fd, text, strlen(text), 0) < 0)
		error = errno;
	if (!error)
		error = await(fd, POLLIN, DATAGRAM_TIMEOUT_MS);
	if (!error) {
		got = recv(fd, reply, sizeof(reply), 0);
		if (got < 0)
			error = errno;
	}
	close(fd);
	return report(error, microseconds_since(&start), reply, got > 0 ? (size_t)got : 0);
}

/* The Internet checksum, RFC 1071, over an even number of bytes. */
static uint16_t checksum(const uint16_t *words, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes / 2; i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A raw socket hands over everybody's ICMP: is this one the answer to our request? */
static bool is_echo_reply(const unsigned char *packet, size_t length, int family, bool raw)
{
	if (family == AF_INET && raw) { /* the IPv4 header comes along */
		size_t header = length ? (size_t)(packet[0] & 0xf) * 4 : 0;

		if (header > length)
			return false;
		packet += header;
		length -= header;
	}
	return length >= 8 && packet[0] == (family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY);
}

int cmd_ping(int argc, char **argv)
{
	const struct address to = address_parse(argv[1], "0");
	const int protocol = to.family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	union {
		struct icmphdr header;
		uint16_t words[4];
	} request = { 0 };
	unsigned char reply[512];
	struct timespec start;
	int error = 0;
	bool raw = true;
	int fd = socket(to.family, SOCK_RAW | SOCK_CLOEXEC, protocol);

	(void)argc;
	if (fd < 0) {
		raw = false;
		fd = socket(to.family, SOCK_DGRAM | SOCK_CLOEXEC, protocol);
	}
	if (fd < 0)
		return report(errno, 0, "", 0);
	request.header.type = to.family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	request.header.un.echo.id = (uint16_t)getpid();
	request.header.checksum = checksum(request.words, sizeof(request));
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (connect(fd, sockaddr_of(&to), to.length) || send(fd, &request, sizeof(request), 0) < 0)
		error = errno;
	while (!error) {
		ssize_t got;

		error = await(fd, POLLIN, DATAGRAM_TIMEOUT_MS);
		if (error)
			break;
		got = recv(fd, reply, sizeof(reply), 0);
		if (got < 0)
			error = errno;
		else if (is_echo_reply(reply, (size_t)got, to.family, raw))
			break;
	}
	close(fd);
	return report(error, microseconds_since(&start), "", 0);
}

struct forged4 {
	struct iphdr ip;
	struct udphdr udp;
};

struct forged6 {
	struct ip6_hdr ip;
	struct udphdr udp;
};

static ssize_t send_forged4(int fd, const struct sockaddr_in *from, const struct sockaddr_in *to)
{
	struct sockaddr_in target = { .sin_family = AF_INET, .sin_addr = to->sin_addr };
	struct forged4 packet = {
		.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP },
		.udp = { .uh_sport = htons(PORT_DISCARD),
			 .uh_dport = to->sin_port,
			 .uh_ulen = htons(8) },
	};

	packet.ip.saddr = from->sin_addr.s_addr;
	packet.ip.daddr = to->sin_addr.s_addr;
	packet.ip.tot_len =
		htons(sizeof(packet)); /* the kernel fills in the checksum; UDP may go without */
	return sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&target, sizeof(target));
}

static ssize_t send_forged6(int fd, const struct sockaddr_in6 *from, const struct sockaddr_in6 *to)
{
	struct sockaddr_in6 target = { .sin6_family = AF_INET6,
				       .sin6_addr = to->sin6_addr,
				       .sin6_scope_id = to->sin6_scope_id };
	struct forged6 packet = {
		.udp = { .uh_sport = htons(PORT_DISCARD),
			 .uh_dport = to->sin6_port,
			 .uh_ulen = htons(8),
			 .uh_sum = 0xffff }, /* wrong: only the way to the host is of interest */
	};

	packet.ip.ip6_flow = htonl(6u << 28);
	packet.ip.ip6_plen = htons(sizeof(packet.udp));
	packet.ip.ip6_nxt = IPPROTO_UDP;
	packet.ip.ip6_hlim = 64;
	packet.ip.ip6_src = from->sin6_addr;
	packet.ip.ip6_dst = to->sin6_addr;
	return sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&target, sizeof(target));
}

/* IPPROTO_RAW sockets take whole packets, source address included. Needs CAP_NET_RAW. */
int cmd_spoof(int argc, char **argv)
{
	const struct address from = address_parse(argv[1], "0");
	const struct address to = address_parse(argv[2], argv[3]);
	ssize_t sent;
	int fd = socket(to.family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	(void)argc;
	if (fd < 0)
		return report(errno, 0, "", 0);
	if (from.family != to.family)
		usage_error("two families");
	if (to.family == AF_INET)
		sent = send_forged4(fd, (const struct sockaddr_in *)&from.sockaddr,
				    (const struct sockaddr_in *)&to.sockaddr);
	else
		sent = send_forged6(fd, (const struct sockaddr_in6 *)&from.sockaddr,
				    (const struct sockaddr_in6 *)&to.sockaddr);
	return report(sent < 0 ? errno : 0, 0, "", 0);
}
