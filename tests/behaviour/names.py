# SPDX-License-Identifier: MIT
"""An internet of names: an Internet with a resolver and real servers in it, and agents with a userland that use them.

    with Names() as names, Agent(names.box(), 'domain=api.example.com') as agent:
        assert agent.curl("http://api.example.com/").json["server"] == "api.example.com"
        assert agent.curl("http://www.example.com/").status == 403

What there is beside the hosts of sandbox.py:

    resolver 192.0.2.53, 2001:db8:53::53   dnsmasq with ZONE, and no name else
    web      203.0.113.82, 2001:db8:80::82 nginx on 80, 8080 (plain), 443, 9443 (TLS), all SITES on this one address;
                                           the ports of service.PORTS; sshd, PostgreSQL, Redis, openssl s_server
                                           when first asked for. All addresses in AT_WEB too are this host.
"""

import fcntl
import functools
import ipaddress
import json
import os
import pathlib
import selectors
import shutil
import tempfile
import time

import certificates
import sandbox
import servers
from process import TIMEOUT, Hung
from service import PORTS

WEB = "203.0.113.82"
WEB6 = "2001:db8:80::82"
RESOLVER = "192.0.2.53"
RESOLVER6 = "2001:db8:53::53"
REFUSING = "192.0.2.54"  # the resolver's host, where nothing listens there
SILENT = "192.0.2.98"  # nothing ever comes back
MORE_WEB = "203.0.113.128/25"
DEAD_WEB = "203.0.113.99"  # silent as well

# Addresses that no name may lead to unless a rule says private=yes; the host that they lead to answers.
PRIVATE = {"private": "10.1.2.3", "private16": "192.168.7.7", "carrier": "100.64.1.1", "metadata": "169.254.169.254",
           "unique-local": "fd00:1::1"}
AT_WEB = (MORE_WEB, *PRIVATE.values())

SITES = ("api.example.com", "www.example.com", "deep.api.example.com", "evil.example.net")
MANY = 100

POLICY_ALLOWED = "api.example.com"
POLICY_DENIED = "www.example.com"

OPENSSL_PORT = 4433
OBSERVED = 1 << 20  # bytes that the audit's pipe holds


class Zone:
    """The records of the resolver: addresses go to a hosts file, the rest to its configuration."""

    def __init__(self):
        self.addresses, self.configuration = [], []
        for name in SITES + ("host.example.com", "stream.example.com", "git.example.com", "db.example.com",
                             "cache.example.com", "mail.example.com", "tls.example.com",
                             "db.default.svc.cluster.local"):
            self.add(name, WEB, WEB6)
        self.add("v4.example.com", WEB)
        self.add("v6.example.com", WEB6)
        for label, address in PRIVATE.items():
            self.add(f"{label}.example.com", address)
        self.add("loopback.example.com", "127.0.0.1")
        self.add("loopback6.example.com", "::1")
        self.add("mapped.example.com", "::ffff:10.1.2.3")
        self.add("unspecified.example.com", "0.0.0.0")
        self.add("pool.example.com", "198.18.0.1")
        self.add("mixed.example.com", WEB, "10.1.2.3")
        self.add("dead.example.com", DEAD_WEB)
        self.add("halfdead.example.com", DEAD_WEB, WEB)
        first = ipaddress.ip_network(MORE_WEB)[1]
        self.add("many.example.com", *(str(first + number) for number in range(MANY)))
        self.configuration += [
            "cname=alias.example.com,api.example.com", "cname=chain.example.com,alias.example.com",
            "cname=out.example.com,evil.example.net", "cname=inward.example.com,private.example.com",
            "mx-host=api.example.com,mail.example.com,10", "mx-host=www.example.com,mail.example.com,10",
            "txt-record=api.example.com,hello,world", "txt-record=www.example.com,secret",
            *(f"txt-record=big.example.com,{number:03}{'x' * 197}" for number in range(15)),
            "srv-host=_ldap._tcp.example.com,api.example.com,389,5,6",
            "dns-rr=api.example.com,65,0001000001000302683200040004cb007152",
        ]

    def add(self, name, *addresses):
        self.addresses += [(name, address) for address in addresses]


