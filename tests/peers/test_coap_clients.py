#!/usr/bin/env python3
"""CoAP by others: libcoap's client, a package of npm. Speaks TAP."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import peers  # noqa: E402
import raw_coap as raw  # noqa: E402
from copse_harness import expect, expect_equal, main, rule, temporary_directory  # noqa: E402
from raw_coap import LARGE, content, serve  # noqa: E402

ONEM2M = r"Invalid Option Number (25\d|2[6-9]\d|3[0-3]\d)"  # oneM2M's options, TS-0008 6.2.2.4


# ---- libcoap's client ----


@contextlib.contextmanager
def coap_observer(url):
    """What coap-client prints of an observed resource, from when it has printed something to when it has once more."""
    command, environment = coap_command("-s", "10", "-m", "get", url)
    path = os.path.join(temporary_directory(), "seen")

    def seen():
        with open(path, "rb") as file:
            return file.read()

    def wait_longer_than(length):
        deadline = time.monotonic() + raw.PATIENCE
        while len(seen()) <= length and time.monotonic() < deadline:
            time.sleep(0.02)

    with open(path, "wb") as out, peers.running(["stdbuf", "-o0", *command], stdout=out, env=environment):
        wait_longer_than(LARGE)
        before = len(seen())
        yield seen
        wait_longer_than(before)


def coap_command(*arguments):
    program = next((p for p in ("coap-client", "coap-client-notls", "coap-client-openssl") if shutil.which(p)), None)
    if not program:
        raise peers.Skip("there is no coap-client (libcoap3-bin)")
    library = os.path.join(os.path.abspath(peers.BUILD), "tests", "peers", "coap_options.so")
    if not os.path.exists(library):
        raise peers.Skip("there is no %s: make check builds it" % library)
    command = [program, "-B", "20", "-O", "279,CAdmin", "-O", "283,cli", "-O", "271,3", *arguments]
    return command, dict(os.environ, LD_PRELOAD=library)


def coap_client(*arguments, body=None):
    command, environment = coap_command(*arguments)
    if body is not None:
        path = os.path.join(temporary_directory(), "body")
        with open(path, "wb") as out:
            out.write(body)
        command[1:1] = ["-t", "50", "-f", path]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    expect_equal(done.returncode, 0, done.stderr.decode())
    return done.stdout


@rule("libcoap's client creates, retrieves, updates, discovers and deletes, over UDP and TCP, 200 kB both ways; tshark reads it all")
def libcoap():
    with serve() as server:
        with peers.Capture(os.path.join(temporary_directory(), "libcoap.pcapng"), server.coap, "udp") as capture:
            for scheme in ("coap", "coap+tcp"):
                base, name = "%s://127.0.0.1:%d/" % (scheme, server.coap), scheme[-3:]
                made = coap_client("-m", "post", "-O", "267,0x03", base + "cse-in", body=content(root={"m2m:cnt": {"rn": name}}))
                expect_equal(json.loads(made)["m2m:cnt"]["rn"], name, "CREATE")
                large = content(rn="large", con="x" * LARGE)
                got = coap_client("-m", "post", "-O", "267,0x04", base + "cse-in/" + name, body=large)
                expect_equal(len(json.loads(got)["m2m:cin"]["con"]), LARGE, "200 kB in")
                got = coap_client("-m", "get", base + "cse-in/%s/la" % name)
                expect_equal(len(json.loads(got)["m2m:cin"]["con"]), LARGE, "200 kB out")
                got = coap_client("-m", "put", base + "cse-in/" + name, body=content(root={"m2m:cnt": {"mni": 7}}))
                expect_equal(json.loads(got)["m2m:cnt"]["mni"], 7, "UPDATE")
                got = coap_client("-m", "get", base + "cse-in?fu=1&ty=3")
                expect("cse-in/" + name in json.loads(got)["m2m:uril"], "discovery")
                got = coap_client("-N", "-m", "get", base + "cse-in/" + name)
                expect_equal(json.loads(got)["m2m:cnt"]["cni"], 1, "NON")
                with coap_observer(base + "cse-in/%s/la" % name) as seen:
                    with server.client() as http:
                        expect_equal(http.create_cin("/cse-in/" + name, "news").rsc, 2001, "CREATE over HTTP")
                expect(b'"con":"news"' in seen(), "observed: %r" % seen()[-300:])
                coap_client("-m", "delete", base + "cse-in/" + name)
        capture.expect_well_formed("coap", 400, ONEM2M)


# ---- npm ----

NODE = """
const coap = require('coap'), [port, target] = process.argv.slice(1).map(Number)
coap.parameters.maxPayloadSize = 1024
function ask(method, path, { query, ty, body, confirmable = true, options = {} } = {}) {
  return new Promise((resolve, reject) => {
    const req = coap.request({ hostname: '127.0.0.1', port, method, pathname: path, query, confirmable })
    req.setOption('279', Buffer.from('CAdmin'))
    req.setOption('283', Buffer.from('npm' + Math.random()))
    req.setOption('271', Buffer.from('3'))
    if (ty) req.setOption('267', Buffer.from([ty]))
    if (body) req.setOption('Content-Format', 'application/json')
    if (body && body.length > 1024) req.setOption('Block1', Buffer.from([0x06]))
    req.on('response', res => {
      const chunks = []
      res.on('data', chunk => chunks.push(chunk))
      res.on('end', () => {
        const rsc = res.options.find(o => o.name === '307' || o.name === 307)
        const text = Buffer.concat(chunks).toString()
        resolve({ code: res.code, rsc: rsc && rsc.value.readUInt16BE(0), json: text ? JSON.parse(text) : null })
      })
    })
    req.on('error', reject)
    req.on('timeout', () => reject(new Error('timeout')))
    if (body) req.write(body)
    req.end()
  })
}
function check(what, seen, wanted) {
  if (JSON.stringify(seen) !== JSON.stringify(wanted)) throw new Error(what + ': ' + JSON.stringify(seen))
}
"""


@rule("npm's coap creates, retrieves, updates, discovers and deletes, 200 kB both ways; tshark reads it all")
def npm():
    script = NODE + """
