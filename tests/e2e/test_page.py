"""What the status page answers beside its numbers: which mail goes where and as whom, since when, what to mend, and on which machine."""
import html
import re
import socket

from conftest import PASSWORD, USER
from submission_server import closed_port
from test_admin import Page, deliver, eventually, get, ready, status, with_admin


def page_of(proxy, path="/"):
    code, text, _ = get(proxy.admin, path)
    assert code == 200
    Page(text)
    return text


def words(text):
    return " ".join(html.unescape(re.sub(r"(?s)<style.*?</style>|<[^>]*>", " ", text)).split())


def test_which_mail_and_as_whom(stage):
    upstream = stage.upstream()
    proxy = with_admin(stage, stage.account([upstream], name="work", senders="@office.test boss@home.test", clients="127.0.0.0/8") + stage.account([upstream], name="rest"))
    assert eventually(lambda: ready(proxy) == 200)
    text = words(page_of(proxy))
    assert "Takes mail from @office.test boss@home.test, of clients 127.0.0.0/8, logged in as %s" % USER in text
    assert "Takes all mail, logged in as %s" % USER in text


def test_the_last_delivery(stage):
    proxy = with_admin(stage, stage.account([stage.upstream()]))
    assert eventually(lambda: ready(proxy) == 200)
    assert "delivered 0 refused 0" in words(page_of(proxy))
    deliver(proxy)
    assert eventually(lambda: re.search(r"delivered 1 the last (a moment|\d+ seconds?) ago", words(page_of(proxy)))), words(page_of(proxy))


def test_a_refused_login_comes_first_and_says_what_to_mend(stage):
    secret = stage.folder / "secret"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    proxy = with_admin(stage, stage.account([stage.upstream()], name="good") +
                       stage.account([stage.upstream()], name="bad", password=None, password_file=secret, senders="@bad.test", retry_auth="5m 1h"))
    assert eventually(lambda: "credentials refused" in page_of(proxy))
    text = page_of(proxy)
    assert text.index("<h2>bad</h2>") < text.index("<h2>good</h2>")
    assert "Correct %s , or the name. The login is tried again in " % secret in words(text) and ", or at a reload." in words(text)
    assert "<title>! %s" % html.escape(socket.gethostname().split(".")[0]) in text
    assert "wrong" not in text and PASSWORD not in text


def test_title_and_pause(stage):
    proxy = with_admin(stage, stage.account([closed_port()]) + "[server]\nhostname = mail-office.example\n")
    assert eventually(lambda: "no port works" in page_of(proxy))
    text = page_of(proxy)
    assert "<title>\u2715 mail-office.example \u2013 smtp-detour</title>" in text and 'rel="icon"' in text
    assert '<h1>smtp-detour on mail-office.example</h1>' in text
    assert 'http-equiv="refresh"' in text and 'href="/?still=1"' in text
    still = page_of(proxy, "/?still=1")
    assert 'http-equiv="refresh"' not in still and "not refreshed" in still
    assert text.count("<main>") == text.count("</main>") == 1 and "<th>" not in text


def test_time_before_the_start_is_unknown(stage):
    """Nobody counted then, which is not the same as nothing: the line of clients begins at the start."""
    proxy = with_admin(stage, stage.account([stage.upstream()]))
    assert eventually(lambda: ready(proxy) == 200)
    text = page_of(proxy)
    assert text.count('class="unknown"') == text.count("before the start") == 2
    line = re.search(r'<path class="line" d="M(\d+),', text)
    known = re.search(r'class="unknown" x="(\d+)" y="\d+" width="(\d+)"', text)
    assert int(line.group(1)) == int(known.group(1)) + int(known.group(2)) > 300


def test_a_mail_without_a_recipient(stage):
    """A sender that no account takes: refused before there was a recipient."""
    proxy = with_admin(stage, stage.account([stage.upstream()], senders="@office.test"))
    with proxy.client() as client:
        client.ehlo()
        assert client.docmd("MAIL FROM:<a@other.test>")[0] >= 500
    assert eventually(lambda: status(proxy)["recent"]) and status(proxy)["recent"][0]["to"] == ""
    assert "a@other.test \u2192 no recipient" in words(page_of(proxy))
