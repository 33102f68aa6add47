"""Everything the product ever writes is searched for every secret it was told, in every form a leak could take: logs, replies, pages, reports, the arguments and
environment of its children, files of the state folder. Successes and failures of every kind run first."""
import base64
import http.server
import json
import os
import pwd
import random
import re
import signal
import subprocess
import tempfile
import threading
import urllib.parse
import urllib.request

import pytest

from conftest import USER
from postfix import wait_until
from proxy import BINARY, Proxy, RawClient, free_port
from submission_server import closed_port
from test_refusals import greet

INLINE, FILE, COMMAND = "Inline+/7?&=Zq%tt", "File-kept \\ 'quoted' 9w", "Printed\"by#a;command8"
PROXY, CLIENT, ACCEPTED, OLD, SPLIT = "Socks!pass@wd:5k", "Scanner~pa$$word4", "Discarded_passw0rd", "Old-inline-3v-refused", "Comment-ed;out 77secret"
CLIENT_SECRET, GRANT, NEXT_GRANT = "Kx8Q~client+secret/with=everything&in it", "0.AXoA-first_refresh-token.9Jq~", "0.AXoA-next+refresh/token=.7Tz"
ACCESS, ASSERTION = "eyJ0eXAiOiJKV1QiLCJub25jZSI6.access~token+x/y.Zk9-_s", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ3b3JrbG9hZCJ9.c2lnbmF0dXJl-_Q"
MAIL = b"Subject: x\r\n\r\nhello\r\n.\r\n"
SECRETS = {INLINE: USER, FILE: USER, COMMAND: USER, PROXY: "proxyuser", CLIENT: "scanner", ACCEPTED: "anybody", OLD: USER, SPLIT: USER, CLIENT_SECRET: USER, GRANT: USER, NEXT_GRANT: USER, ACCESS: USER,
           ASSERTION: USER}


