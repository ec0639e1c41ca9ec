/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "init/options.h"

static struct options options;
static struct policy policy;
static struct failure failure;

#define ARGUMENTS(...) ((char *[]){ "boundary-init", __VA_ARGS__, NULL })
#define ENVIRONMENT(...) ((char *[]){ __VA_ARGS__, NULL })
#define NO_ARGUMENTS ((char *[]){ "boundary-init", NULL })
#define NO_ENVIRONMENT ((char *[]){ NULL })

static int parse(char **argv, char **envp)
{
	memset(&options, 0, sizeof(options));
	options.policy = &policy;
	policy.count = 0;
	forget_failure(&failure);
	return options_parse(&options, argv, envp, &failure);
}

static void show_publish(struct text *t, const struct publish *p)
{
	text_printf(t, "publish=");
	if (p->at.family) {
		text_char(t, '[');
		address_print(t, &p->at);
		text_printf(t, "]:");
	}
	text_printf(t, "%u:%u/%s ", p->port, p->to, p->protocol == IPPROTO_UDP ? "udp" : "tcp");
}

/* Everything that is not as it is without options. */
static const char *show(const struct options *o)
{
	static char shown[1024];
	struct text t = TEXT_OVER(shown);

	if (o->agent_caps)
		text_printf(&t, "agent-caps=%llu ", (unsigned long long)o->agent_caps);
	for (unsigned int i = 0; i < o->policy->count; i++) {
		const struct rule *r = &o->policy->rules[i];

		text_printf(&t, "%s=%.*s ", r->deny ? "deny" : "allow", (int)r->text.length,
			    r->text.at);
	}
	if (o->audit.length > 0)
		text_printf(&t, "audit=%.*s ", (int)o->audit.length, o->audit.at);
	if (o->check)
		text_printf(&t, "check=%s ", o->check == CHECK_JSON ? "json" : "table");
	if (o->grace != 5000)
		text_printf(&t, "grace=%u ", o->grace);
	if (o->help)
		text_printf(&t, "help ");
	if (o->jail != JAIL_AUTO)
		text_printf(&t, "jail=%s ", jail_mode_names[o->jail]);
	if (o->log_level_given)
		text_printf(&t, "log-level=%u ", o->log_level);
	if (o->no_userns)
		text_printf(&t, "no-userns ");
	if (o->observe)
		text_printf(&t, "observe ");
	if (o->policy_file)
		text_printf(&t, "policy=%s ", o->policy_file);
	if (o->print_plan)
		text_printf(&t, "print-plan ");
	for (unsigned int i = 0; i < o->publish_count; i++)
		show_publish(&t, &o->publish[i]);
	if (o->seccomp_profile)
		text_printf(&t, "seccomp-profile ");
	if (o->test_method.length > 0)
		text_printf(&t, "test=%.*s ", (int)o->test_method.length, o->test_method.at);
	if (o->proxy.host.length > 0)
		text_printf(&t, "proxy=%.*s|%u ", (int)o->proxy.host.length, o->proxy.host.at,
			    o->proxy.port);
	if (o->user.length > 0)
		text_printf(&t, "user=%.*s ", (int)o->user.length, o->user.at);
	if (o->version)
		text_printf(&t, "version ");
	return shown;
}

TEST(without_options_all_is_as_documented)
{
	assert_int_equal(parse(NO_ARGUMENTS, NO_ENVIRONMENT), 0);
	assert_string_equal(show(&options), "");
	assert_int_equal(options.jail, JAIL_AUTO);
	assert_int_equal(options.check, CHECK_NOT);
	assert_int_equal(options.grace, 5000);
	assert_null(options.program[0]);
}

