/* SPDX-License-Identifier: MIT */
/* Messages that are built, and attributes that are read. */
#include "tests/unit/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fake_kernel.h"

#include "netlink/request.h"

/* ---- messages ---- */

static const struct nlmsghdr *sent_at(size_t offset)
{
	return (const struct nlmsghdr *)(kernel.sent + offset);
}

TEST(messages_stand_one_behind_the_other)
{
	static const char zero[8];
	const struct nlmsghdr *m;
	struct nl_error e;

	kernel_reset();
	mnl_attr_put_u8(nl_begin(100, 0, 4, "a"), 3, 7);
	nl_begin(101, NLM_F_CREATE, 0, "b");
	nl_begin(102, 0, 5, "c");
	assert_int_equal(nl_send(KERNEL_FD, &e), 0);
	assert_int_equal(kernel.sent_length,
			 16 + 4 + 8 + 16 + 16 + 8); /* 5 bytes are padded to 8 */
	m = sent_at(0);
	assert_int_equal(m->nlmsg_type, 100);
	assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST);
	assert_int_equal(m->nlmsg_len, 28);
	assert_int_equal(m->nlmsg_pid, 0);
	assert_memory_equal(m + 1, zero, 4);
	m = sent_at(28);
	assert_int_equal(m->nlmsg_type, 101);
	assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
	assert_int_equal(m->nlmsg_seq, sent_at(0)->nlmsg_seq + 1);
	m = sent_at(44);
	assert_int_equal(m->nlmsg_type, 102);
	assert_int_equal(m->nlmsg_len, 24);
	assert_int_equal(m->nlmsg_seq, sent_at(0)->nlmsg_seq + 2);
	assert_memory_equal(m + 1, zero, 8);
}

TEST(sequence_numbers_are_never_used_again)
{
	struct nl_error e;
	uint32_t before;

	kernel_reset();
	nl_begin(1, 0, 0, "a");
	nl_begin(1, 0, 0, "a");
	assert_int_equal(nl_send(KERNEL_FD, &e), 0);
	before = sent_at(16)->nlmsg_seq;
	kernel.send_error = EPERM;
	nl_begin(1, 0, 0, "b");
	assert_int_equal(nl_send(KERNEL_FD, &e), -EPERM);
	kernel.send_error = 0;
	nl_begin(1, 0, 0, "c");
	assert_int_equal(nl_send(KERNEL_FD, &e), 0);
	assert_int_equal(kernel.sent_length, 16);
	assert_int_equal(sent_at(0)->nlmsg_seq, before + 2);
}

/* How a process ends that starts so many messages at once. */
static int status_after(unsigned int messages)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGILL, SIG_DFL); /* cmocka catches it */
		signal(SIGTRAP, SIG_DFL);
		for (unsigned int i = 0; i < messages; i++)
			mnl_attr_put_u32(nl_begin(1, 0, 16, "a"), 1, i);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

TEST(one_message_too_many_ends_the_program)
{
	assert_int_equal(status_after(NL_MESSAGES), 0);
	assert_true(WIFSIGNALED(status_after(NL_MESSAGES + 1)));
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

	*m = (struct nlmsghdr){ .nlmsg_len = sizeof(*m) + 4 };
	*(struct nlattr *)mnl_nlmsg_get_payload(m) = (struct nlattr){ .nla_len = 4, .nla_type = 2 };
	assert_null(nl_find(m, 16, 2));
	assert_null(nl_find(m, 0, 1));
	assert_ptr_equal(nl_find(m, 0, 2), mnl_nlmsg_get_payload(m));
	free(m);
}

TEST(what_is_not_there_has_no_value)
{
	const struct nlattr *none = nl_find_nested(NULL, 1);
	int value = 7;

	assert_null(none);
	assert_false(nl_is(none, "", 0));
	assert_false(nl_is_be32(none, 0));
	assert_false(nl_is_string(none, ""));
	nl_copy(none, &value, sizeof(value));
	assert_int_equal(value, 7);
}

TEST(a_value_of_another_size_is_another_value)
{
	struct {
		struct nlattr a;
		char value[4];
	} three = { { 7, 1 }, "ab" };
	char copy[4] = "...";

	assert_true(nl_is_string(&three.a, "ab"));
	assert_false(nl_is_string(&three.a, "a"));
	assert_false(nl_is(&three.a, "ab", 2));
	nl_copy(&three.a, copy, 2);
	nl_copy(&three.a, copy, 4);
	assert_string_equal(copy, "...");
	nl_copy(&three.a, copy, 3);
	assert_string_equal(copy, "ab");
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
	assert_ptr_equal(nl_find_nested(nest, 2), &nest[1]);
	assert_null(nl_find_nested(nest, 3));
	free(nest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_stand_one_behind_the_other),
		cmocka_unit_test(sequence_numbers_are_never_used_again),
		cmocka_unit_test(one_message_too_many_ends_the_program),
		cmocka_unit_test(attributes_end_where_the_bytes_do),
		cmocka_unit_test(the_last_attribute_needs_no_padding),
		cmocka_unit_test(a_message_shorter_than_its_header_has_no_attributes),
		cmocka_unit_test(what_is_not_there_has_no_value),
		cmocka_unit_test(a_value_of_another_size_is_another_value),
		cmocka_unit_test(a_nest_bounds_what_is_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
