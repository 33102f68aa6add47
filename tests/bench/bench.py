"""One run of the benchmark: the folder, certificates and sinks it uses, and the order of things."""
import os
import platform
import shutil
import subprocess
import tempfile
import time

import peers
import scenarios
import tools
from certs import CertificateAuthority

ALL = (peers.Direct, peers.Detour, peers.Stunnel, peers.HaproxyTls, peers.HaproxyPlain, peers.Postfix)


class Bench:
    def __init__(self, rounds, haproxy_threads=None):
        self.rounds = rounds
        self.haproxy_threads = haproxy_threads or os.cpu_count()
        self.notes, self.closers = [], []
        self.folder = tempfile.mkdtemp(prefix="smtp-detour-bench-")
        os.chmod(self.folder, 0o755)
        self.authority = CertificateAuthority(self.new_folder("ca"))
        self.ca = self.authority.cert
        self.certificate = self.authority.issue("sink", [tools.NAME], ["127.0.0.1"])

    def new_folder(self, label):
        path = os.path.join(self.folder, label)
        os.makedirs(path)
        os.chmod(path, 0o755)
        return path

    def sink(self, chunking=True):
        sink = tools.Sink(*self.certificate, chunking=chunking)
        self.closers.append(sink.stop)
        return sink

    def start(self, kind, *args, **options):
        """A peer, or None with a note when it does not start."""
        try:
            peer = kind(self, *args, **options)
        except (RuntimeError, OSError, KeyError) as problem:
            self.note("%s is left out: %s" % (kind.name, problem))
            return None
        self.closers.append(peer.stop)
        return peer

    def attempt(self, words, function, *args, **options):
        try:
            return function(*args, **options)
        except RuntimeError as problem:
            self.note("%s: no figure: %s" % (words, problem))
            return {"error": str(problem)}

    def say(self, words):
        print("%6.1f s  %s" % (time.monotonic() - BEGUN, words), flush=True)

    def note(self, words):
        self.notes.append(words)
        self.say(words)

    def close(self):
        for close in reversed(self.closers):
            try:
                close()
            except (RuntimeError, OSError) as problem:
                print("while stopping: %s" % problem)
        self.closers = []
        shutil.rmtree(self.folder, ignore_errors=True)


BEGUN = time.monotonic()


def version_of(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError:
        return "absent"
    for line in done.stdout.splitlines():
        words = line.split()
        for word in words:
            if word[:1].isdigit() and "." in word:
                return word
    return "?"


def conditions():
    with open("/proc/cpuinfo") as source:
        model = next((l.split(":", 1)[1].strip() for l in source if l.startswith("model name")), "?")
    commit = subprocess.run(["git", "-C", tools.TOP, "describe", "--always", "--dirty"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
    return {"when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "commit": commit or "?", "machine": "%d cores, %s, Linux %s" % (os.cpu_count(), model, platform.release()),
            "load average at the start": "%.2f" % os.getloadavg()[0],
            "peers": "stunnel %s, HAProxy %s, Postfix %s" % (version_of("dpkg-query", "-W", "-f", "${Version}", "stunnel4"), version_of("haproxy", "-v"),
                                                          version_of("postconf", "-h", "mail_version")),
            "sink": "TLS 1.3, RSA-2048 certificate, AUTH PLAIN, CHUNKING, one thread, loopback"}


SIZES = {  # messages per run; Postfix is slow and its rate needs no more
    "full": {"one": {"*": 4000, "detour": 16000, "detour_data": 16000, "haproxy_plain": 16000, "postfix": 1500}, "many": {"*": 30000, "stunnel": 15000, "postfix": 1500},
             "large": {"*": 60, "postfix": 12}, "https": 1500, "idle": {"detour": 10000, "stunnel": 1000, "haproxy_tls": 2000, "haproxy_plain": 4000, "postfix": 90}},
    "quick": {"one": {"*": 500, "detour": 4000, "detour_data": 4000, "haproxy_plain": 4000, "postfix": 300}, "many": {"*": 10000, "stunnel": 4000, "postfix": 300},
              "large": {"*": 16, "postfix": 4}, "https": 200, "idle": {"detour": 10000, "stunnel": 200, "haproxy_tls": 500, "haproxy_plain": 1000, "postfix": 20}},
}


def measure(bench, extent):
    sizes, result = SIZES[extent], {"extent": extent, "rounds": bench.rounds, "conditions": conditions(), "notes": bench.notes}
    bench.say("starting the sinks and the peers")
    chunking, data = bench.sink(True), bench.sink(False)
    crowd = [peer for peer in (bench.start(kind, chunking) for kind in ALL) if peer]
    without = bench.start(peers.Detour, data, "detour-data")
    if without:
        without.key, without.name = "detour_data", "smtp-detour, no CHUNKING upstream"
        crowd.insert(2, without)
    result["names"] = {peer.key: peer.name for peer in crowd}
    by_key = {peer.key: peer for peer in crowd}
    bench.say("idle clients")
    result["idle"] = {key: bench.attempt("idle clients of " + by_key[key].name, scenarios.idle_memory, bench, by_key[key], clients)
                      for key, clients in sizes["idle"].items() if key in by_key}
    if "detour" in by_key:
        bench.say("handshakes of a fresh process")
        result["handshakes"] = bench.attempt("handshakes", scenarios.checked_run, by_key["detour"], messages=4000, clients=50)
    for key, words, options in (("one", "one_per_connection", {"clients": 50}), ("many", "hundred_per_connection", {"clients": 50, "per_connection": 100}),
                                ("large", "large", {"clients": 4, "per_connection": 100, "size": 25 * scenarios.MIB})):
        bench.say(words.replace("_", " "))
        result[words] = scenarios.throughput(bench, crowd, sizes[key], **options)
    bench.say("443/api")
    result["over_https"] = bench.attempt("443/api", scenarios.over_https, bench, sizes["https"])
    bench.say("a port that swallows connections")
    result["black_hole"] = {"detour": bench.attempt("black hole", scenarios.black_hole_detour, bench, chunking)}
    if extent == "full":
        for kind in (peers.Stunnel, peers.HaproxyPlain):
            result["black_hole"][kind.key] = bench.attempt("black hole, " + kind.name, scenarios.black_hole_peer, bench, chunking, kind)
    bench.say("round trips over a long line")
    result["round_trips"] = {"chunking": bench.attempt("round trips", scenarios.round_trips, bench, chunking),
                             "data": bench.attempt("round trips without CHUNKING", scenarios.round_trips, bench, data)}
    result["seconds"] = round(time.monotonic() - BEGUN, 1)
    return result
