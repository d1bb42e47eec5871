#!/usr/bin/env python3
"""The program's commands: help, configuration and its faults, start and stop. Speaks TAP."""
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading

from copse_harness import Server, Skip, expect, expect_equal, main, must, rule, run, temporary_directory


def equal(seen, wanted):
    expect_equal(seen, wanted, "seen")


def contains(text, part):
    expect(part in text, "%r is not in %r" % (part, text))


def config_file(text):
    handle, path = tempfile.mkstemp(prefix="copse-", suffix=".conf")
    with os.fdopen(handle, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


def with_file(text, *arguments, env=None, command="check-config"):
    path = config_file(text)
    try:
        result = run(command, "--config", path, *arguments, env=env)
        result.stderr = result.stderr.replace(path, "FILE")
        result.stdout = result.stdout.replace(path, "FILE")
        return result
    finally:
        os.unlink(path)


def effective(result):
    """{key: (value, source)} of what check-config printed."""
    equal((result.returncode, result.stderr), (0, ""))
    values, section = {}, ""
    for line in result.stdout.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line:
            assignment, source = line.split(" ; ")
            key, value = assignment.split(" =", 1)
            values[f"{section}.{key}"] = (value.strip(), source)
    return values


def one_fault(result, *parts):
    """Exit code 2, nothing on standard output, and one line on standard error with these parts."""
    equal((result.returncode, result.stdout), (2, ""))
    equal(result.stderr.count("\n"), 1)
    expect(result.stderr.startswith("copse: ") and len(result.stderr) < 700, result.stderr)
    for part in parts:
        contains(result.stderr, part)


@rule("--help lists the commands and exits 0")
def _():
    for arguments in (["--help"], ["-h"], ["help"], ["run", "--help"]):
        result = run(*arguments)
        equal((result.returncode, result.stderr), (0, ""))
        for command in ("run", "check-config", "describe", "dump", "--version"):
            contains(result.stdout, f"copse {command}" if command[0] != "-" else command)


@rule("--version prints name and version")
def _():
    result = run("--version")
    equal(result.returncode, 0)
    expect(re.fullmatch(r"copse \d+\.\d+\.\d+\n", result.stdout), result.stdout)


@rule("an unknown command, a missing one and an unknown option are one line and exit code 2")
def _():
    one_fault(run("serve"), "serve", "--help")
    one_fault(run(), "--help")
    one_fault(run("run", "--port", "1"), "--port")
    one_fault(run("run", "extra"), "extra")
    one_fault(run("run", "--config"), "--config")
    one_fault(run("check-config", "--format", "markdown"))


@rule("check-config prints every key, and what it prints is a configuration file that means the same")
def _():
    first = run("check-config", "--set", "http.max-body=2M", "--set", "cse.admin=")
    values = effective(first)
    equal(values["http.max-body"], ("2M", "--set"))
    equal(values["cse.admin"], ("", "--set"))
    equal(values["http.listen"], ("127.0.0.1:8080", "default"))
    again = effective(with_file(first.stdout))
    equal({k: v for k, (v, _) in again.items()}, {k: v for k, (v, _) in values.items()})


@rule("what is too long for a line of the file goes on on further ones, where it can")
def _():
    origins = ",".join(f"https://host{n}.example" for n in range(40))
    first = run("check-config", "--set", f"http.cors-origins={origins}", "--set", f"store.path=/{'p' * 300}")
    printed = re.search(r"^; --set\ncors-origins = (\S+(\n\t\S+)+)\n", first.stdout, re.M)
    equal(",".join(printed.group(1).split("\n\t")), origins)
    contains(first.stdout, f"; --set\npath = /{'p' * 300}\n")
    without_path = first.stdout.replace(f"path = /{'p' * 300}\n", "")
    expect(max(map(len, without_path.splitlines())) <= 198, without_path)
    again = with_file(without_path)
    equal((again.returncode, again.stderr), (0, ""))
    contains(again.stdout, printed.group(0).split("\n", 1)[1])


@rule("a default yields to the file, the file to the environment, and that to --set")
def _():
    text = "[cse]\nid = /id-file\nname = file\nsp-id = file.example\n"
    env = {"COPSE_CSE_NAME": "environment", "COPSE_CSE_SP_ID": "environment.example"}
    values = effective(with_file(text, "--set", "cse.sp-id=set.example", env=env))
    equal(values["cse.admin"], ("CAdmin", "default"))
    equal(values["cse.id"], ("/id-file", "FILE:2"))
    equal(values["cse.name"], ("environment", "environment COPSE_CSE_NAME"))
    equal(values["cse.sp-id"], ("set.example", "--set"))


@rule("comments, blank lines, a byte order mark and values with = are read")
def _():
    text = b"\xef\xbb\xbf# about\n; more\n\n[store]\npath = a=b ; where\n\n[log]\nformat: json\n"
    values = effective(with_file(text))
    equal(values["store.path"][0], "a=b")
    equal(values["log.format"][0], "json")


@rule("a list goes on on indented lines")
def _():
    values = effective(with_file("[http]\ncors-origins = https://a.example\n  https://b.example\nroot = /x\n"))
    equal(values["http.cors-origins"][0], "https://a.example,https://b.example")
    equal(values["http.root"][0], "/x")


@rule("an unknown key names its place and the keys there are")
def _():
    one_fault(with_file("[http]\n\nlisten = 127.0.0.1:1\nlisten-on = x\n"), "FILE:4", "http.listen-on", "max-body")
    one_fault(with_file("[htpp]\nlisten = x\n"), "FILE:2", "htpp.listen", "sections: cse, access")
    one_fault(with_file("listen = x\n"), "FILE:1", "listen")
    one_fault(run("check-config", "--set", "cse.ids=x"), "--set", "cse.ids", "id, name")
    one_fault(run("check-config", "--set", "cse.sp_id=x"), "cse.sp_id")
    one_fault(run("run", env={"COPSE_HTTP_LISTNE": "x"}), "COPSE_HTTP_LISTNE", "listen")


@rule("variables of others that begin with COPSE_ are left alone")
def _():
    effective(run("check-config", env={"COPSE_PORT": "tcp://10.0.0.1:80", "COPSE_SERVICE_HOST": "10.0.0.1"}))


BAD_VALUES = {
    "cse.id": ["", "id-in", "/", "/a/b", "//x", "/a b", "/\u00e4"],
    "cse.name": ["", "a/b", "a b"],
    "cse.type": ["", "in", "CSE", "IN,MN"],
    "cse.sp-id": ["", "//x", "a/b"],
    "cse.admin": ["a/b", "*"],
    "cse.admin-from": ["", "everywhere"],
    "cse.releases": ["", "2a,", "x", "3 4", "33a"],
    "cse.ae-originators": ["C*,", "C/*", " "],
    "cse.points-of-access": ["x", "http://", "http://a, b"],
    "access.strict": ["", "true"],
    "access.base-create": ["acp", "container,", "container node"],
    "registration.require-subscription": ["1"],
    "http.listen": ["", "8080", ":8080", "localhost", "localhost:", "localhost:65536", "localhost:-1", "::1:80",
                    "[]:80", "localhost:80x"],
    "http.root": ["/", "x", "/x/", "/a//b", "/a?b", "/a b"],
    "http.cors-origins": ["app.example", "https://app.example/", "https://a.example,"],
    "http.max-body": ["", "0", "1023", "65M", "1T", "-1", "1.5M", "M", "99999999999999999999", "18014398509481985K"],
    "http.max-connections": ["0", "1000001", "1K", " 5 5"],
    "http.header-timeout": ["0", "3601", "10s"],
    "http.trust-forwarded": ["", "true", "YES", "1"],
    "store.type": ["", "postgres"],
    "store.path": [""],
    "log.level": ["", "verbose"],
    "log.format": ["xml"],
    "log.priority": ["6", ""],
    "limits.nesting": ["7", "201"],
    "limits.tokens": ["1"],
    "limits.requests": ["0"],
    "expiration.default": ["0", "-5"],
    "expiration.max": ["0"],
    "expiration.grace": ["-1"],
    "container.default-mni": ["-1", "x", "9223372036854775808"],
}


# What single values do not show; the binding itself finds it.
BAD_TOGETHER = {
    "mqtt://127.0.0.1:0": ({}, "mqtt.broker mqtt://127.0.0.1:0: "),
    "mqtt://127.0.0.1/a#b": ({}, "mqtt.broker mqtt://127.0.0.1/a#b: "),
    "mqtt://127.0.0.1,mqtt://127.0.0.1/a": ({}, "named twice"),
    "mqtt://127.0.0.1": (
        {
            "mqtt.trusted": "mqtt://127.0.0.2",
            "mqtt.map": "sensors/#",
            "mqtt.password-file": "/nonexistent",
            "mqtt.client-id": b"\xff",
            "mqtt.username": b"\xff",
        },
        "{key}",
    ),
}


@rule("what a binding would not start with is a fault of the configuration")
def _():
    if "without the binding" in run("check-config", "--set", "mqtt.broker=127.0.0.1").stderr:
        raise Skip("this copse is built without MQTT")
    for brokers, (others, words) in BAD_TOGETHER.items():
        for key, value in others.items() or (("mqtt.keep-alive", "60"),):
            setting = key.encode() + b"=" + (value if isinstance(value, bytes) else value.encode())
            one_fault(run("check-config", "--set", "mqtt.broker=" + brokers, "--set", setting), words.format(key=key))


@rule("a bad value of any key names place, key and what is allowed")
def _():
    for key, values in BAD_VALUES.items():
        for value in values:
            one_fault(run("check-config", "--set", f"{key}={value}"), f"--set: {key}: ", "it must be ")
    one_fault(with_file("[http]\nmax-body = lots\n"), "FILE:2: http.max-body: 'lots'", "1K to 64M")
    one_fault(run("run", env={"COPSE_LOG_LEVEL": "loud"}), "environment COPSE_LOG_LEVEL: log.level", "warn,info")


@rule("a value may use the whole of what is allowed")
def _():
    good = {"http.listen": ["[::1]:0", "localhost:65535", "0.0.0.0:80"], "http.root": ["/a", "/a/b.c"],
            "http.max-body": ["1K", "64M", "1048577"], "cse.ae-originators": ["", "*", "C*, S123"],
            "http.cors-origins": ["*", "https://a.example:8443,http://b"], "cse.releases": ["5", "2a, 3"],
            "access.base-create": ["", "accessControlPolicy", "container, node,AE"],
            "cse.points-of-access": ["http://a.example/x,coap://b"], "cse.type": ["IN", "MN", "ASN"],
            "container.default-mbs": ["0", "1G", "9223372036854775807"]}
    for key, values in good.items():
        for value in values:
            equal(effective(run("check-config", "--set", f"{key}={value}"))[key], (value, "--set"))


@rule("a file that is no configuration is one line")
def _():
    one_fault(run("check-config", "--config", "/nonexistent/copse.conf"), "/nonexistent/copse.conf", "No such file")
    one_fault(run("check-config", "--config", "/"), "directory")
    one_fault(with_file("[http]\nlisten\n"), "FILE:2")
    one_fault(with_file("[http\nlisten = x\n"), "FILE:1")
    one_fault(with_file("[http]\nroot = /" + "x" * 5000 + "\n"), "FILE:2", "longer line")
    one_fault(with_file(b"[http]\nroot = /a\x00b\nlisten = 127.0.0.1:1\n"), "FILE:2")
    one_fault(with_file("[cse]\nname = a\nid = /a\nname = b\n"), "FILE:4", "cse.name", "twice")
    one_fault(run("check-config", "--set", "http.listen"), "SECTION.KEY=VALUE")
    one_fault(run("check-config", "--set", "listen=x"), "SECTION.KEY=VALUE")


@rule("a default lifetime above the longest one is refused, unless it is the built-in default")
def _():
    one_fault(run("check-config", "--set", "expiration.max=100", "--set", "expiration.default=200"),
              "expiration.default", "expiration.max", "100")
    equal(effective(run("check-config", "--set", "expiration.max=100"))["expiration.default"][0], "100")


@rule("control characters of a value do not reach the terminal")
def _():
    result = run("check-config", "--set", "cse.name=\x1b[31mred\r\n")
    one_fault(result, "cse.name")
    expect("\x1b" not in result.stderr, repr(result.stderr))


@rule("describe --config-sample is a valid configuration that names every key")
def _():
    sample = run("describe", "--config-sample").stdout
    uncommented = "\n".join(line[2:] if line.startswith("# ") and " = " in line and ". " not in line else line
                            for line in sample.splitlines())
    values = effective(with_file(uncommented))
    expect(all(source.startswith("FILE:") for _, source in values.values()), values)
    equal({k: v for k, (v, _) in values.items()}, {k: v for k, (v, _) in effective(run("check-config")).items()})


@rule("describe lists the types that are served, and the attributes of one by any of its names")
def _():
    overview = run("describe").stdout
    for name in ("CSEBase", "AE", "container", "contentInstance", "m2m:cnt"):
        contains(overview, name)
    tables = [run("describe", name).stdout for name in ("container", "cnt", "m2m:cnt")]
    contains(tables[0], "maxNrOfInstances")
    equal(tables[1:], tables[:1] * 2)
    contains(run("describe", "container", "--format", "markdown").stdout, "| maxNrOfInstances | mni |")
    contains(run("describe", "--xsd", "cnt").stdout, '<xs:element name="mni" ')
    equal(run("describe", "--xsd").stdout, run("describe", "--format", "xsd").stdout)
    equal(run("describe", "--json-schema").stdout, run("describe", "all", "--format", "json-schema").stdout)
    one_fault(run("describe", "nosuchtype"), "nosuchtype")
    one_fault(run("describe", "--format", "xml"), "plain,markdown")


@rule("the manual page is printed and names every key")
def _():
    manual = run("describe", "--manual").stdout.replace("\\", "")
    for key in effective(run("check-config")):
        contains(manual, key)


@rule("a port in use is one line that names it, and exit code 2")
def _():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("run", "--set", f"http.listen={address}", "--set", "log.level=error", cwd=temporary_directory())
        one_fault(result, address, "in use")


@rule("a store that cannot be made or read is one line and exit code 2, and the file stays as it is")
def _():
    directory = temporary_directory()
    quiet = ["--set", "log.level=error", "--set", "http.listen=127.0.0.1:0"]
    occupied = pathlib.Path(directory, "file")
    occupied.write_text("x")
    one_fault(run("run", "--set", f"store.path={occupied}", *quiet), str(occupied))
    broken = pathlib.Path(directory, "broken")
    broken.mkdir()
    rubbish = b"this is no database, and never was one\n" * 400
    (broken / "copse.db").write_bytes(rubbish)
    one_fault(run("run", "--set", f"store.path={broken}", *quiet), str(broken))
    equal((broken / "copse.db").read_bytes(), rubbish)


@rule("a second server, or a dump, on a store that is in use is refused")
def _():
    with Server() as server, server.client() as client:
        path = f"store.path={server.store}"
        second = run("run", "--set", path, "--set", "http.listen=127.0.0.1:0", "--set", "log.level=error")
        one_fault(second, server.store)
        one_fault(run("dump", "--set", path), server.store)
        equal(client.get("/cse-in").status, 200)


@rule("run prints the address, the CSE-ID, the admin originator and a curl line that works")
def _():
    server = Server(settings={"http.root": "/m2m", "cse.id": "/id-test", "cse.name": "base"})
    server.launch()
    guard = threading.Timer(60, server.process.kill)
    guard.start()
    lines = [server.process.stdout.readline().decode().rstrip() for _ in range(6)]
    guard.cancel()
    for part in ("http://127.0.0.1:", "/id-test", "CAdmin", "/m2m/base"):
        contains("\n".join(lines), part)
    line = next(line for line in lines if "curl" in line)
    answer = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)
    equal(json.loads(answer.stdout)["m2m:cb"]["csi"], "/id-test")


