/* SPDX-License-Identifier: MIT */
/* What every fuzz target begins with. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/cursor.h"
#include "sys/failure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that holds for every input. */
#define HOLDS(condition)                                                                        \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

/* A copy on the heap with no byte behind it, so that the sanitizer sees each one read too far. */
static inline char *copy_exactly(const void *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	HOLDS(copy);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

/* Makes a failure that is not filled recognizable. */
static inline void forget_failure(struct failure *f)
{
	memset(f, 1, sizeof(*f));
	f->stage = f->remedy = NULL;
}

/* Filled, ended, one line, and nothing in it that a terminal would act on. */
static inline void check_failure(const struct failure *f)
{
	size_t length = strnlen(f->what, sizeof(f->what));

	HOLDS(f->stage && f->stage[0]);
	HOLDS(length > 0 && length < sizeof(f->what));
	for (size_t i = 0; i < length; i++)
		HOLDS(f->what[i] >= ' ' && f->what[i] < 0x7f);
}

#endif
