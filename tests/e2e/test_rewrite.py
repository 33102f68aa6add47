"""Mail that providers accept: what is added to headers, which addresses the upstream hears, what stays byte for byte."""
import base64
import email
import email.policy
import email.utils
import re
import smtplib
import subprocess

import dkim
import pytest

COMPLETE = b"From: a@office.test\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@office.test>\r\n"
OURS = "me@example.test"


def deliver(proxy, body, sender="a@office.test", to="b@example.test"):
    client = proxy.client()
    client.sendmail(sender, [to] if isinstance(to, str) else to, body)
    client.quit()


def relayed(stage, body, server="", sender="a@office.test", to="b@example.test", **keys):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream], **keys) + "[server]\nhostname = gw.office.test\n" + server, env={"TZ": "XXX-5:30"})
    deliver(proxy, body, sender, to)
    return upstream.wait_for(1)[0], proxy


def test_what_is_missing_is_added_before_the_blank_line(stage):
    message, _ = relayed(stage, b"Subject: hello\r\nX-Odd:  kept \r\n\tas it is\r\n\r\nFrom: not a header\r\n")
    head, _, body = message.body.partition(b"\r\n\r\n")
    assert body == b"From: not a header\r\n"
    assert head.startswith(b"Subject: hello\r\nX-Odd:  kept \r\n\tas it is\r\nDate: ")
    parsed = email.message_from_bytes(message.body)
    assert parsed["From"] == "a@office.test"
    assert re.fullmatch(r"<[^@<> ]+@gw\.office\.test>", parsed["Message-ID"])
    assert parsed["Date"].endswith(" +0530") and email.utils.parsedate_to_datetime(parsed["Date"])


@pytest.mark.parametrize("body", [b"Just words.\r\nDate: x\r\n", b" indented\r\n", b"From now on at 12:30\r\n", b"\xc3\xa4\xc3\xb6\r\n", b"From\r\n"])
def test_a_body_without_headers_stays_a_body(stage, body):
    message, _ = relayed(stage, body)
    head, _, rest = message.body.partition(b"\r\n\r\n")
    assert rest == body
    assert [line.split(b":")[0] for line in head.split(b"\r\n")] == [b"Date", b"Message-ID", b"From"]


def test_the_mbox_line_is_dropped(stage):
    message, _ = relayed(stage, b"From me@host Thu Jan  1 00:00:00 2026\r\n" + COMPLETE + b"\r\nbody\r\n")
    assert message.body == COMPLETE + b"\r\nbody\r\n"


@pytest.mark.parametrize("body", [b"Subject: x\r\n\r\nb\r\n", b"no header\r\n", b"\r\nbody\r\n", b"From me@host Thu Jan  1 00:00:00 2026\r\nX: y\r\n\r\n"])
def test_nothing_is_added_when_told_so(stage, body):
    message, _ = relayed(stage, body, fix_headers="no")
    assert message.body == body


def test_lines_that_end_in_cr_cr_lf_are_lines(stage):
    upstream = stage.upstream()
    client = stage.proxy(stage.account([upstream])).raw()
    client.reply()
    for line in ("EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<c@example.test>", "DATA"):
        client.say(line)
    text = COMPLETE + b"Subject: x\r\nMIME-Version: 1.0\r\n\r\nbody\r\n"
    assert client.say(text.replace(b"\r\n", b"\r\r\n") + b".\r\n").startswith("250 ")
    assert upstream.wait_for(1)[0].body == text


