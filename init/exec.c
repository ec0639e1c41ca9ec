/* SPDX-License-Identifier: MIT */
#include "init/exec.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "init/report.h"

#define STAGE "exec"

/* What Docker and Podman set when an image sets nothing. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

static const char *variable(const char *name)
{
	size_t length = strlen(name);

	for (char **e = environ; *e; e++)
		if (strncmp(*e, name, length) == 0 && (*e)[length] == '=')
			return *e + length + 1;
	return NULL;
}

/* These say that the program is not here; any other error, that it is and cannot be executed. */
static bool not_here(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
}

/* Tries `name` in each directory of the path. The errno of the most telling failure. */
static int exec_in_path(char **argv)
{
	const char *path = variable("PATH");
	struct cursor c = cursor_over(span_of(path ? path : DEFAULT_PATH));
	int telling = ENOENT;

	do {
		struct span directory = cursor_take_until(&c, ':');
		char buffer[PATH_MAX];
		struct text full = TEXT_OVER(buffer);

		text_bytes(&full, directory.at, directory.length);
		text_printf(&full, directory.length > 0 ? "/%s" : "%s", argv[0]);
		if (full.cut)
			continue;
		execve(full.at, argv, environ);
		if (errno == ENOENT && access(full.at, F_OK) == 0)
			return ENOEXEC; /* it is there, its interpreter is not */
		if (errno != EACCES && !not_here(errno))
			return errno;
		if (errno == EACCES)
			telling = EACCES;
	} while (!cursor_done(&c));
	return telling;
}

static int exec_at(char **argv)
{
	execve(argv[0], argv, environ);
	return errno == ENOENT && access(argv[0], F_OK) == 0 ? ENOEXEC : errno;
}

static const char *remedy(int error)
{
	switch (error) {
	case ENOENT:
		return "Name a program that is in the image, with its path or in PATH";
	case EACCES:
		return "Make it executable, and its directories and mount too";
	case ENOEXEC:
		return "Its interpreter or dynamic loader is missing in the image, it has no #! line, or it "
		       "is for another architecture";
	case E2BIG:
		return "Shorten the arguments or the environment";
	default:
		return NULL;
	}
}

int exec_program(const struct plan *p)
{
	struct failure failure;
	char buffer[200];
	struct text name = TEXT_OVER(buffer);
	int error = ENOENT;

	if (p->program[0][0] != '\0')
		error = strchr(p->program[0], '/') ? exec_at(p->program) : exec_in_path(p->program);
	text_escaped(&name, p->program[0], strlen(p->program[0]));
	fail(&failure, STAGE, remedy(error), "'%s': %s", buffer,
	     error == ENOENT  ? "not found" :
	     error == ENOEXEC ? "cannot be executed" :
				strerror(error));
	report(&failure);
	return not_here(error) ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}
