#!/usr/bin/env python3
"""The WebSocket binding against clients of others: the npm package ws, a browser, and tshark as a reader."""

import http.server
import os
import shutil
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402
from websocket_client import CLOSE, PING, WebSocket, frame  # noqa: E402
from websocket_stand import serve  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from copse_harness import Skip, clean_environment, expect, expect_equal, main, rule  # noqa: E402

# ---- a package ----

NODE = """
const WebSocket = require('ws'), [port, how] = process.argv.slice(-2), deflates = how === 'deflate';
const socket = new WebSocket('ws://127.0.0.1:' + port + '/', ['oneM2M.json'],
    {perMessageDeflate: deflates ? {threshold: 0} : false});
const waiting = new Map(), notified = [];
let number = 0;
function ask(primitive) {
    const rqi = 'n' + ++number;
    socket.send(JSON.stringify({rqi, rvi: '3', fr: 'Cnode', ...primitive}));
    return new Promise(resolve => waiting.set(rqi, resolve));
}
async function must(rsc, primitive) {
    const answer = await ask(primitive);
    if (answer.rsc !== rsc) throw new Error(JSON.stringify(answer));
    return answer;
}
socket.on('message', data => {
    const primitive = JSON.parse(data);
    if ('rsc' in primitive) {
        waiting.get(primitive.rqi)(primitive);
    } else {
        notified.push(primitive.pc['m2m:sgn'].nev.rep['m2m:cin'].con.length);
        socket.send(JSON.stringify({rsc: 2000, rqi: primitive.rqi}));
    }
});
socket.on('open', async () => {
    if (deflates !== (socket.extensions === 'permessage-deflate')) throw new Error('extensions: ' + socket.extensions);
    await must(2001, {op: 1, to: 'cse-in', ty: 2, pc: {'m2m:ae': {rn: 'node', api: 'Nn', rr: true, srv: ['3']}}});
    await must(2001, {op: 1, to: 'cse-in/node', ty: 3, pc: {'m2m:cnt': {rn: 'c'}}});
    await must(2001, {op: 1, to: 'cse-in/node/c', ty: 23,
                      pc: {'m2m:sub': {rn: 's', nu: ['cse-in/node'], enc: {net: [3]}, nct: 1}}});
    const sizes = [1, 10, 1000, 5000, 100000, 600000, 126, 65536, 0];
    for (const size of sizes) {
        const con = Array.from({length: size}, (_, i) => String.fromCharCode(97 + (i * i * 7 + i) % 26)).join('');
        await must(2001, {op: 1, to: 'cse-in/node/c', ty: 4, pc: {'m2m:cin': {con}}});
        const latest = await must(2000, {op: 2, to: 'cse-in/node/c/la'});
        if (latest.pc['m2m:cin'].con !== con) throw new Error('content of ' + size);
    }
    while (notified.length < sizes.length) await new Promise(resolve => setTimeout(resolve, 10));
    console.log(JSON.stringify(notified) === JSON.stringify(sizes) ? 'well' : notified);
    socket.close(1000);
});
socket.on('close', code => { console.log('closed', code); });
"""


@rule("the npm package ws registers, creates, subscribes and is notified, with and without compression, on both ports")
def _():
    with serve() as server:
        for port, how in ((server.ws_port, "plain"), (server.port, "deflate")):
            printed = peers.node(NODE, port, how)
            expect_equal(printed.split("\n")[:2], ["well", "closed 1000"], how)
            with server.client() as client:
                expect_equal(client.delete("/cse-in/node").rsc, 2002, "the AE")


