"""Logins by token, end to end: each way to a token delivers, also to a server that checks it in
earnest (a Dovecot that asks the issuer), and each sender stands for itself. The token service is
tests/lib/fake_authority.py; what these tests share is in oauth_stage.py."""
import base64
import re

import pytest

import dovecot_submission
from conftest import USER
from oauth_stage import (WAYS, account, by_refresh, by_secret, checking, nothing_leaks, send,
                         service_account, words_of)
from postfix import wait_until
from proxy import free_port


# ---- each way, delivered ----

@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("way", WAYS)
def test_delivered(stage, authority, way, mechanism):
    service, keys = WAYS[way](stage, authority)
    upstream = checking(stage, service, mechanism)
    if way == "command":
        keys["auth"] = mechanism.lower()
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    for _ in range(3):
        assert send(proxy) is None
    messages = upstream.wait_for(3)
    assert [(m.user, m.mechanism) for m in messages] == [(USER, mechanism)] * 3
    assert service.count() == (0 if way == "command" else 1) and service.violations == []
    nothing_leaks(proxy, service)


needs_dovecot = pytest.mark.skipif(bool(dovecot_submission.reason_not_to()),
                                   reason=str(dovecot_submission.reason_not_to()))


def dovecot(stage, service):
    """Returns a Dovecot that asks the service, and the relay behind it that keeps the mail."""
    relay = stage.upstream(tls="none", users={}, mechanisms="")
    service.mailbox = USER
    server = dovecot_submission.DovecotSubmission(*stage.certificate, {}, free_port(), relay.port,
                                                  10, service.introspect_url)
    stage.things.append(server)
    return server, relay


@needs_dovecot
@pytest.mark.parametrize("way", WAYS)
def test_delivered_through_dovecot(stage, authority, way):
    """Its passdb asks the issuer about each token, and its command lines are short: long tokens go
    in two steps, on the same session."""
    service, keys = WAYS[way](stage, authority)
    server, relay = dovecot(stage, service)
    proxy = stage.proxy(account(stage, service, [server], **keys))
    for _ in range(2):
        assert send(proxy) is None, server.log()
    assert len(relay.wait_for(2)) == 2
    wait_until(lambda: server.log().count("Successfully relayed message") == 2, server.log)
    assert re.search(r"Login: user=<%s>, method=(XOAUTH2|OAUTHBEARER)" % re.escape(USER),
                     server.log())
    nothing_leaks(proxy, service, server.log())


@needs_dovecot
def test_dovecot_refuses_a_revoked_token(stage, authority):
    """The token is fetched anew once; the second one is taken."""
    service, keys = by_refresh(stage, authority)
    server, relay = dovecot(stage, service)
    proxy = stage.proxy(account(stage, service, [server], max_messages="1", **keys))
    assert send(proxy) is None
    service.revoke_access()
    assert send(proxy) is None
    assert len(relay.wait_for(2)) == 2 and service.count() == 2 and service.violations == []


# ---- whose token ----

def test_each_sender_has_a_token_and_a_standing(stage, authority):
    """identity = sender with a service account: one sender's refusal stops nobody else."""
    service = authority("google")
    keys = service_account(stage, service)
    senders = ["a@office.test", "b@office.test"]
    service.delegated.update(senders)
    upstream = checking(stage, service)
    proxy = stage.proxy(account(stage, service, [upstream], identity="sender",
                                username="a@office.test", **keys))
    for sender in senders * 2:
        assert send(proxy, sender) is None
    assert words_of(send(proxy, "stranger@office.test")).find("domain-wide delegation") >= 0
    for sender in senders:
        assert send(proxy, sender) is None
    assert {m.user for m in upstream.wait_for(6)} == set(senders) and service.count() == 3


def test_one_identity_that_the_server_refuses(stage, authority):
    """An application's token is for all mailboxes: the server's 535 for one of them must not stop
    the others."""
    service, keys = by_secret(stage, authority)

    def refuse_the_stranger(session, argument):
        if b"stranger" in user_in(argument):
            return b"535 5.7.3 Authentication unsuccessful\r\n"
        return None

    upstream = checking(stage, service, hooks={"AUTH": refuse_the_stranger})
    proxy = stage.proxy(account(stage, service, [upstream], identity="sender", **keys))
    assert send(proxy, "a@office.test") is None
    assert send(proxy, "stranger@office.test")[0] == 451
    for sender in ("a@office.test", "c@office.test"):
        assert send(proxy, sender) is None


def user_in(argument):
    return base64.b64decode(argument.split(b" ")[1]) if b" " in argument else b""
