# SPDX-License-Identifier: MIT
"""Plain HTTP through the gate: who is reached, what a refusal says, and that every request is looked at."""

import pytest

import clients
from names import PRIVATE, RESOLVER, WEB, WEB6
from service import PORTS
from wire import Wire

API, WWW, EVIL = "api.example.com", "www.example.com", "evil.example.net"
SERVICE = PORTS["http"]
NO_HOSTS = ("unspecified", "pool")  # what they lead to is no rule's to allow


def get(path="/", host=API, *fields, method="GET", version="HTTP/1.1"):
    return "\r\n".join([f"{method} {path} {version}", f"Host: {host}", *fields, "", ""])


@pytest.mark.parametrize("client", clients.PLAIN)
def test_clients_reach_what_is_allowed_and_are_told_about_the_rest(names, agent, direct, client):
    fetch = clients.PLAIN[client]
    for host in API, WWW:
        assert fetch(direct, f"http://{host}/").server == host
    bounded = agent(f"domain={API}")
    assert fetch(bounded, f"http://{API}/")[:2] == (200, API)
    refused = fetch(bounded, f"http://{WWW}/")
    assert (refused.status, refused.server) == (403, None)
    assert f'--allow "domain={WWW}"' in refused.text
    assert WWW not in [name for _, name in names.dns.queries(bounded.box.v4)]


def test_refusal_is_plain_text_for_every_method(agent):
    bounded = agent(f"domain={API}")
    for options in (), ("-X", "DELETE"), ("-d", "body"), ("-T", "/guest.py"), ("-H", "Expect: 100-continue", "-d", "x"):
        refused = bounded.curl(f"http://{WWW}/a/b?c", *options)
        assert refused.status == 403 and f'--allow "domain={WWW}"' in refused.out
        assert refused.headers["content-type"].startswith("text/plain")
        assert int(refused.headers["content-length"]) == len(refused.out)
    head = bounded.curl(f"http://{WWW}/", "-I")
    assert (head.status, head.code) == (403, 0)


def test_nothing_is_sent_for_a_denied_name(names, agent):
    bounded = agent(f"domain={API}")
    with Wire(names, bounded.box) as wire:
        assert bounded.curl(f"http://{WWW}/").status == 403
        assert bounded.curl(f"http://{EVIL}/").status == 403
        assert not wire.packets(destination=WEB) and not wire.packets(destination=WEB6)
        assert not wire.packets(destination_port=53)
        assert bounded.curl(f"http://{API}/").status == 200
        assert wire.packets(destination_port=80) and wire.packets(destination_port=53)
    assert names.dns.queries(bounded.box.v4) and {name for _, name in names.dns.queries(bounded.box.v4)} == {API}


def test_without_rules_all_is_denied(names, agent):
    bounded = agent()
    with Wire(names, bounded.box) as wire:
        for host in API, EVIL, "nothing.example.com":
            assert bounded.curl(f"http://{host}/").status == 403
        assert not [packet for packet in wire.packets() if packet.protocol in (6, 17)]


def test_server_sees_the_request_as_it_was_sent_and_the_containers_address(agent, direct):
    request = ("GET /head?x=%20;y HTTP/1.1\r\nhOST: stream.example.com:8000\r\nX-B: 2\r\nx-a:1\r\nX-b: 3\r\n"
               "User-Agent:  odd  one \r\nConnection: close\r\n\r\n")
    bounded = agent("domain=stream.example.com")
    for one in direct, bounded:
        reply = one.do("kept", host="stream.example.com", port=SERVICE, requests=[request])["answers"][0]
        assert reply["status"] == 200
        assert request.replace("\r\n", "\\r\\n") in reply["body"]
    seen = bounded.curl(f"http://stream.example.com:{SERVICE}/").json
    assert seen["client"] in (bounded.box.v4, bounded.box.v6)


