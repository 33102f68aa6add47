"""What the endpoints of the token service of the tests answer, as the documents of Entra and of
Google say: the page of the login, the token endpoint with each grant type, and the device code.
Here is no socket; each endpoint takes a form and returns its answer, or raises Refusal."""
import hashlib
import secrets
import threading
import time
import urllib.parse

from fake_authority_keys import decode, encode, judge_client_assertion, judge_service_account
from fake_authority_refusals import AADSTS, GOOGLE, Refusal, aadsts, google

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
MAIL_SCOPE = {"entra": "https://outlook.office.com/SMTP.Send", "google": "https://mail.google.com/"}
APPLICATION_SCOPE = "https://outlook.office365.com/.default"


def resources_of(scope):
    """The resources that a scope of Entra names."""
    urls = [word for word in scope.split() if word.startswith("https://")]
    return {urllib.parse.urlsplit(url).netloc for url in urls}


class Grant:
    """A grant is what a person consented to."""

    def __init__(self, user, client, scope):
        self.user, self.client, self.scope = user, client, scope
        self.current, self.used, self.dead = None, set(), None


class Endpoints:
    """The class that has the sockets derives from this one and says by url(what) where an endpoint
    is."""

    def __init__(self, kind="entra", tenant="office.test", lifetime=3600, rotates=None,
                 detects_reuse=True, date_offset=0, interval=1, code_life=900):
        self.kind, self.tenant, self.lifetime = kind, tenant, lifetime
        self.rotates = kind == "entra" if rotates is None else rotates
        self.detects_reuse, self.date_offset = detects_reuse, date_offset
        self.interval, self.code_life = interval, code_life
        # Google gives no refresh token to a person who consented before, unless it is asked again;
        # "never" gives none at all.
        self.refresh_tokens = "as documented"
        self.clients, self.service_accounts, self.delegated = {}, {}, set()
        self.grants, self.codes, self.devices, self.access = {}, {}, {}, {}
        self.consented, self.assertions, self.violations = set(), set(), []
        # Entra: (user, client, resource)
        self.consents = set()
        self.lock = threading.RLock()

    # ---- refusals ----

    def refuse_aadsts(self, code, form=None, tenant=None):
        status, error, words = AADSTS[code]
        words = words.format(client=(form or {}).get("client_id"), tenant=tenant or self.tenant)
        raise Refusal(status, {
            "error": error,
            "error_description":
                "AADSTS%d: %s Trace ID: 2d4a Correlation ID: 7f3c" % (code, words),
            "error_codes": [code], "timestamp": "2026-11-29 10:00:00Z",
            "trace_id": "2d4a", "correlation_id": "7f3c",
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

    def raise_fault(self, fault, form=None):
        if fault[0] == "aadsts":
            self.refuse_aadsts(fault[1], form)
        if fault[0] == "google":
            self.refuse_google(fault[1])
        if fault[0] == "raw":
            raise Refusal(fault[1], fault[2], fault[3])

    # ---- authorize ----

    def authorize(self, q, user, allow=True):
        redirect = urllib.parse.urlsplit(q["redirect_uri"])
        loopback = {"entra": "localhost", "google": "127.0.0.1"}[self.kind]
        if redirect.scheme != "http" or redirect.hostname != loopback:
            raise AssertionError("AADSTS50011 / redirect_uri_mismatch: " + q["redirect_uri"])
        if q["client_id"] not in self.clients:
            raise AssertionError("no such client")
        assert q["response_type"] == "code" and q["code_challenge_method"] == "S256"
        assert len(decode(q["code_challenge"])) == 32
        assert len(q["state"]) >= 16
        if not allow:
            no = {"error": "access_denied", "error_description": "the user said no"}
            return q["redirect_uri"] + "?" + urllib.parse.urlencode({**no, "state": q["state"]})
        code = ("M.C5_" if self.kind == "entra" else "4/0A") + secrets.token_urlsafe(300)
        with self.lock:
            self.codes[code] = {
                "client_id": q["client_id"], "redirect": q["redirect_uri"],
                "challenge": q["code_challenge"], "scope": q["scope"], "user": user,
                "offline": self._gives_refresh_token(q, user)}
        answer = {"code": code, "state": q["state"]}
        if self.kind == "entra":
            answer["session_state"] = secrets.token_hex(16)
        else:
            answer["scope"] = q["scope"]
        page = q["redirect_uri"] + ("" if redirect.path else "/")
        return page + "?" + urllib.parse.urlencode(answer)

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
        handler = {
            "client_credentials": self._client_credentials, "refresh_token": self._refresh,
            JWT_BEARER: self._service_account, "authorization_code": self._code,
            DEVICE_CODE: self._device_poll}.get(form.get("grant_type"))
        if not handler:
            raise Refusal(400, {"error": "unsupported_grant_type"})
        with self.lock:
            return handler(form)

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
        wrong, mark = judge_client_assertion(client, form, self.url("token"), self._now())
        if wrong:
            self.refuse_aadsts(wrong, form)
        if mark is not None:
            self._note_assertion(mark)

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
        wrong, claims = judge_service_account(self.service_accounts, form["assertion"], self._now())
        if wrong:
            self.refuse_google(wrong)
        if claims["aud"] != self.url("token") or claims["scope"] != MAIL_SCOPE["google"]:
            self.refuse_google("delegation")
        if claims["sub"] not in self.delegated:
            self.refuse_google("delegation")
        return self._give(claims["sub"], claims["scope"])

    def _new_grant(self, user, client_id, scope):
        grant = Grant(user, client_id, scope)
        resources = resources_of(scope)
        if self.kind == "entra" and len(resources) > 1:
            self.violations.append("a scope names more than one resource (AADSTS28000): " + scope)
        self.consents |= {(user, client_id, resource) for resource in resources}
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
        scope = form.get("scope", grant.scope) if self.kind == "entra" else grant.scope
        for resource in resources_of(scope) if self.kind == "entra" else ():
            if (grant.user, grant.client, resource) not in self.consents:
                self.refuse_aadsts(65001, form)
        answer = self._give(grant.user, scope)
        if self.rotates:
            self._rotate(grant)
            answer["refresh_token"] = grant.current
        return answer

    def _code(self, form):
        self._client(form)
        code = self.codes.pop(form.get("code"), None)
        if not code or code["client_id"] != form["client_id"] or \
                code["redirect"] != form.get("redirect_uri"):
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
            self.devices[code] = {
                "user_code": user_code, "state": "pending", "user": None, "form": form,
                "asked": 0.0, "interval": self.interval, "until": time.time() + self.code_life}
        page = "https://microsoft.com/devicelogin"
        return {"device_code": code, "user_code": user_code, "verification_uri": page,
                "expires_in": self.code_life, "interval": self.interval,
                "message": "To sign in, open %s and enter the code %s." % (page, user_code)}

    def _device_poll(self, form):
        self._client(form)
        device = self.devices.get(form.get("device_code"))
        if not device:
            self.refuse_aadsts(70018, form)
        now = time.monotonic()
        if device["asked"] and now - device["asked"] < device["interval"] * 0.9:
            self.violations.append("asked for the device's token after %.1f s, not %d" %
                                   (now - device["asked"], device["interval"]))
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
