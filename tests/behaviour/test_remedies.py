# SPDX-License-Identifier: MIT
"""Each step of the start is made to fail, by the kernel where it can be made to and else by a filter: the line names
the cause and what to change, the exit code is 125, no agent runs, and nothing is left behind.

In the order of the steps. Bad options are in test_bad_options.py, late failures over forwarding in test_leftovers.py.
"""

import contextlib
import ctypes
import errno
import os
import pathlib
import resource
import signal
import subprocess
import tempfile

import pytest

import namespaces as ns
import sandbox
import ways
from agent import Agent, allow
from filters import CALLS, Referee, Refusal, in_jail, nth, refusing
from sandbox import DOCKER_CAPS, NET_ADMIN

HELLO = ("--", "/probe", "say", "hello")
NAMESPACED, MODES = ("veth", "loopback"), ("veth", "loopback", "container")
NAMESPACE_FLAGS = 0x7E020000  # all that clone(2) takes: what Docker's profile looks at
USER = 1000

RAISE_LIMITS = ("Raise user.max_user_namespaces and user.max_net_namespaces on the host, or start with "
                "--jail=container and --cap-add NET_ADMIN")
USE_PROFILE = "Start with --security-opt seccomp=FILE, a profile made by boundary-init --seccomp-profile"
USE_CONTAINER = "Start with --jail=container and --cap-add NET_ADMIN"
ALLOW_USERNS = ("Allow userns in its profile (--security-opt apparmor=PROFILE), or set "
                "kernel.apparmor_restrict_unprivileged_userns=0 on the host")
ALLOW_CALLS = "Allow capset, prctl and seccomp in the seccomp profile"
OWN_NETWORK = ("Give the container a network of its own (no --network host), and allow net_admin in its AppArmor "
               "profile")
LOAD_NFT = ("Load the modules nf_tables, nft_chain_nat, nft_ct, nft_fib_inet, nft_log, nft_masq, nft_nat and "
            "nft_reject_inet on the host")
ADD_NET_ADMIN = "Add --cap-add NET_ADMIN"
LOST_NET_ADMIN = "CAP_NET_ADMIN does not work here"
NO_NET_ADMIN = "CAP_NET_ADMIN is missing"
NO_USERNS = "a security module (AppArmor, SELinux) forbids user namespaces"
NONE_LEFT = "namespaces: no user or network namespace is left"
NOT_PERMITTED = "namespaces: the kernel does not permit user namespaces here"
BY_PROFILE = "namespaces: blocked by the seccomp profile"


def network(box):
    """What a start could leave in the container's network namespace, as text."""
    looks = (("nft", "list", "ruleset"), ("ip", "-details", "link"), ("ip", "route", "show", "table", "all"),
             ("ip", "-6", "route", "show", "table", "all"), ("grep", "-rs", ".", "/proc/sys/net/ipv4/conf"))
    ways.until(lambda: "tentative" not in box.tool("ip", "addr"), "all addresses are usable")
    return {look: sorted(box.tool(*look, check=False).splitlines()) for look in looks}


def failure(box, *options, **start):
    """The line of a start that fails and leaves nothing behind, without 'boundary-init: '."""
    before = network(box)
    line = ways.the_line(box.run([*options, *HELLO], **start))
    assert network(box) == before
    return line


def account(box, *options, **start):
    """What is said on standard error by a start that succeeds, without 'boundary-init: '; '' if nothing is."""
    before = network(box)
    result = box.run([*options, *HELLO], **start)
    assert (result.code, result.out) == (0, "hello\n"), result
    assert network(box) == before
    assert result.err.count("\n") <= 1
    return result.err.removeprefix("boundary-init: ").rstrip("\n")


def without_clone(error, **more):
    return refusing(Refusal("clone", error, **{"flags": {0: NAMESPACE_FLAGS}, **more}))


def unshare_user():
    """A user namespace in which uid 0 has every capability, but not over the network, which another one owns."""
    ns.unshare(ns.CLONE_NEWUSER)
    for name, text in (("uid_map", "0 0 1"), ("setgroups", "deny"), ("gid_map", "0 0 1")):
        pathlib.Path("/proc/self", name).write_text(text)


