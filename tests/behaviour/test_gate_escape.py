# SPDX-License-Identifier: MIT
"""Attempts to get something out of the jail, of each mode, each with what it got and the proof of prisoner.py that nothing
of it left the container.

What the gate cannot see is not here: names inside of TLS (Host, an encrypted ClientHello's inner name, a second
ClientHello) are read by the server that the outer name led to, and by no other. Labels below an allowed wildcard
(domain=*.example.org) are for that domain's servers to read, as the rule says.
"""

import ipaddress
import json
import os
import socket
import struct
import threading
import time

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

import packets
import ways
from agent import address_of, mac_of, server_in_container
from names import RESOLVER, RESOLVER6, WEB, WEB6, Agent
from prisoner import (
    ALLOWED4, API, DENIED4, DENIED6, EVIL, MAIL, METADATA, OWN_RESOLVER, RULES, WWW, Prisoner, integer, loose_route, of_link,
    secret_of)


@pytest.fixture(scope="module", params=ways.MODES)
def prisoner(names, request):
    """One jail for all attempts that leave it as it is. Everybody in it may have ping sockets, as in Docker's containers."""
    one = Prisoner(names, *RULES, mode=request.param)
    with ways.network_of(one.agent.process) as jail:
        jail.sysctl({"ipv4/ping_group_range": "0 2147483647"})
    yield one
    one.close()


@pytest.fixture(scope="module")
def powerful(names):
    """One with raw sockets."""
    one = Prisoner(names, *RULES, options=["--agent-caps=net_raw"])
    yield one
    one.close()


@pytest.fixture(params=ways.MODES)
def alone(names, request):
    """Makes one for a single test."""
    made = []

    def make(*rules):
        made.append(Prisoner(names, *(rules or RULES), mode=request.param))
        return made[-1]
    yield make
    for one in made:
        one.close()


# ---- packets


REFUSED = "ECONNREFUSED"
# A packet that is rejected on its way out is an error of the call that sent it.
FORBIDDEN = ("EPERM", "EACCES", "EHOSTUNREACH", "ENETUNREACH")
UDP, SCTP, DCCP, UDPLITE, MPTCP = 17, 132, 33, 136, 262
NO_SUCH = ("EPROTONOSUPPORT", "ESOCKTNOSUPPORT")
BAD_ROUTE = ("EPERM", "EINVAL", REFUSED, "EHOSTUNREACH", "ETIMEDOUT", "silence")

