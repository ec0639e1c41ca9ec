# SPDX-License-Identifier: MIT
"""Where rules come from, how they change while the agent runs, and what is said about them without one."""

import os
import time

import pytest

from names import SITES, WEB
from service import PORTS

API, WWW, EVIL = "api.example.com", "www.example.com", "evil.example.net"
POLICY = "/etc/boundary/policy"
OTHER_USER = ("--user=agent",)  # a file that the agent could change is not read again


def status(agent, name):
    return agent.curl(f"http://{name}/").status


def eventually(agent, expected, seconds=3.0):
    """Waits until requests to these names get these answers: {API: 200}."""
    deadline = time.monotonic() + seconds
    while (found := {name: status(agent, name) for name in expected}) != expected:
        assert time.monotonic() < deadline, found
    return found


def from_file(agent, names, text, *rules, **options):
    box = names.box()
    box.write(POLICY, text)
    return agent(*rules, box=box, options=[f"--policy={POLICY}", *OTHER_USER, *options.pop("options", ())], **options)


def test_file_and_options_and_environment_add_up(names, agent):
    bounded = from_file(agent, names, f"# a comment\nallow domain={API}  # behind it\n\n\tallow domain=*.example.net\n"
                        f"deny domain=deep.api.example.com\n", "domain=deep.api.example.com",
                        env={"BOUNDARY_ALLOW": f"domain={WWW}\n", "BOUNDARY_DENY": "domain=deep.evil.example.net\n"})
    expected = {API: 200, WWW: 200, "deep.api.example.com": 403, EVIL: 200}
    assert {name: status(bounded, name) for name in SITES} == expected
    assert status(bounded, "deep.evil.example.net") == 403
    assert not [line for line in bounded.run("env").out.splitlines() if line.startswith("BOUNDARY_")]


def rewrite(path, text):
    path.write_text(text)


def rename_over(path, text):
    path.with_name("new").write_text(text)
    path.with_name("new").rename(path)


def remove_and_create(path, text):
    path.unlink()
    time.sleep(0.05)
    path.write_text(text)


@pytest.mark.parametrize("change", [rewrite, rename_over, remove_and_create])
def test_file_is_read_again_when_it_changes(names, agent, change):
    bounded = from_file(agent, names, f"allow domain={API}\n")
    assert (status(bounded, API), status(bounded, WWW)) == (200, 403)
    path = bounded.box.root / POLICY[1:]
    for text, expected in ((f"allow domain={WWW}\n", {API: 403, WWW: 200}), ("", {API: 403, WWW: 403}),
                           (f"allow domain=*.example.com\ndeny domain={WWW}\n", {API: 200, WWW: 403})):
        change(path, text)
        eventually(bounded, expected)


def test_file_of_a_config_map(names, agent):
    """Kubernetes swaps a symbolic link to a directory; the file itself is a link through it."""
    box = names.box()
    box.write("/etc/boundary/..one/policy", f"allow domain={API}\n")
    box.write("/etc/boundary/..two/policy", f"allow domain={WWW}\n")
    directory = box.root / "etc/boundary"
    os.symlink("..one", directory / "..data")
    os.symlink("..data/policy", directory / "policy")
    bounded = agent(box=box, options=[f"--policy={POLICY}", *OTHER_USER])
    assert (status(bounded, API), status(bounded, WWW)) == (200, 403)
    os.symlink("..two", directory / "..new")
    os.rename(directory / "..new", directory / "..data")
    eventually(bounded, {API: 403, WWW: 200})


def test_bad_file_keeps_the_old_policy_and_says_where_it_is_bad(names, agent):
    bounded = from_file(agent, names, f"allow domain={API}\n")
    path = bounded.box.root / POLICY[1:]
    path.write_text(f"allow domain={WWW}\nallow domian=x\n")
    bounded.process.expect(POLICY, stream="err")
    bounded.process.expect("line 2", stream="err")
    bounded.process.expect("column", stream="err")
    assert (status(bounded, API), status(bounded, WWW)) == (200, 403)
    path.write_text(f"allow domain={WWW}\n")
    eventually(bounded, {API: 403, WWW: 200})


def test_bad_file_at_the_start(names):
    box = names.box()
    box.write(POLICY, f"allow domain={API}\nallow domain=*.com.*\n")
    for arguments in [f"--policy={POLICY}"], ["--policy=/etc/not-there"]:
        done = box.run([*arguments, "--", "/probe", "say", "ran"])
        assert done.code == 125 and "ran" not in done.out and done.err.count("\n") == 1, done
        assert arguments[0].split("=")[1] in done.err
    assert "line 2" in box.run([f"--policy={POLICY}", "--", "/probe", "say", "ran"]).err


