"""What is measured: the product, and the programs that people use instead of it, each with a configuration of its own in a folder of its own, on
loopback, started here and stopped by process id. Every peer says on which of the sink's ports it ends and how a client talks to it."""
import os
import pwd
import shutil
import subprocess
import time
import urllib.request

import tools
from tools import NAME, PASSWORD, USER
from postfix import MASTER  # tests/lib, which tools puts on the path
from proxy import BINARY, free_port


def listens(port):
    """Somebody listens there; asked without connecting, for a pipe would pass that on."""
    with open("/proc/net/tcp") as source:
        return any(line.split()[1].endswith(":%04X" % port) and line.split()[3] == "0A" for line in source)


class Peer:
    """pid: the root of its processes, None for none. precise: its threads live as long as it does."""
    precise = True
    pid = None
    load_options = {"tls": "none"}
    stores = False  # acknowledges before it delivers
    environment = None

    def __init__(self, bench, sink):
        self.bench, self.sink = bench, sink

    def cpu(self):
        if self.pid is None:
            return 0.0
        return tools.cpu_seconds_of_one(self.pid) if self.precise else tools.cpu_seconds(self.pid)

    def memory(self):
        return tools.memory(self.pid)

    def _run(self, command):
        self.log_file = os.path.join(self.folder, "log")
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        self.pid = self.process.pid
        try:
            tools.wait_until(lambda: self.process.poll() is not None or listens(self.port), self.name)
            if self.process.poll() is not None:
                raise RuntimeError("it ended with status %d" % self.process.returncode)
        except RuntimeError as problem:
            self.stop()
            raise RuntimeError("%s does not start: %s\n%s" % (self.name, problem, self.log()))

    def log(self, last=2000):
        with open(self.log_file, "rb") as source:
            return source.read().decode("utf-8", "replace")[-last:]

    def _write(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def stop(self):
        if self.pid is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.pid = None


class Direct(Peer):
    name, key, words = "direct", "direct", "the client does STARTTLS and AUTH itself"

    def __init__(self, bench, sink):
        super().__init__(bench, sink)
        self.port = sink.ports["starttls"]
        self.load_options = {"tls": "starttls", "auth": USER + ":" + PASSWORD, "ca": bench.ca, "name": NAME}

    def stop(self):
        pass


class Detour(Peer):
    """ports, more, upstreams: where this one differs from the standard configuration."""
    name, key, words = "smtp-detour", "detour", "STARTTLS + AUTH upstream, sessions kept warm"

    def __init__(self, bench, sink, label="detour", ports=None, account="", listen="", accounts=1, wrapper=(), admin=False):
        super().__init__(bench, sink)
        self.folder = bench.new_folder(label)
        self.port = free_port()
        self.settings = (ports or getattr(sink, "ports", {}).get("starttls"), account, listen)
        self.admin = free_port() if admin else None
        command = list(wrapper) + [BINARY, "run", "-c", self.configure(accounts)]
        self._run(command)

    def configure(self, accounts=1):
        ports, account, listen = self.settings
        text = "[server]\nstate_dir = %s\nuser = root\n\n[listen]\naddress = 127.0.0.1:%d\nmax_clients = 15000\nmax_clients_per_ip = 15000\n%s\n" % (self.folder, self.port, listen)
        if self.admin:
            text += "\n[admin]\naddress = 127.0.0.1:%d\n" % self.admin
        for i in range(accounts):
            text += ("\n[upstream%s]\nhost = 127.0.0.1\nports = %s\ntls_name = %s\ntls_ca = %s\nusername = %s\npassword = %s\n%s"
                     % (" a%d" % i if accounts > 1 else "", ports, NAME, self.bench.ca, USER, PASSWORD, account))
            if accounts > 1:
                text += "senders = @a%d.test\n" % i
        return self._write("proxy.ini", text)

    def longest_turn(self):
        """Seconds of the event loop's longest turn in the last minute."""
        time.sleep(1.2)  # it is noted each second
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.admin) as answer:
            return next(float(line.split()[1]) for line in answer.read().decode().splitlines() if line.startswith("smtp_detour_loop_longest_turn_seconds "))


class DetourApi(Detour):
    """Its account has no port of SMTP. The test's authority is the system's here: with tls_ca no connection would be used twice."""
    name, key, words = "smtp-detour, 443/api", "api", "HTTPS upstream, a fake service in Python"

    def configure(self, accounts=1):
        self.environment = dict(os.environ, SSL_CERT_FILE=self.bench.ca)
        key = self._write("key", PASSWORD + "\n")
        return self._write("proxy.ini", "[server]\nstate_dir = %s\nuser = root\n\n[listen]\naddress = 127.0.0.1:%d\n\n"
                           "[upstream]\nhost = 127.0.0.1\nports = 443/api\napi = mailgun\napi_url = %s\napi_secret_file = %s\nusername = %s\n"
                           % (self.folder, self.port, self.sink.url, key, USER))