# name: (what, arguments, what it gets: one outcome or several possible ones). {} in a host is one of places.
PACKETS = {
    "tcp-ipv4": ("connect", dict(host=DENIED4, port=80), REFUSED),
    "tcp-ipv6": ("connect", dict(host=DENIED6, port=80), REFUSED),
    "tcp-address-of-allowed-name": ("connect", dict(host=WEB, port=80), REFUSED),
    "tcp-address-of-allowed-name-ipv6": ("connect", dict(host=WEB6, port=443), REFUSED),
    "tcp-other-port-of-cidr": ("connect", dict(host=ALLOWED4, port=80), REFUSED),
    "tcp-dns-over-tls": ("connect", dict(host="8.8.8.8", port=853), REFUSED),
    "tcp-dns-over-https": ("connect", dict(host="8.8.8.8", port=443), REFUSED),
    "tcp-metadata": ("connect", dict(host=METADATA, port=80), REFUSED),
    "tcp-metadata-ipv6": ("connect", dict(host="fd00:ec2::254", port=80), REFUSED),
    "tcp-mapped": ("connect", dict(host=f"::ffff:{DENIED4}", port=80), REFUSED),
    "tcp-nat64": ("connect", dict(host="64:ff9b::c633:6414", port=80), REFUSED),
    "tcp-this-network": ("connect", dict(host="0.1.2.3", port=80), (REFUSED, "ENETUNREACH", "EINVAL")),
    "tcp-future-use": ("connect", dict(host="240.0.0.1", port=80), REFUSED),
    "tcp-link-local": ("connect", dict(host="{link6}", port=9000), REFUSED),
    "tcp-mptcp": ("connect", dict(host=DENIED4, port=80, proto=MPTCP), (REFUSED, *NO_SUCH)),
    "tcp-fast-open": ("connect", dict(host=DENIED4, port=80, fast_open=True), REFUSED),
    "tcp-fast-open-ipv6": ("connect", dict(host=DENIED6, port=80, fast_open=True), REFUSED),
    "tcp-fast-open-denied-name": ("connect", dict(host="{www4}", port=80, fast_open=True), ("ECONNRESET", "end")),
    "tcp-no-route": ("connect", dict(host=DENIED4, port=80, options=[integer(1, socket.SO_DONTROUTE)]),
                     (REFUSED, "ENETUNREACH", "EHOSTUNREACH")),
    "tcp-by-eth0": ("connect", dict(host=DENIED4, port=80, options=[of_link(b"eth0")]), REFUSED),
    "tcp-by-lo": ("connect", dict(host=DENIED4, port=80, options=[of_link(b"lo")], wait=0.3),
                  (REFUSED, "silence", "ETIMEDOUT", "ENETUNREACH")),
    "tcp-denied-name-by-eth0": ("connect", dict(host="{www4}", port=80, options=[of_link(b"eth0")], wait=0.3),
                                ("ECONNRESET", REFUSED, "silence", "ETIMEDOUT", "EHOSTUNREACH")),
    "tcp-mark": ("connect", dict(host=DENIED4, port=80, options=[integer(1, socket.SO_MARK)]), "EPERM"),
    "tcp-transparent": ("connect", dict(host=DENIED4, port=80, options=[integer(0, 19)]), "EPERM"),
    "tcp-free-bind": ("connect", dict(host=DENIED4, port=80, options=[integer(0, 15)], source=["9.8.7.6", 0]),
                      (REFUSED, "ENETUNREACH")),
    "tcp-source-route": ("connect", dict(host=ALLOWED4, port=8080, options=[loose_route(DENIED4)]), BAD_ROUTE),
    "tcp-source-route-by-gateway": ("connect", dict(host=DENIED4, port=80, options=[loose_route(ALLOWED4, DENIED4)]),
                                    BAD_ROUTE),
    "tcp-type-of-service": ("connect", dict(host=DENIED4, port=80, options=[integer(0, socket.IP_TOS, 0xe0)]), REFUSED),
    "udp-ipv4": ("datagram", dict(host=DENIED4, port=53000), FORBIDDEN),
    "udp-ipv6": ("datagram", dict(host=DENIED6, port=53000), FORBIDDEN),
    "udp-not-connected": ("datagram", dict(host=DENIED4, port=53000, connected=False), FORBIDDEN),
    "udp-allowed-by-tcp": ("datagram", dict(host=ALLOWED4, port=8080), FORBIDDEN),
    "udp-quic": ("datagram", dict(host=DENIED4, port=443), FORBIDDEN),
    "udp-quic-to-allowed-name": ("datagram", dict(host="{api4}", port=443), FORBIDDEN),
    "udp-quic-to-allowed-name-ipv6": ("datagram", dict(host="{api6}", port=443), FORBIDDEN),
    "udp-to-denied-name": ("datagram", dict(host="{www4}", port=4000), FORBIDDEN),
    "udp-to-unasked": ("datagram", dict(host="{unasked4}", port=4000), FORBIDDEN),
    "udp-ntp": ("datagram", dict(host="192.0.2.123", port=123), FORBIDDEN),
    "udp-mdns": ("datagram", dict(host="224.0.0.251", port=5353), FORBIDDEN),
    "udp-mdns-ipv6": ("datagram", dict(host="ff02::fb%eth0", port=5353), FORBIDDEN),
    "udp-all-nodes": ("datagram", dict(host="ff02::1%eth0", port=9000), FORBIDDEN),
    "udp-site-multicast": ("datagram", dict(host="ff05::2%eth0", port=9000), FORBIDDEN),
    "udp-broadcast": ("datagram", dict(host="255.255.255.255", port=9000), FORBIDDEN),
    "udp-broadcast-by-eth0": ("datagram", dict(host="255.255.255.255", port=9000, options=[of_link(b"eth0")]), FORBIDDEN),
    "udp-link-local": ("datagram", dict(host="{link6}", port=9000), FORBIDDEN),
    "udp-link-local-stranger": ("datagram", dict(host="fe80::1%eth0", port=9000), FORBIDDEN),
    "udp-by-eth0": ("datagram", dict(host=DENIED4, port=9000, options=[of_link(b"eth0")]), FORBIDDEN),
    "udp-free-bind": ("datagram", dict(host=DENIED4, port=9000, options=[integer(0, 15)], source=["9.9.9.9", 4000]),
                      FORBIDDEN),
    "udp-free-bind-ipv6": ("datagram", dict(host=DENIED6, port=9000, options=[integer(41, 78)],
                                            source=["2001:db8::9", 4000]), FORBIDDEN),
    "udp-source-route": ("datagram", dict(host=ALLOWED4, port=8080, options=[loose_route(DENIED4)]),
                         (*FORBIDDEN, "EINVAL")),
    "udp-dns-by-eth0": ("datagram", dict(host="8.8.8.8", port=53, options=[of_link(b"eth0")]), (*FORBIDDEN, "silence")),
    "udp-to-gates-tcp": ("datagram", dict(host="127.0.0.1", port=31080), REFUSED),
    "udplite": ("datagram", dict(host=DENIED4, port=9000, proto=UDPLITE), (*FORBIDDEN, *NO_SUCH)),
    "udplite-ipv6": ("datagram", dict(host=DENIED6, port=9000, proto=UDPLITE), (*FORBIDDEN, *NO_SUCH)),
    "udplite-dns": ("datagram", dict(host="8.8.8.8", port=53, proto=UDPLITE), (*FORBIDDEN, *NO_SUCH)),
    "sctp": ("connect", dict(host=DENIED4, port=80, proto=SCTP), (*NO_SUCH, REFUSED, *FORBIDDEN)),
    "dccp": ("family", dict(number=socket.AF_INET, kind=6, proto=DCCP), (*NO_SUCH, "OK")),
    "ping": ("datagram", dict(host=DENIED4, port=0, proto=1), FORBIDDEN),
    "ping-ipv6": ("datagram", dict(host=DENIED6, port=0, proto=58), FORBIDDEN),
    "ping-denied-name": ("datagram", dict(host="{www4}", port=0, proto=1), FORBIDDEN),
    "ping-allowed-name": ("datagram", dict(host="{api4}", port=0, proto=1), FORBIDDEN),
    "ping-all-nodes": ("datagram", dict(host="ff02::1%eth0", port=0, proto=58), (*FORBIDDEN, "silence")),
    "raw": ("datagram", dict(host=DENIED4, port=0, proto=255, kind="raw"), "EPERM"),
    "raw-ipv6": ("datagram", dict(host=DENIED6, port=0, proto=255, kind="raw"), "EPERM"),
    "raw-icmp": ("datagram", dict(host=DENIED4, port=0, proto=1, kind="raw"), "EPERM"),
    "packet": ("frame", dict(link="eth0"), "EPERM"),
    "packet-cooked": ("family", dict(number=socket.AF_PACKET, kind=socket.SOCK_DGRAM), "EPERM"),
    "join-multicast": ("listen_multicast", dict(group="239.1.2.3", link="eth0"), "OK"),
    "join-multicast-ipv6": ("listen_multicast", dict(group="ff05::1:3", link="eth0"), "OK"),
    **{f"family-{name}": ("family", dict(number=number, kind=kind), "EAFNOSUPPORT") for name, number, kind in (
        ("vsock", 40, 1), ("tipc", 30, 5), ("alg", 38, 5), ("rds", 21, 5), ("smc", 43, 1), ("xdp", 44, 3),
        ("can", 29, 3), ("bluetooth", 31, 3), ("kcm", 41, 5), ("qipcrtr", 42, 2), ("ieee802154", 36, 2), ("nfc", 39, 3),
        ("phonet", 35, 2), ("key", 15, 3), ("mctp", 45, 2), ("x25", 9, 5), ("appletalk", 5, 2), ("llc", 26, 2))},
}


ECHO = {1: "\x08\0\0\0\0\1\0\1", 58: "\x80\0\0\0\0\1\0\1"}


def filled(prisoner, arguments, secret):
    arguments = dict(arguments)
    if "host" in arguments:
        arguments["host"] = arguments["host"].format(**prisoner.places)
        arguments["data"] = secret.encode().hex() if arguments.get("kind") == "raw" else secret
    if arguments.get("proto") in ECHO and "kind" not in arguments:  # such a socket sends nothing else
        arguments["data"] = ECHO[arguments["proto"]] + secret
    if prisoner.mode == "loopback":  # which has no other link
        as_text = json.dumps(arguments).replace("eth0", "lo").replace(b"eth0".hex(), b"lo".hex())
        arguments = json.loads(as_text)
    return arguments


