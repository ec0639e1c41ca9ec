/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <sys/socket.h>

#include "init/gate/dns.h"
#include "sys/text.h"

#define IN 1
#define QUERY 0x0100 /* flags: recursion desired */
#define ANSWER 0x8180 /* and available */

/* ---- messages, put together byte by byte */

static unsigned char message[65535];
static size_t length;

static void put(const void *bytes, size_t count)
{
	assert_true(count <= sizeof(message) - length);
	memcpy(message + length, bytes, count);
	length += count;
}

#define PUT(literal) put((literal), sizeof(literal) - 1)

static void put_u16(unsigned int value)
{
	const unsigned char bytes[] = { (unsigned char)(value >> 8), (unsigned char)value };

	put(bytes, 2);
}

/* "www.example.com" as labels; upper case stays. */
static void put_name(const char *name)
{
	while (*name) {
		const size_t label = strcspn(name, ".");
		const unsigned char byte = (unsigned char)label;

		put(&byte, 1);
		put(name, label);
		name += label + (name[label] == '.');
	}
	PUT("\0");
}

static void put_header(unsigned int flags, unsigned int questions, unsigned int answers,
		       unsigned int authorities, unsigned int additional)
{
	length = 0;
	put_u16(0x1234);
	put_u16(flags);
	put_u16(questions);
	put_u16(answers);
	put_u16(authorities);
	put_u16(additional);
}

static void put_question(const char *name, unsigned int type)
{
	put_name(name);
	put_u16(type);
	put_u16(IN);
}

/* Header and question, and how many records of each section are to follow. */
static void begin(unsigned int flags, const char *name, unsigned int type, unsigned int answers,
		  unsigned int authorities, unsigned int additional)
{
	put_header(flags, 1, answers, authorities, additional);
	put_question(name, type);
}

/* All of a record but its owner. */
static void put_record(unsigned int type, uint32_t ttl, const void *data, size_t count)
{
	put_u16(type);
	put_u16(IN);
	put_u16(ttl >> 16);
	put_u16(ttl & 0xffff);
	put_u16((unsigned int)count);
	put(data, count);
}

static void put_address(const char *owner, uint32_t ttl, const char *bytes)
{
	put_name(owner);
	put_record(DNS_A, ttl, bytes, 4);
}

static void put_alias(const char *owner, uint32_t ttl, const char *target)
{
	const size_t before = length;
	unsigned char data[255];
	size_t count;

	put_name(target);
	count = length - before;
	memcpy(data, message + before, count);
	length = before;
	put_name(owner);
	put_record(DNS_CNAME, ttl, data, count);
}

static void put_opt(unsigned int room, uint32_t flags, const void *data, size_t count)
{
	PUT("\0");
	put_u16(DNS_OPT);
	put_u16(room);
	put_u16(flags >> 16);
	put_u16(flags & 0xffff);
	put_u16((unsigned int)count);
	put(data, count);
}

/* ---- what is tested, on a copy without a byte behind it */

static struct dns_query query;
static struct dns_answer answer;
static unsigned char out[4096];

static char *copy_of_message(void)
{
	char *copy = malloc(length > 0 ? length : 1);

	memcpy(copy, message, length);
	return copy;
}

static int parse_query(void)
{
	char *copy = copy_of_message();
	int result;

	memset(&query, 0xaa, sizeof(query));
	result = dns_parse_query((struct span){ .at = copy, .length = length }, &query);
	free(copy);
	return result;
}

static bool parse_answer(const char *name, uint16_t type)
{
	char *copy = copy_of_message();
	bool result;

	memset(&answer, 0xaa, sizeof(answer));
	result = dns_parse_answer((struct span){ .at = copy, .length = length }, 0x1234,
				  span_of(name), type, &answer);
	free(copy);
	return result;
}

static size_t relay(size_t size, size_t limit)
{
	char *copy = copy_of_message();
	size_t result;

	memset(out, 0xaa, sizeof(out));
	result = dns_write_relayed(out, size, &query, (struct span){ .at = copy, .length = length },
				   limit);
	free(copy);
	return result;
}

/* query = this question, with EDNS0 or without */
static void ask(const char *name, unsigned int type, bool edns)
{
	begin(QUERY, name, type, 0, 0, edns);
	if (edns)
		put_opt(4096, 0, "", 0);
	assert_int_equal(parse_query(), 0);
}

static void assert_name(const char *expected, bool odd)
{
	assert_int_equal(query.name.length, strlen(expected));
	assert_memory_equal(query.name.text, expected, query.name.length);
	assert_int_equal(query.name.odd, odd);
}

static void assert_bytes(size_t written, const char *expected, size_t count)
{
	assert_int_equal(written, count);
	assert_memory_equal(out, expected, count);
}

#define ASSERT_OUT(written, literal) assert_bytes((written), (literal), sizeof(literal) - 1)

/* "1.2.3.4 5.6.7.8 ttl 60" */
static const char *show_answer(void)
{
	static char shown[512];
	struct text t = TEXT_OVER(shown);

	for (unsigned int i = 0; i < answer.count; i++) {
		address_print(&t, &answer.addresses[i]);
		text_char(&t, ' ');
	}
	text_printf(&t, "ttl %u", answer.ttl);
	return shown;
}

/* ---- queries */

TEST(a_query_is_read)
{
	begin(QUERY, "www.example.com", DNS_AAAA, 0, 0, 0);
	assert_int_equal(parse_query(), 0);
	assert_int_equal(query.id, 0x1234);
	assert_int_equal(query.flags, QUERY);
	assert_int_equal(query.type, DNS_AAAA);
	assert_int_equal(query.class, IN);
	assert_false(query.edns);
	assert_int_equal(query.room, DNS_UDP_MAX);
	assert_name("www.example.com", false);
	assert_int_equal(query.question_length, length - DNS_HEADER);
	assert_memory_equal(query.question, message + DNS_HEADER, query.question_length);
}

TEST(a_name_is_lower_case_and_its_question_as_it_came)
{
	begin(QUERY, "wWw.eXAMPLe-9.CoM", DNS_A, 0, 0, 0);
	assert_int_equal(parse_query(), 0);
	assert_name("www.example-9.com", false);
	assert_memory_equal(query.question, "\3wWw\11eXAMPLe-9\3CoM", 19);
}

