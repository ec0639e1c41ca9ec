/* SPDX-License-Identifier: MIT */
#include "init/gate/flow.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/gate/audit.h"
#include "init/gate/loop.h"
#include "init/gate/record.h"
#include "sys/endpoint.h"

/* Connections that are taken for one event, and requests of one flow. */
#define ACCEPTS 64
#define TURNS 16

/* Descriptors that are not for flows: lookups, DNS connections, what init gave. */
#define OTHER_DESCRIPTORS 400

static struct flow flows[FLOWS];
static struct flow *free_flows;
static unsigned int used_flows; /* further ones were never touched */
static unsigned int busy_flows;
static unsigned int most_flows = FLOWS;
static uint64_t last_number;
static struct flow *ready_flows;

void flow_set_limit(uint64_t descriptors)
{
	/* A second connection may be under way beside the first. */
	uint64_t most =
		descriptors > OTHER_DESCRIPTORS ? (descriptors - OTHER_DESCRIPTORS) / 2 : 16;

	most_flows = most < FLOWS ? (unsigned int)most : FLOWS;
}

/* ---- beginning and end ---- */

bool flow_watch(const struct flow *f, int fd, enum source source)
{
	return gate_watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, source,
			  (uint32_t)(f - flows), f->generation);
}

static struct flow *flow_new(int fd)
{
	struct flow *f = free_flows;
	uint16_t generation;

	if (busy_flows == most_flows)
		return NULL;
	if (f)
		free_flows = f->next;
	else
		f = &flows[used_flows++];
	generation = f->generation;
	*f = (struct flow){ .number = ++last_number,
			    .began = gate.now,
			    .generation = generation,
			    .busy = true,
			    .request = { .protocol = REQUEST_TCP },
			    .agent = { .fd = fd, .readable = true, .writable = true },
			    .server = { .fd = -1, .passable = ANY_NUMBER },
			    .attempt = -1 };
	busy_flows++;
	return f;
}

static void report_end(const struct flow *f, const char *end)
{
	audit_begin(AUDIT_INFO, "flow");
	audit_number("flow", f->number);
	audit_span("name", f->request.name);
	audit_number("port", f->request.port);
	audit_address("address", &f->address);
	audit_number("sent", f->agent.passed);
	audit_number("received", f->server.passed);
	audit_number("duration_ms", (uint64_t)(gate.now - f->began));
	audit_string("end", end);
	audit_end();
}

static void close_side(struct side *s, bool reset)
{
	if (s->fd < 0)
		return;
	endpoint_set_abortive(s->fd, reset);
	close(s->fd);
	s->fd = -1;
}

static void finish(struct flow *f, const char *end, bool reset)
{
	if (f->address.family && !f->reported)
		examine_report(f);
	if (f->address.family)
		report_end(f, end);
	timer_stop(&f->timer);
	resolve_forget(&f->waiter);
	if (f->attempt >= 0)
		close(f->attempt);
	close_side(&f->agent, reset);
	close_side(&f->server, reset);
	if (f->entry) {
		f->entry->users--;
		f->entry->used = gate.now;
	}
	f->busy = f->ready = false;
	f->generation++;
	busy_flows--;
	if (!f->queued) {
		f->next = free_flows;
		free_flows = f;
	} /* else flow_go_on() does it */
}

void flow_close(struct flow *f, const char *end)
{
	finish(f, end, false);
}

void flow_break(struct flow *f, const char *end)
{
	finish(f, end, true);
}

void flow_close_all(void)
{
	for (struct flow *f = flows; f < flows + used_flows; f++)
		if (f->busy)
			flow_break(f, "the agent has ended");
}

bool flow_any(void)
{
	return busy_flows > 0;
}

/* ---- arrival ---- */

/* The name that the address stands for which the agent has dialled. */
static bool find_name(struct flow *f)
{
	const struct resolv *resolv = gate.config->resolv;
	struct address a;

	if (!endpoint_original(f->agent.fd, &a, &f->request.port))
		return false;
	for (unsigned int i = 0; i < 2 && !f->entry; i++)
		f->entry = names_at(gate.names, &gate.config->pools[i], &a);
	if (f->entry) {
		f->entry->users++;
		f->request.name = name_text(f->entry);
		return true;
	}
	if (f->request.port == GATE_TCP_PORT)
		return false; /* the agent came to our own door */
	f->host = a;
	f->by_address =
		gate.config->addresses && policy_allows_address(gate.policy, &a, f->request.port);
	if (f->by_address)
		return true;
	/* Of several names of one address in hosts(5) the first that leads anywhere. */
	for (unsigned int i = 0; i < resolv->host_count; i++) {
		const struct host *h = &resolv->hosts[i];

		if (!address_equal(&h->address, &a))
			continue;
		if (f->request.name.length == 0)
			f->request.name = h->name;
		if (policy_allows_port(gate.policy, h->name, f->request.port)) {
			f->request.name = h->name;
			break;
		}
	}
	f->by_address =
		gate.config->addresses && gate.config->observe && f->request.name.length == 0;
	return f->by_address || f->request.name.length > 0;
}

