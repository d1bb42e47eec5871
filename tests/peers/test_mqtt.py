#!/usr/bin/env python3
"""The MQTT binding against mosquitto's broker and clients and the npm package mqtt."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402
from copse_harness import Skip, expect, expect_equal, main, rule, run, temporary_directory  # noqa: E402
from mqtt_client import CREATE, DELETE, NOTIFY, NUMBERS, RETRIEVE, UPDATE, Client  # noqa: E402
from mqtt_client import connected, new_broker, over_http, serve, wait_for_log  # noqa: E402
from peers import Listener, publish  # noqa: E402

# ---- requests ----


@rule("an entity registers on reg_req and is answered on reg_resp")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        with Client(broker, "Cmeter", "cred:1") as meter:
            answer = meter.register()
            expect_equal(answer["topic"], "/oneM2M/reg_resp/cred:1/id-in/json", "topic")
            expect_equal(answer["pc"]["m2m:ae"]["aei"], "Cmeter", "aei")
        with Client(broker, "nobody", "c2") as new:
            answer = new.must(
                2001,
                CREATE,
                "cse-in",
                {"m2m:ae": {"api": "N1", "rr": True, "srv": ["3"]}},
                2,
                fr=None,
                topic=new.topic("reg_req", "c2"),
            )
            expect(answer["pc"]["m2m:ae"]["aei"].startswith("C"), "an AE-ID is assigned")
            answer = new.must(4000, RETRIEVE, "cse-in", topic=new.topic("reg_req", "c2"))
            expect("reg_req" in answer["pc"]["m2m:dbg"], "dbg")


@rule("create, retrieve, update, delete and discovery, in the serialization of the topic")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register()
            meter.must(2001, CREATE, "cse-in/meter", {"m2m:cnt": {"rn": "c", "lbl": ["a"]}}, 3)
            meter.must(2001, CREATE, "cse-in/meter/c", {"m2m:cin": {"con": "1"}}, 4)
            expect_equal(meter.must(2000, RETRIEVE, "cse-in/meter/c/la")["pc"]["m2m:cin"]["con"], "1", "con")
            meter.must(2004, UPDATE, "cse-in/meter/c", {"m2m:cnt": {"mni": 5}})
            found = meter.must(2000, RETRIEVE, "cse-in/meter", fc={"fu": 1, "lbl": ["a"]})
            expect_equal(found["pc"], {"m2m:uril": ["cse-in/meter/c"]}, "discovery")
            meter.must(2002, DELETE, "cse-in/meter/c")
            # without From it is the topic's originator
            meter.must(2000, RETRIEVE, "cse-in/meter", fr=None)
            # wrapped, as older clients do
            publish(
                broker,
                meter.topic(),
                {"m2m:rqp": {"op": 2, "to": "cse-in/meter", "fr": "Cmeter", "rqi": "w", "rvi": "3"}},
            )
            expect_equal(meter.answer()["rsc"], 2000, "wrapped")
            publish(
                broker,
                "/oneM2M/req/Cmeter/id-in/xml",
                '<m2m:rqp xmlns:m2m="http://www.onem2m.org/xml/protocols"><op>2</op><to>cse-in/meter</to>'
                "<fr>Cmeter</fr><rqi>x</rqi><rvi>3</rvi></m2m:rqp>",
            )
            topic, payload = meter.listener.take()
            expect_equal(topic, "/oneM2M/resp/Cmeter/id-in/xml", "topic")
            expect(b"<rsc>2000</rsc>" in payload, "answer in XML: %r" % payload)
            # QoS 0, and by the absolute identifier
            publish(
                broker,
                "/oneM2M/req/Cmeter/:copse.example:id-in/json",
                {"op": 2, "to": "cse-in/meter", "rqi": "a", "rvi": "3"},
                "-q",
                "0",
            )
            expect_equal(meter.answer()["topic"], "/oneM2M/resp/Cmeter/:copse.example:id-in/json", "topic")


@rule("what cannot be read is answered where an answer can be addressed, and harms nothing")
def _():
    with new_broker() as broker, serve(broker, http__max_body="4K", log__level="debug") as server:
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register()
            for payload, rsc, words in (
                ("{", 4000, "payload"),
                ("", 4000, "payload"),
                ("[]", 4000, "object"),
                (b"\xff\xfe", 4000, "payload"),
                ('{"rsc":2000,"rqi":"x"}', 4000, "response"),
                ('{"op":2}', 4000, "to"),
                ('{"op":2,"to":"cse-in","rqi":"1","nosuch":1}', 4000, "nosuch"),
                ('{"op":2,"to":"cse-in/meter","rqi":"big","rvi":"3","vsi":"%s"}' % ("x" * 5000), 4000, "larger"),
                ("x" * 100000, 4000, "larger"),
            ):
                publish(broker, meter.topic(), payload)
                answer = meter.answer()
                expect_equal(answer["rsc"], rsc, "rsc for %r" % payload[:40])
                expect(words in answer["pc"]["m2m:dbg"] or words == "larger", "%r in %r" % (words, answer))
            publish(broker, "/oneM2M/req/Cmeter/id-in/yaml", {"op": 2, "to": "cse-in/meter", "rqi": "y", "rvi": "3"})
            answer = meter.answer()
            expect_equal((answer["rsc"], answer["rqi"]), (4015, "y"), "wrong type level")
            publish(broker, "/oneM2M/req/Cmeter/id-in", {"op": 2, "to": "cse-in/meter", "rqi": "z", "rvi": "3"})
            expect_equal(meter.answer()["rsc"], 4015, "no type level")
            # what has no answer: another topic, a response, a kept message
            publish(broker, "/oneM2M/resp/id-in/Cother/json", {"rsc": 2000, "rqi": "1"})
            publish(broker, "/oneM2M/resp/id-in/Cother/json", "{")
            publish(
                broker, meter.topic(), {"op": 2, "to": "cse-in/meter", "rqi": "kept", "rvi": "3"}, "-r"
            )
            expect_equal(meter.answer()["rqi"], "kept", "retained while we listen")
            meter.must(2000, RETRIEVE, "cse-in/meter")
            server.expect_running()


@rule("a request whose time has passed while it was with the broker is refused")
def _():
    with new_broker() as broker:
        server = serve(broker).start()
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register()
            meter.must(4008, RETRIEVE, "cse-in/meter", rqet="20200101T000000")
            server.stop()
            late = time.strftime("%Y%m%dT%H%M%S", time.gmtime(time.time() + 1))
            meter.send(RETRIEVE, "cse-in/meter", rqet=late)
            meter.send(RETRIEVE, "cse-in", rqet="20990101T000000")
            time.sleep(2.1)
            server.start()
            codes = [meter.answer()["rsc"] for _ in range(2)]
            expect_equal(codes, [4008, 4103], "codes of what had waited")
        server.stop()


@rule("a request without response is not answered")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register()
            meter.send(CREATE, "cse-in/meter", {"m2m:cnt": {"rn": "quiet"}}, 3, rt={"rtv": 5})
            meter.listener.expect_silence()
            meter.must(2000, RETRIEVE, "cse-in/meter/quiet")


@rule("a request that comes again is not performed again, and gets the answer that it got")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register_with_container()
            first = meter.request(CREATE, "cse-in/meter/c", {"m2m:cin": {"con": "1"}}, 4, rqi="again")
            for _ in range(3):
                expect_equal(meter.request(CREATE, "cse-in/meter/c", {"m2m:cin": {"con": "1"}}, 4, rqi="again"), first, "answer")
            expect_equal(meter.must(2000, RETRIEVE, "cse-in/meter/c")["pc"]["m2m:cnt"]["cni"], 1, "instances")
            # another request with an identifier that was used before is a request
            meter.must(2001, CREATE, "cse-in/meter/c", {"m2m:cin": {"con": "2"}}, 4, rqi="again")
            expect_equal(meter.must(2000, RETRIEVE, "cse-in/meter/c")["pc"]["m2m:cnt"]["cni"], 2, "instances")
            # also while the first is in work: it waits here until its time has come
            for _ in range(3):
                meter.send(CREATE, "cse-in/meter/c", {"m2m:cin": {"con": "3"}}, 4, rqi="slow", oet="1500")
            expect_equal(meter.answer()["rsc"], 2001, "the one answer")
            meter.listener.expect_silence()
            expect_equal(meter.must(2000, RETRIEVE, "cse-in/meter/c")["pc"]["m2m:cnt"]["cni"], 3, "instances")


# ---- who asks ----


@rule("From other than the topic's originator is refused")
def _():
    with new_broker() as broker:
        for trusted in ("", broker.url):
            with serve(broker, mqtt__trusted=trusted) as server:
                connected(server)
                with Client(broker, "Cmeter") as meter, Client(broker, "Cother") as other:
                    meter.register()
                    other.register()
                    answer = meter.must(4103, RETRIEVE, "cse-in/other", fr="Cother")
                    expect("topic" in answer["pc"]["m2m:dbg"], "dbg")
                    meter.must(4103, DELETE, "cse-in/other", fr="/id-in/Cother")
                    meter.must(2000, RETRIEVE, "cse-in/meter", fr="/id-in/Cmeter")
                    meter.must(2000, RETRIEVE, "cse-in/meter", fr="//copse.example/id-in/Cmeter")
                    other.must(2000, RETRIEVE, "cse-in/other")
                with Client(broker, "id-in:Cmeter") as meter:
                    meter.must(2000, RETRIEVE, "cse-in/meter", fr="Cmeter")


@rule("the administrator comes from a broker only where it is trusted and mqtt.admin says so")
def _():
    with new_broker() as broker:
        for trusted, admin, anywhere, rsc in (
            ("", "no", "loopback", 4103),
            ("", "yes", "loopback", 4103),
            ("", "yes", "anywhere", 4103),
            (broker.url, "no", "loopback", 4103),
            (broker.url, "no", "anywhere", 4103),
            (broker.url, "yes", "loopback", 2000),
        ):
            settings = {"mqtt__trusted": trusted, "mqtt__admin": admin, "cse__admin_from": anywhere}
            with serve(broker, **settings) as server:
                connected(server)
                with Client(broker, "CAdmin") as admin_client:
                    answer = admin_client.request(RETRIEVE, "cse-in")
                    expect_equal(answer["rsc"], rsc, str(settings))
                    for form in ("/id-in/CAdmin", "//copse.example/id-in/CAdmin"):
                        expect_equal(admin_client.request(RETRIEVE, "cse-in", fr=form)["rsc"], rsc, form)
                    # nor later, nor on the topic of registrations
                    answer = admin_client.request(RETRIEVE, "cse-in", rt={"rtv": 1})
                    if answer["rsc"] == 1001:
                        time.sleep(0.2)
                        result = over_http(server, "GET", "/" + answer["pc"]["m2m:uri"]).resource
                        expect_equal(result["ors"]["rsc"], rsc, "result: %r" % result)
                    answer = admin_client.request(
                        CREATE,
                        "cse-in",
                        {"m2m:ae": {"rn": "adm", "api": "N1", "rr": True, "srv": ["3"]}},
                        2,
                        topic="/oneM2M/reg_req/CAdmin/id-in/json",
                    )
                    expect_equal(answer["rsc"], 4103, "registration of the administrator")


# ---- the broker comes and goes ----


@rule("several brokers are served at once, each under its path")
def _():
    with new_broker() as first, new_broker() as second, serve(first, second.url + "/plant/a") as server:
        connected(server, 2)
        addresses = over_http(server, "GET", "/cse-in").resource["poa"]
        expect_equal(addresses[-2:], [first.url, second.url + "/plant/a"], "points of access")
        with Client(first, "Cone") as one, Client(second, "Ctwo", prefix="plant/a") as two:
            one.register()
            two.register()
            one.must(2000, RETRIEVE, "cse-in/one")
            two.must(2000, RETRIEVE, "cse-in/two")
        with Client(second, "Cthree") as stray:
            stray.send(RETRIEVE, "cse-in")
            stray.listener.expect_silence()


@rule("nothing is lost when the broker is stopped, killed and started again")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        count = 0
        with Client(broker, "Cmeter") as meter:
            meter.register_with_container()
        for end in (broker.stop, broker.kill):
            time.sleep(1.2)  # the broker's autosave
            end()
            time.sleep(0.2)
            broker.start()
            # sent before the CSE is back: its session is kept by the broker
            for _ in range(5):
                count += 1
                publish(
                    broker,
                    "/oneM2M/req/Cmeter/id-in/json",
                    {
                        "op": 1,
                        "to": "cse-in/meter/c",
                        "rqi": "b%d" % count,
                        "rvi": "3",
                        "ty": 4,
                        "pc": {"m2m:cin": {"con": str(count)}},
                    },
                )
            with Client(broker, "Cmeter") as meter:
                deadline = time.monotonic() + 20
                while True:
                    answer = meter.answer_to(meter.send(RETRIEVE, "cse-in/meter/c"))
                    if answer["pc"]["m2m:cnt"]["cni"] == count:
                        break
                    expect(time.monotonic() < deadline, "%r of %d" % (answer, count))
                    time.sleep(0.1)


@rule("an answer that the broker has not acknowledged is sent again when it is back")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register_with_container()
        session = ("-i", "meter-session", "-c")
        with Listener(broker, "/oneM2M/resp/Cmeter/#", options=session):
            pass
        publish(
            broker,
            "/oneM2M/req/Cmeter/id-in/json",
            {
                "op": 1,
                "to": "cse-in/meter/c",
                "rqi": "later",
                "rvi": "3",
                "ty": 4,
                "oet": "1500",
                "pc": {"m2m:cin": {"con": "x"}},
            },
        )
        time.sleep(0.5)
        broker.stop()  # the request is performed while there is no broker
        time.sleep(1.5)
        broker.start()
        with Listener(broker, "/oneM2M/resp/Cmeter/#", options=session) as meter:
            answer = json.loads(meter.take(30)[1])
            expect_equal((answer["rqi"], answer["rsc"]), ("later", 2001), "answer")


@rule("a broker that is dead, silent or unknown at the start holds up nobody")
def _():
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    with new_broker() as broker:
        urls = (
            "mqtt://127.0.0.1:%d" % peers.free_port(),
            "mqtt://127.0.0.1:%d" % silent.getsockname()[1],
            "mqtt://no-such-host.invalid:1883",
            "mqtt://192.0.2.1:1883",
        )
        started = time.monotonic()
        with serve(*urls, broker) as server:
            expect(time.monotonic() - started < 5, "the start took too long")
            connected(server)
            with Client(broker, "Cmeter") as meter:
                meter.register()
                meter.must(2000, RETRIEVE, "cse-in/meter")
            wait_for_log(server, "no connection to the broker", 2)
            expect_equal(over_http(server, "GET", "/cse-in").status, 200, "over HTTP meanwhile")
            server.stop()
    silent.close()


@rule("a broker that stands still holds up nobody, and goes on where it was")
def _():
    with new_broker() as broker, new_broker() as other, serve(broker, other) as server:
        connected(server, 2)
        with Client(broker, "Cone") as one, Client(other, "Ctwo") as two:
            one.register()
            two.register()
            two.must(2001, CREATE, "cse-in/two", {"m2m:cnt": {"rn": "c"}}, 3)
            sub = {"m2m:sub": {"rn": "s", "nu": [broker.url + "/alarms/c"], "enc": {"net": [3]}}}
            two.must(2001, CREATE, "cse-in/two/c", sub, 23)
            one.send(CREATE, "cse-in/one", {"m2m:cnt": {"rn": "late"}}, 3, oet="1000")
            time.sleep(0.3)
            broker.process.send_signal(signal.SIGSTOP)
            try:
                started = time.monotonic()
                for i in range(20):
                    two.must(2001, CREATE, "cse-in/two/c", {"m2m:cin": {"con": str(i)}}, 4)
                    expect_equal(over_http(server, "GET", "/cse-in").status, 200, "over HTTP meanwhile")
                expect(time.monotonic() - started < 10, "it took %.1f s" % (time.monotonic() - started))
            finally:
                broker.process.send_signal(signal.SIGCONT)
            expect_equal(one.answer()["rsc"], 2001, "the answer that waited")
            with Listener(broker, "alarms/c") as notified:
                two.must(2001, CREATE, "cse-in/two/c", {"m2m:cin": {"con": "last"}}, 4)
                while b"last" not in notified.take(40)[1]:
                    pass


@rule("what the configuration says wrong is one line at the start")
def _():
    folder = temporary_directory()
    for setting, words in (
        ("mqtt.broker=http://h", "mqtt.broker"),
        ("mqtt.broker=mqtt://h:99999", "port"),
        ("mqtt.broker=mqtt://h/+", "path"),
        ("mqtt.trusted=mqtt://other", "not in mqtt.broker"),
        ("mqtt.map=a b", "FILTER TARGET ORIGINATOR"),
        ("mqtt.password-file=" + folder + "/none", "password-file"),
        ("mqtt.client-id=" + "x" * 300, "client-id"),
    ):
        base = ["--set", "log.level=error", "--set", "http.listen=127.0.0.1:0", "--set", "store.type=memory", "--set", "mqtt.broker=mqtt://127.0.0.1:1"]
        done = run("run", *base, "--set", setting)
        expect(done.returncode != 0 and words in done.stderr, "%s: %r" % (setting, done))
        expect_equal(len(done.stderr.strip().splitlines()), 1, "lines for %s: %s" % (setting, done.stderr))


@rule("a broker that is started after the CSE is connected to")
def _():
    broker = new_broker()
    with serve(broker) as server:
        wait_for_log(server, "no connection to the broker")
        with broker:
            connected(server)
            with Client(broker, "Cmeter") as meter:
                meter.register()


# ---- notifications ----


@rule("an entity with a point of access at a broker is notified there, and its answer counts")
def _():
    with new_broker() as broker, new_broker() as other, serve(broker) as server:
        connected(server)
        for where, prefix in ((broker, ""), (broker, "plant"), (other, ""), (other, "far/away")):
            name = "Cm%d" % next(NUMBERS)
            with Client(broker, name) as meter:
                meter.register(poa=[where.url + ("/" + prefix if prefix else "")])
                path = "cse-in/" + name[1:].lower()
                meter.must(2001, CREATE, path, {"m2m:cnt": {"rn": "c"}}, 3)
                sub = {"m2m:sub": {"rn": "s", "nu": [name], "enc": {"net": [3]}}}
                meter.must(2001, CREATE, path + "/c", sub, 23)
                topic = "%s/oneM2M/req/id-in/%s/json" % (prefix, name)
                with Listener(where, topic) as notified:
                    meter.must(2001, CREATE, path + "/c", {"m2m:cin": {"con": "1"}}, 4)
                    notify = json.loads(notified.take()[1])
                    expect_equal(notify["op"], NOTIFY, "op")
                    expect_equal(notify["pc"]["m2m:sgn"]["nev"]["rep"]["m2m:cin"]["con"], "1", "content")
                    answer = {"rsc": 2000, "rqi": notify["rqi"], "fr": name, "to": "/id-in"}
                    # one in another's name is none
                    publish(where, "%s/oneM2M/resp/id-in/Cthief/json" % prefix, answer)
                    publish(where, "%s/oneM2M/resp/id-in/%s/json" % (prefix, name), answer)
                    meter.must(2001, CREATE, path + "/c", {"m2m:cin": {"con": "2"}}, 4)
                    second = json.loads(notified.take()[1])
                    expect(second["rqi"] != notify["rqi"], "the first was not delivered")
                    answer["rqi"] = second["rqi"]
                    publish(where, "%s/oneM2M/resp/id-in/%s/json" % (prefix, name), answer)
                meter.must(2002, DELETE, path)


@rule("a target that is a whole topic gets the notification there, and has it once the broker has")
def _():
    with new_broker() as broker, new_broker() as other, serve(broker) as server:
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register()
            for number, (where, topic, query, start) in enumerate(
                (
                    (broker, "alarms/plant 1/c", "", b'{"op":5'),
                    (other, "/oneM2M/own/x", "?ct=xml", b"<"),
                    (broker, "cbor/x", "?ct=cbor", b""),
                )
            ):
                path = "c%d" % number
                with Listener(where, topic) as notified:
                    meter.must(2001, CREATE, "cse-in/meter", {"m2m:cnt": {"rn": path}}, 3)
                    url = where.url + "/" + topic.replace(" ", "%20") + query
                    sub = {"m2m:sub": {"rn": "s", "nu": [url], "enc": {"net": [3]}}}
                    meter.must(2001, CREATE, "cse-in/meter/" + path, sub, 23)
                    came, payload = notified.take()
                    expect_equal(came, topic, "topic of the verification")
                    expect(payload.startswith(start) and b"vrq" in payload, "verification: %r" % payload)
                    for i in range(3):
                        meter.must(2001, CREATE, "cse-in/meter/" + path, {"m2m:cin": {"con": "v%d" % i}}, 4)
                        expect(b"v%d" % i in notified.take()[1], "notification")


@rule("a notification waits for a broker that is away, and comes when it is back")
def _():
    with new_broker() as broker, new_broker() as other, serve(broker) as server:
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register_with_container()
            sub = {"m2m:sub": {"rn": "s", "nu": [other.url + "/alarms/c"], "enc": {"net": [3]}}}
            meter.must(2001, CREATE, "cse-in/meter/c", sub, 23)
            session = ("-i", "alarm-session", "-c")
            with Listener(other, "alarms/c", options=session):
                pass
            other.stop()
            started = time.monotonic()
            meter.must(2001, CREATE, "cse-in/meter/c", {"m2m:cin": {"con": "patient"}}, 4)
            expect(time.monotonic() - started < 5, "the CREATE waited")
            other.start()
            with Listener(other, "alarms/c", options=session) as notified:
                expect(b"patient" in notified.take(30)[1], "notification")


@rule("an entity that does not answer is given up in time, and a broker that is not needed is left")
def _():
    with new_broker() as broker, new_broker() as other:
        with serve(broker, notify__timeout="1", outgoing__idle_timeout="1") as server:
            connected(server)
            with Client(broker, "Cmeter") as meter, Client(broker, "Cmute") as mute:
                meter.register()
                mute.register(poa=[other.url])
                rights = {"acr": [{"acor": ["Cmeter", "Cmute"], "acop": 63}]}
                policy = meter.must(2001, CREATE, "cse-in", {"m2m:acp": {"pv": rights, "pvs": rights}}, 1)
                mute.must(2004, UPDATE, "cse-in/mute", {"m2m:ae": {"acpi": [policy["pc"]["m2m:acp"]["ri"]]}})
                meter.must(2001, CREATE, "cse-in/meter", {"m2m:cnt": {"rn": "c"}}, 3)
                with Listener(other, "/oneM2M/req/id-in/Cmute/#") as asked:
                    sub = {"m2m:sub": {"rn": "s", "nu": ["Cmute"], "enc": {"net": [3]}}}
                    answer = meter.must(5204, CREATE, "cse-in/meter/c", sub, 23)
                    expect("no answer in time" in answer["pc"]["m2m:dbg"], "dbg: %r" % answer)
                    expect(b"vrq" in asked.take()[1], "it was asked")
                deadline = time.monotonic() + 10
                while "C::/id-in:" not in other.log() or " disconnected" not in other.log().split("C::/id-in:")[-1]:
                    expect(time.monotonic() < deadline, "the broker is still connected to: " + other.log()[-500:])
                    time.sleep(0.1)
                meter.must(2000, RETRIEVE, "cse-in/meter")


@rule("connections to brokers obey outgoing.networks, and the configuration's own do not")
def _():
    with new_broker() as broker, new_broker() as other:
        with serve(broker, outgoing__networks="192.0.2.0/24") as server:
            connected(server)
            with Client(broker, "Cmeter") as meter:
                meter.register_with_container()
                sub = {"m2m:sub": {"rn": "s", "nu": [other.url + "/alarms/c"], "enc": {"net": [3]}}}
                answer = meter.must(5204, CREATE, "cse-in/meter/c", sub, 23)
                expect("outgoing.networks" in answer["pc"]["m2m:dbg"], "dbg: %r" % answer)


# ---- devices that know no oneM2M ----


@rule("messages of foreign devices become instances as the rules say")
def _():
    rules = (
        "sensors/+/temperature cse-in/gw/$1 Cgw text/plain:0,"
        "raw/+/+ cse-in/gw/$2 Cgw application/octet-stream:1,"
        "tree/# cse-in/$1 Cgw,"
        "nowhere/x cse-in/nosuch Cgw,"
        "asadmin/x cse-in/gw/one CAdmin"
    )
    with new_broker() as broker, serve(broker, mqtt__map=rules) as server:
        connected(server)
        with Client(broker, "Cgw") as gateway:
            gateway.register()
            gateway.must(2001, CREATE, "cse-in/gw", {"m2m:cnt": {"rn": "one"}}, 3)

            def latest():
                return gateway.must(2000, RETRIEVE, "cse-in/gw/one/la")["pc"]["m2m:cin"]

            publish(broker, "sensors/one/temperature", "21.5")
            time.sleep(0.3)
            expect_equal((latest()["con"], latest()["cnf"]), ("21.5", "text/plain:0"), "instance")
            publish(broker, "raw/x/one", b"\x00\xff\x01")
            time.sleep(0.3)
            expect_equal(latest()["con"], "AP8B", "base64")
            publish(broker, "tree/gw/one", '{"t":"\\u00e4"}')
            time.sleep(0.3)
            expect_equal(latest()["con"], '{"t":"\\u00e4"}', "as it came")
            expect("cnf" not in latest(), "no contentInfo")
            count = gateway.must(2000, RETRIEVE, "cse-in/gw/one")["pc"]["m2m:cnt"]["cni"]
            for topic, payload in (
                ("sensors/one/temperature", b"\xff"),
                ("sensors/a b/temperature", "1"),
                ("sensors/$x/temperature", "1"),
                ("tree/gw//one", "1"),
                ("tree", "1"),
                ("nowhere/x", "1"),
                ("asadmin/x", "1"),
                ("other/x", "1"),
            ):
                publish(broker, topic, payload)
            publish(broker, "sensors/one/temperature", "kept", "-r")
            time.sleep(0.3)
            after = gateway.must(2000, RETRIEVE, "cse-in/gw/one")["pc"]["m2m:cnt"]["cni"]
            expect_equal(after, count + 1, "only the one that was heard live")
            expect("is not taken" in server.log() and "rsc=4004" in server.log(), "log")
            for i in range(200):
                publish(broker, "sensors/a b/temperature", "1") if i < 5 else None
            expect(server.log().count("is not taken") < 10, "the log is bounded")


# ---- MQTT 5 ----

PROPERTIES = """
const mqtt = require('mqtt');
const [url, wanted] = process.argv.slice(1);
const client = mqtt.connect(url, { protocolVersion: 5 });
client.on('connect', () => client.subscribe(['answers/#', '/oneM2M/resp/#', 'other/#', '/oneM2M/req/id-in/#'], () =>
  client.publish('/oneM2M/req/Cmeter/id-in/json',
    JSON.stringify({ op: 2, to: 'cse-in/meter', rqi: 'p' + wanted, rvi: '3' }),
    { qos: 1, properties: { responseTopic: wanted, correlationData: Buffer.from('corr-1') } })));
