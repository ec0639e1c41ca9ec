# SPDX-License-Identifier: MIT
"""`make bench`, second part: what the gate costs, side by side in one run, as ratios.

The same servers are reached in the sandbox's internet by several ways:

    direct         jail - veth - container - router - server, by a `cidr=` rule: the kernel alone
    gate           jail - gate, in the container - router - server, by `domain=` rules
    nginx, dnsmasq what would stand in the gate's place otherwise: a TCP proxy by the name in TLS (stream, ssl_preread),
                   an HTTP proxy, a DNS cache; the kernel redirects to them as it does to the gate

The ways take turns, round by round; a ratio is the median of the ratios within each round, which share the machine's
mood. The last column is what the process that stands between costs, by the kernel's own account of its time, for one
of what the row counts, or a megabyte: that hardly depends on what else the machine does.

Bulk has its budget where a link bounds it. Where nothing but the processors does, client, server and gate share them,
and the ratio says more of their number than of the gate; what nginx makes of it stands beside. Exits with 1 when a
budget is not held, those of the first part included.

    gate.py [ROW]...    only rows whose names begin so: gate.py download DNS
"""

import contextlib
import json
import os
import pathlib
import socket
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, os.fspath(HERE.parent / "behaviour"))
sys.dont_write_bytecode = True

import budgets  # noqa: E402
import dns.message  # noqa: E402
import dns.rdatatype  # noqa: E402
import sandbox  # noqa: E402
import servers  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_GATE_ROUNDS", "4"))
SECONDS = 1
IDLE_SECONDS = 3

BULK_BUDGET = 0.9
RESIDENT_BUDGET = {"init": 120, "gate": 400}  # kB

RESOLVER = "192.0.2.53"
INSTEAD = "198.18.99.1"  # leads to nginx and dnsmasq, as the pool's addresses lead to the gate
RELAYED, PARSED = "relayed.example.com", "parsed.example.com"  # by a rule with port=, and without
FAR = "far.example.com"  # as RELAYED, but by a link of LINK
LINK = "1gbit"
HTTP, PLAIN, BULK = 8001, 8002, 8003

NGINX = """\
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 1; user root; pid {directory}/pid; error_log stderr notice; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    access_log off; keepalive_requests 1000000000;
    %s
}}
"""
SERVER = NGINX % "server {{ listen {http} backlog=4096; listen {plain} backlog=4096; location / {{ return 200 hello; }} }}"
PROXY = NGINX % """\
upstream web {{ server {web}:{http}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:1{http} backlog=4096;
        location / {{
            proxy_pass http://web; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
        }}
    }}""" + """\
stream {{
    tcp_nodelay on; ssl_preread on;
    server {{ listen 127.0.0.1:1{plain} backlog=4096; proxy_pass {web}:{plain}; }}
    server {{ listen 127.0.0.1:1{bulk} backlog=4096; proxy_pass {web}:{bulk}; }}
}}
"""
REDIRECT = """\
table ip instead {{
    chain output {{
        type nat hook output priority -100;
        ip daddr {instead} tcp dport {http} redirect to :1{http}
        ip daddr {instead} tcp dport {plain} redirect to :1{plain}
        ip daddr {instead} tcp dport {bulk} redirect to :1{bulk}
        ip daddr {instead} udp dport 53 redirect to :10053
    }}
}}
"""
DNSMASQ = """\
port=10053
listen-address=127.0.0.1
bind-interfaces
no-hosts
no-resolv
user=root
pid-file=
cache-size=1000
server={resolver}
"""

