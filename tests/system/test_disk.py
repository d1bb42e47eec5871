#!/usr/bin/env python3
"""What the disk can do to a server: no room, errors on writing, read-only, broken and foreign files; and what the
server does to the disk: how long its WAL gets, and whether it gives space back. Speaks TAP."""

import atexit
import contextlib
import hashlib
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import time

from copse_harness import (
    Crowd,
    Server,
    Skip,
    comment,
    expect,
    expect_equal,
    main,
    must,
    rule,
    run,
    temporary_directory,
)
from filling import AE, CONNECTIONS, Filling, break_and_mend, create_bytes, set_up

DATABASE = "copse.db"


# ---- helpers ----


def database(store):
    return os.path.join(store, DATABASE)


def size_of(path):
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def digests(directory):
    """Of every file with something in it; the lock file has nothing."""
    found = {}
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as file:
            content = file.read()
        if content:
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def last_word(text):
    """The one line in which the program says why it ends, beside lines of its log."""
    lines = [line for line in text.splitlines() if not line.startswith("time=")]
    expect(len(lines) == 1 and lines[0].startswith("copse: "), "not one line: %r" % text)
    return lines[0]


def refused(store, *parts):
    """`copse run` on that store must end with code 2 and one line that has these parts."""
    result = run("run", "--set", "http.listen=127.0.0.1:0", "--set", "store.path=" + store, timeout=30)
    expect_equal(result.returncode, 2, "exit code (%r)" % result.stderr)
    line = last_word(result.stderr)
    expect(all(part in line for part in parts), "not a line with %r: %r" % (parts, line))


def make_store(instances=2000, containers=4):
    """A store with content, its server stopped: the directory, and {path: content} of the instances."""
    server, contents = Server(), {}
    server.start()
    set_up(server, containers)

    def script(number):
        for index in range(number, instances, CONNECTIONS):
            path, content = "%s/c%d" % (AE, index % containers), "%d %s" % (index, "x" * 300)
            answer = must(
                (yield create_bytes(path, content, **({"rn": "n%d" % index} if index % 3 == 0 else {}))), 2001
            )
            contents["%s/%s" % (path, answer.resource["rn"])] = content

    Crowd(server.port, [script(number) for number in range(CONNECTIONS)]).run()
    server.stop()
    expect_equal(len(contents), instances, "instances created")
    return server.store, contents


@contextlib.contextmanager
def small_disk(megabytes):
    """A directory on a file system of its own."""
    path = os.path.join(temporary_directory(), "disk")
    os.mkdir(path)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=%dm" % megabytes, "copse-test", path],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise Skip("cannot mount a small file system here: " + made.stderr.strip())
    unmount = atexit.register(subprocess.run, ["umount", "-l", path], check=False, capture_output=True)
    try:
        yield path
    finally:
        unmount(["umount", "-l", path], check=False, capture_output=True)
        atexit.unregister(unmount)


# ---- no room, errors on writing ----


@rule(
    "on a full disk exactly the changes that find no room answer 5000, reads go on, and room is all it takes to go on"
)
def full_disk():
    with small_disk(48) as disk:
        ballast = os.path.join(disk, "ballast")
        with open(ballast, "wb") as file:
            file.write(b"\0" * (16 << 20))
        server = Server(store=os.path.join(disk, "data")).start()
        break_and_mend(Filling(server), lambda: None, lambda: os.remove(ballast), server.restart)


@rule("a server that was killed on a full disk starts with all that was acknowledged once there is room")
def killed_on_full_disk():
    with small_disk(48) as disk:
        ballast = os.path.join(disk, "ballast")
        with open(ballast, "wb") as file:
            file.write(b"\0" * (16 << 20))
        server = Server(store=os.path.join(disk, "data")).start()
        filling = Filling(server)
        filling.fill()
        server.kill()
        ended = try_start(server)
        comment("on the full disk: " + (ended or "it starts"))
        os.remove(ballast)
        if ended:
            server.start()
        filling.check_all()
        filling.wait_for_service()
        filling.check_all()


def try_start(server):
    """Starts it; the line it ended with if it refused to, which must be a clear one."""
    before = len(server.log())
    try:
        server.start()
        return None
    except AssertionError:
        expect_equal(server.end(signal.SIGKILL, 10), 2, "exit code (%s)" % server.log()[before:])
        return last_word(server.log()[before:])