@pytest.mark.parametrize("name", PACKETS)
def test_packets(prisoner, name):
    what, arguments, expected = PACKETS[name]
    secret = secret_of(name)
    arguments = filled(prisoner, arguments, secret)
    if what == "frame":
        arguments["data"] = (bytes(12) + b"\x08\x00" + secret.encode()).hex()
    got = prisoner.attempt(what, **arguments)
    answered = prisoner.mode == "loopback" and got.startswith("answer")  # by the gate: no one else can be reached
    assert answered or got == expected or (isinstance(expected, tuple) and got in expected)
    prisoner.nothing_left(secret)


# ---- with CAP_NET_RAW in the jail, which --agent-caps=net_raw gives


def icmp(secret, version):
    body = struct.pack("!HH", 1, 1) + secret.encode()
    head = struct.pack("!BBH", packets.ECHO_REQUEST[version], 0, 0)
    check = packets.checksum(head + body) if version == 4 else 0
    return (head[:2] + struct.pack("!H", check) + body).hex()


def whole_ip(secret, source, destination):
    payload = struct.pack("!HHHH", 4000, 4000, 8 + len(secret), 0) + secret.encode()
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, UDP, 0)
    return (header + socket.inet_aton(source) + socket.inet_aton(destination) + payload).hex()


RAW = {
    "ping": lambda one, secret: ("datagram", dict(host=DENIED4, port=0, proto=1, kind="raw", data=icmp(secret, 4))),
    "ping-ipv6": lambda one, secret: ("datagram", dict(host=DENIED6, port=0, proto=58, kind="raw", data=icmp(secret, 6))),
    "whole": lambda one, secret: ("datagram", dict(host=DENIED4, port=0, proto=255, kind="raw", connected=False,
                                                   data=whole_ip(secret, one.places["veth4"], DENIED4))),
    "whole-to-allowed": lambda one, secret: ("datagram", dict(host=ALLOWED4, port=0, proto=255, kind="raw", connected=False,
                                                              data=whole_ip(secret, "9.9.9.9", ALLOWED4))),
    "unknown-protocol": lambda one, secret: ("datagram", dict(host=DENIED4, port=0, proto=253, kind="raw",
                                                              data=secret.encode().hex())),
    "unknown-protocol-ipv6": lambda one, secret: ("datagram", dict(host=DENIED6, port=0, proto=253, kind="raw",
                                                                   data=secret.encode().hex())),
    "tunnel": lambda one, secret: ("datagram", dict(host=ALLOWED4, port=0, proto=4, kind="raw",
                                                    data=whole_ip(secret, "9.9.9.9", DENIED4))),
    "gre": lambda one, secret: ("datagram", dict(host=ALLOWED4, port=0, proto=47, kind="raw",
                                                 data=(b"\0\0\x08\0" + secret.encode()).hex())),
    "to-denied-name": lambda one, secret: ("datagram", dict(host=one.places["www4"], port=0, proto=253, kind="raw",
                                                            data=secret.encode().hex())),
    "all-nodes": lambda one, secret: ("datagram", dict(host="ff02::1%eth0", port=0, proto=58, kind="raw",
                                                       data=icmp(secret, 6))),
    "fragments": lambda one, secret: ("datagram", dict(host=DENIED4, port=0, proto=253, kind="raw",
                                                       data=(secret.encode() * 300).hex())),
}


@pytest.mark.parametrize("name", RAW)
def test_raw_sockets(powerful, name):
    secret = secret_of(name)
    what, arguments = RAW[name](powerful, secret)
    assert powerful.attempt(what, **arguments) in (*FORBIDDEN, "ENOPROTOOPT")
    powerful.nothing_left(secret)


def frames_of(one, secret):
    """Past the jail's own rules, so all of them reach the container's side of the wire."""
    with one.agent.process.jail() as jail:
        own, source = mac_of(jail, "eth0"), address_of(jail, "eth0", "v4")
        source6, link = address_of(jail, "eth0", "v6"), address_of(jail, "eth0", "v6", "link")
    make = packets.Sender(own, mac_of(one.box, "jail0"))
    data = secret.encode()

    def datagram(origin, destination, port):
        return make.ip(origin, destination, UDP, struct.pack("!HHHH", 4000, port, 8 + len(data), 0) + data, 6)
    for port in 53, 443, 8080:
        yield f"udp-{port}", datagram(source, DENIED4, port)
        yield f"udp-{port}-to-cidr", datagram(source, ALLOWED4, port)
        yield f"udp-{port}-ipv6", datagram(source6, DENIED6, port)
    for label, destination in ("pool", one.places["www4"]), ("pool-allowed", one.places["api4"]), ("web", WEB):
        yield f"syn-{label}", make.tcp(source, destination, 80)
        yield f"udp-{label}", datagram(source, destination, 80)
    yield "broadcast", datagram(source, "255.255.255.255", 9000)
    yield "multicast", datagram(source, "224.0.0.251", 5353)
    yield "all-nodes", datagram(link, "ff02::1", 9000)
    yield "loopback", datagram("127.0.0.1", "127.0.0.1", 31053)
    yield "own", datagram(source, one.box.v4, 9000)
    yield "forged", datagram(one.box.v4, DENIED4, 9000)
    yield "router-advertisement", make.icmp(link, "ff02::1", packets.ROUTER_ADVERTISEMENT, bytes(12) + data)
    yield "neighbour-solicitation", make.neighbour(source6, DENIED6, packets.NEIGHBOUR_SOLICITATION, DENIED6)
    yield "redirect", make.icmp(source, one.box.v4, 5, socket.inet_aton(source) + data)
    yield "arp", (bytes.fromhex((mac_of(one.box, "jail0") + own).replace(":", "")) + b"\x08\x06" + data).hex()
    yield "vlan", (bytes.fromhex((mac_of(one.box, "jail0") + own).replace(":", "")) + b"\x81\0\0\1\x08\0" + data).hex()
    yield "short", "00" * 14


