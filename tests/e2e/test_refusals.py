"""What the client and the log are told when it cannot be delivered: every reply that smtp-detour makes itself."""
import re
import socket

import pytest

from conftest import PASSWORD, USER
from submission_server import closed_port


def dialog(client, *lines):
    return [client.say(line) for line in lines]


def greet(proxy):
    client = proxy.raw()
    assert client.reply().startswith("220 ")
    assert client.say("EHLO scanner").startswith("250-")
    return client


def rcpt_reply(proxy):
    client = greet(proxy)
    client.say("MAIL FROM:<a@office.test>")
    return client.say("RCPT TO:<b@example.test>")


def test_wrong_password(stage):
    upstream = stage.upstream(users={USER: "other"})
    second = stage.upstream(users={USER: "other"})
    proxy = stage.proxy(stage.account([upstream, second]))
    for _ in range(3):
        assert re.match(r"451 4\.3\.5 127\.0\.0\.1 refuses the configured credentials .*\[\w+\]$", rcpt_reply(proxy))
    assert upstream.auth_attempts == [(USER, PASSWORD)] and second.auth_attempts == []
    proxy.wait_for_log("535")
    assert PASSWORD not in proxy.log


def rcpt(proxy):
    client = proxy.raw()
    client.reply()
    client.say("EHLO x")
    client.say("MAIL FROM:<a@office.test>")
    reply = client.say("RCPT TO:<b@example.test>")
    client.close()
    return reply


def test_a_login_that_is_good_for_nothing(stage):
    proxy = stage.proxy(stage.account([stage.upstream(hooks={"MAIL": lambda s, a: b"530 5.7.0 log in again\r\n"})]))
    assert rcpt(proxy).startswith("451 4.3.5 127.0.0.1 refuses the configured credentials")
    assert "takes no mail from us all the same (530 5.7.0 log in again)" in proxy.log


def test_an_upstream_that_wants_a_login_and_there_is_none(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream], username=None, password=None))
    assert rcpt(proxy).startswith("451 4.3.5 ")
    assert "%d takes no mail without a login (530 5.7.0 authenticate first): set username" % upstream.port in proxy.log
    assert "wants a login, and the account has none" in proxy.log


def test_wrong_certificate(stage, ca):
    upstream = stage.upstream(certificate=ca.issue("other2", names=["mail.elsewhere.test"]))
    proxy = stage.proxy(stage.account([upstream]))
    assert re.match(r"451 4\.7\.5 .*%d certificate.*\[\w+\]$" % upstream.port, rcpt_reply(proxy))
    assert upstream.auth_attempts == [] and upstream.messages == []
    proxy.wait_for_log("mail.elsewhere.test")


def test_expired_certificate(stage, ca):
    upstream = stage.upstream(certificate=ca.issue("old", names=["smtp.example.test"], expired=True))
    proxy = stage.proxy(stage.account([upstream]))
    assert rcpt_reply(proxy).startswith("451 4.7.5 ")
    proxy.wait_for_log("expired")
    assert upstream.auth_attempts == []


def test_all_ports_closed_and_the_session_stays_usable(stage):
    ports = [closed_port(), closed_port()]
    proxy = stage.proxy(stage.account(ports))
    client = greet(proxy)
    client.say("MAIL FROM:<a@office.test>")
    expected = r"451 4\.4\.1 no port of 127\.0\.0\.1 works: %d refused, %d refused.*\[\w+\]$" % tuple(ports)
    assert re.match(expected, client.say("RCPT TO:<b@example.test>"))
    assert re.match(expected, client.say("RCPT TO:<c@example.test>"))
    assert client.say("DATA").startswith("554 5.5.1 ")
    assert client.say("RSET").startswith("250 ")
    assert client.say("NOOP").startswith("250 ")
    assert client.say("QUIT").startswith("221 ")


