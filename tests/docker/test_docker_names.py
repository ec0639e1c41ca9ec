# SPDX-License-Identifier: MIT
"""Rules by name: Docker's resolvers, its hosts files, both C libraries, policies that change, restarts, the gate's end.

The agent is the example's: it looks a name up, asks http://NAME/ and prints what it gets.
"""

import os
import pathlib
import time

import pytest

import images
from containers import ALLOWED, DENIED, METADATA, RESOLVER, denials, new_name, refusal, status_of, words
from engine import MACHINE_V4

GATES_POOL = "198.18.0."
REFUSED = "HTTP/1.1 403 Forbidden\r\n"
PRIVATE = "its address is private: the rule lacks private=yes"


def by_name(*names):
    return [word for name in names for word in ("--allow", f"domain={name}")]


def got(result, who):
    """Whether the agent was answered by this host, seen as the engine's machine, without a word about it."""
    assert (result.code, result.out, result.err) == (0, f"{who} {MACHINE_V4}\n", ""), result
    return True


def was_refused(result, name, reason="no rule allows this name"):
    """Whether it was told so, and the log as well."""
    assert result.out.startswith(REFUSED) and f"\r\n\r\nboundary-init: {name}:80: {reason}\n" in result.out, result
    assert words(result) == "" and denials(result, event="verdict", proto="http", name=name, reason=reason), result
    return True


# ---- resolvers


@pytest.fixture(scope="module")
def glibc(jails):
    """An image with Debian's libc and tools, and an agent that is linked to it."""
    images.import_base_image(jails.engine)
    return jails.having(image=images.build_agent_image(jails.engine, "agent-glibc", "debian:bookworm-slim", ["gcc"]))


@pytest.fixture(params=["musl", "glibc"])
def libc(request, jails):
    """Images whose agent is linked to this C library: each has a resolver of its own."""
    return request.getfixturevalue("glibc") if request.param == "glibc" else jails


@pytest.fixture(params=["bridge", "own"])
def network(request, jails):
    """The default one, where resolv.conf is the machine's; and one with Docker's resolver, which asks the machine's."""
    if request.param == "bridge":
        return "bridge"
    return request.getfixturevalue("own_network")


@pytest.fixture(scope="module")
def own_network(jails):
    jails.engine.docker("network", "create", "--subnet", "172.30.4.0/24", "names")
    return "names"


def test_names_with_each_libc_and_each_resolver(net, libc, network):
    before = len(net.names.asked)
    options = "--network", network
    assert got(libc.run([*by_name(ALLOWED), "/agent", ALLOWED], *options), "allowed")
    assert was_refused(libc.run([*by_name(ALLOWED), "/agent", DENIED], *options), DENIED)
    assert set(net.names.asked[before:]) == {ALLOWED}


def test_name_that_does_not_exist(net, libc):
    """Says so, and says it soon. Where no rule allows the name, there is an address all the same, and a reason."""
    result = libc.run([*by_name("*.example.com"), "/agent", "missing.example.com"])
    assert result.code == 1 and result.seconds < 4 and result.err.startswith("agent: missing.example.com: "), result
    assert "missing.example.com" in net.names.asked
    assert was_refused(libc.run([*by_name(ALLOWED), "/agent", "missing.example.org"]), "missing.example.org")
    assert "missing.example.org" not in net.names.asked


def test_tools_of_a_whole_distribution(glibc):
    """getent asks as most programs do; the name of an address is found as well."""
    script = f"getent ahosts {ALLOWED}; getent hosts {GATES_POOL}1; exec 3<>/dev/tcp/{ALLOWED}/80; " \
             f"printf 'GET / HTTP/1.1\\r\\nHost: {ALLOWED}\\r\\n\\r\\n' >&3; cat <&3"
    result = glibc.run([*by_name(ALLOWED), "bash", "-c", script])
    assert (result.code, result.err) == (0, ""), result
    lines = [line.split() for line in result.out.splitlines()]
    assert {line[0] for line in lines[:-2]} == {f"{GATES_POOL}1"} and [f"{GATES_POOL}1", ALLOWED] in lines
    assert lines[-1] == ["allowed", MACHINE_V4]


