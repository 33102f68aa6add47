"""Upstreams that other people wrote: Exim and OpenSMTPD, unpacked and not installed (tests/lib/unpacked.py), Dovecot's submission service, and Postfix's smtp-sink with its switches for
servers that misbehave."""
import os
import re
import shutil
import socket
import subprocess
import threading

import pytest

import dovecot_submission
import unpacked
from conftest import PASSWORD, USER
from other_servers import Exim, OpenSmtpd
from postfix import wait_until
from proxy import free_port

HEAD = (b"From: Scanner <a@office.test>\nTo: b@example.test\nSubject: %s\nDate: Sun, 22 Nov 2026 10:00:00 +0000\nMessage-ID: <r%d@office.test>\n"
        b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n")
BODY = b"first line\n.\n..two dots\n.three\n" + b"long " * 180 + b"\n" + "Übergröße\n".encode() + b"\n\nlast\n"
LARGE = b"".join(b"%d and so on, line after line, with no end in sight\n.%d\n" % (i, i) for i in range(6000))


def message(number=0, subject=b"real", body=BODY):
    return HEAD % (subject, number) + body


def content(delivered):
    """What we sent: everything after the lines that the delivery put in front."""
    return delivered[delivered.index(b"From: Scanner"):]


def say_all(client, *lines):
    return [client.say(line) for line in lines]


@pytest.fixture(params=["exim", "exim-without-chunking", "exim-lockstep", "opensmtpd"])
def server(request, tmp_path, stage):
    """A server and the account that uses it."""
    kind = request.param.split("-")[0]
    reason = unpacked.reason_not_to(kind)
    if reason:
        pytest.skip("%s: %s" % (kind, reason))
    common = (*stage.certificate, USER, PASSWORD)
    account = {}
    if kind == "exim":
        made = Exim(tmp_path / "server", *common, free_port(), chunking=request.param == "exim", pipelining=request.param != "exim-lockstep")
    else:
        made = OpenSmtpd(tmp_path / "server", *common, free_port())
        if not made.speaks_tls():
            made.stop()
            made = OpenSmtpd(tmp_path / "plain", *common, free_port(), protected=False)
            account = {"ports": "%d/plain" % made.port, "tls": "off", "auth": "none", "tls_name": None, "tls_ca": None, "username": None, "password": None}
    made.kind = request.param
    yield made, stage.account([made.port], **account)
    made.stop()


def test_many_messages_on_one_session_byte_exact(stage, server):
    upstream, account = server
    proxy = stage.proxy(account)
    bodies = [BODY, b"short\n", LARGE, b".\n", BODY * 100]
    with proxy.client(timeout=60) as client:
        for number, body in enumerate(bodies):
            client.sendmail("a@office.test", ["b@example.test"], message(number, body=body).replace(b"\n", b"\r\n"), mail_options=["BODY=8BITMIME"])
    arrived = sorted((content(m) for m in upstream.delivered(len(bodies))), key=lambda m: re.search(rb"<r\d+@", m).group())
    assert arrived == [message(number, body=body) for number, body in enumerate(bodies)]
    proxy.wait_for_log(" msg=delivered ", count=len(bodies))
    lines = proxy.message_lines()
    if upstream.kind == "exim":
        assert upstream.logged(" K S=", len(bodies)).count(" K S=") == len(bodies)  # that is how Exim notes BDAT
    warm = re.search(r" rtts=(\d+)", lines[1]).group(1)
    assert warm == {"exim": "2", "exim-without-chunking": "3", "exim-lockstep": "4", "opensmtpd": "4"}[upstream.kind]


def test_a_recipient_and_a_message_refused_and_the_session_lives_on(stage, server):
    upstream, account = server
    proxy = stage.proxy(account)
    client = proxy.raw()
    client.reply()
    say_all(client, "EHLO scanner", "MAIL FROM:<a@office.test>")
    refused, taken = say_all(client, "RCPT TO:<unknown@example.test>", "RCPT TO:<b@example.test>")
    assert re.match(r"550 5\.\d\.\d ", refused) and ("no such user here" in refused or "Invalid recipient" in refused)
    assert taken.startswith("250 ")
    assert client.say("DATA").startswith("354")
    assert client.say(message(1).replace(b"\n.", b"\n..").replace(b"\n", b"\r\n") + b".\r\n").startswith("250")
    say_all(client, "MAIL FROM:<unwanted@office.test>", "RCPT TO:<b@example.test>", "DATA")
    verdict = client.say(message(2, b"unwanted").replace(b"\n.", b"\n..").replace(b"\n", b"\r\n") + b".\r\n")
    assert re.match(r"550 5\.\d\.\d .*we do not want this", verdict)
    say_all(client, "MAIL FROM:<a@office.test>", "RCPT TO:<c@example.test>", "DATA")
    assert client.say(message(3).replace(b"\n.", b"\n..").replace(b"\n", b"\r\n") + b".\r\n").startswith("250")
    arrived = [content(m) for m in upstream.delivered(2)]
    assert sorted(arrived) == [message(1), message(3)]
    proxy.wait_for_log(" msg=delivered ", count=2)
    assert [re.search(r" msg=(\S+)", line).group(1) for line in proxy.message_lines()] == ["delivered", "refused", "delivered"]


def test_all_recipients_refused_now_or_later(stage, server):
    upstream, account = server
    client = stage.proxy(account).raw()
    client.reply()
    replies = say_all(client, "EHLO scanner", "MAIL FROM:<a@office.test>", "RCPT TO:<unknown@example.test>", "DATA", "RSET")
    assert [r[:4] for r in replies[2:]] == ["550 ", "554 ", "250 "]
    if upstream.kind.startswith("exim"):
        replies = say_all(client, "MAIL FROM:<a@office.test>", "RCPT TO:<later@example.test>")
        assert re.match(r"451 4\.\d\.\d .*mailbox busy", replies[1])
    client.say("RSET")
    say_all(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    assert client.say(message(1).replace(b"\n.", b"\n..").replace(b"\n", b"\r\n") + b".\r\n").startswith("250")
    assert content(upstream.delivered(1)[0]) == message(1)


def test_a_client_that_leaves_in_its_body_leaves_nothing(stage, server):
    upstream, account = server
    proxy = stage.proxy(account)
    client = proxy.raw()
    client.reply()
    say_all(client, "EHLO scanner", "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    client.send(message(1, body=LARGE).replace(b"\n.", b"\n..").replace(b"\n", b"\r\n"))
    client.close()
    proxy.wait_for_log("the client left before the end of its message, nothing was sent")
    with proxy.client() as another:
        another.sendmail("a@office.test", ["b@example.test"], message(2).replace(b"\n", b"\r\n"))
    assert [content(m) for m in upstream.delivered(1)] == [message(2)]


# ---- smtp-sink ----

sink_only = pytest.mark.skipif(not shutil.which("smtp-sink"), reason="needs Postfix's smtp-sink")


class Sink:
    """Postfix's smtp-sink: neither TLS nor AUTH, and switches for every way to fail. What it takes goes into a file each."""

    def __init__(self, folder, *switches):
        self.port, self.folder = free_port(), folder / "sink"
        self.folder.mkdir()
        who = ["-u", "root"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(["smtp-sink", *who, "-d", "%s/%%M." % self.folder, *switches, "127.0.0.1:%d" % self.port, "100"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._listens, lambda: "smtp-sink does not listen")

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 2).close()
            return True
        except OSError:
            return False

    def taken(self):
        """Messages that it said yes to; a file without an end is one that it did not."""
        return [f.read_bytes() for f in self.folder.iterdir()]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def sink_proxy(stage, tmp_path, *switches, tls="off"):
    sink = Sink(tmp_path, *switches)
    stage.things.append(sink)
    keys = {"ports": "%d/%s" % (sink.port, "plain" if tls == "off" else "starttls"), "tls": tls, "auth": "none", "tls_name": None, "tls_ca": None, "username": None, "password": None}
    return sink, stage.proxy(stage.account([], **keys))


def try_message(client, number=1):
    """Says a message as far as it gets; the replies from MAIL on."""
    replies = say_all(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>")
    if replies[-1].startswith("250"):
        replies.append(client.say("DATA"))
    if replies[-1].startswith("354"):
        replies.append(client.say(message(number).replace(b"\n.", b"\n..").replace(b"\n", b"\r\n") + b".\r\n"))
    else:
        client.say("RSET")
    return replies


def greeted(proxy):
    client = proxy.raw(timeout=60)
    client.reply()
    client.say("EHLO scanner")
    return client


COMMANDS = ["connect", "ehlo", "mail", "rcpt", "data", ".", "rset", "quit"]


@sink_only
@pytest.mark.parametrize("switch", ["-q", "-Q"])
@pytest.mark.parametrize("command", COMMANDS)
def test_sink_disconnects(stage, tmp_path, command, switch):
    """-q: it closes instead of its reply, -Q: it says 421 and closes. Nothing is acked that was not taken, and the client's session stays usable."""
    _, proxy = sink_proxy(stage, tmp_path, switch, command)
    client = greeted(proxy)
    for number in (1, 2):
        last = try_message(client, number)[-1]
        if command in ("rset", "quit"):
            assert last.startswith("250 ")
        else:
            assert re.match(r"451 4\.\d\.\d .*\[\w+\]$", last), last
            assert command != "." or last.startswith("451 4.4.2 ")
    assert client.say("NOOP").startswith("250 ")
    what = "lost-link" if command in ("mail", "rcpt", "data", ".") else "delivered" if command in ("rset", "quit") else "deferred"
    if command == "." and switch == "-Q":  # 421 to the end of data says that the message was not taken
        what = "deferred"
        assert "duplicate possible" not in proxy.log
    proxy.wait_for_log(" msg=%s " % what, count=2)


@sink_only
@pytest.mark.parametrize("switch,digit", [("-f", "5"), ("-r", "4")])
@pytest.mark.parametrize("command", COMMANDS)
def test_sink_refuses(stage, tmp_path, command, switch, digit):
    """-f and -r: it answers that command with 500 5.3.0 or 450 4.3.0. From MAIL on that is what the client hears."""
    sink, proxy = sink_proxy(stage, tmp_path, switch, command)
    client = greeted(proxy)
    for number in (1, 2):
        last = try_message(client, number)[-1]
        # Neither TLS nor a login is wanted here: a 5xx to EHLO is answered with HELO.
        if command in ("rset", "quit") or (command == "ehlo" and digit == "5"):
            assert last.startswith("250 ")
        elif command in ("connect", "ehlo"):
            assert re.match(r"451 4\.4\.1 .*\b%d (greeting-[45]xx|ehlo-refused)" % sink.port, last)
        else:
            assert re.match(r"%s\d\d %s\.3\.0 Error: command failed" % (digit, digit), last), last
    assert client.say("NOOP").startswith("250 ")


@sink_only
def test_sink_refuses_in_mid_body_and_reads_no_further(stage, tmp_path):
    """-A: 550 right behind its 354, and from then on it reads nothing: the rest of the body goes nowhere, the verdict answers the client's dot."""
    _, proxy = sink_proxy(stage, tmp_path, "-A", "0")
    client = greeted(proxy)
    say_all(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    client.send(b"Subject: long\r\n\r\n" + b"a line of the body\r\n" * 100_000)
    assert client.say(b".\r\n").startswith("550 ")
    assert client.say("NOOP").startswith("250 ")


@sink_only
@pytest.mark.parametrize("switches", [["-w", "1"], ["-p", "-W", "mail:1"], ["-p", "-W", "rcpt:1"], ["-W", ".:1"], ["-W", "connect:1"], ["-W", "ehlo:1"], ["-H", "1"], ["-p"],
                                      ["-8"], ["-N"], ["-E"]], ids="".join)
def test_sink_slow_or_plain(stage, tmp_path, switches):
    """Delays at each command and before the body is read; without this or that extension. (A delayed MAIL or RCPT makes it answer what was pipelined behind it
    first: therefore -p.)"""
    sink, proxy = sink_proxy(stage, tmp_path, *switches)
    client = greeted(proxy)
    assert [try_message(client, number)[-1][:4] for number in (1, 2)] == ["250 ", "250 "]
    arrived = sorted((m for m in sink.taken() if b"From: Scanner" in m), key=content)
    # Its dump loses and adds empty lines.
    assert [[line for line in content(m).split(b"\n") if line] for m in arrived] == [[line for line in message(n).split(b"\n") if line] for n in (1, 2)]


@sink_only
@pytest.mark.parametrize("tls", ["off", "may"])
@pytest.mark.parametrize("switch", ["-e", "-P"])
def test_sink_that_does_not_know_ehlo(stage, tmp_path, switch, tls):
    """Without EHLO there is no TLS and no AUTH: where neither is wanted it gets its mail after HELO, else the port does not work, and the finding has its name."""
    sink, proxy = sink_proxy(stage, tmp_path, switch, tls=tls)
    last = try_message(greeted(proxy))[-1]
    assert last.startswith("250 ") if tls == "off" else re.match(r"451 4\.4\.1 .*\b%d ehlo-refused" % sink.port, last), last


@sink_only
def test_fifty_megabytes(stage, tmp_path):
    """As large as may be, to the octet, with lines of every length."""
    sink, proxy = sink_proxy(stage, tmp_path)
    lines = b"".join(b"." * (i % 5) + b"x" * (i % 990) + b"\n" for i in range(1000))
    body = message(1, body=lines * (51_500_000 // (len(lines) + 1000)))
    with proxy.client(timeout=120) as client:
        client.sendmail("a@office.test", ["b@example.test"], body.replace(b"\n", b"\r\n"))
    arrived, = sink.taken()
    assert content(arrived).replace(b"\n", b"") == body.replace(b"\n", b"")


@sink_only
@pytest.mark.skipif(bool(dovecot_submission.reason_not_to()), reason=str(dovecot_submission.reason_not_to()))
def test_a_cap_on_sessions_is_no_outage(stage, tmp_path):
    """Dovecot lets a user in four times, and the account would like twenty: 421 to AUTH."""
    sink = Sink(tmp_path)
    stage.things.append(sink)
    server = dovecot_submission.DovecotSubmission(*stage.certificate, {USER: PASSWORD}, free_port(), sink.port, limit=4)
    stage.things.append(server)
    proxy = stage.proxy(stage.account([server.port], max_connections=20, acquire_timeout="120s"))
    replies = []

    def send(first):
        client = proxy.client(timeout=150)
        client.ehlo()
        for number in range(first, first + 3):
            client.mail("a@office.test")
            replies.append(client.rcpt("b%d@example.test" % number)[0])
            replies.append(client.data(message(number))[0])
        client.quit()

    threads = [threading.Thread(target=send, args=(n * 3,)) for n in range(40)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert replies == [250] * 240
    wait_until(lambda: server.log().count("Successfully relayed message") == 120, server.log)  # a process of its own writes it
    log = proxy.log
    assert 'reply="421 4.7.0 Maximum number of connections from user+IP exceeded' in log and "mail_max_userip_connections=4" in log
    assert "level=error" not in log and "finding=auth-temporary" not in log
