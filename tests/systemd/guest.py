"""Runs inside a machine booted with the real systemd (see ./boot), which has our package file and tests/lib beside this file. Installs the
package, then does with systemctl what an administrator does, and prints what it saw; the first thing that is not as promised ends it."""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["SMTP_DETOUR"] = "/usr/sbin/smtp-detour"
sys.path.insert(0, os.path.join(HERE, "lib"))
from certs import CertificateAuthority  # noqa: E402
from proxy import RawClient  # noqa: E402
from submission_server import SubmissionServer  # noqa: E402

CREDENTIAL = "[Service]\nLoadCredential=smtp:/etc/smtp-detour/password\n"
# What contrib/systemd/README.md says for the socket unit.
BY_SOCKET = "[Unit]\nRequires=smtp-detour.socket\n" + CREDENTIAL + "AmbientCapabilities=\nCapabilityBoundingSet=\n"
CONFIG, PASSWORD = "/etc/smtp-detour/proxy.ini", "/etc/smtp-detour/password"
SERVICE, SOCKET = "smtp-detour.service", "smtp-detour.socket"
MAIL = b"Subject: x\r\n\r\nhello\r\n.\r\n"


def run(*command, status=0):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if status is not None and done.returncode != status:
        raise AssertionError("%s: status %d\n%s\n%s" % (" ".join(command), done.returncode, done.stdout, journal()))
    return done.stdout


def journal():
    subprocess.run(["journalctl", "--sync"], check=True)
    return subprocess.run(["journalctl", "-u", SERVICE, "-o", "cat", "--no-pager"], stdout=subprocess.PIPE, text=True).stdout


