/* SPDX-License-Identifier: MIT */
/*
 * The floor of the start-up benchmark: the system calls that make a `veth` jail, in a straight line,
 * with every name, number and rule fixed at compile time. It parses nothing and decides nothing.
 *
 *   floor same PROGRAM [ARGUMENT]...    the calls of boundary-init, its looking and reading back included
 *   floor least PROGRAM [ARGUMENT]...   only those without which there would be no jail
 *
 * Any failure ends it with 1: a benchmark of a jail that was not made would be worth nothing.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netlink.h>

#include "netlink/link.h"
#include "netlink/nft.h"
#include "netlink/survey.h"
#include "sys/caps.h"
#include "sys/confine.h"
#include "sys/fds.h"
#include "sys/namespaces.h"
#include "sys/signals.h"
#include "sys/text.h"

#define OUTER 1048576
#define INNER (OUTER + 1)

static const struct link_end outer_end = { OUTER, "jail0", { 0xba, 0xbd, 0x1a, 0x11, 0, 0 } };
static const struct link_end inner_end = { INNER, "eth0", { 0xba, 0xbd, 0x1a, 0x11, 0, 1 } };
static const struct prefix outer_address = { { AF_INET, { 10, 200, 114, 2 } }, 31 };
static const struct prefix inner_address = { { AF_INET, { 10, 200, 114, 3 } }, 31 };

#define JAIL                                         \
	{                                            \
		{ AF_INET, { 10, 200, 114, 3 } }, 32 \
	}
#define ALLOWED                                  \
	{                                        \
		{ AF_INET, { 203, 0, 113 } }, 24 \
	}

static struct nft_ruleset inner_rules = {
	.table = "boundary_init_0",
	.comment = "",
	.chains = { { "output", "filter", NF_INET_LOCAL_OUT, 0, true } },
	.chain_count = 1,
	.rules = {
		{ .out = LINK_LOOPBACK, .verdict = NFT_ACCEPT_PACKET },
		{ .out = INNER, .established = true, .verdict = NFT_ACCEPT_PACKET },
		{ .out = INNER, .destination = ALLOWED, .protocol = IPPROTO_TCP, .verdict = NFT_ACCEPT_PACKET },
		{ .protocol = IPPROTO_TCP, .verdict = NFT_REJECT_RESET },
		{ .verdict = NFT_REJECT_PROHIBITED },
	},
	.rule_count = 5,
};

static struct nft_ruleset outer_rules = {
	.table = "boundary_init_0",
	.comment = "",
	.chains = {
		{ "antispoof", "filter", NF_INET_PRE_ROUTING, -300, false },
		{ "input", "filter", NF_INET_LOCAL_IN, 0, false },
		{ "forward", "filter", NF_INET_FORWARD, 0, false },
		{ "postrouting", "nat", NF_INET_POST_ROUTING, 100, false },
	},
	.chain_count = 4,
	.rules = {
		{ .chain = 0, .in = OUTER, .not_in = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 0, .source = JAIL, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 0, .verdict = NFT_DROP_PACKET },
		{ .chain = 1, .in = OUTER, .not_in = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 1, .established = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 1, .protocol = IPPROTO_TCP, .verdict = NFT_REJECT_RESET },
		{ .chain = 1, .verdict = NFT_REJECT_PROHIBITED },
		{ .chain = 2, .in = OUTER, .established = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 2, .in = OUTER, .out = OUTER, .not_out = true, .destination = ALLOWED,
		  .protocol = IPPROTO_TCP, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 2, .in = OUTER, .protocol = IPPROTO_TCP, .verdict = NFT_REJECT_RESET },
		{ .chain = 2, .in = OUTER, .verdict = NFT_REJECT_PROHIBITED },
		{ .chain = 2, .out = OUTER, .established = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 2, .out = OUTER, .translated = true, .verdict = NFT_ACCEPT_PACKET },
		{ .chain = 2, .out = OUTER, .verdict = NFT_DROP_PACKET },
		{ .chain = 3, .out = OUTER, .not_out = true, .source = JAIL, .verdict = NFT_MASQUERADE },
	},
	.rule_count = 15,
};

#define EVERY_CAP (CAP_BIT(CAP_LAST_CAP + 1) - 1)

static void must(int result, const char *what)
{
	if (result >= 0)
		return;
	(void)!write(2, what, strlen(what));
	_exit(1);
}

static bool same; /* make the calls that only look, too */

static void read_caps(unsigned int times)
{
	struct caps c;

	for (unsigned int i = 0; same && i < times; i++)
		must(caps_read(&c), "capabilities");
}

static void agent(int channel, char **argv, const struct signals_inherited *signals)
{
	int fds[3] = { nl_open(NETLINK_ROUTE), nl_open(NETLINK_NETFILTER),
		       open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) };
	char room[CMSG_SPACE(sizeof(fds))] __attribute__((aligned(8)));
	struct iovec text = { .iov_base = (char[]){ 0 }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &text,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	char go;

	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fds)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	must((int)sendmsg(channel, &message, 0), "sendmsg");
	setpgid(0, 0);
	must(recv(channel, &go, 1, 0) == 1 ? 0 : -1, "recv");
	read_caps(2);
	must(caps_drop_bounding(EVERY_CAP), "bounding set");
	must(caps_drop(0), "capabilities");
	must(confine_no_new_privs(), "no_new_privs");
	must(confine_scope(), "landlock");
	must(confine_system_calls(), "seccomp");
	signals_give_back(signals);
	execv(argv[2], argv + 2);
	must(-1, argv[2]);
}

