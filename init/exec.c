/* SPDX-License-Identifier: MIT */
#include "init/exec.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "init/report.h"
#include "sys/errors.h"

#define STAGE "exec"

/* What Docker and Podman set when an image sets nothing. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern char **environ;

static const char *variable(const char *name)
{
	const char *value = NULL;

	for (char **e = environ; *e && !value; e++)
		value = string_after(*e, name);
	return value;
}

/* These say that the program is not here; any other error, that it is and cannot be executed. */
static bool not_here(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
}

/* The errno of a failed execve(2); if the file is there, what is missing is its interpreter. */
static int exec_at(const char *path, char **argv)
{
	execve(path, argv, environ);
	return not_here(errno) && access(path, F_OK) == 0 ? ENOEXEC : errno;
}

/* Tries each directory of the path; an empty one is the current directory. */
static int exec_in_path(char **argv)
{
	const char *path = variable("PATH=");
	struct cursor c = cursor_over(span_of(path ? path : DEFAULT_PATH));
	int telling = ENOENT;
	bool last;

	do {
		struct span directory = cursor_take_until(&c, ':');
		char buffer[PATH_MAX];
		struct text full = TEXT_OVER(buffer);
		int error;

		last = directory.at + directory.length == c.end;
		text_bytes(&full, directory.at, directory.length);
		text_printf(&full, directory.length > 0 ? "/%s" : "%s", argv[0]);
		if (full.cut)
			continue;
		error = exec_at(full.at, argv);
		if (error != EACCES && !not_here(error))
			return error;
		if (error == EACCES)
			telling = EACCES;
	} while (!last);
	return telling;
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
		error = span_has(span_of(p->program[0]), '/') ? exec_at(p->program[0], p->program) :
								exec_in_path(p->program);
	text_escaped(&name, p->program[0], strlen(p->program[0]));
	fail(&failure, STAGE, remedy(error), "'%s': %s", buffer,
	     error == ENOENT  ? "not found" :
	     error == ENOEXEC ? "cannot be executed" :
				error_text(error));
	report(&failure);
	return not_here(error) ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}
