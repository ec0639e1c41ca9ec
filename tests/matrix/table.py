#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The tables of this directory, and those in README.md and the manual that say the same.

    tests/matrix/table.py README.md init/boundary-init.8      prints what differs; the exit code is 1 if anything does

In the documents a table is found by its first row, which names the columns:

    capabilities, user, Docker's profile, clone allowed      the rows of docker.txt, as they are and in that order
    runtime, with, jail                                      what other.txt says, in rows that may stand for several;
                                                             behind "refused: ", a part of what stands there is enough

In Markdown it is a table up to the next line that is not of it, in mdoc(7) the items of a list up to its end, their
columns parted by Ta. Where a cell lists several words, parted by "; ", its row stands for each of them.
"""

import itertools
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
DOCKER, OTHER = HERE / "docker.txt", HERE / "other.txt"

CAPABILITIES = {  # as options of 'docker run'
    "default": [],
    "add NET_ADMIN": ["--cap-add=NET_ADMIN"],
    "add SYS_ADMIN": ["--cap-add=SYS_ADMIN"],
    "add NET_ADMIN + SYS_ADMIN": ["--cap-add=NET_ADMIN", "--cap-add=SYS_ADMIN"],
    "drop ALL + add NET_ADMIN": ["--cap-drop=ALL", "--cap-add=NET_ADMIN"],
    "drop ALL": ["--cap-drop=ALL"],
}
USERS = ("root", "1000", "1000 + setcap")
PROFILES = ("Docker's profile", "clone allowed")
DOCKER_HEADER = ["capabilities", "user", *PROFILES]

OTHER_HEADER = ["runtime", "with", "jail"]
PODMANS = "every podman"  # stands for each of them


def rows_of_text(path):
    """The rows of a file of this directory, columns parted by two spaces or more. Comments are left out."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [re.split(r"\s{2,}", line.rstrip()) for line in lines]


def read_docker():
    """{(capabilities, user): {profile: expected}}, each of them once."""
    header, *rows = rows_of_text(DOCKER)
    assert header == DOCKER_HEADER, header
    found = [((capabilities, user), dict(zip(PROFILES, expected, strict=True)))
             for capabilities, users, *expected in rows
             for user in (USERS if users == "any" else users.split("; "))]
    table = dict(found)
    assert len(table) == len(found) and set(table) == set(itertools.product(CAPABILITIES, USERS))
    return table


# ---- the documents


def cells_of_markdown(line):
    """Of a row; None if the line is none."""
    cells = [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]
    return cells if line.startswith("|") else None


def cells_of_mdoc(line):
    if not line.startswith(".It "):
        return None
    return [re.sub(r"^(Sy|Li|Cm) ", "", cell.strip()).replace("\\-", "-") for cell in line[4:].split(" Ta ")]


def find_table(path, header):
    """The rows behind the one that is the header; None if there is none."""
    cells_of = cells_of_markdown if path.suffix == ".md" else cells_of_mdoc
    cells = [cells_of(line) for line in path.read_text().splitlines()]
    if header not in cells:
        return None
    rows = itertools.takewhile(lambda row: row is not None, cells[cells.index(header) + 1:])
    return [row for row in rows if not all(re.fullmatch(":?-+:?", cell) for cell in row)]


def expand(rows, names):
    """{name of other.txt: jail} of rows that may stand for several; names: all that there are."""
    podmans = sorted({name.partition(", ")[0] for name in names if "podman" in name})
    found = {}
    for runtimes, conditions, jail in rows:
        for runtime in (podmans if runtimes == PODMANS else runtimes.split("; ")):
            for condition in conditions.split("; "):
                found[runtime if condition == "default" else f"{runtime}, {condition}"] = jail
    return found


def differences_of_docker(path):
    rows, wanted = find_table(path, DOCKER_HEADER), rows_of_text(DOCKER)[1:]
    if rows is None:
        return ["there is no table with the columns " + ", ".join(DOCKER_HEADER)]
    return [f"{' | '.join(there or ['nothing'])}: {DOCKER.name} has {' | '.join(row or ['nothing'])}"
            for there, row in itertools.zip_longest(rows, wanted) if there != row]


def says_the_same(there, wanted):
    reason = "refused: "
    if there.startswith(reason) and wanted.startswith(reason):
        return there.removeprefix(reason) in wanted.removeprefix(reason)
    return there == wanted


def differences_of_other(path):
    wanted = dict(rows_of_text(OTHER))
    rows = find_table(path, OTHER_HEADER)
    if rows is None:
        return ["there is no table with the columns " + ", ".join(OTHER_HEADER)]
    there = expand(rows, wanted)
    return [f"{name}: {there.get(name, 'nothing')}: {OTHER.name} has {wanted.get(name, 'nothing')}"
            for name in dict.fromkeys([*wanted, *there])
            if not says_the_same(there.get(name, "nothing"), wanted.get(name, "nothing"))]


def main(paths):
    found = [f"{path}: {difference}" for path in paths
             for differences in (differences_of_docker, differences_of_other)
             for difference in differences(pathlib.Path(path))]
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
