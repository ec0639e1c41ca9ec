# SPDX-License-Identifier: MIT
"""--jail=container in a real engine: with NET_ADMIN and Docker's own profile, the rules bound the whole container: what
'docker exec' starts as well, and other containers in its network. Docker's resolver, published ports, health checks."""

import re
import statistics
import time

import pytest

import images
import namespaces as ns
import sandbox
from agent import allow
from containers import (
    ALLOWED, AT_ONCE, CAPABILITY_SETS, DENIED, LOADED, NO_CAPABILITY, RESOLVER, denials, main_job, new_name, refusal,
    words,
)
from engine import MACHINE_V4

MODE = "--jail=container"
HINT = f'To allow it: --allow "domain={DENIED}"\n'
SOON = 0.5  # seconds, for a name and the answer to a request
DOCKERS_RESOLVER = "127.0.0.11"
NO_NAME = "Name does not resolve"
PRIVATE = "its address is private: the rule lacks private=yes"


@pytest.fixture(scope="module")
def boxes(jails):
    """As jails, with what the mode needs and nothing more."""
    return jails.having(flags=["--cap-add", "NET_ADMIN"])


@pytest.fixture(scope="module")
def own_network(boxes):
    boxes.engine.docker("network", "create", "--subnet", "172.30.6.0/24", "boxes")
    return "boxes"


@pytest.fixture(scope="module")
def internal_network(boxes):
    boxes.engine.docker("network", "create", "--internal", "--subnet", "172.30.7.0/24", "boxes-internal")
    return "boxes-internal"


@pytest.fixture(params=["bridge", "own"])
def network(request):
    """The default one, where resolv.conf is the machine's; and one with Docker's own resolver."""
    return "bridge" if request.param == "bridge" else request.getfixturevalue("own_network")


def by_name(*names):
    return [word for name in names for word in ("--allow", f"domain={name}")]


def fetch(agent, *words, expect):
    """Lets the example's agent do its work in the container, and waits for the text; how many seconds it took."""
    before, start = len(agent.process.out), time.monotonic()
    agent.process.write(" ".join(["spawn", "exec", "/agent", *words]) + "\n")
    agent.process.expect(expect, start=before)
    return time.monotonic() - start


def fetch_nothing(agent, name, why):
    before, start = len(agent.process.err), time.monotonic()
    agent.process.write(f"spawn exec /agent {name}\n")
    agent.process.expect(f"agent: {name}: {why}", stream="err", start=before)
    return time.monotonic() - start


def refused_at_once(agent, address, port):
    tries = [agent.do("connect", address, port) for _ in range(9)]
    return {one["errno"] for one in tries} == {"ECONNREFUSED"} and \
        statistics.median(one["us"] for one in tries) < AT_ONCE


# ---- the agent


@pytest.mark.parametrize("user", ["0", "1000"])
def test_main_job(net, boxes, user):
    """A mode that was asked for is not told."""
    result = boxes.run(main_job(net, MODE, "--user", user))
    status, reached, refused = result.jsons
    assert (result.code, words(result), status["Uid"]) == (1, "", [int(user)] * 4)
    assert (reached["reply"], refused["errno"]) == (f"allowed {MACHINE_V4}", "ECONNREFUSED")
    assert denials(result, event="packet", proto="tcp", address=net.denied.v4, port=80)


@pytest.mark.parametrize("user", ["0", "1000"])
def test_agent_cannot_undo_it(boxes, user):
    expected = {"nft-table": "EPERM", "addr-add": "EPERM", "socket-raw": "EPERM", "socket-packet": "EPERM",
                "clone-user-net": "EPERM", "unshare-user": "EPERM", "read-init-mem": "EACCES",
                "socket-vsock": "EAFNOSUPPORT", "socket-inet": "OK"}
    result = boxes.run([MODE, "--user", user, "/probe", "seq", "try", *expected, ",", "status"])
    assert (result.code, result.jsons[0], result.err) == (0, expected, "")
    assert {name: result.json[name] for name in CAPABILITY_SETS} == dict.fromkeys(CAPABILITY_SETS, NO_CAPABILITY)


