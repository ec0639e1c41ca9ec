# SPDX-License-Identifier: MIT
"""Protocols that do not say a name: the address that the name was given says it, and a rule needs the port."""

import glob

import pytest

from names import WEB
from service import PORTS
from wire import Wire

GIT = {"GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "HOME": "/root",
       "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
       "GIT_SSL_CAINFO": "/etc/ssl/certs/ca-certificates.crt", "GIT_SSH_COMMAND": "ssh -F none -o BatchMode=yes"}


def git(agent, *arguments):
    return agent.run("git", *arguments, env=GIT)


def git_round(agent, url):
    """Clones, commits, pushes; what went wrong, None if nothing did."""
    agent.run("rm", "-rf", "/tmp/clone")
    clone = ["-C", "/tmp/clone"]
    for command in (["clone", "-q", url, "/tmp/clone"], [*clone, "commit", "-q", "--allow-empty", "-m", "x"],
                    [*clone, "push", "-q", "origin", "main"], [*clone, "fetch", "-q"]):
        done = git(agent, *command)
        if done.code:
            return done
    assert agent.run("cat", "/tmp/clone/README").out == "hello\n"
    return None


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_git_over_http(agent, direct, scheme):
    url = f"{scheme}://git.example.com/git/repository.git"
    for one in direct, agent("domain=git.example.com"):
        assert git_round(one, url) is None
    refused = git(agent("domain=api.example.com"), "clone", "-q", url, "/tmp/clone")
    assert refused.code == 128 and ("403" in refused.err if scheme == "http" else "denied" in refused.err), refused


def test_git_over_http_reads_only(agent):
    """Methods and paths: whoever may fetch need not be one who may push."""
    reader = agent("domain=git.example.com method=GET path=/git/*",
                   "domain=git.example.com method=POST path=/git/repository.git/git-upload-pack")
    assert git(reader, "clone", "-q", "http://git.example.com/git/repository.git", "/tmp/clone").code == 0
    git(reader, "-C", "/tmp/clone", "commit", "-q", "--allow-empty", "-m", "x")
    refused = git(reader, "-C", "/tmp/clone", "push", "-q", "origin", "main")
    assert refused.code and "403" in refused.err


def with_keys(agent, names):
    agent.do("write", path="/root/.ssh/id_ed25519", text=names.sshd["key"])
    agent.do("write", path="/root/.ssh/known_hosts", text=names.sshd["known_hosts"])
    return agent


def ssh(agent):
    return agent.run("ssh", "-F", "none", "-o", "BatchMode=yes", "root@git.example.com", "echo", "there")


def test_ssh_and_git_over_ssh(names, agent, direct):
    url = names.sshd["repository"]
    for one in direct, agent("domain=git.example.com port=22"):
        with_keys(one, names)
        assert ssh(one).out == "there\n"
        assert git_round(one, url) is None


@pytest.mark.parametrize("rules", [[], ["domain=git.example.com port=443"], ["domain=api.example.com port=22"],
                                   ["domain=git.example.com port=22", "deny domain=git.example.com port=22"]])
def test_ssh_without_a_rule_for_it(names, agent, rules):
    bounded = with_keys(agent(*rules), names)
    with Wire(names, bounded.box) as wire:
        refused = ssh(bounded)
        assert refused.code == 255 and ("reset" in refused.err or "closed" in refused.err), refused
        assert not wire.packets(destination_port=22)
    deny = bounded.record(event="verdict", verdict="deny", port=22)
    assert (deny["proto"], deny["name"]) == ("tcp", "git.example.com")


def test_a_rule_without_a_port_is_for_http_and_tls(names, agent):
    """ssh's client speaks first, so it is seen that this is neither."""
    bounded = with_keys(agent("domain=git.example.com"), names)
    with Wire(names, bounded.box) as wire:
        refused = ssh(bounded)
        assert refused.code == 255 and not wire.packets(destination_port=22)
    assert bounded.record(event="verdict", verdict="deny", port=22)["reason"]