NGINX = """\
daemon off; worker_processes 1; user root; pid {directory}/pid; error_log stderr notice; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    log_format json escape=json '{{"server":"$server_name","method":"$request_method","host":"$http_host",'
        '"uri":"$request_uri","client":"$client","status":$status}}';
    access_log {directory}/access.log json;
    default_type application/json;
    keepalive_requests 100000;
    client_max_body_size 0;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    map $remote_addr $client {{ ~^::ffff:(.*)$ $1; default $remote_addr; }}
    map $server_addr $at {{ ~^::ffff:(.*)$ $1; default $server_addr; }}
    map $pid $asked {{ default '"method":"$request_method","host":"$http_host","uri":"$request_uri"'; }}
    map $pid $by {{ default '"client":"$client","port":$remote_port,"at":"$at","protocol":"$server_protocol"'; }}
{servers}}}
"""

NGINX_SERVER = """\
    server {{
        listen [::]:80 ipv6only=off{only}; listen [::]:8080 ipv6only=off{only};
        listen [::]:443 ssl http2 ipv6only=off{only}; listen [::]:9443 ssl http2 ipv6only=off{only};
        server_name {name};
        location / {{
            add_header X-Server {name};
            return 200 '{{"server":"{name}",$asked,$by,"tls":"$ssl_protocol","sni":"$ssl_server_name"}}\\n';
        }}
        location /proxied/ {{
            proxy_pass http://127.0.0.1:{http}/; proxy_http_version 1.1; proxy_buffering off;
            proxy_request_buffering off;
        }}
        location /bulk/ {{
            proxy_pass http://127.0.0.1:{bulk}/; proxy_http_version 1.1; proxy_buffering off;
            proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_request_buffering off;
        }}
        location /git/ {{
            fastcgi_pass unix:{directory}/fcgi;
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
            fastcgi_param GIT_PROJECT_ROOT {directory};
            fastcgi_param GIT_HTTP_EXPORT_ALL 1;
            fastcgi_param REMOTE_USER tester;
            fastcgi_param PATH_INFO $uri;
        }}
    }}
"""


def nginx_configuration(directory, made):
    every = "".join(NGINX_SERVER.format(name=name, directory=directory, http=PORTS["http"], bulk=PORTS["bulk"], only="")
                    for name in SITES + ("other",))
    # These options may be given once for each address, so only the first server has them.
    first, rest = every.split("server_name", 1)
    every = first + "server_name" + rest.replace(" ipv6only=off", "")
    return NGINX.format(directory=directory, certificate=made.certificate, key=made.key, servers=every)


