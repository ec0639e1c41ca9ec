# SPDX-License-Identifier: MIT
"""Attempts at the jail that is the container itself, where no wire is between: at links, at the gate's mark and ports, and
at what the rules let pass because it is an answer. Proof as in test_gate_escape.py."""

import os
import signal
import socket
import struct

import pytest

import ways
from agent import server_in_container
from names import WEB6
from prisoner import ALLOWED4, DENIED4, DENIED6, RULES, Prisoner, integer, is_chatter, of_link, option, secret_of

REFUSED, FORBIDDEN = "ECONNREFUSED", ("EPERM", "EACCES", "EHOSTUNREACH", "ENETUNREACH")
GATE_MARK = 0xbabd1a11
IPV6_UNICAST_IF, IP_UNICAST_IF, IPV6_TRANSPARENT, IPV6_RTHDR = 76, 50, 75, 57
QUESTION = "424201000001000000000000076578616d706c6503636f6d0000010001"


@pytest.fixture(scope="module")
def prisoner(names):
    """One for all attempts that leave it as it is. Everybody in it may have ping sockets, as in Docker's containers."""
    one = Prisoner(names, *RULES, mode="container")
    one.box.sysctl({"ipv4/ping_group_range": "0 2147483647"})
    yield one
    one.close()


def segment_route(first, last):
    """IPV6_RTHDR: by this address to the last one (RFC 8754)."""
    segments = b"".join(socket.inet_pton(socket.AF_INET6, one) for one in (last, first))
    return option(socket.IPPROTO_IPV6, IPV6_RTHDR, bytes([0, 4, 4, 1, 1, 0, 0, 0]) + segments)


def of_index(level, name):
    return option(level, name, struct.pack("!I", 2))  # eth0, the first link that was made here


LOST = (REFUSED, "ECONNRESET", "silence", "ETIMEDOUT", *FORBIDDEN)
NOBODY = (REFUSED, "ECONNRESET")  # the container's own address may have a name, and so lead to the gate
GATE = ("HTTP/1.1 400 Bad Request", "HTTP/1.1 403 Forbidden", "ECONNRESET", "end")
PLACES = {"pool": ("{api4}", 80), "pool-ipv6": ("{api6}", 80), "denied-name": ("{www4}", 443), "dns": ("8.8.8.8", 53),
          "dns-ipv6": ("2001:4860:4860::8888", 53), "denied": (DENIED4, 80), "denied-ipv6": (DENIED6, 80),
          "cidr-other-port": (ALLOWED4, 81)}
LINKS = {"by-eth0": of_link(b"eth0"), "by-lo": of_link(b"lo")}
WAYS = {  # name: (what, more arguments)
    "tcp": ("connect", {"wait": 0.2}), "fast-open": ("connect", {"wait": 0.2, "fast_open": True}),
    "udp": ("datagram", {}), "udp-not-connected": ("datagram", {"connected": False}),
}

# name: (what, arguments, what it gets)
PACKETS = {
    **{f"{way}-{place}-{link}": (what, {"host": host, "port": port, "options": [bound], **more}, (*LOST, *GATE, "answer"))
       for way, (what, more) in WAYS.items() for place, (host, port) in PLACES.items() for link, bound in LINKS.items()},
    **{f"{way}-{place}-unicast-if": (what, {"host": host, "port": port, "options": [
        of_index(41, IPV6_UNICAST_IF) if "ipv6" in place else of_index(0, IP_UNICAST_IF)], **more}, (*LOST, *GATE, "answer"))
       for way, (what, more) in WAYS.items() for place, (host, port) in PLACES.items()},
    **{f"control-{place}-{name}": ("with_control", {"host": host, "port": port, **control}, (*LOST, "EINVAL", "answer"))
       for place, (host, port) in PLACES.items() for name, control in {
           "link": {"link": "eth0"}, "loopback": {"link": "lo"},
           "source": {"source": "{own6}" if "ipv6" in place else "{own4}", "link": "eth0"},
           "stranger": {"source": "2001:db8::9" if "ipv6" in place else "9.9.9.9"}}.items()},
    "mark": ("connect", dict(host=DENIED4, port=80, options=[integer(1, socket.SO_MARK, GATE_MARK - (1 << 32))]), "EPERM"),
    "mark-by-control": ("with_control", dict(host=DENIED4, port=9000, mark=GATE_MARK), "EPERM"),
    "transparent-ipv6": ("connect", dict(host=DENIED6, port=80, options=[integer(41, IPV6_TRANSPARENT)]), "EPERM"),
    "gate-at-own-address": ("connect", dict(host="{own4}", port=31080), NOBODY),
    "gate-at-own-address-ipv6": ("connect", dict(host="{own6}", port=31080), REFUSED),
    "gate-dns-at-own-address": ("connect", dict(host="{own4}", port=31053), NOBODY),
    "gate-by-eth0": ("connect", dict(host="127.0.0.1", port=31080, options=[of_link(b"eth0")], wait=0.2), LOST),
    "loopback-by-eth0": ("datagram", dict(host="127.9.9.9", port=9000, options=[of_link(b"eth0")]), LOST),
    "own-by-eth0": ("datagram", dict(host="{own4}", port=9000, options=[of_link(b"eth0")]), LOST),
    "own-ipv6-by-eth0": ("datagram", dict(host="{own6}", port=9000, options=[of_link(b"eth0")]), LOST),
    "neighbour": ("datagram", dict(host="{gateway4}", port=9000), FORBIDDEN),
    "neighbour-ipv6": ("datagram", dict(host="{gateway6}", port=9000), FORBIDDEN),
    "neighbour-tcp": ("connect", dict(host="{gateway6}", port=9000), REFUSED),
    "fixed-port": ("connect", dict(host=DENIED4, port=4003, source=["0.0.0.0", 4002]), REFUSED),
    "fixed-port-ipv6": ("connect", dict(host=DENIED6, port=4003, source=["::", 4002]), REFUSED),
    **{f"segment-route-by-{place}": ("datagram", dict(host=DENIED6, port=9000, options=[segment]), (*LOST, "EINVAL"))
       for place, segment in (("loopback", segment_route("::1", DENIED6)), ("stranger", segment_route(WEB6, DENIED6)))},
}


