"""Rows of the bench about subscriptions: how fast notifications go out, and what they cost others. The targets are
ports of tests/bench/sink, which runs on the load generator's core."""

import json
import os
import subprocess
import time

import stand
from stand import AE, CONTENT, harness, human, median
from structural import create_many, latency

CREATE_CHILD = 3  # notificationEventType
SINKS = 100
BYSTANDERS = 10_000  # subscriptions
WATCHED = AE + "/c00000"


class Sink:
    """tests/bench/sink with some ports. deaf: it accepts and never reads."""

    def __init__(self, bench, count=1, deaf=False):
        prefix = ["taskset", "-c", str(bench.load_core)] if bench.load_core is not None else []
        program = os.path.join(os.path.dirname(bench.options.load), "sink")
        command = [*prefix, program, str(count)] + (["deaf"] if deaf else [])
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.ports = [int(self.process.stdout.readline()) for _ in range(count)]
        self.client = None if deaf else harness.Client(self.ports[0])

    def count(self):
        """Requests that have arrived."""
        return int(self.client.get("/").body)

    def wait_for(self, count, seconds=120):
        """Waits until so many have arrived."""
        deadline = time.monotonic() + seconds
        while (arrived := self.count()) < count:
            if time.monotonic() > deadline:
                raise RuntimeError("%d of %d notifications have arrived" % (arrived, count))
            time.sleep(0.002)
        harness.expect_equal(arrived, count, "notifications")

    def stop(self):
        if self.client:
            self.client.close()
        self.process.terminate()
        self.process.communicate()


def subscription(*ports, path="n"):
    """One with a target at each port."""
    urls = ["http://127.0.0.1:%d/%s" % (port, path) for port in ports]
    return {"m2m:sub": {"enc": {"net": [CREATE_CHILD]}, "nu": urls}}


def subscribe(server, container, port):
    with server.client() as client:
        harness.must(client.request("POST", container, subscription(port), 23), 2001)


def instances(server, container):
    with server.client() as client:
        return harness.must(client.get(container), 2000).resource["cni"]


class Timed:
    """CREATEs in a watched container, with the notifications of them: what load says, and
    drain_s: from the last answer until the last of count notifications has arrived; whole_s: from the first CREATE;
    sink_us: processor time of the sinks for each."""

    def __init__(self, bench, server, sink, watchers):
        self.bench, self.server, self.sink, self.watchers = bench, server, sink, watchers

    def run(self, *arguments):
        before, arrived = instances(self.server, WATCHED), self.sink.count()
        cpu, server_cpu = stand.cpu_seconds(self.sink.pid), stand.cpu_seconds(self.server.pid)
        started = time.monotonic()
        result = self.bench.load(self.server.port, [self.server.pid], *stand.create_load(1), "--rsc", 2001, *arguments)
        ended = time.monotonic()
        count = (instances(self.server, WATCHED) - before) * self.watchers
        self.sink.wait_for(arrived + count)
        now = time.monotonic()
        result.update(
            count=count,
            drain_s=now - ended,
            whole_s=now - started,
            notified=count / (now - started),
            sink_us=1e6 * (stand.cpu_seconds(self.sink.pid) - cpu) / count,
            each_us=1e6 * (stand.cpu_seconds(self.server.pid) - server_cpu) / count,
        )
        return result


def sink_text(results):
    share = 100 * median(results, "sink_us") * median(results, "notified") / 1e6
    return "sink: %.1f us, %.0f %% of its core" % (median(results, "sink_us"), share)


# ---- one subscriber ----


def row_notify1(bench):
    server, sink = bench.start(bench.server("notify1")), Sink(bench)
    ours, theirs = [], []
    try:
        stand.set_up(server, 1)
        subscribe(server, WATCHED, sink.ports[0])
        with server.client() as client:
            size = len(harness.must(client.create_cin(WATCHED, CONTENT), 2001).body)
        sink.wait_for(2)  # the verification, and what this has made
        port, timed = bench.nginx.serve(201, size), Timed(bench, server, sink, 1)
        load = bench.rounds(bench.options.seconds, 32)
        for _ in range(bench.options.rounds):
            theirs.append(bench.load(port, [bench.nginx.process.pid], *load, *stand.create_load(1)))
            ours.append(timed.run(*load))
    finally:
        server.stop(120)
        sink.stop()
    rate = median(ours, "rate") / median(theirs, "rate")
    drain = median(ours, "drain_s")
    bench.line(
        "CREATE cin with 1 subscriber, durable, 32 connections",
        stand.figures(ours),
        stand.short_figures(theirs),
        "rate %.2f" % rate,
        "rate >= 0.05",
        rate >= 0.05,
    )
    bench.line(
        "",
        "last of %s delivered %.2f s after the last CREATE" % (human(ours[-1]["count"]), drain),
        sink_text(ours),
        "",
        "<= 1 s",
        drain <= 1,
    )


# ---- many subscribers ----


