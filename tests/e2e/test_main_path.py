"""The main job: a client that knows nothing, an upstream that wants everything."""
import re
import smtplib
import socket
import subprocess

import pytest

from conftest import PASSWORD, USER
from submission_server import closed_port

BODY = b"Subject: hello\r\nFrom: a@office.test\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@office.test>\r\n\r\nfirst\r\n.dot\r\n..two\r\nlast\r\n"


def deliver(proxy, body=BODY, to="b@example.test", sender="a@office.test"):
    client = proxy.client()
    client.sendmail(sender, [to] if isinstance(to, str) else to, body)
    client.quit()


def test_message_arrives_byte_exact_with_tls_and_auth(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    deliver(proxy)
    message = upstream.wait_for(1)[0]
    assert message.body == BODY
    assert (message.sender, message.recipients) == ("a@office.test", ["b@example.test"])
    assert message.tls in ("TLSv1.2", "TLSv1.3") and message.user == USER
    line = proxy.wait_for_log("msg=delivered")
    for key in ("id", "from", "to", "nrcpt", "size", "client", "listener", "upstream", "port", "tls", "status", "reply", "rtts", "delay"):
        assert re.search(r" %s=" % key, line), (key, line)
    assert "port=%d" % upstream.port in line and PASSWORD not in proxy.log


def test_implicit_tls(stage):
    upstream = stage.upstream(tls="implicit")
    proxy = stage.proxy(stage.account(["%d/implicit" % upstream.port]))
    deliver(proxy)
    assert upstream.wait_for(1)[0].tls


@pytest.mark.parametrize("mechanisms,expected", [("PLAIN", "PLAIN"), ("LOGIN", "LOGIN"), ("LOGIN PLAIN", "PLAIN"), ("LOGIN XOAUTH2", "LOGIN")])
def test_mechanism_comes_from_the_ehlo_after_tls(stage, mechanisms, expected):
    upstream = stage.upstream(mechanisms=mechanisms)
    deliver(stage.proxy(stage.account([upstream])))
    assert upstream.wait_for(1)[0].mechanism == expected


@pytest.mark.parametrize("chunking", [False, True])
@pytest.mark.parametrize("pipelining", [False, True])
def test_bodies_are_byte_exact(stage, chunking, pipelining):
    upstream = stage.upstream(chunking=chunking, pipelining=pipelining)
    proxy = stage.proxy(stage.account([upstream], fix_headers="no"))
    bodies = [BODY[:BODY.index(b"first")], BODY, BODY + b"x" * 200_000 + b"\r\n", BODY + bytes(range(128, 256)) + b"\r\n", BODY + b"\0nul\r\n",
              BODY + (b"." * 997 + b"\r\n") * 3000, BODY + b"." + b"y" * 1_000_000 + b"\r\n"]
    client = proxy.client(timeout=60)
    for n, body in enumerate(bodies):
        client.sendmail("a@office.test", ["b@example.test"], body)
        assert upstream.wait_for(n + 1)[n].body == body
    client.quit()


def test_empty_body(stage):
    upstream = stage.upstream()
    client = stage.proxy(stage.account([upstream])).raw()
    client.reply()
    for line in ("EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<c@example.test>", "DATA"):
        client.say(line)
    assert client.say(".").startswith("250 ")
    assert upstream.wait_for(1)[0].body in (b"", b"\r\n") or b"\r\n\r\n" in upstream.messages[0].body


def test_bare_newlines_are_repaired_and_never_end_a_message(stage):
    upstream = stage.upstream()
    client = stage.proxy(stage.account([upstream])).raw()
    client.reply()
    for line in ("EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<c@example.test>", "DATA"):
        client.say(line)
    evil = b"A: b\n\none\n.\nMAIL FROM:<evil@b.test>\r.\r\ntwo\r\n.\r\r\n\r\n\0.\r\n"
    assert client.say(evil + b".\r\n").startswith("250 ")
    messages = upstream.wait_for(1)
    assert len(messages) == 1
    body = messages[0].body
    assert b"\nMAIL FROM:<evil@b.test>\r\n" in body and not re.search(rb"[^\r]\n|\r[^\n]", body)


def test_each_recipient_gets_the_upstreams_own_answer(stage):
    upstream = stage.upstream()
    client = stage.proxy(stage.account([upstream])).client()
    client.ehlo()
    client.mail("a@office.test")
    assert client.rcpt("b@example.test") == (250, b"2.1.5 recipient fine")
    assert client.rcpt("unknown@example.test")[0:2] == (550, b"5.1.1 no such user here")
    assert client.rcpt("later@example.test")[0] == 450
    assert client.rcpt("c@example.test")[0] == 250
    assert client.data(BODY)[0] == 250
    assert upstream.wait_for(1)[0].recipients == ["b@example.test", "c@example.test"]


def test_all_recipients_refused(stage):
    upstream = stage.upstream()
    client = stage.proxy(stage.account([upstream])).raw()
    client.reply()
    client.say("EHLO x")
    client.say("MAIL FROM:<a@b.test>")
    assert client.say("RCPT TO:<unknown@example.test>").startswith("550 5.1.1 ")
    assert client.say("DATA").startswith("554 5.5.1 ")
    assert client.say("RSET").startswith("250 ")
    assert client.say("MAIL FROM:<a@b.test>").startswith("250 ")
    assert upstream.messages == []


def test_mail_refused_upstream_answers_each_recipient(stage):
    upstream = stage.upstream(hooks={"MAIL": lambda s, a: b"553 5.7.1 not your address\r\n"})
    client = stage.proxy(stage.account([upstream])).raw()
    client.reply()
    client.say("EHLO x")
    assert client.say("MAIL FROM:<a@b.test>").startswith("250 ")
    assert client.say("RCPT TO:<b@example.test>").startswith("553 5.7.1 not your address")
    assert client.say("RCPT TO:<c@example.test>").startswith("553 5.7.1 not your address")


@pytest.mark.parametrize("verdict", [b"554 5.6.0 spam\r\n", b"451 4.3.0 try later\r\n", b"552-5.2.2 two\r\n552 5.2.2 lines\r\n"])
def test_the_final_verdict_is_the_upstreams(stage, verdict):
    upstream = stage.upstream(hooks={"BODY": lambda s, b: verdict})
    client = stage.proxy(stage.account([upstream])).client()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("a@office.test", ["b@example.test"], BODY)
    assert refused.value.smtp_code == int(verdict[:3])
    assert refused.value.smtp_error.startswith(verdict[4:].split(b"\r")[0].rstrip())


def test_second_port_when_the_first_is_black_holed(stage):
    hole, upstream = stage.black_hole(), stage.upstream()
    proxy = stage.proxy(stage.account([hole, upstream]))
    deliver(proxy)
    deliver(proxy)
    assert len(upstream.wait_for(2)) == 2
    proxy.wait_for_log("port=%d .*finding=timeout-connect" % hole.port)


def test_second_port_when_the_first_is_closed_silent_or_lying(stage, ca):
    wrong = stage.upstream(certificate=ca.issue("other", names=["mail.elsewhere.test"]))
    bare = stage.upstream(tls="none")
    silent = stage.upstream(silent_after_connect=True)
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([closed_port(), wrong, bare, silent, upstream]))
    deliver(proxy)
    assert upstream.wait_for(1)[0].body == BODY
    assert wrong.auth_attempts == bare.auth_attempts == silent.auth_attempts == []


