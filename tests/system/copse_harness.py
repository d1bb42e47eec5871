"""What the system tests share: a server on a free port with its store in a temporary directory, an HTTP client on one
keep-alive socket, a crowd of such connections that send at the same time, and TAP."""

import atexit
import itertools
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

ADMIN = "CAdmin"
NAMES = {2: "m2m:ae", 3: "m2m:cnt", 4: "m2m:cin", 5: "m2m:cb"}
AE, CNT, CIN = 2, 3, 4
START_SECONDS = 60


# ---- TAP ----


class Skip(Exception):
    """Raised by a rule that cannot be tried here."""


RULES = []


def rule(sentence):
    """Marks a function as a test; the sentence is the rule that it holds the program to."""

    def mark(function):
        RULES.append((sentence, function))
        return function

    return mark


def comment(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def main():
    """Runs the rules of the file in their order, or those with a word of the command line in their sentence."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends as well
    chosen = [r for r in RULES if not sys.argv[1:] or any(word in r[0] for word in sys.argv[1:])]
    failed = 0
    print("1..%d" % len(chosen), flush=True)
    for number, (sentence, function) in enumerate(chosen, 1):
        try:
            function()
            print("ok %d - %s" % (number, sentence), flush=True)
        except Skip as reason:
            print("ok %d - %s # SKIP %s" % (number, sentence, reason), flush=True)
        except Exception as fault:
            failed += 1
            comment(fault_text(fault))
            print("not ok %d - %s" % (number, sentence), flush=True)
        finally:
            stop_all()
    sys.exit(1 if failed else 0)


def fault_text(fault):
    """Where a rule was broken and how; the whole way there if it is another fault."""
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if frame.filename != __file__]
    if not isinstance(fault, AssertionError) or not frames:
        return "".join(traceback.format_exception(fault))
    return "%s:%d: %s" % (os.path.basename(frames[-1].filename), frames[-1].lineno, fault)


def expect(condition, text):
    """An assertion that also holds under python -O."""
    if not condition:
        raise AssertionError(text)


def expect_equal(seen, wanted, what):
    expect(seen == wanted, "%s: %r instead of %r" % (what, seen, wanted))


# ---- the program ----


def program():
    """Path of the copse to test."""
    top = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    return os.environ.get("COPSE") or os.path.join(os.path.abspath(top), "build", "copse")


def is_sanitized():
    """Whether the program is built with sanitizers, which take memory of their own."""
    with open(program(), "rb") as file:
        text = file.read()
    return b"__asan_init" in text or b"__tsan_init" in text


def run(*arguments, env=None, cwd=None, timeout=60):
    """Runs the program to its end; the result has returncode, stdout and stderr (text). env is added to what is set."""
    return subprocess.run(
        [program(), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=clean_environment(env),
        cwd=cwd,
        timeout=timeout,
    )


def resident(pid):
    """Bytes."""
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def clean_environment(extra=None):
    """The environment without settings that Copse would read, and with extra."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COPSE_")}
    env.update(extra or {})
    return env


def temporary_directory():
    """A new directory, removed when the test ends."""
    path = tempfile.mkdtemp(prefix="copse-test-")
    atexit.register(shutil.rmtree, path, True)
    return path


RUNNING = []


def stop_all():
    for server in list(RUNNING):
        server.kill()


