# SPDX-License-Identifier: MIT
"""A server that behaves in every way a server can: streams, waits, speaks first, half-closes, resets. A program.

    python3 service.py CERTIFICATE KEY      says "ready" once all of PORTS listen, then one JSON line for each event
    python3 service.py CERTIFICATE KEY grpc  a gRPC server, by itself: its library is slow to load

Everything that a client is told about time is CLOCK_MONOTONIC, which is the same in every namespace.
"""

import asyncio
import hashlib
import json
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

PORTS = {"echo": 7, "reset": 8, "smtp": 25, "proxy": 3128, "http": 8000, "https": 8443, "ws": 8001, "wss": 8444,
         "bulk": 8002, "grpc": 50051}
BLOCK = 1 << 20
ECHOED = 1 << 16


def event(what, **members):
    print(json.dumps({"event": what, **members}), flush=True)


def now():
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def blocks(size, seed=b"bulk"):
    """So many bytes in which no two blocks are alike, at the speed of memory."""
    block = bytearray(hashlib.shake_128(seed).digest(BLOCK))
    for number in range(-(-size // BLOCK)):
        struct.pack_into("!Q", block, 0, number)
        yield block if size >= BLOCK else block[:size]
        size -= BLOCK


# ---- HTTP/1.1, as little as it takes


class Request:
    """head as it came; method, path, query (of single values), headers (names in lower case), body() as pieces."""

    def __init__(self, head, reader):
        self.head = head.decode("latin-1")
        line, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.method, target, self.version = line.split(" ")
        target = urllib.parse.urlsplit(target)
        self.path, self.query = target.path, dict(urllib.parse.parse_qsl(target.query))
        pairs = (field.split(":", 1) for field in fields)
        self.headers = {name.strip().lower(): value.strip() for name, value in pairs}
        self._reader = reader

    def number(self, name, default):
        return float(self.query.get(name, default))

    async def body(self):
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int((await self._reader.readline()).split(b";")[0], 16):
                yield await self._reader.readexactly(size)
                await self._reader.readline()
            while (await self._reader.readline()).strip():
                pass  # trailers
        left = int(self.headers.get("content-length", 0))
        while left:
            piece = await self._reader.read(min(left, BLOCK))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece


class Answer:
    def __init__(self, writer):
        self.writer = writer

    async def head(self, *fields, status="200 OK"):
        self.writer.write("\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode())
        await self.writer.drain()

    async def chunk(self, data):
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()

    async def json(self, **members):
        text = json.dumps(members).encode() + b"\n"
        await self.head("Content-Type: application/json", f"Content-Length: {len(text)}")
        self.writer.write(text)
        await self.writer.drain()

    def reset(self):
        peer = self.writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def get_echo(request, answer):
    peer = answer.writer.get_extra_info("peername")
    await answer.json(server="service", method=request.method, path=request.path, host=request.headers.get("host"),
                      client=peer[0].removeprefix("::ffff:"), port=peer[1])


async def get_head(request, answer):
    await answer.json(head=request.head)


async def get_sse(request, answer):
    await answer.head("Content-Type: text/event-stream", "Cache-Control: no-cache", "Transfer-Encoding: chunked")
    for number in range(int(request.number("n", 5))):
        await asyncio.sleep(request.number("gap", 0.05))
        await answer.chunk(b"id: %d\ndata: %f\n\n" % (number, now()))
    await answer.chunk(b"")


async def get_chunked(request, answer):
    """Chunks of 1, 2, 4... bytes, an extension and trailers."""
    await answer.head("Transfer-Encoding: chunked", "Trailer: X-Sum")
    for power in range(int(request.number("n", 17))):
        answer.writer.write(b"%x;ext=1\r\n%b\r\n" % (1 << power, bytes([65 + power]) * (1 << power)))
        await answer.writer.drain()
    answer.writer.write(b"0\r\nX-Sum: 1\r\n\r\n")
    await answer.writer.drain()


async def get_slow(request, answer):
    await asyncio.sleep(request.number("seconds", 1))
    await answer.json(slept=request.number("seconds", 1))


async def get_until_close(request, answer):
    await answer.head("Connection: close", "Content-Type: text/plain")
    answer.writer.write(b"until the end\n" * 1000)
    await answer.writer.drain()
    return False


async def get_reset(request, answer):
    await answer.head("Content-Length: 1000")
    answer.writer.write(b"some")
    await answer.writer.drain()
    await asyncio.sleep(0.05)  # a reset overtakes what is still in the buffers
    answer.reset()
    return False


async def get_hints(request, answer):
    await answer.head("Link: </style.css>; rel=preload", status="103 Early Hints")
    await answer.json(hinted=True)


async def get_empty(request, answer):
    await answer.head(status="204 No Content")


async def get_watch(request, answer):
    """Streams until the client goes away, and says so."""
    await answer.head("Transfer-Encoding: chunked")
    try:
        while True:
            await answer.chunk(b"tick\n")
            await asyncio.sleep(0.01)
    except OSError:
        event("gone", id=request.query.get("id"))
    return False


async def post_upload(request, answer):
    if request.headers.get("expect", "").lower() == "100-continue":
        await answer.head(status="100 Continue")
    length, digest = 0, hashlib.sha256()
    async for piece in request.body():
        length += len(piece)
        digest.update(piece)
    await answer.json(length=length, sha256=digest.hexdigest())


async def post_duplex(request, answer):
    """Answers each piece of the request as it comes, before the request is whole."""
    await answer.head("Transfer-Encoding: chunked")
    async for piece in request.body():
        await answer.chunk(piece.upper())
    await answer.chunk(b"")


PATHS = {
    ("GET", "/head"): get_head, ("GET", "/sse"): get_sse, ("GET", "/chunked"): get_chunked, ("GET", "/slow"): get_slow,
    ("GET", "/until-close"): get_until_close, ("GET", "/reset"): get_reset, ("GET", "/hints"): get_hints,
    ("GET", "/empty"): get_empty, ("GET", "/watch"): get_watch,
    ("POST", "/upload"): post_upload, ("PUT", "/upload"): post_upload, ("POST", "/duplex"): post_duplex,
}


async def http(reader, writer):
    try:
        while True:
            request = Request(await reader.readuntil(b"\r\n\r\n"), reader)
            handler = PATHS.get((request.method, request.path), get_echo)
            if await handler(request, Answer(writer)) is False or request.headers.get("connection") == "close":
                break
    except (asyncio.IncompleteReadError, OSError):
        pass
    writer.close()


# ---- other protocols


async def echo(reader, writer):
    """Sends back what comes, and when no more does, how much it was: both directions end each by itself."""
    length, digest = 0, hashlib.sha256()
    try:
        while piece := await reader.read(BLOCK):
            length += len(piece)
            digest.update(piece)
            if length <= ECHOED:
                writer.write(piece)
                await writer.drain()
        writer.write(f"\n{length} {digest.hexdigest()}\n".encode())
        await writer.drain()
        writer.close()
    except OSError:
        event("echo-broken", length=length)


async def reset(reader, writer):
    """'reset' as the first line: so it ends. Any other: it ends its own direction first and counts what still comes."""
    line = (await reader.readline()).decode().strip()
    if line == "reset":
        Answer(writer).reset()
        return
    writer.write(b"bye\n")
    writer.write_eof()
    event("after-close", length=len(await reader.read(-1)), id=line)
    writer.close()


async def smtp(reader, writer):
    """The server speaks first, and only when it likes."""
    await asyncio.sleep(0.1)
    writer.write(b"220 mail.example.com ESMTP test\r\n")
    while line := (await reader.readline()).upper():
        word = line.split()[0] if line.split() else b""
        answers = {b"EHLO": b"250-mail.example.com\r\n250 SIZE 1000\r\n", b"QUIT": b"221 bye\r\n"}
        writer.write(answers.get(word, b"500 ?\r\n"))
        await writer.drain()
        if word == b"QUIT":
            break
    writer.close()


async def proxy(reader, writer):
    """CONNECT. Whatever the name is, it is a server of this host."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, target, _ = head.split("\r\n")[0].split(" ")
    event("proxy", method=method, target=target)
    if method != "CONNECT" or target.startswith("forbidden."):
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
    except OSError:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        return
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def pump(one, other):
        while piece := await one.read(BLOCK):
            other.write(piece)
            await other.drain()
        other.write_eof()
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)
    far_writer.close()
    writer.close()


async def websocket(connection, path=None):
    async for message in connection:
        if message == "close":
            await connection.close(4321, "as asked")
            return
        if message == "push":  # not as an answer to anything
            for number in range(5):
                await asyncio.sleep(0.05)
                await connection.send(f"{number} {now()}")
        else:
            await connection.send(message)


# ---- bulk: blocking sockets in threads, as fast as Python can


def bulk_client(client):
    """'GET /N': N bytes and their digest behind them. 'PUT' with a length: the digest of what came."""
    with client:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            if not piece:
                return
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        digest = hashlib.sha256()
        if method == "GET":
            size = int(target.rpartition("/")[2])
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (size + 64))
            for block in blocks(size):
                digest.update(block)
                client.sendall(block)
            client.sendall(digest.hexdigest().encode())
            return
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if b"expect" in fields:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        size = left = int(fields[b"content-length"])
        digest.update(body)
        left -= len(body)
        buffer = bytearray(BLOCK)
        while left:
            got = client.recv_into(buffer)
            if not got:
                return
            digest.update(memoryview(buffer)[:got])
            left -= got
        text = json.dumps({"length": size, "sha256": digest.hexdigest()}).encode()
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(text), text))


def bulk(listener):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=bulk_client, args=(client,), daemon=True).start()


def listening(port, backlog=4096):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=backlog)
    listener.setblocking(False)
    return listener


async def serve(certificate, key):
    import websockets.server
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    for name, handler, context in (("echo", echo, None), ("reset", reset, None), ("smtp", smtp, None),
                                   ("proxy", proxy, None), ("http", http, None), ("https", http, tls)):
        await asyncio.start_server(handler, sock=listening(PORTS[name]), ssl=context)
    for name, context in ("ws", None), ("wss", tls):
        await websockets.server.serve(websocket, sock=listening(PORTS[name]), ssl=context, ping_interval=None)
    listener = listening(PORTS["bulk"])
    listener.setblocking(True)
    threading.Thread(target=bulk, args=(listener,), daemon=True).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def serve_grpc(certificate, key):
    """/test.Test/Talk, a stream both ways: each message comes back in upper case, at once. Messages are plain bytes."""
    import concurrent.futures

    import grpc

    class Handler(grpc.GenericRpcHandler):
        def service(self, call):
            if call.method == "/test.Test/Talk":
                return grpc.stream_stream_rpc_method_handler(lambda messages, _: (one.upper() for one in messages))
            return None
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Handler()])
    pem = [open(path, "rb").read() for path in (key, certificate)]
    server.add_secure_port(f"[::]:{PORTS['grpc']}", grpc.ssl_server_credentials([tuple(pem)]))
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[3:] == ["grpc"]:
        serve_grpc(*sys.argv[1:3])
    else:
        asyncio.run(serve(*sys.argv[1:3]))
