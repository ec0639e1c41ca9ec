/* SPDX-License-Identifier: MIT */
/*
 * Rules: what is allowed, what is denied. Pure: no I/O, no allocation, no globals; borrows the text that it
 * parsed.
 *
 *   rule    := key=value { blank key=value }        keys AND, rules OR, an absent key is any; deny wins
 *   domain  := name{,name}                          without regard to case, a dot at the end is ignored
 *   name    := label{.label} | * | *.suffix         a leading * is one or more labels, never the base; a *
 *                                                   elsewhere is one label, never the last one
 *   method  := TOKEN{,TOKEN} | *                    in upper case; seen in plain HTTP only
 *   path    := /seg/seg{,/seg...} | *               likewise; a whole-segment *; a final one is one or more;
 *                                                   / is the root alone; a slash at the end may be missing
 *                                                   in the request; %XX stands for its byte
 *   port    := N | N-M, separated by commas, | *    absent: any for HTTP and TLS, none for other protocols
 *   private := yes                                  the name may lead to private addresses; not with deny
 *   cidr    := address[/len]                        by address, not by name; with proto and port only
 *   proto   := tcp | udp | icmp                     of cidr; absent: tcp
 *
 * A rule by name needs one of domain, method, path and port; a blank is a space, a tab or a CR.
 */
#ifndef INIT_POLICY_H
#define INIT_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/address.h"
#include "sys/cursor.h"
#include "sys/failure.h"
#include "sys/text.h"

#define POLICY_RULES 1024
#define RULE_PORTS 16

struct port_range {
	uint16_t first, last;
};

struct rule {
	struct span text; /* as it was given */
	struct prefix cidr; /* family 0: a rule by name */
	struct span domain, method, path; /* as given, checked; length 0: any, also by * */
	bool deny;
	bool private_too; /* private=yes */
	bool any_protocol; /* port= was given: not HTTP and TLS only */
	bool protocol_given; /* proto= was given */
	uint8_t protocol; /* of cidr: IPPROTO_TCP, _UDP, _ICMP or _ICMPV6 */
	uint8_t port_count; /* 0: any port */
	struct port_range ports[RULE_PORTS];
};

struct policy {
	unsigned int count;
	struct rule rules[POLICY_RULES];
};

/* 0, or -1 with `f` filled: the rule, the column (from 1), what is wrong, what was expected. */
int policy_add(struct policy *p, struct span text, bool deny, struct failure *f);

/*
 * Adds the rules of a file: lines "allow RULE" and "deny RULE", '#' at the start of a line or behind a blank
 * starts a comment; or Agent Boundaries' YAML: `allowlist:` and below it `- "RULE"` lines, of whose other
 * keys (key: value) none is a rule. `name` is the file's, for messages: "FILE, line 3, column 7: ...".
 * After a failure the rules before it are in the policy: read into one that is not in use.
 */
int policy_add_file(struct policy *p, struct span text, const char *name, struct failure *f);

/* A line without its comment, and without blanks and a CR around it. */
struct span policy_line(struct span line);

/* Why a rule does less than it seems to, one sentence; NULL if it does not. Static text. */
const char *rule_warning(const struct rule *r);

/* What somebody wants: as it is decided, so it is done and logged. */
enum request_protocol {
	REQUEST_HTTP, /* plain; method and path are known */
	REQUEST_TLS,
	REQUEST_TCP, /* any other */
};

struct request {
	enum request_protocol protocol;
	struct span name; /* in lower case, without a dot at the end */
	uint16_t port;
	struct span method;
	struct span path; /* canonical (init/gate/http.h) */
};

struct verdict {
	bool allowed;
	bool private_too; /* and a private address may be dialled for it */
	const struct rule *rule; /* that decided; NULL: no rule allows it */
};

/*
 * Deny wins. A deny rule with method= or path= also matches what is not plain HTTP, where these cannot be
 * seen: fail closed.
 */
struct verdict policy_decide(const struct policy *p, const struct request *r);

/*
 * Whether some request to this name could be allowed: its DNS questions may then be asked upstream. No
 * allowed request has a name or a port for which these two say no.
 */
bool policy_allows_name(const struct policy *p, struct span name);

/* Whether a request to this name and port could be allowed in some protocol. */
bool policy_allows_port(const struct policy *p, struct span name, uint16_t port);

/* The rule by address (TCP) that forbids to dial there, or one that allows it; NULL: none. */
const struct rule *policy_denies_address(const struct policy *p, const struct address *a,
					 uint16_t port);
const struct rule *policy_allows_address(const struct policy *p, const struct address *a,
					 uint16_t port);

/* The rule that would allow this request: domain=api.example.com, with port= where its protocol needs it. */
void policy_suggest(struct text *t, const struct request *r);

#endif
