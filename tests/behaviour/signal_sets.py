# SPDX-License-Identifier: MIT
"""Signal masks and dispositions by raw system calls: all 64 signals, of which Python's module leaves some to libc."""

import ctypes
import platform
import signal

SIG_BLOCK, SIG_SETMASK = 0, 2
SIG_DFL, SIG_IGN = 0, 1
SI_QUEUE = -1

UNCATCHABLE = frozenset({signal.SIGKILL, signal.SIGSTOP})
CATCHABLE = frozenset(range(1, 65)) - UNCATCHABLE
REALTIME = frozenset(range(34, 65))
STOPPING = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})
HARMLESS = frozenset({signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH})  # ignored by default
DEADLY = CATCHABLE - STOPPING - HARMLESS

# rt_sigaction, rt_sigprocmask, rt_sigqueueinfo, tgkill
_NUMBERS = {"x86_64": (13, 14, 129, 234), "aarch64": (134, 135, 138, 131)}
_SIGACTION, _SIGPROCMASK, _SIGQUEUEINFO, _TGKILL = _NUMBERS[platform.machine()]

_libc = ctypes.CDLL(None, use_errno=True)


def _call(*arguments):
    if _libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), f"system call {arguments[0]}")


def mask_of(signals):
    """As /proc/PID/status shows it: bit N-1 for signal N, 16 hexadecimal digits."""
    return f"{sum(1 << number - 1 for number in signals):016x}"


FULL = mask_of(CATCHABLE)  # what SigBlk shows when all is blocked that can be


def block(signals):
    mask = ctypes.c_uint64(int(mask_of(signals), 16))
    _call(_SIGPROCMASK, SIG_SETMASK, ctypes.byref(mask), None, ctypes.sizeof(mask))


def block_all():
    block(CATCHABLE)


def ignore(signals):
    _dispose(signals, SIG_IGN)


def default(signals):
    _dispose(signals, SIG_DFL)


def _dispose(signals, handler):
    action = (ctypes.c_uint64 * 4)(handler)  # handler, flags, (restorer,) mask
    for number in signals:
        _call(_SIGACTION, number, ctypes.byref(action), None, ctypes.sizeof(ctypes.c_uint64))


def send_queued(pid, number):
    """As sigqueue(3) does."""
    info = (ctypes.c_int * 32)(number, 0, SI_QUEUE)
    _call(_SIGQUEUEINFO, pid, number, ctypes.byref(info))


def send_to_thread(pid, number):
    """As a thread of a program does that uses pthread_kill(3) on itself, or a debugger on another."""
    _call(_TGKILL, pid, pid, number)


def seen(text):
    """The numbers in the output of 'probe signals', in order."""
    return [int(line.split()[0]) for line in text.splitlines() if line[:1].isdigit()]
