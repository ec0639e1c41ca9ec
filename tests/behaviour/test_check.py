# SPDX-License-Identifier: MIT
"""--check says what a start does: in each kind of container every mode is started for real, and compared."""

import ctypes
import errno
import json
import os
import pathlib
import platform
import shutil
import subprocess

import pytest

import filters
import namespaces as ns
from agent import Agent, allow
from filters import Refusal, refusing
from process import json_lines
from sandbox import DOCKER_CAPS, INIT, NET_ADMIN, PROBE
from test_leftovers import network

OWN_FAILURE = 125
MODES = ("veth", "loopback", "container", "none")
SYS_ADMIN = frozenset({"sys_admin"})
ROOT = DOCKER_CAPS | NET_ADMIN


NEWUSER, NEWNET = {0: ns.CLONE_NEWUSER}, {0: ns.CLONE_NEWUSER | ns.CLONE_NEWNET}
NETLINK, NETFILTER = 16, 12
NO_USERNS = refusing(Refusal("clone", errno.EPERM, flags=NEWUSER), Refusal("unshare", errno.EPERM, flags=NEWUSER))
NO_CLONE = refusing(Refusal("clone", errno.EPERM, flags=NEWNET), Refusal("unshare", errno.EPERM, flags=NEWNET))
NO_NETLINK = refusing(Refusal("socket", errno.EAFNOSUPPORT, equal={0: NETLINK}))
NO_NF_TABLES = refusing(Refusal("socket", errno.EPROTONOSUPPORT, equal={0: NETLINK, 2: NETFILTER}))
# As by a security module that lets a user namespace be made, and nothing be done in it.
STRIPPED = Refusal("sendto", errno.EPERM)


def without_proc():
    libc = ctypes.CDLL(None)
    for path in b"/proc/sys", b"/proc":
        libc.umount2(path, ns.MNT_DETACH)


def in_chroot():
    """The kernel lets nobody make a user namespace whose root is not that of its mount namespace."""
    ns.mount("proc", "/inner/proc", "proc")
    os.chroot("/inner")
    os.chdir("/")


def in_user_namespace():
    """Every capability, but none over the network, which is that of another user namespace."""
    ns.unshare(ns.CLONE_NEWUSER)
    for name, text in (("uid_map", "0 0 1"), ("setgroups", "deny"), ("gid_map", "0 0 1")):
        pathlib.Path("/proc/self", name).write_text(text)


def in_user_namespace_without_another():
    in_user_namespace()
    NO_USERNS()


# ---- containers

# Name: how the container is made, how PID 1 is started, options, the mode that auto takes there (None: there is none).
CONTAINERS = {
    "as advised": ({}, {}, [], "veth"),
    "docker's defaults": ({"caps": DOCKER_CAPS}, {"prepare": NO_USERNS}, [], None),
    "no net_admin": ({"caps": DOCKER_CAPS}, {}, [], "loopback"),
    "no capability": ({"caps": frozenset()}, {}, [], "loopback"),
    "net_admin alone": ({"caps": NET_ADMIN}, {}, [], "container"),
    "another user": ({}, {"user": 1000}, [], "loopback"),
    "another user, filtered": ({}, {"user": 1000, "prepare": NO_USERNS}, [], None),
    "filtered": ({}, {"prepare": NO_USERNS}, [], "container"),
    "no user namespace left": ({"user_namespaces": False}, {}, [], "container"),
    "none left for another user": ({"user_namespaces": False}, {"user": 1000}, [], None),
    "none left, no capability": ({"user_namespaces": False, "caps": frozenset()}, {}, [], None),
    "none left, but sys_admin": ({"user_namespaces": False, "caps": ROOT | SYS_ADMIN}, {}, ["--no-userns"], "veth"),
    "sys_admin, filtered": ({"caps": ROOT | SYS_ADMIN}, {"prepare": NO_CLONE}, ["--no-userns"], "container"),
    "no-userns without sys_admin": ({}, {}, ["--no-userns"], "container"),
    "chroot": ({}, {"prepare": in_chroot}, [], "container"),
    "chroot, no net_admin": ({"caps": DOCKER_CAPS}, {"prepare": in_chroot}, [], None),
    "a network of another user namespace": ({}, {"prepare": in_user_namespace}, [], "loopback"),
    "such a network, filtered": ({}, {"prepare": in_user_namespace_without_another}, [], None),
    "stripped": ({}, {"in_jail": STRIPPED}, [], "container"),
    "stripped, no net_admin": ({"caps": DOCKER_CAPS}, {"in_jail": STRIPPED}, [], None),
    "no proc": ({}, {"prepare": without_proc}, [], None),
    "netlink filtered": ({}, {"prepare": NO_NETLINK}, [], None),
    "no nf_tables": ({}, {"prepare": NO_NF_TABLES}, [], None),
    "no ipv6": ({"ipv6": False}, {}, [], "veth"),
    "udp": ({"caps": DOCKER_CAPS}, {}, ["--allow", "cidr=203.0.113.10\tproto=udp"], None),
    "udp, filtered": ({}, {"prepare": NO_USERNS}, ["--allow", "cidr=203.0.113.10\tproto=udp"], "container"),
    "publish": ({"caps": DOCKER_CAPS}, {}, ["--publish", "80:8080"], None),
    "agent-caps, filtered": ({}, {"prepare": NO_USERNS}, ["--agent-caps=net_raw"], None),
    "user": ({"caps": DOCKER_CAPS}, {}, ["--user=agent"], "loopback"),
    "user, nothing to become it": ({"caps": NET_ADMIN}, {}, ["--user=agent"], None),
    "a rule of ipv6": ({"ipv6_on_new_links": False}, {}, ["--allow", "cidr=2001:db8::/32"], "loopback"),
    "everything taken": ({}, {}, ["--allow", "cidr=10.0.0.0/8", "--allow", "cidr=172.16.0.0/12", "--allow", "cidr=192.168.0.0/16",
                                  "--allow", "cidr=100.64.0.0/10", "--allow", "cidr=169.254.0.0/16"], "container"),
}