TEST(types_and_classes_are_not_judged)
{
	static const unsigned int numbers[] = { 0, 2, DNS_HTTPS, 251, DNS_ANY, 256, 0xffff };

	for (size_t i = 0; i < COUNT(numbers); i++) {
		put_header(QUERY, 1, 0, 0, 0);
		put_name("x");
		put_u16(numbers[i]);
		put_u16(numbers[COUNT(numbers) - 1 - i]);
		assert_int_equal(parse_query(), 0);
		assert_int_equal(query.type, numbers[i]);
		assert_int_equal(query.class, numbers[COUNT(numbers) - 1 - i]);
	}
}

TEST(edns_says_how_long_an_answer_may_be)
{
	static const struct {
		unsigned int said, room;
	} rows[] = { { 0, 512 },     { 511, 512 },   { 512, 512 },   { 513, 513 },
		     { 1232, 1232 }, { 4096, 4096 }, { 4097, 4096 }, { 65535, 4096 } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(QUERY, "example.com", DNS_A, 0, 0, 1);
		put_opt(rows[i].said, 0x8000, "", 0); /* DO */
		assert_int_equal(parse_query(), 0);
		assert_true(query.edns);
		assert_int_equal(query.room, rows[i].room);
	}
}

TEST(other_additional_records_and_options_are_passed_over)
{
	begin(QUERY | 0x20, "example.com", DNS_A, 0, 0, 3); /* AD, as dig sends it */
	PUT("\xc0\x0c"); /* an owner may point to the question */
	put_record(16, 0, "\1x", 2);
	put_opt(1232, 0, "\0\12\0\10cookie..\0\14\0\4\0\0\0\0", 20);
	put_name("key");
	put_record(250, 0, "TSIG", 4);
	assert_int_equal(parse_query(), 0);
	assert_true(query.edns);
	assert_int_equal(query.room, 1232);
}

TEST(the_root_is_an_empty_name)
{
	ask("", 2, false);
	assert_name("", false);
	assert_int_equal(query.question_length, 5);
}

TEST(odd_bytes_are_shown_as_question_marks)
{
	static const struct {
		const char *labels; /* as they stand in a message, without the root */
		size_t size;
		const char *shown;
		bool odd;
	} rows[] = {
		{ "\4_sip\4_tcp\2xn", 13, "_sip._tcp.xn", false },
		{ "\3a.b\1c", 6, "a?b.c", true }, /* a dot within a label is none between two */
		{ "\3a\0b\1c", 6, "a?b.c", true },
		{ "\1*\1c", 4, "?.c", true },
		{ "\2\xc3\xa4\1c", 5, "??.c", true },
		{ "\1?", 2, "?", true },
		{ "\3a b", 4, "a?b", true },
		{ "\4@[`{", 5, "????", true }, /* neighbours of the letters */
		{ "\3/:^", 4, "???", true }, /* and of the digits */
		{ "\4AZaz\0019", 7, "azaz.9", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		put_header(QUERY, 1, 0, 0, 0);
		put(rows[i].labels, rows[i].size);
		PUT("\0\0\1\0\1");
		assert_int_equal(parse_query(), 0);
		assert_name(rows[i].shown, rows[i].odd);
	}
}

/* Labels of these lengths, and the root. */
static void put_labels(const unsigned char *lengths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put(&lengths[i], 1);
		for (unsigned int j = 0; j < lengths[i]; j++)
			PUT("a");
	}
	PUT("\0");
}

TEST(a_name_has_255_bytes_at_most)
{
	static const unsigned char longest[] = { 63, 63, 63, 61 }, longer[] = { 63, 63, 63, 62 },
				   longer_yet[] = { 63, 63, 63, 63, 1 };
	unsigned char ones[128];

	put_header(QUERY, 1, 0, 0, 0);
	put_labels(longest, 4);
	PUT("\0\1\0\1");
	assert_int_equal(parse_query(), 0);
	assert_int_equal(query.name.length, DNS_NAME_MAX);
	assert_int_equal(query.question_length, 259);
	assert_memory_equal(query.question, message + DNS_HEADER, 259);
	assert_int_equal(query.name.text[252], 'a');
	/* echoed whole */
	assert_int_equal(dns_write_empty(out, sizeof(out), &query, 0), DNS_HEADER + 259);
	assert_memory_equal(out + DNS_HEADER, message + DNS_HEADER, 259);

	put_header(QUERY, 1, 0, 0, 0);
	put_labels(longer, 4);
	PUT("\0\1\0\1");
	assert_int_equal(parse_query(), DNS_FORMERR);

	put_header(QUERY, 1, 0, 0, 0);
	put_labels(longer_yet, 5);
	PUT("\0\1\0\1");
	assert_int_equal(parse_query(), DNS_FORMERR);

	memset(ones, 1, sizeof(ones));
	put_header(QUERY, 1, 0, 0, 0);
	put_labels(ones, 127);
	PUT("\0\1\0\1");
	assert_int_equal(parse_query(), 0);
	assert_int_equal(query.name.length, DNS_NAME_MAX);
	put_header(QUERY, 1, 0, 0, 0);
	put_labels(ones, 128);
	PUT("\0\1\0\1");
	assert_int_equal(parse_query(), DNS_FORMERR);
}

TEST(labels_are_of_type_00)
{
	static const unsigned char types[] = { 64, 65, 0x80, 0xbf };

	for (size_t i = 0; i < COUNT(types); i++) {
		put_header(QUERY, 1, 0, 0, 0);
		put_labels(&types[i], 1);
		PUT("\0\1\0\1");
		assert_int_equal(parse_query(), DNS_FORMERR);
	}
}

TEST(the_question_is_not_compressed)
{
	static const char *const names[] = { "\xc0\x0c", "\xc0\x0d", "\xc0\x04", "\xff\xff",
					     "\1a\xc0\x0c" };

	for (size_t i = 0; i < COUNT(names); i++) {
		put_header(QUERY, 1, 0, 0, 0);
		put(names[i], strlen(names[i]));
		PUT("\0\1\0\1");
		assert_int_equal(parse_query(), DNS_FORMERR);
	}
	/* A pointer into the header, to a byte that would do as the root. */
	put_header(QUERY, 1, 0, 0, 0);
	PUT("\1a\xc0\4\0\1\0\1");
	assert_int_equal(parse_query(), DNS_FORMERR);
	assert_int_equal(query.question_length, 0);
	assert_int_equal(query.type, 0);
	assert_int_equal(query.class, 0);
}

