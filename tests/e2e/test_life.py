"""Reload, drain, and what the command line says when something is wrong."""
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import PASSWORD, USER
from postfix import wait_until
from proxy import BINARY, Proxy
from submission_server import closed_port
from test_refusals import dialog, greet

MAIL = b"Subject: x\r\n\r\nhello\r\n.\r\n"


def run(*args, **options):
    return subprocess.run([BINARY, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20, **options)


def test_sigterm_with_nothing_to_do(stage):
    proxy = stage.proxy(stage.account([closed_port()]))
    assert proxy.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_during_the_start_waits_for_its_end(stage, number):
    """The port is open by then, but a key for the self-signed certificate is still being made."""
    proxy = stage.proxy(stage.account([closed_port()]), "tls = starttls\n", wait=False)
    proxy.wait_for_log("msg=listening")
    proxy.process.send_signal(number)
    proxy.wait_for_log("is ready")
    if number == signal.SIGHUP:
        proxy.wait_for_log("configuration reloaded")
        assert greet(proxy) and proxy.stop() == 0
    else:
        assert proxy.process.wait(20) == 0


def test_drain_lets_a_running_message_finish_and_sends_idle_clients_away(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    busy, idle = greet(proxy), greet(proxy)
    dialog(busy, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    proxy.process.send_signal(signal.SIGTERM)
    assert idle.reply().startswith("421 4.3.2 ") and idle.at_eof()
    with pytest.raises(OSError):
        proxy.raw()
    assert busy.say(MAIL).startswith("250 ")
    assert busy.reply().startswith("421 4.3.2 ") and busy.at_eof()
    assert proxy.process.wait(10) == 0
    assert len(upstream.messages) == 1


@pytest.mark.parametrize("busy", [False, True])
def test_pooled_sessions_say_quit(stage, busy):
    """At the end of a drain; also of one that ran out of time."""
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]) + "[server]\ndrain_timeout = 1s\n")
    client = greet(proxy)
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    if busy:
        other = greet(proxy)
        dialog(other, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    assert client.say(b"Subject: x\r\n\r\nhello\r\n.\r\n").startswith("250 ")
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(20) == 0
    time.sleep(0.2)
    assert upstream.commands().count(b"QUIT") == 1


def test_drain_timeout(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]) + "[server]\ndrain_timeout = 1s\n")
    busy = greet(proxy)
    dialog(busy, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(10) == 0
    assert "drain_timeout" in proxy.log and upstream.messages == []
    assert busy.reply().startswith("421 4.3.2 ") and busy.at_eof()


def test_reload_with_a_new_password(stage):
    upstream = stage.upstream(users={USER: "new"})
    secret = stage.folder / "password"
    secret.write_text("old\n")
    secret.chmod(0o600)
    proxy = stage.proxy(stage.account([upstream], password=None, password_file=secret))
    client = greet(proxy)
    client.say("MAIL FROM:<a@office.test>")
    assert client.say("RCPT TO:<b@example.test>").startswith("451 4.3.5 ")
    secret.write_text("new\n")
    proxy.reload()
    client.say("RSET")
    client = greet(proxy)
    client.say("MAIL FROM:<a@office.test>")
    assert client.say("RCPT TO:<b@example.test>").startswith("250 ")
    assert upstream.auth_attempts == [(USER, "old"), (USER, "new")]


def test_a_corrected_password_file_needs_no_reload(stage):
    upstream = stage.upstream(users={USER: "new"})
    secret = stage.folder / "password"
    secret.write_text("old\n")
    secret.chmod(0o600)
    proxy = stage.proxy(stage.account([upstream], password=None, password_file=secret))
    secret.write_text("new\n")
    client = greet(proxy)
    client.say("MAIL FROM:<a@office.test>")
    assert client.say("RCPT TO:<b@example.test>").startswith("250 ")
    assert upstream.auth_attempts == [(USER, "old"), (USER, "new")]


def test_reload_while_a_message_is_under_way(stage):
    first, second = stage.upstream(), stage.upstream()
    proxy = stage.proxy(stage.account([first]))
    old = greet(proxy)
    dialog(old, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    proxy.write_config("[listen]\naddress = 127.0.0.1:{port}\n" + stage.account([second]))
    proxy.reload()
    new = greet(proxy)
    assert dialog(new, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")[2].startswith("354")
    assert new.say(MAIL).startswith("250 ") and old.say(MAIL).startswith("250 ")
    assert len(first.wait_for(1)) == 1 and len(second.wait_for(1)) == 1


def test_a_bad_config_changes_nothing(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    proxy.write_config("[listen]\naddress = 127.0.0.1:{port}\nfoo = bar\n[upstream]\nports = many\nusers = nobody\n")
    proxy.reload(expect="nothing changes: .*proxy.ini has errors")
    assert re.search(r"level=error .*proxy\.ini:3: \[listen\] foo: ", proxy.log) and re.search(r"level=error .*proxy\.ini:\d+: \[upstream\] ports: ", proxy.log)
    assert re.search(r"level=warn .*proxy\.ini:\d+: warning: \[upstream\] users: ", proxy.log)
    client = greet(proxy)
    assert dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>")[1].startswith("250 ")


def test_accounts_that_change_places_keep_their_sessions(stage):
    upstream = stage.upstream()
    names = ["a", "b", "c"]

    def config(order):
        return "[listen]\naddress = 127.0.0.1:{port}\n" + "".join(stage.account([upstream], name=n, senders="@%s.test" % n) for n in order)

    def send_from_each():
        for name in names:
            client = greet(proxy)
            assert dialog(client, "MAIL FROM:<x@%s.test>" % name, "RCPT TO:<b@example.test>", "DATA")[2].startswith("354")
            assert client.say(MAIL).startswith("250 ")

    proxy = stage.proxy(config(names).split("{port}\n", 1)[1])
    send_from_each()
    for order in ("cab", "ba", "bac"):  # the one that was away logs in again
        proxy.write_config(config(order))
        proxy.reload()
        if len(order) == len(names):
            send_from_each()
    assert len(upstream.auth_attempts) == len(names) + 1


def hang_in_the_config(proxy):
    """From now on it is a FIFO; SIGHUP; its end to write to once the server waits for what comes out of it."""
    os.rename(proxy.config_file, proxy.config_file + ".text")
    os.mkfifo(proxy.config_file, 0o600)
    proxy.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while True:
        try:
            return os.open(proxy.config_file, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_reload_that_hangs_in_a_file_holds_no_mail_up(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    fifo = hang_in_the_config(proxy)
    client = greet(proxy)
    assert dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")[2].startswith("354")
    assert client.say(MAIL).startswith("250 ")
    proxy.process.send_signal(signal.SIGHUP)  # what hangs may be older than this one's cause: it is done again
    assert client.say("NOOP").startswith("250 ") and "reloaded" not in proxy.log
    text = pathlib.Path(proxy.config_file + ".text").read_bytes()
    os.rename(proxy.config_file + ".text", proxy.config_file)
    os.write(fifo, text)
    os.close(fifo)
    proxy.wait_for_log("configuration reloaded", count=2)
    assert client.say("NOOP").startswith("250 ")
    assert len(upstream.wait_for(1)) == 1


def test_a_reload_that_hangs_in_a_file_holds_no_end_up(stage):
    proxy = stage.proxy(stage.account([closed_port()]))
    fifo = hang_in_the_config(proxy)
    assert greet(proxy)
    began = time.monotonic()
    assert proxy.stop() == 0 and time.monotonic() - began < 5
    os.close(fifo)


def test_a_reload_that_hangs_in_a_file_holds_no_log_rotation_up(stage):
    log = stage.folder / "log"
    proxy = stage.proxy(stage.account([closed_port()]) + "[log]\ntarget = %s\n" % log, wait=False)
    wait_until(lambda: log.exists() and "is ready" in log.read_text(), lambda: "no log")
    log.rename(stage.folder / "log.1")
    fifo = hang_in_the_config(proxy)
    wait_until(log.exists, lambda: "no new log")
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(10) == 0
    assert "shutting down" in log.read_text() and "shutting down" not in (stage.folder / "log.1").read_text()
    os.close(fifo)


def test_the_end_in_the_middle_of_a_reload(stage):
    """Of certificates, which OpenSSL reads for seconds: nothing may be pulled from under it. Without _exit one end in five or so was a crash."""
    bundle, large = open(stage.ca.cert).read() * 300, "[listen]\naddress = 127.0.0.1:{port}\n"
    for i in range(100):
        (stage.folder / ("ca%d" % i)).write_text(bundle)
        large += stage.account([closed_port()], name="a%d" % i, senders="@a%d.test" % i, tls_ca=stage.folder / ("ca%d" % i))
    for _ in range(12):
        proxy = stage.proxy(stage.account([closed_port()]))
        proxy.write_config(large)
        proxy.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        assert proxy.stop() == 0, proxy.log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_a_reload_where_the_system_gives_no_thread(stage):
    """A user's limit of processes, which are threads, too."""
    with tempfile.TemporaryDirectory() as folder:
        config = "[listen]\naddress = 127.0.0.1:{port}\n[upstream]\nhost = 127.0.0.1\n[server]\nuser = daemon\n"
        proxy = Proxy(folder, config, binary="prlimit", args=("--nproc=1", BINARY, "run"))
        try:
            os.chown(proxy.config_file, pwd.getpwnam("daemon").pw_uid, -1)
            proxy.reload()
            proxy.reload()
            assert greet(proxy)
        finally:
            proxy.stop()


def test_listeners_come_and_go_with_a_reload(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]))
    staying = greet(proxy)
    extra = closed_port()
    proxy.write_config("[listen]\naddress = 127.0.0.1:{port} 127.0.0.1:%d\n" % extra + stage.account([upstream]))
    proxy.reload()
    with socket.create_connection(("127.0.0.1", extra)) as s:
        assert s.recv(100).startswith(b"220 ")
    proxy.write_config("[listen]\naddress = 127.0.0.1:{port}\n" + stage.account([upstream]))
    proxy.reload()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", extra), 1)
    assert staying.say("NOOP").startswith("250 ")


def test_messages_under_reloads_are_neither_lost_nor_doubled(stage):
    upstream = stage.upstream()
    config = stage.account([upstream])
    proxy = stage.proxy(config)
    acked, problems, stop = [], [], threading.Event()

    def work(name):
        n = 0
        while not stop.is_set():
            n += 1
            try:
                with proxy.client() as client:
                    client.sendmail("a@office.test", ["b@example.test"], b"Subject: %s-%d\r\n\r\nx\r\n" % (name.encode(), n))
                    acked.append("%s-%d" % (name, n))
            except Exception as problem:
                problems.append((name, n, repr(problem)))

    threads = [threading.Thread(target=work, args=("w%d" % i,)) for i in range(4)]
    for t in threads:
        t.start()
    n = 0
    while n < 20 or len(acked) < 40 and n < 500:
        n += 1
        proxy.write_config("[listen]\naddress = 127.0.0.1:{port}\nmax_clients = %d\n" % (100 + n) + config)
        proxy.reload()
    stop.set()
    for t in threads:
        t.join(30)
    assert problems == []
    arrived = [re.search(rb"Subject: (\S+)", m.body).group(1).decode() for m in upstream.messages]
    assert [m for m in arrived if m not in acked] == [] and [m for m in acked if m not in arrived] == []
    assert len(arrived) == len(set(arrived)) and len(acked) >= 40


def test_port_in_use(stage):
    proxy = stage.proxy(stage.account([closed_port()]))
    other = Proxy(stage.folder / "again" if (stage.folder / "again").mkdir() is None else None,
                  "[listen]\naddress = 127.0.0.1:%d\n" % proxy.port + stage.account([closed_port()]), wait=False)
    assert other.process.wait(10) == 71
    other.reader.join(5)
    assert "127.0.0.1:%d" % proxy.port in other.log and "Another program listens there" in other.log


def test_an_address_that_this_machine_does_not_have(stage):
    other = Proxy(stage.folder, "[listen]\naddress = 192.0.2.77:2525\n" + stage.account([closed_port()]), wait=False)
    assert other.process.wait(10) == 71
    assert "[listen default] address 192.0.2.77:2525" in other.log and "`ip addr` shows those it has" in other.log


def test_port_below_1024_without_the_right(stage):
    config = pathlib.Path(tempfile.mkdtemp()) / "proxy.ini"
    config.write_text("[listen]\naddress = 127.0.0.1:25\n" + stage.account([closed_port()], password=None, username=None, tls_ca=None))
    os.chmod(config.parent, 0o755)
    os.chmod(config, 0o644)
    done = run("-c", str(config), user=65534, group=65534, extra_groups=[])
    shutil.rmtree(config.parent)
    assert done.returncode == 77, done.stderr
    assert "setcap" in done.stderr and "systemd" in done.stderr and "127.0.0.1:25" in done.stderr


def test_secrets_must_not_be_world_readable(stage):
    secret = stage.folder / "secret"
    secret.write_text("sesame\n")
    secret.chmod(0o644)
    config = stage.folder / "proxy.ini"
    config.write_text(stage.account([closed_port()], password=None, password_file=secret))
    done = run("check", "-c", str(config))
    assert done.returncode == 78 and str(secret) in done.stderr and "sesame" not in done.stderr
    secret.chmod(0o640)
    assert run("check", "-c", str(config)).returncode == 0
    config.write_text(stage.account([closed_port()]))
    config.chmod(0o644)
    done = run("check", "-c", str(config))
    assert done.returncode == 78 and PASSWORD not in done.stderr


def test_command_line():
    assert run("--version").stdout.startswith("smtp-detour ")
    assert "check" in run("--help").stdout and run("--help").returncode == 0
    assert run("check", "--help").returncode == 0
    assert run("frobnicate").returncode == 2
    assert run("check", "-c").returncode == 2
    done = run("check", "-c", "/nonexistent/proxy.ini")
    assert done.returncode == 78 and "/nonexistent/proxy.ini" in done.stderr


def test_the_configuration_may_stand_anywhere_and_help_too():
    for args in (["-c", "/nonexistent/proxy.ini", "check"], ["check", "-c/nonexistent/proxy.ini"]):
        done = run(*args)
        assert done.returncode == 78 and "/nonexistent/proxy.ini: cannot be read" in done.stderr
    for name in ("run", "check", "doctor", "send", "providers"):
        for args in ([name, "-h"], [name, "-c", "/nonexistent/proxy.ini", "--help"], ["-c", "/nonexistent/proxy.ini", name, "--help"]):
            done = run(*args)
            assert done.returncode == 0 and done.stdout.startswith("smtp-detour %s" % name) and not done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize("lines,words", [
    ("[server]\nuser = nosuchuser\n", ":3: [server] user: there is no user nosuchuser on this machine"),
    ("[server]\nuser = daemon\ngroup = nosuchgroup\n", ":4: [server] group: there is no group nosuchgroup on this machine"),
    ("[listen]\nintercept = yes\n[server]\nuser = nobody\n", ":3: [listen] intercept: not as nobody")])
def test_whom_it_would_become_is_checked(tmp_path, lines, words):
    config = tmp_path / "proxy.ini"
    config.write_text(lines.replace("]\n", "]\n%s\n" % ("drain_timeout = 9s" if lines.startswith("[server]") else "address = 127.0.0.1:2526"), 1)
                      + "[upstream]\nhost = 127.0.0.1\nnonsense = 1\n")
    for command in ("check", "run"):
        done = run(command, "-c", str(config))
        assert done.returncode == 78 and str(config) + words in done.stderr, done.stderr
        assert "nonsense: unknown key" in done.stderr  # everything in one go


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_no_reload_makes_nobody_intercept():
    with tempfile.TemporaryDirectory() as folder:  # one that nobody may enter too
        proxy = Proxy(folder, "[listen]\naddress = 127.0.0.1:{port}\n[upstream]\nhost = 127.0.0.1\n[server]\nuser = nobody\n", mode=0o644)
        try:
            proxy.write_config(open(proxy.config_file).read().replace("[listen]\n", "[listen]\nintercept = yes\n"))
            proxy.reload(expect="nothing changes")
            assert "[listen] intercept: not as nobody" in proxy.log
        finally:
            proxy.stop()


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_no_client_gets_what_is_written_to_a_closed_descriptor(stage, closed):
    """Whoever starts it may have closed them: then sockets would become 0, 1 and 2."""
    wrapper = stage.folder / "wrapper"
    wrapper.write_text("#!/bin/sh\nexec %s \"$@\" %s\n" % (BINARY, closed))
    wrapper.chmod(0o755)
    proxy = stage.proxy(stage.account([stage.upstream()]) + "[log]\nlevel = debug\n", wait=False, binary=str(wrapper))
    for _ in range(400):
        try:
            client = greet(proxy)
            break
        except OSError:
            time.sleep(0.05)
    held = {n: os.readlink("/proc/%d/fd/%d" % (proxy.process.pid, n)) for n in range(3)}
    for word in closed.split():
        assert held[int(word[0])] == "/dev/null"
    assert dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>")[1].startswith("250 ")


def check_as_root(config_file):
    return subprocess.run([BINARY, "check", "-c", str(config_file)], capture_output=True, text=True, timeout=60)


@pytest.fixture
def own_folder():
    """A folder to which only root's directories lead."""
    if os.geteuid() != 0:
        pytest.skip("needs root, who is to believe the file")
    with tempfile.TemporaryDirectory(dir="/var") as folder:
        if os.path.ismount("/var"):
            pytest.skip("/var is a mount of its own")
        os.chmod(folder, 0o755)
        file = pathlib.Path(folder) / "etc" / "proxy.ini"
        file.parent.mkdir()
        file.parent.chmod(0o755)
        file.write_text("[upstream]\nhost = 127.0.0.1\n[server]\nuser = root\n")
        file.chmod(0o644)
        yield file


def test_root_believes_no_file_that_others_may_write(own_folder):
    file = own_folder
    fine = check_as_root(file)
    assert fine.returncode == 0 and "may be written" not in fine.stderr
    for path, uid, gid, mode, who in ((file, 65534, 0, 0o644, "its owner nobody"), (file, 0, 65534, 0o664, "its group"), (file, 0, 0, 0o666, "everybody"),
                                      (file.parent, 65534, 0, 0o755, "its owner nobody"), (file.parent, 0, 65534, 0o775, "its group"),
                                      (file.parent.parent, 0, 0, 0o777, "everybody")):
        before = path.stat()
        os.chown(path, uid, gid)
        path.chmod(mode)
        for args in (["check"], ["run"], ["doctor"]):
            refused = subprocess.run([BINARY, *args, "-c", str(file)], capture_output=True, text=True, timeout=60)
            assert refused.returncode == 78 and "%s may be written by %s" % (path, who) in refused.stderr, (path, mode)
        os.chown(path, 0, 0)
        path.chmod(before.st_mode & 0o7777)
    # Root's own group, a sticky directory, a group that may only read.
    for path, gid, mode in ((file, 0, 0o664), (file.parent, 0, 0o1777), (file, 65534, 0o640)):
        os.chown(path, 0, gid)
        path.chmod(mode)
        assert check_as_root(file).returncode == 0
    assert subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", BINARY, "check", "-c", str(file)], capture_output=True).returncode == 78  # unreadable
    file.chmod(0o666)
    assert subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", BINARY, "check", "-c", str(file)], capture_output=True).returncode == 0


def test_a_mounted_file_that_others_may_write_is_warned_of(own_folder):
    """As a container has it: the owner is one of the host's."""
    script = "mount -t tmpfs none {0} && cp {1} {0}/x && chown 65534 {0}/x && exec {2} check -c {0}/x"
    other = own_folder.parent / "mounted"
    other.mkdir()
    done = subprocess.run(["unshare", "-m", "sh", "-c", script.format(other, own_folder, BINARY)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "warning: %s/x may be written by its owner nobody" % other in done.stderr


@pytest.mark.parametrize("user,words", [("root", "running as root"), ("nobody", "running as nobody"), ("daemon", None)])
def test_check_warns_of_root_and_nobody(own_folder, user, words):
    own_folder.write_text("[upstream]\nhost = 127.0.0.1\n[server]\nuser = %s\n" % user)
    for before in ([], ["setpriv", "--reuid=65534", "--clear-groups"]):
        done = subprocess.run([*before, BINARY, "check", "-c", str(own_folder)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        assert ("[server] user: %s" % words in done.stderr) if words else "running as" not in done.stderr


def test_gives_root_up(stage):
    if os.geteuid() != 0:
        pytest.skip("needs root to give up")
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]) + "[server]\nuser = nobody\n")
    status = open("/proc/%d/status" % proxy.process.pid).read()
    assert re.search(r"^Uid:\s+65534\s+65534\s+65534\s+65534$", status, re.M)
    assert re.search(r"^CapEff:\s+0000000000000400$", status, re.M) and re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    assert re.search(r"^CapBnd:\s+0000000000000000$", status, re.M) and re.search(r"^CapInh:\s+0000000000000000$", status, re.M)
    client = greet(proxy)
    assert dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>")[1].startswith("250 ")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give up")
def test_a_config_that_only_root_can_read_is_not_reread(stage):
    proxy = stage.proxy(stage.account([stage.upstream()]) + "[server]\nuser = nobody\n")  # mode 0600
    proxy.reload(expect=r"nothing changes: \S*proxy\.ini was read as root at the start, .*chmod 640")
    assert re.search(r"proxy\.ini: cannot be read by user nobody: Permission denied", proxy.log)
