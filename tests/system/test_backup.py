#!/usr/bin/env python3
"""copse backup, restore and verify: while a server runs and while none does, on sound and on broken files. Speaks TAP."""
import errno
import hashlib
import os
import pathlib
import shutil
import signal
import sqlite3
import threading

from copse_harness import (FaultyDisk, Server, expect, expect_equal, main, must, rule, run, temporary_directory)


def on(server):
    return "--set", f"store.path={server.store}"


def names(directory):
    return sorted(os.listdir(directory))


def contents(directory):
    """Of every file with something in it, but the shared memory that connections leave."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in pathlib.Path(directory).iterdir()
            if path.stat().st_size and not path.name.endswith("-shm")}


def done(result, *parts):
    expect_equal((result.returncode, result.stderr), (0, ""), result.args)
    for part in parts:
        expect(part in result.stdout, f"no {part!r} in {result.stdout!r}")


def refused(result, code, *parts):
    expect_equal((result.returncode, result.stderr.count("\n")), (code, 1), f"{result.args}: {result.stderr}")
    for part in parts:
        expect(part in result.stderr, f"no {part!r} in {result.stderr!r}")


def filled(instances=20, **options):
    """A server with a container c and instances v0, v1 ... in it."""
    server = Server(**options).start()
    with server.client() as client:
        must(client.create_cnt("/cse-in", "c"), 2001)
        for number in range(instances):
            must(client.create_cin("/cse-in/c", f"v{number}"), 2001)
    return server


def backup_file():
    return os.path.join(temporary_directory(), "copse.backup")


def latest(server):
    with server.client() as client:
        return must(client.get("/cse-in/c/la"), 2000).resource["con"]


class Writer(threading.Thread):
    """Creates instances one after the other until told to stop; `acknowledged` counts them."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.acknowledged, self.stopped = server, 0, threading.Event()
        self.some = threading.Event()

    def run(self):
        with self.server.client() as client:
            while not self.stopped.is_set():
                if client.create_cin("/cse-in/c", "x" * 500).rsc != 2001:
                    return
                self.acknowledged += 1
                if self.acknowledged >= 200:
                    self.some.set()

    def end(self):
        self.stopped.set()
        self.join()


@rule("a backup under load is one moment: all that was acknowledged before it, and whole")
def _():
    server, file = filled(), backup_file()
    writer = Writer(server)
    writer.start()
    expect(writer.some.wait(60), "nothing is written")
    before = writer.acknowledged
    done(run("backup", file, *on(server)), file, "on disk")
    after = writer.acknowledged
    writer.end()
    server.stop()
    done(run("verify", file), "sound", "agree")
    restored = Server()
    done(run("restore", file, *on(restored)), "instances")
    with restored, restored.client() as client:
        count = must(client.get("/cse-in/c"), 2000).resource["cni"] - 20
        # One more may have been durable and not yet counted by the writer.
        expect(before <= count <= after + 1, f"{count} instances, {before} before and {after} after the backup")
        must(client.create_cin("/cse-in/c", "next"), 2001)


@rule("backups can be taken again and again while the server writes and keeps its WAL short")
def _():
    server, directory = filled(), temporary_directory()
    writer = Writer(server)
    writer.start()
    for number in range(5):
        done(run("backup", os.path.join(directory, f"b{number}"), *on(server)))
    writer.end()
    expect_equal(names(directory), [f"b{number}" for number in range(5)], "what is left beside the backups")
    server.stop()


@rule("a backup of a stopped store, and of one that was killed, holds everything and changes nothing")
def _():
    for how in (signal.SIGTERM, signal.SIGKILL):
        server, file = filled(), backup_file()
        server.end(how, 30)
        before = contents(server.store)
        done(run("backup", file, *on(server)))
        expect_equal(contents(server.store), before, "the store's files")
        expect_equal(oct(os.stat(file).st_mode & 0o777), "0o600", "who may read the backup")
        restored = Server()
        done(run("restore", file, *on(restored)), "20 instances")
        with restored:
            expect_equal(latest(restored), "v19", "the latest instance")


@rule("a backup replaces nothing, and leaves nothing where it fails")
def _():
    server, file = filled(), backup_file()
    server.stop()
    pathlib.Path(file).write_text("precious")
    refused(run("backup", file, *on(server)), 2, file, "there already")
    expect_equal(pathlib.Path(file).read_text(), "precious", "the file that was there")
    os.unlink(file)
    refused(run("backup", os.path.join(file, "x"), *on(server)), 2, file)
    refused(run("backup", file, "--set", "store.path=/nonexistent"), 2, "/nonexistent/copse.db")
    refused(run("backup", file, "--set", "store.type=memory"), 2, "memory")
    refused(run("backup", *on(server)), 2, "missing")
    expect_equal(names(os.path.dirname(file)), [], "what is left")


@rule("a backup onto a full or failing disk says so, leaves nothing and harms no store")
def _():
    server, file, disk = filled(), backup_file(), FaultyDisk()
    for faults in ({"write_errno": errno.ENOSPC}, {"sync_errno": errno.EIO}):
        disk.set(**faults)
        result = run("backup", file, *on(server), env=disk.environment())
        refused(result, 1, file)
        expect_equal(names(os.path.dirname(file)), [], "what is left")
    expect_equal(latest(server), "v19", "the latest instance")
    server.stop()


@rule("a store that is damaged is not backed up silently")
def _():
    server, file = filled(2000), backup_file()
    server.stop()
    break_page(os.path.join(server.store, "copse.db"))
    refused(run("backup", file, *on(server)), 1, "damaged")
    expect_equal(names(os.path.dirname(file)), [], "what is left")


