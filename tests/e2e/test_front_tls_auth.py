"""Towards the clients: TLS in its three manners, certificates, old versions; AUTH that accepts anything, and AUTH that does not."""
import base64
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import threading

import pytest

from conftest import USER
from proxy import BINARY, RawClient, free_port
from submission_server import closed_port

BODY = b"Subject: hello\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@office.test>\r\nFrom: a@office.test\r\n\r\nx\r\n"
HOST = "gateway.office.test"


def b64(text):
    return base64.b64encode(text.encode()).decode()


def plain(user, password):
    return "AUTH PLAIN " + b64("\0%s\0%s" % (user, password))


def make_hash(password, kind="-6"):
    return subprocess.run(["openssl", "passwd", kind, password], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture
def listen_certificate(ca):
    return ca.issue("listen", names=[HOST])


def trusting(ca):
    return ssl.create_default_context(cafile=ca.cert)


def unchecked(oldest=None, newest=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if oldest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = oldest, newest or oldest
    return context


class TlsClient(RawClient):
    """RawClient that can say STARTTLS."""

    def secure(self, context=None):
        self.socket = (context or unchecked()).wrap_socket(self.socket, server_hostname=HOST)


def greet(proxy, port=None):
    client = TlsClient(("127.0.0.1", port or proxy.port), 30)
    assert client.reply().startswith("220 ")
    return client


def hello(proxy, port=None):
    client = greet(proxy, port)
    return client, client.say("EHLO scanner")


def fingerprint(proxy):
    client, _ = hello(proxy)
    assert client.say("STARTTLS").startswith("220 ")
    client.secure()
    return client.socket.getpeercert(binary_form=True)


def users_file(stage, mode=0o640, **users):
    path = str(stage.folder / "users")
    with open(path, "w") as out:
        out.write("# users\n" + "".join("%s:%s\n" % item for item in users.items()))
    os.chmod(path, mode)
    return path


# ---- TLS

def test_starttls_with_an_own_certificate(stage, ca, listen_certificate):
    upstream = stage.upstream()
    cert, key = listen_certificate
    proxy = stage.proxy(stage.account([upstream]), listen="tls = starttls\ntls_cert = %s\ntls_key = %s\n" % (cert, key))
    client = proxy.client()
    client._host = HOST
    client.starttls(context=trusting(ca))
    client.sendmail("a@office.test", ["b@example.test"], BODY)
    client.quit()
    proxy.client().sendmail("a@office.test", ["b@example.test"], BODY)
    assert [m.body for m in upstream.wait_for(2)] == [BODY, BODY]


def test_tls_required(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="tls = required\n")
    client, offers = hello(proxy)
    assert "STARTTLS" in offers
    for command in ("MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "DATA", "RSET", "VRFY root"):
        assert client.say(command).startswith("530 5.7.0 "), command
    assert client.say("NOOP").startswith("250 ")
    assert client.say("STARTTLS").startswith("220 ")
    client.secure()
    assert client.say("RCPT TO:<b@example.test>").startswith("503 ")
    assert "STARTTLS" not in client.say("EHLO scanner")
    assert client.say("MAIL FROM:<a@office.test>").startswith("250 ")
    assert client.say("RCPT TO:<b@example.test>").startswith("250 ")
    assert client.say("DATA").startswith("354 ")
    assert client.say(BODY + b".\r\n").startswith("250 ")
    assert client.say("QUIT").startswith("221 ") and client.at_eof()
    assert upstream.wait_for(1)[0].body == BODY


def test_tls_implicit(stage, ca, listen_certificate):
    upstream = stage.upstream()
    cert, key = listen_certificate
    proxy = stage.proxy(stage.account([upstream]), listen="tls = implicit\ntls_cert = %s\ntls_key = %s\n" % (cert, key))
    client = smtplib.SMTP_SSL("127.0.0.1", proxy.port, timeout=30, context=unchecked())
    client.sendmail("a@office.test", ["b@example.test"], BODY)
    client.quit()
    assert upstream.wait_for(1)[0].body == BODY
    verified = trusting(ca)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as raw, verified.wrap_socket(raw, server_hostname=HOST) as secure:
        assert secure.recv(4) == b"220 "


def test_clear_text_where_tls_is_implicit(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="tls = implicit\n")
    client = proxy.raw()
    client.send(b"EHLO scanner\r\n")
    try:
        while client.socket.recv(1000):  # an alert, perhaps
            pass
    except ConnectionResetError:
        pass
    proxy.wait_for_log("TLS handshake with a client failed.*client=127.0.0.1")


def shown_to(proxy, *options):
    """The kind of key that openssl s_client with these options is shown, as the server's signature says, and the suite's authentication before TLS 1.3."""
    run = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect", "127.0.0.1:%d" % proxy.port, *options], input="QUIT\n", stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=60)
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", run.stdout, re.S)
    assert found, run.stdout
    text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=found.group(), check=True, stdout=subprocess.PIPE, text=True).stdout
    assert re.search(r"Cipher\s*(is|:) [A-Z]", run.stdout), run.stdout
    return re.search(r"Public Key Algorithm: (\S+)", text).group(1), found.group()


RSA, ECDSA = "rsaEncryption", "id-ecPublicKey"
OLDEST = ("-tls1", "-cipher", "ALL:@SECLEVEL=0")
# What a client says that it verifies, and what it is shown.
KINDS = [((), ECDSA), (("-tls1_2",), ECDSA), (("-tls1_3", "-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"), RSA), (("-tls1_2", "-sigalgs", "RSA+SHA256"), RSA),
         (("-tls1_2", "-cipher", "AES128-GCM-SHA256"), RSA), (OLDEST, RSA)]


def issue_rsa(ca, name):
    key, cert = os.path.join(ca.folder, name + ".key"), os.path.join(ca.folder, name + ".pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "9", "-subj", "/CN=" + HOST], check=True,
                   stderr=subprocess.DEVNULL)
    return cert, key


def issue_ecdsa(ca, name):
    key, cert = os.path.join(ca.folder, name + ".key"), os.path.join(ca.folder, name + ".pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "9", "-subj",
                    "/CN=" + HOST], check=True, stderr=subprocess.DEVNULL)
    return cert, key


def test_each_client_gets_the_certificate_that_it_verifies(stage, ca):
    first, second, third = issue_rsa(ca, "kind-rsa"), issue_ecdsa(ca, "kind-ecdsa"), issue_ecdsa(ca, "kind-ecdsa-new")
    proxy = stage.proxy(stage.account([closed_port()]), listen="tls = starttls\ntls_min = 1.0\ntls_cert = %s %s\ntls_key = %s %s\n" % (first[0], second[0], first[1], second[1]))
    for options, kind in KINDS:
        assert shown_to(proxy, *options)[0] == kind, options
    # one of the two is renewed, in place
    before = shown_to(proxy)[1], shown_to(proxy, *OLDEST)[1]
    for old, new in zip(second, third):
        os.replace(new, old)
    proxy.reload()
    after = shown_to(proxy)[1], shown_to(proxy, *OLDEST)[1]
    assert after[0] != before[0] and after[1] == before[1]
    # two of one kind: said, and nothing changes
    for old, new in zip(second, first):
        with open(old, "w") as out:
            out.write(open(new).read())
    proxy.reload(expect="configuration not reloaded, nothing changes.*are of one kind")
    assert (shown_to(proxy)[1], shown_to(proxy, *OLDEST)[1]) == after


def test_self_signed_of_both_kinds(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="tls = starttls\ntls_min = 1.0\n")
    for options, kind in KINDS:
        assert shown_to(proxy, *options)[0] == kind, options


def test_a_self_signed_certificate_of_the_first_versions_stays_alone(stage, ca):
    """Devices may have pinned it: a second one would be another fingerprint to them."""
    cert, key = issue_rsa(ca, "earlier")
    (stage.folder / "state").mkdir(exist_ok=True)
    path = stage.folder / "state" / "self-signed.pem"
    path.write_text(open(cert).read() + open(key).read())
    path.chmod(0o600)
    proxy = stage.proxy(stage.account([closed_port()]) + "\n[server]\nstate_dir = %s\nuser = root\n" % path.parent, listen="tls = starttls\n")
    kind, shown = shown_to(proxy)
    assert kind == RSA and shown in open(cert).read()


def test_self_signed_certificate_is_made_once(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="tls = starttls\n")
    first = fingerprint(proxy)
    path = os.path.join(proxy.state, "self-signed.pem")
    assert os.stat(path).st_mode & 0o777 == 0o600
    text = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-text"], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert "2048 bit" in text and "rsaEncryption" in text
    proxy.reload()
    assert fingerprint(proxy) == first
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait(20)
    again = subprocess.Popen([BINARY, "run", "-c", proxy.config_file], stderr=subprocess.PIPE)
    try:
        while b"is ready" not in again.stderr.readline():
            pass
        assert fingerprint(proxy) == first
    finally:
        again.terminate()
        again.communicate()


def test_self_signed_certificate_without_a_place_for_it(stage):
    config = stage.account([closed_port()]) + "\n[server]\nstate_dir = /proc/nowhere\nuser = root\n"
    proxy = stage.proxy(config, listen="tls = starttls\n")
    first = fingerprint(proxy)
    proxy.reload()
    assert fingerprint(proxy) == first
    assert "self-signed certificates are lost at the next start" in proxy.log


def test_certificate_is_reread_on_reload(stage, ca):
    old, new = ca.issue("first", names=[HOST]), ca.issue("second", names=[HOST])
    account = stage.account([closed_port()])
    own = str(stage.folder / "own.pem")

    def install(pair):
        with open(own, "w") as out:
            os.chmod(own, 0o600)
            out.write(open(pair[0]).read() + open(pair[1]).read())

    install(old)
    proxy = stage.proxy(account, listen="tls = starttls\ntls_cert = %s\n" % own)
    first = fingerprint(proxy)
    running, _ = hello(proxy)
    install(new)
    proxy.reload()
    second = fingerprint(proxy)
    assert second != first
    assert running.say("STARTTLS").startswith("220 ")
    running.secure()
    assert running.socket.getpeercert(binary_form=True) == first  # sessions finish under the old one
    install((old[0], new[1]))
    check = subprocess.run([BINARY, "check", "-c", proxy.config_file], stderr=subprocess.PIPE, text=True)
    assert check.returncode == 78 and own in check.stderr
    proxy.reload(expect="configuration not reloaded, nothing changes.*own.pem")
    assert fingerprint(proxy) == second


def test_a_key_that_only_root_may_read_survives_a_reload(stage, ca):
    if os.geteuid() != 0:
        pytest.skip("only root can give root up")
    cert, key = ca.issue("rootonly", names=[HOST])
    os.chmod(key, 0o600)
    for folder in (stage.folder, stage.folder.parent, stage.folder.parent.parent):
        os.chmod(folder, 0o755)
    users = users_file(stage, mode=0o600, scanner=make_hash("sesame"))
    config = stage.account([closed_port()], username=None, password=None) + "\n[server]\nuser = nobody\n"
    proxy = stage.proxy(config, listen="tls = starttls\ntls_cert = %s\ntls_key = %s\nauth = required\nusers_file = %s\n" % (cert, key, users), mode=0o644)
    first = fingerprint(proxy)
    proxy.reload()
    assert fingerprint(proxy) == first
    assert "cannot be read any more" in proxy.log
    client, _ = hello(proxy)
    assert client.say(plain("scanner", "sesame")).startswith("235 ")


def test_tls_1_0_on_one_listener_only(stage):
    upstream = stage.upstream()
    other = free_port()
    config = stage.account([upstream]) + "\n[listen strict]\naddress = 127.0.0.1:%d\ntls = starttls\n" % other
    proxy = stage.proxy(config, listen="tls = starttls\ntls_min = 1.0\n")
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        client, _ = hello(proxy)
        client.say("STARTTLS")
        client.secure(unchecked(version))
        assert client.socket.version() == {"TLSv1": "TLSv1", "TLSv1_1": "TLSv1.1"}[version.name]
        assert client.say("EHLO old").startswith("250-")
        refused, _ = hello(proxy, other)
        refused.say("STARTTLS")
        with pytest.raises((ssl.SSLError, OSError)):
            refused.secure(unchecked(version))
    proxy.wait_for_log("tls_min = 1.0 on this listener")
    script = b"MAIL FROM:<a@office.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n"
    run = subprocess.Popen(["openssl", "s_client", "-quiet", "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-starttls", "smtp", "-crlf", "-ign_eof", "-connect",
                            "127.0.0.1:%d" % proxy.port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    heard = b""
    try:
        run.stdin.write(b"EHLO old\n" + script.replace(b"\r\n", b"\n"))
        run.stdin.flush()
        while not heard.startswith(b"354 "):
            heard = run.stdout.readline()
            assert heard
        run.stdin.write(b"Subject: from 1999\n\nx\n.\nQUIT\n")
        run.stdin.flush()
        assert b"221 " in run.stdout.read()
    finally:
        run.kill()
        run.communicate()
    assert b"from 1999" in upstream.wait_for(1)[0].body


def test_starttls_injection_twice_and_with_arguments(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="tls = starttls\n")
    client, _ = hello(proxy)
    client.send(b"STARTTLS\r\nMAIL FROM:<evil@example.test>\r\n")
    assert client.reply().startswith("554 5.5.0 ") and client.at_eof()
    proxy.wait_for_log("commands came behind STARTTLS")
    client, _ = hello(proxy)
    assert client.say("STARTTLS now").startswith("501 5.5.4 ")
    assert client.say("MAIL FROM:<clear@office.test>").startswith("250 ")
    assert client.say("STARTTLS").startswith("220 ")
    client.secure()
    assert client.say("RCPT TO:<b@example.test>").startswith("503 ")
    assert client.say("EHLO scanner").startswith("250-")
    assert client.say("STARTTLS").startswith("503 5.5.1 ")
    assert client.say("RCPT TO:<b@example.test>").startswith("503 ")
    assert client.say("MAIL FROM:<a@office.test>").startswith("250 ")


def test_a_client_that_never_begins_its_handshake(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="tls = starttls\ntimeout = 1s\n")
    client, _ = hello(proxy)
    assert client.say("STARTTLS").startswith("220 ")
    assert client.at_eof()


def test_a_client_that_never_begins_its_handshake_does_not_hold_up_the_end(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="tls = starttls\n")
    client, _ = hello(proxy)
    assert client.say("STARTTLS").startswith("220 ")
    assert proxy.stop() == 0 and client.at_eof()


# ---- AUTH: anything goes

def test_accept_with_the_clients_that_insist(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="auth = accept\n")
    for method in ("auth_plain", "auth_login"):
        client = proxy.client()
        client.ehlo()
        client.user, client.password = "whoever", "opensesame"
        code, _ = client.auth(method[5:].upper(), getattr(client, method))
        assert code == 235
        client.sendmail("a@office.test", ["b@example.test"], BODY)
        client.quit()
    subprocess.run(["swaks", "--server", "127.0.0.1:%d" % proxy.port, "--from", "a@office.test", "--to", "b@example.test", "--auth", "LOGIN", "--auth-user",
                    "whoever", "--auth-password", "opensesame", "--silent", "3"], check=True)
    letter = stage.folder / "letter"
    letter.write_bytes(BODY)
    subprocess.run(["curl", "-sS", "--url", "smtp://127.0.0.1:%d" % proxy.port, "--mail-from", "a@office.test", "--mail-rcpt", "b@example.test", "--user",
                    "whoever:opensesame", "--upload-file", str(letter)], check=True)
    messages = upstream.wait_for(4)
    assert {m.user for m in messages} == {USER}
    assert "opensesame" not in proxy.log and b64("opensesame") not in proxy.log and " user=" not in proxy.log
    assert all("opensesame" not in str(attempt) for attempt in upstream.auth_attempts)


def test_accept_to_the_letter(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="auth = accept\n")
    client, offers = hello(proxy)
    assert re.search(r"^250.AUTH PLAIN LOGIN$", offers, re.M) and re.search(r"^250.AUTH=PLAIN LOGIN$", offers, re.M)
    assert client.say("AUTH LOGIN") == "334 VXNlcm5hbWU6"
    assert client.say(b64("x")) == "334 UGFzc3dvcmQ6"
    assert client.say("*").startswith("501 5.7.0 ")
    assert client.say("AUTH PLAIN") == "334 "
    assert client.say("*").startswith("501 5.7.0 ")
    assert client.say("AUTH PLAIN " + "A" * 12288).startswith("500 5.5.6 ")
    assert client.say("AUTH PLAIN") == "334 "
    assert client.say("A" * 12288).startswith("235 2.7.0 ")
    assert client.say("AUTH PLAIN =").startswith("235 2.7.0 ")


def test_accept_takes_what_no_login_is(stage):
    """Nothing that such a client sends is decoded, and its password is never a command."""
    proxy = stage.proxy(stage.account([closed_port()]), listen="auth = accept\n")
    for said in (["AUTH PLAIN", "no base64!"], ["AUTH PLAIN AG1lAHNlc2FtZQ"], ["AUTH PLAIN me open sesame"], ["AUTH NTLM", "TlRMTVNT"],
                 ["AUTH CRAM-MD5", "bWUgMDEy"], ["AUTH XOAUTH2 dXNlcj1tZQ=="], ["AUTH LOGIN", "me", "QUIT"]):
        client, _ = hello(proxy)
        for line in said[:-1]:
            assert client.say(line).startswith("334 ")
        assert client.say(said[-1]).startswith("235 2.7.0 ")
        assert client.say("MAIL FROM:<a@office.test>").startswith("250 ")


# ---- AUTH: users_file

def test_required(stage):
    work, home = stage.upstream(), stage.upstream()
    users = users_file(stage, scanner=make_hash("sesame"), erp=make_hash("simsim", "-5"), locked="!" + make_hash("sesame"))
    config = stage.account([work], name="work", users="erp") + stage.account([home], name="home")
    proxy = stage.proxy(config, listen="auth = required\nusers_file = %s\n" % users)
    client, _ = hello(proxy)
    assert client.say("MAIL FROM:<a@office.test>").startswith("530 5.7.0 ")
    assert client.say(plain("locked", "sesame")).startswith("535 5.7.8 ")
    assert client.say(plain("nobody-of-that-name", "sesame")).startswith("535 5.7.8 ")
    other, _ = hello(proxy)  # who would act for another is refused as any wrong login is: late, counted, and in the log
    assert other.say("AUTH PLAIN " + b64("erp\0scanner\0sesame")).startswith("535 5.7.8 ")
    proxy.wait_for_log("login refused", count=3)
    assert client.say(plain("scanner", "sesame")).startswith("235 2.7.0 ")
    assert client.say("QUIT").startswith("221 ")
    for user, password in (("scanner", "sesame"), ("erp", "simsim")):
        client = proxy.client()
        client.login(user, password)
        client.sendmail("a@office.test", ["b@example.test"], BODY)
        client.quit()
    assert len(home.wait_for(1)) == 1 and len(work.wait_for(1)) == 1
    proxy.wait_for_log("msg=delivered.* user=scanner upstream=home")
    proxy.wait_for_log("msg=delivered.* user=erp upstream=work")
    assert "nobody-of-that-name" not in proxy.log and "sesame" not in proxy.log and "$6$" not in proxy.log


def test_three_failures_close_and_ten_lock_the_address_out(stage):
    users = users_file(stage, scanner=make_hash("sesame"))
    proxy = stage.proxy(stage.account([closed_port()]), listen="auth = required\nusers_file = %s\n" % users)
    ends = []

    def guess():
        client, _ = hello(proxy)
        replies = [client.say(plain("scanner", "guess%d" % i)) for i in range(3)]
        ends.append((replies, client.reply(), client.at_eof()))

    threads = [threading.Thread(target=guess) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for replies, last, closed in ends:
        assert all(reply.startswith("535 5.7.8 ") for reply in replies) and last.startswith("421 4.7.0 ") and closed
    client, _ = hello(proxy)
    assert client.say(plain("scanner", "guess")).startswith("535 ")  # the tenth
    assert client.say(plain("scanner", "sesame")).startswith("421 4.7.0 ") and client.at_eof()
    client, _ = hello(proxy)
    assert client.say(plain("scanner", "sesame")).startswith("421 4.7.0 ")
    proxy.wait_for_log("locked out.*client=127.0.0.1")


def test_many_logins_at_once_are_put_off(stage):
    cost_12 = "$2b$12$abcdefghijklmnopqrstuuZ4tpFQzCnvdO2iG1oYhMZNCZTt9xWqK"
    users = users_file(stage, scanner=cost_12)
    proxy = stage.proxy(stage.account([closed_port()]), listen="auth = required\nusers_file = %s\n" % users)
    clients = [hello(proxy)[0] for _ in range(30)]
    for client in clients:
        client.send(plain("scanner", "x").encode() + b"\r\n")
    replies = [client.reply() for client in clients]
    assert all(r.startswith(("454 4.7.0 ", "535 5.7.8 ")) for r in replies), replies
    assert any(r.startswith("454 ") for r in replies) and any(r.startswith("535 ") for r in replies)


def test_users_file_is_reread_on_reload(stage):
    users = users_file(stage, scanner=make_hash("sesame"))
    proxy = stage.proxy(stage.account([closed_port()]), listen="auth = required\nusers_file = %s\n" % users)
    before, _ = hello(proxy)
    users_file(stage, printer=make_hash("simsim"))
    proxy.reload()
    client, _ = hello(proxy)
    assert client.say(plain("scanner", "sesame")).startswith("535 ")
    assert client.say(plain("printer", "simsim")).startswith("235 ")
    assert before.say(plain("scanner", "sesame")).startswith("235 ")  # a session under way keeps what it began with
    with open(users, "a") as out:
        out.write("broken\n")
    check = subprocess.run([BINARY, "check", "-c", proxy.config_file], stderr=subprocess.PIPE, text=True)
    assert check.returncode == 78 and "proxy.ini:" in check.stderr and users + ":3: " in check.stderr
    proxy.reload(expect="configuration not reloaded")
    client, _ = hello(proxy)
    assert client.say(plain("printer", "simsim")).startswith("235 ")
    os.chmod(users, 0o644)
    check = subprocess.run([BINARY, "check", "-c", proxy.config_file], stderr=subprocess.PIPE, text=True)
    assert "everybody may read" in check.stderr


def test_required_over_tls_with_clients_of_the_world(stage):
    upstream = stage.upstream()
    users = users_file(stage, scanner=make_hash("sesame"))
    proxy = stage.proxy(stage.account([upstream]), listen="tls = required\nauth = required\nusers_file = %s\nallow = 0.0.0.0/0\n" % users)
    client, offers = hello(proxy)
    assert "AUTH" not in offers
    assert client.say(plain("scanner", "sesame")).startswith("530 5.7.0 ")
    subprocess.run(["swaks", "--server", "127.0.0.1:%d" % proxy.port, "--from", "a@office.test", "--to", "b@example.test", "-tls", "--auth", "PLAIN",
                    "--auth-user", "scanner", "--auth-password", "sesame", "--silent", "3"], check=True)
    letter = stage.folder / "letter"
    letter.write_bytes(BODY)
    subprocess.run(["curl", "-sS", "--ssl-reqd", "--insecure", "--url", "smtp://127.0.0.1:%d" % proxy.port, "--mail-from", "a@office.test", "--mail-rcpt",
                    "b@example.test", "--user", "scanner:sesame", "--upload-file", str(letter)], check=True)
    assert len(upstream.wait_for(2)) == 2


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return s.getsockname()[0]


def test_no_password_in_clear_from_beyond_loopback(stage):
    address = own_address()
    if not address or address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    port = free_port(address)
    users = users_file(stage, scanner=make_hash("sesame"))
    config = stage.account([closed_port()]) + "\n[listen lan]\naddress = %s:%d\nallow = 0.0.0.0/0\ntls = starttls\nauth = required\nusers_file = %s\n" % (
        address, port, users)
    stage.proxy(config)
    client = TlsClient((address, port), 30)
    client.reply()
    assert "AUTH" not in client.say("EHLO scanner")
    assert client.say(plain("scanner", "sesame")).startswith("538 5.7.11 ")
    assert client.say("STARTTLS").startswith("220 ")
    client.secure()
    assert "AUTH PLAIN LOGIN" in client.say("EHLO scanner")
    assert client.say(plain("scanner", "sesame")).startswith("235 ")


def test_behind_a_load_balancer(stage):
    """The PROXY header and the handshake in one segment; the address in the header is the one that counts."""
    upstream = stage.upstream()
    users = users_file(stage, scanner=make_hash("sesame"))
    implicit = free_port()
    keys = "proxy_protocol = 127.0.0.0/8\nallow = 192.0.2.0/24\nauth = required\nusers_file = %s\n" % users
    config = stage.account([upstream]) + "\n[listen tls]\naddress = 127.0.0.1:%d\ntls = implicit\n%s" % (implicit, keys)
    proxy = stage.proxy(config, listen="tls = starttls\n" + keys)
    header = b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 25\r\n"
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = unchecked().wrap_bio(incoming, outgoing, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        handshake.do_handshake()
    with socket.create_connection(("127.0.0.1", implicit), timeout=30) as raw:
        raw.sendall(header + outgoing.read())
        while True:
            try:
                if handshake.read(4) == b"220 ":
                    break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                data = raw.recv(65536)
                assert data
                incoming.write(data)
    client = TlsClient(("127.0.0.1", proxy.port), 30)
    client.send(header + b"EHLO scanner\r\n")
    assert client.reply().startswith("220 ") and "AUTH" not in client.reply()
    assert client.say(plain("scanner", "sesame")).startswith("538 5.7.11 ")
    assert client.say("STARTTLS").startswith("220 ")
    client.secure()
    assert "AUTH PLAIN LOGIN" in client.say("EHLO scanner")
    assert client.say(plain("scanner", "sesame")).startswith("235 ")
