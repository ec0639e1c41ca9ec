/* SPDX-License-Identifier: MIT */
#include "init/resolv.h"

#include <string.h>
#include <sys/socket.h>

/* What libc takes where nothing is said, and the most that it lets itself be told (resolv.conf(5)). */
#define TIMEOUT 5
#define TIMEOUT_MAX 30
#define ATTEMPTS 2
#define ATTEMPTS_MAX 5

/* The next line, up to a '#': no address, name or option has one. */
static bool take_line(struct cursor *text, struct cursor *line)
{
	struct cursor whole;

	if (cursor_done(text))
		return false;
	whole = cursor_over(cursor_take_until(text, '\n'));
	*line = cursor_over(cursor_take_until(&whole, '#'));
	return true;
}

static void read_option(struct resolv *r, struct span word)
{
	static const uint8_t most[] = { TIMEOUT_MAX, ATTEMPTS_MAX };
	struct cursor c = cursor_over(word);
	int name = span_among(cursor_take_until(&c, ':'), "timeout,attempts");
	uint32_t value;

	if (name < 0 || !span_number(cursor_rest(&c), UINT32_MAX, &value))
		return;
	if (value > most[name])
		value = most[name];
	if (value == 0)
		value = 1;
	if (name == 0)
		r->timeout = 1000 * value;
	else
		r->attempts = value;
}

static void add_server(struct resolv *r, struct span word)
{
	if (r->server_count < RESOLV_SERVERS && address_parse(word, &r->servers[r->server_count]))
		r->server_count++;
}

/* "." alone is no domain: so a machine without any says that it has none. */
static void read_search(struct resolv *r, struct cursor line)
{
	struct span word;

	r->search_count = 0;
	while ((word = cursor_take_word(&line)).length > 0 && r->search_count < RESOLV_SEARCH) {
		if (word.at[word.length - 1] == '.')
			word.length--;
		if (word.length > 0)
			r->search[r->search_count++] = word;
	}
}

void resolv_read_conf(struct resolv *r, struct span text)
{
	struct cursor c = cursor_over(text), line;

	r->timeout = 1000 * TIMEOUT;
	r->attempts = ATTEMPTS;
	while (take_line(&c, &line)) {
		int key = span_among(cursor_take_word(&line), "nameserver,search,domain,options");
		struct span word;

		if (key == 0)
			add_server(r, cursor_take_word(&line));
		else if (key == 1 || key == 2)
			read_search(r, line);
		else if (key == 3)
			while ((word = cursor_take_word(&line)).length > 0)
				read_option(r, word);
	}
	if (r->server_count == 0)
		add_server(r, span_of("127.0.0.1"));
}

void resolv_read_hosts(struct resolv *r, struct span text)
{
	struct cursor c = cursor_over(text), line;

	while (take_line(&c, &line)) {
		struct host host;

		if (!address_parse(cursor_take_word(&line), &host.address))
			continue;
		while ((host.name = cursor_take_word(&line)).length > 0 &&
		       r->host_count < RESOLV_HOSTS)
			r->hosts[r->host_count++] = host;
	}
}

bool resolv_is_search_expansion(const struct resolv *r, struct span name)
{
	for (unsigned int i = 0; i < r->search_count; i++) {
		struct span domain = r->search[i], end = { .length = domain.length };

		if (name.length < domain.length + 2)
			continue;
		end.at = name.at + name.length - domain.length;
		if (end.at[-1] == '.' && spans_alike(end, domain))
			return true;
	}
	return false;
}

const struct address *resolv_host_address(const struct resolv *r, struct span name, uint8_t family)
{
	for (unsigned int i = 0; i < r->host_count; i++) {
		const struct host *host = &r->hosts[i];

		if (host->address.family == family && spans_alike(host->name, name))
			return &host->address;
	}
	return NULL;
}
