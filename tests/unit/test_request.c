/* SPDX-License-Identifier: MIT */
#include "tests/unit/attributes.h"
#include "tests/unit/fake_kernel.h"

#include "netlink/request.h"

static char bytes[4 * NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
static const char *objects[8];

static struct nl_batch empty_batch(void)
{
	struct nl_batch b = NL_BATCH_OVER(bytes, objects);

	return b;
}

static int reset(void **state)
{
	(void)state;
	kernel_reset();
	return 0;
}

static void add(struct nl_batch *b, uint16_t flags, const char *object, size_t payload)
{
	struct nlmsghdr *m = nl_begin(b, 100, flags, object);

	assert_non_null(m);
	mnl_nlmsg_put_extra_header(m, payload);
	nl_end(b, m);
}

/* ---- batches ---- */

TEST(messages_stand_one_behind_the_other)
{
	struct nl_batch b = empty_batch();
	const struct nlmsghdr *m = (const struct nlmsghdr *)bytes;
	uint32_t first;

	add(&b, NLM_F_ACK, "a", 5);
	add(&b, NLM_F_CREATE, "b", 0);
	add(&b, NLM_F_ACK, "c", 8);
	assert_int_equal(b.count, 3);
	assert_int_equal(b.acks, 2);
	assert_int_equal(b.length, 16 + 8 + 16 + 16 + 8); /* 5 bytes are padded to 8 */
	first = m->nlmsg_seq;
	assert_int_equal(b.first, first);
	assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	assert_int_equal(m->nlmsg_type, 100);
	m = (const struct nlmsghdr *)(bytes + 24);
	assert_int_equal(m->nlmsg_seq, first + 1);
	assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
	assert_string_equal(b.objects[1], "b");
	m = (const struct nlmsghdr *)(bytes + 40);
	assert_int_equal(m->nlmsg_seq, first + 2);
}

TEST(sequence_numbers_are_never_used_again)
{
	struct nl_batch a = empty_batch(), b = empty_batch();
	uint32_t last;

	add(&a, 0, "a", 0);
	add(&a, 0, "a", 0);
	last = a.first + 1;
	add(&b, 0, "b", 0);
	assert_int_equal(b.first, last + 1);
}

TEST(a_batch_without_room_for_a_message_is_full)
{
	struct nl_batch b = empty_batch();

	add(&b, 0, "a", 2 * NL_MESSAGE_MAX - 16);
	add(&b, 0, "b", NL_MESSAGE_MAX - 16);
	assert_int_equal(b.size - b.length, NL_MESSAGE_MAX); /* exactly */
	add(&b, 0, "c", 0);
	assert_null(nl_begin(&b, 1, NLM_F_ACK, "d"));
	assert_int_equal(b.count, 3);
	assert_int_equal(b.acks, 0);
}

TEST(a_batch_without_room_for_an_object_is_full)
{
	struct nl_batch b = empty_batch();

	for (size_t i = 0; i < COUNT(objects); i++)
		add(&b, 0, "a", 0);
	assert_null(nl_begin(&b, 1, 0, "one more"));
	assert_int_equal(b.count, COUNT(objects));
}

/* ---- attributes of a hostile sender ---- */

/* Bytes on the heap and not one more, so that the sanitizer sees each byte read too far. */
static unsigned int count_attributes(const void *data, size_t size)
{
	const struct nlattr *a;
	unsigned int count = 0;
	char *copy = malloc(size > 0 ? size : 1);

	memcpy(copy, data, size);
	for (a = nl_attribute_at(copy, copy + size); a;
	     a = nl_attribute_at(mnl_attr_next(a), copy + size))
		count++;
	free(copy);
	return count;
}

TEST(attributes_end_where_the_bytes_do)
{
	static const struct nlattr whole[2] = { { 4, 1 }, { 4, 2 } };
	static const struct nlattr short_one[2] = { { 4, 1 }, { 3, 2 } };
	static const struct nlattr none[1] = { { 0, 1 } };
	static const struct nlattr too_long[2] = { { 4, 1 }, { 5, 2 } };
	static const struct nlattr longest[1] = { { UINT16_MAX, 1 } };
	static const struct nlattr over_two[2] = { { 8, 1 }, { 4, 2 } };

	assert_int_equal(count_attributes(whole, sizeof(whole)), 2);
	for (size_t size = 0; size < 4; size++)
		assert_int_equal(count_attributes(whole, size), 0);
	for (size_t size = 4; size < 8; size++)
		assert_int_equal(count_attributes(whole, size), 1);
	assert_int_equal(count_attributes(short_one, sizeof(short_one)), 1);
	assert_int_equal(count_attributes(none, sizeof(none)), 0);
	assert_int_equal(count_attributes(too_long, sizeof(too_long)), 1);
	assert_int_equal(count_attributes(longest, sizeof(longest)), 0);
	assert_int_equal(count_attributes(over_two, sizeof(over_two)), 1);
}

TEST(the_last_attribute_needs_no_padding)
{
	struct {
		struct nlattr a;
		char value[4];
	} five = { { 5, 1 }, "x" };

	/* the next one would begin three bytes behind the end */
	assert_int_equal(count_attributes(&five, 5), 1);
	assert_int_equal(count_attributes(&five, 4), 0);
	assert_int_equal(count_attributes(&five, 8), 1);
}

TEST(a_message_shorter_than_its_header_has_no_attributes)
{
	struct nlmsghdr *m = malloc(sizeof(*m) + 4);
	const struct nlattr *a;
	unsigned int count = 0;

	*m = (struct nlmsghdr){ .nlmsg_len = sizeof(*m) + 4 };
	NL_EACH(a, m, 16)
		count++;
	assert_int_equal(count, 0);
	*(struct nlattr *)mnl_nlmsg_get_payload(m) = (struct nlattr){ .nla_len = 4 };
	NL_EACH(a, m, 0)
		count++;
	assert_int_equal(count, 1);
	free(m);
}

TEST(a_nest_bounds_what_is_in_it)
{
	struct nlattr *nest = malloc(12);
	const struct nlattr *a;
	unsigned int count = 0;

	nest[0] = (struct nlattr){ .nla_len = 12, .nla_type = 1 };
	nest[1] = (struct nlattr){ .nla_len = 4, .nla_type = 2 };
	nest[2] = (struct nlattr){ .nla_len = 8, .nla_type = 3 }; /* four bytes too long */
	NL_EACH_NESTED(a, nest) {
		assert_int_equal(mnl_attr_get_type(a), 2);
		count++;
	}
	assert_int_equal(count, 1);
	free(nest);
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
	struct nl_batch b = empty_batch();
	struct nl_error e;

	kernel.answer = acknowledge_all;
	add(&b, NLM_F_ACK, "a", 4);
	add(&b, NLM_F_ACK, "b", 4);
	add(&b, NLM_F_ACK, "c", 4);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), 0);
	assert_int_equal(kernel.sent_length, 60);
	assert_int_equal(kernel.next, 1);
	assert_int_equal(b.count, 0); /* ready for the next messages */
	assert_int_equal(b.length, 0);
	assert_int_equal(b.acks, 0);
}

