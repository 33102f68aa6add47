"""The admin address: what it says, to whom, and that nothing hostile gets into it."""
import http.client
import html.parser
import json
import os
import re
import socket
import subprocess
import time

import pytest

from conftest import PASSWORD, USER
from proxy import Proxy, free_port
from submission_server import closed_port
from test_refusals import dialog, greet
import unpacked

MAIL = b"Subject: x\r\n\r\nhello\r\n.\r\n"


def get(port, path, method="GET", host="127.0.0.1", timeout=10):
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        connection.close()


def eventually(question, timeout=20):
    """Asks again until the answer is true."""
    end = time.monotonic() + timeout
    while True:
        answer = question()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.1)


def with_admin(stage, config, keys="", listen=""):
    port = free_port()
    proxy = stage.proxy(config + "[admin]\naddress = 127.0.0.1:%d\n%s" % (port, keys), listen=listen)
    proxy.admin = port
    return proxy


def status(proxy):
    return json.loads(get(proxy.admin, "/status.json")[1])


def ready(proxy):
    return get(proxy.admin, "/readyz")[0]


def deliver(proxy, sender="a@office.test", to="b@example.test"):
    client = greet(proxy)
    replies = dialog(client, "MAIL FROM:<%s>" % sender, "RCPT TO:<%s>" % to, "DATA")
    if replies[-1].startswith("354"):
        replies.append(client.say(MAIL))
    client.close()
    return replies[-1]


# --- Prometheus' text format, read strictly ---

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (-?[0-9.]+|\+Inf|NaN)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')


def labels_of(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match and match.group(1) not in labels, text
        labels[match.group(1)] = match.group(2)
        at = match.end()
    return labels


def metrics_of(text):
    """{name: {labels: value}}; fails where the format is broken: every family has HELP and TYPE before its samples, once, in one block, no sample comes
    twice, counters end in _total, buckets grow and end at +Inf, which is the count."""
    kinds, samples, helped, current = {}, {}, set(), None
    assert text.endswith("\n")
    for line in text.split("\n")[:-1]:
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            assert NAME.fullmatch(current) and current not in helped and len(line.split(" ", 3)[3]) > 0
            helped.add(current)
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and name not in kinds and kind in ("counter", "gauge", "histogram")
            assert name.endswith("_total") == (kind == "counter")
            kinds[name] = kind
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels = match.group(1), labels_of(match.group(3) or "")
        family = re.sub("_(bucket|sum|count)$", "", name) if kinds.get(current) == "histogram" else name
        assert family == current and family in kinds, line
        key = tuple(sorted(labels.items()))
        assert key not in samples.setdefault(name, {}), line
        samples[name][key] = float(match.group(4))
    for name in (n for n, kind in kinds.items() if kind == "histogram"):
        for key, count in samples.get(name + "_count", {}).items():
            buckets = [(float(dict(k)["le"]), v) for k, v in samples[name + "_bucket"].items() if set(key) <= set(k)]
            assert buckets == sorted(buckets) and [v for _, v in buckets] == sorted(v for _, v in buckets)
            assert buckets[-1] == (float("inf"), count)
    return samples


def metrics(proxy):
    code, text, headers = get(proxy.admin, "/metrics")
    assert code == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    promtool, _ = unpacked.program("prometheus", "promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True)
        assert done.returncode == 0 and not done.stderr, done.stderr
    return metrics_of(text)


def value(samples, name, **labels):
    return samples[name][tuple(sorted((k, str(v)) for k, v in labels.items()))]


def test_alert_rules():
    promtool, why_not = unpacked.program("prometheus", "promtool")
    if not promtool:
        pytest.skip(why_not)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "contrib", "prometheus")
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *command], cwd=folder, text=True, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr


# --- what is told ---

def test_accounts_are_proven_without_a_message(stage):
    upstream, closed = stage.upstream(), closed_port()
    proxy = with_admin(stage, stage.account([closed, upstream]))
    assert eventually(lambda: ready(proxy) == 200)
    assert upstream.auth_attempts == [(USER, PASSWORD)] and upstream.messages == []
    account, = status(proxy)["accounts"]
    assert list(account)[:4] == ["name", "host", "works", "ports"]
    assert account["name"] == "default" and account["host"] == "127.0.0.1" and account["works"] is True
    refused, works = account["ports"]
    assert list(works)[:6] == ["port", "mode", "address", "finding", "words", "ms"]
    assert (refused["port"], refused["finding"]) == (closed, "refused")
    assert (works["port"], works["mode"], works["address"], works["finding"]) == (upstream.port, "starttls", "127.0.0.1", "works")
    assert get(proxy.admin, "/livez")[0] == 200


