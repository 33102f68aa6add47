"""Presets: `provider = NAME` against a service that behaves as that one is documented to, on its own port numbers and under its own host name. And `smtp-detour providers`."""
import os
import pwd
import re
import subprocess
import threading

import pytest

import netns
from fake_providers import PASSWORD, SERVICES, FakeProvider, Service, forget_names_in, ses
from netns import Network
from proxy import BINARY, RawClient

needs_network = pytest.mark.skipif(not netns.available(), reason="needs root, ip and nft")

MEGA = 1024 * 1024
UNKNOWN = 50 * MEGA  # [listen] max_message_size, where nothing is known of the provider's

# provider: the ladder in its order, the mechanism, and the SIZE that clients hear before the first EHLO of the server and after it.
ROWS = {
    "gmail": ("587 465", "PLAIN", 35882577, 35882577),
    "office365": ("587", "LOGIN", UNKNOWN, UNKNOWN),
    "yahoo": ("587 465", "PLAIN", UNKNOWN, 41697280),
    "mailgun": ("587 2525 465", "PLAIN", 25 * MEGA, 50 * MEGA),
    "mailgun-eu": ("587 2525 465", "PLAIN", 25 * MEGA, 50 * MEGA),
    "ses:eu-west-1": ("587 2587 465 2465", "PLAIN", 40 * MEGA, 40 * MEGA),
    "ses:us-east-1": ("587 2587 465 2465", "PLAIN", 40 * MEGA, 40 * MEGA),
    "mandrill": ("587 2525 465", "PLAIN", UNKNOWN, 25 * MEGA),
    "sparkpost": ("587 2525", "LOGIN", 20 * MEGA, 20 * MEGA),
    "sparkpost-eu": ("587 2525", "LOGIN", 20 * MEGA, 20 * MEGA),
    "sendgrid": ("587 2525 465", "PLAIN", 30 * MEGA, 30 * MEGA),
    "mailjet": ("587 2525 465", "PLAIN", UNKNOWN, 15 * MEGA),
    "resend": ("587 2587 465 2465", "PLAIN", UNKNOWN, 40 * MEGA),
    "postmark": ("587 2525", "PLAIN", 10 * MEGA, 10 * MEGA),
}


@pytest.fixture
def network():
    n = Network()
    yield n
    forget_names_in(n.office)
    n.stop()


@pytest.fixture(scope="session")
def certificate_of(ca):
    made = {}

    def issue(host):
        if host not in made:
            made[host] = ca.issue(host, names=[host])
        return made[host]
    return issue


@pytest.fixture
def provider(stage, network, certificate_of):
    def start(service):
        service = SERVICES[service] if isinstance(service, str) else service
        fake = FakeProvider(network, certificate_of(service.host), service)
        stage.things.append(fake)
        return fake
    return start


def account(stage, service, **keys):
    values = {"provider": service.provider, "tls_ca": stage.ca.cert, "username": service.user, "password": PASSWORD, "connect_timeout": "5s"}
    values.update(keys)
    return "[upstream]\n" + "".join("%s = %s\n" % kv for kv in values.items())


def office_proxy(stage, fake, **keys):
    return stage.proxy(account(stage, fake.service, **keys), netns=fake.network.office)


def office_client(proxy, network):
    client = RawClient.__new__(RawClient)
    client.socket, client.buffer = network.connect(network.office, ("127.0.0.1", proxy.port), 30), b""
    client.socket.settimeout(30)
    assert client.reply().startswith("220 ")
    client.hello = client.say("EHLO scanner")
    return client


def size_heard(client):
    return int(re.search(r"(?m)^250.SIZE (\d+)$", client.hello).group(1))


def send(client, subject="x", recipients=1):
    assert client.say("MAIL FROM:<scanner@example.com>").startswith("250 ")
    for n in range(recipients):
        reply = client.say("RCPT TO:<r%d@example.test>" % n)
        if not reply.startswith("250 "):
            return reply
    assert client.say("DATA").startswith("354")
    return client.say(("Subject: %s\r\n\r\nhello\r\n.\r\n" % subject).encode())


