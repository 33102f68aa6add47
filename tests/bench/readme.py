"""The table of the project's README, between two marks in it: every full run writes it anew, nobody writes it by hand."""
import os

import targets
from report import cell

BEGIN, END = "<!-- made by make bench: begin -->\n", "<!-- made by make bench: end -->\n"
HEAD = ("| | one message per connection: msg/s · CPU ms each · handshakes per 1,000 | 100 per connection: msg/s · CPU ms each | 25 MiB: MB/s · CPU s per GB | KiB per idle client "
        "| first mail, first port black-holed | warm message at 80 ms |\n|---|---|---|---|---|---|---|\n")


def row(result, key, name):
    one, many, large = (result.get(s, {}).get(key) for s in ("one_per_connection", "hundred_per_connection", "large"))
    idle, hole = result.get("idle", {}).get(key), result.get("black_hole", {}).get(key)
    trips = result.get("round_trips", {}).get("chunking", {}).get("warm" if key == "detour" else key)
    own = key != "direct"
    cells = [name,
             " · ".join([cell(one, "rate", "%.0f")] + ([cell(one, "cpu_ms", "%.3f")] if own else []) + [cell(one, "handshakes_per_1000", "%.0f")]),
             " · ".join([cell(many, "rate", "%.0f")] + ([cell(many, "cpu_ms", "%.3f")] if own else [])),
             " · ".join([cell(large, "mb_s", "%.0f")] + ([cell(large, "cpu_s_gb", "%.2f")] if own else [])),
             "%.1f" % (idle["bytes_per_client"] / 1024) if idle and "error" not in idle else "–",
             "%.2f s" % hole["first_s"] if hole and "first_s" in hole else "–",
             "%.2f RTT" % trips if trips else "–"]
    return "| " + " | ".join(cells) + " |\n"


def verdicts(result):
    """Which of the targets this run kept, and by how much the others were missed."""
    lines, kept = [], 0
    for words, figure, relation, target in targets.verdicts(result):
        verdict = targets.kept(figure, relation, target)
        kept += verdict is True
        if verdict is False:
            lines.append("%s: %.2f, wanted %s %.4g" % (words, figure, relation, target))
        elif verdict is None:
            lines.append("%s: not measured" % words)
    return "%d of %d targets met%s.\n" % (kept, len(targets.verdicts(result)), "; missed: " + "; ".join(lines) if lines else "")


def section(result):
    conditions = result["conditions"]
    text = "%s, commit %s; %s; %s. Medians of %d interleaved rounds.\n\n" % (conditions["when"], conditions["commit"], conditions["machine"], conditions["peers"], result["rounds"])
    return text + HEAD + "".join(row(result, key, name) for key, name in result["names"].items()) + "\n" + verdicts(result)


def update(path, result):
    with open(path) as source:
        text = source.read()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    with open(path + ".new", "w") as out:
        out.write(text[:begin] + section(result) + text[end:])
    os.rename(path + ".new", path)
