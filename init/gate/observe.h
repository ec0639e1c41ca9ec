/* SPDX-License-Identifier: MIT */
/* --observe: which rules would have allowed what was done. */
#ifndef INIT_GATE_OBSERVE_H
#define INIT_GATE_OBSERVE_H

#include <stdbool.h>

#include "init/gate/packet.h"
#include "init/policy.h"

/* Notes what no rule allows; `private_too` if an address that was dialled takes private=yes. */
void observe_request(const struct request *r, bool private_too);
void observe_packet(const struct packet *p);

/* A connection by address that no rule allows. */
void observe_address(const struct address *a, uint16_t port);

/* Prints the rules on standard error, each once, as options. */
void observe_print(void);

#endif
