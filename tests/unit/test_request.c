/* SPDX-License-Identifier: MIT */
/* What is sent to the kernel, and what becomes of its answers. */
#include "tests/unit/attributes.h"
#include "tests/unit/fake_kernel.h"

#include "netlink/request.h"

static int reset(void **state)
{
	(void)state;
	kernel_reset();
	return 0;
}

/* ---- sending ---- */

static const struct nlmsghdr *sent_message(unsigned int n)
{
	const struct nlmsghdr *m = (const struct nlmsghdr *)kernel.sent;

	while (n-- > 0)
		m = (const struct nlmsghdr *)((const char *)m + MNL_ALIGN((int)m->nlmsg_len));
	return m;
}

static void acknowledge_all(const struct nlmsghdr *request)
{
	struct kernel_datagram *d = kernel_datagram();

	for (uint32_t i = 0; i < 3; i++)
		kernel_acknowledge(d, request->nlmsg_seq + i, 0, NULL);
}

TEST(sends_all_at_once_and_waits_for_every_ack)
{
	struct nl_error e;

	kernel.answer = acknowledge_all;
	nl_begin(100, NLM_F_ACK, 4, "a");
	nl_begin(100, NLM_F_ACK, 4, "b");
	nl_begin(100, NLM_F_ACK, 4, "c");
	assert_int_equal(nl_send(KERNEL_FD, &e), 0);
	assert_int_equal(kernel.sent_length, 60);
	assert_int_equal(kernel.next, 1);
	kernel.answer = NULL; /* ready for the next messages */
	nl_begin(100, 0, 0, "d");
	assert_int_equal(nl_send(KERNEL_FD, &e), 0);
	assert_int_equal(kernel.sent_length, 16);
}

TEST(waits_for_no_ack_that_was_not_asked_for)
{
	struct nl_error e;

	nl_begin(100, 0, 4, "a");
	assert_int_equal(nl_send(KERNEL_FD, &e), 0);
}

static void refuse_the_second(const struct nlmsghdr *request)
{
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, 0, NULL);
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq + 1, -EEXIST, "is there already");
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq + 2, -EPERM, "not seen");
}

TEST(names_what_was_refused_and_why)
{
	struct nl_error e = { .text = "old" };

	kernel.answer = refuse_the_second;
	nl_begin(100, NLM_F_ACK, 0, "first");
	nl_begin(100, NLM_F_ACK, 0, "second");
	nl_begin(100, NLM_F_ACK, 0, "third");
	assert_int_equal(nl_send(KERNEL_FD, &e), -EEXIST);
	assert_string_equal(e.object, "second");
	assert_string_equal(e.text, "is there already");
}

static void refuse_what_asked_for_no_ack(const struct nlmsghdr *request)
{
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, -EINVAL, NULL);
}

TEST(a_refusal_comes_unasked)
{
	struct nl_error e;

	kernel.answer = refuse_what_asked_for_no_ack;
	nl_begin(100, 0, 0, "first");
	nl_begin(100, NLM_F_ACK, 0, "second");
	assert_int_equal(nl_send(KERNEL_FD, &e), -EINVAL);
	assert_string_equal(e.object, "first");
	assert_string_equal(e.text, "");
}

static void say_too_much(const struct nlmsghdr *request)
{
	char words[300];

	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, -EINVAL, words);
}

TEST(long_words_of_the_kernel_are_cut)
{
	struct nl_error e;

	kernel.answer = say_too_much;
	nl_begin(100, NLM_F_ACK, 0, "a");
	assert_int_equal(nl_send(KERNEL_FD, &e), -EINVAL);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void answer_something_else_first(const struct nlmsghdr *request)
{
	struct kernel_datagram *forged = kernel_datagram();

	forged->sender = 4711; /* another process may send to our socket */
	kernel_acknowledge(forged, request->nlmsg_seq, -EPERM, NULL);
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq - 1, -EPERM, NULL); /* late */
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq + 1, -EPERM, NULL); /* not ours */
	kernel_end(kernel.datagrams + 2,
		   kernel_begin(kernel.datagrams + 2, 16, 0, request->nlmsg_seq));
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, 0, NULL);
}

