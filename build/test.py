#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the tests: all stages but matrix, or those that are named. Goes on after a failure; the last line counts.

    build/test.py [build] [check] [unit] [unit-aarch64] [fuzz] [behaviour] [docker] [matrix]

A standing check counts as one test, and so does a fuzz target; cmocka and pytest report theirs. What cannot be built,
crashes, hangs or reports nothing has failed: silence is never a success. make's rules build each program.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "out"
MAKE = os.environ.get("MAKE", "make")
FUZZ_SECONDS = int(os.environ.get("FUZZ_SECONDS", "5"))
PATIENCE = 1800  # seconds: nothing here takes half of that, so what does hangs

passed = 0
failures = []  # names
skips = []  # (name, reason)


def succeed(name, detail=""):
    global passed
    passed += 1
    print(f"ok    {name}{'  ' + detail if detail else ''}", flush=True)


def fail(name, text=""):
    failures.append(name)
    print(f"FAIL  {name}", flush=True)
    for line in text.rstrip().splitlines():
        print(f"      | {line}", flush=True)


def skip(name, reason):
    skips.append((name, reason))
    print(f"skip  {name}: {reason}", flush=True)


def run(argv, env=None, quiet=True):
    """(exit code, output) of a command in the project's root; a hung one is killed and has the code -1."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    env.pop("MAKEFLAGS", None)  # the options of the make that called us are not for the ones that we call
    try:
        done = subprocess.run([os.fspath(word) for word in argv], cwd=ROOT, env=env, timeout=PATIENCE, text=True,
                              errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if quiet else None,
                              stderr=subprocess.STDOUT if quiet else None, check=False)
    except subprocess.TimeoutExpired as hung:
        return -1, f"{(hung.stdout or b'').decode(errors='replace')}\nno end after {PATIENCE} s"
    return done.returncode, done.stdout or ""


def make(*targets):
    return run([MAKE, "--no-print-directory", f"-j{os.cpu_count()}", *targets])


def build(target):
    """Whether make can build this; counts a failure if not."""
    code, output = make(target)
    if code:
        fail(f"build {target}", output)
    return code == 0


# ---- stages


def stage_build():
    for name, arguments in ("build", ["all"]), ("build aarch64", ["all", "check-static", "ARCH=aarch64"]):
        code, output = make(*arguments)
        if code:
            fail(name, output)
        else:
            succeed(name)


def stage_check():
    for script in sorted((ROOT / "build" / "check").glob("*.sh")):
        code, output = make(f"check-{script.stem}")
        if code:
            fail(f"check {script.stem}", output)
        else:
            succeed(f"check {script.stem}", output.strip() if output.count("\n") == 1 else "")


def run_unit(kind, launcher, env):
    """Each tests/unit/test_*.c is one cmocka program, which reports in TAP."""
    sources = sorted((ROOT / "tests" / "unit").glob("test_*.c"))
    if not sources:
        fail(kind, "there is no tests/unit/test_*.c")
    for source in sources:
        program = f"build/out/{kind}/{source.stem}"
        if build(program):
            code, output = run([*launcher, program], {"CMOCKA_MESSAGE_OUTPUT": "TAP", **env})
            count_tap(f"{kind} {source.stem}", code, output)


def count_tap(program, code, output):
    planned = sum(int(n) for n in re.findall(r"^1\.\.(\d+)", output, re.MULTILINE))
    # "ok 1 - name", "not ok 2 - name"; a skipped test is "not ok 3 # SKIP name", or "ok" in later versions of cmocka
    results = re.findall(r"^(not ok|ok) \d+ (-|# SKIP) (\S+)", output, re.MULTILINE)
    for result, dash, test in results:
        if dash != "-":
            skip(f"{program} {test}", "it says so itself")
        elif result == "ok":
            succeed(f"{program} {test}")
        else:
            fail(f"{program} {test}", output)
    if not planned or planned != len(results):
        fail(program, f"{len(results)} results of {planned} tests, exit code {code}\n{output}")
    elif code and not any((result, dash) == ("not ok", "-") for result, dash, _ in results):
        fail(program, f"exit code {code}\n{output}")  # a sanitizer, after the last test


def stage_unit():
    run_unit("unit", [], {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"})


def stage_unit_aarch64():
    library = "LD_LIBRARY_PATH=build/deps/cross/usr/lib/aarch64-linux-gnu"
    run_unit("unit-aarch64", ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-E", library], {})


def fuzz(source):
    """(exit code, output) of one target, from the inputs in tests/fuzz/corpus and what it finds itself."""
    corpus = OUT / "fuzz" / "corpus" / source.stem  # a copy: a run writes what it finds into its corpus
    given = ROOT / "tests" / "fuzz" / "corpus" / source.stem.removeprefix("fuzz_")
    corpus.mkdir(parents=True, exist_ok=True)
    if given.is_dir():
        shutil.copytree(given, corpus, dirs_exist_ok=True)
    crashes = OUT / "fuzz" / "crashes"
    crashes.mkdir(exist_ok=True)
    return run([f"build/out/fuzz/{source.stem}", f"-max_total_time={FUZZ_SECONDS}", "-timeout=5", "-rss_limit_mb=1024",
                f"-artifact_prefix={crashes}/{source.stem}-", corpus])


def stage_fuzz():
    """Each tests/fuzz/fuzz_*.c runs for some seconds, as many at a time as there are processors."""
    sources = sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.c"))
    if not sources:
        fail("fuzz", "there is no tests/fuzz/fuzz_*.c")
    sources = [source for source in sources if build(f"build/out/fuzz/{source.stem}")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, (code, output) in zip(sources, pool.map(fuzz, sources)):
            runs = re.search(r"^Done (\d+) runs", output, re.MULTILINE)
            if code or not runs:
                fail(f"fuzz {source.stem}", "\n".join(output.splitlines()[-60:]))
            else:
                succeed(f"fuzz {source.stem}", f"{runs[1]} runs")


def run_pytest(directory, *options):
    """pytest shows its progress itself, and reports each test in a JUnit file."""
    if not (build("all") and build("build/out/probe")):
        return
    report = OUT / f"{directory}.xml"
    report.unlink(missing_ok=True)
    code, output = run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}",
                        *options, f"tests/{directory}"], quiet=False)
    try:
        cases = list(xml.etree.ElementTree.parse(report).getroot().iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        fail(directory, f"pytest: exit code {code}: no report: {error}\n{output}")
        return
    bad = 0
    for case in cases:
        name = f"{directory} {case.get('classname', '').rpartition('.')[2]} {case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            bad += 1
            fail(name)  # pytest has shown the rest
        elif case.find("skipped") is not None:
            skip(name, case.find("skipped").get("message", "no reason given"))
        else:
            succeed(name)
    if code and not bad:  # 5: there was no test
        fail(directory, f"pytest: exit code {code}\n{output}")


def stage_behaviour():
    """Most of them wait more than they do: two at a time. See tests/behaviour/conftest.py."""
    run_pytest("behaviour", "-n", "2", "--dist", "loadfile", "-m", "not alone")
    run_pytest("behaviour", "-m", "alone")


def stage_docker():
    run_pytest("docker")


def stage_matrix():
    run_pytest("matrix")


STAGES = {
    "build": stage_build,
    "check": stage_check,
    "unit": stage_unit,
    "unit-aarch64": stage_unit_aarch64,
    "fuzz": stage_fuzz,
    "behaviour": stage_behaviour,
    "docker": stage_docker,
    "matrix": stage_matrix,
}
BY_NAME_ONLY = ("matrix",)  # it takes minutes, and packages that nothing else here needs


def main(names):
    names = names or [name for name in STAGES if name not in BY_NAME_ONLY]
    for name in names:
        if name not in STAGES:
            sys.exit(f"{name}: no such stage; there are {', '.join(STAGES)}")
    for name in names:
        print(f"---- {name}", flush=True)
        STAGES[name]()
    print()
    for name, reason in skips:
        print(f"skipped: {name}: {reason}")
    for name in failures:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failures)} failed, {len(skips)} skipped", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
