/* SPDX-License-Identifier: MIT */
#include "init/options.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "init/rule.h"
#include "init/url.h"
#include "sys/cap_names.h"

#define STAGE "options"
#define SEE_HELP "boundary-init --help lists the options"

const char *const jail_mode_names[JAIL_MODES] = {
	[JAIL_AUTO] = "auto",		[JAIL_VETH] = "veth", [JAIL_LOOPBACK] = "loopback",
	[JAIL_CONTAINER] = "container", [JAIL_NONE] = "none",
};

struct option;

/* A value for an option, and where it came from, "--user" or "BOUNDARY_USER", for messages. */
struct setting {
	const struct option *option;
	struct span from;
	struct span value; /* what is behind a '=' */
	bool joined; /* there is one */
};

struct option {
	const char
		*text; /* for --help: the name of a flag, or name=WHAT-IT-TAKES; NUL; what it is */
	int (*set)(struct options *, const struct setting *, struct failure *);
	const char
		*usual; /* the value where none is joined; flags have "yes"; NULL: it takes one */
	uint16_t field; /* of struct options, where it is one that several set in the same way */
	bool deny; /* rules */
	bool repeatable; /* in the environment: one value a line */
	bool command_line_only;
};

static int reject(const struct setting *s, struct failure *f, const char *cause, const char *remedy)
{
	char buffer[160];

	return fail(f, STAGE, remedy, "%.*s '%s': %s", (int)s->from.length, s->from.at,
		    text_shown(buffer, sizeof(buffer), s->value.at, s->value.length), cause);
}

/* ---- one function for each kind of value ---- */

static void *field_of(struct options *o, const struct setting *s)
{
	return (char *)o + s->option->field;
}

#define ONE_OF "It is one of "

/* The index of the value among the words behind ONE_OF, or -1 with `f` filled. */
static int find_word(const struct setting *s, const char *one_of, struct failure *f)
{
	int word = span_among(s->value, one_of + sizeof(ONE_OF) - 1);

	return word < 0 ? reject(s, f, "unknown", one_of) : word;
}

static int set_flag(struct options *o, const struct setting *s, struct failure *f)
{
	int word = find_word(s, ONE_OF "0,1,false,true,no,yes", f);

	if (word < 0)
		return -1;
	*(bool *)field_of(o, s) = word % 2;
	return 0;
}

static int set_text(struct options *o, const struct setting *s, struct failure *f)
{
	(void)f;
	*(struct span *)field_of(o, s) = s->value;
	return 0;
}

/* The value ends with a NUL: it is the end of an argument or of a variable. */
static int set_policy(struct options *o, const struct setting *s, struct failure *f)
{
	(void)f;
	o->policy_file = s->value.at;
	return 0;
}

static int set_rule(struct options *o, const struct setting *s, struct failure *f)
{
	return policy_add(o->policy, s->value, s->option->deny, f);
}

static int set_agent_caps(struct options *o, const struct setting *s, struct failure *f)
{
	struct cursor c = cursor_over(s->value);
	struct span name;

	o->agent_caps = 0;
	while (cursor_take_item(&c, &name)) {
		int cap = cap_by_name(name);

		if (cap < 0)
			return reject(s, f, "not a list of capabilities",
				      "Write names of capabilities(7) with commas, like net_raw");
		o->agent_caps |= 1ULL << cap;
	}
	return 0;
}

/* Seconds with up to three decimals. */
static int set_grace(struct options *o, const struct setting *s, struct failure *f)
{
	struct cursor c = cursor_over(s->value);
	uint32_t unit = 1000;
	bool good = cursor_take_number(&c, 86400, &o->grace);

	o->grace *= unit;
	if (good && cursor_take_char(&c, '.')) {
		for (; unit > 1 && !cursor_done(&c) && *c.at >= '0' && *c.at <= '9'; c.at++) {
			unit /= 10;
			o->grace += unit * (uint32_t)(*c.at - '0');
		}
		good = unit < 1000;
	}
	if (!good || !cursor_done(&c))
		return reject(s, f, "not a number of seconds",
			      "Write it like 5 or 0.5, up to 86400");
	return 0;
}

static int set_jail(struct options *o, const struct setting *s, struct failure *f)
{
	int mode = find_word(s, ONE_OF "auto,veth,loopback,container,none", f);

	if (mode < 0)
		return -1;
	o->jail = (enum jail_mode)mode;
	return 0;
}

static int set_check(struct options *o, const struct setting *s, struct failure *f)
{
	int format = find_word(s, ONE_OF "table,json", f);

	if (format < 0)
		return -1;
	o->check = format == 0 ? CHECK_TABLE : CHECK_JSON;
	return 0;
}

static int set_log_level(struct options *o, const struct setting *s, struct failure *f)
{
	int level = find_word(s, ONE_OF "error,warn,info,debug", f);

	if (level < 0)
		return -1;
	o->log_level = (enum audit_level)level;
	o->log_level_given = true;
	return 0;
}

