/* SPDX-License-Identifier: MIT */
/*
 * Seccomp profiles in JSON (RFC 8259) as container engines read them, and the one rule that boundary-init needs in
 * one: clone(2) may make a user and a network namespace, both at once and no other. Pure: no I/O, no
 * allocation, no globals.
 *
 * The flags are clone's first argument, and on s390 and s390x its second. A rule for the wrong argument would look at
 * an address that the caller chooses, so where engines differ the rule says which architectures it is for:
 *
 *   archMap, includes, excludes    Docker, since 17.05, and Podman: two rules, one for each place of the flags
 *   architectures                  the OCI runtime specification, which containerd takes for Kubernetes: it knows no
 *                                  conditions and would ignore them. One rule; s390 and others together are refused
 *   architectures, "name"          Docker 1.10 and 1.11, whose entries have one system call each: as they have it
 *   none of these                  all of them take the machine's own architecture. One rule for the first argument;
 *                                  Docker and Podman see that it is not for s390
 *
 * In libseccomp a rule without conditions takes the place of those with conditions, whatever the order, and runc and
 * crun leave out what has the action of the default. So a profile that lets every clone pass keeps doing that, and an
 * entry for clone with another action than ALLOW and LOG could win over the rule: it is refused.
 */
#ifndef INIT_SECCOMP_PROFILE_H
#define INIT_SECCOMP_PROFILE_H

#include "sys/cursor.h"
#include "sys/failure.h"
#include "sys/text.h"

/*
 * Writes the profile to `t`, byte for byte, with the rule as the last of its "syscalls"; or as it is, if it has the
 * rule. 0; or -1 with `f` filled, and what is in `t` is not to be used.
 */
int seccomp_profile_add_rule(struct span profile, struct text *t, struct failure *f);

#endif
