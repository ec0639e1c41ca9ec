# SPDX-License-Identifier: MIT
"""Docker engines as fixtures for a whole session, each with the images and networks that the table asks for:

    result = docker.run(Cell("add NET_ADMIN", "root", "rule", "dual"), [*RULE, "/agent", ALLOWED])

Not in conftest.py, for tests that do not use Docker shall not need it.
"""

import dataclasses
import socket

import pytest

import machine  # noqa: F401 (first: it lets the next lines find their modules)

import engine as engines  # noqa: I001
import images
import table
from containers import ALLOWED, RESOLVER
from nameserver import Nameserver
from test_docker_userns import RemappedEngine

NETWORKS = {  # name: options of 'docker network create'
    "bridge": None,
    "own": ["--subnet", "172.30.0.0/24"],
    "dual": ["--ipv6", "--subnet", engines.SUBNET_V6],
    "none": None,
}
PROFILES = {"default": "Docker's profile", "rule": "clone allowed", "unconfined": "clone allowed"}  # and their column


@dataclasses.dataclass(frozen=True)
class Cell:
    """What a container is given: capabilities and user as the table names them, one of PROFILES, one of NETWORKS."""

    capabilities: str
    user: str
    profile: str
    network: str = "bridge"

    def expected(self):
        return table.read_docker()[self.capabilities, self.user][PROFILES[self.profile]]

    def __str__(self):
        return f"{self.capabilities}, {self.user}, {self.profile}, {self.network}"


class Docker:
    """An engine with two images of boundary-init, the probe and the example's agent: root's and one after setcap."""

    def __init__(self, docker, address, profile):
        self.engine, self.address, self._profile = docker, address, profile
        agent = images.build_agent_image(docker)
        setcap = images.import_agent_image_with_capability(docker)
        user = "--user=1000:1000"
        self._users = {"root": [agent], "1000": [user, agent], "1000 + setcap": [user, setcap]}
        for name, options in NETWORKS.items():
            if options:
                docker.docker("network", "create", *options, name)

    def options(self, cell, *more):
        """Of 'docker run', the image included."""
        profile = {"default": [], "rule": [f"--security-opt=seccomp={self._profile}"],
                   "unconfined": ["--security-opt=seccomp=unconfined"]}[cell.profile]
        # Where nobody can be asked, libc shall not wait for long.
        network = [f"--network={cell.network}", *(["--dns-option=timeout:1"] if cell.network == "none" else [])]
        return [*table.CAPABILITIES[cell.capabilities], *profile, *network, *more, *self._users[cell.user]]

    def run(self, cell, arguments, *more):
        return self.engine.run("run", "--rm", *self.options(cell, *more), *arguments)

    def start(self, cell, arguments, *more):
        """In the foreground, to be told more by its standard input."""
        return self.engine.start("run", "--rm", "--interactive", *self.options(cell, *more), *arguments, stdin="pipe")


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    return images.profile_with_rule(tmp_path_factory.mktemp("seccomp"))


@pytest.fixture(scope="session")
def docker(net, profile):
    if reason := engines.missing():
        pytest.skip(reason)
    host = net.machine(engines.MACHINE_V4, engines.MACHINE_V6, routes=[engines.SUBNET_V6])
    with engines.Engine(host, RESOLVER) as engine:
        yield Docker(engine, engines.MACHINE_V4, profile)


STUB = "127.0.0.54"


@pytest.fixture(scope="session")
def stubbed(net, profile):
    """On a machine whose resolver is on its own loopback, as systemd's: Docker's resolver asks it from there."""
    if reason := engines.missing():
        pytest.skip(reason)
    host = net.add_host("stubbed", "172.19.2.2", "fd00:19:fe::2", ports=None)
    with Nameserver(host.socket(socket.AF_INET, socket.SOCK_DGRAM), STUB, {ALLOWED: net.allowed.v4}) as names, \
            engines.Engine(host, STUB) as engine:
        made = Docker(engine, host.v4, profile)
        made.names = names
        yield made


@pytest.fixture(scope="session")
def remapped(net, profile):
    """With --userns-remap: root of a container is root in a user namespace only."""
    if reason := engines.missing():
        pytest.skip(reason)
    host = net.add_host("remapped", "172.19.1.2", "fd00:19:ff::2", ports=None)
    host.sysctl({"ipv6/conf/default/accept_dad": 1})
    with RemappedEngine(host, RESOLVER) as engine:
        yield Docker(engine, host.v4, profile)
