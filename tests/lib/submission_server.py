"""A small submission server for the demo and the end-to-end tests: STARTTLS or implicit TLS, AUTH PLAIN, LOGIN, XOAUTH2 and
OAUTHBEARER, PIPELINING, SIZE, 8BITMIME, optionally CHUNKING. One thread per connection, standard library only. It records every message and every password it was told.

Not a mail server: it checks what a submission service checks (TLS before AUTH, AUTH before MAIL) and keeps what it got in memory."""
import base64
import re
import socket
import ssl
import threading
import time

from ports import free_port


class Message:
    def __init__(self, sender, recipients, body, session, mail_args=""):
        self.sender = sender
        self.recipients = recipients
        self.body = body
        self.user = session.user
        self.tls = session.tls_version
        self.mechanism = session.mechanism
        self.mail_args = mail_args
        self.session = session.number
        self.helo = session.helo


class SubmissionServer:
    """Options: tls 'starttls' | 'implicit' | 'none'; users {name: password}; mechanisms; hooks {verb: function(session, argument) -> reply
    bytes or None}; greeting; chunking; pipelining; silent_after_connect; auth_delay (seconds); token_user:
    function(access token) -> its user, "*" for any, None for a bad one; listener: a listening socket made elsewhere (another network namespace)."""

    session_class = None  # a Session of one's own

    def __init__(self, cert=None, key=None, users=None, tls="starttls", host="127.0.0.1", port=0, mechanisms="PLAIN LOGIN",
                 hooks=None, greeting=b"220 upstream.test ESMTP\r\n", chunking=False, pipelining=True, size=50_000_000,
                 silent_after_connect=False, auth_delay=0.0, extensions=(), name="upstream.test", listener=None, token_user=None):
        self.users = users if users is not None else {"user@example.test": "sesame"}
        self.tls, self.mechanisms, self.hooks, self.greeting = tls, mechanisms, dict(hooks or {}), greeting
        self.chunking, self.pipelining, self.size, self.extensions = chunking, pipelining, size, list(extensions)
        self.silent_after_connect, self.auth_delay, self.name = silent_after_connect, auth_delay, name
        self.token_user = token_user
        self.context = None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(cert, key)
        self.messages, self.transcript, self.auth_attempts = [], [], []
        self.connections = 0
        self.handshakes = 0
        self.lock = threading.Lock()
        self.arrived = threading.Condition(self.lock)
        self.listener = listener or socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.host, self.port = host, self.listener.getsockname()[1]
        self.open_sockets = set()
        self.stopped = False
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while not self.stopped:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
                self.open_sockets.add(connection)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            (self.session_class or Session)(self, connection, number).run()
        except (OSError, ConnectionError, ValueError):
            pass
        finally:
            with self.lock:
                self.open_sockets.discard(connection)
            try:
                connection.close()
            except OSError:
                pass

    def note(self, number, direction, line):
        with self.lock:
            self.transcript.append((number, direction, line))

    def commands(self):
        with self.lock:
            return [line for _, direction, line in self.transcript if direction == "C"]

    def deliver(self, message):
        with self.arrived:
            self.messages.append(message)
            self.arrived.notify_all()

    def wait_for(self, count, timeout=10.0):
        """Waits until `count` messages have arrived and returns them."""
        deadline = time.monotonic() + timeout
        with self.arrived:
            while len(self.messages) < count and time.monotonic() < deadline:
                self.arrived.wait(deadline - time.monotonic())
            return list(self.messages)

    def cut_connections(self):
        with self.lock:
            sockets = list(self.open_sockets)
        for s in sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.stopped = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.cut_connections()


# developers.google.com/workspace/gmail/imap/xoauth2-protocol, and RFC 7628 3.1.
TOKEN_MECHANISMS = {"XOAUTH2": re.compile(rb"user=([^\x01]+)\x01auth=Bearer ([!-~]+)\x01\x01"),
                    "OAUTHBEARER": re.compile(rb"n,a=([^,\x01]+),\x01(?:(?:host|port)=[^\x01]*\x01)*auth=Bearer ([!-~]+)\x01\x01")}


class Closed(ConnectionError):
    pass


