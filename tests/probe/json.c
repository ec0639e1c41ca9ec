/* SPDX-License-Identifier: MIT */
/* What the probe prints: JSON in the order of the calls, and the names of errors and signals. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"

static int depth;
static bool need_comma;

static void put_quoted(const char *value, size_t length)
{
	putchar('"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 ||
			 c >= 0x7f) /* bytes, not characters: Latin-1 keeps each of them */
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void begin_value(const char *key)
{
	if (need_comma)
		fputs(", ", stdout);
	if (key) {
		put_quoted(key, strlen(key));
		fputs(": ", stdout);
	}
	need_comma = true;
}

void json_open(const char *key, char brace)
{
	begin_value(key);
	putchar(brace);
	need_comma = false;
	depth++;
}

void json_close(char brace)
{
	putchar(brace);
	need_comma = true;
	if (--depth == 0) {
		need_comma = false;
		putchar('\n');
		fflush(stdout);
	}
}

void json_bytes(const char *key, const char *value, size_t length)
{
	begin_value(key);
	put_quoted(value, length);
}

void json_string(const char *key, const char *value)
{
	json_bytes(key, value, strlen(value));
}

void json_number(const char *key, long value)
{
	begin_value(key);
	printf("%ld", value);
}

void json_bool(const char *key, bool value)
{
	begin_value(key);
	fputs(value ? "true" : "false", stdout);
}

void json_error(const char *key, int error)
{
	json_open(key, '{');
	json_string("errno", errno_name(error));
	json_close('}');
}

/* Dense by hand: one name a line would be three screens. */
/* clang-format off */
#define NAME(e) [e] = #e
static const char *const errno_names[] = {
	[0] = "OK",
	NAME(EPERM), NAME(ENOENT), NAME(ESRCH), NAME(EINTR), NAME(EIO), NAME(ENXIO), NAME(E2BIG),
	NAME(ENOEXEC), NAME(EBADF), NAME(ECHILD), NAME(EAGAIN), NAME(ENOMEM), NAME(EACCES),
	NAME(EFAULT), NAME(EBUSY), NAME(EEXIST), NAME(ENODEV), NAME(ENOTDIR), NAME(EISDIR),
	NAME(EINVAL), NAME(ENFILE), NAME(EMFILE), NAME(ENOTTY), NAME(ETXTBSY), NAME(ENOSPC),
	NAME(EROFS), NAME(EPIPE), NAME(ERANGE), NAME(ENAMETOOLONG), NAME(ENOSYS), NAME(ELOOP),
	NAME(EPROTO), NAME(EOVERFLOW), NAME(EUSERS), NAME(EDESTADDRREQ), NAME(EMSGSIZE),
	NAME(EPROTOTYPE), NAME(ENOPROTOOPT), NAME(EPROTONOSUPPORT), NAME(ESOCKTNOSUPPORT),
	NAME(EOPNOTSUPP), NAME(EPFNOSUPPORT), NAME(EAFNOSUPPORT), NAME(EADDRINUSE),
	NAME(EADDRNOTAVAIL), NAME(ENETDOWN), NAME(ENETUNREACH), NAME(ENETRESET),
	NAME(ECONNABORTED), NAME(ECONNRESET), NAME(ENOBUFS), NAME(EISCONN), NAME(ENOTCONN),
	NAME(ESHUTDOWN), NAME(ETIMEDOUT), NAME(ECONNREFUSED), NAME(EHOSTDOWN),
	NAME(EHOSTUNREACH), NAME(EALREADY), NAME(EINPROGRESS), NAME(ESTALE), NAME(EDQUOT),
	NAME(ENOKEY), NAME(EKEYREJECTED),
};
#undef NAME
/* clang-format on */

const char *errno_name(int error)
{
	const int count = sizeof(errno_names) / sizeof(*errno_names);

	if (error >= 0 && error < count && errno_names[error])
		return errno_names[error];
	return strerror(error);
}

const char *signal_name(int signal)
{
	static const char *const names[32] = {
		"0",	  "HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",
		"FPE",	  "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM",
		"STKFLT", "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",
		"XCPU",	  "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS",
	};
	static char realtime[] = "RT00";

	if (signal < 32)
		return names[signal];
	realtime[2] = (char)('0' + signal / 10);
	realtime[3] = (char)('0' + signal % 10);
	return realtime;
}