def wait_for(what, condition, seconds=60):
    """Until the condition holds; what it returned."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("%s: never came\n%s\n%s" % (what, run("systemctl", "status", SERVICE, status=None), journal()))
        time.sleep(0.05)
    return value


def show(name, unit=SERVICE):
    return run("systemctl", "show", "-P", name, unit).strip()


def drop_in(text, unit=SERVICE):
    folder = "/etc/systemd/system/%s.d" % unit
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/test.conf", "w") as out:
        out.write(text)
    run("systemctl", "daemon-reload")


def write(path, text, mode=0o640):
    with open(path, "w") as out:
        out.write(text)
    if mode is not None:
        os.chmod(path, mode)


def client(host="127.0.0.1"):
    c = RawClient((host, 25))
    assert c.reply().startswith("220 ")
    return c


def in_body(c=None):
    """A client whose message is under way."""
    c = c or client()
    for command, reply in (("EHLO scanner", "250"), ("MAIL FROM:<a@office.test>", "250 "), ("RCPT TO:<b@example.test>", "250 "), ("DATA", "354 ")):
        answer = c.say(command)
        assert answer.startswith(reply), "%s: %s\n%s" % (command, answer, journal())
    return c


class Machine:
    def __init__(self):
        ca = CertificateAuthority("/etc/smtp-detour/test-ca")
        os.chmod(ca.folder, 0o755)
        self.upstream = SubmissionServer(*ca.issue("upstream", names=["smtp.example.test"]))
        self.count = 0
        self.account = ("[upstream]\nhost = 127.0.0.1\nports = %d\ntls_name = smtp.example.test\ntls_ca = %s\nusername = user@example.test\n"
                        "password_file = credential:smtp\n[admin]\naddress = 127.0.0.1:8025\n" % (self.upstream.port, ca.cert))

    def config(self, text):
        write(CONFIG, text + self.account)

    def send(self, c=None):
        c = in_body(c)
        answer = c.say(MAIL)
        assert answer.startswith("250 "), answer
        self.count += 1
        assert len(self.upstream.wait_for(self.count)) == self.count
        c.close()


def as_shipped(machine):
    """proxy.ini as the package brings it names a password that is not there: systemctl says so, and does not try again and again."""
    run("systemctl", "start", SERVICE, status=1)
    assert (show("ExecMainStatus"), show("NRestarts"), show("ActiveState")) == ("78", "0", "failed")
    assert re.search(r"/etc/smtp-detour/proxy\.ini:\d+: ", journal())


def starts(machine):
    """READY, STATUS, port 25 as a user without rights, the password as a credential that only root can read, the journal."""
    write(PASSWORD, "sesame\n", 0o600)
    machine.config("")
    drop_in(CREDENTIAL)
    run("systemctl", "start", SERVICE)
    assert show("StatusText") == "Serving: 0 clients", show("StatusText")
    machine.send()
    assert re.search(r"msg=delivered id=\S+ from=a@office.test", journal())
    status = open("/proc/%s/status" % show("MainPID")).read()
    assert re.search(r"^CapPrm:\s+0000000000000400$", status, re.M) and re.search(r"^CapBnd:\s+0000000000000400$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M) and re.search(r"^Seccomp:\s+2$", status, re.M)
    assert not re.search(r"^Uid:\s+0\s", status, re.M)
    wait_for("/readyz says 200", lambda: run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8025/readyz") == "200")
    staying = client("::1")
    wait_for("the status counts the client", lambda: show("StatusText").startswith("Serving: 1 client"))
    staying.close()


def exposure(machine):
    score = re.search(r"Overall exposure level for smtp-detour.service: ([\d.]+)", run("systemd-analyze", "security", SERVICE)).group(1)
    assert float(score) <= 1.5, score
    return "systemd-analyze security, of the running unit: " + score


def reloads(machine):
    """Good: taken over, the process stays, a message under way finishes. Bad: the reason, with file and line; it goes on as before."""
    pid, busy = show("MainPID"), in_body()
    machine.config("[listen]\nmax_recipients = 1\n")
    run("systemctl", "reload", SERVICE)
    wait_for("reread", lambda: "configuration reloaded" in journal())
    assert busy.say(MAIL).startswith("250 ")
    machine.count += 1
    second = client()
    second.say("EHLO x")
    second.say("MAIL FROM:<a@office.test>")
    assert second.say("RCPT TO:<b@example.test>").startswith("250 ") and second.say("RCPT TO:<c@example.test>").startswith("452 ")
    write(CONFIG, "[listen]\nfoo = bar\n")
    run("systemctl", "reload", SERVICE)
    wait_for("the reason", lambda: re.search(r"/etc/smtp-detour/proxy\.ini:2: .*foo", journal()))
    assert show("MainPID") == pid and show("ActiveState") == "active"
    wait_for("the status says so", lambda: "the last reload failed" in show("StatusText"))
    machine.config("")
    run("systemctl", "reload", SERVICE)
    wait_for("the status takes it back", lambda: "failed" not in show("StatusText"))
    machine.send()


def logs(machine):
    """[log] target = syslog ends in the journal, a file in LogsDirectory; logrotate turns it as the package tells it to."""
    log = "/var/log/smtp-detour/smtp-detour.log"
    machine.config("[log]\ntarget = syslog\n")
    run("systemctl", "reload", SERVICE)
    wait_for("a line through syslog", lambda: "reloaded" in run("journalctl", "--no-pager", "-t", "smtp-detour", "SYSLOG_FACILITY=2"))
    machine.config("[log]\ntarget = %s\n" % log)
    run("systemctl", "reload", SERVICE)
    wait_for("a line in the file", lambda: os.path.exists(log) and "reloaded" in open(log).read())
    run("logrotate", "-f", "/etc/logrotate.d/smtp-detour")
    wait_for("a line in the new file", lambda: "reloaded" in open(log).read())
    assert os.path.exists(log + ".1") and os.stat(log).st_uid != 0 and os.stat(log).st_mode & 0o777 == 0o640
    machine.config("")
    run("systemctl", "reload", SERVICE)
    machine.send()


def credential(machine):
    """A credential is handed over at the start: a new password takes a restart, not a reload (systemd 252)."""
    machine.upstream.users["user@example.test"] = "new"
    write(PASSWORD, "new\n", 0o600)
    run("systemctl", "reload", SERVICE)
    told = open("/run/credentials/%s/smtp" % SERVICE).read()
    run("systemctl", "restart", SERVICE)
    machine.send()
    return "after a reload the server sees the %s password, after a restart the new one" % ("new" if told == "new\n" else "old")


def drains(machine):
    """systemctl stop: the message under way gets its 250, an idle client 421, and the unit ends well."""
    busy, idle = in_body(), client()
    stop = subprocess.Popen(["systemctl", "stop", SERVICE])
    assert idle.reply().startswith("421 4.3.2")
    wait_for("the status tells who is awaited", lambda: show("StatusText").startswith("Shutting down: 1 client"))
    assert busy.say(MAIL).startswith("250 ")
    machine.count += 1
    assert stop.wait() == 0 and show("Result") == "success" and show("ExecMainStatus") == "0"


def long_drain(machine):
    """drain_timeout beyond TimeoutStopSec: the server asks for more, and systemd waits."""
    machine.config("[server]\ndrain_timeout = 20s\n")
    drop_in(CREDENTIAL + "TimeoutStopSec=2s\n")
    run("systemctl", "start", SERVICE)
    busy = in_body()
    stop = subprocess.Popen(["systemctl", "stop", SERVICE])
    wait_for("shutting down", lambda: show("StatusText").startswith("Shutting down"))
    time.sleep(5)
    assert busy.say(MAIL).startswith("250 ")
    machine.count += 1
    assert stop.wait() == 0 and show("Result") == "success"


def comes_back(machine):
    """kill -9: started again, and what it had learnt is still known. A hang: the watchdog."""
    machine.config("")
    drop_in(CREDENTIAL + "WatchdogSec=3s\n")
    run("systemctl", "start", SERVICE)
    machine.send()
    pid = show("MainPID")
    os.kill(int(pid), signal.SIGKILL)
    wait_for("started again", lambda: show("ActiveState") == "active" and show("MainPID") not in ("0", pid))
    assert show("NRestarts") == "1"
    machine.send()
    pid = show("MainPID")
    os.kill(int(pid), signal.SIGSTOP)
    wait_for("started again by the watchdog", lambda: show("ActiveState") == "active" and show("MainPID") not in ("0", pid))
    assert show("NRestarts") == "2" and "Watchdog timeout" in run("journalctl", "--no-pager")
    machine.send()
    run("systemctl", "stop", SERVICE)


def sockets(machine):
    """The sockets are systemd's: no capability at all; the first client starts the server; clients that come during a restart wait."""
    machine.config("[listen]\naddress = systemd:smtp\n")
    drop_in(BY_SOCKET)
    run("systemctl", "start", SOCKET)
    assert show("ActiveState") == "inactive"
    machine.send()
    assert show("ActiveState") == "active"
    status = open("/proc/%s/status" % show("MainPID")).read()
    assert re.search(r"^CapPrm:\s+0+$", status, re.M) and re.search(r"^CapBnd:\s+0+$", status, re.M)
    machine.send(client("::1"))
    run("systemctl", "reload", SERVICE)
    busy, pid = in_body(), show("MainPID")
    restart = subprocess.Popen(["systemctl", "restart", SERVICE])
    wait_for("shutting down", lambda: show("StatusText").startswith("Shutting down"))
    waiting = [RawClient(("127.0.0.1", 25)) for _ in range(5)]
    assert busy.say(MAIL).startswith("250 ")
    machine.count += 1
    assert restart.wait() == 0 and show("MainPID") != pid
    for c in waiting:
        assert c.reply().startswith("220 ")
        machine.send(c)
    os.kill(int(show("MainPID")), signal.SIGKILL)
    machine.send(client())
    run("systemctl", "stop", SOCKET, SERVICE)
    run("systemctl", "start", SERVICE)  # draws its sockets in
    machine.send()
    return "with the sockets passed: " + exposure(machine)