PATHS = [  # method, path as it is sent, whether "method=GET,PUT path=/public/*,/one/*/three" allows it
    ("GET", "/public/x", True),
    ("PUT", "/public/x", True),
    ("GET", "/public/a/b/c", True),
    ("GET", "/public/x?y=/../../secret", True),
    ("GET", "/public/./x", True),
    ("GET", "/public/%78", True),
    ("GET", "/other/../public/x", True),
    ("GET", "/one/two/three", True),
    ("POST", "/public/x", False),
    ("get", "/public/x", False),
    ("DELETE", "/public/x", False),
    ("GET", "/", False),
    ("GET", "/public", False),
    ("GET", "/publicity/x", False),
    ("GET", "/PUBLIC/x", False),
    ("GET", "/secret?/public/x", False),
    ("GET", "/public/../secret", False),
    ("GET", "/public/%2e%2E/secret", False),
    ("GET", "/public/..%2fsecret", False),
    ("GET", "/public/..%5c..%5csecret%00", False),
    ("GET", "/public/%zz", False),
    ("GET", "/one/three", False),
    ("GET", "/one/two/more/three", False),
]


def test_method_and_path(names, agent):
    bounded = agent(f"domain={API} method=GET,PUT path=/public/*,/one/*/three")
    for number, (method, path, allowed) in enumerate(PATHS):
        mark = f"{'&' if '?' in path else '?'}paths-{number}"
        done = bounded.curl(f"http://{API}{path}{mark}", "--path-as-is", "-X", method)
        reached = [one for one in names.requests() if one["uri"] == path + mark]
        if allowed:
            assert (done.status, len(reached)) == (200, 1), (method, path, done)
        else:
            assert done.status in (400, 403) and not reached, (method, path, done)


def test_each_request_of_a_connection_is_decided(names, agent, direct):
    requests = [get("/public/kept-1"), get("/public/kept-2"), get("/secret-kept")]
    outside = direct.do("kept", host=API, port=80, requests=requests)["answers"]
    assert [answer["status"] for answer in outside] == [200, 200, 200]
    bounded = agent(f"domain={API} path=/public/*")
    inside = bounded.do("kept", host=API, port=80, requests=requests)["answers"]
    assert [answer["status"] for answer in inside] == [200, 200, 403]
    assert inside[0]["body"].replace("kept-1", "kept-2") == inside[1]["body"], "not one connection to the server"
    assert len(names.requests(uri="/secret-kept")) == 1
    assert [one["verdict"] for one in bounded.records(event="verdict", proto="http", at_least=3)] == [
        "allow", "allow", "deny"]


@pytest.mark.parametrize("host", [WWW, EVIL, "127.0.0.1", WEB])
def test_another_host_on_the_same_connection_is_refused(names, agent, host):
    """Also when both names are allowed: the address belongs to one of them."""
    bounded = agent(f"domain={API}", f"domain={WWW}")
    path = f"/fronted-{host}"
    for requests in [get(path, host)], [get("/"), get(path, host)]:
        answers = bounded.do("kept", host=API, port=80, requests=requests)["answers"]
        assert answers[-1]["status"] in (400, 403, 421)
    assert not names.requests(uri=path)
    assert bounded.curl(f"http://{API}/").status == 200


def test_pipelined_requests_are_decided_one_by_one(names, agent, direct):
    together = get("/public/piped") + get("/secret-piped", API, "Connection: close")
    outside = direct.do("tcp", host=API, port=80, send=[together])["reply"]
    assert outside.count("HTTP/1.1 200") == 2
    bounded = agent(f"domain={API} path=/public/*")
    for gap in 0, 1:
        pieces = [together] if not gap else list(together)
        reply = bounded.do("tcp", host=API, port=80, send=pieces)["reply"]
        assert reply.startswith("HTTP/1.1 200") and reply.count("HTTP/1.1 200") == 1 and "HTTP/1.1 403" in reply
    assert len(names.requests(uri="/secret-piped")) == 1


PIPELINE = """
import socket, sys, threading
host, count = sys.argv[1], int(sys.argv[2])
client = socket.create_connection((host, 80))
client.settimeout(8)
request = f"GET /pipeline HTTP/1.1\\r\\nHost: {host}\\r\\nX: {'y' * 900}\\r\\n\\r\\n".encode()
threading.Thread(target=client.sendall, args=[request * count], daemon=True).start()
answers = b""
while answers.count(b"HTTP/1.1 200") < count:
    answers += client.recv(1 << 20)
print("all")
"""


