/* SPDX-License-Identifier: MIT */
#include "init/gate/dns.h"

#include <string.h>
#include <sys/socket.h>

/* Of the header's second word (RFC 1035 4.1.1, RFC 4035 3.2.2). */
#define QR 0x8000
#define OPCODE 0x7800
#define TC 0x0200
#define RD 0x0100
#define RA 0x0080
#define CD 0x0010
#define RCODE 0x000f

#define CLASS_IN 1
#define NAME_SIZE 255 /* bytes of a name in a message */
#define LABEL_MAX 63
#define POINTER 0xc0 /* from here on no label's length but the upper byte of an offset */
#define POINTERS 127 /* in one name: it has no more labels than that */
#define CHAIN 16 /* CNAMEs from a name to its addresses */
#define RECORDS 256 /* that are searched for them: 64 kB hold 5000, and others would wait */
#define OUR_ROOM 1232 /* of a UDP message that no link fragments (the DNS flag day of 2020) */

enum section { QUESTION, ANSWER, AUTHORITY, ADDITIONAL, SECTIONS };

/* A message that is eaten from the left. What would lie behind its end is 0, and `bad` remembers. */
struct reader {
	const unsigned char *message;
	size_t at, end; /* offsets, as those of compressed names */
	bool bad;
};

struct header {
	uint16_t id, flags;
	uint16_t counts[SECTIONS];
};

/* A name as messages have it, not compressed, in lower case: two that are equal are equal byte by byte. */
struct wire_name {
	size_t length;
	unsigned char bytes[NAME_SIZE];
};

struct record {
	struct wire_name name;
	uint16_t type, class;
	uint32_t ttl;
	struct reader data;
};

/* A message that grows, unless it would be too long. */
struct writer {
	unsigned char *to;
	size_t size, length;
	bool full;
};

/* What follows the question in an answer. */
struct reply {
	unsigned int rcode;
	unsigned int tc; /* TC or 0 */
	unsigned int answers, authorities;
	const unsigned char *records;
	size_t length;
};

/* ---- reading */

static const unsigned char *take(struct reader *r, size_t length)
{
	const unsigned char *taken;

	if (length > r->end - r->at) {
		r->bad = true;
		return NULL;
	}
	taken = r->message + r->at;
	r->at += length;
	return taken;
}

static uint32_t take_number(struct reader *r, size_t bytes)
{
	const unsigned char *at = take(r, bytes);
	uint32_t value = 0;

	if (at)
		while (bytes-- > 0)
			value = value << 8 | *at++;
	return value;
}

static uint16_t take_u16(struct reader *r)
{
	return (uint16_t)take_number(r, 2);
}

static struct reader take_header(struct span message, struct header *h)
{
	struct reader r = { .message = (const unsigned char *)message.at, .end = message.length };

