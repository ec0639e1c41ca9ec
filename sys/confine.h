/* SPDX-License-Identifier: MIT */
/*
 * What a process gives up for good: by no_new_privs, seccomp(2) and landlock(7). Errors are -errno.
 */
#ifndef SYS_CONFINE_H
#define SYS_CONFINE_H

#include <stdbool.h>

/* No exec of this process or its children can gain a privilege from now on. */
int confine_no_new_privs(void);

/*
 * The agent's system call filter: a deny-list of the ways around a network namespace (namespaces
 * of one's own, sockets that netfilter does not see, io_uring) and of foreign call numbers.
 */
int confine_system_calls(void);

/*
 * The gate's: an allow-list of what a loop over sockets needs, anything else kills the process; and where
 * the kernel has Landlock, no file, no port to listen on, no signal to others.
 */
int confine_gate(void);

/*
 * The agent may signal nothing but itself and its children, and connect to no abstract socket of
 * others: /proc and uid checks alone would let it kill processes of the same uid outside its jail.
 * Returns 1 if this kernel does it (ABI 6, Linux 6.12), 0 if it cannot.
 */
int confine_scope(void);
bool confine_can_scope(void);

/* The version of Landlock that this kernel has, from 1 on; -1: it has none. */
long confine_landlock_abi(void);

#endif
