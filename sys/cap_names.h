/* SPDX-License-Identifier: MIT */
/* Names of capabilities (capabilities(7)). Pure: no I/O, no allocation, no globals. */
#ifndef SYS_CAP_NAMES_H
#define SYS_CAP_NAMES_H

#include <stdint.h>

#include "sys/cursor.h"
#include "sys/text.h"

/* The number of "net_raw" or "CAP_NET_RAW", in any case; -1 if there is none of this name. */
int cap_by_name(struct span name);

/* "net_raw", or NULL for a number that this table does not know. */
const char *cap_name(unsigned int cap);

/* "chown,net_raw": those in this set (sys/caps.h), as far as the table knows them. */
void cap_names_print(struct text *t, uint64_t caps);

#endif
