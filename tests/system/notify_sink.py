"""Hosts that are notified: one that is polite and remembers everything, which can be held and can strike at a message,
and hosts with whatever manners a test gives them."""

import json
import re
import selectors
import socket
import threading
import time

PATIENCE = 60  # seconds until something that must happen counts as missing


class Message:
    """A request as it arrived. at: when (monotonic)."""

    __slots__ = ("path", "identifier", "body", "at")

    def __init__(self, head, body):
        self.path = head.split(b" ", 2)[1].decode()
        self.identifier = field(head, b"X-M2M-RI")
        self.body = body
        self.at = time.monotonic()

    def notifications(self):
        """The m2m:sgn in it, in their order."""
        content = json.loads(self.body)
        return content["m2m:agn"]["m2m:sgn"] if "m2m:agn" in content else [content["m2m:sgn"]]

    def is_verification(self):
        return "vrq" in self.notifications()[0]


def field(head, name):
    found = re.search(rb"\r\n" + name + rb":[ \t]*([^\r\n]*)", head, re.IGNORECASE)
    return found.group(1).decode() if found else ""


def cut(buffer):
    """The first whole request of what has arrived and what is behind it; (None, buffer) if it is not all there."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None, buffer
    head = buffer[:end]
    stop = end + 4 + int(field(head, b"Content-Length") or 0)
    if len(buffer) < stop:
        return None, buffer
    return Message(head, buffer[end + 4 : stop]), buffer[stop:]


def answer(rsc="2000", status="200 OK", body=b"", lines=(), version="1.1"):
    head = ["HTTP/%s %s" % (version, status)] + (["X-M2M-RSC: " + rsc] if rsc else [])
    head += ["Content-Length: %d" % len(body), *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Collector:
    """Answers every message with 2000 and keeps it in `messages`, in a thread of its own. While it is held it accepts
    connections but reads nothing. strike: called with each message before it is answered; if it says true, nothing is
    answered from then on until resume()."""

    def __init__(self, host="127.0.0.1"):
        self.listener = socket.create_server((host, 0), backlog=1000)
        self.listener.setblocking(False)
        self.base = "http://%s:%d" % self.listener.getsockname()
        self.messages = []
        self.news = threading.Condition()
        self.strike = lambda message: False
        self.is_held = self.is_mute = self.is_closed = False
        self.fault = None
        self.buffers = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.poke, self.poked = socket.socketpair()
        self.selector.register(self.poked, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self):
        self.is_closed = True
        self.poke.send(b".")
        self.thread.join()
        for each in [*self.buffers, self.listener, self.poke, self.poked]:
            each.close()
        self.selector.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def hold(self):
        self.is_held = True

    def resume(self):
        """Reads and answers (again)."""
        self.is_held = self.is_mute = False
        self.poke.send(b".")

    def run(self):
        try:
            while not self.is_closed:
                self.turn()
        except Exception as fault:  # seen by whoever waits
            self.fault = fault
            with self.news:
                self.news.notify_all()

    def turn(self):
        for key, _ in self.selector.select():
            if key.fileobj is self.listener:
                self.accept()
            elif key.fileobj is self.poked:
                self.poked.recv(4096)
                self.watch_all()
            elif self.is_held:
                self.selector.unregister(key.fileobj)
            else:
                self.hear(key.fileobj)

    def watch_all(self):
        for connection in self.buffers:
            if connection not in self.selector.get_map():
                self.selector.register(connection, selectors.EVENT_READ)

    def accept(self):
        connection, _ = self.listener.accept()
        connection.setblocking(False)
        self.buffers[connection] = b""
        self.selector.register(connection, selectors.EVENT_READ)

    def hear(self, connection):
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(connection)
            del self.buffers[connection]
            connection.close()
            return
        self.buffers[connection] += data
        while True:
            message, self.buffers[connection] = cut(self.buffers[connection])
            if message is None:
                return
            self.take(message, connection)

    def take(self, message, connection):
        if not self.is_mute and self.strike(message):
            self.is_mute = True
        with self.news:
            self.messages.append(message)
            self.news.notify_all()
        if self.is_mute:
            return
        try:
            connection.sendall(answer(lines=["X-M2M-RI: " + message.identifier]))
        except OSError:
            pass  # whoever asked is gone; the end of the connection is read

    def wait(self, is_there, what, seconds=PATIENCE):
        """Until is_there() says so, which is asked again after each message."""
        deadline = time.monotonic() + seconds
        with self.news:
            while not is_there():
                left = deadline - time.monotonic()
                if self.fault or left <= 0:
                    raise AssertionError("%s: missing after %d s (%s)" % (what, seconds, self.fault))
                self.news.wait(min(left, 1))


class Host:
    """A host with manners: a function of (host, connection, message) that is called for each request, and ends the
    connection by returning False. Before each connection `greet` is called with (host, connection), which may wrap it,
    or return None to have done with it; it stays open. Without listens, connections are refused until it is polite."""

    def __init__(self, manners=None, greet=None, listens=True):
        self.manners, self.greet = manners or polite, greet or (lambda host, connection: connection)
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.address = "%s:%d" % self.listener.getsockname()
        self.messages, self.connections, self.kept = [], [], []
        self.is_closed = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        if listens:
            self.listen()

    def listen(self):
        self.listener.listen(1000)
        self.thread.start()

    def run(self):
        while not self.is_closed:
            connection, _ = self.listener.accept()
            self.connections.append(time.monotonic())
            self.kept.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talk = self.greet(self, connection)
            if talk is not None:
                self.kept.append(talk)
                self.converse(talk)
                talk.close()
        except OSError:
            connection.close()

    def converse(self, connection):
        buffer = b""
        while True:
            message, buffer = cut(buffer)
            if message is None:
                data = connection.recv(65536)
                if not data:
                    return
                buffer += data
                continue
            self.messages.append(message)
            if self.manners(self, connection, message) is False:
                return

    def become_polite(self):
        """From now on, and whoever is connected has to come again."""
        self.manners, self.greet = polite, lambda host, connection: connection
        self.drop_connections()
        if not self.thread.ident:
            self.listen()

    def drop_connections(self):
        kept, self.kept = self.kept, []
        for connection in kept:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def close(self):
        self.is_closed = True
        try:
            socket.create_connection(self.listener.getsockname(), 1).close()
        except OSError:
            pass
        if self.thread.ident:
            self.thread.join(5)
        self.listener.close()
        self.drop_connections()


def polite(host, connection, message):
    connection.sendall(answer())
