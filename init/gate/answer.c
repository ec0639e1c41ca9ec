/* SPDX-License-Identifier: MIT */
/*
 * Names that may be asked for are resolved first, so that what does not exist does not exist here either;
 * then they are answered with the address of the pool that stands for them. Denied names are never asked
 * for: they get an address too, and who goes there is told why it leads nowhere.
 */
#include "init/gate/answer.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/gate/audit.h"
#include "init/gate/loop.h"
#include "init/gate/record.h"
#include "init/gate/resolve.h"
#include "sys/endpoint.h"

#define TTL 60 /* seconds, of an address of the pool */
#define TTL_LEAST 5000 /* milliseconds that a real address is believed at least */
#define QUESTIONS 1024
#define STREAMS 64
#define DATAGRAMS 64 /* that are read for one event */
#define STREAM_QUESTIONS 1024 /* in one go; who asks more begins anew */

/* A DNS connection of the agent's. */
struct stream {
	struct timer timer; /* first, so that one can be had from the other */
	struct stream *next_free;
	int fd;
	uint16_t generation;
	bool busy;
	bool waiting; /* for the answer to a question */
	bool reading; /* questions are being taken: answers that are there at once do not begin it again */
	bool roomy; /* it asks without waiting for answers */
	bool ended; /* it will ask no more than what is in the socket */
};

/* Where an answer goes. */
struct asker {
	int fd; /* of the UDP socket */
	struct sockaddr_in6 peer; /* room for either family */
	socklen_t peer_length;
	struct stream *stream; /* NULL: by UDP */
	uint16_t generation; /* of the stream */
};

/* A question that waits for upstream servers. */
struct question {
	struct waiter waiter; /* first, so that one can be had from the other */
	struct question *next_free;
	struct asker asker;
	struct dns_query query;
};

static struct question questions[QUESTIONS];
static struct question *free_questions;
static unsigned int used_questions;

static struct stream streams[STREAMS];
static struct stream *free_streams;
static unsigned int used_streams;

static unsigned char reply[2 + UINT16_MAX]; /* over TCP with its length before it */

static void stream_close(struct stream *s)
{
	timer_stop(&s->timer);
	close(s->fd);
	s->busy = false;
	s->generation++;
	s->next_free = free_streams;
	free_streams = s;
}

/* ---- sending ---- */

#define REPLY (reply + 2)
#define REPLY_SIZE (sizeof(reply) - 2)

static void send_reply(const struct asker *to, size_t length)
{
	struct stream *s = to->stream;

	if (!s) {
		if (length == 0)
			return;
		sendto(to->fd, REPLY, length, MSG_NOSIGNAL, (const struct sockaddr *)&to->peer,
		       to->peer_length);
		return;
	}
	if (!s->busy || s->generation != to->generation)
		return;
	s->waiting = false;
	if (length == 0)
		return;
	reply[0] = (unsigned char)(length >> 8);
	reply[1] = (unsigned char)length;
	if (send(s->fd, reply, 2 + length, MSG_NOSIGNAL) != (ssize_t)(2 + length))
		stream_close(s);
}

static void answer_empty(const struct asker *to, const struct dns_query *q, unsigned int rcode)
{
	send_reply(to, dns_write_empty(REPLY, REPLY_SIZE, q, rcode));
}

static void answer_address(const struct asker *to, const struct dns_query *q,
			   const struct address *a)
{
	send_reply(to, dns_write_address(REPLY, REPLY_SIZE, q, a, TTL));
}

/* The pool's address of a name, of the family that is asked for; nothing where the jail has none. */
static void answer_name(const struct asker *to, const struct dns_query *q, struct name *name)
{
	const struct prefix *pool = &gate.config->pools[q->type == DNS_AAAA];
	struct address a;

	name->used = gate.now;
	if (pool->address.family == 0) {
		answer_empty(to, q, DNS_NOERROR);
		return;
	}
	a = names_address(gate.names, name, pool);
	answer_address(to, q, &a);
	audit_begin(AUDIT_DEBUG, "dns");
	audit_span("name", name_text(name));
	audit_address("pool", &a);
	if (name->count > 0)
		audit_address("address", &name->addresses[0]);
	audit_end();
}

/* ---- allowed names ---- */

void name_learn(struct name *name, const struct dns_answer *a)
{
	int64_t lifetime = (int64_t)a->ttl * 1000;

	memcpy(name->addresses, a->addresses, sizeof(name->addresses));
	name->count = a->count;
	name->expires = gate.now + (lifetime < TTL_LEAST ? TTL_LEAST : lifetime);
}

static struct name *name_with_addresses(struct span text, const struct dns_answer *a)
{
	struct name *name = names_find(gate.names, text);

	if (!name)
		name = names_add(gate.names, text, true, gate.now);
	if (!name)
		record_trouble("the pool of names is full", NAMES_ALLOWED);
	else
		name_learn(name, a);
	return name;
}