def test_many_accounts_are_all_proven_and_stay_so(stage):
    """More than one turn's share of them, and due again before the last had his turn."""
    upstream = stage.upstream()
    names = ["a%d" % i for i in range(150)]
    proxy = with_admin(stage, "".join(stage.account([upstream], name=n, senders="@%s.test" % n, tls="off", tls_ca=None, tls_name=None, username=None,
                                                    password=None, reprobe="5s") for n in names))
    assert eventually(lambda: ready(proxy) == 200, 30)
    for _ in range(16):  # each proof is good for five seconds
        assert ready(proxy) == 200
        time.sleep(0.5)


def test_numbers_are_written_as_a_person_would(stage):
    """0.004, not 0.0040000000000000001."""
    proxy = with_admin(stage, stage.account([stage.upstream()]))
    deliver(proxy)
    text = eventually(lambda: (lambda t: t if '"result":"delivered"' in t else None)(get(proxy.admin, "/status.json")[1]))
    assert re.search(r'"delay":\d+\.\d{1,9}(e-\d+)?[,}]', text), text


def test_counters(stage):
    def rcpt(session, argument):
        return b"550 5.1.1 no such user\r\n" if "nobody" in str(argument) else None

    upstream = stage.upstream(hooks={"RCPT": rcpt})
    proxy = with_admin(stage, stage.account([upstream], senders="@office.test"))
    eventually(lambda: ready(proxy) == 200)
    before = metrics(proxy)
    assert value(before, "smtp_detour_messages_total", account="default", result="delivered") == 0
    assert deliver(proxy).startswith("250") and deliver(proxy).startswith("250")
    deliver(proxy, to="nobody@example.test")
    deliver(proxy, sender="a@elsewhere.test")
    eventually(lambda: status(proxy)["messages"]["refused"] == 2)
    after = metrics(proxy)
    assert value(after, "smtp_detour_messages_total", account="default", result="delivered") == 2
    assert value(after, "smtp_detour_messages_total", account="default", result="refused") == 1
    assert value(after, "smtp_detour_messages_total", account="", result="refused") == 1
    assert value(after, "smtp_detour_port_messages_total", account="default", port=upstream.port, result="delivered") == 2
    assert value(after, "smtp_detour_message_duration_seconds_count", account="default") == 3
    assert value(after, "smtp_detour_port_works", account="default", port=upstream.port) == 1
    assert value(after, "smtp_detour_port_finding_info", account="default", port=upstream.port, mode="starttls", finding="works") == 1
    assert value(after, "smtp_detour_auths_total", account="default", result="accepted") == len(upstream.auth_attempts)
    assert value(after, "smtp_detour_tls_handshakes_total", account="default", resumed="false") == 1
    assert value(after, "smtp_detour_certificate_expires_timestamp_seconds", account="default", port=upstream.port) > time.time()
    assert value(after, "smtp_detour_ready") == 1
    recent = status(proxy)["recent"]
    assert [m["result"] for m in recent] == ["refused", "refused", "delivered", "delivered"]
    assert recent[1]["to"] == "nobody@example.test" or recent[1]["reply"].startswith("550 5.1.1")
    assert all(m["id"] in proxy.log for m in recent)


def test_what_will_end(stage, ca):
    """A client certificate that runs out, and a login by password whose end was announced, are told before they hurt."""
    cert, key = ca.issue("client", names=["client"])  # 20 days
    upstream = stage.upstream()
    config = stage.account([upstream], tls_cert=cert, tls_key=key) + "[upstream tenant]\nprovider = office365\nhost = 127.0.0.1\nports = %d\n" % closed_port() \
        + "username = scanner@example.test\npassword = unused\n"
    proxy = with_admin(stage, config)
    samples = metrics(proxy)
    left = value(samples, "smtp_detour_client_certificate_expires_timestamp_seconds", account="default") - time.time()
    assert 18 * 86400 < left < 21 * 86400
    assert value(samples, "smtp_detour_password_login_ends_timestamp_seconds", account="tenant") == 1798761600
    accounts = {a["name"]: a for a in status(proxy)["accounts"]}
    assert accounts["tenant"]["password_until"] == 1798761600 and accounts["tenant"]["certificate_expires"] is None
    assert accounts["default"]["password_until"] is None and accounts["default"]["certificate_expires"] > time.time()


