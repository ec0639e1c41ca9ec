/* SPDX-License-Identifier: MIT */
#include "sys/json.h"

void json_character(struct text *t, unsigned char c)
{
	if (c < ' ' || c >= 0x7f)
		text_printf(t, "\\u00%x%x", c >> 4, c & 15U);
	else
		text_printf(t, c == '"' || c == '\\' ? "\\%c" : "%c", c);
}

void json_string(struct text *t, struct span s)
{
	text_char(t, '"');
	for (; s.length > 0; s.at++, s.length--)
		json_character(t, (unsigned char)*s.at);
	text_char(t, '"');
}
