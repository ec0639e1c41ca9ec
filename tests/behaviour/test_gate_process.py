# SPDX-License-Identifier: MIT
"""The gate's process: what it has and has not, what becomes of everything else when it dies, and how much it bears."""

import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import struct
import threading
import time

import pytest

import ways
from names import RESOLVER, WEB
from service import PORTS
from wire import Wire

API, WWW, HOST = "api.example.com", "www.example.com", "host.example.com"
ECHO = (f"domain={API}", f"domain={HOST} port={PORTS['echo']}")
DIED = ("boundary-init: gate: process: ended by signal 9. It is started again; connections that went through it have "
        "ended\n")
YOUNG = 1.0  # seconds: one that dies earlier is not started again at once
IDLE_RESIDENT = 400  # kB


def gates(process):
    """Children of init in the container's own network namespace, dead ones left out."""
    own, found = os.readlink(process.proc / "ns/net"), []
    for pid in process.children():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/net") == own:
                found.append(pid)
    return found


def gate_of(process):
    return ways.until(lambda: gates(process), "a gate")[0]


def kill_gate(process):
    """Returns when it has gone and the next one is there, which may take a while."""
    pid = gate_of(process)
    os.kill(pid, signal.SIGKILL)
    return ways.until(lambda: [one for one in gates(process) if one != pid], "the next gate")[0]


def descriptors(pid):
    links = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return links


