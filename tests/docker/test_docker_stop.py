# SPDX-License-Identifier: MIT
"""docker stop, kill, restart, pause and their like: what reaches the agent, how soon, and which code comes back."""

import pytest

from agent import allow
from containers import network_state, new_name, words

SOON = 1.0  # seconds, with the client and all that Docker takes down after the end of a container
USER = ["--user", "agent"]


# ---- docker stop


@pytest.mark.parametrize("options", [[], USER], ids=["root", "agent"])
def test_stop_returns_the_agents_code(jails, options):
    with jails.start([*options, "--", "/probe", "signals", "7"]) as container:
        container.expect("ready")
        assert container.stop() < SOON
        assert container.code() == 7
        assert (container.logs().out, container.logs().err) == ("ready\n15 TERM\n", "")


@pytest.mark.parametrize("options", [[], USER], ids=["root", "agent"])
def test_stop_of_an_agent_that_knows_nothing_of_signals(jails, options):
    with jails.start([*options, "--", "/probe", "sleep"]) as container:
        container.expect("ready")
        assert container.stop() < SOON
        assert container.code() == 128 + 15


def test_stop_takes_along_what_the_agent_leaves_behind(jails):
    with jails.start(["--", "/probe", "seq", "herd", "5", ",", "signals", "3"]) as container:
        container.expect("ready")
        assert container.stop() < SOON
        assert (container.code(), container.logs().out) == (3, "ready\n15 TERM\n")


def test_what_the_agent_leaves_behind_has_the_grace_too(jails):
    agent = ["/probe", "seq", "spawn", "ignore-term", ",", "signals", "3"]
    with jails.start(["--grace", "0.6", "--", *agent]) as container:
        container.expect("ready\nready\n")
        assert 0.6 <= container.stop() < 0.6 + SOON
        assert (container.code(), container.logs().out) == (3, "ready\nready\n15 TERM\n")


@pytest.mark.parametrize("round", range(3))
def test_stop_right_after_the_start(jails, round):
    """However early TERM comes, it is not lost."""
    with jails.start(["--", "/probe", "signals", "5"]) as container:
        assert container.stop() < SOON
        assert container.code() in (5, 128 + 15)  # with its handler, or before
        assert container.logs().err == ""


def test_stop_of_an_agent_that_ignores_term(jails):
    """Docker's own patience, shorter than --grace, ends with KILL."""
    with jails.start(["--", "/probe", "ignore-term"]) as container:
        container.expect("ready")
        assert 1 <= container.stop("--time", "1") < 1 + SOON
        assert container.code() == 137


def test_grace_is_shorter_than_dockers_patience(jails):
    with jails.start(["--grace", "0.3", "--", "/probe", "ignore-term"]) as container:
        container.expect("ready")
        assert 0.3 <= container.stop("--time", "10") < 0.8 + SOON  # and half a second for what is left
        assert container.code() == 137


def test_second_term_shortens_the_grace(jails):
    with jails.start(["--grace", "60", "--", "/probe", "ignore-term"]) as container:
        container.expect("ready")
        for _ in range(3):
            container.kill("TERM")
        assert container.code() == 137


def test_stop_signal_of_the_image(jails):
    with jails.start(["--", "/probe", "signals", "7"], "--stop-signal", "USR1") as container:
        container.expect("ready")
        assert 1 <= container.stop("--time", "1") < 1 + SOON
        assert container.code() == 137
        assert container.logs().out == "ready\n10 USR1\n"


# ---- docker kill


@pytest.mark.parametrize("options", [[], USER], ids=["root", "agent"])
def test_signals_reach_the_agent_once_and_in_order(jails, options):
    sent = {"HUP": "01 HUP", "INT": "02 INT", "QUIT": "03 QUIT", "USR1": "10 USR1", "USR2": "12 USR2",
            "CHLD": "17 CHLD", "CONT": "18 CONT", "TSTP": "20 TSTP", "WINCH": "28 WINCH", "RTMIN+3": "37 RT37",
            "RTMAX": "64 RT64", "TERM": "15 TERM"}
    with jails.start([*options, "--", "/probe", "signals", "9"]) as container:
        container.expect("ready")
        for signal, line in sent.items():
            container.kill(signal)
            if signal != "TERM":
                container.expect(line)
        assert container.code() == 9
        logs = container.logs()
    assert (logs.out.split("\n"), logs.err) == (["ready", *sent.values(), ""], "")


