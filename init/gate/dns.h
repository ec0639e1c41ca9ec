/* SPDX-License-Identifier: MIT */
/*
 * DNS messages (RFC 1035), with EDNS0 (RFC 6891). Pure: no I/O, no allocation, no globals.
 *
 * Names are text: labels in lower case with dots between them, no dot at the end; the root is empty.
 */
#ifndef INIT_GATE_DNS_H
#define INIT_GATE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/address.h"
#include "sys/cursor.h"

#define DNS_NAME_MAX 253
#define DNS_HEADER 12 /* bytes */
#define DNS_UDP_MAX 512 /* without EDNS0 */
#define DNS_MESSAGE_MAX 4096 /* what we answer over UDP at most, and read of a query */
#define DNS_ADDRESSES 8 /* of one name; more are left out */

enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_ANY = 255,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16, /* needs EDNS0: its upper bits stand in the OPT record */
};

struct dns_name {
	uint8_t length;
	bool odd; /* a label holds a byte that no host name has; shown as '?' in the text */
	char text[DNS_NAME_MAX];
};

/* A query as far as its answer needs it; a copy, so that it can wait. */
struct dns_query {
	uint16_t id; /* host order, as all numbers here */
	uint16_t flags; /* of the header, as they came */
	uint16_t type;
	uint16_t class;
	uint16_t room; /* bytes that an answer over UDP may have: 512 to DNS_MESSAGE_MAX */
	bool edns;
	uint16_t question_length; /* 0: there was no whole question */
	struct dns_name name;
	unsigned char question[255 + 4]; /* as it came, upper case and all: it has to be echoed */
};

/*
 * 0: answer it. A positive number: answer with this rcode (FORMERR, NOTIMP, BADVERS); `q` holds what is
 * needed for that. -1: no answer (no whole header, or an answer itself). All of the message has to be
 * well-formed: one question, no other record but additional ones, no byte behind them. The class may be any.
 */
int dns_parse_query(struct span message, struct dns_query *q);

/*
 * The answers. Each writes a message with the query's id and question (and an OPT record if it had one)
 * and returns its length, 0 if `size` is too small. Recursion is available; not authoritative. None but
 * the empty one answers a query without a question.
 */
size_t dns_write_empty(unsigned char *to, size_t size, const struct dns_query *q,
		       unsigned int rcode);
/* One A or AAAA record, whichever the address is; `ttl` in seconds. */
size_t dns_write_address(unsigned char *to, size_t size, const struct dns_query *q,
			 const struct address *a, uint32_t ttl);
/* One PTR record. 0 also if the name is none that a host can have. */
size_t dns_write_pointer(unsigned char *to, size_t size, const struct dns_query *q,
			 struct span name, uint32_t ttl);
/*
 * What an upstream server said, with our query's id and question: its header flags and rcode (AA and AD
 * cleared, CD as asked), its answer and authority sections, not the additional one, whose addresses are
 * real and of no use in the jail. If that is longer than `limit`, or was cut by that server: no records and
 * TC. 0: not well-formed, or an answer to another question. Its id is the caller's to compare, for it is
 * not the query's (dns_parse_answer does).
 */
size_t dns_write_relayed(unsigned char *to, size_t size, const struct dns_query *q,
			 struct span upstream, size_t limit);

/*
 * A query to an upstream server: one question, class IN, recursion desired. `name` as text; 0 also if it is
 * none that a host can have: what is odd in a name is not known any more.
 */
size_t dns_write_query(unsigned char *to, size_t size, uint16_t id, struct span name,
		       uint16_t type);

struct dns_answer {
	uint8_t rcode;
	bool truncated; /* TC: ask again by TCP */
	uint8_t count;
	uint32_t ttl; /* the least of the records used, in seconds; 0 if there are none */
	struct address addresses[DNS_ADDRESSES];
};

/*
 * The addresses in an upstream server's answer, reached from `name` by its chain of CNAMEs (16 at most, in
 * any order, among the first 256 records); others are left out. False: not an answer to this query (id, name
 * in any case, type, class), or not well-formed. Other types than A and AAAA have no addresses, but the rest
 * holds.
 */
bool dns_parse_answer(struct span message, uint16_t id, struct span name, uint16_t type,
		      struct dns_answer *answer);

/*
 * The IPv4 or IPv6 address of a name in in-addr.arpa or ip6.arpa (RFC 1035 3.5, RFC 3596 2.5), if it is
 * a whole one. False: `a` is as it was.
 */
bool dns_reverse_address(struct span name, struct address *a);

#endif
