"""make install into a folder: what lands where, what is kept, and whether the man pages, units and completion are sound."""
import os
import re
import shlex
import shutil
import subprocess

import pytest

from proxy import BINARY, TOP

BUILD = os.path.dirname(BINARY)


def make(*args, **options):
    return subprocess.run(["make", "-s", "-C", TOP, "BUILD=" + BUILD, *args], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, **options).stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    make("install", "DESTDIR=%s" % folder, "PREFIX=/usr", "UNITDIR=/lib/systemd/system")
    return folder


def mode(path):
    return path.stat().st_mode & 0o777


def test_what_lands_where(root):
    assert mode(root / "usr/sbin/smtp-detour") == 0o755 and mode(root / "etc/smtp-detour/proxy.ini") == 0o640
    assert subprocess.run([root / "usr/sbin/smtp-detour", "--version"], stdout=subprocess.PIPE).stdout.startswith(b"smtp-detour ")
    service = (root / "lib/systemd/system/smtp-detour.service").read_text()
    assert "ExecStart=/usr/sbin/smtp-detour run -c /etc/smtp-detour/proxy.ini\n" in service and not re.search(r"@[A-Z]+@", service)


def files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_what_can_be_read_there(root):
    docs = root / "usr/share/doc/smtp-detour"
    for name in ("manual/README.md", "manual/oauth2.md", "manual/spool.md", "manual/FINDINGS.md", "nftables/local.nft", "prometheus/alerts.yml", "grafana/smtp-detour.json",
                 "proxy.ini.example"):
        assert (docs / name).is_file() and mode(docs / name) == 0o644, name


def test_uninstalled(tmp_path):
    """All that was installed goes; what the administrator wrote, and what the server keeps, stay."""
    where = ("DESTDIR=%s" % tmp_path, "PREFIX=/usr")
    make("install", *where)
    (tmp_path / "etc/smtp-detour/password").write_text("secret\n")
    (tmp_path / "var/lib/smtp-detour").mkdir(parents=True)
    told = make("uninstall", *where)
    assert files(tmp_path) == {"etc/smtp-detour/proxy.ini", "etc/smtp-detour/password"}
    assert "etc/smtp-detour is kept" in told and "var/lib/smtp-detour is kept" in told