def test_frames(powerful):
    secret = secret_of("frames")
    for name, data in frames_of(powerful, secret):
        assert powerful.agent.run("/probe", "frame", "eth0", data).json["errno"] == "OK", name
        assert powerful.packets() == [], name
    powerful.nothing_left(secret)


@pytest.fixture(params=["veth", "loopback"])
def ruleless(names, request):
    one = Prisoner(names, *RULES, mode=request.param, options=["--agent-caps=net_raw,net_admin"])
    yield one
    one.close()


def test_without_any_rule_of_its_own(ruleless):
    """An agent with CAP_NET_ADMIN in its jail has thrown the rules away: the wall outside, or none, and the gate are left."""
    one = ruleless
    assert one.attempt("nft_flush") == "OK"
    with one.agent.process.jail() as jail:
        assert jail.nft() == ""
    secret = secret_of("flushed")
    for name in ("tcp-ipv4", "tcp-ipv6", "tcp-address-of-allowed-name", "tcp-metadata", "tcp-dns-over-tls", "udp-ipv4",
                 "udp-ipv6", "udp-quic", "udp-all-nodes", "udp-broadcast", "udp-mdns", "udp-link-local", "ping", "tcp-source-route"):
        what, arguments, _ = PACKETS[name]
        arguments = {**filled(one, arguments, secret), **({"wait": 0.3} if what == "connect" else {})}
        assert one.attempt(what, **arguments) in (*FORBIDDEN, *BAD_ROUTE), name
    for place in "api4", "www4", "unasked4", "api6":
        said = one.attempt("connect", host=one.places[place], port=80, data=secret, wait=0.3)
        assert said in (REFUSED, "EHOSTUNREACH", "silence"), place
    for server in RESOLVER, "8.8.8.8", RESOLVER6:
        [said] = one.attempt("raw_dns", server=server, names=[[secret.encode().hex(), "6e6574"]], wait=0.2)
        assert not said.startswith("rcode")
    # The gate's sockets are still on the loopback, and decide as before.
    for host in "127.0.0.1", "::1":
        assert one.attempt("connect", host=host, port=31080, data=request(API, f"/{secret}")) in NOT_A_NAME
    assert one.packets() == [] and one.tap.carried(secret) == []


# ---- names


QUESTIONS = ("A", "AAAA", "TXT", "MX", "SRV", "CNAME", "NS", "SOA", "PTR", "HTTPS", "SVCB", "ANY", "NULL", "CAA", "NAPTR")
SERVERS = (RESOLVER, "8.8.8.8", ALLOWED4, "127.0.0.11", "127.0.0.1", RESOLVER6, "2001:4860:4860::8888", "::1")


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("server", SERVERS)
def test_questions_for_denied_names(prisoner, server, tcp):
    """Whatever is asked, whoever: the resolver, public ones, one's own; the data is in the name."""
    secret = secret_of(server)
    for kind in QUESTIONS:
        for name in f"{secret}.{EVIL}", f"{secret}.{API}", f"{API}.{secret}.net":
            answer = prisoner.agent.do("dns", name=name, kind=kind, server=server, tcp=tcp)
            assert answer["rcode"] in ("NOERROR", "NXDOMAIN"), (name, kind, answer)
            assert bool(answer["answers"]) == (kind in ("A", "AAAA")), (name, kind, answer)
    prisoner.nothing_left(secret)


def test_names_that_look_like_allowed_ones(prisoner):
    """A label may hold any byte; so api.example.com can be one label, or end early."""
    secret = secret_of("labels").encode()
    names = ([API.encode(), secret], [API.encode()], [b"api.example", b"com"], [b"api\0" + secret, b"example", b"com"],
                   [secret, b"api", b"example", b"com\0"], [b"api", b"example", b"com", secret], [secret + b".", b"com"],
                   [b"api", b"example", b"com/" + secret], [b"api", b"example\\", b"com"])
    for server in RESOLVER, "8.8.8.8", RESOLVER6:
        said = prisoner.attempt("raw_dns", server=server, names=[[label.hex() for label in labels] for labels in names])
        assert set(said) <= {"rcode 0", "rcode 3"}, said
    prisoner.nothing_left(secret.decode())


def test_questions_for_allowed_names_carry_nothing_else(names, prisoner):
    """They are written anew: no option, no record, no upper and lower case of the agent's goes along."""
    secret = secret_of("edns").encode()
    cookie = struct.pack("!BHHIH", 0, 41, 1232, 0, 4 + len(secret)) + struct.pack("!HH", 65001, len(secret)) + secret
    extra = b"\0" + struct.pack("!HHIH", 16, 1, 0, len(secret)) + secret
    for tail in cookie, extra:
        said = prisoner.attempt("raw_dns", server=RESOLVER, tail=tail.hex(), names=[
            [first.hex(), b"rEbInD".hex(), b"eXaMpLe".hex()] for first in (b"ApI", b"aPi")])
        assert set(said) <= {"rcode 0", "rcode 3"}, said
    questions = [frame for frame in prisoner.tap.take() if b"rebind" in frame.lower()]
    assert questions and not [frame for frame in questions if b"\x03api\x06rebind\x07example\0" not in frame]
    prisoner.nothing_left(secret.decode(), among=(RESOLVER, RESOLVER6))


# ---- flows to the pool's addresses


def extension(kind, body):
    return struct.pack("!HH", kind, len(body)) + body


def server_names(*entries):
    """RFC 6066 section 3; entries: (type, name)."""
    listed = b"".join(struct.pack("!BH", kind, len(name)) + name for kind, name in entries)
    return extension(0, struct.pack("!H", len(listed)) + listed)


def hello(*extensions):
    """A ClientHello that a server of TLS 1.3 would answer."""
    share = struct.pack("!HHH", 36, 29, 32) + b"\x09" + bytes(31)
    more = b"".join([*extensions, extension(43, b"\x02\x03\x04"), extension(10, b"\x00\x02\x00\x1d"),
                     extension(13, b"\x00\x06\x04\x03\x08\x04\x04\x01"), extension(51, share)])
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\x00\x02\x13\x01" + b"\x01\0" + struct.pack("!H", len(more)) + more
    handshake = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack("!H", len(handshake)) + handshake


def named(name):
    return server_names((0, name.encode()))


ECH = extension(0xfe0d, b"\0\0\x01\0\x01\x07\0\x20" + bytes(32) + b"\0\x40" + bytes(64))
ALERT, SERVER_HELLO = "\x15\x03", "\x16\x03"