class Stunnel(Peer):
    name, key, words, precise = "stunnel", "stunnel", "byte pipe: STARTTLS + AUTH per connection", False

    def __init__(self, bench, sink, label="stunnel", ports=None):
        super().__init__(bench, sink)
        self.folder, self.port = bench.new_folder(label), free_port()
        connect = "".join("connect = 127.0.0.1:%d\n" % p for p in ports or [sink.ports["starttls"]])
        config = self._write("stunnel.conf", "foreground = yes\npid =\ndebug = 3\n[smtp]\nclient = yes\naccept = 127.0.0.1:%d\n%sprotocol = smtp\n"
                             "failover = prio\nprotocolUsername = %s\nprotocolPassword = %s\nverifyChain = yes\nCAfile = %s\ncheckHost = %s\n"
                             % (self.port, connect, USER, PASSWORD, bench.ca, NAME))
        self._run(["stunnel", config])


class Haproxy(Peer):
    tls = ""

    def __init__(self, bench, sink, label=None, ports=None):
        super().__init__(bench, sink)
        self.folder, self.port = bench.new_folder(label or self.key), free_port()
        servers = "".join("  server s%d 127.0.0.1:%d %s%s\n" % (i, p, self.tls % {"ca": bench.ca, "name": NAME} if self.tls else "", " backup" if i else " check inter 2s fall 1" if ports else "")
                          for i, p in enumerate(ports or [sink.ports[self.ends_on]]))
        config = self._write("haproxy.cfg", "global\n  maxconn 9000\n  nbthread %d\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5m\n"
                             "  timeout server 5m\n  option redispatch 1\n  retries 3\nlisten smtp\n  bind 127.0.0.1:%d backlog 4096\n%s"
                             % (bench.haproxy_threads, self.port, servers))
        self._run(["haproxy", "-db", "-f", config])


class HaproxyTls(Haproxy):
    name, key, words, ends_on = "HAProxy, TLS pipe", "haproxy_tls", "byte pipe: TLS per connection, no AUTH", "pipe"
    tls = "ssl verify required ca-file %(ca)s verifyhost %(name)s"


class HaproxyPlain(Haproxy):
    name, key, words, ends_on = "HAProxy, plaintext pipe", "haproxy_plain", "byte pipe without TLS or AUTH: the floor", "plain"


POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = %(folder)s/queue
data_directory = %(folder)s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = %(folder)s/log
maillog_file_prefixes = %(folder)s
myhostname = relay.example.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
message_size_limit = 120000000
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
relayhost = [127.0.0.1]:%(sink)d
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = %(name)s
smtp_tls_CAfile = %(ca)s
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
smtp_tls_connection_reuse = yes
smtp_connection_cache_destinations = [127.0.0.1]:%(sink)d
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:%(folder)s/passwords
smtp_sasl_tls_security_options = noanonymous
%(more)s
"""


class Postfix(Peer):
    name, key, words = "Postfix relayhost", "postfix", "queue on disk, connection cache"
    precise, stores = False, True

    def __init__(self, bench, sink, label="postfix", sink_port=None, more=""):
        super().__init__(bench, sink)
        self.folder, self.port = bench.new_folder(label), free_port()
        self.log_file = os.path.join(self.folder, "log")
        owner = pwd.getpwnam("postfix")
        for name in ("config", "queue", "data"):
            os.makedirs(os.path.join(self.folder, name))
            os.chmod(os.path.join(self.folder, name), 0o755)
        os.chown(os.path.join(self.folder, "data"), owner.pw_uid, owner.pw_gid)
        port = sink_port or sink.ports["starttls"]
        self._write("passwords", "[127.0.0.1]:%d %s:%s\n" % (port, USER, PASSWORD), 0o644)
        values = {"folder": self.folder, "sink": port, "name": NAME, "ca": bench.ca, "more": more}
        self._write("config/main.cf", POSTFIX_MAIN % values, 0o644)
        self._write("config/master.cf", MASTER % {"listen": "127.0.0.1:%d" % self.port, "smtpd_options": ""} + "tlsproxy unix - - n - 0 tlsproxy\n", 0o644)
        self._postfix("start")
        tools.wait_until(lambda: listens(self.port), "Postfix")
        with open(os.path.join(self.folder, "queue/pid/master.pid")) as source:
            self.pid = int(source.read())

    def _postfix(self, verb):
        done = subprocess.run(["postfix", "-c", os.path.join(self.folder, "config"), verb], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode and verb == "start":
            raise RuntimeError("postfix %s: %s" % (verb, done.stdout))

    def stop(self):
        if self.pid is None:
            return
        self._postfix("stop")
        tools.wait_until(lambda: not os.path.exists("/proc/%d" % self.pid) or defunct(self.pid), "the end of Postfix")
        self.pid = None


def defunct(pid):
    try:
        with open("/proc/%d/stat" % pid) as source:
            return source.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
