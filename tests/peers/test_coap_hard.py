#!/usr/bin/env python3
"""CoAP by hand: what is rare, wrong or meant badly. Speaks TAP."""

import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import peers  # noqa: E402
import raw_coap as raw  # noqa: E402
from copse_harness import Server, expect, expect_equal, main, rule, temporary_directory  # noqa: E402
from raw_coap import (  # noqa: E402
    ACK, CON, GET, NON, POST, RST, Client, Message, Stream, Target, code, container, content, must, request, serve,
)

OBSERVE = (raw.OBSERVE, b"")


def instance(parent="cse-in/c", **members):
    return request(POST, parent, body=content(con="x", **members), ty=4)


def subscription(url, name="s", rqi=None):
    body = content(root={"m2m:sub": {"rn": name, "nu": [url], "enc": {"net": [3]}, "nct": 1}})
    return request(POST, "cse-in/c", body=body, ty=23, rqi=rqi)


def count(client):
    return json.loads(must(client.ask(request(GET, "cse-in/c")), 2000).payload)["m2m:cnt"]["cni"]


# ---- what comes ----


@rule("a request in an acknowledgement or a reset is none")
def requests_in_answers():
    with serve() as server, Client(server.coap) as client:
        container(client)
        for kind in (ACK, RST):
            client.send(instance(), kind)
            client.socket.send(Message(kind, GET, 9).datagram())
        expect_equal(count(client), 0, "instances made")
        expect(client.receive(0.5) is None, "it is answered")


ELECTIVE = [(raw.ETAG, b"x" * 9), (raw.OBSERVE, b"\0\0\0\0"), (raw.LOCATION_PATH, b"x" * 300), (raw.CONTENT_FORMAT, b"\0\0\x32"),
            (raw.MAX_AGE, b"12345"), (16, b"12"), (16, b"\x01"), (16, b"\0"), (raw.SIZE2, b"12345"), (raw.SIZE1, b"12345"), (258, b"12")]
CRITICAL = [(3, b""), (3, b"x" * 256), (7, b"123"), (raw.URI_PATH, b"x" * 256), (raw.URI_QUERY, b"x" * 256), (raw.ACCEPT, b"123"),
            (raw.BLOCK2, b"1234"), (raw.BLOCK1, b"1234"), (1, b"x" * 9), (5, b"x")]


@rule("an elective option of a wrong length is ignored, with a critical one a request is answered 4.02 or rejected")
def option_lengths():
    with serve() as server, Client(server.coap) as client, Stream(server.coap) as stream:
        for option in ELECTIVE:
            for peer in (client, stream):
                got = must(peer.ask(request(GET, "cse-in", more=[option])), 2000)
                expect_equal((got.text, got.option(raw.OBSERVE)), ("2.05", None), "answer to %r" % (option,))
        for option in CRITICAL:
            for peer in (client, stream):
                got = must(peer.ask(request(GET, "cse-in", more=[option])), 4000)
                expect_equal(got.text, "4.02", "answer to %r" % (option,))
            bad = client.send(request(GET, "cse-in", more=[option]), NON)
            got = client.receive()
            expect_equal((got.kind, got.code, got.mid), (RST, 0, bad.mid), "%r in a message that is not confirmable" % (option,))
        for peer in (client, stream):
            for number, rsc, text in ((35, 4000, "5.05"), (39, 4000, "5.05")):
                got = must(peer.ask(request(GET, "cse-in", more=[(number, b"coap")])), rsc)
                expect_equal(got.text, text, "proxy")
            for method in (7, 8, 31):
                expect_equal(must(peer.ask(request(method, "cse-in")), 4005).text, "4.05", "method 0.%02d" % method)


