/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>

#include "init/gate/packet.h"
#include "sys/text.h"

static struct packet packet;

/* "#sequence protocol source:port > destination:port type/code", without what is 0. */
static const char *show(const struct packet *p)
{
	static char shown[256];
	struct text t = TEXT_OVER(shown);

	if (p->sequenced)
		text_printf(&t, "#%u ", p->sequence);
	text_printf(&t, "%u", p->protocol);
	if (p->source.family) {
		text_char(&t, ' ');
		address_print(&t, &p->source);
	}
	if (p->source_port)
		text_printf(&t, ":%u", p->source_port);
	if (p->destination.family) {
		text_printf(&t, " > ");
		address_print(&t, &p->destination);
	}
	if (p->port)
		text_printf(&t, ":%u", p->port);
	if (p->icmp_type || p->icmp_code)
		text_printf(&t, " %u/%u", p->icmp_type, p->icmp_code);
	return shown;
}

/* Bytes with nothing behind them, so that the sanitizer sees one read too far. */
static char *exactly(const void *bytes, size_t length)
{
	char *copy = malloc(length > 0 ? length : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	return copy;
}

/* All packets that these messages report, a line each. */
static const char *show_all(const char *bytes, size_t length)
{
	static char shown[1024];
	struct text t = TEXT_OVER(shown);
	char *copy = exactly(bytes, length);
	struct span messages = { copy, length };

	memset(&packet, 0xaa, sizeof(packet));
	while (packet_take(&messages, &packet)) {
		assert_true(messages.length < length);
		text_printf(&t, "%s%s", t.length > 0 ? "\n" : "", show(&packet));
		memset(&packet, 0xaa, sizeof(packet));
	}
	assert_int_equal(messages.length, 0);
	free(copy);
	return shown;
}

/* ---- reports as a kernel has sent them ---- */

#define CORPUS "tests/fuzz/corpus/packet/"

TEST(reports_of_a_kernel)
{
	static const struct {
		const char *file, *shown;
	} rows[] = {
		{ "tcp4", "#0 6 192.0.2.1:SOME > 192.0.2.9:443" },
		{ "udp4", "#1 17 192.0.2.1:SOME > 192.0.2.9:53" },
		{ "udp4-prefix", "#2 17 192.0.2.1:SOME > 192.0.2.8:4500" },
		{ "udp4-options", "#3 17 192.0.2.1:SOME > 192.0.2.9:123" },
		{ "udplite4", "#4 136 192.0.2.1:SOME > 192.0.2.9:7" },
		{ "icmp4", "#5 1 192.0.2.1 > 192.0.2.9 8/0" },
		{ "sctp4", "#6 132 192.0.2.1:5000 > 192.0.2.9:3868" },
		{ "gre4", "#7 47 192.0.2.1 > 192.0.2.9" },
		{ "raw4-short", "#8 6 192.0.2.1 > 192.0.2.9" }, /* TCP, of one byte */
		{ "tcp6", "#9 6 2001:db8::1:SOME > 2001:db8::9:443" },
		{ "udp6", "#10 17 2001:db8::1:SOME > 2001:db8::9:53" },
		{ "udp6-headers", "#11 17 2001:db8::1:SOME > 2001:db8::9:5353" },
		{ "udplite6", "#12 136 2001:db8::1:SOME > 2001:db8::9:7" },
		{ "icmp6", "#13 58 2001:db8::1 > 2001:db8::9 128/0" },
		{ "sctp6", "#14 132 2001:db8::1:5000 > 2001:db8::9:3868" },
		{ "udp4-fragment1", "#15 17 192.0.2.1:1234 > 192.0.2.9:2049" },
		{ "udp4-fragment2", "#16 17 192.0.2.1 > 192.0.2.9" },
		{ "udp6-fragment1", "#17 17 2001:db8::1:1234 > 2001:db8::9:2049" },
		{ "udp6-fragment2", "#18 17 2001:db8::1 > 2001:db8::9" },
		/* By a raw socket of IPv4, with version 6 in its header. */
		{ "raw4-version6", "#19 17 192.0.2.1:1234 > 192.0.2.9:2049" },
		/* 22 bytes of each packet. */
		{ "tcp4-short", "#0 6 192.0.2.1 > 192.0.2.9" },
		{ "several", "#0 17 192.0.2.1:SOME > 192.0.2.9:1000\n"
			     "#1 17 192.0.2.1:SOME > 192.0.2.9:1001\n"
			     "#2 17 192.0.2.1:SOME > 192.0.2.9:1002" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[128], bytes[4096], shown[1024];
		struct text t = TEXT_OVER(shown);
		int fd;

		snprintf(name, sizeof(name), CORPUS "%s", rows[i].file);
		fd = open(name, O_RDONLY);
		if (fd < 0)
			FAIL("%s: not here", name);
		ssize_t length = read(fd, bytes, sizeof(bytes));
		assert_true(length > 0);
		close(fd);

		/* The kernel chose some source ports. */
		for (const char *at = show_all(bytes, (size_t)length); *at;) {
			size_t digits = at[0] == ':' ? strspn(at + 1, "0123456789") : 0;

			if (digits == 5 && strncmp(at + 6, " >", 2) == 0) {
				text_printf(&t, ":SOME");
				at += 6;
			} else {
				text_char(&t, *at++);
			}
		}
		assert_string_equal(shown, rows[i].shown);
	}
}

/* ---- messages made here ---- */

static char message[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
static size_t message_length;

static void add_bytes(const void *bytes, size_t length)
{
	assert_true(message_length + length <= sizeof(message));
	memcpy(message + message_length, bytes, length);
	message_length += length;
}

static void pad(void)
{
	add_bytes("\0\0\0", -message_length % NLMSG_ALIGNTO);
}

static void add_attribute(uint16_t type, const void *value, size_t length)
{
	const struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + length), .nla_type = type };

	add_bytes(&a, sizeof(a));
	add_bytes(value, length);
	pad();
}

static size_t begin_message(uint16_t type, uint8_t family)
{
	const struct nlmsghdr header = { .nlmsg_type = type };
	const struct nfgenmsg generic = { .nfgen_family = family };
	const size_t start = message_length;

	add_bytes(&header, sizeof(header));
	add_bytes(&generic, sizeof(generic));
	return start;
}

static void end_message(size_t start)
{
	const uint32_t length = (uint32_t)(message_length - start);

	memcpy(message + start, &length, sizeof(length));
}

#define REPORT (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)

static void add_report(uint8_t family, const void *payload, size_t length)
{
	size_t start = begin_message(REPORT, family);

	add_attribute(NFULA_PAYLOAD, payload, length);
	end_message(start);
}

static const char *show_packet(uint8_t family, const void *payload, size_t length)
{
	message_length = 0;
	add_report(family, payload, length);
	return show_all(message, message_length);
}

/* IPv4, 10.1.2.3 to 10.4.5.6, and the start of what it carries. */
#define IPV4(length_byte, fragment, protocol)                                            \
	length_byte "\0\0\0\0\0" fragment "\x40" protocol "\0\0\x0a\x01\x02\x03\x0a\x04" \
		    "\x05\x06"
#define PORTS "\x30\x39\x01\xbb" /* 12345, 443 */

TEST(ipv4)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *shown;
	} rows[] = {
#define ROW(bytes, shown) { bytes, sizeof(bytes) - 1, shown }
		ROW(IPV4("\x45", "\0\0", "\x06") PORTS, "6 10.1.2.3:12345 > 10.4.5.6:443"),
		ROW(IPV4("\x45", "\0\0", "\x11") PORTS, "17 10.1.2.3:12345 > 10.4.5.6:443"),
		ROW(IPV4("\x45", "\0\0", "\x88") PORTS, "136 10.1.2.3:12345 > 10.4.5.6:443"),
		ROW(IPV4("\x45", "\0\0", "\x84") PORTS, "132 10.1.2.3:12345 > 10.4.5.6:443"),
		ROW(IPV4("\x45", "\0\0", "\x2f") PORTS, "47 10.1.2.3 > 10.4.5.6"),
		ROW(IPV4("\x45", "\0\0", "\x01") "\x03\x0d", "1 10.1.2.3 > 10.4.5.6 3/13"),
		ROW(IPV4("\x45", "\0\0", "\x3a") "\x80\x01", "58 10.1.2.3 > 10.4.5.6 128/1"),
		/* Cut off. */
		ROW(IPV4("\x45", "\0\0", "\x06") "\x30\x39\x01", "6 10.1.2.3 > 10.4.5.6"),
		ROW(IPV4("\x45", "\0\0", "\x06"), "6 10.1.2.3 > 10.4.5.6"),
		ROW(IPV4("\x45", "\0\0", "\x01") "\x03", "1 10.1.2.3 > 10.4.5.6"),
		/* Flags are no offset; an offset is, in either byte. */
		ROW(IPV4("\x45", "\xe0\0", "\x06") PORTS, "6 10.1.2.3:12345 > 10.4.5.6:443"),
		ROW(IPV4("\x45", "\0\1", "\x06") PORTS, "6 10.1.2.3 > 10.4.5.6"),
		ROW(IPV4("\x45", "\x10\0", "\x06") PORTS, "6 10.1.2.3 > 10.4.5.6"),
		ROW(IPV4("\x45", "\1\0", "\x01") "\x03\x0d", "1 10.1.2.3 > 10.4.5.6"),
		/* Options; a header that is too short, or longer than all there is. */
		ROW(IPV4("\x46", "\0\0", "\x06") "\1\1\1\1" PORTS,
		    "6 10.1.2.3:12345 > 10.4.5.6:443"),
		ROW(IPV4("\x44", "\0\0", "\x06") PORTS, "6 10.1.2.3 > 10.4.5.6"),
		ROW(IPV4("\x40", "\0\0", "\x06") PORTS, "6 10.1.2.3 > 10.4.5.6"),
		ROW(IPV4("\x4f", "\0\0", "\x06") PORTS, "6 10.1.2.3 > 10.4.5.6"),
		/* No header at all. */
		ROW("\x45\0\0\0\0\0\0\0\x40\x06\0\0\x0a\x01\x02\x03\x0a\x04\x05", "0"),
		ROW("\x45", "0"),
		ROW("", "0"),
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(show_packet(AF_INET, rows[i].bytes, rows[i].length),
				    rows[i].shown);
}

