/* SPDX-License-Identifier: MIT */
#include "init/report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sys/text.h"

void report(const struct failure *f)
{
	char line[768];
	struct text t = TEXT_OVER(line);

	text_printf(&t, "boundary-init: %s: %s", f->stage, f->what);
	if (f->remedy)
		text_printf(&t, ". %s", f->remedy);
	text_char(&t, '\n');
	/* There is nobody left to tell if this fails. */
	if (write(2, t.at, t.length) < 0)
		return;
}

#define SECCOMP_REMEDY                                                                        \
	"Add the clone rule for user and network namespaces to the profile (README, Docker) " \
	"and start with --security-opt seccomp=FILE"

/* An errno of 0 ends the search for its kind: it fits any. */
static const struct explanation {
	enum doing doing;
	int error;
	const char *cause; /* NULL: the text of the errno */
	const char *remedy;
} explanations[] = {
	{ DOING_CLONE_USERNS, EPERM,
	  "user and network namespaces are blocked by the seccomp profile", SECCOMP_REMEDY },
	{ DOING_CLONE_USERNS, ENOSPC, "no user or network namespace is left",
	  "Raise user.max_user_namespaces and user.max_net_namespaces on the host, or start with "
	  "--no-userns and --cap-add SYS_ADMIN" },
	{ DOING_CLONE_USERNS, EACCES,
	  "a security module (AppArmor, SELinux) forbids user namespaces",
	  "Allow userns in the container's profile" },
	{ DOING_CLONE_USERNS, EINVAL, "this kernel has no user namespaces",
	  "Start with --no-userns and --cap-add SYS_ADMIN" },
	{ DOING_CLONE_NETNS, EPERM, "network namespaces are blocked by the seccomp profile",
	  "Start with --security-opt seccomp=unconfined or a profile that allows clone" },
	{ DOING_CLONE_NETNS, ENOSPC, "no network namespace is left",
	  "Raise user.max_net_namespaces on the host" },
	{ DOING_ID_MAP, EPERM, NULL,
	  "Start the container with --cap-add SETUID --cap-add SETGID --cap-add SETFCAP" },
	{ DOING_ID_MAP, EROFS, "/proc is read-only here", "Mount /proc writable" },
	{ DOING_ID_MAP, ENOENT, "/proc is not mounted, or not for this pid namespace",
	  "Mount /proc in the container" },
	{ DOING_PROC, ENOENT, "/proc is not mounted", "Mount /proc in the container" },
	{ DOING_NETLINK, EPROTONOSUPPORT, "this kernel has no nf_tables",
	  "Load the module nf_tables on the host; gVisor has none" },
	{ DOING_NETLINK, EAFNOSUPPORT, "the seccomp profile blocks netlink sockets",
	  "Allow socket for AF_NETLINK in the profile" },
	{ DOING_LINK, EPERM, NULL,
	  "CAP_NET_ADMIN does not work here; a security module may strip it" },
	{ DOING_LINK, EOPNOTSUPP, "this kernel has no veth", "Load the module veth on the host" },
	{ DOING_LINK, EACCES, "IPv6 is switched off for new links",
	  "Start with --sysctl net.ipv6.conf.default.disable_ipv6=0" },
	{ DOING_RULES, EPERM, NULL,
	  "CAP_NET_ADMIN does not work here; a security module may strip it" },
	{ DOING_RULES, EOPNOTSUPP, "this kernel lacks a part of nf_tables",
	  "Load the modules nf_tables, nft_ct, nft_reject_inet, nft_masq and nft_fib_inet on the host" },
	{ DOING_RULES, ENOENT, "this kernel lacks a part of nf_tables",
	  "Load the modules nf_tables, nft_ct, nft_reject_inet, nft_masq and nft_fib_inet on the host" },
	{ DOING_FORWARDING, EROFS, "IPv6 forwarding is off and /proc/sys is read-only",
	  "Start with --sysctl net.ipv6.conf.all.forwarding=1" },
	{ DOING_CONFINE, ENOSYS, "this kernel has no seccomp filters",
	  "Use a kernel with CONFIG_SECCOMP_FILTER" },
	{ DOING_CONFINE, EINVAL, "this kernel has no seccomp filters",
	  "Use a kernel with CONFIG_SECCOMP_FILTER" },
};

int fail_kernel(struct failure *f, const char *stage, enum doing doing, const char *object,
		int error, const char *words)
{
	const char *cause = strerror(-error), *remedy = NULL;

	for (unsigned int i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++) {
		const struct explanation *e = &explanations[i];

		if (e->doing == doing && e->error == -error) {
			cause = e->cause ? e->cause : cause;
			remedy = e->remedy;
			break;
		}
	}
	if (words[0])
		return fail(f, stage, remedy, "%s: %s (%s)", object, cause, words);
	return fail(f, stage, remedy, "%s: %s", object, cause);
}

int fail_errno(struct failure *f, const char *stage, enum doing doing, const char *object,
	       int error)
{
	return fail_kernel(f, stage, doing, object, error, "");
}
