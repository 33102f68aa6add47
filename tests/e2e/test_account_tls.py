"""Accounts with a TLS of their own: client certificates, pins, private authorities, and a bridge on this machine."""
import os
import shutil
import ssl
import subprocess
import tempfile

import pytest

from certs import CertificateAuthority, sha256_of
from conftest import NAME, PASSWORD
from proxy import BINARY, Proxy
from submission_server import SubmissionServer, closed_port
from test_accounts import refused
from test_main_path import deliver


def demanding(stage):
    """An upstream that takes nobody without a certificate of its own authority."""
    ca = CertificateAuthority(stage.folder / "clients", "clients of the upstream")
    server = stage.upstream()
    server.context.load_verify_locations(ca.cert)
    server.context.verify_mode = ssl.CERT_REQUIRED
    return ca, server


def test_client_certificate(stage):
    ca, server = demanding(stage)
    cert, key = ca.issue("proxy", names=["proxy.test"])
    deliver(stage.proxy(stage.account([server], tls_cert=cert, tls_key=key)))
    both = stage.folder / "both.pem"
    both.write_text(open(cert).read() + open(key).read())
    both.chmod(0o600)
    deliver(stage.proxy(stage.account([server], tls_cert=both)))  # the key is in the same file
    assert len(server.wait_for(2)) == 2