def test_what_is_open_when_the_rules_change(names, agent):
    """A flow that was allowed goes on; its next HTTP request is decided by the rules of then."""
    bounded = from_file(agent, names, f"allow domain={API}\nallow domain=stream.example.com\n")
    finish = bounded.start("kept", host="stream.example.com", port=PORTS["http"], requests=[
        f"GET {path} HTTP/1.1\r\nHost: stream.example.com\r\n\r\n" for path in ("/slow?seconds=1", "/second")])
    bounded.records(event="verdict", verdict="allow", at_least=1)
    (bounded.box.root / POLICY[1:]).write_text(f"allow domain={API}\n")
    answers = finish()["answers"]
    assert [one["status"] for one in answers] == [200, 403]


# ---- observing


def test_observe_lets_through_and_says_what_would_have_been_needed(names, agent):
    bounded = agent(f"domain={API}", options=["--observe"])
    for url in f"http://{API}/", f"http://{WWW}/a", f"https://{EVIL}/", "http://private.example.com/":
        assert bounded.curl(url).status == 200, url
    assert bounded.do("tcp", host="mail.example.com", port=25, send=["QUIT\r\n"])["reply"].startswith("220")
    assert not bounded.records(event="verdict", verdict="deny")
    said = bounded.end().err
    for rule in (f"domain={WWW}", f"domain={EVIL}", "domain=mail.example.com port=25",
                 "domain=private.example.com private=yes"):
        assert f'--allow "{rule}' in said, said
    assert f'"domain={API}"' not in said and said.count(f"domain={WWW}") == 1


# ---- testing


@pytest.mark.parametrize("method, url, code, rule", [
    ("GET", f"http://{API}/public/x", 0, f"domain={API} path=/public/*"),
    ("GET", f"http://{API}/secret", 1, None),
    ("GET", f"https://{API}/public/x", 1, None),
    ("GET", f"https://{WWW}/", 0, f"domain={WWW}"),
    ("POST", f"http://{WWW}:8080/", 0, f"domain={WWW}"),
    ("GET", f"http://{EVIL}/", 1, "domain=*.example.net"),
])
def test_verdict_without_an_agent(box, method, url, code, rule):
    rules = ["--allow", f"domain={API} path=/public/*", "--allow", f"domain={WWW}", "--deny", "domain=*.example.net"]
    done = box.run([*rules, "--test", method, url])
    assert done.code == code and (rule is None or rule in done.out), done
    assert ("allow" if code == 0 else "den") in done.out.lower()


# ---- a proxy between


@pytest.mark.parametrize("proxy", [WEB, "host.example.com"])
def test_upstream_proxy(names, agent, proxy):
    """Every allowed flow goes there, with its name; the denied ones go nowhere, and nobody looks a name up."""
    bounded = agent(f"domain={API}", "domain=db.default.svc.cluster.local", "domain=git.example.com port=25",
                    options=[f"--upstream-proxy=http://{proxy}:{PORTS['proxy']}"])
    before = len(names.events(event="proxy"))
    assert bounded.curl(f"http://{API}/").json["server"] == API
    assert bounded.curl(f"https://{API}/").json["server"] == API
    assert bounded.curl(f"http://{WWW}/").status == 403
    assert bounded.curl(f"https://{WWW}/").code == 35
    assert bounded.do("tcp", host="git.example.com", port=25, send=["QUIT\r\n"])["reply"].startswith("220")
    targets = [one["target"] for one in names.events(event="proxy")[before:]]
    assert targets == [f"{API}:80", f"{API}:443", "git.example.com:25"]
    assert API not in [name for kind, name in names.dns.queries(bounded.box.v4)] or proxy == "host.example.com"


def test_upstream_proxy_that_refuses_or_is_not_there(names, agent):
    bounded = agent("domain=forbidden.example.com", f"domain={API}",
                    options=[f"--upstream-proxy=http://{WEB}:{PORTS['proxy']}"])
    assert bounded.curl("http://forbidden.example.com/").status in (0, 403, 502)
    assert bounded.curl(f"http://{API}/").status == 200
    nowhere = agent(f"domain={API}", options=[f"--upstream-proxy=http://{WEB}:4242"])
    assert nowhere.curl(f"http://{API}/").status in (0, 502, 503)
    assert nowhere.curl(f"https://{API}/").code in (35, 56)
