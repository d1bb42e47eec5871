#!/usr/bin/env python3
"""The server as a service: SIGHUP, what a service manager is told, and what is logged in which form. Speaks TAP."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from copse_harness import (Server, clean_environment, expect, expect_equal, main, must, program, rule,
                           temporary_directory)

WAIT_S = 60


def configured(text, **options):
    """A server that reads a file, and the file."""
    file = pathlib.Path(temporary_directory(), "copse.conf")
    file.write_text(text)
    server = Server(**options)
    for key in ("http.listen", "log.level"):
        server.settings.pop(key)
    command = server.command
    server.command = lambda: [*command(), "--config", str(file)]
    return server, file


def wait_for(seen, what):
    deadline = time.monotonic() + WAIT_S
    while not seen():
        expect(time.monotonic() < deadline, what)
        time.sleep(0.01)


def reload(server):
    """Sends SIGHUP; the lines that are logged about it."""
    before = len(server.log())
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: re.search("read again|not taken", server.log()[before:]), "no reload is logged")
    server.client().get("/cse-in")  # and what is logged in the same round
    return server.log()[before:]


LISTEN = "[http]\nlisten = 127.0.0.1:0\n"


@rule("SIGHUP takes over the log and the limits that are live")
def _():
    server, file = configured(LISTEN + "max-connections = 100\n[log]\nlevel = info\n")
    with server, server.client() as client:
        must(client.create_cnt("/cse-in", "c"), 2001)
        for name in "ab":
            must(client.create_cnt("/cse-in/c", name), 2001)
        expect_equal(len(client.get("/cse-in?fu=1").json["m2m:uril"]), 3, "resources before")
        file.write_text(LISTEN + "max-connections = 1\n[log]\nlevel = debug\nformat = json\n[limits]\n"
                        "discovery-results = 1\n[container]\ndefault-mni = 7\n")
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "read again" in server.log(), "no reload is logged")
        line = next(json.loads(line) for line in server.log().splitlines() if "read again" in line)
        expect_equal(set(line["changed"].split(",")), {"http.max-connections", "log.level", "log.format",
                                                       "limits.discovery-results", "container.default-mni"}, "changed")
        expect("restart" not in server.log(), server.log())
        expect_equal(len(client.get("/cse-in?fu=1").json["m2m:uril"]), 1, "resources after")
        expect_equal(must(client.create_cnt("/cse-in", "d"), 2001).resource["mni"], 7, "maxNrOfInstances")
        expect('"event":"step"' in server.log(), "nothing of level debug")
        with server.client() as second:
            expect_equal(second.get("/cse-in").status, 503, "the second connection")


@rule("SIGHUP names what needs a restart, and goes on without it")
def _():
    server, file = configured(LISTEN)
    with server:
        file.write_text(LISTEN + "root = /x\n[cse]\nadmin = CBoss\n")
        log = reload(server)
        expect("keys=cse.admin,http.root" in log and "level=warn" in log, log)
        with server.client() as client:
            expect_equal(client.get("/cse-in").status, 200, "under the old root")


@rule("a fault in the configuration is one error line on SIGHUP and changes nothing")
def _():
    server, file = configured(LISTEN + "[container]\ndefault-mni = 5\n")
    with server, server.client() as client:
        for text, part in (("[container]\ndefault-mni = 6\n[http]\nmax-body = lots\n", "copse.conf:4: http.max-body"),
                           ("[container]\ndefault-mni = 6\ngarbage\n", "copse.conf:3"), (None, "No such file")):
            file.unlink() if text is None else file.write_text(text)
            log = reload(server)
            expect_equal(log.count("not taken"), 1, log)
            expect_equal(log.count("read again"), 0, log)
            expect("level=error" in log and part in log and "all stays" in log, log)
        expect_equal(must(client.create_cnt("/cse-in", "c"), 2001).resource["mni"], 5, "maxNrOfInstances")
        file.write_text(LISTEN + "[container]\ndefault-mni = 6\n")
        expect("changed=container.default-mni" in reload(server), server.log())
        expect_equal(must(client.create_cnt("/cse-in", "d"), 2001).resource["mni"], 6, "maxNrOfInstances")


@rule("the environment and --set are read again as well, and win as they did at the start")
def _():
    server, file = configured(LISTEN, env={"COPSE_CONTAINER_DEFAULT_MNI": "3"})
    server.settings["log.level"] = "info"
    with server, server.client() as client:
        file.write_text(LISTEN + "[container]\ndefault-mni = 4\n[log]\nlevel = debug\n")
        expect('changed=""' in reload(server), server.log())
        expect_equal(must(client.create_cnt("/cse-in", "c"), 2001).resource["mni"], 3, "maxNrOfInstances")


# ---- the service manager ----


class Manager:
    """The socket that a service manager listens on."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(WAIT_S)
        self.socket.bind(name.replace("@", "\0", 1))
        self.environment = {"NOTIFY_SOCKET": name}

    def hear(self):
        """The next message, as a dictionary."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def close(self):
        self.socket.close()


@rule("a service manager is told READY, RELOADING and STOPPING, on a path or in the abstract name space")
def _():
    for name in (os.path.join(temporary_directory(), "notify"), "@copse-test-%d" % os.getpid()):
        manager = Manager(name)
        server = Server(env=manager.environment)
        server.launch()
        said = manager.hear()
        expect_equal(said["READY"], "1", "the first message")
        expect(said["STATUS"].startswith("http://127.0.0.1:"), said)
        server.process.send_signal(signal.SIGHUP)
        said = manager.hear()
        expect_equal(said["RELOADING"], "1", "the message on SIGHUP")
        expect(int(said["MONOTONIC_USEC"]) > 0, said)
        expect_equal(manager.hear()["READY"], "1", "the message after it")
        server.process.send_signal(signal.SIGTERM)
        expect_equal(manager.hear(), {"STOPPING": "1"}, "the message on SIGTERM")
        expect_equal(server.process.wait(WAIT_S), 0, "exit code")
        manager.close()


@rule("a service manager that cannot be started says nothing of being ready")
def _():
    manager = Manager(os.path.join(temporary_directory(), "notify"))
    result = subprocess.run([program(), "run", "--set", "store.path=/proc/nothing"], capture_output=True, timeout=WAIT_S,
                            env=clean_environment(manager.environment), check=False)
    expect_equal(result.returncode, 2, result.stderr)
    manager.socket.setblocking(False)
    try:
        raise AssertionError(manager.hear())
    except BlockingIOError:
        manager.close()


@rule("the watchdog is fed by the loop if it is meant for this process")
def _():
    manager = Manager(os.path.join(temporary_directory(), "notify"))
    server = Server(env={**manager.environment, "WATCHDOG_USEC": "200000"})
    server.launch()
    expect_equal(manager.hear()["READY"], "1", "the first message")
    for _ in range(3):
        expect_equal(manager.hear(), {"WATCHDOG": "1"}, "a sign of life")
    server.kill()
    server.env["WATCHDOG_PID"] = "1"
    server.launch()
    while "READY" not in manager.hear():
        pass
    server.process.send_signal(signal.SIGHUP)
    expect("RELOADING" in manager.hear(), "the watchdog of another process is fed")


# ---- logs ----

MARK = "xyzzy-secret"


def say_marks(client):
    """Requests of every kind, right and wrong, with a mark wherever content and credentials are."""
    bearer = (("Authorization", "Bearer " + MARK),)
    must(client.create_cnt("/cse-in", "c", lbl=[MARK]), 2001)
    must(client.request("POST", "/cse-in/c", {"m2m:cin": {"con": MARK}}, 4, headers=bearer), 2001)
    must(client.create_cin("/cse-in/c", {MARK: MARK}), 2001)
    must(client.get("/cse-in/c/la", headers=bearer), 2000)
    must(client.get("/cse-in?fu=1&lbl=" + MARK), 2000)
    must(client.update("/cse-in/c", 3, {"lbl": [MARK, MARK + "2"]}), 2004)
    for attributes in ({"mni": MARK}, {"lbl": MARK}, {"et": MARK}, {"acpi": [MARK]}, {"or": MARK + " "}):
        expect(client.create_cnt("/cse-in", "wrong", **attributes).rsc >= 4000, attributes)
    expect(client.request("POST", "/cse-in", '{"m2m:cnt":{"lbl":["%s]' % MARK, 3).rsc >= 4000, "broken JSON")
    expect(client.request("POST", "/cse-in", '{"m2m:cnt":{"lbl":[]}}' + MARK, 3).rsc >= 4000, "more than JSON")
    expect(client.request("PUT", "/cse-in/c", MARK).rsc >= 4000, "no JSON")
    expect(client.get("/cse-in?fu=1&crb=" + MARK).rsc >= 4000, "a bad condition")
    expect(client.create("/cse-in", 2, {"api": MARK, "rr": False, "srv": ["3"]}, origin="Cae").rsc >= 4000, "a bad AE")
    must(client.create("/cse-in", 2, {"api": "Nx", "rr": True, "srv": ["3"], "poa": ["http://" + MARK]}, origin="Cae"),
         2001)
    must(client.delete("/cse-in/c"), 2002)


@rule("contents and credentials are never logged, whatever the level and the form")
def _():
    for form in ("text", "json"):
        with Server(settings={"log.level": "debug", "log.format": form}) as server, server.client() as client:
            say_marks(client)
            with socket.create_connection(("127.0.0.1", server.port)) as raw:
                raw.sendall(b"GET /cse-in HTTP/1.1\r\nHost: x\r\nAuthorization : " + MARK.encode() + b"\r\n\r\n")
                raw.recv(4096)
            lines = [line for line in server.log().splitlines() if MARK in line]
            expect_equal(lines, [], "lines with contents")
            expect(server.log().count("\n") > 100, "the log is nearly empty")


@rule("a request's line in JSON has identifier, originator, binding, code and duration")
def _():
    with Server(settings={"log.level": "debug", "log.format": "json"}) as server, server.client() as client:
        must(client.get("/cse-in"), 2000)
        client.get("/cse-in/nothing")
        lines = [json.loads(line) for line in server.log().splitlines()]
        requests = [line for line in lines if line["event"] == "request"]
        expect_equal([line["rsc"] for line in requests][-2:], [2000, 4004], "codes")
        for line in requests:
            expect_equal((line["from"], line["binding"]), ("CAdmin", "http"), "who asks, and how")
            expect(line["rqi"] and isinstance(line["us"], int) and 0 <= line["us"] < WAIT_S * 1000000, line)
        expect_equal([line["level"] for line in requests][-2:], ["debug", "info"], "levels")


@rule("lines begin with their level for the journal, and for whoever asks")
def _():
    server = Server(settings={"log.level": "info", "log.priority": "yes"})
    with server, server.client() as client:
        client.get("/cse-in/nothing")
    for line in server.log().splitlines():
        number = {"info": 6, "warn": 4, "error": 3}[re.search("level=([a-z]+)", line).group(1)]
        expect(line.startswith(f"<{number}>time="), line)
    server = Server(settings={"log.level": "info"})
    pathlib.Path(server.log_path).touch()
    status = os.stat(server.log_path)
    for inode, is_journal in ((status.st_ino, True), (status.st_ino + 1, False)):
        server.env = {"JOURNAL_STREAM": f"{status.st_dev}:{inode}"}
        with server:
            pass
        expect_equal(server.log().splitlines()[-1].startswith("<6>"), is_journal, "levels for the journal")


main()
