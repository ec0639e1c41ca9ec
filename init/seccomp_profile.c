/* SPDX-License-Identifier: MIT */
#include "init/seccomp_profile.h"

#include <stdint.h>

/* Profiles have six. It bounds the recursion. */
enum { DEPTH_MAX = 32 };

/*
 * The words that have a meaning in a profile, and the places in it: what stands behind a member's name is at the
 * place that is called like the member.
 */
enum {
	/* two pairs: a profile has one of the first, an entry of syscalls one of the second */
	ARCH_MAP,
	ARCHITECTURES,
	NAME,
	NAMES,
	/* members of a profile, of an entry of syscalls, of an entry's argument */
	SYSCALLS,
	ACTION,
	ARGS,
	INCLUDES,
	EXCLUDES,
	VALUE,
	VALUE_TWO,
	/* values */
	S390,
	S390X,
	CLONE,
	ALLOW,
	MASK,
	FLAGS,
	WORDS,
	/* places without a word */
	ENTRY = WORDS,
	ARG,
	ARCHITECTURE,
	PROFILE,
	PLACES,
	/* what is no word: an architecture that is neither of the two, our rule in an entry */
	OTHER = WORDS,
	RULE,
};

#define OUR_MASK "2114060288" /* 0x7e020000: every CLONE_NEW* that clone(2) takes */
#define OUR_FLAGS "1342177280" /* CLONE_NEWUSER | CLONE_NEWNET */

static const char words[] =
	"archMap,architectures,name,names,"
	"syscalls,action,args,includes,excludes,value,valueTwo,"
	"SCMP_ARCH_S390,SCMP_ARCH_S390X,clone,SCMP_ACT_ALLOW," OUR_MASK "," OUR_FLAGS;

static const struct {
	uint8_t at; /* the place where the word has its meaning */
	char kind; /* what stands at the place: its first byte, '0' for every number */
	uint8_t items; /* the place of an array's items */
} places[PLACES] = {
	[ARCH_MAP] = { PROFILE, '[', PLACES },
	[ARCHITECTURES] = { PROFILE, '[', ARCHITECTURE },
	[NAME] = { ENTRY, '"', 0 },
	[NAMES] = { ENTRY, '[', NAME },
	[SYSCALLS] = { PROFILE, '[', ENTRY },
	[ACTION] = { ENTRY, '"', 0 },
	[ARGS] = { ENTRY, '[', ARG },
	[INCLUDES] = { ENTRY, '{', 0 },
	[EXCLUDES] = { ENTRY, '{', 0 },
	[VALUE] = { ARG, '0', 0 },
	[VALUE_TWO] = { ARG, '0', 0 },
	[S390] = { .at = ARCHITECTURE },
	[S390X] = { .at = ARCHITECTURE },
	[CLONE] = { .at = NAME },
	[ALLOW] = { .at = ACTION },
	[MASK] = { .at = VALUE },
	[FLAGS] = { .at = VALUE_TWO },
	[ENTRY] = { .kind = '{' },
	[ARG] = { .kind = '{' },
	[ARCHITECTURE] = { .kind = '"' },
	[PROFILE] = { .kind = '{' },
};

/* Sets of words. */
#define SET(word) (1U << (word))
#define CONDITIONS (SET(INCLUDES) | SET(EXCLUDES))
#define ON_S390 (SET(S390) | SET(S390X))
#define OF_ARG (SET(VALUE) | SET(VALUE_TWO) | SET(MASK) | SET(FLAGS))
#define OF_ENTRY                                                                                   \
	(SET(NAME) | SET(NAMES) | SET(ACTION) | SET(ARGS) | CONDITIONS | SET(CLONE) | SET(ALLOW) | \
	 SET(RULE))

struct reader {
	struct cursor c; /* at its end after a fault: whoever reads on finds nothing */
	const char *fault, *cause; /* where, and what; NULL: none so far */
	const char *last; /* behind the last entry, or where the first one is to be */
	unsigned int depth;
	uint32_t seen; /* words of the profile so far; of entries and arguments the current one's */
	uint32_t ever; /* words of all entries */
};

static void refuse(struct reader *r, const char *at, const char *cause)
{
	if (!r->cause) {
		r->fault = at;
		r->cause = cause;
	}
	r->c.at = r->c.end;
}

static void refuse_here(struct reader *r)
{
	refuse(r, r->c.at, cursor_done(&r->c) ? "it ends too early" : "not JSON in UTF-8");
}

/* ---- tokens */

static char next(const struct reader *r)
{
	return cursor_done(&r->c) ? '\0' : *r->c.at;
}

static bool take(struct reader *r, char wanted)
{
	return cursor_take_char(&r->c, wanted);
}

static void skip(struct reader *r, char from, char to)
{
	while (next(r) >= from && next(r) <= to)
		r->c.at++;
}

