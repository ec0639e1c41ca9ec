# SPDX-License-Identifier: MIT
"""The terminal: whose it is, what its keys do, and a shell with job control above boundary-init."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import termios
import time

import pytest

import ways

CTRL_C, CTRL_D, CTRL_BACKSLASH, CTRL_Z = b"\x03", b"\x04", b"\x1c", b"\x1a"
PROMPT = "ready> "


def no_echo():
    """Before the start, so that what appears is output, not what was typed."""
    attributes = termios.tcgetattr(0)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(0, termios.TCSANOW, attributes)


def foreground_group(process):
    """Of its terminal, as a pid of the machine; the field tpgid of proc_pid_stat(5)."""
    fields = (process.proc / "stat").read_text().rpartition(")")[2].split()
    return int(fields[5])


def group_of(pid):
    return os.getpgid(pid)


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return [int(child) for child in children.read().split()]


# ---- one agent on a terminal


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_the_terminal_is_the_agents(box, way):
    with way.start(box, ["/probe", "seq", "status", ",", "sleep"], tty=True) as process:
        process.expect("ready")
        status = process.jsons[-1]
        assert status["terminal"] == {"isatty": [True] * 3, "foreground": status["pgid"], "rows": 24, "columns": 80}
        assert set(status["fds"].values()) == {"/dev/pts/0"}
        agent = ways.agent_of(process)
        assert foreground_group(process) == group_of(agent) == agent
        assert group_of(process.pid) == process.pid


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_the_agent_reads_what_is_typed(box, way):
    with way.start(box, ["/probe", "cat"], tty=True) as process:
        process.write("typed\n")
        process.expect("typed\r\ntyped\r\n")
        process.write(CTRL_D)
        assert process.wait().code == 0


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_keys_arrive_once(box, way):
    with way.start(box, ["/probe", "signals", "7"], tty=True, prepare=no_echo) as process:
        process.expect("ready")
        for key, line in (CTRL_C, "02 INT"), (CTRL_BACKSLASH, "03 QUIT"), (CTRL_Z, "20 TSTP"), (CTRL_C, "02 INT"):
            before = len(process.out)
            process.write(key)
            process.expect(f"{line}\r\n", start=before)
        process.signal(signal.SIGTERM)
        result = process.wait()
    assert result.code == 7
    assert re.findall(r"\d\d [A-Z]+", result.out) == ["02 INT", "03 QUIT", "20 TSTP", "02 INT", "15 TERM"]


@pytest.mark.parametrize("way", ways.JAILED, ids=str)
def test_keys_are_not_for_the_gate(box, way):
    with way.start(box, ["/probe", "signals", "7"], tty=True, prepare=no_echo) as process:
        process.expect("ready")
        gate = ways.gate_of(process)
        assert group_of(gate) == gate
        for key, line in (CTRL_C, "02 INT"), (CTRL_BACKSLASH, "03 QUIT"), (CTRL_Z, "20 TSTP"):
            process.write(key)
            process.expect(f"{line}\r\n")
        process.resize(50, 132)
        process.expect("28 WINCH")
        status = process.status(gate)
        assert (status["SigPnd"], status["ShdPnd"], status["State"][0]) == ("0" * 16, "0" * 16, "S")
        assert ways.gate_of(process) == gate


@pytest.mark.parametrize("way", ways.ALL, ids=str)
@pytest.mark.parametrize("key,number", [(CTRL_C, signal.SIGINT), (CTRL_BACKSLASH, signal.SIGQUIT)])
def test_init_survives_a_key_that_ends_the_agent(box, way, key, number):
    with way.start(box, ["/probe", "sleep"], tty=True) as process:
        process.expect("ready")
        process.write(key)
        assert process.wait().code == 128 + number


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_the_size_of_the_window(box, way):
    with way.start(box, ["/probe", "signals"], tty=True) as process:
        process.expect("ready")
        process.resize(50, 132)
        process.expect("28 WINCH")
        process.signal(signal.SIGHUP)
        assert process.expect("01 HUP").count("WINCH") == 1
    with way.start(box, ["/probe", "seq", "cat", ",", "status"], tty=True) as process:
        process.write("up\n")
        process.expect("up\r\nup")
        process.resize(50, 132)
        process.write(CTRL_D)
        terminal = process.wait().json["terminal"]
        assert (terminal["rows"], terminal["columns"]) == (50, 132)


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_the_end_of_the_terminal_is_a_hangup(box, way):
    """The kernel tells the session's leader, which is init, and the foreground group, which is the agent."""
    with way.start(box, ["/probe", "sleep"], tty=True) as process:
        process.expect("ready")
        children = [os.pidfd_open(pid) for pid in process.children()]
        process.hang_up()
        assert process.wait().code == 128 + signal.SIGHUP
        for child in children:
            assert select.select([child], [], [], 0)[0], "the agent or the gate is still there"
            os.close(child)