def test_not_ready_without_a_port(stage):
    proxy = with_admin(stage, stage.account([closed_port()], name="one") + stage.account([stage.upstream()], name="two"))
    assert eventually(lambda: "no port works" in get(proxy.admin, "/readyz")[1])
    code, text, _ = get(proxy.admin, "/readyz")
    assert code == 503 and "one" in text
    assert [a["works"] for a in status(proxy)["accounts"]] == [False, True]
    assert get(proxy.admin, "/livez")[0] == 200


def test_one_broken_account_keeps_nobody_off_the_air(stage):
    """/readyz says what an alert wants to know, of all accounts or of one; /acceptz whether a balancer may send clients here."""
    proxy = with_admin(stage, stage.account([closed_port()], name="broken", senders="@broken.test") + stage.account([stage.upstream()], name="good"))
    assert eventually(lambda: "no port works" in get(proxy.admin, "/readyz")[1])
    assert eventually(lambda: get(proxy.admin, "/readyz?account=good")[0] == 200)
    assert get(proxy.admin, "/acceptz")[:2] == (200, "accepting\n")
    code, text, _ = get(proxy.admin, "/readyz?account=broken")
    assert code == 503 and "broken" in text
    code, text, _ = get(proxy.admin, "/readyz?account=nobody")
    assert code == 404 and "no account" in text
    assert get(proxy.admin, "/readyz?account=")[0] == 404
    assert deliver(proxy, sender="a@good.test").startswith("250")


def test_a_draining_instance_accepts_nobody(stage):
    proxy = with_admin(stage, stage.account([stage.upstream()]))
    assert get(proxy.admin, "/acceptz")[0] == 200
    client = greet(proxy)
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")  # a message under way holds the end up
    proxy.process.terminate()
    assert eventually(lambda: "shutting down" in proxy.log)
    code, text, _ = get(proxy.admin, "/acceptz")
    assert (code, text) == (503, "shutting down\n")
    assert client.say(MAIL).startswith("250")
    client.close()


def asked_as(proxy, host, path="/"):
    """The status code for a request with this Host; a list: several; None: without any."""
    hosts = host if isinstance(host, list) else [host] if host is not None else []
    head = "GET %s HTTP/1.%d\r\n" % (path, 1 if hosts else 0) + "".join("Host: %s\r\n" % h for h in hosts) + "Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.admin), 10) as s:
        s.sendall(head.encode())
        answer = b""
        while part := s.recv(65536):
            answer += part
    return int(answer.split()[1])


def test_a_page_of_another_name_is_refused(stage):
    """A site whose name points to this machine must not read the page through its visitor's browser."""
    proxy = with_admin(stage, stage.account([closed_port()]) + "[server]\nhostname = gateway.office.test\n")
    for good in ("127.0.0.1:%d" % proxy.admin, "127.0.0.1", "localhost", "LOCALHOST:80", "localhost.", "[::1]:8025", "gateway.office.test", "gateway:8025",
                 socket.gethostname(), None):
        assert asked_as(proxy, good) == 200, good
        assert asked_as(proxy, good, "/status.json") == 200, good
    for bad in ("evil.test", "evil.test:%d" % proxy.admin, "localhost.evil.test", "192.0.2.1", "[2001:db8::1]", "127.0.0.1.evil.test", "[", "a b", ":80",
                ["localhost", "evil.test"], ["evil.test", "localhost"]):
        assert asked_as(proxy, bad) == 421, bad
        assert asked_as(proxy, bad, "/status.json") == 421, bad
        for path in ("/metrics", "/livez", "/acceptz", "/readyz"):
            assert asked_as(proxy, bad, path) in (200, 503), bad


def test_hosts_that_are_given_are_the_only_ones(stage):
    proxy = with_admin(stage, stage.account([closed_port()]), "hosts = mail.office.test 192.0.2.1\n")
    assert [asked_as(proxy, h) for h in ("mail.office.test:80", "192.0.2.1", "localhost", "127.0.0.1", None)] == [200, 200, 421, 421, 200]


