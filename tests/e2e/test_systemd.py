"""What systemd is told, and the sockets it passes: its side is played by this test (the protocols are a datagram and four variables)."""
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from proxy import BINARY, Proxy, RawClient, free_port
from submission_server import closed_port
from test_refusals import dialog, greet
from test_spool import spool, submit

MAIL = b"Subject: x\r\n\r\nhello\r\n.\r\n"

# Becomes the server, as systemd does it: its sockets from descriptor 3 on, LISTEN_PID its own.
LAUNCH = """
import os, sys
fds, names, command = [int(n) for n in sys.argv[1].split(",") if n], sys.argv[2], sys.argv[3:]
aside = [os.dup2(fd, 200 + i) for i, fd in enumerate(fds)]
for fd in fds:
    os.close(fd)
for i, fd in enumerate(aside):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
os.environ.update(LISTEN_PID=os.environ.get("PRETEND") or str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


class Manager:
    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.settimeout(20)
        self.heard = []

    def wait_for(self, pattern):
        """The next datagram that matches."""
        while True:
            self.heard.append(self.socket.recv(4096).decode())
            if re.search(pattern, self.heard[-1], re.M):
                return self.heard[-1]


@pytest.fixture
def manager(tmp_path):
    m = Manager(tmp_path / "notify")
    yield m
    m.socket.close()


def test_what_systemd_is_told(stage, manager):
    upstream = stage.upstream()
    env = dict(os.environ, NOTIFY_SOCKET=manager.path)
    proxy = stage.proxy(stage.account([upstream]) + "[server]\ndrain_timeout = 7s\n", env=env)
    assert re.search(r"^STATUS=Serving: 0 clients$", manager.wait_for("^READY=1$"), re.M)
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    proxy.reload()
    told = manager.wait_for("^RELOADING=1$")
    assert int(re.search(r"^MONOTONIC_USEC=(\d+)$", told, re.M).group(1)) >= before
    manager.wait_for("^READY=1$")
    proxy.write_config("[listen]\nfoo = bar\n")
    proxy.reload(expect="nothing changes")
    manager.wait_for("^RELOADING=1$")
    assert "the last reload failed" in manager.wait_for("^READY=1$")  # else systemctl reload would hang
    proxy.write_config(stage.account([upstream]) + "[server]\ndrain_timeout = 7s\n[listen]\naddress = 127.0.0.1:{port}\n")
    proxy.reload()
    assert "failed" not in manager.wait_for("^READY=1$")
    busy = greet(proxy)
    dialog(busy, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    manager.wait_for("^STATUS=Serving: 1 client; default by %d$" % upstream.port)
    proxy.process.send_signal(signal.SIGTERM)
    told = manager.wait_for("^STOPPING=1$")
    assert "EXTEND_TIMEOUT_USEC=12000000" in told and "STATUS=Shutting down: 1 client" in told
    assert busy.say(MAIL).startswith("250 ") and proxy.process.wait(10) == 0


def test_status_says_what_is_wrong(stage, manager):
    port = closed_port()
    proxy = stage.proxy(stage.account([port], name="work"), env=dict(os.environ, NOTIFY_SOCKET=manager.path))
    client = greet(proxy)
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>")
    manager.wait_for("^STATUS=Serving: 1 client; account work cannot send: %d refused$" % port)


def test_status_says_which_port_is_used_and_when_something_was_delivered(stage, manager):
    closed, upstream = closed_port(), stage.upstream()
    proxy = stage.proxy(stage.account([closed, upstream], name="work"), env=dict(os.environ, NOTIFY_SOCKET=manager.path, TZ="UTC"))
    client = greet(proxy)
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    assert client.say(MAIL).startswith("250 ")
    told = manager.wait_for(r"^STATUS=Serving: 1 client; last delivery \d{4}-\d\d-\d\d \d\d:\d\d; work by %d \(%d refused\)$" % (upstream.port, closed))
    assert "cannot send" not in told


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_in_the_journal_have_a_priority_and_no_second_time(stage, form):
    ours, theirs = socket.socketpair()
    config = stage.folder / "journal.ini"
    config.write_text("[server]\nuser = root\nstate_dir = %s\n[log]\nformat = %s\n[listen]\naddress = 127.0.0.1:%d\n[upstream]\nhost = 127.0.0.1\nports = %d\n"
                      % (stage.folder, form, free_port(), closed_port()))
    config.chmod(0o600)
    stat = os.fstat(theirs.fileno())
    env = dict(os.environ, JOURNAL_STREAM="%d:%d" % (stat.st_dev, stat.st_ino))
    process = subprocess.Popen([BINARY, "run", "-c", str(config)], stderr=theirs, env=env)
    theirs.close()
    told = b""
    try:
        while b"is ready" not in told:
            told += ours.recv(65536)
    finally:
        process.terminate()
        process.wait(20)
    while True:
        more = ours.recv(65536)
        if not more:
            break
        told += more
    lines = told.decode().splitlines()
    begin = {"text": r"<(\d)>level=(\w+) ", "json": r'<(\d)>\{"level":"(\w+)",'}[form]
    found = [re.match(begin, line) for line in lines]
    assert all(found), lines
    assert {(f.group(1), f.group(2)) for f in found} == {("4", "warn"), ("6", "info")}
    assert not any("time" in line for line in lines)


def test_a_start_that_fails_is_an_error_in_the_journal(tmp_path):
    """journalctl -p err shows why the service did not start; on a terminal nothing stands before the lines."""
    config = tmp_path / "proxy.ini"
    config.write_text("[server]\nuser = root\n[upstream]\nhost = smtp.example.com\npassword = x\nusername = ' x'\nnonsense = 1\n")
    config.chmod(0o600)
    ours, theirs = socket.socketpair()
    stat = os.fstat(theirs.fileno())
    for stream, begins in (("%d:%d" % (stat.st_dev, stat.st_ino), {"<3>", "<4>"}), ("1:2", {str(config)[:3]})):
        done = subprocess.run([BINARY, "run", "-c", str(config)], stderr=theirs, env=dict(os.environ, JOURNAL_STREAM=stream), timeout=20)
        lines = ours.recv(65536).decode().splitlines()
        assert done.returncode == 78 and {line[:3] for line in lines} == begins, lines
        assert all(("warning: " in line) == line.startswith("<4>") for line in lines if line[0] == "<"), lines


def test_status_says_what_is_kept(stage, manager):
    port = closed_port()
    proxy = stage.proxy(stage.account([port], name="work") + spool(stage, max_messages="1"), env=dict(os.environ, NOTIFY_SOCKET=manager.path))
    assert submit(proxy)[1].startswith("250 ")
    manager.wait_for("^STATUS=Serving: . clients?; account work cannot send: %d refused; 1 message kept for later$" % port)
    manager.wait_for("^STATUS=Serving: 0 clients; account work cannot send: %d refused; the spool is full; 1 message kept for later$" % port)


def test_abstract_notify_socket(stage):
    name = "smtp-detour-test-%d" % os.getpid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind("\0" + name)
        s.settimeout(20)
        stage.proxy(stage.account([closed_port()]), env=dict(os.environ, NOTIFY_SOCKET="@" + name))
        assert s.recv(1000).startswith(b"READY=1")


def test_watchdog(stage, manager):
    """Signs of life come again and again, also while it drains. They stop when the loop does: then systemd acts."""
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), env=dict(os.environ, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="200000"))
    for _ in range(5):
        assert manager.wait_for("^WATCHDOG=1$") == "WATCHDOG=1"
    busy = greet(proxy)
    dialog(busy, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    proxy.process.send_signal(signal.SIGTERM)
    manager.wait_for("^STOPPING=1$")
    manager.wait_for("^WATCHDOG=1$")
    os.kill(proxy.process.pid, signal.SIGSTOP)
    time.sleep(0.3)  # what was under way
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            manager.socket.recv(1000)
    manager.socket.settimeout(1)
    with pytest.raises(TimeoutError):
        manager.socket.recv(1000)
    os.kill(proxy.process.pid, signal.SIGCONT)
    manager.socket.settimeout(20)
    manager.wait_for("^WATCHDOG=1$")


def test_a_watchdog_of_somebody_else(stage, manager):
    stage.proxy(stage.account([closed_port()]), env=dict(os.environ, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="200000", WATCHDOG_PID="1"))
    manager.wait_for("^READY=1")
    manager.socket.settimeout(1)
    with pytest.raises(TimeoutError):
        manager.wait_for("^WATCHDOG=1$")


# ---- socket activation ----

class Activated(Proxy):
    """Started with listening sockets [(name, socket)]."""

    def __init__(self, folder, config, sockets, **options):
        folder.mkdir()
        self.launcher = folder / "launch.py"
        self.launcher.write_text(LAUNCH)
        fds = [s.fileno() for _, s in sockets]
        for fd in fds:
            os.set_inheritable(fd, True)
        wrapper = folder / "launch"
        drop = "setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs " if options.pop("unprivileged", False) else ""
        wrapper.write_text("#!/bin/sh\nexec %s/usr/bin/python3 %s '%s' '%s' %s \"$@\"\n" % (
            drop, self.launcher, ",".join(map(str, fds)), ":".join(n for n, _ in sockets), BINARY))
        wrapper.chmod(0o755)
        popen = subprocess.Popen
        try:  # the sockets go along
            subprocess.Popen = lambda *a, **k: popen(*a, **dict(k, close_fds=False))
            super().__init__(folder, config, binary=str(wrapper), **options)
        finally:
            subprocess.Popen = popen


def listening(port=0):
    return socket.create_server(("127.0.0.1", port))


def activated(stage, config, sockets, **options):
    proxy = Activated(stage.folder / ("activated%d" % len(stage.things)), config, sockets, **options)
    stage.things.append(proxy)
    return proxy


def banner(s):
    with socket.create_connection(s.getsockname(), 20) as c:
        return c.recv(200)


def test_sockets_are_taken_by_name(stage):
    upstream = stage.upstream()
    mail, lan, rest = listening(), listening(), listening()
    proxy = activated(stage, "[listen one]\naddress = systemd:mail\n[listen two]\naddress = systemd:lan 127.0.0.1:{port}\n[listen rest]\naddress = systemd\n" +
                      stage.account([upstream]), [("mail", mail), ("lan", lan), ("other", rest)])
    for s, name in ((mail, "one"), (lan, "two"), (rest, "rest")):
        assert banner(s).startswith(b"220 ")
        assert re.search(r"msg=listening listener=%s address=127.0.0.1:%d " % (name, s.getsockname()[1]), proxy.log)
    client = RawClient(mail.getsockname())
    client.reply()
    assert dialog(client, "EHLO x", "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")[-1].startswith("354 ")
    assert client.say(MAIL).startswith("250 ") and len(upstream.wait_for(1)) == 1
    env = open("/proc/%d/environ" % proxy.process.pid, "rb").read()
    assert b"LISTEN_FDS" in env  # of the start; what children get is looked at in test_secrets


def test_a_reload_drops_a_passed_socket_and_takes_it_again(stage):
    s = listening()
    account = stage.account([closed_port()])
    proxy = activated(stage, "[listen]\naddress = systemd:mail 127.0.0.1:{port}\n" + account, [("mail", s)])
    assert banner(s).startswith(b"220 ")
    staying = RawClient(s.getsockname())
    staying.reply()
    proxy.write_config("[listen]\naddress = 127.0.0.1:{port}\n" + account)
    proxy.reload()
    assert "no [listen] uses the passed socket mail" in proxy.log and staying.say("NOOP").startswith("250 ")
    waiting = RawClient(s.getsockname())
    proxy.write_config("[listen new]\naddress = systemd 127.0.0.1:{port}\n" + account)
    proxy.reload()
    assert waiting.reply().startswith("220 ") and "listener=new" in proxy.log
    proxy.write_config("[listen new]\naddress = systemd:lan\n" + account)
    proxy.reload(expect="nothing changes")
    assert banner(s).startswith(b"220 ") and staying.say("NOOP").startswith("250 ")


def test_clients_wait_while_it_restarts(stage):
    """The socket stays systemd's: who comes between the end and the next start is served by the next."""
    upstream, s = stage.upstream(), listening()
    config = "[listen]\naddress = systemd\n" + stage.account([upstream])
    activated(stage, config, [("mail", s)]).stop()
    waiting = RawClient(s.getsockname())
    activated(stage, config, [("mail", s)])
    assert waiting.reply().startswith("220 ")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give up")
