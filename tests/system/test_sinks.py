#!/usr/bin/env python3
"""A zoo of notification targets: hosts that hang, are slow, reset, refuse, answer nonsense or without end. Whatever they
do, requests are answered, a healthy target gets everything in order, what the others cost is bounded, and what they
missed reaches them once they behave, also after a restart. Speaks TAP."""

import os
import re
import socket
import ssl
import struct
import time

from copse_harness import ADMIN, Server, comment, expect, expect_equal, main, must, rule
from notify_sink import PATIENCE, Collector, Host, answer, polite

BOX = "/cse-in/zoo/box"
SUBSCRIPTION = 23
CREATED = 3
CONTENT = "confidential-content-%d"
QUERY = "?token=confidential-query"
TIMEOUT = 2  # notify.timeout, seconds
MEMORY_MAX = 96 << 20  # bytes that a zoo may cost, buffers of the allocator included
CROWD = 100


# ---- manners ----


def slow(host, connection, message):
    """Long enough for no answer to be whole within the timeout."""
    for byte in answer(lines=["X-Padding: " + "x" * 40]):
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def resetting(host, connection, message):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def says(*arguments, **options):
    """Always the same answer, and the connection stays open."""
    data = answer(*arguments, **options)
    return lambda host, connection, message: connection.sendall(data)


def endless(head, piece):
    def talk(host, connection, message):
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return talk


def chunked(host, connection, message):
    head = "HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    for piece in (head, "1\r\n{\r\n", "1\r\n}\r\n", "0\r\n\r\n"):
        connection.sendall(piece.encode())


def ends_after(data):
    def talk(host, connection, message):
        connection.sendall(data)
        return False

    return talk


def never_reads(host, connection):
    return None


def plain_in_any_case(host, connection):
    connection.recv(65536)
    connection.sendall(answer(status="400 Bad Request", rsc=None))
    connection.close()


def tls_in_any_case(host, connection):
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(connection, server_side=True)


ENDLESS_BODY = endless(b"HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n%s\r\n" % (b"x" * 4096))
ENDLESS_HEADER = endless(b"HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\n", b"X-Padding: xxxxxxxxxxxxxxxxxxxxxx\r\n")
RETRIED, DELIVERED = "tried again", "delivered"

# name: (what becomes of its notifications, scheme, manners, greet)
ZOO = {
    "hung": (RETRIED, "http", None, never_reads),
    "slow": (RETRIED, "http", slow, None),
    "resetting": (RETRIED, "http", resetting, None),
    "refusing": (RETRIED, "http", None, None),
    "500": (RETRIED, "http", says(rsc=None, status="500 Internal Server Error"), None),
    "wrong-code": (RETRIED, "http", says(rsc="fine"), None),
    "error-code": (DELIVERED, "http", says(rsc="4103", status="403 Forbidden"), None),
    "endless-body": (RETRIED, "http", ENDLESS_BODY, None),
    "long-body": (RETRIED, "http", says(body=b"x" * 100_000), None),
    "endless-header": (RETRIED, "http", ENDLESS_HEADER, None),
    "redirect": (RETRIED, "http", None, None),
    "plain-for-tls": (RETRIED, "https", None, plain_in_any_case),
    "tls-for-plain": (RETRIED, "http", None, tls_in_any_case),
    "closing": (DELIVERED, "http", ends_after(answer(lines=["Connection: close"])), None),
    "closing-unsaid": (DELIVERED, "http", ends_after(answer()), None),
    "old": (DELIVERED, "http", ends_after(answer(version="1.0")), None),
    "chunked": (DELIVERED, "http", chunked, None),
    "nowhere": (RETRIED, "http", None, None),
}