/* One row for each option; a test below compares them with --help. */
static const struct row {
	char *argument;
	char *variable; /* NULL: only on the command line */
	const char *means;
	char behind; /* its name in --help: a blank, '=' if it takes a value, '[' if it may */
} rows[] = {
	{ "--agent-caps=net_raw,CAP_CHOWN", "BOUNDARY_AGENT_CAPS=net_raw,CAP_CHOWN",
	  "agent-caps=8193 ", '=' },
	{ "--allow=cidr=10.0.0.0/8 port=80", "BOUNDARY_ALLOW=cidr=10.0.0.0/8 port=80",
	  "allow=cidr=10.0.0.0/8 port=80 ", '=' },
	{ "--audit=unix:/a b", "BOUNDARY_AUDIT=unix:/a b", "audit=unix:/a b ", '=' },
	{ "--check", "BOUNDARY_CHECK=table", "check=table ", '[' },
	{ "--deny=domain=a.b", "BOUNDARY_DENY=domain=a.b", "deny=domain=a.b ", '=' },
	{ "--grace=0.5", "BOUNDARY_GRACE=0.5", "grace=500 ", '=' },
	{ "--help", NULL, "help ", ' ' },
	{ "--jail=none", "BOUNDARY_JAIL=none", "jail=none ", '=' },
	{ "--log-level=debug", "BOUNDARY_LOG_LEVEL=debug", "log-level=3 ", '=' },
	{ "--no-userns", "BOUNDARY_NO_USERNS=yes", "no-userns ", ' ' },
	{ "--observe", "BOUNDARY_OBSERVE=yes", "observe ", ' ' },
	{ "--policy=/etc/a b", "BOUNDARY_POLICY=/etc/a b", "policy=/etc/a b ", '=' },
	{ "--print-plan", "BOUNDARY_PRINT_PLAN=yes", "print-plan ", ' ' },
	{ "--publish=80:8080", "BOUNDARY_PUBLISH=80:8080", "publish=80:8080/tcp ", '=' },
	{ "--seccomp-profile", NULL, "seccomp-profile ", ' ' },
	{ "--test=GET", NULL, "test=GET ", '=' },
	{ "--upstream-proxy=http://p.q:3128", "BOUNDARY_UPSTREAM_PROXY=http://p.q:3128",
	  "proxy=p.q|3128 ", '=' },
	{ "--user=agent:video", "BOUNDARY_USER=agent:video", "user=agent:video ", '=' },
	{ "--version", NULL, "version ", ' ' },
};

TEST(every_option_by_argument)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(parse(ARGUMENTS(rows[i].argument, "run"), NO_ENVIRONMENT), 0);
		assert_string_equal(show(&options), rows[i].means);
		assert_string_equal(options.program[0], "run");
	}
}

TEST(every_option_with_its_value_apart)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[64];
		char *value = strchr(rows[i].argument, '=');

		if (rows[i].behind != '=')
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(value - rows[i].argument),
			 rows[i].argument);
		assert_int_equal(parse(ARGUMENTS(name, value + 1, "run"), NO_ENVIRONMENT), 0);
		assert_string_equal(show(&options), rows[i].means);
		assert_string_equal(options.program[0], "run");
	}
}

TEST(every_option_by_environment)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!rows[i].variable)
			continue;
		assert_int_equal(parse(NO_ARGUMENTS, ENVIRONMENT("A=1", rows[i].variable)), 0);
		assert_string_equal(show(&options), rows[i].means);
	}
}

TEST(every_option_stands_in_help_and_here)
{
	char buffer[4096];
	struct text t = TEXT_OVER(buffer);
	unsigned int listed = 0;

	options_print_help(&t);
	assert_false(t.cut);
	for (const char *c = buffer; (c = strstr(c, "\n  --")); c++)
		listed++;
	assert_int_equal(listed, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[64] = "\n  ";

		strncat(name, rows[i].argument, strcspn(rows[i].argument, "="));
		strncat(name, &rows[i].behind, 1);
		if (!strstr(buffer, name))
			FAIL("%s does not stand in --help", name);
	}
}

TEST(help_says_the_rest)
{
	char buffer[4096];
	struct text t = TEXT_OVER(buffer);

	options_print_help(&t);
	assert_memory_equal(buffer, "Usage: boundary-init [OPTION]... [--] PROGRAM", 45);
	assert_non_null(strstr(buffer, "BOUNDARY_"));
	assert_non_null(strstr(buffer, "128+N"));
	assert_non_null(strstr(buffer, "--allow=RULE "));
	assert_non_null(strstr(buffer, "(repeatable)\n"));
	assert_int_equal(buffer[t.length - 1], '\n');
}

TEST(the_program_begins_at_the_first_other_argument)
{
	assert_int_equal(parse(ARGUMENTS("--jail=none", "run", "--grace=1", "-x"), NO_ENVIRONMENT),
			 0);
	assert_string_equal(options.program[0], "run");
	assert_string_equal(options.program[1], "--grace=1");
	assert_string_equal(options.program[2], "-x");
	assert_null(options.program[3]);
	assert_string_equal(show(&options), "jail=none ");
}

