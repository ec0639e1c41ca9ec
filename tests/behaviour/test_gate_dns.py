# SPDX-License-Identifier: MIT
"""The gate's DNS: who asks what, what they get, and what of it ever leaves the container."""

import ipaddress
import pathlib
import struct
import subprocess
import time

import dns.message
import pytest

import servers
from names import PRIVATE, REFUSING, RESOLVER, RESOLVER6, SILENT, Agent
from wire import Wire

API, WWW = "api.example.com", "www.example.com"
POOL = ipaddress.ip_network("198.18.0.0/15")
NXDOMAIN = ("EAI_NONAME", "EAI_NODATA")
ANYWHERE = "192.0.2.200"  # no DNS server is there; the gate answers for whatever address is asked

RULES = [f"domain={API}", "domain=*.svc.cluster.local", "domain=v4.example.com", "domain=v6.example.com",
         "domain=alias.example.com", "domain=many.example.com", "domain=big.example.com", "domain=nothing.example.com",
         "domain=_ldap._tcp.example.com", "domain=metadata.example.com"]


@pytest.fixture(scope="module")
def asker(names):
    """One agent with RULES for all tests that only ask."""
    with Agent(names.box(), *RULES) as bounded:
        yield bounded


def pool(address):
    """Whether it is an address that stands for a name."""
    address = ipaddress.ip_address(address)
    return address in POOL if address.version == 4 else address.is_private


def asked(names, bounded):
    return names.dns.queries(bounded.box.v4) + names.dns.queries(bounded.box.v6)


def resolv(*lines):
    return "".join(f"{line}\n" for line in lines)


# ---- addresses


def test_addresses_are_the_pools(names, asker, direct):
    """Another one for each name, the same for each time, for allowed and denied ones alike."""
    assert direct.do("resolve", name=API, family=4) == ["203.0.113.82"]
    found = {}
    for name in API, "v4.example.com", WWW, "evil.example.net":
        for _ in range(2):
            [address] = asker.do("resolve", name=name, family=4)
            assert pool(address) and found.setdefault(name, address) == address
        [address6] = asker.do("resolve", name=name, family=6) if name != "v4.example.com" else ["fd00::"]
        assert pool(address6)
    assert len(set(found.values())) == 4
    assert WWW not in [name for _, name in asked(names, asker)]


@pytest.mark.parametrize("name, kind, count", [
    (API, "A", 1), (API, "AAAA", 1), ("v4.example.com", "A", 1), ("v6.example.com", "AAAA", 1), (WWW, "A", 1),
    (WWW, "AAAA", 1), ("many.example.com", "A", 1), ("API.exaMPLE.com", "A", 1)])
def test_address_records(asker, name, kind, count):
    answer = asker.do("dns", name=name, kind=kind)
    assert (answer["rcode"], len(answer["answers"])) == ("NOERROR", count)
    assert "QR" in answer["flags"] and "RA" in answer["flags"] and "TC" not in answer["flags"]
    assert answer["answers"][0].split()[0] == kind and pool(answer["answers"][0].split()[1])
    assert answer["ttl"] <= 60 and answer["edns"] == -1


def test_alias_has_an_address_of_its_own(asker):
    answer = asker.do("dns", name="alias.example.com")
    assert len(answer["answers"]) == 1 and pool(answer["answers"][0].split()[1])
    assert answer["answers"] != asker.do("dns", name=API)["answers"]


def test_a_name_that_does_not_exist(names, asker, direct):
    for one in direct, asker:
        assert one.do("dns", name="nothing.example.com")["rcode"] == "NXDOMAIN"
        assert one.do("resolve", name="nothing.example.com") in NXDOMAIN
    assert ("A", "nothing.example.com") in asked(names, asker)


def test_private_address_gets_a_name_of_the_pool_too(asker, direct):
    """So that the refusal can be explained when the agent connects; the address itself is not told."""
    assert direct.do("dns", name="metadata.example.com")["answers"] == [f"A {PRIVATE['metadata']}"]
    assert pool(asker.do("dns", name="metadata.example.com")["answers"][0].split()[1])


def test_addresses_and_names_the_other_way_round(asker):
    [address] = asker.do("resolve", name=API, family=4)
    assert asker.do("reverse", address=address) == API
    assert asker.do("reverse", address="8.8.8.8") in ("EAI_NONAME", "EPERM", "herror", "ENOENT")


# ---- other types


@pytest.mark.parametrize("name, kind, text", [
    (API, "TXT", 'TXT "hello" "world"'), (API, "MX", "MX 10 mail.example.com."),
    ("_ldap._tcp.example.com", "SRV", "SRV 5 6 389 api.example.com."),
    ("alias.example.com", "CNAME", "CNAME api.example.com.")])