def test_many_requests_in_a_row_without_waiting(agent, direct):
    """More than a receive buffer holds, so the end of one segment always waits for its rest."""
    for one in direct, agent(f"domain={API}"):
        assert one.python(PIPELINE, API, "1500").out == "all\n"


def test_short_name_of_a_search_domain(names, agent):
    """The resolver of the agent expands it, its Host header does not."""
    box = names.box(resolv=f"search example.com\nnameserver {RESOLVER}\n")
    bounded = agent(f"domain={API}", box=box)
    done = bounded.do("tcp", host="api", port=80, send=[get("/short", "api", "Connection: close")])
    assert " 200 " in done["reply"].splitlines()[0], done
    for host in "www", "ap", "api.example", "example.com":
        done = bounded.do("tcp", host="api", port=80, send=[get("/short", host, "Connection: close")])
        assert done["reply"].startswith("HTTP/1.1 400"), (host, done)


# Requests that end where one server thinks and not where another does; this one answers when it has all of a body.
SMUGGLED = {
    "both": ["POST /upload HTTP/1.1", "{host}", "Content-Length: 5", "Transfer-Encoding: chunked", "", "0", "", ""],
    "two-lengths": ["POST /upload HTTP/1.1", "{host}", "Content-Length: 1", "Content-Length: 2", "", "xy"],
    "length-list": ["POST /upload HTTP/1.1", "{host}", "Content-Length: 1, 1", "", "x"],
    "odd-length": ["POST /upload HTTP/1.1", "{host}", "Content-Length: +1", "", "x"],
    "odd-coding": ["POST /upload HTTP/1.1", "{host}", "Transfer-Encoding: xchunked", "", "0", "", ""],
    "two-codings": ["POST /upload HTTP/1.1", "{host}", "Transfer-Encoding: gzip, chunked", "", "0", "", ""],
    "bad-chunk": ["POST /upload HTTP/1.1", "{host}", "Transfer-Encoding: chunked", "", "0x0", "", ""],
    "old-chunked": ["POST /upload HTTP/1.0", "{host}", "Transfer-Encoding: chunked", "", "0", "", ""],
    "two-hosts": ["GET /upload HTTP/1.1", "{host}", f"Host: {EVIL}", "", ""],
    "no-host": ["GET /upload HTTP/1.1", "", ""],
    "space-before-colon": ["GET /upload HTTP/1.1", "{host}", "Content-Length : 4", "", ""],
    "folded": ["GET /upload HTTP/1.1", "{host}", "X: 1", " 2", "", ""],
    "bare-lf": ["GET /upload HTTP/1.1\n{host}\n\n"],
    "bare-cr": ["GET /upload HTTP/1.1", "{host}", "X: a\rHost: evil", "", ""],
    "nul": ["GET /upload HTTP/1.1", "{host}", "X: a\0b", "", ""],
    "other-absolute": [f"GET http://{EVIL}/upload HTTP/1.1", "{host}", "", ""],
    "connect": [f"CONNECT {API}:80 HTTP/1.1", "{host}", "", ""],
    "userinfo": ["GET http://x@stream.example.com:8000/upload HTTP/1.1", "{host}", "", ""],
    "http-2.0": ["GET /upload HTTP/2.0", "{host}", "", ""],
    "http-0.9": ["GET /upload", ""],
}


def test_what_two_servers_may_read_in_two_ways_is_refused(agent):
    bounded = agent("domain=stream.example.com")
    host = f"Host: stream.example.com:{SERVICE}"
    good = "\r\n".join(["POST /upload HTTP/1.1", host, "Content-Length: 1", "Connection: close", "", "x"])
    for kind, lines in SMUGGLED.items():
        request = "\r\n".join(lines).replace("{host}", host)
        done = bounded.do("tcp", host="stream.example.com", port=SERVICE, send=[request], shut=True)
        assert "200 OK" not in done["reply"], (kind, done)
        assert done["reply"].startswith("HTTP/1.1 400") or done["error"] == "ECONNRESET", (kind, done)
        done = bounded.do("tcp", host="stream.example.com", port=SERVICE, send=[good])
        assert done["reply"].startswith("HTTP/1.1 200"), (kind, done)


