# SPDX-License-Identifier: MIT
"""The ground on which the other tests stand: without boundary-init, a container of the sandbox reaches everything.

If one of these fails, a refusal seen elsewhere may be the sandbox's own. The probe is PID 1 here.
"""

import os
import signal
import time

import pytest

import namespaces
import sandbox
from wire import Wire


def probe(box, *arguments, **options):
    return box.run(arguments, program="/probe", **options)


@pytest.mark.parametrize("command", ["connect", "udp"])
@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("name", ["allowed", "denied"])
@pytest.mark.parametrize("port", sandbox.PORTS.split(","))
def test_container_reaches_every_server_with_its_own_address(net, box, command, family, name, port):
    result = probe(box, command, getattr(getattr(net, name), family), port)
    assert (result.code, result.json["reply"]) == (0, f"{name} {getattr(box, family)}")


def test_container_pings(net, box):
    result = probe(box, "seq", "ping", net.denied.v4, ",", "ping", net.denied.v6)
    assert [line["result"] for line in result.jsons] == ["ok", "ok"]


def test_hosts_and_neighbours_reach_a_server_in_the_container(net, box):
    with box.start(["serve", "::", "8080", "box"], program="/probe") as server:
        server.expect("ready")
        for client in net.allowed, net.denied:
            for family in "v4", "v6":
                result = client.probe("connect", getattr(box, family), "8080")
                assert result.json["reply"] == f"box {getattr(client, family)}"


def test_first_packets_are_not_late(net):
    """A new wire may swallow its first packet for a second; the sandbox must not, or tests would blame the product."""
    for _ in range(20):
        with net.container() as box:
            result = probe(box, "seq", "connect", net.allowed.v4, "80", ",", "connect", net.allowed.v6, "80")
            assert [line["result"] for line in result.jsons] == ["ok", "ok"]
            assert max(line["us"] for line in result.jsons) < 200_000


def test_without_ipv6(net):
    with net.container(ipv6=False) as box:
        result = probe(box, "seq", "connect", net.allowed.v4, "80", ",", "connect", net.allowed.v6, "80", ",", "status")
        reached, not_reached, status = result.jsons
        assert reached["result"] == "ok"
        assert not_reached["result"] == "error"
        assert status["interfaces"]["eth0"]["addresses"] == [f"{box.v4}/24"]


def test_without_ipv6_on_new_links(net):
    with net.container(ipv6_on_new_links=False) as box:
        assert probe(box, "connect", net.allowed.v6, "80").json["reply"] == f"allowed {box.v6}"
        box.ip("link add left type veth peer name right\nlink set left up\nlink set right up")
        assert probe(box, "status").json["interfaces"]["left"] == {"up": True, "addresses": []}


@pytest.mark.parametrize("caps", [sandbox.DOCKER_CAPS | sandbox.NET_ADMIN, sandbox.NET_ADMIN, frozenset()])
def test_capabilities_of_root(net, caps):
    with net.container(caps=caps) as box:
        status = probe(box, "status").json
    for name in "CapPrm", "CapEff", "CapBnd":
        assert namespaces.capability_names(status[name]) == caps
    assert (status["CapInh"], status["CapAmb"]) == ("0" * 16, "0" * 16)


def test_another_user_has_no_capability(box):
    status = probe(box, "status", user=1000, groups=(2000,), cwd="/home/agent").json
    assert status["Uid"] == [1000] * 4 and status["Gid"] == [1000] * 4 and status["Groups"] == [2000]
    assert namespaces.capability_names(status["CapPrm"]) == set()
    assert namespaces.capability_names(status["CapBnd"]) == box.caps
    assert status["cwd"] == "/home/agent"


def test_pid_1_of_its_own_namespaces(box):
    status = probe(box, "status", env={"COLOUR": "blue", "HOME": None}).json
    assert (status["Pid"], status["PPid"], status["sid"], status["pgid"]) == (1, 0, 1, 1)
    assert status["environ"] == {"PATH": sandbox.CONTAINER_ENV["PATH"], "HOSTNAME": "box", "COLOUR": "blue"}
    for kind in "net", "pid", "mnt", "uts", "ipc":
        assert status["ns"][kind] != os.readlink(f"/proc/self/ns/{kind}")
    assert sorted(status["fds"]) == ["0", "1", "2"]


def test_proc_sys_is_writable_only_on_demand(net):
    for writable, expected in (False, "EROFS"), (True, "OK"):
        with net.container(writable_proc_sys=writable) as box:
            assert probe(box, "try", "write-ip-forward").json == {"write-ip-forward": expected}


def test_user_namespaces_can_be_forbidden(net, box):
    assert probe(box, "try", "clone-user").json == {"clone-user": "OK"}
    with net.container(user_namespaces=False, caps=sandbox.DOCKER_CAPS | {"net_admin", "sys_admin"}) as without:
        result = probe(without, "seq", "try", "clone-user", "clone-net", "addr-add", ",",
                       "connect", net.allowed.v4, "80")
        assert result.jsons[0] == {"clone-user": "ENOSPC", "clone-net": "OK", "addr-add": "OK"}
        assert result.jsons[1]["result"] == "ok"


