"""What the tests of bindings share: the npm packages of package.json, a record of what went over a port, free ports."""

import contextlib
import fcntl
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("top_builddir", os.path.join(HERE, "..", "..", "build"))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from copse_harness import Skip, expect  # noqa: E402


def free_port():
    """A port of loopback that nobody has now, neither for connections nor for datagrams."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            stream.bind(("127.0.0.1", 0))
            try:
                datagrams.bind(stream.getsockname())
            except OSError:
                continue
            return stream.getsockname()[1]


# ---- npm ----


def packages():
    """The folder with node_modules, installed once for a build directory as package-lock.json says."""
    folder = os.path.join(os.path.abspath(BUILD), "peers")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = os.path.join(folder, "installed.json")
        with open(os.path.join(HERE, "package-lock.json"), encoding="utf-8") as wanted:
            text = wanted.read()
        if not os.path.exists(installed) or open(installed, encoding="utf-8").read() != text:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(os.path.join(HERE, name), folder)
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            expect(done.returncode == 0, "npm ci: " + done.stdout + done.stderr)
            with open(installed, "w", encoding="utf-8") as note:
                note.write(text)
    return folder


def node(script, *arguments, timeout=60):
    """Runs JavaScript that may require() the packages; what it prints. Its failure is the rule's."""
    environment = dict(os.environ, NODE_PATH=os.path.join(packages(), "node_modules"))
    done = subprocess.run(
        ["node", "-e", script, "--", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    expect(done.returncode == 0, "node: " + done.stdout + done.stderr)
    return done.stdout


# ---- what went over a port ----


def tshark(*arguments):
    done = subprocess.run(["tshark", *arguments], capture_output=True, text=True, timeout=120, check=False)
    expect(done.returncode == 0, "tshark: " + done.stderr)
    return [line for line in done.stdout.splitlines() if line]


# What tshark thinks of datagrams from ports of 33434 on, one of which a client may happen to get.
OF_PORTS = r"Possible traceroute: hop #\d+, attempt #\d+"


class Capture:
    """The packets to and from a port of loopback while it is open, and how tshark reads them."""

    def __init__(self, file, port, transport="tcp"):
        self.file, self.filter, self.port, self.transport = file, "%s port %d" % (transport, port), port, transport

    def __enter__(self):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            ["tshark", "-q", "-i", "lo", "-f", self.filter, "-w", self.file],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            if "Capturing on" in line:
                break
            if "permission" in line.lower():
                self.process.wait()
                raise Skip("may not record packets here")
        deadline = time.monotonic() + 10
        while not os.path.exists(self.file) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)  # the filter is set after the file is made
        return self

    def __exit__(self, *_):
        time.sleep(0.5)
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()

    def decode(self, protocol, fields=(), display=None):
        """The packets that are of the protocol, as lists of fields."""
        options = ["-r", self.file, "-d", "%s.port==%d,%s" % (self.transport, self.port, protocol)]
        options += ["-Y", display or protocol, "-T", "fields"]
        for field in fields or ("frame.number",):
            options += ["-e", field]
        return [line.split("\t") for line in tshark(*options)]

    def expect_well_formed(self, protocol, at_least, unknown=None):
        """Every packet is read as the protocol's, and none is malformed. unknown: a pattern of what tshark may not
        know, and says of packets."""
        read = self.decode(protocol)
        expect(len(read) >= at_least, "%d packets of %s" % (len(read), protocol))
        broken = self.decode(protocol, ("frame.number", "_ws.expert.message"), "_ws.malformed || _ws.expert.severity == error")
        if unknown:
            broken = [row for row in broken if re.sub("%s|%s" % (unknown, OF_PORTS), "", row[1]).strip(",")]
        expect(not broken, "malformed: %s" % broken[:5])


@contextlib.contextmanager
def running(arguments, **options):
    """A process that is ended at the end."""
    # pylint: disable-next=consider-using-with
    process = subprocess.Popen(arguments, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


# ---- mosquitto ----


class Broker:
    """mosquitto on a free port of loopback. lines: more of its configuration. It keeps its sessions over stop and start,
    and over kill as far as its autosave has come."""

    def __init__(self, folder, lines=(), anonymous=True):
        self.program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/sbin")
        if not self.program:
            raise Skip("there is no mosquitto")
        self.folder, self.port, self.process = folder, free_port(), None
        os.makedirs(folder, exist_ok=True)
        self.url = "mqtt://127.0.0.1:%d" % self.port
        self.configuration = [
            "listener %d 127.0.0.1" % self.port,
            "persistence true",
            "persistence_location %s/" % folder,
            "autosave_interval 1",
            "autosave_on_changes true",
            "set_tcp_nodelay true",
            "log_dest file %s/log" % folder,
            "log_type all",
            *(["allow_anonymous true"] if anonymous else []),
            *(["user root"] if os.geteuid() == 0 else []),
            *lines,
        ]

    def start(self):
        path = os.path.join(self.folder, "mosquitto.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write("\n".join(self.configuration) + "\n")
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            [self.program, "-c", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(500):
            expect(self.process.poll() is None, "mosquitto has ended: " + self.log())
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.01)
        raise AssertionError("mosquitto does not start")

    def log(self):
        try:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def end(self, number):
        if self.process:
            self.process.send_signal(number)
            self.process.wait(10)
            self.process = None

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Listener:
    """mosquitto_sub: what is published to some topics, as (topic, payload)."""

    def __init__(self, broker, *topics, options=()):
        arguments = ["stdbuf", "-oL", "mosquitto_sub", "-p", str(broker.port), "-q", "1", "-F", "message %x %t", *options]
        for topic in topics:
            arguments += ["-t", topic]
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen([*arguments, "-d"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.messages = queue.Queue()
        self.granted = threading.Semaphore(0)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        expect(self.granted.acquire(timeout=10), "mosquitto_sub is not subscribed")

    def read(self):
        for line in self.process.stdout:
            if line.startswith("Subscribed"):
                self.granted.release()
            elif line.startswith("message "):
                _, payload, topic = line.rstrip("\n").split(" ", 2)
                self.messages.put((topic, bytes.fromhex(payload)))

    def take(self, seconds=10):
        try:
            return self.messages.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError("nothing was published") from None

    def expect_silence(self, seconds=0.5):
        try:
            raise AssertionError("published: %r" % (self.messages.get(timeout=seconds),))
        except queue.Empty:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:  # it may miss the signal while it prints
            self.process.kill()
            self.process.wait()
        self.reader.join(10)
        self.process.stdout.close()


def publish(broker, topic, payload, *options):
    """mosquitto_pub; payload: bytes, text or what json.dumps takes."""
    if not isinstance(payload, (bytes, str)):
        payload = json.dumps(payload)
    done = subprocess.run(
        ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-s" if payload else "-n", *options],
        input=payload if isinstance(payload, bytes) else payload.encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    expect(done.returncode == 0, "mosquitto_pub: " + done.stderr.decode())
