"""Accounts: which one takes a message and why, where its password comes from, how it logs in, and what happens when it does not work."""
import base64
import os
import re
import shutil
import smtplib
import stat
import subprocess
import time

import pytest

from conftest import PASSWORD, USER
from proxy import BINARY
from submission_server import Session, SubmissionServer, closed_port
from test_front_tls_auth import make_hash, users_file
from test_main_path import BODY, deliver
from test_real_servers import postfix  # a fixture

NEEDS_POSTFIX = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("postfix") or not shutil.which("dovecot"), reason="needs root, Postfix and Dovecot")


def script(stage, name, text, mode=0o755):
    path = stage.folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(mode)
    return path


def refused(proxy, sender="a@office.test"):
    """What a client is told at RCPT."""
    with pytest.raises(smtplib.SMTPRecipientsRefused) as error:
        deliver(proxy, sender=sender)
    code, text = list(error.value.recipients.values())[0]
    return "%d %s" % (code, text.decode())


# ---- mechanisms

@NEEDS_POSTFIX
@pytest.mark.parametrize("offered,auth,used", [("scram-sha-256", None, "SCRAM-SHA-256"), ("login", None, "LOGIN"), ("cram-md5", "cram-md5", "CRAM-MD5"),
                                               ("plain login cram-md5 scram-sha-256", None, "SCRAM-SHA-256"),
                                               ("plain login cram-md5 scram-sha-256", "scram-sha-256", "SCRAM-SHA-256"),
                                               ("plain login cram-md5 scram-sha-256", "login", "LOGIN"), ("plain login cram-md5", None, "PLAIN")])
def test_real_dovecot_checks_the_login(stage, postfix, offered, auth, used):
    server = postfix(mechanisms=offered)
    proxy = stage.proxy(stage.account([server.port], auth=auth))
    deliver(proxy)
    assert len(server.delivered(1)) == 1
    server.logged("sasl_method=%s, sasl_username=%s" % (used, USER))
    proxy.wait_for_log("logged in with %s" % used)


@NEEDS_POSTFIX
@pytest.mark.parametrize("offered,auth", [("scram-sha-256", None), ("cram-md5", "cram-md5")])
def test_real_dovecot_refuses_a_wrong_password(stage, postfix, offered, auth):
    server = postfix(mechanisms=offered)
    proxy = stage.proxy(stage.account([server.port], auth=auth, password="wrong"))
    assert refused(proxy).startswith("451 4.3.5 ")
    assert server.logged("authentication failed").count("authentication failed") == 1


def test_cram_md5_only_when_named(stage):
    upstream = stage.upstream(mechanisms="CRAM-MD5")
    proxy = stage.proxy(stage.account([upstream]))
    assert "auth-unavailable" in refused(proxy)
    assert upstream.auth_attempts == []


class UnprovenYes(Session):
    """Plays SCRAM up to its end, and says 235 without the signature that would prove that it knows the password."""

    def do_auth(self, argument):
        nonce = re.search(rb"r=([^,]+)", base64.b64decode(argument.split()[1])).group(1)
        self.send(b"334 " + base64.b64encode(b"r=" + nonce + b"server,s=" + base64.b64encode(b"salt") + b",i=4096") + b"\r\n")
        self.read_line()
        if b"PROOF" in self.server.name.encode():
            self.send(b"334 " + base64.b64encode(b"v=" + base64.b64encode(b"x" * 32)) + b"\r\n")
            self.read_line()
        self.user = USER
        self.send(b"235 2.7.0 welcome\r\n")


@pytest.mark.parametrize("name", ["upstream.test", "WRONG-PROOF"])
def test_scram_without_a_verified_signature_is_no_login(stage, name):
    upstream = stage.upstream(mechanisms="SCRAM-SHA-256", name=name)
    upstream.session_class = UnprovenYes
    proxy = stage.proxy(stage.account([upstream]))
    assert "auth-unavailable" in refused(proxy)
    proxy.wait_for_log("knows the password")
    assert upstream.messages == [] and not any(c.upper().startswith(b"MAIL") for c in upstream.commands())


def test_504_tries_the_next_mechanism_and_535_stops(stage):
    def unknown(session, argument):
        return b"504 5.5.4 not that one\r\n" if argument.upper().startswith((b"SCRAM", b"PLAIN")) else None
    upstream = stage.upstream(mechanisms="SCRAM-SHA-256 PLAIN LOGIN", hooks={"AUTH": unknown})
    deliver(stage.proxy(stage.account([upstream])))
    assert upstream.wait_for(1)[0].mechanism == "LOGIN" and upstream.connections == 1
    stern = stage.upstream(mechanisms="PLAIN LOGIN", users={USER: "another"})
    assert refused(stage.proxy(stage.account([stern]))).startswith("451 4.3.5 ")
    assert len(stern.auth_attempts) == 1


