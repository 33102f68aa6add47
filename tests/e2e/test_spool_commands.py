"""`smtp-detour spool`, mailq and sendmail -q, with a running server and without one."""
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from proxy import BINARY, Proxy
from submission_server import closed_port
from test_spool import BODY, eventually, files, spool, submit


def command(proxy, *args):
    done = subprocess.run([BINARY, "spool", "-c", proxy.config_file, *args], capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def listed(proxy, *args):
    status, out, err = command(proxy, "list", "--json", *args)
    assert (status, err) == (0, "")
    return json.loads(out)


@pytest.fixture(params=["running", "stopped"])
def kept(request, stage):
    """A message that waits for a server that is away, its upstream's port, and whether a server runs."""
    port = closed_port()
    proxy = stage.proxy(stage.account([port]) + spool(stage, retry="1h 2h"))
    assert submit(proxy)[1].startswith("250 ")
    eventually(lambda: listed(proxy)[0]["state"] == "waiting")
    if request.param == "stopped":
        assert proxy.stop() == 0
    return proxy, port, request.param == "running"


def test_list_and_show(kept):
    proxy, port, running = kept
    entry, = listed(proxy)
    assert set(entry) == {"id", "age", "size", "tries", "next", "account", "sender", "recipients", "state", "reason"}
    assert entry["sender"] == "a@office.test" and entry["recipients"] == ["b@example.test"] and entry["account"] == "default"
    assert "%d refused" % port in entry["reason"]
    assert listed(proxy, "--account", "other") == []
    status, out, _ = command(proxy, "list")
    assert status == 0 and entry["id"] in out and "to <b@example.test>" in out and "1 message, " in out
    raw = subprocess.run([BINARY, "spool", "-c", proxy.config_file, "show", "--raw", entry["id"]], capture_output=True)
    assert raw.stdout == BODY
    assert "from: <a@office.test>\nto: <b@example.test> waits" in command(proxy, "show", entry["id"])[1]


def test_remove(kept, stage):
    proxy, _, _ = kept
    name = listed(proxy)[0]["id"]
    assert command(proxy, "remove", name)[:2] == (0, name + " is removed\n")
    assert not files(stage) and listed(proxy) == []
    for deed in ("remove", "retry", "show"):
        status, out, err = command(proxy, deed, name)
        assert (status, out, err.count("\n")) == (1, "", 1)


def test_retry_sends_it_now(stage):
    port = closed_port()
    proxy = stage.proxy(stage.account([port]) + spool(stage, retry="1h 2h"))
    assert submit(proxy)[1].startswith("250 ")
    eventually(lambda: listed(proxy)[0]["next"] > 60)
    upstream = stage.upstream(port=port)
    name = listed(proxy)[0]["id"]
    assert command(proxy, "retry", name)[:2] == (0, name + " is tried now\n")
    upstream.wait_for(1)
    eventually(lambda: not files(stage))


def test_a_failed_one_is_retried(stage):
    """What every bounce tells people to type."""
    port = closed_port()
    config = stage.account([port]) + spool(stage)
    proxy = stage.proxy(config)
    assert submit(proxy)[1].startswith("250 ")
    assert proxy.stop() == 0
    directory = stage.folder / "spool"
    name = files(stage)[0]
    give_up(directory, name)
    proxy = stage.proxy(config)
    entry, = listed(proxy)
    assert entry["state"] == "failed" and entry["recipients"] == ["b@example.test"]
    assert command(proxy, "retry")[1] == "0 messages tried now\n"
    upstream = stage.upstream(port=port)
    assert command(proxy, "retry", name)[:2] == (0, name + " is tried now\n")
    assert upstream.wait_for(1)[0].recipients == ["b@example.test"]
    eventually(lambda: listed(proxy) == [])


def give_up(directory, name):
    """As the server writes it: the log's line, then both files in failed/."""
    line = b"failed 0 bounce - 1"
    crc = 0xffffffff
    for octet in name.encode() + line:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    with open(directory / "queue" / (name + ".log"), "ab") as log:
        log.write(b"%08x " % (crc ^ 0xffffffff) + line + b"\n")
    for suffix in ("", ".log"):
        os.rename(directory / "queue" / (name + suffix), directory / "failed" / (name + suffix))


def test_retry_without_a_server_is_kept(stage):
    port = closed_port()
    config = stage.account([port]) + spool(stage)
    proxy = stage.proxy(config)
    assert submit(proxy)[1].startswith("250 ")
    proxy.stop()
    name = files(stage)[0]
    give_up(stage.folder / "spool", name)
    assert command(proxy, "retry", "--failed")[:2] == (0, "1 message tried when the server starts\n")
    assert name in files(stage)
    upstream = stage.upstream(port=port)
    stage.proxy(config)
    upstream.wait_for(1)


def test_usage(kept):
    proxy = kept[0]
    for words in ((), ("adopt",), ("list", "x"), ("retry", "x", "--failed"), ("show",), ("remove",)):
        assert command(proxy, *words)[0] == 2, words


def test_the_socket_is_for_few(stage):
    proxy = stage.proxy(stage.account([closed_port()]) + spool(stage))
    path = str(stage.folder / "spool" / "control")
    assert os.stat(path).st_mode & 0o777 == 0o600
    idle = []

    def talk(octets):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(path)
            s.sendall(octets)
            return s.makefile("rb").read()
    assert talk(b"list\n") == b"end 0 -\n"
    assert talk(b"x" * 1024).startswith(b"end 2 ")
    assert talk(b"nonsense\n").startswith(b"end 2 ")
    for _ in range(4):
        idle.append(socket.socket(socket.AF_UNIX))
        idle[-1].connect(path)
    assert talk(b"list\n").startswith(b"end 75 ")
    for s in idle:
        s.close()
    eventually(lambda: talk(b"list\n") == b"end 0 -\n")
    if os.geteuid() == 0:
        os.chmod(path, 0o666)
        os.chmod(stage.folder / "spool", 0o755)
        # The folders above are closed to strangers, so the directory is handed over open.
        directory = os.open(stage.folder / "spool", os.O_PATH)
        code = "import socket,sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\ns.shutdown(1)\nprint(s.makefile().read(), end='')"
        stranger = subprocess.run(["/usr/bin/python3", "-c", code, "/proc/self/fd/%d/control" % directory], capture_output=True, user=65534, pass_fds=[directory])
        os.close(directory)
        assert stranger.stdout.startswith(b"end 77 "), stranger.stderr
    proxy.stop()
    assert not os.path.exists(path)


def doctor(proxy, *args):
    done = subprocess.run([BINARY, "doctor", "-c", proxy.config_file, *args], capture_output=True, timeout=60)
    return " ".join(done.stdout.decode().split())


def test_doctor_tells_how_much_waits_and_since_when(kept, stage):
    proxy, _, _ = kept
    shown = json.loads(doctor(proxy, "--json"))["spool"]
    assert (shown["directory"], shown["waiting"], shown["failed"], shown["problem"]) == (str(stage.folder / "spool"), 1, 0, "")
    assert 0 <= shown["oldest_seconds"] < 60
    assert "spool %s: 1 message waits, the oldest for " % (stage.folder / "spool") in doctor(proxy)
    name = listed(proxy)[0]["id"]
    if not kept[2]:
        give_up(stage.folder / "spool", name)
        assert "nothing waits; 1 failed (`smtp-detour spool list` names it, and why)" in doctor(proxy)
    assert command(proxy, "remove", name)[0] == 0
    assert doctor(proxy).endswith("spool %s: nothing waits" % (stage.folder / "spool"))


def without_spool(proxy):
    text = open(proxy.config_file).read()
    return text[:text.index("[spool]")]


@pytest.mark.parametrize("ends", ["reloaded", "stopped", "restarted"])
@pytest.mark.parametrize("place", ["usual", "own"])
def test_what_was_left_is_seen_without_the_section(stage, place, ends):
    """Whatever became of the server since: mail that [spool] has left behind is neither hidden nor out of reach."""
    config = stage.account([closed_port()]) + spool(stage, retry="1h 2h")
    if place == "usual":
        config = "".join(line + "\n" for line in config.splitlines() if not line.startswith("directory"))
    proxy = stage.proxy(config)
    assert submit(proxy)[1].startswith("250 ")
    eventually(lambda: listed(proxy)[0]["state"] == "waiting")
    rest = without_spool(proxy)
    proxy.write_config(rest)
    if ends == "reloaded":
        proxy.reload()
    else:
        assert proxy.stop() == 0
    if ends == "restarted":
        proxy = Proxy(proxy.folder, rest)
        stage.things.append(proxy)
    # The reload has tried it once more.
    eventually(lambda: listed(proxy)[0]["state"] == "waiting")
    entry, = listed(proxy)
    assert entry["recipients"] == ["b@example.test"]
    assert "b@example.test" in command(proxy, "show", entry["id"])[1]
    assert ": 1 message waits, the oldest for " in doctor(proxy)
    assert command(proxy, "remove", entry["id"])[0] == 0
    assert listed(proxy) == []


def test_without_a_spool_nothing_is_made(stage):
    proxy = stage.proxy(stage.account([closed_port()]))
    os.mkdir(stage.folder / "not-a-spool")
    (Path(proxy.state) / "spool-directory").write_text(str(stage.folder / "not-a-spool"))
    assert command(proxy, "list")[:2] == (0, "Mail queue is empty\n")
    assert os.listdir(stage.folder / "not-a-spool") == [] and not (Path(proxy.state) / "spool").exists()


def test_mailq(kept, stage):
    proxy, port, running = kept
    link = stage.folder / "mailq"
    os.symlink(BINARY, link)
    def queue(*args):
        return subprocess.run([link, *args], capture_output=True, timeout=60)
    assert b"to <b@example.test>" in queue("-C", proxy.config_file).stdout
    assert queue("-C", "/nonexistent").stdout == b"Mail queue is empty\n"
    if running:
        upstream = stage.upstream(port=port)
        os.symlink(BINARY, stage.folder / "sendmail")
        done = subprocess.run([stage.folder / "sendmail", "-q", "-C", proxy.config_file], capture_output=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        upstream.wait_for(1)
