/* SPDX-License-Identifier: MIT */
/*
 * Which server is asked after which, with real sockets in a network namespace of their own. What is remembered
 * lies in the process: each test has one of its own.
 */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "init/gate/loop.h"
#include "init/gate/resolve.h"
#include "netlink/link.h"
#include "sys/caps.h"
#include "sys/endpoint.h"

/* As Docker gives them to the gate: its own resolver, and those behind it. */
static const char *const addresses[] = { "127.0.0.11", "10.0.0.2", "10.0.0.3" };

#define SERVERS 3

static int servers[SERVERS];
static struct resolv resolv;
static struct gate_config config;
static const char *missing; /* why nothing can be tested here; NULL: it can */

static int set_up_loopback(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		return -1;
	return close(fd);
}

static int make_namespace(void **state)
{
	struct nl_error e;
	int route, marked;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		missing = "needs CAP_SYS_ADMIN";
		return 0;
	}
	if (set_up_loopback() < 0)
		return -1;
	route = nl_open(NETLINK_ROUTE);
	for (unsigned int i = 1; i < SERVERS && !missing; i++) {
		struct prefix p = { .length = 32 };

		assert_true(address_parse(span_of(addresses[i]), &p.address));
		addr_add(1, &p, "address");
		if (route < 0 || nl_send(route, &e) < 0)
			missing = "needs addresses on the loopback";
	}
	close(route);
	marked = endpoint_socket(AF_INET, SOCK_DGRAM, 1); /* qemu-user does not know it */
	if (marked < 0)
		missing = "needs marks of sockets";
	close(marked);
	return 0;
}

/* ---- in the process of a test ---- */

/* Until the gate's main function opens one of its own, the descriptor that gate_watch() uses is 0. */
static void open_epoll(void)
{
	int fd = epoll_create1(0);

	CHILD_ASSERT(fd >= 0 && dup2(fd, 0) == 0 && close(fd) == 0);
}

static void begin(uint32_t mark)
{
	open_epoll();
	for (unsigned int i = 0; i < SERVERS; i++) {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };

		CHILD_ASSERT(address_parse(span_of(addresses[i]), &resolv.servers[i]));
		memcpy(&at.sin_addr, resolv.servers[i].bytes, 4);
		servers[i] = endpoint_socket(AF_INET, SOCK_DGRAM, 0);
		CHILD_ASSERT(bind(servers[i], (struct sockaddr *)&at, sizeof(at)) == 0);
	}
	resolv.server_count = SERVERS;
	resolv.attempts = 1;
	config.resolv = &resolv;
	config.mark = mark;
	gate.config = &config;
}

struct question {
	struct dns_query query;
	struct sockaddr_in from;
};

static struct question take_question(unsigned int server, uint16_t type)
{
	struct pollfd p = { .fd = servers[server], .events = POLLIN };
	struct question q;
	socklen_t length = sizeof(q.from);
	char message[DNS_UDP_MAX];
	ssize_t n;

	CHILD_ASSERT(poll(&p, 1, 2000) == 1);
	n = recvfrom(servers[server], message, sizeof(message), 0, (struct sockaddr *)&q.from,
		     &length);
	CHILD_ASSERT(n > 0);
	CHILD_ASSERT(dns_parse_query((struct span){ message, (size_t)n }, &q.query) == DNS_NOERROR);
	CHILD_ASSERT(q.query.type == type);
	return q;
}

static bool is_asked(unsigned int server)
{
	char byte;

	return recv(servers[server], &byte, 1, MSG_PEEK) >= 0;
}

/* What has come for lookups, as the gate's loop passes it on. */
static void take_events(void)
{
	struct epoll_event events[8];
	int n = epoll_wait(0, events, 8, 2000);

	CHILD_ASSERT(n > 0);
	for (int i = 0; i < n; i++) {
		CHILD_ASSERT((events[i].data.u64 & 0xff) == SOURCE_LOOKUP);
		resolve_event((uint32_t)(events[i].data.u64 >> 32),
			      (uint16_t)(events[i].data.u64 >> 8));
	}
}

static void answer(unsigned int server, const struct question *q, const char *address)
{
	unsigned char message[DNS_UDP_MAX];
	struct address a;
	size_t length;

	CHILD_ASSERT(address_parse(span_of(address), &a));
	if ((a.family == AF_INET) == (q->query.type == DNS_A))
		length = dns_write_address(message, sizeof(message), &q->query, &a, 60);
	else
		length = dns_write_empty(message, sizeof(message), &q->query, DNS_NOERROR);
	CHILD_ASSERT(length > 0);
	CHILD_ASSERT(sendto(servers[server], message, length, 0, (const struct sockaddr *)&q->from,
			    sizeof(q->from)) == (ssize_t)length);
	take_events();
}

