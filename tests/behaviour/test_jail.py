# SPDX-License-Identifier: MIT
"""What the agent reaches: by its rules, and nothing else; refused at once, whatever it tries."""

import statistics

import pytest

import packets
from agent import EVERYTHING, FAMILIES, Agent, address_of, allow, server_in_container
from sandbox import PROBE
from wire import Wire

AT_ONCE = 1000  # microseconds
NOT_LATE = 0.3  # seconds from the start of PID 1


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


def outcomes(agent, command, address, ports):
    """{port: 'OK' or the errno}."""
    return {port: agent.do(command, address, port)["errno"] for port in ports}


# ---- reached


@pytest.mark.parametrize("command, proto", [("connect", ""), ("connect", "proto=tcp"), ("udp", "proto=udp")])
def test_allowed_host_sees_the_address_of_the_container(net, box, family, command, proto):
    host, own = getattr(net.allowed, family), getattr(box, family)
    result = box.run([*allow(f"{host} {proto} port=80"), "--", "/probe", command, host, "80"])
    assert (result.code, result.json["reply"], result.err) == (0, f"allowed {own}", "")


def test_large_answers_come_through(net, box, family):
    host = getattr(net.allowed, family)
    with net.allowed.start(PROBE, "echo", "::", "7007") as server:
        server.expect("ready")
        with Agent(box, *allow(f"{host} port=7007")) as agent:
            assert agent.do("connect", host, 7007, "x" * 4000)["reply"] == "x" * 4000


@pytest.mark.parametrize("length4, length6, reached", [(24, 64, True), (25, 65, True), (0, 0, True), (32, 128, False)])
def test_cidr_covers_what_its_length_says(net, box, family, length4, length6, reached):
    """203.0.113.10 and 2001:db8:a::10 are in the lower halves of these networks; the /32 and /128 are their neighbours."""
    host = getattr(net.allowed, family)
    network = {0: {"v4": "0.0.0.0", "v6": "::"}, 32: {"v4": "203.0.113.11", "v6": "2001:db8:a::11"}}.get(
        length4, {"v4": "203.0.113.0", "v6": "2001:db8:a::"})[family]
    with Agent(box, *allow(f"{network}/{length4 if family == 'v4' else length6} port=80")) as agent:
        assert agent.do("connect", host, 80)["errno"] == ("OK" if reached else "ECONNREFUSED")
        other = agent.do("connect", getattr(net.denied, family), 80)["errno"]
        assert other == ("OK" if length4 == 0 else "ECONNREFUSED")


@pytest.mark.parametrize("command, proto, refused", [("connect", "tcp", "ECONNREFUSED"), ("udp", "udp", "EPERM")])
def test_lists_and_ranges_of_ports_end_where_they_end(net, box, family, command, proto, refused):
    host = getattr(net.allowed, family)
    served = [7000, 7001, 7002, 7003, 7004, 7010]
    with net.allowed.start(PROBE, "serve", "::", ",".join(map(str, served)), "allowed") as server:
        server.expect("ready")
        with Agent(box, *allow(f"{host} proto={proto} port=53,7001-7003,7010-7010")) as agent:
            got = outcomes(agent, command, host, [53, 80, *served])
    allowed = {53, 7001, 7002, 7003, 7010}
    assert got == {port: "OK" if port in allowed else refused for port in got}


@pytest.mark.parametrize("port", ["", "port=*", "port=1-65535"])
def test_any_port(net, box, family, port):
    host = getattr(net.allowed, family)
    with Agent(box, *allow(f"{host} {port}")) as agent:
        assert set(outcomes(agent, "connect", host, [80, 443, 8080]).values()) == {"OK"}
        assert agent.do("udp", host, 80)["errno"] == "EPERM"


def test_rules_add_up(net, box, family):
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    environment = {"BOUNDARY_ALLOW": f"cidr={denied} port=443\ncidr={denied} proto=udp port=53"}
    with Agent(box, *allow(f"{allowed} port=80", f"{allowed} port=443"), env=environment) as agent:
        assert outcomes(agent, "connect", allowed, [80, 443, 8080]) == {80: "OK", 443: "OK", 8080: "ECONNREFUSED"}
        assert outcomes(agent, "connect", denied, [80, 443]) == {80: "ECONNREFUSED", 443: "OK"}
        assert outcomes(agent, "udp", denied, [53, 80]) == {53: "OK", 80: "EPERM"}