class Server:
    """copse run on a free port. store: a directory, kept over restarts (default: a new temporary one)."""

    def __init__(self, store=None, settings=None, env=None, store_type="sqlite"):
        self.scratch = temporary_directory()
        self.store = store or os.path.join(self.scratch, "data")
        self.settings = {
            "http.listen": "127.0.0.1:0",
            "store.type": store_type,
            "store.path": self.store,
            "log.level": "warn",
            **(settings or {}),
        }
        self.env = env
        self.log_path = os.path.join(self.scratch, "log")
        self.process = self.port = self.pid = None
        self.welcome = ""

    def command(self):
        arguments = [program(), "run"]
        for key, value in self.settings.items():
            arguments += ["--set", "%s=%s" % (key, value)]
        return arguments

    def start(self, wrapper=(), **options):
        """Starts it and waits for the first answer. wrapper: words in front of the command; options: for Popen."""
        self.launch(wrapper, **options)
        self.wait_ready()
        return self

    def launch(self, wrapper=(), **options):
        expect(self.process is None, "started twice")
        self.port, self.welcome = None, ""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*wrapper, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=clean_environment(self.env),
                **options
            )
        self.pid = self.process.pid
        RUNNING.append(self)

    def wait_ready(self):
        deadline = time.monotonic() + START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while self.port is None:
                expect(selector.select(max(0, deadline - time.monotonic())), "the server says nothing")
                data = os.read(self.process.stdout.fileno(), 65536)
                if not data:
                    raise AssertionError("the server ended with code %s\n%s" % (self.process.wait(), self.log()))
                self.welcome += data.decode()
                found = re.search(r"http://[^\s/]*:(\d+)", self.welcome)
                self.port = int(found.group(1)) if found else None
        while True:
            try:
                with self.client() as client:
                    answer = client.get("/cse-in")
                expect_equal(answer.status, 200, "first GET /cse-in")
                return
            except OSError:
                expect(self.process.poll() is None and time.monotonic() < deadline, "no answer")
                time.sleep(0.01)

    def client(self, **options):
        return Client(self.port, **options)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def expect_running(self):
        expect(
            self.is_running(),
            "the server has ended with code %s: %s" % (self.process and self.process.returncode, self.log()),
        )

    def log(self):
        """What it has written to standard error so far, over all starts."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def kill(self):
        """SIGKILL, and the process is gone when this returns."""
        self.end(signal.SIGKILL, 30)

    def stop(self, seconds=30):
        """SIGTERM; it must end with code 0."""
        code = self.end(signal.SIGTERM, seconds)
        expect_equal(code, 0, "exit code after SIGTERM (log: %s)" % self.log())

    def end(self, number, seconds):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.process = None
            RUNNING.remove(self)
        return code

    def restart(self):
        self.stop()
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if self.process is not None:
            self.end(signal.SIGTERM if kind is None else signal.SIGKILL, 30)


class FaultyDisk:
    """The environment of a server whose disk can be slowed down and broken (disk_faults.c)."""

    def __init__(self):
        built = os.environ.get("top_builddir") or os.path.dirname(program())
        self.library = os.path.join(os.path.abspath(built), "tests", "system", "disk_faults.so")
        if not os.path.exists(self.library):
            raise Skip("there is no %s: make check builds it" % self.library)
        self.path = os.path.join(temporary_directory(), "faults")
        self.set()

    def set(self, sync_delay_ms=0, sync_errno=0, write_errno=0):
        with open(self.path + ".new", "w", encoding="ascii") as file:
            file.write("%d %d %d\n" % (sync_delay_ms, sync_errno, write_errno))
        os.rename(self.path + ".new", self.path)

    def environment(self):
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        return {"LD_PRELOAD": self.library, "DISK_FAULTS": self.path, "ASAN_OPTIONS": sanitizer}


# ---- HTTP ----


class Answer:
    """A response. headers: the raw header block; body: bytes."""

    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        """The first header of that name, or None."""
        found = re.search(rb"\r\n" + re.escape(name.encode()) + rb":[ \t]*([^\r\n]*)", self.headers, re.IGNORECASE)
        return found.group(1).decode() if found else None

    @property
    def rsc(self):
        """The response status code of oneM2M, 0 if there is none."""
        found = re.search(rb"\r\nX-M2M-RSC:[ \t]*(\d+)", self.headers, re.IGNORECASE)
        return int(found.group(1)) if found else 0

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def resource(self):
        """The attributes of the one resource in the body."""
        (attributes,) = self.json.values()
        return attributes

    def __repr__(self):
        return "<%d rsc %d %s>" % (self.status, self.rsc, self.body[:300].decode(errors="replace"))


NUMBERS = itertools.count(1)


def request_bytes(method, path, body=None, ty=None, origin=ADMIN, ri=None, headers=()):
    """A request as it goes over the wire. body: bytes, text or what json.dumps takes; ri: its own if None."""
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body, separators=(",", ":"))
    if isinstance(body, str):
        body = body.encode()
    lines = [
        "%s %s HTTP/1.1" % (method, path),
        "Host: localhost",
        "X-M2M-RI: %s" % (ri or next(NUMBERS)),
        "X-M2M-RVI: 3",
    ]
    if origin is not None:
        lines.append("X-M2M-Origin: " + origin)
    if body is not None:
        lines.append("Content-Type: application/json" + (";ty=%d" % ty if ty else ""))
        lines.append("Content-Length: %d" % len(body))
    lines += ["%s: %s" % pair for pair in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


class Reader:
    """Cuts answers out of what arrives on a connection."""

    __slots__ = ("buffer",)
    LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*(\d+)", re.IGNORECASE)

    def __init__(self):
        self.buffer = b""

    def take(self, without_body=False):
        """The next whole answer, or None."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.buffer[:end]
        status = int(head[9:12])
        found = None if without_body or status in (204, 304) or status < 200 else self.LENGTH.search(head)
        stop = end + 4 + (int(found.group(1)) if found else 0)
        if len(self.buffer) < stop:
            return None
        body = self.buffer[end + 4 : stop]
        self.buffer = self.buffer[stop:]
        return Answer(status, head, body)


