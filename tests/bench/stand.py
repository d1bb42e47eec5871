"""The stand that the rows of the bench are measured on: Copse, nginx and the load generator, each on its core, and
stores of the wanted sizes."""

import json
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))
import copse_harness as harness  # noqa: E402

CONTENT = "x" * 150
HEADERS = ("X-M2M-Origin: " + harness.ADMIN, "X-M2M-RVI: 3", "Accept: application/json")
CONTAINERS = 1000  # of the small and the big store
SMALL = 10_000  # instances that the big store is compared with
AE = "/cse-in/bench"


class Bench:
    """What all rows share: options, cores, the lines of the table, what went wrong."""

    def __init__(self, options):
        self.options = options
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.load_core = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
        self.lines, self.faults, self.stores = [], [], {}
        self.nginx = None

    def say(self, text):
        print(text, flush=True)

    def progress(self, text):
        print("  " + text, file=sys.stderr, flush=True)

    def line(self, operation, measured, reference="", ratio="", target="", is_met=None):
        met = {None: "", True: "met", False: "MISSED"}[is_met]
        self.lines.append((operation, measured, reference, ratio, target, met))
        self.progress("  ".join(filter(None, self.lines[-1])))

    def path(self, name):
        return os.path.join(self.options.data, name)

    def server_prefix(self):
        return ["taskset", "-c", str(self.server_core)] if self.server_core is not None else []

    def server(self, name):
        """A Copse on a store of that name below the data directory, not started."""
        return harness.Server(store=self.path(name))

    def start(self, server):
        return server.start(self.server_prefix())

    def load(self, port, pids, *arguments):
        """Runs the generator; its result as a dict."""
        process = self.load_process(port, pids, *arguments)
        out, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError("the load generator failed: " + shlex.join(process.args))
        result = json.loads(out)
        if result["errors"]:
            self.faults.append("%d errors, the first: %s" % (result["errors"], result["first_error"]))
        return result

    def load_process(self, port, pids, *arguments):
        prefix = ["taskset", "-c", str(self.load_core)] if self.load_core is not None else []
        command = [*prefix, self.options.load, "--port", str(port)]
        for header in HEADERS:
            if not any(str(a).startswith(header.partition(":")[0]) for a in arguments):
                command += ["--header", header]
        for pid in pids:
            command += ["--pid", str(pid)]
        return subprocess.Popen(command + [str(a) for a in arguments], stdout=subprocess.PIPE, text=True)

    def rounds(self, seconds, connections, *arguments):
        """Arguments of a measured round."""
        return ("--seconds", seconds, "--warmup", 0.3, "--connections", connections) + arguments


# ---- the reference ----


class Nginx:
    """nginx with one worker; one listener per kind of answer, so that the requests are the same as Copse's."""

    def __init__(self, bench, directory):
        self.bench, self.directory, self.answers, self.process = bench, directory, [], None
        self.program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
        if not self.program:
            sys.exit("nginx is needed as the reference: apt-get install nginx-light")

    def serve(self, status, size):
        """The port that answers so."""
        for port, answer in self.answers:
            if answer == (status, size):
                return port
        self.stop()
        self.answers.append((free_port(), (status, size)))
        self.start()
        return self.answers[-1][0]

    def configuration(self):
        servers = "".join(
            "server { listen 127.0.0.1:%d; location / { return %d '%s'; } }\n" % (port, status, "x" * size)
            for port, (status, size) in self.answers
        )
        temporary = "".join(
            "%s_temp_path tmp;\n" % kind for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            "worker_processes 1;\ndaemon off;\npid nginx.pid;\nerror_log stderr error;\n%s"
            "events { worker_connections 4096; }\nhttp {\naccess_log off;\nkeepalive_requests 1000000000;\n"
            "keepalive_timeout 600s;\ndefault_type application/json;\n%s%s}\n"
            % ("user root;\n" if os.geteuid() == 0 else "", temporary, servers)
        )

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        with open(os.path.join(self.directory, "nginx.conf"), "w", encoding="ascii") as out:
            out.write(self.configuration())
        command = [*self.bench.server_prefix(), self.program, "-p", self.directory, "-c", "nginx.conf"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        for port, _ in self.answers:
            wait_for_port(port, self.process)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.process = None


def free_port():
    with harness.socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process):
    for _ in range(500):
        if process.poll() is not None:
            break
        try:
            harness.socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit("nginx does not start (code %s)" % process.poll())


# ---- loads and figures ----

