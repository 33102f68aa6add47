"""doctor: what it tells about a network, and what it must never do."""
import json
import os
import subprocess
import threading
import time

import pytest

from conftest import NAME, PASSWORD, USER
from postfix import wait_until
from proxy import BINARY
from submission_server import closed_port


def doctor(stage, config, *args):
    path = stage.folder / "doctor.ini"
    path.write_text(config)
    path.chmod(0o600)
    return subprocess.run([BINARY, "doctor", "-c", str(path), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


def findings(done):
    return [(p["port"], p["finding"]) for p in json.loads(done.stdout)["accounts"][0]["ports"]]


def test_every_port_is_tried_and_explained(stage, ca):
    hole, silent, bare = stage.black_hole(), stage.upstream(silent_after_connect=True), stage.upstream(tls="none")
    liar = stage.upstream(certificate=ca.issue("liar", names=["mail.elsewhere.test"]))
    implicit, good, closed = stage.upstream(tls="implicit"), stage.upstream(), closed_port()
    ports = [hole, silent, bare, liar, "%d/implicit" % implicit.port, good, closed]
    config = stage.account(ports, connect_timeout="2s", name="office")
    done = doctor(stage, config)
    assert done.returncode == 0, done.stderr
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    for words in ("account office: 127.0.0.1, user %s" % USER, "This network blocks %d." % hole.port, "swallows SMTP on %d." % silent.port,
                  "%d works and is used. %d works too." % (implicit.port, good.port), "mechanisms offered: PLAIN LOGIN; used: PLAIN",
                  "takes mail from and to %s" % USER, "its tls_fingerprint:", "mail.elsewhere.test", "Nothing has to be changed."):
        assert words in " ".join(done.stdout.split()), (words, done.stdout)
    assert PASSWORD not in done.stdout + done.stderr
    assert bare.auth_attempts == liar.auth_attempts == [] and good.messages == implicit.messages == []
    assert findings(doctor(stage, config, "--json", "office")) == [
        (hole.port, "timeout-connect"), (silent.port, "timeout-greeting"), (bare.port, "no-starttls"), (liar.port, "certificate"),
        (implicit.port, "works"), (good.port, "works"), (closed, "refused")]


def test_a_refused_password_is_sent_once(stage):
    servers = [stage.upstream(users={USER: "other"}) for _ in range(3)]
    done = doctor(stage, stage.account(servers), "--json")
    assert done.returncode == 1
    assert [f for _, f in findings(done)] == ["auth-refused"] * 3
    assert sum(len(s.auth_attempts) for s in servers) == 1
    text = " ".join(doctor(stage, stage.account(servers)).stdout.split())
    assert "refused the credentials already" in text and "username, password:" in text


def test_a_refusal_on_one_port_while_another_is_asked_whether_it_takes_mail(stage):
    refused = threading.Event()
    good = stage.upstream(hooks={"MAIL": lambda s, a: refused.wait(20) and None})
    bad = stage.upstream(users={USER: "other"}, hooks={"EHLO": lambda s, a: wait_for_login(good)})
    bad.hooks["AUTH"] = lambda s, a: refused.set() or b"535 5.7.8 bad credentials\r\n"
    done = doctor(stage, stage.account([good, bad]), "--json")
    assert done.returncode == 0 and findings(done) == [(good.port, "works"), (bad.port, "auth-refused")], done


def test_the_first_port_is_asked_first_however_quick_the_others_are(stage):
    slow = stage.upstream(users={USER: "other"}, hooks={"EHLO": lambda s, a: time.sleep(0.1)})
    quick = stage.upstream()
    done = doctor(stage, stage.account([slow, quick], port_patience="5s"), "--json")
    assert done.returncode == 1 and findings(done) == [(slow.port, "auth-refused"), (quick.port, "auth-refused")], done
    assert quick.auth_attempts == []


def wait_for_login(server):
    deadline = time.monotonic() + 10
    while not server.auth_attempts and time.monotonic() < deadline:
        time.sleep(0.01)


def test_an_upstream_that_never_answers_mail(stage):
    silent = stage.upstream(hooks={"MAIL": lambda s, a: time.sleep(20)})
    text = " ".join(doctor(stage, stage.account([silent], connect_timeout="1s")).stdout.split())
    assert "does not take mail from and to %s: it did not answer in time" % USER in text


def test_one_port_never_answers_the_login_and_the_other_is_not_asked(stage):
    first, second = (stage.upstream(hooks={"AUTH": lambda s, a: time.sleep(20)}) for _ in range(2))
    done = doctor(stage, stage.account([first, second], connect_timeout="1s", password=None, password_command="sleep 20"), "--json")
    ports = json.loads(done.stdout)["accounts"][0]["ports"]
    assert sorted(p["finding"] for p in ports) == ["auth-temporary", "timeout-auth"] and all(p["address"] == "127.0.0.1" for p in ports)
    words = " ".join(p["words"] for p in ports)
    assert "there is no password (password_command has not answered yet)" in words and "the login on another port was not answered in time" in words


def test_nothing_is_left_of_a_password_command_that_takes_too_long(stage):
    pid_file = stage.folder / "pid"
    script = stage.folder / "slow"
    script.write_text("#!/bin/sh\necho $$ >%s\nexec sleep 60\n" % pid_file)
    script.chmod(0o755)
    doctor(stage, "[server]\nuser = root\n" + stage.account([stage.upstream()], connect_timeout="1s", password=None, password_command=str(script)))
    assert not os.path.exists("/proc/%s" % pid_file.read_text().strip())


def test_json_has_the_documented_shape(stage):
    upstream = stage.upstream()
    account = json.loads(doctor(stage, stage.account([upstream], name="a"), "--json").stdout)["accounts"][0]
    assert (account["name"], account["host"], account["works"]) == ("a", "127.0.0.1", True)
    port = account["ports"][0]
    assert set(port) == {"port", "mode", "address", "finding", "words", "ms"} and port["mode"] == "starttls" and port["address"] == "127.0.0.1"


def test_what_to_change_and_on_which_line(stage):
    config = stage.account([stage.upstream(greeting=b"421 4.3.2 busy\r\n"), stage.upstream(mechanisms="NTLM"), stage.upstream(hooks={"EHLO": lambda s, a: b"502 what?\r\n"}),
                            closed_port()], name="office", auth="plain")
    text = " ".join(doctor(stage, config).stdout.split())
    file = stage.folder / "doctor.ini"

    def line(start):
        return next(n + 1 for n, text in enumerate(config.split("\n")) if text.startswith(start))

    for words in ("nothing in the file: the server cannot take us now", "%s:%d: [upstream office] auth, tls: no mechanism" % (file, line("auth")),
                  "%s:%d: [upstream office] helo: give" % (file, line("[upstream")), "%s:%d: [upstream office] ports: ask" % (file, line("ports")),
                  "The server has no time for us on", "refuses our name in EHLO", "offers no login that can be used", "closed at the server"):
        assert words in text, (words, text)


@pytest.mark.parametrize("keys,words", [({"envelope_from": "scanner@example.test"}, "takes mail from and to scanner@example.test"), ({}, "sending was not tried: the account has no address")])
def test_the_accounts_own_address(stage, keys, words):
    upstream = stage.upstream(users={"apikey": PASSWORD})
    assert words in " ".join(doctor(stage, stage.account([upstream], username="apikey", **keys)).stdout.split())
    assert upstream.messages == []


def test_an_upstream_that_is_this_proxy_itself(stage):
    proxy = stage.proxy("[upstream]\nhost = 127.0.0.1\nports = {port}\ntls = off\n")
    done = subprocess.run([BINARY, "doctor", "-c", proxy.config_file], stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "127.0.0.1:%d is this proxy itself" % proxy.port in " ".join(done.stdout.split())


def test_a_refused_sender_is_told(stage):
    upstream = stage.upstream(hooks={"MAIL": lambda s, a: b"550 5.7.60 not allowed to send as this sender\r\n"})
    done = doctor(stage, stage.account([upstream]))
    assert done.returncode == 0 and "550 5.7.60 not allowed to send as this sender" in " ".join(done.stdout.split())


@pytest.mark.parametrize("args,status", [(["nobody"], 2), (["--frob"], 2)])
def test_usage(stage, args, status):
    assert doctor(stage, stage.account([closed_port()]), *args).returncode == status


def test_name_that_does_not_resolve(stage):
    done = doctor(stage, stage.account([587], host="no-such-host.invalid", connect_timeout="2s"), "--json")
    assert done.returncode == 1 and findings(done) == [(587, "dns")]
    assert NAME not in done.stderr


def breaks_off(session, argument):
    raise ConnectionError("the session is lost")


@pytest.mark.parametrize("verb,hook,words", [
    ("MAIL", lambda s, a: b"550 5.7.60 you may not send as this\r\n", "550 5.7.60 you may not send as this"),
    ("MAIL", lambda s, a: b"530 5.7.0 log in first\r\n", "530 5.7.0 log in first"),
    ("RCPT", lambda s, a: b"550 5.1.1 no such mailbox\r\n", "550 5.1.1 no such mailbox"),
    ("RCPT", lambda s, a: b"452 4.2.2 mailbox full\r\n", "452 4.2.2 mailbox full"),
    ("RCPT", breaks_off, "naming the recipients: the peer cut the TLS connection")])
def test_who_takes_no_mail_and_in_which_words(stage, verb, hook, words):
    refuses = stage.upstream(hooks={verb: hook})
    other = stage.upstream(users={USER: PASSWORD})
    done = doctor(stage, stage.account([refuses], name="first", fallback="other") + stage.account([other], name="other"), "first")
    text = " ".join(done.stdout.split())
    assert done.returncode == 0 and "does not take mail from and to %s: %s" % (USER, words) in text, text
    assert "[" not in text.partition("does not take mail")[2].partition("Verdict")[0], "no log line tells of this mail: its id is of no use"
    assert refuses.connections == 1 and len(refuses.auth_attempts) == 1, "one session serves the login and the mail"
    assert other.connections == 0, "no fallback is asked what this port takes"


def test_a_port_that_takes_mail_is_left_without_a_message(stage):
    upstream = stage.upstream()
    assert "takes mail from and to %s (reset: nothing was sent)" % USER in " ".join(doctor(stage, stage.account([upstream])).stdout.split())

    def said():
        return [line.partition(b" ")[0].upper() for line in upstream.commands()]
    # What was sent may still be on its way when doctor has ended.
    wait_until(lambda: said()[-2:] == [b"RSET", b"QUIT"], said)
    assert not {b"DATA", b"BDAT"} & set(said()), said()
    assert len(upstream.auth_attempts) == 1 and upstream.connections == 1
