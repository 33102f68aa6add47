"""SVG by hand: bars for the comparison, lines for the curves. Colours read on white and on black; text takes the page's colour where the page lets it."""
import math

STYLE = ("<style>text{font:13px system-ui,sans-serif;fill:#6b7280}.t{font-size:15px;font-weight:600}.v{font-size:12px}"
         ".b{fill:#8896a8}.m{fill:#2f81f7}.l{fill:none;stroke:#2f81f7;stroke-width:2}.g{stroke:#8896a8;stroke-opacity:.35}</style>")


def escape(words):
    return str(words).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def document(width, height, parts, title):
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">%s\n%s\n</svg>\n'
            % (width, height, width, height, escape(title), STYLE, "\n".join(parts)))


def number(x):
    return "%.0f" % x if x >= 100 else "%.1f" % x if x >= 10 else "%.3g" % x


def bars(parts, x, y, width, title, rows):
    """rows: (label, value, ours). Returns the y below."""
    parts.append('<text class="t" x="%d" y="%d">%s</text>' % (x, y + 14, escape(title)))
    y += 26
    largest = max([v for _, v, _ in rows] or [1]) or 1
    for label, value, ours in rows:
        length = max(1.5, (width - 330) * value / largest)
        parts.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (x + 240, y + 13, escape(label)))
        parts.append('<rect class="%s" x="%d" y="%d" width="%.1f" height="16" rx="2"/>' % ("m" if ours else "b", x + 250, y, length))
        parts.append('<text class="v" x="%.1f" y="%d">%s</text>' % (x + 256 + length, y + 13, number(value)))
        y += 22
    return y + 16


def comparison(result):
    parts, y, width = [], 10, 760
    names = result["names"]
    for scenario, figure, title in (("one_per_connection", "rate", "One message per connection: messages per second"),
                                    ("hundred_per_connection", "rate", "100 messages per connection: messages per second"),
                                    ("one_per_connection", "cpu_ms", "One message per connection: CPU milliseconds per message (less is better)"),
                                    ("large", "mb_s", "25 MiB messages: MB per second")):
        figures = result.get(scenario, {})
        rows = [(names[k], f[figure], k.startswith("detour")) for k, f in figures.items()
                if k in names and "error" not in f and not (figure.startswith("cpu") and k == "direct")]
        y = bars(parts, 10, y, width, title, rows)
    parts.append('<text class="v" x="10" y="%d">%s, commit %s, medians of %d rounds on loopback</text>'
                 % (y + 8, escape(result["conditions"]["machine"]), escape(result["conditions"]["commit"]), result["rounds"]))
    return document(width, y + 24, parts, "smtp-detour compared with other ways to reach a submission server")


def line(parts, x, y, width, height, title, points):
    """points: (x, y), x on a logarithmic scale; y from 0."""
    parts.append('<text class="t" x="%d" y="%d">%s</text>' % (x, y, escape(title)))
    if not points:
        return
    top = max(p[1] for p in points) or 1
    low, high = math.log(points[0][0]), math.log(points[-1][0])
    place = [(x + 50 + (width - 70) * ((math.log(px) - low) / (high - low) if high > low else 0), y + 30 + (height - 66) * (1 - py / top)) for px, py in points]
    parts.append('<line class="g" x1="%d" y1="%d" x2="%d" y2="%d"/>' % (x + 50, y + height - 36, x + width - 20, y + height - 36))
    parts.append('<polyline class="l" points="%s"/>' % " ".join("%.1f,%.1f" % p for p in place))
    for (px, py), (cx, cy) in zip(points, place):
        parts.append('<circle class="m" cx="%.1f" cy="%.1f" r="3"/>' % (cx, cy))
        parts.append('<text class="v" x="%.1f" y="%d" text-anchor="middle">%s</text>' % (cx, y + height - 18, short(px)))
        parts.append('<text class="v" x="%.1f" y="%.1f" text-anchor="middle">%s</text>' % (cx, cy - 7, number(py)))


def short(x):
    for unit, size in (("M", 1 << 20), ("K", 1 << 10)):
        if x >= size and x % size == 0:
            return "%d%s" % (x // size, unit)
    return "%d" % x


def curves(result):
    parts, y = [], 24
    for curve in result["curves"]:
        points = [(p["x"], p["y"]) for p in curve["points"] if p.get("y") is not None]
        line(parts, 10, y, 740, 190, curve["title"], points)
        y += 215
    return document(760, y, parts, "How smtp-detour's cost grows")