CREATE = (
    "--method",
    "POST",
    "--header",
    "Content-Type: application/json;ty=4",
    "--body",
    json.dumps({"m2m:cin": {"con": CONTENT}}, separators=(",", ":")),
    "--random",
)


def create_load(containers):
    return CREATE + ("--path", AE + "/c%05u", "--range", "0:%d" % containers)


XMLNS = b'xmlns:m2m="http://www.onem2m.org/xml/protocols"'
SERIALIZED = {
    "json": json.dumps({"m2m:cin": {"con": CONTENT}}, separators=(",", ":")).encode(),
    "xml": b"<m2m:cin %s><con>%s</con></m2m:cin>" % (XMLNS, CONTENT.encode()),
    "cbor": b"\xa1gm2m:cin\xa1ccon\x78%c%s" % (len(CONTENT), CONTENT.encode()),
}


def serialized_load(name, containers):
    """Creates whose content and answer are in a serialization."""
    header = ("--header", "Content-Type: application/%s;ty=4" % name, "--header", "Accept: application/" + name)
    where = ("--path", AE + "/c%05u", "--range", "0:%d" % containers, "--random")
    return ("--method", "POST", *header, "--body", os.fsdecode(SERIALIZED[name]), *where, "--rsc", 2001)


def latest_load(containers):
    return ("--path", AE + "/c%05u/la", "--range", "0:%d" % containers, "--random")


def set_up(server, containers, **attributes):
    """The AE and its containers, each with one instance."""
    with server.client() as client:
        harness.must(client.create_ae("bench"), 2001)
        for i in range(containers):
            harness.must(client.create_cnt(AE, "c%05d" % i, **attributes), 2001)
            harness.must(client.create_cin("%s/c%05d" % (AE, i), CONTENT), 2001)


def median(results, key):
    return statistics.median(result[key] for result in results)


def versus(bench, copse, reference, copse_load, reference_load, reset=None):
    """Rounds of both in turns: the two lists of results. copse, reference: port and process."""
    ours, theirs = [], []
    for _ in range(bench.options.rounds):
        if reset:
            reset()
        theirs.append(bench.load(reference[0], [reference[1]], *reference_load))
        ours.append(bench.load(copse[0], [copse[1]], *copse_load))
    return ours, theirs


def figures(results):
    return "%.0f/s  %.1f us  p50 %.2f ms  p99 %.2f ms" % (
        median(results, "rate"),
        median(results, "cpu_us"),
        median(results, "p50_us") / 1e3,
        median(results, "p99_us") / 1e3,
    )


def short_figures(results):
    return "%.0f/s  %.1f us" % (median(results, "rate"), median(results, "cpu_us"))


def rss(pid):
    """VmRSS in bytes."""
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")


def settle(pid, seconds=120):
    """Waits until the process has next to nothing to do."""
    deadline = time.monotonic() + seconds
    last = cpu_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = cpu_seconds(pid)
        if now - last <= 0.01:
            return
        last = now


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_cached_pages(directory):
    """The next read of these files comes from the device."""
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def human(count):
    return "{:,}".format(count)


def big_store(bench):
    """Name of the store with all instances, filled through the server's own HTTP; made on first use."""
    if "big" not in bench.stores:
        bench.stores["big"] = True
        fill(bench, "big", bench.options.instances)
    return "big"


def small_store(bench):
    if "small" not in bench.stores:
        bench.stores["small"] = True
        fill(bench, "small", SMALL)
    return "small"


def fill(bench, name, instances):
    server = bench.start(bench.server(name))
    started = time.monotonic()
    set_up(server, CONTAINERS)
    bench.load(server.port, [], *create_load(CONTAINERS), "--requests", instances - CONTAINERS, "--connections", 256)
    seconds = time.monotonic() - started
    settle(server.pid)
    server.stop(120)
    size = sum(entry.stat().st_size for entry in os.scandir(bench.path(name)))
    bench.progress(
        "%s instances in %s containers created in %.0f s: %.0f MB on disk"
        % (human(instances), human(CONTAINERS), seconds, size / 1e6)
    )


def stored_instances(server):
    with server.client() as client:
        return sum(client.get("%s/c%05d" % (AE, i)).resource["cni"] for i in range(CONTAINERS))


def time_to_first_latest(bench, server, container):
    """Seconds from exec to the first `la` answered, nothing cached by the kernel."""
    forget_cached_pages(server.store)
    started = time.monotonic()
    server.launch(bench.server_prefix())
    server.wait_ready()
    with server.client() as client:
        harness.must(client.get(container + "/la"), 2000)
    return time.monotonic() - started
