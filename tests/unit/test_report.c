/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <errno.h>

#include "init/report.h"

static struct failure failure;

/* What report writes to standard error. */
static void assert_reports(const char *expected)
{
	char line[2048];
	int ends[2], stderr_copy = dup(2);
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], 2);
	report(&failure);
	dup2(stderr_copy, 2);
	close(stderr_copy);
	close(ends[1]);
	n = read(ends[0], line, sizeof(line) - 1);
	close(ends[0]);
	assert_true(n >= 0);
	line[n] = '\0';
	assert_string_equal(line, expected);
}

TEST(reports_one_line)
{
	failure = (struct failure){ .stage = "jail",
				    .what = "link: it is gone",
				    .remedy = "Look for it" };
	assert_reports("boundary-init: jail: link: it is gone. Look for it\n");
	failure.remedy = NULL;
	assert_reports("boundary-init: jail: link: it is gone\n");
}

TEST(the_longest_failure_is_reported_whole)
{
	char remedy[300], expected[1024];

	memset(failure.what, 'w', sizeof(failure.what) - 1);
	failure.what[sizeof(failure.what) - 1] = '\0';
	memset(remedy, 'r', sizeof(remedy) - 1);
	remedy[sizeof(remedy) - 1] = '\0';
	failure.stage = "privileges";
	failure.remedy = remedy;
	snprintf(expected, sizeof(expected), "boundary-init: privileges: %s. %s\n", failure.what,
		 remedy);
	assert_reports(expected);
}

TEST(an_error_becomes_cause_and_remedy)
{
	static const struct {
		enum doing doing;
		int error;
		const char *failure;
	} rows[] = {
		{ DOING_CLONE_NETNS, -ENOSPC,
		  "stage: object: no network namespace is left. "
		  "Raise user.max_net_namespaces on the host" },
		{ DOING_ID_MAP, -ENOENT,
		  "stage: object: /proc is not mounted, or not for this pid namespace. "
		  "Mount /proc in the container" },
		{ DOING_RULES, -EPERM,
		  "stage: object: CAP_NET_ADMIN does not work here. Give the container a network of "
		  "its own (no --network host), and allow net_admin in its AppArmor profile" },
		{ DOING_RULES, -EOPNOTSUPP,
		  "stage: object: this kernel lacks a part of nf_tables. Load the modules "
		  "nf_tables, nft_chain_nat, nft_ct, nft_fib_inet, nft_log, nft_masq, nft_nat and "
		  "nft_reject_inet on the host" },
		{ DOING_CONFINE, -EINVAL,
		  "stage: object: this kernel has no seccomp filters. "
		  "Use a kernel with CONFIG_SECCOMP_FILTER" },
		{ DOING_CONFINE, -EPERM,
		  "stage: object: Operation not permitted. "
		  "Allow capset, prctl and seccomp in the seccomp profile" },
		{ DOING_CLONE_NETNS, -EPERM,
		  "stage: object: blocked by the seccomp profile. "
		  "Start with --security-opt seccomp=FILE, a profile made by boundary-init "
		  "--seccomp-profile" },
		{ DOING_CLONE_USERNS, -EPERM,
		  "stage: object: blocked by the seccomp profile. "
		  "Start with --security-opt seccomp=FILE, a profile made by boundary-init "
		  "--seccomp-profile" },
		{ DOING_LINK, -EPERM,
		  "stage: object: CAP_NET_ADMIN does not work here. Give the container a network of "
		  "its own (no --network host), and allow net_admin in its AppArmor profile" },
		{ DOING_RULES, -ENOENT,
		  "stage: object: this kernel lacks a part of nf_tables. Load the modules "
		  "nf_tables, nft_chain_nat, nft_ct, nft_fib_inet, nft_log, nft_masq, nft_nat and "
		  "nft_reject_inet on the host" },
		{ DOING_LINK, -ENOMEM,
		  "stage: object: Out of memory. Raise --memory or --ulimit as" },
		{ DOING_ANYTHING, -EMFILE,
		  "stage: object: No file descriptors available. Raise --ulimit nofile" },
		{ DOING_ANYTHING, -EAGAIN, "stage: object: Resource temporarily unavailable" },
		{ DOING_ANYTHING, -EPERM, "stage: object: Operation not permitted" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		forget_failure(&failure);
		assert_int_equal(fail_errno(&failure, "stage", rows[i].doing, "object",
					    rows[i].error),
				 -1);
		assert_failure(&failure, rows[i].failure);
	}
}

TEST(the_kernel_s_own_words_stand_behind_the_cause)
{
	assert_int_equal(fail_kernel(&failure, "stage", DOING_ANYTHING, "object", -EINVAL,
				     "its words"),
			 -1);
	assert_failure(&failure, "stage: object: Invalid argument (its words)");
	fail_kernel(&failure, "stage", DOING_ANYTHING, "object", -EINVAL, "");
	assert_failure(&failure, "stage: object: Invalid argument");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_one_line),
		cmocka_unit_test(the_longest_failure_is_reported_whole),
		cmocka_unit_test(an_error_becomes_cause_and_remedy),
		cmocka_unit_test(the_kernel_s_own_words_stand_behind_the_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
