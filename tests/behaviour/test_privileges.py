# SPDX-License-Identifier: MIT
"""What PID 1 keeps, what the agent keeps, and what is said when the container has too little."""

import shutil
import signal
import subprocess

import pytest

from agent import Agent, allow
from namespaces import capability_names
from sandbox import DOCKER_CAPS, NET_ADMIN

SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
NONE = {name: set() for name in SETS}
UNREADABLE = {"errno": "EACCES"}


def capabilities(status):
    return {name: capability_names(status[name]) for name in SETS}


def held(*names):
    return {**NONE, **{name: set(names) for name in ("CapPrm", "CapEff", "CapBnd")}}


# ---- PID 1


@pytest.mark.parametrize("user", [(), ("--user=agent",), ("--user=1000:1000",)])
def test_init_keeps_net_admin_only(net, box, user):
    with Agent(box, *user, *allow(f"{net.allowed.v4} port=80")) as agent:
        status = agent.process.status()
        assert capabilities(status) == held("net_admin")
        assert (status["NoNewPrivs"], status["Uid"].split()) == ("1", ["0"] * 4)


@pytest.mark.parametrize("user, expected", [((), {"net_admin"}), (("--user=agent",), {"net_admin", "kill"})])
def test_without_a_user_namespace_init_keeps_kill_where_it_needs_it(net, user, expected):
    """The agent's signals still come through: that is what it is kept for."""
    with net.container(caps=DOCKER_CAPS | {"net_admin", "sys_admin"}) as box:
        with box.start(["--no-userns", *user, "--", "/probe", "signals", "7"]) as process:
            process.expect("ready")
            assert capabilities(process.status()) == held(*expected)
            process.signal(signal.SIGUSR1)
            process.expect("10 USR1")
            process.signal(signal.SIGTERM)
            assert process.wait().code == 7


def test_signals_reach_an_agent_of_another_user_without_kill(box):
    with box.start(["--user=agent", "--", "/probe", "signals", "7"]) as process:
        process.expect("ready")
        process.signal(signal.SIGUSR1)
        process.expect("10 USR1")
        process.signal(signal.SIGTERM)
        assert process.wait().code == 7


def test_init_without_setpcap_keeps_its_bounding_set_and_no_more(net):
    """Nobody can take from the bounding set without that capability; no_new_privs makes it void."""
    with net.container(caps={"net_admin", "setfcap"}) as box, Agent(box) as agent:
        status = agent.process.status()
        assert capabilities(status) == {**held("net_admin"), "CapBnd": {"net_admin", "setfcap"}}
        assert status["NoNewPrivs"] == "1"
        assert capabilities(agent.do("status")) == NONE


def test_init_is_not_readable_for_the_containers_root(box):
    """Other processes of the same container and the same capabilities are; so it is its being non-dumpable."""
    with Agent(box) as agent, agent.process.exec(["/probe", "sleep"]) as other:
        other.expect("ready")
        pid = other.status()["NSpid"].split()[-1]
        assert agent.process.exec_run(["/probe", "status-of", pid]).json["exe"] == "/probe"
        status = agent.process.exec_run(["/probe", "status-of", "1"]).json
        assert [status[name] for name in ("exe", "cwd", "root", "environ")] == [UNREADABLE] * 4
        assert set(map(str, status["ns"].values())) == {str(UNREADABLE)}
        peer = agent.process.exec_run(["/probe", "peer", "1"]).json
        assert {name: peer[name] for name in ("read-mem", "read-environ", "vm-read", "get-fd", "ptrace")} == {
            "read-mem": "EACCES", "read-environ": "EACCES", "vm-read": "EPERM", "get-fd": "EPERM", "ptrace": "EPERM"}


# ---- the agent


@pytest.mark.parametrize("user", [(), ("--user=agent",), ("--user=12345",)])
@pytest.mark.parametrize("userns", [True, False])
def test_agent_has_no_capability_in_any_set(net, user, userns):
    with net.container(caps=DOCKER_CAPS | {"net_admin", "sys_admin"}) as box:
        with Agent(box, *user, *[] if userns else ["--no-userns"], *allow(f"{net.allowed.v4} port=80")) as agent:
            status = agent.do("status")
            assert capabilities(status) == NONE
            assert (status["NoNewPrivs"], status["Seccomp"]) == (1, 2)
            init = agent.process.exec_run(["/probe", "status"]).json
            assert (status["ns"]["user"] != init["ns"]["user"]) == userns
            assert status["ns"]["net"] != init["ns"]["net"]
            for kind in "pid", "mnt", "uts", "ipc":
                assert status["ns"][kind] == init["ns"][kind]
            assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {box.v4}"
            assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
            assert agent.do("connect", net.allowed.v6, 80)["errno"] == "ECONNREFUSED"


def test_no_userns_works_where_user_namespaces_are_forbidden(net):
    with net.container(user_namespaces=False, caps=DOCKER_CAPS | {"net_admin", "sys_admin"}) as box:
        with Agent(box, "--no-userns", *allow(f"{net.allowed.v4} port=80")) as agent:
            assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {box.v4}"
            assert capabilities(agent.do("status")) == NONE
            assert agent.end().code == 0