TEST(only_the_kernel_s_own_answer_to_this_batch_counts)
{
	struct nl_error e;

	kernel.answer = answer_something_else_first;
	nl_begin(100, NLM_F_ACK, 0, "a");
	assert_int_equal(nl_send(KERNEL_FD, &e), 0);
	assert_int_equal(kernel.next, 4);
}

TEST(no_answer_is_a_failure)
{
	struct nl_error e;

	nl_begin(100, NLM_F_ACK, 0, "a");
	assert_int_equal(nl_send(KERNEL_FD, &e), -ETIME);
	assert_string_equal(e.object, "a");
	kernel.silence = ENOBUFS;
	nl_begin(100, NLM_F_ACK, 0, "b");
	assert_int_equal(nl_send(KERNEL_FD, &e), -ENOBUFS);
	kernel.send_error = EPERM;
	nl_begin(100, NLM_F_ACK, 0, "c");
	assert_int_equal(nl_send(KERNEL_FD, &e), -EPERM);
	assert_string_equal(e.object, "c");
	kernel.send_error = 0; /* nothing of it is left */
	nl_begin(100, 0, 0, "d");
	assert_int_equal(nl_send(KERNEL_FD, &e), 0);
	assert_int_equal(kernel.sent_length, 16);
}

TEST(a_batch_that_is_too_large_gets_a_larger_buffer)
{
	struct nl_error e;

	kernel.room = 1000;
	nl_begin(100, 0, 2000, "a");
	assert_int_equal(nl_send(KERNEL_FD, &e), 0);
	assert_in_range(kernel.room, 2016, 10000);
	assert_int_equal(kernel.sent_length, 2016);
}

static void cut_the_answer_short(const struct nlmsghdr *request)
{
	struct kernel_datagram *d = kernel_datagram();
	struct nlmsghdr *m = kernel_begin(d, NLMSG_ERROR, 0, request->nlmsg_seq);

	mnl_nlmsg_put_extra_header(m, 8);
	kernel_end(d, m);
}

TEST(an_answer_that_is_too_short_is_a_failure)
{
	struct nl_error e;

	kernel.answer = cut_the_answer_short;
	nl_begin(100, NLM_F_ACK, 0, "a");
	assert_int_equal(nl_send(KERNEL_FD, &e), -EBADMSG);
}

static void answer_too_long(const struct nlmsghdr *request)
{
	struct kernel_datagram *d = kernel_datagram();

	kernel_acknowledge(d, request->nlmsg_seq, 0, NULL);
	d->length = KERNEL_DATAGRAM;
}

TEST(an_answer_that_does_not_fit_is_a_failure)
{
	struct nl_error e;

	kernel.answer = answer_too_long;
	nl_begin(100, NLM_F_ACK, 0, "a");
	assert_int_equal(nl_send(KERNEL_FD, &e), -EMSGSIZE);
}

/* ---- asking ---- */

/* Counts the messages, and stops at one of type 99. */
static int count_messages(const struct nlmsghdr *m, void *to)
{
	unsigned int *count = to;

	(*count)++;
	return m->nlmsg_type == 99 ? -E2BIG : 0;
}

static int ask(unsigned int *count)
{
	*count = 0;
	nl_begin(18, NLM_F_DUMP, 0, "");
	return nl_ask(KERNEL_FD, count_messages, count);
}

/* The next messages are part of the dump: their types, ended by 0. */
static void say(const struct nlmsghdr *request, const uint16_t *types, uint16_t flags)
{
	struct kernel_datagram *d = kernel_datagram();

	for (; *types; types++)
		kernel_end(d, kernel_begin(d, *types, NLM_F_MULTI | flags, request->nlmsg_seq));
}

static void dump_in_two_parts(const struct nlmsghdr *request)
{
	say(request, (const uint16_t[]){ 16, 16, 0 }, 0);
	say(request, (const uint16_t[]){ 16, 0 }, 0);
	kernel_done(kernel_datagram(), request->nlmsg_seq);
	say(request, (const uint16_t[]){ 16, 0 }, 0); /* behind the end */
}

