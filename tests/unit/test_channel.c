/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sys/channel.h"

struct pair {
	int ends[2];
};

static struct pair pair_open(void)
{
	struct pair p;

	assert_int_equal(channel_open(p.ends), 0);
	return p;
}

static void pair_close(struct pair *p)
{
	close(p->ends[0]);
	close(p->ends[1]);
}

/* Which file it is, wherever its number leads. */
static ino_t file_of(int fd)
{
	struct stat s;

	assert_int_equal(fstat(fd, &s), 0);
	return s.st_ino;
}

TEST(test_both_ends_are_closed_by_exec)
{
	struct pair p = pair_open();

	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(fcntl(p.ends[i], F_GETFD), FD_CLOEXEC);
	pair_close(&p);
}

TEST(test_a_message_without_descriptors)
{
	struct pair p = pair_open();
	int fds[3] = { 7, 7, 7 };
	uint64_t said = 0x1122334455667788, heard = 0;

	assert_int_equal(channel_send(p.ends[0], &said, sizeof(said), NULL, 0), 0);
	assert_int_equal(channel_receive(p.ends[1], &heard, sizeof(heard), fds, 3), 0);
	assert_true(heard == said);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(fds[i], -1);
	pair_close(&p);
}

TEST(test_descriptors_keep_their_places)
{
	struct pair p = pair_open();
	int sent[CHANNEL_DESCRIPTORS], got[CHANNEL_DESCRIPTORS], pipes[2];
	char said = 'x', heard = 0;

	assert_int_equal(pipe(pipes), 0);
	for (int i = 0; i < CHANNEL_DESCRIPTORS; i++)
		sent[i] = i % 3 == 1 ? -1 : i % 2 ? pipes[0] : p.ends[0];
	assert_int_equal(channel_send(p.ends[0], &said, 1, sent, CHANNEL_DESCRIPTORS), 0);
	assert_int_equal(channel_receive(p.ends[1], &heard, 1, got, CHANNEL_DESCRIPTORS), 0);
	assert_int_equal(heard, 'x');
	for (int i = 0; i < CHANNEL_DESCRIPTORS; i++) {
		if (sent[i] < 0) {
			assert_int_equal(got[i], -1);
			continue;
		}
		assert_true(got[i] > 2 && got[i] != sent[i]);
		assert_true(file_of(got[i]) == file_of(sent[i]));
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		close(got[i]);
	}
	close(pipes[0]);
	close(pipes[1]);
	pair_close(&p);
}

TEST(test_the_end_of_the_other_side)
{
	struct pair p = pair_open();
	int fds[1];
	char heard;

	close(p.ends[0]);
	assert_int_equal(channel_receive(p.ends[1], &heard, 1, fds, 1), -ECHILD);
	assert_int_equal(channel_send(p.ends[1], &heard, 0, NULL, 0), -EPIPE);
	close(p.ends[1]);
}

TEST(test_a_message_of_another_size)
{
	struct pair p = pair_open();
	char heard[8];

	assert_int_equal(channel_send(p.ends[0], "abc", 3, NULL, 0), 0);
	assert_int_equal(channel_receive(p.ends[1], heard, 4, NULL, 0), -ECHILD);
	pair_close(&p);
}

/* In a child: more descriptors come than it may have. */
static int receive_without_room(void)
{
	struct pair p = pair_open();
	const int sent[] = { 0, 1, 2, 0, 1, 2 };
	int got[6];
	char heard;

	CHILD_ASSERT(channel_send(p.ends[0], "x", 1, sent, 6) == 0);
	CHILD_ASSERT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ (rlim_t)p.ends[1] + 3, 4096 }) ==
		     0);
	CHILD_ASSERT(channel_receive(p.ends[1], &heard, 1, got, 6) == -EMFILE);
	return 0;
}

TEST(test_no_room_for_the_descriptors)
{
	assert_int_equal(in_child(receive_without_room), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ends_are_closed_by_exec),
		cmocka_unit_test(test_a_message_without_descriptors),
		cmocka_unit_test(test_descriptors_keep_their_places),
		cmocka_unit_test(test_the_end_of_the_other_side),
		cmocka_unit_test(test_a_message_of_another_size),
		cmocka_unit_test(test_no_room_for_the_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
