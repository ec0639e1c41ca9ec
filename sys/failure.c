/* SPDX-License-Identifier: MIT */
#include "sys/failure.h"

#include "sys/text.h"

int fail(struct failure *f, const char *stage, const char *remedy, const char *format, ...)
{
	struct text what = TEXT_OVER(f->what);
	va_list args;

	va_start(args, format);
	text_vprintf(&what, format, args);
	va_end(args);
	f->stage = stage;
	f->remedy = remedy;
	return -1;
}
