# SPDX-License-Identifier: MIT
"""Podman with crun or runc, by root on a bridge of its own, or by a user through slirp4netns. No registry is asked."""

import machine  # first: it lets the next lines find their modules
from image import ENTRYPOINT, Conditions

from containers import RESOLVER

IMAGE, USER = "agent", 4242
SHARED = "/run/shared"

# Docker's limits for a container; more than root has where this runs inside a container itself. Podman counts its
# locks in files here, not in a memory that others could see. Without cgroups' controllers no number of pids is kept.
CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
[network]
network_backend = "netavark"
"""

IDS = {"passwd": f"tester:x:{USER}:{USER}::/run/home:/bin/sh\n", "group": f"tester:x:{USER}:\n",
       "subuid": "tester:100000:65536\n", "subgid": "tester:100000:65536\n"}


def missing(oci, rootless):
    """Why it cannot be had here, as one line; None when it can."""
    tools = ["podman", "conmon", oci] + (["newuidmap", "newgidmap", "slirp4netns"] if rootless else ["iptables"])
    return machine.missing(*tools)


class Podman:
    """A machine of the internet with Podman and the image. address: what its containers are seen as."""

    def __init__(self, internet, image, name, number, oci="crun", rootless=False):
        self.address = f"172.18.{number}.2"
        self._user = USER if rootless else 0
        host = internet.add_host(name, self.address, f"fd00:18:{number}::2", ports=None)
        self.machine = machine.Machine(host, RESOLVER, share={SHARED: image.directory}, user=self._user,
                                       etc={"podman.conf": CONFIGURATION, **(IDS if rootless else {})})
        home = "/run/home"
        self._environment = {"HOME": home, "XDG_RUNTIME_DIR": home, "CONTAINERS_CONF": "/etc/podman.conf"}
        self._podman = ["podman", "--log-level=error", f"--runtime={oci}", f"--root={home}/root",
                        f"--runroot={home}/runroot", "--storage-driver=vfs"]
        # crun asks for a limit that only a system's root may set, to make the device filter of a cgroup.
        self._run = ["--cgroups=disabled"] if oci == "crun" else []
        self._run += ["--network=slirp4netns"] if rootless else []
        try:
            self.machine.do("install", "-d", "-o", str(self._user), "-g", str(self._user), "-m", "700", home)
            self.podman("import", "--change", f'ENTRYPOINT ["{ENTRYPOINT}"]', f"{SHARED}/root.tar", IMAGE)
        except BaseException:
            self.close()
            raise

    def podman(self, *arguments):
        """A podman command that must succeed; its output."""
        return self.machine.do(*self._podman, *arguments, env=self._environment, user=self._user)

    def run(self, arguments, conditions=Conditions(), *, entrypoint=ENTRYPOINT):
        """'podman run'; the Result."""
        options = [*self._run, *conditions.flags(SHARED)]
        if entrypoint != ENTRYPOINT:
            options.append(f"--entrypoint={entrypoint}")
        return self.machine.run(*self._podman, "run", "--rm", *options, IMAGE, *arguments, env=self._environment,
                                user=self._user)

    def close(self):
        self.machine.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
