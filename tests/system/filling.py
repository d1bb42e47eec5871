"""The story of a disk that stops taking writes and takes them again, told by the tests of full and failing disks:
instances are created from several connections, and at any time the server must say what it has acknowledged, and
nothing else."""

import time

from copse_harness import CIN, NAMES, Crowd, comment, expect, expect_equal, must, request_bytes

AE = "/cse-in/disk"
CONNECTIONS = 8


def set_up(server, containers, **attributes):
    with server.client() as client:
        must(client.create_ae("disk"), 2001)
        for number in range(containers):
            must(client.create_cnt(AE, "c%d" % number, **attributes), 2001)


def create_bytes(path, content, **attributes):
    return request_bytes("POST", path, {NAMES[CIN]: {"con": content, **attributes}}, CIN)


class Filling:
    """Instances created from several connections until the store takes no more, and what must be seen of them."""

    PATIENCE = 25  # refusals in a row after which it is full

    def __init__(self, server):
        self.server = server
        self.kept = {number: [] for number in range(CONNECTIONS)}  # (rn, con) as acknowledged
        self.refused, self.count = [], 0
        set_up(server, CONNECTIONS)

    def path(self, number):
        return "%s/c%d" % (AE, number)

    def script(self, number, most):
        patience = self.PATIENCE
        while patience > 0 and most > 0:
            self.count, most = self.count + 1, most - 1
            name, content = "n%d" % self.count, "%d %s" % (self.count, "y" * 900)
            answer = yield create_bytes(self.path(number), content, rn=name)
            if answer.rsc == 2001:
                self.kept[number].append((name, content))
                patience = self.PATIENCE
                continue
            expect(answer.status == 500 and answer.rsc == 5000 and b"m2m:dbg" in answer.body, "create: %r" % answer)
            self.refused.append("%s/%s" % (self.path(number), name))
            patience -= 1

    def fill(self, most=1 << 30):
        crowd = Crowd(self.server.port, [self.script(number, most) for number in range(CONNECTIONS)]).run()
        self.server.expect_running()
        expect_equal(crowd.lost, 0, "connections lost")

    def acknowledged(self):
        return sum(len(kept) for kept in self.kept.values())

    def check_all(self):
        """Everything that was acknowledged is there, in the sums as well, and nothing else is."""
        with self.server.client() as client:
            for number, kept in self.kept.items():
                seen = must(client.get(self.path(number)), 2000).resource
                wanted = (len(kept), sum(len(content) for _, content in kept))
                expect_equal((seen["cni"], seen["cbs"]), wanted, "cni and cbs of container %d" % number)
                for name, content in kept:
                    answer = must(client.get("%s/%s" % (self.path(number), name)), 2000)
                    expect_equal(answer.resource["con"], content, name)
                self.check_end(client, number, "la", -1)
                self.check_end(client, number, "ol", 0)
            for path in self.refused:
                must(client.get(path), 4004)

    def check_end(self, client, number, virtual, index):
        answer = client.get("%s/%s" % (self.path(number), virtual))
        seen = answer.resource["rn"] if answer.rsc == 2000 else None
        expect_equal(
            seen, self.kept[number][index][0] if self.kept[number] else None, "%s of container %d" % (virtual, number)
        )

    def snapshot(self):
        """Every container as the server shows it."""
        with self.server.client() as client:
            return [
                must(client.get(self.path(number) + end), 2000).body
                for number in self.kept
                for end in ("", "/la", "/ol")
            ]

    def change_while_broken(self):
        """An update and a delete may go through or answer 5000; what is seen afterwards is what was answered."""
        with self.server.client() as client:
            answer = client.update(self.path(0), 3, {"lbl": ["changed"]})
            expect(answer.rsc in (2004, 5000), "update: %r" % answer)
            labels = must(client.get(self.path(0)), 2000).resource.get("lbl")
            expect_equal(labels, ["changed"] if answer.rsc == 2004 else None, "lbl after %r" % answer)
            answer = client.delete("%s/%s" % (self.path(1), self.kept[1][0][0]))
            expect(answer.rsc in (2002, 5000), "delete: %r" % answer)
            if answer.rsc == 2002:
                self.kept[1].pop(0)

    def wait_for_service(self, seconds=10):
        deadline = time.monotonic() + seconds
        with self.server.client() as client:
            while True:
                answer = client.create_cin(self.path(0), "again", rn="n%d" % (self.count + 1))
                self.count += 1
                if answer.rsc == 2001:
                    self.kept[0].append(("n%d" % self.count, "again"))
                    return
                expect(
                    answer.rsc == 5000 and time.monotonic() < deadline,
                    "no service after %d s: %r" % (seconds, answer),
                )
                time.sleep(0.05)


def break_and_mend(filling, break_it, mend_it, restart):
    """The whole story: some content, no more writing, everything as acknowledged; writing again; a restart."""
    filling.fill(200)
    expect_equal(len(filling.refused), 0, "creates refused while all was well")
    break_it()
    filling.fill()
    expect(len(filling.refused) >= CONNECTIONS * filling.PATIENCE, "creates were not refused")
    filling.check_all()
    filling.change_while_broken()
    filling.check_all()
    mend_it()
    filling.wait_for_service()
    before = len(filling.refused)
    filling.fill(50)
    expect_equal(len(filling.refused), before, "creates refused although the cause is gone")
    filling.check_all()
    seen = filling.snapshot()
    restart()
    expect_equal(filling.snapshot(), seen, "what the store says after a restart")
    filling.check_all()
    comment("%d creates acknowledged, %d refused" % (filling.acknowledged(), len(filling.refused)))
