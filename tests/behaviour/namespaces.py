# SPDX-License-Identifier: MIT
"""The kernel calls that a container is made of, for Python 3.11, which lacks most of them.

Everything here acts on the calling thread only, and every context manager puts the thread back where it was: the
test process itself stays in the machine's namespaces, and nothing is ever mounted or configured there.
"""

import contextlib
import ctypes
import os
import signal
import socket

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24

CAPABILITIES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
    "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin "
    "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override "
    "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore").split()

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), what)
    return result


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(fd, flags):
    _check(_libc.setns(fd, flags), "setns")


def mount(source, target, kind=None, flags=0, data=None):
    args = [os.fsencode(arg) if arg is not None else None for arg in (source, target, kind)]
    _check(_libc.mount(*args, ctypes.c_ulong(flags), os.fsencode(data) if data else None), f"mount {target}")


def change_root(directory):
    """Makes the directory, which must be a mount point, the root; the old one is gone."""
    os.chdir(directory)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "umount2")
    os.chdir("/")


def die_with_parent():
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def keep_capabilities(names):
    """Cuts the bounding set; the next exec as root leaves exactly these in the other sets, as in a container."""
    for number, name in enumerate(CAPABILITIES):
        if name not in names:
            _check(_libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0), f"drop {name}")


def capability_names(mask):
    """The set of names in a mask such as '00000000a80435fb' of /proc/PID/status."""
    bits = int(mask, 16)
    return {name for number, name in enumerate(CAPABILITIES) if bits >> number & 1}


def namespace_fd(kind, pid="thread-self"):
    return os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)


@contextlib.contextmanager
def inside_net(fd):
    """Sockets made and programs started in the block belong to that network namespace."""
    home = namespace_fd("net")
    setns(fd, CLONE_NEWNET)
    try:
        yield
    finally:
        setns(home, CLONE_NEWNET)
        os.close(home)


@contextlib.contextmanager
def children_in_pid_namespace(fd=None):
    """Processes started in the block are in that pid namespace; without fd in a new one, the first as its PID 1."""
    home = namespace_fd("pid")
    if fd is None:
        unshare(CLONE_NEWPID)
    else:
        setns(fd, CLONE_NEWPID)
    try:
        yield
    finally:
        setns(home, CLONE_NEWPID)
        os.close(home)


def new_net():
    """A new network namespace, as a descriptor; it lives as long as something refers to it."""
    home = namespace_fd("net")
    unshare(CLONE_NEWNET)
    try:
        return namespace_fd("net")
    finally:
        setns(home, CLONE_NEWNET)
        os.close(home)


def new_user_and_net(max_user_namespaces):
    """A user namespace with all ids mapped to themselves and a network namespace that it owns, as two descriptors.

    max_user_namespaces limits how many user namespaces can be made below it, as the sysctl does for a whole host.
    """
    ours, theirs = socket.socketpair()
    with ours:
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                _make_user_and_net(theirs, max_user_namespaces)
            finally:
                os._exit(0)
        theirs.close()
        ours.recv(1)
        for name in "uid_map", "gid_map":
            with open(f"/proc/{pid}/{name}", "w") as ids:
                ids.write("0 0 4294967295")
        ours.send(b".")
        made = ours.recv(1)
        fds = (namespace_fd("user", pid), namespace_fd("net", pid)) if made else None
    os.waitpid(pid, 0)
    if not fds:
        raise OSError("the child that makes the user namespace failed")
    return fds


def _make_user_and_net(parent, max_user_namespaces):
    die_with_parent()
    unshare(CLONE_NEWUSER)
    parent.send(b".")
    parent.recv(1)  # the ids are mapped
    unshare(CLONE_NEWNET)
    with open("/proc/sys/user/max_user_namespaces", "w") as limit:
        limit.write(str(max_user_namespaces))
    parent.send(b".")
    parent.recv(1)  # the parent has its descriptors and closes the socket