TEST(two_dashes_end_the_options)
{
	assert_int_equal(parse(ARGUMENTS("--jail=none", "--", "--help", "--"), NO_ENVIRONMENT), 0);
	assert_string_equal(options.program[0], "--help");
	assert_string_equal(options.program[1], "--");
	assert_string_equal(show(&options), "jail=none ");
	assert_int_equal(parse(ARGUMENTS("--"), NO_ENVIRONMENT), 0);
	assert_null(options.program[0]);
	assert_int_equal(parse(ARGUMENTS("", "--help"), NO_ENVIRONMENT), 0);
	assert_string_equal(options.program[0], "");
	assert_string_equal(show(&options), "");
}

TEST(no_arguments_at_all)
{
	char *none[] = { NULL };

	assert_int_equal(parse(none, NO_ENVIRONMENT), 0);
	assert_null(options.program[0]);
}

#define HELP ". boundary-init --help lists the options"
#define FLAG ": unknown. It is one of 0,1,false,true,no,yes"
#define SECONDS ": not a number of seconds. Write it like 5 or 0.5, up to 86400"
#define CAPS                                                                         \
	": not a list of capabilities. Write names of capabilities(7) with commas, " \
	"like net_raw"
#define PUBLISH                                                                        \
	": not a port to publish. Write [IP:]PORT[:PORT][/tcp|/udp], like 80:8080 or " \
	"[2001:db8::1]:53/udp"
#define LEVEL ": unknown. It is one of error,warn,info,debug"
#define PROXY ": not a proxy. Write http://HOST[:PORT]; https:// to a proxy is not possible"
#define CHECK ": unknown. It is one of table,json"
#define JAIL ": unknown. It is one of auto,veth,loopback,container,none"

