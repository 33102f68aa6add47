"""setup: from nothing to a configuration that has delivered a test mail, in a dialog and by options; and what it must never leave behind."""
import os
import pathlib
import pwd
import re
import signal
import stat
import subprocess
import threading

import pytest

from conftest import NAME, PASSWORD, USER
from person import Terminal
from postfix import wait_until
from proxy import BINARY, TOP

HOST = "127.0.0.9"  # of its own, so that the ports of the trade are free on it


class Place:
    """Where the configuration is to be, and a server behind it on the ports that are given."""

    def __init__(self, stage, ca, *ports, **options):
        self.stage = stage
        self.folder = stage.folder / "etc"
        self.config = self.folder / "proxy.ini"
        self.state = stage.folder / "state"
        self.state.mkdir()
        self.state.chmod(0o777)
        self.env = dict(os.environ, SSL_CERT_FILE=ca.cert, STATE_DIRECTORY=str(self.state))
        certificate = ca.issue("setup", names=[NAME], addresses=[HOST])
        self.servers = [stage.upstream(host=HOST, port=port, certificate=certificate, tls="implicit" if port == 465 else "starttls", **options)
                        for port in ports]

    def command(self, *args):
        return [BINARY, "setup", "-c", str(self.config), *args]

    def run(self, *args):
        done = subprocess.run(self.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, env=self.env)
        done.flat = " ".join((done.stdout + done.stderr).split())
        return done

    def dialog(self, *args):
        terminal = Terminal(*self.command(*args), env=self.env)
        self.stage.things.append(terminal)
        return terminal

    def secret(self, text=PASSWORD + "\n", mode=0o600):
        path = self.stage.folder / "given"
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def files(self):
        return sorted(os.listdir(self.folder)) if self.folder.exists() else None

    def messages(self):
        return [m for s in self.servers for m in s.messages]

    def logins(self):
        return sum(len(s.auth_attempts) for s in self.servers)


def server_group():
    try:
        return pwd.getpwnam("smtp-detour").pw_gid
    except KeyError:
        return None