@pytest.fixture(scope="module")
def box(net):
    """One for all: what fails leaves nothing behind."""
    with net.container() as container:
        yield container


@pytest.fixture(scope="module")
def powerless(net):
    """Docker's defaults: no NET_ADMIN."""
    with net.container(caps=DOCKER_CAPS) as container:
        yield container


# ---- namespaces: what clone says

CLONE = {  # error: stage and cause, remedy
    errno.EPERM: (f"preflight: {BY_PROFILE}", USE_PROFILE),
    errno.ENOSYS: (f"preflight: {BY_PROFILE}", USE_PROFILE),
    errno.EACCES: (f"jail: namespaces: {NO_USERNS}", ALLOW_USERNS),
    errno.EINVAL: ("jail: namespaces: this kernel has no user namespaces", USE_CONTAINER),
    errno.ENOSPC: (f"jail: {NONE_LEFT}", RAISE_LIMITS),
    errno.EAGAIN: ("jail: namespaces: Resource temporarily unavailable", "Raise --pids-limit or --ulimit nproc"),
    errno.ENOMEM: ("jail: namespaces: Out of memory", "Raise --memory or --ulimit as"),
}
EACH_ERROR = pytest.mark.parametrize("error", CLONE, ids=errno.errorcode.get)


@pytest.mark.parametrize("mode", NAMESPACED)
@EACH_ERROR
def test_clone_is_refused(box, mode, error):
    """EPERM: Docker's profile. EACCES: a security module. ENOSPC: a limit. EINVAL: a kernel without."""
    assert failure(box, f"--jail={mode}", prepare=without_clone(error)) == ". ".join(CLONE[error])


@EACH_ERROR
def test_where_clone_is_refused_auto_takes_the_container(box, error):
    cause = CLONE[error][0].split(": ", 1)[1]
    assert account(box, prepare=without_clone(error)) == f"jail: container; not veth, loopback: {cause}"
    assert account(box, "--jail=container", prepare=without_clone(error)) == ""


@EACH_ERROR
def test_where_clone_is_refused_and_net_admin_is_missing(powerless, error):
    cause = CLONE[error][0].split(": ", 1)[1]
    assert failure(powerless, prepare=without_clone(error)) == (
        f"jail: no mode is possible here: veth, container: {NO_NET_ADMIN}; loopback: {cause}. {ADD_NET_ADMIN}")


def test_who_is_not_root_is_told_of_the_profile(net):
    """A capability would not help: without root it cannot be had."""
    with net.container(caps=frozenset()) as nobodys:
        assert failure(nobodys, user=USER, prepare=without_clone(errno.EPERM)) == (
            f"jail: no mode is possible here: veth, container: {NO_NET_ADMIN}; loopback: {BY_PROFILE}. {USE_PROFILE}")


def chroot():
    """In the child: the kernel makes no user namespace for who is in a chroot."""
    os.mkdir("/tmp/root")
    ns.mount("/", "/tmp/root", None, ns.MS_BIND | ns.MS_REC)
    os.chroot("/tmp/root")


LEAVE_CHROOT = ("Leave the chroot, set kernel.unprivileged_userns_clone=1 on the host, or start with --jail=container "
                "and --cap-add NET_ADMIN")


@pytest.mark.parametrize("mode", NAMESPACED)
def test_in_a_chroot(net, mode):
    with net.container() as own:
        assert failure(own, f"--jail={mode}", prepare=chroot) == f"jail: {NOT_PERMITTED}. {LEAVE_CHROOT}"


def test_in_a_chroot_auto_takes_the_container(net):
    with net.container() as own:
        assert account(own, prepare=chroot) == f"jail: container; not veth, loopback: {NOT_PERMITTED}"


@pytest.mark.parametrize("mode", NAMESPACED)
def test_a_kernel_that_permits_no_user_namespaces(box, mode):
    """Debian's kernel.unprivileged_userns_clone=0: clone is refused after its flags have been looked at, unlike by a
    profile. By a filter, for the setting is the whole machine's."""
    flags = ns.CLONE_NEWUSER | ns.CLONE_NEWNET | 17  # SIGCHLD
    prepare = refusing(Refusal("clone", errno.EPERM, equal={0: flags}))
    assert failure(box, f"--jail={mode}", prepare=prepare) == f"jail: {NOT_PERMITTED}. {LEAVE_CHROOT}"


