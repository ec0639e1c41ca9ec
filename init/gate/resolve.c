/* SPDX-License-Identifier: MIT */
#include "init/gate/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/gate/loop.h"
#include "sys/endpoint.h"

#define DNS_PORT 53
#define LOOKUPS 256
#define PARTS 2 /* A and AAAA */

/* Below those of net.ipv4.ip_local_port_range, and the gate's own. */
#define PORT_FIRST 14336
#define PORTS 16384
#define PORT_TRIES 8

struct part {
	uint16_t id, type;
	bool answered;
};

/* Everything that is asked about a name in one go. */
struct lookup { // NOLINT(clang-analyzer-optin.performance.Padding): in the order of reading
	struct timer timer; /* first, so that one can be had from the other */
	struct waiter *waiters;
	struct lookup *next_free;
	int fd;
	uint16_t generation;
	bool busy;
	bool tcp;
	bool sent; /* over TCP: when the connection is there */
	bool addresses; /* its parts are A and AAAA; else there is one, of another type */
	bool exists; /* a server knows the name */
	uint8_t parts;
	uint8_t tries;
	struct part part[PARTS];
	struct dns_answer answer; /* of both parts */
	struct dns_name name;
};

static struct lookup lookups[LOOKUPS];
static struct lookup *free_lookups;
static unsigned int used_lookups; /* further ones were never touched */

/* Counts on to the server that has answered last: one that is dead is not asked first again and again. */
static unsigned int good_server;

static uint32_t index_of(const struct lookup *l)
{
	return (uint32_t)(l - lookups);
}

static const struct address *server_of(const struct lookup *l)
{
	static const struct address local = { AF_INET, { 127, 0, 0, 1 } };
	const struct resolv *resolv = gate.config->resolv;

	if (resolv->server_count == 0)
		return &local;
	return &resolv->servers[(good_server + l->tries) % resolv->server_count];
}

static unsigned int tries_in_all(void)
{
	unsigned int servers = gate.config->resolv->server_count;

	return gate.config->resolv->attempts * (servers > 0 ? servers : 1);
}

static struct span name_of(const struct lookup *l)
{
	return (struct span){ .at = l->name.text, .length = l->name.length };
}

/* ---- the end of a lookup ---- */