# What a TLS client says at the address of the allowed name and of a denied one: (address, hello, what comes).
HELLOS = {
    "allowed": ("api4", lambda secret: hello(named(API)), SERVER_HELLO),
    "allowed-without-name": ("api4", lambda secret: hello(), SERVER_HELLO),
    "allowed-encrypted": ("api4", lambda secret: hello(named(API), ECH), SERVER_HELLO),
    "denied": ("www4", lambda secret: hello(named(WWW), extension(0x5555, secret)), ALERT),
    "denied-without-name": ("www4", lambda secret: hello(extension(0x5555, secret)), ALERT),
    "denied-by-allowed-name": ("www4", lambda secret: hello(named(API), extension(0x5555, secret)), ALERT),
    "denied-encrypted": ("www4", lambda secret: hello(ECH, extension(0x5555, secret)), ALERT),
    "other": ("api4", lambda secret: hello(named(WWW), extension(0x5555, secret)), ALERT),
    "other-encrypted": ("api4", lambda secret: hello(named("public.example"), ECH, extension(0x5555, secret)), ALERT),
    "secret-as-name": ("api4", lambda secret: hello(named(secret.decode() + ".example.net")), ALERT),
    "below": ("api4", lambda secret: hello(named(secret.decode() + "." + API)), ALERT),
    "two-names": ("api4", lambda secret: hello(server_names((0, API.encode()), (0, secret))), ALERT),
    "two-names-other-first": ("api4", lambda secret: hello(server_names((0, secret), (0, API.encode()))), ALERT),
    "two-extensions": ("api4", lambda secret: hello(named(API), named(secret.decode())), ALERT),
    "two-extensions-other-first": ("api4", lambda secret: hello(named(secret.decode()), named(API)), ALERT),
    "name-with-zero": ("api4", lambda secret: hello(server_names((0, API.encode() + b"\0." + secret))), ALERT),
    "trailing-record": ("api4", lambda secret: hello(named(secret.decode())) + hello(named(API)), ALERT),
    "unasked": ("unasked4", lambda secret: hello(named(API), extension(0x5555, secret)), "ECONNRESET"),
    "unasked-ipv6": ("unasked6", lambda secret: hello(named(API), extension(0x5555, secret)), "ECONNRESET"),
    "address": ("api4", lambda secret: hello(named(WEB), extension(0x5555, secret)), ALERT),
}


@pytest.mark.parametrize("name", HELLOS)
def test_tls(prisoner, name):
    place, make, expected = HELLOS[name]
    secret = secret_of(name)
    got = prisoner.attempt("connect", host=prisoner.places[place], port=443, hexadecimal=make(secret.encode()).hex())
    assert got.startswith(expected), (got, expected)
    prisoner.nothing_left(secret, among=(WEB, WEB6) if expected == SERVER_HELLO else ())


def request(host, target="/", method="GET", more=""):
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"


OK, FORBIDDEN_403, BAD_400 = "HTTP/1.1 200 OK", "HTTP/1.1 403 Forbidden", "HTTP/1.1 400 Bad Request"
REFUSALS = (FORBIDDEN_403, BAD_400)

