/* SPDX-License-Identifier: MIT */
/*
 * Netlink (netlink(7)): sockets, messages that are sent together with their answers, dumps.
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
	uint32_t first; /* sequence number of the first message */
};

/* Room that every message has; none of ours comes near. */
#define NL_MESSAGE_MAX 2048

/* Messages that can be sent together: a transaction of nf_tables is the longest. */
#define NL_MESSAGES 544

/*
 * Starts a message with a zeroed family header of this size, behind those that wait to be sent; attributes
 * may be put to it until the next one starts. NLM_F_REQUEST is understood. `object` is for error messages
 * and must be static text. More messages than fit are a fault of the program, and end it.
 */
struct nlmsghdr *nl_begin(uint16_t type, uint16_t flags, size_t header, const char *object);

/*
 * Sends all that wait, and waits for every ACK. The kernel goes through all of them, past a refused one
 * too. The first refusal is returned, with `e` filled.
 */
int nl_send(int fd, struct nl_error *e);

/*
 * Sends the one message that waits (a dump, if NLM_F_DUMP is set) and hands each answering message to
 * `each`; < 0 from it ends and is returned. -EINTR: what was dumped changed under way, ask again.
 */
int nl_ask(int fd, int (*each)(const struct nlmsghdr *, void *), void *to);

/* A NETLINK_ROUTE socket that gets the events of a multicast group (RTNLGRP_*, to 32) from now on. */
int nl_open_events(unsigned int group);

/* Waits for events and hands each to `each`, as nl_ask does. -ETIME: none came. */
int nl_listen(int fd, int (*each)(const struct nlmsghdr *, void *), void *to);

/* Puts a value into nests: their types, the outermost first, then its own, ended by 0. */
void nl_put_nested(struct nlmsghdr *m, const uint8_t *types, const void *value, size_t size);

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

/* Gives the memory for messages and answers back, before a long time without any. */
void nl_rest(void);

#endif
