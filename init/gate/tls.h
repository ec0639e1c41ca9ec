/* SPDX-License-Identifier: MIT */
/*
 * The ClientHello of TLS 1.0 to 1.3 (RFC 8446 4.1.2, 5.1; RFC 6066 3). Pure: no I/O, no allocation,
 * no globals.
 */
#ifndef INIT_GATE_TLS_H
#define INIT_GATE_TLS_H

#include <stdint.h>

#include "init/gate/parse.h"
#include "sys/cursor.h"

#define TLS_HELLO_MAX 65536 /* bytes of records that a ClientHello may take; beyond it is bad */

struct tls_hello {
	uint8_t name_length; /* 0: no server_name */
	char name[255]; /* in lower case, without a dot at the end */
};

/*
 * `bytes` is the flow from its start. `hello` is filled for PARSE_DONE: not before the whole ClientHello is
 * there, so that nothing in it can contradict what was decided. What follows it (early data) is not read.
 *
 * PARSE_OTHER: the first byte, the record's major version or the message's type (bytes 0, 1 and 5) is not
 * that of a ClientHello in a TLS record. PARSE_BAD: broken lengths; an empty or oversized record; a record
 * of another type in between; a second server_name extension, or one that is not a single host_name (RFC
 * 6066 speaks of a list, servers do not agree on what that means); a name that is no host name, or an IPv4
 * address.
 */
enum parse tls_parse_client_hello(struct span bytes, struct tls_hello *hello);

/* Fatal alerts (RFC 8446 6.2). */
#define TLS_ALERT_SIZE 7
enum tls_alert {
	TLS_HANDSHAKE_FAILURE = 40,
	TLS_ACCESS_DENIED = 49,
	TLS_DECODE_ERROR = 50,
	TLS_INTERNAL_ERROR = 80,
	TLS_UNRECOGNIZED_NAME = 112,
};

void tls_write_alert(unsigned char to[TLS_ALERT_SIZE], enum tls_alert alert);

#endif