@pytest.mark.parametrize("auth,said", [("auto", None), ("scram-sha-256", "SCRAM cannot carry this user name or password")])
def test_a_password_that_scram_cannot_carry_goes_by_the_next_mechanism(stage, auth, said):
    password = stage.folder / "latin-1"
    password.write_bytes(b"ses\xe4me\n")
    password.chmod(0o600)
    upstream = stage.upstream(mechanisms="SCRAM-SHA-256 PLAIN", hooks={"AUTH": lambda s, a: None if a.upper().startswith(b"SCRAM") else b"235 2.7.0 fine\r\n",
                                                                      "MAIL": lambda s, a: b"250 2.1.0 fine\r\n", "RCPT": lambda s, a: b"550 5.1.1 logged in, and known\r\n"})
    proxy = stage.proxy(stage.account([upstream], auth=auth, password=None, password_file=password))
    assert refused(proxy).startswith("451 4.4.1 " if said else "550 5.1.1 logged in")
    assert [c.split()[1] for c in upstream.commands() if c.startswith(b"AUTH")] == ([] if said else [b"PLAIN"])
    if said:
        proxy.wait_for_log(said)


def test_basic_authentication_is_not_supported(stage):
    upstream = stage.upstream(hooks={"AUTH": lambda s, a: b"550 5.7.30 Basic authentication is not supported for Client Submission.\r\n"})
    other = stage.upstream()
    proxy = stage.proxy(stage.account([upstream, other]))
    for _ in range(2):
        assert refused(proxy).startswith("451 4.3.5 ")
    assert sum(c.startswith(b"AUTH") for c in upstream.commands()) == 1 and other.auth_attempts == []
    assert "5.7.30" in proxy.log


@pytest.mark.parametrize("hostname,helo,said", [("gw.office.test", None, "gw.office.test"), ("gw", None, "[127.0.0.1]"), ("localhost", None, "[127.0.0.1]"),
                                                ("LocalHost.localdomain", None, "[127.0.0.1]"), ("localhosts.test", None, "localhosts.test"), ("gw", "me.office.test", "me.office.test")])
def test_how_we_greet(stage, hostname, helo, said):
    upstream = stage.upstream()
    deliver(stage.proxy(stage.account([upstream], helo=helo) + "[server]\nhostname = %s\n" % hostname))
    assert upstream.wait_for(1)[0].helo == said


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
@pytest.mark.parametrize("username,said", [(USER, "let us log in, and yet"), (None, "wants a login, and this account has none")])
def test_the_log_says_what_a_530_said(stage, verb, username, said):
    upstream = stage.upstream(hooks={"MAIL": lambda s, a: b"250 2.1.0 fine\r\n", verb: lambda s, a: b"530 5.7.57 Client not authenticated to send mail\r\n"})
    proxy = stage.proxy(stage.account([upstream], username=username, password=PASSWORD if username else None))
    assert refused(proxy).startswith("451 4.3.5 ")
    line = proxy.wait_for_log(said)
    assert 'reply="530 5.7.57 Client not authenticated to send mail"' in line and "level=warn" in line
    if verb == "MAIL":
        proxy.wait_for_log("refuses the configured credentials; the next try" if username else "wants a login, and the account has none; the next try")
    assert len([x for x in proxy.lines if said in x]) == 1


# ---- secrets

def test_password_command(stage):
    upstream = stage.upstream(users={USER: "it's a \"secret\""})
    seen, word = stage.folder / "seen", stage.folder / "word"
    command = script(stage, "s", 'printf "%%s\\n" "$#:$1:$2" >>%s; cat %s\n' % (seen, word))
    word.write_text("it's a \"secret\"\nsecond line\n")
    seen.write_text("")
    proxy = stage.proxy(stage.account([upstream], password=None, password_command='%s "two words" \'$HOME *\'' % command))
    assert seen.read_text() == ""  # not before it is needed
    deliver(proxy)
    deliver(proxy)
    assert seen.read_text() == "2:two words:$HOME *\n"
    assert "secret\"" not in proxy.log
    proxy.reload()
    deadline = time.monotonic() + 10
    while seen.read_text().count("\n") < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert seen.read_text().count("\n") == 2


def test_a_password_that_changed_is_fetched_behind_a_refusal(stage):
    upstream = stage.upstream(users={USER: "old"})
    word = stage.folder / "word"
    word.write_text("old\n")
    proxy = stage.proxy(stage.account([upstream], password=None, password_command="/bin/cat %s" % word, max_messages=1))
    deliver(proxy)
    upstream.users[USER] = "new"
    word.write_text("new\n")
    deliver(proxy)  # the client never hears of it
    assert [p for _, p in upstream.auth_attempts] == ["old", "old", "new"]


