# SPDX-License-Identifier: MIT
"""A running program with its output, and what is known about it when it has ended. Waits for events, never polls."""

import contextlib
import fcntl
import json
import os
import selectors
import signal
import struct
import subprocess
import termios
import time

TIMEOUT = 10.0  # seconds; a test that needs more says so


class Hung(Exception):
    """Something did not happen in time; the message holds the output so far."""


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


class Result:
    """What is left of a program that has ended.

    code     exit code, or -N when a signal N killed it
    out, err the text it wrote
    seconds  how long it ran
    """

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    @property
    def json(self):
        """The last JSON line of the output (most subcommands of the probe print exactly one)."""
        return self.jsons[-1]

    @property
    def jsons(self):
        """All JSON lines of the output, in order (of 'probe seq')."""
        return json_lines(self.out)

    def __repr__(self):
        return f"Result(code={self.code}, out={self.out!r}, err={self.err!r}, seconds={self.seconds:.3f})"


class Process:
    """A started program: its pid as the machine sees it, its input and output, signals, waiting."""

    def __init__(self, popen, terminal=None):
        self.popen = popen
        self.pid = popen.pid
        self.terminal = terminal  # the master side of its terminal, if it has one
        self.started = time.monotonic()
        self.pidfd = os.pidfd_open(self.pid)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.pidfd, selectors.EVENT_READ)
        self._output = {}
        for name, stream in (("out", terminal if terminal is not None else popen.stdout), ("err", popen.stderr)):
            self._output[name] = bytearray()
            if stream is not None:
                fd = stream if isinstance(stream, int) else stream.fileno()
                self._selector.register(fd, selectors.EVENT_READ, name)
        self._seconds = None

    @property
    def out(self):
        """What it has written so far, as far as it was waited for."""
        return self._output["out"].decode(errors="surrogateescape")

    @property
    def jsons(self):
        """All JSON lines that it has written so far, as far as it was waited for."""
        return json_lines(self.out)

    @property
    def err(self):
        return self._output["err"].decode(errors="surrogateescape")

    def _pump(self, done, timeout, what):
        """Collects output until done() holds or everything has ended; Hung after the timeout."""
        deadline = time.monotonic() + timeout
        while not done() and self._selector.get_map():
            events = self._selector.select(max(0, deadline - time.monotonic()))
            if not events:
                raise Hung(f"pid {self.pid}: no {what} within {timeout} s; out={self.out!r} err={self.err!r}")
            for key, _ in events:
                self._handle(key)
        return done()

    def pump(self):
        """Takes what there is of its output now, without waiting."""
        while events := self._selector.select(0):
            for key, _ in events:
                self._handle(key)

    def _handle(self, key):
        if key.fd == self.pidfd:
            self._seconds = time.monotonic() - self.started
            self._selector.unregister(key.fd)
            return
        try:
            data = os.read(key.fd, 65536)
        except OSError:  # EIO: the last user of the terminal has gone
            data = b""
        if data:
            self._output[key.data] += data
        else:
            self._selector.unregister(key.fd)

    def expect(self, text, timeout=TIMEOUT, stream="out", start=0):
        """Waits until the text is in the output; returns all of it so far. Hung or EOFError if it never is.

        start: how many bytes at the beginning of the output do not count.
        """
        wanted = text.encode()
        if not self._pump(lambda: wanted in self._output[stream][start:], timeout, f"{text!r} in {stream}"):
            raise EOFError(f"ended without {text!r}: out={self.out!r} err={self.err!r}")
        return self.out if stream == "out" else self.err

    def write(self, data, end=False):
        """Gives it input: to its terminal or its pipe. end: nothing more will follow (pipes only)."""
        data = data.encode() if isinstance(data, str) else data
        if self.terminal is not None:
            os.write(self.terminal, data)
            return
        self.popen.stdin.write(data)
        self.popen.stdin.flush()
        if end:
            self.popen.stdin.close()

    def resize(self, rows, columns):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self):
        """Takes its terminal away, as when the user closes the window."""
        self._selector.unregister(self.terminal)
        os.close(self.terminal)
        self.terminal = None

    def signal(self, number):
        signal.pidfd_send_signal(self.pidfd, number)

    def wait(self, timeout=TIMEOUT):
        """Waits for its end and returns the Result; kills it and raises Hung when that takes too long."""
        try:
            self._pump(lambda: False, timeout, "end")
        except Hung:
            self.kill()
            raise
        self.popen.wait()
        return Result(self.popen.returncode, self.out, self.err, self._seconds)

    def running(self):
        return self.popen.poll() is None

    def kill(self):
        """SIGKILL; for PID 1 of a container that ends all of it."""
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        self.popen.wait()

    def close(self):
        """Kills it if need be and lets go of everything."""
        if self.pidfd < 0:
            return
        self.kill()
        self._selector.close()
        for stream in self.popen.stdin, self.popen.stdout, self.popen.stderr:
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        if self.terminal is not None:
            os.close(self.terminal)
        os.close(self.pidfd)
        self.pidfd = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def spawn(argv, setup=None, stdin=None, **options):
    """Popen with pipes for all that is not given. stdin: bytes or text (then closed), 'pipe', or nothing at all.

    setup runs in the child before exec; if it fails, its traceback is in the exception raised here.
    """
    report_read, report_write = os.pipe()

    def guarded_setup():
        try:
            setup()
        except BaseException:
            import traceback
            os.write(report_write, traceback.format_exc().encode())
            raise

    try:
        popen = subprocess.Popen(
            [os.fspath(arg) for arg in argv], stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            preexec_fn=guarded_setup if setup else None, **options)
    except subprocess.SubprocessError:
        raise RuntimeError("in the child: " + os.read(report_read, 65536).decode()) from None
    finally:
        os.close(report_read)
        os.close(report_write)
    if stdin is not None and stdin != "pipe":
        popen.stdin.write(stdin.encode() if isinstance(stdin, str) else stdin)
        popen.stdin.close()
    return popen
