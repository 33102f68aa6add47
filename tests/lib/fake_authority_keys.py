"""Keys of the token service of the tests: the registrations that it knows, JSON Web Tokens, and its
judgement of the assertions that are presented to it."""
import base64
import hashlib
import json

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RS256, PS256 = padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA256()), 32)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwt_parts(text):
    head, claims, signature = text.split(".")
    signed = (head + "." + claims).encode()
    return json.loads(decode(head)), json.loads(decode(claims)), decode(signature), signed


def make_jwt(key_pem, claims, head=None):
    """Signs with RS256, as another issuer does it."""
    key = serialization.load_pem_private_key(open(key_pem, "rb").read(), None)
    parts = (head or {"alg": "RS256", "typ": "JWT"}, claims)
    body = ".".join(encode(json.dumps(part).encode()) for part in parts)
    return body + "." + encode(key.sign(body.encode(), RS256, hashes.SHA256()))


def certificate_of(path):
    with open(path, "rb") as pem:
        return x509.load_pem_x509_certificate(pem.read())


class Client:
    """A registration. secret: what the form must hold; certificates: PEM files that may sign;
    federated: (issuer, public key) of another issuer; public: a code or a refresh token is taken
    without any of these."""

    def __init__(self, secret=None, secret_expired=False, certificates=(), federated=None,
                 public=False):
        self.secret, self.secret_expired = secret, secret_expired
        self.federated, self.public = federated, public
        self.certificates = {}
        for path in certificates:
            certificate = certificate_of(path)
            der = certificate.public_bytes(serialization.Encoding.DER)
            self.certificates[encode(hashlib.sha256(der).digest())] = certificate.public_key()


def is_signed(key, signature, signed, how):
    try:
        key.verify(signature, signed, how, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def judge_client_assertion(client, form, audience, now):
    """Returns Entra's code for what is wrong with the assertion in the form, or None, and then the
    mark that no second assertion may bear (None: another issuer has made it)."""
    assert form.get("client_assertion_type") == ASSERTION
    head, claims, signature, signed = jwt_parts(form["client_assertion"])
    if client.federated and claims.get("iss") == client.federated[0]:
        return (None if is_signed(client.federated[1], signature, signed, RS256) else 700027), None
    key = client.certificates.get(head.get("x5t#S256"))
    if head.get("alg") != "PS256" or not key or not is_signed(key, signature, signed, PS256):
        return 700027, None
    app = form["client_id"]
    if claims["aud"] != audience or claims["iss"] != app or claims["sub"] != app:
        return 700027, None
    if not claims["nbf"] - 60 <= now <= claims["exp"] or claims["exp"] - claims["nbf"] > 660:
        return 700024, None
    return None, claims["jti"]


def judge_service_account(keys, assertion, now):
    """keys: the public key of each account, by its mail address. Returns Google's name for what is
    wrong with signature or time, or None, and the claims."""
    head, claims, signature, signed = jwt_parts(assertion)
    key = keys.get(claims.get("iss"))
    if head.get("alg") != "RS256" or not key or not is_signed(key, signature, signed, RS256):
        return "signature", claims
    if not claims["iat"] - 60 <= now <= claims["exp"] or claims["exp"] - claims["iat"] > 3600:
        return "clock", claims
    return None, claims
