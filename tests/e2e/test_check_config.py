"""`check` on a real machine: what would end as a refused login or a server that does not start."""
import os
import socket
import subprocess

import pytest

from proxy import BINARY, TOP

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


SHOWN = """[server]
aliases = root=admin@office.test
[listen lan]
address = 127.0.0.1:2590
allow = 127.0.0.0/8
[listen strict]
address = 0.0.0.0:2591
allow = 192.168.0.0/16
tls = required
[upstream work]
provider = gmail
username = me@gmail.com
password = hunter2hunter2
proxy = socks5://me:hunter2@127.0.0.1:9
qualify = office.test
header_from = scanner@office.test
identity = sender
"""


def test_what_is_in_force_and_where_from(folder):
    done = check(folder, SHOWN, "--print")
    assert done.returncode == 0, done.stderr
    values = {}
    for line in done.stdout.splitlines():
        if line.startswith("["):
            section = line.split("  ")[0]
        elif line:
            value, source = line.rsplit("  ; ", 1)
            values[section, value.split(" = ")[0]] = (value.split(" = ", 1)[1].strip(), source)
    assert values["[upstream work]", "host"] == ("smtp.gmail.com", "provider")
    assert values["[upstream work]", "qualify"] == ("office.test", "line 15")
    assert values["[upstream work]", "reply_timeout"] == ("5m", "default")
    assert values["[server]", "hostname"][1] == "found"
    assert values["[upstream work]", ";password"] == ("(not shown)", "line 13") and "hunter2" not in done.stdout
    assert ("[listen strict]", "tls") in values and ("[upstream work]", "helo") not in values
    again = check(folder, done.stdout.replace(";password = (not shown)", "password = hunter2\n"), "--print")
    assert again.returncode == 0, again.stderr
    bare = [line.rsplit("  ; ", 1)[0].rstrip() for line in done.stdout.splitlines() if not line.startswith(";")]
    assert [line.rsplit("  ; ", 1)[0].rstrip() for line in again.stdout.splitlines() if not line.startswith(";")] == bare
    assert check(folder, SHOWN + "frob = 1\n", "--print").stdout == ""
    assert check(folder, SHOWN, "--print", "--route", "a@b.test").returncode == 2


def test_the_route_says_what_becomes_of_addresses_and_what_a_listener_asks(folder):
    text = check(folder, SHOWN, "--route", "root").stdout
    lan, strict = text.split("[listen strict]")
    for words in ("MAIL FROM:<root@office.test> (qualify)", "logs in as root@office.test", "From: becomes scanner@office.test",
                  "recipient root becomes admin@office.test", "without a domain gets @office.test"):
        assert words in lan, lan
    assert "not allowed here" in strict and "MAIL FROM" not in strict
    done = check(folder, SHOWN, "--route", "<>", "192.168.1.9")
    lan, strict = done.stdout.split("[listen strict]")
    assert done.returncode == 0 and "listens on this machine only" in lan and "takes it" not in lan
    assert "STARTTLS first" in strict and "the null sender is never replaced" in strict and "logs in as me@gmail.com" in strict


def test_the_command_that_makes_a_secret(folder):
    secret = folder / "secrets" / "password"
    config = "[server]\nuser = daemon\n[listen]\naddress = 127.0.0.1:2590\n[upstream]\nhost = h\nusername = me\npassword_file = %s\n" % secret
    done = check(folder, config)
    command = done.stderr.split("to make it: `")[1].split("`")[0]
    assert done.returncode == 78 and command == "install -D -m 640 -g daemon /dev/stdin %s" % secret
    subprocess.run(["sh", "-c", command], input=b"sesame\n", check=True)
    assert secret.read_text() == "sesame\n" and secret.stat().st_mode & 0o7777 == 0o640
    done = check(folder, config)
    assert done.returncode == 0 and "password_file" not in done.stderr
    for page in ("README.md", "contrib/manual/README.md"):
        with open(os.path.join(TOP, page)) as text:
            assert "sudo install -D -m 640 -g smtp-detour /dev/stdin /etc/smtp-detour/password" in text.read()
    told = subprocess.run([BINARY, "providers", "gmail"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "/dev/stdin /etc/smtp-detour/password" in told
