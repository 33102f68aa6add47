"""A program on a terminal of its own, and the person before it."""
import os
import pty
import re
import select
import signal
import subprocess
import time


class Terminal:
    def __init__(self, *args, env=None):
        ours, theirs = pty.openpty()
        self.fd, self.text = ours, ""
        self.process = subprocess.Popen(args, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True, preexec_fn=self._control)
        os.close(theirs)

    @staticmethod
    def _control():
        """Ctrl-C means something on a controlling terminal alone."""
        import fcntl
        import termios
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _more(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self.fd, 65536)
        except OSError:  # nobody has it open any more
            return None
        self.text += piece.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(piece) or None

    def wait_for(self, pattern, timeout=20):
        deadline = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.text)
            if found:
                return found
            if time.monotonic() > deadline or self._more(0.2) is None:
                raise AssertionError("nothing like %r:\n%s" % (pattern, self.text))

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, timeout=30):
        """Its status, once it has ended by itself."""
        deadline = time.monotonic() + timeout
        while self._more(0.2) is not None:
            if time.monotonic() > deadline:
                self.stop()
                raise AssertionError("it does not end:\n" + self.text)
        return self.process.wait(10)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