def test_files_that_hold_something_else_are_found_by_check(stage):
    cert, key = stage.ca.issue("mine", names=["mine.test"])
    other_key, words = stage.ca.issue("other", names=["other.test"])[1], stage.folder / "words.pem"
    words.write_text("no certificate at all\n")
    words.chmod(0o600)
    os.chmod(cert, 0o600)  # without tls_key the key is looked for in it
    config = stage.folder / "proxy.ini"
    longer = stage.folder / "words.pem.key"  # its name holds that of another file
    longer.write_text(words.read_text())
    longer.chmod(0o600)
    trust = stage.folder / "words.pem.k"
    trust.write_text(open(stage.ca.cert).read())
    for keys, said in (({"tls_ca": trust, "tls_cert": cert, "tls_key": longer}, "tls_key: no private key that fits the certificate"),
                       ({"tls_ca": words}, "tls_ca: no certificates in PEM form in %s" % words), ({"tls_cert": words}, "tls_cert: no certificate in PEM form in %s" % words),
                       ({"tls_cert": cert, "tls_key": other_key}, "tls_key: no private key that fits the certificate"),
                       ({"tls_cert": cert}, "tls_cert: no private key that fits the certificate"), ({"tls_cert": cert, "tls_key": key}, None)):
        config.write_text("[listen]\naddress = 127.0.0.1:%d\n" % closed_port() + stage.account([587], name="a", **keys) + stage.account([587], name="b", **keys))
        config.chmod(0o600)
        done = subprocess.run([BINARY, "check", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
        assert done.returncode == (78 if said else 0), done.stderr
        if said:
            assert "%s:3: [upstream a] %s" % (config, said) in done.stderr and "[upstream b] %s" % said in done.stderr
            done = subprocess.run([BINARY, "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
            assert done.returncode == 78 and "[upstream a] %s" % said in done.stderr


def test_no_client_certificate_or_a_strangers(stage):
    ca, server = demanding(stage)
    stranger = stage.ca.issue("stranger", names=["proxy.test"])
    for keys in ({}, {"tls_cert": stranger[0], "tls_key": stranger[1]}):
        proxy = stage.proxy(stage.account([server], **keys))
        assert refused(proxy).startswith("451 4.7.5 ")
        proxy.wait_for_log("wants a client certificate that it trusts")
    assert server.messages == [] and server.auth_attempts == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_a_key_that_only_root_may_read_survives_a_reload(stage):
    ca, server = demanding(stage)
    cert, key = ca.issue("proxy", names=["proxy.test"])
    with tempfile.TemporaryDirectory() as folder:  # one that the server's user may enter
        mine = [shutil.copy(path, folder) for path in (cert, key, stage.ca.cert)]
        for path, mode in zip(mine, (0o644, 0o600, 0o644)):
            os.chmod(path, mode)
        config = stage.account([server], name="a", password=None, password_command="/bin/echo " + PASSWORD, tls_cert=mine[0], tls_key=mine[1], tls_ca=mine[2])
        proxy = Proxy(folder, "[listen]\naddress = 127.0.0.1:{port}\n%s[server]\nuser = daemon\n" % config, mode=0o644)
        try:
            deliver(proxy)
            proxy.write_config("[listen]\naddress = 127.0.0.1:{port}\n%smax_messages = 7\n[server]\nuser = daemon\n" % config)  # a new account, and
            proxy.reload()
            assert "level=warn" in proxy.wait_for_log("tls_key: %s cannot be read any more; it stays the same" % mine[1])
            deliver(proxy)
            proxy.reload()  # one that is kept
            server.cut_connections()
            deliver(proxy)
            proxy.write_config(open(proxy.config_file).read().replace("tls_key = " + mine[1], "tls_key = " + mine[1] + "2"))
            os.rename(mine[1], mine[1] + "2")
            proxy.reload("nothing changes")  # it was never read under this name
            deliver(proxy)
        finally:
            proxy.stop()


def test_private_authority_and_another_name(stage):
    server = stage.upstream()
    deliver(stage.proxy(stage.account([server])))  # tls_ca and tls_name, as all tests here
    other = CertificateAuthority(stage.folder / "other")
    assert refused(stage.proxy(stage.account([server], tls_ca=other.cert))).startswith("451 4.7.5 ")
    assert refused(stage.proxy(stage.account([server], tls_name="elsewhere.test"))).startswith("451 4.7.5 ")
    assert refused(stage.proxy(stage.account([server], tls_name=None))).startswith("451 4.7.5 ")  # the host is 127.0.0.1
    assert len(server.auth_attempts) == 1


def answer_to_rcpt(proxy, account):
    """From a sender who belongs to that account."""
    client = proxy.raw()
    client.reply()
    client.say("EHLO scanner")
    client.say("MAIL FROM:<x@%s.test>" % account)
    return client.say("RCPT TO:<b@example.test>")


@pytest.mark.parametrize("reloaded", [False, True])
def test_accounts_share_what_they_trust_only_where_they_name_the_same(stage, reloaded):
    """The authorities are read once for all accounts with the same tls_ca, and for nobody else: whoever comes first in the file."""
    server, other = stage.upstream(), CertificateAuthority(stage.folder / "other")
    keys = {"right": {}, "wrong": {"tls_ca": other.cert}, "named": {"tls_name": "elsewhere.test"}, "system": {"tls_ca": None}, "again": {"helo": "x.test"}}
    for order in (list(keys), list(reversed(keys))):
        config = "".join(stage.account([server], name=n, senders="@%s.test" % n, **keys[n]) for n in order)
        proxy = stage.proxy(stage.account([server]) if reloaded else config)
        if reloaded:
            proxy.write_config("[listen]\naddress = 127.0.0.1:{port}\n" + config)
            proxy.reload()
        for name in order:
            expected = "250 " if name in ("right", "again") else "451 4.7.5 "
            assert answer_to_rcpt(proxy, name).startswith(expected), name


def test_what_tls_ca_holds_is_an_anchor_for_every_account_that_names_it(stage):
    """The server's own certificate, and not its issuer; the second account has other settings, so that only what it trusts is shared."""
    leaf = stage.ca.issue("leaf", names=[NAME])
    server = stage.upstream(certificate=leaf)
    proxy = stage.proxy("".join(stage.account([server], name=n, senders="@%s.test" % n, tls_ca=leaf[0], **keys) for n, keys in (("a", {}), ("b", {"tls_min": "1.3"}))))
    for name in ("a", "b"):
        assert answer_to_rcpt(proxy, name).startswith("250 "), name


def self_signed(stage):
    cert, key = stage.folder / "bridge.pem", stage.folder / "bridge.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "30", "-subj",
                    "/CN=127.0.0.1"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return str(cert), str(key)


@pytest.mark.parametrize("tls", ["verify", "encrypt"])
def test_a_pin_of_several_replaces_authority_and_name(stage, tls):
    old, new = self_signed(stage), stage.ca.issue("next", names=["next.test"])
    server, after = stage.upstream(certificate=old), stage.upstream(certificate=new)
    pins = "%s %s" % (sha256_of(old[0]), sha256_of(new[0]).replace(":", "").lower())
    for upstream in (server, after):  # before and after the certificate was changed
        deliver(stage.proxy(stage.account([upstream], tls=tls, tls_ca=None, tls_name=None, tls_fingerprint=pins)))
    wrong = stage.proxy(stage.account([server], tls=tls, tls_ca=None, tls_name=None, tls_fingerprint="00" * 32))
    assert refused(wrong).startswith("451 4.7.5 ")
    assert len(server.auth_attempts) == 1


def test_a_bridge_on_this_machine_by_the_pin_that_doctor_prints(stage):
    cert, key = self_signed(stage)
    try:
        bridge = SubmissionServer(cert, key, users={"me@proton.me": "bridge-word"}, port=1025)
    except OSError:
        pytest.skip("port 1025 is taken")
    stage.things.append(bridge)
    section = "[upstream]\nprovider = proton-bridge\nusername = me@proton.me\npassword = bridge-word\n"
    config = stage.folder / "bridge.ini"
    config.write_text(section)
    config.chmod(0o600)
    done = subprocess.run([BINARY, "doctor", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
    pin = sha256_of(cert).replace(":", "").lower()
    assert done.returncode == 1 and pin in done.stdout, done.stdout + done.stderr
    assert bridge.auth_attempts == []  # not before it is pinned
    deliver(stage.proxy(section + "tls_fingerprint = %s\n" % pin))
    assert bridge.wait_for(1)[0].user == "me@proton.me"
