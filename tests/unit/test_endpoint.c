/* SPDX-License-Identifier: MIT */
/* With real sockets, on the loopback of a network namespace of their own where one can be had. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sys/caps.h"
#include "sys/endpoint.h"

static const struct address loopback4 = { AF_INET, { 127, 0, 0, 1 } };
static const struct address loopback6 = { AF_INET6, { [15] = 1 } };

/* So that no address and no rule of the machine matters; without the right to it, it goes without. */
static int enter_namespace(void **state)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		return -1;
	return close(fd);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 bound; /* the port stands at the same place in both families */
	socklen_t length = sizeof(bound);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &length), 0);
	return ntohs(bound.sin6_port);
}

/* A listener on a port that the kernel chooses; -1: there is no such address here. */
static int listen_at(const struct address *a, int backlog)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const bool is_four = a->family == AF_INET;
	int fd = endpoint_socket(a->family, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six,
			   is_four ? sizeof(four) : sizeof(six)) < 0)
		return -1;
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_int_equal(poll(&p, 1, 2000), 1);
}

static int accept_at(int listener)
{
	int fd;

	wait_for(listener, POLLIN);
	fd = endpoint_accept(listener);
	assert_true(fd >= 0);
	return fd;
}

static int connect_to(const struct address *a, uint16_t port)
{
	int fd = endpoint_socket(a->family, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	if (endpoint_connect(fd, a, port) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static void assert_never_blocks(int fd)
{
	char byte;

	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

TEST(sockets_never_block_and_are_not_inherited)
{
	int listener = listen_at(&loopback4, 8),
	    datagrams = endpoint_socket(AF_INET, SOCK_DGRAM, 0);
	int client, server;

	assert_never_blocks(datagrams);
	assert_int_equal(endpoint_accept(listener), -EAGAIN);
	client = connect_to(&loopback4, port_of(listener));
	server = accept_at(listener);
	assert_never_blocks(server);
	assert_never_blocks(client);
	assert_int_equal(endpoint_accept(listener), -EAGAIN);
	assert_int_equal(endpoint_accept(-1), -EBADF);
	assert_int_equal(endpoint_socket(200, SOCK_STREAM, 0), -EAFNOSUPPORT);
	close(client);
	close(server);
	close(listener);
	close(datagrams);
}

TEST(connects_to_an_address_of_either_family)
{
	const struct address *const both[] = { &loopback4, &loopback6 };

	for (size_t i = 0; i < COUNT(both); i++) {
		int listener = listen_at(both[i], 8), client, server;
		char byte = 'x';
		uint16_t port;

		if (listener < 0 && both[i]->family == AF_INET6)
			continue;
		port = port_of(listener);
		client = connect_to(both[i], port);
		server = accept_at(listener);
		wait_for(client, POLLOUT);
		/* However often it is asked. */
		for (unsigned int k = 0; k < 3; k++)
			assert_int_equal(endpoint_state(client, both[i], port), ENDPOINT_OPEN);
		assert_int_equal(send(client, &byte, 1, 0), 1);
		wait_for(server, POLLIN);
		assert_int_equal(recv(server, &byte, 1, 0), 1);
		/* Open still, when the other side has said that it will say no more. */
		close(server);
		wait_for(client, POLLIN);
		assert_int_equal(endpoint_state(client, both[i], port), ENDPOINT_OPEN);
		close(client);
		close(listener);
	}
}

TEST(nobody_listens)
{
	int listener = listen_at(&loopback4, 8);
	uint16_t port = port_of(listener);
	int client = endpoint_socket(AF_INET, SOCK_STREAM, 0);

	close(listener);
	if (endpoint_connect(client, &loopback4, port) < 0 && errno == EINPROGRESS)
		wait_for(client, POLLOUT);
	assert_int_equal(endpoint_state(client, &loopback4, port), ENDPOINT_FAILED);
	assert_int_equal(errno, ECONNREFUSED);
	close(client);
}

/* A listener with a full backlog does not answer: the connection stays under way, whatever event comes. */
TEST(a_connect_that_waits_is_pending)
{
	int listener = listen_at(&loopback4, 0), clients[8];
	uint16_t port = port_of(listener);
	unsigned int pending = 0;

	for (size_t i = 0; i < COUNT(clients); i++)
		clients[i] = connect_to(&loopback4, port);
	for (size_t i = 0; i < COUNT(clients); i++)
		pending += endpoint_state(clients[i], &loopback4, port) == ENDPOINT_PENDING;
	assert_in_range(pending, 1, COUNT(clients) - 1);
	for (size_t i = 0; i < COUNT(clients); i++) /* and asking has changed nothing */
		pending -= endpoint_state(clients[i], &loopback4, port) == ENDPOINT_PENDING;
	assert_int_equal(pending, 0);
	for (size_t i = 0; i < COUNT(clients); i++)
		close(clients[i]);
	close(listener);
}

TEST(a_reset_is_no_regular_end)
{
	int listener = listen_at(&loopback4, 8);
	uint16_t port = port_of(listener);
	char byte;

	for (unsigned int reset = 0; reset < 2; reset++) {
		int client = connect_to(&loopback4, port), server = accept_at(listener);

		if (reset)
			endpoint_reset(server);
		else
			close(server);
		assert_int_equal(fcntl(server, F_GETFD), -1);
		wait_for(client, POLLIN);
		assert_int_equal(recv(client, &byte, 1, 0), reset ? -1 : 0);
		if (reset)
			assert_int_equal(errno, ECONNRESET);
		close(client);
	}
	close(listener);
}

/* A connection that was led nowhere: it never went to another place than the one it is at. */
TEST(without_nat_there_is_no_other_place)
{
	const struct address *const both[] = { &loopback4, &loopback6 };

	for (size_t i = 0; i < COUNT(both); i++) {
		int listener = listen_at(both[i], 8), client, server;
		struct address a = { .family = 77 };
		uint16_t port = 0;

		if (listener < 0)
			continue;
		client = connect_to(both[i], port_of(listener));
		server = accept_at(listener);
		if (endpoint_original(server, &a, &port)) {
			/* The kernel keeps track of connections here. */
			assert_true(address_equal(&a, both[i]));
			assert_int_equal(port, port_of(listener));
		}
		close(client);
		close(server);
		close(listener);
	}
	assert_false(endpoint_original(-1, &(struct address){ 0 }, &(uint16_t){ 0 }));
}

TEST(small_segments_are_not_held_back)
{
	int fd = endpoint_socket(AF_INET, SOCK_STREAM, 0), on = 0;
	socklen_t length = sizeof(on);

	endpoint_set_nodelay(fd);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length), 0);
	assert_true(on);
	close(fd);
}

static uint32_t mark_of(int fd)
{
	uint32_t mark = 77;
	socklen_t length = sizeof(mark);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &length), 0);
	return mark;
}