TEST(a_dump_is_read_to_its_end)
{
	unsigned int count;

	kernel.answer = dump_in_two_parts;
	assert_int_equal(ask(&count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(kernel.next, 3);
	assert_int_equal(sent_message(0)->nlmsg_type, 18);
}

static void answer_with_one(const struct nlmsghdr *request)
{
	struct kernel_datagram *d = kernel_datagram();

	kernel_end(d, kernel_begin(d, 16, 0, request->nlmsg_seq));
}

TEST(a_single_answer_is_the_end)
{
	unsigned int count;

	kernel.answer = answer_with_one;
	assert_int_equal(ask(&count), 0);
	assert_int_equal(count, 1);
}

static void dump_interrupted(const struct nlmsghdr *request)
{
	say(request, (const uint16_t[]){ 16, 0 }, NLM_F_DUMP_INTR);
	say(request, (const uint16_t[]){ 16, 0 }, 0);
	kernel_done(kernel_datagram(), request->nlmsg_seq);
}

TEST(a_dump_that_changed_under_way_has_to_be_asked_for_again)
{
	unsigned int count;

	kernel.answer = dump_interrupted;
	assert_int_equal(ask(&count), -EINTR);
	assert_int_equal(count, 2); /* all of it was taken out of the socket */
	assert_int_equal(kernel.next, 3);
}

static void refuse(const struct nlmsghdr *request)
{
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, -EOPNOTSUPP, "no such thing");
}

static void stop_at_the_second(const struct nlmsghdr *request)
{
	say(request, (const uint16_t[]){ 16, 99, 16, 0 }, 0);
}

static void answer_another_request(const struct nlmsghdr *request)
{
	struct kernel_datagram *d = kernel_datagram();

	kernel_end(d, kernel_begin(d, 16, NLM_F_MULTI, request->nlmsg_seq - 1));
	kernel_done(d, request->nlmsg_seq - 1);
	d = kernel_datagram();
	d->sender = 4711;
	kernel_done(d, request->nlmsg_seq);
}

TEST(questions_fail_too)
{
	unsigned int count;

	kernel.answer = refuse;
	assert_int_equal(ask(&count), -EOPNOTSUPP);
	assert_int_equal(count, 0);
	kernel_reset();
	kernel.answer = stop_at_the_second;
	assert_int_equal(ask(&count), -E2BIG);
	assert_int_equal(count, 2);
	kernel_reset();
	kernel.answer = answer_another_request;
	assert_int_equal(ask(&count), -ETIME);
	assert_int_equal(count, 0);
	kernel_reset();
	kernel.send_error = ECONNREFUSED;
	assert_int_equal(ask(&count), -ECONNREFUSED);
}

TEST(events_are_handed_out_as_they_come)
{
	const struct nlmsghdr event = { .nlmsg_seq = 0 };
	unsigned int count = 0;

	say(&event, (const uint16_t[]){ 16, 16, 0 }, 0);
	say(&event, (const uint16_t[]){ 16, 99, 16, 0 }, 0);
	assert_int_equal(nl_listen(KERNEL_FD, count_messages, &count), 0);
	assert_int_equal(count, 2); /* one datagram at a time */
	assert_int_equal(nl_listen(KERNEL_FD, count_messages, &count), -E2BIG);
	assert_int_equal(count, 4);
	assert_int_equal(nl_listen(KERNEL_FD, count_messages, &count), -ETIME);
	assert_int_equal(count, 4);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sends_all_at_once_and_waits_for_every_ack),
		T(waits_for_no_ack_that_was_not_asked_for),
		T(names_what_was_refused_and_why),
		T(a_refusal_comes_unasked),
		T(long_words_of_the_kernel_are_cut),
		T(only_the_kernel_s_own_answer_to_this_batch_counts),
		T(no_answer_is_a_failure),
		T(a_batch_that_is_too_large_gets_a_larger_buffer),
		T(an_answer_that_is_too_short_is_a_failure),
		T(an_answer_that_does_not_fit_is_a_failure),
		T(a_dump_is_read_to_its_end),
		T(a_single_answer_is_the_end),
		T(a_dump_that_changed_under_way_has_to_be_asked_for_again),
		T(questions_fail_too),
		T(events_are_handed_out_as_they_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
