/* SPDX-License-Identifier: MIT */
#include "init/options.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "init/url.h"
#include "sys/cap_names.h"

#define STAGE "options"
#define ENVIRONMENT_PREFIX "BOUNDARY_"
#define SEE_HELP "boundary-init --help lists the options"

const char *const jail_mode_names[JAIL_MODES] = {
	[JAIL_VETH] = "veth",
	[JAIL_NONE] = "none",
};

/* A value and where it came from, "--user" or "BOUNDARY_USER", for messages. */
struct setting {
	const char *from;
	struct span value;
};

static int reject(const struct setting *s, struct failure *f, const char *cause, const char *remedy)
{
	char buffer[160];
	struct text shown = TEXT_OVER(buffer);

	text_escaped(&shown, s->value.at, s->value.length);
	return fail(f, STAGE, remedy, "%s '%s'%s: %s", s->from, buffer, shown.cut ? "..." : "",
		    cause);
}

/* ---- one function for each kind of value ---- */

/* The index of the value among the words, or -1. */
static int find_word(const struct setting *s, const char *const *words, int count)
{
	while (count-- > 0 && !span_is(s->value, words[count]))
		;
	return count;
}

static int set_flag(bool *flag, const struct setting *s, struct failure *f)
{
	static const char *const words[] = { "0", "false", "no", "1", "true", "yes" };
	int word = find_word(s, words, 6);

	if (word < 0)
		return reject(s, f, "neither yes nor no",
			      "Write 1, true or yes; or 0, false or no");
	*flag = word >= 3;
	return 0;
}

static int set_allow(struct options *o, const struct setting *s, struct failure *f)
{
	return policy_add(o->policy, s->value, false, f);
}

static int set_agent_caps(struct options *o, const struct setting *s, struct failure *f)
{
	struct cursor c = cursor_over(s->value);
	uint64_t caps = 0;

	do {
		struct span name = cursor_take_until(&c, ',');
		int cap = cap_by_name(name);

		if (cap < 0)
			return reject(s, f, "not a list of capabilities",
				      "Write names of capabilities(7) with commas, like net_raw");
		caps |= 1ULL << cap;
	} while (!cursor_done(&c) || c.end[-1] == ',');
	o->agent_caps = caps;
	return 0;
}

static int set_audit(struct options *o, const struct setting *s, struct failure *f)
{
	(void)f;
	o->audit = s->value;
	return 0;
}

static int set_deny(struct options *o, const struct setting *s, struct failure *f)
{
	return policy_add(o->policy, s->value, true, f);
}

/* Seconds with up to three decimals. */
static int set_grace(struct options *o, const struct setting *s, struct failure *f)
{
	struct cursor c = cursor_over(s->value);
	uint32_t seconds, thousandths = 0;
	bool good = cursor_take_number(&c, 86400, &seconds);

	if (good && cursor_take_char(&c, '.')) {
		const char *digits = c.at;

		good = cursor_take_number(&c, 999, &thousandths);
		for (size_t n = (size_t)(c.at - digits); n < 3; n++)
			thousandths *= 10;
		good = good && c.at - digits <= 3;
	}
	if (!good || !cursor_done(&c))
		return reject(s, f, "not a number of seconds",
			      "Write it like 5 or 0.5, up to 86400");
	o->grace = seconds * 1000 + thousandths;
	return 0;
}

static int set_help(struct options *o, const struct setting *s, struct failure *f)
{
	return set_flag(&o->help, s, f);
}

static int set_jail(struct options *o, const struct setting *s, struct failure *f)
{
	int mode = find_word(s, jail_mode_names, JAIL_MODES);

	if (mode < 0)
		return reject(s, f, "not a kind of jail", "The kinds are veth and none");
	o->jail = (enum jail_mode)mode;
	return 0;
}

static int set_log_level(struct options *o, const struct setting *s, struct failure *f)
{
	static const char *const names[AUDIT_LEVELS] = {
		[AUDIT_ERROR] = "error",
		[AUDIT_WARN] = "warn",
		[AUDIT_INFO] = "info",
		[AUDIT_DEBUG] = "debug",
	};
	int level = find_word(s, names, AUDIT_LEVELS);

	if (level < 0)
		return reject(s, f, "not a level", "The levels are error, warn, info and debug");
	o->log_level = (enum audit_level)level;
	o->log_level_given = true;
	return 0;
}

