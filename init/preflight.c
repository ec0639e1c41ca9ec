/* SPDX-License-Identifier: MIT */
#include "init/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "init/report.h"
#include "sys/fds.h"

#define STAGE "preflight"
#define INSTANCE_PREFIX "boundary_init_"
#define FORWARDING_SUFFIX "_forwarding"
#define CONTAINER_SUFFIX "_container"

/* A dump that another process disturbs is asked for again, but not for ever. */
#define DUMP_TRIES 8

/* As much as is read of resolv.conf(5) and hosts(5). */
#define NAMES_FILE_MAX 65536

/*
 * Several jails may share a network namespace (the containers of a pod), and one that was killed
 * leaves its table behind. Abstract sockets tell the two apart: they belong to the network namespace
 * and vanish with their owner, however that ends. One of the table's name holds the jail's number,
 * another one says that the jail needs forwarding.
 */
static socklen_t set_name(struct sockaddr_un *address, unsigned int instance, const char *suffix)
{
	struct text name = text_over(address->sun_path + 1, sizeof(address->sun_path) - 1);

	text_printf(&name, INSTANCE_PREFIX "%u%s", instance, suffix);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + name.length);
}

static int bind_name(int fd, unsigned int instance, const char *suffix)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = set_name(&address, instance, suffix);

	return bind(fd, (const struct sockaddr *)&address, length) ? -errno : 0;
}

static int take_instance(struct facts *facts, struct outside *outside)
{
	struct text table = TEXT_OVER(facts->table);
	int error = -EADDRINUSE;

	outside->lock = socket_open(AF_UNIX, SOCK_DGRAM, 0);
	if (outside->lock < 0)
		return outside->lock;
	for (unsigned int i = 0; i < INSTANCES && error == -EADDRINUSE; i++) {
		error = bind_name(outside->lock, i, "");
		facts->instance = i;
	}
	outside->instance = facts->instance;
	text_printf(&table, INSTANCE_PREFIX "%u", facts->instance);
	return error;
}

/* Is no other instance there? A datagram socket can be connected again and again, to whoever is. */
static bool is_there(int fd, unsigned int instance, const char *suffix)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = set_name(&address, instance, suffix);

	return connect(fd, (const struct sockaddr *)&address, length) == 0;
}

static int look_for_others(struct facts *facts)
{
	int fd = socket_open(AF_UNIX, SOCK_DGRAM, 0);

	if (fd < 0)
		return fd;
	facts->alone = true;
	for (unsigned int i = 0; i < INSTANCES; i++) {
		if (i == facts->instance)
			continue;
		facts->alone = facts->alone && !is_there(fd, i, "");
		facts->taken = facts->taken || is_there(fd, i, CONTAINER_SUFFIX);
	}
	close(fd);
	return 0;
}

/* Of the two that can be said no jail says both. */
static int say(struct outside *outside, const char *suffix)
{
	outside->forwarding = socket_open(AF_UNIX, SOCK_DGRAM, 0);
	if (outside->forwarding < 0)
		return outside->forwarding;
	return bind_name(outside->forwarding, outside->instance, suffix);
}

int preflight_need_forwarding(struct outside *outside)
{
	return say(outside, FORWARDING_SUFFIX);
}

int preflight_take_container(struct outside *outside)
{
	return say(outside, CONTAINER_SUFFIX);
}

bool preflight_forwarding_needed(struct outside *outside)
{
	bool needed = false;

	close(outside->forwarding);
	outside->forwarding = -1;
	for (unsigned int i = 0; i < INSTANCES && !needed; i++) {
		int fd = socket_open(AF_UNIX, SOCK_DGRAM, 0);

		needed = bind_name(fd, i, FORWARDING_SUFFIX) == -EADDRINUSE;
		close(fd);
	}
	return needed;
}

static int look_at_network(struct facts *facts, struct outside *outside, struct failure *f)
{
	const char *object = "rtnetlink socket";
	int error = take_instance(facts, outside);

	if (error == -EADDRINUSE)
		return fail(f, STAGE, "Put fewer jails into one pod",
			    "instance: %u jails run in this network namespace already", INSTANCES);
	if (!error)
		error = look_for_others(facts);
	if (error)
		return fail_errno(f, STAGE, DOING_ANYTHING, "instance", error);
	outside->route = error = nl_open(NETLINK_ROUTE);
	if (error >= 0) {
		object = "nf_tables socket";
		outside->filter = error = nl_open(NETLINK_NETFILTER);
	}
	if (error < 0)
		return fail_errno(f, STAGE, DOING_NETLINK, object, error);
	error = survey_take(outside->route, &facts->net);
	if (error == -E2BIG)
		return fail(f, STAGE, "Give the container a network namespace of its own",
			    "network: more than %u links or %u routes", SURVEY_LINKS,
			    SURVEY_PREFIXES);
	return error ? fail_errno(f, STAGE, DOING_NETLINK, "network", error) : 0;
}

