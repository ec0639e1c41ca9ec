/* SPDX-License-Identifier: MIT */
/* Who the agent is: inside and outside, and what the kernel wants to be told of it. */
#include "init/plan_parts.h"

static void map_every_id(struct id_map *to, const struct id_map *own)
{
	to->count = own->count;
	for (unsigned int i = 0; i < own->count; i++)
		to->extents[i] = (struct id_extent){ .first = own->extents[i].first,
						     .lower = own->extents[i].first,
						     .count = own->extents[i].count };
}

/* Id 0 is the one that may need more than the others. */
static void leave_out_root(struct id_map *map)
{
	for (unsigned int i = 0; i < map->count; i++) {
		struct id_extent *e = &map->extents[i];

		if (e->first != 0)
			continue;
		if (e->count == 1)
			*e = map->extents[--map->count];
		else
			*e = (struct id_extent){ .first = 1, .lower = 1, .count = e->count - 1 };
		return;
	}
}

static void map_one_id(struct id_map *to, uint32_t id)
{
	to->extents[0] = (struct id_extent){ .first = id, .lower = id, .count = 1 };
	to->count = 1;
}

static int fail_id_map(const struct plan *p, struct failure *f)
{
	return fail(f, STAGE, "Choose a --user that exists in the container's own user namespace",
		    "id map: uid %u or gid %u cannot be mapped", p->agent.uid, p->agent.gid);
}

/*
 * The kernel's rules (user_namespaces(7)): a map of more than one's own id takes CAP_SETUID or
 * CAP_SETGID, one that contains uid 0 takes CAP_SETFCAP, and without CAP_SETGID setgroups(2) has to
 * be denied before the gid map is written.
 */
int plan_id_maps(struct plan *p, bool any_ids, const struct facts *facts, struct failure *f)
{
	uint64_t caps = facts->caps.effective;
	bool root_mapped = caps & CAP_BIT(CAP_SETFCAP);

	p->unmapped = p->agent.uid == 0 && !root_mapped;
	if (p->unmapped && !any_ids)
		return fail(
			f, STAGE,
			"Add --cap-add SETFCAP, or run the agent as another user with --user",
			"uid map: CAP_SETFCAP is missing, without which uid 0 cannot be mapped into "
			"a user namespace");
	if (caps & CAP_BIT(CAP_SETUID)) {
		map_every_id(&p->uids, &facts->uids);
		if (!root_mapped)
			leave_out_root(&p->uids);
	} else if (p->agent.uid == facts->uid && !p->unmapped) {
		map_one_id(&p->uids, facts->uid);
	}
	if (caps & CAP_BIT(CAP_SETGID)) {
		map_every_id(&p->gids, &facts->gids);
	} else {
		map_one_id(&p->gids, facts->gid);
		p->deny_setgroups = true;
	}
	if ((!idmap_contains(&p->uids, p->agent.uid) && !p->unmapped) ||
	    !idmap_contains(&p->gids, p->agent.gid))
		return fail_id_map(p, f);
	return 0;
}

int plan_identity(struct plan *p, const struct facts *facts, const struct account *account,
		  struct failure *f)
{
	const uint64_t needed = CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID);

	if (!account) {
		p->agent.uid = facts->uid;
		p->agent.gid = facts->gid;
		return 0;
	}
	if ((facts->caps.effective & needed) != needed)
		return fail(f, STAGE,
			    "Start the container as root with --cap-add SETUID --cap-add SETGID",
			    "--user: CAP_SETUID or CAP_SETGID is missing");
	p->change_user = true;
	p->agent = *account;
	if (facts->uids.count > 0 && (!idmap_contains(&facts->uids, p->agent.uid) ||
				      !idmap_contains(&facts->gids, p->agent.gid)))
		return fail_id_map(p, f);
	return 0;
}
