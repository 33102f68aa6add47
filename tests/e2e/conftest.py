import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from certs import CertificateAuthority  # noqa: E402
from fake_authority import FakeAuthority  # noqa: E402
from fake_authority_keys import Client  # noqa: E402
from proxy import Proxy  # noqa: E402
from submission_server import BlackHole, SubmissionServer  # noqa: E402

# A failed assertion in this module, too, shows the values that it compared.
pytest.register_assert_rewrite("oauth_stage")

NAME = "smtp.example.test"
USER, PASSWORD = "user@example.test", "sesame"
# The app that is registered with the token service, and Google's secret of it.
CLIENT, DESKTOP = "66666666-7777-8888-9999-000000000000", "GOCSPX-desktop-secret"


@pytest.fixture(scope="session")
def ca(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    os.chmod(folder, 0o755)
    return CertificateAuthority(folder)


@pytest.fixture(scope="session")
def certificate(ca):
    return ca.issue("upstream", names=[NAME])


@pytest.fixture(scope="session")
def authority_certificate(ca):
    return ca.issue("authority", names=["localhost"], addresses=["127.0.0.1"])


@pytest.fixture
def authority(stage, authority_certificate):
    """Makes token services that know one app."""
    def make(kind="entra", certificate=authority_certificate, **options):
        made = FakeAuthority(*certificate, kind=kind, **options)
        made.clients[CLIENT] = Client(public=True) if kind == "entra" else Client(secret=DESKTOP)
        stage.things.append(made)
        return made
    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What the proxies said stands beside a failure."""
    report = (yield).get_result()
    stage = getattr(item, "funcargs", {}).get("stage")
    if report.when == "call" and report.failed and stage:
        for thing in stage.things:
            if isinstance(thing, Proxy):
                report.sections.append(("log of the proxy on port %d" % thing.port, thing.log[-6000:]))


@pytest.fixture
def stage(tmp_path, ca, certificate):
    """Makes servers and proxies that are stopped, by process id, when the test ends."""
    s = Stage(tmp_path, ca, certificate)
    yield s
    s.close()


class Stage:
    def __init__(self, folder, ca, certificate):
        self.folder, self.ca, self.certificate = folder, ca, certificate
        self.things = []

    def upstream(self, **options):
        cert, key = options.pop("certificate", self.certificate)
        server = SubmissionServer(cert, key, **{"users": {USER: PASSWORD}, **options})
        self.things.append(server)
        return server

    def black_hole(self):
        hole = BlackHole()
        self.things.append(hole)
        return hole

    def account(self, _ports, **keys):
        """An [upstream] section for ports on this machine."""
        values = {"host": "127.0.0.1", "ports": " ".join(str(getattr(p, "port", p)) for p in _ports), "tls_name": NAME, "tls_ca": self.ca.cert,
                  "username": USER, "password": PASSWORD, "connect_timeout": "5s"}
        values.update(keys)
        name = values.pop("name", None)
        return "[upstream%s]\n" % (" " + name if name else "") + "".join("%s = %s\n" % kv for kv in values.items() if kv[1] is not None)

    def proxy(self, config, listen="", **options):
        folder = self.folder / ("proxy%d" % len(self.things))
        folder.mkdir()
        proxy = Proxy(folder, "[listen]\naddress = 127.0.0.1:{port}\n%s\n%s" % (listen, config), **options)
        self.things.append(proxy)
        return proxy

    def close(self):
        for thing in reversed(self.things):
            thing.stop()