/* IPv6, 2001:db8::1 to 2001:db8::2. */
#define IPV6(next)                   \
	"\x60\0\0\0\0\0" next "\x40" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define EIGHT "\0\0\0\0\0\0\0\0"

TEST(ipv6)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *shown;
	} rows[] = {
		ROW(IPV6("\x06") PORTS, "6 2001:db8::1:12345 > 2001:db8::2:443"),
		ROW(IPV6("\x3a") "\x01\x04", "58 2001:db8::1 > 2001:db8::2 1/4"),
		ROW(IPV6("\x06") "\x30", "6 2001:db8::1 > 2001:db8::2"),
		ROW(IPV6("\x3b") PORTS, "59 2001:db8::1 > 2001:db8::2"),
		/* Hop-by-hop, 16 bytes; routing; fragment, the first; destination options, 8. */
		ROW(IPV6("\0") "\x2b\1\0\0\0\0\0\0" EIGHT "\x2c\0\0\0\0\0\0\0"
			       "\x3c\0\0\1\0\0\0\0"
			       "\x11\0\0\0\0\0\0\0" PORTS,
		    "17 2001:db8::1:12345 > 2001:db8::2:443"),
		/* Its second byte is reserved, not a length. */
		ROW(IPV6("\x2c") "\x11\xff\0\1\0\0\0\0" PORTS,
		    "17 2001:db8::1:12345 > 2001:db8::2:443"),
		/* A later one; what follows it is neither header nor ports. */
		ROW(IPV6("\x2c") "\x11\0\0\x08\0\0\0\0" PORTS, "17 2001:db8::1 > 2001:db8::2"),
		ROW(IPV6("\x2c") "\x3c\0\x80\0\0\0\0\0\x11\0\0\0\0\0\0\0" PORTS,
		    "60 2001:db8::1 > 2001:db8::2"),
		/* Options that say they are longer than all there is, or that are cut off. */
		ROW(IPV6("\x3c") "\x11\xff\0\0\0\0\0\0" PORTS, "17 2001:db8::1 > 2001:db8::2"),
		ROW(IPV6("\x3c") "\x11\1\0\0\0\0\0\0" PORTS, "17 2001:db8::1 > 2001:db8::2"),
		ROW(IPV6("\x3c") "\x11\0\0\0\0\0\0\0", "17 2001:db8::1 > 2001:db8::2"),
		ROW(IPV6("\x3c") "\x11\0\0\0\0\0\0", "60 2001:db8::1 > 2001:db8::2"),
		ROW(IPV6("\0"), "0 2001:db8::1 > 2001:db8::2"),
		/* Without end. */
		ROW(IPV6("\0") EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT,
		    "0 2001:db8::1 > 2001:db8::2"),
	};
	static const char header[] = IPV6("\x06") PORTS;

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(show_packet(AF_INET6, rows[i].bytes, rows[i].length),
				    rows[i].shown);
	for (size_t length = 0; length < 40; length++)
		assert_string_equal(show_packet(AF_INET6, header, length), "0");
	/* As the kernel treated it, whatever it says itself; of other families nothing is known. */
	assert_string_equal(show_packet(AF_INET, header, 20), "1 0.0.0.0 > 0.0.0.0");
	assert_string_equal(show_packet(AF_UNSPEC, header, sizeof(header)), "0");
}

