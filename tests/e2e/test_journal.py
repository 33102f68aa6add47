"""`journal`: one recipient more, of which no client hears."""
import pytest

from submission_server import closed_port
from test_admin import metrics, value, with_admin
from test_spool import eventually, files, spool, submit



@pytest.mark.parametrize("address,refused", [("keep@example.test", 0), ("unknown@example.test", 1), ("later@example.test", 1)])
def test_a_client_hears_the_same(stage, address, refused):
    upstream = stage.upstream()
    proxy = with_admin(stage, stage.account([upstream], journal=address))
    rcpt, end = submit(proxy)
    assert rcpt == "250 2.1.5 recipient fine" and end.startswith("250 2.0.0 queued as ")
    message = upstream.wait_for(1)[0]
    assert message.recipients == ["b@example.test"] + ([] if refused else [address])
    assert "nrcpt=1 " in proxy.wait_for_log("msg=delivered")
    if refused:
        assert "journal=%s " % address in proxy.wait_for_log("the address of journal was refused")
    eventually(lambda: value(metrics(proxy), "smtp_detour_journal_refused_total", account="default") == refused)


def test_what_was_kept_has_it_too(stage):
    port = closed_port()
    proxy = stage.proxy(stage.account([port], journal="keep@example.test") + spool(stage))
    assert submit(proxy)[1].startswith("250 2.0.0 queued: ")
    upstream = stage.upstream(port=port)
    assert upstream.wait_for(1)[0].recipients == ["b@example.test", "keep@example.test"]
    eventually(lambda: not files(stage))
    assert len(upstream.messages) == 1
