/* SPDX-License-Identifier: MIT */
/*
 * boundary-init: PID 1 of a container that bounds its agent's network.
 *
 * The story in order: what is asked for, what is possible, the plan, the jail, the drop, the agent.
 * Until the agent is released every failure ends with one line and exit code 125; from then on init
 * does not end before the agent does.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "init/jail.h"
#include "init/options.h"
#include "init/plan.h"
#include "init/preflight.h"
#include "init/privileges.h"
#include "init/report.h"
#include "init/supervise.h"
#include "sys/fds.h"
#include "sys/signals.h"

/* Too large for a stack, and there is one of each; pages that are never touched cost nothing. */
static struct options options;
static struct facts facts;
static struct account account;
static struct plan plan;
static struct outside outside = { .route = -1, .filter = -1, .lock = -1, .forwarding = -1 };
static struct jail jail;

static int print(const struct text *t)
{
	struct failure f;
	size_t written = 0;

	while (written < t->length) {
		ssize_t n = write(1, t->at + written, t->length - written);

		if (n < 0) {
			fail_errno(&f, "start", DOING_ANYTHING, "standard output", -errno);
			report(&f);
			return EXIT_OWN_FAILURE;
		}
		written += (size_t)n;
	}
	return 0;
}

static int print_about(void)
{
	char buffer[4096];
	struct text t = TEXT_OVER(buffer);

	if (options.help)
		options_print_help(&t);
	else
		text_printf(&t, "boundary-init %s\n", BOUNDARY_INIT_VERSION);
	return print(&t);
}

/* Room for all rules, and for the program's arguments when every byte is escaped. */
static int print_plan(void)
{
	size_t size = 1 << 18;
	struct text t;
	char *buffer;

	for (char **argument = plan.program; *argument; argument++)
		size += 4 * strlen(*argument) + 1;
	buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		return EXIT_OWN_FAILURE;
	t = text_over(buffer, size);
	plan_print(&plan, &t);
	return print(&t);
}

static void warn_of_idle_rule(void)
{
	struct failure f;
	char buffer[200];
	struct text rule = TEXT_OVER(buffer);

	if (plan.idle_rule.length == 0)
		return;
	text_escaped(&rule, plan.idle_rule.at, plan.idle_rule.length);
	fail(&f, "warning", "It matches nothing here",
	     "rule '%s': this container has no IPv6 address", buffer);
	report(&f);
}

static int make_plan(char **argv, char **envp, struct failure *f)
{
	const struct account *user = NULL;

	if (options_parse(&options, argv, envp, f) < 0)
		return -1;
	if (options.help || options.version)
		return 0;
	if (!options.program[0] && !options.print_plan)
		return fail(f, "options",
			    "Name the agent's program: boundary-init [OPTION]... [--] PROGRAM",
			    "program: missing");
	if (options.user.length > 0) {
		user = &account;
		if (preflight_account(options.user, &account, f) < 0)
			return -1;
	}
	if (preflight(options.jail, &facts, &outside, f) < 0)
		return -1;
	return plan_build(&plan, &options, &facts, user, f);
}

/* Makes the jail and gives up everything that was needed for it. */
static int prepare(const struct signals_inherited *signals, struct failure *f)
{
	if (jail_make(&jail, &plan, &outside, signals, f) < 0)
		return -1;
	if (privileges_drop_init(&plan, f) < 0) {
		jail_abandon(&jail);
		return -1;
	}
	return 0;
}

/* What was needed to make the jail is not needed to live with it, and that may be long. */
static void rest(void)
{
	memory_give_back(&options, sizeof(options));
	memory_give_back(&facts.net, sizeof(facts.net));
	memory_give_back(plan.inner.rules, sizeof(plan.inner.rules));
	memory_give_back(plan.outer.rules, sizeof(plan.outer.rules));
	nl_rest();
	nft_rest();
}

/* The agent's life. Nothing here can fail in a way that would matter more than the agent. */
static int run(int signals)
{
	struct supervision s = {
		.agent = jail.agent.pid,
		.signals = signals,
		.terminal = terminal_open(),
		.grace = options.grace,
	};
	int keep[] = { signals,	       s.terminal,   outside.route,
		       outside.filter, outside.lock, outside.forwarding };
	int code;

	rest();
	terminal_pass(s.terminal, getpgrp(), s.agent);
	agent_release(&jail.agent);
	fds_keep_only(keep, sizeof(keep) / sizeof(keep[0]));
	(void)!chdir("/"); /* if not, the old one stays busy, and that is all */
	code = supervise(&s);
	jail_remove(&jail);
	return code;
}

int main(int argc, char **argv, char **envp)
{
	struct signals_inherited inherited;
	struct failure failure;
	int signals, error;

	signals_hold(&inherited);
	signals_take_over(&inherited);
	(void)argc;
	error = fds_fill_standard();
	if (error) {
		fail_errno(&failure, "start", DOING_ANYTHING, "standard descriptors", error);
		goto failed;
	}
	if (make_plan(argv, envp, &failure) < 0)
		goto failed;
	if (options.help || options.version)
		return print_about();
	warn_of_idle_rule();
	if (options.print_plan)
		return print_plan();
	options_clear_environment(envp);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	signals = signals_open();
	if (signals < 0) {
		fail_errno(&failure, "start", DOING_ANYTHING, "signalfd", signals);
		goto failed;
	}
	if (prepare(&inherited, &failure) < 0)
		goto failed;
	return run(signals);

failed:
	report(&failure);
	return EXIT_OWN_FAILURE;
}
