/* SPDX-License-Identifier: MIT */
/* The table of subcommands, and those that are too small for a file of their own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

static command_fn cmd_exit, cmd_sleep, cmd_say, cmd_cat, cmd_seq, cmd_commands, cmd_spawn, cmd_exec,
	cmd_help;

static const struct command {
	const char *name;
	command_fn *run;
	int min_args, max_args; /* without the name; -1: no limit */
	const char *arguments, *help;
} commands[] = {
	{ "connect", cmd_connect, 2, 3, "ADDR PORT [SEND]",
	  "TCP: result, errno, microseconds, reply" },
	{ "udp", cmd_udp, 2, 3, "ADDR PORT [SEND]", "UDP: the same" },
	{ "ping", cmd_ping, 1, 1, "ADDR", "ICMP echo: the same" },
	{ "spoof", cmd_spoof, 3, 3, "SOURCE DEST PORT",
	  "send one raw UDP packet with a forged source" },
	{ "serve", cmd_serve, 3, 3, "ADDR PORT,.. TEXT",
	  "answer 'TEXT client-address' on TCP and UDP" },
	{ "echo", cmd_echo, 2, 2, "ADDR PORT,..", "TCP and UDP: send back what comes in" },
	{ "frame", cmd_frame, 2, 2, "LINK HEX", "send these bytes by a packet socket" },
	{ "status", cmd_status, 0, 0, "", "everything about this process and its namespaces" },
	{ "status-of", cmd_status_of, 1, 1, "PID",
	  "the same of another one, as far as it can be read" },
	{ "try", cmd_try, 0, -1, "[NAME...]", "attempt something forbidden; errno or OK for each" },
	{ "clone-flags", cmd_clone_flags, 1, -1, "FLAGS..",
	  "which a filter refuses to clone(2); EINVAL for those it does not" },
	{ "peer", cmd_peer, 1, 1, "PID", "what may be done to that process; errno or OK for each" },
	{ "signals", cmd_signals, 0, 1, "[CODE]", "print every signal; exit with CODE on TERM" },
	{ "window", cmd_window, 0, 0, "", "size of the terminal, at once and at each WINCH" },
	{ "ignore-term", cmd_ignore_term, 0, 0, "", "ignore TERM, sleep" },
	{ "kill-self", cmd_kill_self, 1, 1, "SIGNAL", "die of it" },
	{ "orphans", cmd_orphans, 1, 1, "N", "leave N orphans; are they all reaped?" },
	{ "collect", cmd_collect, 1, 1, "MS",
	  "signals blocked from birth on, in order, until MS are quiet after 64" },
	{ "flood", cmd_flood, 2, 2, "PID ROUNDS", "send it every signal but TERM, so many times" },
	{ "herd", cmd_herd, 1, 1, "N", "make N children that sleep for ever" },
	{ "exit", cmd_exit, 1, 1, "CODE", "with that code" },
	{ "sleep", cmd_sleep, 0, 1, "[SECONDS]", "say 'ready' and sleep, for ever by default" },
	{ "say", cmd_say, 1, 1, "WORD", "print one line" },
	{ "cat", cmd_cat, 0, 0, "", "stdin to stdout" },
	{ "seq", cmd_seq, 1, -1, "CMD.. , CMD..", "one after the other; the last code counts" },
	{ "commands", cmd_commands, 0, 0, "", "do what each line of standard input says" },
	{ "spawn", cmd_spawn, 1, -1, "CMD..", "in a child process, without waiting for it" },
	{ "close", cmd_close, 1, -1, "FD..", "of this process" },
	{ "to", cmd_to, 2, -1, "FD CMD..", "with that descriptor as stdout" },
	{ "files", cmd_files, 2, -1, "N CMD..", "with room for N descriptors only" },
	{ "become", cmd_become, 1, 1, "ID", "that user and group, for what follows in a seq" },
	{ "exec", cmd_exec, 1, -1, "PROGRAM [ARG..]", "replace this process" },
	{ "help", cmd_help, 0, 0, "", "this list" },
};

int main(int argc, char **argv)
{
	if (argc < 2)
		usage_error("a subcommand is needed; see 'help'");
	return run_command(argc - 1, argv + 1);
}

int run_command(int argc, char **argv)
{
	const struct command *command = commands;

	for (; command < commands + sizeof(commands) / sizeof(*commands); command++) {
		if (strcmp(command->name, argv[0]))
			continue;
		if (argc - 1 < command->min_args)
			usage_error("too few arguments");
		if (command->max_args >= 0 && argc - 1 > command->max_args)
			usage_error("too many arguments");
		int code = command->run(argc, argv);
		fflush(stdout);
		return code;
	}
	usage_error(argv[0]);
}

void usage_error(const char *problem)
{
	fprintf(stderr, "probe: usage: %s\n", problem);
	exit(PROBE_USAGE);
}

long number(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end)
		usage_error(text);
	return value;
}

void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

void wait_forever(void)
{
	for (;;)
		pause();
}

static int cmd_exit(int argc, char **argv)
{
	(void)argc;
	return (int)number(argv[1]);
}

static int cmd_sleep(int argc, char **argv)
{
	say("ready");
	if (argc == 1)
		wait_forever();
	sleep((unsigned)number(argv[1]));
	return PROBE_OK;
}

static int cmd_say(int argc, char **argv)
{
	(void)argc;
	say(argv[1]);
	return PROBE_OK;
}

static int cmd_cat(int argc, char **argv)
{
	char buffer[4096];
	ssize_t length;

	(void)argc, (void)argv;
	while ((length = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0) {
		if (write(STDOUT_FILENO, buffer, (size_t)length) != length)
			return PROBE_FAILED;
	}
	return length ? PROBE_FAILED : PROBE_OK;
}

/* "seq connect 10.0.0.1 80 , status": a lone comma parts the commands. */
static int cmd_seq(int argc, char **argv)
{
	int code = PROBE_OK;
	int start = 1;

	for (int i = 1; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], ","))
			continue;
		argv[i] = NULL; /* so that exec sees its own arguments only */
		if (i > start)
			code = run_command(i - start, argv + start);
		start = i + 1;
	}
	return code;
}

/* Words are parted by single spaces. Ends with the input, and then well. */
static int cmd_commands(int argc, char **argv)
{
	static char line[8192];
	char *words[128], *rest;

	(void)argc, (void)argv;
	while (fgets(line, sizeof(line), stdin)) {
		int count = 0;

		for (char *word = strtok_r(line, " \n", &rest); word && count < 127;
		     word = strtok_r(NULL, " \n", &rest))
			words[count++] = word;
		words[count] = NULL;
		if (count)
			run_command(count, words);
	}
	return PROBE_OK;
}

static int cmd_spawn(int argc, char **argv)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		exit(run_command(argc - 1, argv + 1));
	return pid < 0 ? PROBE_FAILED : PROBE_OK;
}

static int cmd_exec(int argc, char **argv)
{
	(void)argc;
	fflush(stdout);
	execv(argv[1], argv + 1);
	json_open(NULL, '{');
	json_string("errno", errno_name(errno));
	json_close('}');
	return PROBE_FAILED;
}

static int cmd_help(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		printf("%-12s %-21s %s\n", commands[i].name, commands[i].arguments,
		       commands[i].help);
	return PROBE_OK;
}
