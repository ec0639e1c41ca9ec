/* SPDX-License-Identifier: MIT */
#include "init/gate/http.h"

/* The byte at the cursor, decoded. A raw '/' stays where it is, an encoded one is refused. */
static bool take_decoded(struct cursor *c, char *decoded)
{
	*decoded = *c->at++;
	if (*decoded == '%') {
		const int high = c->end - c->at >= 2 ? hex_value(c->at[0]) : -1;
		const int low = high >= 0 ? hex_value(c->at[1]) : -1;

		if (low < 0)
			return false;
		*decoded = (char)(high << 4 | low);
		c->at += 2;
	}
	return *decoded != '/' && *decoded != '\\' && *decoded != '\0';
}

/* Takes "/." and "/.." off the end of the path, ".." with the segment before it. False: refused. */
static bool remove_dots(const char *path, size_t segment, size_t *length)
{
	size_t dots = 0;

	while (segment + dots < *length && path[segment + dots] == '.')
		dots++;
	if (dots < 1 || dots > 2)
		return true;
	/* Some servers cut a parameter off before they look at the dots. */
	if (segment + dots < *length)
		return path[segment + dots] != ';';
	*length = segment - 1;
	if (dots == 1 || *length == 0)
		return true;
	if (path[*length - 1] == '/')
		return false;
	while (path[--*length] != '/')
		;
	return true;
}

bool http_canonical_path(struct span path, char *to, size_t size, size_t *length)
{
	struct cursor c = cursor_over(path);
	size_t n = 0, segment;

	if (span_is(path, "*") && size > 0) {
		to[0] = '*';
		*length = 1;
		return true;
	}
	while (cursor_take_char(&c, '/')) {
		if (n == size)
			return false;
		to[n++] = '/';
		for (segment = n; !cursor_done(&c) && *c.at != '/'; n++)
			if (n == size || !take_decoded(&c, &to[n]))
				return false;
		if (!remove_dots(to, segment, &n))
			return false;
		/* Dots at the end leave a slash. */
		if (n < segment && cursor_done(&c))
			to[n++] = '/';
	}
	*length = n;
	return n > 0;
}
