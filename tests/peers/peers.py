"""What the tests of bindings share: the npm packages of package.json, a record of what went over a port, free ports."""

import contextlib
import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("top_builddir", os.path.join(HERE, "..", "..", "build"))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
from copse_harness import Skip, expect  # noqa: E402


def free_port(kind=socket.SOCK_STREAM):
    """A port of loopback that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
            broken = [row for row in broken if re.sub(unknown, "", row[1]).strip(",")]
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
