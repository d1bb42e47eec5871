#!/usr/bin/env python3
"""SIGKILL with subscriptions. Sixteen connections change resources at the same time, and a host collects the
notifications. The server is killed in every phase of their delivery and started again on the same store; at the end
what has been told is compared with what was acknowledged. Speaks TAP.

COPSE_KILL_CYCLES sets the number of cycles (50), COPSE_KILL_SEED repeats what is done."""

import json
import os
import random
import signal

from copse_harness import (
    CIN,
    CNT,
    NAMES,
    Crowd,
    Server,
    comment,
    expect,
    expect_equal,
    main,
    must,
    request_bytes,
    rule,
)
from notify_sink import Collector

WRITERS = 16
CYCLES = int(os.environ.get("COPSE_KILL_CYCLES", "50"))
SEED = int(os.environ.get("COPSE_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
BASE = "/cse-in/kill"
SUBSCRIPTION = 23
CREATED, UPDATED, DELETED = 3, 1, 4  # notificationEventType
BATCH = 5

TOLD = "every target gets the event of every acknowledged request at least once"
ORDER = "in order for each subscription and target, repetitions aside"
SAME = "a repetition is the same message under the same identifier, and an event is in one message only"
ONLY = "nothing is told that was refused or never happened, and nothing that happened is left out"
BATCHES = "a batch by number is full, or the rest of its duration"
COUNTER = "expirationCounter lets as many messages out as it allows, also over a kill"
AGAIN = "a message that was read but not answered at the kill comes again"
STORE = "after it the store holds what was acknowledged, and what it was told of"
QUIET = "after an orderly stop nothing that was answered is told again"


class Faults:
    """What was found wrong, by rule."""

    def __init__(self):
        self.found = {}

    def check(self, kind, condition, text):
        if not condition:
            self.found.setdefault(kind, []).append(text)
        return condition


class Deed:
    """A request of a writer. state: sent (in doubt after a kill), acknowledged or refused."""

    __slots__ = ("kind", "name", "number", "container", "state", "ri")

    def __init__(self, kind, name, number, container):
        self.kind, self.name, self.number, self.container = kind, name, number, container
        self.state, self.ri = "sent", None

    @property
    def event(self):
        """What a notification shows of it."""
        return self.kind, self.name


class Writer:
    """One connection. Its deeds are numbered, and their names are in what they write."""

    def __init__(self, number, world):
        self.world, self.number = world, number
        self.rng = random.Random("%d/%d" % (world.seed, number))
        self.deeds, self.mine = [], []  # mine: creates that were not deleted

    def script(self):
        moves = (self.create, self.create_refused, self.create_forbidden, self.update, self.delete)
        while True:
            yield from self.rng.choices(moves, (75, 3, 3, 10, 9))[0]()

    def begin(self, kind, name=None, container=None):
        number = len(self.deeds)
        name = name or "w%02d-%d" % (self.number, number)
        self.deeds.append(Deed(kind, name, number, container or self.rng.choice(self.world.containers)))
        return self.deeds[-1]

    def finish(self, deed, answer, rsc):
        self.world.faults.check(ONLY, answer.rsc == rsc, "%s %s: %r" % (deed.event, deed.container, answer))
        deed.state = "acknowledged" if rsc < 3000 else "refused"

    def post(self, deed, more=None, origin="CAdmin"):
        body = {NAMES[CIN]: {"con": deed.name, **(more or {})}}
        return request_bytes("POST", deed.container, body, CIN, origin)

    def create(self):
        deed = self.begin(CREATED)
        answer = yield self.post(deed)
        self.world.created()
        self.finish(deed, answer, 2001)
        deed.ri = answer.resource["ri"] if answer.rsc == 2001 else None
        self.mine.append(deed)

    def create_refused(self):
        deed = self.begin(CREATED)
        self.finish(deed, (yield self.post(deed, {"st": 1})), 4000)

    def create_forbidden(self):
        deed = self.begin(CREATED)
        self.finish(deed, (yield self.post(deed, origin="Cstranger")), 4103)

    def update(self):
        deed = self.begin(UPDATED)
        self.finish(deed, (yield request_bytes("PUT", deed.container, {NAMES[CNT]: {"lbl": [deed.name]}})), 2004)

    def delete(self):
        if not self.mine:
            return
        victim = self.mine.pop(self.rng.randrange(len(self.mine)))
        deed = self.begin(DELETED, victim.name, victim.container)
        self.finish(deed, (yield request_bytes("DELETE", "/" + victim.ri)), 2002)


class KillingCrowd(Crowd):
    """kill is called when so many requests have been sent."""

    def __init__(self, port, scripts, kill, after):
        super().__init__(port, scripts)
        self.kill, self.left = kill, after

    def send(self, members):
        super().send(members)
        before, self.left = self.left, self.left - len(members)
        if before > 0 >= self.left:
            self.kill()


class Counter:
    """A subscription with expirationCounter."""

    def __init__(self, ri, limit):
        self.ri, self.limit = ri, limit


class World:
    def __init__(self, seed):
        self.seed, self.rng = seed, random.Random(seed)
        self.faults = Faults()
        self.sink = Collector()
        self.server = Server()
        self.containers = ["%s/k%d" % (BASE, number) for number in range(4)]
        self.writers = [Writer(number, self) for number in range(WRITERS)]
        self.lanes = {}  # (resourceID of the subscription, path at the sink): container
        self.counters, self.struck = [], []
        self.cycles = dict.fromkeys("abc", 0)
        self.creates_left = 0  # until the server is killed

    # ---- setting up ----

    def subscribe(self, client, container, targets, paths=None, **attributes):
        criteria = {"net": [UPDATED, CREATED, DELETED], "chty": [CIN]}
        body = {"m2m:sub": {"enc": criteria, "nu": targets, "nct": 1, **attributes}}
        ri = must(client.request("POST", container, body, SUBSCRIPTION), 2001).resource["ri"]
        for path in paths or [target[len(self.sink.base) :] for target in targets]:
            self.lanes[ri, path] = container
        return ri

    def set_up(self):
        base = self.sink.base
        with self.server.start().client() as client:
            must(client.create_ae("kill"), 2001)
            must(client.create_ae("entity", rr=True, poa=[base + "/entity"]), 2001)
            for path in self.containers:
                must(client.create_cnt(BASE, path.rpartition("/")[2]), 2001)
            k0, k1, k2, k3 = self.containers
            self.subscribe(client, k0, [base + "/plain"])
            self.subscribe(client, k0, ["Centity"], ["/entity/~/id-in/Centity"])
            self.subscribe(client, k1, [base + "/one", base + "/two"])
            self.batched = self.subscribe(client, k2, [base + "/batch"], bn={"num": BATCH, "dur": "PT2S"})
            self.subscribe(client, k3, [base + "/beside"])

    def renew_counter(self):
        """At most one at a time; when it has come to its end there is a new one."""
        with self.server.client() as client:
            if self.counters and client.get("/" + self.counters[-1].ri).rsc == 2000:
                return
            limit = self.rng.randrange(1, 120)
            ri = self.subscribe(client, self.containers[3], [self.sink.base + "/counter"], exc=limit)
            del self.lanes[ri, "/counter"]
            self.counters.append(Counter(ri, limit))

    # ---- a cycle ----

    def cycle(self, phase):
        self.renew_counter()
        self.cycles[phase] += 1
        after_requests = self.rng.randrange(16, 500) if phase == "a" else 0
        scripts = [writer.script() for writer in self.writers]
        crowd = KillingCrowd(self.server.port, scripts, self.server.process.kill, after_requests)
        if phase == "b":
            self.sink.hold()
            self.creates_left = self.rng.randrange(1, 200)
        elif phase == "c":
            self.strike_at(self.rng.randrange(1, 120))
        crowd.run()
        self.sink.strike = lambda message: False
        code = self.server.end(signal.SIGKILL, 30)
        expect_equal(code, -signal.SIGKILL, "how the server ended (%s)" % self.server.log())
        self.server.start()
        self.sink.resume()
        self.settle()

    def created(self):
        """A create is acknowledged just now."""
        self.creates_left -= 1
        if self.creates_left == 0:
            self.server.process.kill()

    def strike_at(self, number):
        kill, left = self.server.process.kill, [number]

        def strike(message):
            left[0] -= 1
            if left[0] or message.is_verification():
                return False
            kill()
            self.struck.append(message)
            return True

        self.sink.strike = strike

    def settle(self):
        """A create in doubt may be deleted later only if its identifier is known, so it is left alone."""
        for writer in self.writers:
            writer.mine = [deed for deed in writer.mine if deed.ri]

    # ---- the end ----

    def deeds(self):
        return [deed for writer in self.writers for deed in writer.deeds]

    def messages(self):
        return [message for message in list(self.sink.messages) if not message.is_verification()]

    def wait_told(self):
        """Until each target has got the event of each acknowledged request."""
        wanted = {}
        for deed in self.deeds():
            if deed.state == "acknowledged":
                wanted.setdefault(deed.container, set()).add(deed.event)
        missing = {lane: set(wanted.get(container, ())) for lane, container in self.lanes.items()}
        position = [0]

        def is_told():
            for message in self.sink.messages[position[0] :]:
                position[0] += 1
                for lane, event, _ in events_of(message):
                    missing.get(lane, set()).discard(event)
            return not any(missing.values())

        try:
            self.sink.wait(is_told, "events")
        except AssertionError as fault:
            left = {lane: sorted(events)[:5] for lane, events in missing.items() if events}
            self.faults.check(TOLD, False, "%s: %r" % (fault, left))

    def fence(self):
        """One more create in each container: what came before it has been told before it."""
        for writer, container in zip(self.writers, self.containers):
            with self.server.client() as client:
                deed = writer.begin(CREATED, container=container)
                answer = must(client.create_cin(container, deed.name), 2001)
                deed.state, deed.ri = "acknowledged", answer.resource["ri"]
        self.wait_told()

    def run(self):
        comment("COPSE_KILL_SEED=%d COPSE_KILL_CYCLES=%d" % (self.seed, CYCLES))
        self.set_up()
        for number in range(CYCLES):
            self.cycle("abc"[number % 3])
            if self.faults.found:
                break
        self.fence()
        self.server.restart()
        before = len(self.sink.messages)
        self.fence()
        self.verify_quiet(before)
        self.verify_messages()
        self.verify_store()
        self.server.stop()
        self.report()

    def report(self):
        events = sum(len(message.notifications()) for message in self.first.values())
        comment(
            "%d cycles (%s), %d requests acknowledged, %d in doubt, %d refused"
            % (
                sum(self.cycles.values()),
                ", ".join("%s: %d" % pair for pair in self.cycles.items()),
                *(sum(deed.state == state for deed in self.deeds()) for state in ("acknowledged", "sent", "refused")),
            )
        )
        comment(
            "%d events in %d messages, %d repetitions, %d subscriptions with expirationCounter"
            % (events, len(self.first), len(self.messages()) - len(self.first), len(self.counters))
        )

    # ---- what was told ----

    def verify_quiet(self, before):
        known = {message.identifier for message in self.sink.messages[:before]}
        for message in self.sink.messages[before:]:
            self.faults.check(QUIET, message.identifier not in known, "%s came again" % message.identifier)

    def verify_messages(self):
        self.first, self.carrier, self.told = {}, {}, {}
        for message in self.messages():
            first = self.first.setdefault(message.identifier, message)
            self.faults.check(
                SAME,
                (first.path, first.body) == (message.path, message.body),
                "%s to %s: %.300r and %.300r" % (message.identifier, message.path, first.body, message.body),
            )
            if first is message:
                self.verify_first(message)
        for lane, container in self.lanes.items():
            self.verify_lane(container, self.told.get(lane, []))
        for message in self.struck:
            times = sum(other.identifier == message.identifier for other in self.messages())
            self.faults.check(AGAIN, times > 1, "%s to %s" % (message.identifier, message.path))

    def verify_first(self, message):
        for lane, event, state_tag in events_of(message):
            carrier = self.carrier.setdefault((lane, event), message.identifier)
            self.faults.check(
                SAME, carrier == message.identifier, "%r %r in %s and %s" % (lane, event, carrier, message.identifier)
            )
            self.told.setdefault(lane, []).append((event, state_tag))

    def verify_lane(self, container, told):
        """By stateTag for all writers together, and by number for each writer alone."""
        deeds = {deed.event: deed for deed in self.deeds() if deed.container == container}
        newest, tag = {}, 0
        for event, state_tag in told:
            deed = deeds.get(event)
            if not self.faults.check(ONLY, deed and deed.state != "refused", "%s: %r" % (container, event)):
                continue
            writer = self.author(deed)
            self.faults.check(
                ORDER, deed.number > newest.get(writer, -1), "%s: %r after %r" % (container, event, newest)
            )
            newest[writer] = deed.number
            if event[0] != DELETED:
                self.faults.check(ORDER, state_tag > tag, "%s: %r has st %d after %d" % (container, event, state_tag, tag))
                tag = state_tag

    def author(self, deed):
        """Only the writer of a resource deletes it."""
        return deed.name.partition("-")[0]

    def verify_batches(self):
        sizes = [len(message.notifications()) for message in self.first.values() if message.path == "/batch"]
        self.faults.check(BATCHES, max(sizes) == BATCH, "%r" % sizes)

    # ---- what is there ----

    def verify_store(self):
        self.verify_batches()
        with self.server.client() as client:
            for container in self.containers:
                self.verify_container(client, container)
            for counter in self.counters:
                self.verify_counter(client, counter)

    def verify_counter(self, client, counter):
        out = sum(events_of(message)[0][0][0] == counter.ri for message in self.first.values())
        answer = client.get("/" + counter.ri)
        left = answer.resource["exc"] if answer.rsc == 2000 else 0
        self.faults.check(
            COUNTER, out == counter.limit - left, "%d messages of %d, %d left" % (out, counter.limit, left)
        )

    def verify_container(self, client, container):
        """A request in doubt has happened if it was told of, to all targets, and has not if not."""
        lanes = [lane for lane, subscribed in self.lanes.items() if subscribed == container]
        told = [{event for event, _ in self.told.get(lane, [])} for lane in lanes]
        self.faults.check(TOLD, all(one == told[0] for one in told), "%s: targets were told different things" % container)
        contents = {event[1] for event in told[0] if event[0] == CREATED}
        contents -= {event[1] for event in told[0] if event[0] == DELETED}
        seen = must(client.get(container), 2000).resource
        changes = sum(event[0] != DELETED for event in told[0])
        self.faults.check(
            STORE,
            (seen["st"], seen["cni"]) == (changes, len(contents)),
            "%s: %r instead of st %d, cni %d" % (container, seen, changes, len(contents)),
        )
        there = set(contents_of(client, container))
        self.faults.check(
            STORE,
            there == contents,
            "%s: %r are there, %r are not" % (container, sorted(there - contents)[:9], sorted(contents - there)[:9]),
        )
        for deed in self.deeds():
            if deed.container == container and deed.state == "acknowledged":
                self.faults.check(TOLD, deed.event in told[0], "%s: %r" % (container, deed.event))


def events_of(message):
    """[((subscription, path), (event type, name), stateTag)] of a message."""
    found = []
    for notification in message.notifications():
        if "nev" not in notification:
            continue
        event = notification["nev"]
        ((kind, resource),) = event["rep"].items()
        name = resource["con"] if kind == NAMES[CIN] else resource["lbl"][0]
        subscription = notification["sur"].rpartition("/")[2]
        found.append(((subscription, message.path), (event["net"], name), resource["st"]))
    return found


def contents_of(client, container):
    """All of them, a page at a time."""
    offset = 0
    while offset is not None:
        answer = must(client.get("%s?rcn=8&ty=4&lvl=1&ofst=%d" % (container, offset)), 2000)
        for instance in answer.resource.get(NAMES[CIN], []) if answer.body else []:
            yield instance["con"]
        offset = answer.header("X-M2M-CTO")
        offset = None if offset is None else int(offset)


class Once:
    """The world, run by the first rule that asks."""

    faults = fault = None

    @classmethod
    def get(cls):
        expect(cls.fault is None, "the cycles ended early")
        if cls.faults is None:
            world = World(SEED)
            try:
                world.run()
                cls.faults = world.faults
            except Exception as fault:
                cls.fault = fault
                raise
            finally:
                world.server.kill()
                world.sink.close()
        return cls.faults


def hold(kind):
    def test():
        found = Once.get().found.get(kind, [])
        expect(not found, "%d faults, the first:\n%s" % (len(found), "\n".join(found[:5])))

    rule(kind)(test)


for each in (TOLD, ORDER, SAME, ONLY, BATCHES, COUNTER, AGAIN, STORE, QUIET):
    hold(each)


if __name__ == "__main__":
    main()
