"""Logins by token, end to end: what the token service and the server say, and the cure that the
admin reads in the log, in the reply, on the page and in `doctor`."""
import re
import subprocess
import time
import urllib.request

import pytest

from fake_authority_refusals import GARBAGE, aadsts, google, http_status, throttled
from oauth_stage import (account, by_refresh, by_refresh_with_secret, by_secret, by_service_account,
                         checking, nothing_leaks, private, send, words_of)
from postfix import wait_until
from proxy import BINARY, free_port


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
    (aadsts(50173),
     "the password was changed or access withdrawn: run `smtp-detour login default`"),
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
    (http_status(503, b"<html>no</html>", {"Content-Type": "text/html"}),
     "the token service does not work (HTTP 503"),
    (http_status(400, b'{"error":"temporarily_unavailable"}', {"Content-Type": "application/json"}),
     "the token service does not work"),
    (GARBAGE, "the token service does not work (HTTP 200"),
]
ROWS = [(way, *row) for way, rows in (
    (by_secret, ENTRA_APP), (by_refresh, ENTRA_PERSON), (by_refresh_with_secret, GOOGLE_PERSON),
    (by_service_account, GOOGLE_ACCOUNT), (by_refresh, WAIT)) for row in rows]


def row_id(row):
    return re.sub(r"\W+", "-", "%s %s" % (row[1][0], row[1][1]))


def doctor(stage, config):
    path = private(stage.folder / "doctor.ini", config + "[server]\nuser = root\n")
    done = subprocess.run([BINARY, "doctor", "-c", str(path)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, re.sub(r"\s+", " ", done.stdout)


def status_json(admin, words):
    """Returns the page once it says that; it is published a moment after the change."""
    def text():
        page = urllib.request.urlopen("http://127.0.0.1:%d/status.json" % admin, timeout=10)
        return page.read().decode().replace('\\"', '"')
    wait_until(lambda: words in text(), text)
    return text()


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_words_of_the_token_service(stage, authority, row):
    """The cure stands in the log, in the reply, on the page and in what doctor says; and nothing is
    asked again."""
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
     "the object id of the Enterprise application, has it a right to this mailbox (permission or "
     "RBAC role), is username the mailbox, and is SMTP AUTH enabled for it?"),
    (b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
     b"Tenant. Visit https://aka.ms/smtp_auth_disabled\r\n",
     "SMTP AUTH is switched off for this tenant or mailbox: "
     "Set-CASMailbox -SmtpClientAuthenticationDisabled $false"),
    (b"550 5.7.30 Basic authentication is not supported for Client Submission.\r\n",
     "this tenant takes no passwords any more: use a token (OAuth2)"),
    (b"501 5.5.124 User address provided is not valid\r\n", "username must be the HVE account"),
    (b"501 5.5.127 Token will expire soon\r\n",
     "the access token is too old: another one is fetched"),
    (None,
     "and says of it: status 400, schemes Bearer, scope https://mail.test/: it is for another user "
     "than username, or for another scope"),
]


def login_id(row):
    return (row[0] or b"334").decode()[:11].strip().replace(" ", "-")


@pytest.mark.parametrize("row", LOGIN_ROWS, ids=login_id)
def test_words_of_the_login(stage, authority, row):
    """A token that AUTH refuses is fetched anew once, with one more AUTH; then the credentials
    rest, and the words name the cure."""
    line, words = row
    service, keys = by_secret(stage, authority)
    hooks = {"AUTH": lambda session, argument: line} if line else {}
    upstream = checking(stage, service, hooks=hooks)
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
    """430 STOREDRV comes at the end of the data: client and log have the server's words."""
    service, keys = by_secret(stage, authority)
    line = b"430 4.2.0 STOREDRV; mailbox logon failure; temporarily unavailable\r\n"
    upstream = checking(stage, service, hooks={"BODY": lambda session, body: line})
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    code, text = send(proxy)
    assert code == 430 and b"STOREDRV" in text
    assert re.search(r"msg=deferred .*430 4\.2\.0 STOREDRV", proxy.log), proxy.log


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