static void resolved(struct waiter *w, enum resolved how, const struct dns_answer *addresses,
		     struct span message)
{
	struct question *question = (struct question *)w;
	const struct asker *to = &question->asker;
	const struct dns_query *q = &question->query;
	struct span text = { q->name.text, q->name.length };
	struct stream *stream;
	uint16_t generation;
	struct name *name;

	if (how == RESOLVED_FAILED) {
		answer_empty(to, q, DNS_SERVFAIL);
	} else if (q->type != DNS_A && q->type != DNS_AAAA) {
		send_reply(to, dns_write_relayed(REPLY, REPLY_SIZE, q, message,
						 to->stream ? REPLY_SIZE : q->room));
	} else if (how == RESOLVED_NOTHING || addresses->count == 0) {
		answer_empty(to, q, how == RESOLVED_NOTHING ? DNS_NXDOMAIN : DNS_NOERROR);
	} else {
		name = name_with_addresses(text, addresses);
		if (name)
			answer_name(to, q, name);
		else
			answer_empty(to, q, DNS_SERVFAIL);
	}
	stream = to->stream;
	generation = to->generation;
	question->next_free = free_questions;
	free_questions = question;
	if (stream)
		answer_stream_event((uint32_t)(stream - streams), generation, 0);
}

static void ask_upstream(const struct asker *to, const struct dns_query *q)
{
	struct question *question = free_questions;
	struct span text = { q->name.text, q->name.length };
	bool asked;

	if (question)
		free_questions = question->next_free;
	else if (used_questions < QUESTIONS)
		question = &questions[used_questions++];
	if (!question) {
		record_trouble("too many DNS questions at a time", QUESTIONS);
		return; /* the agent's resolver asks again */
	}
	question->asker = *to;
	question->query = *q;
	question->waiter = (struct waiter){ .done = resolved };
	if (to->stream)
		to->stream->waiting = true;
	asked = q->type == DNS_A || q->type == DNS_AAAA ?
			resolve_addresses(text, &question->waiter) :
			resolve_other(q, &question->waiter);
	if (!asked) {
		record_trouble("too many DNS questions at a time", 0);
		resolved(&question->waiter, RESOLVED_FAILED, NULL, span_of(""));
	}
}

/* From hosts(5), or by the proxy, which resolves names itself. False: the servers have to be asked. */
static bool known_addresses(struct span text, struct dns_answer *a)
{
	static const uint8_t families[] = { AF_INET6, AF_INET };

	*a = (struct dns_answer){ .ttl = UINT32_MAX };
	for (unsigned int i = 0; i < 2; i++) {
		const struct address *host =
			resolv_host_address(gate.config->resolv, text, families[i]);

		if (host)
			a->addresses[a->count++] = *host;
	}
	return a->count > 0 || gate.config->proxy.length > 0;
}

static void answer_allowed(const struct asker *to, const struct dns_query *q)
{
	struct span text = { q->name.text, q->name.length };
	struct name *name = names_find(gate.names, text);
	struct dns_answer known;

	if (q->type != DNS_A && q->type != DNS_AAAA) {
		if (q->type == DNS_ANY || gate.config->proxy.length > 0)
			answer_empty(to, q, DNS_NOERROR);
		else
			ask_upstream(to, q);
		return;
	}
	if ((!name || name->expires <= gate.now) && known_addresses(text, &known))
		name = name_with_addresses(text, &known);
	if (name && name->expires > gate.now)
		answer_name(to, q, name);
	else
		ask_upstream(to, q);
}

/* ---- denied names ---- */

static void answer_denied(const struct asker *to, const struct dns_query *q)
{
	struct span text = { q->name.text, q->name.length };
	const struct request request = { .name = text };
	struct name *name = names_find(gate.names, text);

	/* Else who asks would take what he got for the name that he meant. */
	if (resolv_is_search_expansion(gate.config->resolv, text)) {
		answer_empty(to, q, DNS_NXDOMAIN);
		return;
	}
	if (!name) {
		name = names_add(gate.names, text, false, gate.now);
		record_decision(&(struct decision){ .protocol = "dns",
						    .request = &request,
						    .reason = "no rule allows this name" });
	}
	if (name && (q->type == DNS_A || q->type == DNS_AAAA))
		answer_name(to, q, name);
	else
		answer_empty(to, q, DNS_NOERROR);
}

/* ---- questions ---- */

/* RFC 6761 6.3: these never leave the host. */
static bool is_localhost(struct span name)
{
	static const char localhost[] = ".localhost";
	const size_t length = sizeof(localhost) - 1;

	if (span_is(name, localhost + 1))
		return true;
	return name.length > length &&
	       memcmp(name.at + name.length - length, localhost, length) == 0;
}

static void answer_localhost(const struct asker *to, const struct dns_query *q)
{
	static const struct address loopback[] = { { AF_INET, { 127, 0, 0, 1 } },
						   { AF_INET6, { [15] = 1 } } };

	if (q->type == DNS_A || q->type == DNS_AAAA)
		answer_address(to, q, &loopback[q->type == DNS_AAAA]);
	else
		answer_empty(to, q, DNS_NOERROR);
}