def test_port_25_without_any_right(stage):
    folder = stage.folder
    while folder != folder.parent:  # nobody must get here
        folder.chmod(folder.stat().st_mode | 0o055)
        folder = folder.parent
    upstream, s = stage.upstream(), listening(closed_port() if os.path.exists("/proc/sys/net/ipv4/ip_unprivileged_port_start") else 0)
    config = "[listen]\naddress = systemd\n" + stage.account([upstream], password=None, username=None)
    proxy = activated(stage, config, [("mail", s)], unprivileged=True, mode=0o644)
    status = open("/proc/%d/status" % proxy.process.pid).read()
    assert re.search(r"^Uid:\s+65534\s", status, re.M) and re.search(r"^CapEff:\s+0+$", status, re.M) and re.search(r"^CapPrm:\s+0+$", status, re.M)
    assert banner(s).startswith(b"220 ")


@pytest.mark.parametrize("make,words", [
    (lambda: socket.socket(), "does not listen; its unit needs ListenStream and Accept=no"),
    (lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "does not listen|no TCP"),
    (lambda: socket.socketpair()[0], "does not listen"),
])
def test_what_is_no_listening_socket(stage, make, words):
    proxy = activated(stage, "[listen]\naddress = systemd:mail\n" + stage.account([closed_port()]), [("mail", make())], wait=False)
    assert proxy.process.wait(10) == 71
    proxy.reader.join(5)
    assert re.search(words, proxy.log) and "mail" in proxy.log


