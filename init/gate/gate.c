/* SPDX-License-Identifier: MIT */
#include "init/gate/gate.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/gate/answer.h"
#include "init/gate/audit.h"
#include "init/gate/flow.h"
#include "init/gate/loop.h"
#include "init/gate/observe.h"
#include "init/gate/record.h"
#include "init/gate/resolve.h"
#include "sys/channel.h"
#include "sys/clock.h"
#include "sys/confine.h"
#include "sys/endpoint.h"
#include "sys/fds.h"

#define EVENTS 64

struct gate gate;
char gate_scratch[GATE_SCRATCH] __attribute__((aligned(4096)));

static int epoll_fd;
static int sockets[GATE_SOCKETS];

/* ---- for the other parts ---- */

bool gate_watch(int fd, uint32_t events, enum source source, uint32_t index, uint16_t generation)
{
	struct epoll_event e = { .events = events,
				 .data.u64 = (uint64_t)index << 32 | (uint64_t)generation << 8 |
					     (uint64_t)source };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ||
	       (errno == EEXIST && epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &e) == 0);
}

void gate_random(void *to, size_t size)
{
	/* Never short for a few bytes, and the pool has long been filled. */
	if (syscall(SYS_getrandom, to, size, 0) != (long)size)
		_exit(1);
}

/* ---- events ---- */

static void end(void)
{
	flow_close_all();
	record_packets(sockets[GATE_PACKETS]);
	if (gate.config->observe)
		observe_print();
	_exit(0);
}

/* Another policy is in use from now on; nothing at all: init has gone, or wants an end. */
static void take_channel(int channel)
{
	const char ready = GATE_READY;
	uint8_t which;
	ssize_t n = recv(channel, &which, 1, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		end();
	if (n != 1 || which > 1)
		return;
	gate.policy = gate.config->policies[which];
	send(channel, &ready, 1, MSG_NOSIGNAL); /* init may write to the other one again */
	audit_begin(AUDIT_INFO, "policy");
	audit_number("rules", gate.policy->count);
	audit_end();
}

static void take_event(const struct epoll_event *e, int channel)
{
	enum source source = (enum source)(e->data.u64 & 0xff);
	uint16_t generation = (uint16_t)(e->data.u64 >> 8);
	uint32_t index = (uint32_t)(e->data.u64 >> 32);

	switch (source) {
	case SOURCE_CHANNEL:
		take_channel(channel);
		break;
	case SOURCE_TCP:
		flow_accept(sockets[index]);
		break;
	case SOURCE_DNS_TCP:
		answer_accept(sockets[index]);
		break;
	case SOURCE_DNS_UDP:
		answer_udp(sockets[index]);
		break;
	case SOURCE_PACKETS:
		record_packets(sockets[index]);
		break;
	case SOURCE_AGENT:
	case SOURCE_SERVER:
	case SOURCE_ATTEMPT:
		flow_event(index, generation, source, e->events);
		break;
	case SOURCE_LOOKUP:
		resolve_event(index, generation);
		break;
	case SOURCE_STREAM:
		answer_stream_event(index, generation, e->events);
		break;
	}
}

static void run_timers(void)
{
	enum timer_kind kind;
	struct timer *t;

	while ((t = timers_take(gate.now, &kind))) {
		if (kind == TIMER_LOOKUP)
			resolve_timer(t);
		else if (kind == TIMER_STREAM)
			answer_timer(t);
		else
			flow_timer(t, kind);
	}
}

static void loop(int channel) __attribute__((noreturn));
static void loop(int channel)
{
	struct epoll_event events[EVENTS];
	bool more = false, scratched = false;

	for (;;) {
		int wait = more ? 0 : timers_left(gate.now);
		long n;

		/* Before a long time of nothing: the pages of the scratch are not needed. */
		if (wait < 0 && scratched && !flow_any()) {
			memory_give_back(gate_scratch, sizeof(gate_scratch));
			scratched = false;
		}
		/* Not by libc, which would use another call for the same on one architecture. */
		n = syscall(SYS_epoll_pwait, epoll_fd, events, EVENTS, wait, NULL, 8);
		gate.now = clock_now();
		scratched = scratched || n > 0;
		for (long i = 0; i < n; i++)
			take_event(&events[i], channel);
		run_timers();
		more = flow_go_on();
	}
}

/* ---- start ---- */

static bool watch_sockets(int channel)
{
	static const uint8_t sources[GATE_SOCKETS] = {
		[GATE_TCP4] = SOURCE_TCP,	  [GATE_TCP6] = SOURCE_TCP,
		[GATE_DNS_TCP4] = SOURCE_DNS_TCP, [GATE_DNS_TCP6] = SOURCE_DNS_TCP,
		[GATE_DNS_UDP4] = SOURCE_DNS_UDP, [GATE_DNS_UDP6] = SOURCE_DNS_UDP,
		[GATE_PACKETS] = SOURCE_PACKETS,
	};

	/* Their connections inherit these. */
	for (unsigned int i = GATE_TCP4; i <= GATE_DNS_TCP6; i++) {
		endpoint_set_nodelay(sockets[i]);
		endpoint_set_abortive(sockets[i], i <= GATE_TCP6);
	}
	if (!gate_watch(channel, EPOLLIN, SOURCE_CHANNEL, 0, 0))
		return false;
	for (unsigned int i = 0; i < GATE_SOCKETS; i++)
		if (sockets[i] >= 0 &&
		    !gate_watch(sockets[i], EPOLLIN, (enum source)sources[i], i, 0))
			return false;
	return true;
}

/* Up to what an administrator permits; this process is alone with it. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL) == 0)
		flow_set_limit(limit.rlim_cur);
}

static void report_start(const struct gate_start *start)
{
	audit_begin(AUDIT_INFO, "start");
	audit_string("mode", start->mode);
	audit_number("rules", gate.policy->count);
	audit_number("restarts", start->restarts);
	audit_address("pool", &gate.config->pools[0].address);
	audit_address("pool6", &gate.config->pools[1].address);
	audit_string("refused_packets", sockets[GATE_PACKETS] >= 0 ? "logged" : "not logged");
	audit_string("signals", start->scoped ? "scoped" : "not scoped");
	audit_string("bypass", start->bypass[0] ? start->bypass : NULL);
	audit_string("observe", gate.config->observe ? "yes" : NULL);
	audit_end();
}

void gate_main(const struct gate_config *config, int channel)
{
	const char ready = GATE_READY;
	struct gate_start start;
	uint32_t seed;

	audit_start(config->audit, config->level);
	raise_descriptor_limit();
	epoll_fd = (int)syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
	if (epoll_fd < 0 ||
	    channel_receive(channel, &start, sizeof(start), sockets, GATE_SOCKETS) ||
	    start.policy > 1 || !watch_sockets(channel))
		_exit(1);
	gate = (struct gate){ .config = config,
			      .policy = config->policies[start.policy],
			      .names = config->names,
			      .now = clock_now() };
	gate_random(&seed, sizeof(seed));
	names_open(gate.names, seed);
	/* What no system call of the filter can undo. */
	if (mprotect(config->shared, config->shared_size, PROT_READ) < 0 || confine_gate() < 0)
		_exit(1);
	report_start(&start);
	if (send(channel, &ready, 1, MSG_NOSIGNAL) != 1)
		_exit(1);
	loop(channel);
}
