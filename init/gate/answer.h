/* SPDX-License-Identifier: MIT */
/* The jail's DNS server, over UDP and TCP. */
#ifndef INIT_GATE_ANSWER_H
#define INIT_GATE_ANSWER_H

#include <stdint.h>

#include "init/gate/dns.h"
#include "init/gate/names.h"
#include "init/gate/timer.h"

void answer_udp(int fd);
void answer_accept(int listener);
void answer_stream_event(uint32_t index, uint16_t generation, uint32_t events);
void answer_timer(struct timer *t);

/* The addresses that a name has by hosts(5), for ever. False: none. */
bool name_in_hosts(struct span text, struct dns_answer *a);

/* Keeps what the servers said of a name. */
void name_learn(struct name *name, const struct dns_answer *a);

#endif
