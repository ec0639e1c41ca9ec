# SPDX-License-Identifier: MIT
"""Signals on their way through init to the agent: each once, from the first moment on, whatever they are."""

import collections
import os
import select
import signal
import time

import pytest

import signal_sets
import ways

TERM = signal.SIGTERM
ONE_BY_ONE = sorted(signal_sets.CATCHABLE - {TERM})
INDEPENDENT = signal_sets.CATCHABLE - signal_sets.STOPPING  # while these wait, CONT cancels them and they cancel it


def await_state(pid, state):
    ways.until(lambda: ways.state_of(pid) == state, f"pid {pid} in state {state}")


def blocks_everything(process):
    return process.status()["SigBlk"] == signal_sets.FULL


def await_hold(process):
    """The moment from which on no signal may be lost: init has blocked all of them."""
    deadline = time.monotonic() + 5
    while not blocks_everything(process):
        assert time.monotonic() < deadline


# ---- forwarding


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_every_signal_arrives_once(box, way):
    with way.start(box, ["/probe", "signals", "7"]) as process:
        process.expect("ready")
        for number in ONE_BY_ONE:
            process.signal(number)
            process.expect(f"\n{number:02} ")
        process.signal(TERM)
        result = process.wait()
    assert (result.code, result.err) == (7, "")
    assert signal_sets.seen(result.out) == [*ONE_BY_ONE, TERM]


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_all_signals_at_once_arrive_once(box, way):
    """Real-time ones queue: five of each are five."""
    expected = collections.Counter(sorted(INDEPENDENT) + 4 * sorted(signal_sets.REALTIME))
    with way.start(box, ["/probe", "collect", "200"], prepare=signal_sets.block_all) as process:
        ways.await_agent(process)
        for number in expected.elements():
            process.signal(number)
        result = process.wait()
    assert (result.code, result.err) == (0, "")
    assert collections.Counter(result.json["signals"]) == expected


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_signals_that_were_pending_before_the_start_arrive_once(box, way):
    def prepare():
        signal_sets.block_all()
        for number in INDEPENDENT:
            os.kill(os.getpid(), number)

    result = way.run(box, ["/probe", "collect", "50"], prepare=prepare)
    assert (result.code, sorted(result.json["signals"])) == (0, sorted(INDEPENDENT))


@pytest.mark.parametrize("way", ways.ALL, ids=str)
@pytest.mark.parametrize("send", [os.kill, signal_sets.send_queued, signal_sets.send_to_thread],
                         ids=["kill", "sigqueue", "tgkill"])
def test_a_child_signal_that_somebody_sent_is_forwarded(box, way, send):
    """Unlike those of the kernel, which are about init's own children."""
    with way.start(box, ["/probe", "seq", "orphans", "3", ",", "signals", "7"]) as process:
        process.expect("ready")
        for number in signal.SIGUSR1, signal.SIGCHLD, 34, TERM:
            send(process.pid, number)
            if number != TERM:
                process.expect(f"\n{number:02} ", timeout=2)
        result = process.wait()
    assert (result.code, signal_sets.seen(result.out)) == (7, [signal.SIGUSR1, signal.SIGCHLD, 34, TERM])


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_signals_that_init_was_started_to_ignore_are_forwarded(box, way):
    def prepare():
        signal_sets.ignore(signal_sets.CATCHABLE)

    with way.start(box, ["/probe", "signals", "7"], prepare=prepare) as process:
        process.expect("ready")
        process.signal(signal.SIGHUP)
        process.expect("01 HUP")
        process.signal(signal.SIGCHLD)
        process.expect("17 CHLD")
        process.signal(TERM)
        assert process.wait().code == 7


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_forwarding_is_to_the_agent_alone(box, way):
    """Its children are its own affair."""
    reader, writer = os.pipe()
    agent = ["/probe", "seq", "spawn", "to", str(writer), "signals", ",", "signals", "7"]
    with way.start(box, agent, pass_fds=(writer,)) as process:
        os.close(writer)
        process.expect("ready")
        assert os.read(reader, 6) == b"ready\n"
        process.signal(signal.SIGUSR1)
        process.expect("10 USR1")
        assert not select.select([reader], [], [], 0.05)[0]
    os.close(reader)


@pytest.mark.parametrize("way", ways.ALL, ids=str)
@pytest.mark.parametrize("user", [1000, 1234])
def test_signals_reach_an_agent_of_another_user(box, way, user):
    with way.start(box, ["/probe", "seq", "status", ",", "signals", "7"], [f"--user={user}"]) as process:
        process.expect("ready")
        assert process.jsons[-1]["Uid"] == [user] * 4
        process.signal(signal.SIGHUP)
        process.expect("01 HUP", timeout=2)
        process.signal(TERM)
        assert process.wait().code == 7


@pytest.mark.parametrize("way", ways.WITHOUT_JAIL, ids=str)
def test_signals_reach_an_agent_that_has_become_another_user(box, way):
    """As a start script does that ends with gosu or su-exec."""
    with way.start(box, ["/probe", "seq", "become", "1000", ",", "signals", "7"], ["--grace=0.2"]) as process:
        process.expect("ready")
        assert process.status(ways.agent_of(process))["Uid"].split() == ["1000"] * 4
        process.signal(TERM)
        result = process.wait(timeout=4)
    assert (result.code, signal_sets.seen(result.out)) == (7, [TERM])


# ---- stopping and continuing


