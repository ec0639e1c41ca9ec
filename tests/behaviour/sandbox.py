# SPDX-License-Identifier: MIT
"""A small internet with containers in it, made of namespaces alone: no Docker, no real network, some tens of ms.

    with Internet() as net:
        box = net.container(caps=DOCKER_CAPS | {"net_admin"})
        result = box.run(["--allow", f"cidr={net.allowed.v4}", "--", "/probe", "connect", net.allowed.v4, "80"])
        assert result.code == 0 and result.json["reply"] == f"allowed {box.v4}"

What there is:

    container 172.20.N.2, fd00:20:N::2 --- router --- allowed 203.0.113.10, 2001:db8:a::10
    (as many as wanted)                           \\-- denied  198.51.100.20, 2001:db8:b::20

Every host answers "<its name> <address of the client as it sees it>" on PORTS, TCP and UDP, and answers pings.
Nothing of this is in the machine's own namespaces; all of it ends when the objects are closed, or with the test
process. A process that a thread starts dies with that thread.
"""

import contextlib
import ipaddress
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import namespaces as ns
import rootfs
from process import TIMEOUT, Hung, Process, Result, spawn  # noqa: F401 (for those who import this module)

OUT = pathlib.Path(__file__).resolve().parents[2] / "build" / "out"
INIT = OUT / "boundary-init"
PROBE = OUT / "probe"
PROGRAMS = {"/sbin/boundary-init": INIT, "/probe": PROBE}

PORTS = "53,80,443,8080"

# What Docker gives a container by default, and what this project asks its users to add.
DOCKER_CAPS = frozenset("chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw "
                        "sys_chroot mknod audit_write setfcap".split())
NET_ADMIN = frozenset({"net_admin"})

CONTAINER_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME": "box", "HOME": "/root"}


def scratch():
    """Where temporary files are made: in memory if programs can be run there as from a disk, else where others are."""
    memory = "/dev/shm"
    if os.path.isdir(memory) and not os.statvfs(memory).f_flag & (os.ST_NOEXEC | os.ST_NOSUID):
        return memory  # some 2 ms less for each directory, of which a container has a dozen
    return None


def missing():
    """Why sandboxes cannot be made here, as one line; None when they can."""
    if os.geteuid() != 0:
        return "needs root, for namespaces"
    for tool in "ip", "nft":
        if not shutil.which(tool):
            return f"{tool} is not installed"
    return None


class Net:
    """A network namespace, held by a descriptor, and the tools to look into it and configure it."""

    def __init__(self, fd=None):
        self.fd = ns.new_net() if fd is None else fd

    def tool(self, *argv, text=None, check=True):
        """Runs a program of the machine (ip, nft, ss...) in this network namespace; returns what it prints."""
        with ns.inside_net(self.fd):
            done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{argv}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def ip(self, lines):
        """ip -batch: one command a line, without the leading 'ip'."""
        return self.tool("ip", "-batch", "-", text=lines)

    def ip_json(self, *arguments):
        """What 'ip -json ARGUMENTS' says, as Python data: ip_json('-details', 'link'), ip_json('-6', 'route')."""
        return json.loads(self.tool("ip", "-json", *arguments) or "[]")

    def nft(self):
        """The whole ruleset as text; empty when there is none."""
        return self.tool("nft", "list", "ruleset")

    def sysctl(self, values):
        """Writes {'ipv4/ip_forward': 1} below /proc/sys/net."""
        with ns.inside_net(self.fd):
            for name, value in values.items():
                pathlib.Path("/proc/sys/net", name).write_text(str(value))

    def start(self, *argv, stdin=None):
        """Starts a program of the machine here (the probe's path is PROBE) and returns the Process."""
        with ns.inside_net(self.fd):
            return Process(spawn(argv, ns.die_with_parent, stdin))

    def run(self, *argv, stdin=None, timeout=TIMEOUT):
        with self.start(*argv, stdin=stdin) as process:
            return process.wait(timeout)

    def probe(self, *arguments, timeout=TIMEOUT):
        """Runs the probe here: net.denied.probe('connect', box.v4, '8080')."""
        return self.run(PROBE, *arguments, timeout=timeout)

    def socket(self, *arguments):
        """A socket of this network namespace, for use in the test itself."""
        with ns.inside_net(self.fd):
            return socket.socket(*arguments)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Host(Net):
    """A host of the internet: name, v4, v6, and a server on PORTS."""

    def __init__(self, name, v4, v6):
        super().__init__()
        self.name, self.v4, self.v6 = name, v4, v6
        self.server = None

    def serve(self, ports=PORTS):
        self.server = self.start(PROBE, "serve", "::", ports, self.name)
        self.server.expect("ready")

    def close(self):
        if self.server:
            self.server.close()
        super().close()


