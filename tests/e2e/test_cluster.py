"""Three instances, one account, a provider that lets it have three sessions, and a shared engine that is well, away, slow, empty, full,
a replica, or speaks with another key: every message is delivered, once, whatever the engine does."""
import base64
import http.client
import json
import smtplib
import subprocess
import threading
import time

import pytest

from conftest import NAME, PASSWORD, USER
from limited_server import LimitedServer
from proxy import BINARY, Proxy, free_port
from shared_engine import PROGRAM, SharedEngine
from slow_line import SlowLine

pytestmark = pytest.mark.skipif(not PROGRAM, reason="needs redis-server or valkey-server")
INSTANCES, CLIENTS, EACH = 3, 8, 5


class Cluster:
    def __init__(self, stage, sessions=3, pace=0.02, account="", instances=INSTANCES, behind_a_line=False, password=PASSWORD):
        self.stage = stage
        self.engine = SharedEngine(stage.folder / "engine")
        stage.things.append(self.engine)
        self.engine_port = self.engine.port
        self.engines = ""
        if behind_a_line:
            self.line = SlowLine(self.engine.port, delay=0)
            stage.things.append(self.line)
            self.engine_port = self.line.port
        self.provider = LimitedServer(*stage.certificate, users={USER: PASSWORD}, sessions=sessions, pace=pace)
        stage.things.append(self.provider)
        self.sessions, self.account = sessions, account
        self.secret("password", password)
        self.secret("key", base64.b64encode(bytes(range(32))).decode())
        self.proxies, self.admins = [], []
        for i in range(instances):
            self.add("i%d" % i)

    def secret(self, name, text):
        file = self.stage.folder / name
        file.write_text(text + "\n")
        file.chmod(0o600)
        return file

    def add(self, name, key="key"):
        folder = self.stage.folder / name
        folder.mkdir()
        self.admins.append(free_port())
        self.proxies.append(Proxy(folder, """[listen]
address = 127.0.0.1:{port}
[upstream]
host = 127.0.0.1
tls_name = %s
tls_ca = %s
ports = %d
username = %s
password_file = %s
max_connections = %d
%s
[cluster]
engine = 127.0.0.1:%d%s
key_file = %s
tls = off
instance = %s
[admin]
address = 127.0.0.1:%d
""" % (NAME, self.stage.ca.cert, self.provider.port, USER, self.stage.folder / "password", self.sessions, self.account, self.engine_port,
            self.engines, self.stage.folder / key, name, self.admins[-1])))
        self.stage.things.append(self.proxies[-1])
        return self.proxies[-1]

    def status(self, i=0):
        page = http.client.HTTPConnection("127.0.0.1", self.admins[i], timeout=10)
        page.request("GET", "/status.json")
        return json.loads(page.getresponse().read())["cluster"]

    def metrics(self, i=0):
        page = http.client.HTTPConnection("127.0.0.1", self.admins[i], timeout=10)
        page.request("GET", "/metrics")
        return page.getresponse().read().decode()

    def wait_until(self, what, timeout=30):
        deadline = time.monotonic() + timeout
        while not what():
            assert time.monotonic() < deadline, [self.status(i) for i in range(len(self.proxies))]
            time.sleep(0.05)

    def together(self, n=INSTANCES):
        self.wait_until(lambda: all(s["up"] and s["instances"] == n for s in (self.status(i) for i in range(n))))

    def send_all(self, name, during=None, clients=CLIENTS, each=EACH):
        """Each of so many clients of each instance sends so many messages; returns the replies that were no 250."""
        bad = []

        def client(proxy, k):
            try:
                with proxy.client(timeout=60) as smtp:
                    for n in range(each):
                        subject = "%s-%d-%d-%d" % (name, proxy.port, k, n)
                        smtp.sendmail("a@example.test", ["b@example.test"], "Subject: %s\r\n\r\nx\r\n" % subject)
                        sent.append(subject)
            except (OSError, smtplib.SMTPException) as e:
                bad.append(repr(e))
        sent = []
        threads = [threading.Thread(target=client, args=(p, k)) for p in self.proxies for k in range(clients)]
        for t in threads:
            t.start()
        if during:
            during()
        for t in threads:
            t.join()
        assert not bad, bad[:5]
        assert len(sent) == len(self.proxies) * clients * each
        arrived = self.provider.subjects()
        assert [s for s in sent if arrived[s] != 1] == []


