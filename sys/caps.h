/* SPDX-License-Identifier: MIT */
/*
 * Capabilities (capabilities(7)), as 64-bit sets: bit N is the capability numbered N in
 * linux/capability.h. Functions return 0 or -errno.
 */
#ifndef SYS_CAPS_H
#define SYS_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/capability.h>

#define CAP_BIT(cap) (1ULL << (cap))

struct caps {
	uint64_t effective;
	uint64_t permitted;
	uint64_t inheritable;
	uint64_t bounding;
	uint64_t ambient;
};

/* All five sets of the calling process. */
int caps_read(struct caps *c);

/* Takes these out of the bounding set; needs CAP_SETPCAP. */
int caps_drop_bounding(uint64_t drop);

/* Effective = permitted = `keep`, inheritable = ambient = nothing. */
int caps_drop(uint64_t keep);

/* As caps_drop, but `keep` survives the next exec, whatever the uid: inheritable and ambient. */
int caps_drop_and_pass_on(uint64_t keep);

/*
 * Locks what root would otherwise get back: no capability by uid 0, none by a change of uid, no
 * new ambient one. Needs CAP_SETPCAP.
 */
int caps_lock_securebits(void);
bool caps_securebits_locked(void);

#endif
