/* SPDX-License-Identifier: MIT */
/*
 * boundary-init: PID 1 of a container that bounds its agent's network.
 *
 * The story in order: what is asked for, what is possible, the plan, the gate, the jail, the drop, the agent.
 * Until the agent is released every failure ends with one line and exit code 125; from then on init
 * does not end before the agent does.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "init/bypass.h"
#include "init/check.h"
#include "init/choice.h"
#include "init/gate/audit.h"
#include "init/gate/http.h"
#include "init/gatekeeper.h"
#include "init/jail.h"
#include "init/local_resolver.h"
#include "init/options.h"
#include "init/plan.h"
#include "init/policies.h"
#include "init/preflight.h"
#include "init/privileges.h"
#include "init/report.h"
#include "init/seccomp_profile.h"
#include "init/supervise.h"
#include "init/url.h"
#include "sys/confine.h"
#include "sys/fds.h"
#include "sys/process.h"
#include "sys/signals.h"

/* Too large for a stack, and there is one of each; pages that are never touched cost nothing. */
static struct options options;
static struct facts facts;
static struct account account;
static struct plan plan;
static struct choice choice;
static struct outside outside = { .route = -1, .filter = -1, .lock = -1, .forwarding = -1 };
static struct jail jail;
static struct policies policies;
static struct gate_config gate_config = { .audit = -1 };
static struct gatekeeper gatekeeper = { .config = &gate_config };

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
	static char buffer[4096]; /* not on the stack that init lives on */
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
	buffer = memory_new(size, false);
	if (!buffer)
		return EXIT_OWN_FAILURE;
	t = text_over(buffer, size);
	plan_print(&plan, &t);
	return print(&t);
}

#define PROFILE_MAX (1 << 20)

/* --seccomp-profile: from standard input to standard output, all of it or nothing. */
static int filter_profile(void)
{
	static char in[PROFILE_MAX], out[2 * PROFILE_MAX];
	struct text t = TEXT_OVER(out);
	struct failure f;
	long length = fd_read(0, in, sizeof(in));

	if (length == PROFILE_MAX - 1)
		length = -EFBIG;
	if (length < 0)
		fail_errno(&f, "profile", DOING_ANYTHING, "standard input", (int)length);
	else if (seccomp_profile_add_rule((struct span){ in, (size_t)length }, &t, &f) == 0)
		return print(&t);
	report(&f);
	return EXIT_OWN_FAILURE;
}

/* --test METHOD URL: 0 if it would be allowed, 1 if not. */
static int print_test(void)
{
	char name[DNS_NAME_MAX + 1], path[HTTP_PATH_MAX], buffer[1024];
	struct text t = TEXT_OVER(buffer), host = TEXT_OVER(name);
	struct request r;
	struct verdict v;
	struct failure f;

	if (!options.program[0]) {
		fail(&f, "test", "Write --test METHOD URL", "URL: missing");
		report(&f);
		return EXIT_OWN_FAILURE;
	}
	if (url_parse(span_of(options.program[0]), &r, &host, &f) < 0) {
		report(&f);
		return EXIT_OWN_FAILURE;
	}
	r.method = options.test_method;
	if (!http_canonical_path(r.path, path, sizeof(path), &r.path.length)) {
		fail(&f, "test", "Write it without encoded slashes and backslashes",
		     "URL: its path can be understood in two ways");
		report(&f);
		return EXIT_OWN_FAILURE;
	}
	r.path.at = path;
	v = policy_decide(options.policy, &r);
	text_printf(&t, v.allowed ? "allow: " : "deny: ");
	if (v.rule) {
		text_printf(&t, "rule '");
		text_escaped(&t, v.rule->text.at, v.rule->text.length);
		text_printf(&t, "'");
	} else {
		text_printf(&t, "no rule allows it. To allow it: --allow \"");
		policy_suggest(&t, &r);
		text_printf(&t, "\"");
	}
	text_printf(&t, "\n");
	if (print(&t))
		return EXIT_OWN_FAILURE;
	return v.allowed ? 0 : 1;
}

static void warn(struct span rule, const char *why)
{
	struct failure f;
	char buffer[200];
	struct text t = TEXT_OVER(buffer);

	text_escaped(&t, rule.at, rule.length);
	fail(&f, "warning", why, "rule '%s'%s", buffer, t.cut ? "..." : "");
	report(&f);
}

static void warn_of_agent(void)
{
	struct failure f;

	fail(&f, "warning", "Add --cap-add SETFCAP",
	     "agent: uid 0 cannot be mapped into its user namespace, so it sees itself as nobody");
	report(&f);
}