def test_nothing_was_passed(stage):
    folder = stage.folder / "p"
    folder.mkdir()
    config = "[listen]\naddress = systemd:mail\n" + stage.account([closed_port()])
    for env in ({}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": "x", "LISTEN_FDS": "-3"}):
        proxy = Proxy(folder, config, wait=False, env=dict(os.environ, **env))
        assert proxy.process.wait(10) == 71
        proxy.reader.join(5)
        assert "systemd:mail" in proxy.log and "smtp-detour.socket" in proxy.log


def test_sockets_for_another_process_are_not_ours(stage):
    config = "[listen]\naddress = systemd:mail\n" + stage.account([closed_port()])
    proxy = activated(stage, config, [("mail", listening())], wait=False, env=dict(os.environ, PRETEND="1"))
    assert proxy.process.wait(10) == 71
    proxy.reader.join(5)
    assert "no such socket was passed" in proxy.log


def test_no_child_gets_the_sockets(stage):
    upstream, s, dump, script = stage.upstream(), listening(), stage.folder / "dump", stage.folder / "command"
    script.write_text("#!/bin/sh\nenv >%s\nls -l /proc/self/fd >>%s\necho sesame\n" % (dump, dump))
    script.chmod(0o755)
    activated(stage, "[listen]\naddress = systemd\n" + stage.account([upstream], password=None, password_command=script), [("mail", s)])
    client = RawClient(s.getsockname())
    client.reply()
    assert dialog(client, "EHLO x", "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>")[-1].startswith("250 ")
    text = dump.read_text()
    assert "PATH=" in text and "LISTEN_" not in text and "socket:" not in text
