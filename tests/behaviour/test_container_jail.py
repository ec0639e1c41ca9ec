# SPDX-License-Identifier: MIT
"""The jail that is the container itself: whom it bounds, what gets in, what was there before, and what is left of it."""

import contextlib
import os
import signal
import socket
import time

import pytest

import ways
from agent import FAMILIES, TABLE, Agent, allow, server_in_container
from namespaces import capability_names
from names import WEB
from process import TIMEOUT
from sandbox import NET_ADMIN, PROBE, Net
from test_leftovers import network
from wire import Wire

API, WWW = "api.example.com", "www.example.com"
SOCKET = {"v4": socket.AF_INET, "v6": socket.AF_INET6}
LOOPBACK = {"v4": "127.0.0.1", "v6": "::1"}
HERE = "--jail=container"


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture
def settled(box):
    """A box whose addresses are all usable, for sockets of the test's own."""
    ways.until(lambda: "tentative" not in box.tool("ip", "addr"), "all addresses are usable")
    return box


@pytest.fixture
def jail(net, box):
    """An agent that may reach the allowed host, by TCP at port 80."""
    with Agent(box, HERE, *allow(f"{net.allowed.v4} port=80", f"{net.allowed.v6} port=80")) as agent:
        yield agent


# ---- whom it bounds


def test_agent_and_what_is_executed_beside_it(net, box, jail, family):
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    with Wire(net, box) as wire:
        for do in jail.do, lambda *words: jail.process.exec_run(["/probe", *map(str, words)]).json:
            assert do("connect", allowed, 80)["reply"] == f"allowed {getattr(box, family)}"
            assert do("connect", allowed, 443)["errno"] == "ECONNREFUSED"
            refused = do("connect", denied, 80)
            assert refused["errno"] == "ECONNREFUSED" and refused["us"] < 20_000
            assert do("udp", denied, 9000)["errno"] == do("udp", allowed, 80)["errno"] == "EPERM"
        assert not wire.packets(destination=denied)


def test_names_for_what_is_executed_beside_it(names, agent):
    bounded = agent(f"domain={API}", options=[HERE])
    code = ("import urllib.request, urllib.error, sys\n"
            "try: print(urllib.request.urlopen(sys.argv[1], timeout=5).status)\n"
            "except urllib.error.HTTPError as error: print(error.code)")
    for name, status in (API, "200"), (WWW, "403"):
        done = bounded.process.exec_run(["/usr/bin/python3", "-c", code, f"http://{name}/"])
        assert done.out == f"{status}\n", done


@pytest.mark.parametrize("user", [(), ("--user=agent",)])
def test_what_everybody_keeps(net, box, user):
    """The gate marks its packets and init its rules: both take CAP_NET_ADMIN. The agent has nothing."""
    with Agent(box, HERE, *user) as agent:
        init, gate = agent.process.status(), agent.process.status(ways.gate_of(agent.process))
        assert capability_names(gate["CapEff"]) == capability_names(gate["CapPrm"]) == {"net_admin"}
        assert capability_names(init["CapEff"]) == {"net_admin"} | ({"kill"} if user else set())
        assert (gate["NoNewPrivs"], gate["Seccomp"]) == ("1", "2")
        status = agent.do("status")
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert (status["NoNewPrivs"], status["Seccomp"]) == (1, 2)
        beside = agent.process.exec_run(["/probe", "status"]).json
        assert [status["ns"][kind] for kind in ("net", "user")] == [beside["ns"][kind] for kind in ("net", "user")]


def test_signals_reach_an_agent_of_another_user(box):
    with box.start([HERE, "--user=agent", "--", "/probe", "signals", "7"]) as process:
        process.expect("ready")
        process.signal(signal.SIGUSR1)
        process.expect("10 USR1")
        process.signal(signal.SIGTERM)
        assert process.wait().code == 7


# ---- what gets in


