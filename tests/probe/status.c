/* SPDX-License-Identifier: MIT */
/* Everything that a process can tell about itself, or about another one, as one JSON object. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "probe.h"

/* The whole file in a buffer with a NUL behind it, or -errno. */
static ssize_t read_proc(const char *pid, const char *name, char *buffer, size_t size)
{
	char path[PATH_MAX];
	ssize_t got, used = 0;
	int fd, error;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((got = read(fd, buffer + used, size - 1 - (size_t)used)) > 0)
		used += got;
	error = errno;
	close(fd);
	buffer[used] = '\0';
	return got < 0 ? -error : used;
}

/* Lines of /proc/PID/status, under the kernel's own names; numbers in lists become arrays. */
static void print_status_file(const char *pid)
{
	static const struct field {
		const char *name;
		enum { WORD, NUMBER, NUMBERS } kind;
	} fields[] = {
		{ "Name", WORD },      { "Umask", WORD },    { "Pid", NUMBER },
		{ "PPid", NUMBER },    { "Uid", NUMBERS },   { "Gid", NUMBERS },
		{ "Groups", NUMBERS }, { "NSpid", NUMBERS }, { "SigBlk", WORD },
		{ "SigIgn", WORD },    { "SigCgt", WORD },   { "SigPnd", WORD },
		{ "CapInh", WORD },    { "CapPrm", WORD },   { "CapEff", WORD },
		{ "CapBnd", WORD },    { "CapAmb", WORD },   { "NoNewPrivs", NUMBER },
		{ "Seccomp", NUMBER },
	};
	static char text[8192];
	ssize_t length = read_proc(pid, "status", text, sizeof(text));

	if (length < 0) {
		json_error("status", (int)-length);
		return;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		char prefix[32], *value, *end;

		snprintf(prefix, sizeof(prefix), "\n%s:\t", fields[i].name);
		value = i == 0 ? text :
				 strstr(text, prefix); /* the first line has no newline before it */
		if (!value)
			continue;
		value += strlen(prefix) - (i == 0);
		end = value + strcspn(value, "\n");
		if (fields[i].kind == WORD) {
			json_bytes(fields[i].name, value, (size_t)(end - value));
			continue;
		}
		if (fields[i].kind == NUMBERS)
			json_open(fields[i].name, '[');
		while (value < end) {
			char *after;
			long n = strtol(value, &after, 10);

			if (after == value || after > end)
				break;
			json_number(fields[i].kind == NUMBERS ? NULL : fields[i].name, n);
			value = after;
		}
		if (fields[i].kind == NUMBERS)
			json_close(']');
	}
}

static void print_link(const char *pid, const char *name, const char *key)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	length = readlink(path, target, sizeof(target));
	if (length < 0)
		json_error(key, errno);
	else
		json_bytes(key, target, (size_t)length);
}

static void print_file(const char *pid, const char *name)
{
	static char text[65536];
	ssize_t length = read_proc(pid, name, text, sizeof(text));

	if (length < 0)
		json_error(name, (int)-length);
	else
		json_bytes(name, text, (size_t)length);
}

/* NUL-separated strings: an array, or name and value of an environment. */
static void print_strings(const char *pid, const char *name, bool pairs)
{
	static char text[1 << 18];
	ssize_t length = read_proc(pid, name, text, sizeof(text));

	if (length < 0) {
		json_error(name, (int)-length);
		return;
	}
	json_open(name, pairs ? '{' : '[');
	for (char *word = text; word < text + length; word += strlen(word) + 1) {
		char key[256], *equals = strchr(word, '=');

		if (!pairs) {
			json_string(NULL, word);
		} else if (equals) {
			snprintf(key, sizeof(key), "%.*s", (int)(equals - word), word);
			json_string(key, equals + 1);
		}
	}
	json_close(pairs ? '}' : ']');
}

static void print_fds(const char *pid)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	fds = opendir(path);
	if (!fds) {
		json_error("fds", errno);
		return;
	}
	json_open("fds", '{');
	while ((entry = readdir(fds))) {
		char name[64];

		if (entry->d_name[0] == '.' ||
		    (!strcmp(pid, "self") && atoi(entry->d_name) == dirfd(fds)))
			continue;
		snprintf(name, sizeof(name), "fd/%.20s", entry->d_name);
		print_link(pid, name, entry->d_name);
	}
	json_close('}');
	closedir(fds);
}

