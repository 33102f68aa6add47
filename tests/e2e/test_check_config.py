"""`check` on a real machine: what would end as a refused login or a server that does not start."""
import os
import socket
import subprocess

import pytest

from proxy import BINARY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it judges for another user")


def check(folder, config, *args):
    path = folder / "proxy.ini"
    path.write_text(config)
    path.chmod(0o640)
    done = subprocess.run([BINARY, "check", "-c", str(path), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    done.file = str(path)
    return done


@pytest.fixture
def folder(tmp_path):
    """One that everybody may enter, down from the root."""
    above = tmp_path
    while above != above.parent:
        above.chmod(above.stat().st_mode | 0o055)
        above = above.parent
    return tmp_path


def test_a_secret_that_the_servers_user_may_not_read(folder):
    secret = folder / "password"
    secret.write_text("sesame\n")
    secret.chmod(0o600)
    config = "[server]\nuser = daemon\n[listen]\naddress = 127.0.0.1:2590\n[upstream work]\nhost = h\nusername = me\npassword_file = %s\n" % secret
    done = check(folder, config)
    assert done.returncode == 0
    assert "%s:8: warning: [upstream work] password_file: the server's user daemon cannot read %s" % (done.file, secret) in done.stderr
    assert "needed: chown root:daemon %s && chmod 640 %s" % (secret, secret) in done.stderr
    os.chown(secret, 0, 1)
    secret.chmod(0o640)
    assert "password_file" not in check(folder, config).stderr
    inner = folder / "inner"
    inner.mkdir(mode=0o700)
    hidden = inner / "password"
    hidden.write_text("sesame\n")
    os.chown(hidden, 0, 1)
    hidden.chmod(0o640)
    done = check(folder, config.replace(str(secret), str(hidden)))
    assert "for it may not enter %s" % inner in done.stderr


def test_who_holds_the_port(folder):
    holder = socket.create_server(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    config = "[listen lan]\naddress = 127.0.0.1:%d\n[upstream]\nhost = h\n" % port
    done = check(folder, config)
    assert done.returncode == 0 and "[listen lan] address: 127.0.0.1:%d is held by python3 (pid %d)" % (port, os.getpid()) in done.stderr, done.stderr
    run = subprocess.run([BINARY, "run", "-c", done.file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert run.returncode == 71 and "Another program listens there: python3 (pid %d)" % os.getpid() in run.stderr
    holder.close()
    assert "is held by" not in check(folder, config).stderr
