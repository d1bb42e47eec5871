#!/usr/bin/env python3
"""The WebSocket binding: whose a connection is, and requests over it to whom it belongs (TS-0020 5.2, 6.4)."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402
from websocket_client import WebSocket, frame  # noqa: E402
from websocket_stand import RETRIEVE, busy_with, serve, verify  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from copse_harness import Server, expect, expect_equal, main, rule  # noqa: E402
from notify_sink import Collector  # noqa: E402


@rule("an entity without a point of access is notified over its connection")
def _():
    with serve() as server, server.connect() as device, server.connect() as admin:
        device.register_subscribed("dev")
        for number in range(20):
            admin.instance("cse-in/dev/c", str(number))
        expect_equal([device.notified_content() for _ in range(20)], [str(i) for i in range(20)], "notifications")


@rule("a subscriber is asked over its connection whether it wants the notifications")
def _():
    with serve() as server, server.connect() as device, server.connect() as admin:
        device.register("dev")
        admin.container("cse-in", "c")
        identifier = admin.post(op=1, to="cse-in/c", ty=23, pc={"m2m:sub": {"rn": "s", "nu": ["cse-in/dev"]}})
        verification = device.notification()
        expect(verification["pc"]["m2m:sgn"]["vrq"] is True, verification)
        expect_equal(admin.answer(identifier)["rsc"], 2001, "the subscription")


@rule("what could not be delivered is kept, and sent when the entity comes back, in order and once")
def _():
    with serve(notify__retry_longest="3600") as server, server.connect() as admin:
        with server.connect() as device:
            device.register_subscribed("dev")
        for number in range(5):
            admin.instance("cse-in/dev/c", str(number))
        with WebSocket(server.port, origin="Cdev") as device:
            device.must(2000, op=2, to="cse-in/dev")
            admin.instance("cse-in/dev/c", "5")
            expect_equal([device.notified_content() for _ in range(6)], [str(i) for i in range(6)], "notifications")
            device.must(2000, op=2, to="cse-in/dev")
            expect(not device.notifications, "one came twice: %s" % device.notifications)


@rule("a request that was not answered before the connection ended is sent again over the next")
def _():
    with serve(notify__retry_longest="3600") as server, server.connect() as admin:
        with server.connect() as device:
            device.register_subscribed("dev")
            admin.instance("cse-in/dev/c", "lost")
            first = json.loads(device.read_message()[1])
        with server.connect(origin="Cdev") as device:
            device.must(2000, op=2, to="cse-in/dev")
            again = device.notification()
            expect_equal(again["rqi"], first["rqi"], "its identifier")


@rule("a request that the client does not answer in time is sent again, and a late answer counts for nothing")
def _():
    with serve(notify__timeout="1") as server, server.connect() as admin, server.connect() as device:
        device.register_subscribed("dev")
        admin.instance("cse-in/dev/c", "1")
        first = json.loads(device.read_message()[1])
        second = json.loads(device.read_message()[1])
        expect_equal(second["rqi"], first["rqi"], "its identifier")
        for _ in range(2):
            device.send(frame(json.dumps({"rsc": 2000, "rqi": first["rqi"]})))
        device.must(2000, op=2, to="cse-in/dev")
        expect("no answer over the connection in time" in server.log(), server.log())
        admin.instance("cse-in/dev/c", "2")
        expect_equal(device.notified_content(), "2", "the next one")


@rule("what an older connection has not answered goes to the newer one at once")
def _():
    with serve(notify__retry_longest="86400") as server, server.connect() as admin, server.connect() as stuck:
        stuck.register_subscribed("dev")
        admin.instance("cse-in/dev/c", "1")
        expect("m2m:sgn" in json.loads(stuck.read_message()[1])["pc"], "the notification, which is not answered")
        with server.connect(origin="Cdev") as device:
            device.must(2000, op=2, to="cse-in/dev")
            expect_equal(device.notified_content(), "1", "over the new one")


@rule("a point of access comes before the connection, and one of the scheme ws names it")
def _():
    with Collector() as sink, serve() as server, server.connect() as admin:
        with server.connect() as device:
            device.register("dev", poa=[sink.base])
            device.container("cse-in/dev", "c")
            device.subscribe("cse-in/dev/c", "cse-in/dev")
            admin.instance("cse-in/dev/c", "over HTTP")
            sink.wait(lambda: sink.messages, "a message to the point of access")
            device.must(2000, op=2, to="cse-in/dev")
            expect(not device.notifications, "the connection was used: %s" % device.notifications)
            device.must(2004, op=3, to="cse-in/dev", pc={"m2m:ae": {"poa": ["ws://me", sink.base]}})
            admin.instance("cse-in/dev/c", "over the connection")
            expect_equal(device.notified_content(), "over the connection", "the first point of access")
            device.must(2004, op=3, to="cse-in/dev", pc={"m2m:ae": {"poa": ["amqp://nobody"]}})
            admin.instance("cse-in/dev/c", "no other way")
            expect_equal(device.notified_content(), "no other way", "a point of access that nobody can use")


@rule("an entity that says it cannot receive requests gets none over its connection")
def _():
    with serve() as server, server.connect() as admin, server.connect() as device:
        device.register("dev", rr=False)
        device.container("cse-in/dev", "c")
        device.subscribe("cse-in/dev/c", "cse-in/dev")
        admin.instance("cse-in/dev/c", "1")
        device.must(2001, op=1, to="cse-in/dev", ty=15, pc={"m2m:pch": {"rn": "p"}})
        admin.instance("cse-in/dev/c", "2")
        polled = device.must(2000, op=2, to="cse-in/dev/p/pcu")
        expect(not device.notifications, "a request came: %s" % device.notifications)
        expect("m2m:rqp" in polled["pc"], polled)


@rule("the newest connection is the entity's, and the one before it is closed")
def _():
    with serve() as server, server.connect() as admin, server.connect() as old:
        old.register_subscribed("dev")
        with server.connect(origin="Cdev") as new:
            new.must(2000, op=2, to="cse-in/dev")
            old.expect_close(1000)
            admin.instance("cse-in/dev/c", "1")
            expect_equal(new.notified_content(), "1", "over the new one")
            new.must(2002, op=4, to="cse-in/dev/c")
        with server.connect(origin="Cdev") as again:
            again.must(2000, op=2, to="cse-in/dev")


@rule("who says in the handshake who it is gets nothing for it, and who has registered need not say it again")
def _():
    with serve() as server, server.connect() as admin, server.connect() as device:
        device.register("dev")
        device.origin = None
        device.container("cse-in/dev", "c")
        device.subscribe("cse-in/dev/c", "cse-in/dev")
        with server.connect(headers=(("X-M2M-Origin", "Cdev"),), origin=None) as liar:
            admin.instance("cse-in/dev/c", "1")
            expect_equal(device.notified_content(), "1", "the entity's own connection")
            liar.must(4103, op=2, to="cse-in", fr="Cother")
            device.must(2000, op=2, to="cse-in/dev")
            liar.must(2000, op=2, to="cse-in/dev")
            device.expect_close(1000)
        with server.connect(origin=None) as nobody:
            nobody.must(4000, op=2, to="cse-in/dev")


@rule("a connection is no registration's any more when another has taken the name")
def _():
    with serve() as server, server.connect() as admin, server.connect() as first:
        first.register("dev")
        admin.must(2002, op=4, to="cse-in/dev")
        with server.client() as other:
            expect_equal(other.create_ae("dev", rr=True).rsc, 2001, "registered anew, over HTTP")
            expect_equal(other.create_cnt("/cse-in/dev", "c").rsc, 2001, "a container")
        admin.must(5204, op=1, to="cse-in/dev/c", ty=23, pc={"m2m:sub": {"rn": "s", "nu": ["cse-in/dev"], "enc": {"net": [3]}}})
        first.must(2000, op=2, to="cse-in/dev")
        expect(not first.notifications, "the verification went to the old registration's connection")


@rule("a name is not a connection's any more when its registration is gone, nor is what another registers under it")
def _():
    with serve() as server, server.connect() as admin, server.connect() as old, server.connect() as new:
        old.register("dev")
        admin.must(2002, op=4, to="cse-in/dev")
        new.register_subscribed("dev")
        old.must(4000, op=2, to="cse-in/dev", fr=None)
        old.must(2000, op=2, to="cse-in/dev")
        admin.instance("cse-in/dev/c", "1")
        expect_equal(new.notified_content(), "1", "over the new one's connection")
        old.must(2000, **RETRIEVE, fr="CAdmin")
        expect(not old.notifications, "the old one was notified")


@rule("a connection that is being closed becomes nobody's")
def _():
    with serve(notify__timeout="3600") as server, server.connect() as other, server.connect() as admin:
        with server.connect() as good, server.connect(origin="Cgood") as bad:
            good.register_subscribed("good")
            admin.open_policy()
            other.register("dev", acpi=["cse-in/open"])
            bad.post(op=1, to="cse-in/good", ty=23, pc={"m2m:sub": {"rn": "s", "nu": ["cse-in/dev"]}})
            verification = json.loads(other.read_message()[1])["rqi"]
            bad.send(frame(b"", masked=False))
            bad.expect_close(1002)
            verify(other, verification)
            while admin.request(op=2, to="cse-in/good/s")["rsc"] != 2000:
                pass
            admin.instance("cse-in/good/c", "1")
            expect_equal(good.notified_content(), "1", "over the good one")


@rule("an answer that is due on an older connection comes before it is closed")
def _():
    with serve(notify__timeout="3600") as server, server.connect() as device, server.connect() as old:
        old.register_subscribed("tool")
        identifier, verification = busy_with(old, device)
        with server.connect(origin="Ctool") as new, server.connect() as admin:
            new.must(2000, op=2, to="cse-in/tool")
            admin.instance("cse-in/tool/c", "1")
            expect_equal(new.notified_content(), "1", "over the new one")
            verify(device, verification)
            expect_equal(old.answer(identifier)["rsc"], 2001, "the subscription")
            old.expect_close(1000)


@rule("a connection is that of all entities of its node, now and when it comes back")
def _():
    names = ["a", "b", "c"]

    def expect_all_served(node, content):
        for name in names:
            admin.instance("cse-in/%s/c" % name, content + name)
        expect_equal(sorted(node.notified_content() for _ in names), [content + name for name in names], "notifications")

    with serve(notify__retry_longest="3600", websocket__ping="0") as server, server.connect() as admin, server.connect() as node:
        for name in names:
            node.register_subscribed(name)
        expect_all_served(node, "1")
        with server.connect() as one:
            one.must(2000, op=2, to="cse-in/b", fr="Cb")
            admin.instance("cse-in/b/c", "moved")
            expect_equal(one.notified_content(), "moved", "over a connection of its own")
            admin.instance("cse-in/a/c", "stays")
            expect_equal(node.notified_content(), "stays", "over the node's")
        with server.connect() as again:
            for name in names:
                again.must(2000, op=2, to="cse-in/" + name, fr="C" + name)
            expect_all_served(again, "2")
            node.expect_close(1000)


@rule("entities that come and go on one connection leave the last one served")
def _():
    with serve() as server, server.connect() as admin, server.connect() as node:
        for number in range(20):
            node.register("x%d" % number)
            node.must(2002, op=4, to="cse-in/x%d" % number)
        node.register_subscribed("last")
        admin.instance("cse-in/last/c", "1")
        expect_equal(node.notified_content(), "1", "the last")


@rule("answers to requests that are sent on go to whoever has asked, whatever identifiers are chosen")
def _():
    with serve() as server, server.connect() as admin, server.connect() as one, server.connect() as two, server.connect() as device:
        admin.open_policy()
        one.register("one")
        two.register("two")
        device.register("dev", acpi=["cse-in/open"])
        device.container("cse-in/dev", "c")
        device.subscribe("cse-in/dev/c", "cse-in/dev")
        for client in (one, two):
            client.post(op=5, to="cse-in/dev", rqi="same", pc={"m2m:sgn": {"sur": client.origin}})
            client.request(op=2, to="cse-in")
        asked = [json.loads(device.read_message()[1]) for _ in range(2)]
        expect_equal([primitive["rqi"] for primitive in asked], ["Cone/same", "Ctwo/same"], "identifiers")
        for primitive in reversed(asked):
            code = {"Cone": 2000, "Ctwo": 2004}[primitive["fr"].rpartition("/")[2]]
            device.send(frame(json.dumps({"rsc": code, "rqi": primitive["rqi"]})))
        expect_equal([client.answer("same")["rsc"] for client in (one, two)], [2000, 2004], "answers")
        admin.instance("cse-in/dev/c", "1")
        own = json.loads(device.read_message()[1])["rqi"]
        two.post(op=5, to="cse-in/dev", rqi=own, pc={"m2m:sgn": {"sur": "x"}})
        expect(json.loads(device.read_message()[1])["rqi"] != own, "the CSE's own identifier, from another")


@rule("the result of a non-blocking request comes over the connection")
def _():
    with serve() as server, server.connect() as device:
        device.register("dev")
        device.must(1002, op=2, to="cse-in/dev", rt={"rtv": 2})
        response = device.notification()["pc"]["m2m:rsp"]
        expect_equal((response["rsc"], response["pc"]["m2m:ae"]["rn"]), (2000, "dev"), "the result")
        device.must(1001, op=2, to="cse-in/dev", rt={"rtv": 1})
        device.post(op=2, to="cse-in/dev", rt={"rtv": 5})
        device.must(2000, op=2, to="cse-in/dev")
        expect(not device.answers and not device.notifications, "an answer to noResponse: %s" % device.answers)


@rule("the CSEBase says where WebSockets are served")
def _():
    with Server(store_type="memory", settings={"websocket.listen": "127.0.0.1:%d" % peers.free_port()}) as server:
        with server.client() as client:
            points = client.get("/cse-in").resource["poa"]
        expect_equal(points, ["ws://" + server.settings["websocket.listen"]], "pointOfAccess")


@rule("a URL of others is no target over WebSocket")
def _():
    with serve(notify__verify="no") as server, server.connect() as client:
        client.container("cse-in", "c")
        client.must(2001, op=1, to="cse-in/c", ty=23, pc={"m2m:sub": {"rn": "s", "nu": ["ws://127.0.0.1:%d/" % server.ws_port], "enc": {"net": [3]}}})
        client.instance("cse-in/c", "1")
        client.must(2000, **RETRIEVE)


main()