# ---- terminals that do not work as usual


def lose_dev_tty():
    os.unlink("/dev/tty")


def leave_only_standard_error():
    """As with 'program </dev/null | cat': only the errors go to the terminal."""
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_without_dev_tty(box, way):
    with way.start(box, ["/probe", "sleep"], tty=True, prepare=lose_dev_tty) as process:
        process.expect("ready")
        process.write(CTRL_C)
        assert process.wait().code == 128 + signal.SIGINT


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_without_dev_tty_on_standard_error_alone(box, way):
    def prepare():
        lose_dev_tty()
        leave_only_standard_error()

    with way.start(box, ["/probe", "sleep"], tty=True, prepare=prepare) as process:
        ways.until(lambda: foreground_group(process) in process.children(), "the agent is in front")
        assert foreground_group(process) == ways.agent_of(process)
        process.write(CTRL_C)
        assert process.wait().code == 128 + signal.SIGINT


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_a_terminal_that_is_not_the_controlling_one(box, way):
    """It is passed on as any other file."""
    master, slave = os.openpty()

    def prepare():
        os.dup2(slave, 0)

    result = way.run(box, ["/probe", "seq", "status", ",", "exit", "5"], prepare=prepare, pass_fds=(slave,))
    os.close(master)
    os.close(slave)
    assert (result.code, result.err) == (5, "")
    assert result.json["terminal"]["isatty"] == [True, False, False]
    assert result.json["terminal"]["foreground"] == -1


# ---- under a shell


def install_with_libraries(box, program):
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = re.findall(r"(/\S+) \(0x", listing)
    for path in (program, *libraries):
        target = box.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


@pytest.fixture
def shell(box):
    """An interactive bash with job control on a terminal of its own."""
    install_with_libraries(box, "/bin/bash")
    with ways.keeper_of(box).exec(["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"], tty=True,
                                  env={"PS1": PROMPT, "TERM": "dumb"}, prepare=no_echo) as process:
        process.expect(PROMPT)
        yield Shell(process)


class Shell:
    """Types and reads: what is expected has to appear after what was expected before."""

    def __init__(self, process):
        self.process = process
        self._read = len(process.out)

    def type(self, keys):
        self.process.write(keys)

    def expect(self, text):
        """Waits for the text; returns what came before it."""
        out = self.process.expect(text, timeout=4, start=self._read)
        at = out.index(text, self._read)
        before, self._read = out[self._read:at], at + len(text)
        return before

    def run(self, line):
        """A whole command: what it prints, up to the next prompt."""
        self.type(line + "\n")
        return self.expect(PROMPT)

    def job(self):
        """The boundary-init that runs below the shell, and its agent; or what there is of them yet. Not the gate, which
        has a group of its own and so is none of the shell's business."""
        init, = self.process.children()
        return (init, *(pid for pid in children_of(init) if not ways.is_gate(pid, init)))

    def foreground(self):
        return foreground_group(self.process)


