"""setup: which service an address belongs to, from what the DNS says of its domain. The DNS is a server in a network of the test's own."""
import http.server
import os
import socket
import ssl
import threading

import pytest

import netns
from conftest import PASSWORD
from fake_providers import forget_names_in, name_in
from name_server import NameServer
from netns import INTERNET, Network
from person import Terminal
from proxy import BINARY
from submission_server import SubmissionServer

pytestmark = pytest.mark.skipif(not netns.available(), reason="needs root, ip and nft")

ADDRESS = "me@firm.test"
OWN = {("_submissions._tcp.firm.test", "SRV"): ["0 1 465 smtp.firm.test."], ("_submission._tcp.firm.test", "SRV"): ["0 1 587 smtp.firm.test."]}
OTHER = {("_submission._tcp.firm.test", "SRV"): ["10 1 587 old.firm.test.", "5 1 2587 smtp.carrier.test."]}


class Office:
    """A network where host is found by name, and serves submission on these ports."""

    def __init__(self, stage, ca, host, ports, records, silent=False):
        self.web_servers = []
        self.stage, self.config = stage, str(stage.folder / "etc" / "proxy.ini")
        self.network = Network()
        stage.things.append(self)
        name_in(self.network.office, host)
        state = stage.folder / "state"
        state.mkdir()
        state.chmod(0o777)
        self.env = dict(os.environ, SSL_CERT_FILE=ca.cert, STATE_DIRECTORY=str(state))
        self.names = NameServer(self.network, records, silent)
        certificate = ca.issue(host.split()[-1], names=host.split())
        self.servers = [self.serve(certificate, port) for port in ports]

    def serve(self, certificate, port):
        listener = self.network.within(self.network.internet, lambda: socket.create_server((INTERNET, port), backlog=64))
        return SubmissionServer(*certificate, tls="implicit" if port == 465 else "starttls", listener=listener, users={ADDRESS: PASSWORD})

    def web(self, ca, names, pages):
        """A web server for these host names, whose paths are pages; http and https. Keeps what it was asked."""
        asked = self.web_asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.headers["Host"], self.path))
                page = pages.get(self.path)
                self.send_response(200 if page else 404)
                self.end_headers()
                self.wfile.write((page or "").encode())

            def log_message(self, *args):
                pass
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*ca.issue("web", names=names.split()))
        for port in (80, 443):
            listener = self.network.within(self.network.internet, lambda: socket.create_server((INTERNET, port), backlog=64))
            server = http.server.ThreadingHTTPServer((INTERNET, port), Handler, bind_and_activate=False)
            server.socket.close()
            server.socket = context.wrap_socket(listener, server_side=True) if port == 443 else listener
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            self.web_servers.append(server)

    def setup(self, *args):
        terminal = Terminal("ip", "netns", "exec", self.network.office, BINARY, "setup", "-c", self.config, ADDRESS, *args, env=self.env)
        self.stage.things.append(terminal)
        return terminal

    def written(self):
        with open(self.config) as file:
            return file.read()

    def stop(self):
        for server in self.servers:
            server.stop()
        for server in self.web_servers:
            server.shutdown()
            server.server_close()
        self.names.stop()
        forget_names_in(self.network.office)
        self.network.stop()


def finish(terminal):
    terminal.wait_for("not shown.*: ")
    terminal.type(PASSWORD + "\n")
    terminal.wait_for("A number, or networks.*: ")
    terminal.type("\n")
    terminal.wait_for("Send a test mail to.*: ")
    terminal.type("\n")
    assert terminal.end() == 0, terminal.text


def test_a_host_of_the_domain_itself(stage, ca):
    office = Office(stage, ca, "smtp.firm.test", [465, 587], OWN)
    terminal = office.setup()
    finish(terminal)
    assert "The DNS says that firm.test sends through smtp.firm.test." in terminal.text
    assert "Host to send through" not in terminal.text and "another domain" not in terminal.text
    assert "host = smtp.firm.test\n" in office.written()
    assert sum(len(s.messages) for s in office.servers) == 1
    assert {key[0] for key in office.names.asked} >= {"firm.test", "_submissions._tcp.firm.test", "_submission._tcp.firm.test"}