def test_other_types_of_allowed_names_are_the_resolvers(asker, direct, name, kind, text):
    assert direct.do("dns", name=name, kind=kind)["answers"] == [text]
    answer = asker.do("dns", name=name, kind=kind)
    assert (answer["rcode"], answer["answers"]) == ("NOERROR", [text])
    assert answer["additional"] == 0, "real addresses are of no use in the jail"


@pytest.mark.parametrize("kind", ["TXT", "MX", "SRV", "CNAME", "NS", "ANY", "NULL", "CAA", "SOA"])
def test_other_types_of_denied_names_are_empty(names, asker, direct, kind):
    if kind in ("TXT", "MX"):
        assert direct.do("dns", name=WWW, kind=kind)["answers"]
    answer = asker.do("dns", name=WWW, kind=kind)
    told = [one for one in answer["answers"] if one.split()[0] not in ("A", "AAAA")]
    assert (answer["rcode"], told) == ("NOERROR", [])
    assert WWW not in [name for _, name in asked(names, asker)]


@pytest.mark.parametrize("kind", ["HTTPS", "SVCB"])
def test_service_bindings_are_empty(asker, direct, kind):
    """They would lead clients to other addresses, to QUIC, and to encrypted ClientHellos."""
    assert kind == "SVCB" or direct.do("dns", name=API, kind=kind)["answers"]
    for name in API, WWW:
        answer = asker.do("dns", name=name, kind=kind)
        assert (answer["rcode"], answer["answers"]) == ("NOERROR", [])


def test_answers_that_need_tcp(asker, direct):
    """Cut where the client has to come again by TCP, whole there; the resolver too is asked again by TCP."""
    for one in direct, asker:
        cut = one.do("dns", name="big.example.com", kind="TXT", edns=1232)
        assert "TC" in cut["flags"] and cut["size"] <= 1232
        whole = one.do("dns", name="big.example.com", kind="TXT", tcp=True)
        assert len(whole["answers"]) == 15 and "TC" not in whole["flags"] and whole["size"] > 3000


# ---- the protocol


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("edns", [None, 512, 1232, 4096])
@pytest.mark.parametrize("server", [RESOLVER, ANYWHERE, "127.0.0.53", RESOLVER6])
def test_every_server_is_the_gate(asker, server, edns, tcp):
    answer = asker.do("dns", name=API, server=server, edns=edns, tcp=tcp)
    assert answer["rcode"] == "NOERROR" and pool(answer["answers"][0].split()[1])
    assert answer["edns"] == (-1 if edns is None else 0)


def header(ident=0x1234, flags=0x0100, questions=1, answers=0, authorities=0, additionals=0):
    return struct.pack("!6H", ident, flags, questions, answers, authorities, additionals)


