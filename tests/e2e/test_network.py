"""Hostile networks: namespaces of our own with nftables between the office and the upstream."""
import os
import re
import shutil
import socket
import tempfile

import pytest

import netns
from conftest import NAME, PASSWORD, USER
from netns import INTERNET, INTERNET6, Network
from postfix import Postfix, wait_until
from proxy import RawClient

pytestmark = pytest.mark.skipif(not netns.available(), reason="needs root, ip and nft")


@pytest.fixture
def network():
    n = Network()
    yield n
    n.stop()


def upstream_at(stage, network, port, host=INTERNET, **options):
    def listen():
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    return stage.upstream(listener=network.within(network.internet, listen), **options)


def office_proxy(stage, network, ports, **keys):
    account = stage.account([], **{"host": INTERNET, "ports": ports, **keys})
    return stage.proxy(account, netns=network.office)


def office_client(proxy, network):
    client = RawClient.__new__(RawClient)
    client.socket, client.buffer = network.connect(network.office, ("127.0.0.1", proxy.port), 30), b""
    client.socket.settimeout(30)
    assert client.reply().startswith("220 ")
    assert client.say("EHLO scanner").startswith("250-")
    return client


def deliver(proxy, network, subject="x"):
    client = office_client(proxy, network)
    assert client.say("MAIL FROM:<a@office.test>").startswith("250 ")
    reply = client.say("RCPT TO:<b@example.test>")
    if not reply.startswith("250 "):
        return reply
    assert client.say("DATA").startswith("354")
    return client.say(("Subject: %s\r\n\r\nhello\r\n.\r\n" % subject).encode())


@pytest.mark.parametrize("rule,finding", [("tcp dport 587 drop", "timeout-connect"), ("tcp dport 587 reject with tcp reset", "refused"),
                                          ("tcp dport 587 reject with icmpx admin-prohibited", "refused|timeout-connect")])
def test_a_blocked_port(stage, network, rule, finding):
    blocked, good = upstream_at(stage, network, 587), upstream_at(stage, network, 2525)
    network.firewall(rule)
    proxy = office_proxy(stage, network, "587 2525")
    assert deliver(proxy, network).startswith("250 ")
    assert blocked.connections == 0 and len(good.wait_for(1)) == 1
    proxy.wait_for_log("port=587.*finding=(%s)|finding=(%s).*port=587" % (finding, finding))


def test_a_hijacker_answers_on_587(stage, network, ca):
    hijacker = upstream_at(stage, network, 9587, certificate=ca.issue("hijacker", names=["walled.garden.test"]))
    good = upstream_at(stage, network, 2525)
    network.firewall(nat="tcp dport 587 redirect to :9587")
    proxy = office_proxy(stage, network, "587 2525")
    assert deliver(proxy, network).startswith("250 ")
    assert hijacker.connections >= 1 and hijacker.auth_attempts == [] and hijacker.messages == []
    assert "walled.garden.test" in proxy.wait_for_log("certificate")


def test_a_port_that_becomes_blocked_in_mid_life(stage, network):
    first, second = upstream_at(stage, network, 587), upstream_at(stage, network, 2525)
    proxy = office_proxy(stage, network, "587 2525", connect_timeout="3s", idle_timeout="1s")
    assert deliver(proxy, network, "one").startswith("250 ")
    assert len(first.wait_for(1)) == 1
    network.firewall("tcp dport 587 drop")
    assert deliver(proxy, network, "two").startswith("250 ")
    assert len(second.wait_for(1)) == 1


def test_all_blocked_says_so(stage, network):
    upstream_at(stage, network, 587)
    network.firewall("tcp dport {587, 2525} drop\ntcp dport 1025 reject with tcp reset")
    proxy = office_proxy(stage, network, "587 2525 1025", connect_timeout="2s")
    reply = deliver(proxy, network)
    assert re.match(r"451 4\.4\.1 no port of 10\.99\.1\.2 works: 587 timeout-connect, 2525 timeout-connect, 1025 refused", reply)