/* [IP:]PORT[:PORT][/PROTOCOL] */
static bool parse_publish(struct publish *p, struct span value)
{
	struct cursor c = cursor_over(value), ahead = c;
	struct span host;

	p->protocol = IPPROTO_TCP;
	if (url_take_host(&ahead, &host) && address_parse(host, &p->at))
		c = ahead;
	if (!cursor_take_port(&c, &p->port))
		return false;
	p->to = p->port;
	if (cursor_take_char(&c, ':') && !cursor_take_port(&c, &p->to))
		return false;
	if (!cursor_take_char(&c, '/'))
		return cursor_done(&c);
	p->protocol = protocol_by_name(cursor_rest(&c));
	return p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP;
}

static int set_publish(struct options *o, const struct setting *s, struct failure *f)
{
	struct publish *p = &o->publish[o->publish_count];

	if (o->publish_count == PUBLISH_MAX)
		return reject(s, f, "more than 32 published ports",
			      "Let one server stand before the others");
	if (!parse_publish(p, s->value))
		return reject(
			s, f, "not a port to publish",
			"Write [IP:]PORT[:PORT][/tcp|/udp], like 80:8080 or [2001:db8::1]:53/udp");
	if (address_is_loopback(&p->at))
		return reject(s, f, "loopback addresses stay the container's own",
			      "Leave the address away, or name one that others reach");
	o->publish_count++;
	return 0;
}

/* http://HOST[:PORT][/] */
static int set_upstream_proxy(struct options *o, const struct setting *s, struct failure *f)
{
	struct address address;
	struct url u;

	if (!url_split(s->value, &u) || !span_is(u.scheme, "http") || u.has_user ||
	    u.path.length > 1 || u.path.at + u.path.length != s->value.at + s->value.length ||
	    (!url_has_name(&u) && !address_parse(u.host, &address)))
		return reject(s, f, "not a proxy",
			      "Write http://HOST[:PORT]; https:// to a proxy is not possible");
	o->proxy.host = u.host;
	o->proxy.port = u.port ? u.port : 80;
	return 0;
}

/* ---- the table ---- */

#define FIELD(name) .field = offsetof(struct options, name)

static const struct option table[] = {
	{ .text = "agent-caps=NAME,...\0"
		  "capabilities that the agent keeps in its user namespace",
	  .set = set_agent_caps },
	{ .text = "allow=RULE\0"
		  "what the agent may reach: domain=NAME [port=N] [method=M] [path=/P], or "
		  "cidr=ADDRESS[/LEN] [proto=P] [port=N]",
	  .set = set_rule,
	  .repeatable = true },
	{ .text = "audit=WHERE\0"
		  "write JSON lines of what happens to stderr, a FILE, fd:N or unix:PATH",
	  .set = set_text,
	  FIELD(audit) },
	{ .text = "check[=json]\0"
		  "say which jails are possible here, and what each of the others lacks",
	  .set = set_check,
	  .usual = "table" },
	{ .text = "deny=RULE\0"
		  "what it may not reach, whatever else allows it",
	  .set = set_rule,
	  .deny = true,
	  .repeatable = true },
	{ .text = "grace=SECONDS\0"
		  "time from TERM to KILL when the container is stopped (5)",
	  .set = set_grace },
	{ .text = "help\0"
		  "print this",
	  .set = set_flag,
	  FIELD(help),
	  .command_line_only = true },
	{ .text = "jail=MODE\0"
		  "how it is bounded: auto, veth, loopback, container or none (auto)",
	  .set = set_jail },
	{ .text = "log-level=LEVEL\0"
		  "what is written: error, warn (what was denied), info (all) or debug",
	  .set = set_log_level },
	{ .text = "no-userns\0"
		  "no user namespace for the jail; needs CAP_SYS_ADMIN",
	  .set = set_flag,
	  FIELD(no_userns) },
	{ .text = "observe\0"
		  "let all through, print at the end the rules that would",
	  .set = set_flag,
	  FIELD(observe) },
	{ .text = "policy=FILE\0"
		  "read \"allow RULE\" and \"deny RULE\" lines, again when it changes",
	  .set = set_policy },
	{ .text = "print-plan\0"
		  "print what would be done",
	  .set = set_flag,
	  FIELD(print_plan) },
	{ .text = "publish=[IP:]PORT[:PORT]\0"
		  "a server in the jail, at the container's address",
	  .set = set_publish,
	  .repeatable = true },
	{ .text = "seccomp-profile\0"
		  "add the rule that jails need to a seccomp profile, from standard input to output",
	  .set = set_flag,
	  FIELD(seccomp_profile),
	  .command_line_only = true },
	{ .text = "test=METHOD\0"
		  "print what the rules say of a request for URL",
	  .set = set_text,
	  FIELD(test_method),
	  .command_line_only = true },
	{ .text = "upstream-proxy=URL\0"
		  "send what is allowed through the proxy http://HOST[:PORT]",
	  .set = set_upstream_proxy },
	{ .text = "user=NAME|UID[:GID]\0"
		  "run the agent as this user of the image",
	  .set = set_text,
	  FIELD(user) },
	{ .text = "version\0"
		  "print the version",
	  .set = set_flag,
	  FIELD(version),
	  .command_line_only = true },
};