def test_ping_where_a_rule_allows_it(net, box, family):
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    with Agent(box, "--agent-caps=net_raw", *allow(f"{allowed} proto=icmp")) as agent:
        assert agent.do("ping", allowed)["errno"] == "OK"
        refused = agent.do("ping", denied)
        assert refused["errno"] == "EPERM" and refused["us"] < AT_ONCE
        assert agent.do("connect", allowed, 80)["errno"] == "ECONNREFUSED"


def test_raw_sockets_need_the_capability(net, box, family):
    with Agent(box, *allow(*EVERYTHING)) as agent:
        assert agent.do("ping", getattr(net.allowed, family))["errno"] == "EACCES"


def test_no_rule_reaches_nothing(net, box, family):
    with Wire(net, box) as wire, Agent(box, "--agent-caps=net_raw") as agent:
        for host in net.allowed, net.denied:
            address = getattr(host, family)
            assert set(outcomes(agent, "connect", address, [80, 443]).values()) == {"ECONNREFUSED"}
            assert set(outcomes(agent, "udp", address, [80, 443]).values()) == {"EPERM"}
            assert agent.do("ping", address)["errno"] == "EPERM"
            assert agent.do("udp", address, 53)["reply"] == ""  # is for the gate to answer
            assert not wire.packets(destination=address)


def test_container_without_ipv6(net):
    with net.container(ipv6=False) as box:
        with Agent(box, *allow(f"{net.allowed.v4} port=80", f"{net.allowed.v6} port=80")) as agent:
            assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {box.v4}"
            refused = agent.do("connect", net.allowed.v6, 80)
            assert refused["errno"] in ("ENETUNREACH", "EADDRNOTAVAIL", "ECONNREFUSED") and refused["us"] < AT_ONCE
            result = agent.end()
    assert result.code == 0
    assert result.err == (f"boundary-init: warning: rule 'cidr={net.allowed.v6} port=80'. It matches nothing here: this "
                          "container has no IPv6 address\n")


# ---- refused at once


@pytest.mark.parametrize("what", ["host", "port", "proto"])
def test_tcp_is_refused_at_once(net, box, family, what):
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    address, port = {"host": (denied, 80), "port": (allowed, 443), "proto": (allowed, 8080)}[what]
    with Wire(net, box) as wire, Agent(box, *allow(f"{allowed} port=80", f"{allowed} proto=udp port=8080")) as agent:
        tries = [agent.do("connect", address, port) for _ in range(15)]
        assert {one["errno"] for one in tries} == {"ECONNREFUSED"}
        assert statistics.median(one["us"] for one in tries) < AT_ONCE
        assert not wire.packets(destination=address, destination_port=port)


def test_udp_is_refused_at_once(net, box, family):
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    with Wire(net, box) as wire, Agent(box, *allow(f"{allowed} proto=udp port=53", f"{allowed} port=80")) as agent:
        assert agent.do("udp", allowed, 53)["reply"] == f"allowed {getattr(box, family)}"
        for address, port in (denied, 443), (allowed, 80):
            tries = [agent.do("udp", address, port) for _ in range(15)]
            assert {one["errno"] for one in tries} == {"EPERM"}
            assert statistics.median(one["us"] for one in tries) < AT_ONCE
            assert not wire.packets(destination=address, destination_port=port)


def test_first_connection_is_never_late(net, box, family):
    host = getattr(net.allowed, family)
    arguments = [*allow(f"{host} port=80"), "--", "/probe", "connect", host, "80"]
    results = [box.run(arguments) for _ in range(30)]
    assert {result.json["errno"] for result in results} == {"OK"}
    assert max(result.seconds for result in results) < NOT_LATE


# ---- the container and its services


def test_services_of_the_container_are_not_reachable(net, box, family):
    """Not even by rules that allow everything, for these lead out of the container. Every address of every link, those of
    the jail's own link and link-local ones too, and what means 'this host' or 'everybody here'."""
    with Agent(box, *allow(*EVERYTHING)) as agent, server_in_container(agent.process):
        held = [entry for link in box.ip_json("addr") for entry in link["addr_info"] if entry["scope"] != "host"]
        by_scope = {scope: [entry["local"] for entry in held if entry["scope"] == scope and
                            entry["family"] == {"v4": "inet", "v6": "inet6"}[family]] for scope in ("global", "link")}
        assert getattr(box, family) in by_scope["global"] and len(by_scope["global"]) == 2
        for address in by_scope["global"]:
            tries = [agent.do("connect", address, 9000) for _ in range(9)]
            assert {one["errno"] for one in tries} == {"ECONNREFUSED"}
            assert statistics.median(one["us"] for one in tries) < AT_ONCE
            assert agent.do("udp", address, 9000)["errno"] in ("EACCES", "EHOSTUNREACH")
        odd = {"v4": ["0.0.0.0", "224.0.0.1", "255.255.255.255"], "v6": ["::", "ff02::1%eth0"]}[family]
        for address in [address + "%eth0" for address in by_scope["link"]] + odd:
            for command in "connect", "udp":
                outcome = agent.do(command, address, 9000)
                assert outcome["errno"] != "OK" and outcome["reply"] == "", address
        # All the while the service is there, for others.
        outside = net.denied.probe("connect", getattr(box, family), "9000")
        assert outside.json["reply"] == f"box {getattr(net.denied, family)}"