def test_servers_are_reached_from_outside_and_from_the_container(net, box, jail, family):
    jail.serve("::", "9000", "agent")
    own, client = getattr(box, family), getattr(net.denied, family)
    for what in "connect", "udp":
        assert net.denied.probe(what, own, "9000").json["reply"] == f"agent {client}"
        assert jail.process.exec_run(["/probe", what, LOOPBACK[family], "9000"]).json["reply"] == f"agent {LOOPBACK[family]}"
        assert jail.process.exec_run(["/probe", what, own, "9000"]).json["reply"] == f"agent {own}"
        assert jail.do(what, LOOPBACK[family], 9000)["reply"] == f"agent {LOOPBACK[family]}"
    refused = net.denied.probe("connect", own, "9009").json
    assert refused["errno"] == "ECONNREFUSED" and refused["us"] < 100_000
    assert net.denied.probe("udp", own, "9009").json["errno"] == "ECONNREFUSED"
    assert net.denied.probe("ping", own).json["result"] == "ok"
    for what, errno in ("connect", "ECONNREFUSED"), ("udp", "EPERM"):  # to answer is not to call
        assert jail.do(what, client, 80)["errno"] == errno


def test_servers_of_others_in_the_container(net, box, jail, family):
    client = getattr(net.denied, family)
    with server_in_container(jail.process, "9001", "beside"):
        assert net.denied.probe("connect", getattr(box, family), "9001").json["reply"] == f"beside {client}"
        assert jail.do("connect", LOOPBACK[family], 9001)["reply"] == f"beside {LOOPBACK[family]}"


def test_large_answers_to_those_outside(net, box, jail, family):
    jail.spawn("echo", "::", "9000")
    text = "x" * 4000
    assert net.denied.probe("connect", getattr(box, family), "9000", text).json["reply"] == text


@pytest.mark.parametrize("published, outside", [("9000", 9000), ("80:9000", 80), ("9000:9000/tcp", 9000)])
def test_publish(net, box, family, published, outside):
    own = getattr(box, family)
    before = network(box)
    with Agent(box, HERE, "--publish", published) as agent:
        agent.serve("::", "9000", "agent")
        for client in net.allowed, net.denied:
            assert client.probe("connect", own, str(outside)).json["reply"] == f"agent {getattr(client, family)}"
        assert agent.end().code == 0
    assert network(box) == before


def test_publish_udp_and_at_one_address(net, box, family):
    other = getattr(box, {"v4": "v6", "v6": "v4"}[family])
    own = f"[{box.v6}]" if family == "v6" else box.v4
    with Agent(box, HERE, "--publish=53:9000/udp", f"--publish={own}:81:9000") as agent:
        agent.serve("::", "9000", "agent")
        client = getattr(net.denied, family)
        assert net.denied.probe("udp", getattr(box, family), "53").json["reply"] == f"agent {client}"
        assert net.denied.probe("connect", getattr(box, family), "81").json["reply"] == f"agent {client}"
        assert net.denied.probe("connect", getattr(box, family), "53").json["errno"] == "ECONNREFUSED"
        assert net.denied.probe("connect", other, "81").json["errno"] == "ECONNREFUSED"


# ---- what was there before


def test_what_was_connected_before_is_cut_off(net, settled, family):
    """A process of the container's that was there already: by TCP it is told so, by UDP too."""
    box, allowed, denied = settled, getattr(net.allowed, family), getattr(net.denied, family)
    port = {"v4": 7107, "v6": 7207}[family]
    with contextlib.ExitStack() as all_of_them:
        for host in net.denied, net.allowed:
            all_of_them.enter_context(host.start(PROBE, "echo", "::", str(port))).expect("ready")
        sockets = []
        for host, kind in (denied, socket.SOCK_STREAM), (allowed, socket.SOCK_STREAM), (denied, socket.SOCK_DGRAM):
            sockets.append(all_of_them.enter_context(box.socket(SOCKET[family], kind)))
            sockets[-1].settimeout(TIMEOUT)
            sockets[-1].connect((host, port))
            sockets[-1].send(b"before")
            assert sockets[-1].recv(100) == b"before"
        with Wire(net, box) as wire, Agent(box, HERE, *allow(f"{allowed} port={port}")):
            with pytest.raises(ConnectionError):
                sockets[0].send(b"after")
                sockets[0].recv(100)
            with pytest.raises(PermissionError):
                sockets[2].send(b"after")
            assert not wire.packets(destination=denied)


