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