/* The name that an address of the pool stands for. */
static struct name *name_of_pointer(struct span text)
{
	struct address a;
	struct name *name = NULL;

	if (dns_reverse_address(text, &a))
		for (unsigned int i = 0; i < 2 && !name; i++)
			name = names_at(gate.names, &gate.config->pools[i], &a);
	return name;
}

static void answer(const struct asker *to, const struct dns_query *q)
{
	struct span text = { q->name.text, q->name.length };
	struct name *pointed = q->type == DNS_PTR ? name_of_pointer(text) : NULL;

	if (pointed)
		send_reply(to, dns_write_pointer(REPLY, REPLY_SIZE, q, name_text(pointed), TTL));
	else if (q->class != 1)
		answer_empty(to, q, DNS_NOTIMP);
	else if (q->name.odd)
		answer_empty(to, q, DNS_NXDOMAIN);
	else if (is_localhost(text))
		answer_localhost(to, q);
	else if (q->type == DNS_SVCB || q->type == DNS_HTTPS || text.length == 0)
		answer_empty(to, q, DNS_NOERROR); /* addresses and keys that are not for here */
	else if (gate.config->observe || policy_allows_name(gate.policy, text))
		answer_allowed(to, q);
	else if (q->type == DNS_PTR)
		answer_empty(to, q, DNS_NXDOMAIN);
	else
		answer_denied(to, q);
}

static void take_message(const struct asker *from, struct span message)
{
	struct dns_query q;
	int rcode = dns_parse_query(message, &q);

	if (rcode > 0)
		answer_empty(from, &q, (unsigned int)rcode);
	else if (rcode == 0)
		answer(from, &q);
}

/* ---- UDP ---- */

void answer_udp(int fd)
{
	struct asker from = { .fd = fd };

	for (unsigned int i = 0; i < DATAGRAMS; i++) {
		ssize_t n;

		from.peer_length = sizeof(from.peer);
		n = recvfrom(fd, gate_scratch, DNS_MESSAGE_MAX, MSG_TRUNC,
			     (struct sockaddr *)&from.peer, &from.peer_length);
		if (n < 0)
			return;
		if (n <= DNS_MESSAGE_MAX)
			take_message(&from, (struct span){ gate_scratch, (size_t)n });
	}
}

/* ---- TCP ---- */

void answer_accept(int listener)
{
	struct stream *s;
	int fd;

	for (unsigned int i = 0; i < STREAMS && (fd = endpoint_accept(listener)) >= 0; i++) {
		uint16_t generation;

		s = free_streams;
		if (s)
			free_streams = s->next_free;
		else if (used_streams < STREAMS)
			s = &streams[used_streams++];
		if (!s) {
			record_trouble("too many DNS connections at a time", STREAMS);
			close(fd);
			continue;
		}
		generation = s->generation;
		*s = (struct stream){ .fd = fd, .generation = generation, .busy = true };
		timer_set(&s->timer, TIMER_STREAM, gate.now);
		if (!gate_watch(fd, EPOLLIN | EPOLLRDHUP | EPOLLET, SOURCE_STREAM,
				(uint32_t)(s - streams), generation))
			stream_close(s);
	}
}

/* One question. False: there is no whole one, or the stream is closed. */
static bool take_question(struct stream *s)
{
	const unsigned char *bytes = (const unsigned char *)gate_scratch;
	const struct asker from = { .stream = s, .generation = s->generation };
	ssize_t n = recv(s->fd, gate_scratch, 2 + DNS_MESSAGE_MAX, MSG_PEEK);
	size_t whole = n >= 2 ? 2U + ((size_t)bytes[0] << 8 | bytes[1]) : 2U;

	if (n == 0 || (n < 0 && errno != EAGAIN) || whole > 2 + DNS_MESSAGE_MAX) {
		stream_close(s);
		return false;
	}
	if (n < (ssize_t)whole)
		return false;
	if (n > (ssize_t)whole && !s->roomy) {
		endpoint_make_room(s->fd);
		s->roomy = true;
	}
	recv(s->fd, gate_scratch, whole, 0);
	timer_set(&s->timer, TIMER_STREAM, gate.now);
	take_message(&from, (struct span){ gate_scratch + 2, whole - 2 });
	return s->generation == from.generation;
}

/* A question that waits for its answer holds the next ones back: they stay in the socket. */
void answer_stream_event(uint32_t index, uint16_t generation, uint32_t events)
{
	struct stream *s = &streams[index];

	if (!s->busy || s->generation != generation)
		return;
	s->ended = s->ended || events & (EPOLLRDHUP | EPOLLHUP);
	if (s->reading)
		return;
	s->reading = true;
	for (unsigned int i = 0; !s->waiting; i++) {
		if (take_question(s) && i < STREAM_QUESTIONS)
			continue;
		if (s->generation == generation && (s->ended || i == STREAM_QUESTIONS))
			stream_close(s);
		break;
	}
	s->reading = false;
}

void answer_timer(struct timer *t)
{
	stream_close((struct stream *)t);
}
