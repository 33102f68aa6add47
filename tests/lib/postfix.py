"""A private Postfix with Dovecot SASL: own configuration folder, queue and mailbox; own processes, stopped by process id. Needs root, as Postfix does."""
import glob
import os
import pwd
import socket
import subprocess
import time

MASTER = """
%(listen)s inet n - n - - smtpd%(smtpd_options)s
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """
compatibility_level = 3.6
queue_directory = %(queue)s
data_directory = %(data)s
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = %(folder)s/mail.log
maillog_file_prefixes = %(folder)s
myhostname = smtp.example.test
mydestination =
inet_interfaces = all
inet_protocols = all
mynetworks =
smtputf8_enable = yes
alias_maps =
alias_database =
virtual_mailbox_domains = example.test
virtual_mailbox_base = %(mail)s
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:%(uid)d
virtual_gid_maps = static:%(gid)d
virtual_mailbox_limit = 0
message_size_limit = %(size)d
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = %(auth)s
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = %(tls_level)s
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = %(cert)s
smtpd_tls_key_file = %(key)s
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
%(more)s
"""

DOVECOT = """
base_dir = %(folder)s/run
state_dir = %(folder)s/state
log_path = %(folder)s/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = %(mechanisms)s
default_internal_user = %(user)s
default_login_user = %(user)s
passdb {
  driver = passwd-file
  args = scheme=PLAIN %(folder)s/users
}
userdb {
  driver = static
  args = uid=%(user)s gid=nogroup home=/nonexistent
}
service auth {
  unix_listener %(folder)s/auth {
    mode = 0666
  }
  unix_listener auth-userdb {
    mode = 0600
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
"""


class Dovecot:
    """Only its authentication service."""

    def __init__(self, folder, users, mechanisms="plain login"):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "users"), "w") as out:
            out.writelines("%s:%s::::::\n" % pair for pair in users.items())
        config = os.path.join(folder, "dovecot.conf")
        with open(config, "w") as out:
            out.write(DOVECOT % {"folder": folder, "mechanisms": mechanisms, "user": "nobody"})
        self.process = subprocess.Popen(["dovecot", "-F", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket = os.path.join(folder, "auth")
        wait_until(lambda: os.path.exists(self.socket), lambda: read(os.path.join(folder, "dovecot.log")))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Postfix:
    def __init__(self, folder, cert, key, users, port, mechanisms="plain login", implicit=False, size=60_000_000, more="", host="127.0.0.1", netns=None):
        self.folder, self.port, self.host, self.netns = str(folder), port, host, netns
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        self.dovecot = Dovecot(os.path.join(self.folder, "dovecot"), users, mechanisms)
        owner = pwd.getpwnam("postfix")
        self.config, self.mail = self._path("config"), self._path("mail")
        for name in ("config", "queue", "data", "mail"):
            os.makedirs(self._path(name), exist_ok=True)
            os.chmod(self._path(name), 0o755)
        os.chown(self._path("data"), owner.pw_uid, owner.pw_gid)
        os.chown(self.mail, owner.pw_uid, owner.pw_gid)
        values = {"folder": self.folder, "queue": self._path("queue"), "data": self._path("data"), "mail": self.mail, "uid": owner.pw_uid,
                  "gid": owner.pw_gid, "size": size, "auth": self.dovecot.socket, "cert": cert, "key": key, "more": more,
                  "tls_level": "may" if implicit else "encrypt"}
        with open(os.path.join(self.config, "main.cf"), "w") as out:
            out.write(MAIN % values)
        with open(os.path.join(self.config, "master.cf"), "w") as out:
            out.write(MASTER % {"listen": "%s:%d" % (host, port), "smtpd_options": "\n  -o smtpd_tls_wrappermode=yes" if implicit else ""})
        self._postfix("start")
        if not netns:
            wait_until(self._greets, self.log)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _postfix(self, verb):
        command = ["postfix", "-c", self.config, verb]
        if self.netns:
            command = ["ip", "netns", "exec", self.netns] + command
        # Postfix hands its environment to nobody: nothing of ours is needed.
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0 and verb == "start":
            raise AssertionError("postfix %s: %s\n%s" % (verb, done.stdout, self.log()))

    def _greets(self):
        try:
            with socket.create_connection((self.host, self.port), 2):
                return True
        except OSError:
            return False

    def log(self):
        return read(self._path("mail.log"))

    def logged(self, text, count=1):
        """Waits until the log, which a process of its own writes when it comes to it, holds `text` so often, and returns the whole."""
        wait_until(lambda: self.log().count(text) >= count, self.log)
        return self.log()

    def delivered(self, count=1, timeout=20):
        """Waits for `count` messages in the mailbox and returns their bytes (line ends as the mailbox has them: LF)."""
        wait_until(lambda: len(self._files()) >= count, self.log, timeout)
        return [open(f, "rb").read() for f in sorted(self._files())]

    def _files(self):
        return glob.glob(os.path.join(self.mail, "inbox", "new", "*"))

    def stop(self):
        self._postfix("stop")
        wait_until(lambda: not os.path.exists("/proc/%s" % (read(self._path("queue/pid/master.pid")).strip() or "none")), self.log)
        self.dovecot.stop()


def read(path):
    try:
        with open(path, errors="replace") as source:
            return source.read()
    except OSError:
        return ""


def wait_until(condition, explain, timeout=15):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s in vain\n%s" % (timeout, explain()))
        time.sleep(0.05)
