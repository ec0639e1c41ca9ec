# SPDX-License-Identifier: MIT
"""System calls that fail as an odd seccomp profile, a security module or an old kernel lets them fail.

    box.run([...], prepare=refusing(Refusal("clone", errno.EPERM, flags={0: ns.CLONE_NEWUSER})))

The filter is of the kind that container runtimes install: boundary-init and all that it starts live under it. Where
only some of the calls shall fail, the test is asked about each:

    with Referee(Refusal("socket", errno.EPERM), wanted=in_jail(box)) as referee:
        box.run([...], prepare=referee.prepare)
"""

import contextlib
import ctypes
import dataclasses
import errno
import fcntl
import os
import platform
import select
import socket
import struct
import threading

PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
RET_USER_NOTIF, RET_ERRNO, RET_ALLOW = 0x7FC00000, 0x00050000, 0x7FFF0000
LOAD, RETURN, JUMP_EQUAL, JUMP_SET = 0x20, 0x06, 0x15, 0x45  # linux/bpf_common.h
NUMBER, ARGUMENTS = 0, 16  # offsets in struct seccomp_data

# linux/seccomp.h: ioctl numbers, struct seccomp_notif and struct seccomp_notif_resp
NOTIFICATION, ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
NOTIF_RECV = 0xC0002100 | NOTIFICATION.size << 16
NOTIF_SEND = 0xC0002101 | ANSWER.size << 16
CONTINUE = 1

_X86_64 = {"socket": 41, "sendto": 44, "clone": 56, "capset": 126, "prctl": 157, "unshare": 272, "setns": 308,
           "seccomp": 317, "clone3": 435, "landlock_create_ruleset": 444, "landlock_restrict_self": 446}
_AARCH64 = {"socket": 198, "sendto": 206, "clone": 220, "capset": 91, "prctl": 167, "unshare": 97, "setns": 268,
            "seccomp": 277, "clone3": 435, "landlock_create_ruleset": 444, "landlock_restrict_self": 446}
CALLS = {"x86_64": _X86_64, "aarch64": _AARCH64}[platform.machine()]

_libc = ctypes.CDLL(None, use_errno=True)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """One system call, by name, and the error that it ends with.

    equal  {number of an argument: its value}
    flags  {number of an argument: bits, of which it has one at least}
    """

    call: str
    error: int
    equal: dict = dataclasses.field(default_factory=dict)
    flags: dict = dataclasses.field(default_factory=dict)

    def program(self, action):
        """Instructions that answer with the action, or go on behind themselves with the number of the call loaded."""
        tests = [(NUMBER, JUMP_EQUAL, CALLS[self.call])]
        tests += [(ARGUMENTS + 8 * number, JUMP_EQUAL, value) for number, value in self.equal.items()]
        tests += [(ARGUMENTS + 8 * number, JUMP_SET, bits) for number, bits in self.flags.items()]
        left = 2 * len(tests) + 1
        code = []
        for offset, jump, value in tests:
            left -= 2
            code += [(LOAD, 0, 0, offset), (jump, 0, left, value)]
        return [*code, (RETURN, 0, 0, action)]


def _install(code, flags=0):
    """For the calling process. Who is not root has to give up more than root."""
    code = [*code, (RETURN, 0, 0, RET_ALLOW)]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(instructions)))
    if os.geteuid() and _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    result = _libc.syscall(CALLS["seccomp"], SECCOMP_SET_MODE_FILTER, flags, program)
    if result < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return result


def refusing(*refusals):
    """For prepare= of Container.start(): these calls fail, in every process from PID 1 on."""
    return lambda: _install([line for refusal in refusals for line in refusal.program(RET_ERRNO | refusal.error)])


# As container runtimes have it by default: no namespaces of any kind.
NEW_NAMESPACES = 0x7E020000
NO_NAMESPACES = refusing(Refusal("clone", errno.EPERM, flags={0: NEW_NAMESPACES}), Refusal("clone3", errno.ENOSYS),
                         Refusal("unshare", errno.EPERM, flags={0: NEW_NAMESPACES}))


def in_jail(box):
    """For a Referee: calls of processes that are in another network namespace than the container."""
    outside = os.readlink(f"/proc/self/fd/{box.fd}")
    return lambda pid, _arguments: os.readlink(f"/proc/{pid}/ns/net") != outside


def nth(number):
    """For a Referee: the call of that number, counted from 1. Its attribute calls: how many there were."""
    def wanted(_pid, _arguments):
        wanted.calls += 1
        return wanted.calls == number
    wanted.calls = 0
    return wanted


class Referee:
    """Decides on calls one by one, in a thread of its own. wanted(pid, arguments): whether this one shall fail.

    refused: how many did
    """

    def __init__(self, refusal, wanted):
        self._refusal, self._wanted = refusal, wanted
        self._ours, self._theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._decide)
        self.refused = 0

    def prepare(self):
        """For prepare= of Container.start(), once."""
        listener = _install(self._refusal.program(RET_USER_NOTIF), SECCOMP_FILTER_FLAG_NEW_LISTENER)
        socket.send_fds(self._theirs, [b"."], [listener])

    def _decide(self):
        message, fds, _, _ = socket.recv_fds(self._ours, 1, 1)
        if not message:
            return
        listener, = fds
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while poll.poll()[0][1] & select.POLLIN:  # until the last process under the filter has ended
            with contextlib.suppress(FileNotFoundError):  # it was killed in its call
                self._answer(listener)
        os.close(listener)

    def _answer(self, listener):
        asked = NOTIFICATION.unpack(fcntl.ioctl(listener, NOTIF_RECV, bytes(NOTIFICATION.size)))
        number, pid, arguments = asked[0], asked[1], asked[6:]
        fails = self._wanted(pid, arguments)
        self.refused += fails
        fcntl.ioctl(listener, NOTIF_SEND, ANSWER.pack(number, 0, -self._refusal.error if fails else 0,
                                                      0 if fails else CONTINUE))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._theirs.close()
        self._thread.join()
        self._ours.close()