/* ---- framing ---- */

static const char one[] = IPV4("\x45", "\0\0", "\x06") PORTS;
#define ONE "6 10.1.2.3:12345 > 10.4.5.6:443"

TEST(messages_stand_behind_each_other)
{
	message_length = 0;
	add_report(AF_INET, one, sizeof(one) - 1);
	end_message(begin_message(NLMSG_NOOP, 0));
	end_message(begin_message(NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, AF_INET));
	end_message(begin_message(NFNL_SUBSYS_QUEUE << 8, AF_INET));
	add_report(AF_INET, one, 20);
	end_message(begin_message(NLMSG_DONE, 0));
	assert_string_equal(show_all(message, message_length), ONE "\n6 10.1.2.3 > 10.4.5.6");

	message_length = 0;
	end_message(begin_message(NLMSG_ERROR, AF_INET));
	assert_string_equal(show_all(message, message_length), "");
	assert_string_equal(show_all("", 0), "");
}

/* A length that no multiple of 4 is: the next message begins at one. */
TEST(messages_are_aligned)
{
	size_t start;

	message_length = 0;
	start = begin_message(NLMSG_NOOP, 0);
	add_bytes("x", 1);
	end_message(start);
	pad();
	add_report(AF_INET, one, sizeof(one) - 1);
	assert_string_equal(show_all(message, message_length), ONE);
}