def test_absolute_form_and_case_of_names(agent):
    bounded = agent(f"domain={API}")
    reply = bounded.do("tcp", host=API, port=80, send=[get(f"http://{API}/abs", API, "Connection: close")])["reply"]
    assert "HTTP/1.1 200" in reply and API in reply
    for url in "http://API.Example.COM/", "http://api.example.com./":
        assert bounded.curl(url).status == 200


def test_ports(agent):
    bounded = agent(f"domain={API} port=8080,9000-9999", f"domain={WWW}")
    assert bounded.curl(f"http://{API}:8080/").json["server"] == API
    refused = bounded.curl(f"http://{API}/")
    assert refused.status == 403 and f'--allow "domain={API}' in refused.out
    for port in 80, 8080:
        assert bounded.curl(f"http://{WWW}:{port}/").json["server"] == WWW
    closed = bounded.curl(f"http://{WWW}:4242/")
    assert closed.status in (0, 502, 503), closed


WILDCARDS = {  # rule: (allowed, denied)
    "domain=*": ([API, EVIL], []),
    "domain=*.example.com": ([API, "deep.api.example.com"], [EVIL, "example.com"]),
    "domain=*.api.example.com": (["deep.api.example.com"], [API]),
    "domain=deep.*.example.com": (["deep.api.example.com"], [API, "deep.a.b.example.com"]),
    "domain=API.example.com.": ([API], ["deep.api.example.com", "xapi.example.com"]),
}


@pytest.mark.parametrize("rule", WILDCARDS)
def test_wildcards(agent, rule):
    allowed, denied = WILDCARDS[rule]
    bounded = agent(rule)
    for name in allowed:
        assert bounded.curl(f"http://{name}/").json["server"] == name
    for name in denied:
        assert bounded.curl(f"http://{name}/").status == 403


def test_deny_wins(names, agent):
    bounded = agent("domain=*", f"deny domain={WWW}", f"deny domain={API} method=DELETE", "deny domain=*.example.net")
    for method, host, status in ("GET", API, 200), ("DELETE", API, 403), ("GET", WWW, 403), ("GET", EVIL, 403):
        done = bounded.curl(f"http://{host}/", "-X", method)
        assert done.status == status, (method, host, done)
    assert {name for _, name in names.dns.queries(bounded.box.v4)} == {API}


@pytest.mark.parametrize("how", ["length", "chunked", "expect"])
def test_uploads(agent, direct, how):
    options = {"length": ["-T", "/usr/bin/openssl", "-H", "Expect:"],
               "chunked": ["-T", "/usr/bin/openssl", "-H", "Transfer-Encoding: chunked", "-H", "Expect:"],
               "expect": ["-T", "/usr/bin/openssl", "-H", "Expect: 100-continue"]}[how]
    url = f"http://stream.example.com:{SERVICE}/upload"
    expected = direct.curl(url, *options)
    assert expected.json["length"] > 500_000
    got = agent("domain=stream.example.com method=PUT").curl(url, *options)
    assert (got.status, got.json) == (200, expected.json)


def test_answers_of_every_kind(agent, direct):
    base = f"http://stream.example.com:{SERVICE}"
    bounded = agent("domain=stream.example.com")
    for path, options in (("/chunked", ()), ("/until-close", ()), ("/empty", ()), ("/hints", ()), ("/reset", ()),
                          ("/slow?seconds=0.3", ()), ("/head", ("-I",)), ("/chunked", ("--http1.0",))):
        outside, inside = (one.curl(base + path, *options) for one in (direct, bounded))
        assert (inside.code, inside.status, inside.out) == (outside.code, outside.status, outside.out), path
    assert bounded.curl(f"{base}/reset").code in (18, 56)  # a part of the body, then the end