# For wrk(1): what it has measured, as a line of JSON; times in microseconds.
REPORT = """\
done = function(summary, latency, requests)
    local e = summary.errors
    print(string.format('{"rate": %f, "median": %f, "p99": %f, "errors": %d}',
        summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class Zone:
    """The records of the resolver."""

    def __init__(self, web, far):
        self.addresses = [(RELAYED, web), (PARSED, web), (FAR, far)]
        self.configuration = []


class World:
    """What is measured. Attributes:

    agent, gate, jail        PID 1 of a jail, the pid of its gate, its network
    direct                   the network of another jail: if one address of a container had the connections of two ways,
                             the server would see ports that come back while it still remembers them (TIME-WAIT), by
                             clocks that differ, and let the client ask again
    instead, nginx, dnsmasq  the network of what would stand in the gate's place, the pids of these
    web, far                 the servers' hosts; the way to the second one is a link of LINK
    """

    def __init__(self, closing):
        self._closing = closing
        self.directory = pathlib.Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self.directory.chmod(0o755)
        self.report = self._file("report.lua", REPORT)
        self.questions = self._file("questions", f"{RELAYED} A\n{PARSED} A\n")
        self._net = closing.enter_context(sandbox.Internet())
        self.web, self.far = self._net.allowed, self._net.denied
        resolver = self._net.add_host("resolver", RESOLVER, "2001:db8:53::53", ports=None)
        zone = Zone(self.web.v4, self.far.v4)
        closing.enter_context(contextlib.closing(servers.Dnsmasq(resolver, self._for("resolver"), zone, RESOLVER)))
        self._nginx(self.web, "web", SERVER)
        for net, link in (self._net.router, "denied"), (self.far, "eth0"):
            net.tool(*f"tc qdisc add dev {link} root tbf rate {LINK} burst 256k latency 20ms".split())
        self.agent, self.jail = self.bounded(sandbox.INIT)
        self.direct = self.bounded(sandbox.INIT)[1]
        self.gate = processes(self.agent)["gate"]
        self.instead, self.nginx, self.dnsmasq = self._instead()

    def _fill(self, text, **more):
        return text.format(web=self.web.v4, resolver=RESOLVER, instead=INSTEAD, http=HTTP, plain=PLAIN, bulk=BULK, **more)

    def _for(self, name):
        directory = self.directory / name
        directory.mkdir()
        return directory

    def _file(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return os.fspath(path)

    def _start(self, net, *argv):
        return self._closing.enter_context(servers.start(net, argv, self.directory))

    def _nginx(self, net, name, configuration):
        directory = self._for(name)
        net.sysctl({"core/somaxconn": 4096})
        return self._closing.enter_context(
            servers.nginx(net, directory, self._fill(configuration, directory=directory)))

    def bounded(self, binary):
        """A jail: PID 1 and its network."""
        box = self._net.container()
        box.write("/sbin/boundary-init", pathlib.Path(binary).read_bytes(), 0o755)
        box.write("/etc/resolv.conf", f"nameserver {RESOLVER}\n")
        agent = box.start(["--allow", f"domain={RELAYED} port={PLAIN},{BULK}", "--allow", f"domain={PARSED}",
                           "--allow", f"domain={FAR} port={BULK}", "--allow", f"cidr={self.web.v4}",
                           "--allow", f"cidr={self.far.v4}", "--", "/probe", "sleep"])
        agent.expect("ready")
        jail = self._closing.enter_context(agent.jail())
        forget_quickly(box, jail)
        return agent, jail

    def _instead(self):
        box = self._net.container()
        box.tool("nft", "-f", "-", text=self._fill(REDIRECT))
        forget_quickly(box)
        nginx = self._nginx(box, "proxy", PROXY)
        configuration = self._file("dnsmasq.conf", self._fill(DNSMASQ))
        dnsmasq = self._start(box, "dnsmasq", "--keep-in-foreground", f"--conf-file={configuration}")
        # Not the Container itself, whose run() starts a PID 1.
        net = self._closing.enter_context(sandbox.Net(os.dup(box.fd)))
        worker = int(pathlib.Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children").read_text().split()[0])
        return net, worker, dnsmasq.pid


def forget_quickly(*nets):
    """The connections of one round, remembered for minutes, would slow the next rounds down."""
    for net in nets:
        net.sysctl({"netfilter/nf_conntrack_tcp_timeout_time_wait": 1, "ipv4/tcp_tw_reuse": 1})


def address_of(net, name, server):
    """The address that a DNS server says; waits until there is one who answers."""
    query = dns.message.make_query(name, "A")
    with net.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        for _ in range(50):
            with contextlib.suppress(OSError):
                client.sendto(query.to_wire(), (server, 53))
                answer = dns.message.from_wire(client.recv(512))
                return answer.answer[0][0].address
    raise RuntimeError(f"no DNS server at {server}")


# ---- the programs that measure, run in a network namespace; each returns {what: number}


def iperf(server, net, address, *options):
    # A server for each client: one for all may still be busy with the one before.
    with server.start("iperf3", "--server", "--one-off", "--port", str(BULK), "--forceflush") as process:
        process.expect("Server listening")
        done = net.run("iperf3", "--client", address, "--port", str(BULK), "--time", str(SECONDS), "--json", *options)
    report = json.loads(done.out)
    if done.code or "error" in report:
        raise RuntimeError(f"iperf3: {report.get('error')} {done.err}")
    return {"rate": report["end"]["sum_received"]["bits_per_second"]}


def wrk(report, net, address, port, name, connections, *options):
    done = net.run("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{SECONDS}s",
                   "--script", report, "--header", f"Host: {name}", *options, f"http://{address}:{port}/")
    if done.code or done.json["errors"]:
        raise RuntimeError(f"wrk: {done}")
    return done.json


def dnsperf(questions, net, address):
    done = net.run("dnsperf", "-s", address, "-d", questions, "-l", str(SECONDS), "-c", "4", "-q", "64")
    lines = dict(line.strip().split(":", 1) for line in done.out.splitlines() if ":" in line)
    if done.code or int(lines["Queries lost"].split()[0]):
        raise RuntimeError(f"dnsperf: {done}")
    return {"rate": float(lines["Queries per second"])}


# ---- rows


def busy(pid):
    """Nanoseconds that a process has run so far, in the kernel too."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0])