def test_input_output_and_exit_code(box):
    result = probe(box, "cat", stdin="to be copied\n")
    assert (result.code, result.out, result.err) == (0, "to be copied\n", "")
    result = probe(box, "exit", "41")
    assert (result.code, result.out, result.err) == (41, "", "")
    result = probe(box, "nonsense")
    assert (result.code, result.out, result.err) == (64, "", "probe: usage: nonsense\n")


def test_terminal(box):
    with box.start(["cat"], program="/probe", tty=True) as process:
        process.write("typed\n")
        process.expect("typed\r\ntyped\r\n")  # the echo, and what cat writes
        process.write(b"\x04")
        assert process.wait().code == 0
    status = box.run_tty(["status"], program="/probe").json
    assert status["terminal"] == {"isatty": [True] * 3, "foreground": 1, "rows": 24, "columns": 80}
    assert set(status["fds"].values()) == {"/dev/pts/0"}


def test_odd_start(box):
    def prepare():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.close(0)

    status = probe(box, "status", prepare=prepare).json
    assert int(status["SigIgn"], 16) >> signal.SIGCHLD - 1 & 1
    assert int(status["SigBlk"], 16) == 1 << signal.SIGTERM - 1
    assert "0" not in status["fds"]


def test_signals_reach_pid_1_in_time(box):
    with box.start(["signals", "7"], program="/probe") as process:
        process.expect("ready")
        for number, line in (signal.SIGHUP, "01 HUP"), (33, "33 RT33"), (64, "64 RT64"):
            process.signal(number)
            process.expect(line)
        process.signal(signal.SIGTERM)
        assert process.wait().code == 7


def test_exec_joins_the_container(net, box):
    with box.start(["sleep"], program="/probe") as process:
        process.expect("ready")
        assert process.exec_run(["/probe", "connect", net.denied.v4, "80"]).json["reply"] == f"denied {box.v4}"
        status = process.exec_run(["/probe", "status"], user=1000).json
        assert status["Uid"] == [1000] * 4 and status["PPid"] == 0
        for kind in "net", "pid", "mnt", "uts", "ipc":
            assert status["ns"][kind] == os.readlink(process.proc / "ns" / kind)
        assert process.exec_run(["/probe", "status"], tty=True).json["terminal"]["isatty"] == [True] * 3


def test_network_outlives_pid_1(net, box):
    probe(box, "exit", "0")
    box.ip("link add left type veth peer name right")
    assert "left" in probe(box, "status").json["interfaces"]


def test_nothing_is_left_when_pid_1_dies(box):
    commands = ["seq", "spawn", "ignore-term", ",", "spawn", "ignore-term", ",", "sleep"]
    with box.start(commands, program="/probe") as process:
        process.expect("ready\nready\nready\n")
        left = [os.pidfd_open(pid) for pid in process.children()]
        assert len(left) == 2
        process.kill()
    for fd in left:
        with pytest.raises(ProcessLookupError):
            signal.pidfd_send_signal(fd, 0)
        os.close(fd)


def test_a_hanging_program_is_reported_with_its_output(box):
    started = time.monotonic()
    with pytest.raises(sandbox.Hung, match="ready"):
        probe(box, "sleep", timeout=0.2)
    assert time.monotonic() - started < 2


def test_wire_sees_packets(net, box):
    with Wire(net, box) as wire:
        probe(box, "seq", "connect", net.allowed.v4, "443", ",", "udp", net.allowed.v6, "53")
        assert wire.packets(source=box.v4, destination=net.allowed.v4, protocol=6, destination_port=443)
        assert wire.packets(source=box.v6, destination=net.allowed.v6, protocol=17, destination_port=53)
        assert not wire.packets(destination=net.denied.v4)


def test_forged_source_gets_out(net, box):
    with Wire(net, box) as wire:
        probe(box, "seq", "spoof", "9.9.9.9", net.denied.v4, "80", ",", "spoof", "2001:db8::9", net.denied.v6, "80")
        assert wire.packets(source="9.9.9.9", destination=net.denied.v4, protocol=17)
        assert wire.packets(source="2001:db8::9", destination=net.denied.v6, protocol=17)


def test_every_attempt_has_an_outcome(box):
    outcomes = probe(box, "try").json
    assert outcomes["socket-inet"] == outcomes["fork"] == outcomes["kill-init"] == outcomes["nft-table"] == "OK"
    assert "not run" not in outcomes.values()


def test_orphans_of_a_pid_1_that_does_not_reap_are_seen(box):
    result = probe(box, "orphans", "3")
    assert (result.code, result.json) == (1, {"made": 3, "zombies": 3})


def test_machine_is_untouched(net, box):
    """Nothing of the sandbox may be visible from the machine's own namespaces."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        assert str(box.root) not in mounts.read()
    with open("/proc/net/dev", encoding="utf-8") as links:
        assert box.link not in links.read()
