# SPDX-License-Identifier: MIT
"""The ground on which the Docker tests stand: a real engine, whose containers reach every host without boundary-init,
and whose seccomp filter is Moby's. The probe is the container's own PID 1 here."""

import pathlib

import pytest

import engine as engines
import images
import sandbox
from engine import MACHINE_V4


@pytest.fixture(scope="module")
def probe_image(engine):
    dockerfile = 'FROM scratch\nCOPY probe /\nENTRYPOINT ["/probe"]\n'
    return images.build(engine, "probe", dockerfile, {"probe": sandbox.PROBE})


def test_containers_reach_every_host(net, engine, probe_image, dual):
    result = engine.run("run", "--rm", "--network", dual, probe_image, "seq", "connect", net.allowed.v4, "80", ",",
                        "connect", net.denied.v4, "80", ",", "connect", net.denied.v6, "80")
    first, second, third = result.jsons
    assert first["reply"] == f"allowed {MACHINE_V4}"  # masqueraded by Docker
    assert second["reply"] == f"denied {MACHINE_V4}"
    assert third["reply"].startswith("denied fd00:19:1:")  # routed


def test_hosts_reach_published_ports(net, engine, probe_image):
    engine.docker("run", "--detach", "--name", "server", "--publish", "8080:8080", probe_image,
                  "serve", "0.0.0.0", "8080", "box")
    assert net.denied.probe("connect", MACHINE_V4, "8080").json["reply"] == f"box {net.denied.v4}"
    own = pathlib.Path("/proc", str(engine.pid("server")))
    assert (own / "cmdline").read_bytes().startswith(b"/probe\0serve\0")
    engine.docker("rm", "--force", "server")


def test_default_profile_forbids_namespaces(engine, probe_image):
    result = engine.run("run", "--rm", "--cap-add", "NET_ADMIN", probe_image, "try", "fork", "clone-user", "clone-net",
                        "clone-user-net", "unshare-user", "clone3-user")
    assert result.json == {"fork": "OK", "clone-user": "EPERM", "clone-net": "EPERM", "clone-user-net": "EPERM",
                           "unshare-user": "EPERM", "clone3-user": "ENOSYS"}


def test_one_more_rule_lets_exactly_the_jail_pass(engine, probe_image, flags):
    result = engine.run("run", "--rm", *flags, probe_image, "try", "fork", "clone-user", "clone-net", "clone-user-net",
                        "clone-mount", "unshare-user", "unshare-net", "clone3-user", "mount", "nft-table")
    assert result.json == {"fork": "OK", "clone-user": "EPERM", "clone-net": "EPERM", "clone-user-net": "OK",
                           "clone-mount": "EPERM", "unshare-user": "EPERM", "unshare-net": "EPERM",
                           "clone3-user": "ENOSYS", "mount": "EPERM", "nft-table": "OK"}


def test_terminal(engine, probe_image):
    with engine.start("run", "--rm", "--interactive", "--tty", probe_image, "status", tty=True) as process:
        assert process.wait(engines.COMMAND_TIMEOUT).json["terminal"]["isatty"] == [True] * 3


def test_machine_is_untouched(engine):
    """The engine's bridge and rules are in its own network namespace, its mounts in its own mount namespace."""
    assert "docker0" in engine.net.tool("ip", "link")
    assert "docker0" not in pathlib.Path("/proc/net/dev").read_text()
    assert str(engine.directory) not in pathlib.Path("/proc/self/mountinfo").read_text()
