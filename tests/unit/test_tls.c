/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "init/gate/tls.h"
#include "sys/text.h"

#define ROOM (512 * 1024)
#define CORPUS "tests/fuzz/corpus/tls/"

struct buffer {
	size_t length;
	unsigned char bytes[ROOM];
};

static struct buffer message, flow, file;

static void put(struct buffer *b, unsigned int width, size_t number)
{
	assert_true(b->length + width <= ROOM);
	while (width-- > 0)
		b->bytes[b->length++] = (unsigned char)(number >> 8 * width);
}

static void put_bytes(struct buffer *b, const void *bytes, size_t length)
{
	assert_true(b->length + length <= ROOM);
	memcpy(b->bytes + b->length, bytes, length);
	b->length += length;
}

static void put_zeros(struct buffer *b, size_t length)
{
	assert_true(b->length + length <= ROOM);
	memset(b->bytes + b->length, 0, length);
	b->length += length;
}

/* `m` in records of this size. */
static void put_records(struct buffer *to, const struct buffer *m, size_t size)
{
	for (size_t at = 0; at < m->length; at += size) {
		const size_t part = m->length - at < size ? m->length - at : size;

		put(to, 3, 0x160301);
		put(to, 2, part);
		put_bytes(to, m->bytes + at, part);
	}
}

/* The message that these records hold. */
static void take_records(struct buffer *m, const struct buffer *from)
{
	m->length = 0;
	for (size_t at = 0; at + 5 <= from->length;) {
		const size_t part = (size_t)from->bytes[at + 3] << 8 | from->bytes[at + 4];

		put_bytes(m, from->bytes + at + 5, part);
		at += 5 + part;
	}
}

static const char *show(enum parse answer, const struct tls_hello *hello)
{
	static char shown[300];
	static const char *const answers[] = { [PARSE_DONE] = "done",
					       [PARSE_MORE] = "more",
					       [PARSE_OTHER] = "other",
					       [PARSE_BAD] = "bad" };
	struct text t = TEXT_OVER(shown);

	text_printf(&t, "%s", answers[answer]);
	if (answer == PARSE_DONE) {
		text_char(&t, ' ');
		text_escaped(&t, hello->name, hello->name_length);
	}
	return shown;
}

/* A copy without a byte behind it, for the sanitizer. */
static const char *parse(const unsigned char *bytes, size_t length)
{
	char *copy = malloc(length + 1);
	struct tls_hello hello;
	enum parse answer;

	assert_non_null(copy);
	memcpy(copy + 1, bytes, length);
	memset(&hello, 0xaa, sizeof(hello));
	answer = tls_parse_client_hello((struct span){ .at = copy + 1, .length = length }, &hello);
	free(copy);
	return show(answer, &hello);
}

static const char *parse_message(size_t record_size)
{
	flow.length = 0;
	put_records(&flow, &message, record_size);
	return parse(flow.bytes, flow.length);
}

/* What is not said of the whole is never said of its beginning, and what was said stays. */
static void assert_all_prefixes(const struct buffer *b, const char *expected)
{
	bool more = true;

	for (size_t length = 0; length <= b->length; length++) {
		const char *said = parse(b->bytes, length);

		more = more && strcmp(said, "more") == 0;
		if (!more)
			assert_string_equal(said, expected);
	}
	assert_false(more && strcmp(expected, "more") != 0);
}

/* ---- ClientHellos of real programs, and what one may look like */

static void read_file(const char *name)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), CORPUS "%s", name);
	f = fopen(path, "r");
	if (!f)
		FAIL("%s: cannot be read", path);
	file.length = fread(file.bytes, 1, ROOM, f);
	assert_int_equal(fclose(f), 0);
}

static const struct {
	const char *file, *found;
} hellos[] = {
	{ "python", "done api.example.com" },
	{ "python-no-name", "done " },
	{ "python-tls10", "done legacy.example.com" },
	{ "python-tls12", "done api.example.com" },
	{ "python-alpn", "done api.example.com" },
	{ "openssl-tls12", "done api.example.com" }, /* was given as API.Example.com */
	{ "openssl-tls13", "done api.example.com" },
	{ "openssl-no-name", "done " },
	{ "openssl-alpn", "done a_b.api-1.example.com" }, /* was given with a dot at the end */
	{ "openssl-small-records", "done api.example.com" },
	{ "gnutls", "done localhost" },
	{ "java", "done repo.maven.apache.org" },
	{ "curl", "done api.example.com" },
	{ "curl-http1", "done pypi.org" },
	{ "node", "done registry.npmjs.org" },
	{ "post-quantum", "done chat.example.com" }, /* GREASE, a key share of 1216 bytes, ECH */
	{ "early-data", "done split.example.com" },
	{ "no-extensions", "done " },
	{ "empty-extensions", "done " },
};

