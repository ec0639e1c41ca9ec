# SPDX-License-Identifier: MIT
"""The runtimes by name. Each has run(arguments, conditions, entrypoint=...), which gives a Result, and address, what
its container was seen as.

podman, podman-runc     by root, with crun or runc
rootless, rootless-runc by a user
kubernetes              runc, as containerd calls it for a pod
gvisor                  runsc, as containerd calls it for a pod
"""

import oci
import podman

PODMANS = {  # name: (runtime, whether by a user)
    "podman": ("crun", False),
    "podman-runc": ("runc", False),
    "rootless": ("crun", True),
    "rootless-runc": ("runc", True),
}
OCI = {"kubernetes": oci.Runc, "gvisor": oci.Runsc}
NAMES = (*PODMANS, *OCI)


def missing(name):
    """Why this one cannot be had here, as one line; None when it can."""
    return OCI[name].missing() if name in OCI else podman.missing(*PODMANS[name])


def make(name, internet, image):
    """To be closed."""
    if name in OCI:
        return OCI[name](internet, image)
    number = NAMES.index(name) + 1  # of its network
    return podman.Podman(internet, image, name, number, *PODMANS[name])
