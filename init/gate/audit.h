/* SPDX-License-Identifier: MIT */
/*
 * The audit log: one JSON object (RFC 8259) a line. It is written without ever waiting: what the reader or
 * the disk does not take is dropped and counted, and the next record that gets through says how many were.
 */
#ifndef INIT_GATE_AUDIT_H
#define INIT_GATE_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "init/gate/level.h"
#include "sys/address.h"
#include "sys/cursor.h"
#include "sys/failure.h"
#include "sys/text.h"

/*
 * Opens what --audit names; `where` is not NUL-terminated. A descriptor, close-on-exec, or -1 with `f` filled.
 *
 *   stderr      standard error, which stays the agent's
 *   fd:N        a descriptor that init was started with. It becomes close-on-exec, so that the agent does not
 *               inherit it, unless it is one of the standard three
 *   unix:/PATH  a stream or a datagram socket; unix:@NAME is an abstract one. While nobody reads there,
 *               audit_end tries to connect again, at most once a second
 *   FILE        any other: made if need be (mode 0600), appended to
 *
 * Called before init opens descriptors of its own that are not close-on-exec: an fd:N that is, is refused.
 */
int audit_open(struct span where, struct failure *f);

/*
 * From here on records go there, those up to this level. -1: nowhere. It, and all below, may be called by a
 * process that has no right to open files, with SIGPIPE blocked or ignored; their system calls are
 * clock_gettime, sendto, ppoll, write, and for unix: socket, connect and close.
 */
void audit_start(int fd, enum audit_level level);

/* Whether a record of this level would be written at all. */
bool audit_wants(enum audit_level level);

/*
 * A record: begin, any number of members, end. `event` is "verdict", "flow", "packet", "start", ... The
 * members "time" (UTC, RFC 3339, microseconds), "seq" (counts all records, so dropped ones leave a gap) and
 * "event" come by themselves; if records were dropped since the last one, "dropped" too. Keys and the event
 * are written as they are. Values are escaped: what is no printable ASCII comes as \u00XX, byte by byte.
 *
 * A string is cut after AUDIT_STRING_MAX bytes, so that none pushes out those behind it, and what does not
 * fit into AUDIT_RECORD_MAX (the newline included) is left out; the record then ends with "cut":true.
 */
#define AUDIT_RECORD_MAX 4096 /* PIPE_BUF: a pipe takes a record as a whole or not at all */
#define AUDIT_STRING_MAX 1024 /* as it is escaped, with its quotes */

void audit_begin(enum audit_level level, const char *event);
void audit_string(const char *key, const char *value); /* NULL: left out */
void audit_span(const char *key, struct span value); /* at is NULL: left out */
void audit_number(const char *key, uint64_t value);
void audit_address(const char *key, const struct address *a); /* family 0: left out */
void audit_end(void);

/* "2026-11-23T22:56:50.123456Z", by the time since 1970 without leap seconds. */
void audit_print_time(struct text *t, uint64_t seconds, uint32_t microseconds);

#endif
