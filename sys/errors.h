/* SPDX-License-Identifier: MIT */
/* Error numbers in words (errno(3)). Pure: no I/O, no allocation, no globals. */
#ifndef SYS_ERRORS_H
#define SYS_ERRORS_H

/* As strerror(3) says it, for those that can happen here; "Unknown error" for the others. */
const char *error_text(int error);

#endif