def test_what_the_server_sends_first_does_not_bring_it_back(net, settled, family):
    """Conntrack has not seen how it began, and would take the server for the one who has begun it."""
    box, denied = settled, getattr(net.denied, family)
    with net.denied.socket(SOCKET[family]) as listener, box.socket(SOCKET[family]) as client:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((denied, 7008))
        listener.listen()
        client.settimeout(TIMEOUT)
        client.connect((denied, 7008))
        server = listener.accept()[0]
        client.settimeout(0.3)
        with server, Wire(net, box) as wire, Agent(box, HERE):
            server.send(b"go on")
            with pytest.raises((ConnectionError, TimeoutError)):
                client.recv(100)
            with pytest.raises((ConnectionError, TimeoutError)):
                client.send(b"after")
                client.recv(100)
            assert not wire.packets(destination=denied)


def test_questions_of_the_gate_and_of_the_agent_have_ports_of_their_own(names, agent):
    """To the kernel it is one connection when one follows the other from the same port: both would be led one way."""
    box = names.box()
    box.sysctl({"ipv4/ip_local_port_range": "40000 40003"})
    bounded = agent("domain=*.example.com", box=box, options=[HERE])
    ask = ("import socket\nfor port in 40000, 40001:\n  one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
           "  one.bind(('', port))\n  one.settimeout(2)\n"
           "  one.sendto(bytes.fromhex('123401000001000000000000046576696c036e65740000010001'), ('192.0.2.53', 53))\n"
           "  print(one.recv(500)[:2].hex())")
    assert bounded.process.exec_run(["/usr/bin/python3", "-c", ask]).out == "1234\n1234\n"
    for name in "api", "host", "stream", "git", "db", "cache", "mail", "tls":
        before = time.monotonic()
        assert len(bounded.do("resolve", name=f"{name}.example.com", family=4)) == 1
        assert time.monotonic() < before + 1, name


def test_a_resolver_of_the_container_is_not_asked_directly(box):
    """Docker's asks others in its turn, and its real port is another than 53: only the gate may ask it."""
    box.write("/etc/resolv.conf", "nameserver 127.0.0.11\n")
    with Net.start(box, PROBE, "serve", "0.0.0.0", "53,40053", "resolver") as resolver, Agent(box, HERE) as agent:
        resolver.expect("ready")
        for do in agent.do, lambda *words: agent.process.exec_run(["/probe", *map(str, words)]).json:
            for what in "connect", "udp":
                assert do(what, "127.0.0.1", 40053)["reply"].startswith("resolver")
            assert do("connect", "127.0.0.11", 40053)["errno"] == "ECONNREFUSED"
            assert do("udp", "127.0.0.11", 40053)["errno"] == "EPERM"
            assert not do("udp", "127.0.0.11", 53)["reply"].startswith("resolver")


# ---- another jail, and runs that were killed


@pytest.mark.parametrize("first", ways.MODES)
def test_not_beside_another_jail(net, box, first):
    with Agent(box, f"--jail={first}") as agent:
        before = network(box)
        result = box.run([HERE, "--", "/probe", "say", "started"])
        assert ways.the_line(result) == ("plan: jail container: another jail stands in this network namespace. "
                                         "Put only one of them into a pod, or let clone make namespaces")
        assert network(box) == before
        assert agent.end().code == 0


@pytest.mark.parametrize("then", ["veth", "loopback", "auto"])
def test_no_other_jail_beside_it(net, box, jail, then):
    """Whose gate it would bound, which knows nothing of that."""
    before = network(box)
    result = box.run([f"--jail={then}", "--", "/probe", "say", "started"])
    assert "another" in ways.the_line(result)
    assert network(box) == before
    assert jail.do("connect", net.allowed.v4, 80)["errno"] == "OK"


def test_leftover_of_a_killed_run(net, box, family):
    before = network(box)
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    with Agent(box, HERE, *allow(f"{denied} port=80")) as killed:
        killed.process.kill()
    assert TABLE in box.nft() and denied in box.nft()
    with Net.start(box, PROBE, "connect", allowed, "80") as bounded:  # until the next start it holds as it did
        assert bounded.wait().json["errno"] == "ECONNREFUSED"
    assert f"replace       table inet {TABLE} of a run that was killed\n" in box.run([HERE, "--print-plan", "/probe"]).out
    with Agent(box, HERE, *allow(f"{allowed} port=80")) as agent:
        assert box.nft().count("table ") == 1 and denied not in box.nft()
        assert agent.do("connect", allowed, 80)["errno"] == "OK"
        assert agent.do("connect", denied, 80)["errno"] == "ECONNREFUSED"
        assert agent.end().code == 0
    assert network(box) == before


