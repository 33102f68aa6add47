"""What the token service of the tests says when it refuses, in the words of Entra and of Google,
and every other way in which a test may let it fail."""

# Entra's codes: status, OAuth error, and the beginning of its words.
AADSTS = {
    7000222: (401, "invalid_client",
              "The provided client secret keys for app '{client}' are expired."),
    7000215: (401, "invalid_client",
              "Invalid client secret provided. Ensure the secret being sent in the request is the "
              "client secret value, not the client secret ID, for a secret added to app "
              "'{client}'."),
    7000218: (401, "invalid_client",
              "The request body must contain the following parameter: 'client_assertion' or "
              "'client_secret'."),
    700027: (401, "invalid_client",
             "The certificate with identifier used to sign the client assertion is not registered "
             "on application."),
    700024: (401, "invalid_client", "Client assertion is not within its valid time range."),
    700016: (400, "unauthorized_client",
             "Application with identifier '{client}' was not found in the directory '{tenant}'."),
    90002: (400, "invalid_request", "Tenant '{tenant}' not found."),
    70011: (400, "invalid_scope",
            "The provided value for the input parameter 'scope' is not valid."),
    1002012: (400, "invalid_scope",
              "The provided value for scope is not valid. Client credential flows must have a "
              "scope value with /.default suffixed to the resource identifier."),
    700082: (400, "invalid_grant", "The refresh token has expired due to inactivity."),
    65001: (400, "invalid_grant",
            "The user or administrator has not consented to use the application with ID "
            "'{client}'."),
    50173: (400, "invalid_grant",
            "The provided grant has expired due to it being revoked, a fresh auth token is "
            "needed."),
    50076: (400, "invalid_grant",
            "Due to a configuration change made by your administrator, you must use multi-factor "
            "authentication to access."),
    50079: (400, "invalid_grant",
            "Due to a configuration change made by your administrator, you must enroll in "
            "multi-factor authentication."),
    53003: (400, "invalid_grant", "Access has been blocked by Conditional Access policies."),
    70043: (400, "invalid_grant",
            "The refresh token has expired or is invalid due to sign-in frequency checks by "
            "Conditional Access."),
    50196: (400, "invalid_grant",
            "The server terminated an operation because it encountered a client request loop."),
    70008: (400, "invalid_grant",
            "The provided authorization code or refresh token has expired."),
    501481: (400, "invalid_grant",
             "The Code_Verifier does not match the code_challenge supplied in the authorization "
             "request."),
    70016: (400, "authorization_pending",
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
    70018: (400, "bad_verification_code", "Invalid verification code."),
    70019: (400, "expired_token", "Verification code expired."),
    70020: (400, "authorization_declined", "The end user denied the authorization request."),
}

# Google's errors: status, error, description, and fields beside them.
GOOGLE = {
    "client-not-found": (401, "invalid_client", "The OAuth client was not found.", {}),
    "client": (401, "invalid_client", "Unauthorized", {}),
    "delegation": (401, "unauthorized_client",
                   "Client is unauthorized to retrieve access tokens using this method, or client "
                   "not authorized for any of the scopes requested.", {}),
    "signature": (400, "invalid_grant", "Invalid JWT Signature.", {}),
    "clock": (400, "invalid_grant",
              "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
              "timeframe. Check your iat and exp values in the JWT claim.", {}),
    "revoked": (400, "invalid_grant", "Token has been expired or revoked.", {}),
    "rapt": (400, "invalid_grant", "reauth related error (invalid_rapt)",
             {"error_uri": "https://support.google.com/a/answer/9368756",
              "error_subtype": "invalid_rapt"}),
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


# ---- what a test lets go wrong; see FakeAuthority.fail ----

def aadsts(code):
    return ("aadsts", code)


def google(name):
    return ("google", name)


def http_status(status, body=b"", headers=None):
    """Any answer: 429 with Retry-After, 503 with HTML, 200 with garbage."""
    return ("raw", status, body, headers or {})


def throttled(seconds):
    return http_status(429, b'{"error":"temporarily_unavailable"}',
                       {"Retry-After": str(seconds), "Content-Type": "application/json"})


GARBAGE = http_status(200, b"<html>Service Unavailable</html>", {"Content-Type": "text/html"})
# It takes the request, and then: the connection is cut; nothing comes, until the test releases it.
CUT, SILENT = ("cut",), ("silent",)
# The grant is rotated, and the connection is cut before the answer.
CUT_AFTER_ROTATION = ("cut-after",)
