# SPDX-License-Identifier: MIT
"""From the agent's end to the container's exit code; how the program is found, and what is said if it cannot run."""

import os
import resource
import shutil

import pytest

import sandbox
import signal_sets
import ways

SOME_CODES = (0, 1, 2, 63, 124, 125, 126, 127, 128, 130, 137, 143, 254, 255)
SOME_SIGNALS = (1, 2, 6, 9, 11, 15, 32, 33, 34, 64)
DEADLY = sorted(signal_sets.DEADLY | {9})

NOT_FOUND, NOT_EXECUTABLE = 127, 126
FIND_IT = ". Name a program that is in the image, with its path or in PATH"
MAKE_IT_EXECUTABLE = ". Make it executable, and its directories and mount too"
WRONG_KIND = (". Its interpreter or dynamic loader is missing in the image, it has no #! line, or it is for another "
              "architecture")


def install(box, *paths, mode=0o755):
    """Copies of the probe."""
    for path in paths:
        box.write(path, sandbox.PROBE.read_bytes(), mode)


def exit_codes(box, way, command, values):
    results = {value: way.run(box, ["/probe", command, str(value)]) for value in values}
    assert {result.out + result.err for result in results.values()} == {""}
    return {value: result.code for value, result in results.items()}


# ---- exit codes


@pytest.mark.parametrize("way", ways.WITHOUT_JAIL, ids=str)
def test_every_exit_code_comes_back(box, way):
    assert exit_codes(box, way, "exit", range(256)) == {code: code for code in range(256)}


@pytest.mark.parametrize("way", ways.JAILED, ids=str)
def test_exit_codes_come_back_from_a_jail(box, way):
    assert exit_codes(box, way, "exit", SOME_CODES) == {code: code for code in SOME_CODES}


@pytest.mark.parametrize("way", ways.WITHOUT_JAIL, ids=str)
def test_every_deadly_signal_is_128_more(box, way):
    assert exit_codes(box, way, "kill-self", DEADLY) == {number: 128 + number for number in DEADLY}


@pytest.mark.parametrize("way", ways.JAILED, ids=str)
def test_deadly_signals_in_a_jail_are_128_more(box, way):
    assert exit_codes(box, way, "kill-self", SOME_SIGNALS) == {number: 128 + number for number in SOME_SIGNALS}


# ---- programs that cannot run


def program_missing(box):
    return "/missing", NOT_FOUND, "'/missing': not found" + FIND_IT


def program_missing_in_path(box):
    return "missing", NOT_FOUND, "'missing': not found" + FIND_IT


def program_missing_here(box):
    return "./missing", NOT_FOUND, "'./missing': not found" + FIND_IT


def program_without_name(box):
    return "", NOT_FOUND, "'': not found" + FIND_IT


def program_below_a_file(box):
    return "/etc/passwd/program", NOT_FOUND, "'/etc/passwd/program': Not a directory"


def program_dangling(box):
    os.symlink("/nowhere", box.root / "dangling")
    return "/dangling", NOT_FOUND, "'/dangling': not found" + FIND_IT


def program_name_too_long(box):
    return "/" + "n" * 256, NOT_FOUND, "': Filename too long"


def program_name_too_long_for_path(box):
    return "n" * 256, NOT_FOUND, "': not found" + FIND_IT


def program_not_executable(box):
    box.write("/plain", "#!/probe\n", mode=0o644)
    return "/plain", NOT_EXECUTABLE, "'/plain': Permission denied" + MAKE_IT_EXECUTABLE


def program_is_a_directory(box):
    return "/etc", NOT_EXECUTABLE, "'/etc': Permission denied" + MAKE_IT_EXECUTABLE


def program_without_magic(box):
    box.write("/script", "say fallback\n", mode=0o755)
    return "/script", NOT_EXECUTABLE, "'/script': cannot be executed" + WRONG_KIND


def program_empty(box):
    box.write("/empty", "", mode=0o755)
    return "/empty", NOT_EXECUTABLE, "'/empty': cannot be executed" + WRONG_KIND


def program_of_another_machine(box):
    elf = bytearray(sandbox.PROBE.read_bytes())
    elf[18:20] = (8).to_bytes(2, "little")  # e_machine: MIPS
    box.write("/foreign", bytes(elf), mode=0o755)
    return "/foreign", NOT_EXECUTABLE, "'/foreign': cannot be executed" + WRONG_KIND


