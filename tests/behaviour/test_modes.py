# SPDX-License-Identifier: MIT
"""Which jail is made where: the order of auto and its word on it, and a mode that is named, which never becomes another."""

import pytest

import ways
from agent import FAMILIES, TABLE, Agent, allow
from filters import NO_NAMESPACES
from sandbox import DOCKER_CAPS, NET_ADMIN
from test_leftovers import network

SYS_ADMIN = frozenset({"sys_admin"})
CAPS = {"none": frozenset(), "net_admin": NET_ADMIN, "sys_admin": SYS_ADMIN, "both": NET_ADMIN | SYS_ADMIN,
        "docker": DOCKER_CAPS, "docker and net_admin": DOCKER_CAPS | NET_ADMIN, "setfcap": frozenset({"setfcap"})}

NOBODY = ("boundary-init: warning: agent: uid 0 cannot be mapped into its user namespace, so it sees itself as nobody. "
          "Add --cap-add SETFCAP\n")
MISSING = "CAP_NET_ADMIN is missing"
STARTS_WITHOUT = f"{MISSING}, because uid 1000 starts without capabilities"
BLOCKED = "namespaces: blocked by the seccomp profile"
NO_SETFCAP = "uid map: CAP_SETFCAP is missing, without which uid 0 cannot be mapped into a user namespace"
BY_PROFILE = "Start with --security-opt seccomp=FILE, a profile made by boundary-init --seccomp-profile"
BY_CAPABILITY = "Add --cap-add NET_ADMIN"

# (whether clone may make namespaces, what root has): the mode, and why not those before it
AS_ROOT = {
    (True, "none"): ("loopback", f"veth, container: {MISSING}"),
    (True, "net_admin"): ("container", f"veth, loopback: {NO_SETFCAP}"),
    (True, "sys_admin"): ("loopback", f"veth, container: {MISSING}"),
    (True, "both"): ("container", f"veth, loopback: {NO_SETFCAP}"),
    (True, "docker"): ("loopback", f"veth: {MISSING}"),
    (True, "docker and net_admin"): ("veth", None),
    (True, "setfcap"): ("loopback", f"veth: {MISSING}"),
    (False, "none"): (None, BY_CAPABILITY),
    (False, "net_admin"): ("container", f"veth, loopback: {BLOCKED}"),
    (False, "sys_admin"): (None, BY_CAPABILITY),
    (False, "both"): ("container", f"veth, loopback: {BLOCKED}"),
    (False, "docker"): (None, BY_CAPABILITY),
    (False, "docker and net_admin"): ("container", f"veth, loopback: {BLOCKED}"),
    (False, "setfcap"): (None, BY_CAPABILITY),
}


def account(mode, why):
    return f"boundary-init: jail: {mode}; not {why}\n" if why else ""


def no_mode(missing, remedy):
    return (f"boundary-init: jail: no mode is possible here: veth, container: {missing}; loopback: {BLOCKED}. {remedy}\n")


@pytest.mark.parametrize("clone, caps", AS_ROOT, ids=lambda value: {True: "clone", False: "no clone"}.get(value, value))
def test_auto_as_root(net, clone, caps):
    mode, why = AS_ROOT[clone, caps]
    with net.container(caps=CAPS[caps]) as box:
        before = network(box)
        result = box.run(["--audit=/dev/null", *allow(f"{net.allowed.v4} port=80"), "--", "/probe", "seq", "status", ",",
                          "connect", net.allowed.v4, "80", ",", "connect", net.denied.v4, "80"],
                         prepare=None if clone else NO_NAMESPACES)
        assert network(box) == before
    if not mode:
        assert (result.code, result.out, result.err) == (125, "", no_mode(MISSING, why))
        return
    nobody = mode == "loopback" and "container" in why
    assert result.err == (NOBODY if nobody else "") + account(mode, why)
    status, allowed, denied = result.jsons
    assert status["Uid"] == [65534 if nobody else 0] * 4 and status["CapEff"] == "0" * 16
    assert allowed["reply"] == f"allowed {box.v4}" and denied["errno"] == "ECONNREFUSED"


@pytest.mark.parametrize("clone", [True, False], ids=["clone", "no clone"])
@pytest.mark.parametrize("caps", CAPS)
def test_auto_as_another_user(net, clone, caps):
    """Who starts as uid 1000 has no capability, whatever the container has; it keeps its ids all the same."""
    missing = STARTS_WITHOUT if "net_admin" in CAPS[caps] else MISSING
    with net.container(caps=CAPS[caps]) as box:
        result = box.run(["--audit=/dev/null", *allow(f"{net.allowed.v4} port=80"), "--", "/probe", "seq", "status", ",",
                          "connect", net.allowed.v4, "80", ",", "connect", net.denied.v4, "80"],
                         user=1000, groups=(2000,), prepare=None if clone else NO_NAMESPACES)
    if not clone:
        assert (result.code, result.out, result.err) == (125, "", no_mode(missing, BY_PROFILE))
        return
    assert result.err == account("loopback", f"veth: {missing}" if "net_admin" in CAPS[caps] else f"veth: {MISSING}")
    status, allowed, denied = result.jsons
    assert (status["Uid"], status["Gid"]) == ([1000] * 4, [1000] * 4)
    assert (status["uid_map"].split(), status["gid_map"].split()) == (["1000", "1000", "1"], ["1000", "1000", "1"])
    assert allowed["reply"] == f"allowed {box.v4}" and denied["errno"] == "ECONNREFUSED"


