/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include "init/gate/timer.h"

#define START INT64_C(1000000000000) /* days of uptime: more than fits an int */

/* What a kind's time is, as a sleeper would see it. */
static int duration_of(enum timer_kind kind)
{
	struct timer t = { 0 };
	int left;

	timer_set(&t, kind, START);
	left = timers_left(START);
	timer_stop(&t);
	return left;
}

/* Which timer runs out at this time, and of which kind; stops the test if it is not this one. */
static void assert_taken(int64_t now, const struct timer *expected, enum timer_kind kind)
{
	enum timer_kind taken = TIMER_NONE;

	assert_ptr_equal(timers_take(now, &taken), expected);
	assert_int_equal(taken, kind);
	assert_int_equal(expected->kind, TIMER_NONE); /* it is stopped, and can be set again */
}

static void assert_none(int64_t now)
{
	enum timer_kind taken;

	assert_null(timers_take(now, &taken));
}

TEST(nothing_is_set_nothing_wakes)
{
	assert_int_equal(timers_left(START), -1);
	assert_none(INT64_MAX);
}

TEST(every_kind_has_a_time_of_its_own)
{
	for (unsigned int kind = TIMER_NONE + 1; kind < TIMER_KINDS; kind++) {
		struct timer t = { 0 };
		int duration = duration_of((enum timer_kind)kind);

		assert_in_range(duration, 100, 60000);
		timer_set(&t, (enum timer_kind)kind, START);
		assert_int_equal(timers_left(START + duration - 1), 1);
		assert_none(START + duration - 1);
		assert_int_equal(timers_left(START + duration), 0);
		assert_int_equal(timers_left(START + duration + 1),
				 0); /* never less: that is for ever */
		assert_taken(START + duration, &t, (enum timer_kind)kind);
		assert_int_equal(timers_left(START), -1);
	}
}

TEST(a_kind_runs_out_in_the_order_in_which_it_was_set)
{
	const int duration = duration_of(TIMER_LINGER);
	struct timer timers[5] = { 0 };

	for (int i = 0; i < 5; i++)
		timer_set(&timers[i], TIMER_LINGER, START + i);
	timer_stop(&timers[0]); /* the first */
	timer_stop(&timers[2]); /* one in the middle */
	timer_stop(&timers[4]); /* the last */
	timer_stop(&timers[4]); /* it is not set any more: nothing happens */
	assert_int_equal(timers_left(START), duration + 1);
	timer_set(&timers[1], TIMER_LINGER, START + 10); /* anew: behind the others */
	assert_int_equal(timers_left(START), duration + 3);
	assert_taken(START + duration + 100, &timers[3], TIMER_LINGER);
	assert_taken(START + duration + 100, &timers[1], TIMER_LINGER);
	assert_none(INT64_MAX);
	timer_set(&timers[4], TIMER_LINGER, START); /* into a list that has been emptied */
	assert_taken(START + duration, &timers[4], TIMER_LINGER);
	assert_int_equal(timers_left(START), -1);
}

TEST(a_timer_can_become_one_of_another_kind)
{
	struct timer first = { 0 }, second = { 0 };
	const int attempt = duration_of(TIMER_ATTEMPT), hello = duration_of(TIMER_HELLO);

	timer_set(&first, TIMER_HELLO, START);
	timer_set(&second, TIMER_HELLO, START);
	timer_set(&first, TIMER_ATTEMPT, START);
	assert_int_equal(timers_left(START), attempt);
	assert_taken(START + attempt, &first, TIMER_ATTEMPT);
	assert_none(START + attempt);
	assert_int_equal(timers_left(START), hello);
	assert_taken(START + hello, &second, TIMER_HELLO);
}

/* Against the definition, with a table for a list. */
TEST(whatever_is_set_and_stopped)
{
	static struct timer timers[40];
	int64_t deadlines[40];
	int64_t now = START;
	uint32_t seed = 7;

	memset(deadlines, -1, sizeof(deadlines));
	for (unsigned int step = 0; step < 20000; step++) {
		unsigned int which, kind;
		int64_t least = -1;
		enum timer_kind taken;
		struct timer *t;

		seed = seed * 1103515245U + 12345;
		which = seed >> 16 & 0xff;
		kind = 1 + (seed >> 24) % (TIMER_KINDS - 1);
		now += which % 50;
		while ((t = timers_take(now, &taken))) {
			assert_in_range(deadlines[t - timers], 0, now);
			deadlines[t - timers] = -1;
		}
		for (unsigned int i = 0; i < COUNT(timers); i++) {
			assert_true(deadlines[i] == -1 || deadlines[i] > now);
			if (deadlines[i] >= 0 && (least < 0 || deadlines[i] - now < least))
				least = deadlines[i] - now;
		}
		assert_int_equal(timers_left(now), least);
		which %= COUNT(timers);
		if (seed & 0x8000) {
			timer_stop(&timers[which]);
			deadlines[which] = -1;
		} else {
			timer_set(&timers[which], (enum timer_kind)kind, now);
			deadlines[which] = timers[which].deadline;
		}
	}
	for (unsigned int i = 0; i < COUNT(timers); i++)
		timer_stop(&timers[i]);
	assert_int_equal(timers_left(now), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_set_nothing_wakes),
		cmocka_unit_test(every_kind_has_a_time_of_its_own),
		cmocka_unit_test(a_kind_runs_out_in_the_order_in_which_it_was_set),
		cmocka_unit_test(a_timer_can_become_one_of_another_kind),
		cmocka_unit_test(whatever_is_set_and_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
