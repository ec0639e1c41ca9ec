/* SPDX-License-Identifier: MIT */
/*
 * DNS messages: the input is read as a query from the jail, as an upstream server's answer to the question
 * that it holds, which is relayed too, and as the text of a name. libc's dn_expand() is the second opinion.
 */
#include "tests/fuzz/guard.h"

#include <resolv.h>
#include <sys/socket.h>

#include "init/gate/dns.h"

#define IN 1
#define TC 0x02 /* in byte 2 */
#define OPT_SIZE 11

static unsigned char written[DNS_MESSAGE_MAX], again[DNS_MESSAGE_MAX];

static struct span span_over(const void *bytes, size_t length)
{
	return (struct span){ .at = bytes, .length = length };
}

static struct span name_of(const struct dns_query *q)
{
	return span_over(q->name.text, q->name.length);
}

/* ---- queries */

static void check_name(const struct dns_name *n)
{
	bool odd = false;

	HOLDS(n->length <= DNS_NAME_MAX);
	for (unsigned int i = 0; i < n->length; i++) {
		const char c = n->text[i];

		odd = odd || c == '?';
		HOLDS((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-_.?", c)));
		HOLDS(c != '.' || (i > 0 && i + 1U < n->length &&
				   n->text[i - 1] != '.')); /* no label is empty */
	}
	HOLDS(odd == n->odd);
}

static bool is_host_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* The text is the question's name from its second byte on, a dot for the length of each label. */
static void check_name_by_question(const struct dns_query *q)
{
	for (unsigned int i = 0; i < q->name.length; i++) {
		const unsigned char byte = q->question[i + 1];

		if (q->name.text[i] == '?')
			HOLDS(!is_host_byte(byte));
		else if (q->name.text[i] != '.')
			HOLDS(is_host_byte(byte) && (byte | 0x20) == (q->name.text[i] | 0x20));
	}
}

/* libc reads the same name; only one that is not odd, for it has its own way of writing the others. */
static void check_name_by_libc(struct span message, const struct dns_name *n)
{
	const unsigned char *start = (const unsigned char *)message.at;
	char text[1025];

	if (n->odd)
		return;
	HOLDS(dn_expand(start, start + message.length, start + DNS_HEADER, text, sizeof(text)) > 0);
	HOLDS(strlen(text) == n->length && strncasecmp(text, n->text, n->length) == 0);
}

/* What we write is never longer than it may be, fits exactly, and what has not the room is not written. */
static void check_empty(const struct dns_query *q, unsigned int rcode)
{
	const size_t length = dns_write_empty(written, sizeof(written), q, rcode);
	struct dns_query ignored;
	struct dns_answer answer;

	HOLDS(length == DNS_HEADER + q->question_length + (q->edns ? OPT_SIZE : 0U));
	HOLDS(length <= q->room && length <= DNS_UDP_MAX);
	HOLDS(dns_write_empty(again, length, q, rcode) == length);
	HOLDS(dns_write_empty(again, length - 1, q, rcode) == 0);
	HOLDS(dns_parse_query(span_over(written, length), &ignored) == -1);
	if (q->question_length == 0 || q->class != IN || q->name.odd)
		return;
	HOLDS(dns_parse_answer(span_over(written, length), q->id, name_of(q), q->type, &answer));
	HOLDS(answer.rcode == (rcode & 15) && answer.count == 0 && answer.ttl == 0);
	HOLDS(!answer.truncated);
}

static void check_address(struct dns_query q, uint8_t family, uint32_t ttl)
{
	struct address a = { .family = family };
	struct dns_answer answer;
	size_t length;

	memcpy(a.bytes, q.question, address_size(family));
	q.type = family == AF_INET ? DNS_A : DNS_AAAA;
	q.question[q.question_length - 4] = 0;
	q.question[q.question_length - 3] = (unsigned char)q.type;
	length = dns_write_address(written, sizeof(written), &q, &a, ttl);
	HOLDS(length > 0 && length <= DNS_UDP_MAX);
	HOLDS(dns_write_address(again, length, &q, &a, ttl) == length);
	HOLDS(dns_write_address(again, length - 1, &q, &a, ttl) == 0);
	if (q.name.odd)
		return;
	HOLDS(dns_parse_answer(span_over(written, length), q.id, name_of(&q), q.type, &answer));
	HOLDS(answer.rcode == 0 && !answer.truncated && answer.count == 1);
	HOLDS(answer.ttl == (ttl > INT32_MAX ? 0 : ttl));
	HOLDS(memcmp(&answer.addresses[0], &a, sizeof(a)) == 0);
}

/* A name that we write as the target of a PTR record is read by libc as it was. */
static void check_pointer(const struct dns_query *q)
{
	const size_t length = dns_write_pointer(written, sizeof(written), q, name_of(q), 1);
	const size_t target = DNS_HEADER + q->question_length + 12U;
	char text[1025];

	HOLDS((length == 0) == q->name.odd);
	if (length == 0)
		return;
	HOLDS(length ==
	      target + q->name.length + (q->name.length > 0 ? 2U : 1U) + (q->edns ? OPT_SIZE : 0U));
	HOLDS(dn_expand(written, written + length, written + target, text, sizeof(text)) > 0);
	HOLDS(strlen(text) == q->name.length && memcmp(text, q->name.text, q->name.length) == 0);
}

/* What we ask upstream reads as a query for the same. */
static void check_query_of(const struct dns_query *q)
{
	const size_t length = dns_write_query(written, sizeof(written), q->id, name_of(q), q->type);
	struct dns_query read;

	HOLDS((length == 0) == q->name.odd);
	if (length == 0)
		return;
	HOLDS(dns_write_query(again, length - 1, q->id, name_of(q), q->type) == 0);
	HOLDS(dns_parse_query(span_over(written, length), &read) == 0);
	HOLDS(read.id == q->id && read.type == q->type && read.class == IN && !read.edns);
	HOLDS(memcmp(&read.name, &q->name, sizeof(q->name)) == 0);
	for (size_t less = 0; less < length; less++)
		HOLDS(dns_parse_query(span_over(written, less), &read) != 0);
}

static void check_query(struct span message)
{
	struct dns_query q, cut;
	const int result = dns_parse_query(message, &q);

	HOLDS(result == -1 || result == DNS_NOERROR || result == DNS_FORMERR ||
	      result == DNS_NOTIMP || result == DNS_BADVERS);
	if (result == -1)
		return;
	HOLDS(message.length >= DNS_HEADER);
	HOLDS(q.room >= DNS_UDP_MAX && q.room <= DNS_MESSAGE_MAX);
	HOLDS(q.edns || q.room == DNS_UDP_MAX);
	check_empty(&q, result > 0 ? (unsigned int)result : DNS_NXDOMAIN);
	HOLDS(q.question_length <= sizeof(q.question));
	if (q.question_length == 0) {
		HOLDS(result > 0);
		return;
	}
	HOLDS(memcmp(q.question, message.at + DNS_HEADER, q.question_length) == 0);
	check_name(&q.name);
	check_name_by_question(&q);
	check_name_by_libc(message, &q.name);
	check_query_of(&q);
	check_pointer(&q);
	q.class = IN;
	q.question[q.question_length - 1] = IN;
	q.question[q.question_length - 2] = 0;
	check_address(q, AF_INET, q.id * 65537U);
	check_address(q, AF_INET6, q.id);
	if (result == DNS_NOERROR)
		for (size_t less = message.length > 600 ? message.length - 600 : 0;
		     less < message.length; less++)
			HOLDS(dns_parse_query(span_over(message.at, less), &cut) != 0);
}

/* ---- answers */

/* The question that this message holds, with EDNS0 or without; some other if it holds none. */
static void question_of(struct span message, struct dns_query *q)
{
	unsigned char asked[sizeof(q->question) + DNS_HEADER] = { 0 };
	const size_t size = message.length < sizeof(asked) ? message.length : sizeof(asked);
	size_t at = DNS_HEADER;

	memcpy(asked, message.at, size);
	memset(asked + 2, 0, DNS_HEADER - 2);
	asked[5] = 1;
	while (at < size && asked[at] > 0 && asked[at] < 64)
		at += asked[at] + 1U;
	if (at + 5 > size || dns_parse_query(span_over(asked, at + 5), q) != 0)
		HOLDS(dns_parse_query(span_over("\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", 19), q) ==
		      0);
	if (size > 2) {
		q->edns = message.at[size - 1] & 1;
		q->flags = (uint16_t)((message.at[size - 1] & 1) << 8 | 0x10); /* RD or not; CD */
	}
}

static void check_answer(const struct dns_answer *a, uint16_t type)
{
	HOLDS(a->count <= DNS_ADDRESSES && a->ttl <= INT32_MAX && a->rcode <= 15);
	HOLDS(a->count > 0 || a->ttl == 0);
	HOLDS(a->count == 0 || (!a->truncated && (type == DNS_A || type == DNS_AAAA)));
	for (unsigned int i = 0; i < a->count; i++)
		HOLDS(a->addresses[i].family == (type == DNS_A ? AF_INET : AF_INET6));
}

/* What is relayed says the same as what came, or says that it is cut; relayed once more, it stays as it is. */
static void check_relayed(struct span message, const struct dns_query *q, size_t limit)
{
	const size_t length = dns_write_relayed(written, sizeof(written), q, message, limit);
	struct dns_answer was, is;
	bool answered, cut;

	HOLDS(length <= limit && length <= sizeof(written));
	if (length == 0)
		return;
	HOLDS(length >= DNS_HEADER + q->question_length + (q->edns ? OPT_SIZE : 0U));
	HOLDS(memcmp(written + DNS_HEADER, q->question, q->question_length) == 0);
	HOLDS(written[0] == q->id >> 8 && written[1] == (q->id & 0xff));
	HOLDS((written[2] & 0xfc) == 0x80 && (written[2] & 1) == (q->flags >> 8 & 1));
	HOLDS(written[3] == (0x90 | (message.at[3] & 15)));
	HOLDS(written[10] == 0 && written[11] == q->edns);
	cut = written[2] & TC;
	if (cut)
		HOLDS(memcmp(written + 6, "\0\0\0", 4) == 0 && length <= DNS_UDP_MAX);
	else
		HOLDS(memcmp(written + 6, message.at + 6, 4) == 0);
	HOLDS(dns_write_relayed(again, sizeof(again), q, span_over(written, length), length) ==
	      length);
	HOLDS(memcmp(written, again, length) == 0);
	HOLDS(dns_write_relayed(again, sizeof(again), q, message, length - 1) < length);
	HOLDS(dns_write_relayed(again, length - 1, q, message, sizeof(again)) < length);

	if (q->class != IN || q->name.odd)
		return;
	answered = dns_parse_answer(span_over(written, length), q->id, name_of(q), q->type, &is);
	HOLDS(answered || !cut);
	if (dns_parse_answer(message, q->id, name_of(q), q->type, &was) != answered)
		HOLDS(cut);
	else if (answered && !cut)
		HOLDS(was.rcode == is.rcode && was.ttl == is.ttl && was.count == is.count &&
		      memcmp(was.addresses, is.addresses, sizeof(was.addresses)) == 0);
}

static void check_as_answer(struct span message)
{
	static const uint16_t types[] = { DNS_A, DNS_AAAA, DNS_CNAME };
	struct dns_answer answer;
	struct dns_query q;

	question_of(message, &q);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (dns_parse_answer(message, q.id, name_of(&q), types[i], &answer)) {
			HOLDS(types[i] == q.type && q.class == IN && !q.name.odd);
			check_answer(&answer, types[i]);
			HOLDS(!dns_parse_answer(message, q.id ^ 1, name_of(&q), types[i], &answer));
		}
	check_relayed(message, &q, sizeof(written));
	check_relayed(message, &q, message.length);
	check_relayed(message, &q, message.length / 2);
}

/* ---- names as text */

static void check_as_text(struct span name)
{
	struct address a = { 0 };
	char text[80];
	int length;

	if (!dns_reverse_address(name, &a))
		return;
	if (a.family == AF_INET) {
		length = snprintf(text, sizeof(text), "%u.%u.%u.%u.in-addr.arpa", a.bytes[3],
				  a.bytes[2], a.bytes[1], a.bytes[0]);
	} else {
		HOLDS(a.family == AF_INET6);
		length = 0;
		for (unsigned int i = 16; i-- > 0; length += 4)
			snprintf(text + length, 5, "%x.%x.", a.bytes[i] & 15U, a.bytes[i] >> 4U);
		length += snprintf(text + length, 9, "ip6.arpa");
	}
	HOLDS((size_t)length == name.length && memcmp(text, name.at, name.length) == 0);
}

static void check_everything(const char *at, size_t size)
{
	const struct span message = span_over(at, size);

	check_query(message);
	check_as_answer(message);
	check_as_text(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = copy_exactly(data, size);

	check_everything(copy, size);
	free(copy);
	check_everything(guard_behind(data, size), size);
	check_everything(guard_before(data, size), size);
	return 0;
}
