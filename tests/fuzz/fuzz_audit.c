/* SPDX-License-Identifier: MIT */
/*
 * Records of the audit log, with values that nobody vouches for. The input is one record: for each member a
 * byte that says what it is, and its value. What comes out is one line of JSON of a bounded length, and what
 * was not cut says the same as what went in.
 */
#include "tests/fuzz/guard.h"

#include <sys/socket.h>

#include "init/gate/audit.h"

#define MEMBERS 256

/* ---- what goes in ---- */

struct member {
	enum { STRING, NUMBER, ADDRESS, KINDS } kind;
	char key[32]; /* each has its own, so that one which was left out is found to be missing */
	struct span value; /* its bytes; of a number and an address as many as they have */
};

static struct member members[MEMBERS];
static size_t member_count;

static unsigned int take_byte(struct cursor *c)
{
	return cursor_done(c) ? 0 : (unsigned char)*c->at++;
}

static struct span take_bytes(struct cursor *c, size_t length)
{
	struct span s = cursor_rest(c);

	if (s.length > length)
		s.length = length;
	c->at += s.length;
	return s;
}

static void take_members(struct span input)
{
	struct cursor c = cursor_over(input);

	for (member_count = 0; member_count < MEMBERS && !cursor_done(&c); member_count++) {
		struct member *m = &members[member_count];
		const unsigned int what = take_byte(&c);
		struct text key;

		m->kind = what % KINDS;
		key = TEXT_OVER(m->key);
		text_printf(&key, "%s%zu", what & 0x80 ? "a_rather_long_key" : "key", member_count);
		/* The length of a string: up to 4 kB, by one byte. */
		m->value = take_bytes(&c, m->kind == STRING ? take_byte(&c) * 16U :
					  m->kind == NUMBER ? 8 :
							      17);
	}
}

static uint64_t number_of(const struct member *m)
{
	uint64_t number = 0;

	memcpy(&number, m->value.at, m->value.length);
	return number;
}

static struct address address_of(const struct member *m)
{
	struct address a = { 0 };

	if (m->value.length > 0) {
		a.family = m->value.at[0] & 1 ? AF_INET : AF_INET6;
		memcpy(a.bytes, m->value.at + 1, m->value.length - 1);
	}
	return a;
}

static void write_member(const struct member *m)
{
	if (m->kind == STRING) {
		audit_span(m->key, m->value);
	} else if (m->kind == NUMBER) {
		audit_number(m->key, number_of(m));
	} else {
		const struct address a = address_of(m);

		audit_address(m->key, &a);
	}
}

/* ---- what comes out ---- */

