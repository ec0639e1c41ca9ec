# SPDX-License-Identifier: MIT
"""What boundary-init makes in the container's network namespace goes with it; what it did not make, it never touches."""

import signal

import pytest

import ways
from agent import FAMILIES, TABLE, Agent, allow
from sandbox import DOCKER_CAPS, NET_ADMIN
from wire import Wire

IPV6_FORWARDING_OFF = ("boundary-init: jail: IPv6 rules: IPv6 forwarding is off and /proc/sys is read-only. "
                       "Start with --sysctl net.ipv6.conf.all.forwarding=1\n")


def network(box):
    """Everything that there is to know about a network namespace, as text: compare before and after."""
    looks = [("nft", "list", "ruleset"), ("ip", "-details", "link"), ("ip", "addr"), ("ip", "rule"), ("ip", "-6", "rule"),
             ("ip", "route", "show", "table", "all"), ("ip", "-6", "route", "show", "table", "all"),
             ("grep", "-rs", ".", "/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/conf", "/proc/sys/net/ipv4/ip_forward")]
    ways.until(lambda: "tentative" not in box.tool("ip", "addr"), "all addresses are usable")  # what eth0 had to begin with
    return {look: sorted(box.tool(*look, check=False).splitlines()) for look in looks}


def forwards(box, link, family="ipv4"):
    return box.tool("cat", f"/proc/sys/net/{family}/conf/{link}/forwarding").strip() == "1"


@pytest.fixture
def unforwarding(net):
    """A container that forwards nothing, with /proc/sys read-only as in Docker."""
    with net.container(ip_forward=False) as container:
        yield container


# ---- nothing is changed


NOT_STARTED = {
    "option": (["--nonsense", "/probe"], "boundary-init: options: option '--nonsense': unknown."),
    "rule": (["--allow", "cidr=10.0.0.300", "/probe"], "boundary-init: rule: 'cidr=10.0.0.300', column 6: not an address"),
    "no program": ([], "boundary-init: options: program: missing."),
    "publish": (["--publish", "0", "/probe"], "boundary-init: options: --publish '0': not a port to publish."),
    "user": (["--user", "nobody", "/probe"], "boundary-init: user: 'nobody': not in the image's /etc/passwd."),
    "agent-caps": (["--agent-caps=fly", "/probe"], "boundary-init: options: --agent-caps 'fly': not a list of capabilities."),
    "no-userns": (["--jail=veth", "--no-userns", "/probe"], "boundary-init: plan: --no-userns: CAP_SYS_ADMIN is missing."),
    "jail": (["--jail=cell", "/probe"], "boundary-init: options: --jail 'cell': unknown. It is one of auto,veth,loopback,container,none"),
}


@pytest.mark.parametrize("why", NOT_STARTED)
def test_nothing_is_changed_when_the_start_fails(box, why):
    arguments, text = NOT_STARTED[why]
    before = network(box)
    result = box.run(arguments)
    assert (result.code, result.out) == (125, "")
    assert result.err.startswith(text) and result.err.count("\n") == 1
    assert network(box) == before


@pytest.mark.parametrize("caps", [frozenset(), DOCKER_CAPS, NET_ADMIN])
def test_nothing_is_changed_without_the_capabilities(net, caps):
    with net.container(caps=caps, ip_forward=False) as box:
        before = network(box)
        result = box.run(["--jail=veth", *allow(f"{net.allowed.v4} port=80"), "/probe"])
        assert (result.code, result.out) == (125, "")
        assert "CAP_" in result.err
        assert network(box) == before


def test_nothing_is_changed_when_user_namespaces_are_forbidden(net):
    with net.container(user_namespaces=False) as box:
        before = network(box)
        result = box.run(["--jail=veth", *allow(f"{net.allowed.v4} port=80"), "/probe"])
        assert (result.code, result.out, result.err) == (125, "", (
            "boundary-init: jail: namespaces: no user or network namespace is left. Raise user.max_user_namespaces and "
            "user.max_net_namespaces on the host, or start with --jail=container and --cap-add NET_ADMIN\n"))
        assert network(box) == before