	h->id = take_u16(&r);
	h->flags = take_u16(&r);
	for (enum section s = QUESTION; s < SECTIONS; s++)
		h->counts[s] = take_u16(&r);
	return r;
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

/* Letters, digits and hyphens are a host's; services begin with an underscore (RFC 2782). */
static bool is_host_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* False: too long, if the root is to follow. */
static bool add_label(struct wire_name *n, const unsigned char *label, size_t length)
{
	if (length > LABEL_MAX || n->length + 1 + length + 1 > NAME_SIZE)
		return false;
	n->bytes[n->length++] = (unsigned char)length;
	while (length-- > 0)
		n->bytes[n->length++] = lower(*label++);
	return true;
}

static void add_root(struct wire_name *n)
{
	n->bytes[n->length++] = 0;
}

/*
 * A pointer leads to what stands before the labels that it ends, and all that is read there does; so no name
 * comes back to itself, and none needs bytes that are not relayed. It never leads into the header; so the
 * first name of a message has none.
 */
static void take_name(struct reader *r, struct wire_name *n)
{
	const size_t end = r->end;
	size_t labels = r->at, behind = 0, length;
	unsigned int pointers = 0;
	bool good = true;

	n->length = 0;
	while (good && (length = take_number(r, 1)) > 0) {
		if (length >= POINTER) {
			size_t target = (length - POINTER) << 8 | take_number(r, 1);

			if (pointers++ == 0)
				behind = r->at;
			good = target >= DNS_HEADER && target < labels && pointers <= POINTERS;
			r->end = labels;
			r->at = labels = target;
		} else {
			const unsigned char *label = take(r, length);

			good = label && add_label(n, label, length);
		}
	}
	add_root(n);
	r->end = end;
	if (pointers > 0)
		r->at = behind;
	if (!good)
		r->bad = true;
}

static bool take_record(struct reader *r, struct record *record)
{
	size_t length;

	take_name(r, &record->name);
	record->type = take_u16(r);
	record->class = take_u16(r);
	record->ttl = take_number(r, 4);
	length = take_u16(r);
	record->data = *r;
	take(r, length);
	record->data.end = r->at;
	return !r->bad;
}

static bool names_equal(const struct wire_name *a, const struct wire_name *b)
{
	return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* ---- names as text */

static void name_to_text(const struct wire_name *n, struct dns_name *text)
{
	const unsigned char *at = n->bytes;

	for (unsigned int left = *at++; left > 0; left = *at++) {
		if (text->length > 0)
			text->text[text->length++] = '.';
		for (; left > 0; left--, at++) {
			char *shown = &text->text[text->length++];

			*shown = (char)*at;
			if (!is_host_byte(*at)) {
				*shown = '?';
				text->odd = true;
			}
		}
	}
}

/* False: too long, an empty label, or a byte that no host name has. */
static bool name_from_text(struct span text, struct wire_name *n)
{
	struct cursor c = cursor_over(text);

	n->length = 0;
	while (!cursor_done(&c)) {
		struct span label = cursor_take_until(&c, '.');

		if (label.length == 0 ||
		    !add_label(n, (const unsigned char *)label.at, label.length))
			return false;
		for (size_t i = 1; i <= label.length; i++)
			if (!is_host_byte(n->bytes[n->length - i]))
				return false;
	}
	add_root(n);
	return true;
}

/* ---- queries */

/* The OPT record (RFC 6891 6.1.3), whose class is a size and whose TTL is flags; others are passed over. */
static int take_additional(struct reader *r, unsigned int count, struct dns_query *q)
{
	struct record record;
	unsigned int version = 0;

	while (count-- > 0) {
		if (!take_record(r, &record))
			return DNS_FORMERR;
		if (record.type != DNS_OPT)
			continue;
		if (q->edns || record.name.length > 1)
			return DNS_FORMERR;
		q->edns = true;
		version = record.ttl >> 16 & 0xff;
		if (record.class > DNS_MESSAGE_MAX)
			record.class = DNS_MESSAGE_MAX;
		if (record.class > q->room)
			q->room = record.class;
	}
	if (r->at < r->end)
		return DNS_FORMERR;
	return version > 0 ? DNS_BADVERS : DNS_NOERROR;
}

int dns_parse_query(struct span message, struct dns_query *q)
{
	struct header h;
	struct reader r = take_header(message, &h);
	struct wire_name name;
	uint16_t type, class;

	*q = (struct dns_query){ .id = h.id, .flags = h.flags, .room = DNS_UDP_MAX };
	if (r.bad || (h.flags & QR))
		return -1;
	if (h.flags & OPCODE)
		return DNS_NOTIMP;
	if (h.counts[QUESTION] != 1)
		return DNS_FORMERR;
	take_name(&r, &name);
	type = take_u16(&r);
	class = take_u16(&r);
	if (r.bad)
		return DNS_FORMERR;
	q->type = type;
	q->class = class;
	q->question_length = (uint16_t)(r.at - DNS_HEADER);
	memcpy(q->question, r.message + DNS_HEADER, q->question_length);
	name_to_text(&name, &q->name);
	if (h.counts[ANSWER] > 0 || h.counts[AUTHORITY] > 0)
		return DNS_FORMERR;
	return take_additional(&r, h.counts[ADDITIONAL], q);
}

/* ---- writing */

static struct writer writer_over(unsigned char *to, size_t size)
{
	return (struct writer){ .to = to, .size = size };
}

static void put(struct writer *w, const unsigned char *bytes, size_t length)
{
	if (length > w->size - w->length)
		w->full = true;
	else
		while (length-- > 0)
			w->to[w->length++] = *bytes++;
}

static void put_number(struct writer *w, uint32_t value, unsigned int bytes)
{
	while (bytes-- > 0) {
		unsigned char byte = (unsigned char)(value >> 8 * bytes);

		put(w, &byte, 1);
	}
}

static void put_u16(struct writer *w, unsigned int value)
{
	put_number(w, value, 2);
}

static size_t write_answer(unsigned char *to, size_t size, const struct dns_query *q,
			   const struct reply *reply)
{
	struct writer w = writer_over(to, size);

	put_u16(&w, q->id);
	put_u16(&w, QR | RA | (q->flags & (OPCODE | RD | CD)) | reply->tc | (reply->rcode & RCODE));
	put_u16(&w, q->question_length > 0);
	put_u16(&w, reply->answers);
	put_u16(&w, reply->authorities);
	put_u16(&w, q->edns);
	put(&w, q->question, q->question_length);
	put(&w, reply->records, reply->length);
	if (q->edns) {
		put_number(&w, DNS_OPT, 3); /* the root's, which is one zero */
		put_u16(&w, OUR_ROOM);
		put_number(&w, reply->rcode >> 4 << 24, 4); /* version 0, no DNSSEC */
		put_u16(&w, 0);
	}
	return w.full ? 0 : w.length;
}

size_t dns_write_empty(unsigned char *to, size_t size, const struct dns_query *q,
		       unsigned int rcode)
{
	return write_answer(to, size, q, &(struct reply){ .rcode = rcode });
}

static size_t write_record(unsigned char *to, size_t size, const struct dns_query *q,
			   unsigned int type, uint32_t ttl, const unsigned char *data,
			   size_t length)
{
	unsigned char record[12 + NAME_SIZE];
	struct writer w = writer_over(record, sizeof(record));

	put_u16(&w, POINTER << 8 | DNS_HEADER); /* the question's name */
	put_u16(&w, type);
	put_u16(&w, CLASS_IN);
	put_number(&w, ttl, 4);
	put_u16(&w, (unsigned int)length);
	put(&w, data, length);
	return write_answer(to, size, q,
			    &(struct reply){ .answers = 1, .records = record, .length = w.length });
}

size_t dns_write_address(unsigned char *to, size_t size, const struct dns_query *q,
			 const struct address *a, uint32_t ttl)
{
	return write_record(to, size, q, a->family == AF_INET ? DNS_A : DNS_AAAA, ttl, a->bytes,
			    address_size(a->family));
}

size_t dns_write_pointer(unsigned char *to, size_t size, const struct dns_query *q,
			 struct span name, uint32_t ttl)
{
	struct wire_name target;

	if (!name_from_text(name, &target))
		return 0;
	return write_record(to, size, q, DNS_PTR, ttl, target.bytes, target.length);
}

size_t dns_write_query(unsigned char *to, size_t size, uint16_t id, struct span name, uint16_t type)
{
	struct writer w = writer_over(to, size);
	struct wire_name asked;

	if (!name_from_text(name, &asked))
		return 0;
	put_u16(&w, id);
	put_u16(&w, RD);
	put_number(&w, 1U << 16, 4); /* one question, no answer */
	put_number(&w, 0, 4);
	put(&w, asked.bytes, asked.length);
	put_u16(&w, type);
	put_u16(&w, CLASS_IN);
	return w.full ? 0 : w.length;
}

/* ---- answers of upstream servers */

/* Header and question, if this is an answer to just that question. */
static bool take_question(struct reader *r, const struct header *h, const struct wire_name *name,
			  unsigned int type, unsigned int class)
{
	struct wire_name asked;

	if ((h->flags & (QR | OPCODE)) != QR || h->counts[QUESTION] != 1)
		return false;
	take_name(r, &asked);
	return take_u16(r) == type && take_u16(r) == class && !r->bad && names_equal(&asked, name);
}

size_t dns_write_relayed(unsigned char *to, size_t size, const struct dns_query *q,
			 struct span upstream, size_t limit)
{
	struct reader question = { .message = q->question, .end = q->question_length };
	struct header h;
	struct reader r = take_header(upstream, &h);
	struct reply cut = { .rcode = h.flags & RCODE, .tc = TC }, whole = cut;
	struct wire_name name;
	struct record record;
	size_t start, length;

	take_name(&question, &name);
	if (question.bad || !take_question(&r, &h, &name, q->type, q->class))
		return 0;
	if (size > limit)
		size = limit;
	if (h.flags & TC)
		return write_answer(to, size, q, &cut);

	start = r.at;
	whole.tc = 0;
	whole.answers = h.counts[ANSWER];
	whole.authorities = h.counts[AUTHORITY];
	for (unsigned int i = 0; i < whole.answers + whole.authorities; i++)
		if (!take_record(&r, &record))
			return 0;
	/* Their question is as long as ours, so each compressed name finds its rest where it was. */
	whole.records = r.message + start;
	whole.length = r.at - start;
	length = write_answer(to, size, q, &whole);
	return length > 0 ? length : write_answer(to, size, q, &cut);
}

/* RFC 2181 8: a TTL with the highest bit is none. */
static void use_ttl(struct dns_answer *answer, uint32_t ttl)
{
	if (ttl > INT32_MAX)
		ttl = 0;
	if (answer->ttl > ttl)
		answer->ttl = ttl;
}

static bool use_address(struct dns_answer *answer, struct record *record)
{
	uint8_t family = record->type == DNS_A ? AF_INET : AF_INET6;
	const unsigned char *bytes = take(&record->data, address_size(family));
	struct address *a;

	if (!bytes || record->data.at < record->data.end)
		return false;
	if (answer->count == DNS_ADDRESSES)
		return true;
	a = &answer->addresses[answer->count++];
	a->family = family;
	memcpy(a->bytes, bytes, address_size(family));
	use_ttl(answer, record->ttl);
	return true;
}

/* 1: the name has no address here but is an alias, and `name` is now what it stands for. 0: done. -1: bad. */
static int take_addresses(struct reader r, unsigned int count, struct wire_name *name,
			  unsigned int type, struct dns_answer *answer)
{
	struct record record, alias = { .type = 0 };

	while (count-- > 0) {
		if (!take_record(&r, &record))
			return -1;
		if (record.class != CLASS_IN || !names_equal(&record.name, name))
			continue;
		if (record.type == DNS_CNAME)
			alias = record;
		else if (record.type == type && (type == DNS_A || type == DNS_AAAA) &&
			 !use_address(answer, &record))
			return -1;
	}
	if (answer->count > 0 || alias.type == 0)
		return 0;
	take_name(&alias.data, name);
	use_ttl(answer, alias.ttl);
	return alias.data.bad || alias.data.at < alias.data.end ? -1 : 1;
}

bool dns_parse_answer(struct span message, uint16_t id, struct span name, uint16_t type,
		      struct dns_answer *answer)
{
	struct header h;
	struct reader r = take_header(message, &h);
	struct wire_name asked;
	int more;

	*answer = (struct dns_answer){ .rcode = h.flags & RCODE,
				       .truncated = h.flags & TC,
				       .ttl = UINT32_MAX };
	if (h.id != id || !name_from_text(name, &asked) ||
	    !take_question(&r, &h, &asked, type, CLASS_IN))
		return false;
	/* Walked anew for each alias, since its records may stand before it. */
	if (h.counts[ANSWER] > RECORDS)
		h.counts[ANSWER] = RECORDS;
	more = !answer->truncated;
	for (unsigned int aliases = 0; more > 0 && aliases <= CHAIN; aliases++)
		more = take_addresses(r, h.counts[ANSWER], &asked, type, answer);
	if (answer->count == 0)
		answer->ttl = 0;
	return more >= 0;
}

/* ---- names of addresses */

/* So many labels, the last byte first: decimal numbers of a byte each, or hexadecimal digits, two of a byte. */
static bool reverse(struct span name, bool hex, struct address *a)
{
	struct cursor c = cursor_over(name);

	*a = (struct address){ .family = hex ? AF_INET6 : AF_INET };
	for (unsigned int i = hex ? 32 : 4; i-- > 0;) {
		struct span label = cursor_take_until(&c, '.');
		int digit = label.length == 1 ? hex_value(*label.at) : -1;
		uint32_t number;

		if (hex) {
			if (digit < 0)
				return false;
			a->bytes[i / 2] |= (uint8_t)(digit << (i % 2 ? 0 : 4));
		} else {
			/* Zeros before a number are refused: an address has one name. */
			if (!span_number(label, 255, &number) ||
			    (label.length > 1 && *label.at == '0'))
				return false;
			a->bytes[i] = (uint8_t)number;
		}
	}
	return span_is(cursor_rest(&c), hex ? "ip6.arpa" : "in-addr.arpa");
}

bool dns_reverse_address(struct span name, struct address *a)
{
	struct address found;

	if (!reverse(name, false, &found) && !reverse(name, true, &found))
		return false;
	*a = found;
	return true;
}
