# SPDX-License-Identifier: MIT
"""runc, and gVisor's runsc, with a bundle as containerd makes it for a container of a Kubernetes pod.

A container is in a pod, of its own if no other is named: a network namespace with eth0 on the test's internet, as a
CNI plugin makes it, with resolv.conf and hosts to be mounted over those of the image. gVisor takes eth0's addresses
away from the kernel for good, so one container in a pod is all that it can have here.
"""

import contextlib
import json
import pathlib
import platform
import tempfile

import machine  # first: it lets the next lines find their modules
from image import ENTRYPOINT, Conditions

import sandbox
from containers import RESOLVER

POD, ROOT = "/run/pod", "/run/root"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# containerd's defaults for containers of Kubernetes.
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
QUIET = ["nosuid", "noexec", "nodev"]
MOUNTS = {
    "/proc": ("proc", QUIET),
    "/dev": ("tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    "/dev/pts": ("devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    "/dev/mqueue": ("mqueue", QUIET),
    "/sys": ("sysfs", [*QUIET, "ro"]),
    "/sys/fs/cgroup": ("cgroup", [*QUIET, "relatime", "ro"]),
    "/dev/shm": ("tmpfs", [*QUIET, "mode=1777", "size=65536k"]),
}


def applies(entry, capabilities):
    """Whether an entry of Moby's profile is in force for a container with these capabilities, on this machine."""
    architecture = ARCHITECTURES[platform.machine()]
    wanted, unwanted = entry.get("includes") or {}, entry.get("excludes") or {}
    return (set(wanted.get("caps", [])) <= capabilities and not set(unwanted.get("caps", [])) & capabilities
            and architecture in wanted.get("arches", [architecture])
            and architecture not in unwanted.get("arches", []))


def seccomp(profile, capabilities):
    """A profile in Moby's form as the runtime specification wants it: what is in force, and nothing else."""
    names = next(entry for entry in profile["archMap"] if entry["architecture"] ==
                 f"SCMP_ARCH_{platform.machine().upper()}")
    return {"defaultAction": profile["defaultAction"],
            "architectures": [names["architecture"], *names["subArchitectures"]],
            "syscalls": [{name: entry[name] for name in ("names", "action", "errnoRet", "args") if entry.get(name)}
                         for entry in profile["syscalls"] if applies(entry, capabilities)]}


def specification(name, arguments, conditions, profiles):
    """config.json. profiles: a function from a name to the path of a profile."""
    caps = {f"CAP_{cap.upper()}" for cap in conditions.capabilities(sandbox.DOCKER_CAPS)}
    # As Kubernetes: a user that is not root has them in the bounding set only.
    own = [] if conditions.user else sorted(caps)
    uid, _, gid = (conditions.user or "0:0").partition(":")
    linux = {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "cgroup")] +
             [{"type": "network", "path": machine.NETNS}],
             "cgroupsPath": f"/pod/{name}", "resources": {"devices": [{"allow": False, "access": "rwm"}]},
             "maskedPaths": MASKED, "readonlyPaths": READ_ONLY}
    if conditions.seccomp != "unconfined":
        profile = json.loads(profiles(conditions.seccomp or "moby").read_text())
        linux["seccomp"] = seccomp(profile, caps)
    files = [{"destination": f"/etc/{file}", "type": "bind", "source": f"{POD}/{file}", "options": ["rbind", "rw"]}
             for file in ("hosts", "resolv.conf")]
    return {
        "ociVersion": "1.0.2", "hostname": "box", "linux": linux,
        "root": {"path": ROOT, "readonly": conditions.read_only},
        "mounts": [{"destination": path, "type": kind, "source": kind, "options": options}
                   for path, (kind, options) in MOUNTS.items()] + files,
        "process": {
            "args": list(arguments), "cwd": "/", "user": {"uid": int(uid), "gid": int(gid or 0)},
            "env": [f"{name}={value}" for name, value in sandbox.CONTAINER_ENV.items()],
            "noNewPrivileges": conditions.no_new_privs, "oomScoreAdj": 1000,
            "capabilities": {"bounding": sorted(caps), "effective": own, "permitted": own}},
    }


class Pod:
    """A network namespace and resolv.conf for containers that come and go.

    Attributes: address (what they are seen as), box (the network namespace), hosts ({name: host of the internet}).
    """

    def __init__(self, runtime, internet, image):
        self._runtime, self._image = runtime, image
        self._count = 0
        self.hosts = {host.name: host for host in internet.hosts}
        with contextlib.ExitStack() as to_close:
            self.box = to_close.enter_context(internet.container(ipv6=False))
            self.address = self.box.v4
            self._directory = pathlib.Path(to_close.enter_context(tempfile.TemporaryDirectory(prefix="pod-")))
            (self._directory / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
            (self._directory / "hosts").write_text(f"127.0.0.1\tlocalhost\n{self.address}\tbox\n")
            self._machine = to_close.enter_context(machine.Machine(
                self.box, share={POD: self._directory, ROOT: image.root}, hide=runtime.hide))
            self._to_close = to_close.pop_all()

    def start(self, arguments, conditions=Conditions(), *, entrypoint=ENTRYPOINT):
        """Starts a container and returns the Process of the runtime; its attribute name is for kill()."""
        self._count += 1
        name = f"box{self._count}"
        bundle = self._directory / name
        bundle.mkdir()
        config = specification(name, [entrypoint, *arguments], conditions, self._image.profile)
        (bundle / "config.json").write_text(json.dumps(config))
        process = self._machine.start(*self._runtime.command, "run", "--bundle", f"{POD}/{name}", name)
        process.name = name
        return process

    def run(self, arguments, conditions=Conditions(), *, entrypoint=ENTRYPOINT):
        """The same until its end; the Result."""
        with self.start(arguments, conditions, entrypoint=entrypoint) as process:
            return process.wait(machine.COMMAND_TIMEOUT)

    def kill(self, process, signal="KILL"):
        """Sends the signal to a container's PID 1 and waits for its end; the Result."""
        self._machine.do(*self._runtime.command, "kill", process.name, signal)
        return process.wait()

    def close(self):
        self._to_close.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Runtime:
    """address: what the container of the last run() was seen as."""

    command = ()  # of the runtime, with its options
    hide = ()  # as for Machine

    def __init__(self, internet, image):
        self._internet, self._image = internet, image
        self.address = None

    @classmethod
    def missing(cls):
        """Why it cannot be had here, as one line; None when it can."""
        return machine.missing(cls.command[0])

    def pod(self):
        return Pod(self, self._internet, self._image)

    def run(self, arguments, conditions=Conditions(), *, entrypoint=ENTRYPOINT):
        """Runs a container in a pod of its own; the Result."""
        with self.pod() as pod:
            self.address = pod.address
            return pod.run(arguments, conditions, entrypoint=entrypoint)

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Runc(Runtime):
    command = ("runc", "--root", "/run/runc")


class Runsc(Runtime):
    """gVisor, with its own network stack."""

    command = ("runsc", "--root", "/run/runsc", "--platform=ptrace", "--network=sandbox", "--ignore-cgroups")
    # It takes a network namespace with rmem_default for the machine's own. Since Linux 6.13 every one has that file.
    hide = ("/proc/sys/net/core",)
