"""`smtp-detour spool adopt`: the mail of an instance that is gone, with a server here and without one, and whatever ends it in between."""
import shutil
import subprocess
import time

import pytest

from proxy import BINARY
from submission_server import closed_port
from test_spool import BODY, eventually, spool, submit
from test_spool_commands import command, give_up, listed


def names(directory, place="queue"):
    return sorted(p.name for p in (directory / place).iterdir())


def fill(stage, name, messages):
    """A spool whose server has ended, with so many messages that wait; gives its directory."""
    directory = stage.folder / name
    proxy = stage.proxy(stage.account([closed_port()]) + spool(stage, directory=directory, retry="1h 2h", when="always"))
    for i in range(messages):
        assert submit(proxy, BODY + b"%d\r\n" % i, to="b%d@example.test" % i)[1].startswith("250 ")
    eventually(lambda: all(e["state"] == "waiting" for e in listed(proxy)))
    assert proxy.stop() == 0
    return directory


@pytest.fixture(params=["running", "stopped"])
def here(request, stage):
    """The proxy that adopts, its upstream's port, and whether its server runs."""
    port = closed_port()
    proxy = stage.proxy(stage.account([port]) + spool(stage, retry="1h 2h"))
    if request.param == "stopped":
        assert proxy.stop() == 0
    return proxy, port, request.param == "running"


def test_all_of_it_is_here_then_and_goes(here, stage):
    proxy, port, running = here
    there = fill(stage, "there", 3)
    failed = names(there)[0]
    give_up(there, failed)
    status, out, err = command(proxy, "adopt", str(there))
    assert (status, out, err) == (0, "3 messages of %s are taken in\n" % there, "")
    assert names(there) == names(there, "failed") == []
    entries = {e["id"]: e for e in listed(proxy)}
    assert len(entries) == 3 and entries[failed]["state"] == "failed"
    assert names(stage.folder / "spool", "failed") == [failed, failed + ".log"]
    raw = subprocess.run([BINARY, "spool", "-c", proxy.config_file, "show", "--raw", failed], capture_output=True).stdout
    assert raw.startswith(BODY)
    if running:
        proxy.wait_for_log('msg="a message of another spool is taken in" id=', count=3)
    upstream = stage.upstream(port=port)
    if not running:
        assert command(proxy, "drain", "--timeout", "20s")[0] == 0
    else:
        command(proxy, "retry")
    got = upstream.wait_for(2)
    assert sorted(m.recipients[0] for m in got) == sorted(e["recipients"][0] for e in entries.values() if e["id"] != failed)
    # Nobody took the empty one for more, and it can be asked again.
    assert command(proxy, "adopt", str(there))[:2] == (0, "0 messages of %s are taken in\n" % there)


def test_whom_it_served_it_does_not_serve_again(stage):
    """The other instance had reached one of two recipients before it ended."""
    port = closed_port()
    there = stage.folder / "there"
    other = stage.proxy(stage.account([port]) + spool(stage, directory=there, retry="1h 2h"))
    client = other.raw()
    client.reply()
    for line in ("EHLO x", "MAIL FROM:<a@office.test>", "RCPT TO:<good@example.test>", "RCPT TO:<second@example.test>"):
        assert client.say(line).startswith("250"), line
    assert client.say("DATA").startswith("354")
    assert client.say(BODY.replace(b"\r\n.", b"\r\n..") + b".\r\n").startswith("250 ")
    client.close()
    slow = stage.upstream(port=port, hooks={"RCPT": lambda session, argument: b"450 4.2.0 later\r\n" if "second" in str(argument) else None})
    command(other, "retry")
    eventually(lambda: len(slow.messages) == 1 and listed(other)[0]["recipients"] == ["second@example.test"])
    age = listed(other)[0]["age"]
    assert other.stop() == 0
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]) + spool(stage))
    time.sleep(1)
    assert command(proxy, "adopt", str(there))[0] == 0
    assert [m.recipients for m in upstream.wait_for(1)] == [["second@example.test"]]
    line = proxy.wait_for_log("msg=delivered .*via=spool queued=")
    # It was under way before it came here, and that counts.
    assert int(line.split("queued=")[1].split()[0]) >= age
    eventually(lambda: listed(proxy) == [])
    assert len(upstream.messages) == 1


def test_a_large_body(here, stage):
    proxy, _, _ = here
    there = stage.folder / "there"
    other = stage.proxy(stage.account([closed_port()]) + spool(stage, directory=there, retry="1h 2h"))
    body = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" + b"".join(b"%070d\r\n" % i for i in range(70000))
    assert submit(other, body)[1].startswith("250 ")
    other.stop()
    name = names(there)[0]
    assert command(proxy, "adopt", str(there))[0] == 0
    raw = subprocess.run([BINARY, "spool", "-c", proxy.config_file, "show", "--raw", name], capture_output=True).stdout
    assert raw == body


