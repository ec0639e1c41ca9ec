/* SPDX-License-Identifier: MIT */
/*
 * The gate dials the addresses that it has resolved itself, one after the other, and beside one that does not
 * answer the next (RFC 8305). Each is checked right before it is dialled: a name that leads into the
 * container's own networks leads nowhere.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/gate/answer.h"
#include "init/gate/floor.h"
#include "init/gate/flow.h"
#include "init/gate/loop.h"
#include "init/gate/record.h"
#include "sys/endpoint.h"
#include "sys/errors.h"
#include "sys/text.h"

/* The proxy's addresses, resolved as any other name. */
static struct name proxy;

static bool by_proxy(const struct flow *f)
{
	return gate.config->proxy.length > 0 && !f->by_address;
}

static uint16_t port_to_dial(const struct flow *f)
{
	return by_proxy(f) ? gate.config->proxy_port : f->request.port;
}

/* The way there is closed: by the policy if there is no error, else by the world. */
static void give_up(struct flow *f, const char *reason, int error)
{
	record_decision(&(struct decision){ .allowed = error != 0,
					    .flow = f->number,
					    .request = &f->request,
					    .address = &f->attempt_address,
					    .reason = reason,
					    .error = error });
	f->reported = true;
	if (error)
		refuse_unreachable(f, reason ? reason : error_text(error));
	else
		refuse(f, reason, false);
}

/* ---- which address ---- */

/* Of a name that is by hosts(5) the one address that the agent has dialled. */
static const struct address *address_at(const struct flow *f, unsigned int i)
{
	const struct name *name = by_proxy(f) ? &proxy : f->entry;

	if (name)
		return i < name->count ? &name->addresses[i] : NULL;
	return i == 0 ? &f->host : NULL;
}

/* What the container serves for itself is private too, whatever its address. */
bool dial_is_private(const struct address *a)
{
	return address_reach(a) == REACH_PRIVATE || endpoint_is_own(a);
}

/* NULL: it may be dialled. */
static const char *obstacle(const struct flow *f, const struct address *a)
{
	if (by_proxy(f))
		return NULL;
	/* The rule names it; but as behind a wire no service of the container is within reach. */
	if (f->by_address)
		return address_is_loopback(a) || endpoint_is_own(a) ?
			       "its address is the container's own" :
			       NULL;
	if (address_reach(a) == REACH_NEVER)
		return "its address is no host's";
	if (!f->private_too && !gate.config->observe && dial_is_private(a))
		return refuse_private;
	return policy_denies_address(gate.policy, a, f->request.port) && !gate.config->observe ?
		       "a rule denies its address" :
		       NULL;
}

/* ---- connecting ---- */

static int connect_to(struct flow *f, const struct address *a, enum source source)
{
	int fd = endpoint_socket(a->family, SOCK_STREAM, gate.config->mark);

	if (fd < 0) {
		f->error = -fd;
		return -1;
	}
	endpoint_set_nodelay(fd);
	endpoint_set_abortive(fd, true);
	if ((endpoint_connect(fd, a, port_to_dial(f)) == 0 || errno == EINPROGRESS) &&
	    flow_watch(f, fd, source))
		return fd;
	f->error = errno;
	close(fd);
	return -1;
}

/* Tries further addresses until one is under way, beside another one at most. */
void dial_next(struct flow *f)
{
	const char *reason = NULL;
	const struct address *a;

	while (f->attempt < 0 && (a = address_at(f, f->next_address))) {
		bool second = f->server.fd >= 0;
		int fd;

		f->next_address++;
		reason = obstacle(f, a);
		f->attempt_address = *a;
		if (reason)
			continue;
		fd = connect_to(f, a, second ? SOURCE_ATTEMPT : SOURCE_SERVER);
		if (fd < 0)
			continue;
		f->phase = FLOW_DIALING;
		if (second) {
			f->attempt = fd;
			timer_set(&f->timer, TIMER_REPLACE, gate.now);
			return;
		}
		f->server.fd = fd;
		f->address = *a;
		timer_set(&f->timer, TIMER_ATTEMPT, gate.now);
		return;
	}
	if (f->server.fd >= 0 || f->attempt >= 0)
		return;
	f->address.family = 0;
	if (f->error || reason)
		give_up(f, f->error ? NULL : reason, f->error);
	else
		give_up(f, "the name has no address", ENODATA);
}

static void take_second(struct flow *f)
{
	f->server.fd = f->attempt;
	f->address = f->attempt_address;
	f->attempt = -1;
	flow_watch(f, f->server.fd, SOURCE_SERVER);
}