@pytest.mark.parametrize("user", [(), ("--user=agent",), ("--user=12345:54321",)])
@pytest.mark.parametrize("wanted", ["net_raw", "CAP_NET_RAW", "net_raw,net_admin", "sys_chroot"])
def test_agent_keeps_exactly_the_capabilities_that_were_asked_for(box, user, wanted):
    names = {name.lower().removeprefix("cap_") for name in wanted.split(",")}
    with Agent(box, f"--agent-caps={wanted}", *user) as agent:
        status = agent.do("status")
        assert capabilities(status) == {name: names for name in SETS}
        assert status["NoNewPrivs"] == 1
        assert agent.do("try", "socket-raw", "nft-table", "chroot") == {
            "socket-raw": "OK" if "net_raw" in names else "EPERM",
            "nft-table": "OK" if "net_admin" in names else "EPERM",
            "chroot": "OK" if "sys_chroot" in names else "EPERM"}
        assert capabilities(agent.process.status()) == held("net_admin")


def test_kept_capabilities_do_not_reach_beyond_the_user_namespace(box):
    """They act on what belongs to the jail's user namespace: no device, no mount, no host name."""
    with Agent(box, "--agent-caps=sys_admin,mknod,sys_boot,sys_ptrace,bpf,perfmon,syslog") as agent:
        outcomes = agent.do("try", "mount", "umount-proc", "mknod-mem", "sethostname", "write-ip-forward", "reboot",
                            "read-init-environ", "ptrace-init", "setns-init-net", "setns-init-user")
        assert set(outcomes.values()) <= {"EPERM", "EACCES", "EROFS"}, outcomes


# ---- too little


MISSING = {
    "root": (DOCKER_CAPS, 0, "jail veth: CAP_NET_ADMIN is missing. Add --cap-add NET_ADMIN"),
    "nothing at all": (frozenset(), 0, "jail veth: CAP_NET_ADMIN is missing. Add --cap-add NET_ADMIN"),
    "another user": (DOCKER_CAPS | NET_ADMIN, 1000,
                     "jail veth: CAP_NET_ADMIN is missing, because uid 1000 starts without capabilities. Start the container "
                     "as root and name the agent's user with --user, or give the file the capability: "
                     "setcap cap_net_admin+p /sbin/boundary-init"),
    "another user without it": (DOCKER_CAPS, 1000, "jail veth: CAP_NET_ADMIN is missing. Add --cap-add NET_ADMIN, start the "
                                "container as root and name the agent's user with --user"),
}


@pytest.mark.parametrize("who", MISSING)
def test_without_net_admin_the_remedy_is_named(net, who):
    caps, user, text = MISSING[who]
    with net.container(caps=caps) as box:
        result = box.run(["--jail=veth", "/probe", "say", "started"], user=user)
    assert (result.code, result.out, result.err) == (125, "", f"boundary-init: plan: {text}\n")


def test_no_userns_without_sys_admin(box):
    result = box.run(["--jail=veth", "--no-userns", "/probe", "say", "started"])
    assert (result.code, result.out, result.err) == (125, "", (
        "boundary-init: plan: --no-userns: CAP_SYS_ADMIN is missing. Add --cap-add SYS_ADMIN, or leave --no-userns away\n"))


def test_agent_caps_without_a_user_namespace(net):
    with net.container(caps=DOCKER_CAPS | {"net_admin", "sys_admin"}) as box:
        result = box.run(["--jail=veth", "--no-userns", "--agent-caps=net_raw", "/probe", "say", "started"])
    assert (result.code, result.out, result.err) == (125, "", (
        "boundary-init: plan: --agent-caps: without a user namespace the agent would hold these over the whole container. "
        "Leave one of the two away\n"))


@pytest.mark.parametrize("wanted", ["fly", "net_raw,fly", "net_raw,", "12", "all"])
def test_unknown_capability(box, wanted):
    result = box.run([f"--agent-caps={wanted}", "/probe", "say", "started"])
    assert (result.code, result.out, result.err) == (125, "", (
        f"boundary-init: options: --agent-caps '{wanted}': not a list of capabilities. "
        "Write names of capabilities(7) with commas, like net_raw\n"))


@pytest.mark.skipif(not shutil.which("setcap"), reason="setcap is not installed")
@pytest.mark.parametrize("caps", [DOCKER_CAPS | NET_ADMIN, NET_ADMIN])
def test_another_user_with_a_file_capability(net, caps):
    """As in an image with 'USER agent', by what the message above advises."""
    with net.container(caps=caps) as box:
        done = subprocess.run(["setcap", "cap_net_admin+p", box.root / "sbin/boundary-init"], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            pytest.skip(f"this file system holds no capabilities: {done.stderr.strip()}")
        rules = allow(f"{net.allowed.v4} port=80", f"{net.allowed.v6} port=80")
        with Agent(box, *rules, user=1000, groups=(2000,)) as agent:
            status = agent.do("status")
            assert capabilities(status) == NONE and status["Uid"] == [1000] * 4 and status["Gid"] == [1000] * 4
            assert status["uid_map"].split() == ["1000", "1000", "1"]
            assert agent.do("connect", net.allowed.v4, 80)["reply"] == f"allowed {box.v4}"
            assert agent.do("connect", net.allowed.v6, 80)["reply"] == f"allowed {box.v6}"
            assert agent.do("connect", net.denied.v4, 80)["errno"] == "ECONNREFUSED"
            init = agent.process.status()
            assert capability_names(init["CapPrm"]) == capability_names(init["CapEff"]) == {"net_admin"}
            assert init["NoNewPrivs"] == "1"
            assert (agent.process.proc / "environ").stat().st_uid == 0  # non-dumpable: the agent's user does not own its files
            assert set(agent.do("try", "read-init-mem", "read-init-environ", "ptrace-init").values()) <= {"EACCES", "EPERM"}
            assert agent.end().code == 0
