/* SPDX-License-Identifier: MIT */
/*
 * probe: a guest for container images that hold nothing else.
 *
 * Tests run it where a shell would be used if there were one: as the jailed agent, as a process of
 * the container, as a server on a test host. Each subcommand prints one line, JSON where there is
 * more than a word to say, and tells the outcome by its exit code as well.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* Exit codes that all subcommands share. */
enum {
	PROBE_OK = 0,
	PROBE_FAILED = 1, /* what was asked for did not work; the line says why */
	PROBE_USAGE = 64, /* the test made a mistake */
};

/* A subcommand gets its own name as argv[0] and returns the exit code. */
typedef int command_fn(int argc, char **argv);

/* probe.c */
int run_command(int argc, char **argv);
long number(const char *text); /* decimal, or usage error */
void usage_error(const char *problem) __attribute__((noreturn));
void say(const char *word); /* one line, flushed: tests wait for it */
void wait_forever(void) __attribute__((noreturn));

/* json.c: writes to stdout; it places the commas, and closing the outermost brace ends the line. */
void json_open(const char *key, char brace); /* key is NULL inside arrays and at the top */
void json_close(char brace);
void json_string(const char *key, const char *value);
void json_bytes(const char *key, const char *value, size_t length);
void json_number(const char *key, long value);
void json_bool(const char *key, bool value);
void json_error(const char *key, int error); /* {"errno": "EPERM"}: could not be read */
const char *errno_name(int error); /* "EPERM"; "OK" for 0 */
const char *signal_name(int signal); /* "TERM"; "RT34" from 32 on */

/* net.c, raw.c, serve.c, status.c, peer.c, signals.c, try.c */
command_fn cmd_connect, cmd_udp, cmd_ping, cmd_spoof, cmd_frame;
command_fn cmd_serve, cmd_echo;
command_fn cmd_status, cmd_status_of, cmd_peer;
command_fn cmd_signals, cmd_window, cmd_kill_self, cmd_ignore_term, cmd_orphans;
command_fn cmd_close, cmd_to, cmd_files, cmd_become, cmd_herd, cmd_flood, cmd_collect;
command_fn cmd_try, cmd_clone_flags;

#endif
