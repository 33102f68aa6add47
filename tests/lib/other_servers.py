"""A private Exim and a private OpenSMTPD: STARTTLS and AUTH wanted, every message into a file of its own."""
import glob
import os
import shutil
import smtplib
import socket
import ssl
import subprocess

from postfix import read, wait_until
from unpacked import Home

EXIM = """
primary_hostname = smtp.example.test
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = /var/spool/exim
log_file_path = /var/log/exim-%%s
daemon_smtp_ports = %(port)d
local_interfaces = 127.0.0.1
keep_environment =
host_lookup =
rfc1413_hosts =
smtp_accept_max_per_connection = 0
tls_advertise_hosts = *
tls_certificate = %(cert)s
tls_privatekey = %(key)s
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
chunking_advertise_hosts = %(chunking)s
pipelining_advertise_hosts = %(pipelining)s
acl_smtp_mail = accept authenticated = *
acl_smtp_rcpt = rcpt
acl_smtp_data = body
no_local_from_check
begin acl
rcpt:
  deny local_parts = unknown
    message = no such user here
  defer local_parts = later
    message = mailbox busy
  accept authenticated = *
body:
  deny condition = ${if match{$h_subject:}{unwanted}}
    message = we do not want this
  accept
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  directory = /var/mail
  maildir_format
  create_directory = false
  user = Debian-exim
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{%(user)s}}{eq{$auth3}{%(password)s}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${if and{{eq{$auth1}{%(user)s}}{eq{$auth2}{%(password)s}}}}
  server_set_id = $auth1
"""

OPENSMTPD = """
pki smtp.example.test cert "/etc/opensmtpd/cert.pem"
pki smtp.example.test key "/etc/opensmtpd/key.pem"
table logins { "%(user)s" = "%(password)s" }
table unwanted { "unwanted@office.test" }
table nobody-here { "unknown@example.test" }
filter "late" phase commit match mail-from <unwanted> reject "550 5.7.1 we do not want this"
listen on 127.0.0.1 port %(port)d %(protection)s hostname smtp.example.test filter "late"
action "store" maildir "/var/mail" virtual { "@" = "vmail" }
match from any %(auth)s for rcpt-to <nobody-here> reject
match from any %(auth)s for domain "example.test" action "store"
"""


class Server:
    def __init__(self, port):
        self.port = port

    def _mailbox(self, owner):
        self.mail = self.home.path("var/mail")  # which they see as /var/mail
        for name in ("", "/new", "/cur", "/tmp"):
            self.home.folder("var/mail" + name, owner)

    def _run(self, *command):
        self.process = self.home.start(*command)
        wait_until(self._greets, self.log)

    def _greets(self):
        if self.process.poll() is not None:
            raise AssertionError("it ended at once\n" + self.log())
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as s:
                return s.recv(1) == b"2"
        except OSError:
            return False

    def log(self):
        return "".join(read(f) for f in [self.home.path("output"), *sorted(glob.glob(self.home.path("var/log/*")))])

    def logged(self, text, count=1):
        """Waits until the log holds `text` so often, and returns the whole."""
        wait_until(lambda: self.log().count(text) >= count, self.log)
        return self.log()

    def delivered(self, count=1, timeout=20):
        """Waits for `count` messages and returns their bytes, in the order of their arrival (line ends as the mailbox has them: LF)."""
        def files():
            return glob.glob(os.path.join(self.mail, "new", "*"))

        wait_until(lambda: len(files()) >= count, self.log, timeout)
        return [open(f, "rb").read() for f in sorted(files(), key=os.path.getmtime)]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Exim(Server):
    def __init__(self, folder, cert, key, user, password, port, chunking=True, pipelining=True):
        super().__init__(port)
        owner = 901
        self.home = Home("exim", str(folder), {"Debian-exim": owner})
        self._mailbox(owner)
        self.home.folder("var/spool/exim", owner)
        self.home.folder("var/log", owner)
        for name, source in (("cert.pem", cert), ("key.pem", key)):
            shutil.copy(source, self.home.path("etc/" + name))
            os.chown(self.home.path("etc/" + name), 0, owner)
            os.chmod(self.home.path("etc/" + name), 0o640)
        self.home.write("etc/exim4/exim4.conf", EXIM % {
            "port": port, "cert": "/etc/cert.pem", "key": "/etc/key.pem", "chunking": "*" if chunking else "", "pipelining": "*" if pipelining else "",
            "user": user, "password": password})
        self._run("/usr/sbin/exim4", "-bdf", "-q1h")


class OpenSmtpd(Server):
    """protected: STARTTLS and AUTH are required. Without, neither is offered: OpenSMTPD 6.8 cannot complete a handshake with OpenSSL 3 (its process
    that speaks TLS finds no private key), and it offers AUTH only under TLS. speaks_tls says which of both is to be had."""

    def __init__(self, folder, cert, key, user, password, port, protected=True):
        super().__init__(port)
        self.home = Home("opensmtpd", str(folder), {"opensmtpd": 901, "opensmtpq": 902, "vmail": 903})
        self._mailbox(903)
        os.makedirs(self.home.path("var/lib/opensmtpd/empty"))
        self.home.folder("var/spool/smtpd", 0, 0o711)
        for name, source in (("cert.pem", cert), ("key.pem", key)):
            self.home.write("etc/opensmtpd/" + name, read(source), 0o600)
        hashed = subprocess.run(["openssl", "passwd", "-6", password], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.home.write("etc/smtpd.conf", OPENSMTPD % {
            "user": user, "password": hashed, "port": port, "auth": "auth" if protected else "",
            "protection": "tls-require pki smtp.example.test auth <logins>" if protected else ""}, 0o600)
        self._run("/usr/sbin/smtpd", "-d", "-v")

    def speaks_tls(self):
        context = ssl._create_unverified_context()
        with smtplib.SMTP("127.0.0.1", self.port, local_hostname="probe", timeout=10) as client:
            try:
                client.starttls(context=context)
                return True
            except (ssl.SSLError, OSError, smtplib.SMTPException):
                client.close()
                return False
