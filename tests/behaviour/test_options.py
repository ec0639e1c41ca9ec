# SPDX-License-Identifier: MIT
"""Options and BOUNDARY_ variables: what each does, which wins, what is passed on, and what bad ones get."""

import os
import re
import signal

import pytest

import sandbox
import ways

NONE = "--jail=none"
HELLO = ["/probe", "say", "hello"]
OPTIONS = ("agent-caps", "allow", "audit", "check", "deny", "grace", "help", "jail", "log-level", "no-userns", "observe",
           "policy", "print-plan", "publish", "seccomp-profile", "test", "upstream-proxy", "user", "version")
FLAGS = ("help", "no-userns", "observe", "print-plan", "seccomp-profile", "version")
REPEATABLE = ("allow", "deny", "publish")
COMMAND_LINE_ONLY = ("check", "help", "seccomp-profile", "test", "version")


def variable(option):
    return "BOUNDARY_" + option.upper().replace("-", "_")


def plan(box, arguments=(), env=None):
    """What --print-plan prints, as {label: [what stands behind it]}."""
    result = box.run(["--print-plan", *arguments], env=env)
    assert (result.code, result.err) == (0, ""), result
    lines = {}
    for label, text in re.findall(r"^([a-z][a-z ]*?)  +(.*)$", result.out, re.MULTILINE):
        lines.setdefault(label, []).append(text)
    lines["all"] = result.out
    return lines


@pytest.fixture(scope="module")
def box(net):
    """One for all: nothing here changes it."""
    with net.container() as container:
        yield container


# ---- help and version


def test_help(box):
    result = box.run(["--help"])
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: boundary-init [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
                                 "       boundary-init [OPTION]... --test=METHOD URL\n")
    assert tuple(re.findall(r"^  --([a-z-]+)", result.out, re.MULTILINE)) == OPTIONS
    assert tuple(re.findall(r"^  --([a-z-]+) ", result.out, re.MULTILINE)) == FLAGS
    assert re.findall(r"--([a-z-]+)=.*\(repeatable\)", result.out) == list(REPEATABLE)
    for code in "125", "126", "127", "128+N":
        assert code in result.out


def test_version(box):
    result = box.run(["--version"])
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(r"boundary-init \d+\.\d+\.\d+\n", result.out)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_nothing_is_run_besides(box, option):
    result = box.run([option, NONE, *HELLO])
    assert (result.code, "hello" in result.out) == (0, False)


@pytest.mark.parametrize("option", ["--help", "--version", "--print-plan"])
def test_text_that_cannot_be_written(box, option):
    def prepare():
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)

    ways.the_line(box.run([option, NONE], prepare=prepare))


# ---- each option, by argument in both forms and by variable

# option: (value, label in the plan, what stands there with it, and without it)
EFFECTS = {
    "agent-caps": ("net_raw,chown", "agent", "capabilities: chown,net_raw;", "capabilities: none;"),
    "allow": ("cidr=10.1.2.0/24 port=443", "all", "ip daddr 10.1.2.0/24 tcp dport 443 accept", None),
    "deny": ("cidr=10.1.2.0/24 port=443 proto=tcp", "all", "ip daddr 10.1.2.0/24 tcp dport 443 log group 1 reject with tcp",
             None),
    "policy": ("/etc/policy", "all", "ip daddr 10.1.2.0/24 tcp dport 443 accept", None),
    "publish": ("8080:80", "all", "tcp dport 8080 dnat ip to", None),
    "user": ("agent", "agent", "uid 1000, gid 1000, groups 1000,2000,2001;", "uid 0, gid 0;"),
}


