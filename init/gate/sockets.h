/* SPDX-License-Identifier: MIT */
/*
 * The sockets that are opened in the jail, before the agent runs there, and handed out to the gate. They
 * belong to the jail's network namespace wherever they are used from.
 */
#ifndef INIT_GATE_SOCKETS_H
#define INIT_GATE_SOCKETS_H

/* On the jail's loopback; below the range that the kernel gives out by itself. */
#define GATE_TCP_PORT 31080
#define GATE_DNS_PORT 31053

enum gate_socket {
	GATE_TCP4, /* listens on 127.0.0.1:GATE_TCP_PORT */
	GATE_TCP6, /* ... ::1; -1 in a jail without IPv6, as are the other two */
	GATE_DNS_TCP4, /* listens on 127.0.0.1:GATE_DNS_PORT */
	GATE_DNS_TCP6,
	GATE_DNS_UDP4, /* bound to 127.0.0.1:GATE_DNS_PORT */
	GATE_DNS_UDP6,
	GATE_PACKETS, /* NETLINK_NETFILTER, bound to the NFLOG group; -1 where the kernel has none */
	GATE_SOCKETS,
};

/* The NFLOG group of the jail's rules. Groups belong to a network namespace, so any number will do. */
#define GATE_LOG_GROUP 1

/* SO_MARK of the gate's own sockets where the jail's rules are those of the container, and so of the gate. */
#define GATE_MARK 0xbabd1a11

#endif
