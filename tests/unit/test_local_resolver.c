/* SPDX-License-Identifier: MIT */
/*
 * A local resolver that is asked, with real sockets and the real rules of a container jail, in a network
 * namespace of its own.
 */
#include "tests/unit/container.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "init/gate/dns.h"
#include "init/gate/sockets.h"
#include "init/local_resolver.h"
#include "netlink/link.h"
#include "sys/clock.h"
#include "sys/endpoint.h"

static struct container box;
static struct resolv resolv;
static const char *missing; /* why nothing can be tested here; NULL: it can */

static int listen_at(const char *address, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = endpoint_socket(AF_INET, SOCK_STREAM, 0), on = 1;

	assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int set_up_loopback(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		return -1;
	return close(fd);
}

/* As init/jail.c does it: everything has a route, and the rules of a container without a policy stand. */
static int make_jail(void **state)
{
	struct nl_error e;
	int route, filter;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		missing = "needs CAP_SYS_ADMIN";
		return 0;
	}
	if (set_up_loopback() < 0)
		return -1;
	route = nl_open(NETLINK_ROUTE);
	filter = nl_open(NETLINK_NETFILTER);
	container_reset(&box);
	box.options.jail = JAIL_CONTAINER;
	container_add_server(&box, "127.0.0.11");
	container_plan(&box);
	if (route >= 0)
		route_add_last(&box.plan.wire.inner_addresses[0].address, "route");
	if (route < 0 || filter < 0 || nl_send(route, &e) < 0 ||
	    nft_write(filter, &box.plan.inner, false, &e) < 0)
		missing = "needs nf_tables";
	close(route);
	close(filter);
	return 0;
}

static int reset(void **state)
{
	(void)state;
	memset(&resolv, 0, sizeof(resolv));
	return 0;
}

static void add_server(const char *address)
{
	assert_true(address_parse(span_of(address), &resolv.servers[resolv.server_count++]));
}

static void assert_servers(const char *expected)
{
	char buffer[256];
	struct text t = TEXT_OVER(buffer);

	for (unsigned int i = 0; i < resolv.server_count; i++) {
		text_printf(&t, i > 0 ? " " : "");
		address_print(&t, &resolv.servers[i]);
	}
	assert_string_equal(buffer, expected);
}

/* ---- the resolver, a process of its own ---- */

static int accept_question(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	unsigned char message[2 + DNS_UDP_MAX];
	struct dns_query q;
	ssize_t length;
	int fd;

	CHILD_ASSERT(poll(&p, 1, 5000) == 1);
	fd = endpoint_accept(listener);
	CHILD_ASSERT(fd >= 0);
	p.fd = fd;
	CHILD_ASSERT(poll(&p, 1, 5000) == 1);
	length = recv(fd, message, sizeof(message), 0);
	/* A whole question after the Internet's own form, about a name that nobody has. */
	CHILD_ASSERT(length > 2 && length == 2 + (message[0] << 8 | message[1]));
	CHILD_ASSERT(dns_parse_query((struct span){ (const char *)message + 2, (size_t)length - 2 },
				     &q) == DNS_NOERROR);
	CHILD_ASSERT(q.type == DNS_A &&
		     span_is((struct span){ q.name.text, q.name.length }, "boundary-init.invalid"));
	return fd;
}

/* Asks a server in its turn, by TCP, until it is turned away. */
static void turn_to(const char *server)
{
	struct address a;
	struct pollfd p = { .events = POLLIN };
	char byte;

	CHILD_ASSERT(address_parse(span_of(server), &a));
	p.fd = endpoint_socket(a.family, SOCK_STREAM, 0);
	CHILD_ASSERT(p.fd >= 0);
	CHILD_ASSERT(endpoint_connect(p.fd, &a, 53) == 0 || errno == EINPROGRESS);
	CHILD_ASSERT(poll(&p, 1, 5000) == 1);
	CHILD_ASSERT(recv(p.fd, &byte, 1, 0) == 0);
	close(p.fd);
}

/* Turns to these, one after the other, and has no answer. */
static pid_t start_resolver(int listener, const char *const *servers)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int question;

		alarm(20);
		question = accept_question(listener);
		while (*servers)
			turn_to(*servers++);
		close(question);
		_exit(0);
	}
	return pid;
}

static void assert_ended_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void learn_from(const char *const *servers)
{
	int resolver = listen_at("127.0.0.11", 53), gate = listen_at("127.0.0.1", GATE_DNS_PORT);
	pid_t pid = start_resolver(resolver, servers);

	close(resolver);
	local_resolver_learn(&resolv, gate, GATE_MARK);
	assert_ended_well(pid);
	close(gate);
}

#define SERVERS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void needs_all(void)
{
	if (missing)
		skip_because(missing);
}

/* ---- what is learned ---- */

