"""Two hosts in network namespaces of the test's own: the office, where smtp-detour runs, and the internet, where the upstream is. Between them whatever
nftables can do to a packet. Needs root."""
import ctypes
import os
import shutil
import socket
import subprocess
import threading

OFFICE, INTERNET = "10.99.1.1", "10.99.1.2"
OFFICE6, INTERNET6 = "fd99::1", "fd99::2"
CLONE_NEWNET = 0x40000000
_count = 0


def available():
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("nft"):
        return False
    probe = "sdprobe%d" % os.getpid()
    if subprocess.run(["ip", "netns", "add", probe], stderr=subprocess.DEVNULL).returncode != 0:
        return False
    subprocess.run(["ip", "netns", "delete", probe])
    return True


def run(*args, **options):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, **options)


def within(namespace, function):
    """Calls function() in a thread that lives in the namespace: sockets made there belong to it, wherever they are used."""
    box = {}

    def work():
        fd = os.open("/run/netns/" + namespace, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            box["result"] = function()
        except BaseException as problem:  # handed to the caller
            box["problem"] = problem
        finally:
            os.close(fd)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if "problem" in box:
        raise box["problem"]
    return box["result"]


class Network:
    within = staticmethod(within)

    def __init__(self):
        global _count
        _count += 1
        self.office, self.internet = ("sd%d-%d%s" % (os.getpid(), _count, side) for side in "ab")
        for name in (self.office, self.internet):
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "wire0", "netns", self.office, "type", "veth", "peer", "name", "wire0", "netns", self.internet)
        for name, v4, v6 in ((self.office, OFFICE, OFFICE6), (self.internet, INTERNET, INTERNET6)):
            self.ip(name, "link", "set", "lo", "up")
            self.ip(name, "link", "set", "wire0", "up")
            self.ip(name, "address", "add", v4 + "/24", "dev", "wire0")
            self.ip(name, "address", "add", v6 + "/64", "dev", "wire0", "nodad")
        self.ip(self.office, "route", "add", "default", "via", INTERNET)

    @staticmethod
    def ip(namespace, *args):
        run("ip", "-n", namespace, *args)

    def firewall(self, rules="", nat=""):
        """Replaces what the internet side does to arriving packets: nft statements, one per line."""
        text = "flush ruleset\ntable inet wall {\n chain arriving { type filter hook input priority 0; policy accept;\n%s\n }\n" % rules
        text += " chain turned { type nat hook prerouting priority -100;\n%s\n }\n}\n" % nat
        run("ip", "netns", "exec", self.internet, "nft", "-f", "-", input=text.encode())

    def connect(self, namespace, address, timeout=10):
        return self.within(namespace, lambda: socket.create_connection(address, timeout))

    def stop(self):
        for name in (self.office, self.internet):
            subprocess.run(["ip", "netns", "delete", name])


class Lan:
    """One switch and hosts on it, each with an address on the wire eth0. `hosts` maps a name to its address."""

    def __init__(self, hosts):
        global _count
        _count += 1
        self.names = {host: "sd%d-%d%s" % (os.getpid(), _count, host) for host in ("switch", *hosts)}
        for name in self.names.values():
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        switch = self.names["switch"]
        run("ip", "-n", switch, "link", "add", "bridge0", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "dev", "bridge0", "up")
        for host, address in hosts.items():
            name = self.names[host]
            run("ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", host, "netns", switch)
            run("ip", "-n", switch, "link", "set", "dev", host, "master", "bridge0", "up")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "address", "add", address + "/24", "dev", "eth0")

    def popen(self, host, *command, **options):
        return subprocess.Popen(("ip", "netns", "exec", self.names[host], *command), **options)

    def within(self, host, function):
        return within(self.names[host], function)

    def stop(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name])
