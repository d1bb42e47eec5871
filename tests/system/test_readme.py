#!/usr/bin/env python3
"""README's first five minutes, word for word, and what README prints from the program's tables. Speaks TAP."""
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import threading

from copse_harness import clean_environment, expect, expect_equal, main, program, rule, temporary_directory

TOP = pathlib.Path(__file__).resolve().parents[2]
README = (TOP / "README.md").read_text(encoding="utf-8")
WAIT_S = 60


def section(title):
    return re.search(rf"^## {title}\n(.*?)^## ", README, re.M | re.S).group(1)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def script(path, text):
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Shell:
    """The second shell: what is typed into it, and what it answers up to the next prompt."""

    def __init__(self, env, directory):
        self.process = subprocess.Popen(["sh"], env=env, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def type(self, text):
        guard = threading.Timer(WAIT_S, self.process.kill)
        guard.start()
        self.process.stdin.write(text + "\necho; echo PROMPT $?\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line.startswith("PROMPT"):
                break
            said.append(line)
        guard.cancel()
        return "".join(said).strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait(WAIT_S)
        self.process.stdout.close()


class FirstShell:
    """The shell with the server: `./quickstart` of a directory where everything is built already."""

    def __init__(self, env, directory):
        self.env, self.directory, self.process = env, directory, None

    def start(self):
        if self.process:
            expect_equal(self.process.wait(WAIT_S), -signal.SIGKILL, "how the first server ended")
            self.process.stdout.close()
        self.process = subprocess.Popen(["./quickstart"], env=self.env, cwd=self.directory, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        (self.directory / "pid").write_text(str(self.process.pid))
        guard = threading.Timer(WAIT_S, self.process.kill)
        guard.start()
        expect("curl" in "".join(self.process.stdout.readline() for _ in range(6)), "the welcome has no curl line")
        guard.cancel()

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait(WAIT_S)
            self.process.stdout.close()


def shows(actual, wanted, where="answer"):
    """Every member that README shows is in the answer with that value."""
    for name, value in wanted.items():
        expect(name in actual, f"{where}: no {name} in {actual}")
        if isinstance(value, dict):
            shows(actual[name], value, name)
        else:
            expect_equal(actual[name], value, name)


@rule("the first five minutes go as README says, word for word")
def _():
    port, directory = free_port(), pathlib.Path(temporary_directory())
    settings = f"--set http.listen=127.0.0.1:{port} --set log.level=warn"
    script(directory / "quickstart", f'exec "{program()}" run {settings}\n')
    # pidof would find every copse of this machine.
    script(directory / "pidof", f'[ "$1" = copse ] && cat "{directory}/pid"\n')
    env = clean_environment({"PATH": f"{directory}:{os.environ['PATH']}", "no_proxy": "127.0.0.1"})
    first, second = FirstShell(env, directory), Shell(env, directory)
    try:
        first.start()
        said, compared = "", 0
        for language, text in re.findall(r"^```(sh|json)\n(.*?)^```$", section("The first five minutes"), re.M | re.S):
            text = text.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
            if text == "./quickstart\n":
                first.start()
            elif language == "sh":
                said = second.type(text)
            else:
                shows(json.loads(said), json.loads(text))
                compared += 1
        expect(compared >= 4, f"only {compared} answers are shown")
    finally:
        second.close()
        first.close()


@rule("what README prints of the tables is what the program prints")
def _():
    result = subprocess.run([TOP / "tools" / "fill-docs", program(), "--check"], capture_output=True, text=True,
                            timeout=WAIT_S, env=clean_environment())
    expect_equal((result.returncode, result.stdout, result.stderr), (0, "", ""), "fill-docs --check")


@rule("every file that the documents link to exists")
def _():
    for document in [TOP / "README.md", *(TOP / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            expect((document.parent / link).exists(), f"{document.name}: {link}")


main()
