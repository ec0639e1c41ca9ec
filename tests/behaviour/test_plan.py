# SPDX-License-Identifier: MIT
"""--print-plan tells the truth, and the truth is made in one piece, by this one program."""

import itertools
import os
import shutil
import socket
import struct

import pytest

import calls
from agent import TABLE, Agent, allow

NETLINK_NETFILTER = 12
NFT_MSG_GETGEN = 10 << 8 | 16  # subsystem nf_tables, message; linux/netfilter/nf_tables.h
NFTA_GEN_ID = 1

POLICIES = {
    "nothing": [],
    "hosts": allow("203.0.113.10 port=80", "2001:db8:a::10 port=80"),
    "networks": allow("10.1.0.0/16 port=1-1024,8080", "0.0.0.0/0 proto=udp port=53", "::/0 proto=udp port=53,5353",
                      "2001:db8::/33 port=*", "192.0.2.128/25"),
    "icmp": allow("203.0.113.0/24 proto=icmp", "2001:db8:a::/64 proto=icmp"),
    "published": [*allow("203.0.113.10"), "--publish=80:8080", "--publish=53/udp"],
    "denied": [*allow("203.0.113.0/24", "2001:db8::/32 port=80"), "--deny=cidr=203.0.113.10 proto=tcp port=80,443",
               "--deny=cidr=2001:db8:a::10 proto=udp", "--deny=cidr=203.0.113.10 proto=icmp"],
    "names": ["--allow=domain=example.com", "--deny=domain=deep.example.com", *allow("203.0.113.10 port=80")],
    "observed": ["--observe", "--deny=cidr=203.0.113.10 proto=udp port=123"],
}

HOSTS = "127.0.0.1 localhost\n::1 localhost\n203.0.113.10 one\n2001:db8:a::10 one two\n198.51.100.20 three\n"


def printed_tables(plan):
    """The two rulesets in the text of a plan: {'in the jail': [lines], 'in the container': [lines]}."""
    tables, lines = {}, iter(plan.splitlines())
    for line in lines:
        if line.startswith("rules "):
            tables[line[14:]] = list(itertools.takewhile(lambda text: text != "}", lines)) + ["}"]
    return tables


def held_table(net):
    return net.tool("nft", "-y", "list", "table", "inet", TABLE).splitlines()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("forwarding", [True, False])
def test_printed_rules_are_those_in_force(net, policy, forwarding):
    with net.container(ip_forward=forwarding, writable_proc_sys=True) as box:
        box.write("/etc/hosts", HOSTS)
        plan = box.run(["--print-plan", *POLICIES[policy], "/probe"])
        assert (plan.code, plan.err) == (0, "")
        tables = printed_tables(plan.out)
        assert sorted(tables) == ["in the container", "in the jail"]
        with Agent(box, *POLICIES[policy]) as agent, agent.jail() as jail:
            assert held_table(jail) == tables["in the jail"]
            assert held_table(box) == tables["in the container"]


def test_printed_links_addresses_and_routes_are_those_in_force(net, box):
    rules = POLICIES["hosts"]
    plan = box.run(["--print-plan", *rules, "/probe"]).out
    with Agent(box, *rules) as agent, agent.jail() as jail:
        for where, name in (box, "jail0"), (jail, "eth0"):
            link = where.ip_json("-details", "link", "show", "dev", name)[0]
            assert f"{name} (index {link['ifindex']})" in plan or f"{name} in the jail (index {link['ifindex']})" in plan
            assert link["mtu"] == 1500 and link["linkinfo"]["info_kind"] == "veth"
            inside = " in the jail" if where is jail else ""
            held = [address for address in where.ip_json("addr", "show", "dev", name)[0]["addr_info"]
                    if address["scope"] == "global"]
            assert len(held) == 2
            for address in held:
                assert f"{address['local']}/{address['prefixlen']} on {name}{inside}" in plan
        for family in "-4", "-6":
            gateway = jail.ip_json(family, "route", "show", "default")[0]["gateway"]
            assert f"route         default via {gateway} dev eth0 in the jail\n" in plan


@pytest.mark.parametrize("ipv6", [True, False])
def test_printed_listeners_are_those_in_force(net, ipv6):
    with net.container(ipv6=ipv6) as box:
        plan = box.run(["--print-plan", "/probe"]).out
        with Agent(box) as agent, agent.jail() as jail:
            listeners = {line.split()[3] for line in jail.tool("ss", "-Hltn").splitlines()}
            datagrams = {line.split()[3] for line in jail.tool("ss", "-Hlun").splitlines()}
    families = ["127.0.0.1", "[::1]"] if ipv6 else ["127.0.0.1"]
    assert listeners == {f"{address}:{port}" for address in families for port in (31080, 31053)}
    assert datagrams == {f"{address}:31053" for address in families}
    assert [line for line in plan.splitlines() if line.startswith("listen ")] == [
        f"listen        {address}:31080, {address}:31053 in the jail, for the gate" for address in families]


