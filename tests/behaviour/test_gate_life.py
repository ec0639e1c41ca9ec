# SPDX-License-Identifier: MIT
"""The gate in containers of every kind, and what becomes of names and flows when its process dies."""

import os
import signal

import pytest

from names import WEB
from sandbox import DOCKER_CAPS
from service import PORTS
from wire import Wire

API, WWW, STREAM = "api.example.com", "www.example.com", "stream.example.com"

CONTAINERS = {  # what: (of the container, of boundary-init, whether names get IPv6 addresses)
    "docker": ({}, [], True),
    "without-ipv6": ({"ipv6": False}, [], False),
    "without-ipv6-on-new-links": ({"ipv6_on_new_links": False}, [], False),
    "without-forwarding": ({"ip_forward": False}, [], True),
    "writable-proc": ({"writable_proc_sys": True}, [], True),
    "no-userns": ({"caps": DOCKER_CAPS | {"net_admin", "sys_admin"}}, ["--no-userns"], True),
    "other-user": ({}, ["--user=agent"], True),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers(names, agent, kind):
    container, options, ipv6 = CONTAINERS[kind]
    bounded = agent(f"domain={API}", box=names.box(**container), options=options)
    assert len(bounded.do("resolve", name=API)) == 1 + ipv6
    assert len(bounded.do("dns", name=API, kind="AAAA")["answers"]) == ipv6
    for scheme in "http", "https":
        assert bounded.curl(f"{scheme}://{API}/").json["server"] == API
    assert bounded.curl(f"http://{WWW}/").status == 403
    assert bounded.curl(f"https://{WWW}/").code == 35
    assert bounded.end().code == 0


def gate_of(bounded):
    [gate] = set(bounded.process.children()) - {bounded.process.jail_pid()}
    return gate


def test_gate_that_is_killed_is_started_again(names, agent):
    """Addresses keep their meaning, flows end, and PID 1 says so."""
    bounded = agent(f"domain={API}", f"domain={STREAM}")
    addresses = bounded.do("resolve", name=API)
    finish = bounded.start("tcp", host=STREAM, port=PORTS["http"],
                           send=[f"GET /slow?seconds=4 HTTP/1.1\r\nHost: {STREAM}\r\n\r\n"])
    bounded.records(event="verdict", verdict="allow", at_least=1)
    killed = gate_of(bounded)
    os.kill(killed, signal.SIGKILL)
    assert finish()["reply"] == ""
    bounded.process.expect("gate", stream="err")
    bounded.records(event="start", restarts=1, at_least=1, timeout=5)
    assert gate_of(bounded) != killed
    assert bounded.run("curl", "-s", "--resolve", f"{API}:80:{addresses[-1]}", f"http://{API}/").json["server"] == API
    assert bounded.do("resolve", name=API) == addresses
    assert bounded.curl(f"http://{WWW}/").status == 403
    assert bounded.end().code == 0


def test_nothing_passes_while_the_gate_stands_still(names, agent):
    bounded = agent(f"domain={API}")
    [address] = bounded.do("resolve", name=API, family=4)
    gate = gate_of(bounded)
    with Wire(names, bounded.box) as wire:
        os.kill(gate, signal.SIGSTOP)
        try:
            for to in f"http://{API}/", f"http://{address}/", f"http://{WEB}/":
                assert bounded.curl(to, "--max-time", "0.5").status == 0
            assert not [packet for packet in wire.packets() if packet.protocol in (6, 17)]
        finally:
            os.kill(gate, signal.SIGCONT)
    assert bounded.curl(f"http://{API}/").status == 200
