/* SPDX-License-Identifier: MIT */
#include "init/seccomp_profile.h"

#include <stdint.h>

/* Profiles have six. It bounds the recursion. */
enum { DEPTH_MAX = 32 };

/*
 * The words that have a meaning in a profile, and the places in it: what stands behind a member's name is at
 * the place that is called like the member.
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
	/* places without a word; the last three are objects */
	ARCHITECTURE = WORDS,
	ENTRY,
	ARG,
	PROFILE,
	ELSEWHERE,
	/* what is no word: an architecture that is neither of the two, our rule in an entry */
	OTHER = ELSEWHERE,
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
	uint8_t items; /* the place of what is in an array there */
} places[] = {
	[ARCH_MAP] = { PROFILE, ELSEWHERE },
	[ARCHITECTURES] = { PROFILE, ARCHITECTURE },
	[NAME] = { ENTRY, ELSEWHERE },
	[NAMES] = { ENTRY, NAME },
	[SYSCALLS] = { PROFILE, ENTRY },
	[ACTION] = { ENTRY, ELSEWHERE },
	[ARGS] = { ENTRY, ARG },
	[INCLUDES] = { ENTRY, ELSEWHERE },
	[EXCLUDES] = { ENTRY, ELSEWHERE },
	[VALUE] = { ARG, ELSEWHERE },
	[VALUE_TWO] = { ARG, ELSEWHERE },
	[S390] = { .at = ARCHITECTURE },
	[S390X] = { .at = ARCHITECTURE },
	[CLONE] = { .at = NAME },
	[ALLOW] = { .at = ACTION },
	[MASK] = { .at = VALUE },
	[FLAGS] = { .at = VALUE_TWO },
	[ARCHITECTURE] = { .items = ELSEWHERE },
	[ENTRY] = { .items = ELSEWHERE },
	[ARG] = { .items = ELSEWHERE },
	[PROFILE] = { .items = ELSEWHERE },
	[ELSEWHERE] = { .items = ELSEWHERE },
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
	refuse(r, r->c.at, cursor_done(&r->c) ? "it ends too early" : "not JSON");
}

/* ---- tokens */

static char next(const struct reader *r)
{
	if (cursor_done(&r->c))
		return '\0';
	return *r->c.at;
}

static bool take(struct reader *r, char wanted)
{
	return cursor_take_char(&r->c, wanted);
}

/* At least one of these. */
static bool take_some(struct reader *r, const char *these)
{
	const char *start = r->c.at;

	while (span_has(span_of(these), next(r)))
		r->c.at++;
	return r->c.at > start;
}

/* A character of JSON's own, and the white space before it. */
static bool take_mark(struct reader *r, char wanted)
{
	take_some(r, " \t\r\n");
	return take(r, wanted);
}

