"""What the project promises, as ratios within one run, and whether a run kept it."""


def value(results, *path):
    for key in path:
        if not isinstance(results, dict) or key not in results:
            return None
        results = results[key]
    return results


def ratio(results, scenario, figure, mine, other):
    a, b = value(results, scenario, mine, figure), value(results, scenario, other, figure)
    return a / b if a is not None and b else None


def verdicts(r):
    """Rows: words, figure or None (not measured), "≥" or "≤", target."""
    one, many, big = "one_per_connection", "hundred_per_connection", "large"
    me = "detour"
    hole, trips = value(r, "black_hole", me) or {}, value(r, "round_trips") or {}
    allowed = hole["patience_s"] + hole["cold_s"] + 0.05 if "first_s" in hole else None
    later = hole["later_ms"] / hole["later_without_ms"] if "later_ms" in hole else None
    return [
        ("1 per connection: rate / stunnel's", ratio(r, one, "rate", me, "stunnel"), "≥", 8),
        ("1 per connection: rate / Postfix's delivered rate", ratio(r, one, "rate", me, "postfix"), "≥", 15),
        ("1 per connection: rate / HAProxy's plaintext pipe", ratio(r, one, "rate", me, "haproxy_plain"), "≥", 0.9),
        ("1 per connection: CPU per message / stunnel's", ratio(r, one, "cpu_ms", me, "stunnel"), "≤", 0.15),
        ("handshakes per 1,000 at 4,000 messages", value(r, "handshakes", "handshakes_per_1000"), "≤", 20),
        ("100 per connection: rate / stunnel's", ratio(r, many, "rate", me, "stunnel"), "≥", 2.5),
        ("100 per connection: rate / HAProxy's TLS pipe", ratio(r, many, "rate", me, "haproxy_tls"), "≥", 1.2),
        ("100 per connection: CPU per message / HAProxy's TLS pipe", ratio(r, many, "cpu_ms", me, "haproxy_tls"), "≤", 1.0),
        ("25 MiB: MB/s / HAProxy's TLS pipe", ratio(r, big, "mb_s", me, "haproxy_tls"), "≥", 1.0),
        ("25 MiB: CPU per GB / HAProxy's TLS pipe", ratio(r, big, "cpu_s_gb", me, "haproxy_tls"), "≤", 1.15),
        ("idle client, KiB", scaled(value(r, "idle", me, "bytes_per_client"), 1024), "≤", 2),
        ("10,000 idle clients in all, MiB", scaled(value(r, "idle", me, "resident"), 1 << 20) if value(r, "idle", me, "clients") == 10000 else None, "≤", 32),
        ("warm message at 80 ms, CHUNKING, round trips", value(trips, "chunking", "warm"), "≤", 2.1),
        ("warm message at 80 ms, no CHUNKING, round trips", value(trips, "data", "warm"), "≤", 3.1),
        ("cold message at 80 ms, CHUNKING, round trips", value(trips, "chunking", "cold"), "≤", 9.3),
        ("an account's very first, CHUNKING, round trips", value(trips, "chunking", "first"), "≤", 10.3),
        ("first mail, first port black-holed, s (limit: patience + cold + 50 ms)", hole.get("first_s"), "≤", allowed),
        ("later mails / the same without that port", later, "≤", 1.1),
    ]


def scaled(figure, by):
    return None if figure is None else figure / by


def kept(figure, relation, target):
    """True, False, or None: not measured."""
    if figure is None or target is None:
        return None
    return figure >= target if relation == "≥" else figure <= target