def test_auto_goes_on_when_clone_fails_for_real(net):
    """No filter says so beforehand: the kernel does, when everything is planned."""
    with net.container(user_namespaces=False) as box:
        before = network(box)
        with Agent(box, *allow(f"{net.allowed.v4} port=80")) as agent:
            agent.process.pump()
            assert agent.process.err == ("boundary-init: jail: container; not veth, loopback: namespaces: no user or network "
                                         "namespace is left\n")
            assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {box.v4}"
            assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
            assert agent.end().code == 0
        assert network(box) == before


@pytest.mark.parametrize("caps", [frozenset(), DOCKER_CAPS])
def test_auto_when_clone_fails_and_nothing_else_is_possible(net, caps):
    with net.container(user_namespaces=False, caps=caps) as box:
        before = network(box)
        result = box.run(["/probe", "say", "started"])
        assert (result.code, result.out) == (125, "")
        assert result.err.startswith(f"boundary-init: jail: no mode is possible here: veth, container: {MISSING}; loopback: ")
        assert result.err.count("\n") == 1
        assert network(box) == before


def test_a_variable_names_the_mode_too(net, box):
    with Agent(box, env={"BOUNDARY_JAIL": "container"}) as agent:
        assert TABLE in box.nft() and len(box.ip_json("link")) == 2
        agent.process.pump()
        assert agent.process.err == ""


# ---- by name




MISSED = {  # (of the container, clone allowed, options): stage and object of the line
    "veth without net_admin": ("veth", {"caps": DOCKER_CAPS}, True, [], "plan: jail veth: CAP_NET_ADMIN is missing"),
    "veth without clone": ("veth", {}, False, [], "preflight: namespaces: blocked by the seccomp profile"),
    "veth without namespaces": ("veth", {"user_namespaces": False}, True, [], "jail: namespaces: no user or network"),
    "veth without forwarding": ("veth", {"ip_forward": False}, True, allow("2001:db8:a::10"), "jail: IPv6 rules: "),
    "loopback without clone": ("loopback", {}, False, [], "preflight: namespaces: blocked by the seccomp profile"),
    "loopback without namespaces": ("loopback", {"user_namespaces": False}, True, [], "jail: namespaces: no user or network"),
    "loopback with udp": ("loopback", {}, True, allow("203.0.113.10 proto=udp port=53"),
                          "plan: rule 'cidr=203.0.113.10 proto=udp port=53': a loopback jail lets out TCP alone"),
    "loopback with icmp": ("loopback", {}, True, allow("203.0.113.10 proto=icmp"),
                           "plan: rule 'cidr=203.0.113.10 proto=icmp': a loopback jail lets out TCP alone"),
    "loopback with publish": ("loopback", {}, True, ["--publish=80"], "plan: --publish: nothing leads into a loopback jail"),
    "loopback with no-userns": ("loopback", {"caps": DOCKER_CAPS | NET_ADMIN | SYS_ADMIN}, True, ["--no-userns"],
                                "plan: --no-userns: a loopback jail is made by a user namespace"),
    "container without net_admin": ("container", {"caps": DOCKER_CAPS}, True, [],
                                    "plan: jail container: CAP_NET_ADMIN is missing"),
    "container with agent-caps": ("container", {}, True, ["--agent-caps=net_raw"],
                                  "plan: --agent-caps: without a user namespace"),
}


@pytest.mark.parametrize("case", MISSED)
def test_a_mode_by_name_never_becomes_another(net, case):
    mode, container, clone, options, text = MISSED[case]
    with net.container(**container) as box:
        before = network(box)
        result = box.run([f"--jail={mode}", *options, "--", "/probe", "say", "started"],
                         prepare=None if clone else NO_NAMESPACES)
        stage, _ = ways.stage_and_rest(result)
        assert result.err.startswith(f"boundary-init: {text}"), (stage, result)
        assert network(box) == before


@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.parametrize("family", FAMILIES)
def test_loopback_without_any_capability(net, user, family):
    """Both families, by address and port; what else is asked for is refused at once; nothing is changed for the others."""
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    with net.container(caps=(), ip_forward=False) as box:
        before = network(box)
        with Agent(box, "--jail=loopback", *allow(f"{allowed} port=80,443"), user=user) as agent:
            agent.process.pump()
            assert agent.process.err == ("" if user else NOBODY)
            status = agent.do("status")
            assert status["Uid"] == [user or 65534] * 4
            assert agent.do("connect", allowed, 80)["reply"] == f"allowed {getattr(box, family)}"
            assert agent.do("connect", allowed, 8080)["errno"] == "ECONNREFUSED"
            assert agent.do("connect", denied, 80)["errno"] == "ECONNREFUSED"
            assert agent.do("udp", allowed, 80)["errno"] == "EPERM"
            assert network(box) == before
            assert agent.end().code == 0
        assert network(box) == before
