"""The rung `443/api` while things begin and end: outages and the spool, drain, reload, clients that leave."""
import http.client
import json
import re
import signal
import subprocess
import time

import pytest

from api_stage import HEADER, MESSAGE, apis, submit  # noqa: F401
from conftest import USER
from fake_api import CUT_AFTER, SILENT, answer, graph_error
from proxy import BINARY, free_port
from submission_server import closed_port
from test_api import account
from test_spool import eventually, files, spool


def test_a_service_that_is_down_is_an_outage(stage, apis):
    service = apis.service("graph")
    service.every = graph_error(503, "ServiceUnavailable", "down")
    proxy = stage.proxy(account(apis, service) + spool(stage))
    _, end = submit(proxy)
    assert end.startswith("250 2.0.0 queued: "), end
    assert len(files(stage)) >= 1
    service.every = None
    taken = service.wait_for(1)[0]
    assert taken.seen == MESSAGE and taken.recipients == ["b@example.test"]
    eventually(lambda: not files(stage))
    assert len(service.taken) == 1
    proxy.wait_for_log("msg=delivered .*via=spool")


def test_nobody_is_there_at_all(stage, apis):
    service = apis.service("mailgun")
    port = service.port
    text = account(apis, service).replace(service.url, "https://localhost:%d" % closed_port())
    proxy = stage.proxy(text + spool(stage))
    rcpts, end = submit(proxy)
    assert rcpts[0].startswith("250 2.1.5 will be kept and sent later: "), rcpts
    assert "443/api refused" in rcpts[0] and end.startswith("250 2.0.0 queued: "), (rcpts, end)
    assert port


def test_the_wait_that_it_asks_for_is_kept_by_the_spool(stage, apis):
    service = apis.service("graph")
    service.then(graph_error(429, "TooManyRequests", "slow", Retry_After="4"))
    proxy = stage.proxy(account(apis, service, final_timeout="2s") + spool(stage, when="temporary"))
    begun = time.monotonic()
    _, end = submit(proxy)
    assert end.startswith("250 2.0.0 queued: "), end
    service.wait_for(1)
    assert time.monotonic() - begun >= 3.5
    assert len(service.requests) == 2


def test_what_may_have_arrived_is_tried_again_and_counted(stage, apis):
    service = apis.service("mailgun")
    service.then(CUT_AFTER)
    proxy = stage.proxy(account(apis, service) + spool(stage))
    _, end = submit(proxy)
    assert end.startswith("250 2.0.0 queued: "), end
    proxy.wait_for_log("msg=spooled .*reason=lost-link")
    assert service.wait_for(1)[0].seen == MESSAGE


def test_what_this_rung_does_not_take_waits_for_one_that_does(stage, apis):
    service = apis.service("graph")
    port = closed_port()
    proxy = stage.proxy(account(apis, service, [port]) + spool(stage))
    _, end = submit(proxy, to=["subscriber@example.test"])
    assert end.startswith("250 2.0.0 queued: "), end
    assert not service.taken
    upstream = stage.upstream(port=port, mechanisms="XOAUTH2", users={USER: None}, token_user=apis.tokens.user_of)
    assert upstream.wait_for(1, timeout=40)[0].recipients == ["subscriber@example.test"]
    eventually(lambda: not files(stage))


@pytest.mark.parametrize("what", ["list", "null sender", "size announced", "size found out"])
def test_what_this_rung_does_not_take_goes_by_another_port(stage, apis, what):
    """587 works again, and nobody knows that yet."""
    service = apis.service("graph")
    port = closed_port()
    proxy = stage.proxy(account(apis, service, [port]))
    assert submit(proxy)[1].startswith("250 ")
    upstream = stage.upstream(port=port, mechanisms="XOAUTH2", users={USER: None}, token_user=apis.tokens.user_of)
    big = HEADER + b"\r\n" + (b"x" * 70 + b"\r\n") * 60000
    rcpts, end = {"list": lambda: submit(proxy, to=["subscriber@example.test"]),
                  "null sender": lambda: submit(proxy, sender=""),
                  "size announced": lambda: submit(proxy, big, mail=" SIZE=%d" % len(big)),
                  "size found out": lambda: submit(proxy, big)}[what]()
    if what == "size found out":
        # Nothing was kept of so large a body, so the client comes again.
        assert end.startswith("451 4.4.1 ") and not upstream.messages, end
        return
    assert end and end.startswith("250 "), (rcpts, end)
    assert len(upstream.wait_for(1)) == 1 and len(service.taken) == 1
    # It is the best port again.
    proxy.wait_for_log("new sessions go to port %d now" % port)
    _, end = submit(proxy)
    assert end.startswith("250 ") and len(upstream.wait_for(2)) == 2