def test_container_finds_the_jail_again_when_it_has_forgotten_where_it_is(net, box, family):
    """Neighbour entries age within seconds. The container's kernel then has to ask anew, or answers to the agent are lost."""
    host = getattr(net.allowed, family)
    with Agent(box, *allow(f"{host} port=80")) as agent:
        assert agent.do("connect", host, 80)["errno"] == "OK"
        box.ip("neigh flush dev jail0")
        again = agent.do("connect", host, 80)
        assert again["errno"] == "OK" and again["us"] < 300_000


def test_loopback_is_the_jails_own(net, box, family):
    own = {"v4": "127.0.0.1", "v6": "::1"}[family]
    with Agent(box) as agent, server_in_container(agent.process):
        assert agent.do("connect", own, 9000)["errno"] == "ECONNREFUSED"
        agent.serve("::", "9000,9001", "jail")
        for command in "connect", "udp":
            for port in 9000, 9001:
                assert agent.do(command, own, port)["reply"] == f"jail {own}"
        assert agent.process.exec_run(["/probe", "connect", own, "9000"]).json["reply"] == f"box {own}"
        assert agent.process.exec_run(["/probe", "connect", own, "9001"]).json["errno"] == "ECONNREFUSED"


def test_other_containers_and_hosts_cannot_enter_the_jail(net, box, family):
    """A neighbour that sends packets for the jail's address to the container gets no further."""
    with Agent(box, *allow(*EVERYTHING)) as agent, agent.jail() as jail:
        agent.serve("::", "9000", "jail")
        address = address_of(jail, "eth0", family)
        assert agent.do("connect", address, 9000)["reply"].startswith("jail")
        route = f"{address} via {getattr(box, family)}"
        net.router.ip(f"route add {route}")
        try:
            with Wire(net, box) as wire:
                assert net.denied.probe("udp", address, "9000").json["errno"] == "ETIMEDOUT"
                assert wire.packets(destination=address, destination_port=9000)
                assert not wire.packets(source=address)
        finally:
            net.router.ip(f"route del {route}")


def test_processes_of_the_container_stay_free(net, box, family):
    """The jail is the agent's; what a user runs beside it ('docker exec') has the network as before."""
    with Agent(box) as agent:
        reached = agent.process.exec_run(["/probe", "connect", getattr(net.denied, family), "80"])
        assert reached.json["reply"] == f"denied {getattr(box, family)}"


# ---- what stands in for the wire


@pytest.mark.parametrize("mtu", [1400, 9000])
def test_mtu_is_that_of_eth0(net, box, mtu):
    box.ip(f"link set eth0 mtu {mtu}")
    with Agent(box) as agent, agent.jail() as jail:
        assert jail.ip_json("link", "show", "dev", "eth0")[0]["mtu"] == mtu
        assert box.ip_json("link", "show", "dev", "jail0")[0]["mtu"] == mtu


@pytest.mark.parametrize("protocol", [41, 47, 50, 132, 136])
def test_other_protocols_never_pass(net, box, protocol):
    """IPv6 in IPv4, GRE, ESP, SCTP, UDP-Lite: no rule can name them, so no rule lets them out."""
    with Wire(net, box) as wire, Agent(box, "--agent-caps=net_raw", *allow(*EVERYTHING)) as agent, agent.jail() as jail:
        sender = packets.Sender(jail.ip_json("link", "show", "dev", "eth0")[0]["address"],
                                box.ip_json("link", "show", "dev", "jail0")[0]["address"])
        for family in FAMILIES:
            source, host = address_of(jail, "eth0", family), getattr(net.allowed, family)
            assert agent.do("frame", "eth0", sender.ip(source, host, protocol, b"\0" * 16))["errno"] == "OK"
            assert agent.do("connect", host, 80)["errno"] == "OK"
        assert not wire.packets(protocol=protocol)
