/* SPDX-License-Identifier: MIT */
/*
 * Times how long commands take from their start to the first instruction of the program that they
 * execute in the end, which is this file's own other face.
 *
 *   stopwatch agent                                  writes the time of CLOCK_MONOTONIC to descriptor 3
 *   stopwatch ROUNDS COMMAND... [--- COMMAND...]...  each command in turn, ROUNDS times
 *
 * Prints for each command one line with the nanoseconds of every round. Commands take turns, so that
 * whatever else the machine does meets all of them alike. Each round runs after the command before it
 * has ended; one that fails ends the benchmark.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS 8
#define ROUNDS 10000

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t measure(char **command)
{
	int64_t start, reached = 0;
	int channel[2], status;
	pid_t pid;

	if (pipe(channel) < 0)
		err(1, "pipe");
	start = now();
	pid = vfork();
	if (pid == 0) {
		dup2(channel[1], 3);
		execv(command[0], command);
		_exit(127);
	}
	close(channel[1]);
	if (read(channel[0], &reached, sizeof(reached)) != sizeof(reached))
		errx(1, "%s: its agent never ran", command[0]);
	close(channel[0]);
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		errx(1, "%s: ended with status %d", command[0], status);
	return reached - start;
}

int main(int argc, char **argv)
{
	static int64_t times[COMMANDS][ROUNDS];
	char **commands[COMMANDS] = { argv + 2 };
	int count = 1, rounds;

	if (argc == 2 && strcmp(argv[1], "agent") == 0) {
		int64_t reached = now();

		return write(3, &reached, sizeof(reached)) != sizeof(reached);
	}
	rounds = argc > 2 ? atoi(argv[1]) : 0;
	if (rounds < 1 || rounds > ROUNDS)
		errx(2, "usage: stopwatch ROUNDS COMMAND... [--- COMMAND...]...");
	for (int i = 2; i < argc && count < COMMANDS; i++) {
		if (strcmp(argv[i], "---") == 0) {
			argv[i] = NULL;
			commands[count++] = argv + i + 1;
		}
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++)
			times[i][round] = measure(commands[i]);
	for (int i = 0; i < count; i++) {
		for (int round = 0; round < rounds; round++)
			printf("%lld ", (long long)times[i][round]);
		printf("\n");
	}
	return 0;
}
