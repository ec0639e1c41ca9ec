/* SPDX-License-Identifier: MIT */
/* What --check prints for what it has found; that this is what a start does, behaviour tests prove. */
#include "init/check.h"
#include "tests/unit/container.h"

#include <errno.h>
#include <sched.h>

#include "init/report.h"

static struct container box;
static struct check check;
static char buffer[1 << 16];

/* A container as advised, with IPv4 only, where every mode is possible. */
static int reset(void **state)
{
	(void)state;
	container_reset(&box);
	check = (struct check){ .facts = &box.facts, .options = &box.options };
	snprintf(check.system.release, sizeof(check.system.release), "6.1.0-13-amd64");
	snprintf(check.runtime, sizeof(check.runtime), ",docker");
	snprintf(check.label, sizeof(check.label), "docker-default (enforce)");
	snprintf(check.max_user_namespaces, sizeof(check.max_user_namespaces), "31337");
	assert_true(address_parse(span_of("127.0.0.1"), &box.facts.resolv.servers[0]));
	box.facts.resolv.server_count = 1;
	check.seccomp = 2;
	check.landlock = 2;
	check.taken = JAIL_VETH;
	return 0;
}

static const char *print(enum check_format format)
{
	struct text t = TEXT_OVER(buffer);

	check_print(&check, format, &t);
	assert_false(t.cut);
	return buffer;
}

/* These lines stand in the table, next to each other. */
static void assert_table(const char *lines)
{
	if (!strstr(print(CHECK_TABLE), lines))
		FAIL("no\n%sin\n%s", lines, buffer);
}

static void assert_json(const char *members)
{
	if (!strstr(print(CHECK_JSON), members))
		FAIL("no %s in\n%s", members, buffer);
}

#define CAPS                                                                              \
	"chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,\n" \
	"                      net_admin,net_raw,sys_chroot,mknod,audit_write,setfcap\n"

TEST(table_from_the_first_line_to_the_last)
{
	assert_string_equal(
		print(CHECK_TABLE),
		"version               " BOUNDARY_INIT_VERSION "\n"
		"kernel                6.1.0-13-amd64\n"
		"runtime               docker\n"
		"uid                   0\n"
		"gid                   0\n"
		"user_namespace        no\n"
		"effective             " CAPS "bounding              " CAPS
		"no_new_privs          no\n"
		"seccomp               filter\n"
		"security_label        docker-default (enforce)\n"
		"max_user_namespaces   31337\n"
		"landlock              2\n"
		"ipv4                  yes\n"
		"ipv6                  no\n"
		"host_network          no\n"
		"other_jails           no\n"
		"dns                   127.0.0.1\n"
		"clone                 yes\n"
		"auto                  yes\n"
		"  mode                veth\n"
		"veth                  yes\n"
		"  needs               CAP_NET_ADMIN; user and network namespaces made by clone\n"
		"veth --no-userns      yes\n"
		"  needs               CAP_NET_ADMIN and CAP_SYS_ADMIN; a network namespace made by "
		"clone\n"
		"loopback              yes\n"
		"  needs               user and network namespaces made by clone\n"
		"container             yes\n"
		"  needs               CAP_NET_ADMIN; a network namespace of its own, no other jail "
		"there\n"
		"none                  yes\n"
		"  needs               nothing; it bounds nothing\n");
}