def test_printed_identities_are_those_in_force(box):
    plan = box.run(["--print-plan", "--user=agent", "--agent-caps=net_raw", "/probe", "two words"]).out
    assert "agent         uid 1000, gid 1000, groups 1000,2000,2001; capabilities: net_raw;" in plan
    assert "program       /probe two\\x20words\n" in plan or "program       /probe two words\n" in plan
    assert "init          capabilities: net_admin; no_new_privs, not dumpable\n" in plan
    with Agent(box, "--user=agent", "--agent-caps=net_raw") as agent:
        status = agent.do("status")
        for name in "uid", "gid":
            assert f"{name} map       {' '.join(status[f'{name}_map'].split())}\n" in plan
        assert status["Groups"] == [1000, 2000, 2001]


def test_plan_without_a_program(box):
    result = box.run(["--print-plan"])
    assert (result.code, result.err) == (0, "") and result.out.endswith("program       (none given)\n")


def generation(net):
    """How often the ruleset of a network namespace has changed: once for each transaction."""
    with net.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
        kernel.send(struct.pack("=IHHIIBBH", 20, NFT_MSG_GETGEN, 1, 1, 0, 0, 0, 0))
        answer = kernel.recv(4096)
    at = 20
    while at < len(answer):
        length, kind = struct.unpack_from("=HH", answer, at)
        if kind & 0x3fff == NFTA_GEN_ID:
            return struct.unpack_from("!I", answer, at + 4)[0]
        at += (length + 3) // 4 * 4
    raise LookupError("no generation in the answer")


def test_rules_are_written_in_one_transaction(net, box):
    fresh = generation(box)
    box.tool("nft", "add table inet counted")
    assert generation(box) == fresh + 1
    with Agent(box, *POLICIES["networks"]) as agent, agent.jail() as jail:
        assert (generation(box), generation(jail)) == (fresh + 2, fresh + 1)
        assert agent.end().code == 0
    assert generation(box) == fresh + 3


def test_leftover_rules_are_replaced_in_one_transaction(net, box):
    with box.start([*POLICIES["hosts"], "--", "/probe", "sleep"]) as process:
        process.expect("ready")
        process.kill()
    before = generation(box)
    with Agent(box, *POLICIES["icmp"]):
        assert generation(box) == before + 1


# ---- seen by the system calls that it makes


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_no_helper_is_executed_and_secure_bits_are_locked(net):
    """With all that there is to do: both families, forwarding, another user, a published port."""
    with net.container(ip_forward=False, writable_proc_sys=True) as box:
        arguments = [*POLICIES["hosts"], "--user=agent", "--publish=80", "--", "/probe", "exit", "7"]
        result, made = calls.record(net.router, box, arguments, "process,prctl")
    assert (result.code, result.err) == (7, "")
    executed = [call for call in made if "execve(" in call or "execveat(" in call]
    assert len(executed) == 1 and 'execve("/probe", ["/probe", "exit", "7"]' in executed[0]
    processes = [call for call in made if any(name in call for name in ("clone(", "clone3(", "fork("))]
    # Whether it is allowed is asked by a pair of flags that no kernel grants.
    assert "CLONE_FS|CLONE_NEWUSER" in processes[0] and "EINVAL" in processes.pop(0)
    assert len(processes) == 2 and "CLONE_NEW" not in processes[0] and "CLONE_NEWUSER|CLONE_NEWNET" in processes[1]
    locked = [call for call in made if "PR_SET_SECUREBITS" in call]
    assert len(locked) == 2  # by the gate, by PID 1
    for call in locked:
        assert call.endswith("= 0") and "SECBIT_KEEP_CAPS_LOCKED" in call
        for bit in "NOROOT", "NO_SETUID_FIXUP", "NO_CAP_AMBIENT_RAISE":
            assert f"SECBIT_{bit}|" in call and f"SECBIT_{bit}_LOCKED" in call


def test_the_image_holds_no_other_program(box):
    """What makes all tests here a proof that no helper is needed."""
    programs = [os.path.join(path, name) for path, _, names in os.walk(box.root) for name in names
                if os.access(os.path.join(path, name), os.X_OK) and os.stat(os.path.join(path, name)).st_mode & 0o111]
    assert sorted(os.path.relpath(program, box.root) for program in programs) == ["probe", "sbin/boundary-init"]
    with Agent(box, *POLICIES["published"]) as agent:
        assert agent.end().code == 0
