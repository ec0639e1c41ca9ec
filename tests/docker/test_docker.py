# SPDX-License-Identifier: MIT
"""The main job in a container of a real engine: what the agent reaches, what it and PID 1 may do, what comes back, and
what is said when the container's options do not allow the best jail, or any. What a remedy says is tried, and works.
"""

import re
import shutil
import statistics
import subprocess
import types

import pytest

import images
import sandbox
from agent import allow
from containers import (
    AT_ONCE, CAPABILITY_SETS, NET_ADMIN, NO_CAPABILITY, denials, main_job, refusal, status_of, words, worked, works,
)
from engine import MACHINE_V4, PATH
from wire import Wire

NET_ADMIN_AND_KILL = f"{1 << 12 | 1 << 5:016x}"
ALL_IDS = ["0", "0", "4294967295"]


# ---- the network


def test_agent_reaches_what_a_rule_allows(net, jails):
    result = jails.run([*allow(f"{net.allowed.v4} port=80"), "--", "/probe", "connect", net.allowed.v4, "80"])
    assert (result.code, result.json["reply"], result.err) == (0, f"allowed {MACHINE_V4}", "")


@pytest.mark.parametrize("command, errno", [("connect", "ECONNREFUSED"), ("udp", "EPERM")])
@pytest.mark.parametrize("what", ["host", "port"])
def test_agent_is_refused_all_else_at_once(net, jails, command, errno, what):
    address, port = {"host": (net.denied.v4, 80), "port": (net.allowed.v4, 443)}[what]
    one = [command, address, str(port), ","]
    rules = allow(f"{net.allowed.v4} port=80", f"{net.allowed.v4} proto=udp port=80")
    with Wire(net, types.SimpleNamespace(link=jails.engine.net.name)) as wire:
        result = jails.run([*rules, "--", "/probe", "seq", *one * 9, "connect", net.allowed.v4, "80"])
        *tries, reached = result.jsons
        assert wire.packets(destination=net.allowed.v4, destination_port=80)
        assert not wire.packets(destination=address, destination_port=port)
    assert (result.code, reached["reply"], words(result)) == (0, f"allowed {MACHINE_V4}", "")
    protocol = {"connect": "tcp", "udp": "udp"}[command]
    assert len(denials(result, event="packet", proto=protocol, address=address, port=port)) == len(tries)
    assert {one["errno"] for one in tries} == {errno}
    assert statistics.median(one["us"] for one in tries) < AT_ONCE


def test_no_rule_reaches_nothing(net, jails):
    result = jails.run(["/probe", "seq", "connect", net.allowed.v4, "80", ",", "udp", net.allowed.v4, "8080", ",",
                        "connect", jails.engine.net.v4, "80"])
    assert [one["errno"] for one in result.jsons] == ["ECONNREFUSED", "EPERM", "ECONNREFUSED"]
    assert (result.code, words(result)) == (1, "")


def test_image_fixes_rules_and_the_deployment_adds_more(net, jails):
    image = images.build(jails.engine, "with-rule", f"""\
FROM {jails.image}
ENV BOUNDARY_ALLOW="cidr={net.allowed.v4} port=80" BOUNDARY_USER=agent OTHER=stays
CMD ["/probe", "seq", "status", ",", "connect", "{net.allowed.v4}", "80", ",", "connect", "{net.denied.v4}", "80"]
""")
    jails = jails.having(image=image)
    first = jails.run([])
    status = works(net, first)
    assert status["Uid"] == [1000] * 4 and status["environ"]["OTHER"] == "stays"
    assert not [name for name in status["environ"] if name.startswith("BOUNDARY_")]

    both = jails.run([*allow(f"{net.denied.v4} port=80"), "--user", "0", "/probe", "seq", "status", ",",
                      "connect", net.allowed.v4, "80", ",", "connect", net.denied.v4, "80"])
    status, one, other = both.jsons
    assert (both.code, both.err, status["Uid"]) == (0, "", [0] * 4)
    assert [one["reply"], other["reply"]] == [f"allowed {MACHINE_V4}", f"denied {MACHINE_V4}"]

    replaced = jails.run([], "--env", f"BOUNDARY_ALLOW=cidr={net.denied.v4}")
    assert (replaced.code, words(replaced)) == (0, "")
    assert [one.get("errno") for one in replaced.jsons[1:]] == ["ECONNREFUSED", "OK"]


