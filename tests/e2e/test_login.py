"""`smtp-detour login` on a terminal, against an authority that behaves as Entra's and Google's documents say: the test is the
person, and the browser."""
import os
import pathlib
import pwd
import re
import shutil
import socket
import stat
import tempfile
import urllib.parse
import urllib.request

import pytest

from conftest import CLIENT, DESKTOP, USER
from fake_authority_refusals import CUT, aadsts, http_status, throttled
from person import Terminal
from postfix import wait_until
from proxy import BINARY


def public_folder(stage):
    """Which the server's user may enter, as pytest's own it may not."""
    folder = tempfile.TemporaryDirectory(prefix="smtp-detour-login-")
    folder.stop = folder.cleanup
    stage.things.append(folder)
    os.chmod(folder.name, 0o755)
    return pathlib.Path(folder.name)


class Login:
    def __init__(self, stage, authority, *options, user="root", env=None, name="default", started_by=None, **keys):
        """user: the server's. started_by: who types the command."""
        self.folder = public_folder(stage)
        self.state = self.folder / "state"
        self.token_file = self.state / (name + ".token")
        secret = self.folder / "client-secret"
        secret.write_text(DESKTOP + "\n")
        secret.chmod(0o600)
        values = {"provider": {"entra": "office365", "google": "gmail"}[authority.kind], "host": "127.0.0.1", "ports": "1", "tls_name": "smtp.example.test", "tls_ca": shutil.copy(stage.ca.cert, self.folder / "ca.pem"),
                  "username": USER, "oauth_client_id": CLIENT, **authority.keys}
        if authority.kind == "google":
            values["oauth_client_secret_file"] = str(secret)
        values.update(keys)
        config = self.folder / "proxy.ini"
        config.write_text("[server]\nstate_dir = %s\nuser = %s\n[upstream%s]\n" % (self.state, user, "" if name == "default" else " " + name) +
                          "".join("%s = %s\n" % kv for kv in values.items() if kv[1] is not None))
        config.chmod(0o600)
        before = []
        if started_by:
            os.chown(config, pwd.getpwnam(started_by).pw_uid, -1)
            os.chown(self.folder, pwd.getpwnam(started_by).pw_uid, -1)
            before = ["setpriv", "--reuid=" + started_by, "--regid=" + started_by, "--clear-groups"]
        self.config = config
        environment = dict(os.environ if env is None else env)
        for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
            if env is None:
                environment.pop(variable, None)
        self.terminal = Terminal(*before, BINARY, "login", "-c", str(config), *options, name, env=environment)
        stage.things.append(self.terminal)

    def address(self):
        found = self.terminal.wait_for(r"(?m)^(https://\S*/authorize\?\S+)\n\n")
        self.terminal.wait_for("paste that address here")
        return found.group(1)

    def code(self):
        return self.terminal.wait_for(r"type the code (\w+) and sign in as (\S+)\.").group(1)

    def ends(self, status, *words):
        assert self.terminal.end() == status, self.terminal.text
        for text in words:
            assert text in re.sub(r"\s+", " ", self.terminal.text), self.terminal.text
        assert self.token_file.exists() == (status == 0)
        assert not [f for f in os.listdir(self.state) if f.endswith(".tmp")] if self.state.exists() else True

    def token(self):
        return self.token_file.read_text().rstrip("\n")


def fetch(address):
    """As a browser: the status, and what the page says."""
    try:
        with urllib.request.urlopen(address, timeout=10) as page:
            return page.status, page.read().decode(), dict(page.headers)
    except urllib.error.HTTPError as no:
        return no.code, no.read().decode(), dict(no.headers)


def query(address):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))


# ---- the device code ----

def test_device_code(stage, authority):
    entra = authority()
    login = Login(stage, entra)
    code = login.code()
    assert "https://microsoft.com/devicelogin" in login.terminal.text and "sign in as %s." % USER in login.terminal.text
    entra.wait_for_requests(2)
    entra.enter_code(code, USER)
    login.ends(0, "Logged in.", str(login.token_file), "a running server takes it by itself")
    assert entra.grants[login.token()].user == USER and entra.violations == []
    assert stat.S_IMODE(login.token_file.stat().st_mode) == 0o600 and login.token() not in login.terminal.text
    form = dict(entra.requests)["devicecode"]
    assert form["scope"] == "https://outlook.office.com/SMTP.Send offline_access"


