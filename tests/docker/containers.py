# SPDX-License-Identifier: MIT
"""'docker run' as a user types it, for containers whose PID 1 is boundary-init (fixture jails).

    result = jails.run([*allow(f"{net.allowed.v4} port=80"), "--", "/probe", "connect", net.allowed.v4, "80"])
    with jails.start(["--", "/probe", "signals", "7"], "--read-only") as container:
        container.expect("ready")
        container.stop()
        assert container.code() == 7
    with jails.agent(allow(net.allowed.v4), "--network", dual) as agent:
        assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"

First the arguments of boundary-init, then options of 'docker run'. What the veth jail needs (fixture flags) is added.
"""

import contextlib
import functools
import itertools
import json
import pathlib
import re
import socket
import time

from engine import MACHINE_V4  # first: it lets the next lines find their modules

import namespaces as ns  # noqa: I001
import sandbox
from agent import Agent, allow
from nameserver import Nameserver

OWN_FAILURE = 125
AT_ONCE = 1000  # microseconds

NO_CAPABILITY = "0" * 16
NET_ADMIN = f"{1 << 12:016x}"
CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")

# What containers have where Docker has switched it on for the whole host; here it did so in its own network only.
IP_FORWARD = ("--sysctl", "net.ipv4.ip_forward=1")

# Names of the test's internet, and the server that knows them.
ALLOWED, DENIED, METADATA = "api.example.com", "www.example.com", "metadata.example.com"
RESOLVER = "192.0.2.53"
LOADED = [f"host-{number}.example.com" for number in range(20)]  # all of the allowed host

_numbers = itertools.count()


@contextlib.contextmanager
def serve_names(net):
    """The Nameserver at RESOLVER, a host of its own."""
    host = net.add_host("resolver", RESOLVER, "2001:db8:53::53", ports=None)
    zone = {ALLOWED: net.allowed.v4, "example.com": net.allowed.v4, DENIED: net.denied.v4, METADATA: "169.254.169.254",
            **dict.fromkeys(LOADED, net.allowed.v4)}
    with Nameserver(host.socket(socket.AF_INET, socket.SOCK_DGRAM), RESOLVER, zone) as names:
        yield names


def new_name():
    """For a container, where a test needs to call it by name before it has an id."""
    return f"box-{next(_numbers)}"


def main_job(net, *options):
    """Arguments for an agent that says what it is, and tries a host that it may reach and one that it may not."""
    return [*options, *allow(f"{net.allowed.v4} port=80"), "--", "/probe", "seq", "status", ",",
            "connect", net.allowed.v4, "80", ",", "connect", net.denied.v4, "80"]


def denials(result, **members):
    """The records of what was denied, on standard error, that have these members."""
    found = [json.loads(line) for line in result.err.splitlines() if line.startswith("{")]
    assert not [one for one in found if one["verdict"] != "deny"], result
    return [one for one in found if all(one.get(key) == value for key, value in members.items())]


def words(result):
    """What was said on standard error besides."""
    return "".join(line for line in result.err.splitlines(keepends=True) if not line.startswith("{"))


# The links that an agent sees.
LINKS = {"veth": ["eth0", "lo"], "loopback": ["lo"], "container": ["eth0", "lo"]}


def mode_told(result):
    """The jail that was made, of the line that says so where it is not the best one, and nothing else is said."""
    text = words(result)
    told = re.fullmatch("boundary-init: jail: ([a-z]+); not veth[^\n]*\n", text)
    assert told or text == "", result
    return told[1] if told else "veth"


def works(net, result, mode="veth", bounding=NO_CAPABILITY):
    """Asserts that an agent that did the main job was in its jail and fared as it should; returns its status.

    bounding: its bounding set, where there is neither a user namespace nor CAP_SETPCAP to empty it; no_new_privs then
    makes it void.
    """
    assert result.code == 1, result
    return worked(net, result, mode, bounding)


def worked(net, result, mode="veth", bounding=NO_CAPABILITY):
    """The same for one that has gone on to do other things."""
    assert mode_told(result) == mode
    assert denials(result, event="packet", proto="tcp", address=net.denied.v4, port=80), result
    status, reached, refused = result.jsons
    assert {name: status[name] for name in CAPABILITY_SETS} == {
        **dict.fromkeys(CAPABILITY_SETS, NO_CAPABILITY), "CapBnd": bounding}
    assert (status["NoNewPrivs"], sorted(status["interfaces"])) == (1, LINKS[mode])
    assert (reached["errno"], reached["reply"]) == ("OK", f"allowed {MACHINE_V4}")
    assert (refused["errno"], refused["reply"]) == ("ECONNREFUSED", "")
    return status


