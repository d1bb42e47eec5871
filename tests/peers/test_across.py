#!/usr/bin/env python3
"""Across bindings: an entity that is registered over one is notified over any other, and what ails one binding's peers is
felt over no other."""

import os
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from copse_harness import Server, expect_equal, main, must, rule, temporary_directory  # noqa: E402
from notify_sink import Collector  # noqa: E402

WAYS = ("http", "coap", "mqtt", "websocket")


class Everything:
    """A server with every binding, beside a broker."""

    def __init__(self):
        self.broker = peers.Broker(temporary_directory())
        self.coap = "127.0.0.1:%d" % peers.free_port()
        self.websocket = "127.0.0.1:%d" % peers.free_port()
        self.server = Server(
            store_type="memory",
            settings={
                "coap.listen": self.coap,
                "mqtt.broker": self.broker.url,
                "websocket.listen": self.websocket,
                "access.base-create": "accessControlPolicy",
                "notify.timeout": "2",
                "notify.verify": "no",
            },
        )

    def __enter__(self):
        self.broker.start()
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.broker.stop()


@rule("an entity that is registered over any binding is notified over any other")
def every_pair():
    with open(os.path.join(peers.HERE, "across.js"), encoding="utf-8") as script, Everything() as all_:
        addresses = ("127.0.0.1:%d" % all_.server.port, all_.coap, "127.0.0.1:%d" % all_.broker.port, all_.websocket)
        lines = peers.node(script.read(), *addresses, timeout=300).splitlines()
    expect_equal(sorted(lines), sorted("%s -> %s: ok" % (a, b) for a in WAYS for b in WAYS), "pairs")


@rule("behind a broker that has stopped and peers that say nothing, every request is answered over HTTP")
def nobody_else_suffers():
    with Everything() as all_, socket.socket() as silent, all_.server.client() as client:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)  # connections are made and never answered
        deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        deaf.bind(("127.0.0.1", 0))
        points = ("mqtt://127.0.0.1:%d" % all_.broker.port, "coap://127.0.0.1:%d" % deaf.getsockname()[1])
        points += ("mqtt://127.0.0.1:%d" % silent.getsockname()[1], "http://127.0.0.1:%d" % silent.getsockname()[1])
        for number, point in enumerate(points):
            must(client.create_ae("deaf%d" % number, poa=[point], rr=True), 2001)
        must(client.create_ae("writer"), 2001)
        must(client.create_cnt("/cse-in/writer", "c", mni=10), 2001)
        for number in range(len(points)):
            subscription = {"rn": "s%d" % number, "nu": ["/id-in/Cdeaf%d" % number], "enc": {"net": [3]}}
            must(client.request("POST", "/cse-in/writer/c", {"m2m:sub": subscription}, 23), 2001)
        os.kill(all_.broker.process.pid, signal.SIGSTOP)
        try:
            for number in range(500):
                must(client.create_cin("/cse-in/writer/c", "value %d" % number), 2001)
        finally:
            os.kill(all_.broker.process.pid, signal.SIGCONT)
        all_.server.expect_running()
        deaf.close()


@rule("behind a broker, which others may reach, the CSE connects to no unspecified address")
def not_to_the_unspecified():
    for settings, code in (({}, 2001), ({"mqtt.broker": "127.0.0.1:%d" % peers.free_port()}, 5204)):
        with Collector("0.0.0.0") as sink, Server(store_type="memory", settings=settings) as server, server.client() as client:
            must(client.create_ae("writer"), 2001)
            subscription = {"rn": "s", "nu": [sink.base], "enc": {"net": [3]}}
            must(client.request("POST", "/cse-in/writer", {"m2m:sub": subscription}, 23), code)


if __name__ == "__main__":
    main()
