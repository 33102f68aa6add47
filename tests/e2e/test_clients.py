"""Real client software of the distribution, set up as its users do: a plain local port, no TLS, no password."""
import os
import shutil
import subprocess

import pytest

NODE = shutil.which("node", path="/usr/bin:/usr/local/bin") or shutil.which("node")


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason="needs " + program)


@needs("msmtp")
def test_msmtp(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    subprocess.run(["msmtp", "--host=127.0.0.1", "--port=%d" % proxy.port, "--auth=off", "--tls=off", "--from=a@office.test", "b@example.test"],
                   input=b"From: a@office.test\nSubject: from msmtp\n\n.\nhello\n", check=True)
    message = upstream.wait_for(1)[0]
    assert message.recipients == ["b@example.test"] and message.body.endswith(b"\r\n\r\n.\r\nhello\r\n")


@needs("s-nail")
def test_s_nail(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    subprocess.run(["s-nail", "-:/", "-Sv15-compat", "-Smta=smtp://127.0.0.1:%d" % proxy.port, "-Ssmtp-auth=none", "-Ssmtp-config=none,ehlo", "-Shostname=office.test",
                    "-r", "a@office.test", "-s", "from s-nail", "b@example.test"], input=b"hello\n.dot\n", check=True,
                   env={"HOME": str(stage.folder), "PATH": os.environ["PATH"], "MAILRC": "/dev/null"})
    message = upstream.wait_for(1)[0]
    assert message.sender == "a@office.test" and b"from s-nail" in message.body and message.body.rstrip().endswith(b"hello\r\n.dot")


def mutt(stage, proxy, *more):
    settings = ["set smtp_url = smtp://127.0.0.1:%d/" % proxy.port, "set copy = no", "set from = a@office.test", "set use_envelope_from = yes", *more]
    return subprocess.run(["mutt", "-n", "-F", "/dev/null", *(word for s in settings for word in ("-e", s)), "-s", "from mutt", "b@example.test"],
                          input=b"hello\n.\n", timeout=60, env={"HOME": str(stage.folder), "PATH": os.environ["PATH"]})


def test_what_verifies_by_default_stops_at_a_certificate_that_nobody_signed(stage):
    """As the manual says, and why it tells to leave STARTTLS off, or to bring a certificate."""
    upstream = stage.upstream()
    proxy = stage.proxy("[server]\nstate_dir = %s\n" % stage.folder + stage.account([upstream]), "tls = starttls")
    if shutil.which("mutt"):
        assert mutt(stage, proxy).returncode != 0
    script = "require('/usr/share/nodejs/nodemailer').createTransport({host: '127.0.0.1', port: %d}).sendMail(" \
             "{from: 'a@office.test', to: 'b@example.test', text: 'x'}).catch(e => { console.error(e.message); process.exit(3); })"
    if NODE and os.path.exists("/usr/share/nodejs/nodemailer"):
        done = subprocess.run([NODE, "-e", script % proxy.port], stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 3 and "self" in done.stderr and "signed" in done.stderr
    assert upstream.messages == []


@needs("mutt")
def test_mutt(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    assert mutt(stage, proxy, "set ssl_starttls = no", "set ssl_force_tls = no").returncode == 0
    message = upstream.wait_for(1)[0]
    assert message.sender == "a@office.test" and b"Subject: from mutt\r\n" in message.body and message.body.endswith(b"\r\nhello\r\n.\r\n")


PERL = """
use Email::Sender::Simple qw(sendmail); use Email::Sender::Transport::SMTP; use Email::Simple;
sendmail(Email::Simple->create(header => [From => 'a@office.test', To => 'b@example.test', Subject => 'from perl'], body => "hello\n.\n"),
  {transport => Email::Sender::Transport::SMTP->new({host => '127.0.0.1', port => $ARGV[0], ssl => 0})});
"""


@pytest.mark.skipif(not shutil.which("perl") or subprocess.run(["perl", "-MEmail::Sender", "-e1"], stderr=subprocess.DEVNULL).returncode != 0,
                    reason="needs Email::Sender")
def test_email_sender(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    subprocess.run(["perl", "-e", PERL, str(proxy.port)], check=True, timeout=60)
    message = upstream.wait_for(1)[0]
    assert message.sender == "a@office.test" and message.recipients == ["b@example.test"] and message.body.endswith(b"\r\nhello\r\n.\r\n")


@pytest.mark.skipif(not NODE or not os.path.exists("/usr/share/nodejs/nodemailer"), reason="needs node and nodemailer")
def test_nodemailer(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    script = """
const mailer = require('/usr/share/nodejs/nodemailer');
const transport = mailer.createTransport({host: '127.0.0.1', port: %d, secure: false, ignoreTLS: true, pool: true});
Promise.all([1, 2, 3].map(n => transport.sendMail({from: 'a@office.test', to: 'b@example.test', subject: 'from node ' + n, text: 'grüße\\n.\\n',
  attachments: [{filename: 'x.bin', content: Buffer.alloc(100000, n)}]})))
  .then(() => transport.close(), error => { console.error(error); process.exit(1); });
""" % proxy.port
    subprocess.run([NODE, "-e", script], check=True, timeout=60)
    subjects = sorted(line for m in upstream.wait_for(3) for line in m.body.split(b"\r\n") if line.startswith(b"Subject:"))
    assert subjects == [b"Subject: from node 1", b"Subject: from node 2", b"Subject: from node 3"]
    assert all(len(m.body) > 130000 for m in upstream.messages)
