/* SPDX-License-Identifier: MIT */
#include "init/gate/http.h"

static const char version[] = "HTTP/1.";

/* HTTP-version SP status-code [ SP reason-phrase ] (RFC 9112 4), behind the version's dot. */
static bool take_status_line(struct cursor c, unsigned int *status)
{
	struct span code;
	uint32_t number;

	if (!cursor_take_number(&c, 9, &number) || !cursor_take_char(&c, ' '))
		return false;
	code = cursor_take_until(&c, ' ');
	if (code.length != 3 || !span_number(code, 599, &number) || number < 100)
		return false;
	*status = number;
	return true;
}

enum parse http_parse_status(struct span bytes, unsigned int *status, size_t *head_length)
{
	enum parse answer = parse_literal(bytes, version);
	struct cursor c;
	struct span line;
	const char *why;

	if (answer != PARSE_DONE)
		return answer == PARSE_MORE ? PARSE_MORE : PARSE_BAD;
	if (bytes.length > HTTP_HEAD_MAX)
		bytes.length = HTTP_HEAD_MAX;
	c = cursor_over(bytes);
	c.at += sizeof(version) - 1;
	answer = parse_line(&c, &line, &why);
	if (answer == PARSE_DONE && !take_status_line(cursor_over(line), status))
		return PARSE_BAD;
	while (answer == PARSE_DONE && line.length > 0)
		answer = parse_line(&c, &line, &why);
	*head_length = (size_t)(c.at - bytes.at);
	return answer == PARSE_MORE && bytes.length == HTTP_HEAD_MAX ? PARSE_BAD : answer;
}
