"""Across bindings: an entity that is registered over one is notified over any other; a dead broker and a peer that hangs
are felt by nobody else."""

import os
import signal
import socket
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402
from copse_harness import ADMIN, Server, expect, main, must, rule  # noqa: E402

WAYS = ("http", "coap", "mqtt", "websocket")


class Everything:
    """A server with each binding, beside a broker."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="copse-across-")
        self.broker = peers.Broker()
        self.coap = "127.0.0.1:%d" % peers.free_port(socket.SOCK_DGRAM)
        self.websocket = "127.0.0.1:%d" % peers.free_port()
        self.server = Server(
            settings={
                "coap.listen": self.coap,
                "mqtt.broker": self.broker.address,
                "websocket.listen": self.websocket,
            }
        )
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.broker.stop()
        self.folder.cleanup()


if __name__ == "__main__":
    main()