TEST(refuses_arguments)
{
	static const struct {
		char *argument;
		const char *failure;
	} bad[] = {
		{ "--nothing", "options: option '--nothing': unknown" HELP },
		{ "--nothing=1", "options: option '--nothing=1': unknown" HELP },
		{ "--=1", "options: option '--=1': unknown" HELP },
		{ "--gra=1", "options: option '--gra=1': unknown" HELP }, /* no abbreviations */
		{ "--Grace=1", "options: option '--Grace=1': unknown" HELP },
		{ "-h", "options: option '-h': unknown" HELP },
		{ "-", "options: option '-': unknown" HELP },
		{ "--\033", "options: option '--\\x1b': unknown" HELP },
		{ "--grace", "options: --grace '': it needs a value" HELP },
		{ "--agent-caps", "options: --agent-caps '': it needs a value" HELP },
		{ "--grace=", "options: --grace '': it needs a value" HELP },
		{ "--allow=", "options: --allow '': it needs a value" HELP },
		{ "--user=", "options: --user '': it needs a value" HELP },
		{ "--help=yes", "options: --help 'yes': takes no value" HELP },
		{ "--no-userns=", "options: --no-userns '': takes no value" HELP },
		{ "--grace=abc", "options: --grace 'abc'" SECONDS },
		{ "--grace=86401", "options: --grace '86401'" SECONDS },
		{ "--grace=-1", "options: --grace '-1'" SECONDS },
		{ "--grace=1.", "options: --grace '1.'" SECONDS },
		{ "--grace=.5", "options: --grace '.5'" SECONDS },
		{ "--grace=1.2345", "options: --grace '1.2345'" SECONDS },
		{ "--grace=1.0000", "options: --grace '1.0000'" SECONDS },
		{ "--grace=1s", "options: --grace '1s'" SECONDS },
		{ "--grace=1.5s", "options: --grace '1.5s'" SECONDS },
		{ "--check=", "options: --check '': it needs a value" HELP },
		{ "--check=xml", "options: --check 'xml'" CHECK },
		{ "--check=JSON", "options: --check 'JSON'" CHECK },
		{ "--check=table,json", "options: --check 'table,json'" CHECK },
		{ "--checks", "options: option '--checks': unknown" HELP },
		{ "--check[=json]", "options: option '--check[=json]': unknown" HELP },
		{ "--seccomp-profile=FILE",
		  "options: --seccomp-profile 'FILE': takes no value" HELP },
		{ "--jail=VETH", "options: --jail 'VETH'" JAIL },
		{ "--jail=vet", "options: --jail 'vet'" JAIL },
		{ "--agent-caps=net_raw,nothing", "options: --agent-caps 'net_raw,nothing'" CAPS },
		{ "--agent-caps=,net_raw", "options: --agent-caps ',net_raw'" CAPS },
		{ "--agent-caps=net_raw,", "options: --agent-caps 'net_raw,'" CAPS },
		{ "--publish=0", "options: --publish '0'" PUBLISH },
		{ "--publish=65536", "options: --publish '65536'" PUBLISH },
		{ "--publish=80:", "options: --publish '80:'" PUBLISH },
		{ "--publish=80/", "options: --publish '80/'" PUBLISH },
		{ "--publish=80/sctp", "options: --publish '80/sctp'" PUBLISH },
		{ "--publish=80/tcp/udp", "options: --publish '80/tcp/udp'" PUBLISH },
		{ "--publish=80:81:82", "options: --publish '80:81:82'" PUBLISH },
		{ "--publish=1.2.3.4", "options: --publish '1.2.3.4'" PUBLISH },
		{ "--publish=1.2.3:80", "options: --publish '1.2.3:80'" PUBLISH },
		{ "--publish=::1:80", "options: --publish '::1:80'" PUBLISH },
		{ "--publish=127.0.0.2:80",
		  "options: --publish '127.0.0.2:80': loopback addresses stay "
		  "the container's own. Leave the address away, or name one "
		  "that others reach" },
		{ "--publish=[::1]:80",
		  "options: --publish '[::1]:80': loopback addresses stay the container's "
		  "own. Leave the address away, or name one that others reach" },
		{ "--publish=[::1]80", "options: --publish '[::1]80'" PUBLISH },
		{ "--publish=[::1:80", "options: --publish '[::1:80'" PUBLISH },
		{ "--publish=[]:80", "options: --publish '[]:80'" PUBLISH },
		{ "--publish=80 ", "options: --publish '80 '" PUBLISH },
		{ "--allow=cidr=1", "rule: 'cidr=1', column 6: not an address or address/length. "
				    "Write it like 10.1.2.0/24, 10.1.2.3 or 2001:db8::/32" },
		{ "--deny=cidr=1", "rule: 'cidr=1', column 6: not an address or address/length. "
				   "Write it like 10.1.2.0/24, 10.1.2.3 or 2001:db8::/32" },
		{ "--deny=domain=a.b private=yes",
		  "rule: 'domain=a.b private=yes', column 20: not yes, or in a deny rule. Write "
		  "private=yes, or leave it away" },
		{ "--deny=", "options: --deny '': it needs a value" HELP },
		{ "--policy=", "options: --policy '': it needs a value" HELP },
		{ "--test=", "options: --test '': it needs a value" HELP },
		{ "--audit=", "options: --audit '': it needs a value" HELP },
		{ "--observe=1", "options: --observe '1': takes no value" HELP },
		{ "--log-level=WARN", "options: --log-level 'WARN'" LEVEL },
		{ "--log-level=warnx", "options: --log-level 'warnx'" LEVEL },
		{ "--log-level=1", "options: --log-level '1'" LEVEL },
		{ "--upstream-proxy=p.q", "options: --upstream-proxy 'p.q'" PROXY },
		{ "--upstream-proxy=p.q:3128", "options: --upstream-proxy 'p.q:3128'" PROXY },
		{ "--upstream-proxy=https://p.q", "options: --upstream-proxy 'https://p.q'" PROXY },
		{ "--upstream-proxy=HTTP://p.q", "options: --upstream-proxy 'HTTP://p.q'" PROXY },
		{ "--upstream-proxy=http://u:s@p.q",
		  "options: --upstream-proxy 'http://u:s@p.q'" PROXY },
		{ "--upstream-proxy=http://p.q/x",
		  "options: --upstream-proxy 'http://p.q/x'" PROXY },
		{ "--upstream-proxy=http://p.q//",
		  "options: --upstream-proxy 'http://p.q//'" PROXY },
		{ "--upstream-proxy=http://p.q?x",
		  "options: --upstream-proxy 'http://p.q?x'" PROXY },
		{ "--upstream-proxy=http://p.q/#",
		  "options: --upstream-proxy 'http://p.q/#'" PROXY },
		{ "--upstream-proxy=http://p.q:0",
		  "options: --upstream-proxy 'http://p.q:0'" PROXY },
		{ "--upstream-proxy=http://", "options: --upstream-proxy 'http://'" PROXY },
		{ "--upstream-proxy=http://*", "options: --upstream-proxy 'http://*'" PROXY },
		{ "--upstream-proxy=http://*.q", "options: --upstream-proxy 'http://*.q'" PROXY },
		{ "--upstream-proxy=http://a b", "options: --upstream-proxy 'http://a b'" PROXY },
		{ "--upstream-proxy=http://1.2.3",
		  "options: --upstream-proxy 'http://1.2.3'" PROXY },
		{ "--upstream-proxy=http://[::g]",
		  "options: --upstream-proxy 'http://[::g]'" PROXY },
		{ "--upstream-proxy=http://[fe80::1%eth0]",
		  "options: --upstream-proxy 'http://[fe80::1%eth0]'" PROXY },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (parse(ARGUMENTS(bad[i].argument), NO_ENVIRONMENT) != -1)
			FAIL("'%s' was taken: %s", bad[i].argument, show(&options));
		assert_failure(&failure, bad[i].failure);
	}
}

