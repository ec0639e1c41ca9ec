/* SPDX-License-Identifier: MIT */
#include "init/gate/audit.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/errors.h"
#include "sys/fds.h"
#include "sys/json.h"

static_assert(AUDIT_RECORD_MAX <= PIPE_BUF, "a pipe would tear records");

#define RECONNECT_INTERVAL 1000 /* ms */

/* Of a unix: sink, to connect again; length 0 for any other. */
static struct {
	struct sockaddr_un to;
	socklen_t length;
} address;

static struct {
	int fd;
	int levels; /* that are written; 0: none */
	bool no_socket;
	bool torn; /* a line was written in part: the next one begins with its end */
	int64_t tried; /* to connect, by clock_now() */
	uint64_t sequence, dropped;
} sink;

/* The one that is being written. */
static struct {
	bool wanted;
	bool cut;
	struct text text; /* over `bytes` but the first one, as far as `ending` leaves room */
	char bytes[AUDIT_RECORD_MAX]; /* the first is the newline that ends a torn line */
} record;

static const char ending[] = ",\"cut\":true}\n"; /* or a part of it: "}\n" */

/* ---- open ---- */

/*
 * A connection, of the kind of socket that listens there; or -errno. Streams come last, since their error
 * is the true one where there is neither: a datagram socket only knows that it is no datagram socket.
 */
static int connect_unix(void)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	int error = 0;

	for (unsigned int i = 0; i < 2; i++) {
		int fd = socket_open(AF_UNIX, types[i] | SOCK_NONBLOCK, 0);

		if (fd < 0)
			return fd;
		if (connect(fd, (const struct sockaddr *)&address.to, address.length) == 0)
			return fd;
		error = -errno;
		close(fd);
	}
	return error;
}

static int open_unix(const char *name)
{
	const size_t length = strlen(name);

	/* From the gate, which may connect again, a relative path would lead elsewhere. */
	if (name[0] != '/' && name[0] != '@')
		return -EINVAL;
	if (length >= sizeof(address.to.sun_path))
		return -ENAMETOOLONG;
	memset(&address, 0, sizeof(address));
	address.to.sun_family = AF_UNIX;
	memcpy(address.to.sun_path, name, length);
	address.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	/* Abstract: a NUL at its start and none at its end, where a path needs none either. */
	if (name[0] == '@')
		address.to.sun_path[0] = '\0';
	return connect_unix();
}

/*
 * O_NONBLOCK belongs to what all who inherited the descriptor share: set there, it would be set for the
 * agent too. So a pipe or a terminal is opened a second time. A file is not: it makes nobody wait, and
 * what the others write behind the position that they share would overwrite what we append. A socket
 * cannot be, nor anything without /proc, nor the pipe of another user.
 */
static int open_again(int fd)
{
	char path[32];
	struct text t = TEXT_OVER(path);
	int own = -1;

	text_printf(&t, "/proc/self/fd/%d", fd);
	if (syscall(SYS_lseek, fd, 0, SEEK_CUR) < 0)
		own = file_open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
	if (own < 0)
		own = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
	return own < 0 ? -errno : own;
}

static int open_inherited(const char *number)
{
	uint32_t n;
	int fd;

	if (!span_number(span_of(number), INT_MAX, &n))
		return -EINVAL;
	fd = (int)n;
	/* What was inherited through exec is not close-on-exec; what init opened for itself is. */
	if (syscall(SYS_fcntl, fd, F_GETFD) != 0 ||
	    (syscall(SYS_fcntl, fd, F_GETFL) & (O_WRONLY | O_RDWR)) == 0)
		return -EBADF;
	if (fd > 2)
		syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
	return open_again(fd);
}

static int open_file(const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	const long fd = syscall(SYS_openat, AT_FDCWD, path, flags, 0600);

	return fd < 0 ? -errno : (int)fd;
}

static int open_by_name(struct span where)
{
	char buffer[PATH_MAX + 1]; /* a path that is cut is too long for the kernel, too */
	struct text name = TEXT_OVER(buffer);
	const char *rest;

	text_bytes(&name, where.at, where.length);
	address.length = 0;
	if (strlen(buffer) < name.length)
		return -EINVAL;
	if ((rest = string_after(buffer, "unix:")))
		return open_unix(rest);
	if ((rest = string_after(buffer, "fd:")))
		return open_inherited(rest);
	return span_is(where, "stderr") ? open_again(2) : open_file(buffer);
}

int audit_open(struct span where, struct failure *f)
{
	const int fd = open_by_name(where);
	char shown[160];
	struct text object = TEXT_OVER(shown);

	if (fd >= 0)
		return fd;
	text_escaped(&object, where.at, where.length);
	return fail(f, "audit",
		    fd == -EINVAL ? "Name a FILE, stderr, fd:N, unix:/PATH or unix:@NAME" : NULL,
		    "%s: %s", shown, error_text(-fd));
}

void audit_start(int fd, enum audit_level level)
{
	memset(&sink, 0, sizeof(sink));
	sink.fd = fd;
	sink.levels = fd < 0 ? 0 : (int)level + 1;
}

bool audit_wants(enum audit_level level)
{
	return (int)level < sink.levels;
}

/* ---- write ---- */

