"""Clients that mean harm: what they cost while they are here, and that nothing of them is left. The figures are printed (pytest -s).

Run against the sanitized program too: SMTP_DETOUR=build/asan/smtp-detour (make asan builds it). Resident memory means nothing there and is not judged; live
allocations are, and LeakSanitizer's word at the end."""
import os
import re
import resource
import socket
import smtplib
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest

from flood import flood
from proxy import BINARY, TOP
from submission_server import closed_port

MANY = "max_clients = 20000\nmax_clients_per_ip = 20000\n"


def is_sanitized():
    with open(BINARY, "rb") as program:
        return b"__asan_init" in program.read()


@pytest.fixture(autouse=True)
def enough_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 12_000:
        pytest.skip("10,000 clients need 12,000 descriptors, the system allows %d" % hard)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def resident(proxy):
    """Bytes of memory that the process has of the machine."""
    with open("/proc/%d/smaps_rollup" % proxy.process.pid) as rollup:
        return int(re.search(r"^Rss:\s+(\d+) kB", rollup.read(), re.M).group(1)) * 1024


def descriptors(proxy):
    return len(os.listdir("/proc/%d/fd" % proxy.process.pid))


def settles(what, wanted, timeout=30):
    """Waits until what() gives something that wanted() likes; returns it, or what it gave last."""
    deadline = time.monotonic() + timeout
    while True:
        value = what()
        if wanted(value) or time.monotonic() > deadline:
            return value
        time.sleep(0.1)


def test_ten_thousand_idle_clients(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen=MANY)
    base, clients = resident(proxy), []
    for _ in range(10_000):
        clients.append(socket.create_connection(("127.0.0.1", proxy.port), 30))
    for client in clients:
        assert client.recv(200).startswith(b"220 ")
    connected = resident(proxy)
    for client in clients:
        client.sendall(b"EHLO idler\r\n")
    for client in clients:
        assert client.recv(1000).startswith(b"250")
    greeted = resident(proxy)
    print("\nidle clients: %.0f bytes each before EHLO, %.0f after; the process with 10,000 of them %.1f MiB (%.1f MiB without)" % (
        (connected - base) / 10_000, (greeted - base) / 10_000, greeted / 2**20, base / 2**20))
    if not is_sanitized():
        assert (greeted - base) / 10_000 < 2048 and greeted < 32 * 2**20
    late = proxy.client()  # and there is still room for who has something to say
    assert late.noop()[0] == 250
    few = descriptors(proxy) - 10_000
    for client in clients:
        client.close()
    late.quit()
    assert settles(lambda: descriptors(proxy), lambda n: n <= few) <= few


def test_memory_under_attack_stays_within_the_caps(stage):
    """500 clients push all they can and read nothing. What is kept of each is bounded (base/caps.h): 16 KiB unread input, 64 KiB unsent replies, and up to 256
    commands with their answers; of recipients that were refused nothing is kept."""
    proxy = stage.proxy(stage.account([closed_port()], acquire_timeout="2s"), listen=MANY)
    base, clients, worst = resident(proxy), [], 0
    for n in range(500):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", proxy.port))
        client.setblocking(False)
        clients.append(client)
    flood_of = b"EHLO x\r\nMAIL FROM:<a@office.test>\r\n" + b"RCPT TO:<somebody-with-a-long-name@example.test>\r\n" * 4_000
    for _ in range(20):
        for client in clients:
            try:
                client.send(flood_of)
            except OSError:  # it takes no more, or has closed
                pass
        worst = max(worst, resident(proxy))
        time.sleep(0.1)
    print("\nunder attack: %.1f KiB for each of 500 clients" % ((worst - base) / 500 / 1024))
    assert is_sanitized() or (worst - base) / 500 < 160 * 1024
    for client in clients:
        client.close()
    assert proxy.client().noop()[0] == 250


def live_bytes(proxy_file):
    with open(proxy_file) as text:
        return int(text.read())