/* qemu-user does not know SO_MARK. */
static void needs_marks(void)
{
	int fd = endpoint_socket(AF_INET, SOCK_STREAM, 1);

	if (fd == -ENOPROTOOPT)
		skip_because("no marks of sockets under this emulator");
	close(fd);
}

TEST(a_socket_may_have_a_mark)
{
	static const struct {
		uint8_t family;
		int type;
	} kinds[] = { { AF_INET, SOCK_STREAM },
		      { AF_INET, SOCK_DGRAM },
		      { AF_INET6, SOCK_STREAM },
		      { AF_INET6, SOCK_DGRAM } };
	struct caps now;

	needs_marks();
	assert_int_equal(caps_read(&now), 0);
	if (!(now.effective & CAP_BIT(CAP_NET_ADMIN)))
		skip_because("needs CAP_NET_ADMIN");
	for (size_t i = 0; i < COUNT(kinds); i++) {
		int fd = endpoint_socket(kinds[i].family, kinds[i].type, 0xbabd1a11);

		if (fd == -EAFNOSUPPORT)
			continue; /* a kernel without IPv6 */
		assert_true(fd >= 0);
		assert_int_equal(mark_of(fd), 0xbabd1a11);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		close(fd);
		fd = endpoint_socket(kinds[i].family, kinds[i].type, 0);
		assert_int_equal(mark_of(fd), 0);
		close(fd);
	}
}

/* What it had begun is closed again. */
static int set_mark_without_capabilities(void)
{
	int next = dup(0), fd;

	close(next);
	CHILD_ASSERT(caps_drop(0) == 0);
	CHILD_ASSERT(endpoint_socket(AF_INET, SOCK_STREAM, 1) == -EPERM);
	CHILD_ASSERT(endpoint_socket(AF_INET, SOCK_DGRAM, 0xbabd1a11) == -EPERM);
	fd = endpoint_socket(AF_INET, SOCK_STREAM, 0);
	CHILD_ASSERT(fd == next);
	return 0;
}

TEST(a_mark_takes_a_capability)
{
	needs_marks();
	assert_int_equal(in_child(set_mark_without_capabilities), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_never_block_and_are_not_inherited),
		cmocka_unit_test(connects_to_an_address_of_either_family),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(a_connect_that_waits_is_pending),
		cmocka_unit_test(a_reset_is_no_regular_end),
		cmocka_unit_test(without_nat_there_is_no_other_place),
		cmocka_unit_test(small_segments_are_not_held_back),
		cmocka_unit_test(a_socket_may_have_a_mark),
		cmocka_unit_test(a_mark_takes_a_capability),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
