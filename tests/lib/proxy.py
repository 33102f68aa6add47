"""Starts and stops a smtp-detour for a test, and reads what it says."""
import atexit
import os
import re
import select
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import threading
import time

from ports import free_port  # also for those who have it from here

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def for_everybody(binary):
    """Some tests run the program as a user with no rights: from a folder that everybody may enter, wherever this checkout lies."""
    folder = os.path.dirname(os.path.abspath(binary))
    while folder != "/":
        if not os.stat(folder).st_mode & 0o001:
            public = tempfile.mkdtemp(prefix="smtp-detour-bin-")
            os.chmod(public, 0o755)
            atexit.register(shutil.rmtree, public, ignore_errors=True)
            return shutil.copy(binary, public)
        folder = os.path.dirname(folder)
    return binary


BINARY = for_everybody(os.environ.get("SMTP_DETOUR", os.path.join(TOP, "build", "smtp-detour")))

# The log says this after each reload that took effect.
RELOADED = "configuration reloaded from"


class Proxy:
    """A running smtp-detour. `config` is the text of its proxy.ini; {port} in it is replaced by a free local port. netns: run inside that
    network namespace. The log is collected line by line."""

    def __init__(self, folder, config, binary=BINARY, env=None, netns=None, wait=True, args=("run",), mode=0o600):
        self.folder = str(folder)
        self.port = free_port()
        self.state = os.path.join(self.folder, "state")
        os.makedirs(self.state, exist_ok=True)
        os.chmod(self.folder, 0o755)
        os.chmod(self.state, 0o777)
        self.config_file = os.path.join(self.folder, "proxy.ini")
        self.mode = mode
        self.write_config(config)
        command = [binary, *args, "-c", self.config_file]
        if netns:
            command = ["ip", "netns", "exec", netns] + command
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if wait:
            self.wait_for_log("is ready")

    def write_config(self, config):
        text = config.replace("{port}", str(self.port))
        if "state_dir" not in text:
            text += "\n[server]\n" if "[server]" not in text else "\n"
            text = text.replace("[server]\n", "[server]\nstate_dir = %s\n" % self.state, 1)
            if "user =" not in text:
                text = text.replace("[server]\n", "[server]\nuser = root\n", 1)
        with open(self.config_file, "w") as out:
            out.write(text)
        os.chmod(self.config_file, self.mode)

    def _read(self):
        for raw in self.process.stderr:
            with self.changed:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append("<end of log>")
            self.changed.notify_all()

    @property
    def log(self):
        """All that was logged so far. What the proxy wrote before a reply may still be on its way to us."""
        time.sleep(0.05)
        for _ in range(100):
            if self.process.poll() is not None or not select.select([self.process.stderr], [], [], 0)[0]:
                break
            time.sleep(0.02)
        with self.changed:
            return "\n".join(self.lines)

    def wait_for_log(self, pattern, timeout=20, count=1):
        """Waits until `count` lines match; returns the last of them."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                found = [line for line in self.lines if re.search(pattern, line)]
                if len(found) >= count:
                    return found[count - 1]
                ended = self.lines and self.lines[-1] == "<end of log>"
                left = deadline - time.monotonic()
                if ended or left <= 0:
                    raise AssertionError("no log line matches %r%s:\n%s" % (pattern, " (it ended)" if ended else "", "\n".join(self.lines)))
                self.changed.wait(left)

    def message_lines(self):
        return [line for line in self.lines if re.search(r" msg=(delivered|refused|deferred|lost-link)\b", line)]

    def client(self, timeout=30):
        """smtplib, connected (not through a namespace)."""
        return smtplib.SMTP("127.0.0.1", self.port, timeout=timeout, local_hostname="scanner")

    def raw(self, timeout=30):
        return RawClient(("127.0.0.1", self.port), timeout)

    def reload(self, expect=RELOADED):
        before = len([line for line in self.lines if re.search(expect, line)])
        self.process.send_signal(signal.SIGHUP)
        return self.wait_for_log(expect, count=before + 1)

    def stop(self, timeout=15):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("smtp-detour did not end within %d s of SIGTERM:\n%s" % (timeout, self.log))
        self.reader.join(5)
        return self.process.returncode


class RawClient:
    """A client that says exactly what it is told."""

    def __init__(self, address, timeout=30):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def read_line(self):
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("closed by the server; unread: %r" % self.buffer)
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode("utf-8", "replace")

    def reply(self):
        """One whole reply, lines joined by newlines."""
        lines = []
        while True:
            lines.append(self.read_line())
            if len(lines[-1]) < 4 or lines[-1][3] != "-":
                return "\n".join(lines)

    def say(self, command):
        self.send(command.encode() + b"\r\n" if isinstance(command, str) else command)
        return self.reply()

    def at_eof(self):
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()
