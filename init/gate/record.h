/* SPDX-License-Identifier: MIT */
/* What the gate writes to the audit log. */
#ifndef INIT_GATE_RECORD_H
#define INIT_GATE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "init/gate/packet.h"
#include "init/policy.h"
#include "sys/address.h"

/* A decision. What is not known is NULL or 0. */
struct decision {
	bool allowed;
	uint64_t flow; /* the number of the flow that it is about; 0: about a question of DNS */
	const struct request *request; /* never NULL */
	struct span claimed; /* another name that was claimed: SNI or Host */
	const struct address *address; /* that is dialled, if it has a family */
	const struct rule *rule; /* that decided */
	const char *reason;
	int error; /* of dialling, an errno */
};

void record_decision(const struct decision *d);

/* A packet that the kernel's rules have refused, or let through where the gate only observes. */
void record_packet(const struct packet *p);

/* What an operator should know: `what` is static text. */
void record_trouble(const char *what, uint64_t count);

/* Reports from the kernel arrive numbered: how many were lost, because they came too fast. */
void record_packets(int fd);

#endif