/* Bytes written, or -1. */
static ssize_t put(const char *bytes, size_t length)
{
	struct pollfd room = { .fd = sink.fd, .events = POLLOUT };
	struct timespec at_once = { 0 };

	if (!sink.no_socket) {
		ssize_t n = send(sink.fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0 || errno != ENOTSOCK)
			return n;
		sink.no_socket = true;
	}
	/* For what could not be opened again, and would make us wait. */
	if (syscall(SYS_ppoll, &room, 1, &at_once, NULL, 0) != 1)
		return -1;
	return write(sink.fd, bytes, length);
}

/* The reader of a unix: sink may have been started anew. */
static bool reconnect(void)
{
	int64_t now;
	int fd;

	if (address.length == 0 || errno == EAGAIN)
		return false;
	now = clock_now();
	if (now - sink.tried < RECONNECT_INTERVAL)
		return false;
	sink.tried = now;
	fd = connect_unix();
	if (fd < 0)
		return false;
	close(sink.fd);
	sink.fd = fd;
	sink.torn = false;
	return true;
}

static void put_record(size_t length)
{
	ssize_t n;

	do
		n = put(record.bytes + !sink.torn, length + sink.torn);
	while (n < 0 && reconnect());
	if (n == (ssize_t)(length + sink.torn)) {
		sink.torn = false;
		sink.dropped = 0;
		return;
	}
	sink.dropped++;
	sink.torn = sink.torn || n > 0;
}

/* ---- records ---- */

/* So many digits, with zeros at the front, and `end`. */
static void print_digits(struct text *t, uint32_t value, unsigned int count, char end)
{
	if (count > 0)
		print_digits(t, value / 10, count - 1, (char)('0' + value % 10));
	text_char(t, end);
}

void audit_print_time(struct text *t, uint64_t seconds, uint32_t microseconds)
{
	static const struct {
		uint8_t digits;
		char end;
	} parts[] = { { 4, '-' }, { 2, '-' }, { 2, 'T' }, { 2, ':' },
		      { 2, ':' }, { 2, '.' }, { 6, 'Z' } };
	/*
	 * Since the 1st of March of a year 0. In years that begin there a leap day is the last one, so
	 * centuries, years and months are each as long as the one before, but for a fraction of a day.
	 */
	uint32_t day = (uint32_t)(seconds / 86400) + 719468, second = (uint32_t)(seconds % 86400);
	uint32_t century, year, month;

	century = (4 * day + 3) / 146097;
	day -= 146097 * century / 4;
	year = (4 * day + 3) / 1461;
	day -= 1461 * year / 4;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;

	const uint32_t values[] = { year + 100 * century + month / 10,
				    (month + 2) % 12 + 1,
				    day + 1,
				    second / 3600,
				    second / 60 % 60,
				    second % 60,
				    microseconds };

	for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		print_digits(t, values[i], parts[i].digits, parts[i].end);
}

/* What has been written since `start` is a member; one that is not whole is taken back. */
static void end_member(size_t start)
{
	struct text *t = &record.text;

	if (!t->cut)
		return;
	t->length = start;
	t->cut = false;
	record.cut = true;
}

void audit_begin(enum audit_level level, const char *event)
{
	struct timespec now;

	record.wanted = audit_wants(level);
	if (!record.wanted)
		return;
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	record.cut = false;
	record.bytes[0] = '\n';
	record.text = text_over(record.bytes + 1, sizeof(record.bytes) - sizeof(ending));
	text_printf(&record.text, "{\"time\":\"");
	audit_print_time(&record.text, (uint64_t)now.tv_sec, (uint32_t)(now.tv_nsec / 1000));
	text_char(&record.text, '"');
	audit_number("seq", ++sink.sequence);
	audit_string("event", event);
	if (sink.dropped)
		audit_number("dropped", sink.dropped);
}

void audit_span(const char *key, struct span value)
{
	struct text *t = &record.text;
	const size_t start = t->length;
	size_t end;

	if (!record.wanted || !value.at)
		return;
	text_printf(t, ",\"%s\":", key);
	/* The last escape and the quote behind it fit. */
	end = t->length + AUDIT_STRING_MAX < t->size ? t->length + AUDIT_STRING_MAX : t->size - 1;
	text_char(t, '"');
	for (size_t i = 0; i < value.length; i++) {
		if (t->length + JSON_ESCAPE_MAX + 1 > end) {
			record.cut = true;
			break;
		}
		json_character(t, (unsigned char)value.at[i]);
	}
	text_char(t, '"');
	end_member(start);
}

void audit_string(const char *key, const char *value)
{
	if (value)
		audit_span(key, span_of(value));
}

void audit_number(const char *key, uint64_t value)
{
	const size_t start = record.text.length;

	if (!record.wanted)
		return;
	text_printf(&record.text, ",\"%s\":%llu", key, (unsigned long long)value);
	end_member(start);
}

void audit_address(const char *key, const struct address *a)
{
	const size_t start = record.text.length;

	if (!record.wanted || !a->family)
		return;
	text_printf(&record.text, ",\"%s\":\"", key);
	address_print(&record.text, a);
	text_char(&record.text, '"');
	end_member(start);
}

void audit_end(void)
{
	struct text *t = &record.text;

	if (!record.wanted)
		return;
	t->size = sizeof(record.bytes) - 1;
	text_printf(t, "%s", record.cut ? ending : ending + sizeof(ending) - sizeof("}\n"));
	record.wanted = false;
	put_record(t->length);
}
