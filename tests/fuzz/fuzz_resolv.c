/* SPDX-License-Identifier: MIT */
/* Files of a hostile image: the input is a name to look up, resolv.conf, hosts, a NUL between them. */
#include "tests/fuzz/guard.h"

#include <sys/socket.h>

#include "init/resolv.h"

static bool lies_in(struct span part, struct span whole)
{
	return part.at >= whole.at && part.at + part.length <= whole.at + whole.length;
}

static void check_word(struct span word, struct span text)
{
	HOLDS(word.length > 0 && lies_in(word, text));
	for (size_t i = 0; i < word.length; i++)
		HOLDS(!memchr(" \t\r\n#", word.at[i], 5));
}

static void check_conf(const struct resolv *r, struct span text)
{
	HOLDS(r->server_count >= 1 && r->server_count <= RESOLV_SERVERS);
	for (unsigned int i = 0; i < r->server_count; i++)
		HOLDS(r->servers[i].family == AF_INET || r->servers[i].family == AF_INET6);
	HOLDS(r->search_count <= RESOLV_SEARCH);
	for (unsigned int i = 0; i < r->search_count; i++)
		check_word(r->search[i], text);
	HOLDS(r->timeout >= 1000 && r->timeout <= 30000 && r->timeout % 1000 == 0);
	HOLDS(r->attempts >= 1 && r->attempts <= 5);
}

static struct span in_upper_case(struct span name, char *to)
{
	for (size_t i = 0; i < name.length; i++)
		to[i] = name.at[i] >= 'a' && name.at[i] <= 'z' ? (char)(name.at[i] - 32) :
								 name.at[i];
	return (struct span){ .at = to, .length = name.length };
}

/* Each name is found, in any case, with its own address or one that stood before it. */
static void check_hosts(const struct resolv *r, struct span text)
{
	HOLDS(r->host_count <= RESOLV_HOSTS);
	for (unsigned int i = 0; i < r->host_count; i++) {
		const struct host *host = &r->hosts[i];
		const struct address *found;
		char *name;

		check_word(host->name, text);
		HOLDS(host->address.family == AF_INET || host->address.family == AF_INET6);
		name = copy_exactly(host->name.at, host->name.length);
		found = resolv_host_address(r, in_upper_case(host->name, name),
					    host->address.family);
		HOLDS(found && found->family == host->address.family);
		HOLDS(found >= &r->hosts[0].address && found <= &host->address);
		free(name);
	}
}

static void check_name(const struct resolv *r, struct span name)
{
	char *copy = copy_exactly(name.at, name.length);
	const struct span upper = in_upper_case(name, copy);
	bool expansion = resolv_is_search_expansion(r, name), expected = false;

	for (unsigned int i = 0; i < r->search_count; i++) {
		const struct span domain = r->search[i];

		expected = expected || (name.length > domain.length + 1 &&
					name.at[name.length - domain.length - 1] == '.' &&
					strncasecmp(name.at + name.length - domain.length,
						    domain.at, domain.length) == 0);
	}
	HOLDS(expansion == expected);
	HOLDS(resolv_is_search_expansion(r, upper) == expansion);
	HOLDS(resolv_host_address(r, upper, AF_INET) == resolv_host_address(r, name, AF_INET));
	HOLDS(!resolv_host_address(r, name, 0));
	free(copy);
}

static void check(struct span name, struct span conf, struct span hosts)
{
	static struct resolv r;

	memset(&r, 0, sizeof(r));
	resolv_read_conf(&r, conf);
	check_conf(&r, conf);
	resolv_read_hosts(&r, hosts);
	check_conf(&r, conf); /* which the hosts leave alone */
	check_hosts(&r, hosts);
	check_name(&r, name);
	if (r.search_count > 0) {
		const struct span last = r.search[r.search_count - 1];
		char text[256] = "x.";

		if (last.length < sizeof(text) - 2) {
			memcpy(text + 2, last.at, last.length);
			HOLDS(resolv_is_search_expansion(&r, (struct span){ .at = text,
									    .length = last.length +
										      2 }));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over((struct span){ .at = (const char *)data, .length = size });
	struct span name = cursor_take_until(&c, '\0'), conf = cursor_take_until(&c, '\0');
	struct span hosts = cursor_rest(&c);
	char *copies[] = { copy_exactly(name.at, name.length), copy_exactly(conf.at, conf.length),
			   copy_exactly(hosts.at, hosts.length) };

	name.at = copies[0];
	conf.at = copies[1];
	hosts.at = copies[2];
	check(name, conf, hosts);
	hosts.at = guard_behind(copies[2], hosts.length);
	check(name, conf, hosts);
	hosts.at = copies[2];
	conf.at = guard_behind(copies[1], conf.length);
	check(name, conf, hosts);
	conf.at = copies[1];
	name.at = guard_before(copies[0], name.length); /* compared from its end */
	check(name, conf, hosts);
	for (size_t i = 0; i < 3; i++)
		free(copies[i]);
	return 0;
}
