/* SPDX-License-Identifier: MIT */
/*
 * From the agent's bytes to one request object: what is evaluated here is what is dialled and what stands in
 * the log. The address that was dialled, the name in TLS and the name in HTTP have to be the same name.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "init/gate/flow.h"
#include "init/gate/loop.h"
#include "init/gate/observe.h"
#include "init/gate/record.h"
#include "init/gate/tls.h"
#include "sys/endpoint.h"

/* ---- what is logged ---- */

static void report(struct flow *f, const struct rule *rule)
{
	f->reported = true;
	record_decision(&(struct decision){ .allowed = true,
					    .flow = f->number,
					    .request = &f->request,
					    .address = &f->address,
					    .rule = rule });
}

static void report_denial(const struct flow *f, struct span claimed, const struct rule *rule,
			  const char *reason)
{
	record_decision(&(struct decision){ .flow = f->number,
					    .request = &f->request,
					    .claimed = claimed,
					    .address = &f->address,
					    .rule = rule,
					    .reason = reason });
}

/* ---- decisions ---- */

/* `hidden`: as if method and path were not to be seen. */
static struct verdict judge(const struct flow *f, bool hidden)
{
	struct request asked = f->request;

	if (hidden)
		asked.protocol = REQUEST_TLS;
	return policy_decide(gate.policy, &asked);
}

void examine_report(struct flow *f)
{
	report(f, f->by_address ? policy_allows_address(gate.policy, &f->host, f->request.port) :
				  judge(f, false).rule);
}

static bool allows_port(const struct flow *f)
{
	return policy_allows_port(gate.policy, f->request.name, f->request.port);
}

static const char *reason_of(const struct flow *f, const struct rule *rule)
{
	if (rule)
		return "a rule denies it";
	if (allows_port(f))
		return f->request.protocol == REQUEST_HTTP ? "no rule allows this method and path" :
							     "no rule allows this protocol";
	if (policy_allows_name(gate.policy, f->request.name))
		return "no rule allows this port";
	return "no rule allows this name";
}

static void deny(struct flow *f, struct span claimed, const struct rule *rule, const char *reason,
		 bool wrong)
{
	report_denial(f, claimed, rule, reason);
	f->reported = true;
	refuse(f, reason, wrong);
}

/* It cannot be read, or can be read in two ways. */
static void deny_wrong(struct flow *f, enum request_protocol protocol, const char *reason)
{
	f->request.protocol = protocol;
	deny(f, (struct span){ 0 }, NULL, reason, true);
}

/* False: it was refused, or is on its way to the server and will be seen again. */
static bool decide(struct flow *f)
{
	const bool http = f->request.protocol == REQUEST_HTTP;
	const char *reason = NULL;
	/* A path that can be understood in two ways is as good as hidden: rules with a path do not allow it. */
	struct verdict v = judge(f, http && !f->request.path.at);

	if (gate.config->observe && !v.allowed) {
		observe_request(&f->request, f->phase == FLOW_OPEN && dial_is_private(&f->address));
		v = (struct verdict){ .allowed = true, .private_too = true };
	}
	if (!v.allowed)
		reason = reason_of(f, v.rule);
	/* Another rule let this connection be made than the one that allows this request. */
	else if (f->phase == FLOW_OPEN && !v.private_too && !gate.config->proxy.length &&
		 dial_is_private(&f->address))
		reason = refuse_private;
	if (reason) {
		deny(f, (struct span){ 0 }, v.rule, reason, false);
		return false;
	}
	if (f->phase == FLOW_WAITING) {
		f->private_too = v.private_too;
		dial(f);
		return false;
	}
	timer_stop(&f->timer);
	if (http || !f->reported)
		report(f, v.rule);
	return true;
}

/* A short name that the agent's resolver has expanded by a search domain (resolv.conf(5)). */
static bool is_short_for(struct span name, struct span full)
{
	const struct resolv *resolv = gate.config->resolv;

	for (unsigned int i = 0; i < resolv->search_count; i++) {
		struct span search = resolv->search[i], start = { full.at, name.length };

		if (full.length == name.length + 1 + search.length && full.at[name.length] == '.' &&
		    spans_alike(start, name) &&
		    spans_alike((struct span){ full.at + name.length + 1, search.length }, search))
			return true;
	}
	return false;
}