def test_restarts(net, boxes, own_network):
    """Each time it reaches what it may, and nothing else."""
    job = ["/probe", "seq", "connect", net.allowed.v4, "80", ",", "connect", net.denied.v4, "80", ",", "sleep"]
    with boxes.start([MODE, *allow(f"{net.allowed.v4} port=80"), "--", *job], "--network", own_network) as container:
        container.expect("ready")
        for _ in range(2):
            container.restart()
            container.expect("ready")
        with container.net() as own:
            assert [line for line in own.tool("nft", "list", "tables").splitlines() if "boundary" in line] == \
                ["table inet boundary_init_0"]
        container.stop()
        logs = container.logs()
    assert [one["errno"] for one in logs.jsons] == ["OK", "ECONNREFUSED"] * 3 and words(logs) == ""


# ---- what else is in the container


@pytest.mark.parametrize("user", ["0", "1000"])
def test_docker_exec_is_bounded(net, boxes, user):
    with boxes.start([MODE, *by_name(ALLOWED), "/probe", "sleep"]) as container:
        container.expect("ready")

        def run(*command):
            return boxes.engine.run("exec", "--user", user, container.id, *command)

        result = run("/agent", ALLOWED)
        assert (result.code, result.out, result.err) == (0, f"allowed {MACHINE_V4}\n", "")
        result = run("/agent", DENIED)
        assert result.out.startswith("HTTP/1.1 403 ") and result.out.endswith(HINT)
        for host in net.allowed, net.denied:
            tries = run("/probe", "seq", *["connect", host.v4, "80", ","] * 9).jsons
            assert {one["errno"] for one in tries} == {"ECONNREFUSED"}
            assert statistics.median(one["us"] for one in tries) < AT_ONCE
            assert run("/probe", "udp", host.v4, "8080").json["errno"] == "EPERM"
        assert run("/probe", "exit", "5").code == 5


def test_other_container_in_the_same_network_is_bounded(net, boxes, own_network):
    """--network container:OTHER. It has the resolv.conf of that one, and its gate."""
    with boxes.start([MODE, *by_name(ALLOWED), "/probe", "sleep"], "--network", own_network) as container:
        container.expect("ready")
        with boxes.plain(["sleep"], "--network", f"container:{container.id}") as sidecar:
            assert sidecar.exec("/agent", ALLOWED).out == f"allowed {MACHINE_V4}\n"
            assert sidecar.exec("/agent", DENIED).out.endswith(HINT)
            assert sidecar.probe("connect", net.denied.v4, "80")["errno"] == "ECONNREFUSED"
            assert sidecar.probe("udp", net.denied.v4, "8080")["errno"] == "EPERM"


def test_container_that_was_there_before_is_bounded(net, boxes):
    """From the moment on that the rules stand."""
    with boxes.plain(["commands"], "--interactive") as before:
        assert before.probe("connect", net.denied.v4, "80")["errno"] == "OK"
        inside = "--network", f"container:{before.id}"
        with boxes.start([MODE, *by_name(ALLOWED), "/probe", "sleep"], *inside) as container:
            container.expect("ready")
            assert before.probe("connect", net.denied.v4, "80")["errno"] == "ECONNREFUSED"
            assert before.exec("/agent", ALLOWED).out == f"allowed {MACHINE_V4}\n"


def test_second_jail_in_the_same_network(net, boxes):
    with boxes.start([MODE, *by_name(ALLOWED), "/probe", "sleep"]) as container:
        container.expect("ready")
        said = refusal(boxes.run([MODE, *main_job(net)], "--network", f"container:{container.id}"))
        assert said == ("plan: jail container: another jail stands in this network namespace. Put only one of them "
                        "into a pod, or let clone make namespaces")


# ---- Docker's resolver


def test_names(net, boxes, network):
    """Those of the internet, allowed, denied and unknown; and all of them soon."""
    before = len(net.names.asked)
    unknown = "missing.example.com"
    with boxes.agent([MODE, *by_name(ALLOWED, unknown)], "--network", network,
                     said=f"agent: {unknown}: {NO_NAME}\n") as agent:
        times = {"first": fetch(agent, ALLOWED, expect=f"allowed {MACHINE_V4}\n"),
                 ALLOWED: fetch(agent, ALLOWED, expect=f"allowed {MACHINE_V4}\n"),
                 DENIED: fetch(agent, DENIED, expect=HINT),
                 unknown: fetch_nothing(agent, unknown, NO_NAME),
                 "missing.example.org": fetch(agent, "missing.example.org", expect="boundary-init: missing.")}
    assert max(times.values()) < SOON, times
    assert set(net.names.asked[before:]) <= {ALLOWED, unknown, "boundary-init.invalid"}


