#!/usr/bin/env python3
"""SIGKILL under load. Sixteen connections change resources at the same time; each keeps a model of what has been
acknowledged to it. The server is killed at a random moment and started again on the same store, and everything the
models say is looked up. Then the load goes on, on the same data. Speaks TAP.

COPSE_KILL_CYCLES sets the number of cycles (20), COPSE_KILL_SEED repeats a run, and with COPSE_KILL_KEEP a store that
was found at fault is copied there."""

import json
import os
import random
import shutil
import signal
import threading
import time

from copse_harness import (
    CIN,
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
    run,
)
from kill_writer import ANSWERS, BASE, CLEAN, ENDS, GONE, KEPT, ONCE, RING, SHARED, SUMS, WHOLE, Writer

WRITERS = 16
CYCLES = int(os.environ.get("COPSE_KILL_CYCLES", "20"))
SEED = int(os.environ.get("COPSE_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
RING_SIZE = 40
# Creates into a full container beforehand, two changes each, so that the store's snapshot, which is taken after so many
# changes, falls into one of the first cycles and the later ones start from it.
FILL = 97_000
FILL_SIZE = 50


class Faults:
    """What was found wrong, by rule; the first few of each are kept."""

    def __init__(self):
        self.found = {}

    def check(self, kind, condition, text):
        if not condition:
            self.found.setdefault(kind, []).append(text)
        return condition


class World:
    """All writers, the server, and what was found over all cycles."""

    def __init__(self, seed):
        self.seed, self.rng = seed, random.Random(seed)
        self.faults, self.identifiers = Faults(), set()
        self.server = Server()
        self.writers = [Writer(number, self) for number in range(WRITERS)]
        self.cycles = self.requests = self.in_doubt = self.ring_doubts = self.ring_count = 0

    def take_identifier(self, ri):
        self.faults.check(ONCE, ri not in self.identifiers, "%s was given before" % ri)
        self.identifiers.add(ri)

    def set_up(self):
        with self.server.start().client() as client:
            must(client.create_ae("kill"), 2001)
            must(client.create_cnt(BASE, "shared"), 2001)
            must(client.create_cnt(BASE, "ring", mni=RING_SIZE), 2001)
            for writer in self.writers:
                answer = must(client.create_cnt(BASE, writer.root.path.rpartition("/")[2]), 2001)
                writer.root.ri = answer.resource["ri"]
                self.take_identifier(writer.root.ri)

        self.fill()

    def fill(self):
        with self.server.client() as client:
            must(client.create_cnt(BASE, "fill", mni=FILL_SIZE), 2001)

        def script(number):
            for _ in range(number, FILL, 32):
                must((yield request_bytes("POST", BASE + "/fill", {NAMES[CIN]: {"con": "f"}}, CIN)), 2001)

        Crowd(self.server.port, [script(number) for number in range(32)]).run()

    def look(self, name):
        crowd = Crowd(self.server.port, [getattr(writer, name)() for writer in self.writers]).run()
        self.server.expect_running()
        expect_equal(crowd.lost, 0, "connections lost in " + name)

    def load_and_kill(self):
        timer = threading.Timer(0.1 + 0.9 * self.rng.random(), self.server.process.kill)
        crowd = Crowd(self.server.port, [writer.script() for writer in self.writers])
        timer.start()
        self.requests += crowd.run().answers
        timer.join()
        code = self.server.end(signal.SIGKILL, 30)
        expect_equal(code, -signal.SIGKILL, "how the server ended under load (%s)" % self.server.log())
        self.in_doubt += sum(writer.doubt is not None for writer in self.writers)

    def start_again(self):
        """Now and then the server is killed once more while it starts."""
        if self.rng.random() < 0.3:
            self.server.launch()
            time.sleep(0.08 * self.rng.random())
            self.server.kill()
        self.server.start()

    def verify(self):
        self.look("settle")
        self.look("verify")
        with self.server.client() as client:
            self.verify_shared(must(client.get(SHARED), 2000).resource)
            self.verify_ring(client)
            seen = must(client.get(BASE + "/fill"), 2000).resource
            wanted = {"cni": FILL_SIZE, "cbs": FILL_SIZE, "st": FILL}
            self.faults.check(SUMS, {name: seen[name] for name in wanted} == wanted, "fill: %r" % seen)

    def verify_shared(self, seen):
        instances = [instance for writer in self.writers for instance in writer.shared]
        created = len(instances) + sum(len(writer.shared_gone) for writer in self.writers)
        wanted = {"cni": len(instances), "cbs": sum(instance.size for instance in instances), "st": created}
        self.faults.check(
            SUMS, {name: seen[name] for name in wanted} == wanted, "shared: %r instead of %r" % (seen, wanted)
        )

    def verify_ring(self, client):
        """Of all that was created, the newest are there. Requests in doubt may have come and gone unseen."""
        known = sorted(
            (instance for writer in self.writers for instance in writer.ring), key=lambda instance: instance.st
        )
        seen = must(client.get(RING), 2000).resource
        self.ring_count = seen["cni"]
        self.faults.check(
            SUMS,
            len(known) <= seen["st"] <= len(known) + self.ring_doubts and seen["cni"] == min(RING_SIZE, seen["st"]),
            "ring: %r with %d known creates" % (seen, len(known)),
        )
        self.faults.check(
            WHOLE, len({instance.st for instance in known}) == len(known), "ring: a stateTag is there twice"
        )
        for instance in known[-RING_SIZE:]:
            is_there = client.get(RING + "/" + instance.rn).rsc == 2000
            self.faults.check(
                KEPT, is_there or instance.st <= seen["st"] - RING_SIZE, "ring: st %d is gone" % instance.st
            )
        for instance in known[:-RING_SIZE][-100:]:
            self.faults.check(
                GONE, client.get("/" + instance.ri).rsc == 4004, "ring: st %d is still there" % instance.st
            )

    def cycle(self):
        self.cycles += 1
        self.load_and_kill()
        self.start_again()
        self.verify()

    def dump(self):
        """How many instances each parent has by its key, and the resources, as a dump of the stopped store says."""
        result = run("dump", "--set", "store.path=" + self.server.store)
        expect_equal((result.returncode, result.stderr), (0, ""), "dump")
        counts, containers = {}, {}
        for line in map(json.loads, result.stdout.splitlines()):
            if "resource" in line:
                containers[line["key"]] = line["resource"]
            elif "attributes" in line:
                counts[line["parent"]] = counts.get(line["parent"], 0) + 1
        return counts, containers

    def verify_dump(self):
        counts, containers = self.dump()
        models = [container for writer in self.writers for container in writer.root.tree()]
        wanted = [len(container.instances) for container in models]
        wanted += [sum(len(writer.shared) for writer in self.writers), self.ring_count, FILL_SIZE]
        text = [json.dumps(resource) for resource in containers.values()]
        self.faults.check(
            CLEAN, sorted(counts.values()) == sorted(filter(None, wanted)), "the dump has other numbers of instances"
        )
        self.faults.check(CLEAN, set(counts) <= set(containers), "the dump has instances without a parent")
        for container in models:
            self.faults.check(
                CLEAN, any('"%s"' % container.ri in one for one in text), "the dump has no " + container.path
            )
        removed = [container for writer in self.writers for top in writer.removed for container in top.tree()]
        for container in removed[-200:]:
            self.faults.check(
                CLEAN, not any('"%s"' % container.ri in one for one in text), "the dump has " + container.path
            )


def run_world():
    """All cycles, once; the rules below only look at what was found."""
    world = World(SEED)
    comment("COPSE_KILL_SEED=%d COPSE_KILL_CYCLES=%d" % (SEED, CYCLES))
    try:
        world.set_up()
        while world.cycles < CYCLES and not world.faults.found:
            world.cycle()
        before = len(world.faults.found)
        world.server.restart()
        world.verify()
        world.server.stop()
        world.verify_dump()
        world.faults.check(CLEAN, len(world.faults.found) == before, "more is wrong after it than before")
    finally:
        world.server.kill()
    alive = sum(len(c.instances) for writer in world.writers for c in writer.root.tree())
    comment(
        "%d kills, %d requests acknowledged, %d in doubt, %d instances and %d containers left, %d identifiers given"
        % (
            world.cycles,
            world.requests,
            world.in_doubt,
            alive + sum(len(w.shared) for w in world.writers),
            sum(1 for writer in world.writers for _ in writer.root.tree()),
            len(world.identifiers),
        )
    )
    if world.faults.found and os.environ.get("COPSE_KILL_KEEP"):
        shutil.copytree(world.server.store, os.environ["COPSE_KILL_KEEP"])
    return world


class Once:
    """The world, run by the first rule that asks."""

    world = fault = None

    @classmethod
    def get(cls):
        if cls.fault:
            raise AssertionError("the cycles ended early")
        if cls.world is None:
            try:
                cls.world = run_world()
            except Exception as fault:
                cls.fault = fault
                raise
        return cls.world


def hold(kind):
    def test():
        found = Once.get().faults.found.get(kind, [])
        expect(not found, "%d faults, the first:\n%s" % (len(found), "\n".join(found[:5])))

    rule(kind)(test)


for each in (KEPT, GONE, SUMS, ENDS, WHOLE, ONCE, ANSWERS, CLEAN):
    hold(each)


@rule("a key is not used again when the newest resources were deleted just before the kill")
def newest_deleted():
    """A generated identifier is a letter and the key, and keys are common to all types."""
    seen = set()
    server = Server()
    with server.start().client() as client:
        must(client.create_ae("keys"), 2001)
        must(client.create_cnt("/cse-in/keys", "c"), 2001)

    def create_and_delete(client, create, path):
        ri = must(create(), 2001).resource["ri"]
        expect(ri[1:] not in seen, "the key of %s is given again" % ri)
        seen.add(ri[1:])
        must(client.delete(path), 2002)

    for cycle in range(9):
        with server.client() as client:
            moves = [
                (lambda: client.create_cin("/cse-in/keys/c", "x"), "/cse-in/keys/c/la"),
                (lambda: client.create_cnt("/cse-in/keys", "d"), "/cse-in/keys/d"),
            ]
            for number in range(20 + cycle):
                create_and_delete(client, *moves[(number + cycle // 2) % 2])
        if cycle % 3 == 2:
            server.restart()
        else:
            server.kill()
            server.start()


if __name__ == "__main__":
    main()
