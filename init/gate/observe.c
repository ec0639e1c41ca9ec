/* SPDX-License-Identifier: MIT */
#include "init/gate/observe.h"

#include <netinet/in.h>
#include <unistd.h>

#include "init/gate/record.h"
#include "sys/text.h"

/* The lines themselves, each once; nobody reads more than fit. */
static char lines[32768];
static struct text noted = { .at = lines, .size = sizeof(lines) };

static bool is_noted(struct span line)
{
	struct cursor c = cursor_over((struct span){ noted.at, noted.length });

	while (!cursor_done(&c))
		if (spans_equal(cursor_take_until(&c, '\n'), line))
			return true;
	return false;
}

static void note(const struct text *rule)
{
	char buffer[400];
	struct text line = TEXT_OVER(buffer);

	text_printf(&line, "boundary-init: observed: --allow \"%s\"", rule->at);
	if (is_noted((struct span){ line.at, line.length }))
		return;
	if (noted.length + line.length + 2 > noted.size) {
		record_trouble("more was observed than can be noted", 0);
		return;
	}
	text_printf(&noted, "%s\n", line.at);
}

void observe_request(const struct request *r, bool private_too)
{
	char buffer[320];
	struct text rule = TEXT_OVER(buffer);

	policy_suggest(&rule, r);
	if (private_too)
		text_printf(&rule, " private=yes");
	note(&rule);
}

void observe_packet(const struct packet *p)
{
	const char *protocol = packet_protocol_name(p->protocol);
	char buffer[320];
	struct text rule = TEXT_OVER(buffer);

	text_printf(&rule, "cidr=");
	address_print(&rule, &p->destination);
	if (!protocol || p->protocol == IPPROTO_SCTP || p->protocol == IPPROTO_UDPLITE)
		return; /* no rule can allow it */
	/* proto=icmp is both. */
	text_printf(&rule, " proto=%.*s", protocol[0] == 'i' ? 4 : 8, protocol);
	if (p->port)
		text_printf(&rule, " port=%u", p->port);
	note(&rule);
}

void observe_address(const struct address *a, uint16_t port)
{
	const struct packet p = { .protocol = IPPROTO_TCP, .destination = *a, .port = port };

	observe_packet(&p);
}

void observe_print(void)
{
	(void)!write(2, noted.at, noted.length);
}
