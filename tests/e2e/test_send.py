"""send: one message through the same ladder, and the trail of it."""
import subprocess

import pytest

from conftest import PASSWORD, USER
from proxy import BINARY
from submission_server import closed_port
from test_main_path import BODY


def send(stage, config, *args, data=None):
    path = stage.folder / "send.ini"
    path.write_text(config)
    path.chmod(0o600)
    return subprocess.run([BINARY, "send", "-c", str(path), *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def test_a_file_through_the_second_port(stage):
    hole, upstream = stage.black_hole(), stage.upstream()
    mail = stage.folder / "mail"
    mail.write_bytes(BODY.replace(b"\r\n", b"\n"))
    done = send(stage, stage.account([hole, upstream]), "--from", USER, "--to", "b@example.test", "--to", "c@example.test", str(mail))
    text = done.stdout.decode()
    assert done.returncode == 0, text + done.stderr.decode()
    message = upstream.wait_for(1)[0]
    assert message.body == BODY and message.recipients == ["b@example.test", "c@example.test"] and message.user == USER
    for words in ("recipient b@example.test: 250", "message: 250 2.0.0 queued", "%d at 127.0.0.1 does not answer" % hole.port, "%d at 127.0.0.1 works" % upstream.port):
        assert words in text
    assert PASSWORD not in text


def test_stdin_and_the_test_mail(stage):
    upstream = stage.upstream()
    config = stage.account([upstream]) + "[listen]\naddress = 127.0.0.1:25\ntls = required\nallow = 10.0.0.0/8\n"
    assert send(stage, config, "--from", USER, "--to", "b@example.test", "-", data=BODY).returncode == 0
    assert send(stage, config, "--from", USER, "--to", "b@example.test").returncode == 0
    messages = upstream.wait_for(2)
    assert messages[0].body == BODY and b"Subject: Test from smtp-detour" in messages[1].body


@pytest.mark.parametrize("to,status", [("unknown@example.test", 1), ("later@example.test", 75), ("b@example.test,later@example.test", 75)])
def test_refusals(stage, to, status):
    assert send(stage, stage.account([stage.upstream()]), "--from", USER, "--to", to).returncode == status


@pytest.mark.parametrize("to,delivered", [(["root"], []), (["root", "admin"], []), (["root", "b@example.test"], ["b@example.test"]), (["b@example.test", "root"], ["b@example.test"])])
def test_a_recipient_without_a_domain(stage, to, delivered):
    upstream = stage.upstream()
    done = send(stage, stage.account([upstream]), "--from", USER, "--to", ",".join(to))
    assert done.returncode == 1 and b"recipient root: 501 5.1.3 " in done.stdout
    assert [m.recipients for m in upstream.messages] == ([delivered] if delivered else [])


def test_the_trail_of_a_login_that_is_revoked_after_it(stage):
    upstream = stage.upstream(hooks={"MAIL": lambda session, argument: b"530 5.7.0 authenticate first\r\n"})
    done = send(stage, stage.account([upstream]), "--from", USER, "--to", "b@example.test")
    trail = [line for line in done.stdout.decode().splitlines() if line.startswith("account ")]
    assert done.returncode == 75 and b"451 4.3.5" in done.stdout
    assert len(trail) == 1 and "530 5.7.0" in trail[0] and " works," not in trail[0]


@pytest.mark.parametrize("sender,shown", [("a@other.test", "a@other.test"), ("<a@other.test>", "a@other.test"), ("<>", "<>"), ("", "<>")])
def test_a_sender_whom_no_account_takes(stage, sender, shown):
    done = send(stage, stage.account([closed_port()], senders="@office.test"), "--from", sender, "--to", "b@example.test")
    assert done.returncode == 1 and b"sender %s: 550 5.7.1 " % shown.encode() in done.stdout
    assert b"recipient" not in done.stdout and b"503" not in done.stdout


@pytest.mark.parametrize("sender", ["<>", ""])
def test_the_null_sender(stage, sender):
    upstream = stage.upstream()
    assert send(stage, stage.account([upstream]), "--from", sender, "--to", "b@example.test").returncode == 0
    assert upstream.wait_for(1)[0].sender == ""


def test_no_port_works(stage):
    port = closed_port()
    done = send(stage, stage.account([port]), "--from", USER, "--to", "b@example.test")
    assert done.returncode == 75 and b"451 4.4.1" in done.stdout and b"%d at 127.0.0.1 refuses the connection" % port in done.stdout


@pytest.mark.parametrize("args", [[], ["--from", "a@b.test"], ["--from", "a b", "--to", "c@d.test"], ["--from", "a@b.test", "--to", "c@d.test", "/nonexistent/file"]])
def test_usage(stage, args):
    assert send(stage, stage.account([closed_port()]), *args).returncode == 2


def test_large_message(stage):
    upstream = stage.upstream(chunking=True)
    body = b"Subject: big\r\nFrom: a@b.test\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <b@b>\r\n\r\n" + b"0123456789" * 7 + b"\r\n"
    body += (b"x" * 70 + b"\r\n") * 150_000
    assert send(stage, stage.account([upstream]), "--from", USER, "--to", "b@example.test", "-", data=body).returncode == 0
    assert upstream.wait_for(1)[0].body == body


def test_the_null_sender_and_addresses_in_brackets(stage):
    upstream = stage.upstream()
    assert send(stage, stage.account([upstream]), "--from", "<>", "--to", "<b@example.test>").returncode == 0
    assert send(stage, stage.account([upstream]), "--from", "<a@office.test>", "--to", "b@example.test").returncode == 0
    assert [(m.sender, m.recipients) for m in upstream.messages] == [("", ["b@example.test"]), ("a@office.test", ["b@example.test"])]


def test_a_sender_that_no_account_takes(stage):
    done = send(stage, stage.account([stage.upstream()], senders="x@y.test"), "--from", USER, "--to", "b@example.test")
    assert done.returncode == 1 and done.stdout.startswith(b"sender %s: 550 5.7.1" % USER.encode()) and b"recipient" not in done.stdout


def test_an_upstream_that_is_this_proxy_itself(stage):
    proxy = stage.proxy("[upstream]\nhost = 127.0.0.1\nports = {port}\ntls = off\n")
    done = subprocess.run([BINARY, "send", "-c", proxy.config_file, "--from", "a@office.test", "--to", "b@example.test"], stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == 75 and b"451 4.3.5 the upstream 127.0.0.1 is this proxy itself" in done.stdout
