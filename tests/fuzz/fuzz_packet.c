/* SPDX-License-Identifier: MIT */
/* Reports of packets: the input is what one read of the netlink socket gave. */
#include "tests/fuzz/guard.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "init/gate/packet.h"

/* A sum over all that was said, by which two runs are compared. */
static uint64_t mix(uint64_t sum, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < size; i++)
		sum = (sum ^ at[i]) * 0x100000001b3U;
	return sum;
}

static void check_packet(const struct packet *p)
{
	const char *name = packet_protocol_name(p->protocol);
	const bool has_type = p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6;

	HOLDS(p->source.family == p->destination.family);
	HOLDS(p->source.family == 0 || p->source.family == AF_INET || p->source.family == AF_INET6);
	if (p->source.family == 0)
		HOLDS(p->protocol == 0);
	if (!name || has_type)
		HOLDS(p->source_port == 0 && p->port == 0);
	if (!has_type)
		HOLDS(p->icmp_type == 0 && p->icmp_code == 0);
	if (!p->sequenced)
		HOLDS(p->sequence == 0);
}

static uint64_t read_all(const char *bytes, size_t size)
{
	struct span messages = { .at = bytes, .length = size };
	uint64_t sum = 0;
	struct packet p;

	memset(&p, 0xaa, sizeof(p));
	for (size_t left = size; packet_take(&messages, &p); left = messages.length) {
		HOLDS(messages.length < left);
		HOLDS(messages.at + messages.length == bytes + size);
		check_packet(&p);
		sum = mix(sum, &p, sizeof(p));
		memset(&p, 0x55, sizeof(p));
	}
	HOLDS(messages.length == 0);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = copy_exactly(data, size);
	const uint64_t sum = read_all(copy, size);

	free(copy);
	HOLDS(read_all(guard_behind(data, size), size) == sum);
	HOLDS(read_all(guard_before(data, size), size) == sum);
	return 0;
}
