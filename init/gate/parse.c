/* SPDX-License-Identifier: MIT */
#include "init/gate/parse.h"

#include <string.h>

#define HOST_NAME_MAX_LENGTH 253 /* RFC 1035 2.3.4, as text */

bool parse_is_token_char(char c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	return is_alphanumeric(c) || span_has((struct span){ others, sizeof(others) - 1 }, c);
}

bool parse_is_field_char(char c)
{
	return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

bool parse_host_name(struct span *name)
{
	char before = '.'; /* the first label must not be empty either */

	for (size_t i = 0; i < name->length; i++) {
		const char c = name->at[i];

		if (c == '.' ? before == '.' : !is_alphanumeric(c) && c != '-' && c != '_')
			return false;
		before = c;
	}
	if (name->length > 0 && before == '.')
		name->length--;
	return name->length > 0 && name->length <= HOST_NAME_MAX_LENGTH;
}

enum parse parse_literal(struct span bytes, const char *literal)
{
	const size_t length = strlen(literal);
	const bool whole = bytes.length >= length;

	if (memcmp(bytes.at, literal, whole ? length : bytes.length) != 0)
		return PARSE_OTHER;
	return whole ? PARSE_DONE : PARSE_MORE;
}

enum parse parse_line(struct cursor *c, struct span *line, const char **why)
{
	const char *at = c->at;

	while (at < c->end && parse_is_field_char(*at))
		at++;
	if (at == c->end || (*at == '\r' && at + 1 == c->end))
		return PARSE_MORE;
	*line = (struct span){ .at = c->at, .length = (size_t)(at - c->at) };
	if (at[0] == '\r' && at[1] == '\n') {
		c->at = at + 2;
		return PARSE_DONE;
	}
	*why = *at == '\r' || *at == '\n' ? "CR or LF alone" : "a control character";
	return PARSE_BAD;
}