def program_without_interpreter(box):
    box.write("/script", "#!/bin/missing\n", mode=0o755)
    return "/script", NOT_EXECUTABLE, "'/script': cannot be executed" + WRONG_KIND


def program_in_path_without_interpreter(box):
    box.write("/bin/script", "#!/bin/missing\n", mode=0o755)
    return "script", NOT_EXECUTABLE, "'script': cannot be executed" + WRONG_KIND


def program_whose_interpreter_is_below_a_file(box):
    box.write("/script", "#!/etc/passwd/sh\n", mode=0o755)
    return "/script", NOT_EXECUTABLE, "'/script': "


def program_whose_interpreter_is_not_executable(box):
    box.write("/script", "#!/etc/passwd\n", mode=0o755)
    return "/script", NOT_EXECUTABLE, "'/script': Permission denied" + MAKE_IT_EXECUTABLE


def program_without_its_loader(box):
    shutil.copy("/bin/true", box.root / "dynamic")
    return "/dynamic", NOT_EXECUTABLE, "'/dynamic': cannot be executed" + WRONG_KIND


def program_in_a_loop(box):
    os.symlink("loop", box.root / "loop")
    return "/loop", NOT_EXECUTABLE, "'/loop': Symbolic link loop"


def program_in_a_loop_in_path(box):
    os.symlink("loop", box.root / "bin/loop")
    return "loop", NOT_EXECUTABLE, "'loop': Symbolic link loop"


CANNOT_RUN = [program_missing, program_missing_in_path, program_missing_here, program_without_name,
              program_below_a_file, program_dangling, program_name_too_long, program_name_too_long_for_path,
              program_not_executable, program_is_a_directory, program_without_magic, program_empty,
              program_of_another_machine, program_without_interpreter, program_in_path_without_interpreter,
              program_whose_interpreter_is_below_a_file, program_whose_interpreter_is_not_executable,
              program_without_its_loader, program_in_a_loop, program_in_a_loop_in_path]


@pytest.mark.parametrize("program", CANNOT_RUN, ids=lambda function: function.__name__.removeprefix("program_"))
@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_program_that_cannot_run(box, way, program):
    install(box, "/bin/sh")  # what a fallback would run
    name, code, text = program(box)
    line = ways.the_line(way.run(box, [name]), code)
    assert line.startswith("exec: '")
    assert text in line


@pytest.mark.parametrize("way", ways.PLAIN, ids=str)
@pytest.mark.parametrize("program", [program_missing, program_without_magic],
                         ids=lambda function: function.__name__.removeprefix("program_"))
def test_program_that_cannot_run_from_a_plain_command(box, way, program):
    name, code, text = program(box)
    assert ways.the_line(way.run(box, [name]), code) == "exec: " + text


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_program_that_is_being_written(box, way):
    install(box, "/busy")
    with open(box.root / "busy", "r+b"):
        if box.run(["exec", "/busy", "exit", "0"], program="/probe").code == 0:
            pytest.skip("this kernel executes files that are open for writing")
        line = ways.the_line(way.run(box, ["/busy"]), NOT_EXECUTABLE)
    assert line.startswith("exec: '/busy': Text file busy")
    assert way.run(box, ["/busy", "exit", "5"]).code == 5


def largest_arguments(box, way, program):
    """Runs the program with as many arguments as fit: the first size at which boundary-init itself can be started."""
    for size in range(132_000, 100_000, -64):
        try:
            return way.run(box, [program, "a" * 60_000, "b" * (size - 60_000)], prepare=small_stack)
        except OSError as error:
            assert error.strerror == "Argument list too long"
    raise AssertionError("no size fits")


def small_stack():
    """A quarter of it is what arguments and environment may fill, but never less than 128 KiB."""
    resource.setrlimit(resource.RLIMIT_STACK, (512 * 1024, 512 * 1024))


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_arguments_that_are_too_long(box, way):
    """A script's interpreter gets more arguments than boundary-init had: these can be too many for it alone."""
    box.write("/script", f"#!/probe {'x' * 200}\n", mode=0o755)
    line = ways.the_line(largest_arguments(box, way, "/script"), NOT_EXECUTABLE)
    assert line == "exec: '/script': Argument list too long. Shorten the arguments or the environment"