def resident(pid):
    return int(re.search(r"^Rss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)[1])


def switches(process, pid):
    status = process.status(pid)
    return status["voluntary_ctxt_switches"], status["nonvoluntary_ctxt_switches"]


def talk(wire):
    """Without what the nodes of a link tell each other."""
    return [packet for packet in wire.packets() if packet.protocol in (6, 17)]


def get(bounded, address, name=API, **options):
    return bounded.do("tcp", host=address, port=80, send=[
        f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"], **options)


# ---- what it is


def test_status(agent):
    process = agent(*ECHO).process
    status = process.status(gate_of(process))
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"], status["Seccomp_filters"], status["Threads"]) == ("1", "2", "1", "1")
    assert status["NSpgid"] == status["NSpid"]


def test_descriptors(agent):
    """Nothing that leads anywhere but the sockets it serves and the places it writes to."""
    process = agent(*ECHO).process
    found = descriptors(gate_of(process))
    kinds = sorted(re.sub(r":?\[.*", "", link) for fd, link in found.items() if fd > 2)
    assert kinds == ["anon_inode"] + ["pipe"] + ["socket"] * 8, found  # epoll; the audit; 7 of the jail and init's channel
    assert "anon_inode:[eventpoll]" in found.values()
    assert found[2] == os.readlink(process.proc / "fd/2")
    agents = descriptors(process.jail_pid())
    assert found[0] != agents[0] and found[1] != agents[1], "it holds the agent's own input or output open"


def test_without_pages_of_others(agent):
    """Nothing of the policy and its texts can be written to, and no page is both writable and executable."""
    process = agent(*ECHO).process
    maps = pathlib.Path(f"/proc/{gate_of(process)}/maps").read_text().splitlines()
    assert not [line for line in maps if "wx" in line.split()[1]]
    assert [line for line in maps if line.split()[1] == "r--s"], "the policy's pages"


@pytest.mark.parametrize("whose", ["gate", "init"])
def test_not_to_be_read_by_processes_of_the_container(agent, whose):
    """By those of the same user, who may read each other and signal it: it is not dumpable."""
    process = agent(*ECHO).process
    victim = gate_of(process) if whose == "gate" else process.pid
    number = process.status(victim)["NSpid"].split()[-1]
    assert process.exec_run(["/probe", "peer", number]).json == {
        "kill": "OK", "read-mem": "EACCES", "read-environ": "EACCES", "vm-read": "EPERM", "get-fd": "EPERM", "ptrace": "EPERM"}


def test_resident_memory(agent, record_property):
    """Idle from the start, and idle again after some work: the median of some starts."""
    fresh, used = [], []
    for _ in range(5):
        bounded = agent(*ECHO)
        gate = gate_of(bounded.process)
        fresh.append(resident(gate))
        for _ in range(20):
            assert get(bounded, API)["reply"].startswith("HTTP/1.1 200")
        ways.until(lambda gate=gate: len(descriptors(gate)) == 13, "all flows have ended")
        time.sleep(0.05)
        used.append(resident(gate))
        bounded.close()
    record_property("kB", (statistics.median(fresh), statistics.median(used)))
    assert statistics.median(fresh) <= IDLE_RESIDENT and statistics.median(used) <= IDLE_RESIDENT, (fresh, used)


def test_no_wake_up_when_idle(agent):
    """Also after it has worked: no timer is left over."""
    bounded = agent(*ECHO)
    gate = gate_of(bounded.process)
    assert get(bounded, API)["reply"] and get(bounded, WWW, WWW)["reply"].startswith("HTTP/1.1 403")
    time.sleep(1.2)  # a refused flow lingers so long
    before = switches(bounded.process, gate), switches(bounded.process, bounded.process.pid)
    time.sleep(1)
    assert (switches(bounded.process, gate), switches(bounded.process, bounded.process.pid)) == before


@pytest.mark.parametrize("again", [False, True], ids=["first", "restarted"])
def test_what_it_says_about_signals(agent, again):
    """Without Landlock's scopes a root agent could kill init; the log says which of the two it is, truly."""
    bounded = agent(*ECHO)
    if again:
        kill_gate(bounded.process)
        assert get(bounded, API)["reply"]
    reached = bounded.run("/probe", "try", "kill-init").json["kill-init"] == "OK"
    assert bounded.records(event="start", at_least=1 + again)[-1]["signals"] == ("not scoped" if reached else "scoped")


# ---- its death


def test_killed(names, agent):
    """Its flows end; whoever comes while there is none waits, and is served by the next one, at the addresses of before."""
    bounded = agent(*ECHO)
    known = {name: bounded.do("resolve", name=name, family=4)[0] for name in (API, WWW, HOST)}
    jailed = bounded.process.jail_pid()
    for count in 1, 2:
        finish = bounded.start("tcp", host=known[HOST], port=PORTS["echo"], send=["hello\n"], wait=5)
        ways.until(lambda: bounded.records(event="verdict", name=HOST) or len(descriptors(gate_of(bounded.process))) >= 15,
                   "the flow is open")
        time.sleep(0.1)
        os.kill(gate_of(bounded.process), signal.SIGKILL)
        ended = finish()
        assert ended["reply"].startswith("hello") and ended["error"] in ("ECONNRESET", None) and ended["us"] < 2e6, ended
        started = time.monotonic()
        assert get(bounded, known[API])["reply"].startswith("HTTP/1.1 200")
        assert get(bounded, known[WWW], WWW)["reply"].startswith("HTTP/1.1 403")
        assert get(bounded, known[WWW], API)["reply"].startswith("HTTP/1.1 4")
        assert time.monotonic() - started < 3
        assert {name: bounded.do("resolve", name=name, family=4)[0] for name in known} == known
        assert bounded.process.jail_pid() == jailed
        assert bounded.records(event="start", restarts=count, at_least=1)
    bounded.process.pump()
    assert bounded.process.err == DIED * 2
    result = bounded.end()
    assert (result.code, result.err) == (0, DIED * 2)


def test_a_flow_that_was_cut_does_not_look_complete(agent):
    """The end of a stream without a length must not be taken for its end: a reset, not an orderly close."""
    bounded = agent(*ECHO)
    [address] = bounded.do("resolve", name=HOST, family=4)
    finish = bounded.start("tcp", host=address, port=PORTS["echo"], send=["hello\n"], wait=5)
    time.sleep(0.3)
    os.kill(gate_of(bounded.process), signal.SIGKILL)
    assert finish()["error"] == "ECONNRESET"


def test_who_comes_while_there_is_none_waits(names, agent):
    """Young ones are not started again at once: connections and questions wait meanwhile, and nothing leaves."""
    bounded = agent(*ECHO)
    address = bounded.do("resolve", name=API, family=4)[0]
    with Wire(names, bounded.box) as wire:
        for what, arguments in (("tcp", dict(host=address, port=80, send=[f"GET / HTTP/1.0\r\nHost: {API}\r\n\r\n"])),
                                ("dns", dict(name=API))):
            kill_gate(bounded.process)  # so that the one that is there now is young
            pid = gate_of(bounded.process)
            os.kill(pid, signal.SIGKILL)
            ways.until(lambda: not gates(bounded.process), "no gate")
            seen = len(talk(wire))
            finish = bounded.start(what, **arguments)
            time.sleep(0.3)
            assert not gates(bounded.process) and len(talk(wire)) == seen
            answer = finish()
            assert answer.get("rcode") == "NOERROR" or answer["reply"].startswith("HTTP/1.1 200"), answer
    assert get(bounded, API)["reply"].startswith("HTTP/1.1 200")


def test_killed_again_and_again(agent):
    """Twenty times a second: the next ones are paced, nothing is left behind, and the last one works."""
    bounded = agent(*ECHO)
    before = bounded.process.children()
    killed, until = set(), time.monotonic() + 2.2
    while time.monotonic() < until:
        for pid in gates(bounded.process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        assert len(bounded.process.children()) <= len(before)
        time.sleep(0.05)
    assert 2 <= len(killed) <= 4, killed
    assert get(bounded, API)["reply"].startswith("HTTP/1.1 200")
    assert len(bounded.process.children()) == len(before)
    bounded.process.pump()
    assert bounded.process.err == DIED * len(killed)


def test_stopped(names, agent):
    """While it stands still nothing passes; then everything does."""
    bounded = agent(*ECHO)
    address = bounded.do("resolve", name=API, family=4)[0]
    assert get(bounded, address)["reply"]
    gate = gate_of(bounded.process)
    with Wire(names, bounded.box) as wire:
        os.kill(gate, signal.SIGSTOP)
        ways.until(lambda: ways.state_of(gate) == "T", "stopped")
        time.sleep(0.05)
        seen = len(talk(wire))
        assert get(bounded, address, wait=0.3) | {"us": 0} == {"reply": "", "error": "ETIMEDOUT", "us": 0}
        assert bounded.do("dns", name=API, wait=0.3)["rcode"] not in ("NOERROR", "NXDOMAIN")
        finish = bounded.start("tcp", host=address, port=80, send=[f"GET / HTTP/1.0\r\nHost: {API}\r\n\r\n"])
        time.sleep(0.1)
        assert len(talk(wire)) == seen
        os.kill(gate, signal.SIGCONT)
        assert finish()["reply"].startswith("HTTP/1.1 200")
        assert len(talk(wire)) > seen
    assert gate_of(bounded.process) == gate


def is_over(pid, pidfd):
    """It is gone, or a zombie that nobody has waited for."""
    try:
        signal.pidfd_send_signal(pidfd, 0)
        return ways.state_of(pid) == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


@pytest.mark.parametrize("way", [ways.PID1_VETH, ways.PLAIN_VETH], ids=str)
def test_init_killed(names, way):
    """Gate and agent go with it: by the kernel's doing where it is PID 1, by their own request elsewhere."""
    with names.box() as box, way.start(box, ["/probe", "sleep"], options=["--allow", f"domain={API}"]) as process:
        process.expect("ready")
        pidfds = {pid: os.pidfd_open(pid) for pid in process.children()}
        assert len(pidfds) == 2
        process.signal(signal.SIGKILL)
        for pid, pidfd in pidfds.items():
            ways.until(lambda pid=pid, pidfd=pidfd: is_over(pid, pidfd), "its end")
            os.close(pidfd)


# ---- how much it bears


def flows_for(descriptors):
    """How many the gate serves then, by flow_set_limit() of init/gate/flow.c."""
    return (descriptors - 400) // 2


@contextlib.contextmanager
def many_files(wanted=1 << 16):
    """Containers have far more descriptors by default than a test's shell; as many as can be had. Says how many."""
    limits = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


class Backlog:
    """A server whose clients are accepted when the test says so: until then they are the kernel's alone."""

    def __init__(self, names, port, room):
        names.web.sysctl({"core/somaxconn": room})
        self._listener = names.web.socket(socket.AF_INET6, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("::", port))
        self._listener.listen(room)
        self._accepted = []

    def answer(self, count):
        """Accepts so many, and sends each of those that are there what it says."""
        self._listener.settimeout(10)
        for _ in range(count):
            client = self._listener.accept()[0]
            client.settimeout(10)
            self._accepted.append(client)
        for client in self._accepted:
            client.send(client.recv(1))

    def hang_up(self):
        while self._accepted:
            self._accepted.pop().close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hang_up()
        self._listener.close()


class Crowd:
    """An agent that is nothing but clients of one server."""

    def __init__(self, names, box, port, **start):
        shutil.copy(pathlib.Path(__file__).with_name("attempts.py"), box.root / "attempts.py")
        self._audit = box.root / "tmp/audit"
        self.process = box.start(["--audit=/tmp/audit", "--allow", f"domain={HOST} port={port}", "--", "/usr/bin/python3", "-I",
                                  "-S", "/attempts.py", "connections", json.dumps({"host": HOST, "port": port})],
                                 stdin="pipe", **start)
        self.process.expect("ready")

    def start(self, words):
        before = len(self.process.out)
        self.process.write(words + "\n")

        def finish():
            self.process.expect("\n", 20, start=before)
            return json.loads(self.process.out[before:])
        return finish

    def do(self, words):
        return self.start(words)()

    def troubles(self):
        records = [json.loads(line) for line in self._audit.read_text().splitlines()]
        return [one["reason"] for one in records if one["event"] == "trouble"]


def test_ten_thousand_flows(names):
    """At the same time, all alive; and when they have ended everything is as before."""
    port = 9901
    with many_files() as limit, Backlog(names, port, 16384) as server, names.box() as box:
        crowd = Crowd(names, box, port)
        gate = gate_of(crowd.process)
        idle = len(descriptors(gate))
        # Fewer the second time: the kernel is slow to find a port among so many that still wait for their time to pass.
        for count in min(10000, flows_for(limit)), 1000:
            assert crowd.do(f"open {count}") == [count, 0]
            ways.until(lambda count=count: len(descriptors(gate)) == idle + 2 * count, "all flows are open")
            finish = crowd.start("ask")
            server.answer(count)
            assert finish() == {"?": count}
            crowd.do("close")
            server.hang_up()
            ways.until(lambda: len(descriptors(gate)) == idle, "all flows have ended")
        assert gate_of(crowd.process) == gate and crowd.troubles() == []
        assert resident(gate) < 16 * 1024


def test_as_many_flows_as_there_are_descriptors(names):
    """A low limit: so many are served, the others refused at once, and the log says why. Then there is room again."""
    port, count, limit = 9902, 600, 1024
    served = flows_for(limit)

    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with Backlog(names, port, 4096) as server, names.box() as box:
        crowd = Crowd(names, box, port, prepare=lower)
        gate = gate_of(crowd.process)
        idle = len(descriptors(gate))
        for _ in range(2):
            there, failed = crowd.do(f"open {count}")
            assert there + failed == count
            ways.until(lambda: len(descriptors(gate)) == idle + 2 * served, "all that can be are open")
            finish = crowd.start("ask")
            server.answer(served)
            answers = finish()
            assert answers.pop("?") == served and set(answers) <= {"ECONNRESET", "EPIPE"}, answers
            assert sum(answers.values()) + failed == count - served
            crowd.do("close")
            server.hang_up()
            ways.until(lambda: len(descriptors(gate)) == idle, "all flows have ended")
        assert crowd.troubles() == ["too many connections at a time"] * 2 * (count - served)
        assert crowd.do("open 100") == [100, 0]
        finish = crowd.start("ask")
        server.answer(100)
        assert finish() == {"?": 100}


# ---- its pools


ASK = """
import json, socket, struct, sys
server, pattern, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
found = {}
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.settimeout(2)
    client.connect((server, 53))
    for first in range(0, count, 16):
        for number in range(first, min(first + 16, count)):
            name = b''.join(bytes([len(label)]) + label.encode() for label in (pattern % number).split('.'))
            client.send(struct.pack('!HHHHHH', number, 0x0100, 1, 0, 0, 0) + name + bytes(1) + struct.pack('!HH', 1, 1))
        for _ in range(first, min(first + 16, count)):
            answer = client.recv(512)
            number, flags, _, records = struct.unpack_from('!HHHH', answer)
            found[number] = socket.inet_ntoa(answer[-4:]) if records else 'rcode %d' % (flags & 15)
print(json.dumps(found))
"""


def ask_many(bounded, pattern, count, server=RESOLVER):
    """{number: address or rcode} of so many names, which the pattern makes of their numbers."""
    found = bounded.python(ASK, server, pattern, count, timeout=30)
    assert found.code == 0, found
    return {int(number): address for number, address in found.json.items()}


def test_more_denied_names_than_there_is_room_for(agent):
    """The oldest one's address goes to another denied name; never to an allowed one, nor the other way round."""
    bounded = agent(*ECHO)
    [api] = bounded.do("resolve", name=API, family=4)
    found = ask_many(bounded, "n%d.denied.example", 1100)
    addresses = list(found.values())
    assert len(set(addresses)) == 1024 and api not in addresses
    for number in 0, 1, 1023, 1099:
        assert get(bounded, addresses[number], API)["reply"].startswith("HTTP/1.1 400")
        assert get(bounded, addresses[number], f"n{number}.denied.example")["reply"].startswith("HTTP/1.1 40")
    [host] = bounded.do("resolve", name=HOST, family=4)
    assert host not in addresses
    assert bounded.do("resolve", name=API, family=4) == [api] and get(bounded, api)["reply"].startswith("HTTP/1.1 200")


class Wildcard:
    """A DNS server to which every name exists: it says WEB, and that this holds for an hour."""

    def __init__(self, names, address):
        names.resolver.ip(f"addr replace {address}/24 dev eth0")
        self._socket = names.resolver.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((address, 53))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        records = {b"\0\x01": b"\xc0\x0c\0\x01\0\x01" + struct.pack("!IH", 3600, 4) + socket.inet_aton(WEB)}
        while query := self._socket.recvfrom(512):
            data, client = query
            if not data:
                return
            end = data.index(0, 12) + 5
            record = records.get(data[end - 4:end - 2], b"")
            self._socket.sendto(data[:2] + b"\x81\x80\0\x01" + (b"\0\x01" if record else b"\0\0") + bytes(4) + data[12:end]
                                + record, client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


def test_more_allowed_names_than_there_is_room_for(names, agent):
    """Those that are there keep their addresses; further ones fail for the time being, and the log says so."""
    with Wildcard(names, "192.0.2.78"):
        bounded = agent(f"domain={API}", "domain=*.wild.example", box=names.box(resolv="nameserver 192.0.2.78\n"))
        [api] = bounded.do("resolve", name=API, family=4)
        found = ask_many(bounded, "n%d.wild.example", 8250, server="192.0.2.78")
        served = [address for address in found.values() if not address.startswith("rcode")]
        assert len(set(served)) == len(served) == 8191 and api not in served
        assert {address for address in found.values() if address.startswith("rcode")} == {"rcode 2"}
        assert bounded.records(event="trouble", reason="the pool of names is full", at_least=1)
        assert get(bounded, api)["reply"].startswith("HTTP/1.1 200")
        assert get(bounded, found[17], "n17.wild.example")["reply"].startswith("HTTP/1.1 200")
        assert get(bounded, found[17], "n18.wild.example")["reply"].startswith("HTTP/1.1 400")
        [www] = bounded.do("resolve", name=WWW, family=4)
        assert get(bounded, www, WWW)["reply"].startswith("HTTP/1.1 403")
        # And so it is after its death.
        kill_gate(bounded.process)
        assert get(bounded, found[8000], "n8000.wild.example")["reply"].startswith("HTTP/1.1 200")
        assert get(bounded, www, WWW)["reply"].startswith("HTTP/1.1 403")