def test_names_of_other_containers(boxes, own_network):
    """Docker's resolver knows them; their addresses are private, so the rule has to say that this is meant."""
    name = new_name()
    options = "--network", own_network, "--ip", "172.30.6.9"
    with boxes.plain(["serve", "::", "80", "server"], "--network", own_network, "--name", name):
        with boxes.agent([MODE, "--allow", f"domain={name} private=yes"], *options) as agent:
            assert fetch(agent, name, expect="server 172.30.6.9\n") < SOON
        result = boxes.run([MODE, *by_name(name), "/agent", name], *options)
        assert f"\r\n\r\nboundary-init: {name}:80: {PRIVATE}\n" in result.out
        assert denials(result, proto="http", name=name, reason=PRIVATE) and words(result) == ""


def test_name_that_both_docker_and_its_server_know(net, boxes, own_network):
    """Docker's own answer counts, as it does without boundary-init."""
    before = len(net.names.asked)
    server = ["--network", own_network, "--network-alias", ALLOWED]
    with boxes.plain(["serve", "::", "80", "near"], *server):
        with boxes.agent([MODE, "--allow", f"domain={ALLOWED} private=yes"], "--network", own_network, "--ip",
                    "172.30.6.9") as agent:
            for _ in range(2):
                assert fetch(agent, ALLOWED, expect="near 172.30.6.9\n") < SOON
    assert ALLOWED not in net.names.asked[before:]


def real_ports(net):
    """Where Docker's resolver listens in a container's network namespace: {protocol: port}."""
    rules = net.tool("iptables-save", "-t", "nat")
    return dict(re.findall(rf"-p (tcp|udp) .*--to-destination {re.escape(DOCKERS_RESOLVER)}:(\d+)", rules))


def test_dockers_resolver_is_the_gates_alone(net, boxes, own_network):
    """What it is asked by others goes to the gate, by whatever port they ask."""
    name = new_name()
    with boxes.agent([MODE, *by_name(ALLOWED)], "--network", own_network, "--name", name) as agent:
        fetch(agent, ALLOWED, expect=f"allowed {MACHINE_V4}\n")  # with the rules that Docker has for it
        with sandbox.Net(ns.namespace_fd("net", boxes.engine.pid(name))) as own:
            ports, listening = real_ports(own), own.tool("ss", "-Hltnu")
        for command, protocol, errno in ("connect", "tcp", "ECONNREFUSED"), ("udp", "udp", "EPERM"):
            port = ports[protocol]
            assert re.search(rf"^{protocol} .* {DOCKERS_RESOLVER}:{port} ", listening, re.MULTILINE)
            beside = boxes.engine.run("exec", name, "/probe", command, DOCKERS_RESOLVER, port).json
            assert agent.do(command, DOCKERS_RESOLVER, port)["errno"] == beside["errno"] == errno
        assert agent.do("connect", DOCKERS_RESOLVER, 53)["errno"] == "OK"  # the gate


def test_many_names_at_once(net, boxes, own_network):
    """Twenty programs ask for a name each, all at the same time."""
    with boxes.agent([MODE, *by_name("*.example.com")], "--network", own_network) as agent:
        fetch(agent, ALLOWED, expect=f"allowed {MACHINE_V4}\n")
        before, start = len(agent.process.out), time.monotonic()
        for name in LOADED:
            agent.process.write(f"spawn exec /agent {name}\n")
        agent.process.expect(f"allowed {MACHINE_V4}\n" * len(LOADED), start=before)
        assert time.monotonic() - start < 2 * SOON


def test_resolvers_of_the_command_line(net, boxes, own_network):
    """docker run --dns: a dead one first."""
    options = "--dns", net.denied.v4, "--dns", RESOLVER, "--network", own_network
    result = boxes.run([MODE, *by_name(ALLOWED), "/agent", ALLOWED], *options)
    assert (result.code, result.out, result.err) == (0, f"allowed {MACHINE_V4}\n", "")


