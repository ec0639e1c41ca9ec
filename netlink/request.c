/* SPDX-License-Identifier: MIT */
#include "netlink/request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "sys/fds.h"
#include "sys/text.h"

/* Larger than any datagram of a dump: the kernel makes them no larger than what is asked for. */
#define ANSWER_MAX 32768

static char answer[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));

/* One count for all sockets: a late answer to messages that failed half-way fits no later ones. */
static uint32_t last_sequence;

/* What waits to be sent. */
static char waiting[NL_MESSAGES * NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
static const char *objects[NL_MESSAGES]; /* what each message is about */
static struct nlmsghdr *last; /* the last message, while `count` is not 0 */
static unsigned int count, acks; /* messages; answers that will come */

int nl_open(int protocol)
{
	const struct timeval patience = { .tv_sec = 5 };
	const int on = 1;
	int fd = socket_open(AF_NETLINK, SOCK_RAW, protocol);

	if (fd < 0)
		return fd;
	/* Without these the answers are longer or poorer, but not wrong. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static char *behind_the_last(void)
{
	return count > 0 ? mnl_nlmsg_get_payload_tail(last) : waiting;
}

struct nlmsghdr *nl_begin(uint16_t type, uint16_t flags, size_t header, const char *object)
{
	if (count == NL_MESSAGES)
		__builtin_trap();
	last = mnl_nlmsg_put_header(behind_the_last());
	last->nlmsg_type = type;
	last->nlmsg_flags = NLM_F_REQUEST | flags;
	last->nlmsg_seq = ++last_sequence;
	mnl_nlmsg_put_extra_header(last, header);
	if (flags & NLM_F_ACK)
		acks++;
	objects[count++] = object;
	return last;
}

static int send_waiting(int fd)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const size_t length = (size_t)(behind_the_last() - waiting);
	const int room = (int)length + 4096;

	count = 0;
	for (bool again = false;; again = true) {
		if (sendto(fd, waiting, length, 0, (const struct sockaddr *)&kernel,
			   sizeof(kernel)) >= 0)
			return 0;
		if (again || errno != EMSGSIZE)
			return -errno;
		/* A long one. SO_SNDBUF goes to net.core.wmem_max, the other, with privilege, beyond. */
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	}
}

/* One datagram from the kernel, not from anybody else, into `answer`. Its length or -errno. */
static int receive(int fd)
{
	struct sockaddr_nl from = { 0 };
	socklen_t length;
	ssize_t n;

	do {
		length = sizeof(from);
		n = recvfrom(fd, answer, sizeof(answer), MSG_TRUNC, (struct sockaddr *)&from,
			     &length);
		if (n < 0)
			return errno == EAGAIN ? -ETIME : -errno;
	} while (from.nl_pid != 0);
	return n > (ssize_t)sizeof(answer) ? -EMSGSIZE : (int)n;
}

