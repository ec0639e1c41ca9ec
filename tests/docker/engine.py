# SPDX-License-Identifier: MIT
"""A real Docker engine of the test's own: data, socket, processes, mounts and (as a rule) network of its own.

    with Internet() as net, Engine(net.machine()) as engine:
        engine.docker("run", "--rm", "image")

dockerd is PID 1 of a pid namespace, so that containerd, shims and containers end with it, whatever happens, and
its mounts are in a mount namespace that goes with it. Its network namespace is a machine on the test's internet:
bridges, iptables rules and ip_forward are set there, and containers reach the test hosts through it.

Engine(None) shares the machine's network instead, for builds that install packages. It then has no bridge, sets no
rule and no sysctl: use 'docker build --network host'.

Engine(net, resolver): the machine's /etc/resolv.conf names this server, so containers ask it, by Docker or directly.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import select
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "behaviour"))

import namespaces as ns  # noqa: E402
from process import Process, Result, spawn  # noqa: E402

START_TIMEOUT = 60.0  # seconds; 1 to 2 are usual
STOP_TIMEOUT = 60.0
COMMAND_TIMEOUT = 60.0
# Debian's programs first: a client from elsewhere may want another way to build.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# The engine's machine on the internet: published ports are reached at these addresses.
MACHINE_V4, MACHINE_V6 = "172.19.0.2", "fd00:19::2"
# As with any Docker, the default bridge has no IPv6. A network made with this subnet has, and the router of the
# internet knows the way to it: docker network create --ipv6 --subnet SUBNET_V6 NAME
SUBNET_V6 = "fd00:19:1::/64"


def missing():
    """Why no engine can be started here, as one line; None when one can."""
    if os.geteuid() != 0:
        return "needs root, for dockerd"
    for tool in "dockerd", "docker", "containerd", "runc", "iptables", "ip", "nft":
        if not shutil.which(tool, path=PATH):
            return f"{tool} is not installed"
    if not pathlib.Path("/sys/fs/cgroup").is_mount():
        return "no cgroups at /sys/fs/cgroup"
    return None


class Engine:
    """A running dockerd. Attributes: net (a Net, or None), directory, version ('20.10.24+dfsg1')."""

    def __init__(self, net, resolver=None):
        self.net = net
        self._resolver = resolver
        self._temporary = tempfile.TemporaryDirectory(prefix="engine-")
        self.directory = pathlib.Path(self._temporary.name)
        self._cgroup = self.directory.name
        self._daemon = None
        try:
            self._start()
            self.version = self.docker("version", "--format", "{{.Server.Version}}").strip()
        except BaseException:
            self.close()
            raise

    def _arguments(self):
        arguments = ["dockerd", "--data-root", self.directory / "data", "--exec-root", self.directory / "exec",
                     "--pidfile", self.directory / "pid", "--host", f"unix://{self.directory}/docker.sock",
                     "--config-file", self.directory / "no-config", "--cgroup-parent", f"/{self._cgroup}"]
        if self.net is None:
            arguments += ["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"]
        return arguments

    def _setup(self):
        """In the child, PID 1 of its pid namespace: a mount namespace with its own /proc and /run."""
        os.setsid()
        resolver = pathlib.Path("/etc/resolv.conf")
        servers = resolver.read_text() if resolver.exists() else ""
        ns.unshare(ns.CLONE_NEWNS)
        ns.mount(None, "/", None, ns.MS_REC | ns.MS_PRIVATE)
        ns.mount("proc", "/proc", "proc", ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
        ns.mount("tmpfs", "/run", "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=755")
        if os.path.isdir("/etc/docker"):
            ns.mount("tmpfs", "/etc/docker", "tmpfs", ns.MS_NOSUID | ns.MS_NODEV)
        if resolver.is_symlink() and not resolver.exists():  # it points into /run
            resolver.resolve().parent.mkdir(parents=True)
            resolver.resolve().write_text(servers)
        if self._resolver:
            (self.directory / "resolv.conf").write_text(f"nameserver {self._resolver}\n")
            ns.mount(self.directory / "resolv.conf", "/etc/resolv.conf", None, ns.MS_BIND)
        ns.die_with_parent()

    def _start(self):
        """Starts dockerd and waits for the 'ready' that it sends to a service manager."""
        (self.directory / "no-config").write_text("{}")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with notify, open(self.directory / "log", "wb") as log, contextlib.ExitStack() as inside:
            notify.bind(str(self.directory / "notify"))
            if self.net:
                inside.enter_context(ns.inside_net(self.net.fd))
            inside.enter_context(ns.children_in_pid_namespace())
            self._daemon = subprocess.Popen(
                [os.fspath(argument) for argument in self._arguments()], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=self._setup,
                env={"PATH": PATH, "NOTIFY_SOCKET": str(self.directory / "notify")})
            self._await_ready(notify)

    def _await_ready(self, notify):
        pidfd = os.pidfd_open(self._daemon.pid)
        ready, _, _ = select.select([notify, pidfd], [], [], START_TIMEOUT)
        os.close(pidfd)
        if notify not in ready or b"READY=1" not in notify.recv(4096):
            raise RuntimeError("dockerd did not start:\n" + self.log())

    def log(self, lines=30):
        return "\n".join((self.directory / "log").read_text(errors="replace").splitlines()[-lines:])

    def command(self, *arguments):
        """The whole command line of a docker command, to be run with environment()."""
        return ["docker", "--host", f"unix://{self.directory}/docker.sock", *map(os.fspath, arguments)]

    def environment(self):
        return {"PATH": PATH, "HOME": str(self.directory), "DOCKER_BUILDKIT": "0", "TERM": "xterm"}

    def run(self, *arguments, stdin=None, timeout=COMMAND_TIMEOUT):
        """Runs a docker command; returns the Result, whatever its code."""
        with self.start(*arguments, stdin=stdin) as process:
            return process.wait(timeout)

    def docker(self, *arguments, stdin=None, timeout=COMMAND_TIMEOUT):
        """Runs a docker command that must succeed; returns its output."""
        result = self.run(*arguments, stdin=stdin, timeout=timeout)
        if result.code:
            raise RuntimeError(f"docker {' '.join(map(str, arguments))}: {result}")
        return result.out

    def start(self, *arguments, stdin=None, tty=False):
        """Starts a docker command and returns the Process; tty: in a terminal, for 'run -it' and 'exec -it'."""
        if not tty:
            return Process(spawn(self.command(*arguments), ns.die_with_parent, stdin, env=self.environment()))
        master, slave = pty.openpty()

        def setup():
            ns.die_with_parent()
            os.login_tty(slave)

        try:
            return Process(spawn(self.command(*arguments), setup, env=self.environment(), pass_fds=(slave,)), master)
        finally:
            os.close(slave)

    def inspect(self, name):
        """'docker inspect' of a container, network or image, as Python data."""
        return json.loads(self.docker("inspect", name))[0]

    def pid(self, name):
        """The pid of a container's PID 1 as the machine sees it (docker itself knows the one of its own namespace)."""
        wanted = str(self.inspect(name)["State"]["Pid"])
        own = os.readlink(f"/proc/{self._daemon.pid}/ns/pid")
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                status = (entry / "status").read_text()
                pids = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
                if pids[1:2] == [wanted] and len(pids) == 3 and self._is_below(entry, own):
                    return int(entry.name)
        raise LookupError(f"{name} does not run")

    def _is_below(self, entry, namespace):
        """Is the process in a pid namespace that is a child of the given one? NS_GET_PARENT of ioctl_ns(2) tells."""
        fd = os.open(entry / "ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        parent = fcntl.ioctl(fd, 0xB702)
        try:
            return os.fstat(parent).st_ino == int(namespace[5:-1])
        finally:
            os.close(parent)
            os.close(fd)

    def containers(self):
        return self.docker("ps", "--all", "--quiet", "--no-trunc").split()

    def close(self):
        if self._daemon and self._daemon.poll() is None:
            with contextlib.suppress(RuntimeError):
                if self.containers():
                    self.docker("rm", "--force", *self.containers())
            self._daemon.terminate()
            try:
                self._daemon.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
        for directory in pathlib.Path("/sys/fs/cgroup").glob(f"*/{self._cgroup}"):
            with contextlib.suppress(OSError):
                directory.rmdir()
        self._temporary.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


__all__ = ["MACHINE_V4", "MACHINE_V6", "SUBNET_V6", "Engine", "Result", "missing"]
