/* SPDX-License-Identifier: MIT */
/*
 * Names that may be asked for are resolved first, so that what does not exist does not exist here either;
 * then they are answered with the address of the pool that stands for them. Denied names are never asked
 * for: they get an address too, and who goes there is told why it leads nowhere.
 */
#include "init/gate/answer.h"

#include <arpa/inet.h>
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

/*
 * What answers a question says how: by an rcode, which is then sent without a record, or ANSWERED, when the
 * answer was sent or is to come.
 */
#define ANSWERED (-1)

static void answer_empty(const struct asker *to, const struct dns_query *q, int rcode)
{
	if (rcode != ANSWERED)
		send_reply(to, dns_write_empty(REPLY, REPLY_SIZE, q, (unsigned int)rcode));
}

static int answer_address(const struct asker *to, const struct dns_query *q,
			  const struct address *a)
{
	send_reply(to, dns_write_address(REPLY, REPLY_SIZE, q, a, TTL));
	return ANSWERED;
}

static bool asks_address(const struct dns_query *q)
{
	return q->type == DNS_A || q->type == DNS_AAAA;
}

static struct span text_of(const struct dns_query *q)
{
	return (struct span){ q->name.text, q->name.length };
}

/* The pool's address of a name, of the family that is asked for; nothing where the jail has none. */
static int answer_name(const struct asker *to, const struct dns_query *q, struct name *name)
{
	const struct prefix *pool = &gate.config->pools[q->type == DNS_AAAA];
	struct address a;

	name->used = gate.now;
	if (pool->address.family == 0)
		return DNS_NOERROR;
	a = names_address(gate.names, name, pool);
	audit_begin(AUDIT_DEBUG, "dns");
	audit_span("name", name_text(name));
	audit_address("pool", &a);
	if (name->count > 0)
		audit_address("address", &name->addresses[0]);
	audit_end();
	return answer_address(to, q, &a);
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

/* What the servers said. */
static int answer_resolved(const struct asker *to, const struct dns_query *q, enum resolved how,
			   const struct dns_answer *addresses, struct span message)
{
	struct name *name;

	if (how == RESOLVED_FAILED)
		return DNS_SERVFAIL;
	if (!asks_address(q)) {
		send_reply(to, dns_write_relayed(REPLY, REPLY_SIZE, q, message,
						 to->stream ? REPLY_SIZE : q->room));
		return ANSWERED;
	}
	if (how == RESOLVED_NOTHING)
		return DNS_NXDOMAIN;
	if (addresses->count == 0)
		return DNS_NOERROR;
	name = name_with_addresses(text_of(q), addresses);
	return name ? answer_name(to, q, name) : DNS_SERVFAIL;
}

static void resolved(struct waiter *w, enum resolved how, const struct dns_answer *addresses,
		     struct span message)
{
	struct question *question = (struct question *)w;
	const struct asker *to = &question->asker;
	const struct dns_query *q = &question->query;
	struct stream *stream = to->stream;

	answer_empty(to, q, answer_resolved(to, q, how, addresses, message));
	question->next_free = free_questions;
	free_questions = question;
	if (stream)
		answer_stream_event((uint32_t)(stream - streams), to->generation, 0);
}

static int ask_upstream(const struct asker *to, const struct dns_query *q)
{
	struct question *question = free_questions;
	bool asked;

	if (question)
		free_questions = question->next_free;
	else if (used_questions < QUESTIONS)
		question = &questions[used_questions++];
	if (!question) {
		record_trouble("too many DNS questions at a time", QUESTIONS);
		return ANSWERED; /* the agent's resolver asks again */
	}
	question->asker = *to;
	question->query = *q;
	question->waiter = (struct waiter){ .done = resolved };
	if (to->stream)
		to->stream->waiting = true;
	asked = asks_address(q) ? resolve_addresses(text_of(q), &question->waiter) :
				  resolve_other(q, &question->waiter);
	if (!asked) {
		record_trouble("too many DNS questions at a time", 0);
		resolved(&question->waiter, RESOLVED_FAILED, NULL, span_of(""));
	}
	return ANSWERED;
}

bool name_in_hosts(struct span text, struct dns_answer *a)
{
	static const uint8_t families[] = { AF_INET6, AF_INET };

	*a = (struct dns_answer){ .ttl = UINT32_MAX };
	for (unsigned int i = 0; i < 2; i++) {
		const struct address *host =
			resolv_host_address(gate.config->resolv, text, families[i]);

		if (host)
			a->addresses[a->count++] = *host;
	}
	return a->count > 0;
}

static int answer_allowed(const struct asker *to, const struct dns_query *q)
{
	const bool proxy = gate.config->proxy.length > 0; /* resolves names itself */
	struct span text = text_of(q);
	struct name *name = names_find(gate.names, text);
	struct dns_answer known;

	if (!asks_address(q))
		return q->type == DNS_ANY || proxy ? DNS_NOERROR : ask_upstream(to, q);
	if ((!name || name->expires <= gate.now) && (name_in_hosts(text, &known) || proxy))
		name = name_with_addresses(text, &known);
	return name && name->expires > gate.now ? answer_name(to, q, name) : ask_upstream(to, q);
}

/* ---- denied names ---- */

static int answer_denied(const struct asker *to, const struct dns_query *q)
{
	const struct request request = { .name = text_of(q) };
	struct name *name = names_find(gate.names, request.name);

	/* Else who asks would take what he got for the name that he meant. */
	if (resolv_is_search_expansion(gate.config->resolv, request.name))
		return DNS_NXDOMAIN;
	if (!name) {
		name = names_add(gate.names, request.name, false, gate.now);
		record_decision(&(struct decision){ .request = &request,
						    .reason = "no rule allows this name" });
	}
	return name && asks_address(q) ? answer_name(to, q, name) : DNS_NOERROR;
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

static int answer_localhost(const struct asker *to, const struct dns_query *q)
{
	static const struct address loopback[] = { { AF_INET, { 127, 0, 0, 1 } },
						   { AF_INET6, { [15] = 1 } } };

	return asks_address(q) ? answer_address(to, q, &loopback[q->type == DNS_AAAA]) :
				 DNS_NOERROR;
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

static int answer(const struct asker *to, const struct dns_query *q)
{
	struct span text = text_of(q);
	struct name *pointed = q->type == DNS_PTR ? name_of_pointer(text) : NULL;

	if (pointed) {
		send_reply(to, dns_write_pointer(REPLY, REPLY_SIZE, q, name_text(pointed), TTL));
		return ANSWERED;
	}
	if (q->class != 1)
		return DNS_NOTIMP;
	if (q->name.odd)
		return DNS_NXDOMAIN;
	if (is_localhost(text))
		return answer_localhost(to, q);
	if (q->type == DNS_SVCB || q->type == DNS_HTTPS || text.length == 0)
		return DNS_NOERROR; /* addresses and keys that are not for here */
	if (gate.config->observe || policy_allows_name(gate.policy, text))
		return answer_allowed(to, q);
	return q->type == DNS_PTR ? DNS_NXDOMAIN : answer_denied(to, q);
}

static bool is_loopback(const struct sockaddr_in6 *peer)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;

	return peer->sin6_family == AF_INET ? ntohl(v4->sin_addr.s_addr) >> 24 == 127 :
					      IN6_IS_ADDR_LOOPBACK(&peer->sin6_addr);
}

static void take_message(const struct asker *from, struct span message)
{
	struct dns_query q;
	int rcode = dns_parse_query(message, &q);

	/* The answer to it comes to nobody any more, so it may be what the agent gets. */
	if (rcode == DNS_NOERROR && gate.config->mark && !is_loopback(&from->peer))
		resolve_note_echo(text_of(&q));
	answer_empty(from, &q, rcode == DNS_NOERROR ? answer(from, &q) : rcode);
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
	const struct asker from = { .stream = s, .generation = s->generation };
	struct span message;
	enum taken taken = resolve_take(s->fd, DNS_MESSAGE_MAX, &message);

	if (taken == TAKEN_END)
		stream_close(s);
	if (taken <= TAKEN_NOTHING)
		return false;
	if (taken == TAKEN_OF_MORE && !s->roomy) {
		endpoint_make_room(s->fd);
		s->roomy = true;
	}
	timer_set(&s->timer, TIMER_STREAM, gate.now);
	take_message(&from, message);
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
