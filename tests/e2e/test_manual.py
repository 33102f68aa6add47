"""Every configuration in the manual and in the README is one that check has nothing against."""
import os
import re
import subprocess

import pytest

from proxy import BINARY, TOP


def snippets():
    for name in ("README.md", "contrib/manual/README.md"):
        with open(os.path.join(TOP, name)) as page:
            for n, text in enumerate(re.findall(r"```ini\n(.*?)```", page.read(), re.S)):
                if "[upstream" in text:
                    yield pytest.param(text, id="%s-%d" % (name.replace("/", "-"), n))


@pytest.mark.parametrize("text", snippets())
def test_configuration_is_fine(tmp_path, text):
    secret = tmp_path / "secret"
    secret.write_text("abcdabcdabcdabcd\n")
    secret.chmod(0o600)
    config = tmp_path / "proxy.ini"
    config.write_text(re.sub(r"/etc/smtp-detour/\w+", str(secret), text))
    done = subprocess.run([BINARY, "check", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    # That there is no user smtp-detour is said of this machine, not of the configuration.
    assert [line for line in done.stderr.splitlines() if "December 2026" not in line and "running as nobody" not in line] == []
