# SPDX-License-Identifier: MIT
"""The ways in which boundary-init is used: as PID 1 or as a plain command, with a jail or as an init only.

    @pytest.mark.parametrize("way", ways.ALL, ids=str)
    def test_exit_code(box, way):
        assert way.run(box, ["/probe", "exit", "3"]).code == 3
"""

import contextlib
import os
import re
import time
import weakref

import namespaces as ns
from process import TIMEOUT, Hung
from sandbox import Net

INIT = "/sbin/boundary-init"
OWN_FAILURE = 125

_keepers = weakref.WeakKeyDictionary()


def keeper_of(box):
    """PID 1 of a container in which plain commands run: it sleeps and reaps nobody, so whatever is left to it shows."""
    if box not in _keepers:
        _keepers[box] = box.start(["sleep"], program="/probe")
        _keepers[box].expect("ready")
    return _keepers[box]


class Way:
    def __init__(self, jail, plain):
        self.jail, self.plain = jail, plain

    def __str__(self):
        return f"{'plain' if self.plain else 'pid1'}-{self.jail}"

    def start(self, box, agent, options=(), **settings):
        """Starts boundary-init with that agent (its argv); settings as for Container.start()."""
        arguments = [f"--jail={self.jail}", *options, "--", *agent]
        if self.plain:
            return keeper_of(box).exec([INIT, *arguments], **settings)
        return box.start(arguments, **settings)

    def run(self, box, agent, options=(), timeout=TIMEOUT, **settings):
        with self.start(box, agent, options, **settings) as process:
            return process.wait(timeout)


PID1_NONE, PID1_VETH = Way("none", plain=False), Way("veth", plain=False)
PLAIN_NONE, PLAIN_VETH = Way("none", plain=True), Way("veth", plain=True)

MODES = ("veth", "loopback", "container")  # of a jail

PID1 = (PID1_NONE, PID1_VETH)
PLAIN = (PLAIN_NONE, PLAIN_VETH)
WITHOUT_JAIL = (PID1_NONE, PLAIN_NONE)
JAILED = (PID1_VETH, PLAIN_VETH)
ALL = (*PID1, *PLAIN)


def agent_of(process):
    """The agent's pid, as the machine sees it. With a jail init has another child of its own, the gate."""
    return next(pid for pid in process.children() if not jailed(process) or not is_gate(pid, process.pid))


def network_of(process):
    """The agent's network namespace, whose ever it is, as a Net to be closed."""
    return Net(ns.namespace_fd("net", agent_of(process)))


def gate_of(process):
    """The gate's pid, as the machine sees it."""
    [gate] = [pid for pid in process.children() if is_gate(pid, process.pid)]
    return gate


def is_gate(pid, init):
    """Whether a child of init is of its program too, and in its network: not the agent, not one that was left."""
    with contextlib.suppress(FileNotFoundError):  # it has ended
        return all(os.readlink(f"/proc/{pid}/{what}") == os.readlink(f"/proc/{init}/{what}") for what in ("exe", "ns/net"))
    return False


def jailed(process):
    return "--jail=none" not in process.popen.args


def state_of(pid):
    """The letter of its state: R, S, T (stopped), Z..."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0]


def await_agent(process):
    """For agents that cannot say when they are ready: waits until the probe has been executed."""
    until(lambda: "probe" in [process.status(pid)["Name"] for pid in process.children()], "the agent runs")


def until(condition, what, timeout=TIMEOUT):
    """Waits for something in /proc, of which the kernel tells nobody; returns what the condition returns."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise Hung(f"not within {timeout} s: {what}")
        time.sleep(0.001)
    return found


def the_line(result, code=OWN_FAILURE):
    """The one line of a start that failed, without 'boundary-init: '; asserts that there is nothing else."""
    assert (result.code, result.out) == (code, ""), result
    assert re.fullmatch(r"boundary-init: [ -~]+\n", result.err), result
    return result.err[len("boundary-init: "):-1]


def stage_and_rest(result, code=OWN_FAILURE):
    """That line in two, once it is seen to have the form of every own failure: 'stage: object: cause. Remedy'."""
    line = the_line(result, code)
    assert re.fullmatch(r"[a-z]+: .+: .+\. [A-Z`'\-a-z].+", line), line
    return tuple(line.split(": ", 1))
