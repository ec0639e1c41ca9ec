# SPDX-License-Identifier: MIT
"""What an agent may try to get out of its jail, and how it may load the gate: a part of the guest of test_gate_escape.py,
and of test_gate_process.py a program, python3 attempts.py NAME ARGUMENTS (a JSON object).

An outcome is what the attempt got: "OK", the name of an errno, "silence" if nothing came back, or the beginning of
what came back. Only attempts that need odd system calls are here; what any client can do, guest.py does.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time

WAIT = 0.15  # seconds; a refusal comes within microseconds
LONGER = 3.0  # for what the gate answers

# From the kernel's headers.
SYS = {"tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "kcmp": 312, "prlimit64": 302,
       "process_vm_readv": 310, "process_vm_writev": 311, "ptrace": 101, "pidfd_getfd": 438, "process_madvise": 440,
       "move_pages": 279}
if os.uname().machine == "aarch64":
    SYS = {"tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240, "kcmp": 272, "prlimit64": 261,
           "process_vm_readv": 270, "process_vm_writev": 271, "ptrace": 117, "pidfd_getfd": 438, "process_madvise": 440,
           "move_pages": 239}
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(name, *arguments):
    if _libc.syscall(ctypes.c_long(SYS[name]), *(ctypes.c_long(one) if isinstance(one, int) else one
                                                 for one in arguments)) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def outcome(attempt, *arguments):
    try:
        said = attempt(*arguments)
    except TimeoutError as error:
        return "ETIMEDOUT" if error.errno else "silence"
    except BlockingIOError:
        return "silence"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "OK" if said is None else said


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def address_of(host, port):
    """With a scope: fe80::1%eth0. No name is ever resolved here."""
    host, _, link = host.partition("%")
    if ":" in host:
        return host, port, 0, socket.if_nametoindex(link) if link else 0
    return host, port


def opened(host, kind, proto=0, options=(), source=None):
    """options: [[level, name, hexadecimal]]; source: [address, port] to bind to."""
    one = socket.socket(family_of(host), kind, proto)
    for level, name, value in options:
        one.setsockopt(level, name, bytes.fromhex(value))
    if source:
        one.bind(address_of(*source))
    return one


def connect(host, port, data="", hexadecimal="", proto=0, options=(), source=None, fast_open=False, then=(), wait=LONGER):
    """A TCP connection (or SCTP... by proto); the data, the beginning of the answer. then: more data, after each answer."""
    def attempt():
        with opened(host, socket.SOCK_STREAM, proto, options, source) as client:
            client.settimeout(wait)
            payload = bytes.fromhex(hexadecimal) or data.encode("latin-1")
            if fast_open:
                client.settimeout(None)  # in one call, which connects
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("qq", int(wait), int(wait % 1 * 1e6)))
                client.sendto(payload, socket.MSG_FASTOPEN, address_of(host, port))
                client.settimeout(wait)
            else:
                client.connect(address_of(host, port))
                if payload:
                    client.sendall(payload)
            answers = [client.recv(4096)]
            for more in then:
                client.sendall(more.encode("latin-1"))
                answers.append(client.recv(4096))
            return " | ".join(one[:24].decode("latin-1").split("\r\n")[0] or "end" for one in answers)
    return outcome(attempt)


def datagram(host, port, data, proto=0, options=(), source=None, kind="dgram", connected=True):
    """One packet, and what the kernel or somebody else says to it. raw: of the protocol itself, of the data."""
    def attempt():
        with opened(host, {"dgram": socket.SOCK_DGRAM, "raw": socket.SOCK_RAW}[kind], proto, options, source) as client:
            client.settimeout(WAIT)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            payload = bytes.fromhex(data) if kind == "raw" else data.encode("latin-1")
            if connected:
                client.connect(address_of(host, port))
                client.send(payload)
            else:
                client.sendto(payload, address_of(host, port))
            return "answer: " + client.recv(4096)[:24].decode("latin-1")
    return outcome(attempt)


def listen_multicast(group, link):
    """Joining a group makes the kernel tell the link so: MLD, IGMP."""
    def attempt():
        with socket.socket(family_of(group), socket.SOCK_DGRAM) as one:
            index = socket.if_nametoindex(link)
            if ":" in group:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                               socket.inet_pton(socket.AF_INET6, group) + struct.pack("I", index))
            else:
                one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                               socket.inet_aton(group) + bytes(4) + struct.pack("I", index))
            time.sleep(WAIT)
    return outcome(attempt)


def frame(link, data):
    """Bytes of a packet socket: past the jail's own rules."""
    def attempt():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as one:
            one.bind((link, 0))
            one.send(bytes.fromhex(data))
    return outcome(attempt)


def family(number, kind, proto=0):
    return outcome(lambda: socket.socket(number, kind, proto).close())


