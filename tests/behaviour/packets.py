# SPDX-License-Identifier: MIT
"""Ethernet frames with whatever addresses and flags a test wants, checksums right: for 'probe frame LINK HEX'."""

import ipaddress
import struct

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
SYN, RST, ACK, NO_FLAGS = 0x02, 0x04, 0x10, 0x00
ECHO_REQUEST, ECHO_REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT = 133, 134, 135, 136


def checksum(data):
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Sender:
    """Makes frames as hex text, from a link with one hardware address to a neighbour with another."""

    def __init__(self, own_mac, neighbour_mac):
        self._ethernet = bytes.fromhex((neighbour_mac + own_mac).replace(":", ""))

    def ip(self, source, destination, protocol, payload, checksum_at=None):
        """checksum_at: where in the payload its own checksum goes, which covers the addresses too (but not for ICMP)."""
        source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
        if checksum_at is not None:
            pseudo = b""
            if protocol != ICMP:
                pseudo = source.packed + destination.packed + struct.pack("!II", len(payload), protocol)
            payload = bytearray(payload)
            struct.pack_into("!H", payload, checksum_at, checksum(pseudo + bytes(payload)))
        if source.version == 4:
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
            addresses = source.packed + destination.packed
            header = header[:10] + struct.pack("!H", checksum(header + addresses)) + addresses
            ethertype = 0x0800
        else:
            header = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255) + source.packed + destination.packed
            ethertype = 0x86dd
        return (self._ethernet + struct.pack("!H", ethertype) + header + bytes(payload)).hex()

    def udp(self, source, destination, port):
        return self.ip(source, destination, UDP, struct.pack("!HHHH", 40000, port, 8, 0), 6)

    def tcp(self, source, destination, port, flags=SYN):
        header = struct.pack("!HHIIBBHHH", 40000, port, 1000, 0, 5 << 4, flags, 65535, 0, 0)
        return self.ip(source, destination, TCP, header, 16)

    def icmp(self, source, destination, kind, body=b"\0\1\0\1"):
        """kind: the type, as a number, or a dictionary of one for each version."""
        version = ipaddress.ip_address(source).version
        kind = kind[version] if isinstance(kind, dict) else kind
        return self.ip(source, destination, ICMP if version == 4 else ICMPV6, struct.pack("!BBH", kind, 0, 0) + body, 2)

    def neighbour(self, source, destination, kind, target):
        """Neighbour solicitation or advertisement (RFC 4861)."""
        return self.icmp(source, destination, kind, b"\0\0\0\0" + ipaddress.ip_address(target).packed)