TEST(counts_that_no_query_has)
{
	static const unsigned int rows[][3] = { { 0, 0, 0 }, { 2, 0, 0 }, { 0xffff, 0, 0 },
						{ 1, 1, 0 }, { 1, 0, 1 }, { 256, 0, 0 } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		put_header(QUERY, rows[i][0], rows[i][1], rows[i][2], 0);
		put_question("a", DNS_A);
		if (rows[i][0] == 2)
			put_question("b", DNS_A);
		assert_int_equal(parse_query(), DNS_FORMERR);
		put_address("a", 1, "\1\2\3\4");
		assert_int_equal(parse_query(), DNS_FORMERR);
	}
}

TEST(additional_records_must_be_whole)
{
	/* fewer than announced */
	begin(QUERY, "a", DNS_A, 0, 0, 2);
	put_opt(512, 0, "", 0);
	assert_int_equal(parse_query(), DNS_FORMERR);
	assert_int_equal(query.question_length, 7); /* which is echoed */

	/* more than announced */
	begin(QUERY, "a", DNS_A, 0, 0, 0);
	put_opt(512, 0, "", 0);
	assert_int_equal(parse_query(), DNS_FORMERR);

	/* one byte behind the end */
	begin(QUERY, "a", DNS_A, 0, 0, 1);
	put_opt(512, 0, "", 0);
	assert_int_equal(parse_query(), 0);
	PUT("\0");
	assert_int_equal(parse_query(), DNS_FORMERR);

	/* RDLENGTH of the last one goes beyond the end */
	begin(QUERY, "a", DNS_A, 0, 0, 1);
	PUT("\0\0\x29\2\0\0\0\0\0\0\5abcd");
	assert_int_equal(parse_query(), DNS_FORMERR);
}

TEST(there_is_one_opt_record_of_the_root)
{
	begin(QUERY, "a", DNS_A, 0, 0, 2);
	put_opt(512, 0, "", 0);
	put_opt(512, 0, "", 0);
	assert_int_equal(parse_query(), DNS_FORMERR);

	begin(QUERY, "a", DNS_A, 0, 0, 1);
	PUT("\1b");
	put_opt(512, 0, "", 0);
	assert_int_equal(parse_query(), DNS_FORMERR);
	assert_false(query.edns);
}

TEST(a_later_version_of_edns_is_told_ours)
{
	begin(QUERY, "a", DNS_A, 0, 0, 1);
	put_opt(1400, 0x00010000, "", 0);
	assert_int_equal(parse_query(), DNS_BADVERS);
	assert_int_equal(query.room, 1400);
	ASSERT_OUT(dns_write_empty(out, sizeof(out), &query, DNS_BADVERS),
		   "\x12\x34\x81\x80\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
		   "\0\0\x29\x04\xd0\1\0\0\0\0\0");

	/* the version stands between other bits */
	begin(QUERY, "a", DNS_A, 0, 0, 1);
	put_opt(1400, 0xff00ffff, "", 0);
	assert_int_equal(parse_query(), 0);
	begin(QUERY, "a", DNS_A, 0, 0, 1);
	put_opt(1400, 0x00ff0000, "", 0);
	assert_int_equal(parse_query(), DNS_BADVERS);
}

TEST(other_opcodes_are_not_implemented)
{
	for (unsigned int opcode = 1; opcode < 16; opcode++) {
		put_header(QUERY | opcode << 11, 1, 1, 0, 7);
		PUT("garbage");
		assert_int_equal(parse_query(), DNS_NOTIMP);
		assert_int_equal(dns_write_empty(out, sizeof(out), &query, DNS_NOTIMP), DNS_HEADER);
		assert_int_equal(out[2], 0x81 | opcode << 3);
		assert_int_equal(out[3], 0x84);
		assert_memory_equal(out + 4, "\0\0\0\0\0\0\0", 8);
	}
}

TEST(what_is_no_query_gets_no_answer)
{
	begin(ANSWER, "a", DNS_A, 0, 0, 0);
	assert_int_equal(parse_query(), -1);
	put_header(0xf800, 1, 0, 0, 0); /* nor if its opcode is odd */
	assert_int_equal(parse_query(), -1);
	put_header(QUERY, 1, 0, 0, 0);
	for (length = 0; length < DNS_HEADER; length++)
		assert_int_equal(parse_query(), -1);
}

TEST(no_part_of_a_query_is_one)
{
	size_t whole;

	begin(QUERY, "www.example.com", DNS_A, 0, 0, 2);
	put_opt(1232, 0, "\0\12\0\10cookie..", 12);
	put_address("x", 1, "\1\2\3\4");
	whole = length;
	assert_int_equal(parse_query(), 0);
	for (length = 0; length < whole; length++)
		assert_int_equal(parse_query(), length < DNS_HEADER ? -1 : DNS_FORMERR);
}

/* ---- our answers */

static const struct address ipv4 = { .family = AF_INET, .bytes = { 198, 18, 0, 1 } };
static const struct address ipv6 = { .family = AF_INET6, .bytes = { 0xfd, 1, [15] = 0xff } };

TEST(writes_addresses)
{
	ask("a.Bc", DNS_A, false);
	ASSERT_OUT(dns_write_address(out, sizeof(out), &query, &ipv4, 0x01020304),
		   "\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1a\2Bc\0\0\1\0\1"
		   "\xc0\x0c\0\1\0\1\1\2\3\4\0\4\xc6\x12\0\1");
	ask("a.bc", DNS_AAAA, true);
	ASSERT_OUT(dns_write_address(out, sizeof(out), &query, &ipv6, 60),
		   "\x12\x34\x81\x80\0\1\0\1\0\0\0\1\1a\2bc\0\0\x1c\0\1"
		   "\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10\xfd\1\0\0\0\0\0\0\0\0\0\0\0\0\0\xff"
		   "\0\0\x29\x04\xd0\0\0\0\0\0\0");
}

