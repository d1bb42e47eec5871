#!/usr/bin/env python3
"""The HTTP front and mapping over raw sockets. Each rule_ function is one test."""

import json
import resource
import socket
import sys
import threading
import time

import raw
from raw import Server, chunked, get, post, refused

# ---- framing ----


def rule_pipelined_POSTs_with_bodies_in_one_segment_are_answered_in_order():
    bodies = ['{"n":%d,"pad":"%s"}' % (n, "x" * (n * 7 % 300)) for n in range(200)]
    with Server() as server, server.connect() as client:
        client.send(b"".join(post(body, "X-M2M-RI: r%d" % n) for n, body in enumerate(bodies)))
        for n, body in enumerate(bodies):
            response = client.response()
            assert response.json()["content"] == body
            assert response["X-M2M-RI"] == "r%d" % n


def rule_requests_behind_a_pending_answer_wait_for_it():
    with Server() as server, server.connect() as client:
        client.send(get("/wait/60", "X-M2M-RI: a") + get("/wait/20", "X-M2M-RI: b") + get("/echo", "X-M2M-RI: c"))
        client.send(get("/wait/1", "X-M2M-RI: d") + post("{}", "X-M2M-RI: e"))
        assert [client.response()["X-M2M-RI"] for _ in range(5)] == list("abcde")


def rule_pipelining_more_than_is_buffered_behind_a_pending_answer_loses_nothing():
    bodies = ["%05d" % n + "y" * 3000 for n in range(40)]
    with Server() as server, server.connect() as client:
        data = get("/wait/100") + b"".join(post(body) for body in bodies)
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        assert client.response().status == 200
        for body in bodies:
            assert client.response().json()["content"] == body
        sender.join()


def rule_chunked_body_is_put_together():
    with Server() as server, server.connect() as client:
        response = client.ask(chunked(b'{"a"', b":", b"[1,2,3]}", trailer=b"X-Check: 1\r\nY: 2\r\n"))
        assert response.json()["content"] == '{"a":[1,2,3]}'
        assert client.ask(get("/echo")).status == 200


def rule_chunked_body_may_arrive_in_any_two_pieces():
    data = chunked(b'{"a"', b':1,"b":2}', trailer=b"T: x\r\n")
    with Server() as server, server.connect() as client:
        for cut in range(1, len(data)):
            client.send(data[:cut])
            time.sleep(0.0005)
            assert client.ask(data[cut:]).json()["content"] == '{"a":1,"b":2}', cut


def rule_chunked_body_of_single_bytes_sent_one_at_a_time():
    with Server() as server, server.connect() as client:
        client.send_bytewise(chunked(*[b"%c" % c for c in b'{"abc":"defg"}']))
        assert client.response().json()["content"] == '{"abc":"defg"}'


def rule_pipelined_chunked_bodies_in_one_segment():
    with Server() as server, server.connect() as client:
        client.send(b"".join(chunked(b"%d" % n, b"-tail") for n in range(50)))
        for n in range(50):
            assert client.response().json()["content"] == "%d-tail" % n


def rule_chunk_extensions_are_ignored():
    head = get("/echo", "Content-Type: application/json", "Transfer-Encoding: Chunked", method="POST")
    with Server() as server, server.connect() as client:
        data = head + b'2;a=b;c="d e"\r\n{}\r\n0;last\r\n\r\n'
        assert client.ask(data).json()["content"] == "{}"


def rule_malformed_chunks_are_refused():
    head = get("/echo", "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST")
    bad = [
        b"g\r\n", b"\r\n", b"-1\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"2\n{}\r\n0\r\n\r\n", b"2\r\n{}0\r\n\r\n",
        b"2\r\n{}xx0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n", b"1234567890abc\r\n", b"ffffffffffffffff1\r\n",
        b"2;" + b"e" * 2000 + b"\r\n{}\r\n", b"2\r\n{}\r\n0\r\n" + b"T: " + b"t" * 9000, b"2\r\n{}\r\n0\r\n bad: 1\r\n\r\n",
        b"2 \x01\r\n{}\r\n0\r\n\r\n",
    ]
    with Server() as server:
        for body in bad:
            with server.connect() as client:
                refused(client, head + body, 400)


