"""The rung `443/api`: a message that no SMTP port takes arrives over HTTPS, whole and with its envelope."""
import email.utils
import shutil
import signal
import subprocess

import pytest

from api_stage import HEADER, MESSAGE, apis, submit  # noqa: F401
from conftest import USER
from fake_api import gmail_error
from oauth_stage import by_refresh, by_refresh_with_secret, by_service_account
from postfix import wait_until
from proxy import free_port
from submission_server import closed_port
from test_outbound_proxy import run  # noqa: F401

KINDS = ("graph", "gmail", "mailgun")


def account(apis, service, ports=(), **keys):
    if service.kind == "gmail":
        keys.setdefault("way", by_refresh_with_secret)
    return apis.account(service, ports, **keys)


@pytest.mark.parametrize("kind", KINDS)
def test_it_arrives_where_587_is_a_black_hole(stage, apis, kind):
    service = apis.service(kind)
    proxy = stage.proxy(account(apis, service, [stage.black_hole()]))
    rcpts, end = submit(proxy, to=["b@example.test", "hidden@example.test"])
    assert all(reply.startswith("250 2.1.5 ") for reply in rcpts)
    taken = service.wait_for(1)[0]
    assert end.startswith("250 ") and taken.id in end
    assert taken.seen == MESSAGE and taken.recipients == ["b@example.test", "hidden@example.test"]
    line = proxy.wait_for_log(r" msg=delivered ")
    assert taken.id in line and " port=443 " in line and " nrcpt=2 " in line
    proxy.wait_for_log("443/api: localhost answers over HTTPS")
    # What works is remembered.
    _, end = submit(proxy)
    assert end.startswith("250 ")
    assert len(service.wait_for(2)) == 2


def test_smtp_goes_first(stage, apis):
    service = apis.service("mailgun")
    upstream = stage.upstream()
    proxy = stage.proxy(account(apis, service, [upstream]))
    _, end = submit(proxy)
    assert end.startswith("250 ")
    assert upstream.wait_for(1) and not service.taken


def test_a_refused_smtp_login_leaves_the_api(stage, apis):
    service = apis.service("mailgun")
    upstream = stage.upstream(users={USER: "another"})
    proxy = stage.proxy(account(apis, service, [upstream]))
    for n in range(3):
        _, end = submit(proxy)
        assert end.startswith("250 "), end
    assert len(service.wait_for(3)) == 3
    assert "goes on over HTTPS, where the login is another" in proxy.log
    assert len(upstream.logins) == 1 if hasattr(upstream, "logins") else True


def test_the_token_is_for_the_api_and_comes_of_one_refresh_token(stage, apis):
    service = apis.service("graph")

    def way(stage, make):
        tokens, more = by_refresh(stage, make)
        tokens.consents.add((USER, apis.client(), "graph.microsoft.com"))
        return tokens, more
    port = closed_port()
    proxy = stage.proxy(apis.account(service, [port], way=way, reprobe="1s"))
    _, end = submit(proxy)
    assert end.startswith("250 "), end
    upstream = stage.upstream(port=port, mechanisms="XOAUTH2", users={USER: None}, token_user=apis.tokens.user_of)
    proxy.wait_for_log("new sessions go to port %d now" % port)
    _, end = submit(proxy)
    assert end.startswith("250 ") and upstream.wait_for(1), end
    scopes = [form["scope"] for form in apis.tokens.wait_for_requests(2)]
    assert set(scopes) == {"https://outlook.office.com/SMTP.Send offline_access",
                           "https://graph.microsoft.com/Mail.Send offline_access"}
    assert not apis.tokens.violations


def test_a_consent_that_is_missing_stops_this_rung_alone(stage, apis):
    """The login was made before `443/api` was named."""
    service = apis.service("graph")
    port = closed_port()
    proxy = stage.proxy(apis.account(service, [port], way=by_refresh))
    rcpts, _ = submit(proxy)
    assert rcpts[0].startswith("451 4.4.1 no port of 127.0.0.1 works: %d refused, 443/api token" % port), rcpts
    assert "nobody has consented to https://graph.microsoft.com/Mail.Send offline_access for this app: run `smtp-detour login default`" in proxy.log
    upstream = stage.upstream(port=port, mechanisms="XOAUTH2", users={USER: None}, token_user=apis.tokens.user_of)
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for_log("configuration reloaded")
    _, end = submit(proxy)
    assert end.startswith("250 ") and upstream.wait_for(1), end


# ---- bytes ----

ODD = {
    "nul and eight bits": b"a\0b\xff\xe9 \xc3\xa9\r\n",
    "a long line": b"x" * 1000 + b"\r\n",
    "dots": b".\r\n..\r\n.a\r\n",
    "no end of line": b"the end",
}