class Guest:
    """One of the zoo, and its subscription."""

    def __init__(self, name, trap):
        self.name = name
        self.fate, self.scheme, manners, greet = ZOO[name]
        if name == "redirect":
            location = "Location: %s/trap" % trap.base
            manners = says(rsc=None, status="307 Temporary Redirect", lines=[location])
        self.host = None if name == "nowhere" else Host(manners, greet, listens=name != "refusing")
        address = self.host.address if self.host else "no-such-host.invalid:80"
        self.url = "%s://%s/%s%s" % (self.scheme, address, name, QUERY)

    def is_observed(self):
        """Does its host see that it is tried?"""
        return self.name not in ("refusing", "nowhere")

    def attempts(self):
        return [message.at for message in self.host.messages] or list(self.host.connections)

    def wait_attempts(self, number):
        wait(lambda: len(self.attempts()) >= number, "attempt %d at %s" % (number, self.name))

    def can_recover(self):
        """As a plain host; the one that is asked for TLS has none to offer."""
        return self.host is not None and self.scheme == "http"

    def close(self):
        if self.host:
            self.host.close()


# ---- the zoo keeper ----


class Zoo:
    """A server with one container, one healthy target, and whoever else subscribes."""

    def __init__(self, **settings):
        keys = {name.replace("__", ".").replace("_", "-"): value for name, value in settings.items()}
        defaults = {"notify.verify": "no", "notify.timeout": TIMEOUT, "log.level": "debug"}
        # An instrumented program keeps what was freed for a while; that is not its memory.
        calm = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
        self.server = Server(settings={**defaults, **keys}, env={"ASAN_OPTIONS": calm})
        self.healthy, self.trap = Collector("127.0.0.2"), Collector()
        self.guests, self.others = [], []
        self.created = 0
        self.most_ahead = int(settings.get("notify__max_queue", 0)) // 2  # what the healthy target may lag behind; 0: any

    def __enter__(self):
        with self.server.start().client() as client:
            must(client.create_ae("zoo"), 2001)
            must(client.create_cnt("/cse-in/zoo", "box"), 2001)
        self.subscribe("healthy", self.healthy.base + "/healthy" + QUERY)
        self.create(20)
        self.first_memory, self.first_descriptors = self.memory(), self.descriptors()
        return self

    def __exit__(self, kind, value, trace):
        self.server.end(15 if kind is None else 9, 30)
        for each in [self.healthy, self.trap, *self.guests, *self.others]:
            each.close()

    def subscribe(self, name, *targets, rsc=2001, **attributes):
        criteria = {"net": [CREATED], "chty": [4]}
        body = {"m2m:sub": {"rn": "sub-" + name, "enc": criteria, "nu": targets, **attributes}}
        with self.server.client() as client:
            return must(client.request("POST", BOX, body, SUBSCRIPTION), rsc)

    def welcome(self, name):
        guest = Guest(name, self.trap)
        self.guests.append(guest)
        self.subscribe(name, guest.url)
        return guest

    def create(self, count):
        """So many instances, each answered, and told to the healthy target in order."""
        with self.server.client() as client:
            for _ in range(count):
                must(client.create_cin(BOX, CONTENT % self.created), 2001)
                self.created += 1
                if self.most_ahead and self.created % self.most_ahead == 0:
                    self.expect_healthy()
        self.expect_healthy()

    def expect_healthy(self):
        wait(lambda: len(names_of(self.healthy.messages)) == self.created, "what is told to the healthy target")
        expect_equal(names_of(self.healthy.messages), list(range(self.created)), "what the healthy target is told")

    def memory(self):
        with open("/proc/%d/status" % self.server.pid, encoding="ascii") as file:
            return 1024 * int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1))

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.server.pid))

    def expect_bounded(self, guests):
        """A guest costs a connection; libcurl takes two descriptors for each of its eight sets, once used, and for a name."""
        grown = self.memory() - self.first_memory
        expect(grown < MEMORY_MAX, "%d MB more memory" % (grown >> 20))
        seen = self.descriptors()
        expect(seen <= self.first_descriptors + guests + 24, "%d descriptors, %d at first" % (seen, self.first_descriptors))

    def expect_discreet(self):
        """Contents and what only the target is to know are in no line of the log."""
        self.server.expect_running()
        found = [line for line in self.server.log().splitlines() if "confidential" in line]
        expect(not found, "\n".join(found[:3]))
        expect_equal(self.trap.messages, [], "messages at the address that a redirection named")

    def has_failed(self, url):
        """Does the log say so? URLs stand there without their query."""
        wanted = re.compile(r'event="notification not delivered".* target="?%s"? reason=' % re.escape(url))
        return wanted.search(self.server.log()) is not None