/* Who waits, and what he has heard. */
struct asker {
	struct waiter waiter;
	unsigned int told;
	enum resolved how;
	struct dns_answer addresses;
};

static void hear(struct waiter *w, enum resolved how, const struct dns_answer *all,
		 struct span message)
{
	struct asker *a = (struct asker *)w;

	(void)message;
	a->told++;
	a->how = how;
	a->addresses = *all;
}

static void ask(struct asker *a, const char *name)
{
	*a = (struct asker){ .waiter.done = hear };
	CHILD_ASSERT(resolve_addresses(span_of(name), &a->waiter));
}

/* The answer to both questions of a lookup. */
static void answer_both(unsigned int server, const char *address)
{
	struct question a = take_question(server, DNS_A), aaaa = take_question(server, DNS_AAAA);

	answer(server, &a, address);
	answer(server, &aaaa, address);
}

static void assert_told(const struct asker *a, const char *address)
{
	struct address wanted;

	CHILD_ASSERT(address_parse(span_of(address), &wanted));
	CHILD_ASSERT(a->told == 1 && a->how == RESOLVED && a->addresses.count == 1);
	CHILD_ASSERT(address_equal(&a->addresses.addresses[0], &wanted));
}

static struct asker first, second;

#define MARK 0xbabd1a11

/* ---- the tests ---- */

static int ask_a_local_server_that_knows(void)
{
	begin(MARK);
	ask(&first, "db");
	answer_both(0, "172.18.0.3");
	assert_told(&first, "172.18.0.3");
	CHILD_ASSERT(!is_asked(1) && !is_asked(2));
	CHILD_ASSERT(!resolve_note_echo(span_of("db"))); /* it is over */
	CHILD_ASSERT(first.told == 1);
	return 0;
}

static int hear_the_echo(void)
{
	begin(MARK);
	ask(&first, "example.com");
	take_question(0, DNS_A);
	take_question(0, DNS_AAAA);
	CHILD_ASSERT(!is_asked(1));
	CHILD_ASSERT(resolve_note_echo(span_of("example.com")));
	answer_both(1, "192.0.2.1");
	assert_told(&first, "192.0.2.1");
	CHILD_ASSERT(!is_asked(0) && !is_asked(2));
	return 0;
}

/* The same name again is the agent's question: the server that is asked now is no local one. */
static int hear_no_further_echo(void)
{
	begin(MARK);
	ask(&first, "example.com");
	CHILD_ASSERT(resolve_note_echo(span_of("example.com")));
	CHILD_ASSERT(!resolve_note_echo(span_of("example.com")));
	CHILD_ASSERT(!is_asked(2));
	answer_both(1, "192.0.2.1");
	assert_told(&first, "192.0.2.1");
	return 0;
}

static int hear_of_other_names(void)
{
	begin(MARK);
	CHILD_ASSERT(!resolve_note_echo(span_of("example.com")));
	ask(&first, "example.com");
	CHILD_ASSERT(!resolve_note_echo(span_of("example.org")));
	CHILD_ASSERT(!resolve_note_echo(span_of("example.co")));
	CHILD_ASSERT(!resolve_note_echo(span_of("")));
	CHILD_ASSERT(!is_asked(1));
	answer_both(0, "192.0.2.1");
	assert_told(&first, "192.0.2.1");
	return 0;
}

static int hear_for_every_type(void)
{
	struct dns_query mx = { .type = 15, .name = { .length = 11, .text = "example.com" } };

	begin(MARK);
	ask(&first, "example.com");
	take_question(0, DNS_A);
	take_question(0, DNS_AAAA);
	second = (struct asker){ .waiter.done = hear };
	CHILD_ASSERT(resolve_other(&mx, &second.waiter));
	take_question(0, 15);
	CHILD_ASSERT(resolve_note_echo(span_of("example.com")));
	take_question(1, DNS_A);
	take_question(1, DNS_AAAA);
	take_question(1, 15);
	CHILD_ASSERT(!is_asked(0) && !is_asked(2));
	CHILD_ASSERT(first.told == 0 && second.told == 0);
	return 0;
}

