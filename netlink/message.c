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

/* The parameters have the names that the header gives them. */
struct nlmsghdr *mnl_nlmsg_put_header(void *buf)
{
	struct nlmsghdr *m = buf;

	memset(m, 0, HEADER);
	m->nlmsg_len = HEADER;
	return m;
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *nlh, size_t size)
{
	char *header = (char *)nlh + nlh->nlmsg_len;
	uint32_t room = aligned(size);

	memset(header, 0, room);
	nlh->nlmsg_len += room;
	return header;
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *nlh)
{
	return mnl_nlmsg_get_payload_offset(nlh, 0);
}

void *mnl_nlmsg_get_payload_offset(const struct nlmsghdr *nlh, size_t offset)
{
	return (char *)(uintptr_t)nlh + HEADER + aligned(offset);
}

size_t mnl_nlmsg_get_payload_len(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_len - HEADER;
}

void *mnl_nlmsg_get_payload_tail(const struct nlmsghdr *nlh)
{
	return (char *)(uintptr_t)nlh + aligned(nlh->nlmsg_len);
}

bool mnl_nlmsg_ok(const struct nlmsghdr *nlh, int len)
{
	return len >= (int)sizeof(*nlh) && nlh->nlmsg_len >= sizeof(*nlh) &&
	       (int)nlh->nlmsg_len <= len;
}

struct nlmsghdr *mnl_nlmsg_next(const struct nlmsghdr *nlh, int *len)
{
	uint32_t length = aligned(nlh->nlmsg_len);

	*len -= (int)length;
	return (struct nlmsghdr *)(void *)((char *)(uintptr_t)nlh + length);
}
