/* SPDX-License-Identifier: MIT */
#include "netlink/nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include "netlink/request.h"

/* As much as an unprivileged process gets (net.core.rmem_max), which is what root in a jail is. */
#define RECEIVE_BUFFER (1 << 22)

static int configure(int fd, uint16_t group)
{
	static const struct nfulnl_msg_config_cmd bind = { .command = NFULNL_CFG_CMD_BIND };
	const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(NFLOG_COPY),
						     .copy_mode = NFULNL_COPY_PACKET };
	struct nlmsghdr *m = nl_begin(NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_ACK,
				      sizeof(struct nfgenmsg), "NFLOG");
	struct nfgenmsg *header = mnl_nlmsg_get_payload(m);
	struct nl_error e;

	header->res_id = htons(group);
	mnl_attr_put(m, NFULA_CFG_CMD, sizeof(bind), &bind);
	mnl_attr_put(m, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u16(m, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
	/* Reports that may wait for a second one. */
	mnl_attr_put_u32(m, NFULA_CFG_QTHRESH, htonl(1));
	return nl_send(fd, &e);
}

int nflog_open(uint16_t group)
{
	const int room = RECEIVE_BUFFER, on = 1;
	int fd = nl_open(NETLINK_NETFILTER), error;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	/* A full buffer shows in the sequence numbers, and it must not silence the socket. */
	setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	error = configure(fd, group);
	if (!error && syscall(SYS_fcntl, fd, F_SETFL, O_NONBLOCK) < 0)
		error = -errno;
	if (!error)
		return fd;
	close(fd);
	return error;
}
