/* SPDX-License-Identifier: MIT */
/*
 * The kernel's end of a netlink socket, without a kernel: libc's sendto, recvfrom and setsockopt are
 * replaced for the whole program. What was sent can be looked at; the answers are the test's own.
 * To be included by one file of a program.
 */
#ifndef TESTS_UNIT_FAKE_KERNEL_H
#define TESTS_UNIT_FAKE_KERNEL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#define KERNEL_FD 1000 /* no descriptor: nothing must reach the real kernel */
#define KERNEL_DATAGRAMS 16
#define KERNEL_DATAGRAM 65536

struct kernel_datagram {
	uint32_t sender; /* 0: the kernel itself */
	size_t length;
	char bytes[KERNEL_DATAGRAM] __attribute__((aligned(NLMSG_ALIGNTO)));
};

struct kernel {
	char sent[1 << 20] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t sent_length;
	int send_error; /* errno that sendto fails with */
	size_t room; /* of the socket's send buffer, in bytes; 0: any */
	int silence; /* errno of recvfrom when there is nothing more to say; 0: EAGAIN */
	void (*answer)(const struct nlmsghdr *request); /* called for each datagram that is sent */
	struct kernel_datagram datagrams[KERNEL_DATAGRAMS];
	unsigned int count, next;
};

extern struct kernel kernel;
struct kernel kernel;

static inline void kernel_reset(void)
{
	kernel.sent_length = kernel.room = kernel.count = kernel.next = 0;
	kernel.send_error = kernel.silence = 0;
	kernel.answer = NULL;
}

/* A new, empty datagram, that recvfrom will hand out after those before it. */
static inline struct kernel_datagram *kernel_datagram(void)
{
	struct kernel_datagram *d;

	if (kernel.count == KERNEL_DATAGRAMS)
		abort();
	d = &kernel.datagrams[kernel.count++];
	d->length = 0;
	d->sender = 0;
	return d;
}

/* A message at the end of the datagram; kernel_end says that it is complete. */
static inline struct nlmsghdr *kernel_begin(struct kernel_datagram *d, uint16_t type,
					    uint16_t flags, uint32_t sequence)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(d->bytes + d->length);

	m->nlmsg_type = type;
	m->nlmsg_flags = flags;
	m->nlmsg_seq = sequence;
	return m;
}

static inline void kernel_end(struct kernel_datagram *d, const struct nlmsghdr *m)
{
	d->length += (m->nlmsg_len + 3U) & ~3U;
}

/* An acknowledgement (error 0) or a refusal (-errno), with the kernel's own words or NULL. */
static inline void kernel_acknowledge(struct kernel_datagram *d, uint32_t sequence, int error,
				      const char *words)
{
	uint16_t flags = NLM_F_CAPPED | (words ? NLM_F_ACK_TLVS : 0);
	struct nlmsghdr *m = kernel_begin(d, NLMSG_ERROR, flags, sequence);
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(m, sizeof(*e));

	e->error = error;
	if (words)
		mnl_attr_put_strz(m, NLMSGERR_ATTR_MSG, words);
	kernel_end(d, m);
}

static inline void kernel_done(struct kernel_datagram *d, uint32_t sequence)
{
	struct nlmsghdr *m = kernel_begin(d, NLMSG_DONE, NLM_F_MULTI, sequence);

	memset(mnl_nlmsg_put_extra_header(m, sizeof(int)), 0, sizeof(int));
	kernel_end(d, m);
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, __CONST_SOCKADDR_ARG to,
	       socklen_t to_length)
{
	(void)flags;
	(void)to;
	(void)to_length;
	if (fd != KERNEL_FD || length > sizeof(kernel.sent))
		abort();
	if (kernel.send_error) {
		errno = kernel.send_error;
		return -1;
	}
	if (kernel.room && length > kernel.room) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(kernel.sent, bytes, length);
	kernel.sent_length = length;
	if (kernel.answer)
		kernel.answer((const struct nlmsghdr *)kernel.sent);
	return (ssize_t)length;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	if (fd != KERNEL_FD || length != sizeof(int))
		abort();
	if (level == SOL_SOCKET && (option == SO_SNDBUF || option == SO_SNDBUFFORCE))
		kernel.room = *(const unsigned int *)value;
	return 0;
}

ssize_t recvfrom(int fd, void *bytes, size_t room, int flags, __SOCKADDR_ARG from,
		 socklen_t *from_length)
{
	const struct kernel_datagram *d = &kernel.datagrams[kernel.next];
	const struct sockaddr_nl sender = { .nl_family = AF_NETLINK, .nl_pid = d->sender };

	if (fd != KERNEL_FD || *from_length != sizeof(sender))
		abort();
	if (kernel.next == kernel.count) {
		errno = kernel.silence ? kernel.silence : EAGAIN;
		return -1;
	}
	kernel.next++;
	memcpy(bytes, d->bytes, d->length < room ? d->length : room);
	memcpy(from.__sockaddr__, &sender, sizeof(sender));
	return (ssize_t)(flags & MSG_TRUNC || d->length < room ? d->length : room);
}

#endif