TEST(refuses_variables_by_their_name)
{
	static const struct {
		char *variable;
		const char *failure;
	} bad[] = {
		{ "BOUNDARY_GRACE=x", "options: BOUNDARY_GRACE 'x'" SECONDS },
		{ "BOUNDARY_AGENT_CAPS=x", "options: BOUNDARY_AGENT_CAPS 'x'" CAPS },
		{ "BOUNDARY_NO_USERNS=maybe", "options: BOUNDARY_NO_USERNS 'maybe'" FLAG },
		{ "BOUNDARY_PRINT_PLAN=YES", "options: BOUNDARY_PRINT_PLAN 'YES'" FLAG },
		{ "BOUNDARY_JAIL=x\n", "options: BOUNDARY_JAIL 'x\\x0a'" JAIL },
		{ "BOUNDARY_PUBLISH=80\nx", "options: BOUNDARY_PUBLISH 'x'" PUBLISH },
		{ "BOUNDARY_LOG_LEVEL=x", "options: BOUNDARY_LOG_LEVEL 'x'" LEVEL },
		{ "BOUNDARY_UPSTREAM_PROXY=x", "options: BOUNDARY_UPSTREAM_PROXY 'x'" PROXY },
		{ "BOUNDARY_CHECK=yes", "options: BOUNDARY_CHECK 'yes'" CHECK },
		{ "BOUNDARY_OBSERVE=on", "options: BOUNDARY_OBSERVE 'on'" FLAG },
		{ "BOUNDARY_DENY=domain=a.b\n  port=x ",
		  "rule: 'port=x', column 6: not a port or a range of ports. Write N, N-M, lists "
		  "of these with commas, or *" },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (parse(NO_ARGUMENTS, ENVIRONMENT(bad[i].variable)) != -1)
			FAIL("'%s' was taken: %s", bad[i].variable, show(&options));
		assert_failure(&failure, bad[i].failure);
	}
}

TEST(a_long_value_is_cut_in_the_message)
{
	char argument[400] = "--grace=";

	memset(argument + 8, 'x', sizeof(argument) - 9);
	argument[sizeof(argument) - 1] = '\0';
	assert_int_equal(parse(ARGUMENTS(argument), NO_ENVIRONMENT), -1);
	assert_non_null(strstr(failure.what, "x...': not a number of seconds"));
}

TEST(words_of_flags_in_the_environment)
{
	static const struct {
		char *variable;
		bool on;
	} flags[] = {
		{ "BOUNDARY_NO_USERNS=1", true },      { "BOUNDARY_NO_USERNS=true", true },
		{ "BOUNDARY_NO_USERNS=yes", true },    { "BOUNDARY_NO_USERNS=0", false },
		{ "BOUNDARY_NO_USERNS=false", false }, { "BOUNDARY_NO_USERNS=no", false },
		{ "BOUNDARY_NO_USERNS=", false },
	};

	for (size_t i = 0; i < COUNT(flags); i++) {
		assert_int_equal(parse(NO_ARGUMENTS, ENVIRONMENT(flags[i].variable)), 0);
		assert_string_equal(show(&options), flags[i].on ? "no-userns " : "");
	}
}

