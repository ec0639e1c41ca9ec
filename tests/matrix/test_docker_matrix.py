# SPDX-License-Identifier: MIT
"""Docker: which jail boundary-init makes in which container, or what its one line says to add. The table is docker.txt.

Each cell is a real container, in which the agent reaches what it may, is refused what it may not, and has no privilege.
Where none is possible, what the line names is added, as a person would do it, until a container works.
"""

import dataclasses
import itertools
import re

import pytest

from docker_fixtures import NETWORKS, PROFILES, Cell, docker, profile, remapped, stubbed  # noqa: F401 (first)

import table  # noqa: I001
from containers import (
    ALLOWED, CAPABILITY_SETS, DENIED, LINKS, NO_CAPABILITY, OWN_FAILURE, new_name, refusal, words,
)
from process import json_lines

RULE = ["--audit=stderr", "--allow", f"domain={ALLOWED}", "--"]
LAST_WORDS = f'To allow it: --allow "domain={DENIED}"\n'
NOBODY = "boundary-init: warning: agent: uid 0 cannot be mapped into its user namespace, so it sees itself as " \
         "nobody. Add --cap-add SETFCAP\n"

# What the agent says where no server can be asked.
NO_ANSWER = f"agent: {ALLOWED}: Try again\n"

CELLS = [Cell(*cell) for cell in itertools.product(table.CAPABILITIES, table.USERS, PROFILES, NETWORKS)]


# ---- the agent


def mode_of(result):
    """The jail that was made, of the audit's first record; the line on standard error is of the same one."""
    starts = [record for record in json_lines(result.err) if record["event"] == "start"]
    assert len(starts) == 1, result
    mode = starts[0]["mode"]
    said = words(result).replace(NOBODY, "").replace(NO_ANSWER, "")
    assert re.fullmatch("" if mode == "veth" else f"boundary-init: jail: {mode}; not veth[^\n]*\n", said), result
    return mode


def ask(agent, name, network):
    """Lets the example's agent ask for http://NAME/. What is allowed is answered, where there is somebody to do so."""
    before, said = len(agent.out), len(agent.err)
    agent.write(f"spawn exec /agent {name}\n")
    if name == DENIED:
        assert agent.expect(LAST_WORDS, start=before)[before:].startswith("HTTP/1.1 403 Forbidden\r\n")
    elif network == "none":
        agent.expect(NO_ANSWER, stream="err", start=said)
        assert agent.out[before:] == ""
    else:
        agent.expect(f"allowed {agent.address}\n", start=before)


def has_no_privilege(status, cell, mode):
    """Where there is no user namespace, and init has no CAP_SETPCAP, the bounding set stays; no_new_privs voids it."""
    stays = mode == "container" and (cell.user != "root" or cell.capabilities.startswith("drop ALL"))
    kept = {name for name in CAPABILITY_SETS if status[name] != NO_CAPABILITY}
    assert kept == ({"CapBnd"} if stays else set()), status
    assert (status["NoNewPrivs"], status["Seccomp"]) == (1, 2)
    # Root that cannot be mapped is nobody.
    nobody = mode == "loopback" and cell.user == "root" and cell.capabilities == "drop ALL"
    assert set(status["Uid"]) == {65534 if nobody else 0 if cell.user == "root" else 1000}
    links = set(LINKS[mode]) - ({"eth0"} if mode == "container" and cell.network == "none" else set())
    assert set(status["interfaces"]) == links


def lives(docker, cell, *more):
    """Asserts that an agent lives in the jail that the table names, and fares as it should."""
    with docker.start(cell, [*RULE, "/probe", "commands"], *more) as agent:
        agent.address = docker.address
        for name in ALLOWED, DENIED:
            ask(agent, name, cell.network)
        before = len(agent.jsons)
        agent.write("status\nexec /probe exit 42\n")
        result = agent.wait()
    assert result.code == 42, result
    mode = mode_of(result)
    assert mode == cell.expected()
    has_no_privilege(result.jsons[before], cell, mode)


def with_remedy(cell, remedy):
    """The cell of the table that one comes to by doing what the line says."""
    if remedy == "profile":
        return dataclasses.replace(cell, profile="rule")
    added = {"default": "add NET_ADMIN", "drop ALL": "drop ALL + add NET_ADMIN"}[cell.capabilities]
    return dataclasses.replace(cell, capabilities=added)


# The whole sentence, of which the table has one word.
REMEDIES = {
    "NET_ADMIN": "Add --cap-add NET_ADMIN",
    "profile": "Start with --security-opt seccomp=FILE, a profile made by boundary-init --seccomp-profile",
}


