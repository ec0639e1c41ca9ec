# SPDX-License-Identifier: MIT
"""The real servers of the tests' internet: dnsmasq, nginx, sshd, PostgreSQL, Redis, openssl s_server, our service.py.

Each runs in the network namespace that it is given and in pid, mount and ipc namespaces of its own, with a directory
of its own for all that it writes: it ends whole when its Process is closed, or with the test process, and leaves
nothing. Functions return when the server is ready.
"""

import contextlib
import glob
import os
import pathlib
import shutil
import socket
import subprocess

import dns.message
import dns.query

import namespaces as ns
import service
from process import Process, spawn

SERVICE = pathlib.Path(service.__file__)
PASSWD = """\
root:x:0:0:root:/root:/bin/sh
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
postgres:x:101:101::/:/bin/sh
nobody:x:65534:65534::/:/usr/sbin/nologin
"""
SHADOW = "".join(line.split(":")[0] + ":*:19000:0:99999:7:::\n" for line in PASSWD.splitlines())
POSTGRES = 101


def start(net, argv, directory, user=0, stdin=None, pass_fds=(), env=None):
    """Starts a server there. It sees the machine's files, but users of its own and an empty /run."""
    for name, text in ("passwd", PASSWD), ("shadow", SHADOW):
        if not (directory / name).exists():
            (directory / name).write_text(text)

    def setup():
        ns.unshare(ns.CLONE_NEWNS | ns.CLONE_NEWIPC)
        ns.mount(None, "/", None, ns.MS_REC | ns.MS_PRIVATE)
        ns.mount("proc", "/proc", "proc")
        ns.mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
        os.mkdir("/run/sshd", 0o755)
        for name in "passwd", "shadow":
            ns.mount(directory / name, f"/etc/{name}", None, ns.MS_BIND)
        os.chdir(directory)
        if stdin is not None:
            os.dup2(stdin.fileno(), 0)
        if user:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        ns.die_with_parent()

    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": os.fspath(directory), **(env or {})}
    with ns.inside_net(net.fd), ns.children_in_pid_namespace():
        return Process(spawn(argv, setup, env=environment, pass_fds=pass_fds))


class Dnsmasq:
    """A resolver at these addresses with the records of a Zone and no other; its log says what it was asked."""

    def __init__(self, net, directory, zone, *listen):
        self._net, self._directory = net, directory
        self._log = directory / "queries.log"
        self._asked = 0
        self._at = listen[0]
        configuration = ["port=53", "no-hosts", "no-resolv", "user=root", "pid-file=", "log-queries", "cache-size=0",
                         f"log-facility={self._log}", f"addn-hosts={directory / 'hosts'}", "local-ttl=60",
                         "address=/#/", *zone.configuration,
                         *(f"listen-address={address}" for address in listen), "bind-interfaces"]
        (directory / "dnsmasq.conf").write_text("\n".join(configuration) + "\n")
        (directory / "hosts").write_text("".join(f"{address} {name}\n" for name, address in zone.addresses))
        self._process = start(net, ["dnsmasq", "--keep-in-foreground", f"--conf-file={directory / 'dnsmasq.conf'}"],
                              directory)
        self._settle()

    def _settle(self):
        """Asks it something: what it was asked before is in its log when the answer comes. Returns that name."""
        self._asked += 1
        name = f"settled-{self._asked}.invalid"
        query = dns.message.make_query(name, "A").to_wire()
        family = socket.AF_INET6 if ":" in self._at else socket.AF_INET
        with self._net.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(0.02)
            for _ in range(250):
                if not self._process.running():
                    break
                with contextlib.suppress(OSError):  # not there yet, refused or silent
                    client.sendto(query, (self._at, 53))
                    client.recv(512)
                    return name
        self._process.pump()
        raise RuntimeError(f"dnsmasq does not answer: {self._process.err}")

    def queries(self, client=None):
        """[(type, name)] of all questions so far; of this client (an address as text) only, if given."""
        self._settle()
        asked = []
        for line in self._log.read_text(errors="replace").splitlines():
            words = line.split()
            for place, word in enumerate(words):
                if word.startswith("query[") and "settled-" not in words[place + 1]:
                    if client is None or words[-1] == client:
                        asked.append((word[6:-1], words[place + 1]))
        return asked

    def close(self):
        self._process.close()