TEST(writes_names_of_addresses)
{
	ask("1.0.18.198.in-addr.arpa", DNS_PTR, false);
	ASSERT_OUT(dns_write_pointer(out, sizeof(out), &query, span_of("a.Bc"), 1),
		   "\x12\x34\x81\x80\0\1\0\1\0\0\0\0"
		   "\1"
		   "1\1"
		   "0\2"
		   "18\3"
		   "198\7in-addr\4arpa\0\0\x0c\0\1"
		   "\xc0\x0c\0\x0c\0\1\0\0\0\1\0\6\1a\2bc\0");
	assert_int_equal(dns_write_pointer(out, sizeof(out), &query, span_of("a b"), 1), 0);
	assert_int_equal(dns_write_pointer(out, sizeof(out), &query, span_of("a..b"), 1), 0);
}

TEST(writes_empty_answers)
{
	ask("a", DNS_HTTPS, false);
	ASSERT_OUT(dns_write_empty(out, sizeof(out), &query, DNS_NOERROR),
		   "\x12\x34\x81\x80\0\1\0\0\0\0\0\0\1a\0\0\x41\0\1");
	ASSERT_OUT(dns_write_empty(out, sizeof(out), &query, DNS_NXDOMAIN),
		   "\x12\x34\x81\x83\0\1\0\0\0\0\0\0\1a\0\0\x41\0\1");

	/* without a question where it was not whole */
	put_header(QUERY, 1, 0, 0, 0);
	PUT("\1a\0");
	assert_int_equal(parse_query(), DNS_FORMERR);
	ASSERT_OUT(dns_write_empty(out, sizeof(out), &query, DNS_FORMERR),
		   "\x12\x34\x81\x81\0\0\0\0\0\0\0\0");
}

TEST(of_the_flags_rd_and_cd_are_copied)
{
	begin(0x07ff, "a", DNS_A, 0, 0, 0);
	assert_int_equal(parse_query(), 0);
	dns_write_empty(out, sizeof(out), &query, DNS_NOERROR);
	assert_memory_equal(out + 2, "\x81\x90", 2);

	begin(0, "a", DNS_A, 0, 0, 0);
	assert_int_equal(parse_query(), 0);
	dns_write_empty(out, sizeof(out), &query, DNS_NOERROR);
	assert_memory_equal(out + 2, "\x80\x80", 2);
}

TEST(an_answer_that_does_not_fit_is_not_written)
{
	size_t whole;

	ask("a.bc", DNS_AAAA, true);
	whole = dns_write_address(out, sizeof(out), &query, &ipv6, 60);
	assert_int_equal(dns_write_address(out, whole, &query, &ipv6, 60), whole);
	for (size_t size = 0; size < whole; size++) {
		unsigned char *exactly = malloc(size > 0 ? size : 1);

		assert_int_equal(dns_write_address(exactly, size, &query, &ipv6, 60), 0);
		free(exactly);
	}
}

/* ---- our queries */

TEST(writes_queries)
{
	ASSERT_OUT(dns_write_query(out, sizeof(out), 0xfedc, span_of("www.a-1.Com"), DNS_SRV),
		   "\xfe\xdc\1\0\0\1\0\0\0\0\0\0\3www\3a-1\3com\0\0\x21\0\1");
	ASSERT_OUT(dns_write_query(out, sizeof(out), 1, span_of(""), 2),
		   "\0\1\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1");
	assert_int_equal(dns_write_query(out, 21, 1, span_of("abc"), DNS_A), 21);
	assert_int_equal(dns_write_query(out, 20, 1, span_of("abc"), DNS_A), 0);
}

TEST(asks_for_names_of_hosts_only)
{
	static const char *const names[] = { ".",   "..",  ".a",   "a..b", "a b",
					     "a?b", "a*b", "\xe4", "a/b",  "a\nb" };
	char name[300];

	for (size_t i = 0; i < COUNT(names); i++)
		if (dns_write_query(out, sizeof(out), 1, span_of(names[i]), DNS_A) != 0)
			FAIL("'%s'", names[i]);
	assert_int_equal(dns_write_query(out, sizeof(out), 1,
					 (struct span){ .at = "a\0b", .length = 3 }, DNS_A),
			 0);

	memset(name, 'a', sizeof(name));
	assert_int_equal(dns_write_query(out, sizeof(out), 1,
					 (struct span){ .at = name, .length = 63 }, DNS_A),
			 12 + 65 + 4);
	assert_int_equal(dns_write_query(out, sizeof(out), 1,
					 (struct span){ .at = name, .length = 64 }, DNS_A),
			 0);
	for (size_t i = 49; i < sizeof(name); i += 50)
		name[i] = '.';
	assert_int_equal(dns_write_query(out, sizeof(out), 1,
					 (struct span){ .at = name, .length = 253 }, DNS_A),
			 12 + 255 + 4);
	assert_int_equal(dns_write_query(out, sizeof(out), 1,
					 (struct span){ .at = name, .length = 254 }, DNS_A),
			 0);
}

/* ---- answers from upstream */

