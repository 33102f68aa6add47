"""The token service of the tests (tests/lib/fake_authority.py) proves something only where it
refuses what is wrong."""
import json
import random
import ssl
import time
import urllib.parse
import urllib.request

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from conftest import CLIENT, USER
from fake_authority_endpoints import APPLICATION_SCOPE
from fake_authority_keys import ASSERTION, Client, encode
from oauth_stage import by_certificate


def post(service, ca, **form):
    context = ssl.create_default_context(cafile=ca.cert)
    request = urllib.request.Request(service.url("token"), urllib.parse.urlencode(form).encode())
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as no:
        return json.load(no)


def test_the_fake_service_is_no_pushover(stage, authority, ca):
    """A token of ours proves something only where a wrong one is refused."""
    service, keys = by_certificate(stage, authority)
    key = serialization.load_pem_private_key(keys["oauth_client_key"].read_bytes(), None)
    fine = next(iter(service.clients[CLIENT].certificates))
    now = int(time.time())

    def ask(alg="PS256", x5t=fine, salt=32, **claims):
        head = {"alg": alg, "typ": "JWT", "x5t#S256": x5t}
        body = {"aud": service.url("token"), "iss": CLIENT, "sub": CLIENT,
                "jti": "%d" % random.getrandbits(60), "nbf": now, "exp": now + 300, **claims}
        signed = ".".join(encode(json.dumps(part).encode()) for part in (head, body))
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        signature = key.sign(signed.encode(), pss, hashes.SHA256())
        answer = post(service, ca, grant_type="client_credentials", client_id=CLIENT,
                      scope=APPLICATION_SCOPE, client_assertion_type=ASSERTION,
                      client_assertion=signed + "." + encode(signature))
        return answer.get("error_codes", ["fine"])[0]

    assert ask() == "fine"
    wrong = [ask(alg="RS256"), ask(x5t="x"), ask(salt=20)]
    wrong += [ask(aud="https://elsewhere"), ask(iss="another"), ask(sub="another")]
    assert wrong == [700027] * 6
    late = [ask(exp=now - 10), ask(nbf=now + 400, exp=now + 700), ask(exp=now + 3600)]
    assert late == [700024] * 3
    assert service.violations == [] and ask(jti="one") == "fine"
    assert ask(jti="one") == "fine" and len(service.violations) == 1
    person = service.grant(USER, CLIENT)
    service.clients[CLIENT] = Client(public=True)
    refresh = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": person}
    assert post(service, ca, **refresh)["refresh_token"] != person
    assert post(service, ca, **refresh)["error_codes"] == [50173]
    app = {"grant_type": "client_credentials", "scope": APPLICATION_SCOPE}
    assert post(service, ca, client_id=CLIENT, **app)["error_codes"] == [7000218]
    assert post(service, ca, client_id="another", **app)["error_codes"] == [700016]
