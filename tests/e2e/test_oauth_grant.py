"""Logins by token, end to end: the life of a person's grant and of the file that holds it, through
rotations, kills, several processes and another login."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import smtplib
import subprocess
import tempfile
import threading

import pytest

from conftest import CLIENT, USER
from fake_authority_endpoints import MAIL_SCOPE
from fake_authority_refusals import CUT_AFTER_ROTATION, aadsts
from oauth_stage import (account, by_refresh, by_refresh_with_secret, checking, private, send,
                         words_of)
from person import Terminal
from postfix import wait_until
from proxy import BINARY, RELOADED


# ---- the grant and its file ----

def current(path):
    return path.read_text().rstrip("\n")


def is_unused(service, path):
    """Whether the file holds a token of the service that nobody has presented yet."""
    token = current(path)
    return token in service.grants and token not in service.grants[token].used


def test_a_rotated_token_is_on_the_disk_before_its_access_token_is_used(stage, authority):
    service, keys = by_refresh(stage, authority)
    path, states = keys["oauth_token_file"], []

    def user_of(token):
        states.append(is_unused(service, path))
        return service.user_of(token)

    upstream = stage.upstream(mechanisms="XOAUTH2", users={USER: None}, token_user=user_of)
    proxy = stage.proxy(account(stage, service, [upstream], max_messages="1", **keys))
    for _ in range(5):
        service.revoke_access()
        assert send(proxy) is None
    assert states == [True] * len(states) and len(states) >= 5 and service.violations == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_killed_at_twenty_random_moments(stage, authority):
    """Whenever it dies, the file holds a token that works, and the next start goes on with it. (The
    service here, as Entra, does not revoke the token before: what dies between the service's answer
    and the disk is lost to any client.)"""
    service, keys = by_refresh(stage, authority)
    service.detects_reuse = False
    path = keys["oauth_token_file"]
    upstream = checking(stage, service)
    chance = random.Random(14)
    config = account(stage, service, [upstream], max_messages="1", **keys)
    for moment in range(20):
        service_asked, proxy = service.count(), stage.proxy(config)
        stop = threading.Event()

        def hammer():
            while not stop.is_set():
                service.revoke_access()
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    send(proxy)

        thread = threading.Thread(target=hammer)
        thread.start()
        service.wait_for_requests(service_asked + 1)
        stop.wait(chance.random() * 0.2)
        proxy.process.send_signal(signal.SIGKILL)
        proxy.process.wait(10)
        stop.set()
        thread.join()
        assert current(path) in service.grants, "moment %d" % moment
    before = len(upstream.messages)
    assert send(stage.proxy(config)) is None and len(upstream.messages) == before + 1
    assert service.most_at_once == 1 and service.count() > 20


def test_killed_after_use_nothing_is_lost(stage, authority):
    """With a service that detects reuse: once an access token was used, a kill costs nothing."""
    service, keys = by_refresh(stage, authority)
    upstream = checking(stage, service)
    config = account(stage, service, [upstream], **keys)
    for _ in range(5):
        proxy = stage.proxy(config)
        assert send(proxy) is None
        proxy.process.send_signal(signal.SIGKILL)
        proxy.process.wait(10)
    assert service.violations == [] and service.count() == 5


@pytest.mark.parametrize("detects_reuse", [False, True])
def test_a_rotation_whose_answer_is_lost(stage, authority, detects_reuse):
    """The service has rotated, and the connection dies before its answer. One that lets the old
    token pass once more is asked again by itself; one that takes it for a theft ends the grant, and
    then the words name the command that begins another."""
    service, keys = by_refresh(stage, authority)
    service.detects_reuse = detects_reuse
    upstream = checking(stage, service)
    service.fail(CUT_AFTER_ROTATION)
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    if detects_reuse:
        wait_until(lambda: "smtp-detour login" in (words_of(send(proxy)) or ""), lambda: proxy.log)
        assert upstream.messages == []
    else:
        wait_until(lambda: send(proxy) is None, lambda: proxy.log)
        assert is_unused(service, keys["oauth_token_file"]) and service.most_at_once == 1


def test_one_request_at_a_time_across_sessions_accounts_and_processes(stage, authority):
    """A server with two accounts of one grant and many clients, send and doctor run all at once,
    and a service that detects reuse sees none."""
    service, keys = by_refresh(stage, authority)
    upstream = checking(stage, service, auth_delay=0.05)
    accounts = "".join(account(stage, service, [upstream], name=n, senders="%s@office.test" % n,
                               **keys) for n in ("a", "b"))
    proxy = stage.proxy(accounts)
    config = str(private(stage.folder / "other.ini", accounts + "[server]\nuser = root\n"))
    results = []

    def command(*args):
        results.append(subprocess.run([BINARY, *args], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, timeout=90))

    one_message = ("send", "-c", config, "--from", "a@office.test", "--to", "b@example.test")
    others = [threading.Thread(target=command, args=one_message) for _ in range(3)]
    others += [threading.Thread(target=command, args=("doctor", "-c", config)) for _ in range(2)]
    clients = [threading.Thread(target=lambda s=s: results.append(send(proxy, s)))
               for s in ("a@office.test", "b@office.test") * 10]
    for thread in clients + others:
        thread.start()
    for thread in clients + others:
        thread.join()
    failed = [r for r in results if r is not None and (isinstance(r, tuple) or r.returncode)]
    assert failed == []
    # The server's accounts share one; each command has one of its own.
    assert service.violations == [] and service.most_at_once == 1 and service.count() == 6
    assert is_unused(service, keys["oauth_token_file"])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("command", ["send", "doctor"])
def test_commands_of_root_touch_tokens_as_the_servers_user(stage, authority, command):
    """Otherwise the server could not read what they leave."""
    service = authority()
    with tempfile.TemporaryDirectory(prefix="smtp-detour-oauth-") as name:
        folder = pathlib.Path(name)
        state = folder / "state"
        state.mkdir()
        path = private(state / "refresh-token", service.grant(USER, CLIENT) + "\n")
        ca = shutil.copy(stage.ca.cert, folder / "ca.pem")
        for thing in (state, path):
            shutil.chown(thing, "daemon", "daemon")
        section = account(stage, service, [checking(stage, service)], oauth_token_file=path,
                          oauth_scope=MAIL_SCOPE["entra"], tls_ca=ca)
        config = private(folder / "proxy.ini",
                         section + "[server]\nuser = daemon\nstate_dir = %s\n" % state)
        os.chmod(folder, 0o755)
        before = current(path)
        addresses = ["--from", USER, "--to", "b@example.test"] if command == "send" else []
        done = subprocess.run([BINARY, command, "-c", str(config), *addresses],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stdout
        assert current(path) != before and service.violations == []
        assert (path.owner(), path.stat().st_mode & 0o777) == ("daemon", 0o600)


def test_an_unwritable_place_keeps_the_new_token_in_memory(stage, authority):
    service, keys = by_refresh(stage, authority)
    path = keys["oauth_token_file"]
    (path.parent / (path.name + ".tmp")).mkdir()
    upstream = checking(stage, service)
    proxy = stage.proxy(account(stage, service, [upstream], max_messages="1", **keys))
    for _ in range(3):
        service.revoke_access()
        assert send(proxy) is None
    assert service.violations == []
    assert re.search(r"level=error.*%s" % re.escape(path.name), proxy.log)


def test_an_answer_without_a_new_token_keeps_the_old_one(stage, authority):
    service, keys = by_refresh_with_secret(stage, authority)
    before = current(keys["oauth_token_file"])
    proxy = stage.proxy(account(stage, service, [checking(stage, service)], **keys))
    assert send(proxy) is None and current(keys["oauth_token_file"]) == before


# ---- a person's login, and the running server ----

def test_the_running_server_takes_a_login_by_itself(stage, authority):
    service = authority()
    upstream = checking(stage, service)
    path = stage.folder / "person.token"
    keys = {"oauth_token_file": path, "oauth_scope": MAIL_SCOPE["entra"] + " offline_access"}
    proxy = stage.proxy(account(stage, service, [upstream], **keys))
    assert "smtp-detour login default" in words_of(send(proxy))
    private(stage.folder / "login.ini", account(stage, service, [upstream], **keys) +
            "oauth_device_url = %s\n[server]\nuser = root\n" % service.url("devicecode"))
    for death in (None, aadsts(700082)):
        if death:
            service.kill_grants(death)
            service.revoke_access()
            upstream.cut_connections()
            wait_until(lambda: send(proxy) is not None, lambda: proxy.log)
            assert "unused for 90 days" in words_of(send(proxy))
        terminal = Terminal(BINARY, "login", "-c", str(stage.folder / "login.ini"), "default")
        stage.things.append(terminal)
        service.enter_code(terminal.wait_for(r"type the code (\w+)").group(1), USER)
        assert terminal.end() == 0, terminal.text
        # It looks at the file now and then.
        wait_until(lambda: send(proxy) is None, lambda: proxy.log, timeout=60)
    log = proxy.log
    assert RELOADED not in log and "configuration not reloaded" not in log
    # A reload would have been seen: the log says these words when one comes.
    proxy.reload()