static int set_no_userns(struct options *o, const struct setting *s, struct failure *f)
{
	return set_flag(&o->no_userns, s, f);
}

static int set_observe(struct options *o, const struct setting *s, struct failure *f)
{
	return set_flag(&o->observe, s, f);
}

/* The value ends with a NUL: it is the end of an argument or of a variable. */
static int set_policy(struct options *o, const struct setting *s, struct failure *f)
{
	(void)f;
	o->policy_file = s->value.at;
	return 0;
}

static int set_print_plan(struct options *o, const struct setting *s, struct failure *f)
{
	return set_flag(&o->print_plan, s, f);
}

/* An address and its colon, if there are any: 10.0.0.1: or [::1]: . */
static bool take_publish_address(struct cursor *c, struct address *a)
{
	struct cursor ahead = *c;
	struct span text;

	if (cursor_take_char(&ahead, '[')) {
		text = cursor_take_until(&ahead, ']');
		if (!cursor_take_char(&ahead, ':'))
			return false;
	} else if (span_has(cursor_rest(&ahead), '.')) {
		text = cursor_take_until(&ahead, ':');
	} else {
		return true;
	}
	*c = ahead;
	return address_parse(text, a);
}

static bool is_loopback(const struct address *a)
{
	static const uint8_t loopback6[16] = { [15] = 1 };

	return (a->family == AF_INET && a->bytes[0] == 127) ||
	       (a->family == AF_INET6 && memcmp(a->bytes, loopback6, sizeof(loopback6)) == 0);
}

static int set_publish(struct options *o, const struct setting *s, struct failure *f)
{
	struct publish p = { .protocol = IPPROTO_TCP };
	struct cursor whole = cursor_over(s->value);
	struct cursor c = cursor_over(cursor_take_until(&whole, '/'));
	struct span protocol = cursor_rest(&whole);
	bool good = take_publish_address(&c, &p.at) && cursor_take_port(&c, &p.port);

	p.to = p.port;
	if (good && cursor_take_char(&c, ':'))
		good = cursor_take_port(&c, &p.to);
	if (span_is(protocol, "udp"))
		p.protocol = IPPROTO_UDP;
	else if (c.end != s->value.at + s->value.length && !span_is(protocol, "tcp"))
		good = false;
	if (!good || !cursor_done(&c))
		return reject(
			s, f, "not a port to publish",
			"Write [IP:]PORT[:PORT][/tcp|/udp], like 8080, 80:8080 or [2001:db8::1]:53:53/udp");
	if (is_loopback(&p.at))
		return reject(s, f, "the loopback addresses stay the container's own",
			      "Leave the address away, or name one that others reach");
	if (o->publish_count == PUBLISH_MAX)
		return reject(s, f, "more than 32 published ports",
			      "Publish fewer, or let one server stand before the others");
	o->publish[o->publish_count++] = p;
	return 0;
}

static int set_test(struct options *o, const struct setting *s, struct failure *f)
{
	(void)f;
	o->test_method = s->value;
	return 0;
}

static int set_upstream_proxy(struct options *o, const struct setting *s, struct failure *f)
{
	struct address address;
	struct url u;

	if (!url_split(s->value, &u) || !span_is(u.scheme, "http") || u.has_user ||
	    u.path.length > 1 || u.path.at + u.path.length != s->value.at + s->value.length ||
	    (!url_has_name(&u) && !address_parse(u.host, &address)))
		return reject(s, f, "not a proxy",
			      "Write it like http://proxy.example.com:3128, without a user or a "
			      "path; https:// to a proxy is not possible");
	o->proxy.host = u.host;
	o->proxy.port = u.port ? u.port : 80;
	return 0;
}

static int set_user(struct options *o, const struct setting *s, struct failure *f)
{
	(void)f;
	o->user = s->value;
	return 0;
}

static int set_version(struct options *o, const struct setting *s, struct failure *f)
{
	return set_flag(&o->version, s, f);
}

/* ---- the table ---- */

struct option {
	const char *name;
	const char *value; /* what it takes, for --help; NULL for a flag */
	const char *help;
	int (*set)(struct options *, const struct setting *, struct failure *);
	bool repeatable; /* in the environment: one value a line */
	bool command_line_only;
};

