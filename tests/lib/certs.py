"""Throw-away certificates made with the openssl command: a CA, and leaves of every kind a test needs."""
import os
import subprocess


def _run(*args, cwd):
    subprocess.run(args, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class CertificateAuthority:
    def __init__(self, folder, name="smtp-detour test CA"):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.cert = os.path.join(self.folder, "ca.pem")
        self.key = os.path.join(self.folder, "ca.key")
        _run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.cert,
             "-days", "30", "-subj", "/CN=" + name, "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=self.folder)

    def issue(self, label, names=(), addresses=(), expired=False, dates=None):
        """Returns (certificate file, key file) for the given DNS names and IP addresses. dates: from and to, as openssl
        writes them."""
        cert = os.path.join(self.folder, label + ".pem")
        key = os.path.join(self.folder, label + ".key")
        request = os.path.join(self.folder, label + ".csr")
        extensions = os.path.join(self.folder, label + ".ext")
        alternatives = ["DNS:" + n for n in names] + ["IP:" + a for a in addresses]
        with open(extensions, "w") as out:
            out.write("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n")
            if alternatives:
                out.write("subjectAltName=" + ",".join(alternatives) + "\n")
        _run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=" + label,
             cwd=self.folder)
        sign = ["openssl", "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                "-out", cert, "-extfile", extensions]
        if expired or dates:  # x509 -days takes no date in the past, ca does
            self._sign_between(request, cert, extensions, *(dates or ("20200101000000Z", "20200201000000Z")))
        else:
            _run(*sign, "-days", "20", cwd=self.folder)
        return cert, key

    def _sign_between(self, request, cert, extensions, begin, end):
        config = os.path.join(self.folder, "ca.cnf")
        database = os.path.join(self.folder, "index.txt")
        open(database, "a").close()
        with open(config, "w") as out:
            out.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\nserial=%s/serial\nnew_certs_dir=%s\ndefault_md=sha256\n"
                      "policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n" % (database, self.folder, self.folder))
        serial = os.path.join(self.folder, "serial")
        if not os.path.exists(serial):
            with open(serial, "w") as out:
                out.write("4242\n")
        _run("openssl", "ca", "-batch", "-config", config, "-cert", self.cert, "-keyfile", self.key, "-in", request,
             "-out", cert, "-startdate", begin, "-enddate", end, "-extfile", extensions,
             "-notext", cwd=self.folder)


def sha256_of(cert):
    out = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-fingerprint", "-sha256"], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return out.strip().split("=", 1)[1]