def test_together(stage):
    """120 of 120, where each by itself delivers nothing; and the provider never sees a fourth session."""
    c = Cluster(stage)
    c.together()
    c.send_all("well")
    assert c.provider.most <= 3 and c.provider.turned_away == 0
    names = sorted(m["name"] for m in c.status()["members"])
    assert names == ["i0", "i1", "i2"]
    for word in ("smtp_detour_cluster_up 1", "smtp_detour_cluster_instances 3", 'smtp_detour_cluster_slots{account="default",whose="cap"} 3'):
        assert word in c.metrics()


def stopped(c):
    c.engine.freeze()
    yield
    c.engine.thaw()


def killed(c):
    c.engine.kill()
    yield
    c.engine.start()


def slow(c):
    """Each way takes longer than an answer may."""
    c.line.delay = 0.4
    yield
    c.line.delay = 0


def full(c):
    c.engine.say("CONFIG", "SET", "maxmemory", "1")
    yield
    c.engine.say("CONFIG", "SET", "maxmemory", "0")


def replica(c):
    c.engine.say("REPLICAOF", "127.0.0.1", "1")
    yield
    c.engine.say("REPLICAOF", "NO", "ONE")


def wrong_acl(c):
    c.engine.say("ACL", "SETUSER", "default", "-@write")
    yield
    c.engine.say("ACL", "SETUSER", "default", "+@all")


AWAY = "the shared engine does not answer: this instance uses a third of each limit by itself"
WRONG = "the shared engine answers and can't be used: this instance uses a third of each limit by itself"


@pytest.mark.parametrize("trouble,words", [(stopped, AWAY), (killed, AWAY), (slow, AWAY), (full, WRONG), (replica, WRONG), (wrong_acl, WRONG)],
                         ids=lambda x: getattr(x, "__name__", ""))
def test_trouble(stage, trouble, words):
    """It begins and ends under traffic: each instance goes on with its part, one line says so, another when it is over."""
    c = Cluster(stage, behind_a_line=trouble is slow)
    c.together()
    story = trouble(c)

    def begin():
        time.sleep(0.2)
        next(story)
    c.send_all("begins", begin)
    for p in c.proxies:
        p.wait_for_log(words)
    c.send_all("lasts")
    c.send_all("ends", lambda: next(story, None))
    c.together()
    for p in c.proxies:
        p.wait_for_log('msg="together again"')
        assert len([line for line in p.lines if words in line]) == 1
    c.send_all("over")


def test_flushed(stage):
    """Everybody tells again what he has before anybody gets more."""
    c = Cluster(stage)
    c.together()

    def flush():
        for _ in range(3):
            time.sleep(0.3)
            assert c.engine.say("FLUSHALL").startswith("+OK")
    c.send_all("flushed", flush)
    assert c.provider.most <= 3
    c.together()


def test_failover(stage):
    """The primary dies under traffic, and its replica takes over: all meet there, with what it knows."""
    c = Cluster(stage, instances=0)
    replica = SharedEngine(stage.folder / "replica", ["--replicaof", "127.0.0.1", str(c.engine.port)])
    stage.things.append(replica)
    c.engines = " 127.0.0.1:%d" % replica.port
    for i in range(INSTANCES):
        c.add("i%d" % i)
    c.together()
    assert c.status()["engine"].endswith(":%d" % c.engine.port)

    def fail():
        time.sleep(0.3)
        c.engine.kill()
        time.sleep(0.5)
        assert replica.say("REPLICAOF", "NO", "ONE").startswith("+OK")
    c.send_all("failover", fail)
    c.together()
    assert all(c.status(i)["engine"].endswith(":%d" % replica.port) for i in range(INSTANCES))
    c.send_all("after")


def test_never_there(stage):
    """Mail does not wait for an engine that was never seen: half of each limit, as `expect` has it."""
    c = Cluster(stage, instances=0)
    c.engine.kill()
    p = c.add("i0")
    c.send_all("alone")
    p.wait_for_log("this instance uses half of each limit by itself")
    assert not c.status()["up"]
    c.engine.start()
    c.together(1)


