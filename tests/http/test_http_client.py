#!/usr/bin/env python3
"""The sending half of the HTTP binding against sinks on loopback. Each rule_ function is one test."""

import os
import select
import selectors
import socket
import sys
import tempfile
import threading

import raw
import sink
from sink import Client, Sink, answer, sending

OPERATIONS = {"create": "1", "retrieve": "2", "update": "3", "delete": "4", "notify": "5"}


def ended(client, name, outcome, rsc="0", answer=""):
    """The next hop that ends is this one, with this outcome; returns the reason."""
    done = client.done()
    assert (done.name, done.outcome, done.rsc, done.answer) == (name, outcome, rsc, answer), done
    assert bool(done.reason) == (outcome != "answered"), done
    return done.reason


def answered(client, name, rsc="2000", answer="{}"):
    ended(client, name, "answered", rsc, answer)


def exchange(client, peer, name, url, data=None):
    client.send(name, url, content="{}")
    request = peer.serve(data)
    answered(client, name)
    return request


# ---- requests ----


def rule_a_notification_is_a_POST_to_the_URL_as_it_is():
    with Client() as client, Sink() as host:
        client.send("a", host.base + "/app/x%252Fy/?q=1&r#f", content='{"m2m:sgn":{}}', requestIdentifier="r1",
                    releaseVersionIndicator="3", **{"from": "/id-in"})
        with host.accept() as peer:
            request = peer.serve()
            answered(client, "a")
    assert request.line == "POST /app/x%2Fy/?q=1&r HTTP/1.1", request.line
    assert request.fields == [
        ("Host", "127.0.0.1:%d" % host.port), ("X-M2M-Origin", "/id-in"), ("X-M2M-RI", "r1"), ("X-M2M-RVI", "3"),
        ("Accept", "application/json"), ("Content-Type", "application/json"), ("Content-Length", "14"),
    ], request.fields
    assert request.body == b'{"m2m:sgn":{}}'


def rule_a_content_goes_out_in_the_serialization_of_the_receiver():
    bodies = {
        "xml": b'<?xml version="1.0" encoding="UTF-8"?>\n'
               b'<m2m:cin xmlns:m2m="http://www.onem2m.org/xml/protocols"><con>x</con></m2m:cin>',
        "cbor": b"\xa1gm2m:cin\xa1cconax",
    }
    with Client() as client, Sink() as host:
        peer = None
        for name, body in bodies.items():
            client.send(name, host.base, serialization=name, content='{"m2m:cin":{"con":"x"}}')
            peer = peer or host.accept()
            request = peer.serve()
            answered(client, name)
            assert request.body == body, request.body
            assert request["Content-Type"] == request["Accept"] == "application/" + name
            assert request["Content-Length"] == str(len(body))
            client.send(name, host.base, serialization=name, operation="1", resourceType="4", content='{"m2m:cin":{"con":"x"}}')
            assert peer.serve()["Content-Type"] == "application/%s;ty=4" % name
            answered(client, name)


def rule_an_answer_is_understood_in_any_serialization():
    xml = b'<m2m:cin xmlns:m2m="http://www.onem2m.org/xml/protocols"><con>x</con></m2m:cin>'
    json, cbor = b'{"m2m:cin":{"con":"x"}}', b"\xa1gm2m:cin\xa1cconax"
    cases = (
        ("application/xml", xml, json), ("application/cbor", cbor, json), ("application/vnd.onem2m-res+cbor", cbor, json),
        ("application/vnd.onem2m-res+xml; charset=utf-8", xml, json), ("application/json", json, json),
        ("application/xml", b"", b""), ("application/xml", xml[:-1], b""), ("application/cbor", cbor + b"\0", b""),
        ("application/cbor", b"\x81" * 13 + b"\0", b""), ("application/xml", b"<!DOCTYPE x>" + xml, b""), ("text/xml", xml, b""),
    )
    with Client(max_answer=100000) as client, Sink() as host:
        peer = None
        for content_type, body, expected in cases:
            client.send("a", host.base, content="{}")
            peer = peer or host.accept()
            peer.serve(answer(body, content_type=content_type))
            answered(client, "a", answer=expected.decode())
        big = b"\xa1gm2m:cin\xa1ccon\x7a\0\1\0\0" + b"y" * 65536
        client.send("a", host.base, content="{}")
        peer.serve(answer(big, content_type="application/cbor"))
        answered(client, "a", answer='{"m2m:cin":{"con":"%s"}}' % ("y" * 65536))


