# SPDX-License-Identifier: MIT
"""--publish: a server in the jail, reachable at the container's address; and nothing more than that."""

import pytest

from agent import FAMILIES, Agent, address_of, allow, server_in_container


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


def bracketed(address):
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("published, outside", [("9000", 9000), ("80:9000", 80), ("9000:9000/tcp", 9000)])
def test_other_hosts_reach_it_and_are_seen_by_their_own_address(net, box, family, published, outside):
    with Agent(box, "--publish", published) as agent:
        agent.serve("::", "9000", "agent")
        for client in net.allowed, net.denied:
            reply = client.probe("connect", getattr(box, family), str(outside)).json["reply"]
            assert reply == f"agent {getattr(client, family)}"
        assert net.allowed.probe("udp", getattr(box, family), str(outside)).json["errno"] == "ECONNREFUSED"


@pytest.mark.parametrize("published, outside", [("9000/udp", 9000), ("53:9000/udp", 53)])
def test_udp(net, box, family, published, outside):
    with Agent(box, "--publish", published) as agent:
        agent.serve("::", "9000", "agent")
        reply = net.denied.probe("udp", getattr(box, family), str(outside)).json["reply"]
        assert reply == f"agent {getattr(net.denied, family)}"
        assert net.denied.probe("connect", getattr(box, family), str(outside)).json["errno"] == "ECONNREFUSED"


def test_at_one_address_only(net, box, family):
    other = {"v4": "v6", "v6": "v4"}[family]
    with Agent(box, f"--publish={bracketed(getattr(box, family))}:80:9000") as agent:
        agent.serve("::", "9000", "agent")
        assert net.denied.probe("connect", getattr(box, family), "80").json["reply"] == f"agent {getattr(net.denied, family)}"
        assert net.denied.probe("connect", getattr(box, other), "80").json["errno"] == "ECONNREFUSED"


def test_several_by_the_environment_and_the_command_line(net, box):
    with Agent(box, "--publish=81:9000", env={"BOUNDARY_PUBLISH": "82:9001\n83:9001/udp"}) as agent:
        agent.serve("::", "9000,9001", "agent")
        for command, port in ("connect", "81"), ("connect", "82"), ("udp", "83"):
            assert net.denied.probe(command, box.v4, port).json["reply"] == f"agent {net.denied.v4}"
        assert net.denied.probe("connect", box.v4, "83").json["errno"] == "ECONNREFUSED"


def test_the_container_itself_reaches_it_at_its_own_address(net, box, family):
    own = getattr(box, family)
    with Agent(box, "--publish", "80:9000", "--publish", "53:9000/udp") as agent:
        agent.serve("::", "9000", "agent")
        for command, port in ("connect", "80"), ("udp", "53"):
            result = agent.process.exec_run(["/probe", command, own, port])
            assert result.json["reply"] == f"agent {own}"


def test_the_containers_loopback_stays_its_own(net, box, family):
    loopback = {"v4": "127.0.0.1", "v6": "::1"}[family]
    with Agent(box, "--publish", "9000") as agent:
        agent.serve("::", "9000", "agent")
        assert agent.process.exec_run(["/probe", "connect", loopback, "9000"]).json["errno"] == "ECONNREFUSED"
        with server_in_container(agent.process):
            assert agent.process.exec_run(["/probe", "connect", loopback, "9000"]).json["reply"] == f"box {loopback}"


def test_other_ports_stay_closed(net, box, family):
    with Agent(box, "--publish", "9000", *allow("0.0.0.0/0", "::/0")) as agent:
        agent.serve("::", "9000,9001", "agent")
        for port in "9001", "80":
            refused = net.denied.probe("connect", getattr(box, family), port).json
            assert refused["errno"] == "ECONNREFUSED"
        assert net.denied.probe("connect", getattr(box, family), "9000").json["errno"] == "OK"


def test_the_jails_address_cannot_be_reached_directly(net, box, family):
    """Published or not: only what was addressed to the container gets in."""
    with Agent(box, "--publish", "9000") as agent, agent.jail() as jail:
        agent.serve("::", "9000", "agent")
        address = address_of(jail, "eth0", family)
        route = f"{address} via {getattr(box, family)}"
        net.router.ip(f"route add {route}")
        try:
            assert net.denied.probe("udp", address, "9000").json["errno"] == "ETIMEDOUT"
        finally:
            net.router.ip(f"route del {route}")
        assert net.denied.probe("connect", getattr(box, family), "9000").json["errno"] == "OK"


def test_a_published_server_may_answer_and_not_call(net, box, family):
    with Agent(box, "--publish", "80:9000") as agent:
        agent.serve("::", "9000", "agent")
        client = getattr(net.denied, family)
        assert net.denied.probe("connect", getattr(box, family), "80").json["errno"] == "OK"
        assert agent.do("connect", client, 80)["errno"] == "ECONNREFUSED"
        assert agent.do("udp", client, 80)["errno"] == "EPERM"


def test_large_transfers_come_through(net, box, family):
    with Agent(box, "--publish", "9000") as agent:
        agent.spawn("echo", "::", "9000")
        text = "x" * 4000
        assert net.denied.probe("connect", getattr(box, family), "9000", text).json["reply"] == text


def test_while_nobody_serves_the_client_is_refused(net, box, family):
    with Agent(box, "--publish", "9000"):
        refused = net.denied.probe("connect", getattr(box, family), "9000").json
        assert refused["errno"] == "ECONNREFUSED" and refused["us"] < 100_000


def test_where_forwarding_was_off(net):
    with net.container(ip_forward=False) as box:
        with Agent(box, "--publish", "9000") as agent:
            agent.serve("::", "9000", "agent")
            assert net.denied.probe("connect", box.v4, "9000").json["reply"] == f"agent {net.denied.v4}"
