# SPDX-License-Identifier: MIT
"""The order of a stop: TERM to the agent, TERM to the others, KILL; and how long each of it takes."""

import os
import select
import signal
import time

import pytest

import signal_sets
import ways
from service import PORTS

TERM = signal.SIGTERM
LATE = 1.5  # seconds that a busy machine may add
LAST_WORDS = 0.5  # seconds between TERM to all that is left and KILL, where the grace leaves less
LAST_RECORDS = 1.0  # seconds that the gate has for its end
STREAM = "stream.example.com"


def ends_of(reader):
    """All that comes out of the pipe until everybody has closed it."""
    text = b""
    while data := os.read(reader, 4096):
        text += data
    return text.decode()


class Left:
    """An agent and a process that it leaves behind, each with an output of its own."""

    def __init__(self, box, way, left, agent, *options):
        self.reader, writer = os.pipe()
        command = ["/probe", "seq", "spawn", "spawn", "to", str(writer), *left, ",", *agent]
        self.process = way.start(box, command, options, pass_fds=(writer,))
        os.close(writer)
        self.process.expect("ready")
        assert os.read(self.reader, 6) == b"ready\n"

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        self.process.close()
        os.close(self.reader)

    def said(self, timeout):
        """What it writes within the time; nothing if that is nothing."""
        return os.read(self.reader, 4096).decode() if select.select([self.reader], [], [], timeout)[0] else ""


def stop(process):
    """TERM, and the Result with its seconds counted from there."""
    started = time.monotonic()
    process.signal(TERM)
    result = process.wait()
    result.seconds = time.monotonic() - started
    return result


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_the_agents_code_comes_back_at_once(box, way):
    with way.start(box, ["/probe", "signals", "9"]) as process:
        process.expect("ready")
        result = stop(process)
    assert (result.code, result.err) == (9, "")
    assert result.seconds < LATE
    if way.plain:
        assert ways.keeper_of(box).children() == []  # it reaped all that it had


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_term_is_for_the_agent_first(box, way):
    left = Left(box, way, ["signals", "5"], ["ignore-term"], "--grace=0.8")
    with left as process:
        started = time.monotonic()
        process.signal(TERM)
        assert left.said(0.5) == ""
        assert left.said(5) == "15 TERM\n"
        assert 0.75 < time.monotonic() - started < 0.8 + LATE
        assert process.wait().code == 128 + signal.SIGKILL


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_when_the_agent_has_gone_the_others_get_term(box, way):
    left = Left(box, way, ["signals", "5"], ["signals", "9"], "--grace=30")
    with left as process:
        result = stop(process)
        assert (result.code, signal_sets.seen(result.out).count(TERM)) == (9, 1)
        assert ends_of(left.reader) == "15 TERM\n"
        assert result.seconds < LATE


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_what_ignores_term_is_killed_after_the_grace(box, way):
    left = Left(box, way, ["ignore-term"], ["signals", "9"], "--grace=0.7")
    with left as process:
        result = stop(process)
        assert result.code == 9
        assert 0.65 < result.seconds < 0.7 + LAST_WORDS + LATE
        assert ends_of(left.reader) == ""


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_an_agent_that_ignores_term_is_killed_after_the_grace(box, way):
    with way.start(box, ["/probe", "ignore-term"], ["--grace=0.5"]) as process:
        process.expect("ready")
        result = stop(process)
    assert result.code == 128 + signal.SIGKILL
    assert 0.45 < result.seconds < 0.5 + LAST_WORDS + LATE


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_the_agents_own_end_is_one_at_once(box, way):
    assert way.run(box, ["/probe", "seq", "orphans", "3", ",", "exit", "5"], ["--grace=30"]).seconds < LATE


def test_a_grace_of_nothing(box):
    with ways.PID1_NONE.start(box, ["/probe", "ignore-term"], ["--grace=0"]) as process:
        process.expect("ready")
        result = stop(process)
    assert (result.code, result.seconds < LAST_WORDS + LATE) == (128 + signal.SIGKILL, True)


def test_the_grace_is_five_seconds_when_nothing_is_said(box):
    with ways.PID1_NONE.start(box, ["/probe", "ignore-term"]) as process:
        process.expect("ready")
        result = stop(process)
    assert result.code == 128 + signal.SIGKILL
    assert 4.9 < result.seconds < 5 + LAST_WORDS + LATE


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_a_second_term_shortens_the_grace(box, way):
    with way.start(box, ["/probe", "ignore-term"], ["--grace=3"]) as process:
        process.expect("ready")
        process.signal(TERM)
        time.sleep(0.1)
        result = stop(process)
    assert result.code == 128 + signal.SIGKILL
    assert result.seconds < LAST_WORDS + LATE


def test_each_term_arrives_once(box):
    """A second one too, although then everybody gets it."""
    agent = ["/probe", "collect", "100"]
    with ways.PID1_NONE.start(box, agent, ["--grace=60"], prepare=signal_sets.block_all) as process:
        ways.await_agent(process)
        process.signal(TERM)
        time.sleep(0.1)
        process.signal(TERM)
        process.signal(64)
        result = process.wait()
    assert (result.code, result.json["signals"]) == (0, [TERM, TERM, 64])


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_processes_that_joined_the_container_do_not_hold_it_up(box, way):
    """Those of 'docker exec': no children of init, yet in its container, with which they end."""
    with way.start(box, ["/probe", "signals", "9"]) as process:
        process.expect("ready")
        with process.exec(["/probe", "signals", "3"]) as joined:
            joined.expect("ready")
            process.signal(TERM)
            assert joined.wait().code in (3, -signal.SIGKILL)
        assert process.wait().code == 9


