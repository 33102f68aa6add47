"""The spool with real sockets and a real disk: what was answered 250 arrives, once, whatever ended in between."""
import json
import os
import random
import signal
import time

import pytest

from submission_server import closed_port
from test_admin import get, with_admin

BODY = b"Subject: alarm\r\n\r\n.the pump\r\nstands still\r\n"
ROUNDS = int(os.environ.get("ROUNDS", "4"))


def spool(stage, **keys):
    values = {"directory": stage.folder / "spool", "wait": "1s", "retry": "1s 2s", "bounce_to": "off"}
    values.update(keys)
    user = "[server]\nuser = root\n" if os.geteuid() == 0 else ""
    return user + "[spool]\n" + "".join("%s = %s\n" % kv for kv in values.items())


def submit(proxy, body=BODY, to="b@example.test", mail=""):
    """The replies to RCPT and to the end of data."""
    client = proxy.raw()
    client.reply()
    for command in ("EHLO x", "MAIL FROM:<a@office.test>" + mail):
        assert client.say(command).startswith("250"), command
    rcpt = client.say("RCPT TO:<%s>" % to)
    if not rcpt.startswith("250"):
        client.close()
        return rcpt, None
    assert client.say("DATA").startswith("354")
    end = client.say(body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    client.close()
    return rcpt, end


def files(stage):
    return sorted(p.name for p in (stage.folder / "spool" / "queue").iterdir())


def eventually(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_outage_is_survived(stage):
    port = closed_port()
    proxy = stage.proxy(stage.account([port]) + spool(stage))
    rcpt, end = submit(proxy)
    assert rcpt.startswith("250 2.1.5 will be kept and sent later: no port of 127.0.0.1 works: %d refused [" % port)
    assert end.startswith("250 2.0.0 queued: no port of 127.0.0.1 works")
    proxy.wait_for_log("msg=spooled .*reason=no-port words=")
    assert len(files(stage)) == 1
    upstream = stage.upstream(port=port)
    message = upstream.wait_for(1)[0]
    assert message.body.startswith(b"Subject: alarm\r\n") and message.body.endswith(BODY.split(b"\r\n\r\n")[1]) and message.recipients == ["b@example.test"]
    proxy.wait_for_log("msg=delivered .*via=spool")
    eventually(lambda: not files(stage))
    assert len(upstream.messages) == 1


def test_a_kill_between_loses_nothing(stage):
    port = closed_port()
    config = stage.account([port]) + spool(stage)
    proxy = stage.proxy(config)
    for _ in range(3):
        assert submit(proxy)[1].startswith("250 ")
    os.kill(proxy.process.pid, signal.SIGKILL)
    proxy.process.wait()
    assert len(files(stage)) == 3
    upstream = stage.upstream(port=port)
    stage.proxy(config)
    assert len(upstream.wait_for(3)) == 3
    eventually(lambda: not files(stage))
    assert len(upstream.messages) == 3


def test_kills_at_random_moments(stage):
    """Every 250 arrives, whenever the process was killed; ROUNDS=100 does it longer."""
    upstream = stage.upstream()
    config = stage.account([upstream]) + spool(stage, when="always")
    chance, acknowledged = random.Random(1), []
    for number in range(ROUNDS):
        proxy = stage.proxy(config)
        moment = time.monotonic() + chance.uniform(0.05, 0.5)
        while time.monotonic() < moment:
            name = "m%d-%d" % (number, len(acknowledged))
            if submit(proxy, b"Subject: %s\r\n\r\nx\r\n" % name.encode())[1].startswith("250 "):
                acknowledged.append(name)
        os.kill(proxy.process.pid, signal.SIGKILL)
        proxy.process.wait()
    stage.proxy(config)

    def arrived():
        return {line.split(b": ")[1].decode() for m in upstream.messages for line in m.body.split(b"\r\n") if line.startswith(b"Subject: ")}
    eventually(lambda: set(acknowledged) <= arrived(), 60)
    eventually(lambda: not [f for f in files(stage) if not f.endswith(".log")], 60)


def test_without_a_spool_the_client_waits_no_longer(stage):
    proxy = stage.proxy(stage.account([closed_port()]))
    assert submit(proxy)[0].startswith("451 4.4.1 ")
    assert not (stage.folder / "spool").exists()


def test_a_full_disk_is_452(stage):
    if os.geteuid() != 0 or os.system("mkdir -p %s && mount -t tmpfs -o size=256k tmpfs %s" % (stage.folder / "spool", stage.folder / "spool")) != 0:
        pytest.skip("needs root and the right to mount")
    try:
        port = closed_port()
        proxy = stage.proxy(stage.account([port]) + spool(stage, min_free="0%"))
        big = b"Subject: x\r\n\r\n" + b"x" * 70 * 1024 + b"\r\n"
        replies = [submit(proxy, big) for _ in range(6)]
        kept = [end for _, end in replies if end and end.startswith("250 ")]
        refused = [end or rcpt for rcpt, end in replies if not (end and end.startswith("250 "))]
        assert kept and refused and all(r.startswith("452 4.3.1 ") for r in refused)
        eventually(lambda: len([f for f in files(stage) if not f.endswith(".new")]) == len(files(stage)) == len(kept))
        upstream = stage.upstream(port=port)
        assert len(upstream.wait_for(len(kept), 30)) == len(kept)
    finally:
        for thing in stage.things:
            thing.stop()
        os.system("umount %s" % (stage.folder / "spool"))


def test_a_second_process_waits_for_the_lock(stage):
    config = stage.account([closed_port()]) + spool(stage)
    stage.proxy(config)
    server = "drain_timeout = 1s\n"
    second = stage.proxy(config.replace("[server]\n", "[server]\n" + server) if "[server]" in config else config + "[server]\n" + server, wait=False)
    assert second.process.wait(30) == 75


def test_who_waits_for_the_lock_hears_a_signal(stage):
    config = stage.account([closed_port()]) + spool(stage)
    stage.proxy(config)
    second = stage.proxy(config, wait=False)
    second.wait_for_log("waiting for the spool .*: another process has it")
    second.process.terminate()
    assert second.process.wait(15) == 0
    assert "ended before it began" in second.log


def test_logins_that_are_put_off(stage):
    """A 4xx to AUTH says nothing about the message: it is kept, and goes when the login is accepted again."""
    put_off = [True]
    upstream = stage.upstream(hooks={"AUTH": lambda session, argument: b"454 4.7.0 Temporary authentication failure\r\n" if put_off else None})
    proxy = stage.proxy(stage.account([upstream]) + spool(stage))
    rcpt, end = submit(proxy)
    assert rcpt.startswith("250 2.1.5 will be kept and sent later: authentication with 127.0.0.1 is not possible now [")
    assert end.startswith("250 2.0.0 queued: authentication with 127.0.0.1 is not possible now")
    proxy.wait_for_log("msg=spooled .*reason=credentials words=\"authentication with")
    put_off.clear()
    upstream.wait_for(1)
    eventually(lambda: not files(stage))


def test_what_monitoring_sees(stage):
    port = closed_port()
    proxy = with_admin(stage, stage.account([port]) + spool(stage))
    assert submit(proxy)[1].startswith("250 ")
    eventually(lambda: get(proxy.admin, "/readyz")[:2] == (200, "spooling\n"))
    assert get(proxy.admin, "/acceptz")[0] == 200
    eventually(lambda: 'smtp_detour_spool_messages{account="default",state="waiting"} 1\n' in get(proxy.admin, "/metrics")[1])
    def shown():
        return json.loads(get(proxy.admin, "/status.json")[1])["accounts"][0]["spool"]
    # While a try is under way there is no reason to wait.
    eventually(lambda: "no port" in shown()["reason"])
    assert shown()["waiting"] == 1 and shown()["takes"]
    stage.upstream(port=port).wait_for(1)
    eventually(lambda: 'smtp_detour_spool_tries_total{account="default",result="delivered"} 1\n' in get(proxy.admin, "/metrics")[1])
    eventually(lambda: get(proxy.admin, "/readyz")[:2] == (200, "ready\n"))


def test_a_reload_without_it_sends_the_rest(stage):
    port = closed_port()
    proxy = stage.proxy(stage.account([port]) + spool(stage))
    assert submit(proxy)[1].startswith("250 ")
    text = open(proxy.config_file).read()
    open(proxy.config_file, "w").write(text[:text.index("[spool]")])
    proxy.reload()
    assert submit(proxy)[0].startswith("451 4.4.1 ")
    upstream = stage.upstream(port=port)
    assert len(upstream.wait_for(1)) == 1
    open(proxy.config_file, "w").write(text)
    proxy.reload()