def test_ipv6_rules_where_forwarding_is_off_and_cannot_be_switched_on(net, unforwarding):
    """This fails late, when everything else stands already."""
    before = network(unforwarding)
    program = [*allow(f"{net.allowed.v4} port=80", f"{net.allowed.v6} port=80"), "/probe", "say", "started"]
    result = unforwarding.run(["--jail=veth", *program])
    assert (result.code, result.out, result.err) == (125, "", IPV6_FORWARDING_OFF)
    assert network(unforwarding) == before
    result = unforwarding.run(program)  # the next mode then, which forwards nothing
    assert (result.code, result.out) == (0, "started\n")
    assert result.err == ("boundary-init: jail: loopback; not veth: IPv6 rules: IPv6 forwarding is off and /proc/sys is "
                          "read-only\n")
    assert network(unforwarding) == before


@pytest.mark.parametrize("forwarding", [True, False])
def test_print_plan_changes_nothing(net, forwarding):
    with net.container(ip_forward=forwarding, writable_proc_sys=True) as box:
        before = network(box)
        result = box.run(["--print-plan", *allow(f"{net.allowed.v4} port=80", f"{net.allowed.v6} port=80"), "--publish=80",
                          "/probe", "say", "started"])
        assert (result.code, result.err) == (0, "") and "started" not in result.out.split("program")[0]
        assert f"table inet {TABLE} {{" in result.out
        assert network(box) == before


# ---- removal at exit


@pytest.mark.parametrize("way", ["exit", "code", "kill", "term", "not found"])
@pytest.mark.parametrize("forwarding", [True, False])
def test_everything_is_gone_at_the_end(net, way, forwarding):
    with net.container(ip_forward=forwarding, writable_proc_sys=True) as box:
        before = network(box)
        program = {"exit": ["/probe", "exit", "0"], "code": ["/probe", "exit", "41"], "kill": ["/probe", "kill-self", "9"],
                   "term": ["/probe", "signals", "7"], "not found": ["/nowhere"]}[way]
        rules = allow(f"{net.allowed.v4} port=80", f"{net.allowed.v6} port=80")
        with box.start([*rules, "--publish=80", "--", *program]) as process:
            if way == "term":
                process.expect("ready")
                assert network(box) != before
                process.signal(signal.SIGTERM)
            result = process.wait()
        assert result.code == {"exit": 0, "code": 41, "kill": 137, "term": 7, "not found": 127}[way]
        assert network(box) == before


def test_rules_and_links_of_others_stay(net, box):
    box.tool("nft", "add table inet mine; add chain inet mine input { type filter hook input priority 5; }; "
                    "add rule inet mine input tcp dport 1 drop")
    box.ip("link add other type veth peer name another")
    before = network(box)
    with Agent(box, *allow(f"{net.allowed.v4} port=80")) as agent:
        assert "table inet mine" in box.nft() and f"table inet {TABLE}" in box.nft()
        assert agent.end().code == 0
    assert network(box) == before


# ---- forwarding


def test_forwarding_of_eth0_is_switched_on_for_the_time(net, unforwarding):
    with Agent(unforwarding, *allow(f"{net.allowed.v4} port=80")) as agent:
        assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {unforwarding.v4}"
        assert [forwards(unforwarding, link) for link in ("eth0", "jail0", "lo", "all")] == [True, True, False, False]
        assert not forwards(unforwarding, "eth0", "ipv6")
        assert agent.end().code == 0
    assert not forwards(unforwarding, "eth0")


def test_without_ipv4_rules_nothing_is_forwarded(net, unforwarding):
    with Agent(unforwarding) as agent:
        assert [forwards(unforwarding, link) for link in ("eth0", "jail0")] == [False, False]
        assert agent.do("connect", net.allowed.v4, 80)["errno"] == "ECONNREFUSED"


