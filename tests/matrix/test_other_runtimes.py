# SPDX-License-Identifier: MIT
"""Podman, rootless too, a container of a Kubernetes pod, gVisor: which jail boundary-init makes under which conditions,
that it holds, or that it is refused in one line. The table is other.txt."""

import pathlib
import re

import pytest

from image import Conditions  # first: it lets the next lines find their modules

import runtimes as all_runtimes  # noqa: I001
from containers import ALLOWED, CAPABILITY_SETS, DENIED, NO_CAPABILITY
from process import json_lines

TABLE = pathlib.Path(__file__).with_name("other.txt")
OWN_FAILURE = 125
MODES = ("veth", "loopback", "container")

ADMIN = {"add": ("NET_ADMIN",)}
NONE = {"drop": ("ALL",)}
MOBY, RULE, UNCONFINED = {"seccomp": "moby"}, {"seccomp": "rule"}, {"seccomp": "unconfined"}
USER = {"user": "1000:1000"}
# What the policy "restricted" of Kubernetes' Pod Security Standards asks for.
RESTRICTED = {**NONE, **USER, "no_new_privs": True}
HARDENED = {**RESTRICTED, "read_only": True}

# row: (runtime, conditions). For Kubernetes, RuntimeDefault is what containerd calls its default profile, and Localhost
# the same with the one rule more; without a seccompProfile a container has none.
ROWS = {
    "podman": ("podman", {}),
    "podman, NET_ADMIN": ("podman", ADMIN),
    "podman, cap-drop ALL": ("podman", NONE),
    "podman, hardened": ("podman", HARDENED),
    "podman, user 1000": ("podman", USER),
    "podman, user 1000, NET_ADMIN": ("podman", {**USER, **ADMIN}),
    "podman, seccomp unconfined": ("podman", UNCONFINED),
    "podman, seccomp of Moby": ("podman", MOBY),
    "podman, seccomp of Moby, NET_ADMIN": ("podman", {**MOBY, **ADMIN}),
    "podman, seccomp of Moby and the rule": ("podman", RULE),
    "podman with runc": ("podman-runc", {}),
    "podman with runc, NET_ADMIN": ("podman-runc", ADMIN),
    "podman with runc, seccomp of Moby, NET_ADMIN": ("podman-runc", {**MOBY, **ADMIN}),
    "rootless podman": ("rootless", {}),
    "rootless podman, NET_ADMIN": ("rootless", ADMIN),
    "rootless podman, cap-drop ALL": ("rootless", NONE),
    "rootless podman, hardened": ("rootless", HARDENED),
    "rootless podman, seccomp of Moby": ("rootless", MOBY),
    "rootless podman, seccomp of Moby, NET_ADMIN": ("rootless", {**MOBY, **ADMIN}),
    "rootless podman with runc": ("rootless-runc", {}),
    "rootless podman with runc, NET_ADMIN": ("rootless-runc", ADMIN),
    "kubernetes, no profile": ("kubernetes", UNCONFINED),
    "kubernetes, no profile, NET_ADMIN": ("kubernetes", {**UNCONFINED, **ADMIN}),
    "kubernetes, RuntimeDefault": ("kubernetes", MOBY),
    "kubernetes, RuntimeDefault, NET_ADMIN": ("kubernetes", {**MOBY, **ADMIN}),
    "kubernetes, Localhost": ("kubernetes", RULE),
    "kubernetes, Localhost, NET_ADMIN": ("kubernetes", {**RULE, **ADMIN}),
    "kubernetes, Localhost, user 1000, NET_ADMIN": ("kubernetes", {**RULE, **USER, **ADMIN}),
    "kubernetes, restricted, RuntimeDefault": ("kubernetes", {**RESTRICTED, **MOBY}),
    "kubernetes, restricted, Localhost": ("kubernetes", {**RESTRICTED, **RULE}),
    "gvisor": ("gvisor", {}),
    "gvisor, NET_ADMIN": ("gvisor", ADMIN),
    "gvisor, restricted": ("gvisor", RESTRICTED),
}