def test_starttls_missing_never_weakens(stage):
    upstream = stage.upstream(tls="none")
    proxy = stage.proxy(stage.account([upstream]))
    assert re.match(r"451 4\.7\.5 .*%d no-starttls" % upstream.port, rcpt_reply(proxy))
    assert upstream.auth_attempts == []


def test_credentials_in_clear_only_when_the_configuration_says_so(stage):
    upstream = stage.upstream(tls="none")
    proxy = stage.proxy(stage.account(["%d/plain" % upstream.port], tls="off", tls_name=None, tls_ca=None, plaintext_auth="yes"))
    assert rcpt_reply(proxy).startswith("250 ")


def test_an_upstream_that_is_not_smtp(stage):
    for greeting in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x0a", b"x" * 100_000):
        upstream = stage.upstream(greeting=greeting)
        assert "%d not-smtp" % upstream.port in rcpt_reply(stage.proxy(stage.account([upstream])))


def test_peer_that_closes_at_any_point(stage):
    def close(session, argument):
        session.socket.close()
        raise ConnectionError

    for verb in ("EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BODY"):
        upstream = stage.upstream(hooks={verb: close})
        proxy = stage.proxy(stage.account([upstream]))
        client = greet(proxy)
        replies = dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>")
        if replies[1].startswith("250"):
            replies.append(client.say("DATA"))
            if replies[2].startswith("354"):
                replies.append(client.say(b"Subject: x\r\n\r\nhello\r\n.\r\n"))
        assert re.match(r"451 4\.", replies[-1]), (verb, replies)
        assert client.say("RSET").startswith("250 ")
        assert upstream.messages == []


def test_allow(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="allow = 10.0.0.0/8\n")
    client = proxy.raw()
    assert client.reply().startswith("554 5.7.1 ")
    assert client.at_eof()
    assert "[listen default] allow " in proxy.wait_for_log("client refused.* client=127.0.0.1 ")


def test_max_clients(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="max_clients = 2\n")
    first, second = greet(proxy), greet(proxy)
    third = proxy.raw()
    assert third.reply().startswith("421 4.7.0 ") and third.at_eof()
    assert "[listen default] max_clients = 2 " in proxy.wait_for_log("client refused")
    first.say("QUIT")
    assert first.at_eof()
    greet(proxy)
    second.close()


def test_timeout_of_a_silent_client(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="timeout = 1s\n")
    client = greet(proxy)
    assert client.reply().startswith("421 4.4.2 ") and client.at_eof()


def test_message_size(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="max_message_size = 64K\n")
    client = greet(proxy)
    refusal = re.fullmatch(r"552 5\.3\.4 the message is larger than this server takes \[(\w+)\]", client.say("MAIL FROM:<a@office.test> SIZE=70000"))
    assert "from=a@office.test" in proxy.wait_for_log("msg=refused id=%s " % refusal.group(1))
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    assert client.say(b"Subject: big\r\n\r\n" + b"x" * 70_000 + b"\r\n.\r\n").startswith("552 5.3.4 ")
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    assert client.say(b"Subject: small\r\n\r\nx\r\n.\r\n").startswith("250 ")
    messages = upstream.wait_for(1)
    assert len(messages) == 1 and b"small" in messages[0].body


def test_upstream_size_limit_is_told(stage):
    upstream = stage.upstream(size=1000)
    proxy = stage.proxy(stage.account([upstream]))
    client = greet(proxy)
    dialog(client, "MAIL FROM:<a@office.test> SIZE=5000")
    assert client.say("RCPT TO:<b@example.test>").startswith("552 5.3.4 ")
    later = proxy.raw()
    later.reply()
    assert re.search(r"250[- ]SIZE 1000\b", later.say("EHLO again"))
    assert re.fullmatch(r"552 5\.3\.4 the message is larger than 127\.0\.0\.1 takes \[\w+\]", later.say("MAIL FROM:<a@office.test> SIZE=5000"))