@pytest.mark.parametrize("mode", ["disable", "require", "verify-full"])
def test_postgresql(names, agent, direct, mode):
    """With TLS its client first asks in plain words whether the server has any."""
    names.postgresql
    program = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
    url = (f"host=db.example.com user=postgres dbname=postgres connect_timeout=5 sslmode={mode} "
           "sslrootcert=/etc/ssl/certs/ca-certificates.crt")
    psql = [program, "-XAtc", "select count(*), (select ssl from pg_stat_ssl where pid = pg_backend_pid()) "
            "from generate_series(1, 100000)", url]
    for one in direct, agent("domain=db.example.com port=5432"):
        done = one.run(*psql)
        assert done.out == f"100000|{'f' if mode == 'disable' else 't'}\n", done
    for rule in "domain=db.example.com", "domain=db.example.com port=443", "domain=api.example.com port=5432":
        bounded = agent(rule)
        with Wire(names, bounded.box) as wire:
            refused = bounded.run(*psql)
            assert refused.code == 2 and not refused.out
            assert not wire.packets(destination_port=5432)


def test_redis(names, agent, direct):
    names.redis
    for one in direct, agent("domain=cache.example.com port=6379"):
        assert one.run("redis-cli", "-h", "cache.example.com", "set", "key", "value").out == "OK\n"
        assert one.run("redis-cli", "-h", "cache.example.com", stdin="get key\nincr n\n").out.startswith("value\n")
    refused = agent("domain=cache.example.com").run("redis-cli", "-h", "cache.example.com", "get", "key")
    said = refused.out + refused.err
    assert refused.code == 1 and ("reset" in said or "closed" in said), refused


def test_server_that_speaks_first(names, agent, direct):
    session = ["EHLO me\r\n", "QUIT\r\n"]
    for one in direct, agent("domain=mail.example.com port=25,587"):
        done = one.do("tcp", host="mail.example.com", port=PORTS["smtp"], send=session, gap=0.2)
        assert done["error"] is None and done["reply"].startswith("220 mail.example.com") and "221 bye" in done["reply"]
        # a client that says nothing until it has been greeted
        patient = "import smtplib; s = smtplib.SMTP('mail.example.com', timeout=5); print(s.ehlo()[0]); s.quit()"
        assert one.python(patient).out == "250\n"
    bounded = agent("domain=mail.example.com port=587", "domain=api.example.com")
    with Wire(names, bounded.box) as wire:
        for host in "mail.example.com", "evil.example.net":
            refused = bounded.do("tcp", host=host, port=PORTS["smtp"])
            assert refused["error"] in ("ECONNRESET", "ECONNREFUSED") and refused["us"] < 3_000_000, refused
        assert not wire.packets(destination_port=25)


def test_client_that_never_says_anything(names, agent):
    """Where only HTTP and TLS are allowed there is no reason to dial before the client has spoken."""
    bounded = agent("domain=mail.example.com")
    with Wire(names, bounded.box) as wire:
        waiting = bounded.do("tcp", host="mail.example.com", port=PORTS["smtp"], wait=1)
        assert waiting["reply"] == "" and waiting["error"] in ("ECONNRESET", "ETIMEDOUT"), waiting
        assert not wire.packets(destination_port=25)


def test_server_that_does_not_listen(agent, direct):
    """What the server refuses is refused: by a reset, as far as a connection that is made can be."""
    for one in direct, agent("domain=api.example.com port=4242"):
        assert one.do("tcp", host="api.example.com", port=4242, send=["x"])["error"] in ("ECONNREFUSED", "ECONNRESET")


def test_other_protocols_than_tcp(names, agent):
    """A name opens TCP and nothing else: no UDP, so no QUIC, no ping; refused at once."""
    bounded = agent("domain=api.example.com port=*")
    with Wire(names, bounded.box) as wire:
        assert bounded.do("udp", host="api.example.com", port=443, data="00") in (
            "ECONNREFUSED", "EHOSTUNREACH", "EACCES", "EPERM")
        assert not wire.packets(destination=WEB, protocol=17)
        quic = bounded.run("/probe", "udp", bounded.do("resolve", name="api.example.com", family=4)[0], "443")
        assert quic.json["errno"] != "ETIMEDOUT" and quic.json["us"] < 50_000
    assert bounded.records(event="packet", proto="udp", port=443, at_least=1)


def test_http_on_a_port_of_a_rule_is_still_looked_at(names, agent):
    """port= opens other protocols; it does not close the eyes for this one."""
    bounded = agent("domain=api.example.com port=80 method=GET path=/public/*")
    assert bounded.curl("http://api.example.com/public/x").status == 200
    assert bounded.curl("http://api.example.com/secret-by-port").status == 403
    raw = bounded.do("tcp", host="api.example.com", port=80, send=["HELO not http\r\n"], shut=True)
    assert raw["error"] == "ECONNRESET" or "403" in raw["reply"] or "400" in raw["reply"], raw
    assert not names.requests(uri="/secret-by-port")