def test_what_a_broken_one_left_in_both_is_only_removed(here, stage):
    proxy, _, _ = here
    there = fill(stage, "there", 2)
    shutil.copytree(there, stage.folder / "copy")
    assert command(proxy, "adopt", str(there))[0] == 0
    before = listed(proxy)
    status, out, _ = command(proxy, "adopt", str(stage.folder / "copy"))
    assert (status, out) == (0, "0 messages of %s are taken in; 2 were here already, and removed there\n" % (stage.folder / "copy"))
    assert names(stage.folder / "copy") == [] and [e["id"] for e in listed(proxy)] == [e["id"] for e in before]


def test_another_message_of_the_same_id_stays(here, stage):
    proxy, _, _ = here
    there, copy = fill(stage, "there", 1), stage.folder / "copy"
    name = names(there)[0]
    other = fill(stage, "other", 1)
    assert command(proxy, "adopt", str(there))[0] == 0
    rename(other, names(other)[0], name)
    shutil.copytree(other, copy)
    status, _, err = command(proxy, "adopt", str(other))
    assert status == 1 and "1 stays there: %s: another message of this ID is here; nothing was done" % name in err
    assert names(other) == names(copy) and [e["recipients"] for e in listed(proxy)] == [["b0@example.test"]]


def rename(directory, old, new):
    """Another message under this ID: head and tail agree with it."""
    text = (directory / "queue" / old).read_bytes()
    head, rest = text.split(b"\nhead ", 1)
    head = head.replace(b"id " + old.encode(), b"id " + new.encode(), 1) + b"\n"
    assert len(old) == len(new)
    body = rest[9:rest.rindex(b"end head=")]
    head += b"head %08x\n" % crc32c(head)
    tail = rest[rest.rindex(b"end head="):].rsplit(b"crc=", 1)[0] + b"crc="
    (directory / "queue" / new).write_bytes(head + body + tail + b"%08x\n" % crc32c(head + body))
    (directory / "queue" / old).unlink()


def crc32c(octets):
    crc = 0xffffffff
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def test_who_may_not_and_what_is_not(here, stage):
    proxy, _, _ = here
    nothing = stage.folder / "nothing"
    assert command(proxy, "adopt", str(nothing))[0] == 1
    nothing.mkdir()
    status, _, err = command(proxy, "adopt", str(nothing))
    assert status == 1 and "no spool is there" in err and list(nothing.iterdir()) == []
    assert command(proxy, "adopt", str(stage.folder / "spool"))[0] == 2
    living = stage.folder / "living"
    stage.proxy(stage.account([closed_port()]) + spool(stage, directory=living))
    status, _, err = command(proxy, "adopt", str(living))
    assert status == 75 and "is in use: only the spool of an instance that has ended" in err
    plain = stage.proxy(stage.account([closed_port()]))
    assert command(plain, "adopt", str(living))[0] == 78


def test_full(here, stage):
    proxy, port, running = here
    there = fill(stage, "there", 4)
    text = open(proxy.config_file).read().replace("[spool]\n", "[spool]\nmax_messages = 2\n")
    open(proxy.config_file, "w").write(text)
    if running:
        proxy.reload()
    status, _, err = command(proxy, "adopt", str(there))
    assert status == 75 and "2 messages of %s are taken in; 2 stay there: " % there in err and "the spool here is full (max_messages)" in err
    assert len(names(there)) == 2 and len(listed(proxy)) == 2


def test_a_drained_one_takes_nothing(stage):
    proxy = stage.proxy(stage.account([closed_port()]) + spool(stage))
    assert command(proxy, "drain")[0] == 0
    there = fill(stage, "there", 1)
    status, _, err = command(proxy, "adopt", str(there))
    assert status == 75 and "nothing new is kept here" in err and len(names(there)) == 1


@pytest.mark.parametrize("victim", ["command", "server"])
def test_killed_in_the_middle(stage, victim):
    """Again and again: nothing is lost, and each end costs at most one copy more."""
    upstream = stage.upstream()
    there = fill(stage, "there", 40)
    config = stage.account([upstream]) + spool(stage)
    proxy = stage.proxy(config)
    kills = 0
    for i in range(12):
        adopting = subprocess.Popen([BINARY, "spool", "-c", proxy.config_file, "adopt", str(there)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = len(names(there))
        # Not before the first of this round has come over.
        while adopting.poll() is None and len(names(there)) == before:
            time.sleep(0.0005)
        time.sleep(0.0007 * (i % 4))
        if adopting.poll() is not None and not [n for n in names(there) if not n.endswith(".log")]:
            break
        kills += 1
        if victim == "command":
            adopting.kill()
            adopting.wait()
        else:
            proxy.process.kill()
            proxy.process.wait()
            adopting.wait(60)
            proxy = stage.proxy(config)
    assert kills > 1
    assert command(proxy, "adopt", str(there))[0] == 0
    assert names(there) == names(there, "failed") == []
    eventually(lambda: listed(proxy) == [])
    copies = {}
    for message in upstream.messages:
        copies[message.recipients[0]] = copies.get(message.recipients[0], 0) + 1
    assert sorted(copies) == sorted("b%d@example.test" % i for i in range(40))
    # What the server had under way when it was killed may have arrived, too.
    assert sum(copies.values()) <= 40 + kills * (1 if victim == "command" else 8)
