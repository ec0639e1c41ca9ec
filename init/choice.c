/* SPDX-License-Identifier: MIT */
#include "init/choice.h"

#include <string.h>

/*
 * Best first. Nearly all is to be had by name in each; by address at the kernel's speed where there is a wire,
 * UDP and ICMP there and in the container. An agent that sees itself as nobody is better than no agent.
 */
static const struct {
	enum jail_mode mode;
	bool any_ids;
} candidates[CANDIDATES] = {
	{ JAIL_VETH, false },
	{ JAIL_LOOPBACK, false },
	{ JAIL_CONTAINER, false },
	{ JAIL_LOOPBACK, true },
};

/* The same as the one before it, unless it makes a difference. */
static bool is_repeated(const struct plan *p, unsigned int candidate)
{
	return candidates[candidate].any_ids && !p->unmapped;
}

/* The cause alone, where the object is the mode that the reader knows from the context. */
static const char *cause_of(const struct failure *why)
{
	const char *mode = string_after(why->what, "jail "),
		   *colon = mode ? strchr(mode, ':') : NULL;

	return colon ? colon + 2 : why->what;
}

/* "veth, container: CAUSE; loopback: CAUSE" */
static void print_causes(const struct choice *c, enum jail_mode but, struct text *t)
{
	unsigned int told = 0;
	const char *separator = "";

	/* An agent without a number is told of by itself. */
	for (unsigned int i = 0; i < CANDIDATES - 1; i++) {
		const char *cause = cause_of(&c->refused[i]);

		if (!c->refused[i].stage || told >> i & 1 || candidates[i].mode == but)
			continue;
		text_printf(t, "%s", separator);
		separator = "";
		for (unsigned int k = i; k < CANDIDATES - 1; k++) {
			if (!c->refused[k].stage || candidates[k].mode == but ||
			    strcmp(cause_of(&c->refused[k]), cause) != 0)
				continue;
			told |= 1U << k;
			text_printf(t, "%s%s", separator, jail_mode_names[candidates[k].mode]);
			separator = ", ";
		}
		text_printf(t, ": %s", cause);
		separator = "; ";
	}
}

/* What takes least: a capability, or the profile where an agent that is not root could not use it. */
static const char *remedy(const struct choice *c, const struct facts *facts)
{
	bool by_profile = facts->uid != 0 && facts->no_clone.stage;

	return c->refused[by_profile ? 1 : 2].remedy;
}

int choice_plan(struct choice *c, struct plan *p, const struct options *o,
		const struct facts *facts, const struct account *account, struct failure *f)
{
	char buffer[sizeof(f->what) - 32];
	struct text causes = TEXT_OVER(buffer);

	if (o->jail == JAIL_NONE)
		return plan_build(p, JAIL_NONE, false, o, facts, account, f);
	for (; c->next < CANDIDATES; c->next++) {
		struct failure *why = &c->refused[c->next];
		enum jail_mode mode = candidates[c->next].mode;
		int error;

		if (o->jail != JAIL_AUTO && o->jail != mode)
			continue;
		error = plan_build(p, mode, candidates[c->next].any_ids, o, facts, account, why);
		if (is_repeated(p, c->next)) {
			why->stage = NULL;
			continue;
		}
		if (!error) {
			c->next++;
			return 0;
		}
		*f = *why;
	}
	if (o->jail != JAIL_AUTO)
		return -1;
	print_causes(c, JAIL_MODES, &causes);
	return fail(f, "jail", remedy(c, facts), "no mode is possible here: %s", causes.at);
}

void choice_refuse(struct choice *c, const struct failure *why)
{
	c->refused[c->next - 1] = *why;
}

void choice_print(const struct choice *c, const struct plan *p, struct text *t)
{
	text_printf(t, "%s; not ", jail_mode_names[p->mode]);
	print_causes(c, p->mode, t);
}