@pytest.mark.parametrize("text", ["exit 3\n", "echo\n", "kill -9 $$\n"])
def test_a_command_that_fails_is_temporary(stage, text):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream], password=None, password_command=script(stage, "bad.sh", text)))
    assert refused(proxy).startswith("451 4.7.0 ")
    proxy.wait_for_log("password_command failed")
    assert upstream.auth_attempts == []


def test_a_command_that_is_slower_than_acquire_timeout(stage):
    proxy = stage.proxy(stage.account([stage.upstream()], password=None, password_command="sleep 20", acquire_timeout="500ms"))
    assert refused(proxy).startswith("451 4.7.0 ")
    assert "there is no password (password_command has not answered yet)" in proxy.log


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_command_runs_as_the_servers_user_and_nothing_shows_the_secret(stage):
    upstream = stage.upstream(users={USER: "k33p-this"})
    for folder in [stage.folder, *list(stage.folder.parents)[:3]]:
        if str(folder) != "/tmp":
            folder.chmod(folder.stat().st_mode | 0o055)
    who = stage.folder / "who"
    who.write_text("")
    who.chmod(0o666)
    command = script(stage, "who.sh", "id -un >>%s; tr '\\0' '\\n' </proc/self/environ >>%s; echo k33p-this\n" % (who, who))
    proxy = stage.proxy("[server]\nuser = nobody\n" + stage.account([upstream], password=None, password_command=command), mode=0o644)
    deliver(proxy)
    said = who.read_text()
    assert said.startswith("nobody\n") and "k33p-this" not in said
    pid = proxy.process.pid
    for name in ("cmdline", "environ"):
        with open("/proc/%d/%s" % (pid, name), "rb") as source:
            assert b"k33p-this" not in source.read()
    assert "k33p-this" not in proxy.log
    assert os.stat("/proc/%d/mem" % pid).st_uid == 0  # not dumpable: no core, and its own user may not look inside


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_doctor_runs_the_command_as_the_servers_user_too(stage):
    upstream = stage.upstream()
    for folder in [stage.folder, *list(stage.folder.parents)[:3]]:
        if str(folder) != "/tmp":
            folder.chmod(folder.stat().st_mode | 0o055)
    who = stage.folder / "who"
    who.write_text("")
    who.chmod(0o666)
    config = stage.folder / "doctor.ini"
    config.write_text("[server]\nuser = nobody\n" + stage.account([upstream], password=None, password_command=script(stage, "who.sh", "id -un >>%s; echo %s\n" % (who, PASSWORD))))
    done = subprocess.run([BINARY, "doctor", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    assert who.read_text() == "nobody\n"


def test_systemd_credential(stage):
    upstream = stage.upstream(users={USER: "from systemd"})
    folder = stage.folder / "credentials"
    folder.mkdir(mode=0o700)
    (folder / "work").write_text("from systemd\n")
    (folder / "work").chmod(0o400)
    proxy = stage.proxy(stage.account([upstream], password=None, password_file="credential:work"), env={**os.environ, "CREDENTIALS_DIRECTORY": str(folder)})
    deliver(proxy)
    assert upstream.auth_attempts == [(USER, "from systemd")]


# ---- fallback, identity, rate

def test_fallback_when_no_port_works_or_the_login_is_refused(stage):
    spare, stern = stage.upstream(users={"spare@example.test": "s"}), stage.upstream(users={USER: "another"})
    one = stage.account([closed_port()], name="one", senders="@one.test", fallback="spare")
    two = stage.account([stern], name="two", senders="@two.test", fallback="spare")
    proxy = stage.proxy(one + two + stage.account([spare], name="spare", username="spare@example.test", password="s", senders="nobody@nowhere.test",
                                                  envelope_from="spare@example.test"))
    deliver(proxy, sender="a@one.test")
    deliver(proxy, sender="a@two.test")
    messages = spare.wait_for(2)
    assert [m.sender for m in messages] == ["spare@example.test"] * 2 and messages[0].user == "spare@example.test"  # its own rewriting
    assert len(stern.auth_attempts) == 1
    assert "upstream=spare" in proxy.wait_for_log("msg=delivered", count=2)


def test_no_fallback_when_the_message_is_refused(stage):
    spare = stage.upstream()
    picky = stage.upstream(hooks={"MAIL": lambda s, a: b"550 5.7.60 SMTP; Client does not have permissions to send as this sender\r\n"})
    proxy = stage.proxy(stage.account([picky], name="one", fallback="spare", senders="@office.test") + stage.account([spare], name="spare", senders="<>"))
    assert refused(proxy).startswith("550 5.7.60 ")
    assert spare.connections == 0


def test_identity_is_the_sender(stage):
    upstream = stage.upstream(users={"a@office.test": "p", "b@office.test": "p", USER: "p"})
    proxy = stage.proxy(stage.account([upstream], identity="sender", password="p"))
    for sender in ("a@office.test", "b@office.test", "a@office.test", ""):
        deliver(proxy, sender=sender)
    messages = upstream.wait_for(4)
    assert [m.user for m in messages] == ["a@office.test", "b@office.test", "a@office.test", USER]
    assert messages[0].session == messages[2].session  # pooled per identity


def test_rate_of_an_account(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream], rate="2/d", acquire_timeout="300ms"))
    deliver(proxy)
    deliver(proxy)
    assert refused(proxy).startswith("451 4.4.5 ")
    assert len(upstream.messages) == 2