def rule_each_operation_has_its_method_and_To_goes_into_the_path():
    with Client() as client, Sink() as host:
        lines = {}
        peer = None
        for name, number in OPERATIONS.items():
            fields = {"content": "{}"} if name not in ("retrieve", "delete") else {}
            client.send(name, host.base + "/root/", operation=number, to="/id-b/cse/c 1", resourceType="3", **fields)
            peer = peer or host.accept()
            lines[name] = peer.serve()
            answered(client, name)
    for name, method in (("create", "POST"), ("retrieve", "GET"), ("update", "PUT"), ("delete", "DELETE")):
        assert lines[name].line == method + " /root/~/id-b/cse/c%201 HTTP/1.1", lines[name].line
    assert lines["create"]["Content-Type"] == "application/json;ty=3"
    assert lines["update"]["Content-Type"] == "application/json"
    assert lines["retrieve"]["Content-Type"] is None and lines["retrieve"]["Content-Length"] is None


def rule_parameters_travel_in_header_and_query():
    with Client() as client, Sink() as host:
        client.send("a", host.base, operation="2", to="//sp.example/id-b/c%23rr", resultContent="4", resultPersistence="P1D",
                    eventCategory="2", originatingTimestamp="20300101T000000", vendorInformation="é")
        with host.accept() as peer:
            request = peer.serve()
            answered(client, "a")
    assert request.line == "GET /_/sp.example/id-b/c?rp=P1D&rcn=4&atrl=rr HTTP/1.1", request.line
    assert request["X-M2M-EC"] == "2" and request["X-M2M-OT"] == "20300101T000000"
    assert request["Host"] == "127.0.0.1:%d" % host.port


def rule_an_update_without_content_still_has_a_length():
    with Client() as client, Sink() as host:
        client.send("a", host.base, operation="3", to="/id-b/c")
        with host.accept() as peer:
            request = peer.serve()
            answered(client, "a")
    assert request["Content-Length"] == "0" and request.line.startswith("PUT /~/id-b/c ")


def rule_a_control_byte_in_a_parameter_is_never_sent():
    with Client() as client, Sink() as host:
        for fields in ({"from": "C%0d%0aX-Evil: 1"}, {"requestIdentifier": "a%0ab"}, {"vendorInformation": "a%00"},
                       {"operation": "1", "resourceType": "3%0d%0a"}, {"operation": "1"}, {"operation": "6"},
                       {"serialization": "yaml"}, {"serialization": "xml"},
                       {"serialization": "cbor", "content": '{"m2m:cin":{"con":1e400}}'}):
            client.send("a", host.base, **{"content": "{}", **fields})
            ended(client, "a", "unreachable")
        client.send("a", host.base, operation="2", to="/id-b/c%0d%0aX: 1", resultContent="1%0d%0aX: 1")
        with host.accept() as peer:
            request = peer.serve()
            answered(client, "a")
        assert request.line == "GET /~/id-b/c%0D%0AX:%201?rcn=1%0D%0AX:%201 HTTP/1.1", request.line
        assert request["X"] is None


def rule_a_URL_with_credentials_or_of_another_form_is_refused_without_repeating_it():
    with Client() as client:
        for url in ("http://user:secret@127.0.0.1/", "http://secret@127.0.0.1/", "http://@/", "ftp://h/secret", "secret",
                    "", "http://", "http://h:99999/secret", "http://h/a%0d%0asecret", "http://h/%00secret",
                    "http://h/a secret", "http://[::1/secret", "mqtt://h/secret", "http://h/\xe9secret",
                    "http://h/" + "s" * 5000):
            client.send("a", url)
            reason = ended(client, "a", "unreachable")
            assert "secret" not in reason, reason


def rule_an_IPv6_literal_works():
    try:
        host = Sink("::1")
    except OSError:
        return " # SKIP no IPv6 here"
    with Client() as client, host:
        client.send("a", host.base + "/x", content="{}")
        with host.accept() as peer:
            assert peer.serve()["Host"] == "[::1]:%d" % host.port
            answered(client, "a")


# ---- keep-alive and the pool ----


def rule_a_connection_is_used_again_and_its_bytes_are_in_order():
    with Client() as client, Sink() as host:
        client.send("a", host.base, content="{}")
        with host.accept() as peer:
            peer.serve()
            answered(client, "a")
            for n in range(50):
                assert exchange(client, peer, str(n), host.base + "/%d" % n).line == "POST /%d HTTP/1.1" % n
            assert not host.has_connection()


