#!/usr/bin/env python3
"""The WebSocket binding: what a connection may take of memory, time and requests, and what it is held to."""

import json
import os
import select
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from websocket_client import CLOSE, PING, PONG, WebSocket, deflate, frame  # noqa: E402
from websocket_stand import RETRIEVE, RETRIEVE_BYTES, busy_with, serve, verify  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from copse_harness import expect, expect_equal, is_sanitized, main, resident, rule  # noqa: E402


# ---- what waits for the client ----


def told(client, count):
    """The contents that so many notifications tell of."""
    return sorted(client.notified_content()[:8] for _ in range(count))


@rule("what was kept for an entity that was away comes over its new connection, however much it is")
def _():
    count, size = 10, 100000
    with serve(websocket__max_backlog="256K", notify__retry_longest="3600") as server, server.connect() as admin:
        with server.connect() as device:
            device.register("dev")
            for number in range(count):
                device.container("cse-in/dev", "c%d" % number)
                device.subscribe("cse-in/dev/c%d" % number, "cse-in/dev")
        for number in range(count):
            admin.instance("cse-in/dev/c%d" % number, "%08d" % number + "x" * size)
        with server.connect(origin="Cdev") as device:
            device.must(2000, op=2, to="cse-in/dev")
            expect_equal(told(device, count), ["%08d" % number for number in range(count)], "notifications")
            device.must(2000, op=2, to="cse-in/dev")
            expect(not device.notifications, "one came twice")


@rule("answers that are larger together than what is kept for a client all come when it reads")
def _():
    with serve(websocket__max_backlog="256K") as server, server.connect() as client:
        client.container("cse-in", "c")
        client.instance("cse-in/c", "x" * 100000)
        requests = [client.write(op=2, to="cse-in/c/la") for _ in range(40)]
        client.send(b"".join(frame(text) for _, text in requests))
        expect_equal({client.answer(identifier)["rsc"] for identifier, _ in requests}, {2000}, "answers")


@rule("a client that does not read is cut off after the time of a body, gets little memory, and slows nobody else down")
def _():
    requests, size, most = 2000, 100000, 64 << 20
    with serve(websocket__max_backlog="256K", websocket__max_requests="1000", http__body_timeout="2") as server:
        with server.connect() as good, server.connect() as slow:
            good.container("cse-in", "c")
            good.instance("cse-in/c", "x" * size)
            first = largest = resident(server.pid)
            for _ in range(requests):
                slow.post(op=2, to="cse-in/c/la")
            while "does not read" not in server.log():
                good.must(2000, **RETRIEVE)
                largest = max(largest, resident(server.pid))
            expect(is_sanitized() or largest - first < most, "%d MB for one client" % ((largest - first) >> 20))
            good.must(2000, **RETRIEVE)


# ---- requests of both sides ----


@rule("two entities that keep each other waiting are both served")
def _():
    count = 20
    with serve(websocket__max_requests="4", notify__timeout="3600") as server, server.connect() as a, server.connect() as b:

        def subscribe(client, other):
            content = [{"m2m:sub": {"nu": ["cse-in/" + other]}} for _ in range(count)]
            return [client.post(op=1, to="cse-in/" + client.origin[1:], ty=23, pc=pc) for pc in content]

        def serve_all(client, identifiers):
            while len(client.answers) < count or len(client.notifications) < count:
                client.take_primitive()
            answers[client.origin] = {client.answers[identifier]["rsc"] for identifier in identifiers}

        answers = {}
        with server.connect() as admin:
            admin.open_policy()
        a.register("a", acpi=["cse-in/open"])
        b.register("b", acpi=["cse-in/open"])
        sent = [(a, subscribe(a, "b")), (b, subscribe(b, "a"))]
        threads = [threading.Thread(target=serve_all, args=pair) for pair in sent]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expect_equal(answers, {"Ca": {2001}, "Cb": {2001}}, "answers")


@rule("a ping is answered while as many requests are in work as may be")
def _():
    with serve(websocket__max_requests="1", notify__timeout="3600") as server, server.connect() as client, server.connect() as device:
        identifier, verification = busy_with(client, device)
        client.send(frame(b"well?", PING))
        expect_equal(client.read_message(), (PONG, b"well?"), "the first that comes")
        verify(device, verification)
        expect_equal(client.answer(identifier)["rsc"], 2001, "the subscription")


@rule("requests that wait are read up to a bound, and then not until there is room")
def _():
    most, chunk = 64 << 20, 50000
    with serve(websocket__max_requests="1", http__max_body="64K", notify__timeout="3600") as server:
        with server.connect() as device, server.connect() as client:
            identifier, verification = busy_with(client, device)
            message, sent, late = frame("x" * chunk), 0, b""
            client.socket.setblocking(False)
            while sent < most and select.select([], [client.socket], [], 2)[1]:
                count = client.socket.send(late or message)
                late = (late or message)[count:]
                sent += count
            expect(sent < most, "%d MB are taken" % (sent >> 20))
            verify(device, verification)
            client.socket.settimeout(30)
            expect_equal(client.answer(identifier)["rsc"], 2001, "the subscription")
            expect_equal(json.loads(client.read_message()[1])["rsc"], 4000, "what was read meanwhile")