@pytest.mark.parametrize("way", ways.PLAIN, ids=str)
def test_a_plain_command_leaves_its_neighbours_alone(box, way):
    with ways.keeper_of(box).exec(["/probe", "signals", "3"]) as neighbour:
        neighbour.expect("ready")
        with Left(box, way, ["ignore-term"], ["ignore-term"], "--grace=0.1") as process:
            assert stop(process).code == 128 + signal.SIGKILL
        assert neighbour.running()
        neighbour.signal(TERM)
        assert (neighbour.wait().code, signal_sets.seen(neighbour.out)) == (3, [TERM])


# ---- the gate in it: it does not end by TERM, and nobody waits for it


def open_flow(agent, **settings):
    """An agent with a connection through the gate that takes longer than any test."""
    bounded = agent(f"domain={STREAM}", **settings)
    bounded.start("tcp", host=STREAM, port=PORTS["http"], wait=60,
                  send=[f"GET /slow?seconds=60 HTTP/1.1\r\nHost: {STREAM}\r\n\r\n"])
    bounded.records(event="verdict", verdict="allow", name=STREAM, at_least=1)
    return bounded


def ends_of_flows(bounded):
    """As the audit has them when all is over."""
    return [(record["name"], record["end"]) for record in bounded.records(event="flow", at_least=1)]


def test_open_flows_do_not_hold_a_stop_up(agent):
    bounded = open_flow(agent, options=["--grace=30"])
    result = stop(bounded.process)
    assert (result.code, result.err) == (128 + TERM, "")
    assert result.seconds < LATE
    assert ends_of_flows(bounded) == [(STREAM, "the agent has ended")]


def test_flows_of_an_agent_that_ignores_term_end_with_it(agent):
    """Until then they go on: the grace is there to bring things to an end."""
    bounded = open_flow(agent, options=["--grace=0.7"], prepare=lambda: signal_sets.ignore({TERM}))
    started = time.monotonic()
    bounded.process.signal(TERM)
    time.sleep(0.4)
    assert not bounded.records(event="flow")
    result = bounded.process.wait()
    assert (result.code, result.err) == (128 + signal.SIGKILL, "")
    assert 0.65 < time.monotonic() - started < 0.7 + LAST_WORDS + LATE
    assert ends_of_flows(bounded) == [(STREAM, "the agent has ended")]


@pytest.mark.parametrize("way", ways.JAILED, ids=str)
def test_term_to_all_is_not_for_the_gate(box, way):
    """While the others still have their time, it is still there."""
    left = Left(box, way, ["ignore-term"], ["signals", "9"], "--grace=0.8")
    with left as process:
        gate = ways.gate_of(process)
        started = time.monotonic()
        process.signal(TERM)
        process.expect("15 TERM")
        time.sleep(0.3)
        assert ways.gate_of(process) == gate and ways.state_of(gate) == "S"
        assert process.wait().code == 9
        assert 0.75 < time.monotonic() - started < 0.8 + LAST_WORDS + LATE


@pytest.mark.parametrize("way", ways.JAILED, ids=str)
def test_a_gate_that_stands_still_does_not_hold_a_stop_up(box, way):
    with way.start(box, ["/probe", "signals", "9"], ["--grace=30"]) as process:
        process.expect("ready")
        gate = ways.gate_of(process)
        os.kill(gate, signal.SIGSTOP)
        ways.until(lambda: ways.state_of(gate) == "T", "the gate stands still")
        result = stop(process)
    assert (result.code, result.err) == (9, "")
    assert result.seconds < LAST_RECORDS + LATE


@pytest.mark.parametrize("way", ways.JAILED, ids=str)
def test_a_stop_while_there_is_no_gate(box, way):
    """One that died young comes back after a second; a stop does not wait for it, and starts no other."""
    with way.start(box, ["/probe", "signals", "9"], ["--grace=30"]) as process:
        process.expect("ready")
        os.kill(ways.gate_of(process), signal.SIGKILL)
        process.expect("gate: process: ended by signal 9", stream="err")
        result = stop(process)
    assert (result.code, result.err.count("boundary-init: ")) == (9, 1)
    assert result.seconds < LATE


@pytest.mark.parametrize("way", ways.JAILED, ids=str)
def test_a_gate_that_dies_during_the_grace(box, way):
    """It is started again, and the stop takes its course."""
    with way.start(box, ["/probe", "ignore-term"], ["--grace=2"]) as process:
        process.expect("ready")
        gate = ways.gate_of(process)
        started = time.monotonic()
        process.signal(TERM)
        os.kill(gate, signal.SIGKILL)
        process.expect("gate: process: ended by signal 9", stream="err")
        ways.until(lambda: any(ways.is_gate(pid, process.pid) for pid in process.children() if pid != gate), "the next gate")
        assert process.wait().code == 128 + signal.SIGKILL
        assert 1.95 < time.monotonic() - started < 2 + LAST_WORDS + LATE
