"""Behind a real load balancer, as the manual has it: `allow` and the log mean the client that the balancer tells of."""
import shutil
import smtplib
import subprocess

import pytest

from postfix import wait_until
from proxy import free_port
from submission_server import closed_port

BODY = b"Subject: through a balancer\r\n\r\nhello\r\n"


class Haproxy:
    def __init__(self, folder, port, how, health=""):
        self.port = free_port()
        config = folder / "haproxy.cfg"
        config.write_text("global\n  maxconn 100\n  log stdout format raw local0\ndefaults\n  log global\n  mode tcp\n%s  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n"
                          "listen smtp\n  bind 127.0.0.1:%d\n  server detour 127.0.0.1:%d %s\n" % (health, self.port, port, how))
        self.log_file = folder / "haproxy.log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(["haproxy", "-db", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._listens, self.log_file.read_text)

    def _listens(self):
        with open("/proc/net/tcp") as sockets:
            return any(line.split()[1].endswith(":%04X" % self.port) and line.split()[3] == "0A" for line in sockets)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed")
@pytest.mark.parametrize("how", ["send-proxy", "send-proxy-v2"])
def test_the_client_that_haproxy_tells_of_is_meant(stage, how):
    upstream = stage.upstream()
    proxy = stage.proxy(stage.account([upstream]), listen="allow = 127.0.0.9/32\nproxy_protocol = 127.0.0.1\n")
    balancer = Haproxy(stage.folder, proxy.port, how)
    stage.things.append(balancer)
    with smtplib.SMTP("127.0.0.1", balancer.port, source_address=("127.0.0.9", 0), timeout=10) as client:
        client.sendmail("a@office.test", ["b@example.test"], BODY)
    assert upstream.wait_for(1)[0].body.endswith(b"hello\r\n")
    assert " client=127.0.0.9 " in proxy.wait_for_log("msg=delivered")
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        smtplib.SMTP("127.0.0.1", balancer.port, source_address=("127.0.0.8", 0), timeout=10)
    assert refused.value.smtp_code == 554
    assert "client=127.0.0.8 " in proxy.wait_for_log("client refused")


@pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed")
def test_the_health_check_of_the_manual(stage):
    """An account that cannot send takes nobody off the air; an instance that shuts down leaves the balancer before its last message ends."""
    admin = free_port()
    config = stage.account([closed_port()], name="broken", senders="@broken.test") + stage.account([stage.upstream()], name="good")
    proxy = stage.proxy(config + "[admin]\naddress = 127.0.0.1:%d\n" % admin, listen="proxy_protocol = 127.0.0.1\n")
    balancer = Haproxy(stage.folder, proxy.port, "send-proxy-v2 check port %d inter 100ms fall 2 rise 1" % admin,
                       "  option httpchk GET /acceptz\n  option log-health-checks\n")
    stage.things.append(balancer)
    proxy.wait_for_log("account=broken .*finding=refused")
    wait_until(lambda: "Layer7 check passed, code: 200" in balancer.log_file.read_text(), balancer.log_file.read_text)
    client = smtplib.SMTP("127.0.0.1", balancer.port, timeout=10)
    client.ehlo("x")
    client.mail("a@good.test")
    client.rcpt("b@example.test")
    client.putcmd("DATA")
    assert client.getreply()[0] == 354
    assert "DOWN" not in balancer.log_file.read_text()
    proxy.process.terminate()
    wait_until(lambda: "Layer7 wrong status, code: 503" in balancer.log_file.read_text(), balancer.log_file.read_text)
    client.send(BODY + b".\r\n")
    assert client.getreply()[0] == 250
    client.close()