def test_message_ids_differ(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    for _ in range(5):
        deliver(proxy, b"Subject: x\r\n\r\n")
    ids = {email.message_from_bytes(m.body)["Message-ID"] for m in upstream.wait_for(5)}
    assert len(ids) == 5


def test_senders_are_replaced(stage):
    body = b"From: =?utf-8?Q?B=C3=BCro?=\r\n <a@office.test>\r\nSender: S <s@office.test>\r\nSubject: x\r\n\r\nb\r\n"
    message, proxy = relayed(stage, body, envelope_from=OURS, header_from=OURS, senders="@office.test")
    assert message.sender == OURS
    lines = message.body.split(b"\r\n\r\n")[0]
    assert lines.startswith(b"From: =?utf-8?Q?B=C3=BCro?=\r\n <me@example.test>\r\nSender: S <me@example.test>\r\nSubject: x\r\nDate: ")
    parsed = email.message_from_bytes(message.body, policy=email.policy.default)
    assert parsed["From"].addresses[0].display_name == "Büro"
    assert parsed["Reply-To"].addresses[0].addr_spec == "a@office.test"
    assert "a@office.test" in parsed["X-Original-From"]
    line = proxy.wait_for_log("msg=delivered")
    assert " from=a@office.test sent_as=me@example.test " in line


@pytest.mark.parametrize("value,name,reply_to", [
    ("a@x.test; b@x.test", "", ["a@x.test", "b@x.test"]), ("Third Floor o@x.test", "Third Floor", ["o@x.test"]),
    ("UPS 3: cellar <o@x.test>", "UPS 3: cellar", ["o@x.test"]), ("Doe, John <o@x.test>", "Doe, John", ["o@x.test"])])
def test_from_ends_as_exactly_one_mailbox(stage, value, name, reply_to):
    message, _ = relayed(stage, ("From: %s\r\n" % value).encode() + COMPLETE[21:] + b"\r\nb\r\n", header_from=OURS)
    parsed = email.message_from_bytes(message.body, policy=email.policy.default)
    assert not parsed["From"].defects and not parsed["Reply-To"].defects
    assert [(a.display_name, a.addr_spec) for a in parsed["From"].addresses] == [(name, OURS)]
    assert [a.addr_spec for a in parsed["Reply-To"].addresses] == reply_to
    assert parsed["X-Original-From"] == value


def test_a_from_that_is_too_long_to_be_rewritten_is_refused(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream], header_from=OURS))
    client = proxy.client()
    client.ehlo("pc")
    client.mail("a@office.test")
    client.rcpt("b@example.test")
    code, text = client.data(b"From: " + b"x" * 66000 + b" <a@x.test>\r\n\r\nb\r\n")
    assert code == 554 and text.startswith(b"5.6.0 ")
    proxy.wait_for_log("msg=refused .*status=554 ")
    client.sendmail("a@office.test", ["b@example.test"], COMPLETE + b"\r\nb\r\n")
    assert len(upstream.wait_for(1)) == 1


def test_the_null_sender_stays(stage):
    message, _ = relayed(stage, b"Subject: bounce\r\n\r\n", sender="<>", envelope_from=OURS)
    assert message.sender == ""
    assert b"\r\nFrom: postmaster@gw.office.test\r\n" in message.body


def test_addresses_without_a_domain(stage):
    message, _ = relayed(stage, COMPLETE + b"\r\n", sender="root", to=["ROOT", "cron", "Postmaster", "c@example.test"], qualify="office.test",
                         server="aliases = root=admin@office.test postmaster=pm@office.test\n")
    assert message.sender == "root@office.test"
    assert message.recipients == ["admin@office.test", "cron@office.test", "pm@office.test", "c@example.test"]


def test_addresses_that_nothing_completes(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    client = proxy.client()
    client.ehlo("pc")
    code, text = client.docmd("MAIL FROM:<root>")
    assert (code, text[:6]) == (501, b"5.1.7 ") and b"qualify" in text
    assert client.docmd("MAIL FROM:<a@office.test>")[0] == 250
    code, text = client.docmd("RCPT TO:<root>")
    assert (code, text[:6]) == (501, b"5.1.3 ") and b"aliases" in text
    assert client.docmd("RCPT TO:<b@example.test>")[0] == 250
    client.quit()


@pytest.mark.parametrize("hello,protocol", [("EHLO pc.office.test", "ESMTP"), ("HELO pc.office.test", "SMTP")])
def test_a_trace_line_goes_first(stage, hello, protocol):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream], received="yes") + "[server]\nhostname = gw.office.test\n")
    client = proxy.client()
    assert client.docmd(hello)[0] == 250
    client.mail("a@office.test")
    client.rcpt("b@example.test")
    client.data(b"Received: from older\r\n" + COMPLETE + b"\r\n")
    client.quit()
    body = upstream.wait_for(1)[0].body
    trace = re.match(rb"Received: from pc\.office\.test \(\[127\.0\.0\.1\]\)\s+by gw\.office\.test with (\S+) id (\S+);\s+([^\r]*)\r\n", body)
    assert trace and trace.group(1).decode() == protocol
    assert email.utils.parsedate_to_datetime(trace.group(3).decode())
    assert "id=%s " % trace.group(2).decode() in proxy.wait_for_log("msg=delivered")
    assert body[trace.end():] == b"Received: from older\r\n" + COMPLETE + b"\r\n"


