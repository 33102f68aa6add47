"""Logins by token, end to end: a token service that is dead, silent, busy or not to be trusted, and
one whose clock is another."""
import re
import threading

import pytest

import certs
from fake_authority_refusals import CUT, GARBAGE, SILENT, http_status, throttled
from oauth_stage import WAYS, account, by_refresh, by_secret, checking, send, words_of
from postfix import wait_until
from proxy import free_port


# ---- the network before the endpoint ----

def test_the_endpoint_is_dead_or_not_to_be_trusted(stage, authority):
    service, keys = by_secret(stage, authority)
    upstream = checking(stage, service)
    dead = {"oauth_token_url": "https://localhost:%d/token" % free_port()}
    pinned = {"tls_ca": None, "tls_fingerprint": fingerprint(stage.certificate[0])}
    for change, words in ((dead, "localhost: .*onnect"), (pinned, "certificate")):
        proxy = stage.proxy(account(stage, service, [upstream], **{**keys, **change}))
        code, text = send(proxy)
        assert code == 451 and re.search(words, words_of((code, text))), text
        assert re.search(words, proxy.log)
    assert service.count() == 0


def fingerprint(path):
    return certs.sha256_of(path)


@pytest.mark.parametrize("fault", [SILENT, CUT], ids=["silent", "cut"])
def test_nobody_waits_for_anothers_endpoint(stage, authority, fault):
    """While one account's token service says nothing, and whoever wants its mail out hangs,
    another's mail passes."""
    service, keys = by_refresh(stage, authority)
    service.fail_always(fault)
    upstream, other = checking(stage, service), stage.upstream()
    proxy = stage.proxy(
        account(stage, service, [upstream], name="token", senders="t@office.test", **keys) +
        stage.account([other], name="password", senders="p@office.test"))
    answers = []
    waiting = [threading.Thread(target=lambda: answers.append(send(proxy, "t@office.test")))
               for _ in range(10)]
    for thread in waiting:
        thread.start()
    service.wait_for_requests(1)
    for n in range(20):
        assert send(proxy, "p@office.test") is None
        if fault == SILENT:
            assert n > 15 or answers == []
    service.released.set()
    for thread in waiting:
        thread.join()
    assert [code for code, _ in answers] == [451] * 10
    # The grant may be spent by now: it is not presented again beside itself.
    assert service.most_at_once == 1


def test_retry_after_is_obeyed(stage, authority):
    service, keys = by_secret(stage, authority)
    service.fail(throttled(600))
    proxy = stage.proxy(account(stage, service, [checking(stage, service)], **keys))
    for _ in range(5):
        assert re.search(r"waiting (600|59\d) s", words_of(send(proxy)))
    assert service.count() == 1
    assert re.search(r"no access token for default: .* retry_in=(600|59\d)\b", proxy.log)


def test_after_trouble_it_works_again_by_itself(stage, authority):
    service, keys = by_refresh(stage, authority)
    service.fail(GARBAGE, CUT, http_status(500))
    upstream = checking(stage, service)
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    wait_until(lambda: send(proxy) is None, lambda: proxy.log)
    assert service.count() == 4


# ---- clocks ----

@pytest.mark.parametrize("way", ["certificate", "service_account"])
@pytest.mark.parametrize("offset", [-7200, 7200])
def test_a_wrong_clock(stage, authority, way, offset):
    """The endpoint's clock counts: an assertion that is refused while the clocks differ is made
    anew at once, and a warning names the difference."""
    service, keys = WAYS[way](stage, authority)
    service.date_offset = offset
    upstream = checking(stage, service)
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    assert send(proxy) is None
    assert service.count() == 2 and service.violations == []
    assert re.search(r"clock.*(7200|7199|7201|two hours)", proxy.log), proxy.log
