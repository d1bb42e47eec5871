#!/usr/bin/env python3
"""docs/operations.md: its commands, one after the other, as on a machine where the service is installed. Speaks TAP.

What a test cannot do without being that machine is stood in for: systemctl starts, reloads and stops what the unit says,
runuser and install leave the user out, and the directories are below a temporary one."""
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time

from copse_harness import Skip, clean_environment, expect, expect_equal, main, program, rule, temporary_directory

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = (TOP / "docs" / "operations.md").read_text(encoding="utf-8")
BUILT = pathlib.Path(os.environ.get("top_builddir") or os.path.dirname(os.path.abspath(program())))
COPSE = os.path.abspath(program())
WAIT_S = 60

SYSTEMCTL = """
case $1 in
start) [ ! -e pid ] || exit 0
    rm -f notified
    NOTIFY_SOCKET={root}/notify; export NOTIFY_SOCKET
    {exec_start} >>welcome 2>>log & echo $! >pid
    until [ -e notified ]; do kill -0 $(cat pid) || exit 1; sleep 0.05; done;;
stop) kill $(cat pid); while kill -0 $(cat pid) 2>/dev/null; do sleep 0.05; done; rm pid;;
restart) "$0" stop "$2" && "$0" start "$2";;
reload) sh -c '{exec_reload}' ;;
status) kill -0 $(cat pid) && echo active;;
*) exit 99;;
esac
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Machine:
    """A directory with the commands and files that the page speaks of."""

    def __init__(self):
        self.root = pathlib.Path(temporary_directory())
        self.port, self.proxy_port = free_port(), free_port()
        for name in ("bin", "etc/copse", "var/lib", "var/backups"):
            (self.root / name).mkdir(parents=True)
        unit = (BUILT / "packaging" / "copse.service").read_text()
        exec_start = self.here(re.search(r"^ExecStart=(.*)", unit, re.M).group(1))
        exec_start = re.sub(r"^\S+/copse", COPSE, re.sub(r"--config \S+", f"--config {self.root}/etc/copse/copse.conf",
                                                             exec_start))
        exec_reload = re.search(r"^ExecReload=(.*)", unit, re.M).group(1).replace("$MAINPID", "$(cat pid)")
        self.script("systemctl", f"cd {self.root}\n" + SYSTEMCTL.format(root=self.root, exec_start=exec_start,
                                                                      exec_reload=exec_reload))
        self.script("journalctl", f'[ "$*" = "-u copse" ] && cat {self.root}/log')
        self.script("runuser", '[ "$1 $2 $3" = "-u copse --" ] && shift 3 && exec "$@"')
        self.script("install", 'for last; do :; done; mkdir -p "$last"')
        self.script("copse", f'exec {COPSE} "$@"')
        shutil.copy(TOP / "packaging" / "copse.conf", self.root / "etc/copse/copse.conf")
        conf = self.root / "etc/copse/copse.conf"
        conf.write_text(self.here(conf.read_text()))
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.root / "notify"))
        self.notify.settimeout(0.05)

    def here(self, text):
        """The page's directories and ports as they are on this machine."""
        for path in ("/etc/copse", "/var/lib/copse", "/var/backups/copse"):
            text = text.replace(path, f"{self.root}{path}")
        return text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}").replace("127.0.0.1:8081",
                                                                               f"127.0.0.1:{self.proxy_port}")

    def script(self, name, text):
        path = self.root / "bin" / name
        path.write_text("#!/bin/sh\n" + text + "\n")
        path.chmod(0o755)

    def run(self, line):
        env = clean_environment({"PATH": f"{self.root}/bin:{os.environ['PATH']}",
                                 "COPSE_HTTP_LISTEN": f"127.0.0.1:{self.port}"})
        process = subprocess.Popen(["sh", "-eu", "-c", self.here(line)], env=env, cwd=self.root, text=True,
                                   stdin=subprocess.DEVNULL, stdout=open(self.root / "out", "w"), stderr=subprocess.STDOUT)
        deadline = time.monotonic() + WAIT_S
        while process.poll() is None:
            expect(time.monotonic() < deadline, f"{line} does not end")
            try:
                if b"READY=1" in self.notify.recv(4096):
                    (self.root / "notified").touch()
            except TimeoutError:
                pass
        said = (self.root / "out").read_text()
        expect_equal(process.returncode, 0, f"{line}: {said}")
        return said

    def close(self):
        self.notify.close()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.root / "pid").read_text()), signal.SIGKILL)


