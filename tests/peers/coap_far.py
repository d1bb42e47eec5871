"""What a peer beyond loopback gets before and after it has shown that it receives: run in a network namespace of its own
by test_coap.py, which has the address 192.0.2.1 on lo."""

import json
import socket

import peers  # noqa: F401  pylint: disable=unused-import
import raw_coap as raw
from copse_harness import Server, expect, expect_equal
from raw_coap import GET, POST, Client, request

HERE = "192.0.2.1"


def exchange(port, message, sender=None):
    """All bytes that a peer gets for one datagram without saying anything more, and what it was sent first."""
    client = sender or Client(port, HERE)
    sent = client.prepare(message).datagram()
    client.socket.send(sent)
    got = []
    while True:
        client.socket.settimeout(12 if not got else 1)
        try:
            got.append(client.socket.recv(65536))
        except socket.timeout:
            return client, sent, got


def main():
    with Server(store_type="memory", settings={"coap.listen": "0.0.0.0:0", "log.level": "info", "cse.admin-from": "anywhere"}) as server:
        port = raw.port_of(server)
        with Client(port) as near:
            made = near.ask(request(POST, "cse-in", body=json.dumps({"m2m:cnt": {"rn": "c"}}).encode(), ty=3))
            expect_equal(made.rsc, 2001, repr(made))
            body = json.dumps({"m2m:cin": {"rn": "i", "con": "x" * 5000}}).encode()
            expect_equal(near.ask_whole(request(POST, "cse-in/c", body=body, ty=4)).rsc, 2001, "instance")
        client, sent, got = exchange(port, request(GET, "cse-in/c/i"))
        expect(len(got) == 1 and len(got[0]) <= 3 * len(sent), "%r for %d bytes" % (list(map(len, got)), len(sent)))
        first = raw.parse(got[0])
        number, more, size = raw.read_block(first.option(raw.BLOCK2))
        expect_equal((first.rsc, number, more), (2000, 0, 1), "first part")
        expect(16 << size < 1024, "size of the first part: %d" % (16 << size))
        echo = first.option(raw.ECHO)
        expect(echo and len(echo) <= 40, "Echo of the first part: %r" % echo)
        rqi = first.option(raw.RQI).decode()
        # who says that he has it, rejects everything, or repeats another value or another's, gets no more, but all in parts
        client.socket.send(raw.Message(raw.RST, 0, first.mid).datagram())
        wrong = [(), [(raw.ECHO, b"")], [(raw.ECHO, bytes([echo[0] ^ 1]) + echo[1:])], [(raw.ECHO, b"x" * 41)]]
        tries = [(client, more) for more in wrong] + [(None, [(raw.ECHO, echo)])]
        for sender, more in tries:
            for message in (
                request(GET, "cse-in/c/i", rqi=rqi, more=[(raw.BLOCK2, raw.block(1, 0, 6)), *more]),
                request(GET, "cse-in/c/i", rqi=rqi, more=more),
            ):
                _, sent, got = exchange(port, message, sender)
                expect(len(got) == 1 and len(got[0]) <= 3 * len(sent), "%d bytes for %d" % (sum(map(len, got)), len(sent)))
        whole = client.rest_of(request(GET, "cse-in/c/i", rqi=rqi), first)
        expect_equal(len(json.loads(whole.payload)["m2m:cin"]["con"]), 5000, "whole")
        expect_equal(client.ask(request(GET, "cse-in")).option(raw.ECHO) is None, False, "a value for a large answer")
        # it repeats the value: it is there, from then on
        for more in ([(raw.ECHO, echo)], []):
            _, sent, got = exchange(port, request(GET, "cse-in/c/i", more=more), client)
            known = raw.parse(got[0])
            expect_equal((len(known.payload), known.option(raw.ECHO)), (1024, None), "a part for a peer that is known")
        # what fits is answered whole
        _, sent, got = exchange(port, request(GET, "cse-in/" + "n" * 60))
        refused = raw.parse(got[0])
        expect_equal((refused.text, refused.option(raw.ECHO), refused.option(raw.BLOCK2)), ("4.04", None, None), "small")
        # a ping and nonsense get four bytes
        for data in (b"\x40\x00\x00\x07", b"\x40\x01\x00\x07\xff"):
            client.socket.send(data)
            expect_equal(len(client.socket.recv(65536)), 4, "answer to %r" % data)
    print("done")


main()
