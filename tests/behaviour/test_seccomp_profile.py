# SPDX-License-Identifier: MIT
"""--seccomp-profile: a profile on standard input comes back on standard output with the rule for the jail, or one line
says what is wrong with it. The binary is run as a plain command, by nobody in particular: it needs no container."""

import copy
import json
import os
import re
import subprocess

import pytest

import sandbox

OWN_FAILURE = 125
TIMEOUT = 20.0
NOBODY = 65534

NAMESPACE_FLAGS = 0x7E020000  # all that clone(2) takes
NEWUSER_NEWNET = 0x50000000
S390 = {"arches": ["s390", "s390x"]}

READ = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}
MOBY = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [READ],
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}]}
OCI = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_AARCH64"], "syscalls": [READ]}
DOCKER_1_10 = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
               "syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW", "args": []}]}


def rule(argument=0, **more):
    args = [{"index": argument, "value": NAMESPACE_FLAGS, "valueTwo": NEWUSER_NEWNET, "op": "SCMP_CMP_MASKED_EQ"}]
    return {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": args, **more}


def run(profile, **options):
    """A CompletedProcess; profile: bytes, or what json makes of it."""
    given = profile if isinstance(profile, bytes) else json.dumps(profile).encode()
    if "stdout" not in options and "preexec_fn" not in options:
        options["stdout"] = subprocess.PIPE
    if os.geteuid() == 0 and "preexec_fn" not in options:
        options.update(user=NOBODY, group=NOBODY, extra_groups=[])
    return subprocess.run([sandbox.INIT, "--seccomp-profile"], input=given, stderr=subprocess.PIPE, env={}, check=False,
                          timeout=TIMEOUT, **options)


def written(profile):
    """What comes back, as Python data."""
    done = run(profile)
    assert (done.returncode, done.stderr) == (0, b""), done
    return json.loads(done.stdout)


def said(done):
    """The one line of a run that wrote nothing."""
    assert done.returncode == OWN_FAILURE and not done.stdout, done
    line = done.stderr.decode("ascii")
    assert line.startswith("boundary-init: ") and line.endswith("\n") and line.count("\n") == 1
    return line[15:-1]


def with_rules(profile, *rules):
    expected = copy.deepcopy(profile)
    expected["syscalls"] += rules
    return expected


@pytest.fixture(scope="module", autouse=True)
def program():
    if not sandbox.INIT.exists():
        pytest.skip("boundary-init is not built")


@pytest.mark.parametrize("profile, rules", [
    (MOBY, [rule(excludes=S390), rule(1, includes=S390)]),
    (OCI, [rule()]),
    ({**OCI, "architectures": ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"]}, [rule(1)]),
    ({"syscalls": []}, [rule(excludes=S390)]),
], ids=["moby", "oci", "oci-s390", "neither"])
@pytest.mark.parametrize("indent", [None, "\t", 2])
def test_the_rule_is_added_and_nothing_else(profile, rules, indent):
    assert written(json.dumps(profile, indent=indent).encode()) == with_rules(profile, *rules)


def test_profile_of_docker_1_10_gets_a_rule_of_its_kind():
    one = rule()
    one["name"], = one.pop("names")
    assert written(DOCKER_1_10) == with_rules(DOCKER_1_10, one)


def test_text_before_and_behind_the_rule_stays_as_it_is():
    before, behind = b'{ "x": "caf\xc3\xa9\\u00e9\\/", "n":1.50e+3,\r\n "syscalls" : [ {}', b' \r\n\t] ,"y" :[ ] } \n'
    done = run(before + behind)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(before + b",\n") and done.stdout.endswith(b"}" + behind)


@pytest.mark.parametrize("profile", [MOBY, OCI, DOCKER_1_10, {"syscalls": []}],
                         ids=["moby", "oci", "docker-1.10", "neither"])
def test_a_second_run_changes_nothing(profile):
    once = run(profile).stdout
    assert once and run(once).stdout == once


def test_a_profile_that_is_longer_than_a_pipe():
    """More than one read(2) returns, and more than one write(2) may take."""
    profile = {**MOBY, "syscalls": [{"names": [f"call{n}"], "action": "SCMP_ACT_LOG"} for n in range(2000)],
               "comment": "x" * 400_000}
    assert written(profile) == with_rules(profile, rule(excludes=S390), rule(1, includes=S390))


def test_what_is_too_long_for_a_profile():
    assert said(run({**MOBY, "comment": "x" * 4_000_000})).startswith("profile: standard input")


GOOD = json.dumps(OCI).encode()


@pytest.mark.parametrize("profile, where", [
    (b"", "line 1, column 1"),
    (b"hello\n", "line 1, column 1"),
    (b"\0", "line 1, column 1"),
    (b"\xef\xbb\xbf" + GOOD, "line 1, column 1: a byte order mark"),
    (GOOD.decode().encode("utf-16"), "line 1, column 1"),
    (GOOD[:-1], f"line 1, column {len(GOOD)}: "),
    (GOOD + b"\n" + GOOD, "line 2, column 1: "),
    (GOOD + b"\0", f"line 1, column {len(GOOD) + 1}: "),
    (b"[]", "line 1, column 1"),
    (b"{}", 'line 1, column 1: no "syscalls"'),
    (b'{\n "syscalls": {}}', "line 2, column 14: "),
    (b'{"syscalls": [],\n\n  "syscalls": []}', "line 3, column 3: "),
    (b"[" * 100_000, "line 1, column 33: nested too deeply"),
    (b'{"x":' * 100_000, ": nested too deeply"),
    (b'{"syscalls":[\n{"names":["clone"],"action":"SCMP_ACT_ERRNO"}]}', "line 2, column 1: "),
])
def test_garbage_is_refused_and_nothing_is_written(profile, where):
    line = said(run(profile))
    assert re.match(r"profile: standard input, line \d+, column \d+: ", line) and where in line
    assert "https://github.com/moby/profiles" in line


@pytest.mark.parametrize("cut", range(0, len(GOOD), 7))
def test_a_cut_file_is_refused(cut):
    assert f"line 1, column {cut + 1}: it ends too early. " in said(run(GOOD[:cut]))


def test_standard_output_that_takes_nothing():
    with open("/dev/full", "wb") as full:
        assert "standard output" in said(run(MOBY, stdout=full))


def test_standard_input_that_cannot_be_read():
    done = subprocess.run([sandbox.INIT, "--seccomp-profile"], stdin=os.open("/", os.O_RDONLY | os.O_CLOEXEC),
                          capture_output=True, env={}, check=False, timeout=TIMEOUT)
    assert "standard input" in said(done)