@pytest.fixture(params=["user", "net"])
def limited(net, request):
    """A container and what it is to be started with: user.max_user_namespaces or user.max_net_namespaces is 0."""
    machines_own = os.readlink("/proc/self/ns/user")

    def allow_no_network():
        assert os.readlink("/proc/self/ns/user") != machines_own
        pathlib.Path("/proc/sys/user/max_user_namespaces").write_text("10")
        pathlib.Path("/proc/sys/user/max_net_namespaces").write_text("0")

    with net.container(user_namespaces=False, writable_proc_sys=True) as own:
        yield own, (allow_no_network if request.param == "net" else None)


@pytest.mark.parametrize("mode", NAMESPACED)
def test_no_namespace_is_left(limited, mode):
    own, prepare = limited
    assert failure(own, f"--jail={mode}", prepare=prepare) == f"jail: {NONE_LEFT}. {RAISE_LIMITS}"


def test_no_namespace_is_left_and_auto_takes_the_container(limited):
    own, prepare = limited
    assert account(own, prepare=prepare) == f"jail: container; not veth, loopback: {NONE_LEFT}"


def test_no_network_namespace_is_left_without_a_user_namespace(net):
    machines_own = os.readlink("/proc/self/ns/user")

    def prepare():
        assert os.readlink("/proc/self/ns/user") != machines_own
        pathlib.Path("/proc/sys/user/max_net_namespaces").write_text("0")

    caps = DOCKER_CAPS | NET_ADMIN | {"sys_admin"}
    with net.container(caps=caps, user_namespaces=False, writable_proc_sys=True) as own:
        assert failure(own, "--jail=veth", "--no-userns", prepare=prepare) == (
            "jail: namespaces: no network namespace is left. Raise user.max_net_namespaces on the host")


# ---- id maps


def remount_proc(flags):
    ns.mount(None, "/proc", None, ns.MS_BIND | ns.MS_REMOUNT | ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC | flags)


def cover_proc():
    ns.mount("tmpfs", "/proc", "tmpfs")


def in_a_pid_namespace_below():
    """In the child: what follows happens in a new pid namespace, with the /proc of the one above."""
    ns.unshare(ns.CLONE_NEWPID)
    pid = os.fork()
    if pid:
        os.closerange(0, 3)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


BAD_PROC = {  # what is done to /proc: cause and remedy
    "read-only": (lambda: remount_proc(ns.MS_RDONLY), "uid_map: /proc is read-only here", "Mount /proc writable"),
    "another's": (in_a_pid_namespace_below, "uid_map: Operation not permitted",
                  "Start the container with --cap-add SETUID --cap-add SETGID --cap-add SETFCAP, and a /proc of its "
                  "own pid namespace"),
}


@pytest.mark.parametrize("how", BAD_PROC)
@pytest.mark.parametrize("mode", NAMESPACED)
def test_bad_proc(box, mode, how):
    prepare, cause, remedy = BAD_PROC[how]
    assert failure(box, f"--jail={mode}", prepare=prepare) == f"jail: {cause}. {remedy}"


@pytest.mark.parametrize("how", BAD_PROC)
def test_bad_proc_and_auto_takes_the_container(box, how):
    prepare, cause, _ = BAD_PROC[how]
    assert account(box, prepare=prepare) == f"jail: container; not veth, loopback: {cause}"


@pytest.mark.parametrize("mode", ["auto", *MODES])
def test_without_proc(box, mode):
    """In every mode: by /proc/sys it is seen whose network this is."""
    assert failure(box, f"--jail={mode}", prepare=cover_proc) == (
        "preflight: /proc/self/uid_map: /proc is not mounted, or not for this pid namespace. "
        "Mount /proc in the container")
    assert account(box, "--jail=none", prepare=cover_proc) == ""


