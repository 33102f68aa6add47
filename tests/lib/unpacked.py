"""Servers of the distribution that cannot be installed beside Postfix: fetched through apt, unpacked below build/unpacked (contrib/deps/unpack), and
run where they believe that they are installed: in a mount namespace of their own that lays the unpacked files over /usr and /etc and has a /var
of its own. Nothing outside of it changes. Needs root; the first use needs apt and a mirror."""
import functools
import os
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVERS = {"exim": ["exim4-daemon-light", "exim4-base"], "opensmtpd": ["opensmtpd"], "prometheus": ["prometheus"]}
ENTER = """set -e
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
mount -t overlay overlay -o "lowerdir=$2/etc:/etc" /etc
mount --bind "$2/var" /var
shift 2
exec "$@"
"""


def folder(server):
    return os.path.join(TOP, "build", "unpacked", server)


def fetch(server):
    """"" once it is unpacked, else why it cannot be."""
    done = subprocess.run([os.path.join(TOP, "contrib", "deps", "unpack"), folder(server), *SERVERS[server]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    return "" if done.returncode == 0 else done.stdout.strip() or "contrib/deps/unpack failed"


@functools.lru_cache(None)
def program(server, name):
    """(path, "") of a program that runs from anywhere, the installed one where there is one; else (None, why not)."""
    if shutil.which(name):
        return shutil.which(name), ""
    why = fetch(server)
    path = os.path.join(folder(server), "root", "usr", "bin", name)
    return (None, why) if why else (path, "")


@functools.lru_cache(None)
def reason_not_to(server):
    """Why this server cannot be run here, in words; None: it can."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("unshare"):
        return "needs unshare"
    why = fetch(server)
    if why:
        return why
    usr = os.path.join(folder(server), "root", "usr")
    tried = subprocess.run(["unshare", "--mount", "--propagation", "private", "mount", "-t", "overlay", "overlay", "-o", "lowerdir=%s:/usr" % usr, "/usr"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return None if tried.returncode == 0 else "overlays cannot be mounted here"


class Home:
    """A place for one server: /etc with a few users more, an empty /var. Files of the test's own folder are seen under their own names."""

    def __init__(self, server, own, users):
        self.server, self.own = server, own
        for path in ("etc", "var/run", "var/spool", "var/log", "var/lib"):
            os.makedirs(os.path.join(own, path))
            os.chmod(os.path.join(own, path), 0o755)
        os.chmod(own, 0o755)
        os.chmod(os.path.join(own, "var"), 0o755)
        for name, more in (("passwd", "%s:x:%d:%d::/var/lib:/bin/sh\n"), ("group", "%s:x:%d:\n")):
            with open("/etc/" + name) as source:
                kept = [line for line in source if line.split(":")[0] not in users]
            kept += [more % ((user, number, number) if name == "passwd" else (user, number)) for user, number in users.items()]
            self.write("etc/" + name, "".join(kept))

    def path(self, name):
        return os.path.join(self.own, name)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as out:
            out.write(text)
        os.chmod(self.path(name), mode)

    def folder(self, name, owner, mode=0o700):
        os.makedirs(self.path(name), exist_ok=True)
        os.chown(self.path(name), owner, owner)
        os.chmod(self.path(name), mode)

    def start(self, *command):
        """Runs a command there; its output goes to the file `output`."""
        with open(self.path("output"), "ab") as output:
            return subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", os.path.join(folder(self.server), "root"),
                                     self.own, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
