"""One of the connections that test_kill.py puts under load: what it does at random, its model of what has been
acknowledged, and how it compares the model with what the server says after a kill."""

import random

from copse_harness import CIN, CNT, NAMES, request_bytes

BASE = "/cse-in/kill"
SHARED, RING = BASE + "/shared", BASE + "/ring"  # all writers create in these; the ring has a maxNrOfInstances
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 \"\\/\u00e9\u20ac\U0001f333"

# What a cycle looks up, and the rule that it belongs to.
KEPT = "every acknowledged create is there with its content"
GONE = "what was acknowledged as deleted or had to give way is gone, and so is what was below it"
SUMS = "cni, cbs and st of every container are those of the acknowledged changes"
ENDS = "latest and oldest are the newest and the oldest instance that is left"
WHOLE = "a request that was not acknowledged has happened whole or not at all"
ONCE = "no resource identifier is given twice, whatever was deleted before the kill"
ANSWERS = "under load every answer is the one that the acknowledged state asks for"
CLEAN = "after an orderly stop the store says the same, and a dump of it holds nothing else"


class Instance:
    __slots__ = ("ri", "rn", "con", "size", "st")

    def __init__(self, resource):
        self.ri, self.rn, self.con = resource["ri"], resource["rn"], resource["con"]
        self.size, self.st = resource["cs"], resource["st"]


class Container:
    """The acknowledged state of one container that a single writer changes."""

    def __init__(self, path, limits):
        self.path, self.limits = path, limits
        self.ri = None
        self.st, self.labels = 0, None
        self.instances, self.children, self.gone = [], [], []

    @property
    def size(self):
        return sum(instance.size for instance in self.instances)

    def add(self, instance):
        """The newest instance, and what has to give way for it (TS-0004 7.4.7.2.1)."""
        self.instances.append(instance)
        self.st = instance.st
        while len(self.instances) > self.limits.get("mni", 1 << 60) or self.size > self.limits.get("mbs", 1 << 60):
            self.gone.append(self.instances.pop(0))

    def remove(self, instance):
        self.instances.remove(instance)
        self.gone.append(instance)

    def tree(self):
        yield self
        for child in self.children:
            yield from child.tree()


