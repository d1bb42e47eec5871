"""What the tests of the MQTT binding share: entities at a broker, a client and a broker of their own, byte by byte (MQTT
3.1.1 and 5), so that they can also do what no library does."""

import itertools
import json
import os
import queue
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "system")]
from copse_harness import Server, expect, expect_equal, temporary_directory  # noqa: E402
from peers import Broker, Listener, publish  # noqa: E402

NUMBERS = itertools.count(1)
CREATE, RETRIEVE, UPDATE, DELETE, NOTIFY = 1, 2, 3, 4, 5


def new_broker(*lines, anonymous=True):
    return Broker(os.path.join(temporary_directory(), "broker"), lines, anonymous)


def serve(*brokers, **settings):
    """Copse at these brokers."""
    return Server(
        store_type="memory",
        settings={
            "mqtt.broker": ",".join(broker if isinstance(broker, str) else broker.url for broker in brokers),
            "log.level": "info",
            **{key.replace("__", ".").replace("_", "-"): value for key, value in settings.items()},
        },
    )


class Client:
    """An entity at a broker: mosquitto_pub for what it sends, mosquitto_sub for what it gets."""

    def __init__(self, broker, name, credential=None, prefix="", options=()):
        self.broker, self.name, self.prefix, self.options = broker, name, prefix, options
        self.credential = credential or name
        self.listener = Listener(
            broker,
            "%s/oneM2M/resp/%s/#" % (prefix, name),
            "%s/oneM2M/reg_resp/%s/#" % (prefix, self.credential),
            options=options,
        )

    def send(self, op, to, pc=None, ty=None, topic=None, **more):
        primitive = {"op": op, "to": to, "fr": self.name, "rqi": "r%d" % next(NUMBERS), "rvi": "3", **more}
        if pc is not None:
            primitive["pc"] = pc
        if ty is not None:
            primitive["ty"] = ty
        primitive = {key: value for key, value in primitive.items() if value is not None}
        self.put(topic or self.topic(), primitive)
        return primitive

    def put(self, topic, payload):
        publish(self.broker, topic, payload, *self.options)

    def topic(self, word="req", level=None):
        return "%s/oneM2M/%s/%s/id-in/json" % (self.prefix, word, level or self.name)

    def answer(self, seconds=10):
        topic, payload = self.listener.take(seconds)
        answer = json.loads(payload)
        answer["topic"] = topic
        return answer

    def answer_to(self, sent, seconds=10):
        """What comes before is passed over."""
        answer = self.answer(seconds)
        while answer.get("rqi") != sent["rqi"]:
            answer = self.answer(seconds)
        return answer

    def request(self, op, to, pc=None, ty=None, **more):
        sent = self.send(op, to, pc, ty, **more)
        answer = self.answer()
        expect_equal(answer.get("rqi"), sent["rqi"], "rqi of %r" % answer)
        return answer

    def must(self, rsc, *arguments, **more):
        answer = self.request(*arguments, **more)
        expect_equal(answer["rsc"], rsc, "rsc of %r" % answer)
        return answer

    def register(self, **attributes):
        ae = {"rn": self.name[1:].lower(), "api": "N1", "rr": True, "srv": ["3"], **attributes}
        return self.must(
            2001, CREATE, "cse-in", {"m2m:ae": ae}, 2, topic=self.topic("reg_req", self.credential)
        )

    def register_with_container(self):
        self.register()
        self.must(2001, CREATE, "cse-in/" + self.name[1:].lower(), {"m2m:cnt": {"rn": "c"}}, 3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.__exit__()


# ---- byte by byte ----

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PING, PONG = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90, 0xC0, 0xD0
QOS_1 = 2


def text(words):
    words = words.encode()
    return struct.pack(">H", len(words)) + words


def length(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


class Wire:
    """Packets over a socket."""

    def __init__(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock

    def send(self, kind, body):
        self.sock.sendall(bytes([kind]) + length(len(body)) + body)

    def exactly(self, count):
        out = b""
        while len(out) < count:
            came = self.sock.recv(count - len(out))
            if not came:
                raise EOFError
            out += came
        return out

    def receive(self):
        """Type with flags, and what is behind the length."""
        kind, size, shift, byte = self.exactly(1)[0], 0, 0, 128
        while byte & 128:
            byte = self.exactly(1)[0]
            size |= (byte & 127) << shift
            shift += 7
        return kind, self.exactly(size)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Connection:
    """A client at a broker. Takes what is published to its subscriptions as (topic, payload)."""

    def __init__(self, broker, client_id=None, user=None, password=None, version=4):
        self.version, self.messages, self.subscribed = version, queue.Queue(), threading.Semaphore(0)
        self.numbers = itertools.count(1)
        self.wire = Wire(socket.create_connection(("127.0.0.1", broker.port), 10))
        self.wire.sock.settimeout(None)
        flags = 2 | (0xC0 if user else 0)
        body = text("MQTT") + bytes([version, flags, 0, 0]) + self.properties() + text(client_id or "t%d" % next(NUMBERS))
        self.wire.send(CONNECT, body + (text(user) + text(password) if user else b""))
        kind, answer = self.wire.receive()
        expect(kind == CONNACK and answer[1] == 0, "the broker refuses the connection: %r" % answer)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def properties(self, some=b""):
        return length(len(some)) + some if self.version == 5 else b""

    def read(self):
        try:
            while True:
                self.take_packet(*self.wire.receive())
        except (EOFError, OSError):
            pass

    def take_packet(self, kind, body):
        if kind == SUBACK:
            self.subscribed.release()
        if kind & 0xF0 != PUBLISH:
            return
        size = struct.unpack(">H", body[:2])[0]
        topic, body = body[2 : 2 + size].decode(), body[2 + size :]
        if kind & QOS_1:
            self.wire.send(PUBACK, body[:2])
            body = body[2:]
        if self.version == 5:  # less than 128 bytes of properties
            body = body[1 + body[0] :]
        self.messages.put((topic, body))

    def subscribe(self, *filters):
        for words in filters:
            self.wire.send(SUBSCRIBE, struct.pack(">H", next(self.numbers)) + self.properties() + text(words) + b"\1")
            expect(self.subscribed.acquire(timeout=10), "no answer to SUBSCRIBE")
        return self

    def publish(self, topic, payload, properties=b""):
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        number = struct.pack(">H", next(self.numbers))
        payload = payload if isinstance(payload, bytes) else payload.encode()
        self.wire.send(PUBLISH | QOS_1, text(topic) + number + self.properties(properties) + payload)

    def take(self, seconds=10):
        return Listener.take(self, seconds)

    def expect_silence(self, seconds=0.5):
        Listener.expect_silence(self, seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()
        self.reader.join(10)


class Entity(Client):
    """A Client over one connection, which is its own."""

    def __init__(self, broker, name, prefix="", **login):  # pylint: disable=super-init-not-called
        self.broker, self.name, self.credential, self.prefix = broker, name, name, prefix
        self.listener = Connection(broker, **login)
        self.listener.subscribe(
            "%s/oneM2M/resp/%s/#" % (prefix, name), "%s/oneM2M/reg_resp/%s/#" % (prefix, name)
        )

    def put(self, topic, payload):
        self.listener.publish(topic, payload)


class OwnBroker:
    """What a broker should not be: talk(wire) has each connection behind CONNECT, which is kept. None: no answer at all."""

    def __init__(self, talk=None):
        self.talk, self.wires, self.connects = talk, [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = "mqtt://127.0.0.1:%d" % self.port
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                self.wires.append(Wire(self.listener.accept()[0]))
                threading.Thread(target=self.greet, args=(self.wires[-1],), daemon=True).start()
        except OSError:
            pass

    def greet(self, wire):
        try:
            self.connects.append(wire.receive()[1])
            if self.talk:
                self.talk(wire)
        except (EOFError, OSError):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for wire in self.wires:
            wire.close()


# ---- the server's side ----


def wait_for_log(server, words, times=1, seconds=20):
    deadline = time.monotonic() + seconds
    while server.log().count(words) < times:
        expect(time.monotonic() < deadline, "%r is not logged:\n%s" % (words, server.log()))
        time.sleep(0.02)


def connected(server, times=1):
    wait_for_log(server, "connected to the broker", times)
    time.sleep(0.1)  # the subscriptions follow


def over_http(server, method, path, **options):
    with server.client() as client:
        return client.request(method, path, **options)
