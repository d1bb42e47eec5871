"""Rows of the bench about many structural resources: access control policies, discovery by label, groups."""

import json
import time

import stand
from stand import AE, harness, human, median

POLICIES = 1000
AES = 10_000
LABELLED = 100_000  # containers
HITS = 100
MEMBERS = 1000
READER = "Creader"  # an originator that has what a policy grants it and nothing else
DISCOVER, RETRIEVE = 32, 2
GROUP = AE + "/group"
HOLDER = "Cbench"  # the AE whose the group and its members are


def compact(body):
    return json.dumps(body, separators=(",", ":"))


def post(ty, path, body, *more):
    """A load that creates; numbers in path and body as the generator writes them."""
    kind = "Content-Type: application/json;ty=%d" % ty
    return ("--method", "POST", "--path", path, "--header", kind, "--body", compact(body), "--rsc", 2001, *more)


def origin(name):
    return ("--header", "X-M2M-Origin: " + name)


def create_many(bench, server, count, ty, path, body, *more):
    bench.load(server.port, [], *post(ty, path, body, *more), "--requests", count, "--connections", 64)


def policy(name, originators, operations):
    rights = {"acr": [{"acor": originators, "acop": operations}]}
    return {"m2m:acp": {"rn": name, "pv": rights, "pvs": {"acr": [{"acor": [harness.ADMIN], "acop": 63}]}}}


# ---- RETRIEVE with and without policies ----