TEST(attributes_come_in_any_order)
{
	size_t start;

	message_length = 0;
	start = begin_message(REPORT, AF_INET);
	add_attribute(NFULA_PREFIX, "five", 5);
	add_attribute(NFULA_SEQ, "\x01\x02\x03\x04", 4);
	add_attribute(NFULA_UID, "\0\0\0\0", 4);
	add_attribute(NFULA_SEQ_GLOBAL, "\0\0\0\0", 4);
	add_attribute(NFULA_PAYLOAD, one, sizeof(one) - 1);
	add_attribute(NFULA_GID, "\0\0\0\0", 4);
	end_message(start);
	assert_string_equal(show_all(message, message_length), "#16909060 " ONE);

	/* A number of another size is none. */
	message_length = 0;
	start = begin_message(REPORT, AF_INET);
	add_attribute(NFULA_SEQ, "\x01\x02\x03", 3);
	add_attribute(NFULA_SEQ, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	add_attribute(NFULA_PAYLOAD, one, sizeof(one) - 1);
	end_message(start);
	assert_string_equal(show_all(message, message_length), ONE);

	/* A report is one without a packet, too: its number counts. */
	message_length = 0;
	start = begin_message(REPORT, AF_INET);
	add_attribute(NFULA_SEQ, "\0\0\0\x09", 4);
	end_message(start);
	assert_string_equal(show_all(message, message_length), "#9 0");
}

/* Whatever is missing at the end, what came before it is read; nothing behind the end ever is. */
TEST(reports_that_are_cut_off)
{
	size_t whole;

	message_length = 0;
	add_report(AF_INET, one, 20);
	add_report(AF_INET, one, sizeof(one) - 1);
	whole = sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg) + sizeof(struct nlattr) + 20;
	for (size_t length = 0; length < message_length; length++)
		assert_string_equal(show_all(message, length),
				    length < whole ? "" : "6 10.1.2.3 > 10.4.5.6");
}