static void take_digits(struct reader *r)
{
	if (!take_some(r, "0123456789"))
		refuse_here(r);
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

/* What follows the first quote, without the second one. Nothing depends on what is beyond ASCII. */
static struct span take_string(struct reader *r)
{
	struct span text = { .at = r->c.at };

	while (next(r) != '"' && !r->cause) {
		bool escape = take(r, '\\');
		char c = next(r);

		if (escape ? !span_has(span_of("u\"\\/bfnrt"), c) : (unsigned char)c < ' ')
			refuse_here(r);
		else
			r->c.at++;
		for (unsigned int digits = escape && c == 'u' ? 4 : 0; digits > 0; digits--) {
			if (hex_value(next(r)) < 0)
				refuse_here(r);
			else
				r->c.at++;
		}
	}
	text.length = (size_t)(r->c.at - text.at);
	take(r, '"');
	return text;
}

/* A number, or a word without quotes. */
static struct span take_bare(struct reader *r)
{
	struct span text = { .at = r->c.at };
	bool word = next(r) >= 'a';

	if (word)
		take_some(r, "aeflnrstu");
	else
		take_number(r);
	text.length = (size_t)(r->c.at - text.at);
	if (word && span_among(text, "true,false,null") < 0)
		refuse_here(r);
	return text;
}

/* ---- what they mean */

/* The word that `text` is at this place, or ELSEWHERE. */
static unsigned int look_up(struct span text, unsigned int place)
{
	int word = span_among(text, words);

	return word >= 0 && places[word].at == place ? (unsigned int)word : ELSEWHERE;
}

/* The name of a member and its colon; the place of what follows. */
static unsigned int take_member(struct reader *r, unsigned int place)
{
	const char *start;
	unsigned int word;

	if (!take_mark(r, '"'))
		refuse_here(r);
	start = r->c.at - 1;
	word = look_up(take_string(r), place);
	if (!take_mark(r, ':'))
		refuse_here(r);
	if (word < WORDS) {
		if (r->seen & (word <= NAMES ? 3U << (word & 2) : SET(word)))
			refuse(r, start, "a second one");
		r->seen |= SET(word);
	}
	return word;
}

/* At the end of an object or an array. What is known of an entry or an argument is not true of the next one. */
static void finish(struct reader *r, unsigned int place, const char *start)
{
	if (place == ARG) {
		if (r->seen & SET(MASK) && r->seen & SET(FLAGS))
			r->seen |= SET(RULE);
		r->seen &= ~OF_ARG;
	}
	if (place == ENTRY) {
		if (!(r->seen & SET(CLONE)))
			r->seen &= ~SET(RULE);
		else if (!(r->seen & SET(ALLOW)))
			refuse(r, start, "for clone, but not SCMP_ACT_ALLOW");
		r->ever |= r->seen;
		r->seen &= ~OF_ENTRY;
	}
	if (place == ARCHITECTURES && r->seen & ON_S390 && r->seen & SET(OTHER))
		refuse(r, start, "s390 needs a profile of its own");
	if (place == PROFILE && !(r->seen & SET(SYSCALLS)))
		refuse(r, start, "no \"syscalls\"");
}

static void take_value(struct reader *r, unsigned int place);

/* The braces of an object and those of an array are two characters apart. */
static void take_container(struct reader *r, unsigned int place)
{
	const char *start = r->c.at++;
	unsigned int inside = places[place].items;
	bool first = true;

	if (++r->depth > DEPTH_MAX)
		refuse(r, start, "nested too deeply");
	for (;; first = false) {
		if (place == SYSCALLS)
			r->last = r->c.at;
		if (take_mark(r, (char)(*start + 2)) || r->cause)
			break;
		if (!first && !take(r, ','))
			refuse_here(r);
		if (*start == '{')
			inside = take_member(r, place);
		take_value(r, inside);
	}
	r->depth--;
	finish(r, place, start);
}

static void take_value(struct reader *r, unsigned int place)
{
	const char *start;
	char kind;

	take_some(r, " \t\r\n");
	start = r->c.at;
	kind = next(r);
	if (kind == '{' || kind == '[') {
		take_container(r, place);
	} else {
		struct span text = take(r, '"') ? take_string(r) : take_bare(r);
		unsigned int word = look_up(text, place);

		if (word < WORDS || place == ARCHITECTURE)
			r->seen |= SET(word);
	}
	/* Of all others it does not matter here: no engine reads what is not as it should be. */
	if (place == SYSCALLS ? kind != '[' : place >= ENTRY && place < ELSEWHERE && kind != '{')
		refuse(r, start, "the wrong kind of value");
}

static void take_profile(struct reader *r)
{
	if (next(r) == '\xef')
		refuse(r, r->c.at, "a byte order mark");
	take_value(r, PROFILE);
	take_some(r, " \t\r\n");
	if (!cursor_done(&r->c))
		refuse(r, r->c.at, "text behind the profile");
}

/* ---- what is written */

/* `when` is empty, or begins what follows the arguments. */
static void put_rule(struct text *t, const struct reader *r, const char *separator,
		     unsigned int argument, const char *when)
{
	bool old = r->ever & SET(NAME) && !(r->ever & SET(NAMES));

	text_printf(t,
		    "%s\n\t\t{\n"
		    "\t\t\t%s,\n"
		    "\t\t\t\"action\": \"SCMP_ACT_ALLOW\",\n"
		    "\t\t\t\"args\": [{\"index\": %u, \"value\": " OUR_MASK
		    ", \"valueTwo\": " OUR_FLAGS ", \"op\": \"SCMP_CMP_MASKED_EQ\"}]",
		    separator, old ? "\"name\": \"clone\"" : "\"names\": [\"clone\"]", argument);
	if (*when)
		text_printf(t, ",\n\t\t\t\"%scludes\": {\"arches\": [\"s390\", \"s390x\"]}", when);
	text_printf(t, "\n\t\t}");
}

static void put_rules(struct text *t, const struct reader *r)
{
	bool plain = r->seen & (ON_S390 | SET(OTHER));

	put_rule(t, r, r->last[-1] == '[' ? "" : ",", (r->seen & ON_S390) ? 1 : 0,
		 plain ? "" : "ex");
	if (!plain && (r->seen & SET(ARCH_MAP) || r->ever & CONDITIONS))
		put_rule(t, r, ",", 1, "in");
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