@rule("refusals are in the type that is asked for, say the largest size and when to ask again, and echo no nonsense")
def refusals():
    with serve({"http.max-body": "10K", "log.level": "info"}) as server, Client(server.coap) as client:
        got = must(client.ask(request(GET, "cse-in", more=[(9, b"x"), (raw.ACCEPT, b"\x29")])), 4000)
        expect(got.option(raw.CONTENT_FORMAT) == b"\x29" and got.payload.startswith(b"<"), "not XML: %r" % got)
        got = must(client.ask(request(GET, "cse-in", more=[(9, b"x"), (raw.ACCEPT, b"\x3c")])), 4000)
        expect(got.option(raw.CONTENT_FORMAT) == b"\x3c" and got.payload[0] >> 5 == 5, "not CBOR: %r" % got)
        for piece in ([(raw.BLOCK1, raw.block(160, 1, 2))], [(raw.SIZE1, raw.uint(20000)), (raw.BLOCK1, raw.block(0, 1, 2))]):
            got = client.ask(request(POST, "cse-in", body=b"x" * 64, ty=3, more=piece))
            expect_equal((got.text, got.option(raw.SIZE1)), ("4.13", raw.uint(10240)), "answer to %r" % piece)
        bad = request(GET, "cse-in")
        bad.options = [(n, b"q\xff\n" if n == raw.RQI else v) for n, v in bad.options]
        got = must(client.ask(bad), 4000)
        expect_equal(got.option(raw.RQI), None, "Request Identifier")
        got = must(client.ask(Message(number=GET, options=bad.options + [(9, b"x")])), 4000)
        expect_equal(got.option(raw.RQI), None, "Request Identifier")
        with open(server.log_path, "rb") as log:
            expect(b"\xff" not in log.read(), "bytes of a peer in the log")
        # a part behind the end, of what is kept and of what is asked anew
        must(client.ask_whole(request(POST, "cse-in", body=content(root={"m2m:cnt": {"rn": "c", "lbl": ["y" * 2000]}}), ty=3)), 2001)
        must(client.ask(request(GET, "cse-in/c", rqi="kept")), 2000)
        for rqi in ("kept", "anew"):
            got = must(client.ask(request(GET, "cse-in/c", rqi=rqi, more=[(raw.BLOCK2, raw.block(900, 0, 6))])), 4000)
            expect_equal((got.text, got.option(raw.RQI)), ("4.00", rqi.encode()), "a part behind the end")
            expect("m2m:dbg" in json.loads(got.payload), "no explanation: %r" % got)
    with serve({"limits.requests": "1"}) as server, Client(server.coap) as client:
        container(client)
        dead = Target(lambda message: [])
        client.send(subscription("coap://127.0.0.1:%d/x" % dead.port))
        dead.wait(1)
        with Client(server.coap) as other:
            got = other.ask(request(GET, "cse-in"))
        expect(got.text == "5.03" and got.option(raw.MAX_AGE) not in (None, b""), "at once: %r" % got)
        dead.close()


# ---- connections ----


@rule("at a Release what is in work is answered before the connection ends")
def release():
    for options in ([], [(4, b"\x01")]):
        with serve({"store.type": "sqlite"}) as server, Stream(server.coap) as stream:
            made = [
                Message(number=POST, token=bytes([i]), options=request(POST, "cse-in", ty=3, body=b"").options, payload=content(root={"m2m:cnt": {}}))
                for i in range(20)
            ]
            stream.socket.sendall(b"".join(m.stream() for m in made) + Message(number=code("7.04"), options=options).stream())
            stream.receive()
            answers = []
            while (got := stream.receive()) is not None:
                answers.append(got)
            expect_equal({m.token for m in answers if m.text == "2.01"}, {m.token for m in made}, "answers")


@rule("a connection that begins a message and goes on with a byte now and then ends; one that waits to be told does not")
def trickling():
    with serve({"http.body-timeout": "1", "http.idle-timeout": "2"}) as server, Stream(server.coap) as slow, Stream(server.coap) as quiet:
        with Client(server.coap) as client:
            container(client)
        for peer in (slow, quiet):
            expect(must(peer.ask(request(GET, "cse-in/c", more=[OBSERVE])), 2000).option(raw.OBSERVE) is not None, "not observed")
        whole = request(POST, "cse-in", body=b"x" * 10000, ty=3).stream()
        sent, deadline = 100, time.monotonic() + raw.PATIENCE
        slow.socket.sendall(whole[:sent])
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline:
                slow.socket.sendall(whole[sent : sent + 1])
                sent += 1
                time.sleep(0.1)
        expect(time.monotonic() < deadline, "it goes on after %d bytes" % sent)
        with Client(server.coap) as client:
            must(client.ask(instance()), 2001)
        expect_equal(quiet.receive().text, "2.05", "who waits to be told")


