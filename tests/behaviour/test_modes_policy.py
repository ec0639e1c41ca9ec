# SPDX-License-Identifier: MIT
"""The same rules lead to the same outcome in a jail of each mode."""

import time

import pytest

import ways
from agent import FAMILIES, Agent, server_in_container
from filters import NO_NAMESPACES
from names import WEB, WEB6
from sandbox import DOCKER_CAPS, NET_ADMIN
from service import PORTS

API, WWW, EVIL = "api.example.com", "www.example.com", "evil.example.net"
HOST, MAIL = "host.example.com", "mail.example.com"
POLICY = "/etc/boundary/policy"
ALLOWED, DENIED = {"v4": "203.0.113.10", "v6": "2001:db8:a::10"}, {"v4": "198.51.100.20", "v6": "2001:db8:b::20"}


@pytest.fixture(params=[*ways.MODES, "loopback by uid 1000", "container by auto"])
def bounded(names, agent, request):
    """Makes an agent in a jail of each mode, where no better one is possible."""
    mode, _, how = request.param.partition(" by ")
    caps = {"veth": DOCKER_CAPS | NET_ADMIN, "loopback": frozenset(), "container": NET_ADMIN}[mode]
    if mode == "loopback" and not how:
        caps = DOCKER_CAPS

    def make(*rules, options=(), ipv6=True, **start):
        box = names.box(caps=caps, ipv6=ipv6)
        if how == "uid 1000":
            start["user"] = 1000
        jail = ["--jail=auto" if how else f"--jail={mode}"]
        one = agent(*rules, box=box, options=[*jail, *options], prepare=NO_NAMESPACES if how == "auto" else None, **start)
        assert one.record(event="start")["mode"] == mode
        return one
    make.mode, make.caps = mode, caps
    return make


def greeting(one, host, port):
    return one.do("tcp", host=host, port=port, send=["QUIT\r\n"])


def test_names(names, bounded):
    one = bounded(f"domain={API}", f"domain={MAIL} port=25", "deny domain=deep.api.example.com", "domain=*.api.example.com")
    for url in f"http://{API}/", f"https://{API}/":
        answer = one.curl(url)
        assert answer.json["server"] == API and answer.json["client"] in (one.box.v4, one.box.v6)
    for name in WWW, EVIL, "deep.api.example.com":
        refused = one.curl(f"http://{name}/")
        assert refused.status == 403 and name in refused.out
        assert one.curl(f"https://{name}/").code == 35
    assert greeting(one, MAIL, 25)["reply"].startswith("220")
    assert greeting(one, HOST, 25)["error"] == "ECONNRESET"
    for family in FAMILIES:  # its address without its name
        assert one.do("tcp", host={"v4": WEB, "v6": WEB6}[family], port=80)["error"] == "ECONNREFUSED"
    assert [record["rule"] for record in one.records(event="verdict", verdict="allow", name=API)] == [f"domain={API}"] * 2
    assert not names.requests(server=WWW, client=one.box.v4)
    assert one.end().code == 0


def test_addresses(bounded):
    one = bounded(*(f"cidr={ALLOWED[family]} port=80,443" for family in FAMILIES),
                  *(f"deny cidr={ALLOWED[family]} port=443" for family in FAMILIES))
    for family in FAMILIES:
        own = getattr(one.box, family)
        assert one.do("tcp", host=ALLOWED[family], port=80)["reply"] == f"allowed {own}\n"
        for host, port in (ALLOWED[family], 443), (ALLOWED[family], 8080), (DENIED[family], 80):
            assert one.do("tcp", host=host, port=port)["error"] == "ECONNREFUSED", (host, port)
        assert one.do("udp", host=ALLOWED[family], port=80, data="00") == "EPERM"
    assert one.end().code == 0


@pytest.mark.parametrize("bounded", ["veth", "loopback", "loopback by uid 1000"], indirect=True)
def test_no_service_of_the_container_by_its_address(bounded):
    """Whatever the rules say; in a jail that is the container itself they are the agent's own."""
    one = bounded("cidr=0.0.0.0/0", "cidr=::/0")
    with server_in_container(one.process):
        for host in one.box.v4, one.box.v6, "127.0.0.1", "::1", "0.0.0.0", "::", "127.8.9.1":
            assert one.do("tcp", host=host, port=9000)["reply"] == "", host
        assert one.process.exec_run(["/probe", "connect", one.box.v4, "9000"]).json["reply"] == f"box {one.box.v4}"


def test_observe(bounded):
    one = bounded(f"domain={API}", options=["--observe"])
    for url in f"http://{API}/", f"http://{WWW}/a", f"https://{EVIL}/":
        assert one.curl(url).status == 200, url
    for family in FAMILIES:
        assert one.do("tcp", host=DENIED[family], port=80)["reply"] == f"denied {getattr(one.box, family)}\n"
    assert not one.records(event="verdict", verdict="deny")
    said = one.end().err
    for rule in f"domain={WWW}", f"domain={EVIL}", *(f"cidr={DENIED[family]} proto=tcp port=80" for family in FAMILIES):
        assert rule in said, said
    assert f'"domain={API}"' not in said


