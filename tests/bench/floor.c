/* SPDX-License-Identifier: MIT */
/*
 * The floor of the start-up benchmark: the system calls that make a `veth` jail with its gate, in a straight
 * line, with every name, number and rule fixed at compile time (floor.h). It decides and relays nothing.
 *
 *   floor same PROGRAM [ARGUMENT]...    the calls of boundary-init, its looking and reading back included
 *   floor least PROGRAM [ARGUMENT]...   only those without which there would be no jail, or no gate
 *
 * Any failure ends it with 1: a benchmark of a jail that was not made would be worth nothing.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "init/bypass.h"
#include "init/gate/names.h"
#include "init/gate/sockets.h"
#include "init/policies.h"
#include "init/supervise.h"
#include "netlink/nflog.h"
#include "netlink/survey.h"
#include "sys/caps.h"
#include "sys/channel.h"
#include "sys/clock.h"
#include "sys/confine.h"
#include "sys/endpoint.h"
#include "sys/fds.h"
#include "sys/namespaces.h"
#include "sys/process.h"
#include "sys/signals.h"
#include "sys/text.h"
#include "tests/bench/floor.h"

#define EVERY_CAP (CAP_BIT(CAP_LAST_CAP + 1) - 1)

static bool same; /* make the calls that only look, or only make the jail better, too */
static struct signals_inherited signals;
static void *policies; /* memory that init and the gate share */

static void must(int result, const char *what)
{
	if (result >= 0)
		return;
	(void)!write(2, what, strlen(what));
	_exit(1);
}

static void read_caps(void)
{
	struct caps c;

	if (same)
		must(caps_read(&c), "capabilities");
}

/* For a process of our own. */
static void drop(uint64_t keep)
{
	read_caps();
	must(caps_drop_bounding(EVERY_CAP & ~keep), "bounding set");
	must(caps_lock_securebits(), "secure bits");
	must(caps_drop(keep), "capabilities");
	must(confine_no_new_privs(), "no_new_privs");
	process_control(PR_SET_DUMPABLE, 0, 0);
	if (same)
		must(caps_securebits_locked() - 1, "secure bits differ");
	read_caps();
	if (same)
		must(process_control(PR_GET_NO_NEW_PRIVS, 0, 0) - 1, "no_new_privs differs");
}

/* ---- the gate ---- */

static void watch(int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e), "epoll");
}

static void get_ready(void)
{
	struct rlimit limit;
	char seed[4];

	syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
	syscall(SYS_getrandom, seed, sizeof(seed), 0);
	clock_now();
}

static void gate(int channel)
{
	int sockets[GATE_SOCKETS], keep[] = { channel };
	struct epoll_event e;
	char start[136];
	int epoll;

	setpgid(0, 0);
	fds_keep_only(keep, 1);
	drop(0);
	process_control(PR_SET_PDEATHSIG, SIGKILL, 0);
	if (same)
		get_ready();
	epoll = (int)syscall(SYS_epoll_create1, EPOLL_CLOEXEC);
	must(channel_receive(channel, start, sizeof(start), sockets, GATE_SOCKETS), "sockets");
	endpoint_set_nodelay(sockets[GATE_TCP4]);
	endpoint_set_abortive(sockets[GATE_TCP4], true);
	endpoint_set_nodelay(sockets[GATE_DNS_TCP4]);
	endpoint_set_abortive(sockets[GATE_DNS_TCP4], false);
	watch(epoll, channel);
	for (unsigned int i = 0; i < GATE_SOCKETS; i++)
		if (sockets[i] >= 0)
			watch(epoll, sockets[i]);
	if (same)
		must(mprotect(policies, 2 * sizeof(struct policy_place), PROT_READ), "mprotect");
	must(confine_gate(), "confining the gate");
	must((int)send(channel, "r", 1, MSG_NOSIGNAL), "send");
	syscall(SYS_epoll_pwait, epoll, &e, 1, -1, NULL, 8); /* until init ends */
	_exit(0);
}

/* Its process, and our end of the channel to it. */
static pid_t start_gate(int *channel)
{
	int ends[2];
	pid_t pid;

	must(channel_open(ends), "channel");
	pid = namespaces_clone(0);
	if (pid == 0) {
		close(ends[0]);
		gate(ends[1]);
	}
	must(pid, "clone of the gate");
	close(ends[1]);
	*channel = ends[0];
	return pid;
}