class Writer:
    """One connection's script, its model, and the one request that may be in doubt after a kill."""

    def __init__(self, number, world):
        self.world, self.rng = world, random.Random("%d/%d" % (world.seed, number))
        self.root = Container("%s/w%02d" % (BASE, number), {})
        self.number, self.names = number, 0
        self.shared, self.shared_gone, self.ring = [], [], []  # instances of mine in SHARED and RING
        self.removed = []  # containers that were deleted
        self.doubt = None  # (function that looks it up, request) while a request is on its way
        self.checked = 0  # of `removed`, looked up by earlier cycles

    # -- the load --

    def script(self):
        moves = (
            (60, self.create_instance),
            (7, self.create_shared),
            (5, self.create_ring),
            (2, self.delete_shared),
            (6, self.delete_instance),
            (4, self.delete_latest),
            (6, self.update_labels),
            (5, self.create_container),
            (3, self.delete_container),
            (6, self.read_latest),
        )
        weights, functions = [weight for weight, _ in moves], [function for _, function in moves]
        while True:
            move = self.rng.choices(functions, weights)[0]()
            if move is not None:
                yield from move

    def ask(self, look_up, *request):
        """Sends a request. Until the answer is there, look_up is how to find out whether it happened."""
        self.doubt = look_up
        answer = yield request_bytes(*request)
        self.doubt = None
        return answer

    def expect(self, answer, rsc, what):
        return self.world.faults.check(ANSWERS, answer.rsc == rsc, "%s: %r instead of rsc %d" % (what, answer, rsc))

    def name(self):
        self.names += 1
        return "n%02d-%d" % (self.number, self.names)

    def content(self):
        size = int(self.rng.choice((20, 200, 200, 2000, 12000)) * self.rng.random())
        return "".join(self.rng.choices(LETTERS, k=min(size, 40))) + "." * max(0, size - 40)

    def pick(self):
        return self.rng.choice(list(self.root.tree()))

    def create_instance(self):
        container = self.pick()
        attributes = {"con": self.content()}
        if self.rng.random() < 0.2:
            attributes["rn"] = self.name()
        answer = yield from self.ask(
            lambda: self.find_created(container, attributes), "POST", container.path, {NAMES[CIN]: attributes}, CIN
        )
        if len(attributes["con"].encode()) > container.limits.get("mbs", 1 << 60):
            self.expect(answer, 5207, "create of more than maxByteSize")
        elif self.expect(answer, 2001, "create in " + container.path):
            self.take_created(container, attributes, answer.resource)

    def take_created(self, container, attributes, resource):
        check = self.world.faults.check
        check(
            ANSWERS,
            resource["con"] == attributes["con"] and resource["cs"] == len(attributes["con"].encode()),
            "%s answers with other content: %.200r" % (container.path, resource),
        )
        check(
            SUMS,
            resource["st"] == container.st + 1,
            "%s: st %d after %d" % (container.path, resource["st"], container.st),
        )
        self.world.take_identifier(resource["ri"])
        container.add(Instance(resource))

    def create_named(self, path, into):
        attributes = {"rn": self.name(), "con": self.content()}
        answer = yield from self.ask(
            lambda: self.find_named(path, attributes, into), "POST", path, {NAMES[CIN]: attributes}, CIN
        )
        if self.expect(answer, 2001, "create in " + path):
            self.world.take_identifier(answer.resource["ri"])
            into.append(Instance(answer.resource))

    def create_shared(self):
        return self.create_named(SHARED, self.shared)

    def create_ring(self):
        return self.create_named(RING, self.ring)

    def delete_one(self, path, delete):
        """delete: what happens to the model once it is known to have happened."""
        answer = yield from self.ask(lambda: self.find_deleted(path, delete), "DELETE", path)
        if self.expect(answer, 2002, "delete of " + path):
            delete()

    def delete_shared(self):
        if not self.shared:
            return None
        instance = self.rng.choice(self.shared)

        def delete():
            self.shared.remove(instance)
            self.shared_gone.append(instance)

        return self.delete_one(SHARED + "/" + instance.rn, delete)

    def delete_instance(self):
        container = self.pick()
        if not container.instances:
            return None
        instance = self.rng.choice(container.instances)
        path = self.rng.choice(("%s/%s" % (container.path, instance.rn), "/" + instance.ri))
        return self.delete_one(path, lambda: container.remove(instance))

    def delete_latest(self):
        container = self.pick()
        if not container.instances:
            return None
        instance = container.instances[-1]
        return self.delete_newest(container, instance)

    def delete_newest(self, container, instance):
        path = "/" + instance.ri
        answer = yield from self.ask(
            lambda: self.find_deleted(path, lambda: container.remove(instance)), "DELETE", container.path + "/la"
        )
        if self.expect(answer, 2002, "delete of latest in " + container.path):
            container.remove(instance)

    def update_labels(self):
        container = self.pick()
        labels = [self.name() for _ in range(self.rng.randrange(1, 4))]
        answer = yield from self.ask(
            lambda: self.find_updated(container, labels), "PUT", container.path, {NAMES[CNT]: {"lbl": labels}}
        )
        if self.expect(answer, 2004, "update of " + container.path):
            container.st, container.labels = container.st + 1, labels

    def create_container(self):
        tree = list(self.root.tree())
        parent = self.rng.choice([c for c in tree if c.path.count("/") < 6])
        limits = self.rng.choice(
            (
                {},
                {"mni": self.rng.randrange(1, 30)},
                {"mbs": self.rng.randrange(500, 20000)},
                {"mni": self.rng.randrange(1, 30), "mbs": self.rng.randrange(500, 20000)},
            )
        )
        if len(tree) > 12:
            return None
        return self.create_below(parent, limits)

    def create_below(self, parent, limits):
        name = self.name()
        container = Container("%s/%s" % (parent.path, name), limits)

        def take(resource):
            container.ri = resource["ri"]
            self.world.take_identifier(container.ri)
            parent.children.append(container)

        answer = yield from self.ask(
            lambda: self.find_container(container, take),
            "POST",
            parent.path,
            {NAMES[CNT]: {"rn": name, **limits}},
            CNT,
        )
        if self.expect(answer, 2001, "create of " + container.path):
            take(answer.resource)

    def delete_container(self):
        parents = [c for c in self.root.tree() if c.children]
        if not parents:
            return None
        parent = self.rng.choice(parents)
        container = self.rng.choice(parent.children)

        def delete():
            parent.children.remove(container)
            self.removed.append(container)

        return self.delete_one(container.path, delete)

    def read_latest(self):
        container = self.pick()
        answer = yield from self.ask(None, "GET", container.path + "/la")
        if not container.instances:
            self.expect(answer, 4004, "latest of nothing")
        elif self.expect(answer, 2000, "latest of " + container.path):
            self.world.faults.check(
                ANSWERS,
                answer.resource["ri"] == container.instances[-1].ri,
                "latest of %s is another" % container.path,
            )

    # -- after the kill: did the request in doubt happen? --

    def settle(self):
        if self.doubt:
            yield from self.doubt()
        self.doubt = None

    def both(self, answer, yes, no, what):
        """Did it happen? It is neither if the answer is another."""
        self.world.faults.check(WHOLE, answer.rsc in (yes, no), "%s: %r" % (what, answer))
        return answer.rsc == yes

    def find_created(self, container, attributes):
        answer = yield request_bytes("GET", container.path)
        st = answer.resource["st"]
        if st == container.st:
            return
        latest = yield request_bytes("GET", container.path + "/la")
        is_whole = (
            st == container.st + 1
            and latest.rsc == 2000
            and latest.resource["con"] == attributes["con"]
            and latest.resource["rn"] == attributes.get("rn", latest.resource["rn"])
        )
        if self.world.faults.check(
            WHOLE, is_whole, "create in %s with st %d: st %d, latest %r" % (container.path, container.st, st, latest)
        ):
            self.take_created(container, attributes, latest.resource)

    def find_named(self, path, attributes, into):
        answer = yield request_bytes("GET", path + "/" + attributes["rn"])
        if self.both(answer, 2000, 4004, "create in " + path):
            self.world.faults.check(
                WHOLE,
                answer.resource["con"] == attributes["con"],
                "%s/%s has other content" % (path, attributes["rn"]),
            )
            self.world.take_identifier(answer.resource["ri"])
            into.append(Instance(answer.resource))
        elif path == RING:
            self.world.ring_doubts += 1

    def find_deleted(self, path, delete):
        answer = yield request_bytes("GET", path)
        if self.both(answer, 4004, 2000, "delete of " + path):
            delete()

    def find_updated(self, container, labels):
        answer = yield request_bytes("GET", container.path)
        seen = (answer.resource["st"], answer.resource.get("lbl"))
        is_new = seen == (container.st + 1, labels)
        self.world.faults.check(
            WHOLE,
            is_new or seen == (container.st, container.labels),
            "update of %s from %r to %r: %r" % (container.path, (container.st, container.labels), labels, seen),
        )
        if is_new:
            container.st, container.labels = seen

    def find_container(self, container, take):
        answer = yield request_bytes("GET", container.path)
        if self.both(answer, 2000, 4004, "create of " + container.path):
            take(answer.resource)

    # -- after the kill: is everything as the model says? --

    def verify(self):
        for container in self.root.tree():
            yield from self.verify_container(container)
        for container in self.removed[self.checked :]:
            yield from self.verify_removed(container)
        self.checked = len(self.removed)
        for instance in self.shared:
            yield from self.verify_instance(SHARED, instance)
        for instance in self.shared_gone:
            yield from self.verify_gone(SHARED + "/" + instance.rn)

    def verify_container(self, container):
        check = self.world.faults.check
        answer = yield request_bytes("GET", container.path)
        if not check(KEPT, answer.rsc == 2000, "%s: %r" % (container.path, answer)):
            return
        seen = answer.resource
        wanted = {"cni": len(container.instances), "cbs": container.size, "st": container.st}
        check(
            SUMS,
            {name: seen[name] for name in wanted} == wanted,
            "%s: %.300r instead of %r" % (container.path, seen, wanted),
        )
        kept = {
            "ri": container.ri or seen["ri"],
            "lbl": container.labels,
            "mni": None,
            "mbs": None,
            **container.limits,
        }
        check(
            KEPT,
            {name: seen.get(name) for name in kept} == kept,
            "%s: %.300r instead of %r" % (container.path, seen, kept),
        )
        for instance in container.instances:
            yield from self.verify_instance(container.path, instance)
        for instance in container.gone:
            yield from self.verify_gone(self.rng.choice(("/" + instance.ri, "%s/%s" % (container.path, instance.rn))))
        del container.gone[:-5]
        yield from self.verify_end(container, "la", -1)
        yield from self.verify_end(container, "ol", 0)

    def verify_end(self, container, virtual, index):
        answer = yield request_bytes("GET", container.path + "/" + virtual)
        wanted = container.instances[index].ri if container.instances else None
        seen = answer.resource["ri"] if answer.rsc == 2000 else None
        self.world.faults.check(
            ENDS,
            seen == wanted and answer.rsc in (2000, 4004),
            "%s/%s is %r instead of %r" % (container.path, virtual, seen, wanted),
        )

    def verify_instance(self, path, instance):
        address = self.rng.choice(("/" + instance.ri, "%s/%s" % (path, instance.rn)))
        answer = yield request_bytes("GET", address)
        is_same = answer.rsc == 2000 and (
            answer.resource["con"],
            answer.resource["ri"],
            answer.resource["st"],
            answer.resource["cs"],
        ) == (instance.con, instance.ri, instance.st, instance.size)
        self.world.faults.check(
            KEPT, is_same, "%s in %s: %r instead of con %.100r" % (address, path, answer, instance.con)
        )

    def verify_gone(self, path):
        answer = yield request_bytes("GET", path)
        self.world.faults.check(GONE, answer.rsc == 4004, "%s: %r" % (path, answer))

    def verify_removed(self, top):
        for container in top.tree():
            for path in (container.path, "/" + container.ri, container.path + "/la"):
                yield from self.verify_gone(path)
            for instance in container.instances:
                yield from self.verify_gone("/" + instance.ri)
