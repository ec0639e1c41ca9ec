/* SPDX-License-Identifier: MIT */
#include "init/rule.h"

#include <string.h>

/* What the lines so far make of the next one. */
enum form {
	FORM_UNKNOWN,
	FORM_LINES, /* allow RULE, deny RULE */
	FORM_LIST, /* YAML, below allowlist: */
	FORM_OTHER, /* YAML, below a key that is none of ours */
};

struct reader {
	struct policy *policy;
	enum form form;
	bool has_list;
};

static const char the_forms[] = "Write lines like: allow domain=api.example.com; or allowlist: and "
				"below it - \"RULE\"";

struct span policy_line(struct span line)
{
	struct span kept = { .at = line.at };

	for (const char *c = line.at; c < line.at + line.length; c++) {
		if (*c == '#' && (c == line.at || is_blank_or_cr(c[-1])))
			break;
		if (!is_blank_or_cr(*c))
			kept.length = (size_t)(c - kept.at) + 1;
		else if (kept.length == 0)
			kept.at++;
	}
	return kept;
}

/* RULE, "RULE" or 'RULE'. A backslash, which quotes could give a meaning, is in no rule. */
static int read_item(struct policy *p, struct span item, struct fault *fault)
{
	fault->at = item.at;
	if (item.length > 0 && (*item.at == '"' || *item.at == '\'')) {
		struct span inside = { item.at + 1, item.length - 2 };

		if (item.length < 2 || inside.at[inside.length] != *item.at ||
		    span_has(inside, *item.at))
			return -1;
		item = inside;
	}
	return policy_read(p, item, false, fault);
}

/* `line` is not empty; it is indented by some blanks. */
static int read_line(struct reader *r, struct span line, bool indented, struct fault *fault)
{
	enum { ALLOW, DENY, ITEM, ALLOWLIST };
	struct cursor c = cursor_over(line);
	struct span word = cursor_take_word(&c), rest = policy_line(cursor_rest(&c));
	int first = span_among(word, "allow,deny,-,allowlist:");
	bool key = word.at[word.length - 1] == ':';

	if (r->form == FORM_UNKNOWN)
		r->form = key ? FORM_OTHER : FORM_LINES;
	if (r->form == FORM_LINES)
		return first == ALLOW || first == DENY ?
			       policy_read(r->policy, rest, first == DENY, fault) :
			       -1;
	if (indented || *line.at == '-') { /* belongs to the key above */
		if (r->form == FORM_OTHER)
			return 0;
		return first == ITEM ? read_item(r->policy, rest, fault) : -1;
	}
	r->form = FORM_OTHER;
	if (first == ALLOWLIST) {
		r->form = FORM_LIST;
		r->has_list = true;
		fault->at = rest.at;
		if (rest.length > 0 && !span_is(rest, "[]"))
			return -1;
	}
	return key ? 0 : -1;
}

int policy_add_file(struct policy *p, struct span text, const char *name, struct failure *f)
{
	struct reader r = { .policy = p };
	struct cursor c = cursor_over(text);
	struct span raw = text;
	struct fault fault;
	unsigned int number = 0;
	char shown[160];
	int status = 0;

	while (status == 0 && !cursor_done(&c)) {
		struct span line;

		raw = cursor_take_until(&c, '\n');
		number++;
		line = policy_line(raw);
		fault = (struct fault){ line.at, "not understood", the_forms };
		if (span_has(raw, '\0') || (raw.at == text.at && *raw.at == '\xef')) {
			fault.cause = "a NUL byte or a byte order mark";
			status = -1;
		} else if (line.length > 0 && (r.form != FORM_UNKNOWN || !span_is(line, "---"))) {
			status = read_line(&r, line, line.at > raw.at, &fault);
		}
	}
	if (status == 0 && r.form == FORM_OTHER && !r.has_list) {
		fault = (struct fault){ raw.at, "YAML without an allowlist: up to here",
					the_forms };
		status = -1;
	}
	if (status == 0)
		return 0;
	return fail(f, "policy", fault.remedy, "%s, line %u, column %u: %s",
		    text_shown(shown, sizeof(shown), name, strlen(name)), number,
		    (unsigned int)(fault.at - raw.at) + 1, fault.cause);
}