@rule("when writing fails exactly the changes concerned answer 5000, and service goes on when the cause is gone")
def write_errors():
    """A limit on the size of files makes write() fail as a broken device would."""
    server = Server().start(restore_signals=False)  # Python ignores SIGXFSZ, and so does what it starts then
    hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)[1]

    def limit(size):
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, hard))

    def restart():
        server.stop()
        server.start()

    largest = max(size_of(os.path.join(server.store, name)) for name in os.listdir(server.store))
    filling = Filling(server)
    break_and_mend(filling, lambda: limit(largest + (64 << 10)), lambda: limit(resource.RLIM_INFINITY), restart)


# ---- stores that cannot be used ----


@rule("a store on a read-only file system is refused with one line and code 2")
def read_only():
    store, _ = make_store(50)
    with small_disk(20) as disk:
        shutil.copytree(store, os.path.join(disk, "data"))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        refused(os.path.join(disk, "data"), "data")
        refused(os.path.join(disk, "new"), "new")


@rule(
    "a store directory that is a file, or lies in a directory that is not there, is refused with one line and code 2"
)
def no_directory():
    base = temporary_directory()
    path = os.path.join(base, "file")
    with open(path, "w", encoding="ascii") as file:
        file.write("mine")
    refused(path, path)
    refused(os.path.join(base, "a", "b", "c"), base)
    expect_equal(os.listdir(base), ["file"], "directory afterwards")


@rule("a store that another server uses is refused with one line and code 2, and the first server goes on")
def in_use():
    with Server() as server:
        refused(server.store, "in use")
        with server.client() as client:
            must(client.create_ae("later"), 2001)


@rule("a store of a newer format is refused with one line and code 2 and stays as it is")
def newer_format():
    store, _ = make_store(50)
    with contextlib.closing(sqlite3.connect(database(store))) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        expect(version > 0, "the store has no format number")
        db.execute("PRAGMA user_version = %d" % (version + 1))
    before = digests(store)
    refused(store, "later version")
    expect_equal(digests(store), before, "files of the store")


@rule("a database of another program is refused with one line and code 2 and stays as it is")
def foreign_database():
    store = temporary_directory()
    with contextlib.closing(sqlite3.connect(database(store))) as db:
        db.execute("CREATE TABLE customers(name TEXT)")
        db.execute("INSERT INTO customers VALUES('Eve')")
        db.commit()
    before = digests(store)
    refused(store, DATABASE)
    expect_equal(digests(store), before, "files of the store")


@rule("a file that is no database, or a part of one, is refused with one line and code 2 and stays as it is")
def no_database():
    original, _ = make_store(500)
    with open(database(original), "rb") as file:
        content = file.read()
    garbage = random.Random(1).randbytes(len(content))
    half = len(content) // 2
    for broken in (
        garbage,
        garbage[:100] + content[100:],
        content[:half],
        content[:5000],
        content[:100],
        b"\0" * len(content),
    ):
        store = temporary_directory()
        with open(database(store), "wb") as file:
            file.write(broken)
        before = digests(store)
        refused(store, DATABASE)
        expect_equal(digests(store), before, "files of the store")


# ---- a broken page ----


def page_of(content):
    size = int.from_bytes(content[16:18], "big")
    return 65536 if size == 1 else size


def broken_stores(content, rng, count):
    """Copies with one page overwritten: (what was done, content)."""
    page = page_of(content)
    pages = len(content) // page
    chosen = range(1, pages) if pages <= count else sorted(rng.sample(range(1, pages), count))
    for number in chosen:
        for kind, bad in (("zeros", b"\0" * page), ("noise", rng.randbytes(page))):
            yield "page %d of %d: %s" % (number + 1, pages, kind), content[: number * page] + bad + content[
                (number + 1) * page :
            ]


def use_broken(server, contents):
    """Every request is answered, and no content is wrong. How many answered 5000."""
    failures = 0
    with server.client() as client:
        for path, content in contents.items():
            answer = client.get(path)
            expect(answer.rsc in (2000, 5000), "%s: %r" % (path, answer))
            expect(
                answer.rsc == 5000 or answer.resource["con"] == content, "%s has wrong content: %r" % (path, answer)
            )
            failures += answer.rsc == 5000
        for number in range(4):
            container = "%s/c%d" % (AE, number)
            answer = client.create_cin(container, "more")
            expect(answer.rsc in (2001, 5000), "create: %r" % answer)
            for path in (container + "/la", container + "/ol"):
                seen = client.get(path)
                expect(seen.rsc in (2000, 5000), "%s: %r" % (path, seen))
        answer = client.delete(AE + "/c1")
        expect(answer.rsc in (2002, 5000), "delete: %r" % answer)
    return failures