/*
 * Another name than that of the address which was dialled: that a server behind the address knows it too
 * does not make it allowed. An address of hosts(5) may have several names.
 */
static bool agrees(struct flow *f, struct span name)
{
	const struct resolv *resolv = gate.config->resolv;

	if (spans_alike(name, f->request.name) || is_short_for(name, f->request.name))
		return true;
	for (unsigned int i = 0; f->host.family && i < resolv->host_count; i++) {
		const struct host *h = &resolv->hosts[i];

		if (!address_equal(&h->address, &f->host) || !spans_alike(h->name, name))
			continue;
		f->request.name = h->name;
		return true;
	}
	return false;
}

static void pass_everything(struct flow *f)
{
	f->sight = SIGHT_NOTHING;
	f->agent.passable = ANY_NUMBER;
}

/* The rest has not come yet. What is no request of a connection that was idle must come soon. */
static void wait_for_more(struct flow *f)
{
	f->agent.readable = false;
	if (f->sight == SIGHT_FIRST && f->timer.kind == TIMER_NONE)
		timer_set(&f->timer, TIMER_HELLO, gate.now);
}

/* ---- protocols ---- */

static void take_opaque(struct flow *f, enum request_protocol protocol)
{
	f->request.protocol = protocol;
	if (decide(f))
		pass_everything(f);
}

static void take_tls(struct flow *f, struct span name)
{
	if (name.length > 0 && !agrees(f, name)) {
		f->request.protocol = REQUEST_TLS;
		deny(f, name, NULL, "the server name of TLS is not the name of the address", false);
		return;
	}
	take_opaque(f, REQUEST_TLS);
}

static void take_request(struct flow *f, const struct http_request *http, size_t seen)
{
	static char path[HTTP_PATH_MAX];
	struct request *r = &f->request;
	struct span host = http->host;
	const char *wrong = NULL;

	if (host.length > 0 && host.at[host.length - 1] == '.')
		host.length--;
	r->protocol = REQUEST_HTTP;
	r->method = http->method;
	if (http_canonical_path(http->path, path, sizeof(path), &r->path.length))
		r->path.at = path;
	if (host.length > 0 && !agrees(f, host)) {
		wrong = "Host is not the name of the address";
	} else if (http->port && http->port != r->port) {
		wrong = "Host names another port";
	}
	if (wrong) {
		deny(f, http->host, NULL, wrong, true);
		return;
	}
	if (!decide(f))
		return;
	f->sight = http->chunked ? SIGHT_CHUNKS : SIGHT_HEAD;
	http_body_start(&f->body, http);
	f->agent.passable = http->head_length;
	if (!http->chunked)
		f->agent.passable += http->length;
	if (seen > f->agent.passable && !f->roomy) {
		endpoint_make_room(f->agent.fd);
		f->roomy = true;
	}
	/* Only the first request: its answer is the first thing that the server says. */
	if (http->upgrade && f->requests == 0) {
		f->upgrading = true;
		f->server.passable = 0;
		/* HTTP/2 and others hide the requests to come, as TLS does. */
		f->no_upgrade =
			!http->websocket && !judge(f, true).allowed && !gate.config->observe;
	}
	f->requests++;
}

static void examine_head(struct flow *f, struct span bytes)
{
	struct http_request http;
	const char *why = NULL;
	enum parse parsed = http_parse_request(bytes, &http, &why);

	if (parsed == PARSE_DONE) {
		take_request(f, &http, bytes.length);
		f->request.method = f->request.path = (struct span){ 0 };
	} else if (parsed == PARSE_MORE && !f->agent.hung_up) {
		wait_for_more(f);
	} else if (f->sight == SIGHT_FIRST &&
		   (parsed == PARSE_OTHER || (parsed == PARSE_MORE && !span_has(bytes, ' ')))) {
		take_opaque(f, REQUEST_TCP); /* a word, and these were its last bytes */
	} else {
		deny_wrong(f, REQUEST_HTTP, why ? why : "no request where one has to begin");
	}
}

