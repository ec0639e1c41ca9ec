/* SPDX-License-Identifier: MIT */
#include "init/gate/record.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "init/gate/audit.h"
#include "init/gate/loop.h"
#include "init/gate/observe.h"
#include "sys/errors.h"

static const char protocols[][5] = {
	[REQUEST_HTTP] = "http",
	[REQUEST_TLS] = "tls",
	[REQUEST_TCP] = "tcp",
};

void record_decision(const struct decision *d)
{
	audit_begin(d->allowed ? AUDIT_INFO : AUDIT_WARN, "verdict");
	audit_string("verdict", d->allowed ? "allow" : "deny");
	if (d->flow)
		audit_number("flow", d->flow);
	audit_string("proto", d->flow ? protocols[d->request->protocol] : "dns");
	audit_span("name", d->request->name);
	if (d->request->port)
		audit_number("port", d->request->port);
	audit_span("method", d->request->method);
	audit_span("path", d->request->path);
	audit_span("claimed", d->claimed);
	if (d->address)
		audit_address("address", d->address);
	if (d->rule)
		audit_span("rule", d->rule->text);
	audit_string("reason", d->reason);
	audit_string("error", d->error ? error_text(d->error) : NULL);
	audit_end();
}

void record_trouble(const char *what, uint64_t count)
{
	audit_begin(AUDIT_ERROR, "trouble");
	audit_string("reason", what);
	if (count)
		audit_number("count", count);
	audit_end();
}

void record_packet(const struct packet *p)
{
	const char *name = packet_protocol_name(p->protocol);
	/* Where nothing leads out but the gate there is no way for packets. */
	const bool passed = gate.config->observe && !gate.config->addresses;

	audit_begin(AUDIT_WARN, "packet");
	audit_string("verdict", passed ? "allow" : "deny");
	audit_string("proto", name);
	if (!name)
		audit_number("protocol", p->protocol);
	audit_address("source", &p->source);
	audit_address("address", &p->destination);
	if (p->port)
		audit_number("port", p->port);
	if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6)
		audit_number("type", p->icmp_type);
	audit_string("reason", passed ? NULL : "no rule allows this address");
	audit_end();
	if (gate.config->observe)
		observe_packet(p);
}

/* At most so many reads for one event: the agent must not keep the gate busy with what was refused. */
#define READS 8

void record_packets(int fd)
{
	static uint32_t next;
	static bool counting; /* from the first report on that this process has seen */
	struct packet p;

	for (unsigned int i = 0; i < READS; i++) {
		struct sockaddr_nl from = { 0 };
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(fd, gate_scratch, GATE_SCRATCH, 0, (struct sockaddr *)&from,
				     &length);
		struct span messages = { gate_scratch, n > 0 ? (size_t)n : 0 };

		if (n < 0)
			return; /* what was lost shows in the numbers */
		if (from.nl_pid != 0)
			continue; /* not from the kernel */
		while (packet_take(&messages, &p)) {
			if (p.sequenced && counting && p.sequence != next)
				record_trouble("reports of refused packets were lost",
					       p.sequence - next);
			next = p.sequence + 1;
			counting = true;
			record_packet(&p);
		}
	}
}
