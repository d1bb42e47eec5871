"""Rows of the bench about WebSocket: requests and answers beside a bare libwebsockets server that echoes."""

import json
import os
import re
import subprocess
import time

import stand
from stand import AE, CONTENT, harness, median

CONNECTIONS = 32


def primitive(**members):
    """A request of 126 bytes at least; the generator puts an identifier in the place of the #."""
    text = json.dumps({"fr": harness.ADMIN, "rqi": "#", "rvi": "3", **members}, separators=(",", ":"))
    filler = max(0, 126 - len(text))
    return json.dumps({**json.loads(text), "vsi": "x" * filler}, separators=(",", ":")) if filler else text


def tool(bench, name):
    return os.path.join(os.path.dirname(bench.options.load), name)


def load(bench, port, pid, message, expected=None):
    prefix = ["taskset", "-c", str(bench.load_core)] if bench.load_core is not None else []
    command = [*prefix, tool(bench, "ws_load"), str(port), str(pid), str(CONNECTIONS), str(bench.options.seconds), "0.3"]
    result = json.loads(subprocess.run([*command, message, *filter(None, [expected])], check=True, stdout=subprocess.PIPE).stdout)
    if result["errors"]:
        bench.faults.append("%d errors, the first: %s" % (result["errors"], result["first_error"]))
    return result


class Echo:
    """The reference, on the server's core."""

    def __init__(self, bench, *arguments):
        command = [*bench.server_prefix(), tool(bench, "ws_echo"), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port, self.pid = int(self.process.stdout.readline()), self.process.pid

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def start(bench, name):
    """A server and its port for WebSockets."""
    server = bench.server(name)
    server.settings.update({"websocket.listen": "127.0.0.1:0", "log.level": "info"})
    bench.start(server)
    for _ in range(100):
        found = re.search(r"address=ws://127.0.0.1:(\d+)", server.log())
        if found:
            return server, int(found.group(1))
        time.sleep(0.05)
    raise RuntimeError("no WebSocket port in the log")


def is_built(bench):
    if not os.path.exists(tool(bench, "ws_load")):
        bench.progress("this build has no WebSocket")
        return False
    return True


def row_websocket(bench):
    if not is_built(bench):
        return
    server, port = start(bench, "websocket")
    echo = Echo(bench)
    ours, theirs = [], []
    try:
        stand.set_up(server, 1)
        message = primitive(op=2, to=AE[1:] + "/c00000/la")
        for _ in range(bench.options.rounds):
            theirs.append(load(bench, echo.port, echo.pid, message))
            ours.append(load(bench, port, server.pid, message, '"rsc":2000'))
    finally:
        echo.stop()
        server.stop()
    rate = median(ours, "rate") / median(theirs, "rate")
    bench.line(
        "WebSocket RETRIEVE la, %d connections" % CONNECTIONS,
        stand.figures(ours),
        "%s (echo)" % stand.short_figures(theirs),
        "rate %.2f" % rate,
        "rate >= 0.60",
        rate >= 0.6,
    )
    bench.line("", "", "", "CPU %.2f" % (median(ours, "cpu_us") / median(theirs, "cpu_us")))


def row_websocket_create(bench):
    if not is_built(bench):
        return
    server, port = start(bench, "websocket-create")
    try:
        stand.set_up(server, 1)
        message = primitive(op=1, to=AE[1:] + "/c00000", ty=4, pc={"m2m:cin": {"con": CONTENT}})
        ours = [load(bench, port, server.pid, message, '"rsc":2001') for _ in range(bench.options.rounds)]
    finally:
        server.stop(120)
    bench.line("WebSocket CREATE cin, durable, %d connections" % CONNECTIONS, stand.figures(ours))


ROWS = {"websocket": row_websocket, "websocket-create": row_websocket_create}