TEST(json_from_the_first_member_to_the_last)
{
#define POSSIBLE(needs) \
	"{\"possible\":true,\"needs\":\"" needs "\",\"blocked_by\":null,\"remedy\":null}"
#define VETH POSSIBLE("CAP_NET_ADMIN; user and network namespaces made by clone")
#define NO_USERNS POSSIBLE("CAP_NET_ADMIN and CAP_SYS_ADMIN; a network namespace made by clone")
#define LOOPBACK POSSIBLE("user and network namespaces made by clone")
#define CONTAINER POSSIBLE("CAP_NET_ADMIN; a network namespace of its own, no other jail there")
#define NONE POSSIBLE("nothing; it bounds nothing")
	container_set_caps(&box, CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_KILL));
	assert_string_equal(
		print(CHECK_JSON),
		"{\"version\":\"" BOUNDARY_INIT_VERSION "\",\"kernel\":\"6.1.0-13-amd64\","
		"\"runtime\":[\"docker\"],\"uid\":0,\"gid\":0,\"user_namespace\":false,"
		"\"effective\":[\"chown\",\"kill\"],\"bounding\":[\"chown\",\"kill\"],"
		"\"no_new_privs\":false,\"seccomp\":\"filter\","
		"\"security_label\":\"docker-default (enforce)\",\"max_user_namespaces\":31337,"
		"\"landlock\":2,\"ipv4\":true,\"ipv6\":false,\"host_network\":false,"
		"\"other_jails\":false,\"dns\":[\"127.0.0.1\"],"
		"\"clone\":{\"possible\":true,\"blocked_by\":null,\"remedy\":null},"
		"\"auto\":{\"possible\":true,\"mode\":\"veth\",\"blocked_by\":null,\"remedy\":null},"
		"\"modes\":{\"veth\":" VETH ",\"veth --no-userns\":" NO_USERNS
		",\"loopback\":" LOOPBACK ",\"container\":" CONTAINER ",\"none\":" NONE "}}\n");
}

TEST(facts_of_another_container)
{
	struct resolv *r = &box.facts.resolv;

	box.facts.uid = 1000;
	box.facts.gid = 2000;
	box.facts.uids.extents[0] = (struct id_extent){ 0, 100000, 65536 };
	container_set_caps(&box, 0);
	container_add_ipv6(&box);
	assert_true(address_parse(span_of("192.0.2.53"), &r->servers[0]));
	assert_true(address_parse(span_of("2001:db8::53"), &r->servers[r->server_count++]));
	box.facts.host_network = true;
	box.facts.alone = false;
	check.no_new_privs = 1;
	check.landlock = -1;
	snprintf(check.runtime, sizeof(check.runtime), ",kubernetes,gvisor");
	assert_table("runtime               kubernetes,gvisor\n"
		     "uid                   1000\n"
		     "gid                   2000\n"
		     "user_namespace        yes\n"
		     "effective             none\n"
		     "bounding              none\n"
		     "no_new_privs          yes\n");
	assert_table("landlock              0\n"
		     "ipv4                  yes\n"
		     "ipv6                  yes\n"
		     "host_network          yes\n"
		     "other_jails           yes\n"
		     "dns                   192.0.2.53,2001:db8::53\n");
	assert_json("\"effective\":[],\"bounding\":[],");
	assert_json("\"dns\":[\"192.0.2.53\",\"2001:db8::53\"],");
}

TEST(what_cannot_be_read_is_not_known)
{
	static const char *const keys[] = {
		"kernel",  "runtime",	     "user_namespace",	    "no_new_privs",
		"seccomp", "security_label", "max_user_namespaces", "ipv4",
		"ipv6",	   "host_network",   "other_jails",	    "dns"
	};
	char line[64];

	memset(&box.facts, 0, sizeof(box.facts));
	check = (struct check){ .facts = &box.facts, .no_new_privs = -EPERM, .seccomp = -EINVAL };
	for (size_t i = 0; i < COUNT(keys); i++) {
		snprintf(line, sizeof(line), "\n%-22snot known\n", keys[i]);
		assert_table(line);
		snprintf(line, sizeof(line), "\"%s\":null,", keys[i]);
		assert_json(line);
	}
}

TEST(a_number_that_is_none_is_not_known)
{
	snprintf(check.max_user_namespaces, sizeof(check.max_user_namespaces), "many\"");
	assert_json("\"max_user_namespaces\":null,");
}

