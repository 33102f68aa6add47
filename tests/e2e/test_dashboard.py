"""The Grafana dashboard asks for nothing that /metrics does not have."""
import json
import os
import re

from proxy import TOP
from test_admin import get, with_admin
from test_spool import spool

FOLDER = os.path.join(TOP, "contrib", "grafana")


def dashboard():
    with open(os.path.join(FOLDER, "smtp-detour.json")) as file:
        return json.load(file)


def queries():
    return [(panel["title"], target["expr"], target["legendFormat"]) for panel in dashboard()["panels"] for target in panel["targets"]]


def labels_of(text):
    """{metric: its labels}, with what `# TYPE` names although it has no sample yet."""
    known = {name: set() for name in re.findall(r"(?m)^# TYPE (\w+) ", text)}
    for name, inside in re.findall(r"(?m)^(smtp_detour_\w+)(?:\{(.*)\})? \S+$", text):
        known.setdefault(name, set()).update(re.findall(r'(\w+)="', inside or ""))
    return known


def test_every_query_is_about_what_there_is(stage):
    proxy = with_admin(stage, stage.account([stage.upstream()]) + spool(stage))
    with proxy.client() as client:
        client.sendmail("a@example.test", ["b@example.test"], "Subject: x\r\n\r\nhello\r\n")
    known = labels_of(get(proxy.admin, "/metrics")[1])
    assert len(queries()) >= 8
    for title, query, legend in queries():
        names = re.findall(r"smtp_detour_\w+", query)
        assert names, title
        for name in names:
            assert name in known, (title, name)
            used = set(re.findall(r"\{\{(\w+)\}\}", legend)) | {word for inside in re.findall(r"by \(([^)]*)\)", query) for word in re.split(r", *", inside)}
            # Prometheus itself adds the instance.
            assert used - {"instance"} <= known[name] or not known[name], (title, used, known[name])


def test_its_parts_do_not_lie_on_each_other():
    places = [tuple(p["gridPos"][k] for k in "xywh") for p in dashboard()["panels"]]
    assert len({p["id"] for p in dashboard()["panels"]}) == len(places)
    for i, (x, y, w, h) in enumerate(places):
        assert x + w <= 24
        for (a, b, c, d) in places[:i]:
            assert x >= a + c or a >= x + w or y >= b + d or b >= y + h
