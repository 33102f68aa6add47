"""Promises about the relay that need both sides at once (README.md here says which test stands for which promise)."""
import re
import select
import threading
import time

import pytest

BODY = b"Subject: x\r\nFrom: a@office.test\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@office.test>\r\n\r\nhello\r\n"


def greeted(proxy):
    client = proxy.raw()
    client.reply()
    client.offers = client.say("EHLO scanner").replace("250-", "250 ").split("\n250 ")
    return client


def send(client, mail="MAIL FROM:<a@office.test>", rcpt="RCPT TO:<b@example.test>", body=BODY):
    replies = [client.say(mail), client.say(rcpt)]
    if all(r.startswith("250") for r in replies):
        replies += [client.say("DATA"), client.say(body + b".\r\n")]
    return replies


@pytest.mark.parametrize("said,told", [(b"250 fine\r\n", "250 2.0.0 fine"), (b"550 no\r\n", "550 5.0.0 no"), (b"450 later\r\n", "450 4.0.0 later"),
                                       (b"550 5.1.1 unknown\r\n", "550 5.1.1 unknown"), (b"550-5.1.1 a\r\n550 5.1.1 b\r\n", "550-5.1.1 a\n550 5.1.1 b")])
def test_an_upstreams_reply_to_rcpt_word_for_word(stage, said, told):
    upstream = stage.upstream(hooks={"RCPT": lambda session, argument: said})
    assert send(greeted(stage.proxy(stage.account([upstream]))))[1] == told


def test_control_characters_of_a_reply_go_nowhere(stage):
    upstream = stage.upstream(hooks={"RCPT": lambda session, argument: b"550 5.1.1 no\x07 such \x1b[31muser\x00\tmsg=delivered\r\n"})
    proxy = stage.proxy(stage.account([upstream]))
    reply = send(greeted(proxy))[1]
    assert reply.startswith(("550 5.1.1 ", "451 4.4.2 ")) and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", reply)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", proxy.log)


@pytest.mark.parametrize("nonsense", [b"250-on and on\r\n" * 10_000 + b"250 end\r\n", b"2" * 1_000_000, b"hello there\r\n", b"250-a\r\n550 b\r\n", b"\r\n",
                                      b"354 go\r\n"], ids=["10000 lines", "a megabyte without a newline", "words", "two codes", "empty", "354"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "BODY"])
def test_nonsense_is_bounded_and_451(stage, nonsense, verb):
    upstream = stage.upstream(hooks={verb: lambda session, argument: nonsense})
    client = greeted(stage.proxy(stage.account([upstream])))
    assert send(client)[-1].startswith("451 4.4.2 ")
    assert client.say("NOOP").startswith("250") and upstream.messages == []


def test_no_354_before_the_upstreams(stage):
    asked, go = threading.Event(), threading.Event()

    def hold(session, argument):
        asked.set()
        assert go.wait(20)

    upstream = stage.upstream(hooks={"DATA": hold})
    client = greeted(stage.proxy(stage.account([upstream])))
    client.say("MAIL FROM:<a@office.test>")
    client.say("RCPT TO:<b@example.test>")
    client.send(b"DATA\r\n")
    assert asked.wait(20)
    assert select.select([client.socket], [], [], 0.2)[0] == []
    go.set()
    assert client.reply().startswith("354") and client.say(BODY + b".\r\n").startswith("250")


def test_one_session_without_rset_between_good_messages_and_with_it_after_a_refusal(stage):
    refuse = []
    upstream = stage.upstream(hooks={"BODY": lambda session, body: refuse.pop() if refuse else None})
    client = greeted(stage.proxy(stage.account([upstream])))
    for _ in range(3):
        assert send(client)[-1].startswith("250")
    assert b"RSET" not in upstream.commands()
    refuse.append(b"554 5.7.1 spam\r\n")
    assert send(client)[-1] == "554 5.7.1 spam"
    assert send(client)[-1].startswith("250")
    assert send(client, rcpt="RCPT TO:<unknown@example.test>")[-1].startswith("550 5.1.1")
    client.say("RSET")
    assert send(client)[-1].startswith("250")
    assert upstream.connections == 1 and len(upstream.auth_attempts) == 1