def test_the_end_waits_for_the_answer(stage, apis):
    service = apis.service("graph")
    service.delay = 2.0
    proxy = stage.proxy(account(apis, service))
    _, client = submit(proxy, finish=False)
    service.wait_for_requests(1)
    proxy.process.send_signal(signal.SIGTERM)
    assert client.reply().startswith("250 ")
    assert proxy.process.wait(15) == 0
    assert len(service.taken) == 1 and len(service.requests) == 1


def test_a_reload_lets_it_finish(stage, apis):
    service, other = apis.service("graph"), apis.service("graph")
    service.delay = 2.0
    text = account(apis, service)
    proxy = stage.proxy(text)
    _, client = submit(proxy, finish=False)
    service.wait_for_requests(1)
    proxy.write_config("[listen]\naddress = 127.0.0.1:{port}\n" + text.replace(service.url, other.url))
    proxy.reload()
    assert client.reply().startswith("250 ")
    assert len(service.taken) == 1
    _, end = submit(proxy)
    assert end.startswith("250 ")
    assert len(other.wait_for(1)) == 1 and len(service.taken) == 1


def test_a_client_that_leaves_before_its_dot_leaves_nothing(stage, apis):
    service = apis.service("graph")
    proxy = stage.proxy(account(apis, service))
    client = proxy.raw()
    client.reply()
    for command in ("EHLO x", "MAIL FROM:<%s>" % USER, "RCPT TO:<b@example.test>"):
        assert client.say(command).startswith("250")
    assert client.say("DATA").startswith("354")
    client.send(MESSAGE[:60])
    client.close()
    _, end = submit(proxy)
    assert end.startswith("250 ")
    assert len(service.taken) == 1 and len(service.requests) == 1


def test_a_client_that_leaves_behind_its_dot_changes_nothing(stage, apis):
    service = apis.service("graph")
    service.delay = 1.0
    proxy = stage.proxy(account(apis, service))
    _, client = submit(proxy, finish=False)
    service.wait_for_requests(1)
    client.close()
    assert service.wait_for(1)[0].seen == MESSAGE
    assert service.taken[0].id in proxy.wait_for_log("msg=delivered ")


def test_silence_has_an_end(stage, apis):
    service = apis.service("graph")
    service.then(SILENT)
    proxy = stage.proxy(account(apis, service, final_timeout="2s"))
    _, end = submit(proxy)
    assert end.startswith("451 4.4.2 "), end
    _, end = submit(proxy)
    assert end.startswith("250 "), end


# ---- what an operator sees ----

def fetch(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_page_and_metrics_show_the_rung(stage, apis):
    service = apis.service("graph")
    port = free_port()
    hole = stage.black_hole()
    proxy = stage.proxy(account(apis, service, [hole]) + "[admin]\naddress = 127.0.0.1:%d\n" % port)
    submit(proxy)
    ports = json.loads(fetch(port, "/status.json"))["accounts"][0]["ports"]
    assert [(p["port"], p["mode"], p["finding"]) for p in ports] == [
        (hole.port, "starttls", "timeout-connect"), (443, "api", "works")]
    metrics = fetch(port, "/metrics")
    assert 'smtp_detour_port_works{account="default",port="443"} 1' in metrics
    assert re.search(r'smtp_detour_port_finding_info\{account="default",port="443",mode="api",[^}]*finding="works"', metrics)
    assert "443/api: localhost answers over HTTPS" in fetch(port, "/")


def doctor(proxy, *options):
    return subprocess.run([BINARY, "doctor", "-c", proxy.config_file, *options], capture_output=True, text=True, timeout=60)


def test_doctor_tries_it_and_says_what_is_proven(stage, apis):
    service = apis.service("graph")
    proxy = stage.proxy(account(apis, service, [stage.black_hole()]))
    done = doctor(proxy)
    assert done.returncode == 0, done.stdout
    words = " ".join(done.stdout.split())
    assert "the login is proven by the first message" in words
    assert not service.taken and not service.requests
    service.stop()
    done = doctor(proxy)
    assert done.returncode == 1, done.stdout
    service.stop = lambda: None


@pytest.mark.parametrize("provider, offered", [("mailgun", True), ("fastmail", False)])
def test_doctor_offers_it_where_no_smtp_port_works(stage, provider, offered):
    proxy = stage.proxy(stage.account([closed_port()], provider=provider))
    words = " ".join(doctor(proxy).stdout.split())
    assert ("443/api" in words) == offered, words


def test_send_goes_this_way_too(stage, apis):
    service = apis.service("mailgun")
    proxy = stage.proxy(account(apis, service))
    done = subprocess.run([BINARY, "send", "-c", proxy.config_file, "--from", USER, "--to", "b@example.test"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert service.wait_for(1)[0].recipients == ["b@example.test"]
    service.every = answer(503, b"down")
    done = subprocess.run([BINARY, "send", "-c", proxy.config_file, "--from", USER, "--to", "b@example.test"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 75, done.stdout + done.stderr