def rule_what_done_sends_takes_the_connection_that_has_become_free():
    with Client() as client, Sink() as host:
        client.send("a", host.base, content="{}", repeat="9")
        with host.accept() as peer:
            for _ in range(10):
                peer.serve()
            answered(client, "a")
            assert not host.has_connection()


def rule_the_connection_used_last_is_used_first():
    with Client() as client, Sink() as host:
        client.tell(sending("a", host.base, content="{}"), sending("b", host.base, content="{}"))
        with host.accept() as one, host.accept() as two:
            one.serve(), two.request()
            client.done()
            two.send(answer())
            client.done()
            exchange(client, two, "c", host.base)


def rule_an_idle_connection_is_closed_after_a_while():
    with Client(idle_ms=1000) as client, Sink() as host:
        client.send("a", host.base, content="{}")
        with host.accept() as peer:
            peer.serve()
            answered(client, "a")
            client.advance(900)
            exchange(client, peer, "b", host.base)
            client.advance(900)
            exchange(client, peer, "c", host.base)
            client.advance(1100)
            assert peer.is_closed()


def rule_no_more_connections_than_allowed_and_hops_wait_in_order():
    with Client(most=2) as client, Sink() as host:
        client.tell(*[sending(str(n), host.base + "/%d" % n, content="{}") for n in range(7)])
        with host.accept() as one, host.accept() as two:
            order = []
            for n in range(7):
                peer = (one, two)[n % 2]
                order.append(peer.serve().line.split()[1])
                client.done()
            assert sorted(order[:2]) == ["/0", "/1"] and order[2:] == ["/%d" % n for n in range(2, 7)], order
            assert not host.has_connection()


def rule_a_slow_host_leaves_connections_for_the_others():
    with Client(most=3, most_to_one=2) as client, Sink() as slow, Sink() as host:
        client.tell(*[sending("s%d" % n, slow.base + "/%d" % n, content="{}") for n in range(4)])
        with slow.accept() as one, slow.accept() as two:
            one.request()
            two.request()
            client.send("a", host.base, content="{}")
            with host.accept() as peer:
                peer.serve()
                answered(client, "a")
            assert not slow.has_connection()
            one.send(answer())
            assert client.done().outcome == "answered"
            assert one.serve().line.split()[1] == "/2"
            assert client.done().outcome == "answered"
            one.request()
            one.send(b"no answer\r\n\r\n")
            assert client.done().outcome == "unreachable"
            client.send("s4", slow.base + "/4", content="{}")
            with slow.accept() as three:
                assert three.serve().line.split()[1] == "/4"
                answered(client, "s4")
            two.send(answer())
            assert client.done().outcome == "answered"


def rule_an_idle_connection_gives_way_to_one_that_is_needed():
    with Client(most=1) as client, Sink() as first, Sink() as second:
        client.send("a", first.base, content="{}")
        with first.accept() as peer:
            peer.serve()
            answered(client, "a")
            client.send("b", second.base, content="{}")
            assert peer.is_closed()
        with second.accept() as peer:
            peer.serve()
            answered(client, "b")


class Serving:
    """Answers whatever comes to the sinks, until the with block ends."""

    def __init__(self, *sinks):
        self.sinks, self.accepted, self.is_over = [host.socket for host in sinks], [], False
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *rest):
        self.is_over = True
        self.thread.join()
        for connection in self.accepted:
            connection.close()

    def run(self):
        selector = selectors.DefaultSelector()
        for listening in self.sinks:
            selector.register(listening, selectors.EVENT_READ)
        while not self.is_over:
            for key, _ in selector.select(0.05):
                if key.fileobj in self.sinks:
                    self.accepted.append(key.fileobj.accept()[0])
                    selector.register(self.accepted[-1], selectors.EVENT_READ)
                elif key.fileobj.recv(65536):
                    key.fileobj.sendall(answer())
                else:
                    selector.unregister(key.fileobj)


def rule_a_busy_host_does_not_keep_the_only_connection_from_another():
    with Sink() as busy, Sink() as other, Serving(busy, other), Client(most=1) as client:
        client.tell(*[sending("busy", busy.base, content="{}") for _ in range(200)],
                    sending("other", other.base, content="{}"))
        names = [client.done().name for _ in range(201)]
        assert names.index("other") < 100, names.index("other")