TEST(learns_whom_the_local_one_asks)
{
	needs_all();
	add_server("127.0.0.11");
	learn_from(SERVERS("10.0.0.2"));
	assert_servers("127.0.0.11 10.0.0.2");
}

TEST(learns_all_of_them_in_their_order)
{
	needs_all();
	add_server("127.0.0.11");
	learn_from(SERVERS("10.0.0.3", "192.0.2.1", "10.0.0.2"));
	assert_servers("127.0.0.11 10.0.0.3 192.0.2.1 10.0.0.2");
}

TEST(learns_behind_the_servers_that_are_known)
{
	needs_all();
	add_server("192.0.2.7");
	add_server("127.0.0.11"); /* the first one that is local */
	add_server("127.0.0.12");
	learn_from(SERVERS("10.0.0.2"));
	assert_servers("192.0.2.7 127.0.0.11 127.0.0.12 10.0.0.2");
}

TEST(learns_as_many_as_there_is_room_for)
{
	needs_all();
	add_server("127.0.0.11");
	learn_from(SERVERS("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6",
			   "10.0.0.7"));
	assert_int_equal(resolv.server_count, RESOLV_ALL_SERVERS);
	assert_servers("127.0.0.11 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5");
}

/* It asks itself, or another one of this machine: the gate would be asked in its turn. */
TEST(learns_no_local_one)
{
	needs_all();
	add_server("127.0.0.11");
	learn_from(SERVERS("127.0.0.12", "10.0.0.2"));
	assert_servers("127.0.0.11 10.0.0.2");
}

TEST(one_that_asks_nobody_teaches_nothing)
{
	int64_t start = clock_now();

	needs_all();
	add_server("127.0.0.11");
	learn_from((const char *const[]){ NULL });
	assert_servers("127.0.0.11");
	assert_in_range(clock_now() - start, 0, 400); /* it has said so, and is not waited for */
}

/* ---- nobody to ask ---- */

TEST(without_a_local_one_nobody_is_asked)
{
	int64_t start = clock_now();

	local_resolver_learn(&resolv, -1, 0);
	assert_servers("");
	add_server("192.0.2.7");
	local_resolver_learn(&resolv, -1, 0);
	assert_servers("192.0.2.7");
	assert_in_range(clock_now() - start, 0, 400);
}

TEST(where_nobody_listens_nothing_is_learned_nor_waited_for)
{
	int64_t start = clock_now();
	int gate;

	needs_all();
	gate = listen_at("127.0.0.1", GATE_DNS_PORT);
	add_server("127.0.0.11");
	local_resolver_learn(&resolv, gate, GATE_MARK);
	assert_servers("127.0.0.11");
	assert_in_range(clock_now() - start, 0, 400);
	close(gate);
}

/* It takes the question and says nothing: no start of a container may wait for it for long. */
TEST(one_that_is_silent_is_given_up)
{
	int64_t start = clock_now();
	int resolver, gate;

	needs_all();
	resolver = listen_at("127.0.0.11", 53);
	gate = listen_at("127.0.0.1", GATE_DNS_PORT);
	add_server("127.0.0.11");
	local_resolver_learn(&resolv, gate, GATE_MARK);
	assert_servers("127.0.0.11");
	assert_in_range(clock_now() - start, 400, 3000);
	close(resolver);
	close(gate);
}

/* The rules take a question without the mark for the agent's, who may not ask the resolver. */
TEST(the_question_needs_the_mark)
{
	int resolver, gate;

	needs_all();
	resolver = listen_at("127.0.0.11", 53);
	gate = listen_at("127.0.0.1", GATE_DNS_PORT);
	add_server("127.0.0.11");
	local_resolver_learn(&resolv, gate, 0);
	assert_int_equal(endpoint_accept(resolver), -EAGAIN);
	assert_servers("127.0.0.11");
	close(resolver);
	close(gate);
}

static int learn_without_capabilities(void)
{
	int64_t start = clock_now();

	CHILD_ASSERT(caps_drop(0) == 0);
	local_resolver_learn(&resolv, -1, GATE_MARK);
	CHILD_ASSERT(resolv.server_count == 1 && clock_now() - start < 400);
	return 0;
}

TEST(who_cannot_set_the_mark_learns_nothing)
{
	add_server("127.0.0.11");
	assert_int_equal(in_child(learn_without_capabilities), 0);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(learns_whom_the_local_one_asks),
		T(learns_all_of_them_in_their_order),
		T(learns_behind_the_servers_that_are_known),
		T(learns_as_many_as_there_is_room_for),
		T(learns_no_local_one),
		T(one_that_asks_nobody_teaches_nothing),
		T(without_a_local_one_nobody_is_asked),
		T(where_nobody_listens_nothing_is_learned_nor_waited_for),
		T(one_that_is_silent_is_given_up),
		T(the_question_needs_the_mark),
		T(who_cannot_set_the_mark_learns_nothing),
	};

	return cmocka_run_group_tests(tests, make_jail, NULL);
}
