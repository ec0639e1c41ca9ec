# SPDX-License-Identifier: MIT
"""A jailed agent that does what the test says, one thing after the other, in one jail.

    with Agent(box, *allow(f"{net.allowed.v4} port=80")) as agent:
        assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {box.v4}"
        assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
"""

import contextlib

TABLE = "boundary_init_0"
FAMILIES = ("v4", "v6")
EVERYTHING = tuple(f"{cidr} proto={proto}" for cidr in ("0.0.0.0/0", "::/0") for proto in ("tcp", "udp", "icmp"))


def allow(*rules):
    """Arguments for rules that are written without their 'cidr='."""
    return [argument for rule in rules for argument in ("--allow", f"cidr={rule}")]


class Agent:
    """boundary-init as PID 1 of the box with the probe behind it, which waits for commands. process: PID 1."""

    def __init__(self, box, *options, **start):
        self.box = box
        self._count = 0
        self.process = box.start([*options, "--", "/probe", "commands"], stdin="pipe", **start)
        try:
            self.run("help")  # until then it may not be in its jail yet
        except BaseException:
            self.process.close()
            raise

    def run(self, *command):
        """Lets the probe run a command to its end; returns all JSON lines that it printed."""
        self._count += 1
        before = len(self.process.jsons)
        words = ["seq", *command, ",", "say", f"done-{self._count}"]
        self.process.write(" ".join(str(word) for word in words) + "\n")
        self.process.expect(f"done-{self._count}\n")
        return self.process.jsons[before:]

    def do(self, *command):
        """The same for commands that print one JSON line."""
        return self.run(*command)[-1]

    def serve(self, at, ports, text):
        """Starts a server in the jail, which stays; returns when it listens."""
        self.spawn("serve", at, ports, text)

    def spawn(self, *command):
        """Starts a command of the probe that stays; returns when it is ready."""
        before = self.process.out.count("ready\n")
        self.process.write(" ".join(["spawn", *map(str, command)]) + "\n")
        while self.process.out.count("ready\n") == before:
            self.run("say", "waiting")

    def jail(self):
        """Its network namespace, as a Net that can be configured as the agent could with CAP_NET_ADMIN."""
        return self.process.jail()

    def end(self):
        """No more commands: it exits with 0, and so does PID 1. Returns the Result."""
        self.process.write(b"", end=True)
        return self.process.wait()

    def close(self):
        self.process.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def server_in_container(process, ports="9000", text="box"):
    """A service of the container itself, outside the jail, on all its addresses."""
    with process.exec(["/probe", "serve", "::", ports, text]) as server:
        server.expect("ready")
        yield server


def address_of(net, link, family, scope="global"):
    """The first address of a link, as text: address_of(box, 'jail0', 'v6')."""
    wanted = {"v4": "inet", "v6": "inet6"}[family]
    for entry in net.ip_json("addr", "show", "dev", link)[0]["addr_info"]:
        if entry["family"] == wanted and entry["scope"] == scope:
            return entry["local"]
    raise LookupError(f"{link} has no {scope} {family} address")


def mac_of(net, link):
    return net.ip_json("link", "show", "dev", link)[0]["address"]
