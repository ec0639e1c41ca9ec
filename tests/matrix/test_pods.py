# SPDX-License-Identifier: MIT
"""Containers with boundary-init that follow each other, or live together, in the network namespace of one pod."""

import pytest

from image import Conditions  # first: it lets the next lines find their modules

from containers import ALLOWED, DENIED, network_state  # noqa: I001

ADMIN = ("NET_ADMIN",)
MODES = {"veth": Conditions(add=ADMIN, seccomp="rule"), "loopback": Conditions(seccomp="rule"),
         "container": Conditions(add=ADMIN)}
RULE = ["--allow", f"domain={ALLOWED}", "--"]


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture
def conditions(mode):
    return MODES[mode]


@pytest.fixture
def pod(runtimes):
    """A pod in which nothing may be left when its containers have ended well."""
    with runtimes("kubernetes").pod() as made:
        before = network_state(made.box)
        yield made
        assert network_state(made.box) == before


def assert_reached(pod, conditions):
    result = pod.run([*RULE, "/agent", ALLOWED], conditions)
    assert (result.code, result.out) == (0, f"allowed {pod.address}\n"), result


def test_restarts_at_once(pod, conditions):
    """Its connections of the last run do not stand in the way."""
    for _ in range(3):
        assert_reached(pod, conditions)


def test_starts_again_after_it_was_killed(pod, conditions):
    """What the killed one left behind is replaced."""
    assert_reached(pod, conditions)
    with pod.start([*RULE, "/probe", "sleep"], conditions) as killed:
        killed.expect("ready")
        assert pod.kill(killed).code == 128 + 9
    assert_reached(pod, conditions)


def test_container_that_was_killed_in_container_mode_leaves_a_wall(pod):
    """Nobody is there to decide, so nothing passes, not even for a container without boundary-init."""
    conditions = MODES["container"]
    with pod.start([*RULE, "/probe", "sleep"], conditions) as killed:
        killed.expect("ready")
        pod.kill(killed)
    tries = ["seq", "connect", pod.hosts["denied"].v4, "80", ",", "udp", pod.hosts["denied"].v4, "8080"]
    assert not [one for one in pod.run(tries, entrypoint="/probe").jsons if one["errno"] == "OK"]
    assert_reached(pod, conditions)


def test_stops_on_term(pod, conditions):
    with pod.start([*RULE, "/probe", "signals", "7"], conditions) as stopped:
        stopped.expect("ready")
        result = pod.kill(stopped, "TERM")
    assert (result.code, result.out) == (7, "ready\n15 TERM\n")


def test_two_at_once(pod, mode, conditions):
    """Each has its own rules, where each has a network namespace of its own."""
    with pod.start([*RULE, "/probe", "signals", "0"], conditions) as first:
        first.expect("ready")
        second = pod.run(["--allow", f"domain={DENIED}", "--", "/agent", DENIED], conditions)
        if mode == "container":
            assert (second.code, second.out) == (125, ""), second
            assert "another jail stands in this network namespace" in second.err
        else:
            assert (second.code, second.out) == (0, f"denied {pod.address}\n"), second
        pod.kill(first, "TERM")
