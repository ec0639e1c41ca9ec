# SPDX-License-Identifier: MIT
"""Fixtures, for the whole session: net (a test internet with names), image, and runtimes, a function from the name of
a runtime to the runtime itself, which is made when the first test asks for it:

    conditions = Conditions(add=("NET_ADMIN",))
    result = runtimes("podman").run(["--allow", "domain=example.com", "--", "/agent", "example.com"], conditions)
"""

import contextlib

import pytest

import machine  # first: it lets the next lines find their modules
import image as images  # noqa: I001
import runtimes as all_runtimes

import containers
import sandbox


@pytest.fixture(scope="session")
def net():
    reason = machine.missing() or images.missing()
    if reason:
        pytest.skip(reason)
    with sandbox.Internet() as internet, containers.serve_names(internet) as internet.names:
        yield internet


@pytest.fixture(scope="session")
def image(net):
    with images.Image() as made:
        yield made


@pytest.fixture(scope="session")
def runtimes(net, image):
    made = {}
    with contextlib.ExitStack() as to_close:
        def runtime(name):
            if reason := all_runtimes.missing(name):
                pytest.skip(reason)
            if name not in made:
                made[name] = to_close.enter_context(all_runtimes.make(name, net, image))
            return made[name]
        yield runtime
