"""A private Dovecot submission service, which lets a user in a few times only and hands its mail to a relay of the test's."""
import os
import shutil
import socket
import subprocess
import tempfile

from postfix import read, wait_until

LOGIN = "/usr/lib/dovecot/submission-login"

CONFIG = """
base_dir = %(folder)s/run
state_dir = %(folder)s/state
log_path = %(folder)s/dovecot.log
protocols = submission
ssl = required
ssl_cert = <%(cert)s
ssl_key = <%(key)s
auth_mechanisms = %(mechanisms)s
default_internal_user = nobody
default_login_user = nobody
mail_location = maildir:%(folder)s/mail/%%u
mail_max_userip_connections = %(limit)d
submission_relay_host = 127.0.0.1
submission_relay_port = %(relay)d
%(tokens)s
passdb {
  driver = passwd-file
  args = scheme=PLAIN %(folder)s/users
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=%(folder)s/mail
}
service submission-login {
  chroot =
  inet_listener submission {
    address = 127.0.0.1
    port = %(port)d
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
"""


# The user is what the token's issuer says of it (RFC 7662), whatever the client calls itself: Dovecot compares both.
TOKENS = """
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = %(folder)s/oauth2.conf
}
"""
INTROSPECTION = """
introspection_mode = post
introspection_url = %s
username_attribute = username
active_attribute = active
active_value = true
"""


def reason_not_to():
    if os.geteuid() != 0:
        return "Dovecot wants root"
    return None if os.path.exists(LOGIN) else "needs dovecot-submissiond"


class DovecotSubmission:
    def __init__(self, cert, key, users, port, relay, limit, introspect_url=None):
        """Its own user must reach its folder: not below pytest's, which only we may enter."""
        self.folder, self.port = tempfile.mkdtemp(prefix="smtp-detour-dovecot-"), port
        os.chmod(self.folder, 0o755)
        os.mkdir(os.path.join(self.folder, "mail"))
        os.chmod(os.path.join(self.folder, "mail"), 0o777)
        with open(os.path.join(self.folder, "users"), "w") as out:
            out.writelines("%s:%s::::::\n" % pair for pair in users.items())
        values = {"folder": self.folder, "cert": cert, "key": key, "port": port, "relay": relay, "limit": limit, "mechanisms": "plain login", "tokens": ""}
        if introspect_url:
            values.update(mechanisms="xoauth2 oauthbearer", tokens=TOKENS % values)
            with open(os.path.join(self.folder, "oauth2.conf"), "w") as out:
                out.write(INTROSPECTION % introspect_url)
        config = os.path.join(self.folder, "dovecot.conf")
        with open(config, "w") as out:
            out.write(CONFIG % values)
        self.process = subprocess.Popen(["dovecot", "-F", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._greets, self.log)

    def _greets(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2):
                return True
        except OSError:
            return False

    def log(self):
        return read(os.path.join(self.folder, "dovecot.log"))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