static unsigned int digit(char c)
{
	HOLDS((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
	return (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* A JSON string of RFC 8259 section 7, of ASCII alone. What it says goes to `said`. */
static struct span read_string(struct cursor *c, char said[AUDIT_RECORD_MAX])
{
	struct span s = { .at = said };

	HOLDS(cursor_take_char(c, '"'));
	while (!cursor_take_char(c, '"')) {
		char byte = (char)take_byte(c);

		HOLDS(byte >= ' ' && byte < 0x7f);
		if (byte == '\\' && cursor_take_char(c, 'u')) {
			HOLDS(take_byte(c) == '0' && take_byte(c) == '0');
			byte = (char)(digit((char)take_byte(c)) << 4);
			byte = (char)(byte | (char)digit((char)take_byte(c)));
		} else if (byte == '\\') {
			byte = (char)take_byte(c);
			HOLDS(byte == '"' || byte == '\\');
		}
		said[s.length++] = byte;
	}
	return s;
}

/* An integer of section 6. */
static uint64_t read_number(struct cursor *c)
{
	const char *start = c->at;
	uint64_t number = 0;

	while (!cursor_done(c) && *c->at >= '0' && *c->at <= '9') {
		const uint64_t more = number * 10 + take_byte(c) - '0';

		HOLDS(more / 10 == number); /* did not overflow */
		number = more;
	}
	HOLDS(c->at > start && (*start != '0' || c->at == start + 1));
	return number;
}

static void read_key(struct cursor *c, const char *key)
{
	char said[AUDIT_RECORD_MAX];

	HOLDS(span_is(read_string(c, said), key));
	HOLDS(cursor_take_char(c, ':'));
}

/* The value of this member. If `cut`, it may be the beginning of it. */
static void read_value(struct cursor *c, const struct member *m, bool cut)
{
	char said[AUDIT_RECORD_MAX], shown[64];
	struct text t = TEXT_OVER(shown);
	const char *start = c->at;
	struct span s;

	if (m->kind == NUMBER) {
		HOLDS(read_number(c) == number_of(m));
		return;
	}
	s = read_string(c, said);
	if (m->kind == ADDRESS) {
		const struct address a = address_of(m);

		address_print(&t, &a);
		HOLDS(span_is(s, shown));
		return;
	}
	HOLDS(c->at - start <= AUDIT_STRING_MAX);
	HOLDS(s.length == m->value.length || (cut && s.length < m->value.length));
	HOLDS(memcmp(s.at, m->value.at, s.length) == 0);
}

/* These members, in their order; those that are missing only if it says that it was cut. */
static void read_members(struct cursor *c, bool cut)
{
	for (size_t i = 0; i < member_count; i++) {
		const struct member *m = &members[i];
		char said[AUDIT_RECORD_MAX];
		struct cursor ahead = *c;

		if (m->kind == ADDRESS && m->value.length == 0)
			continue;
		if (cut &&
		    (!cursor_take_char(&ahead, ',') || !span_is(read_string(&ahead, said), m->key)))
			continue;
		HOLDS(cursor_take_char(c, ','));
		read_key(c, m->key);
		read_value(c, m, cut);
	}
	HOLDS(cursor_done(c));
}

static void read_record(struct span line, uint64_t sequence)
{
	static const char mark[] = ",\"cut\":true";
	const size_t mark_length = sizeof(mark) - 1;
	char said[AUDIT_RECORD_MAX];
	struct cursor c;
	bool cut;

	HOLDS(line.length >= 2 && memcmp(line.at + line.length - 2, "}\n", 2) == 0);
	line.length -= 2;
	cut = line.length > mark_length &&
	      memcmp(line.at + line.length - mark_length, mark, mark_length) == 0;
	if (cut)
		line.length -= mark_length;

	c = cursor_over(line);
	HOLDS(cursor_take_char(&c, '{'));
	read_key(&c, "time");
	HOLDS(read_string(&c, said).length == sizeof("2026-11-23T22:56:50.123456Z") - 1);
	HOLDS(cursor_take_char(&c, ','));
	read_key(&c, "seq");
	HOLDS(read_number(&c) == sequence);
	HOLDS(cursor_take_char(&c, ','));
	read_key(&c, "event");
	HOLDS(span_is(read_string(&c, said), "test"));
	read_members(&c, cut);
}

static void check(const char *input, size_t size)
{
	static int ends[2];
	static uint64_t sequence;
	char line[2 * AUDIT_RECORD_MAX];
	ssize_t length;

	if (sequence++ == 0) {
		HOLDS(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
		audit_start(ends[1], AUDIT_DEBUG);
	}
	take_members((struct span){ .at = input, .length = size });
	audit_begin(AUDIT_INFO, "test");
	for (size_t i = 0; i < member_count; i++)
		write_member(&members[i]);
	audit_end();
	length = recv(ends[0], line, sizeof(line), MSG_DONTWAIT);
	HOLDS(length > 0 && length <= AUDIT_RECORD_MAX);
	HOLDS(memchr(line, '\n', (size_t)length) == line + length - 1);
	read_record((struct span){ .at = line, .length = (size_t)length }, sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > GUARD_ROOM)
		return 0;
	check(guard_behind(data, size), size);
	check(guard_before(data, size), size);
	return 0;
}