def nginx(net, directory, configuration):
    (directory / "nginx.conf").write_text(configuration)
    process = start(net, ["nginx", "-p", directory, "-c", directory / "nginx.conf", "-e", "stderr"], directory)
    process.expect("start worker process ", stream="err")
    return process


def fcgiwrap(net, directory):
    """Runs CGI programs for nginx, by the socket directory/fcgi."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(directory / "fcgi"))
        listener.listen()
        return start(net, ["fcgiwrap", "-c", "2"], directory, stdin=listener)


def repository(path):
    """A bare git repository with one commit: a file README that says 'hello'."""
    def git(*arguments, text=None):
        subprocess.run(["git", "-c", "init.defaultBranch=main", *arguments], input=text, text=True, check=True,
                       capture_output=True)
    git("init", "--bare", path)
    git("-C", path, "config", "http.receivepack", "true")
    git("-C", path, "fast-import", "--quiet", text="commit refs/heads/main\n"
        "committer T <t@example.com> 1700000000 +0000\ndata 5\nfirst\nM 644 inline README\ndata 6\nhello\n\n")


def sshd(net, directory):
    """Lets root in by the key directory/user_key; its fingerprint for known_hosts is in directory/host_key.pub."""
    for name in "host_key", "user_key":
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
    shutil.copy(directory / "user_key.pub", directory / "authorized_keys")
    (directory / "sshd_config").write_text(f"""\
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
UseDNS no
""")
    process = start(net, ["/usr/sbin/sshd", "-D", "-e", "-f", directory / "sshd_config"], directory)
    process.expect("Server listening on :: port 22", stream="err")
    return process


def postgresql(net, directory, certificates):
    """Lets everybody in as postgres without a password, with TLS or without."""
    programs = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
    data = directory / "data"
    for path in directory, data:
        path.mkdir(exist_ok=True)
        os.chown(path, POSTGRES, POSTGRES)
    key = directory / "server.key"
    shutil.copy(certificates.key, key)
    os.chown(key, POSTGRES, POSTGRES)
    initdb = start(net, [programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-locale", "-E", "UTF8",
                         "--no-sync", "--no-instructions"], directory, user=POSTGRES)
    with initdb:
        done = initdb.wait(30)
    if done.code:
        raise RuntimeError(f"initdb: {done}")
    with open(data / "pg_hba.conf", "a") as access:
        access.write("host all all all trust\n")
    settings = {"listen_addresses": "*", "unix_socket_directories": directory, "fsync": "off", "max_connections": 20,
                "shared_buffers": "4MB", "ssl": "on", "ssl_cert_file": certificates.certificate, "ssl_key_file": key,
                "autovacuum": "off", "dynamic_shared_memory_type": "sysv"}
    process = start(net, [programs / "postgres", "-D", data,
                          *(f"--{name}={value}" for name, value in settings.items())], directory, user=POSTGRES)
    process.expect("ready to accept connections", stream="err")
    return process


def redis(net, directory):
    process = start(net, ["redis-server", "--port", "6379", "--bind", "*", "-::*", "--protected-mode", "no",
                          "--save", "", "--daemonize", "no", "--dir", directory], directory)
    process.expect("Ready to accept connections")
    return process


def s_server(net, directory, certificates, port, *options):
    """openssl's own: sends back each line the other way round."""
    process = start(net, ["openssl", "s_server", "-accept", str(port), "-cert", certificates.certificate,
                          "-key", certificates.key, "-rev", *options], directory)
    process.expect("ACCEPT")
    return process


def own_service(net, directory, certificates, *kind):
    process = start(net, ["/usr/bin/python3", "-B", SERVICE, certificates.certificate, certificates.key, *kind],
                    directory)
    process.expect("ready\n")
    return process
