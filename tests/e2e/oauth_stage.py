"""What the tests of logins by token share: each way to a token, an account and a server for it, a
message through it, and the search for what nobody may see."""
import json
import re
import smtplib
import subprocess
import time

from conftest import CLIENT, DESKTOP, USER
from fake_authority_endpoints import APPLICATION_SCOPE, MAIL_SCOPE
from fake_authority_keys import Client, certificate_of, make_jwt
from test_secrets import forms

MESSAGE = b"Subject: by token\r\n\r\nhello\r\n"
SECRET = "Kx8Q~client+secret/with=everything&in it"


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def key_pair(folder, label):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-days", "60",
                    "-nodes", "-subj", "/CN=smtp-detour",
                    "-keyout", label + ".key", "-out", label + ".crt"],
                   cwd=folder, check=True, stderr=subprocess.DEVNULL)
    (folder / (label + ".key")).chmod(0o600)
    return folder / (label + ".key"), folder / (label + ".crt")


# ---- the ways to a token: what the service must know, and the keys of the account ----

def by_secret(stage, make):
    service = make()
    service.clients[CLIENT] = Client(secret=SECRET)
    path = private(stage.folder / "client-secret", SECRET + "\n")
    return service, {"oauth_client_secret_file": path, "oauth_scope": APPLICATION_SCOPE}


def by_certificate(stage, make):
    service, (key, cert) = make(), key_pair(stage.folder, "app")
    service.clients[CLIENT] = Client(certificates=[cert])
    return service, {"oauth_client_cert": cert, "oauth_client_key": key,
                     "oauth_scope": APPLICATION_SCOPE}


def by_assertion(stage, make):
    service, (key, cert) = make(), key_pair(stage.folder, "cluster")
    public = certificate_of(cert).public_key()
    service.clients[CLIENT] = Client(federated=("https://cluster.test", public))
    now = int(time.time())
    jwt = make_jwt(str(key), {
        "iss": "https://cluster.test", "sub": "system:serviceaccount:mail:smtp-detour",
        "aud": "api://AzureADTokenExchange", "iat": now, "exp": now + 3600})
    path = private(stage.folder / "federated-token", jwt)
    return service, {"oauth_assertion_file": path, "oauth_scope": APPLICATION_SCOPE}


def service_account(stage, service):
    key, cert = key_pair(stage.folder, "google")
    mail = "smtp-detour@project.iam.gserviceaccount.com"
    service.service_accounts[mail] = certificate_of(cert).public_key()
    text = json.dumps({
        "type": "service_account", "client_email": mail, "client_id": "108",
        "private_key_id": "k1", "private_key": key.read_text(), "token_uri": service.url("token")})
    return {"oauth_service_account_file": private(stage.folder / "google.json", text),
            "oauth_scope": MAIL_SCOPE["google"], "oauth_client_id": None}


def by_service_account(stage, make):
    service = make("google")
    service.delegated.add(USER)
    return service, service_account(stage, service)


def token_file(stage, service, user=USER, name="refresh-token"):
    return private(stage.folder / name, service.grant(user, CLIENT) + "\n")


def by_refresh(stage, make):
    service = make()
    return service, {"oauth_token_file": token_file(stage, service),
                     "oauth_scope": MAIL_SCOPE["entra"] + " offline_access"}


def by_refresh_with_secret(stage, make):
    service = make("google")
    return service, {"oauth_token_file": token_file(stage, service), "oauth_client_secret": DESKTOP,
                     "oauth_scope": MAIL_SCOPE["google"], "oauth_rotates": "no"}


def by_command(stage, make):
    service = make()
    form = {"grant_type": "refresh_token", "client_id": CLIENT,
            "refresh_token": service.grant(USER, CLIENT)}
    answer = service.token("office.test", form)
    printed = private(stage.folder / "printed", answer["access_token"] + "\n")
    script = stage.folder / "print-token"
    script.write_text("#!/bin/sh\nexec cat %s\n" % printed)
    script.chmod(0o755)
    return service, {"password_command": script, "auth": "xoauth2"}


WAYS = {f.__name__[3:]: f for f in (by_secret, by_certificate, by_assertion, by_service_account,
                                    by_refresh, by_refresh_with_secret, by_command)}


def account(stage, service, upstreams, **keys):
    values = {"password": None, "oauth_client_id": CLIENT, **service.keys, **keys}
    if values.get("password_command"):
        values = {key: value for key, value in values.items() if not key.startswith("oauth_")}
    values.pop("oauth_device_url", None)
    values.pop("oauth_authorize_url", None)
    return stage.account(upstreams, **values)


def checking(stage, service, mechanisms="XOAUTH2 OAUTHBEARER", **options):
    """Makes a server that takes what the service has given."""
    return stage.upstream(mechanisms=mechanisms, users={USER: None}, token_user=service.user_of,
                          **options)


def send(proxy, sender=USER, recipient="b@example.test"):
    """Returns the reply to what failed, or None."""
    with proxy.client(timeout=60) as client:
        try:
            client.sendmail(sender, [recipient], MESSAGE)
        except smtplib.SMTPRecipientsRefused as refused:
            return refused.recipients[recipient]
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code, refused.smtp_error
    return None


def words_of(reply):
    return re.sub(r"\s+", " ", re.sub(r"(?m)^\d\.\d\.\d ", "", reply[1].decode()))


def told(service):
    """Yields all that nobody may ever see."""
    for _, form in service.requests:
        for field in ("client_secret", "client_assertion", "assertion", "refresh_token", "code",
                      "code_verifier"):
            if form.get(field):
                yield form[field]
    yield from service.access
    yield from service.grants


def nothing_leaks(proxy, service, *texts):
    seen = "\n".join((proxy.log,) + texts).encode()
    for secret in set(told(service)):
        assert not [form for form in forms(secret, USER) if form in seen], secret
