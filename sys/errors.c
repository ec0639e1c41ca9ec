/* SPDX-License-Identifier: MIT */
/* libc knows 130 of them, in twice the room. */
#include "sys/errors.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define ERRORS(E)                                                   \
	E(EPERM, "Operation not permitted")                         \
	E(ENOENT, "No such file or directory")                      \
	E(EIO, "I/O error")                                         \
	E(E2BIG, "Argument list too long")                          \
	E(ENOEXEC, "Exec format error")                             \
	E(EBADF, "Bad file descriptor")                             \
	E(ECHILD, "No child process")                               \
	E(EAGAIN, "Resource temporarily unavailable")               \
	E(ENOMEM, "Out of memory")                                  \
	E(EACCES, "Permission denied")                              \
	E(EBUSY, "Resource busy")                                   \
	E(EEXIST, "File exists")                                    \
	E(ENODEV, "No such device")                                 \
	E(ENXIO, "No such device or address")                       \
	E(ENOTDIR, "Not a directory")                               \
	E(EISDIR, "Is a directory")                                 \
	E(EINVAL, "Invalid argument")                               \
	E(ENFILE, "Too many open files in system")                  \
	E(EMFILE, "No file descriptors available")                  \
	E(ETXTBSY, "Text file busy")                                \
	E(EFBIG, "File too large")                                  \
	E(ENOSPC, "No space left on device")                        \
	E(EROFS, "Read-only file system")                           \
	E(EPIPE, "Broken pipe")                                     \
	E(ENAMETOOLONG, "Filename too long")                        \
	E(ENOSYS, "Function not implemented")                       \
	E(ELOOP, "Symbolic link loop")                              \
	E(ENODATA, "No data available")                             \
	E(ETIME, "Device timeout")                                  \
	E(EBADMSG, "Bad message")                                   \
	E(ENOTSOCK, "Not a socket")                                 \
	E(EMSGSIZE, "Message too large")                            \
	E(EPROTOTYPE, "Protocol wrong type for socket")             \
	E(EPROTONOSUPPORT, "Protocol not supported")                \
	E(EOPNOTSUPP, "Not supported")                              \
	E(EAFNOSUPPORT, "Address family not supported by protocol") \
	E(EADDRINUSE, "Address in use")                             \
	E(EADDRNOTAVAIL, "Address not available")                   \
	E(ENETDOWN, "Network is down")                              \
	E(ENETUNREACH, "Network unreachable")                       \
	E(ECONNRESET, "Connection reset by peer")                   \
	E(ENOBUFS, "No buffer space available")                     \
	E(ENOTCONN, "Socket not connected")                         \
	E(ETIMEDOUT, "Operation timed out")                         \
	E(ECONNREFUSED, "Connection refused")                       \
	E(EHOSTUNREACH, "Host is unreachable")                      \
	E(EDQUOT, "Quota exceeded")

#define NUMBER(number, text) number,
#define TEXT(number, text) text "\0"

static const uint8_t numbers[] = { ERRORS(NUMBER) };
static const char texts[] = ERRORS(TEXT) "Unknown error";

const char *error_text(int error)
{
	const char *text = texts;

	for (unsigned int i = 0; i < sizeof(numbers) && numbers[i] != error; i++)
		text += strlen(text) + 1;
	return text;
}