static void write_map(pid_t pid, const char *file)
{
	char path[64];
	struct text t = TEXT_OVER(path);

	text_printf(&t, "/proc/%d/%s", pid, file);
	must(file_write(path, "0 0 4294967295\n", 15), file);
}

static void ignore_table(struct span name, struct span comment, void *to)
{
	(void)name;
	(void)comment;
	(void)to;
}

static void look_around(int route, int filter)
{
	static struct survey survey;
	struct id_map map;

	read_caps(1);
	must(idmap_read("/proc/self/uid_map", &map), "uid_map");
	must(idmap_read("/proc/self/gid_map", &map), "gid_map");
	must(survey_take(route, &survey), "survey");
	must(nft_each_table(filter, ignore_table, NULL), "tables");
}

static void read_map_back(pid_t pid, const char *file)
{
	char path[64];
	struct text t = TEXT_OVER(path);
	struct id_map map;

	text_printf(&t, "/proc/%d/%s", pid, file);
	must(idmap_read(path, &map), file);
}

static void read_back(pid_t pid, int route, int filter, const int *inside)
{
	read_map_back(pid, "uid_map");
	read_map_back(pid, "gid_map");
	must(nft_check(filter, &outer_rules) - 1, "outer rules differ");
	must(nft_check(inside[1], &inner_rules) - 1, "inner rules differ");
	must(addr_check(route, OUTER, &outer_address, 1) - 1, "outer address differs");
	must(addr_check(inside[0], INNER, &inner_address, 1) - 1, "inner address differs");
	must(route_check_default(inside[0], INNER, &outer_address.address) - 1, "route differs");
}

static void make_wire(int out, int in, int netns)
{
	static char bytes[16 * NL_MESSAGE_MAX] __attribute__((aligned(4)));
	static const char *names[16];
	struct nl_batch b = NL_BATCH_OVER(bytes, names);
	struct link_state state;
	struct nl_error e;

	link_add_veth(&b, &outer_end, &inner_end, 1500, netns);
	link_set_no_autoconf(&b, OUTER, "");
	link_set_forwarding(&b, OUTER, true, "");
	link_set_up(&b, OUTER, "");
	addr_add(&b, OUTER, &outer_address, "");
	must(nl_send(out, &b, &e), "veth");
	link_set_up(&b, LINK_LOOPBACK, "");
	link_set_no_autoconf(&b, INNER, "");
	link_set_up(&b, INNER, "");
	addr_add(&b, INNER, &inner_address, "");
	route_add_default(&b, INNER, &outer_address.address, "");
	must(nl_send(in, &b, &e), "jail");
	/* Not to read anything: without these the first packet may wait for a second. */
	must(link_get(in, INNER, &state), "link");
	must(link_get(out, OUTER, &state), "link");
}

static void remove_all(int route, int filter)
{
	static char bytes[2 * NL_MESSAGE_MAX] __attribute__((aligned(4)));
	static const char *names[1];
	struct nl_batch b = NL_BATCH_OVER(bytes, names);
	struct nl_error e;

	link_delete(&b, OUTER, "");
	must(nl_send(route, &b, &e), "removing the veth");
	must(nft_delete(filter, outer_rules.table, &e), "removing the rules");
}

int main(int argc, char **argv)
{
	int route = nl_open(NETLINK_ROUTE), filter = nl_open(NETLINK_NETFILTER);
	struct signals_inherited signals;
	char byte, room[CMSG_SPACE(3 * sizeof(int))] __attribute__((aligned(8)));
	struct iovec text = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &text,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	int channel[2], fds[3], status;
	struct nl_error e;
	pid_t pid;

	signals_hold(&signals);
	signals_take_over(&signals);
	same = argc > 1 && strcmp(argv[1], "same") == 0;
	if (same)
		look_around(route, filter);
	if (argc < 3 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		return 1;
	pid = namespaces_clone(CLONE_NEWUSER | CLONE_NEWNET);
	if (pid == 0)
		agent(channel[1], argv, &signals);
	must(pid, "clone");
	setpgid(pid, pid);
	must((int)recvmsg(channel[0], &message, MSG_CMSG_CLOEXEC), "recvmsg");
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fds));
	write_map(pid, "uid_map");
	write_map(pid, "gid_map");
	must(nft_write(filter, &outer_rules, false, &e), "outer rules");
	must(nft_write(fds[1], &inner_rules, false, &e), "inner rules");
	make_wire(route, fds[0], fds[2]);
	if (same)
		read_back(pid, route, filter, fds);
	read_caps(2);
	must(caps_drop_bounding(EVERY_CAP & ~CAP_BIT(CAP_NET_ADMIN)), "bounding set");
	must(caps_lock_securebits(), "secure bits");
	must(caps_drop(CAP_BIT(CAP_NET_ADMIN)), "capabilities");
	must(confine_no_new_privs(), "no_new_privs");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	must((int)send(channel[0], "", 1, 0), "send");
	waitpid(pid, &status, 0);
	/* Not timed, but the next round needs the names. */
	remove_all(route, filter);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
