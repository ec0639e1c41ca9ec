# SPDX-License-Identifier: MIT
"""The agent is who it would be without a jail: ids, groups, directory, environment, limits, descriptors."""

import os
import resource

import pytest

from agent import Agent, allow
from sandbox import DOCKER_CAPS, NET_ADMIN

KEPT = ("Uid", "Gid", "Groups", "cwd", "root", "environ", "Umask", "nice", "limits", "oom_score_adj", "SigIgn", "SigBlk",
        "fds", "exe", "cmdline", "sid", "terminal")
EVERYBODY = "0 0 4294967295"


def one_line(map_text):
    return " ".join(map_text.split())


def odd_surroundings():
    os.umask(0o027)
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@pytest.mark.parametrize("start", [
    {}, {"cwd": "/home/agent", "env": {"COLOUR": "blue", "EMPTY": "", "HOME": None}}, {"prepare": odd_surroundings},
    {"groups": (2000, 2001, 31337)}], ids=["plain", "directory and environment", "limits", "groups"])
@pytest.mark.parametrize("caps", [DOCKER_CAPS | NET_ADMIN, NET_ADMIN | {"setfcap"}], ids=["identity map", "single map"])
def test_agent_is_as_without_a_jail(net, start, caps):
    with net.container(caps=caps | {"setgid"} if start.get("groups") else caps) as box:
        without = box.run(["status"], program="/probe", **start).json
        within = box.run([*allow(net.allowed.v4), "--", "/probe", "status"], **start).json
        for name in KEPT:
            if name == "fds":  # pipes of another run have other numbers
                assert within["fds"].keys() == without["fds"].keys() == {"0", "1", "2"}
            else:
                assert within[name] == without[name], name


def test_the_products_variables_are_not_passed_on_and_others_are(net, box):
    ours = {"BOUNDARY_ALLOW": f"cidr={net.allowed.v4}", "BOUNDARY_USER": "agent", "BOUNDARY_GRACE": "2",
            "BOUNDARY_AGENT_CAPS": "net_raw", "BOUNDARY_PUBLISH": "80", "BOUNDARY_JAIL": "veth", "BOUNDARY_NO_USERNS": "no",
            "BOUNDARY_PRINT_PLAN": "no"}
    others = {"BOUNDARY_ADDR": "10.1.2.3", "BOUNDARY_ALLOWED": "x", "BOUNDARY": "y", "boundary_allow": "z", "A": "", "Z": "=="}
    environ = box.run(["/probe", "status"], env={**ours, **others, "HOME": None}).json["environ"]
    assert not environ.keys() & ours.keys()
    assert {name: environ[name] for name in others} == others


def test_agent_has_the_descriptors_that_were_passed_and_no_others(net, box):
    read_end, write_end = os.pipe()
    with os.fdopen(read_end), os.fdopen(write_end, "w"):
        with Agent(box, *allow(net.allowed.v4), pass_fds=(read_end, write_end)) as agent:
            fds = agent.do("status")["fds"]
            assert fds.keys() == {"0", "1", "2", str(read_end), str(write_end)}
            assert fds[str(read_end)] == os.readlink(f"/proc/self/fd/{read_end}")
            # PID 1 itself keeps neither these nor the agent's input and output.
            held = [os.readlink(entry) for entry in (agent.process.proc / "fd").iterdir()]
            assert not {fds["0"], fds["1"], fds[str(read_end)]} & set(held)


# ---- --user


USERS = {  # uid, gid, groups besides that gid, HOME
    "agent": (1000, 1000, [2000, 2001], "/home/agent"),
    "1000": (1000, 1000, [2000, 2001], "/home/agent"),
    "agent:shared": (1000, 2000, [], "/home/agent"),
    "agent:31337": (1000, 31337, [], "/home/agent"),
    "1000:shared": (1000, 2000, [], "/home/agent"),
    "nogroup": (1001, 4242, [], "/"),
    "12345": (12345, 0, [], "/"),
    "12345:54321": (12345, 54321, [], "/"),
    "12345:extra": (12345, 2001, [], "/"),
    "root": (0, 0, [2000], "/root"),
    "0:0": (0, 0, [], "/root"),
    "4294967294": (4294967294, 0, [], "/"),
}


@pytest.mark.parametrize("userns", [True, False])
@pytest.mark.parametrize("user", USERS)
def test_user(net, user, userns):
    uid, gid, groups, home = USERS[user]
    with net.container(caps=DOCKER_CAPS | {"net_admin", "sys_admin"}) as box:
        options = ["--user", user] + ([] if userns else ["--no-userns"])
        status = box.run([*options, "/probe", "status"], env={"HOME": "/somewhere"}, groups=(7, 8)).json
    assert (status["Uid"], status["Gid"], status["Groups"]) == ([uid] * 4, [gid] * 4, [gid, *groups])
    assert status["environ"]["HOME"] == home
    assert status["CapEff"] == "0" * 16


