# SPDX-License-Identifier: MIT
"""The wall on the container's side of the wire: it holds against an agent that has CAP_NET_RAW and CAP_NET_ADMIN in its
jail, sends what it likes and has thrown its own rules away. What the router sees is the proof."""

import statistics

import pytest

import packets
from agent import EVERYTHING, FAMILIES, TABLE, Agent, address_of, allow, mac_of, server_in_container
from packets import ACK, ICMP, ICMPV6, NO_FLAGS, RST, SYN, Sender
from sandbox import PROBE
from wire import Wire

AT_ONCE = 1000  # microseconds
POWERS = "--agent-caps=net_raw,net_admin"
FORGED = {"v4": ["9.9.9.9", "127.0.0.1", "0.0.0.0"], "v6": ["2001:db8::9", "::1", "fe80::9", "::"]}


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


class Attacker:
    """An agent with both capabilities and without rules of its own; source, sender: its address and its frames."""

    def __init__(self, box, family, *rules):
        self.agent = Agent(box, POWERS, *allow(*rules))
        self.jail = self.agent.jail()
        self.sender = Sender(mac_of(self.jail, "eth0"), mac_of(box, "jail0"))
        self.source = address_of(self.jail, "eth0", family)
        self.do = self.agent.do
        self.jail.tool("nft", "flush", "ruleset")
        assert self.jail.nft() == ""

    def send(self, frame):
        assert self.do("frame", "eth0", frame)["errno"] == "OK"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.jail.close()
        self.agent.close()


def settle(attacker, host, port=80):
    """An allowed connection behind all that was sent before: what would have left has left."""
    assert attacker.do("connect", host, port)["errno"] == "OK"


def own_addresses(box, family):
    return [getattr(box, family), address_of(box, "jail0", family), {"v4": box.gateway4, "v6": box.gateway6}[family]]


def foreign_packets(wire, box, family):
    """What came from the container under a name that is not the container's. Neighbour discovery of the router itself and
    of eth0 is link-local and no one's traffic."""
    neighbours = {getattr(box, family), {"v4": box.gateway4, "v6": box.gateway6}[family]}
    return [packet for packet in wire.packets() if packet.source not in neighbours
            and not packet.source.startswith("fe80:") and (":" in packet.source) == (family == "v6")
            and packet.source != "::" and packet.destination != getattr(box, family)]


def test_agent_with_these_powers_can_change_its_own_jail_only(net, box):
    before = box.nft()
    with Agent(box, POWERS) as agent:
        during = box.nft()
        assert agent.do("try", "nft-table", "addr-add", "socket-packet", "socket-raw") == {
            "nft-table": "OK", "addr-add": "OK", "socket-packet": "OK", "socket-raw": "OK"}
        with agent.jail() as jail:
            assert "table ip t" in jail.nft()
        assert box.nft() == during
        assert agent.end().code == 0
    assert (before, box.nft()) == ("", "")


def test_rules_thrown_away_change_nothing(net, box, family):
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    with Wire(net, box) as wire, Attacker(box, family, f"{allowed} port=80", f"{allowed} proto=udp port=53") as attacker:
        assert attacker.do("connect", allowed, 80)["reply"] == f"allowed {getattr(box, family)}"
        assert attacker.do("udp", allowed, 53)["reply"] == f"allowed {getattr(box, family)}"
        for address, port in (denied, 80), (allowed, 443), (allowed, 53):
            tries = [attacker.do("connect", address, port) for _ in range(9)]
            assert {one["errno"] for one in tries} == {"ECONNREFUSED"}
            assert statistics.median(one["us"] for one in tries) < AT_ONCE
            assert not wire.packets(destination=address, destination_port=port, protocol=packets.TCP)
        for address, port in (denied, 53), (allowed, 80):
            refused = attacker.do("udp", address, port)
            assert refused["errno"] == {"v4": "EHOSTUNREACH", "v6": "EACCES"}[family] and refused["us"] < 50 * AT_ONCE
            assert not wire.packets(destination=address, destination_port=port, protocol=packets.UDP)
        assert attacker.do("ping", allowed)["errno"] != "OK"
        assert not wire.packets(protocol={"v4": ICMP, "v6": ICMPV6}[family], destination=allowed)


@pytest.mark.parametrize("kind", ["udp", "tcp", "icmp"])
def test_forged_sources_do_not_leave(net, box, family, kind):
    """Not even to where a rule leads, and not under the container's own name either."""
    host = getattr(net.allowed, family)
    with Wire(net, box) as wire, Attacker(box, family, *EVERYTHING) as attacker:
        make = {"udp": lambda source: attacker.sender.udp(source, host, 9999),
                "tcp": lambda source: attacker.sender.tcp(source, host, 9999),
                "icmp": lambda source: attacker.sender.icmp(source, host, packets.ECHO_REQUEST)}[kind]
        protocol = {"udp": packets.UDP, "tcp": packets.TCP, "icmp": {"v4": ICMP, "v6": ICMPV6}[family]}[kind]
        for source in FORGED[family] + own_addresses(box, family):
            attacker.send(make(source))
        settle(attacker, host)
        ports = {} if kind == "icmp" else {"destination_port": 9999}
        assert not wire.packets(destination=host, protocol=protocol, **ports)
        # The same frame with the true address does leave, under the container's.
        attacker.send(make(attacker.source))
        settle(attacker, host)
        assert {packet.source for packet in wire.packets(destination=host, protocol=protocol, **ports)} == {
            getattr(box, family)}