# ---- privileges


def test_capabilities_and_namespaces(net, jails):
    with jails.start([*allow(net.allowed.v4), "--", "/probe", "seq", "status", ",", "sleep"]) as container:
        container.expect("ready")
        agent = container.logs().json
        beside = container.probe("status")
        init = status_of(container.pid())
    assert {name: init[name] for name in CAPABILITY_SETS} == {
        "CapInh": NO_CAPABILITY, "CapPrm": NET_ADMIN, "CapEff": NET_ADMIN, "CapBnd": NET_ADMIN, "CapAmb": NO_CAPABILITY}
    assert (init["NoNewPrivs"], init["Seccomp"]) == ("1", "2")
    assert {name: agent[name] for name in CAPABILITY_SETS} == dict.fromkeys(CAPABILITY_SETS, NO_CAPABILITY)
    assert (agent["NoNewPrivs"], agent["Seccomp"], agent["Uid"], agent["Gid"]) == (1, 2, [0] * 4, [0] * 4)
    assert agent["uid_map"].split() == agent["gid_map"].split() == ALL_IDS
    assert agent["NSpid"] != [1] and agent["PPid"] == 1
    differ = {name for name in agent["ns"] if agent["ns"][name] != beside["ns"][name]}
    assert differ == {"user", "net"}


def test_interfaces(jails):
    with jails.start(["/probe", "seq", "status", ",", "sleep"]) as container:
        container.expect("ready")
        inside, beside = container.logs().json["interfaces"], container.probe("status")["interfaces"]
        own = container.address()
    assert sorted(inside) == ["eth0", "lo"] and inside["lo"] == {"up": True, "addresses": ["127.0.0.1/8", "::1/128"]}
    assert sorted(beside) == ["eth0", "jail0", "lo"] and beside["eth0"]["addresses"] == [f"{own}/16"]
    assert inside["eth0"]["up"] and beside["jail0"]["up"]
    wire = [inside["eth0"]["addresses"][0], beside["jail0"]["addresses"][0]]
    assert all(address.endswith("/31") for address in wire) and wire[0] != wire[1]


def test_agent_finds_its_container_as_without_a_jail(jails):
    result = jails.run(["/probe", "status"], "--workdir", "/etc", "--env", "COLOUR=blue", "--hostname", "here",
                       "--group-add", "2000", "--ulimit", "nofile=500:500")
    status = result.json
    assert (result.code, result.err, status["cwd"]) == (0, "", "/etc")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert status["environ"] == {"PATH": path, "HOME": "/root", "HOSTNAME": "here", "COLOUR": "blue"}
    assert status["Groups"] == [0, 2000] and sorted(status["fds"]) == ["0", "1", "2"]
    assert "Max open files            500" in status["limits"]


def test_agent_cannot_do_what_the_profile_lets_init_do(jails):
    """The rule that lets init make its namespaces is in force for the agent as well, but for its own filter."""
    expected = {
        "fork": "OK", "clone-user-net": "EPERM", "clone-user": "EPERM", "unshare-user": "EPERM",
        "clone3-user": "ENOSYS", "nft-table": "EPERM", "addr-add": "EPERM", "mount": "EPERM", "socket-inet": "OK",
        "socket-vsock": "EAFNOSUPPORT", "socket-raw": "EPERM", "kill-init-term": "EPERM", "read-init-mem": "EACCES",
        "setns-init-net": "EACCES"}
    result = jails.run(["/probe", "try", *expected])
    assert (result.code, result.json, result.err) == (0, expected, "")


@pytest.mark.parametrize("user", ["agent", "nogroup", "3000:2001"])
def test_user_is_whom_docker_would_make_it(net, jails, user):
    """--user of boundary-init against 'docker run --user': ids, supplementary groups and HOME are the same."""
    docker = jails.engine.run("run", "--rm", "--user", user, "--entrypoint", "/probe", jails.image, "status").json
    status = works(net, jails.run(main_job(net, "--user", user)))
    assert status["Uid"][0] in (1000, 1001, 3000)
    for name in "Uid", "Gid", "Groups":
        assert status[name] == docker[name]
    assert status["environ"]["HOME"] == docker["environ"]["HOME"]


def test_unknown_user(jails):
    said = refusal(jails.run(["--user", "nobody-here", "--", "/probe", "say", "hello"]))
    assert said.startswith("user: ") and "nobody-here" in said and "/etc/passwd" in said


