#!/usr/bin/env python3
"""copse request: words become requests, answers become JSON, a status line and an exit code. Speaks TAP."""
import http.server
import json
import os
import pathlib
import signal
import subprocess
import threading

from copse_harness import (Server, clean_environment, expect, expect_equal, main, program, rule, run,
                           temporary_directory)

WAIT_S = 60


def ask(server, *words, stdin=None, env=None):
    return subprocess.run([program(), "request", *words, "--url", f"http://127.0.0.1:{server.port}"], input=stdin,
                          stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True,
                          timeout=WAIT_S, env=clean_environment(env))


def answered(result, code, status):
    """The exit code and the status line; returns the JSON."""
    expect_equal((result.returncode, result.stderr), (code, status + "\n"), result.args)
    return json.loads(result.stdout) if result.stdout else None


def refused(result, *parts):
    """Nothing is sent: one line and exit code 2."""
    expect_equal((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1), result.args)
    for part in parts:
        expect(part in result.stderr, f"no {part!r} in {result.stderr!r}")


@rule("every operation is a command, and its exit code is the class of the answer")
def _():
    with Server() as server:
        made = answered(ask(server, "create", "cse-in", "cnt", '{"rn":"c","lbl":["x&y=+%z"]}'), 0, "2001 CREATED")
        expect_equal(made["m2m:cnt"]["rn"], "c", "created")
        answered(ask(server, "create", "cse-in/c", "container", '{"m2m:cnt":{"rn":"d"}}'), 0, "2001 CREATED")
        answered(ask(server, "create", "cse-in", "cnt", '{"rn":"c"}'), 4, "4105 CONFLICT")
        seen = answered(ask(server, "retrieve", "cse-in/c"), 0, "2000 OK")
        expect_equal(seen["m2m:cnt"]["lbl"], ["x&y=+%z"], "labels")
        for address in ("/id-in/cse-in/c", "//copse.example/id-in/cse-in/c", made["m2m:cnt"]["ri"]):
            expect_equal(answered(ask(server, "retrieve", address), 0, "2000 OK"), seen, address)
        answered(ask(server, "update", "cse-in/c", "cnt", '{"mni":5}'), 0, "2004 UPDATED")
        answered(ask(server, "update", "cse-in/c", '{"m2m:cnt":{"mni":6}}'), 0, "2004 UPDATED")
        found = answered(ask(server, "discover", "cse-in", "lbl=x&y=+%z"), 0, "2000 OK")
        expect_equal(found, {"m2m:uril": ["cse-in/c"]}, "discovered")
        answered(ask(server, "delete", "cse-in/c"), 0, "2002 DELETED")
        answered(ask(server, "retrieve", "cse-in/c"), 4, "4004 NOT_FOUND")
        answered(ask(server, "retrieve", "cse-in", "smf=x"), 5, "5001 NOT_IMPLEMENTED")


@rule("content comes from the command line, a file or standard input")
def _():
    file = pathlib.Path(temporary_directory(), "content")
    file.write_text('{"rn": "from-file"}')
    with Server() as server:
        for name, content, stdin in (("here", '{"rn":"here"}', None), ("from-file", f"@{file}", None),
                                     ("from-stdin", "-", '\n{ "rn": "from-stdin" }\n')):
            made = answered(ask(server, "create", "cse-in", "cnt", content, stdin=stdin), 0, "2001 CREATED")
            expect_equal(made["m2m:cnt"]["rn"], name, content)
        expect("rn" in answered(ask(server, "create", "cse-in", "cnt"), 0, "2001 CREATED")["m2m:cnt"], "no name")


@rule("what is said wrong is one line, and nothing is sent")
def _():
    with Server() as server:
        refused(ask(server, "fetch", "cse-in"), "fetch", "retrieve")
        refused(ask(server, "retrieve"), "missing")
        refused(ask(server, "create", "cse-in"), "TYPE")
        refused(ask(server, "create", "cse-in", "nothing", "{}"), "nothing", "describe")
        refused(ask(server, "update", "cse-in/c"), "CONTENT")
        refused(ask(server, "update", "cse-in/c", '{"mni":5}'), "TYPE")
        refused(ask(server, "create", "cse-in", "cnt", '{"rn":'), "content", "byte")
        refused(ask(server, "create", "cse-in", "cnt", "@/nonexistent"), "/nonexistent")
        refused(ask(server, "create", "cse-in", "cnt", "-", stdin="[]"), "object")
        refused(ask(server, "retrieve", "cse-in", "{}"), "{}")
        refused(ask(server, "retrieve", "cse-in", "--timeout", "0"), "--timeout")
        refused(ask(server, "retrieve", "cse-in", "--discard"), "--discard")
        refused(run("request", "retrieve", "cse-in", "--set", "http.listen=127.0.0.1:0"), "--url")