@pytest.mark.parametrize("way", ways.PID1, ids=str)
@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU])
def test_stop_and_continue_as_pid_1(box, way, number):
    with way.start(box, ["/probe", "sleep"]) as process:
        process.expect("ready")
        agent = ways.agent_of(process)
        for _ in range(2):
            process.signal(number)
            await_state(agent, "T")
            assert ways.state_of(process.pid) != "T"
            process.signal(signal.SIGCONT)
            await_state(agent, "S")
        process.signal(TERM)
        assert process.wait().code == 128 + TERM


@pytest.mark.parametrize("way", ways.PLAIN, ids=str)
def test_stop_and_continue_as_a_plain_command(box, way):
    """Whoever started it has to see it stopped, as a shell does."""
    with way.start(box, ["/probe", "sleep"]) as process:
        process.expect("ready")
        agent = ways.agent_of(process)
        for _ in range(2):
            process.signal(signal.SIGTSTP)
            await_state(agent, "T")
            await_state(process.pid, "T")
            process.signal(signal.SIGCONT)
            await_state(agent, "S")
            await_state(process.pid, "S")
        process.signal(TERM)
        assert process.wait().code == 128 + TERM


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_a_stopped_agent_can_be_killed(box, way):
    with way.start(box, ["/probe", "sleep"]) as process:
        process.expect("ready")
        os.kill(ways.agent_of(process), signal.SIGSTOP)
        await_state(ways.agent_of(process), "T")
        os.kill(ways.agent_of(process), signal.SIGKILL)
        if way.plain:
            process.signal(signal.SIGCONT)
        assert process.wait().code == 128 + signal.SIGKILL


# ---- the first milliseconds


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_term_is_never_lost_once_signals_are_blocked(box, way):
    """By the agent's default it ends with 143, with its own code once its handler stands."""
    codes = collections.Counter()
    turns = 50 if way.jail == "none" else 25
    for _ in range(turns):
        with way.start(box, ["/probe", "signals", "7"], ["--grace=60"]) as process:
            await_hold(process)
            process.signal(TERM)
            codes[process.wait(timeout=5).code] += 1
    assert set(codes) <= {7, 128 + TERM} and codes.total() == turns
    print(f"{way}: {dict(codes)}")


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_term_after_any_delay(box, way):
    """What the kernel drops before main is not to be helped; what comes after the hold must end the container."""
    lost_early = []
    turns = 75 if way.jail == "none" else 50
    for turn in range(turns):
        delay = turn % 25 / 5000  # 0 to 4.8 ms
        with way.start(box, ["/probe", "signals", "7"], ["--grace=60"]) as process:
            sleep_until(process.started + delay)
            held = blocks_everything(process)
            process.signal(TERM)
            if not held and not select.select([process.pidfd], [], [], 0.15)[0]:
                lost_early.append(delay)
                process.signal(TERM)
            assert process.wait(timeout=5).code in (7, 128 + TERM)
    print(f"{way}: lost {len(lost_early)} of {turns}, the last after {max(lost_early, default=0) * 1000} ms")


def sleep_until(moment):
    while time.monotonic() < moment:
        pass


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_group_signals_during_the_start_arrive_once(box, way):
    """A shell, a supervisor or a terminal signals the whole group. Until the agent has left it, that reaches the agent
    directly too. Queueing signals, blocked from birth on, let it count what it gets."""
    for _ in range(20):
        sent = collections.Counter()
        with way.start(box, ["/probe", "collect", "20"], prepare=signal_sets.block_all) as process:
            end = time.monotonic() + (0.004 if way.jail == "none" else 0.010)
            while time.monotonic() < end:
                number = 35 + sent.total() % 29
                os.killpg(process.pid, number)
                sent[number] += 1
            process.signal(64)
            sent[64] += 1
            result = process.wait()
        assert result.code == 0
        received = collections.Counter(result.json["signals"])
        assert (received - sent, sent - received) == ({}, {}), "(too many, too few)"


# ---- an agent that attacks init

FLOOD = 63 * 20  # every signal but TERM, so many times


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_nothing_that_the_agent_sends_ends_init(box, way):
    """KILL and STOP among it. What is allowed comes back to the agent, which blocks it."""
    result = way.run(box, ["/probe", "seq", "flood", "1", "20", ",", "exit", "9"])
    assert (result.code, result.err) == (9, "")
    assert result.json["sent"] + result.json["refused"] == FLOOD
    if way is ways.PID1_NONE:
        assert result.json["refused"] == 0


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_nothing_that_the_container_sends_ends_init(box, way):
    with way.start(box, ["/probe", "collect", "500"], prepare=signal_sets.block_all) as process:
        flood = process.exec_run(["/probe", "flood", "1", "20"])
        assert flood.json == {"sent": FLOOD, "refused": 0}
        result = process.wait()
    assert (result.code, result.err) == (0, "")
    seen = collections.Counter(result.json["signals"])
    assert set(seen) >= INDEPENDENT - {TERM, signal.SIGCONT}
    assert {number: seen[number] for number in signal_sets.REALTIME} == dict.fromkeys(signal_sets.REALTIME, 20)


def test_a_term_of_the_agents_own_is_a_stop(box):
    with ways.PID1_NONE.start(box, ["/probe", "seq", "spawn", "try", "kill-init-term", ",", "signals", "9"]) as process:
        process.expect("15 TERM")
        assert process.wait().code == 9