def test_a_thousand_recipients_each_with_its_own_answer(stage):
    answers = {0: b"250 2.1.5 number %d\r\n", 1: b"550 5.1.1 number %d\r\n", 2: b"450 4.2.1 number %d\r\n"}

    def answer(session, argument):
        number = int(re.search(rb"r(\d+)@", argument).group(1))
        if number % 3 == 0:
            session.recipients.append(str(number))
        return answers[number % 3] % number

    upstream = stage.upstream(hooks={"RCPT": answer}, chunking=True)
    proxy = stage.proxy(stage.account([upstream]))
    client = greeted(proxy)
    client.send(b"MAIL FROM:<a@office.test>\r\n" + b"".join(b"RCPT TO:<r%d@example.test>\r\n" % i for i in range(1000)) + b"DATA\r\n")
    assert client.reply().startswith("250")
    assert [client.reply() for _ in range(1000)] == [(answers[i % 3] % i).decode().rstrip() for i in range(1000)]
    assert client.reply().startswith("354") and client.say(BODY + b".\r\n").startswith("250")
    assert upstream.wait_for(1)[0].recipients == [str(i) for i in range(0, 1000, 3)]
    message = re.search(r"msg=delivered id=(\w+) .* nrcpt=334 ", proxy.wait_for_log("msg=delivered")).group(1)
    refused = re.findall(r'level=info msg="recipient refused" id=%s to=r(\d+)@example\.test upstream=\S+ status=(\d+) reply="(.*?)"' % message, proxy.log)
    assert refused == [(str(i), ("550", "450")[i % 3 - 1], (answers[i % 3] % i).decode().rstrip()) for i in range(1000) if i % 3]


def test_ehlo_says_what_the_upstream_was_last_seen_to_offer(stage):
    upstream = stage.upstream(extensions=["SMTPUTF8", "DSN"], size=20_000_000)
    proxy = stage.proxy(stage.account([upstream]))
    client = greeted(proxy)
    assert "SMTPUTF8" not in client.offers and "DSN" not in client.offers and "SIZE 52428800" in client.offers and "CHUNKING" not in client.offers
    assert send(client)[-1].startswith("250")
    client = greeted(proxy)
    assert {"SMTPUTF8", "DSN", "SIZE 20000000", "8BITMIME", "PIPELINING"} <= set(client.offers)
    assert send(client, mail="MAIL FROM:<ä@office.test> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=x1 SIZE=200", rcpt="RCPT TO:<b@example.test> NOTIFY=NEVER")[-1] \
        .startswith("250")
    message = upstream.wait_for(2)[1]
    assert {"SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=x1"} <= set(message.mail_args.split()) and "SIZE=" in message.mail_args
    assert b"RCPT TO:<b@example.test> NOTIFY=NEVER" in upstream.commands()


def test_only_what_all_accounts_offer_is_offered(stage):
    rich, poor = stage.upstream(extensions=["SMTPUTF8", "DSN"], size=30_000_000), stage.upstream(extensions=["DSN"], size=10_000_000)
    proxy = stage.proxy(stage.account([rich], name="rich", senders="@office.test") + stage.account([poor], name="poor"))
    client = greeted(proxy)
    assert send(client)[-1].startswith("250") and send(client, mail="MAIL FROM:<a@home.test>")[-1].startswith("250")
    offers = greeted(proxy).offers
    assert "DSN" in offers and "SMTPUTF8" not in offers and "SIZE 30000000" in offers