@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_program_that_its_user_may_not_reach(box, way):
    install(box, "/root/tool")
    (box.root / "root").chmod(0o700)
    line = ways.the_line(way.run(box, ["/root/tool"], ["--user=agent"]), NOT_EXECUTABLE)
    assert line == "exec: '/root/tool': Permission denied" + MAKE_IT_EXECUTABLE


def test_odd_bytes_in_a_name_are_escaped(box):
    line = ways.the_line(ways.PID1_NONE.run(box, [b"no\n\x1b[31m\xff\\such"]), NOT_FOUND)
    assert line == r"exec: 'no\x0a\x1b[31m\xff\x5csuch': not found" + FIND_IT


# ---- PATH

DEFAULT_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

# PATH, the directory to start in, where the tool is, which one has to run
WALKS = {
    "first": ("/one:/two", "/", ["/one", "/two"], "/one/tool"),
    "second": ("/one:/two", "/", ["/two"], "/two/tool"),
    "missing directory": ("/none:/two", "/", ["/two"], "/two/tool"),
    "file as directory": ("/etc/passwd:/two", "/", ["/two"], "/two/tool"),
    "directory too long": (f"/{'d' * 5000}:/two", "/", ["/two"], "/two/tool"),
    "relative": ("one:/two", "/", ["/one", "/two"], "/one/tool"),
    "with a slash at the end": ("/one/", "/", ["/one"], "/one/tool"),
    "empty at the start": (":/two", "/here", ["/here", "/two"], "/here/tool"),
    "empty in the middle": ("/none::/two", "/here", ["/here", "/two"], "/here/tool"),
    "empty at the end": ("/none:", "/here", ["/here"], "/here/tool"),
    "empty as a whole": ("", "/here", ["/here", "/bin"], "/here/tool"),
    "unset": (None, "/here", ["/here", "/usr/bin", "/bin"], "/usr/bin/tool"),
}


@pytest.mark.parametrize("case", WALKS)
@pytest.mark.parametrize("way", ways.PID1, ids=str)
def test_walk_along_path(box, way, case):
    path, cwd, places, expected = WALKS[case]
    (box.root / "here").mkdir()
    install(box, *(f"{place}/tool" for place in places))
    result = way.run(box, ["tool", "status"], env={"PATH": path}, cwd=cwd)
    assert (result.code, result.err) == (0, "")
    assert result.json["exe"] == expected
    assert result.json["cmdline"] == ["tool", "status"]


@pytest.mark.parametrize("directory", DEFAULT_PATH)
def test_every_directory_of_the_default_path(box, directory):
    install(box, f"{directory}/tool")
    result = ways.PID1_NONE.run(box, ["tool", "status"], env={"PATH": None})
    assert result.json["exe"] == f"{directory}/tool"


@pytest.mark.parametrize("way", ways.PID1, ids=str)
@pytest.mark.parametrize("hindrance", ["file", "directory"])
def test_what_may_not_be_executed_is_passed_over(box, way, hindrance):
    if hindrance == "file":
        install(box, "/one/tool", mode=0o644)
    else:
        (box.root / "one/tool").mkdir(parents=True)
    install(box, "/two/tool")
    result = way.run(box, ["tool", "status"], env={"PATH": "/one:/two"})
    assert result.json["exe"] == "/two/tool"
    (box.root / "two/tool").unlink()
    line = ways.the_line(way.run(box, ["tool"], env={"PATH": "/one:/two"}), NOT_EXECUTABLE)
    assert line == "exec: 'tool': Permission denied" + MAKE_IT_EXECUTABLE


def test_a_name_with_a_slash_is_not_searched(box):
    install(box, "/bin/sub/tool")
    line = ways.the_line(ways.PID1_NONE.run(box, ["sub/tool"], env={"PATH": "/bin"}), NOT_FOUND)
    assert line == "exec: 'sub/tool': not found" + FIND_IT
    assert ways.PID1_NONE.run(box, ["sub/tool", "exit", "6"], cwd="/bin").code == 6


def test_the_agents_own_path_counts_not_inits_directory(box):
    """The walk happens in the inherited directory, although init itself goes to the root."""
    install(box, "/here/tool", "/tool")
    result = ways.PID1_NONE.run(box, ["./tool", "status"], cwd="/here")
    assert (result.json["exe"], result.json["cwd"]) == ("/here/tool", "/here")