def rule_1000_hops_at_once_go_over_10_connections():
    with Sink() as host, Serving(host) as serving, Client(most=10) as client:
        client.tell(*[sending(str(n), host.base + "/%d" % n, content="{}") for n in range(1000)])
        names = {client.done().name for _ in range(1000)}
        assert len(names) == 1000 and len(serving.accepted) <= 10, (len(names), len(serving.accepted))


def rule_a_host_that_swallows_packets_holds_up_no_other():
    with Client() as client, Sink(backlog=0) as hole, Sink() as host:
        fillers = fill_backlog(hole)
        client.tell(*[sending("h%d" % n, hole.base, 3000) for n in range(40)])
        client.send("a", host.base, content="{}")
        with host.accept() as peer:
            peer.serve()
            answered(client, "a")
        client.advance(3100)
        for _ in range(40):
            done = client.done()
            assert done.outcome == "unreachable" and done.reason == "no connection in time", done
        for filler in fillers:
            filler.close()


def fill_backlog(hole):
    """Afterwards a connection to it stays in the making."""
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", hole.port))
        fillers.append(filler)
    return fillers


# ---- connections that end ----


def rule_a_connection_that_ended_while_idle_is_not_used():
    with Client() as client, Sink() as host:
        client.send("a", host.base, content="{}")
        with host.accept() as peer:
            peer.serve()
            answered(client, "a")
        client.send("b", host.base, content="{}")
        with host.accept() as peer:
            peer.serve()
            answered(client, "b")


def rule_a_used_connection_that_ends_before_an_answer_costs_one_more_try_on_a_fresh_one():
    for end in ("close", "reset"):
        with Client() as client, Sink() as host:
            client.tell(sending("a", host.base, content="{}"), sending("b", host.base, content="{}"))
            with host.accept() as one, host.accept() as two:
                one.serve()
                two.serve()
                client.done(), client.done()
                client.send("c", host.base, content="{}", requestIdentifier="same")
                assert two.request()["X-M2M-RI"] == "same" if end == "close" else two.request()
                two.socket.close() if end == "close" else two.reset()
                with host.accept() as three:
                    assert three.serve()["X-M2M-RI"] == "same"
                    answered(client, "c")


def rule_the_second_try_is_the_last():
    with Client() as client, Sink() as host:
        client.send("a", host.base, content="{}")
        with host.accept() as peer:
            peer.serve()
            answered(client, "a")
            client.send("b", host.base, content="{}")
            peer.request()
        with host.accept() as peer:
            peer.request()
        ended(client, "b", "unreachable")
        assert not host.has_connection()


def rule_a_fresh_connection_that_ends_before_an_answer_is_unreachable():
    for end in ("close", "reset"):
        with Client() as client, Sink() as host:
            client.send("a", host.base, content="{}")
            peer = host.accept()
            peer.request()
            peer.socket.close() if end == "close" else peer.reset()
            ended(client, "a", "unreachable")
            assert not host.has_connection()


def rule_an_answer_that_is_cut_is_none_and_is_not_asked_for_again():
    for cut in (10, 40, len(answer()) - 1):
        for end in ("close", "reset"):
            with Client() as client, Sink() as host:
                client.send("a", host.base, content="{}")
                with host.accept() as peer:
                    peer.serve()
                    answered(client, "a")
                    client.send("b", host.base, content="{}")
                    peer.request()
                    peer.send(answer()[:cut])
                    assert client.is_quiet()
                    peer.socket.close() if end == "close" else peer.reset()
                ended(client, "b", "unreachable")
                assert not host.has_connection()


def rule_Connection_close_is_kept_to():
    with Client() as client, Sink() as host:
        client.send("a", host.base, content="{}")
        with host.accept() as peer:
            peer.serve(answer(b"{}", "200 OK", "2000", "Connection: close"))
            answered(client, "a")
            assert peer.is_closed()


def rule_bytes_behind_the_answer_end_the_connection():
    for late in (False, True):
        with Client() as client, Sink() as host:
            client.send("a", host.base, content="{}")
            with host.accept() as peer:
                peer.serve(answer() if late else answer() + answer(b'{"evil":1}'))
                answered(client, "a")
                if late:
                    peer.send(answer(b'{"evil":1}'))
                assert peer.is_closed()


def rule_an_answer_to_half_a_request_counts_and_ends_the_connection():
    with Client() as client, Sink() as host:
        client.send("a", host.base, content="x" * 8000000)
        with host.accept() as peer:
            peer.socket.recv(1000)
            peer.send(answer(b"{}", "413 Payload Too Large", "4000", "Connection: close"))
            answered(client, "a", "4000")