@pytest.mark.parametrize("missing", ["setuid", "setgid", "setfcap"])
def test_missing_capabilities_for_ids(net, missing):
    """Without a user to change to two of them are not needed."""
    with net.container(caps=(DOCKER_CAPS | NET_ADMIN) - {missing}) as own:
        if missing == "setfcap":
            cause = "uid map: CAP_SETFCAP is missing, without which uid 0 cannot be mapped into a user namespace"
            assert failure(own, "--jail=veth") == (
                f"plan: {cause}. Add --cap-add SETFCAP, or run the agent as another user with --user")
            assert account(own) == f"jail: container; not veth, loopback: {cause}"
            assert account(own, "--user=agent") == ""
            return
        cause = "--user: CAP_SETUID or CAP_SETGID is missing"
        remedy = "Start the container as root with --cap-add SETUID --cap-add SETGID"
        for mode in MODES:
            assert account(own, f"--jail={mode}") == ""
            assert failure(own, f"--jail={mode}", "--user=agent") == f"plan: {cause}. {remedy}"
        assert failure(own, "--user=agent") == (
            f"jail: no mode is possible here: veth, loopback, container: {cause}. {remedy}")


# ---- netlink

NETLINK, ROUTE, NETFILTER = 16, 0, 12
BLOCKED = ("socket: the seccomp profile blocks netlink sockets", "Allow socket for AF_NETLINK in the profile")
DENIED = ("socket: Permission denied", "Allow netlink sockets in the profile of AppArmor or SELinux (--security-opt)")
NO_NFT = ("socket: this kernel has no nf_tables", "Load the module nf_tables on the host; gVisor has none")
SOCKETS = [  # protocol, its name, error, cause and remedy
    (ROUTE, "rtnetlink", "EAFNOSUPPORT", BLOCKED), (ROUTE, "rtnetlink", "EPERM", BLOCKED),
    (ROUTE, "rtnetlink", "EACCES", DENIED),
    (NETFILTER, "nf_tables", "EAFNOSUPPORT", BLOCKED), (NETFILTER, "nf_tables", "EPERM", BLOCKED),
    (NETFILTER, "nf_tables", "EACCES", DENIED), (NETFILTER, "nf_tables", "EPROTONOSUPPORT", NO_NFT),
]


@pytest.mark.parametrize("mode", ["auto", *MODES])
@pytest.mark.parametrize("protocol,name,error,line", SOCKETS, ids=lambda value: value if isinstance(value, str) else "")
def test_netlink_sockets(box, mode, protocol, name, error, line):
    """No mode does without them."""
    refusal = Refusal("socket", getattr(errno, error), equal={0: NETLINK, 2: protocol})
    assert failure(box, f"--jail={mode}", prepare=refusing(refusal)) == f"preflight: {name} " + ". ".join(line)


def test_a_jail_without_nf_tables(box):
    refusal = Refusal("socket", errno.EPROTONOSUPPORT, equal={0: NETLINK, 2: NETFILTER})
    with Referee(refusal, in_jail(box)) as referee:
        line = failure(box, "--jail=veth", prepare=referee.prepare)
    assert line == "jail: nf_tables " + ". ".join(NO_NFT)
    assert referee.refused == 2  # the other one would have logged packets


@pytest.mark.parametrize("mode,line", {
    "veth": f"jail: transaction: {LOST_NET_ADMIN}. {OWN_NETWORK}",
    "container": f"jail: loopback in the jail: {LOST_NET_ADMIN}. {OWN_NETWORK}",
}.items())
def test_a_network_of_another_user_namespace(box, mode, line):
    """The capability is effective, and void: as by --network host in a rootless container, or by a security module."""
    assert failure(box, f"--jail={mode}", prepare=unshare_user) == line


def test_in_a_network_of_another_user_namespace_auto_takes_the_loopback(box):
    assert account(box, "--jail=loopback", prepare=unshare_user) == ""
    assert account(box, prepare=unshare_user) == f"jail: loopback; not veth: transaction: {LOST_NET_ADMIN}"


def test_a_network_of_another_user_namespace_and_no_other(box):
    def prepare():
        unshare_user()
        without_clone(errno.EPERM)()

    assert failure(box, prepare=prepare) == (
        f"jail: no mode is possible here: veth, loopback: {BY_PROFILE}; container: loopback in the jail: "
        f"{LOST_NET_ADMIN}. {OWN_NETWORK}")