QUESTION = b"\x03api\x07example\x03com\x00\x00\x01\x00\x01"
MALFORMED = {  # what: (the message, the rcode or None for no answer)
    "short": (b"\x12\x34\x01", None),
    "empty": (b"\x12", None),
    "an-answer": (header(flags=0x8180) + QUESTION, None),
    "cut-question": (header() + QUESTION[:9], 1),
    "no-question": (header(questions=0), 1),
    "two-questions": (header(questions=2) + QUESTION * 2, 1),
    "pointer-to-itself": (header() + b"\xc0\x0c\x00\x01\x00\x01", 1),
    "label-too-long": (header() + b"\x7f" + b"x" * 127 + b"\x00\x00\x01\x00\x01", 1),
    "name-too-long": (header() + (b"\x3f" + b"x" * 63) * 4 + b"\x00\x00\x01\x00\x01", 1),
    "status-opcode": (header(flags=0x1100) + QUESTION, 4),
    "update-opcode": (header(flags=0x2900) + QUESTION, 4),
    "edns-version-1": (header(additionals=1) + QUESTION + b"\x00\x00\x29\x10\x00\x00\x01\x00\x00\x00\x00", 0),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_queries(asker, kind):
    message, rcode = MALFORMED[kind]
    reply = asker.do("udp", host=RESOLVER, port=53, data=message.hex(), wait=0.3 if rcode is None else 2.0)
    if rcode is None:
        assert reply is None
    else:
        answer = bytes.fromhex(reply)
        assert answer[:2] == b"\x12\x34" and answer[2] & 0x80 and answer[3] & 15 == rcode
        if kind == "edns-version-1":  # BADVERS: the upper bits of the code stand in the OPT record
            assert answer[-11:][:3] == b"\0\0\x29" and answer[-6] == 1
    assert asker.do("dns", name=API)["rcode"] == "NOERROR"


def test_odd_bytes_in_names_go_nowhere(names, asker):
    for label in b"a\0b", b"a.b", b"\xff\xfe", b"a b":
        question = bytes([len(label)]) + label + QUESTION
        reply = bytes.fromhex(asker.do("udp", host=RESOLVER, port=53, data=(header() + question).hex()))
        assert reply[:2] == b"\x12\x34" and reply[12:12 + len(question)] == question
    assert not [name for _, name in asked(names, asker) if name.startswith("a") and "b" in name.split(".")[0]]


def test_case_of_the_question_comes_back(asker):
    """Some resolvers make it random and compare."""
    question = QUESTION.replace(b"example", b"eXaMpLe")
    assert question in bytes.fromhex(asker.do("udp", host=RESOLVER, port=53, data=(header() + question).hex()))


def framed(*messages):
    return b"".join(struct.pack("!H", len(message)) + message for message in messages)


def answers_in(stream):
    found = []
    while stream:
        length = struct.unpack("!H", stream[:2])[0]
        found.append(dns.message.from_wire(stream[2:2 + length]))
        stream = stream[2 + length:]
    return found


@pytest.mark.parametrize("cut", [1, 3, 1000])
def test_several_queries_on_one_tcp_connection(asker, cut):
    stream = framed(*(header(ident) + QUESTION for ident in range(1, 4)))
    pieces = [stream[at:at + cut].hex() for at in range(0, len(stream), cut)]
    done = asker.do("dns_stream", pieces=pieces, server=RESOLVER, shut=True)
    assert {answer.id for answer in answers_in(bytes.fromhex(done["reply"]))} == {1, 2, 3}
    assert done["ended"] == "end"


def test_garbage_on_tcp(asker):
    for pieces in (["0000"], ["000311", "22"], ["ffff" + "00" * 100], [framed(b"\x12\x34\x01").hex()]):
        assert not asker.do("dns_stream", pieces=pieces, server=RESOLVER, shut=True)["reply"]
    assert asker.do("dns", name=API, tcp=True)["rcode"] == "NOERROR"


# ---- what leaves the container


def test_denied_names_never_leave(names, agent):
    bounded = agent(f"domain={API}", "domain=*.example.org", "deny domain=deep.api.example.com")
    secret = "c2VjcmV0.evil.example.net"
    with Wire(names, bounded.box) as wire:
        for name in WWW, secret, "deep.api.example.com", "x" + API, "example.org", "com":
            for kind in "A", "AAAA", "TXT", "MX", "HTTPS", "PTR", "ANY":
                for tcp in False, True:
                    assert bounded.do("dns", name=name, kind=kind, tcp=tcp)["rcode"] in ("NOERROR", "NXDOMAIN")
        assert not [packet for packet in wire.packets() if packet.protocol in (6, 17)]
        assert bounded.do("dns", name=API)["rcode"] == "NOERROR"
        assert wire.packets(destination=RESOLVER, destination_port=53)
    assert {name for _, name in asked(names, bounded)} == {API}


def test_other_resolvers_are_not_reached(names, agent):
    """Neither at port 53 of an address that a rule allows for something else, nor over TLS, nor in any other way."""
    bounded = agent(f"domain={API}", f"cidr={RESOLVER} port=80")
    with Wire(names, bounded.box) as wire:
        assert pool(bounded.do("dns", name=WWW, server=RESOLVER, tcp=True)["answers"][0].split()[1])
        assert bounded.do("tcp", host=RESOLVER, port=853)["error"] == "ECONNREFUSED"
        assert bounded.do("udp", host=RESOLVER, port=5353, data="00") not in (None, "")
        assert not wire.packets(destination=RESOLVER)


def test_answers_are_remembered(names, agent):
    """For as long as the resolver's own lifetime of the record says."""
    bounded = agent(f"domain={API}")
    for _ in range(5):
        assert bounded.do("dns", name=API)["rcode"] == "NOERROR"
        assert bounded.curl(f"http://{API}/").status == 200
    assert len([kind for kind, _ in asked(names, bounded) if kind == "A"]) == 1


# ---- the container's resolv.conf


CONFIGURATIONS = {
    "ipv4": [f"nameserver {RESOLVER}"],
    "ipv6": [f"nameserver {RESOLVER6}"],
    "refusing-first": [f"nameserver {REFUSING}", f"nameserver {RESOLVER}"],
    "silent-first": [f"nameserver {SILENT}", f"nameserver {RESOLVER}", "options timeout:1"],
    "silent-first-ipv6": [f"nameserver {SILENT}", f"nameserver {RESOLVER6}", "options timeout:1 attempts:1"],
    "comments": ["# nameserver 1.2.3.4", "; nameserver 1.2.3.4", f"nameserver\t{RESOLVER}  # here", "options rotate"],
    "without-newline": [f"search example.org\nnameserver {RESOLVER}\noptions ndots:2"],
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_resolv_conf(names, agent, kind):
    lines = CONFIGURATIONS[kind]
    bounded = agent(f"domain={API}", box=names.box(resolv=resolv(*lines)[:-1 if kind == "without-newline" else None]))
    started = time.monotonic()
    assert bounded.curl(f"http://{API}/").status == 200
    assert time.monotonic() - started < 3
    assert API in [name for _, name in asked(names, bounded)]


@pytest.mark.parametrize("address", ["127.0.0.11", "127.0.0.1", "127.0.0.53", "::1"])
def test_resolver_on_the_containers_loopback(names, agent, tmp_path, address):
    """Docker's is at 127.0.0.11, systemd's at 127.0.0.53: out of the agent's reach, not out of the gate's."""
    box = names.box(resolv=f"nameserver {address}\n")
    tmp_path.chmod(0o755)
    own = servers.Dnsmasq(box, tmp_path, names.zone, address)
    try:
        bounded = agent(f"domain={API}", box=box)
        assert bounded.curl(f"http://{API}/").status == 200
        assert bounded.curl(f"http://{WWW}/").status == 403
        assert {name for _, name in own.queries()} == {API}
        assert not names.dns.queries(box.v4)
    finally:
        own.close()


def test_no_resolver_answers(names, agent):
    """A name that cannot be looked up is no name that does not exist: the agent is told to try again, soon."""
    bounded = agent(f"domain={API}", box=names.box(resolv=f"nameserver {REFUSING}\n"))
    started = time.monotonic()
    assert bounded.do("dns", name=API, wait=9)["rcode"] == "SERVFAIL"
    assert time.monotonic() - started < 6
    assert bounded.curl(f"http://{WWW}/").status == 403


KUBERNETES = resolv(f"nameserver {RESOLVER}", "search default.svc.cluster.local svc.cluster.local cluster.local",
                    "options ndots:5")


def test_search_suffixes(names, agent):
    """With ndots:5 each name is tried with each suffix first. Those that no rule allows end here, as not existing."""
    bounded = agent(f"domain={API}", "domain=db.default.svc.cluster.local", box=names.box(resolv=KUBERNETES))
    service = "db.default.svc.cluster.local"
    for name, real in (API, API), ("db", service), ("db.default", service):
        assert bounded.do("resolve", name=name, family=4) == bounded.do("resolve", name=real + ".", family=4), name
    assert bounded.do("dns", name=f"{API}.default.svc.cluster.local")["rcode"] == "NXDOMAIN"
    assert {name for _, name in asked(names, bounded)} == {API, service}
    assert bounded.curl(f"http://{API}/").status == 200
    assert bounded.curl(f"http://{WWW}/").status == 403
    assert {name for _, name in asked(names, bounded)} == {API, service}


# ---- other resolvers than Python's, which is glibc's


@pytest.fixture(scope="module")
def musl(tmp_path_factory):
    program = tmp_path_factory.mktemp("musl") / "getaddrinfo"
    subprocess.run(["musl-gcc", "-static", "-O", "-o", program, pathlib.Path(__file__).with_name("getaddrinfo.c")],
                   check=True)
    return program.read_bytes()


def test_musl(names, agent, musl):
    for resolv_conf in f"nameserver {RESOLVER}\n", KUBERNETES:
        box = names.box(resolv=resolv_conf)
        box.write("/getaddrinfo", musl, mode=0o755)
        bounded = agent(f"domain={API}", "domain=nothing.example.com", "domain=v4.example.com", box=box)
        for name in API, WWW:
            done = bounded.run("/getaddrinfo", name)
            assert done.code == 0 and all(pool(address) for address in done.out.split()), done
        assert bounded.run("/getaddrinfo", "nothing.example.com").out == "error -2\n"  # EAI_NONAME
        assert bounded.run("/getaddrinfo", "v4.example.com").code == 0


def test_getent(asker):
    done = asker.run("getent", "ahosts", API)
    assert done.code == 0 and all(pool(line.split()[0]) for line in done.out.splitlines())
    assert asker.run("getent", "ahosts", "nothing.example.com").code == 2


def test_node(asker):
    program = """
        import dns from 'node:dns/promises';
        const tell = (promise) => promise.catch((error) => error.code);
        console.log(JSON.stringify({
            lookup: await tell(dns.lookup(process.argv[1])), v4: await tell(dns.resolve4(process.argv[1])),
            v6: await tell(dns.resolve6(process.argv[1])), txt: await tell(dns.resolveTxt(process.argv[1])),
            none: await tell(dns.lookup('nothing.example.com')), none4: await tell(dns.resolve4('nothing.example.com')),
        }));
    """
    got = asker.node(program, API).json
    assert pool(got["lookup"]["address"]) and pool(got["v4"][0]) and pool(got["v6"][0])
    assert (got["txt"], got["none"], got["none4"]) == ([["hello", "world"]], "ENOTFOUND", "ENOTFOUND")