class Client:
    """One keep-alive connection, one request at a time."""

    def __init__(self, port, host="127.0.0.1", timeout=30, origin=ADMIN):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader()
        self.origin = origin

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def request(self, method, path, body=None, ty=None, origin=None, headers=()):
        self.socket.sendall(request_bytes(method, path, body, ty, origin or self.origin, headers=headers))
        return self.receive(method == "HEAD")

    def receive(self, without_body=False):
        while True:
            answer = self.reader.take(without_body)
            if answer:
                return answer
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the server closed the connection")
            self.reader.buffer += data

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def update(self, path, ty, attributes, **options):
        return self.request("PUT", path, {NAMES[ty]: attributes}, **options)

    def create(self, parent, ty, attributes, **options):
        return self.request("POST", parent, {NAMES[ty]: attributes}, ty, **options)

    def create_ae(self, name, **attributes):
        return self.create(
            "/cse-in", AE, {"rn": name, "api": "N" + name, "rr": False, "srv": ["3"], **attributes}, origin="C" + name
        )

    def create_cnt(self, parent, name, **attributes):
        return self.create(parent, CNT, {"rn": name, **attributes})

    def create_cin(self, parent, content, **attributes):
        return self.create(parent, CIN, {"con": content, **attributes})


def must(answer, rsc):
    """The answer, which must have that response status code."""
    expect(answer.rsc == rsc, "rsc %d expected, not %r" % (rsc, answer))
    return answer


class Crowd:
    """Many connections that each work off a script: a generator that yields the bytes of a request and is sent the
    Answer. All requests that are due go out together, so that the server really has them at the same time."""

    class Member:
        __slots__ = ("socket", "script", "reader", "next")

    def __init__(self, port, scripts, timeout=60):
        self.timeout = timeout
        self.selector = selectors.DefaultSelector()
        self.answers = self.lost = 0  # answers received, connections lost before their script ended
        for script in scripts:
            member = self.Member()
            member.socket = socket.create_connection(("127.0.0.1", port), timeout)
            member.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            member.script, member.reader = script, Reader()
            member.next = next(script, None)
            self.selector.register(member.socket, selectors.EVENT_READ, member)

    def run(self):
        """Until all scripts have ended or lost their connection. A script that loses it is closed where it waits."""
        try:
            self.send([key.data for key in self.selector.get_map().values()])
            while self.selector.get_map():
                ready = self.selector.select(self.timeout)
                expect(ready, "no answer within %d s" % self.timeout)
                self.send([key.data for key, _ in ready if self.hear(key.data)])
        finally:
            for key in list(self.selector.get_map().values()):
                self.leave(key.data)
            self.selector.close()
        return self

    def send(self, members):
        for member in members:
            if member.next is None:
                self.leave(member)
                continue
            try:
                member.socket.sendall(member.next)
            except OSError:
                self.lost += 1
                self.leave(member)

    def hear(self, member):
        """Is the next request of this member due?"""
        try:
            data = member.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.lost += 1
            self.leave(member)
            return False
        member.reader.buffer += data
        answer = member.reader.take()
        if answer is None:
            return False
        self.answers += 1
        try:
            member.next = member.script.send(answer)
        except StopIteration:
            member.next = None
        return True

    def leave(self, member):
        self.selector.unregister(member.socket)
        member.socket.close()
        member.script.close()
