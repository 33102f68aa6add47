"""A token service for tests, over HTTPS: it behaves as the documents of Entra (kind "entra") and of Google ("google") say,
verifies what it is sent in earnest, and fails in every way that a test asks for.

What it hands out it also knows again: `introspect_url` (RFC 7662, plain HTTP on loopback) is what a Dovecot asks,
`user_of` what tests/lib/submission_server.py asks. `requests` holds every form, `violations` what no client should do."""
import base64
import hashlib
import http.server
import json
import secrets
import socket
import ssl
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
MAIL_SCOPE = {"entra": "https://outlook.office.com/SMTP.Send", "google": "https://mail.google.com/"}
APPLICATION_SCOPE = "https://outlook.office365.com/.default"

# Entra's codes: status, OAuth error, and the beginning of its words.
AADSTS = {
    7000222: (401, "invalid_client", "The provided client secret keys for app '{client}' are expired."),
    7000215: (401, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client "
                                     "secret value, not the client secret ID, for a secret added to app '{client}'."),
    7000218: (401, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or "
                                     "'client_secret'."),
    700027: (401, "invalid_client", "The certificate with identifier used to sign the client assertion is not registered on "
                                    "application."),
    700024: (401, "invalid_client", "Client assertion is not within its valid time range."),
    700016: (400, "unauthorized_client", "Application with identifier '{client}' was not found in the directory '{tenant}'."),
    90002: (400, "invalid_request", "Tenant '{tenant}' not found."),
    70011: (400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid."),
    1002012: (400, "invalid_scope", "The provided value for scope is not valid. Client credential flows must have a scope value "
                                    "with /.default suffixed to the resource identifier."),
    700082: (400, "invalid_grant", "The refresh token has expired due to inactivity."),
    50173: (400, "invalid_grant", "The provided grant has expired due to it being revoked, a fresh auth token is needed."),
    50076: (400, "invalid_grant", "Due to a configuration change made by your administrator, you must use multi-factor "
                                  "authentication to access."),
    50079: (400, "invalid_grant", "Due to a configuration change made by your administrator, you must enroll in multi-factor "
                                  "authentication."),
    53003: (400, "invalid_grant", "Access has been blocked by Conditional Access policies."),
    70043: (400, "invalid_grant", "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional "
                                  "Access."),
    50196: (400, "invalid_grant", "The server terminated an operation because it encountered a client request loop."),
    70008: (400, "invalid_grant", "The provided authorization code or refresh token has expired."),
    501481: (400, "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    70016: (400, "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
    70018: (400, "bad_verification_code", "Invalid verification code."),
    70019: (400, "expired_token", "Verification code expired."),
    70020: (400, "authorization_declined", "The end user denied the authorization request."),
}

# Google's errors: status, error, description, and fields beside them.
GOOGLE = {
    "client-not-found": (401, "invalid_client", "The OAuth client was not found.", {}),
    "client": (401, "invalid_client", "Unauthorized", {}),
    "delegation": (401, "unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or client not "
                                               "authorized for any of the scopes requested.", {}),
    "signature": (400, "invalid_grant", "Invalid JWT Signature.", {}),
    "clock": (400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                                    "Check your iat and exp values in the JWT claim.", {}),
    "revoked": (400, "invalid_grant", "Token has been expired or revoked.", {}),
    "rapt": (400, "invalid_grant", "reauth related error (invalid_rapt)",
             {"error_uri": "https://support.google.com/a/answer/9368756", "error_subtype": "invalid_rapt"}),
    "scope": (400, "invalid_scope", "Invalid device flow scope: https://mail.google.com/", {}),
    "pending": (428, "authorization_pending", "Precondition Required", {}),
    "denied": (403, "access_denied", "Forbidden", {}),
    "expired": (400, "expired_token", "", {}),
    "code": (400, "invalid_grant", "Bad Request", {}),
    "verifier": (400, "invalid_grant", "Invalid code verifier.", {}),
}


class Refusal(Exception):
    def __init__(self, status, body, headers=()):
        super().__init__(str(body))
        self.status, self.body, self.headers = status, body, dict(headers)


class Client:
    """A registration. secret: what the form must hold; certificates: PEM files that may sign; federated: (issuer, public key)
    of another issuer; public: a code or a refresh token is taken without any of these."""

    def __init__(self, secret=None, secret_expired=False, certificates=(), federated=None, public=False):
        self.secret, self.secret_expired, self.federated, self.public = secret, secret_expired, federated, public
        self.certificates = {}
        for path in certificates:
            with open(path, "rb") as pem:
                certificate = x509.load_pem_x509_certificate(pem.read())
            der = certificate.public_bytes(serialization.Encoding.DER)
            self.certificates[encode(hashlib.sha256(der).digest())] = certificate.public_key()


class Grant:
    """What a person consented to."""

    def __init__(self, user, client, scope):
        self.user, self.client, self.scope = user, client, scope
        self.current, self.used, self.dead = None, set(), None


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwt_parts(text):
    head, claims, signature = text.split(".")
    return json.loads(decode(head)), json.loads(decode(claims)), decode(signature), (head + "." + claims).encode()


def make_jwt(key_pem, claims, head=None):
    """Signed with RS256, as another issuer does it."""
    key = serialization.load_pem_private_key(open(key_pem, "rb").read(), None)
    body = ".".join(encode(json.dumps(part).encode()) for part in (head or {"alg": "RS256", "typ": "JWT"}, claims))
    return body + "." + encode(key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))


# ---- what goes wrong; see FakeAuthority.fail ----

def aadsts(code):
    return ("aadsts", code)


def google(name):
    return ("google", name)


def http_status(status, body=b"", headers=None):
    """Any answer: 429 with Retry-After, 503 with HTML, 200 with garbage."""
    return ("raw", status, body, headers or {})


def throttled(seconds):
    return http_status(429, b'{"error":"temporarily_unavailable"}', {"Retry-After": str(seconds), "Content-Type": "application/json"})


GARBAGE = http_status(200, b"<html>Service Unavailable</html>", {"Content-Type": "text/html"})
# It takes the request, and then: the connection is cut; nothing comes, until the test releases it.
CUT, SILENT = ("cut",), ("silent",)
# The grant is rotated, and the connection is cut before the answer.
CUT_AFTER_ROTATION = ("cut-after",)


class FakeAuthority:
    def __init__(self, cert, key, kind="entra", tenant="office.test", lifetime=3600, rotates=None, detects_reuse=True,
                 date_offset=0, name="localhost", interval=1, code_life=900):
        self.kind, self.tenant, self.lifetime, self.name = kind, tenant, lifetime, name
        self.rotates = kind == "entra" if rotates is None else rotates
        self.detects_reuse, self.date_offset = detects_reuse, date_offset
        self.interval, self.code_life = interval, code_life
        # Google: gives no refresh token to who consented before, unless asked again; "never" gives none at all.
        self.refresh_tokens = "as documented"
        self.clients, self.service_accounts, self.delegated = {}, {}, set()
        self.grants, self.codes, self.devices, self.access, self.consented = {}, {}, {}, {}, set()
        self.requests, self.violations, self.assertions = [], [], set()
        self.faults, self.every = {}, {}
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.under_way, self.most_at_once = {}, 0
        self.released = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server = self._serve(context)
        self.plain = self._serve(None)
        self.port = self.server.server_address[1]

    def _serve(self, context):
        authority = self

        class Handler(Exchange):
            pass
        Handler.authority = authority

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def process_request_thread(self, request, client_address):
                try:
                    if context:
                        request.settimeout(30)
                        request = context.wrap_socket(request, server_side=True)
                    super().process_request_thread(request, client_address)
                except OSError:
                    self.shutdown_request(request)

            def handle_error(self, request, client_address):
                pass

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def stop(self):
        self.released.set()
        for server in (self.server, self.plain):
            server.shutdown()
            server.server_close()

    # ---- what a configuration says of it ----

    def url(self, what):
        path = {"entra": "/%s/oauth2/v2.0/%s" % (self.tenant, what), "google": "/" + what}[self.kind]
        return "https://%s:%d%s" % (self.name, self.port, path)

    @property
    def introspect_url(self):
        return "http://127.0.0.1:%d/introspect" % self.plain.server_address[1]

    @property
    def keys(self):
        """Keys of [upstream]."""
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
        """What a browser does with the address of the page: returns the address that it is sent to."""
        parts = urllib.parse.urlsplit(url)
        assert "%s://%s%s" % (parts.scheme, parts.netloc, parts.path) == self.url("authorize"), url
        return self.authorize(dict(urllib.parse.parse_qsl(parts.query)), user, allow)

    # ---- authorize ----

    def authorize(self, q, user, allow=True):
        redirect = urllib.parse.urlsplit(q["redirect_uri"])
        loopback = {"entra": "localhost", "google": "127.0.0.1"}[self.kind]
        if redirect.scheme != "http" or redirect.hostname != loopback:
            raise AssertionError("AADSTS50011 / redirect_uri_mismatch: " + q["redirect_uri"])
        if q["client_id"] not in self.clients:
            raise AssertionError("no such client")
        assert q["response_type"] == "code" and q["code_challenge_method"] == "S256" and len(decode(q["code_challenge"])) == 32
        assert len(q["state"]) >= 16
        if not allow:
            return q["redirect_uri"] + "?" + urllib.parse.urlencode(
                {"error": "access_denied", "error_description": "the user said no", "state": q["state"]})
        code = ("M.C5_" if self.kind == "entra" else "4/0A") + secrets.token_urlsafe(300)
        with self.lock:
            self.codes[code] = {"client_id": q["client_id"], "redirect": q["redirect_uri"], "challenge": q["code_challenge"],
                                "scope": q["scope"], "user": user, "offline": self._gives_refresh_token(q, user)}
        answer = {"code": code, "state": q["state"]}
        if self.kind == "entra":
            answer["session_state"] = secrets.token_hex(16)
        else:
            answer["scope"] = q["scope"]
        return q["redirect_uri"] + ("" if redirect.path else "/") + "?" + urllib.parse.urlencode(answer)

    def _gives_refresh_token(self, q, user):
        if self.refresh_tokens == "never":
            return False
        if self.kind == "entra":
            return "offline_access" in q["scope"].split()
        before = (user, q["client_id"]) in self.consented
        self.consented.add((user, q["client_id"]))
        return q.get("access_type") == "offline" and (not before or q.get("prompt") == "consent")

    # ---- the token endpoint ----

    def token(self, tenant, form):
        if self.kind == "entra" and tenant not in (self.tenant, "organizations", "consumers"):
            self.refuse_aadsts(90002, form, tenant)
        handler = {"client_credentials": self._client_credentials, "refresh_token": self._refresh, JWT_BEARER: self._service_account,
                   "authorization_code": self._code, DEVICE_CODE: self._device_poll}.get(form.get("grant_type"))
        if not handler:
            raise Refusal(400, {"error": "unsupported_grant_type"})
        with self.lock:
            return handler(form)

    def refuse_aadsts(self, code, form=None, tenant=None):
        status, error, words = AADSTS[code]
        words = words.format(client=(form or {}).get("client_id"), tenant=tenant or self.tenant)
        raise Refusal(status, {
            "error": error, "error_description": "AADSTS%d: %s Trace ID: 2d4a Correlation ID: 7f3c" % (code, words),
            "error_codes": [code], "timestamp": "2026-11-29 10:00:00Z", "trace_id": "2d4a", "correlation_id": "7f3c",
            "error_uri": "https://login.microsoftonline.com/error?code=%d" % code})

    def refuse_google(self, name):
        status, error, words, more = GOOGLE[name]
        body = {"error": error, **more}
        if words:
            body["error_description"] = words
        raise Refusal(status, body)

    def _refuse(self, entra, other, form):
        if self.kind == "entra":
            self.refuse_aadsts(entra, form)
        self.refuse_google(other)

    def _client(self, form):
        """The application, and its proof where it is not public."""
        client = self.clients.get(form.get("client_id"))
        if not client:
            self._refuse(700016, "client-not-found", form)
        if "client_secret" in form:
            if client.secret_expired:
                self._refuse(7000222, "client", form)
            if form["client_secret"] != client.secret:
                self._refuse(7000215, "client", form)
        elif "client_assertion" in form:
            self._check_assertion(client, form)
        elif not client.public or form["grant_type"] == "client_credentials":
            self._refuse(7000218, "client", form)
        return client

    def _now(self):
        return time.time() + self.date_offset

    def _check_assertion(self, client, form):
        assert form.get("client_assertion_type") == ASSERTION
        head, claims, signature, signed = jwt_parts(form["client_assertion"])
        if client.federated and claims.get("iss") == client.federated[0]:
            key = client.federated[1]
            try:
                key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                self.refuse_aadsts(700027, form)
            return
        key = client.certificates.get(head.get("x5t#S256"))
        if head.get("alg") != "PS256" or not key:
            self.refuse_aadsts(700027, form)
        try:
            key.verify(signature, signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        except InvalidSignature:
            self.refuse_aadsts(700027, form)
        if claims["aud"] != self.url("token") or claims["iss"] != form["client_id"] or claims["sub"] != form["client_id"]:
            self.refuse_aadsts(700027, form)
        if not claims["nbf"] - 60 <= self._now() <= claims["exp"] or claims["exp"] - claims["nbf"] > 660:
            self.refuse_aadsts(700024, form)
        self._note_assertion(claims["jti"])

    def _note_assertion(self, mark):
        if mark in self.assertions:
            self.violations.append("an assertion was presented twice: %s" % mark)
        self.assertions.add(mark)

    def _give(self, user, scope, grant=None):
        """user None: any mailbox, as an application's token."""
        token = ("eyJ0eXAi." if self.kind == "entra" else "ya29.") + secrets.token_urlsafe(900)
        self.access[token] = (user or "*", scope, time.time() + self.lifetime)
        answer = {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token}
        if grant:
            answer["scope"] = scope
            if grant.current not in grant.used:
                answer["refresh_token"] = grant.current
        return answer

    def _client_credentials(self, form):
        if self.kind != "entra":
            raise Refusal(400, {"error": "unsupported_grant_type"})
        self._client(form)
        if not form.get("scope", "").endswith("/.default"):
            self.refuse_aadsts(1002012, form)
        return self._give(None, form["scope"])

    def _service_account(self, form):
        head, claims, signature, signed = jwt_parts(form["assertion"])
        key = self.service_accounts.get(claims.get("iss"))
        if head.get("alg") != "RS256" or not key:
            self.refuse_google("signature")
        try:
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            self.refuse_google("signature")
        if not claims["iat"] - 60 <= self._now() <= claims["exp"] or claims["exp"] - claims["iat"] > 3600:
            self.refuse_google("clock")
        if claims["aud"] != self.url("token") or claims["scope"] != MAIL_SCOPE["google"]:
            self.refuse_google("delegation")
        if claims["sub"] not in self.delegated:
            self.refuse_google("delegation")
        return self._give(claims["sub"], claims["scope"])

    def _new_grant(self, user, client_id, scope):
        grant = Grant(user, client_id, scope)
        self._rotate(grant)
        return grant.current

    def _rotate(self, grant):
        if grant.current:
            grant.used.add(grant.current)
        grant.current = ("0.AXoA" if self.kind == "entra" else "1//0e") + secrets.token_urlsafe(200)
        self.grants[grant.current] = grant

    def _refresh(self, form):
        self._client(form)
        token = form.get("refresh_token")
        grant = self.grants.get(token)
        if not grant or grant.client != form["client_id"]:
            self._refuse(70008, "revoked", form)
        if token in grant.used and self.detects_reuse:
            self.violations.append("a refresh token was presented twice")
            grant.dead = aadsts(50173) if self.kind == "entra" else google("revoked")
        if grant.dead:
            self.raise_fault(grant.dead, form)
        answer = self._give(grant.user, grant.scope)
        if self.rotates:
            self._rotate(grant)
            answer["refresh_token"] = grant.current
        return answer

    def _code(self, form):
        self._client(form)
        code = self.codes.pop(form.get("code"), None)
        if not code or code["client_id"] != form["client_id"] or code["redirect"] != form.get("redirect_uri"):
            self._refuse(70008, "code", form)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if encode(digest) != code["challenge"]:
            self._refuse(501481, "verifier", form)
        return self._give_person(code["user"], form["client_id"], code["scope"], code["offline"])

    def _give_person(self, user, client_id, scope, offline):
        token = self._new_grant(user, client_id, scope)
        answer = self._give(user, scope, self.grants[token])
        if not offline:
            del answer["refresh_token"]
        return answer

    # ---- the device code ----

    def device_code(self, form):
        if self.kind == "google":
            self.refuse_google("scope")
        client = self.clients.get(form.get("client_id"))
        if not client:
            self.refuse_aadsts(700016, form)
        with self.lock:
            code, user_code = secrets.token_urlsafe(60), secrets.token_hex(4).upper()
            self.devices[code] = {"user_code": user_code, "state": "pending", "user": None, "form": form, "asked": 0.0,
                                  "interval": self.interval, "until": time.time() + self.code_life}
        return {"device_code": code, "user_code": user_code, "verification_uri": "https://microsoft.com/devicelogin",
                "expires_in": self.code_life, "interval": self.interval,
                "message": "To sign in, open https://microsoft.com/devicelogin and enter the code %s." % user_code}

    def _device_poll(self, form):
        self._client(form)
        device = self.devices.get(form.get("device_code"))
        if not device:
            self.refuse_aadsts(70018, form)
        now = time.monotonic()
        if device["asked"] and now - device["asked"] < device["interval"] * 0.9:
            self.violations.append("asked for the device's token after %.1f s, not %d" % (now - device["asked"], device["interval"]))
        device["asked"] = now
        if time.time() > device["until"] or device["state"] == "expired":
            self.refuse_aadsts(70019, form)
        if device["state"] == "denied":
            self.refuse_aadsts(70020, form)
        if device["state"] == "pending":
            self.refuse_aadsts(70016, form)
        del self.devices[form["device_code"]]
        scope = device["form"]["scope"]
        offline = self._gives_refresh_token({"scope": scope}, device["user"])
        return self._give_person(device["user"], form["client_id"], scope, offline)

    # ---- faults ----

    def next_fault(self, where):
        with self.lock:
            waiting = self.faults.get(where)
            return waiting.pop(0) if waiting else self.every.get(where)

    def raise_fault(self, fault, form=None):
        if fault[0] == "aadsts":
            self.refuse_aadsts(fault[1], form)
        if fault[0] == "google":
            self.refuse_google(fault[1])
        if fault[0] == "raw":
            raise Refusal(fault[1], fault[2], fault[3])

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


class Exchange(http.server.BaseHTTPRequestHandler):
    authority = None
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string((timestamp or time.time()) + self.authority.date_offset)

    def answer(self, status, body, headers=None):
        headers = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        headers.setdefault("Content-Type", "text/plain")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True)
        form, path = dict(pairs), urllib.parse.urlsplit(self.path).path
        where = path.rsplit("/", 1)[1]
        if where == "introspect":
            self.introspect(form.get("token"))
            return
        if len(form) != len(pairs):
            self.authority.violations.append("a field stands twice in a form")
        grant = self.authority.begin(where, form)
        try:
            self.serve(where, path, form)
        finally:
            self.authority.end(grant)

    def serve(self, where, path, form):
        authority = self.authority
        fault = authority.next_fault(where)
        if fault == CUT:
            self.cut()
            return
        if fault == SILENT:
            authority.released.wait()
            self.cut()
            return
        tenant = path.split("/")[1] if path.count("/") > 1 else None
        try:
            if fault and fault != CUT_AFTER_ROTATION:
                authority.raise_fault(fault, form)
            if where == "token":
                answer = authority.token(tenant, form)
            elif where in ("devicecode", "device"):
                answer = authority.device_code(form)
            else:
                raise Refusal(404, b"no such page")
        except Refusal as no:
            self.answer(no.status, no.body, no.headers)
            return
        if fault == CUT_AFTER_ROTATION:
            self.cut()
        else:
            self.answer(200, answer, {"Cache-Control": "no-store"})

    def do_GET(self):
        path, _, query = self.path.partition("?")
        fields = dict(urllib.parse.parse_qsl(query))
        if path.endswith("/introspect") or path == "/introspect":
            self.introspect(fields.get("token"))
        else:
            self.answer(404, b"no such page")

    def introspect(self, token):
        """RFC 7662. An application's token is for every mailbox: then it says the one that asks, as the header of the caller
        does not tell; tests that let a Dovecot ask use `mailbox`."""
        user = self.authority.user_of(token)
        if not user:
            self.answer(200, {"active": False})
            return
        if user == "*":
            user = self.authority.mailbox
        scope = self.authority.access[token][1]
        self.answer(200, {"active": True, "username": user, "email": user, "scope": scope, "client_id": "any"})


