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
	forget_failure(f);
	return options_parse(&options, argv, envp, f);
}

static void check_options(const struct strings *arguments)
{
	HOLDS(options.jail == JAIL_VETH || options.jail == JAIL_NONE);
	HOLDS(options.grace < 86401 * 1000);
	HOLDS(options.program >= arguments->at);
	HOLDS(options.program <= arguments->at + arguments->count);
	HOLDS(options.policy.count <= POLICY_RULES);
	for (unsigned int i = 0; i < options.policy.count; i++)
		check_rule(&options.policy.rules[i]);
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
	HOLDS(memcmp(&without, &options, sizeof(options)) == 0);
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
		check_options(&arguments);
	else
		check_failure(&failure);
	check_clearing(&variables);
	free_strings(&arguments);
	free_strings(&variables);
	return 0;
}
