# SPDX-License-Identifier: MIT
"""Images and the seccomp profile that the Docker tests run with. Nothing is pulled: images are built or imported."""

import io
import pathlib
import shlex
import shutil
import subprocess
import tarfile
import tempfile

import engine  # noqa: F401 (lets the next line find its module)
import sandbox

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = ROOT / "build" / "deps"
MOBY_PROFILE = DEPS / "moby" / "default.json"
BASE_TARBALL = DEPS / "debian-bookworm.tar"
EXAMPLE = ROOT / "tests" / "examples" / "agent"

BUILD_TIMEOUT = 600.0  # seconds; with apt-get on a slow mirror

# The flags of clone(2) that make namespaces, and the two of them that the jail needs.
NAMESPACE_FLAGS = 0x7E020000
NEWUSER_NEWNET = 0x50000000

# What apt must know to trust this machine's mirror: the image gets the same settings.
APT_SETTINGS = ["Acquire::Check-Date", "Acquire::Check-Valid-Until", "Acquire::http::Proxy"]


def profile_with_rule(directory):
    """Moby's default profile with the one rule that lets exactly clone(NEWUSER|NEWNET) pass, as boundary-init adds it;
    the path."""
    path = pathlib.Path(directory) / "boundary-init-seccomp.json"
    with open(MOBY_PROFILE, "rb") as profile, open(path, "wb") as output:
        subprocess.run([sandbox.INIT, "--seccomp-profile"], stdin=profile, stdout=output, env={}, check=True)
    return path


def build(docker, tag, dockerfile, files=None, timeout=BUILD_TIMEOUT):
    """'docker build' of the text of a Dockerfile, with {name in the context: file to copy}; returns the tag."""
    with tempfile.TemporaryDirectory(prefix="context-") as context:
        for name, source in (files or {}).items():
            shutil.copy(source, pathlib.Path(context) / name)
        (pathlib.Path(context) / "Dockerfile").write_text(dockerfile)
        docker.docker("build", "--tag", tag, context, timeout=timeout)
    return tag


def compile_example_agent(directory, compiler=("musl-gcc", "-static")):
    """The example's agent, which knows names only: static with musl, whose resolver is its own; its path."""
    program = pathlib.Path(directory) / "agent"
    subprocess.run([*compiler, "-O2", "-o", program, EXAMPLE / "agent.c"], check=True, capture_output=True)
    return program


AGENT_IMAGE = """\
FROM {base}
COPY boundary-init /sbin/boundary-init
COPY probe agent /
COPY passwd group /etc/
ENTRYPOINT ["/sbin/boundary-init"]
"""


def build_agent_image(docker, tag="agent", base="scratch", compiler=("musl-gcc", "-static")):
    """boundary-init as the ENTRYPOINT, the probe, the example's agent, and the users of the sandbox's images."""
    with tempfile.TemporaryDirectory(prefix="etc-") as etc:
        files = {"boundary-init": sandbox.INIT, "probe": sandbox.PROBE, "agent": compile_example_agent(etc, compiler)}
        for name, content in ("passwd", sandbox.rootfs.PASSWD), ("group", sandbox.rootfs.GROUP):
            files[name] = pathlib.Path(etc) / name
            files[name].write_text(content)
        return build(docker, tag, AGENT_IMAGE.format(base=base), files)


# What 'setcap cap_net_admin+p' writes: VFS_CAP_REVISION_2 of linux/capability.h, permitted and not effective.
NET_ADMIN_PERMITTED = "\0\0\0\2" + "\0\x10\0\0" + "\0" * 12


def import_agent_image_with_capability(docker, tag="with-capability"):
    """The agent's image after 'setcap cap_net_admin+p /sbin/boundary-init'; the tag."""
    rootfs = io.BytesIO()
    with tempfile.TemporaryDirectory() as directory, \
            tarfile.open(fileobj=rootfs, mode="w", format=tarfile.PAX_FORMAT) as archive:
        agent = compile_example_agent(directory)
        for path, source in ("sbin/boundary-init", sandbox.INIT), ("probe", sandbox.PROBE), ("agent", agent):
            entry = archive.gettarinfo(source, path)
            entry.uid = entry.gid = 0
            if source == sandbox.INIT:
                entry.pax_headers = {"SCHILY.xattr.security.capability": NET_ADMIN_PERMITTED}
            with open(source, "rb") as file:
                archive.addfile(entry, file)
    entrypoint = 'ENTRYPOINT ["/sbin/boundary-init"]'
    docker.docker("import", "--change", entrypoint, "-", tag, stdin=rootfs.getvalue())
    return tag


def _mirror():
    """The Debian mirror that this machine's apt uses."""
    query = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    answer = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    return answer.split()[0]


def _apt_settings():
    return subprocess.run(["apt-config", "dump", *APT_SETTINGS], capture_output=True, text=True, check=True).stdout


def _make_base_tarball():
    """debootstrap, in mount and pid namespaces of its own; half a minute. The result is kept below build/deps."""
    DEPS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="debian-", ignore_cleanup_errors=True) as directory:
        root = pathlib.Path(directory) / "root"
        subprocess.run(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "debootstrap", "--variant=minbase",
                        "bookworm", root, _mirror()], check=True, capture_output=True)
        (root / "etc/apt/apt.conf.d/99mirror").write_text(_apt_settings())
        partial = BASE_TARBALL.with_suffix(".partial")
        subprocess.run(["tar", "-C", root, "--exclude=./var/cache/apt/*", "--exclude=./var/lib/apt/lists/*",
                        "--exclude=./dev/*", "-cf", partial, "."], check=True)
        partial.rename(BASE_TARBALL)


def missing_for_base():
    """Why no base image can be made here, as one line; None when one can."""
    if BASE_TARBALL.exists() or shutil.which("debootstrap"):
        return None
    return "debootstrap is not installed"


def import_base_image(docker):
    """debian:bookworm-slim, without a registry."""
    if not BASE_TARBALL.exists():
        _make_base_tarball()
    docker.docker("import", "--change", 'CMD ["bash"]', BASE_TARBALL, "debian:bookworm-slim", timeout=BUILD_TIMEOUT)


def build_with_packages(docker, tag, directory):
    """What a user builds. It installs packages: the engine needs the machine's network."""
    docker.docker("build", "--network", "host", "--tag", tag, directory, timeout=BUILD_TIMEOUT)
    return tag


def build_project_image(docker, tag="boundary-init"):
    """The Dockerfile at the top."""
    return build_with_packages(docker, tag, ROOT)


def transfer(source, target, tag):
    """Carries an image from one engine to another."""
    command = " ".join(map(shlex.quote, source.command("save", tag))) + " | " + \
              " ".join(map(shlex.quote, target.command("load")))
    subprocess.run(["sh", "-c", command], check=True, capture_output=True, env=source.environment())
