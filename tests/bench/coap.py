"""Rows of the bench over CoAP: the server beside a bare one of libcoap's that answers with a body of the same size."""

import json
import os
import re
import subprocess

import stand
from stand import AE, CONTENT, harness, median

CONTAINERS = 100


class Reference:
    """tests/bench/coap_reference, on the server's core."""

    def __init__(self, bench, size):
        program = os.path.join(os.path.dirname(bench.options.load), "coap_reference")
        command = [*bench.server_prefix(), program, str(size)]
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.pid, self.port = self.process.pid, int(self.process.stdout.readline())

    def stop(self):
        self.process.terminate()
        self.process.communicate()


def load(bench, port, pid, *arguments, connections=32):
    prefix = ["taskset", "-c", str(bench.load_core)] if bench.load_core is not None else []
    program = os.path.join(os.path.dirname(bench.options.load), "coap_load")
    command = [*prefix, program, "--port", port, "--pid", pid, "--connections", connections]
    command += ["--seconds", bench.options.seconds, "--warmup", 0.3, *arguments]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    if result["errors"]:
        bench.faults.append("CoAP: %d errors, the first: %s" % (result["errors"], result["first_error"]))
    return result


def start(bench, name):
    server = bench.server(name)
    server.settings.update({"coap.listen": "127.0.0.1:0", "log.level": "info"})
    bench.start(server)
    server.coap = int(re.search(r"binding=coap address=coap://[^\s]*:(\d+)", server.log()).group(1))
    stand.set_up(server, CONTAINERS)
    return server


def versus(bench, server, size, words, target, name, connections=32):
    """Rounds of both in turns."""
    reference, ours, theirs = Reference(bench, size), [], []
    try:
        for _ in range(bench.options.rounds):
            theirs.append(load(bench, reference.port, reference.pid, "--plain", *words, connections=connections))
            ours.append(load(bench, server.coap, server.pid, *words, connections=connections))
    finally:
        reference.stop()
    rate = median(ours, "rate") / median(theirs, "rate")
    bench.line(
        "CoAP %s, %d clients" % (name, connections),
        stand.figures(ours),
        "%s (libcoap)" % stand.short_figures(theirs),
        "rate %.2f" % rate,
        "rate >= %.2f" % target if target else "",
        rate >= target if target else None,
    )
    bench.line("", "%d bytes" % size, "", "CPU %.2f" % (median(ours, "cpu_us") / median(theirs, "cpu_us")))


def row_coap_retrieve(bench):
    server = start(bench, "coap-retrieve")
    try:
        with server.client() as client:
            size = len(harness.must(client.get(AE + "/c00000/la"), 2000).body)
        words = ("--path", AE.lstrip("/") + "/c%05u/la", "--range", CONTAINERS)
        versus(bench, server, size, words, 0.6, "RETRIEVE la")
        versus(bench, server, size, words, 0, "RETRIEVE la", connections=1000)
    finally:
        server.stop(120)


def row_coap_create(bench):
    server = start(bench, "coap-create")
    try:
        with server.client() as client:
            size = len(harness.must(client.create_cin(AE + "/c00000", CONTENT), 2001).body)
        body = json.dumps({"m2m:cin": {"con": CONTENT}}, separators=(",", ":"))
        words = ("--path", AE.lstrip("/") + "/c%05u", "--range", CONTAINERS, "--body", body, "--type", 4, "--code", 201)
        versus(bench, server, size, words, 0.3, "CREATE cin, durable")
    finally:
        server.stop(120)


ROWS = {"coap-retrieve": row_coap_retrieve, "coap-create": row_coap_create}
