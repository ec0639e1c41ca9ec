# SPDX-License-Identifier: MIT
"""More attempts, as those of attempts.py: at rules that know by connection tracking whose packet one is."""

import contextlib
import socket
import struct
import time

from attempts import WAIT, address_of, family_of, outcome

IP_PKTINFO, IPV6_PKTINFO, IPV6_FREEBIND, IPV6_ECHO_REQUEST = 8, 50, 78, "\x80\0\0\0\0\1\0\1"


def with_control(host, port, data, source="", link="", mark=0):
    """A datagram whose source, link or mark is said with it (IP_PKTINFO, IPV6_PKTINFO, SO_MARK)."""
    index = socket.if_nametoindex(link) if link else 0
    if ":" in host:
        place = socket.inet_pton(socket.AF_INET6, source or "::") + struct.pack("=i", index)
        control = [(socket.IPPROTO_IPV6, IPV6_PKTINFO, place)]
    else:
        place = struct.pack("=i", index) + socket.inet_aton(source or "0.0.0.0") + bytes(4)
        control = [(socket.IPPROTO_IP, IP_PKTINFO, place)]
    if mark:
        control = [(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("=I", mark))]

    def attempt():
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as one:
            one.settimeout(WAIT)
            one.sendmsg([data.encode()], control, 0, address_of(host, port))
            return "answer: " + one.recv(4096)[:24].decode("latin-1")
    return outcome(attempt)


def stranger(kind, address, port):
    """A socket with an address that is not of this network; for IPv6 that takes no capability."""
    one = socket.socket(socket.AF_INET6, kind)
    one.settimeout(WAIT)
    one.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    one.bind((address, port))
    return one


def answer_stranger(own, address, data):
    """A packet to oneself from another's address: what then goes to that address looks like an answer."""
    def attempt():
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mine, stranger(socket.SOCK_DGRAM, address, 9000) as other:
            mine.bind((own, 4000))
            with contextlib.suppress(OSError):
                other.sendto(b"x", (own, 4000))
            mine.sendto(data.encode(), (address, 9000))
    return outcome(attempt)


def accept_stranger(own, address, data):
    """The same by TCP: the second packet of a connection goes there."""
    def attempt():
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as mine, stranger(socket.SOCK_STREAM, address, 9001) as other:
            mine.bind((own, 4001))
            mine.listen()
            other.connect((own, 4001))
            other.send(data.encode())
    return outcome(attempt)


def ask_as_stranger(address, host, port, data, kind="dgram"):
    """Somebody here is asked by another's address, who would get the answer or the refusal."""
    def attempt():
        with stranger(socket.SOCK_DGRAM if kind == "dgram" else socket.SOCK_STREAM, address, 9002) as other:
            other.connect((host, port))
            other.send(bytes.fromhex(data))
            time.sleep(WAIT)
    return outcome(attempt)


def ping_as_stranger(address, host, data):
    def attempt():
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6) as other:
            other.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            other.bind((address, 0))
            other.sendto((IPV6_ECHO_REQUEST + data).encode("latin-1"), (host, 0))
            time.sleep(WAIT)
    return outcome(attempt)


def bind_all(ports):
    """Whatever of these ports can be taken: [what]."""
    taken = []
    for family, addresses in (socket.AF_INET, ("127.0.0.1", "0.0.0.0")), (socket.AF_INET6, ("::1", "::")):
        for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
            for address in addresses:
                for port in ports:
                    with socket.socket(family, kind) as one:
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                        if outcome(one.bind, (address, port)) == "OK":
                            taken.append(f"{kind.name} {address} {port}")
    return taken
