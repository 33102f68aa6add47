"""Where the log goes, its levels and its two forms."""
import json
import os
import re
import shlex
import socket
import subprocess
import time

import pytest

from proxy import BINARY
from submission_server import closed_port
from test_refusals import dialog, greet

MESSAGE_KEYS = ["time", "level", "msg", "id", "from", "to", "nrcpt", "size", "client", "listener", "upstream", "port", "tls", "status", "reply", "rtts", "delay"]


def pairs(line):
    """A logfmt line, as [(key, value)]."""
    return [tuple(word.split("=", 1)) for word in shlex.split(line)]


def deliver(proxy, sender="a@office.test"):
    client = greet(proxy)
    dialog(client, "MAIL FROM:<%s>" % sender, "RCPT TO:<b@example.test>", "DATA")
    assert client.say(b"Subject: x\r\n\r\nhello\r\n.\r\n").startswith("250 ")
    client.close()


def lines_of(path, pattern, timeout=20):
    """The file's lines once one of them matches."""
    deadline = time.monotonic() + timeout
    while True:
        lines = path.read_text().splitlines() if path.exists() else []
        if any(re.search(pattern, line) for line in lines):
            return lines
        assert time.monotonic() < deadline, "no line of %s matches %r:\n%s" % (path, pattern, "\n".join(lines))
        time.sleep(0.02)


@pytest.mark.parametrize("json_form", [False, True])
def test_the_keys_of_a_message_line(stage, json_form):
    proxy = stage.proxy(stage.account([stage.upstream()]) + "[log]\nformat = %s\n" % ("json" if json_form else "text"))
    deliver(proxy)
    line = proxy.wait_for_log("delivered")
    found = dict(json.loads(line, object_pairs_hook=list) if json_form else pairs(line))
    assert list(found) == MESSAGE_KEYS
    assert (found["msg"], found["from"], str(found["nrcpt"]), str(found["status"])) == ("delivered", "a@office.test", "1", "250")
    if json_form:  # numbers are numbers, every line is one object
        assert all(isinstance(found[key], (int, float)) for key in ("nrcpt", "size", "port", "status", "rtts", "delay"))
        assert all("time" in json.loads(each) for each in proxy.log.splitlines())


def test_a_delivered_message_did_not_go_to_the_one_who_was_refused(stage):
    proxy = stage.proxy(stage.account([stage.upstream()]))
    client = greet(proxy)
    replies = dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<unknown@example.test>", "RCPT TO:<b@example.test>", "RCPT TO:<c@example.test>", "DATA")
    assert [r[:3] for r in replies[1:]] == ["550", "250", "250", "354"]
    assert client.say(b"Subject: x\r\n\r\nhello\r\n.\r\n").startswith("250 ")
    found = dict(pairs(proxy.wait_for_log("msg=delivered")))
    assert (found["to"], found["nrcpt"]) == ("b@example.test", "2")
    dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<unknown@example.test>", "QUIT")
    assert dict(pairs(proxy.wait_for_log("msg=refused")))["to"] == "unknown@example.test"


def test_the_same_keys_in_both_forms(stage):
    """Of every kind of line that a day brings: refused ports, a message put off, a reload."""
    seen = []
    for form in ("text", "json"):
        proxy = stage.proxy(stage.account([closed_port()]) + "[log]\nlevel = debug\nformat = %s\n" % form)
        client = greet(proxy)
        dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "QUIT")
        proxy.wait_for_log("deferred")
        proxy.reload()
        lines = [[k for k, _ in (pairs(line) if form == "text" else json.loads(line, object_pairs_hook=list))] for line in proxy.log.splitlines()]
        seen.append({tuple(keys) for keys in lines})
    assert seen[0] == seen[1] and tuple(MESSAGE_KEYS) in seen[0]


