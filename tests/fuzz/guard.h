/* SPDX-License-Identifier: MIT */
/*
 * Input with nothing behind it, or nothing before it, as the kernel sees it: a byte read too far is a page
 * fault, also where no sanitizer looks (string functions of libc, code that is not instrumented).
 */
#ifndef TESTS_FUZZ_GUARD_H
#define TESTS_FUZZ_GUARD_H

#include <sys/mman.h>

#include "tests/fuzz/fuzz.h"

#define GUARD_ROOM (1UL << 20) /* bytes of input: libFuzzer makes none that is longer */
#define GUARD_PAGE (1UL << 16) /* the largest page of any machine */

/* The room, mapped once, between two pages that nobody may touch. */
static inline char *guard_room(void)
{
	static char *room;
	char *area;

	if (!room) {
		area = mmap(NULL, GUARD_ROOM + 2 * GUARD_PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		HOLDS(area != MAP_FAILED);
		HOLDS(mprotect(area + GUARD_PAGE, GUARD_ROOM, PROT_READ | PROT_WRITE) == 0);
		room = area + GUARD_PAGE;
	}
	return room;
}

/* A copy that ends where memory ends. It is good until the next call of either function. */
static inline char *guard_behind(const void *data, size_t size)
{
	HOLDS(size <= GUARD_ROOM);
	return memcpy(guard_room() + GUARD_ROOM - size, size > 0 ? data : "", size);
}

/* A copy that begins where memory begins. */
static inline char *guard_before(const void *data, size_t size)
{
	HOLDS(size <= GUARD_ROOM);
	return memcpy(guard_room(), size > 0 ? data : "", size);
}

#endif
