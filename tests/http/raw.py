"""raw: HTTP over plain sockets, byte by byte, and a TAP runner. Standard library only."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback

PATIENCE = 20.0  # seconds until something that should happen counts as missing


def server_path():
    default = os.path.join(os.environ.get("top_builddir", "."), "http_test_server")
    return os.environ.get("HTTP_TEST_SERVER", default)


def is_sanitized():
    """Whether the server is built with sanitizers, which take memory of their own."""
    with open(server_path(), "rb") as program:
        text = program.read()
    return b"__asan_init" in text or b"__tsan_init" in text


class Server:
    """http_test_server with the given options, until the with block ends; it must end cleanly."""

    def __init__(self, descriptors=None, **options):
        self.descriptors = descriptors
        self.options = ["%s=%s" % pair for pair in options.items()]

    def __enter__(self):
        limit = ["prlimit", "--nofile=%d" % self.descriptors] if self.descriptors else []
        self.process = subprocess.Popen(limit + [server_path()] + self.options, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        host, port = self.address.rsplit("//", 1)[1].rsplit(":", 1)
        self.where = (host.strip("[]"), int(port))
        return self

    def __exit__(self, kind, value, trace):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        assert kind or status == 0, "server ended with %s" % status

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def connect(self):
        return Client(self.where)


class Response:
    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.version = lines[0].split(" ")[0]
        self.fields = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            assert name.lower() not in self.fields, "repeated " + name
            self.fields[name.lower()] = value.strip()
        self.body = body

    def __getitem__(self, name):
        return self.fields.get(name.lower())

    def json(self):
        return json.loads(self.body)

    def why(self):
        return self.json()["m2m:dbg"]


class Client:
    """One connection."""

    def __init__(self, where):
        self.socket = socket.create_connection(where, PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def send_bytewise(self, data):
        for i in range(len(data)):
            self.socket.sendall(data[i : i + 1])
        return self

    def more(self):
        data = self.socket.recv(65536)
        assert data, "connection closed after %r" % self.buffer[:200]
        self.buffer += data

    def response(self, to_head=False):
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        fields = Response(head, b"")
        length = 0 if to_head or fields.status in (100, 304) else int(fields["Content-Length"])
        while len(self.buffer) < length:
            self.more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Response(head, body)

    def ask(self, data, to_head=False):
        return self.send(data).response(to_head)

    def is_closed(self):
        """Waits until the server closes; false if it sends something instead, or nothing happens."""
        if self.buffer:
            return False
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False


def get(path="/echo", *lines, method="GET", version="1.1", host="h"):
    head = ["%s %s HTTP/%s" % (method, path, version)] + (["Host: " + host] if host else [])
    return ("\r\n".join(head + list(lines)) + "\r\n\r\n").encode()


def post(body, *lines, path="/echo", content_type="application/json", method="POST"):
    body = body if isinstance(body, bytes) else body.encode()
    lines = ["Content-Type: " + content_type, "Content-Length: %d" % len(body)] + list(lines)
    return get(path, *lines, method=method) + body


def chunked(*chunks, trailer=b"", path="/echo"):
    data = get(path, "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST")
    for chunk in chunks:
        data += b"%x\r\n%s\r\n" % (len(chunk), chunk)
    return data + b"0\r\n" + trailer + b"\r\n"


def refused(client, data, status, rsc="4000"):
    """The request is refused with a sentence, and the connection closes."""
    response = client.ask(data)
    assert response.status == status, (response.status, response.body)
    assert response["X-M2M-RSC"] == rsc, response.fields
    assert response.why()
    assert response["Connection"] == "close"
    assert client.is_closed()
    return response


def run_tests(module):
    """Runs every function whose name starts with rule_, in the order written."""
    rules = [(name, value) for name, value in vars(module).items() if name.startswith("rule_")]
    failed = 0
    wanted = sys.argv[1:]
    rules = [rule for rule in rules if not wanted or rule[0] in wanted]
    print("1..%d" % len(rules))
    for number, (name, function) in enumerate(rules, 1):
        start = time.monotonic()
        try:
            note = function() or ""
            print("ok %d - %s%s" % (number, name[5:].replace("_", " "), note))
        except Exception:
            failed += 1
            print("not ok %d - %s" % (number, name[5:].replace("_", " ")))
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()))
        print("# %.2f s" % (time.monotonic() - start), flush=True)
    sys.exit(1 if failed else 0)