def is_refused(docker, cell):
    """Asserts that the agent is not started, and that one line says what to add; returns the cell that this makes."""
    cause, remedy = refusal(docker.run(cell, [*RULE, "/probe", "say", "unbounded"])).split(". ")
    assert cause.startswith("jail: no mode is possible here: ") and "; loopback: " in cause
    wanted = cell.expected().removeprefix("refused: ")
    assert remedy == REMEDIES[wanted]
    return with_remedy(cell, wanted)


def holds(docker, cell):
    """What the table says of a cell; and that two remedies at most make it work."""
    for _ in range(3):
        if not cell.expected().startswith("refused: "):
            lives(docker, cell)
            return
        cell = is_refused(docker, cell)
    pytest.fail(f"{cell}: what is said to be added is never enough")


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cell(net, docker, cell):  # noqa: F811
    before = len(net.names.asked)
    holds(docker, cell)
    assert DENIED not in net.names.asked[before:]


# ---- other containers

ONE_OF_EACH = [Cell("add NET_ADMIN", "root", "rule"), Cell("default", "root", "rule"),
               Cell("add NET_ADMIN", "root", "default")]


def test_one_of_each():
    assert [cell.expected() for cell in ONE_OF_EACH] == ["veth", "loopback", "container"]


@pytest.mark.parametrize("options", [
    ["--read-only"],
    ["--read-only", "--security-opt=no-new-privileges", "--memory=64m", "--pids-limit=20"],
    ["--sysctl=net.ipv4.ip_forward=1"],
    ["--dns=192.0.2.53"],
    ["--hostname=here", "--publish=8201:8080"],
], ids=" ".join)
@pytest.mark.parametrize("cell", ONE_OF_EACH, ids=Cell.expected)
def test_options_that_change_nothing(docker, cell, options):  # noqa: F811
    lives(docker, cell, *options)


def test_no_new_privs_voids_what_the_file_has(docker):  # noqa: F811
    with_setcap, without = (Cell("add NET_ADMIN", user, "rule") for user in ("1000 + setcap", "1000"))
    assert (with_setcap.expected(), without.expected()) == ("veth", "loopback")
    result = docker.run(with_setcap, [*RULE, "/agent", ALLOWED], "--security-opt=no-new-privileges")
    assert (result.code, result.out, mode_of(result)) == (0, f"allowed {docker.address}\n", "loopback")


@pytest.mark.parametrize("network", ["bridge", "own"])
@pytest.mark.parametrize("cell", ONE_OF_EACH, ids=Cell.expected)
def test_restart_on_failure(docker, cell, network):  # noqa: F811
    """The jail comes up again each time that the agent has failed, and in the same mode."""
    name, cell = new_name(), dataclasses.replace(cell, network=network)
    options = docker.options(cell, "--detach", "--restart=on-failure:2", f"--name={name}")
    job = ["/probe", "seq", "spawn", "exec", "/agent", ALLOWED, ",", "sleep", "1", ",", "exit", "3"]
    ends = ["events", "--since", "0", "--filter", f"container={name}", "--filter", "event=die", "--format", "end."]
    docker.engine.docker("run", *options, *RULE, *job)
    with docker.engine.start(*ends) as events:
        events.expect("end.\n" * 3)
    assert docker.engine.docker("wait", name) == "3\n"
    result = docker.engine.run("logs", name)
    starts = [record["mode"] for record in json_lines(result.err) if record["event"] == "start"]
    assert starts == [cell.expected()] * 3
    assert result.out == f"ready\nallowed {docker.address}\n" * 3
    docker.engine.docker("rm", name)


@pytest.mark.parametrize("cell", ONE_OF_EACH, ids=Cell.expected)
def test_machine_whose_resolver_is_on_its_loopback(stubbed, cell):  # noqa: F811
    before = len(stubbed.names.asked)
    lives(stubbed, dataclasses.replace(cell, network="own"))
    assert set(stubbed.names.asked[before:]) - {"boundary-init.invalid"} == {ALLOWED}


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.user == "root" and cell.network == "bridge"], ids=str)
def test_cell_with_remapped_ids(remapped, cell):  # noqa: F811
    """--userns-remap: the capabilities of root are those of a user namespace, and that is enough."""
    holds(remapped, cell)


# ---- --check


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.network == "bridge"], ids=str)
def test_check_says_the_same(docker, cell):  # noqa: F811
    result = docker.run(cell, ["--check=json"])
    wanted, auto = cell.expected(), result.json["auto"]
    possible = not wanted.startswith("refused: ")
    assert (result.code, result.err, auto["possible"]) == (0 if possible else OWN_FAILURE, "", possible), result
    assert auto["mode"] == (wanted if possible else None)
    assert auto["remedy"] == (None if possible else REMEDIES[wanted.removeprefix("refused: ")])
    modes = [mode for mode in LINKS if result.json["modes"][mode]["possible"]]
    assert wanted in modes if possible else not modes
