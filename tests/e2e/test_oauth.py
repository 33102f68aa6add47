"""Logins by token, end to end: each way to a token, servers that check it in earnest (Dovecot asks the issuer), what the token service and the server may say,
and what a token's life goes through. The token service is tests/lib/fake_authority.py."""
import base64
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import smtplib
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import pytest

import dovecot_submission
from conftest import CLIENT, DESKTOP, PASSWORD, USER
from fake_authority import (APPLICATION_SCOPE, CUT, CUT_AFTER_ROTATION, GARBAGE, MAIL_SCOPE, SILENT, Client, aadsts, google, http_status, make_jwt, throttled)
from person import Terminal
from postfix import wait_until
from proxy import BINARY, free_port

MESSAGE = b"Subject: by token\r\n\r\nhello\r\n"
SECRET = "Kx8Q~client+secret/with=everything&in it"


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def key_pair(folder, label):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-days", "60", "-nodes", "-subj", "/CN=smtp-detour", "-keyout", label + ".key", "-out", label + ".crt"],
                   cwd=folder, check=True, stderr=subprocess.DEVNULL)
    (folder / (label + ".key")).chmod(0o600)
    return folder / (label + ".key"), folder / (label + ".crt")


# ---- the ways to a token: what the service must know, and the keys of the account ----

def by_secret(stage, make):
    service = make()
    service.clients[CLIENT] = Client(secret=SECRET)
    return service, {"oauth_client_secret_file": private(stage.folder / "client-secret", SECRET + "\n"), "oauth_scope": APPLICATION_SCOPE}


def by_certificate(stage, make):
    service, (key, cert) = make(), key_pair(stage.folder, "app")
    service.clients[CLIENT] = Client(certificates=[cert])
    return service, {"oauth_client_cert": cert, "oauth_client_key": key, "oauth_scope": APPLICATION_SCOPE}


def by_assertion(stage, make):
    from cryptography import x509
    service, (key, cert) = make(), key_pair(stage.folder, "cluster")
    public = x509.load_pem_x509_certificate(cert.read_bytes()).public_key()
    service.clients[CLIENT] = Client(federated=("https://cluster.test", public))
    now = int(time.time())
    jwt = make_jwt(str(key), {"iss": "https://cluster.test", "sub": "system:serviceaccount:mail:smtp-detour", "aud": "api://AzureADTokenExchange", "iat": now, "exp": now + 3600})
    return service, {"oauth_assertion_file": private(stage.folder / "federated-token", jwt), "oauth_scope": APPLICATION_SCOPE}


def service_account(stage, service):
    from cryptography import x509
    key, cert = key_pair(stage.folder, "google")
    mail = "smtp-detour@project.iam.gserviceaccount.com"
    service.service_accounts[mail] = x509.load_pem_x509_certificate(cert.read_bytes()).public_key()
    account = {"type": "service_account", "client_email": mail, "client_id": "108", "private_key_id": "k1", "private_key": key.read_text(), "token_uri": service.url("token")}
    return {"oauth_service_account_file": private(stage.folder / "google.json", json.dumps(account)), "oauth_scope": MAIL_SCOPE["google"], "oauth_client_id": None}


def by_service_account(stage, make):
    service = make("google")
    service.delegated.add(USER)
    return service, service_account(stage, service)


def token_file(stage, service, user=USER, name="refresh-token"):
    return private(stage.folder / name, service.grant(user, CLIENT) + "\n")


def by_refresh(stage, make):
    service = make()
    return service, {"oauth_token_file": token_file(stage, service), "oauth_scope": MAIL_SCOPE["entra"] + " offline_access"}


def by_refresh_with_secret(stage, make):
    service = make("google")
    return service, {"oauth_token_file": token_file(stage, service), "oauth_client_secret": DESKTOP, "oauth_scope": MAIL_SCOPE["google"], "oauth_rotates": "no"}


