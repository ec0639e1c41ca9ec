# SPDX-License-Identifier: MIT
"""A machine for container runtimes: namespaces in which they may mount, make cgroups, bridges, files and processes
as they like. Nothing of it is seen outside, and all of it ends when the Machine is closed, or with the test process.

    with Internet() as net, Machine(net.add_host("node", "172.18.1.2", "fd00:18:1::2", ports=None)) as machine:
        machine.run("podman", "run", ...)

It has the files of the real machine; what is changed in /etc, /run, /var/lib and /dev/shm is forgotten. Its cgroups
are those of cgroup2 alone, which every runtime knows, below one cgroup of its own.
"""

import contextlib
import os
import pathlib
import re
import signal
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(TESTS / "docker"), str(TESTS / "behaviour")]

import namespaces as ns  # noqa: E402
import sandbox  # noqa: E402
from process import Process, spawn  # noqa: E402

COMMAND_TIMEOUT = 60.0  # seconds; a container takes less than one
CLONE_NEWCGROUP = 0x02000000  # sched.h
OWN = ns.CLONE_NEWNS | CLONE_NEWCGROUP | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC
# Debian's programs first, as the tests of Docker do.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Where the machine's network namespace is in its files, as 'ip netns' has it.
NETNS = "/run/netns/own"
TUN = (10, 200)  # the device number of /dev/net/tun


def cgroup2():
    """Where cgroup2 is mounted: at /sys/fs/cgroup, or beside the old hierarchies. None if it is not."""
    found = re.search(r"^\S+ (\S+) cgroup2 ", pathlib.Path("/proc/mounts").read_text(), re.MULTILINE)
    return pathlib.Path(found[1]) if found else None


def missing(*tools):
    """Why no machine with these tools can be made here, as one line; None when one can."""
    if reason := sandbox.missing():
        return reason
    if not cgroup2():
        return "no cgroup2 is mounted"
    for tool in tools:
        if not any(os.access(f"{directory}/{tool}", os.X_OK) for directory in PATH.split(":")):
            return f"{tool} is not installed"
    return None


class Machine:
    """net: a Net, its network. resolver: the address of its name server.

    share: {path below /run: directory of the real machine}, to be seen at that place
    etc:   {name: text to be added to that file of /etc}
    hide:  directories that are empty here
    user:  who may make cgroups, as systemd lets users who log in
    """

    def __init__(self, net, resolver=None, share=None, etc=None, hide=(), user=0):
        self.net = net
        self._share, self._hide = share or {}, hide
        self._etc = {"resolv.conf": f"nameserver {resolver}\n" if resolver else "", **(etc or {})}
        self._holder = None
        self._processes = []
        self._cgroup = pathlib.Path(tempfile.mkdtemp(prefix="machine-", dir=cgroup2()))
        try:
            (self._cgroup / "own").mkdir()  # a cgroup with processes of its own could give no controller to others
            for path in self._cgroup, *self._cgroup.glob("cgroup.procs"), *self._cgroup.glob("cgroup.subtree_control"):
                os.chown(path, user, user)
            with ns.inside_net(net.fd), ns.children_in_pid_namespace():
                self._holder = Process(spawn([sandbox.PROBE, "sleep"], self._make))
            self._holder.expect("ready")
        except BaseException:
            self.close()
            raise

    def _join_cgroup(self, name="."):
        (self._cgroup / name / "cgroup.procs").write_text("0")

    def _make(self):
        """In the child, PID 1 of the machine."""
        os.setsid()
        self._join_cgroup()
        ns.unshare(OWN)
        self._join_cgroup("own")
        ns.mount(None, "/", None, ns.MS_REC | ns.MS_PRIVATE)
        quiet = ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC
        ns.mount("proc", "/proc", "proc", quiet)
        ns.mount("sysfs", "/sys", "sysfs", quiet)
        ns.mount("cgroup2", "/sys/fs/cgroup", "cgroup2", quiet)
        ns.mount("tmpfs", "/run", "tmpfs", ns.MS_NOSUID, "mode=755")
        for path, directory in self._share.items():
            os.makedirs(path)
            ns.mount(directory, path, None, ns.MS_BIND | ns.MS_REC)
        ns.mount("tmpfs", "/dev/shm", "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, "mode=1777")
        self._make_forgetful("/etc")
        self._make_forgetful("/var/lib")
        self._write_etc()
        self._make_special_files()
        for directory in self._hide:
            ns.mount("tmpfs", directory, "tmpfs", quiet | ns.MS_RDONLY)
        ns.die_with_parent()

    def _make_forgetful(self, directory):
        upper = pathlib.Path("/run/changes", directory[1:])
        work = upper.with_name(f"{upper.name}.work")
        upper.mkdir(parents=True)
        work.mkdir()
        ns.mount("overlay", directory, "overlay", 0, f"lowerdir={directory},upperdir={upper},workdir={work}")

    def _write_etc(self):
        pathlib.Path("/etc/resolv.conf").unlink(missing_ok=True)  # it may point to where nothing is
        for name, text in self._etc.items():
            with open(f"/etc/{name}", "a") as file:
                file.write(text)

    def _make_special_files(self):
        """The network namespace by a name; and what every user may write to on a machine, but perhaps not here."""
        os.mkdir("/run/tmp")
        os.chmod("/run/tmp", 0o1777)
        os.mkdir(os.path.dirname(NETNS))
        pathlib.Path(NETNS).touch()
        ns.mount("/proc/self/ns/net", NETNS, None, ns.MS_BIND)
        if os.path.exists("/dev/net/tun"):
            os.mknod("/run/tun", 0o020666, os.makedev(*TUN))
            os.chmod("/run/tun", 0o666)
            ns.mount("/run/tun", "/dev/net/tun", None, ns.MS_BIND)

    def start(self, *argv, env=None, stdin=None, user=0):
        """Starts a program there, by root or by another user, and returns the Process."""
        def join():
            os.setsid()
            self._join_cgroup("own")
            ns.setns(self._holder.pidfd, OWN)
            os.chdir("/")
            if user:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            ns.die_with_parent()

        environment = {"PATH": PATH, "HOME": "/root", "TMPDIR": "/run/tmp", **(env or {})}
        with ns.inside_net(self.net.fd), ns.children_in_pid_namespace(self._holder.pidfd):
            process = Process(spawn(argv, join, stdin, env=environment))
        self._processes.append(process)
        return process

    def run(self, *argv, timeout=COMMAND_TIMEOUT, **options):
        """The same until its end; returns the Result, whatever its code."""
        with self.start(*argv, **options) as process:
            return process.wait(timeout)

    def do(self, *argv, **options):
        """The same for a program that must succeed; returns its output."""
        result = self.run(*argv, **options)
        if result.code:
            raise RuntimeError(f"{' '.join(map(str, argv))}: {result}")
        return result.out

    def close(self):
        if self._holder:
            self._holder.signal(signal.SIGKILL)  # nothing there goes on while its PID 1 waits for those that joined it
            for process in self._processes:
                process.close()
            self._holder.close()
        for directory, _, _ in os.walk(self._cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
