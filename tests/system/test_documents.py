#!/usr/bin/env python3
"""docs/adding-a-resource-type.md and docs/adding-a-binding.md: their patches, applied to a copy of the tree that is built with
them, do what the documents say. Speaks TAP."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from copse_harness import Skip, clean_environment, expect, expect_equal, main, rule

TOP = pathlib.Path(__file__).resolve().parents[2]
WAIT_S = 1800
KEPT = tempfile.TemporaryDirectory(prefix="copse-test-")
TREE = pathlib.Path(KEPT.name, "tree")
BUILD = TREE / "build"
MOST_LINES = 100


def patch_of(name):
    """The diffs of a document, one after the other."""
    text = (TOP / "docs" / name).read_text(encoding="utf-8")
    return "".join(re.findall(r"^```diff\n(.*?)^```$", text, re.M | re.S))


def sh(line, **options):
    env = {name: value for name, value in clean_environment().items()
           if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "TESTS", "top_srcdir", "top_builddir")}
    result = subprocess.run(["sh", "-euc", line], env=env, capture_output=True, text=True, timeout=WAIT_S, **options)
    expect_equal(result.returncode, 0, f"{line}: {(result.stdout + result.stderr)[-3000:]}")
    return result.stdout


def built():
    if not (BUILD / "copse").exists():
        raise Skip("it was not built")
    return BUILD / "copse"


@rule("the patches of the documents apply, and what comes of them builds without a warning")
def _():
    for tool in ("patch", "autoreconf"):
        if not shutil.which(tool):
            raise Skip(f"there is no {tool} here")
    if not (TOP / ".git").exists():
        raise Skip("only from a checkout")
    TREE.mkdir()
    sh(f"git ls-files -co --exclude-standard | tar -cf - -T - | tar -C {TREE} -xf -", cwd=TOP)
    for name in ("adding-a-resource-type.md", "adding-a-binding.md"):
        sh("patch -p1 -F3 --no-backup-if-mismatch", cwd=TREE, input=patch_of(name))
    BUILD.mkdir()
    sh("autoreconf -i && cd build && ../configure -q --enable-werror CFLAGS=-O0 && make -s -j2 copse test_scenarios",
       cwd=TREE)
    expect(built().exists(), "no program")


@rule("a resource type takes few lines, and none in cse/core")
def _():
    patch = patch_of("adding-a-resource-type.md")
    lines = len(re.findall(r"^\+(?!\+\+ )", patch, re.M))
    expect(20 < lines < MOST_LINES, f"{lines} lines are added")
    expect_equal(re.findall(r"^\+\+\+ b/cse/core.*", patch, re.M), [], "files of core")


@rule("what is added keeps to the house rules")
def _():
    built()
    env = {**os.environ, "top_srcdir": str(TREE), "top_builddir": str(BUILD)}
    for check in ("check-style", "check-floors"):
        result = subprocess.run([TREE / "tests" / check], env=env, capture_output=True, text=True, timeout=WAIT_S)
        expect("\nok " in result.stdout, result.stdout + result.stderr)
        faults = [line for line in result.stdout.splitlines() if line[0] == "#" and re.search("valve|datagram", line)]
        expect_equal(faults, [], check)


@rule("the resource type does what its scenario says")
def _():
    built()
    said = sh("./test_scenarios ../tests/scenario/valve.scn", cwd=BUILD)
    expect(said.count("\nok ") + said.startswith("ok ") >= 8, said)
    expect("mostOpening" in sh("./copse describe valve", cwd=BUILD), "describe")


class Datagrams:
    """The server with the binding of the document, and a socket to it."""

    def __init__(self):
        self.log = pathlib.Path(KEPT.name, "log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([built(), "run", "--set", "http.listen=127.0.0.1:0", "--set",
                                             "store.type=memory", "--set", "datagram.listen=127.0.0.1:0"],
                                            env=clean_environment(), stdout=subprocess.DEVNULL, stderr=log)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(60)

    def __enter__(self):
        deadline = time.monotonic() + 60
        while not (found := re.search(r"datagram://(\S+):(\d+)", self.log.read_text())):
            expect(self.process.poll() is None and time.monotonic() < deadline, self.log.read_text())
            time.sleep(0.05)
        self.socket.connect((found.group(1), int(found.group(2))))
        return self

    def ask(self, line, content=""):
        self.socket.send(f"{line}\n{content}".encode())
        code, _, answer = self.socket.recv(65536).decode().partition("\n")
        return int(code), answer

    def __exit__(self, *_):
        self.socket.close()
        self.process.terminate()
        expect_equal(self.process.wait(60), 0, "exit code")


@rule("the binding takes requests and answers them")
def _():
    with Datagrams() as server:
        ae = '{"m2m:ae": {"rn": "d", "api": "Nd", "rr": false, "srv": ["3"]}}'
        code, answer = server.ask("1 cse-in Cd r1 2", ae)
        expect_equal(code, 2001, answer)
        code, answer = server.ask("2 cse-in/d Cd r2")
        expect_equal((code, '"aei":"Cd"' in answer), (2000, True), answer)
        expect_equal(server.ask("2 cse-in CAdmin r3")[0], 4103, "the administrator by datagram")
        expect_equal(server.ask("9 cse-in Cd r4")[0], 4000, "no operation")
        expect_equal(server.ask("")[0], 4000, "nothing")


main()