@pytest.mark.parametrize("signal, number", [("HUP", 1), ("INT", 2), ("KILL", 9)])
def test_code_of_an_agent_that_a_signal_kills(jails, signal, number):
    with jails.start(["--", "/probe", "sleep"]) as container:
        container.expect("ready")
        container.kill(signal)
        assert container.code() == 128 + number
        assert container.logs().err == ""


def test_foreground_client_passes_signals_on(jails):
    """'docker run' without a terminal sends on what it gets."""
    with jails.launch(["--", "/probe", "signals", "9"]) as client:
        client.expect("ready")
        for number, line in (1, "01 HUP"), (10, "10 USR1"):
            client.signal(number)
            client.expect(line)
        client.signal(15)
        result = client.wait()
    assert (result.code, result.out, result.err) == (9, "ready\n01 HUP\n10 USR1\n15 TERM\n", "")


# ---- restarts, pauses, orphans


def test_restart(net, jails):
    """Three times, and each time the agent reaches what it may and nothing else."""
    with jails.start([*allow(f"{net.allowed.v4} port=80"), "--", "/probe", "seq", "connect", net.allowed.v4, "80", ",",
                      "connect", net.denied.v4, "80", ",", "sleep"]) as container:
        container.expect("ready")
        for _ in range(3):
            assert container.restart() < 2 * SOON
            container.expect("ready")
        container.stop()
        logs = container.logs()
    assert [one["errno"] for one in logs.jsons] == ["OK", "ECONNREFUSED"] * 4 and words(logs) == ""


def test_restart_after_kill(net, jails):
    agent = ["/probe", "seq", "connect", net.allowed.v4, "80", ",", "sleep"]
    with jails.start([*allow(net.allowed.v4), "--", *agent]) as container:
        container.expect("ready")
        container.kill()
        assert container.code() == 137
        container.do("start")
        container.expect("ready")
        assert ([one["errno"] for one in container.logs().jsons], container.logs().err) == (["OK"] * 2, "")


@pytest.mark.parametrize("arguments, code, said", [
    (["--allow", "cidr=nonsense", "--", "/probe"], 125, "boundary-init: rule: 'cidr=nonsense', column 6: "),
    (["--", "/missing"], 127, "boundary-init: exec: '/missing': not found. "),
], ids=["own-failure", "exec-failure"])
def test_restart_of_what_cannot_work_leaves_nothing(jails, arguments, code, said):
    """In the network namespace of another container, as in a pod: Docker's own goes with each run."""
    with jails.plain(["sleep"]) as pod, pod.net() as net:
        before = network_state(net), network_state(jails.engine.net)
        name = new_name()
        options = "--restart", "on-failure:3", "--network", f"container:{pod.id}", "--name", name
        with jails.start(arguments, *options) as container:
            ends = ["events", "--since", "0", "--filter", f"container={name}", "--filter", "event=die",
                    "--format", "{{.Actor.Attributes.exitCode}}"]
            with jails.engine.start(*ends) as events:
                events.expect(f"{code}\n" * 4)
            assert (container.code(), container.inspect()["RestartCount"]) == (code, 3)
            lines = container.logs().err.splitlines()
            assert len(lines) == 4 and all(line.startswith(said) for line in lines)
        assert (network_state(net), network_state(jails.engine.net)) == before


def test_pause(net, jails):
    name = new_name()
    with jails.agent(allow(net.allowed.v4), "--name", name) as agent:
        jails.engine.docker("pause", name)
        jails.engine.docker("unpause", name)
        assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"


def test_orphans_are_reaped(jails):
    """Without 'docker run --init'."""
    result = jails.run(["/probe", "orphans", "100"])
    assert (result.code, result.json, result.err) == (0, {"made": 100, "zombies": 0}, "")


def test_orphans_of_docker_exec_are_reaped(jails):
    with jails.start(["/probe", "sleep"]) as container:
        container.expect("ready")
        result = container.exec("/probe", "orphans", "20")
    assert (result.code, result.json) == (0, {"made": 20, "zombies": 0})


def test_twenty_runs_leave_nothing(net, jails):
    """Five at a time. Every link and table is looked at, those of Docker included."""
    arguments = [*allow(f"{net.allowed.v4} port=80"), "--publish", "8080", "--",
                 "/probe", "connect", net.allowed.v4, "80"]
    before = network_state(jails.engine.net)
    for _ in range(4):
        clients = [jails.launch(arguments) for _ in range(5)]
        results = [client.wait(60) for client in clients]
        assert [(result.code, result.json["errno"], result.err) for result in results] == [(0, "OK", "")] * 5
    assert network_state(jails.engine.net) == before
