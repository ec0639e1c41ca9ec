/* SPDX-License-Identifier: MIT */
/* NFLOG (linux/netfilter/nfnetlink_log.h): what the kernel reports of packets that a rule logs. */
#ifndef NETLINK_NFLOG_H
#define NETLINK_NFLOG_H

#include <stdint.h>

/* Bytes of each packet that a report holds: all headers that tell what it was. */
#define NFLOG_COPY 128

/*
 * A socket that is told of the packets of this group of the network namespace. Each report comes by
 * itself and at once, and has a sequence number; those for which there is no room are lost, without
 * an error on the socket. Close-on-exec, non-blocking; -errno, where the kernel has no NFLOG.
 */
int nflog_open(uint16_t group);

#endif
