/* SPDX-License-Identifier: MIT */
/* The comment of a table, which anybody may have written: what is noted prints and reads alike. */
#include "tests/fuzz/fuzz.h"

#include "init/forwarding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy_exactly(data, size), buffer[256];
	struct forwarding noted = { .count = 0 }, again = { .count = 0 };
	struct text t = TEXT_OVER(buffer);

	forwarding_read((struct span){ .at = bytes, .length = size }, &noted);
	HOLDS(noted.count <= FORWARDING_LINKS);
	for (unsigned int i = 0; i < noted.count; i++)
		HOLDS(forwarding_has(&noted, noted.links[i]));
	forwarding_print(&t, &noted);
	HOLDS(!t.cut);
	forwarding_read((struct span){ .at = t.at, .length = t.length }, &again);
	HOLDS(again.ipv6 == noted.ipv6 && again.count == noted.count);
	HOLDS(memcmp(again.links, noted.links, noted.count * sizeof(noted.links[0])) == 0);
	free(bytes);
	return 0;
}
