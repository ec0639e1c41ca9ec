# SPDX-License-Identifier: MIT
"""What the containers of every runtime hold, and the conditions that a runtime is told to run them under."""

import dataclasses
import pathlib
import shutil
import tarfile
import tempfile

from machine import Machine  # noqa: F401 (first: it lets the next lines find their modules)

import images  # noqa: I001
import sandbox

ENTRYPOINT = "/sbin/boundary-init"


@dataclasses.dataclass(frozen=True)
class Conditions:
    """As options of 'docker run' and of podman, which mean the same in all runtimes here.

    seccomp  None: the profile that the runtime has by itself; 'moby': Moby's default profile; 'rule': the same with
             the one rule that boundary-init asks for; 'unconfined'
    """

    add: tuple = ()
    drop: tuple = ()
    user: str = ""
    seccomp: str | None = None
    no_new_privs: bool = False
    read_only: bool = False

    def capabilities(self, default):
        """The names, in small letters, of those that a container of these conditions has; default: without them."""
        kept = set() if "ALL" in self.drop else set(default) - {name.lower() for name in self.drop}
        return kept | {name.lower() for name in self.add}

    def flags(self, profiles):
        """The same as options; profiles: the directory where their files are."""
        flags = [f"--cap-drop={name}" for name in self.drop] + [f"--cap-add={name}" for name in self.add]
        if self.user:
            flags.append(f"--user={self.user}")
        if self.seccomp:
            name = self.seccomp if self.seccomp == "unconfined" else f"{profiles}/{self.seccomp}.json"
            flags.append(f"--security-opt=seccomp={name}")
        if self.no_new_privs:
            flags.append("--security-opt=no-new-privileges")
        if self.read_only:
            flags.append("--read-only")
        return flags


def missing():
    """Why no image can be made here, as one line; None when one can."""
    if not images.MOBY_PROFILE.exists():
        return "Moby's default profile is not below build/deps"
    return None if shutil.which("musl-gcc") else "musl-gcc is not installed"


class Image:
    """A directory with root/ (boundary-init, /probe, the example's /agent, users) and the seccomp profiles."""

    def __init__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="image-")
        self.directory = pathlib.Path(self._temporary.name)
        self.directory.chmod(0o755)
        self.root = self.directory / "root"
        self.root.mkdir()
        self.agent = images.compile_example_agent(self.directory)
        sandbox.rootfs.create(self.root, {**sandbox.PROGRAMS, "/agent": self.agent})
        images.profile_with_rule(self.directory).rename(self.directory / "rule.json")
        (self.directory / "moby.json").write_bytes(images.MOBY_PROFILE.read_bytes())
        with tarfile.open(self.directory / "root.tar", "w") as archive:
            archive.add(self.root, ".")

    def profile(self, name):
        """The path of a seccomp profile: 'moby', 'rule'."""
        return self.directory / f"{name}.json"

    def close(self):
        self._temporary.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
