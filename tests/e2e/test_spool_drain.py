"""`smtp-detour spool drain`: an instance is emptied before it goes, by a running server and without one."""
import subprocess

import pytest

from proxy import BINARY
from submission_server import closed_port
from test_admin import get, with_admin
from test_spool import eventually, files, spool, submit
from test_spool_commands import command, give_up, listed


@pytest.fixture(params=["running", "stopped"])
def full(request, stage):
    """Three messages that would wait for an hour, their upstream's port, and whether a server runs."""
    port = closed_port()
    proxy = with_admin(stage, stage.account([port]) + spool(stage, retry="1h 2h"))
    for _ in range(3):
        assert submit(proxy)[1].startswith("250 ")
    eventually(lambda: (listed(proxy)[0]["next"] or 0) > 60)
    if request.param == "stopped":
        assert proxy.stop() == 0
    return proxy, port, request.param == "running"


def test_a_full_spool_is_emptied(full, stage):
    proxy, port, running = full
    upstream = stage.upstream(port=port)
    status, out, err = command(proxy, "drain", "--timeout", "30s")
    assert status == 0 and out.startswith("nothing waits any more"), (out, err)
    assert len(upstream.messages) == 3 and not files(stage)
    if not running:
        assert err.count("msg=delivered") == 3 and err.count("via=spool") == 3
        return
    assert "nothing is kept until the server starts again" in out
    assert get(proxy.admin, "/acceptz")[:2] == (503, "the spool is drained\n")
    assert "The spool is drained" in get(proxy.admin, "/")[1]
    assert submit(proxy)[1].startswith("250 ") and len(upstream.messages) == 4


def test_what_is_left_is_told(full, stage):
    proxy, port, running = full
    status, out, err = command(proxy, "drain", "--timeout", "1s")
    assert status == 75 and out == ""
    said = err.splitlines()[-1]
    assert "3 messages are left after 1s; account default: 3 waiting: " in said and "no port of 127.0.0.1 works: %d refused" % port in said
    assert len(files(stage)) == 3
    if running:
        eventually(lambda: get(proxy.admin, "/acceptz")[0] == 200)
        assert submit(proxy)[1].startswith("250 ") and len(files(stage)) == 4


def test_who_breaks_it_off_ends_it(stage):
    proxy = with_admin(stage, stage.account([closed_port()]) + spool(stage, retry="1h 2h"))
    assert submit(proxy)[1].startswith("250 ")
    drain = subprocess.Popen([BINARY, "spool", "-c", proxy.config_file, "drain"])
    eventually(lambda: get(proxy.admin, "/acceptz")[0] == 503)
    assert submit(proxy)[0].startswith("451 ") and len(files(stage)) == 1
    drain.terminate()
    drain.wait()
    eventually(lambda: get(proxy.admin, "/acceptz")[0] == 200)
    assert submit(proxy)[1].startswith("250 ")


def test_an_empty_spool_stays_empty(stage):
    proxy = stage.proxy(stage.account([closed_port()]) + spool(stage))
    assert command(proxy, "drain")[0] == 0
    assert submit(proxy)[0].startswith("451 ") and not files(stage)


def test_what_failed_stays(stage):
    """It was given up and bounced: it keeps nobody from ending the instance, but is not passed over in silence."""
    config = stage.account([closed_port()]) + spool(stage)
    proxy = stage.proxy(config)
    assert submit(proxy)[1].startswith("250 ")
    assert proxy.stop() == 0
    give_up(stage.folder / "spool", files(stage)[0])
    status, out, _ = command(proxy, "drain")
    assert status == 0 and "1 message that failed stays" in out


def test_a_client_that_may_still_be_kept_is_waited_for(stage):
    """It was told 250 to its RCPT: what it sends goes to the spool, and the drain doesn't end before that was sent."""
    port = closed_port()
    proxy = stage.proxy(stage.account([port]) + spool(stage, retry="1s 1s"))
    client = proxy.raw()
    client.reply()
    for word in ("EHLO x", "MAIL FROM:<a@office.test>", "RCPT TO:<b@example.test>"):
        assert client.say(word).startswith("250")
    status, _, err = command(proxy, "drain", "--timeout", "1s")
    assert status == 75 and "still handing over" in err
    drain = subprocess.Popen([BINARY, "spool", "-c", proxy.config_file, "drain"])
    proxy.wait_for_log("nothing new is kept", count=2)
    assert client.say("DATA").startswith("354")
    assert client.say(b"Subject: x\r\n\r\nx\r\n.\r\n").startswith("250 ")
    assert drain.poll() is None
    upstream = stage.upstream(port=port)
    assert drain.wait(30) == 0 and len(upstream.messages) == 1


def test_usage(stage):
    proxy = stage.proxy(stage.account([closed_port()]) + spool(stage))
    for words in (("drain", "x"), ("drain", "--timeout"), ("drain", "--timeout", "soon"), ("drain", "--timeout", "1d", "x")):
        assert command(proxy, *words)[0] == 2, words
    assert proxy.stop() == 0
    without = stage.proxy(stage.account([closed_port()]))
    assert command(without, "drain")[:2] == (0, "nothing waits: nothing is kept\n")