def wait(is_there, what):
    deadline = time.monotonic() + PATIENCE
    while not is_there():
        expect(time.monotonic() < deadline, "%s: missing after %d s" % (what, PATIENCE))
        time.sleep(0.02)


def name_of(message):
    (notification,) = message.notifications()
    return int(notification["nev"]["rep"]["m2m:cin"]["con"].rpartition("-")[2])


def names_of(messages):
    """The numbers in the messages, in order; a repetition has the identifier of the first, and counts once."""
    identifiers = {}
    for message in list(messages):
        number = name_of(message)
        expect_equal(message.identifier, identifiers.setdefault(number, message.identifier), "identifier of a repetition")
    return list(identifiers)


def wait_all(messages, first, stop, who):
    """Until the messages tell of the instances first to stop - 1, in order."""
    wait(lambda: len(names_of(messages)) == stop - first, "what is told to " + who)
    expect_equal(names_of(messages), list(range(first, stop)), "what is told to " + who)


# ---- in turn ----


def visit(zoo, name):
    first = zoo.created
    guest, begin = zoo.welcome(name), time.monotonic()
    zoo.create(5)
    if guest.fate == DELIVERED:
        wait_all(guest.host.messages, first, zoo.created, name)
        expect_equal(len(guest.host.messages), 5, "messages to " + name)
        expect(not zoo.has_failed(guest.url.partition("?")[0]), name + " failed")
    else:
        wait(lambda: zoo.has_failed(guest.url.partition("?")[0]), "a line of the log about " + name)
        if guest.is_observed():
            guest.wait_attempts(2)
            expect(guest.attempts()[1] - begin >= 0.75, "%s: no pause between attempts" % name)
    zoo.create(5)
    zoo.expect_bounded(len(zoo.guests))
    if guest.can_recover():
        guest.host.become_polite()
        wait_all(guest.host.messages, first, zoo.created, name)


@rule("each target of the zoo alone delays nobody, is tried again or counts as served, and gets all once it behaves")
def one_by_one():
    with Zoo(notify__retry_longest=1) as zoo:
        for name in ZOO:
            visit(zoo, name)
            with zoo.server.client() as client:
                must(client.delete(BOX + "/sub-" + name), 2002)
        zoo.expect_discreet()


# ---- all together ----


@rule("the whole zoo and 100 targets that never read delay nobody; pauses grow; all is delivered after a restart")
def together():
    with Zoo(notify__retry_longest=8) as zoo:
        crowd = Collector("0.0.0.0")
        zoo.others.append(crowd)
        crowd.hold()
        port = crowd.listener.getsockname()[1]
        for number in range(CROWD):
            zoo.subscribe("crowd-%d" % number, "http://127.0.1.%d:%d/%d" % (number + 1, port, number))
        first, begin = zoo.created, time.monotonic()
        for name in ZOO:
            zoo.welcome(name)
        zoo.create(50)
        for guest in zoo.guests:
            expect_pauses(guest, begin)
        zoo.create(10)
        zoo.expect_bounded(CROWD + len(ZOO))
        stop_and_recover(zoo, crowd, first)
        zoo.expect_discreet()


def expect_pauses(guest, begin):
    """The pauses before attempts 2 to 4 are about 1, 2 and 4 seconds, at least three quarters of it."""
    if guest.fate == DELIVERED:
        wait(lambda: len(guest.host.messages) == 50, "what is told to " + guest.name)
    elif guest.is_observed():
        guest.wait_attempts(4)
        passed = guest.attempts()[3] - begin
        expect(passed >= 0.75 * 7, "%s: the fourth attempt after %.2f s" % (guest.name, passed))


def stop_and_recover(zoo, crowd, first):
    zoo.server.stop()
    for guest in zoo.guests:
        if guest.can_recover():
            guest.host.become_polite()
    zoo.server.start()
    crowd.resume()
    zoo.create(5)
    for guest in zoo.guests:
        if guest.can_recover():
            wait_all(guest.host.messages, first, zoo.created, guest.name)
    wait(lambda: len({(m.path, m.identifier) for m in list(crowd.messages)}) == CROWD * (zoo.created - first), "the crowd")
    for number in range(CROWD):
        messages = [message for message in crowd.messages if message.path == "/%d" % number]
        expect_equal(names_of(messages), list(range(first, zoo.created)), "what one of the crowd is told")
    comment("%d messages to the crowd, %d instances" % (len(crowd.messages), zoo.created - first))


