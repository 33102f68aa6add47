"""The program called by the name sendmail, in a network namespace of its own where port 25 is free."""
import os
import socket
import subprocess

import pytest

import netns
from netns import INTERNET
from proxy import BINARY

pytestmark = pytest.mark.skipif(not netns.available(), reason="needs root, ip and nft")


@pytest.fixture
def network():
    n = netns.Network()
    yield n
    n.stop()


@pytest.fixture
def sendmail(stage, network):
    link = stage.folder / "sendmail"
    link.symlink_to(BINARY)

    def run(*args, data=b"Subject: x\n\nhello\n", **options):
        return subprocess.run(["ip", "netns", "exec", network.office, str(link), *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **options)
    return run


@pytest.fixture
def upstream(stage, network):
    return stage.upstream(listener=network.within(network.internet, lambda: socket.create_server((INTERNET, 587))))


def proxy(stage, network, address="127.0.0.1:25", extra=""):
    """The stage's own first [listen] stands aside on a free port."""
    return stage.proxy("[listen mail]\naddress = %s\n%s%s" % (address, extra, stage.account([], host=INTERNET, ports="587")), netns=network.office)


def test_cron(stage, network, upstream, sendmail):
    proxy(stage, network)
    done = sendmail("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "-f", "root@office.test", "ops@example.test", data=b"From: root (Cron Daemon)\nTo: ops\n\nout\n.\nput\n")
    assert done.returncode == 0, done.stderr
    message = upstream.wait_for(1)[0]
    assert message.sender == "root@office.test" and message.recipients == ["ops@example.test"]
    assert message.body.endswith(b"\r\nout\r\n.\r\nput\r\n") and done.stdout == done.stderr == b""


def test_php_mail(stage, network, upstream, sendmail):
    proxy(stage, network)
    mail = b"To: Ann <a@example.test>,\n (x, y) b@example.test\nCc: team: c@example.test;\nBcc: d@example.test,\n e@example.test\nSubject: php\n\nhello\n"
    assert sendmail("-t", "-i", data=mail).returncode == 0
    message = upstream.wait_for(1)[0]
    assert message.recipients == ["%s@example.test" % c for c in "abcde"]
    assert b"Bcc" not in message.body and b"d@example.test" not in message.body and b"e@example.test" not in message.body
    host = socket.gethostname()
    assert message.sender.split("@")[0] == "root" and message.sender.split("@")[1].startswith(host.split(".")[0])
    assert b"From: <%s>\r\n" % message.sender.encode() in message.body


@pytest.mark.parametrize("args,body", [((), b"\r\n\r\none\r\n"), (("-i",), b"\r\n\r\none\r\n.\r\n..two\r\n"), (("-oi",), b"\r\n\r\none\r\n.\r\n..two\r\n")])
def test_a_lone_dot(stage, network, upstream, sendmail, args, body):
    proxy(stage, network)
    assert sendmail(*args, "-f", "a@office.test", "b@example.test", data=b"From: a@office.test\n\none\n.\n..two").returncode == 0
    assert upstream.wait_for(1)[0].body.endswith(body)


def test_a_dot_ends_a_message_typed_on_a_terminal(stage, network, upstream):
    """Without waiting for the end of the input."""
    proxy(stage, network)
    link = stage.folder / "sendmail"
    link.symlink_to(BINARY)
    typing = subprocess.Popen(["ip", "netns", "exec", network.office, str(link), "-fa@office.test", "b@example.test"], stdin=subprocess.PIPE)
    typing.stdin.write(b"Subject: typed\n\nhello\n.\n")
    typing.stdin.flush()
    assert typing.wait(30) == 0 and len(upstream.wait_for(1)) == 1
    typing.stdin.close()


@pytest.mark.parametrize("sender,seen", [(("-f", "<>"), ""), (("-f", ""), ""), (("-f", "<a@office.test>"), "a@office.test"), (("-ra@office.test",), "a@office.test")])
def test_senders(stage, network, upstream, sendmail, sender, seen):
    proxy(stage, network)
    done = sendmail(*sender, "-odi", "-oem", "-v", "-q1h", "-N", "never", "-Zwhat", "--", "b@example.test")
    assert done.returncode == 0, done.stderr
    assert upstream.wait_for(1)[0].sender == seen


def test_ipv6_where_ipv4_does_not_listen(stage, network, upstream, sendmail):
    proxy(stage, network, "[::1]:25")
    assert sendmail("-fa@office.test", "b@example.test").returncode == 0 and len(upstream.wait_for(1)) == 1


def test_nobody_listens(sendmail):
    done = sendmail("b@example.test")
    assert done.returncode == 75 and b"127.0.0.1:25" in done.stderr and b"[::1]:25" in done.stderr


def test_no_recipients(sendmail):
    assert sendmail("-i").returncode == 64
    assert sendmail("-t", data=b"Subject: x\n\nTo: a@b.test\n").returncode == 64
    assert sendmail("-bd").returncode == 64


@pytest.mark.parametrize("refused,status", [
    (["unknown@example.test"], 1), (["later@example.test"], 75), (["not an address"], 1),
    (["later@example.test", "unknown@example.test"], 1)])
def test_one_refused_recipient_does_not_keep_the_mail_from_the_others(stage, network, upstream, sendmail, refused, status):
    proxy(stage, network)
    done = sendmail("-fa@office.test", "b@example.test", *refused, "c@example.test")
    assert done.returncode == status
    for recipient in refused:
        assert done.stderr.decode().count(recipient) == 1, done.stderr
    assert b"b@example.test" not in done.stderr
    assert [m.recipients for m in upstream.messages] == [["b@example.test", "c@example.test"]]


@pytest.mark.parametrize("refused,status", [
    (["unknown@example.test"], 1), (["later@example.test"], 75), (["not an address"], 1),
    (["later@example.test", "unknown@example.test"], 75)])
def test_nobody_is_left(stage, network, upstream, sendmail, refused, status):
    proxy(stage, network)
    done = sendmail("-fa@office.test", *refused)
    assert done.returncode == status and upstream.messages == []
    assert all(recipient.encode() in done.stderr for recipient in refused), done.stderr


def test_a_bad_address_in_the_header_does_not_keep_the_mail_from_the_others(stage, network, upstream, sendmail):
    proxy(stage, network)
    done = sendmail("-t", "-fa@office.test", data=b"To: b@example.test, Joe Q Public, c@example.test\n\nx\n")
    assert done.returncode == 1 and b"Joe Q Public" in done.stderr
    assert upstream.messages[0].recipients == ["b@example.test", "c@example.test"]


def recipients_with_parameters(upstream):
    return [line for line in upstream.commands() if line.startswith(b"RCPT")]


def learn(sendmail):
    """The listener offers what it has seen upstream: one message makes it known."""
    assert sendmail("-fa@office.test", "first@example.test").returncode == 0


def test_delivery_notes_go_upstream(stage, network, upstream, sendmail):
    upstream.extensions.append("DSN")
    proxy(stage, network)
    learn(sendmail)
    done = sendmail("-fa@office.test", "-N", "success,failure", "-R", "hdrs", "-V", "id 7+=", "b@example.test", "c@example.test")
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    message = upstream.wait_for(2)[1]
    assert "RET=HDRS" in message.mail_args.upper() and "ENVID=id+207+2B+3D" in message.mail_args.split()
    assert [line.upper().endswith(b" NOTIFY=SUCCESS,FAILURE") for line in recipients_with_parameters(upstream)[1:]] == [True, True]


def test_delivery_notes_that_cannot_be_had_cost_nothing(stage, network, upstream, sendmail):
    """An upstream without DSN, and values that are none."""
    proxy(stage, network)
    learn(sendmail)
    assert sendmail("-fa@office.test", "-N", "never", "-Rfull", "-V1", "b@example.test").returncode == 0
    upstream.wait_for(2)
    upstream.extensions.append("DSN")
    done = sendmail("-fa@office.test", "-N", "success,NEVER", "-R", "all", "-V", "a\tb", "b@example.test")
    assert done.returncode == 0 and done.stderr.count(b"left out") == 3
    message = upstream.wait_for(3)[2]
    assert "RET" not in message.mail_args and b"NOTIFY" not in b"".join(upstream.commands())


SMTP = (b"EHLO app\r\nMAIL FROM:<a@office.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n", b"Subject: x\r\n\r\n..\r\nhello\r\n.\r\n", b"QUIT\r\n")


def test_smtp_over_stdin_and_stdout(stage, network, upstream):
    """As Symfony's mailer speaks: step by step, over pipes, and without closing its end."""
    proxy(stage, network)
    link = stage.folder / "sendmail"
    link.symlink_to(BINARY)
    program = subprocess.Popen(["ip", "netns", "exec", network.office, str(link), "-bs", "-i"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert program.stdout.readline().startswith(b"220 ")
    for step, expected in [(SMTP[0], b"354 "), (SMTP[1], b"250 "), (SMTP[2], b"221 ")]:
        program.stdin.write(step)
        program.stdin.flush()
        while not (line := program.stdout.readline()).startswith(expected):
            assert line.startswith(b"250"), line
    assert program.wait(30) == 0 and program.stdout.read() == b""
    program.stdin.close()
    assert upstream.wait_for(1)[0].body.endswith(b"\r\n.\r\nhello\r\n")


@pytest.mark.parametrize("end", [SMTP[2], b""])
def test_smtp_all_at_once(stage, network, upstream, sendmail, end):
    """As from a file, and one that forgets QUIT: what was said is answered to the end."""
    proxy(stage, network)
    done = sendmail("-bs", data=SMTP[0] + SMTP[1] + end)
    codes = [line[:4] for line in done.stdout.splitlines() if line[3:4] == b" "]
    assert done.returncode == 0 and len(upstream.wait_for(1)) == 1
    assert codes == [b"220 ", b"250 ", b"250 ", b"250 ", b"354 ", b"250 "] + ([b"221 "] if end else []), done.stdout


def test_smtp_without_a_listener(sendmail):
    done = sendmail("-bs", data=b"EHLO app\r\n")
    assert done.returncode == 75 and done.stdout.startswith(b"421 4.3.2 ") and b"127.0.0.1:25" in done.stderr


@pytest.mark.parametrize("name,args,words", [
    ("mailq", (), b"Mail queue is empty\n"), ("mailq", ("-v",), b"Mail queue is empty\n"), ("sendmail", ("-bp",), b"Mail queue is empty\n"),
    ("sendmail", ("-q",), b""), ("sendmail", ("-q15m",), b""), ("sendmail", ("-bi",), b""), ("sendmail", ("-I",), b""), ("newaliases", (), b"")])
def test_what_package_scripts_and_monitoring_call(stage, name, args, words):
    """There is no queue and no table of aliases, and no server is started either."""
    link = stage.folder / name
    link.symlink_to(BINARY)
    done = subprocess.run([str(link), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, words, b"")


def test_no_port_works(stage, network, sendmail):
    proxy(stage, network)
    done = sendmail("-fa@office.test", "b@example.test")
    assert done.returncode == 75 and b"451 4." in done.stderr


def test_any_user_without_a_secret(stage, network, upstream, sendmail):
    proxy(stage, network)
    done = subprocess.run(["ip", "netns", "exec", network.office, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           "bash", "-c", "exec -a sendmail %s -i b@example.test" % BINARY], input=b"x\n", stderr=subprocess.PIPE)
    if done.returncode == 126:
        pytest.skip("the built program lies where nobody may go")
    assert done.returncode == 0, done.stderr
    assert upstream.wait_for(1)[0].sender.startswith("nobody@")


def test_large_and_eight_bit(stage, network, upstream, sendmail):
    proxy(stage, network)
    text = b"Subject: \xc3\xb6\nFrom: a@office.test\nDate: Sun, 22 Nov 2026 10:00:00 +0000\nMessage-ID: <b@b>\n\n" + b".0123456789\xc3\xa4\n" * 200000
    assert sendmail("-i", "-fa@office.test", "b@example.test", data=text).returncode == 0
    assert upstream.wait_for(1)[0].body == text.replace(b"\n", b"\r\n")