static void print_namespaces(const char *pid)
{
	static const char *const names[] = { "user", "net", "pid", "mnt", "uts", "ipc", "cgroup" };

	json_open("ns", '{');
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[32];

		snprintf(path, sizeof(path), "ns/%s", names[i]);
		print_link(pid, path, names[i]);
	}
	json_close('}');
}

static unsigned int prefix_length(const struct sockaddr *mask)
{
	const unsigned char *bytes;
	size_t count;
	unsigned int bits = 0;

	if (mask->sa_family == AF_INET) {
		bytes = (const unsigned char *)&((const struct sockaddr_in *)(const void *)mask)
				->sin_addr;
		count = 4;
	} else {
		bytes = (const unsigned char *)&((const struct sockaddr_in6 *)(const void *)mask)
				->sin6_addr;
		count = 16;
	}
	for (size_t i = 0; i < count; i++)
		bits += (unsigned int)__builtin_popcount(bytes[i]);
	return bits;
}

static void print_address(const struct ifaddrs *entry)
{
	char name[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 4];
	const void *raw;

	if (entry->ifa_addr->sa_family == AF_INET)
		raw = &((const struct sockaddr_in *)(const void *)entry->ifa_addr)->sin_addr;
	else
		raw = &((const struct sockaddr_in6 *)(const void *)entry->ifa_addr)->sin6_addr;
	inet_ntop(entry->ifa_addr->sa_family, raw, name, sizeof(name));
	snprintf(text, sizeof(text), "%s/%u", name, prefix_length(entry->ifa_netmask));
	json_string(NULL, text);
}

/* {"lo": {"up": true, "addresses": ["127.0.0.1/8"]}}: each link has one packet entry. */
static void print_interfaces(void)
{
	struct ifaddrs *all, *link, *entry;

	if (getifaddrs(&all)) {
		json_error("interfaces", errno);
		return;
	}
	json_open("interfaces", '{');
	for (link = all; link; link = link->ifa_next) {
		if (!link->ifa_addr || link->ifa_addr->sa_family != AF_PACKET)
			continue;
		json_open(link->ifa_name, '{');
		json_bool("up", link->ifa_flags & IFF_UP);
		json_open("addresses", '[');
		for (entry = all; entry; entry = entry->ifa_next) {
			if (entry->ifa_addr && entry->ifa_addr->sa_family != AF_PACKET &&
			    !strcmp(entry->ifa_name, link->ifa_name))
				print_address(entry);
		}
		json_close(']');
		json_close('}');
	}
	json_close('}');
	freeifaddrs(all);
}

static void print_terminal(void)
{
	struct winsize size = { 0 };

	json_open("terminal", '{');
	json_open("isatty", '[');
	for (int fd = 0; fd < 3; fd++)
		json_bool(NULL, isatty(fd));
	json_close(']');
	json_number("foreground", tcgetpgrp(STDIN_FILENO)); /* -1: none */
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
		json_number("rows", size.ws_row);
		json_number("columns", size.ws_col);
	}
	json_close('}');
}

static void print_process(const char *pid)
{
	print_status_file(pid);
	print_link(pid, "cwd", "cwd");
	print_link(pid, "root", "root");
	print_link(pid, "exe", "exe");
	print_strings(pid, "cmdline", false);
	print_strings(pid, "environ", true);
	print_file(pid, "uid_map");
	print_file(pid, "gid_map");
	print_file(pid, "setgroups");
	print_file(pid, "oom_score_adj");
	print_file(pid, "limits");
	print_namespaces(pid);
	print_fds(pid);
}

int cmd_status(int argc, char **argv)
{
	(void)argc, (void)argv;
	json_open(NULL, '{');
	print_process("self");
	json_number("pgid", getpgrp());
	json_number("sid", getsid(0));
	json_number("nice", getpriority(PRIO_PROCESS, 0));
	json_number("dumpable", prctl(PR_GET_DUMPABLE));
	json_number("securebits", prctl(PR_GET_SECUREBITS));
	print_terminal();
	print_interfaces();
	json_close('}');
	return PROBE_OK;
}

int cmd_status_of(int argc, char **argv)
{
	pid_t pid = (pid_t)number(argv[1]);
	char path[32];
	struct stat owner;

	(void)argc;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &owner)) {
		json_open(NULL, '{');
		json_string("errno", errno_name(errno));
		json_close('}');
		return PROBE_FAILED;
	}
	json_open(NULL, '{');
	print_process(argv[1]);
	json_number("pgid", getpgid(pid));
	json_number("sid", getsid(pid));
	json_number("proc_owner", owner.st_uid);
	json_close('}');
	return PROBE_OK;
}