static const struct option table[] = {
	{ .name = "agent-caps",
	  .value = "NAME,...",
	  .set = set_agent_caps,
	  .help = "capabilities that the agent keeps in its user namespace, over files too" },
	{ .name = "allow",
	  .value = "RULE",
	  .set = set_allow,
	  .repeatable = true,
	  .help = "what the agent may reach: domain=NAME [port=N] [method=M] [path=/P], or "
		  "cidr=ADDRESS[/LEN] [proto=P] [port=N]" },
	{ .name = "audit",
	  .value = "WHERE",
	  .set = set_audit,
	  .help = "write what happens as JSON lines: to stderr, a FILE, fd:N or unix:PATH" },
	{ .name = "deny",
	  .value = "RULE",
	  .set = set_deny,
	  .repeatable = true,
	  .help = "what it may not reach, whatever else allows it; rules as for --allow" },
	{ .name = "grace",
	  .value = "SECONDS",
	  .set = set_grace,
	  .help = "time between TERM and KILL when the container is stopped (5)" },
	{ .name = "help", .set = set_help, .command_line_only = true, .help = "print this" },
	{ .name = "jail",
	  .value = "MODE",
	  .set = set_jail,
	  .help = "veth: own network namespace behind a veth pair; none: init only (veth)" },
	{ .name = "log-level",
	  .value = "LEVEL",
	  .set = set_log_level,
	  .help = "how much is written: error, warn (what was denied), info (all), debug" },
	{ .name = "no-userns",
	  .set = set_no_userns,
	  .help = "make the jail without a user namespace; needs CAP_SYS_ADMIN" },
	{ .name = "observe",
	  .set = set_observe,
	  .help = "let everything through, and print at the end the rules that would allow it" },
	{ .name = "policy",
	  .value = "FILE",
	  .set = set_policy,
	  .help = "read lines \"allow RULE\" and \"deny RULE\", again when the file changes" },
	{ .name = "print-plan",
	  .set = set_print_plan,
	  .help = "print what would be done, do nothing" },
	{ .name = "publish",
	  .value = "[IP:]PORT[:PORT]",
	  .set = set_publish,
	  .repeatable = true,
	  .help = "make a server in the jail reachable at the container's address" },
	{ .name = "test",
	  .value = "METHOD",
	  .set = set_test,
	  .command_line_only = true,
	  .help = "print what the rules say of a request for the URL that follows, do nothing" },
	{ .name = "upstream-proxy",
	  .value = "URL",
	  .set = set_upstream_proxy,
	  .help = "send what is allowed through the HTTP proxy http://HOST[:PORT]" },
	{ .name = "user",
	  .value = "NAME|UID[:GID]",
	  .set = set_user,
	  .help = "run the agent as this user, by the image's /etc/passwd and /etc/group" },
	{ .name = "version",
	  .set = set_version,
	  .command_line_only = true,
	  .help = "print the version" },
};

#define OPTIONS (sizeof(table) / sizeof(table[0]))
#define NAME_MAX_LENGTH 32

/* BOUNDARY_AGENT_CAPS from agent-caps. */
static void print_environment_name(struct text *t, const struct option *option)
{
	text_printf(t, ENVIRONMENT_PREFIX);
	for (const char *c = option->name; *c; c++) {
		if (*c == '-')
			text_char(t, '_');
		else
			text_char(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[*c - 'a']);
	}
}

/* The value, if `variable` ("NAME=value") is this option's; NULL if not. */
static const char *environment_value(const struct option *option, const char *variable)
{
	char buffer[NAME_MAX_LENGTH];
	struct text name = TEXT_OVER(buffer);

	/* Most variables are not ours; that has to be found out fast, for there may be hundreds. */
	if (option->command_line_only || !string_after(variable, ENVIRONMENT_PREFIX))
		return NULL;
	print_environment_name(&name, option);
	text_char(&name, '=');
	return string_after(variable, name.at);
}

static int set_from_environment(struct options *o, const struct option *option, const char *value,
				struct failure *f)
{
	char buffer[NAME_MAX_LENGTH];
	struct text name = TEXT_OVER(buffer);
	struct cursor lines = cursor_over(span_of(value));

	print_environment_name(&name, option);
	/* An empty variable is as good as none: a deployment cannot always leave one away. */
	while (!cursor_done(&lines)) {
		struct setting s = {
			.from = name.at,
			.value = option->repeatable ? policy_line(cursor_take_until(&lines, '\n')) :
						      cursor_take_until(&lines, '\0'),
		};

		if (s.value.length > 0 && option->set(o, &s, f) < 0)
			return -1;
	}
	return 0;
}

