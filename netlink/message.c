/* SPDX-License-Identifier: MIT */
/*
 * libmnl's functions over message headers (libmnl/libmnl.h). In the library they share an object file with
 * its printer and its batches, which the linker cannot leave out: two kilobytes, malloc and stdio. What is
 * defined here is not taken from there.
 */
#include <string.h>

#include <libmnl/libmnl.h>

/* libmnl's own macros are of type int. */
#define HEADER sizeof(struct nlmsghdr)

static uint32_t aligned(size_t size)
{
	return ((uint32_t)size + NLMSG_ALIGNTO - 1) & ~(NLMSG_ALIGNTO - 1);
}

struct nlmsghdr *mnl_nlmsg_put_header(void *buffer)
{
	struct nlmsghdr *m = buffer;

	memset(m, 0, HEADER);
	m->nlmsg_len = HEADER;
	return m;
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *m, size_t size)
{
	char *header = (char *)m + m->nlmsg_len;
	uint32_t room = aligned(size);

	memset(header, 0, room);
	m->nlmsg_len += room;
	return header;
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *m)
{
	return mnl_nlmsg_get_payload_offset(m, 0);
}

void *mnl_nlmsg_get_payload_offset(const struct nlmsghdr *m, size_t offset)
{
	return (char *)(uintptr_t)m + HEADER + aligned(offset);
}

size_t mnl_nlmsg_get_payload_len(const struct nlmsghdr *m)
{
	return m->nlmsg_len - HEADER;
}

void *mnl_nlmsg_get_payload_tail(const struct nlmsghdr *m)
{
	return (char *)(uintptr_t)m + aligned(m->nlmsg_len);
}

bool mnl_nlmsg_ok(const struct nlmsghdr *m, int left)
{
	return left >= (int)sizeof(*m) && m->nlmsg_len >= sizeof(*m) && (int)m->nlmsg_len <= left;
}

struct nlmsghdr *mnl_nlmsg_next(const struct nlmsghdr *m, int *left)
{
	uint32_t length = aligned(m->nlmsg_len);

	*left -= (int)length;
	return (struct nlmsghdr *)(void *)((char *)(uintptr_t)m + length);
}