@pytest.mark.parametrize("kind", KINDS)
def test_octets_stay_as_they_are(stage, apis, kind):
    service = apis.service(kind)
    proxy = stage.proxy(account(apis, service))
    for body in ODD.values():
        message = HEADER + b"\r\n" + body + (b"" if body.endswith(b"\r\n") else b"\r\n")
        _, end = submit(proxy, message)
        assert end.startswith("250 "), end
        assert service.taken[-1].seen == message


def crlf(data):
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_verifies_after_the_trip(stage, apis, kind):
    """S/MIME, and PGP."""
    service = apis.service(kind)
    proxy = stage.proxy(account(apis, service))
    folder = stage.folder
    run = lambda *args, **more: subprocess.run(args, cwd=folder, check=True, capture_output=True, **more)  # noqa: E731
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "s.key", "-out", "s.crt", "-subj", "/CN=s",
        "-addext", "extendedKeyUsage=emailProtection")
    (folder / "text").write_bytes(b"Content-Type: text/plain\r\n\r\npay 100 \r\n.\r\nFrom me\r\n")
    signed = run("openssl", "smime", "-sign", "-in", "text", "-signer", "s.crt", "-inkey", "s.key").stdout
    message = HEADER.replace(b"MIME-Version: 1.0\r\n", b"") + crlf(signed)
    _, end = submit(proxy, message, to=["b@example.test", "c@example.test"])
    assert end.startswith("250 "), end
    (folder / "came").write_bytes(service.taken[-1].seen)
    run("openssl", "smime", "-verify", "-in", "came", "-CAfile", "s.crt", "-purpose", "any")

    home = folder / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ("gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
    try:
        run(*gpg, "--quick-generate-key", "s@example.test", "rsa2048", "sign", "never")
        part = b"Content-Type: text/plain\r\n\r\npay 200 \r\n"
        (folder / "part").write_bytes(part)
        signature = run(*gpg, "--armor", "--detach-sign", "-o", "-", "part").stdout
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    message = HEADER + (b"Content-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\r\n\r\n--b\r\n" +
                        part + b"\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n" + crlf(signature) + b"\r\n--b--\r\n")
    _, end = submit(proxy, message)
    assert end.startswith("250 "), end
    pieces = service.taken[-1].seen.split(b"--b")
    (folder / "part.came").write_bytes(pieces[1][2:-2])
    (folder / "part.sig").write_bytes(pieces[2].split(b"\r\n\r\n", 1)[1])
    run(*gpg, "--verify", "part.sig", "part.came")


def memory_of(proxy):
    with open("/proc/%d/status" % proxy.process.pid) as status:
        return int([line.split()[1] for line in status if line.startswith("VmHWM")][0])


@pytest.mark.parametrize("kind, size", [("graph", 3_000_000), ("gmail", 30_000_000), ("mailgun", 24_000_000)])
def test_a_big_one_leaves_the_memory_flat(stage, apis, kind, size):
    service = apis.service(kind)
    proxy = stage.proxy(account(apis, service))
    submit(proxy)
    before = memory_of(proxy)
    line = b"0123456789abcdef" * 4 + b"\r\n"
    message = HEADER + b"\r\n" + line * (size // len(line))
    _, end = submit(proxy, message)
    assert end.startswith("250 "), end
    assert service.taken[-1].seen == message
    # 64 KiB here, 64 KiB there; and what libcurl and OpenSSL keep.
    assert memory_of(proxy) - before < 6000


def test_a_bigger_one_than_the_service_takes(stage, apis):
    service = apis.service("graph")
    proxy = stage.proxy(account(apis, service))
    line = b"0123456789abcdef" * 4 + b"\r\n"
    _, end = submit(proxy, HEADER + b"\r\n" + line * (4_000_000 // len(line)))
    assert end.startswith("552 5.3.4 "), end
    assert not service.taken


# ---- the envelope ----

@pytest.mark.parametrize("kind", ("graph", "gmail"))
def test_the_envelope_is_neither_widened_nor_narrowed(stage, apis, kind):
    service = apis.service(kind)
    proxy = stage.proxy("[server]\naliases = root=admin@example.test\n" + account(apis, service))
    cron = (b"From: root (Cron Daemon)\r\nTo: root\r\nSubject: Cron\r\nDate: Mon, 30 Nov 2026 08:00:00 +0000\r\n"
            b"Message-ID: <2@h>\r\n\r\njob\r\n")
    _, end = submit(proxy, cron, to=["root"])
    assert end.startswith("250 "), end
    assert service.taken[-1].recipients == ["admin@example.test"]
    nobody = MESSAGE.replace(b"To: b@example.test", b"To: undisclosed-recipients:;")
    _, end = submit(proxy, nobody, to=["b@example.test", "c@example.test"])
    assert end.startswith("250 "), end
    assert service.taken[-1].recipients == ["b@example.test", "c@example.test"]
    assert service.taken[-1].seen == nobody
    copies = MESSAGE.replace(b"Subject", b"Cc: \"C, d\" <c@example.test>,\r\n d@example.test\r\nBcc: e@example.test\r\nSubject")
    _, end = submit(proxy, copies, to=["b@example.test", "c@example.test", "d@example.test", "e@example.test", "f@example.test"])
    assert end.startswith("250 "), end
    assert service.taken[-1].recipients == [letter + "@example.test" for letter in "bcdef"]
    assert service.taken[-1].seen == copies.replace(b"Bcc: e@example.test\r\n", b"")


@pytest.mark.parametrize("kind", ("graph", "gmail"))
def test_a_header_that_names_others(stage, apis, kind):
    """A mailing list's message: To is the list."""
    service = apis.service(kind)
    proxy = stage.proxy(account(apis, service))
    _, end = submit(proxy, to=["subscriber@example.test"])
    assert end.startswith("554 5.6.0 ") and "b@example.test" in end, end
    assert "reason=envelope" in proxy.log
    assert not service.taken
    # Another rung could take it: later, then.
    proxy = stage.proxy(account(apis, service, [stage.black_hole()]))
    _, end = submit(proxy, to=["subscriber@example.test"])
    assert end.startswith("451 4.4.1 "), end
    # The port is not to blame.
    _, end = submit(proxy)
    assert end.startswith("250 "), end


def test_a_service_that_is_told_its_recipients_needs_no_header(stage, apis):
    service = apis.service("mailgun")
    proxy = stage.proxy(account(apis, service))
    _, end = submit(proxy, to=["subscriber@example.test"])
    assert end.startswith("250 "), end
    assert service.taken[-1].recipients == ["subscriber@example.test"]
    assert service.taken[-1].raw == MESSAGE


def test_no_service_takes_a_null_sender(stage, apis):
    service = apis.service("mailgun")
    proxy = stage.proxy(account(apis, service))
    rcpts, _ = submit(proxy, sender="")
    assert rcpts[0].startswith("550 5.7.1 the API of 127.0.0.1 takes no null sender"), rcpts
    assert not service.taken


def test_the_name_of_the_sender_goes_along(stage, apis):
    """`header_from` is one of the named repairs."""
    service = apis.service("mailgun")
    proxy = stage.proxy(account(apis, service, header_from="me@example.test"))
    submit(proxy, MESSAGE.replace(b"<user@example.test>", b"<scanner@local.test>"))
    _, address = email.utils.parseaddr(dict(line.split(b": ", 1) for line in service.wait_for(1)[0].raw.split(b"\r\n\r\n")[0]
                                            .split(b"\r\n"))[b"From"].decode())
    assert address == "me@example.test"


def test_each_sender_has_a_login_of_its_own(stage, apis):
    """What the service refuses to one of them rests that one alone."""
    service = apis.service("gmail")
    a, b = "a@example.test", "b@example.test"

    def way(stage, make):
        tokens, keys = by_service_account(stage, make)
        tokens.delegated |= {a, b}
        return tokens, keys
    proxy = stage.proxy(apis.account(service, [closed_port()], way=way, identity="sender"))
    for sender in (a, b):
        _, end = submit(proxy, sender=sender)
        assert end.startswith("250 "), end
    assert [taken.sender for taken in service.taken] == [a, b]
    service.then(gmail_error(403, "insufficientPermissions", "not this one"))
    _, end = submit(proxy, sender=a)
    assert end.startswith("451 4.3.5 "), end
    asked = len(service.requests)
    rcpts, end = submit(proxy, sender=a)
    assert (end or rcpts[0]).startswith("451 4."), (rcpts, end)
    assert len(service.requests) == asked
    _, end = submit(proxy, sender=b)
    assert end.startswith("250 "), end
    assert "localhost refuses a@example.test, and goes on with the other identities" in proxy.log


@pytest.mark.skipif(not shutil.which("microsocks"), reason="needs microsocks")
def test_the_way_is_the_accounts_proxy(stage, apis, run):  # noqa: F811
    """Nothing goes there directly."""
    service, port = apis.service("mailgun"), free_port()
    keys = {"proxy": "socks5://127.0.0.1:%d" % port}
    proxy = stage.proxy(account(apis, service, **keys))
    rcpts, _ = submit(proxy)
    assert rcpts[0].startswith("451 4.4.1 ") and not service.connections, rcpts
    run(["microsocks", "-i", "127.0.0.1", "-p", str(port)], port)
    # A failed race is remembered for a moment.
    wait_until(lambda: (submit(proxy)[1] or "").startswith("250 "), lambda: proxy.log)
    assert service.taken and service.connections
