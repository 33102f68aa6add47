"""The sink of the rung `443/api`: the tests' fake of Mailgun, which computes the same digest as the sink of SMTP does. It is
Python, in the driver's own process: its speed bounds the figure, which is for comparing one run with the next."""
import time

import tools
from fake_api import FakeApi  # tests/lib, which tools puts on the path

MASK = (1 << 64) - 1
K = 0x9e3779b97f4a7c15


def mix(x):
    x ^= x >> 30
    x = x * 0xbf58476d1ce4e5b9 & MASK
    x ^= x >> 27
    x = x * 0x94d049bb133111eb & MASK
    return x ^ x >> 31


def digest(message):
    """As digest.c has it."""
    body = message.partition(b"\r\n\r\n")[2]
    total = 0
    for at in range(0, len(body), 8):
        total = total * K + int.from_bytes(body[at:at + 8], "little") & MASK
    return mix(total ^ mix(len(body)))


class ApiSink(FakeApi):
    def __init__(self, certificate, key):
        super().__init__(certificate, key, kind="mailgun", secret=tools.PASSWORD)
        self.last_ns = 0

    def _take(self, sender, recipients, raw):
        self.last_ns = time.monotonic_ns()
        return super()._take(sender, recipients, raw)

    def reset(self):
        with self.lock:
            self.taken.clear()
            self.requests.clear()

    def counts(self):
        with self.lock:
            taken = list(self.taken)
        total = sum(digest(message.raw) for message in taken) & MASK
        return {"messages": len(taken), "digest": "%016x" % total, "handshakes": self.connections, "resumed": 0, "auths": len(self.requests),
                "last_ns": self.last_ns}
