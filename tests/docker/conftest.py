# SPDX-License-Identifier: MIT
"""Fixtures, all for the whole session: net (a test internet), engine (a real dockerd on it), agent_image, and flags
(what a user adds to 'docker run' for the veth jail):

    result = engine.run("run", "--rm", *flags, agent_image, "--allow", f"cidr={net.allowed.v4}", "--", "/probe", ...)

jails does the same with fewer words; see containers.py.

Containers need not be removed: the engine takes all of them along when it stops.
"""

import contextlib

import pytest

import containers
import engine as engines
import images
import sandbox


@contextlib.contextmanager
def internet_of_names():
    """An Internet; its attribute names is the Nameserver there, which knows containers.ZONE."""
    with sandbox.Internet() as internet, containers.serve_names(internet) as internet.names:
        yield internet


@pytest.fixture(scope="session")
def net():
    reason = sandbox.missing() or engines.missing()
    if reason:
        pytest.skip(reason)
    with internet_of_names() as internet:
        yield internet


@pytest.fixture(scope="session")
def engine(net):
    """A dockerd on a machine of the internet; there, its containers are seen as MACHINE_V4 (masqueraded)."""
    machine = net.machine(engines.MACHINE_V4, engines.MACHINE_V6, routes=[engines.SUBNET_V6])
    with engines.Engine(machine, containers.RESOLVER) as docker:
        yield docker


@pytest.fixture(scope="session")
def dual(engine):
    """A user-defined network with IPv4 and IPv6; its name. IPv6 is routed there, not masqueraded."""
    engine.docker("network", "create", "--ipv6", "--subnet", engines.SUBNET_V6, "dual")
    return "dual"


@pytest.fixture(scope="session")
def builder():
    """A dockerd that can install packages in builds: it shares the machine's network and changes nothing there."""
    reason = engines.missing() or images.missing_for_base()
    if reason:
        pytest.skip(reason)
    with engines.Engine(None) as docker:
        images.import_base_image(docker)
        yield docker


@pytest.fixture(scope="session")
def project_image(builder, engine):
    """The image of the project's own Dockerfile, built by a real 'docker build' and loaded into the engine; its tag."""
    tag = images.build_project_image(builder)
    images.transfer(builder, engine, tag)
    return tag


@pytest.fixture(scope="session")
def example_image(builder, project_image, engine):
    """The example's image, from its own Dockerfile, which takes boundary-init out of the project's."""
    tag = images.build_with_packages(builder, "example", images.EXAMPLE)
    images.transfer(builder, engine, tag)
    return tag


@pytest.fixture(scope="session")
def agent_image(engine):
    """FROM scratch, with boundary-init as ENTRYPOINT, /probe, and /agent, that of the example; its tag."""
    return images.build_agent_image(engine)


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    """The path of Moby's default profile with the one rule added."""
    if not images.MOBY_PROFILE.exists():
        pytest.skip("Moby's default profile is not below build/deps")
    return images.profile_with_rule(tmp_path_factory.mktemp("seccomp"))


@pytest.fixture(scope="session")
def flags(profile):
    """What a user adds to 'docker run' for the veth jail."""
    return ["--cap-add", "NET_ADMIN", "--security-opt", f"seccomp={profile}"]


@pytest.fixture(scope="session")
def jails(engine, agent_image, flags):
    return containers.Jails(engine, agent_image, flags)
