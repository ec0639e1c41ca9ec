/* SPDX-License-Identifier: MIT */
/*
 * The command line and the environment. The input is strings with a NUL between them: arguments up
 * to an empty one, variables behind it.
 */
#include "tests/fuzz/rule_properties.h"

#include "init/options.h"

#define STRINGS 200

struct strings {
	char *at[STRINGS + 1];
	unsigned int count;
};

static struct options options; /* too large for a stack */
static struct policy policy;

/* Takes strings up to an empty one, each to a place of its own. */
static void take_strings(struct cursor *c, struct strings *s)
{
	while (!cursor_done(c) && s->count < STRINGS) {
		struct span string = cursor_take_until(c, '\0');
		char *copy;

		if (string.length == 0)
			break;
		copy = malloc(string.length + 1);
		HOLDS(copy);
		memcpy(copy, string.at, string.length);
		copy[string.length] = '\0';
		s->at[s->count++] = copy;
	}
	s->at[s->count] = NULL;
}

static void free_strings(const struct strings *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		free(s->at[i]);
}

static int parse(char **argv, char **envp, struct failure *f)
{
	memset(&options, 0, sizeof(options));
	options.policy = &policy;
	policy.count = 0;
	forget_failure(f);
	return options_parse(&options, argv, envp, f);
}

/* A string of the command line or of the environment: it ends where theirs ends. */
static bool is_end_of_one(const char *string, const struct strings *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (string >= s->at[i] && string <= s->at[i] + strlen(s->at[i]))
			return true;
	return false;
}

static void check_proxy(void)
{
	struct span host = options.proxy.host;
	struct address address;

	HOLDS((host.length == 0) == (options.proxy.port == 0));
	if (host.length == 0)
		return;
	HOLDS(!span_has(host, '@') && !span_has(host, '*') && !span_has(host, '/'));
	HOLDS(!span_has(host, ':') || address_parse(host, &address));
}

static void check_options(const struct strings *arguments, const struct strings *variables)
{
	HOLDS((unsigned int)options.jail < JAIL_MODES);
	HOLDS(options.check == CHECK_NOT || options.check == CHECK_TABLE ||
	      options.check == CHECK_JSON);
	HOLDS(options.grace < 86401 * 1000);
	HOLDS(options.program >= arguments->at);
	HOLDS(options.program <= arguments->at + arguments->count);
	HOLDS(options.policy == &policy && policy.count <= POLICY_RULES);
	for (unsigned int i = 0; i < policy.count; i++)
		check_rule(&policy.rules[i]);
	HOLDS(!options.policy_file || is_end_of_one(options.policy_file, arguments) ||
	      is_end_of_one(options.policy_file, variables));
	HOLDS(!options.policy_file || options.policy_file[0]);
	HOLDS(options.log_level < AUDIT_LEVELS);
	HOLDS(options.log_level == 0 || options.log_level_given);
	check_proxy();
	HOLDS(options.publish_count <= PUBLISH_MAX);
	for (unsigned int i = 0; i < options.publish_count; i++) {
		const struct publish *p = &options.publish[i];

		HOLDS(p->port > 0 && p->to > 0);
		HOLDS(p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP);
		HOLDS(p->at.family == 0 || p->at.family == AF_INET || p->at.family == AF_INET6);
	}
}

/* What is left of the environment says nothing to us, and no foreign variable is gone. */
static void check_clearing(const struct strings *variables)
{
	char *left[STRINGS + 1], *none[] = { NULL };
	struct options without;
	struct failure failure;
	unsigned int k = 0;

	memcpy(left, variables->at, sizeof(left));
	options_clear_environment(left);
	HOLDS(parse(none, none, &failure) == 0);
	memcpy(&without, &options, sizeof(options));
	HOLDS(parse(none, left, &failure) == 0);
	HOLDS(memcmp(&without, &options, sizeof(options)) == 0 && policy.count == 0);
	for (unsigned int i = 0; i < variables->count; i++) {
		if (left[k] == variables->at[i])
			k++;
		else
			HOLDS(strncmp(variables->at[i], "BOUNDARY_", 9) == 0);
	}
	HOLDS(!left[k]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over((struct span){ .at = (const char *)data, .length = size });
	struct strings arguments = { .count = 0 }, variables = { .count = 0 };
	struct failure failure;

	take_strings(&c, &arguments);
	take_strings(&c, &variables);
	if (parse(arguments.at, variables.at, &failure) == 0)
		check_options(&arguments, &variables);
	else
		check_failure(&failure);
	check_clearing(&variables);
	free_strings(&arguments);
	free_strings(&variables);
	return 0;
}
