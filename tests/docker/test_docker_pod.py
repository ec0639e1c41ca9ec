# SPDX-License-Identifier: MIT
"""Several containers with boundary-init in one network namespace, as in a pod; and what a killed one leaves there."""

import contextlib

import pytest

from agent import allow
from containers import IP_FORWARD, network_state, new_name, words


def tables(net):
    return sorted(line.split()[-1] for line in net.tool("nft", "list", "tables").splitlines())


def rules(net, table):
    """What a table says, but for the numbers that change."""
    return net.tool("nft", "--stateless", "list", "table", "inet", table)


def made_by_jails(net):
    links = [link["ifname"] for link in net.ip_json("link")]
    return tables(net), sorted(name for name in links if name.startswith("jail"))


def bounded(agent, inside, outside):
    """Whether the agent reaches one host and not the other one."""
    return (agent.do("connect", inside.v4, 80)["errno"], agent.do("connect", outside.v4, 80)["errno"]) == \
        ("OK", "ECONNREFUSED")


BOTH = ["boundary_init_0", "boundary_init_1"], ["jail0", "jail1"]
FIRST, SECOND = (["boundary_init_0"], ["jail0"]), (["boundary_init_1"], ["jail1"])


@pytest.fixture(params=[(), IP_FORWARD], ids=["forwarding-off", "forwarding-on"])
def pod(jails, request):
    """A container that holds a network namespace and does nothing, and its namespace; nothing may be left there."""
    with jails.plain(["sleep"], *request.param) as container, container.net() as net:
        before = network_state(net)
        yield container, net
        assert network_state(net) == before


def inside(pod):
    return "--network", f"container:{pod[0].id}"


def looping(net):
    """Arguments for an agent that, at each start, reaches the denied host and is refused the allowed one."""
    return [*allow(f"{net.denied.v4} port=80"), "--", "/probe", "seq", "connect", net.denied.v4, "80", ",",
            "connect", net.allowed.v4, "80", ",", "sleep"]


def went_well(container, times):
    """Whether each start of a looping agent has gone as it should, without a word of boundary-init."""
    logs = container.logs()
    return ([one["errno"] for one in logs.jsons], words(logs)) == (["OK", "ECONNREFUSED"] * times, "")


def test_second_container_restarts_while_the_first_one_runs(net, jails):
    """--network container:X, where X has a jail itself."""
    name = new_name()
    with jails.agent(allow(f"{net.allowed.v4} port=80"), "--name", name) as agent:
        assert bounded(agent, net.allowed, net.denied)
        with jails.start(looping(net), "--network", f"container:{name}") as second:
            second.expect("ready")
            assert bounded(agent, net.allowed, net.denied)
            with second.net() as shared:
                assert made_by_jails(shared) == BOTH
                first_rules = rules(shared, "boundary_init_0")
                for _ in range(2):
                    second.restart()
                    second.expect("ready")
                    assert bounded(agent, net.allowed, net.denied)
                assert made_by_jails(shared) == BOTH
                assert rules(shared, "boundary_init_0") == first_rules
                second.stop()
                assert made_by_jails(shared) == FIRST
            assert went_well(second, 3)
        assert bounded(agent, net.allowed, net.denied)


def test_first_container_ends_while_the_second_one_runs(net, jails, pod):
    with contextlib.ExitStack() as both:
        first = both.enter_context(jails.start(looping(net), *inside(pod)))
        first.expect("ready")
        agent = both.enter_context(jails.agent(allow(f"{net.allowed.v4} port=80"), *inside(pod)))
        for _ in range(2):
            first.stop()
            assert made_by_jails(pod[1]) == SECOND
            assert bounded(agent, net.allowed, net.denied)
            first.do("start")
            first.expect("ready")
            assert bounded(agent, net.allowed, net.denied)
        first.stop()
        assert went_well(first, 3)


def test_leftover_of_a_killed_container_is_replaced(net, jails, pod):
    with jails.agent(allow(f"{net.allowed.v4} port=80"), *inside(pod)) as agent:
        with jails.start(looping(net), *inside(pod)) as second:
            second.expect("ready")
            fresh = rules(pod[1], "boundary_init_1")
            for _ in range(2):
                second.kill()
                assert second.code() == 137
                assert "boundary_init_1" in tables(pod[1])  # what there is to be replaced
                assert bounded(agent, net.allowed, net.denied)
                second.do("start")
                second.expect("ready")
                assert bounded(agent, net.allowed, net.denied)
                assert made_by_jails(pod[1]) == BOTH
                assert rules(pod[1], "boundary_init_1") == fresh
            second.stop()
            assert went_well(second, 3)


def test_leftover_is_replaced_by_another_container(net, jails, pod):
    """With other rules, of which none of the old ones may remain."""
    with jails.start(looping(net), *inside(pod)) as killed:
        killed.expect("ready")
        killed.kill()
        assert killed.code() == 137 and tables(pod[1]) == ["boundary_init_0"]
        with jails.agent(allow(f"{net.allowed.v4} port=80"), *inside(pod)) as agent:
            assert bounded(agent, net.allowed, net.denied)
            assert net.denied.v4 not in rules(pod[1], "boundary_init_0")


def test_many_start_at_the_same_time(net, jails, pod):
    arguments = [*allow(f"{net.allowed.v4} port=80"), "--", "/probe", "seq", "connect", net.allowed.v4, "80", ",",
                 "connect", net.denied.v4, "80", ",", "exit", "0"]
    clients = [jails.launch(arguments, *inside(pod)) for _ in range(4)]
    for client in clients:
        result = client.wait(60)
        assert (result.code, [one["errno"] for one in result.jsons], words(result)) == (0, ["OK", "ECONNREFUSED"], "")


def test_published_ports_of_two_containers_in_one_pod(net, jails, pod):
    own = pod[0].address()
    one = jails.start(["--publish", "8081:8080", "--", "/probe", "serve", "::", "8080", "one"], *inside(pod))
    two = jails.start(["--publish", "8082:8080", "--", "/probe", "serve", "::", "8080", "two"], *inside(pod))
    with jails.plain(["sleep"]) as neighbour, one, two:
        for container, port, name in (one, "8081", "one"), (two, "8082", "two"):
            container.expect("ready")
            assert neighbour.probe("connect", own, port)["reply"] == f"{name} {neighbour.address()}"
        one.stop()
        assert neighbour.probe("connect", own, "8081")["errno"] == "ECONNREFUSED"
        assert neighbour.probe("connect", own, "8082")["reply"] == f"two {neighbour.address()}"
        two.stop()
