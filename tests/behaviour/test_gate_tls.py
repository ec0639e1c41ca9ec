# SPDX-License-Identifier: MIT
"""TLS through the gate: decided by the name in the ClientHello, however that comes, and never opened."""

import pytest

import clients
from names import OPENSSL_PORT, WEB, WEB6
from service import PORTS
from wire import Wire

API, WWW, EVIL = "api.example.com", "www.example.com", "evil.example.net"


def https(agent, host, sni, how="whole", port=443, **options):
    """A TLS connection to a host with a server name of its own choice (None: without), and a request on it."""
    request = f"GET / HTTP/1.1\r\nHost: {sni or host}\r\nConnection: close\r\n\r\n"
    return agent.do("tls_pieces", host=host, port=port, sni=sni, how=how, request=request, **options)


@pytest.mark.parametrize("client", clients.TLS)
def test_clients_reach_what_is_allowed_and_get_an_alert_for_the_rest(names, agent, direct, client):
    fetch = clients.TLS[client]
    for host in API, WWW:
        assert fetch(direct, f"https://{host}/").server == host
    bounded = agent(f"domain={API}")
    assert fetch(bounded, f"https://{API}/")[:2] == (200, API)
    refused = fetch(bounded, f"https://{WWW}/")
    assert (refused.status, refused.server) == (0, None)
    assert "alert" in refused.text.lower() or "ERR_SSL" in refused.text, refused
    assert WWW not in [name for _, name in names.dns.queries(bounded.box.v4)]
    deny = bounded.record(event="verdict", verdict="deny", proto="tls")
    assert (deny["name"], deny["port"]) == (WWW, 443)