@rule("messages that are small until they are inflated wait like others")
def _():
    offer = (("Sec-WebSocket-Extensions", "permessage-deflate"),)
    with serve(websocket__max_requests="1", notify__timeout="3600") as server, server.connect() as device:
        with server.connect(headers=offer) as client:
            client.send(frame(deflate(RETRIEVE_BYTES), bits=0x40))
            expect(client.read_frame()[0], "an answer, compressed")
            device.register("dev")
            texts = [client.write(op=1, to="cse-in", ty=23, pc={"m2m:sub": {"nu": ["cse-in/dev"]}})[1]]
            texts += [client.write(op=1, to="cse-in", ty=3, pc={"m2m:cnt": {"rn": "c%d" % i, "lbl": ["x" * 600000]}})[1] for i in range(3)]
            client.send(b"".join(frame(deflate(text), bits=0x40) for text in texts))
            verify(device, json.loads(device.read_message()[1])["rqi"])
            for _ in texts:
                expect(client.read_frame()[1] != CLOSE, "the connection was closed")


@rule("what was asked before a client said goodbye is done, whatever had to wait")
def _():
    with serve(websocket__max_requests="1", notify__timeout="3600") as server, server.connect() as admin, server.connect() as device:
        admin.container("cse-in", "c")
        admin.number = 1000
        with server.connect() as client:
            _, verification = busy_with(client, device)
            for _ in range(5):
                client.post(op=1, to="cse-in/c", ty=4, rt={"rtv": 5}, pc={"m2m:cin": {"con": "1"}})
            client.send(frame(b"\x03\xe8", CLOSE))
            client.expect_close(1000)
        verify(device, verification)
        while admin.must(2000, op=2, to="cse-in/c")["pc"]["m2m:cnt"]["cni"] < 5:
            pass


# ---- time ----


@rule("a client that sends without a pause is no slow one")
def _():
    with serve(http__body_timeout="2") as server, server.connect() as client:
        until, half = time.monotonic() + 4, b""
        while time.monotonic() < until:
            identifier, text = client.write(**RETRIEVE)
            message = frame(text)
            client.send(half + message[:10])
            half = message[10:]
            if client.number > 1:
                expect_equal(client.answer("r%d" % (client.number - 1))["rsc"], 2000, "answer")
        client.send(half)
        expect_equal(client.answer(identifier)["rsc"], 2000, "the last one")


@rule("a client that is silent is asked for a sign of life, and cut off without one")
def _():
    with serve(websocket__ping="1") as server:
        with server.connect() as live, server.connect() as dead:
            expect_equal(dead.read_frame()[1], PING, "a ping")
            while "no answer to a ping" not in server.log():
                live.must(2000, **RETRIEVE)
            dead.expect_close(None)


@rule("a message that does not come to its end is not waited for")
def _():
    with serve(http__body_timeout="1") as server:
        for part in (frame(RETRIEVE_BYTES)[:20], frame(RETRIEVE_BYTES)[:1], frame("{", fin=False)):
            with server.connect() as client:
                client.send(part)
                client.expect_close(None)


@rule("a connection that nobody uses is closed where the operator wants it")
def _():
    with serve(websocket__idle_timeout="1") as server, server.connect() as client:
        client.must(2000, **RETRIEVE)
        client.expect_close(1000)


@rule("a connection on which an answer is due is not unused, whichever way the answer goes")
def _():
    with serve(websocket__idle_timeout="1", notify__timeout="3600") as server, server.connect() as client, server.connect() as device:
        identifier, verification = busy_with(client, device)
        with server.connect() as unused:
            unused.expect_close(1000)
        verify(device, verification)
        expect_equal(client.answer(identifier)["rsc"], 2001, "the subscription")
        client.expect_close(1000)
        device.expect_close(1000)


@rule("a server that stops answers what it has begun and says goodbye")
def _():
    server = serve(http__drain_timeout="3600").start()
    with server.connect() as client, server.connect() as device:
        device.register("dev", rr=False)
        device.must(2001, op=1, to="cse-in/dev", ty=15, pc={"m2m:pch": {"rn": "p"}})
        poll = device.post(op=2, to="cse-in/dev/p/pcu")
        device.must(2000, op=2, to="cse-in/dev")
        client.must(2000, **RETRIEVE)
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        client.expect_close(1001)
        client.send(frame(b"\x03\xe9", CLOSE))
        expect("rsc" in device.answer(poll), "the poll")
        device.expect_close(1001)
        device.send(frame(b"\x03\xe9", CLOSE))
        stopper.join(30)
        expect(not stopper.is_alive(), "it does not stop")


main()