def fill_aes(bench, name, **attributes):
    """A server with the policies and the AEs; policy N is for the ten AEs whose numbers end with N."""
    server = bench.start(bench.server(name))
    granted = ["Ca0%d%%03u" % i for i in range(AES // POLICIES)]
    create_many(bench, server, POLICIES, 1, "/cse-in", policy("p%03u", granted, RETRIEVE))
    body = {"m2m:ae": {"rn": "a%05u", "api": "Nbench", "rr": False, "srv": ["3"], **attributes}}
    create_many(bench, server, AES, 2, "/cse-in", body, *origin("Ca%05u"))
    return server


def check_policies(server):
    with server.client() as client:
        linked = harness.must(client.get("/cse-in/a01234"), 2000).resource
        harness.expect_equal(linked["acpi"], ["cse-in/p234"], "the policies of an AE")
        harness.must(client.get("/cse-in/a01234", origin="Ca09234"), 2000)
        harness.must(client.get("/cse-in/a01234", origin="Ca09235"), 4103)


def row_policies(bench):
    governed = fill_aes(bench, "policies", acpi=["cse-in/p%03u"])
    plain = fill_aes(bench, "no-policies")
    try:
        check_policies(governed)
        stand.settle(governed.pid)
        stand.settle(plain.pid)
        load = bench.rounds(bench.options.seconds, 32, "--path", "/cse-in/a%05u", "--range", "0:%d" % AES, "--random")
        load += origin("Ca%05u") + ("--rsc", 2000)
        ours, theirs = stand.versus(bench, (governed.port, governed.pid), (plain.port, plain.pid), load, load)
    finally:
        governed.stop(120)
        plain.stop(120)
    rate = median(ours, "rate") / median(theirs, "rate")
    bench.line(
        "RETRIEVE AE, %s policies, %s AEs" % (human(POLICIES), human(AES)),
        stand.figures(ours),
        "%s (Copse, creator's access)" % stand.short_figures(theirs),
        "rate %.2f" % rate,
        "rate >= 0.90",
        rate >= 0.9,
    )
    bench.line("", "", "", "CPU %.2f" % (median(ours, "cpu_us") / median(theirs, "cpu_us")))


# ---- discovery by label ----


def containers_store(bench):
    """Name of the store with labelled containers, spread over as many parents as one label has hits. Container J of
    parent K has the label gJ, as one of each parent has, and nJK, which is its own."""
    if "labels" in bench.stores:
        return "labels"
    bench.stores["labels"] = True
    server = bench.start(bench.server("labels"))
    with server.client() as client:
        harness.must(client.create_ae("bench"), 2001)
        harness.must(client.request("POST", "/cse-in", policy("readers", [READER], RETRIEVE + DISCOVER), 1), 2001)
        for parent in range(HITS):
            harness.must(client.create_cnt(AE, "d%02d" % parent), 2001)
    started = time.monotonic()
    for parent in range(HITS):
        labels = ["g%03u", "n%%03u%02d" % parent]
        body = {"m2m:cnt": {"rn": "c%03u", "lbl": labels, "acpi": ["cse-in/readers"]}}
        create_many(bench, server, LABELLED // HITS, 3, "%s/d%02d" % (AE, parent), body)
    seconds = time.monotonic() - started
    stand.settle(server.pid)
    server.stop(120)
    bench.progress("%s containers created in %.1f s" % (human(LABELLED), seconds))
    return "labels"


def discovered(server, label, hits):
    """The size of an answer that lists that many."""
    with server.client() as client:
        answer = harness.must(client.get("/cse-in?fu=1&lbl=" + label, origin=READER), 2000)
    found = answer.json["m2m:uril"]
    harness.expect_equal((len(found), len(set(found))), (hits, hits), "hits of label " + label)
    return len(answer.body)


def discovery_row(bench, label, example, labels, hits, target):
    server = bench.start(bench.server(containers_store(bench)))
    try:
        size = discovered(server, example, hits)
        port = bench.nginx.serve(200, size)
        load = bench.rounds(bench.options.seconds, 32, "--path", "/cse-in?fu=1&lbl=" + label, *origin(READER))
        load += ("--range", "0:%d" % labels, "--random")
        ours, theirs = stand.versus(
            bench, (server.port, server.pid), (port, bench.nginx.process.pid), load + ("--rsc", 2000, "--ri"), load
        )
    finally:
        server.stop(120)
    rate = median(ours, "rate") / median(theirs, "rate")
    bench.line(
        "discovery, hits: %d of %s containers" % (hits, human(LABELLED)),
        stand.figures(ours),
        stand.short_figures(theirs),
        "rate %.2f" % rate,
        "rate >= %.2f" % target,
        rate >= target,
    )
    cpu = median(ours, "cpu_us") / median(theirs, "cpu_us")
    bench.line("", "%d bytes" % size, "", "CPU %.2f" % cpu)


def row_discovery100(bench):
    labels = LABELLED // HITS
    discovery_row(bench, "g%03u", "g%03d" % (labels - 1), labels, HITS, 0.25)


def row_discovery1(bench):
    discovery_row(bench, "n%05u", "n%05d" % (LABELLED - 1), LABELLED, 1, 0.4)


# ---- requests to the members of a group ----


FAN_OUT = ("--path", GROUP + "/fopt", "--rsc", 2000, *origin(HOLDER))


def set_up_group(bench, server):
    stand.set_up(server, 1)
    create_many(bench, server, MEMBERS, 3, AE, {"m2m:cnt": {"rn": "m%04u"}}, *origin(HOLDER))
    members = ["%s/m%04d" % (AE[1:], i) for i in range(MEMBERS)]
    body = {"m2m:grp": {"rn": "group", "mt": 3, "mnm": MEMBERS, "mid": members}}
    with server.client(origin=HOLDER) as client:
        group = harness.must(client.request("POST", AE, body, 9), 2001).resource
        harness.expect_equal(group["cnm"], MEMBERS, "members of the group")
        answers = harness.must(client.get(GROUP + "/fopt"), 2000).json["m2m:agr"]["m2m:rsp"]
    names = {answer["pc"]["m2m:cnt"]["rn"] for answer in answers if answer["rsc"] == 2000}
    harness.expect_equal((len(answers), len(names)), (MEMBERS, MEMBERS), "answers of the members")


def member_answers(bench, server):
    load = bench.rounds(bench.options.seconds, 4, *FAN_OUT)
    results = [bench.load(server.port, [server.pid], *load) for _ in range(bench.options.rounds)]
    rate = MEMBERS * median(results, "rate")
    bench.line(
        "RETRIEVE of %s members, 4 connections" % human(MEMBERS),
        stand.figures(results),
        "",
        "%s member answers/s" % human(round(rate)),
        ">= 50,000/s",
        rate >= 50_000,
    )


def create_beside(bench, server):
    """Rounds of CREATE alone and beside a connection that asks all members: the two lists of results."""
    seconds = bench.options.seconds
    create = bench.rounds(seconds, 1, *stand.create_load(1), "--rsc", 2001)
    alone, beside = [], []
    for _ in range(bench.options.rounds):
        alone.append(bench.load(server.port, [server.pid], *create))
        other = bench.load_process(server.port, [], *FAN_OUT, "--seconds", seconds + 1)
        try:
            time.sleep(0.2)  # it has begun
            beside.append(bench.load(server.port, [server.pid], *create))
        finally:
            result = json.loads(other.communicate()[0])
        if result["errors"]:
            bench.faults.append("requests to members: %d errors, %s" % (result["errors"], result["first_error"]))
    return alone, beside


def latency(results):
    return "p50 %.2f ms  p99 %.2f ms" % (median(results, "p50_us") / 1e3, median(results, "p99_us") / 1e3)


def row_fanout(bench):
    server = bench.start(bench.server("fanout"))
    try:
        set_up_group(bench, server)
        stand.settle(server.pid)
        member_answers(bench, server)
        alone, beside = create_beside(bench, server)
    finally:
        server.stop(120)
    slowest = median(beside, "p99_us") / 1e3
    bench.line(
        "CREATE cin, 1 connection, beside 1 of fan-out",
        latency(beside),
        latency(alone) + " (Copse, alone)",
        "",
        "p99 < 5 ms",
        slowest < 5,
    )


ROWS = {
    "policies": row_policies,
    "discovery100": row_discovery100,
    "discovery1": row_discovery1,
    "fanout": row_fanout,
}
