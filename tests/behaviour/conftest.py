# SPDX-License-Identifier: MIT
"""Fixtures: net, one internet for all tests; box, a container of Docker's kind with NET_ADMIN, new for each test."""

import contextlib

import pytest

import sandbox
import signal_sets

# libc's own two, which make and other users of posix_spawn(3) leave ignored in what they start.
signal_sets.default({32, 33})


# They measure, or take all that a machine has; the others can share it: pytest -n 2 --dist loadfile -m "not alone".
ALONE = ("test_gate_bulk", "test_resident_memory", "test_no_wake_up_when_idle", "test_ten_thousand_flows", "test_flood_of",
         "test_first_connection_is_never_late", "test_killed_again_and_again", "test_agent_cannot_hold_off",
         "test_more_allowed_names_than_there_is_room_for", "is_refused_at_once", "are_not_late")


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: nothing else may run beside it")


def pytest_collection_modifyitems(items):
    for item in items:
        if any(name in item.nodeid for name in ALONE):
            item.add_marker("alone")


@pytest.fixture(scope="session")
def net():
    reason = sandbox.missing()
    if reason:
        pytest.skip(reason)
    with sandbox.Internet() as internet:
        yield internet


@pytest.fixture
def box(net):
    with net.container() as container:
        yield container


@pytest.fixture(scope="session")
def names():
    """The internet of names with its servers; only the tests that ask for it pay for them."""
    reason = sandbox.missing()
    if reason:
        pytest.skip(reason)
    import names as internet_of_names
    with internet_of_names.Names() as internet:
        yield internet


@pytest.fixture(scope="session")
def direct(names):
    """An agent without a jail: what it can do shows that the servers work, and that a refusal is the jail's."""
    from names import Agent
    with Agent(names.box(), jailed=False) as unbounded:
        yield unbounded


@pytest.fixture
def agent(names):
    """Makes an agent: agent('domain=api.example.com'), in a box of its own or box=...; all end with the test."""
    from names import Agent
    with contextlib.ExitStack() as to_close:
        def make(*rules, box=None, **options):
            if box is None:
                box = to_close.enter_context(names.box())
            return to_close.enter_context(Agent(box, *rules, **options))
        yield make