TEST(finds_the_name_in_the_hello_of_real_clients)
{
	for (size_t i = 0; i < COUNT(hellos); i++) {
		read_file(hellos[i].file);
		if (strcmp(parse(file.bytes, file.length), hellos[i].found) != 0)
			FAIL("%s: %s", hellos[i].file, parse(file.bytes, file.length));
		assert_all_prefixes(&file, hellos[i].found);
	}
}

TEST(finds_it_in_records_of_any_size)
{
	static const size_t sizes[] = { 1, 2, 3, 5, 100, 16384 };

	for (size_t i = 0; i < COUNT(hellos); i++) {
		read_file(hellos[i].file);
		if (strcmp(hellos[i].file, "early-data") == 0)
			continue;
		take_records(&message, &file);
		for (size_t j = 0; j < COUNT(sizes); j++)
			if (strcmp(parse_message(sizes[j]), hellos[i].found) != 0)
				FAIL("%s in records of %zu: %s", hellos[i].file, sizes[j],
				     parse_message(sizes[j]));
	}
	assert_all_prefixes(&flow, hellos[COUNT(hellos) - 1].found);
}

TEST(is_done_with_the_last_byte_of_the_hello)
{
	read_file("python");
	assert_string_equal(parse(file.bytes, file.length - 1), "more");
	assert_string_equal(parse(file.bytes, file.length), "done api.example.com");
	/* Whatever follows, also in the same record, is no part of it. */
	take_records(&message, &file);
	put_bytes(&message, "\1garbage", 8);
	assert_string_equal(parse_message(16384), "done api.example.com");
	read_file("python");
	put_bytes(&file, "\0\0\0\0\0\0", 6);
	assert_string_equal(parse(file.bytes, file.length), "done api.example.com");
}

/* ---- hellos of any shape */

struct shape {
	unsigned int type, version;
	size_t session_id, ciphers, compression; /* lengths in bytes */
	const char *extensions;
	size_t extensions_length;
	size_t padding; /* bytes of another extension, if not 0 */
	size_t behind; /* bytes behind the extensions */
	int lie; /* added to the message's length */
};

#define SHAPE(t, v, s, c, m) \
	.type = (t), .version = (v), .session_id = (s), .ciphers = (c), .compression = (m)
#define PLAIN SHAPE(1, 0x0303, 32, 4, 1)
#define EXTENSIONS(bytes) .extensions = (bytes), .extensions_length = sizeof(bytes) - 1

static void make(const struct shape *s)
{
	size_t start;

	message.length = 0;
	put(&message, 1, s->type);
	put(&message, 3, 0);
	put(&message, 2, s->version);
	put_zeros(&message, 32);
	put(&message, 1, s->session_id);
	put_zeros(&message, s->session_id);
	put(&message, 2, s->ciphers);
	put_zeros(&message, s->ciphers);
	put(&message, 1, s->compression);
	put_zeros(&message, s->compression);
	if (s->extensions) {
		put(&message, 2, s->extensions_length + (s->padding ? s->padding + 4 : 0));
		put_bytes(&message, s->extensions, s->extensions_length);
	}
	if (s->padding) {
		put(&message, 2, 21);
		put(&message, 2, s->padding);
		put_zeros(&message, s->padding);
	}
	put_zeros(&message, s->behind);
	start = message.length;
	message.length = 1;
	put(&message, 3, (size_t)((long)start - 4 + s->lie));
	message.length = start;
}

#define NAME "\0\0\0\7\0\5\0\0\2ab" /* server_name: ab */

