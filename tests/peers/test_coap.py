#!/usr/bin/env python3
"""CoAP by hand over bare sockets. Speaks TAP."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import peers  # noqa: E402
import raw_coap as raw  # noqa: E402
from copse_harness import expect, expect_equal, main, rule  # noqa: E402
from raw_coap import (  # noqa: E402
    ACK, CON, DELETE, GET, LARGE, NON, POST, PUT, RST,
    Client, Message, Stream, Target, code, container, content, must, request, serve,
)



def count(client, name="c"):
    return json.loads(must(client.ask(request(GET, "cse-in/" + name)), 2000).payload)["m2m:cnt"]["cni"]


@rule("the five operations go over datagrams, with their codes, options and Max-Age 0")
def operations():
    with serve({"cse.sp-id": "sp.example.com"}) as server, Client(server.coap) as client:
        made = must(client.ask(request(POST, "cse-in", body=content(root={"m2m:cnt": {"rn": "c"}}), ty=3, rqi="one")), 2001)
        expect_equal((made.text, made.kind), ("2.01", ACK), "CREATE")
        expect_equal(made.option(raw.RQI), b"one", "Request Identifier")
        expect_equal(made.option(raw.RVI), b"3", "release")
        expect_equal(made.all(raw.LOCATION_PATH), [b"~", b"id-in", b"cse-in", b"c"], "Location-Path")
        got = must(client.ask(request(GET, "~/id-in/cse-in/c", more=[(raw.OT, b"20260101T000000")])), 2000)
        expect_equal((got.text, got.option(raw.MAX_AGE), got.option(raw.CONTENT_FORMAT)), ("2.05", b"", b"\x32"), "RETRIEVE")
        expect(got.option(raw.OT) and got.option(4) is None, "no time, or an ETag: %r" % got.options)
        body = content(root={"m2m:cnt": {"mni": 3}})
        expect_equal(must(client.ask(request(PUT, "_/sp.example.com/id-in/cse-in/c", body=body)), 2004).text, "2.04", "UPDATE")
        expect_equal(must(client.ask(request(DELETE, "cse-in/c")), 2002).text, "2.02", "DELETE")
        gone = must(client.ask(request(GET, "cse-in/c")), 4004)
        expect_equal(gone.text, "4.04", "RETRIEVE of nothing")
        expect("m2m:dbg" in json.loads(gone.payload), "no explanation")


@rule("what is answered later is a POST that names its operation, and leads to its <request>")
def non_blocking():
    with serve() as server, Client(server.coap) as client:
        container(client)
        accepted = must(client.ask(request(POST, "cse-in/c", query=["op=2", "rt=1"])), 1001)
        expect_equal(accepted.text, "2.01", "code")
        where = "/".join(part.decode() for part in accepted.all(raw.LOCATION_PATH))
        deadline = time.monotonic() + raw.PATIENCE
        while True:
            made = json.loads(must(client.ask(request(GET, where)), 2000).payload)["m2m:req"]
            if "ors" in made and made["rs"] == 1:
                break
            expect(time.monotonic() < deadline, "never performed: %s" % made)
        expect_equal(made["ors"]["rsc"], 2000, "result")
        must(client.ask(request(GET, "cse-in/c", query=["op=4"])), 4000)


@rule("a tree that is deeper than a message has room for is served all the same")
def deep():
    with serve() as server, Client(server.coap) as client:
        parent, locations = "cse-in", []
        for _ in range(200):
            made = container(client, "c" * 20, parent)
            parent = json.loads(made.payload)["m2m:cnt"]["ri"]
            locations.append(len(made.all(raw.LOCATION_PATH)))
        expect_equal((locations[0], locations[10], locations[-1]), (4, 14, 0), "segments of Location-Path")
        must(client.ask(request(GET, parent)), 2000)


@rule("discovery takes its conditions from the query")
def discovery():
    with serve() as server, Client(server.coap) as client:
        container(client)
        for name in ("a", "b c"):
            body = content(root={"m2m:cnt": {"rn": name[0], "lbl": [name.replace(" ", "")]}})
            must(client.ask(request(POST, "cse-in/c", body=body, ty=3)), 2001)
        found = must(client.ask(request(GET, "cse-in", query=["fu=1", "ty=3", "lbl=bc"])), 2000)
        expect_equal(json.loads(found.payload), {"m2m:uril": ["cse-in/c/b"]}, "found")
        part = must(client.ask(request(GET, "cse-in/c", query=["fu=1", "lim=1"])), 2000)
        expect_equal(part.option(323), b"\x01", "Content Status")
        expect(part.option(319), "Content Offset")


@rule("a request that is not confirmable gets an answer that is not")
def non_confirmable():
    with serve() as server, Client(server.coap) as client:
        expect_equal(must(client.ask(request(GET, "cse-in"), NON), 2000).kind, NON, "type")


@rule("a datagram that comes again is performed once and answered again with the same bytes")
def duplicates():
    with serve() as server, Client(server.coap) as client:
        container(client)
        for kind in (CON, NON):
            before = count(client)
            message = client.prepare(request(POST, "cse-in/c", body=content(con="x"), ty=4), kind)
            answers = set()
            for _ in range(5):  # before it is answered it may be passed over
                client.socket.send(message.datagram())
                answers.add(client.socket.recv(65536))
            for _ in range(5):
                client.socket.send(message.datagram())
            expect_equal(len(answers), 1, "different answers")
            while client.receive(0.2):
                pass
            expect_equal(must(raw.parse(answers.pop()), 2001).text, "2.01", "code")
            expect_equal(count(client) - before, 1, "instances made")
        # the same message ID in another request is another request
        mid = client.mid
        first = client.ask(request(POST, "cse-in/c", body=content(con="1"), ty=4))
        client.mid = mid
        second = client.ask(request(POST, "cse-in/c", body=content(con="2"), ty=4))
        expect(first.payload != second.payload, "another request got an old answer")


@rule("what takes its time is acknowledged first and answered on its own, until that is acknowledged")
def separate():
    with serve() as server, Client(server.coap) as client:
        hold = Target(manner=lambda message: [])
        body = content(root={"m2m:sub": {"rn": "s", "nu": ["coap://127.0.0.1:%d/x" % hold.port]}})
        container(client)
        message = client.send(request(POST, "cse-in/c", body=body, ty=23, more=[(291, b"3000")]))
        empty = client.receive()
        expect_equal((empty.kind, empty.code, empty.mid), (ACK, 0, message.mid), "acknowledgement")
        client.socket.send(message.datagram())
        again = client.receive()
        expect_equal((again.kind, again.code, again.mid), (ACK, 0, message.mid), "acknowledgement of the duplicate")
        first = client.receive()
        expect_equal((first.kind, first.token), (CON, message.token), "answer")
        second = client.receive()
        expect_equal(first.datagram(), second.datagram(), "answer that was not acknowledged")
        client.socket.send(Message(ACK, 0, second.mid).datagram())
        expect(client.receive(6) is None, "it is sent again though it was acknowledged")
        expect_equal(len({m.datagram() for m in hold.got}), 1, "requests at the target that does not answer")
        hold.close()


@rule("200 kB go in parts both ways, over datagrams and over a connection")
def large():
    with serve() as server, Client(server.coap) as client, Stream(server.coap) as stream:
        container(client)
        for size, name in ((6, "a"), (2, "b")):
            made = must(client.ask_whole(request(POST, "cse-in/c", body=content(rn=name, con=name * LARGE), ty=4), size), 2001)
            expect_equal(len(json.loads(made.payload)["m2m:cin"]["con"]), LARGE, "content of the answer")
        got = must(client.ask_whole(request(GET, "cse-in/c/a")), 2000)
        expect_equal(json.loads(got.payload)["m2m:cin"]["con"], "a" * LARGE, "content")
        got = must(stream.ask(request(POST, "cse-in/c", body=content(con="s" * LARGE), ty=4)), 2001)
        expect_equal(json.loads(got.payload)["m2m:cin"]["con"], "s" * LARGE, "content over a connection")


@rule("parts that are missing, too many or of a wrong size are refused")
def bad_parts():
    with serve({"http.max-body": "10K"}) as server, Client(server.coap) as client:
        container(client)

        def part(number, more, payload, size=2, options=()):
            message = request(POST, "cse-in/c", body=payload, ty=4, rqi="parts")
            message.options += [(raw.BLOCK1, raw.block(number, more, size)), *options]
            return client.ask(message).text

        expect_equal(part(1, 1, b"x" * 64), "4.08", "no beginning")
        expect_equal(part(0, 1, b"x" * 64), "2.31", "beginning")
        expect_equal(part(2, 1, b"x" * 64), "4.08", "a gap")
        expect_equal(part(1, 1, b"x" * 63), "4.00", "a short part")
        expect_equal(part(0, 1, b"x" * 64, size=7), "4.00", "reserved size")
        expect_equal(part(160, 1, b"x" * 64), "4.13", "too large")
        expect_equal(part(0, 1, b"x" * 64, options=[(raw.SIZE1, raw.uint(20000))]), "4.13", "too large from the start")
        whole = client.ask(request(POST, "cse-in/c", body=b"x" * 20000, ty=4))
        expect_equal(whole.text, "4.13", "too large in one datagram")
        expect_equal(client.ask(request(POST, "cse-in", ty=3, more=[(raw.BLOCK2, raw.block(3, 0, 6))])).text, "4.08", "no such answer")
        expect_equal(client.ask(request(GET, "cse-in", more=[(raw.BLOCK2, raw.block(900, 0, 6))])).text, "4.00", "beyond the end")
        long = request(POST, "cse-in/c", body=content(con="x" * 2000), ty=4)
        expect_equal(client.ask(long).text, "4.13", "a datagram that is longer than what is read")
        expect_equal(count(client), 0, "instances")


@rule("parts of different resources and originators do not mix")
def parts_in_turns():
    with serve() as server, Client(server.coap) as client:
        for name in "ab":
            container(client, name)
        bodies = {name: content(rn="i", con=name * 3000) for name in "ab"}
        for number in range(3):
            for name, body in bodies.items():
                piece = body[number * 1024 : (number + 1) * 1024]
                part = request(POST, "cse-in/" + name, body=piece, ty=4, rqi=name, more=[(raw.BLOCK1, raw.block(number, number < 2, 6))])
                expect_equal(client.ask(part).text, "2.31" if number < 2 else "2.01", "part %d of %s" % (number, name))
        firsts = {name: client.ask(request(GET, "cse-in/%s/i" % name, rqi=name)) for name in "ab"}
        for name, first in firsts.items():
            whole = json.loads(client.rest_of(request(GET, "cse-in/%s/i" % name, rqi=name), first).payload)
            expect_equal(whole["m2m:cin"]["con"], name * 3000, name)
        other = request(GET, "cse-in/a/i", origin="Cnobody", rqi="a", more=[(raw.BLOCK2, raw.block(1, 0, 6))])
        expect_equal(must(client.ask(other), 4103).text, "4.03", "a part for another originator")


@rule("what makes no sense is rejected, passed over or answered 4.02, and harms nobody")
def malformed():
    with serve() as server, Client(server.coap) as client:
        for data in (b"\x40\x01\x00\x07\xff", b"\x49\x01\x00\x07", b"\x40\x01\x00\x07\xf1x", b"\x40\x01\x00\x07\x1fx",
                     b"\x40\x01\x00\x07\xe0", b"\x44\x01\x00\x07tok", b"\x40\x20\x00\x07", b"\x40\xe1\x00\x07",
                     b"\x40\x00\x00\x07x", b"\x40\x45\x00\x07", b"\x40\x00\x00\x07", b"\x40\x01\x00\x07\xeb\xff\xff" + b"x" * 11):
            for _ in range(raw.PATIENCE):  # libcoap answers no more than four pings a second, and none in its first quarter
                client.socket.send(data)
                got = client.receive(1)
                if got:
                    break
            expect_equal((got.kind, got.code, got.mid), (RST, 0, 7), "answer to %r" % data)
        for data in (b"", b"\x40", b"\x40\x01\x00", b"\x60\x00\x00\x07", b"\x70\x00\x00\x07", b"\x60\x45\x00\x07", b"\x50\x45\x00\x07"):
            client.socket.send(data)
        with Client(server.coap) as other:  # libcoap rejects these too (docs/decisions/coap.md)
            for data in (b"\x00\x01\x00\x07", b"\x80\x01\x00\x07", b"\x50\x01\x00\x07\xff"):
                other.socket.send(data)
                got = other.receive()
                expect_equal((got.kind, got.code), (RST, 0), "answer to %r" % data)
        for options in ([(9, b"x")], [(1, b"")], [(257, b"x")], [(raw.RVI, b"333")], [(raw.FR, b"a"), (raw.FR, b"b")]):
            got = client.ask(Message(number=GET, options=options))
            expect_equal((got.text, got.rsc), ("4.02", 4000), "answer to %r" % options)
        expect_equal(client.ask(Message(number=GET, options=[(35, b"coap://x")])).text, "5.05", "proxy")
        bad = client.send(Message(number=GET, options=[(9, b"x")]), NON)
        got = client.receive()
        expect_equal((got.kind, got.mid), (RST, bad.mid), "critical option in NON")
        must(client.ask(request(GET, "cse-in", query=["", "rcn=1", ""])), 2000)
        expect_equal(must(client.ask(request(5, "cse-in")), 4005).text, "4.05", "FETCH")
        wrong = request(POST, "cse-in", body=b"{}", ty=3)
        wrong.options = [o for o in wrong.options if o[0] != raw.CONTENT_FORMAT] + [(raw.CONTENT_FORMAT, raw.uint(99))]
        expect_equal(must(client.ask(wrong), 4015).text, "4.15", "Content-Format")
        expect_equal(must(client.ask(request(GET, "cse-in", more=[(raw.ACCEPT, raw.uint(99))])), 5207).text, "4.06", "Accept")
        must(client.ask(request(GET, "cse-in")), 2000)
        server.expect_running()


@rule("the administrator is believed from loopback, and rights count for everybody else")
def administrator():
    with serve() as server, Client(server.coap) as client:
        expect_equal(must(client.ask(request(GET, "cse-in", origin="Cnobody")), 4103).text, "4.03", "a stranger")


@rule("a connection begins with CSM, answers pings and ends on what it cannot read")
def streams():
    with serve() as server:
        with Stream(server.coap) as stream:
            hello = stream.receive()
            expect_equal(hello.text, "7.01", "greeting")
            expect(int.from_bytes(hello.option(2), "big") > 1 << 20 and hello.option(4) is not None, "what is offered")
            stream.send(Message(number=code("7.02"), token=b"ping"))
            pong = stream.receive()
            expect_equal((pong.text, pong.token), ("7.03", b"ping"), "pong")
            must(stream.ask(request(GET, "cse-in")), 2000)
            many = [stream.send(Message(number=GET, token=bytes([i, 1]), options=request(GET, "cse-in").options)) for i in range(200)]
            expect_equal({stream.receive().token for _ in many}, {message.token for message in many}, "answers")
            stream.send(Message(number=code("7.04")))
            expect(stream.receive() is None, "it does not close on Release")
        for data in (request(GET, "cse-in").stream(), b"\x09\xe1" + b"x" * 9, b"\xf0\xff\xff\xff\xff\x01", b"\x20\xe1\xf1x"):
            with Stream(server.coap, greet=False) as stream:
                stream.socket.sendall(data)
                stream.receive()
                last = stream.receive()
                expect(last is None or (last.text == "7.05" and stream.receive() is None), "%r: %r" % (data, last))
        with Client(server.coap) as client:
            must(client.ask(request(GET, "cse-in")), 2000)


@rule("connections are bounded in number and in time")
def bounded_streams():
    settings = {"http.body-timeout": "1", "http.idle-timeout": "1", "http.header-timeout": "1"}
    with serve(settings) as server:
        for begin in (b"", request(GET, "cse-in").stream()[:5]):
            with Stream(server.coap) as stream:
                stream.socket.sendall(begin)
                while (message := stream.receive()) is not None:
                    expect(message.text in ("7.01", "7.05"), "%r: %r" % (begin, message))
    with serve({"http.max-connections": "2"}) as server, Stream(server.coap) as first, Stream(server.coap) as second:
        must(first.ask(request(GET, "cse-in")), 2000)
        must(second.ask(request(GET, "cse-in")), 2000)
        with Stream(server.coap) as third:  # the one that was silent longest makes room
            must(third.ask(request(GET, "cse-in")), 2000)
            expect(first.receive() is None, "three connections")
            must(second.ask(request(GET, "cse-in")), 2000)


@rule("a connection that does not read its answers ends, and one that asks without end delays nobody")
def greedy_streams():
    unread = socket.socket()
    unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with serve({"http.body-timeout": "1"}) as server, Client(server.coap) as client, Stream(server.coap) as busy:
        unread.connect(("127.0.0.1", server.coap))
        deaf = Stream(server.coap, taken=unread)
        container(client)
        must(client.ask_whole(request(POST, "cse-in/c", body=content(rn="i", con="x" * LARGE), ty=4)), 2001)
        for _ in range(100):  # 20 MB
            deaf.send(Message(number=GET, token=b"t", options=request(GET, "cse-in/c/i").options))
        is_over = threading.Event()

        def ask_on():  # until it is over, or the server has enough of it
            with contextlib.suppress(OSError):
                while not is_over.is_set():
                    busy.socket.sendall(request(GET, "cse-in").stream() * 20)

        def read_on():
            with contextlib.suppress(OSError):
                while busy.socket.recv(1 << 20):
                    pass

        threads = [threading.Thread(target=run, daemon=True) for run in (ask_on, read_on)]
        for thread in threads:
            thread.start()
        for _ in range(100):
            must(client.ask(request(GET, "cse-in")), 2000)
        is_over.set()
        threads[0].join()
        read = 0
        with contextlib.suppress(ConnectionResetError), unread:
            while data := unread.recv(1 << 20):
                read += len(data)
        expect(read < 100 * LARGE, "all answers were kept: %d bytes" % read)


@rule("of more requests than may be in work, some are answered 5.03 and can be asked again")
def bounded_requests():
    with serve({"limits.requests": "2", "notify.timeout": "2"}) as server, Client(server.coap) as client:
        container(client)
        dead = Target(lambda message: [])
        waiting = [client.send(request(POST, "cse-in/c", ty=23, body=content(
            root={"m2m:sub": {"nu": ["coap://127.0.0.1:%d/x" % dead.port]}}))) for _ in range(6)]
        with Client(server.coap) as other:
            answers = [other.ask(request(GET, "cse-in")) for _ in range(3)]
        expect("5.03" in [answer.text for answer in answers], "answers: %r" % answers)
        expect_equal({answer.rsc for answer in answers if answer.text == "5.03"}, {5000}, "code")
        texts = []
        while len(texts) < len(waiting):
            got = client.receive()
            expect(got is not None, "answers: %r" % texts)
            if got.kind == CON:
                client.socket.send(Message(ACK, 0, got.mid).datagram())
            if got.code:
                texts.append(got.text)
        expect_equal(set(texts), {"5.00", "5.03"}, "answers")
        must(client.ask(request(GET, "cse-in")), 2000)
        dead.close()


def subscribe(client, url, parent="cse-in/c", name="s"):
    body = content(root={"m2m:sub": {"rn": name, "nu": [url], "enc": {"net": [3]}, "nct": 1}})
    return client.ask(request(POST, parent, body=body, ty=23))


@rule("notifications go out to coap and coap+tcp targets, in parts if they are large")
def notifications():
    with serve() as server, Client(server.coap) as client:
        container(client)
        parts = {}

        def manner(message):
            value = message.option(raw.BLOCK1)
            number, more, _ = raw.read_block(value) if value is not None else (0, 0, 6)
            parts[number] = message.payload
            if not more:
                return [raw.accept(message)]
            return [Message(ACK, code("2.31"), message.mid, message.token, [(raw.BLOCK1, value)])]

        target = Target(manner)
        must(subscribe(client, "coap://127.0.0.1:%d/in/box?a=b" % target.port), 2001)
        verification = target.wait(1)[0]
        expect_equal((verification.kind, verification.code), (CON, POST), "verification")
        expect_equal(verification.all(raw.URI_PATH), [b"in", b"box"], "path")
        expect_equal(verification.all(raw.URI_QUERY), [b"a=b"], "query")
        expect(verification.option(raw.RQI) and verification.option(raw.FR), "parameters")
        must(client.ask(request(POST, "cse-in/c", body=content(con="small"), ty=4)), 2001)
        sgn = json.loads(target.wait(2)[1].payload)["m2m:sgn"]
        expect_equal(sgn["nev"]["rep"]["m2m:cin"]["con"], "small", "notification")
        parts.clear()
        must(client.ask_whole(request(POST, "cse-in/c", body=content(con="l" * 50_000), ty=4)), 2001)
        target.wait_for(lambda got: raw.read_block(got[-1].option(raw.BLOCK1) or b"\x08")[1] == 0, "the last part")
        whole = b"".join(parts[number] for number in sorted(parts))
        expect_equal(len(json.loads(whole)["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"]), 50_000, "large notification")
        target.close()
    with serve() as server, Client(server.coap) as client, socket.create_server(("127.0.0.1", 0)) as listener:
        container(client)
        got = []
        threading.Thread(
            target=lambda: Stream(0, taken=listener.accept()[0]).serve(raw.accept, got), daemon=True
        ).start()
        must(subscribe(client, "coap+tcp://127.0.0.1:%d/box" % listener.getsockname()[1]), 2001)
        for value in ("small", "l" * 50_000):
            must(client.ask_whole(request(POST, "cse-in/c", body=content(con=value), ty=4)), 2001)
        deadline = time.monotonic() + raw.PATIENCE
        while len(got) < 3:
            expect(time.monotonic() < deadline, "%d requests over the connection" % len(got))
            time.sleep(0.02)
        cons = [json.loads(m.payload)["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"] for m in got[1:]]
        expect_equal([len(con) for con in cons], [5, 50_000], "notifications over a connection")
    with serve() as server, serve() as other, Client(server.coap) as client, Client(other.coap) as there:
        # a CSE as target: what it says to a NOTIFY that nobody takes is an answer all the same
        container(client)
        refused = subscribe(client, "coap+tcp://127.0.0.1:%d/nobody" % other.coap)
        expect_equal(refused.rsc, 5204, repr(refused))
        must(there.ask(request(GET, "cse-in")), 2000)


def contents(messages):
    """Of the instances that these notifications tell of, each once."""
    told = {}
    for message in messages:
        nev = json.loads(message.payload)["m2m:sgn"].get("nev", {}) if message.payload else {}
        if "m2m:cin" in nev.get("rep", {}):
            told[message.option(raw.RQI)] = nev["rep"]["m2m:cin"]["con"]
    return list(told.values())


@rule("a target that answers late, apart or not at all holds up nobody else")
def hung_target():
    with serve({"notify.verify": "no", "notify.timeout": "2"}) as server, Client(server.coap) as client:
        container(client)
        dead, late = Target(lambda message: []), Target(
            lambda message: [Message(ACK, 0, message.mid), raw.accept(message, CON)] if message.code else []
        )
        good = Target()
        for name, target in (("dead", dead), ("late", late), ("good", good)):
            must(subscribe(client, "coap://127.0.0.1:%d/x" % target.port, name=name), 2001)
        must(subscribe(client, "coap://name.invalid/x", name="nowhere"), 2001)
        for number in range(20):
            must(client.ask(request(POST, "cse-in/c", body=content(con=str(number)), ty=4)), 2001)
        for target in (good, late):
            told = target.wait_for(lambda got: len(contents(got)) >= 20, "20 notifications")
            expect_equal(contents(told), [str(number) for number in range(20)], "what the target got")
        expect(len(contents(dead.got)) <= 1, "more than one at the dead target")
        for target in (dead, late, good):
            target.close()


@rule("a peer beyond loopback that has shown nothing gets three times what it sent at most, and then the rest in parts")
def amplification():
    if not shutil.which("unshare") or not shutil.which("ip"):
        raise peers.Skip("there is no unshare or ip")
    inside = "ip link set lo up && ip addr add 192.0.2.1/24 dev lo && exec %s -B %s" % (
        sys.executable,
        os.path.join(HERE, "coap_far.py"),
    )
    done = subprocess.run(["unshare", "-rn", "sh", "-c", inside], capture_output=True, text=True, timeout=120, check=False)
    if "unshare" in done.stderr or "RTNETLINK" in done.stderr:
        raise peers.Skip("there are no network namespaces here: " + done.stderr.strip())
    expect_equal(done.stdout.strip(), "done", done.stderr)


def observe(client, path, origin="CAdmin", more=(), value=b""):
    message = request(GET, path, origin=origin, more=[(raw.OBSERVE, value), *more])
    answer = must(client.ask(message), 2000)
    return message, answer


def sequence(message):
    return int.from_bytes(message.option(raw.OBSERVE), "big")


def told(client, message):
    """The next notification, acknowledged."""
    got = client.receive()
    expect(got is not None and got.token == message.token, "not told: %r" % got)
    expect_equal((got.kind, got.text), (CON, "2.05"), "notification")
    client.socket.send(Message(ACK, 0, got.mid).datagram())
    return got


@rule("who observes a container or its latest is told of each change, with a number that grows, until he rejects it")
def observing():
    with serve() as server, Client(server.coap) as client, Client(server.coap) as writer:
        container(writer)
        must(writer.ask(request(POST, "cse-in/c", body=content(con="0"), ty=4)), 2001)
        latest, first = observe(client, "cse-in/c/la")
        last = sequence(first)
        for value in "123":
            must(writer.ask(request(POST, "cse-in/c", body=content(con=value), ty=4)), 2001)
            got = told(client, latest)
            expect_equal(json.loads(got.payload)["m2m:cin"]["con"], value, "latest")
            expect(sequence(got) > last, "sequence number")
            last = sequence(got)
        # what is not acknowledged comes again; changes meanwhile are one more notification, with the newest
        must(writer.ask(request(POST, "cse-in/c", body=content(con="4"), ty=4)), 2001)
        once = client.receive()
        for value in "567":
            must(writer.ask(request(POST, "cse-in/c", body=content(con=value), ty=4)), 2001)
        again = client.receive()
        expect_equal(again.datagram(), once.datagram(), "notification that was not acknowledged")
        client.socket.send(Message(ACK, 0, again.mid).datagram())
        expect_equal(json.loads(told(client, latest).payload)["m2m:cin"]["con"], "7", "the newest")
        # the container too, and large ones in parts
        whole, _ = observe(client, "cse-in/c")
        must(writer.ask_whole(request(POST, "cse-in/c", body=content(con="y" * 5000), ty=4)), 2001)
        got = {}
        for _ in range(2):
            notification = client.receive()
            client.socket.send(Message(ACK, 0, notification.mid).datagram())
            got[notification.token] = notification
        expect_equal(json.loads(got[whole.token].payload)["m2m:cnt"]["cni"], 9, "container")
        rest = client.rest_of(Message(number=GET, options=[o for o in latest.options if o[0] != raw.OBSERVE]), got[latest.token])
        expect_equal(len(json.loads(rest.payload)["m2m:cin"]["con"]), 5000, "large notification")
        # one ends by rejecting, the other by asking for it
        stop = Message(number=GET, options=[(n, b"\x01" if n == raw.OBSERVE else v) for n, v in whole.options])
        client.prepare(stop)
        stop.token = whole.token
        client.socket.send(stop.datagram())
        expect(must(client.answer_to(stop), 2000).option(raw.OBSERVE) is None, "it is still observed")
        must(writer.ask(request(POST, "cse-in/c", body=content(con="8"), ty=4)), 2001)
        client.socket.send(Message(RST, 0, client.receive().mid).datagram())
        must(writer.ask(request(POST, "cse-in/c", body=content(con="9"), ty=4)), 2001)
        expect(client.receive(1) is None, "told after all")


@rule("an observer is told no more than it may read: the last word is the refusal, or that the resource is gone")
def observing_ends():
    with serve() as server, Client(server.coap) as client, Client(server.coap) as writer, Stream(server.coap) as stream:
        acp = {"m2m:acp": {"rn": "p", "pv": {"acr": [{"acor": ["Cfriend"], "acop": 2}]}, "pvs": {"acr": [{"acor": ["CAdmin"], "acop": 63}]}}}
        policy = json.loads(must(writer.ask(request(POST, "cse-in", body=json.dumps(acp).encode(), ty=1)), 2001).payload)["m2m:acp"]["ri"]
        body = content(root={"m2m:cnt": {"rn": "c", "acpi": [policy]}})
        must(writer.ask(request(POST, "cse-in", body=body, ty=3)), 2001)
        friend, _ = observe(client, "cse-in/c", origin="Cfriend")
        stream.receive()
        admin = must(stream.ask(request(GET, "cse-in/c", more=[(raw.OBSERVE, b"")])), 2000)
        must(writer.ask(request(POST, "cse-in/c", body=content(con="x"), ty=4)), 2001)
        expect_equal(json.loads(told(client, friend).payload)["m2m:cnt"]["cni"], 1, "a friend")
        expect_equal(json.loads(stream.receive().payload)["m2m:cnt"]["cni"], 1, "over a connection")
        must(writer.ask(request(PUT, "cse-in/c", body=content(root={"m2m:cnt": {"acpi": None}}))), 2004)
        last = client.receive()
        expect_equal((last.text, last.option(raw.OBSERVE)), ("4.03", None), "a friend no more")
        expect_equal(stream.receive().text, "2.05", "the administrator")
        must(writer.ask(request(DELETE, "cse-in/c")), 2002)
        gone = stream.receive()
        expect_equal((gone.text, gone.option(raw.OBSERVE), gone.token), ("4.04", None, admin.token), "the end")
        expect(client.receive(0.5) is None, "told after the last word")


if __name__ == "__main__":
    main()
