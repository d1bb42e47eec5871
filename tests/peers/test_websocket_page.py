#!/usr/bin/env python3
"""The first five minutes of docs/websocket.md, word for word."""

import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from copse_harness import clean_environment, expect, expect_equal, main, program, rule, temporary_directory  # noqa: E402

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "websocket.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def script(path, text):
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)


def with_ports(text, ports):
    """The page's ports may be somebody's: each stands for a free one."""
    for ours, theirs in ports.items():
        text = text.replace(":%d" % ours, ":%d" % theirs)
    return text


def primitives(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@rule("what docs/websocket.md tells to type registers, subscribes and is notified, also after having been away")
def _():
    directory = pathlib.Path(temporary_directory())
    ports = {8080: peers.free_port(), 8081: peers.free_port()}
    for folder in ("bin", "build"):
        (directory / folder).mkdir()
    script(directory / "build" / "copse", 'exec "%s" "$@"\n' % program())
    modules = os.path.join(peers.packages(), "node_modules")
    script(directory / "bin" / "npm", '[ "$*" = "install ws" ] && ln -s "%s" node_modules\n' % modules)
    env = clean_environment({"COPSE_HTTP_LISTEN": "127.0.0.1:%d" % ports[8080]})
    env["PATH"] = "%s:%s" % (directory / "bin", env["PATH"])
    server, install, first, away, back = (with_ports(block, ports) for block in BLOCKS)

    def shell(text):
        done = subprocess.run(["sh", "-euc", text], env=env, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
        expect_equal(done.returncode, 0, text + done.stdout + done.stderr)
        return done.stdout

    with peers.running(["sh", "-c", "exec " + server], env=env, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        expect("serves" in process.stdout.readline(), "the server does not start")
        shell(install)
        came = primitives(shell(first))
        expect_equal([p["rsc"] for p in came if "rsc" in p], [2001] * 4, "answers")
        expect_equal([p["op"] for p in came if "op" in p], [5], "requests of the CSE")
        shell(away)
        came = primitives(shell(back))
        expect_equal([p["rsc"] for p in came if "rsc" in p], [2000], "answers")
        expect("1200 W" in json.dumps([p for p in came if "op" in p]), "what was kept: %s" % came)


main()
