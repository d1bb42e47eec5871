#!/usr/bin/env python3
"""The five minutes of docs/mqtt.md, word for word but for the port. Speaks TAP."""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "peers"))
import peers  # noqa: E402
from copse_harness import Skip, clean_environment, expect, main, program, rule, temporary_directory  # noqa: E402

GUIDE = (TOP / "docs" / "mqtt.md").read_text(encoding="utf-8")
WAIT_S = 30


def blocks():
    """The indented blocks of the section, each a list of lines."""
    section = re.search(r"^## Five minutes\n(.*?)^## ", GUIDE, re.M | re.S).group(1)
    return [[line[4:] for line in block.strip("\n").split("\n")] for block in re.findall(r"(?:^    .*\n)+", section, re.M)]


class Typed:
    """A command of the guide in a shell, with another port and the program that was built."""

    def __init__(self, line, port, folder):
        line = line.replace("1883", str(port))
        words = shlex.split(line)
        if words[0] == "mosquitto" and not os.path.exists("/usr/bin/mosquitto"):
            words[0] = "/usr/sbin/mosquitto"
        if words[0] == "build/copse":
            words = [program(), *words[1:], "--set", "http.listen=127.0.0.1:0"]
        else:  # what others print comes line by line; a sanitizer does not bear what stdbuf preloads
            words = ["stdbuf", "-oL", *words]
        self.lines = []
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            words,
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def wait_for(self, words):
        deadline = time.monotonic() + WAIT_S
        while not any(words in line for line in self.lines):
            expect(time.monotonic() < deadline, "%r is not said: %r" % (words, self.lines))
            time.sleep(0.02)

    def end(self):
        self.process.terminate()
        self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        self.process.stdout.close()


def type_all(lines, port, folder):
    for line in lines:
        typed = Typed(line, port, folder)
        code = typed.process.wait(WAIT_S)
        typed.end()
        expect(code == 0, "%s: %r" % (line, typed.lines))


def compare(listener, shown, port):
    """Each line that is shown begins a line that came, and nothing else came, in any order."""
    wanted = [line.replace("1883", str(port)) for line in shown]
    deadline = time.monotonic() + WAIT_S
    while len(listener.lines) < len(wanted) and time.monotonic() < deadline:
        time.sleep(0.02)
    came, listener.lines = list(listener.lines), []
    for line in wanted:
        found = next((text for text in came if text.startswith(line)), None)
        expect(found, "%r did not come: %r" % (line, came))
        came.remove(found)
    expect(not came, "came as well: %r" % came)


@rule("what docs/mqtt.md says to type does what it says")
def _():
    if not os.path.exists("/usr/bin/mosquitto_pub"):
        raise Skip("there are no mosquitto clients")
    broker, copse, listen, first, answers, second, more = blocks()
    port, folder, started = peers.free_port(), temporary_directory(), []
    try:
        started.append(Typed(broker[0], port, folder))
        started[-1].wait_for("running")
        started.append(Typed(copse[0], port, folder))
        started[-1].wait_for("connected to the broker")
        started.append(Typed(listen[0], port, folder))
        time.sleep(1)
        type_all(first, port, folder)
        compare(started[-1], answers, port)
        type_all(second, port, folder)
        compare(started[-1], more, port)
    finally:
        for typed in reversed(started):
            typed.end()


if __name__ == "__main__":
    main()
