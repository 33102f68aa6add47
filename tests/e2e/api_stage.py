"""What the tests of the rung `443/api` share: an account whose last rung is a service over HTTPS, and how a message
is given to it."""
import pytest

from conftest import USER
from fake_api import FakeApi
from oauth_stage import by_secret, private

KEY = "key-0123456789"
# What a client has written; nothing has to be added to it.
HEADER = (b"From: Scanner <user@example.test>\r\nTo: b@example.test\r\nSubject: scan\r\n"
          b"Date: Mon, 30 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@example.test>\r\nMIME-Version: 1.0\r\n")
MESSAGE = HEADER + b"\r\n.hello\r\n\r\n.\r\nend\r\n"


class ApiStage:
    def __init__(self, stage, authority, certificate):
        self.stage, self.authority, self.certificate = stage, authority, certificate
        self.tokens = None

    def service(self, kind="graph", **options):
        made = FakeApi(*self.certificate, kind=kind, secret=KEY, token_user=self.user_of, **options)
        self.stage.things.append(made)
        return made

    def user_of(self, token):
        """Whose a token is; a token for SMTP is nobody's here."""
        scope = self.tokens.access.get(token, (None, ""))[1] if self.tokens else ""
        return self.tokens.user_of(token) if scope.startswith("https://graph.") or self.tokens.kind == "google" else None

    def account(self, service, ports=(), way=None, **keys):
        """An [upstream] whose last rung is the service. ports: those of SMTP in front of it."""
        values = {"api": service.kind, "api_url": service.url}
        if service.kind == "mailgun":
            values["api_secret_file"] = private(self.stage.folder / "api-key", KEY + "\n")
            if not ports:
                values["password"] = None
        else:
            self.tokens, more = (way or by_secret)(self.stage, self.authority)
            values.update({"password": None, "oauth_client_id": self.client(), **self.tokens.keys, **more})
            if not ports and self.tokens.kind == "entra":
                values["oauth_scope"] = None
            values.pop("oauth_device_url", None)
            values.pop("oauth_authorize_url", None)
        return self.stage.account([*ports, "443/api"], **{**values, **keys})

    def client(self):
        from conftest import CLIENT
        return CLIENT


@pytest.fixture
def apis(stage, authority, authority_certificate):
    return ApiStage(stage, authority, authority_certificate)


def submit(proxy, message=MESSAGE, to=("b@example.test",), sender=USER, finish=True, mail=""):
    """The replies to RCPT, and to the end of data. finish False: the client, after its dot."""
    client = proxy.raw(timeout=60)
    client.reply()
    assert client.say("EHLO scanner").startswith("250")
    assert client.say("MAIL FROM:<%s>%s" % (sender, mail)).startswith("250")
    rcpts = [client.say("RCPT TO:<%s>" % address) for address in to]
    if not any(reply.startswith("250") for reply in rcpts):
        client.close()
        return rcpts, None
    assert client.say("DATA").startswith("354")
    stuffed = (b"." if message.startswith(b".") else b"") + message.replace(b"\r\n.", b"\r\n..")
    client.send(stuffed + b".\r\n")
    if not finish:
        return rcpts, client
    end = client.reply()
    client.close()
    return rcpts, end