@pytest.mark.parametrize("mode", NAMESPACED)
def test_a_user_namespace_without_capabilities(box, mode):
    """Ubuntu's kernel.apparmor_restrict_unprivileged_userns: it is made, and nothing may be done in it."""
    with Referee(Refusal("sendto", errno.EPERM), in_jail(box)) as referee:
        assert failure(box, f"--jail={mode}", prepare=referee.prepare) == (
            f"jail: loopback in the jail: {NO_USERNS}. {ALLOW_USERNS}")


# The length of an address of netlink, which is that of no other family.
TO_NETLINK = {5: 12}


def messages_until_agent_runs(box, mode):
    counter = nth(0)
    with Referee(Refusal("sendto", errno.EPERM, equal=TO_NETLINK), counter) as referee:
        with Agent(box, f"--jail={mode}", prepare=referee.prepare) as agent:
            count = counter.calls
            agent.end()
    return count


@pytest.mark.parametrize("mode", MODES)
def test_every_netlink_message_is_needed(box, mode):
    """Whichever of them is refused, nothing starts and nothing stays. But for two: the one that looks for leftovers,
    for where it is refused all others are, and the one that asks for a log of packets."""
    count, harmless, lines = messages_until_agent_runs(box, mode), 0, set()
    assert count > 5
    for number in range(1, count + 1):
        before = network(box)
        with Referee(Refusal("sendto", errno.EPERM, equal=TO_NETLINK), nth(number)) as referee:
            result = box.run([f"--jail={mode}", *HELLO], prepare=referee.prepare)
        assert referee.refused == 1 and network(box) == before
        if result.code == 0:
            harmless += 1
        else:
            lines.add(ways.the_line(result))
    assert harmless == 2
    assert f"{LOST_NET_ADMIN}. {OWN_NETWORK}" in "\n".join(lines)


def refuse_message(number, error):
    """By a filter, for no module can be taken from a running kernel: init's message of that number is refused so."""
    return Referee(Refusal("sendto", error, equal=TO_NETLINK), nth(number))


# ---- kernels that lack a part

PARTS = {  # number of the message in mode veth, error: line
    (5, errno.EOPNOTSUPP): f"preflight: nf_tables: this kernel lacks a part of nf_tables. {LOAD_NFT}",
    (8, errno.ENOENT): f"jail: transaction: this kernel lacks a part of nf_tables. {LOAD_NFT}",
    (9, errno.EOPNOTSUPP): f"jail: transaction: this kernel lacks a part of nf_tables. {LOAD_NFT}",
    (10, errno.EOPNOTSUPP): "jail: veth: this kernel has no veth. Load the module veth on the host",
}


@pytest.mark.parametrize("number,error", PARTS)
def test_a_kernel_without_a_part(box, number, error):
    with refuse_message(number, error) as referee:
        assert failure(box, "--jail=veth", prepare=referee.prepare) == PARTS[number, error]


def test_a_kernel_without_veth_and_auto_takes_the_loopback(box):
    with refuse_message(10, errno.EOPNOTSUPP) as referee:
        assert account(box, prepare=referee.prepare) == "jail: loopback; not veth: veth: this kernel has no veth"


