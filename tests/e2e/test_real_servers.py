"""Real upstreams: a private Postfix with Dovecot SASL."""
import os
import shutil
import smtplib
import subprocess
import tempfile

import pytest

from conftest import PASSWORD, USER
from postfix import Postfix
from proxy import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("postfix") or not shutil.which("dovecot"), reason="needs root, Postfix and Dovecot")

BODY = (b"From: Scanner <a@office.test>\nTo: b@example.test\nSubject: real\nDate: Sun, 22 Nov 2026 10:00:00 +0000\nMessage-ID: <r1@office.test>\n\n"
        b"first line\n.\n..two dots\n" + b"long " * 180 + b"\n" + bytes(range(0xa1, 0xff)) + b"\nlast\n")


@pytest.fixture
def postfix(certificate):
    """Postfix's own users must reach its folders: not below pytest's, which only we may enter."""
    folder = tempfile.mkdtemp(prefix="smtp-detour-postfix-")
    os.chmod(folder, 0o755)
    made = []

    def make(**options):
        made.append(Postfix(os.path.join(folder, str(len(made))), *certificate, {USER: PASSWORD}, free_port(), **options))
        return made[-1]

    yield make
    for p in made:
        p.stop()
    shutil.rmtree(folder)


def content(delivered):
    """What we sent: everything after the lines that the mailbox delivery put in front."""
    return delivered[delivered.index(b"From: Scanner"):]


def test_swaks_through_the_second_port_byte_exact(stage, postfix, tmp_path):
    hole, server = stage.black_hole(), postfix()
    proxy = stage.proxy(stage.account([hole, server.port]))
    mail = tmp_path / "mail.eml"
    mail.write_bytes(BODY.replace(b"\n", b"\r\n"))
    subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(proxy.port), "--from", "a@office.test", "--to", "b@example.test", "--data", "@" + str(mail)],
                   check=True, stdout=subprocess.PIPE)
    arrived = server.delivered(1)[0]
    assert content(arrived).rstrip(b"\n") == BODY.rstrip(b"\n")
    server.logged("sasl_username=%s" % USER)
    line = proxy.wait_for_log("msg=delivered")
    assert "port=%d" % server.port in line


@pytest.mark.parametrize("options", [{"implicit": True}, {"mechanisms": "login"}, {"more": "smtpd_discard_ehlo_keywords = chunking"},
                                     {"more": "smtpd_discard_ehlo_keywords = pipelining, chunking"}])
def test_postfix_in_other_moods(stage, postfix, options):
    server = postfix(**options)
    proxy = stage.proxy(stage.account(["%d%s" % (server.port, "/implicit" if options.get("implicit") else "")]))
    with proxy.client() as client:
        for _ in range(3):
            client.sendmail("a@office.test", ["b@example.test", "c@example.test"], BODY.replace(b"\n", b"\r\n"))
    for arrived in server.delivered(6):
        assert content(arrived) == BODY


def test_postfix_refuses_the_password(stage, postfix):
    server = postfix()
    proxy = stage.proxy(stage.account([server.port], password="wrong"))
    with proxy.client() as client:
        for _ in range(3):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                client.sendmail("a@office.test", ["b@example.test"], BODY)
            code, text = refused.value.recipients["b@example.test"]
            assert code == 451 and text.startswith(b"4.3.5 ")
    assert server.logged("authentication failed").count("authentication failed") == 1


def test_postfix_refuses_a_recipient_and_the_message(stage, postfix):
    server = postfix(size=20_000)
    proxy = stage.proxy(stage.account([server.port]))
    with proxy.client() as client:
        client.ehlo()
        client.mail("a@office.test")
        code, text = client.rcpt("x@elsewhere.test")
        client.rset()
        with pytest.raises((smtplib.SMTPDataError, smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused)) as refused:
            client.sendmail("a@office.test", ["b@example.test"], BODY + b"x" * 70 * 1000)
        assert "552" in str(refused.value)
