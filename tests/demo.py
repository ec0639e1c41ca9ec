#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What boundary-init does, shown on a small internet of network namespaces: no Docker, no real network (make demo).

Every line with a mark is checked as it is printed; the exit code is 1 if one of them is not as promised.
"""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "behaviour"))

import namespaces  # noqa: E402
import sandbox  # noqa: E402

EXIT_CODE = 42
AT_ONCE_US = 100_000  # below 1,000 as a rule; the machine may be busy

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
        ("UDP", ["udp", allowed.v4, "53"], False),
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
    title("A container, a router, and two hosts on the other side")
    fact("container", f"{box.v4}, {box.v6}")
    for host in net.hosts:
        fact(host.name, f"{host.v4}, {host.v6}: TCP and UDP servers on {sandbox.PORTS.replace(',', ', ')}")


def show_without(net, box):
    title("Without boundary-init, a program in that container reaches all of it")
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
    title("What the agent has, and what PID 1 has kept")
    sets = capabilities(status)
    promise(not any(sets.values()), "agent", f"capabilities: {or_none(set.union(*sets.values()))}; "
            f"no_new_privs {status['NoNewPrivs']}; uid {status['Uid'][0]}")
    promise(sorted(status["interfaces"]) == ["eth0", "lo"], "", "interfaces: " + "; ".join(
        f"{name} {', '.join(link['addresses'])}" for name, link in status["interfaces"].items()))
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


def main():
    reason = sandbox.missing()
    if reason:
        sys.exit(f"demo: {reason}")
    with sandbox.Internet() as net, net.container() as box:
        rules = [f"cidr={net.allowed.v4} port=80", f"cidr={net.allowed.v6} port=80"]
        options = [word for rule in rules for word in ("--allow", rule)]
        show_world(net, box)
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
