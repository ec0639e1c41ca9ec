/* SPDX-License-Identifier: MIT */
#include "init/forwarding.h"

#define INTRODUCTION "forwarding was off"

bool forwarding_has(const struct forwarding *f, uint32_t link)
{
	for (unsigned int i = 0; i < f->count; i++)
		if (f->links[i] == link)
			return true;
	return false;
}

bool forwarding_add(struct forwarding *f, uint32_t link)
{
	if (forwarding_has(f, link))
		return true;
	if (f->count == FORWARDING_LINKS)
		return false;
	f->links[f->count++] = link;
	return true;
}

void forwarding_print(struct text *t, const struct forwarding *f)
{
	if (f->count == 0 && !f->ipv6)
		return;
	text_printf(t, INTRODUCTION ":%s", f->ipv6 ? " ipv6" : "");
	for (unsigned int i = 0; i < f->count; i++)
		text_printf(t, " %u", f->links[i]);
}

void forwarding_read(struct span comment, struct forwarding *f)
{
	struct cursor c = cursor_over(comment);
	uint32_t link;

	if (!span_is(cursor_take_until(&c, ':'), INTRODUCTION))
		return;
	while (!cursor_done(&c)) {
		struct span word = cursor_take_until(&c, ' ');

		if (span_is(word, "ipv6"))
			f->ipv6 = true;
		else if (span_number(word, INT32_MAX, &link))
			forwarding_add(f, link);
	}
}