TEST(waits_for_no_ack_that_was_not_asked_for)
{
	struct nl_batch b = empty_batch();
	struct nl_error e;

	add(&b, 0, "a", 4);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), 0);
}

static void refuse_the_second(const struct nlmsghdr *request)
{
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, 0, NULL);
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq + 1, -EEXIST, "is there already");
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq + 2, -EPERM, "not seen");
}

TEST(names_what_was_refused_and_why)
{
	struct nl_batch b = empty_batch();
	struct nl_error e = { .text = "old" };

	kernel.answer = refuse_the_second;
	add(&b, NLM_F_ACK, "first", 0);
	add(&b, NLM_F_ACK, "second", 0);
	add(&b, NLM_F_ACK, "third", 0);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), -EEXIST);
	assert_string_equal(e.object, "second");
	assert_string_equal(e.text, "is there already");
}

static void refuse_what_asked_for_no_ack(const struct nlmsghdr *request)
{
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, -EINVAL, NULL);
}

TEST(a_refusal_comes_unasked)
{
	struct nl_batch b = empty_batch();
	struct nl_error e;

	kernel.answer = refuse_what_asked_for_no_ack;
	add(&b, 0, "first", 0);
	add(&b, NLM_F_ACK, "second", 0);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), -EINVAL);
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
	struct nl_batch b = empty_batch();
	struct nl_error e;

	kernel.answer = say_too_much;
	add(&b, NLM_F_ACK, "a", 0);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), -EINVAL);
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
	struct nl_batch b = empty_batch();
	struct nl_error e;

	kernel.answer = answer_something_else_first;
	add(&b, NLM_F_ACK, "a", 0);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), 0);
	assert_int_equal(kernel.next, 4);
}