@pytest.mark.parametrize("listen,mail,reply,shown", [
    ("max_message_size = 64K\n", "<a@office.test> SIZE=70000", "552 5.3.4", "a@office.test"),
    ("", "<scanner office.test>", "501 5.1.7", '"<scanner office.test>"'),
    ("", "<a@office.test> FOO=bar", "555 5.5.4", "a@office.test"),
    ("tls = required\n", "<a@office.test>", "530 5.7.0", "a@office.test"),
])
def test_what_is_refused_at_mail_is_a_message_too(stage, listen, mail, reply, shown):
    """Before an account was chosen: still there is an id in the answer, and one line in the log with the same."""
    proxy = stage.proxy(stage.account([closed_port()]), listen=listen)
    said = greet(proxy).say("MAIL FROM:" + mail)
    ident = re.match(r"%s .* \[(\w+)\]$" % re.escape(reply), said).group(1)
    proxy.wait_for_log(r"msg=refused id=%s from=%s .*client=127\.0\.0\.1 .*status=%s reply=.*\[%s\]" % (ident, re.escape(shown), reply[:3], ident))


MAIL, RCPT, BODY_BEGUN = "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", b"Subject: half\r\n\r\na line\r\n"


@pytest.mark.parametrize("says,result", [
    ([MAIL, "RCPT TO:<b@", "RSET"], "refused .*status=501 reply=.501 5.1.3 "),
    ([MAIL, MAIL, "QUIT"], "refused .*status=503 "),
    ([MAIL, "RCPT TO:<b@example.test> FOO", "DATA", "QUIT"], "refused .*status=555 "),  # the first says why, not the DATA that nobody was left for
    ([MAIL, "DATA", "RSET"], "refused .*status=554 reply=.554 5.5.1 "),
    ([MAIL, RCPT, RCPT, "RSET"], "deferred .* nrcpt=1 .*status=452 reply=.452 4.5.3 "),
    ([MAIL, None], "deferred .*status=421 reply=.421 4.4.2 "),
    ([MAIL, RCPT, None], "deferred .*to=b@example.test nrcpt=1 .*status=421 reply=.421 4.4.2 "),
    ([MAIL, "RCPT TO:<b@", RCPT, "DATA", BODY_BEGUN, None], "deferred .*status=421 reply=.421 4.4.2 "),
    ([MAIL, RCPT, "BDAT 10 LAST"], "refused .*status=502 "),
    ([MAIL, RCPT, "GET / HTTP/1.1"], "refused .*status=554 reply=.554 5.5.0 "),
])
def test_the_id_that_a_client_is_told_stands_in_the_log(stage, says, result):
    """However its message ends: the client's log has an id, and one line of ours tells the rest."""
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="max_recipients = 1\ntimeout = 1s\n")
    client = greet(proxy)
    replies = []
    for line in says:
        if line == BODY_BEGUN:
            client.send(line)
        else:
            replies.append(client.reply() if line is None else client.say(line))
    told = {ident for reply in replies for ident in re.findall(r"^[45].*\[(\w{11})\]$", reply)}
    assert len(told) == 1
    proxy.wait_for_log("msg=%s.*" % result.replace(" ", " id=%s " % told.pop(), 1))
    assert len(proxy.message_lines()) == 1 and upstream.messages == []


def test_the_id_of_a_message_that_the_shutdown_overtakes_stands_in_the_log(stage):
    for before in (2, 3):
        proxy = stage.proxy(stage.account([stage.upstream()]) + "[server]\ndrain_timeout = 300ms\n")
        client = greet(proxy)
        dialog(client, *[MAIL, RCPT, "DATA"][:before])
        proxy.process.terminate()
        ident = re.match(r"421 4\.3\.2 .*\[(\w{11})\]$", client.reply()).group(1)
        proxy.wait_for_log("msg=deferred id=%s .*status=421 " % ident)
        proxy.wait_for_log("has ended")
        assert re.search("msg=deferred(.*\n)+.*has ended", proxy.log)