@pytest.mark.parametrize("name", PACKETS)
def test_packets(prisoner, name):
    what, arguments, expected = PACKETS[name]
    secret = secret_of(name)
    arguments = {key: value.format(**prisoner.places) if key in ("host", "source") and isinstance(value, str) else value
                 for key, value in arguments.items()}
    got = prisoner.attempt(what, **arguments, data=secret)
    prisoner.nothing_left(secret)
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert got in expected or got.partition(": ")[0] in expected



# ---- what answers to others carry away


STRANGER = "2001:db8:b::20"
STRANGERS = {
    "answer": ("answer_stranger", {"own": "{own6}"}), "accept": ("accept_stranger", {"own": "{own6}"}),
    "answer-on-loopback": ("answer_stranger", {"own": "::1"}),
    "dns": ("ask_as_stranger", {"host": "2001:4860:4860::8888", "port": 53}),
    "pool": ("ask_as_stranger", {"host": "{api6}", "port": 80, "kind": "stream"}),
    "refused": ("ask_as_stranger", {"host": DENIED6, "port": 9000}),
    "reset": ("ask_as_stranger", {"host": DENIED6, "port": 80, "kind": "stream"}),
    "nobody-listens": ("ask_as_stranger", {"host": "{own6}", "port": 4009}),
    "gate": ("ask_as_stranger", {"host": "::1", "port": 31053}),
    "ping": ("ping_as_stranger", {"host": "{own6}"}), "ping-denied": ("ping_as_stranger", {"host": DENIED6}),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_sources_of_strangers(prisoner, name):
    """An IPv6 socket may be bound to any address: whoever is answered, it is not the stranger."""
    what, arguments = STRANGERS[name]
    secret = secret_of(name)
    data = QUESTION if name in ("dns", "gate") else secret.encode().hex() if what == "ask_as_stranger" else secret
    arguments = {key: value.format(**prisoner.places) if isinstance(value, str) else value for key, value in arguments.items()}
    got = prisoner.attempt(what, address=STRANGER, data=data, **arguments)
    prisoner.nothing_left(secret)
    assert got in (*FORBIDDEN, "silence", "OK" if "ping" in name else None)  # such a socket is told nothing


def test_groups_of_multicast(prisoner):
    """Whoever joins one makes the kernel tell the link its address, in which a word has room."""
    word = b"in 112 bits ok"
    group = socket.inet_ntop(socket.AF_INET6, b"\xff\x05" + word)
    assert prisoner.attempt("listen_multicast", group=group, link="eth0") == "OK"
    prisoner.tap.take()
    assert not [frame for frame in prisoner.tap.frames if word in frame and is_chatter(frame)]


def test_ports_of_a_dead_gate(prisoner):
    """They are held by init too; what comes to them meanwhile waits or is refused."""
    secret = secret_of("dead")
    gate = ways.gate_of(prisoner.agent.process)
    os.kill(gate, signal.SIGKILL)
    taken = prisoner.attempt("bind_all", ports=[31080, 31053])
    assert taken == [f"SOCK_DGRAM {address} 31080" for address in ("127.0.0.1", "0.0.0.0", "::1", "::")]  # the gate has none
    prisoner.nothing_left(secret)


# ---- what is answered


@pytest.mark.parametrize("family", ["4", "6"])
def test_inbound_packets_open_one_way_back_and_no_other(names, prisoner, family):
    host, client = DENIED4 if family == "4" else DENIED6, names.denied
    kind = socket.AF_INET if family == "4" else socket.AF_INET6
    secret = secret_of("answers")
    own = prisoner.places[f"own{family}"]
    with client.socket(kind, socket.SOCK_DGRAM) as outside, prisoner.box.socket(kind, socket.SOCK_DGRAM) as inside:
        outside.settimeout(3)
        outside.bind((host, 9100))
        inside.bind((own, 4100))
        inside.settimeout(3)
        outside.sendto(b"come", (own, 4100))
        assert inside.recvfrom(100)[1][:2] == (host, 9100)
        inside.sendto(b"answer", (host, 9100))
        assert outside.recv(100) == b"answer"
        for source, port in (4100, 9101), (4101, 9100):
            said = prisoner.attempt("datagram", host=host, port=port, data=secret, source=[own, source],
                                    options=[integer(1, socket.SO_REUSEADDR)])
            assert said in (*FORBIDDEN, "EADDRINUSE")
        with pytest.raises(PermissionError):
            inside.sendto(secret.encode(), (host, 9101))
    prisoner.nothing_left(secret, among=(host,))


@pytest.mark.parametrize("family", ["4", "6"])
def test_a_server_does_not_call_its_clients(names, prisoner, family):
    host, own = DENIED4 if family == "4" else DENIED6, prisoner.places[f"own{family}"]
    secret = secret_of("server")
    with server_in_container(prisoner.agent.process, ports="4200"):
        with names.denied.socket(socket.AF_INET if family == "4" else socket.AF_INET6) as client:
            client.bind((host, 9200))
            client.settimeout(3)
            client.connect((own, 4200))
            assert client.recv(100) == f"box {host}\n".encode()
            for port in 9200, 9201, 80:
                assert prisoner.attempt("connect", host=host, port=port, data=secret) == REFUSED
    prisoner.nothing_left(secret, among=(host,))
