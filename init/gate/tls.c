/* SPDX-License-Identifier: MIT */
#include "init/gate/tls.h"

#include <stdbool.h>
#include <string.h>

#include "sys/address.h"

#define RECORD_MAX 16384 /* bytes in a record (RFC 8446 5.1) */
#define SESSION_ID_MAX 32

/* RFC 8446 5.1, 4, 4.2; RFC 6066 3. */
enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22 };
enum { HANDSHAKE_CLIENT_HELLO = 1 };
enum { EXTENSION_SERVER_NAME = 0 };
enum { NAME_HOST_NAME = 0 };

/*
 * Reads a handshake message out of the records that it is spread over. Once the answer is not PARSE_DONE
 * any more, all that is read is 0 and the answer stays.
 */
struct reader {
	struct span flow;
	size_t at;
	uint32_t record_left; /* bytes of the record at `at` */
	enum parse answer;
};

static void require(struct reader *r, bool condition, enum parse otherwise)
{
	if (!condition && r->answer == PARSE_DONE)
		r->answer = otherwise;
}

static uint8_t take_flow_byte(struct reader *r)
{
	require(r, r->at < TLS_HELLO_MAX, PARSE_BAD);
	require(r, r->at < r->flow.length, PARSE_MORE);
	return r->answer == PARSE_DONE ? (uint8_t)r->flow.at[r->at++] : 0;
}

/* Only the first record, and its start, can tell of another protocol: what follows it is TLS gone wrong. */
static void require_byte(struct reader *r, uint8_t byte, uint8_t wanted)
{
	require(r, byte == wanted, r->at <= 6 ? PARSE_OTHER : PARSE_BAD);
}

static void open_record(struct reader *r)
{
	require_byte(r, take_flow_byte(r), RECORD_HANDSHAKE);
	require_byte(r, take_flow_byte(r), 3);
	take_flow_byte(r); /* the minor version says nothing: RFC 8446 5.1, legacy_record_version */
	r->record_left = (uint32_t)take_flow_byte(r) << 8;
	r->record_left |= take_flow_byte(r);
	require(r, r->record_left > 0 && r->record_left <= RECORD_MAX, PARSE_BAD);
}

static uint8_t take_byte(struct reader *r)
{
	if (r->record_left == 0)
		open_record(r);
	if (r->answer != PARSE_DONE)
		return 0;
	r->record_left--;
	return take_flow_byte(r);
}

/* A number of `width` bytes, out of the `left` ones of the structure that it stands in. */
static uint32_t take(struct reader *r, uint32_t *left, unsigned int width)
{
	uint32_t number = 0;

	require(r, *left >= width, PARSE_BAD);
	if (r->answer != PARSE_DONE)
		return 0;
	*left -= width;
	while (width-- > 0)
		number = number << 8 | take_byte(r);
	return number;
}

/* The length of a vector, which is then no part of `left` any more. */
static uint32_t take_vector(struct reader *r, uint32_t *left, unsigned int width, uint32_t limit)
{
	const uint32_t length = take(r, left, width);

	require(r, length <= *left && length <= limit, PARSE_BAD);
	if (r->answer != PARSE_DONE)
		return 0;
	*left -= length;
	return length;
}

/* By whole pieces of records: a hello that arrives byte by byte is read again each time. */
static void skip(struct reader *r, uint32_t count)
{
	while (count > 0 && r->answer == PARSE_DONE) {
		size_t run;

		take_byte(r);
		run = r->flow.length - r->at;
		count--;
		if (run > count)
			run = count;
		if (run > r->record_left)
			run = r->record_left;
		r->at += run;
		r->record_left -= (uint32_t)run;
		count -= (uint32_t)run;
	}
}

static void take_server_name(struct reader *r, uint32_t left, struct tls_hello *hello)
{
	struct span name = { .at = hello->name };
	uint32_t list = take_vector(r, &left, 2, left);
	struct address address;

	require(r, hello->name_length == 0 && left == 0, PARSE_BAD);
	require(r, take(r, &list, 1) == NAME_HOST_NAME, PARSE_BAD);
	name.length = take_vector(r, &list, 2, sizeof(hello->name));
	require(r, list == 0, PARSE_BAD);
	for (uint32_t i = 0; i < name.length; i++) {
		const unsigned int c = take_byte(r);

		hello->name[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	require(r, parse_host_name(&name) && !address_parse(name, &address), PARSE_BAD);
	hello->name_length = (uint8_t)name.length;
}

static void take_extensions(struct reader *r, uint32_t left, struct tls_hello *hello)
{
	while (left > 0 && r->answer == PARSE_DONE) {
		const uint32_t type = take(r, &left, 2), length = take_vector(r, &left, 2, left);

		if (type == EXTENSION_SERVER_NAME)
			take_server_name(r, length, hello);
		else
			skip(r, length);
	}
}

/* ClientHello of RFC 8446 4.1.2, which TLS 1.0 to 1.2 share. */
static void take_client_hello(struct reader *r, uint32_t left, struct tls_hello *hello)
{
	uint32_t length;

	require(r, take(r, &left, 2) >> 8 == 3, PARSE_BAD);
	take(r, &left, 32); /* random */
	skip(r, take_vector(r, &left, 1, SESSION_ID_MAX));
	length = take_vector(r, &left, 2, left);
	require(r, length > 0 && length % 2 == 0, PARSE_BAD);
	skip(r, length); /* cipher suites */
	length = take_vector(r, &left, 1, left);
	require(r, length > 0, PARSE_BAD);
	skip(r, length); /* compression methods */
	if (left == 0)
		return; /* TLS 1.0 knew no extensions */
	length = take_vector(r, &left, 2, left);
	require(r, left == 0, PARSE_BAD);
	take_extensions(r, length, hello);
}

enum parse tls_parse_client_hello(struct span bytes, struct tls_hello *hello)
{
	struct reader r = { .flow = bytes, .answer = PARSE_DONE };
	uint32_t header = 4, length;

	*hello = (struct tls_hello){ 0 };
	if (r.flow.length > TLS_HELLO_MAX)
		r.flow.length = TLS_HELLO_MAX;
	require_byte(&r, (uint8_t)take(&r, &header, 1), HANDSHAKE_CLIENT_HELLO);
	length = take(&r, &header, 3);
	require(&r, length < TLS_HELLO_MAX, PARSE_BAD);
	take_client_hello(&r, length, hello);
	return r.answer;
}

void tls_write_alert(unsigned char to[TLS_ALERT_SIZE], enum tls_alert alert)
{
	const unsigned char record[TLS_ALERT_SIZE] = {
		RECORD_ALERT, 3, 3, 0, 2, 2 /* fatal */, (unsigned char)alert
	};

	memcpy(to, record, sizeof(record));
}