def test_another_key(stage):
    """Nothing is shared with an instance of another key, and both say so."""
    c = Cluster(stage, instances=1)
    c.secret("other", base64.b64encode(bytes(32)).decode())
    c.add("i1", key="other")
    for p in c.proxies:
        p.wait_for_log("another instance at this engine has another .cluster. key_file")


def test_reload(stage):
    """With another [cluster] this instance goes on under it, and nobody takes it for two; without one it is alone."""
    c = Cluster(stage)
    c.together()
    c.send_all("before")
    p = c.proxies[0]
    with open(p.config_file) as file:
        text = file.read()
    with p.client() as smtp:
        smtp.ehlo()
        smtp.mail("a@example.test")
        assert smtp.rcpt("b@example.test")[0] == 250
        p.write_config(text.replace("instance = i0", "instance = i0\nlease = 20s"))
        p.reload()
        # What is under way belongs to the old one, which looks who is there once a second.
        time.sleep(3)
        assert smtp.data("Subject: across\r\n\r\nx\r\n")[0] == 250
    c.together()
    c.send_all("after")
    assert not any("another instance" in line for q in c.proxies for line in q.lines)
    p.write_config(text[:text.index("[cluster]")] + text[text.index("[admin]"):])
    p.reload()
    c.wait_until(lambda: c.status(1)["instances"] == 2 and c.status() is None)


def test_send_is_no_instance(stage):
    """The command takes neither the name nor the sessions of the server on its machine."""
    c = Cluster(stage, instances=1)
    c.together(1)
    p = c.proxies[0]
    with p.client() as smtp:
        smtp.sendmail("a@example.test", ["b@example.test"], "Subject: held\r\n\r\nx\r\n")
        c.wait_until(lambda: c.status()["slots"]["default"]["all"] == 1)
        age = c.status()["members"][0]["age_seconds"]
        done = subprocess.run([BINARY, "send", "-c", p.config_file, "--from", "a@example.test", "--to", "b@example.test"], capture_output=True, timeout=60)
        assert done.returncode == 0, done
        time.sleep(2)
        status = c.status()
        assert status["slots"]["default"]["all"] == 1 and len(status["members"]) == 1 and status["members"][0]["age_seconds"] > age
    assert not any("another instance" in line for line in p.lines)


def test_goodbye(stage):
    """Whoever ends gives back what he had: nobody waits until his lease is over."""
    c = Cluster(stage)
    c.together()
    c.send_all("some")
    for p in c.proxies[1:]:
        p.stop()
    c.wait_until(lambda: c.status()["instances"] == 1, timeout=10)
    c.wait_until(lambda: c.status()["slots"]["default"]["all"] <= 1, timeout=15)
    del c.proxies[1:]
    c.send_all("alone")


def command(*words):
    return subprocess.run([BINARY, "cluster", *words], capture_output=True, text=True, timeout=30)


def test_refused_password(stage):
    """A wrong password is tried once by all machines together; a new one is another question."""
    c = Cluster(stage, password="wrong")
    c.together()
    c.wait_until(lambda: c.provider.logins)
    for proxy in c.proxies:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused, proxy.client(timeout=60) as smtp:
            smtp.sendmail("a@example.test", ["b@example.test"], "Subject: x\r\n\r\nx\r\n")
        assert refused.value.recipients["b@example.test"][0] == 451, refused.value
    assert c.provider.logins == 1
    c.secret("password", PASSWORD)
    for proxy in c.proxies:
        proxy.reload()
    c.send_all("new", clients=2, each=2)


def test_command(stage):
    """A key is another each time; status says who is there, what is in use, and, with 1, that nobody answers."""
    keys = {command("key").stdout for _ in range(2)}
    assert len(keys) == 2 and all(len(base64.b64decode(k, validate=False)) == 32 for k in keys)
    c = Cluster(stage)
    c.together()
    c.wait_until(lambda: c.provider.present > 0)
    told = command("-c", c.proxies[0].config_file, "status")
    assert told.returncode == 0, told
    for name in ("i0", "i1", "i2"):
        assert "instance %s: since" % name in told.stdout
    assert "account default: " in told.stdout and " of 3 sessions are in use" in told.stdout
    assert c.status()["instances"] == 3
    c.engine.kill()
    told = command("-c", c.proxies[0].config_file, "status")
    assert told.returncode == 1 and "engine 127.0.0.1:%d: " % c.engine.port in told.stdout


