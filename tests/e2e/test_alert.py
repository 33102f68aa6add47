"""Somebody is called: a real command, with begin and end, and the recipes of the manual against a server that hears them."""
import http.server
import json
import os
import re
import signal
import subprocess
import threading
import urllib.parse

import pytest

from conftest import PASSWORD
from proxy import BINARY, TOP
from submission_server import closed_port
from test_admin import eventually
from test_spool import spool

LISTEN = "[listen]\naddress = 127.0.0.1:{port}\n"
NAMES = ("ALERT", "STATE", "ACCOUNT", "HOST", "WORDS", "SINCE")


class Called:
    """A command that writes down what it was told, a file for each call."""

    def __init__(self, folder, more=""):
        self.calls = folder / "calls"
        self.calls.mkdir()
        self.calls.chmod(0o777)
        self.script = folder / "call"
        self.script.write_text("#!/bin/sh\nf=$(mktemp %s/new.XXXXXX)\nenv >$f\necho $$ >>$f\nmv $f %s/$(date +%%s%%N)\n%s\n" % (self.calls, self.calls, more))
        self.script.chmod(0o755)

    def config(self, **keys):
        return "[alert]\ncommand = %s\n" % self.script + "".join("%s = %s\n" % kv for kv in keys.items())

    def __call__(self, count):
        """The calls so far, once they are so many."""
        def seen():
            names = sorted(n for n in os.listdir(self.calls) if not n.startswith("new."))
            return len(names) >= count and names
        names = eventually(seen, 60)
        assert names and len(names) == count, names
        return [dict(line.split("=", 1) for line in (self.calls / n).read_text().splitlines() if "=" in line) for n in names]


def test_refused_credentials_begin_and_end(stage):
    """At once, though nobody sends mail and there is no page; a reload calls nobody again."""
    upstream, called = stage.upstream(), Called(stage.folder)
    account = stage.account([upstream], password="wrong")
    proxy = stage.proxy(account + called.config(after="1h"))
    begin, = called(1)
    assert [begin[n] for n in NAMES[:3]] == ["credentials", "begin", "default"]
    assert begin["HOST"] and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", begin["SINCE"])
    assert begin["WORDS"] == "127.0.0.1 refuses the configured credentials: correct them, then reload"
    assert "NOTIFY_SOCKET" not in begin
    proxy.wait_for_log('"somebody was called" alert=credentials state=begin account=default')
    proxy.write_config(LISTEN + account + called.config(after="2h"))
    proxy.reload()
    proxy.write_config(LISTEN + stage.account([upstream], password=PASSWORD) + called.config(after="1h"))
    proxy.reload()
    _, end = called(2)
    assert (end["ALERT"], end["STATE"], end["WORDS"]) == ("credentials", "end", "it is over: " + begin["WORDS"])
    assert end["SINCE"] == begin["SINCE"]


def test_an_account_that_is_down(stage):
    port, called = closed_port(), Called(stage.folder)
    stage.proxy(stage.account([port], reprobe="2s") + called.config(after="2s"))
    begin, = called(1)
    assert [begin[n] for n in NAMES[:3]] == ["account-down", "begin", "default"]
    assert begin["WORDS"] == "no port of 127.0.0.1 works: %d refused" % port
    stage.upstream(port=port)
    assert called(2)[1]["STATE"] == "end"


def test_it_is_called_again_while_it_lasts(stage):
    called = Called(stage.folder)
    stage.proxy(stage.account([closed_port()]) + called.config(after="0", repeat="3s"))
    begin, again = called(2)
    assert {n: again[n] for n in NAMES} == {n: begin[n] for n in NAMES}


def test_a_damaged_message_until_it_is_taken_away(stage):
    called = Called(stage.folder)
    text = stage.account([stage.upstream()]) + spool(stage) + called.config()
    proxy = stage.proxy(text)
    proxy.stop()
    damaged = stage.folder / "spool" / "corrupt" / "m1"
    damaged.write_bytes(b"rubbish")
    stage.proxy(text)
    begin, = called(1)
    assert (begin["ALERT"], begin["STATE"], begin["ACCOUNT"]) == ("spool-corrupt", "begin", "")
    assert begin["WORDS"].startswith("1 damaged message lies in %s, " % damaged.parent)
    damaged.unlink()
    assert called(2)[1]["STATE"] == "end"


def test_a_command_that_fails_is_said(stage):
    called = Called(stage.folder, "echo the network is away >&2\nexit 7")
    proxy = stage.proxy(stage.account([stage.upstream()], password="wrong") + called.config())
    line = proxy.wait_for_log("command failed, nobody was called")
    assert "exit status 7" in line and "alert=credentials state=begin account=default retry_in=60.000" in line and "level=error" in line
    assert "the network is away" in proxy.log


def test_the_end_of_the_server_ends_the_command(stage):
    called = Called(stage.folder, "exec sleep 600")
    proxy = stage.proxy(stage.account([stage.upstream()], password="wrong") + called.config())
    called(1)
    name, = os.listdir(called.calls)
    child = int((called.calls / name).read_text().splitlines()[-1])
    os.kill(child, 0)
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(20) == 0

    def is_gone():
        try:
            with open("/proc/%d/stat" % child) as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True
    assert eventually(is_gone)


