# SPDX-License-Identifier: MIT
"""The agent of names.py: does what each line of its input says, {"do": NAME, ...}, and prints one line of JSON for it.

As the probe is in containers with nothing in them, so this is in those with a userland. Only what a test needs from
inside, and no client program does, is here; runs with Debian's Python.
"""

import asyncio
import contextlib
import errno
import functools
import hashlib
import json
import os
import resource
import socket
import ssl
import struct
import subprocess
import sys
import time
import traceback

TIMEOUT = 5.0


def now():
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def name_of(error):
    """'ECONNRESET', 'EAI_NONAME', or of TLS the alert: 'TLSV1_UNRECOGNIZED_NAME'."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason
    if isinstance(error, socket.gaierror):
        return next(name for name in dir(socket) if name.startswith("EAI_") and getattr(socket, name) == error.errno)
    if isinstance(error, TimeoutError):
        return "ETIMEDOUT"
    if isinstance(error, ConnectionError | OSError) and error.errno in errno.errorcode:
        return errno.errorcode[error.errno]
    return type(error).__name__


def hello():
    return "hello"


def run(argv, stdin, env, limit):
    done = subprocess.run(argv, input=(stdin or "").encode("latin-1"), capture_output=True, check=False, timeout=limit,
                          env={**os.environ, **(env or {})}, cwd="/root")
    return {"code": done.returncode, "out": done.stdout.decode("latin-1"), "err": done.stderr.decode("latin-1")}


def resolve(name, family=0):
    """getaddrinfo(3): addresses in its order, or an error's name."""
    family = {0: 0, 4: socket.AF_INET, 6: socket.AF_INET6}[family]
    try:
        return [entry[4][0] for entry in socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)]
    except socket.gaierror as error:
        return name_of(error)


def reverse(address):
    try:
        return socket.gethostbyaddr(address)[0]
    except OSError as error:
        return name_of(error)


@functools.cache
def client_tls(verify=True):
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connect(host, port, family=0):
    infos = socket.getaddrinfo(host, port, {0: 0, 4: socket.AF_INET, 6: socket.AF_INET6}[family], socket.SOCK_STREAM)
    client = socket.socket(infos[0][0], socket.SOCK_STREAM)
    client.settimeout(TIMEOUT)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        client.connect(infos[0][4])
    except BaseException:
        client.close()
        raise
    return client


def tcp(host, port, send=(), tls=None, shut=False, gap=0.0, family=0, wait=TIMEOUT):
    """Sends the pieces (text, as Latin-1), with pauses between them, and reads to the end. tls: the SNI.

    reply: what came; error: how it ended, null for an orderly end; us: how long it took; a timeout is an end too.
    """
    reply, started, problem = b"", now(), None
    client = None
    try:
        client = connect(host, port, family)
        client.settimeout(wait)
        if tls is not None:
            client = client_tls().wrap_socket(client, server_hostname=tls)
        for number, piece in enumerate(send):
            if number:
                time.sleep(gap)
            client.sendall(piece.encode("latin-1"))
        if shut:
            with contextlib.suppress(OSError):  # it may have been reset by now, which the next line says better
                client.shutdown(socket.SHUT_WR)
        while piece := client.recv(65536):
            reply += piece
    except OSError as error:
        problem = name_of(error)
    finally:
        if client:
            client.close()
    return {"reply": reply.decode("latin-1"), "error": problem, "us": int((now() - started) * 1e6)}


def udp(host, port, data, wait=1.0):
    """Sends bytes (hexadecimal), returns the answer so too, null if there is none, or an error's name."""
    info = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(info[0], socket.SOCK_DGRAM) as client:
        client.settimeout(wait)
        try:
            client.connect(info[4])
            client.send(bytes.fromhex(data))
            return client.recv(65536).hex()
        except TimeoutError:
            return None
        except OSError as error:
            return name_of(error)


