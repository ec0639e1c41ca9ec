# SPDX-License-Identifier: MIT
"""The project's Dockerfile and the example image really build, hold what they promise, and run."""

import io
import stat
import subprocess
import tarfile

import pytest

import images
import sandbox
from engine import MACHINE_V4

EXAMPLE = images.ROOT / "tests" / "examples" / "agent" / "Dockerfile"


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


@pytest.fixture(scope="module")
def example_image(engine, project_image):
    return images.build(engine, "example", EXAMPLE.read_text(), {"probe": sandbox.PROBE})


def test_project_image_holds_one_file(engine, project_image):
    assert files_in(engine, project_image) == {"sbin/boundary-init": 0o755}


def test_project_image_runs(engine, project_image):
    result = engine.run("run", "--rm", project_image, "--version")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("boundary-init ")


def test_example_image_holds_the_agent_beside_it(engine, example_image):
    assert files_in(engine, example_image) == {"sbin/boundary-init": 0o755, "probe": 0o755}


def test_example_reaches_what_it_allows(engine, example_image, flags):
    result = engine.run("run", "--rm", *flags, example_image)
    assert (result.code, result.json["reply"]) == (0, f"allowed {MACHINE_V4}"), result


def test_example_reaches_nothing_else(net, engine, example_image, flags):
    result = engine.run("run", "--rm", *flags, example_image, "/probe", "connect", net.denied.v4, "80")
    assert (result.code, result.json["errno"]) == (1, "ECONNREFUSED"), result


def test_example_takes_more_rules_from_the_deployment(net, engine, example_image, flags):
    result = engine.run("run", "--rm", *flags, "--env", f"BOUNDARY_ALLOW=cidr={net.denied.v4}", example_image,
                        "/probe", "connect", net.denied.v4, "80")
    assert (result.code, result.json["reply"]) == (0, f"denied {MACHINE_V4}"), result