def test_a_session_that_replaces_a_lost_one_takes_no_second_place_in_the_rate(stage):
    lost = []

    def mail(session, argument):
        if not lost or len(upstream.messages) == 1 == len(lost):  # the first session ever, then one that rested
            lost.append(session.number)
            raise ConnectionError

    upstream = stage.upstream(hooks={"MAIL": mail})
    proxy = stage.proxy(stage.account([upstream], rate="2/d", acquire_timeout="2s"))
    deliver(proxy)
    deliver(proxy)
    assert len(lost) == 2 and refused(proxy).startswith("451 4.4.5 ")


# ---- routing

def test_three_accounts_by_sender_through_swaks_and_msmtp(stage):
    servers = {domain: stage.upstream(users={"me@" + domain: domain}) for domain in ("one.test", "two.test", "three.test")}
    proxy = stage.proxy("".join(stage.account([server], name=domain.split(".")[0], username="me@" + domain, password=domain,
                                              senders="@" + domain if domain != "three.test" else None) for domain, server in servers.items()))
    for domain in servers:
        subprocess.run(["swaks", "--silent", "3", "--server", "127.0.0.1", "--port", str(proxy.port), "--from", "scan@" + domain, "--to", "b@example.test"], check=True,
                       timeout=30)
        subprocess.run(["msmtp", "--host=127.0.0.1", "--port=%d" % proxy.port, "--from=cron@" + domain, "b@example.test"], check=True, timeout=30,
                       input=b"Subject: from msmtp\n\nhello\n", env={**os.environ, "HOME": str(stage.folder)})
    for domain, server in servers.items():
        messages = server.wait_for(2)
        assert sorted(m.sender for m in messages) == ["cron@" + domain, "scan@" + domain]
        assert {m.user for m in messages} == {"me@" + domain}


def test_users_pick_the_account(stage):
    erp, rest = stage.upstream(), stage.upstream()
    users = users_file(stage, erp=make_hash("simsim"), scanner=make_hash("sesame"))
    proxy = stage.proxy(stage.account([erp], name="erp", users="erp") + stage.account([rest], name="rest"), listen="auth = required\nusers_file = %s\n" % users)
    for user, password in (("erp", "simsim"), ("scanner", "sesame")):
        with proxy.client() as client:
            client.login(user, password)
            client.sendmail(user + "@office.test", ["b@example.test"], BODY)
    assert [m.sender for m in erp.wait_for(1)] == ["erp@office.test"] and [m.sender for m in rest.wait_for(1)] == ["scanner@office.test"]
    assert "user=erp upstream=erp" in proxy.log


def test_check_route_tells_who_and_why(stage):
    config = stage.folder / "route.ini"
    config.write_text("[upstream erp]\nhost = h\nusers = erp\n[upstream boss]\nhost = smtp.boss.test\nsenders = boss@example.com\nusername = boss\npassword = x\n"
                      "fallback = rest\n[upstream rest]\nhost = h\nclients = 127.0.0.0/8\n")
    config.chmod(0o600)

    def ask(*args):
        done = subprocess.run([BINARY, "check", "-c", str(config), "--route", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr
    status, text = ask("Boss@example.com")
    assert status == 0 and "[upstream boss] takes it" in text and "smtp.boss.test, as boss" in text and "[upstream rest]" in text
    assert "[upstream erp] does not: users = erp" in text
    status, text = ask("<>", "127.0.0.7")
    assert status == 0 and "[upstream rest] takes it" in text and "senders = boss@example.com does not match <>" in text
    status, text = ask("")
    assert status == 0 and "senders = boss@example.com does not match <>" in text
    status, text = ask("root")
    assert status == 1 and "[upstream rest] takes it" in text and "501 5.1.7" in text and "qualify" in text
    config.write_text(config.read_text() + "qualify = office.test\n")
    status, text = ask("root")
    assert status == 0 and "501" not in text
    status, text = ask("a@example.com", "10.0.0.1")
    assert status == 1 and "it listens on this machine only" in text
    assert ask("no address")[0] == 2 and ask("a@b.test", "nowhere")[0] == 2
