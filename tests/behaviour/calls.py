# SPDX-License-Identifier: MIT
"""The system calls of a container's PID 1 from its first instruction on, and of what it starts, by strace(1)."""

import ctypes
import os
import signal

PTRACE_TRACEME, PTRACE_DETACH = 0, 17
WALL = 0x40000000  # __WALL; not in Python

_libc = ctypes.CDLL(None, use_errno=True)


def _ptrace(request, pid=0, data=0):
    if _libc.ptrace(request, pid, None, ctypes.c_void_p(data)) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "ptrace")


def run(router, box, arguments, code):
    """Lets PID 1 end with this exit code; returns its system calls, one a line, with '[pid N]' before those of children."""
    with box.start(arguments, prepare=lambda: _ptrace(PTRACE_TRACEME)) as process:
        _, status = os.waitpid(process.pid, WALL)  # stopped at its exec
        assert os.WIFSTOPPED(status)
        _ptrace(PTRACE_DETACH, process.pid, signal.SIGSTOP)
        with router.start("strace", "-f", "-s", "64", "-p", str(process.pid)) as tracer:
            tracer.expect("attached", stream="err")
            process.signal(signal.SIGCONT)
            assert process.wait().code == code
            return [line for line in tracer.wait().err.splitlines() if "(" in line]
