# SPDX-License-Identifier: MIT
"""The HTTP clients that agents are made with. Each takes an Agent and a URL of a server of names.py and says what came.

A client returns Got(status, server, text): status 0 and the client's own words in text if there was no answer.
"""

import collections
import json
import urllib.parse

Got = collections.namedtuple("Got", "status server text")


def _got(status, body, words=""):
    """The servers of names.py say who they are, in JSON; the gate speaks in plain text."""
    server = json.loads(body).get("server") if body.startswith("{") else None
    return Got(int(status or 0), server, body if int(status or 0) else words)


def curl_with(*options):
    def curl(agent, url):
        fetched = agent.curl(url, *options)
        return _got(fetched.status, fetched.out, fetched.err)
    return curl


REQUESTS = """
import requests, sys
try:
    answer = requests.get(sys.argv[1], timeout=5)
    print(answer.status_code)
    print(answer.text)
except requests.RequestException as error:
    print(0, repr(error), sep='\\n')
"""

ASYNCIO = """
import asyncio, ssl, sys, urllib.parse
async def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    tls = ssl.create_default_context() if url.scheme == 'https' else None
    reader, writer = await asyncio.open_connection(url.hostname, url.port or (443 if tls else 80), ssl=tls)
    writer.write(f'GET {url.path} HTTP/1.1\\r\\nHost: {url.netloc}\\r\\nConnection: close\\r\\n\\r\\n'.encode())
    head = await reader.readuntil(b'\\r\\n\\r\\n')
    print(head.split()[1].decode())
    print((await reader.read()).decode())
try:
    asyncio.run(main())
except OSError as error:
    print(0, repr(error), sep='\\n')
"""

NODE = """
try {
    const answer = await fetch(process.argv[1]);
    console.log(answer.status);
    console.log(await answer.text());
} catch (error) {
    console.log(0);
    console.log(String(error) + ' ' + String(error.cause) + ' ' + String(error.cause?.code));
}
"""


def _program(run, program):
    def client(agent, url):
        done = getattr(agent, run)(program, url)
        status, _, rest = done.out.partition("\n")
        return _got(status, rest, rest + done.err)
    return client


def s_client(*options):
    def openssl(agent, url):
        url = urllib.parse.urlsplit(url)
        request = f"GET {url.path} HTTP/1.1\r\nHost: {url.hostname}\r\nConnection: close\r\n\r\n"
        done = agent.run("openssl", "s_client", "-quiet", "-verify_return_error", "-ign_eof", "-connect",
                         f"{url.hostname}:{url.port or 443}", "-servername", url.hostname, *options, stdin=request)
        if not done.out.startswith("HTTP/"):
            return Got(0, None, done.err)
        head, _, body = done.out.partition("\r\n\r\n")
        return _got(head.split()[1], body)
    return openssl


PLAIN = {
    "curl": curl_with(),
    "curl-v4": curl_with("-4"),
    "curl-v6": curl_with("-6"),
    "requests": _program("python", REQUESTS),
    "asyncio": _program("python", ASYNCIO),
    "node": _program("node", NODE),
}

TLS = {
    "curl-http2": curl_with("--http2"),
    "curl-http1.1": curl_with("--http1.1"),
    "curl-tls1.2": curl_with("--tls-max", "1.2"),
    "curl-tls1.3": curl_with("--tlsv1.3"),
    "curl-v6": curl_with("-6"),
    "openssl-tls1.2": s_client("-tls1_2"),
    "openssl-tls1.3": s_client("-tls1_3"),
    "requests": PLAIN["requests"],
    "asyncio": PLAIN["asyncio"],
    "node": PLAIN["node"],
}