@pytest.mark.parametrize("option", EFFECTS)
@pytest.mark.parametrize("form", ["joined", "separate", "variable"])
def test_each_option_has_its_effect(box, option, form):
    value, label, expected, otherwise = EFFECTS[option]
    box.write("/etc/policy", "allow cidr=10.1.2.0/24 port=443\n")
    arguments = {"joined": [f"--{option}={value}"], "separate": [f"--{option}", value], "variable": []}[form]
    env = {variable(option): value} if form == "variable" else {}
    with_it, without_it = plan(box, arguments, env), plan(box)
    assert expected in "".join(with_it[label])
    assert expected not in "".join(without_it[label])
    assert otherwise is None or otherwise in "".join(without_it[label])


@pytest.mark.parametrize("form", ["joined", "separate", "variable"])
def test_jail(box, form):
    arguments = {"joined": ["--jail=none"], "separate": ["--jail", "none"], "variable": []}[form]
    env = {"BOUNDARY_JAIL": "none"} if form == "variable" else {}
    assert plan(box, arguments, env)["jail"] == ["none"]
    assert plan(box)["jail"] == ["veth"]


@pytest.mark.parametrize("form", ["joined", "separate", "variable"])
def test_grace(box, form):
    arguments = {"joined": ["--grace=0.1"], "separate": ["--grace", "0.1"], "variable": []}[form]
    env = {"BOUNDARY_GRACE": "0.1"} if form == "variable" else {}
    with box.start([NONE, *arguments, "/probe", "ignore-term"], env=env) as process:
        process.expect("ready")
        process.signal(signal.SIGTERM)
        assert process.wait(timeout=3).code == 128 + signal.SIGKILL


@pytest.mark.parametrize("form", ["joined", "separate", "variable"])
def test_audit_and_log_level(box, form):
    """Asked for, all is written; by its level, only what was denied."""
    def events(**values):
        arguments, env = [], {}
        for option, value in values.items():
            option = option.replace("_", "-")
            if form == "variable":
                env[variable(option)] = value
            else:
                arguments += [f"--{option}={value}"] if form == "joined" else [f"--{option}", value]
        result = box.run([*arguments, *HELLO], env=env)
        assert (result.code, result.err) == (0, "") and "hello\n" in result.out
        return [entry["event"] for entry in result.jsons]

    assert events(audit="fd:1") == ["start"]
    assert events(audit="fd:1", log_level="info") == ["start"]
    assert events(audit="fd:1", log_level="warn") == []
    assert events() == []


@pytest.mark.parametrize("form", ["joined", "separate"])
def test_what_the_rules_say(box, form):
    """Exit code and text; a variable would make every start of an image one."""
    test = ["--test=GET"] if form == "joined" else ["--test", "GET"]
    rules = ["--allow=domain=example.com", "--deny=domain=evil.example.com"]
    allowed = box.run([*rules, *test, "https://example.com/"])
    assert (allowed.code, allowed.out, allowed.err) == (0, "allow: rule 'domain=example.com'\n", "")
    denied = box.run([*rules, *test, "https://evil.example.com/"])
    assert (denied.code, denied.out, denied.err) == (1, "deny: rule 'domain=evil.example.com'\n", "")
    result = box.run(HELLO, env={"BOUNDARY_TEST": "GET"})
    assert (result.code, result.out, result.err) == (0, "hello\n", "")


FLAG_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


@pytest.mark.parametrize("word", FLAG_WORDS)
def test_flags_as_variables_are_what_they_say(net, word):
    """Not 'true because it is there'."""
    with net.container(caps=sandbox.DOCKER_CAPS | {"net_admin", "sys_admin"}) as box:
        namespaces = plan(box, env={"BOUNDARY_NO_USERNS": word})["namespaces"]
        assert namespaces == (["network"] if FLAG_WORDS[word] else ["user, network"])
        assert plan(box, ["--no-userns"], {"BOUNDARY_NO_USERNS": word})["namespaces"] == ["network"]


@pytest.mark.parametrize("word", FLAG_WORDS)
def test_observe_as_a_variable(box, word):
    """What no rule allows goes through then."""
    lets_through = "\t\tlog group 1 accept\n"
    assert (lets_through in plan(box, env={"BOUNDARY_OBSERVE": word})["all"]) == FLAG_WORDS[word]
    assert lets_through in plan(box, ["--observe"], {"BOUNDARY_OBSERVE": word})["all"]


