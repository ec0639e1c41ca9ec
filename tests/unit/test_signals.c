/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "sys/signals.h"

#define BIT(sig) (1ULL << ((sig)-1))

/* The last signal that there is; qemu-user keeps two for itself. */
#ifdef __x86_64__
#define LAST 64
#else
#define LAST 62
#endif

/* One of the real-time signals. */
#define REAL_TIME 40

/* No mask can hold the two. */
#define BLOCKABLE ((~0ULL >> (64 - LAST)) & ~(BIT(SIGKILL) | BIT(SIGSTOP)))

/* By the system call: libc hides the signals that it uses itself. */
static uint64_t mask_now(void)
{
	uint64_t mask = 0;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
	return mask;
}

static void set_mask(uint64_t mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

static int hold_and_give_back(void)
{
	const uint64_t before = BIT(SIGUSR1) | BIT(REAL_TIME);
	struct signals_inherited was;

	set_mask(before);
	signals_hold(&was);
	CHILD_ASSERT(was.mask == before);
	CHILD_ASSERT((mask_now() & BLOCKABLE) == BLOCKABLE); /* libc's own 32 and 33 too */
	signals_take_over(&was);
	signals_give_back(&was);
	CHILD_ASSERT(mask_now() == before);
	return 0;
}

TEST(every_signal_is_held_and_the_mask_comes_back)
{
	assert_int_equal(in_child(hold_and_give_back), 0);
}

static bool child_is_ignored(void)
{
	struct sigaction action;

	return sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int take_over_ignored(void)
{
	struct signals_inherited was;

	signal(SIGCHLD, SIG_IGN);
	signals_hold(&was);
	signals_take_over(&was);
	CHILD_ASSERT(!child_is_ignored()); /* or the kernel would reap the agent */
	signals_give_back(&was);
	CHILD_ASSERT(child_is_ignored());
	return 0;
}

static int take_over_default(void)
{
	struct signals_inherited was;

	signal(SIGCHLD, SIG_DFL);
	signals_hold(&was);
	signals_take_over(&was);
	signals_give_back(&was);
	CHILD_ASSERT(!child_is_ignored());
	return 0;
}

TEST(the_disposition_of_sigchld_comes_back)
{
	assert_int_equal(in_child(take_over_ignored), 0);
	assert_int_equal(in_child(take_over_default), 0);
}

static int other_dispositions_stay(void)
{
	struct signals_inherited was;
	struct sigaction action;

	signal(SIGPIPE, SIG_IGN);
	signals_hold(&was);
	signals_take_over(&was);
	signals_give_back(&was);
	CHILD_ASSERT(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
	return 0;
}

TEST(no_other_disposition_is_changed)
{
	assert_int_equal(in_child(other_dispositions_stay), 0);
}

/* Sent while they are held, and read from the descriptor. */
static int read_signals(void)
{
	const int sent[] = { SIGTERM, SIGWINCH, REAL_TIME };
	struct signals_inherited was;
	struct signalfd_siginfo info;
	uint64_t got = 0;
	int fd;

	signals_hold(&was);
	fd = signals_open();
	CHILD_ASSERT(fd >= 0);
	CHILD_ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHILD_ASSERT(read(fd, &info, sizeof(info)) < 0); /* does not wait */
	for (size_t i = 0; i < COUNT(sent); i++)
		CHILD_ASSERT(kill(getpid(), sent[i]) == 0);
	while (read(fd, &info, sizeof(info)) == sizeof(info))
		got |= BIT(info.ssi_signo);
	CHILD_ASSERT(got == (BIT(SIGTERM) | BIT(SIGWINCH) | BIT(REAL_TIME)));
	return 0;
}

TEST(a_descriptor_reports_signals)
{
	assert_int_equal(in_child(read_signals), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_signal_is_held_and_the_mask_comes_back),
		cmocka_unit_test(the_disposition_of_sigchld_comes_back),
		cmocka_unit_test(no_other_disposition_is_changed),
		cmocka_unit_test(a_descriptor_reports_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