@rule(
    "a broken page is one clear line and code 2, or answers 5000 to what needs it; never a crash, never wrong content"
)
def broken_page():
    original, contents = make_store(400)
    with open(database(original), "rb") as file:
        content = file.read()
    results = {"refused": 0, "served": 0, "5000": 0}
    sample = dict(random.Random(3).sample(sorted(contents.items()), 120))
    for what, broken in broken_stores(content, random.Random(2), 24):
        server = Server()
        os.mkdir(server.store)
        with open(database(server.store), "wb") as file:
            file.write(broken)
        try:
            if try_start(server):
                results["refused"] += 1
                continue
            results["5000"] += use_broken(server, sample) > 0
            results["served"] += 1
            server.expect_running()
            expect(server.end(signal.SIGTERM, 30) in (0, 1), "it did not end orderly: " + server.log())
        except (AssertionError, OSError) as fault:
            raise AssertionError("%s: %s\n%s" % (what, fault, server.log())) from fault
        finally:
            server.kill()
    comment("%(refused)d refused, %(served)d served, of which %(5000)d with answers 5000" % results)
    expect(results["5000"] > 0, "no broken page was ever noticed on reading")


# ---- what the server does to the disk ----


@rule("the write-ahead log stays short under sustained load")
def bounded_wal():
    server = Server().start()
    set_up(server, 100)
    path, largest, written = database(server.store) + "-wal", 0, 100_000
    connections = 32

    def script(number):
        nonlocal largest
        for index in range(number, written, connections):
            answer = yield create_bytes("%s/c%d" % (AE, index % 100), "z" * 200)
            if index % 500 == 0:
                largest = max(largest, size_of(path))
            expect(answer.rsc == 2001, "create: %r" % answer)

    Crowd(server.port, [script(number) for number in range(connections)]).run()
    server.expect_running()
    size = size_of(database(server.store))
    comment("%d creates: WAL at most %.1f MB, database %.1f MB" % (written, largest / 1e6, size / 1e6))
    expect(largest < 64 << 20, "the WAL had %d bytes" % largest)
    expect(size > 20 << 20, "the database has not been written: %d bytes" % size)
    server.stop()
    expect(size_of(path) == 0, "the WAL is left after an orderly stop")


def store_size(server):
    return sum(size_of(os.path.join(server.store, name)) for name in os.listdir(server.store))


def quiet_size(server):
    """Bytes of the store once the server has stopped tidying."""
    size, since = None, time.monotonic()
    while True:
        now = store_size(server)
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > 1.0:
            return now
        time.sleep(0.05)


def fill_container(server, name, instances):
    def script(number):
        for _ in range(number, instances, CONNECTIONS):
            expect((yield create_bytes("%s/%s" % (AE, name), "w" * 1000)).rsc == 2001, "create")

    Crowd(server.port, [script(number) for number in range(CONNECTIONS)]).run()


@rule("space is used again and given back after containers are deleted")
def reclaimed():
    server = Server().start()
    set_up(server, 1)
    sizes = []
    for cycle in range(8):
        with server.client() as client:
            must(client.create_cnt(AE, "round"), 2001)
            fill_container(server, "round", 8000)
            must(client.delete(AE + "/round"), 2002)
            must(client.get(AE + "/round"), 4004)
        if cycle % 2:
            sizes.append(quiet_size(server))
    server.stop()
    for _ in range(5):  # what a busy machine had no time for goes on at the next start
        final = size_of(database(server.store))
        if final < 6 << 20:
            break
        server.start()
        quiet_size(server)
        server.stop()
    comment(
        "after each two times 8 MB: %s MB; stopped: %.1f MB"
        % (", ".join("%.1f" % (size / 1e6) for size in sizes), final / 1e6)
    )
    expect(max(sizes) < 48 << 20, "64 MB went through it and the files keep growing: %r" % sizes)
    expect(final < 6 << 20, "the space is not given back: %d bytes" % final)


@rule("a container that is always full does not make the file grow")
def ring_size():
    """What had to give way lingers until there is enough to be deleted at little cost: the size goes up and down."""
    server = Server().start()
    set_up(server, 1, mni=100)
    largest = 0
    for _ in range(50):
        fill_container(server, "c0", 2500)
        largest = max(largest, store_size(server))
    server.stop()
    final = size_of(database(server.store))
    comment("while 130 MB went through it at most %.1f MB; stopped: %.1f MB" % (largest / 1e6, final / 1e6))
    expect(largest < 72 << 20 and final < 48 << 20, "the files keep growing")
    with server.start().client() as client:
        expect_equal(must(client.get(AE + "/c0"), 2000).resource["cni"], 100, "cni after a restart")


if __name__ == "__main__":
    main()
