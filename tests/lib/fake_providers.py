"""Submission services that behave as each of the well-known ones is documented to: which ports are open, closed or silent, TLS mode by port, greeting, EHLO, mechanisms, the
user name they want, limits and the words of their refusals. They live in the internet namespace of netns.Network, on the real port numbers, under the real host names."""
import os
import re
import shutil
import socket

from netns import INTERNET
from submission_server import Session, SubmissionServer

PASSWORD = "abcdefghijklmnop"


class Service:
    """silent: ports on which packets vanish; every other port refuses. clear_auth: AUTH is offered before TLS too. enhanced: replies carry enhanced codes."""

    def __init__(self, provider, host, user, starttls=(), implicit=(), silent=(), mechanisms="PLAIN LOGIN", greeting="220 %s ESMTP ready",
                 extensions=("PIPELINING", "8BITMIME"), size=None, clear_auth=False, enhanced=True, any_user=False, recipients=None, connections=None,
                 per_connection=None, refusal="535 5.7.8 Authentication failed", no_login=None, queued="250 2.0.0 OK queued", wants_login="530 5.7.0 Authentication required"):
        self.provider, self.host, self.user, self.any_user = provider, host, user, any_user
        self.starttls, self.implicit, self.silent = starttls, implicit, silent
        self.mechanisms, self.extensions, self.size, self.clear_auth, self.enhanced = mechanisms, list(extensions), size, clear_auth, enhanced
        self.greeting = greeting % host if "%s" in greeting else greeting
        self.recipients, self.connections, self.per_connection = recipients, connections, per_connection
        self.refusal, self.no_login, self.queued, self.wants_login = refusal, no_login, queued, wants_login


MODERN = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")


def ses(region):
    return Service("ses:" + region, "email-smtp.%s.amazonaws.com" % region, "AKIAIOSFODNN7EXAMPLE", starttls=(25, 587, 2587), implicit=(465, 2465), size=41943040,
                   mechanisms="PLAIN LOGIN", extensions=("8BITMIME",), enhanced=False, recipients=50, refusal="535 Authentication Credentials Invalid",
                   queued="250 Ok 0102018f0e-000000", wants_login="530 Authentication required")


def mailgun(provider, host):
    return Service(provider, host, "postmaster@mg.example.com", starttls=(25, 587, 2525), implicit=(465,), size=52428800, greeting="220 Mailgun Influx ready",
                   extensions=("8BITMIME", "SMTPUTF8", "PIPELINING"), clear_auth=True, enhanced=False, recipients=1000, wants_login="550 5.7.1 Relaying denied")


def sparkpost(provider, host):
    return Service(provider, host, "SMTP_Injection", starttls=(587, 2525), size=20971520, extensions=MODERN, mechanisms="LOGIN", clear_auth=True, connections=10,
                   per_connection=100, refusal="535 5.7.8 Sorry. *** No authentication type succeeded", wants_login="550 5.7.1 Relaying denied")