def traffic(machine):
    """Twenty restarts under traffic through the socket unit: nobody is refused, each 250 is one message upstream."""
    stop, said, wrong = threading.Event(), [], []

    def sender(number):
        turn = 0
        while not stop.is_set():
            turn += 1
            subject = b"%d-%d" % (number, turn)
            try:
                c = in_body()
                said.append((subject, c.say(b"Subject: " + subject + b"\r\n\r\nhello\r\n.\r\n")))
                c.close()
            except (EOFError, AssertionError, ConnectionResetError):
                pass  # told to come again: nothing was promised
            except OSError as e:
                wrong.append(repr(e))
    threads = [threading.Thread(target=sender, args=(n,)) for n in range(4)]
    run("systemctl", "reset-failed", SERVICE)
    drop_in(BY_SOCKET + "[Unit]\nStartLimitBurst=100\n")
    drop_in("[Socket]\nTriggerLimitIntervalSec=0\n", SOCKET)
    [t.start() for t in threads]
    for _ in range(20):
        time.sleep(0.3)
        run("systemctl", "restart", SERVICE)
    stop.set()
    [t.join() for t in threads]
    good = [subject for subject, reply in said if reply.startswith("250 ")]
    arrived = [re.search(rb"Subject: (\S+)", m.body).group(1) for m in machine.upstream.messages[machine.count:]]
    machine.count = len(machine.upstream.messages)
    assert not wrong and len(good) > 20, (wrong, len(good))
    assert len(arrived) == len(set(arrived)) and set(good) <= set(arrived), "lost or doubled"
    return "20 restarts, %d messages, none lost or doubled, no connection refused" % len(good)