static void open_gate(int channel, const int *sockets)
{
	char start[136] = { 0 }, ready;

	must(channel_send(channel, start, sizeof(start), sockets, GATE_SOCKETS), "sendmsg");
	must(recv(channel, &ready, 1, 0) == 1 ? 0 : -1, "the gate is not ready");
}

/* ---- the agent ---- */

struct inside {
	int route, filter, events, netns, gate[GATE_SOCKETS];
};

#define HANDED (sizeof(struct inside) / sizeof(int))

static int open_socket(int type, uint16_t port)
{
	const struct sockaddr_in a = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket_open(AF_INET, type | SOCK_NONBLOCK, 0);

	must(bind(fd, (const struct sockaddr *)&a, sizeof(a)), "bind");
	if (type == SOCK_STREAM)
		must(listen(fd, 4096), "listen");
	return fd;
}

static void open_inside(struct inside *in)
{
	struct nl_error e;

	memset(in, 0xff, sizeof(*in));
	in->route = nl_open(NETLINK_ROUTE);
	link_set_up(LINK_LOOPBACK, "");
	must(nl_send(in->route, &e), "loopback");
	in->filter = nl_open(NETLINK_NETFILTER);
	if (same)
		in->events = nl_open_events(RTNLGRP_IPV6_IFADDR);
	in->netns = file_open("/proc/self/ns/net", O_RDONLY);
	in->gate[GATE_TCP4] = open_socket(SOCK_STREAM, GATE_TCP_PORT);
	in->gate[GATE_DNS_TCP4] = open_socket(SOCK_STREAM, GATE_DNS_PORT);
	in->gate[GATE_DNS_UDP4] = open_socket(SOCK_DGRAM, GATE_DNS_PORT);
	if (same)
		in->gate[GATE_PACKETS] = nflog_open(GATE_LOG_GROUP);
}

static void agent(int channel, char **argv)
{
	struct inside in;
	char go;

	setpgid(0, 0);
	signals_discard(0);
	open_inside(&in);
	must(channel_send(channel, "", 1, (const int *)&in, HANDED), "sendmsg");
	for (const int *fd = (const int *)&in; fd < (const int *)&in + HANDED; fd++)
		if (*fd >= 0)
			close(*fd);
	must(recv(channel, &go, 1, 0) == 1 ? 0 : -1, "recv");
	read_caps();
	must(caps_drop_bounding(EVERY_CAP), "bounding set");
	must(caps_drop(0), "capabilities");
	must(confine_no_new_privs(), "no_new_privs");
	must(confine_scope(), "landlock");
	must(confine_system_calls(), "seccomp");
	read_caps();
	process_control(PR_SET_PDEATHSIG, SIGKILL, 0);
	signals_give_back(&signals);
	execv(argv[2], argv + 2);
	must(-1, argv[2]);
}

static pid_t start_agent(char **argv, int *channel)
{
	int ends[2];
	pid_t pid;

	must(channel_open(ends), "channel");
	pid = namespaces_clone(CLONE_NEWUSER | CLONE_NEWNET);
	if (pid == 0) {
		close(ends[0]);
		agent(ends[1], argv);
	}
	must(pid, "clone of the agent");
	close(ends[1]);
	setpgid(pid, pid);
	*channel = ends[0];
	return pid;
}

/* ---- looking around before, and reading back afterwards ---- */

static void read_all(const char *path)
{
	static char buffer[65536];

	file_read(path, buffer, sizeof(buffer));
}

static void ignore_table(struct span name, struct span comment, void *to)
{
	(void)name;
	(void)comment;
	(void)to;
}

/* The lock, by which jails in one network namespace are told apart. */
static void take_name(void)
{
	static const struct sockaddr lock = { .sa_family = AF_UNIX, .sa_data = "\0floor" };

	must(bind(socket_open(AF_UNIX, SOCK_DGRAM, 0), &lock, sizeof(lock)), "lock");
}

static void look_around(int route, int filter)
{
	static struct survey survey;
	struct id_map map;
	char buffer[108];
	struct text path = TEXT_OVER(buffer);

	fds_fill_standard();
	policies = memory_new(2 * sizeof(struct policy_place), true);
	read_caps();
	must(idmap_read("/proc/self/uid_map", &map), "uid_map");
	must(idmap_read("/proc/self/gid_map", &map), "gid_map");
	take_name();
	must(survey_take(route, &survey), "survey");
	read_all("/etc/resolv.conf");
	read_all("/etc/hosts");
	read_all("/proc/sys/net/ipv6/conf/default/disable_ipv6");
	must(nft_each_table(filter, ignore_table, NULL), "tables");
	process_control(PR_SET_CHILD_SUBREAPER, 1, 0);
	must(signals_open(), "signalfd");
	bypass_find(&path);
	memory_new(sizeof(struct names), true);
	memory_give_back(&survey, sizeof(survey));
}

