# SPDX-License-Identifier: MIT
"""Docker's networks: published ports, networks of one's own, IPv6, none at all; and what is beside the jail."""

import statistics

import pytest

import images
from agent import FAMILIES, allow
from containers import AT_ONCE, IP_FORWARD, network_state, new_name, refusal, words
from engine import MACHINE_V4

# With IPv6, Docker switches it off for links that are made later, such as the jail's.
IPV6_ON_NEW_LINKS = ("--sysctl", "net.ipv6.conf.default.disable_ipv6=0")
IPV6_FORWARDING = ("--sysctl", "net.ipv6.conf.all.forwarding=1")


def serving(*publish, port="8080"):
    """Arguments for a server in the jail that says 'jail' and the address of its client."""
    return [*(word for one in publish for word in ("--publish", one)), "--", "/probe", "serve", "::", port, "jail"]


def setting(container, name):
    """A value of /proc/sys/net in a container's network namespace."""
    with container.net() as net:
        return net.tool("cat", f"/proc/sys/net/{name}").strip()


@pytest.fixture(scope="module")
def own_network(jails):
    jails.engine.docker("network", "create", "--subnet", "172.30.0.0/24", "own")
    return "own"


# ---- published ports


@pytest.mark.parametrize("options", [(), IP_FORWARD], ids=["forwarding-off", "forwarding-on"])
@pytest.mark.parametrize("publish, ports", [("8080", "8101:8080"), ("80:8080", "8101:80")])
def test_published_port(net, jails, publish, ports, options):
    with jails.start(serving(publish), "--publish", ports, *options) as container:
        container.expect("ready")
        for host in net.allowed, net.denied:
            assert host.probe("connect", MACHINE_V4, "8101").json["reply"] == f"jail {host.v4}"
        assert container.stop() < 1
        assert (container.code(), container.logs().err) == (143, "")


@pytest.mark.parametrize("address, reached", [("172.30.0.8", True), ("172.30.0.200", False), ("0.0.0.0", True)])
def test_port_that_is_published_at_one_address(net, jails, own_network, address, reached):
    """0.0.0.0 is every address, as in Docker's own --publish."""
    with jails.start(serving(f"{address}:8080"), "--publish", "8108:8080", "--network", own_network, "--ip",
                     "172.30.0.8") as container:
        container.expect("ready")
        reply = net.denied.probe("connect", MACHINE_V4, "8108").json["reply"]
    assert reply == (f"jail {net.denied.v4}" if reached else "")


def test_published_udp_port(net, jails):
    with jails.start(serving("53:8080/udp"), "--publish", "5301:53/udp", "--publish", "5301:53/tcp") as container:
        container.expect("ready")
        assert net.denied.probe("udp", MACHINE_V4, "5301").json["reply"] == f"jail {net.denied.v4}"
        assert net.denied.probe("connect", MACHINE_V4, "5301").json["errno"] == "ECONNREFUSED"


def test_port_that_is_published_by_one_of_the_two_only(net, jails):
    with jails.start(serving("8080"), "--publish", "8102:9090", "--publish", "8103:8080") as container:
        container.expect("ready")
        own = container.address()
        assert net.denied.probe("connect", MACHINE_V4, "8103").json["reply"] == f"jail {net.denied.v4}"
        assert net.denied.probe("connect", MACHINE_V4, "8102").json["errno"] == "ECONNREFUSED"
        with jails.plain(["commands"], "--interactive") as neighbour:
            seen = neighbour.address()
            assert neighbour.probe("connect", own, "8080")["reply"] == f"jail {seen}"
            assert neighbour.probe("connect", own, "9090")["errno"] == "ECONNREFUSED"


def test_published_port_for_those_nearby(jails):
    """The engine's own machine, by Docker's proxy; and processes of the container, but not by their loopback."""
    with jails.start(serving("8080"), "--publish", "8104:8080") as container:
        container.expect("ready")
        assert jails.engine.net.probe("connect", "127.0.0.1", "8104").json["reply"].startswith("jail 172.17.")
        assert container.probe("connect", container.address(), "8080")["reply"].startswith("jail ")
        assert container.probe("connect", "127.0.0.1", "8080")["errno"] == "ECONNREFUSED"


