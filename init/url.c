/* SPDX-License-Identifier: MIT */
#include "init/url.h"

#include <string.h>

#include "init/rule.h"
#include "sys/text.h"

bool url_take_host(struct cursor *c, struct span *host)
{
	bool brackets = cursor_take_char(c, '[');

	*host = cursor_take_until(c, brackets ? ']' : ':');
	return !brackets || (c->at[-1] == ']' && (cursor_done(c) || cursor_take_char(c, ':')));
}

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
	brackets = !cursor_done(&c) && *c.at == '[';
	if (!url_take_host(&c, &u->host))
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

/* The first two are HTTP, two are HTTPS, and so is what has none. */
enum { HTTPS = 2, SSH = 4 };

static const char schemes[] = "http,ws,https,wss,ssh,smtp,postgres,postgresql,redis";

static const uint16_t ports[] = { 80, 80, 443, 443, 22, 25, 5432, 5432, 6379 };

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
	struct url u;

	*r = (struct request){ .protocol = REQUEST_TCP };
	if (url_split(text, &u)) {
		int scheme = u.scheme.length > 0 ? span_among(copy_lower(host, u.scheme), schemes) :
						   HTTPS;

		if (scheme >= 0 && scheme < SSH)
			r->protocol = scheme < HTTPS ? REQUEST_HTTP : REQUEST_TLS;
		if (scheme >= 0)
			r->port = ports[scheme];
		if (u.port)
			r->port = u.port;
		r->path = u.path.length > 0 ? u.path : span_of("/");
		r->name = copy_lower(host, u.host);
		if (r->name.at[r->name.length - 1] == '.')
			r->name.length--;
		if (r->port && url_has_name(&u))
			return 0;
	}
	return fail(
		f, "url",
		"Write it like https://api.example.com/path or SCHEME://NAME:PORT; rules with cidr= "
		"decide on addresses",
		"'%s': not a URL with a name",
		text_shown(buffer, sizeof(buffer), text.at, text.length));
}
