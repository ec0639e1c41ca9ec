# SPDX-License-Identifier: MIT
"""What bad options, variables and rules get: exit code 125, one line that names the place, and nothing done."""

import pytest

import ways

NONE = "--jail=none"
HELLO = ["/probe", "say", "hello"]
TAKES_A_VALUE = ("agent-caps", "allow", "audit", "deny", "grace", "jail", "log-level", "policy", "publish", "test",
                 "upstream-proxy", "user")
FILES = ("audit", "policy")  # whose values are paths, which nothing but the kernel can find bad
ANYTHING = ("test",)  # a method, of which HTTP has no end
SHOWN = [option for option in TAKES_A_VALUE if option not in ANYTHING]  # in a line that names a bad value
FLAGS = ("no-userns", "observe", "print-plan")  # which are variables too


def variable(option):
    return "BOUNDARY_" + option.upper().replace("-", "_")


@pytest.fixture(scope="module")
def box(net):
    """One for all: nothing here changes it."""
    with net.container() as container:
        yield container


# ---- the command line

SEE_HELP = ". boundary-init --help lists the options"
SECONDS = ". Write it like 5 or 0.5, up to 86400"
PORTS = ". Write [IP:]PORT[:PORT][/tcp|/udp], like 80:8080 or [2001:db8::1]:53/udp"
NO_USER = ": not in the image's /etc/passwd. Name a user that is, or give the uid as a number"
NO_GROUP = ": not in the image's /etc/group. Name a group that is, or give the gid as a number"
PROXY = ". Write http://HOST[:PORT]; https:// to a proxy is not possible"
USER_FORM = ". Write --user NAME, UID, NAME:GROUP or UID:GID"

BAD_ARGUMENTS = [
    ([], "program: missing. Name the agent's program: "),
    (["--"], "program: missing. Name the agent's program: "),
    (["--bogus"], "option '--bogus': unknown" + SEE_HELP),
    (["--gra=5"], "option '--gra=5': unknown" + SEE_HELP),
    (["--JAIL=none"], "option '--JAIL=none': unknown" + SEE_HELP),
    (["--=none"], "option '--=none': unknown" + SEE_HELP),
    (["-h"], "option '-h': unknown" + SEE_HELP),
    (["-"], "option '-': unknown" + SEE_HELP),
    (["---jail=none"], "option '---jail=none': unknown" + SEE_HELP),
    (["--help=yes"], "--help 'yes': takes no value" + SEE_HELP),
    (["--version="], "--version '': takes no value" + SEE_HELP),
    (["--print-plan=0"], "--print-plan '0': takes no value" + SEE_HELP),
    (["--no-userns=1"], "--no-userns '1': takes no value" + SEE_HELP),
    (["--observe=yes"], "--observe 'yes': takes no value" + SEE_HELP),
]

# option: [(bad value, how its line goes on)]; as an argument and, where it is not empty, as a variable
BAD_VALUES = {
    "jail": [("", ": it needs a value" + SEE_HELP)] + [
        (value, ": unknown. It is one of auto,veth,loopback,container,none") for value in ("VETH", "veth ", " ", "veth,none", "nonesuch")],
    "grace": [("", ": it needs a value" + SEE_HELP)] + [
        (value, ": not a number of seconds" + SECONDS)
        for value in ("five", "-1", "+1", "5s", "5.", ".5", "0.5555", "1e3", " 5", "5 ", "0x5", "86401", "4294967301",
                      "99999999999999999999", "5,0", "inf")],
    "agent-caps": [("", ": it needs a value" + SEE_HELP)] + [
        (value, ": not a list of capabilities. Write names of capabilities(7) with commas, like net_raw")
        for value in ("bogus", "net_raw,", ",net_raw", "net_raw,,chown", "net_raw chown", "NET-RAW", "net_ra",
                      "net_raww", "12", "all")],
    "publish": [("", ": it needs a value" + SEE_HELP)] + [
        (value, ": not a port to publish" + PORTS)
        for value in ("http", "0", "65536", "-1", "80:", ":80", "80:0", "80:80:80", "80/", "80/sctp", "80/TCP",
                      "80/tcp/udp", "1.2.3:80", "1.2.3.4", "1.2.3.4:", "[::1]", "[::1]80", "::1:80", "[::1:80",
                      "256.0.0.1:80", "80-81", "8 0", "8o")],
    "log-level": [("", ": it needs a value" + SEE_HELP)] + [
        (value, ": unknown. It is one of error,warn,info,debug") for value in ("warning", "INFO", " info", "info,debug", "0", "none")],
    "upstream-proxy": [("", ": it needs a value" + SEE_HELP)] + [
        (value, ": not a proxy" + PROXY)
        for value in ("http", "http://", "proxy:3128", "https://proxy:3128", "ftp://proxy", "http://proxy:0",
                      "http://proxy:65536", "http://user@proxy:3128", "http://proxy:3128/path", "http://proxy:3128?query",
                      "http://proxy:3128#fragment", "http://[::1", "http://1.2.3", "http://-proxy", " http://proxy")],
    "audit": [("", ": it needs a value" + SEE_HELP)],
    "policy": [("", ": it needs a value" + SEE_HELP)],
    "test": [("", ": it needs a value" + SEE_HELP)],
}