/* The error in an NLMSG_ERROR message: 0 for an ACK. */
static int read_error(const struct nlmsghdr *m, struct nl_error *e)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(m);
	size_t length = mnl_nlmsg_get_payload_len(m), skip = sizeof(*error);
	const struct nlattr *words;

	if (length < sizeof(*error))
		return -EBADMSG;
	if (!(m->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	words = m->nlmsg_flags & NLM_F_ACK_TLVS && skip <= length ?
			nl_find(m, skip, NLMSGERR_ATTR_MSG) :
			NULL;
	if (words) {
		struct text t = TEXT_OVER(e->text);

		text_printf(&t, "%.*s", (int)mnl_attr_get_payload_len(words),
			    mnl_attr_get_str(words));
	}
	/* 0 or -errno; anything else would be taken for a yes. */
	return error->error > 0 ? -EBADMSG : error->error;
}

static int take_ack(const struct nlmsghdr *m, void *to)
{
	struct nl_error *e = to;
	uint32_t index = m->nlmsg_seq - e->first;

	if (m->nlmsg_type != NLMSG_ERROR || index > last_sequence - e->first)
		return 0;
	acks--;
	e->object = objects[index];
	return read_error(m, e);
}

int nl_send(int fd, struct nl_error *e)
{
	int error;

	*e = (struct nl_error){ .object = objects[0], .first = last_sequence + 1 - count };
	error = send_waiting(fd);
	while (!error && acks > 0)
		error = nl_listen(fd, take_ack, e);
	acks = 0;
	return error;
}

struct dump {
	int (*each)(const struct nlmsghdr *, void *);
	void *to;
	bool inconsistent;
	bool done;
};

static int take_part(const struct nlmsghdr *m, void *to)
{
	struct dump *d = to;
	struct nl_error e;

	if (m->nlmsg_seq != last_sequence || d->done)
		return 0;
	d->inconsistent = d->inconsistent || m->nlmsg_flags & NLM_F_DUMP_INTR;
	d->done = !(m->nlmsg_flags & NLM_F_MULTI) || m->nlmsg_type == NLMSG_DONE;
	if (m->nlmsg_type == NLMSG_ERROR)
		return read_error(m, &e);
	return m->nlmsg_type == NLMSG_DONE ? 0 : d->each(m, d->to);
}

int nl_ask(int fd, int (*each)(const struct nlmsghdr *, void *), void *to)
{
	struct dump d = { .each = each, .to = to };
	int error = send_waiting(fd);

	while (!error && !d.done)
		error = nl_listen(fd, take_part, &d);
	return !error && d.inconsistent ? -EINTR : error;
}

int nl_open_events(unsigned int group)
{
	/* Bound, and not only a member: a socket without an address of its own hears nothing. */
	const struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = 1U << (group - 1) };
	int fd = nl_open(NETLINK_ROUTE), error;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&own, sizeof(own)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int nl_listen(int fd, int (*each)(const struct nlmsghdr *, void *), void *to)
{
	int length = receive(fd), error = 0;

	for (const struct nlmsghdr *m = (const struct nlmsghdr *)answer;
	     error >= 0 && mnl_nlmsg_ok(m, length); m = mnl_nlmsg_next(m, &length))
		error = each(m, to);
	return length < 0 ? length : error;
}

void nl_put_nested(struct nlmsghdr *m, const uint8_t *types, const void *value, size_t size)
{
	struct nlattr *nest;

	if (!types[1]) {
		mnl_attr_put(m, types[0], size, value);
		return;
	}
	nest = mnl_attr_nest_start(m, types[0]);
	nl_put_nested(m, types + 1, value, size);
	mnl_attr_nest_end(m, nest);
}

const struct nlattr *nl_attribute_at(const void *at, const void *end)
{
	return mnl_attr_ok(at, (int)((const char *)end - (const char *)at)) ? at : NULL;
}

static const struct nlattr *find(const char *at, const void *end, uint16_t type)
{
	const struct nlattr *a = nl_attribute_at(at, end);

	while (a && mnl_attr_get_type(a) != type)
		a = nl_attribute_at(mnl_attr_next(a), end);
	return a;
}

const struct nlattr *nl_find(const struct nlmsghdr *m, size_t header, uint16_t type)
{
	/* libmnl's end of a message is rounded up, and may lie behind what came. */
	return find(mnl_nlmsg_get_payload_offset(m, header), (const char *)m + m->nlmsg_len, type);
}

const struct nlattr *nl_find_nested(const struct nlattr *nest, uint16_t type)
{
	if (!nest)
		return NULL;
	return find(mnl_attr_get_payload(nest), (const char *)nest + nest->nla_len, type);
}

bool nl_is(const struct nlattr *a, const void *value, size_t size)
{
	return a && mnl_attr_get_payload_len(a) == size &&
	       memcmp(mnl_attr_get_payload(a), value, size) == 0;
}

bool nl_is_be32(const struct nlattr *a, uint32_t value)
{
	value = htonl(value);
	return nl_is(a, &value, sizeof(value));
}

bool nl_is_string(const struct nlattr *a, const char *string)
{
	return nl_is(a, string, strlen(string) + 1);
}

void nl_copy(const struct nlattr *a, void *to, size_t size)
{
	if (a && mnl_attr_get_payload_len(a) == size)
		memcpy(to, mnl_attr_get_payload(a), size);
}

void nl_rest(void)
{
	memory_give_back(waiting, sizeof(waiting));
	memory_give_back(objects, sizeof(objects));
	memory_give_back(answer, sizeof(answer));
}
