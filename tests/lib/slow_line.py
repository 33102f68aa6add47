"""A slow line to a server: every byte arrives `delay` seconds after it was sent, each way. It counts round trips as they are on the wire: a run of
what the client sends, up to the next thing that reaches it, is one."""
import queue
import socket
import threading
import time


class SlowLine:
    def __init__(self, target, delay=0.02, host="127.0.0.1"):
        self.target, self.delay = (host, target), delay
        self.listener = socket.create_server((host, 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.connections, self.sockets = [], []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
            except OSError:
                return
            events = []  # of one connection: "said" when the client sent something, "heard" when something reached it
            with self.lock:
                self.connections.append(events)
                self.sockets += [near, far]
            for s in (near, far):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._carry(near, far, lambda: self._note(events, "said"), None)
            self._carry(far, near, None, lambda: self._note(events, "heard"))

    def _note(self, events, what):
        with self.lock:
            events.append(what)

    def _carry(self, source, sink, on_read, on_write):
        parcels = queue.Queue()

        def read():
            while True:
                try:
                    data = source.recv(65536)
                except OSError:
                    data = b""
                if data and on_read:
                    on_read()
                parcels.put((time.monotonic() + self.delay, data))
                if not data:
                    return

        def write():
            while True:
                due, data = parcels.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if data and on_write:
                    on_write()  # before the client can answer it
                try:
                    sink.sendall(data) if data else sink.shutdown(socket.SHUT_WR)
                except OSError:
                    return
                if not data:
                    return

        for work in (read, write):
            threading.Thread(target=work, daemon=True).start()

    def round_trips(self):
        """On all connections together, up to now."""
        with self.lock:
            return sum(what == "said" and (i == 0 or events[i - 1] == "heard") for events in self.connections for i, what in enumerate(events))

    def stop(self):
        self.listener.close()
        with self.lock:
            for s in self.sockets:
                s.close()