static void skip_space(struct reader *r)
{
	while (take(r, ' ') || take(r, '\t') || take(r, '\r') || take(r, '\n'))
		;
}

static void take_digits(struct reader *r)
{
	if (next(r) < '0' || next(r) > '9')
		refuse_here(r);
	skip(r, '0', '9');
}

static void take_number(struct reader *r)
{
	take(r, '-');
	if (!take(r, '0'))
		take_digits(r);
	if (take(r, '.'))
		take_digits(r);
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+'))
			take(r, '-');
		take_digits(r);
	}
}

/* A character of a string. Beyond ASCII (RFC 3629): in its shortest form, no surrogate, at most U+10FFFF. */
static bool take_character(struct reader *r)
{
	unsigned char lead = (unsigned char)next(r);
	unsigned int more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	uint32_t character = lead & (0x3fU >> more);

	if (lead < ' ' || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4)
		return false;
	r->c.at++;
	if (lead == '\\') {
		lead = (unsigned char)next(r);
		if (!span_has(span_of("u\"\\/bfnrt"), (char)lead))
			return false;
		r->c.at++;
		for (more = lead == 'u' ? 4 : 0; more > 0; more--, r->c.at++)
			if (hex_value(next(r)) < 0)
				return false;
		return true;
	}
	if (lead < 0x80)
		return true;
	for (unsigned int i = more; i > 0; i--, r->c.at++) {
		if ((next(r) & 0xc0) != 0x80)
			return false;
		character = character << 6 | (*r->c.at & 0x3f);
	}
	return more == 1 || (more == 2 ? character >> 11 != 0 && character >> 11 != 0x1b :
					 character >> 16 != 0 && character >> 16 <= 0x10);
}

/* A string without its quotes; a number or a word as it stands. */
static struct span take_scalar(struct reader *r, char kind)
{
	struct span text = { .at = r->c.at };

	if (kind == '"') {
		text.at++;
		r->c.at++;
		while (next(r) != '"' && !r->cause)
			if (!take_character(r))
				refuse_here(r);
	} else if (kind == '0') {
		take_number(r);
	} else {
		skip(r, 'a', 'z');
	}
	text.length = (size_t)(r->c.at - text.at);
	if (kind == '"')
		take(r, '"');
	else if (kind != '0' && span_among(text, "true,false,null") < 0)
		refuse_here(r);
	return text;
}

/* ---- what they mean */

/* The word that `text` is there; WORDS if it is none. */
static unsigned int look_up(struct reader *r, struct span text, unsigned int place)
{
	int word = span_among(text, words);

	if (place >= PLACES)
		return WORDS;
	if (span_has(text, '\\'))
		refuse(r, text.at, "an escape, where none is needed");
	return word >= 0 && places[word].at == place ? (unsigned int)word : WORDS;
}

/* "name": */
static unsigned int take_member(struct reader *r, unsigned int place)
{
	const char *start = r->c.at;
	unsigned int word;

	if (next(r) != '"') {
		refuse_here(r);
		return PLACES;
	}
	word = look_up(r, take_scalar(r, '"'), place);
	skip_space(r);
	if (!take(r, ':'))
		refuse_here(r);
	if (word == WORDS)
		return PLACES;
	if (r->seen & (word <= NAMES ? 3U << (word & 2) : SET(word)))
		refuse(r, start, "a second one, or another form of it");
	r->seen |= SET(word);
	return word;
}

static void finish(struct reader *r, unsigned int place, const char *start)
{
	if (place == ARG && r->seen & SET(MASK) && r->seen & SET(FLAGS))
		r->seen |= SET(RULE);
	if (place == ENTRY) {
		if (!(r->seen & SET(CLONE)))
			r->seen &= ~SET(RULE);
		else if (!(r->seen & SET(ALLOW)))
			refuse(r, start, "for clone, but not SCMP_ACT_ALLOW");
		r->ever |= r->seen;
	}
	if (place == ARCHITECTURES && r->seen & ON_S390 && r->seen & SET(OTHER))
		refuse(r, start,
		       "s390, where clone has other arguments, needs a profile of its own");
	if (place == PROFILE && !(r->seen & SET(SYSCALLS)))
		refuse(r, start, "no \"syscalls\"");
}

static void take_value(struct reader *r, unsigned int place);

