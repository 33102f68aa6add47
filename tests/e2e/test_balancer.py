"""Behind a real load balancer, as the manual has it: `allow` and the log mean the client that the balancer tells of."""
import shutil
import smtplib
import subprocess

import pytest

from postfix import wait_until
from proxy import free_port

BODY = b"Subject: through a balancer\r\n\r\nhello\r\n"


class Haproxy:
    def __init__(self, folder, port, how):
        self.port = free_port()
        config = folder / "haproxy.cfg"
        config.write_text("global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n"
                          "listen smtp\n  bind 127.0.0.1:%d\n  server detour 127.0.0.1:%d %s\n" % (self.port, port, how))
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