def test_slow_down_is_obeyed(stage, authority):
    entra = authority()
    entra.fail(aadsts(70016), http_status(400, b'{"error":"slow_down"}', {"Content-Type": "application/json"}))
    login = Login(stage, entra, "--device")
    code = login.code()
    entra.wait_for_requests(2)
    for device in entra.devices.values():
        device["interval"] = 6
    entra.enter_code(code, USER)
    login.ends(0, "Logged in.")
    assert entra.count() == 3 and entra.violations == []


@pytest.mark.parametrize("state,words", [("denied", "the login was declined"), ("expired", "the code has expired: begin again")])
def test_declined_or_expired(stage, authority, state, words):
    entra = authority()
    login = Login(stage, entra)
    code = login.code()
    if state == "denied":
        entra.enter_code(code, USER, allow=False)
    else:
        for device in entra.devices.values():
            device["state"] = state
    login.ends(1, words)


def test_trouble_while_polling_is_waited_out(stage, authority):
    entra = authority()
    entra.fail(CUT, throttled(1))
    login = Login(stage, entra, "--device")
    entra.enter_code(login.code(), USER)
    login.ends(0, "Logged in.")


def test_a_code_that_is_nobodys_ends_with_its_life(stage, authority):
    login = Login(stage, authority(code_life=2), "--device")
    login.code()
    login.ends(1, "nobody has logged in in time")


def test_the_browser_follows_where_the_code_is_refused(stage, authority):
    """Conditional Access blocks the device code; --device does not go on."""
    for option in ("--device", None):
        entra = authority()
        entra.fail(aadsts(53003))
        login = Login(stage, entra, *([option] if option else []))
        entra.enter_code(login.code(), USER)
        if option:
            login.ends(1, "Conditional Access")
            continue
        login.terminal.wait_for(r"(?s)The provider refuses the code: Conditional Access.*The browser may still do\.")
        assert fetch(entra.browse(login.address(), USER))[0] == 200
        login.ends(0, "Logged in.")


# ---- the browser ----

@pytest.mark.parametrize("kind", ["entra", "google"])
def test_browser_on_this_machine(stage, authority, kind):
    service = authority(kind)
    login = Login(stage, service, *(["--browser"] if kind == "entra" else []))
    address = login.address()
    asked = query(address)
    host = {"entra": "localhost", "google": "127.0.0.1"}[kind]
    assert re.fullmatch(r"http://%s:\d+" % re.escape(host), asked["redirect_uri"]) and asked["login_hint"] == USER
    assert (asked.get("access_type"), asked.get("prompt")) == (("offline", "consent") if kind == "google" else (None, None))
    back = service.browse(address, USER)
    # What a browser asks for besides, and an address of somebody else's login.
    port = urllib.parse.urlsplit(back).port
    assert fetch("http://127.0.0.1:%d/favicon.ico" % port)[0] == 404
    status, words, headers = fetch("http://127.0.0.1:%d/?code=x&state=forged" % port)
    assert status == 400 and "not that of this login" in words
    assert headers["Content-Type"].startswith("text/plain") and headers["Cache-Control"] == "no-store"
    status, words, _ = fetch(back)
    assert status == 200 and "can be closed" in words
    login.ends(0, "Logged in.")
    assert service.grants[login.token()].user == USER and service.violations == []
    form = dict(service.requests)["token"]
    assert form.get("client_secret") == (DESKTOP if kind == "google" else None)
    assert form["code"] not in login.terminal.text and form["code_verifier"] not in login.terminal.text


def test_both_loopbacks_listen(stage, authority):
    login = Login(stage, authority(), "--browser")
    port = urllib.parse.urlsplit(query(login.address())["redirect_uri"]).port
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, port), 5) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert s.recv(100).startswith(b"HTTP/1.1 404 ")


def test_pasted_from_another_machine(stage, authority):
    google = authority("google")
    login = Login(stage, google)
    back = google.browse(login.address(), USER)
    login.terminal.type("what is this?\n")
    login.terminal.wait_for("this address is not that of this login: paste the whole of it")
    login.terminal.type("\n  " + back + "\n")
    login.ends(0, "Logged in.")
    assert google.grants[login.token()].user == USER