TEST(any_bytes_make_valid_json)
{
	snprintf(check.label, sizeof(check.label), "a\"b\\c\n\x01\xff");
	fail(&check.refused[CHECK_LOOPBACK], "plan", "Say \"no\"",
	     "rule 'cidr=10.0.0.1\\x09proto=udp'");
	assert_json("\"security_label\":\"a\\\"b\\\\c\\u000a\\u0001\\u00ff\"");
	assert_json("\"blocked_by\":\"rule 'cidr=10.0.0.1\\\\x09proto=udp'\","
		    "\"remedy\":\"Say \\\"no\\\"\"}");
}

/* ---- what stands in the way */

static void without_net_admin(void)
{
	container_set_caps(&box, DOCKER_CAPS);
}

static void another_user(void)
{
	box.facts.uid = box.facts.gid = 1000;
	box.facts.caps.effective = box.facts.caps.permitted = 0;
}

static void without_setfcap(void)
{
	container_set_caps(&box, CAP_BIT(CAP_NET_ADMIN));
}

static void without_userns(void)
{
	box.options.no_userns = true;
}

static void with_udp(void)
{
	container_allow(&box, "cidr=203.0.113.10 proto=udp");
}

static void beside_a_jail(void)
{
	box.facts.alone = false;
}

static void on_the_host(void)
{
	box.facts.host_network = true;
}

static void filtered(void)
{
	fail_errno(&box.facts.no_clone, "preflight", DOING_CLONE_USERNS, "namespaces", -EPERM);
}

