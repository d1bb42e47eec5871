// Every binding as the way in, every binding as the way to be notified. Arguments: host:port of HTTP, CoAP, MQTT broker,
// WebSocket. Prints a line "IN -> OUT: ok" for each pair; anything else is why not.
const http = require("http");
const coap = require("coap");
const mqtt = require("mqtt");
const WebSocket = require("ws");

const [httpAt, coapAt, mqttAt, wsAt] = process.argv.slice(1);
const CSE = "/id-in";
const BASE = "cse-in";
const TIMEOUT_MS = Number(process.env.TIMEOUT_MS || 20000);
let counter = 0;
const nextId = () => "x" + ++counter;

function split(at) {
  const colon = at.lastIndexOf(":");
  return { host: at.slice(0, colon), port: Number(at.slice(colon + 1)) };
}

function inTime(promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(what + ": no answer")), TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// ---- what was notified: by the way that it came and the name of the entity ----

const waiting = new Map();
function arrived(way, name, content) {
  const found = waiting.get(way + " " + name);
  if (found && JSON.stringify(content).includes("m2m:sgn")) found(content);
}
const notified = (way, name) => new Promise((done) => waiting.set(way + " " + name, done));

// ---- the ways in: (from, {op, to, ty, pc}) -> {rsc, pc} ----

const HTTP_METHODS = { 1: "POST", 2: "GET", 3: "PUT", 4: "DELETE", 5: "POST" };
function overHttp(from, primitive) {
  const headers = { "X-M2M-Origin": from, "X-M2M-RI": nextId(), "X-M2M-RVI": "3" };
  const body = primitive.pc ? JSON.stringify(primitive.pc) : undefined;
  if (body) headers["Content-Type"] = "application/json" + (primitive.ty ? ";ty=" + primitive.ty : "");
  return new Promise((done, fail) => {
    const options = { ...split(httpAt), method: HTTP_METHODS[primitive.op], path: "/" + primitive.to, headers };
    const sent = http.request(options, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part));
      answer.on("end", () => done({ rsc: Number(answer.headers["x-m2m-rsc"]), pc: text ? JSON.parse(text) : undefined }));
    });
    sent.on("error", fail);
    sent.end(body);
  });
}

const OPTION = { from: "279", rqi: "283", ty: "267", rvi: "271", rsc: "307" };
function number(value) {
  return value < 256 ? Buffer.from([value]) : Buffer.from([value >> 8, value & 255]);
}
function overCoap(from, primitive) {
  return new Promise((done, fail) => {
    const sent = coap.request({ ...split(coapAt), hostname: split(coapAt).host, method: HTTP_METHODS[primitive.op], pathname: "/" + primitive.to });
    sent.setOption(OPTION.from, Buffer.from(from));
    sent.setOption(OPTION.rqi, Buffer.from(nextId()));
    sent.setOption(OPTION.rvi, Buffer.from("3"));
    if (primitive.ty) sent.setOption(OPTION.ty, number(primitive.ty));
    if (primitive.pc) sent.setOption("Content-Format", "application/json");
    sent.on("response", (answer) => {
      const rsc = answer.options.find((option) => String(option.name) === OPTION.rsc);
      const text = answer.payload.toString();
      done({ rsc: rsc ? rsc.value.readUInt16BE(0) : 0, pc: text ? JSON.parse(text) : undefined });
    });
    sent.on("error", fail);
    sent.end(primitive.pc ? JSON.stringify(primitive.pc) : undefined);
  });
}

// One client of the broker for each entity; it answers what it is notified of.
const mqttClients = new Map();
async function mqttClient(name) {
  if (mqttClients.has(name)) return mqttClients.get(name);
  const client = await mqtt.connectAsync("mqtt://" + mqttAt, { clientId: "A::" + name, clean: true });
  client.answers = new Map();
  client.on("message", (topic, payload) => {
    const message = JSON.parse(payload);
    if (message.rsc !== undefined) {
      const found = client.answers.get(message.rqi);
      if (found) found(message);
      return;
    }
    arrived("mqtt", name, message.pc);
    client.publish("/oneM2M/resp/" + CSE.slice(1) + "/" + name + "/json", JSON.stringify({ rsc: 2000, rqi: message.rqi }), { qos: 1 });
  });
  await client.subscribeAsync(["/oneM2M/resp/" + name + "/#", "/oneM2M/req/+/" + name + "/#"], { qos: 1 });
  mqttClients.set(name, client);
  return client;
}
async function overMqtt(from, primitive) {
  const client = await mqttClient(from);
  const rqi = nextId();
  return new Promise((done) => {
    client.answers.set(rqi, done);
    const text = JSON.stringify({ ...primitive, fr: from, rqi, rvi: "3" });
    client.publish("/oneM2M/req/" + from + "/" + CSE.slice(1) + "/json", text, { qos: 1 });
  });
}