#define OPTIONS (sizeof(table) / sizeof(table[0]))

/* What is behind the name: "=VALUE" or "". NULL: another name. In capitals, AGENT_CAPS is agent-caps. */
static const char *after_name(const struct option *option, const char *at, bool capitals)
{
	for (const char *c = option->text; *c && *c != '=' && *c != '['; c++, at++) {
		int letter = !capitals ? *c : *c == '-' ? '_' : *c - 'a' + 'A';

		if (*at != letter)
			return NULL;
	}
	return *at == '=' || !*at ? at : NULL;
}

/* The option of an argument, --NAME[=VALUE], or of a variable, BOUNDARY_NAME=VALUE. */
static bool find_option(struct setting *s, const char *text, bool variable)
{
	const char *name = string_after(text, variable ? "BOUNDARY_" : "--");

	for (s->option = table; name && s->option < table + OPTIONS; s->option++) {
		const char *end = after_name(s->option, name, variable);

		if (!end || (variable && (s->option->command_line_only || !*end)))
			continue;
		s->from = (struct span){ .at = text, .length = (size_t)(end - text) };
		s->joined = *end == '=';
		s->value = span_of(end + s->joined);
		return true;
	}
	s->from = span_of("option");
	s->value = span_of(text);
	return false;
}

static int parse_variable(struct options *o, const char *variable, struct failure *f)
{
	struct setting s;
	struct cursor lines;

	if (!find_option(&s, variable, true))
		return 0;
	lines = cursor_over(s.value);
	/* An empty variable is as good as none: a deployment cannot always leave one away. */
	while (!cursor_done(&lines)) {
		s.value = s.option->repeatable ? policy_line(cursor_take_until(&lines, '\n')) :
						 cursor_take_until(&lines, '\0');
		if (s.value.length > 0 && s.option->set(o, &s, f) < 0)
			return -1;
	}
	return 0;
}

/* One option at argv[0]. Returns how many arguments it took, or -1. */
static int parse_argument(struct options *o, char **argv, struct failure *f)
{
	struct setting s;
	int taken = 1;

	if (!find_option(&s, argv[0], false))
		return reject(&s, f, "unknown", SEE_HELP);
	if (s.option->set == set_flag && s.joined)
		return reject(&s, f, "takes no value", SEE_HELP);
	if (s.option->set == set_flag)
		s.value = span_of("yes");
	else if (s.option->usual && !s.joined)
		s.value = span_of(s.option->usual);
	else if (!s.joined) {
		s.value = span_of(argv[1] ? argv[1] : "");
		taken = 2;
	}
	if (s.value.length == 0)
		return reject(&s, f, "it needs a value", SEE_HELP);
	return s.option->set(o, &s, f) < 0 ? -1 : taken;
}

int options_parse(struct options *o, char **argv, char **envp, struct failure *f)
{
	o->grace = 5000;
	for (; *envp; envp++)
		if (parse_variable(o, *envp, f) < 0)
			return -1;
	if (*argv)
		argv++;
	while (*argv && **argv == '-') {
		int taken;

		if (strcmp(*argv, "--") == 0) {
			argv++;
			break;
		}
		taken = parse_argument(o, argv, f);
		if (taken < 0)
			return -1;
		argv += taken;
	}
	o->program = argv;
	return 0;
}

void options_clear_environment(char **envp)
{
	struct setting s;
	char **kept = envp;

	for (; *envp; envp++)
		if (!find_option(&s, *envp, true))
			*kept++ = *envp;
	*kept = NULL;
}

void options_print_help(struct text *t)
{
	text_printf(t, "Usage: boundary-init [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
		       "       boundary-init [OPTION]... --test=METHOD URL\n"
		       "Runs PROGRAM as a container's agent, its network bounded by rules.\n\n");
	for (const struct option *option = table; option < table + OPTIONS; option++)
		text_printf(t, "  --%-26s%s%s\n", option->text,
			    option->text + strlen(option->text) + 1,
			    option->repeatable ? " (repeatable)" : "");
	text_printf(
		t,
		"\n--name-of can be set by the variable BOUNDARY_NAME_OF too; the command line "
		"wins, repeatable\nones add up (one a line, # starts a comment). "
		"Without a rule the agent reaches nothing.\n"
		"Exit: the agent's code; 128+N by signal N; 127 not found; 126 cannot be executed;\n"
		"125 boundary-init failed before.\n");
}
