# SPDX-License-Identifier: MIT
"""--seccomp-profile with a real engine: which of clone's namespaces a container may make with its output, and no other.

Flags that make namespaces are tried with CLONE_SIGHAND and without CLONE_VM, which no kernel grants: EINVAL is the
kernel's answer and means that the filter has let the call pass, EPERM is the filter's."""

import itertools
import json
import subprocess

import pytest

import images
import sandbox
from images import NAMESPACE_FLAGS, NEWUSER_NEWNET

FLAGS = [1 << bit for bit in range(32) if NAMESPACE_FLAGS >> bit & 1]
COMBINATIONS = [sum(some) for count in range(len(FLAGS) + 1) for some in itertools.combinations(FLAGS, count)]


@pytest.fixture(scope="module")
def probe_image(engine):
    return images.build(engine, "probe-alone", 'FROM scratch\nCOPY probe /\nENTRYPOINT ["/probe"]\n',
                        {"probe": sandbox.PROBE})


@pytest.fixture(scope="module")
def moby():
    if not images.MOBY_PROFILE.exists():
        pytest.skip("Moby's default profile is not below build/deps")
    return json.loads(images.MOBY_PROFILE.read_text())


def for_this_machine(moby):
    """Moby's profile as the OCI runtime specification has it: one architecture, no conditions, and no s390."""
    def applies(entry):
        return not entry["includes"].get("caps") and "amd64" in entry["includes"].get("arches", ["amd64"]) and \
            "amd64" not in entry["excludes"].get("arches", [])

    return {"defaultAction": moby["defaultAction"],
            "syscalls": [{key: entry[key] for key in ("names", "action", "args")}
                         for entry in moby["syscalls"] if applies(entry)]}


def oci(moby):
    return {**for_this_machine(moby), "architectures": ["SCMP_ARCH_X86_64"]}


def docker_1_10(moby):
    calls = [{"name": name, "action": entry["action"], "args": entry["args"]}
             for entry in for_this_machine(moby)["syscalls"] for name in entry["names"]]
    return {**oci(moby), "syscalls": calls}


def without_archmap(moby):
    return {key: value for key, value in moby.items() if key != "archMap"}


def lets_pass(engine, image, profile, *options, flags=COMBINATIONS):
    """The flags, of these, with which clone reaches the kernel."""
    answers = engine.run("run", "--rm", "--security-opt", f"seccomp={profile}", *options, image, "clone-flags",
                         *map(str, flags)).json
    assert set(answers.values()) <= {"EINVAL", "EPERM"}, answers
    return {int(flags) for flags, answer in answers.items() if answer == "EINVAL"}