@rule("no more is said to be taken than is")
def offers():
    for size, least, most in (("1M", 1 << 20, 2 << 20), ("32M", 8 << 20, 8 << 20)):
        with serve({"http.max-body": size}) as server, Stream(server.coap) as stream:
            offered = int.from_bytes(stream.receive().option(2), "big")
            expect(least <= offered <= most, "%d bytes" % offered)


# ---- observing ----


@rule("a change between the read and the end of its wait is told")
def changes_while_it_waits():
    with serve({"store.type": "sqlite"}) as server, Client(server.coap) as client:
        container(client)
        for turn in range(5):
            with Stream(server.coap) as stream:
                stream.receive()
                messages = [instance(), request(GET, "cse-in/c", more=[OBSERVE]), instance()]
                for number, message in enumerate(messages):
                    message.token = bytes([number])
                stream.socket.sendall(b"".join(message.stream() for message in messages))
                told, answered = [], 0
                while answered < 3 or not told or told[-1] < 2 * turn + 2:
                    got = stream.receive(5)
                    expect(got is not None, "turn %d: %r" % (turn, told))
                    answered += got.token != b"\1" or not told
                    if got.token == b"\1":
                        expect(got.option(raw.OBSERVE) is not None, "not observed: %r" % got)
                        told.append(json.loads(got.payload)["m2m:cnt"]["cni"])


def register(client, token, path="cse-in/c", more=()):
    message = client.prepare(request(GET, path, more=[OBSERVE, *more]))
    message.token = token
    client.socket.send(message.datagram())
    return must(client.answer_to(message), 2000)


@rule("who observes much silences nobody else: he is answered, and not told")
def many_observers():
    with serve() as server, Client(server.coap) as victim, Client(server.coap) as writer:
        container(writer)
        expect(register(victim, b"victim").option(raw.OBSERVE) is not None, "not observed")
        refused = 0
        for host in range(2, 12):
            many = Client(server.coap)
            many.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            many.socket.bind(("127.0.0.%d" % host, 0))
            many.socket.connect(("127.0.0.1", server.coap))
            many.socket.settimeout(raw.PATIENCE)
            got = [register(many, struct.pack("!H", i), "cse-in").option(raw.OBSERVE) for i in range(257)]
            refused += got.count(None)
            expect(got[-1] is None, "more than 256 at one address")
            many.socket.close()
        expect(refused > 257, "as many as anybody wants: %d refused" % refused)
        must(writer.ask(instance()), 2001)
        expect_equal(json.loads(victim.receive().payload)["m2m:cnt"]["cni"], 1, "the first observer")


@rule("numbers grow over a new registration; notifications have the size that was asked for, and their parts no number")
def observing_again():
    with serve() as server, Client(server.coap) as client, Client(server.coap) as writer:
        container(writer)
        last = -1
        for turn in range(3):
            number = int.from_bytes(register(client, b"tok").option(raw.OBSERVE), "big")
            expect(number > last, "registration %d: %d after %d" % (turn, number, last))
            must(writer.ask(instance()), 2001)
            told = client.receive()
            client.socket.send(Message(ACK, 0, told.mid).datagram())
            last = int.from_bytes(told.option(raw.OBSERVE), "big")
            expect(last > number, "notification: %d after %d" % (last, number))
        first = register(client, b"small", more=[(raw.BLOCK2, raw.block(0, 0, 2))])
        expect_equal(len(first.payload), 64, "part of the answer")
        must(writer.ask(instance()), 2001)
        got = {}
        for _ in range(2):
            told = client.receive()
            client.socket.send(Message(ACK, 0, told.mid).datagram())
            got[told.token] = told
        told = got[b"small"]
        expect_equal((len(told.payload), told.option(raw.OBSERVE) is None), (64, False), "part of the notification")
        rqi = told.option(raw.RQI).decode()
        for number in (1, 2):
            part = must(client.ask(request(GET, "cse-in/c", rqi=rqi, more=[(raw.BLOCK2, raw.block(number, 0, 2))])), 2000)
            expect_equal((raw.read_block(part.option(raw.BLOCK2))[0], part.option(raw.OBSERVE)), (number, None), "a later part")


# ---- what goes out ----