def test_start_is_as_fast_with_dockers_resolver(boxes, own_network):
    """What is learned about it takes no time to speak of."""
    seconds = {name: statistics.median(boxes.run([MODE, *by_name(ALLOWED), "/probe", "exit", "0"], "--network", name)
                                       .seconds for _ in range(3)) for name in ("bridge", own_network)}
    assert seconds[own_network] - seconds["bridge"] < 0.3, seconds


# ---- servers


@pytest.mark.parametrize("publish, ports", [([], "8301:8080"), (["--publish", "80:8080"], "8301:80")],
                         ids=["by-docker", "by-both"])
def test_published_port(net, boxes, publish, ports):
    """Nothing has to be published to the container itself. Answers go out, and nothing else."""
    with boxes.agent([MODE, *publish, "--user", "agent"], "--publish", ports) as agent:
        agent.serve("::", "8080", "jail")
        for host in net.allowed, net.denied:
            assert host.probe("connect", MACHINE_V4, "8301").json["reply"] == f"jail {host.v4}"
        assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"


def test_health_check(boxes):
    """It is in the jail too, and finds the server where it is without one."""
    image = images.build(boxes.engine, "health-of-box", f"""\
FROM {boxes.image}
HEALTHCHECK --interval=100ms --timeout=2s --retries=2 CMD ["/probe", "connect", "127.0.0.1", "8080"]
""")
    name = new_name()
    report = ["events", "--since", "0", "--filter", f"container={name}", "--filter", "event=health_status",
              "--format", "{{.Action}}."]
    with boxes.having(image=image).start([MODE, "/probe", "serve", "::", "8080", "box"], "--name", name):
        with boxes.engine.start(*report) as events:
            assert events.expect(".").startswith("health_status: healthy.")


# ---- other networks


def test_network_with_ipv6(net, boxes, dual):
    """No sysctl is needed: nothing is forwarded."""
    with boxes.agent([MODE, *allow(f"{net.allowed.v6} port=80"), *by_name(ALLOWED)], "--network", dual) as agent:
        assert agent.do("connect", net.allowed.v6, 80)["reply"].startswith("allowed fd00:19:1:")
        for address in net.allowed.v4, net.denied.v4, net.denied.v6:
            assert refused_at_once(agent, address, 80)
            assert agent.do("udp", address, 8080)["errno"] in ("EPERM", "EACCES")
        assert fetch(agent, ALLOWED, expect=f"allowed {MACHINE_V4}\n") < SOON
        assert fetch(agent, DENIED, expect=HINT) < SOON


def test_internal_network(net, boxes, internal_network):
    """Without a default route: neighbours by name and address, and all else is refused at once."""
    name = new_name()
    with boxes.plain(["serve", "::", "80", "near"], "--network", internal_network, "--name", name) as near:
        known = near.address(internal_network)
        rules = [*allow(f"{known} port=80"), "--allow", f"domain={name} private=yes", *by_name(ALLOWED)]
        with boxes.agent([MODE, *rules], "--network", internal_network, "--ip", "172.30.7.9") as agent:
            assert agent.do("connect", known, 80)["reply"] == "near 172.30.7.9"
            assert fetch(agent, name, expect="near 172.30.7.9\n") < SOON
            assert fetch(agent, DENIED, expect=HINT) < SOON
            for address, port in (known, 443), (net.denied.v4, 80), (net.allowed.v4, 80):
                assert refused_at_once(agent, address, port)


def test_second_network_that_comes_later(net, boxes, own_network):
    """Bounded as well: the rules are for every link."""
    name = new_name()
    with boxes.plain(["serve", "::", "80", "near"], "--network", own_network) as near:
        known = near.address(own_network)
        with boxes.agent([MODE, *allow(f"{known} port=80")], "--name", name) as agent:
            boxes.engine.docker("network", "connect", "--ip", "172.30.6.11", own_network, name)
            assert agent.do("connect", known, 80)["reply"] == "near 172.30.6.11"
            assert agent.do("connect", known, 443)["errno"] == "ECONNREFUSED"
            assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
