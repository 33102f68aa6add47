"""The token service of the tests on the wire: HTTP or HTTPS on a port of this machine, the paths,
and the faults that concern the connection. The authority that it serves says what is answered."""
import http.server
import json
import socket
import threading
import time
import urllib.parse

from fake_authority_refusals import CUT, CUT_AFTER_ROTATION, SILENT, Refusal


def serve(authority, context, exchange=None):
    """Starts a server on a free port and returns it. context: of TLS, or None. exchange: what a request is
    served by."""
    class Handler(exchange or Exchange):
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
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05},
                     daemon=True).start()
    return server


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
        """RFC 7662. An application's token is for every mailbox, and the caller does not say which
        one it asks for: a test that lets a Dovecot ask names it by `mailbox`."""
        user = self.authority.user_of(token)
        if not user:
            self.answer(200, {"active": False})
            return
        if user == "*":
            user = self.authority.mailbox
        scope = self.authority.access[token][1]
        self.answer(200, {"active": True, "username": user, "email": user, "scope": scope,
                          "client_id": "any"})
