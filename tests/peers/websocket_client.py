"""A WebSocket client of its own, byte by byte (RFC 6455), so that it can also do what no library does."""

import base64
import collections
import json
import os
import socket
import struct
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from copse_harness import expect, expect_equal  # noqa: E402

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = base64.b64encode(bytes(range(16))).decode()


def handshake(path="/", protocols=("oneM2M.json",), headers=(), drop=(), method="GET", version="1.1"):
    fields = [
        ("Host", "127.0.0.1"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
    ]
    fields = [(name, value) for name, value in fields if name not in drop]
    if protocols:
        fields.append(("Sec-WebSocket-Protocol", ", ".join(protocols)))
    lines = ["%s %s HTTP/%s" % (method, path, version)] + ["%s: %s" % field for field in fields + list(headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def frame(payload=b"", opcode=TEXT, fin=True, masked=True, bits=0, length=None):
    """The bytes of a frame. length: a whole length field instead of the right one."""
    if isinstance(payload, str):
        payload = payload.encode()
    head = bytes([(0x80 if fin else 0) | bits | opcode])
    flag = 0x80 if masked else 0
    if length is not None:
        head += bytes([flag | length[0]]) + length[1:]
    elif len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65536:
        head += bytes([flag | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    stretched = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked_payload = (int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")).to_bytes(len(payload), "big")
    return head + mask + masked_payload


def deflate(text):
    """A message of its own, compressed: its frame has bits=0x40."""
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(text.encode()) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Closed(Exception):
    """The server has ended the connection; code: of its close frame, None without one."""

    def __init__(self, code, reason=""):
        super().__init__("closed with %s %s" % (code, reason))
        self.code, self.reason = code, reason


class WebSocket:
    """A connection whose handshake is made, if open is true. origin: From of requests, unless they name one."""

    def __init__(self, port, origin="CAdmin", timeout=30, is_open=True, early=b"", **options):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.origin = origin
        self.number = 0
        self.notifications = collections.deque()
        self.answers = {}
        self.head = b""
        self.kind = TEXT
        if is_open:
            self.send(handshake(**options) + early)
            self.read_head()
            expect(self.status == 101, self.head.decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        self.socket.close()

    # ---- bytes ----

    def send(self, data):
        self.socket.sendall(data)

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise Closed(None)
        self.buffer += data

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        self.head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return self

    @property
    def status(self):
        return int(self.head[9:12])

    def header(self, name):
        for line in self.head.decode().split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    # ---- frames and messages ----

    def read_frame(self):
        first, second = self.take(2)
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
        expect(not second & 0x80, "the server masks a frame")
        return first & 0x80, first & 0x0F, self.take(length)

    def read_message(self):
        """The next one as (opcode, payload); pings are answered, a close raises."""
        opcode, payload = None, b""
        while True:
            fin, kind, part = self.read_frame()
            if kind == PING:
                self.send(frame(part, PONG))
            elif kind == PONG:
                return PONG, part
            elif kind == CLOSE:
                raise Closed(int.from_bytes(part[:2], "big") if part else None, part[2:].decode())
            else:
                opcode, payload = opcode or kind, payload + part
                if fin:
                    return opcode, payload

    def expect_close(self, code):
        try:
            while True:
                self.read_message()
        except Closed as closed:
            expect_equal(closed.code, code, "code of the close frame")
        except ConnectionError:
            expect(code is None, "the connection broke instead of a close frame %s" % code)

    # ---- primitives ----

    def write(self, **members):
        """A request that is to be sent: its identifier and text."""
        self.number += 1
        primitive = {"rqi": "r%d" % self.number, "rvi": "3", "fr": self.origin, **members}
        primitive = {name: value for name, value in primitive.items() if value is not None}
        return primitive["rqi"], json.dumps(primitive)

    def post(self, **members):
        """Sends a request; its identifier."""
        identifier, text = self.write(**members)
        self.send(frame(text, self.kind))
        return identifier

    def take_primitive(self):
        """One more of what the server sends is sorted in; requests of its own are answered."""
        opcode, payload = self.read_message()
        if opcode == PONG:
            return
        primitive = json.loads(payload)
        if "rsc" in primitive:
            self.answers[primitive.get("rqi")] = primitive
        else:
            self.notifications.append(primitive)
            self.send(frame(json.dumps({"rsc": 2000, "rqi": primitive["rqi"]}), self.kind))

    def answer(self, identifier):
        while identifier not in self.answers:
            self.take_primitive()
        return self.answers.pop(identifier)

    def request(self, **members):
        return self.answer(self.post(**members))

    def notification(self):
        while not self.notifications:
            self.take_primitive()
        return self.notifications.popleft()

    def must(self, rsc, **members):
        answer = self.request(**members)
        expect_equal(answer["rsc"], rsc, "%s: %s" % (members, answer))
        return answer

    def register(self, name, **attributes):
        """An AE; the connection is its own from now on."""
        self.origin = "C" + name
        content = {"rn": name, "api": "N" + name, "rr": True, "srv": ["3"], **attributes}
        return self.must(2001, op=1, to="cse-in", ty=2, pc={"m2m:ae": content})

    def container(self, parent, name):
        return self.must(2001, op=1, to=parent, ty=3, pc={"m2m:cnt": {"rn": name}})

    def instance(self, parent, content):
        return self.must(2001, op=1, to=parent, ty=4, pc={"m2m:cin": {"con": content}})

    def subscribe(self, parent, target, name="s"):
        content = {"rn": name, "nu": [target], "enc": {"net": [3]}, "nct": 1}
        return self.must(2001, op=1, to=parent, ty=23, pc={"m2m:sub": content})

    def open_policy(self):
        """A policy cse-in/open by which everybody may do everything."""
        rules = {"acr": [{"acor": ["all"], "acop": 63}]}
        return self.must(2001, op=1, to="cse-in", ty=1, pc={"m2m:acp": {"rn": "open", "pv": rules, "pvs": rules}})

    def register_subscribed(self, name):
        """An AE with a container c, whose new instances it is notified of."""
        self.register(name)
        self.container("cse-in/" + name, "c")
        self.subscribe("cse-in/%s/c" % name, "cse-in/" + name)

    def notified_content(self):
        """con of the instance that the next notification tells of."""
        event = self.notification()["pc"]["m2m:sgn"]["nev"]
        return event["rep"]["m2m:cin"]["con"]