def test_parameters_that_were_not_offered_and_those_the_session_lacks(stage):
    upstream = stage.upstream(extensions=["SMTPUTF8", "DSN"])
    proxy = stage.proxy(stage.account([upstream], max_messages="1"))
    client = greeted(proxy)
    assert client.say("MAIL FROM:<a@office.test> RET=HDRS").startswith("555 5.5.4 ")
    assert send(client)[-1].startswith("250")
    client = greeted(proxy)
    upstream.extensions = []  # the next session has less than what was advertised
    replies = send(client, mail="MAIL FROM:<a@office.test> RET=HDRS", rcpt="RCPT TO:<b@example.test> NOTIFY=NEVER")
    assert replies[-1].startswith("250") and "RET" not in upstream.wait_for(2)[1].mail_args and b"RCPT TO:<b@example.test>" in upstream.commands()
    upstream.extensions = ["SMTPUTF8"]
    client = greeted(proxy)
    assert send(client)[-1].startswith("250")
    client = greeted(proxy)
    upstream.extensions = []
    assert send(client, mail="MAIL FROM:<ä@office.test> SMTPUTF8")[1].startswith("550 5.6.7 ")
    assert len(upstream.messages) == 3


def test_8bit_text_for_an_upstream_without_8bitmime_passes_unchanged(stage):
    def ehlo(session, argument):
        if session.tls_version:
            return b"250-up\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n"

    upstream = stage.upstream(hooks={"EHLO": ehlo})
    body = BODY + "Übergröße\r\n".encode()
    assert send(greeted(stage.proxy(stage.account([upstream]))), mail="MAIL FROM:<a@office.test> BODY=8BITMIME", body=body)[-1].startswith("250")
    message = upstream.wait_for(1)[0]
    assert message.body == body and "BODY" not in message.mail_args


def test_stray_bytes_end_a_session_and_the_next_message_does_not_notice(stage):
    """A reply too many, behind the verdict: it must not become the answer to the next command."""
    stray = [b"250 2.0.0 taken\r\n250 2.0.0 stray\r\n"]

    def verdict(session, body):
        session.server.deliver(type("M", (), {"body": body}))
        return stray.pop() if stray else b"250 2.0.0 taken\r\n"

    upstream = stage.upstream(hooks={"BODY": verdict})
    client = greeted(stage.proxy(stage.account([upstream])))
    assert send(client)[-1] == "250 2.0.0 taken"
    assert send(client, rcpt="RCPT TO:<unknown@example.test>")[-1].startswith("550 5.1.1")
    client.say("RSET")
    assert send(client)[-1] == "250 2.0.0 taken"
    assert len(upstream.messages) == 2 and upstream.connections == 2


def test_a_recipient_who_comes_late_hears_how_things_are_now(stage):
    """Nobody was waiting when no session could be had after MAIL: that answer is none to the RCPT which comes when there is one again."""
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream], max_connections="1", acquire_timeout="100ms"))
    busy, late = greeted(proxy), greeted(proxy)
    assert busy.say("MAIL FROM:<a@office.test>").startswith("250") and busy.say("RCPT TO:<b@example.test>").startswith("250")
    assert late.say("MAIL FROM:<a@office.test>").startswith("250")
    time.sleep(0.5)
    assert busy.say("RSET").startswith("250")
    assert late.say("RCPT TO:<b@example.test>").startswith("250")


@pytest.mark.parametrize("stray", [b"250-half a reply", b"250 2.0.0 a reply too many\r\n"])
def test_stray_bytes_in_an_envelope_end_the_session_and_the_client_does_not_notice(stage, stray):
    def rcpt(session, argument):
        if session.number == 1:
            session.recipients.append("b@example.test")
            return b"250 2.1.5 recipient fine\r\n" + stray

    upstream = stage.upstream(hooks={"RCPT": rcpt})
    client = greeted(stage.proxy(stage.account([upstream])))
    client.say("MAIL FROM:<a@office.test>")
    assert client.say("RCPT TO:<b@example.test>").startswith("250")
    assert client.say("RCPT TO:<c@example.test>").startswith("250")
    assert client.say("DATA").startswith("354") and client.say(BODY + b".\r\n").startswith("250")
    message = upstream.wait_for(1)[0]
    assert message.recipients == ["b@example.test", "c@example.test"] and message.session == 2