def dns(name, kind="A", server=None, tcp=False, edns=None, flags=None, wait=3.0):
    """Asks a DNS server, the first of resolv.conf by default: rcode, flags, answers as text, their number and size."""
    import dns.exception
    import dns.flags
    import dns.message
    import dns.query
    import dns.rcode
    if server is None:
        with open("/etc/resolv.conf") as lines:
            server = next(line.split()[1] for line in lines if line.startswith("nameserver"))
    query = dns.message.make_query(name, kind, use_edns=edns is not None, payload=edns)
    if flags is not None:
        query.flags = dns.flags.from_text(flags)
    try:
        answer = (dns.query.tcp if tcp else dns.query.udp)(query, server, wait)
    except (dns.exception.DNSException, OSError) as error:
        return {"rcode": type(error).__name__}
    return {"rcode": dns.rcode.to_text(answer.rcode()), "flags": dns.flags.to_text(answer.flags), "edns": answer.edns,
            "answers": [f"{dns.rdatatype.to_text(rrset.rdtype)} {one}" for rrset in answer.answer for one in rrset],
            "ttl": min((rrset.ttl for rrset in answer.answer), default=None), "size": len(answer.to_wire()),
            "additional": sum(len(rrset) for rrset in answer.additional)}


def dns_stream(pieces, server, gap=0.0, shut=False):
    """TCP to port 53 with these pieces (hexadecimal); all that comes within a while, and whether it ended."""
    with socket.create_connection((server, 53), TIMEOUT) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, piece in enumerate(pieces):
            time.sleep(gap if number else 0)
            client.sendall(bytes.fromhex(piece))
        if shut:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_WR)
        client.settimeout(0.5)
        reply, ended = b"", None
        try:
            while piece := client.recv(65536):
                reply += piece
            ended = "end"
        except TimeoutError:
            pass
        except OSError as error:
            ended = name_of(error)
    return {"reply": reply.hex(), "ended": ended}


def kept(host, port, requests, tls=None):
    """HTTP requests (whole, as text) one after the other on one connection: status, body of each; then how it ended."""
    answers, problem = [], None
    client = connect(host, port)
    try:
        if tls is not None:
            client = client_tls().wrap_socket(client, server_hostname=tls)
        stream = client.makefile("rb")
        for request in requests:
            client.sendall(request.encode("latin-1"))
            answers.append(read_answer(stream))
            if answers[-1] is None:
                break
        problem = None if not answers or answers[-1] is None else still_open(client)
    except OSError as error:
        problem = name_of(error)
    client.close()
    return {"answers": answers, "error": problem}


def still_open(client):
    """None when the other side has nothing to say; 'end' or an error's name."""
    client.settimeout(0.2)
    try:
        return "end" if client.recv(1) == b"" else "more"
    except TimeoutError:
        return None
    except OSError as error:
        return name_of(error)


def read_answer(stream):
    line = stream.readline()
    if not line:
        return None
    fields = {}
    while (field := stream.readline().strip()):
        name, _, value = field.decode("latin-1").partition(": ")
        fields[name.lower()] = value
    body = stream.read(int(fields.get("content-length", 0)))
    return {"status": int(line.split()[1]), "headers": fields, "body": body.decode("latin-1")}


def hello_pieces(name, how, alpn=()):
    """A ClientHello cut into pieces: 'bytes', 'records' (one handshake message in many records), 'whole'."""
    context = client_tls()
    if alpn:
        context = ssl.create_default_context()
        context.set_alpn_protocols(alpn)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    if how == "records":
        handshake = hello[5:]
        pieces = [b"\x16\x03\x01" + struct.pack("!H", len(part)) + part
                  for part in (handshake[at:at + 16] for at in range(0, len(handshake), 16))]
    elif how == "bytes":
        pieces = [hello[at:at + 1] for at in range(len(hello))]
    else:
        pieces = [hello]
    return tls, incoming, outgoing, pieces


