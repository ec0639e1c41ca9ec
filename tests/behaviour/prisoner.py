# SPDX-License-Identifier: MIT
"""An agent that tries to get something out of its jail, and the proof that nothing of it left the container: every packet at
the router's end of the container's wire. Each time an allowed request behind the attempt shows that the proof would see one,
and that what came before it has been dealt with.
"""

import ipaddress
import itertools
import pathlib
import shutil
import socket
import struct

import packets
import ways
from agent import address_of
from names import RESOLVER, WEB, WEB6, Agent
from wire import RECEIVE_BUFFER, SO_RCVBUFFORCE, parse

API, WWW, MAIL, EVIL = "api.example.com", "www.example.com", "mail.example.com", "evil.example.net"
RULES = (f"domain={API}", f"domain={MAIL} port=25", "cidr=203.0.113.10 port=8080", "domain=*.rebind.example")
ALLOWED4, ALLOWED6, DENIED4, DENIED6 = "203.0.113.10", "2001:db8:a::10", "198.51.100.20", "2001:db8:b::20"
OWN_RESOLVER = "192.0.2.77"
METADATA = "169.254.169.254"

ETH_P_ALL, PACKET_OUTGOING = 3, 4
# What nodes of a link tell each other by themselves: router and neighbour solicitations, multicast reports.
CHATTER = {133, 134, 135, 136, 143}

_numbers = itertools.count(1)


class Tap:
    """All frames that come out of a container, from now on."""

    def __init__(self, internet, container):
        self._socket = internet.router.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        self._socket.bind((container.link, ETH_P_ALL))
        self._socket.setblocking(False)
        self.frames = []

    def take(self):
        """Those that are new since the last time; chatter too."""
        new = []
        while True:
            try:
                frame, address = self._socket.recvfrom(65536)
            except BlockingIOError:
                break
            if address[2] != PACKET_OUTGOING:
                new.append(frame)
        self.frames += new
        return new

    def packets(self):
        """The same as Packets, without what is no one's traffic: ARP and chatter."""
        return [parse(frame) for frame in self.take() if parse(frame) and not is_chatter(frame)]

    def carried(self, text):
        self.take()
        return [frame for frame in self.frames if text.encode().lower() in frame.lower()]

    def close(self):
        self._socket.close()


def is_chatter(frame):
    """Of the link, so to be found with its own addresses only; the router's is the one that is no multicast."""
    packet = parse(frame)
    if not packet.destination.startswith(("ff02:", "fe80:", "fd00:20:")):
        return False
    at = 14 + 40
    if packet.protocol == 0:  # hop-by-hop options come first: multicast reports
        at += 8 + frame[at + 1] * 8
        return frame[14 + 40] == packets.ICMPV6 and frame[at] in CHATTER
    return packet.protocol == packets.ICMPV6 and frame[at] in CHATTER


GUEST = """
import attempts, tricks, guest_of_names
guest_of_names.attempt = lambda name, arguments: (vars(attempts) | vars(tricks))[name](**arguments)
guest_of_names.main()
"""


class Prisoner:
    """An agent that can make attempts too, its box and a Tap. places: {what: address}, 'www4' and 'api6' of the pool..."""

    def __init__(self, names, *rules, mode="veth", options=(), **settings):
        self.names, self.mode = names, mode
        self.box = names.box(**settings.pop("box", {}))
        for name in "attempts.py", "tricks.py":
            shutil.copy(pathlib.Path(__file__).with_name(name), self.box.root / name)
        (self.box.root / "guest.py").rename(self.box.root / "guest_of_names.py")
        self.box.write("/guest.py", GUEST)
        self.agent = Agent(self.box, *rules, options=[f"--jail={mode}", *options], **settings)
        self.places = {"own4": self.box.v4, "own6": self.box.v6, "gateway4": self.box.gateway4,
                       "gateway6": self.box.gateway6}
        for label, name in ("api", API), ("www", WWW), ("mail", MAIL), ("evil", EVIL):
            for family in 4, 6:
                found = self.agent.do("resolve", name=name, family=family)
                self.places[f"{label}{family}"] = found[0] if isinstance(found, list) else None
        if mode == "veth":
            self.places["veth4"], self.places["veth6"] = (address_of(self.box, "jail0", family) for family in ("v4", "v6"))
        self.places["link6"] = address_of(*self._neighbour(), "v6", "link") + "%eth0"
        pool4 = ipaddress.ip_address(self.places["api4"])
        self.places["unasked4"], self.places["unasked6"] = str(pool4 + 900), str(
            ipaddress.ip_address(self.places["api6"]) + 900)
        self.tap = Tap(names, self.box)
        self._ended = set()
        self._control()

    def _neighbour(self):
        """The other end of the agent's wire, or of its container's."""
        return (self.box, "jail0") if self.mode == "veth" else (self.names.router, self.box.link)

    def attempt(self, what, **arguments):
        return self.agent.do("attempt", name=what, arguments=arguments, timeout=30)

    def nothing_left(self, secret, among=()):
        """Nothing at all, or only packets to these addresses without the secret; then an allowed request that is seen."""
        before, later = self.packets(), self._control()
        known = (WEB, WEB6, RESOLVER, OWN_RESOLVER, *among)
        for found, expected in (before, among), (later, known):
            unexpected = [packet for packet in found if packet.destination not in expected]
            assert not unexpected, unexpected
        assert self.tap.carried(secret) == []
        self._ended.update(packet for packet in before + later if packet.protocol == packets.TCP)

    def packets(self):
        """All new ones but the last words of earlier connections."""
        return [packet for packet in self.tap.packets() if packet not in self._ended]

    def _control(self):
        """An allowed request, which is seen; returns what left until then."""
        token = f"control-{next(_numbers)}"
        done = self.agent.do("tcp", host=self.places["api4"], port=80, send=[
            f"GET /{token} HTTP/1.1\r\nHost: {API}\r\nConnection: close\r\n\r\n"])
        assert "HTTP/1.1 200" in done["reply"], done
        found = self.packets()
        frames = self.tap.carried(token)
        assert frames, "the proof sees nothing"
        self._ended.add(parse(frames[0]))
        return found

    def gate(self):
        return ways.gate_of(self.agent.process)

    def close(self):
        self.agent.close()
        self.tap.close()
        self.box.close()


def secret_of(name):
    return f"secret-{next(_numbers)}-{abs(hash(name)) % 10**6}"


# ---- options of sockets


def option(level, name, value):
    return [level, name, value.hex()]


def integer(level, name, value=1):
    return option(level, name, struct.pack("i", value))


def of_link(name):
    return option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)


def loose_route(*hops):
    """IP_OPTIONS: loose source routing through these to the last one (RFC 791)."""
    addresses = b"".join(socket.inet_aton(hop) for hop in hops)
    return option(socket.IPPROTO_IP, 4, bytes([131, 3 + len(addresses), 4]) + addresses + b"\0")
