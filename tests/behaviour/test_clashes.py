# SPDX-License-Identifier: MIT
"""Whatever a container's network holds already, the jail finds room beside it; and jails beside each other."""

import contextlib
import ipaddress

import pytest

from agent import TABLE, Agent, address_of, allow

FIRST_INDEX = 1 << 20  # of the first jail's links, as --print-plan shows it


def links(net):
    return {link["ifname"]: link["ifindex"] for link in net.ip_json("link")}


@contextlib.contextmanager
def working_agent(net, box, *rules):
    """An agent that reaches the allowed host by IPv4 and IPv6 and nothing else; yields its addresses too."""
    with Agent(box, *allow(f"{net.allowed.v4} port=80", f"{net.allowed.v6} port=80", *rules)) as agent:
        for family in "v4", "v6":
            assert agent.do("connect", getattr(net.allowed, family), 80)["reply"] == f"allowed {getattr(box, family)}"
            assert agent.do("connect", getattr(net.denied, family), 80)["errno"] == "ECONNREFUSED"
        with agent.jail() as jail:
            addresses = [ipaddress.ip_address(address_of(jail, "eth0", family)) for family in ("v4", "v6")]
        yield agent, addresses


@pytest.mark.parametrize("made", ["link add jail0 type veth peer name other",
                                  f"link add name other index {FIRST_INDEX} type bridge",
                                  "link add jail0 type bridge\nlink set jail0 up"])
def test_a_link_of_that_name_or_number_is_left_alone(net, box, made):
    box.ip(made)
    before = links(box)
    with working_agent(net, box) as (agent, _):
        during = links(box)
        assert len(during) == len(before) + 1 and before.items() <= during.items()
        assert agent.end().code == 0
    assert links(box) == before


@pytest.mark.parametrize("made, taken", [
    ("route add 10.200.114.0/24 dev eth0", "10.200.114.0/24"),
    ("route add unreachable 10.0.0.0/8", "10.0.0.0/8"),
    ("route add 10.0.0.0/8 dev eth0\nroute add blackhole 172.16.0.0/12", "10.0.0.0/8 172.16.0.0/12"),
    ("addr add 10.200.114.3/24 dev eth0", "10.200.114.0/24"),
    ("addr add 10.200.114.2/31 dev eth0", "10.200.114.2/31"),
    ("addr add 10.200.114.3/32 dev lo", "10.200.114.3/32"),
    ("route add 10.0.0.0/8 dev eth0\nroute add 172.16.0.0/12 dev eth0\nroute add 192.168.0.0/16 dev eth0",
     "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16"),
    ("route add fd62:6f75::/32 dev eth0", "fd62:6f75::/32"),
    ("addr add fd62:6f75:6e64:6172::3/128 dev lo", "fd62:6f75:6e64:6172::3/128"),
    ("route add table 77 10.200.114.0/24 dev eth0", "10.200.114.0/24"),
])
def test_addresses_that_are_in_use_are_left_alone(net, box, made, taken):
    box.ip(made)
    with working_agent(net, box) as (_, addresses):
        for network in map(ipaddress.ip_network, taken.split()):
            assert not any(address in network for address in addresses if address.version == network.version)


@pytest.mark.parametrize("rule", ["10.200.114.3", "10.200.114.0/24", "10.0.0.0/8", "fd62:6f75:6e64:6172::/64", "fc00::/8"])
def test_a_rule_never_means_the_jails_own_wire(net, box, rule):
    """It is about a place in the world; the wire goes elsewhere."""
    with working_agent(net, box, rule) as (_, addresses):
        assert not any(address in ipaddress.ip_network(rule) for address in addresses
                       if address.version == ipaddress.ip_network(rule).version)


def test_no_address_left(net, box):
    before = box.nft(), links(box)
    result = box.run(["--jail=veth", *allow("0.0.0.0/1", "128.0.0.0/1"), "--", "/probe", "exit", "0"])
    assert (result.code, result.out, result.err) == (125, "", (
        "boundary-init: plan: address: every IPv4 subnet for the veth pair is in use. "
        "Narrow the routes of the container or the rules, so that a private subnet is left\n"))
    assert (box.nft(), links(box)) == before


def test_no_address_left_and_no_wire_needed(box):
    result = box.run([*allow("0.0.0.0/1", "128.0.0.0/1"), "--", "/probe", "say", "started"])
    assert (result.code, result.out) == (0, "started\n")
    assert result.err == ("boundary-init: jail: container; not veth, loopback: address: every IPv4 subnet for the veth pair is in use\n")


# ---- jails beside each other, as of the containers of a pod


def tables(box):
    return sorted(line.split()[2] for line in box.tool("nft", "list", "tables").splitlines())


@pytest.mark.parametrize("first_to_go", [0, 1])
def test_two_jails_in_one_network_namespace(net, box, first_to_go):
    with working_agent(net, box) as one, working_agent(net, box) as two:
        assert set(one[1]).isdisjoint(two[1])
        assert {"jail0", "jail1"} < set(links(box))
        assert tables(box) == [TABLE, "boundary_init_1"]
        going, staying = (one, two) if first_to_go == 0 else (two, one)
        assert going[0].end().code == 0
        assert tables(box) == [f"boundary_init_{1 - first_to_go}"]
        for family in "v4", "v6":
            assert staying[0].do("connect", getattr(net.allowed, family), 80)["errno"] == "OK"
            assert staying[0].do("connect", getattr(net.denied, family), 80)["errno"] == "ECONNREFUSED"
        assert staying[0].end().code == 0
    assert tables(box) == [] and set(links(box)) == {"lo", "eth0"}


def test_the_place_of_a_jail_that_has_gone_is_taken_again(net, box):
    with working_agent(net, box) as (one, _), working_agent(net, box):
        one.end()
        with working_agent(net, box):
            assert tables(box) == [TABLE, "boundary_init_1"]


def test_two_jails_do_not_reach_each_other(net, box):
    """Not even where a rule allows everything, for rules lead out of the container."""
    with Agent(box, *allow("0.0.0.0/0", "::/0")) as one, working_agent(net, box) as (two, addresses):
        two.serve("::", "9000", "two")
        for address in addresses:
            assert two.do("udp", address, 9000)["errno"] == "OK"
            assert one.do("udp", address, 9000)["errno"] != "OK"


@pytest.mark.parametrize("first_to_go", [0, 1])
def test_two_jails_where_forwarding_was_off(net, first_to_go):
    """The one that goes must not take the forwarding away from the one that stays; the last one restores it."""
    with net.container(ip_forward=False) as box:
        rules = allow(f"{net.allowed.v4} port=80")
        with Agent(box, *rules) as one, Agent(box, *rules) as two:
            for agent in one, two:
                assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"
            going, staying = (one, two) if first_to_go == 0 else (two, one)
            assert going.end().code == 0
            assert staying.do("connect", net.allowed.v4, 80)["errno"] == "OK"
            assert staying.end().code == 0
        assert box.tool("cat", "/proc/sys/net/ipv4/conf/eth0/forwarding") == "0\n"


def test_more_jails_than_there_is_room_for(net, box):
    with contextlib.ExitStack() as all_of_them:
        for _ in range(16):
            agent = all_of_them.enter_context(Agent(box, *allow(f"{net.allowed.v4} port=80")))
            assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"
        before = box.nft(), links(box)
        result = box.run(["/probe", "exit", "0"])
        assert (result.code, result.err) == (125, "boundary-init: preflight: instance: 16 jails run in this network namespace "
                                                  "already. Put fewer jails into one pod\n")
        assert (box.nft(), links(box)) == before