def test_verdict_without_an_agent(names, bounded):
    with names.box(caps=bounded.caps) as box:
        for method, url, code in ("GET", f"http://{API}/", 0), ("GET", f"http://{WWW}/", 1):
            done = box.run([f"--jail={bounded.mode}", "--allow", f"domain={API}", "--test", method, url])
            assert done.code == code and done.out.startswith("deny" if code else "allow")


def eventually(one, expected, seconds=3.0):
    """Waits until these become so: {name: status, (host, port): error}."""
    def look(what):
        if isinstance(what, str):
            return one.curl(f"http://{what}/").status
        return one.do("tcp", host=what[0], port=what[1])["error"]
    deadline = time.monotonic() + seconds
    while (found := {what: look(what) for what in expected}) != expected:
        assert time.monotonic() < deadline, found


# Of whom the file cannot be changed by the agent: (of the container, options, how it is started).
OTHERS = {"veth": ({}, ["--user=agent"], {}), "loopback": ({"caps": DOCKER_CAPS}, ["--user=agent"], {}),
          "loopback by uid 1000": ({"caps": ()}, [], {"user": 1000}), "container": ({}, ["--user=agent"], {})}


@pytest.mark.parametrize("mode", OTHERS)
def test_policy_that_changes(names, agent, mode):
    """Wider and narrower, by name and by address; a bad one changes nothing."""
    container, options, start = OTHERS[mode]
    box = names.box(**container)
    box.write(POLICY, f"allow domain={API}\nallow cidr={ALLOWED['v4']} port=80\nallow cidr={ALLOWED['v6']} port=80\n")
    one = agent(box=box, options=[f"--jail={mode.split()[0]}", f"--policy={POLICY}", *options], **start)
    path = box.root / POLICY[1:]
    eventually(one, {API: 200, WWW: 403, (ALLOWED["v4"], 80): None, (ALLOWED["v6"], 80): None,
                     (ALLOWED["v4"], 443): "ECONNREFUSED"})
    path.write_text(f"allow domain={WWW}\nallow cidr={ALLOWED['v4']} port=443\n")
    eventually(one, {API: 403, WWW: 200, (ALLOWED["v4"], 80): "ECONNREFUSED", (ALLOWED["v6"], 80): "ECONNREFUSED",
                     (ALLOWED["v4"], 443): None})
    path.write_text(f"allow domain={WWW}\ndeny domain={WWW}\n"
                    f"allow cidr={ALLOWED['v4']}\ndeny cidr={ALLOWED['v4']} port=443\n")
    eventually(one, {WWW: 403, (ALLOWED["v4"], 80): None, (ALLOWED["v4"], 443): "ECONNREFUSED"})
    path.write_text("allow everything\n")
    one.process.expect("line 1", stream="err")
    eventually(one, {WWW: 403, (ALLOWED["v4"], 80): None, (ALLOWED["v4"], 443): "ECONNREFUSED"})


def test_loopback_refuses_new_rules_that_it_cannot_keep(net):
    with net.container(caps=()) as box:
        box.write(POLICY, f"allow cidr={ALLOWED['v4']} port=80\n")
        with Agent(box, f"--policy={POLICY}", user=1000) as one:
            (box.root / POLICY[1:]).write_text(f"allow cidr={ALLOWED['v4']} port=443\nallow cidr={ALLOWED['v4']} proto=udp\n")
            one.process.expect("a loopback jail lets out TCP alone", stream="err")
            assert one.do("connect", ALLOWED["v4"], 80)["reply"] == f"allowed {box.v4}"
            assert one.do("connect", ALLOWED["v4"], 443)["errno"] == "ECONNREFUSED"


def test_without_ipv6(bounded):
    one = bounded(f"domain={API}", f"cidr={ALLOWED['v4']} port=80", ipv6=False)
    assert len(one.do("resolve", name=API)) == 1
    assert one.curl(f"http://{API}/").json["server"] == API
    assert one.do("tcp", host=ALLOWED["v4"], port=80)["reply"] == f"allowed {one.box.v4}\n"
    assert one.do("tcp", host=DENIED["v4"], port=80)["error"] == "ECONNREFUSED"
    assert one.do("tcp", host=DENIED["v6"], port=80)["error"] in ("ENETUNREACH", "EADDRNOTAVAIL", "ECONNREFUSED")
    assert one.curl(f"http://{WWW}/").status == 403
    assert one.end().code == 0


def test_streams(bounded):
    """A stream in both directions at once and a large answer, by the gate's sockets."""
    one = bounded(f"domain=stream.example.com port={PORTS['http']}")
    found = one.do("duplex", host="stream.example.com", port=PORTS["http"], pieces=["one", "two", "three"])
    assert [trip["text"] for trip in found["trips"]] == ["ONE", "TWO", "THREE"]