@pytest.fixture(params=CONTAINERS)
def container(net, request):
    """The container, how PID 1 is started, options, and the mode that auto takes."""
    made, start, options, taken = CONTAINERS[request.param]
    with net.container(**made) as box:
        if start.get("prepare") is in_chroot:
            (box.root / "inner/proc").mkdir(parents=True)
            for path, program in (("sbin/boundary-init", INIT), ("probe", PROBE)):
                box.write(f"/inner/{path}", program.read_bytes(), 0o755)
            (box.root / "inner/dev").mkdir()
            box.write("/inner/dev/null", "")
            for name in "etc", "tmp":
                (box.root / "inner" / name).mkdir()
        yield box, start, options, taken


def run(box, arguments, in_jail=None, **start):
    """Box.run; in_jail: a Refusal for processes in network namespaces of their own."""
    if not in_jail:
        return box.run(arguments, **start)
    with filters.Referee(in_jail, filters.in_jail(box)) as referee:
        return box.run(arguments, prepare=referee.prepare, **start)


def check(box, *options, **start):
    """What --check=json says, and its exit code."""
    result = run(box, ["--check=json", *options], **start)
    assert result.err == "" and result.out.count("\n") == 1
    return json.loads(result.out), result.code


def start_for_real(box, mode, options, start):
    return run(box, [f"--jail={mode}", "--audit=stderr", "--log-level=info", *options, "--", "/probe", "say", "started"],
               **start)


def assert_same(said, result, mode):
    """A member with 'possible' tells what that start did."""
    assert said["possible"] == (result.code == 0), (mode, said, result)
    if said["possible"]:
        assert result.out == "started\n" and said["blocked_by"] is None and said["remedy"] is None
        return
    assert result.code == OWN_FAILURE and result.out == ""
    why = said["blocked_by"] + (f". {said['remedy']}" if said["remedy"] else "")
    assert result.err.splitlines()[-1].endswith(f": {why}"), (mode, said, result)


def test_check_says_what_a_start_does(container):
    box, start, options, taken = container
    said, exit_code = check(box, *options, **start)
    assert (said["auto"]["mode"], exit_code) == (taken, 0 if taken else OWN_FAILURE)
    for mode in MODES:
        row = "veth --no-userns" if mode == "veth" and "--no-userns" in options else mode
        assert_same(said["modes"][row], start_for_real(box, mode, options, start), mode)
    if "--no-userns" not in options:
        assert_same(said["modes"]["veth --no-userns"], start_for_real(box, "veth", ["--no-userns", *options], start),
                    "--no-userns")
    result = start_for_real(box, "auto", options, start)
    assert_same(said["auto"], result, "auto")
    modes = [record["mode"] for record in json_lines(result.err) if record["event"] == "start"]
    assert modes[-1:] == [taken] * bool(taken)


