"""What each answer of a service over HTTPS means for the client, in front of the real thing: TLS, libcurl and a server
that says what the test wants."""
import email.utils
import re
import time

import pytest

from api_stage import apis, submit  # noqa: F401
from conftest import USER
from fake_api import CUT_AFTER, CUT_BEFORE, answer, gmail_error, graph_error
from test_api import account


def later(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


ANSWERS = [
    ("graph", graph_error(403, "ErrorSendAsDenied", "The user account may not send as"), r"550 5\.7\.1 .*The user account may not send as"),
    ("graph", graph_error(400, "ErrorInvalidRecipients", "bad address"), r"554 5\.1\.3 .*bad address"),
    ("graph", graph_error(400, "ErrorMimeContentInvalid", "no MIME"), r"554 5\.6\.0 .*no MIME"),
    ("graph", graph_error(422, "Whatever", "odd"), r"554 .*odd"),
    ("graph", graph_error(413, "RequestEntityTooLarge", "big"), r"552 5\.3\.4 "),
    ("graph", graph_error(503, "ServiceUnavailable", "busy"), r"451 4\.4\.1 "),
    ("graph", answer(500, b"<html>oops</html>"), r"451 4\.4\.1 "),
    ("graph", graph_error(504, "Timeout", "gave up"), r"451 4\.4\.2 "),
    ("graph", answer(302, b"", Location="https://elsewhere.test/"), r"451 "),
    ("graph", answer(202, b"not JSON"), r"250 "),
    ("graph", graph_error(403, "ErrorAccessDenied", "Access is denied."), r"451 4\.3\.5 "),
    ("graph", graph_error(404, "ErrorInvalidUser", "no such user"), r"451 4\.3\.5 "),
    ("gmail", gmail_error(403, "insufficientPermissions", "scopes"), r"451 4\.3\.5 "),
    ("gmail", gmail_error(400, "invalidArgument", "Invalid To header"), r"554 .*Invalid To header"),
    ("gmail", answer(200, b"{"), r"250 "),
    ("mailgun", answer(400, {"message": "'to' parameter is not a valid address"}), r"554 5\.1\.3 "),
    ("mailgun", answer(402, {"message": "pay"}), r"451 4\.3\.5 "),
    ("mailgun", answer(404, {"message": "domain not found"}), r"451 4\.3\.5 "),
]


@pytest.mark.parametrize("kind, said, expected", ANSWERS, ids=lambda v: None if isinstance(v, str) else str(v[0]))
def test_each_answer(stage, apis, kind, said, expected):
    service = apis.service(kind)
    service.every = said
    proxy = stage.proxy(account(apis, service))
    _, end = submit(proxy)
    assert re.match(expected, end), end
    assert not service.taken


@pytest.mark.parametrize("wait", ["1", "date"])
def test_it_waits_as_long_as_it_is_asked_to(stage, apis, wait):
    service = apis.service("graph")
    service.then(graph_error(429, "TooManyRequests", "slow", Retry_After=later(2) if wait == "date" else wait))
    proxy = stage.proxy(account(apis, service))
    _, end = submit(proxy)
    assert end.startswith("250 "), end
    assert len(service.requests) == 2 and len(service.taken) == 1


def test_a_longer_wait_answers_at_once(stage, apis):
    service = apis.service("graph")
    service.then(graph_error(429, "TooManyRequests", "slow", Retry_After="3600"))
    proxy = stage.proxy(account(apis, service, final_timeout="5s"))
    _, end = submit(proxy)
    assert end.startswith("451 "), end
    assert len(service.requests) == 1


def test_a_token_that_is_refused_is_fetched_anew_once(stage, apis):
    service = apis.service("graph")
    service.then(graph_error(401, "InvalidAuthenticationToken", "expired"))
    proxy = stage.proxy(account(apis, service))
    _, end = submit(proxy)
    assert end.startswith("250 "), end
    used = [headers["Authorization"] for _, headers in service.requests]
    assert len(used) == 2 and used[0] != used[1]
    assert apis.tokens.count() == 2
    service.every = graph_error(401, "InvalidAuthenticationToken", "no")
    _, end = submit(proxy)
    assert end.startswith("451 4.3.5 "), end
    assert len(service.requests) == 4
    # It rests: nothing is asked.
    service.every = None
    rcpts, end = submit(proxy)
    assert (end or rcpts[0]).startswith("451 4.3.5 127.0.0.1 refuses the configured credentials"), (rcpts, end)
    assert len(service.requests) == 4
    assert apis.tokens.access and not [token for token in apis.tokens.access if token in proxy.log]


def test_a_refused_key_is_read_again(stage, apis):
    service = apis.service("mailgun")
    service.secret = "key-of-tomorrow"
    proxy = stage.proxy(account(apis, service))
    (stage.folder / "api-key").write_text("key-of-tomorrow\n")
    _, end = submit(proxy)
    assert end.startswith("250 "), end
    service.secret = "key-of-next-week"
    _, end = submit(proxy)
    assert end.startswith("451 4.3.5 "), end
    # A reload with the right one ends the rest.
    (stage.folder / "api-key").write_text("key-of-next-week\n")
    proxy.reload()
    _, end = submit(proxy)
    assert end.startswith("250 "), end
    assert "key-of" not in proxy.log


def test_what_the_api_refuses_leaves_smtp(stage, apis):
    """In front is the API here."""
    service = apis.service("mailgun")
    service.every = answer(401, b"Forbidden")
    upstream = stage.upstream()
    text = account(apis, service, [upstream]).replace("ports = %d 443/api" % upstream.port, "ports = 443/api %d" % upstream.port)
    proxy = stage.proxy(text)
    replies = [submit(proxy)[1] for _ in range(3)]
    assert replies[1].startswith("250 ") and replies[2].startswith("250 "), replies
    assert len(service.requests) <= 2
    assert "443/api: localhost refuses us" in proxy.log


def test_the_next_rung_takes_what_the_service_does_not(stage, apis):
    """Nothing was taken, and the client does not notice."""
    service = apis.service("mailgun")
    upstream = stage.upstream()
    text = account(apis, service, [upstream]).replace("ports = %d 443/api" % upstream.port, "ports = 443/api %d" % upstream.port)
    proxy = stage.proxy(text)
    for fault in (answer(503, b"later"), CUT_BEFORE):
        service.then(fault)
    _, end = submit(proxy)
    assert end.startswith("250 "), end
    assert len(upstream.wait_for(1)) == 1 and not service.taken


def test_lost_before_and_after_the_last_octet(stage, apis):
    service = apis.service("mailgun")
    proxy = stage.proxy(account(apis, service))
    line = b"0123456789abcdef" * 4 + b"\r\n"
    big = b"Subject: x\r\n\r\n" + line * 60000
    service.every = CUT_BEFORE
    _, end = submit(proxy, big)
    assert re.match(r"451 4\.4\.[12] ", end), end
    service.every = CUT_AFTER
    proxy = stage.proxy(account(apis, service))
    _, end = submit(proxy)
    assert end.startswith("451 4.4.2 "), end
    assert "msg=lost-link" in proxy.log
    assert len(service.requests) == 3 or len(service.requests) == 2


def test_four_requests_at_a_time(stage, apis):
    import threading
    service = apis.service("mailgun")
    service.delay = 0.3
    proxy = stage.proxy(account(apis, service))
    ends = []
    clients = [threading.Thread(target=lambda: ends.append(submit(proxy)[1])) for _ in range(12)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert len(ends) == 12 and all(end.startswith("250 ") for end in ends), ends
    assert 2 <= service.most_at_once <= 4 and len(service.taken) == 12


def test_the_service_cannot_write_into_the_log(stage, apis):
    service = apis.service("graph")
    service.every = graph_error(400, "X\r\nlevel=info msg=delivered", "a\r\n250 ok\u202e\u0000" + "x" * 5000)
    proxy = stage.proxy(account(apis, service))
    _, end = submit(proxy)
    assert end.startswith("554 ") and "\n250 ok" not in end and len(end) < 2000
    assert not re.search(r"(?m)^level=info", proxy.log) and "\u202e" not in proxy.log


def test_a_stranger_with_the_wrong_certificate(stage, apis):
    """No token goes there."""
    service = apis.service("graph", name="127.0.0.2")
    proxy = stage.proxy(account(apis, service, api_url=service.url.replace("127.0.0.2", "127.0.0.2")))
    rcpts, end = submit(proxy)
    assert (end or rcpts[0]).startswith("451 4."), (rcpts, end)
    assert not service.requests and not service.probes
    assert USER not in "".join(path for path, _ in service.requests)