def without_ipv6(machine):
    """IPv6 switched off: both variants serve 127.0.0.1 all the same, and the server says what it skipped."""
    run("mount", "-o", "remount,rw", "/proc/sys")
    write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1", None)
    run("systemctl", "stop", SOCKET, SERVICE)
    run("systemctl", "start", SOCKET, SERVICE)
    machine.send()
    run("systemctl", "stop", SOCKET, SERVICE)
    machine.config("")
    drop_in(CREDENTIAL)
    run("systemctl", "start", SERVICE)
    machine.send()
    assert re.search(r"level=warn .*\[::1\]:25", journal())
    run("systemctl", "stop", SERVICE)
    write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0", None)
    drop_in(BY_SOCKET)
    machine.config("[listen]\naddress = systemd:smtp\n")
    run("systemctl", "start", SOCKET, SERVICE)


def cron_mail(machine):
    """The manual's cron task: cron's own mail, through the name sendmail and the alias of root, without a secret."""
    machine.config("[listen]\naddress = systemd:smtp\n[server]\naliases = root=me@example.test *=me@example.test\n")
    with open(CONFIG) as source:
        text = source.read()
    write(CONFIG, text.replace("[admin]", "qualify = example.org\n[admin]"))
    run("systemctl", "reload", SERVICE)
    run("update-alternatives", "--install", "/usr/sbin/sendmail", "sendmail", "/usr/sbin/smtp-detour", "20")
    write("/etc/cron.d/test", "* * * * * root echo it ran\n", 0o644)
    machine.count += 1
    message = machine.upstream.wait_for(machine.count, 90)[-1]
    os.remove("/etc/cron.d/test")
    machine.count = len(machine.upstream.messages)
    assert message.recipients == ["me@example.test"] and message.sender.startswith("root@") and b"it ran" in message.body, (message.recipients, message.sender)
    return "cron's mail for root arrived, from %s" % message.sender


def package_life(machine):
    """An upgrade replaces what runs and keeps proxy.ini; removing stops it; a purge leaves nothing but the administrator's own files."""
    pid, before = show("MainPID"), open(CONFIG).read()
    run("dpkg", "-i", package())
    assert show("MainPID") not in ("0", pid) and open(CONFIG).read() == before
    machine.send()
    run("dpkg", "-r", "smtp-detour")
    assert not os.path.lexists("/usr/sbin/sendmail")
    assert run("systemctl", "is-active", SERVICE, SOCKET, status=None).split() == ["inactive", "inactive"] and os.path.exists(CONFIG)
    run("dpkg", "--purge", "smtp-detour")
    assert not os.path.exists(CONFIG) and not os.path.exists("/var/lib/smtp-detour") and os.path.exists(PASSWORD)


def package():
    return glob.glob(os.path.join(HERE, "*.deb"))[0]


def main():
    run("dpkg", "--purge", "smtp-detour", status=None)  # left by a run that was broken off
    shutil.rmtree("/etc/smtp-detour", ignore_errors=True)
    run("dpkg", "-i", package())
    machine = Machine()
    for step in (as_shipped, starts, exposure, reloads, logs, credential, drains, long_drain, comes_back, sockets, traffic, without_ipv6, cron_mail, package_life):
        said = step(machine)
        print("ok  %s: %s" % (step.__name__, said or " ".join(step.__doc__.split())), flush=True)
    machine.upstream.stop()


if __name__ == "__main__":
    main()