class Row:
    """What is measured in one go by several ways; others are compared to the first one.

    columns: (title, member of what the function returns, unit, scale, digits)
    ways:    {name: (function, pid of the process that stands between, or None)}
    per:     the number of the rate's units that the process's time is shown for
    budget:  what the gate's ratio of rates has to reach
    """

    def __init__(self, columns, ways, per=1, budget=None):
        self.columns, self.ways, self.per, self.budget = columns, ways, per, budget
        self.rounds = []

    def measure(self):
        done = {}
        for way, (function, pid) in self.ways.items():
            before = busy(pid) if pid else 0
            done[way] = function()
            done[way]["busy"] = busy(pid) - before if pid else 0
        self.rounds.append(done)

    def ratio(self, way, member):
        first = next(iter(self.ways))
        return statistics.median(done[way][member] / done[first][member] for done in self.rounds)

    def cost(self, way):
        """Microseconds of the process that stands between."""
        each = statistics.median(done[way]["busy"] / done[way]["rate"] for done in self.rounds)
        return f"{each * self.per / SECONDS / 1000:9.1f}" if each else ""

    def show(self):
        for title, member, unit, scale, digits in self.columns:
            for way in self.ways:
                values = [done[way][member] / scale for done in self.rounds]
                middle, least, most = (f"{value:.{digits}f}" for value in
                                       (statistics.median(values), min(values), max(values)))
                print(f"{title:<31} {way:<13}{middle:>8} {unit:<7}{least:>7} - {most:<7}{self.ratio(way, member):6.2f}"
                      f"{self.cost(way)}".rstrip())
                title = ""

    def judge(self, done):
        if self.budget:
            done.add(f"{self.columns[0][0]}, to direct", self.ratio("gate", "rate"), ">=", self.budget)


