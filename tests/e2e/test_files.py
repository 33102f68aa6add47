"""Files and logs that somebody else has a hand in: what is planted where the server's user may write, and a log that takes nothing. Each of these would hold
the start, every client or the end for ever; no test measures how long anything took."""
import os
import socket
import stat
import subprocess
import tempfile

import pytest

from proxy import BINARY, Proxy
from submission_server import closed_port
from test_log import deliver, lines_of, own_dev
from test_refusals import dialog, greet

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def ended(proxy):
    status = proxy.process.wait(30)
    proxy.reader.join(5)
    return status


@pytest.mark.parametrize("kind", ["link", "dangling", "hard", "fifo", "way"])
def test_what_is_planted_in_place_of_the_log(stage, kind):
    folder = stage.folder / "logs"
    folder.mkdir()
    victim, log = stage.folder / "victim", folder / "log"
    victim.write_text("root's")
    victim.chmod(0o600)
    if kind == "link":
        log.symlink_to(victim)
    elif kind == "dangling":
        log.symlink_to(stage.folder / "new")
    elif kind == "hard":
        os.link(victim, log)
    elif kind == "fifo":
        os.mkfifo(log)
    else:
        (stage.folder / "way").symlink_to(folder)
        log = stage.folder / "way" / "log"
    before = victim.stat()
    proxy = stage.proxy(stage.account([closed_port()]) + "[log]\ntarget = %s\n[server]\nuser = nobody\n" % log, wait=False)
    assert ended(proxy) == 78 and "[log] target %s cannot be opened" % log in proxy.log
    after = victim.stat()
    assert (after.st_size, after.st_uid, after.st_mode) == (before.st_size, before.st_uid, before.st_mode)
    assert not (stage.folder / "new").exists()


@AS_ROOT
def test_a_log_file_that_was_there_is_not_given_away(stage):
    log = stage.folder / "log"
    log.write_text("")
    stage.proxy(stage.account([closed_port()]) + "[log]\ntarget = %s\n[server]\nuser = nobody\n" % log, wait=False)
    lines_of(log, "is ready")
    assert log.stat().st_uid == 0


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_a_new_log_file_has_one_mode(stage, umask):
    log = stage.folder / "log"
    wrapper = stage.folder / "wrapper"
    wrapper.write_text("#!/bin/sh\numask %04o\nexec %s \"$@\"\n" % (umask, BINARY))
    wrapper.chmod(0o755)
    proxy = stage.proxy(stage.account([closed_port()]) + "[log]\ntarget = %s\n" % log, wait=False, binary=str(wrapper))
    lines_of(log, "is ready")
    assert stat.S_IMODE(log.stat().st_mode) == 0o640
    log.unlink()
    proxy.process.send_signal(1)
    lines_of(log, "configuration reloaded")
    assert stat.S_IMODE(log.stat().st_mode) == 0o640


@AS_ROOT
@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_what_is_planted_in_the_state_directory(stage, kind):
    """Neither the start nor the end waits for it, and the certificate that replaces it belongs to the server's user."""
    state, victim = stage.folder / "state", stage.folder / "victim"
    state.mkdir()
    state.chmod(0o777)
    for parent in (stage.folder, stage.folder.parent, stage.folder.parent.parent):
        parent.chmod(0o755)
    victim.write_text("root's")
    for name in ("self-signed.pem", "upstreams"):
        if kind == "fifo":
            os.mkfifo(state / name)
        else:
            (state / name).symlink_to(victim)
    proxy = stage.proxy(stage.account([stage.upstream()]) + "[server]\nuser = nobody\nstate_dir = %s\n" % state, listen="tls = starttls")
    deliver(proxy)
    proxy.wait_for_log("msg=delivered")
    proxy.stop()
    made = (state / "self-signed.pem").lstat()
    assert stat.S_ISREG(made.st_mode) and stat.S_IMODE(made.st_mode) == 0o600 and made.st_uid == 65534
    assert stat.S_ISREG((state / "upstreams").lstat().st_mode)
    assert victim.stat().st_uid == 0 and victim.read_text() == "root's"


def served(proxy, rounds=12, chatter=60):
    """How many of so many clients get their mail through, each after a lot that is logged. The log takes nothing meanwhile."""
    n = 0
    for _ in range(rounds):
        try:
            client = greet(proxy)
            for _ in range(chatter):
                client.say("MAIL FROM:<a@office.test>")
                client.say("RCPT TO:<unknown@example.test>")
                client.say("RSET")
            dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
            n += client.say(b"Subject: x\r\n\r\nhello\r\n.\r\n").startswith("250 ")
            client.close()
        except OSError:
            break
    return n


@AS_ROOT
def test_clients_are_served_while_syslog_is_stopped(stage):
    """Its socket is there, and nobody reads it. What was lost is said when it is read again."""
    dev, program = own_dev(stage)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(dev / "log"))
        os.chmod(dev / "log", 0o666)
        proxy = stage.proxy(stage.account([stage.upstream()]) + "[log]\nlevel = debug\ntarget = syslog\n", wait=False, binary=program)
        daemon.settimeout(30)
        while "is ready" not in daemon.recv(20000).decode():
            pass
        n = served(proxy)
        print("clients served while syslog was stopped: %d of 12" % n)
        assert n == 12
        seen = []
        while sum("msg=delivered" in line for line in seen) < 12:
            seen.append(daemon.recv(20000).decode())
        proxy.process.terminate()
        while "has ended" not in seen[-1]:
            seen.append(daemon.recv(20000).decode())
        assert proxy.process.wait(30) == 0


def quiet_stage(stage, target):
    """A proxy whose stderr nobody reads."""
    folder = stage.folder / "unread"
    folder.mkdir()

    class Unread(Proxy):
        def _read(self):
            pass

        def stop(self):
            self.process.kill()
            self.process.wait(30)
    proxy = Unread(folder, "[listen]\naddress = 127.0.0.1:{port}\n" + stage.account([stage.upstream()]) + "[log]\nlevel = debug\ntarget = %s\n" % target, wait=False)
    stage.things.append(proxy)
    for _ in range(600):
        try:
            greet(proxy).close()
            return proxy
        except OSError:
            if proxy.process.poll() is not None:
                break
            subprocess.run(["sleep", "0.05"])
    raise AssertionError("it does not serve")


def check_not_held(proxy):
    assert served(proxy) == 12
    proxy.process.send_signal(1)
    assert served(proxy, rounds=2) == 2
    proxy.process.terminate()
    assert proxy.process.wait(30) == 0


def test_clients_are_served_while_nobody_reads_stderr(stage):
    check_not_held(quiet_stage(stage, "stderr"))


@AS_ROOT
def test_clients_are_served_while_nobody_reads_the_fifo(stage):
    """In a directory of root's, where a FIFO is the administrator's wish."""
    with tempfile.TemporaryDirectory(dir="/var") as folder:
        os.chmod(folder, 0o755)
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        check_not_held(quiet_stage(stage, fifo))
