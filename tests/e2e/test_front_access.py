"""Who may come in: PROXY headers, numbers of clients and messages, loops, descriptors that run out."""
import os
import re
import resource
import signal
import socket
import ssl
import struct
import time

import pytest

from postfix import wait_until
from proxy import RawClient
from submission_server import closed_port

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
BALANCED = "proxy_protocol = 127.0.0.1\nallow = 192.0.2.0/24 2001:db8::/32\n"


def v2(source, destination=("198.51.100.2", 25), command=0x21, additions=b""):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    other = destination[0] if family == socket.AF_INET else "2001:db8::25"
    block = socket.inet_pton(family, source) + socket.inet_pton(family, other) + struct.pack("!HH", 40000, destination[1]) + additions
    return SIGNATURE + bytes([command, 0x21 if family == socket.AF_INET6 else 0x11]) + struct.pack("!H", len(block)) + block


def send_mail(client, sender="a@office.test"):
    assert client.say("EHLO scanner").startswith("250")
    replies = [client.say("MAIL FROM:<%s>" % sender), client.say("RCPT TO:<b@example.test>"), client.say("DATA")]
    return replies + [client.say(b"Subject: x\r\n\r\nhello\r\n.\r\n")]


@pytest.mark.parametrize("header,client", [(b"PROXY TCP4 192.0.2.7 198.51.100.2 40000 25\r\n", "192.0.2.7"),
                                           (b"PROXY TCP6 2001:db8::7 ::1 40000 25\r\n", "2001:db8::7"), (v2("192.0.2.8"), "192.0.2.8"),
                                           (v2("2001:db8::8"), "2001:db8::8")])
def test_the_client_is_who_the_balancer_says(stage, header, client):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen=BALANCED)
    raw = proxy.raw()
    raw.send(header)
    assert raw.reply().startswith("220 ")
    assert send_mail(raw)[-1].startswith("250 ")
    assert "client=%s " % client in proxy.wait_for_log("msg=delivered")
    outsider = proxy.raw()
    outsider.send(v2("203.0.113.1"))
    assert outsider.reply().startswith("554 5.7.1 ") and outsider.at_eof()
    assert "client=203.0.113.1 " in proxy.wait_for_log("client refused")


def test_in_pieces_and_with_commands_straight_behind_it(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen=BALANCED)
    for header in (b"PROXY TCP4 192.0.2.7 198.51.100.2 40000 25\r\n", v2("192.0.2.8")):
        raw = proxy.raw()
        for i in range(len(header)):
            raw.send(header[i:i + 1])
        assert raw.reply().startswith("220 ")
        raw = proxy.raw()
        raw.send(header + b"EHLO early\r\nNOOP\r\nQUIT\r\n")
        assert [raw.reply()[:3] for _ in range(4)] == ["220", "250", "250", "221"] and raw.at_eof()
        raw = proxy.raw()
        raw.send(header + b"NOOP\r\n")
        raw.socket.shutdown(socket.SHUT_WR)
        assert [raw.reply()[:3] for _ in range(2)] == ["220", "250"] and raw.at_eof()


@pytest.mark.parametrize("first", [b"EHLO x\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"PROXY TCP4 192.0.2.7 198.51.100.2 040000 25\r\n",
                                   b"PROXY UNKNOWN " + b"x" * 200, SIGNATURE + b"\x11\x11\0\x0c" + b"\0" * 12, v2("192.0.2.7", additions=b"\x03\0\x04abcd"),
                                   b"PROXY TCP4 192.0.2.7"])
def test_without_a_good_header_not_a_word(stage, first):
    proxy = stage.proxy(stage.account([closed_port()]), listen=BALANCED)
    raw = proxy.raw()
    raw.send(first)
    assert raw.at_eof()
    assert "client=127.0.0.1" in proxy.wait_for_log("a connection of a load balancer was closed")


def test_three_seconds_for_the_header_and_no_greeting_before(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen=BALANCED)
    silent, looker = proxy.raw(), proxy.raw()
    looker.close()
    assert silent.at_eof()
    assert "in time" in proxy.wait_for_log("a connection of a load balancer was closed")
    assert len([line for line in proxy.lines if "was closed" in line]) == 1  # who only looks whether the port is open is no news


