/* SPDX-License-Identifier: MIT */
/*
 * The command line and the BOUNDARY_* environment. Pure: no I/O, no allocation, no globals; borrows
 * argv and envp.
 *
 * One table of options drives parsing, environment names and --help; the man page is checked
 * against what --help prints.
 */
#ifndef INIT_OPTIONS_H
#define INIT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "init/gate/level.h"
#include "init/policy.h"
#include "sys/address.h"
#include "sys/cursor.h"
#include "sys/failure.h"
#include "sys/text.h"

/* --jail=MODE. What each makes and needs: init/modes.h. */
enum jail_mode {
	JAIL_AUTO, /* the best that is possible */
	JAIL_VETH,
	JAIL_LOOPBACK,
	JAIL_CONTAINER,
	JAIL_NONE,
	JAIL_MODES,
};

extern const char *const jail_mode_names[JAIL_MODES];

/* --check[=FORMAT] */
enum check_format { CHECK_NOT, CHECK_TABLE, CHECK_JSON };

#define PUBLISH_MAX 32

/* --publish [IP:]PORT[:PORT][/PROTOCOL] */
struct publish {
	struct address at; /* family 0: every address of the container */
	uint16_t port; /* there */
	uint16_t to; /* in the jail */
	uint8_t protocol;
};

struct options {
	enum jail_mode jail;
	bool no_userns;
	bool print_plan;
	bool help;
	bool version;
	bool observe;
	bool seccomp_profile;
	enum check_format check;
	bool log_level_given;
	enum audit_level log_level; /* if it was given */
	uint32_t grace; /* milliseconds */
	uint64_t agent_caps; /* set as in sys/caps.h */
	struct span user; /* as given; length 0: none */
	struct policy *policy; /* the caller's, set before; --allow and --deny add to it */
	const char *policy_file; /* NULL: none */
	struct span audit; /* as given; length 0: nothing was */
	struct {
		struct span host; /* a name, or an address without brackets; length 0: no proxy */
		uint16_t port;
	} proxy; /* --upstream-proxy */
	struct span test_method; /* of --test; length 0: not given. The URL is program[0] */
	struct publish publish[PUBLISH_MAX];
	unsigned int publish_count;
	char **program; /* the agent's argv, NULL-terminated; program[0] may be NULL */
};

/*
 * `o` is zero but for its policy. First the environment, then the arguments: the later one wins, what is
 * repeatable adds up.
 */
int options_parse(struct options *o, char **argv, char **envp, struct failure *f);

/* Takes our own variables out of envp, in place: the agent has no use for them. */
void options_clear_environment(char **envp);

void options_print_help(struct text *t);

#endif