# ---- where it may be sent to ----


@rule("nothing is sent outside of outgoing.networks, by address or by name, until the configuration allows it")
def networks():
    with Zoo(outgoing__networks="192.0.2.0/24,127.0.0.2") as zoo:
        port = zoo.trap.base.rpartition(":")[2]
        forbidden = ["http://127.0.0.1:%s/by-address" % port, "http://localhost:%s/by-name" % port]
        for number, url in enumerate(forbidden):
            zoo.subscribe("forbidden-%d" % number, url + QUERY)
        zoo.create(1)
        wait(lambda: all(zoo.has_failed(url) for url in forbidden), "lines of the log")
        zoo.expect_discreet()
        zoo.server.settings["outgoing.networks"] = ""
        zoo.server.restart()
        wait(lambda: len(zoo.trap.messages) == 2, "what had been forbidden")


@rule("a subscription to a forbidden target is refused where targets are verified")
def networks_verified():
    with Zoo() as zoo:
        zoo.server.settings.update({"outgoing.networks": "127.0.0.2/32", "notify.verify": "yes"})
        zoo.server.restart()
        answer_ = zoo.subscribe("forbidden", zoo.trap.base + "/forbidden" + QUERY, rsc=5204)
        expect("confidential" not in str(answer_.json), "the answer repeats the query: %r" % answer_)
        zoo.expect_discreet()


# ---- what may happen meanwhile ----


@rule("of more than notify.max-queue the oldest give way, and the newest arrive in order")
def queue():
    with Zoo(notify__max_queue=10, notify__retry_longest=1) as zoo:
        guest = zoo.welcome("hung")
        zoo.create(200)
        zoo.expect_bounded(1)
        guest.host.become_polite()
        wait(lambda: zoo.created - 1 in names_of(guest.host.messages), "the newest")
        seen = names_of(guest.host.messages)
        expect(seen == sorted(seen) and len(seen) <= 11, "%r" % seen)
        expect_equal(seen[-9:], list(range(zoo.created - 9, zoo.created)), "the newest ones")
        expect("notifications dropped" in zoo.server.log(), "nothing in the log")


@rule("what a deleted subscription had to tell is still delivered, also when it was on its way, and after a restart")
def deleted_under_way():
    with Zoo(notify__retry_longest=1) as zoo:
        first = zoo.created
        guest = zoo.welcome("hung")
        zoo.create(3)
        guest.wait_attempts(1)
        with zoo.server.client() as client:
            must(client.delete(BOX + "/sub-hung"), 2002)
        stop = zoo.created
        zoo.create(3)
        zoo.server.restart()
        zoo.create(3)
        guest.host.become_polite()
        wait_all(guest.host.messages, first, stop, "the target of a subscription that is gone")


@rule("the AE that is the target may be deleted while it is being notified, and nothing else suffers")
def entity_deleted():
    with Zoo(notify__retry_longest=1) as zoo:
        host = Host(greet=never_reads)
        zoo.others.append(host)
        with zoo.server.client() as client:
            must(client.create_ae("entity", rr=True, poa=["http://" + host.address]), 2001)
            zoo.subscribe("entity", "Centity")
            zoo.create(3)
            wait(lambda: host.connections, "the attempt")
            must(client.delete("/Centity", origin=ADMIN), 2002)
        zoo.create(3)
        zoo.server.restart()
        zoo.create(3)


@rule("SIGTERM while notifications go out in numbers loses none and changes no order")
def stop_in_the_middle():
    with Zoo() as zoo:
        for _ in range(5):
            with zoo.server.client() as client:
                for _ in range(40):
                    must(client.create_cin(BOX, CONTENT % zoo.created), 2001)
                    zoo.created += 1
            zoo.server.restart()
        zoo.expect_healthy()


if __name__ == "__main__":
    main()
