# SPDX-License-Identifier: MIT
"""What comes in pieces arrives in pieces, at once, in both directions, and ends as it ended: in order or by a reset."""

import os

import pytest

from service import PORTS

API = "api.example.com"
STREAM = "stream.example.com"
LATE = 50  # milliseconds; what the issue allows for one event
RULE = f"domain={STREAM}"
PATIENT = pytest.mark.parametrize("tls", [None, STREAM], ids=["plain", "tls"])


def port_of(tls):
    return PORTS["https" if tls else "http"]


@PATIENT
def test_server_sent_events(agent, direct, tls):
    for one in direct, agent(RULE):
        late = one.do("sse", host=STREAM, port=port_of(tls), path="/sse?n=10&gap=0.03", tls=tls)
        assert len(late) == 10 and max(late) < LATE, late


def test_server_sent_events_by_curl_and_node(agent):
    bounded = agent(RULE)
    done = bounded.curl(f"http://{STREAM}:{PORTS['http']}/sse?n=3&gap=0.01", "-N")
    assert done.out.count("data: ") == 3 and done.headers["content-type"] == "text/event-stream"
    program = """
        const answer = await fetch(process.argv[1]);
        let worst = 0, count = 0;
        for await (const piece of answer.body) {
            const now = Number(process.hrtime.bigint()) / 1e6;
            const sent = /data: ([0-9.]+)/.exec(Buffer.from(piece).toString());
            if (sent) { count++; worst = Math.max(worst, now - Number(sent[1]) * 1000); }
        }
        console.log(JSON.stringify({count, worst}));
    """
    got = bounded.node(program, f"http://{STREAM}:{PORTS['http']}/sse?n=10&gap=0.03").json
    assert got["count"] == 10 and got["worst"] < LATE


@pytest.mark.parametrize("kind", ["ws", "wss"])
def test_websocket(agent, direct, kind):
    messages = ["hello", "ping", "push", "200000*x", "after", "close"]
    for one in direct, agent(RULE):
        replies = one.do("websocket", url=f"{kind}://{STREAM}:{PORTS[kind]}/", messages=messages)
        assert [reply.get("text") for reply in replies[:-1]] == ["hello", "pong", *"01234", 200000, "after"], replies
        assert max(reply["ms"] for reply in replies[:-1]) < LATE
        assert replies[-1] == {"closed": 4321, "why": "as asked"}


@pytest.mark.parametrize("kind", ["ws", "wss"])
def test_websocket_to_a_denied_name(agent, kind):
    refused = agent("domain=api.example.com").do("websocket", url=f"{kind}://{STREAM}:{PORTS[kind]}/", messages=["x"])
    assert refused["error"] in ("InvalidStatusCode", "SSLError", "ConnectionResetError", "SSLEOFError"), refused
    assert kind == "wss" or "403" in refused["text"]


@PATIENT
def test_answer_before_the_request_is_whole(agent, direct, tls):
    pieces = ["one", "two", "x" * 5000, "three"]
    for one in direct, agent(RULE):
        done = one.do("duplex", host=STREAM, port=port_of(tls), pieces=pieces, tls=tls)
        assert [trip["text"] for trip in done["trips"]] == [piece.upper() for piece in pieces]
        assert max(trip["ms"] for trip in done["trips"]) < LATE and done["end"] == "0\r\n"


def test_grpc(names, agent, direct):
    names.grpc
    target = f"{STREAM}:{PORTS['grpc']}"
    messages = ["one", "two", "x" * 100_000, "three"]
    for one in direct, agent(RULE):
        done = one.do("grpc_talk", target=target, messages=messages)
        assert done["code"] == "OK" and [trip["text"] for trip in done["trips"]] == [one.upper() for one in messages]
        assert max(trip["ms"] for trip in done["trips"][1:]) < LATE
    refused = agent("domain=api.example.com").do("grpc_talk", target=target, messages=["x"], timeout=20)
    assert refused["code"] in ("UNAVAILABLE", "DEADLINE_EXCEEDED"), refused