@pytest.mark.parametrize("by", ["page", "paste"])
def test_declined_in_the_browser(stage, authority, by):
    entra = authority()
    login = Login(stage, entra, "--browser")
    back = entra.browse(login.address(), USER, allow=False)
    if by == "page":
        status, words, _ = fetch(back)
        assert status == 400 and "the login was refused: access_denied" in words
    else:
        login.terminal.type(back + "\n")
    login.ends(1, "the login was refused: access_denied: the user said no")


def test_what_hostile_pages_send_to_the_port(stage, authority):
    """Whatever comes, whole or in part: the login goes on, and its own answer still counts."""
    entra = authority()
    login = Login(stage, entra, "--browser")
    back = entra.browse(login.address(), USER)
    port = urllib.parse.urlsplit(back).port
    held = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(40)]
    for bytes in (b"POST /?code=1&state=2 HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"GET /?" + b"a" * 100_000, b"\0\xff" * 3000 + b"\n\n", b"GET / HTTP/1.1\n\n", b"GET /?code=%zz&state=%00 HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            try:
                s.sendall(bytes)
                assert re.match(rb"HTTP/1\.1 4\d\d ", s.recv(1000))
            except ConnectionError:
                pass
    assert fetch(back)[0] == 200
    login.ends(0, "Logged in.")
    for s in held:
        s.close()


def test_no_port_of_it_is_left_and_a_code_counts_once(stage, authority):
    entra = authority()
    login = Login(stage, entra, "--browser")
    back = entra.browse(login.address(), USER)
    assert fetch(back)[0] == 200
    login.ends(0)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(back).port), 5)


# ---- what the authority may say at the end ----

@pytest.mark.parametrize("kind", ["entra", "google"])
def test_no_refresh_token(stage, authority, kind):
    service = authority(kind)
    if kind == "google":
        service.refresh_tokens = "never"
    login = Login(stage, service, **({"oauth_scope": "https://outlook.office.com/SMTP.Send"} if kind == "entra" else {}))
    if kind == "entra":
        service.enter_code(login.code(), USER)
    else:
        fetch(service.browse(login.address(), USER))
    login.ends(1, "without a refresh token", "offline_access", "prompt=consent")


def test_consent_that_was_given_before(stage, authority):
    """Google gives a refresh token at the first consent alone, unless it is asked to ask again: the second login works."""
    google = authority("google")
    for _ in range(2):
        login = Login(stage, google)
        fetch(google.browse(login.address(), USER))
        login.ends(0, "Logged in.")


@pytest.mark.parametrize("code,words", [(7000218, "Allow public client flows"), (700016, "no such app in the tenant"), (70011, "the scope")])
def test_the_exchange_is_refused(stage, authority, code, words):
    entra = authority()
    entra.fail(aadsts(code))
    login = Login(stage, entra, "--browser")
    fetch(entra.browse(login.address(), USER))
    login.ends(1, words)


def test_the_endpoint_is_not_to_be_trusted(stage, authority, tmp_path):
    """A certificate of nobody's, and an endpoint that is not there: told in words, nothing written."""
    login = Login(stage, authority(), tls_ca=None)
    login.ends(1, "certificate")
    gone = authority()
    keys = dict(gone.keys, oauth_device_url="https://localhost:1/devicecode")
    gone.keys.update(keys)
    login = Login(stage, gone, "--device", oauth_device_url="https://localhost:1/devicecode")
    login.ends(1)


# ---- the file ----

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
def test_root_gives_the_file_to_the_servers_user(stage, authority):
    entra = authority()
    login = Login(stage, entra, user="daemon")
    entra.enter_code(login.code(), USER)
    assert os.stat("/proc/%d" % login.terminal.process.pid).st_uid in (0, pwd.getpwnam("daemon").pw_uid)
    status = open("/proc/%d/status" % login.terminal.process.pid).read()
    assert re.search(r"(?m)^Uid:\s+(\d+)\s+\1\s+\1\s+\1$", status).group(1) == str(pwd.getpwnam("daemon").pw_uid)
    login.ends(0, "Logged in.")
    for path, mode in ((login.state, 0o700), (login.token_file, 0o600)):
        assert path.stat().st_uid == pwd.getpwnam("daemon").pw_uid and stat.S_IMODE(path.stat().st_mode) == mode