@pytest.mark.parametrize("word", FLAG_WORDS)
def test_print_plan_as_a_variable(box, word):
    result = box.run([NONE, *HELLO], env={"BOUNDARY_PRINT_PLAN": word})
    assert result.code == 0
    assert result.out.startswith("jail ") == FLAG_WORDS[word]
    assert (result.out == "hello\n") != FLAG_WORDS[word]


# ---- what wins, what adds up, what is passed on


def test_the_command_line_wins(box):
    env = {"BOUNDARY_JAIL": "veth", "BOUNDARY_USER": "agent", "BOUNDARY_GRACE": "60"}
    assert plan(box, ["--jail=none"], env)["jail"] == ["none"]
    assert "uid 1001, gid 4242" in plan(box, ["--user=nogroup"], env)["agent"][0]
    assert "capabilities: net_raw;" in plan(box, ["--agent-caps=net_raw"], {"BOUNDARY_AGENT_CAPS": "chown"})["agent"][0]
    with box.start([NONE, "--grace=0.1", "/probe", "ignore-term"], env={"BOUNDARY_GRACE": "60"}) as process:
        process.expect("ready")
        process.signal(signal.SIGTERM)
        assert process.wait(timeout=3).code == 128 + signal.SIGKILL


def test_the_last_one_wins(box):
    assert plan(box, ["--jail=veth", "--jail=none"])["jail"] == ["none"]
    assert "uid 1000, gid 1000" in plan(box, ["--user=0", "--user=agent"])["agent"][0]


def test_lists_add_up(box):
    env = {"BOUNDARY_ALLOW": "cidr=10.0.0.1\n  cidr=10.0.0.2 port=2\r\n\n# nothing\ncidr=10.0.0.3 # the third\n",
           "BOUNDARY_PUBLISH": "81\n82:8082 # udp is not\n\t\n"}
    rules = ["--allow", "cidr=10.0.0.4", "--publish=83", "--allow=cidr=10.0.0.5"]
    text = plan(box, rules, env)["all"]
    for number in range(1, 6):
        assert f"ip daddr 10.0.0.{number} " in text
    for port, to in (81, 81), (82, 8082), (83, 83):
        assert re.search(rf"tcp dport {port} dnat ip to [\d.]+:{to}$", text, re.MULTILINE)


def test_empty_variables_are_as_good_as_none(box):
    env = {variable(option): "" for option in OPTIONS}
    assert plan(box, (), env)["all"] == plan(box)["all"]
    result = box.run(HELLO, env=env)
    assert (result.code, result.out, result.err) == (0, "hello\n", "")


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_variables_are_not_passed_on(box, way):
    values = {"grace": "9", "user": "1000", "no-userns": "no", "print-plan": "no", "agent-caps": ""}
    values |= {"observe": "no", "audit": "stderr", "log-level": "warn", "upstream-proxy": "http://proxy:3128"}
    jailed = {"allow": "cidr=10.0.0.1", "deny": "domain=example.com", "publish": "80", "policy": "/etc/policy"}
    values |= jailed if way.jail == "veth" else dict.fromkeys(jailed, "")
    assert {*values, "jail", *COMMAND_LINE_ONLY} == set(OPTIONS)
    box.write("/etc/policy", "allow cidr=10.0.0.2\n")
    env = {variable(option): value for option, value in values.items()} | {"BOUNDARY_JAIL": way.jail}
    others = {"BOUNDARY": "1", "BOUNDARYS_JAIL": "2", "OTHER": "3", "NOT_BOUNDARY_JAIL": "4", "BOUNDARY_JAILER": "5"}
    result = way.run(box, ["/probe", "status"], env=env | others)
    assert (result.code, result.err) == (0, "")
    assert result.json["environ"] == {**sandbox.CONTAINER_ENV, "HOME": result.json["environ"]["HOME"], **others}


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_arguments_arrive_unchanged(box, way):
    words = [b"", b"two words", b"tab\tnewline\n", b"-x", b"--jail=veth", b"--", b"--help", b"%s$HOME'\"\\",
             b"\xff\xfe\x01"]
    command = ["/probe", "seq", "status", ",", "help", *words]
    result = way.run(box, command)
    assert (result.code, result.err) == (64, "probe: usage: too many arguments\n")  # what 'help' says of such words
    assert result.json["cmdline"] == [*command[:5], *(word.decode("latin-1") for word in words)]


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_very_long_arguments_of_the_program(box, way):
    word = "w" * 131_000
    result = way.run(box, ["/probe", "seq", "say", word, ",", "exit", "5"])
    assert (result.code, result.out, result.err) == (5, word + "\n", "")
    assert ways.the_line(way.run(box, ["/" + word]), 127).startswith("exec: '/wwwwwwww")


