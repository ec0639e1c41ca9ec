/* SPDX-License-Identifier: MIT */
/*
 * URLs as people write them (RFC 3986), for --test and --upstream-proxy. Pure: no I/O, no allocation, no
 * globals; borrows the text.
 */
#ifndef INIT_URL_H
#define INIT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "init/policy.h"
#include "sys/cursor.h"
#include "sys/failure.h"
#include "sys/text.h"

struct url {
	struct span scheme; /* length 0: none */
	struct span
		host; /* not empty, and not checked further; an IPv6 address has no brackets here */
	uint16_t port; /* 0: none */
	struct span path; /* as it stands, up to '?' or '#'; may be empty */
	bool has_user;
};

/* host or [host], up to its end or behind a colon. */
bool url_take_host(struct cursor *c, struct span *host);

/* [scheme://][user@]host[:port][/path][?query][#fragment] */
bool url_split(struct span text, struct url *u);

/* Or else the host is an address, or nothing that is a host. */
bool url_has_name(const struct url *u);

/*
 * The request that a URL stands for, but for its method: the name in lower case and without a dot at its
 * end, in `host` (room for 253 bytes and a NUL); the port that is named, or else well known for the scheme;
 * the path as it stands, / for none, which is not canonical yet. Without a scheme it is https.
 *
 * -1 with `f` filled: no URL, an address for a host, a scheme that is not known and no port.
 */
int url_parse(struct span text, struct request *r, struct text *host, struct failure *f);

#endif
