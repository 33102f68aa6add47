"""The manual's page of machines that share one account, followed to the letter in network namespaces: its commands, its section, an engine behind
TLS with its ACL, HAProxy in front, and a provider that allows three sessions."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

import netns
from conftest import NAME, PASSWORD, USER
from limited_server import LimitedServer
from netns import Lan
from postfix import wait_until
from proxy import BINARY, TOP
from test_scale import SCALE, HOSTS, Machines, Stopped, Traffic

pytestmark = pytest.mark.skipif(not netns.available() or not all(map(shutil.which, ("haproxy", "redis-server", "redis-cli"))),
                                reason="needs root, ip, nft, haproxy and redis-server")
PLACES = {**HOSTS, "c": "10.0.0.7", "engine": "10.0.0.9"}
ENGINE = "valkey.example.com"


def of_the_page(kind):
    """The first block of that kind, without its indent."""
    with open(os.path.join(TOP, "contrib", "manual", "cluster.md")) as page:
        return re.sub(r"(?m)^ +", "", re.search(r"(?s)```%s\n(.*?)```" % kind, page.read()).group(1))


class Together(Machines):
    def __init__(self, stage):
        self.stage, self.detours, self.started = stage, {}, []
        self.lan = Lan(PLACES)
        stage.things.append(self.lan)
        self.provider = LimitedServer(*stage.certificate, users={USER: PASSWORD}, pace=0.05, listener=self.lan.within(
            "world", lambda: socket.create_server((HOSTS["world"], 587))))
        stage.things.append(self.provider)
        self.engine_files = stage.ca.issue("engine", names=[ENGINE])
        self.engine = None
        self.start_engine()
        key = subprocess.run([BINARY, "cluster", "key"], capture_output=True, text=True, check=True).stdout
        self.secrets = {"/etc/smtp-detour/password": PASSWORD, "/etc/smtp-detour/valkey-password": "PASSWORD",
                        "/etc/smtp-detour/cluster-key": key.strip()}

    def start_engine(self):
        cert, key = self.engine_files
        process = self.lan.popen("engine", "redis-server", "--port", "0", "--tls-port", "6379", "--bind", PLACES["engine"], "--save", "",
                                 "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no", "--protected-mode", "no",
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.stage.folder)
        if not self.engine:
            self.stage.things.append(self)
        self.engine = process
        wait_until(lambda: self.cli("PING") == "PONG", lambda: "no engine")
        for line in of_the_page("").splitlines():
            if line.startswith(("ACL", "CONFIG")):
                assert self.cli(*line.split()) == "OK"

    def stop(self):
        self.engine.send_signal(signal.SIGCONT)
        self.engine.kill()
        self.engine.wait()

    def cli(self, *words):
        done = subprocess.run(["ip", "netns", "exec", self.lan.names["engine"], "redis-cli", "--tls", "--insecure", "-h", PLACES["engine"], *words],
                              capture_output=True, text=True, timeout=20)
        return done.stdout.strip()

    def status(self):
        return self.lan.within("a", lambda: subprocess.run([BINARY, "cluster", "-c", self.detours["a"].config_file, "status"],
                                                           capture_output=True, text=True).stdout)

    def machine(self, host):
        """The shipped proxy.ini, and the page's section below it; only names and the account are the test's."""
        def change(text):
            section = of_the_page("ini").split("[cluster]")[1]
            section = section.replace(ENGINE, "%s\ntls_name = %s\ntls_ca = %s\ninstance = %s" % (PLACES["engine"], ENGINE, self.stage.ca.cert, host)
                                      ).replace("instance = %s:6379" % host, "instance = %s" % host)
            section = section.replace("engine = %s\n" % PLACES["engine"], "engine = %s:6379\n" % PLACES["engine"])
            for path, secret in self.secrets.items():
                file = self.stage.folder / os.path.basename(path)
                file.write_text(secret + "\n")
                file.chmod(0o600)
                section = section.replace(path, str(file))
            return text + "\n[cluster]" + section
        return self.detour(host, change)

    def haproxy_for_three(self):
        """haproxy-both.cfg with one server more, and its clients spread: here they all have one address."""
        with open(os.path.join(SCALE, "haproxy-both.cfg")) as file:
            text = re.sub(r"(?m)^( *server )b( .*)$", r"\1b\2\n\1c\2", file.read()).replace("balance source", "balance roundrobin")
        text = re.sub(r"(?m)^( *server c )10\.0\.0\.6", r"\g<1>" + PLACES["c"], text.replace("hash-type consistent", ""))
        config = self.stage.folder / "haproxy.cfg"
        config.write_text(text)
        log_file = self.stage.folder / "haproxy.log"
        with open(log_file, "wb") as log:
            self.stage.things.append(Stopped(self.lan.popen("lb", "haproxy", "-db", "-f", str(config), stdin=subprocess.DEVNULL, stdout=log, stderr=log)))
        return log_file


def frozen(m):
    m.engine.send_signal(signal.SIGSTOP)
    yield
    m.engine.send_signal(signal.SIGCONT)


def killed(m):
    m.engine.kill()
    m.engine.wait()
    yield
    m.start_engine()


def flushed(m):
    assert m.cli("FLUSHALL") == "OK"
    yield


def well(m):
    yield


def test_as_the_page_says(stage):
    """Every message of every time arrives once; while all hear the engine the provider never sees a fourth session."""
    m = Together(stage)
    for host in ("a", "b", "c"):
        m.machine(host)
    log_file = m.haproxy_for_three()
    wait_until(lambda: m.says(HOSTS["lb"]) == 220, log_file.read_text)
    for trouble in (well, flushed, frozen, killed):
        before = len(m.provider.messages)
        traffic = Traffic(m, HOSTS["lb"])
        traffic.after(10)
        story = trouble(m)
        next(story)
        if trouble in (well, flushed):
            assert m.provider.most <= 3
        copies = traffic.arrived(before)
        assert set(copies.values()) == {1} and traffic.again == [], trouble.__name__
        next(story, None)
        time.sleep(1)
    assert m.cli("PING") == "PONG"
    wait_until(lambda: sum("instance " in line for line in m.status().splitlines()) == 3, m.status)