def bad_values():
    for option, cases in BAD_VALUES.items():
        for value, rest in cases:
            yield pytest.param(option, value, rest, id=f"{option} {value!r}")


@pytest.mark.parametrize("arguments,line", BAD_ARGUMENTS, ids=[" ".join(words) or "none" for words, _ in BAD_ARGUMENTS])
def test_bad_arguments(box, arguments, line):
    program = [] if "program: " in line else HELLO
    stage, rest = ways.stage_and_rest(box.run([*arguments, *program]))
    assert stage == "options"
    assert rest.startswith(line)


@pytest.mark.parametrize("option,value,rest", bad_values())
def test_bad_values(box, option, value, rest):
    expected = ("options", f"--{option} '{value}'{rest}")
    assert ways.stage_and_rest(box.run([f"--{option}={value}", *HELLO])) == expected
    assert ways.stage_and_rest(box.run([f"--{option}", value, *HELLO])) == expected
    if value:
        result = box.run(HELLO, env={variable(option): value})
        assert ways.stage_and_rest(result) == ("options", f"{variable(option)} '{value}'{rest}")


@pytest.mark.parametrize("option", TAKES_A_VALUE)
def test_missing_values(box, option):
    assert ways.stage_and_rest(box.run([f"--{option}"])) == ("options", f"--{option} '': it needs a value{SEE_HELP}")


@pytest.mark.parametrize("option", FLAGS)
@pytest.mark.parametrize("value", ["2", "TRUE", "on", "y", " 1", "yes "])
def test_bad_flags(box, option, value):
    result = box.run([NONE, *HELLO], env={variable(option): value})
    assert ways.stage_and_rest(result) == ("options", f"{variable(option)} '{value}': unknown. It is one of 0,1,false,true,no,yes")


@pytest.mark.parametrize("value", ["80 ", " 80", "\t80"])
def test_blanks_are_for_lists_alone(box, value):
    """Around a line of a variable they mean nothing; an argument is one value as it stands."""
    assert ways.stage_and_rest(box.run([f"--publish={value}", *HELLO]))[0] == "options"
    result = box.run(HELLO, env={"BOUNDARY_PUBLISH": value})
    assert (result.code, result.out, result.err) == (0, "hello\n", "")


BAD_AUDITS = {
    "fd:": "Invalid argument", "fd:x": "Invalid argument", "fd:-1": "Invalid argument", "fd:99": "Bad file descriptor",
    "unix:": "Invalid argument", "unix:relative": "Invalid argument", "unix:/missing": "No such file or directory",
    "/missing/log": "No such file or directory", "/tmp": "Is a directory",
}


@pytest.mark.parametrize("value", BAD_AUDITS)
def test_bad_audits(box, value):
    line = ways.the_line(box.run([f"--audit={value}", *HELLO]))
    cause = BAD_AUDITS[value]
    assert line.startswith(f"audit: {value}: {cause}")
    assert (cause != "Invalid argument") or line.endswith(". Name a FILE, stderr, fd:N, unix:/PATH or unix:@NAME")
    assert ways.the_line(box.run(HELLO, env={"BOUNDARY_AUDIT": value})) == line


