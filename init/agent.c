/* SPDX-License-Identifier: MIT */
#include "init/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/exec.h"
#include "init/privileges.h"
#include "init/report.h"
#include "sys/fds.h"

/* The first message on the channel: 0 and the descriptors of struct inside, or -errno and none. */
struct handover {
	int error;
};

#define HANDED 4

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(HANDED * sizeof(int))];
};

/* ---- in the agent's process ---- */

static int open_inside(int *fds)
{
	fds[0] = nl_open(NETLINK_ROUTE);
	fds[1] = nl_open(NETLINK_NETFILTER);
	fds[2] = nl_open_events(RTNLGRP_IPV6_IFADDR);
	fds[3] = file_open("/proc/self/ns/net", O_RDONLY);
	for (unsigned int i = 0; i < HANDED; i++)
		if (fds[i] < 0)
			return fds[i];
	return 0;
}

/* Also tells init that this process is ready for signals to be forwarded. */
static void hand_over(int channel, bool jailed)
{
	int fds[HANDED];
	struct handover handover = { .error = jailed ? open_inside(fds) : 0 };
	struct iovec text = { .iov_base = &handover, .iov_len = sizeof(handover) };
	union control control = { .header = { .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS,
					      .cmsg_len = CMSG_LEN(sizeof(fds)) } };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1 };
	bool handed = jailed && !handover.error;

	if (handed) {
		memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	/* Not by libc, which clears padding in a copy: here it is clear. */
	syscall(SYS_sendmsg, channel, &message, MSG_NOSIGNAL);
	if (handed)
		for (unsigned int i = 0; i < HANDED; i++)
			close(fds[i]);
}

/* Never returns. `init` is our parent as long as it lives. */
static void agent_main(int channel, const struct plan *p, const struct signals_inherited *signals)
{
	struct failure failure;
	char released;

	setpgid(0, 0);
	signals_discard(0); /* sent to the group that we were in; init has got it and forwards it */
	hand_over(channel, p->mode != JAIL_NONE);
	if (recv(channel, &released, 1, 0) != 1)
		_exit(EXIT_OWN_FAILURE); /* init gave up, and has said why */
	if (privileges_become_agent(p, &failure) < 0) {
		report(&failure);
		_exit(EXIT_OWN_FAILURE);
	}
	/* After every change of identity, which would cancel it. PID 1 takes all with it anyway. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signals_give_back(signals);
	_exit(exec_program(p));
}

/* ---- in init ---- */

int agent_clone(struct agent *a, const struct plan *p, const struct signals_inherited *signals)
{
	int channel[2];

	if (syscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		return -errno;
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

int agent_receive(const struct agent *a, struct inside *inside)
{
	struct handover handover;
	struct iovec text = { .iov_base = &handover, .iov_len = sizeof(handover) };
	union control control;
	struct msghdr message = { .msg_iov = &text,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fds[HANDED];
	ssize_t n = recvmsg(a->channel, &message, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	if (n != sizeof(handover))
		return -ECHILD; /* it was killed */
	if (handover.error || !inside)
		return handover.error;
	if (message.msg_controllen < CMSG_LEN(sizeof(fds)) ||
	    control.header.cmsg_len != CMSG_LEN(sizeof(fds)))
		return -EMFILE; /* the descriptors did not fit our limit */
	memcpy(fds, CMSG_DATA(&control.header), sizeof(fds));
	*inside = (struct inside){
		.route = fds[0], .filter = fds[1], .events = fds[2], .netns = fds[3]
	};
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
