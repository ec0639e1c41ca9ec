/* SPDX-License-Identifier: MIT */
/* NFLOG by the real kernel, in a network namespace of its own. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include "netlink/link.h"
#include "netlink/nflog.h"
#include "netlink/nft.h"

#define GROUP 5
#define NO_NAMESPACES 77 /* this exit code says that there is nothing to test with */
#define AT_ONCE 5 /* milliseconds; less than the 1/100 s that reports may be kept back */

static struct nft_ruleset rules = {
	.table = "test_nflog",
	.comment = "",
	.chains = { { "output", "filter", NF_INET_LOCAL_OUT, 0, false } },
	.chain_count = 1,
	.rules = { { .protocol = IPPROTO_UDP, .log_group = GROUP, .verdict = NFT_DROP_PACKET } },
	.rule_count = 1,
};

static void set_loopback_up(void)
{
	struct nl_error e;

	link_set_up(LINK_LOOPBACK, "loopback");
	CHILD_ASSERT(nl_send(nl_open(NETLINK_ROUTE), &e) == 0);
}

/* Sends a datagram of this length, which the rule drops. */
static void send_one(size_t length)
{
	static const char bytes[1000];
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(9),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHILD_ASSERT(sendto(fd, bytes, length, 0, (const struct sockaddr *)&to, sizeof(to)) < 0);
	CHILD_ASSERT(errno == EPERM);
	close(fd);
}

/* The next report; its payload's length, and the sequence number. */
static size_t receive_one(int fd, uint32_t *sequence)
{
	static char bytes[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *m = (const struct nlmsghdr *)bytes;
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(m);
	const struct nlattr *payload, *number;
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	CHILD_ASSERT(n > 0 && mnl_nlmsg_ok(m, (int)n));
	CHILD_ASSERT(m->nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET));
	CHILD_ASSERT(header->nfgen_family == AF_INET && header->res_id == htons(GROUP));
	payload = nl_find(m, sizeof(*header), NFULA_PAYLOAD);
	number = nl_find(m, sizeof(*header), NFULA_SEQ);
	CHILD_ASSERT(payload && number);
	*sequence = ntohl(mnl_attr_get_u32(number));
	return mnl_attr_get_payload_len(payload);
}

static int make_namespace(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	set_loopback_up();
	return nflog_open(GROUP);
}

static int body_of_reports(void)
{
	struct nl_error e;
	uint32_t first, second;
	char byte;
	int fd = make_namespace(), filter = nl_open(NETLINK_NETFILTER);
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return NO_NAMESPACES;
	CHILD_ASSERT(fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHILD_ASSERT(nft_write(filter, &rules, false, &e) == 0);
	CHILD_ASSERT(nft_check(filter, &rules) == 1);
	CHILD_ASSERT(recv(fd, &byte, 1, 0) < 0 && errno == EAGAIN);
	send_one(4);
	CHILD_ASSERT(poll(&wait, 1, AT_ONCE) == 1);
	CHILD_ASSERT(receive_one(fd, &first) == 20 + 8 + 4);
	send_one(1000); /* cut, and by itself */
	send_one(4);
	CHILD_ASSERT(receive_one(fd, &second) == NFLOG_COPY && second == first + 1);
	CHILD_ASSERT(receive_one(fd, &second) == 20 + 8 + 4 && second == first + 2);
	return 0;
}

/* More than there is room for are lost, which is no error, and later ones come again. */
static int body_of_flood(void)
{
	const int room = 4096;
	uint32_t sequence = 0, last = 0;
	struct nl_error e;
	char byte;
	int fd = make_namespace();

	if (fd < 0)
		return NO_NAMESPACES;
	CHILD_ASSERT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) == 0);
	CHILD_ASSERT(nft_write(nl_open(NETLINK_NETFILTER), &rules, false, &e) == 0);
	for (int i = 0; i < 100; i++)
		send_one(4);
	receive_one(fd, &sequence);
	CHILD_ASSERT(sequence == 0);
	/* As they were taken, so there is room at once, with others still waiting. */
	send_one(4);
	while (recv(fd, &byte, 1, MSG_PEEK) == 1)
		receive_one(fd, &last);
	CHILD_ASSERT(errno == EAGAIN && last == 100);
	return 0;
}

/* A group has one listener. */
static int body_of_two(void)
{
	int fd = make_namespace(), next;

	if (fd < 0)
		return NO_NAMESPACES;
	CHILD_ASSERT(nflog_open(GROUP) == -EPERM);
	next = nflog_open(GROUP + 1);
	CHILD_ASSERT(next == fd + 1); /* what failed has left nothing open */
	close(fd);
	CHILD_ASSERT(nflog_open(GROUP) == fd);
	return 0;
}

static void assert_child(int (*body)(void))
{
	int code = in_child(body);

	if (code == NO_NAMESPACES)
		skip_because("no namespaces, or no NFLOG");
	assert_int_equal(code, 0);
}

TEST(reports_come_at_once_and_one_by_one)
{
	assert_child(body_of_reports);
}

TEST(a_flood_is_no_error)
{
	assert_child(body_of_flood);
}

TEST(one_listener_a_group)
{
	assert_child(body_of_two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_come_at_once_and_one_by_one),
		cmocka_unit_test(a_flood_is_no_error),
		cmocka_unit_test(one_listener_a_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
