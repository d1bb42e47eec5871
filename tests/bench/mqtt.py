"""Rows of the bench over MQTT: requests at QoS 1 through a mosquitto, beside a bare libmosquitto client that answers
every message with one of the same size (tests/bench/mqtt_load). Broker and load share the load generator's core."""

import json
import os
import subprocess
import sys

import stand
from stand import CONTENT, harness, median

sys.path.insert(0, os.path.join(stand.HERE, "..", "peers"))
import peers  # noqa: E402

OUTSTANDING = 32
RETRIEVE = {"op": 2, "to": "cse-in/bench/c00000/la", "fr": harness.ADMIN, "rqi": "%R", "rvi": "3"}
CREATE = {
    "op": 1,
    "to": "cse-in/bench/c%N",
    "fr": harness.ADMIN,
    "rqi": "%R",
    "rvi": "3",
    "ty": 4,
    "pc": {"m2m:cin": {"con": CONTENT}},
}


def program(bench):
    path = os.path.join(os.path.dirname(bench.options.load), "mqtt_load")
    if not os.path.exists(path):
        raise RuntimeError("this build is without MQTT")
    return path


class Mosquitto:
    """A broker on the load generator's core."""

    def __init__(self, bench):
        self.broker = peers.Broker(bench.path("mosquitto"), ["max_inflight_messages 0", "max_queued_messages 0"])
        self.broker.configuration = [line for line in self.broker.configuration if "autosave" not in line]
        self.broker.configuration = ["persistence false" if "persistence" in line else line for line in self.broker.configuration]
        self.broker.configuration = [line for line in self.broker.configuration if not line.startswith("log_")] + ["log_dest none"]
        self.broker.start()
        if bench.load_core is not None:
            os.sched_setaffinity(self.broker.process.pid, {bench.load_core})
        self.port, self.stop = self.broker.port, self.broker.stop


def measure(bench, port, receiver, primitive, code, pid):
    prefix = ["taskset", "-c", str(bench.load_core)] if bench.load_core is not None else []
    text = json.dumps(primitive, separators=(",", ":"))
    seconds = str(bench.options.seconds)
    command = [*prefix, program(bench), str(port), receiver, text, str(code), str(OUTSTANDING), seconds, "0.3", str(pid)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout)
    if result["errors"]:
        bench.faults.append("%d errors, the first: %s" % (result["errors"], result["first_error"]))
    return result


def answer_size(bench, port, primitive):
    """Bytes of Copse's answer."""
    listener = subprocess.Popen(
        ["mosquitto_sub", "-p", str(port), "-t", "/oneM2M/resp/CAdmin/id-in/#", "-C", "1", "-N"], stdout=subprocess.PIPE
    )
    try:
        subprocess.run(["sleep", "0.5"], check=True)
        text = json.dumps(primitive).replace("%R", "000000000001").replace("%N", "00000")
        subprocess.run(
            ["mosquitto_pub", "-p", str(port), "-q", "1", "-t", "/oneM2M/req/CAdmin/id-in/json", "-m", text], check=True
        )
        return len(listener.communicate(timeout=20)[0])
    finally:
        listener.kill()
        listener.wait()


def row(bench, name, primitive, code, target):
    broker = Mosquitto(bench)
    server = bench.server("mqtt%d" % code)
    server.settings["mqtt.broker"] = "127.0.0.1:%d" % broker.port
    server.settings["mqtt.trusted"] = server.settings["mqtt.broker"]
    server.settings["mqtt.admin"] = "yes"
    server.settings["mqtt.cache-size"] = "64M"
    bench.start(server)
    echo = None
    try:
        with server.client() as client:
            if client.get("/cse-in/bench").status == 404:
                stand.set_up(server, 100)
        size = answer_size(bench, broker.port, primitive)
        command = [*bench.server_prefix(), program(bench), "echo", str(broker.port), str(size)]
        echo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        harness.expect_equal(echo.stdout.readline(), "ready\n", "echo")
        ours, theirs = [], []
        for _ in range(bench.options.rounds):
            theirs.append(measure(bench, broker.port, "echo", primitive, 2000, echo.pid))
            ours.append(measure(bench, broker.port, "id-in", primitive, code, server.pid))
    finally:
        if echo:
            echo.kill()
            echo.communicate()
        server.stop(120)
        broker.stop()
    rate = median(ours, "rate") / median(theirs, "rate")
    bench.line(
        "%s over MQTT, QoS 1, %d outstanding" % (name, OUTSTANDING),
        stand.figures(ours),
        "%s (echo)" % stand.short_figures(theirs),
        "rate %.2f" % rate,
        "rate >= %.2f" % target,
        rate >= target,
    )
    bench.line("", "%d bytes" % size, "", "CPU %.2f" % (median(ours, "cpu_us") / median(theirs, "cpu_us")))


def row_retrieve(bench):
    row(bench, "RETRIEVE la", RETRIEVE, 2000, 0.8)


def row_create(bench):
    row(bench, "CREATE cin, durable,", CREATE, 2001, 0.5)


ROWS = {"mqtt-retrieve": row_retrieve, "mqtt-create": row_create}