static void warn_of_rules(void)
{
	const struct policy *policy = options.policy;

	for (const struct rule *r = policy->rules; r < policy->rules + policy->count; r++)
		if (rule_warning(r))
			warn(r->text, rule_warning(r));
	if (plan.idle_rule.length > 0)
		warn(plan.idle_rule, "It matches nothing here: this container has no IPv6 address");
}

/* The first plan, or the next one when that could not be carried out. */
static int next_plan(struct failure *f)
{
	return choice_plan(&choice, &plan, &options, &facts,
			   options.user.length > 0 ? &account : NULL, f);
}

#define CHECK_MAX (1 << 16)

/* --check: 0 if a start with the same options would get its jail. */
static int print_check(const struct signals_inherited *signals, char **envp)
{
	static struct check check;
	char *buffer = memory_new(CHECK_MAX, false);
	struct text t;

	if (!buffer)
		return EXIT_OWN_FAILURE;
	t = text_over(buffer, CHECK_MAX);
	check.options = &options;
	check.facts = &facts;
	check.outside = &outside;
	check.plan = &plan;
	check.choice = &choice;
	check.next_plan = next_plan;
	check.signals = signals;
	check_run(&check, envp);
	check_print(&check, options.check, &t);
	return print(&t) == 0 && check.possible ? 0 : EXIT_OWN_FAILURE;
}

/* Nothing is said of the best mode, nor of one that was asked for by name. */
static void tell_mode(void)
{
	char line[1024];
	struct text t = TEXT_OVER(line);

	if (plan.unmapped)
		warn_of_agent();
	if (options.jail != JAIL_AUTO || plan.mode == JAIL_VETH)
		return;
	text_printf(&t, "boundary-init: jail: ");
	choice_print(&choice, &plan, &t);
	text_char(&t, '\n');
	(void)!write(2, t.at, t.length);
}

static int make_plan(char **argv, char **envp, struct failure *f)
{
	if (policies_open(&policies, f) < 0)
		return -1;
	options.policy = &policies.places[0].policy;
	if (options_parse(&options, argv, envp, f) < 0)
		return -1;
	if (options.help || options.version || options.seccomp_profile)
		return 0;
	if (options.policy_file && policies_read(&policies, options.policy_file, f) < 0)
		return -1;
	if (options.test_method.length > 0)
		return 0;
	if (!options.program[0] && !options.print_plan && !options.check)
		return fail(f, "options",
			    "Name the agent's program: boundary-init [OPTION]... [--] PROGRAM",
			    "program: missing");
	if (options.user.length > 0 && preflight_account(options.user, &account, f) < 0)
		return -1;
	if (options.check)
		return 0;
	return preflight(options.jail, &facts, &outside, f) < 0 ? -1 : next_plan(f);
}

/* The gate's process, before there is anything that it could reach. */
static int start_gate(struct failure *f)
{
	struct gate_config *c = &gate_config;
	bool asked = options.audit.length > 0;

	c->policies[0] = &policies.places[0].policy;
	c->policies[1] = &policies.places[1].policy;
	c->shared = policies.places;
	c->shared_size = 2 * sizeof(*policies.places);
	c->resolv = &facts.resolv;
	if (!c->names)
		c->names = memory_new(sizeof(struct names), true);
	memcpy(c->pools, plan.pools, sizeof(c->pools));
	c->proxy = options.proxy.host;
	c->proxy_port = options.proxy.port;
	c->observe = options.observe;
	c->addresses = plan.mode == JAIL_LOOPBACK;
	c->mark = plan.mark;
	c->level = options.log_level_given ? options.log_level : asked ? AUDIT_INFO : AUDIT_WARN;
	if (!c->names)
		return fail_errno(f, "gate", DOING_ANYTHING, "memory", -errno);
	if (c->audit < 0)
		c->audit = audit_open(asked ? options.audit : span_of("stderr"), f);
	return c->audit < 0 ? -1 : gatekeeper_start(&gatekeeper, f);
}

/* The agent is not released before the gate listens and says so. */
static int open_gate(struct failure *f)
{
	struct text mode = TEXT_OVER(gatekeeper.start.mode);

	text_printf(&mode, "%s", jail_mode_names[plan.mode]);
	gatekeeper.start.scoped = confine_can_scope();
	return gatekeeper_open(&gatekeeper, jail.inside.gate, f);
}

static void warn_of_bypass(void)
{
	struct text path = TEXT_OVER(gatekeeper.start.bypass);
	struct failure f;

	if (!bypass_find(&path)) {
		gatekeeper.start.bypass[0] = '\0';
		return;
	}
	fail(&f, "warning", "Do not mount it into the container",
	     "%s: a socket that no rule bounds", path.at);
	report(&f);
}

