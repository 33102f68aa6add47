"""doctor on networks that are in the way: what would get through, who is to blame, and what to write."""
import base64
import json
import os
import subprocess

import pytest

import netns
from conftest import NAME, PASSWORD, USER
from proxy import BINARY
from submission_server import closed_port

HOST = "127.0.0.9"  # of its own, so that the ports of the trade are free on it


def doctor(stage, config, *args, netns=None):
    path = stage.folder / "doctor.ini"
    path.write_text(config)
    path.chmod(0o600)
    return run(*args, "-c", str(path), netns=netns)


def run(*args, netns=None):
    inside = ["ip", "netns", "exec", netns] if netns else []
    done = subprocess.run(inside + [BINARY, "doctor", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    done.flat = " ".join(done.stdout.split())
    return done


def test_a_port_that_nobody_configured_is_found(stage):
    closed = closed_port()
    found = stage.upstream(host=HOST, port=465, tls="implicit")
    mute = stage.upstream(host=HOST, port=2525, mechanisms="", extensions=())
    done = doctor(stage, stage.account([closed], host=HOST, name="office"))
    assert done.returncode == 1
    assert "[upstream office] write: ports = 465/implicit %d" % closed in done.flat, done.stdout
    assert "465/implicit, which is not in ports, gets through." in done.flat and "no login was tried" in done.flat
    assert found.connections > 0 and found.auth_attempts == mute.auth_attempts == [] and found.messages == []
    # The path of the test's own folder is a word that cannot be folded.
    assert max(len(line.replace(str(stage.folder), "")) for line in done.stdout.splitlines()) <= 80
    account = json.loads(doctor(stage, stage.account([closed], host=HOST), "--json").stdout)["accounts"][0]
    assert account["works"] is False and account["verdict"].startswith("No configured port of %s works." % HOST)
    assert any("write: ports = 465/implicit %d" % closed in line for line in account["advice"])
    assert [p["port"] for p in account["ports"]] == [closed]


def test_a_detour_that_works_gets_a_second_way(stage):
    good, closed = stage.upstream(host=HOST), closed_port()
    stage.upstream(host=HOST, port=587)
    done = doctor(stage, stage.account([closed, good], host=HOST))
    assert done.returncode == 0 and "It would be better to:" in done.flat
    assert "write, so that there is a second way: ports = %d 587 %d" % (good.port, closed) in done.flat, done.stdout


def test_where_the_first_port_works_no_other_is_tried(stage):
    good, other = stage.upstream(host=HOST), stage.upstream(host=HOST, port=2525)
    silent = stage.upstream(host=HOST, silent_after_connect=True)
    done = doctor(stage, stage.account([good, silent], host=HOST, connect_timeout="1s"))
    assert "Nothing has to be changed." in done.flat and "2525" not in done.stdout and other.connections == 0


def test_refused_credentials_come_first_and_alone(stage):
    bad, closed = stage.upstream(host=HOST, users={USER: "other"}), closed_port()
    stage.upstream(host=HOST, port=465, tls="implicit")
    account = json.loads(doctor(stage, stage.account([bad, closed], host=HOST), "--json").stdout)["accounts"][0]
    assert account["verdict"].startswith("The credentials are refused (%d)." % bad.port)
    assert "465" not in account["verdict"]
    assert len(account["advice"]) == 1 and "username, password:" in account["advice"][0]


def test_a_host_without_a_configuration(stage, ca):
    server, plain = stage.upstream(host=HOST, port=587, certificate=ca.issue("host", names=[NAME], addresses=[HOST])), stage.upstream(host=HOST, port=2525, tls="none")
    env = dict(os.environ, SSL_CERT_FILE=ca.cert)
    done = subprocess.run([BINARY, "doctor", "-c", "/nowhere/proxy.ini", "--host", HOST], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, env=env)
    flat = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "587 can be used from here; a login was not tried." in flat and "write in [upstream]: ports = 587" in flat
    assert server.auth_attempts == plain.auth_attempts == []
    assert run("--host", "no host\nports = 25").returncode == 2
    assert run("--host", HOST, "office").returncode == 2


def test_the_dialog_is_shown_without_its_secrets(stage):
    server = stage.upstream(host=HOST, hooks={"RCPT": lambda s, a: b"550 5.1.1 no such user\r\n"})
    done = doctor(stage, stage.account([server], host=HOST), "-v")
    for line in ("> EHLO ", "< 250-PIPELINING", "> STARTTLS", "> AUTH PLAIN (the credentials are left out)", "< 235 2.7.0", "> MAIL FROM:<%s>" % USER, "< 550 5.1.1 no such user"):
        assert "        " + line in done.stdout, done.stdout
    assert "TLSv1.3, TLS_" in done.flat and "certificate for %s" % NAME in done.flat
    told = base64.b64encode(("\0%s\0%s" % (USER, PASSWORD)).encode()).decode()
    assert PASSWORD not in done.stdout and told not in done.stdout


def test_a_server_that_repeats_the_credentials(stage):
    server = stage.upstream(host=HOST, hooks={"AUTH": lambda s, a: b"535 5.7.8 cannot take " + a + b"\r\n"})
    done = doctor(stage, stage.account([server], host=HOST), "-v")
    assert "it repeats the credentials; left out" in done.stdout
    assert base64.b64encode(("\0%s\0%s" % (USER, PASSWORD)).encode()).decode() not in done.stdout


@pytest.mark.parametrize("dates,words", [(("20200101000000Z", "20200201000000Z"), "expired"), (("20900101000000Z", "20910101000000Z"), "valid in")])
def test_a_certificate_out_of_its_time(stage, ca, dates, words):
    done = doctor(stage, stage.account([stage.upstream(host=HOST, certificate=ca.issue("time" + words[:3], names=[NAME], dates=dates))], host=HOST))
    assert words in done.flat and "nothing in the file: if this machine's clock is right" in done.flat
    assert "tls_fingerprint" not in done.stdout and "tls_ca" not in done.stdout


def test_a_certificate_for_another_name(stage, ca):
    done = doctor(stage, stage.account([stage.upstream(host=HOST, certificate=ca.issue("another", names=["mail.elsewhere.test"]))], host=HOST))
    assert "somebody else answers in its place" in done.flat and "host: is it spelt as the provider spells it?" in done.flat
    assert "tls_fingerprint" not in done.stdout and "pin" not in done.flat.split("To change:")[1]


@pytest.mark.skipif(not netns.available(), reason="needs root and network namespaces")
@pytest.mark.parametrize("word", ["reject", "reject with icmpx admin-prohibited"])
@pytest.mark.parametrize("side", ["here", "there"])
def test_who_rejects_the_connection(stage, certificate, word, side):
    network = netns.Network()
    stage.things.append(network)
    rule = "tcp dport 587 %s" % word
    if side == "there":
        network.firewall(rule)
    else:
        text = "table inet own { chain out { type filter hook output priority 0;\n%s\n }\n }\n" % rule
        subprocess.run(["ip", "netns", "exec", network.office, "nft", "-f", "-"], input=text.encode(), check=True)
    account = stage.account([587], host=netns.INTERNET)
    done = doctor(stage, account, netns=network.office)
    ports = json.loads(doctor(stage, account, "--json", netns=network.office).stdout)["accounts"][0]["ports"]
    assert ports[0]["finding"] == "refused"
    local = "This machine itself rejects 587." in done.flat and "this machine's own firewall" in done.flat
    assert local == (side == "here"), done.stdout
    assert ("587 is closed at the server, or rejected on the way." in done.flat) == (not local), done.stdout
