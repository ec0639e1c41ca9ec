/* SPDX-License-Identifier: MIT */
#include "init/accounts.h"

#include "sys/text.h"

#define STAGE "user"

/* (uid_t)-1 means "leave it alone" to the system calls. */
#define LAST_ID (UINT32_MAX - 1)

#define MAX_FIELDS 7

/* A line of either file, cut at its colons. */
struct entry {
	struct span fields[MAX_FIELDS];
	unsigned int count;
};

enum { PASSWD_NAME, PASSWD_PASSWORD, PASSWD_UID, PASSWD_GID, PASSWD_GECOS, PASSWD_HOME };
enum { GROUP_NAME, GROUP_PASSWORD, GROUP_GID, GROUP_MEMBERS };

static bool next_entry(struct cursor *file, struct entry *e)
{
	struct cursor line;

	if (cursor_done(file))
		return false;
	line = cursor_over(cursor_take_until(file, '\n'));
	for (e->count = 0; e->count < MAX_FIELDS && !cursor_done(&line); e->count++)
		e->fields[e->count] = cursor_take_until(&line, ':');
	for (unsigned int i = e->count; i < MAX_FIELDS; i++)
		e->fields[i] = (struct span){ .at = line.end };
	return true;
}

/* Is this the entry of `wanted`, by its name or by its number? */
static bool entry_is(const struct entry *e, struct span wanted, unsigned int id_field)
{
	uint32_t wanted_id, id;

	if (e->fields[0].length > 0 && spans_equal(e->fields[0], wanted))
		return true;
	return span_number(wanted, LAST_ID, &wanted_id) &&
	       span_number(e->fields[id_field], LAST_ID, &id) && id == wanted_id;
}

static bool find_entry(struct span file, struct span wanted, unsigned int id_field, struct entry *e)
{
	struct cursor c = cursor_over(file);

	while (next_entry(&c, e))
		if (entry_is(e, wanted, id_field))
			return true;
	return false;
}

static int reject(struct span name, struct failure *f, const char *cause, const char *remedy)
{
	char buffer[100];
	struct text shown = TEXT_OVER(buffer);

	text_escaped(&shown, name.at, name.length);
	return fail(f, STAGE, remedy, "'%s': %s", buffer, cause);
}

static bool is_member(struct span members, struct span name)
{
	struct cursor c = cursor_over(members);

	while (!cursor_done(&c))
		if (spans_equal(cursor_take_until(&c, ','), name))
			return true;
	return false;
}

static int add_group(struct account *a, uint32_t gid, struct span name, struct failure *f)
{
	if (a->group_count == ACCOUNT_GROUPS)
		return reject(name, f, "member of more than 256 groups",
			      "Name one group: --user NAME:GROUP");
	a->groups[a->group_count++] = gid;
	return 0;
}

static int add_groups_of(struct span name, struct span group, struct account *a, struct failure *f)
{
	struct cursor c = cursor_over(group);
	struct entry e;
	uint32_t gid;

	while (next_entry(&c, &e))
		if (is_member(e.fields[GROUP_MEMBERS], name) &&
		    span_number(e.fields[GROUP_GID], LAST_ID, &gid) && gid != a->gid &&
		    add_group(a, gid, name, f) < 0)
			return -1;
	return 0;
}

/* Fills uid, gid and home; `name` is the user's as /etc/passwd has it, empty if it has none. */
static int find_user(struct span user, struct span passwd, struct account *a, struct span *name,
		     struct failure *f)
{
	struct entry e;

	*name = (struct span){ .at = user.at };
	if (find_entry(passwd, user, PASSWD_UID, &e)) {
		if (!span_number(e.fields[PASSWD_UID], LAST_ID, &a->uid) ||
		    !span_number(e.fields[PASSWD_GID], LAST_ID, &a->gid))
			return reject(user, f, "its entry in /etc/passwd has no uid or no gid",
				      NULL);
		a->home = e.fields[PASSWD_HOME];
		*name = e.fields[PASSWD_NAME];
	} else if (!span_number(user, LAST_ID, &a->uid)) {
		return reject(user, f, "not in the image's /etc/passwd",
			      "Name a user that is, or give the uid as a number");
	}
	return 0;
}

static int find_group(struct span name, struct span group, struct account *a, struct failure *f)
{
	struct entry e;

	if (find_entry(group, name, GROUP_GID, &e)) {
		if (!span_number(e.fields[GROUP_GID], LAST_ID, &a->gid))
			return reject(name, f, "its entry in /etc/group has no gid", NULL);
	} else if (!span_number(name, LAST_ID, &a->gid)) {
		return reject(name, f, "not in the image's /etc/group",
			      "Name a group that is, or give the gid as a number");
	}
	return 0;
}

int account_find(struct span wanted, struct span passwd, struct span group, struct account *a,
		 struct failure *f)
{
	struct cursor c = cursor_over(wanted);
	struct span user = cursor_take_until(&c, ':'), name;
	struct span group_name = cursor_rest(&c);
	bool has_group = user.length < wanted.length;

	*a = (struct account){ 0 };
	if (user.length == 0 || (has_group && group_name.length == 0))
		return reject(wanted, f, "neither a user nor user:group",
			      "Write --user NAME, UID, NAME:GROUP or UID:GID");
	if (find_user(user, passwd, a, &name, f) < 0 ||
	    (has_group && find_group(group_name, group, a, f) < 0) ||
	    add_group(a, a->gid, user, f) < 0)
		return -1;
	return has_group || name.length == 0 ? 0 : add_groups_of(name, group, a, f);
}