def doctor(c):
    return subprocess.run([BINARY, "doctor", "-c", c.proxies[0].config_file], capture_output=True, text=True, timeout=60).stdout.replace("\n", " ")


def test_doctor(stage):
    """Reach, rights, what the engine's memory does, and whose key is another."""
    c = Cluster(stage, instances=1)
    c.together(1)
    assert "does what it is asked; 1 instance is there." in doctor(c)
    c.engine.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert "Set maxmemory-policy noeviction in the shared engine: with allkeys-lru" in doctor(c)
    c.engine.say("ACL", "SETUSER", "default", "-info")
    assert "may not ask for its maxmemory-policy" in doctor(c)
    c.secret("other", base64.b64encode(bytes(32)).decode())
    c.add("i1", key="other")
    c.wait_until(lambda: len(c.status()["members"]) == 2)
    assert "Give all instances the same key_file: that of i1 is another one" in doctor(c)
    c.engine.say("ACL", "SETUSER", "default", "-@write")
    assert "Mend the shared engine 127.0.0.1:%d (" % c.engine.port in doctor(c)
    assert "can't run this command" in doctor(c)


def test_busy_elsewhere(stage):
    """The client of an instance without a session hears where they are."""
    c = Cluster(stage, instances=2, sessions=2, pace=8, account="acquire_timeout = 2s")
    c.together(2)
    threads = []

    def hold():
        with c.proxies[0].client(timeout=60) as smtp:
            smtp.sendmail("a@example.test", ["b@example.test"], "Subject: long\r\n\r\nx\r\n")
    for _ in range(2):
        threads.append(threading.Thread(target=hold))
        threads[-1].start()
    c.wait_until(lambda: c.status()["slots"]["default"]["mine"] == 2 and c.provider.present == 2)
    with c.proxies[1].client() as smtp:
        smtp.helo()
        smtp.mail("a@example.test")
        code, words = smtp.rcpt("b@example.test")
    for t in threads:
        t.join()
    assert code == 451
    assert words.decode().startswith("4.4.5 no session with 127.0.0.1 was free in time: all 2 that max_connections allows are busy, "
                                     "2 of them elsewhere")


def test_what_rests_elsewhere_is_given_up(stage):
    """At once, not at the next heartbeat: a client with a spool waits 5 seconds, a heartbeat is 10."""
    c = Cluster(stage, instances=2, sessions=1, account="acquire_timeout = 4s")
    c.together(2)
    for i in (0, 1, 0, 1):
        with c.proxies[i].client() as smtp:
            smtp.sendmail("a@example.test", ["b@example.test"], "Subject: in turn\r\n\r\nx\r\n")
    assert c.provider.most == 1


def test_what_is_busy_elsewhere_comes_round(stage):
    """An instance that could go on for ever gives its session up after its message, once it was had for ten seconds."""
    c = Cluster(stage, instances=2, sessions=1, pace=0.2)
    c.together(2)
    ended = threading.Event()

    def never_stop():
        with c.proxies[0].client(timeout=60) as smtp:
            while not ended.is_set():
                smtp.sendmail("a@example.test", ["b@example.test"], "Subject: more\r\n\r\nx\r\n")
    thread = threading.Thread(target=never_stop)
    thread.start()
    c.wait_until(lambda: len(c.provider.messages) >= 3)
    try:
        with c.proxies[1].client(timeout=60) as smtp:
            smtp.sendmail("a@example.test", ["b@example.test"], "Subject: the other\r\n\r\nx\r\n")
    finally:
        ended.set()
        thread.join()
    assert c.provider.subjects()["the other"] == 1 and c.provider.most == 1


def test_rate(stage):
    """Three instances together send what one may."""
    c = Cluster(stage, account="rate = 12/s")
    c.together()
    began = time.monotonic()
    c.send_all("rate", clients=2, each=10)
    assert time.monotonic() - began > 4
