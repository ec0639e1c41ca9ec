/* SPDX-License-Identifier: MIT */
/*
 * agent NAME [PORT [TEXT]]: looks the name up, connects, sends the text and prints the answer. Without a text
 * it asks for http://NAME/. The exit code is 1 if it got no answer, and then the last line says why. It
 * knows of no boundary, proxy or certificate: any other program could stand here.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int failed(const char *what, const char *why)
{
	fprintf(stderr, "agent: %s: %s\n", what, why);
	return 1;
}

static int connect_to_any(const struct addrinfo *a)
{
	int fd = -1;

	for (; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	return fd;
}

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *name = argc > 1 ? argv[1] : "example.com", *port = argc > 2 ? argv[2] : "80";
	struct addrinfo *found;
	char request[512], buffer[4096];
	const char *text = argc > 3 ? argv[3] : request;
	ssize_t n, total = 0;
	int error = getaddrinfo(name, port, &hints, &found);
	int fd = error ? -1 : connect_to_any(found);

	if (error)
		return failed(name, gai_strerror(error));
	if (fd < 0)
		return failed("connect", strerror(errno));
	snprintf(request, sizeof(request),
		 "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: agent\r\nConnection: close\r\n\r\n",
		 name);
	if (write(fd, text, strlen(text)) < 0)
		return failed("write", strerror(errno));
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		total += write(1, buffer, (size_t)n);
	if (n < 0)
		return failed("read", strerror(errno));
	return total > 0 ? 0 : failed("read", "no answer");
}
