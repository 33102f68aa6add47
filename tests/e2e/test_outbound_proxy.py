"""Networks whose only exit is a proxy: real SOCKS5 and HTTP proxies of the distribution."""
import re
import shutil
import socket
import subprocess
import time

import pytest

from proxy import free_port
from submission_server import closed_port
from test_main_path import BODY, deliver
from test_refusals import rcpt_reply


def started(command, port):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        except OSError:
            time.sleep(0.02)
    process.kill()
    raise AssertionError("%s does not listen" % command[0])


@pytest.fixture
def run():
    processes = []

    def start(command, port):
        processes.append(started(command, port))

    yield start
    for p in processes:
        p.terminate()
        p.wait(10)


@pytest.mark.skipif(not shutil.which("microsocks"), reason="needs microsocks")
@pytest.mark.parametrize("login", ["", "me:se%3acret@"])
def test_socks5(stage, run, login):
    port, upstream = free_port(), stage.upstream()
    run(["microsocks", "-i", "127.0.0.1", "-p", str(port)] + (["-u", "me", "-P", "se:cret"] if login else []), port)
    proxy = stage.proxy(stage.account([closed_port(), upstream], proxy="socks5://%s127.0.0.1:%d" % (login, port)))
    deliver(proxy)
    assert upstream.wait_for(1)[0].body == BODY
    assert "secret" not in proxy.log and "se:cret" not in proxy.log


@pytest.mark.skipif(not shutil.which("microsocks"), reason="needs microsocks")
def test_socks5_with_a_wrong_password(stage, run):
    port, upstream = free_port(), stage.upstream()
    run(["microsocks", "-i", "127.0.0.1", "-p", str(port), "-u", "me", "-P", "right"], port)
    proxy = stage.proxy(stage.account([upstream], proxy="socks5://me:wrong@127.0.0.1:%d" % port))
    assert "%d proxy" % upstream.port in rcpt_reply(proxy) and "wrong" not in proxy.log


@pytest.mark.skipif(not shutil.which("tinyproxy"), reason="needs tinyproxy")
def test_http_connect(stage, run, tmp_path):
    port, upstream, other = free_port(), stage.upstream(), stage.upstream()
    config = tmp_path / "tinyproxy.conf"
    config.write_text("Port %d\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nConnectPort %d\nLogLevel Critical\n" % (port, upstream.port))
    run(["tinyproxy", "-d", "-c", str(config)], port)
    proxy = stage.proxy(stage.account([other, upstream], proxy="http://127.0.0.1:%d" % port))
    deliver(proxy)
    assert upstream.wait_for(1)[0].body == BODY and other.connections == 0
    line = proxy.wait_for_log("finding=proxy")
    assert re.search(r"403|Access|denied|refus", line), line


def test_no_proxy_there(stage):
    proxy = stage.proxy(stage.account([2525], proxy="socks5://127.0.0.1:%d" % closed_port()))
    assert "2525 proxy" in rcpt_reply(proxy)
