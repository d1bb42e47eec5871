#!/usr/bin/env python3
"""What is acknowledged or shown is on the device. The server runs with a library that makes syncing slow or fail. Times
are only ever compared with how long the sync takes at least. Speaks TAP."""

import contextlib
import errno
import signal
import threading
import time

from copse_harness import FaultyDisk, Server, comment, expect, expect_equal, main, must, rule
from filling import Filling, break_and_mend

DELAY = 0.5
AE = "/cse-in/sync"


@contextlib.contextmanager
def slow_server():
    """A server with some content whose every sync takes DELAY."""
    disk = FaultyDisk()
    with Server(env=disk.environment()) as server:
        fill_little(server)
        disk.set(sync_delay_ms=int(DELAY * 1000))
        yield server
        disk.set()


def fill_little(server):
    with server.client() as client:
        must(client.create_ae("sync"), 2001)
        must(client.create_cnt(AE, "c"), 2001)
        must(client.create_cin(AE + "/c", "first", rn="first"), 2001)
        must(client.create_cin(AE + "/c", "second", rn="second"), 2001)
        must(client.create_cnt(AE, "gone"), 2001)


def timed(function, *arguments, **options):
    started = time.monotonic()
    return function(*arguments, **options), started, time.monotonic()


CHANGES = (
    ("create of an instance", 2001, lambda client: client.create_cin(AE + "/c", "new", rn="new")),
    ("create of a container", 2001, lambda client: client.create_cnt(AE, "new")),
    ("update", 2004, lambda client: client.update(AE + "/c", 3, {"lbl": ["new"]})),
    ("delete of latest", 2002, lambda client: client.delete(AE + "/c/la")),
    ("delete of a container", 2002, lambda client: client.delete(AE + "/gone")),
)


@rule("a change is acknowledged only after the device has it")
def after_sync():
    with slow_server() as server, server.client() as client:
        for what, rsc, change in CHANGES:
            answer, started, ended = timed(change, client)
            must(answer, rsc)
            expect(
                ended - started >= DELAY,
                "%s answered after %.3f s, a sync takes %.1f s" % (what, ended - started, DELAY),
            )


def watch(server, requests, seen):
    """Asks each of these again and again, for as long as the change is on its way; notes (name, answer, when)."""
    deadline = time.monotonic() + 2 * DELAY

    def ask(name, path, method):
        with server.client() as client:
            while time.monotonic() < deadline:
                answer = client.request(method, path)
                seen.append((name, answer, time.monotonic()))
                time.sleep(0.02)

    threads = [threading.Thread(target=ask, args=(name, *request)) for name, request in requests.items()]
    for thread in threads:
        thread.start()
    return threads


def shows(name, answer):
    """Does the answer tell of the change?"""
    if name == "create":
        return answer.rsc == 2000
    if name == "latest":
        return answer.resource["rn"] == "new"
    return answer.resource["cni"] != 2 or "lbl" in answer.resource


@rule("no answer shows a change that the device does not have yet")
def not_seen_before():
    requests = {"create": (AE + "/c/new", "GET"), "latest": (AE + "/c/la", "GET"), "container": (AE + "/c", "GET")}
    for what, rsc, change in CHANGES[:1] + CHANGES[2:3]:
        with slow_server() as server, server.client() as client:
            seen = []
            started = time.monotonic()
            threads = watch(server, requests, seen)
            must(change(client), rsc)
            for thread in threads:
                thread.join()
            early = [(name, answer) for name, answer, when in seen if when < started + DELAY and shows(name, answer)]
            expect(not early, "%s: seen too early: %r" % (what, early))
            expect(any(shows(name, answer) for name, answer, _ in seen), "%s was never seen" % what)


@rule("a refusal or an absence that comes from a change is not told before the device has that change")
def absence_not_seen_before():
    with slow_server() as server, server.client() as first, server.client() as second:
        deleting = threading.Thread(target=lambda: must(first.delete(AE + "/gone"), 2002))
        started = time.monotonic()
        deleting.start()
        while time.monotonic() < started + DELAY:
            answer, _, ended = timed(second.get, AE + "/gone")
            expect(answer.rsc in (2000, 4004), "get: %r" % answer)
            expect(answer.rsc == 2000 or ended >= started + DELAY, "gone after %.3f s" % (ended - started))
        deleting.join()
        creating = threading.Thread(target=lambda: must(first.create_cnt(AE, "twice"), 2001))
        started = time.monotonic()
        creating.start()
        time.sleep(DELAY / 5)
        answer, _, ended = timed(second.create_cnt, AE, "twice")
        must(answer, 4105)
        expect(ended >= started + DELAY, "conflict told after %.3f s" % (ended - started))
        creating.join()


def broken_story(**faults):
    disk = FaultyDisk()
    server = Server(env=disk.environment()).start()
    break_and_mend(Filling(server), lambda: disk.set(**faults), disk.set, server.restart)


@rule("when syncing fails exactly the changes concerned answer 5000, and service goes on when the cause is gone")
def sync_fails():
    broken_story(sync_errno=errno.EIO)


@rule(
    "when the device fails on writing, the changes concerned answer 5000, and service goes on when the cause is gone"
)
def write_fails():
    broken_story(write_errno=errno.EIO)


@rule("a quota that is used up is like a full disk")
def quota():
    broken_story(write_errno=errno.EDQUOT)


@rule("what was acknowledged before syncing failed is there after a kill, and nothing is half there")
def killed_while_failing():
    disk = FaultyDisk()
    server = Server(env=disk.environment()).start()
    filling = Filling(server)
    filling.fill(200)
    disk.set(sync_errno=errno.EIO)
    filling.fill()
    server.end(signal.SIGKILL, 30)
    disk.set()
    with server.start().client() as client:
        extra = 0
        for number, kept in filling.kept.items():
            path = filling.path(number)
            for name, content in kept:
                expect_equal(must(client.get("%s/%s" % (path, name)), 2000).resource["con"], content, name)
            refused = [one for one in filling.refused if one.startswith(path + "/") and client.get(one).rsc == 2000]
            seen = must(client.get(path), 2000).resource
            expect_equal(seen["cni"], len(kept) + len(refused), "cni of " + path)
            extra += len(refused)
        comment(
            "%d creates acknowledged, %d answered 5000, of which %d are there after the kill"
            % (filling.acknowledged(), len(filling.refused), extra)
        )
        must(client.create_cin(filling.path(0), "goes on"), 2001)


if __name__ == "__main__":
    main()
