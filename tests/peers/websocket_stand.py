"""A server with a port for WebSockets, for the tests of that binding."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from websocket_client import WebSocket, frame  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from copse_harness import Server, expect  # noqa: E402


class WebSocketServer(Server):
    """A server with a port for WebSockets; ws_port once it is started."""

    def __init__(self, **settings):
        super().__init__(
            store_type="memory",
            settings={
                "websocket.listen": "127.0.0.1:0",
                "websocket.upgrade": "yes",
                "log.level": "info",
                **{key.replace("__", "."): value for key, value in settings.items()},
            },
        )
        self.ws_port = None

    def start(self, wrapper=(), **options):
        super().start(wrapper, **options)
        found = re.search(r"address=ws://127.0.0.1:(\d+)", self.log())
        expect(found, "no address of the websocket binding in the log: " + self.log())
        self.ws_port = int(found.group(1))
        return self

    def connect(self, **options):
        return WebSocket(self.ws_port, **options)


def set_keys(**settings):
    """Keys of the configuration as Python names: websocket__ping -> websocket.ping, _ -> -."""
    return {key.replace("__", ".").replace("_", "-"): value for key, value in settings.items()}


def serve(**settings):
    return WebSocketServer(**set_keys(**settings))


def busy_with(client, device):
    """The client has a request in work until verify: a subscription to the device, which registers. The identifiers of
    the request and of what verifies it."""
    device.register("dev")
    identifier = client.post(op=1, to="cse-in", ty=23, fr="CAdmin", pc={"m2m:sub": {"nu": ["cse-in/dev"]}})
    return identifier, json.loads(device.read_message()[1])["rqi"]


def verify(device, identifier):
    device.send(frame(json.dumps({"rsc": 2000, "rqi": identifier})))


RETRIEVE = {"op": 2, "to": "cse-in"}
RETRIEVE_BYTES = json.dumps({"op": 2, "to": "cse-in", "fr": "CAdmin", "rqi": "x", "rvi": "3"})
