"""Two machines, as contrib/scale has them: its files are put in force in namespaces with the addresses that stand in them, one
machine is taken away under traffic, and every message is accounted for."""
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import threading
import time

import pytest

import netns
from conftest import NAME, PASSWORD, USER
from netns import Lan
from postfix import wait_until
from proxy import TOP, Proxy

pytestmark = pytest.mark.skipif(not netns.available() or not shutil.which("haproxy") or not shutil.which("keepalived"),
                                reason="needs root, ip, nft, haproxy and keepalived")
SCALE = os.path.join(TOP, "contrib", "scale")
HOSTS = {"lb": "10.0.0.4", "a": "10.0.0.5", "b": "10.0.0.6", "office": "10.0.0.50", "world": "10.0.0.200"}
MOVING = "10.0.0.10"
CLIENTS, EACH = 8, 12


class Machines:
    """The switch, the provider, and what the tests start on each host."""

    def __init__(self, stage):
        self.stage = stage
        self.lan = Lan(HOSTS)
        stage.things.append(self.lan)
        self.provider = stage.upstream(listener=self.lan.within("world", lambda: socket.create_server((HOSTS["world"], 587))))
        self.detours, self.started = {}, []

    def detour(self, host, change=lambda text: text):
        """smtp-detour with the shipped proxy.ini; only the account is the test's."""
        with open(os.path.join(SCALE, "proxy.ini")) as file:
            text = file.read()
        password = self.stage.folder / "password"
        password.write_text(PASSWORD + "\n")
        password.chmod(0o600)
        for old, new in (("smtp.example.com", HOSTS["world"] + "\ntls_name = %s\ntls_ca = %s" % (NAME, self.stage.ca.cert)),
                         ("office@example.com", USER), ("/etc/smtp-detour/password", str(password))):
            assert old in text
            text = text.replace(old, new)
        folder = self.stage.folder / ("detour-" + host)
        folder.mkdir()
        self.detours[host] = Proxy(folder, change(text), netns=self.lan.names[host])
        self.stage.things.append(self.detours[host])
        return self.detours[host]

    def run(self, host, *command):
        log_file = self.stage.folder / ("%s-%s.log" % (os.path.basename(command[0]), host))
        with open(log_file, "wb") as log:
            process = self.lan.popen(host, *command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.stage.things.append(Stopped(process))
        return log_file

    def haproxy(self, name):
        return self.run("lb", "haproxy", "-db", "-f", os.path.join(SCALE, name))

    def says(self, address, timeout=3):
        """The greeting's code that a client in the office hears there, 0 for none."""
        def ask():
            try:
                with smtplib.SMTP(address, 25, timeout=timeout):
                    return 220
            except smtplib.SMTPConnectError as refused:
                return refused.smtp_code
            except (OSError, smtplib.SMTPException):
                return 0
        return self.lan.within("office", ask)


class Stopped:
    def __init__(self, process):
        self.process = process

    def stop(self):
        self.process.terminate()
        self.process.wait(15)


class Traffic:
    """Clients in the office that send one message per connection. A message that was not acknowledged is sent again, as software that retries does."""

    def __init__(self, machines, address):
        self.machines, self.address = machines, address
        self.acknowledged, self.again, self.lock = [], [], threading.Lock()
        self.threads = [threading.Thread(target=lambda n=n: machines.lan.within("office", lambda: self._client(n))) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _client(self, number):
        for count in range(EACH):
            subject = "%d-%d" % (number, count)
            for _ in range(200):
                if self._send(subject):
                    break
                with self.lock:
                    self.again.append(subject)
                time.sleep(0.1)
            time.sleep(0.03)

    def _send(self, subject):
        try:
            with smtplib.SMTP(self.address, 25, timeout=20) as client:
                client.sendmail("a@office.test", ["b@example.test"], "Subject: %s\r\n\r\nhello\r\n" % subject)
                with self.lock:
                    self.acknowledged.append(subject)
        except (OSError, smtplib.SMTPException):
            # Acknowledged and then cut at QUIT is no failure.
            with self.lock:
                return subject in self.acknowledged
        return True

    def after(self, count):
        wait_until(lambda: len(self.acknowledged) >= count, lambda: str(len(self.acknowledged)))

    def arrived(self, before=0):
        """Waits for the clients. How many copies of each message the provider has, of those that came after so many."""
        for thread in self.threads:
            thread.join(120)
        assert len(self.acknowledged) == CLIENTS * EACH
        copies = {}
        for message in list(self.machines.provider.messages)[before:]:
            subject = message.body.split(b"\r\n", 1)[0].split(b": ")[1].decode()
            copies[subject] = copies.get(subject, 0) + 1
        assert set(copies) == set(self.acknowledged)
        return copies


@pytest.fixture
def machines(stage):
    return Machines(stage)


@pytest.mark.parametrize("config", ["haproxy.cfg", "haproxy-both.cfg"])
def test_a_machine_that_shuts_down(machines, config):
    for host in ("a", "b"):
        machines.detour(host)
    log_file = machines.haproxy(config)
    wait_until(lambda: machines.says(HOSTS["lb"]) == 220, log_file.read_text)
    traffic = Traffic(machines, HOSTS["lb"])
    traffic.after(20)
    serving = max(machines.detours.values(), key=lambda proxy: len(proxy.message_lines()))
    serving.process.send_signal(signal.SIGTERM)
    assert set(traffic.arrived().values()) == {1}
    # A client that had said no MAIL yet may hear 421, once.
    assert len(traffic.again) <= CLIENTS
    # The other one took the rest.
    assert sum(bool(proxy.message_lines()) for proxy in machines.detours.values()) == 2
    assert serving.process.wait(60) == 0


def test_a_machine_that_is_killed(machines):
    """No acknowledged message is lost, and only what was under way in that moment may come twice."""
    for host in ("a", "b"):
        machines.detour(host)
    log_file = machines.haproxy("haproxy.cfg")
    wait_until(lambda: machines.says(HOSTS["lb"]) == 220, log_file.read_text)
    traffic = Traffic(machines, HOSTS["lb"])
    traffic.after(20)
    machines.detours["a"].process.kill()
    copies = traffic.arrived()
    assert {subject for subject, count in copies.items() if count > 1} <= set(traffic.again)
    assert max(copies.values()) <= 2
    assert machines.detours["b"].message_lines()


def test_no_check_succeeds_and_mail_still_goes(machines):
    """The balancer's checks are refused by both machines (its address is not in [admin] allow): it hands clients on nevertheless."""
    for host in ("a", "b"):
        machines.detour(host, lambda text: text.replace("allow = 10.0.0.4 127.0.0.0/8", "allow = 127.0.0.0/8"))
    log_file = machines.haproxy("haproxy.cfg")
    wait_until(lambda: "'detour' has no server available" in log_file.read_text(), log_file.read_text)

    def send():
        with smtplib.SMTP(HOSTS["lb"], 25, timeout=20) as client:
            client.sendmail("a@office.test", ["b@example.test"], "Subject: x\r\n\r\nhello\r\n")
    machines.lan.within("office", send)
    assert len(machines.provider.messages) == 1


def keepalived(machines, host):
    with open(os.path.join(SCALE, "keepalived.conf")) as file:
        text = file.read()
    if host == "b":
        text = text.replace("10.0.0.5", "X").replace("10.0.0.6", "10.0.0.5").replace("X", "10.0.0.6").replace("priority 100", "priority 90")
    folder = machines.stage.folder / ("keepalived-" + host)
    folder.mkdir()
    (folder / "keepalived.conf").write_text(text)
    return machines.run(host, "keepalived", "-n", "-l", "-f", str(folder / "keepalived.conf"), "-p", str(folder / "pid"), "-r", str(folder / "vrrp"))


def direct(text):
    """What keepalived.conf says of proxy.ini: no balancer, port 25, the admin address on the machine itself."""
    for old, new in (("address = 0.0.0.0:2525", "address = 0.0.0.0:25"), ("proxy_protocol = 10.0.0.4\n", ""), ("address = 0.0.0.0:8025", "address = 127.0.0.1:8025")):
        assert old in text
        text = text.replace(old, new)
    return text


def holds(machines, host):
    shown = subprocess.run(["ip", "-n", machines.lan.names[host], "address", "show", "dev", "eth0"], stdout=subprocess.PIPE, text=True).stdout
    return MOVING + "/24" in shown


def test_the_address_moves_with_keepalived(machines):
    for host in ("a", "b"):
        machines.detour(host, direct)
    logs = {host: keepalived(machines, host) for host in ("a", "b")}

    def words():
        return "\n".join(log.read_text() for log in logs.values())
    wait_until(lambda: holds(machines, "a") and not holds(machines, "b"), words, 40)
    wait_until(lambda: machines.says(MOVING) == 220, words)
    traffic = Traffic(machines, MOVING)
    traffic.after(20)
    machines.detours["a"].process.send_signal(signal.SIGTERM)
    copies = traffic.arrived()
    assert holds(machines, "b") and not holds(machines, "a")
    # Until the address has moved, nobody listens there: clients that try again lose nothing, and nothing comes twice.
    assert set(copies.values()) == {1}
    assert machines.detours["b"].message_lines()