class Names(sandbox.Internet):
    """Attributes: resolver, web (hosts), dns (the Dnsmasq), directory, certificates, service (the Process)."""

    def __init__(self):
        super().__init__()
        try:
            directory = tempfile.TemporaryDirectory(prefix="names-", dir=sandbox.scratch())
            self.directory = pathlib.Path(self._to_close.enter_context(directory))
            self.directory.chmod(0o755)
            self.certificates = certificates.make(self._for("certificates"), [
                "example.com", "*.example.com", *SITES])
            self.resolver = self.add_host("resolver", RESOLVER, RESOLVER6, ports=None)
            self.resolver.ip(f"addr add {REFUSING}/24 dev eth0")
            self.web = self._web()
            self.zone = Zone()
            self._start_servers()
        except BaseException:
            self.close()
            raise

    def _for(self, name):
        directory = self.directory / name
        directory.mkdir()
        return directory

    def _web(self):
        web = self._to_close.enter_context(sandbox.Host("web", WEB, WEB6))
        self.connect(web, "web", WEB, WEB6, prefix=28)
        web.sysctl({"core/somaxconn": 4096})
        lines = [f"route add blackhole {SILENT}", f"route add blackhole {DEAD_WEB}"]
        for address in AT_WEB:
            web.ip(f"route add local {address} dev lo")
            lines.append(f"route add {address} via {WEB6 if ':' in address else WEB}")
        self.router.ip("\n".join(lines))
        return web

    def _start_servers(self):
        enter = self._to_close.enter_context
        self.dns = servers.Dnsmasq(self.resolver, self._for("dns"), self.zone, RESOLVER, RESOLVER6)
        self._to_close.callback(self.dns.close)
        directory = self._for("web")
        servers.repository(directory / "git" / "repository.git")
        (directory / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
        enter(servers.fcgiwrap(self.web, directory))
        enter(servers.nginx(self.web, directory, nginx_configuration(directory, self.certificates)))
        self.service = enter(servers.own_service(self.web, self._for("service"), self.certificates))

    # Those that only some tests need are started by the first one that does.

    @functools.cached_property
    def sshd(self):
        """Attributes of what is returned: key (a path), known_hosts (the line for git.example.com)."""
        directory = self._for("sshd")
        self._to_close.enter_context(servers.sshd(self.web, directory))
        kind, key = (directory / "host_key.pub").read_text().split()[:2]
        servers.repository(directory / "repository.git")
        return {"key": (directory / "user_key").read_text(), "known_hosts": f"git.example.com {kind} {key}\n",
                "repository": f"root@git.example.com:{directory}/repository.git"}

    @functools.cached_property
    def postgresql(self):
        return self._to_close.enter_context(servers.postgresql(self.web, self._for("postgresql"), self.certificates))

    @functools.cached_property
    def redis(self):
        return self._to_close.enter_context(servers.redis(self.web, self._for("redis")))

    @functools.cached_property
    def s_server(self):
        return self._to_close.enter_context(
            servers.s_server(self.web, self._for("s_server"), self.certificates, OPENSSL_PORT))

    @functools.cached_property
    def grpc(self):
        return self._to_close.enter_context(
            servers.own_service(self.web, self._for("grpc"), self.certificates, "grpc"))

    def requests(self, **members):
        """What nginx was asked for so far, of its log: requests(uri='/secret')."""
        lines = (self.directory / "web" / "access.log").read_text().splitlines()
        found = [json.loads(line) for line in lines]
        return [one for one in found if all(one[name] == value for name, value in members.items())]

    def events(self, **members):
        """What the service has said so far."""
        self.service.pump()
        return [one for one in self.service.jsons if all(one.get(name) == value for name, value in members.items())]

    def box(self, resolv=f"nameserver {RESOLVER}\n", hosts="", **options):
        """A container with a userland that trusts the servers' certificates; resolv.conf, more lines of /etc/hosts."""
        box = self.container(userland=True, **options)
        box.write("/etc/resolv.conf", resolv)
        box.write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n" + f"{box.v4} box\n" + hosts)
        box.write("/etc/ssl/certs/ca-certificates.crt", self.certificates.authority.read_bytes())
        shutil.copy(pathlib.Path(__file__).with_name("guest.py"), box.root / "guest.py")
        return box


ENVIRONMENT = {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", "LC_ALL": "C.UTF-8",
               "NODE_EXTRA_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt",
               "REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}


class Done:
    """A program that an agent has run: code, out, err; json: the last JSON line of its output."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads([line for line in self.out.splitlines() if line.startswith("{")][-1])

    def __repr__(self):
        return f"Done(code={self.code}, out={self.out!r}, err={self.err!r})"


class Fetched(Done):
    """An answer that curl has got; status 0: none. headers: {name in lower case: value}."""

    def __init__(self, done):
        head, _, body = done.out.rpartition("\r\n\r\n") if done.out.startswith("HTTP/") else ("", "", done.out)
        super().__init__(done.code, body, done.err)
        first, *fields = head.split("\r\n\r\n")[-1].split("\r\n")
        self.status = int(first.split()[1]) if first else 0
        self.headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}

    def __repr__(self):
        return f"Fetched({self.status}, {self.headers}, code={self.code}, {self.out!r}, err={self.err!r})"


class Agent:
    """guest.py in a box of Names.box(), behind boundary-init, or with jailed=False without it. process: PID 1.

    rules are those of --allow; a rule may also be 'deny ...'. options: further arguments of boundary-init.
    """

    def __init__(self, box, *rules, options=(), jailed=True, pass_also=(), **start):
        self.box = box
        self.jailed = jailed
        self._audit, audit_write = os.pipe()
        self._records, self._rest = [], b""
        command = ["/usr/bin/python3", "-E", "-s", "/guest.py"]
        environment = {**ENVIRONMENT, **start.pop("env", {})}
        try:
            if jailed:
                fcntl.fcntl(audit_write, fcntl.F_SETPIPE_SZ, OBSERVED)
                arguments = [f"--audit=fd:{audit_write}", *options]
                for rule in rules:
                    arguments += ["--deny", rule[5:]] if rule.startswith("deny ") else ["--allow", rule]
                self.process = box.start([*arguments, "--", *command], stdin="pipe", env=environment,
                                         pass_fds=(audit_write, *pass_also), **start)
            else:
                self.process = box.start(command[1:], program=command[0], stdin="pipe", env=environment, **start)
        except BaseException:
            os.close(self._audit)
            raise
        finally:
            os.close(audit_write)
        try:
            self.do("hello")
        except BaseException:
            self.close()
            raise

    def start(self, what, **arguments):
        """Lets the guest do something; the function that is returned waits for what comes of it."""
        before = len(self.process.out)
        self.process.write(json.dumps({"do": what, **arguments}) + "\n")

        def finish(timeout=TIMEOUT):
            self.process.expect("\n", timeout, start=before)
            return json.loads(self.process.out[before:])
        return finish

    def do(self, what, timeout=TIMEOUT, **arguments):
        """The same with what comes of it. An exception of the guest's is one here."""
        answer = self.start(what, **arguments)(timeout)
        if isinstance(answer, dict) and "exception" in answer:
            raise RuntimeError(answer["exception"])
        return answer

    def run(self, *argv, stdin=None, env=None, timeout=TIMEOUT):
        """Runs a program of the machine, in the box and the jail; returns what is Done."""
        return Done(**self.do("run", argv=[str(word) for word in argv], stdin=stdin, env=env, limit=timeout,
                              timeout=timeout + 5))

    def curl(self, url, *options, timeout=TIMEOUT, stdin=None):
        return Fetched(self.run("curl", "-sSi", "--max-time", timeout, *options, url, stdin=stdin, timeout=timeout + 2))

    def python(self, program, *arguments, timeout=TIMEOUT):
        return self.run("/usr/bin/python3", "-c", program, *arguments, timeout=timeout)

    def node(self, program, *arguments, timeout=TIMEOUT):
        return self.run("node", "--input-type=module", "-e", program, *arguments, timeout=timeout)

    def _read_audit(self, timeout):
        with selectors.DefaultSelector() as selector:
            selector.register(self._audit, selectors.EVENT_READ)
            if not selector.select(timeout):
                return False
        lines = (self._rest + os.read(self._audit, OBSERVED)).split(b"\n")
        self._rest = lines.pop()
        self._records += [json.loads(line) for line in lines]
        return bool(lines)

    def records(self, *, at_least=0, timeout=2, **members):
        """The audit's records so far that have all these members; waits until there are at least so many."""
        deadline = time.monotonic() + timeout
        while True:
            found = [one for one in self._records if all(one.get(key) == value for key, value in members.items())]
            waiting = max(0, deadline - time.monotonic()) if len(found) < at_least else 0
            if not self._read_audit(waiting):
                if waiting:
                    raise Hung(f"{len(found)} records with {members}, not {at_least}: {self._records}")
                if len(found) >= at_least:
                    return found

    def record(self, **members):
        """The one record with these members."""
        found = self.records(at_least=1, **members)
        assert len(found) == 1, found
        return found[0]

    def end(self):
        """No more to do: it exits with 0, and so does PID 1. Returns the Result."""
        self.process.write(b"", end=True)
        return self.process.wait()

    def close(self):
        self.process.close()
        if self._audit >= 0:
            os.close(self._audit)
            self._audit = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