def await_states(shell, states):
    """Of init and of the agent."""
    ways.until(lambda: "".join(map(ways.state_of, shell.job())) == states, f"job {shell.job()} in states {states}")


JAILS = pytest.mark.parametrize("jail", ["none", "veth"])


@JAILS
def test_exit_code_and_prompt(shell, jail):
    assert shell.run(f"boundary-init --jail={jail} /probe exit 5; echo code $?") == "code 5\r\n"
    assert shell.foreground() == shell.process.pid


@JAILS
def test_interrupt_under_a_shell(shell, jail):
    shell.type(f"boundary-init --jail={jail} /probe signals 7; echo code $?\n")
    shell.expect("ready\r\n")
    shell.type(CTRL_C)
    assert shell.expect("02 INT\r\n") == ""
    init, agent = shell.job()
    assert shell.foreground() == agent
    os.kill(init, signal.SIGTERM)
    assert shell.expect("code 7\r\n") == "15 TERM\r\n"
    shell.expect(PROMPT)
    assert shell.foreground() == shell.process.pid


@JAILS
def test_interrupt_ends_the_job(shell, jail):
    shell.type(f"boundary-init --jail={jail} /probe cat; echo code $?\n")
    shell.type("echoed\n")
    shell.expect("echoed\r\n")
    shell.type(CTRL_C)
    assert shell.expect(PROMPT).split() == ["code", "130"]


@JAILS
def test_stop_and_foreground(shell, jail):
    shell.type(f"boundary-init --jail={jail} /probe cat\n")
    for turn in range(3):
        shell.type(f"line {turn}\n")
        shell.expect(f"line {turn}\r\n")
        shell.type(CTRL_Z)
        assert "Stopped" in shell.expect(PROMPT)
        await_states(shell, "TT")
        assert shell.foreground() == shell.process.pid
        assert shell.run("echo code $?") == f"code {128 + signal.SIGSTOP}\r\n"
        shell.type("fg\n")
        shell.expect("/probe cat\r\n")
        ways.until(lambda: shell.foreground() == shell.job()[1], "the agent is in front")
    shell.type("last\n")
    shell.expect("last\r\n")
    shell.type(CTRL_D)
    shell.expect(PROMPT)
    assert shell.run("echo code $?") == "code 0\r\n"


def test_the_gate_is_not_stopped_with_the_job(shell):
    """Init could not start it again then."""
    shell.type("boundary-init /probe sleep\n")
    shell.expect("ready\r\n")
    init, agent = shell.job()
    gate, = set(children_of(init)) - {agent}
    shell.type(CTRL_Z)
    assert "Stopped" in shell.expect(PROMPT)
    await_states(shell, "TT")
    assert ways.state_of(gate) == "S"
    assert "still here" in shell.run("kill %1; fg; echo still here")
    ways.until(lambda: not os.path.exists(f"/proc/{gate}"), "the end of the gate")


@JAILS
def test_stop_and_background(shell, jail):
    shell.type(f"boundary-init --jail={jail} /probe sleep\n")
    shell.expect("ready\r\n")
    shell.type(CTRL_Z)
    assert "Stopped" in shell.expect(PROMPT)
    await_states(shell, "TT")
    assert "/probe sleep &" in shell.run("bg")
    await_states(shell, "SS")
    assert shell.foreground() == shell.process.pid
    assert shell.run("kill %1; wait %1; echo code $?").endswith("code 143\r\n")


@JAILS
def test_a_job_that_ends_in_the_background_leaves_the_shell_its_terminal(shell, jail):
    shell.type(f"boundary-init --jail={jail} /probe sleep\n")
    shell.expect("ready\r\n")
    shell.type(CTRL_Z)
    assert "Stopped" in shell.expect(PROMPT)
    await_states(shell, "TT")
    shell.run("kill %1")  # which continues it too
    ways.until(lambda: not shell.process.children(), "the end of the job")
    assert shell.foreground() == shell.process.pid
    assert shell.run("wait %1; echo code $?").endswith("code 143\r\n")