def with_rule(profile, directory):
    """A profile, as Python data or the path of a file, after boundary-init; the path."""
    text = profile.read_bytes() if hasattr(profile, "read_bytes") else json.dumps(profile, indent="\t").encode()
    done = subprocess.run([sandbox.INIT, "--seccomp-profile"], input=text, capture_output=True, env={}, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done
    path = directory / "with-rule.json"
    path.write_bytes(done.stdout)
    return path


@pytest.mark.parametrize("capability", ["NET_ADMIN", "CHOWN"])
def test_exactly_the_jails_namespaces_pass(engine, probe_image, moby, tmp_path, capability):
    profile = with_rule(images.MOBY_PROFILE, tmp_path)
    options = ["--cap-add", capability]
    assert lets_pass(engine, probe_image, images.MOBY_PROFILE, *options) == {0}
    assert lets_pass(engine, probe_image, profile, *options) == {0, NEWUSER_NEWNET}
    assert lets_pass(engine, probe_image, "unconfined", *options) == set(COMBINATIONS)


def test_namespaces_are_made(engine, probe_image, moby, tmp_path):
    profile = with_rule(images.MOBY_PROFILE, tmp_path)
    result = engine.run("run", "--rm", "--security-opt", f"seccomp={profile}", probe_image, "try", "fork",
                        "clone-user-net", "clone-user", "clone-net", "clone-mount", "clone3-user", "unshare-user")
    assert result.json == {"fork": "OK", "clone-user-net": "OK", "clone-user": "EPERM", "clone-net": "EPERM",
                           "clone-mount": "EPERM", "clone3-user": "ENOSYS", "unshare-user": "EPERM"}


def test_agent_lives_in_its_jail(jails, moby, tmp_path):
    flags = ["--cap-add", "NET_ADMIN", "--security-opt", f"seccomp={with_rule(images.MOBY_PROFILE, tmp_path)}"]
    result = jails.having(flags=flags).run(["/probe", "say", "in"])
    assert (result.code, result.out, result.err) == (0, "in\n", "")


@pytest.mark.parametrize("kind", [without_archmap, for_this_machine, oci, docker_1_10], ids=lambda kind: kind.__name__)
def test_other_kinds_of_profiles(engine, probe_image, moby, tmp_path, kind):
    if "amd64" not in engine.docker("version", "--format", "{{.Server.Arch}}"):
        pytest.skip("these profiles are for one architecture, and it is amd64")
    profile = kind(moby)
    path = tmp_path / "without-rule.json"
    path.write_text(json.dumps(profile))
    assert lets_pass(engine, probe_image, path) == {0}
    assert lets_pass(engine, probe_image, with_rule(profile, tmp_path)) == {0, NEWUSER_NEWNET}


def masked(flags, **more):
    args = [{"index": 0, "value": flags, "valueTwo": flags, "op": "SCMP_CMP_MASKED_EQ"}]
    return {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": args, **more}


@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_entry_that_lets_every_clone_pass_goes_on_to(engine, probe_image, moby, tmp_path, first):
    """It takes the place of all rules with conditions, wherever it stands."""
    every = {"names": ["clone"], "action": "SCMP_ACT_ALLOW"}
    calls = [every, *moby["syscalls"]] if first else [*moby["syscalls"], every]
    profile = with_rule({**moby, "syscalls": calls}, tmp_path)
    assert lets_pass(engine, probe_image, profile) == set(COMBINATIONS)


def test_default_that_allows_goes_on_to(engine, probe_image, moby, tmp_path):
    profile = with_rule({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}, tmp_path)
    assert lets_pass(engine, probe_image, profile) == set(COMBINATIONS)


def test_rule_adds_to_what_other_rules_allow(engine, probe_image, moby, tmp_path):
    newipc, newuser = 0x08000000, 0x10000000
    profile = with_rule({**moby, "syscalls": [*moby["syscalls"], masked(newipc | newuser)]}, tmp_path)
    both = {flags for flags in COMBINATIONS if flags & (newipc | newuser) == newipc | newuser}
    assert lets_pass(engine, probe_image, profile) == {0, NEWUSER_NEWNET} | both


@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_why_an_entry_that_refuses_clone_is_refused(engine, probe_image, moby, tmp_path, first):
    """Such an entry wins over the rule, before it and behind it: what is added by hand has no effect."""
    refusing = {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}
    calls = [refusing, *moby["syscalls"]] if first else [*moby["syscalls"], refusing]
    done = subprocess.run([sandbox.INIT, "--seccomp-profile"], input=json.dumps({**moby, "syscalls": calls}).encode(),
                          capture_output=True, env={}, check=False)
    assert (done.returncode, done.stdout) == (125, b"") and b"for clone, but not SCMP_ACT_ALLOW" in done.stderr

    rule = {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [
        {"index": 0, "value": NAMESPACE_FLAGS, "valueTwo": NEWUSER_NEWNET, "op": "SCMP_CMP_MASKED_EQ"}]}
    path = tmp_path / "by-hand.json"
    path.write_text(json.dumps({**moby, "syscalls": [*calls, rule]}))
    result = engine.run("run", "--rm", "--security-opt", f"seccomp={path}", probe_image, "try", "clone-user-net")
    assert result.json == {"clone-user-net": "EACCES"}