PAGE = """<!doctype html><title>page</title><script>
const report = text => fetch('/report', {method: 'POST', body: text});
const socket = new WebSocket('ws://127.0.0.1:%d/', ['oneM2M.json']), waiting = new Map();
let number = 0;
const ask = primitive => new Promise(resolve => {
    const rqi = 'p' + ++number;
    waiting.set(rqi, resolve);
    socket.send(JSON.stringify({rqi, rvi: '3', fr: 'Cpage', ...primitive}));
});
socket.onmessage = event => {
    const primitive = JSON.parse(event.data);
    if ('rsc' in primitive) { waiting.get(primitive.rqi)(primitive); return; }
    socket.send(JSON.stringify({rsc: 2000, rqi: primitive.rqi}));
    report('notified ' + primitive.pc['m2m:sgn'].nev.rep['m2m:cin'].con + ' ' + socket.extensions);
};
socket.onopen = async () => {
    const codes = [];
    codes.push((await ask({op: 1, to: 'cse-in', ty: 2, pc: {'m2m:ae': {rn: 'page', api: 'Np', rr: true, srv: ['3']}}})).rsc);
    codes.push((await ask({op: 1, to: 'cse-in/page', ty: 3, pc: {'m2m:cnt': {rn: 'c'}}})).rsc);
    codes.push((await ask({op: 1, to: 'cse-in/page/c', ty: 23,
                           pc: {'m2m:sub': {nu: ['cse-in/page'], enc: {net: [3]}, nct: 1}}})).rsc);
    codes.push((await ask({op: 1, to: 'cse-in/page/c', ty: 4, pc: {'m2m:cin': {con: 'hello'}}})).rsc);
    if (codes.join() !== '2001,2001,2001,2001') report('codes ' + codes);
};
socket.onerror = () => report('refused');
</script>"""


class PageServer(http.server.ThreadingHTTPServer):
    """Serves a page, and keeps what it reports."""

    daemon_threads = True

    def __init__(self, ws_port):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.page = (PAGE % ws_port).encode()
        self.reports, self.came = [], threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        """GET is the page, POST a report."""

        def do_GET(self):  # noqa: N802
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(self.server.page)))
            self.end_headers()
            self.wfile.write(self.server.page)

        def do_POST(self):  # noqa: N802
            self.server.reports.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()
            self.server.came.set()

        def log_message(self, *_):
            pass


def browse(page_server):
    """What the page reports first, in a browser of its own."""
    browser = shutil.which("chromium")
    if not browser:
        raise Skip("there is no chromium")
    url = "http://127.0.0.1:%d/" % page_server.server_address[1]
    serving = threading.Thread(target=page_server.serve_forever, daemon=True)
    serving.start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        arguments = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        arguments += ["--user-data-dir=" + profile, "--remote-debugging-port=0", url]
        with open(os.devnull, "wb") as silence, peers.running(arguments, stdout=silence, stderr=silence, env=clean_environment()):
            expect(page_server.came.wait(60), "the page reports nothing")
    page_server.shutdown()
    page_server.server_close()
    return page_server.reports[0]


@rule("a page in a browser registers, creates, subscribes and is notified; one of another origin is refused")
def _():
    ws_port = peers.free_port()
    page_server = PageServer(ws_port)
    origin = "http://127.0.0.1:%d" % page_server.server_address[1]
    with serve(websocket__listen="127.0.0.1:%d" % ws_port, http__cors_origins=origin):
        expect_equal(browse(page_server), "notified hello permessage-deflate", "the page")
    page_server = PageServer(ws_port)
    with serve(websocket__listen="127.0.0.1:%d" % ws_port, http__cors_origins=origin + "0"):
        expect_equal(browse(page_server), "refused", "a page of another origin")


@rule("tshark reads what goes over both ports as WebSocket, without a malformed packet")
def _():
    with serve() as server:
        for port in (server.ws_port, server.port):
            file = os.path.join(server.scratch, "packets-%d" % port)
            with peers.Capture(file, port) as capture:
                with WebSocket(port) as client:
                    client.register("shark%d" % port)
                    client.container("cse-in/shark%d" % port, "c")
                    client.subscribe("cse-in/shark%d/c" % port, "cse-in/shark%d" % port)
                    client.instance("cse-in/shark%d/c" % port, "x" * 70000)
                    expect_equal(len(client.notified_content()), 70000, "the notification")
                    client.send(frame(b"are you there", PING))
                    client.must(2000, op=2, to="cse-in/shark%d" % port)
                    client.send(frame(b"\x03\xe8", CLOSE))
                    client.expect_close(1000)
            capture.expect_well_formed("http", 2)
            read = capture.decode("http", ("websocket.opcode",), "websocket")
            opcodes = {opcode for row in read for opcode in row[0].split(",")}
            expect({"1", "8", "9", "10"} <= opcodes, "opcodes: %s" % opcodes)


main()