def rows_of(world):
    direct, jail, instead = world.direct, world.jail, world.instead
    relayed, parsed, far = (address_of(jail, name, RESOLVER) for name in (RELAYED, PARSED, FAR))
    address_of(instead, PARSED, INSTEAD)

    def ways(by_kernel, by_gate, **others):
        named = {name.replace("_", " "): (function, world.nginx) for name, function in others.items()}
        return {"direct": (by_kernel, None), "gate": (by_gate, world.gate), **named}

    def bulk(*options):
        return ways(lambda: iperf(world.web, direct, world.web.v4, *options),
                    lambda: iperf(world.web, jail, relayed, *options),
                    nginx_stream=lambda: iperf(world.web, instead, INSTEAD, *options))

    def by_link(*options):
        return ways(lambda: iperf(world.far, direct, world.far.v4, *options),
                    lambda: iperf(world.far, jail, far, *options))

    def plain(*options):
        return ways(lambda: wrk(world.report, direct, world.web.v4, PLAIN, RELAYED, *options),
                    lambda: wrk(world.report, jail, relayed, PLAIN, RELAYED, *options),
                    nginx_stream=lambda: wrk(world.report, instead, INSTEAD, PLAIN, RELAYED, *options))

    def http(*options):
        return ways(lambda: wrk(world.report, direct, world.web.v4, HTTP, PARSED, *options),
                    lambda: wrk(world.report, jail, parsed, HTTP, PARSED, *options),
                    nginx_http=lambda: wrk(world.report, instead, INSTEAD, HTTP, PARSED, *options))

    def rate(title, unit="1000/s", scale=1e3, digits=1):
        return [(title, "rate", unit, scale, digits)]

    def bits(title):
        return rate(title, "Gbit/s", 1e9, 2)

    def times(title):
        return [(title + ", median", "median", "us", 1, 0), (title + ", p99", "p99", "us", 1, 0)]

    close = "--header", "Connection: close"
    megabyte = 8e6  # bits
    return [
        Row(bits("download"), bulk("--reverse"), megabyte),
        Row(bits("upload"), bulk(), megabyte),
        Row(bits("download by a link of 1 Gbit/s"), by_link("--reverse"), megabyte, BULK_BUDGET),
        Row(bits("upload by a link of 1 Gbit/s"), by_link(), megabyte, BULK_BUDGET),
        Row(rate("new connections, 8 at a time"), plain(8, *close)),
        Row(rate("new connections, HTTP read"), http(8, *close)),
        Row(rate("HTTP requests, 16 connections"), http(16)),
        Row(times("request to answer"), plain(1)),
        Row(times("HTTP request to answer"), http(1)),
        Row(rate("DNS answers"), {"dnsmasq": (lambda: dnsperf(world.questions, instead, INSTEAD), world.dnsmasq),
                                  "gate": (lambda: dnsperf(world.questions, jail, RESOLVER), world.gate)}),
    ]


# ---- at rest


def processes(agent):
    """The pids of init and of the gate."""
    return {"init": agent.pid, "gate": next(pid for pid in agent.children() if pid != agent.jail_pid())}


def resident(pid):
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:"))


def wakeups(agent, pid):
    status = agent.status(pid)
    return int(status["voluntary_ctxt_switches"]) + int(status["nonvoluntary_ctxt_switches"])


def judge_rest(agents, names, when, done):
    """What the processes have when there is nothing to do, and whether they really do nothing.

    The median of some: where the kernel lays the stack makes a page or two of difference.
    """
    time.sleep(IDLE_SECONDS)  # the last flows of a load linger for a second
    pids = {name: [(agent, processes(agent)[name]) for agent in agents] for name in names}
    before = {name: sum(wakeups(*one) for one in pids[name]) for name in names}
    time.sleep(IDLE_SECONDS)
    for name in names:
        size = statistics.median(resident(pid) for _, pid in pids[name])
        woken = sum(wakeups(*one) for one in pids[name]) - before[name]
        done.add(f"{name} at rest {when}, resident", size, "<=", RESIDENT_BUDGET[name], "kB")
        done.add(f"{name} at rest {when}, wake-ups in {IDLE_SECONDS} s", woken, "<=", 0)


def main(names):
    done = budgets.Budgets()
    if not names:
        done.take()
    with contextlib.ExitStack() as closing:
        world = World(closing)
        if not names:
            agents = [world.agent, *(world.bounded(sandbox.INIT)[0] for _ in range(4))]
            judge_rest(agents, RESIDENT_BUDGET, "after the start", done)
        rows = [row for row in rows_of(world) if not names or row.columns[0][0].startswith(tuple(names))]
        for _ in range(ROUNDS):
            for row in rows:
                row.measure()
        if not names:
            judge_rest([world.agent], ["gate"], "after this load", done)
    print(f"through the gate, {ROUNDS} rounds{'':<28} median   least - most    ratio   CPU us")
    for row in rows:
        row.show()
        row.judge(done)
    done.show()
    return 0 if done.held() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