def test_size_leaves_room_for_what_is_added(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    client = proxy.client()
    client.ehlo("pc")
    client.mail("a@office.test", ["SIZE=500"])
    client.rcpt("b@example.test")
    client.data(b"Subject: x\r\n\r\n" + b"y" * 60 + b"\r\n")
    client.quit()
    message = upstream.wait_for(1)[0]
    declared = re.search(r"SIZE=(\d+)", message.mail_args)
    assert declared and 500 + 200 <= int(declared.group(1)) <= 500 + 4096


def signed(tmp_path, header, include):
    key = tmp_path / "dkim.key"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", str(key), "2048"], check=True, capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-in", str(key), "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    message = header + b"\r\nSigned  words.\r\n\r\n.dot\r\n\r\n"
    signature = dkim.sign(message, b"sel", b"office.test", key.read_bytes(), canonicalize=(b"simple", b"simple"), include_headers=include)
    return signature + message, record


def verifies(message, record):
    return dkim.verify(message, dnsfunc=lambda name, timeout=5: record if name in (b"sel._domainkey.office.test.", "sel._domainkey.office.test.") else None)


def test_a_signature_survives(stage, tmp_path):
    header = b"Subject: odd   spacing \r\nTO: b@example.test\r\nX-SMTPAPI: {\"a\":\r\n \"b\"}\r\n"
    message, record = signed(tmp_path, header + COMPLETE, [b"subject", b"to", b"from", b"date", b"x-smtpapi"])
    assert verifies(message, record)
    arrived, _ = relayed(stage, message)
    assert arrived.body == message  # nothing was missing
    traced, _ = relayed(stage, message, received="yes", envelope_from=OURS)
    assert traced.body.endswith(message) and traced.body.startswith(b"Received: ")
    assert verifies(traced.body, record)


def test_a_signature_survives_added_lines(stage, tmp_path):
    message, record = signed(tmp_path, b"Subject: x\r\nFrom: A <a@office.test>\r\n", [b"subject", b"from"])
    arrived, _ = relayed(stage, message, received="yes")
    assert b"\r\nDate: " in arrived.body and b"\r\nMessage-ID: " in arrived.body
    assert verifies(arrived.body, record)
    broken, _ = relayed(stage, message, header_from=OURS)  # the verifier can say no
    assert not verifies(broken.body, record)


def test_what_a_signature_says_is_absent_is_not_added(stage, tmp_path):
    message, record = signed(tmp_path, b"Subject: x\r\nFrom: A <a@office.test>\r\n", [b"from", b"to", b"subject", b"date"])
    arrived, proxy = relayed(stage, message)
    assert b"\r\nDate: " not in arrived.body and b"\r\nMessage-ID: " in arrived.body
    assert verifies(arrived.body, record)
    assert not verifies(arrived.body.replace(b"Message-ID", b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID"), record)
    assert " fields=Date" in proxy.wait_for_log("DKIM-Signature")


def test_a_refusal_is_passed_on_and_explained(stage):
    refusal = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"
    upstream = stage.upstream(hooks={"RCPT": lambda session, argument: refusal.encode() + b"\r\n"})
    proxy = stage.proxy(stage.account([upstream]))
    client = proxy.client()
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        client.sendmail("a@office.test", ["b@example.test"], COMPLETE + b"\r\n")
    client.close()
    code, text = caught.value.recipients["b@example.test"]
    assert "%d %s" % (code, text.decode()) == refusal
    assert "envelope_from and header_from = " in proxy.wait_for_log("help=")


def test_a_broken_session_is_replayed_with_the_same_octets(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream], received="yes"))
    client = proxy.client(timeout=30)
    client.ehlo("pc")
    client.mail("a@office.test")
    client.rcpt("b@example.test")
    assert client.docmd("DATA")[0] == 354
    client.sock.sendall(b"Subject: x\r\n\r\n" + b"first half\r\n" * 2000)
    upstream.cut_connections()
    client.sock.sendall(b"second half\r\n.\r\n")
    assert client.getreply()[0] == 250
    client.quit()
    body = upstream.wait_for(1)[0].body
    for once in (b"Received: ", b"\r\nDate: ", b"\r\nMessage-ID: ", b"\r\nFrom: "):
        assert body.count(once) == 1
    assert body.endswith(b"\r\n\r\n" + b"first half\r\n" * 2000 + b"second half\r\n")
