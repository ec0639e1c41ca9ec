/* SPDX-License-Identifier: MIT */
/* What every unit test begins with. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#undef fail /* is a function of ours, in sys/failure.h */
#include "sys/failure.h"

#define TEST(name) static void name(void **state __attribute__((unused)))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Ends the test, as fail_msg of cmocka does; for rows of a table, to say which. */
#define FAIL(...)                          \
	do {                               \
		print_error(__VA_ARGS__);  \
		print_error("\n");         \
		_fail(__FILE__, __LINE__); \
	} while (0)

/* For a test that cannot work here: a comment of TAP says why, then it counts as skipped. */
static inline void skip_because(const char *reason)
{
	print_message("# skipped: %s\n", reason);
	skip();
}

/* A failure as a person sees it: "stage: what. remedy". */
static inline void assert_failure(const struct failure *f, const char *expected)
{
	char shown[1024];

	snprintf(shown, sizeof(shown), "%s: %s%s%s", f->stage, f->what, f->remedy ? ". " : "",
		 f->remedy ? f->remedy : "");
	assert_string_equal(shown, expected);
}

/* Overwrites what is there, so that a function which forgets to fill a failure is found out. */
static inline void forget_failure(struct failure *f)
{
	memset(f, '?', sizeof(*f));
	f->stage = f->remedy = "not filled";
	f->what[sizeof(f->what) - 1] = '\0';
}

/*
 * Runs `body` in a child process, for what a process cannot take back. Its exit code, or 128 and
 * the signal that ended it.
 */
static inline int in_child(int (*body)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In a child: says where it went wrong and ends it with code 1. */
#define CHILD_ASSERT(condition)                                                    \
	do {                                                                       \
		if (!(condition)) {                                                \
			dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                  \
		}                                                                  \
	} while (0)

#endif
