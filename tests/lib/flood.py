"""A crowd of hostile clients against one port, the same crowd for the same seed. `python3 tests/lib/flood.py PORT [CLIENTS] [SEED]` lets it loose by hand."""
import asyncio
import collections
import random
import socket
import struct
import sys

RUDE = struct.pack("ii", 1, 0)  # SO_LINGER: closing is a reset


class Client:
    def __init__(self, port, chance, patience):
        self.port, self.chance, self.patience = port, chance, patience
        self.heard = b""

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    def send(self, data):
        self.writer.write(data)

    async def pushed(self, data):
        """Sent, as far as the other side takes it within our patience."""
        self.send(data)
        await asyncio.wait_for(self.writer.drain(), self.patience)

    async def reply(self):
        while True:
            line = await asyncio.wait_for(self.reader.readline(), self.patience)
            if not line:
                raise EOFError
            self.heard += line
            if line[3:4] != b"-":
                return line

    async def say(self, line):
        self.send(line + b"\r\n")
        return await self.reply()

    async def until_cut(self):
        """Reads until the other side has had enough."""
        while await asyncio.wait_for(self.reader.read(65536), self.patience):
            pass

    async def envelope(self):
        for line in (b"EHLO flood", b"MAIL FROM:<a@office.test>", b"RCPT TO:<b@example.test>"):
            last = await self.say(line)
        return last.startswith(b"250")

    def leave(self, rudely=False):
        if rudely:
            self.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RUDE)
        self.writer.transport.abort() if rudely else self.writer.close()


async def idle(c):
    await c.until_cut()


async def slow_command(c):
    for byte in b"EHLO " + b"s" * 40:
        c.send(bytes([byte]))
        await asyncio.sleep(0.05)
    await c.until_cut()


async def slow_body(c):
    await c.reply()
    if await c.envelope() and (await c.say(b"DATA")).startswith(b"354"):
        for _ in range(20):
            c.send(b"x: y\r\n")
            await asyncio.sleep(0.05)
    c.leave(rudely=c.chance.random() < 0.5)


async def noops(c):
    await c.reply()
    while True:
        await c.say(b"NOOP")


async def flood_unread(c):
    """Everything at once, and not one reply is read until the other side closes or takes no more."""
    await c.pushed(c.chance.choice([b"NOOP\r\n", b"EHLO x\r\n", b"VRFY root\r\n", b"nonsense\r\n"]) * 50_000)
    await c.until_cut()


async def recipients_unread(c):
    await c.pushed(b"EHLO x\r\nMAIL FROM:<a@office.test>\r\n" + b"RCPT TO:<unknown@example.test>\r\n" * 3_000)
    await asyncio.sleep(0.5)
    c.leave(rudely=True)


async def garbage(c):
    await c.pushed(c.chance.randbytes(c.chance.randrange(1, 20_000)))
    await c.until_cut()


async def endless_line(c):
    await c.pushed(b"X" * 2_000_000)
    await c.until_cut()


async def other_protocol(c):
    await c.pushed(c.chance.choice([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\0" * 64,
                                    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\0" * 12, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"]))
    await c.until_cut()


async def vanish(c):
    c.leave(rudely=True)


async def vanish_in_transaction(c):
    await c.reply()
    await c.envelope()
    c.leave(rudely=True)


async def half_closed(c):
    c.send(b"EHLO x\r\nMAIL FROM:<a@office.test>\r\n")
    c.writer.write_eof()
    await c.until_cut()


async def too_large(c):
    await c.reply()
    if await c.envelope() and (await c.say(b"DATA")).startswith(b"354"):
        await c.pushed(b"Subject: large\r\n\r\n" + (b"y" * 998 + b"\r\n") * 300 + b".\r\n")
        await c.reply()


async def honest(c):
    await c.reply()
    if await c.envelope() and (await c.say(b"DATA")).startswith(b"354"):
        c.send(b"Subject: honest\r\n\r\nhello\r\n.\r\n")
        last = await c.reply()
        await c.say(b"QUIT")
        return last.startswith(b"250")
    return False

BEHAVIOURS = [idle, slow_command, slow_body, noops, flood_unread, recipients_unread, garbage, endless_line, other_protocol, vanish,
              vanish_in_transaction, half_closed, too_large, honest]


async def live(behaviour, port, chance, patience, outcomes):
    client = Client(port, chance, patience)
    try:
        await client.connect()
    except OSError:
        outcomes["no connection"] += 1
        return
    end = "done"
    try:
        if await behaviour(client):
            end = "delivered"
    except (OSError, EOFError):
        end = "cut off"
    except asyncio.TimeoutError:
        end = "never cut off"
    finally:
        client.leave()
    outcomes["%s: %s" % (behaviour.__name__, end)] += 1


async def crowd(port, clients, seed, patience):
    chance, outcomes = random.Random(seed), collections.Counter()
    lives = []
    for n in range(clients):
        behaviour = BEHAVIOURS[n % len(BEHAVIOURS)]
        lives.append(asyncio.create_task(live(behaviour, port, random.Random(chance.random()), patience, outcomes)))
        if n % 50 == 49:
            await asyncio.sleep(0.02)
    await asyncio.gather(*lives)
    return outcomes


def flood(port, clients=1000, seed=1, patience=20):
    """How the clients ended, counted. patience: seconds after which one that was not cut off gives up."""
    return asyncio.run(crowd(port, clients, seed, patience))


if __name__ == "__main__":
    for what, count in sorted(flood(int(sys.argv[1]), *map(int, sys.argv[2:4])).items()):
        print("%5d %s" % (count, what))
