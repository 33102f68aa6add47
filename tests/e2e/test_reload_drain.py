"""Reloads and whole restarts under traffic: every message that a client saw acknowledged arrived once; none that it did not see acknowledged arrived twice.
ROUNDS=100 in the environment does it a hundred times."""
import os
import re
import sys
import threading

from submission_server import closed_port
from test_systemd import activated, listening
from proxy import RawClient

ROUNDS = int(os.environ.get("ROUNDS", "6"))


class Senders:
    """Clients that send one message after the other, each until it is acknowledged or in doubt."""

    def __init__(self, address, count=4):
        self.address, self.stop, self.lock = address, threading.Event(), threading.Lock()
        self.acked, self.doubtful, self.later, self.problems = [], [], 0, []
        self.changed = threading.Condition(self.lock)
        self.threads = [threading.Thread(target=self.work, args=("w%d" % i,)) for i in range(count)]
        for t in self.threads:
            t.start()

    def work(self, worker):
        n = 0
        while not self.stop.is_set():
            n += 1
            name = "%s-%d" % (worker, n)
            try:
                self.send(name)
            except (OSError, EOFError):
                pass  # cut before DATA was answered: nothing was promised
            except Exception as problem:
                self.problems.append(repr(problem))

    def send(self, name):
        client = RawClient(self.address)
        try:
            for command in (None, "EHLO x", "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA"):
                reply = client.say(command) if command else client.reply()
                if reply[0] not in "23":
                    with self.lock:
                        self.later += 1
                    if not re.match("4(21|51) ", reply):
                        self.problems.append(reply)
                    return
            with self.lock:
                self.doubtful.append(name)
            reply = client.say(b"Subject: %s\r\n\r\n%s.\r\n" % (name.encode(), b"x" * 70 + b"\r\n" * 30))
            with self.changed:
                self.doubtful.remove(name)
                if reply.startswith("250 "):
                    self.acked.append(name)
                elif not reply.startswith("4"):
                    self.problems.append(reply)
                self.changed.notify_all()
        finally:
            client.close()

    def wait_for(self, more):
        """Until so many more were acknowledged."""
        with self.changed:
            goal = len(self.acked) + more
            assert self.changed.wait_for(lambda: len(self.acked) >= goal, 30), (self.problems, self.later)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(60)


def judge(senders, upstream):
    arrived = [re.search(rb"Subject: (\S+)", m.body).group(1).decode() for m in upstream.messages]
    assert senders.problems == []
    assert len(arrived) == len(set(arrived)), "doubled: %s" % [a for a in arrived if arrived.count(a) > 1]
    assert set(senders.acked) - set(arrived) == set(), "lost"
    assert set(arrived) - set(senders.acked) <= set(senders.doubtful), "arrived, though the client was told that it did not"
    assert senders.doubtful == []  # a drain answers every message that was under way
    print("%d messages acknowledged, %d told to come again" % (len(senders.acked), senders.later), file=sys.stderr)


def test_reloads(stage):
    upstream, other = stage.upstream(), closed_port()
    account = stage.account([upstream])
    proxy = stage.proxy(account)
    senders = Senders(("127.0.0.1", proxy.port))
    for i in range(ROUNDS):  # each changes something else: a listener comes or goes, the account's settings, the limits; every third is refused
        senders.wait_for(5)
        if i % 3 == 2:
            proxy.write_config("[listen]\nnonsense = yes\n" + account)
            proxy.reload(expect="nothing changes")
        else:
            proxy.write_config("[listen]\naddress = 127.0.0.1:{port}%s\nmax_clients = %d\n" % (" 127.0.0.1:%d" % other if i % 2 else "", 100 + i) +
                               account + "max_messages = %d\n" % (50 + i % 5))
            proxy.reload()
    senders.wait_for(5)
    senders.end()
    judge(senders, upstream)
    assert senders.later == 0 and proxy.process.poll() is None


def test_drains(stage):
    """The socket is a service manager's, so clients find somebody in the next process."""
    upstream, s = stage.upstream(), listening()
    config = "[listen]\naddress = systemd\n" + stage.account([upstream])
    proxy = activated(stage, config, [("mail", s)])
    senders = Senders(s.getsockname())
    for _ in range(ROUNDS):
        senders.wait_for(5)
        assert proxy.stop() == 0
        proxy = activated(stage, config, [("mail", s)])
    senders.wait_for(5)
    senders.end()
    judge(senders, upstream)