def test_the_container_does_not_become_a_router(net, unforwarding):
    """Where forwarding was off, what a neighbour sends through the container ends there, as before."""
    elsewhere = "192.0.2.99"
    with Agent(unforwarding, *allow(f"{net.allowed.v4} port=80")) as agent:
        net.router.ip(f"route add {elsewhere} via {unforwarding.v4}")
        try:
            with Wire(net, unforwarding) as wire:
                assert net.denied.probe("udp", elsewhere, "53").json["errno"] == "ETIMEDOUT"
                assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"
                assert len(wire.packets(destination=elsewhere)) == 1  # on its way in, and never out again
        finally:
            net.router.ip(f"route del {elsewhere}")


def test_ipv6_forwarding_is_switched_on_for_the_time_where_it_can_be(net):
    with net.container(ip_forward=False, writable_proc_sys=True) as box:
        before = network(box)
        with Agent(box, *allow(f"{net.allowed.v6} port=80")) as agent:
            assert agent.do("connect", net.allowed.v6, 80)["reply"] == f"allowed {box.v6}"
            assert forwards(box, "all", "ipv6")
            assert agent.end().code == 0
        assert network(box) == before


# ---- a run that was killed


def killed_run(box, *rules):
    """Kills PID 1 with a jail that stays: something still holds its network namespace, and so its link."""
    agent = Agent(box, *allow(*rules))
    jail = agent.jail()
    agent.process.kill()
    agent.close()
    return jail


def link_names(box):
    return {link["ifname"] for link in box.ip_json("link")}


@pytest.mark.parametrize("link_stays", [True, False])
def test_leftover_is_replaced_at_the_next_start(net, box, link_stays):
    before = network(box)
    with killed_run(box, f"{net.denied.v4} port=80") as jail:
        assert TABLE in box.nft() and net.denied.v4 in box.nft() and "jail0" in link_names(box)
        if not link_stays:
            box.ip("link del jail0")
        plan = box.run(["--print-plan", "/probe"]).out
        assert f"replace       table inet {TABLE} of a run that was killed\n" in plan
        assert ("remove        link 1048576 of a run that was killed\n" in plan) == link_stays
        with Agent(box, *allow(f"{net.allowed.v4} port=80", f"{net.allowed.v6} port=80")) as agent:
            for family in FAMILIES:
                assert agent.do("connect", getattr(net.allowed, family), 80)["errno"] == "OK"
                assert agent.do("connect", getattr(net.denied, family), 80)["errno"] == "ECONNREFUSED"
            assert box.nft().count("table ") == 1 and net.denied.v4 not in box.nft()
            assert link_names(box) == {"lo", "eth0", "jail0"}
            assert {link["ifname"] for link in jail.ip_json("link")} == {"lo"}
            assert agent.end().code == 0
    assert network(box) == before


def test_leftover_does_not_let_anything_through_meanwhile(net, box):
    """Whoever still holds the dead jail's network is bounded as before: rules outlive the wire, never the other way."""
    with Wire(net, box) as wire, killed_run(box, f"{net.allowed.v4} port=80") as jail:
        jail.tool("nft", "flush", "ruleset")
        assert jail.probe("connect", net.denied.v4, "80").json["errno"] == "ECONNREFUSED"
        assert not wire.packets(destination=net.denied.v4)


def test_a_living_neighbour_is_no_leftover(net, box):
    with Agent(box, *allow(f"{net.allowed.v4} port=80")) as living:
        with killed_run(box, f"{net.allowed.v4} port=80"):
            assert {"jail0", "jail1"} < link_names(box)
            with Agent(box, *allow(f"{net.allowed.v4} port=80")) as next_one:
                for agent in living, next_one:
                    assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"
                next_one.end()
        assert living.do("connect", net.allowed.v4, 80)["errno"] == "OK"
        assert "boundary_init_1" not in box.nft()
        living.end()
    assert box.nft() == "" and link_names(box) == {"lo", "eth0"}


def test_forwarding_is_restored_even_if_a_run_was_killed(net, unforwarding):
    killed_run(unforwarding, f"{net.allowed.v4} port=80").close()
    with Agent(unforwarding, *allow(f"{net.allowed.v4} port=80")) as agent:
        assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"
        assert 'iif "eth0" drop' in unforwarding.nft()
        assert agent.end().code == 0
    assert not forwards(unforwarding, "eth0")