def test_resolver_of_the_command_line(net, jails):
    """docker run --dns: a dead one first."""
    options = "--dns", net.denied.v4, "--dns", RESOLVER  # where nothing answers as a DNS server does
    result = jails.run([*by_name(ALLOWED), "/agent", ALLOWED], *options)
    assert got(result, "allowed")


def test_search_domain(jails):
    """docker run --dns-search: a short name becomes an allowed one; a denied expansion does not exist. The server is
    to be named as a whole."""
    options = "--dns-search", "nowhere.example.org", "--dns-search", "example.com", "--dns", RESOLVER
    request = f"GET / HTTP/1.1\r\nHost: {ALLOWED}\r\n\r\n"
    assert got(jails.run([*by_name(ALLOWED), "/agent", "api", "80", request], *options), "allowed")


def test_no_network(jails):
    """No server can be asked: that is said soon."""
    result = jails.run([*by_name(ALLOWED), "/agent", ALLOWED], "--network", "none", "--dns-option", "timeout:1")
    assert result.code == 1 and result.seconds < 4 and result.err.startswith(f"agent: {ALLOWED}: "), result


# ---- other containers, files of names


def test_container_by_its_name(jails, own_network):
    """Docker's resolver knows it; its address is private, so the rule has to say that this is meant."""
    with jails.plain(["serve", "::", "80", "server"], "--network", own_network, "--name", "server"):
        options = "--network", own_network, "--ip", "172.30.4.9"
        result = jails.run(["--allow", "domain=server private=yes", "/agent", "server"], *options)
        assert (result.code, result.out, result.err) == (0, "server 172.30.4.9\n", "")
        result = jails.run([*by_name("server"), "/agent", "server"], *options)
        assert was_refused(result, "server", PRIVATE) and '--allow "domain=server private=yes"' in result.out
        assert was_refused(jails.run([*by_name(ALLOWED), "/agent", "server"], *options), "server")


@pytest.mark.parametrize("allowed", [True, False])
def test_other_protocol_of_a_container(jails, own_network, allowed):
    """Anything but TLS and HTTP needs a port."""
    rule = "domain=other private=yes" + (" port=8080" if allowed else "")
    with jails.plain(["serve", "::", "8080", "other"], "--network", own_network, "--name", "other"):
        result = jails.run(["--allow", rule, "/agent", "other", "8080", "hello\n"], "--network", own_network,
                           "--ip", "172.30.4.9")
    if allowed:
        assert (result.code, result.out, result.err) == (0, "other 172.30.4.9\n", "")
    else:
        assert result.code == 1 and "reset" in result.err and result.out == ""
        assert denials(result, proto="tcp", name="other", port=8080, reason="no rule allows this protocol")


def test_host_of_the_command_line(net, libc):
    """docker run --add-host: a line of /etc/hosts, of which no server knows. It is decided by that name."""
    options = ("--add-host", f"added.example.org:{net.allowed.v4}", "--add-host", f"other.example.org:{net.denied.v4}",
               "--add-host", "inner.example.org:10.1.2.3")
    rules = by_name("added.example.org", "inner.example.org")
    assert got(libc.run([*rules, "/agent", "added.example.org"], *options), "allowed")
    assert was_refused(libc.run([*rules, "/agent", "other.example.org"], *options), "other.example.org")
    assert was_refused(libc.run([*rules, "/agent", "inner.example.org"], *options), "inner.example.org", PRIVATE)
    assert not [name for name in net.names.asked if name.endswith(".example.org") and name != "missing.example.org"]


def test_metadata_service_is_out_of_reach_by_any_name(jails):
    assert was_refused(jails.run([*by_name("*.example.com"), "/agent", METADATA]), METADATA, PRIVATE)


def test_docker_exec_asks_dockers_own_resolver(jails, own_network):
    with jails.start([*by_name(ALLOWED), "/probe", "sleep"], "--network", own_network) as container:
        container.expect("ready")
        assert got(container.exec("/agent", DENIED), "denied")
        assert container.logs().err == ""


# ---- options and variables