SERVICES = {s.provider: s for s in (
    Service("gmail", "smtp.gmail.com", "me@gmail.com", starttls=(587,), implicit=(465,), silent=(25, 2525), size=35882577, recipients=100,
            mechanisms="LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH", greeting="220 smtp.gmail.com ESMTP x-20020a170906 - gsmtp",
            extensions=MODERN + ("CHUNKING", "SMTPUTF8"), queued="250 2.0.0 OK  1700000000 x-20020a170906 - gsmtp"),
    Service("office365", "smtp.office365.com", "scanner@example.com", starttls=(25, 587), silent=(465, 2525), size=157286400, connections=3, recipients=500,
            mechanisms="LOGIN XOAUTH2", greeting="220 FR0P281CA.outlook.office365.com Microsoft ESMTP MAIL Service ready",
            extensions=MODERN + ("DSN", "BINARYMIME", "CHUNKING", "SMTPUTF8"), refusal="535 5.7.3 Authentication unsuccessful",
            queued="250 2.0.0 OK <1@example.com> [Hostname=FR0P281CA]"),
    Service("yahoo", "smtp.mail.yahoo.com", "me@yahoo.com", starttls=(587,), implicit=(465,), silent=(25, 2525), size=41697280, recipients=100,
            mechanisms="PLAIN LOGIN XOAUTH2 OAUTHBEARER", extensions=MODERN),
    mailgun("mailgun", "smtp.mailgun.org"),
    mailgun("mailgun-eu", "smtp.eu.mailgun.org"),
    ses("eu-west-1"),
    ses("us-east-1"),
    Service("mandrill", "smtp.mandrillapp.com", "me@example.com", any_user=True, starttls=(25, 587, 2525), implicit=(465,), size=26214400, extensions=("PIPELINING",),
            clear_auth=True),
    sparkpost("sparkpost", "smtp.sparkpostmail.com"),
    sparkpost("sparkpost-eu", "smtp.eu.sparkpostmail.com"),
    Service("sendgrid", "smtp.sendgrid.net", "apikey", starttls=(25, 587, 2525), implicit=(465,), size=31457280, clear_auth=True, recipients=1000,
            greeting="220 SG ESMTP service ready at geopod-ismtpd-1", refusal="535 Authentication failed: Bad username / password", enhanced=False,
            per_connection=5000, queued="250 Ok: queued as x7Sg"),
    Service("mailjet", "in-v3.mailjet.com", "0123456789abcdef0123456789abcdef", starttls=(25, 587, 2525), implicit=(465,), size=15728640, recipients=50,
            greeting="220 in.mailjet.com ESMTP Mailjet", extensions=MODERN),
    Service("postmark", "smtp.postmarkapp.com", "PM-T-outbound-ACCESSKEY", starttls=(25, 587, 2525), silent=(465,), size=10485760, recipients=50, connections=10,
            mechanisms="PLAIN LOGIN CRAM-MD5", extensions=("PIPELINING", "8BITMIME")),
    Service("resend", "smtp.resend.com", "resend", starttls=(25, 587, 2587), implicit=(465, 2465), silent=(2525,), size=41943040, extensions=MODERN, clear_auth=True),
)}


class FakeSession(Session):
    def __init__(self, server, connection, number):
        super().__init__(server, connection, number)
        self.service, self.sent = server.service, 0

    def send(self, data):
        if not self.service.enhanced:
            data = re.sub(rb"(?m)^(\d\d\d[ -])\d\.\d+\.\d+ ", rb"\1", data)
        super().send(data)

    def run(self):
        try:
            super().run()
        finally:
            if self.user:
                self.server.provider.leave()

    def do_ehlo(self, argument):
        if re.fullmatch(rb"localhost|\[127\.0\.0\.1\]|", argument):  # Google: 421; no other is known to like it either
            self.send(b"421 4.7.0 Try again later, closing connection. (EHLO)\r\n")
            return False
        self.helo = argument.decode("ascii", "replace")
        s = self.service
        words = ["%s at your service" % s.host] + s.extensions + (["SIZE %d" % s.size] if s.size else [])
        if not self.tls_version:
            words.append("STARTTLS")
        if self.tls_version or s.clear_auth:
            words += ["AUTH " + s.mechanisms, "AUTH=" + s.mechanisms]
        self.send(b"".join(b"250%s%s\r\n" % (b"-" if i + 1 < len(words) else b" ", w.encode()) for i, w in enumerate(words)))
        self.reset()

    def do_helo(self, argument):
        self.send(b"250 without extensions nobody logs in\r\n")

    def do_auth(self, argument):
        mechanism = argument.split()[0].decode().upper()
        if not self.tls_version:  # what follows would be a password in clear
            self.server.provider.clear_auths += 1
        if self.service.no_login:
            self.send(self.service.no_login.encode() + b"\r\n")
        elif mechanism not in self.service.mechanisms.split() or mechanism not in ("PLAIN", "LOGIN"):
            self.send(b"504 5.7.4 Unrecognized authentication type\r\n")
        else:
            super().do_auth(argument)
            if self.user:
                self.server.provider.enter()

    def do_mail(self, argument):
        s = self.service
        if not self.user:
            self.send(s.wants_login.encode() + b"\r\n")
        elif s.connections and self.server.provider.inside > s.connections:
            self.server.provider.too_many += 1
            self.send(b"432 4.3.2 Concurrent connections limit exceeded\r\n")
        elif s.per_connection and self.sent >= s.per_connection:
            self.server.provider.too_many += 1
            self.send(b"421 4.3.2 Too many messages in this connection\r\n")
            return False
        else:
            super().do_mail(argument)

    def do_rcpt(self, argument):
        if self.service.recipients and len(self.recipients) >= self.service.recipients:
            self.send(b"452 4.5.3 Too many recipients\r\n")
        else:
            super().do_rcpt(argument)

    def accept(self, body):
        self.sent += 1
        super().accept(body)