@needs_network
@pytest.mark.parametrize("name", list(ROWS))
def test_row_of_proof(stage, network, provider, name):
    ladder, mechanism, size_before, size_after = ROWS[name]
    ladder = [int(p) for p in ladder.split()]
    fake = provider(name)
    for n, port in enumerate(ladder):  # each port of the ladder in its turn, the ones before it swallowed
        fake.block(ladder[:n])
        proxy = office_proxy(stage, fake)
        client = office_client(proxy, network)
        assert size_heard(client) == size_before
        reply = send(client, "port %d" % port)
        assert re.match(r"250 2\.0\.0 ", reply), reply  # an enhanced code even where the service has none
        assert size_heard(office_client(proxy, network)) == size_after
        used, message = fake.messages()[-1] if n == 0 else [m for m in fake.messages() if b"port %d" % port in m[1].body][-1]
        assert (used, message.user, message.mechanism) == (port, fake.service.user, mechanism)
        assert message.tls in ("TLSv1.2", "TLSv1.3") and message.helo == "[%s]" % netns.OFFICE
        proxy.stop()
    assert len(fake.messages()) == len(ladder) and fake.clear_auths == 0
    for number, server in fake.ports.items():
        assert (server.connections > 0) == (number in ladder), number
    fake.block(ladder)
    proxy = office_proxy(stage, fake, connect_timeout="1s")
    assert send(office_client(proxy, network)).startswith(
        "451 4.4.1 no port of %s works: %s" % (fake.service.host, ", ".join("%d timeout-connect" % p for p in ladder)))


@needs_network
@pytest.mark.parametrize("name,limit", [("office365", 3), ("sparkpost", 10), ("postmark", 10)])
def test_no_more_connections_than_the_service_allows(stage, network, provider, name, limit):
    fake = provider(name)
    proxy = office_proxy(stage, fake)
    answers = in_parallel(proxy, network, 16)
    assert all(reply.startswith("250 ") for reply in answers), answers
    assert len(fake.messages()) == 16 and fake.too_many == 0 and fake.peak <= limit


@needs_network
def test_a_fourth_connection_to_office365_is_told_432_and_its_message_waits(stage, network, provider):
    fake = provider("office365")
    proxy = office_proxy(stage, fake, max_connections=8)
    clients, answers = [], []
    for n in range(4):  # one after another: three hold a session each in mid-transaction; the fourth gets one of theirs, for they pause
        clients.append(office_client(proxy, network))
        clients[-1].say("MAIL FROM:<scanner@example.com>")
        answers.append(clients[-1].say("RCPT TO:<r%d@example.test>" % n))
    assert [a[:3] for a in answers] == ["250"] * 4, answers
    assert fake.peak == 4 and fake.too_many > 0
    for client in reversed(clients):
        assert client.say("DATA").startswith("354")
        assert client.say(b"Subject: x\r\n\r\nhello\r\n.\r\n").startswith("250 ")
    assert sorted(m.recipients for _, m in fake.messages()) == [["r%d@example.test" % n] for n in range(4)]
    log = proxy.log
    assert "reply=\"432 4.3.2 Concurrent connections limit exceeded\"" in log and "level=error" not in log


@needs_network
def test_sparkpost_gets_a_hundred_messages_a_connection(stage, network, provider):
    fake = provider("sparkpost")
    client = office_client(office_proxy(stage, fake), network)
    assert all(send(client, n).startswith("250 ") for n in range(120))
    counts = fake.sessions().values()
    assert sum(counts) == 120 and max(counts) == 100 and fake.too_many == 0


@needs_network
@pytest.mark.parametrize("name,limit", [("gmail", 100), ("ses:eu-west-1", 50), ("mailjet", 50), ("postmark", 50)])
def test_one_recipient_too_many_is_answered_by_the_service(stage, network, provider, name, limit):
    fake = provider(name)
    client = office_client(office_proxy(stage, fake), network)
    assert re.match(r"452 4\.\d\.\d Too many recipients", send(client, recipients=limit + 1))
    assert client.say("DATA").startswith("354")
    assert client.say(b"Subject: x\r\n\r\nhello\r\n.\r\n").startswith("250 ")
    assert len(fake.messages()[0][1].recipients) == limit


@needs_network
@pytest.mark.parametrize("name", ["sendgrid", "sparkpost", "ses:eu-west-1", "gmail"])
def test_refused_credentials_are_tried_once_on_one_port(stage, network, provider, name):
    fake = provider(name)
    proxy = office_proxy(stage, fake, username="me@elsewhere.example" if name != "gmail" else "me")
    assert "username: not what " in proxy.wait_for_log("warning")
    assert send(office_client(proxy, network)).startswith("451 4.3.5 %s refuses the configured credentials" % fake.service.host)
    assert send(office_client(proxy, network)).startswith("451 4.3.5 ")
    assert len(fake.auths()) == 1 and fake.messages() == []
    assert PASSWORD not in proxy.log


@needs_network
def test_office365_after_password_login_is_switched_off(stage, network, provider):
    service = Service("office365", "smtp.office365.com", "scanner@example.com", starttls=(587,), silent=(465, 2525), mechanisms="LOGIN XOAUTH2",
                      no_login="535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.")
    fake = provider(service)
    proxy = office_proxy(stage, fake)
    proxy.wait_for_log("end of December 2026")
    assert send(office_client(proxy, network)).startswith("451 4.3.5 smtp.office365.com refuses")
    proxy.wait_for_log("SmtpClientAuthentication is disabled")


