"""The spool: how fast mail goes into it and out of it, beside Postfix's queue in the same run; what a sync costs; a start with 10,000 messages.
No figure without its proof here either: what came out has the digest of what went in."""
import os
import platform
import signal
import statistics
import subprocess
import time

import peers
import tools
from submission_server import closed_port

MESSAGES, KEPT, SIZE = 2000, 10000, 4096
WAYS = (("1 client", {"clients": 1, "per_connection": 100}, MESSAGES // 4), ("50 clients", {"clients": 50, "per_connection": 10}, MESSAGES))


class Kept(peers.Detour):
    """Everything goes into the spool; its upstream is away until it is let_go."""
    name, key, stores = "smtp-detour's spool", "spool", True
    precise = False

    def __init__(self, bench, sink, label="spool", directory=None):
        self.directory = directory
        super().__init__(bench, sink, label, ports=closed_port())

    def configure(self, accounts=1):
        self.directory = self.directory or os.path.join(self.folder, "spool")
        path = super().configure(accounts)
        with open(path, "a") as out:
            out.write("\n[spool]\ndirectory = %s\nwhen = always\nretry = 1h 2h\nmax_messages = 20000\nmin_free = 0%%\n" % self.directory)
        return path

    def let_go(self):
        self.settings = (self.sink.ports["starttls"],) + self.settings[1:]
        self.configure()
        self.process.send_signal(signal.SIGHUP)

    def waiting(self):
        return sum(1 for name in os.listdir(os.path.join(self.directory, "queue")) if "." not in name)


class Queue(peers.Postfix):
    name = "Postfix's queue"

    def __init__(self, bench, sink, label="queue"):
        super().__init__(bench, sink, label, more="defer_transports = smtp\ndefault_process_limit = 200\n")

    def let_go(self):
        path = os.path.join(self.folder, "config/main.cf")
        with open(path) as source:
            text = source.read()
        self._write("config/main.cf", text.replace("defer_transports = smtp\n", ""), 0o644)
        self._postfix("reload")
        self._postfix("flush")


def wait_for(sink, messages, patience=180):
    deadline = time.monotonic() + patience
    counts = sink.counts()
    while counts["messages"] < messages and time.monotonic() < deadline:
        time.sleep(0.05)
        counts = sink.counts()
    return counts


def in_and_out(bench, kind, sink, label, messages, options):
    """Messages per second into the queue, to the last 250, and out of it, from the command to the last one at the sink."""
    peer = kind(bench, sink, label)
    try:
        sink.reset()
        report = tools.load(peer.port, messages=messages, size=SIZE, limit=120, **dict(peer.load_options, **options))
        if report["acked"] != messages or sink.counts()["messages"]:
            raise RuntimeError("%d of %d taken, %d sent at once: %s" % (report["acked"], messages, sink.counts()["messages"], report["complaint"]))
        began = time.monotonic_ns()
        peer.let_go()
        counts = wait_for(sink, messages)
        if counts["messages"] != messages or counts["digest"] != report["digest"]:
            raise RuntimeError("%d of %d came out, digests %s" % (counts["messages"], messages, "equal" if counts["digest"] == report["digest"] else "differ"))
        return {"in": messages / report["seconds"], "out": messages * 1e9 / (counts["last_ns"] - began), "p50_ms": report["p50_ms"], "p99_ms": report["p99_ms"]}
    finally:
        peer.stop()


def interleaved(bench, sink):
    result = {}
    for words, options, messages in WAYS:
        rounds = {Kept: [], Queue: []}
        for number in range(bench.rounds):
            for kind, figures in rounds.items():
                bench.say("%s, %s, round %d" % (kind.name, words, number + 1))
                figures.append(in_and_out(bench, kind, sink, "%s-%s-%d" % (kind.key, options["clients"], number), messages, options))
        result[words] = {kind.key: {key: statistics.median(f[key] for f in figures) for key in figures[0]} for kind, figures in rounds.items()}
    return result


# ---- syncs ----

class Syncs:
    """strace on the running server: what it asks of the disk."""

    def __init__(self, bench, peer):
        self.file = os.path.join(peer.folder, "syncs")
        self.process = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", self.file, "-p", str(peer.pid)], stderr=subprocess.DEVNULL)
        time.sleep(1)

    def count(self):
        # A call that another thread interrupts has two lines.
        with open(self.file) as source:
            return sum("resumed>" not in line for line in source if "sync(" in line)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)


def syncs(bench, sink):
    """Per message: into the spool one after the other, in a burst of 1,000, and out of it again."""
    peer = Kept(bench, sink, "syncs")
    traced = Syncs(bench, peer)
    figures, total = {}, 0
    try:
        sink.reset()
        for words, messages, clients in (("alone", 50, 1), ("burst", 1000, 200)):
            before = traced.count()
            report = tools.load(peer.port, messages=messages, clients=clients, size=SIZE, limit=120, tls="none")
            time.sleep(1)
            total += report["acked"]
            figures[words] = (traced.count() - before) / report["acked"]
        before = traced.count()
        peer.let_go()
        if wait_for(sink, total)["messages"] != total:
            raise RuntimeError("not all came out")
        tools.wait_until(lambda: peer.waiting() == 0, "the files to go")
        time.sleep(1)
        figures["out"] = (traced.count() - before) / total
        return figures
    finally:
        traced.stop()
        peer.stop()


# ---- a start with many ----

def ready(peer):
    tools.wait_until(lambda: "is ready" in peer.log(20000), "the start")


def start(bench, sink, directory, label):
    """Seconds from exec to ready, and the memory then; the upstream is away."""
    began = time.monotonic()
    peer = Kept(bench, sink, label, directory)
    ready(peer)
    seconds = time.monotonic() - began
    time.sleep(3)
    share, _ = peer.memory()
    waiting = peer.waiting()
    peer.stop()
    return {"seconds": seconds, "memory": share, "messages": waiting}


def many(bench, sink):
    filled = Kept(bench, sink, "many")
    directory = filled.directory
    report = tools.load(filled.port, messages=KEPT, clients=50, size=SIZE, limit=300, tls="none", per_connection=100)
    filled.stop()
    if report["acked"] != KEPT:
        raise RuntimeError("%d of %d taken" % (report["acked"], KEPT))
    files = [os.stat(os.path.join(directory, "queue", name)) for name in os.listdir(os.path.join(directory, "queue"))]
    full = [start(bench, sink, directory, "full-%d" % i) for i in range(bench.rounds)]
    empty = [start(bench, sink, None, "empty-%d" % i) for i in range(bench.rounds)]
    if any(f["messages"] != KEPT for f in full):
        raise RuntimeError("%s of %d messages after a start" % ([f["messages"] for f in full], KEPT))
    memory = statistics.median(f["memory"] for f in full) - statistics.median(f["memory"] for f in empty)
    return {"seconds": statistics.median(f["seconds"] for f in full), "seconds_empty": statistics.median(f["seconds"] for f in empty), "memory": memory,
            "memory_each": memory / KEPT, "octets_each": sum(f.st_size for f in files) / KEPT, "disk_each": sum(f.st_blocks * 512 for f in files) / KEPT}


def file_system(path):
    return subprocess.run(["stat", "-f", "-c", "%T", path], stdout=subprocess.PIPE, text=True).stdout.strip()


def measure(bench):
    sink = bench.sink()
    return {"rounds": bench.rounds, "machine": "%d cores, %s, %s" % (os.cpu_count(), platform.release(), file_system(bench.folder)),
            "load": os.getloadavg()[0], "queue": interleaved(bench, sink), "syncs": syncs(bench, sink), "many": many(bench, sink)}


def text(result):
    lines = ["The spool: messages of %d octets; medians of %d rounds, interleaved; %s; load average at the beginning %.1f" %
             (SIZE, result["rounds"], result["machine"], result["load"]), "",
             "%-12s %-22s %12s %12s %10s %10s" % ("", "", "in msg/s", "out msg/s", "p50 ms", "p99 ms")]
    for words, kinds in result["queue"].items():
        for kind in (Kept, Queue):
            f = kinds[kind.key]
            lines.append("%-12s %-22s %12.0f %12.0f %10.1f %10.1f" % (words, kind.name, f["in"], f["out"], f["p50_ms"], f["p99_ms"]))
    s, m = result["syncs"], result["many"]
    lines += ["", "syncs per message: %.2f alone, %.2f in a burst of 1,000 (200 clients), %.2f on the way out" % (s["alone"], s["burst"], s["out"]),
              "start with %d messages: %.2f s (%.2f s with none); memory %.2f MB more, %.0f octets a message" %
              (KEPT, m["seconds"], m["seconds_empty"], m["memory"] / 1e6, m["memory_each"]),
              "on the disk: %.0f octets a message of %d, %.0f in its blocks" % (m["octets_each"], SIZE, m["disk_each"])]
    return "\n".join(lines) + "\n"