def refusal(result):
    """The one line that boundary-init says when it does not start the agent, without its name."""
    assert (result.code, result.out) == (OWN_FAILURE, ""), result
    name, said = result.err[:15], result.err[15:]
    assert name == "boundary-init: " and said.count("\n") == 1 and said.endswith("\n"), result
    return said[:-1]


def status_of(pid):
    """/proc/PID/status of a process of the machine as {'CapEff': '0000000000001000', ...}."""
    text = pathlib.Path("/proc", str(pid), "status").read_text()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in text.splitlines())}


def network_state(net):
    """Names of the links and of the nf_tables tables of a network namespace: what a jail could leave behind there."""
    links = [link["ifname"] for link in net.ip_json("link")]
    return sorted(links), sorted(net.tool("nft", "list", "tables").splitlines())


class Container:
    """One that runs in the background; removed when closed."""

    def __init__(self, docker, *arguments):
        self.engine = docker
        self._started = time.time()
        self.id = docker.docker("run", "--detach", *arguments).strip()

    def expect(self, text):
        """Waits until the text is in what its agent has said since the last start or restart; returns that so far."""
        with self.engine.start("logs", "--follow", "--since", f"{self._started:.9f}", self.id) as follower:
            return follower.expect(text)

    def logs(self):
        """A Result, with out and err apart."""
        return self.engine.run("logs", self.id)

    def inspect(self):
        return self.engine.inspect(self.id)

    def do(self, command, *options):
        """'docker stop', 'restart', 'kill' and their like; returns how many seconds it took."""
        if command in ("start", "restart"):
            self._started = time.time()
        result = self.engine.run(command, *options, self.id)
        assert result.code == 0, result
        return result.seconds

    def stop(self, *options):
        return self.do("stop", *options)

    def kill(self, signal="KILL"):
        return self.do("kill", "--signal", signal)

    def restart(self, *options):
        return self.do("restart", *options)

    def code(self):
        """The exit code; waits for the end."""
        return int(self.engine.docker("wait", self.id))

    def exec(self, *command):
        return self.engine.run("exec", self.id, *command)

    def probe(self, *command):
        """What the probe, run by 'docker exec', says in its last JSON line."""
        return self.exec("/probe", *command).json

    def pid(self):
        """Of its PID 1, as the machine sees it."""
        return self.engine.pid(self.id)

    def net(self):
        """Its network namespace, as a Net to be closed."""
        return sandbox.Net(ns.namespace_fd("net", self.pid()))

    def address(self, network="bridge", key="IPAddress"):
        return self.inspect()["NetworkSettings"]["Networks"][network][key]

    def close(self):
        self.engine.run("rm", "--force", "--volumes", self.id)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Jails:
    """Runs containers of an image whose ENTRYPOINT is boundary-init."""

    def __init__(self, docker, image, flags):
        self.engine, self.image, self.flags = docker, image, flags

    def having(self, image=None, flags=None):
        """The same with another image, or with other flags: jails.having(flags=[])."""
        return Jails(self.engine, image or self.image, self.flags if flags is None else flags)

    def run(self, arguments, *options, stdin=None):
        return self.engine.run("run", "--rm", *self.flags, *options, self.image, *arguments, stdin=stdin)

    def launch(self, arguments, *options, **how):
        """In the foreground, as Engine.start() does: stdin='pipe' with '--interactive', tty=True with '-it'."""
        return self.engine.start("run", "--rm", *self.flags, *options, self.image, *arguments, **how)

    def start(self, arguments, *options):
        return Container(self.engine, *self.flags, *options, self.image, *arguments)

    @contextlib.contextmanager
    def agent(self, arguments, *options, said=""):
        """An Agent of tests/behaviour, which does what it is told: do(), run(), serve(). In the end it ends well.

        said: what it has left on standard error then, besides records.
        """
        box = _Box(functools.partial(self.launch, stdin="pipe"), ["--interactive", *options])
        with Agent(box, *arguments) as agent:
            yield agent
            result = agent.end()
            assert (result.code, words(result)) == (0, said), result

    def plain(self, command, *options):
        """A container without boundary-init, of the same image, in the background."""
        return Container(self.engine, *options, "--entrypoint", "/probe", self.image, *command)


class _Box:
    """What an Agent needs of the container that it is to live in."""

    def __init__(self, launch, options):
        self._launch, self._options = launch, options

    def start(self, arguments, stdin):
        assert stdin == "pipe"
        return self._launch(arguments, *self._options)
