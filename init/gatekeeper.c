/* SPDX-License-Identifier: MIT */
/*
 * While there is no gate nothing passes: the agent's connections wait at sockets that init keeps open, and
 * no other way leads out.
 */
#include "init/gatekeeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "init/privileges.h"
#include "init/report.h"
#include "sys/channel.h"
#include "sys/clock.h"
#include "sys/fds.h"
#include "sys/process.h"

#define STAGE "gate"
#define PATIENCE 5000 /* ms, until the gate listens */
#define LAST_RECORDS 1000 /* ms, until it has ended */

/* One that dies within this time is not started again before it is over: it would only die again. */
#define YOUNG 1000

/* ---- in the gate's process ---- */

static void become_gate(const struct gate_config *config, int channel)
{
	int keep[] = { channel, config->audit };
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	struct failure f;

	setpgid(0, 0); /* a group of its own: signals of the terminal are not for it */
	fds_keep_only(keep, 2);
	if (privileges_drop_gate(config->mark ? CAP_BIT(CAP_NET_ADMIN) : 0, &f) == 0) {
		process_control(PR_SET_PDEATHSIG, SIGKILL, 0);
		/* Asked here, for from there on nothing can be said but that it does not listen. */
		if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
			gate_main(config, channel);
		fail_errno(&f, STAGE, DOING_CONFINE, "system call filter", -errno);
	}
	/* Once init has asked: a channel that is closed with something unread loses the answer. */
	if (recv(channel, &action, sizeof(action), 0) > 0)
		send(channel, &f, sizeof(f), MSG_NOSIGNAL);
	_exit(EXIT_OWN_FAILURE);
}

/* ---- in init ---- */

int gatekeeper_start(struct gatekeeper *k, struct failure *f)
{
	long pid;
	int channel[2];
	int error = channel_open(channel);

	if (error)
		return fail_errno(f, STAGE, DOING_ANYTHING, "channel", error);
	/* fork(2), but without SIGCHLD: who waits for any child, to be alone, does not see it. */
	pid = syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (pid == 0) {
		close(channel[0]);
		become_gate(k->config, channel[1]);
	}
	close(channel[1]);
	k->channel = channel[0];
	k->started = clock_now();
	k->pid = pid > 0 ? (pid_t)pid : 0;
	if (pid > 0)
		return 0;
	close(k->channel);
	return fail_errno(f, STAGE, DOING_NAMESPACES, "process", -errno);
}

/* If not, `f` is why, where the gate says so: it is a fork of ours, whose pointers mean the same here. */
static bool wait_until_ready(const struct gatekeeper *k, struct failure *f)
{
	struct pollfd channel = { .fd = k->channel, .events = POLLIN };
	union {
		char word;
		struct failure failure;
	} answer;
	ssize_t n = -1;

	if (poll(&channel, 1, PATIENCE) == 1)
		n = recv(k->channel, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n == sizeof(answer))
		*f = answer.failure;
	return n == 1 && answer.word == GATE_READY;
}

int gatekeeper_open(struct gatekeeper *k, const int *sockets, struct failure *f)
{
	k->sockets = sockets;
	fail(f, STAGE, "Start with a profile made by boundary-init --seccomp-profile, or report it",
	     "process: it did not come to listen");
	if (channel_send(k->channel, &k->start, sizeof(k->start), sockets, GATE_SOCKETS) == 0 &&
	    wait_until_ready(k, f))
		return 0;
	return -1;
}

/* A gate that does not answer is of no use: the next one begins with what it is to use. */
void gatekeeper_use(struct gatekeeper *k, uint8_t policy)
{
	struct failure f;

	k->start.policy = policy;
	if (k->pid == 0)
		return;
	if (send(k->channel, &policy, 1, MSG_NOSIGNAL) != 1 || !wait_until_ready(k, &f))
		kill(k->pid, SIGKILL);
}

static void start_again(struct gatekeeper *k)
{
	struct failure f;

	k->again = 0;
	k->start.restarts++;
	if (gatekeeper_start(k, &f) == 0 && gatekeeper_open(k, k->sockets, &f) == 0)
		return;
	report(&f);
	if (k->pid > 0)
		kill(k->pid, SIGKILL); /* and on its end the next try follows */
	else
		k->again = clock_now() + YOUNG;
}

void gatekeeper_reap(struct gatekeeper *k)
{
	struct failure f;
	bool young = clock_now() < k->started + YOUNG;
	int status;

	kill(k->pid, SIGKILL); /* one that let go of the channel alone would keep us waiting */
	if (waitpid(k->pid, &status, __WALL) != k->pid)
		return;
	close(k->channel);
	k->pid = 0;
	fail(&f, STAGE, "It is started again; connections that went through it have ended",
	     WIFSIGNALED(status) ? "process: ended by signal %d" : "process: ended with code %d",
	     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	report(&f);
	k->again = clock_now() + (young ? YOUNG : 0);
}

int gatekeeper_tend(struct gatekeeper *k)
{
	int64_t left = k->again - clock_now();

	if (k->again == 0)
		return -1;
	if (left > 0)
		return (int)left;
	start_again(k);
	return k->again ? YOUNG : -1;
}

void gatekeeper_finish(struct gatekeeper *k)
{
	struct pollfd channel = { .fd = k->channel, .events = 0 }; /* its end is always reported */

	k->again = 0;
	if (k->pid <= 0)
		return;
	shutdown(k->channel, SHUT_WR);
	poll(&channel, 1, LAST_RECORDS);
	kill(k->pid, SIGKILL);
	while (waitpid(k->pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	close(k->channel);
	k->pid = 0;
}
