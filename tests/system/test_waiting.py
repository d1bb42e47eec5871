#!/usr/bin/env python3
"""Requests that take their time, with the built program: thousands of polls that wait, and non-blocking requests over SIGKILL. Speaks
TAP."""

import os
import random
import resource
import time

from copse_harness import Client, Server, comment, expect, expect_equal, is_sanitized, main, resident, must, request_bytes, rule

PCH = 15
MOST_POLLS = 10000
CYCLES = int(os.environ.get("COPSE_WAITING_CYCLES", "15"))


def threads(pid):
    return len(os.listdir("/proc/%d/task" % pid))


def raise_descriptors():
    """How many connections this process may have open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@rule("polls that wait cost under 10 kB each and no thread")
def polls():
    count = min(MOST_POLLS, raise_descriptors() - 200)
    settings = {"limits.requests": "20000", "http.max-connections": "20000"}
    with Server(store_type="memory", settings=settings) as server, server.client() as client:
        for i in range(count):
            name = "a%d" % i
            must(client.create_ae(name), 2001)
            must(client.request("POST", "/cse-in/" + name, {"m2m:pch": {"rn": "p"}}, PCH, origin="C" + name), 2001)
        before, of_before = resident(server.pid), threads(server.pid)
        waiting = []
        for i in range(count):
            poll = Client(server.port)
            poll.socket.sendall(
                request_bytes("GET", "/cse-in/a%d/p/pcu" % i, origin="Ca%d" % i, headers=(("X-M2M-RET", "PT10M"),))
            )
            waiting.append(poll)
        expect_equal(client.get("/cse-in").rsc, 2000, "a bystander's answer")
        time.sleep(0.5)
        each = (resident(server.pid) - before) / count
        comment("%d polls wait; %.0f bytes each" % (count, each))
        expect(each < (50000 if is_sanitized() else 10000), "a poll costs %.0f bytes" % each)
        expect_equal(threads(server.pid), of_before, "threads")
        # and one of them is answered as soon as there is something
        must(
            client.request(
                "POST", "/cse-in/a7", {"m2m:sgn": {"sur": "x"}}, origin="CAdmin", headers=(("X-M2M-RET", "PT1S"),)
            ),
            4008,
        )
        answer = waiting[7].receive()
        expect_equal(answer.rsc, 2000, "the poll's answer")
        expect("m2m:rqp" in answer.json, "what was fetched: %r" % answer)
        for poll in waiting:
            poll.close()


def accept(client, container, number, oet):
    """One non-blocking CREATE; the identifier of its <request>."""
    answer = client.request(
        "POST",
        "/%s?rt=1&rp=PT10M" % container,
        {"m2m:cin": {"con": str(number)}},
        4,
        headers=(("X-M2M-OET", str(oet)),),
    )
    expect_equal(answer.rsc, 1001, "acknowledgement")
    return answer.json["m2m:uri"]


def results(client, acknowledged):
    """Waits until none is pending any more."""
    deadline = time.monotonic() + 30
    left = dict(acknowledged)
    while left:
        expect(time.monotonic() < deadline, "%d requests stay pending" % len(left))
        for number, identifier in list(left.items()):
            request = must(client.get("/" + identifier), 2000).json["m2m:req"]
            if request["rs"] != 3:
                expect_equal((request["rs"], request["ors"]["rsc"]), (1, 2001), "result of %d" % number)
                del left[number]


@rule("what was acknowledged is performed exactly once, whenever the server is killed")
def killed():
    chance = random.Random(1)
    acknowledged = {}
    with Server() as server:
        with server.client() as client:
            must(client.create_cnt("/cse-in", "c"), 2001)
        number = 0
        for _ in range(CYCLES):
            with server.client() as client:
                for _ in range(chance.randrange(5, 40)):
                    acknowledged[number] = accept(client, "cse-in/c", number, chance.choice([0, 10, 50, 400]))
                    number += 1
                time.sleep(chance.choice([0, 0.01, 0.1]))
                server.kill()
            server.start()
        with server.client() as client:
            results(client, acknowledged)
            answer = must(client.get("/cse-in/c?rcn=8"), 2000)
            contents = [int(cin["con"]) for cin in answer.json["m2m:cnt"]["m2m:cin"]]
        server.stop()
    comment("%d requests acknowledged over %d kills" % (number, CYCLES))
    expect_equal(sorted(contents), list(range(number)), "what was performed")


if __name__ == "__main__":
    main()