def test_forged_neighbour_discovery_does_not_leave(net, box):
    """Neighbour discovery is the one thing that may cross the wire under other addresses; it must end there."""
    host = net.allowed.v6
    with Wire(net, box) as wire, Attacker(box, "v6", *EVERYTHING) as attacker:
        for kind in packets.NEIGHBOUR_SOLICITATION, packets.NEIGHBOUR_ADVERTISEMENT:
            for source in FORGED["v6"] + own_addresses(box, "v6"):
                attacker.send(attacker.sender.neighbour(source, host, kind, host))
        settle(attacker, host)
        assert not wire.packets(destination=host, protocol=ICMPV6)


def test_icmp_of_no_connection_leaves_under_the_containers_name_or_not_at_all(net, box, family):
    """The kernel tracks no connection for these, and translates only what it tracks."""
    host = getattr(net.allowed, family)
    kinds = {"v4": (0, 3, 5, 11, 14), "v6": (1, 3, 129, 130, 131, 132, 133, 134, 135, 136, 137, 143)}[family]
    with Wire(net, box) as wire, Attacker(box, family, *EVERYTHING) as attacker:
        for kind in kinds:
            attacker.send(attacker.sender.icmp(attacker.source, host, kind, b"\0" * 20))
        settle(attacker, host)
        assert not foreign_packets(wire, box, family)


def test_tcp_of_no_connection_leaves_under_the_containers_name_or_not_at_all(net, box, family):
    """Late resets and retransmissions are such segments too, without any malice."""
    host = getattr(net.allowed, family)
    with Wire(net, box) as wire, Attacker(box, family, *EVERYTHING) as attacker:
        for flags in NO_FLAGS, RST, ACK, RST | ACK, SYN | RST, 0x3f:
            attacker.send(attacker.sender.tcp(attacker.source, host, 80, flags))
        settle(attacker, host)
        assert not foreign_packets(wire, box, family)


def test_addresses_and_routes_of_its_own_do_not_help(net, box, family):
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    own = getattr(box, family)
    near, far = {"v4": ("10.200.114.77", "9.9.9.9"), "v6": ("fd62:6f75:6e64:6172::77", "2001:db8::9")}[family]
    length, nodad = {"v4": ("/32", ""), "v6": ("/128", "nodad")}[family]
    with Wire(net, box) as wire, Attacker(box, family, f"{allowed} proto=udp port=53") as attacker:
        assert attacker.do("udp", allowed, 53)["reply"] == f"allowed {own}"
        seen = len(wire.packets(destination=allowed))
        gateway = address_of(box, "jail0", family)
        for address in near, far, own:
            attacker.jail.ip(f"addr add {address}{length} dev eth0 {nodad}")
        for to_allowed, to_denied in (near, far), (own, own):
            attacker.jail.ip(f"route replace {allowed}{length} via {gateway} src {to_allowed}\n"
                             f"route replace {denied}{length} via {gateway} src {to_denied}")
            with (attacker.jail.start(PROBE, "udp", allowed, "53") as one,
                  attacker.jail.start(PROBE, "udp", denied, "53") as two):
                assert (one.wait().json["errno"], two.wait().json["errno"]) == ("ETIMEDOUT", "ETIMEDOUT")
        assert not wire.packets(destination=denied)
        assert len(wire.packets(destination=allowed)) == seen
        attacker.jail.ip(f"route replace {allowed}{length} via {gateway} src {attacker.source}")
        assert attacker.do("udp", allowed, 53)["reply"] == f"allowed {own}"


def test_services_of_the_container_stay_out_of_reach(net, box, family):
    """The input side of the wall by itself; by packet socket also to addresses that the jail's routes do not lead to."""
    with Attacker(box, family, *EVERYTHING) as attacker, server_in_container(attacker.agent.process):
        for address in own_addresses(box, family)[:2]:
            assert attacker.do("connect", address, 9000)["errno"] == "ECONNREFUSED"
            assert attacker.do("udp", address, 9000)["errno"] in ("EHOSTUNREACH", "EACCES")
            assert attacker.do("ping", address)["errno"] != "OK"
        loopback = {"v4": "127.0.0.1", "v6": "::1"}[family]
        with attacker.jail.start("tcpdump", "-nni", "eth0", "-l", "-Q", "in", "udp", "port", "9000") as heard:
            heard.expect("listening on", stream="err")
            for address in [loopback] + [address_of(box, "eth0", "v6", "link"), "ff02::1"] * (family == "v6"):
                attacker.send(attacker.sender.udp(attacker.source, address, 9000))
            settle(attacker, getattr(net.allowed, family))
            heard.signal(2)
            assert heard.wait().out.strip() == ""


def test_agent_that_cuts_its_own_wire_hurts_only_itself(net, box):
    with Attacker(box, "v4", *EVERYTHING) as attacker:
        attacker.jail.ip("link del eth0")
        assert attacker.do("connect", net.allowed.v4, 80)["errno"] == "ENETUNREACH"
        assert attacker.agent.process.exec_run(["/probe", "connect", net.denied.v4, "80"]).json["reply"] == f"denied {box.v4}"
        result = attacker.agent.end()
    assert (result.code, result.err) == (0, "")
    assert TABLE not in box.nft()
