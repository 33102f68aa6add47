"""What `make` asks of the compiler, and that what it builds depends on the source alone."""
import hashlib
import os
import platform
import shutil
import subprocess

import pytest

from proxy import TOP

HARDENED = ["-fstack-protector-strong", "-D_FORTIFY_SOURCE=3", "-fstack-clash-protection", "-fcf-protection", "-ftrivial-auto-var-init=zero"]


def commands(folder, *args):
    return subprocess.run(["make", "-n", "-C", TOP, "BUILD=%s" % folder, "%s/obj/proxy/main.o" % folder, *args],
                          check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other machines know fewer of these")
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_what_the_compiler_knows_is_asked_for(tmp_path, compiler):
    if not shutil.which(compiler):
        pytest.skip("no %s here" % compiler)
    said = commands(tmp_path, "CC=" + compiler)
    assert [flag for flag in HARDENED if flag not in said] == []


def test_what_the_compiler_does_not_know_is_left_out(tmp_path):
    """A compiler for another machine, here played by a shell script."""
    odd = tmp_path / "odd-cc"
    odd.write_text("#!/bin/sh\ncase \"$*\" in *-dumpmachine*) echo arm-linux-gnueabihf ;;\n"
                   "*-fcf-protection* | *FORTIFY_SOURCE=3* | *auto-var-init*) echo 'warning: what?' >&2 ;;\nesac\n")
    odd.chmod(0o755)
    said = commands(tmp_path, "CC=%s" % odd)
    assert "-fstack-protector-strong" in said and "-D_FORTIFY_SOURCE=2" in said and "-mbranch-protection=standard" in said
    for flag in ("=3", "-fcf", "auto-var-init", "clash"):
        assert flag not in said


def test_two_folders_give_the_same_program(tmp_path):
    sums = set()
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    for name in ("here", "some/where/else"):
        folder = tmp_path / name
        shutil.copytree(TOP, folder, ignore=shutil.ignore_patterns("build", ".git*", "__pycache__", "corpus", "results"))
        subprocess.run(["make", "-s", "-j2", "-C", str(folder), "BUILD=out"], check=True, timeout=500, env=env)
        sums.add(hashlib.sha256((folder / "out" / "smtp-detour").read_bytes()).hexdigest())
        shutil.rmtree(folder)
    assert len(sums) == 1