def test_readiness_follows_the_upstream(stage):
    upstream = stage.upstream()
    port = upstream.port
    proxy = with_admin(stage, stage.account([upstream], reprobe="2s"))
    assert eventually(lambda: ready(proxy) == 200)
    logins = len(upstream.auth_attempts)
    assert eventually(lambda: len(upstream.auth_attempts) > logins)  # knowledge is renewed by a real login
    assert ready(proxy) == 200
    upstream.stop()
    assert eventually(lambda: ready(proxy) == 503)
    stage.upstream(port=port)
    assert eventually(lambda: ready(proxy) == 200, 30)


def test_refused_credentials(stage):
    upstream = stage.upstream(users={USER: "other"})
    proxy = with_admin(stage, stage.account([upstream], reprobe="1s"))
    assert eventually(lambda: "credentials" in get(proxy.admin, "/readyz")[1])
    assert value(metrics(proxy), "smtp_detour_credentials_refused", account="default") == 1
    time.sleep(3)  # reprobe has long passed
    assert upstream.auth_attempts == [(USER, PASSWORD)]  # but retry_auth holds


# --- the page ---

class Page(html.parser.HTMLParser):
    """Collects what a browser would see; fails on what does not nest."""
    VOID = {"meta", "link", "br", "img", "input", "hr"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_page_with_hostile_content(stage):
    evil = '"<script>alert(1)</script>"@office.test'

    def rcpt(session, argument):
        return b"550 5.1.1 <img src=x onerror=alert(2)> &quot; \x1b[31m\xff \xe2\x80\xae evil\r\n"

    upstream = stage.upstream(hooks={"RCPT": rcpt})
    lying = stage.upstream(greeting=b"554 <script>alert(3)</script> \xff go away\r\n")
    proxy = with_admin(stage, stage.account([lying, upstream]))
    eventually(lambda: ready(proxy) == 200)
    deliver(proxy, sender=evil)
    assert eventually(lambda: status(proxy)["recent"])
    code, text, headers = get(proxy.admin, "/")
    page = Page(text)
    assert code == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script" not in page.tags and "img" not in page.tags and not any(name.startswith("on") for name, _ in page.attributes)
    words = "".join(page.words)
    assert evil in words and "<img src=x onerror=alert(2)>" in words and "<script>alert(3)</script>" in words
    assert "\x1b" not in text and "\u202e" not in text
    # nothing from anywhere else, and no way for it
    assert not any(name in ("src", "srcset", "data", "action", "style") for name, _ in page.attributes)
    assert all(v in ("/status.json", "/metrics", "/?still=1") or v.startswith("data:image/svg+xml,") for name, v in page.attributes if name == "href")
    policy = headers["Content-Security-Policy"]
    nonce = dict(page.attributes)["nonce"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "'nonce-%s'" % nonce in policy and "unsafe" not in policy
    assert ("http-equiv", "refresh") in page.attributes and headers["X-Content-Type-Options"] == "nosniff"
    assert "554" in status(proxy)["accounts"][0]["ports"][0]["words"] and metrics(proxy)


def test_no_secret_is_told(stage):
    upstream = stage.upstream(users={USER: "other"})
    proxy = with_admin(stage, stage.account([upstream]))
    eventually(lambda: "credentials" in get(proxy.admin, "/readyz")[1])
    for path in ("/", "/status.json", "/metrics", "/readyz"):
        assert PASSWORD not in get(proxy.admin, path)[1]


# --- HTTP ---

def test_other_requests(stage):
    proxy = with_admin(stage, stage.account([closed_port()]))
    assert get(proxy.admin, "/nothing")[0] == 404 and get(proxy.admin, "/../etc/passwd")[0] == 404
    code, _, headers = get(proxy.admin, "/", "POST")
    assert code == 405 and headers["Allow"] == "GET, HEAD"
    code, body, headers = get(proxy.admin, "/metrics", "HEAD")
    assert code == 200 and body == "" and int(headers["Content-Length"]) > 100
    for junk in (b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00", b"EHLO x\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n"):
        with socket.create_connection(("127.0.0.1", proxy.admin), 5) as s:
            try:
                s.sendall(junk)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:
                pass
    assert get(proxy.admin, "/livez")[0] == 200


def test_many_idle_connections_do_not_lock_the_smtp_side(stage):
    upstream = stage.upstream()
    proxy = with_admin(stage, stage.account([upstream]))
    idle = [socket.create_connection(("127.0.0.1", proxy.admin), 5) for _ in range(100)]
    assert deliver(proxy).startswith("250")
    assert get(proxy.admin, "/livez")[0] == 200  # the oldest made room
    for s in idle:
        s.close()


def test_a_dripping_head_ends(stage):
    """A letter now and then is no silence, and yet no request: there is room for others, and an end."""
    proxy = with_admin(stage, stage.account([closed_port()]))
    drips = [socket.create_connection(("127.0.0.1", proxy.admin), 5) for _ in range(64)]
    ended, failed = 0, []
    for n in range(30):
        for s in drips:
            try:
                s.sendall(b"GET /livez HTTP/1.1\r\nX: "[n:n + 1] or b"x")
            except OSError:
                pass
        try:
            failed += [] if get(proxy.admin, "/livez")[0] == 200 else [n]
        except OSError as e:
            failed.append((n, e))
        time.sleep(0.3)
    for s in drips:
        s.settimeout(0.5)
        try:
            ended += s.recv(100) == b""
        except socket.timeout:
            pass
        except OSError:
            ended += 1
    assert failed == [] and ended == len(drips)


def test_allow(stage):
    proxy = with_admin(stage, stage.account([closed_port()]), "allow = 127.0.0.2\n")
    with socket.create_connection(("127.0.0.1", proxy.admin), 5) as s:
        try:
            s.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
            assert s.recv(100) == b""  # closed without a word
        except ConnectionResetError:
            pass
    with socket.create_connection(("127.0.0.1", proxy.admin), 5, source_address=("127.0.0.2", 0)) as s:
        s.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert b" 200 " in s.recv(100)


# --- life ---

def test_reload_moves_and_removes_it(stage):
    upstream = stage.upstream()
    config = stage.account([upstream])
    proxy = with_admin(stage, config)
    eventually(lambda: ready(proxy) == 200)
    deliver(proxy)
    old, new = proxy.admin, free_port()
    head = "[listen]\naddress = 127.0.0.1:{port}\n"
    proxy.write_config(head + config + "[admin]\naddress = 127.0.0.1:%d\n" % new)
    proxy.reload()
    with pytest.raises(OSError):
        get(old, "/livez")
    proxy.admin = new
    assert ready(proxy) == 200
    samples = metrics(proxy)
    assert value(samples, "smtp_detour_messages_total", account="default", result="delivered") == 1
    assert value(samples, "smtp_detour_config_reloads_total", result="success") == 1
    assert 0 <= value(samples, "smtp_detour_loop_busy_ratio") <= 1
    proxy.write_config(head + config + "nonsense\n")
    proxy.reload(expect="nothing changes")
    assert eventually(lambda: value(metrics(proxy), "smtp_detour_config_last_reload_successful") == 0)
    assert any("reload failed" in w for w in status(proxy)["warnings"])
    proxy.write_config(head + config)
    proxy.reload()
    with pytest.raises(OSError):
        get(new, "/livez")


def test_an_address_that_is_taken_is_an_error(stage):
    config = stage.account([closed_port()])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = stage.folder / "taken"
        folder.mkdir()
        proxy = Proxy(folder, "[listen]\naddress = 127.0.0.1:{port}\n" + config + "[admin]\naddress = 127.0.0.1:%d\n" % port, wait=False)
        assert proxy.process.wait(10) == 71
        proxy.reader.join(5)
        assert "[admin] address 127.0.0.1:%d" % port in proxy.log and "in use" in proxy.log
        running = stage.proxy(config)
        extra = closed_port()
        running.write_config("[listen]\naddress = 127.0.0.1:{port} 127.0.0.1:%d\n" % extra + config + "[admin]\naddress = 127.0.0.1:%d\n" % port)
        running.reload(expect="nothing changes")
        with pytest.raises(OSError):  # the listener that came with it is not there either
            socket.create_connection(("127.0.0.1", extra), 1)
        greet(running).close()


def test_drain(stage):
    upstream = stage.upstream()
    proxy = with_admin(stage, stage.account([upstream]))
    eventually(lambda: ready(proxy) == 200)
    client = greet(proxy)
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA")
    proxy.process.terminate()
    assert eventually(lambda: ready(proxy) == 503) and get(proxy.admin, "/livez")[0] == 200
    assert client.say(MAIL).startswith("250")
    assert proxy.process.wait(10) == 0
