"""Accounts with a TLS of their own: client certificates, pins, private authorities, and a bridge on this machine."""
import ssl
import subprocess

import pytest

from certs import CertificateAuthority, sha256_of
from proxy import BINARY
from submission_server import SubmissionServer
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


def test_no_client_certificate_or_a_strangers(stage):
    ca, server = demanding(stage)
    stranger = stage.ca.issue("stranger", names=["proxy.test"])
    for keys in ({}, {"tls_cert": stranger[0], "tls_key": stranger[1]}):
        proxy = stage.proxy(stage.account([server], **keys))
        assert refused(proxy).startswith("451 4.7.5 ")
        proxy.wait_for_log("wants a client certificate that it trusts")
    assert server.messages == [] and server.auth_attempts == []


def test_private_authority_and_another_name(stage):
    server = stage.upstream()
    deliver(stage.proxy(stage.account([server])))  # tls_ca and tls_name, as all tests here
    other = CertificateAuthority(stage.folder / "other")
    assert refused(stage.proxy(stage.account([server], tls_ca=other.cert))).startswith("451 4.7.5 ")
    assert refused(stage.proxy(stage.account([server], tls_name="elsewhere.test"))).startswith("451 4.7.5 ")
    assert refused(stage.proxy(stage.account([server], tls_name=None))).startswith("451 4.7.5 ")  # the host is 127.0.0.1
    assert len(server.auth_attempts) == 1


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