TEST(empty_and_foreign_variables_do_nothing)
{
	assert_int_equal(parse(NO_ARGUMENTS,
			       ENVIRONMENT("BOUNDARY_ALLOW=", "BOUNDARY_USER=",
					   "BOUNDARY_PUBLISH=\n\n", "BOUNDARY_DENY= \n\t",
					   "BOUNDARY_POLICY=", "BOUNDARY_AUDIT=",
					   "BOUNDARY_OBSERVE=", "BOUNDARY_LOG_LEVEL=",
					   "BOUNDARY_UPSTREAM_PROXY=", "BOUNDARY_TEST=GET",
					   "BOUNDARY_CHECK=", "BOUNDARY_SECCOMP_PROFILE=1",
					   "BOUNDARY_GRACE=", "BOUNDARY_ADDR=10.0.0.1",
					   "BOUNDARY_JAILS=x", "BOUNDARY_JAI=x", "BOUNDARY_HELP=1",
					   "BOUNDARY_VERSION=1", "boundary_jail=x",
					   "XBOUNDARY_JAIL=x", "BOUNDARY_JAIL", "")),
			 0);
	assert_string_equal(show(&options), "");
}

TEST(the_command_line_wins)
{
	assert_int_equal(parse(ARGUMENTS("--jail=veth", "--grace=2", "--user=b",
					 "--agent-caps=chown"),
			       ENVIRONMENT("BOUNDARY_JAIL=none", "BOUNDARY_GRACE=1",
					   "BOUNDARY_USER=a", "BOUNDARY_AGENT_CAPS=kill")),
			 0);
	assert_string_equal(show(&options), "agent-caps=1 grace=2000 jail=veth user=b ");
	assert_int_equal(parse(ARGUMENTS("--grace=1", "--grace=2"), NO_ENVIRONMENT), 0);
	assert_string_equal(show(&options), "grace=2000 ");
}

TEST(what_is_repeatable_adds_up)
{
	assert_int_equal(parse(ARGUMENTS("--allow=cidr=3.0.0.0/8", "--publish=3", "--allow",
					 "cidr=::/0"),
			       ENVIRONMENT("BOUNDARY_ALLOW=cidr=1.0.0.0/8\n\ncidr=2.0.0.0/8\n",
					   "BOUNDARY_PUBLISH=1\n2/udp")),
			 0);
	assert_string_equal(show(&options),
			    "allow=cidr=1.0.0.0/8 allow=cidr=2.0.0.0/8 allow=cidr=3.0.0.0/8 "
			    "allow=cidr=::/0 publish=1:1/tcp publish=2:2/udp publish=3:3/tcp ");
}

TEST(allow_and_deny_keep_their_order)
{
	assert_int_equal(parse(ARGUMENTS("--deny=domain=c.d", "--allow=domain=e.f"),
			       ENVIRONMENT("BOUNDARY_DENY=domain=a.b", "BOUNDARY_ALLOW=port=1")),
			 0);
	assert_string_equal(show(&options),
			    "deny=domain=a.b allow=port=1 deny=domain=c.d allow=domain=e.f ");
}

TEST(lines_of_a_variable_may_have_blanks_and_comments)
{
	assert_int_equal(parse(NO_ARGUMENTS,
			       ENVIRONMENT("BOUNDARY_ALLOW=\n  domain=a.b\t\r\n\n# domain=x.y\n"
					   " # x\n\tdomain=c.d port=22 # why\n",
					   "BOUNDARY_DENY=# none", "BOUNDARY_PUBLISH= 80 \n#81")),
			 0);
	assert_string_equal(show(&options),
			    "allow=domain=a.b allow=domain=c.d port=22 publish=80:80/tcp ");
}

TEST(rules_are_added_to_those_that_the_caller_has)
{
	memset(&options, 0, sizeof(options));
	options.policy = &policy;
	policy.count = 0;
	assert_int_equal(policy_add(&policy, span_of("domain=a.b"), false, &failure), 0);
	assert_int_equal(options_parse(&options, ARGUMENTS("--allow=domain=c.d"), NO_ENVIRONMENT,
				       &failure),
			 0);
	assert_ptr_equal(options.policy, &policy);
	assert_string_equal(show(&options), "allow=domain=a.b allow=domain=c.d ");
}

TEST(a_test_leaves_the_url_as_the_program)
{
	assert_int_equal(parse(ARGUMENTS("--test", "GET", "https://a.b", "--help"), NO_ENVIRONMENT),
			 0);
	assert_string_equal(show(&options), "test=GET ");
	assert_string_equal(options.program[0], "https://a.b");
}