def test_local_and_unknown_mean_the_connection_itself(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="proxy_protocol = 127.0.0.1\n")
    for header in (SIGNATURE + b"\x20\0\0\0", v2("203.0.113.1", command=0x20), b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 1 2 3\r\n"):
        raw = proxy.raw()
        raw.send(header)
        assert raw.reply().startswith("220 ")


def test_a_header_from_anybody_else(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="proxy_protocol = 192.0.2.99\n")
    for header in (v2("127.0.0.1"), b"PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n"):
        raw = proxy.raw()
        assert raw.reply().startswith("220 ")
        raw.send(header)
        assert raw.reply().startswith("554 5.5.0 ") and raw.at_eof()


def test_tls_begins_behind_the_header(stage, ca, certificate):
    proxy = stage.proxy(stage.account([closed_port()]), listen=BALANCED + "tls = implicit\n")
    raw = socket.create_connection(("127.0.0.1", proxy.port), 10)
    raw.sendall(b"PROXY TCP4 192.0.2.7 198.51.100.2 40000 25\r\n")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(raw) as tls:
        assert tls.recv(100).startswith(b"220 ")


def reset_before_it_is_accepted(proxy, times=5):
    proxy.process.send_signal(signal.SIGSTOP)
    for _ in range(times):
        client = socket.create_connection(("127.0.0.1", proxy.port))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    proxy.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("listen", ["", "allow = 192.0.2.0/24\n", "proxy_protocol = 127.0.0.1\n"])
def test_a_reset_before_a_word_is_no_news(stage, listen):
    """As HAProxy's health check does it: nobody is called a stranger whom `allow` does not cover."""
    proxy = stage.proxy("[log]\nlevel = debug\n" + stage.account([closed_port()]), listen=listen)
    reset_before_it_is_accepted(proxy)
    proxy.wait_for_log(r"level=debug .*(is gone|was gone|was closed)", count=5)
    assert "client=- " not in proxy.log and " - was gone" not in proxy.log
    assert "client refused" not in proxy.log and "was closed" not in re.sub("level=debug.*", "", proxy.log)


def test_max_clients_per_ip(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="max_clients_per_ip = 2\nproxy_protocol = 127.0.0.1\nallow = 192.0.2.0/24\n")

    def come(source):
        raw = proxy.raw()
        raw.send(v2(source))
        return raw, raw.reply()
    first, second = come("192.0.2.1"), come("192.0.2.1")
    assert second[1].startswith("220 ")
    third = come("192.0.2.1")
    assert third[1].startswith("421 4.7.0 ") and third[0].at_eof()
    assert "[listen default] max_clients_per_ip = 2 " in proxy.wait_for_log("client refused")
    assert come("192.0.2.2")[1].startswith("220 ")
    assert first[0].say("QUIT").startswith("221 ") and first[0].at_eof()
    assert come("192.0.2.1")[1].startswith("220 ")


def test_rate_counts_messages_of_an_address_over_connections(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="rate = 3/h\nproxy_protocol = 127.0.0.1\nallow = 192.0.2.0/24\n")

    def mail(source):
        raw = proxy.raw()
        raw.send(v2(source))
        assert raw.reply().startswith("220 ")
        raw.say("EHLO x")
        return raw, raw.say("MAIL FROM:<a@office.test>")
    for _ in range(3):
        client, reply = mail("192.0.2.1")
        assert reply.startswith("250 ")
        client.say("QUIT")
    client, reply = mail("192.0.2.1")
    assert re.match(r"450 4\.7\.1 .*\[\w+\]$", reply)
    assert client.say("RSET").startswith("250 ") and client.say("MAIL FROM:<a@office.test>").startswith("450 4.7.1 ")
    assert mail("192.0.2.2")[1].startswith("250 ")
    replies = []
    client.send(b"MAIL FROM:<a@office.test>\r\n" * 200)  # who is told "later" may not ask for ever
    while not replies or not replies[-1].startswith("421"):
        replies.append(client.reply())
    assert replies[-1].startswith("421 4.7.0 ") and len(replies) < 110


def test_rate_window_slides(stage):
    proxy = stage.proxy(stage.account([closed_port()]), listen="rate = 2/s\n")
    client = proxy.raw()
    client.reply()
    client.say("EHLO x")
    taken, refused, begin = 0, 0, time.monotonic()
    while taken < 7 and refused < 90:
        if client.say("MAIL FROM:<a@office.test>").startswith("250"):
            taken += 1
            client.say("RSET")
        else:
            refused += 1
            time.sleep(0.1)
    assert taken == 7 and time.monotonic() - begin >= 3  # at 2 a second the seventh cannot come earlier: no clock of a test can make this fail


def test_an_upstream_that_is_this_proxy_itself(stage):
    for host in ("127.0.0.1", "localhost"):
        proxy = stage.proxy(stage.account(["{port}"], host=host, connect_timeout="3s"))
        client = proxy.raw()
        client.reply()
        client.say("EHLO x")
        client.say("MAIL FROM:<a@office.test>")
        assert re.match(r"451 4\.3\.5 the upstream %s is this proxy itself.*\[\w+\]$" % re.escape(host), client.say("RCPT TO:<b@example.test>"))
        assert "this proxy itself" in proxy.wait_for_log("level=error")


def test_descriptors_run_out_and_come_back(stage):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="max_clients_per_ip = 1000\n")
    descriptors = "/proc/%d/fd" % proxy.process.pid
    limit = len(os.listdir(descriptors)) + 20  # asking the kernel for a device's name holds one for an instant: 20 clients or more
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    clients, told = [], None
    for _ in range(40):
        client = proxy.raw(timeout=10)
        reply = client.reply()
        if reply.startswith("421 4.3.2 "):
            told = client
            break
        assert reply.startswith("220 ")
        clients.append(client)
    assert told and told.at_eof() and len(clients) >= 20
    wait_until(lambda: len(os.listdir(descriptors)) == limit, proxy.log)  # all are used, and the reserve is held again
    assert clients[0].say("NOOP").startswith("250 ")  # who is in is served
    for client in clients:
        client.close()
    for _ in range(100):  # and when they are gone, so is the shortage
        client = proxy.raw(timeout=10)
        if client.reply().startswith("220 "):
            break
        time.sleep(0.1)
    assert send_mail(client)[-1].startswith("250 ")
    assert len(upstream.wait_for(1)) == 1


def test_max_clients_is_not_used_up_by_connections_that_say_nothing(stage):
    """A balancer's silent connections and clients are bounded apart."""
    proxy = stage.proxy(stage.account([closed_port()]), listen="max_clients = 2\n" + BALANCED)
    silent = [proxy.raw() for _ in range(2)]
    over = proxy.raw()
    assert over.reply().startswith("421 4.7.0 ") and over.at_eof()
    assert all(s.at_eof() for s in silent)
    client = proxy.raw()
    client.send(v2("192.0.2.1"))
    assert client.reply().startswith("220 ")