TEST(broken_lengths)
{
	static const uint32_t lengths[] = { 0, 1, 15, 1000, 0x7fffffff, 0x80000000, 0xffffffff };
	static const uint16_t attribute_lengths[] = { 0, 1, 3, 29, 1000, 0xffff };

	for (size_t i = 0; i < COUNT(lengths); i++) {
		message_length = 0;
		add_report(AF_INET, one, sizeof(one) - 1);
		add_report(AF_INET, one, sizeof(one) - 1);
		memcpy(message, &lengths[i], sizeof(lengths[i]));
		assert_string_equal(show_all(message, message_length), "");
	}
	/* A message with no room for the family. */
	for (uint32_t length = 16; length < 20; length++) {
		message_length = 0;
		add_report(AF_INET, one, sizeof(one) - 1);
		memcpy(message, &length, sizeof(length));
		assert_string_equal(show_all(message, length), "0");
	}
	for (size_t i = 0; i < COUNT(attribute_lengths); i++) {
		message_length = 0;
		add_report(AF_INET, one, sizeof(one) - 1);
		add_report(AF_INET, one, 20);
		memcpy(message + 20, &attribute_lengths[i], sizeof(attribute_lengths[i]));
		assert_string_equal(show_all(message, message_length), "0\n6 10.1.2.3 > 10.4.5.6");
	}
}

TEST(protocols_have_names)
{
	assert_string_equal(packet_protocol_name(IPPROTO_TCP), "tcp");
	assert_string_equal(packet_protocol_name(IPPROTO_UDP), "udp");
	assert_string_equal(packet_protocol_name(IPPROTO_ICMP), "icmp");
	assert_string_equal(packet_protocol_name(IPPROTO_ICMPV6), "icmpv6");
	assert_string_equal(packet_protocol_name(IPPROTO_SCTP), "sctp");
	assert_string_equal(packet_protocol_name(IPPROTO_UDPLITE), "udplite");
	assert_null(packet_protocol_name(0));
	assert_null(packet_protocol_name(IPPROTO_GRE));
	assert_null(packet_protocol_name(255));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_of_a_kernel),
		cmocka_unit_test(ipv4),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(messages_stand_behind_each_other),
		cmocka_unit_test(messages_are_aligned),
		cmocka_unit_test(attributes_come_in_any_order),
		cmocka_unit_test(reports_that_are_cut_off),
		cmocka_unit_test(broken_lengths),
		cmocka_unit_test(protocols_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
