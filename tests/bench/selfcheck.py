"""Can the benchmark fail? The generator sends to the sink through a relay that cheats, and every way of cheating must cost the figure."""
import socket
import threading

import peers
import scenarios
from proxy import free_port


class Cheat:
    """A plaintext relay that changes what the client says: change(bytes) -> bytes."""

    def __init__(self, target, change):
        self.target, self.change, self.port = target, change, free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.pump, args=(client, server, self.change), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, lambda data: data), daemon=True).start()

    @staticmethod
    def pump(source, target, change):
        try:
            while True:
                data = source.recv(1 << 20)
                if not data:
                    break
                target.sendall(change(data))
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.close()


def twice(data):
    """The message again, behind itself: its 250 comes twice, which the client takes for the answer to its next command."""
    return b"".join((data, b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n", data)) if data.endswith(b"\r\n.\r\n") else data


CHEATS = (("an honest relay", lambda data: data, True),
          ("a letter changed", lambda data: data.replace(b"lazy dog", b"lazy god", 1), False),
          ("a dot unstuffed", lambda data: data.replace(b"\r\n...a line", b"\r\n..a line", 1), False),
          ("two lines exchanged", lambda data: data.replace(b"an again and again", b"again and an again", 1).replace(b"until\r\n", b"\r\nuntil", 1), False),
          ("a message sent twice", twice, False))


def measure(bench):
    sink, problems = bench.sink(True), 0
    for words, change, honest in CHEATS:
        cheat = Cheat(sink.ports["plain"], change)
        peer = peers.Peer(bench, sink)
        peer.port = cheat.port
        try:
            scenarios.checked_run(peer, clients=2, messages=6, per_connection=3, patience=10)
            counted, said = True, "a figure"
        except scenarios.Mismatch as problem:
            counted, said = False, str(problem)
        cheat.stop()
        right = counted == honest
        problems += not right
        print("%s  %-22s %s" % ("ok  " if right else "BAD ", words, said))
    return 1 if problems else 0
