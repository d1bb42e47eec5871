"""CoAP by hand: messages as bytes, a client on a bare socket, and a target of notifications."""

import contextlib
import json
import os
import random
import re
import select
import socket
import struct
import threading
import time

from peers import expect
from copse_harness import Server, expect_equal

CON, NON, ACK, RST = range(4)
GET, POST, PUT, DELETE = 1, 2, 3, 4
OBSERVE, LOCATION_PATH, URI_PATH, CONTENT_FORMAT, MAX_AGE, URI_QUERY, ACCEPT = 6, 8, 11, 12, 14, 15, 17
ETAG, BLOCK2, BLOCK1, SIZE2, SIZE1, ECHO = 4, 23, 27, 28, 60, 252
OT, RTURI, TY, RVI, FR, RQI, RSC = 259, 263, 267, 271, 279, 283, 307
LARGE = 200_000
PATIENCE = 20  # seconds until something that must happen counts as missing


def code(text):
    """"2.05" as a number."""
    return int(text[0]) << 5 | int(text[2:])


def uint(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def extended(value):
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, struct.pack("!H", value - 269)


class Message:
    """type, code, mid, token, options (a list of number and bytes), payload."""

    def __init__(self, kind=CON, number=0, mid=0, token=b"", options=(), payload=b""):
        self.kind, self.code, self.mid, self.token = kind, number, mid, token
        self.options, self.payload = list(options), payload

    def tail(self):
        out, last = b"", 0
        for number, value in sorted(self.options, key=lambda option: option[0]):
            delta, more = extended(number - last)
            length, most = extended(len(value))
            out += bytes([delta << 4 | length]) + more + most + value
            last = number
        return out + (b"\xff" + self.payload if self.payload else b"")

    def datagram(self):
        head = struct.pack("!BBH", 1 << 6 | self.kind << 4 | len(self.token), self.code, self.mid)
        return head + self.token + self.tail()

    def stream(self):
        tail = self.tail()
        if len(tail) < 13:
            nibble, more = len(tail), b""
        elif len(tail) < 269:
            nibble, more = 13, bytes([len(tail) - 13])
        elif len(tail) < 65805:
            nibble, more = 14, struct.pack("!H", len(tail) - 269)
        else:
            nibble, more = 15, struct.pack("!I", len(tail) - 65805)
        return bytes([nibble << 4 | len(self.token)]) + more + bytes([self.code]) + self.token + tail

    def option(self, number):
        """The value of the first, or None."""
        return next((value for n, value in self.options if n == number), None)

    def all(self, number):
        return [value for n, value in self.options if n == number]

    @property
    def rsc(self):
        return int.from_bytes(self.option(RSC) or b"", "big")

    @property
    def text(self):
        return "%d.%02d" % (self.code >> 5, self.code & 31)

    def __repr__(self):
        names = "CON", "NON", "ACK", "RST"
        return "<%s %s mid %04x rsc %d %r>" % (names[self.kind], self.text, self.mid, self.rsc, self.payload[:200])


def read_tail(message, data):
    number = 0
    while data and data[0] != 0xFF:
        delta, length = data[0] >> 4, data[0] & 15
        data = data[1:]
        fields = []
        for value in (delta, length):
            expect(value != 15, "reserved 15 in an option")
            if value == 13:
                value, data = data[0] + 13, data[1:]
            elif value == 14:
                value, data = struct.unpack("!H", data[:2])[0] + 269, data[2:]
            fields.append(value)
        number += fields[0]
        expect(len(data) >= fields[1], "an option is cut")
        message.options.append((number, data[: fields[1]]))
        data = data[fields[1] :]
    expect(data != b"\xff", "a marker without payload")
    message.payload = data[1:]
    return message


def parse(data):
    first, number, mid = struct.unpack("!BBH", data[:4])
    expect(first >> 6 == 1, "version")
    size = first & 15
    return read_tail(Message(first >> 4 & 3, number, mid, data[4 : 4 + size]), data[4 + size :])


def block(number, more, szx):
    return uint(number << 4 | more << 3 | szx)


def read_block(value):
    number = int.from_bytes(value, "big")
    return number >> 4, number >> 3 & 1, number & 7


def request(method, path, origin="CAdmin", body=None, ty=None, query=(), more=(), rqi=None):
    """Options and payload of a request of TS-0008, as a Message."""
    options = [(URI_PATH, part.encode()) for part in path.split("/") if part]
    options += [(URI_QUERY, pair.encode()) for pair in query]
    options += [(RQI, (rqi or "r%08x" % random.getrandbits(32)).encode()), (RVI, b"3")]
    if origin is not None:
        options.append((FR, origin.encode()))
    if ty is not None:
        options.append((TY, uint(ty)))
    if body is not None:
        options.append((CONTENT_FORMAT, uint(50)))
    return Message(number=method, options=options + list(more), payload=body or b"")


class Client:
    """A bare socket. Message IDs count up; the token is the message ID's."""

    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((host, port))
        self.socket.settimeout(PATIENCE)
        self.mid = random.getrandbits(15)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def prepare(self, message, kind=CON):
        self.mid += 1
        message.kind, message.mid = kind, self.mid & 0xFFFF
        message.token = struct.pack("!H", message.mid)
        return message

    def send(self, message, kind=CON):
        self.socket.send(self.prepare(message, kind).datagram())
        return message

    def receive(self, seconds=PATIENCE):
        """The next message, or None."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return None
        return parse(self.socket.recv(65536))

    def answer_to(self, message, seconds=PATIENCE):
        """The response, wherever it comes: with the acknowledgement or on its own, which is acknowledged."""
        while True:
            got = self.receive(seconds)
            expect(got is not None, "no answer to %r" % message)
            if got.code and got.token == message.token:
                if got.kind == CON:
                    self.socket.send(Message(ACK, 0, got.mid).datagram())
                return got
            expect(got.kind == ACK and got.code == 0 and got.mid == message.mid, "unexpected: %r" % got)

    def ask(self, message, kind=CON):
        return self.answer_to(self.send(message, kind))

    def ask_whole(self, message, size=6):
        """Sends the payload in parts, if it is longer than one, and collects that of the answer."""
        payload, length, answer = message.payload, 16 << size, None
        for number in range(0, max(1, (len(payload) + length - 1) // length)):
            part = Message(number=message.code, options=message.options, payload=payload)
            if len(payload) > length:
                more = (number + 1) * length < len(payload)
                part.options = message.options + [(BLOCK1, block(number, more, size))]
                part.payload = payload[number * length : (number + 1) * length]
            answer = self.ask(part)
            if answer.code != code("2.31"):
                break
        return self.rest_of(message, answer)

    def rest_of(self, message, answer):
        """The whole answer whose first part this is."""
        body = answer.payload
        while answer.option(BLOCK2) is not None and read_block(answer.option(BLOCK2))[1]:
            number, _, size = read_block(answer.option(BLOCK2))
            answer = self.ask(Message(number=message.code, options=message.options + [(BLOCK2, block(number + 1, 0, size))]))
            expect(answer.option(BLOCK2) is not None, "a part without its option: %r" % answer)
            body += answer.payload
        answer.payload = body
        return answer


class Stream:
    """A client over TCP."""

    def __init__(self, port, greet=True, taken=None):
        self.socket = taken or socket.create_connection(("127.0.0.1", port))
        self.data = b""
        if greet:
            self.send(Message(number=code("7.01"), options=[(2, uint(1 << 20)), (4, b"")]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, message):
        self.socket.sendall(message.stream())
        return message

    def take(self):
        """The first message of what has come, or None."""
        if not self.data:
            return None
        size, at = self.data[0] >> 4, 1
        for nibble, width, base in ((13, 1, 13), (14, 2, 269), (15, 4, 65805)):
            if size == nibble:
                size, at = int.from_bytes(self.data[1 : 1 + width], "big") + base, 1 + width
                break
        token = self.data[0] & 15
        whole = at + 1 + token + size
        if len(self.data) < whole:
            return None
        message = Message(CON, self.data[at], 0, self.data[at + 1 : at + 1 + token])
        read_tail(message, self.data[at + 1 + token : whole])
        self.data = self.data[whole:]
        return message

    def receive(self, seconds=PATIENCE):
        """The next message; None: the connection has ended."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.take()
            if message:
                return message
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            data = self.socket.recv(65536)
            if not data:
                return None
            self.data += data

    def serve(self, answer_of, got):
        """As the other side: answers requests until the connection ends."""
        while (message := self.receive()) is not None:
            if 0 < message.code < code("2.00"):
                got.append(message)
                self.send(answer_of(message))

    def ask(self, message):
        message.token = os.urandom(4)
        self.send(message)
        while True:
            got = self.receive()
            expect(got is not None, "the connection has ended")
            if got.token == message.token:
                return got


class Target:
    """A target of notifications on a free port, which answers 2.04, or as `manner` says."""

    def __init__(self, manner=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.got, self.manner, self.lock = [], manner, threading.Condition()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(65536)
            except OSError:
                return
            message = parse(data)
            with self.lock:
                self.got.append(message)
                self.lock.notify_all()
            for answer in self.manner(message) if self.manner else [accept(message)]:
                with contextlib.suppress(OSError):
                    self.socket.sendto(answer.datagram(), peer)

    def wait_for(self, condition, what):
        """The messages, once the condition holds for them."""
        with self.lock:
            expect(self.lock.wait_for(lambda: condition(self.got), PATIENCE), "%s: %d messages" % (what, len(self.got)))
            return list(self.got)

    def wait(self, count):
        """The messages, once there are so many."""
        return self.wait_for(lambda got: len(got) >= count, "%d messages" % count)

    def close(self):
        self.socket.close()


def accept(message, kind=ACK):
    options = [(RSC, uint(2000)), (RQI, message.option(RQI) or b"")]
    return Message(kind, code("2.04"), message.mid, message.token, options)


# ---- the server ----


def port_of(server):
    return int(re.search(r"binding=coap address=coap://[^\s]*:(\d+)", server.log()).group(1))


@contextlib.contextmanager
def serve(settings=None):
    settings = {"coap.listen": "127.0.0.1:0", "log.level": "info", **(settings or {})}
    with Server(store_type="memory", settings=settings) as server:
        server.coap = port_of(server)
        yield server


def must(answer, rsc):
    expect_equal(answer.rsc, rsc, repr(answer))
    return answer


def content(**members):
    return json.dumps(members["root"]).encode() if "root" in members else json.dumps({"m2m:cin": members}).encode()


def container(client, name="c", parent="cse-in"):
    return must(client.ask(request(POST, parent, body=content(root={"m2m:cnt": {"rn": name}}), ty=3)), 2001)
