/* SPDX-License-Identifier: MIT */
/*
 * The plan: what will be done, as data. It is built from the options and from what preflight found,
 * then printed (--print-plan) or run and verified (init/jail.c). Pure: no I/O, no allocation.
 */
#ifndef INIT_PLAN_H
#define INIT_PLAN_H

#include "init/accounts.h"
#include "init/forwarding.h"
#include "init/options.h"
#include "init/resolv.h"
#include "netlink/nft.h"
#include "netlink/survey.h"
#include "sys/caps.h"
#include "sys/failure.h"
#include "sys/namespaces.h"

/* Sets of modes. */
#define MODE_VETH (1U << JAIL_VETH)
#define MODE_LOOPBACK (1U << JAIL_LOOPBACK)
#define MODE_CONTAINER (1U << JAIL_CONTAINER)

/* Containers of a pod share a network namespace: so many jails may stand in one. */
#define INSTANCES 16

/* What preflight found. What is needed as long as the agent lives stands first. */
struct facts {
	uint32_t uid, gid;
	struct caps caps;
	unsigned int instance; /* ours among INSTANCES; nobody else alive has it */
	bool alone; /* no other one is taken */
	bool taken; /* one of the others is the container itself */
	bool host_network; /* the network namespace is the machine's own */
	bool table_left; /* our table is there already: the run before was killed */
	bool ipv6_on_new_links; /* net.ipv6.conf.default.disable_ipv6 is 0 */
	char table[32]; /* its name */
	struct resolv resolv; /* the container's, as it was before the agent could write there */

	struct forwarding was_off; /* before this and other jails here, as far as they noted it */
	struct id_map uids, gids; /* of the user namespace that we are in */
	struct failure
		no_clone; /* why no namespaces can be made; stage NULL: nothing speaks against it */
	struct survey net;
};

/* Addresses of /etc/hosts; further ones are not reached by their names. */
#define PLAN_HOSTS 64

/*
 * The veth pair and its addresses: IPv4; with IPv6 also that and, the last, a link-local one, from
 * which the kernel asks its neighbour by neighbour discovery. In a loopback jail `inner` is lo, and `outer`
 * is nothing; without a namespace there is no wire, only the families that the container has.
 */
struct wire {
	unsigned int address_count; /* 1 or 3 */
	unsigned int family_count; /* 1 or 2: those of them that are routed */
	uint32_t mtu;
	struct link_end outer, inner;
	struct prefix outer_addresses[3], inner_addresses[3];
};

struct plan {
	/* What is small and asked for often comes first: it is reached by shorter instructions. */
	enum jail_mode mode;
	unsigned int host_count, link_name_count;
	bool deny_setgroups;
	bool leftover_table;
	bool logs; /* what is refused in the jail is reported by NFLOG; till jail_make finds none */
	bool ipv6_stack; /* this kernel has IPv6, so links have to be told not to configure it */
	bool unmapped; /* the agent is uid 0, which has no number in its user namespace */
	bool forward_ipv4; /* on the outer end of the wire */
	bool ipv6_rules_hold; /* IPv6 is forwarded, by us or before, or there is none at all */
	bool change_user;
	uint32_t leftover_link; /* index of a link of a killed run, 0 for none */
	uint32_t
		mark; /* of the gate's sockets, where the rules are for its namespace too; else 0 */
	struct wire wire;
	struct prefix pools[2]; /* IPv4, IPv6: each address stands for a name; family 0 for none */
	struct forwarding
		forward; /* and on these links; IPv6 for the whole container, or not at all */

	unsigned long clone_flags;
	uint64_t agent_caps;
	uint64_t init_caps; /* what PID 1 keeps */
	char **program;
	struct span idle_rule; /* a rule that can match nothing here; length 0 for none */

	struct account agent; /* if change_user; else its uid and gid only, which are ours */
	struct id_map uids, gids; /* count 0: no user namespace */
	char comment[256]; /* of the table: what to restore */
	struct nft_link_name link_names[FORWARDING_LINKS + 3]; /* of the links in the rules */
	unsigned int resolver_count;
	struct address
		resolvers[RESOLV_ALL_SERVERS]; /* on an own loopback address: the gate's alone */
	struct prefix hosts[PLAN_HOSTS]; /* have names too: TCP to them is the gate's as well */

	struct nft_ruleset inner, outer; /* last: what is small stands together, on one page */
};

/*
 * The plan for one mode, whatever `o` says of that. 0; or -1 with `f` filled, and what `p` holds is of no use.
 * `account` is NULL without --user. `any_ids`: an agent with uid 0 that cannot be mapped is better than none.
 */
int plan_build(struct plan *p, enum jail_mode mode, bool any_ids, const struct options *o,
	       const struct facts *facts, const struct account *account, struct failure *f);

/*
 * Builds the rules anew, for another policy. 0; or -1 with `f` filled, and what the jail holds is still
 * right: a rule by address needs what can be made at the start only.
 */
int plan_change_policy(struct plan *p, const struct options *o, struct failure *f);

/* Every step, in order. */
void plan_print(const struct plan *p, struct text *t);

#endif
