"""How the product's cost grows: with clients, message size, recipients, accounts, and with reloads under load. Only the product is measured here."""
import contextlib
import os
import signal
import threading
import time

import peers
import scenarios
import tools
from report import table

MIB = scenarios.MIB


def point(bench, peer, x, figure, **options):
    """turn_ms: the event loop's longest turn in the last minute, with what warmed the peer up."""
    result = bench.attempt("%s at %d" % (figure, x), scenarios.checked_run, peer, patience=60, **options)
    result = dict(result, turn_ms=1000 * peer.longest_turn())
    return dict(result, x=x, y=result.get(figure))


def clients(bench, sink):
    points = []
    for count in (1, 10, 100, 1000, 10000):
        peer = peers.Detour(bench, sink, "clients-%d" % count, admin=True)
        scenarios.load(peer.port, clients=min(count, 50), messages=200)
        points.append(point(bench, peer, count, "cpu_ms", clients=count, messages=max(8000, 3 * count) if count > 1 else 3000, spread=1))
        peer.stop()
    return {"title": "CPU ms per message, by clients at once (one message per connection)", "unit": "clients", "points": points}


def sizes(bench, sink):
    peer = peers.Detour(bench, sink, "sizes", listen="max_message_size = 60M", admin=True)
    points = []
    for size in (1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, MIB, 4 * MIB, 16 * MIB, 50 * MIB):
        count = min(8000, max(10, 400 * MIB // size))
        points.append(point(bench, peer, size, "cpu_s_gb", clients=4, per_connection=100, messages=count, size=size))
    peer.stop()
    return {"title": "CPU seconds per GB, by message size", "unit": "bytes", "points": points}


def recipients(bench, sink):
    peer = peers.Detour(bench, sink, "recipients", admin=True)
    points = []
    for count in (1, 10, 100, 1000):
        one = point(bench, peer, count, "cpu_ms", clients=10, per_connection=100, messages=max(30, 4000 // count), recipients=count)
        points.append(dict(one, y=one["y"] * 1000 / count if one["y"] is not None else None))
    peer.stop()
    return {"title": "CPU microseconds per recipient, by recipients of a message", "unit": "recipients", "points": points}


def accounts(bench, sink):
    points = []
    for count in (1, 10, 100, 1000):
        peer = peers.Detour(bench, sink, "accounts-%d" % count, accounts=count, admin=True)
        scenarios.load(peer.port, clients=20, messages=2 * count, senders=count, limit=60)  # every account has its session now
        points.append(point(bench, peer, count, "cpu_ms", clients=20, messages=8000, senders=count))
        peer.stop()
    return {"title": "CPU ms per message, by accounts in the configuration (20 clients)", "unit": "accounts", "points": points}


def tls_clients(bench, sink):
    """Clients that come all at once, each with a handshake of its own."""
    points = []
    for count in (1, 10, 100, 1000, 3000):
        peer = peers.Detour(bench, sink, "tls-clients-%d" % count, listen="tls = starttls", admin=True)
        certificate = os.path.join(peer.folder, "self-signed.pem")
        tools.wait_until(lambda: os.path.exists(certificate), "the certificate that it makes for itself")
        peer.load_options = {"tls": "starttls", "ca": certificate}
        points.append(point(bench, peer, count, "cpu_ms", clients=count, messages=max(1000, count)))
        peer.stop()
    return {"title": "CPU ms per message, by clients with STARTTLS at once (one message per connection)", "unit": "clients", "points": points}


@contextlib.contextmanager
def rereading(peer, per_second):
    """The configuration is reread that often; 0: never."""
    stop = threading.Event()

    def reload_again():
        while not stop.wait(1 / per_second):
            os.kill(peer.pid, signal.SIGHUP)

    thread = threading.Thread(target=reload_again)
    if per_second:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if per_second:
            thread.join()
            time.sleep(0.1)


def reloads(bench, sink):
    """The slowest message while the configuration is reread many times a second. 1: never."""
    points = []
    for per_second in (1, 2, 10, 50):
        peer = peers.Detour(bench, sink, "reload-%d" % per_second, admin=True)
        scenarios.load(peer.port, clients=20, messages=200)
        with rereading(peer, per_second if per_second > 1 else 0):
            points.append(point(bench, peer, per_second, "max_ms", clients=20, messages=20000))
        peer.stop()
    return {"title": "Slowest of 20,000 messages in ms, by reloads per second (1: none)", "unit": "reloads/s", "points": points}


def reloaded_accounts(bench, sink):
    points = []
    for count in (1, 10, 100, 1000):
        peer = peers.Detour(bench, sink, "reload-accounts-%d" % count, accounts=count, admin=True)
        with rereading(peer, 2):
            points.append(point(bench, peer, count, "turn_ms", clients=20, messages=20000))
        peer.stop()
    return {"title": "Longest turn of the loop in ms with two reloads a second, by accounts in the configuration", "unit": "accounts", "points": points}


def measure(bench):
    sink = bench.sink(True)
    result = {"curves": [], "notes": bench.notes}
    for curve in (clients, tls_clients, sizes, recipients, accounts, reloads, reloaded_accounts):
        bench.say(curve.__name__)
        result["curves"].append(dict(curve(bench, sink), name=curve.__name__))
    return result


def text(result):
    parts = []
    for curve in result["curves"]:
        rows = [[curve["unit"], "msg/s", "MB/s", "CPU ms/msg", "p50 ms", "p99 ms", "max ms", "longest turn ms", "handshakes/1000"]]
        for p in curve["points"]:
            if "error" in p:
                rows.append(["%d" % p["x"], "no figure"] + ["–"] * 7)
            else:
                rows.append(["%d" % p["x"], "%.0f" % p["rate"], "%.1f" % p["mb_s"], "%.4f" % p["cpu_ms"], "%.2f" % p["p50_ms"], "%.2f" % p["p99_ms"],
                             "%.1f" % p["max_ms"], "%.1f" % p["turn_ms"], "%.1f" % p["handshakes_per_1000"]])
        parts.append(curve["title"] + "\n" + table(rows))
    if result["notes"]:
        parts.append("\n".join("- " + n.splitlines()[0] for n in result["notes"]))
    return "\n\n".join(parts) + "\n"
