/* SPDX-License-Identifier: MIT */
/* Any bytes on a link, past the local firewall: what a program with CAP_NET_RAW can do. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

enum { MAX_FRAME = 2048 };

/* "0a0b" to two bytes. */
static size_t bytes_parse(const char *hex, unsigned char *bytes, size_t size)
{
	size_t count = strlen(hex) / 2;

	if (count > size)
		usage_error("frame too long");
	for (size_t i = 0; i < count; i++) {
		if (sscanf(hex + 2 * i, "%2hhx", &bytes[i]) != 1)
			usage_error(hex);
	}
	return count;
}

static int send_frame(const char *link, const unsigned char *frame, size_t length)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET,
					.sll_ifindex = (int)if_nametoindex(link),
					.sll_halen = ETH_ALEN };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	int error = 0;

	if (fd < 0)
		return errno;
	if (sendto(fd, frame, length, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		error = errno;
	close(fd);
	return error;
}

/* Prints {"errno": "OK"}: sent. Whether anybody got it is for the test to see. */
int cmd_frame(int argc, char **argv)
{
	unsigned char frame[MAX_FRAME];
	size_t length = bytes_parse(argv[2], frame, sizeof(frame));
	int error = send_frame(argv[1], frame, length);

	(void)argc;
	json_open(NULL, '{');
	json_string("errno", errno_name(error));
	json_close('}');
	return error ? PROBE_FAILED : PROBE_OK;
}