@pytest.mark.parametrize("first, then", [("container", "veth"), ("veth", "container")])
def test_leftover_of_another_mode(net, box, first, then):
    with Agent(box, f"--jail={first}", *allow(f"{net.denied.v4} port=80")) as killed:
        killed.process.kill()
    with Agent(box, f"--jail={then}", *allow(f"{net.allowed.v4} port=80")) as agent:
        assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {box.v4}"
        assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
        assert agent.end().code == 0
    assert box.nft() == ""
    assert not [route for family in ("-4", "-6") for route in box.ip_json(family, "route", "show", "dev", "lo")]
    ways.until(lambda: len(box.ip_json("link")) == 2, "the wire of the killed one has gone with its namespace")


@pytest.mark.parametrize("program, code", [(["exit", "0"], 0), (["exit", "41"], 41), (["kill-self", "9"], 137)])
def test_everything_is_as_before(net, program, code):
    with net.container(caps=NET_ADMIN) as box:
        before = network(box)
        assert box.run([HERE, *allow(f"{net.allowed.v4} port=80"), "--publish=80:81", "--", "/probe", *program]).code == code
        assert network(box) == before
        assert box.run([HERE, "--", "/nowhere"]).code == 127
        assert network(box) == before


def test_rules_of_others_stay(net, box):
    box.tool("nft", "add table inet mine; add chain inet mine out { type nat hook output priority -100; }; "
                    "add rule inet mine out tcp dport 81 redirect to :82")
    before = network(box)
    with Agent(box, HERE, *allow(f"{net.allowed.v4} port=80")) as agent:
        assert "table inet mine" in box.nft() and f"table inet {TABLE}" in box.nft()
        assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"
        assert agent.end().code == 0
    assert network(box) == before


# ---- a gate that is not there


def test_nothing_passes_while_the_gate_stands_still_or_is_dead(names, agent):
    bounded = agent(f"domain={API}", options=[HERE])
    [address] = bounded.do("resolve", name=API, family=4)
    gate = ways.gate_of(bounded.process)
    with Wire(names, bounded.box) as wire:
        os.kill(gate, signal.SIGSTOP)
        for to in f"http://{API}/", f"http://{address}/", f"http://{WEB}/":
            assert bounded.curl(to, "--max-time", "0.5").status == 0
        assert not [packet for packet in wire.packets() if packet.protocol in (6, 17)]
        os.kill(gate, signal.SIGKILL)
        bounded.records(event="start", restarts=1, at_least=1, timeout=5)
    assert ways.gate_of(bounded.process) != gate
    assert bounded.do("resolve", name=API, family=4) == [address]
    assert bounded.curl(f"http://{API}/").json["server"] == API
    assert bounded.curl(f"http://{WWW}/").status == 403
    status = bounded.process.status(ways.gate_of(bounded.process))
    assert capability_names(status["CapEff"]) == {"net_admin"}


def test_a_link_local_address_only(net):
    """IPv6 is not off, there is just no address of the world."""
    with net.container(ipv6=False, caps=NET_ADMIN) as box:
        box.sysctl({"ipv6/conf/eth0/disable_ipv6": 0, "ipv6/conf/lo/disable_ipv6": 0})
        net.router.tool("sysctl", "-q", "-w", f"net.ipv6.conf.{box.link}.disable_ipv6=0")
        ways.until(lambda: "fe80" in box.tool("ip", "-6", "addr", "show", "dev", "eth0", "-tentative"), "eth0 has an address")
        neighbour = next(entry["local"] for entry in net.router.ip_json("addr", "show", "dev", box.link)[0]["addr_info"]
                         if entry["family"] == "inet6")
        with Wire(net, box) as wire, Agent(box, HERE, *allow(f"{net.allowed.v4} port=80")) as agent:
            assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"
            assert agent.do("udp", f"{neighbour}%eth0", 9000)["errno"] != "OK"
            assert not wire.packets(destination=neighbour, protocol=17)
            assert agent.end().code == 0
