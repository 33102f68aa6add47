"""The results in words: a text table, and the verdicts on the project's targets."""
import targets

SCENARIOS = (("one_per_connection", "one message per connection, 50 clients, 4 KiB"),
             ("hundred_per_connection", "100 messages per connection, 50 clients, 4 KiB"),
             ("large", "25 MiB messages, 4 at a time"))


def cell(figures, key, form):
    if not figures or "error" in figures:
        return "no figure" if key == "rate" or key == "mb_s" else "–"
    return form % figures[key] if figures.get(key) is not None else "–"


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        lines.append("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip())
        if number == 0:
            lines.append("  ".join("-" * w for w in widths))
    return "\n".join(lines)


def throughput_table(result, names, scenario):
    figures = result.get(scenario, {})
    large = scenario == "large"
    rows = [["", "MB/s", "CPU s/GB", "p50 ms", "p99 ms"] if large else
            ["", "msg/s", "CPU ms/msg", "handshakes/1000", "of them resumed", "p50 ms", "p99 ms"]]
    for key, name in names.items():
        f = figures.get(key)
        if f is None:
            continue
        cpu = "–" if key == "direct" else cell(f, "cpu_s_gb" if large else "cpu_ms", "%.2f" if large else "%.3f")
        tail = [cell(f, "p50_ms", "%.1f"), cell(f, "p99_ms", "%.1f")]
        if large:
            rows.append([name, cell(f, "mb_s", "%.0f"), cpu] + tail)
        else:
            rows.append([name, cell(f, "rate", "%.0f"), cpu, cell(f, "handshakes_per_1000", "%.1f"), cell(f, "resumed_per_1000", "%.1f")] + tail)
    return table(rows)


def other_tables(result, names):
    parts = []
    idle = result.get("idle", {})
    rows = [["idle clients", "clients", "KiB per client", "MiB in all"]]
    rows += [[names[k], str(f["clients"]), "%.1f" % (f["bytes_per_client"] / 1024), "%.1f" % (f["resident"] / 2**20)] for k, f in idle.items() if "error" not in f]
    parts.append(table(rows))
    f = result.get("over_https")
    rows = [["443/api, 4 KiB, 4 clients", "msg/s", "CPU ms/msg", "p50 ms", "p99 ms"],
            ["smtp-detour, to a fake service in Python", cell(f, "rate", "%.0f"), cell(f, "cpu_ms", "%.3f"), cell(f, "p50_ms", "%.1f"), cell(f, "p99_ms", "%.1f")]]
    if f:
        parts.append(table(rows))
    hole = result.get("black_hole", {})
    rows = [["first port black-holed", "first mail s", "each later mail ms"]]
    for key, f in hole.items():
        if "error" not in f:
            rows.append([names[key], "%.2f" % f["first_s"], "%.2f" % (f["later_ms"] if "later_ms" in f else f["later_s"] * 1000)])
    parts.append(table(rows))
    rows = [["round trips at 80 ms", "very first", "cold", "warm", "direct", "stunnel"]]
    for key, words in (("chunking", "upstream with CHUNKING"), ("data", "without")):
        f = result.get("round_trips", {}).get(key, {})
        rows.append([words] + ["%.2f" % f[k] if k in f else "–" for k in ("first", "cold", "warm", "direct", "stunnel")])
    parts.append(table(rows))
    return parts


def verdict_table(result):
    rows = [["target", "measured", "", "wanted", ""]]
    for words, figure, relation, target in targets.verdicts(result):
        kept = targets.kept(figure, relation, target)
        rows.append([words, "–" if figure is None else "%.2f" % figure, relation, "–" if target is None else "%.4g" % target,
                     "not measured" if kept is None else "met" if kept else "MISSED"])
    return table(rows)


def text(result):
    names = result["names"]
    parts = ["smtp-detour benchmark, %s" % result["conditions"]["when"], "\n".join("%s: %s" % pair for pair in result["conditions"].items() if pair[0] != "when")]
    for scenario, words in SCENARIOS:
        if scenario in result:
            parts.append("%s (medians of %d interleaved rounds)\n%s" % (words, result["rounds"], throughput_table(result, names, scenario)))
    parts += other_tables(result, names)
    parts.append(verdict_table(result))
    if result["notes"]:
        parts.append("Notes:\n" + "\n".join("- " + n.splitlines()[0] for n in result["notes"]))
    return "\n\n".join(parts) + "\n"