@contextlib.contextmanager
def serve_with_hosts(lines, settings=None):
    """A server that has a /etc/hosts of its own."""
    if not shutil.which("unshare"):
        raise peers.Skip("there is no unshare")
    hosts = os.path.join(temporary_directory(), "hosts")
    with open(hosts, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    wrapper = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode:
        raise peers.Skip("there are no mount namespaces here")
    server = Server(store_type="memory", settings={"coap.listen": "127.0.0.1:0", "log.level": "info", **(settings or {})})
    try:
        server.start(wrapper)
        server.coap = raw.port_of(server)
        yield server
    finally:
        server.stop()


@rule("a host with several addresses is asked at the next one if nobody is at the first, by its name and with the path of its URL")
def several_addresses():
    with serve_with_hosts(["::1 Two.test", "127.0.0.1 Two.test"]) as server, Client(server.coap) as client:
        container(client)
        target = Target()
        must(client.ask(subscription("coap://Two.test:%d/a//b/?q" % target.port)), 2001)
        got = target.wait(1)[0]
        expect_equal(got.all(3), [b"two.test"], "Uri-Host")
        expect_equal(got.all(raw.URI_PATH), [b"a", b"", b"b", b""], "Uri-Path")
        must(client.ask(subscription("coap://127.0.0.1:%d" % target.port, "literal")), 2001)
        expect_equal((target.wait(2)[1].all(3), target.got[1].all(raw.URI_PATH)), ([], []), "of an address")
        target.close()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            got = []
            threading.Thread(target=lambda: Stream(0, taken=listener.accept()[0]).serve(raw.accept, got), daemon=True).start()
            must(client.ask(subscription("coap+tcp://two.test:%d/x" % listener.getsockname()[1], "stream")), 2001)
            expect_equal(got[0].all(3), [b"two.test"], "Uri-Host over a connection")


@rule("a URL with a fragment is no target, and the refusal says why")
def fragments():
    with serve() as server, Client(server.coap) as client:
        container(client)
        target = Target(lambda message: [raw.accept(message)])
        answer = client.ask(subscription("coap://127.0.0.1:%d/a#b" % target.port))
        must(answer, 5204)
        expect(b"fragment" in answer.payload, "%r" % answer)
        expect_equal(len(target.got), 0, "requests")
        target.close()


@rule("an answer with a critical option that is not understood is rejected, and counts as none")
def critical_answers():
    def manner(message):
        if not message.code:
            return []
        answer = raw.accept(message, kinds[0])
        answer.options.append((9, b"x"))
        return [Message(ACK, 0, message.mid), answer] if kinds[0] == CON else [answer]

    for kind in (ACK, CON):
        kinds = [kind]
        with serve({"notify.timeout": "3"}) as server, Client(server.coap) as client:
            container(client)
            target = Target(manner)
            must(client.ask(subscription("coap://127.0.0.1:%d/x" % target.port)), 5204)
            if kind == CON:
                target.wait_for(lambda got: any(m.kind == RST for m in got), "no rejection")
            target.close()


@rule("a part of a request is taken when its own number is answered, and more parts go while the peer wants more")
def numbers_of_parts():
    parts = {}

    def manner(message):
        if not message.code:
            return []
        value = message.option(raw.BLOCK1)
        if value is None:
            return [raw.accept(message)]
        number, more, _ = raw.read_block(value)
        parts[number] = message.payload
        taken = Message(ACK, code("2.31"), message.mid, message.token, [(raw.BLOCK1, value)])
        if number == 1:  # done with it, and waits for more
            taken.code = code("2.04")
        if number == 2:  # an old answer, then the right one
            old = raw.accept(message)
            old.options.append((raw.BLOCK1, raw.block(0, 0, 6)))
            taken.kind, taken.mid = CON, 4711
            return [old, taken]
        return [taken] if more else [raw.accept(message)]

    with serve() as server, Client(server.coap) as client:
        container(client)
        target = Target(manner)
        must(client.ask(subscription("coap://127.0.0.1:%d/x" % target.port)), 2001)
        body = content(con="l" * 5000)
        must(client.ask_whole(request(POST, "cse-in/c", body=body, ty=4)), 2001)
        target.wait_for(lambda got: any(m.option(raw.BLOCK1) and not raw.read_block(m.option(raw.BLOCK1))[1] for m in got), "the last part")
        whole = json.loads(b"".join(parts[number] for number in sorted(parts)))
        expect_equal(len(whole["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"]), 5000, "notification")
        target.close()


@rule("parts fit into what the peer takes, options and all: 1,152 bytes of a datagram, what he has said of a connection")
def sizes_of_parts():
    lengths, got, most = [], [], 700

    def manner(message):
        lengths.append(len(message.datagram()))
        value = message.option(raw.BLOCK1)
        if value is None or not raw.read_block(value)[1]:
            return [raw.accept(message)]
        return [Message(ACK, code("2.31"), message.mid, message.token, [(raw.BLOCK1, value)])]

    with serve() as server, Client(server.coap) as client, socket.create_server(("127.0.0.1", 0)) as listener:
        container(client)
        target = Target(manner)
        path = "/".join("p" * 100 for _ in range(4))
        must(client.ask(subscription("coap://127.0.0.1:%d/%s" % (target.port, path))), 2001)

        def answer(message):
            value = message.option(raw.BLOCK1)
            if value is None or not raw.read_block(value)[1]:
                return raw.accept(message)
            return Message(CON, code("2.31"), 0, message.token, [(raw.BLOCK1, value)])

        def take():
            stream = Stream(0, greet=False, taken=listener.accept()[0])
            stream.send(Message(number=code("7.01"), options=[(2, raw.uint(most)), (4, b"")]))
            stream.serve(answer, got)

        threading.Thread(target=take, daemon=True).start()
        must(client.ask(subscription("coap+tcp://127.0.0.1:%d/x" % listener.getsockname()[1], "stream")), 2001)
        for size in (800, 3000):
            must(client.ask_whole(request(POST, "cse-in/c", body=content(con="l" * size), ty=4)), 2001)
        deadline = time.monotonic() + raw.PATIENCE
        for seen in (target.got, got):
            while sum(m.option(raw.BLOCK1) is not None and not raw.read_block(m.option(raw.BLOCK1))[1] for m in seen) < 2:
                expect(time.monotonic() < deadline, "not all parts: %r" % seen)
                time.sleep(0.02)
        expect(max(lengths) <= 1152, "datagrams: %r" % lengths)
        expect(max(len(m.stream()) for m in got) <= most, "messages of a connection: %r" % [len(m.stream()) for m in got])
        target.close()


@rule("parts of an answer with different ETags are of different answers; tokens are not to be guessed")
def parts_of_answers():
    def manner(message):
        value = message.option(raw.BLOCK2)
        number = raw.read_block(value)[0] if value else 0
        answer = raw.accept(message)
        answer.options += [(raw.BLOCK2, raw.block(number, number < 2, 0)), (raw.ETAG, etags[number]), (raw.CONTENT_FORMAT, b"\x32")]
        answer.payload = [b"[1234567890,1234", b"567890,123456789", b"0]"][number]
        return [answer]

    for etags, rsc in (([b"a", b"a", b"a"], 2001), ([b"a", b"a", b"b"], 5204)):
        with serve() as server, Client(server.coap) as client:
            container(client)
            target = Target(manner)
            must(client.ask(subscription("coap://127.0.0.1:%d/x" % target.port)), rsc)
            expect_equal(len(target.got), 3, "requests")
            must(client.ask(subscription("coap://127.0.0.1:%d/x" % target.port, "t")), rsc)
            tokens = [int.from_bytes(target.got[at].token, "little") for at in (0, 3)]
            expect(abs(tokens[0] - tokens[1]) > 1 << 20, "tokens: %x, %x" % tuple(tokens))
            target.close()


@rule("an answer without an oneM2M code has the one that its own code stands for, if it stands for one")
def codes_of_answers():
    def manner(message):
        return [Message(ACK, code(texts[0]), message.mid, message.token, [(raw.RQI, message.option(raw.RQI) or b"")])]

    texts = [""]
    with serve() as server, Client(server.coap) as client:
        container(client)
        target = Target(manner)
        for texts[0], rsc in (("4.05", "4005"), ("4.06", "5207"), ("4.15", "4015"), ("4.04", "CoAP code 4.04")):
            refused = must(client.ask(subscription("coap://127.0.0.1:%d" % target.port)), 5204)
            expect(rsc in json.loads(refused.payload)["m2m:dbg"], "%s: %r" % (texts[0], refused))
        for texts[0] in ("2.02", "2.04", "2.05"):
            must(client.ask(subscription("coap://127.0.0.1:%d" % target.port, texts[0][-1])), 2001)
        target.close()


if __name__ == "__main__":
    main()
