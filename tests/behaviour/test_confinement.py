# SPDX-License-Identifier: MIT
"""What the agent's process cannot do, whoever it is: the system call filter, and the walls around PID 1 and the others."""

import ctypes

import pytest

from agent import Agent

FILTERED = {  # by the numbers in sys/confine.c
    "clone-user": "EPERM", "clone-user-net": "EPERM", "clone-net": "EPERM", "unshare-user": "EPERM", "unshare-net": "EPERM",
    "clone3-plain": "ENOSYS", "clone3-user": "ENOSYS", "io-uring": "ENOSYS",
    "socket-vsock": "EAFNOSUPPORT", "socket-alg": "EAFNOSUPPORT", "socket-bluetooth": "EAFNOSUPPORT",
    "socket-can": "EAFNOSUPPORT", "socket-tipc": "EAFNOSUPPORT",
}
UNHARMED = ("socket-inet", "socket-inet6", "socket-unix", "socketpair-unix", "socket-netlink-route", "fork", "bind-8080")
OUT_OF_REACH = {
    "setns-init-net": "EACCES", "setns-init-user": "EACCES", "setns-init-pidfd": "EPERM",
    "read-init-mem": "EACCES", "read-init-environ": "EACCES", "read-init-maps": "EACCES", "list-init-root": "EACCES",
    "write-init-mem": "EACCES", "vm-read-init": "EPERM", "ptrace-init": "EPERM", "pidfd-getfd-init": "EPERM",
}
FORBIDDEN = ("mount", "umount-proc", "mknod-mem", "sethostname", "chroot", "ambient-net-admin", "addr-add", "nft-table",
             "socket-raw", "socket-raw6", "socket-packet", "unshare-mount", "clone-mount", "init-module", "kexec", "reboot",
             "write-ip-forward")
NOT_IN_EVERY_KERNEL = ("init-module", "kexec")
LANDLOCK_CREATE_RULESET, VERSION_FLAG, SCOPE_ABI = 444, 1, 6
WHO = [("--user=root",), ("--user=agent",), ("--user=agent", "--agent-caps=net_raw,net_admin,sys_admin,sys_ptrace")]
WHO_IDS = ["root", "user", "user with capabilities"]


@pytest.fixture(params=WHO, ids=WHO_IDS)
def agent(request, box):
    with Agent(box, *request.param) as started:
        yield started


@pytest.fixture
def scoped():
    version = ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG)
    if version < SCOPE_ABI:
        pytest.skip(f"this kernel's Landlock has no scopes (ABI {version})")


def test_system_call_filter(agent):
    assert agent.do("try", *FILTERED) == FILTERED


def test_without_the_filter_they_would_work_or_fail_otherwise(box):
    """So the outcomes above are the filter's."""
    outside = box.run(["try", *FILTERED], program="/probe").json
    assert outside["clone-user"] == outside["clone-user-net"] == outside["unshare-user"] == outside["clone3-plain"] == "OK"
    assert outside["socket-alg"] != "EPERM" and outside["io-uring"] != "ENOSYS"


def test_calls_of_another_architecture_end_the_process(box, agent):
    if box.run(["try", "int80"], program="/probe").json["int80"] != "OK":
        pytest.skip("this kernel runs no 32-bit calls")
    assert agent.do("try", "int80") == {"int80": "SIGSYS"}


def test_what_agents_need_still_works(agent):
    assert agent.do("try", *UNHARMED) == dict.fromkeys(UNHARMED, "OK")


def test_init_is_out_of_reach(agent):
    assert agent.do("try", *OUT_OF_REACH) == OUT_OF_REACH


@pytest.mark.parametrize("user", WHO[:2], ids=WHO_IDS[:2])
def test_the_machine_is_out_of_reach(box, user):
    with Agent(box, *user) as agent:
        outcomes = agent.do("try", *FORBIDDEN)
        refused = {"EPERM", "EACCES", "EROFS"}
        assert [name for name, outcome in outcomes.items() if outcome not in refused
                and not (outcome == "ENOSYS" and name in NOT_IN_EVERY_KERNEL)] == []


def test_a_user_cannot_become_another(box):
    with Agent(box, "--user=agent") as agent:
        assert agent.do("try", "setuid-0", "setgid-0", "setgroups") == {
            "setuid-0": "EPERM", "setgid-0": "EPERM", "setgroups": "EPERM"}


def test_signals_do_not_leave_the_jail(agent, scoped):
    assert agent.do("try", "kill-init")["kill-init"] == "EPERM"
    assert agent.do("try", "kill-init-term")["kill-init-term"] == "EPERM"
    assert agent.process.running() and agent.do("try", "fork") == {"fork": "OK"}


def test_processes_of_the_container_are_out_of_reach(agent, scoped):
    """Those of the same user, and though they are in the same pid namespace."""
    uid = agent.do("status")["Uid"][0]
    with agent.process.exec(["/probe", "signals"], user=uid) as other:
        other.expect("ready")
        pid = other.status()["NSpid"].split()[-1]
        assert agent.do("peer", pid) == {"kill": "EPERM", "read-mem": "EACCES", "read-environ": "EACCES", "vm-read": "EPERM",
                                         "get-fd": "EPERM", "ptrace": "EPERM"}
        assert "CONT" not in other.out
        # A process of the container may do all that to its like.
        third = agent.process.exec_run(["/probe", "peer", pid], user=uid).json
        assert third["kill"] == third["read-environ"] == third["ptrace"] == "OK"


def test_agents_own_children_are_within_reach(agent):
    agent.spawn("ignore-term")
    jailed = agent.process.jail_pid()
    children = [int(pid) for pid in open(f"/proc/{jailed}/task/{jailed}/children").read().split()]
    pid = agent.process.status(children[0])["NSpid"].split()[-1]
    assert agent.do("peer", pid)["kill"] == "OK"


def test_processes_of_the_container_are_not_confined(agent):
    """The filter is the agent's and its children's: what a user runs beside it is as free as before."""
    status = agent.do("status")
    assert (status["Seccomp"], status["NoNewPrivs"]) == (2, 1)
    beside = agent.process.exec_run(["/probe", "status"]).json
    assert (beside["Seccomp"], beside["NoNewPrivs"]) == (0, 0)