def tls_pieces(host, port, sni, how, alpn=(), request="GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
    """A TLS client that sends its ClientHello in pieces, then a request; the answer or an error's name."""
    client = connect(host, port)
    tls, incoming, outgoing, pieces = hello_pieces(sni, how, alpn)
    try:
        for piece in pieces:
            client.sendall(piece)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                incoming.write(client.recv(65536)) or incoming.write_eof()
        tls.write(request.encode())
        client.sendall(outgoing.read())
        reply = b""
        while True:
            try:
                piece = tls.read(65536)
                if not piece:
                    break
                reply += piece
            except ssl.SSLWantReadError:
                incoming.write(client.recv(65536)) or incoming.write_eof()
            except ssl.SSLZeroReturnError:
                break
        return {"reply": reply.decode("latin-1"), "size": sum(len(piece) for piece in pieces)}
    except (ssl.SSLError, OSError) as error:
        return {"error": name_of(error)}
    finally:
        client.close()


def sse(host, port, path, tls=None):
    """How late each event of the stream came, in milliseconds."""
    client = connect(host, port)
    if tls is not None:
        client = client_tls().wrap_socket(client, server_hostname=tls)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    late = []
    for line in client.makefile("rb"):
        if line.startswith(b"data: "):
            late.append((now() - float(line[6:])) * 1000)
    client.close()
    return late


async def _websocket(url, messages):
    import websockets.client
    replies = []
    async with websockets.client.connect(url, ping_interval=None, max_size=None) as connection:
        for message in messages:
            sent = now()
            if message == "ping":
                await (await connection.ping())
                replies.append({"text": "pong", "ms": (now() - sent) * 1000})
                continue
            await connection.send(message)
            if message == "push":
                for _ in range(5):
                    pushed = (await connection.recv()).split()
                    replies.append({"text": pushed[0], "ms": (now() - float(pushed[1])) * 1000})
            elif message == "close":
                await connection.wait_closed()
                replies.append({"closed": connection.close_code, "why": connection.close_reason})
            else:
                text = await connection.recv()
                replies.append({"text": text if len(text) < 1000 else len(text), "ms": (now() - sent) * 1000})
    return replies


def websocket(url, messages):
    """Sends each and waits for its answer: {'text', 'ms'}. 'push', 'close' and 'ping' are special; N*x is made here."""
    messages = ["x" * int(message[:-2]) if message.endswith("*x") else message for message in messages]
    try:
        return asyncio.run(_websocket(url, messages))
    except Exception as error:  # websockets has many
        return {"error": type(error).__name__, "text": str(error)}


async def _answer(reader):
    """The status of one HTTP answer; 'end' if there is none."""
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [line[16:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
    await reader.readexactly(int(length))
    return head.split()[1].decode()


async def _many(host, port, count, request, hold):
    address = (await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))[0][4]
    everybody_in = asyncio.Event()
    arrived = 0
    results = {}

    async def one():
        nonlocal arrived
        statuses = []
        writer = None
        try:
            reader, writer = await asyncio.open_connection(*address[:2])
            writer.write(request.encode())
            statuses.append(await _answer(reader))
            arrived += 1
            if arrived == count:
                everybody_in.set()
            if hold:  # and again, when all are there
                await asyncio.wait_for(everybody_in.wait(), 20)
                writer.write(request.encode())
                statuses.append(await _answer(reader))
        except Exception as error:
            statuses.append(name_of(error))
        if writer:
            writer.close()
        text = " ".join(statuses)
        results[text] = results.get(text, 0) + 1
    await asyncio.gather(*(one() for _ in range(count)))
    return results


def many(host, port, count, request, hold=True):
    """So many connections; with hold all stay until all are there, and ask again. How many went how: {'200 200': 9}."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    started = now()
    results = asyncio.run(_many(host, port, count, request, hold))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return {"results": results, "ms": (now() - started) * 1000}


def download(host, port, path, tls=None):
    """HTTP GET of bytes with their SHA-256 in hexadecimal behind them: is it right, how long did it take?"""
    client = connect(host, port)
    if tls is not None:
        client = client_tls().wrap_socket(client, server_hostname=tls)
    started = now()
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(65536)
    head, _, rest = head.partition(b"\r\n\r\n")
    left = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    digest, length, tail = hashlib.sha256(), 0, b""
    buffer = bytearray(1 << 20)
    buffer[:len(rest)] = rest
    got = len(rest)
    while True:
        left -= got
        keep = max(0, min(got, got + left - 64)) if left < 64 else got  # the last 64 bytes are the digest
        digest.update(memoryview(buffer)[:keep])
        length += keep
        tail += bytes(buffer[keep:got])
        if not left:
            break
        got = client.recv_into(buffer)
        if not got:
            break
    client.close()
    return {"right": tail.decode() == digest.hexdigest(), "length": length, "seconds": now() - started}


def upload(host, port, path, size, tls=None):
    """HTTP PUT of so many bytes: what the server says it got, what was sent, how long it took."""
    client = connect(host, port)
    client.settimeout(60)
    if tls is not None:
        client = client_tls().wrap_socket(client, server_hostname=tls)
    started = now()
    head = f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    client.sendall(head.encode())
    digest = hashlib.sha256()
    block = bytearray(hashlib.shake_128(b"upload").digest(1 << 20))
    left, number = size, 0
    while left:
        struct.pack_into("!Q", block, 0, number)
        piece = memoryview(block)[:min(left, len(block))]
        digest.update(piece)
        client.sendall(piece)
        left -= len(piece)
        number += 1
    reply = b""
    while piece := client.recv(65536):
        reply += piece
    client.close()
    return {"server": json.loads(reply.partition(b"\r\n\r\n")[2]), "sha256": digest.hexdigest(),
            "seconds": now() - started}


def half_close(host, port, size):
    """Sends so many bytes and ends its direction; what the server says then."""
    client = connect(host, port)
    block = bytes(range(256)) * 256
    digest, left = hashlib.sha256(), size
    while left:
        piece = block[:min(left, len(block))]
        client.sendall(piece)
        digest.update(piece)
        left -= len(piece)
    client.shutdown(socket.SHUT_WR)
    reply = b""
    while piece := client.recv(65536):
        reply += piece
    client.close()
    return {"last": reply.decode("latin-1").rstrip("\n").rpartition("\n")[2], "sent": f"{size} {digest.hexdigest()}"}


def late_half_close(host, port, word, size):
    """The server ends its direction first; then so many bytes still go up."""
    client = connect(host, port)
    client.sendall(f"{word}\n".encode())
    reply = b""
    while piece := client.recv(65536):
        reply += piece
    client.sendall(b"x" * size)
    client.close()
    return {"reply": reply.decode()}


def duplex(host, port, pieces, tls=None):
    """A request whose answer comes while it is still being sent: the round trip of each piece, in milliseconds."""
    client = connect(host, port)
    if tls is not None:
        client = client_tls().wrap_socket(client, server_hostname=tls)
    stream = client.makefile("rb")
    client.sendall(f"POST /duplex HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    while stream.readline().strip():
        pass
    trips = []
    for piece in pieces:
        sent = now()
        client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece.encode()))
        size = int(stream.readline(), 16)
        text = stream.read(size + 2)[:-2].decode()
        trips.append({"text": text, "ms": (now() - sent) * 1000})
    client.sendall(b"0\r\n\r\n")
    end = stream.readline()
    client.close()
    return {"trips": trips, "end": end.decode()}


def abort(host, port, path, seconds=0.2):
    """Reads a stream for a while and goes away."""
    client = connect(host, port)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    until, got = now() + seconds, 0
    while now() < until:
        got += len(client.recv(65536))
    client.close()
    return got


def grpc_talk(target, messages):
    """A stream both ways: the round trip of each message, in milliseconds."""
    import queue

    import grpc
    with open(os.environ["SSL_CERT_FILE"], "rb") as authority:
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(authority.read()))
    outgoing = queue.SimpleQueue()
    call = channel.stream_stream("/test.Test/Talk")(iter(outgoing.get, None), timeout=TIMEOUT)
    trips = []
    try:
        for message in messages:
            sent = now()
            outgoing.put(message.encode())
            trips.append({"text": next(call).decode(), "ms": (now() - sent) * 1000})
        outgoing.put(None)
        return {"trips": trips, "rest": [one.decode() for one in call], "code": call.code().name}
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}
    finally:
        outgoing.put(None)
        channel.close()


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)


def main():
    for line in sys.stdin:
        arguments = json.loads(line)
        try:
            answer = globals()[arguments.pop("do")](**arguments)
        except Exception:  # the test shall see it
            answer = {"exception": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