TEST(finds_the_addresses_of_a_name)
{
	begin(ANSWER, "Example.COM", DNS_A, 3, 0, 0);
	put_address("eXample.com", 300, "\1\2\3\4");
	PUT("\xc0\x0c");
	put_record(DNS_A, 60, "\5\6\7\x08", 4);
	put_address("other.com", 5, "\11\11\11\11");
	assert_true(parse_answer("example.com", DNS_A));
	assert_int_equal(answer.rcode, DNS_NOERROR);
	assert_false(answer.truncated);
	assert_string_equal(show_answer(), "1.2.3.4 5.6.7.8 ttl 60");

	begin(ANSWER, "example.com", DNS_AAAA, 1, 0, 0);
	PUT("\xc0\x0c");
	put_record(DNS_AAAA, 60, "\x20\1\15\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	assert_true(parse_answer("example.com", DNS_AAAA));
	assert_string_equal(show_answer(), "2001:db8::1 ttl 60");
}

TEST(other_types_and_classes_are_left_out)
{
	begin(ANSWER, "a", DNS_A, 3, 0, 0);
	put_name("a");
	put_record(DNS_AAAA, 60, "\x20\1\15\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	PUT("\xc0\x0c\0\1\0\3\0\0\0\1\0\4\1\2\3\4"); /* class CH */
	put_address("a", 9, "\1\1\1\1");
	assert_true(parse_answer("a", DNS_A));
	assert_string_equal(show_answer(), "1.1.1.1 ttl 9");
}

TEST(answers_without_addresses)
{
	begin(ANSWER | DNS_NXDOMAIN, "a", DNS_A, 0, 1, 0);
	put_name("");
	put_record(6, 900, "\0\0........................", 26);
	assert_true(parse_answer("a", DNS_A));
	assert_int_equal(answer.rcode, DNS_NXDOMAIN);
	assert_string_equal(show_answer(), "ttl 0");

	begin(ANSWER, "a", DNS_A, 1, 0, 0);
	put_alias("a", 60, "b");
	assert_true(parse_answer("a", DNS_A));
	assert_string_equal(show_answer(), "ttl 0");

	begin(ANSWER, "a", DNS_TXT, 1, 0, 0);
	put_name("a");
	put_record(DNS_TXT, 60, "\1x", 2);
	assert_true(parse_answer("a", DNS_TXT));
	assert_string_equal(show_answer(), "ttl 0");
}

TEST(follows_aliases_in_any_order)
{
	begin(ANSWER, "a", DNS_A, 4, 0, 0);
	put_alias("A", 300, "b.example");
	put_alias("b.Example", 20, "C.example");
	put_address("c.example", 60, "\1\2\3\4");
	put_address("b.other", 1, "\11\11\11\11");
	assert_true(parse_answer("a", DNS_A));
	assert_string_equal(show_answer(), "1.2.3.4 ttl 20");

	begin(ANSWER, "a", DNS_A, 4, 0, 0);
	put_address("c.example", 60, "\1\2\3\4");
	put_alias("b.example", 20, "c.example");
	put_alias("a", 300, "b.example");
	put_address("c.example", 61, "\1\2\3\5");
	assert_true(parse_answer("a", DNS_A));
	assert_string_equal(show_answer(), "1.2.3.4 1.2.3.5 ttl 20");
}

TEST(an_address_of_its_own_comes_before_an_alias)
{
	begin(ANSWER, "a", DNS_A, 3, 0, 0);
	put_alias("a", 10, "b");
	put_address("a", 60, "\1\2\3\4");
	put_address("b", 60, "\5\6\7\x08");
	assert_true(parse_answer("a", DNS_A));
	assert_string_equal(show_answer(), "1.2.3.4 ttl 60");
}

TEST(compares_names_by_their_bytes)
{
	begin(ANSWER, "a", DNS_A, 3, 0, 0);
	put_alias("a", 60, "b*c");
	put_address("b+c", 60, "\1\1\1\1");
	put_address("b*c", 60, "\2\2\2\2");
	assert_true(parse_answer("a", DNS_A));
	assert_string_equal(show_answer(), "2.2.2.2 ttl 60");

	/* one label with a dot in it is not two */
	begin(ANSWER, "a.b", DNS_A, 2, 0, 0);
	PUT("\3a.b\0");
	put_record(DNS_A, 60, "\1\1\1\1", 4);
	put_address("a.b", 60, "\2\2\2\2");
	assert_true(parse_answer("a.b", DNS_A));
	assert_string_equal(show_answer(), "2.2.2.2 ttl 60");
}

/* a0 -> a1 -> ... and an address at the end */
static bool parse_chain(unsigned int aliases)
{
	char owner[16] = "a0", target[16];

	begin(ANSWER, "a0", DNS_A, aliases + 1, 0, 0);
	for (unsigned int i = 1; i <= aliases; i++) {
		snprintf(target, sizeof(target), "a%u", i);
		put_alias(owner, 60, target);
		memcpy(owner, target, sizeof(owner));
	}
	put_address(owner, 60, "\1\2\3\4");
	return parse_answer("a0", DNS_A);
}

TEST(follows_16_aliases)
{
	assert_true(parse_chain(16));
	assert_string_equal(show_answer(), "1.2.3.4 ttl 60");
	assert_true(parse_chain(17));
	assert_string_equal(show_answer(), "ttl 0");
}

TEST(aliases_that_go_round_end)
{
	begin(ANSWER, "a", DNS_A, 2, 0, 0);
	put_alias("a", 60, "b");
	put_alias("b", 60, "a");
	assert_true(parse_answer("a", DNS_A));
	assert_string_equal(show_answer(), "ttl 0");

	begin(ANSWER, "a", DNS_A, 1, 0, 0);
	PUT("\xc0\x0c");
	put_record(DNS_CNAME, 60, "\xc0\x0c", 2);
	assert_true(parse_answer("a", DNS_A));
	assert_string_equal(show_answer(), "ttl 0");
}

TEST(a_ttl_of_more_than_31_bits_is_none)
{
	static const struct {
		uint32_t said;
		const char *shown;
	} rows[] = { { 0x7fffffff, "1.2.3.4 ttl 2147483647" },
		     { 0x80000000, "1.2.3.4 ttl 0" },
		     { 0xffffffff, "1.2.3.4 ttl 0" },
		     { 0, "1.2.3.4 ttl 0" } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(ANSWER, "a", DNS_A, 1, 0, 0);
		put_address("a", rows[i].said, "\1\2\3\4");
		assert_true(parse_answer("a", DNS_A));
		assert_string_equal(show_answer(), rows[i].shown);
	}
}

TEST(takes_eight_addresses)
{
	begin(ANSWER, "a", DNS_A, 9, 0, 0);
	for (unsigned int i = 1; i <= 9; i++) {
		const char bytes[] = { 10, 0, 0, (char)i };

		put_address("a", 100 - i, bytes);
	}
	assert_true(parse_answer("a", DNS_A));
	assert_int_equal(answer.count, DNS_ADDRESSES);
	assert_string_equal(show_answer(), "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 "
					   "10.0.0.7 10.0.0.8 ttl 92");
}

TEST(searches_256_records)
{
	begin(ANSWER, "a", DNS_A, 257, 0, 0);
	for (unsigned int i = 0; i < 255; i++)
		put_address("b", 60, "\1\1\1\1");
	put_address("a", 60, "\2\2\2\2");
	put_address("a", 60, "\3\3\3\3");
	assert_true(parse_answer("a", DNS_A));
	assert_string_equal(show_answer(), "2.2.2.2 ttl 60");
}

TEST(an_answer_that_was_cut_says_so)
{
	begin(ANSWER | 0x0200, "a", DNS_A, 5, 7, 1);
	assert_true(parse_answer("a", DNS_A));
	assert_true(answer.truncated);
	PUT("\xff"); /* whatever follows */
	assert_true(parse_answer("a", DNS_A));
	assert_true(answer.truncated);
	assert_int_equal(answer.count, 0);
	assert_int_equal(answer.ttl, 0);
	assert_true(parse_answer("a", DNS_A));
	assert_false(parse_answer("b", DNS_A));
	length = DNS_HEADER + 6;
	assert_false(parse_answer("a", DNS_A));
}

TEST(an_answer_to_something_else_is_none)
{
	static const struct {
		unsigned int flags, questions;
		const char *question; /* "\1b\0" and so on */
	} rows[] = {
		{ ANSWER, 1, "\1b\0\0\1\0\1" }, { ANSWER, 1, "\1a\0\0\2\0\1" },
		{ ANSWER, 1, "\1a\0\0\1\0\3" }, { ANSWER, 1, "\1a\0\1\1\0\1" },
		{ QUERY, 1, "\1a\0\0\1\0\1" },	{ ANSWER | 0x0800, 1, "\1a\0\0\1\0\1" },
		{ ANSWER, 0, "\1a\0\0\1\0\1" }, { ANSWER, 2, "\1a\0\0\1\0\1" },
		{ ANSWER, 1, "\1?\0\0\1\0\1" },
	};

	put_header(ANSWER, 1, 0, 0, 0);
	PUT("\1a\0\0\1\0\1");
	assert_true(parse_answer("a", DNS_A));
	assert_false(parse_answer("?", DNS_A));
	assert_false(parse_answer("a.b", DNS_A));
	assert_false(parse_answer("", DNS_A));
	message[1]++; /* the id */
	assert_false(parse_answer("a", DNS_A));
	for (size_t i = 0; i < COUNT(rows); i++) {
		put_header(rows[i].flags, rows[i].questions, 0, 0, 0);
		put(rows[i].question, 7);
		assert_false(parse_answer("a", DNS_A));
	}
}

TEST(no_part_of_an_answer_is_one)
{
	size_t whole;

	begin(ANSWER, "a", DNS_A, 2, 0, 0);
	put_alias("a", 60, "b.c");
	put_address("b.c", 60, "\1\2\3\4");
	whole = length;
	assert_true(parse_answer("a", DNS_A));
	for (length = 0; length < whole; length++)
		assert_false(parse_answer("a", DNS_A));
}

TEST(an_address_has_its_length)
{
	for (size_t size = 0; size < 20; size++) {
		begin(ANSWER, "a", DNS_A, 1, 0, 0);
		put_name("a");
		put_record(DNS_A, 60, "....................", size);
		assert_int_equal(parse_answer("a", DNS_A), size == 4);
		begin(ANSWER, "a", DNS_AAAA, 1, 0, 0);
		put_name("a");
		put_record(DNS_AAAA, 60, "....................", size);
		assert_int_equal(parse_answer("a", DNS_AAAA), size == 16);
	}
}

TEST(an_alias_is_one_name)
{
	static const struct {
		const char *data;
		size_t size;
		bool good;
	} rows
		[] = {
			{ "\1b\0", 3, true },
			{ "\1b\0", 2, false }, /* its end lies behind the record */
			{ "\1b\0\0", 4, false },
			{ "", 0, false },
			{ "\xc0\x0c", 2, true },
			{ "\xc0\x0c", 1, false },
			{ "\xc0\x0d", 2, false },
			{ "\1b\xc0\x0c", 4, true },
			{ "\1b\xc0\x0c\0", 5, false },
		};

	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(ANSWER, "a", DNS_A, 2, 0, 0);
		PUT("\xc0\x0c");
		put_record(DNS_CNAME, 60, rows[i].data, rows[i].size);
		put_address("b", 60, "\1\2\3\4");
		if (parse_answer("a", DNS_A) != rows[i].good)
			FAIL("row %zu", i);
	}
}

/* ---- compressed names */

TEST(a_name_may_be_compressed_more_than_once)
{
	begin(ANSWER, "www.example.com", DNS_A, 3, 0, 0); /* at 12; example at 16, com at 24 */
	PUT("\xc0\x0c");
	put_record(DNS_CNAME, 60, "\3cdn\3net\xc0\x18", 10); /* at 45 */
	PUT("\xc0\x2d");
	put_record(DNS_CNAME, 60, "\1x\xc0\x31", 4); /* x.net.com, at 67 */
	PUT("\xc0\x43");
	put_record(DNS_A, 60, "\1\2\3\4", 4);
	assert_memory_equal(message + 45, "\3cdn", 4);
	assert_memory_equal(message + 67, "\1x", 2);
	assert_true(parse_answer("www.example.com", DNS_A));
	assert_string_equal(show_answer(), "1.2.3.4 ttl 60");
}

TEST(pointers_lead_backwards)
{
	static const struct {
		const char *owner;
		bool good;
	} rows[] = {
		{ "\xc0\x0c", true }, /* the question's, at 12 */
		{ "\xc0\x0e", false }, /* its root: a name, but not the one that was asked */
		{ "\xc0\x13", false }, /* itself, at 19 */
		{ "\1x\xc0\x13", false }, /* what it stands behind: endless */
		{ "\xc0\x14", false }, /* its own second byte */
		{ "\xc0\x15", false }, /* forwards */
		{ "\xff\xff", false },	  { "\xc0\x0b", false }, /* into the header */
		{ "\xc0\x04", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(ANSWER, "a", DNS_A, 1, 0, 0);
		assert_int_equal(length, 19);
		put(rows[i].owner, strlen(rows[i].owner));
		put_record(DNS_A, 60, "\1\2\3\4", 4);
		if ((parse_answer("a", DNS_A) && answer.count == 1) != rows[i].good)
			FAIL("row %zu", i);
	}
}

TEST(pointers_lead_to_names_that_end_before_them)
{
	begin(ANSWER, "a", DNS_A, 2, 0, 0); /* up to 19, and at 18 stands a 1 */
	PUT("\xc0\x12"); /* one byte, which is this pointer's; then 18, which is its length; then ... */
	put_record(DNS_A, 60, "\1\2\3\4", 4);
	put_address("xyz", 60, "\1\2\3\4"); /* ... the root of this name */
	assert_int_equal(message[39], 0);
	assert_false(parse_answer("a", DNS_A));
}

/* A name of `pointers` pointers in a row, the last of which leads to the question; padded by TXT records. */
static bool parse_pointers(unsigned int pointers)
{
	unsigned int target = DNS_HEADER;
	char data[600];

	begin(ANSWER, "a", DNS_A, 2, 0, 0);
	for (unsigned int i = 0; i + 1 < pointers; i++) {
		data[2 * i] = (char)(0xc0 | target >> 8);
		data[2 * i + 1] = (char)target;
		target = i == 0 ? 30 : target + 2; /* where the data of the first record begin */
	}
	put_name("");
	put_record(DNS_TXT, 60, data, 2 * (size_t)(pointers - 1));
	put_u16(0xc000 | target);
	put_record(DNS_A, 60, "\1\2\3\4", 4);
	return parse_answer("a", DNS_A);
}

TEST(a_name_has_as_many_pointers_as_it_can_have_labels)
{
	assert_true(parse_pointers(1));
	assert_true(parse_pointers(2));
	assert_true(parse_pointers(3));
	assert_int_equal(answer.count, 1);
	assert_true(parse_pointers(127));
	assert_int_equal(answer.count, 1);
	assert_false(parse_pointers(128));
	assert_false(parse_pointers(250));
}

TEST(a_compressed_name_has_255_bytes_at_most)
{
	static const unsigned char labels[] = { 63, 63, 63 };

	for (unsigned int more = 60; more < 64; more++) {
		const unsigned char last = (unsigned char)more;

		begin(ANSWER, "a", DNS_A, 2, 0, 0);
		put_labels(labels, 3);
		put_record(DNS_TXT, 60, "", 0);
		put_labels(&last, 1);
		length--; /* instead of the root */
		PUT("\xc0\x13");
		put_record(DNS_TXT, 60, "", 0);
		assert_int_equal(parse_answer("a", DNS_A), more <= 61);
	}
}

/* ---- relaying */

/* An answer to TXT of a.bc with a TXT record, an SOA and an address that nobody needs */
static void put_text_answer(unsigned int flags)
{
	begin(flags, "A.bc", DNS_TXT, 1, 1, 1);
	PUT("\xc0\x0c");
	put_record(DNS_TXT, 5, "\2hi", 3);
	PUT("\xc0\x0e");
	put_record(6, 6, "\0\0........................", 22);
	put_address("a.bc", 7, "\1\2\3\4");
	message[0] = 0x77; /* another id */
}

#define TEXT_RECORDS                               \
	"\xc0\x0c\0\x10\0\1\0\0\0\5\0\3\2hi"       \
	"\xc0\x0e\0\6\0\1\0\0\0\6\0\x16\0\0......" \
	".............."

TEST(relays_answers_and_authorities)
{
	ask("a.bC", DNS_TXT, false);
	put_text_answer(0x85a3); /* AA, AD, NXDOMAIN */
	ASSERT_OUT(relay(sizeof(out), 512),
		   "\x12\x34\x81\x83\0\1\0\1\0\1\0\0\1a\2bC\0\0\x10\0\1" TEXT_RECORDS);

	ask("a.bC", DNS_TXT, true);
	query.flags = 0x0010; /* CD, and no recursion desired */
	put_text_answer(ANSWER);
	ASSERT_OUT(relay(sizeof(out), 512),
		   "\x12\x34\x80\x90\0\1\0\1\0\1\0\1\1a\2bC\0\0\x10\0\1" TEXT_RECORDS
		   "\0\0\x29\x04\xd0\0\0\0\0\0\0");
}

TEST(what_is_too_long_to_relay_is_cut)
{
	static const char cut[] = "\x12\x34\x83\x83\0\1\0\0\0\0\0\0\1a\2bc\0\0\x10\0\1";
	const size_t whole = 22 + sizeof(TEXT_RECORDS) - 1;

	ask("a.bc", DNS_TXT, false);
	put_text_answer(ANSWER | DNS_NXDOMAIN);
	assert_int_equal(relay(sizeof(out), whole), whole);
	assert_bytes(relay(sizeof(out), whole - 1), cut, sizeof(cut) - 1);
	assert_bytes(relay(whole - 1, 4096), cut, sizeof(cut) - 1);
	assert_bytes(relay(whole, whole - 1), cut, sizeof(cut) - 1);
	assert_bytes(relay(sizeof(out), 22), cut, sizeof(cut) - 1);
	assert_int_equal(relay(sizeof(out), 21), 0);
	assert_int_equal(relay(21, sizeof(out)), 0);

	/* as is what came cut already, wherever */
	put_text_answer(ANSWER | DNS_NXDOMAIN | 0x0200);
	assert_bytes(relay(sizeof(out), 4096), cut, sizeof(cut) - 1);
	length = 40;
	assert_bytes(relay(sizeof(out), 4096), cut, sizeof(cut) - 1);
}

TEST(only_the_answer_to_a_question_is_relayed)
{
	static const struct {
		const char *name;
		unsigned int type;
		bool relayed;
	} rows[] = { { "a.bc", DNS_TXT, true },	 { "A.BC", DNS_TXT, true },
		     { "a.bd", DNS_TXT, false }, { "a", DNS_TXT, false },
		     { "a.bc", DNS_SRV, false }, { "", DNS_TXT, false },
		     { "a.bc.", DNS_A, false } };
	size_t whole;

	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(rows[i].name, rows[i].type, false);
		put_text_answer(ANSWER);
		assert_int_equal(relay(sizeof(out), 512) > 0, rows[i].relayed);
	}
	ask("a.bc", DNS_TXT, false);
	query.class = 3;
	put_text_answer(ANSWER);
	assert_int_equal(relay(sizeof(out), 512), 0);
	query.class = IN;
	put_text_answer(QUERY);
	assert_int_equal(relay(sizeof(out), 512), 0);
	put_text_answer(ANSWER | 0x0800);
	assert_int_equal(relay(sizeof(out), 512), 0);

	put_text_answer(ANSWER);
	whole = 22 + sizeof(TEXT_RECORDS) - 1;
	for (length = 0; length < whole; length++)
		assert_int_equal(relay(sizeof(out), 512), 0);
	assert_true(relay(sizeof(out), 512) > 0); /* the additional section may be what it likes */

	/* a query without a question has no answer */
	query.question_length = 0;
	query.type = query.class = 0;
	put_header(ANSWER, 1, 0, 0, 0);
	PUT("\0\0\0\0\0");
	assert_int_equal(relay(sizeof(out), 512), 0);
}

/* ---- names of addresses */

TEST(reads_the_names_of_addresses)
{
	static const struct {
		const char *name, *address; /* NULL: none */
	} rows[] = {
		{ "4.3.2.1.in-addr.arpa", "1.2.3.4" },
		{ "255.0.18.198.in-addr.arpa", "198.18.0.255" },
		{ "3.2.1.in-addr.arpa", NULL }, /* a network */
		{ "5.4.3.2.1.in-addr.arpa", NULL },
		{ "256.3.2.1.in-addr.arpa", NULL },
		{ "04.3.2.1.in-addr.arpa", NULL },
		{ "00.3.2.1.in-addr.arpa", NULL },
		{ "0.0.0.0.in-addr.arpa", "0.0.0.0" },
		{ "x.3.2.1.in-addr.arpa", NULL },
		{ "4..2.1.in-addr.arpa", NULL },
		{ "4.3.2.1.in-addr.arpa.com", NULL },
		{ "4.3.2.1.ip6.arpa", NULL },
		{ "in-addr.arpa", NULL },
		{ "4.3.2.1", NULL },
		{ "", NULL },
		{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
		  "2001:db8::1" },
		{ "f.e.d.c.b.a.9.8.7.6.5.4.3.2.1.0.f.e.d.c.b.a.9.8.7.6.5.4.3.2.1.0.ip6.arpa",
		  "123:4567:89ab:cdef:123:4567:89ab:cdef" },
		{ "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.ip6.arpa", NULL },
		{ "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
		  NULL },
		{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.g.ip6.arpa",
		  NULL },
		{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.20.ip6.arpa",
		  NULL },
		{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.in-addr.arpa",
		  NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct address a = { .family = 77 };
		char shown[64];
		struct text t = TEXT_OVER(shown);

		assert_int_equal(dns_reverse_address(span_of(rows[i].name), &a),
				 rows[i].address != NULL);
		if (!rows[i].address) {
			assert_int_equal(a.family, 77);
			continue;
		}
		address_print(&t, &a);
		assert_string_equal(shown, rows[i].address);
	}

	/* a NUL byte is no digit, though it ends the table of them */
	assert_false(dns_reverse_address(
		(struct span){
			.at = "\0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
			.length = 72 },
		&(struct address){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_read),
		cmocka_unit_test(a_name_is_lower_case_and_its_question_as_it_came),
		cmocka_unit_test(types_and_classes_are_not_judged),
		cmocka_unit_test(edns_says_how_long_an_answer_may_be),
		cmocka_unit_test(other_additional_records_and_options_are_passed_over),
		cmocka_unit_test(the_root_is_an_empty_name),
		cmocka_unit_test(odd_bytes_are_shown_as_question_marks),
		cmocka_unit_test(a_name_has_255_bytes_at_most),
		cmocka_unit_test(labels_are_of_type_00),
		cmocka_unit_test(the_question_is_not_compressed),
		cmocka_unit_test(counts_that_no_query_has),
		cmocka_unit_test(additional_records_must_be_whole),
		cmocka_unit_test(there_is_one_opt_record_of_the_root),
		cmocka_unit_test(a_later_version_of_edns_is_told_ours),
		cmocka_unit_test(other_opcodes_are_not_implemented),
		cmocka_unit_test(what_is_no_query_gets_no_answer),
		cmocka_unit_test(no_part_of_a_query_is_one),
		cmocka_unit_test(writes_addresses),
		cmocka_unit_test(writes_names_of_addresses),
		cmocka_unit_test(writes_empty_answers),
		cmocka_unit_test(of_the_flags_rd_and_cd_are_copied),
		cmocka_unit_test(an_answer_that_does_not_fit_is_not_written),
		cmocka_unit_test(writes_queries),
		cmocka_unit_test(asks_for_names_of_hosts_only),
		cmocka_unit_test(finds_the_addresses_of_a_name),
		cmocka_unit_test(other_types_and_classes_are_left_out),
		cmocka_unit_test(answers_without_addresses),
		cmocka_unit_test(follows_aliases_in_any_order),
		cmocka_unit_test(an_address_of_its_own_comes_before_an_alias),
		cmocka_unit_test(compares_names_by_their_bytes),
		cmocka_unit_test(follows_16_aliases),
		cmocka_unit_test(aliases_that_go_round_end),
		cmocka_unit_test(a_ttl_of_more_than_31_bits_is_none),
		cmocka_unit_test(takes_eight_addresses),
		cmocka_unit_test(searches_256_records),
		cmocka_unit_test(an_answer_that_was_cut_says_so),
		cmocka_unit_test(an_answer_to_something_else_is_none),
		cmocka_unit_test(no_part_of_an_answer_is_one),
		cmocka_unit_test(an_address_has_its_length),
		cmocka_unit_test(an_alias_is_one_name),
		cmocka_unit_test(a_name_may_be_compressed_more_than_once),
		cmocka_unit_test(pointers_lead_backwards),
		cmocka_unit_test(pointers_lead_to_names_that_end_before_them),
		cmocka_unit_test(a_name_has_as_many_pointers_as_it_can_have_labels),
		cmocka_unit_test(a_compressed_name_has_255_bytes_at_most),
		cmocka_unit_test(relays_answers_and_authorities),
		cmocka_unit_test(what_is_too_long_to_relay_is_cut),
		cmocka_unit_test(only_the_answer_to_a_question_is_relayed),
		cmocka_unit_test(reads_the_names_of_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