def commands(kind):
    """The lines of the page's blocks of one kind."""
    for block in re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.M | re.S):
        yield from block.splitlines()


SHOWN = {
    "copse describe --config-sample": ["# max-connections = 16384"],
    "copse check-config": ["path = "],
    "systemctl status": ["active"],
    "copse request retrieve cse-in": ["2000 OK", '"m2m:cb"'],
    "copse request discover": ["cse-in/probe/readings"],
    "copse request delete": ["2002 DELETED"],
    "journalctl": ["event=serving", "configuration read again", "event=stopped"],
    "copse backup": ["checked and on disk"],
    "copse verify": ["sound", "agree"],
    "copse restore": ["resources", "kept as"],
    "copse --version": ["copse "],
}


@rule("the page's commands run in their order, and do what is said of them")
def _():
    machine, seen = Machine(), set()
    try:
        machine.run("systemctl start copse")  # as the package does
        for line in commands("sh"):
            said = machine.run(line)
            for words, parts in SHOWN.items():
                if words in line:
                    seen.add(words)
                    for part in parts:
                        expect(part in said, f"{line}: no {part!r} in {said!r}")
        expect_equal(seen, set(SHOWN), "commands whose output was looked at")
        machine.run("systemctl stop copse")
    finally:
        machine.close()


@rule("the page's blocks are commands that a test runs, and nothing else")
def _():
    kinds = re.findall(r"^```(\S.*)$", PAGE, re.M)
    expect_equal(set(kinds), {"sh", "sh package", "nginx"}, "kinds of blocks")


@rule("the proxy of the page passes requests on, and makes nobody the administrator")
def _():
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not nginx:
        raise Skip("there is no nginx here")
    machine = Machine()
    snippet = machine.here("\n".join(commands("nginx")))
    conf = machine.root / "nginx.conf"
    conf.write_text(f"daemon off; pid {machine.root}/nginx.pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off;\n"
                    + "".join(f"{kind}_temp_path {machine.root}/{kind};\n" for kind in
                              ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) + snippet + "\n}\n")
    proxy = None
    try:
        machine.run("systemctl start copse")
        proxy = subprocess.Popen([nginx, "-e", "stderr", "-c", str(conf)], stderr=subprocess.DEVNULL)
        url = f"--url http://127.0.0.1:{machine.proxy_port}"
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", machine.proxy_port)).close()
                break
            except OSError:
                expect(proxy.poll() is None and time.monotonic() < deadline, "nginx does not listen")
                time.sleep(0.05)
        expect("4103" in machine.run(f"copse request retrieve cse-in {url} || [ $? = 4 ]"), "an administrator by proxy")
        made = """'{"api": "Nx", "rr": false, "srv": ["3"]}'"""
        expect("2001" in machine.run(f"copse request create cse-in AE {made} --from Cx {url}"), "no registration")
        expect("2000" in machine.run(f"copse request retrieve /id-in/Cx --from Cx {url}"), "no retrieval")
    finally:
        if proxy:
            proxy.terminate()
            proxy.wait(WAIT_S)
        machine.close()


@rule("the unit is one that systemd takes, and is sandboxed")
def _():
    if not shutil.which("systemd-analyze"):
        raise Skip("there is no systemd-analyze here")
    unit = pathlib.Path(temporary_directory(), "copse.service")
    text = (BUILT / "packaging" / "copse.service").read_text()
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=" + shlex.quote(COPSE), text, flags=re.M))
    for words in (["verify", "--man=no"], ["security", "--offline=true", "--threshold=20", "--no-pager"]):
        result = subprocess.run(["systemd-analyze", *words, str(unit)], capture_output=True, text=True, timeout=WAIT_S)
        expect_equal(result.returncode, 0, f"{words}: {result.stdout[-2000:]}{result.stderr}")
        expect_equal(result.stderr, "", words)


main()