/* Those that are about nothing but the network of the jail. Any other may open files to the agent. */
#define NETWORK_CAPS (CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_NET_BIND_SERVICE))

static int watch_policy(struct failure *f)
{
	int unsafe;

	policies.agent_has_caps = plan.agent_caps & ~NETWORK_CAPS;
	unsafe = options.policy_file ? policies_watch(&policies, &plan.agent, f) : 0;

	if (unsafe <= 0)
		return unsafe;
	fail(f, "warning", "Mount it read-only, or let the agent be another user with --user",
	     "policy %s: the agent can change it, so it is not read again", policies.shown);
	report(f);
	return 0;
}

/*
 * The jail, with a gate that waits for it; of the next mode, where this one turns out to be impossible. Where
 * the rules are those of the container the gate has to be told what can be learned only with them.
 */
static int make_jail(const struct signals_inherited *signals, struct failure *f)
{
	do {
		if (plan.clone_flags && start_gate(f) < 0)
			return -1;
		if (jail_make(&jail, &plan, &outside, signals, f) == 0) {
			if (plan.mode != JAIL_CONTAINER)
				return 0;
			local_resolver_learn(&facts.resolv, jail.inside.gate[GATE_DNS_TCP4],
					     plan.mark);
			if (start_gate(f) == 0)
				return 0;
			jail_abandon(&jail);
			return -1;
		}
		gatekeeper_finish(&gatekeeper);
		if (options.jail != JAIL_AUTO)
			return -1;
		choice_refuse(&choice, f);
	} while (next_plan(f) == 0);
	return -1;
}

/* Makes the jail and gives up everything that was needed for it. */
static int prepare(const struct signals_inherited *signals, struct failure *f)
{
	bool gated;

	if (make_jail(signals, f) < 0)
		return -1;
	gated = plan.mode != JAIL_NONE;
	if (gated)
		warn_of_bypass();
	tell_mode();
	if ((gated && (open_gate(f) < 0 || watch_policy(f) < 0)) ||
	    privileges_drop_init(&plan, f) < 0) {
		jail_abandon(&jail);
		gatekeeper_finish(&gatekeeper);
		return -1;
	}
	return 0;
}

/* What was needed to make the jail is not needed to live with it, and that may be long. */
static void rest(void)
{
	memory_give_back(&facts.was_off, sizeof(facts) - offsetof(struct facts, was_off));
	memory_give_back(&choice, sizeof(choice));
	memory_give_back(plan.inner.rules, sizeof(plan.inner.rules));
	memory_give_back(plan.outer.rules, sizeof(plan.outer.rules));
	nl_rest();
	nft_rest();
}

/* The file of --policy has changed. A bad one changes nothing, and is said to be one. */
static void change_policy(void)
{
	struct failure f;
	int read = policies_reread(&policies, &plan.agent, &f);

	if (read == 0)
		return;
	options.policy = &policies.places[read > 0 ? !policies.used : policies.used].policy;
	if (read > 0)
		read = jail_change_rules(&jail, &options, &f);
	if (read != 0)
		report(&f);
	if (read >= 0) {
		policies.used = !policies.used;
		gatekeeper_use(&gatekeeper, policies.used);
	}
	options.policy = &policies.places[policies.used].policy;
	rest();
}

/* The agent's life. Nothing here can fail in a way that would matter more than the agent. */
static int run(int signals)
{
	struct supervision s = {
		.agent = jail.agent.pid,
		.signals = signals,
		.terminal = terminal_open(),
		.grace = options.grace,
		.gate = plan.mode == JAIL_NONE ? NULL : &gatekeeper,
		.changes = policies.changes,
		.changed = change_policy,
	};
	int keep[14 + GATE_SOCKETS] = { signals,	  s.terminal,	     outside.route,
					outside.filter,	  outside.lock,	     outside.forwarding,
					policies.changes, policies.directory };
	size_t kept = 8;
	int code;

	if (s.gate) {
		keep[kept++] = gatekeeper.channel;
		keep[kept++] = gate_config.audit;
		keep[kept++] = jail.inside.filter;
		for (unsigned int i = 0; i < GATE_SOCKETS; i++)
			keep[kept++] = jail.inside.gate[i];
	}
	rest();
	terminal_pass(s.terminal, getpgrp(), s.agent);
	agent_release(&jail.agent);
	fds_keep_only(keep, kept);
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
	if (options.seccomp_profile)
		return filter_profile();
	if (options.test_method.length > 0)
		return print_test();
	if (options.check)
		return print_check(&inherited, envp);
	warn_of_rules();
	if (options.print_plan) {
		tell_mode();
		return print_plan();
	}
	options_clear_environment(envp);
	process_control(PR_SET_CHILD_SUBREAPER, 1, 0);
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
