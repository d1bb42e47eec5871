"""sink: what the sending half of the HTTP binding meets in test_http_client.py: a host that does byte by byte what a test
says, and the client that is steered. Standard library and the openssl program only."""

import os
import signal
import socket
import ssl
import struct
import subprocess

PATIENCE = 30.0  # seconds until something that should happen counts as missing


class Client:
    """http_test_client with the given options, until the with block ends; it must end cleanly. Its clock is virtual."""

    def __init__(self, **options):
        self.options = ["%s=%s" % pair for pair in options.items()]
        self.may_end = None  # a hop of which it does not matter whether it ended before it was cancelled

    def __enter__(self):
        default = os.path.join(os.environ.get("top_builddir", "."), "http_test_client")
        program = os.environ.get("HTTP_TEST_CLIENT", default).split()
        self.process = subprocess.Popen(program + self.options, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline().strip()
        return self

    def __exit__(self, kind, value, trace):
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        rest = self.process.stdout.read()
        self.process.stdout.close()
        if self.may_end and rest.startswith("done\t%s\t" % self.may_end) and rest.count("\n") == 1:
            rest = ""
        assert kind or (status == 0 and rest == ""), "client ended with %s, %r" % (status, rest)

    def tell(self, *lines):
        """All of them are obeyed before anything else happens in the client."""
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def send(self, name, url, timeout_ms=5000, **fields):
        self.tell(sending(name, url, timeout_ms, **fields))

    def advance(self, ms):
        self.tell("advance\t%d" % ms)

    def done(self):
        signal.alarm(int(PATIENCE))  # a hop that never ends ends the test
        line = self.process.stdout.readline().rstrip("\n")
        signal.alarm(0)
        return Done(line)

    def is_quiet(self):
        """No hop has ended so far; what the client was told has been obeyed."""
        self.tell("sync")
        return self.process.stdout.readline() == "sync\n"

    def catch_up(self):
        """What the client was told has been obeyed; hops that have ended so far are forgotten."""
        self.tell("sync")
        while (line := self.process.stdout.readline()) != "sync\n":
            assert line, "the client has ended"

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))


class Done:
    def __init__(self, line):
        fields = line.split("\t")
        assert fields[0] == "done", line
        self.name, self.outcome, self.rsc, self.reason, self.answer = fields[1:6]

    def __repr__(self):
        return "%s %s %s %r %r" % (self.name, self.outcome, self.rsc, self.reason, self.answer[:80])


def sending(name, url, timeout_ms=5000, **fields):
    fields = ["%s=%s" % pair for pair in fields.items()]
    return "\t".join(["send", name, url, str(timeout_ms)] + fields)


def answer(body=b"{}", status="200 OK", rsc="2000", *lines, content_type="application/json"):
    head = ["HTTP/1.1 " + status] + (["X-M2M-RSC: " + rsc] if rsc else [])
    head += ["Content-Type: " + content_type, "Content-Length: %d" % len(body)] + list(lines)
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Sink:
    """A listening socket."""

    def __init__(self, host="127.0.0.1", backlog=1000, context=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, 0), family=family, backlog=backlog)
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]
        self.context = context
        self.base = "%s://%s:%d" % ("https" if context else "http", "[%s]" % host if ":" in host else host, self.port)

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.socket.close()

    def accept(self):
        return Peer(self.socket.accept()[0], self.context)

    def has_connection(self):
        self.socket.settimeout(0)
        try:
            self.socket.accept()[0].close()
            return True
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(PATIENCE)


class Peer:
    """The sink's end of a connection."""

    def __init__(self, connection, context):
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(connection, server_side=True) if context else connection

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.socket.close()

    def request(self):
        """A whole request, which must come in one piece if it is small."""
        data = self.socket.recv(65536)
        assert data, "closed instead of a request"
        head, separator, body = data.partition(b"\r\n\r\n")
        assert separator, data
        return Request(self, head.decode(), body)

    def serve(self, data=None):
        request = self.request()
        self.send(data or answer())
        return request

    def send(self, data):
        self.socket.sendall(data)
        return self

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Request:
    def __init__(self, peer, head, body):
        lines = head.split("\r\n")
        self.line = lines[0]
        self.fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
        assert len({name.lower() for name, _ in self.fields}) == len(self.fields), head
        length = int(self["Content-Length"] or 0)
        while len(body) < length:
            body += peer.socket.recv(65536)
        assert len(body) == length, body
        self.body = body

    def __getitem__(self, name):
        return dict(self.fields).get(name)


def openssl(folder, *arguments):
    subprocess.run(("openssl",) + arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make_certificates(folder):
    """An authority (ca.pem), a host's certificate by it (host.pem), and one that nobody has signed (self.pem)."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl(folder, "req", "-x509", *key, "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(folder, "req", "-x509", *key, *name, "-keyout", "self.key", "-out", "self.pem")
    openssl(folder, "req", *key, *name, "-keyout", "host.key", "-out", "host.csr")
    openssl(folder, "x509", "-req", "-in", "host.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
            "2", "-copy_extensions", "copy", "-out", "host.pem")


def tls_context(folder, name, h2=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key"))
    if h2:
        context.set_alpn_protocols(["h2", "http/1.1"])
    return context