def rule_a_large_request_arrives_whole():
    content = "".join("%08d" % n for n in range(1000000))
    with Client() as client, Sink() as host:
        client.send("a", host.base, content=content)
        with host.accept() as peer:
            assert peer.serve().body == content.encode()
            answered(client, "a")
            exchange(client, peer, "b", host.base)


# ---- answers ----


def ask(data, close=False, **options):
    """What becomes of a hop that is answered so; and whether the connection goes on."""
    with Client(**options) as client, Sink() as host:
        client.send("a", host.base, content="{}")
        with host.accept() as peer:
            peer.request()
            try:
                peer.send(data)
            except (ConnectionResetError, BrokenPipeError):
                pass
            if close:
                peer.socket.close()
            done = client.done()
            if close:
                return done
            client.send("b", host.base, content="{}")
            try:
                peer.request()
                done.goes_on = True
            except (AssertionError, ConnectionResetError):
                done.goes_on = False
            client.may_end = "b"
            client.tell("cancel\tb")
            return done


def is_answer(done, rsc, answer):
    assert (done.outcome, done.rsc, done.answer, done.reason) == ("answered", rsc, answer, ""), done


def is_none(done, goes_on=False):
    assert (done.outcome, done.rsc, done.answer, done.goes_on) == ("unreachable", "0", "", goes_on), (done, done.goes_on)
    assert done.reason, done


def rule_the_response_status_code_is_the_answer():
    done = ask(answer(b'{"m2m:dbg":"no"}', "403 Forbidden", "4103"))
    is_answer(done, "4103", '{"m2m:dbg":"no"}')
    assert done.goes_on


def rule_an_answer_in_single_bytes_is_put_together():
    data = answer(b'{"a":"bc"}')
    with Client() as client, Sink() as host:
        client.send("a", host.base, content="{}")
        with host.accept() as peer:
            peer.request()
            for i in range(len(data)):
                peer.send(data[i:i + 1])
                assert i == len(data) - 1 or client.is_quiet()
            answered(client, "a", "2000", '{"a":"bc"}')


def rule_a_chunked_answer_is_put_together():
    head = b"HTTP/1.1 200 OK\r\nX-M2M-RSC: 2001\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    done = ask(head + b'3\r\n{"a\r\n5;x=y\r\n":123\r\n1\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n')
    is_answer(done, "2001", '{"a":123}')
    assert done.goes_on


