# SPDX-License-Identifier: MIT
"""docker run -it and -i: the agent has the terminal or the pipe as if nothing stood between."""

import socket

import pytest

from agent import allow
from containers import new_name

USER = ["--user", "agent"]


@pytest.fixture(params=[[], USER], ids=["root", "agent"])
def user(request):
    return request.param


def test_terminal_is_the_agents(net, jails, user):
    agent = ["/probe", "seq", "status", ",", "connect", net.allowed.v4, "80"]
    with jails.launch([*user, *allow(net.allowed.v4), "--", *agent], "-it", tty=True) as client:
        result = client.wait()
    status, reached = result.jsons
    assert (result.code, reached["errno"]) == (0, "OK") and "boundary-init" not in result.out
    assert status["terminal"]["isatty"] == [True] * 3
    assert status["terminal"]["foreground"] == status["pgid"] == status["Pid"]
    assert set(status["fds"].values()) == {"/dev/pts/0"} and sorted(status["fds"]) == ["0", "1", "2"]


def test_keys_become_signals_once(jails, user):
    name = new_name()
    with jails.launch([*user, "--", "/probe", "signals", "9"], "-it", "--name", name, tty=True) as client:
        client.expect("ready")
        for key, line in ("\x03", "02 INT"), ("\x1c", "03 QUIT"), ("\x1a", "20 TSTP"), ("\x03", "02 INT"):
            client.write(key)
            client.expect(line)
        jails.engine.docker("kill", "--signal", "TERM", name)
        result = client.wait()
    lines = [line for line in result.out.replace("^C", "").replace("^\\", "").replace("^Z", "").split("\r\n")
             if "WINCH" not in line]
    assert lines == ["ready", "02 INT", "03 QUIT", "20 TSTP", "02 INT", "15 TERM", ""]
    assert result.code == 9


def test_interrupt_of_an_agent_that_knows_nothing_of_signals(jails, user):
    with jails.launch([*user, "--", "/probe", "sleep"], "-it", tty=True) as client:
        client.expect("ready")
        client.write("\x03")
        assert client.wait().code == 130


def resize_by_api(docker, name, rows, columns):
    """What the client asks of the engine when its window has changed. It can miss a change in its own first moments."""
    with socket.socket(socket.AF_UNIX) as api:
        api.connect(str(docker.directory / "docker.sock"))
        api.sendall(f"POST /containers/{name}/resize?h={rows}&w={columns} HTTP/1.0\r\n\r\n".encode())
        assert api.recv(4096).split()[1] == b"200"


def test_window_size(jails, user):
    """Docker passes on the size and each change of it; the agent is told by WINCH."""
    name = new_name()
    with jails.launch([*user, "--", "/probe", "window"], "-it", "--name", name, tty=True) as client:
        client.resize(41, 101)
        client.expect('{"rows": 41, "columns": 101}')
        resize_by_api(jails.engine, name, 50, 200)
        client.expect('{"rows": 50, "columns": 200}')
        jails.engine.docker("kill", "--signal", "TERM", name)
        assert client.wait().code == 128 + 15


def test_end_of_input_at_a_terminal(jails):
    with jails.launch(["--", "/probe", "seq", "say", "ready", ",", "cat"], "-it", tty=True) as client:
        client.expect("ready")
        client.write("hello\n")
        client.expect("hello\r\nhello\r\n")
        client.write("\x04")
        result = client.wait()
    assert result.code == 0 and result.out == "ready\r\nhello\r\nhello\r\n"


def test_piped_input(jails, user):
    text = "".join(f"line {number}\n" for number in range(20000))
    result = jails.run([*user, "--", "/probe", "cat"], "--interactive", stdin=text)
    assert (result.code, result.out, result.err) == (0, text, "")


def test_input_while_it_runs(jails):
    with jails.launch(["--", "/probe", "cat"], "--interactive", stdin="pipe") as client:
        for word in "one\n", "two\n":
            client.write(word)
            client.expect(word)
        client.write("", end=True)
        result = client.wait()
    assert (result.code, result.out) == (0, "one\ntwo\n")


def test_no_input(jails):
    result = jails.run(["--", "/probe", "cat"])
    assert (result.code, result.out, result.err) == (0, "", "")
