/* SPDX-License-Identifier: MIT */
#include "init/gate/floor.h"

#include <string.h>
#include <sys/socket.h>

static const struct {
	struct prefix prefix;
	enum reach reach;
} special[] = {
	{ { { AF_INET, { 0 } }, 8 }, REACH_NEVER }, /* 0.0.0.0 is loopback to connect(2) */
	{ { { AF_INET, { 10 } }, 8 }, REACH_PRIVATE },
	{ { { AF_INET, { 100, 64 } }, 10 }, REACH_PRIVATE }, /* carriers, clouds' services */
	{ { { AF_INET, { 127 } }, 8 }, REACH_PRIVATE },
	{ { { AF_INET, { 169, 254 } }, 16 }, REACH_PRIVATE },
	{ { { AF_INET, { 172, 16 } }, 12 }, REACH_PRIVATE },
	{ { { AF_INET, { 192, 0, 0 } }, 24 }, REACH_PRIVATE },
	{ { { AF_INET, { 192, 168 } }, 16 }, REACH_PRIVATE },
	{ { { AF_INET, { 198, 18 } }, 15 }, REACH_NEVER },
	{ { { AF_INET, { 224 } }, 3 }, REACH_NEVER },
	{ { { AF_INET6, { 0 } }, 127 }, REACH_NEVER }, /* :: and, below, ::1 */
	{ { { AF_INET6, { [15] = 1 } }, 128 }, REACH_PRIVATE },
	{ { { AF_INET6, { 0x20, 0x01, 0, 0 } }, 32 }, REACH_NEVER }, /* Teredo */
	{ { { AF_INET6, { 0, 0x64, 0xff, 0x9b, 0, 1 } }, 48 }, REACH_PRIVATE },
	{ { { AF_INET6, { 0xfc } }, 7 }, REACH_PRIVATE },
	{ { { AF_INET6, { 0xfe, 0x80 } }, 10 }, REACH_PRIVATE },
	{ { { AF_INET6, { 0xfe, 0xc0 } }, 10 },
	  REACH_PRIVATE }, /* site-local, as some still have */
	{ { { AF_INET6, { 0xff } }, 8 }, REACH_NEVER },
};

/* Where an IPv4 address stands in an IPv6 one. */
static const struct {
	struct prefix prefix;
	uint8_t offset;
} embedding[] = {
	{ { { AF_INET6, { [10] = 0xff, 0xff } }, 96 }, 12 }, /* mapped */
	{ { { AF_INET6, { 0 } }, 96 }, 12 }, /* compatible, but for :: and ::1 */
	{ { { AF_INET6, { 0, 0x64, 0xff, 0x9b } }, 96 }, 12 }, /* NAT64 */
	{ { { AF_INET6, { 0x20, 0x02 } }, 16 }, 2 }, /* 6to4 */
};

enum reach address_reach(const struct address *a)
{
	const struct prefix host = { *a, (uint8_t)(8 * address_size(a->family)) };
	enum reach reach = REACH_PUBLIC;

	/* The narrower ones stand behind the wider ones that they are part of. */
	for (unsigned int i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (prefix_overlaps(&special[i].prefix, &host))
			reach = special[i].reach;
	for (unsigned int i = 0;
	     reach == REACH_PUBLIC && i < sizeof(embedding) / sizeof(embedding[0]); i++) {
		struct address inner = { .family = AF_INET };

		if (!prefix_overlaps(&embedding[i].prefix, &host))
			continue;
		memcpy(inner.bytes, a->bytes + embedding[i].offset, 4);
		return address_reach(&inner);
	}
	return reach;
}
