/* SPDX-License-Identifier: MIT */
#include "init/check.h"

#include <string.h>

#include "sys/cap_names.h"
#include "sys/json.h"

#define BY_CLONE "user and network namespaces made by clone"

/* CHECK_VETH_NO_USERNS stands behind CHECK_VETH, which is of the same mode. */
const struct check_kind check_kinds[CHECK_ROWS] = {
	[CHECK_AUTO] = { JAIL_AUTO, false, NULL },
	[CHECK_VETH] = { JAIL_VETH, false, "CAP_NET_ADMIN; " BY_CLONE },
	[CHECK_VETH_NO_USERNS] = { JAIL_VETH, true,
				   "CAP_NET_ADMIN and CAP_SYS_ADMIN; a network namespace made by clone" },
	[CHECK_LOOPBACK] = { JAIL_LOOPBACK, false, BY_CLONE },
	[CHECK_CONTAINER] = { JAIL_CONTAINER, false,
			      "CAP_NET_ADMIN; a network namespace of its own, no other jail there" },
	[CHECK_NONE] = { JAIL_NONE, false, "nothing; it bounds nothing" },
};

/* Of the table: keys, and lines as far as there are blanks and commas to break them at. */
#define KEY_WIDTH 22
#define LINE_WIDTH 100

struct sheet {
	struct text *t;
	bool json;
	bool in_group; /* of members, each of which is left out of a table if it is not known */
	const char *separator; /* of JSON, before the next member */
};

/* What a member holds. */
enum holds {
	HOLDS_STRING,
	HOLDS_LIST, /* words with commas; in JSON an array of them */
	HOLDS_PLAIN, /* a number, true, false */
};

/* ---- one member ---- */

/* No word has a character that would have to be escaped. */
static void print_list(struct text *t, struct span v)
{
	text_printf(t, v.length > 0 ? "[\"" : "[");
	for (size_t i = 0; i < v.length; i++)
		text_printf(t, v.at[i] == ',' ? "\",\"" : "%c", v.at[i]);
	text_printf(t, v.length > 0 ? "\"]" : "]");
}

static void print_json(struct text *t, enum holds holds, struct span v)
{
	if (!v.at)
		text_printf(t, "null");
	else if (holds == HOLDS_LIST)
		print_list(t, v);
	else if (holds == HOLDS_STRING)
		json_string(t, v);
	else
		text_bytes(t, v.at, v.length);
}

/* How far it is to the next place where a line may end: behind a blank, or a comma in a list. */
static size_t piece(struct span v)
{
	size_t n = 1;

	while (n < v.length && v.at[n - 1] != ' ' && (v.at[n - 1] != ',' || v.at[n] == ' '))
		n++;
	return n;
}

static void print_wrapped(struct text *t, struct span v)
{
	size_t column = KEY_WIDTH;

	while (v.length > 0) {
		size_t n = piece(v);

		if (column > KEY_WIDTH && column + n > LINE_WIDTH) {
			t->length -= t->at[t->length - 1] == ' ';
			text_printf(t, "\n%-22s", "");
			column = KEY_WIDTH;
		}
		text_bytes(t, v.at, n);
		column += n;
		v.at += n;
		v.length -= n;
	}
}

/* `v.at` is NULL for what is not known. */
static void put(struct sheet *s, const char *key, enum holds holds, struct span v)
{
	if (s->json) {
		text_printf(s->t, "%s\"%s\":", s->separator, key);
		s->separator = ",";
		print_json(s->t, holds, v);
		return;
	}
	if (s->in_group && !v.at)
		return;
	text_printf(s->t, s->in_group ? "  %-20s" : "%-22s", key);
	print_wrapped(s->t, !v.at ? span_of("not known") : v.length == 0 ? span_of("none") : v);
	text_char(s->t, '\n');
}

/* NULL and an empty text are not known. */
static struct span known(const char *text)
{
	return text && *text ? span_of(text) : (struct span){ 0 };
}

static void put_string(struct sheet *s, const char *key, const char *value)
{
	put(s, key, HOLDS_STRING, known(value));
}

/* Negative: not known. */
static void put_number(struct sheet *s, const char *key, long long value)
{
	char digits[24];
	struct text t = TEXT_OVER(digits);

	text_printf(&t, "%llu", value);
	put(s, key, HOLDS_PLAIN, (struct span){ value < 0 ? NULL : t.at, t.length });
}