def test_check_changes_nothing(container):
    box, start, options, _ = container
    with box.start(["--jail=none", "--", "/probe", "sleep"]) as process:
        process.expect("ready")

        def everything():
            pids = sorted(process.children())
            return {"network": network(box), "files": sorted(map(str, box.root.rglob("*"))), "pids": pids,
                    "mounts": (process.proc / "mountinfo").read_text(),
                    "sockets": [line for line in box.tool("cat", "/proc/net/unix").splitlines() if "@boundary" in line],
                    "namespaces": [os.readlink(f"/proc/{pid}/ns/{kind}") for pid in pids for kind in ("net", "user", "mnt")]}

        before = everything()
        for form in "--check", "--check=json":
            if "in_jail" in start or start.get("prepare") in (without_proc, in_chroot):
                run(box, [form, *options], **start)
            else:
                process.exec_run(["/sbin/boundary-init", form, *options], **start)
        assert everything() == before


def test_table_says_the_same(container):
    """Words that were broken into lines are put together again."""
    box, start, options, _ = container
    said, exit_code = check(box, *options, **start)
    result = run(box, ["--check", *options], **start)
    assert (result.code, result.err) == (exit_code, "")
    assert max(len(line) for line in result.out.splitlines()) <= 100
    text = result.out.replace(",\n" + 22 * " ", ",").replace("\n" + 22 * " ", " ")
    for name, value in said.items():
        if name == "modes":
            continue
        lines = {None: "not known", True: "yes", False: "no"}
        if isinstance(value, list):
            shown = ",".join(value) or "none"
        elif isinstance(value, dict):
            shown = lines[value["possible"]]
        elif isinstance(value, bool) or value is None:
            shown = lines[value]
        else:
            shown = str(value)
        assert f"\n{name:<22}{shown}\n" in f"\n{text}"
    for name, row in [("clone", said["clone"]), ("auto", said["auto"]), *said["modes"].items()]:
        lines = [f"{name:<22}{'yes' if row['possible'] else 'no'}\n"]
        lines += [f"  {key:<20}{value}\n" for key, value in row.items() if key != "possible" and value is not None]
        assert "".join(lines) in text


def test_facts_are_those_of_the_container(net, box):
    said, exit_code = check(box, *allow(f"{net.allowed.v4} port=80"))
    assert exit_code == 0
    assert set(said["bounding"]) == set(said["effective"]) == box.caps
    assert (said["uid"], said["gid"], said["user_namespace"]) == (0, 0, False)
    assert (said["kernel"], said["no_new_privs"], said["seccomp"]) == (platform.release(), False, "off")
    assert (said["ipv4"], said["ipv6"], said["host_network"], said["other_jails"]) == (True, True, False, False)
    assert said["dns"] == ["127.0.0.1"] and said["runtime"] is None
    assert said["max_user_namespaces"] == int(pathlib.Path("/proc/sys/user/max_user_namespaces").read_text())
    assert said["clone"] == {"possible": True, "blocked_by": None, "remedy": None}