def test_the_cable_is_pulled_before_the_end_of_data_and_put_back(stage, network):
    upstream = upstream_at(stage, network, 587)
    proxy = office_proxy(stage, network, "587", connect_timeout="3s", reply_timeout="2s")
    client = office_client(proxy, network)
    client.say("MAIL FROM:<a@office.test>")
    assert client.say("RCPT TO:<b@example.test>").startswith("250 ")
    network.ip(network.office, "link", "set", "wire0", "down")
    reply = client.say("DATA")
    if reply.startswith("354"):
        reply = client.say(b"Subject: x\r\n\r\nhello\r\n.\r\n")
    assert re.match(r"451 4\.4\.[12]", reply), reply
    network.ip(network.office, "link", "set", "wire0", "up")
    network.ip(network.office, "route", "add", "default", "via", INTERNET)
    proxy.wait_for_log("the network changed", count=2)
    client.close()
    reply = deliver(proxy, network)
    assert reply.startswith("250 ") and len(upstream.wait_for(1)) == 1


@pytest.mark.parametrize("keys,finding,words", [({"host": "10.77.1.1"}, "refused", "a route is missing"), ({"proxy": "socks5://10.77.1.1:1080"}, "proxy", "check proxy in the config")])
def test_no_route_at_all(stage, network, keys, finding, words):
    network.ip(network.office, "route", "del", "default")
    proxy = office_proxy(stage, network, "587", **keys)
    assert re.match(r"451 4\.4\.1 no port of \S+ works: 587 %s \[" % finding, deliver(proxy, network))
    proxy.wait_for_log("cannot be .*Network is unreachable.*" + words)


def test_a_default_route_that_is_replaced_and_put_back(stage, network):
    """Each is news, though the kernel announces neither the end of the one nor, when an interface goes down, of the other."""
    upstream_at(stage, network, 587)
    netns.run("ip", "netns", "exec", network.office, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/wire0/disable_ipv6")  # its own addresses would be news
    proxy = office_proxy(stage, network, "587")
    news = "the network changed"
    for count, gateway in enumerate(("10.99.1.77", INTERNET, "10.99.1.77", INTERNET)):
        network.ip(network.office, "route", "replace", "default", "via", gateway)
        proxy.wait_for_log(news, count=count + 1)
    network.ip(network.office, "link", "set", "wire0", "down")
    proxy.wait_for_log(news, count=5)
    network.ip(network.office, "link", "set", "wire0", "up")
    network.ip(network.office, "route", "replace", "default", "via", INTERNET)
    proxy.wait_for_log(news, count=6)


def test_ipv6_upstream(stage, network):
    upstream = upstream_at(stage, network, 587, host=INTERNET6)
    proxy = office_proxy(stage, network, "587", host=INTERNET6, tls_name=NAME)
    assert deliver(proxy, network).startswith("250 ")
    assert upstream.wait_for(1)[0].user == USER


@pytest.fixture
def postfix(network, certificate):
    """A real Postfix on port 2525 of the internet side."""
    folder = tempfile.mkdtemp(prefix="smtp-detour-postfix-")
    os.chmod(folder, 0o755)
    server = Postfix(os.path.join(folder, "p"), *certificate, {USER: PASSWORD}, 2525, host=INTERNET, netns=network.internet)

    def greets():
        try:
            network.connect(network.office, (INTERNET, 2525), 2).close()
            return True
        except OSError:
            return False

    wait_until(greets, server.log)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.mark.skipif(not shutil.which("postfix") or not shutil.which("dovecot"), reason="needs Postfix and Dovecot")
@pytest.mark.parametrize("rules,nat,finding", [("tcp dport 587 drop", "", "timeout-connect"), ("tcp dport 587 reject with tcp reset", "", "refused"),
                                               ("", "tcp dport 587 redirect to :9587", "certificate")])
def test_a_real_postfix_behind_a_hostile_network(stage, network, postfix, ca, rules, nat, finding):
    hijacker = upstream_at(stage, network, 9587, certificate=ca.issue("hijacker2", names=["walled.garden.test"]))
    network.firewall(rules, nat)
    proxy = office_proxy(stage, network, "587 2525")
    for n in range(2):
        assert deliver(proxy, network, "real-%d" % n).startswith("250 ")
    assert sorted(b"Subject: real-1" in mail for mail in postfix.delivered(2)) == [False, True]
    proxy.wait_for_log("port=587.*finding=%s" % finding)
    assert hijacker.auth_attempts == [] and "sasl_username=%s" % USER in postfix.log()