@needs_network
def test_outlook_has_nothing_that_takes_a_password(stage, network, provider):
    fake = provider(Service("outlook", "smtp-mail.outlook.com", "me@outlook.com", starttls=(587,), silent=(465, 2525), mechanisms="XOAUTH2"))
    proxy = office_proxy(stage, fake)
    proxy.wait_for_log("it needs a login by token")
    assert send(office_client(proxy, network)).startswith("451 4.4.1 no port of smtp-mail.outlook.com works: 587 auth-unavailable")
    assert fake.auths() == []


@needs_network
def test_another_regions_server_is_not_asked(stage, network, provider):
    fake = provider(ses("eu-west-1"))
    proxy = stage.proxy(account(stage, fake.service, provider="ses:ap-south-1", connect_timeout="2s"), netns=network.office)
    reply = send(office_client(proxy, network))
    assert reply.startswith("451 4.4.1 no port of email-smtp.ap-south-1.amazonaws.com works: ") and fake.messages() == []


@needs_network
def test_a_twin_with_the_other_ones_certificate_gets_no_password(stage, network, provider, certificate_of):
    fake = FakeProvider(network, certificate_of("smtp.mailgun.org"), SERVICES["mailgun-eu"])
    stage.things.append(fake)
    assert send(office_client(office_proxy(stage, fake), network)).startswith("451 4.7.5 ")
    assert fake.auths() == [] and fake.clear_auths == 0


def in_parallel(proxy, network, count):
    answers, clients = [None] * count, [office_client(proxy, network) for _ in range(count)]

    def work(n):
        answers[n] = send(clients[n], n)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


# --- the subcommand ---

def providers(*args):
    return subprocess.run([BINARY, "providers", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def listed():
    done = providers()
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout


def names():
    return re.findall(r"(?m)^([a-z0-9-]+) +\S+ +\d", listed())


def test_the_list_fits_a_screen():
    assert len(names()) == 40 and {"gmail", "ses", "mailgun-eu", "google-workspace-relay"} < set(names())
    assert max(map(len, listed().splitlines())) <= 80


def test_each_page_fits_a_screen_and_its_section_is_taken(tmp_path):
    secret, config = tmp_path / "password", tmp_path / "proxy.ini"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    user = pwd.getpwuid(os.geteuid()).pw_name
    for name in names():
        page = providers(name).stdout
        assert page.startswith(name + ": ")
        assert all(len(line) <= 80 for line in page.splitlines() if "://" not in line), name
        for word in ("\nHost ", "\nPorts ", "\nUser name ", "\nPassword ", "\nMechanisms ", "\nReady to paste"):
            assert word in page, (name, word)
        assert re.search(r"the provider's own\s+documentation|curated public\s+lists|community\s+reports", page)
        config.write_text(page[page.index("[upstream]"):].replace("/etc/smtp-detour/password", str(secret)) + "[server]\nuser = %s\n" % user)
        done = subprocess.run([BINARY, "check", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0 and "username" not in done.stderr, (name, done.stderr)


def test_what_a_page_says():
    page = providers("office365").stdout
    assert "unconfirmed" in page and "end of December 2026" in page and re.search(r"Connections +3 at once", page)
    assert "community reports" in page and "30 messages a minute" in page and "432 4.3.2" in page
    assert "kept here only with rate = 30/m" in page and "does not yet" not in page
    assert "needs a login by token" in re.sub(r"\s+", " ", providers("outlook").stdout)
    page = providers("office365-gcchigh").stdout
    assert "https://login.microsoftonline.us/TENANT/oauth2/v2.0/token" in page and "TENANT is oauth_tenant, else organizations" in re.sub(r"\s+", " ", page)
    assert "smtp.office365.us (unconfirmed)" in page
    page = providers("ses").stdout
    assert "ses:eu-north-1" in page and "provider = ses:" in page and "2465" in page
    assert "email-smtp.eu-west-1.amazonaws.com" in providers("ses:eu-west-1").stdout
    assert "username = apikey\n" in providers("sendgrid").stdout and "username = SMTP_Injection\n" in providers("sparkpost-eu").stdout


@pytest.mark.parametrize("wrong,near", [("gmial", "gmail"), ("google", "gmail or google-workspace-relay"), ("aws", "ses"), ("hotmail", "outlook"),
                                        ("mailgun_eu", "mailgun-eu"), ("gmx", "gmx-com or gmx-net")])
def test_an_unknown_name(wrong, near):
    done = providers(wrong)
    assert done.returncode == 1 and done.stdout == ""
    assert 'there is no provider "%s"; did you mean %s?' % (wrong, near) in done.stderr


def test_usage():
    assert providers("gmail", "yahoo").returncode == 2
    assert providers("nothing-like-it").returncode == 1
    assert "providers [NAME]" in providers("--help").stdout