static void write_map(pid_t pid, const char *file)
{
	char path[64];
	struct text t = TEXT_OVER(path);

	text_printf(&t, "/proc/%d/%s", pid, file);
	must(file_write(path, "0 0 4294967295\n", 15), file);
}

static void read_map_back(pid_t pid, const char *file)
{
	char path[64];
	struct text t = TEXT_OVER(path);
	struct id_map map;

	text_printf(&t, "/proc/%d/%s", pid, file);
	must(idmap_read(path, &map), file);
}

static void read_back(pid_t pid, int route, int filter, const struct inside *in)
{
	read_map_back(pid, "uid_map");
	read_map_back(pid, "gid_map");
	must(nft_check(filter, &outer_rules) - 1, "outer rules differ");
	must(nft_check(in->filter, &inner_rules) - 1, "inner rules differ");
	must(addr_check(route, OUTER, &outer_address, 1) - 1, "outer address differs");
	must(addr_check(in->route, INNER, &inner_address, 1) - 1, "inner address differs");
	must(route_check_default(in->route, INNER, &outer_address.address) - 1, "route differs");
}

/* ---- the jail ---- */

static void make_wire(int out, const struct inside *in)
{
	struct link_state state;
	struct nl_error e;

	link_add_veth(&outer_end, &inner_end, 1500, in->netns);
	link_set_no_autoconf(OUTER, "");
	link_set_forwarding(OUTER, true, "");
	link_set_up(OUTER, "");
	addr_add(OUTER, &outer_address, "");
	must(nl_send(out, &e), "veth");
	link_set_no_autoconf(INNER, "");
	link_set_up(INNER, "");
	addr_add(INNER, &inner_address, "");
	route_add_default(INNER, &outer_address.address, "");
	must(nl_send(in->route, &e), "jail");
	/* Not to read anything: without these the first packet may wait for a second. */
	must(link_get(in->route, INNER, &state), "link");
	must(link_get(out, OUTER, &state), "link");
}

static void make_jail(pid_t pid, int route, int filter, const struct inside *in)
{
	struct nl_error e;

	write_map(pid, "uid_map");
	write_map(pid, "gid_map");
	must(nft_write(filter, &outer_rules, false, &e), "outer rules");
	must(nft_write(in->filter, &inner_rules, false, &e), "inner rules");
	make_wire(route, in);
	if (same)
		read_back(pid, route, filter, in);
}

/* Not timed, but the next round needs the names. */
static void remove_all(int route, int filter)
{
	struct nl_error e;

	link_delete(OUTER, "");
	must(nl_send(route, &e), "removing the veth");
	must(nft_delete(filter, outer_rules.table, &e), "removing the rules");
}

int main(int argc, char **argv)
{
	int route = nl_open(NETLINK_ROUTE), filter = nl_open(NETLINK_NETFILTER);
	int to_gate, to_agent, status, terminal = -1;
	pid_t agent_pid, gate_pid;
	struct inside in;
	char handed;

	signals_hold(&signals);
	signals_take_over(&signals);
	same = argc > 1 && strcmp(argv[1], "same") == 0;
	if (argc < 3)
		return 1;
	if (same)
		look_around(route, filter);
	gate_pid = start_gate(&to_gate);
	agent_pid = start_agent(argv, &to_agent);
	must(channel_receive(to_agent, &handed, 1, (int *)&in, HANDED), "recvmsg");
	make_jail(agent_pid, route, filter, &in);
	open_gate(to_gate, in.gate);
	drop(CAP_BIT(CAP_NET_ADMIN));
	if (same) {
		terminal = terminal_open();
		nl_rest();
	}
	terminal_pass(terminal, getpgrp(), agent_pid);
	must((int)send(to_agent, "", 1, 0), "send");
	waitpid(agent_pid, &status, 0);
	terminal_pass(terminal, agent_pid, getpgrp());
	close(to_gate);
	waitpid(gate_pid, NULL, 0);
	remove_all(route, filter);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