def test_nothing_is_left_of_a_thousand_hostile_clients(stage, tmp_path):
    """Floods of mixed behaviour: after the third the same descriptors, live allocations and resident memory as after the second."""
    library, live = str(tmp_path / "live_bytes.so"), str(tmp_path / "live")
    subprocess.run(["cc", "-O1", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, os.path.join(TOP, "tests", "lib", "live_bytes.c"), "-lpthread"], check=True)
    environment = dict(os.environ, LD_PRELOAD=library, LIVE_BYTES_FILE=live, GLIBC_TUNABLES="glibc.malloc.tcache_count=0",
                       ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=1:exitcode=99")
    upstream = stage.upstream(users={}, tls="none")
    account = stage.account(["%d/plain" % upstream.port], tls="off", tls_name=None, tls_ca=None, username=None, password=None, idle_timeout="1s",
                            acquire_timeout="5s")
    proxy = stage.proxy(account, listen=MANY + "timeout = 3s\nmax_message_size = 200K\n", env=environment)
    settles(lambda: os.path.exists(live) and os.path.getsize(live), lambda size: size)  # the watcher has its file open
    quiet, after = descriptors(proxy), []
    crowd = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(1200)]  # tables that only ever grow reach their full size now
    for one in crowd:
        one.close()
    settles(lambda: descriptors(proxy), lambda now: now <= quiet)
    # A table that only ever grows, as libev's of what one poll may bring, can reach its next size in any flood; a leak
    # grows in each.
    while len(after) < 3 or (len(after) < 6 and abs(after[-1][1] - after[-2][1]) >= 512):
        ends = flood(proxy.port, 1000, seed=7)
        assert sum(ends.values()) == 1000
        assert not [end for end in ends if "never cut off" in end or "no connection" in end], ends
        assert ends["honest: delivered"] > 60, ends
        fds = settles(lambda: descriptors(proxy), lambda now: now <= quiet)
        if after:
            settles(lambda: live_bytes(live), lambda now: abs(now - after[-1][1]) < 512)
        after.append((fds, live_bytes(live), resident(proxy)))
    print("\nafter each flood: %s" % ", ".join("%d descriptors, %d live bytes, %d KiB resident" % (f, b, r // 1024) for f, b, r in after))
    assert [fds for fds, _, _ in after] == [quiet] * len(after)
    assert abs(after[-1][1] - after[-2][1]) < 512
    assert is_sanitized() or after[-1][2] - after[-2][2] < 2**20
    assert proxy.stop() == 0, proxy.log[-3000:]
    assert "LeakSanitizer" not in proxy.log and "AddressSanitizer" not in proxy.log


def test_one_octet_at_a_time_is_silence(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="timeout = 2s\n")
    client = proxy.raw()
    client.reply()
    try:
        for _ in range(200):
            client.send(b"X")
            time.sleep(0.1)
        pytest.fail("the session was held open by one octet now and then")
    except OSError:
        pass
    proxy.wait_for_log("is ready")
    client = proxy.raw()
    client.reply()
    client.send(b"NO")
    assert client.reply().startswith("421 4.4.2 ") and client.at_eof()


def test_silence_in_mid_body(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="timeout = 2s\n")
    client = proxy.raw()
    client.reply()
    for line in ("EHLO x", "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA"):
        client.say(line)
    client.send(b"Subject: never whole\r\n")
    assert client.reply().startswith("421 4.4.2 ") and client.at_eof()
    assert upstream.messages == []


def test_more_connections_than_max_clients(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="max_clients = 50\nmax_clients_per_ip = 20000\n")
    clients = [proxy.raw() for _ in range(400)]
    replies = [client.reply()[:9] for client in clients]
    assert replies[:50] == ["220 " + replies[0][4:]] * 50 and set(replies[50:]) == {"421 4.7.0"}
    assert all(client.at_eof() for client in clients[50:])
    lines = [line for line in proxy.lines if "client refused" in line]
    assert 20 <= len(lines) < 200  # a flood of connections is no flood of lines
    for client in clients:
        client.close()
    assert settles(lambda: proxy.raw().reply(), lambda reply: reply.startswith("220 ")).startswith("220 ")


def test_a_reader_of_nothing_is_let_go(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="timeout = 2s\n")
    client = proxy.raw()
    client.socket.setblocking(False)
    sent, deadline = 0, time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            try:
                sent += client.socket.send(b"EHLO x\r\n" * 1000)
            except BlockingIOError:
                time.sleep(0.05)
        pytest.fail("never cut off")
    except ConnectionError:
        pass
    assert proxy.raw().reply().startswith("220 ")


def test_strangers_hold_few_descriptors(stage):
    """4,000 clients outside `allow` that stay after their 554; the proxy has 1,024 descriptors."""
    wrapper = str(stage.folder / "few-descriptors")
    with open(wrapper, "w") as script:
        script.write('#!/bin/sh\nulimit -n 1024\nexec %s "$@"\n' % BINARY)
    os.chmod(wrapper, 0o755)
    proxy = stage.proxy(stage.account([closed_port()]), binary=wrapper,
                        listen=MANY + "allow = 127.0.0.2\n")
    quiet, most, strangers, greeted = descriptors(proxy), 0, [], 0
    for n in range(4_000):
        strangers.append(socket.create_connection(("127.0.0.1", proxy.port)))
        if n % 100 == 99:
            most = max(most, descriptors(proxy))
        if n % 1000 == 999:
            friend = socket.create_connection(("127.0.0.1", proxy.port), source_address=("127.0.0.2", 0))
            friend.settimeout(30)
            greeted += friend.recv(100).startswith(b"220 ")
            friend.close()
    print("\nstrangers held %d descriptors at most; %d of 4 friends were greeted" % (most - quiet, greeted))
    for one in strangers:
        one.close()
    assert most - quiet < 200
    assert greeted == 4


# ---- TLS records without data ----

FLOOD = 10_800_000  # octets of KeyUpdates: 400,000 records


@pytest.fixture(scope="module")
def tls_flood(tmp_path_factory):
    program = str(tmp_path_factory.mktemp("flood") / "tls_flood")
    source = os.path.join(TOP, "tests", "lib", "tls_flood.c")
    subprocess.run(["cc", "-O1", "-D_GNU_SOURCE", "-o", program, source, "-lssl", "-lcrypto"], check=True)
    return program


class Bystander(threading.Thread):
    """A client that says NOOP again and again; `longest` is its longest wait for an answer."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.longest, self.answers, self.over = port, 0.0, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            client = smtplib.SMTP("127.0.0.1", self.port, timeout=60)
            for _ in range(90):  # a hundred commands without a message are too many
                before = time.monotonic()
                assert client.noop()[0] == 250
                self.longest = max(self.longest, time.monotonic() - before)
                self.answers += 1
                time.sleep(0.001)
            client.close()

    def stop(self):
        self.over.set()
        self.join()


def tell_figures(what, taken, bystander, admin):
    """The loop's longest turn is a bystander's wait without what the machine adds."""
    time.sleep(1.2)  # it is published each second
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % admin) as page:
        longest = re.search(rb"^smtp_detour_loop_longest_turn_seconds (\S+)", page.read(), re.M).group(1)
    print("\n%s: %s octets sent; a bystander waited %.0f ms at most, of %d answers; longest turn %.1f ms"
          % (what, taken, bystander.longest * 1000, bystander.answers, float(longest) * 1000))


def test_a_client_cannot_flood_with_key_updates(stage, ca, tls_flood):
    """One connection to a TLS listener, before any login. A bystander's wait is printed."""
    cert, key = ca.issue("flooded", names=["gateway.office.test"])
    clear, admin = closed_port(), closed_port()
    more = ("[log]\nlevel = debug\n\n[admin]\naddress = 127.0.0.1:%d\n\n"
            "[listen clear]\naddress = 127.0.0.1:%d\n\n" % (admin, clear))
    proxy = stage.proxy(more + stage.account([closed_port()]),
                        listen="tls = implicit\ntls_cert = %s\ntls_key = %s\n" % (cert, key))
    bystander = Bystander(clear)
    command = [tls_flood, "client", str(proxy.port), str(FLOOD)]
    attackers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    taken = [int(a.communicate()[0]) for a in attackers]
    bystander.stop()
    tell_figures("KeyUpdates of 3 clients", taken, bystander, admin)
    assert max(taken) < FLOOD
    proxy.wait_for_log("a client of listener default is gone: .*too many TLS records without data", count=3)


@pytest.mark.parametrize("what", ["keyupdates", "tickets"])
def test_an_upstream_cannot_flood(stage, ca, tls_flood, what, tmp_path):
    cert, key = ca.issue("flooding", names=["upstream.test"])
    both = str(tmp_path / "both.pem")
    with open(both, "w") as out:
        for part in (cert, key):
            with open(part) as text:
                out.write(text.read())
    command = [tls_flood, "server", both, what, str(FLOOD)]
    upstream = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port, admin = int(upstream.stdout.readline()), closed_port()
        proxy = stage.proxy(stage.account(["%d/implicit" % port], tls_name="upstream.test", connect_timeout="60s",
                                          acquire_timeout="2s") + "\n[admin]\naddress = 127.0.0.1:%d\n" % admin)
        bystander = Bystander(proxy.port)
        with proxy.client() as client:
            client.ehlo()
            assert client.mail("a@office.test")[0] == 250
            assert client.rcpt("b@example.test")[0] == 451
        taken = int(upstream.stdout.readline())
        bystander.stop()
        assert taken < FLOOD
        proxy.wait_for_log("too many TLS records without data")
        tell_figures(what + " of an upstream", taken, bystander, admin)
    finally:
        upstream.kill()
        upstream.wait()