def test_read_only(jails):
    options = "--read-only", "--cap-drop", "ALL", "--cap-add", "SETFCAP", "--security-opt", "no-new-privileges"
    assert got(jails.run([*by_name(ALLOWED), "/agent", ALLOWED], *options), "allowed")


def test_denials_stand_in_the_log(jails):
    """docker logs: the agent's output is its own, standard error has one JSON object a line."""
    with jails.start([*by_name(ALLOWED), "/agent", DENIED]) as container:
        assert container.code() == 0
        logs = container.logs()
    assert was_refused(logs, DENIED)
    record = denials(logs, proto="http")[0]
    assert (record["port"], record["method"], record["path"]) == (80, "GET", "/") and "rule" not in record


def test_rules_by_variables(jails):
    variables = {"BOUNDARY_ALLOW": "domain=*.example.com  # all but one\n\ndomain=example.com",
                 "BOUNDARY_DENY": f"domain={DENIED}"}
    options = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    assert got(jails.run(["/agent", ALLOWED], *options), "allowed")
    assert was_refused(jails.run(["/agent", DENIED], *options), DENIED, "a rule denies it")
    result = jails.run([*by_name(DENIED), "/agent", DENIED], *options)
    assert was_refused(result, DENIED, "a rule denies it")
    assert denials(result, proto="http")[0]["rule"] == f"domain={DENIED}"


POLICY = "/etc/boundary/policy"


def in_place(path, text):
    path.write_text(text)


def by_rename(path, text):
    path.with_name("next").write_text(text)
    path.with_name("next").rename(path)


# What the agent does: it asks again and again, until a test ends it.
ASKING = ["bash", "-c", f"while :; do /agent {ALLOWED} | tail -n 1; /agent {DENIED} | tail -n 1; sleep 0.05; done"]


def expect_answers(container, *wanted, after=0):
    """Waits until two answers in a row are these; with so many characters of output before them."""
    deadline = time.monotonic() + 10
    while True:
        lines = container.logs().out[after:].splitlines()[-8:]
        if any(tuple(lines[i:i + 2]) == wanted for i in range(len(lines) - 1)):
            return
        assert time.monotonic() < deadline, container.logs()
        time.sleep(0.1)


def expect_words(container, text):
    """The same for what is said on standard error besides records."""
    deadline = time.monotonic() + 10
    while text not in words(container.logs()):
        assert time.monotonic() < deadline, container.logs()
        time.sleep(0.1)


def hint(name):
    return f'To allow it: --allow "domain={name}"'


@pytest.mark.parametrize("change", [in_place, by_rename])
def test_policy_file_that_changes_on_the_host(glibc, tmp_path, change):
    """A file that is mounted alone can change in place only; with its directory it can be replaced, too."""
    tmp_path.chmod(0o755)
    path = tmp_path / "policy"
    path.write_text(f"allow domain={ALLOWED}\n")
    mounted = (path, POLICY) if change is in_place else (tmp_path, str(pathlib.Path(POLICY).parent))
    options = "--volume", f"{mounted[0]}:{mounted[1]}:ro", "--env", f"BOUNDARY_POLICY={POLICY}", "--read-only"
    allowed, denied = f"allowed {MACHINE_V4}", f"denied {MACHINE_V4}"
    with glibc.start(ASKING, *options) as container:
        expect_answers(container, allowed, hint(DENIED))
        change(path, f"# both\nallow domain={ALLOWED},{DENIED}\n")
        expect_answers(container, allowed, denied)
        change(path, "allow domain=broken=\n")
        expect_words(container, f"boundary-init: policy: {POLICY}, line 1, column ")
        expect_answers(container, allowed, denied)
        change(path, f"allow domain={DENIED}\n")
        expect_answers(container, hint(ALLOWED), denied)