static void close_socket(struct lookup *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static void finish(struct lookup *l, enum resolved how, struct span message)
{
	struct dns_answer answer = l->answer;
	struct waiter *w;

	timer_stop(&l->timer);
	close_socket(l);
	l->busy = false;
	l->generation++;
	/* What a waiter does may begin a new lookup, but not in this place: it is not free yet. */
	while ((w = l->waiters)) {
		resolve_forget(w);
		w->done(w, how, &answer, message);
	}
	l->next_free = free_lookups;
	free_lookups = l;
}

static void fail_lookup(struct lookup *l)
{
	finish(l, RESOLVED_FAILED, span_of(""));
}

/* A local one knows names that no other does. */
static bool first_is_local(void)
{
	return gate.config->mark && address_is_loopback(&gate.config->resolv->servers[0]);
}

static void conclude(struct lookup *l, struct span message)
{
	if (!first_is_local())
		good_server += l->tries;
	finish(l, l->exists ? RESOLVED : RESOLVED_NOTHING, message);
}

/* ---- asking ---- */

static size_t put_query(const struct lookup *l, unsigned int part, unsigned char *to, size_t size)
{
	return dns_write_query(to, size, l->part[part].id, name_of(l), l->part[part].type);
}

/* What is still open, in one or two datagrams; over TCP with lengths before them, in one go. */
static bool send_queries(const struct lookup *l)
{
	unsigned char bytes[PARTS * (2 + DNS_UDP_MAX)];
	size_t length = 0;

	for (unsigned int i = 0; i < l->parts; i++) {
		size_t n, prefix = l->tcp ? 2 : 0;

		if (l->part[i].answered)
			continue;
		n = put_query(l, i, bytes + length + prefix, DNS_UDP_MAX);
		if (l->tcp) {
			bytes[length] = (unsigned char)(n >> 8);
			bytes[length + 1] = (unsigned char)n;
			length += 2 + n;
		} else if (send(l->fd, bytes, n, MSG_NOSIGNAL) < 0) {
			return false;
		}
	}
	return !l->tcp || send(l->fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/*
 * The network may be the agent's own as well. With a port that a question of the agent's has had, conntrack
 * would lead this one the same way, back to the gate; and the other way round. So it is not from where the
 * kernel takes them.
 */
static bool take_port(const struct lookup *l, uint8_t family)
{
	for (unsigned int i = 0; i < PORT_TRIES; i++) {
		uint16_t port;

		gate_random(&port, sizeof(port));
		if (endpoint_bind(l->fd, family, PORT_FIRST + port % PORTS) == 0)
			return true;
	}
	return false;
}

static bool connect_to_server(struct lookup *l)
{
	const struct address *server = server_of(l);

	close_socket(l);
	l->sent = false;
	l->fd = endpoint_socket(server->family, l->tcp ? SOCK_STREAM : SOCK_DGRAM,
				gate.config->mark);
	if (l->fd < 0 || (gate.config->mark && !l->tcp && !take_port(l, server->family)))
		return false;
	if (endpoint_connect(l->fd, server, DNS_PORT) < 0 && errno != EINPROGRESS)
		return false;
	return gate_watch(l->fd, l->tcp ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN, SOURCE_LOOKUP,
			  index_of(l), l->generation);
}

/* Asks this server, or if that is not possible at once the next one. */
static void ask(struct lookup *l)
{
	for (; l->tries < tries_in_all(); l->tries++) {
		for (unsigned int i = 0; i < l->parts; i++)
			gate_random(&l->part[i].id, sizeof(l->part[i].id));
		if (connect_to_server(l) && (l->tcp || send_queries(l))) {
			timer_set(&l->timer, TIMER_LOOKUP, gate.now);
			return;
		}
	}
	fail_lookup(l);
}

/* Some servers have nothing but an error for AAAA, or never answer about it: what there is will do. */
static void ask_next(struct lookup *l)
{
	if (l->answer.count > 0) {
		conclude(l, span_of(""));
		return;
	}
	l->tries++;
	l->tcp = false;
	ask(l);
}

/* ---- answers ---- */

static bool all_answered(const struct lookup *l)
{
	for (unsigned int i = 0; i < l->parts; i++)
		if (!l->part[i].answered)
			return false;
	return true;
}

static void add_addresses(struct lookup *l, const struct dns_answer *a)
{
	struct dns_answer *all = &l->answer;

	if (a->count > 0 && (all->count == 0 || a->ttl < all->ttl))
		all->ttl = a->ttl;
	for (unsigned int i = 0; i < a->count; i++) {
		/* Half of the room for each family. */
		if (i == DNS_ADDRESSES / 2 || all->count == DNS_ADDRESSES)
			break;
		all->addresses[all->count++] = a->addresses[i];
	}
}

/* One message of the server. True: the lookup has ended, or goes another way. */
static bool take_message(struct lookup *l, struct span message)
{
	for (unsigned int i = 0; i < l->parts; i++) {
		struct part *part = &l->part[i];
		struct dns_answer a;

		if (part->answered ||
		    !dns_parse_answer(message, part->id, name_of(l), part->type, &a))
			continue;
		if (a.truncated && !l->tcp) {
			l->tcp = true;
			ask(l);
			return true;
		}
		if (a.rcode != DNS_NOERROR && a.rcode != DNS_NXDOMAIN) {
			ask_next(l);
			return true;
		}
		part->answered = true;
		l->exists = l->exists || a.rcode == DNS_NOERROR;
		add_addresses(l, &a);
		if (!all_answered(l))
			return false;
		conclude(l, message);
		return true;
	}
	return false;
}

static void read_datagrams(struct lookup *l)
{
	for (unsigned int i = 0; i < 16; i++) {
		ssize_t n = recv(l->fd, gate_scratch, GATE_SCRATCH, 0);

		if (n < 0) {
			if (errno != EAGAIN)
				ask_next(l); /* nobody is there: ECONNREFUSED */
			return;
		}
		if (take_message(l, (struct span){ gate_scratch, (size_t)n }))
			return;
	}
}

enum taken resolve_take(int fd, size_t limit, struct span *message)
{
	const unsigned char *bytes = (const unsigned char *)gate_scratch;
	ssize_t n = recv(fd, gate_scratch, 2 + limit, MSG_PEEK);
	size_t whole = n >= 2 ? 2U + ((size_t)bytes[0] << 8 | bytes[1]) : 2U;

	if (n == 0 || (n < 0 && errno != EAGAIN) || whole > 2 + limit)
		return TAKEN_END;
	if (n < (ssize_t)whole)
		return TAKEN_NOTHING;
	recv(fd, gate_scratch, whole, 0);
	*message = (struct span){ gate_scratch + 2, whole - 2 };
	return n > (ssize_t)whole ? TAKEN_OF_MORE : TAKEN_ALL;
}

static void read_stream(struct lookup *l)
{
	struct span message;

	do {
		enum taken taken = resolve_take(l->fd, UINT16_MAX, &message);

		if (taken == TAKEN_END)
			ask_next(l);
		if (taken <= TAKEN_NOTHING)
			return;
	} while (!take_message(l, message));
}

void resolve_event(uint32_t index, uint16_t generation)
{
	struct lookup *l = &lookups[index];

	if (!l->busy || l->generation != generation)
		return;
	if (!l->tcp) {
		read_datagrams(l);
		return;
	}
	switch (endpoint_state(l->fd, server_of(l), DNS_PORT)) {
	case ENDPOINT_PENDING:
		return;
	case ENDPOINT_FAILED:
		ask_next(l);
		return;
	case ENDPOINT_OPEN:
		break;
	}
	if (l->sent)
		read_stream(l);
	else if (send_queries(l))
		l->sent = true;
	else
		ask_next(l);
}

void resolve_timer(struct timer *t)
{
	ask_next((struct lookup *)t);
}

/* ---- the beginning ---- */

static void add_waiter(struct lookup *l, struct waiter *w)
{
	w->next = l->waiters;
	w->link = &l->waiters;
	if (w->next)
		w->next->link = &w->next;
	l->waiters = w;
}

void resolve_forget(struct waiter *w)
{
	if (!w->link)
		return;
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->link = NULL;
}

static struct lookup *start(struct waiter *w)
{
	struct lookup *l = free_lookups;
	uint16_t generation;

	if (l)
		free_lookups = l->next_free;
	else if (used_lookups < LOOKUPS)
		l = &lookups[used_lookups++];
	else
		return NULL;
	generation = l->generation;
	*l = (struct lookup){ .fd = -1, .generation = generation, .busy = true };
	add_waiter(l, w);
	return l;
}

bool resolve_note_echo(struct span name)
{
	bool found = false;

	for (struct lookup *l = lookups; l < lookups + used_lookups; l++) {
		if (!l->busy || !address_is_loopback(server_of(l)) ||
		    !spans_equal(name_of(l), name))
			continue;
		found = true;
		ask_next(l);
	}
	return found;
}

bool resolve_addresses(struct span name, struct waiter *w)
{
	struct lookup *l;

	for (l = lookups; l < lookups + used_lookups; l++) {
		if (l->busy && l->addresses && spans_equal(name_of(l), name)) {
			add_waiter(l, w);
			return true;
		}
	}
	l = start(w);
	if (!l)
		return false;
	l->addresses = true;
	l->parts = PARTS;
	l->part[0].type = DNS_A;
	l->part[1].type = DNS_AAAA;
	l->name.length = (uint8_t)name.length;
	memcpy(l->name.text, name.at, name.length);
	ask(l);
	return true;
}

bool resolve_other(const struct dns_query *q, struct waiter *w)
{
	struct lookup *l = start(w);

	if (!l)
		return false;
	l->parts = 1;
	l->part[0].type = q->type;
	l->name = q->name;
	ask(l);
	return true;
}
