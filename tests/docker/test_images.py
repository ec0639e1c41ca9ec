# SPDX-License-Identifier: MIT
"""The project's Dockerfile and the example image really build, hold what they promise, and run."""

import io
import re
import stat
import subprocess
import tarfile

import images
from containers import ALLOWED, DENIED, denials, mode_told, words
from engine import MACHINE_V4

README = images.ROOT / "README.md"

def files_in(engine, image):
    """{path: mode} of the regular files of an image, but for those that Docker itself puts into every container."""
    container = engine.docker("create", image, "none").strip()
    exported = subprocess.run(engine.command("export", container), env=engine.environment(), capture_output=True,
                              check=True)
    engine.docker("rm", container)
    with tarfile.open(fileobj=io.BytesIO(exported.stdout)) as archive:
        files = {entry.name: stat.S_IMODE(entry.mode) for entry in archive if entry.isfile()}
    for name in ".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "dev/console":
        files.pop(name, None)
    return files


def test_project_image_holds_one_file(engine, project_image):
    assert files_in(engine, project_image) == {"sbin/boundary-init": 0o755}


def test_project_image_runs(engine, project_image):
    result = engine.run("run", "--rm", project_image, "--version")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("boundary-init ")


def test_example_image_holds_the_agent_beside_it(engine, example_image):
    assert files_in(engine, example_image) == {"sbin/boundary-init": 0o755, "agent": 0o755}


def test_example_needs_one_capability(engine, example_image):
    """The commands of the README: with Docker's own seccomp profile the container itself is bounded."""
    commands = [line.partition("#")[0].split() for line in README.read_text().splitlines()
                if line.startswith("docker run --cap-add NET_ADMIN agent")]
    assert len(commands) == 2
    reached, refused = (engine.run("run", "--rm", *command[2:4], example_image, *command[5:]) for command in commands)
    assert (reached.code, reached.out, mode_told(reached)) == (0, f"allowed {MACHINE_V4}\n", "container")
    assert refused.out.startswith("HTTP/1.1 403 Forbidden\r\n") and mode_told(refused) == "container"


def test_example_reaches_what_it_allows(engine, example_image, flags):
    result = engine.run("run", "--rm", *flags, example_image)
    assert (result.code, result.out, result.err) == (0, f"allowed {MACHINE_V4}\n", "")


def test_example_reaches_nothing_else(net, engine, example_image, flags):
    """What it is told is what the README shows; nobody else hears of that name."""
    before = len(net.names.asked)
    result = engine.run("run", "--rm", *flags, example_image, "/agent", DENIED)
    assert result.code == 0 and result.out.startswith("HTTP/1.1 403 Forbidden\r\n"), result
    _, body = result.out.split("\r\n\r\n")
    assert f"\n{body}```\n" in README.read_text()
    assert words(result) == "" and denials(result, event="verdict", proto="http", name=DENIED, method="GET", path="/")
    assert net.names.asked[before:] == []


def test_example_takes_more_rules_from_the_deployment(engine, example_image, flags):
    result = engine.run("run", "--rm", *flags, "--env", f"BOUNDARY_ALLOW=domain={DENIED}", example_image,
                        "/agent", DENIED)
    assert (result.code, result.out, result.err) == (0, f"denied {MACHINE_V4}\n", "")


def test_image_of_the_readme(engine, project_image, flags, tmp_path):
    """Its first Dockerfile, as it stands there, with the example's agent as the agent."""
    dockerfile = re.search(r"```dockerfile\n(.*?)```", README.read_text(), re.DOTALL)[1]
    image = images.build(engine, "readme", dockerfile, {"agent": images.compile_example_agent(tmp_path)})
    result = engine.run("run", "--rm", *flags, image, "/agent", ALLOWED)
    assert (result.code, result.out, result.err) == (0, f"allowed {MACHINE_V4}\n", "")
    refused = engine.run("run", "--rm", *flags, image)  # the agent of that image asks for example.com
    assert refused.out.startswith("HTTP/1.1 403 ") and denials(refused, event="verdict", name="example.com")
