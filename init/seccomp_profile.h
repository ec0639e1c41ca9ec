/* SPDX-License-Identifier: MIT */
/*
 * Seccomp profiles in JSON (RFC 8259) as container engines read them, and the one rule that boundary-init
 * needs in one: clone(2) may make a user and a network namespace, both at once and no other. Pure: no I/O, no
 * allocation, no globals.
 *
 * The flags are clone's first argument, and on s390 and s390x its second. A rule for the wrong argument would
 * compare an address that the caller chooses, so where a profile is for both, the rule says which it is for:
 *
 *   archMap, includes, excludes    Docker and Podman: two rules, one for each place of the flags
 *   architectures                  the OCI runtime specification, as which containerd reads the profiles of
 *                                  Kubernetes: it ignores conditions. One rule; s390 among others is refused
 *   architectures, "name"          Docker 1.10 and 1.11, whose entries have one system call each: the rule too
 *   none of these                  each engine takes its machine's own architecture. One rule, for the first
 *                                  argument; Docker and Podman see in it that it is not for s390
 *
 * In libseccomp a rule without conditions takes the place of those with conditions, whatever the order, and
 * runc leaves out what has the action of the default. So a profile that lets every clone pass keeps doing
 * that. An entry for clone with another action than SCMP_ACT_ALLOW can win over the rule, and one with the
 * same condition keeps a container from starting: it is refused.
 *
 * The JSON is checked as a whole, but that text beyond ASCII is UTF-8. Of what an engine would itself refuse,
 * only that is which hides where the rule belongs. Members' names count as Moby writes them, without escapes.
 */
#ifndef INIT_SECCOMP_PROFILE_H
#define INIT_SECCOMP_PROFILE_H

#include "sys/cursor.h"
#include "sys/failure.h"
#include "sys/text.h"

/*
 * Writes the profile to `t`, byte for byte, with the rule as the last of its "syscalls"; or as it is, if it
 * has the rule. That is at most 512 bytes more, and the NUL. 0; or -1 with `f` filled, and `t` is not to be
 * used.
 */
int seccomp_profile_add_rule(struct span profile, struct text *t, struct failure *f);

#endif