@JAILS
def test_a_job_that_stops_in_the_background_leaves_the_shell_its_terminal(shell, jail):
    """Continued there, it reads again, which stops it again."""
    shell.type(f"boundary-init --jail={jail} /probe cat\n")
    shell.type("typed\n")
    shell.expect("typed\r\n")
    shell.type(CTRL_Z)
    assert "Stopped" in shell.expect(PROMPT)
    await_states(shell, "TT")
    os.kill(shell.job()[0], signal.SIGCONT)
    time.sleep(0.2)
    assert shell.foreground() == shell.process.pid
    await_states(shell, "TT")
    assert "still here\r\n" in shell.run("echo still here")


@JAILS
def test_continue_arrives_once(shell, jail):
    """Stopped from outside, since the agent has a handler for everything else; each 'fg' is one CONT."""
    shell.type(f"boundary-init --jail={jail} /probe signals\n")
    shell.expect("ready\r\n")
    agent = shell.job()[1]
    for _ in range(8):
        os.kill(agent, signal.SIGSTOP)
        assert "Stopped" in shell.expect(PROMPT)
        await_states(shell, "TT")
        shell.type("fg\n")
        shell.expect("/probe signals\r\n")
        assert shell.expect("18 CONT\r\n") == ""
        ways.until(lambda: shell.foreground() == agent, "the agent is in front")
        shell.type(CTRL_C)
        assert shell.expect("02 INT\r\n") == ""


@JAILS
def test_a_job_in_the_background_does_not_take_the_terminal(shell, box, jail):
    shell.run(f"boundary-init --jail={jail} /probe seq status , exit 6 > /tmp/status &")
    assert shell.run("wait %1; echo code $?").endswith("code 6\r\n")
    assert shell.foreground() == shell.process.pid
    terminal = json.loads((box.root / "tmp/status").read_text())["terminal"]
    assert terminal["isatty"] == [True, False, True]
    assert terminal["foreground"] == int(shell.process.status()["NSpid"].split()[-1])


@JAILS
def test_a_job_in_the_background_that_reads_comes_to_the_front(shell, jail):
    """It stops at its first read, as any program does there; 'fg' gives it the terminal."""
    shell.run(f"boundary-init --jail={jail} /probe cat &")
    await_states(shell, "TT")
    shell.type("fg\n")
    shell.expect("/probe cat\r\n")
    shell.type("typed\n")
    shell.expect("typed\r\n")
    shell.type(CTRL_C)
    shell.expect(PROMPT)
    assert shell.run("echo code $?") == "code 130\r\n"


@JAILS
def test_the_terminal_goes_back_to_a_script(box, jail):
    """Without job control nobody but init itself gives it back, and the next program has to read from it."""
    install_with_libraries(box, "/bin/bash")
    script = f"boundary-init --jail={jail} /probe exit 5; echo code $?; /probe cat; /probe status"
    with ways.keeper_of(box).exec(["/bin/bash", "-c", script], tty=True, prepare=no_echo) as process:
        process.expect("code 5\r\n")
        process.write("typed\n")
        process.expect("typed\r\n")
        process.write(CTRL_D)
        status = process.wait().json
    assert status["terminal"]["foreground"] == status["pgid"]


@JAILS
def test_the_terminal_goes_back_when_the_start_failed(box, jail):
    install_with_libraries(box, "/bin/bash")
    script = f"boundary-init --jail={jail} /missing; echo code $?; /probe status"
    with ways.keeper_of(box).exec(["/bin/bash", "-c", script], tty=True) as process:
        result = process.wait()
    assert "code 127\r\n" in result.out
    assert result.json["terminal"]["foreground"] == result.json["pgid"]
