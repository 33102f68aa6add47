"""The benchmark's C tools as Python sees them, and what is read from /proc. Every tool ends when its stdin does, so nothing outlives the driver."""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
os.environ.setdefault("SMTP_DETOUR", os.path.join(BUILD, "smtp-detour"))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))

USER, PASSWORD, NAME = "office@example.test", "sesame", "smtp.example.test"


def tool(name):
    return os.path.join(BUILD, "bench", name)


class Child:
    """A tool that talks JSON lines."""

    def __init__(self, name, *args):
        self.process = subprocess.Popen([tool(name)] + [str(a) for a in args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hello = self.read() if name != "hold" else None

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s ended" % self.process.args[0])
        return json.loads(line)

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.read()

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Sink(Child):
    def __init__(self, certificate, key, chunking=True):
        super().__init__("sink", "--cert", certificate, "--key", key, "--password", PASSWORD, "--chunking", int(chunking))
        self.ports = self.hello

    def counts(self):
        return self.ask("counts")

    def reset(self):
        return self.ask("reset")


class Hold(Child):
    """Idle clients: made and answered when the constructor returns."""

    def __init__(self, port, clients):
        super().__init__("hold", "--to", "127.0.0.1:%d" % port, "--clients", clients)
        self.state = self.read()


def load(port, **options):
    """Runs the generator to its end; its report."""
    args = [tool("load"), "--to", "127.0.0.1:%d" % port]
    for name, value in options.items():
        args += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(args, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError("the generator failed")
    return json.loads(done.stdout)


def _stat(pid):
    """Parent, and CPU seconds of the process and of its children that have ended."""
    with open("/proc/%d/stat" % pid) as source:
        fields = source.read().rsplit(")", 1)[1].split()
    return int(fields[1]), sum(int(f) for f in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def tree(root):
    """root and all its descendants."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = _stat(int(name))[0]
            except OSError:
                pass
    found = {root}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def cpu_seconds(root):
    """User and system time of a whole process tree, ended children included; in steps of a hundredth of a second."""
    total = 0.0
    pids = tree(root)
    for pid in pids:
        try:
            total += _stat(pid)[1]
        except OSError:
            pass
    return total


def cpu_seconds_of_one(pid):
    """Of a process whose threads live as long as it does; to the nanosecond."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as source:
            total += int(source.read().split()[0])
    return total / 1e9


def memory(root):
    """Bytes over the whole tree: (proportional share, resident). Many processes share pages, so the first is the honest one of a tree."""
    shares = resident = 0
    for pid in tree(root):
        try:
            with open("/proc/%d/smaps_rollup" % pid) as source:
                for line in source:
                    if line.startswith("Pss:"):
                        shares += int(line.split()[1]) * 1024
                    elif line.startswith("Rss:"):
                        resident += int(line.split()[1]) * 1024
        except OSError:
            pass
    return shares, resident


def wait_until(condition, what, timeout=30.0):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("waited %d s in vain: %s" % (timeout, what))
        time.sleep(0.02)