def test_user_can_use_what_is_its_own_and_no_more(net, box):
    box.write("/root/secret", "mine", mode=0o600)
    with Agent(box, "--user=agent", cwd="/home/agent") as agent:
        assert agent.do("status")["cwd"] == "/home/agent"
        assert agent.do("exec", "/root/secret")["errno"] == "EACCES"


NO_USERS = {
    "nobody": "'nobody': not in the image's /etc/passwd. Name a user that is, or give the uid as a number",
    "agent:nobody": "'nobody': not in the image's /etc/group. Name a group that is, or give the gid as a number",
    "agent:": "'agent:': neither a user nor user:group. Write --user NAME, UID, NAME:GROUP or UID:GID",
    ":shared": "':shared': neither a user nor user:group. Write --user NAME, UID, NAME:GROUP or UID:GID",
    "4294967295": "'4294967295': not in the image's /etc/passwd. Name a user that is, or give the uid as a number",
    "-1": "'-1': not in the image's /etc/passwd. Name a user that is, or give the uid as a number",
}


@pytest.mark.parametrize("user", NO_USERS)
def test_unknown_user(box, user):
    result = box.run([f"--user={user}", "/probe", "say", "started"])
    assert (result.code, result.out, result.err) == (125, "", f"boundary-init: user: {NO_USERS[user]}\n")


def test_user_by_number_in_an_image_without_accounts(box):
    (box.root / "etc/passwd").unlink()
    (box.root / "etc/group").unlink()
    status = box.run(["--user=1000:2000", "/probe", "status"]).json
    assert (status["Uid"][0], status["Gid"][0], status["environ"]["HOME"]) == (1000, 2000, "/")


# ---- id maps, by what the container may do


@pytest.mark.parametrize("caps, user, uid_map, gid_map, setgroups", [
    ("setuid setgid setfcap", (), EVERYBODY, EVERYBODY, "allow"),
    ("setuid setgid setfcap", ("--user=agent",), EVERYBODY, EVERYBODY, "allow"),
    ("setuid setgid", ("--user=agent",), "1 1 4294967294", EVERYBODY, "allow"),
    ("setfcap", (), "0 0 1", "0 0 1", "deny"),
    ("setfcap setuid", (), EVERYBODY, "0 0 1", "deny"),
    ("setfcap setgid", (), "0 0 1", EVERYBODY, "allow"),
])
def test_id_maps(net, caps, user, uid_map, gid_map, setgroups):
    with net.container(caps=NET_ADMIN | set(caps.split())) as box:
        with Agent(box, *user, *allow(f"{net.allowed.v4} port=80", f"{net.allowed.v6} port=80")) as agent:
            status = agent.do("status")
            assert one_line(status["uid_map"]) == uid_map
            assert one_line(status["gid_map"]) == gid_map
            assert status["setgroups"].strip() == setgroups
            assert status["Uid"] == [1000 if user else 0] * 4 and status["Gid"] == [1000 if user else 0] * 4
            assert agent.do("connect", net.allowed.v4, 80)["errno"] == "OK"
            assert agent.do("connect", net.allowed.v6, 80)["errno"] == "OK"


NO_MAP = {
    "root without setfcap": ("", (), (
        "uid map: CAP_SETFCAP is missing, without which uid 0 cannot be mapped into a user namespace. "
        "Add --cap-add SETFCAP, or run the agent as another user with --user")),
    "root without setfcap, though with the others": ("setuid setgid setpcap", (), (
        "uid map: CAP_SETFCAP is missing, without which uid 0 cannot be mapped into a user namespace. "
        "Add --cap-add SETFCAP, or run the agent as another user with --user")),
    "user without setuid": ("setgid setfcap", ("--user=agent",), (
        "--user: CAP_SETUID or CAP_SETGID is missing. Start the container as root with --cap-add SETUID --cap-add SETGID")),
    "user without setgid": ("setuid setfcap", ("--user=agent",), (
        "--user: CAP_SETUID or CAP_SETGID is missing. Start the container as root with --cap-add SETUID --cap-add SETGID")),
}


@pytest.mark.parametrize("case", NO_MAP)
def test_no_id_map(net, case):
    caps, user, text = NO_MAP[case]
    with net.container(caps=NET_ADMIN | set(caps.split())) as box:
        for mode in ("veth", "loopback") if user else ("veth",):  # a loopback jail can do without a uid 0
            result = box.run([f"--jail={mode}", *user, "/probe", "say", "started"])
            assert (result.code, result.out, result.err) == (125, "", f"boundary-init: plan: {text}\n")
