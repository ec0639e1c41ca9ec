/* SPDX-License-Identifier: MIT */
/* What it keeps lies in the process: each test has one of its own. */
#include "tests/unit/test.h"

#include <netinet/in.h>

#include "init/gate/audit.h"
#include "init/gate/observe.h"

static char printed[40000];

/* What `body` lets observe_print() write on standard error, in a child. */
static const char *output_of(void (*body)(void))
{
	size_t length = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], 2);
		close(ends[1]);
		audit_start(-1, AUDIT_ERROR);
		body();
		observe_print();
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], printed + length, sizeof(printed) - 1 - length)) > 0)
		length += (size_t)n;
	printed[length] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return printed;
}

static void observe(enum request_protocol protocol, const char *name, uint16_t port,
		    bool private_too)
{
	const struct request r = { .protocol = protocol, .name = span_of(name), .port = port };

	observe_request(&r, private_too);
}

static void observe_to(const char *address, uint8_t protocol, uint16_t port)
{
	struct packet p = { .protocol = protocol, .port = port };

	assert_true(address_parse(span_of(address), &p.destination));
	observe_packet(&p);
}

static void see_nothing(void)
{
}

static void see_requests(void)
{
	observe(REQUEST_HTTP, "a.example", 80, false);
	observe(REQUEST_TLS, "b.example", 443, false);
	observe(REQUEST_TCP, "c.example", 22, false);
	observe(REQUEST_TLS, "d.example", 443, true);
}

static void see_some_again(void)
{
	for (unsigned int i = 0; i < 1000; i++) {
		observe(REQUEST_TLS, "a.example", 443, false);
		observe(REQUEST_HTTP, "a.example", 8080, false);
		observe(REQUEST_TCP, "a.example", 22, false);
		observe(REQUEST_TLS, "xa.example", 443, false);
		observe_to("192.0.2.1", IPPROTO_UDP, 123);
	}
}

static void see_packets(void)
{
	observe_to("192.0.2.1", IPPROTO_TCP, 5432);
	observe_to("192.0.2.1", IPPROTO_UDP, 123);
	observe_to("2001:db8::1", IPPROTO_UDP, 443);
	observe_to("192.0.2.1", IPPROTO_ICMP, 0);
	observe_to("2001:db8::1", IPPROTO_ICMPV6, 0);
}

/* A connection that was led to the gate, and the packet that is logged where there is a wire: one rule. */
static void see_connections(void)
{
	struct address a;

	assert_true(address_parse(span_of("192.0.2.1"), &a));
	observe_address(&a, 5432);
	observe_to("192.0.2.1", IPPROTO_TCP, 5432);
	observe_address(&a, 65535);
	assert_true(address_parse(span_of("2001:db8::1"), &a));
	observe_address(&a, 80);
}

static void see_what_no_rule_can_allow(void)
{
	observe_to("192.0.2.1", IPPROTO_GRE, 0);
	observe_to("192.0.2.1", IPPROTO_SCTP, 80);
	observe_to("192.0.2.1", IPPROTO_UDPLITE, 80);
	observe_packet(&(struct packet){ 0 });
}

static unsigned int first_length;

/* Lines of one length behind a first one, so that what is left at the end is any number of bytes. */
static void see_very_much(void)
{
	char name[64];

	for (unsigned int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "%0*u.example", i == 0 ? (int)first_length : 5, i);
		observe(REQUEST_TCP, name, 65535, true);
	}
}

TEST(nothing_was_seen)
{
	assert_string_equal(output_of(see_nothing), "");
}

TEST(requests_become_rules)
{
	assert_string_equal(output_of(see_requests),
			    "boundary-init: observed: --allow \"domain=a.example\"\n"
			    "boundary-init: observed: --allow \"domain=b.example\"\n"
			    "boundary-init: observed: --allow \"domain=c.example port=22\"\n"
			    "boundary-init: observed: --allow \"domain=d.example private=yes\"\n");
}

TEST(connections_by_address_become_rules)
{
	assert_string_equal(
		output_of(see_connections),
		"boundary-init: observed: --allow \"cidr=192.0.2.1 proto=tcp port=5432\"\n"
		"boundary-init: observed: --allow \"cidr=192.0.2.1 proto=tcp port=65535\"\n"
		"boundary-init: observed: --allow \"cidr=2001:db8::1 proto=tcp port=80\"\n");
}

TEST(packets_become_rules)
{
	assert_string_equal(
		output_of(see_packets),
		"boundary-init: observed: --allow \"cidr=192.0.2.1 proto=tcp port=5432\"\n"
		"boundary-init: observed: --allow \"cidr=192.0.2.1 proto=udp port=123\"\n"
		"boundary-init: observed: --allow \"cidr=2001:db8::1 proto=udp port=443\"\n"
		"boundary-init: observed: --allow \"cidr=192.0.2.1 proto=icmp\"\n"
		"boundary-init: observed: --allow \"cidr=2001:db8::1 proto=icmp\"\n");
}

TEST(each_is_said_once)
{
	assert_string_equal(
		output_of(see_some_again),
		"boundary-init: observed: --allow \"domain=a.example\"\n"
		"boundary-init: observed: --allow \"domain=a.example port=22\"\n"
		"boundary-init: observed: --allow \"domain=xa.example\"\n"
		"boundary-init: observed: --allow \"cidr=192.0.2.1 proto=udp port=123\"\n");
}

TEST(what_no_rule_can_allow_is_not_said)
{
	assert_string_equal(output_of(see_what_no_rule_can_allow), "");
}

/* Whatever is printed is a rule that is taken: somebody will copy it. */
static unsigned int parse_lines(const char *text)
{
	static const char before[] = "boundary-init: observed: --allow \"";
	unsigned int count = 0;

	for (; *text; count++) {
		const char *end = strchr(text, '\n');
		static struct policy policy;
		struct failure f;

		policy.count = 0;
		assert_non_null(end);
		assert_memory_equal(text, before, sizeof(before) - 1);
		assert_int_equal(end[-1], '"');
		text += sizeof(before) - 1;
		if (policy_add(&policy, (struct span){ text, (size_t)(end - 1 - text) }, false,
			       &f) < 0)
			FAIL("%s: %.*s", f.what, (int)(end - text), text);
		text = end + 1;
	}
	return count;
}

TEST(every_line_is_a_rule)
{
	assert_int_equal(parse_lines(output_of(see_requests)), 4);
	assert_int_equal(parse_lines(output_of(see_packets)), 5);
}

TEST(there_is_no_half_of_a_line)
{
	for (first_length = 5; first_length < 60; first_length += 5)
		assert_in_range(parse_lines(output_of(see_very_much)), 300, 599);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_was_seen),
		cmocka_unit_test(requests_become_rules),
		cmocka_unit_test(connections_by_address_become_rules),
		cmocka_unit_test(packets_become_rules),
		cmocka_unit_test(each_is_said_once),
		cmocka_unit_test(what_no_rule_can_allow_is_not_said),
		cmocka_unit_test(every_line_is_a_rule),
		cmocka_unit_test(there_is_no_half_of_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
