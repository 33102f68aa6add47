"""Every configuration in the manual and in the README is one that check has nothing against; what the log is said to say is what the program says."""
import glob
import os
import re
import subprocess

import pytest

from proxy import BINARY, TOP


def snippets():
    for name in ("README.md", "contrib/manual/README.md", "contrib/manual/oauth2.md", "contrib/manual/spool.md", "contrib/manual/cluster.md",
                 "contrib/manual/api.md"):
        with open(os.path.join(TOP, name)) as page:
            for n, text in enumerate(re.findall(r"```ini\n(.*?)```", page.read(), re.S)):
                if "[upstream" in text:
                    yield pytest.param(text, id="%s-%d" % (name.replace("/", "-"), n))


@pytest.mark.parametrize("text", snippets())
def test_configuration_is_fine(tmp_path, text):
    secret = tmp_path / "secret"
    secret.write_text("abcdabcdabcdabcd\n")
    secret.chmod(0o600)
    key = tmp_path / "key"
    key.write_text("A" * 43 + "=\n")
    key.chmod(0o600)
    config = tmp_path / "proxy.ini"
    text = re.sub(r"(?m)^ +", "", text).replace("/etc/smtp-detour/cluster-key", str(key)) if "[cluster]" in text else text
    text = re.sub(r"(?:/etc/smtp-detour|/var/run/secrets|/var/lib/smtp-detour)/[\w./-]+", str(secret), text)
    text = text.replace("/usr/local/bin/print-access-token", "/bin/true")
    config.write_text(text + ("" if "[server]" in text else "[server]\nstate_dir = %s\nuser = root\n" % tmp_path))
    done = subprocess.run([BINARY, "check", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    # That there is no user smtp-detour, or no token yet, is said of this machine, not of the configuration.
    assert [line for line in done.stderr.splitlines() if "December 2026" not in line and "running as" not in line and "\"smtp-detour login\" makes it" not in line] == []


def what_the_program_can_say():
    """All literals of the source, neighbours joined."""
    said = []
    for name in glob.glob(os.path.join(TOP, "proxy", "*", "*.c")):
        with open(name) as source:
            text = source.read().replace("\\\n", "").replace(" LOGIN", ' "run `smtp-detour login {account}`"')
        for joined in re.findall(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', text):
            said.append(re.sub(r'\\(.)', r"\1", re.sub(r'(?<!\\)"\s*"', "", joined)[1:-1]))
    return "\n".join(said)


def test_the_words_of_the_token_page_are_the_programs():
    """In the table the dots stand for a name or a number."""
    with open(os.path.join(TOP, "contrib/manual/oauth2.md")) as page:
        table = page.read().split("| it says | do this |")[1]
    program, rows = what_the_program_can_say(), re.findall(r"(?m)^\| (?!-)(.+?) \| .+ \|$", table)
    assert len(rows) > 20
    for row in (r for r in rows if not r.startswith("(from the server")):
        pattern = r"[^\n]{0,40}?".join(re.escape(piece) for piece in row.split("…"))
        assert re.search(pattern, program), row