@rule("originator, release, identifier and result content can be said; else it is the administrator's request")
def _():
    with Server() as server:
        made = answered(ask(server, "create", "cse-in", "AE", '{"api":"Nx","rr":false,"srv":["3"]}', "--from", "Cx"), 0,
                        "2001 CREATED")
        expect_equal(made["m2m:ae"]["aei"], "Cx", "AE-ID")
        made = answered(ask(server, "create", "cse-in", "AE", '{"api":"Ny","rr":false,"srv":["3"]}', "--from", "",
                            "--rcn", "0"), 0, "2001 CREATED")
        expect_equal(made, None, "with result content 0")
        answered(ask(server, "retrieve", "cse-in", "--from", "Cx"), 4, "4103 ORIGINATOR_HAS_NO_PRIVILEGE")
        answered(ask(server, "retrieve", "cse-in", "--rvi", "1"), 4, "4001 RELEASE_VERSION_NOT_SUPPORTED")
        answered(ask(server, "retrieve", "cse-in", "--rqi", "an identifier"), 0, "2000 OK")
        expect_equal(answered(ask(server, "retrieve", "cse-in", "atrl=rn"), 0, "2000 OK"), {"m2m:cb": {"rn": "cse-in"}},
                     "with an attribute list")


@rule("the server is where the configuration says, below its root, whatever proxy the environment names")
def _():
    server = Server(settings={"http.root": "/m2m"})
    server.launch()
    with open(server.process.stdout.fileno(), closefd=False, encoding="utf-8") as said:
        server.port = int(said.readline().rsplit(":", 1)[1].split("/")[0])
    result = run("request", "retrieve", "cse-in", "--set", f"http.listen=0.0.0.0:{server.port}", "--set",
                 "http.root=/m2m", env={"http_proxy": "http://127.0.0.1:1"})
    expect_equal(answered(result, 0, "2000 OK")["m2m:cb"]["rn"], "cse-in", "the CSEBase")


@rule("JSON is printed as it came, with lines and indents")
def _():
    with Server() as server:
        content = r'{"rn":"i","con":"{\"a\": [1, 2]}\u001b\\"}'
        answered(ask(server, "create", "cse-in", "cnt", '{"rn":"c"}'), 0, "2001 CREATED")
        made = ask(server, "create", "cse-in/c", "cin", content)
        expect_equal(answered(made, 0, "2001 CREATED")["m2m:cin"]["con"], '{"a": [1, 2]}\x1b\\', "content")
        expect(made.stdout.startswith('{\n  "m2m:cin": {\n    "rn": "i",\n'), made.stdout)
        expect("\x1b" not in made.stdout and made.stdout.endswith("\n  }\n}\n"), repr(made.stdout))


@rule("no answer, and an answer of no CSE, are exit code 1")
def _():
    result = run("request", "retrieve", "cse-in", "--url", "http://127.0.0.1:1")
    expect_equal((result.returncode, result.stdout), (1, ""), result.stderr)
    with FakeServer() as server:
        result = ask(server, "retrieve", "other")
        expect_equal(result.returncode, 1, result.stderr)
        expect("HTTP 404" in result.stderr, result.stderr)


# ---- subscriptions, beside a CSE that does what the test wants ----