TEST(no_answer_is_a_failure)
{
	struct nl_batch b = empty_batch();
	struct nl_error e;

	add(&b, NLM_F_ACK, "a", 0);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), -ETIME);
	assert_string_equal(e.object, "a");
	kernel.silence = ENOBUFS;
	add(&b, NLM_F_ACK, "b", 0);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), -ENOBUFS);
	kernel.send_error = EPERM;
	add(&b, NLM_F_ACK, "c", 0);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), -EPERM);
	assert_string_equal(e.object, "c");
	assert_int_equal(b.count, 0);
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
	struct nl_batch b = empty_batch();
	struct nl_error e;

	kernel.answer = cut_the_answer_short;
	add(&b, NLM_F_ACK, "a", 0);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), -EBADMSG);
}

static void answer_too_long(const struct nlmsghdr *request)
{
	struct kernel_datagram *d = kernel_datagram();

	kernel_acknowledge(d, request->nlmsg_seq, 0, NULL);
	d->length = KERNEL_DATAGRAM;
}

TEST(an_answer_that_does_not_fit_is_a_failure)
{
	struct nl_batch b = empty_batch();
	struct nl_error e;

	kernel.answer = answer_too_long;
	add(&b, NLM_F_ACK, "a", 0);
	assert_int_equal(nl_send(KERNEL_FD, &b, &e), -EMSGSIZE);
}

/* ---- asking ---- */

static char request_bytes[NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));

static struct nlmsghdr *new_request(void)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(request_bytes);

	m->nlmsg_type = 18;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return m;
}

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
	return nl_ask(KERNEL_FD, new_request(), count_messages, count);
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
	kernel_acknowledge(kernel_datagram(), request->nlmsg_seq, -EOPNOTSUPP, NULL);
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

TEST(waiting_ends_with_an_event_or_in_time)
{
	kernel_done(kernel_datagram(), 0);
	assert_int_equal(nl_wait(KERNEL_FD), 0);
	assert_int_equal(nl_wait(KERNEL_FD), -ETIME);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(messages_stand_one_behind_the_other),
		T(sequence_numbers_are_never_used_again),
		T(a_batch_without_room_for_a_message_is_full),
		T(a_batch_without_room_for_an_object_is_full),
		T(attributes_end_where_the_bytes_do),
		T(the_last_attribute_needs_no_padding),
		T(a_message_shorter_than_its_header_has_no_attributes),
		T(a_nest_bounds_what_is_in_it),
		T(sends_all_at_once_and_waits_for_every_ack),
		T(waits_for_no_ack_that_was_not_asked_for),
		T(names_what_was_refused_and_why),
		T(a_refusal_comes_unasked),
		T(long_words_of_the_kernel_are_cut),
		T(only_the_kernel_s_own_answer_to_this_batch_counts),
		T(no_answer_is_a_failure),
		T(an_answer_that_is_too_short_is_a_failure),
		T(an_answer_that_does_not_fit_is_a_failure),
		T(a_dump_is_read_to_its_end),
		T(a_single_answer_is_the_end),
		T(a_dump_that_changed_under_way_has_to_be_asked_for_again),
		T(questions_fail_too),
		T(waiting_ends_with_an_event_or_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
