"""Programs that insist on some server's port 25: the rules of contrib/nftables, in network namespaces of the test's own."""
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

import netns
from netns import INTERNET, INTERNET6, OFFICE, OFFICE6, Network
from proxy import TOP, RawClient

pytestmark = pytest.mark.skipif(not netns.available(), reason="needs root, ip and nft")

# A program as they are: its server's name and port are carved in stone.
PROGRAM = """
import smtplib
client = smtplib.SMTP("mail.provider.test", 25, timeout=20)
client.sendmail("erp@office.test", ["b@example.test"], b"Subject: carved in stone\\r\\n\\r\\nhello\\r\\n")
client.quit()
"""


@pytest.fixture
def network():
    n = Network()
    folders = ["/etc/netns/" + name for name in (n.office, n.internet)]
    for folder in folders:
        os.makedirs(folder)
        with open(folder + "/hosts", "w") as hosts:
            hosts.write("127.0.0.1 localhost\n%s mail.provider.test\n%s six.provider.test\n%s mail.other.test\n" % (INTERNET, INTERNET6, INTERNET))
    yield n
    for folder in folders:
        shutil.rmtree(folder)
    n.stop()


def rules(network, file, **changes):
    """Puts a shipped file in force, its `define` lines set as an administrator would."""
    with open(os.path.join(TOP, "contrib", "nftables", file)) as shipped:
        text = shipped.read()
    for name, value in changes.items():
        text, n = re.subn(r"(?m)^define %s = \S+" % name, "define %s = %s" % (name, value), text)
        assert n == 1
    for _ in range(2):  # twice: putting them in force again changes nothing
        netns.run("ip", "netns", "exec", network.office, "nft", "-f", "-", input=text.encode())


def upstream_at(stage, network, port, **options):
    return stage.upstream(listener=network.within(network.internet, lambda: socket.create_server((INTERNET, port))), **options)