# name: (address, port, what is said, what then once the answer is there, whether the server hears any of it)
REQUESTS = {
    "denied": ("www4", 80, lambda s: request(WWW, f"/{s}"), None, False),
    "denied-ipv6": ("www6", 80, lambda s: request(WWW, f"/{s}"), None, False),
    "denied-by-allowed-host": ("www4", 80, lambda s: request(API, f"/{s}"), None, False),
    "other-host": ("api4", 80, lambda s: request(WWW, f"/{s}"), None, False),
    "secret-host": ("api4", 80, lambda s: request(f"{s}.example.net"), None, False),
    "host-by-address": ("api4", 80, lambda s: request(WEB, f"/{s}"), None, False),
    "host-below": ("api4", 80, lambda s: request(f"{s}.{API}"), None, False),
    "host-with-user": ("api4", 80, lambda s: request(f"{API}@{s}.net"), None, False),
    "host-with-other-port": ("api4", 80, lambda s: request(f"{API}:8080", f"/{s}"), None, False),
    "two-hosts": ("api4", 80, lambda s: request(API, f"/{s}", more=f"Host: {WWW}\r\n"), None, False),
    "two-hosts-other-first": ("api4", 80, lambda s: request(WWW, f"/{s}", more=f"Host: {API}\r\n"), None, False),
    "folded-host": ("api4", 80, lambda s: f"GET /{s} HTTP/1.1\r\nHost:\r\n {WWW}\r\n\r\n", None, False),
    "absolute": ("api4", 80, lambda s: request(API, f"http://{WWW}/{s}"), None, False),
    "absolute-with-user": ("api4", 80, lambda s: request(API, f"http://{API}@{WWW}/{s}"), None, False),
    "connect": ("api4", 80, lambda s: request(f"{s}.example.net:443", f"{s}.example.net:443", "CONNECT"), None, False),
    "connect-other": ("api4", 80, lambda s: request(API, f"{s}.example.net:443", "CONNECT"), None, False),
    "length-and-chunks": ("api4", 80, lambda s: request(API, "/", "POST", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")
                          + "0\r\n\r\n" + request(WWW, f"/{s}"), None, False),
    "two-lengths": ("api4", 80, lambda s: request(API, "/", "POST", "Content-Length: 0\r\nContent-Length: 5\r\n")
                    + request(WWW, f"/{s}"), None, False),
    "no-http-yet": ("api4", 80, lambda s: f"HELO {s}\r\n", None, False),
    "http2-by-knowledge": ("api4", 80, lambda s: f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{s}", None, False),
    "unknown-name": ("unasked4", 80, lambda s: request(API, f"/{s}"), None, False),
    "port-without-rule": ("mail4", 80, lambda s: request(MAIL, f"/{s}"), None, False),
    "port-without-rule-tls": ("mail4", 443, lambda s: request(MAIL, f"/{s}"), None, False),
    "second-request": ("api4", 80, lambda s: request(API), lambda s: request(WWW, f"/{s}"), True),
    "second-request-absolute": ("api4", 80, lambda s: request(API), lambda s: request(API, f"http://{WWW}/{s}"), True),
    "second-after-head": ("api4", 80, lambda s: request(API, "/", "HEAD"), lambda s: request(WWW, f"/{s}"), True),
    "second-after-body": ("api4", 80, lambda s: request(API, "/", "GET", "Content-Length: 3\r\n") + "abc",
                          lambda s: request(WWW, f"/{s}"), True),
    "second-after-chunks": ("api4", 80, lambda s: request(API, "/", "GET", "Transfer-Encoding: chunked\r\n")
                            + "3\r\nabc\r\n0\r\n\r\n", lambda s: request(WWW, f"/{s}"), True),
    "second-is-no-http": ("api4", 80, lambda s: request(API), lambda s: f"\x16\x03\x01{s}\r\n\r\n", True),
    "upgrade-that-is-refused": ("api4", 80, lambda s: request(API, "/", "GET", "Connection: upgrade\r\nUpgrade: h2c\r\n"
                                                             "HTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
                                lambda s: request(WWW, f"/{s}"), True),
    "pipelined": ("api4", 80, lambda s: request(API) + request(WWW, f"/{s}"), None, True),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_http(prisoner, name):
    place, port, first, then, heard = REQUESTS[name]
    secret = secret_of(name)
    got = prisoner.attempt("connect", host=prisoner.places[place], port=port, data=first(secret),
                           then=[then(secret)] if then else [])
    if heard and then:
        answer, _, got = got.partition(" | ")
        assert answer.startswith("HTTP/1.1 200"), got
    if heard and not then:
        assert got.startswith("HTTP/1.1 200")
    else:
        assert got.startswith(("HTTP/1.1 403", "HTTP/1.1 400", "ECONNRESET", "end")), got
    prisoner.nothing_left(secret, among=(WEB, WEB6) if heard else ())


# ---- where names lead


class OwnServer:
    """A DNS server of the attacker's, at the resolver's place: zone is {name: (addresses)}, for each question as it is then."""

    def __init__(self, names, address):
        self.zone = {}
        names.resolver.ip(f"addr replace {address}/24 dev eth0")
        self._socket = names.resolver.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            name, kind = question.name.to_text(omit_final_dot=True), question.rdtype
            answer = dns.message.make_response(query)
            wanted = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(kind)
            found = [address for address in self.zone.get(name, ()) if ipaddress.ip_address(address).version == wanted]
            if found:
                answer.answer.append(dns.rrset.from_text(question.name, 0, "IN", dns.rdatatype.to_text(kind), *found))
            elif name not in self.zone:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(answer.to_wire(), client)

    def close(self):
        """An empty datagram is the last one."""
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module")
def attacker(names):
    server = OwnServer(names, OWN_RESOLVER)
    yield server
    server.close()


@pytest.fixture(scope="module", params=ways.MODES)
def rebound(names, attacker, request):
    attacker.zone.update({API: (WEB, WEB6), MAIL: (WEB, WEB6)})
    one = Prisoner(names, *RULES, mode=request.param, box={"resolv": f"nameserver {OWN_RESOLVER}\n"})
    yield one
    one.close()


FORBIDDEN_TARGETS = {
    "private": "10.1.2.3", "private-12": "172.16.0.1", "private-16": "192.168.7.7", "carrier": "100.64.1.1",
    "metadata": METADATA, "loopback": "127.0.0.1", "loopback-other": "127.8.9.1", "unspecified": "0.0.0.0",
    "this-network": "0.1.2.3", "pool": "198.18.0.1", "multicast": "224.0.0.251", "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1", "loopback-6": "::1", "unspecified-6": "::", "mapped": "::ffff:10.1.2.3",
    "mapped-loopback": "::ffff:127.0.0.1", "compatible": "::10.1.2.3", "nat64": "64:ff9b::a01:203",
    "nat64-local": "64:ff9b:1::a01:203", "6to4": "2002:a01:203::1", "teredo": "2001:0:a01:203::1",
    "unique-local": "fd00:1::1", "link-local": "fe80::1", "site-local": "fec0::1", "all-nodes": "ff02::1",
    "metadata-6": "fd00:ec2::254",
}


def ask(one, name, path):
    """Two requests to a name: whatever addresses come first, the other family follows."""
    answers = []
    for family in 4, 6:
        found = one.agent.do("resolve", name=name, family=family)
        if isinstance(found, list):
            answers.append(one.attempt("connect", host=found[0], port=80, data=request(name, path)))
    return answers


@pytest.mark.parametrize("kind", FORBIDDEN_TARGETS)
def test_names_that_lead_inside(rebound, attacker, kind):
    """From the beginning, or beside a public address: only that one is ever dialled."""
    target = FORBIDDEN_TARGETS[kind]
    secret = secret_of(kind)
    attacker.zone[f"{kind}.rebind.example"] = (target,)
    attacker.zone[f"{kind}-too.rebind.example"] = (target, WEB)
    answers = ask(rebound, f"{kind}.rebind.example", f"/{secret}")
    assert answers and set(answers) <= {FORBIDDEN_403[:24]}, answers
    assert not [packet for packet in rebound.packets() if packet.destination != OWN_RESOLVER]
    answers = ask(rebound, f"{kind}-too.rebind.example", "/")
    assert answers and set(answers) == {OK}, answers
    rebound.nothing_left(secret, among=(OWN_RESOLVER, WEB))


def test_own_addresses_by_name(rebound, attacker):
    """The container's, its neighbours', the jail's: all of them are private here."""
    secret = secret_of("own")
    with server_in_container(rebound.agent.process, ports="80,9000"):
        for place in {"own4", "own6", "gateway4", "gateway6", "veth4", "veth6"} & set(rebound.places):
            attacker.zone[f"{place}.rebind.example"] = (rebound.places[place],)
            for port in 80, 9000:
                [found] = rebound.agent.do("resolve", name=f"{place}.rebind.example", family=4)
                said = rebound.attempt("connect", host=found, port=port,
                                       data=request(f"{place}.rebind.example:{port}", f"/{secret}"))
                assert said == FORBIDDEN_403[:24], place
    rebound.nothing_left(secret, among=(OWN_RESOLVER,))


def test_rebinding(rebound, attacker):
    """First public, then not. A gate that has been restarted believes no address of before, as one does whose answer is
    too old; so the question is asked again."""
    secret = secret_of("rebinding")
    for number, target in enumerate((METADATA, "::ffff:127.0.0.1")):
        name = f"turn-{number}.rebind.example"
        attacker.zone[name] = (WEB,)
        [found] = rebound.agent.do("resolve", name=name, family=4)
        assert rebound.attempt("connect", host=found, port=80, data=request(name)) == OK
        attacker.zone[name] = (target,)
        os.kill(rebound.gate(), 9)
        assert rebound.attempt("connect", host=found, port=80, data=request(name, f"/{secret}")) == FORBIDDEN_403[:24]
    rebound.nothing_left(secret, among=(OWN_RESOLVER, WEB))


def test_metadata_by_its_usual_names(alone):
    one = alone("domain=*", "deny domain=nothing.invalid")
    secret = secret_of("metadata")
    [found] = one.agent.do("resolve", name="metadata.example.com", family=4)
    assert one.attempt("connect", host=found, port=80, data=request("metadata.example.com", f"/{secret}")) == FORBIDDEN_403[:24]
    assert one.attempt("connect", host=METADATA, port=80, data=secret) == REFUSED
    one.nothing_left(secret, among=(RESOLVER,))


def test_files_of_the_agents_making(names, alone, attacker):
    """Root in the container may write /etc/hosts and resolv.conf: its own resolver believes it, the gate does not."""
    one = alone()
    secret = secret_of("files")
    one.agent.do("write", path="/etc/resolv.conf", text=f"nameserver {ALLOWED4}\noptions timeout:1\n")
    one.agent.do("write", path="/etc/hosts", text=f"{DENIED4} {API}\n{DENIED4} {EVIL}\n10.1.2.3 {MAIL}\n")
    for again in False, True:
        if again:
            os.kill(one.gate(), 9)
        assert one.attempt("connect", host=DENIED4, port=80, data=secret) == REFUSED
        assert one.attempt("connect", host=one.places["api4"], port=80, data=request(API)) == OK
        assert one.attempt("connect", host=one.places["www4"], port=80, data=request(WWW, f"/{secret}")) == FORBIDDEN_403[:24]
        assert one.agent.do("dns", name=f"{secret}.{EVIL}", server=ALLOWED4)["rcode"] == "NOERROR"
    one.nothing_left(secret, among=(RESOLVER, WEB, WEB6))
    asked = {name for _, name in names.dns.queries(one.box.v4)}
    assert asked and asked <= {API, MAIL}


POLICY = "/etc/boundary/policy"

# How an agent that is not root changes a file of root's, by a capability in its jail, and leaves no trace of it in the
# file's owner and mode. Python, with `write` to be called in between.
CHANGES = {
    "dac_override": "write()",
    "fowner": "os.chmod(path, 0o666); write(); os.chmod(path, 0o644)",
    "chown": "os.chown(path, 1000, 1000); write(); os.chown(path, 0, 0)",
    "setuid": "os.setuid(0); write()",
}
CHANGE = """
import os
path = %r
def write():
    with open(path, 'w') as file:
        file.write('allow domain=*\\n')
%s
"""


@pytest.mark.parametrize("capability", CHANGES)
def test_policy_of_the_agents_making(names, capability):
    """A policy's file that the agent can change is not read again, whatever lets the agent do so."""
    with names.box() as box:
        box.write(POLICY, f"allow domain={API}\n")
        with Agent(box, options=[f"--policy={POLICY}", "--user=agent", f"--agent-caps={capability}"]) as agent:
            assert agent.curl(f"http://{WWW}/").status == 403
            changed = agent.python(CHANGE % (POLICY, CHANGES[capability]))
            assert changed.code == 0 and (box.root / POLICY[1:]).read_text() == "allow domain=*\n", changed
            time.sleep(0.5)
            assert agent.curl(f"http://{WWW}/").status == 403
            assert agent.curl(f"http://{API}/").status == 200


# ---- the container's own


# These addresses are in /etc/hosts: localhost, whose name Host is not.
NOT_A_NAME = ("ECONNRESET", "HTTP/1.1 400 Bad Request")
LISTENERS = {
    "gate-ipv4": ("127.0.0.1", 31080, NOT_A_NAME), "gate-ipv6": ("::1", 31080, NOT_A_NAME),
    "gate-dns": ("127.0.0.1", 31053, ("ECONNRESET", "end", "silence")),
    "container": ("{own4}", 9000, NOT_A_NAME), "container-ipv6": ("{own6}", 9000, REFUSED),
    "gateway": ("{gateway4}", 9000, REFUSED), "gateway-ipv6": ("{gateway6}", 9000, REFUSED),
    "veth": ("{veth4}", 9000, REFUSED), "veth-ipv6": ("{veth6}", 9000, REFUSED), "veth-link": ("{link6}", 9000, REFUSED),
    "loopback": ("127.0.0.1", 9000, REFUSED), "loopback-ipv6": ("::1", 9000, REFUSED), "any": ("0.0.0.0", 9000, REFUSED),
    "any-ipv6": ("::", 9000, REFUSED),
}


def test_listeners_of_the_container_and_the_gate(prisoner):
    """A service of the container on all its addresses, the gate's sockets without a translated address."""
    secret = secret_of("listeners")
    reached = LISTENERS if prisoner.mode == "veth" else {
        name: found for name, found in LISTENERS.items() if not name.startswith("veth")}
    if prisoner.mode == "container":  # the others are the agent's own
        reached = {name: found for name, found in reached.items() if name.startswith("gate")}
    with server_in_container(prisoner.agent.process) as server:
        for name, (host, port, expected) in reached.items():
            said = prisoner.attempt("connect", host=host.format(**prisoner.places), port=port, data=request(API, f"/{secret}"))
            assert said == expected or said in expected, (name, said)
        # By its own name, which hosts(5) knows: no rule allows that.
        assert prisoner.mode == "container" or prisoner.attempt("connect", host=prisoner.box.v4, port=9000, data=request("box:9000")) == FORBIDDEN_403[:24]
        assert prisoner.attempt("raw_dns", server="127.0.0.1", names=[[secret.encode().hex(), b"net".hex()]]) == ["rcode 0"]
        server.pump()
        assert secret not in server.out
    prisoner.nothing_left(secret)


UNIX = """
import socket, sys
for name in '\\0hidden', '/tmp/docker.sock':
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.connect(name)
            print('OK')
        except OSError as error:
            print(error.errno)
"""


def test_unix_sockets_of_the_container(prisoner):
    """Abstract ones belong to a network namespace, and Landlock scopes them too. Those in the file system are reached as any
    file is: who mounts docker.sock into the container gives it to the agent. That is the image's to know, not ours to stop."""
    with prisoner.box.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as pathname:
        abstract.bind("\0hidden")
        abstract.listen()
        path = prisoner.box.root / "tmp/docker.sock"
        path.unlink(missing_ok=True)
        pathname.bind(os.fspath(path))
        pathname.listen()
        assert prisoner.agent.python(UNIX).out.split() in (["1", "OK"], ["111", "OK"])


# ---- the kernel's interfaces


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value


NETLINK = {
    # RTM_NEWROUTE to everything by eth0, RTM_NEWADDR on eth0, RTM_NEWLINK eth0 down, RTM_NEWRULE, RTM_NEWNEIGH
    "route": (0, 24, 0x400, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 253, 1, 0) + attribute(4, struct.pack("=I", 2))),
    "address": (0, 20, 0x400, struct.pack("=BBBBI", 2, 32, 0, 0, 2) + attribute(2, b"\x09\x09\x09\x09")),
    "link": (0, 16, 0, struct.pack("=BxHiII", 0, 0, 2, 0, 1)),
    "rule": (0, 32, 0x400, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 0, 0, 1, 0)),
    "neighbour": (0, 28, 0x400, struct.pack("=BxxxiHBB", 2, 2, 2, 0, 1) + attribute(1, b"\x0a\0\0\1") + attribute(2, b"\2" * 6)),
    # SOCK_DESTROY of the gate's listener; a conntrack entry is flushed; xfrm, audit and generic netlink ask for rights too
    "destroy-sockets": (4, 21, 0, struct.pack("=BBBBI", 2, 6, 0, 0, 0xfff) + struct.pack("!HH", 31080, 0)
                        + socket.inet_aton("127.0.0.1") + bytes(12 + 16 + 4) + b"\xff" * 8),
    "flush-connections": (12, 1 << 8 | 2, 0, struct.pack("=BBH", 2, 0, 0)),
    "transform": (6, 0x1c, 0, bytes(8)),
}


@pytest.mark.parametrize("name", NETLINK)
def test_netlink(prisoner, name):
    protocol, kind, flags, body = NETLINK[name]
    got = prisoner.attempt("netlink", protocol=protocol, kind=kind, flags=flags, body=body.hex())
    assert got in ("EPERM", "EPROTONOSUPPORT"), got


def test_rules_cannot_be_flushed(prisoner):
    assert prisoner.attempt("nft_flush") == "EPERM"
    with ways.network_of(prisoner.agent.process) as jail:
        assert "names" in jail.nft()


def test_namespaces_and_system_calls(prisoner):
    """As root in the jail, which the tests of the agent's confinement take one by one."""
    expected = {"clone-user": "EPERM", "clone-user-net": "EPERM", "clone-net": "EPERM", "clone3-user": "ENOSYS",
                "unshare-user": "EPERM", "unshare-net": "EPERM", "setns-init-net": "EACCES", "setns-init-user": "EACCES",
                "setns-init-pidfd": "EPERM", "io-uring": "ENOSYS", "addr-add": "EPERM", "nft-table": "EPERM",
                "kill-init": "EPERM", "kill-init-term": "EPERM"}
    assert prisoner.agent.run("/probe", "try", *expected).json == expected


# ---- the gate and init themselves


def own_number(prisoner, pid):
    """As the container numbers it."""
    return int(prisoner.agent.process.status(pid)["NSpid"].split()[-1])


@pytest.fixture(params=["gate", "init"])
def victim(request, prisoner):
    """Its number in the container. It is the same process afterwards, and it runs."""
    pid = prisoner.gate() if request.param == "gate" else prisoner.agent.process.pid
    yield own_number(prisoner, pid)
    assert prisoner.agent.process.status(pid)["State"].startswith(("S", "R"))
    assert request.param == "init" or prisoner.gate() == pid
    prisoner.nothing_left(secret_of("victim"))


def test_no_signal_reaches_them(prisoner, victim):
    """From root with the same uid, in the same pid namespace."""
    assert set(prisoner.attempt("signals", pid=victim).values()) == {"EPERM"}


def test_nothing_of_them_can_be_read(prisoner, victim):
    found = prisoner.attempt("read_process", pid=victim)
    assert found.pop("fd/") in ("OK", "EACCES")  # root sees the numbers, and not where they lead
    assert set(found.values()) <= {"EACCES", "EPERM"}, found
    assert prisoner.agent.run("readlink", f"/proc/{victim}/fd/3").code == 1


def test_they_cannot_be_traced_or_written_to(prisoner, victim):
    found = prisoner.attempt("touch_process", pid=victim)
    assert set(found.values()) <= {"EACCES", "EPERM"}, found


@pytest.mark.parametrize("whose", ["gate", "init"])
def test_their_limits_cannot_be_lowered(alone, whose):
    """prlimit(2) asks for the same uid only, and RLIMIT_FSIZE of 0 would end the audit's file without a word."""
    one = alone()
    pid = own_number(one, one.gate()) if whose == "gate" else 1
    found = one.attempt("starve_process", pid=pid)
    assert set(found.values()) == {"EPERM"}, found


# ---- floods


def flood(one, kind, **arguments):
    seen = one.attempt("flood", kind=kind, bystander=[one.places["api4"], 80, API], arguments=arguments)
    assert seen["failures"] == [] and seen["answers"] >= 5, seen
    assert seen["longest"] < 3, seen
    return seen["done"]


def test_flood_of_names(alone):
    """Those who use an allowed name do not feel it, and it keeps its address."""
    one = alone()
    secret = secret_of("flood")
    assert flood(one, "names", server=RESOLVER, count=20000, suffix=f"{secret}.net") > 15000
    assert one.agent.do("resolve", name=API, family=4) == [one.places["api4"]]
    one.nothing_left(secret, among=(WEB, WEB6, RESOLVER))


def test_flood_of_connections(alone):
    one = alone()
    assert flood(one, "connections", host=one.places["www4"], port=443, count=5000) > 4000
    one.nothing_left(secret_of("flood"), among=(WEB, WEB6, RESOLVER))


def test_flood_of_packets(alone):
    one = alone()
    assert flood(one, "packets", host=DENIED4, count=20000) == 20000
    one.nothing_left(secret_of("flood"), among=(WEB, WEB6, RESOLVER))