static void examine_first(struct flow *f, struct span bytes)
{
	struct tls_hello hello;
	enum parse parsed = tls_parse_client_hello(bytes, &hello);

	if (parsed == PARSE_OTHER)
		examine_head(f, bytes);
	else if (parsed == PARSE_DONE)
		take_tls(f, (struct span){ hello.name, hello.name_length });
	else if (parsed == PARSE_MORE && !f->agent.hung_up)
		wait_for_more(f);
	else
		deny_wrong(f, REQUEST_TLS, "a malformed ClientHello");
}

/* The server has a part of it, and must not take that for the whole. */
static void cut_off(struct flow *f, const char *reason)
{
	report_denial(f, (struct span){ 0 }, NULL, reason);
	flow_break(f, "refused");
}

static void examine_chunks(struct flow *f, struct span bytes)
{
	size_t taken;
	enum parse parsed = http_body_take(&f->body, bytes, &taken);

	if (parsed == PARSE_BAD) {
		cut_off(f, "a malformed chunk");
		return;
	}
	if (parsed == PARSE_DONE)
		f->sight = SIGHT_HEAD;
	f->agent.passable = taken;
}

void examine(struct flow *f)
{
	struct span bytes = { .at = gate_scratch };
	long n;

	/* After a request to change the protocol nothing passes until the server has said yes or no. */
	if ((f->upgrading && f->sight == SIGHT_HEAD) || !f->agent.readable)
		return;
	n = relay_peek(&f->agent, f->sight == SIGHT_CHUNKS ? GATE_SCRATCH : TLS_HELLO_MAX);
	if (n < 0) {
		if (errno != EAGAIN)
			flow_break(f, "reset");
		return;
	}
	bytes.length = (size_t)n;
	if (n == 0 && f->phase == FLOW_WAITING)
		examine_silence(f);
	else if (n == 0)
		f->agent.passable = 1; /* nothing comes, and that is passed on */
	else if (f->sight == SIGHT_FIRST)
		examine_first(f, bytes);
	else if (f->sight == SIGHT_HEAD)
		examine_head(f, bytes);
	else if (f->sight == SIGHT_CHUNKS)
		examine_chunks(f, bytes);
}

void examine_upgrade(struct flow *f)
{
	unsigned int status = 0;
	enum parse parsed;
	size_t length;
	long n;

	if (!f->server.readable)
		return;
	n = relay_peek(&f->server, HTTP_HEAD_MAX);
	if (n < 0) {
		if (errno != EAGAIN)
			flow_break(f, "reset");
		return;
	}
	parsed = http_parse_status((struct span){ gate_scratch, (size_t)n }, &status, &length);
	if (parsed == PARSE_MORE && n > 0 && !f->server.hung_up) {
		f->server.readable = false;
		return;
	}
	if (parsed == PARSE_DONE && status < 200 && status != 101) {
		f->server.passable = length; /* 100 Continue and the like; the answer is to come */
		return;
	}
	if (parsed == PARSE_DONE && status == 101 && f->no_upgrade) {
		cut_off(f, "the upgrade would hide the method and path of further requests");
		return;
	}
	if (parsed == PARSE_DONE && status == 101)
		pass_everything(f);
	f->upgrading = false;
	f->server.passable = ANY_NUMBER;
}

void examine_silence(struct flow *f)
{
	const struct rule *rule = judge(f, false).rule;
	const char *reason = "neither TLS nor HTTP was spoken; any other protocol needs port=";

	if (!allows_port(f))
		reason = reason_of(f, rule);
	deny(f, (struct span){ 0 }, rule, reason, false);
}

/* Waits for the agent's first bytes, unless they make no difference. */
void examine_arrival(struct flow *f)
{
	struct verdict v;

	if (f->by_address) {
		if (!policy_allows_address(gate.policy, &f->host, f->request.port))
			observe_address(&f->host, f->request.port);
		pass_everything(f);
		dial(f);
		return;
	}
	v = judge(f, false);
	if (v.allowed || gate.config->observe) {
		/* It may be a server that speaks first. */
		f->private_too = v.private_too;
		dial(f);
		return;
	}
	timer_set(&f->timer, allows_port(f) ? TIMER_HELLO : TIMER_DENIED, gate.now);
	flow_step(f);
}
