"""Local ports for things that are started later. They lie below those that the system gives to connections and to servers that leave the choice to it, and none
is given twice: what was free when it was chosen is still free when somebody binds it, also while other tests run beside this one."""
import os
import socket

FIRST, LAST, SHARE = 10000, 32000, 1100

# Each process begins elsewhere.
_next = FIRST + os.getpid() % ((LAST - FIRST) // SHARE) * SHARE


def _is_free(host, port):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
        try:
            s.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host="127.0.0.1"):
    """A port that nothing listens on, and that nothing will be given by chance."""
    global _next
    for _ in range(LAST - FIRST):
        port, _next = _next, _next + 1 if _next + 1 < LAST else FIRST
        if _is_free(host, port):
            return port
    raise OSError("no port is free")
