"""The static program (make static) in a root that holds nothing but itself, its configuration, a password and whom it trusts: no C library, no NSS, no shell,
no /proc, no /dev."""
import os
import smtplib
import subprocess

import pytest

from conftest import NAME, PASSWORD, USER
from proxy import free_port
from submission_server import closed_port

BINARY = os.environ.get("SMTP_DETOUR_STATIC")
BODY = b"Subject: hello\r\nFrom: a@office.test\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@office.test>\r\n\r\nfirst\r\n.dot\r\nlast\r\n"
NOBODY = 65534

pytestmark = [pytest.mark.skipif(not BINARY, reason="make static-check builds it"), pytest.mark.skipif(os.geteuid() != 0, reason="only root may chroot")]


def bare_root(tmp_path, **files):
    root = tmp_path / "root"
    root.mkdir()
    files = dict({"smtp-detour": open(BINARY, "rb").read()}, **files)
    for name, content in files.items():
        path = root / name.replace("_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o755 if name == "smtp-detour" else 0o400)
        os.chown(path, NOBODY, NOBODY)
    root.chmod(0o755)
    return root


def test_it_delivers_out_of_a_bare_root(stage, ca, tmp_path):
    upstream, port = stage.upstream(), free_port()
    config = "\n".join(["[listen]", "address = 127.0.0.1:%d" % port, "[upstream]", "host = 127.0.0.1", "ports = %d %d" % (closed_port(), upstream.port),
                        "tls_name = " + NAME, "tls_ca = /ca.pem", "username = " + USER, "password_file = /secret", "[server]", "user = 65534", ""])
    root = bare_root(tmp_path, proxy_ini=config, secret=PASSWORD + "\n", ca_pem=open(ca.cert).read())
    command = ["chroot", "--userspec=%d:%d" % (NOBODY, NOBODY), str(root), "/smtp-detour"]
    check = subprocess.run(command + ["check", "-c", "/proxy.ini"], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr
    process = subprocess.Popen(command + ["run", "-c", "/proxy.ini"], stderr=subprocess.PIPE, text=True)
    try:
        said = []
        while not said or "is ready" not in said[-1]:
            said.append(process.stderr.readline())
            assert said[-1], "".join(said)
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.sendmail("a@office.test", ["b@example.test"], BODY)
        message = upstream.wait_for(1)[0]
        assert message.body == BODY and message.user == USER and message.tls
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0
    assert sorted(os.listdir(root)) == ["ca.pem", "proxy.ini", "secret", "smtp-detour"]


def test_it_needs_no_interpreter():
    header = subprocess.run(["readelf", "-ld", BINARY], check=True, capture_output=True, text=True).stdout
    assert "INTERP" not in header and "NEEDED" not in header