const sockets = new Map();
async function socketOf(name) {
  if (sockets.has(name)) return sockets.get(name);
  const socket = new WebSocket("ws://" + wsAt + "/", ["oneM2M.json"], { headers: { "X-M2M-Origin": name } });
  socket.answers = new Map();
  socket.on("message", (data) => {
    const message = JSON.parse(data);
    if (message.rsc !== undefined) {
      const found = socket.answers.get(message.rqi);
      if (found) found(message);
      return;
    }
    arrived("websocket", name, message.pc);
    socket.send(JSON.stringify({ rsc: 2000, rqi: message.rqi }));
  });
  await new Promise((done, fail) => {
    socket.on("open", done);
    socket.on("error", fail);
  });
  sockets.set(name, socket);
  return socket;
}
async function overWebSocket(from, primitive) {
  const socket = await socketOf(from);
  const rqi = nextId();
  return new Promise((done) => {
    socket.answers.set(rqi, done);
    socket.send(JSON.stringify({ ...primitive, fr: from, rqi, rvi: "3" }));
  });
}

const ways = { http: overHttp, coap: overCoap, mqtt: overMqtt, websocket: overWebSocket };

// ---- the ways out: listening, and the pointOfAccess that leads there ----

async function listen() {
  const httpSink = http.createServer((request, answer) => {
    let text = "";
    request.on("data", (part) => (text += part));
    request.on("end", () => {
      answer.setHeader("X-M2M-RSC", "2000");
      answer.setHeader("X-M2M-RI", request.headers["x-m2m-ri"]);
      answer.end();
      arrived("http", decodeURIComponent(request.url).split("/").pop(), JSON.parse(text));
    });
  });
  await new Promise((done) => httpSink.listen(0, "127.0.0.1", done));
  const coapSink = coap.createServer((request, answer) => {
    answer.setOption(OPTION.rsc, number(2000));
    answer.code = "2.04";
    answer.end();
    arrived("coap", decodeURIComponent(request.url.split("?")[0]).split("/").pop(), JSON.parse(request.payload.toString()));
  });
  await new Promise((done) => coapSink.listen(0, "127.0.0.1", done));
  return {
    http: () => "http://127.0.0.1:" + httpSink.address().port,
    coap: () => "coap://127.0.0.1:" + coapSink._sock.address().port,
    mqtt: () => "mqtt://" + mqttAt,
    websocket: () => undefined,
  };
}

function expectCode(answer, code, what) {
  if (answer.rsc !== code) throw new Error(what + ": " + answer.rsc + " " + JSON.stringify(answer.pc));
}

async function pair(inName, outName, points) {
  const way = ways[inName];
  const name = "C" + inName + "-" + outName;
  const ask = (from, primitive, code, what) =>
    inTime(way(from, primitive), what).then((answer) => expectCode(answer, code, what));
  const point = points[outName]();
  const ae = { rn: name, api: "Nacross", rr: true, srv: ["3"], ...(point ? { poa: [point] } : {}) };

  await ask(name, { op: 1, to: BASE, ty: 2, pc: { "m2m:ae": ae } }, 2001, "registration");
  if (outName === "mqtt") await mqttClient(name);
  if (outName === "websocket") // the entity shows that it is there
    expectCode(await inTime(overWebSocket(name, { op: 2, to: BASE + "/" + name }), "first request"), 2000, "first request");
  await ask(name, { op: 1, to: BASE + "/" + name, ty: 3, pc: { "m2m:cnt": { rn: "c" } } }, 2001, "container");
  const sub = { rn: "s", nu: [CSE + "/" + name], enc: { net: [3] }, nct: 1 };
  await ask(name, { op: 1, to: BASE + "/" + name + "/c", ty: 23, pc: { "m2m:sub": sub } }, 2001, "subscription");
  const heard = notified(outName, name);
  await ask(name, { op: 1, to: BASE + "/" + name + "/c", ty: 4, pc: { "m2m:cin": { con: name } } }, 2001, "instance");
  const content = await inTime(heard, "notification");
  if (content["m2m:sgn"].nev.rep["m2m:cin"].con !== name) throw new Error("another notification: " + JSON.stringify(content));
}

async function main() {
  const points = await listen();
  for (const inName of Object.keys(ways))
    for (const outName of Object.keys(ways)) {
      let result = "ok";
      try {
        await pair(inName, outName, points);
      } catch (fault) {
        result = String(fault.message || fault);
      }
      console.log(inName + " -> " + outName + ": " + result);
    }
  process.exit(0);
}
main();
