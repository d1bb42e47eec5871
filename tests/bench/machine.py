"""What a figure was measured on: the facts of the machine, and how busy it was with something else."""

import os
import platform
import shlex
import subprocess
import sys


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next(
                (line.partition(":")[2].strip() for line in info if line.startswith("model name")),
                "unknown processor",
            )
    except OSError:
        return platform.machine()


def file_system(path):
    found = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def busy_ticks():
    """Time of all cores in ticks: used by processes, and altogether. Interrupts are left out: they are mostly ours."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, idle, iowait, irq, softirq, steal = (int(field) for field in stat.readline().split()[1:9])
    return user + nice + system + steal, user + nice + system + steal + idle + iowait + irq + softirq


def own_ticks():
    times = os.times()
    return (times.user + times.system + times.children_user + times.children_system) * os.sysconf("SC_CLK_TCK")


def print_others(bench, before, own):
    """How much of the machine was not ours during the run."""
    used, total = (now - then for now, then in zip(busy_ticks(), before))
    share = 100 * max(0, used - (own_ticks() - own)) / max(1, total)
    bench.say(
        "others:  %.0f %% of the machine's time went to other processes%s"
        % (share, ": its figures are not to be relied on" if share > 5 else "")
    )


def describe(bench, program):
    options = bench.options
    pinned = "server on core %s, generator on core %s" % (bench.server_core, bench.load_core)
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    nginx = subprocess.run([bench.nginx.program, "-v"], capture_output=True, text=True, check=False).stderr.strip()
    bench.say(
        "machine: %s, %d cores, Linux %s, store on %s"
        % (processor(), os.cpu_count(), platform.release(), file_system(options.data))
    )
    bench.say("cores:   %s" % (pinned if bench.server_core is not None else "one core for all"))
    bench.say("against: %s; %s" % (version.splitlines()[0] if version else "copse", nginx))
    bench.say(
        "rounds:  %d of %g s each, medians; us: CPU time per request, all threads" % (options.rounds, options.seconds)
    )
    bench.say("command: " + (options.command or shlex.join(sys.argv)))
    if file_system(options.data) in ("tmpfs", "ramfs"):
        bench.say("WARNING: %s is in memory: what is durable costs nothing there" % options.data)
