"""Did my scanner arrive at all? Who was not let in stands on the page, in /status.json and in /metrics, with the line that would let it in."""
import html

from test_admin import eventually, get, metrics, status, value, with_admin
from test_front_access import v2
from test_front_tls_auth import make_hash, plain, users_file


def knock(proxy, client):
    raw = proxy.raw()
    raw.send(v2(client))
    raw.reply()
    assert raw.at_eof()


def refused(proxy):
    return {(r["client"], r["reason"]): r for r in status(proxy)["refused"]}


def test_a_scanner_that_is_not_in_allow(stage):
    proxy = with_admin(stage, stage.account([stage.upstream()]), listen="proxy_protocol = 127.0.0.1\nallow = 192.0.2.0/24 2001:db8::/32\n")
    for _ in range(3):
        knock(proxy, "198.51.100.7")
    knock(proxy, "2001:db9::7")
    assert eventually(lambda: len(refused(proxy)) == 2)
    seen = refused(proxy)["198.51.100.7", "not-allowed"]
    line = "[listen default] allow = 192.0.2.0/24 2001:db8::/32 198.51.100.7"
    assert (seen["count"], seen["listener"], seen["cure"]) == (3, "default", line)
    page = html.unescape(get(proxy.admin, "/")[1])
    assert "Clients that were refused" in page and "<code>%s</code>" % line in page and "2001:db9::7" in page
    assert value(metrics(proxy), "smtp_detour_clients_refused_total", listener="default", reason="not-allowed") == 4
    assert value(metrics(proxy), "smtp_detour_clients_refused_total", listener="default", reason="login") == 0


def test_too_many_of_one(stage):
    proxy = with_admin(stage, stage.account([stage.upstream()]), listen="max_clients_per_ip = 1\n")
    first, second = proxy.raw(), proxy.raw()
    assert first.reply().startswith("220 ") and second.reply().startswith("421 ")
    assert eventually(lambda: refused(proxy))
    assert refused(proxy)["127.0.0.1", "max-clients-per-ip"]["cure"] == "[listen default] max_clients_per_ip = 1 is reached"


def test_a_login_that_is_refused(stage):
    users = users_file(stage, scanner=make_hash("sesame"))
    proxy = with_admin(stage, stage.account([stage.upstream()]), listen="auth = required\nusers_file = %s\n" % users)
    client = proxy.raw()
    client.reply()
    client.say("EHLO scanner")
    assert client.say(plain("scanner", "wrong")).startswith("535 ")
    assert eventually(lambda: refused(proxy))
    assert refused(proxy)["127.0.0.1", "login"]["cure"] == "[listen default] users_file does not have the name with this password"
    assert value(metrics(proxy), "smtp_detour_clients_refused_total", listener="default", reason="login") == 1
    assert client.say(plain("scanner", "sesame")).startswith("235 ")
    assert refused(proxy)["127.0.0.1", "login"]["count"] == 1


def test_nobody_was_refused(stage):
    proxy = with_admin(stage, stage.account([stage.upstream()]))
    with proxy.client() as client:
        client.sendmail("a@example.test", ["b@example.test"], "Subject: x\r\n\r\nhello\r\n")
    assert eventually(lambda: status(proxy)["messages"]["delivered"] == 1)
    assert status(proxy)["refused"] == [] and "Clients that were refused" not in get(proxy.admin, "/")[1]


def test_a_reload_that_lets_it_in(stage):
    """What was, stays; the line that it names is of the configuration in force."""
    config = stage.account([stage.upstream()])
    proxy = with_admin(stage, config, listen="proxy_protocol = 127.0.0.1\nallow = 192.0.2.0/24\n")
    knock(proxy, "198.51.100.7")
    assert eventually(lambda: refused(proxy))
    with open(proxy.config_file) as file:
        text = file.read()
    proxy.write_config(text.replace("allow = 192.0.2.0/24", "allow = 192.0.2.0/24 198.51.100.7"))
    proxy.reload()
    raw = proxy.raw()
    raw.send(v2("198.51.100.7"))
    assert raw.reply().startswith("220 ")
    assert eventually(lambda: refused(proxy)["198.51.100.7", "not-allowed"]["cure"] == "[listen default] allow has it now")
    assert refused(proxy)["198.51.100.7", "not-allowed"]["count"] == 1