def test_pipelining_clients_and_many_recipients(stage):
    upstream = stage.upstream()
    client = stage.proxy(stage.account([upstream])).raw()
    client.reply()
    client.say("EHLO x")
    recipients = ["r%d@example.test" % i for i in range(100)]
    client.send(b"MAIL FROM:<a@b.test>\r\n" + b"".join(b"RCPT TO:<%s>\r\n" % r.encode() for r in recipients) + b"DATA\r\n")
    replies = [client.reply() for _ in range(102)]
    assert all(r.startswith("250 ") for r in replies[:101]) and replies[101].startswith("354")
    client.send(BODY.replace(b"\r\n.", b"\r\n..") + b".\r\nQUIT\r\n")
    assert client.reply().startswith("250 ") and client.reply().startswith("221 ")
    assert upstream.wait_for(1)[0].recipients == recipients


def test_ipv6_listener_and_several_addresses(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="\n[listen six]\naddress = [::1]:%d 127.0.0.2:%d\nallow = ::1 127.0.0.0/8\n" % (port6 := free(), port6))
    for host in ("127.0.0.1", "::1", "127.0.0.2"):
        with smtplib.SMTP(host, proxy.port if host == "127.0.0.1" else port6, local_hostname="x") as client:
            client.sendmail("a@office.test", ["b@example.test"], BODY)
    assert len(upstream.wait_for(3)) == 3


def free():
    with socket.socket() as s:
        s.bind(("127.0.0.2", 0))
        return s.getsockname()[1]


def test_swaks_and_curl(stage, tmp_path):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(proxy.port), "--from", "a@office.test", "--to", "b@example.test,c@example.test",
                    "--body", "from swaks"], check=True, stdout=subprocess.DEVNULL)
    mail = tmp_path / "mail"
    mail.write_bytes(BODY)
    subprocess.run(["curl", "-sS", "smtp://127.0.0.1:%d/scanner" % proxy.port, "--mail-from", "a@office.test", "--mail-rcpt", "b@example.test",
                    "--upload-file", str(mail)], check=True)
    messages = upstream.wait_for(2)
    assert b"from swaks" in messages[0].body and messages[0].recipients == ["b@example.test", "c@example.test"]
    assert messages[1].body == BODY


def test_what_was_learnt_survives_a_restart(stage):
    hole, upstream = stage.black_hole(), stage.upstream()
    config = stage.account([hole, upstream]) + "[server]\nstate_dir = %s\nuser = root\n" % stage.folder
    first = stage.proxy(config)
    deliver(first)
    first.stop()
    second = stage.proxy(config)
    deliver(second)
    assert len(upstream.wait_for(2)) == 2
    assert "timeout-connect" in first.log and str(hole.port) not in second.log


def test_a_burst_during_an_outage_makes_one_race(stage):
    dead = stage.upstream(silent_after_connect=True)
    proxy = stage.proxy(stage.account([dead], connect_timeout="2s"))
    clients = [proxy.raw() for _ in range(30)]
    for client in clients:
        client.reply()
        client.say("EHLO x")
        client.say("MAIL FROM:<a@office.test>")
        client.send(b"RCPT TO:<b@example.test>\r\n")
    assert all(client.reply().startswith("451 4.4.1 ") for client in clients)
    assert dead.connections <= 2  # EHLO may start one, the burst shares another