def test_an_outage_does_not_throw_out_who_pipelines(stage):
    client = greet(stage.proxy(stage.account([closed_port()])))
    for _ in range(25):
        client.send(b"MAIL FROM:<a@office.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\nRSET\r\n")
        assert [client.reply()[:3] for _ in range(4)] == ["250", "451", "554", "250"]


def test_syntax_and_sequence(stage):
    proxy = stage.proxy(stage.account([closed_port()]))
    client = proxy.raw()
    client.reply()
    client.say("EHLO x")
    assert client.say("DATA").startswith("503 5.5.1 ")
    assert client.say("RCPT TO:<a@b.test>").startswith("503 5.5.1 ")
    assert client.say("MAIL FROM:<a b>").startswith("501 5.1.7 ")
    assert client.say("MAIL FROM:<a@b.test> FOO=bar").startswith("555 5.5.4 ")
    assert client.say("MAIL FROM:<a@b.test> SIZE=x").startswith("501 5.5.4 ")
    assert client.say("BLAH").startswith("500 5.5.1 ")
    assert client.say("X" * 5000).startswith("500 5.5.2 ")
    assert client.say("VRFY root").startswith("252 2.5.1 ")
    assert client.say("EXPN list").startswith("502 5.5.1 ")
    assert client.say("HELP").startswith("214 2.0.0 ")
    assert client.say("NOOP").startswith("250 2.0.0 ")
    assert client.say("MAIL FROM:<a@b.test>").startswith("250 2.1.0 ")
    assert client.say("MAIL FROM:<a@b.test>").startswith("503 5.5.1 ")
    assert client.say("BDAT 10 LAST").startswith("502 5.5.1 ") and client.at_eof()


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
                                   b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + b"\0" * 12, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"])
def test_other_protocols(stage, first):
    proxy = stage.proxy(stage.account([closed_port()]))
    client = proxy.raw()
    client.reply()
    client.send(first)
    assert client.reply().startswith("554 5.5.0 ")
    proxy.wait_for_log("HTTP client|plain SMTP|set proxy_protocol|PROXY")


def test_too_many_errors_and_junk(stage):
    proxy = stage.proxy(stage.account([closed_port()]))
    client = greet(proxy)
    replies = [client.say("BLAH") for _ in range(20)]
    assert replies[-1].startswith("500 ") and client.reply().startswith("421 4.7.0 ") and client.at_eof()
    client = greet(proxy)
    client.send(b"NOOP\r\n" * 100)
    replies = [client.reply() for _ in range(101)]
    assert replies[99].startswith("250 ") and replies[100].startswith("421 4.7.0 ") and client.at_eof()


def test_too_many_hops(stage):
    upstream = stage.upstream()
    client = greet(stage.proxy(stage.account([upstream])))
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    assert client.say(b"Received: from a by b; now\r\n" * 51 + b"\r\nx\r\n.\r\n").startswith("554 5.4.6 ")
    assert upstream.messages == []


def test_no_account_for_this_sender(stage):
    proxy = stage.proxy(stage.account([closed_port()], senders="@office.test"))
    client = greet(proxy)
    assert client.say("MAIL FROM:<a@elsewhere.test>").startswith("550 5.7.1 ")
    assert client.say("MAIL FROM:<a@office.test>").startswith("250 ")
    client.close()


def test_nothing_of_a_vanished_client_is_delivered(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    for tail in (b"", b"Subject: x\r\n\r\nhalf", b"Subject: x\r\n\r\nalmost\r\n."):
        client = greet(proxy)
        dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
        client.send(tail)
        client.socket.shutdown(socket.SHUT_RDWR)
        client.close()
    client = greet(proxy)
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    assert client.say(b"Subject: whole\r\n\r\nx\r\n.\r\n").startswith("250 ")
    messages = upstream.wait_for(1)
    assert [b"whole" in m.body for m in messages] == [True]
