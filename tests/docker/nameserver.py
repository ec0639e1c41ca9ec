# SPDX-License-Identifier: MIT
"""A DNS server of a few lines, for where no other is installed: it knows the addresses of some names, and remembers
what it was asked.

    udp = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with Nameserver(udp, host.v4, {"api.example.com": "203.0.113.10"}) as names:
        ...
        assert names.asked == ["api.example.com", "api.example.com"]  # A and AAAA
"""

import socket
import struct
import threading

TYPE_A = 1
ANSWER, NO_SUCH_NAME = 0x8180, 0x8183  # with recursion desired and available
TO_THE_QUESTION = 0xC00C  # a pointer to the name there


def question_of(message):
    """(name, type, bytes) of the one question of a query, RFC 1035 4.1.2; None if it has none or several."""
    if len(message) < 12 or struct.unpack("!H", message[4:6]) != (1,):
        return None
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("ascii").lower())
        at += 1 + message[at]
    return ".".join(labels), struct.unpack("!H", message[at + 1:at + 3])[0], message[12:at + 5]


class Nameserver:
    """Serves in a thread until closed. asked: the names, in order, one entry for each question."""

    def __init__(self, udp, address, names):
        self._udp, self._names = udp, names
        self.asked = []
        udp.bind((address, 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            message, client = self._udp.recvfrom(4096)
            if not message:
                return
            question = question_of(message)
            if question:
                self._udp.sendto(self._answer(message[:2], *question), client)

    def _answer(self, number, name, kind, question):
        self.asked.append(name)
        address = self._names.get(name) if kind == TYPE_A else None
        flags = ANSWER if name in self._names else NO_SUCH_NAME
        header = number + struct.pack("!HHHHH", flags, 1, int(address is not None), 0, 0)
        if address is None:
            return header + question
        return header + question + struct.pack("!HHHLH", TO_THE_QUESTION, TYPE_A, 1, 60, 4) + socket.inet_aton(address)

    def close(self):
        self._udp.sendto(b"", self._udp.getsockname())  # its last datagram
        self._thread.join()
        self._udp.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
