# SPDX-License-Identifier: MIT
"""A gigabyte each way, every byte of it right, and two thousand connections at once."""

import pathlib
import re

from service import PORTS

API, STREAM = "api.example.com", "stream.example.com"
GIB = 1 << 30
PATIENCE = 60.0
SLOWEST = 20.0  # seconds for a gigabyte; some 2 are usual
CONNECTIONS = 2000


def resident(agent):
    """Resident KiB of all processes of boundary-init: PID 1 and its children but the agent."""
    total = 0
    for pid in [agent.process.pid, *agent.process.children()]:
        status = pathlib.Path("/proc", str(pid), "status").read_text()
        if "boundary" in status.splitlines()[0] or pid == agent.process.pid:
            total += int(re.search(r"VmRSS:\s+(\d+)", status)[1])
    return total


def test_download(agent):
    bounded = agent(f"domain={STREAM}")
    done = bounded.do("download", host=STREAM, port=PORTS["bulk"], path=f"/bulk/{GIB}", timeout=PATIENCE)
    assert done["right"] and done["length"] == GIB and done["seconds"] < SLOWEST, done
    assert resident(bounded) < 4096
    flow = bounded.record(event="flow", name=STREAM, port=PORTS["bulk"])
    assert flow["received"] > GIB and flow["sent"] < 1000


def test_upload(agent):
    bounded = agent(f"domain={STREAM} method=PUT")
    done = bounded.do("upload", host=STREAM, port=PORTS["bulk"], path="/", size=GIB, timeout=PATIENCE)
    assert done["server"] == {"length": GIB, "sha256": done["sha256"]} and done["seconds"] < SLOWEST, done
    assert resident(bounded) < 4096
    flow = bounded.record(event="flow", name=STREAM, port=PORTS["bulk"])
    assert flow["sent"] > GIB and flow["received"] < 1000


def test_over_tls(agent):
    """Less of it: here it is the encryption that takes the time."""
    size = GIB // 8
    bounded = agent(f"domain={API}")
    down = bounded.do("download", host=API, port=443, path=f"/bulk/{size}", tls=API, timeout=PATIENCE)
    assert down["right"] and down["length"] == size
    up = bounded.do("upload", host=API, port=443, path="/bulk/", size=size, tls=API, timeout=PATIENCE)
    assert up["server"] == {"length": size, "sha256": up["sha256"]}


def test_both_ways_by_curl(agent):
    bounded = agent(f"domain={STREAM}")
    size = GIB // 8
    url = f"http://{STREAM}:{PORTS['http']}/upload"
    done = bounded.run("sh", "-c", f"curl -s http://{STREAM}:{PORTS['bulk']}/{size} >/tmp/all; sha256sum /tmp/all;"
                       f" curl -sT - {url} </tmp/all; rm /tmp/all", timeout=PATIENCE)
    assert done.json == {"length": size + 64, "sha256": done.out.split()[0]}


def test_two_thousand_connections_at_once(agent):
    bounded = agent(f"domain={API}")
    # Of the denied ones so few that the client is not too slow: who says nothing for half a second is reset.
    for host, count, went in (API, CONNECTIONS, "200 200"), ("www.example.com", 200, "403"):
        done = bounded.do("many", host=host, port=80, count=count, hold=host == API, timeout=PATIENCE,
                          request=f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
        assert done["results"] == {went: count}, done
    assert resident(bounded) < 16384
    assert bounded.curl(f"http://{API}/").status == 200


def test_many_names(agent):
    """The agent can ask for as many denied names as it likes: they share places of their own."""
    bounded = agent("domain=*.example.com")
    [address] = bounded.do("resolve", name=API, family=4)
    program = """
import json, socket
found = {socket.getaddrinfo(f'denied-{number}.example.org', 80, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
         for number in range(3000)}
print(json.dumps({'addresses': len(found)}))
"""
    assert 1000 <= bounded.python(program, timeout=PATIENCE).json["addresses"] <= 1024
    assert bounded.do("resolve", name=API, family=4) == [address]
    assert bounded.curl(f"http://{API}/").status == 200