BAD_POLICIES = {  # what is in the file: (line, column, cause); of rules there are more below
    "allow nonsense\n": (1, 7, "not a key and =value"),
    "# all of it\n\nallow cidr=10.0.0.1\nallow cidr=10.0.0.2 port=0\n": (4, 26, "not a port or a range of ports"),
    "permit domain=example.com\n": (1, 1, "not understood"),
    "deny\n": (1, 5, "it does not say where it leads"),
    "allow domain=example.com\n\0": (2, 1, "a NUL byte or a byte order mark"),
    "other: key\n": (1, 1, "YAML without an allowlist: up to here"),
}


@pytest.mark.parametrize("text", BAD_POLICIES, ids=repr)
def test_bad_policies(box, text):
    box.write("/etc/bad-policy", text)
    number, column, cause = BAD_POLICIES[text]
    line = ways.stage_and_rest(box.run(["--policy=/etc/bad-policy", *HELLO]))
    assert line[0] == "policy"
    assert line[1].startswith(f"/etc/bad-policy, line {number}, column {column}: {cause}. ")
    assert ways.stage_and_rest(box.run(HELLO, env={"BOUNDARY_POLICY": "/etc/bad-policy"})) == line


def test_policies_that_cannot_be_read(box):
    assert ways.the_line(box.run(["--policy=/missing", *HELLO])).startswith("policy: /missing: No such file or directory")
    assert ways.the_line(box.run(["--policy=/etc", *HELLO])).startswith("policy: /etc: Is a directory")
    assert ways.the_line(box.run(["--policy=/dev/zero", *HELLO])).startswith("policy: /dev/zero: longer than 256 KiB. ")


BAD_USERS = [
    ("", "options", "--user '': it needs a value" + SEE_HELP),
    (":", "user", "':': neither a user nor user:group" + USER_FORM),
    ("root:", "user", "'root:': neither a user nor user:group" + USER_FORM),
    (":root", "user", "':root': neither a user nor user:group" + USER_FORM),
    ("stranger", "user", "'stranger'" + NO_USER),
    ("root:strangers", "user", "'strangers'" + NO_GROUP),
    ("-1", "user", "'-1'" + NO_USER),
    ("4294967295", "user", "'4294967295'" + NO_USER),
    ("0:4294967296", "user", "'4294967296'" + NO_GROUP),
    ("0:0:0", "user", "'0:0'" + NO_GROUP),
]


@pytest.mark.parametrize("user,stage,line", BAD_USERS, ids=[repr(user) for user, *_ in BAD_USERS])
def test_bad_users(box, user, stage, line):
    assert ways.stage_and_rest(box.run([NONE, f"--user={user}", *HELLO])) == (stage, line)


# A rule and the column, counted from 1, of what is wrong in it.
BAD_RULES = {
    "nonsense": 1, "10.0.0.1": 1, "cidr=": 6, "cidr=x": 6, "cidr=10.0.0.1/33": 6, "cidr=10.0.0.1/24": 6,
    "cidr=::/129": 6, "cidr=::ffff:10.0.0.1": 6, "cidr=10.0.0.1 cidr=10.0.0.2": 15, "cidr=10.0.0.1 proto=sctp": 21,
    "cidr=10.0.0.1 port=0": 20, "cidr=10.0.0.1 port=80,": 23, "cidr=10.0.0.1 port=80-79": 20,
    "cidr=10.0.0.1 port=1,2,x": 24, "cidr=10.0.0.1 host=a": 15, "CIDR=10.0.0.1": 1, "cidr = 10.0.0.1": 1,
    "cidr=10.0.0.1\tport=8o": 20, "cidr=10.0.0.1\x0bport=80": 6, "cidr=10.0.0.1 private=yes": 1, "private=yes": 1,
    "proto=udp": 1, "domain=example.com cidr=10.0.0.1": 1, "domain=": 8, "domain=10.0.0.1": 15, "domain=a..example": 10,
    "domain=exa mple.com": 12, "domain=example.com/path": 19, "domain=*.*": 10, "method=get": 8, "path=/a/../b": 9,
    "path=/x?y": 8, "domain=example.com port=443 private=no": 37,
}


