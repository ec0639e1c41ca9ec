# SPDX-License-Identifier: MIT
"""The machine that the runtimes run on: nothing of it is left behind; and the profiles that they are given."""

import contextlib
import json
import os
import pathlib
import socket

import pytest

import machine  # first: it lets the next lines find their modules
import oci  # noqa: I001

import images
import sandbox

DEFAULT = {f"CAP_{name.upper()}" for name in sandbox.DOCKER_CAPS}
CHANGES = """\
set -e
echo changed >> /etc/hostname
touch /etc/made-by-machine /var/lib/made-by-machine /run/made-by-machine /dev/shm/made-by-machine
mount -t tmpfs tmpfs /mnt
mkdir /sys/fs/cgroup/made-by-machine
hostname made-by-machine
ip link add made type bridge
"""


def cgroups():
    return {path.name for path in machine.cgroup2().glob("machine-*")}


def pid_namespaces():
    """Those that have a process."""
    found = set()
    for entry in pathlib.Path("/proc").glob("[0-9]*/ns/pid"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found.add(os.readlink(entry))
    return found


@pytest.fixture
def node(net):
    with net.container() as box:
        yield box


def test_changes_stay_inside_and_are_forgotten(node):
    before = cgroups(), pathlib.Path("/proc/self/mounts").read_text(), pathlib.Path("/etc/hostname").read_text()
    with machine.Machine(node, "192.0.2.53") as made:
        made.do("sh", "-c", CHANGES)
        assert made.do("cat", "/etc/resolv.conf") == "nameserver 192.0.2.53\n"
        assert made.do("ls", "/sys/fs/cgroup").split().count("made-by-machine") == 1
        assert "made" in [link["ifname"] for link in node.ip_json("link")]
        assert not list(pathlib.Path("/").glob("*/made-by-machine"))
        assert not [path for path in ("/dev/shm", "/var/lib") if pathlib.Path(path, "made-by-machine").exists()]
        assert socket.gethostname() != "made-by-machine"
    assert (cgroups(), pathlib.Path("/proc/self/mounts").read_text(),
            pathlib.Path("/etc/hostname").read_text()) == before


def test_what_runs_there_ends_with_it(node):
    with machine.Machine(node) as made:
        made.do("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo started")
        process = made.start(sandbox.PROBE, "sleep")
        process.expect("ready")
        with process:
            pids = made.do("ps", "-e", "-o", "comm=").split()
            assert pids.count("sleep") == 1 and pids.count("probe") == 2
            own = os.readlink(f"/proc/{process.pid}/ns/pid")
            assert own in pid_namespaces()
    assert own not in pid_namespaces()


def test_program_of_another_user(node):
    with machine.Machine(node, user=4242) as made:
        assert made.do("id", "-u", user=4242) == "4242\n"
        assert made.run("mkdir", "/sys/fs/cgroup/mine", user=4242).code == 0
        assert made.run("touch", "/etc/mine", user=4242).code == 1


@pytest.mark.parametrize("capabilities, clone", [(DEFAULT, "some"), (DEFAULT | {"CAP_SYS_ADMIN"}, "all")])
def test_moby_profile_as_the_specification_wants_it(capabilities, clone):
    """What is in force for a container with these capabilities only: clone with flags or without a condition."""
    profile = oci.seccomp(json.loads(images.MOBY_PROFILE.read_text()), capabilities)
    allowing = [entry for entry in profile["syscalls"]
                if "clone" in entry["names"] and entry["action"] == "SCMP_ACT_ALLOW"]
    assert [("args" in entry) for entry in allowing] == [clone == "some"]
    assert all(set(entry) <= {"names", "action", "errnoRet", "args"} for entry in profile["syscalls"])