async function run() {
  let got = await ask('POST', '/cse-in', { ty: 3, body: JSON.stringify({ 'm2m:cnt': { rn: 'n' } }) })
  check('CREATE', [got.code, got.rsc, got.json['m2m:cnt'].rn], ['2.01', 2001, 'n'])
  const con = 'y'.repeat(200000)
  got = await ask('POST', '/cse-in/n', { ty: 4, body: JSON.stringify({ 'm2m:cin': { con } }) })
  check('200 kB in', [got.code, got.json['m2m:cin'].con.length], ['2.01', con.length])
  got = await ask('GET', '/cse-in/n/la')
  check('200 kB out', [got.code, got.json['m2m:cin'].con.length], ['2.05', con.length])
  got = await ask('PUT', '/cse-in/n', { body: JSON.stringify({ 'm2m:cnt': { mni: 4 } }) })
  check('UPDATE', [got.code, got.rsc], ['2.04', 2004])
  got = await ask('GET', '/cse-in', { query: 'fu=1&ty=3' })
  check('discovery', got.json, { 'm2m:uril': ['cse-in/n'] })
  got = await ask('GET', '/cse-in/n', { confirmable: false })
  check('NON', got.json['m2m:cnt'].cni, 1)
  const seen = await new Promise((resolve, reject) => {
    const req = coap.request({ hostname: '127.0.0.1', port, method: 'GET', pathname: '/cse-in/n', observe: true })
    for (const [number, value] of [['279', 'CAdmin'], ['283', 'watch'], ['271', '3']]) req.setOption(number, Buffer.from(value))
    const counts = []
    req.on('response', res => {
      res.on('data', data => {
        counts.push(JSON.parse(data)['m2m:cnt'].cni)
        if (counts.length === 1) ask('POST', '/cse-in/n', { ty: 4, body: JSON.stringify({ 'm2m:cin': { con: 'z' } }) })
        if (counts.length === 2) { res.close(); resolve(counts) }
      })
    })
    req.on('error', reject)
    req.end()
  })
  check('observed', seen, [1, 2])
  got = await ask('DELETE', '/cse-in/n')
  check('DELETE', [got.code, got.rsc], ['2.02', 2002])
  console.log('done')
  process.exit(0)
}
run().catch(error => { console.error(error); process.exit(1) })
"""
    with serve() as server:
        with peers.Capture(os.path.join(temporary_directory(), "npm.pcapng"), server.coap, "udp") as capture:
            expect_equal(peers.node(script, server.coap).strip(), "done", "script")
        capture.expect_well_formed("coap", 400, ONEM2M)


@rule("npm's coap server is notified")
def npm_target():
    script = NODE + """
const server = coap.createServer((req, res) => {
  res.setOption('307', Buffer.from([0x07, 0xd0]))
  res.code = '2.04'
  res.end()
  const content = JSON.parse(req.payload.toString())['m2m:sgn']
  if (!content.vrq) { console.log(content.nev.rep['m2m:cin'].con); process.exit(0) }
})
server.listen(target, '127.0.0.1', async () => {
  await ask('POST', '/cse-in', { ty: 3, body: JSON.stringify({ 'm2m:cnt': { rn: 'n' } }) })
  const sub = { 'm2m:sub': { rn: 's', nu: ['coap://127.0.0.1:' + target + '/note'], enc: { net: [3] }, nct: 1 } }
  const made = await ask('POST', '/cse-in/n', { ty: 23, body: JSON.stringify(sub) })
  check('subscription', made.rsc, 2001)
  await ask('POST', '/cse-in/n', { ty: 4, body: JSON.stringify({ 'm2m:cin': { con: 'told' } }) })
})
"""
    with serve() as server:
        told = peers.node(script, server.coap, peers.free_port())
        expect_equal(told.strip(), "told", "notification")


if __name__ == "__main__":
    main()