static int parse_environment(struct options *o, char **envp, struct failure *f)
{
	for (; *envp; envp++) {
		for (unsigned int i = 0; i < OPTIONS; i++) {
			const char *value = environment_value(&table[i], *envp);

			if (value && set_from_environment(o, &table[i], value, f) < 0)
				return -1;
		}
	}
	return 0;
}

static const struct option *option_by_name(struct span name)
{
	for (unsigned int i = 0; i < OPTIONS; i++)
		if (span_is(name, table[i].name))
			return &table[i];
	return NULL;
}

/* One option at argv[0], which starts with "--". Returns how many arguments it took, or -1. */
static int parse_argument(struct options *o, char **argv, struct failure *f)
{
	char buffer[NAME_MAX_LENGTH];
	struct text from = TEXT_OVER(buffer);
	struct cursor c = cursor_over(span_of(argv[0] + 2));
	struct span name = cursor_take_until(&c, '=');
	const struct option *option = option_by_name(name);
	bool joined = argv[0][2 + name.length] == '=';
	struct setting s = { .from = buffer, .value = cursor_rest(&c) };

	if (!option)
		return reject(&(struct setting){ "option", span_of(argv[0]) }, f, "unknown",
			      SEE_HELP);
	text_printf(&from, "--%s", option->name);
	if (!option->value) {
		if (joined)
			return reject(&s, f, "takes no value", SEE_HELP);
		s.value = span_of("yes");
		return option->set(o, &s, f) < 0 ? -1 : 1;
	}
	if (!joined) {
		if (!argv[1])
			return fail(f, STAGE, SEE_HELP, "%s: its value is missing", from.at);
		s.value = span_of(argv[1]);
	}
	if (s.value.length == 0)
		return reject(&s, f, "empty", SEE_HELP);
	return option->set(o, &s, f) < 0 ? -1 : joined ? 1 : 2;
}

int options_parse(struct options *o, char **argv, char **envp, struct failure *f)
{
	o->jail = JAIL_VETH;
	o->grace = 5000;
	if (parse_environment(o, envp, f) < 0)
		return -1;
	if (*argv)
		argv++;
	while (*argv && (*argv)[0] == '-' && (*argv)[1] == '-' && (*argv)[2]) {
		int taken = parse_argument(o, argv, f);

		if (taken < 0)
			return -1;
		argv += taken;
	}
	if (*argv && strcmp(*argv, "--") == 0)
		argv++;
	else if (*argv && (*argv)[0] == '-')
		return reject(&(struct setting){ "option", span_of(*argv) }, f, "unknown",
			      SEE_HELP);
	o->program = argv;
	return 0;
}

void options_clear_environment(char **envp)
{
	char **kept = envp;

	for (; *envp; envp++) {
		bool ours = false;

		for (unsigned int i = 0; i < OPTIONS && !ours; i++)
			ours = environment_value(&table[i], *envp) != NULL;
		if (!ours)
			*kept++ = *envp;
	}
	*kept = NULL;
}

void options_print_help(struct text *t)
{
	text_printf(
		t,
		"Usage: boundary-init [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
		"       boundary-init [OPTION]... --test=METHOD URL\n"
		"Runs PROGRAM as the agent of a container, with its network bounded by rules.\n\n");
	for (unsigned int i = 0; i < OPTIONS; i++) {
		char buffer[64];
		struct text left = TEXT_OVER(buffer);

		text_printf(&left, "--%s%s%s", table[i].name, table[i].value ? "=" : "",
			    table[i].value ? table[i].value : "");
		text_printf(t, "  %-28s%s%s\n", left.at, table[i].help,
			    table[i].repeatable ? " (repeatable)" : "");
	}
	text_printf(
		t,
		"\nAn option --name-of can also be set by the variable BOUNDARY_NAME_OF; the command "
		"line wins,\nand repeatable ones add up (one a line, # starts a comment). No rule: the agent reaches "
		"nothing.\n"
		"Exit: the agent's own code; 128+N if signal N ended it; 127 not found; 126 cannot "
		"be executed;\n125 when boundary-init itself failed, before the agent was started.\n");
}