def run_program(network, namespace, program=PROGRAM):
    return subprocess.run(["ip", "netns", "exec", namespace, sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)


def local_proxy(stage, network, accounts, user="daemon", allow="127.0.0.0/8 ::1/128 %s/32 %s/128" % (OFFICE, OFFICE6), listen="", **options):
    config = "[listen caught]\naddress = 127.0.0.1:2526 [::1]:2526\nintercept = yes\nallow = %s\n%s\n%s\n[server]\nuser = %s\n" % (
        allow, listen, accounts, user)
    return stage.proxy(config, netns=network.office, **options)


def test_a_program_of_this_machine(stage, network):
    provider, other = upstream_at(stage, network, 587), upstream_at(stage, network, 588)
    rules(network, "local.nft", proxy_user="daemon")
    accounts = stage.account([], name="provider", host=INTERNET, ports="587", destinations="mail.provider.test")
    proxy = local_proxy(stage, network, accounts + stage.account([], name="rest", host=INTERNET, ports="588"))
    result = run_program(network, network.office)
    assert result.returncode == 0, result.stdout
    assert b"carved in stone" in provider.wait_for(1)[0].body and other.messages == []
    line = proxy.wait_for_log("msg=delivered")
    assert "upstream=provider" in line and "client=%s" % OFFICE in line and "listener=caught" in line
    assert " original=%s:25 " % INTERNET in line


def test_ipv6_and_networks(stage, network):
    provider, other = upstream_at(stage, network, 587), upstream_at(stage, network, 588)
    rules(network, "local.nft", proxy_user="daemon")
    accounts = stage.account([], name="six", host=INTERNET, ports="587", destinations="fd99::/16")
    local_proxy(stage, network, accounts + stage.account([], name="rest", host=INTERNET, ports="588"))
    result = run_program(network, network.office, PROGRAM.replace("mail.provider.test", "six.provider.test"))
    assert result.returncode == 0, result.stdout
    assert len(provider.wait_for(1)) == 1
    result = run_program(network, network.office)  # IPv4 means another account
    assert result.returncode == 0, result.stdout
    assert len(other.wait_for(1)) == 1 and len(provider.messages) == 1


def test_who_comes_by_itself_meant_nobody_else(stage, network):
    provider = upstream_at(stage, network, 587)
    rules(network, "local.nft", proxy_user="daemon")
    proxy = local_proxy(stage, network, stage.account([], host=INTERNET, ports="587", destinations="mail.provider.test 0.0.0.0/0"))
    client = RawClient.__new__(RawClient)
    client.socket, client.buffer = network.connect(network.office, ("127.0.0.1", 2526), 30), b""
    assert client.reply().startswith("220 ")
    client.say("EHLO x")
    assert client.say("MAIL FROM:<a@office.test>").startswith("550 5.7.1 ")
    assert provider.messages == [] and "original=" not in proxy.wait_for_log("msg=refused")


def test_machines_routed_for(stage, network):
    """The internet side plays a machine of the LAN: what it sends elsewhere goes through the office."""
    provider = upstream_at(stage, network, 587)
    network.ip(network.internet, "route", "add", "198.51.100.0/24", "via", OFFICE)
    with open("/etc/netns/%s/hosts" % network.internet, "w") as hosts:
        hosts.write("198.51.100.7 mail.provider.test\n")
    rules(network, "routed.nft", lan_interface='"wire0"')
    config = "[listen caught]\naddress = %s:2526\nintercept = yes\nallow = %s/32\n%s[server]\nuser = daemon\n" % (
        OFFICE, INTERNET, stage.account([], host=INTERNET, ports="587", destinations="198.51.100.0/24"))
    proxy = stage.proxy(config, netns=network.office)
    result = run_program(network, network.internet)
    assert result.returncode == 0, result.stdout
    assert b"carved in stone" in provider.wait_for(1)[0].body
    assert "client=%s" % INTERNET in proxy.wait_for_log("msg=delivered")
    with pytest.raises(OSError):  # nobody but the caught reaches the port
        network.connect(network.internet, (OFFICE, 2526), 2)


def test_our_own_connection_turned_back_is_refused(stage, network):
    """The rules forget to except the proxy: its connection to the upstream's port 25 comes back to it."""
    upstream_at(stage, network, 25)
    rules(network, "local.nft", proxy_user='"games"')
    proxy = local_proxy(stage, network, stage.account([], host=INTERNET, ports="25", connect_timeout="3s"))
    client = RawClient.__new__(RawClient)
    client.socket, client.buffer = network.connect(network.office, ("127.0.0.1", 2526), 30), b""
    client.reply()
    client.say("EHLO x")
    client.say("MAIL FROM:<a@office.test>")
    assert re.match(r"451 4\.\d\.\d .*\[\w+\]$", client.say("RCPT TO:<b@example.test>"))
    assert re.search(r"status=451 .*original=%s:25" % re.escape(INTERNET), proxy.wait_for_log("level=error.*client refused"))
    assert "greeting-4xx" in proxy.log


def test_a_destination_that_is_our_own_listener_is_refused(stage, network):
    rules(network, "local.nft", proxy_user="daemon")
    accounts = stage.account([], host=INTERNET, ports="587")
    proxy = local_proxy(stage, network, "[listen plain]\naddress = %s:25\nallow = %s/32\n%s" % (OFFICE, OFFICE, accounts))
    client = RawClient.__new__(RawClient)
    client.socket, client.buffer = network.connect(network.office, (OFFICE, 25), 30), b""
    assert client.reply().startswith("451 4.3.5 ") and client.at_eof()
    assert "original=%s:25" % OFFICE in proxy.wait_for_log("level=error.*client refused")


def test_not_as_nobody(stage, network):
    proxy = local_proxy(stage, network, stage.account([], host=INTERNET, ports="587"), user="nobody", wait=False)
    proxy.wait_for_log("intercept: not as nobody")
    assert proxy.process.wait(10) == 78


def test_all_clients_from_the_gateway(stage, network):
    """As in a container whose port is published: everybody comes from the gateway's address."""
    proxy = stage.proxy("[listen lan]\naddress = %s:25\nallow = 10.0.0.0/8\n%s" % (OFFICE, stage.account([], host=INTERNET, ports="587")), netns=network.office)
    for n in range(25):
        client = network.connect(network.internet, (OFFICE, 25), 10)
        assert client.recv(100).startswith(b"220 ")
        client.close()
    assert INTERNET in proxy.wait_for_log("this machine's gateway")
    assert len([line for line in proxy.lines if "this machine's gateway" in line]) == 1
