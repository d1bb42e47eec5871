#!/usr/bin/env python3
"""A server that is treated badly: slow, half-open and vanishing peers, floods of invalid requests, requests of every size up to and past
each limit, crowds below one parent, deep trees, names and labels made to confuse a database, webs of groups and policies that
lead back to themselves, no descriptors, and little memory. In each rule it goes on serving, or ends with one clear line, and nothing
that it has acknowledged is lost.

Elsewhere: ten thousand connections and every fault of framing (tests/http/test_http_raw.py), clock steps
(tests/scenario/expiration.scn), full, read-only and broken disks (test_disk.py).

COPSE_ABUSE_CHILDREN sets how many resources are put below one parent (20000), COPSE_ABUSE_SEED repeats a flood. Speaks TAP."""

import http.server
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

from copse_harness import (
    ADMIN,
    CIN,
    CNT,
    NAMES,
    Crowd,
    Server,
    Skip,
    comment,
    expect,
    expect_equal,
    is_sanitized,
    main,
    must,
    request_bytes,
    rule,
)

CHILDREN = int(os.environ.get("COPSE_ABUSE_CHILDREN", "20000"))
SEED = int(os.environ.get("COPSE_ABUSE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
GROUP, ACP, SUB = 9, 1, 23
NAMES.update({GROUP: "m2m:grp", ACP: "m2m:acp", SUB: "m2m:sub"})


# ---- helpers ----


def descriptors(server):
    return len(os.listdir("/proc/%d/fd" % server.pid))


def resident_kb(server):
    with open("/proc/%d/status" % server.pid, encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def wait_until(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < deadline, "never: " + what)
        time.sleep(0.02)


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), 60)


def everything_from(peer):
    """What comes until the server closes."""
    data = b""
    try:
        while piece := peer.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def works(server, name):
    """It still creates and shows."""
    with server.client() as client:
        must(client.create_cnt("/cse-in", name), 2001)
        must(client.get("/cse-in/" + name), 2000)


def discover(client, path, query):
    """Every result, page by page."""
    found, offset = [], None
    while True:
        answer = must(client.get("%s?fu=1&%s%s" % (path, query, "&ofst=" + offset if offset else "")), 2000)
        found += answer.json["m2m:uril"]
        offset = answer.header("X-M2M-CTO") if answer.header("X-M2M-CTS") == "1" else None
        if not offset:
            return found


# ---- peers ----


@rule("peers that send a byte at a time, or nothing, or half a request and no more, are let go and hinder nobody")
def slow_and_half_open():
    settings = {"http.header-timeout": "1", "http.body-timeout": "1", "http.idle-timeout": "2"}
    whole = request_bytes("POST", "/cse-in", {"m2m:cnt": {"rn": "slow"}}, CNT)
    with Server(store_type="memory", settings=settings) as server:
        before = descriptors(server)
        drips = [connect(server) for _ in range(100)]
        silent = [connect(server) for _ in range(100)]
        halves = [connect(server) for _ in range(100)]
        for number, peer in enumerate(halves):
            peer.sendall(whole[: 1 + number * (len(whole) - 2) // 100])
            if number % 3 == 0:
                peer.shutdown(socket.SHUT_WR)
        with server.client() as client:
            for step in range(40):
                for peer in drips:
                    try:
                        peer.sendall(whole[step : step + 1])
                    except OSError:
                        pass
                must(client.get("/cse-in"), 2000)
        for peer in drips + halves:
            answer = everything_from(peer)
            expect(not answer or answer[9:12] in (b"408", b"400"), "half a request is answered %r" % answer[:200])
        for peer in silent:
            expect_equal(everything_from(peer)[9:12] or b"408", b"408", "answer to silence")
        with server.client() as client:
            must(client.get("/cse-in/slow"), 4004)
        for peer in drips + silent + halves:
            peer.close()
        wait_until(lambda: descriptors(server) <= before, "all connections of the past are closed")


@rule("peers that are gone before their answer cost nothing that stays")
def vanishing():
    with Server(store_type="memory") as server:
        works(server, "first")
        before = descriptors(server)
        for number in range(2000):
            peer = connect(server)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset instead of an end
            peer.sendall(request_bytes("POST", "/cse-in/first", {"m2m:cin": {"con": str(number)}}, CIN))
            peer.close()
        wait_until(lambda: descriptors(server) <= before, "all connections of the past are closed")
        with server.client() as client:
            seen = must(client.get("/cse-in/first"), 2000).resource
            comment("%d of 2000 instances were made although nobody waited" % seen["cni"])
            expect_equal(seen["cni"], len(discover(client, "/cse-in/first", "ty=4")), "instances counted")
        works(server, "last")


# ---- floods ----


class Flood:
    """Requests that are wrong in a random way: whole requests with something in them replaced, cut or doubled."""

    PIECES = [b"%", b"%00", b"\0", b"\r\n", b"'", b'"', b"{", b"}", b"[", b"\xff\xfe", b"?", b"&", b"=", b"/", b"//", b"/~", b"/_", b"..", b"-1",
              b"999999999999999999999", b"true", b"null", b"\xed\xa0\x80", b"1e999", b" ", b"\t", b"~", b"#", b"fopt", b"la", b"m2m:cb"]
    QUERIES = ["?rcn=99", "?fu=1&lim=-1", "?fu=1&lvl=x", "?ty=abc", "?fu=1&lbq=((((", "?ofst=zzz", "?fu=7", "?rt=9", "?rcn=4&rcn=5", "?fu=1&crb=never",
               "?atr=x,y", "?fu=1&lim=99999999999999999999", "?drt=5", "?fu=1&gmty=4&geom=%5B", "?ec=%00", "?fu=1&fo=9", "?lbl=%ff"]

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def sound(self):
        rng = self.rng
        path = rng.choice(["/cse-in", "/cse-in/f", "/~/id-in/cse-in/f", "/_/copse.example/id-in/cse-in", "/cse-in/f/la", "/cse-in/g/fopt"])
        path += rng.choice([""] * 3 + self.QUERIES)
        ty = rng.choice([0, 1, 2, 3, 4, 9, 14, 16, 23, 28, 9999])
        body = rng.choice([{"m2m:cnt": {"mni": -1}}, {"m2m:cin": {"cnf": 5}}, {"m2m:ae": {}}, {"m2m:sub": {"nu": 1}}, {"m2m:grp": {"mid": "x"}}, {"": ""},
                           {"m2m:acp": {"pv": [], "pvs": {}}}, [], "text", {"m2m:cnt": None}, {"m2m:cnt": {"lbl": [[1]]}}, {"m2m:cin": {"con": "x" * 5000}}])
        method = rng.choice(["POST", "POST", "PUT", "GET", "DELETE", "PATCH", "TRACE", "HEAD", "OPTIONS"])
        path = path if method != "DELETE" else path + "/nothing-here"
        return request_bytes(method, path, body if method in ("POST", "PUT", "PATCH") else None, ty, rng.choice([ADMIN, "Cx", "", "C\u00e9", "/", "//x/y"]))

    def spoil(self, data):
        rng = self.rng
        for _ in range(rng.choice([0, 1, 1, 2, 5])):
            at, length = rng.randrange(len(data)), rng.choice([0, 0, 1, 4, 30])
            data = data[:at] + rng.choice(self.PIECES) * rng.choice([1, 1, 1, 40]) + data[at + length :]
        return data

    def request(self):
        return self.spoil(self.sound())


def survive_flood(server, flood, count):
    """One connection per request, as its end is uncertain. The codes that came."""
    codes = {}
    for _ in range(count):
        data = flood.request()
        with connect(server) as peer:
            try:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            answer = everything_from(peer)
        code = int(answer[9:12]) if answer else 0
        codes[code] = codes.get(code, 0) + 1
        expect(code != 500, "answered 500: %r\n%r" % (data, answer))
    return codes


@rule("a flood of invalid requests of all sorts is refused one by one, and leaves neither harm nor memory taken")
def invalid_flood():
    comment("COPSE_ABUSE_SEED=%d" % SEED)
    flood = Flood(SEED)
    with Server(store_type="memory", settings={"log.level": "error"}) as server:
        with server.client() as client:
            must(client.create_cnt("/cse-in", "f", mni=10), 2001)
            must(client.create("/cse-in", GROUP, {"rn": "g", "mnm": 5, "mid": ["cse-in/f"]}), 2001)
        survive_flood(server, flood, 500)
        before, connections = resident_kb(server), descriptors(server)
        codes = survive_flood(server, flood, 4000)
        comment("4500 requests: " + ", ".join("%d: %d" % pair for pair in sorted(codes.items())))
        comment("resident memory: %d KB more" % (resident_kb(server) - before))
        expect(len(codes) > 6 and codes.get(400, 0) > 1000, "the flood is not what it should be")
        expect(is_sanitized() or resident_kb(server) - before < 8 << 10, "memory grows under a flood of refusals")
        wait_until(lambda: descriptors(server) <= connections, "all connections of the past are closed")
        works(server, "last")


# ---- sizes ----


def edge(accepts, low, high):
    """The largest size that is accepted; between the ends there must be one edge only, so all around it are tried."""
    expect(accepts(low) and not accepts(high), "no edge between %d and %d" % (low, high))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepts(middle) else (low, middle)
    for size in range(max(1, low - 5), low + 1):
        expect(accepts(size), "%d is refused, %d is not" % (size, low))
    for size in list(range(high, high + 6)) + [high * 2, high * 10]:
        expect(not accepts(size), "%d is accepted, %d is not" % (size, high))
    return low


class Sizes:
    """A server with small limits, and requests of a size."""

    def __init__(self, server):
        self.server = server

    def ask(self, data):
        with connect(self.server) as peer:
            try:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            return everything_from(peer)

    def judge(self, data, refusals):
        """Accepted (or not found: understood at any rate)?"""
        answer = self.ask(data)
        code = int(answer[9:12]) if answer else 0
        expect(code in (200, 201, 404) + refusals, "%d: %r" % (code, answer[:300]))
        if code in refusals:
            expect(b"m2m:dbg" in answer, "a refusal without a reason: %r" % answer)
        return code not in refusals

    def url(self, size):
        return self.judge(request_bytes("GET", "/" + "u" * (size - 1)), (414, 431))

    def query(self, size):
        return self.judge(request_bytes("GET", "/cse-in?lbl=" + "q" * size), (414, 431))

    def header(self, size):
        return self.judge(request_bytes("GET", "/cse-in", headers=[("X-Any", "h" * size)]), (431,))

    def headers(self, count):
        return self.judge(request_bytes("GET", "/cse-in", headers=[("X-%d" % n, "h") for n in range(count)]), (431,))

    def create(self, body, refusals):
        return self.judge(request_bytes("POST", "/cse-in/sizes", body, CIN), refusals)

    def body(self, size):
        frame = '{"m2m:cin":{"con":"%s"}}'
        return self.create(frame % ("b" * (size - len(frame) + 2)), (413,))

    def depth(self, size):
        return self.create('{"m2m:cin":{"con":%s}}' % ("[" * size + "1" + "]" * size), (400, 413))

    def objects(self, size):
        return self.create('{"m2m:cin":{"con":%s}}' % ('{"a":' * size + "1" + "}" * size), (400, 413))

    def tokens(self, count):
        return self.create('{"m2m:cin":{"con":[%s]}}' % ",".join(["1"] * count), (400, 413))

    def names(self, count):
        return self.create('{"m2m:cin":{"con":{%s}}}' % ",".join('"n%d":1' % n for n in range(count)), (400, 413))

    def labels(self, count):
        return self.create('{"m2m:cin":{"con":"l","lbl":[%s]}}' % ",".join('"l%d"' % n for n in range(count)), (400, 413))


@rule("requests of every size are accepted up to each limit and refused past it: URL, headers, body, nesting, names and values")
def sizes():
    settings = {"http.max-headers": "4096", "http.max-body": "65536", "limits.nesting": "20", "limits.tokens": "1000"}
    with Server(store_type="memory", settings=settings) as server:
        with server.client() as client:
            must(client.create_cnt("/cse-in", "sizes", mni=10), 2001)
        sizes_of = Sizes(server)
        found = {
            "url": edge(sizes_of.url, 10, 5000),
            "query": edge(sizes_of.query, 10, 5000),
            "header": edge(sizes_of.header, 10, 5000),
            "headers": edge(sizes_of.headers, 1, 1000),
            "body": edge(sizes_of.body, 1000, 70000),
            "nesting of arrays": edge(sizes_of.depth, 1, 100),
            "nesting of objects": edge(sizes_of.objects, 1, 100),
            "values": edge(sizes_of.tokens, 1, 2000),
            "names": edge(sizes_of.names, 1, 2000),
            "labels": edge(sizes_of.labels, 1, 2000),
        }
        comment(", ".join("%s %d" % pair for pair in found.items()))
        expect_equal(found["body"], 65536, "largest body")
        expect_equal(found["nesting of arrays"], found["nesting of objects"], "deepest nesting")
        expect(3500 < found["url"] <= 4096, "longest URL: %d" % found["url"])
        expect(15 <= found["nesting of arrays"] <= 20, "deepest nesting: %d" % found["nesting of arrays"])
        expect(900 <= found["values"] <= 1000, "most values: %d" % found["values"])
        works(server, "last")


# ---- many, and deep ----


@rule("a parent takes very many children; each of them is found, by name and by discovery, before and after a restart")
def crowd_below_one_parent():
    server = Server(settings={"limits.discovery-results": "10000", "limits.discovery-cost": "1000000"}).start()
    with server.client() as client:
        must(client.create_cnt("/cse-in", "p"), 2001)

    def script(number):
        for index in range(number, CHILDREN, 32):
            body = {"m2m:cnt": {"rn": "c%d" % index}} if index % 2 else {"m2m:cin": {"rn": "i%d" % index, "con": str(index)}}
            must((yield request_bytes("POST", "/cse-in/p", body, CNT if index % 2 else CIN)), 2001)

    expect_equal(Crowd(server.port, [script(n) for n in range(32)], 600).run().answers, CHILDREN, "answers")
    comment("%d children: %d KB resident" % (CHILDREN, resident_kb(server)))
    for _ in range(2):
        with server.client(timeout=600) as client:
            for index in [0, 1, CHILDREN // 2, CHILDREN - 2, CHILDREN - 1] + random.Random(1).sample(range(CHILDREN), 200):
                must(client.get("/cse-in/p/%s%d" % ("c" if index % 2 else "i", index)), 2000)
            must(client.get("/cse-in/p/c%d" % (CHILDREN * 2 + 1)), 4004)
            must(client.create_cnt("/cse-in/p", "c1"), 4105)
            expect_equal(must(client.get("/cse-in/p"), 2000).resource["cni"], (CHILDREN + 1) // 2, "cni")
            found = discover(client, "/cse-in/p", "ty=3&lim=10000")
            expect_equal((len(found), len(set(found))), (CHILDREN // 2, CHILDREN // 2), "containers discovered")
        server.restart()
    with server.client(timeout=600) as client:
        must(client.delete("/cse-in/p"), 2002)
        must(client.get("/cse-in/p/c1"), 4004)
        expect_equal(discover(client, "/cse-in", "ty=3&lim=10000"), [], "what is left")
    server.restart()
    works(server, "p")
    server.stop()


DEEP = 10000


@rule("a tree is as deep as a URL can name, and ten thousand deep by identifiers: it is read, listed, kept and deleted")
def deep_tree():
    server = Server(settings={"limits.discovery-results": "10000", "limits.discovery-cost": "1000000"}).start()
    with server.client(timeout=120) as client:
        top = must(client.create_cnt("/cse-in", "d"), 2001).resource["ri"]
        parent, depth, identifiers = "/cse-in/d", 1, [top]
        while True:
            answer = client.create_cnt(parent, "d")
            if answer.status in (414, 431):
                break
            identifiers.append(must(answer, 2001).resource["ri"])
            parent, depth = parent + "/d", depth + 1
        comment("%d levels by name (a path of %d bytes)" % (depth, len(parent)))
        expect(depth > 5000, "a path of only %d levels" % depth)
    with server.client(timeout=120) as client:
        while depth < DEEP:
            identifiers.append(must(client.create_cnt("/" + identifiers[-1], "d"), 2001).resource["ri"])
            depth += 1
        must(client.create_cin("/" + identifiers[-1], "bottom"), 2001)
    for _ in range(2):
        with server.client(timeout=120) as client:
            for index in (0, 1, DEEP // 2, DEEP - 1):
                must(client.get("/" + identifiers[index]), 2000)
            must(client.get("/" + identifiers[-1] + "/la"), 2000)
            expect_equal(must(client.get("/" + identifiers[-1]), 2000).resource["pi"], identifiers[-2], "pi of the last")
            must(client.get("/" + identifiers[0] + "?fu=1&lim=3&lvl=2"), 2000)
            expect_equal(len(must(client.get("/" + identifiers[0] + "?fu=1&drt=2&ty=4"), 2000).json["m2m:uril"]), 1, "found at the bottom")
            expect(client.get("/" + identifiers[0] + "?rcn=4&lim=200").rsc in (2000, 4000, 5207), "a nested listing")
            must(client.get("/" + identifiers[0] + "?rcn=5&lim=200"), 2000)
        server.restart()
    with server.client(timeout=120) as client:
        must(client.delete("/" + identifiers[100]), 2002)
        must(client.get("/" + identifiers[-1]), 4004)
        must(client.delete("/cse-in/d"), 2002)
    server.restart()
    works(server, "d")
    server.stop()


# ---- names ----

ODD_LABELS = ["%", "_", "a%b", "a_b", "axb", "'", "''", '"', "';DROP/**/TABLE/**/resource;--", "\\", "\\%", "*", "?", "[a-z]", "a*b", "NULL", "null", "0", "-0", "1e1",
              "k:v", "k:", "k:%", "k:_", "\u00e9", "e\u0301", "\u202e", "\U0001f600", "A", "a", "\u212a", "K", "&", "=", "+", "a,b", "a+b", "%25", "%00", "<b>", "x" * 1000]
ODD_NAMES = ["_", "~", "a_b", "axb", "a-b", "A_B", "...", "0", "-1", "NULL", "null", "select", "rowid", "la_", "x" * 200]


@rule("names, labels and contents full of what means something to SQL, LIKE, URLs and JSON are kept and found exactly")
def odd_names():
    server = Server().start()
    with server.client() as client:
        for number, label in enumerate(ODD_LABELS):
            must(client.create_cnt("/cse-in", "l%d" % number, lbl=[label]), 2001)
            must(client.create_cin("/cse-in/l%d" % number, label, rn="i"), 2001)
        for label in (":", "a b", "", "a\0b"):
            must(client.create_cnt("/cse-in", "refused", lbl=[label]), 4000)
        must(client.create_cnt("/cse-in", "names"), 2001)
        for name in ODD_NAMES:
            must(client.create_cnt("/cse-in/names", name), 2001)
            must(client.create_cin("/cse-in/names/" + name, name, rn="i" + name), 2001)
    for _ in range(2):
        with server.client() as client:
            for number, label in enumerate(ODD_LABELS):
                path = "cse-in/l%d" % number
                expect_equal(must(client.get("/" + path), 2000).resource["lbl"], [label], "labels")
                expect_equal(must(client.get("/%s/i" % path), 2000).resource["con"], label, "content")
                if "+" in label:
                    continue  # it separates values in a query
                answer = must(client.get("/cse-in?fu=1&ty=3&lbl=" + urllib.parse.quote(label, safe="")), 2000)
                expect_equal(answer.json["m2m:uril"], [path], "found by label %r" % label)
            for name in ODD_NAMES:
                expect_equal(must(client.get("/cse-in/names/" + name), 2000).resource["rn"], name, "name")
                expect_equal(must(client.get("/cse-in/names/%s/i%s" % (name, name)), 2000).resource["con"], name, "content")
            expect_equal(len(discover(client, "/cse-in/names", "ty=3")), len(ODD_NAMES), "containers")
            for name in ("-", "%", "'", "a%", "a'--", 'x"', "a b", "*", "", "\u00e9"):
                must(client.create_cnt("/cse-in/names", name), 4000)
                if name:
                    answer = client.get("/cse-in/names/" + urllib.parse.quote(name))
                    expect(answer.rsc in (4000, 4004), "%r: %r" % (name, answer))
        server.restart()
    server.stop()


# ---- webs ----


@rule("groups whose members are groups that lead back to them are answered, each member once, however dense the web")
def group_web():
    count = 12
    with Server(store_type="memory", settings={"group.timeout": "5"}) as server, server.client(timeout=60) as client:
        must(client.create_cnt("/cse-in", "c"), 2001)
        for number in range(count):
            must(client.create("/cse-in", GROUP, {"rn": "g%d" % number, "mnm": 50, "mid": ["cse-in/c"]}), 2001)
        everyone = ["cse-in/c"] + ["cse-in/g%d/fopt" % other for other in range(count)]
        for number in range(count):
            answer = client.request("PUT", "/cse-in/g%d" % number, {NAMES[GROUP]: {"mid": everyone}})
            expect(answer.rsc in (2004, 6010, 4110, 4000), "members that lead back: %r" % answer)
        members = [len(must(client.get("/cse-in/g%d" % number), 2000).resource["mid"]) for number in range(count)]
        comment("groups have %s members" % members)
        before = resident_kb(server)
        answer = client.get("/cse-in/g0/fopt")
        expect(answer.rsc in (2000, 5207, 4008, 5500), "a web of groups: %r" % answer)
        answer = client.create("/cse-in/g0/fopt", CIN, {"con": "x"})
        expect(answer.rsc in (2000, 5207, 4008, 5500), "a web of groups: %r" % answer)
        seen = must(client.get("/cse-in/c"), 2000).resource["cni"]
        comment("a creation through %d groups made %d instances; %d KB more" % (count, seen, resident_kb(server) - before))
        expect(1 <= seen <= count, "%d instances" % seen)
        for number in range(count):
            must(client.delete("/cse-in/g%d" % number), 2002)
        works(server, "last")


@rule("policies that protect each other in a ring, or themselves, are judged; what only they allow nobody else does")
def policy_ring():
    count = 50
    rule_of = lambda origin, operations: {"acr": [{"acor": [origin], "acop": operations}]}
    server = Server().start()
    with server.client() as client:
        identifiers = [
            must(client.create("/cse-in", ACP, {"rn": "p%d" % n, "pv": rule_of("Cu%d" % n, 63), "pvs": rule_of(ADMIN, 63)}), 2001).resource["ri"]
            for n in range(count)
        ]
        for number in range(count):  # containers in a chain, each with the policies of the next as well, and the last with the first
            parent = "/cse-in" + "/c" * number
            must(client.create_cnt(parent, "c", acpi=[identifiers[number], identifiers[(number + 1) % count]]), 2001)
        for number in range(count):
            must(client.create("/cse-in", GROUP, {"rn": "g%d" % number, "mnm": 2, "mid": ["cse-in/p%d" % ((number + 1) % count)], "acpi": [identifiers[number]]}), 2001)
    for _ in range(2):
        with server.client() as client:
            for number in range(count):
                path = "/cse-in" + "/c" * (number + 1)
                must(client.get(path, origin="Cu%d" % number), 2000)
                must(client.get(path, origin="Cu%d" % ((number + 1) % count)), 2000)
                must(client.get(path, origin="Cu%d" % ((number + 2) % count)), 4103)
                must(client.get("/cse-in/g%d" % number, origin="Cu%d" % number), 2000)
                must(client.get("/cse-in/g%d" % number, origin="Cother"), 4103)
        server.restart()
    with server.client() as client:
        for number in range(0, count, 2):
            must(client.delete("/cse-in/p%d" % number), 2002)
        must(client.get("/cse-in/c", origin="Cu0"), 4103)
        must(client.get("/cse-in/c", origin="Cu1"), 2000)
        must(client.delete("/cse-in/c"), 2002)
    server.stop()


# ---- without descriptors ----


class Target:
    """Takes notifications and keeps what they are about."""

    def __init__(self):
        seen = self.seen = set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seen.update(re.findall(rb'"con":"(n\d+)"', body))
                self.send_response(200)
                for name, value in (("X-M2M-RSC", "2000"), ("X-M2M-RI", self.headers["X-M2M-RI"]), ("Content-Length", "0")):
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/" % self.server.server_port

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@rule("without descriptors connections wait their turn, requests are answered, and every notification arrives in the end")
def no_descriptors():
    target = Target()
    try:
        server = Server(settings={"notify.retry-longest": "1"}).start(["prlimit", "--nofile=40"])
        with server.client() as client:
            must(client.create_cnt("/cse-in", "c"), 2001)
            must(client.create("/cse-in/c", SUB, {"rn": "s", "nu": [target.url], "nct": 1, "enc": {"net": [3]}}), 2001)
        peers, wanted = [connect(server) for _ in range(120)], set()
        for number, peer in enumerate(peers):
            peer.sendall(request_bytes("POST", "/cse-in/c", {"m2m:cin": {"con": "n%d" % number}}, CIN))
        for number, peer in enumerate(peers):
            expect(peer.recv(4096).startswith(b"HTTP/1.1 201"), "no answer on connection %d" % number)
            wanted.add(b"n%d" % number)
            if number >= 20:  # some stay, so that there are few descriptors for the notifications as well
                peer.close()
        for peer in peers[:20]:
            peer.close()
        wait_until(lambda: wanted <= target.seen, "every notification has arrived", 120)
        server.expect_running()
        works(server, "last")
        server.restart()
        with server.client() as client:
            expect_equal(must(client.get("/cse-in/c"), 2000).resource["cni"], 120, "instances after a restart")
        server.stop()
    finally:
        target.close()


# ---- little memory ----


def refuses_to_start(server, megabytes):
    """With so little address space it says in one line why it does not start. false: it started, and is stopped."""
    before = len(server.log())
    try:
        server.start(["prlimit", "--as=%d" % (megabytes << 20)])
    except AssertionError:
        code = server.end(signal.SIGKILL, 10)
        # GnuTLS, which comes with libcurl, speaks before the program begins.
        others = ("time=", "Error in GnuTLS initialization")
        lines = [line for line in server.log()[before:].splitlines() if not line.startswith(others)]
        expect(code not in (-signal.SIGSEGV, -signal.SIGBUS), "crashed with %d MB: %r" % (megabytes, lines))
        expect(len(lines) == 1 and "assertion" not in lines[0], "not one clear line with %d MB: %r" % (megabytes, lines))
        comment("%d MB: %s" % (megabytes, lines[0]))
        return True
    server.stop()
    return False


@rule("with too little address space to start it says so in one line")
def too_little_memory():
    if is_sanitized():
        raise Skip("the sanitizers take memory of their own")
    least = next(size for size in range(57, 200) if not refuses_to_start(Server(), size))
    comment("it starts with %d MB" % least)
    expect(least <= 64, "it does not start with 64 MB")


@rule("with 64 MB of address space it serves until they are used up, then refuses or ends with one clear line; nothing acknowledged is lost")
def little_memory():
    if is_sanitized():
        raise Skip("the sanitizers take memory of their own")
    server = Server(settings={"store.cache-size": "8M", "log.level": "error"}).start(["prlimit", "--as=%d" % (64 << 20)])
    kept, refused = [], []

    def script(number):
        patience = 25
        for index in range(100000):
            name = "m%d-%d" % (number, index)
            answer = yield request_bytes("POST", "/cse-in", {"m2m:cnt": {"rn": name, "lbl": ["x" * 20000, name]}}, CNT)
            expect(answer.rsc in (2001, 5000), "create: %r" % answer)
            (kept if answer.rsc == 2001 else refused).append(name)
            patience = 25 if answer.rsc == 2001 else patience - 1
            if patience == 0:
                return

    Crowd(server.port, [script(number) for number in range(8)]).run()
    expect(kept, "nothing was created")
    if server.is_running() and refused:
        comment("it refuses what it has no memory for")
        server.kill()
    else:
        code = server.end(signal.SIGKILL, 60)
        lines = [line for line in server.log().splitlines() if not line.startswith("time=")]
        comment("it ended with %s: %s" % (code, lines))
        expect(code == -signal.SIGABRT and len(lines) == 1 and lines[0].startswith("copse: out of memory"), "not one clear line: %r" % lines)
    comment("%d resources of 20 KB, %d refused" % (len(kept), len(refused)))
    server.start()
    with server.client() as client:
        for name in kept:
            must(client.get("/cse-in/" + name), 2000)
        for name in refused:
            must(client.get("/cse-in/" + name), 4004)
        works(server, "last")
    server.stop()


if __name__ == "__main__":
    main()
