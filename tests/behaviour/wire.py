# SPDX-License-Identifier: MIT
"""Sees every packet that leaves or reaches a container, at the router's end of its wire: the proof that nothing leaks.

    with Wire(net, box) as wire:
        box.run([...])
        assert not wire.packets(destination=net.denied.v4)
"""

import collections
import ipaddress
import socket
import struct

ETH_P_ALL = 3
ETHERTYPES = {0x0800: 4, 0x86DD: 6}
PORT_PROTOCOLS = {6, 17, 132, 136}  # TCP, UDP, SCTP, UDP-Lite: two port numbers come first
SO_RCVBUFFORCE = 33  # asm-generic/socket.h; not in Python
RECEIVE_BUFFER = 8 << 20

Packet = collections.namedtuple("Packet", "source destination protocol source_port destination_port")
Packet.__doc__ = "Addresses as text in their shortest form, the IP protocol number, ports (None where there are none)."


def parse(frame):
    """The Packet in an Ethernet frame; None if it is no IP."""
    version = ETHERTYPES.get(struct.unpack_from("!H", frame, 12)[0])
    if version == 4:
        header = (frame[14] & 15) * 4
        protocol, addresses = frame[23], (frame[26:30], frame[30:34])
    elif version == 6:
        header = 40
        protocol, addresses = frame[20], (frame[22:38], frame[38:54])
    else:
        return None
    source, destination = (str(ipaddress.ip_address(address)) for address in addresses)
    ports = struct.unpack_from("!HH", frame, 14 + header) if protocol in PORT_PROTOCOLS else (None, None)
    return Packet(source, destination, protocol, *ports)


class Wire:
    """Listens from its creation on."""

    def __init__(self, internet, container):
        self._socket = internet.router.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        self._socket.bind((container.link, ETH_P_ALL))
        self._socket.setblocking(False)
        self._packets = []

    def packets(self, **fields):
        """All packets so far, both ways, in order; those only whose fields have the given values."""
        while True:
            try:
                packet = parse(self._socket.recv(65536))
            except BlockingIOError:
                break
            if packet:
                self._packets.append(packet)
        return [packet for packet in self._packets
                if all(getattr(packet, name) == value for name, value in fields.items())]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