def rule_chunked_body_over_the_limit_is_413():
    head = get("/echo", "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST")
    with Server(max_body=1000) as server:
        with server.connect() as client:
            refused(client, head + b"3e9\r\n", 413)
        with server.connect() as client:
            refused(client, head + b"3e8\r\n" + b"x" * 1000 + b"\r\n1\r\n", 413)
        with server.connect() as client:
            response = client.ask(head + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n")
            assert len(response.json()["content"]) == 1000


def rule_body_of_mostly_framing_is_refused():
    head = get("/echo", "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST")
    chunk = b"1;" + b"e" * 900 + b"\r\nx\r\n"
    with Server(max_body=100000) as server, server.connect() as client:
        client.send(head)
        try:
            for _ in range(100):
                client.send(chunk * 20)
        except OSError:
            pass
        assert client.response().status == 400


def rule_expect_100_continue_is_answered_before_the_body():
    head = get("/echo", "Content-Type: application/json", "Content-Length: 2", "Expect: 100-continue", method="POST")
    with Server() as server, server.connect() as client:
        assert client.ask(head).status == 100
        assert client.ask(b"{}").json()["content"] == "{}"
        assert client.ask(head + b"{}").status == 200  # the body is there: no need


def rule_expect_is_answered_413_if_the_body_is_too_large():
    head = get("/echo", "Content-Length: 1001", "Expect: 100-continue", method="POST")
    with Server(max_body=1000) as server, server.connect() as client:
        refused(client, head, 413)


def rule_other_expectations_are_417():
    with Server() as server, server.connect() as client:
        refused(client, get("/echo", "Expect: miracles"), 417)


def rule_two_content_lengths_are_refused():
    with Server() as server:
        for second in ("2", "3"):
            with server.connect() as client:
                refused(client, get("/echo", "Content-Length: 2", "Content-Length: " + second, method="POST") + b"{}", 400)


def rule_wrong_content_lengths_are_refused():
    with Server() as server:
        for length in ("-1", "+2", "abc", "", "2 2", "2,2", "0x2", "18446744073709551616", "9" * 40, "2.0", "2;"):
            with server.connect() as client:
                refused(client, get("/echo", "Content-Length: " + length, method="POST") + b"{}", 400)


def rule_huge_content_length_is_413():
    with Server() as server, server.connect() as client:
        refused(client, get("/echo", "Content-Length: 9223372036854775807", method="POST") + b"{}", 413)


def rule_transfer_encoding_with_content_length_is_400():
    with Server() as server:
        for lines in (("Content-Length: 2", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 2")):
            with server.connect() as client:
                refused(client, get("/echo", *lines, method="POST") + b"2\r\n{}\r\n0\r\n\r\n", 400)


def rule_other_transfer_encodings_are_refused():
    with Server() as server:
        for coding in ("gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "xchunked", "identity", "chunkedfoo"):
            with server.connect() as client:
                response = client.ask(get("/echo", "Transfer-Encoding: " + coding, method="POST") + b"0\r\n\r\n")
                assert response.status in (400, 501), (coding, response.status)
                assert client.is_closed()
        with server.connect() as client:
            refused(client, get("/echo", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", method="POST"), 400)
        with server.connect() as client:
            refused(client, get("/echo", "Transfer-Encoding: chunked", method="POST", version="1.0"), 400)


# ---- heads ----


def rule_repeated_host_is_refused():
    with Server() as server, server.connect() as client:
        refused(client, get("/echo", "Host: other"), 400)


def rule_missing_host_is_refused_in_1_1_only():
    with Server() as server:
        with server.connect() as client:
            refused(client, get("/echo", host=None), 400)
        with server.connect() as client:
            assert client.ask(get("/echo", host=None, version="1.0")).status == 200


def rule_malformed_host_is_refused():
    with Server() as server:
        for host in ("a/b", "user@h", "a b", "h,h"):
            with server.connect() as client:
                refused(client, get("/echo", host=host), 400)


def rule_folded_header_fields_are_refused():
    folded = ("X-Any: a\r\n b", "X-Any: a\r\n\tb", "X-Any:\r\n b", "X-Any: a\r\n \r\n b", "X-Any: a\r\n ", "Content-Length:\r\n 0")
    with Server() as server:
        for line in folded:
            with server.connect() as client:
                refused(client, get("/echo", line), 400)
            with server.connect() as client:  # the pieces arrive apart
                data = get("/echo", line)
                cut = data.index(b"\r\n ") + 2 if b"\r\n " in data else data.index(b"\r\n\t") + 2
                client.send(data[:cut])
                time.sleep(0.002)
                refused(client, data[cut:], 400)


def rule_blank_before_the_colon_is_refused():
    with Server() as server:
        for line in ("Content-Length : 2", "X-Any : 1", " X-Any: 1", "X Any: 1"):
            with server.connect() as client:
                refused(client, get("/echo", line), 400)


def rule_control_bytes_in_a_head_are_refused():
    with Server() as server:
        for line in ("X-Any: a\x00b", "X-Any: a\x01b", "X\x7fAny: a", "X-Any: a\rb"):
            with server.connect() as client:
                refused(client, get("/echo", line), 400)


def rule_one_empty_line_before_a_request_is_skipped():
    with Server() as server, server.connect() as client:
        assert client.ask(b"\r\n" + get("/echo")).status == 200
        assert client.ask(b"\r\n" + post("{}")).json()["content"] == "{}"
        refused(client, b"\r\n\r\n" + get("/echo"), 400)


def rule_empty_lines_for_ever_are_refused():
    with Server(max_headers=1000) as server, server.connect() as client:
        client.send(b"\r\n" * 600)
        assert client.response().status == 414
        assert client.is_closed()


def rule_header_names_are_read_in_any_case():
    with Server() as server, server.connect() as client:
        response = client.ask(get("/echo", "x-m2m-ri: 7", "X-m2m-oRIGIN:Cme  ", "X-M2M-RVI:\t3"))
        assert response["X-M2M-RI"] == "7" and response["X-M2M-RVI"] == "3"
        assert response.json()["from"] == "Cme"


def rule_repeated_primitive_headers_are_refused_but_the_connection_lives():
    with Server() as server, server.connect() as client:
        for line in ("X-M2M-Origin: C1", "X-M2M-RI: 1", "X-M2M-RVI: 3", "X-M2M-OT: 20200101T000000", "X-M2M-RTU: http://a/"):
            response = client.ask(get("/echo", line, line))
            assert response.status == 400 and "twice" in response.why()
        assert client.ask(post("{}", "Content-Type: application/json")).status == 400


def rule_repeated_other_headers_are_fine():
    with Server() as server, server.connect() as client:
        lines = ["Cookie: a"] * 60 + ["Accept: text/html", "Accept: application/json"]
        assert client.ask(get("/echo", *lines)).status == 200


def rule_head_may_arrive_cut_at_any_byte():
    data = post('{"a":1}', "X-M2M-RI: cut", "X-M2M-Origin: Cme", "X-Unknown: y", path="/echo/a%20b?rcn=1&lbl=x")
    with Server() as server, server.connect() as client:
        for cut in range(1, len(data)):
            client.send(data[:cut])
            time.sleep(0.0005)
            echo = client.ask(data[cut:]).json()
            assert echo["content"] == '{"a":1}' and echo["from"] == "Cme" and echo["to"] == "echo/a b", cut
            assert echo["requestIdentifier"] == "cut" and echo["resultContent"] == "1", cut


def rule_request_may_arrive_one_byte_at_a_time():
    with Server() as server, server.connect() as client:
        client.send_bytewise(post('{"a":1}', "X-M2M-RI: cut") + post('{"b":1}'))
        assert client.response().json()["content"] == '{"a":1}'
        assert client.response().json()["content"] == '{"b":1}'


def rule_long_request_line_is_414():
    with Server(max_headers=1000) as server:
        with server.connect() as client:
            refused(client, get("/" + "a" * 1000), 414)
        with server.connect() as client:
            client.send(b"GET /" + b"a" * 500)
            time.sleep(0.005)
            refused(client, b"a" * 500, 414)
        with server.connect() as client:
            assert client.ask(get("/echo/" + "a" * 900)).status == 200


def rule_large_head_is_431():
    with Server(max_headers=1000) as server:
        with server.connect() as client:
            refused(client, get("/echo", "X-Any: " + "a" * 1000), 431)
        with server.connect() as client:
            refused(client, get("/echo", *["X-%d: b" % n for n in range(200)]), 431)
        with server.connect() as client:
            refused(client, get("/echo", "N" * 1000 + ": b"), 431)
    with Server(max_headers=200000) as server, server.connect() as client:
        assert client.ask(get("/echo", *["X-%d: %s" % (n, "b" * 1000) for n in range(150)])).status == 200
        refused(client, get("/echo", *["Accept: */*"] * 60), 431)


def rule_early_413_is_read_by_a_client_that_goes_on_sending():
    with Server(max_body=1000) as server, server.connect() as client:
        client.send(get("/echo", "Content-Length: 3000000", "X-M2M-RI: big", method="POST"))
        try:
            for _ in range(30):
                client.send(b"x" * 100000)
        except OSError:
            pass
        response = client.response()
        assert response.status == 413 and response["X-M2M-RI"] == "big"


def rule_versions_other_than_1_are_refused():
    with Server() as server:
        for version, status in (("2.0", 505), ("0.9", 505), ("1", 400), ("x", 400)):
            with server.connect() as client:
                response = client.ask(get("/echo", version=version))
                assert response.status == status, (version, response.status)
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"hello\r\n\r\n", b"GET\r\n\r\n", b"{}{}{}\r\n\r\n"):
            with server.connect() as client:
                refused(client, garbage + b"\r\n\r\n", 400)
        with server.connect() as client:
            assert client.ask(b"GET /echo\r\n\r\n").status in (400, 505)


# ---- connections ----


def rule_http_1_0_closes_unless_asked():
    with Server() as server:
        with server.connect() as client:
            response = client.ask(get("/echo", version="1.0"))
            assert response.status == 200 and response["Connection"] == "close" and client.is_closed()
        with server.connect() as client:
            response = client.ask(get("/echo", "Connection: keep-alive", version="1.0"))
            assert response["Connection"] == "keep-alive"
            assert client.ask(get("/echo", "Connection: keep-alive", version="1.0")).status == 200


def rule_connection_close_closes_after_the_answer():
    with Server() as server, server.connect() as client:
        response = client.ask(get("/wait/5", "Connection: close") + get("/echo"))
        assert response.status == 200 and response["Connection"] == "close"
        assert client.is_closed()


def rule_half_closed_client_still_gets_its_answers():
    with Server() as server, server.connect() as client:
        client.send(get("/wait/30") + get("/echo") + get("/wait/5"))
        client.socket.shutdown(socket.SHUT_WR)
        for _ in range(3):
            assert client.response().status == 200
        assert client.is_closed()


def rule_client_that_leaves_while_its_request_is_pending_harms_nobody():
    with Server() as server:
        for _ in range(20):
            with server.connect() as client:
                client.send(get("/wait/30") + get("/echo"))
        with server.connect() as client:
            client.send(get("/wait/30"))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
        with server.connect() as client:
            assert client.ask(get("/wait/60")).status == 200


def rule_slow_header_is_408():
    with Server(header_timeout_ms=150) as server, server.connect() as client:
        client.send(b"GET /echo HTTP/1.1\r\nHost: h\r\nX-Any: ")
        try:
            for _ in range(30):  # bytes keep coming, the deadline stays
                client.send(b"a")
                time.sleep(0.02)
        except OSError:
            pass
        response = client.response()
        assert response.status == 408 and response["X-M2M-RSC"] == "4008"


def rule_slow_body_is_408():
    with Server(body_timeout_ms=150) as server, server.connect() as client:
        client.send(get("/echo", "Content-Length: 1000", method="POST"))
        try:
            for _ in range(30):
                client.send(b"a")
                time.sleep(0.02)
        except OSError:
            pass
        assert client.response().status == 408


def rule_idle_connection_is_closed():
    with Server(idle_timeout_ms=100) as server:
        with server.connect() as client:
            assert client.is_closed()
        with server.connect() as client:
            assert client.ask(get("/echo")).status == 200
            assert client.is_closed()


def rule_pending_request_outlives_the_idle_timeout():
    with Server(idle_timeout_ms=60, header_timeout_ms=60, body_timeout_ms=60) as server, server.connect() as client:
        assert client.send_bytewise(get("/wait/300")).response().status == 200


def rule_large_answer_reaches_a_slow_reader():
    with Server() as server, server.connect() as client:
        client.send(get("/size/20000000") + get("/echo"))
        time.sleep(0.1)
        assert len(client.response().body) == 20000000
        assert client.response().status == 200


def rule_peer_that_does_not_read_its_answer_is_dropped():
    with Server(body_timeout_ms=200) as server, server.connect() as client:
        client.send(get("/size/20000000") * 3)
        time.sleep(0.8)
        got = 0
        try:
            while True:
                data = client.socket.recv(1 << 20)
                if not data:
                    break
                got += len(data)
        except ConnectionResetError:
            pass
        assert got < 20000000


def rule_beyond_max_connections_a_client_is_turned_away_with_503():
    with Server(max_connections=3) as server:
        clients = [server.connect() for _ in range(3)]
        assert all(client.ask(get("/echo")).status == 200 for client in clients)
        with server.connect() as client:
            response = client.response()
            assert response.status == 503 and response["Connection"] == "close" and client.is_closed()
        clients.pop().socket.close()
        for _ in range(200):
            with server.connect() as client:
                if client.ask(get("/echo")).status == 200:
                    break
            time.sleep(0.01)
        else:
            raise AssertionError("no room after a client left")
        for client in clients:
            client.socket.close()


def rule_without_descriptors_new_clients_wait_and_nothing_spins():
    with Server(descriptors=24) as server:
        clients = [server.connect().send(get("/echo")) for _ in range(40)]
        assert clients[0].response().status == 200
        before = server.cpu_seconds()
        time.sleep(0.5)
        assert server.cpu_seconds() - before < 0.2
        for client in clients[1:]:  # each one that leaves makes room
            assert client.response().status == 200
            client.socket.close()
        clients[0].socket.close()


def rule_requests_beyond_the_limit_of_the_CSE_are_503():
    with Server() as server, server.connect() as client:
        client.ask(get("/busy"))
        response = client.ask(get("/echo", "X-M2M-RI: 1"))
        assert response.status == 503 and response["Retry-After"] == "1" and response["X-M2M-RI"] == "1"
        assert client.ask(get("/echo")).status == 503


def idle_connections():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return min(10000, limit - 200)


def memory_kb(server):
    with open("/proc/%d/status" % server.process.pid) as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def rule_ten_thousand_idle_connections_are_cheap():
    count = idle_connections()
    with Server() as server:
        before = memory_kb(server)
        clients = []
        for _ in range(count):
            clients.append(socket.create_connection(server.where, raw.PATIENCE))
        with server.connect() as client:
            for _ in range(100):
                assert client.ask(post("{}")).status == 200
            for n in range(0, count, 97):  # each of them is alive
                clients[n].sendall(get("/echo"))
                assert clients[n].recv(4096).startswith(b"HTTP/1.1 200")
            after = memory_kb(server)
        for other in clients:
            other.close()
        with server.connect() as client:
            assert client.ask(get("/echo")).status == 200
    note = "" if count == 10000 else " # only %d: the hard limit on descriptors" % count
    per_connection = (after - before) * 1024 // count
    print("# %d bytes for each connection" % per_connection)
    assert per_connection < (20000 if raw.is_sanitized() else 1500)
    return note


def rule_drain_ends_idle_connections_and_answers_pending_ones():
    with Server(drain_timeout_ms=20000) as server:
        idle, busy = server.connect(), server.connect()
        assert idle.ask(get("/echo")).status == 200
        busy.send(get("/wait/200"))
        time.sleep(0.05)
        server.process.terminate()
        assert idle.is_closed()
        try:
            server.connect()
            raise AssertionError("still accepts")
        except ConnectionRefusedError:
            pass
        response = busy.response()
        assert response.status == 200 and response["Connection"] == "close"
        assert busy.is_closed()
        server.process.wait(raw.PATIENCE)
        idle.socket.close()
        busy.socket.close()


def rule_drain_does_not_wait_for_ever():
    with Server(drain_timeout_ms=100) as server:
        slow = server.connect().send(b"GET /echo HTTP/1.1\r\nHo")
        stuck = server.connect().send(get("/wait/400"))
        time.sleep(0.05)
        server.process.terminate()
        assert slow.is_closed() and stuck.is_closed()
        slow.socket.close()
        stuck.socket.close()


# ---- methods ----


def rule_POST_is_CREATE_exactly_if_content_type_has_a_type():
    cases = {
        "application/json;ty=4": ("1", "4"),
        "application/json; ty=3": ("1", "3"),
        "Application/JSON ; TY=3": ("1", "3"),
        'application/json;charset=UTF-8; ty="3"': ("1", "3"),
        "ty=3": None,
        "application/vnd.onem2m-res+json;ty=2": ("1", "2"),
        "application/vnd.onem2m-res+json ;\tty=28 ;charset=utf-8": ("1", "28"),
        "application/json": ("5", None),
        "application/json;": ("5", None),
        "application/vnd.onem2m-ntfy+json": ("5", None),
        "application/vnd.onem2m-prsp+json": ("5", None),
    }
    with Server() as server, server.connect() as client:
        for content_type, expected in cases.items():
            response = client.ask(post("{}", content_type=content_type))
            if not expected:
                assert response.status == 415, content_type
                continue
            echo = response.json()
            assert (echo["operation"], echo.get("resourceType")) == expected, content_type


def rule_methods_are_operations():
    with Server() as server, server.connect() as client:
        assert client.ask(get("/echo")).json()["operation"] == "2"
        assert client.ask(post("{}", method="PUT")).json()["operation"] == "3"
        assert client.ask(get("/echo", method="DELETE")).json()["operation"] == "4"


def rule_HEAD_is_GET_without_a_body():
    with Server() as server, server.connect() as client:
        full = client.ask(get("/echo"))
        head = client.ask(get("/echo", method="HEAD"), to_head=True)
        assert head.status == 200 and head["Content-Length"] == full["Content-Length"]
        assert client.ask(get("/echo")).status == 200


def rule_OPTIONS_names_the_methods():
    with Server() as server, server.connect() as client:
        for path in ("/echo", "*"):
            response = client.ask(get(path, "X-M2M-RI: o", method="OPTIONS"))
            assert response.status == 200 and response["X-M2M-RSC"] == "2000" and response["X-M2M-RI"] == "o"
            assert response["Allow"] == "GET, HEAD, POST, PUT, DELETE, OPTIONS"
            assert response["Access-Control-Allow-Origin"] is None


def rule_other_methods_are_405_with_Allow():
    with Server() as server, server.connect() as client:
        for method in ("PATCH", "TRACE", "MKCOL", "PROPFIND", "LOCK"):
            response = client.ask(get("/echo", method=method))
            assert response.status == 405 and response["X-M2M-RSC"] == "4005" and "PUT" in response["Allow"]
        for method in ("BREW", "get", "XGET"):
            with server.connect() as other:
                response = other.ask(get("/echo", method=method))
                assert response.status == (400 if method == "get" else 405), method


# ---- media types ----


def rule_content_types_that_are_not_understood_are_4015():
    types = ("text/plain", "text/xml", "application/yaml", "application/vnd.onem2m-res+yaml;ty=3", "application/vnd.onem2m-res;ty=3",
             "application/vnd.onem2m-preq+json;ty=3", "application/vnd.onem2m-ntfy+xml;ty=3", "application/vnd.onem2m-prsp+cbor;ty=3",
             "application/xml; charset=utf-16", "application/soap+xml", "application/cbor-seq",
             "application/json; charset=latin1", "application/json;ty=", "application/json;ty=3;ty=4", "json", "application/",
             "application/json ty=3", "application/json;ty")
    with Server() as server, server.connect() as client:
        for content_type in types:
            response = client.ask(post("{}", content_type=content_type))
            assert (response.status, response["X-M2M-RSC"]) == (415, "4015"), content_type
        response = client.ask(get("/echo", "Content-Length: 2", method="POST") + b"{}")
        assert response["X-M2M-RSC"] == "4015"


def rule_media_type_without_content_does_not_matter_but_a_resource_type_does():
    with Server() as server, server.connect() as client:
        echo = client.ask(get("/echo", "Content-Type: text/plain")).json()
        assert "resourceType" not in echo and "content" not in echo
        echo = client.ask(get("/echo", "Content-Type: text/plain;ty=4")).json()
        assert echo["resourceType"] == "4" and "content" not in echo
        assert client.ask(get("/echo", "Content-Type: application/json", method="DELETE")).status == 200


def rule_accept_decides_the_type_of_the_answer():
    plain, vendor = "application/json", "application/vnd.onem2m-res+json"
    cases = {
        None: plain, "": plain, "*/*": plain, "application/*": plain, vendor: vendor,
        vendor + ", " + plain: plain, vendor + ", " + plain + ";q=0.5": vendor,
        plain + ";q=0.1, " + vendor + ";q=0.2": vendor, "text/html, */*;q=0.1": plain,
        "application/json;q=0, */*": vendor, "APPLICATION/JSON": plain, "*/*;q=0.5, " + vendor + ";q=0.4": plain,
        "text/xml;q=1.0, application/vnd.onem2m-res+json;q=0.001": vendor, ", ,application/json": plain,
        "application/cbor": "application/cbor", "application/cbor, */*;q=0.1": "application/cbor",
        "application/json;q=0.5, application/cbor;q=0.501": "application/cbor", "application/cbor, application/json": plain,
        "application/vnd.onem2m-res+cbor": "application/vnd.onem2m-res+cbor",
        "application/json;q=0.1, application/vnd.onem2m-res+cbor;q=0.1, application/cbor;q=0.1": plain,
    }
    with Server() as server, server.connect() as client:
        for accept, expected in cases.items():
            response = client.ask(get("/echo", *([] if accept is None else ["Accept: " + accept])))
            assert response.status == 200 and response["Content-Type"] == expected, (accept, response.fields)
        response = client.ask(post("{}", content_type="application/vnd.onem2m-res+json;ty=3"))
        assert response["Content-Type"] == vendor
        response = client.ask(post("{}", "Accept: */*", content_type="application/vnd.onem2m-res+json;ty=3"))
        assert response["Content-Type"] == vendor
        response = client.ask(post("{}", "Accept: application/json", content_type="application/vnd.onem2m-res+json;ty=3"))
        assert response["Content-Type"] == plain


def rule_accept_that_takes_nothing_served_is_5207():
    accepts = ("text/html", "application/json;q=0", "*/*;q=0", "application/*;q=0", "application/json;q=2",
               "application/cbor;q=0.0, text/*", "application/vnd.onem2m-ntfy+json", "text/xml, application/yaml")
    with Server() as server, server.connect() as client:
        for accept in accepts:
            response = client.ask(get("/echo", "Accept: " + accept))
            assert (response.status, response["X-M2M-RSC"]) == (406, "5207"), accept
            assert response["Content-Type"] == "application/json" and response.why()


XMLNS = 'xmlns:m2m="http://www.onem2m.org/xml/protocols"'
AS_XML = ("<m2m:cnt %s rn=\"c\"><lbl>a b</lbl><mni>7</mni></m2m:cnt>" % XMLNS).encode()
AS_CBOR = b"\xa1gm2m:cnt\xa3brnacclbl\x82aaabcmni\x07"
AS_JSON = {"m2m:cnt": {"rn": "c", "lbl": ["a", "b"], "mni": 7}}
EACH = {"xml": AS_XML, "cbor": AS_CBOR, "json": json.dumps(AS_JSON).encode()}


def rule_contents_of_each_serialization_become_the_same():
    with Server() as server, server.connect() as client:
        for name, body in EACH.items():
            for kind in ("application/%s", "application/vnd.onem2m-res+%s", "Application/%s; charset=utf-8"):
                for ty in ("", ";ty=3", " ; TY=\"3\""):
                    content_type = kind % name + ty
                    response = client.ask(post(body, "Accept: application/json", path="/back", content_type=content_type))
                    assert (response.status, response.json()) == (200, AS_JSON), (content_type, response.body)
        for kind in ("ntfy", "preq", "prsp"):
            for name, body in EACH.items():
                content_type = "application/vnd.onem2m-%s+%s" % (kind, name)
                response = client.ask(post(body, "Accept: application/json", path="/back", content_type=content_type))
                assert response.json() == AS_JSON, content_type


def rule_an_answer_is_like_the_request_unless_Accept_says_more():
    with Server() as server, server.connect() as client:
        for name, body in EACH.items():
            for kind in ("application/", "application/vnd.onem2m-res+"):
                for lines in ([], ["Accept: */*"], ["Accept: application/*;q=0.2"], ["Accept:"], ["Accept: text/html, */*;q=0.1"]):
                    response = client.ask(post(body, *lines, path="/back", content_type=kind + name))
                    assert response["Content-Type"] == kind + name, (kind, name, lines)
                    assert (response.json() == AS_JSON) if name == "json" else b"m2m:cnt" in response.body, response.body
                response = client.ask(post(body, path="/rsc/4004", content_type=kind + name))
                assert response.status == 404 and response["Content-Type"] == kind + name
                response = client.ask(post(body, "Accept: text/html", path="/back", content_type=kind + name))
                assert response.status == 406 and response["Content-Type"] == kind + name, response.fields
            for accept in EACH:
                response = client.ask(post(body, "Accept: application/" + accept, path="/back", content_type="application/" + name))
                assert response["Content-Type"] == "application/" + accept
                assert int(response["Content-Length"]) == len(response.body)
        response = client.ask(post(AS_CBOR, path="/back", content_type="application/vnd.onem2m-ntfy+cbor"))
        assert (response["Content-Type"], response.body) == ("application/vnd.onem2m-res+cbor", AS_CBOR)
        response = client.ask(get("/rsc/4004", "Content-Type: application/cbor"))
        assert (response["Content-Type"], response.body) == ("application/cbor", b"\xa1gm2m:dbgsrefused on \"demand\"")


def rule_refusals_that_core_has_no_part_in_are_like_the_request_too():
    with Server(max_body=100) as server:
        for name in EACH:
            with server.connect() as client:
                response = client.ask(post(b" " * 101, content_type="application/%s;ty=3" % name))
                assert (response.status, response["Content-Type"]) == (413, "application/" + name)
                assert b"m2m:dbg" in response.body
            with server.connect() as client:
                response = client.ask(get("/echo", "Accept: application/" + name, method="PATCH"))
                assert (response.status, response["Content-Type"]) == (405, "application/" + name)


def rule_an_answer_that_the_serialization_cannot_carry_is_5207():
    with Server() as server, server.connect() as client:
        response = client.ask(post('{"m2m:cin":{"con":1e400}}', "Accept: application/cbor", path="/back"))
        assert (response.status, response["X-M2M-RSC"], response["Content-Type"]) == (406, "5207", "application/cbor")
        assert b"m2m:dbg" in response.body and b"1e400" in response.body, response.body
        response = client.ask(post('{"m2m:cin":{"con":"\\u0000"}}', "Accept: application/xml", path="/back"))
        assert (response.status, response["X-M2M-RSC"]) == (406, "5207") and b"<m2m:dbg" in response.body, response.body
        response = client.ask(get("/echo", "Accept: application/xml"))  # the echo is no content of the standard
        assert (response.status, response["X-M2M-RSC"]) == (406, "5207")
        response = client.ask(get("/etag/a", "Accept: application/xml"))
        assert response.status == 406 and response["ETag"] is None
        response = client.ask(get("/etag/a", "Accept: application/xml", 'If-None-Match: "a"'))
        assert (response.status, response.body, response["Content-Type"]) == (304, b"", None)


def rule_HEAD_has_the_length_of_the_serialization():
    with Server() as server, server.connect() as client:
        head = client.ask(get("/etag/t", "Accept: application/cbor", method="HEAD"), to_head=True)
        full = client.ask(get("/etag/t", "Accept: application/cbor"))
        assert full["Content-Type"] == "application/cbor" and full.body[0] & 0xE0 == 0xA0
        assert (head["Content-Length"], head["ETag"]) == (full["Content-Length"], '"t"')
        assert full["Content-Length"] == str(len(full.body))


def rule_malformed_contents_are_4000_with_the_place():
    bodies = {
        "xml": (b"<", b"<m2m:cnt", b"<a/>", AS_XML[:-1], AS_XML + b"<x/>", AS_XML.replace(b"protocols", b"other"),
                AS_XML.replace(b"m2m:cnt", b"cnt"), AS_XML.replace(b"m2m:cnt", b"m2m:nosuch"), b'{"m2m:cnt":{}}', AS_CBOR,
                AS_XML.decode().encode("utf-16"), b"<?xml version='1.0' encoding='latin1'?>" + AS_XML,
                AS_XML.replace(b"a b", b"\xff"), AS_XML.replace(b"a b", b"a\0b"), AS_XML.replace(b"a b", b"&nbsp;")),
        "cbor": (b"\xff", b"\xa1", AS_CBOR[:-1], AS_CBOR + b"\0", b"\x1c", b"\xc1" + AS_CBOR, b"\xf7", AS_XML,
                 AS_CBOR.replace(b"aa", b"a\xff"), AS_CBOR[:-1] + b"\xf9\x7e\x00", b'{"m2m:cnt":{}}',
                 b"\xa2gm2m:cnt\xa0gm2m:cnt\xa0", b"\xa1\x07\xa0"),
    }
    with Server() as server, server.connect() as client:
        for name, cases in bodies.items():
            for body in cases:
                response = client.ask(post(body, path="/back", content_type="application/%s;ty=3" % name))
                assert (response.status, response["X-M2M-RSC"]) == (400, "4000"), (name, body)
                assert response["Content-Type"] == "application/" + name and b"at byte" in response.body, response.body


def rule_tricks_with_entities_are_refused_at_once():
    lol = b'<!DOCTYPE l [<!ENTITY a "lol">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)) + b"]>"
    with open("/etc/hostname", "rb") as secret:
        secret = secret.read().strip() or b"?"
    documents = (
        lol + AS_XML.replace(b"a b", b"&j;"),
        b'<!DOCTYPE l [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + AS_XML.replace(b"a b", b"&e;"),
        b'<!DOCTYPE l [<!ENTITY % e SYSTEM "http://127.0.0.1:1/x"> %e;]>' + AS_XML,
        b'<!DOCTYPE l SYSTEM "file:///dev/zero">' + AS_XML,
        b'<?xml-stylesheet href="http://127.0.0.1:1/"?><!DOCTYPE l>' + AS_XML,
        AS_XML.replace(b" rn=", b" " + b" ".join(b'a%d="x"' % i for i in range(5000)) + b" rn="),
    )
    with Server() as server, server.connect() as client:
        before = server.cpu_seconds()
        for body in documents:
            response = client.ask(post(body, path="/back", content_type="application/xml"))
            assert response["X-M2M-RSC"] == "4000" and secret not in response.body, body[:80]
        assert server.cpu_seconds() - before < 2


def rule_contents_beyond_the_limits_are_4000():
    deep = b"<a>" * 13 + b"x" + b"</a>" * 13
    many = b"<a/>" * 101
    xml = (b"<m2m:cin %s><con>%s</con></m2m:cin>" % (XMLNS.encode(), con) for con in (deep, many))
    cbor = (b"\xa1gm2m:cin\xa1ccon" + con for con in (
        b"\x81" * 13 + b"\0", b"\x9f" * 13 + b"\0" + b"\xff" * 13, b"\x98\x65" + b"\0" * 101, b"\x9f" + b"\0" * 101 + b"\xff",
        b"\x9b" + b"\xff" * 8, b"\xbb" + b"\xff" * 8, b"\x7b" + b"\xff" * 8, b"\x9a\x7f\xff\xff\xff"))
    with Server() as server, server.connect() as client:
        for name, bodies in (("xml", xml), ("cbor", cbor)):
            for body in bodies:
                response = client.ask(post(body, path="/back", content_type="application/" + name))
                assert response["X-M2M-RSC"] == "4000", (name, body[:80])
        body = b"<m2m:cin %s><con>%s</con></m2m:cin>" % (XMLNS.encode(), b"x" * 90000)
        response = client.ask(post(body, path="/back", content_type="application/xml"))
        assert response.status == 200 and len(response.body) > 90000


# ---- target ----


def rule_paths_are_read_raw():
    cases = {
        "/cse-in": "cse-in", "/cse-in/ae/cnt": "cse-in/ae/cnt", "/-/a": "-/a", "/~/id-in/cse-in": "/id-in/cse-in",
        "/_/sp.example/id-in/x": "//sp.example/id-in/x", "/a/./b": "a/./b", "/a/../b": "a/../b", "/..": "..",
        "/%2e%2e/x": "../x", "/a%20b": "a b", "/%61%62": "ab", "/a%2520b": "a%20b", "/a;b=c": "a;b=c", "/a+b": "a+b",
        "/%7E/id-in/x": "/id-in/x", "/~x/y": "~x/y", "/a/~/b": "a/~/b", "/%C3%A4": "\u00e4", "/a:b@c": "a:b@c",
        "http://other.example:99/cse-in/x": "cse-in/x", "/_x": "_x",
    }
    with Server() as server, server.connect() as client:
        for path, to in cases.items():
            response = client.ask(get(path))
            assert response.status == 200, (path, response.body)
            assert response.json()["to"] == to, path


def rule_paths_that_name_nothing_are_refused():
    paths = ("/", "//", "/a//b", "//a", "/a/", "/a%2Fb", "/a%2fb", "/%00", "/a%0Ab", "/a%7F", "/%", "/%4", "/%zz", "/a%", "/~/",
             "/~", "/%ff", "/a%c3", "/a#b", "/~//x")
    with Server() as server, server.connect() as client:
        for path in paths:
            response = client.ask(get(path, "X-M2M-RI: p"))
            if path == "/~":
                assert response.json()["to"] == "~"
                continue
            assert (response.status, response["X-M2M-RSC"]) == (400, "4000"), (path, response.status, response.body)
            assert response["X-M2M-RI"] == "p" and response.why()
        response = client.ask("GET /\u00e4 HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert response.status == 400


def rule_root_is_stripped_and_the_rest_is_404():
    with Server(root="/m2m") as server, server.connect() as client:
        assert client.ask(get("/m2m/cse-in/x")).json()["to"] == "cse-in/x"
        assert client.ask(get("/m2m/~/id-in/x")).json()["to"] == "/id-in/x"
        for path in ("/cse-in", "/m2mx/a", "/m2m", "/", "/M2M/a"):
            response = client.ask(get(path))
            assert (response.status, response["X-M2M-RSC"]) == (404, "4004"), path


def rule_query_becomes_parameters_and_conditions():
    with Server() as server, server.connect() as client:
        echo = client.ask(get("/echo?rcn=4&rt=3&drt=2&rids=a+b&tids=x&atrl=ri+lbl+rr&rp=PT5S")).json()
        assert echo["resultContent"] == "4" and echo["responseType"] == "3" and echo["desiredIdentifierResultType"] == "2"
        assert echo["roleIDs"] == "a+b" and echo["tokenIDs"] == "x" and echo["attributeList"] == "ri+lbl+rr"
        echo = client.ask(get("/echo?fu=1&ty=2+3&ty=4&lbl=a+b%2Bc&lim=5&cty=text%2Fplain&rn=x%26y&c.mni=3&p.lbl=q&smf=a+b&cr=Sam&&")).json()
        assert echo["filter"] == [
            ["filterUsage", "fu", "1"], ["resourceType", "ty", "2"], ["resourceType", "ty", "3"], ["resourceType", "ty", "4"],
            ["labels", "lbl", "a"], ["labels", "lbl", "b+c"], ["limit", "lim", "5"], ["contentType", "cty", "text/plain"],
            ["attribute", "rn", "x&y"], ["attribute", "c.mni", "3"], ["attribute", "p.lbl", "q"],
            ["semanticsFilter", "smf", "a+b"], ["attribute", "cr", "Sam"],
        ]
        assert client.ask(get("/echo?rn=a=b?c/d")).json()["filter"] == [["attribute", "rn", "a=b?c/d"]]
        assert client.ask(get("/echo?")).json()["filter"] == []


def rule_queries_that_are_not_understood_are_refused():
    queries = ("nosuch=1", "rcn=1&rcn=1", "lim=1&lim=2", "fu=%", "fu=%zz", "fu=%00", "c.nosuch=1",
               "c.=1", "=1", "rn=%ff", "%ff=1", "RCN=1", "&".join(["lbl=" + "+".join("a" * 100)] * 3))
    with Server() as server, server.connect() as client:
        for query in queries:
            response = client.ask(get("/echo?" + query))
            assert (response.status, response["X-M2M-RSC"]) == (400, "4000"), (query, response.body)
            assert "query" in response.why()
        assert "nosuch" in client.ask(get("/echo?nosuch=1")).why()


# ---- headers of the primitive ----


def rule_headers_become_parameters():
    lines = ["X-M2M-Origin: CAdmin", "X-M2M-RI: 12", "X-M2M-RVI: 3", "X-M2M-OT: 20200101T000000", "X-M2M-RET: 1000",
             "X-M2M-RST: 2000", "X-M2M-OET: 3000", "X-M2M-EC: 2", "X-M2M-GID: g", "X-M2M-VSI: v", "X-M2M-AS: a==+b",
             "Authorization: x.y.z+a.b.c"]
    expected = {"from": "CAdmin", "requestIdentifier": "12", "releaseVersionIndicator": "3",
                "originatingTimestamp": "20200101T000000", "requestExpirationTimestamp": "1000",
                "resultExpirationTimestamp": "2000", "operationExecutionTime": "3000", "eventCategory": "2",
                "groupRequestIdentifier": "g", "vendorInformation": "v", "authorSigns": "a==+b", "tokens": "x.y.z+a.b.c"}
    with Server() as server, server.connect() as client:
        echo = client.ask(get("/echo", *lines)).json()
        for name, value in expected.items():
            assert echo[name] == value, name
        assert "tokens" not in client.ask(get("/echo", "Authorization: Basic abc=")).json()
        assert client.ask(get("/echo", "X-M2M-Origin:")).json()["from"] == ""
        assert client.ask(b"GET /echo HTTP/1.1\r\nHost: h\r\nX-M2M-Origin: \xff\r\n\r\n").status == 400


def rule_answers_echo_what_the_request_had():
    with Server() as server, server.connect() as client:
        response = client.ask(get("/echo"))
        assert response["X-M2M-RI"] is None and response["X-M2M-RVI"] is None and response["X-M2M-OT"] is None
        assert response["Date"].endswith(" GMT") and response["X-M2M-RSC"] == "2000"
        response = client.ask(get("/echo", "X-M2M-OT: 20200101T000000", "X-M2M-RVI: 2a", "X-M2M-RI: x/y"))
        assert response["X-M2M-RI"] == "x/y" and response["X-M2M-RVI"] == "2a"
        assert len(response["X-M2M-OT"]) >= 15 and response["X-M2M-OT"][8] == "T"


def rule_errors_have_status_code_and_sentence():
    cases = {4004: 404, 4103: 403, 4105: 409, 4117: 403, 5000: 500, 5001: 501, 4005: 405, 4008: 504, 4001: 501}
    with Server() as server, server.connect() as client:
        for rsc, status in cases.items():
            response = client.ask(get("/rsc/%d" % rsc))
            assert (response.status, response["X-M2M-RSC"]) == (status, str(rsc))
            assert response.json() == {"m2m:dbg": 'refused on "demand"'}
            assert (response["Allow"] is not None) == (status == 405)


def rule_answer_without_content_has_no_body():
    with Server() as server, server.connect() as client:
        response = client.ask(get("/empty"))
        assert response.status == 200 and response["Content-Length"] == "0" and response["Content-Type"] is None


def rule_created_resource_has_a_content_location():
    with Server(root="/m2m") as server, server.connect() as client:
        def location(to):
            response = client.ask(post("{}", content_type="application/json;ty=3", path="/m2m/location/" + to))
            assert response.status == 201
            return response["Content-Location"]

        assert location("cse-in/a/b") == "/m2m/~/id-in/cse-in/a/b"
        assert location("a%20b") == "/m2m/~/id-in/a%20b"
        assert client.ask(get(location("cse-in/a/b"))).json()["to"] == "/id-in/cse-in/a/b"


def rule_partial_content_is_marked():
    with Server() as server, server.connect() as client:
        response = client.ask(get("/partial/7"))
        assert response.status == 200 and response["X-M2M-CTS"] == "1" and response["X-M2M-CTO"] == "7"


# ---- conditional requests ----


def rule_if_none_match_is_304_on_GET_and_HEAD():
    with Server() as server, server.connect() as client:
        assert client.ask(get("/etag/abc"))["ETag"] == '"abc"'
        for tags in ('"abc"', 'W/"abc"', '"x", "abc"', '"x","abc" , "y"', "*"):
            response = client.ask(get("/etag/abc", "If-None-Match: " + tags))
            assert response.status == 304 and response["ETag"] == '"abc"' and response["Content-Length"] is None, tags
            response = client.ask(get("/etag/abc", "If-None-Match: " + tags, method="HEAD"), to_head=True)
            assert response.status == 304
        assert client.ask(get("/etag/abc", 'If-None-Match: "x"', 'If-None-Match: "abc"')).status == 304
        for tags in ('"ab"', "abc", '"x"', '"abcd"', ""):
            assert client.ask(get("/etag/abc", "If-None-Match: " + tags)).status == 200, tags
        assert client.ask(get("/rsc/4004", "If-None-Match: *")).status == 404
        assert client.ask(post("{}", "If-None-Match: *", method="PUT")).status == 400


def rule_if_match_reaches_core_and_its_failure_is_412():
    with Server() as server, server.connect() as client:
        assert client.ask(post("{}", 'If-Match: "a", "b"', method="PUT")).json()["accept_etag"] == '"a", "b"'
        assert client.ask(get("/echo", 'If-Match: "a"', 'If-Match: "b"')).json()["accept_etag"] == '"a","b"'
        assert client.ask(get("/precondition", 'If-Match: "a"')).status == 412


# ---- who asks ----


def rule_direct_loopback_peers_are_those_without_a_proxy():
    with Server() as server, server.connect() as client:
        for host in ("h", "localhost:8080", "127.0.0.1:80", "[::1]:80", "192.168.1.1"):
            assert client.ask(get("/echo", host=host)).json()["loopback"] is True, host
        for line in ("Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4", "x-forwarded-anything: 1", "X-Real-IP: 1.2.3.4", "Via: 1.1 p"):
            assert client.ask(get("/echo", line)).json()["loopback"] is False, line
        for host in ("evil.example", "localhost.evil.example:8080", "127.0.0.1.evil.example", "1.2.3.4x"):
            assert client.ask(get("/echo", host=host)).json()["loopback"] is False, host
    with Server(trust_forwarded=1) as server, server.connect() as client:
        assert client.ask(get("/echo", "Via: 1.1 p", host="named.example")).json()["loopback"] is True


def rule_cors_is_answered_for_listed_origins_only():
    with Server() as server, server.connect() as client:
        assert client.ask(get("/echo", "Origin: http://a.example"))["Access-Control-Allow-Origin"] is None
    with Server(cors="http://a.example, http://b.example") as server, server.connect() as client:
        preflight = ("Origin: http://b.example", "Access-Control-Request-Method: PUT")
        response = client.ask(get("/echo", *preflight, method="OPTIONS"))
        assert response["Access-Control-Allow-Origin"] == "http://b.example" and response["Vary"] == "Origin"
        assert "PUT" in response["Access-Control-Allow-Methods"]
        assert "X-M2M-Origin" in response["Access-Control-Allow-Headers"]
        response = client.ask(get("/wait/1", "Origin: http://a.example"))
        assert response["Access-Control-Allow-Origin"] == "http://a.example"
        assert "X-M2M-RSC" in response["Access-Control-Expose-Headers"]
        response = client.ask(get("/echo", "Origin: http://evil.example", "Access-Control-Request-Method: PUT", method="OPTIONS"))
        assert response["Access-Control-Allow-Origin"] is None and response["Access-Control-Allow-Methods"] is None


# ---- fairness ----


def rule_a_client_that_pipelines_without_end_does_not_starve_another():
    with Server() as server, server.connect() as greedy, server.connect() as modest:
        stop = threading.Event()

        def flood():
            while not stop.is_set():
                greedy.socket.sendall(get("/echo") * 200)

        def drink():
            try:
                while greedy.socket.recv(1 << 16):
                    pass
            except ConnectionResetError:
                pass

        threads = [threading.Thread(target=flood, daemon=True), threading.Thread(target=drink, daemon=True)]
        for thread in threads:
            thread.start()
        for _ in range(50):
            assert modest.ask(get("/echo")).status == 200
        stop.set()
        threads[0].join()
        greedy.socket.shutdown(socket.SHUT_RDWR)
        threads[1].join()


if __name__ == "__main__":
    raw.run_tests(sys.modules[__name__])
