/* SPDX-License-Identifier: MIT */
#include "sys/channel.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What goes over the channel: which of the descriptors are there, the message, and the descriptors beside. */
struct parcel {
	uint32_t there; /* bit N: descriptor N */
	struct iovec text[2];
	struct msghdr message;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(CHANNEL_DESCRIPTORS * sizeof(int))];
	} control;
};

static void prepare(struct parcel *p, const void *message, size_t size)
{
	*p = (struct parcel){ .text = { { &p->there, sizeof(p->there) },
					{ (void *)(uintptr_t)message, size } },
			      .message = { .msg_iov = p->text, .msg_iovlen = 2 } };
}

int channel_open(int ends[2])
{
	return syscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ?
		       -errno :
		       0;
}

/* The calls themselves, not by libc, which clears padding in a copy: here it is clear. */
int channel_send(int channel, const void *message, size_t size, const int *fds, unsigned int count)
{
	struct parcel p;
	socklen_t length = 0;

	prepare(&p, message, size);
	for (unsigned int i = 0; i < count; i++) {
		if (fds[i] < 0)
			continue;
		p.there |= 1U << i;
		memcpy(CMSG_DATA(&p.control.header) + length, &fds[i], sizeof(int));
		length += (socklen_t)sizeof(int);
	}
	if (length > 0) {
		p.control.header.cmsg_level = SOL_SOCKET;
		p.control.header.cmsg_type = SCM_RIGHTS;
		p.control.header.cmsg_len = (socklen_t)CMSG_LEN(length);
		p.message.msg_control = &p.control;
		p.message.msg_controllen = (socklen_t)CMSG_SPACE(length);
	}
	return syscall(SYS_sendmsg, channel, &p.message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int channel_receive(int channel, void *message, size_t size, int *fds, unsigned int count)
{
	struct parcel p;
	const unsigned char *next = CMSG_DATA(&p.control.header);
	long n;

	prepare(&p, message, size);
	p.message.msg_control = &p.control;
	p.message.msg_controllen = sizeof(p.control);
	n = syscall(SYS_recvmsg, channel, &p.message, MSG_CMSG_CLOEXEC);
	if (n != (long)(sizeof(p.there) + size))
		return n < 0 ? -errno : -ECHILD;
	if (p.message.msg_flags & MSG_CTRUNC)
		return -EMFILE;
	for (unsigned int i = 0; i < count; i++) {
		fds[i] = -1;
		if (!(p.there & 1U << i))
			continue;
		memcpy(&fds[i], next, sizeof(int));
		next += sizeof(int);
	}
	return 0;
}