def fan_out(bench, timed, connections):
    count = 1000 if bench.options.seconds >= 1 else 100
    results = [timed.run("--requests", count, "--connections", connections) for _ in range(bench.options.rounds)]
    rate = median(results, "notified")
    bench.line(
        "CREATE cin with %d subscribers, %d connection%s" % (SINKS, connections, "s" * (connections > 1)),
        "%s  %.1f us for a notification" % (stand.figures(results), median(results, "each_us")),
        sink_text(results),
        "%s notifications/s" % human(round(rate)),
        ">= 60,000/s",
        rate >= 60_000,
    )


def row_notify100(bench):
    server, sink = bench.start(bench.server("notify100")), Sink(bench, SINKS)
    try:
        stand.set_up(server, 1)
        for port in sink.ports:
            subscribe(server, WATCHED, port)
        timed = Timed(bench, server, sink, SINKS)
        for connections in (1, 8):
            fan_out(bench, timed, connections)
    finally:
        server.stop(120)
        sink.stop()


# ---- those who watch something else ----


def watched_store(bench, name, sink):
    """A server with many other containers; sink: each of them has a subscription."""
    server = bench.start(bench.server(name))
    stand.set_up(server, 1)
    create_many(bench, server, BYSTANDERS, 3, AE, {"m2m:cnt": {"rn": "d%05u"}})
    if sink:
        body = subscription(sink.ports[0], path="%05u")
        create_many(bench, server, BYSTANDERS, 23, AE + "/d%05u", body)
    stand.settle(server.pid)
    return server


def row_bystanders(bench):
    sink = Sink(bench)
    watched, plain = watched_store(bench, "watched", sink), watched_store(bench, "unwatched", None)
    try:
        load = bench.rounds(bench.options.seconds, 32, *stand.create_load(1), "--rsc", 2001)
        ours, theirs = stand.versus(bench, (watched.port, watched.pid), (plain.port, plain.pid), load, load)
        harness.expect_equal(sink.count(), BYSTANDERS, "verifications and nothing else")
    finally:
        watched.stop(120)
        plain.stop(120)
        sink.stop()
    rate = median(ours, "rate") / median(theirs, "rate")
    cpu = median(ours, "cpu_us") / median(theirs, "cpu_us")
    bench.line(
        "CREATE cin beside %s subscriptions" % human(BYSTANDERS),
        stand.figures(ours),
        stand.short_figures(theirs) + " (Copse, without)",
        "rate %.2f" % rate,
        "rate > 0.95",
        rate > 0.95,
    )
    bench.line("", "", "", "CPU %.2f" % cpu, "CPU < 1.05", cpu < 1.05)


# ---- subscribers that hang ----


def hung_server(bench, name, ports, containers):
    """A server whose first containers (of as many as there are ports, and one) have subscriptions to these ports."""
    server = bench.server(name)
    server.settings["notify.verify"] = "no"
    bench.start(server)
    stand.set_up(server, SINKS + 1)
    for number, port in enumerate(ports):
        subscribe(server, "%s/c%05d" % (AE, containers[number]), port)
    return server


def create_beside_hung(bench, server):
    """Measured CREATEs in the first container, beside a connection that creates in the others."""
    others = ("--path", AE + "/c%05u", "--range", "1:%d" % SINKS)
    load = bench.rounds(bench.options.seconds, 8, *stand.create_load(1), "--rsc", 2001)
    other = bench.load_process(server.port, [], *stand.CREATE, *others, "--seconds", bench.options.seconds + 0.8)
    try:
        time.sleep(0.2)  # it has begun
        result = bench.load(server.port, [server.pid], *load)
    finally:
        other_result = json.loads(other.communicate()[0])
    if other_result["errors"]:
        bench.faults.append("beside: %d errors, %s" % (other_result["errors"], other_result["first_error"]))
    return result


def hung_line(bench, name, ours, theirs):
    ratio = median(ours, "p99_us") / median(theirs, "p99_us")
    bench.line(
        name,
        "%.0f/s  %s" % (median(ours, "rate"), latency(ours)),
        "%.0f/s  %s" % (median(theirs, "rate"), latency(theirs)),
        "p99 %.2f" % ratio,
        "p99 <= 1.20",
        ratio <= 1.2,
    )


def row_hung100(bench):
    """Each of the hung ones has a message under way, and what is created meanwhile waits for it."""
    deaf = Sink(bench, SINKS, deaf=True)
    elsewhere = hung_server(bench, "hung-elsewhere", deaf.ports, range(1, SINKS + 1))
    same = hung_server(bench, "hung-same", deaf.ports, [0] * SINKS)
    without = hung_server(bench, "not-hung", [], [])
    servers = {"without": without, "elsewhere": elsewhere, "same": same}
    results = {name: [] for name in servers}
    try:
        for _ in range(bench.options.rounds):
            for name, server in servers.items():
                results[name].append(create_beside_hung(bench, server))
    finally:
        for server in servers.values():
            server.stop(120)
        deaf.stop()
    hung_line(bench, "CREATE cin, 8 connections, 100 elsewhere hang", results["elsewhere"], results["without"])
    hung_line(bench, "CREATE cin, 8 connections, 100 of it hang", results["same"], results["without"])


ROWS = {
    "notify1": row_notify1,
    "notify100": row_notify100,
    "bystanders": row_bystanders,
    "hung100": row_hung100,
}
