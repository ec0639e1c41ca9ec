/* SPDX-License-Identifier: MIT */
#include "init/report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sys/errors.h"
#include "sys/text.h"

void report(const struct failure *f)
{
	char line[1152];
	struct text t = TEXT_OVER(line);

	text_printf(&t, "boundary-init: %s: %s", f->stage, f->what);
	if (f->remedy)
		text_printf(&t, ". %s", f->remedy);
	text_char(&t, '\n');
	/* There is nobody left to tell if this fails. */
	if (write(2, t.at, t.length) < 0)
		return;
}

/*
 * Errors of what we were doing: cause and remedy. An empty cause is the text of the error; the other error
 * is 0 where one alone means this. What was being done may be ANYTHING.
 */
#define EXPLANATIONS(E)                                                                            \
	E(NAMESPACES, EPERM, 0, "blocked by the seccomp profile",                                  \
	  "Start with --security-opt seccomp=FILE, a profile made by boundary-init "               \
	  "--seccomp-profile")                                                                     \
	E(CLONE_USERNS, ENOSPC, 0, "no user or network namespace is left",                         \
	  "Raise user.max_user_namespaces and user.max_net_namespaces on the host, or start with " \
	  "--jail=container and --cap-add NET_ADMIN")                                              \
	E(CLONE_USERNS, EACCES, 0,                                                                 \
	  "a security module (AppArmor, SELinux) forbids user namespaces",                         \
	  "Allow userns in its profile (--security-opt apparmor=PROFILE), or set "                 \
	  "kernel.apparmor_restrict_unprivileged_userns=0 on the host")                            \
	E(CLONE_USERNS, EINVAL, 0, "this kernel has no user namespaces",                           \
	  "Start with --jail=container and --cap-add NET_ADMIN")                                   \
	E(CLONE_NETNS, ENOSPC, 0, "no network namespace is left",                                  \
	  "Raise user.max_net_namespaces on the host")                                             \
	E(ID_MAP, EPERM, 0, "",                                                                    \
	  "Start the container with --cap-add SETUID --cap-add SETGID --cap-add SETFCAP, and a "   \
	  "/proc of its own pid namespace")                                                        \
	E(ID_MAP, EROFS, 0, "/proc is read-only here", "Mount /proc writable")                     \
	E(ID_MAP, ENOENT, 0, "/proc is not mounted, or not for this pid namespace",                \
	  "Mount /proc in the container")                                                          \
	E(NETLINK, EPROTONOSUPPORT, 0, "this kernel has no nf_tables",                             \
	  "Load the module nf_tables on the host; gVisor has none")                                \
	E(NETLINK, EAFNOSUPPORT, EPERM, "the seccomp profile blocks netlink sockets",              \
	  "Allow socket for AF_NETLINK in the profile")                                            \
	E(NETLINK, EACCES, 0, "",                                                                  \
	  "Allow netlink sockets in the profile of AppArmor or SELinux (--security-opt)")          \
	E(NETWORK, EPERM, 0, "CAP_NET_ADMIN does not work here",                                   \
	  "Give the container a network of its own (no --network host), and allow net_admin in "   \
	  "its AppArmor profile")                                                                  \
	E(LINK, EOPNOTSUPP, 0, "this kernel has no veth", "Load the module veth on the host")      \
	E(LINK, EACCES, 0, "IPv6 is switched off for new links",                                   \
	  "Start with --sysctl net.ipv6.conf.default.disable_ipv6=0")                              \
	E(RULES, EOPNOTSUPP, ENOENT, "this kernel lacks a part of nf_tables",                      \
	  "Load the modules nf_tables, nft_chain_nat, nft_ct, nft_fib_inet, nft_log, nft_masq, "   \
	  "nft_nat and nft_reject_inet on the host")                                               \
	E(FORWARDING, EROFS, 0, "IPv6 forwarding is off and /proc/sys is read-only",               \
	  "Start with --sysctl net.ipv6.conf.all.forwarding=1")                                    \
	E(CONFINE, ENOSYS, EINVAL, "this kernel has no seccomp filters",                           \
	  "Use a kernel with CONFIG_SECCOMP_FILTER")                                               \
	E(CONFINE, EPERM, 0, "", "Allow capset, prctl and seccomp in the seccomp profile")         \
	E(NAMESPACES, EAGAIN, 0, "", "Raise --pids-limit or --ulimit nproc")                       \
	E(ANYTHING, EMFILE, 0, "", "Raise --ulimit nofile")                                        \
	E(ANYTHING, ENOMEM, 0, "", "Raise --memory or --ulimit as")

#define KIND(doing, error, other, cause, remedy) { DOING_##doing, error, other },
#define TEXTS(doing, error, other, cause, remedy) cause "\0" remedy "\0"

/* Without pointers, which are larger than the rest. */
static const struct kind {
	unsigned char doings, error, other;
} kinds[] = { EXPLANATIONS(KIND) };

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const char texts[] = EXPLANATIONS(TEXTS);

int fail_kernel(struct failure *f, const char *stage, enum doing doing, const char *object,
		int error, const char *words)
{
	const char *cause = texts, *remedy = NULL;

	for (const struct kind *k = kinds; k < kinds + KINDS && !remedy; k++) {
		const char *next = cause + strlen(cause) + 1;

		if ((k->doings & (unsigned int)doing || !k->doings) &&
		    (k->error == -error || k->other == -error))
			remedy = next;
		else
			cause = next + strlen(next) + 1;
	}
	if (!*cause) /* of this kind, or behind the last one */
		cause = error_text(-error);
	return fail(f, stage, remedy, words[0] ? "%s: %s (%s)" : "%s: %s", object, cause, words);
}

int fail_errno(struct failure *f, const char *stage, enum doing doing, const char *object,
	       int error)
{
	return fail_kernel(f, stage, doing, object, error, "");
}
