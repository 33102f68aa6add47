"""Instructions per message, counted by callgrind: the same on a busy machine as on a quiet one, so this is what a change is judged by. Two runs of
different length; their difference leaves start, first handshake and end out."""
import os
import re
import shutil
import subprocess

import peers
import scenarios
from report import table
from shared_engine import PROGRAM, SharedEngine

WARM = "max_messages = 1000000\nmax_age = 30d\nidle_timeout = 10m\nconnect_timeout = 5m\nport_patience = 1m\n"

CASES = (("one message per connection, 4 KiB", (200, 600), {}),
         ("100 messages per connection, 4 KiB", (200, 600), {"per_connection": 100}),
         ("the same, with a [cluster] whose limits never bind", (200, 600), {"per_connection": 100, "cluster": True}),
         ("one recipient more (of 100, 4 KiB)", (20, 60), {"per_connection": 100, "recipients": 100}),
         ("message of 1 MiB", (10, 30), {"per_connection": 100, "size": scenarios.MIB}))


def collected(bench, sink, label, messages, options):
    """Instructions of a whole life of the product that relays so many messages."""
    out = os.path.join(bench.folder, "callgrind.out." + label)
    options = dict(options)
    peer = peers.Detour(bench, sink, label, account=options.pop("account", WARM), wrapper=["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out])
    try:
        scenarios.checked_run(peer, clients=1, messages=messages, patience=300, **options)
    finally:
        peer.stop()
    found = re.search(r"Collected : (\d+)", peer.log())
    if not found:
        raise RuntimeError("callgrind says nothing:\n" + peer.log())
    return int(found.group(1)), out


def with_cluster(bench, options):
    """A limit that never binds, shared through an engine. What it costs by the clock (it is looked once a second who is there) is in it."""
    engine = SharedEngine(bench.new_folder("engine"))
    key = os.path.join(bench.new_folder("cluster"), "key")
    with open(key, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        out.write("A" * 43 + "=\n")
    section = "\n[cluster]\nengine = 127.0.0.1:%d\nkey_file = %s\ntls = off\ntimeout = 3s\n" % (engine.port, key)
    return engine, {**options, "account": WARM + section}


def heaviest(out, count=14):
    """The functions that take most of a run, start and end included."""
    done = subprocess.run(["callgrind_annotate", out], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines = [re.sub(r"\S*/", "", re.sub(r" \[.*?\]", "", line)).strip() for line in done.stdout.splitlines() if re.match(r"\s*[\d,]+ \(\s*[\d.]+%\)", line)]
    return "\n".join("    " + line for line in lines[1:count + 1])


def measure(bench):
    if not shutil.which("valgrind"):
        return "valgrind is not installed: nothing was counted. (apt-get install valgrind)"
    rows, profiles = [["main path, CHUNKING upstream, TLS 1.3", "instructions per message"]], []
    sink = bench.sink(True)
    for number, (words, (few, many), options) in enumerate(CASES):
        bench.say(words)
        engine = None
        if options.get("cluster"):
            if not PROGRAM:
                continue
            engine, options = with_cluster(bench, {k: v for k, v in options.items() if k != "cluster"})
        try:
            (one, _), (two, out) = (collected(bench, sink, "cg-%d-%d" % (number, count), count, options) for count in (few, many))
        finally:
            if engine:
                engine.stop()
        each = (two - one) / (many - few)
        rows.append([words, "{:,.0f}".format(each / options.get("recipients", 1))])
        profiles.append(words + ": where they go\n" + heaviest(out))
    return "\n" + table(rows) + "\n\n" + "\n\n".join(profiles) + "\n"