def test_policy_file_that_the_agent_could_change(jails, tmp_path):
    """It is read, with a warning that it is not read again."""
    tmp_path.chmod(0o755)
    (tmp_path / "policy").write_text(f"allow domain={ALLOWED}\n")
    options = "--volume", f"{tmp_path}:/etc/boundary", "--env", f"BOUNDARY_POLICY={POLICY}"
    result = jails.run(["/agent", ALLOWED], *options)
    assert (result.code, result.out) == (0, f"allowed {MACHINE_V4}\n")
    assert words(result) == (
        f"boundary-init: warning: policy {POLICY}: the agent can change it, so it is not read again. "
        "Mount it read-only, or let the agent be another user with --user\n")
    result = jails.run(["--user", "agent", "/agent", ALLOWED], *options)
    assert got(result, "allowed")


def test_policy_file_that_is_not_there(jails):
    said = refusal(jails.run(["/agent", ALLOWED], "--env", f"BOUNDARY_POLICY={POLICY}"))
    assert said.startswith(f"policy: {POLICY}: No such file or directory")


# ---- the gate's life


def processes_below(pid):
    """(program, pid) of the children of a process, as the machine sees them."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [((pathlib.Path("/proc") / child / "cmdline").read_bytes().split(b"\0")[0].decode(), int(child))
            for child in children]


@pytest.fixture
def waiting(jails):
    """A container whose agent waits, and its other process, the gate."""
    with jails.start([*by_name(ALLOWED), "/probe", "signals", "7"]) as container:
        container.expect("ready")
        below = dict(processes_below(container.pid()))
        assert sorted(below) == ["/probe", "/sbin/boundary-init"]
        yield container, below


def test_stop_takes_the_gate_along(waiting):
    container, below = waiting
    pids = [container.pid(), *below.values()]
    assert container.stop() < 1
    assert container.code() == 7 and not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    assert (container.logs().out, container.logs().err) == ("ready\n15 TERM\n", "")


def test_gate_has_no_privilege(waiting):
    _, below = waiting
    status = status_of(below["/sbin/boundary-init"])
    assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_killed_gate_is_replaced(net, glibc):
    with glibc.start([*by_name(ALLOWED), *ASKING]) as container:
        expect_answers(container, f"allowed {MACHINE_V4}", hint(DENIED))
        gate = dict(processes_below(container.pid()))["/sbin/boundary-init"]
        os.kill(gate, 9)
        seen = len(container.logs().out)
        expect_words(container, "boundary-init: gate: process: ended by signal 9. It is started again")
        expect_answers(container, f"allowed {MACHINE_V4}", hint(DENIED), after=seen)
        assert dict(processes_below(container.pid()))["/sbin/boundary-init"] != gate


def test_restarts(jails):
    """By hand and by policy: each start has a gate that works."""
    agent = ["/probe", "seq", "spawn", "exec", "/agent", ALLOWED, ",", "sleep"]
    with jails.start([*by_name(ALLOWED), *agent]) as container:
        for _ in range(2):
            container.expect(f"allowed {MACHINE_V4}\n")
            container.expect("ready")
            container.restart()
        container.expect(f"allowed {MACHINE_V4}\n")
        container.stop()
        assert container.logs().err == ""
    name = new_name()
    ends = ["events", "--since", "0", "--filter", f"container={name}", "--filter", "event=die", "--format", "end."]
    command = [*by_name("*.example.com"), "/agent", "missing.example.com"]
    with jails.start(command, "--restart", "on-failure:2", "--name", name) as container:
        with jails.engine.start(*ends) as events:
            events.expect("end.\n" * 3)
        assert (container.code(), container.inspect()["RestartCount"]) == (1, 2)
        assert container.logs().err.count("agent: ") == 3


def test_two_jails_of_a_pod_have_a_gate_each(jails, glibc):
    """Each with rules of its own, for the same two names; one goes on when the other one ends."""
    with jails.plain(["sleep"]) as holder:
        inside = "--network", f"container:{holder.id}"
        with glibc.start([*by_name(ALLOWED), *ASKING], *inside) as one, \
                glibc.start([*by_name(DENIED), *ASKING], *inside) as other:
            for _ in range(2):
                expect_answers(one, f"allowed {MACHINE_V4}", hint(DENIED))
                expect_answers(other, hint(ALLOWED), f"denied {MACHINE_V4}")
            one.stop()
            seen = len(other.logs().out)
            expect_answers(other, hint(ALLOWED), f"denied {MACHINE_V4}", after=seen)
