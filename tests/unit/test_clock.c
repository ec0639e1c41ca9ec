/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <time.h>

#include "sys/clock.h"

static int64_t by_libc(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

TEST(is_the_kernels_clock_in_milliseconds)
{
	for (unsigned int i = 0; i < 1000; i++) {
		const int64_t before = by_libc(), now = clock_now(), after = by_libc();

		assert_true(before <= now && now <= after);
	}
}

TEST(goes_on)
{
	const struct timespec some_time = { .tv_nsec = 20000000 };
	const int64_t before = clock_now();

	assert_int_equal(nanosleep(&some_time, NULL), 0);
	assert_true(clock_now() >= before + 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_kernels_clock_in_milliseconds),
		cmocka_unit_test(goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
