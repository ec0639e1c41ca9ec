# SPDX-License-Identifier: MIT
"""The kernel's part in what the gate decides: what it leads there, what it refuses by itself, how its rules change."""

import contextlib
import errno
import json
import socket
import time

import pytest

from agent import EVERYTHING, FAMILIES, TABLE, Agent, address_of, allow, server_in_container
from sandbox import PROBE
from wire import Wire

AT_ONCE = 1000  # microseconds
POLICY = "/etc/boundary/policy"
POOL = {"v4": "198.18.0.5", "v6": "fd62:6f75:6e64:6172:6e61:6d65:7300:5"}
LOOPBACK = {"v4": "127.0.0.1", "v6": "::1"}
SOCKET_FAMILY = {"v4": socket.AF_INET, "v6": socket.AF_INET6}
REFUSED_OUTSIDE = {"v4": "EHOSTUNREACH", "v6": "EACCES"}  # by the container's side alone


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


def deny(*rules):
    return [argument for rule in rules for argument in ("--deny", f"cidr={rule}")]


# ---- by address


def test_denied_by_address_on_both_sides(net, box, family):
    """Whatever else is allowed; and on the container's side also where the agent has thrown its own rules away."""
    host = getattr(net.allowed, family)
    options = [*allow(*EVERYTHING), *deny(f"{host} port=443,8000-9000", f"{host} proto=udp port=80")]
    with Wire(net, box) as wire, Agent(box, "--agent-caps=net_admin", *options) as agent, agent.jail() as jail:
        for flushed in False, True:
            if flushed:
                jail.tool("nft", "flush", "ruleset")
            for port in 443, 8080:
                refused = agent.do("connect", host, port)
                assert refused["errno"] == "ECONNREFUSED" and refused["us"] < 20 * AT_ONCE
            assert agent.do("udp", host, 80)["errno"] == (REFUSED_OUTSIDE[family] if flushed else "EPERM")
            assert not wire.packets(destination=host)
        assert agent.do("connect", host, 80)["errno"] == "OK"
        assert agent.do("udp", host, 443)["errno"] == "OK"


def test_only_a_resolver_that_a_rule_names_is_asked(net, box, family):
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    with Wire(net, box) as wire, Agent(box, *allow(*EVERYTHING, f"{allowed} proto=udp port=53")) as agent:
        assert agent.do("udp", allowed, 53)["reply"] == f"allowed {getattr(box, family)}"
        assert agent.do("udp", denied, 53)["reply"] == ""
        assert agent.do("udp", denied, 80)["errno"] == "OK"
        assert not wire.packets(destination=denied, destination_port=53)


def test_names_have_no_way_around_the_gate(net, box, family):
    """QUIC and ping to an address that stands for a name: not even a rule for everything lets them out."""
    with Wire(net, box) as wire, Agent(box, "--agent-caps=net_raw", *allow(*EVERYTHING)) as agent:
        for command in (("udp", POOL[family], 443), ("ping", POOL[family])):
            refused = agent.do(*command)
            assert refused["errno"] == "EPERM" and refused["us"] < 20 * AT_ONCE
        agent.do("connect", POOL[family], 443)
        assert not wire.packets(destination=POOL[family])


def test_host_with_a_name_is_reached_directly_where_a_rule_says_so(net, box, family):
    host = getattr(net.allowed, family)
    box.write("/etc/hosts", f"{host} a-host\n")
    with Wire(net, box) as wire, Agent(box, *allow(f"{host} port=80")) as agent:
        assert agent.do("connect", host, 443)["reply"] == ""
        assert agent.do("udp", host, 443)["errno"] == "EPERM"
        assert not wire.packets(destination=host)
        assert agent.do("connect", host, 80)["reply"] == f"allowed {getattr(box, family)}"


# ---- the sockets of the gate


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_sockets_of_the_gate_cannot_be_shared(box, family, kind):
    with Agent(box) as agent, agent.jail() as jail:
        for address in LOOPBACK[family], {"v4": "0.0.0.0", "v6": "::"}[family]:
            for port in 31053, 31080:
                with jail.socket(SOCKET_FAMILY[family], kind) as thief:
                    thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                    if (port, kind) == (31080, socket.SOCK_DGRAM):  # the gate has none
                        thief.bind((address, port))
                        continue
                    with pytest.raises(OSError) as refused:
                        thief.bind((address, port))
                    assert refused.value.errno == errno.EADDRINUSE


def packets_in(path):
    return [record for record in map(json.loads, path.read_text().splitlines()) if record["event"] == "packet"]


def test_agent_that_does_nothing_leaves_no_packet_in_the_log(net, box):
    """The jail's own kernel speaks to its link: multicast listener reports, router solicitations."""
    log = box.root / "tmp/audit"
    with Agent(box, "--audit=/tmp/audit", "--log-level=debug") as agent:
        time.sleep(1.5)
        assert packets_in(log) == []
        agent.do("connect", net.denied.v6, 25)
        deadline = time.monotonic() + 3
        while not packets_in(log):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert [packet["address"] for packet in packets_in(log)] == [net.denied.v6]


