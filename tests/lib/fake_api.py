"""Services that take mail over HTTPS, for tests: what Graph, Gmail and Mailgun do with a request, who gets the
message and what it is then, in earnest; and every fault that a test asks for."""
import base64
import email.utils
import email.header
import json
import re
import ssl
import threading
import time
import urllib.parse

from fake_authority_http import Exchange, serve

# What a request meets instead of an answer: it is cut before its last octet, or after it; or it hears nothing.
CUT_BEFORE, CUT_AFTER, SILENT = "cut before", "cut after", "silent"


def answer(status, body=None, **headers):
    """A scripted answer. headers: Retry_After="1"."""
    return status, body, {name.replace("_", "-"): value for name, value in headers.items()}


def graph_error(status, code, message="no", **headers):
    return answer(status, {"error": {"code": code, "message": message}}, **headers)


def gmail_error(status, reason, message="no", **headers):
    return answer(status, {"error": {"code": status, "message": message,
                                     "errors": [{"reason": reason, "message": message}]}}, **headers)


def header_fields(message):
    """(name, value) in order, unfolded."""
    head = message.split(b"\r\n\r\n", 1)[0]
    lines = re.sub(rb"\r\n(?=[ \t])", b"", head).split(b"\r\n")
    pairs = [line.split(b":", 1) for line in lines if b":" in line]
    return [(name.decode("latin-1").strip().lower(), value.decode("latin-1").strip()) for name, value in pairs]


def header_recipients(message):
    named = [value for name, value in header_fields(message) if name in ("to", "cc", "bcc")]
    return sorted({address.lower() for _, address in email.utils.getaddresses(named) if "@" in address})


def without_bcc(message):
    """What the recipients see."""
    head, blank, body = message.partition(b"\r\n\r\n")
    return re.sub(rb"(?im)^bcc:[^\r]*(\r\n[ \t][^\r]*)*\r\n", b"", head + b"\r\n")[:-2] + blank + body


class Taken:
    """A message that the service has."""

    def __init__(self, request_id, sender, recipients, raw):
        self.id, self.sender, self.recipients, self.raw = request_id, sender, recipients, raw
        self.seen = without_bcc(raw)


