# SPDX-License-Identifier: MIT
"""The system calls of a container's PID 1 from its first instruction on, and of what it starts, by strace(1)."""

import ctypes
import os
import pathlib
import signal
import tempfile

PTRACE_TRACEME, PTRACE_DETACH = 0, 17
WALL = 0x40000000  # __WALL; not in Python

_libc = ctypes.CDLL(None, use_errno=True)


def _ptrace(request, pid=0, data=0):
    if _libc.ptrace(request, pid, None, ctypes.c_void_p(data)) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "ptrace")


def record(router, box, arguments, kinds):
    """Runs PID 1 to its end and returns (the Result, its system calls of these kinds, one a line, 'PID' first)."""
    with tempfile.TemporaryDirectory() as directory:
        log = pathlib.Path(directory, "calls")
        with box.start(arguments, prepare=lambda: _ptrace(PTRACE_TRACEME)) as process:
            _, status = os.waitpid(process.pid, WALL)
            assert os.WIFSTOPPED(status)  # at its exec: nothing has run yet
            _ptrace(PTRACE_DETACH, process.pid, signal.SIGSTOP)
            with router.start("strace", "-f", "-e", f"trace={kinds}", "-o", log, "-p", str(process.pid)) as tracer:
                tracer.expect("attached", stream="err")
                process.signal(signal.SIGCONT)
                result = process.wait()
                tracer.wait()
        return result, [line for line in log.read_text().splitlines() if "(" in line]