TEST(accepts_and_refuses_shapes)
{
	static const struct {
		struct shape shape;
		const char *found;
	} rows[] = {
		{ { PLAIN, EXTENSIONS(NAME) }, "done ab" },
		{ { PLAIN, EXTENSIONS(NAME), .padding = 5000 }, "done ab" },
		{ { PLAIN, EXTENSIONS("\x0a\x0a\0\0" NAME "\xfa\xfa\0\1\0") }, "done ab" },
		{ { PLAIN, EXTENSIONS("\x12\x34\0\3xyz") }, "done " },
		{ { PLAIN, EXTENSIONS("") }, "done " },
		{ { PLAIN }, "done " },
		/* What a field may hold. */
		{ { SHAPE(1, 0x0301, 32, 4, 1) }, "done " },
		{ { SHAPE(1, 0x0300, 32, 4, 1) }, "done " },
		{ { SHAPE(1, 0x0203, 32, 4, 1) }, "bad" },
		{ { SHAPE(1, 0xfefd, 32, 4, 1) }, "bad" },
		{ { SHAPE(1, 0x0303, 0, 4, 1) }, "done " },
		{ { SHAPE(1, 0x0303, 33, 4, 1) }, "bad" },
		{ { SHAPE(1, 0x0303, 32, 0, 1) }, "bad" },
		{ { SHAPE(1, 0x0303, 32, 3, 1) }, "bad" },
		{ { SHAPE(1, 0x0303, 32, 2000, 1) }, "done " },
		{ { SHAPE(1, 0x0303, 32, 4, 0) }, "bad" },
		{ { SHAPE(1, 0x0303, 32, 4, 255) }, "done " },
		{ { SHAPE(2, 0x0303, 32, 4, 1) }, "other" },
		{ { SHAPE(0, 0x0303, 32, 4, 1) }, "other" },
		/* Lengths that do not agree. */
		{ { PLAIN, EXTENSIONS(NAME), .behind = 1 }, "bad" },
		{ { PLAIN, .behind = 1 }, "bad" },
		{ { PLAIN, .behind = 2 }, "done " }, /* an empty extensions block */
		{ { PLAIN, EXTENSIONS(NAME), .lie = -1 }, "bad" },
		{ { PLAIN, EXTENSIONS(NAME), .lie = 1 }, "bad" },
		{ { PLAIN, .lie = -1 }, "bad" },
		{ { PLAIN, .lie = -40 }, "bad" },
		{ { PLAIN, .lie = 1 }, "bad" },
		{ { PLAIN, .lie = 2 }, "more" },
		{ { PLAIN, EXTENSIONS("\x12\x34\0\4xyz") }, "bad" },
		{ { PLAIN, EXTENSIONS("\x12\x34\0\2xyz") }, "bad" },
		{ { PLAIN, EXTENSIONS("\x12") }, "bad" },
		{ { PLAIN, EXTENSIONS("\x12\x34\0") }, "bad" },
		/* server_name (RFC 6066 3): a list of one host_name. */
		{ { PLAIN, EXTENSIONS(NAME NAME) }, "bad" },
		{ { PLAIN, EXTENSIONS(NAME "\0\x2b\0\3\2\3\4" NAME) }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\0") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\2\0\0") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\5\0\3\0\0\0") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\7\0\5\1\0\2ab") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\7\0\5\0\0\3ab") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\7\0\5\0\0\1ab") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\7\0\4\0\0\2ab") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\x8\0\5\0\0\2abc") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\7\0\6\0\0\2ab") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\x0c\0\x0a\0\0\2ab\0\0\2cd") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\x0c\0\x0a\0\0\2ab\1\0\2cd") }, "bad" },
		{ { PLAIN, EXTENSIONS("\0\0\0\7\0\5\0\xff\xff"
				      "ab") },
		  "bad" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		make(&rows[i].shape);
		if (strcmp(parse_message(16384), rows[i].found) != 0)
			FAIL("row %zu: %s", i, parse_message(16384));
		assert_string_equal(parse_message(3), rows[i].found);
		assert_all_prefixes(&flow, rows[i].found);
	}
}

static const char *parse_name(const char *name, size_t length)
{
	static char extension[600];

	extension[2] = (char)((length + 5) >> 8);
	extension[3] = (char)(length + 5);
	extension[4] = (char)((length + 3) >> 8);
	extension[5] = (char)(length + 3);
	extension[7] = (char)(length >> 8);
	extension[8] = (char)length;
	memcpy(extension + 9, name, length);
	make(&(struct shape){ PLAIN, .extensions = extension, .extensions_length = length + 9,
			      .padding = 3 });
	return parse_message(16384);
}

#define NAMED(name) (name), sizeof(name) - 1