def break_page(path):
    """Overwrites what follows the header of a page in the middle."""
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 8192 // 2 * 8192)
        file.write(b"\xff" * 4096)


@rule("restore is refused while a server runs, and for what is no sound backup; the store then stays as it is")
def _():
    server, file = filled(), backup_file()
    done(run("backup", file, *on(server)))
    refused(run("restore", file, *on(server)), 2, "in use")
    server.stop()
    before = contents(server.store)
    whole = pathlib.Path(file).read_bytes()
    for text in (b"", b"no database", whole[:20000], whole[:30000] + b"\xff" * 5000 + whole[35000:]):
        pathlib.Path(file).write_bytes(text)
        refused(run("restore", file, *on(server)), 1, file)
    refused(run("restore", file + "x", *on(server)), 2, file + "x")
    expect_equal(contents(server.store), before, "the store's files")


@rule("restore keeps what was there under a name that says when, unless it is told to discard it")
def _():
    server, file = filled(), backup_file()
    done(run("backup", file, *on(server)))
    with server.client() as client:
        must(client.create_cin("/cse-in/c", "later"), 2001)
    server.kill()  # what is kept needs its WAL
    result = run("restore", file, *on(server))
    done(result, "20 instances", "before-restore-")
    aside = result.stdout.split(" kept as ")[1].strip()
    expect(os.path.exists(aside), aside)
    with server:
        expect_equal(latest(server), "v19", "after the restore")
    done(run("restore", aside, "--discard", *on(server)), "21 instances")
    with server:
        expect_equal(latest(server), "later", "after the way back")
    kept = [name for name in names(server.store) if "before-restore" in name and "-wal" not in name
            and "-shm" not in name]
    expect_equal(kept, [os.path.basename(aside)], "what is kept")


@rule("a restore that was interrupted when its copy was complete is ended by the next start")
def _():
    server, file = filled(), backup_file()
    done(run("backup", file, *on(server)))
    with server.client() as client:
        must(client.create_cin("/cse-in/c", "later"), 2001)
    server.kill()
    database = os.path.join(server.store, "copse.db")
    expect(os.path.getsize(database + "-wal") > 0, "no WAL to be played into the wrong file")
    shutil.copy(file, database + ".restored")
    with server:
        expect_equal(latest(server), "v19", "after the start")
    expect(not os.path.exists(database + ".restored"), "the copy is still there")
    done(run("verify", *on(server)), "agree")


@rule("a restore that was interrupted before is forgotten")
def _():
    server, file = filled(), backup_file()
    done(run("backup", file, *on(server)))
    server.stop()
    pathlib.Path(server.store, "copse.db.new").write_bytes(b"half a copy")
    with server:
        expect_equal(latest(server), "v19", "after the start")
    done(run("restore", file, *on(server)), "20 instances")
    expect("copse.db.new" not in names(server.store), names(server.store))


@rule("verify says what it looked at, changes nothing, and does so while a server runs as well")
def _():
    server = filled()
    seen = ("copse.db", "format     ", "sound", "2 resources, 20 instances", "resources  2", "agree")
    done(run("verify", *on(server)), *seen)
    expect_equal(latest(server), "v19", "the server that was looked at")
    server.kill()
    before = contents(server.store)
    done(run("verify", *on(server)), *seen)
    expect_equal(contents(server.store), before, "the store's files")


@rule("verify finds what is wrong with pages, format and owner, and exits 1")
def _():
    server = filled(2000)
    server.stop()
    sound = os.path.join(server.store, "copse.db")
    file = backup_file()
    shutil.copy(sound, file)
    break_page(file)
    refused(run("verify", file), 1, file, "damaged")
    for statement, word in (("PRAGMA user_version = 99", "later version"), ("PRAGMA application_id = 1", "another")):
        changed(sound, file, statement)
        refused(run("verify", file), 1, word)
    refused(run("verify", sound, "--set", "cse.id=/id-other"), 1, "belongs to")
    refused(run("verify", file + "x"), 2, "no store")


def changed(sound, file, *statements):
    shutil.copy(sound, file)
    with sqlite3.connect(file) as database:
        for statement in statements:
            database.executescript(statement)
    database.close()


DAMAGES = {
    "DELETE FROM resource WHERE parent = 0": "",
    "UPDATE resource SET parent = 99999 WHERE parent != 0": "no parent",
    "UPDATE resource SET text = '{' WHERE parent != 0": "cannot be read",
    "DELETE FROM instance WHERE key = (SELECT max(key) FROM instance)": "inconsistent",
    "UPDATE instance SET size = size + 1": "inconsistent",
    "UPDATE chunk SET text = x'ff' WHERE number < 4294967294": "",
    "DELETE FROM resource; DELETE FROM chunk; DELETE FROM gone; DELETE FROM instance": "CSEBase",
}


@rule("a backup of an older format is verified as a file, restored, and brought to this format by the next start")
def _():
    server, file = filled(), backup_file()
    server.stop()
    changed(os.path.join(server.store, "copse.db"), file, *OLDER)
    done(run("verify", file), "format     1, an older one", "sound", "not looked at")
    done(run("restore", file, *on(server)), "20 instances")
    done(run("backup", file + ".again", *on(server)))
    with server:
        expect_equal(latest(server), "v19", "after the start")
    done(run("verify", *on(server)), "agree")


OLDER = ("DROP TABLE note", "PRAGMA user_version = 1")


@rule("verify finds rows that do not fit together, though every page is sound")
def _():
    server = filled()
    server.stop()
    file = backup_file()
    for statement, word in DAMAGES.items():
        changed(os.path.join(server.store, "copse.db"), file, statement)
        result = run("verify", file)
        expect_equal(result.returncode, 1, statement)
        refused(result, 1, word)


main()