/* Docker switches IPv6 off for all links to come, and on for its own eth0 only. */
static bool new_links_have_ipv6(void)
{
	char value[4];

	return file_read("/proc/sys/net/ipv6/conf/default/disable_ipv6", value, sizeof(value)) >
		       0 &&
	       value[0] == '0';
}

static bool file_exists(const char *path)
{
	int fd = file_open(path, O_RDONLY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Settings of the whole machine are shown in its own network namespace only. Where none is, it may be that. */
static bool is_host_network(void)
{
	return file_exists("/proc/sys/net/core/netdev_max_backlog") ||
	       !file_exists("/proc/sys/net/core/somaxconn");
}

static void note_table(struct span name, struct span comment, void *to)
{
	struct facts *facts = to;

	if (span_is(name, facts->table))
		facts->table_left = true;
	/* Ours of a run that was killed, or that of another jail here. */
	if (name.length > strlen(INSTANCE_PREFIX) &&
	    memcmp(name.at, INSTANCE_PREFIX, strlen(INSTANCE_PREFIX)) == 0)
		forwarding_read(comment, &facts->was_off);
}

static int look_for_tables(struct facts *facts, const struct outside *outside, struct failure *f)
{
	int error = -EINTR;

	for (int i = 0; i < DUMP_TRIES && error == -EINTR; i++)
		error = nft_each_table(outside->filter, note_table, facts);
	/*
	 * Only an administrator may ask. Who is none is told so by the plan; whose capability is not over this
	 * network, by the first step that needs it, after which the next mode is tried.
	 */
	if (error == -EPERM)
		error = 0;
	return error ? fail_errno(f, STAGE, DOING_RULES, "nf_tables", error) : 0;
}

/* A copy, for the agent may change the file; what is too long is cut, what cannot be read is empty. */
static struct span copy_file(const char *path, char *buffer, size_t size)
{
	long length = file_read(path, buffer, size);

	return (struct span){ .at = buffer, .length = length > 0 ? (size_t)length : 0 };
}

static void read_names(struct resolv *r)
{
	static char buffer[2 * NAMES_FILE_MAX];
	struct span conf = copy_file("/etc/resolv.conf", buffer, NAMES_FILE_MAX);

	/* Right behind the other: the two are small, and stay for a long time. */
	resolv_read_conf(r, conf);
	resolv_read_hosts(r, copy_file("/etc/hosts", buffer + conf.length + 1, NAMES_FILE_MAX));
}

int preflight(enum jail_mode mode, struct facts *facts, struct outside *outside, struct failure *f)
{
	int error = caps_read(&facts->caps);

	/* A file with capabilities may give permitted ones only (setcap ...+p): make them effective. */
	if (!error && mode != JAIL_NONE && facts->caps.effective != facts->caps.permitted) {
		facts->caps.effective = facts->caps.permitted;
		error = caps_drop(facts->caps.permitted);
	}
	if (error)
		return fail_errno(f, STAGE, DOING_ANYTHING, "capabilities", error);
	facts->uid = geteuid();
	facts->gid = getegid();
	if (mode == JAIL_NONE)
		return 0;
	read_names(&facts->resolv);
	error = idmap_read("/proc/self/uid_map", &facts->uids);
	if (!error)
		error = idmap_read("/proc/self/gid_map", &facts->gids);
	if (error)
		return fail_errno(f, STAGE, DOING_ID_MAP, "/proc/self/uid_map", error);
	facts->host_network = is_host_network();
	if (look_at_network(facts, outside, f) < 0)
		return -1;
	facts->ipv6_on_new_links = facts->net.ipv6_stack && new_links_have_ipv6();
	if (namespaces_clone_is_filtered(CLONE_NEWNET))
		fail_errno(&facts->no_clone, STAGE, DOING_CLONE_USERNS, "namespaces", -EPERM);
	return look_for_tables(facts, outside, f);
}

/* The whole file, or an empty span if it is not there. 0 or -errno. */
static int map_file(const char *path, struct span *s)
{
	int fd = file_open(path, O_RDONLY);
	int error = 0;
	long length, at = 0;

	*s = span_of("");
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	length = lseek(fd, 0, SEEK_END);
	if (length > 0)
		at = syscall(SYS_mmap, NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
	if (length < 0 || at == -1)
		error = -errno;
	else if (length > 0)
		*s = (struct span){ .at = (const char *)at, .length = (size_t)length };
	close(fd);
	return error;
}

int preflight_account(struct span user, struct account *a, struct failure *f)
{
	static const char *const paths[] = { "/etc/passwd", "/etc/group" };
	struct span files[2];

	for (unsigned int i = 0; i < 2; i++) {
		int error = map_file(paths[i], &files[i]);

		if (error)
			return fail_errno(f, "user", DOING_ANYTHING, paths[i], error);
	}
	return account_find(user, files[0], files[1], a, f);
}