static void put_truth(struct sheet *s, const char *key, bool is_known, bool value)
{
	const char *word = s->json ? value ? "true" : "false" : value ? "yes" : "no";

	put(s, key, HOLDS_PLAIN, (struct span){ is_known ? word : NULL, strlen(word) });
}

static void put_caps(struct sheet *s, const char *key, uint64_t caps)
{
	char names[640];
	struct text t = TEXT_OVER(names);

	cap_names_print(&t, caps);
	put(s, key, HOLDS_LIST, (struct span){ t.at, t.length });
}

/* ---- facts ---- */

static void put_servers(struct sheet *s, const struct resolv *r)
{
	char buffer[RESOLV_ALL_SERVERS * 48];
	struct text t = TEXT_OVER(buffer);

	for (unsigned int i = 0; i < r->server_count; i++) {
		text_printf(&t, i > 0 ? "," : "");
		address_print(&t, &r->servers[i]);
	}
	put(s, "dns", HOLDS_LIST, known(t.at)); /* without a file there is one, too */
}

static void put_facts(struct sheet *s, const struct check *c)
{
	const struct facts *facts = c->facts;
	const struct id_extent *ids = facts->uids.extents;
	bool in_network = facts->table[0], surveyed = facts->net.link_count > 0;
	uint32_t max;

	put_string(s, "version", BOUNDARY_INIT_VERSION);
	put_string(s, "kernel", c->system.release);
	put(s, "runtime", HOLDS_LIST, known(string_after(c->runtime, ",")));
	put_number(s, "uid", facts->uid);
	put_number(s, "gid", facts->gid);
	put_truth(s, "user_namespace", facts->uids.count > 0,
		  ids->first | ids->lower || ids->count != UINT32_MAX);
	put_caps(s, "effective", facts->caps.effective);
	put_caps(s, "bounding", facts->caps.bounding);
	put_truth(s, "no_new_privs", c->no_new_privs >= 0, c->no_new_privs);
	put_string(s, "seccomp", c->seccomp < 0 ? NULL : c->seccomp ? "filter" : "off");
	put_string(s, "security_label", c->label);
	put_number(s, "max_user_namespaces",
		   span_number(span_of(c->max_user_namespaces), UINT32_MAX, &max) ? max : -1LL);
	put_number(s, "landlock", c->landlock > 0 ? c->landlock : 0);
	put_truth(s, "ipv4", surveyed, facts->net.ipv4);
	put_truth(s, "ipv6", surveyed, facts->net.ipv6);
	put_truth(s, "host_network", in_network, facts->host_network);
	put_truth(s, "other_jails", in_network, !facts->alone);
	put_servers(s, &facts->resolv);
}

/* ---- modes ---- */

/* Whether something is possible, and why not. A second member of it may be put in between. */
static void put_group(struct sheet *s, const char *name, const struct failure *f, const char *key,
		      const char *value)
{
	if (s->json) {
		text_printf(s->t, "%s\"%s\":{", s->separator, name);
		s->separator = "";
	}
	put_truth(s, s->json ? "possible" : name, true, !f->stage);
	s->in_group = true;
	if (key)
		put_string(s, key, value);
	put_string(s, "blocked_by", f->stage ? f->what : NULL);
	put_string(s, "remedy", f->stage ? f->remedy : NULL);
	s->in_group = false;
	if (s->json)
		text_char(s->t, '}');
}

static void put_modes(struct sheet *s, const struct check *c)
{
	const struct failure *f = &c->refused[CHECK_AUTO];

	put_group(s, "clone", &c->clone, NULL, NULL);
	put_group(s, "auto", f, "mode", f->stage ? NULL : jail_mode_names[c->taken]);
	if (s->json) {
		text_printf(s->t, ",\"modes\":");
		s->separator = "{";
	}
	for (unsigned int row = CHECK_VETH; row < CHECK_ROWS; row++) {
		const struct check_kind *kind = &check_kinds[row];
		char buffer[32];
		struct text name = TEXT_OVER(buffer);

		text_printf(&name, "%s%s", jail_mode_names[kind->mode],
			    kind->no_userns ? " --no-userns" : "");
		put_group(s, buffer, &c->refused[row], "needs", kind->needs);
	}
}

void check_print(const struct check *c, enum check_format format, struct text *t)
{
	struct sheet s = { .t = t, .json = format == CHECK_JSON, .separator = "{" };

	put_facts(&s, c);
	put_modes(&s, c);
	if (s.json)
		text_printf(t, "}}\n");
}
