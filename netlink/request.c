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

/* Larger than any datagram of a dump: the kernel makes them no larger than what is asked for. */
#define ANSWER_MAX 32768

static char answer[ANSWER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));

/* One count for all sockets: a late answer to a batch that failed half-way fits no later one. */
static uint32_t last_sequence;

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

struct nlmsghdr *nl_begin(struct nl_batch *b, uint16_t type, uint16_t flags, const char *object)
{
	struct nlmsghdr *message;

	if (b->size - b->length < NL_MESSAGE_MAX || b->count == b->room)
		return NULL;
	message = mnl_nlmsg_put_header(b->buffer + b->length);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++last_sequence;
	if (b->count == 0)
		b->first = last_sequence;
	if (flags & NLM_F_ACK)
		b->acks++;
	b->objects[b->count++] = object;
	return message;
}

void nl_end(struct nl_batch *b, const struct nlmsghdr *message)
{
	b->length += (size_t)MNL_ALIGN((int)message->nlmsg_len);
}

static int send_all(int fd, const void *bytes, size_t length)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const int room = (int)length + 4096;
	ssize_t n = sendto(fd, bytes, length, 0, (const struct sockaddr *)&kernel, sizeof(kernel));

	/* A long transaction. SO_SNDBUF goes to net.core.wmem_max, the other, with privilege, beyond. */
	if (n < 0 && errno == EMSGSIZE) {
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
		n = sendto(fd, bytes, length, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	}
	return n < 0 ? -errno : 0;
}

/* One datagram from the kernel, not from anybody else, into `answer`. Its length or -errno. */
static int receive(int fd)
{
	struct sockaddr_nl from = { 0 };
	struct iovec into = { .iov_base = answer, .iov_len = sizeof(answer) };
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &into, .msg_iovlen = 1
	};
	ssize_t n;

	do {
		n = recvmsg(fd, &message, 0);
		if (n < 0)
			return errno == EAGAIN ? -ETIME : -errno;
	} while (from.nl_pid != 0);
	return (message.msg_flags & MSG_TRUNC) ? -EMSGSIZE : (int)n;
}

static int read_extended_ack(const struct nlattr *attribute, void *to)
{
	struct nl_error *e = to;

	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG) {
		size_t length = mnl_attr_get_payload_len(attribute);

		if (length >= sizeof(e->text))
			length = sizeof(e->text) - 1;
		memcpy(e->text, mnl_attr_get_payload(attribute), length);
		e->text[length] = '\0';
	}
	return MNL_CB_OK;
}

/* The error in an NLMSG_ERROR message: 0 for an ACK. */
static int read_error(const struct nlmsghdr *m, struct nl_error *e)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(m);
	size_t skip = sizeof(*error);

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*error))
		return -EBADMSG;
	if (!(m->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	if (e && m->nlmsg_flags & NLM_F_ACK_TLVS && skip <= mnl_nlmsg_get_payload_len(m))
		mnl_attr_parse(m, (unsigned int)skip, read_extended_ack, e);
	return error->error;
}

int nl_send(int fd, struct nl_batch *b, struct nl_error *e)
{
	int error = send_all(fd, b->buffer, b->length);

	*e = (struct nl_error){ .object = b->objects[0] };
	while (!error && b->acks > 0) {
		int length = receive(fd);
		const struct nlmsghdr *m = (const struct nlmsghdr *)answer;

		if (length < 0)
			error = length;
		for (; !error && mnl_nlmsg_ok(m, length); m = mnl_nlmsg_next(m, &length)) {
			uint32_t index = m->nlmsg_seq - b->first;

			if (m->nlmsg_type != NLMSG_ERROR || index >= b->count)
				continue;
			error = read_error(m, e);
			e->object = b->objects[index];
			b->acks--;
		}
	}
	b->length = 0;
	b->count = 0;
	b->acks = 0;
	return error;
}

struct dump {
	uint32_t sequence;
	int (*each)(const struct nlmsghdr *, void *);
	void *to;
	bool inconsistent;
	bool done;
};

static int read_dump(struct dump *d, const struct nlmsghdr *m, int length)
{
	for (; mnl_nlmsg_ok(m, length); m = mnl_nlmsg_next(m, &length)) {
		int error = 0;

		if (m->nlmsg_seq != d->sequence)
			continue;
		d->inconsistent = d->inconsistent || m->nlmsg_flags & NLM_F_DUMP_INTR;
		if (m->nlmsg_type == NLMSG_DONE) {
			d->done = true;
			return 0;
		}
		if (m->nlmsg_type == NLMSG_ERROR)
			error = read_error(m, NULL);
		else
			error = d->each(m, d->to);
		if (error < 0)
			return error;
		d->done = !(m->nlmsg_flags & NLM_F_MULTI);
	}
	return 0;
}

struct nlmsghdr *nl_request(uint16_t type, uint16_t flags, size_t header)
{
	static char buffer[NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);

	m->nlmsg_type = type;
	m->nlmsg_flags = NLM_F_REQUEST | flags;
	mnl_nlmsg_put_extra_header(m, header);
	return m;
}

int nl_ask(int fd, struct nlmsghdr *request, int (*each)(const struct nlmsghdr *, void *), void *to)
{
	struct dump d = { .each = each, .to = to };
	int error = 0;

	d.sequence = ++last_sequence;
	request->nlmsg_seq = d.sequence;
	error = send_all(fd, request, request->nlmsg_len);
	while (!error && !d.done) {
		int length = receive(fd);

		error = length < 0 ? length :
				     read_dump(&d, (const struct nlmsghdr *)answer, length);
	}
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
	memory_give_back(answer, sizeof(answer));
}