def by_command(stage, make):
    service = make()
    printed = private(stage.folder / "printed", service.token("office.test", {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": service.grant(USER, CLIENT)})["access_token"] + "\n")
    script = stage.folder / "print-token"
    script.write_text("#!/bin/sh\nexec cat %s\n" % printed)
    script.chmod(0o755)
    return service, {"password_command": script, "auth": "xoauth2"}


WAYS = {f.__name__[3:]: f for f in (by_secret, by_certificate, by_assertion, by_service_account, by_refresh, by_refresh_with_secret, by_command)}


def account(stage, service, upstreams, **keys):
    values = {"password": None, "oauth_client_id": CLIENT, **service.keys, **keys}
    if values.get("password_command"):
        values = {key: value for key, value in values.items() if not key.startswith("oauth_")}
    values.pop("oauth_device_url", None)
    values.pop("oauth_authorize_url", None)
    return stage.account(upstreams, **values)


def checking(stage, service, mechanisms="XOAUTH2 OAUTHBEARER", **options):
    """A server that takes what the service has given."""
    return stage.upstream(mechanisms=mechanisms, users={USER: None}, token_user=service.user_of, **options)


def send(proxy, sender=USER, recipient="b@example.test"):
    """The reply to what failed, or None."""
    with proxy.client(timeout=60) as client:
        try:
            client.sendmail(sender, [recipient], MESSAGE)
        except smtplib.SMTPRecipientsRefused as refused:
            return refused.recipients[recipient]
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code, refused.smtp_error
    return None


def words_of(reply):
    return re.sub(r"\s+", " ", re.sub(r"(?m)^\d\.\d\.\d ", "", reply[1].decode()))


def told(service):
    """All that must never be seen."""
    for _, form in service.requests:
        for field in ("client_secret", "client_assertion", "assertion", "refresh_token", "code", "code_verifier"):
            if form.get(field):
                yield form[field]
    yield from service.access
    yield from service.grants


def nothing_leaks(proxy, service, *texts):
    from test_secrets import forms
    seen = "\n".join((proxy.log,) + texts).encode()
    for secret in set(told(service)):
        assert not [form for form in forms(secret, USER) if form in seen], secret


# ---- each way, delivered ----

@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("way", WAYS)
def test_delivered(stage, authority, way, mechanism):
    service, keys = WAYS[way](stage, authority)
    upstream = checking(stage, service, mechanism)
    if way == "command":
        keys["auth"] = mechanism.lower()
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    for _ in range(3):
        assert send(proxy) is None
    messages = upstream.wait_for(3)
    assert [(m.user, m.mechanism) for m in messages] == [(USER, mechanism)] * 3
    assert service.count() == (0 if way == "command" else 1) and service.violations == []
    nothing_leaks(proxy, service)


needs_dovecot = pytest.mark.skipif(bool(dovecot_submission.reason_not_to()), reason=str(dovecot_submission.reason_not_to()))


def dovecot(stage, service):
    """Its own relay behind it keeps what it takes."""
    relay = stage.upstream(tls="none", users={}, mechanisms="")
    service.mailbox = USER
    server = dovecot_submission.DovecotSubmission(*stage.certificate, {}, free_port(), relay.port, 10, service.introspect_url)
    stage.things.append(server)
    return server, relay


@needs_dovecot
@pytest.mark.parametrize("way", WAYS)
def test_delivered_through_dovecot(stage, authority, way):
    """Its passdb asks the issuer about each token, and its command lines are short: long tokens go in two steps, on the same session."""
    service, keys = WAYS[way](stage, authority)
    server, relay = dovecot(stage, service)
    proxy = stage.proxy(account(stage, service, [server], **keys))
    for _ in range(2):
        assert send(proxy) is None, server.log()
    assert len(relay.wait_for(2)) == 2
    wait_until(lambda: server.log().count("Successfully relayed message") == 2, server.log)
    assert re.search(r"Login: user=<%s>, method=(XOAUTH2|OAUTHBEARER)" % re.escape(USER), server.log())
    nothing_leaks(proxy, service, server.log())


@needs_dovecot
def test_dovecot_refuses_a_revoked_token(stage, authority):
    """The token is fetched anew once; the second one is taken."""
    service, keys = by_refresh(stage, authority)
    server, relay = dovecot(stage, service)
    proxy = stage.proxy(account(stage, service, [server], max_messages="1", **keys))
    assert send(proxy) is None
    service.revoke_access()
    assert send(proxy) is None
    assert len(relay.wait_for(2)) == 2 and service.count() == 2 and service.violations == []


# ---- words ----

def exchange_refuses(line):
    """An upstream's answer to AUTH, whatever the token."""
    return {"AUTH": lambda session, argument: line}


ENTRA_APP = [
    (aadsts(7000222), "the client secret has expired: make a new one in Entra"),
    (aadsts(7000215), "Entra shows a value and an id, the value is needed"),
    (aadsts(7000218), "this app is not a public client: set \"Allow public client flows\""),
    (aadsts(700027), "the certificate is not registered with the app"),
    (aadsts(700024), "the assertion's time is off"),
    (aadsts(700016), "no such app in the tenant"),
    (aadsts(90002), "no such app in the tenant"),
    (aadsts(70011), "the scope https://outlook.office365.com/.default does not exist here"),
]
ENTRA_PERSON = [
    (aadsts(700082), "unused for 90 days: run `smtp-detour login default`"),
    (aadsts(50173), "the password was changed or access withdrawn: run `smtp-detour login default`"),
    (aadsts(50076), "Conditional Access"),
    (aadsts(50079), "Conditional Access"),
    (aadsts(53003), "use application access"),
    (aadsts(70043), "sign-in frequency"),
    (aadsts(50196), "asked too often, or the grant is refused"),
]
GOOGLE_PERSON = [
    (google("revoked"), "the app is in \"Testing\": publish it"),
    (google("rapt"), "the Workspace's session control ends this login regularly"),
    (google("client-not-found"), "wrong oauth_client_id"),
]
GOOGLE_ACCOUNT = [
    (google("delegation"), "domain-wide delegation is not granted to the client id"),
]
WAIT = [
    (throttled(60), "the token service is asked too often: waiting 60 s"),
    (http_status(503, b"<html>no</html>", {"Content-Type": "text/html"}), "the token service does not work (HTTP 503"),
    (http_status(400, b'{"error":"temporarily_unavailable"}', {"Content-Type": "application/json"}), "the token service does not work"),
    (GARBAGE, "the token service does not work (HTTP 200"),
]
ROWS = [(by_secret, *row) for row in ENTRA_APP] + [(by_refresh, *row) for row in ENTRA_PERSON] + [(by_refresh_with_secret, *row) for row in GOOGLE_PERSON] + \
       [(by_service_account, *row) for row in GOOGLE_ACCOUNT] + [(by_refresh, *row) for row in WAIT]


def row_id(row):
    return re.sub(r"\W+", "-", "%s %s" % (row[1][0], row[1][1]))


def doctor(stage, config):
    path = private(stage.folder / "doctor.ini", config + "[server]\nuser = root\n")
    done = subprocess.run([BINARY, "doctor", "-c", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, re.sub(r"\s+", " ", done.stdout)


def status_json(admin, words):
    """The page, once it says that; it is published a moment after the change."""
    def text():
        page = urllib.request.urlopen("http://127.0.0.1:%d/status.json" % admin, timeout=10).read().decode()
        return page.replace('\\"', '"')
    wait_until(lambda: words in text(), text)
    return text()


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_words_of_the_token_service(stage, authority, row):
    """The cure stands in the log, in the reply, on the page and in what doctor says; and nothing is asked again."""
    way, fault, words = row
    service, keys = way(stage, authority)
    service.fail_always(fault)
    upstream = checking(stage, service)
    config = account(stage, service, [upstream], **keys)
    admin = free_port()
    proxy = stage.proxy(config + "[admin]\naddress = 127.0.0.1:%d\n" % admin)
    code, text = send(proxy)
    assert code == 451 and text.startswith(b"4.7.0 ") and words in words_of((code, text)), text
    asked = service.count()
    assert asked == (2 if fault == aadsts(700024) and service.date_offset else 1)
    assert words in words_of(send(proxy)) and service.count() == asked
    assert words in re.sub(r'\\"', '"', proxy.log)
    page = status_json(admin, words)
    status, said = doctor(stage, config)
    assert status == 1 and words in said, said
    assert upstream.auth_attempts == []
    nothing_leaks(proxy, service, page, said)


LOGIN_ROWS = [
    (b"535 5.7.3 Authentication unsuccessful [X.EURPRD01.PROD.OUTLOOK.COM]\r\n",
     "the object id of the Enterprise application, has it a right to this mailbox (permission or RBAC role), is username the mailbox, and is SMTP AUTH enabled for it?"),
    (b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled\r\n",
     "SMTP AUTH is switched off for this tenant or mailbox: Set-CASMailbox -SmtpClientAuthenticationDisabled $false"),
    (b"550 5.7.30 Basic authentication is not supported for Client Submission.\r\n", "this tenant takes no passwords any more: use a token (OAuth2)"),
    (b"501 5.5.124 User address provided is not valid\r\n", "username must be the HVE account"),
    (b"501 5.5.127 Token will expire soon\r\n", "the access token is too old: another one is fetched"),
    (None, "and says of it: status 400, schemes Bearer, scope https://mail.test/: it is for another user than username, or for another scope"),
]


@pytest.mark.parametrize("row", LOGIN_ROWS, ids=lambda row: (row[0] or b"334").decode()[:11].strip().replace(" ", "-"))
def test_words_of_the_login(stage, authority, row):
    """A token that AUTH refuses is fetched anew once, with one more AUTH; then the credentials rest, and the words name the cure."""
    line, words = row
    service, keys = by_secret(stage, authority)
    upstream = checking(stage, service, hooks={"AUTH": lambda session, argument: line} if line else {})
    if not line:
        upstream.token_user = lambda token: None
    config = account(stage, service, [upstream], **keys)
    proxy = stage.proxy(config)
    code, text = send(proxy)
    assert code == 451 and service.count() == 2, (code, text)
    assert len([c for c in upstream.commands() if c.upper().startswith(b"AUTH")]) == 2
    assert words in re.sub(r'\\"', '"', proxy.log), proxy.log
    assert send(proxy)[0] == 451 and service.count() == 2
    status, said = doctor(stage, config)
    assert status == 1 and words in said, said
    nothing_leaks(proxy, service, said)


def test_a_mailbox_right_is_missing_after_the_login(stage, authority):
    """430 STOREDRV comes at the end of the data: the message hears it, and the log says what it means."""
    service, keys = by_secret(stage, authority)
    upstream = checking(stage, service, hooks={"BODY": lambda session, body: b"430 4.2.0 STOREDRV; mailbox logon failure; temporarily unavailable\r\n"})
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    code, text = send(proxy)
    assert code == 430 and b"STOREDRV" in text


# ---- the network before the endpoint ----

def test_the_endpoint_is_dead_or_not_to_be_trusted(stage, authority):
    service, keys = by_secret(stage, authority)
    upstream = checking(stage, service)
    for change, words in (({"oauth_token_url": "https://localhost:%d/token" % free_port()}, "localhost: .*onnect"), ({"tls_ca": None}, "certificate")):
        chain = {} if "tls_ca" not in change else {"tls_ca": None, "tls_fingerprint": fingerprint(stage.certificate[0])}
        proxy = stage.proxy(account(stage, service, [upstream], **{**keys, **change, **chain}))
        code, text = send(proxy)
        assert code == 451 and re.search(words, words_of((code, text))), text
        assert re.search(words, proxy.log)
    assert service.count() == 0


def fingerprint(path):
    import certs
    return certs.sha256_of(path)


@pytest.mark.parametrize("fault", [SILENT, CUT], ids=["silent", "cut"])
def test_nobody_waits_for_anothers_endpoint(stage, authority, fault):
    """While one account's token service says nothing, and whoever wants its mail out hangs, another's mail passes."""
    service, keys = by_refresh(stage, authority)
    service.fail_always(fault)
    upstream, other = checking(stage, service), stage.upstream()
    proxy = stage.proxy(account(stage, service, [upstream], name="token", senders="t@office.test", **keys) + stage.account([other], name="password", senders="p@office.test"))
    answers = []
    waiting = [threading.Thread(target=lambda: answers.append(send(proxy, "t@office.test"))) for _ in range(10)]
    for thread in waiting:
        thread.start()
    service.wait_for_requests(1)
    for n in range(20):
        assert send(proxy, "p@office.test") is None
        if fault == SILENT:
            assert n > 15 or answers == []
    service.released.set()
    for thread in waiting:
        thread.join()
    assert [code for code, _ in answers] == [451] * 10
    # The grant may be spent by now: it is not presented again beside itself.
    assert service.most_at_once == 1


def test_retry_after_is_obeyed(stage, authority):
    service, keys = by_secret(stage, authority)
    service.fail(throttled(600))
    proxy = stage.proxy(account(stage, service, [checking(stage, service)], **keys))
    for _ in range(5):
        assert re.search(r"waiting (600|59\d) s", words_of(send(proxy)))
    assert service.count() == 1 and re.search(r"no access token for default: .* retry_in=(600|59\d)\b", proxy.log)


def test_after_trouble_it_works_again_by_itself(stage, authority):
    service, keys = by_refresh(stage, authority)
    service.fail(GARBAGE, CUT, http_status(500))
    upstream = checking(stage, service)
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    wait_until(lambda: send(proxy) is None, lambda: proxy.log)
    assert service.count() == 4


# ---- clocks ----

@pytest.mark.parametrize("way", ["certificate", "service_account"])
@pytest.mark.parametrize("offset", [-7200, 7200])
def test_a_wrong_clock(stage, authority, way, offset):
    """The endpoint's clock counts: an assertion that is refused while the clocks differ is made anew at once, and a warning names the difference."""
    service, keys = WAYS[way](stage, authority)
    service.date_offset = offset
    upstream = checking(stage, service)
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    assert send(proxy) is None
    assert service.count() == 2 and service.violations == []
    assert re.search(r"clock.*(7200|7199|7201|two hours)", proxy.log), proxy.log


# ---- whose token ----

def test_each_sender_has_a_token_and_a_standing(stage, authority):
    """identity = sender with a service account: one sender's refusal stops nobody else."""
    service = authority("google")
    keys = service_account(stage, service)
    senders = ["a@office.test", "b@office.test"]
    service.delegated.update(senders)
    upstream = checking(stage, service)
    proxy = stage.proxy(account(stage, service, [upstream], identity="sender", username="a@office.test", **keys))
    for sender in senders * 2:
        assert send(proxy, sender) is None
    assert words_of(send(proxy, "stranger@office.test")).find("domain-wide delegation") >= 0
    for sender in senders:
        assert send(proxy, sender) is None
    assert {m.user for m in upstream.wait_for(6)} == set(senders) and service.count() == 3


def test_one_identity_that_the_server_refuses(stage, authority):
    """An application's token is for all mailboxes: the server's 535 for one of them must not stop the others."""
    service, keys = by_secret(stage, authority)
    upstream = checking(stage, service, hooks={"AUTH": lambda session, argument: b"535 5.7.3 Authentication unsuccessful\r\n" if b"stranger" in user_in(argument) else None})
    proxy = stage.proxy(account(stage, service, [upstream], identity="sender", **keys))
    assert send(proxy, "a@office.test") is None
    assert send(proxy, "stranger@office.test")[0] == 451
    for sender in ("a@office.test", "c@office.test"):
        assert send(proxy, sender) is None


def user_in(argument):
    return base64.b64decode(argument.split(b" ")[1]) if b" " in argument else b""


# ---- the grant and its file ----

def current(path):
    return path.read_text().rstrip("\n")


def test_a_rotated_token_is_on_the_disk_before_its_access_token_is_used(stage, authority):
    service, keys = by_refresh(stage, authority)
    path, states = keys["oauth_token_file"], []

    def user_of(token):
        states.append(current(path) in service.grants and current(path) not in service.grants[current(path)].used)
        return service.user_of(token)

    upstream = stage.upstream(mechanisms="XOAUTH2", users={USER: None}, token_user=user_of)
    proxy = stage.proxy(account(stage, service, [upstream], max_messages="1", **keys))
    for _ in range(5):
        service.revoke_access()
        assert send(proxy) is None
    assert states == [True] * len(states) and len(states) >= 5 and service.violations == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_killed_at_twenty_random_moments(stage, authority):
    """Whenever it dies, the file holds a token that works, and the next start goes on with it. (The service here, as Entra, does not revoke the token before: what
    dies between the service's answer and the disk is lost to any client.)"""
    service, keys = by_refresh(stage, authority)
    service.detects_reuse = False
    path = keys["oauth_token_file"]
    upstream = checking(stage, service)
    chance = random.Random(14)
    config = account(stage, service, [upstream], max_messages="1", **keys)
    for moment in range(20):
        service_asked, proxy = service.count(), stage.proxy(config)
        stop = threading.Event()

        def hammer():
            while not stop.is_set():
                service.revoke_access()
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    send(proxy)

        thread = threading.Thread(target=hammer)
        thread.start()
        service.wait_for_requests(service_asked + 1)
        stop.wait(chance.random() * 0.2)
        proxy.process.send_signal(signal.SIGKILL)
        proxy.process.wait(10)
        stop.set()
        thread.join()
        assert current(path) in service.grants, "moment %d" % moment
    before = len(upstream.messages)
    assert send(stage.proxy(config)) is None and len(upstream.messages) == before + 1
    assert service.most_at_once == 1 and service.count() > 20


def test_killed_after_use_nothing_is_lost(stage, authority):
    """With a service that detects reuse: once an access token was used, a kill costs nothing."""
    service, keys = by_refresh(stage, authority)
    upstream = checking(stage, service)
    config = account(stage, service, [upstream], **keys)
    for _ in range(5):
        proxy = stage.proxy(config)
        assert send(proxy) is None
        proxy.process.send_signal(signal.SIGKILL)
        proxy.process.wait(10)
    assert service.violations == [] and service.count() == 5


def test_one_request_at_a_time_across_sessions_accounts_and_processes(stage, authority):
    """A server with two accounts of one grant and many clients, send and doctor all at once: a service that detects reuse sees none."""
    service, keys = by_refresh(stage, authority)
    upstream = checking(stage, service, auth_delay=0.05)
    accounts = "".join(account(stage, service, [upstream], name=n, senders="%s@office.test" % n, **keys) for n in ("a", "b"))
    proxy = stage.proxy(accounts)
    private(stage.folder / "other.ini", accounts + "[server]\nuser = root\n")
    results = []

    def command(*args):
        results.append(subprocess.run([BINARY, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90))

    others = [threading.Thread(target=command, args=("send", "-c", str(stage.folder / "other.ini"), "--from", "a@office.test", "--to", "b@example.test")) for _ in range(3)]
    others += [threading.Thread(target=command, args=("doctor", "-c", str(stage.folder / "other.ini"))) for _ in range(2)]
    clients = [threading.Thread(target=lambda s=s: results.append(send(proxy, s))) for s in ("a@office.test", "b@office.test") * 10]
    for thread in clients + others:
        thread.start()
    for thread in clients + others:
        thread.join()
    failed = [r for r in results if r is not None and (isinstance(r, tuple) or r.returncode)]
    assert failed == []
    # The server's accounts share one; each command has one of its own.
    assert service.violations == [] and service.most_at_once == 1 and service.count() == 6
    assert current(keys["oauth_token_file"]) not in service.grants[current(keys["oauth_token_file"])].used


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("command", ["send", "doctor"])
def test_commands_of_root_touch_tokens_as_the_servers_user(stage, authority, command):
    """Otherwise the server could not read what they leave."""
    service = authority()
    with tempfile.TemporaryDirectory(prefix="smtp-detour-oauth-") as name:
        folder = pathlib.Path(name)
        state = folder / "state"
        state.mkdir()
        path = private(state / "refresh-token", service.grant(USER, CLIENT) + "\n")
        ca = shutil.copy(stage.ca.cert, folder / "ca.pem")
        for thing in (state, path):
            shutil.chown(thing, "daemon", "daemon")
        config = private(folder / "proxy.ini", account(stage, service, [checking(stage, service)], oauth_token_file=path, oauth_scope=MAIL_SCOPE["entra"], tls_ca=ca) +
                         "[server]\nuser = daemon\nstate_dir = %s\n" % state)
        os.chmod(folder, 0o755)
        before = current(path)
        done = subprocess.run([BINARY, command, "-c", str(config), *(["--from", USER, "--to", "b@example.test"] if command == "send" else [])],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        assert done.returncode == 0, done.stdout
        assert current(path) != before and (path.owner(), path.stat().st_mode & 0o777) == ("daemon", 0o600) and service.violations == []


def test_an_unwritable_place_keeps_the_new_token_in_memory(stage, authority):
    service, keys = by_refresh(stage, authority)
    path = keys["oauth_token_file"]
    (path.parent / (path.name + ".tmp")).mkdir()
    upstream = checking(stage, service)
    proxy = stage.proxy(account(stage, service, [upstream], max_messages="1", **keys))
    for _ in range(3):
        service.revoke_access()
        assert send(proxy) is None
    assert service.violations == [] and re.search(r"level=error.*%s" % re.escape(path.name), proxy.log)


def test_an_answer_without_a_new_token_keeps_the_old_one(stage, authority):
    service, keys = by_refresh_with_secret(stage, authority)
    before = current(keys["oauth_token_file"])
    proxy = stage.proxy(account(stage, service, [checking(stage, service)], **keys))
    assert send(proxy) is None and current(keys["oauth_token_file"]) == before


# ---- a person's login, and the running server ----

def test_the_running_server_takes_a_login_by_itself(stage, authority):
    service = authority()
    upstream = checking(stage, service)
    path = stage.folder / "person.token"
    keys = {"oauth_token_file": path, "oauth_scope": MAIL_SCOPE["entra"] + " offline_access"}
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    assert "smtp-detour login default" in words_of(send(proxy))
    private(stage.folder / "login.ini", account(stage, service, [upstream], **keys) + "oauth_device_url = %s\n[server]\nuser = root\n" % service.url("devicecode"))
    for death in (None, aadsts(700082)):
        if death:
            service.kill_grants(death)
            service.revoke_access()
            upstream.cut_connections()
            wait_until(lambda: send(proxy) is not None, lambda: proxy.log)
            assert "unused for 90 days" in words_of(send(proxy))
        terminal = Terminal(BINARY, "login", "-c", str(stage.folder / "login.ini"), "default")
        stage.things.append(terminal)
        service.enter_code(terminal.wait_for(r"type the code (\w+)").group(1), USER)
        assert terminal.end() == 0, terminal.text
        # It looks at the file now and then.
        wait_until(lambda: send(proxy) is None, lambda: proxy.log, timeout=60)
    assert "configuration reloaded" not in proxy.log


# ---- what ends ----

def test_the_end_of_a_secret_is_announced(stage, authority):
    service, keys = by_secret(stage, authority)
    upstream = checking(stage, service)
    for days, level in ((29, "warn"), (200, None)):
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400))
        proxy = stage.proxy(account(stage, service, [upstream], oauth_secret_expires=day, **keys))
        assert send(proxy) is None
        log = proxy.log
        assert bool(re.search(r"level=warn.*secret.*(ends|expires).*", log)) == bool(level), log


# ---- the service of the tests itself ----

def post(service, ca, **form):
    import ssl
    context = ssl.create_default_context(cafile=ca.cert)
    request = urllib.request.Request(service.url("token"), urllib.parse.urlencode(form).encode())
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as no:
        return json.load(no)


def test_the_fake_service_is_no_pushover(stage, authority, ca):
    """A token of ours proves something only where a wrong one is refused."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding
    from fake_authority import ASSERTION, encode
    service, keys = by_certificate(stage, authority)
    key = serialization.load_pem_private_key(keys["oauth_client_key"].read_bytes(), None)
    fine = next(iter(service.clients[CLIENT].certificates))
    now = int(time.time())

    def ask(alg="PS256", x5t=fine, salt=32, **claims):
        body = {"aud": service.url("token"), "iss": CLIENT, "sub": CLIENT, "jti": "%d" % random.getrandbits(60), "nbf": now, "exp": now + 300, **claims}
        signed = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": alg, "typ": "JWT", "x5t#S256": x5t}, body))
        signature = key.sign(signed.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
        return post(service, ca, grant_type="client_credentials", client_id=CLIENT, scope=APPLICATION_SCOPE, client_assertion_type=ASSERTION,
                    client_assertion=signed + "." + encode(signature)).get("error_codes", ["fine"])[0]

    assert ask() == "fine"
    assert [ask(alg="RS256"), ask(x5t="x"), ask(salt=20), ask(aud="https://elsewhere"), ask(iss="another"), ask(sub="another")] == [700027] * 6
    assert [ask(exp=now - 10), ask(nbf=now + 400, exp=now + 700), ask(exp=now + 3600)] == [700024] * 3
    assert service.violations == [] and ask(jti="one") == "fine" and ask(jti="one") == "fine" and len(service.violations) == 1
    person = service.grant(USER, CLIENT)
    service.clients[CLIENT] = Client(public=True)
    assert post(service, ca, grant_type="refresh_token", client_id=CLIENT, refresh_token=person)["refresh_token"] != person
    assert post(service, ca, grant_type="refresh_token", client_id=CLIENT, refresh_token=person)["error_codes"] == [50173]
    assert post(service, ca, grant_type="client_credentials", client_id=CLIENT, scope=APPLICATION_SCOPE)["error_codes"] == [7000218]
    assert post(service, ca, grant_type="client_credentials", client_id="another", scope=APPLICATION_SCOPE)["error_codes"] == [700016]