TEST(a_name_is_a_host_name)
{
	static const struct {
		const char *name;
		size_t length;
		const char *found;
	} rows[] = {
		{ NAMED("example.com"), "done example.com" },
		{ NAMED("EXAMPLE.Com."), "done example.com" },
		{ NAMED("xn--bcher-kva.example"), "done xn--bcher-kva.example" },
		{ NAMED("_dmarc.A-1.x"), "done _dmarc.a-1.x" },
		{ NAMED("localhost"), "done localhost" },
		{ NAMED("AZaz09.AZ"), "done azaz09.az" },
		{ NAMED("[a"), "bad" }, /* beside the letters */
		{ NAMED("@a"), "bad" },
		{ NAMED("`a"), "bad" },
		{ NAMED("{a"), "bad" },
		{ NAMED("/a"), "bad" },
		{ NAMED(":a"), "bad" },
		{ NAMED("1.2.3.4.example"), "done 1.2.3.4.example" },
		{ NAMED("192.0.2.1"), "bad" },
		{ NAMED("192.0.2.1."), "bad" },
		{ NAMED("2001:db8::1"), "bad" },
		{ NAMED("[2001:db8::1]"), "bad" },
		{ NAMED(""), "bad" },
		{ NAMED("."), "bad" },
		{ NAMED(".a"), "bad" },
		{ NAMED("a..b"), "bad" },
		{ NAMED("a.."), "bad" },
		{ NAMED("a b"), "bad" },
		{ NAMED(" a"), "bad" },
		{ NAMED("a\n"), "bad" },
		{ NAMED("a\0"), "bad" },
		{ NAMED("good.example\0.evil.example"), "bad" },
		{ NAMED("*.example.com"), "bad" },
		{ NAMED("a/b"), "bad" },
		{ NAMED("example.com:443"), "bad" },
		{ NAMED("user@example.com"), "bad" },
		{ NAMED("b\xc3\xbc"
			"cher.example"),
		  "bad" },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(parse_name(rows[i].name, rows[i].length), rows[i].found) != 0)
			FAIL("'%s': %s", rows[i].name, parse_name(rows[i].name, rows[i].length));
}

TEST(a_name_has_253_characters_at_most)
{
	char name[300], expected[300];

	memset(name, 'n', sizeof(name));
	for (size_t i = 49; i < sizeof(name); i += 50)
		name[i] = '.';
	snprintf(expected, sizeof(expected), "done %.253s", name);
	assert_string_equal(parse_name(name, 253), expected);
	assert_string_equal(parse_name(name, 254), "bad");
	assert_string_equal(parse_name(name, 255), "bad");
	assert_string_equal(parse_name(name, 256), "bad");
	assert_string_equal(parse_name(name, 299), "bad");
	name[253] = '.';
	assert_string_equal(parse_name(name, 254), expected);
}

/* ---- records */

TEST(another_protocol_is_known_by_its_first_bytes)
{
	unsigned char bytes[6] = { 0x16, 3, 1, 0, 100, 1 };
	static const size_t deciding[] = { 0, 1, 5 };
	static const char *const first[] = {
		"GET / HTTP/1.1\r\n\r\n",	  "SSH-2.0-x\r\n",  "\n",
		"\x80\x2e\1\0\2\0\x15\0\0\0\x10", "\x15\3\1\0\2\1", "\x17\3\3"
	};

	for (size_t i = 0; i < COUNT(deciding); i++) {
		unsigned char *byte = &bytes[deciding[i]];
		const unsigned char right = *byte;

		for (unsigned int value = 0; value < 256; value++) {
			*byte = (unsigned char)value;
			assert_string_equal(parse(bytes, deciding[i]), "more");
			assert_string_equal(parse(bytes, deciding[i] + 1),
					    value == right ? "more" : "other");
		}
		*byte = right;
	}
	for (unsigned int minor = 0; minor < 256; minor++) {
		bytes[2] = (unsigned char)minor;
		assert_string_equal(parse(bytes, sizeof(bytes)), "more");
	}
	for (size_t i = 0; i < COUNT(first); i++)
		assert_string_equal(parse((const unsigned char *)first[i], strlen(first[i])),
				    "other");
}

