"""`smtp-detour login` of an account with a rung `443/api`: Microsoft gives consent for one resource at a time, and one
refresh token serves both."""
import re

import pytest

from conftest import CLIENT, USER
from test_login import Login, fetch, query

SMTP = "https://outlook.office.com/SMTP.Send offline_access"
GRAPH = "https://graph.microsoft.com/Mail.Send offline_access"


def codes(login, count):
    login.terminal.wait_for("(?s)" + ".*".join([r"type the code \w+"] * count))
    return re.findall(r"type the code (\w+)", login.terminal.text)


def test_consent_is_asked_for_both_in_turn(stage, authority):
    entra = authority()
    login = Login(stage, entra, "--device", ports="1 443/api")
    entra.enter_code(codes(login, 1)[0], USER)
    login.terminal.wait_for("Once more, for the API")
    assert not login.token_file.exists()
    entra.enter_code(codes(login, 2)[1], USER)
    login.ends(0, "Logged in.")
    assert [form["scope"] for where, form in entra.requests if where == "devicecode"] == [SMTP, GRAPH]
    assert entra.violations == []
    # What it was all for.
    for scope in (SMTP, GRAPH):
        answer = entra.token("organizations", {"grant_type": "refresh_token", "client_id": CLIENT, "scope": scope,
                                               "refresh_token": login.token()})
        assert entra.access[answer["access_token"]][:2] == (USER, scope)
        login.token_file.write_text(answer["refresh_token"] + "\n")


def test_in_a_browser_it_is_two_pages(stage, authority):
    entra = authority()
    login = Login(stage, entra, "--browser", ports="1 443/api")
    first = login.address()
    assert query(first)["scope"] == SMTP
    assert fetch(entra.browse(first, USER))[0] == 200
    login.terminal.wait_for("Once more, for the API")
    login.terminal.wait_for(r"(?s)https://\S*/authorize\?.*https://\S*/authorize\?\S+\n\n.*paste that address here")
    second = re.findall(r"(?m)^(https://\S*/authorize\?\S+)$", login.terminal.text.replace("\r", ""))[1]
    assert query(second)["scope"] == GRAPH
    assert fetch(entra.browse(second, USER))[0] == 200
    login.ends(0, "Logged in.")


def test_the_second_is_declined(stage, authority):
    entra = authority()
    login = Login(stage, entra, "--device", ports="1 443/api")
    entra.enter_code(codes(login, 1)[0], USER)
    entra.enter_code(codes(login, 2)[1], USER, allow=False)
    login.ends(1, "the login was declined")


@pytest.mark.parametrize("kind, scopes", [("entra", [GRAPH]), ("google", ["https://www.googleapis.com/auth/gmail.send"])])
def test_without_smtp_one_consent_is_enough(stage, authority, kind, scopes):
    service = authority(kind)
    login = Login(stage, service, "--browser", ports="443/api")
    address = login.address()
    assert [query(address)["scope"]] == scopes
    assert fetch(service.browse(address, USER))[0] == 200
    login.ends(0, "Logged in.")


def test_googles_scope_of_smtp_serves_both(stage, authority):
    google = authority("google")
    login = Login(stage, google, "--browser", ports="1 443/api")
    address = login.address()
    assert query(address)["scope"] == "https://mail.google.com/"
    assert fetch(google.browse(address, USER))[0] == 200
    login.ends(0, "Logged in.")