def test_a_host_of_another_domain_is_asked_for(stage, ca):
    office = Office(stage, ca, "smtp.carrier.test", [2587], OTHER)
    terminal = office.setup()
    terminal.wait_for(r"certified as smtp\.carrier\.test\.\n.*Host to send through \[smtp\.carrier\.test\]: ")
    terminal.type("\n")
    terminal.wait_for("Ports to use.*: ")
    terminal.type("\n")
    finish(terminal)
    assert "host = smtp.carrier.test\nports = 2587" in office.written()


def test_a_host_of_another_domain_is_taken_with_yes(stage, ca):
    office = Office(stage, ca, "smtp.carrier.test", [2587], OTHER)
    secret = stage.folder / "given"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    terminal = office.setup("--yes", "--password-file", str(secret))
    assert terminal.end() == 0, terminal.text
    assert "That is in another domain" in terminal.text and "host = smtp.carrier.test\n" in office.written()


def test_the_exchanger_tells_the_provider(stage, ca):
    office = Office(stage, ca, "smtp.fastmail.com", [465, 587],
                    {("firm.test", "MX"): ["20 in2-smtp.messagingengine.com.", "10 IN1-smtp.messagingengine.com."], **OTHER})
    terminal = office.setup()
    finish(terminal)
    assert "me@firm.test belongs to Fastmail (its mail goes to in1-smtp.messagingengine.com): smtp.fastmail.com." in terminal.text
    assert "provider = fastmail\n" in office.written()


@pytest.mark.parametrize("records", [{}, {("_submission._tcp.firm.test", "SRV"): ["0 0 0 ."]}, {("firm.test", "MX"): ["0 ."]}])
def test_a_domain_that_offers_nothing(stage, ca, records):
    terminal = Office(stage, ca, "smtp.firm.test", [], records).setup()
    terminal.wait_for(r"(?s)Neither the built-in list nor the domain itself knows the service of firm\.test\..*Host to send through \(smtp\.example\.com\): ")
    terminal.type("\x03")
    assert terminal.end() == 1 and not os.path.exists(os.path.dirname(str(stage.folder / "etc" / "proxy.ini")))


def test_a_dns_that_does_not_answer(stage, ca):
    office = Office(stage, ca, "smtp.firm.test", [587], OWN, silent=True)
    terminal = office.setup()
    terminal.wait_for(r"Host to send through \(smtp\.example\.com\): ")
    terminal.type("smtp.firm.test\n")
    finish(terminal)
    assert "host = smtp.firm.test\n" in office.written()


def test_ended_while_the_dns_is_asked(stage, ca):
    terminal = Office(stage, ca, "smtp.firm.test", [], OWN, silent=True).setup()
    terminal.wait_for("Asking the DNS")
    terminal.type("\x03")
    assert terminal.end() == 1 and "ended; nothing was written" in terminal.text and not (stage.folder / "etc").exists()


AUTOCONFIG = """<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="firm.test"><outgoingServer type="smtp"><hostname>%s</hostname><port>2587</port>
<socketType>STARTTLS</socketType><username>%%EMAILADDRESS%%</username></outgoingServer></emailProvider></clientConfig>"""
PLACES = [("autoconfig.firm.test", "/mail/config-v1.1.xml"), ("firm.test", "/.well-known/autoconfig/mail/config-v1.1.xml")]


@pytest.mark.parametrize("name,path", PLACES)
def test_the_domains_own_web_server(stage, ca, name, path):
    office = Office(stage, ca, name + " smtp.firm.test", [2587], {})
    office.web(ca, name, {path: AUTOCONFIG % "smtp.firm.test"})
    terminal = office.setup()
    terminal.wait_for("Ports to use.*: ")
    terminal.type("\n")
    finish(terminal)
    assert "Its autoconfiguration says that firm.test sends through smtp.firm.test." in terminal.text
    assert "host = smtp.firm.test\nports = 2587" in office.written() and "username = me@firm.test\n" in office.written()
    assert office.web_asked == [(name, path)]


def test_no_autoconfiguration_over_http(stage, ca):
    """A certificate that nobody vouches for, and the same file over http."""
    name, path = PLACES[0]
    office = Office(stage, ca, name, [], {})
    office.env["SSL_CERT_FILE"] = "/dev/null"
    office.web(ca, name, {path: AUTOCONFIG % "smtp.firm.test"})
    terminal = office.setup()
    terminal.wait_for(r"Host to send through \(smtp\.example\.com\): ")
    assert office.web_asked == []
