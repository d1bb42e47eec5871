#!/usr/bin/env python3
"""The WebSocket binding against bytes: what RFC 6455, RFC 7692 and TS-0020 ask for."""

import base64
import hashlib
import json
import os
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from websocket_client import BINARY, CLOSE, KEY, PING, PONG, TEXT, Closed, WebSocket, deflate, frame, handshake  # noqa: E402
from websocket_stand import RETRIEVE, RETRIEVE_BYTES, serve  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from copse_harness import Server, expect, expect_equal, main, rule  # noqa: E402

# RFC 6455 4.2.2
ACCEPT = base64.b64encode(hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


# ---- handshake ----


def refused(port, status, words, **options):
    """The handshake is answered with the status and a sentence, and the connection ends."""
    with WebSocket(port, is_open=False) as client:
        client.send(handshake(**options))
        client.read_head()
        expect_equal(client.status, status, options)
        body = client.buffer
        try:
            while True:
                client.buffer = b""
                client.fill()
                body += client.buffer
        except Closed:
            pass
        expect(words in body.decode(), "%r in %r" % (words, body))
        return client


@rule("a handshake is answered with one of the three subprotocols, the one that the client likes best")
def _():
    with serve() as server:
        for protocols, wanted in (
            (("oneM2M.json",), "oneM2M.json"),
            (("oneM2M.xml", "oneM2M.json"), "oneM2M.xml"),
            (("foo", "oneM2M.cbor", "oneM2M.json"), "oneM2M.cbor"),
        ):
            for port in (server.ws_port, server.port):
                with WebSocket(port, protocols=protocols) as client:
                    expect_equal(client.header("Sec-WebSocket-Protocol"), wanted, "subprotocol")
                    expect_equal(client.header("Sec-WebSocket-Accept"), ACCEPT, "accept")
                    expect_equal(client.header("Sec-WebSocket-Extensions"), None, "extensions")
        with server.connect(protocols=(), headers=(("Sec-WebSocket-Protocol", "x"), ("Sec-WebSocket-Protocol", "oneM2M.xml"))) as client:
            expect_equal(client.header("Sec-WebSocket-Protocol"), "oneM2M.xml", "one of several fields")


@rule("a handshake that is none is refused, and told why")
def _():
    with serve() as server:
        for port in (server.ws_port, server.port):
            refused(port, 400, "Sec-WebSocket-Protocol", protocols=())
            refused(port, 400, "Sec-WebSocket-Protocol", protocols=("mqtt", "onem2m.json"))
            client = refused(port, 426, "Version", drop=("Sec-WebSocket-Version",), headers=(("Sec-WebSocket-Version", "8"),))
            expect_equal(client.header("Sec-WebSocket-Version"), "13", "the version that is served")
            refused(port, 426, "Version", drop=("Sec-WebSocket-Version",))
            refused(port, 426, "Version", headers=(("Sec-WebSocket-Version", "13"),))
            refused(port, 400, "Key", drop=("Sec-WebSocket-Key",))
            refused(port, 400, "Key", drop=("Sec-WebSocket-Key",), headers=(("Sec-WebSocket-Key", "short"),))
        refused(server.ws_port, 404, "at /", path="/elsewhere")
        refused(server.ws_port, 426, "Upgrade", drop=("Connection",))
        refused(server.ws_port, 426, "Upgrade", version="1.0")
        refused(server.ws_port, 426, "Upgrade", drop=("Upgrade",))
        refused(server.ws_port, 400, "GET", method="POST")
        client = refused(server.ws_port, 405, "method", method="BREW")
        expect(b" 405 Method Not Allowed\r\n" in client.head, client.head)
        client = refused(server.ws_port, 505, "version", version="3.0")
        expect(b" 505 HTTP Version Not Supported\r\n" in client.head, client.head)
        refused(server.ws_port, 400, "Host", headers=(("Host", "a"),))
        refused(server.ws_port, 431, "large", headers=(("X-Long", "x" * 20000),))
        with WebSocket(server.ws_port, is_open=False) as client:
            client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            expect_equal(client.read_head().status, 400, "something that is no HTTP")
        with server.connect() as client:
            client.must(2000, **RETRIEVE)


@rule("a page of another origin is refused unless the operator lists it")
def _():
    with serve(http__cors_origins="https://app.example,http://b.example:81") as server:
        for port in (server.ws_port, server.port):
            refused(port, 403, "Origin", headers=(("Origin", "https://evil.example"),))
            refused(port, 403, "Origin", headers=(("Origin", "null"),))
            refused(port, 403, "Origin", headers=(("Origin", "https://app.example"), ("Origin", "https://evil.example")))
            with WebSocket(port, headers=(("Origin", "https://app.example"),)) as client:
                client.must(2000, **RETRIEVE)


@rule("the administrator is believed over a WebSocket as over HTTP: not through a proxy or a name of others")
def _():
    with serve() as server:
        for headers, drop in (
            ((("X-Forwarded-For", "192.0.2.1"),), ()),
            ((("Host", "evil.example"),), ("Host",)),
        ):
            with server.connect(headers=headers, drop=drop) as client:
                client.must(4103, **RETRIEVE)
        with server.connect() as client:
            client.must(2000, **RETRIEVE)


@rule("a handshake that comes too slowly is given up")
def _():
    with serve(http__header_timeout="1") as server:
        with WebSocket(server.ws_port, is_open=False) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
            expect_equal(client.read_head().status, 408, "a half head")


@rule("the port of HTTP takes WebSockets where the operator wants it, and keeps on serving HTTP")
def _():
    with serve() as server:
        plain = b"GET /cse-in HTTP/1.1\r\nHost: x\r\nX-M2M-Origin: CAdmin\r\nX-M2M-RI: 1\r\nX-M2M-RVI: 3\r\n\r\n"
        with WebSocket(server.port, is_open=False) as client:
            client.send(plain)
            expect_equal(client.read_head().status, 200, "HTTP first")
            client.take(int(client.header("Content-Length")))
            client.send(handshake() + frame(RETRIEVE_BYTES) + frame(RETRIEVE_BYTES)[:10])
            expect_equal(client.read_head().status, 101, "then a WebSocket")
            expect_equal(json.loads(client.read_message()[1])["rsc"], 2000, "a request behind the handshake")
        with server.client() as client:
            expect_equal(client.get("/cse-in").status, 200, "HTTP")
    with serve() as server:
        for headers, drop in (
            ((("Upgrade", "h2c, WebSocket"),), ("Upgrade",)),
            ((("Upgrade", "h2c"), ("Upgrade", "websocket")), ("Upgrade",)),
            ((("Connection", "keep-alive, upgrade"),), ("Connection",)),
        ):
            for port in (server.ws_port, server.port):
                with WebSocket(port, headers=headers, drop=drop) as client:
                    client.must(2000, **RETRIEVE)
        for port in (server.ws_port, server.port):
            with WebSocket(port, path="http://127.0.0.1/") as client:
                client.must(2000, **RETRIEVE)


@rule("a request over HTTP that asks for a WebSocket in passing gets what it asks for")
def _():
    asks = (("X-M2M-Origin", "CAdmin"), ("X-M2M-RI", "1"), ("X-M2M-RVI", "3"))
    for upgrade in ("yes", "no"):
        with serve(websocket__upgrade=upgrade) as server:
            for options in ({}, {"version": "1.0"}, {"drop": ("Connection",)}):
                with WebSocket(server.port, is_open=False) as client:
                    client.send(handshake(path="/cse-in", headers=asks, **options))
                    expect_equal(client.read_head().status, 200, options)
    with serve() as server:
        for options in ({"version": "1.0"}, {"drop": ("Connection",)}):
            with WebSocket(server.port, is_open=False) as client:
                client.send(handshake(headers=asks, **options))
                expect(client.read_head().status not in (101, 426), options)
    with Server(store_type="memory", settings={"websocket.upgrade": "yes"}) as server:
        with WebSocket(server.port) as client:
            client.must(2000, **RETRIEVE)


@rule("more connections than allowed are turned away, and those that are there go on")
def _():
    with serve(websocket__max_connections="2") as server:
        with server.connect() as first, WebSocket(server.port) as second:
            for port in (server.ws_port, server.port):
                with WebSocket(port, is_open=False) as third:
                    third.send(handshake())
                    expect_equal(third.read_head().status, 503, "a third one")
            first.must(2000, **RETRIEVE)
            second.must(2000, **RETRIEVE)


# ---- messages ----


@rule("JSON comes and goes as text or binary, as the client has it; XML as text, CBOR as binary")
def _():
    with serve() as server:
        with server.connect() as client:
            for kind in (TEXT, BINARY, TEXT):
                client.send(frame(RETRIEVE_BYTES, kind))
                opcode, payload = client.read_message()
                expect_equal((opcode, json.loads(payload)["rsc"]), (kind, 2000), "answer")
        with server.connect(protocols=("oneM2M.xml",)) as client:
            client.send(frame('<m2m:rqp xmlns:m2m="http://www.onem2m.org/xml/protocols"><op>2</op><to>cse-in</to><fr>CAdmin</fr><rqi>1</rqi><rvi>3</rvi></m2m:rqp>'))
            opcode, payload = client.read_message()
            expect(opcode == TEXT and b"<rsc>2000</rsc>" in payload and b"m2m:rsp" in payload, payload)
        with server.connect(protocols=("oneM2M.cbor",)) as client:
            client.send(frame(b"\xa5\x62op\x02\x62to\x66cse-in\x62fr\x66CAdmin\x63rqi\x611\x63rvi\x613", BINARY))
            opcode, payload = client.read_message()
            expect(opcode == BINARY and b"\x63rsc\x19\x07\xd0" in payload, payload)


@rule("a message may come in fragments with control frames between them, and byte by byte")
def _():
    with serve() as server, server.connect() as client:
        half = len(RETRIEVE_BYTES) // 2
        client.send(frame(RETRIEVE_BYTES[:half], TEXT, fin=False) + frame(b"hello", PING) + frame(b"", 0, fin=False))
        expect_equal(client.read_message(), (PONG, b"hello"), "the pong")
        client.send(frame(RETRIEVE_BYTES[half:], 0))
        expect_equal(json.loads(client.read_message()[1])["rsc"], 2000, "the whole")
        for byte in frame(RETRIEVE_BYTES):
            client.send(bytes([byte]))
        expect_equal(json.loads(client.read_message()[1])["rsc"], 2000, "byte by byte")
        big = "x" * 300000
        client.container("cse-in", "big")
        client.instance("cse-in/big", big)
        answer = client.must(2000, op=2, to="cse-in/big/la")
        expect_equal(answer["pc"]["m2m:cin"]["con"], big, "a large content, there and back")


@rule("what RFC 6455 forbids ends the connection with the code that it names")
def _():
    with serve() as server:
        cases = [
            (frame(RETRIEVE_BYTES, masked=False), 1002),
            (frame(b"", PING, masked=False), 1002),
            (frame(RETRIEVE_BYTES, bits=0x40), 1002),
            (frame(RETRIEVE_BYTES, bits=0x10), 1002),
            (frame(RETRIEVE_BYTES, 3), 1002),
            (frame(b"x", 0), 1002),
            (frame(b"{", TEXT, fin=False) + frame(b"}", TEXT), 1002),
            (frame(b"x", PING, fin=False), 1002),
            (frame(b"x" * 126, PING), 1002),
            (frame(b"x" * 5, TEXT, length=b"\x7e\x00\x05"), 1002),
            (frame(b"x" * 5, TEXT, length=b"\x7f" + b"\x00" * 7 + b"\x05"), 1002),
            (frame(b"", TEXT, length=b"\x7f" + b"\xff" * 8), 1002),
            (frame(b"\x03", CLOSE), 1002),
            (frame(b"\x13\x88", CLOSE), 1002),
            (frame(b"\xff\xff", CLOSE), 1002),
            (frame(b"\x03\xe8\xff", CLOSE), 1007),
            (frame(b'{"op":"\xff"}'), 1007),
            (frame(b'{"op":"\xc3', fin=False) + frame(b'"}', 0), 1007),
        ]
        for number, (data, code) in enumerate(cases):
            with server.connect() as client:
                client.send(data)
                try:
                    client.expect_close(code)
                except AssertionError as fault:
                    raise AssertionError("case %d: %s" % (number, fault)) from fault
        with server.connect() as client:
            client.must(2000, **RETRIEVE)


@rule("a close frame is answered with one")
def _():
    with serve() as server:
        for payload, code in ((b"", None), (b"\x03\xe8bye", 1000), (b"\x03\xf5", 1000), (b"\x0f\xa0", 4000), (b"\x03\xec", 1002)):
            with server.connect() as client:
                client.send(frame(payload, CLOSE))
                client.expect_close(code)


@rule("what a client sends before its close frame is done, and what it sends behind it is not")
def _():
    with serve() as server, server.connect() as admin:
        with server.connect() as client:
            create = [client.write(op=1, to="cse-in", ty=3, pc={"m2m:cnt": {"rn": name}})[1] for name in ("before", "behind")]
            client.send(frame(create[0]) + frame(b"\x03\xe8", CLOSE) + frame(create[1]))
            client.expect_close(1000)
        admin.must(2000, op=2, to="cse-in/before")
        admin.must(4004, op=2, to="cse-in/behind")


@rule("of several pings at once the last one is answered, between whatever they come")
def _():
    with serve() as server, server.connect() as client:
        client.send(frame(b"1", PING) + frame(b"", TEXT, fin=False) + frame(b"2", PING) + frame(RETRIEVE_BYTES, 0) + frame(b"3" * 125, PING))
        seen = [client.read_message() for _ in range(2)]
        expect((PONG, b"3" * 125) in seen and any(kind == TEXT for kind, _ in seen), seen)
        client.must(2000, **RETRIEVE)


@rule("a message that is too large ends the connection with 1009, before it is there")
def _():
    with serve(http__max_body="64K") as server:
        for data in (
            frame(b"", TEXT, length=b"\x7f" + (1 << 30).to_bytes(8, "big")),
            frame(b"x" * 40000, TEXT, fin=False) + frame(b"x" * 40000, 0),
            frame(b"x" * 65537),
        ):
            with server.connect() as client:
                client.send(data)
                client.expect_close(1009)
        with server.connect() as client:
            client.container("cse-in", "c")
            client.instance("cse-in/c", "x" * 60000)


@rule("a message that is no primitive is answered with 4000")
def _():
    with serve() as server, server.connect() as client:
        for text in ("", "{", "[]", "17", '"x"', "{nonsense}", '{"op":2,"op":2}'):
            client.send(frame(text))
            answer = json.loads(client.read_message()[1])
            expect_equal(answer["rsc"], 4000, text)
            expect("m2m:dbg" in answer["pc"], answer)
        for members in ({"op": 9}, {"op": None}, {"op": "2"}, {"rcn": "x"}, {"foo": 1}, {"rqi": None}):
            client.send(frame(json.dumps({**{"op": 2, "to": "cse-in", "fr": "CAdmin", "rqi": "q", "rvi": "3"}, **members})))
            answer = json.loads(client.read_message()[1])
            expect_equal(answer["rsc"], 4000, members)
        client.send(frame('{"op":2,"to":"cse-in","fr":"CAdmin","rqi":"q","rvi":"3","rsc":null}'))
        expect_equal(json.loads(client.read_message()[1])["rsc"], 2000, "null counts as absent")
        client.send(frame('{"rsc":2000,"rqi":"nobody asked","op":null}'))
        client.must(2000, **RETRIEVE)


@rule("many requests of one connection are all answered, however few of them are in work at once")
def _():
    with serve(websocket__max_requests="3") as server, server.connect() as client:
        client.container("cse-in", "c")
        sent = [client.post(op=1, to="cse-in/c", ty=4, pc={"m2m:cin": {"con": str(i)}}) for i in range(500)]
        expect_equal({client.answer(identifier)["rsc"] for identifier in sent}, {2001}, "answers")


# ---- compression ----


@rule("permessage-deflate is taken as offered, for so many connections as are allowed, and a bomb is found")
def _():
    offer = (("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),)
    with serve(websocket__max_deflating="1", http__max_body="256K") as server:
        with server.connect(headers=offer) as client, server.connect(headers=offer) as other:
            expect_equal(client.header("Sec-WebSocket-Extensions"), "permessage-deflate", "the first")
            expect_equal(other.header("Sec-WebSocket-Extensions"), None, "one too many")
            client.send(frame(deflate(RETRIEVE_BYTES), bits=0x40))
            fin, opcode, payload = client.read_frame()
            inflater = zlib.decompressobj(wbits=-15)
            text = inflater.decompress(payload + b"\0\0\xff\xff")
            expect(fin and opcode == TEXT and json.loads(text)["rsc"] == 2000, text)
            client.send(frame(deflate('{"op":"' + "x" * (4 << 20) + '"}'), bits=0x40))
            client.expect_close(1009)
            other.must(2000, **RETRIEVE)
        for wrong in (
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; what",
            "x-webkit-deflate-frame",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=08",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover=1",
        ):
            with server.connect(headers=(("Sec-WebSocket-Extensions", wrong),)) as client:
                expect_equal(client.header("Sec-WebSocket-Extensions"), None, wrong)
        for right in ("permessage-deflate;\tclient_max_window_bits\t=\t10", 'permessage-deflate; client_max_window_bits="15"'):
            with server.connect(headers=(("Sec-WebSocket-Extensions", right),)) as client:
                expect_equal(client.header("Sec-WebSocket-Extensions"), "permessage-deflate", right)
        with server.connect(headers=offer) as client:
            expect_equal(client.header("Sec-WebSocket-Extensions"), "permessage-deflate", "there is room again")
        with server.connect(headers=offer, early=frame(RETRIEVE_BYTES)) as client:
            expect_equal(client.header("Sec-WebSocket-Extensions"), None, "a client that does not wait to hear of it")
            expect_equal(json.loads(client.read_message()[1])["rsc"], 2000, "its request")


main()
