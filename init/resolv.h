/* SPDX-License-Identifier: MIT */
/*
 * What resolv.conf(5) and hosts(5) say. Pure: no I/O, no allocation, no globals; borrows the text. Lines
 * that make no sense are passed over, as libc does.
 */
#ifndef INIT_RESOLV_H
#define INIT_RESOLV_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/address.h"
#include "sys/cursor.h"

#define RESOLV_SERVERS 3
#define RESOLV_ALL_SERVERS 6 /* with those that init/local_resolver.h finds */
#define RESOLV_SEARCH 16
#define RESOLV_HOSTS 256

struct host {
	struct address address;
	struct span name; /* as it stands there; compared without regard to case */
};

struct resolv {
	struct address servers[RESOLV_ALL_SERVERS]; /* none named: 127.0.0.1 */
	unsigned int server_count;
	struct span search[RESOLV_SEARCH]; /* of the last line that has some; no dot at the end */
	unsigned int search_count;
	uint32_t timeout; /* milliseconds for one try: options timeout:N, 1000 to 30000; 5000 */
	uint32_t attempts; /* options attempts:N, 1 to 5; 2 */
	unsigned int host_count;
	struct host hosts[RESOLV_HOSTS]; /* one for each name of a line; the rest is left out */
};

/*
 * Adds what the text says, and what libc takes where it says nothing. Servers with a zone (fe80::1%eth0) are
 * left out. An empty text is a missing file.
 */
void resolv_read_conf(struct resolv *r, struct span text);

/* Adds what the text says. Loopback addresses are names of this machine's own, and among them. */
void resolv_read_hosts(struct resolv *r, struct span text);

/* Whether a name ends with a dot and one of the search domains; case does not matter. */
bool resolv_is_search_expansion(const struct resolv *r, struct span name);

/* The address of this family that hosts(5) gives a name, the first one; NULL: none. */
const struct address *resolv_host_address(const struct resolv *r, struct span name, uint8_t family);

#endif