def test_a_log_file_is_opened_anew(stage):
    """As logrotate does it: renamed, SIGHUP. The lines go to a new file, also where the configuration has errors by then, which says so in the new one."""
    log, old, older = (stage.folder / name for name in ("log", "log.1", "log.2"))
    account = stage.account([stage.upstream()])
    config = account + "[log]\ntarget = %s\n" % log
    proxy = stage.proxy(config, wait=False)
    assert lines_of(log, "is ready") and log.stat().st_mode & 0o777 == 0o640
    log.rename(old)
    proxy.process.send_signal(1)
    lines_of(log, "configuration reloaded")
    deliver(proxy)
    lines_of(log, "msg=delivered")
    assert "delivered" not in old.read_text()
    proxy.write_config("[listen]\nfoo = bar\n")
    log.rename(older)
    proxy.process.send_signal(1)
    assert any(re.search(r"proxy\.ini:\d+: \[listen\] foo", line) for line in lines_of(log, "nothing changes"))
    # Found wrong only when it is put in force: an address that somebody else has.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        proxy.write_config("[listen]\naddress = 127.0.0.1:%d\n" % taken.getsockname()[1] + config)
        log.unlink()
        proxy.process.send_signal(1)
        lines_of(log, "nothing changes")


def test_a_new_log_file_that_cannot_be_opened(stage):
    account = stage.account([stage.upstream()])
    proxy = stage.proxy(account)
    proxy.write_config("[listen]\naddress = 127.0.0.1:{port}\n" + account + "[log]\ntarget = %s/there/is/none\n" % stage.folder)
    proxy.reload(expect="the log stays where it is: .*there/is/none")
    deliver(proxy)
    proxy.wait_for_log("msg=delivered")


@pytest.mark.parametrize("target,status,words", [("/nowhere/at/all", 78, r"\[log\] target: the folder /nowhere/at cannot be entered: No such file"), ("log.txt", 78, r"\[log\] target"), ("stdout", 78, r"\[log\] target")])
def test_a_target_that_cannot_be(stage, target, status, words):
    proxy = stage.proxy(stage.account([closed_port()]) + "[log]\ntarget = %s\n" % target, wait=False)
    assert proxy.process.wait(10) == status
    proxy.reader.join(5)
    assert re.search(words, proxy.log)


def test_levels(stage):
    for level, there, missing in (("error", None, "level=(warn|info|debug)"), ("warn", "level=warn", "level=(info|debug)"), ("info", "level=info", "level=debug"),
                                  ("debug", "level=debug", None)):
        proxy = stage.proxy(stage.account([closed_port()]) + "[log]\nlevel = %s\n" % level, wait=False)
        for _ in range(200):
            try:
                client = greet(proxy)
                break
            except OSError:
                time.sleep(0.05)
        dialog(client, "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>", "QUIT")
        text = proxy.log
        assert not there or re.search(there, text), (level, text)
        assert not missing or not re.search(missing, text), (level, text)


def own_dev(stage):
    """(folder, program): the proxy started through that program has this folder as its /dev."""
    dev, wrapper = stage.folder / "dev", stage.folder / "wrapper"
    dev.mkdir()
    for name in ("null", "urandom"):
        (dev / name).touch()
    wrapper.write_text("#!/bin/sh\nmount --bind /dev/null {0}/null && mount --bind /dev/urandom {0}/urandom && mount --rbind {0} /dev && exec {1} \"$@\"\n".format(dev, BINARY))
    wrapper.chmod(0o755)
    outer = stage.folder / "outer"
    outer.write_text("#!/bin/sh\nexec unshare -m --propagation private %s \"$@\"\n" % wrapper)
    outer.chmod(0o755)
    return dev, str(outer)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a /dev of its own")
def test_syslog_where_nobody_listens(stage):
    """As in most containers: else not one word would be seen."""
    _, program = own_dev(stage)
    proxy = stage.proxy(stage.account([closed_port()]) + "[log]\ntarget = syslog\n", wait=False, binary=program)
    proxy.wait_for_log(r"\[log\] target syslog: nothing listens at /dev/log")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a /dev of its own")
def test_syslog(stage):
    """The daemon at /dev/log is played by this test."""
    dev, program = own_dev(stage)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(dev / "log"))
        os.chmod(dev / "log", 0o666)
        daemon.settimeout(20)
        proxy = stage.proxy(stage.account([stage.upstream()]) + "[log]\ntarget = syslog\n", wait=False, binary=program)

        def until(pattern):
            while True:
                got = daemon.recv(10000).decode()
                if re.search(pattern, got):
                    return got
        until("is ready")
        deliver(proxy, sender="100%s%n@office.test")  # no format of ours
        got = until("msg=delivered")
        assert re.match(r"<22>\w{3} [ \d]\d [\d:]{8} smtp-detour\[\d+\]: ", got)  # mail.info
        assert "from=100%s%n@office.test" in got and not got.endswith("\n")
        proxy.stop()
        assert proxy.lines == ["<end of log>"]