def read_table():
    """{row: expected}, in the order of the file."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(re.split(r"\s{2,}", line, maxsplit=1) for line in lines)


EXPECTED = read_table()
AUDIT = ["--audit=stderr", "--allow", f"domain={ALLOWED}", "--"]


@pytest.fixture(params=EXPECTED)
def row(request):
    return request.param


@pytest.fixture
def runtime(runtimes, row):
    return runtimes(ROWS[row][0])


@pytest.fixture
def conditions(row):
    return Conditions(**ROWS[row][1])


def test_the_table_has_every_row():
    assert list(EXPECTED) == list(ROWS) and {name for name, _ in ROWS.values()} == set(all_runtimes.NAMES)
    assert all(expected in MODES or expected.startswith("refused: ") for expected in EXPECTED.values())


def mode_that_follows(runtime, conditions):
    """From what a container of these conditions may do, as the probe in the place of boundary-init finds it."""
    result = runtime.run(["seq", "status", ",", "try", "clone-user-net", "socket-netlink-netfilter"], conditions,
                         entrypoint="/probe")
    assert result.code == 0, result
    status, may = result.jsons
    clone, admin = may["clone-user-net"] == "OK", bool(int(status["CapEff"], 16) >> 12 & 1)
    if may["socket-netlink-netfilter"] != "OK":
        return "refused"
    return {(True, True): "veth", (True, False): "loopback", (False, True): "container",
            (False, False): "refused"}[clone, admin]


def test_expected_mode_follows_from_what_the_runtime_allows(runtime, conditions, row):
    assert mode_that_follows(runtime, conditions) == EXPECTED[row].partition(":")[0]


def assert_refused(result, why):
    """boundary-init has not started the agent, and has said why in one line."""
    assert (result.code, result.out) == (OWN_FAILURE, ""), result
    assert re.fullmatch(f"boundary-init: [^\n]*{re.escape(why)}[^\n]*\n", result.err), result


def mode_of(result):
    """The jail that was made, of the audit's first record; any but the best one is also told to people."""
    mode, = [record["mode"] for record in json_lines(result.err) if record["event"] == "start"]
    told = re.findall("^boundary-init: jail: (.*)$", result.err, re.MULTILINE)
    assert [line.startswith(f"{mode}; not ") for line in told] == [True] * (mode != "veth"), result
    return mode


# What no rule allows, by address: (command, host, family).
BY_ADDRESS = [("connect", "denied", "v4"), ("connect", "allowed", "v4"), ("connect", "denied", "v6"),
              ("udp", "denied", "v4")]


def attempts(net):
    """Arguments for the probe that tries all of these, and then says that it has come so far."""
    hosts = {host.name: host for host in net.hosts}
    words = []
    for command, host, family in BY_ADDRESS:
        words += [command, getattr(hosts[host], family), "8080", ","]
    return ["seq", "status", ",", *words, "exit", "42"]


@pytest.mark.parametrize("name", all_runtimes.NAMES)
def test_without_boundary_init_every_host_is_reached(net, runtimes, name):
    """So what is refused below is refused by boundary-init."""
    runtime = runtimes(name)
    result = runtime.run(attempts(net), entrypoint="/probe")
    denied, allowed, denied6, udp = result.jsons[1:]
    assert [one["reply"] for one in (denied, allowed, udp)] == [
        f"{host} {runtime.address}" for host in ("denied", "allowed", "denied")], result
    if name.startswith("rootless"):  # slirp4netns, whose containers have IPv6
        assert denied6["reply"].startswith("denied "), result
    direct = runtime.run([DENIED], entrypoint="/agent")
    assert (direct.code, direct.out) == (0, f"denied {runtime.address}\n"), direct


def test_agent_is_bounded_or_refused(net, runtime, conditions, row):
    reached = runtime.run([*AUDIT, "/agent", ALLOWED], conditions)
    expected = EXPECTED[row]
    if expected not in MODES:
        assert_refused(reached, expected.removeprefix("refused: "))
        return
    assert (reached.code, reached.out) == (0, f"allowed {runtime.address}\n"), reached
    denied = runtime.run([*AUDIT, "/agent", DENIED], conditions)
    assert denied.code == 0 and denied.out.startswith("HTTP/1.1 403 Forbidden\r\n"), denied
    assert f"\r\n\r\nboundary-init: {DENIED}:80: no rule allows this name\n" in denied.out, denied
    last = runtime.run([*AUDIT, "/probe", *attempts(net)], conditions)
    status, *tries = last.jsons
    assert last.code == 42 and len(tries) == len(BY_ADDRESS), last
    assert not [one for one in tries if one["errno"] == "OK" or one["reply"]], last
    assert {name: status[name] for name in CAPABILITY_SETS} == dict.fromkeys(CAPABILITY_SETS, NO_CAPABILITY)
    assert status["NoNewPrivs"] == 1
    assert [mode_of(result) for result in (reached, denied, last)] == [expected] * 3