/* Two do not answer; the older of them will hardly do. */
void dial_replace(struct flow *f)
{
	if (!address_at(f, f->next_address))
		return;
	close(f->server.fd);
	take_second(f);
	dial_next(f);
}

static void ask_proxy(struct flow *f)
{
	char buffer[2 * DNS_NAME_MAX + 80];
	struct text t = TEXT_OVER(buffer);
	int length = (int)f->request.name.length;

	text_printf(&t, "CONNECT %.*s:%u HTTP/1.1\r\nHost: %.*s:%u\r\n\r\n", length,
		    f->request.name.at, f->request.port, length, f->request.name.at,
		    f->request.port);
	f->phase = FLOW_ASKING_PROXY;
	timer_set(&f->timer, TIMER_HELLO, gate.now);
	if (send(f->server.fd, t.at, t.length, MSG_NOSIGNAL) != (ssize_t)t.length)
		give_up(f, "the upstream proxy does not listen", EPIPE);
}

void dial_proxy_answer(struct flow *f)
{
	unsigned int status;
	size_t length;
	long n;

	if (!f->server.readable)
		return;
	n = relay_peek(&f->server, HTTP_HEAD_MAX);
	if (n < 0 && errno == EAGAIN)
		return;
	switch (http_parse_status((struct span){ gate_scratch, n > 0 ? (size_t)n : 0 }, &status,
				  &length)) {
	case PARSE_MORE:
		if (n > 0 && !f->server.hung_up) {
			f->server.readable = false;
			return;
		}
		break;
	case PARSE_DONE:
		if (status / 100 != 2)
			break;
		recv(f->server.fd, gate_scratch, length, MSG_TRUNC);
		timer_stop(&f->timer);
		f->phase = FLOW_OPEN;
		flow_step(f);
		return;
	case PARSE_OTHER:
	case PARSE_BAD:
		break;
	}
	give_up(f, "the upstream proxy refuses it", ECONNREFUSED);
}

void dial_proxy_silent(struct flow *f)
{
	give_up(f, "the upstream proxy does not answer", ETIMEDOUT);
}

static void connected(struct flow *f, bool second)
{
	timer_stop(&f->timer);
	if (second) {
		close(f->server.fd);
		take_second(f);
	} else if (f->attempt >= 0) {
		close(f->attempt);
		f->attempt = -1;
	}
	f->server.readable = f->server.writable = true;
	if (by_proxy(f))
		ask_proxy(f);
	else
		f->phase = FLOW_OPEN;
	if (f->by_address)
		examine_report(f);
}

bool dial_event(struct flow *f, bool second)
{
	int *fd = second ? &f->attempt : &f->server.fd;
	enum endpoint_state state = ENDPOINT_PENDING;

	if (*fd >= 0)
		state = endpoint_state(*fd, second ? &f->attempt_address : &f->address,
				       port_to_dial(f));
	if (state == ENDPOINT_OPEN)
		connected(f, second);
	if (state != ENDPOINT_FAILED)
		return state == ENDPOINT_OPEN;
	f->error = errno;
	close(*fd);
	*fd = -1;
	if (!second && f->attempt >= 0)
		take_second(f);
	dial_next(f);
	return false;
}

/* ---- resolving ---- */

static void resolved(struct waiter *w, enum resolved how, const struct dns_answer *addresses,
		     struct span message)
{
	struct flow *f = (struct flow *)((char *)w - offsetof(struct flow, waiter));

	(void)message;
	if (how == RESOLVED)
		name_learn(by_proxy(f) ? &proxy : f->entry, addresses);
	if (how == RESOLVED)
		dial_next(f);
	else
		give_up(f,
			how == RESOLVED_NOTHING ? "the name does not exist" :
						  "no DNS server answers",
			EHOSTUNREACH);
}

/* A proxy that is named by its address, or listed in hosts(5), needs no server. */
static void learn_proxy(void)
{
	struct dns_answer a;

	if (!name_in_hosts(gate.config->proxy, &a))
		a.count = address_parse(gate.config->proxy, &a.addresses[0]);
	if (a.count > 0)
		name_learn(&proxy, &a);
}

void dial(struct flow *f)
{
	struct name *name = by_proxy(f) ? &proxy : f->entry;
	struct span text = by_proxy(f) ? gate.config->proxy : f->request.name;

	timer_stop(&f->timer);
	if (by_proxy(f) && proxy.expires == 0)
		learn_proxy();
	if (!name || name->expires > gate.now) {
		dial_next(f);
		return;
	}
	f->phase = FLOW_RESOLVING;
	f->waiter = (struct waiter){ .done = resolved };
	if (!resolve_addresses(text, &f->waiter))
		give_up(f, "too many DNS questions at a time", EAGAIN);
}