def is_for_the_server(path):
    found, group = os.stat(path), server_group()
    wanted = (0o640, 0, group) if group is not None and os.geteuid() == 0 else (0o600, os.geteuid(), os.getegid())
    return (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == wanted


def no_server_of(place):
    """Nothing runs with this configuration any more."""
    wanted = ("run\0-c\0%s" % place.config).encode()
    return not any(wanted in command_line(process) for process in pathlib.Path("/proc").glob("[0-9]*"))


def command_line(process):
    """Read from /proc, as a machine need not have procps; b"" if it has ended meanwhile."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


QUESTIONS = [("Which mail address", USER + "\n"), ("Host to send through", HOST + "\n"), ("Ports to use, in this order", "\n"),
             ("not shown", PASSWORD + "\n"), ("A number, or networks", "\n"), ("Send a test mail to", "\n")]


def answer(terminal, questions):
    for question, text in questions:
        seen = len(terminal.text)
        terminal.wait_for(r"(?s)\A.{%d}.*%s.*: \Z" % (max(0, seen - 1), re.escape(question)))
        if text is not None:
            terminal.type(text)


def test_the_whole_dialog_where_587_does_not_get_through(stage, ca):
    place = Place(stage, ca, 465, 2525)
    person = place.dialog()
    answer(person, QUESTIONS)
    assert person.end() == 0, person.text
    text = " ".join(person.text.split())
    for words in ("587 starttls 127.0.0.9 refused", "there is a way around it", "Ports to use, in this order [465 2525 587]:", "Logged in at %s, port 465, as %s." % (HOST, USER),
                  "To 127.0.0.1:", "as a scanner or a script would send it: 250 2.0.0 queued as", "smtp-detour run -c %s" % place.config):
        assert words in text, person.text
    assert PASSWORD not in person.text
    assert place.files() == ["password", "proxy.ini"] and (place.folder / "password").read_text() == PASSWORD + "\n"
    assert is_for_the_server(place.config) and is_for_the_server(place.folder / "password")
    for line in ("host = " + HOST, "ports = 465 2525 587", "username = " + USER, "password_file = %s/password" % place.folder):
        assert line in place.config.read_text().split("\n")
    assert len(place.messages()) == 1 and b"Subject: Test from smtp-detour" in place.messages()[0].body
    assert no_server_of(place)
    check = subprocess.run([BINARY, "check", "-c", str(place.config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert check.returncode == 0 and "fine, 1 account" in check.stdout, check.stdout


@pytest.mark.parametrize("at", range(len(QUESTIONS)))
@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ended_at_a_question_it_leaves_nothing(stage, ca, at, key):
    place = Place(stage, ca, 2525)
    person = place.dialog()
    answer(person, QUESTIONS[:at] + [(QUESTIONS[at][0], None)])
    person.type(key)
    assert person.end() == 1, person.text
    assert "ended; nothing was written" in person.text
    assert place.files() is None and place.messages() == []


def test_ended_while_the_ports_are_tried(stage, ca):
    place = Place(stage, ca, 587, silent_after_connect=True)
    person = place.dialog("--host", HOST, USER)
    person.wait_for("Every port of")
    person.type("\x03")
    assert person.end(8) == 1 and "ended; nothing was written" in person.text
    assert place.files() is None


def test_the_terminal_shows_again_what_is_typed(stage, ca):
    place = Place(stage, ca, 587)
    script = '%s; echo "it ended"; read line; echo "heard $line"' % " ".join(place.command("--host", HOST, USER))
    person = Terminal("/bin/sh", "-c", "trap : INT; " + script, env=place.env)
    stage.things.append(person)
    person.wait_for("not shown")
    person.type("\x03")
    person.wait_for("it ended")
    person.type("hello\n")
    person.wait_for(r"hello\nheard hello")


def test_a_wrong_password_is_asked_for_again(stage, ca):
    place = Place(stage, ca, 587)
    person = place.dialog("--host", HOST, USER)
    person.wait_for("not shown")
    person.type("wrong\n")
    person.wait_for(r"Once more. User name \[%s\]: " % re.escape(USER))
    assert "The credentials are refused" in person.text and place.files() is None
    person.type("\n")
    person.wait_for(r"(?s)Once more.*not shown\): ")
    person.type(PASSWORD + "\n")
    answer(person, QUESTIONS[4:])
    assert person.end() == 0, person.text
    assert place.files() == ["password", "proxy.ini"] and place.logins() >= 2


def test_three_wrong_passwords_are_enough(stage, ca):
    place = Place(stage, ca, 587)
    person = place.dialog("--host", HOST, USER)
    for i in range(3):
        person.wait_for(r"(?s)\A(.*not shown\): .*){%d}" % (i + 1))
        person.type("wrong\n")
        if i < 2:
            person.wait_for(r"(?s)\A(.*Once more.*){%d}" % (i + 1))
            person.type("\n")
    assert person.end() == 1 and "nothing was written" in person.text
    assert place.files() is None and place.logins() == 3


def test_all_by_options(stage, ca):
    place = Place(stage, ca, 587)
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), "--listen", "127.0.0.1:2526", "--to", "other@example.test", USER)
    assert done.returncode == 0, done.flat
    assert place.files() == ["password", "proxy.ini"] and "address = 127.0.0.1:2526" in place.config.read_text()
    assert [m.recipients for m in place.messages()] == [["other@example.test"]]
    assert PASSWORD not in done.flat


def test_a_network_is_let_in(stage, ca):
    place = Place(stage, ca, 587)
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), "--allow", "10.9.9.0/24", "--to", "none", USER)
    assert done.returncode == 2 and "this machine has no address in 10.9.9.0/24" in done.flat and place.files() is None
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), "--allow", "10.9.9.0/24", "--listen", "127.0.0.1:2526", "--to", "none", USER)
    assert done.returncode == 0, done.flat
    assert "allow = 127.0.0.0/8 ::1/128 10.9.9.0/24" in place.config.read_text() and place.messages() == []


def test_refused_by_options(stage, ca):
    place = Place(stage, ca, 587)
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret("wrong\n"), USER)
    assert done.returncode == 1 and "The credentials are refused" in done.flat and "nothing was written" in done.flat
    assert place.files() is None and place.logins() == 1


def test_no_port_leads_to_a_login(stage, ca):
    place = Place(stage, ca)
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), USER)
    assert done.returncode == 1 and "no port of %s leads to a login" % HOST in done.flat
    assert place.files() is None


def test_a_refused_test_mail_leaves_the_configuration(stage, ca):
    place = Place(stage, ca, 587, hooks={"DATA": lambda s, a: b"554 5.7.1 not today\r\n"})
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), USER)
    assert done.returncode == 1 and "not today" in done.flat and "the configuration stays" in done.flat
    assert place.files() == ["password", "proxy.ini"]


@pytest.mark.parametrize("args,words", [
    ((), "give --yes"), (("--yes",), "--password-file is needed"), (("--yes", "--password-file", "/x"), "ADDRESS"),
    (("--yes", "--password-file", "/x", "me@unknown.example"), "--host or --provider"), (("--host", "a", "--provider", "b"), "usage:"),
    (("--host", "a", "me@x.example", "b@x.example"), "usage:"), (("no-address",), "usage:"), (("--user", "a\nhost = b"), "usage:"),
    (("--yes", "--password-file", "/x", "--provider", "gmial", "me@x.example"), "gmail")])
def test_usage(stage, ca, args, words):
    place = Place(stage, ca)
    done = place.run(*args)
    assert done.returncode == 2 and words in done.flat, done.flat
    assert place.files() is None


def test_somebodys_configuration_stays_as_it_is(stage, ca):
    place = Place(stage, ca, 587)
    place.folder.mkdir()
    place.config.write_text("# mine\n  [upstream]\nhost = elsewhere.example\n")
    before = place.config.read_text()
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), USER)
    assert done.returncode == 1 and "never overwritten" in done.flat
    assert place.config.read_text() == before and place.files() == ["proxy.ini"] and place.logins() == 0


def test_the_installed_example_is_nobodys(stage, ca):
    place = Place(stage, ca, 587)
    place.folder.mkdir()
    with open(os.path.join(TOP, "proxy.ini.example")) as example:
        place.config.write_text(example.read())
    (place.folder / "password").write_text("of somebody else\n")
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), USER)
    assert done.returncode == 0 and "still the example" in done.flat, done.flat
    assert place.files() == ["password", "password-2", "proxy.ini"] and (place.folder / "password").read_text() == "of somebody else\n"
    assert "password_file = %s/password-2" % place.folder in place.config.read_text()


def test_comments_without_a_section_are_kept(stage, ca):
    place = Place(stage, ca, 587)
    place.folder.mkdir()
    place.config.write_text("# for the office\n")
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), USER)
    assert done.returncode == 0, done.flat
    assert place.config.read_text().startswith("# for the office\n\n# Written by smtp-detour setup")


def test_a_secret_beside_it_is_named_and_not_copied(stage, ca):
    place = Place(stage, ca, 587)
    place.folder.mkdir()
    mine = place.folder / "mine"
    mine.write_text(PASSWORD + "\n")
    mine.chmod(0o600)
    done = place.run("--yes", "--host", HOST, "--password-file", str(mine), USER)
    assert done.returncode == 0 and place.files() == ["mine", "proxy.ini"], done.flat
    assert "password_file = %s\n" % mine in place.config.read_text()


def test_where_nothing_can_be_written(stage, ca):
    place = Place(stage, ca, 587)
    place.config = stage.folder / "nowhere" / "deep" / "proxy.ini"
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), USER)
    assert done.returncode == 77 and "cannot be written" in done.flat and place.logins() == 0


@pytest.mark.parametrize("how", ["\x03", signal.SIGKILL, signal.SIGHUP])
def test_ended_while_the_test_mail_is_sent(stage, ca, how):
    """Neither setup nor the server it started for the mail is left, however it ends; the configuration stays."""
    reached, released = threading.Event(), threading.Event()

    def never(session, argument):
        reached.set()
        released.wait(60)
    place = Place(stage, ca, 587, hooks={"DATA": never})
    person = place.dialog()
    answer(person, [q for q in QUESTIONS if "Ports to use" not in q[0]])
    person.wait_for("as a scanner or a script would send it")
    assert reached.wait(20) and not no_server_of(place)
    if how == "\x03":
        person.type(how)
    else:
        person.process.send_signal(how)
    assert person.end() != 0
    wait_until(lambda: no_server_of(place), lambda: "a server is left")
    released.set()
    assert place.files() == ["password", "proxy.ini"]


def test_where_no_server_can_be_started(stage, ca):
    """An address that this machine does not have; the mail goes by the same delivery, and the words of the server are shown."""
    place = Place(stage, ca, 587)
    done = place.run("--yes", "--host", HOST, "--password-file", place.secret(), "--listen", "192.0.2.7:2526", "--to", "other@example.test", USER)
    assert done.returncode == 0, done.flat
    assert "192.0.2.7:2526" in done.flat and "the mail goes the same way without it" in done.flat
    assert [m.recipients for m in place.messages()] == [["other@example.test"]] and no_server_of(place)