class Internet:
    """The router and what hangs on it. Attributes: router, hosts, allowed, denied."""

    def __init__(self):
        self._to_close = contextlib.ExitStack()
        self._containers = 0
        self.hosts = []
        self.router = self._to_close.enter_context(Net())
        try:
            # No duplicate address detection: addresses are usable at once.
            self.router.sysctl({"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1, "ipv6/conf/default/accept_dad": 0})
            self.router.ip("link set lo up")
            self.allowed = self.add_host("allowed", "203.0.113.10", "2001:db8:a::10")
            self.denied = self.add_host("denied", "198.51.100.20", "2001:db8:b::20")
        except BaseException:
            self.close()
            raise

    def add_host(self, name, v4, v6, ports=PORTS):
        """One more host, on a network of its own (IPv4 /24, IPv6 /64); serves the ports, none if None."""
        host = self._to_close.enter_context(Host(name, v4, v6))
        self.connect(host, name, v4, v6)
        self.hosts.append(host)
        if ports:
            host.serve(ports)
        return host

    def connect(self, net, name, v4, v6=None, prefix=24):
        """Wires a network namespace to the router: eth0 there, default routes to the first address of its network."""
        net.sysctl({"ipv6/conf/default/accept_dad": 0, "ipv6/conf/all/disable_ipv6": int(v6 is None),
                    "ipv6/conf/default/disable_ipv6": int(v6 is None)})
        queues = "numtxqueues 1 numrxqueues 1"
        outer = [f"link add {name} {queues} type veth peer name eth0 {queues} netns /proc/{os.getpid()}/fd/{net.fd}"]
        inner = ["link set lo up"]
        routes = []
        for address, length in ((v4, prefix), (v6, 64)):
            if address is None:
                continue
            gateway = ipaddress.ip_interface(f"{address}/{length}").network[1]
            outer.append(f"addr add {gateway}/{length} dev {name}")
            inner.append(f"addr add {address}/{length} dev eth0")
            routes.append(f"route add default via {gateway}")
        self.router.ip("\n".join(outer + [f"link set {name} up"]))
        net.ip("\n".join(inner + ["link set eth0 up"] + routes + ["link show eth0"]))
        # Asking for a link makes the kernel finish bringing it up; otherwise the first packet may wait for a second.
        self.router.ip(f"link show {name}")

    def machine(self, v4, v6, routes=()):
        """A Host without a server, for programs that are not in a container (such as dockerd).

        Hosts reach it, and by it the networks of the routes (IPv6 ones).
        """
        host = self.add_host("machine", v4, v6, ports=None)
        host.sysctl({"ipv6/conf/default/accept_dad": 1})
        for route in routes:
            self.router.ip(f"route add {route} via {v6}")
        return host

    def container(self, **options):
        """A new Container; see there for the options."""
        number = self._containers = self._containers + 1
        return self._to_close.enter_context(Container(self, number, **options))

    def close(self):
        self._to_close.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Container(Net):
    """What a runtime prepares before it starts PID 1. Network namespace and files outlive each run, as in a pod.

    caps                 capability bounding set of PID 1, and so all that root in it has
    ipv6                 whether eth0 has an IPv6 address (without: IPv6 is off, as in Docker's default network)
    ipv6_on_new_links    False: eth0 has IPv6, and a link made later has not, as in Docker's networks with IPv6
    ip_forward           net.ipv4.ip_forward and net.ipv6.conf.all.forwarding
    writable_proc_sys    whether /proc/sys can be written (Docker: no)
    user_namespaces      False: not one more can be made, as on a host with user.max_user_namespaces=0. PID 1 then has
                         its capabilities in a user namespace that owns the network.
    userland             whether the machine's /usr is in the image, read-only, so that its programs run there

    Attributes: v4, v6, gateway4, gateway6, root (a Path to the files of the image; change them as you like),
    link (the name of the router's interface to it).
    """

    def __init__(self, internet, number, caps=DOCKER_CAPS | NET_ADMIN, ipv6=True, ipv6_on_new_links=True,
                 ip_forward=True, writable_proc_sys=False, user_namespaces=True, userland=False):
        self._user_fd = None
        if user_namespaces:
            super().__init__()
        else:
            self._user_fd, net_fd = ns.new_user_and_net(max_user_namespaces=0)
            super().__init__(net_fd)
        self.caps = frozenset(caps)
        self.writable_proc_sys = writable_proc_sys
        self.userland = userland
        network4, network6 = f"172.{20 + number // 256}.{number % 256}", f"fd00:20:{number:x}:"
        self.v4, self.gateway4 = f"{network4}.2", f"{network4}.1"
        self.v6, self.gateway6 = (f"{network6}:2", f"{network6}:1") if ipv6 else (None, None)
        self.link = f"box{number}"
        self._processes = []
        self._directory = tempfile.TemporaryDirectory(prefix="box-", dir=scratch())
        self.root = pathlib.Path(self._directory.name)
        self.root.chmod(0o755)
        rootfs.create(self.root, PROGRAMS, userland)
        internet.connect(self, self.link, self.v4, self.v6)
        self.sysctl({"ipv4/ip_forward": int(ip_forward), "ipv6/conf/all/forwarding": int(ip_forward),
                     "ipv6/conf/default/accept_dad": 1,
                     "ipv6/conf/default/disable_ipv6": int(not (ipv6 and ipv6_on_new_links))})

    def write(self, path, content, mode=0o644, owner=(0, 0)):
        """Puts a file into the image: box.write('/etc/policy', 'allow ...')."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        os.chown(target, *owner)

    def run(self, arguments, timeout=TIMEOUT, **options):
        """Starts PID 1 as start() does, waits for its end and returns the Result; Hung after the timeout."""
        with self.start(arguments, **options) as process:
            return process.wait(timeout)

    def run_tty(self, arguments, timeout=TIMEOUT, **options):
        """The same with a terminal, whose text is the Result's out (lines end in \\r\\n)."""
        return self.run(arguments, timeout, tty=True, **options)

    def start(self, arguments, program="/sbin/boundary-init", env=None, stdin=None, tty=False, user=0, groups=(),
              cwd="/", prepare=None, pass_fds=()):
        """Starts PID 1 in new pid, mount, uts and ipc namespaces, and returns it as a ContainerProcess.

        arguments  of the program, without its own name
        env        on top of CONTAINER_ENV; a value of None takes a variable away
        stdin      text or bytes; 'pipe' to write later; nothing: /dev/null
        tty        a terminal of the container's own as stdin, stdout and stderr
        user       a number; its group has the same one, as --user N:N does; with supplementary groups
        prepare    called in the child right before exec, to start the program in an odd state:
                   lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN), lambda: os.close(0)
        pass_fds   descriptors of the test to be inherited, under the same numbers
        """
        def setup(channel):
            ns.unshare(ns.CLONE_NEWNS | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC)
            rootfs.enter(self.root, self.writable_proc_sys, self.userland)
            socket.sethostname("box")
            self._become(channel, user, groups, cwd)
            if prepare:
                prepare()

        with ns.children_in_pid_namespace():
            return self._launch([program, *arguments], setup, env, stdin, tty, pass_fds)

    def _join(self, init, argv, env=None, stdin=None, tty=False, user=0, groups=(), cwd="/", prepare=None, pass_fds=()):
        def setup(channel):
            ns.setns(init, ns.CLONE_NEWNS | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC)
            self._become(channel, user, groups, cwd)
            if prepare:
                prepare()

        with ns.children_in_pid_namespace(init):
            return self._launch(argv, setup, env, stdin, tty, pass_fds)

    def _launch(self, argv, setup, env, stdin, tty, pass_fds):
        ours, theirs = socket.socketpair()

        def child():
            os.umask(0o022)
            os.setsid()
            setup(theirs if tty else None)
            ns.die_with_parent()  # last: a change of the user id resets it

        environment = {key: value for key, value in {**CONTAINER_ENV, **(env or {})}.items() if value is not None}
        with ours, theirs, ns.inside_net(self.fd):
            popen = spawn(argv, child, stdin, env=environment, pass_fds=pass_fds)
            terminal = socket.recv_fds(ours, 1, 1)[1][0] if tty else None
        process = ContainerProcess(self, popen, terminal)
        self._processes.append(process)
        return process

    def _become(self, channel, user, groups, cwd):
        """In the child, inside the container: its terminal, capabilities, ids and directory."""
        if channel:
            rootfs.take_terminal(channel)
        if self._user_fd is not None:
            ns.setns(self._user_fd, ns.CLONE_NEWUSER)
        ns.keep_capabilities(self.caps)
        os.setgroups(groups)
        if user:
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        os.chdir(cwd)

    def close(self):
        for process in reversed(self._processes):  # a PID 1 ends only when all that joined it are waited for
            process.close()
        if self._user_fd is not None:
            os.close(self._user_fd)
            self._user_fd = None
        super().close()
        self._directory.cleanup()


class ContainerProcess(Process):
    """PID 1 of a container, or a process that joined one."""

    def __init__(self, container, popen, terminal):
        super().__init__(popen, terminal)
        self.container = container
        self.proc = pathlib.Path("/proc", str(self.pid))

    def exec(self, argv, **options):
        """As 'docker exec' does: starts a program in the namespaces of the container, outside the jail, and returns it.

        env, stdin, tty, user, groups, cwd, prepare, pass_fds as for Container.start().
        """
        return self.container._join(self.pidfd, argv, **options)

    def exec_run(self, argv, timeout=TIMEOUT, **options):
        with self.exec(argv, **options) as process:
            return process.wait(timeout)

    def nft(self):
        """The ruleset of the container's network namespace (not the jail's)."""
        return self.container.nft()

    def children(self):
        """Pids of its child processes, as the machine sees them, oldest first."""
        lists = [children.read_text() for children in self.proc.glob("task/*/children")]
        return sorted(int(pid) for pid in " ".join(lists).split())

    def status(self, pid=None):
        """/proc/PID/status of it (or of another pid) as {'CapEff': '0000000000001000', ...}."""
        text = pathlib.Path("/proc", str(pid or self.pid), "status").read_text()
        return {key: value.strip() for key, value in (line.split(":", 1) for line in text.splitlines())}

    def jail_pid(self):
        """The pid, as the machine sees it, of the child in another network namespace: the agent. LookupError if none.

        Wait for the agent's own sign of life (process.expect('ready')) before you ask.
        """
        own = os.readlink(self.proc / "ns/net")
        for pid in self.children():
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(f"/proc/{pid}/ns/net") != own:
                    return pid
        raise LookupError("no child in another network namespace")

    def jail(self):
        """The agent's network namespace, as a Net to be closed: with agent.jail() as jail: jail.ip_json('addr')."""
        return Net(ns.namespace_fd("net", self.jail_pid()))