def test_published_port_lets_nothing_out(net, jails):
    with jails.agent(["--publish", "8080", "--user", "agent"], "--publish", "8105:8080") as agent:
        agent.serve("::", "8080", "jail")
        assert net.denied.probe("connect", MACHINE_V4, "8105").json["reply"] == f"jail {net.denied.v4}"
        assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
        assert agent.do("connect", net.allowed.v4, 80)["errno"] == "ECONNREFUSED"


def test_unpublished_server_is_out_of_reach(net, jails):
    with jails.start(serving(), "--publish", "8106:8080") as container, jails.plain(["sleep"]) as neighbour:
        container.expect("ready")
        assert net.denied.probe("connect", MACHINE_V4, "8106").json["errno"] == "ECONNREFUSED"
        assert neighbour.probe("connect", container.address(), "8080")["errno"] == "ECONNREFUSED"


@pytest.mark.parametrize("address, health", [("172.30.0.7", "healthy"), ("127.0.0.1", "unhealthy")])
def test_health_check(jails, own_network, address, health):
    """It runs beside the jail, so it finds the server at the container's address and not on its own loopback."""
    image = images.build(jails.engine, f"health-{health}", f"""\
FROM {jails.image}
HEALTHCHECK --interval=100ms --timeout=2s --retries=2 CMD ["/probe", "connect", "{address}", "8080"]
""")
    name = new_name()
    options = "--network", own_network, "--ip", "172.30.0.7", "--name", name
    report = ["events", "--since", "0", "--filter", f"container={name}", "--filter", "event=health_status",
              "--format", "{{.Action}}."]
    with jails.having(image=image).start(serving("8080"), *options):
        with jails.engine.start(*report) as events:
            assert events.expect(".").startswith(f"health_status: {health}.")


# ---- networks


def test_network_of_ones_own(net, jails, own_network):
    """A neighbour there is reached if a rule says so, and is refused at once if not."""
    with jails.plain(["serve", "::", "80", "near"], "--network", own_network) as near, \
            jails.plain(["serve", "::", "80", "other"], "--network", own_network) as other:
        known, unknown = near.address(own_network), other.address(own_network)
        rules = allow(f"{known} port=80", f"{net.allowed.v4} port=80")
        with jails.agent(rules, "--network", own_network, "--ip", "172.30.0.9") as agent:
            assert agent.do("connect", known, 80)["reply"] == "near 172.30.0.9"
            assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {MACHINE_V4}"
            tries = [agent.do("connect", unknown, 80) for _ in range(9)]
            assert {one["errno"] for one in tries} == {"ECONNREFUSED"}
            assert statistics.median(one["us"] for one in tries) < AT_ONCE


def test_second_network_that_comes_later(net, jails, own_network):
    name = new_name()
    with jails.plain(["serve", "::", "80", "near"], "--network", own_network) as near:
        known = near.address(own_network)
        rules = allow(f"{known} port=80", f"{net.allowed.v4} port=80")
        with jails.agent(rules, *IP_FORWARD, "--name", name) as agent:
            assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {MACHINE_V4}"
            jails.engine.docker("network", "connect", "--ip", "172.30.0.11", own_network, name)
            assert agent.do("connect", known, 80)["reply"] == "near 172.30.0.11"
            assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {MACHINE_V4}"
            assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"


def test_internal_network(net, jails):
    jails.engine.docker("network", "create", "--internal", "--subnet", "172.30.1.0/24", "internal")
    with jails.plain(["serve", "::", "80", "near"], "--network", "internal") as near:
        known = near.address("internal")
        with jails.agent(allow(f"{known} port=80"), "--network", "internal", "--ip", "172.30.1.9") as agent:
            assert agent.do("connect", known, 80)["reply"] == "near 172.30.1.9"
            assert agent.do("connect", known, 443)["errno"] == "ECONNREFUSED"
            refused = agent.do("connect", net.denied.v4, 80)
            assert refused["errno"] == "ECONNREFUSED" and refused["us"] < AT_ONCE


