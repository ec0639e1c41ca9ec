# SPDX-License-Identifier: MIT
"""What init gives to the agent, what it keeps to itself, what it costs, and that nothing is left behind."""

import itertools
import os
import pathlib
import select
import statistics
import signal
import time

import pytest

import sandbox
import signal_sets
import ways

SIGNAL_STATES = {
    "usual": ((), ()),
    "some": ({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, 32, 33, 34, 64},
             {signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, 32, 33, 34, 64}),
    "child ignored": ((), {signal.SIGCHLD}),
    "all": (signal_sets.CATCHABLE, signal_sets.CATCHABLE),
}

# What a program could see of its start; everything but the process and its namespaces.
INHERITED = ("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd",
             "CapAmb", "NoNewPrivs", "Seccomp", "cwd", "root", "cmdline", "environ", "oom_score_adj", "interfaces")


def odd_signals(state):
    blocked, ignored = SIGNAL_STATES[state]

    def prepare():
        signal_sets.block(blocked)
        signal_sets.ignore(ignored)

    return prepare


def open_files(pid):
    """{descriptor: what it leads to}"""
    return {int(entry.name): os.readlink(entry) for entry in pathlib.Path("/proc", str(pid), "fd").iterdir()}


def only(descriptor, pid):
    """What a pipe of the test's looks like in /proc/PID/fd."""
    target = os.readlink(f"/proc/self/fd/{descriptor}")
    return [number for number, leads_to in open_files(pid).items() if leads_to == target]