class FakeApi:
    def __init__(self, cert, key, kind="graph", token_user=None, secret="key-0123456789", name="localhost"):
        """token_user(token): whose it is, "*" of an application, None: nobody's. secret: Mailgun's key."""
        self.kind, self.token_user, self.secret, self.name = kind, token_user, secret, name
        # The scope that a token must have been asked for, as a beginning; None: any.
        self.audience = None
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.script, self.every, self.delay = [], None, 0.0
        self.taken, self.requests, self.under_way, self.most_at_once, self.probes = [], [], 0, 0, 0
        self.connections = 0
        self.released = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server = serve(self, context, Request)
        self.port = self.server.server_address[1]
        self.date_offset = 0

    @property
    def url(self):
        return "https://%s:%d" % (self.name, self.port) + ("/v1.0" if self.kind == "graph" else "")

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    # ---- what a test arranges and asks ----

    def then(self, *answers):
        """The next messages get these, one each; None: it is taken."""
        with self.lock:
            self.script.extend(answers)

    def wait_for(self, count, timeout=30):
        return self._wait(lambda: self.taken, count, timeout)

    def wait_for_requests(self, count, timeout=30):
        return self._wait(lambda: self.requests, count, timeout)

    def _wait(self, what, count, timeout):
        end = time.monotonic() + timeout
        with self.changed:
            while len(what()) < count:
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError("%d, not %d" % (len(what()), count))
                self.changed.wait(left)
            return list(what())

    # ---- what the wire asks ----

    def begin(self, path, headers):
        with self.changed:
            self.requests.append((path, dict(headers)))
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
            self.changed.notify_all()
            return self.script.pop(0) if self.script else self.every

    def end(self):
        with self.lock:
            self.under_way -= 1

    def judge(self, path, headers, body):
        """Takes the message, or returns a refusal."""
        return {"graph": self._graph, "gmail": self._gmail, "mailgun": self._mailgun}[self.kind](path, headers, body)

    def _user(self, headers):
        kind, _, token = headers.get("Authorization", "").partition(" ")
        return self.token_user(token) if kind == "Bearer" and self.token_user else None

    def _take(self, sender, recipients, raw):
        with self.changed:
            request_id = "%08x-1111-2222-3333-444444444444" % (len(self.taken) + 1)
            self.taken.append(Taken(request_id, sender, recipients, raw))
            self.changed.notify_all()
            return request_id

    def _graph(self, path, headers, body):
        found = re.fullmatch(r"/v1\.0/users/([^/]+)/sendMail", path)
        if not found:
            return graph_error(404, "ResourceNotFound")
        user, mailbox = self._user(headers), urllib.parse.unquote(found[1])
        if user is None:
            return graph_error(401, "InvalidAuthenticationToken", "Access token validation failure.")
        if user not in ("*", mailbox):
            return graph_error(403, "ErrorAccessDenied", "Access is denied.")
        if headers.get("Content-Type") != "text/plain" or len(body) > 4 * 1024 * 1024:
            return graph_error(413, "RequestEntityTooLarge")
        raw = base64.b64decode(body, validate=True)
        request_id = self._take(mailbox, header_recipients(raw), raw)
        return answer(202, None, request_id=request_id)

    def _gmail(self, path, headers, body):
        user = self._user(headers)
        if user is None:
            return gmail_error(401, "authError", "Invalid Credentials")
        if path != "/upload/gmail/v1/users/me/messages/send?uploadType=media" or \
                headers.get("Content-Type") != "message/rfc822":
            return gmail_error(404, "notFound")
        request_id = self._take(user, header_recipients(body), body)
        return answer(200, {"id": request_id, "threadId": request_id, "labelIds": ["SENT"]})

    def _mailgun(self, path, headers, body):
        expected = "Basic " + base64.b64encode(("api:" + self.secret).encode()).decode()
        if headers.get("Authorization") != expected:
            return answer(401, b"Forbidden")
        found = re.fullmatch(r"/v3/([^/]+)/messages\.mime", path)
        if not found:
            return answer(404, {"message": "domain not found"})
        boundary = re.search(r"boundary=(\S+)", headers["Content-Type"])[1].encode()
        to, raw = [], None
        for part in body.split(b"--" + boundary)[1:-1]:
            head, _, content = part[2:].partition(b"\r\n\r\n")
            content = content[:-2]
            if b'name="to"' in head:
                to.append(content.decode())
            elif b'name="message"' in head:
                raw = content
        request_id = self._take("postmaster@" + found[1], sorted(to), raw)
        return answer(200, {"id": "<%s@%s>" % (request_id, found[1]), "message": "Queued. Thank you."})


class Request(Exchange):
    """The wire. `authority` is the service."""
    # Header and body are two writes.
    disable_nagle_algorithm = True

    def setup(self):
        with self.authority.lock:
            self.authority.connections += 1
        super().setup()

    def do_GET(self):
        with self.authority.lock:
            self.authority.probes += 1
        self.answer(404, {"error": {"code": "BadRequest", "message": "no such page"}})

    def read_body(self, most=None):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = int(self.headers.get("Content-Length", 0))
            return self.rfile.read(length if most is None else min(length, most))
        pieces = []
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
            if size == 0:
                return b"".join(pieces)

    def do_POST(self):
        service = self.authority
        fault = service.begin(self.path, self.headers)
        try:
            self.serve_message(service, fault)
        finally:
            service.end()

    def serve_message(self, service, fault):
        if fault == CUT_BEFORE:
            self.read_body(most=1)
            self.cut()
            return
        body = self.read_body()
        if fault == SILENT:
            service.released.wait()
        if fault in (CUT_AFTER, SILENT):
            self.cut()
            return
        if service.delay:
            service.released.wait(service.delay)
        status, text, headers = fault or service.judge(self.path, self.headers, body)
        self.answer(status, b"" if text is None else text, headers)
