/* SPDX-License-Identifier: MIT */
/* A made-up container, as preflight would find it, and the plan that is made for it. */
#ifndef TESTS_UNIT_CONTAINER_H
#define TESTS_UNIT_CONTAINER_H

#include "tests/unit/test.h"

#include "init/plan.h"

/* What Docker gives to root, as bits of capabilities(7), and what we ask for. */
#define DOCKER_CAPS 0xa80425fbULL
#define CONTAINER_CAPS (DOCKER_CAPS | CAP_BIT(CAP_NET_ADMIN))

#define EVERY_ID UINT32_MAX /* of the first user namespace */

struct container {
	struct options options;
	struct policy policy;
	struct facts facts;
	struct account account;
	bool has_account; /* --user was given */
	bool any_ids; /* an agent without a number in its user namespace will do */
	struct plan plan;
	struct failure failure;
	char text[1 << 18]; /* as large as the one in main.c */
};

static inline void container_set_caps(struct container *c, uint64_t caps)
{
	c->facts.caps = (struct caps){ .effective = caps, .permitted = caps, .bounding = caps };
}

/* Adds a link that is up, with an MTU of 1500, and says which one it is. */
static inline struct link_state *container_add_link(struct container *c, uint32_t index,
						    const char *name)
{
	struct link_state *l = &c->facts.net.links[c->facts.net.link_count++];

	*l = (struct link_state){ .end.index = index, .mtu = 1500, .up = true, .running = true };
	snprintf(l->end.name, sizeof(l->end.name), "%s", name);
	return l;
}

static inline void container_take(struct container *c, const char *prefix)
{
	assert_true(prefix_parse(span_of(prefix), &c->facts.net.taken[c->facts.net.taken_count++]));
}

/* Root in a Docker container with --cap-add NET_ADMIN, one IPv4 address, no rule. */
static inline void container_reset(struct container *c)
{
	static char *program[] = { "run", NULL };

	memset(c, 0, sizeof(*c));
	c->options.program = program;
	c->options.jail = JAIL_VETH;
	c->facts.alone = true;
	c->options.policy = &c->policy;
	container_set_caps(c, CONTAINER_CAPS);
	c->facts.uids = (struct id_map){ .extents = { { 0, 0, EVERY_ID } }, .count = 1 };
	c->facts.gids = c->facts.uids;
	snprintf(c->facts.table, sizeof(c->facts.table), "boundary_init_0");
	*container_add_link(c, LINK_LOOPBACK, "lo") =
		(struct link_state){ .end = { .index = LINK_LOOPBACK, .name = "lo" },
				     .mtu = 65536,
				     .up = true,
				     .loopback = true };
	container_add_link(c, 7, "eth0");
	container_take(c, "127.0.0.0/8");
	container_take(c, "172.17.0.2/16");
	c->facts.net.ipv4 = true;
	c->facts.net.ipv6_stack = true;
	c->facts.ipv6_on_new_links = true;
}

static inline void container_add_ipv6(struct container *c)
{
	container_take(c, "2001:db8:1::2/64");
	c->facts.net.ipv6 = true;
}

static inline void container_allow(struct container *c, const char *rule)
{
	assert_int_equal(policy_add(&c->policy, span_of(rule), false, &c->failure), 0);
}

static inline void container_deny(struct container *c, const char *rule)
{
	assert_int_equal(policy_add(&c->policy, span_of(rule), true, &c->failure), 0);
}

/* A line of /etc/resolv.conf. */
static inline void container_add_server(struct container *c, const char *address)
{
	struct resolv *r = &c->facts.resolv;

	assert_true(address_parse(span_of(address), &r->servers[r->server_count++]));
}

/* A line of /etc/hosts. */
static inline void container_add_host(struct container *c, const char *address)
{
	struct host *h = &c->facts.resolv.hosts[c->facts.resolv.host_count++];

	memset(&h->address, 0xff,
	       sizeof(h->address)); /* behind an IPv4 address may stand anything */
	assert_true(address_parse(span_of(address), &h->address));
	h->name = span_of("a-host");
}

static inline void container_publish(struct container *c, const char *at, uint16_t port,
				     uint16_t to, uint8_t protocol)
{
	struct publish *p = &c->options.publish[c->options.publish_count++];

	*p = (struct publish){ .port = port, .to = to, .protocol = protocol };
	if (at)
		assert_true(address_parse(span_of(at), &p->at));
}

static inline void container_set_user(struct container *c, uint32_t uid, uint32_t gid)
{
	c->account = (struct account){ .uid = uid, .gid = gid };
	c->has_account = true;
}

static inline int container_try(struct container *c)
{
	memset(&c->plan, 0, sizeof(c->plan));
	forget_failure(&c->failure);
	return plan_build(&c->plan, c->options.jail, c->any_ids, &c->options, &c->facts,
			  c->has_account ? &c->account : NULL, &c->failure);
}

static inline void container_plan(struct container *c)
{
	if (container_try(c) < 0)
		FAIL("no plan: %s: %s", c->failure.stage, c->failure.what);
}

/* Another policy, for a plan that was made and whose jail is there. */
static inline int container_change(struct container *c)
{
	forget_failure(&c->failure);
	return plan_change_policy(&c->plan, &c->options, &c->failure);
}

static inline void container_refuses(struct container *c, const char *failure)
{
	assert_int_equal(container_try(c), -1);
	assert_failure(&c->failure, failure);
}

/* The plan as --print-plan shows it. */
static inline const char *container_print(struct container *c)
{
	struct text t = TEXT_OVER(c->text);

	plan_print(&c->plan, &t);
	assert_false(t.cut);
	return c->text;
}

#endif
