"""The configuration of a container without a file: SMTP_DETOUR_SECTION_KEY, and …_FILE (PROMISES 3.8)."""
import os
import re
import subprocess

from conftest import PASSWORD, USER
from proxy import BINARY, Proxy, TOP
from submission_server import closed_port


class ByEnvironment(Proxy):
    """A server that has no proxy.ini; what the folder holds beside it are the files of its variables."""

    def __init__(self, folder, variables, wait=True):
        self.variables = variables
        super().__init__(folder, "", wait=wait)

    def write_config(self, config):
        os.environ.update({"SMTP_DETOUR_" + name: value.replace("{port}", str(self.port)) for name, value in self.variables.items()})


def keys_of(section):
    """A section of proxy.ini as variables."""
    return {"UPSTREAM_" + key.strip().upper(): value.strip() for key, _, value in (line.partition("=") for line in section.splitlines()) if value}


def start(stage, monkeypatch, **more):
    for name in [name for name in os.environ if name.startswith("SMTP_DETOUR_")]:
        monkeypatch.delenv(name)
    upstream = stage.upstream()
    variables = {**keys_of(stage.account([upstream])), "LISTEN_ADDRESS": "127.0.0.1:{port}", "SERVER_STATE_DIR": str(stage.folder / "state"), "SERVER_USER": "root", **more}
    for name in variables:
        monkeypatch.setenv("SMTP_DETOUR_" + name, "")
    proxy = ByEnvironment(stage.folder / "none", variables)
    stage.things.append(proxy)
    return proxy, upstream


def deliver(proxy, sender="a@example.test"):
    with proxy.client() as client:
        client.sendmail(sender, ["b@example.test"], "Subject: x\r\n\r\nhello\r\n")


def test_a_mail_through_a_server_without_a_file(stage, monkeypatch):
    proxy, upstream = start(stage, monkeypatch)
    assert not os.path.exists(proxy.config_file)
    deliver(proxy)
    assert upstream.wait_for(1)[0].user == USER
    printed = subprocess.run([BINARY, "check", "-c", proxy.config_file, "--print"], capture_output=True, text=True, env=dict(os.environ))
    assert printed.returncode == 0, printed.stderr
    assert re.search(r"username = %s +; SMTP_DETOUR_UPSTREAM_USERNAME\n" % re.escape(USER), printed.stdout) and PASSWORD not in printed.stdout


def test_a_reload_reads_the_files_of_variables_again(stage, monkeypatch):
    senders = stage.folder / "senders"
    senders.write_text("@example.test\n")
    proxy, upstream = start(stage, monkeypatch, UPSTREAM_SENDERS_FILE=str(senders))
    deliver(proxy)
    senders.write_text("@example.test\n@other.test\n")
    proxy.reload()
    deliver(proxy, "a@other.test")
    assert [m.sender for m in upstream.wait_for(2)] == ["a@example.test", "a@other.test"]
    senders.unlink()
    proxy.reload(expect="SMTP_DETOUR_UPSTREAM_SENDERS_FILE: .* cannot be read: No such file")
    deliver(proxy, "a@other.test")


def test_no_child_sees_the_variables(stage, monkeypatch):
    seen = stage.folder / "seen"
    program = stage.folder / "password"
    program.write_text("#!/bin/sh\nenv >%s\necho '%s'\n" % (seen, PASSWORD))
    program.chmod(0o755)
    proxy, upstream = start(stage, monkeypatch, UPSTREAM_PASSWORD="", UPSTREAM_PASSWORD_FILE="", UPSTREAM_PASSWORD_COMMAND=str(program))
    deliver(proxy)
    assert upstream.wait_for(1) and "PATH=" in seen.read_text() and "SMTP_DETOUR_" not in seen.read_text()


def test_mailq_knows_the_spool_of_the_environment(stage, monkeypatch):
    spool = stage.folder / "spool"
    proxy, upstream = start(stage, monkeypatch, UPSTREAM_PORTS=str(closed_port()), SPOOL_DIRECTORY=str(spool), SPOOL_WAIT="1s")
    deliver(proxy)
    mailq = stage.folder / "mailq"
    mailq.symlink_to(BINARY)
    told = subprocess.run([mailq, "-C", proxy.config_file], capture_output=True, text=True)
    assert told.returncode == 0 and "b@example.test" in told.stdout, told.stdout + told.stderr


def test_a_wrong_variable_is_named(stage, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SMTP_DETOUR_")]:
        monkeypatch.delenv(name)
    env = {**os.environ, "SMTP_DETOUR_UPSTREAM_HOST": "smtp.example.com", "SMTP_DETOUR_UPSTREAM_TLS": "verfy", "SMTP_DETOUR_UPSTRAEM_USERNAME": "me"}
    told = subprocess.run([BINARY, "run", "-c", str(stage.folder / "none.ini")], capture_output=True, text=True, env=env)
    assert told.returncode == 78
    assert "SMTP_DETOUR_UPSTREAM_TLS: [upstream] tls: " in told.stderr
    assert "SMTP_DETOUR_UPSTRAEM_USERNAME: no key of the configuration has this name (did you mean SMTP_DETOUR_UPSTREAM_USERNAME?)" in told.stderr


def test_the_compose_file_is_a_configuration(stage, monkeypatch):
    """Its variables pass `check`, with the secret where it mounts it replaced by one that is here."""
    for name in [name for name in os.environ if name.startswith("SMTP_DETOUR_")]:
        monkeypatch.delenv(name)
    secret = stage.folder / "secret"
    secret.write_text("word\n")
    secret.chmod(0o600)
    with open(os.path.join(TOP, "contrib/container/compose.yaml")) as file:
        variables = dict(re.findall(r"^ +(SMTP_DETOUR_\w+): (.*?)$", file.read(), re.M))
    assert variables["SMTP_DETOUR_UPSTREAM_PASSWORD_FILE"] == "/run/secrets/smtp-password"
    variables["SMTP_DETOUR_UPSTREAM_PASSWORD_FILE"] = str(secret)
    variables["SMTP_DETOUR_SERVER_USER"] = "root"
    told = subprocess.run([BINARY, "check", "-c", str(stage.folder / "none.ini")], capture_output=True, text=True, env={**os.environ, **variables})
    assert told.returncode == 0 and "error" not in told.stderr, told.stderr