@rule("without --set the store is ./copse-data, and its database copse.db")
def _():
    server = Server()
    server.settings = {"http.listen": "127.0.0.1:0"}
    directory = temporary_directory()
    command = server.command
    server.command = lambda: ["env", "-C", directory, *command()]
    with server:
        expect(os.path.exists(os.path.join(directory, "copse-data", "copse.db")), os.listdir(directory))


@rule("SIGTERM and SIGINT end the server with exit code 0")
def _():
    for how in (signal.SIGTERM, signal.SIGINT):
        server = Server(settings={"log.level": "info"}).start()
        equal(server.end(how, 30), 0)
        contains(server.log(), "stopping")


@rule("an idle connection does not keep the server from ending")
def _():
    server = Server(settings={"http.drain-timeout": "3600"}).start()
    with server.client() as used, socket.create_connection(("127.0.0.1", server.port)):
        equal(used.get("/cse-in").status, 200)
        server.stop()


@rule("what a server stored is there for the next one, and dump prints it as lines of JSON")
def _():
    server = Server().start()
    with server.client() as client:
        must(client.create_cnt("/cse-in", "c"), 2001)
        for number in range(3):
            must(client.create_cin("/cse-in/c", f"v{number}"), 2001)
    server.stop()
    dumped = run("dump", "--set", f"store.path={server.store}")
    equal((dumped.returncode, dumped.stderr), (0, ""))
    lines = [json.loads(line) for line in dumped.stdout.splitlines()]
    equal(sorted(next(iter(line["resource"])) for line in lines if "resource" in line), ["m2m:cb", "m2m:cnt"])
    equal([line["attributes"]["con"] for line in lines if "attributes" in line], ["v0", "v1", "v2"])
    with server, server.client() as client:
        equal(client.get("/cse-in/c/la").resource["con"], "v2")