# ---- what comes back


@pytest.mark.parametrize("command, code", [(["exit", "0"], 0), (["exit", "42"], 42), (["kill-self", "11"], 139)])
def test_exit_code(jails, command, code):
    result = jails.run(["/probe", *command])
    assert (result.code, result.out, result.err) == (code, "", "")


@pytest.mark.parametrize("program, code, said", [
    ("/missing", 127, "boundary-init: exec: '/missing': not found. "),
    ("missing", 127, "boundary-init: exec: 'missing': not found. "),
    ("/etc/passwd", 126, "boundary-init: exec: '/etc/passwd': Permission denied. "),
])
def test_program_that_cannot_run(jails, program, code, said):
    result = jails.run(["--", program])
    assert (result.code, result.out) == (code, "") and result.err.startswith(said) and result.err.count("\n") == 1


def test_streams_stay_apart(jails):
    result = jails.run(["/probe", "seq", "say", "out", ",", "to", "2", "say", "err"])
    assert (result.code, result.out, result.err) == (0, "out\n", "err\n")


def test_log_holds_the_agents_output_only(net, jails):
    agent = ["/probe", "seq", "say", "one", ",", "spawn", "to", "2", "say", "two", ",", "sleep"]
    with jails.start([*allow(net.allowed.v4), "--publish", "8080", "--user", "agent", "--", *agent]) as container:
        container.expect("ready")
        container.stop()
        logs = container.logs()
    assert (logs.out, logs.err) == ("one\nready\n", "two\n")


@pytest.mark.parametrize("arguments, said", [
    (["--allow", "cidr=10.0.0.0/33", "--", "/probe"], "rule: 'cidr=10.0.0.0/33', column 6: "),
    (["--no-such", "--", "/probe"], "options: option '--no-such': unknown. "),
    ([], "options: program: missing. "),
])
def test_bad_input(jails, arguments, said):
    assert refusal(jails.run(arguments)).startswith(said)


def test_bad_environment(jails):
    result = jails.run(["/probe", "say", "hello"], "--env", "BOUNDARY_GRACE=soon")
    assert refusal(result).startswith("options: BOUNDARY_GRACE 'soon': not a number of seconds. ")


def test_plan_is_printed_and_not_carried_out(net, jails):
    result = jails.run(["--print-plan", *main_job(net)])
    assert (result.code, result.err, result.jsons) == (0, "", [])
    assert all(word in result.out for word in ("jail0", net.allowed.v4, "/probe"))


# ---- options of the container that do no harm


@pytest.mark.parametrize("options", [
    ["--security-opt", "no-new-privileges"],
    ["--read-only"],
    ["--read-only", "--security-opt", "no-new-privileges", "--cap-drop", "ALL", "--cap-add", "SETFCAP"],
    ["--sysctl", "net.ipv4.ip_forward=0"],
    ["--sysctl", "net.ipv4.ip_forward=1"],
    ["--memory", "64m", "--pids-limit", "10"],
], ids=" ".join)
def test_hardened_container(net, jails, options):
    works(net, jails.run(main_job(net), *options))


def test_without_any_filter(net, jails):
    jails = jails.having(flags=["--cap-add", "NET_ADMIN", "--security-opt", "seccomp=unconfined"])
    assert works(net, jails.run(main_job(net)))["Seccomp"] == 2  # the agent's own


def test_profile_is_that_of_the_readme(profile, tmp_path):
    """The command there, as it stands, makes it of Moby's."""
    readme = (images.ROOT / "README.md").read_text()
    command = re.search(r"^ *(boundary-init --seccomp-profile .*)$", readme, re.MULTILINE)
    shutil.copy(images.MOBY_PROFILE, tmp_path / "default.json")
    environment = {"PATH": f"{sandbox.INIT.parent}:{PATH}"}
    subprocess.run(["sh", "-ec", command[1]], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "boundary.json").read_bytes() == profile.read_bytes()


@pytest.mark.parametrize("option", ["--init", "--pid=host"])
def test_not_as_pid_1(net, jails, option):
    if option == "--init" and not shutil.which("docker-init", path=PATH):
        pytest.skip("docker-init is not installed")
    assert works(net, jails.run(main_job(net), option))["PPid"] != 1