TEST(reads_modes)
{
	static char *const modes[JAIL_MODES] = {
		[JAIL_AUTO] = "--jail=auto",	     [JAIL_VETH] = "--jail=veth",
		[JAIL_LOOPBACK] = "--jail=loopback", [JAIL_CONTAINER] = "--jail=container",
		[JAIL_NONE] = "--jail=none",
	};

	for (unsigned int i = 0; i < JAIL_MODES; i++) {
		assert_int_equal(parse(ARGUMENTS("--jail", "none", modes[i]), NO_ENVIRONMENT), 0);
		assert_int_equal(options.jail, i);
		assert_string_equal(jail_mode_names[i], modes[i] + strlen("--jail="));
	}
}

/* What is not joined to it is the next argument. */
TEST(a_check_may_have_a_format)
{
	assert_int_equal(parse(ARGUMENTS("--check=json"), NO_ENVIRONMENT), 0);
	assert_string_equal(show(&options), "check=json ");
	assert_int_equal(parse(ARGUMENTS("--check=table"), NO_ENVIRONMENT), 0);
	assert_string_equal(show(&options), "check=table ");
	assert_int_equal(parse(ARGUMENTS("--check=json", "--check", "json"), NO_ENVIRONMENT), 0);
	assert_string_equal(show(&options), "check=table ");
	assert_string_equal(options.program[0], "json");
	assert_int_equal(parse(ARGUMENTS("--check"), ENVIRONMENT("BOUNDARY_CHECK=json")), 0);
	assert_string_equal(show(&options), "check=table ");
}

TEST(reads_levels)
{
	static char *const levels[AUDIT_LEVELS] = {
		[AUDIT_ERROR] = "--log-level=error",
		[AUDIT_WARN] = "--log-level=warn",
		[AUDIT_INFO] = "--log-level=info",
		[AUDIT_DEBUG] = "--log-level=debug",
	};

	for (unsigned int i = 0; i < AUDIT_LEVELS; i++) {
		assert_int_equal(parse(ARGUMENTS(levels[i]), NO_ENVIRONMENT), 0);
		assert_true(options.log_level_given);
		assert_int_equal(options.log_level, i);
	}
	assert_int_equal(parse(NO_ARGUMENTS, NO_ENVIRONMENT), 0);
	assert_false(options.log_level_given);
}

TEST(reads_proxies)
{
	static const struct {
		char *argument;
		const char *means;
	} proxies[] = {
		{ "--upstream-proxy=http://p.q", "proxy=p.q|80 " },
		{ "--upstream-proxy=http://p.q/", "proxy=p.q|80 " },
		{ "--upstream-proxy=http://proxy:3128/", "proxy=proxy|3128 " },
		{ "--upstream-proxy=http://10.0.0.1:8080", "proxy=10.0.0.1|8080 " },
		{ "--upstream-proxy=http://[2001:db8::1]", "proxy=2001:db8::1|80 " },
		{ "--upstream-proxy=http://[::1]:3128", "proxy=::1|3128 " },
	};

	for (size_t i = 0; i < COUNT(proxies); i++) {
		if (parse(ARGUMENTS(proxies[i].argument), NO_ENVIRONMENT) < 0)
			FAIL("%s", failure.what);
		assert_string_equal(show(&options), proxies[i].means);
	}
	assert_int_equal(parse(ARGUMENTS("--upstream-proxy=http://b"),
			       ENVIRONMENT("BOUNDARY_UPSTREAM_PROXY=http://a:1")),
			 0);
	assert_string_equal(show(&options), "proxy=b|80 ");
}

TEST(reads_times)
{
	static const struct {
		char *argument;
		uint32_t milliseconds;
	} times[] = {
		{ "--grace=0", 0 },
		{ "--grace=10", 10000 },
		{ "--grace=0.1", 100 },
		{ "--grace=0.05", 50 },
		{ "--grace=1.007", 1007 },
		{ "--grace=2.50", 2500 },
		{ "--grace=86400", 86400000 },
	};

	for (size_t i = 0; i < COUNT(times); i++) {
		assert_int_equal(parse(ARGUMENTS(times[i].argument), NO_ENVIRONMENT), 0);
		assert_int_equal(options.grace, times[i].milliseconds);
	}
}