@needs_root
def test_a_place_that_the_servers_user_cannot_write(stage, authority):
    google = authority("google")
    place = public_folder(stage)
    login = Login(stage, google, user="daemon", oauth_token_file=place / "me.token", oauth_client_secret_file=None, oauth_client_secret=DESKTOP)
    assert login.terminal.end() == 78 and "cannot be written by daemon" in re.sub(r"\s+", " ", login.terminal.text), login.terminal.text
    assert not list(place.iterdir()) and google.count() == 0


def test_an_older_token_is_replaced(stage, authority):
    entra = authority()
    login = Login(stage, entra)
    code = login.code()
    login.token_file.write_text("older\n")
    login.token_file.chmod(0o600)
    entra.enter_code(code, USER)
    login.ends(0)
    assert entra.grants[login.token()].user == USER


@pytest.mark.parametrize("how", ["^C", "term", "hang up"])
def test_ended_by_a_person(stage, authority, how):
    entra = authority()
    login = Login(stage, entra, *([] if how == "^C" else ["--browser"]))
    login.code() if how == "^C" else login.address()
    if how == "^C":
        login.terminal.type("\x03")
    else:
        login.terminal.process.send_signal({"term": 15, "hang up": 1}[how])
    login.ends(1, "nothing was written")
    assert login.terminal.process.returncode == 1


# ---- the command ----

def test_usage(stage, authority):
    entra = authority()
    cases = [([], {"name": "default", "oauth_client_id": None, "oauth_token_url": None, "oauth_device_url": None, "oauth_authorize_url": None, "provider": None,
                   "password": "x"}, 2, "logs in by password: nobody has to log in for it (oauth_client_id makes it"),
             ([], {"oauth_client_secret": "x", "oauth_tenant": "office.test"}, 2, "application access: nobody has to log in"),
             (["--device", "--browser"], {}, 2, "usage: smtp-detour login"), (["--what"], {}, 2, "usage: smtp-detour login"),
             (["another"], {}, 2, "usage:")]
    for options, keys, status, words in cases:
        login = Login(stage, entra, *options, **keys)
        assert login.terminal.end() == status, login.terminal.text
        assert words in re.sub(r"\s+", " ", login.terminal.text), login.terminal.text
    google = authority("google")
    login = Login(stage, google, "--device")
    login.ends(78, "no code for devices")
    login = Login(stage, google, "--browser", provider=None, oauth_token_file="/tmp/none.token")
    login.ends(78, "set oauth_scope")


def test_an_account_that_is_not_there(stage, authority):
    login = Login(stage, authority(), name="work")
    login.terminal.stop()
    terminal = Terminal(BINARY, "login", "-c", str(login.config), "home")
    assert terminal.end() == 2 and "has no account home. There is: work" in terminal.text
    terminal.stop()


def test_a_browser_is_opened_where_there_is_a_display(stage, authority):
    """Not from root's terminal: nothing of a desktop belongs to root, or to the server's user. Without xdg-open the address alone is shown."""
    tools = public_folder(stage)
    tools.chmod(0o777)
    opened = tools / "opened"
    (tools / "xdg-open").write_text("#!/bin/sh\nprintf '%%s' \"$1\" >%s.new && mv %s.new %s\n" % (opened, opened, opened))
    (tools / "xdg-open").chmod(0o755)
    is_root = os.geteuid() == 0
    for started_by, path, is_opened in ((None, tools, not is_root), ("daemon" if is_root else None, tools, True), (None, "/nonexistent", False)):
        login = Login(stage, authority(), "--browser", env={"DISPLAY": ":9", "PATH": "%s:/bin:/usr/bin" % path}, started_by=started_by,
                      user=started_by or "root")
        address = login.address()
        assert ("A browser opens this address" in login.terminal.text) == is_opened
        if is_opened:
            wait_until(opened.exists, lambda: "nothing was opened")
            assert opened.read_text() == address
        login.terminal.type("\x03")
        login.ends(1)