def raw_dns(server, names, tail="", wait=1.0):
    """Questions for names whose labels are these bytes (hexadecimal), whatever they are, and bytes behind each. The rcodes."""
    more = bytes.fromhex(tail)

    def attempt(name):
        labels = [bytes.fromhex(label) for label in name]
        question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + struct.pack("!HH", 1, 1)
        with socket.socket(family_of(server), socket.SOCK_DGRAM) as client:
            client.settimeout(wait)
            client.sendto(struct.pack("!HHHHHH", 0x4242, 0x0100, 1, 0, 0, 1 if more else 0) + question + more,
                          address_of(server, 53))
            return f"rcode {client.recv(4096)[3] & 15}"
    return [outcome(attempt, name) for name in names]


# ---- netlink


def netlink(protocol, kind, flags, body):
    """A request; the errno that the kernel acknowledges it with. flags: beside REQUEST and ACK."""
    def attempt():
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as one:
            payload = bytes.fromhex(body)
            one.send(struct.pack("=IHHII", 16 + len(payload), kind, 5 | flags, 1, 0) + payload)
            one.settimeout(WAIT)
            answer = one.recv(4096)
            code = -struct.unpack_from("=i", answer, 16)[0]
            return errno.errorcode[code] if code else "OK"
    return outcome(attempt)


def nft_flush():
    """All tables of this network namespace are deleted: a batch of one message."""
    def attempt():
        def message(kind, flags, body):
            return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body
        begin, end = (message(kind, 1, struct.pack("!BBH", 0, 0, 10)) for kind in (16, 17))
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as one:
            one.settimeout(WAIT)
            one.send(begin + message(10 << 8 | 2, 5, struct.pack("!BBH", 0, 0, 0)) + end)
            code = -struct.unpack_from("=i", one.recv(4096), 16)[0]
            return errno.errorcode[code] if code else "OK"
    return outcome(attempt)


# ---- other processes


def signal_info(number):
    return (ctypes.c_char * 128).from_buffer_copy(struct.pack("=iii", number, 0, -1).ljust(128, b"\0"))


def owned_pipe(pid, number):
    """Whoever owns a descriptor gets a signal when there is something to read."""
    read, write = os.pipe()
    try:
        fcntl.fcntl(read, fcntl.F_SETOWN, pid)
        fcntl.fcntl(read, getattr(fcntl, "F_SETSIG", 10), number)
        fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        os.write(write, b"x")
    finally:
        os.close(read)
        os.close(write)


def signals(pid):
    """Every way to send one, with those that would be felt; the outcome of each way, or of each that differs."""
    ways = {
        "kill": lambda number: os.kill(pid, number),
        "tkill": lambda number: syscall("tkill", pid, number),
        "tgkill": lambda number: syscall("tgkill", pid, pid, number),
        "rt_sigqueueinfo": lambda number: syscall("rt_sigqueueinfo", pid, number, signal_info(number)),
        "rt_tgsigqueueinfo": lambda number: syscall("rt_tgsigqueueinfo", pid, pid, number, signal_info(number)),
        "pidfd_send_signal": lambda number: signal.pidfd_send_signal(os.pidfd_open(pid), number),
        "killpg": lambda number: os.killpg(pid, number) if pid > 1 else os.kill(pid, number),  # -1 is everybody
    }
    numbers = (0, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL, signal.SIGSEGV, 34)
    found = {}
    for way, send in ways.items():
        outcomes = {outcome(send, int(number)) for number in numbers}
        found[way] = outcomes.pop() if len(outcomes) == 1 else sorted(outcomes)
    outcome(owned_pipe, pid, int(signal.SIGKILL))  # tells nobody whether it was sent
    return found


FILES = ("mem", "environ", "maps", "fd/", "fdinfo/", "root/", "cwd/", "exe", "ns/net", "stack", "syscall", "auxv",
         "pagemap", "map_files/", "smaps", "io", "personality", "timers")


def open_and_read(path):
    if path.endswith("/"):
        os.listdir(path)
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.read(fd, 8)
    finally:
        os.close(fd)


def read_process(pid):
    """What can be read of it in /proc, beside what everybody may know."""
    return {name: outcome(open_and_read, f"/proc/{pid}/{name}") for name in FILES}


def write_byte(path):
    fd = os.open(path, os.O_RDWR)
    try:
        os.write(fd, b"x")
    finally:
        os.close(fd)


