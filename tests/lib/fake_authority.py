"""A token service for tests, over HTTPS: it behaves as the documents of Entra (kind "entra") and of
Google ("google") say, verifies what it is sent in earnest, and fails in every way that a test asks
for.

It also knows again what it hands out: a Dovecot asks `introspect_url` (RFC 7662, plain HTTP on
loopback), tests/lib/submission_server.py asks `user_of`. `requests` holds every form, `violations`
what no client should do.

Its parts: fake_authority_http.py is the wire, fake_authority_endpoints.py what is answered there,
fake_authority_keys.py judges assertions, fake_authority_refusals.py has the words of refusals."""
import ssl
import threading
import time
import urllib.parse

from fake_authority_endpoints import MAIL_SCOPE, Endpoints
from fake_authority_http import serve


class FakeAuthority(Endpoints):
    def __init__(self, cert, key, name="localhost", **options):
        """options: those of Endpoints."""
        super().__init__(**options)
        self.name = name
        self.requests = []
        self.faults, self.every = {}, {}
        self.changed = threading.Condition(self.lock)
        self.under_way, self.most_at_once = {}, 0
        self.released = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server = serve(self, context)
        self.plain = serve(self, None)
        self.port = self.server.server_address[1]

    def stop(self):
        self.released.set()
        for server in (self.server, self.plain):
            server.shutdown()
            server.server_close()

    # ---- what a configuration says of it ----

    def url(self, what):
        entra = "/%s/oauth2/v2.0/%s" % (self.tenant, what)
        path = {"entra": entra, "google": "/" + what}[self.kind]
        return "https://%s:%d%s" % (self.name, self.port, path)

    @property
    def introspect_url(self):
        return "http://127.0.0.1:%d/introspect" % self.plain.server_address[1]

    @property
    def keys(self):
        """These are keys of [upstream]."""
        keys = {"oauth_token_url": self.url("token"), "oauth_authorize_url": self.url("authorize")}
        if self.kind == "entra":
            keys["oauth_device_url"] = self.url("devicecode")
        return keys

    # ---- what a test arranges ----

    def fail(self, *faults, where="token"):
        """The next requests get these, one each."""
        with self.lock:
            self.faults.setdefault(where, []).extend(faults)

    def fail_always(self, fault, where="token"):
        """Every request gets this; None: no more."""
        with self.lock:
            self.every[where] = fault

    def grant(self, user, client_id, scope=None):
        """As after a login. Returns the refresh token."""
        with self.lock:
            return self._new_grant(user, client_id, scope or MAIL_SCOPE[self.kind])

    def kill_grants(self, fault):
        with self.lock:
            for grant in set(self.grants.values()):
                grant.dead = fault

    def revoke_access(self):
        """All access tokens are worth nothing from now on."""
        with self.lock:
            self.access.clear()

    def user_of(self, token):
        """None: unknown, or too old."""
        with self.lock:
            user, _, until = self.access.get(token, (None, None, 0))
            return user if time.time() < until else None

    def wait_for_requests(self, count, where="token", timeout=20):
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                found = [form for path, form in self.requests if path == where]
                if len(found) >= count:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError("%d requests to %s, not %d" % (len(found), where, count))
                self.changed.wait(left)

    def count(self, where="token"):
        with self.lock:
            return len([1 for path, _ in self.requests if path == where])

    # The person: at the page of the device code, and in the browser.

    def enter_code(self, user_code, user, allow=True):
        with self.lock:
            for device in self.devices.values():
                if device["user_code"] == user_code:
                    device["user"], device["state"] = user, "allowed" if allow else "denied"
                    return
        raise AssertionError("nobody was given the code " + user_code)

    def browse(self, url, user, allow=True):
        """Does what a browser does with the address of the page, and returns the address that it is
        sent to."""
        parts = urllib.parse.urlsplit(url)
        assert "%s://%s%s" % (parts.scheme, parts.netloc, parts.path) == self.url("authorize"), url
        return self.authorize(dict(urllib.parse.parse_qsl(parts.query)), user, allow)

    # ---- what the wire asks before and after a request ----

    def next_fault(self, where):
        with self.lock:
            waiting = self.faults.get(where)
            return waiting.pop(0) if waiting else self.every.get(where)

    def begin(self, where, form):
        """Counts what runs beside each other for one grant; a device's polls are no grant yet."""
        with self.changed:
            self.requests.append((where, form))
            key = form.get("refresh_token")
            if key in self.grants:
                grant = self.grants[key]
                self.under_way[grant] = self.under_way.get(grant, 0) + 1
                self.most_at_once = max(self.most_at_once, self.under_way[grant])
                if self.under_way[grant] > 1:
                    self.violations.append("two requests for one grant at once")
            self.changed.notify_all()
            return self.grants.get(key)

    def end(self, grant):
        with self.lock:
            if grant:
                self.under_way[grant] -= 1