TEST(a_record_holds_1_to_16384_bytes_of_handshake)
{
	static const struct {
		size_t length;
		const char *first, *second;
	} rows[] = {
		{ 0, "bad", "bad" },	 { 1, "more", "more" },	   { 16384, "more", "more" },
		{ 16385, "bad", "bad" }, { 0xffff, "bad", "bad" },
	};
	static const unsigned char types[] = { 0, 0x14, 0x15, 0x17, 0x18, 0xff };

	make(&(struct shape){ PLAIN, EXTENSIONS(NAME), .padding = 20000 });
	for (size_t i = 0; i < COUNT(rows); i++) {
		flow.length = 0;
		put(&flow, 3, 0x160301);
		put(&flow, 2, rows[i].length);
		assert_string_equal(parse(flow.bytes, flow.length), rows[i].first);
		flow.length = 0;
		message.length = 50;
		put_records(&flow, &message, 100);
		put(&flow, 3, 0x160301);
		put(&flow, 2, rows[i].length);
		assert_string_equal(parse(flow.bytes, flow.length), rows[i].second);
	}
	for (size_t part = 1; part < 50; part += 48) {
		message.length = part;
		for (size_t i = 0; i < COUNT(types); i++) {
			flow.length = 0;
			put_records(&flow, &message, 100);
			put(&flow, 1, types[i]);
			assert_string_equal(parse(flow.bytes, flow.length), "bad");
		}
		flow.length = 0;
		put_records(&flow, &message, 100);
		put(&flow, 2, 0x1602);
		assert_string_equal(parse(flow.bytes, flow.length), "bad");
	}
}

/* All records count, with their headers. */
TEST(a_hello_may_take_64_kib_and_no_more)
{
	const size_t headers = 4UL * 5, others = 1UL + 3 + 2 + 32 + 33 + 6 + 2 + 2 + 11 + 4;
	struct shape s = { PLAIN, EXTENSIONS(NAME), .padding = TLS_HELLO_MAX - headers - others };

	make(&s);
	assert_string_equal(parse_message(16384), "done ab");
	assert_int_equal(flow.length, TLS_HELLO_MAX);
	assert_string_equal(parse(flow.bytes, flow.length - 1), "more");
	s.padding++;
	make(&s);
	assert_string_equal(parse_message(16384), "bad");
	assert_int_equal(flow.length, TLS_HELLO_MAX + 1);
	/* No more than this is ever asked for. */
	assert_string_equal(parse(flow.bytes, TLS_HELLO_MAX - 1), "more");
	assert_string_equal(parse(flow.bytes, TLS_HELLO_MAX), "bad");
	for (size_t i = 0; i < 4; i++) {
		static const size_t sizes[] = { 1, 2, 5, 100 };

		assert_string_equal(parse_message(sizes[i]), "bad");
		assert_string_equal(parse(flow.bytes, TLS_HELLO_MAX), "bad");
		assert_string_equal(parse(flow.bytes, TLS_HELLO_MAX - 1), "more");
	}
}

TEST(a_hello_that_claims_too_much_is_not_waited_for)
{
	assert_string_equal(parse((const unsigned char *)"\x16\3\1\0\x64\1\0\xff\xff", 9), "more");
	assert_string_equal(parse((const unsigned char *)"\x16\3\1\0\x64\1\1\0\0", 9), "bad");
	assert_string_equal(parse((const unsigned char *)"\x16\3\1\0\x64\1\xff\xff\xff", 9), "bad");
}

TEST(an_alert_is_fatal)
{
	unsigned char bytes[TLS_ALERT_SIZE];

	tls_write_alert(bytes, TLS_UNRECOGNIZED_NAME);
	assert_memory_equal(bytes, "\x15\3\3\0\2\2\x70", TLS_ALERT_SIZE);
	tls_write_alert(bytes, TLS_ACCESS_DENIED);
	assert_memory_equal(bytes, "\x15\3\3\0\2\2\x31", TLS_ALERT_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_name_in_the_hello_of_real_clients),
		cmocka_unit_test(finds_it_in_records_of_any_size),
		cmocka_unit_test(is_done_with_the_last_byte_of_the_hello),
		cmocka_unit_test(accepts_and_refuses_shapes),
		cmocka_unit_test(a_name_is_a_host_name),
		cmocka_unit_test(a_name_has_253_characters_at_most),
		cmocka_unit_test(another_protocol_is_known_by_its_first_bytes),
		cmocka_unit_test(a_record_holds_1_to_16384_bytes_of_handshake),
		cmocka_unit_test(a_hello_may_take_64_kib_and_no_more),
		cmocka_unit_test(a_hello_that_claims_too_much_is_not_waited_for),
		cmocka_unit_test(an_alert_is_fatal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