def touch_process(pid):
    """Into its memory, its descriptors and its execution."""
    byte = ctypes.create_string_buffer(8)
    here = (ctypes.c_size_t * 2)(ctypes.addressof(byte), 1)
    there = (ctypes.c_size_t * 2)(0x400000, 1)
    attempts = {
        "write-mem": lambda: write_byte(f"/proc/{pid}/mem"),
        "clear-refs": lambda: write_byte(f"/proc/{pid}/clear_refs"),
        "vm-read": lambda: syscall("process_vm_readv", pid, here, 1, there, 1, 0),
        "vm-write": lambda: syscall("process_vm_writev", pid, here, 1, there, 1, 0),
        "attach": lambda: syscall("ptrace", PTRACE_ATTACH, pid, 0, 0),
        "seize": lambda: syscall("ptrace", PTRACE_SEIZE, pid, 0, 0),
        "kcmp": lambda: syscall("kcmp", pid, os.getpid(), 1, 0, 0),
        "madvise": lambda: syscall("process_madvise", os.pidfd_open(pid), there, 1, 21, 0),
        "move-pages": lambda: syscall("move_pages", pid, 0, 0, 0, 0, 0),
        **{f"fd-{fd}": lambda fd=fd: syscall("pidfd_getfd", os.pidfd_open(pid), fd, 0) for fd in (0, 3, 5)},
    }
    return {name: outcome(attempt) for name, attempt in attempts.items()}


def starve_process(pid):
    """Its resources: limits above all. What works is left so, for the test to see what comes of it."""
    none = struct.pack("QQ", 0, 0)
    limits = {"files": resource.RLIMIT_NOFILE, "file-size": resource.RLIMIT_FSIZE, "cpu": resource.RLIMIT_CPU,
              "memory": resource.RLIMIT_AS}
    return {name: outcome(lambda kind=kind: syscall("prlimit64", pid, int(kind), none, None))
            for name, kind in limits.items()}


# ---- floods, while an allowed name is used


class Bystander:
    """Asks an allowed server again and again, as long as the flood lasts: answers, and the longest time of one."""

    def __init__(self, host, port, name):
        self.answers, self.failures, self.longest = 0, [], 0.0
        self._where, self._name, self._over = (host, port), name, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        request = f"GET /bystander HTTP/1.1\r\nHost: {self._name}\r\nConnection: close\r\n\r\n".encode()
        while not self._over.is_set():
            started = time.monotonic()
            try:
                with socket.create_connection(self._where, 10) as client:
                    client.sendall(request)
                    if client.recv(4096).startswith(b"HTTP/1.1 200"):
                        self.answers += 1
                    else:
                        self.failures.append("other")
            except OSError as error:
                self.failures.append(str(error))
            self.longest = max(self.longest, time.monotonic() - started)
            self._over.wait(0.01)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def flood_names(server, count, suffix):
    """Questions for names that nobody allows, all different, a few at a time; how many were answered."""
    answered = 0
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        client.connect(address_of(server, 53))
        client.settimeout(1)
        for number in range(count):
            name = b"".join(bytes([len(label)]) + label.encode() for label in [f"n{number}", *suffix.split(".")]) + b"\0"
            client.send(struct.pack("!HHHHHH", number & 0xffff, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1))
            if number % 32 == 31:
                with contextlib.suppress(TimeoutError):
                    for _ in range(32):
                        client.recv(512)
                        answered += 1
    return answered


def flood_connections(host, port, count, at_a_time=500):
    """Connections that say nothing, held as long as they are let; how many could be opened."""
    opened_ones, held = 0, []
    for _ in range(count):
        one = socket.socket(family_of(host), socket.SOCK_STREAM)
        with contextlib.suppress(OSError):
            one.settimeout(1)
            one.connect(address_of(host, port))
            opened_ones += 1
        held.append(one)
        if len(held) > at_a_time:
            held.pop(0).close()
    for one in held:
        one.close()
    return opened_ones


def flood_packets(host, count):
    """UDP to all ports of somebody in vain."""
    refused = 0
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as client:
        for number in range(count):
            try:
                client.sendto(b"x" * 64, address_of(host, 1024 + number % 60000))
            except OSError:
                refused += 1
    return refused


def flood(kind, bystander, arguments):
    """kind: one of the three above, in a process of its own; bystander: [host, port, name]. What both have seen."""
    read, write = os.pipe()
    with Bystander(*bystander) as other:
        pid = os.fork()
        if pid == 0:
            os.write(write, str(globals()["flood_" + kind](**arguments)).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        done = int(os.read(read, 64))
    return {"done": done, "answers": other.answers, "failures": other.failures[:3], "longest": other.longest}


# ---- a great many connections


def connections(host, port):
    """Does what each line says: 'open N' more to a name, 'ask' all for an answer, 'close' them; one line of JSON for each."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = []
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        what, *count = line.split()
        said = None
        if what == "open":
            failed = 0
            where = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
            for _ in range(int(count[0])):
                one = socket.socket()
                one.settimeout(10)
                try:
                    one.connect(where)
                    held.append(one)
                except OSError:
                    failed += 1
            said = [len(held), failed]
        elif what == "ask":
            said = {}
            sent = [outcome(lambda one=one: one.send(b"?") and None) for one in held]
            for one, how in zip(held, sent):
                answer = how if how != "OK" else outcome(lambda one=one: one.recv(1).decode() or "end")
                said[answer] = said.get(answer, 0) + 1
        elif what == "close":
            while held:
                held.pop().close()
        print(json.dumps(said), flush=True)
    return "end"


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}"))))
