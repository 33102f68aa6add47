"""How often a message goes to the upstream and back, counted on the wire of a slow line, and as the log says it. Not a time is measured."""
import re

import pytest

from slow_line import SlowLine

BODY = b"Subject: count\r\nFrom: a@office.test\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@office.test>\r\n\r\nhello\r\n"


def lockstep(client):
    for command, code in (("MAIL FROM:<a@office.test>", "250"), ("RCPT TO:<b@example.test>", "250"), ("DATA", "354")):
        assert client.say(command).startswith(code)
    assert client.say(BODY + b".\r\n").startswith("250")


def pipelining(client):
    client.send(b"MAIL FROM:<a@office.test>\r\nRCPT TO:<b@example.test>\r\nRCPT TO:<c@example.test>\r\nDATA\r\n")
    assert [client.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    assert client.say(BODY + b".\r\n").startswith("250")


def all_at_once(client):
    client.send(b"MAIL FROM:<a@office.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n" + BODY + b".\r\n")
    assert [client.reply()[:3] for _ in range(4)] == ["250", "250", "354", "250"]


def in_crumbs(client):
    for command in (b"MAIL FROM:<a@office.test>\r\n", b"RCPT TO:<b@example.test>\r\n", b"DATA\r\n", BODY + b".\r\n"):
        for i in range(len(command)):
            client.send(command[i:i + 1])
        assert client.reply()[:3] in ("250", "354")


def with_rset_and_noop(client):
    assert client.say("RSET").startswith("250")
    assert client.say("MAIL FROM:<a@office.test>").startswith("250")
    assert client.say("NOOP").startswith("250")
    assert client.say("RCPT TO:<b@example.test>").startswith("250")
    assert client.say("DATA").startswith("354")
    assert client.say(BODY + b".\r\n").startswith("250")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("chunking,pipelining_offered,expected", [(True, True, 2), (False, True, 3), (True, False, 3), (False, False, 4)])
def test_a_warm_message(stage, chunking, pipelining_offered, expected, tls):
    """2 with CHUNKING, 3 without; one more where MAIL and RCPT cannot leave together. Whatever the client does."""
    upstream = stage.upstream(chunking=chunking, pipelining=pipelining_offered, tls=tls)
    line = SlowLine(upstream.port)
    stage.things.append(line)
    proxy = stage.proxy(stage.account(["%d/%s" % (line.port, tls)], max_connections="1"))
    client = proxy.raw()
    client.reply()
    client.say("EHLO scanner")
    lockstep(client)
    sent = 1
    habits = [lockstep, all_at_once, in_crumbs, with_rset_and_noop] + ([pipelining] if pipelining_offered else [])
    for habit in habits:
        before = line.round_trips()
        habit(client)
        sent += 1
        assert line.round_trips() - before == expected, habit.__name__
        assert re.search(r" rtts=%d " % expected, proxy.wait_for_log(" msg=delivered ", count=sent)), habit.__name__
    assert len(upstream.wait_for(sent)) == sent and upstream.connections == 1


def test_the_first_message_of_a_client_that_says_ehlo_waits_for_no_handshake_of_its_own(stage):
    """EHLO starts a session: with the client's MAIL and RCPT said later, its message costs what a warm one does (and the empty chunk, once)."""
    upstream = stage.upstream(chunking=True)
    line = SlowLine(upstream.port)
    stage.things.append(line)
    proxy = stage.proxy(stage.account([line.port]))
    client = proxy.raw()
    client.reply()
    client.say("EHLO scanner")
    proxy.wait_for_log(r"\b%d at 127.0.0.1 works" % line.port)
    before = line.round_trips()
    lockstep(client)
    assert line.round_trips() - before == 3
    before = line.round_trips()
    lockstep(client)
    assert line.round_trips() - before == 2


def test_many_recipients_that_arrive_together_go_together(stage):
    upstream = stage.upstream(chunking=True)
    line = SlowLine(upstream.port)
    stage.things.append(line)
    client = stage.proxy(stage.account([line.port])).raw()
    client.reply()
    client.say("EHLO scanner")
    lockstep(client)
    before = line.round_trips()
    client.send(b"MAIL FROM:<a@office.test>\r\n" + b"".join(b"RCPT TO:<r%d@example.test>\r\n" % i for i in range(50)) + b"DATA\r\n")
    assert [client.reply()[:3] for _ in range(52)] == ["250"] * 51 + ["354"]
    assert client.say(BODY + b".\r\n").startswith("250")
    assert line.round_trips() - before == 2