def test_addresses_are_no_way_around_names(names, agent, direct):
    assert direct.curl(f"http://{WEB}/", "-H", f"Host: {API}").status == 200
    bounded = agent(f"domain={API}", f"domain={WWW}")
    with Wire(names, bounded.box) as wire:
        for url in f"http://{WEB}/", f"http://[{WEB6}]/", "http://198.18.77.77/", "http://198.51.100.20/":
            done = bounded.curl(url, "-H", f"Host: {API}")
            assert (done.status, done.code) == (0, 7), done
            assert "refused" in done.err or "Couldn't connect" in done.err
        assert not [packet for packet in wire.packets() if packet.protocol == 6]
    packet = bounded.records(event="packet", at_least=1)[0]
    assert packet["address"] == WEB and packet["port"] == 80


def test_names_of_the_hosts_file(names, agent):
    """The agent's libc finds them there; the gate knows them too, and by which name they were meant."""
    box = names.box(hosts=f"{WEB} {API} intern\n10.1.2.3 private.intern\n")
    bounded = agent(f"domain={API}", box=box)
    assert bounded.curl(f"http://{API}/").json["server"] == API
    refused = bounded.curl("http://intern/")
    assert refused.status == 403 and '--allow "domain=intern"' in refused.out
    assert not names.dns.queries(box.v4)


@pytest.mark.parametrize("name", [*PRIVATE, "loopback", "mapped", "unspecified", "pool", "inward"])
def test_names_that_lead_to_private_addresses(names, agent, direct, name):
    url = f"http://{name}.example.com/private-{name}"
    if name in PRIVATE:
        assert direct.curl(url).status == 200
    bounded = agent(f"domain={name}.example.com")
    with Wire(names, bounded.box) as wire:
        refused = bounded.curl(url)
        assert refused.status == 403 or name in NO_HOSTS, refused
        assert "private=yes" in refused.out or name in NO_HOSTS, refused
        assert not [packet for packet in wire.packets(destination_port=80)]
    deny = bounded.record(event="verdict", proto="http", verdict="deny")
    assert deny["name"] == f"{name}.example.com" and deny["reason"]


@pytest.mark.parametrize("name", [*PRIVATE, "inward"])
def test_private_addresses_are_reached_when_a_rule_says_so(agent, name):
    seen = agent(f"domain={name}.example.com private=yes").curl(f"http://{name}.example.com/").json
    assert seen["at"] == PRIVATE.get(name, PRIVATE["private"])


def test_services_of_the_container_itself(names, agent):
    """127.0.0.1 by a name is the container's loopback, which the agent does not see otherwise."""
    box = names.box()
    for rule, status in ("domain=loopback.example.com", 403), ("domain=loopback.example.com private=yes", 200):
        bounded = agent(rule, box=box)
        with bounded.process.exec(["/usr/bin/python3", "-u", "-m", "http.server", "-b", "127.0.0.1", "8000"]) as server:
            server.expect("Serving HTTP")
            done = bounded.curl("http://loopback.example.com:8000/")
            assert done.status == status, done
        bounded.close()


def test_public_address_is_taken_where_a_name_has_both(agent):
    assert agent("domain=mixed.example.com").curl("http://mixed.example.com/").json["at"] == WEB


def test_addresses_that_do_not_answer(names, agent):
    """The next address of the name is tried; where there is none, the agent is told."""
    bounded = agent("domain=*.example.com")
    for _ in range(3):  # the resolver turns the order round
        done = bounded.curl("http://halfdead.example.com/")
        assert done.status == 200 and done.json["at"] == WEB, done
    assert bounded.curl("http://v4.example.com/").json["at"] == WEB
    assert bounded.curl("http://v6.example.com/").json["at"] == WEB6
    gone = bounded.curl("http://nothing.example.com/")
    assert gone.status in (0, 502), gone


def test_aliases_are_decided_by_the_name_that_was_asked_for(names, agent):
    bounded = agent("domain=chain.example.com", "domain=out.example.com")
    assert bounded.curl("http://chain.example.com/").json["at"] == WEB
    assert bounded.curl("http://out.example.com/").json["at"] == WEB
    assert bounded.curl(f"http://{API}/").status == bounded.curl(f"http://{EVIL}/").status == 403
