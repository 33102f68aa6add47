#!/usr/bin/env python3
"""Makes the table of findings for README.md here: for each, a port that behaves so in front of one that works; what the log says (doctor says the same
sentence), and how long the first message took. Run it by hand: `python3 tests/e2e/findings.py`. The times are of one machine. With `screens` it prints
what doctor shows instead, for whoever changes its words to read as an admin would."""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from certs import CertificateAuthority  # noqa: E402
from proxy import BINARY, Proxy  # noqa: E402
from submission_server import BlackHole, SubmissionServer, closed_port  # noqa: E402

NAME, USER, PASSWORD = "smtp.example.test", "user@example.test", "sesame"


class Resetter:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def stop(self):
        self.listener.close()


def silent(session, argument):
    session.send(b"220 2.0.0 go ahead\r\n")
    time.sleep(30)


def garbage(session, argument):
    session.send(b"220 2.0.0 go ahead\r\n")
    session.socket.recv(10)
    session.socket.sendall(b"this is not TLS at all\r\n")
    time.sleep(30)


def stimuli(ca, cert, key):
    def server(**options):
        certificate = options.pop("certificate", (cert, key))
        return SubmissionServer(*certificate, **{"users": {USER: PASSWORD}, **options})

    stranger = CertificateAuthority(os.path.join(ca.folder, "stranger"), "another CA")
    return [
        ("refused", "nothing listens", lambda: closed_port()),
        ("timeout-connect", "packets are dropped", BlackHole),
        ("timeout-greeting", "connects, never greets", lambda: server(silent_after_connect=True)),
        ("reset", "RST after connect", Resetter),
        ("greeting-4xx", "421 as greeting", lambda: server(greeting=b"421 4.3.2 too busy\r\n")),
        ("greeting-5xx", "554 as greeting", lambda: server(greeting=b"554 5.7.1 not you\r\n")),
        ("not-smtp", "an HTTP server", lambda: server(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("ehlo-refused", "502 to EHLO", lambda: server(hooks={"EHLO": lambda s, a: b"502 5.5.1 what?\r\n"})),
        ("no-starttls", "no STARTTLS in EHLO", lambda: server(tls="none")),
        ("no-starttls", "a firewall overwrote the keyword", lambda: server(tls="none", extensions=["XXXXXXXA"])),
        ("starttls-refused", "454 to STARTTLS", lambda: server(hooks={"STARTTLS": lambda s, a: b"454 4.7.0 not now\r\n"})),
        ("timeout-tls", "silent after 220 to STARTTLS", lambda: server(hooks={"STARTTLS": silent})),
        ("tls-handshake", "no TLS after 220 to STARTTLS", lambda: server(hooks={"STARTTLS": garbage})),
        ("tls-handshake", "a reply slipped in after the 220", lambda: server(hooks={"STARTTLS": lambda s, a: b"220 go\r\n250 AUTH PLAIN\r\n"})),
        ("certificate", "for another name", lambda: server(certificate=ca.issue("name", names=["mail.elsewhere.test"]))),
        ("certificate", "expired", lambda: server(certificate=ca.issue("old", names=[NAME], expired=True))),
        ("certificate", "issuer unknown", lambda: server(certificate=stranger.issue("alien", names=[NAME]))),
        ("auth-unavailable", "only GSSAPI is offered", lambda: server(mechanisms="GSSAPI")),
        ("auth-temporary", "454 to AUTH", lambda: server(hooks={"AUTH": lambda s, a: b"454 4.7.0 later\r\n"})),
        ("timeout-auth", "AUTH is never answered", lambda: server(hooks={"AUTH": lambda s, a: time.sleep(30) or b"235 2.7.0 too late\r\n"})),
        ("auth-refused", "535 to AUTH", lambda: server(users={USER: "other"})),
    ]


def measure(folder, ca, cert, key, bad):
    good = SubmissionServer(cert, key, users={USER: PASSWORD})
    port = getattr(bad, "port", bad)
    proxy = Proxy(folder, "[listen]\naddress = 127.0.0.1:{port}\n[upstream]\nhost = 127.0.0.1\nports = %d %d\ntls_name = %s\ntls_ca = %s\nusername = %s\n"
                  "password = %s\nconnect_timeout = 3s\n" % (port, good.port, NAME, ca.cert, USER, PASSWORD))
    begun = time.monotonic()
    client = proxy.raw()
    client.reply()
    client.say("EHLO x")
    client.say("MAIL FROM:<a@b.test>")
    reply = client.say("RCPT TO:<c@example.test>")
    if reply.startswith("250"):
        client.say("DATA")
        reply = client.say(b"Subject: x\r\n\r\nx\r\n.\r\n")
    took = time.monotonic() - begun
    client.close()
    time.sleep(0.1)
    lines = [line for line in proxy.lines if "port=%d " % port in line and "finding=" in line]
    proxy.stop()
    good.stop()
    if hasattr(bad, "stop"):
        bad.stop()
    line = lines[-1] if lines else ""
    words = line.split('msg="', 1)[1].split('" account', 1)[0] if 'msg="' in line else "(no line)"
    finding = line.split("finding=", 1)[1].split()[0] if line else "-"
    return reply, took, finding, words.replace(str(port), "PORT")


def screen(folder, ca, cert, key, bad):
    """Doctor, where nothing works but, beside it, a port that nobody configured."""
    port = getattr(bad, "port", bad)
    config = os.path.join(folder, "proxy.ini")
    with open(os.open(config, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        out.write("[server]\nuser = root\n[upstream]\nhost = 127.0.0.1\nports = %d\ntls_name = %s\ntls_ca = %s\nusername = %s\npassword = %s\n"
                  "connect_timeout = 3s\n" % (port, NAME, ca.cert, USER, PASSWORD))
    good = SubmissionServer(cert, key, users={USER: PASSWORD}, port=2525)
    done = subprocess.run([BINARY, "doctor", "-c", config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    good.stop()
    if hasattr(bad, "stop"):
        bad.stop()
    return done.stdout.replace(config, "proxy.ini")


def main():
    folder = tempfile.mkdtemp(prefix="smtp-detour-findings-")
    os.chmod(folder, 0o755)
    ca = CertificateAuthority(os.path.join(folder, "ca"))
    cert, key = ca.issue("good", names=[NAME])
    print("| finding | stimulus | first message | what log and doctor say |\n|---|---|---|---|")
    status = 0
    for n, (expected, stimulus, make) in enumerate(stimuli(ca, cert, key)):
        room = os.path.join(folder, str(n))
        os.mkdir(room)
        if sys.argv[1:] == ["screens"]:
            print("==== %s: %s\n%s" % (expected, stimulus, screen(room, ca, cert, key, make())), flush=True)
            continue
        reply, took, finding, words = measure(room, ca, cert, key, make())
        print("| %s | %s | %s | %s |" % (finding, stimulus, "%.2f s" % took if reply.startswith("250") else reply.split(" [")[0], words.replace("|", "/")), flush=True)
        status |= finding != expected
    shutil.rmtree(folder)
    return status


if __name__ == "__main__":
    sys.exit(main())