def test_network_of_the_machine(net, jails):
    """--network host: the jail is as tight, and nothing of it stays in the network of the machine."""
    before = network_state(jails.engine.net)
    with jails.agent(allow(f"{net.allowed.v4} port=80"), "--network", "host") as agent:
        assert network_state(jails.engine.net) != before
        assert sorted(agent.do("status")["interfaces"]) == ["eth0", "lo"]
        assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
        assert agent.do("connect", MACHINE_V4, 80)["errno"] == "ECONNREFUSED"
    assert network_state(jails.engine.net) == before


def test_no_network(net, jails):
    with jails.agent(allow(net.allowed.v4), "--network", "none") as agent:
        assert sorted(agent.do("status")["interfaces"]) == ["eth0", "lo"]
        assert agent.do("connect", net.allowed.v4, 80)["errno"] in ("ENETUNREACH", "EHOSTUNREACH")
        assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"


def test_rule_for_ipv6_where_there_is_none(net, jails):
    """Docker's default bridge: said, and then done without."""
    rules = allow(f"{net.allowed.v6} port=80", f"{net.allowed.v4} port=80")
    result = jails.run([*rules, "--", "/probe", "seq", "connect", net.allowed.v6, "80", ",",
                        "connect", net.allowed.v4, "80"])
    assert (result.code, result.json["errno"]) == (0, "OK")
    assert result.jsons[0]["errno"] in ("ENETUNREACH", "EADDRNOTAVAIL", "ECONNREFUSED")
    assert words(result) == (f"boundary-init: warning: rule 'cidr={net.allowed.v6} port=80'. It matches nothing here: "
                             "this container has no IPv6 address\n")


# ---- IPv6


@pytest.fixture
def dual_without_ipv6_on_new_links(jails, dual):
    with jails.plain(["sleep"], "--network", dual) as container:
        if setting(container, "ipv6/conf/default/disable_ipv6") == "0":
            pytest.skip(f"Docker {jails.engine.version} leaves IPv6 on for new links")
        assert setting(container, "ipv6/conf/all/forwarding") == "0"
    return dual


def test_rules_for_ipv4_need_no_ipv6(net, jails, dual_without_ipv6_on_new_links):
    """The jail is one of IPv4 then, without a word; the other family is closed, not open."""
    with jails.agent(allow(f"{net.allowed.v4} port=80"), "--network", dual_without_ipv6_on_new_links) as agent:
        assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {MACHINE_V4}"
        assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
        for host in net.allowed, net.denied:
            refused = agent.do("connect", host.v6, 80)
            assert refused["errno"] in ("ENETUNREACH", "EADDRNOTAVAIL", "ECONNREFUSED", "EACCES")
            assert refused["us"] < AT_ONCE


def test_rule_for_ipv6_is_upheld_without_a_wire(net, jails, dual_without_ipv6_on_new_links):
    """The jail that needs no IPv6 on new links is taken, and it is said why."""
    arguments = [*allow(f"{net.allowed.v6} port=80"), "--", "/probe", "seq", "connect", net.denied.v6, "80", ",",
                 "connect", net.allowed.v6, "80"]
    result = jails.run(arguments, "--network", dual_without_ipv6_on_new_links)
    assert [one["errno"] for one in result.jsons] == ["ECONNREFUSED", "OK"]
    assert words(result) == ("boundary-init: jail: loopback; not veth: address: IPv6 is switched off for new links, so "
                             "no IPv6 rule can be upheld\n")


def refused_ipv6_rule(net, jails, *options):
    """Cause and remedy of an IPv6 rule that cannot be upheld over a wire."""
    arguments = ["--jail=veth", *allow(f"{net.allowed.v6} port=80"), "--", "/probe", "connect", net.allowed.v6, "80"]
    return refusal(jails.run(arguments, *options)).split(". ", 1)


def test_rule_for_ipv6_names_the_sysctl_that_is_missing(net, jails, dual_without_ipv6_on_new_links):
    network = "--network", dual_without_ipv6_on_new_links
    cause, remedy = refused_ipv6_rule(net, jails, *network, *IPV6_FORWARDING)
    assert "IPv6 is switched off for new links" in cause
    assert " ".join(IPV6_ON_NEW_LINKS) in remedy and "forwarding" not in remedy
    cause, remedy = refused_ipv6_rule(net, jails, *network, *IPV6_ON_NEW_LINKS)
    assert "IPv6 forwarding is off and /proc/sys is read-only" in cause
    assert " ".join(IPV6_FORWARDING) in remedy and "disable_ipv6" not in remedy


