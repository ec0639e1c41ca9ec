/* SPDX-License-Identifier: MIT */
/* What stands for names in the jail: addresses that no host has, and those that hosts(5) lists. */
#include <string.h>
#include <sys/socket.h>

#include "init/plan_parts.h"

/*
 * Addresses for names, as many in both families: 198.18.0.0/15 is for benchmarks (RFC 2544), so no
 * host has one of these. Each of these blocks has four pools.
 */
static const struct prefix pool_blocks[] = {
	{ { AF_INET, { 198, 18 } }, 18 },
	{ { AF_INET, { 198, 19 } }, 18 },
	{ { AF_INET6, { 0xfd, 'b', 'o', 'u', 'n', 'd', 'a', 'r', 'n', 'a', 'm', 'e', 's' } }, 114 },
	{ { AF_INET6, { 0xfd, 'j', 'a', 'i', 'l', 0, 'r', 'y', 'n', 'a', 'm', 'e', 's' } }, 114 },
};

#define POOLS 4

static void plan_pool(struct plan *p, uint8_t family, const struct facts *facts,
		      const struct policy *rules)
{
	for (unsigned int i = 0; i < POOLS * sizeof(pool_blocks) / sizeof(pool_blocks[0]); i++) {
		struct prefix pool = pool_blocks[i / POOLS];

		pool.address.bytes[address_size(family) - 2] = (uint8_t)(i % POOLS * (256 / POOLS));
		if (pool.address.family == family && plan_may_take(&pool, facts, rules)) {
			p->pools[family == AF_INET6] = pool;
			return;
		}
	}
}

/* Not this host, not many, not of one link only: files of hosts(5) have such addresses by default. */
static bool is_of_one_host(const struct address *a)
{
	static const uint8_t zero[12];

	if (a->family == AF_INET)
		return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
	return a->bytes[0] < 0xfe && memcmp(a->bytes, zero, sizeof(zero)) != 0;
}

static bool is_planned(const struct plan *p, const struct prefix *host)
{
	if (prefix_overlaps(&p->pools[host->address.family == AF_INET6], host))
		return true;
	for (unsigned int i = 0; i < p->host_count; i++)
		if (prefix_overlaps(&p->hosts[i], host))
			return true;
	return false;
}

static void plan_hosts(struct plan *p, const struct resolv *resolv)
{
	for (unsigned int i = 0; i < resolv->host_count && p->host_count < PLAN_HOSTS; i++) {
		const struct address *a = &resolv->hosts[i].address;
		const struct prefix host = { *a, (uint8_t)(8 * address_size(a->family)) };

		if ((a->family == AF_INET || p->wire.family_count > 1) && is_of_one_host(a) &&
		    !is_planned(p, &host))
			p->hosts[p->host_count++] = host;
	}
}

int plan_names(struct plan *p, const struct options *o, const struct facts *facts,
	       struct failure *f)
{
	plan_pool(p, AF_INET, facts, o->policy);
	if (p->wire.family_count > 1)
		plan_pool(p, AF_INET6, facts, o->policy);
	for (unsigned int i = 0; i < o->policy->count && !p->pools[0].address.family; i++)
		if (!o->policy->rules[i].cidr.address.family && !o->policy->rules[i].deny)
			return fail(f, STAGE, PLAN_NARROW,
				    "address: every IPv4 subnet for names is in use");
	plan_hosts(p, &facts->resolv);
	return 0;
}
