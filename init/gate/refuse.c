/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>
#include <unistd.h>

#include "init/gate/flow.h"
#include "init/gate/loop.h"
#include "init/gate/tls.h"
#include "sys/text.h"

const char refuse_private[] = "its address is private: the rule lacks private=yes";

/* The answer can be read before the connection goes: closing it with bytes unread would reset it. */
static void linger(struct flow *f)
{
	shutdown(f->agent.fd, SHUT_WR);
	if (f->server.fd >= 0)
		close(f->server.fd);
	f->server.fd = -1;
	f->phase = FLOW_LINGERING;
	timer_set(&f->timer, TIMER_LINGER, gate.now);
	flow_step(f);
}

static void say(struct flow *f, const void *bytes, size_t length)
{
	if (send(f->agent.fd, bytes, length, MSG_NOSIGNAL) < 0)
		flow_break(f, "reset");
	else
		linger(f);
}

static void say_http(struct flow *f, const char *status, const char *why, bool suggest)
{
	char body_buffer[1024], buffer[1400];
	struct text body = TEXT_OVER(body_buffer), t = TEXT_OVER(buffer);

	text_printf(&body, "boundary-init: %.*s:%u: %s\n", (int)f->request.name.length,
		    f->request.name.at, f->request.port, why);
	if (suggest) {
		text_printf(&body, "To allow it: --allow \"");
		policy_suggest(&body, &f->request);
		text_printf(&body, why == refuse_private ? " private=yes\"\n" : "\"\n");
	}
	text_printf(&t,
		    "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
		    "Connection: close\r\n\r\n%s",
		    status, body.length, body.at);
	say(f, t.at, t.length);
}

static void say_alert(struct flow *f, enum tls_alert alert)
{
	unsigned char bytes[TLS_ALERT_SIZE];

	tls_write_alert(bytes, alert);
	say(f, bytes, sizeof(bytes));
}

void refuse_now(struct flow *f)
{
	const char *why = f->why;

	if (f->request.protocol == REQUEST_HTTP && f->wrong)
		say_http(f, "400 Bad Request", why, false);
	else if (f->request.protocol == REQUEST_HTTP)
		say_http(f, "403 Forbidden", why, true);
	else if (f->request.protocol == REQUEST_TLS)
		say_alert(f, f->wrong ? TLS_DECODE_ERROR : TLS_ACCESS_DENIED);
	else
		flow_break(f, "refused");
}

void refuse(struct flow *f, const char *why, bool wrong)
{
	f->why = why;
	f->wrong = wrong;
	if (f->requests == 0 || f->server.fd < 0) {
		refuse_now(f);
		return;
	}
	/* Its earlier requests may still wait for their answers, and ours comes behind them. */
	f->phase = FLOW_ENDING;
	f->agent.passable = 0;
	f->agent.ended = f->agent.shut = true; /* its end is ours to say */
	if (!f->server.shut)
		shutdown(f->server.fd, SHUT_WR);
	f->server.shut = true;
	timer_set(&f->timer, TIMER_ENDING, gate.now);
	flow_step(f);
}

void refuse_unreachable(struct flow *f, const char *why)
{
	if (f->request.protocol == REQUEST_HTTP)
		say_http(f, "502 Bad Gateway", why, false);
	else
		flow_break(f, "unreachable");
}