@pytest.mark.parametrize("version, protocol", [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")])
@pytest.mark.parametrize("http, ends", [("1.1", "HTTP/1.1"), ("2", "HTTP/2.0")])
def test_versions_are_the_servers_business(agent, version, protocol, http, ends):
    options = f"--http{http}", f"--tlsv{version}", "--tls-max", version
    seen = agent(f"domain={API}").curl(f"https://{API}/", *options).json
    assert (seen["tls"], seen["protocol"], seen["sni"]) == (protocol, ends, API)


def test_nothing_is_sent_for_a_denied_name(names, agent):
    bounded = agent(f"domain={API}")
    with Wire(names, bounded.box) as wire:
        for host in WWW, EVIL, "nothing.example.com":
            assert bounded.curl(f"https://{host}/").code == 35
        assert not [packet for packet in wire.packets() if packet.protocol in (6, 17)]
        assert bounded.curl(f"https://{API}/").status == 200
        assert wire.packets(destination_port=443)


def test_it_is_the_servers_own_certificate(agent):
    """Who trusts nobody but the server's authority gets through: the gate shows none of its own."""
    bounded = agent(f"domain={API}")
    shown = bounded.run("openssl", "s_client", "-connect", f"{API}:443", "-servername", API, "-verify_return_error")
    assert shown.code == 0 and "subject=CN = Test server" in shown.out and "Verify return code: 0" in shown.out


@pytest.mark.parametrize("sni", [WWW, EVIL, "deep.api.example.com", "xn--bcher-kva.example"])
def test_another_server_name_is_refused(names, agent, direct, sni):
    """Also when both names are allowed: the address belongs to one of them."""
    request = f"GET /tls-fronted HTTP/1.1\r\nHost: {sni}\r\nConnection: close\r\n\r\n"
    bounded = agent(f"domain={API}", f"domain={WWW}")
    with Wire(names, bounded.box) as wire:
        answer = bounded.do("tls_pieces", host=API, port=443, sni=sni, how="whole", request=request)
        assert "ALERT" in answer["error"] or "UNRECOGNIZED_NAME" in answer["error"] or "DENIED" in answer["error"]
        assert not wire.packets(destination=WEB, destination_port=443)
        assert not wire.packets(destination=WEB6, destination_port=443)
    deny = bounded.record(event="verdict", verdict="deny", proto="tls")
    assert deny["name"] == API and deny["claimed"] == sni and deny["reason"]
    assert "200 OK" in https(bounded, API, API)["reply"]


@pytest.mark.parametrize("how", ["bytes", "records"])
def test_client_hello_in_pieces(agent, direct, how):
    assert "200 OK" in https(direct, API, API, how)["reply"]
    bounded = agent(f"domain={API}")
    assert "200 OK" in https(bounded, API, API, how)["reply"]
    assert "error" in https(bounded, WWW, WWW, how)
    assert "error" in https(bounded, API, WWW, how)


def test_large_client_hello(agent, direct):
    """As with post-quantum keys and many extensions, and more."""
    alpn = ["http/1.1"] + [f"protocol-{number:03}-{'x' * 60}" for number in range(100)]
    bounded = agent(f"domain={API}")
    for one in direct, bounded:
        answer = https(one, API, API, alpn=alpn)
        assert "200 OK" in answer["reply"] and answer["size"] > 7000
    assert "error" in https(bounded, WWW, WWW, alpn=alpn)


def test_without_a_server_name(names, agent):
    """The address alone says which name is meant."""
    bounded = agent(f"domain={API}")
    for host, allowed in (API, True), (WWW, False):
        shown = bounded.run("openssl", "s_client", "-connect", f"{host}:443", "-noservername", "-brief", stdin="")
        assert ("CONNECTION ESTABLISHED" in shown.err) == allowed, shown


BROKEN = {
    "empty-record": "\x16\x03\x01\x00\x00",
    "no-hello": "\x16\x03\x01\x00\x04\x02\x00\x00\x00",
    "too-long-record": "\x16\x03\x01\xff\xff" + "\x01" * 100,
    "alert-in-between": "\x16\x03\x01\x00\x05\x01\x00\x10\x00\x03\x15\x03\x01\x00\x02\x01\x00",
    "broken-lengths": "\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + "\0" * 32 + "\x20" + "\0" * 8,
    "sslv2": "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + "\0" * 40,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_hellos_are_refused(names, agent, kind):
    bounded = agent(f"domain={API}")
    with Wire(names, bounded.box) as wire:
        done = bounded.do("tcp", host=API, port=443, send=[BROKEN[kind]], shut=True)
        assert done["error"] in (None, "ECONNRESET") and done["reply"][:2] in ("", "\x15\x03"), done
        assert not wire.packets(destination_port=443)
    assert "200 OK" in https(bounded, API, API)["reply"]


def test_ports(agent):
    bounded = agent(f"domain={API} port=9443", f"domain={WWW}")
    assert bounded.curl(f"https://{API}:9443/").json["server"] == API
    assert bounded.curl(f"https://{API}/").code == 35
    for port in 443, 9443:
        assert bounded.curl(f"https://{WWW}:{port}/").json["server"] == WWW


def test_rules_about_methods_and_paths_do_not_open_tls(agent):
    """They cannot be seen there, so such a rule allows nothing; and such a deny rule denies."""
    bounded = agent(f"domain={API} method=GET", f"domain={WWW}", f"deny domain={WWW} path=/secret")
    for host in API, WWW:
        assert bounded.curl(f"http://{host}/").status == 200
        assert bounded.curl(f"https://{host}/").code == 35


def test_openssl_on_both_ends(names, agent):
    names.s_server
    bounded = agent("domain=tls.example.com")
    for options in ("-tls1_2",), ("-tls1_3",):
        done = bounded.run("openssl", "s_client", "-quiet", "-verify_return_error", *options, "-servername",
                           "tls.example.com", "-connect", f"tls.example.com:{OPENSSL_PORT}", stdin="abc\nCLOSE\n")
        assert done.out.splitlines()[0] == "cba", done


def test_private_names_are_refused_by_an_alert(names, agent, direct):
    assert direct.curl("https://metadata.example.com/").status == 200
    bounded = agent("domain=metadata.example.com")
    with Wire(names, bounded.box) as wire:
        assert bounded.curl("https://metadata.example.com/").code == 35
        assert not wire.packets(destination_port=443)
    assert agent("domain=metadata.example.com private=yes").curl("https://metadata.example.com/").status == 200


def test_session_is_resumed(agent, direct):
    """Two connections, the second with the first one's ticket, and early data in it."""
    for one in direct, agent(f"domain={API}"):
        for version in "-tls1_2", "-tls1_3":
            client = ["openssl", "s_client", version, "-connect", f"{API}:443", "-servername", API]
            save = one.run(*client, "-ign_eof", "-quiet", "-sess_out", "/tmp/session",
                           stdin=f"GET / HTTP/1.0\r\nHost: {API}\r\n\r\n")
            assert "200 OK" in save.out
            again = one.run(*client, "-sess_in", "/tmp/session")
            assert "\nReused, TLSv1" in again.out, again


def test_https_of_the_service(agent):
    bounded = agent("domain=stream.example.com")
    assert bounded.curl(f"https://stream.example.com:{PORTS['https']}/head").status == 200