def forms(secret, user):
    """What would give the secret away. Base64 of three neighbours: by where the secret begins, its inner letters are one of three strings."""
    raw = secret.encode()
    found = {raw, raw[:9], raw[-9:], raw[::-1], raw.hex().encode(), raw.hex().upper().encode(), raw.hex(" ").encode(), raw.hex(":").encode()}
    found |= {f(secret, safe="").encode() for f in (urllib.parse.quote, urllib.parse.quote_plus)} | {urllib.parse.quote(secret).encode()}
    found |= {json.dumps(secret)[1:-1].encode(), repr(secret)[1:-1].encode(), secret.replace("&", "&amp;").replace('"', "&quot;").encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            text = encode(b"x" * shift + raw)
            found.add(text[4 if shift else 0:len(text) - 4])  # without what the neighbours share in
        for line in (b"\0%s\0%s", b"%s\0%s", b"%s:%s", b"user=%s\1auth=Bearer %s", b"n,a=%s,\1auth=Bearer %s"):
            found.add(encode(line % (user.encode(), raw)).rstrip(b"="))
    return {f for f in found if len(f) >= 8}


def leaks(where, data):
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    return [(where, secret, form) for secret, user in SECRETS.items() for form in forms(secret, user) if form in data]


@pytest.mark.parametrize("secret", SECRETS)
def test_the_search_finds_what_it_must(secret):
    chance, user = random.Random(7), SECRETS[secret]
    raw = secret.encode()
    for _ in range(50):
        around = bytes(chance.randrange(256) for _ in range(chance.randrange(9))), bytes(chance.randrange(256) for _ in range(chance.randrange(9)))
        for hidden in (raw, base64.b64encode(around[0] + raw + around[1]), base64.urlsafe_b64encode(around[0] + raw + around[1]), (around[0] + raw).hex().encode(),
                       base64.b64encode(b"\0" + user.encode() + b"\0" + raw), urllib.parse.quote(raw).encode(), raw[:9]):
            assert leaks("here", b"log line " + hidden + b" more"), hidden
    assert leaks("here", b"nothing at all, but " + base64.b64encode(b"something else of some length")) == []


class At:
    """Another listener of the same proxy."""

    def __init__(self, port):
        self.port = port

    def raw(self, timeout=30):
        return RawClient(("127.0.0.1", self.port), timeout)


class AnyOf:
    """Equals each of the secrets of accounts that shall work."""

    def __eq__(self, other):
        return other in (INLINE, FILE, COMMAND)

    __hash__ = None


class Listener:
    """Remembers what the proxy says to clients."""

    def __init__(self, proxy):
        self.proxy, self.heard = proxy, []

    def talk(self, *lines):
        client = greet(self.proxy)
        for line in lines:
            try:
                self.heard.append(client.say(line))
            except (EOFError, OSError):
                break
        client.close()


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(b"\0%s\0%s" % (user.encode(), password.encode())).decode()


MESSAGE = ("MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA", MAIL, "QUIT")


def command_file(stage):
    """Prints the password, and keeps what a child of the server is given."""
    dump, script = stage.folder / "child", stage.folder / "print-password"
    secret = stage.folder / "printed"
    secret.write_text(COMMAND + "\n")
    secret.chmod(0o600)
    script.write_text("#!/bin/sh\ntr '\\0' '\\n' </proc/$$/cmdline >>%s\nenv >>%s\nls -l /proc/$$/fd >>%s\nexec cat %s\n" % (dump, dump, dump, secret))
    script.chmod(0o755)
    return script, dump


def accounts(stage, upstreams, script):
    secret = stage.folder / "secret-file"
    secret.write_text(FILE + "\n")
    secret.chmod(0o600)
    good, told, refusing, cleartext = upstreams
    return "".join((
        stage.account([good], name="inline", password=INLINE, senders="a@office.test"),
        stage.account([closed_port(), good], name="file", password=None, password_file=secret, senders="f@office.test"),
        stage.account([good], name="command", password=None, password_command=script, senders="c@office.test"),
        stage.account([told], name="echo", password=INLINE, senders="e@office.test"),
        stage.account([refusing], name="refused", password=OLD, senders="r@office.test"),
        stage.account([cleartext], name="cleartext", password=INLINE, senders="n@office.test"),
        stage.account([good], name="proxy", password=INLINE, proxy="socks5://proxyuser:%s@127.0.0.1:%d" % (urllib.parse.quote(PROXY, safe=""), closed_port()),
                      senders="s@office.test"),
        stage.account([good], name="name", password=INLINE, tls_name="other.test", senders="t@office.test"),
    ))


def echo(session, argument):
    """A server that repeats what it was told, as some do."""
    return b"535 5.7.8 cannot take AUTH " + argument + b", that is " + base64.b64decode(argument.split()[-1]).replace(b"\0", b" ") + b"\r\n"


def run(*args):
    done = subprocess.run([BINARY, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, stdin=subprocess.DEVNULL)
    return done.stdout


def proc(pid, name):
    with open("/proc/%d/%s" % (pid, name), "rb") as f:
        return f.read()


def pages(port):
    for path in ("/", "/status.json", "/metrics", "/readyz", "/nothing"):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=20) as answer:
                yield path, str(answer.headers).encode() + answer.read()
        except urllib.error.HTTPError as answer:
            yield path, str(answer.headers).encode() + answer.read()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_ever_written(stage, form):
    good = stage.upstream(users={USER: AnyOf()})
    told, refusing, cleartext = stage.upstream(hooks={"AUTH": echo}), stage.upstream(), stage.upstream(tls="none")
    script, dump = command_file(stage)
    hashes = stage.folder / "users"
    hashed = subprocess.run(["openssl", "passwd", "-5", "-stdin"], input=CLIENT.encode() + b"\n", stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    hashes.write_text("scanner:%s\n" % hashed)
    hashes.chmod(0o600)
    admin, accepting = free_port(), free_port()
    config = "auth = required\nusers_file = %s\n[listen accepting]\naddress = 127.0.0.1:%d\nauth = accept\n[log]\nlevel = debug\nformat = %s\n[admin]\naddress = 127.0.0.1:%d\n" % (
        hashes, accepting, form, admin)
    text = "[listen]\naddress = 127.0.0.1:{port}\n" + config + accounts(stage, (good, told, refusing, cleartext), script)
    folder = stage.folder / "p"
    folder.mkdir()
    proxy = Proxy(folder, text)
    stage.things.append(proxy)
    listener = Listener(proxy)
    for sender in "afcernst":
        listener.talk("EHLO x", plain("scanner", CLIENT), "MAIL FROM:<%s@office.test>" % sender, *MESSAGE[1:])
    listener.talk("EHLO x", plain("scanner", OLD), plain("scanner", ACCEPTED + CLIENT), "AUTH PLAIN " + CLIENT, "AUTH LOGIN", base64.b64encode(b"scanner").decode(), "*")
    listener.talk("EHLO x", "AUTH LOGIN", base64.b64encode(b"scanner").decode(), base64.b64encode(CLIENT.encode()).decode(), plain("scanner", CLIENT))
    listener.talk(plain("scanner", CLIENT), "EHLO x", "AUTH CRAM-MD5 " + CLIENT, "AUTH PLAIN", base64.b64encode(b"\0scanner\0" + CLIENT.encode()).decode())
    other = Listener(At(accepting))
    other.talk("EHLO x", plain("anybody", ACCEPTED), *MESSAGE)
    assert len(good.messages) >= 4, proxy.log  # it did work, with each kind of secret
    assert {p for _, p in good.auth_attempts} == {INLINE, FILE, COMMAND} and refusing.auth_attempts == [(USER, OLD)] and dump.exists()
    proxy.reload()
    good_text = open(proxy.config_file).read()
    proxy.write_config(good_text + "[upstream broken]\nhost = h.test\npassword = %s\npassword_file = /x\nusername = \n[upstream b]\npasswrd = %s\npassword = %s\n" % (
        INLINE, OLD, SPLIT.replace(";", " ;")))
    proxy.reload(expect="nothing changes")
    written = {"check of a bad file": run("check", "-c", proxy.config_file)}
    with open(proxy.config_file, "w") as out:
        out.write(good_text)
    written.update({"doctor": run("doctor", "-c", proxy.config_file), "doctor --json": run("doctor", "--json", "-c", proxy.config_file),
                    "check": run("check", "-c", proxy.config_file),
                    "send": b"".join(run("send", "-c", proxy.config_file, "--from", s + "@office.test", "--to", "b@example.test") for s in "aerns")})
    written.update(pages(admin))
    pid = proxy.process.pid
    written.update({"arguments": proc(pid, "cmdline"), "environment": proc(pid, "environ"), "what a child was given": dump.read_bytes()})
    proxy.stop()
    written.update({"log": proxy.log, "replies": "\n".join(listener.heard + other.heard)})
    for at, _, names in os.walk(proxy.state):
        for name in names:
            with open(os.path.join(at, name), "rb") as f:
                written["state file " + name] = f.read()
    assert len(written["log"]) > 5000 and b"account" in written["doctor"] or b"587" in written["doctor"] or written["doctor"]
    assert not re.search(r"(?m)^(LISTEN_|NOTIFY_SOCKET|WATCHDOG_|CREDENTIALS_DIRECTORY)", dump.read_text())
    found = [leak for where, data in written.items() for leak in leaks(where, data)]
    assert found == [], "\n".join(map(repr, found))
    assert hashed not in proxy.log and all(hashed.encode() not in d for d in written.values() if isinstance(d, bytes))


class TokenService(http.server.BaseHTTPRequestHandler):
    """Gives a token, or repeats all that it was told: in an error, in a page, in an error nobody knows."""

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"]))
        fields = {key: values[0] for key, values in urllib.parse.parse_qs(form.decode()).items()}
        what, status = self.path[1:], 400
        values = [v for k, v in fields.items() if k in ("client_secret", "refresh_token", "client_assertion")]
        told = form.decode() + " that is " + " ".join(values) + " or " + " ".join(base64.b64encode(v.encode()).decode() for v in values)
        if what == "wait":
            self.server.asked.set()
            assert self.server.may_answer.wait(60)
        if what in ("give", "wait"):
            status, answer = 200, {"access_token": ACCESS, "expires_in": 3600, "refresh_token": NEXT_GRANT}
        elif what == "known":
            answer = {"error": "invalid_client", "error_description": "AADSTS7000215: " + told, "error_codes": [7000215]}
        elif what == "error":
            answer = {"error": (values or ["x"])[0][:60], "error_description": "no"}
        else:
            answer = {"error": "strange_error", "error_description": told[-400:]}
        page = b"<html>cannot read " + told.encode() + b"</html>" if what == "page" else json.dumps(answer).encode()
        self.server.requests.append(form)
        self.send_response(502 if what == "page" else status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args):
        pass


@pytest.fixture
def token_service():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenService)
    server.requests, server.asked, server.may_answer = [], threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def takes_token(session, argument):
    """235 to whoever shows the access token."""
    return b"235 2.7.0 welcome\r\n" if ACCESS.encode() in base64.b64decode(argument.split()[-1]) else b"535 5.7.3 no\r\n"


def repeats_token(session, argument):
    if not argument.startswith(b"XOAUTH2"):
        return b"535 5.7.3 no\r\n"
    said = base64.b64decode(argument.split()[-1])
    return b"535 5.7.3 cannot take " + argument + b" that is " + said.replace(b"\1", b" ") + b"\r\n"


def token_accounts(stage, service):
    def private(name, text):
        path = stage.folder / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path

    taking = [stage.upstream(users={}, mechanisms="XOAUTH2", hooks={"AUTH": takes_token})]
    told = [stage.upstream(users={}, mechanisms="XOAUTH2", hooks={"AUTH": repeats_token})]
    secret, assertion, grant = private("client-secret", CLIENT_SECRET), private("assertion", ASSERTION), private("grant", GRANT)
    ways = {"file": {"oauth_client_secret_file": secret}, "inline": {"oauth_client_secret": CLIENT_SECRET}, "assertion": {"oauth_assertion_file": assertion},
            "person": {"oauth_token_file": private("grant-that-rotates", GRANT)}}
    kept = {"file": ways["file"], "assertion": ways["assertion"], "grant": {"oauth_token_file": grant, "oauth_client_secret_file": secret}}
    accounts = [("give", name, taking, keys) for name, keys in ways.items()] + [("give", "echo", told, ways["file"])]
    accounts += [(what, name, taking, keys) for what in ("known", "error", "told", "page") for name, keys in kept.items()]
    text = "".join(stage.account(up, name=what + "-" + name, password=None, oauth_client_id="app", oauth_scope="mail", senders="%s-%s@office.test" % (what, name),
                                 oauth_token_url="http://127.0.0.1:%d/%s" % (service.server_port, what), **keys) for what, name, up, keys in accounts)
    return text, ["%s-%s" % (what, name) for what, name, _, _ in accounts], taking[0]


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_of_a_token_is_ever_written(stage, token_service, form):
    text, names, taking = token_accounts(stage, token_service)
    admin = free_port()
    proxy = stage.proxy(text + "[log]\nlevel = debug\nformat = %s\n[admin]\naddress = 127.0.0.1:%d\n[server]\nuser = %s\n" % (
        form, admin, pwd.getpwuid(os.geteuid()).pw_name))
    listener = Listener(proxy)
    for name in names:
        listener.talk("EHLO x", "MAIL FROM:<%s@office.test>" % name, *MESSAGE[1:])
    assert len(taking.messages) == 4, proxy.log  # each way to a token works
    asked = b"\n".join(token_service.requests)
    assert all(urllib.parse.quote(s, safe="~").encode() in asked for s in (CLIENT_SECRET, GRANT, ASSERTION))
    proxy.reload()
    written = {"doctor": run("doctor", "-c", proxy.config_file), "doctor --json": run("doctor", "--json", "-c", proxy.config_file),
               "check": run("check", "-c", proxy.config_file),
               "send": b"".join(run("send", "-c", proxy.config_file, "--from", n + "@office.test", "--to", "b@example.test") for n in ("give-file", "told-grant", "page-file"))}
    written.update(pages(admin))
    pid = proxy.process.pid
    written.update({"arguments": proc(pid, "cmdline"), "environment": proc(pid, "environ")})
    proxy.stop()
    written.update({"log": proxy.log, "replies": "\n".join(listener.heard)})
    for at, _, files in os.walk(proxy.state):
        for name in files:
            with open(os.path.join(at, name), "rb") as f:
                written["state file " + name] = f.read()
    assert "no access token for told-grant" in proxy.log and "wrong client secret" in proxy.log
    assert NEXT_GRANT in (stage.folder / "grant-that-rotates").read_text()
    found = [leak for where, data in written.items() for leak in leaks(where, data)]
    assert found == [], "\n".join(map(repr, found))


def test_an_orderly_end_awaits_a_refresh_token(stage, token_service):
    """The one that was sent may be revoked by now, and the next one is in the answer."""
    grant = stage.folder / "grant"
    grant.write_text(GRANT + "\n")
    grant.chmod(0o600)
    proxy = stage.proxy(stage.account([stage.black_hole()], password=None, oauth_client_id="app", oauth_token_file=grant, connect_timeout="20s",
                                      oauth_token_url="http://127.0.0.1:%d/wait" % token_service.server_port)
                        + "[server]\ndrain_timeout = 0s\nuser = %s\n" % pwd.getpwuid(os.geteuid()).pw_name)
    client = greet(proxy)
    client.say("EHLO x")
    client.send(b"MAIL FROM:<a@office.test>\r\n")
    assert token_service.asked.wait(60)
    proxy.process.send_signal(signal.SIGTERM)
    proxy.wait_for_log("its answer is awaited")
    token_service.may_answer.set()
    assert proxy.process.wait(60) == 0
    assert grant.read_text() == NEXT_GRANT + "\n"
    client.close()


def has_socket(pid):
    folder = "/proc/%d/fd" % pid
    try:
        return any(os.readlink(os.path.join(folder, number)).startswith("socket:") for number in os.listdir(folder))
    except FileNotFoundError:  # one was closed meanwhile
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
@pytest.mark.parametrize("command", [["run"], ["doctor"], ["send", "--from", "a@office.test", "--to", "b@example.test"]])
def test_no_core_is_left_of_whoever_reads_a_secret(stage, command):
    """In /proc a process that may leave a core belongs to its user, one that may not to root."""
    hole = stage.black_hole()
    with tempfile.TemporaryDirectory() as folder:  # one that everybody may enter
        config = os.path.join(folder, "proxy.ini")
        with open(config, "w") as out:
            out.write("[listen]\naddress = 127.0.0.1:%d\n" % free_port() + stage.account([hole], tls_ca=None, connect_timeout="20s"))
        os.chown(config, 65534, 65534)
        os.chmod(config, 0o600)
        os.chmod(folder, 0o755)
        process = subprocess.Popen([BINARY, *command, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=65534, group=65534, extra_groups=[])
        try:
            wait_until(lambda: has_socket(process.pid), lambda: "it opens no socket")
            assert os.stat("/proc/%d/environ" % process.pid).st_uid == 0
        finally:
            process.kill()
            process.wait()
