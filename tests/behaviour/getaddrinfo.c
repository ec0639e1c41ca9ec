/* SPDX-License-Identifier: MIT */
/* getaddrinfo NAME: each address on a line, or "error N". Built against musl, whose resolver is its own. */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char text[INET6_ADDRSTRLEN];
	int error = argc == 2 ? getaddrinfo(argv[1], NULL, &hints, &found) : EAI_FAIL;

	if (error) {
		printf("error %d\n", error);
		return 1;
	}
	for (; found; found = found->ai_next) {
		if (!getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0,
				 NI_NUMERICHOST))
			puts(text);
	}
	return 0;
}
