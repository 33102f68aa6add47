"""A redis-server of a test's own, on a free port, with what may happen to it: stopped, killed, emptied, full, a replica."""
import os
import shutil
import signal
import socket
import subprocess
import time

from proxy import free_port

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


class SharedEngine:
    def __init__(self, folder, options=()):
        self.folder, self.options = str(folder), list(options)
        os.makedirs(self.folder, exist_ok=True)
        self.port = free_port()
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.folder,
             *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if self.say("PING", user=None).startswith(("+PONG", "-NOAUTH")):
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def say(self, *words, user=None):
        """One command, and the first line of its answer."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            text = "*%d\r\n" % len(words) + "".join("$%d\r\n%s\r\n" % (len(w.encode()), w) for w in words)
            s.sendall(text.encode())
            return s.recv(65536).decode("utf-8", "replace")

    def keys(self):
        return self.say("KEYS", "*")

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
