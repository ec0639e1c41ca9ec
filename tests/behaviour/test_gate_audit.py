# SPDX-License-Identifier: MIT
"""The audit log: one JSON object a line for what was allowed, what was denied, and what became of it."""

import datetime
import json
import os
import re
import socket

import namespaces as ns
from names import WEB, WEB6
from service import PORTS

API, WWW = "api.example.com", "www.example.com"
AT_WEB = (WEB, WEB6)


def test_every_record_has_a_time_and_a_number(agent):
    bounded = agent(f"domain={API}")
    for url in f"http://{API}/", f"http://{WWW}/", f"https://{API}/":
        bounded.curl(url)
    records = bounded.records(event="verdict", at_least=3) and bounded.records()
    assert [one["seq"] for one in records] == list(range(records[0]["seq"], records[0]["seq"] + len(records)))
    for one in records:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", one["time"])
        when = datetime.datetime.fromisoformat(one["time"])
        assert abs((datetime.datetime.now(datetime.timezone.utc) - when).total_seconds()) < 60
    assert len(bounded.records(event="start")) == 1


def test_socket_that_leads_past_every_rule_is_reported(names, agent):
    """Once where engines have theirs, once mounted from elsewhere. A file in its place is none."""
    for path, mounted in ("/var/run/docker.sock", False), ("/srv/engine", True), ("/run/podman/podman.sock", None):
        box = names.box()
        here = box.root / path[1:]
        here.parent.mkdir(parents=True, exist_ok=True)
        prepare = None
        with socket.socket(socket.AF_UNIX) as engine:
            if mounted is None:
                here.write_text("")
            else:
                engine.bind(os.fspath(box.root / "socket" if mounted else here))
            if mounted:
                here.write_text("")

                def prepare():
                    ns.mount("/socket", "/srv/engine", None, ns.MS_BIND)
            bounded = agent(f"domain={API}", box=box, prepare=prepare)
            warning = f"boundary-init: warning: {path}: a socket that no rule bounds. "
            assert (warning in bounded.process.err) == (mounted is not None)
            assert bounded.record(event="start").get("bypass") == (None if mounted is None else path)


def test_allowed_http_request(agent):
    bounded = agent(f"domain={API} path=/public/*")
    bounded.curl(f"http://{API}/public/./a%41?secret=1")
    verdict = bounded.record(event="verdict", proto="http")
    assert verdict["verdict"] == "allow" and verdict["rule"].endswith(f"domain={API} path=/public/*")
    assert (verdict["name"], verdict["port"], verdict["method"], verdict["path"]) == (API, 80, "GET", "/public/aA")
    assert verdict["address"] in AT_WEB
    flow = bounded.record(event="flow", name=API)
    assert flow["sent"] > 80 and flow["received"] > 200 and 0 <= flow["duration_ms"] < 5000


def test_denied_http_request(agent):
    bounded = agent(f"domain={API}", f"deny domain={API} method=DELETE")
    bounded.curl(f"http://{API}/x", "-X", "DELETE")
    verdict = bounded.record(event="verdict", verdict="deny")
    assert verdict["method"] == "DELETE" and verdict["rule"].endswith(f"domain={API} method=DELETE")
    assert verdict["reason"]
    bounded.curl(f"http://{WWW}/y")
    verdict = bounded.record(event="verdict", verdict="deny", proto="http", name=WWW)
    assert verdict["path"] == "/y" and "rule" not in verdict and verdict["reason"] and "address" not in verdict


def test_tls_and_other_tcp(agent):
    bounded = agent(f"domain={API}", "domain=mail.example.com port=25")
    bounded.curl(f"https://{API}/")
    verdict = bounded.record(event="verdict", proto="tls")
    assert (verdict["verdict"], verdict["name"], verdict["port"]) == ("allow", API, 443)
    assert "path" not in verdict and verdict["address"] in AT_WEB
    bounded.do("tcp", host="mail.example.com", port=PORTS["smtp"], send=["QUIT\r\n"])
    assert bounded.record(event="verdict", proto="tcp")["verdict"] == "allow"
    flow = bounded.record(event="flow", name="mail.example.com")
    assert flow["sent"] == len("QUIT\r\n") and flow["received"] >= len("220 mail.example.com ESMTP test\r\n")