def test_no_jail_at_all_needs_no_option(jails):
    result = jails.having(flags=[]).run(["--jail=none", "--", "/probe", "seq", "status", ",", "exit", "7"])
    assert (result.code, result.err, result.json["PPid"]) == (7, "", 1)
    assert sorted(result.json["interfaces"]) == ["eth0", "lo"]


# ---- which jail the options of the container allow; all of them are in tests/matrix


@pytest.mark.parametrize("options, mode", [
    (["--cap-add", "NET_ADMIN"], "container"),
    (["--cap-add", "SYS_ADMIN"], "loopback"),
    (["--cap-add", "NET_ADMIN", "--cap-add", "SYS_ADMIN"], "veth"),
], ids=lambda options: options if isinstance(options, str) else " ".join(options))
def test_best_jail_with_the_default_profile(net, jails, options, mode):
    """Docker's own, unmodified. With CAP_SYS_ADMIN it lets clone pass."""
    works(net, jails.having(flags=options).run(main_job(net)), mode)


def test_net_admin_alone_with_the_default_profile(net, jails):
    jails = jails.having(flags=["--cap-drop", "ALL", "--cap-add", "NET_ADMIN"])
    works(net, jails.run(main_job(net)), "container", bounding=NET_ADMIN)
    works(net, jails.run(main_job(net), "--cap-add", "SETPCAP"), "container")


@pytest.mark.parametrize("user", ["0", "1000"])
def test_no_capability_is_needed_where_clone_passes(net, jails, profile, user):
    few = ["--security-opt", f"seccomp={profile}", "--user", user]
    assert works(net, jails.having(flags=few).run(main_job(net)), "loopback")["Uid"] == [int(user)] * 4


def test_root_that_cannot_be_mapped_is_nobody(net, jails, profile):
    few = ["--security-opt", f"seccomp={profile}", "--cap-drop", "ALL"]
    result = jails.having(flags=few).run(main_job(net))
    warning, told = words(result).splitlines()
    assert warning == ("boundary-init: warning: agent: uid 0 cannot be mapped into its user namespace, so it sees "
                       "itself as nobody. Add --cap-add SETFCAP")
    assert told == "boundary-init: jail: loopback; not veth, container: CAP_NET_ADMIN is missing"
    status, reached, refused = result.jsons
    assert (status["Uid"], reached["errno"], refused["errno"]) == ([65534] * 4, "OK", "ECONNREFUSED")
    works(net, jails.having(flags=[*few, "--cap-add", "SETFCAP"]).run(main_job(net)), "loopback")


def test_plain_docker_run(net, jails):
    """One line, and what it says makes the container work."""
    said = refusal(jails.having(flags=[]).run(main_job(net)))
    assert said == ("jail: no mode is possible here: veth, container: CAP_NET_ADMIN is missing; loopback: namespaces: "
                    "blocked by the seccomp profile. Add --cap-add NET_ADMIN")
    works(net, jails.having(flags=["--cap-add", "NET_ADMIN"]).run(main_job(net)), "container")


def test_plain_docker_run_as_a_user(net, jails, profile):
    """A capability would not help it."""
    for flags in [], ["--cap-add", "NET_ADMIN"]:
        cause, remedy = refusal(jails.having(flags=["--user", "1000", *flags]).run(main_job(net))).split(". ")
        assert cause.startswith("jail: no mode is possible here: veth, container: CAP_NET_ADMIN is missing")
        assert cause.endswith("; loopback: namespaces: blocked by the seccomp profile")
        assert remedy == "Start with --security-opt seccomp=FILE, a profile made by boundary-init --seccomp-profile"
    works(net, jails.having(flags=["--user", "1000", "--security-opt", f"seccomp={profile}"]).run(main_job(net)),
          "loopback")


@pytest.mark.parametrize("mode", ["veth", "loopback"])
def test_jail_that_was_asked_for_and_needs_the_profile(net, jails, mode):
    """The line names seccomp, which it was, and not what it was not. No other jail takes its place."""
    said = refusal(jails.having(flags=["--cap-add", "NET_ADMIN"]).run(main_job(net, f"--jail={mode}")))
    assert said == ("preflight: namespaces: blocked by the seccomp profile. Start with --security-opt seccomp=FILE, a "
                    "profile made by boundary-init --seccomp-profile")