def test_to_observe_is_to_let_out_by_address_too(net, box, family):
    denied, own = getattr(net.denied, family), getattr(box, family)
    with Agent(box, "--observe", *deny(f"{denied} port=8080")) as agent, server_in_container(agent.process):
        assert agent.do("connect", denied, 80)["reply"] == f"denied {own}"
        assert agent.do("udp", denied, 80)["reply"] == f"denied {own}"
        assert agent.do("connect", denied, 8080)["errno"] == "ECONNREFUSED"
        for address in own, address_of(box, "jail0", family):  # the container itself is no one's to observe
            assert agent.do("connect", address, 9000)["errno"] == "ECONNREFUSED"


# ---- other rules while the agent runs


class Ruled(Agent):
    """An agent of another user, with a policy file that can be changed."""

    def __init__(self, box, *rules, options=()):
        self.file = box.root / POLICY[1:]
        box.write(POLICY, "\n".join(rules) + "\n")
        super().__init__(box, f"--policy={POLICY}", "--user=agent", *options)

    def change(self, *rules):
        self.file.write_text("\n".join(rules) + "\n")

    def eventually(self, host, expected, seconds=3.0):
        """Waits until connections to these ports of the host end like this: {80: 'OK'}."""
        deadline = time.monotonic() + seconds
        while (found := {port: self.do("connect", host, port)["errno"] for port in expected}) != expected:
            assert time.monotonic() < deadline, found


@contextlib.contextmanager
def connection(jail, family, host, port):
    with jail.socket(SOCKET_FAMILY[family], socket.SOCK_STREAM) as one:
        one.settimeout(3)
        one.connect((host, port))
        yield one


def echoes(connected, word):
    connected.sendall(word)
    return connected.recv(len(word)) == word


def test_rules_by_address_change_and_what_is_open_goes_on(net, box, family):
    host = getattr(net.allowed, family)
    rules = [f"allow cidr={host} port=7007", f"allow cidr={host} port=80"], [f"allow cidr={host} port=443"]
    with net.allowed.start(PROBE, "echo", "::", "7007") as server:
        server.expect("ready")
        with Ruled(box, *rules[0]) as agent:
            with agent.jail() as jail, connection(jail, family, host, 7007) as opened:
                assert echoes(opened, b"before")
                for count in range(3):
                    agent.change(*rules[1])
                    agent.eventually(host, {80: "ECONNREFUSED", 443: "OK", 7007: "ECONNREFUSED"})
                    assert echoes(opened, b"then %d" % count)
                    agent.change(*rules[0])
                    agent.eventually(host, {80: "OK", 443: "ECONNREFUSED", 7007: "OK"})
                agent.change(*rules[0], f"deny cidr={host} port=80")
                agent.eventually(host, {80: "ECONNREFUSED", 7007: "OK"})
            result = agent.end()
    assert result.code == 0 and "boundary-init:" not in result.err and TABLE not in box.nft()


def test_first_rule_by_address_needs_another_start(net, box):
    with Ruled(box, "allow domain=example.com") as agent:
        agent.change("allow domain=example.com", f"allow cidr={net.allowed.v4}")
        agent.process.expect(f"boundary-init: rule: 'cidr={net.allowed.v4}': it needs forwarding or other addresses, "
                             "which are set up at the start. Start the container anew with this rule\n", stream="err")
        assert agent.do("connect", net.allowed.v4, 80)["errno"] == "ECONNREFUSED"


def test_agent_cannot_hold_off_a_narrower_policy(net, box, family):
    """With CAP_NET_ADMIN in its jail it can make its own rules impossible to replace, but not the container's."""
    host = getattr(net.allowed, family)
    rules = [f"allow cidr={host} port=80", f"allow cidr={host} port=443"]
    with Ruled(box, *rules, options=["--agent-caps=net_admin"]) as agent, agent.jail() as jail:
        jail.tool("nft", "flush", "ruleset")
        with jail.start("nft", "-i", stdin="pipe") as owner:
            owner.write(f"add table inet {TABLE} {{ flags owner; }}\nlist tables\n")
            owner.expect(TABLE)
            assert {agent.do("connect", host, port)["errno"] for port in (80, 443)} == {"OK"}
            agent.change(rules[0])
            agent.process.expect("boundary-init: jail: table: ", stream="err")
            assert agent.do("connect", host, 80)["errno"] == "OK"
            assert agent.do("connect", host, 443)["errno"] == "ECONNREFUSED"
        agent.change(rules[1])
        agent.eventually(host, {80: "ECONNREFUSED", 443: "OK"})
        assert "chain names" in jail.nft()