client.on('message', (topic, payload, packet) => {
  const data = packet.properties && packet.properties.correlationData;
  console.log(JSON.stringify({ topic, rsc: JSON.parse(payload).rsc, correlation: data ? data.toString() : null }));
  client.end();
});
"""


@rule("with MQTT 5 the answer goes to the response topic with the correlation data, but to nobody else's topic")
def _():
    with new_broker() as broker:
        for trusted in ("", broker.url):
            with serve(broker, mqtt__version="5", mqtt__trusted=trusted) as server:
                connected(server)
                with Client(broker, "Cmeter") as meter:
                    meter.register()
                for wanted, topic, rsc in (
                    ("answers/Cmeter/1", "answers/Cmeter/1", 2000),
                    ("/oneM2M/resp/Cmeter/id-in/mine", "/oneM2M/resp/Cmeter/id-in/mine", 2000),
                    ("other/place", "/oneM2M/resp/Cmeter/id-in/json" if trusted else "other/place", 4000 if trusted else 2000),
                    ("/oneM2M/req/id-in/Cmeter/json", "/oneM2M/resp/Cmeter/id-in/json", 4000),
                    ("/oneM2M/resp/Cother/id-in/json", "/oneM2M/resp/Cmeter/id-in/json", 4000),
                ):
                    came = json.loads(peers.node(PROPERTIES, broker.url, wanted))
                    expect_equal(came, {"topic": topic, "rsc": rsc, "correlation": "corr-1"}, wanted)


@rule("with MQTT 5 the session is kept over a restart of the broker as well")
def _():
    with new_broker() as broker, serve(broker, mqtt__version="5") as server:
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register()
        time.sleep(1.2)
        broker.kill()
        broker.start()
        with Client(broker, "Cmeter") as meter:
            meter.must(2000, RETRIEVE, "cse-in/meter")


# ---- npm, and what goes over the wire ----

ENTITY = """
const mqtt = require('mqtt');
const [url] = process.argv.slice(1);
const client = mqtt.connect(url, { clientId: 'A::Cnode', clean: false });
const waiting = new Map();
let number = 0, notified;
const arrived = new Promise(resolve => { notified = resolve; });
function request(word, primitive) {
  const rqi = 'n' + ++number;
  client.publish(`/oneM2M/${word}/Cnode/id-in/json`, JSON.stringify({ fr: 'Cnode', rqi, rvi: '3', ...primitive }), { qos: 1 });
  return new Promise(resolve => waiting.set(rqi, resolve));
}
client.on('message', (topic, payload) => {
  const message = JSON.parse(payload);
  if (topic.startsWith('/oneM2M/req/')) {
    client.publish('/oneM2M/resp/id-in/Cnode/json', JSON.stringify({ rsc: 2000, rqi: message.rqi }), { qos: 1 });
    notified(message);
  } else if (waiting.has(message.rqi)) {
    waiting.get(message.rqi)(message);
    waiting.delete(message.rqi);
  }
});
client.on('connect', () => client.subscribe(
  ['/oneM2M/reg_resp/Cnode/#', '/oneM2M/resp/Cnode/#', '/oneM2M/req/+/Cnode/#'], { qos: 1 }, async () => {
  const codes = [];
  const step = async (word, primitive) => { const a = await request(word, primitive); codes.push(a.rsc); return a; };
  await step('reg_req', { op: 1, to: 'cse-in', ty: 2, pc: { 'm2m:ae': { rn: 'node', api: 'N1', rr: true, srv: ['3'], poa: [url] } } });
  await step('req', { op: 1, to: 'cse-in/node', ty: 3, pc: { 'm2m:cnt': { rn: 'c' } } });
  await step('req', { op: 1, to: 'cse-in/node/c', ty: 23, pc: { 'm2m:sub': { rn: 's', nu: ['Cnode'], enc: { net: [3] } } } });
  await step('req', { op: 1, to: 'cse-in/node/c', ty: 4, pc: { 'm2m:cin': { con: 'hello' } } });
  const message = await arrived;
  await step('req', { op: 3, to: 'cse-in/node/c', pc: { 'm2m:cnt': { mni: 3 } } });
  const found = await step('req', { op: 2, to: 'cse-in/node', fc: { fu: 1, ty: [4] } });
  await step('req', { op: 4, to: 'cse-in/node' });
  console.log(JSON.stringify({ codes, found: found.pc['m2m:uril'].length, con: message.pc['m2m:sgn'].nev.rep['m2m:cin'].con }));
  client.end();
}));
"""


@rule("an entity of npm's mqtt registers, works and is notified, and every packet is well formed")
def _():
    with new_broker() as broker, serve(broker) as server:
        connected(server)
        server.stop()
        with peers.Capture(os.path.join(temporary_directory(), "mqtt.pcap"), broker.port) as capture:
            server.start()
            connected(server, 2)
            seen = json.loads(peers.node(ENTITY, broker.url))
            server.stop()
        expect_equal(seen["codes"], [2001, 2001, 2001, 2001, 2004, 2000, 2002], "codes")
        expect_equal((seen["found"], seen["con"]), (1, "hello"), "discovery and notification")
        capture.expect_well_formed("mqtt", 20)
        connects = capture.decode(
            "mqtt",
            ("mqtt.clientid", "mqtt.conflag.cleansess", "mqtt.conflag.willflag", "mqtt.ver"),
            'mqtt.msgtype == 1 && mqtt.clientid contains "C::"',
        )
        expect_equal(connects, [["C::/id-in", "0", "0", "4"]], "CONNECT of the CSE")
        answers = capture.decode(
            "mqtt", ("mqtt.qos", "mqtt.retain"), 'mqtt.msgtype == 3 && mqtt.topic contains "/oneM2M/resp/Cnode"'
        )
        expect(answers and all(q.startswith("1") and r.startswith("0") for q, r in answers), "QoS and retain: %r" % answers)


@rule("many clients at once are all answered")
def _():
    with new_broker("max_inflight_messages 0", "max_queued_messages 0") as broker, serve(broker) as server:
        connected(server)
        with Client(broker, "Cmeter") as meter:
            meter.register_with_container()
            lines = "".join(
                json.dumps({"op": 1, "to": "cse-in/meter/c", "rqi": "m%d" % i, "rvi": "3", "ty": 4, "pc": {"m2m:cin": {"con": str(i)}}})
                + "\n"
                for i in range(500)
            )

            def pour():
                subprocess.run(
                    ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", meter.topic(), "-l"],
                    input=lines.encode(),
                    check=True,
                    timeout=60,
                )

            pouring = [threading.Thread(target=pour) for _ in range(2)]  # each request twice
            for thread in pouring:
                thread.start()
            for thread in pouring:
                thread.join()
            answered = {}
            while len(answered) < 500:
                answer = meter.answer()
                answered[answer["rqi"]] = answer["rsc"]
            expect_equal(set(answered.values()), {2001}, "codes")
            counted = meter.answer_to(meter.send(RETRIEVE, "cse-in/meter/c"))
            expect_equal(counted["pc"]["m2m:cnt"]["cni"], 500, "instances")


if __name__ == "__main__":
    if not os.path.exists("/usr/bin/mosquitto_pub"):
        raise Skip("there are no mosquitto clients")
    main()