def test_claimed_names_are_shown(agent):
    bounded = agent(f"domain={API}", f"domain={WWW}")
    bounded.curl(f"http://{API}/", "-H", f"Host: {WWW}")
    verdict = bounded.record(event="verdict", verdict="deny")
    assert API in json.dumps(verdict) and WWW in json.dumps(verdict)


def test_packets_that_the_kernel_refused(agent):
    bounded = agent()
    for protocol, command in ("tcp", "connect"), ("udp", "udp"):
        for address in "203.0.113.10", "2001:db8:a::10":
            assert bounded.run("/probe", command, address, "4242").json["errno"] != "OK"
            packet = bounded.records(event="packet", proto=protocol, address=address, at_least=1)[0]
            assert packet["port"] == 4242


def test_levels(agent):
    """Denials at 'warn', what is allowed at 'info', every question at 'debug'."""
    expected = {"error": set(), "warn": {("verdict", "deny")},
                "info": {("verdict", "deny"), ("verdict", "allow"), ("flow", None)}}
    for level, events in expected.items():
        bounded = agent(f"domain={API}", options=[f"--log-level={level}"])
        bounded.curl(f"http://{API}/")
        bounded.curl(f"http://{WWW}/")
        if level == "info":
            bounded.records(event="flow", name=API, at_least=1)
        bounded.do("hello")
        found = {(one["event"], one.get("verdict")) for one in bounded.records() if one["event"] in ("verdict", "flow")}
        assert events <= found and (level == "info" or events == found), (level, bounded.records())
    bounded = agent(f"domain={API}", options=["--log-level=debug"])
    bounded.do("dns", name=WWW)
    assert bounded.records(event="verdict", proto="dns", name=WWW, at_least=1)[0]["verdict"] == "deny"


def test_hostile_strings_stay_json(agent):
    bounded = agent(f"domain={API}")
    for target, host in (f'/"\\\t%00{chr(0xfc)}"', f'{API}"'), (f"/{'x' * 20000}", WWW):
        bounded.do("tcp", host=API, port=80, send=[f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"], shut=True)
    assert len(bounded.records(event="verdict", verdict="deny", at_least=2)) == 2


def test_where_it_goes(names, agent):
    """A file is appended to; a socket and standard error do as well."""
    box = names.box()
    box.write("/var/log/audit", '{"event": "before"}\n')
    address = box.root / "tmp/audit.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(os.fspath(address))
        address.chmod(0o777)
        for where in "/var/log/audit", "unix:/tmp/audit.sock", "stderr":
            bounded = agent(f"domain={API}", box=box, options=[f"--audit={where}"])  # the later one wins
            assert bounded.curl(f"http://{WWW}/").status == 403
            result = bounded.end()
            if where == "stderr":
                lines = result.err.splitlines()
            elif where.startswith("/"):
                lines = (box.root / where[1:]).read_text().splitlines()
                assert json.loads(lines[0]) == {"event": "before"}
            else:
                receiver.setblocking(False)
                lines = []
                while True:
                    try:
                        lines.append(receiver.recv(65536).decode())
                    except BlockingIOError:
                        break
            denied = [one for one in map(json.loads, lines) if one.get("verdict") == "deny" and one["proto"] == "http"]
            assert [one["name"] for one in denied] == [WWW], where


def test_reader_that_does_not_read_stops_nobody(names, agent):
    """The pipe fills up; what does not fit is lost, and counted when there is room again."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    try:
        bounded = agent(f"domain={API}", options=[f"--audit=fd:{write}"], pass_also=(write,))
        request = f"GET / HTTP/1.1\r\nHost: {API}\r\n\r\n"
        done = bounded.do("kept", host=API, port=80, requests=[request] * 600, timeout=20)
        assert len(done["answers"]) == 600
        lines = os.read(read, 1 << 20).decode().splitlines()
        assert lines
        for _ in range(3):
            bounded.curl(f"http://{API}/")
        bounded.end()
        lines = os.read(read, 1 << 20).decode().splitlines()
        dropped = [json.loads(line)["dropped"] for line in lines if '"dropped"' in line]
        assert dropped and dropped[0] > 0
    finally:
        os.close(read)
        os.close(write)
