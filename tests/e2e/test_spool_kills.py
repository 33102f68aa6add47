"""kill -9 at random moments in front of a real Postfix: of every 250 it is known what became of it. KILL_SECONDS=600 does it for ten minutes."""
import glob
import os
import random
import shutil
import threading
import time

import pytest

from postfix import wait_until
from proxy import Proxy
from submission_server import closed_port
from test_real_servers import postfix  # a fixture
from test_spool import spool, submit
from test_spool_commands import command

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("postfix") or not shutil.which("dovecot"), reason="needs root, Postfix and Dovecot")

SECONDS = float(os.environ.get("KILL_SECONDS", "40"))
MAX_UNKNOWN = 3
# One mailbox for everybody, and for the bounces; one recipient is refused.
REFUSES = "virtual_mailbox_domains = example.test office.test\nsmtpd_recipient_restrictions = check_recipient_access inline:{{refused@example.test = REJECT 5.1.1 no such person}}, permit_sasl_authenticated, reject"


def text_of(name):
    chance = random.Random(name)
    return b"".join(b"%s line %d of this\r\n" % (name.encode(), i) for i in range(chance.choice((1, 3, 40, 3000))))


class Clients:
    """Devices that send for as long as the server lives, and what each was told."""

    def __init__(self):
        self.sent, self.acknowledged, self.stops = {}, set(), 0

    def send(self, proxy, number, until):
        count = 0
        while time.monotonic() < until and proxy.process.poll() is None:
            name = "m%d-%d-%d" % (self.stops, number, count)
            count += 1
            whom = "refused@example.test" if count % 7 == 3 else "b@example.test"
            self.sent[name] = (self.stops, whom)
            try:
                if submit(proxy, b"Subject: %s\r\n\r\n" % name.encode() + text_of(name), to=whom)[1].startswith("250 "):
                    self.acknowledged.add(name)
            except Exception:  # refused at RCPT, or the server has ended: nothing was promised
                pass

    def live(self, proxy, seconds):
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self.send, args=(proxy, n, until)) for n in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        proxy.process.kill()
        proxy.process.wait()
        self.stops += 1
        for thread in threads:
            thread.join()


def subject_of(mail):
    return next((line[9:].decode() for line in mail.split(b"\n\n")[0].split(b"\n") if line.startswith(b"Subject: ")), "")


def postfix_is_empty(server):
    return not any(os.path.isfile(f) for place in ("incoming", "active", "deferred", "maildrop") for f in glob.glob(server.folder + "/queue/%s/**" % place, recursive=True))


def lives(stage, server, clients):
    chance = random.Random(os.environ.get("SEED", "1"))
    end = time.monotonic() + SECONDS
    folder = stage.folder / "living"
    folder.mkdir()
    while time.monotonic() < end:
        when, port = chance.choice((("always", server.port), ("always", server.port), ("outage", server.port), ("outage", closed_port())))
        proxy = Proxy(folder, config(stage, port, when))
        clients.live(proxy, chance.uniform(0.05, 2.5))
        proxy.reader.join(5)
    proxy = Proxy(folder, config(stage, server.port, "always"))
    stage.things.append(proxy)
    return proxy


def config(stage, port, when):
    return "[listen]\naddress = 127.0.0.1:{port}\n" + stage.account([port]) + spool(stage, when=when, bounce_to="sender", max_unknown=MAX_UNKNOWN)


def test_kills_in_front_of_a_real_postfix(stage, postfix):
    server = postfix(more=REFUSES)
    clients = Clients()
    proxy = lives(stage, server, clients)
    assert command(proxy, "drain", "--timeout", "50s")[0] == 0
    assert proxy.stop() == 0
    wait_until(lambda: postfix_is_empty(server), server.log, 60)

    arrived, bounced = {}, {}
    for mail in server.delivered(1):
        if b"\nContent-Type: multipart/report" in mail:
            name = next(line[9:].decode() for line in mail.split(b"\n") if line.startswith(b"Subject: m"))
            bounced[name] = bounced.get(name, 0) + 1
            continue
        name = subject_of(mail)
        arrived[name] = arrived.get(name, 0) + 1
        # Never a torn one.
        assert mail.split(b"\n\n", 1)[1].rstrip(b"\n") == text_of(name).replace(b"\r\n", b"\n").rstrip(b"\n"), name
    failed = {subject_of(f.read_bytes().split(b"\nhead ", 1)[1].split(b"\n", 1)[1].replace(b"\r\n", b"\n"))
              for f in (stage.folder / "spool" / "failed").iterdir() if not f.name.endswith(".log")}
    lost = [name for name in clients.acknowledged if name not in arrived and name not in failed]
    silent = [name for name in failed if name not in bounced]
    stops = {name: clients.stops - born for name, (born, _) in clients.sent.items()}
    report = "%d s: %d stops, %d sent, %d acknowledged, %d arrived, %d of them again (%d copies), %d failed, %d bounces, %d lost" % (
        SECONDS, clients.stops, len(clients.sent), len(clients.acknowledged), len(arrived), sum(n > 1 for n in arrived.values()),
        sum(n - 1 for n in arrived.values()), len(failed), sum(bounced.values()), len(lost))
    print(report)
    assert not lost and not silent, (report, lost[:5], silent[:5])
    assert clients.stops > 3 and len(clients.acknowledged) > 10 and failed and not list((stage.folder / "spool" / "corrupt").iterdir()), report
    for counts in (arrived, bounced):
        assert not {name: n for name, n in counts.items() if n > min(1 + stops[name], MAX_UNKNOWN)}, report
    # Who was refused was not served, and no bounce speaks of anybody else but after outcomes that nobody knows.
    assert all(clients.sent[name][1].startswith("b@") for name in arrived), report
    if os.environ.get("KILL_REPORT"):
        with open(os.environ["KILL_REPORT"], "a") as out:
            out.write(report + "\n")