TEST(reads_what_to_publish)
{
	static const struct {
		char *argument;
		const char *means;
	} publish[] = {
		{ "--publish=80", "publish=80:80/tcp " },
		{ "--publish=80/tcp", "publish=80:80/tcp " },
		{ "--publish=53/udp", "publish=53:53/udp " },
		{ "--publish=80:8080/udp", "publish=80:8080/udp " },
		{ "--publish=10.0.0.1:80", "publish=[10.0.0.1]:80:80/tcp " },
		{ "--publish=10.0.0.1:80:8080", "publish=[10.0.0.1]:80:8080/tcp " },
		{ "--publish=[2001:db8::2]:53:5353/udp", "publish=[2001:db8::2]:53:5353/udp " },
		{ "--publish=[2001:db8::1]:65535", "publish=[2001:db8::1]:65535:65535/tcp " },
	};

	for (size_t i = 0; i < COUNT(publish); i++) {
		assert_int_equal(parse(ARGUMENTS(publish[i].argument), NO_ENVIRONMENT), 0);
		assert_string_equal(show(&options), publish[i].means);
	}
}

TEST(publishes_32_ports_and_no_more)
{
	char *argv[PUBLISH_MAX + 3] = { "boundary-init" };

	for (unsigned int i = 1; i <= PUBLISH_MAX; i++)
		argv[i] = "--publish=80";
	assert_int_equal(parse(argv, NO_ENVIRONMENT), 0);
	assert_int_equal(options.publish_count, PUBLISH_MAX);
	argv[PUBLISH_MAX + 1] = "--publish=81";
	assert_int_equal(parse(argv, NO_ENVIRONMENT), -1);
	assert_failure(&failure, "options: --publish '81': more than 32 published ports. "
				 "Let one server stand before the others");
}

TEST(the_agent_does_not_see_our_variables)
{
	char *envp[] = { "PATH=/bin",
			 "BOUNDARY_ALLOW=x",
			 "BOUNDARY_ADDR=10.0.0.1",
			 "BOUNDARY_GRACE=",
			 "BOUNDARY_JAILS=1",
			 "BOUNDARY_HELP=1",
			 "BOUNDARY_AGENT_CAPS=chown",
			 "BOUNDARY_JAIL",
			 "BOUNDARY_USER=a",
			 "LAST=1",
			 "BOUNDARY_NO_USERNS=1",
			 NULL };
	const char *kept[] = { "PATH=/bin",	  "BOUNDARY_ADDR=10.0.0.1", "BOUNDARY_JAILS=1",
			       "BOUNDARY_HELP=1", "BOUNDARY_JAIL",	    "LAST=1" };

	options_clear_environment(envp);
	for (size_t i = 0; i < COUNT(kept); i++) {
		assert_non_null(envp[i]);
		assert_string_equal(envp[i], kept[i]);
	}
	assert_null(envp[COUNT(kept)]);
}

TEST(every_variable_is_cleared)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *envp[] = { rows[i].variable, NULL };

		options_clear_environment(envp);
		assert_null(envp[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_all_is_as_documented),
		cmocka_unit_test(every_option_by_argument),
		cmocka_unit_test(every_option_with_its_value_apart),
		cmocka_unit_test(every_option_by_environment),
		cmocka_unit_test(every_option_stands_in_help_and_here),
		cmocka_unit_test(help_says_the_rest),
		cmocka_unit_test(the_program_begins_at_the_first_other_argument),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(no_arguments_at_all),
		cmocka_unit_test(refuses_arguments),
		cmocka_unit_test(refuses_variables_by_their_name),
		cmocka_unit_test(a_long_value_is_cut_in_the_message),
		cmocka_unit_test(words_of_flags_in_the_environment),
		cmocka_unit_test(empty_and_foreign_variables_do_nothing),
		cmocka_unit_test(the_command_line_wins),
		cmocka_unit_test(what_is_repeatable_adds_up),
		cmocka_unit_test(allow_and_deny_keep_their_order),
		cmocka_unit_test(lines_of_a_variable_may_have_blanks_and_comments),
		cmocka_unit_test(rules_are_added_to_those_that_the_caller_has),
		cmocka_unit_test(a_test_leaves_the_url_as_the_program),
		cmocka_unit_test(reads_modes),
		cmocka_unit_test(a_check_may_have_a_format),
		cmocka_unit_test(reads_levels),
		cmocka_unit_test(reads_proxies),
		cmocka_unit_test(reads_times),
		cmocka_unit_test(reads_what_to_publish),
		cmocka_unit_test(publishes_32_ports_and_no_more),
		cmocka_unit_test(the_agent_does_not_see_our_variables),
		cmocka_unit_test(every_variable_is_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
