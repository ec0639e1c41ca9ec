# SPDX-License-Identifier: MIT
"""`make bench`, first part: what the start of a jail with its gate costs, side by side in one run, as ratios.

All rows run in one network namespace of this run, which has an eth0 and a default route as a container has. They
take turns round by round. Exits with 1 when a budget is not held.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import budgets  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parents[1] / "build" / "out"
INIT, FLOOR, STOPWATCH = OUT / "boundary-init", OUT / "bench/floor", OUT / "bench/stopwatch"

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "200"))
START_BUDGET = 1.3
SIZE_BUDGET = 96 * 1024  # the goal; `make check-size` holds what was reached

RULE = "cidr=203.0.113.0/24"

CONTAINER = """
link set lo up
link add eth0 type veth peer name world
addr add 172.20.0.2/24 dev eth0
link set world up
link set eth0 up
route add default via 172.20.0.1
"""


def rulesets(directory):
    """The two rulesets of the jail, as boundary-init's own plan prints them, for nft(8)."""
    plan = subprocess.run([INIT, "--print-plan", "--allow", RULE], check=True, capture_output=True, text=True).stdout
    blocks = [block.split("\n}\n")[0] + "\n}\n" for block in plan.split("table inet ")[1:]]
    # Links are named by their number: at the time nft(8) reads this they do not exist yet.
    for name, block in zip(("inner", "outer"), blocks):
        wire = {"inner": {'"eth0"': "1048577", '"lo"': "1"}, "outer": {'"jail0"': "1048576"}}[name]
        for link, index in wire.items():
            block = block.replace(link, index)
        pathlib.Path(directory, f"{name}.nft").write_text("table inet " + block)


def enter_container():
    """This process goes into a network namespace like a container's."""
    if os.environ.get("BENCH_INSIDE"):
        subprocess.run(["ip", "-batch", "-"], input=CONTAINER, text=True, check=True)
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        return
    os.environ["BENCH_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, __file__])


def measure(rows, rounds):
    command = [STOPWATCH, str(rounds)]
    for number, row in enumerate(rows):
        command += ["---"] * (number > 0) + row
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600).stdout
    return [[int(word) / 1000 for word in line.split()] for line in printed.splitlines()]


def show(name, times, base):
    """Median, the middle half, and the median of the ratios within each round, which share the machine's mood."""
    quarters = statistics.quantiles(times, n=4)
    ratio = statistics.median(t / b for t, b in zip(times, base))
    print(f"{name:<47} {quarters[1]:9.0f} us   {quarters[0]:7.0f} - {quarters[2]:<7.0f} {ratio:8.2f}")
    return ratio


def main():
    enter_container()
    agent = [STOPWATCH, "agent"]
    with tempfile.TemporaryDirectory() as directory:
        rulesets(directory)
        fast = measure([[FLOOR, "same", *agent], [INIT, "--allow", RULE, "--", *agent], [FLOOR, "least", *agent],
                        [INIT, "--jail=none", "--", *agent], agent], ROUNDS)
        slow = measure([[FLOOR, "same", *agent], [HERE / "by_tools.sh", directory, *agent]], max(ROUNDS // 10, 3))
    print(f"start to exec of the agent, {ROUNDS} rounds{'':>14} median      middle half   ratio")
    show("the same system calls in a minimal C program", fast[0], fast[0])
    ratio = show("boundary-init, veth", fast[1], fast[0])
    show("only those calls that make the jail, minimal C", fast[2], fast[0])
    show("boundary-init, none", fast[3], fast[0])
    show("the program alone", fast[4], fast[0])
    show("the same jail by ip(8), nft(8), unshare(1)", slow[1], slow[0])
    print()
    done = budgets.Budgets()
    done.add("start of a jail, to the same system calls", ratio, "<=", START_BUDGET)
    done.add("binary", INIT.stat().st_size, "<=", SIZE_BUDGET, "bytes")
    done.keep()
    return 0 if done.held() else 1


sys.exit(main())