/* An object or an array; the braces of both are two characters apart. */
static void take_container(struct reader *r, unsigned int place)
{
	const char *start = r->c.at++;
	unsigned int inside = place < PLACES ? places[place].items : PLACES;
	bool more;

	if (++r->depth > DEPTH_MAX)
		refuse(r, start, "nested too deeply");
	if (place == ENTRY)
		r->seen &= ~OF_ENTRY;
	if (place == ARG)
		r->seen &= ~OF_ARG;
	if (place == SYSCALLS)
		r->last = r->c.at;
	skip_space(r);
	for (more = next(r) != *start + 2; more; more = take(r, ',')) {
		skip_space(r);
		if (*start == '{')
			inside = take_member(r, place);
		skip_space(r);
		take_value(r, inside);
		if (place == SYSCALLS)
			r->last = r->c.at;
		skip_space(r);
	}
	r->depth--;
	if (!take(r, (char)(*start + 2)))
		refuse_here(r);
	finish(r, place, start);
}

static void take_value(struct reader *r, unsigned int place)
{
	char kind = next(r);
	unsigned int word;

	if (kind == '-' || (kind >= '0' && kind <= '9'))
		kind = '0';
	if (!span_has(span_of("{[\"0tfn"), kind)) {
		refuse_here(r);
		return;
	}
	if (place < PLACES && kind != places[place].kind) {
		/* null is as good as nothing, but for what the rule belongs to */
		if (kind != 'n' || place >= WORDS || place == SYSCALLS) {
			refuse(r, r->c.at, "another kind of value belongs here");
			return;
		}
		place = PLACES;
	}
	if (kind == '{' || kind == '[') {
		take_container(r, place);
		return;
	}
	word = look_up(r, take_scalar(r, kind), place);
	if (word < WORDS || place == ARCHITECTURE)
		r->seen |= SET(word);
}

static void take_profile(struct reader *r)
{
	if (next(r) == '\xef')
		refuse(r, r->c.at, "a byte order mark");
	skip_space(r);
	take_value(r, PROFILE);
	skip_space(r);
	if (!cursor_done(&r->c))
		refuse(r, r->c.at, "more than one profile");
}

/* ---- what is written */

/* `when` is empty, or begins what follows the arguments. */
static void put_rule(struct text *t, const struct reader *r, bool more, unsigned int argument,
		     const char *when)
{
	bool old = r->ever & SET(NAME) && !(r->ever & SET(NAMES));

	text_printf(t,
		    "%s\n"
		    "\t\t{\n"
		    "\t\t\t%s,\n"
		    "\t\t\t\"action\": \"SCMP_ACT_ALLOW\",\n"
		    "\t\t\t\"args\": [\n"
		    "\t\t\t\t{\n"
		    "\t\t\t\t\t\"index\": %u,\n"
		    "\t\t\t\t\t\"value\": " OUR_MASK ",\n"
		    "\t\t\t\t\t\"valueTwo\": " OUR_FLAGS ",\n"
		    "\t\t\t\t\t\"op\": \"SCMP_CMP_MASKED_EQ\"\n"
		    "\t\t\t\t}\n"
		    "\t\t\t]",
		    more ? "," : "",
		    old ? "\"name\": \"clone\"" : "\"names\": [\n\t\t\t\t\"clone\"\n\t\t\t]",
		    argument);
	if (*when)
		text_printf(t,
			    ",\n"
			    "\t\t\t\"%scludes\": {\n"
			    "\t\t\t\t\"arches\": [\n"
			    "\t\t\t\t\t\"s390\",\n"
			    "\t\t\t\t\t\"s390x\"\n"
			    "\t\t\t\t]\n"
			    "\t\t\t}",
			    when);
	text_printf(t, "\n\t\t}");
}

static void put_rules(struct text *t, const struct reader *r)
{
	const bool more = r->last[-1] != '[';

	if (r->seen & (ON_S390 | SET(OTHER))) {
		put_rule(t, r, more, r->seen & ON_S390 ? 1 : 0, "");
	} else {
		put_rule(t, r, more, 0, "ex");
		if (r->seen & SET(ARCH_MAP) || r->ever & CONDITIONS)
			put_rule(t, r, true, 1, "in");
	}
	if (!more)
		text_printf(t, "\n\t");
}

static int fail_at(const char *start, const struct reader *r, struct failure *f)
{
	unsigned int line = 1, column = 1;

	for (; start < r->fault; start++) {
		column++;
		if (*start == '\n') {
			line++;
			column = 1;
		}
	}
	return fail(f, "profile",
		    "Take Moby's: seccomp/default.json of https://github.com/moby/profiles",
		    "standard input, line %u, column %u: %s", line, column, r->cause);
}

int seccomp_profile_add_rule(struct span profile, struct text *t, struct failure *f)
{
	struct reader r = { .c = cursor_over(profile) };

	take_profile(&r);
	if (!r.cause) {
		text_bytes(t, profile.at, (size_t)(r.last - profile.at));
		if (!(r.ever & SET(RULE)))
			put_rules(t, &r);
		text_bytes(t, r.last, (size_t)(r.c.end - r.last));
		if (t->cut)
			refuse(&r, r.last, "no room for more");
	}
	return r.cause ? fail_at(profile.at, &r, f) : 0;
}