class Session:
    def __init__(self, server, connection, number):
        self.server, self.socket, self.number = server, connection, number
        self.buffer = b""
        self.user = self.mechanism = self.tls_version = None
        self.helo = ""
        self.reset()

    def reset(self):
        self.sender, self.recipients, self.mail_args, self.chunks = None, [], "", b""

    def read_more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Closed()
        self.buffer += data

    def read_line(self):
        while b"\n" not in self.buffer:
            self.read_more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        line = line.rstrip(b"\r")
        self.server.note(self.number, "C", line)
        return line

    def read_exactly(self, count):
        while len(self.buffer) < count:
            self.read_more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def send(self, data):
        self.server.note(self.number, "S", data.rstrip())
        self.socket.sendall(data)

    def handshake(self):
        self.socket = self.server.context.wrap_socket(self.socket, server_side=True)
        self.tls_version = self.socket.version()
        self.server.handshakes += 1
        self.buffer = b""
        self.helo = ""

    def run(self):
        if self.server.silent_after_connect:
            while self.socket.recv(1024):
                pass
            return
        if self.server.tls == "implicit":
            self.handshake()
        if self.server.greeting:
            self.send(self.server.greeting)
        while True:
            line = self.read_line()
            word, _, argument = line.partition(b" ")
            verb = word.upper().decode("ascii", "replace")
            hook = self.server.hooks.get(verb)
            reply = hook(self, argument) if hook else None
            if reply is not None:
                self.send(reply)
                continue
            handler = getattr(self, "do_" + verb.lower(), None)
            if handler is None:
                self.send(b"500 5.5.1 what?\r\n")
            elif handler(argument) is False:
                return

    def do_ehlo(self, argument):
        self.helo = argument.decode("ascii", "replace")
        server = self.server
        words = [server.name, "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE %d" % server.size] + server.extensions
        if server.pipelining:
            words.append("PIPELINING")
        if server.chunking:
            words.append("CHUNKING")
        if server.tls == "starttls" and not self.tls_version:
            words.append("STARTTLS")
        elif server.mechanisms and (self.tls_version or server.tls == "none"):
            words.append("AUTH " + server.mechanisms)
        self.send(b"".join(b"250%s%s\r\n" % (b"-" if i + 1 < len(words) else b" ", w.encode()) for i, w in enumerate(words)))
        self.reset()

    def do_starttls(self, argument):
        if self.server.tls != "starttls" or self.tls_version:
            self.send(b"503 5.5.1 no STARTTLS here\r\n")
            return
        self.send(b"220 2.0.0 go ahead\r\n")
        self.handshake()

    def do_auth(self, argument):
        mechanism, _, initial = argument.partition(b" ")
        mechanism = mechanism.upper().decode()
        if mechanism in TOKEN_MECHANISMS and mechanism in self.server.mechanisms.split() and (self.tls_version or self.server.tls == "none"):
            self.auth_by_token(mechanism, initial)
            return
        if self.server.tls != "none" and not self.tls_version:
            self.send(b"538 5.7.11 TLS first\r\n")
            return
        if mechanism == "PLAIN" and "PLAIN" in self.server.mechanisms.split():
            if not initial:
                self.send(b"334 \r\n")
                initial = self.read_line()
            _, user, password = base64.b64decode(initial).split(b"\0")
        elif mechanism == "LOGIN" and "LOGIN" in self.server.mechanisms.split():
            self.send(b"334 VXNlcm5hbWU6\r\n")
            user = base64.b64decode(self.read_line())
            self.send(b"334 UGFzc3dvcmQ6\r\n")
            password = base64.b64decode(self.read_line())
        else:
            self.send(b"504 5.5.4 unknown mechanism\r\n")
            return
        user, password = user.decode(), password.decode()
        with self.server.lock:
            self.server.auth_attempts.append((user, password))
        time.sleep(self.server.auth_delay)
        if self.server.users.get(user) == password:
            self.user, self.mechanism = user, mechanism
            self.send(b"235 2.7.0 welcome\r\n")
        else:
            self.send(b"535 5.7.8 bad credentials\r\n")

    def auth_by_token(self, mechanism, initial):
        if not initial:
            self.send(b"334 \r\n")
            initial = self.read_line()
        match = TOKEN_MECHANISMS[mechanism].fullmatch(base64.b64decode(initial, validate=True))
        if not match:
            self.send(b"501 5.5.4 not as this mechanism writes it\r\n")
            return
        user, token = (part.decode() for part in match.groups())
        with self.server.lock:
            self.server.auth_attempts.append((user, token))
        time.sleep(self.server.auth_delay)
        known = self.server.token_user(token) if self.server.token_user else None
        if known in ("*", user):
            self.user, self.mechanism = user, mechanism
            self.send(b"235 2.7.0 welcome\r\n")
            return
        self.send(b"334 " + base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.test/"}') + b"\r\n")
        wanted = {"XOAUTH2": b"", "OAUTHBEARER": b"AQ=="}[mechanism]
        self.send(b"535 5.7.8 bad token\r\n" if self.read_line() == wanted else b"501 5.5.4 the answer to an error is another one\r\n")

    def do_mail(self, argument):
        if self.server.users and not self.user:
            self.send(b"530 5.7.0 authenticate first\r\n")
            return
        match = re.match(rb"FROM:<([^>]*)>(.*)$", argument, re.I)
        self.reset()
        self.sender, self.mail_args = match.group(1).decode("utf-8"), match.group(2).decode().strip()
        self.send(b"250 2.1.0 sender fine\r\n")

    def do_rcpt(self, argument):
        match = re.match(rb"TO:<([^>]*)>(.*)$", argument, re.I)
        recipient = match.group(1).decode("utf-8")
        if self.sender is None:
            self.send(b"503 5.5.1 MAIL first\r\n")
        elif recipient.startswith("unknown"):
            self.send(b"550 5.1.1 no such user here\r\n")
        elif recipient.startswith("later"):
            self.send(b"450 4.2.1 mailbox busy, try later\r\n")
        else:
            self.recipients.append(recipient)
            self.send(b"250 2.1.5 recipient fine\r\n")

    def judge(self, body):
        hook = self.server.hooks.get("BODY")
        reply = hook(self, body) if hook else None
        if reply is None:
            self.accept(body)
        else:
            self.send(reply)
            self.reset()

    def accept(self, body):
        self.server.deliver(Message(self.sender, self.recipients, body, self, self.mail_args))
        self.send(b"250 2.0.0 queued as %d-%d\r\n" % (self.number, len(self.server.messages)))
        self.reset()

    def do_data(self, argument):
        if not self.recipients:
            self.send(b"554 5.5.1 no valid recipients\r\n")
            return
        self.send(b"354 go ahead\r\n")
        while not (self.buffer.startswith(b".\r\n") or b"\r\n.\r\n" in self.buffer):
            self.read_more()
        if self.buffer.startswith(b".\r\n"):
            raw, self.buffer = b"", self.buffer[3:]
        else:
            raw, self.buffer = self.buffer.split(b"\r\n.\r\n", 1)
            raw += b"\r\n"
        body = re.sub(rb"(^|\r\n)\.", rb"\1", raw)
        self.judge(body)

    def do_bdat(self, argument):
        if not self.server.chunking:
            self.send(b"500 5.5.1 what?\r\n")
            return
        words = argument.split()
        self.chunks += self.read_exactly(int(words[0]))
        if not self.recipients:
            self.send(b"554 5.5.1 no valid recipients\r\n")
        elif len(words) > 1 and words[1].upper() == b"LAST":
            self.judge(self.chunks)
        else:
            self.send(b"250 2.0.0 %d octets\r\n" % len(self.chunks))

    def do_rset(self, argument):
        self.reset()
        self.send(b"250 2.0.0 reset\r\n")

    def do_noop(self, argument):
        self.send(b"250 2.0.0 fine\r\n")

    def do_quit(self, argument):
        self.send(b"221 2.0.0 bye\r\n")
        return False


class BlackHole:
    """A local port on which connecting hangs, as behind a firewall that drops: a listener that never accepts, its queue filled up."""

    def __init__(self, host="127.0.0.1"):
        self.listener = socket.socket()
        self.listener.bind((host, 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((host, self.port))
            self.fillers.append(filler)
        time.sleep(0.05)

    def stop(self):
        for s in self.fillers + [self.listener]:
            s.close()


def closed_port(host="127.0.0.1"):
    """A port that nothing listens on."""
    return free_port(host)