def test_facts_of_another_container(net):
    with net.container(caps=frozenset(), ipv6=False, user_namespaces=False) as box:
        box.write("/etc/resolv.conf", "nameserver 192.0.2.53\nnameserver 2001:db8::53\n")
        box.write("/.dockerenv", "")
        box.write("/run/.containerenv", "")
        said, exit_code = check(box, user=1000, prepare=NO_USERNS, env={"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    assert exit_code == OWN_FAILURE
    assert (said["uid"], said["gid"], said["user_namespace"], said["no_new_privs"]) == (1000, 1000, False, True)
    assert (said["effective"], said["bounding"], said["seccomp"]) == ([], [], "filter")
    assert (said["ipv4"], said["ipv6"], said["max_user_namespaces"]) == (True, False, 0)
    assert said["dns"] == ["192.0.2.53", "2001:db8::53"]
    assert said["runtime"] == ["kubernetes", "docker", "podman"]


CLONE_CAUSES = {
    "filtered": "namespaces: blocked by the seccomp profile",
    "no user namespace left": "namespaces: no user or network namespace is left",
    "chroot": "namespaces: the kernel does not permit user namespaces here",
    "stripped": "loopback in the jail: a security module (AppArmor, SELinux) forbids user namespaces",
    "no net_admin": None,
}


@pytest.mark.parametrize("container", CLONE_CAUSES, indirect=True)
def test_clone_is_tried_and_what_stands_in_its_way_is_told_apart(request, container):
    cause = CLONE_CAUSES[request.node.callspec.params["container"]]
    box, start, options, _ = container
    clone = check(box, *options, **start)[0]["clone"]
    assert (clone["possible"], clone["blocked_by"]) == (cause is None, cause)


def test_what_cannot_be_read_is_not_known(net):
    with net.container() as box:
        said, _ = check(box, prepare=without_proc)
        assert {said[name] for name in ("user_namespace", "max_user_namespaces", "ipv4", "ipv6", "host_network", "other_jails",
                                        "security_label")} == {None}
        assert said["dns"] == ["127.0.0.1"]
        assert {row["blocked_by"] for name, row in said["modes"].items() if name != "none"} == {said["auto"]["blocked_by"]}
        said, _ = check(box, prepare=NO_NETLINK)
        assert (said["ipv4"], said["ipv6"], said["other_jails"]) == (None, None, False)


def test_a_loopback_that_is_down_stays_down(net):
    """A start in mode container brings it up, so that this one is not tried."""
    with net.container() as box:
        box.ip("link set lo down")
        before = network(box)
        said, _ = check(box, prepare=NO_USERNS)
        assert said["auto"]["mode"] == "container" and network(box) == before


def test_a_port_of_the_gate_that_is_taken(net):
    with net.container() as box, box.start(["--jail=none", "--", "/probe", "serve", "127.0.0.1", "31053", "taken"]) as server:
        server.expect("ready")
        row = check(box)[0]["modes"]["container"]
        assert_same(row, start_for_real(box, "container", [], {}), "container")
        assert not row["possible"]


def test_a_running_jail_is_not_disturbed_and_bars_others(net, box):
    """One that is the container bars all others, any other one those that would be the container."""
    for mode, possible in ("veth", "veth"), ("container", None):
        with Agent(box, f"--jail={mode}", *allow(f"{net.allowed.v4} port=80")) as agent:
            before = network(box)
            result = agent.process.exec_run(["/sbin/boundary-init", "--check=json"])
            said = json.loads(result.out)
            assert (result.code, said["auto"]["mode"], said["other_jails"]) == (0 if possible else 125, possible, True)
            assert said["modes"]["container"]["blocked_by"] == "jail container: another jail stands in this network namespace"
            assert network(box) == before
            assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"
            assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
            assert agent.end().code == 0


@pytest.mark.parametrize("mode, exit_code", [("veth", OWN_FAILURE), ("loopback", 0), ("container", OWN_FAILURE), ("none", 0)])
def test_exit_code_is_that_of_the_mode_that_was_asked_for(net, mode, exit_code):
    with net.container(caps=DOCKER_CAPS) as box:
        assert box.run([f"--jail={mode}", "--check"]).code == exit_code


def test_what_no_mode_could_mend_is_one_line_as_ever(box):
    for options in ["--user=nobody"], ["--policy=/nowhere"], ["--allow", "cidr=x"]:
        result, real = box.run(["--check", *options]), box.run([*options, "/probe"])
        assert (result.code, result.out, result.err) == (OWN_FAILURE, "", real.err)


def test_the_file_of_a_policy_counts(net):
    with net.container(caps=DOCKER_CAPS) as box:
        box.write("/policy", "allow cidr=203.0.113.10 proto=udp\n")
        said, exit_code = check(box, "--policy=/policy")
        assert exit_code == OWN_FAILURE
        assert said["modes"]["loopback"]["blocked_by"].endswith("a loopback jail lets out TCP alone")


def test_variables_count(net):
    with net.container(caps=DOCKER_CAPS) as box:
        said, exit_code = check(box, env={"BOUNDARY_PUBLISH": "80", "BOUNDARY_NO_USERNS": "yes"})
        assert exit_code == OWN_FAILURE
        assert said["modes"]["loopback"]["blocked_by"].startswith("--no-userns: ")
        said, _ = check(box, env={"BOUNDARY_PUBLISH": "80"})
        assert said["modes"]["loopback"]["blocked_by"].startswith("--publish: ")


@pytest.mark.skipif(not shutil.which("setcap"), reason="setcap is not installed")
def test_a_file_with_a_capability(box):
    done = subprocess.run(["setcap", "cap_net_admin+p", box.root / "sbin/boundary-init"], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        pytest.skip(f"this file system holds no capabilities: {done.stderr.strip()}")
    said, exit_code = check(box, user=1000)
    assert (said["auto"]["mode"], said["effective"], exit_code) == ("veth", ["net_admin"], 0)
    for mode in MODES:
        assert_same(said["modes"][mode], start_for_real(box, mode, [], {"user": 1000}), mode)


def test_standard_output_that_takes_nothing(box):
    with open("/dev/full", "wb") as full:
        fd = full.fileno()
        result = box.run(["--check"], pass_fds=(fd,), prepare=lambda: os.dup2(fd, 1))
    assert result.code == OWN_FAILURE and "standard output" in result.err
