"""What an operator sees of the spool: metrics, status.json, the page."""
import time

from submission_server import closed_port
from test_admin import Page, eventually, get, metrics, status, value, with_admin
from test_spool import spool, submit
from test_spool_commands import command, listed


def account(proxy, name="default"):
    return next(a for a in status(proxy)["accounts"] if a["name"] == name)["spool"]


def page(proxy):
    code, text, _ = get(proxy.admin, "/")
    assert code == 200
    seen = Page(text)
    return seen, " ".join("".join(seen.words).split())


def test_an_outage_on_the_page_and_in_numbers(stage):
    port = closed_port()
    proxy = with_admin(stage, stage.account([port]) + spool(stage, max_messages="2", retry="1m 1h"))
    _, words = page(proxy)
    assert "to be sent later" not in words and "smtp-detour spool" not in words
    for _ in range(2):
        assert submit(proxy)[1].startswith("250 ")
    assert submit(proxy)[0].startswith("452 4.3.1 ")
    shown = eventually(lambda: account(proxy)["waiting"] == 2 and account(proxy)["next"] and account(proxy))
    assert time.time() - 5 < shown["next"] < time.time() + 75
    assert eventually(lambda: 'smtp_detour_spool_full_total{why="messages"} 1\n' in get(proxy.admin, "/metrics")[1])
    samples = metrics(proxy)
    assert value(samples, "smtp_detour_spool_taken_total", account="default", reason="no-port") == 2
    assert [value(samples, "smtp_detour_spool_full_total", why=why) for why in ("size", "messages", "disk")] == [0, 1, 0]
    seen, words = page(proxy)
    assert "2 messages are kept, to be sent later; the oldest for " in words
    assert "no port of 127.0.0.1 works: %d refused" % port in words and "Tried next in " in words
    assert "smtp-detour spool list" in words and "smtp-detour spool retry ID" in words
    assert "2 waiting" in words and "script" not in seen.tags
    assert "mail of account default is answered 452, because the spool is full" in words
    upstream = stage.upstream(port=port)
    submit(proxy)  # what a client's message shows to work wakes the rest
    upstream.wait_for(2, 30)


def test_full_by_size_is_said(stage):
    """A balancer sends clients elsewhere, and an alert is raised, once the mail that comes has no place any more."""
    proxy = with_admin(stage, stage.account([closed_port()]) + spool(stage, max_size="1M", retry="1m 1h"))
    large = b"Subject: x\r\n\r\n" + b"x" * 300 * 1024 + b"\r\n"
    for _ in range(3):
        assert submit(proxy, large)[1].startswith("250 ")
    assert eventually(lambda: get(proxy.admin, "/acceptz")[0] == 200 and value(metrics(proxy), "smtp_detour_spool_takes") == 1)
    answers = submit(proxy, large)
    assert (answers[1] or answers[0]).startswith("452 4.3.1 ")
    eventually(lambda: get(proxy.admin, "/acceptz")[:2] == (503, "no port works and the spool is full\n"))
    assert eventually(lambda: value(metrics(proxy), "smtp_detour_spool_takes") == 0)
    assert "answered 452, because the spool is full" in page(proxy)[1]


def test_given_up_with_the_reason_and_nothing_hostile(stage):
    port = closed_port()
    proxy = with_admin(stage, stage.account([port]) + spool(stage))
    assert submit(proxy)[1].startswith("250 ")
    stage.upstream(port=port, hooks={"RCPT": lambda session, argument: b"550 5.1.1 <img src=x onerror=alert(2)> unknown\r\n"})
    eventually(lambda: account(proxy)["failed"] == 1 and account(proxy)["waiting"] == 0)
    assert account(proxy)["next"] is None
    seen, words = page(proxy)
    assert "img" not in seen.tags
    assert "1 failed given up: " in words and "<img src=x onerror=alert(2)> unknown" in words
    assert "smtp-detour spool retry ID" in words and "to be sent later" not in words


def test_why_it_failed_is_said_after_a_restart_and_without_its_account(stage):
    """The process that gave it up has ended, and the account has another name now."""
    port = closed_port()
    proxy = with_admin(stage, stage.account([port], name="old") + spool(stage))
    assert submit(proxy)[1].startswith("250 ")
    stage.upstream(port=port, hooks={"RCPT": lambda session, argument: b"550 5.1.1 no such person\r\n"})
    eventually(lambda: account(proxy, "old")["failed"] == 1)
    assert proxy.stop() == 0
    proxy = with_admin(stage, stage.account([port], name="fresh") + spool(stage))
    _, words = page(proxy)
    assert "not in the configuration" in words and "1 failed given up: 550 5.1.1 no such person" in words
    assert status(proxy)["gone"][0]["name"] == "old" and status(proxy)["gone"][0]["spool"]["failed"] == 1
    assert value(metrics(proxy), "smtp_detour_spool_messages", account="old", state="failed") == 1
    entry, = listed(proxy)
    assert (entry["state"], entry["reason"]) == ("failed", "550 5.1.1 no such person")
    assert "given up 550 5.1.1 no such person" in command(proxy, "show", entry["id"])[1]
    assert proxy.stop() == 0
    assert listed(proxy)[0]["reason"] == "550 5.1.1 no such person"