@pytest.mark.parametrize("mode", MODES)
def test_without_ipv6(net, mode):
    """Switched off for all links, as by the kernel's ipv6.disable=1 but for the sockets; and without the sockets."""
    with net.container(ipv6=False) as own:
        own.sysctl({"ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1})
        assert account(own, f"--jail={mode}") == ""
        assert account(own, f"--jail={mode}", *allow(net.allowed.v6)) == (
            f"warning: rule 'cidr={net.allowed.v6}'. It matches nothing here: this container has no IPv6 address")
        # The kernel behind the filter still has IPv6, and may begin to speak it in the jail, which is logged.
        no_family = refusing(Refusal("socket", errno.EAFNOSUPPORT, equal={0: 10}))
        assert account(own, f"--jail={mode}", "--log-level=error", prepare=no_family) == ""


def test_ipv6_rules_where_new_links_have_no_ipv6(net):
    cause = "address: IPv6 is switched off for new links, so no IPv6 rule can be upheld"
    rules = allow(net.allowed.v6)
    with net.container(ipv6_on_new_links=False) as own:
        assert failure(own, "--jail=veth", *rules) == (
            f"plan: {cause}. Start with --sysctl net.ipv6.conf.default.disable_ipv6=0")
        assert account(own, *rules) == f"jail: loopback; not veth: {cause}"


# ---- descriptors, processes, memory


def limit(what, number):
    return lambda: resource.setrlimit(what, (number, number))


@pytest.mark.parametrize("mode", ["auto", *MODES])
def test_too_few_descriptors(box, mode):
    """With one more each time it comes a step further, until it starts; at each it says that it is the limit."""
    before, lines = network(box), set()
    for number in range(2, 40):
        result = box.run([f"--jail={mode}", *HELLO], prepare=limit(resource.RLIMIT_NOFILE, number))
        if result.code == 0:
            break
        line = ways.the_line(result)
        stage = line.split(": ")[0]
        assert ": No file descriptors available" in line
        assert stage == "audit" or line.endswith(". Raise --ulimit nofile")
        lines.add(stage)
        assert network(box) == before
    assert (result.code, result.out, result.err) == (0, "hello\n", "")
    assert {"preflight", "start", "jail"} <= lines


def test_too_few_processes_for_a_user(net):
    with net.container(caps=frozenset()) as own:
        assert failure(own, user=USER, prepare=limit(resource.RLIMIT_NPROC, 0)) == (
            "gate: process: Resource temporarily unavailable. Raise --pids-limit or --ulimit nproc")


@contextlib.contextmanager
def pids_cgroup(maximum):
    """A cgroup of the test's own with a limit of processes, as what joins it before its exec."""
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    parent = next((place for _, place, kind, options, *_ in mounts
                   if kind == "cgroup" and "pids" in options.split(",") or kind == "cgroup2" and
                   "pids" in pathlib.Path(place, "cgroup.subtree_control").read_text().split()), None)
    if not parent:
        pytest.skip("no cgroup that limits processes")
    directory = tempfile.mkdtemp(prefix="box-", dir=parent)
    try:
        pathlib.Path(directory, "pids.max").write_text(str(maximum))
        with open(f"{directory}/cgroup.procs", "wb", buffering=0) as members:
            yield lambda: members.write(b"0")
    finally:
        os.rmdir(directory)


@pytest.mark.parametrize("mode,maximum,step", [
    ("auto", 1, "gate: process"), ("auto", 2, "gate: process"), ("veth", 2, "jail: namespaces"),
    ("loopback", 2, "jail: namespaces"), ("container", 1, "jail: agent's process"), ("container", 2, "gate: process"),
    ("none", 1, "jail: agent's process")])
def test_too_few_processes_for_a_container(box, mode, maximum, step):
    with pids_cgroup(maximum) as join:
        assert failure(box, f"--jail={mode}", prepare=join) == (
            f"{step}: Resource temporarily unavailable. Raise --pids-limit or --ulimit nproc")


def test_too_little_memory(box):
    """With a little more each time: first the kernel kills it before its first instruction, then it says what it is."""
    before, lines = network(box), set()
    for megabytes in range(2, 64):
        result = box.run(HELLO, prepare=limit(resource.RLIMIT_AS, megabytes << 20))
        if result.code == 0:
            break
        if result.code != -signal.SIGSEGV:
            lines.add(ways.the_line(result))
    assert (result.code, result.err) == (0, "")
    assert lines and all(line.endswith(": Out of memory. Raise --memory or --ulimit as") for line in lines)
    assert network(box) == before


# ---- giving up privileges, in the gate, in init, in the agent

def scopes():
    """Whether this kernel's Landlock bounds signals."""
    return ctypes.CDLL(None).syscall(CALLS["landlock_create_ruleset"], None, ctypes.c_size_t(0), 1) >= 6


PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS = 28, 38
GATE = "privileges: dropping those of the gate: Operation not permitted"
GIVEN_UP = {  # what is refused: cause and remedy
    "no_new_privs": (Refusal("prctl", errno.EPERM, equal={0: PR_SET_NO_NEW_PRIVS}), GATE, ALLOW_CALLS),
    "secure bits": (Refusal("prctl", errno.EPERM, equal={0: PR_SET_SECUREBITS}), GATE, ALLOW_CALLS),
    "capset": (Refusal("capset", errno.EPERM), GATE, ALLOW_CALLS),
    "seccomp": (Refusal("seccomp", errno.EPERM), "gate: system call filter: Operation not permitted", ALLOW_CALLS),
    "no seccomp": (Refusal("seccomp", errno.ENOSYS), "gate: system call filter: this kernel has no seccomp filters",
                   "Use a kernel with CONFIG_SECCOMP_FILTER"),
    "no filters": (Refusal("seccomp", errno.EINVAL), "gate: system call filter: this kernel has no seccomp filters",
                   "Use a kernel with CONFIG_SECCOMP_FILTER"),
    "half of Landlock": (Refusal("landlock_restrict_self", errno.EPERM), "gate: process: it did not come to listen",
                         "Start with a profile made by boundary-init --seccomp-profile, or report it"),
}


@pytest.mark.parametrize("what", GIVEN_UP)
@pytest.mark.parametrize("mode", ["auto", *MODES])
def test_privileges_that_cannot_be_given_up(box, mode, what):
    """Nothing runs that has more than it needs; and the gate's reason comes as the one line of init."""
    if what == "half of Landlock" and not scopes():
        pytest.skip("no Landlock")
    refusal, cause, remedy = GIVEN_UP[what]
    assert failure(box, f"--jail={mode}", prepare=refusing(refusal)) == f"{cause}. {remedy}"


IN_AGENT = {
    "no_new_privs": (Refusal("prctl", errno.EPERM, equal={0: PR_SET_NO_NEW_PRIVS}), "dropping those of the agent"),
    "capset": (Refusal("capset", errno.EPERM), "dropping those of the agent"),
    "seccomp": (Refusal("seccomp", errno.EPERM), "system call filter"),
    "Landlock": (Refusal("landlock_restrict_self", errno.EPERM), "Landlock"),
}


@pytest.mark.parametrize("what", IN_AGENT)
@pytest.mark.parametrize("mode", NAMESPACED)
def test_privileges_that_the_agent_cannot_give_up(box, mode, what):
    if what == "Landlock" and not scopes():
        pytest.skip("no Landlock")
    refusal, step = IN_AGENT[what]
    with Referee(refusal, in_jail(box)) as referee:
        assert failure(box, f"--jail={mode}", prepare=referee.prepare) == (
            f"privileges: {step}: Operation not permitted. {ALLOW_CALLS}")


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP], ids=errno.errorcode.get)
@pytest.mark.parametrize("mode", MODES)
def test_without_landlock_it_works_and_the_log_says_so(box, mode, error):
    prepare = refusing(Refusal("landlock_create_ruleset", error), Refusal("landlock_restrict_self", error))
    result = box.run([f"--jail={mode}", "--audit=stderr", *HELLO], prepare=prepare)
    assert (result.code, result.out) == (0, "hello\n")
    assert '"signals":"not scoped"' in result.err


@pytest.mark.parametrize("mode", MODES)
def test_calls_that_are_not_needed(box, mode):
    """Docker's profile refuses these to containers without SYS_ADMIN."""
    prepare = refusing(*(Refusal(call, errno.EPERM) for call in ("setns", "unshare", "clone3")))
    assert account(box, f"--jail={mode}", prepare=prepare) == ""


# ---- the machine's own network


def test_the_rules_of_the_container_are_never_made_for_the_machine():
    """--print-plan alone, which does nothing: no test starts it there."""
    if os.geteuid() or not os.access("/proc/sys/net/core/netdev_max_backlog", os.R_OK):
        pytest.skip("not in the machine's own network namespace")
    done = subprocess.run([sandbox.INIT, "--print-plan", "--jail=container", *HELLO], capture_output=True, text=True,
                          check=False, env={}, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (125, "", (
        "boundary-init: plan: jail container: this network namespace is the host's own, or /proc/sys/net is hidden. "
        "Give the container a network of its own\n"))