TEST(a_mode_that_is_refused_says_what_is_in_its_way_and_what_to_add)
{
	static const struct {
		void (*make)(void);
		enum check_row row;
		const char *lines;
	} rows[] = {
		{ without_net_admin, CHECK_VETH,
		  "  blocked_by          jail veth: CAP_NET_ADMIN is missing\n"
		  "  remedy              Add --cap-add NET_ADMIN\n" },
		{ without_net_admin, CHECK_CONTAINER,
		  "  blocked_by          jail container: CAP_NET_ADMIN is missing\n"
		  "  remedy              Add --cap-add NET_ADMIN\n" },
		{ another_user, CHECK_VETH,
		  "  blocked_by          jail veth: CAP_NET_ADMIN is missing, because uid 1000 starts "
		  "without\n"
		  "                      capabilities\n"
		  "  remedy              Start the container as root and name the agent's user with "
		  "--user, or give\n"
		  "                      the file the capability: setcap cap_net_admin+p "
		  "/sbin/boundary-init\n" },
		{ without_setfcap, CHECK_LOOPBACK,
		  "  blocked_by          uid map: CAP_SETFCAP is missing, without which uid 0 cannot be "
		  "mapped into a\n"
		  "                      user namespace\n"
		  "  remedy              Add --cap-add SETFCAP, or run the agent as another user with "
		  "--user\n" },
		{ without_userns, CHECK_VETH_NO_USERNS,
		  "  blocked_by          --no-userns: CAP_SYS_ADMIN is missing\n"
		  "  remedy              Add --cap-add SYS_ADMIN, or leave --no-userns away\n" },
		{ with_udp, CHECK_LOOPBACK,
		  "  blocked_by          rule 'cidr=203.0.113.10 proto=udp': a loopback jail lets out "
		  "TCP alone\n"
		  "  remedy              It takes a jail with CAP_NET_ADMIN: add --cap-add NET_ADMIN\n" },
		{ with_udp, CHECK_NONE,
		  "  blocked_by          --jail=none: rules, --observe, --publish, --agent-caps and "
		  "--no-userns need a\n"
		  "                      jail\n"
		  "  remedy              Leave --jail=none away, or these options\n" },
		{ beside_a_jail, CHECK_CONTAINER,
		  "  blocked_by          jail container: another jail stands in this network "
		  "namespace\n" },
		{ on_the_host, CHECK_CONTAINER,
		  "  blocked_by          jail container: this network namespace is the host's own" },
		{ filtered, CHECK_LOOPBACK,
		  "  blocked_by          namespaces: blocked by the seccomp profile\n"
		  "  remedy              Start with --security-opt seccomp=FILE, a profile made by "
		  "boundary-init\n"
		  "                      --seccomp-profile\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct check_kind *kind = &check_kinds[rows[i].row];
		char lines[1024];

		reset(NULL);
		rows[i].make();
		box.options.jail = kind->mode;
		assert_int_equal(container_try(&box), -1);
		check.refused[rows[i].row] = box.failure;
		snprintf(lines, sizeof(lines), "%s%-*sno\n  needs               ",
			 jail_mode_names[kind->mode], 22 - (int)strlen(jail_mode_names[kind->mode]),
			 kind->no_userns ? " --no-userns" : "");
		assert_table(lines);
		assert_table(rows[i].lines);
	}
}

TEST(why_clone_makes_no_namespaces)
{
	static const struct {
		int error;
		const char *cause;
	} rows[] = {
		{ -EPERM, "namespaces: blocked by the seccomp profile\n" },
		{ -ENOSPC, "namespaces: no user or network namespace is left\n" },
		{ -EACCES,
		  "namespaces: a security module (AppArmor, SELinux) forbids user namespaces\n" },
		{ -EINVAL, "namespaces: this kernel has no user namespaces\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char lines[256];

		fail_errno(&check.clone, "jail", DOING_CLONE_USERNS, "namespaces", rows[i].error);
		snprintf(lines, sizeof(lines), "clone                 no\n  blocked_by          %s",
			 rows[i].cause);
		assert_table(lines);
		assert_json("\"clone\":{\"possible\":false,\"blocked_by\":\"namespaces: ");
	}
}

TEST(auto_takes_a_mode_or_says_why_none)
{
	check.taken = JAIL_CONTAINER;
	assert_table("auto                  yes\n  mode                container\nveth ");
	fail(&check.refused[CHECK_AUTO], "jail", "Add --cap-add NET_ADMIN",
	     "no mode is possible here");
	assert_table("auto                  no\n"
		     "  blocked_by          no mode is possible here\n"
		     "  remedy              Add --cap-add NET_ADMIN\n"
		     "veth ");
	assert_json(
		"\"auto\":{\"possible\":false,\"mode\":null,\"blocked_by\":\"no mode is possible "
		"here\",\"remedy\":\"Add --cap-add NET_ADMIN\"}");
}

TEST(a_failure_without_a_remedy)
{
	fail(&check.refused[CHECK_VETH], "jail", NULL, "agent's process: Killed");
	assert_table("  blocked_by          agent's process: Killed\nveth --no-userns      yes\n");
	assert_json("\"blocked_by\":\"agent's process: Killed\",\"remedy\":null}");
}

TEST(a_word_without_blanks_is_not_broken)
{
	char word[121];

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	fail(&check.refused[CHECK_VETH], "jail", NULL, "%s is long", word);
	assert_table("x\n                      is long\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(table_from_the_first_line_to_the_last, reset),
		cmocka_unit_test_setup(json_from_the_first_member_to_the_last, reset),
		cmocka_unit_test_setup(facts_of_another_container, reset),
		cmocka_unit_test_setup(what_cannot_be_read_is_not_known, reset),
		cmocka_unit_test_setup(a_number_that_is_none_is_not_known, reset),
		cmocka_unit_test_setup(any_bytes_make_valid_json, reset),
		cmocka_unit_test_setup(
			a_mode_that_is_refused_says_what_is_in_its_way_and_what_to_add, reset),
		cmocka_unit_test_setup(why_clone_makes_no_namespaces, reset),
		cmocka_unit_test_setup(auto_takes_a_mode_or_says_why_none, reset),
		cmocka_unit_test_setup(a_failure_without_a_remedy, reset),
		cmocka_unit_test_setup(a_word_without_blanks_is_not_broken, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
