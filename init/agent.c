/* SPDX-License-Identifier: MIT */
#include "init/agent.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/exec.h"
#include "init/privileges.h"
#include "init/report.h"
#include "netlink/nflog.h"
#include "sys/channel.h"
#include "sys/fds.h"
#include "sys/process.h"

/* Connections that wait for the gate to take them, as far as net.core.somaxconn allows. */
#define GATE_BACKLOG 4096

/* All of struct inside, in its order. */
enum handed {
	ROUTE,
	FILTER,
	EVENTS,
	NETNS,
	GATE,
	PACKETS = GATE + GATE_PACKETS,
	HANDED = GATE + GATE_SOCKETS,
};

static_assert(sizeof(struct inside) == HANDED * sizeof(int),
	      "struct inside holds these and no more");

static_assert(HANDED <= CHANNEL_DESCRIPTORS, "they fit into one message");

/* The first message on the channel: 0 and the descriptors, or -errno and the one that failed. */
struct handover {
	int error;
	unsigned int failed;
};

#define NOT_THERE INT_MIN /* and no failure */

/* ---- in the agent's process ---- */

/*
 * The loopback comes up here and now, for the gate's sockets. Bound while it is down (IP_FREEBIND), the one
 * for UDP would answer from another address than it was asked at.
 */
static int open_route(void)
{
	int fd = nl_open(NETLINK_ROUTE), error;
	struct nl_error e;

	if (fd < 0)
		return fd;
	link_set_up(LINK_LOOPBACK, "loopback in the jail");
	error = nl_send(fd, &e);
	return error ? error : fd;
}

/*
 * SO_REUSEADDR lets a listener take its place in a pod where connections of the last one still wait for their
 * end (TIME_WAIT). Once it listens nobody else can; a datagram socket it would let the agent share.
 */
static int open_gate_socket(enum gate_socket which)
{
	const bool ipv6 = which % 2, listens = which < GATE_DNS_UDP4;
	const int on = 1;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { .v6 = { .sin6_family = ipv6 ? AF_INET6 : AF_INET } };
	int fd = socket_open(a.any.sa_family, (listens ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK,
			     0);

	a.v4.sin_port = htons(which < GATE_DNS_TCP4 ? GATE_TCP_PORT : GATE_DNS_PORT);
	if (ipv6)
		a.v6.sin6_addr.s6_addr[15] = 1;
	else
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && listens)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd >= 0 &&
	    (bind(fd, &a.any, sizeof(a)) < 0 || (listens && listen(fd, GATE_BACKLOG) < 0)))
		return -errno;
	return fd;
}

/* A jail without NFLOG reports less, and that is all. */
static void open_inside(int *fds, const struct plan *p)
{
	fds[ROUTE] = open_route();
	/* Whose namespace it is has every capability over it, where no security module takes them. */
	if (fds[ROUTE] == -EPERM && p->clone_flags & CLONE_NEWUSER)
		fds[ROUTE] = -EACCES;
	fds[FILTER] = nl_open(NETLINK_NETFILTER);
	fds[EVENTS] = nl_open_events(RTNLGRP_IPV6_IFADDR);
	fds[NETNS] = file_open("/proc/self/ns/net", O_RDONLY);
	for (enum gate_socket s = 0; s < GATE_PACKETS; s++)
		fds[GATE + s] = s % 2 < p->wire.family_count ? open_gate_socket(s) : NOT_THERE;
	fds[PACKETS] = nflog_open(GATE_LOG_GROUP);
	if (fds[PACKETS] < 0)
		fds[PACKETS] = NOT_THERE;
}

/* Also tells init that this process is ready for signals to be forwarded. */
static void hand_over(int channel, const struct plan *p)
{
	int fds[HANDED];
	struct handover h = { 0 };
	unsigned int count = p->mode == JAIL_NONE ? 0 : HANDED;

	if (count > 0)
		open_inside(fds, p);
	for (unsigned int i = 0; i < count; i++)
		if (fds[i] < 0 && fds[i] != NOT_THERE && !h.error)
			h = (struct handover){ .error = fds[i], .failed = i };
	channel_send(channel, &h, sizeof(h), fds, count);
	while (count > 0)
		close(fds[--count]);
}

/* Never returns. `init` is our parent as long as it lives. */
static void agent_main(int channel, const struct plan *p, const struct signals_inherited *signals)
{
	struct failure failure;
	char released;

	setpgid(0, 0);
	signals_discard(0); /* sent to the group that we were in; init has got it and forwards it */
	hand_over(channel, p);
	if (recv(channel, &released, 1, 0) != 1)
		_exit(EXIT_OWN_FAILURE); /* init gave up, and has said why */
	if (privileges_become_agent(p, &failure) < 0) {
		report(&failure);
		_exit(EXIT_OWN_FAILURE);
	}
	/* After every change of identity, which would cancel it. PID 1 takes all with it anyway. */
	process_control(PR_SET_PDEATHSIG, SIGKILL, 0);
	signals_give_back(signals);
	_exit(exec_program(p));
}

/* ---- in init ---- */

int agent_clone(struct agent *a, const struct plan *p, const struct signals_inherited *signals)
{
	int channel[2];
	int error = channel_open(channel);

	if (error)
		return error;
	a->pid = namespaces_clone(p->clone_flags);
	if (a->pid == 0) {
		close(channel[0]);
		agent_main(channel[1], p, signals);
	}
	close(channel[1]);
	a->channel = channel[0];
	if (a->pid < 0) {
		close(channel[0]);
		return a->pid;
	}
	/* Here too, so that it is done before anything is forwarded, whoever of us is first. */
	setpgid(a->pid, a->pid);
	return 0;
}

static int fail_handover(const struct handover *h, struct failure *f)
{
	static const char *const names[] = { "loopback in the jail", "nf_tables socket", "events",
					     "network namespace", "socket of the gate" };

	if (h->failed == ROUTE)
		return fail_errno(f, "jail",
				  h->error == -EACCES ? DOING_CLONE_USERNS :
				  h->error == -EPERM  ? DOING_LINK :
							DOING_NETLINK,
				  names[ROUTE], h->error);
	if (h->failed < GATE)
		return fail_errno(f, "jail", DOING_NETLINK, names[h->failed], h->error);
	return fail_errno(f, "jail", DOING_ANYTHING, names[GATE], h->error);
}

int agent_receive(const struct agent *a, struct inside *inside, struct failure *f)
{
	struct handover h;
	int fds[HANDED];
	int error = channel_receive(a->channel, &h, sizeof(h), fds, HANDED);

	if (error)
		return fail_errno(f, "jail", DOING_ANYTHING, "agent's process", error);
	if (h.error)
		return fail_handover(&h, f);
	memcpy(inside, fds, sizeof(*inside));
	return 0;
}

int agent_release(struct agent *a)
{
	int error = send(a->channel, "", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;

	close(a->channel);
	a->channel = -1;
	return error;
}

void agent_abandon(struct agent *a)
{
	close(a->channel);
	kill(a->pid, SIGKILL);
	while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
