"""The closing line of `make check`, which runs every part of the tests: here each part is played by a few lines of shell."""
import os
import shutil
import subprocess

import pytest

from proxy import TOP

PARTS = {"make": "echo 'unit: 3 passed, 0 failed'", "build/detour-sim": "echo '20 histories'", "python": "echo '5 passed in 1s'"}


def check(folder, **parts):
    """Runs tests/check in a folder where its programs are those of `parts`."""
    (folder / "tests").mkdir()
    (folder / "build").mkdir()
    shutil.copy(os.path.join(TOP, "tests", "check"), folder / "tests" / "check")
    for name, script in dict(PARTS, **parts).items():
        program = folder / name
        program.write_text("#!/bin/sh\n%s\n" % script)
        program.chmod(0o755)
    env = dict(os.environ, PATH="%s:%s" % (folder, os.environ["PATH"]), PYTHON=str(folder / "python"))
    done = subprocess.run([str(folder / "tests" / "check")], stdout=subprocess.PIPE, text=True, env=env, timeout=60)
    return done.returncode, done.stdout.splitlines()[-1]


def test_all_is_well(tmp_path):
    assert check(tmp_path) == (0, "check: 22 passed, 0 failed")


@pytest.mark.parametrize("summary,failed", [
    ("1 failed, 5 passed in 1s", 1), ("2 errors in 1s", 2), ("1 failed, 5 passed, 1 error in 1s", 2), ("killed", 1)])
def test_what_fails_and_what_breaks_is_counted(tmp_path, summary, failed):
    """In the two steps that Python plays."""
    status, line = check(tmp_path, python="echo '%s'; exit 1" % summary)
    assert status == 1 and line.endswith(" %d failed" % (2 * failed))