static void arrive(int fd)
{
	struct flow *f = flow_new(fd);

	if (!f) {
		record_trouble("too many connections at a time", busy_flows);
		endpoint_reset(fd);
		return;
	}
	if (!find_name(f)) {
		record_decision(&(struct decision){
			.flow = f->number,
			.request = &f->request,
			.reason = "the address stands for no name, or no longer" });
		flow_break(f, "refused");
		return;
	}
	if (!flow_watch(f, fd, SOURCE_AGENT)) {
		flow_break(f, "no memory in the kernel");
		return;
	}
	examine_arrival(f);
}

void flow_accept(int listener)
{
	for (unsigned int i = 0; i < ACCEPTS; i++) {
		int fd = endpoint_accept(listener);

		if (fd >= 0)
			arrive(fd);
		else if (fd != -ECONNABORTED)
			return;
	}
}

/* ---- going on ---- */

/* What an ended or refused flow's agent still sends goes nowhere. */
static void drain(struct flow *f)
{
	for (unsigned int i = 0; i < 16; i++) {
		ssize_t n = recv(f->agent.fd, gate_scratch, GATE_SCRATCH, MSG_TRUNC);

		if (n > 0)
			continue;
		if (n == 0 || errno != EAGAIN)
			flow_close(f, "refused");
		return;
	}
}

/* There may be more to look at: a request behind the one that was passed on, an answer behind another. */
static bool more_to_examine(const struct flow *f)
{
	bool held = f->upgrading && f->sight == SIGHT_HEAD;

	return (f->agent.passable == 0 && f->agent.readable && !held) ||
	       (f->server.passable == 0 && f->server.readable);
}

static void step_open(struct flow *f)
{
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		if (f->upgrading && f->server.passable == 0)
			examine_upgrade(f);
		if (f->busy && f->agent.passable == 0)
			examine(f);
		if (!f->busy || f->phase != FLOW_OPEN)
			return;
		if (!relay(f)) {
			flow_break(f, "reset");
			return;
		}
		if (!more_to_examine(f))
			break;
		f->ready = true;
	}
	if (f->agent.ended && f->server.ended)
		flow_close(f, "closed");
}

static void step_ending(struct flow *f)
{
	f->agent.passable = 0;
	if (!relay(f))
		f->server.ended = true;
	if (f->server.ended)
		refuse_now(f);
}

void flow_step(struct flow *f)
{
	f->ready = false;
	switch ((enum phase)f->phase) {
	case FLOW_WAITING:
		examine(f);
		break;
	case FLOW_RESOLVING:
	case FLOW_DIALING:
		break;
	case FLOW_ASKING_PROXY:
		dial_proxy_answer(f);
		break;
	case FLOW_OPEN:
		step_open(f);
		break;
	case FLOW_ENDING:
		step_ending(f);
		break;
	case FLOW_LINGERING:
		drain(f);
		break;
	}
	if (f->ready && !f->queued) {
		f->queued = true;
		f->next = ready_flows;
		ready_flows = f;
	}
}

bool flow_go_on(void)
{
	struct flow *list = ready_flows;

	ready_flows = NULL;
	while (list) {
		struct flow *f = list;

		list = f->next;
		f->queued = false;
		if (f->busy) {
			flow_step(f);
		} else {
			f->next = free_flows;
			free_flows = f;
		}
	}
	return ready_flows != NULL;
}

static void note_events(struct side *s, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		s->writable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->hung_up = true;
}

void flow_event(uint32_t index, uint16_t generation, unsigned int source, uint32_t events)
{
	struct flow *f = &flows[index];

	if (!f->busy || f->generation != generation)
		return;
	/* Once it is open, a hang-up may be both sides' regular end; an error is a reset. */
	if (source == SOURCE_AGENT &&
	    events & (f->phase < FLOW_OPEN ? EPOLLHUP | EPOLLERR : EPOLLERR)) {
		flow_break(f, "the agent has left");
		return;
	}
	if (source == SOURCE_AGENT)
		note_events(&f->agent, events);
	/* One that is connected with this event may have ended with it already. */
	else if (f->phase == FLOW_DIALING ? dial_event(f, source == SOURCE_ATTEMPT) :
					    source == SOURCE_SERVER)
		note_events(&f->server, events);
	if (f->busy && f->generation == generation)
		flow_step(f);
}

void flow_timer(struct timer *t, enum timer_kind kind)
{
	struct flow *f = (struct flow *)t;

	switch (kind) {
	case TIMER_ATTEMPT:
		dial_next(f);
		break;
	case TIMER_REPLACE:
		dial_replace(f);
		break;
	case TIMER_DENIED:
	case TIMER_HELLO:
		if (f->phase == FLOW_ASKING_PROXY)
			dial_proxy_silent(f);
		else
			examine_silence(f);
		break;
	case TIMER_ENDING:
		refuse_now(f);
		break;
	case TIMER_LINGER:
		flow_close(f, "refused");
		break;
	case TIMER_NONE:
	case TIMER_LOOKUP:
	case TIMER_STREAM:
	case TIMER_KINDS:
		break;
	}
}