def test_a_command_that_cannot_be_run_is_an_error(tmp_path):
    config = tmp_path / "proxy.ini"
    config.write_text("[server]\nuser = root\nstate_dir = %s\n[upstream]\nhost = smtp.example.com\n[alert]\ncommand = %s\n" % (tmp_path, tmp_path / "none"))
    done = subprocess.run([BINARY, "check", "-c", str(config)], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "[alert] command: %s cannot be run: there is no such file" % (tmp_path / "none") in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="the server becomes another user only where it is started as root")
def test_a_command_that_only_root_may_run_is_an_error(tmp_path):
    script, config = tmp_path / "call", tmp_path / "proxy.ini"
    script.write_text("#!/bin/sh\n")
    config.write_text("[server]\nuser = daemon\nstate_dir = %s\n[upstream]\nhost = smtp.example.com\n[alert]\ncommand = %s\n" % (tmp_path, script))
    for mode, said in ((0o700, True), (0o755, False)):
        script.chmod(mode)
        done = subprocess.run([BINARY, "check", "-c", str(config)], capture_output=True, text=True, timeout=20)
        assert ("[alert] command: %s cannot be run: the server's user, daemon, may not" % script in done.stderr) == said, done.stderr


def test_by_the_environment_of_a_container(tmp_path):
    env = dict(os.environ, SMTP_DETOUR_UPSTREAM_HOST="smtp.example.com", SMTP_DETOUR_SERVER_USER="root", SMTP_DETOUR_SERVER_STATE_DIR=str(tmp_path),
               SMTP_DETOUR_ALERT_COMMAND="/bin/sh -c 'echo \"$WORDS\"'", SMTP_DETOUR_ALERT_AFTER="0")
    done = subprocess.run([BINARY, "check", "-c", str(tmp_path / "none.ini")], capture_output=True, text=True, timeout=20, env=env)
    assert "[alert]" not in done.stderr and done.returncode == 0, done.stderr
    env["SMTP_DETOUR_ALERT_COMMAND"] = "/nowhere"
    done = subprocess.run([BINARY, "check", "-c", str(tmp_path / "none.ini")], capture_output=True, text=True, timeout=20, env=env)
    assert "cannot be run: there is no such file" in done.stderr and done.returncode != 0, done.stderr


# --- the manual's recipes ---

class Hearer:
    """Keeps what was posted to it."""

    def __init__(self):
        self.heard = heard = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                heard.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])).decode()))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def recipes():
    with open(os.path.join(TOP, "contrib/manual/alert.md")) as page:
        return re.findall(r"```ini\n(\[alert\]\n.*?)```", page.read(), re.S)


def is_ntfy(path, headers, body, end):
    return (path == "/a-topic-nobody-guesses" and headers["Title"].endswith(": credentials default " + ("end" if end else "begin"))
            and headers["Priority"] == ("default" if end else "high") and WORDS in body and "(since 20" in body)


def is_gotify(path, headers, body, end):
    fields = dict(re.findall(r'name="(\w+)"\r\n\r\n(.*?)\r\n--', body, re.S))
    return (path == "/message" and headers["X-Gotify-Key"] == "Abc123" and fields["title"].endswith("credentials default " + ("end" if end else "begin"))
            and WORDS in fields["message"] and fields["priority"] == ("3" if end else "8"))


def is_form(path, headers, body, end):
    fields = dict(urllib.parse.parse_qsl(body, strict_parsing=True))
    return path == "/mail" and fields["alert"] == "credentials" and fields["state"] == ("end" if end else "begin") and fields["account"] == "default" and WORDS in fields["words"]


def is_chat(path, headers, body, end):
    text = json.loads(body)["text"]
    return path == "/hooks/KEY" and headers["Content-Type"] == "application/json" and "credentials default " + ("end" if end else "begin") in text and WORDS in text


WORDS = "127.0.0.1 refuses the configured credentials"


@pytest.mark.parametrize("n, is_right", enumerate((is_ntfy, is_gotify, is_form, is_chat)))
def test_a_recipe_of_the_manual(stage, n, is_right):
    hearer, upstream = Hearer(), stage.upstream()
    stage.things.append(hearer)
    assert len(recipes()) == 4
    secret = stage.folder / "gotify"
    secret.write_text("X-Gotify-Key: Abc123\n")
    text = re.sub(r"https://[\w.]+/", "http://127.0.0.1:%d/" % hearer.port, recipes()[n]).replace("/etc/smtp-detour/gotify", str(secret))
    proxy = stage.proxy(stage.account([upstream], password="wrong") + text)
    assert eventually(lambda: len(hearer.heard) == 1, 30)
    assert is_right(*hearer.heard[0], False), hearer.heard[0]
    proxy.write_config(LISTEN + stage.account([upstream]) + text)
    proxy.reload()
    assert eventually(lambda: len(hearer.heard) == 2, 30)
    assert is_right(*hearer.heard[1], True), hearer.heard[1]
    assert "command failed" not in proxy.log