@pytest.mark.parametrize("rule", BAD_RULES, ids=repr)
def test_bad_rules(box, rule):
    shown = rule.replace("\t", r"\x09").replace("\x0b", r"\x0b")
    stage, rest = ways.stage_and_rest(box.run([f"--allow={rule}", *HELLO]))
    assert stage == "rule"
    assert rest.startswith(f"'{shown}', column {BAD_RULES[rule]}: ")
    env = {"BOUNDARY_ALLOW": f"cidr=10.0.0.1\n{rule}\ncidr=10.0.0.3"}
    assert ways.stage_and_rest(box.run(HELLO, env=env)) == (stage, rest)
    if "private=" not in rule:  # which is for allow rules alone
        assert ways.stage_and_rest(box.run([f"--deny={rule}", *HELLO])) == (stage, rest)


def test_an_empty_rule(box):
    """An argument is one; a line of a variable is none."""
    for option in "--allow", "--deny":
        stage, rest = ways.stage_and_rest(box.run([option, " ", *HELLO]))
        assert (stage, rest.split(". ")[0]) == ("rule", "' ', column 1: it does not say where it leads")
    result = box.run(HELLO, env={"BOUNDARY_ALLOW": " \n\t\n", "BOUNDARY_DENY": " # none\n"})
    assert (result.code, result.out, result.err) == (0, "hello\n", "")


def test_too_many(box):
    stage, rest = ways.stage_and_rest(box.run([*(f"--publish={port}" for port in range(1, 34)), *HELLO]))
    assert (stage, rest.split(". ")[0]) == ("options", "--publish '33': more than 32 published ports")
    result = box.run(HELLO, env={"BOUNDARY_ALLOW": "\n".join(f"cidr=10.0.{n // 256}.{n % 256}" for n in range(2000))})
    stage, rest = ways.stage_and_rest(result)
    assert (stage, rest.split(". ")[0]) == ("rule", "'cidr=10.0.4.0', column 1: more than 1024 rules")


@pytest.mark.parametrize("option", ["--allow=cidr=10.0.0.1", "--allow=domain=example.com", "--deny=cidr=10.0.0.1",
                                    "--publish=80", "--agent-caps=net_raw", "--no-userns", "--observe"])
def test_what_needs_a_jail(box, option):
    stage, rest = ways.stage_and_rest(box.run([NONE, option, *HELLO]))
    assert (stage, rest.split(": ")[0]) == ("plan", "--jail=none")


# ---- hostile bytes and lengths

HOSTILE = b"a\nb\r\x1b[31m\x07\x7f\xff\xc3\xa9\\'end"
NO_PATH = b"/missing/"
ESCAPED = r"a\x0ab\x0d\x1b[31m\x07\x7f\xff\xc3\xa9\x5c'end"


def bad_value(option, value):
    return NO_PATH + value if option in FILES else value


@pytest.mark.parametrize("option", [*SHOWN, "unknown"])
def test_hostile_bytes_are_escaped(box, option):
    line = ways.the_line(box.run([f"--{option}=".encode() + bad_value(option, HOSTILE), *HELLO]))
    assert ESCAPED in line


@pytest.mark.parametrize("option", SHOWN)
def test_hostile_bytes_in_a_variable_are_escaped(box, option):
    value = bad_value(option, HOSTILE.replace(b"\n", b""))
    line = ways.the_line(box.run(HELLO, env={variable(option): value}))
    assert ESCAPED.replace(r"\x0a", "") in line


@pytest.mark.parametrize("byte", [b"x", b"\x01", b"\xff"], ids=["letters", "control", "high"])
@pytest.mark.parametrize("option", [*SHOWN, "unknown"])
def test_very_long_values(box, option, byte):
    """The line stays short, and still says what is wrong and what to do."""
    result = box.run([f"--{option}=".encode() + 100_000 * byte, *HELLO])
    line = ways.the_line(result)
    assert len(result.err) < 1024
    assert 20 * byte.decode("latin-1").encode("unicode_escape").decode() in line
    if option in FILES:
        assert ": Filename too long" in line
        return
    ways.stage_and_rest(result)
    if option in ("allow", "deny"):
        assert "', column 1: " in line


@pytest.mark.parametrize("method", [HOSTILE, 100_000 * b"x", 100_000 * b"\xff"], ids=["hostile", "long", "high"])
def test_methods_that_no_rule_can_name(box, method):
    result = box.run([b"--test=" + method, "--allow=domain=example.com method=GET", "http://example.com/"])
    assert (result.code, result.out, result.err) == (
        1, 'deny: no rule allows it. To allow it: --allow "domain=example.com"\n', "")
