"""What is done to the peers. Each scenario returns plain dictionaries; a figure whose counts at the sink differ from what was acknowledged is never
made: Mismatch says what differed."""
import statistics
import time

import api_sink
import peers
import tools
from submission_server import BlackHole
from tools import Hold, load

MIB = 1 << 20


class Mismatch(RuntimeError):
    pass


def checked_run(peer, patience=90, **options):
    """One run of the generator through the peer, with everything that was counted meanwhile."""
    options = dict(peer.load_options, **options)
    peer.sink.reset()
    cpu = peer.cpu()
    report = load(peer.port, limit=patience, **options)
    deadline = time.monotonic() + patience
    sink = peer.sink.counts()
    while peer.stores and sink["messages"] < report["acked"] and time.monotonic() < deadline:
        time.sleep(0.02)
        sink = peer.sink.counts()
    cpu = peer.cpu() - cpu
    if report["acked"] != report["messages"]:
        raise Mismatch("%d of %d messages acknowledged, %d refused, %d lost: %s"
                       % (report["acked"], report["messages"], report["refused"], report["lost"], report["complaint"]))
    if sink["messages"] != report["acked"] or sink["digest"] != report["digest"]:
        raise Mismatch("%d messages acknowledged, %d at the sink, digests %s" % (report["acked"], sink["messages"],
                       "equal" if sink["digest"] == report["digest"] else "differ"))
    seconds = (sink["last_ns"] - report["start_ns"]) / 1e9 if peer.stores else report["seconds"]
    count = report["acked"]
    return {"rate": count / seconds, "mb_s": report["bytes"] / seconds / 1e6, "cpu_ms": cpu * 1000 / count, "cpu_s_gb": cpu * 1e9 / report["bytes"],
            "handshakes_per_1000": sink["handshakes"] * 1000 / count, "resumed_per_1000": sink["resumed"] * 1000 / count,
            "auths_per_1000": sink["auths"] * 1000 / count, "p50_ms": report["p50_ms"], "p99_ms": report["p99_ms"], "max_ms": report["max_ms"]}


def median(rounds):
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}


def throughput(bench, crowd, counts, **options):
    """Interleaved rounds over all peers. counts: messages per peer key, "*" for the rest."""
    rounds, broken = {peer.key: [] for peer in crowd}, {}
    for number in range(bench.rounds):
        for peer in crowd:
            if peer.key in broken:
                continue
            try:
                rounds[peer.key].append(checked_run(peer, messages=counts.get(peer.key, counts["*"]), **options))
            except (Mismatch, RuntimeError) as problem:
                broken[peer.key] = str(problem)
                bench.note("%s: no figure: %s" % (peer.name, problem))
    return {key: dict(median(runs), rounds=[round(r["rate"], 1) for r in runs]) if runs and key not in broken else {"error": broken.get(key, "no run")}
            for key, runs in rounds.items()}


def idle_memory(bench, peer, clients):
    """Bytes per client that has said EHLO and nothing since, and resident bytes of the whole peer with all of them there
    (of Postfix, whose processes share most of theirs, the shares)."""
    before, _ = peer.memory()
    hold = Hold(peer.port, clients)
    try:
        time.sleep(1)
        after, resident = peer.memory()
        if hold.state["lost"]:
            raise Mismatch("%d of %d idle clients were closed" % (hold.state["lost"], clients))
        return {"clients": clients, "bytes_per_client": (after - before) / clients, "resident": resident if peer.key != "postfix" else after}
    finally:
        hold.stop()


def one(peer, **options):
    """Seconds from the client's connect to its 250 (or to the message's arrival, where the peer stores)."""
    peer.sink.reset()
    report = load(peer.port, clients=1, messages=1, limit=60, **dict(peer.load_options, **options))
    if report["acked"] != 1:
        raise Mismatch("not acknowledged: " + report["complaint"])
    if peer.stores:
        tools.wait_until(lambda: peer.sink.counts()["messages"] == 1, "delivery", 60)
        return (peer.sink.counts()["last_ns"] - report["start_ns"]) / 1e9
    return report["seconds"]


def over_https(bench, messages):
    """Messages a second by 443/api, four requests at a time."""
    sink = api_sink.ApiSink(*bench.authority.issue("api", names=["localhost"]))
    peer = None
    try:
        peer = peers.DetourApi(bench, sink, "api")
        checked_run(peer, messages=8, clients=4)
        return median([checked_run(peer, messages=messages, clients=4) for _ in range(bench.rounds)])
    finally:
        if peer:
            peer.stop()
        sink.stop()


def black_hole_detour(bench, sink, later=100):
    """First mail and later mails with a port in front that swallows connections, beside an instance that never heard of that port."""
    hole = BlackHole()
    with_hole = without = None
    try:
        with_hole = peers.Detour(bench, sink, "hole", ports="%d %d" % (hole.port, sink.ports["starttls"]))
        without = peers.Detour(bench, sink, "no-hole")
        result = {"first_s": one(with_hole), "cold_s": one(without), "patience_s": 0.5}
        laters = {"with": [], "without": []}
        for _ in range(9):
            for key, peer in (("with", with_hole), ("without", without)):
                laters[key].append(load(peer.port, clients=1, messages=later, limit=60)["p50_ms"])
        return dict(result, later_ms=statistics.median(laters["with"]), later_without_ms=statistics.median(laters["without"]))
    finally:
        hole.stop()
        for peer in (with_hole, without):
            if peer:
                peer.stop()


def black_hole_peer(bench, sink, kind):
    """The same for a byte pipe that knows a second server."""
    hole = BlackHole()
    peer = None
    try:
        good = sink.ports["plain" if kind is peers.HaproxyPlain else "starttls"]
        peer = kind(bench, sink, "hole-" + kind.key, ports=[hole.port, good])
        return {"first_s": one(peer), "later_s": one(peer)}
    finally:
        hole.stop()
        if peer:
            peer.stop()


def round_trips(bench, sink, ms=40):
    """One message at a time over a line of 80 ms: through the product (very first, warm, cold), directly, through stunnel. In round trips."""
    line = tools.Child("delay", "--to", "127.0.0.1:%d" % sink.ports["starttls"], "--ms", ms)
    port, trip = line.hello["port"], 2 * ms / 1000
    started = []
    try:
        detour = peers.Detour(bench, sink, "far-%d" % port, ports=port, account="idle_timeout = 1s\n")
        started.append(detour)
        result = {"first": one(detour) / trip, "warm": statistics.median(one(detour) for _ in range(5)) / trip}
        time.sleep(3)
        result["cold"] = one(detour) / trip
        direct = peers.Direct(bench, sink)
        direct.port = port
        result["direct"] = one(direct) / trip
        stunnel = peers.Stunnel(bench, sink, "far-stunnel-%d" % port, ports=[port])
        started.append(stunnel)
        result["stunnel"] = one(stunnel) / trip
        return result
    finally:
        for peer in started:
            peer.stop()
        line.stop()