class FakeServer(SubmissionServer):
    session_class = FakeSession

    def __init__(self, provider, *args, **options):
        self.provider, self.service = provider, provider.service
        super().__init__(*args, **options)


class Users(dict):
    """Any name will do where only the key counts."""

    def get(self, name, default=None):
        return PASSWORD


class FakeProvider:
    """The service on all of its ports at once. ports: {number: FakeServer}."""

    def __init__(self, network, certificate, service):
        self.network, self.service = network, service
        self.inside = self.peak = self.too_many = self.clear_auths = 0
        self.refusal = service.refusal
        users = Users() if service.any_user else {service.user: PASSWORD}
        self.ports = {}
        for mode, numbers in (("starttls", service.starttls), ("implicit", service.implicit)):
            for number in numbers:
                listener = network.within(network.internet, lambda: socket.create_server((INTERNET, number), backlog=64))
                self.ports[number] = FakeServer(self, *certificate, tls=mode, listener=listener, users=users, mechanisms=service.mechanisms,
                                                greeting=service.greeting.encode() + b"\r\n", chunking="CHUNKING" in service.extensions)
        self.block(())
        name_in(network.office, service.host)

    def block(self, numbers):
        """Packets to these ports vanish from now on, beside those that always do."""
        gone = sorted(set(numbers) | set(self.service.silent))
        self.network.firewall("tcp dport { %s } drop" % ", ".join(map(str, gone)) if gone else "")

    def enter(self):
        with next(iter(self.ports.values())).lock:
            self.inside += 1
            self.peak = max(self.peak, self.inside)

    def leave(self):
        with next(iter(self.ports.values())).lock:
            self.inside -= 1

    def messages(self):
        return [(number, m) for number, server in self.ports.items() for m in list(server.messages)]

    def auths(self):
        return [(number, attempt) for number, server in self.ports.items() for attempt in list(server.auth_attempts)]

    def sessions(self):
        """How many messages each connection brought."""
        counts = {}
        for number, m in self.messages():
            counts[number, m.session] = counts.get((number, m.session), 0) + 1
        return counts

    def stop(self):
        for server in self.ports.values():
            server.stop()


def name_in(namespace, host, address=INTERNET):
    """The name means this address for what `ip netns exec` starts there: it puts /etc/netns/NAMESPACE/* in the place of /etc/*. There is no name server."""
    folder = "/etc/netns/" + namespace
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/hosts", "w") as out:
        out.write("127.0.0.1 localhost\n%s %s\n" % (address, host))
    with open(folder + "/resolv.conf", "w") as out:
        out.write("nameserver 127.0.0.1\n")


def forget_names_in(namespace):
    shutil.rmtree("/etc/netns/" + namespace, ignore_errors=True)
    try:
        os.rmdir("/etc/netns")
    except OSError:
        pass