def rule_interim_answers_are_passed_over_but_not_for_ever():
    done = ask(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-M2M-RSC: 4000\r\n\r\n" + answer())
    is_answer(done, "2000", "{}")
    assert done.goes_on
    is_none(ask(b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + answer()))


def rule_an_answer_of_HTTP_1_0_ends_with_the_connection():
    done = ask(b'HTTP/1.0 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Type: application/json\r\n\r\n{"a":1}', close=True)
    is_answer(done, "2000", '{"a":1}')


def rule_a_status_without_content_is_an_answer():
    done = ask(b"HTTP/1.1 204 No Content\r\n\r\n")
    is_answer(done, "2000", "")
    assert done.goes_on


def rule_a_plain_web_server_answers_by_its_status():
    is_answer(ask(answer(b"<p>", "202 Accepted", None, content_type="text/html")), "2000", "")
    done = ask(answer(b"<p>", "500 Internal Server Error", None, content_type="text/html"))
    is_none(done, goes_on=True)
    assert done.reason == "HTTP status 500"


def rule_a_redirection_is_not_followed():
    with Sink() as elsewhere:
        done = ask(answer(b"", "301 Moved", None, "Location: " + elsewhere.base + "/"))
        is_none(done, goes_on=True)
        assert done.reason == "HTTP status 301" and not elsewhere.has_connection()


def rule_a_code_that_is_no_code_makes_no_answer():
    for code in ("abc", "", "2000x", "-1", "0", "1", "99999999999999999999", "2" * 200, "20 00"):
        is_none(ask(answer(b"{}", "200 OK", code or " ")), goes_on=True)
    is_none(ask(answer(b"{}", "200 OK", "2000", "X-M2M-RSC: 4000")))


def rule_content_that_is_not_JSON_is_left_out():
    for kind in ("text/plain", "application/xml", "nonsense", "application/json; charset=latin-1"):
        is_answer(ask(answer(b"{}", content_type=kind)), "2000", "")
    is_answer(ask(answer(b"{}", content_type="application/vnd.onem2m-res+json;charset=UTF-8")), "2000", "{}")


def rule_header_fields_without_end_make_no_answer():
    head = b"HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\n"
    is_none(ask(head + b"X-Pad: yyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 10000))
    is_none(ask(head + b"X-Pad: " + b"y" * 1000000))
    is_none(ask(head + b"X" * 1000000))
    is_none(ask(b"HTTP/1.1 200 " + b"O" * 1000000))
    is_none(ask(head + b"X-Pad: " + b"y" * 17000 + b"\r\nContent-Length: 0\r\n\r\n"))
    is_answer(ask(head + b"X-Pad: " + b"y" * 15000 + b"\r\nContent-Length: 0\r\n\r\n"), "2000", "")


def rule_content_without_end_makes_no_answer():
    head = b"HTTP/1.1 200 OK\r\nX-M2M-RSC: 2000\r\nContent-Type: application/json\r\n"
    is_none(ask(head + b"\r\n" + b"y" * 1000000))
    is_none(ask(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"y" * 1024 + b"\r\n" * 1000))
    is_none(ask(head + b"Transfer-Encoding: chunked\r\n\r\n" + (b"400\r\n" + b"y" * 1024 + b"\r\n") * 1000))
    is_none(ask(head + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"y" * 1000000))
    is_none(ask(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"Trailer: y\r\n" * 100000))


def rule_an_answer_larger_than_allowed_makes_none():
    is_answer(ask(answer(b"y" * 65536)), "2000", "y" * 65536)
    is_none(ask(answer(b"y" * 65537)))
    is_none(ask(answer(b"")[:-4].replace(b"Length: 0", b"Length: 99999999999") + b"\r\n\r\n"))
    is_none(ask(answer(b"y" * 1025), max_answer=1024))


def rule_what_is_not_HTTP_makes_no_answer():
    for data in (b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/9 200 OK\r\n\r\n",
                 b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
                 b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 b"GET / HTTP/1.1\r\n\r\n"):
        is_none(ask(data))


def rule_switching_protocols_makes_no_answer():
    is_none(ask(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"))


# ---- time ----


def rule_a_peer_that_does_not_answer_is_late():
    with Client() as client, Sink() as host:
        client.send("a", host.base, 3000, content="{}")
        with host.accept() as peer:
            peer.request()
            client.advance(2900)
            assert client.is_quiet()
            client.advance(200)
            ended(client, "a", "late")
            assert peer.is_closed()


def rule_a_slow_answer_does_not_move_the_deadline():
    with Client() as client, Sink() as host:
        client.send("a", host.base, 1000, content="{}")
        with host.accept() as peer:
            peer.request()
            for byte in b"HTTP/1.1":
                peer.send(bytes([byte]))
                client.advance(100)
                assert client.is_quiet()
            client.advance(300)
            ended(client, "a", "late")


def rule_waiting_for_a_connection_counts():
    with Client(most=1) as client, Sink() as host:
        client.send("a", host.base, 5000, content="{}")
        with host.accept() as peer:
            peer.request()
            client.send("b", host.base, 1000, content="{}")
            client.advance(1100)
            assert ended(client, "b", "unreachable") == "no connection in time"
            peer.send(answer())
            answered(client, "a")


# ---- hosts that cannot be reached ----


def rule_a_refused_connection_is_unreachable():
    with Sink() as host:
        base = host.base
    with Client() as client:
        client.send("a", base)
        assert ended(client, "a", "unreachable") == "Connection refused"


def rule_a_name_that_does_not_exist_is_unreachable():
    with Client(clock="real") as client:
        client.send("a", "http://no-such-host.invalid/", 20000)
        ended(client, "a", "unreachable")


def rule_the_guard_is_asked_with_the_address_that_a_name_has():
    with Sink() as host:
        for url in (host.base, "http://localhost:%d/" % host.port, "http://[::ffff:127.0.0.1]:%d/" % host.port,
                    "http://2130706433:%d/" % host.port, "http://0x7f.1:%d/" % host.port):
            with Client(networks="192.0.2.0/24,2001:db8::/32") as client:
                client.send("a", url)
                assert "outgoing.networks" in ended(client, "a", "unreachable")
        assert not host.has_connection()
        with Client(networks="192.0.2.0/24, 127.0.0.0/8") as client:
            client.send("a", host.base, content="{}")
            with host.accept() as peer:
                peer.serve()
                answered(client, "a")


def rule_a_public_CSE_does_not_connect_to_metadata_services():
    with Client(is_public=1) as client:
        for where in ("169.254.169.254", "[::ffff:169.254.169.254]", "0.0.0.0", "[::]", "[fd00:ec2::254]", "0"):
            client.send("a", "http://%s/latest" % where)
            assert "outgoing.networks" in ended(client, "a", "unreachable"), where


def rule_a_bad_network_or_file_is_an_error_at_the_start():
    for options, word in (({"networks": "1.2.3.4/33"}, "outgoing.networks"), ({"ca_file": "/none"}, "outgoing.ca-file")):
        client = Client(**options).__enter__()
        assert word in client.first_line, client.first_line
        assert client.process.wait(sink.PATIENCE) == 1
        client.process.stdin.close()
        client.process.stdout.close()


# ---- TLS ----


def with_certificates(test):
    with tempfile.TemporaryDirectory() as folder:
        sink.make_certificates(folder)
        test(folder, os.path.join(folder, "ca.pem"))


def rule_TLS_with_a_trusted_certificate_works_and_is_kept_alive():
    def test(folder, ca):
        with Client(ca_file=ca) as client, Sink(context=sink.tls_context(folder, "host", h2=True)) as host:
            client.send("a", host.base + "/x", content="{}")
            with host.accept() as peer:
                assert peer.socket.selected_alpn_protocol() == "http/1.1"
                assert peer.serve()["Host"] == "127.0.0.1:%d" % host.port
                answered(client, "a")
                for n in range(20):
                    exchange(client, peer, str(n), host.base)
                content = "y" * 3000000
                client.send("b", host.base, content=content)
                assert peer.serve(answer(b"z" * 65000)).body == content.encode()
                answered(client, "b", "2000", "z" * 65000)
                exchange(client, peer, "c", host.base)
                assert not host.has_connection()
                client.advance(31000)
                assert peer.is_closed()
    with_certificates(test)


def rule_many_TLS_connections_at_once_work():
    def test(folder, ca):
        with Client(ca_file=ca) as client, Sink(context=sink.tls_context(folder, "host")) as host:
            client.tell(*[sending(str(n), host.base, content="{}") for n in range(30)])
            peers = [host.accept() for _ in range(4)]
            for peer in peers:
                peer.request()
            peers += [host.accept() for _ in range(26)]
            for peer in peers[4:]:
                peer.request()
            for peer in peers:
                peer.send(answer())
            assert {client.done().name for _ in range(30)} == {str(n) for n in range(30)}
            client.send("again", host.base, content="{}")
            chosen = select.select([peer.socket for peer in peers], [], [], sink.PATIENCE)[0]
            peers[[peer.socket for peer in peers].index(chosen[0])].serve()
            answered(client, "again")
    with_certificates(test)


def accept_in_vain(host):
    try:
        host.accept().socket.recv(1)
    except (OSError, AssertionError):
        pass


def refuses_tls(client, host, url):
    thread = threading.Thread(target=accept_in_vain, args=(host,))
    thread.start()
    client.send("a", url, content="{}")
    reason = ended(client, "a", "unreachable")
    thread.join()
    return reason


def rule_a_self_signed_certificate_is_refused():
    def test(folder, ca):
        with Client(ca_file=ca) as client, Sink(context=sink.tls_context(folder, "self")) as host:
            assert "certificate" in refuses_tls(client, host, host.base)
        with Client() as client, Sink(context=sink.tls_context(folder, "host")) as host:
            assert "certificate" in refuses_tls(client, host, host.base)
    with_certificates(test)


def rule_a_certificate_of_another_host_is_refused():
    def test(folder, ca):
        with Client(ca_file=ca) as client, Sink("127.0.0.2", context=sink.tls_context(folder, "host")) as host:
            assert "certificate" in refuses_tls(client, host, host.base)
    with_certificates(test)


def rule_TLS_to_a_plain_port_is_unreachable():
    with Client() as client, Sink() as host:
        client.send("a", host.base.replace("http:", "https:"))
        with host.accept() as peer:
            peer.socket.recv(65536)
            peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            ended(client, "a", "unreachable")


def rule_plain_to_a_TLS_port_is_unreachable():
    def test(folder, ca):
        with Client() as client, Sink(context=sink.tls_context(folder, "host")) as host:
            refuses_tls(client, host, host.base.replace("https:", "http:"))
    with_certificates(test)


def rule_a_TLS_connection_that_ended_is_tried_again():
    def test(folder, ca):
        with Client(ca_file=ca) as client, Sink(context=sink.tls_context(folder, "host")) as host:
            client.send("a", host.base, content="{}")
            with host.accept() as peer:
                peer.serve()
                answered(client, "a")
                client.send("b", host.base, content="{}")
                peer.request()
            with host.accept() as peer:
                peer.serve()
                answered(client, "b")
    with_certificates(test)


# ---- cancelling ----


def rule_a_hop_can_be_taken_back_at_once():
    with Client() as client, Sink() as host:
        open_before = []
        for url in (host.base, "http://user@h/", "https://127.0.0.1:%d/" % host.port) * 20:
            client.tell(sending("a", url), "cancel\ta")
            assert client.is_quiet()
            open_before.append(client.descriptors())
        assert open_before[-1] == open_before[30], open_before
        client.tell(sending("a", "http://no-such-host.invalid/"), "cancel\ta")
        client.send("a", "http://no-such-host.invalid/")
        client.catch_up()
        client.tell("cancel\ta")
        client.catch_up()  # looking up the name may have ended before
        assert client.is_quiet()
        client.send("b", host.base, content="{}")
        with host.accept() as peer:
            peer.serve()
            answered(client, "b")


def rule_a_hop_can_be_taken_back_while_connecting():
    with Client() as client, Sink(backlog=0) as hole:
        fillers = fill_backlog(hole)
        client.send("a", hole.base)
        assert client.is_quiet()
        client.tell("cancel\ta")
        assert client.is_quiet()
        for filler in fillers:
            filler.close()


def rule_a_hop_can_be_taken_back_while_TLS_is_set_up():
    with Client() as client, Sink() as host:
        client.send("a", host.base.replace("http:", "https:"))
        with host.accept() as peer:
            assert peer.socket.recv(65536)
            client.tell("cancel\ta")
            assert client.is_quiet() and peer.is_closed()


def rule_a_hop_can_be_taken_back_once_written():
    for part in (b"", answer()[:10], answer()[:-1]):
        with Client() as client, Sink() as host:
            client.send("a", host.base, content="{}")
            with host.accept() as peer:
                peer.request()
                peer.send(part)
                assert client.is_quiet()
                client.tell("cancel\ta")
                assert client.is_quiet() and peer.is_closed()


def rule_a_hop_can_be_taken_back_over_TLS():
    def test(folder, ca):
        with Client(ca_file=ca) as client, Sink(context=sink.tls_context(folder, "host")) as host:
            client.send("a", host.base, content="{}")
            with host.accept() as peer:
                peer.request()
                client.tell("cancel\ta")
                assert client.is_quiet() and peer.is_closed()
    with_certificates(test)


def rule_a_hop_can_be_taken_back_while_it_waits():
    with Client(most=1) as client, Sink() as host:
        client.tell(sending("a", host.base, content="{}"), sending("b", host.base + "/b", content="{}"),
                    sending("c", host.base + "/c", content="{}"))
        with host.accept() as peer:
            peer.request()
            client.tell("cancel\tb")
            peer.send(answer())
            answered(client, "a")
            assert peer.serve().line == "POST /c HTTP/1.1"
            answered(client, "c")


def rule_taking_back_makes_room_for_what_waits():
    with Client(most=1) as client, Sink() as hung, Sink() as host:
        client.send("a", hung.base, content="{}")
        with hung.accept() as peer:
            peer.request()
            client.send("b", host.base, content="{}")
            client.tell("cancel\ta")
            with host.accept() as other:
                other.serve()
                answered(client, "b")


def rule_done_may_take_back_the_hop_that_has_just_got_the_connection():
    with Client(most=1) as client, Sink() as host:
        client.tell(sending("a", host.base, content="{}", cancels="b"), sending("b", host.base, content="{}"),
                    sending("c", host.base + "/c", content="{}"))
        with host.accept() as peer:
            peer.serve()
            answered(client, "a")
        with host.accept() as peer:
            assert peer.serve().line == "POST /c HTTP/1.1"
            answered(client, "c")


def rule_done_may_take_back_a_hop_that_is_about_to_fail():
    with Client() as client:
        client.tell(sending("a", "http://@/", cancels="b"), sending("b", "http://@/"), sending("c", "http://@/"))
        ended(client, "a", "unreachable")
        ended(client, "c", "unreachable")


def rule_what_is_under_way_at_the_end_is_taken_back():
    with Client(most=1) as client, Sink() as host:
        client.tell(*[sending(str(n), host.base, content="{}") for n in range(20)])
        peer = host.accept()
        peer.request()
        assert client.is_quiet()


raw.run_tests(sys.modules[__name__])