def test_many_http2_streams_of_one_connection(agent, direct):
    urls = [word for number in range(20) for word in (f"https://{API}/stream-{number}", "-o", f"/tmp/h2-{number}")]
    for one in direct, agent(f"domain={API}"):
        done = one.run("curl", "-sS", "-Z", "--http2", "-w", "%{http_code} %{num_connects}\n", *urls)
        lines = [line.split() for line in done.out.splitlines()]
        assert len(lines) == 20 and {status for status, _ in lines} == {"200"}
        assert sum(int(connects) for _, connects in lines) <= 2
        ports = one.run("sh", "-c", "cat /tmp/h2-*").out
        assert len(set(part.split(",")[0] for part in ports.split('"port":')[1:])) <= 2


def test_slow_http2_stream_does_not_hold_up_a_quick_one(agent):
    """Both are streams of one connection that the gate only sees as bytes."""
    bounded = agent(f"domain={API}")
    done = bounded.run("curl", "-sS", "-Z", "--http2", "-w", "%{urlnum} %{time_total}\n",
                       f"https://{API}/proxied/slow?seconds=1", f"https://{API}/quick", f"https://{API}/quick")
    times = {line.split()[0]: float(line.split()[1]) for line in done.out.splitlines() if not line.startswith("{")}
    assert times["0"] >= 1 and max(times["1"], times["2"]) < 0.5, done


@pytest.mark.parametrize("size", [0, 1, 70_000, 5_000_000])
def test_client_ends_its_direction_first(agent, direct, size):
    for one in direct, agent(f"{RULE} port={PORTS['echo']}"):
        done = one.do("half_close", host=STREAM, port=PORTS["echo"], size=size)
        assert done["last"] == done["sent"]


def test_server_ends_its_direction_first(names, agent, direct):
    for label, one in ("outside", direct), ("inside", agent(f"{RULE} port={PORTS['reset']}")):
        done = one.do("late_half_close", host=STREAM, port=PORTS["reset"], word=label, size=300_000)
        assert done["reply"] == "bye\n"
        names.service.expect(f'"id": "{label}"')
        assert names.events(event="after-close", id=label)[-1]["length"] == 300_000


def test_reset_of_the_server_is_one_to_the_client(agent, direct):
    for one in direct, agent(f"{RULE} port={PORTS['reset']}"):
        assert one.do("tcp", host=STREAM, port=PORTS["reset"], send=["reset\n"])["error"] == "ECONNRESET"


def test_server_learns_that_the_client_has_gone(names, agent):
    bounded = agent(RULE)
    word = f"gone-{os.getpid()}"
    assert bounded.do("abort", host=STREAM, port=PORTS["http"], path=f"/watch?id={word}") > 0
    names.service.expect(word)
    flow = bounded.record(event="flow", name=STREAM, port=PORTS["http"])
    assert flow["received"] > 0 and flow["duration_ms"] >= 150


def test_client_that_does_not_read_holds_up_nobody(agent):
    bounded = agent(RULE, f"domain={API}")
    script = (f"curl -sN http://{STREAM}:{PORTS['bulk']}/200000000 | sleep 1 & sleep 0.3; "
              f"curl -s -o /dev/null -w '%{{http_code}} %{{time_total}}' http://{API}/; wait")
    status, seconds = bounded.run("sh", "-c", script).out.split()
    assert status == "200" and float(seconds) < 0.3


def test_quiet_connection_stays(agent):
    """Nobody says anything for a while."""
    bounded = agent(RULE)
    done = bounded.do("kept", host=STREAM, port=PORTS["http"], requests=[
        f"GET /slow?seconds=2 HTTP/1.1\r\nHost: {STREAM}\r\n\r\n"])
    assert done["answers"][0]["status"] == 200