def test_very_many_arguments(box):
    commands = ["say", "x", ","] * 10_000
    result = box.run([NONE, "/probe", "seq", *commands, "exit", "5"])
    assert (result.code, result.out) == (5, "x\n" * 10_000)


# ---- where options end


@pytest.mark.parametrize("word", ["--help", "--jail=bad", "--", "-x"])
@pytest.mark.parametrize("separator", [[], ["--"]], ids=["bare", "separated"])
def test_options_behind_the_program_are_the_programs(box, word, separator):
    result = box.run([NONE, *separator, "/probe", "say", word])
    assert (result.code, result.out, result.err) == (0, word + "\n", "")


def test_a_program_whose_name_looks_like_an_option(box):
    box.write("/bin/--version", sandbox.PROBE.read_bytes(), 0o755)
    result = box.run([NONE, "--", "--version", "say", "odd"])
    assert (result.code, result.out) == (0, "odd\n")
    assert ways.the_line(box.run([NONE, "--", "--jail=veth"]), 127).startswith("exec: '--jail=veth': not found. ")
    assert ways.the_line(box.run([NONE, "--", "--"]), 127).startswith("exec: '--': not found. ")


# ---- --print-plan


@pytest.mark.parametrize("program", [[], ["/probe", "say", "two words"], ["--", "/missing"]],
                         ids=["none", "some", "missing"])
@pytest.mark.parametrize("jail", ["none", "veth"])
def test_print_plan_prints_and_does_nothing(box, jail, program):
    keeper = ways.keeper_of(box)

    def next_pid():
        return keeper.exec_run(["/probe", "status"]).json["Pid"]

    looks = [("link",), ("addr",), ("route",)]
    before = box.nft(), [box.ip_json(*look) for look in looks], next_pid()
    rules = ["--allow", "cidr=10.1.2.3", "--publish=80"] if jail == "veth" else []
    result = keeper.exec_run([ways.INIT, f"--jail={jail}", "--print-plan", *rules, *program])
    assert (result.code, result.err) == (0, "")
    # Its own pid, and no other between: nothing was forked.
    assert (box.nft(), [box.ip_json(*look) for look in looks], next_pid()) == (*before[:2], before[2] + 2)
    assert keeper.children() == []
    shown = " ".join(program).removeprefix("-- ") or "(none given)"
    assert result.out.startswith(f"jail          {jail}\n")
    assert result.out.endswith(f"program       {shown}\n")


def test_print_plan_escapes_what_it_prints(box):
    words = plan(box, [NONE, "--", b"/a\nb", b"\x1b[1m\xff"])
    assert words["program"] == [r"/a\x0ab \x1b[1m\xff"]


def test_print_plan_is_whole_however_long(box):
    words = [letter * 100_000 for letter in "abcde"]
    assert plan(box, [NONE, "/probe", *words])["program"] == [" ".join(["/probe", *words])]
