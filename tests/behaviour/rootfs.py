# SPDX-License-Identifier: MIT
"""The file system of a test container: a directory, and what is mounted over it in the container's mount namespace.

As small as an image FROM scratch with two programs in it; devices, /proc and /sys as Docker gives them. Or with a
userland: the machine's own /usr, which cannot be written, below an /etc of the container's own.
"""

import fcntl
import os
import shutil
import socket
import stat
import struct
import termios

import namespaces as ns

PASSWD = """\
root:x:0:0:root:/root:/sbin/nologin
agent:x:1000:1000:Agent:/home/agent:/sbin/nologin
nogroup:x:1001:4242:Its group is not in the group file:/:/sbin/nologin
"""

GROUP = """\
root:x:0:
agent:x:1000:
shared:x:2000:root,agent
extra:x:2001:agent
"""

USERLAND = ("bin", "lib", "lib64")  # next to /usr; /sbin is the image's own, for its PID 1

NSSWITCH = """\
passwd: files
group: files
hosts: files dns
"""

DIRECTORIES = ("dev", "etc", "home/agent", "proc", "root", "sbin", "sys", "tmp")

DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}

# From asm-generic/ioctls.h; Python's termios does not name them.
TIOCGPTN = 0x80045430
TIOCSPTLCK = 0x40045431


def create(root, programs, userland=False):
    """Fills the empty directory. programs: {path in the image: file to copy}; userland: as for enter()."""
    for name in DIRECTORIES:
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    os.chown(root / "home/agent", 1000, 1000)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    for path, source in programs.items():
        shutil.copy(source, root / path.lstrip("/"))
    if userland:
        (root / "usr").mkdir()
        for name in USERLAND:
            if os.path.exists(f"/usr/{name}"):  # a merged /usr, which all supported Debians have
                (root / name).symlink_to(f"usr/{name}")
        (root / "etc/nsswitch.conf").write_text(NSSWITCH)
        shutil.copy("/etc/ld.so.cache", root / "etc/ld.so.cache")


def enter(root, writable_proc_sys, userland=False):
    """In the child, in its own mount and pid namespace: mounts what belongs there and makes it the root."""
    root = os.fspath(root)
    ns.mount(None, "/", None, ns.MS_REC | ns.MS_PRIVATE)
    ns.mount(root, root, None, ns.MS_BIND)
    if userland:
        ns.mount("/usr", f"{root}/usr", None, ns.MS_BIND)
        ns.mount(None, f"{root}/usr", None, ns.MS_BIND | ns.MS_REMOUNT | ns.MS_RDONLY)
    ns.mount("proc", f"{root}/proc", "proc", ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
    if not writable_proc_sys:
        ns.mount(f"{root}/proc/sys", f"{root}/proc/sys", None, ns.MS_BIND)
        ns.mount(None, f"{root}/proc/sys", None, ns.MS_BIND | ns.MS_REMOUNT | ns.MS_RDONLY | ns.MS_NOSUID
                 | ns.MS_NODEV | ns.MS_NOEXEC)
    ns.mount("sysfs", f"{root}/sys", "sysfs", ns.MS_RDONLY | ns.MS_NOSUID | ns.MS_NODEV | ns.MS_NOEXEC)
    ns.mount("tmpfs", f"{root}/dev", "tmpfs", ns.MS_NOSUID, "mode=755")
    for name, (major, minor) in DEVICES.items():
        os.mknod(f"{root}/dev/{name}", stat.S_IFCHR, os.makedev(major, minor))
        os.chmod(f"{root}/dev/{name}", 0o666)
    os.mkdir(f"{root}/dev/pts")
    ns.mount("devpts", f"{root}/dev/pts", "devpts", ns.MS_NOSUID | ns.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    os.symlink("pts/ptmx", f"{root}/dev/ptmx")
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{root}/dev/{name}")
    ns.change_root(root)


def take_terminal(channel, rows=24, columns=80):
    """In the child, inside the container and a session leader: a terminal of the container's own becomes standard
    input, output and error, and its master side goes to the test through the socket."""
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    number = struct.unpack("i", fcntl.ioctl(master, TIOCGPTN, struct.pack("i", 0)))[0]
    slave = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    socket.send_fds(channel, [b"."], [master])
    os.close(master)
    for fd in range(3):
        os.dup2(slave, fd)
    if slave > 2:
        os.close(slave)