def test_a_missing_header_is_named_with_its_cure(tmp_path):
    done = subprocess.run(["make", "-s", "-C", TOP, "BUILD=%s" % (tmp_path / "build"), "CC=gcc -nostdinc", str(tmp_path / "build" / "headers")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode != 0 and re.search(r"<ev\.h> is missing: `make deps` installs", done.stdout), done.stdout


def test_a_configuration_is_never_overwritten(root):
    config = root / "etc/smtp-detour/proxy.ini"
    config.write_text("# mine\n")
    config.chmod(0o600)
    assert "is kept" in make("install", "DESTDIR=%s" % root, "PREFIX=/usr", "UNITDIR=/lib/systemd/system")
    assert config.read_text() == "# mine\n" and mode(config) == 0o600


def test_man_pages_have_every_key_and_command(root):
    page = (root / "usr/share/man/man5/proxy.ini.5").read_text().replace("\\-", "-")
    with open(os.path.join(TOP, "proxy.ini.example")) as example:
        keys = re.findall(r"(?m)^;?(\w+) = ", example.read())
    assert len(keys) > 50
    for key in keys:
        assert "\n.B %s = " % key in page
    page = (root / "usr/share/man/man8/smtp-detour.8").read_text().replace("\\-", "-")
    for command in subcommands():
        assert "\n.B %s " % command in page
    if shutil.which("man"):
        for name in ("man5/proxy.ini.5", "man8/smtp-detour.8"):
            done = subprocess.run(["man", "--warnings", "-l", str(root / "usr/share/man" / name)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=dict(os.environ, MANPAGER="cat", MANWIDTH="100", LC_ALL="C.UTF-8"))
            assert done.returncode == 0 and done.stderr == b""


def subcommands():
    text = subprocess.run([BINARY, "--help"], stdout=subprocess.PIPE, text=True).stdout
    return re.findall(r"(?m)^  smtp-detour ([a-z]+) ", text)


def complete(root, *words):
    script = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _smtp_detour "$1"; printf "%s\\n" "${COMPREPLY[@]}"'
    file = str(root / "usr/share/bash-completion/completions/smtp-detour")
    return subprocess.run(["bash", "-c", script, file, *words], stdout=subprocess.PIPE, text=True).stdout.split()


def test_completion(root):
    assert set(subcommands()) <= set(complete(root, BINARY, ""))
    assert complete(root, BINARY, "doc") == ["doctor"]
    assert "mailgun-eu" in complete(root, BINARY, "providers", "mailg")
    config = root / "c.ini"
    config.write_text("[upstream work]\n[upstream home]\n")
    assert set(complete(root, BINARY, "doctor", "-c", str(config), "")) >= {"work", "home", "--json"}


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
def test_completion_of_zsh(root):
    """The function itself, with zsh's own helpers replaced by ones that print what they are told."""
    script = r"""compadd() { [[ $1 == -a ]] && print -rl -- ${(P)2} || { shift; print -rl -- $@ } }
_arguments() { print -rl -- "$@" }
words=("$@"); CURRENT=$#
smtp-detour() { "$words_program" "$@" }
source "$file" """
    env = dict(os.environ, file=str(root / "usr/share/zsh/site-functions/_smtp-detour"), words_program=BINARY)

    def offers(*words):
        done = subprocess.run(["zsh", "-fc", script, "zsh", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        assert done.stderr == "", done.stderr
        return done.stdout.split("\n")
    assert set(subcommands()) <= set(offers("smtp-detour", ""))
    for command in subcommands():
        if command != "run":
            assert len(offers("smtp-detour", command, "")) > 1, command
    # Each option that the program's help names is offered, and no other.
    help_of = {c: subprocess.run([BINARY, c, "--help"], stdout=subprocess.PIPE, text=True).stdout for c in subcommands()}
    for command in ("setup", "check", "doctor", "login", "send", "spool"):
        offered = {re.match(r"(--[a-z-]+)", line).group(1) for line in offers("smtp-detour", command, "") if line.startswith("--")}
        known = set(re.findall(r"--[a-z][a-z-]+", help_of[command].split("\n\n")[0]))
        assert offered <= known | set(re.findall(r"--[a-z][a-z-]+", help_of[command])), (command, offered - known)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_units(root, tmp_path):
    for name in ("smtp-detour.service", "smtp-detour.socket"):
        text = (root / "lib/systemd/system" / name).read_text().replace("/usr/sbin/smtp-detour", str(root / "usr/sbin/smtp-detour"))
        (tmp_path / name).write_text(re.sub(r"(?m)^Documentation=.*\n", "", text))  # pages that are not installed here
    done = subprocess.run(["systemd-analyze", "verify", *map(str, tmp_path.glob("smtp-detour.*"))], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0 and done.stdout == ""
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", str(tmp_path / "smtp-detour.service")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    level = re.search(r"Overall exposure level for smtp-detour.service: ([0-9.]+)", done.stdout)
    assert level, done.stdout
    assert float(level.group(1)) <= 1.5


def commands_of(root):
    service = (root / "lib/systemd/system/smtp-detour.service").read_text()
    return dict(re.findall(r"(?m)^(Exec\w+)=(.*)$", service))


def test_the_units_call_nothing_that_a_small_system_lacks(root):
    programs = {shlex.split(command)[0] for command in commands_of(root).values()}
    assert programs <= {"/usr/sbin/smtp-detour", "/bin/sh"}


def test_the_reload_command_reloads(root, stage):
    """As systemd runs it: "$$" is a dollar sign, MAINPID is in the environment. No program is found by a path."""
    proxy = stage.proxy(stage.account([stage.upstream()]))
    command = [word.replace("$$", "$") for word in shlex.split(commands_of(root)["ExecReload"])]
    subprocess.run(command, check=True, env={"MAINPID": str(proxy.process.pid), "PATH": "/nonexistent"})
    proxy.wait_for_log("configuration reloaded")