def wait_for_end_of_file(descriptor, timeout=sandbox.TIMEOUT):
    """Reads to the end; fails if somebody still holds the other side."""
    deadline = time.monotonic() + timeout
    while select.select([descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
        if not os.read(descriptor, 65536):
            return
    raise AssertionError("somebody still holds the other end of the pipe")


@pytest.fixture
def pipe():
    """(read end, write end)"""
    ends = list(os.pipe())
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass  # the test was faster


# ---- what the agent gets


@pytest.mark.parametrize("state", SIGNAL_STATES)
@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_signal_mask_and_dispositions_are_given_back(box, way, state):
    blocked, ignored = SIGNAL_STATES[state]
    result = way.run(box, ["/probe", "seq", "status", ",", "exit", "41"], prepare=odd_signals(state))
    assert (result.code, result.err) == (41, "")
    assert result.json["SigBlk"] == signal_sets.mask_of(blocked)
    assert result.json["SigIgn"] == signal_sets.mask_of(ignored)
    assert result.json["SigCgt"] == signal_sets.mask_of(())


@pytest.mark.parametrize("way", ways.WITHOUT_JAIL, ids=str)
def test_without_a_jail_the_agent_is_as_if_it_had_been_started_itself(box, way):
    settings = {"env": {"COLOUR": "blue", "EMPTY": "", "PATH": None}, "cwd": "/home/agent", "groups": (2000, 2001)}
    command = ["/probe", "status"]
    with_init = way.run(box, command, **settings).json
    itself = box.run(command[1:], program=command[0], **settings).json
    assert {name: with_init[name] for name in INHERITED} == {name: itself[name] for name in INHERITED}
    assert with_init["environ"] == {"COLOUR": "blue", "EMPTY": "", "HOSTNAME": "box", "HOME": "/root"}


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_process_group_session_and_directory(box, way):
    with way.start(box, ["/probe", "seq", "status", ",", "sleep"], cwd="/home/agent") as process:
        process.expect("ready")
        agent = process.jsons[-1]
        init = int(process.status()["NSpid"].split()[-1])
        assert (agent["PPid"], agent["sid"]) == (init, init)
        assert agent["pgid"] == agent["Pid"] != init
        assert agent["cwd"] == "/home/agent"
        ways.until(lambda: os.readlink(process.proc / "cwd") == os.readlink(process.proc / "root"), "init in its root")
        assert (init == 1) == (not way.plain)


# ---- descriptors

COMBINATIONS = [closed for count in (1, 2, 3) for closed in itertools.combinations(range(3), count)]


@pytest.mark.parametrize("closed", COMBINATIONS, ids=lambda closed: "".join(map(str, closed)))
@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_closed_standard_descriptors_become_dev_null(box, way, closed, pipe):
    def prepare():
        for descriptor in closed:
            os.close(descriptor)

    reader, writer = pipe
    agent = ["/probe", "seq", "spawn", "to", str(writer), "say", "up", ",", "sleep"]
    with way.start(box, agent, prepare=prepare, pass_fds=(writer,)) as process:
        assert os.read(reader, 3) == b"up\n"
        files = open_files(ways.agent_of(process))
        assert sorted(files) == [0, 1, 2, writer]
        for descriptor in range(3):
            if descriptor in closed or descriptor == 0:
                assert files[descriptor] == "/dev/null"
            else:
                assert files[descriptor].startswith("pipe:")
        process.signal(signal.SIGTERM)
        assert process.wait().code == 128 + signal.SIGTERM


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_descriptors_are_the_agents_and_not_inits(box, way, pipe):
    reader, writer = pipe
    with way.start(box, ["/probe", "sleep"], pass_fds=(reader, writer)) as process:
        process.expect("ready")
        agent = ways.agent_of(process)
        assert sorted(open_files(agent)) == [0, 1, 2, reader, writer]
        assert only(reader, agent) == [reader] or only(reader, agent) == [reader, writer]
        ways.until(lambda: not only(reader, process.pid), "init has closed the pipe")
        kept = open_files(process.pid)
        assert (kept[0], kept[1]) == ("/dev/null", "/dev/null")
        audit = [kept[2]] if ways.jailed(process) else []  # standard error by another number, for the next gate too
        assert sorted(target for number, target in kept.items() if number > 2 and "socket" not in target) == [
            "anon_inode:[signalfd]", *audit]


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_a_pipe_that_the_agent_closes_is_closed(box, way, pipe):
    reader, writer = pipe
    with way.start(box, ["/probe", "seq", "close", str(writer), ",", "sleep"], pass_fds=(writer,)) as process:
        process.expect("ready")
        os.close(writer)
        wait_for_end_of_file(reader)
        assert process.running()


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_standard_output_that_the_agent_closes_is_closed(box, way):
    with way.start(box, ["/probe", "seq", "say", "bye", ",", "close", "1", ",", "sleep"]) as process:
        process.expect("bye")
        wait_for_end_of_file(process.popen.stdout.fileno())
        assert process.running()


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_standard_input_that_the_agent_closes_is_closed(box, way):
    with way.start(box, ["/probe", "seq", "close", "0", ",", "sleep"], stdin="pipe") as process:
        process.expect("ready")
        writer = process.popen.stdin.fileno()
        poll = select.poll()
        poll.register(writer, 0)
        assert poll.poll(1000 * sandbox.TIMEOUT) == [(writer, select.POLLERR)]
        assert process.running()


# ---- children


def descendants(pid):
    lists = pathlib.Path("/proc", str(pid)).glob("task/*/children")
    children = [int(child) for child in " ".join(path.read_text() for path in lists).split()]
    return children + [below for child in children for below in descendants(child)]


def ignores_term(pid):
    """Whether it is one of those that were made to stay (and no zombie)."""
    text = pathlib.Path("/proc", str(pid), "status").read_text()
    return f"SigIgn:\t{signal_sets.mask_of({signal.SIGTERM})}" in text and "State:\tZ" not in text


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_a_hundred_orphans_are_reaped(box, way):
    with way.start(box, ["/probe", "seq", "orphans", "100", ",", "sleep"]) as process:
        process.expect("ready")
        assert process.jsons[-1] == {"made": 100, "zombies": 0}
        agent = ways.agent_of(process)
        assert process.children() == sorted([agent, ways.gate_of(process)] if ways.jailed(process) else [agent])
        process.signal(signal.SIGTERM)
        assert process.wait().code == 128 + signal.SIGTERM


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_orphans_do_not_change_the_exit_code(box, way):
    result = way.run(box, ["/probe", "seq", "orphans", "3", ",", "spawn", "spawn", "exit", "9", ",", "exit", "4"])
    assert (result.code, result.json["made"]) == (4, 3)


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_the_agents_exit_ends_all_that_it_left(box, way):
    """Init has no grace for them, as the kernel has none when PID 1 ends."""
    child, orphan = ["spawn", "ignore-term"], ["spawn", "spawn", "ignore-term"]
    agent = ["/probe", "seq", *child, ",", *orphan, ",", "cat"]
    with way.start(box, agent, stdin="pipe") as process:
        process.expect("ready\nready\n")
        left = [os.pidfd_open(pid) for pid in descendants(process.pid) if ignores_term(pid)]
        assert len(left) == 2
        process.write(b"", end=True)
        result = process.wait()
        assert result.code == 0
        for descriptor in left:
            assert select.select([descriptor], [], [], 0)[0], "a process of the agent's is still there"
            os.close(descriptor)


@pytest.mark.parametrize("way", ways.PLAIN, ids=str)
def test_the_exit_ends_very_many_too(box, way):
    """More than fit into one piece of /proc/PID/task/PID/children."""
    keeper = ways.keeper_of(box)
    result = way.run(box, ["/probe", "seq", "close", "1", "2", ",", "herd", "700", ",", "exit", "3"])
    left = keeper.children()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert (result.code, len(left)) == (3, 0)


@pytest.mark.parametrize("way", ways.PLAIN, ids=str)
def test_agent_and_gate_do_not_outlive_init(box, way):
    with way.start(box, ["/probe", "sleep"]) as process:
        process.expect("ready")
        children = [os.pidfd_open(pid) for pid in process.children()]
        assert len(children) == 1 + ways.jailed(process)
        process.signal(signal.SIGKILL)
        assert process.wait().code == -signal.SIGKILL
        for child in children:
            assert select.select([child], [], [], sandbox.TIMEOUT)[0]
            os.close(child)


# ---- what it costs


def context_switches(process):
    status = process.status()
    return status["voluntary_ctxt_switches"], status["nonvoluntary_ctxt_switches"]


def test_no_wake_up_when_idle(net):
    processes = {str(way): way.start(net.container(), ["/probe", "sleep"]) for way in ways.ALL}
    for process in processes.values():
        process.expect("ready")
    time.sleep(0.2)
    before = {way: context_switches(process) for way, process in processes.items()}
    time.sleep(2)
    assert {way: context_switches(process) for way, process in processes.items()} == before
    for process in processes.values():
        process.close()


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_resident_memory(box, way, record_property):
    """The median of some starts: where the kernel lays the stack makes a page or two of difference."""
    sizes = []
    for _ in range(7):
        with way.start(box, ["/probe", "sleep"]) as process:
            process.expect("ready")
            ways.until(lambda: process.status()["State"].startswith("S"), "idle")
            rollup = (process.proc / "smaps_rollup").read_text()
        sizes += [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:")]
    record_property("kB", statistics.median(sizes))
    print(f"{way}: {sizes} kB resident")
    assert statistics.median(sizes) <= 120


# ---- starts that fail


def traces(box):
    return box.nft(), sorted(link["ifname"] for link in box.ip_json("link")), ways.keeper_of(box).children()


NO_TRACE = ("", ["eth0", "lo"], [])


def test_failed_starts_leave_nothing(net):
    """Missing rights, a program that is not there: one line, and nothing behind it."""
    cases = [
        (dict(caps=sandbox.DOCKER_CAPS), ways.PLAIN_VETH, [], 125,
         "plan: jail veth: CAP_NET_ADMIN is missing. Add --cap-add NET_ADMIN"),
        (dict(user_namespaces=False), ways.PLAIN_VETH, [], 125,
         "jail: namespaces: no user or network namespace is left. "),
        ({}, ways.PLAIN_VETH, ["--no-userns"], 125,
         "plan: --no-userns: CAP_SYS_ADMIN is missing. Add --cap-add SYS_ADMIN, or leave --no-userns away"),
        ({}, ways.PLAIN_NONE, ["--user=nobody-such"], 125, "user: 'nobody-such': not in the image's /etc/passwd. "),
        ({}, ways.PLAIN_VETH, ["--user=nobody-such"], 125, "user: 'nobody-such': not in the image's /etc/passwd. "),
        ({}, ways.PLAIN_VETH, [], 127, "exec: '/missing': not found. "),
    ]
    for container, way, options, code, line in cases:
        with net.container(**container) as box:
            ways.keeper_of(box)
            result = way.run(box, ["/missing"], options)
            found = ways.stage_and_rest(result, code)
            assert ": ".join(found).startswith(line)
            assert traces(box) == NO_TRACE


def test_init_without_a_jail_needs_no_capability(net):
    with net.container(caps=()) as box:
        for way in ways.WITHOUT_JAIL:
            assert way.run(box, ["/probe", "exit", "5"]).code == 5
            assert way.run(box, ["/probe", "exit", "6"], user=1000, groups=(2000,)).code == 6


@pytest.mark.parametrize("way", ways.PLAIN, ids=str)
def test_a_start_that_runs_out_of_descriptors(box, way):
    """Wherever the limit strikes: either the agent runs, or there is one line and no trace."""
    keeper = ways.keeper_of(box)
    codes = set()
    for limit in range(3, 30):
        started = ["/probe", "files", str(limit), "exec", ways.INIT, f"--jail={way.jail}", "/probe", "say", "hello"]
        result = keeper.exec_run(started)
        codes.add(result.code)
        if result.code == 0:
            assert (result.out, result.err) == ("hello\n", "")
        else:
            ways.the_line(result)
        assert traces(box) == NO_TRACE
    assert codes == {0, 125}


@pytest.mark.parametrize("way", ways.PLAIN, ids=str)
def test_no_descriptor_for_a_closed_standard_input(box, way):
    """Not even /dev/null can be opened in its place."""
    def prepare():
        os.close(0)

    keeper = ways.keeper_of(box)
    command = ["/probe", "files", "0", "exec", ways.INIT, f"--jail={way.jail}", "/probe", "say", "hello"]
    ways.the_line(keeper.exec_run(command, prepare=prepare))


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_without_dev_null(box, way):
    """Nothing that an image may lack decides over the start, whatever its descriptors look like."""
    def prepare():
        os.close(0)
        os.unlink("/dev/null")

    result = way.run(box, ["/probe", "seq", "status", ",", "exit", "5"], prepare=prepare)
    assert (result.code, result.err) == (5, "")
    assert "0" in result.json["fds"]
