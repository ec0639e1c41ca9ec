# SPDX-License-Identifier: MIT
"""Fixtures: net, one internet for all tests; box, a container of Docker's kind with NET_ADMIN, new for each test."""

import pytest

import sandbox
import signal_sets

# libc's own two, which make and other users of posix_spawn(3) leave ignored in what they start.
signal_sets.default({32, 33})


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
