#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What boundary-init does, shown on a small internet of network namespaces: no Docker, no real network (make demo).

Every line with a mark is checked as it is printed; the exit code is 1 if one of them is not as promised.
"""

import json
import pathlib
import signal
import socket
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS / "behaviour"), str(TESTS / "docker")]

import namespaces  # noqa: E402
import sandbox  # noqa: E402
from nameserver import Nameserver  # noqa: E402

EXIT_CODE = 42
AT_ONCE_US = 100_000  # below 1,000 as a rule; the machine may be busy

RESOLVER = "192.0.2.53"
API, WWW, GIT, METADATA = "api.example.com", "www.example.com", "git.example.com", "metadata.example.com"
RULES = [f"domain={API},{METADATA}", f"domain={GIT} port=8080"]

failures = 0


def title(text):
    print(f"\n{text}")


def fact(name, text):
    print(f"    {name:<12}{text}")


def promise(kept, name, text):
    """One line with its mark."""
    global failures
    failures += not kept
    print(f"  {'✓' if kept else '✗'} {name:<12}{text}")


def or_none(words):
    return " ".join(sorted(words)) or "none"


def capabilities(status):
    return {name: namespaces.capability_names(status[name]) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")}


def attempts(net):
    """(what is tried, the probe's command for it, whether it is to succeed in the jail)"""
    allowed, denied = net.allowed, net.denied
    return [
        ("allowed", ["connect", allowed.v4, "80"], True),
        ("allowed", ["connect", allowed.v6, "80"], True),
        ("other host", ["connect", denied.v4, "80"], False),
        ("other host", ["connect", denied.v6, "80"], False),
        ("other port", ["connect", allowed.v4, "443"], False),
        ("UDP", ["udp", allowed.v4, "8080"], False),
    ]


def sequence(tries, *more):
    """The arguments that make one probe do all of it, one after the other."""
    commands = [command for _, command, _ in tries] + list(more)
    return ["/probe", "seq", *(word for command in commands for word in [*command, ","])][:-1]


def describe(command, outcome):
    where = f"{command[0]} {' '.join(command[1:])}"
    if outcome["result"] == "ok":
        return f"{where:<27}answers   {outcome['us']:>5} µs   {outcome['reply']!r}"
    return f"{where:<27}refused   {outcome['us']:>5} µs   {outcome['errno']}"


def show_world(net, box):
    title("A container, a router, and hosts on the other side")
    fact("container", f"{box.v4}, {box.v6}")
    for host in net.allowed, net.denied:
        fact(host.name, f"{host.v4}, {host.v6}: TCP and UDP servers on {sandbox.PORTS.replace(',', ', ')}")
    fact("resolver", f"{RESOLVER}: knows {API}, {GIT} (allowed), {WWW} (denied)")
    fact("", f"and {METADATA}, which leads to 169.254.169.254")


# ---- by name


def lookups(net):
    """(what is tried, the arguments of the example's agent, what its answer ends with in the jail; None: nothing)"""
    seen = net.containers_address
    return [
        ("allowed", [API], f"allowed {seen}"),
        ("port=8080", [GIT, "8080", "any protocol, ssh for example"], f"allowed {seen}"),
        ("other name", [WWW], f'To allow it: --allow "domain={WWW}"'),
        ("other port", [GIT, "443", "any protocol"], None),
        ("private", [METADATA], f'To allow it: --allow "domain={METADATA} private=yes"'),
    ]


def describe_name(arguments, result):
    where = f"agent {' '.join(arguments[:2])}"
    answer = [line for line in (result.out + result.err).splitlines() if line and not line.startswith("{")]
    body = [line for line in answer if line.startswith(("boundary-init: ", "To allow it: "))]
    return f"{where:<27}" + ("\n" + " " * 43).join(answer[:1] + body)


def show_names(net, box, names):
    title("An agent that knows names only: tests/examples/agent/agent.c, without boundary-init")
    result = box.run([WWW], program="/agent")
    promise(result.out.startswith("denied "), "", describe_name([WWW], result))

    options = [word for rule in RULES for word in ("--allow", rule)]
    title("boundary-init " + " ".join(f'--allow "{rule}"' for rule in RULES) + " -- /agent ...")
    names.asked.clear()
    for name, arguments, last in lookups(net):
        result = box.run([*options, "--", "/agent", *arguments])
        if last is None:
            promise(result.code == 1 and not result.out, name, describe_name(arguments, result))
        else:
            promise(result.out.endswith(last + "\n"), name, describe_name(arguments, result))
    asked = set(names.asked)
    promise(asked == {API, GIT, METADATA}, "resolver",
            f"was asked for {', '.join(sorted(asked))}, and for nothing else")

    title("What the audit log says of one more try")
    result = box.run([*options, "--", "/agent", WWW])
    for record in map(json.loads, result.err.splitlines()):
        promise(record["verdict"] == "deny", record["proto"], json.dumps({
            key: value for key, value in record.items() if key not in ("time", "seq", "proto")}))


# ---- by address


def show_without(net, box):
    title("By address: without boundary-init, a program in that container reaches all of it")
    tries = attempts(net)
    result = box.run(sequence(tries)[1:], program="/probe")
    for (name, command, _), outcome in zip(tries, result.jsons):
        promise(outcome["result"] == "ok", name, describe(command, outcome))


def show_plan(box, options):
    title("What it is going to do, as --print-plan says")
    result = box.run([*options, "--print-plan", "--", "/probe"])
    for line in result.out.split("\nrules")[0].splitlines():
        print(f"    {line}")
    print("    ... and the nf_tables rules")
    promise(result.code == 0 and not box.nft(), "", "nothing of it done yet")


def show_jailed(box, net, options):
    title("The same program as its agent")
    tries = attempts(net)
    # At the end the agent waits for TERM, and then exits with a code of its own.
    agent = box.start([*options, "--", *sequence(tries, ["status"], ["signals", str(EXIT_CODE)])])
    agent.expect("\nready\n")
    *outcomes, status = agent.jsons
    for (name, command, reach), outcome in zip(tries, outcomes, strict=True):
        if reach:
            kept = outcome["result"] == "ok"
        else:
            kept = outcome["result"] == "error" and outcome["us"] < AT_ONCE_US
        promise(kept, name, describe(command, outcome))
    return agent, status


def show_privileges(agent, status):
    title("What the agent and the gate have, and what PID 1 has kept")
    sets = capabilities(status)
    promise(not any(sets.values()), "agent", f"capabilities: {or_none(set.union(*sets.values()))}; "
            f"no_new_privs {status['NoNewPrivs']}; uid {status['Uid'][0]}")
    promise(sorted(status["interfaces"]) == ["eth0", "lo"], "", "interfaces: " + "; ".join(
        f"{name} {', '.join(link['addresses'])}" for name, link in status["interfaces"].items()))
    gate = agent.status(next(pid for pid in agent.children() if pid != agent.jail_pid()))
    promise(not any(capabilities(gate).values()) and gate["Seccomp"] == "2", "gate",
            f"capabilities: {or_none(set.union(*capabilities(gate).values()))}; no_new_privs {gate['NoNewPrivs']}; "
            "a system call filter of its own")
    sets = capabilities(agent.status())
    promise(sets["CapPrm"] == sets["CapEff"] == sets["CapBnd"] == {"net_admin"}, "PID 1",
            f"capabilities: {or_none(sets['CapPrm'])}; no_new_privs {agent.status()['NoNewPrivs']}")


def show_end(agent, box):
    title("TERM to PID 1, as 'docker stop' sends it")
    agent.signal(signal.SIGTERM)
    result = agent.wait()
    promise("15 TERM" in result.out, "forwarded", "the agent has seen it")
    promise(result.code == EXIT_CODE, "exit code", f"{result.code}, which is the agent's own")
    promise(not box.nft() and len(box.ip_json("link")) == 2, "removed", "the link and the rules that it had made")


def serve_names(net):
    """A DNS server on a host of its own."""
    host = net.add_host("resolver", RESOLVER, "2001:db8:53::53", ports=None)
    return Nameserver(host.socket(socket.AF_INET, socket.SOCK_DGRAM), RESOLVER, {
        API: net.allowed.v4, GIT: net.allowed.v4, WWW: net.denied.v4, METADATA: "169.254.169.254"})


def prepare(box):
    """The example's agent, static, and the resolver's address."""
    subprocess.run(["musl-gcc", "-static", "-O2", "-o", box.root / "agent", TESTS / "examples/agent/agent.c"],
                   check=True)
    box.write("/etc/resolv.conf", f"nameserver {RESOLVER}\n")


def main():
    reason = sandbox.missing()
    if reason:
        sys.exit(f"demo: {reason}")
    with sandbox.Internet() as net, net.container() as box, serve_names(net) as names:
        prepare(box)
        net.containers_address = box.v4
        show_world(net, box)
        show_names(net, box, names)
        rules = [f"cidr={net.allowed.v4} port=80", f"cidr={net.allowed.v6} port=80"]
        options = [word for rule in rules for word in ("--allow", rule)]
        show_without(net, box)
        print("\nboundary-init " + " ".join(f'--allow "{rule}"' for rule in rules) + " -- /probe ...")
        show_plan(box, options)
        agent, status = show_jailed(box, net, options)
        show_privileges(agent, status)
        show_end(agent, box)
    title(f"{failures} of these were not as promised." if failures else "All as promised.")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