@pytest.mark.parametrize("mode", ["veth", "container"])
def test_jail_that_was_asked_for_and_needs_net_admin(net, jails, profile, mode):
    said = refusal(jails.having(flags=["--security-opt", f"seccomp={profile}"]).run(main_job(net, f"--jail={mode}")))
    assert said == f"plan: jail {mode}: CAP_NET_ADMIN is missing. Add --cap-add NET_ADMIN"


def test_root_without_setfcap(net, jails, profile):
    few = ["--security-opt", f"seccomp={profile}", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN"]
    works(net, jails.having(flags=few).run(main_job(net)), "container", bounding=NET_ADMIN)
    said = refusal(jails.having(flags=few).run(main_job(net, "--jail=veth")))
    cause, remedy = said.split(". ", 1)
    assert said.startswith("plan: uid map: ") and "CAP_SETFCAP is missing" in cause
    assert "--cap-add SETFCAP" in remedy and "--user" in remedy

    first = works(net, jails.having(flags=[*few, "--cap-add", "SETFCAP"]).run(main_job(net)))
    assert first["uid_map"].split() == ["0", "0", "1"]

    said = refusal(jails.having(flags=few).run(main_job(net, "--jail=veth", "--user", "agent")))
    assert "CAP_SETUID or CAP_SETGID is missing" in said and "--cap-add SETUID --cap-add SETGID" in said
    more = jails.having(flags=[*few, "--cap-add", "SETUID", "--cap-add", "SETGID"])
    assert works(net, more.run(main_job(net, "--user", "agent")))["Uid"] == [1000] * 4


def test_container_that_starts_as_a_user(net, jails):
    """It has a jail without NET_ADMIN, and reads how to have the one with."""
    assert works(net, jails.run(main_job(net), "--user", "1000:1000"), "loopback")["Uid"] == [1000] * 4
    said = refusal(jails.run(main_job(net, "--jail=veth"), "--user", "1000:1000"))
    cause, remedy = said.split(". ", 1)
    assert cause == "plan: jail veth: CAP_NET_ADMIN is missing, because uid 1000 starts without capabilities"
    assert "--user" in remedy and "setcap cap_net_admin+p /sbin/boundary-init" in remedy


@pytest.fixture(scope="module")
def image_with_file_capability(jails):
    return images.import_agent_image_with_capability(jails.engine)


def test_container_that_starts_as_a_user_with_a_file_capability(net, jails, image_with_file_capability):
    jails = jails.having(image=image_with_file_capability)
    status = works(net, jails.run(main_job(net), "--user", "1000:1000"))
    assert (status["Uid"], status["uid_map"].split()) == ([1000] * 4, ["1000", "1000", "1"])


# ---- without a user namespace


@pytest.fixture
def without_userns(jails):
    """Docker's default profile: with CAP_SYS_ADMIN it allows clone."""
    return jails.having(flags=["--cap-add", "NET_ADMIN", "--cap-add", "SYS_ADMIN"])


def test_no_userns(net, without_userns):
    with without_userns.start([*main_job(net, "--no-userns"), ",", "sleep"]) as container:
        container.expect("ready")
        beside, init = container.probe("status"), status_of(container.pid())
        container.stop()
        agent = worked(net, container.logs())
        assert container.code() == 128 + 15
    assert agent["ns"]["user"] == beside["ns"]["user"] and agent["ns"]["net"] != beside["ns"]["net"]
    assert init["CapPrm"] == init["CapEff"] == init["CapBnd"] == NET_ADMIN


def test_no_userns_with_a_user(net, without_userns):
    """The agent's uid is not init's: to pass signals on, init keeps CAP_KILL."""
    with without_userns.start(["--no-userns", "--user", "agent", "--", "/probe", "signals", "9"]) as container:
        container.expect("ready")
        init = status_of(container.pid())
        assert container.stop() < 1
        assert (container.code(), container.logs().out, container.logs().err) == (9, "ready\n15 TERM\n", "")
    assert init["CapPrm"] == init["CapEff"] == init["CapBnd"] == NET_ADMIN_AND_KILL


def test_no_userns_without_sys_admin(net, jails):
    said = refusal(jails.run(main_job(net, "--no-userns", "--jail=veth")))
    assert said == ("plan: --no-userns: CAP_SYS_ADMIN is missing. Add --cap-add SYS_ADMIN, or leave --no-userns away")
