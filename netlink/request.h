/* SPDX-License-Identifier: MIT */
/*
 * Netlink (netlink(7)): sockets, batches of messages with their answers, dumps.
 *
 * Messages are built and read with libmnl. A socket works in the network namespace that it was
 * opened in, wherever it is used from. Functions return 0 (or a descriptor) or -errno.
 */
#ifndef NETLINK_REQUEST_H
#define NETLINK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

/* `protocol` is NETLINK_ROUTE or NETLINK_NETFILTER. Close-on-exec, answers within 5 s or ETIME. */
int nl_open(int protocol);

/* Why the kernel refused. */
struct nl_error {
	const char *object; /* what the refused message was about; static text, never NULL */
	char text[96]; /* the kernel's own words (extended ACK), or empty */
};

/* Messages that are sent together. The kernel goes through all of them, past a refused one too. */
struct nl_batch {
	char *buffer;
	size_t size;
	size_t length;
	uint32_t first; /* sequence number of the first message */
	unsigned int count; /* messages */
	unsigned int room; /* messages that `objects` has room for */
	unsigned int acks; /* answers that will come */
	const char **objects; /* what each message is about */
};

/* Room that every message has; none of ours comes near. */
#define NL_MESSAGE_MAX 2048

/* Over arrays of the caller. */
#define NL_BATCH_OVER(bytes, names)                                           \
	{                                                                     \
		.buffer = (bytes), .size = sizeof(bytes), .objects = (names), \
		.room = sizeof(names) / sizeof((names)[0])                    \
	}

/*
 * Starts a message at the end of the batch; attributes may be put to it until nl_end. NULL if the
 * batch is full. `object` is for error messages and must be static text.
 */
struct nlmsghdr *nl_begin(struct nl_batch *b, uint16_t type, uint16_t flags, const char *object);
void nl_end(struct nl_batch *b, const struct nlmsghdr *message);

/* Sends all and waits for every ACK. The first refusal is returned, with `e` filled. */
int nl_send(int fd, struct nl_batch *b, struct nl_error *e);

/*
 * Starts a request with a zeroed family header of this size, in place of the one before: one is asked
 * at a time. NLM_F_REQUEST is understood.
 */
struct nlmsghdr *nl_request(uint16_t type, uint16_t flags, size_t header);

/*
 * Sends one request (a dump, if NLM_F_DUMP is set) and hands each answering message to `each`; < 0
 * from it ends and is returned. -EINTR: what was dumped changed under way, ask again.
 */
int nl_ask(int fd, struct nlmsghdr *request, int (*each)(const struct nlmsghdr *, void *),
	   void *to);

/* A NETLINK_ROUTE socket that gets the events of a multicast group (RTNLGRP_*, to 32) from now on. */
int nl_open_events(unsigned int group);

/* Waits for events and hands each to `each`, as nl_ask does. -ETIME: none came. */
int nl_listen(int fd, int (*each)(const struct nlmsghdr *, void *), void *to);

/* The attribute at `at`, if it lies whole before `end`; else NULL. */
const struct nlattr *nl_attribute_at(const void *at, const void *end);

/* libmnl has such a loop too, but it narrows a pointer difference to int in the caller's code. */
#define NL_EACH_NESTED(a, nest)                                             \
	for ((a) = nl_attribute_at(mnl_attr_get_payload(nest),              \
				   (const char *)(nest) + (nest)->nla_len); \
	     (a); (a) = nl_attribute_at(mnl_attr_next(a), (const char *)(nest) + (nest)->nla_len))

/* The first attribute of this type behind a family header of this size, or in a nest; NULL: none. */
const struct nlattr *nl_find(const struct nlmsghdr *m, size_t header, uint16_t type);
const struct nlattr *nl_find_nested(const struct nlattr *nest, uint16_t type);

/* Is it there, and is this its value? */
bool nl_is(const struct nlattr *a, const void *value, size_t size);
bool nl_is_be32(const struct nlattr *a, uint32_t value);
bool nl_is_string(const struct nlattr *a, const char *string);

/* Copies a value of a fixed size; a shorter or longer one is not what we think it is. */
void nl_copy(const struct nlattr *a, void *to, size_t size);

/* Gives the memory for answers back, before a long time without any. */
void nl_rest(void);

#endif