@rule("dump prints each note with its text")
def _():
    server = Server().start()
    server.stop()
    notes = [(90, 7, "http://a.example/\"x\"", 0, {"m2m:sgn": {"sur": "/id-in/s"}}),
             (95, 8, "CAE1", 86400000000, {"m2m:sgn": {"nev": {"net": 1}}})]
    store = sqlite3.connect(f"{server.store}/copse.db")
    for key, subscription, target, created, note in notes:
        text = json.dumps(note).encode()
        store.execute("INSERT INTO note(key, subscription, ct_us, flags, size, target, text) VALUES(?,?,?,0,?,?,?)",
                      (key, subscription, created, len(text), target, text))
    store.commit()
    store.close()
    dumped = run("dump", "--set", f"store.path={server.store}")
    equal((dumped.returncode, dumped.stderr), (0, ""))
    lines = [json.loads(line) for line in dumped.stdout.splitlines() if '"note"' in line]
    equal([(line["key"], line["subscription"], line["target"]) for line in lines], [note[:3] for note in notes])
    equal([line["created"] for line in lines], ["19700101T000000", "19700102T000000"])
    equal([line["size"] for line in lines], [len(json.dumps(note[4])) for note in notes])
    equal([line["note"] for line in lines], [note[4] for note in notes])


@rule("dump of no store is one line and makes none")
def _():
    directory = temporary_directory()
    one_fault(run("dump", cwd=directory), "copse-data")
    equal(os.listdir(directory), [])


@rule("the memory store leaves nothing behind")
def _():
    server = Server(store_type="memory").start()
    server.stop()
    expect(not os.path.exists(server.store), server.store)


@rule("a closed standard output does not end the server")
def _():
    with Server() as server, server.client() as client:
        server.process.stdout.close()
        equal(client.get("/cse-in").status, 200)


main()