/* A local server that knows one of the two needs nobody for it, and asks for the other one. */
static int hear_what_half_is_known_of(void)
{
	struct question a;

	begin(MARK);
	ask(&first, "db");
	a = take_question(0, DNS_A);
	answer(0, &a, "172.18.0.3");
	CHILD_ASSERT(first.told == 0);
	CHILD_ASSERT(resolve_note_echo(span_of("db")));
	assert_told(&first, "172.18.0.3");
	CHILD_ASSERT(!is_asked(1));
	return 0;
}

static int hear_when_there_is_nobody_else(void)
{
	begin(MARK);
	resolv.server_count = 1;
	ask(&first, "example.com");
	CHILD_ASSERT(resolve_note_echo(span_of("example.com")));
	CHILD_ASSERT(first.told == 1 && first.how == RESOLVED_FAILED);
	CHILD_ASSERT(first.addresses.count == 0);
	return 0;
}

/* Without a mark, or with another first server, the one that has answered last is the first one to be asked. */
static int remember(uint32_t mark, unsigned int next)
{
	begin(mark);
	ask(&first, "example.com");
	take_question(0, DNS_A);
	take_question(0, DNS_AAAA);
	if (address_is_loopback(&resolv.servers[0]))
		CHILD_ASSERT(resolve_note_echo(span_of("example.com")));
	answer_both(1, "192.0.2.1");
	assert_told(&first, "192.0.2.1");
	ask(&second, "example.org");
	take_question(next, DNS_A);
	take_question(next, DNS_AAAA);
	for (unsigned int i = 0; i < SERVERS; i++)
		CHILD_ASSERT(!is_asked(i));
	return 0;
}

static int remember_the_local_server(void)
{
	return remember(MARK, 0);
}

static int remember_another_server(void)
{
	return remember(0, 1);
}

static uint32_t mark_of(int fd)
{
	uint32_t mark = 0;
	socklen_t length = sizeof(mark);

	CHILD_ASSERT(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &length) == 0);
	return mark;
}

/* Of all descriptors those that are connected to a server. */
static unsigned int count_marked(uint32_t mark)
{
	unsigned int found = 0;

	for (int fd = 3; fd < 64; fd++) {
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
		    ntohs(peer.sin_port) == 53)
			found += mark_of(fd) == mark;
	}
	return found;
}

static int ask_with_a_mark(void)
{
	begin(MARK);
	ask(&first, "example.com");
	CHILD_ASSERT(count_marked(MARK) == 1 && count_marked(0) == 0);
	CHILD_ASSERT(resolve_note_echo(span_of("example.com")));
	CHILD_ASSERT(count_marked(MARK) == 1);
	config.mark = 0;
	ask(&second, "example.org");
	CHILD_ASSERT(count_marked(0) == 1);
	return 0;
}

static void run(int (*body)(void))
{
	if (missing)
		skip_because(missing);
	assert_int_equal(in_child(body), 0);
}

TEST(a_local_server_may_know)
{
	run(ask_a_local_server_that_knows);
}

TEST(an_echo_leads_to_the_next_server)
{
	run(hear_the_echo);
}

TEST(an_echo_comes_of_a_local_server_alone)
{
	run(hear_no_further_echo);
}

TEST(an_echo_has_the_name_of_a_question)
{
	run(hear_of_other_names);
}

TEST(an_echo_is_of_all_questions_about_a_name)
{
	run(hear_for_every_type);
}

TEST(after_an_echo_what_is_known_will_do)
{
	run(hear_what_half_is_known_of);
}

TEST(an_echo_where_there_is_nobody_else_ends_in_failure)
{
	run(hear_when_there_is_nobody_else);
}

TEST(a_local_server_is_always_asked_first)
{
	run(remember_the_local_server);
}

TEST(the_server_that_has_answered_is_asked_first)
{
	run(remember_another_server);
}

TEST(every_question_has_the_mark)
{
	run(ask_with_a_mark);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_local_server_may_know),
		cmocka_unit_test(an_echo_leads_to_the_next_server),
		cmocka_unit_test(an_echo_comes_of_a_local_server_alone),
		cmocka_unit_test(an_echo_has_the_name_of_a_question),
		cmocka_unit_test(an_echo_is_of_all_questions_about_a_name),
		cmocka_unit_test(after_an_echo_what_is_known_will_do),
		cmocka_unit_test(an_echo_where_there_is_nobody_else_ends_in_failure),
		cmocka_unit_test(a_local_server_is_always_asked_first),
		cmocka_unit_test(the_server_that_has_answered_is_asked_first),
		cmocka_unit_test(every_question_has_the_mark),
	};

	return cmocka_run_group_tests(tests, make_namespace, NULL);
}
