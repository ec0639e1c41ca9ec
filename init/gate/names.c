/* SPDX-License-Identifier: MIT */
#include "init/gate/names.h"

#include <string.h>

/* Far longer than a resolver of the agent keeps an address: the TTL that we give is a minute. */
#define STALE 600000

static uint16_t *bucket_of(struct names *n, struct span name)
{
	uint32_t hash = 2166136261U ^ n->seed; /* FNV-1a */

	for (size_t i = 0; i < name.length; i++)
		hash = (hash ^ (uint8_t)name.at[i]) * 16777619U;
	return &n->buckets[hash % NAMES_BUCKETS];
}

static uint16_t number_of(const struct names *n, const struct name *name)
{
	return (uint16_t)(name - n->entries + 1);
}

struct span name_text(const struct name *name)
{
	return (struct span){ .at = name->text, .length = name->length };
}

static void link_in(struct names *n, struct name *name)
{
	uint16_t *bucket = bucket_of(n, name_text(name));

	name->chain = *bucket;
	*bucket = number_of(n, name);
}

static void take_out(struct names *n, struct name *name)
{
	uint16_t *link = bucket_of(n, name_text(name));

	while (*link && *link != number_of(n, name))
		link = &n->entries[*link - 1].chain;
	if (*link) /* else it was left behind by another gate, where the count does not reach */
		*link = name->chain;
}

/* What a gate that has died, of whatever cause, wrote here is not believed, only used. */
static void relink(struct names *n, uint32_t first, uint32_t *count, uint32_t limit)
{
	if (*count > limit)
		*count = limit;
	for (struct name *e = n->entries + first; e < n->entries + first + *count; e++) {
		if (e->length > DNS_NAME_MAX)
			e->length = 0;
		e->users = 0;
		e->count = 0;
		e->expires = 0;
		if (e->length > 0)
			link_in(n, e);
	}
}

void names_open(struct names *n, uint32_t seed)
{
	n->seed = seed;
	memset(n->buckets, 0, sizeof(n->buckets));
	relink(n, 0, &n->allowed, NAMES_ALLOWED);
	relink(n, NAMES_ALLOWED, &n->denied, NAMES_DENIED);
	n->next_denied %= NAMES_DENIED;
}

struct name *names_find(struct names *n, struct span name)
{
	for (uint16_t i = *bucket_of(n, name); i; i = n->entries[i - 1].chain)
		if (spans_equal(name_text(&n->entries[i - 1]), name))
			return &n->entries[i - 1];
	return NULL;
}

static struct name *place_for_allowed(struct names *n, int64_t now)
{
	struct name *oldest = NULL;

	if (n->allowed < NAMES_ALLOWED)
		return &n->entries[n->allowed++];
	for (struct name *e = n->entries; e < n->entries + NAMES_ALLOWED; e++)
		if (e->users == 0 && e->used < now - STALE && (!oldest || e->used < oldest->used))
			oldest = e;
	return oldest;
}

static struct name *place_for_denied(struct names *n)
{
	if (n->denied < NAMES_DENIED)
		return &n->entries[NAMES_ALLOWED + n->denied++];
	for (unsigned int i = 0; i < NAMES_DENIED; i++) {
		struct name *e = &n->entries[NAMES_ALLOWED + n->next_denied];

		n->next_denied = (n->next_denied + 1) % NAMES_DENIED;
		if (e->users == 0)
			return e;
	}
	return NULL;
}

struct name *names_add(struct names *n, struct span name, bool allowed, int64_t now)
{
	struct name *e = allowed ? place_for_allowed(n, now) : place_for_denied(n);

	if (!e)
		return NULL;
	if (e->length > 0)
		take_out(n, e);
	*e = (struct name){ .length = (uint8_t)name.length, .used = now };
	memcpy(e->text, name.at, name.length);
	link_in(n, e);
	return e;
}

/* The last 16 bits of an address; a pool is at least that large on both families, but for two bits. */
static uint32_t low_bits(const struct address *a)
{
	const uint8_t *last = a->bytes + address_size(a->family) - 2;

	return (uint32_t)last[0] << 8 | last[1];
}

struct address names_address(const struct names *n, const struct name *name,
			     const struct prefix *pool)
{
	struct address a = pool->address;
	uint8_t *last = a.bytes + address_size(a.family) - 2;
	uint32_t low = low_bits(&a) + number_of(n, name); /* the first of a pool is no host */

	last[0] = (uint8_t)(low >> 8);
	last[1] = (uint8_t)low;
	return a;
}

struct name *names_at(struct names *n, const struct prefix *pool, const struct address *a)
{
	const struct prefix host = { .address = *a,
				     .length = (uint8_t)(8 * address_size(a->family)) };
	struct name *name;
	uint32_t number;

	if (pool->address.family == 0 || !prefix_overlaps(pool, &host))
		return NULL;
	number = low_bits(a) - low_bits(&pool->address);
	if (number < 1 || number > NAMES)
		return NULL;
	name = &n->entries[number - 1];
	/* None that is not in the table: what lies there was never checked. */
	return name->length > 0 && names_find(n, name_text(name)) == name ? name : NULL;
}
