#!/usr/bin/env python3
"""docs/coap.md's five minutes, run as they are written. Speaks TAP."""

import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import peers  # noqa: E402
from copse_harness import clean_environment, expect, main, program, rule, temporary_directory  # noqa: E402

PROMPT = "--- done ---"


def steps():
    """The commands and, of each, the text that is said to come; None: nothing is said."""
    with open(os.path.join(HERE, "..", "..", "docs", "coap.md"), encoding="utf-8") as document:
        text = document.read().split("## Five minutes")[1].split("\n## ")[0]
    blocks = re.findall(r"^```(sh|text)\n(.*?)^```", text, re.M | re.S)
    for i, (kind, body) in enumerate(blocks):
        if kind == "sh":
            yield body, blocks[i + 1][1] if i + 1 < len(blocks) and blocks[i + 1][0] == "text" else None


def type_in(shell, command):
    shell.stdin.write(command + "echo; echo '%s'\n" % PROMPT)
    shell.stdin.flush()
    lines = []
    for line in shell.stdout:
        if line.strip() == PROMPT:
            return "".join(lines)
        lines.append(line)
    raise AssertionError("the shell has ended: " + "".join(lines))


def pattern(text):
    """Of lines that libcoap's client prints one behind the other without ends; `...` stands for anything."""
    return r"\s*".join(".*".join(map(re.escape, line.split("..."))) for line in text.splitlines())


@rule("docs/coap.md's commands do what it says")
def five_minutes():
    if not shutil.which("coap-client-notls"):
        raise peers.Skip("there is no coap-client-notls (libcoap3-bin)")
    port = str(peers.free_port())
    # the port of CoAP is in no URL of the document: it must be free
    with peers.socket.socket(peers.socket.AF_INET, peers.socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", 5683))
        except OSError as fault:
            raise peers.Skip("port 5683 is taken") from fault
    folder = temporary_directory()
    os.symlink(os.path.dirname(os.path.abspath(program())), os.path.join(folder, "build"))
    shell = subprocess.Popen(
        ["sh"], cwd=folder, env=clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )
    try:
        for number, (command, said) in enumerate(steps()):
            seen = type_in(shell, command.replace("127.0.0.1:8080", "127.0.0.1:" + port))
            if number == 0:
                time.sleep(1)
            if said:
                expect(re.search(pattern(said), seen), "%s\nprints\n%s" % (command, seen))
    finally:
        shell.stdin.write("kill $!; wait; exit\n")
        shell.stdin.close()
        shell.wait(20)


if __name__ == "__main__":
    main()