def test_rule_for_ipv6_names_both_sysctls_where_both_are_missing(net, jails, dual_without_ipv6_on_new_links):
    """One start is enough to learn of both."""
    cause, remedy = refused_ipv6_rule(net, jails, "--network", dual_without_ipv6_on_new_links)
    assert "IPv6 is switched off for new links" in cause
    assert " ".join(IPV6_ON_NEW_LINKS) in remedy and " ".join(IPV6_FORWARDING) in remedy


@pytest.fixture
def ipv6_options(dual):
    return ["--network", dual, *IPV6_ON_NEW_LINKS, *IPV6_FORWARDING]


@pytest.mark.parametrize("family", FAMILIES)
def test_both_families_where_both_sysctls_are_given(net, jails, ipv6_options, family):
    allowed, denied = getattr(net.allowed, family), getattr(net.denied, family)
    name = new_name()
    rules = allow(f"{allowed} port=80", f"{allowed} proto=udp port=8080")
    with jails.agent(rules, *ipv6_options, "--name", name) as agent:
        own = jails.engine.inspect(name)["NetworkSettings"]["Networks"]["dual"]["GlobalIPv6Address"]
        seen = {"v4": MACHINE_V4, "v6": own}[family]  # IPv6 is not masqueraded by Docker
        assert agent.do("connect", allowed, 80)["reply"] == f"allowed {seen}"
        assert agent.do("udp", allowed, 8080)["reply"] == f"allowed {seen}"
        for address, port in (denied, 80), (allowed, 443):
            tries = [agent.do("connect", address, port) for _ in range(9)]
            assert {one["errno"] for one in tries} == {"ECONNREFUSED"}
            assert statistics.median(one["us"] for one in tries) < AT_ONCE
        assert agent.do("udp", denied, 8080)["errno"] == "EPERM"


def test_published_port_of_ipv6(net, jails, ipv6_options):
    """Docker 20.10 has no port of the machine for it; the container's own address is routed to."""
    with jails.start(serving("8080"), *ipv6_options, "--publish", "8107:8080") as container:
        container.expect("ready")
        own = container.address("dual", "GlobalIPv6Address")
        assert net.denied.probe("connect", own, "8080").json["reply"] == f"jail {net.denied.v6}"
        assert net.denied.probe("connect", own, "9090").json["errno"] == "ECONNREFUSED"
        assert net.denied.probe("connect", MACHINE_V4, "8107").json["reply"] == f"jail {net.denied.v4}"


# ---- beside the jail


def test_docker_exec_is_beside_the_jail(net, jails):
    """It sees the other end of the wire, is not bounded by the rules, and has the container's capabilities."""
    with jails.start([*allow(net.allowed.v4), "--", "/probe", "sleep"]) as container:
        container.expect("ready")
        status = container.probe("status")
        assert status["interfaces"]["jail0"]["up"] and status["CapEff"] != "0" * 16
        for host in net.allowed, net.denied:
            assert container.probe("connect", host.v4, "80")["reply"] == f"{host.name} {MACHINE_V4}"
        assert container.exec("/probe", "exit", "5").code == 5
        with container.net() as own:
            assert own.tool("nft", "list", "tables").split() == ["table", "inet", "boundary_init_0"]


def test_services_of_the_container_and_the_machine_are_not_reachable(net, jails):
    """Those that 'docker exec' starts, the engine's machine, and Docker's own resolver; whatever the rules allow."""
    name = new_name()
    with jails.agent(allow("0.0.0.0/0", "0.0.0.0/0 proto=udp"), "--name", name) as agent:
        own = jails.engine.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        with jails.engine.start("exec", name, "/probe", "serve", "::", "9000", "box") as server:
            server.expect("ready")
            wire = jails.engine.run("exec", name, "/probe", "status").json["interfaces"]["jail0"]["addresses"][0]
            for address in own, wire.split("/")[0]:
                assert agent.do("connect", address, 9000)["errno"] == "ECONNREFUSED"
                assert agent.do("udp", address, 9000)["errno"] in ("EACCES", "EHOSTUNREACH")
            with jails.plain(["sleep"]) as neighbour:
                assert neighbour.probe("connect", own, "9000")["reply"].startswith("box ")