class FakeServer:
    """Takes one subscription: it verifies it first, and notifies as often as told to."""

    def __init__(self):
        fake = self
        self.subscription = self.deleted = self.url = None
        self.verified = 0
        self.subscribed = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.subscription = body["m2m:sub"]
                fake.type = self.headers["Content-Type"]
                fake.url = fake.subscription["nu"][0]
                fake.verified = fake.notify({"m2m:sgn": {"vrq": True, "sur": "cse-in/c/s"}})
                self.answer(201, 2001, {"m2m:sub": {"ri": "sub1"}}, ("Content-Location", "/~/id-in/sub1"))
                fake.subscribed.set()

            def do_DELETE(self):
                fake.deleted = self.path
                self.answer(200, 2002, None)

            def do_GET(self):
                self.answer(404, None, None)

            def answer(self, status, rsc, body, *fields):
                text = json.dumps(body).encode() if body else b""
                self.send_response(status)
                for name, value in (*fields, ("Content-Length", str(len(text)))):
                    self.send_header(name, value)
                if rsc:
                    self.send_header("X-M2M-RSC", str(rsc))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]

    def notify(self, body):
        """The response status code and the request identifier that came back."""
        result = subprocess.run(["curl", "-s", "-i", "--noproxy", "*", "-H", "X-M2M-RI: n1", "-d", json.dumps(body),
                                 self.url], capture_output=True, text=True, timeout=WAIT_S)
        lines = dict(line.split(": ", 1) for line in result.stdout.strip().splitlines()[1:])
        return lines.get("X-M2M-RSC"), lines.get("X-M2M-RI")

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def subscribe(server, *words):
    return subprocess.Popen([program(), "request", "subscribe", "cse-in/c", *words, "--url",
                             f"http://127.0.0.1:{server.port}/"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=clean_environment())


@rule("subscribe answers what arrives, prints it, and deletes the subscription when told to stop")
def _():
    for how in (signal.SIGINT, signal.SIGTERM):
        with FakeServer() as server:
            client = subscribe(server)
            expect(server.subscribed.wait(WAIT_S), "no subscription arrives")
            expect_equal(server.type, "application/json;ty=23", "Content-Type")
            expect_equal(server.verified, ("2000", "n1"), "the answer to the verification")
            expect_equal(server.subscription["enc"], {"net": [1, 2, 3, 4]}, "what is subscribed to")
            event = {"m2m:sgn": {"nev": {"rep": {"m2m:cin": {"con": "x"}}, "net": 3}, "sur": "cse-in/c/s"}}
            expect_equal(server.notify(event), ("2000", "n1"), "the answer to a notification")
            client.send_signal(how)
            out, err = client.communicate(timeout=WAIT_S)
            expect_equal(client.returncode, 0, err)
            expect_equal(json.loads(out[out.index('{\n  "m2m:sgn"'):]), event, "the notification")
            expect("2001 CREATED" in err and "verified" in err and "unsubscribed" in err, err)
            expect_equal(server.deleted, "/~/id-in/sub1", "what is deleted")


@rule("subscribe ends by itself after --count notifications; its content and its address can be chosen")
def _():
    with FakeServer() as server:
        client = subscribe(server, '{"enc":{"net":[3]},"rn":"s"}', "--count", "2", "--listen", "localhost:0")
        expect(server.subscribed.wait(WAIT_S), "no subscription arrives")
        expect_equal({name: server.subscription[name] for name in ("enc", "rn")}, {"enc": {"net": [3]}, "rn": "s"},
                     "attributes")
        for _ in range(2):
            server.notify({"m2m:sgn": {"sur": "cse-in/c/s"}})
        _, err = client.communicate(timeout=WAIT_S)
        expect_equal(client.returncode, 0, err)
        expect_equal(server.deleted, "/~/id-in/sub1", "what is deleted")
    refused(run("request", "subscribe", "cse-in", "--listen", "127.0.0.1:x", "--url", "http://127.0.0.1:1"), "--listen")


@rule("subscribe prints what a server notifies, and leaves no subscription behind")
def _():
    with Server() as server:
        answered(ask(server, "create", "cse-in", "cnt", '{"rn":"c"}'), 0, "2001 CREATED")
        client = subscribe(server, "--count", "2")
        lines = iter(client.stderr.readline, "")
        expect(any("notifications come to" in line for line in lines), "no subscription")
        answered(ask(server, "create", "cse-in/c", "cin", '{"con":"reading"}'), 0, "2001 CREATED")
        answered(ask(server, "update", "cse-in/c", "cnt", '{"lbl":["x"]}'), 0, "2004 UPDATED")
        out, err = client.communicate(timeout=WAIT_S)
        expect_equal(client.returncode, 0, err)
        expect('"con": "reading"' in out and '"m2m:cnt"' in out, out)
        found = answered(ask(server, "discover", "cse-in", "ty=23"), 0, "2000 OK")
        expect_equal(found, {"m2m:uril": []}, "subscriptions")


@rule("subscribing where nothing can be subscribed is the answer's exit code")
def _():
    with Server() as server:
        result = ask(server, "subscribe", "cse-in/nothing")
        expect_equal(result.returncode, 4, result.stderr)


main()
