#!/usr/bin/env python3
"""The MQTT binding against brokers and entities that do what they should not."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402
from copse_harness import Skip, expect, expect_equal, main, must, rule, run, temporary_directory  # noqa: E402
from mqtt_client import CONNACK, CREATE, PUBLISH, RETRIEVE, SUBACK, SUBSCRIBE, UPDATE  # noqa: E402
from mqtt_client import Connection, Entity, OwnBroker, connected, new_broker, over_http, serve, text  # noqa: E402
from mqtt_client import length, wait_for_log  # noqa: E402

TOP = os.environ.get("top_srcdir", os.path.join(peers.HERE, "..", ".."))


def subscription(*targets, **attributes):
    return {"m2m:sub": {"nu": list(targets), "enc": {"net": [3]}, **attributes}}


def instance(content):
    return {"m2m:cin": {"con": content}}


def dbg(answer):
    return answer["pc"]["m2m:dbg"]


# ---- what the broker will not have ----


@rule("a message over which the broker ends the connection is dropped, and nothing else is")
def _():
    with new_broker("max_packet_size 20000") as broker, serve(broker) as server:
        connected(server)
        with Entity(broker, "Cmeter") as meter:
            meter.register_with_container()
            for _ in range(3):
                meter.must(2001, CREATE, "cse-in/meter/c", instance("x" * 8000), 4)
            requests = [meter.send(RETRIEVE, "cse-in/meter/c", rcn=4 if i == 2 else 1)["rqi"] for i in range(6)]
            answered = set()
            while len(answered) < 5:  # some come twice
                answered.add(json.loads(meter.listener.take(40)[1])["rqi"])
            expect_equal(answered, {rqi for i, rqi in enumerate(requests) if i != 2}, "answered")
            wait_for_log(server, "since the broker ends the connection over it", seconds=40)
            # one like it is not tried again
            expect_equal(meter.answer_to(meter.send(RETRIEVE, "cse-in/meter/c", rcn=4), 40)["rsc"], 5207, "rsc")
            expect_equal(meter.answer_to(meter.send(RETRIEVE, "cse-in/meter"))["rsc"], 2000, "rsc")
            # nor is a notification, but it is first alone
            meter.must(2001, CREATE, "cse-in/meter", {"m2m:cnt": {"rn": "d"}}, 3)
            meter.must(2001, CREATE, "cse-in/meter/d", subscription(broker.url + "/alarms/d"), 23)
            must(over_http(server, "POST", "/cse-in/meter/d", body=instance("x" * 25000), ty=4, origin="Cmeter"), 2001)
            wait_for_log(server, "message is larger than what is sent to the broker", 2, seconds=40)
            meter.answer_to(meter.send(RETRIEVE, "cse-in/meter"), 40)
            expect_equal(server.log().count("since the broker ends the connection over it"), 2, "messages dropped")


@rule("a topic of more levels than brokers take is none")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        with Entity(broker, "Cmeter") as meter:
            meter.register_with_container()
            for levels, rsc in ((201, 2001), (202, 5204)):
                url = broker.url + "/" + "/".join("a" * levels)
                meter.must(rsc, CREATE, "cse-in/meter/c", subscription(url), 23)
            meter.must(2004, UPDATE, "cse-in/meter", {"m2m:ae": {"poa": [broker.url + "/" + "/".join("a" * 200)]}})
            meter.must(2001, CREATE, "cse-in/meter/c", subscription("Cmeter"), 23)
            meter.must(2001, CREATE, "cse-in/meter/c", instance("1"), 4)
            meter.must(2000, RETRIEVE, "cse-in/meter")
        expect("no connection" not in server.log(), server.log())


@rule("an answer that is larger than what can go out becomes a small refusal with its identifier")
def _():
    for version, lines, settings in (("3.1.1", (), {"mqtt__max_queue": "64K"}), ("5", ("max_packet_size 20000",), {})):
        with new_broker(*lines) as broker, serve(broker, mqtt__version=version, **settings) as server:
            connected(server)
            with Entity(broker, "Cmeter") as meter:
                meter.register_with_container()
                for _ in range(9):
                    meter.must(2001, CREATE, "cse-in/meter/c", instance("x" * 8000), 4)
                for _ in range(2):  # the second time from memory
                    answer = meter.must(5207, RETRIEVE, "cse-in/meter/c", rcn=4, rqi="large")
                    expect_equal((answer["rvi"], "room" in dbg(answer)), ("3", True), "answer: %r" % answer)
                meter.must(2000, RETRIEVE, "cse-in/meter")
            expect("no connection" not in server.log(), server.log())


@rule("with MQTT 5 a notification that the broker refuses, or that is too large for it, is not delivered")
def _():
    access = os.path.join(temporary_directory(), "acl")
    with open(access, "w", encoding="ascii") as file:
        file.write("topic readwrite /oneM2M/#\ntopic readwrite free/#\n")
    os.chmod(access, 0o644)
    with new_broker("acl_file " + access, "max_packet_size 20000") as broker:
        with serve(broker, mqtt__version="5", notify__timeout="60", log__level="debug") as server:
            connected(server)
            with Entity(broker, "Cmeter") as meter, Connection(broker) as listener:
                listener.subscribe("free/#")
                meter.register_with_container()
                answer = meter.must(5204, CREATE, "cse-in/meter/c", subscription(broker.url + "/forbidden/x"), 23)
                expect("refuses the message" in dbg(answer), "dbg: %r" % answer)
                meter.must(2001, CREATE, "cse-in/meter/c", subscription(broker.url + "/free/x"), 23)
                expect(b"vrq" in listener.take()[1], "verification")
                content = json.dumps(
                    {"op": 1, "to": "cse-in/meter/c", "rqi": "big", "rvi": "3", "ty": 4, "rcn": 0, "pc": instance("x" * 19800)}
                )
                meter.put(meter.topic(), content)
                expect_equal(meter.answer()["rsc"], 2001, "created")
                wait_for_log(server, "message is larger than what is sent")
                listener.expect_silence()


# ---- whose topics ----


@rule("a broker that is not trusted gets no answers from the memory of one that is, nor the reverse")
def _():
    with new_broker() as trusted, new_broker() as other:
        with serve(trusted, other, mqtt__trusted=trusted.url, mqtt__admin="yes") as server:
            connected(server, 2)
            with Entity(trusted, "CAdmin") as admin, Entity(other, "CAdmin") as stranger:
                for rqi, order in (("a", (admin, stranger)), ("b", (stranger, admin))):
                    for client in order:
                        client.must(2000 if client is admin else 4103, RETRIEVE, "cse-in", rqi=rqi)


@rule("a target is no way to topics of others: neither as a whole nor as the path of a point of access")
def _():
    with new_broker() as broker, new_broker() as other, serve(broker) as server:
        connected(server)
        with Entity(broker, "Cevil") as evil, Entity(broker, "Cmeter") as meter, Connection(broker) as spy:
            evil.register_with_container()
            meter.register()
            spy.subscribe("/oneM2M/req/id-in/#", "$SYS/x/#")
            for topic in (
                "/oneM2M/req/id-in/Cmeter/json",
                "/oneM2M/resp/Cmeter/id-in/json",
                "/oneM2M/req/id-in/id-in/json",
                "a/oneM2M/req/id-in/Cmeter/json",
                "%2foneM2M/resp/Cmeter/id-in/json",
                "$SYS/x/y",
            ):
                answer = evil.must(5204, CREATE, "cse-in/evil/c", subscription(broker.url + "/" + topic), 23)
                expect("URL's path" in dbg(answer), "%s: %r" % (topic, answer))
            for path in ("/oneM2M/resp/Cmeter/id-in", "$SYS/x"):
                evil.must(2004, UPDATE, "cse-in/evil", {"m2m:ae": {"poa": [broker.url + "/" + path]}})
                evil.must(2001, CREATE, "cse-in/evil/c", subscription("Cevil"), 23)
                evil.must(2001, CREATE, "cse-in/evil/c", instance("1"), 4)
            meter.listener.expect_silence()
            spy.expect_silence()
            # where this CSE has no more rights than others
            with Connection(other) as listener:
                listener.subscribe("/oneM2M/#")
                url = other.url + "//oneM2M/req/id-in/Cmeter/json"
                evil.must(2001, CREATE, "cse-in/evil/c", subscription(url), 23)
                expect_equal(listener.take()[0], "/oneM2M/req/id-in/Cmeter/json", "topic")


@rule("an answer counts only under the path of the entity's own point of access")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        with Entity(broker, "Cmeter") as meter, Connection(broker) as other, Connection(broker) as asked:
            meter.register_with_container()
            # answers are listened for under both paths
            asked.subscribe("free/oneM2M/req/id-in/Cmeter/#", "/oneM2M/req/id-in/Cmeter/#")
            meter.must(2001, CREATE, "cse-in/meter/c", subscription("Cmeter"), 23)
            for path, forged in (("/free", ""), ("", "free"), ("/free", "")):
                meter.must(2004, UPDATE, "cse-in/meter", {"m2m:ae": {"poa": [broker.url + path]}})
                meter.must(2001, CREATE, "cse-in/meter/c", instance("1"), 4)
                meter.must(2001, CREATE, "cse-in/meter/c", instance("2"), 4)
                for _ in range(2):
                    notify = json.loads(asked.take()[1])
                    answer = {"rsc": 2000, "rqi": notify["rqi"]}
                    other.publish(forged + "/oneM2M/resp/id-in/Cmeter/json", answer)
                    asked.expect_silence()
                    other.publish(path[1:] + "/oneM2M/resp/id-in/Cmeter/json", answer)


@rule("paths that are no longer used make room for others")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        with Entity(broker, "Cmeter") as meter, Connection(broker) as asked:
            meter.register_with_container()
            asked.subscribe("+/oneM2M/req/id-in/Cmeter/#")
            meter.must(2001, CREATE, "cse-in/meter/c", subscription("Cmeter"), 23)
            for i in range(70):
                meter.must(2004, UPDATE, "cse-in/meter", {"m2m:ae": {"poa": ["%s/p%d" % (broker.url, i)]}})
                meter.must(2001, CREATE, "cse-in/meter/c", instance(str(i)), 4)
                topic, payload = asked.take()
                expect_equal(topic, "p%d/oneM2M/req/id-in/Cmeter/json" % i, "topic")
                asked.publish("p%d/oneM2M/resp/id-in/Cmeter/json" % i, {"rsc": 2000, "rqi": json.loads(payload)["rqi"]})
            meter.must(2000, RETRIEVE, "cse-in/meter")


@rule("a topic of devices is no target and no response topic")
def _():
    rules = "sensors/+/t cse-in/gw/$1 Cgw text/plain:0"
    with new_broker() as broker, serve(broker, mqtt__map=rules, mqtt__version="5") as server:
        connected(server)
        with Entity(broker, "Cgw") as gateway:
            gateway.register()
            gateway.must(2001, CREATE, "cse-in/gw", {"m2m:cnt": {"rn": "a"}}, 3)
            answer = gateway.must(5204, CREATE, "cse-in/gw/a", subscription(broker.url + "/sensors/a/t"), 23)
            expect("mqtt.map" in dbg(answer), "dbg: %r" % answer)
            with Connection(broker, version=5) as client:
                request = {"op": RETRIEVE, "to": "cse-in/gw", "rqi": "r", "rvi": "3"}
                client.publish(gateway.topic(), request, b"\x08" + text("sensors/a/t"))
                answer = gateway.answer()
                expect_equal((answer["rsc"], "mqtt.map" in dbg(answer)), (4000, True), "answer: %r" % answer)
            gateway.must(4004, RETRIEVE, "cse-in/gw/a/la")


# ---- who asks ----


def shipped(folder, users):
    """The configuration of packaging/mosquitto, with passwords for these users."""
    passwords = os.path.join(folder, "passwords")
    open(passwords, "w", encoding="ascii").close()
    os.chmod(passwords, 0o600)
    for name in users:
        subprocess.run(["mosquitto_passwd", "-b", passwords, name, "secret-" + name], check=True, capture_output=True)
    with open(os.path.join(TOP, "packaging", "mosquitto", "copse.acl"), encoding="utf-8") as file:
        rules = file.read()
    with open(os.path.join(folder, "acl"), "w", encoding="utf-8") as file:
        file.write(rules)
    with open(os.path.join(TOP, "packaging", "mosquitto", "copse.conf"), encoding="utf-8") as file:
        lines = [line for line in file.read().splitlines() if line and not line.startswith("#")]
    replaced = ("listener", "persistence", "persistence_location", "autosave_interval", "set_tcp_nodelay")
    lines = [line for line in lines if line.split()[0] not in replaced]
    lines = [line.replace("/etc/mosquitto/copse.acl", folder + "/acl") for line in lines]
    return [line.replace("/etc/mosquitto/copse.passwords", passwords) for line in lines]


def login(name):
    return {"user": name, "password": "secret-" + name}


def serve_shipped(broker, folder, **settings):
    word = os.path.join(folder, "word")
    with open(word, "w", encoding="ascii") as file:
        file.write("secret-copse\n")
    return serve(broker, mqtt__trusted=broker.url, mqtt__username="copse", mqtt__password_file=word, **settings)


@rule("the shipped access list keeps entities apart that the broker knows by password")
def _():
    folder = temporary_directory()
    lines = shipped(folder, ("copse", "Cmeter", "Cother"))
    with new_broker(*lines, anonymous=False) as broker:
        with serve_shipped(broker, folder, log__level="debug") as server:
            connected(server)
            with Entity(broker, "Cmeter", **login("Cmeter")) as meter, Entity(broker, "Cother", **login("Cother")) as other:
                meter.register()
                other.register()
                meter.must(2000, RETRIEVE, "cse-in/meter")
                # in another's name, on another's topic: the broker lets it go nowhere
                meter.send(RETRIEVE, "cse-in/other", fr="Cother", topic="/oneM2M/req/Cother/id-in/json")
                # nor poses as the CSE or as its answer
                meter.put("/oneM2M/resp/Cother/id-in/json", {"rsc": 2000})
                meter.put("/oneM2M/req/id-in/Cother/json", {"op": 5})
                # and hears nothing of others
                meter.listener.subscribe("/oneM2M/#", "#")
                other.must(2000, RETRIEVE, "cse-in/other")
                meter.listener.expect_silence()
                other.listener.expect_silence()
            expect("secret" not in server.log(), "a password is logged")
        with serve(broker, mqtt__username="copse") as server:
            wait_for_log(server, "refuses the connection")


@rule("nobody throws the CSE out of the shipped broker by its client identifier")
def _():
    folder = temporary_directory()
    with new_broker(*shipped(folder, ("copse", "Cevil", "Cmeter")), anonymous=False) as broker:
        with serve_shipped(broker, folder) as server:
            connected(server)
            with Entity(broker, "Cmeter", **login("Cmeter")) as meter:
                meter.register()
                with Connection(broker, client_id="C::/id-in", **login("Cevil")):
                    time.sleep(0.5)
                meter.must(2000, RETRIEVE, "cse-in/meter")
            expect("no connection" not in server.log(), server.log())


@rule("the shipped broker takes what the CSE sends")
def _():
    folder = temporary_directory()
    with new_broker(*shipped(folder, ("copse", "Cmeter")), anonymous=False) as broker:
        with serve_shipped(broker, folder) as server:
            connected(server)
            with Entity(broker, "Cmeter", **login("Cmeter")) as meter:
                meter.register_with_container()
                for _ in range(3):
                    meter.must(2001, CREATE, "cse-in/meter/c", instance("x" * 900000), 4)
                answer = meter.must(2000, RETRIEVE, "cse-in/meter/c", rcn=4)
                expect_equal(len(answer["pc"]["m2m:cnt"]["m2m:cin"]), 3, "instances")


@rule("on a trusted broker an entity registers only the name that its credential stands for")
def _():
    with new_broker() as broker:
        for settings, rsc in (
            ({"mqtt__trusted": broker.url}, 4103),
            ({"mqtt__trusted": broker.url, "mqtt__any_credential": "yes"}, 2001),
            ({}, 2001),
        ):
            with serve(broker, **settings) as server:
                connected(server)
                with Entity(broker, "Cevil") as evil:
                    topic = evil.topic("reg_req")
                    for name, code in (("Cother", rsc), ("Cevil", 2001), ("C", 2001), (None, 2001)):
                        ae = {"m2m:ae": {"api": "N1", "rr": True, "srv": ["3"]}}
                        answer = evil.must(code, CREATE, "cse-in", ae, 2, fr=name, topic=topic)
                        expect(code == 2001 or "credential" in dbg(answer), "dbg: %r" % answer)
                        if not name:
                            expect_equal(answer["to"], answer["pc"]["m2m:ae"]["aei"], "to")


@rule("a refusal says what it can: the identifier, the release, and who it is for only if that is known")
def _():
    with new_broker() as broker, serve(broker, http__max_body="4K", cse__releases="2a,3") as server:
        connected(server)
        with Entity(broker, "Cmeter") as meter:
            meter.register()
            large = {"op": 2, "to": "cse-in", "fr": "Cmeter", "rqi": "big", "rvi": "3", "vsi": "x" * 5000}
            for payload, rqi, rvi, to in (
                (json.dumps(large), "big", "3", "Cmeter"),
                ('{"op":2,"to":"cse-in","fr":"Cmeter","rqi":77,"rvi":"3"}', "77", "3", "Cmeter"),
                ('{"op":2,"to":"cse-in","fr":"Cmeter","rqi":"7"', None, "2a", None),
                ("x" * 20000, None, "2a", None),
            ):
                meter.put(meter.topic(), payload)
                answer = meter.answer()
                seen = tuple(answer.get(name) for name in ("rsc", "rqi", "rvi", "to"))
                expect_equal(seen, (4000, rqi, rvi, to), "answer to %r" % payload[:40])
            meter.put("/oneM2M/req/Cmeter/id-in/xml", "<x")
            payload = meter.listener.take()[1]
            expect(b"<rvi>2a</rvi>" in payload and b"<to" not in payload, "XML: %r" % payload)


@rule("while the CSE takes no more requests, one that comes again waits for its answer, and others are told")
def _():
    with new_broker() as broker, serve(broker, limits__requests="1", notify__timeout="2") as server, OwnBroker() as silent:
        connected(server)
        with Entity(broker, "Cmeter") as meter:
            meter.register_with_container()
            target = {"pc": subscription(silent.url + "/x"), "ty": 23, "rqi": "slow"}
            meter.send(CREATE, "cse-in/meter/c", **target)
            answer = meter.must(5000, RETRIEVE, "cse-in/meter")
            expect_equal((answer["rvi"], answer["to"]), ("3", "Cmeter"), "answer: %r" % answer)
            meter.send(CREATE, "cse-in/meter/c", **target)
            expect_equal((lambda a: (a["rqi"], a["rsc"]))(meter.answer()), ("slow", 5204), "the one answer")
            meter.listener.expect_silence()


# ---- brokers ----


@contextlib.contextmanager
def silence():
    """A port at all addresses of loopback whose host says nothing: the kernel drops what does not fit into the queue."""
    with socket.create_server(("0.0.0.0", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", full.getsockname()[1]))
        yield full.getsockname()[1]


def greet(wire):
    wire.send(CONNACK, b"\0\0")


@rule("a broker is named once, since two connections with one identifier end each other")
def _():
    base = ["--set", "http.listen=127.0.0.1:0", "--set", "store.type=memory"]
    done = run("run", *base, "--set", "mqtt.broker=mqtt://127.0.0.1:1/a,mqtt://127.0.0.1:1/b")
    expect(done.returncode != 0 and "named twice" in done.stderr, "%r" % done)


@rule("a connection that is not made in time is given up, and tried again")
def _():
    with silence() as port, serve("mqtt://127.0.0.1:%d" % port) as server:
        wait_for_log(server, "cannot be made in time", seconds=30)


@rule("brokers that others name, and whose hosts do not answer at all, take a bounded number of threads")
def _():
    with silence() as port, new_broker() as broker, serve(broker, notify__timeout="60") as server:
        connected(server)
        with Entity(broker, "Cmeter") as meter:
            meter.register_with_container()
            for i in range(200):
                url = "mqtt://127.0.1.%d:%d/x" % (i + 1, port)
                meter.send(CREATE, "cse-in/meter/c", subscription(url), 23, rqi=url)
            expect_equal(meter.answer_to({"rqi": "mqtt://127.0.1.1:%d/x" % port})["rsc"], 5204, "the first gives way")
            meter.answer_to(meter.send(RETRIEVE, "cse-in/meter"))
        with open("/proc/%d/status" % server.pid, encoding="ascii") as status:
            threads = int(re.search(r"Threads:\s*(\d+)", status.read()).group(1))
        expect(64 <= threads < 140, "%d threads" % threads)


@rule("a broker that refuses the password is told of once, also if it was away before")
def _():
    passwords = os.path.join(temporary_directory(), "passwords")
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "x", "y"], check=True, capture_output=True)
    broker = new_broker("password_file " + passwords, anonymous=False)
    with serve(broker) as server:
        wait_for_log(server, "no connection to the broker")
        with broker:
            wait_for_log(server, "refuses the connection")
            tries = broker.log().count("not authorised")
            deadline = time.monotonic() + 20
            while broker.log().count("not authorised") < tries + 2:
                expect(time.monotonic() < deadline, broker.log())
                time.sleep(0.1)
            expect_equal(server.log().count("refuses the connection"), 1, "lines")


@rule("what is with a broker that acknowledges nothing is bounded as well")
def _():
    got = []

    def hoard(wire):
        greet(wire)
        while True:
            kind, body = wire.receive()
            if kind == SUBSCRIBE:
                wire.send(SUBACK, body[:2] + b"\1")
            elif kind & 0xF0 == PUBLISH:
                got.append(len(body))

    with OwnBroker(hoard) as hoarder:
        with serve(hoarder, mqtt__max_queue="64K", notify__verify="no", notify__timeout="600") as server:
            connected(server)
            with server.client() as client:
                client.create_ae("meter")
                for i in range(5):
                    path = "/cse-in/meter/c%d" % i
                    must(client.create_cnt("/cse-in/meter", "c%d" % i), 2001)
                    must(client.request("POST", path, subscription(hoarder.url + "/x"), 23), 2001)
                    must(client.create_cin(path, "x" * 25000), 2001)
            wait_for_log(server, "more waits for the broker than is kept")
            expect_equal(len(got), 2, "messages that the broker got")
            server.kill()  # it would wait for them


@rule("a broker that others name, and that sends more than an answer, is left")
def _():
    ended = []

    def flood(wire):
        greet(wire)
        try:
            wire.sock.sendall(bytes([PUBLISH]) + length(250000000))
            for _ in range(1000):
                wire.sock.sendall(bytes(16384))
                time.sleep(0.001)
        except OSError:
            ended.append(True)

    with new_broker() as broker, OwnBroker(flood) as other, serve(broker, log__level="debug") as server:
        connected(server)
        with Entity(broker, "Cmeter") as meter:
            meter.register_with_container()
            meter.must(5204, CREATE, "cse-in/meter/c", subscription(other.url + "/x"), 23)
            deadline = time.monotonic() + 20
            while not ended:
                expect(time.monotonic() < deadline, "it is still listened to")
                time.sleep(0.05)
            meter.must(2000, RETRIEVE, "cse-in/meter")


@rule("with MQTT 5 a session at a broker that others name ends with the connection")
def _():
    def hold(wire):
        wire.send(CONNACK, b"\0\0\0")
        while True:
            wire.receive()

    with new_broker() as broker, OwnBroker(hold) as other, serve(broker, mqtt__version="5", notify__timeout="1") as server:
        connected(server)
        with Entity(broker, "Cmeter") as meter:
            meter.register_with_container()
            meter.must(5204, CREATE, "cse-in/meter/c", subscription(other.url + "/x"), 23)
        expect(b"\x11\xff\xff\xff\xff" not in other.connects[0], "CONNECT: %r" % other.connects[0])


@rule("brokers that do not answer make room for those that do")
def _():
    with new_broker() as broker, new_broker() as good, OwnBroker() as first, OwnBroker() as second:
        with serve(broker, outgoing__max_connections="2", notify__timeout="60") as server:
            connected(server)
            with Entity(broker, "Cmeter") as meter:
                meter.register_with_container()
                for silent in (first, second):
                    meter.send(CREATE, "cse-in/meter/c", subscription(silent.url + "/x"), 23, rqi=silent.url)
                deadline = time.monotonic() + 10
                while not (first.connects and second.connects):
                    expect(time.monotonic() < deadline, "they are not connected to")
                    time.sleep(0.02)
                meter.send(CREATE, "cse-in/meter/c", subscription(good.url + "/x"), 23, rqi="good")
                answers = {answer["rqi"]: answer["rsc"] for answer in (meter.answer(), meter.answer())}
                expect_equal(answers, {first.url: 5204, "good": 2001}, "answers")


if __name__ == "__main__":
    if not os.path.exists("/usr/bin/mosquitto_pub"):
        raise Skip("there are no mosquitto clients")
    main()
