/* SPDX-License-Identifier: MIT */
#include "init/url.h"

#include <string.h>

#include "init/rule.h"
#include "sys/text.h"

bool url_split(struct span text, struct url *u)
{
	struct cursor c = cursor_over(text);
	struct span authority;
	bool brackets;

	for (c.end = c.at; c.end < text.at + text.length && *c.end != '?' && *c.end != '#';)
		c.end++;
	*u = (struct url){ .scheme.at = text.at };
	authority = cursor_take_until(&c, '/');
	if (authority.length > 1 && authority.at[authority.length - 1] == ':' &&
	    cursor_take_char(&c, '/')) {
		u->scheme = authority;
		u->scheme.length--;
		authority = cursor_take_until(&c, '/');
	}
	u->path.at = authority.at + authority.length;
	u->path.length = (size_t)(c.end - u->path.at);

	c = cursor_over(authority);
	u->has_user = span_has(authority, '@');
	if (u->has_user)
		cursor_take_until(&c, '@');
	brackets = cursor_take_char(&c, '[');
	u->host = cursor_take_until(&c, brackets ? ']' : ':');
	if (brackets && (c.at[-1] != ']' || (!cursor_done(&c) && !cursor_take_char(&c, ':'))))
		return false;
	if (u->host.length == 0 || span_has(u->host, ':') != brackets)
		return false;
	if (c.at[-1] == ':' && !cursor_take_port(&c, &u->port))
		return false;
	return cursor_done(&c);
}

bool url_has_name(const struct url *u)
{
	return !domain_check(u->host) && !span_has(u->host, '*');
}

static const struct scheme {
	char name[11];
	uint8_t protocol; /* enum request_protocol */
	uint16_t port;
} schemes[] = {
	{ "", REQUEST_TLS, 443 }, /* without one, as https */
	{ "https", REQUEST_TLS, 443 },	   { "http", REQUEST_HTTP, 80 },
	{ "wss", REQUEST_TLS, 443 },	   { "ws", REQUEST_HTTP, 80 },
	{ "ssh", REQUEST_TCP, 22 },	   { "smtp", REQUEST_TCP, 25 },
	{ "postgres", REQUEST_TCP, 5432 }, { "postgresql", REQUEST_TCP, 5432 },
	{ "redis", REQUEST_TCP, 6379 },
};

static struct span copy_lower(struct text *t, struct span s)
{
	*t = text_over(t->at, t->size);
	for (size_t i = 0; i < s.length; i++)
		text_char(t, letter_lower(s.at[i]));
	return (struct span){ .at = t->at, .length = t->length };
}

int url_parse(struct span text, struct request *r, struct text *host, struct failure *f)
{
	char buffer[160];
	struct text shown = TEXT_OVER(buffer);
	struct url u;

	*r = (struct request){ .protocol = REQUEST_TCP };
	if (url_split(text, &u)) {
		struct span scheme = copy_lower(host, u.scheme);

		for (unsigned int i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
			if (!span_is(scheme, schemes[i].name))
				continue;
			r->protocol = schemes[i].protocol;
			r->port = schemes[i].port;
		}
		if (u.port)
			r->port = u.port;
		r->path = u.path.length > 0 ? u.path : span_of("/");
		r->name = copy_lower(host, u.host);
		if (r->name.at[r->name.length - 1] == '.')
			r->name.length--;
		if (r->port && url_has_name(&u))
			return 0;
	}
	text_escaped(&shown, text.at, text.length);
	return fail(
		f, "url",
		"Write it like https://api.example.com/path or SCHEME://NAME:PORT; addresses are "
		"decided by rules with cidr= alone",
		"'%s%s': not a URL with a name", shown.at, shown.cut ? "..." : "");
}
